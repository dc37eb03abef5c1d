"""Softmax as compiled loops over float32: the functions of ``softmax_numpy``. All arithmetic is in float64.

Rows that lie in one piece are computed one after the other, elsewhere some hundred side by side.
"""

from __future__ import annotations

from math import prod

import numpy as np

from minitorch_bn.kernels import softmax_numpy as reference
from minitorch_bn.kernels._compiled import inner, ordered, reordered
from minitorch_bn.kernels._formulas import exp

WIDTH = 256  # of what is computed side by side
SHORT = 40  # rows up to this long are turned to lie side by side: loops that end soon take longer than that


def softmax(a, dim, logarithm):
    """e^a / sum e^a, or a - log sum e^a: see ``softmax_numpy.softmax``."""
    if a.dtype.char == "d" or not a.size or not a.ndim:
        return reference.softmax(a, dim, logarithm)
    return _computed(_forward, _forward_side_by_side, (a,), dim, logarithm)


def softmax_backward(g, y, dim, logarithm):
    """y (g - sum g y), or g - e^y sum g: see ``softmax_numpy.softmax_backward``."""
    if y.dtype.char == "d" or not y.size or not y.ndim:
        return reference.softmax_backward(g, y, dim, logarithm)
    return _computed(_backward, _backward_side_by_side, (g, y), dim, logarithm)


def _computed(rows, side_by_side, arrays, dim, logarithm):
    """The result of either of two loops."""
    first = arrays[0]
    shape, size = first.shape, first.size
    before, length, behind = prod(shape[:dim]), shape[dim], prod(shape[dim + 1 :])
    arrays = [np.ascontiguousarray(a, np.float32) for a in arrays]
    if behind == 1 and length > SHORT:
        out = np.empty((before, length), np.float32)
        rows(before, size, *[a.reshape(before, length) for a in arrays], out, logarithm)
    elif behind == 1:  # (N, C) -> (1, C, N)
        *columns, turned = np.empty((len(arrays) + 1, 1, length, before), np.float32)
        out, steps = np.empty((before, length), np.float32), -(-before // WIDTH)
        for a, column in zip(arrays, columns):
            _turn(steps, size, a.reshape(before, length), column[0])
        side_by_side(steps, size, *columns, turned, logarithm)
        _turn(steps, size, turned[0].T, out.T)
    else:
        out = np.empty((before, length, behind), np.float32)
        slabs = [a.reshape(out.shape) for a in arrays]
        side_by_side(before * -(-behind // WIDTH), size, *slabs, out, logarithm)
    return out.reshape(shape).astype(first.dtype, copy=False)


@ordered
def _turn(rows, columns, start, stop):
    for step in range(start, stop):
        first, last = step * WIDTH, min((step + 1) * WIDTH, len(rows))
        for c in range(len(columns)):
            row, column = rows[:, c], columns[c]
            for n in range(first, last):
                column[n] = row[n]


@inner
def ordinal(bits):
    """A whole number that grows with the float32 of these bits, NaNs first or last; its own inverse."""
    return np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@reordered
def total_of(values):
    """Their sum."""
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total


@reordered
def total_of_products(g, y):
    """The sum of their products."""
    total = 0.0
    for i in range(len(g)):
        total += np.float64(g[i]) * y[i]
    return total


@ordered
def _forward(x, y, logarithm, start, stop):
    length = x.shape[1]
    many = max(1, 4 * WIDTH // length)  # rows, whose exponentials are computed in one go
    exps, tops = np.empty(many * length), np.empty(many)
    for first in range(start, stop, many):
        rows = min(many, stop - first)
        for r in range(rows):
            row, out = x[first + r], exps[r * length : (r + 1) * length]
            bits, most = row.view(np.int32), np.int32(-0x80000000)
            for i in range(length):
                most = max(most, ordinal(bits[i]))  # of whole numbers the compiler finds several at a time
            tops[r] = np.int32(ordinal(most)).view(np.float32)
            for i in range(length):
                out[i] = row[i] - tops[r]
        for i in range(rows * length):
            exps[i] = exp(exps[i])
        for r in range(rows):
            row, out, e = x[first + r], y[first + r], exps[r * length : (r + 1) * length]
            total = total_of(e)
            if logarithm:
                top, rest = tops[r], np.log(total)
                for i in range(length):
                    out[i] = row[i] - top - rest
            else:
                factor = 1 / total
                for i in range(length):
                    out[i] = e[i] * factor


@ordered
def _forward_side_by_side(x, y, logarithm, start, stop):
    top, total = np.empty(WIDTH), np.empty(WIDTH)
    length, behind = x.shape[1:]
    blocks = (behind + WIDTH - 1) // WIDTH
    for step in range(start, stop):
        n, first = step // blocks, step % blocks * WIDTH
        last = min(first + WIDTH, behind)
        row = x[n, 0, first:last]
        for k in range(len(row)):
            top[k], total[k] = row[k], 0.0
        for c in range(1, length):
            row = x[n, c, first:last]
            for k in range(len(row)):
                top[k] = row[k] if row[k] > top[k] else top[k]
        for c in range(length):
            row, out = x[n, c, first:last], y[n, c, first:last]
            for k in range(len(row)):
                e = exp(row[k] - top[k])
                out[k] = e
                total[k] += e
        for k in range(last - first):
            total[k] = np.log(total[k]) if logarithm else 1 / total[k]
        for c in range(length):
            row, out = x[n, c, first:last], y[n, c, first:last]
            for k in range(len(row)):
                out[k] = row[k] - top[k] - total[k] if logarithm else out[k] * total[k]


@ordered
def _backward(g, y, gx, logarithm, start, stop):
    length = y.shape[1]
    many = max(1, 4 * WIDTH // length)
    exps = np.empty(many * length if logarithm else 0)
    for first in range(start, stop, many):
        rows = min(many, stop - first)
        if logarithm:
            flat = y[first : first + rows].reshape(-1)
            for i in range(len(flat)):
                exps[i] = exp(np.float64(flat[i]))
        for r in range(rows):
            up, row, out = g[first + r], y[first + r], gx[first + r]
            if logarithm:
                e, total = exps[r * length : (r + 1) * length], total_of(up)
                for i in range(length):
                    out[i] = up[i] - e[i] * total
            else:
                total = total_of_products(up, row)
                for i in range(length):
                    out[i] = row[i] * (up[i] - total)


@ordered
def _backward_side_by_side(g, y, gx, logarithm, start, stop):
    total = np.empty(WIDTH)
    length, behind = y.shape[1:]
    blocks = (behind + WIDTH - 1) // WIDTH
    for step in range(start, stop):
        n, first = step // blocks, step % blocks * WIDTH
        last = min(first + WIDTH, behind)
        for k in range(last - first):
            total[k] = 0.0
        for c in range(length):
            up, row = g[n, c, first:last], y[n, c, first:last]
            for k in range(len(row)):
                u = np.float64(up[k])
                total[k] += u if logarithm else u * row[k]
        for c in range(length):
            up, row, out = g[n, c, first:last], y[n, c, first:last], gx[n, c, first:last]
            if logarithm:
                for k in range(len(row)):
                    out[k] = up[k] - exp(np.float64(row[k])) * total[k]
            else:
                for k in range(len(row)):
                    out[k] = row[k] * (up[k] - total[k])
