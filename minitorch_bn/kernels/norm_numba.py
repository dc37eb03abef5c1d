"""Batch normalisation as compiled loops: the functions of ``norm_numpy``, the same to the last digits of float32.

All arithmetic is float64. What is summed was first shifted by the channel's first value: sums of squares lose no digits
then at any offset, and the deviations of a constant channel are exactly 0.

Two layouts in memory are looped over, and nothing is copied to get there. Runs, (N, C, L): the values of a channel lie
in N runs; so many channels at a time as stay in the cache are read once from memory, and all passes over them follow.
Rows, (M, C): the channels of a sample lie side by side; every pass goes through the rows in order, in blocks, each with
sums of its own. Other layouts are copied, and 16-bit floats become float32.
"""

from __future__ import annotations

import numpy as np

from minitorch_bn.kernels import norm_numpy as reference
from minitorch_bn.kernels._compiled import Loops
from minitorch_bn.kernels.threads import ALONE

CACHED = 1 << 17  # elements that stay in a second-level cache


def batch_norm(x, weight, bias, mask, eps):
    """y, mean and biased var (float64): see ``norm_numpy.batch_norm``."""
    if mask is not None or not x.size:
        return reference.batch_norm(x, weight, bias, mask, eps)
    rows, channels = _lies_in_rows(x), x.shape[1]
    v = _arranged(x, x.dtype, rows)
    weight, bias = _numbers(weight, channels, 1.0), _numbers(bias, channels, 0.0)
    y, mean, var = np.empty(v.shape, v.dtype), np.empty(channels), np.empty(channels)
    if rows:
        first, total, squares = v[0].astype(np.float64), *_sums(v)
        centre, scale = np.empty(channels), np.empty(channels)
        _add_deviations(len(total), v.size, v, first, total, squares)
        _statistics(channels, 0, len(v), first, total, squares, weight, eps, mean, var, centre, scale)
        _normalize_rows(len(v), v.size, v, first, centre, scale, bias, y)
    else:
        _forward_runs(channels, v.size, v, weight, bias, eps, y, mean, var)
    return _restored(y, x, rows), mean, var


def batch_norm_backward(g, x, weight, mask, mean, var, eps):
    """gx, and gw and gb (float64): see ``norm_numpy.batch_norm_backward``."""
    if mask is not None or not x.size:
        return reference.batch_norm_backward(g, x, weight, mask, mean, var, eps)
    rows, channels = _lies_in_rows(x), x.shape[1]
    u, v = _arranged(g, x.dtype, rows), _arranged(x, x.dtype, rows)
    weight = _numbers(weight, channels, 1.0)
    gx, gw, gb = np.empty(v.shape, v.dtype), np.empty(channels), np.empty(channels)
    if rows:
        total, product = _sums(v)
        scale, average, slope = np.empty(channels), np.empty(channels), np.empty(channels)
        _add_products(len(total), v.size, u, v, mean, total, product)
        _slopes(channels, 0, len(v), total, product, weight, var, eps, gw, gb, scale, average, slope)
        _backward_rows(len(v), v.size, u, v, mean, scale, average, slope, gx)
    else:
        _backward_runs(channels, v.size, u, v, weight, mean, var, eps, gx, gw, gb)
    return _restored(gx, x, rows), gw, gb


def normalize(x, weight, bias, mean, var, eps):
    """weight (x - mean) / sqrt(var + eps) + bias: see ``norm_numpy.normalize``."""
    rows, channels = _lies_in_rows(x), x.shape[1]
    v = _arranged(x, x.dtype, rows)
    y = np.empty(v.shape, v.dtype)
    mean, bias = _numbers(mean, channels, 0.0), _numbers(bias, channels, 0.0)
    scale = _numbers(weight, channels, 1.0) / np.sqrt(var + np.float64(eps))
    if rows:
        _normalize_rows(len(v), v.size, v, mean, np.zeros(channels), scale, bias, y)
    else:
        _normalize_runs(len(v), v.size, v, mean, scale, bias, y)
    return _restored(y, x, rows)


# -- layouts ---------------------------------------------------------------------------------------------------------


