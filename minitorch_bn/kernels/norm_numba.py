"""Batch normalisation as compiled loops: the functions of ``norm_numpy``, the same to the last digits of float32.

A channel is read from memory once; every further pass over it finds it in the cache. All arithmetic is float64. What
is summed was first shifted by the channel's first value: the deviations of a constant channel are exactly 0 then.

Two layouts in memory are looped over, and nothing is copied to get there. Runs, (N, C, L): the values of a channel lie
in N runs. Rows, (M, C): the channels of a sample lie side by side, and blocks of so many channels that they stay in the
cache are visited row by row. Other layouts are copied, and 16-bit floats become float32.
"""

from __future__ import annotations

import numpy as np

from minitorch_bn.kernels import norm_numpy as reference
from minitorch_bn.kernels._compiled import Loops

CACHED = 1 << 17  # elements that stay in a second-level cache


def batch_norm(x, weight, bias, mask, eps):
    """y, mean and biased var (float64): see ``norm_numpy.batch_norm``."""
    if mask is not None or not x.size:
        return reference.batch_norm(x, weight, bias, mask, eps)
    rows, channels = _lies_in_rows(x), x.shape[1]
    v = _arranged(x, x.dtype, rows)
    y, mean, var = np.empty(v.shape, v.dtype), np.empty(channels), np.empty(channels)
    loops = _forward_rows if rows else _forward_runs
    loops(channels, v.size, v, _numbers(weight, channels, 1.0), _numbers(bias, channels, 0.0), eps, y, mean, var)
    return _restored(y, x, rows), mean, var


def batch_norm_backward(g, x, weight, mask, mean, var, eps):
    """gx, and gw and gb (float64): see ``norm_numpy.batch_norm_backward``."""
    if mask is not None or not x.size:
        return reference.batch_norm_backward(g, x, weight, mask, mean, var, eps)
    rows, channels = _lies_in_rows(x), x.shape[1]
    u, v = _arranged(g, x.dtype, rows), _arranged(x, x.dtype, rows)
    gx, gw, gb = np.empty(v.shape, v.dtype), np.empty(channels), np.empty(channels)
    loops = _backward_rows if rows else _backward_runs
    loops(channels, v.size, u, v, _numbers(weight, channels, 1.0), mean, var, eps, gx, gw, gb)
    return _restored(gx, x, rows), gw, gb


def normalize(x, weight, bias, mean, var, eps):
    """weight (x - mean) / sqrt(var + eps) + bias: see ``norm_numpy.normalize``."""
    rows, channels = _lies_in_rows(x), x.shape[1]
    v = _arranged(x, x.dtype, rows)
    y = np.empty(v.shape, v.dtype)
    scale = _numbers(weight, channels, 1.0) / np.sqrt(var + np.float64(eps))
    loops = _normalize_rows if rows else _normalize_runs
    loops(len(v), v.size, v, _numbers(mean, channels, 0.0), scale, _numbers(bias, channels, 0.0), y)
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
        for n in range(samples):
            for k in range(end - c):
                run, out, origin, middle = x[n, c + k], y[n, c + k], first[k], centre[k]
                scale, shift = weight[c + k] / np.sqrt(var[c + k] + eps), bias[c + k]
                for i in range(length):
                    out[i] = ((run[i] - origin) - middle) * scale + shift


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
                a, b, scale = average[k], slope[k], weight[c + k] * r[k]
                for i in range(length):
                    out[i] = ((up[i] - a) - (run[i] - centre) * b) * scale


@Loops
def _normalize_runs(x, mean, scale, bias, y, start, stop):
    _, channels, length = x.shape
    for n in range(start, stop):
        for c in range(channels):
            run, out, centre, factor, shift = x[n, c], y[n, c], mean[c], scale[c], bias[c]
            for i in range(length):
                out[i] = (run[i] - centre) * factor + shift


# -- channels side by side: (M, C) -----------------------------------------------------------------------------------
# A slice of a row is vectorised better than an index c0 + k, which might wrap around.


@Loops
def _forward_rows(x, weight, bias, eps, y, mean, var, start, stop):
    count = len(x)
    for c in range(start, stop, 128):
        end = min(c + 128, stop)
        width = end - c
        first = x[0, c:end].astype(np.float64)
        total, squares = np.zeros(width), np.zeros(width)
        for n in range(count):
            row = x[n, c:end]
            for k in range(width):
                total[k] += row[k] - first[k]
        centre = total / count
        for n in range(count):
            row = x[n, c:end]
            for k in range(width):
                deviation = (row[k] - first[k]) - centre[k]
                squares[k] += deviation * deviation
        mean[c:end], var[c:end] = first + centre, squares / count
        scale = weight[c:end] / np.sqrt(var[c:end] + eps)
        shift = bias[c:end]
        for n in range(count):
            row, out = x[n, c:end], y[n, c:end]
            for k in range(width):
                out[k] = ((row[k] - first[k]) - centre[k]) * scale[k] + shift[k]


@Loops
def _backward_rows(g, x, weight, mean, var, eps, gx, gw, gb, start, stop):
    count = len(x)
    for c in range(start, stop, 128):
        end = min(c + 128, stop)
        width = end - c
        centre, r = mean[c:end], 1.0 / np.sqrt(var[c:end] + eps)
        total, product = np.zeros(width), np.zeros(width)
        for n in range(count):
            row, up = x[n, c:end], g[n, c:end]
            for k in range(width):
                total[k] += up[k]
                product[k] += up[k] * (row[k] - centre[k])
        gw[c:end], gb[c:end] = product * r, total
        average, slope = total / count, product * r * r / count
        scale = weight[c:end] * r
        for n in range(count):
            row, up, out = x[n, c:end], g[n, c:end], gx[n, c:end]
            for k in range(width):
                out[k] = ((up[k] - average[k]) - (row[k] - centre[k]) * slope[k]) * scale[k]


@Loops
def _normalize_rows(x, mean, scale, bias, y, start, stop):
    for n in range(start, stop):
        row, out = x[n], y[n]
        for c in range(len(row)):
            out[c] = (row[c] - mean[c]) * scale[c] + bias[c]
