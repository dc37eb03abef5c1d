"""The pooling kernels against one window at a time in plain Python, and against each other as adjoints."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_bn.kernels import pool_numpy
from minitorch_bn.kernels.pool_numpy import (
    adaptive_avg_pool,
    adaptive_avg_pool_adjoint,
    adaptive_max_pool,
    avg_pool,
    avg_pool_adjoint,
    gather_spatial,
    max_pool,
    pool_output_shape,
    scatter_spatial,
)


def windows(spatial, kernel, stride, padding, dilation, ceil_mode):
    """Yield (output position, positions of the window in the plane, its size clipped to the padded plane)."""
    out = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    for cell in np.ndindex(*out):
        axes, size = [], 1
        for i, n, k, s, p, d in zip(cell, spatial, kernel, stride, padding, dilation, strict=True):
            taps = [i * s - p + d * tap for tap in range(k)]
            axes.append([t for t in taps if 0 <= t < n])
            size *= sum(t < n + p for t in taps)
        yield cell, list(product(*axes)), size


def first_maximum(values):
    """The position of the maximum: the last NaN if there is one, else the first of the largest."""
    nans = [i for i, v in enumerate(values) if np.isnan(v)]
    return nans[-1] if nans else values.index(max(values))


@st.composite
def poolings(draw, dilated=True):
    """Draw (x, (kernel, stride, padding, dilation), ceil_mode); few distinct values, so as to have ties."""
    dims = draw(st.integers(1, 3))
    ints = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(dims))  # noqa: E731
    kernel, stride, dilation = ints(1, 3), ints(1, 4), ints(1, 2) if dilated else (1,) * dims
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    smallest = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    spatial = tuple(draw(st.integers(n, n + 5)) for n in smallest)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = draw(st.sampled_from([[0.0, 1.0, 2.0], [np.nan, 1.0, -1.0], [-np.inf, np.inf, 0.0], [-np.inf]]))
    x = rng.choice(values, (draw(st.integers(0, 2)), 2, *spatial))
    return x, (kernel, stride, padding, dilation), draw(st.booleans())


@pytest.fixture(params=["one block", "many blocks"])
def blocks(request, monkeypatch):
    if request.param == "many blocks":
        monkeypatch.setattr(pool_numpy, "BLOCK", 1)


# The fixture only sets a constant, the same for all examples.
@settings(max_examples=150, deadline=None, suppress_health_check=["function_scoped_fixture"])
@given(poolings())
@pytest.mark.usefixtures("blocks")
def test_max_pool(case):
    x, parameters, ceil_mode = case
    before = x.copy()
    y, indices = max_pool(x, *parameters, ceil_mode)
    np.testing.assert_array_equal(x, before)
    assert indices.dtype == np.int32
    assert y.dtype == x.dtype
    for n, c in np.ndindex(*x.shape[:2]):
        for cell, positions, _ in windows(x.shape[2:], *parameters, ceil_mode):
            where = positions[first_maximum([x[(n, c, *p)] for p in positions])]
            assert indices[(n, c, *cell)] == np.ravel_multi_index(where, x.shape[2:])
    np.testing.assert_array_equal(gather_spatial(x, indices), y)


@settings(max_examples=150, deadline=None)
@given(poolings(dilated=False), st.booleans(), st.sampled_from([None, 3, -2]))
def test_avg_pool(case, count_include_pad, divisor_override):
    x, (kernel, stride, padding, dilation), ceil_mode = case
    x = np.random.default_rng(0).standard_normal(x.shape)
    y = avg_pool(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    for cell, positions, size in windows(x.shape[2:], kernel, stride, padding, dilation, ceil_mode):
        divisor = divisor_override or (size if count_include_pad else len(positions))
        total = sum(x[(slice(None), slice(None), *p)] for p in positions)
        np.testing.assert_allclose(y[(slice(None), slice(None), *cell)], total / divisor, rtol=1e-12, atol=1e-14)
    g = np.random.default_rng(1).standard_normal(y.shape)
    gx = avg_pool_adjoint(g, x.shape[2:], kernel, stride, padding, count_include_pad, divisor_override)
    assert gx.shape == x.shape
    np.testing.assert_allclose(np.vdot(g, y), np.vdot(gx, x), rtol=1e-12, atol=1e-12)


@st.composite
def adaptive(draw):
    """Draw (x, output_size)."""
    dims = draw(st.integers(1, 3))
    spatial = tuple(draw(st.integers(1, 7)) for _ in range(dims))
    output_size = tuple(draw(st.integers(0, 9)) for _ in range(dims))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.choice([0.0, 1.0, 2.0], (draw(st.integers(0, 2)), 2, *spatial)), output_size


def cells(spatial, output_size):
    """Yield (output position, slices of its cell)."""
    for cell in np.ndindex(*output_size):
        sizes = zip(cell, spatial, output_size, strict=True)
        yield cell, tuple(slice(i * n // o, ((i + 1) * n + o - 1) // o) for i, n, o in sizes)


@settings(max_examples=150, deadline=None)
@given(adaptive(), st.booleans())
def test_adaptive_max_pool(case, with_nan):
    x, output_size = case
    if with_nan:
        x[x == 2] = np.nan
    y, indices = adaptive_max_pool(x, output_size)
    assert y.shape == indices.shape == (*x.shape[:2], *output_size)
    positions = np.arange(np.prod(x.shape[2:])).reshape(x.shape[2:])
    for n, c in np.ndindex(*x.shape[:2]):
        for cell, window in cells(x.shape[2:], output_size):
            values = x[(n, c, *window)].ravel().tolist()
            assert indices[(n, c, *cell)] == positions[window].ravel()[first_maximum(values)]
    np.testing.assert_array_equal(gather_spatial(x, indices), y)


@settings(max_examples=150, deadline=None)
@given(adaptive())
def test_adaptive_avg_pool(case):
    x, output_size = case
    x = np.random.default_rng(0).standard_normal(x.shape)
    y = adaptive_avg_pool(x, output_size)
    assert y.shape == (*x.shape[:2], *output_size)
    spatial_axes = tuple(range(2, x.ndim))
    for cell, window in cells(x.shape[2:], output_size):
        expected = x[(slice(None), slice(None), *window)].mean(spatial_axes)
        np.testing.assert_allclose(y[(slice(None), slice(None), *cell)], expected, rtol=1e-12, atol=1e-14)
    g = np.random.default_rng(1).standard_normal(y.shape)
    gx = adaptive_avg_pool_adjoint(g, x.shape[2:])
    assert gx.shape == x.shape
    np.testing.assert_allclose(np.vdot(g, y), np.vdot(gx, x), rtol=1e-12, atol=1e-12)


def test_scatter_is_the_adjoint_of_gather_and_adds_up():
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((2, 3, 7, 2))
    indices = rng.integers(0, 20, g.shape)
    np.testing.assert_allclose(
        np.vdot(g, gather_spatial(x, indices)), np.vdot(scatter_spatial(g, indices, (5, 4)), x), rtol=1e-12
    )
    ones = scatter_spatial(np.ones((1, 1, 4)), np.zeros((1, 1, 4), np.int64), (2,))
    np.testing.assert_array_equal(ones, [[[4.0, 0.0]]])


def test_ceil_mode_drops_windows_that_start_in_the_right_padding():
    # n=5, kernel 2, stride 2, padding 1: a fourth window would start at 5, in the padding. From PyTorch 2.13.
    assert pool_output_shape((5,), (2,), (2,), (1,), (1,), ceil_mode=True) == (3,)
    assert pool_output_shape((5,), (2,), (2,), (0,), (1,), ceil_mode=True) == (3,)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float16", "float32"])
def test_max_pool_dtypes(dtype):
    x = np.arange(2 * 3 * 6 * 6).reshape(2, 3, 6, 6).astype(dtype)
    y, _ = max_pool(x, (3, 3), (2, 2), (1, 1), (1, 1))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y[..., -1, -1], x[..., 5, 5])


def test_a_window_of_more_than_256_taps():
    x = np.random.default_rng(0).standard_normal((2, 2, 20, 20))
    _, indices = max_pool(x, (20, 20), (1, 1), (0, 0), (1, 1))
    np.testing.assert_array_equal(indices[..., 0, 0], x.reshape(2, 2, -1).argmax(-1))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_precision(dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 30, 30)).astype(dtype)
    exact = x.astype(np.float64)
    both = [
        (lambda a: avg_pool(a, (15, 15), (3, 3), (7, 7))),
        (lambda a: adaptive_avg_pool(a, (2, 2))),
        (lambda a: avg_pool_adjoint(a, (34, 34), (5, 5), (1, 1), (0, 0))),
        (lambda a: adaptive_avg_pool_adjoint(a, (45, 45))),
    ]
    for kernel in both:
        got, expected = kernel(x), kernel(exact)
        assert got.dtype == dtype
        # A mean of up to 225 terms of size 4, summed in float32, and one rounding to dtype.
        assert (abs(got - expected) <= 225 * 4 * 2.0**-24 / 15 + np.finfo(dtype).eps * abs(expected)).all()


def test_any_memory_layout():
    x = np.random.default_rng(0).standard_normal((3, 4, 8, 6))
    odd = np.flip(np.asfortranarray(np.flip(x, 2)), 2)
    window = ((3, 3), (2, 2), (1, 1))
    for kernel in (
        lambda a: max_pool(a, *window, (1, 1))[1],
        lambda a: adaptive_max_pool(a, (3, 4))[1],
        lambda a: avg_pool(a, *window),
        lambda a: adaptive_avg_pool(a, (3, 4)),
        lambda a: avg_pool_adjoint(a, (16, 12), (2, 2), (2, 2), (0, 0)),
        lambda a: adaptive_avg_pool_adjoint(a, (9, 9)),
    ):
        result = kernel(odd)
        assert result.flags.c_contiguous
        np.testing.assert_allclose(result, kernel(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("output_size", [(6, 5), (1, 1)])
def test_adaptive_results_own_their_memory(output_size):
    x = np.ones((2, 2, 6, 5))
    assert not np.shares_memory(adaptive_avg_pool(x, output_size), x)
    assert not np.shares_memory(adaptive_max_pool(x, output_size)[0], x)
