"""Rows standardised by themselves as compiled loops: the functions of ``rows_numpy``.

A row stays in the cache from one pass to the next, and all arithmetic is in float64; 16-bit floats become float64, and
results are rounded once. Where a row's columns have one position each, the innermost loop goes over the columns,
elsewhere over the positions.
"""

from __future__ import annotations

import numpy as np

from minitorch_bn.kernels import rows_numpy as reference
from minitorch_bn.kernels._compiled import Loops
from minitorch_bn.kernels.norm_numba import as_dtype, difference


def row_norm(x, weight, bias, shape, eps, centred):
    """y, mean and var: see ``rows_numpy.row_norm``."""
    if not x.size:
        return reference.row_norm(x, weight, bias, shape, eps, centred)
    rows = shape[0] * shape[1]
    v = _in_rows(x).reshape(rows, -1)
    y, mean, var = np.empty(x.shape, v.dtype), np.empty(rows), np.empty(rows)
    weight, bias = _of_groups(weight, shape, 1.0), _of_groups(bias, shape, 0.0)
    _forward(rows, x.size, v, weight, bias, float(eps), centred, y.reshape(v.shape), mean, var)
    return as_dtype(y, x.dtype), mean, var


def row_norm_backward(g, x, weight, mean, var, shape, eps, centred, with_gx=True, with_sums=True):
    """gx, and gw and gb (float64): see ``rows_numpy.row_norm_backward``."""
    if not x.size:
        return reference.row_norm_backward(g, x, weight, mean, var, shape, eps, centred, with_gx, with_sums)
    samples, groups, columns, _ = shape
    v = _in_rows(x).reshape(samples, groups, -1)
    u = np.ascontiguousarray(g, v.dtype).reshape(v.shape)
    gx = np.empty(x.shape, v.dtype) if with_gx else None
    out = np.empty((0, *v.shape[1:]), v.dtype) if gx is None else gx.reshape(v.shape)
    sums = np.zeros((reference.parts(shape), groups, 2, columns))
    mean, var = mean.reshape(samples, groups), var.reshape(samples, groups)
    steps = len(sums) * groups
    _backward(steps, x.size, u, v, _of_groups(weight, shape, 1.0), mean, var, float(eps), centred, out, with_sums, sums)
    if gx is not None:
        gx = as_dtype(gx, x.dtype)
    if not with_sums:
        return gx, None, None
    total = sums.sum(0)
    return gx, total[:, 0], total[:, 1]


def _in_rows(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x, np.float64 if x.dtype.itemsize == 2 else x.dtype)


def _of_groups(values: np.ndarray | None, shape: tuple[int, ...], default: float) -> np.ndarray:
    """(G, K) in float64"""
    return (
        np.full(shape[1:3], default) if values is None else np.ascontiguousarray(values, np.float64).reshape(shape[1:3])
    )


@Loops
def _forward(x, weight, bias, eps, centred, y, mean, var, start, stop):
    groups, columns = weight.shape
    length = x.shape[1]
    positions = length // columns
    for n in range(start, stop):
        row, out, w, b, centre, squares = x[n], y[n], weight[n % groups], bias[n % groups], 0.0, 0.0
        if centred:
            origin, total = np.float64(row[0]), 0.0
            for i in range(length):
                total += difference(row[i], origin)
            centre = origin + total / length
        for i in range(length):
            deviation = difference(row[i], centre)
            squares += deviation * deviation
        mean[n], var[n] = centre, squares / length
        r = 1.0 / np.sqrt(squares / length + eps)
        if positions == 1:
            for k in range(columns):
                out[k] = (row[k] - centre) * r * w[k] + b[k]
        else:
            for k in range(columns):
                run, to = row[k * positions : (k + 1) * positions], out[k * positions : (k + 1) * positions]
                factor, shift = r * w[k], b[k]
                for i in range(positions):
                    to[i] = difference(run[i], centre) * factor + shift


@Loops
def _backward(g, x, weight, mean, var, eps, centred, gx, with_sums, sums, start, stop):
    samples, groups, length = x.shape
    columns, parts = weight.shape[1], len(sums)
    positions = length // columns
    for step in range(start, stop):
        part, j = step // groups, step % groups
        gw, gb, w = sums[part, j, 0], sums[part, j, 1], weight[j]
        for n in range(samples * part // parts, samples * (part + 1) // parts):
            row, up, centre, r, total, product = x[n, j], g[n, j], mean[n, j], 1.0 / np.sqrt(var[n, j] + eps), 0.0, 0.0
            if positions == 1:
                if with_sums:
                    for k in range(columns):
                        u = np.float64(up[k])
                        p = u * (difference(row[k], centre) * r)
                        gw[k] += p
                        gb[k] += u
                for k in range(columns if len(gx) else 0):
                    u = up[k] * w[k]
                    total += u
                    product += u * difference(row[k], centre)
            else:
                for k in range(columns):
                    run, above = row[k * positions : (k + 1) * positions], up[k * positions : (k + 1) * positions]
                    sum1, sum2 = 0.0, 0.0
                    for i in range(positions):
                        u = np.float64(above[i])
                        sum1 += u
                        sum2 += u * difference(run[i], centre)
                    gw[k] += sum2 * r
                    gb[k] += sum1
                    total += w[k] * sum1
                    product += w[k] * sum2
            if len(gx):  # none if it is not asked for
                out, average, slope = gx[n, j], total / length if centred else 0.0, product * r * r / length
                if positions == 1:
                    for k in range(columns):
                        out[k] = (up[k] * w[k] - average - difference(row[k], centre) * slope) * r
                else:
                    for k in range(columns):
                        run, above = row[k * positions : (k + 1) * positions], up[k * positions : (k + 1) * positions]
                        to, factor = out[k * positions : (k + 1) * positions], w[k]
                        for i in range(positions):
                            to[i] = (above[i] * factor - average - difference(run[i], centre) * slope) * r
