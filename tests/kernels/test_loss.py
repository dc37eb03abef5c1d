"""Cross entropy and its gradient, as both sets of kernels compute them, against float64."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch_bn.kernels import loss_numba, loss_numpy

SETS = pytest.mark.parametrize("kernels", [loss_numpy, loss_numba], ids=["numpy", "numba"])


@pytest.fixture(autouse=True)
def _numba(request):
    if request.getfixturevalue("kernels") is loss_numba:
        pytest.importorskip("numba", reason="the compiled kernels need numba: pip install minitorch_bn[fast]")


@SETS
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("labels", ["int64", "uint8"])
@pytest.mark.parametrize("layout", ["rows", "columns", "every second"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (5, 64), (5, 65), (3, 200), (700, 150), (0, 4)])
def test_is_its_formula(rng, kernels, shape, layout, labels, dtype):
    x = (rng.standard_normal(shape) * 3 + 50).astype(dtype)
    x = {"rows": x, "columns": np.asfortranarray(x), "every second": np.repeat(x, 2, 1)[:, ::2]}[layout]
    target, upstream = rng.integers(0, shape[1], shape[0]).astype(labels), rng.standard_normal(shape[0]).astype(dtype)
    kept = x.copy()
    losses, exps, sums = kernels.cross_entropy(x, target)
    e = np.exp(x.astype("d") - x.max(1, keepdims=True))
    p, onehot = e / e.sum(1, keepdims=True), np.eye(shape[1])[target.astype(int)]
    tolerance = {"rtol": 0, "atol": 20 * np.finfo(dtype).eps * max(shape[1] ** 0.5, 10)}
    np.testing.assert_allclose(losses, -np.log((p * onehot).sum(1)), **tolerance)
    for scale in (upstream, np.array([0.25], dtype)):
        gx = kernels.cross_entropy_backward(exps, sums, target, scale)
        np.testing.assert_allclose(gx, (p - onehot) * scale[:, None], **tolerance)
        assert gx.shape == shape
        assert gx.dtype == dtype
    assert losses.dtype == dtype
    np.testing.assert_array_equal(x, kept)


@SETS
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_what_is_not_finite_stays_in_its_row(rng, kernels, value, place):
    x, target = rng.standard_normal((3, 4)), np.array([0, 1, 2])
    finite = kernels.cross_entropy(x.copy(), target)
    x[1, place] = value
    with np.errstate(all="ignore"):
        losses, exps, sums = kernels.cross_entropy(x, target)
        gx = kernels.cross_entropy_backward(exps, sums, target, np.ones(1))
    for ours, other in zip(
        (losses, sums, gx), (*finite[::2], kernels.cross_entropy_backward(*finite[1:], target, np.ones(1)))
    ):
        np.testing.assert_array_equal(ours[[0, 2]], other[[0, 2]])
    assert np.isnan(losses[1]) == (value != -np.inf)
    assert np.isnan(gx[1]).any() == (value != -np.inf)


@SETS
def test_a_set_goes_on_where_the_other_began(rng, kernels):
    x, target = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    other = loss_numba if kernels is loss_numpy else loss_numpy
    _, exps, sums = kernels.cross_entropy(x, target)
    scale = np.ones(1)
    np.testing.assert_allclose(
        other.cross_entropy_backward(exps, sums, target, scale),
        kernels.cross_entropy_backward(exps, sums, target, scale),
        rtol=1e-12,
    )
