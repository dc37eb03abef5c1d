"""Batch normalisation as compiled loops: the functions of ``norm_numpy``, the same to the last digits of float32.

All sums are float64. What is summed was first shifted by the channel's first value: sums of squares lose no digits
then at any offset, and the deviations of a constant channel are exactly 0.

Two layouts in memory are looped over, and nothing is copied to get there. Runs, (N, C, L): the values of a channel lie
in N runs. Rows, (M, C): the channels of a sample lie side by side. Every pass goes through the memory in the order in
which it lies there, which is what the processor foresees: over as many channels at once as it takes. Other layouts are
copied, and 16-bit floats become float32.
"""

from __future__ import annotations

import math

import numpy as np

from minitorch_bn.kernels import norm_numpy as reference
from minitorch_bn.kernels._compiled import Loops, fused, inner, ordered
from minitorch_bn.kernels.norm_numpy import F64

NEAR = 16  # rows that are still in the cache when they are read again
LONG = 1 << 16  # elements: a stretch of memory long enough to be read at full speed
PART, ROWS = 1 << 15, 1 << 6  # elements and rows that a block of rows has at least, if there are not too few
BLOCKS = 8  # of rows at most, each with sums of its own: the result does not depend on the number of threads
NONE = math.nan  # as the limit below which values become 0: nothing is


def batch_norm(x, weight, bias, mask, eps, rectify=False):
    """y, mean and biased var (float64): see ``norm_numpy.batch_norm``."""
    if mask is not None or not x.size:
        return reference.batch_norm(x, weight, bias, mask, eps, rectify)
    rows, channels = _lies_in_rows(x), x.shape[1]
    v = _arranged(x, x.dtype, rows)
    y, out = _room(x, v.dtype, rows)
    mean, var, limit = np.empty(channels), np.empty(channels), 0.0 if rectify else NONE
    weight, bias = _numbers(weight, channels, 1.0, v.dtype), _numbers(bias, channels, 0.0, v.dtype)
    if rows:
        sums = _sums_of_blocks(v)
        if len(sums):
            _sum_rows(len(sums), v.size, v, sums)
        _forward_rows(len(v), v.size, v, weight, bias, eps, limit, sums, out, mean, var)
    else:
        _forward_runs(channels, v.size, v, weight, bias, eps, limit, out, mean, var)
    return as_dtype(y, x.dtype), mean, var


def batch_norm_backward(g, x, weight, mask, mean, var, eps, with_gx=True, dtype=F64):
    """gx, and gw and gb in that dtype: see ``norm_numpy.batch_norm_backward``."""
    if mask is not None or not x.size:
        return reference.batch_norm_backward(g, x, weight, mask, mean, var, eps, with_gx, dtype)
    rows, channels = _lies_in_rows(x), x.shape[1]
    u, v = _arranged(g, x.dtype, rows), _arranged(x, x.dtype, rows)
    gx, out = _room(x, v.dtype, rows) if with_gx else (None, np.empty((0, *v.shape[1:]), v.dtype))
    of_sums = F64 if dtype.itemsize == 2 else dtype
    gw, gb = np.empty(channels, of_sums), np.empty(channels, of_sums)
    weight = _numbers(weight, channels, 1.0, v.dtype)
    mean, var = _numbers(mean, channels, 0.0, F64), _numbers(var, channels, 1.0, F64)
    if rows:
        sums = _sums_of_blocks(v)
        if len(sums):
            _sum_products(len(sums), v.size, u, v, mean, sums)
        _backward_rows(len(v), v.size, u, v, weight, mean, var, eps, sums, out, gw, gb)
    else:
        _backward_runs(channels, v.size, u, v, weight, mean, var, eps, out, gw, gb)
    return None if gx is None else as_dtype(gx, x.dtype), as_dtype(gw, dtype), as_dtype(gb, dtype)


def normalize(x, weight, bias, mean, var, eps, rectify=False):
    """weight (x - mean) / sqrt(var + eps) + bias: see ``norm_numpy.normalize``."""
    rows, channels = _lies_in_rows(x), x.shape[1]
    v = _arranged(x, x.dtype, rows)
    y, out = _room(x, v.dtype, rows)
    weight, bias = _numbers(weight, channels, 1.0, v.dtype), _numbers(bias, channels, 0.0, v.dtype)
    mean, var = _numbers(mean, channels, 0.0, v.dtype), _numbers(var, channels, 1.0, v.dtype)
    limit = 0.0 if rectify else NONE
    (_normalize_rows if rows else _normalize_runs)(len(v), v.size, v, weight, bias, mean, var, eps, limit, out)
    return as_dtype(y, x.dtype)


