"""Layer, group and RMS normalisation's kernels, both sets, against longdouble: also where numbers are hostile."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitorch_bn.kernels import rows_numpy

KERNELS = [rows_numpy]
try:
    import numba  # noqa: F401

    from minitorch_bn.kernels import rows_numba

    KERNELS.append(rows_numba)
except ImportError:
    pass

EPS = 1e-5
ONCE = {"rtol": 2.0**-24 * (1 + 1e-6), "atol": 1e-9}  # one rounding to float32, and those of float64
SHAPES = {
    "rows": (37, 1, 53, 1),
    "one row": (1, 1, 300, 1),
    "one value a row": (5, 1, 1, 1),
    "rows shared by threads": (700, 1, 513, 1),
    "one long row": (1, 1, 300_001, 1),
    "groups": (6, 4, 3, 25),
    "groups without positions": (9, 3, 5, 1),
    "one sample's groups, shared by threads": (1, 8, 7, 9_001),
    "groups shared by threads": (33, 4, 5, 601),
    "one column a row": (4, 3, 1, 17),
}


every_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__[-5:])
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
every_kind = pytest.mark.parametrize("centred", [True, False], ids=["centred", "rms"])


def made(rng, shape, dtype=np.float32, offset=0.0):
    """g, x, weight and bias"""
    x, g = (rng.standard_normal(shape) + offset).astype(dtype), rng.standard_normal(shape).astype(dtype)
    return g, x, *(rng.standard_normal(shape[1:3]).astype(dtype) for _ in range(2))


def exact(g, x, weight, bias, centred):
    """y, mean, var, gx, gw, gb; the mean's own rounding is taken off too."""
    g, x, weight, bias = (v.astype(np.longdouble) for v in (g, x, weight, bias))
    weight, bias, dims = weight[..., None], bias[..., None], (2, 3)
    mean = x.mean(dims, keepdims=True) * centred
    v = x - mean
    v -= v.mean(dims, keepdims=True) * centred
    var = (v * v).mean(dims, keepdims=True)
    r = 1 / np.sqrt(var + EPS)
    xh, wg = v * r, weight * g
    gx = r * (wg - wg.mean(dims, keepdims=True) * centred - xh * (xh * wg).mean(dims, keepdims=True))
    y, gw, gb = xh * weight + bias, (g * xh).sum((0, 3)), g.sum((0, 3))
    return [v.astype(float) for v in (y, mean.ravel(), var.ravel(), gx, gw, gb)]


def computed(kernel, g, x, weight, bias, centred):
    y, mean, var = kernel.row_norm(x, weight, bias, x.shape, EPS, centred)
    return y, mean, var, *kernel.row_norm_backward(g, x, weight, mean, var, x.shape, EPS, centred)


def error(ours, reference):
    """The root of the mean square of the error, relative to the values'."""
    return float(np.linalg.norm(ours - reference) / max(np.linalg.norm(reference), 1e-30))


@every_kernel
@every_kind
@every_shape
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_float32_is_rounded_once_at_any_offset(rng, kernel, shape, offset, centred):
    args = *made(rng, shape, offset=offset), centred
    before = [v.copy() for v in args[:4]]
    (y, mean, var, gx, gw, gb), reference = computed(kernel, *args), exact(*args)
    for v, dtype in (y, np.float32), (gx, np.float32), (gw, np.float64), (gb, np.float64):
        assert v.dtype == dtype
    np.testing.assert_allclose(y, reference[0], **ONCE)
    np.testing.assert_allclose(gx, reference[3], **ONCE)
    np.testing.assert_allclose(mean, reference[1], rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(var, reference[2], rtol=1e-11)
    lost = 2.0**-53 * offset * np.abs(reference[5]).max() * 4  # the mean is given rounded
    np.testing.assert_allclose(gw, reference[4], rtol=1e-11, atol=1e-8 + lost)
    np.testing.assert_allclose(gb, reference[5], rtol=1e-12, atol=1e-10)
    for now, then in zip(args, before):
        np.testing.assert_array_equal(now, then)


@every_kernel
@every_kind
@every_shape
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_float64_keeps_its_own_digits(rng, kernel, shape, offset, centred):
    args = *made(rng, shape, np.float64, offset), centred
    (y, _, var, gx, gw, gb), reference = computed(kernel, *args), exact(*args)
    lost = 2.0**-53 * offset * 8  # the mean is rounded
    assert error(y, reference[0]) < 1e-14 + lost
    assert error(var, reference[2]) < 1e-14 + lost
    if shape[2] * shape[3] > 1 and (centred or not offset):
        assert error(gx, reference[3]) < 1e-14 + lost
    assert error(gw, reference[4]) < 1e-13 + lost or shape[2] * shape[3] == 1
    assert error(gb, reference[5]) < 1e-13


@every_kernel
@every_shape
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [3.0, 100.1, 1e7 + 1, -3e37, 1e-40])
def test_a_constant_row_is_the_bias(rng, kernel, shape, value, dtype):
    x = np.full(shape, value, dtype)
    _, _, weight, bias = made(rng, shape, dtype)
    y, mean, var = kernel.row_norm(x, weight, bias, shape, EPS, True)
    np.testing.assert_array_equal(y, np.broadcast_to(bias[..., None], shape))
    np.testing.assert_array_equal(mean, float(x.flat[0]))
    assert not var.any()


