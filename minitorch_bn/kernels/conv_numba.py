"""Convolution with 3 x 3 kernels as compiled loops: functions of ``conv_numpy`` that need no columns.

A sample's channels are laid out in planes with zeros around them, three for each: one for every column of the kernel,
shifted by as much and as wide as the output. What a weight meets is then one run over a plane, beginning some rows
later for the kernel's next row, and it lies in step with the run of the output. Four filters at a time share what is
read. All of this stays in the cache, and samples are independent.

Other kernels, strides, groups, and dtypes are left to the reference.
"""

from __future__ import annotations

from math import prod

import numpy as np

from minitorch_bn.kernels import conv_numpy as reference
from minitorch_bn.kernels._compiled import Loops, inner

FILTERS = 4  # so many at a time
VECTOR = 16  # elements that the processor handles at once: runs are a multiple of it, what is too much is thrown away
BLOCKS = 8  # of samples, each with sums of its own: the result does not depend on the number of threads
PRODUCTS = 12  # take as long as one element takes other loops


def conv(x, w, stride, padding, dilation, groups=1, bias=None):
    """(N, C, H, W), (O, C, 3, 3) -> (N, O, H', W'): see ``conv_numpy.conv``."""
    if not _is_direct(x, w.shape[2:], stride, groups):
        return reference.conv(x, w, stride, padding, dilation, groups, bias)
    top, left = (_sides(p)[0] for p in padding)
    out = reference.conv_output_shape(x.shape[2:], (3, 3), stride, padding, dilation)
    missing = -len(w) % FILTERS
    filters, shift = w.reshape(*w.shape[:2], 9), np.zeros(len(w) + missing, x.dtype)
    if missing or not filters.flags.c_contiguous or filters.dtype != x.dtype:
        filters = np.concatenate([filters, np.zeros((missing, *filters.shape[1:]))]).astype(x.dtype)
    if bias is not None:
        shift[: len(w)] = bias
    y = np.empty((len(x), len(w), *out), x.dtype)
    work, planes = y.size * w[0].size // PRODUCTS, y.reshape(*y.shape[:2], prod(out))
    _convolve(len(x), work, np.ascontiguousarray(x), filters, shift, *out, top, left, *dilation, planes)
    return y


def conv_input_grad(g, w, input_spatial_shape, stride, padding, dilation, groups=1, bias=None):
    """(N, O, H', W'), (O, C, 3, 3) -> (N, C, H, W): see ``conv_numpy.conv_input_grad``."""
    sizes = zip(input_spatial_shape, g.shape[2:], map(_sides, padding), dilation, strict=True)
    spread = tuple((2 * d - before, n + before - o) for n, o, (before, _), d in sizes)
    # In the padding the filters meet zeros, which only finite ones survive.
    if not _is_direct(g, w.shape[2:], stride, groups) or min(map(min, spread)) < 0 or not np.isfinite(w).all():
        return reference.conv_input_grad(g, w, input_spatial_shape, stride, padding, dilation, groups, bias)
    return conv(g, np.flip(w.swapaxes(0, 1), (2, 3)), stride, spread, dilation, 1, bias)  # (O, C, ..) -> (C, O, ..)


def conv_weight_grad(g, x, kernel_shape, stride, padding, dilation, groups=1):
    """(N, O, H', W'), (N, C, H, W) -> (O, C, 3, 3): see ``conv_numpy.conv_weight_grad``."""
    if not _is_direct(x, kernel_shape, stride, groups) or not g.size:
        return reference.conv_weight_grad(g, x, kernel_shape, stride, padding, dilation, groups)
    top, left = (_sides(p)[0] for p in padding)
    blocks, (filters, *out) = min(BLOCKS, len(x)), g.shape[1:]
    sums = np.zeros((blocks, filters + filters % 2, x.shape[1], 9), x.dtype)
    up = np.ascontiguousarray(g, x.dtype).reshape(len(g), filters, prod(out))
    work = g.size * x.shape[1] * 9 // PRODUCTS
    _correlate(blocks, work, up, np.ascontiguousarray(x), *out, top, left, *dilation, sums)
    gw = sums.sum(0)[:filters].reshape(filters, x.shape[1], 3, 3)
    if not np.isfinite(gw).all():  # perhaps an infinity met the zeros of the padding
        return reference.conv_weight_grad(g, x, kernel_shape, stride, padding, dilation, groups)
    return gw