def _lies_in_rows(x: np.ndarray) -> bool:
    """Whether the channels of a sample lie side by side: (N, C) in C order, or channels last."""
    if x.flags.c_contiguous:
        return x.ndim == 2
    return np.moveaxis(x, 1, -1).flags.c_contiguous if x.ndim > 2 else not x.flags.f_contiguous


def _arranged(x: np.ndarray, dtype: np.dtype, rows: bool) -> np.ndarray:
    """(N, C, *) -> (N, C, L) or, in rows, (N*L, C); a transposed (N, C) -> (1, C, N)."""
    if rows:
        x = x if x.ndim == 2 else np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    else:
        x = x.T[None] if x.ndim == 2 else x.reshape(*x.shape[:2], -1)
    return np.ascontiguousarray(x, np.float32 if dtype.itemsize == 2 else dtype)


def _restored(y: np.ndarray, x: np.ndarray, rows: bool) -> np.ndarray:
    """Undoes ``_arranged``: y with the shape of x, and its layout if that was not copied."""
    if x.ndim == 2:
        y = y if rows else y[0].T
    else:
        y = np.moveaxis(y.reshape(len(x), *x.shape[2:], -1), -1, 1) if rows else y.reshape(x.shape)
    return y.astype(x.dtype, copy=False)


def _numbers(values: np.ndarray | None, channels: int, default: float) -> np.ndarray:
    """One float64 for each channel."""
    return np.full(channels, default) if values is None else np.ascontiguousarray(values, np.float64)


# -- a channel in runs: (N, C, L) ------------------------------------------------------------------------------------
# What does not change in an innermost loop has a name of its own: as far as the compiler knows, arrays may overlap.