def normalize_backward(g, x, weight, mean, var, eps, with_gx=True):
    """gx, and gw and gb (float64): see ``norm_numpy.normalize_backward``."""
    if not x.size:
        return reference.normalize_backward(g, x, weight, mean, var, eps, with_gx)
    if not with_gx:
        return batch_norm_backward(g, x, weight, None, mean, var, eps, with_gx)
    rows, channels = _lies_in_rows(x), x.shape[1]
    u, v = _arranged(g, x.dtype, rows), _arranged(x, x.dtype, rows)
    gx, out = _room(x, v.dtype, rows)
    weight = _numbers(weight, channels, 1.0, v.dtype)
    r = 1.0 / np.sqrt(var.astype(np.float64) + eps)
    mean, r = _numbers(mean, channels, 0.0, v.dtype), _numbers(r, channels, 1.0, v.dtype)
    if rows:
        sums = np.empty((max(_blocks(v), 1), 2, channels))
        _scale_rows(len(sums), v.size, u, v, weight, mean, r, out, sums)
        gb, gw = sums.sum(0)
        gw *= r
    else:
        gw, gb = np.empty(channels), np.empty(channels)
        _scale_runs(channels, v.size, u, v, weight, mean, r, out, gw, gb)
    return as_dtype(gx, x.dtype), gw, gb


def fold(running_mean, running_var, mean, var, ratio, momentum):
    """Moves running estimates: see ``norm_numpy.fold``."""
    writeable = running_mean.flags.writeable and running_var.flags.writeable
    if running_mean.dtype.char not in "fd" or type(ratio) is not float or not writeable:
        return reference.fold(running_mean, running_var, mean, var, ratio, momentum)
    finite = _fold(1, 1, running_mean, running_var, mean, var, ratio, momentum)
    return None if finite else reference.fold(running_mean, running_var, mean, var, ratio, momentum)


# -- layouts ---------------------------------------------------------------------------------------------------------


def _lies_in_rows(x: np.ndarray) -> bool:
    """Whether the channels of a sample lie side by side: (N, C) in C order, or channels last."""
    if x.flags.c_contiguous:
        return x.ndim == 2
    return reference.channels_last(x) if x.ndim > 2 else not x.flags.f_contiguous


def _arranged(x: np.ndarray, dtype: np.dtype, rows: bool) -> np.ndarray:
    """(N, C, *) -> (N, C, L) or, in rows, (N*L, C); a transposed (N, C) -> (1, C, N)."""
    return np.ascontiguousarray(_view(x, rows), np.float32 if dtype.itemsize == 2 else dtype)


def _view(x: np.ndarray, rows: bool) -> np.ndarray:
    if rows:
        return x if x.ndim == 2 else np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    return x.T[None] if x.ndim == 2 else x.reshape(*x.shape[:2], -1)


def _room(x: np.ndarray, dtype: np.dtype, rows: bool) -> tuple[np.ndarray, np.ndarray]:
    """Memory for a result with the shape of x, and its layout if that is not copied; and the same, ``_arranged``."""
    if rows == (x.ndim == 2):
        y = np.empty(x.shape, dtype)
        if rows:
            return y, y
    elif rows:  # channels last
        y = np.moveaxis(np.empty((len(x), *x.shape[2:], x.shape[1]), dtype), -1, 1)
    else:
        y = np.empty(x.shape[::-1], dtype).T
    return y, _view(y, rows)


def _sums_of_blocks(rows: np.ndarray) -> np.ndarray:
    """Memory for two sums of each channel in each block of rows."""
    return np.empty((_blocks(rows), 2, rows.shape[1])) if rows.size >= PART else _NO_SUMS


_NO_SUMS = np.empty((0, 2, 0))  # few rows are summed in one go