def channel_sums(g):
    """(N, C, *) -> (C,): see ``conv_numpy.channel_sums``."""
    if g.dtype.char not in "fd" or not g.flags.c_contiguous or not g.size:
        return reference.channel_sums(g)
    sums = np.empty(g.shape[1], g.dtype)
    _add_up(len(sums), g.size, g.reshape(*g.shape[:2], -1), sums)
    return sums


def _is_direct(x: np.ndarray, kernel: tuple[int, ...], stride: tuple[int, ...], groups: int) -> bool:
    return kernel == (3, 3) and max(stride) == groups == 1 and x.dtype.char in "fd" and prod(x.shape) > 0


def _sides(padding: int | tuple[int, int]) -> tuple[int, int]:
    return padding if isinstance(padding, tuple) else (padding, padding)


# In what follows planes are (C, 3, rows * columns), one copy for each column of the kernel: each begins where the
# windows' elements in that column begin, has the width of the output, and zeros where the padding is.


@inner
def _lay_out(x, columns, top, left, rows, step, planes):
    """(C, H, W) -> (C, 3, rows * columns or more)"""
    channels, height, width = x.shape
    first, last = max(0, -top), min(height, rows - top)
    for c in range(channels):
        for column in range(3):
            plane, offset = planes[c, column], column * step - left
            begin, end = max(0, -offset), max(0, min(columns, width - offset))
            if columns == width and first == 0:
                # Rows follow each other as they do in x: a single run, but for what it carries from row to row.
                flat, start = x[c].reshape(height * width), top * columns
                for j in range(begin, last * width - max(0, offset)):
                    plane[start + j] = flat[j + offset]
                for i in range(top, last + top):
                    for j in range(begin):
                        plane[i * columns + j] = 0
                    for j in range(end, columns):
                        plane[i * columns + j] = 0
            else:
                for i in range(first, last):
                    row, start = x[c, i], (i + top) * columns
                    for j in range(begin, end):
                        plane[start + j] = row[j + offset]


@Loops
def _convolve(x, w, bias, rows, columns, top, left, step_h, step_w, y, start, stop):
    channels, filters, size = x.shape[1], y.shape[1], rows * columns
    run = (size + VECTOR - 1) // VECTOR * VECTOR
    planes = np.zeros((channels, 3, 2 * step_h * columns + run), x.dtype)
    wide = np.empty((FILTERS, run), x.dtype)
    for n in range(start, stop):
        _lay_out(x[n], columns, top, left, rows + 2 * step_h, step_w, planes)
        for o in range(0, filters, FILTERS):
            here = filters - o if run == size else 0  # so many may be written to y itself
            y0 = y[n, o] if here > 0 else wide[0]
            y1 = y[n, o + 1] if here > 1 else wide[1]
            y2 = y[n, o + 2] if here > 2 else wide[2]
            y3 = y[n, o + 3] if here > 3 else wide[3]
            y0[:], y1[:], y2[:], y3[:] = bias[o], bias[o + 1], bias[o + 2], bias[o + 3]
            for c in range(channels):
                left_, middle, right = planes[c, 0], planes[c, 1], planes[c, 2]
                low, high = step_h * columns, 2 * step_h * columns
                x0, x1, x2 = left_[:run], middle[:run], right[:run]
                x3, x4, x5 = left_[low : low + run], middle[low : low + run], right[low : low + run]
                x6, x7, x8 = left_[high : high + run], middle[high : high + run], right[high : high + run]
                f = w[o, c]
                a0, a1, a2, a3, a4, a5, a6, a7, a8 = f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]
                f = w[o + 1, c]
                b0, b1, b2, b3, b4, b5, b6, b7, b8 = f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]
                f = w[o + 2, c]
                c0, c1, c2, c3, c4, c5, c6, c7, c8 = f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]
                f = w[o + 3, c]
                d0, d1, d2, d3, d4, d5, d6, d7, d8 = f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]
                for j in range(run):
                    v0, v1, v2, v3, v4, v5, v6, v7, v8 = x0[j], x1[j], x2[j], x3[j], x4[j], x5[j], x6[j], x7[j], x8[j]
                    y0[j] += a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3 + a4 * v4 + a5 * v5 + a6 * v6 + a7 * v7 + a8 * v8
                    y1[j] += b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3 + b4 * v4 + b5 * v5 + b6 * v6 + b7 * v7 + b8 * v8
                    y2[j] += c0 * v0 + c1 * v1 + c2 * v2 + c3 * v3 + c4 * v4 + c5 * v5 + c6 * v6 + c7 * v7 + c8 * v8
                    y3[j] += d0 * v0 + d1 * v1 + d2 * v2 + d3 * v3 + d4 * v4 + d5 * v5 + d6 * v6 + d7 * v7 + d8 * v8
            if run > size:
                for k in range(min(FILTERS, filters - o)):
                    y[n, o + k] = wide[k, :size]


