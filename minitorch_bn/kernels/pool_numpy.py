"""Pooling, for any number of spatial dimensions.

Average pooling is linear in its input, and so is maximum pooling once the position of each maximum is known: it
reads `x` at `indices`. Derivatives of every order are therefore the maps below and their adjoints, in turn:

    avg_pool            <->  avg_pool_adjoint
    adaptive_avg_pool   <->  adaptive_avg_pool_adjoint
    gather_spatial      <->  scatter_spatial            (max_pool, adaptive_max_pool)

Inputs are (N, C, *spatial); window parameters are tuples, one int per spatial dimension. Instead of moving a
window over the input, each position inside the window ("tap") visits all windows at once: a strided slice of the
input meets a slice of the output. Sums are taken along one axis after the other, which takes fewer taps. What lies in
the padding is never read, so nothing is padded. Results have the dtype of the inputs; averages of 16-bit floats are
summed in float32 and rounded once.
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from minitorch_bn.kernels._common import axis_taps, sum_dtype, window_taps
from minitorch_bn.kernels.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Shape = tuple[int, ...]
    Array = np.ndarray
    Index = tuple[Any, ...]

BLOCK = 1 << 17  # elements of the input that a maximum is taken of at a time, to stay in the cache
SHORT = 512  # elements of a row

ALL = slice(None)


def pool_output_shape(
    spatial: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool = False
) -> Shape:
    """The spatial shape of a pooling's result.

    `ceil_mode` keeps a last window that sticks out, unless it starts in the padding on the right.

    >>> pool_output_shape((5,), kernel=(2,), stride=(2,), padding=(0,), dilation=(1,))
    (2,)
    >>> pool_output_shape((5,), kernel=(2,), stride=(2,), padding=(0,), dilation=(1,), ceil_mode=True)
    (3,)
    """
    out = []
    for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        size = (room + (s - 1 if ceil_mode else 0)) // s + 1
        starts_in_right_padding = ceil_mode and (size - 1) * s >= n + p
        out.append(size - starts_in_right_padding)
    return tuple(out)


# Maximum


def max_pool(
    x: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool = False
) -> tuple[Array, Array]:
    """The maximum of each window and its flat position in the plane (see `index_dtype`), both (N, C, *out).

    Of equal maxima the first counts; a NaN is greater than any number, and of several the last counts.

    >>> max_pool(np.array([[[1.0, 3.0, 2.0, 2.0]]]), (2,), (2,), (0,), (1,))
    (array([[[3., 2.]]]), array([[[1, 2]]], dtype=int32))
    """
    spatial = x.shape[2:]
    out = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    taps = list(window_taps(spatial, out, kernel, stride, padding, dilation))
    planes = x.reshape(prod(x.shape[:2]), *spatial)
    y = np.empty((len(planes), *out), x.dtype)
    indices = np.empty(y.shape, index_dtype(spatial))
    corners = _flat(spatial, [np.arange(o) * s - p for o, s, p in zip(out, stride, padding, strict=True)])
    offsets = _flat(spatial, [np.arange(k) * d for k, d in zip(kernel, dilation, strict=True)]).reshape(-1)
    corners, offsets = corners.astype(indices.dtype), offsets.astype(indices.dtype)
    step = max(1, BLOCK // max(1, prod(spatial)))
    for start in range(0, len(planes), step):
        block = slice(start, start + step)
        which = _max_of_taps(planes[block], taps, y[block])
        np.add(offsets[which], corners, out=indices[block])
    return y.reshape(*x.shape[:2], *out), indices.reshape(*x.shape[:2], *out)


def index_dtype(spatial: Shape) -> np.dtype:
    """Flat positions in a plane are int32 where they can: half of the memory, and several times faster compiled."""
    return np.dtype(np.int32 if prod(spatial) < 1 << 31 else np.int64)


def adaptive_max_pool(x: Array, output_size: Shape) -> tuple[Array, Array]:
    """The maximum of each of `output_size` cells and its flat position, both (N, C, *output_size)."""
    spatial = x.shape[2:]
    indices = np.empty((*x.shape[:2], *output_size), np.int64)
    positions = np.arange(prod(spatial)).reshape(spatial)
    for cell, window in _cells(spatial, output_size):
        place = positions[window].reshape(-1)
        values = x[(..., *window)].reshape(*x.shape[:2], len(place))  # (N, C, *window) -> (N, C, K)
        which = values.argmax(-1)
        nan = np.isnan(values)
        if nan.any():
            which = np.where(nan.any(-1), len(place) - 1 - nan[..., ::-1].argmax(-1), which)
        indices[(..., *cell)] = place[which]
    return gather_spatial(x, indices), indices


def gather_spatial(x: Array, indices: Array) -> Array:
    """Read each plane at flat positions: (N, C, *spatial), (N, C, *out) -> (N, C, *out)."""
    return x.reshape(-1)[_in_batch(indices, prod(x.shape[2:]))]


def scatter_spatial(g: Array, indices: Array, spatial_shape: Shape) -> Array:
    """The adjoint of `gather_spatial`, adds at flat positions: (N, C, *out) twice -> (N, C, *spatial)."""
    gx = np.zeros((*g.shape[:2], *spatial_shape), sum_dtype(g.dtype))
    where = _in_batch(indices, prod(spatial_shape)).reshape(-1)
    np.add.at(gx.reshape(-1), where, g.reshape(-1).astype(gx.dtype, copy=False))
    return gx.astype(g.dtype, copy=False)


def _max_of_taps(x: Array, taps: list[tuple[Index, Index]], y: Array) -> Array:
    """Write the maxima of planes to `y`, and return which tap each came from."""
    y[...] = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    for outer, inner in taps:
        np.maximum(x[inner], y[outer], out=y[outer])  # of equal numbers, 0 and -0, the first: numpy takes the second
    # Every tap before the first that equals the maximum counts one.
    missed = np.ones(y.shape, bool)
    which = np.zeros(y.shape, np.uint8 if len(taps) <= 256 else np.intp)
    for outer, inner in taps[:-1]:
        missed[outer] &= x[inner] != y[outer]
        which += missed
    nan = np.isnan(y)
    if nan.any():
        for tap, (outer, inner) in enumerate(taps):
            which[outer][np.isnan(x[inner])] = tap
    return which


# Average


def avg_pool(
    x: Array,
    kernel: Shape,
    stride: Shape,
    padding: Shape,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window, the padding counted as zeros or not at all: (N, C, *spatial) -> (N, C, *out).

    >>> avg_pool(np.array([[[1.0, 3.0, 2.0, 2.0]]]), (2,), (2,), (0,))
    array([[[2., 2.]]])
    """
    spatial, dilation = x.shape[2:], (1,) * len(kernel)
    out = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    if is_whole(spatial, kernel, padding, divisor_override):
        return row_means(x.reshape(prod(x.shape[:2]), prod(spatial))).reshape(*x.shape[:2], *out)
    y = x.astype(sum_dtype(x.dtype), copy=False)
    for axis, (n, o, k, s, p) in enumerate(zip(spatial, out, kernel, stride, padding, strict=True), start=2):
        ahead: Index = (ALL,) * axis
        sums = np.zeros((*y.shape[:axis], o, *y.shape[axis + 1 :]), y.dtype)
        for outer, inner in axis_taps(n, o, k, s, p, 1):
            sums[(*ahead, outer)] += y[(*ahead, inner)]
        y = sums
    sizes = window_sizes(spatial, out, kernel, stride, padding, count_include_pad, divisor_override)
    return np.divide(y, _divisor(sizes, y.dtype), out=y, casting="unsafe").astype(x.dtype, copy=False)


