"""Softmax, its logarithm and their gradients, as both sets of kernels compute them, against float64."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch_bn.kernels import softmax_numba, softmax_numpy

SETS = pytest.mark.parametrize("kernels", [softmax_numpy, softmax_numba], ids=["numpy", "numba"])
LOGARITHM = pytest.mark.parametrize("logarithm", [False, True], ids=["softmax", "log_softmax"])
LAYOUTS = {
    "contiguous": lambda a: a,
    "reversed order": lambda a: np.ascontiguousarray(a.T).T,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "turned round": lambda a: a[..., ::-1],
    "repeated": lambda a: np.broadcast_to(a[:1], a.shape),
}


@pytest.fixture(autouse=True)
def _numba(request):
    if request.getfixturevalue("kernels") is softmax_numba:
        pytest.importorskip("numba", reason="the compiled kernels need numba: pip install minitorch_bn[fast]")


def exact(a, dim, logarithm):
    a = a.astype(np.float64)
    shifted = a - a.max(dim, keepdims=True)
    y = shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))
    return y if logarithm else np.exp(y)


def exact_backward(g, y, dim, logarithm):
    g, y = g.astype(np.float64), y.astype(np.float64)
    return g - np.exp(y) * g.sum(dim, keepdims=True) if logarithm else y * (g - (g * y).sum(dim, keepdims=True))


@SETS
@LOGARITHM
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "shape, dim",
    [((7,), 0), ((5, 33), 1), ((5, 33), 0), ((3, 4, 5), 1), ((2, 10, 9, 60), 1), ((300, 400), 1), ((9, 1), 1)],
)
def test_is_its_formula(rng, kernels, logarithm, shape, dim, layout, dtype):
    a = LAYOUTS[layout]((rng.standard_normal(shape) * 3 + 50).astype(dtype))
    g = LAYOUTS[layout](rng.standard_normal(shape).astype(dtype))
    kept = a.copy(), g.copy()
    y = kernels.softmax(a, dim, logarithm)
    gx = kernels.softmax_backward(g, y, dim, logarithm)
    assert y.dtype == gx.dtype == a.dtype
    tiny = float(np.finfo(dtype).smallest_subnormal)
    eps, compiled = float(np.finfo(dtype).eps), kernels is softmax_numba and dtype != "float64"
    # numpy rounds the exponents: e^-17 has 17 times their relative error
    rtol, atol = (1 if compiled else 16 - 2 * np.log(exact(a, dim, False).min())) * eps, 8 * eps * logarithm + tiny
    np.testing.assert_allclose(y, exact(a, dim, logarithm), rtol=rtol, atol=atol)
    terms = (np.abs(g).sum(dim).max() if logarithm else 4 * np.abs(g).max()).astype(float)  # of what is subtracted
    np.testing.assert_allclose(
        gx, exact_backward(g, y, dim, logarithm), rtol=8 * eps, atol=eps * (0.1 if compiled else terms) + tiny
    )
    np.testing.assert_array_equal(a, kept[0])
    np.testing.assert_array_equal(g, kept[1])


@SETS
@LOGARITHM
@pytest.mark.parametrize("side_by_side", [False, True])
def test_hostile_values(kernels, logarithm, side_by_side):
    rows = [
        [np.nan, 1.0, 2.0],
        [-np.nan, 1.0, 2.0],
        [1.0, np.nan, -np.inf],
        [np.inf, 0.0, 1.0],
        [-np.inf, -np.inf, -np.inf],
        [-np.inf, 0.0, 1.0],
        [3e38, -3e38, 3e38],
        [-3e38, -3e38, -3e38],
        [88.0, -17.0, -16.0],
        [-0.0, 0.0, 1e-42],
    ]
    a = np.array(rows, np.float32)
    with np.errstate(all="ignore"):
        expected = exact(a, 1, logarithm).astype(np.float32)
        gradient = exact_backward(np.ones_like(a), expected, 1, logarithm)
        y = kernels.softmax(a.T.copy(), 0, logarithm).T if side_by_side else kernels.softmax(a, 1, logarithm)
        if side_by_side:
            gx = kernels.softmax_backward(np.ones_like(a.T), y.T.copy(), 0, logarithm).T
        else:
            gx = kernels.softmax_backward(np.ones_like(a), y, 1, logarithm)
    np.testing.assert_allclose(y, expected, rtol=4e-7, atol=1e-45)
    np.testing.assert_allclose(gx, gradient, rtol=1e-5, atol=1e-6)


@SETS
@LOGARITHM
@pytest.mark.parametrize("shape, dim", [((0, 3), 1), ((3, 0), 1), ((3, 0), 0), ((0,), 0), ((), 0)])
def test_nothing_and_a_single_number(kernels, logarithm, shape, dim):
    a = np.full(shape, 2, np.float32)
    y = kernels.softmax(a, dim, logarithm)
    assert np.shape(y) == np.shape(kernels.softmax_backward(a, y, dim, logarithm)) == shape
    if not shape:
        assert y == (0 if logarithm else 1)