@Loops
def _correlate(g, x, rows, columns, top, left, step_h, step_w, sums, start, stop):
    samples, channels, filters, size = len(x), x.shape[1], g.shape[1], rows * columns
    run = (size + VECTOR - 1) // VECTOR * VECTOR
    planes = np.zeros((channels, 3, 2 * step_h * columns + run), x.dtype)
    wide = np.zeros((2, run), x.dtype)
    zero = x.dtype.type(0)
    for block in range(start, stop):
        for n in range(samples * block // len(sums), samples * (block + 1) // len(sums)):
            _lay_out(x[n], columns, top, left, rows + 2 * step_h, step_w, planes)
            for o in range(0, filters, 2):
                g0, g1 = g[n, o], g[n, min(o + 1, filters - 1)]
                if run > size:
                    wide[0, :size], wide[1, :size] = g0, g1
                    g0, g1 = wide[0], wide[1]
                for c in range(channels):
                    left_, middle, right = planes[c, 0], planes[c, 1], planes[c, 2]
                    low, high = step_h * columns, 2 * step_h * columns
                    x0, x1, x2 = left_[:run], middle[:run], right[:run]
                    x3, x4, x5 = left_[low : low + run], middle[low : low + run], right[low : low + run]
                    x6, x7, x8 = left_[high : high + run], middle[high : high + run], right[high : high + run]
                    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = zero
                    b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = b8 = zero
                    for j in range(run):
                        v0, v1, v2, v3, v4, v5 = x0[j], x1[j], x2[j], x3[j], x4[j], x5[j]
                        v6, v7, v8, u, v = x6[j], x7[j], x8[j], g0[j], g1[j]
                        a0, a1, a2, a3, a4 = a0 + u * v0, a1 + u * v1, a2 + u * v2, a3 + u * v3, a4 + u * v4
                        a5, a6, a7, a8 = a5 + u * v5, a6 + u * v6, a7 + u * v7, a8 + u * v8
                        b0, b1, b2, b3, b4 = b0 + v * v0, b1 + v * v1, b2 + v * v2, b3 + v * v3, b4 + v * v4
                        b5, b6, b7, b8 = b5 + v * v5, b6 + v * v6, b7 + v * v7, b8 + v * v8
                    for k, add in enumerate((a0, a1, a2, a3, a4, a5, a6, a7, a8)):
                        sums[block, o, c, k] += add
                    for k, add in enumerate((b0, b1, b2, b3, b4, b5, b6, b7, b8)):
                        sums[block, o + 1, c, k] += add


@Loops
def _add_up(g, sums, start, stop):
    _, samples, length = len(sums), len(g), g.shape[2]
    for c in range(start, stop):
        total = 0.0
        for n in range(samples):
            run = g[n, c]
            for i in range(length):
                total += run[i]
        sums[c] = total
