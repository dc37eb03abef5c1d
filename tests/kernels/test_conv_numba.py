"""The compiled convolution beside numpy's, and the instructions of which it is made."""

from __future__ import annotations

from types import FunctionType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_bn.kernels import _compiled, conv_numpy, tiles

pytest.importorskip("numba", reason="the compiled kernels need numba: pip install minitorch_bn[fast]")

from minitorch_bn.kernels import conv_numba


@pytest.fixture(params=["whole planes", "strips of one row"])
def strips(request, monkeypatch):
    conv_numba._plan.cache_clear()
    conv_numba._adjoint_plan.cache_clear()
    if request.param != "whole planes":
        monkeypatch.setattr(conv_numba, "PLANES", 1)
    yield
    conv_numba._plan.cache_clear()
    conv_numba._adjoint_plan.cache_clear()


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
    "a column with padding beside it": (2, 3, 4, (19, 1), (3, 3), (1, 1), (1, 1), (1, 1), 1),
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
    "a stride of two": (2, 3, 9, (22, 39), (4, 4), (2, 2), (1, 1), (1, 1), 1),
    "a stride of two, narrow": (2, 3, 9, (22, 11), (3, 3), (2, 2), (1, 0), (1, 1), 1),
    "a stride as long as the kernel": (2, 3, 9, (22, 40), (4, 4), (4, 4), (0, 0), (1, 1), 1),
    "depthwise with a stride": (3, 5, 10, (19, 16), (3, 3), (2, 2), (1, 1), (1, 1), 5),
    "many filters": (5, 90, 180, (4, 4), (3, 3), (1, 1), (1, 1), (1, 1), 1),
    "one window": (5, 4, 6, (5, 5), (5, 5), (1, 1), (0, 0), (1, 1), 1),
    "a volume": (2, 3, 9, (4, 5, 6), (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
    "a volume, dilated, in groups": (2, 4, 6, (7, 5, 6), (2, 3, 2), (1, 1, 1), ((2, 0), 0, (0, 3)), (2, 1, 3), 2),
    "a volume with a stride": (2, 3, 4, (7, 8, 9), (3, 2, 3), (2, 3, 2), (1, 0, 2), (1, 1, 2), 1),
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


@settings(max_examples=100, deadline=None, suppress_health_check=["function_scoped_fixture"])
@given(st.data(), st.integers(1, 3), st.sampled_from([1, 1 << 12, 1 << 19]))
def test_any_convolution(monkeypatch, data, dims, planes):
    """Of small integers, whose sums are exact; small slices too, which are left to the reference else."""
    monkeypatch.setattr(conv_numba, "_is_direct", lambda x, out: True)
    monkeypatch.setattr(conv_numba, "PLANES", planes)
    monkeypatch.setattr(conv_numba, "SUMS", planes)
    conv_numba._plan.cache_clear()
    conv_numba._adjoint_plan.cache_clear()
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    numbers = lambda low, high: tuple(number(low, high) for _ in range(dims))  # noqa: E731
    kernel, stride, dilation = numbers(1, 4), numbers(1, 3), numbers(1, 3)
    padding = tuple(zip(numbers(0, 3), numbers(0, 3), strict=True))
    reach = [max(1, d * (k - 1) + 1 - sum(p)) for d, k, p in zip(dilation, kernel, padding, strict=True)]
    spatial = tuple(n + more for n, more in zip(reach, numbers(0, 8), strict=True))
    groups, channels, filters = number(1, 3), number(1, 3), number(1, 10)
    rng = np.random.default_rng(number(0, 1 << 32))
    x = rng.integers(-9, 10, (number(1, 5), channels * groups, *spatial)) * 1.0
    w = rng.integers(-9, 10, (filters * groups, channels, *kernel)) * 1.0
    geometry = (stride, padding, dilation, groups)
    y = conv_numpy.conv(x, w, *geometry)
    np.testing.assert_array_equal(conv_numba.conv(x, w, *geometry), y)
    g = rng.integers(-9, 10, y.shape) * 1.0
    for up in (g, g[(..., *(slice(max(1, n - 1)) for n in g.shape[2:]))]):  # the second lacks windows
        for name, args in (("conv_input_grad", (up, w, spatial)), ("conv_weight_grad", (up, x, kernel))):
            ours, theirs = (getattr(kernels, name)(*args, *geometry) for kernels in (conv_numba, conv_numpy))
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [4, 8])
def test_every_second_is_copied(rng, dtype, count):
    import numba

    plain = FunctionType(copies.__code__, dict(vars(tiles)))
    compiled = numba.njit(FunctionType(copies.__code__, {"__name__": "tests", **tiles.instructions()}))
    x = rng.standard_normal(3 + 2 * count - 1).astype(dtype)  # and nothing after the last one
    y, exact = np.zeros((2, count + 2), dtype)
    compiled(x, y, (0,) * count)
    plain(x, exact, (0,) * count)
    np.testing.assert_array_equal(y, exact)
    np.testing.assert_array_equal(y[1:-1], x[3::2])


def copies(x, y, numbers):
    copy_every_second(x, 3, y, 1, numbers)  # noqa: F821 - the name is given when it is made a function


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
@pytest.mark.parametrize("name", [name for name in CONVOLUTIONS if name not in ("several threads", "many filters")])
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
@pytest.mark.parametrize("stride", [1, 2])
def test_an_infinity_stays_where_the_reference_has_it(rng, value, stride):
    x, w = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 3))
    g = rng.standard_normal((2, 4, (6 + stride - 1) // stride, (5 + stride - 1) // stride))
    g[1, 1, 1, 1] = x[0, 0, 0, 0] = w[0, 0, 0, 0] = value
    geometry = ((stride, stride), (1, 1), (1, 1))
    with np.errstate(invalid="ignore"):
        for name, args in (("conv_input_grad", (g, w, (6, 5))), ("conv_weight_grad", (g, x, (3, 3)))):
            ours, theirs = (getattr(kernel, name)(*args, *geometry) for kernel in (conv_numba, conv_numpy))
            np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs))