def _blocks(rows: np.ndarray) -> int:
    """How many blocks of rows have sums of their own."""
    return min(rows.size // PART, max(len(rows) // ROWS, 2), BLOCKS)


def as_dtype(y: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Rounded to that dtype, if it has another."""
    return y if y.dtype == dtype else y.astype(dtype)


def _numbers(values: np.ndarray | None, channels: int, default: float, dtype: np.dtype) -> np.ndarray:
    """One number for each channel."""
    return np.full(channels, default, dtype) if values is None else np.ascontiguousarray(values, dtype)


@Loops
def _fold(running_mean, running_var, mean, var, ratio, momentum, start, stop):
    finite = True
    for c in range(len(mean) if start < stop else 0):
        value1, value2 = running_mean.dtype.type(mean[c]), running_var.dtype.type(ratio * var[c])
        finite &= np.isfinite(value1) & np.isfinite(value2)
    if finite:
        for c in range(len(mean) if start < stop else 0):
            running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean[c]
            running_var[c] = (1 - momentum) * running_var[c] + momentum * (ratio * var[c])
    return finite


# -- a channel in runs: (N, C, L) ------------------------------------------------------------------------------------
# What does not change in an innermost loop has a name of its own: as far as the compiler knows, arrays may overlap.


@Loops
def _forward_runs(x, weight, bias, eps, limit, y, mean, var, start, stop):
    samples, _, length = x.shape
    count, step, least = samples * length, max(LONG // length, 1), x.dtype.type(limit)
    for c in range(start, stop, step):
        end = min(c + step, stop)
        first = x[0, c:end, 0].astype(np.float64)
        total, squares = np.zeros(end - c), np.zeros(end - c)
        for n in range(samples):
            for k in range(end - c):
                run, origin, sum1, sum2 = x[n, c + k], first[k], 0.0, 0.0
                for i in range(length):
                    deviation = difference(run[i], origin)
                    sum1 += deviation
                    sum2 += deviation * deviation
                total[k] += sum1
                squares[k] += sum2
        middle, factor, shift = np.empty(end - c, x.dtype), np.empty(end - c, x.dtype), np.empty(end - c, x.dtype)
        _finish_forward(first, total, squares, count, weight[c:end], bias[c:end], eps, middle, factor, shift)
        _set(mean[c:end], var[c:end], total, squares)
        for n in range(samples):
            for k in range(end - c):
                run, out, m, f, s = x[n, c + k], y[n, c + k], middle[k], factor[k], shift[k]
                for i in range(length):
                    value = difference(run[i], m) * f + s
                    out[i] = least if value < least else value


@Loops
def _backward_runs(g, x, weight, mean, var, eps, gx, gw, gb, start, stop):
    samples, _, length = x.shape
    count, step = samples * length, max(LONG // length, 1)
    for c in range(start, stop, step):
        end = min(c + step, stop)
        total, product = np.zeros(end - c), np.zeros(end - c)
        for n in range(samples):
            for k in range(end - c):
                run, up, centre, sum1, sum2 = x[n, c + k], g[n, c + k], mean[c + k], 0.0, 0.0
                for i in range(length):
                    u = np.float64(up[i])
                    sum1 += u
                    sum2 += u * difference(run[i], centre)
                total[k] += sum1
                product[k] += sum2
        middle, part, steep, factor, rest = np.empty((5, end - c), x.dtype)
        _finish_backward(
            total, product, count, weight[c:end], mean[c:end], var[c:end], eps, middle, part, steep, factor, rest
        )
        _set(gw[c:end], gb[c:end], product, total)
        for n in range(len(gx)):  # none if it is not asked for
            for k in range(end - c):
                run, up, out = x[n, c + k], g[n, c + k], gx[n, c + k]
                m, a, b, f, z = middle[k], part[k], steep[k], factor[k], rest[k]
                for i in range(length):
                    out[i] = difference(difference(up[i], a), difference(run[i], m) * b) * f + z


@Loops
def _normalize_runs(x, weight, bias, mean, var, eps, limit, y, start, stop):
    _, channels, length = x.shape
    scale, least = np.empty(channels, x.dtype), x.dtype.type(limit)
    for c in range(channels):
        scale[c] = weight[c] / np.sqrt(var[c] + np.float64(eps))
    for n in range(start, stop):
        for c in range(channels):
            run, out, centre, factor, shift = x[n, c], y[n, c], mean[c], scale[c], bias[c]
            for i in range(length):
                value = (run[i] - centre) * factor + shift
                out[i] = least if value < least else value


@Loops
def _scale_runs(g, x, weight, mean, r, gx, gw, gb, start, stop):
    samples, _, length = x.shape
    total, product = np.zeros(stop - start), np.zeros(stop - start)
    for n in range(samples):
        for c in range(start, stop):
            run, up, out, centre, factor, sum1, sum2 = x[n, c], g[n, c], gx[n, c], mean[c], weight[c] * r[c], 0.0, 0.0
            for i in range(length):
                u = np.float64(up[i])
                sum1 += u
                sum2 += u * difference(run[i], centre)
                out[i] = up[i] * factor
            total[c - start] += sum1
            product[c - start] += sum2
    for c in range(start, stop):
        gw[c], gb[c] = product[c - start] * r[c], total[c - start]


# -- channels side by side: (M, C) -----------------------------------------------------------------------------------
# Threads share rows, for memory is fastest read as it lies. If there are many, blocks of rows have sums of their own,
# added up in the same order whoever computed them. Several rows are taken at a time: a sum in memory is slow to add to.


@ordered
def _sum_rows(x, sums, start, stop):
    for b in range(start, stop):
        begin, end = len(x) * b // len(sums), len(x) * (b + 1) // len(sums)
        total, squares = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        _add_deviations(x, begin, end, total, squares)
        _set(sums[b, 0], sums[b, 1], total, squares)


@ordered
def _forward_rows(x, weight, bias, eps, limit, sums, y, mean, var, start, stop):
    (count, width), first = x.shape, x[0]
    total, squares = np.zeros(width), np.zeros(width)
    if len(sums):
        _add_up(sums, total, squares)
    elif start < stop:
        _add_deviations(x, 0, count, total, squares)
    middle, factor, shift = np.empty(width, x.dtype), np.empty(width, x.dtype), np.empty(width, x.dtype)
    _finish_forward(first, total, squares, count, weight, bias, eps, middle, factor, shift)
    if start == 0:
        _set(mean, var, total, squares)
    least = x.dtype.type(limit)
    for n in range(start, stop):
        row, out = x[n], y[n]
        for k in range(width):
            value = (row[k] - middle[k]) * factor[k] + shift[k]
            out[k] = least if value < least else value


@ordered
def _sum_products(g, x, mean, sums, start, stop):
    for b in range(start, stop):
        begin, end = len(x) * b // len(sums), len(x) * (b + 1) // len(sums)
        total, product = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        _add_products(g, x, begin, end, mean, total, product)
        _set(sums[b, 0], sums[b, 1], total, product)


@ordered
def _backward_rows(g, x, weight, mean, var, eps, sums, gx, gw, gb, start, stop):
    count, width = x.shape
    total, product = np.zeros(width), np.zeros(width)
    if len(sums):
        _add_up(sums, total, product)
    elif start < stop:
        _add_products(g, x, 0, count, mean, total, product)
    middle, part, rest = np.empty(width, x.dtype), np.empty(width, x.dtype), np.empty(width, x.dtype)
    steep, factor = np.empty(width, x.dtype), np.empty(width, x.dtype)
    _finish_backward(total, product, count, weight, mean, var, eps, middle, part, steep, factor, rest)
    if start == 0:
        _set(gw, gb, product, total)
    for n in range(start, min(stop, len(gx))):  # none if it is not asked for
        row, up, out = x[n], g[n], gx[n]
        for k in range(width):
            out[k] = ((up[k] - part[k]) - (row[k] - middle[k]) * steep[k]) * factor[k] + rest[k]


@ordered
def _normalize_rows(x, weight, bias, mean, var, eps, limit, y, start, stop):
    scale, least = np.empty(x.shape[1], x.dtype), x.dtype.type(limit)
    for c in range(len(scale)):
        scale[c] = weight[c] / np.sqrt(var[c] + np.float64(eps))
    for n in range(start, stop):
        row, out = x[n], y[n]
        for c in range(len(row)):
            value = (row[c] - mean[c]) * scale[c] + bias[c]
            out[c] = least if value < least else value


@ordered
def _scale_rows(g, x, weight, mean, r, gx, sums, start, stop):
    scale = np.empty(x.shape[1], x.dtype)
    for c in range(len(scale)):
        scale[c] = weight[c] * r[c]
    for b in range(start, stop):
        begin, end = len(x) * b // len(sums), len(x) * (b + 1) // len(sums)
        total, product = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        for n in range(begin, end, NEAR):
            near = min(n + NEAR, end)
            _add_products(g, x, n, near, mean, total, product)
            for m in range(n, near):
                up, out = g[m], gx[m]
                for k in range(len(up)):
                    out[k] = up[k] * scale[k]
        _set(sums[b, 0], sums[b, 1], total, product)


@fused
def _add_deviations(x, begin, end, total, squares):
    """Adds the deviations of some rows from the first row of all, and their squares."""
    origin, even = x[0].astype(np.float64), end - (end - begin) % 4
    for n in range(begin, even, 4):
        row1, row2, row3, row4 = x[n], x[n + 1], x[n + 2], x[n + 3]
        for k in range(len(origin)):
            d1, d2, d3, d4 = row1[k] - origin[k], row2[k] - origin[k], row3[k] - origin[k], row4[k] - origin[k]
            total[k] += (d1 + d2) + (d3 + d4)
            squares[k] += (d1 * d1 + d2 * d2) + (d3 * d3 + d4 * d4)
    for n in range(even, end):
        row = x[n]
        for k in range(len(origin)):
            d = row[k] - origin[k]
            total[k] += d
            squares[k] += d * d


@fused
def _add_products(g, x, begin, end, mean, total, product):
    """Adds some rows of g, and their products with the deviations from the mean."""
    centre, even = mean.astype(np.float64), end - (end - begin) % 4
    for n in range(begin, even, 4):
        row1, row2, row3, row4 = x[n], x[n + 1], x[n + 2], x[n + 3]
        up1, up2, up3, up4 = g[n], g[n + 1], g[n + 2], g[n + 3]
        for k in range(len(centre)):
            u1, u2, u3, u4 = np.float64(up1[k]), np.float64(up2[k]), np.float64(up3[k]), np.float64(up4[k])
            m = centre[k]
            total[k] += (u1 + u2) + (u3 + u4)
            product[k] += (u1 * (row1[k] - m) + u2 * (row2[k] - m)) + (u3 * (row3[k] - m) + u4 * (row4[k] - m))
    for n in range(even, end):
        row, up = x[n], g[n]
        for k in range(len(centre)):
            u = np.float64(up[k])
            total[k] += u
            product[k] += u * (row[k] - centre[k])


@inner
def _add_up(sums, total1, total2):
    """(B, 2, C) -> two times (C,)"""
    for b in range(len(sums)):
        sum1, sum2 = sums[b]
        for k in range(len(total1)):
            total1[k] += sum1[k]
            total2[k] += sum2[k]


@inner
def _set(to1, to2, from1, from2):
    """Whole arrays at once would say the same, and more than double what there is to compile: they may not match."""
    for k in range(len(to1)):
        to1[k], to2[k] = from1[k], from2[k]


# -- from a channel's sums to the numbers that the last pass takes ---------------------------------------------------
# The last pass has the precision in which these are asked for. There a mean is a pair of numbers, the second of which
# is what the first lacks: the first is subtracted, the second is part of what is added in the end. Inner functions are
# not reordered, as loops may be: that would take the second for 0.


@fused
def difference(value, origin):
    """A difference that is taken before anything is added to it: in sums that may be reordered."""
    return value - origin


@inner
def _finish_forward(first, total, squares, count, weight, bias, eps, middle, factor, shift):
    """y = (x - middle) factor + shift; the sums of deviations from ``first`` become mean and variance."""
    for k in range(len(total)):
        centre = total[k] / count
        spread = (squares[k] - total[k] * centre) / count
        total[k], squares[k] = first[k] + centre, 0.0 if spread < 0.0 else spread
        scale = weight[k] / np.sqrt(squares[k] + eps)
        middle[k], factor[k] = total[k], scale
        shift[k] = bias[k] - ((first[k] - np.float64(middle[k])) + centre) * scale


@inner
def _finish_backward(total, product, count, weight, mean, var, eps, middle, part, steep, factor, rest):
    """gx = ((g - part) - (x - middle) steep) factor + rest; ``product`` becomes the gradient of the weight."""
    for k in range(len(total)):
        r, average = 1.0 / np.sqrt(var[k] + eps), total[k] / count
        product[k] *= r
        slope, scale = product[k] * r / count, weight[k] * r
        middle[k], part[k], steep[k], factor[k] = mean[k], average, slope, scale
        rest[k] = ((mean[k] - np.float64(middle[k])) * slope - (average - np.float64(part[k]))) * scale