def avg_pool_adjoint(
    g: Array,
    spatial_shape: Shape,
    kernel: Shape,
    stride: Shape,
    padding: Shape,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The adjoint of `avg_pool`: (N, C, *out) -> (N, C, *spatial)."""
    out = g.shape[2:]
    sizes = window_sizes(spatial_shape, out, kernel, stride, padding, count_include_pad, divisor_override)
    gx = g / _divisor(sizes, sum_dtype(g.dtype))
    for axis, (n, o, k, s, p) in enumerate(zip(spatial_shape, out, kernel, stride, padding, strict=True), start=2):
        ahead: Index = (ALL,) * axis
        sums = np.zeros((*gx.shape[:axis], n, *gx.shape[axis + 1 :]), gx.dtype)
        for outer, inner in axis_taps(n, o, k, s, p, 1):
            sums[(*ahead, inner)] += gx[(*ahead, outer)]
        gx = sums
    return gx.astype(g.dtype, copy=False)


def adaptive_avg_pool(x: Array, output_size: Shape) -> Array:
    """The mean of each of `output_size` cells: (N, C, *spatial) -> (N, C, *output_size)."""
    y = x.astype(sum_dtype(x.dtype), copy=False)
    for axis, (n, size) in enumerate(zip(x.shape[2:], output_size, strict=True), start=2):
        ahead: Index = (ALL,) * axis
        sums = np.empty((*y.shape[:axis], size, *y.shape[axis + 1 :]), y.dtype)
        for cell, window in enumerate(_edges(n, size)):
            mean = sums[(*ahead, cell)]
            mean[...] = y[(*ahead, window.start)]
            for i in range(window.start + 1, window.stop):
                mean += y[(*ahead, i)]
            mean /= window.stop - window.start
        y = sums
    return y.astype(x.dtype)


def adaptive_avg_pool_adjoint(g: Array, spatial_shape: Shape) -> Array:
    """The adjoint of `adaptive_avg_pool`: (N, C, *out) -> (N, C, *spatial)."""
    gx = g.astype(sum_dtype(g.dtype), copy=False)
    for axis, (n, size) in enumerate(zip(spatial_shape, g.shape[2:], strict=True), start=2):
        ahead: Index = (ALL,) * axis
        sums = np.zeros((*gx.shape[:axis], n, *gx.shape[axis + 1 :]), gx.dtype)
        for cell, window in enumerate(_edges(n, size)):
            share = gx[(*ahead, cell)] / (window.stop - window.start)
            for i in range(window.start, window.stop):
                sums[(*ahead, i)] += share
        gx = sums
    return gx.astype(g.dtype, copy=False)


def row_means(x: Array) -> Array:
    """The mean of each row, added up in float64: (M, L) -> (M,).

    >>> row_means(np.array([[1.0, 3.0], [2.0, 2.5]]))
    array([2.  , 2.25])
    """
    rows, length = x.shape
    if x.dtype != np.float32 or length > SHORT or not x.size:
        total = np.add.reduce(x, 1, np.float64)
    else:  # numpy is slow at many short rows of another dtype
        total, step = np.empty(rows), max(1, BLOCK // length)
        for start in range(0, rows, step):
            part = x[start : start + step]
            block = scratch("rows", part.shape, np.float64)
            block[...] = part
            np.einsum("ml->m", block, out=total[start : start + step])
    return np.true_divide(total, length).astype(x.dtype)


# Windows


def window_sizes(
    spatial: Shape,
    out: Shape,
    kernel: Shape,
    stride: Shape,
    padding: Shape,
    count_include_pad: bool,
    divisor_override: int | None,
) -> list[Array]:
    """For each axis, how wide the windows are, clipped to the plane with or without padding: what divides their sum.

    With an override the product of the sizes is that.
    """
    if divisor_override is not None:
        return [np.full(o, 1 if axis else divisor_override) for axis, o in enumerate(out)]
    sizes = []
    for n, o, k, s, p in zip(spatial, out, kernel, stride, padding, strict=True):
        border = p if count_include_pad else 0
        start = np.arange(o) * s - p
        sizes.append(np.minimum(start + k, n + border) - np.maximum(start, -border))
    return sizes


def is_whole(spatial: Shape, kernel: Shape, padding: Shape, divisor_override: int | None) -> bool:
    """Whether there is one window, the plane."""
    return tuple(kernel) == spatial and not any(padding) and divisor_override is None


def _divisor(sizes: list[Array], dtype: np.dtype) -> Array:
    """The product of the sizes of each window."""
    divisor = reduce(np.multiply.outer, sizes)
    return (divisor.reshape(-1)[:1] if divisor.size and (divisor == divisor.flat[0]).all() else divisor).astype(dtype)


def _edges(n: int, size: int) -> list[slice]:
    """The cells of an adaptive pooling along one axis: they cover it, and neighbours may overlap by one."""
    return [slice(i * n // size, -(-(i + 1) * n // size)) for i in range(size)]


def _cells(spatial: Shape, output_size: Shape) -> Iterator[tuple[Index, Index]]:
    """The index of each cell of an adaptive pooling and its window."""
    axes = [_edges(n, size) for n, size in zip(spatial, output_size, strict=True)]
    return zip(np.ndindex(*output_size), product(*axes), strict=True)


def _flat(spatial: Shape, coordinates: list[Array]) -> Array:
    """The grid of flat positions spanned by one array of coordinates per axis."""
    flat = np.zeros((), np.int64)
    for n, axis in zip(spatial, coordinates, strict=True):
        flat = flat[..., None] * n + axis
    return flat


def _in_batch(indices: Array, plane: int) -> Array:
    """Positions in a plane -> positions in the whole batch."""
    starts = np.arange(prod(indices.shape[:2])) * plane
    return indices + starts.reshape(*indices.shape[:2], *(1,) * (indices.ndim - 2))
