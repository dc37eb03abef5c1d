"""Pooling as compiled loops: functions of ``pool_numpy`` that visit each window once.

The input is seen as planes of three dimensions, the first ones of length one where there are fewer. For each of them an
array tells where a window begins and ends, clipped to the plane: windows of one size and the cells of an adaptive
pooling are the same to a loop. It first reduces the rows of a window, a whole row at a time, and then what is left
along the row.

The adjoint of a mean is the same loop with the roles exchanged: each element of a plane adds up its share of the
windows in which it lies, and these follow each other. Sums are taken in float64 and rounded once. 16-bit floats and
integers are left to the reference.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from minitorch_bn.kernels import pool_numpy as reference
from minitorch_bn.kernels._compiled import Loops, ordered

LONG = 32  # elements of a cell, in which numpy finds the greatest faster


def max_pool(x, kernel, stride, padding, dilation, ceil_mode=False):
    """The maximum of each window and its flat position in the plane: see ``pool_numpy.max_pool``."""
    spatial = x.shape[2:]
    if x.dtype.char not in "fd" or not x.size:
        return reference.max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    out = reference.pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    is_of_four = tuple(kernel) == tuple(stride) == (2, 2) and not any(padding) and max(dilation) == 1
    if is_of_four and all(o * 2 <= n for o, n in zip(out, spatial)):
        y, indices = np.empty((*x.shape[:2], *out), x.dtype), _places(x, out, reference.index_dtype(spatial))
        planes, of = np.ascontiguousarray(x).reshape(-1, *spatial), (-1, *out)  # (N, C, H, W) -> (N*C, H, W)
        _maxima_of_four(len(planes), x.size, planes, y.reshape(of), indices.reshape(of))
        return y, indices
    edges, some_are_empty = _window_edges(spatial, out, tuple(kernel), tuple(stride), tuple(padding), tuple(dilation))
    if some_are_empty:  # nothing but padding
        return reference.max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    indices = _places(x, out, reference.index_dtype(spatial))
    steps = (*(1,) * (3 - len(spatial)), *dilation)
    return _reduced(x, out, _maxima, *edges, steps, _volumes(indices, out)), indices


def adaptive_max_pool(x, output_size):
    """The maximum of each cell and its flat position in the plane: see ``pool_numpy.adaptive_max_pool``."""
    is_long = prod(x.shape[2:]) > LONG * prod(output_size)
    if x.dtype.char not in "fd" or not x.size or is_long:
        return reference.adaptive_max_pool(x, output_size)
    indices = _places(x, output_size, np.int64)
    edges = _cell_edges(x.shape[2:], tuple(output_size))
    return _reduced(x, output_size, _maxima, *edges, (1, 1, 1), _volumes(indices, output_size)), indices


def avg_pool(x, kernel, stride, padding, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """The mean of each window: see ``pool_numpy.avg_pool``."""
    if x.dtype.char not in "fd" or not x.size:
        return reference.avg_pool(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    out = reference.pool_output_shape(x.shape[2:], kernel, stride, padding, (1,) * len(kernel), ceil_mode)
    if reference.is_whole(x.shape[2:], kernel, padding, divisor_override):
        return row_means(x.reshape(x.shape[0] * x.shape[1], -1)).reshape(*x.shape[:2], *out)
    geometry = (x.shape[2:], out, tuple(kernel), tuple(stride), tuple(padding))
    edges, _ = _window_edges(*geometry, (1,) * len(kernel))
    return _reduced(x, out, _means, *edges, *_window_sizes(*geometry, count_include_pad, divisor_override), False)


def avg_pool_adjoint(g, spatial_shape, kernel, stride, padding, count_include_pad=True, divisor_override=None):
    """The adjoint of ``avg_pool``: see ``pool_numpy.avg_pool_adjoint``."""
    if g.dtype.char not in "fd" or not g.size:
        return reference.avg_pool_adjoint(
            g, spatial_shape, kernel, stride, padding, count_include_pad, divisor_override
        )
    geometry = (tuple(spatial_shape), g.shape[2:], tuple(kernel), tuple(stride), tuple(padding))
    edges = _edges_of_adjoint(*geometry, (1,) * len(kernel))
    sizes = _window_sizes(*geometry, count_include_pad, divisor_override)
    return _reduced(g, spatial_shape, _means, *edges, *sizes, True)


def adaptive_avg_pool(x, output_size):
    """The mean of each cell: see ``pool_numpy.adaptive_avg_pool``."""
    if x.dtype.char not in "fd" or not x.size or not prod(output_size):
        return reference.adaptive_avg_pool(x, output_size)
    edges = _cell_edges(x.shape[2:], tuple(output_size))
    return _reduced(x, output_size, _means, *edges, *_cell_sizes(edges), False)


def adaptive_avg_pool_adjoint(g, spatial_shape):
    """The adjoint of ``adaptive_avg_pool``: see ``pool_numpy.adaptive_avg_pool_adjoint``."""
    if g.dtype.char not in "fd" or not g.size or not prod(spatial_shape):
        return reference.adaptive_avg_pool_adjoint(g, spatial_shape)
    sizes = _cell_sizes(_cell_edges(tuple(spatial_shape), g.shape[2:]))
    return _reduced(g, spatial_shape, _means, *_edges_of_adjoint(tuple(spatial_shape), g.shape[2:]), *sizes, True)


def row_means(x):
    """The mean of each row: see ``pool_numpy.row_means``."""
    if x.dtype.char != "f" or not x.size:  # the reference adds up float64 in pairs
        return reference.row_means(x)
    y = np.empty(len(x), x.dtype)
    _row_means(len(x), x.size, np.ascontiguousarray(x), y)
    return y


def gather_spatial(x, indices):
    """Read each plane at flat positions: see ``pool_numpy.gather_spatial``."""
    if x.dtype.char not in "fd" or not indices.size:
        return reference.gather_spatial(x, indices)
    y, outside = np.empty(indices.shape, x.dtype), np.zeros(1, np.bool_)
    planes, places = _flat(x), _flat(indices)
    _gather(len(planes), y.size, planes, places, y.reshape(places.shape), outside)
    return reference.gather_spatial(x, indices) if outside[0] else y


def scatter_spatial(g, indices, spatial_shape):
    """Add at flat positions: see ``pool_numpy.scatter_spatial``."""
    if g.dtype.char not in "fd" or not g.size:
        return reference.scatter_spatial(g, indices, spatial_shape)
    gx, outside = np.empty((*g.shape[:2], *spatial_shape), g.dtype), np.zeros(1, np.bool_)
    places = _flat(indices)
    _scatter(len(places), gx.size, _flat(g), places, gx.reshape(len(places), prod(spatial_shape)), outside)
    return reference.scatter_spatial(g, indices, spatial_shape) if outside[0] else gx


def _flat(x: np.ndarray) -> np.ndarray:
    """(N, C, *spatial) -> (N*C, L)"""
    return np.ascontiguousarray(x).reshape(x.shape[0] * x.shape[1], -1)


def _reduced(x, out, loop, *args):
    """What a loop makes of (N, C, *spatial): (N, C, *out)."""
    y = np.empty((*x.shape[:2], *out), x.dtype)
    volumes = _volumes(x, x.shape[2:])
    loop(len(volumes), x.size + y.size, volumes, *args, _volumes(y, out))
    return y


def _places(x, out, dtype):
    return np.empty((*x.shape[:2], *out), dtype)


def _volumes(x: np.ndarray, spatial: tuple[int, ...]) -> np.ndarray:
    """(N, C, *spatial) -> (N*C, D, H, W)"""
    ones = (1,) * (3 - len(spatial))
    return np.ascontiguousarray(x).reshape(x.shape[0] * x.shape[1], *ones, *spatial)


# For each of three dimensions: where each window begins, and ends.


@lru_cache(maxsize=256)
def _window_edges(spatial, out, kernel, stride, padding, dilation):
    edges = [np.array([[0], [1]])] * (3 - len(spatial))
    for n, o, k, s, p, d in zip(spatial, out, kernel, stride, padding, dilation, strict=True):
        start = np.arange(o) * s - p
        edges.append(np.array([np.where(start < 0, start % d, start), np.minimum(start + (k - 1) * d + 1, n)]))
    return edges, any((first >= last).any() for first, last in edges)


@lru_cache(maxsize=256)
def _cell_edges(spatial, output_size):
    edges = [np.array([[0], [1]])] * (3 - len(spatial))
    for n, size in zip(spatial, output_size, strict=True):
        edges.append(np.array([np.arange(size) * n // size, -(-np.arange(1, size + 1) * n // size)]))
    return edges


@lru_cache(maxsize=256)
def _edges_of_adjoint(spatial, out, *window):
    """The windows, or cells, in which each element of a plane lies."""
    edges = _window_edges(spatial, out, *window)[0] if window else _cell_edges(spatial, out)
    places = [np.arange(n) for n in (*(1,) * (3 - len(spatial)), *spatial)]
    return [
        np.array([np.searchsorted(last, at, "right"), np.searchsorted(first, at, "right")])
        for (first, last), at in zip(edges, places, strict=True)
    ]


@lru_cache(maxsize=256)
def _window_sizes(*args):
    sizes = reference.window_sizes(*args)
    return [*[np.ones(1, np.int64)] * (3 - len(sizes)), *sizes]


def _cell_sizes(edges):
    return [last - first for first, last in edges]


@ordered
def _means(x, depths, heights, widths, depth_sizes, height_sizes, width_sizes, divide_first, y, start, stop):
    """The sums of the windows, divided by the product of their sizes; or the sums of x so divided."""
    sums, totals = np.empty(x.shape[3]), np.empty(y.shape[3])
    for p in range(start, stop):
        for d in range(y.shape[1]):
            for h in range(y.shape[2]):
                out = y[p, d, h]
                same = h > 0 and heights[0, h] == heights[0, h - 1] and heights[1, h] == heights[1, h - 1]
                # Of two windows with the same rows one may reach beyond the padding, which does not count then.
                if same and (divide_first or height_sizes[h] == height_sizes[h - 1]):
                    above = y[p, d, h - 1]
                    for w in range(len(out)):
                        out[w] = above[w]
                    continue
                for j in range(len(sums)):
                    sums[j] = 0
                for k in range(depths[0, d], depths[1, d]):
                    for i in range(heights[0, h], heights[1, h]):
                        row = x[p, k, i]
                        if divide_first:
                            rows = depth_sizes[k] * height_sizes[i]
                            for j in range(len(sums)):
                                sums[j] += row[j] / (rows * width_sizes[j])
                        else:
                            for j in range(len(sums)):
                                sums[j] += row[j]
                for w in range(len(out)):
                    total = 0.0
                    for j in range(widths[0, w], widths[1, w]):
                        total += sums[j]
                    totals[w] = total
                rows = depth_sizes[0 if divide_first else d] * height_sizes[0 if divide_first else h]
                for w in range(len(out)):
                    out[w] = totals[w] if divide_first else totals[w] / (rows * width_sizes[w])


@Loops
def _row_means(x, y, start, stop):
    for i in range(start, stop):
        row, total = x[i], 0.0
        for j in range(len(row)):
            total += row[j]
        y[i] = total / len(row)


# Of equal maxima the first in the plane counts, and the last of NaNs.


@Loops
def _maxima(x, depths, heights, widths, steps, indices, y, start, stop):
    height, width = x.shape[2:]
    greatest, places = np.empty(width, x.dtype), np.empty(width, indices.dtype)
    for p in range(start, stop):
        for d in range(y.shape[1]):
            for h in range(y.shape[2]):
                first = (depths[0, d] * height + heights[0, h]) * width
                for j in range(width):  # of each column of the window's rows
                    greatest[j], places[j] = -np.inf, first + j
                for k in range(depths[0, d], depths[1, d], steps[0]):
                    for i in range(heights[0, h], heights[1, h], steps[1]):
                        row, first = x[p, k, i], (k * height + i) * width
                        for j in range(width):
                            is_better = (row[j] > greatest[j]) | (row[j] != row[j])
                            greatest[j] = row[j] if is_better else greatest[j]
                            places[j] = first + j if is_better else places[j]
                out, where = y[p, d, h], indices[p, d, h]
                for w in range(len(out)):
                    best, at = greatest[widths[0, w]], places[widths[0, w]]
                    for j in range(widths[0, w] + steps[2], widths[1, w], steps[2]):
                        value, place = greatest[j], places[j]
                        # No `if`: the processor could only guess.
                        is_last_nan = (value != value) & ((best == best) | (place > at))
                        is_better = (value > best) | ((value == best) & (place < at)) | is_last_nan
                        best = value if is_better else best
                        at = place if is_better else at
                    out[w], where[w] = best, at


@Loops
def _maxima_of_four(x, y, indices, start, stop):
    width = x.shape[2]
    for p in range(start, stop):
        for i in range(y.shape[1]):
            upper, lower, out, places = x[p, 2 * i], x[p, 2 * i + 1], y[p, i], indices[p, i]
            for j in range(y.shape[2]):
                a, b, c, d = upper[2 * j], upper[2 * j + 1], lower[2 * j], lower[2 * j + 1]
                at = 2 * i * width + 2 * j
                b_is, greatest = (b > a) | (b != b), a
                greatest = b if b_is else greatest
                c_is = (c > greatest) | (c != c)
                greatest = c if c_is else greatest
                d_is = (d > greatest) | (d != d)
                out[j] = d if d_is else greatest
                places[j] = at + (width + 1 if d_is else (width if c_is else (1 if b_is else 0)))


# An index that lies outside its plane is noted, not followed: the reference then says what is wrong with it.


@Loops
def _gather(x, indices, y, outside, start, stop):
    for p in range(start, stop):
        plane, places, out = x[p], indices[p], y[p]
        for i in range(len(places)):
            at = places[i]
            if 0 <= at < len(plane):
                out[i] = plane[at]
            else:
                outside[0] = True


@Loops
def _scatter(g, indices, gx, outside, start, stop):
    for p in range(start, stop):
        plane, places, up = gx[p], indices[p], g[p]
        plane[:] = 0
        for i in range(len(places)):
            at = places[i]
            if 0 <= at < len(plane):
                plane[at] += up[i]
            else:
                outside[0] = True
