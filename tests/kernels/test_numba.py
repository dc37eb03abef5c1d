"""The compiled kernels against the reference and float64, in every dtype and layout; threads, forks and the cache."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from types import FunctionType, SimpleNamespace

import numpy as np
import pytest

from minitorch_bn import kernels
from minitorch_bn.kernels import _compiled, activation_numpy, conv_numpy, norm_numpy, pool_numpy, selection, tiles

pytest.importorskip("numba", reason="the compiled kernels need numba: pip install minitorch_bn[fast]")

from minitorch_bn.kernels import activation_numba, blas_numba, conv_numba, norm_numba, pool_numba

# The second of each kind is large enough for several threads, and has blocks of rows or channels that do not divide it.
SHAPES = [(7, 3), (1031, 521), (1, 4, 5), (13, 103, 401), (3, 2, 4, 5), (61, 5, 21, 23), (2, 2, 3, 2, 2)]
LAYOUTS = {
    "contiguous": lambda a: a,
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
    "reversed order": lambda a: np.ascontiguousarray(a.T).T,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "a part of more channels": lambda a: np.concatenate([a, a], axis=1)[:, : a.shape[1]],
}
DTYPES = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-13}


def reference(g, x, weight, bias, eps):
    """y, mean, var, gx, gw, gb in float64, as the formulas stand."""
    g, x, weight, bias = (v.astype(np.float64) for v in (g, x, weight, bias))
    dims, column = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
    mean = x.mean(dims)
    centred = x - mean.reshape(column)
    centred = centred - centred.mean(dims, keepdims=True)
    var = (centred * centred).mean(dims)
    r = (1 / np.sqrt(var + eps)).reshape(column)
    xh = centred * r
    gx = weight.reshape(column) * r * (g - g.mean(dims, keepdims=True) - xh * (g * xh).mean(dims, keepdims=True))
    y = xh * weight.reshape(column) + bias.reshape(column)
    return y, mean, var, gx, (g * xh).sum(dims), g.sum(dims)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kernel", [norm_numba, norm_numpy], ids=["numba", "numpy"])
def test_batch_norm_is_its_formula(rng, kernel, shape, dtype, layout):
    x = LAYOUTS[layout]((rng.standard_normal(shape) * 3 + 2).astype(dtype))
    g = LAYOUTS[layout](rng.standard_normal(shape).astype(dtype))
    weight, bias = rng.standard_normal((2, shape[1])).astype(np.float32)
    kept = x.copy(), g.copy()
    y, mean, var = kernel.batch_norm(x, weight, bias, None, 1e-5)
    gx, gw, gb = kernel.batch_norm_backward(g, x, weight, None, mean, var, 1e-5)
    assert y.dtype == gx.dtype == x.dtype
    assert y.shape == gx.shape == x.shape
    assert mean.dtype == var.dtype == gw.dtype == gb.dtype == np.float64
    nothing, *sums_alone = kernel.batch_norm_backward(g, x, weight, None, mean, var, 1e-5, with_gx=False)
    assert nothing is None
    for ours, sums in zip(sums_alone, (gw, gb)):
        np.testing.assert_array_equal(ours, sums)
    for ours, exact in zip((y, mean, var, gx, gw, gb), reference(g, x, weight, bias, 1e-5)):
        tolerance = (DTYPES[dtype] if ours.ndim > 1 else 1e-11) * max(np.abs(exact).max(), 1.0)
        np.testing.assert_allclose(ours.astype(np.float64), exact, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(g, kept[1])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_given_statistics(rng, shape, layout):
    x = LAYOUTS[layout](rng.standard_normal(shape).astype(np.float32))
    weight, bias, mean = rng.standard_normal((3, shape[1])).astype(np.float32)
    var = rng.random(shape[1]).astype(np.float32)
    column = (-1, *(1,) * (x.ndim - 2))
    r = 1 / np.sqrt(var.astype(np.float64) + 1e-3)
    exact = (x - mean.astype(np.float64).reshape(column)) * (weight * r).reshape(column) + bias.reshape(column)
    np.testing.assert_allclose(norm_numba.normalize(x, weight, bias, mean, var, 1e-3), exact, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(norm_numba.normalize(x, None, None, mean * 0, var * 0 + 1, 0.0), x, rtol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kernel", [norm_numba, norm_numpy], ids=["numba", "numpy"])
def test_backward_with_given_statistics(rng, kernel, shape, dtype, layout):
    x = LAYOUTS[layout]((rng.standard_normal(shape) * 3 + 2).astype(dtype))
    g = LAYOUTS[layout](rng.standard_normal(shape).astype(dtype))
    weight, mean, var = rng.standard_normal((3, shape[1])).astype("float64" if dtype == "float64" else "float32")
    var = np.abs(var)
    r = 1 / np.sqrt(var.astype(np.float64) + 1e-3)
    gx, gw, gb = kernel.normalize_backward(g, x, weight, mean, var, 1e-3)
    dims, column = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
    wide = g.astype(np.float64)
    xh = (x.astype(np.float64) - mean.reshape(column)) * r.reshape(column)
    exact = wide * (weight.astype(np.float64) * r).reshape(column), (wide * xh).sum(dims), wide.sum(dims)
    scale = max(np.abs(exact[1]).max(), np.sqrt(wide.size / shape[1]))
    assert gx.dtype == x.dtype
    np.testing.assert_allclose(gx.astype(np.float64), exact[0], rtol=2 * DTYPES[dtype], atol=DTYPES[dtype])
    nothing, *sums_alone = kernel.normalize_backward(g, x, weight, mean, var, 1e-3, with_gx=False)
    assert nothing is None
    for ours, sums in zip((gw, gb, *sums_alone), exact[1:] * 2):
        np.testing.assert_allclose(ours, sums, rtol=0, atol=(1e-13 if dtype == "float64" else 1e-7) * scale)


@pytest.mark.parametrize("first", [1e4, -1e30, 3.4e38])
@pytest.mark.parametrize("shape", [(4096, 3), (16, 3, 1024)])
def test_a_first_value_far_away_costs_no_digits(rng, shape, first):
    x = rng.standard_normal(shape).astype(np.float32)
    x[0] = first
    weight, bias = np.ones(3), np.zeros(3)
    y, mean, var = norm_numba.batch_norm(x, None, None, None, 1e-5)
    exact = reference(x, x, weight, bias, 1e-5)
    np.testing.assert_allclose(mean, exact[1], rtol=1e-9)
    np.testing.assert_allclose(var, exact[2], rtol=1e-9)
    np.testing.assert_allclose(y, exact[0], rtol=1e-6, atol=1e-9 * np.abs(exact[0]).max())


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [0, 5])
@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 4)])
def test_what_is_not_finite_stays_in_its_channel(rng, shape, place, value):
    x = rng.standard_normal(shape).astype(np.float32)
    exact = norm_numpy.batch_norm(x, None, None, None, 1e-5)[0]
    x[place, 1] = value
    y, mean, var = norm_numba.batch_norm(x, None, None, None, 1e-5)
    assert np.isnan(y[:, 1]).all()
    assert np.isnan(var[1])
    np.testing.assert_allclose(y[:, [0, 2]], exact[:, [0, 2]], rtol=1e-6)
    assert np.isfinite(mean[[0, 2]]).all()


def test_what_a_mask_leaves_out_and_an_empty_batch_are_the_references(rng):
    x, mask = rng.standard_normal((6, 2, 5)), rng.random((6, 2, 5)) < 0.7
    x[~mask] = 0
    for args in ((x, None, None, mask, 1e-5), (x[:0], None, None, None, 1e-5)):
        for ours, theirs in zip(norm_numba.batch_norm(*args), norm_numpy.batch_norm(*args)):
            np.testing.assert_array_equal(ours, theirs)


def test_the_result_does_not_depend_on_the_number_of_threads(rng):
    program = """
        import numpy as np
        from minitorch_bn.kernels import norm_numba
        for shape in ((1031, 521), (61, 19, 21, 23)):
            x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
            y, mean, var = norm_numba.batch_norm(x, None, None, None, 1e-5)
            print(y.astype(np.float64).sum().hex(), mean.sum().hex(), var.sum().hex())
    """
    assert run(program, OMP_NUM_THREADS="1") == run(program)


# (spatial, kernel, stride, padding, dilation, ceil_mode)
WINDOWS = {
    "four": ((9, 11), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "four, some of them outside": ((9, 11), (2, 2), (2, 2), (0, 0), (1, 1), True),
    "four, apart": ((9, 11), (2, 2), (2, 2), (0, 0), (2, 1), False),
    "ceil": ((9, 11), (3, 3), (2, 1), (1, 1), (1, 1), True),
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


@pytest.fixture(params=["whole planes", "strips of one row"])
def strips(request, monkeypatch):
    conv_numba._plan.cache_clear()
    if request.param != "whole planes":
        monkeypatch.setattr(conv_numba, "PLANES", 1)
    yield
    conv_numba._plan.cache_clear()


# (batch, channels, filters, spatial, kernel, stride, padding, dilation, groups)
CONVOLUTIONS = {
    "one of each": (1, 1, 1, (3, 3), (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "same": (9, 3, 5, (7, 9), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "uneven padding": (3, 2, 3, (8, 7), (3, 3), (1, 1), ((2, 0), (0, 3)), (2, 1), 1),
    "several threads": (20, 4, 18, (33, 18), (3, 3), (1, 1), (1, 1), (1, 3), 1),
    "whole vectors": (2, 16, 8, (16, 16), (3, 3), (1, 1), (1, 1), (1, 1), 1),
    "an even kernel": (2, 3, 9, (6, 5), (2, 4), (1, 1), ((1, 0), (2, 1)), (1, 1), 1),
    "a large kernel": (3, 2, 2, (11, 40), (7, 5), (1, 1), (3, 2), (1, 1), 1),
    "padding beyond the kernel": (2, 2, 4, (3, 2), (2, 2), (1, 1), (3, 3), (1, 1), 1),
    "a column": (2, 3, 17, (19, 3), (5, 1), (1, 1), (2, 0), (1, 1), 1),
    "one dimension": (4, 3, 6, (50,), (9,), (1,), (4,), (1,), 1),
    "one dimension, dilated": (4, 1, 1, (70,), (3,), (1,), ((8, 1),), (4,), 1),
    "one element": (3, 20, 7, (6, 5), (1, 1), (1, 1), (0, 0), (1, 1), 1),
    "groups": (3, 6, 9, (7, 8), (3, 3), (1, 1), (1, 1), (1, 1), 3),
    "depthwise": (3, 5, 10, (9, 16), (3, 3), (1, 1), (1, 1), (1, 1), 5),
    "a stride": (3, 2, 9, (9, 12), (3, 3), (2, 2), (1, 1), (1, 1), 1),
    "a stride of one element": (2, 4, 5, (9, 8), (1, 1), (2, 3), (0, 0), (1, 1), 1),
    "a stride beyond the kernel": (2, 2, 3, (17, 20), (2, 2), (3, 5), (1, 0), (1, 1), 1),
    "a stride, a dilation and groups": (2, 4, 6, (15, 13), (3, 4), (2, 3), ((3, 1), (0, 4)), (3, 2), 2),
    "a stride in one dimension": (2, 3, 4, (61,), (7,), (3,), (3,), (2,), 1),
}


@pytest.mark.usefixtures("strips")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_without_columns(rng, name, dtype):
    batch, channels, filters, spatial, kernel, stride, padding, dilation, groups = CONVOLUTIONS[name]
    x = rng.standard_normal((batch, channels, *spatial)).astype(dtype)
    w = rng.standard_normal((filters, channels // groups, *kernel)).astype(dtype)
    bias = rng.standard_normal(filters).astype(dtype)
    geometry = (stride, padding, dilation, groups)
    exact = conv_numpy.conv(*(a.astype(np.float64) for a in (x, w)), *geometry, bias.astype(np.float64))
    g = rng.standard_normal(exact.shape).astype(dtype)
    tolerance = {"rtol": 0, "atol": 30 * np.finfo(dtype).eps * max(w[0].size, w[:, 0].size)}
    y = conv_numba.conv(x, w, *geometry, bias)
    np.testing.assert_allclose(y, exact, **tolerance)
    gx = conv_numba.conv_input_grad(g, w, spatial, *geometry)
    np.testing.assert_allclose(
        gx, conv_numpy.conv_input_grad(g.astype("d"), w.astype("d"), spatial, *geometry), **tolerance
    )
    gw = conv_numba.conv_weight_grad(g, x, kernel, *geometry)
    tolerance["atol"] = 30 * np.finfo(dtype).eps * g[:, 0].size ** 0.5
    exact = conv_numpy.conv_weight_grad(g.astype("d"), x.astype("d"), kernel, *geometry)
    np.testing.assert_allclose(gw, exact, **tolerance)
    sums = g.astype("d").sum((0, *range(2, g.ndim)))
    np.testing.assert_allclose(conv_numba.channel_sums(g), sums, **tolerance)
    assert y.dtype == gx.dtype == gw.dtype == dtype
    assert all(result.flags.c_contiguous for result in (y, gx, gw))


def all_instructions(x, w, starts, y, sums, rows, columns):
    tile = filled(w, 1, rows, columns)  # noqa: F821 - the names are given when it is made a function
    for k in range(3):
        tile = add_scaled(tile, w, 2 * k, x, starts[k])  # noqa: F821
    tile = add_products(tile, x, 3, 7, x, starts, 1, 5)  # noqa: F821
    write(tile, y, 2, len(y) // len(rows))  # noqa: F821
    add_sums(tile, sums, 1, len(columns))  # noqa: F821
    copy(w, 2, y, 1, 3)  # noqa: F821


@pytest.mark.parametrize("rows, columns", [(8, 3), (4, 6), (1, 8)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_instructions_do_what_their_functions_say(rng, rows, columns, dtype):
    import numba

    plain = FunctionType(all_instructions.__code__, {**vars(tiles), "range": range, "len": len})
    compiled = numba.njit(FunctionType(all_instructions.__code__, {"__name__": "tests", **tiles.instructions()}))
    x, w = rng.integers(-9, 10, 999).astype(dtype), rng.integers(-9, 10, 20).astype(dtype)
    starts = np.append(np.array([7, 300, 11]), rng.integers(0, 400, columns))
    results = []
    for function in (plain, compiled):
        y, sums = np.full(rows * (columns * 16 + 4), -1, dtype), np.full(rows * columns + 2, 5, dtype)
        function(x, w, starts, y, sums, (0,) * rows, (0,) * columns)
        results.append((y, sums))
    for ours, exact in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, exact)  # products of small integers are exact


def interpreted(module):
    """The functions of a module of loops, which run uncompiled: where an index lies outside, that is an error."""
    names = dict(vars(module))
    for name, value in vars(module).items():
        if hasattr(tiles, name):
            names[name] = getattr(tiles, name)
        elif isinstance(value, _compiled.Loops):
            function = FunctionType(value.function.__code__, names)
            names[name] = lambda steps, size, *args, function=function: function(*args, 0, steps)
        elif hasattr(value, "__code__") and value.__module__ == module.__name__:
            function = getattr(value, "py_func", value)  # a loop of this module may be compiled already
            names[name] = FunctionType(function.__code__, names, name, function.__defaults__)
    return SimpleNamespace(**names)


@pytest.mark.usefixtures("strips")
@pytest.mark.parametrize("name", [name for name in CONVOLUTIONS if name != "several threads"])
def test_convolution_reads_and_writes_nothing_outside(rng, name):
    _, channels, filters, spatial, kernel, *geometry = CONVOLUTIONS[name]
    x = rng.integers(-9, 10, (2, channels, *spatial)) * 1.0
    w = rng.integers(-9, 10, (filters, channels // geometry[-1], *kernel)) * 1.0
    loops = interpreted(conv_numba)
    y = loops.conv(x, w, *geometry)
    np.testing.assert_array_equal(y, conv_numpy.conv(x, w, *geometry))
    gw = loops.conv_weight_grad(y, x, kernel, *geometry)
    np.testing.assert_array_equal(gw, conv_numpy.conv_weight_grad(y, x, kernel, *geometry))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_infinity_stays_where_the_reference_has_it(rng, value):
    x, w = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 3))
    g = rng.standard_normal((2, 4, 6, 5))
    x[0, 0, 0, 0] = w[0, 0, 0, 0] = value
    geometry = ((1, 1), (1, 1), (1, 1))
    with np.errstate(invalid="ignore"):
        for name, args in (("conv_input_grad", (g, w, (6, 5))), ("conv_weight_grad", (g, x, (3, 3)))):
            ours, theirs = (getattr(kernel, name)(*args, *geometry) for kernel in (conv_numba, conv_numpy))
            np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs))


@pytest.mark.parametrize("kernel", [activation_numba, activation_numpy], ids=["numba", "numpy"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
@pytest.mark.parametrize("shape", [(), (5,), (3, 7), (8192,), (2, 5001), (700, 1000)])
def test_relu(rng, kernel, dtype, shape):
    a = rng.integers(-3, 4, shape).astype(dtype)
    g = rng.integers(-9, 10, shape).astype(dtype)
    if dtype != "int64" and shape:
        a.flat[0] = g.flat[1] = np.nan
        g.flat[2] = np.inf
    y = kernel.relu(a)
    np.testing.assert_array_equal(y, np.maximum(a, 0))
    assert y.dtype == dtype
    for upstream, output in ((g, a), (g.T, np.ascontiguousarray(a.T)), (g[..., :1] if shape else g, a)):
        gx = kernel.relu_backward(upstream, output)
        np.testing.assert_array_equal(gx, np.where(output <= 0, 0, upstream))
        assert gx.dtype == dtype


@pytest.mark.parametrize("shape", [(3, 4, 5), (600, 300, 50), (50, 300, 600), (70, 80, 90)])
def test_products_are_numpys(rng, shape):
    m, k, n = shape
    for a, b in (
        (rng.standard_normal((m, k)), rng.standard_normal((k, n))),
        (rng.standard_normal((k, m)).T, rng.standard_normal((n, k)).T),
        (rng.standard_normal((m, k)), rng.standard_normal((n, k)).T),
        (rng.standard_normal((k, m)).T, rng.standard_normal((k, n))),
        (rng.standard_normal((m, 2 * k))[:, ::2], rng.standard_normal((k, n))),
        (rng.standard_normal((m, k)), rng.standard_normal((k, n + 1))[:, 1:]),
    ):
        np.testing.assert_allclose(blas_numba.matmul(a, b), a @ b, rtol=1e-12, atol=1e-12)


def test_numpys_own_threads_are_as_before_a_product(rng):
    get = blas_numba._openblas().get_threads
    if get is None:
        pytest.skip("numpy's BLAS is another one")
    before = get()
    blas_numba.matmul(*rng.standard_normal((2, 300, 300)))
    assert get() == before


# -- the machinery ---------------------------------------------------------------------------------------------------


def run(program, **environment):
    """What a fresh interpreter prints; warnings are errors there."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process", "-c", textwrap.dedent(program)],
        env={**{k: v for k, v in os.environ.items() if k != selection.VARIABLE}, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_auto_chooses_the_compiled_kernels():
    with kernels.use("auto"):
        assert kernels.in_use() == "numba"
        assert kernels.norm.batch_norm.__wrapped__ is norm_numba.batch_norm


def test_several_threads_at_once(rng):
    x = rng.standard_normal((64, 8, 1100)).astype(np.float32)
    expected = norm_numba.batch_norm(x, None, None, None, 1e-5)[0]
    results: list = []

    def work():
        for _ in range(20):
            results.append(norm_numba.batch_norm(x, None, None, None, 1e-5)[0])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 80
    assert all(np.array_equal(y, expected) for y in results)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_computes_too():
    program = """
        import os
        import numpy as np
        from minitorch_bn.kernels import norm_numba
        x = np.random.default_rng(0).standard_normal((64, 8, 1100)).astype(np.float32)
        y = norm_numba.batch_norm(x, None, None, None, 1e-5)[0]
        child = os.fork()
        same = np.array_equal(y, norm_numba.batch_norm(x, None, None, None, 1e-5)[0])
        if child == 0:
            os._exit(0 if same else 1)
        print(os.waitpid(child, 0)[1] == 0, same)
    """
    assert run(program) == ["True", "True"]


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path):
    file = tmp_path / "file"
    file.write_text("a file, not a folder")
    program = """
        import numpy as np
        from minitorch_bn import kernels
        x = np.array([[1.0], [3.0]])
        print(kernels.norm.batch_norm(x, None, None, None, 0.0)[0].ravel().tolist(), kernels.in_use())
    """
    assert run(program, NUMBA_CACHE_DIR=str(file)) == ["[-1.0,", "1.0]", "numba"]


def test_a_cache_that_is_damaged_does_no_harm(tmp_path):
    program = """
        import numpy as np
        from minitorch_bn import kernels
        x = np.array([[1.0], [3.0]])
        print(kernels.norm.batch_norm(x, None, None, None, 0.0)[0].ravel().tolist(), kernels.in_use())
    """
    expected = ["[-1.0,", "1.0]", "numba"]
    assert run(program, NUMBA_CACHE_DIR=str(tmp_path)) == expected
    entries = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert entries
    for path in entries:
        path.write_bytes(b"damaged")
    assert run(program, NUMBA_CACHE_DIR=str(tmp_path)) == expected