@every_kernel
@every_kind
def test_halves_are_rounded_once(rng, kernel, centred):
    for shape in SHAPES["rows"], SHAPES["groups"]:
        args = *made(rng, shape, np.float16, 2.0), centred
        (y, *_), (reference, *_) = computed(kernel, *args), exact(*args)
        np.testing.assert_array_equal(y, reference.astype(np.float16))
        y = kernel.row_norm(args[1], args[2].astype(np.float32), None, shape, EPS, centred)[0]
        assert y.dtype == np.float16


@every_kernel
@every_kind
@every_shape
def test_what_is_not_asked_for_is_none_and_the_rest_the_same(rng, kernel, shape, centred):
    g, x, weight, bias = made(rng, shape)
    _, mean, var, *every = computed(kernel, g, x, weight, bias, centred)
    args = g, x, weight, mean, var, shape, EPS, centred
    gx, *nothing = kernel.row_norm_backward(*args, True, False)
    assert nothing == [None, None]
    np.testing.assert_array_equal(gx, every[0])
    nothing, *sums = kernel.row_norm_backward(*args, False, True)
    assert nothing is None
    for ours, other in zip(sums, every[1:]):
        np.testing.assert_array_equal(ours, other)


@every_kernel
@every_kind
@pytest.mark.parametrize("shape", [(0, 1, 3, 1), (3, 1, 0, 1), (0, 2, 3, 4), (2, 2, 3, 0)], ids=str)
def test_nothing_to_normalise(rng, kernel, shape, centred):
    y, mean, _, gx, gw, gb = computed(kernel, *made(rng, shape), centred)
    assert y.shape == gx.shape == shape
    assert mean.shape == (shape[0] * shape[1],)
    for v in gw, gb:
        np.testing.assert_array_equal(v, np.zeros(shape[1:3]))


@every_kernel
@every_kind
@pytest.mark.parametrize("shape", [(12, 1, 10, 1), (4, 2, 3, 5)], ids=str)
def test_layouts_and_plain_rows(rng, kernel, shape, centred):
    g, x, weight, bias = made(rng, shape)
    reference = computed(kernel, g, x, weight, bias, centred)
    for laid in (lambda a: np.asfortranarray(a), lambda a: np.repeat(a, 2, 0)[::2], lambda a: a[::-1].copy()[::-1]):
        for ours, other in zip(computed(kernel, *map(laid, (g, x, weight, bias)), centred), reference):
            np.testing.assert_array_equal(ours, other)
    ones, zeros = np.ones_like(weight), np.zeros_like(bias)
    y, mean, var = kernel.row_norm(x, None, None, shape, EPS, centred)
    np.testing.assert_array_equal(y, kernel.row_norm(x, ones, zeros, shape, EPS, centred)[0])
    for ours, other in zip(
        kernel.row_norm_backward(g, x, None, mean, var, shape, EPS, centred),
        kernel.row_norm_backward(g, x, ones, mean, var, shape, EPS, centred),
    ):
        np.testing.assert_array_equal(ours, other)


@every_kernel
@every_kind
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_row(rng, kernel, value, centred):
    g, x, weight, bias = made(rng, (5, 2, 3, 4))
    finite = computed(kernel, g, x, weight, bias, centred)
    x[3, 1, 0, 2] = value
    with np.errstate(all="ignore"):
        bad = computed(kernel, g, x, weight, bias, centred)
    for ours, other in (bad[0], finite[0]), (bad[3], finite[3]):
        keep = np.ones((5, 2), bool)
        keep[3, 1] = False
        np.testing.assert_array_equal(ours[keep], other[keep])
        assert np.isnan(ours[3, 1]).any()


@every_kernel
@every_kind
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(3, 1, 400, 1), (2, 3, 7, 33), (5, 2, 9, 1)]),
    offset=st.sampled_from([0.0, -1e-3, 17.0, -1e4, 1e6]),
    outlier=st.sampled_from([None, 1e3, -1e6, 1e30]),
    place=st.sampled_from([0, 1, -1]),
)
def test_outliers(kernel, seed, shape, offset, outlier, place, centred):
    rng = np.random.default_rng(seed)
    g, x, weight, bias = made(rng, shape, offset=offset)
    if outlier is not None:
        x[0, 0, place] = outlier
    (y, _, var, gx, _, _), reference = (
        f(g, x, weight, bias, centred) for f in (lambda *a: computed(kernel, *a), exact)
    )
    np.testing.assert_allclose(var, reference[2], rtol=1e-9, atol=1e-30)
    np.testing.assert_allclose(y, reference[0], rtol=3e-7, atol=1e-8 * np.sqrt(shape[2] * shape[3]))
    largest = np.abs(g * weight[..., None]).max((2, 3)).ravel() / np.sqrt(reference[2] + EPS)  # of the terms of gx
    wrong = np.abs(gx - reference[3]).max((2, 3)).ravel()
    assert (wrong <= 2e-7 * largest).all()


@every_kernel
def test_threads_do_not_change_a_digit(rng, kernel, monkeypatch):
    from minitorch_bn.kernels import threads

    for shape in (700, 1, 513, 1), (33, 4, 5, 601):
        args = made(rng, shape)
        shared = computed(kernel, *args, True)
        with monkeypatch.context() as alone:
            alone.setattr(threads._team, "size", 1)
            for ours, other in zip(computed(kernel, *args, True), shared):
                np.testing.assert_array_equal(ours, other)
