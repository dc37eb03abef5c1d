"""The compiled pooling beside its definition, which is numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch_bn.kernels import pool_numpy

pytest.importorskip("numba", reason="the compiled kernels need numba: pip install minitorch_bn[fast]")

from minitorch_bn.kernels import pool_numba

# (spatial, kernel, stride, padding, dilation, ceil_mode)
WINDOWS = {
    "four": ((9, 11), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "four, some of them outside": ((9, 11), (2, 2), (2, 2), (0, 0), (1, 1), True),
    "four, apart": ((9, 11), (2, 2), (2, 2), (0, 0), (2, 1), False),
    "ceil": ((9, 11), (3, 3), (2, 1), (1, 1), (1, 1), True),
    "ceil, beyond the padding": ((1, 3), (4, 4), (2, 2), (2, 2), (1, 1), True),
    "a stride beyond the kernel": ((9, 11), (3, 2), (4, 3), (0, 1), (1, 1), False),
    "dilated": ((9, 11), (2, 3), (1, 1), (1, 0), (2, 1), False),
    "dilated padding": ((9, 11), (3, 3), (2, 2), (1, 1), (3, 2), False),
    "nothing but padding": ((2, 5), (2, 3), (1, 1), (1, 1), (3, 1), False),
    "whole": ((9, 11), (9, 11), (1, 1), (0, 0), (1, 1), False),
    "one dimension": ((50,), (3,), (2,), (1,), (1,), True),
    "three dimensions": ((4, 5, 7), (2, 3, 2), (2, 1, 3), (1, 1, 0), (1, 2, 1), False),
}


def layouts(x):
    """Nowhere contiguous, of the same values."""
    return [np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1), np.repeat(x, 2, -1)[..., ::2]]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64"])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("values", [[0, 1, 2, 3], [np.nan, 1, 2, np.inf], [-np.inf]])
def test_max_pool_and_its_adjoint(rng, window, dtype, values):
    if dtype == "int64":
        values = np.nan_to_num(values, nan=-(2**40), posinf=2**40, neginf=-(2**62))
    spatial, *window = WINDOWS[window]
    x = rng.choice(np.array(values, dtype), (3, 4, *spatial))
    (y, indices), (exact, places) = pool_numba.max_pool(x, *window), pool_numpy.max_pool(x, *window)
    np.testing.assert_array_equal(y, exact)
    np.testing.assert_array_equal(indices, places)
    assert y.dtype == x.dtype
    assert indices.dtype == np.int32
    for odd in layouts(x):
        for ours, theirs in zip(pool_numba.max_pool(odd, *window), (exact, places), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    if places.min() < 0 or places.max() >= np.prod(spatial):  # of a window outside
        return
    np.testing.assert_array_equal(pool_numba.gather_spatial(x, places), pool_numpy.gather_spatial(x, places))
    g = rng.integers(-4, 5, y.shape).astype(dtype)
    np.testing.assert_array_equal(
        pool_numba.scatter_spatial(g, places, x.shape[2:]), pool_numpy.scatter_spatial(g, places, x.shape[2:])
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("spatial, cells", [((9, 11), (4, 3)), ((5,), (9,)), ((4, 6, 5), (2, 1, 5)), ((7, 7), (1, 1))])
@pytest.mark.parametrize("values", [[0, 1, 2, 3], [np.nan, 1, 2, np.inf], [-np.inf]])
def test_adaptive_max_pool(rng, spatial, cells, dtype, values):
    x = rng.choice(np.array(values, dtype), (3, 2, *spatial))
    for given in (x, *layouts(x), x[:0]):
        results = pool_numba.adaptive_max_pool(given, cells), pool_numpy.adaptive_max_pool(given, cells)
        for ours, theirs in zip(*results, strict=True):
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype


def close(ours, exact, terms):
    """Of float64, or rounded to something shorter once; the reference sums 16-bit floats in float32."""
    sums = np.finfo("float32" if ours.dtype == "float16" else "float64").eps * terms
    np.testing.assert_allclose(ours, exact, rtol=sums + np.finfo(ours.dtype).eps, atol=sums * 4)


@pytest.mark.parametrize("how", [(True, None), (False, None), (True, -3)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("window", [name for name, (*_, dilation, _) in WINDOWS.items() if max(dilation) == 1])
def test_avg_pool_and_its_adjoint(rng, window, dtype, how):
    spatial, kernel, stride, padding, _, ceil_mode = WINDOWS[window]
    x = rng.standard_normal((3, 4, *spatial)).astype(dtype)
    exact = pool_numpy.avg_pool(x.astype("d"), kernel, stride, padding, ceil_mode, *how)
    for given in (x, *layouts(x)):
        y = pool_numba.avg_pool(given, kernel, stride, padding, ceil_mode, *how)
        close(y, exact, x[0, 0].size)
    g = rng.standard_normal(y.shape).astype(dtype)
    exact = pool_numpy.avg_pool_adjoint(g.astype("d"), spatial, kernel, stride, padding, *how)
    for given in (g, *layouts(g)):
        close(pool_numba.avg_pool_adjoint(given, spatial, kernel, stride, padding, *how), exact, x[0, 0].size)
    empty = pool_numba.avg_pool(x[:0], kernel, stride, padding, ceil_mode, *how)
    assert empty.shape == y[:0].shape
    assert pool_numba.avg_pool_adjoint(empty, spatial, kernel, stride, padding, *how).shape == x[:0].shape
    assert y.dtype == empty.dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("spatial, cells", [((9, 11), (4, 3)), ((5,), (9,)), ((4, 6, 5), (2, 1, 5)), ((8, 8), (2, 2))])
def test_adaptive_avg_pool_and_its_adjoint(rng, spatial, cells, dtype):
    x, g = (rng.standard_normal((3, 4, *shape)).astype(dtype) for shape in (spatial, cells))
    for given in (x, *layouts(x), x[:0]):
        exact = pool_numpy.adaptive_avg_pool(given.astype("d"), cells)
        close(pool_numba.adaptive_avg_pool(given, cells), exact, x[0, 0].size)
    for given in (g, *layouts(g), g[:0]):
        exact = pool_numpy.adaptive_avg_pool_adjoint(given.astype("d"), spatial)
        close(pool_numba.adaptive_avg_pool_adjoint(given, spatial), exact, x[0, 0].size)


@pytest.mark.parametrize("kernel", [pool_numba, pool_numpy], ids=["numba", "numpy"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_windows(kernel, value):
    x, window = np.ones((1, 2, 6, 6), "f"), ((2, 2), (2, 2), (0, 0))
    x[0, 1, 2, 3] = value
    y = kernel.avg_pool(x, *window)
    assert (y != 1).sum() == 1
    assert not np.isfinite(y[0, 1, 1, 1])
    gx = kernel.avg_pool_adjoint(y, (6, 6), *window)
    assert (~np.isfinite(gx)).sum() == 4
    np.testing.assert_array_equal(np.isfinite(kernel.adaptive_avg_pool(x, (3, 3))), np.isfinite(y))
    np.testing.assert_array_equal(np.isfinite(kernel.adaptive_avg_pool_adjoint(y, (6, 6))), np.isfinite(gx))


@pytest.mark.parametrize("kernel", [pool_numba, pool_numpy], ids=["numba", "numpy"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (700, 49), (3, 5000), (2000, 513), (0, 4), (40000, 3)])
def test_row_means_lose_no_digits(rng, kernel, dtype, shape):
    x = (1000 + rng.standard_normal(shape)).astype(dtype)
    y, exact = kernel.row_means(x), x.astype(np.longdouble).mean(1)
    # Added up in float64, and rounded once.
    np.testing.assert_allclose(y, exact, rtol=np.finfo(dtype).eps * (1 if dtype != "float64" else 4))
    assert y.dtype == dtype


def test_an_index_outside_is_never_followed(rng):
    x, indices = rng.standard_normal((1, 1, 4)), np.array([[[0, 10**12]]])
    with pytest.raises(IndexError):
        pool_numba.gather_spatial(x, indices)
    with pytest.raises(IndexError):
        pool_numba.scatter_spatial(x[..., :2], indices, (4,))
