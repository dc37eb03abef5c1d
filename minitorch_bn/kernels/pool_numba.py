"""Maximum pooling as compiled loops: functions of ``pool_numpy`` that visit each window once.

Windows with dilation, other than two dimensions, and 16-bit floats are left to the reference, and averages too.
"""

from __future__ import annotations

from math import prod

import numpy as np

from minitorch_bn.kernels import pool_numpy as reference
from minitorch_bn.kernels._compiled import Loops


def max_pool(x, kernel, stride, padding, dilation, ceil_mode=False):
    """The maximum of each window and its flat position in the plane: see ``pool_numpy.max_pool``."""
    if len(kernel) != 2 or max(dilation) > 1 or x.dtype.char not in "fd" or not x.size:
        return reference.max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    out = reference.pool_output_shape(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    planes = np.ascontiguousarray(x).reshape(-1, *x.shape[2:])  # (N, C, H, W) -> (N*C, H, W)
    y = np.empty((len(planes), *out), x.dtype)
    indices = np.empty(y.shape, reference.index_dtype(x.shape[2:]))
    if (
        tuple(kernel) == tuple(stride) == (2, 2)
        and not any(padding)
        and all(o * 2 <= n for o, n in zip(out, x.shape[2:]))
    ):
        _maxima_of_four(len(planes), x.size, planes, y, indices)
    else:
        _maxima(len(planes), x.size, planes, *kernel, *stride, *padding, y, indices)
    return y.reshape(*x.shape[:2], *out), indices.reshape(*x.shape[:2], *out)


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


@Loops
def _maxima(x, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, y, indices, start, stop):
    height, width = x.shape[1:]
    for p in range(start, stop):
        plane, out, places = x[p], y[p], indices[p]
        for i in range(out.shape[0]):
            top = i * stride_h - pad_h
            for j in range(out.shape[1]):
                left = j * stride_w - pad_w
                greatest, at = plane[max(top, 0), max(left, 0)], max(top, 0) * width + max(left, 0)
                for row in range(max(top, 0), min(top + kernel_h, height)):
                    for column in range(max(left, 0), min(left + kernel_w, width)):
                        value = plane[row, column]
                        # A NaN is greater, and the last one counts. No `if`: the processor could only guess.
                        better = (value > greatest) | (value != value)
                        greatest = value if better else greatest
                        at = row * width + column if better else at
                out[i, j], places[i, j] = greatest, at


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