@Loops
def _forward_runs(x, weight, bias, eps, y, mean, var, start, stop):
    samples, _, length = x.shape
    count = samples * length
    step = max(CACHED // count, 1)
    for c in range(start, stop, step):
        end = min(c + step, stop)
        first = x[0, c:end, 0].astype(np.float64)
        total, squares = np.zeros(end - c), np.zeros(end - c)
        for n in range(samples):
            for k in range(end - c):
                run, origin, sum1, sum2 = x[n, c + k], first[k], 0.0, 0.0
                for i in range(length):
                    deviation = run[i] - origin
                    sum1 += deviation
                    sum2 += deviation * deviation
                total[k] += sum1
                squares[k] += sum2
        centre = total / count
        mean[c:end], var[c:end] = first + centre, np.maximum(squares - total * centre, 0.0) / count
        scale = weight[c:end] / np.sqrt(var[c:end] + eps)
        for n in range(samples):
            for k in range(end - c):
                run, out, origin, middle = x[n, c + k], y[n, c + k], first[k], centre[k]
                factor, shift = scale[k], bias[c + k]
                for i in range(length):
                    out[i] = ((run[i] - origin) - middle) * factor + shift


@Loops
def _backward_runs(g, x, weight, mean, var, eps, gx, gw, gb, start, stop):
    samples, _, length = x.shape
    count = samples * length
    step = max(CACHED // (2 * count), 1)
    for c in range(start, stop, step):
        end = min(c + step, stop)
        r = 1.0 / np.sqrt(var[c:end] + eps)
        total, product = np.zeros(end - c), np.zeros(end - c)
        for n in range(samples):
            for k in range(end - c):
                run, up, centre, sum1, sum2 = x[n, c + k], g[n, c + k], mean[c + k], 0.0, 0.0
                for i in range(length):
                    sum1 += up[i]
                    sum2 += up[i] * (run[i] - centre)
                total[k] += sum1
                product[k] += sum2
        gw[c:end], gb[c:end] = product * r, total
        average, slope = total / count, product * r * r / count
        for n in range(samples):
            for k in range(end - c):
                run, up, out, centre = x[n, c + k], g[n, c + k], gx[n, c + k], mean[c + k]
                a, b, factor = average[k], slope[k], weight[c + k] * r[k]
                for i in range(length):
                    out[i] = ((up[i] - a) - (run[i] - centre) * b) * factor


@Loops
def _normalize_runs(x, mean, scale, bias, y, start, stop):
    _, channels, length = x.shape
    for n in range(start, stop):
        for c in range(channels):
            run, out, centre, factor, shift = x[n, c], y[n, c], mean[c], scale[c], bias[c]
            for i in range(length):
                out[i] = (run[i] - centre) * factor + shift


# -- channels side by side: (M, C) -----------------------------------------------------------------------------------
# Four rows at a time, for a sum that lies in memory is slow to add to.


def _sums(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two sums for each channel and block of rows; how many blocks depends on nothing but the shape."""
    shape = (1 if v.size <= ALONE else min(16, -(-len(v) // 4)), v.shape[1])
    return np.zeros(shape), np.zeros(shape)


@Loops
def _add_deviations(x, first, total, squares, start, stop):
    blocks, width = total.shape
    for block in range(start, stop):
        sum1, sum2 = total[block], squares[block]
        n, end = len(x) * block // blocks, len(x) * (block + 1) // blocks
        while n + 4 <= end:
            row1, row2, row3, row4 = x[n], x[n + 1], x[n + 2], x[n + 3]
            for c in range(width):
                d1, d2, d3, d4 = row1[c] - first[c], row2[c] - first[c], row3[c] - first[c], row4[c] - first[c]
                sum1[c] += (d1 + d2) + (d3 + d4)
                sum2[c] += (d1 * d1 + d2 * d2) + (d3 * d3 + d4 * d4)
            n += 4
        while n < end:
            row = x[n]
            for c in range(width):
                d = row[c] - first[c]
                sum1[c] += d
                sum2[c] += d * d
            n += 1


@Loops
def _statistics(count, first, total, squares, weight, eps, mean, var, centre, scale, start, stop):
    for c in range(start, stop):
        sum1, sum2 = total[:, c].sum(), squares[:, c].sum()
        centre[c] = sum1 / count
        mean[c] = first[c] + centre[c]
        var[c] = np.maximum(sum2 - sum1 * centre[c], 0.0) / count
        scale[c] = weight[c] / np.sqrt(var[c] + eps)


@Loops
def _normalize_rows(x, first, centre, scale, bias, y, start, stop):
    for n in range(start, stop):
        row, out = x[n], y[n]
        for c in range(len(row)):
            out[c] = ((row[c] - first[c]) - centre[c]) * scale[c] + bias[c]


@Loops
def _add_products(g, x, mean, total, product, start, stop):
    blocks, width = total.shape
    for block in range(start, stop):
        sum1, sum2 = total[block], product[block]
        n, end = len(x) * block // blocks, len(x) * (block + 1) // blocks
        while n + 4 <= end:
            row1, row2, row3, row4 = x[n], x[n + 1], x[n + 2], x[n + 3]
            up1, up2, up3, up4 = g[n], g[n + 1], g[n + 2], g[n + 3]
            for c in range(width):
                u1, u2, u3, u4 = np.float64(up1[c]), np.float64(up2[c]), np.float64(up3[c]), np.float64(up4[c])
                m = mean[c]
                sum1[c] += (u1 + u2) + (u3 + u4)
                sum2[c] += (u1 * (row1[c] - m) + u2 * (row2[c] - m)) + (u3 * (row3[c] - m) + u4 * (row4[c] - m))
            n += 4
        while n < end:
            row, up = x[n], g[n]
            for c in range(width):
                sum1[c] += up[c]
                sum2[c] += up[c] * (row[c] - mean[c])
            n += 1


@Loops
def _slopes(count, total, product, weight, var, eps, gw, gb, scale, average, slope, start, stop):
    for c in range(start, stop):
        r = 1.0 / np.sqrt(var[c] + eps)
        gb[c], gw[c] = total[:, c].sum(), product[:, c].sum() * r
        scale[c] = weight[c] * r
        average[c], slope[c] = gb[c] / count, gw[c] * r / count


@Loops
def _backward_rows(g, x, mean, scale, average, slope, gx, start, stop):
    for n in range(start, stop):
        row, up, out = x[n], g[n], gx[n]
        for c in range(len(row)):
            out[c] = ((up[c] - average[c]) - (row[c] - mean[c]) * slope[c]) * scale[c]
