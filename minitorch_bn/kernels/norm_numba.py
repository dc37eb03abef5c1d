"""Batch normalisation as compiled loops: the functions of ``norm_numpy``, the same to the last digits of float32.

All sums are float64. What is summed was first shifted by the channel's first value: sums of squares lose no digits
then at any offset, and the deviations of a constant channel are exactly 0.

Two layouts in memory are looped over, and nothing is copied to get there. Runs, (N, C, L): the values of a channel lie
in N runs. Rows, (M, C): the channels of a sample lie side by side. Every pass goes through the memory in the order in
which it lies there, which is what the processor foresees: over as many channels at once as it takes. Other layouts are
copied, and 16-bit floats become float32.
"""

from __future__ import annotations

import numpy as np

from minitorch_bn.kernels import norm_numpy as reference
from minitorch_bn.kernels._compiled import Loops, ordered

LONG = 1 << 16  # elements: a stretch of memory long enough to be read at full speed
WIDTH = 64  # channels that a thread takes of each row, at least


def batch_norm(x, weight, bias, mask, eps):
    """y, mean and biased var (float64): see ``norm_numpy.batch_norm``."""
    if mask is not None or not x.size:
        return reference.batch_norm(x, weight, bias, mask, eps)
    rows, channels = _lies_in_rows(x), x.shape[1]
    v, y, out = _arranged(x, x.dtype, rows), *_room(x, rows)
    mean, var = np.empty(channels), np.empty(channels)
    weight, bias = _numbers(weight, channels, 1.0, v.dtype), _numbers(bias, channels, 0.0, v.dtype)
    if rows:
        _forward_rows(-(-channels // WIDTH), v.size, v, weight, bias, eps, out, mean, var)
    else:
        _forward_runs(channels, v.size, v, weight, bias, eps, out, mean, var)
    return _as_dtype(y, x.dtype), mean, var


def batch_norm_backward(g, x, weight, mask, mean, var, eps):
    """gx, and gw and gb (float64): see ``norm_numpy.batch_norm_backward``."""
    if mask is not None or not x.size:
        return reference.batch_norm_backward(g, x, weight, mask, mean, var, eps)
    rows, channels = _lies_in_rows(x), x.shape[1]
    u, v, gx, out = _arranged(g, x.dtype, rows), _arranged(x, x.dtype, rows), *_room(x, rows)
    gw, gb = np.empty(channels), np.empty(channels)
    weight = _numbers(weight, channels, 1.0, v.dtype)
    if rows:
        _backward_rows(-(-channels // WIDTH), v.size, u, v, weight, mean, var, eps, out, gw, gb)
    else:
        _backward_runs(channels, v.size, u, v, weight, mean, var, eps, out, gw, gb)
    return _as_dtype(gx, x.dtype), gw, gb


def normalize(x, weight, bias, mean, var, eps):
    """weight (x - mean) / sqrt(var + eps) + bias: see ``norm_numpy.normalize``."""
    rows, channels = _lies_in_rows(x), x.shape[1]
    v, y, out = _arranged(x, x.dtype, rows), *_room(x, rows)
    weight, bias = _numbers(weight, channels, 1.0, v.dtype), _numbers(bias, channels, 0.0, v.dtype)
    mean, var = _numbers(mean, channels, 0.0, v.dtype), _numbers(var, channels, 1.0, v.dtype)
    (_normalize_rows if rows else _normalize_runs)(len(v), v.size, v, weight, bias, mean, var, eps, out)
    return _as_dtype(y, x.dtype)


def normalize_backward(g, x, weight, mean, r):
    """gx, and gw and gb (float64): see ``norm_numpy.normalize_backward``."""
    if not x.size:
        return reference.normalize_backward(g, x, weight, mean, r)
    rows, channels = _lies_in_rows(x), x.shape[1]
    u, v, gx, out = _arranged(g, x.dtype, rows), _arranged(x, x.dtype, rows), *_room(x, rows)
    gw, gb = np.empty(channels), np.empty(channels)
    weight = _numbers(weight, channels, 1.0, v.dtype)
    mean, r = _numbers(mean, channels, 0.0, v.dtype), _numbers(r, channels, 1.0, v.dtype)
    if rows:
        _scale_rows(-(-channels // WIDTH), v.size, u, v, weight, mean, r, out, gw, gb)
    else:
        _scale_runs(channels, v.size, u, v, weight, mean, r, out, gw, gb)
    return _as_dtype(gx, x.dtype), gw, gb


def fold(running_mean, running_var, mean, var, ratio, momentum):
    """Moves running estimates: see ``norm_numpy.fold``."""
    if running_mean.dtype.char not in "fd" or type(ratio) is not float:
        return reference.fold(running_mean, running_var, mean, var, ratio, momentum)
    finite = np.array([True])
    _fold(1, 1, running_mean, running_var, mean, var, ratio, momentum, finite)
    return None if finite[0] else reference.fold(running_mean, running_var, mean, var, ratio, momentum)


# -- layouts ---------------------------------------------------------------------------------------------------------


def _lies_in_rows(x: np.ndarray) -> bool:
    """Whether the channels of a sample lie side by side: (N, C) in C order, or channels last."""
    if x.flags.c_contiguous:
        return x.ndim == 2
    return np.moveaxis(x, 1, -1).flags.c_contiguous if x.ndim > 2 else not x.flags.f_contiguous


def _arranged(x: np.ndarray, dtype: np.dtype, rows: bool) -> np.ndarray:
    """(N, C, *) -> (N, C, L) or, in rows, (N*L, C); a transposed (N, C) -> (1, C, N)."""
    return np.ascontiguousarray(_view(x, rows), np.float32 if dtype.itemsize == 2 else dtype)


def _view(x: np.ndarray, rows: bool) -> np.ndarray:
    if rows:
        return x if x.ndim == 2 else np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    return x.T[None] if x.ndim == 2 else x.reshape(*x.shape[:2], -1)


def _room(x: np.ndarray, rows: bool) -> tuple[np.ndarray, np.ndarray]:
    """Memory for a result with the shape of x, and its layout if that is not copied; and the same, ``_arranged``."""
    dtype = np.dtype(np.float32) if x.dtype.itemsize == 2 else x.dtype
    if rows == (x.ndim == 2):
        y = np.empty(x.shape, dtype)
    elif rows:  # channels last
        y = np.moveaxis(np.empty((len(x), *x.shape[2:], x.shape[1]), dtype), -1, 1)
    else:
        y = np.empty(x.shape[::-1], dtype).T
    return y, _view(y, rows)


def _as_dtype(y: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return y if y.dtype == dtype else y.astype(dtype)


def _numbers(values: np.ndarray | None, channels: int, default: float, dtype: np.dtype) -> np.ndarray:
    """One number for each channel."""
    return np.full(channels, default, dtype) if values is None else np.ascontiguousarray(values, dtype)


@Loops
def _fold(running_mean, running_var, mean, var, ratio, momentum, finite, start, stop):
    for c in range(len(mean) if start < stop else 0):
        value1, value2 = running_mean.dtype.type(mean[c]), running_var.dtype.type(ratio * var[c])
        finite[0] &= np.isfinite(value1) & np.isfinite(value2)
    if finite[0]:
        for c in range(len(mean) if start < stop else 0):
            running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean[c]
            running_var[c] = (1 - momentum) * running_var[c] + momentum * (ratio * var[c])


# -- a channel in runs: (N, C, L) ------------------------------------------------------------------------------------
# What does not change in an innermost loop has a name of its own: as far as the compiler knows, arrays may overlap.


@Loops
def _forward_runs(x, weight, bias, eps, y, mean, var, start, stop):
    samples, _, length = x.shape
    count, step = samples * length, max(LONG // length, 1)
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
                factor, shift = scale[k], np.float64(bias[c + k])
                for i in range(length):
                    out[i] = ((run[i] - origin) - middle) * factor + shift


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
                    sum2 += u * (run[i] - centre)
                total[k] += sum1
                product[k] += sum2
        r = 1.0 / np.sqrt(var[c:end] + eps)
        gw[c:end], gb[c:end] = product * r, total
        average, slope, scale = total / count, product * r * r / count, weight[c:end] * r
        for n in range(samples):
            for k in range(end - c):
                run, up, out, centre = x[n, c + k], g[n, c + k], gx[n, c + k], mean[c + k]
                a, b, factor = average[k], slope[k], scale[k]
                for i in range(length):
                    out[i] = ((up[i] - a) - (run[i] - centre) * b) * factor


@Loops
def _normalize_runs(x, weight, bias, mean, var, eps, y, start, stop):
    _, channels, length = x.shape
    scale = weight / np.sqrt(var + np.float64(eps))
    for n in range(start, stop):
        for c in range(channels):
            run, out, centre, factor, shift = x[n, c], y[n, c], mean[c], scale[c], np.float64(bias[c])
            for i in range(length):
                out[i] = (run[i] - centre) * factor + shift


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
                sum2 += u * (run[i] - centre)
                out[i] = up[i] * factor
            total[c - start] += sum1
            product[c - start] += sum2
    gw[start:stop], gb[start:stop] = product * r[start:stop], total


# -- channels side by side: (M, C) -----------------------------------------------------------------------------------
# Several rows at a time, for a sum that lies in memory is slow to add to. A channel's numbers are read again for each
# row: in the last pass, where no more is added up, they have the precision of x. There a mean is a pair of them, the
# second of which is what the first lacks, and they are subtracted in this order.


@ordered
def _forward_rows(x, weight, bias, eps, y, mean, var, start, stop):
    count, c, end = len(x) if start < stop else 0, start * WIDTH, min(stop * WIDTH, x.shape[1])
    width, even = end - c, count - count % 4
    first = x[0, c:end].astype(np.float64)
    total, squares = np.zeros(width), np.zeros(width)
    for n in range(0, even, 4):
        row1, row2, row3, row4 = x[n, c:end], x[n + 1, c:end], x[n + 2, c:end], x[n + 3, c:end]
        for k in range(width):
            d1, d2, d3, d4 = row1[k] - first[k], row2[k] - first[k], row3[k] - first[k], row4[k] - first[k]
            total[k] += (d1 + d2) + (d3 + d4)
            squares[k] += (d1 * d1 + d2 * d2) + (d3 * d3 + d4 * d4)
    for n in range(even, count):
        row = x[n, c:end]
        for k in range(width):
            d = row[k] - first[k]
            total[k] += d
            squares[k] += d * d
    centre = total / count
    mean[c:end], var[c:end] = first + centre, np.maximum(squares - total * centre, 0.0) / count
    scale = (weight[c:end] / np.sqrt(var[c:end] + eps)).astype(x.dtype)
    middle = mean[c:end].astype(x.dtype)
    rest, shift = ((first - middle) + centre).astype(x.dtype), bias[c:end]
    for n in range(count):
        row, out = x[n, c:end], y[n, c:end]
        for k in range(width):
            out[k] = ((row[k] - middle[k]) - rest[k]) * scale[k] + shift[k]


@ordered
def _backward_rows(g, x, weight, mean, var, eps, gx, gw, gb, start, stop):
    count, c, end = len(x) if start < stop else 0, start * WIDTH, min(stop * WIDTH, x.shape[1])
    width, even = end - c, count - count % 4
    centre, total, product = mean[c:end], np.zeros(width), np.zeros(width)
    for n in range(0, even, 4):
        row1, row2, row3, row4 = x[n, c:end], x[n + 1, c:end], x[n + 2, c:end], x[n + 3, c:end]
        up1, up2, up3, up4 = g[n, c:end], g[n + 1, c:end], g[n + 2, c:end], g[n + 3, c:end]
        for k in range(width):
            u1, u2, u3, u4 = np.float64(up1[k]), np.float64(up2[k]), np.float64(up3[k]), np.float64(up4[k])
            m = centre[k]
            total[k] += (u1 + u2) + (u3 + u4)
            product[k] += (u1 * (row1[k] - m) + u2 * (row2[k] - m)) + (u3 * (row3[k] - m) + u4 * (row4[k] - m))
    for n in range(even, count):
        row, up = x[n, c:end], g[n, c:end]
        for k in range(width):
            u = np.float64(up[k])
            total[k] += u
            product[k] += u * (row[k] - centre[k])
    r = 1.0 / np.sqrt(var[c:end] + eps)
    gw[c:end], gb[c:end] = product * r, total
    average, slope = (total / count).astype(x.dtype), (product * r * r / count).astype(x.dtype)
    middle, scale = centre.astype(x.dtype), (weight[c:end] * r).astype(x.dtype)
    rest = (centre - middle).astype(x.dtype)
    for n in range(count):
        row, up, out = x[n, c:end], g[n, c:end], gx[n, c:end]
        for k in range(width):
            out[k] = ((up[k] - average[k]) - ((row[k] - middle[k]) - rest[k]) * slope[k]) * scale[k]


@ordered
def _normalize_rows(x, weight, bias, mean, var, eps, y, start, stop):
    scale = (weight / np.sqrt(var + np.float64(eps))).astype(x.dtype)
    for n in range(start, stop):
        row, out = x[n], y[n]
        for c in range(len(row)):
            out[c] = (row[c] - mean[c]) * scale[c] + bias[c]


@ordered
def _scale_rows(g, x, weight, mean, r, gx, gw, gb, start, stop):
    count, c, end = len(x) if start < stop else 0, start * WIDTH, min(stop * WIDTH, x.shape[1])
    width, even = end - c, count - count % 2
    centre, scale, total, product = mean[c:end], weight[c:end] * r[c:end], np.zeros(width), np.zeros(width)
    for n in range(0, even, 2):
        row1, row2, up1, up2 = x[n, c:end], x[n + 1, c:end], g[n, c:end], g[n + 1, c:end]
        out1, out2 = gx[n, c:end], gx[n + 1, c:end]
        for k in range(width):
            u1, u2 = np.float64(up1[k]), np.float64(up2[k])
            total[k] += u1 + u2
            product[k] += u1 * (row1[k] - centre[k]) + u2 * (row2[k] - centre[k])
            out1[k], out2[k] = up1[k] * scale[k], up2[k] * scale[k]
    for n in range(even, count):
        row, up, out = x[n, c:end], g[n, c:end], gx[n, c:end]
        for k in range(width):
            u = np.float64(up[k])
            total[k] += u
            product[k] += u * (row[k] - centre[k])
            out[k] = up[k] * scale[k]
    gw[c:end], gb[c:end] = product * r[c:end], total
