"""Convolution as matrix products, for any number of spatial dimensions.

    y[n, o, p] = sum over c, k of  w[o, c, k] * x[n, c, stride * p + dilation * k - padding]

is linear in `x` and linear in `w`. Its two adjoints, `conv_input_grad` and `conv_weight_grad`, are linear in
each of their arrays as well, and the derivative of any of the three is made of the other two: three functions
serve every order.

Each of them copies the windows of the zero-padded input into the columns of a matrix (Chellapilla, Puri and
Simard, "High performance convolutional neural networks for document processing", 2006), or adds such columns
back, around one product by BLAS. This happens in blocks that stay in the cache, so the memory used does not grow
with the batch.

Shapes, written here for two spatial dimensions and one group: `x` (N, C, H, W), `w` (O, C, kh, kw), `y`
(N, O, H', W'); with `groups` G, `w` is (O, C/G, kh, kw). Stride, padding and dilation are tuples, one int per
spatial dimension; a padding may also be a pair (before, after). A `bias` of one number per channel of the result is
added while it is in the cache. Results have the dtype of the inputs; 16-bit floats are summed in float32 and rounded
once.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minitorch_bn.kernels._common import sum_dtype
from minitorch_bn.kernels.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Shape = tuple[int, ...]
    Padding = tuple[int | tuple[int, int], ...]
    Array = np.ndarray

BLOCK = 1 << 19  # elements of a block of columns: two megabytes of float32, a second-level cache
NARROWEST = 1024  # columns of a block, at least: BLAS reads all filters again for each block
SPARSE = 4  # elements of the input's gradient for each of g, from where on most of what is multiplied would be zeros

ALL = slice(None)


def conv_output_shape(spatial: Shape, kernel: Shape, stride: Shape, padding: Padding, dilation: Shape) -> Shape:
    """The spatial shape of a convolution's result.

    >>> conv_output_shape((28, 28), kernel=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(1, 1))
    (14, 14)
    """
    sizes = zip(spatial, kernel, stride, padding, dilation, strict=True)
    return tuple((n + sum(sides(p)) - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)


def conv(
    x: Array, w: Array, stride: Shape, padding: Padding, dilation: Shape, groups: int = 1, bias: Array | None = None
) -> Array:
    """Slide the filters over the input: (N, C, *spatial), (O, C/G, *kernel) -> (N, O, *out).

    >>> x = np.arange(5.0).reshape(1, 1, 5)
    >>> conv(x, np.array([[[1.0, 0.0, -1.0]]]), (1,), (0,), (1,))
    array([[[-2., -2., -2.]]])
    """
    filters = _as_matrices(w, groups)  # (O, C/G, kh, kw) -> (G, O/G, K)
    start = None if bias is None else bias.astype(filters.dtype).reshape(groups, -1, 1)  # (O,) -> (G, O/G, 1)
    if prod(w.shape[2:]) == max(stride) == 1 and not any(map(any, map(sides, padding))):
        # The input is its own columns: (N, C, H, W) -> (N, G, C/G, H*W)
        pixels = x.reshape(x.shape[0], groups, w.shape[1], prod(x.shape[2:])).astype(filters.dtype, copy=False)
        y = filters @ pixels
        if start is not None:
            y += start
        return y.reshape(x.shape[0], w.shape[0], *x.shape[2:]).astype(x.dtype, copy=False)
    out = conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
    columns = _Columns(x.shape, w.shape[0], w.shape[2:], out, stride, padding, dilation, groups)
    y = np.empty((x.shape[0], w.shape[0], *out), x.dtype)
    for samples, rows, block in columns.gather(x):
        product = scratch("product", (groups, filters.shape[1], block.shape[2]), block.dtype)
        np.matmul(filters, block, out=product)
        if start is not None:
            product += start
        columns.narrow(product, y[samples, :, rows])  # (G, O/G, M) -> (n, O, h, W')
    return y


def conv_input_grad(
    g: Array,
    w: Array,
    input_spatial_shape: Shape,
    stride: Shape,
    padding: Padding,
    dilation: Shape,
    groups: int = 1,
    bias: Array | None = None,
) -> Array:
    """The adjoint of `conv` in its input, a transposed convolution: -> (N, C, *input_spatial_shape).

    >>> g = np.array([[[1.0, 2.0]]])
    >>> conv_input_grad(g, np.array([[[1.0, 0.0, -1.0]]]), (4,), (1,), (0,), (1,))
    array([[[ 1.,  2., -1., -2.]]])
    """
    shape = (g.shape[0], w.shape[1] * groups, *input_spatial_shape)
    kernel = w.shape[2:]
    finite = bool(np.isfinite(w).all())  # the ways that save time multiply the filters by zeros
    before = [sides(p)[0] for p in padding]
    sizes = zip(input_spatial_shape, g.shape[2:], kernel, before, dilation, strict=True)
    spread = tuple((d * (k - 1) - p, n + p - o) for n, o, k, p, d in sizes)
    is_dense = prod(input_spatial_shape) <= SPARSE * prod(g.shape[2:])
    if finite and is_dense and max(stride) == 1 and min(map(min, spread)) >= 0 and w.shape[0] <= 4 * shape[1]:
        # To read columns is faster than to add to them, unless there are many more of them.
        return conv(g, turned(w, groups), stride, spread, dilation, groups, bias)
    filters = _as_matrices(w, groups).swapaxes(1, 2)  # (O, C/G, kh, kw) -> (G, K, O/G)
    columns = _Columns(shape, w.shape[0], kernel, g.shape[2:], stride, padding, dilation, groups, wide=finite)
    gx = np.empty(shape, g.dtype)
    for samples, rows, block in columns.scatter(gx, bias):
        np.matmul(filters, columns.widen(g[samples, :, rows]), out=block)
    return gx


def conv_weight_grad(
    g: Array, x: Array, kernel_shape: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int = 1
) -> Array:
    """The adjoint of `conv` in its filters: (N, O, *out), (N, C, *spatial) -> (O, C/G, *kernel).

    >>> x = np.array([[[1.0, 2.0, 3.0, 4.0]]])
    >>> conv_weight_grad(np.array([[[1.0, -1.0]]]), x, (3,), (1,), (0,), (1,))
    array([[[-1., -1., -1.]]])
    """
    filters = g.shape[1] // groups
    for wide in (True, False):
        columns = _Columns(x.shape, g.shape[1], kernel_shape, g.shape[2:], stride, padding, dilation, groups, wide)
        gw = np.zeros((groups, columns.height, filters), sum_dtype(x.dtype))
        for samples, rows, block in columns.gather(x):
            wide_g = columns.widen(g[samples, :, rows])
            if gw[0].size > block.shape[2]:
                gw += block @ wide_g.swapaxes(1, 2)  # (G, K, M) @ (G, M, O/G)
            else:  # BLAS is slow at few long sums: one product for each sample
                n = samples.stop - samples.start
                gw += (_split(block, n) @ _split(wide_g, n).swapaxes(2, 3)).sum(0)
        if np.isfinite(gw).all():  # else an infinite input may have met the zeros of the wide grid
            break
    # (G, K, O/G) -> (O, C/G, kh, kw)
    gw = gw.swapaxes(1, 2).reshape(g.shape[1], x.shape[1] // groups, *kernel_shape)
    return np.ascontiguousarray(gw, x.dtype)


def channel_sums(g: Array) -> Array:
    """The adjoint of adding a bias: (N, C, *spatial) -> (C,)."""
    return g.sum((0, *range(2, g.ndim)), dtype=sum_dtype(g.dtype)).astype(g.dtype, copy=False)


class _Columns:
    """The windows of an input as the columns of a matrix, a block at a time.

    A block covers n samples and h rows of the output. It is a (G, K, M) array with one row per weight of a
    filter, K = C/G * kh * kw, and one column per window, M = n * h * W'.

    With stride 1 the windows are taken on a *wide* grid: one for each element of a padded row. What a weight
    meets then lies in memory as one run, which is copied three times as fast. The windows that wrap around into
    the next row are thrown away.
    """

    def __init__(
        self,
        shape: Shape,
        filters: int,
        kernel: Shape,
        out: Shape,
        stride: Shape,
        padding: Padding,
        dilation: Shape,
        groups: int,
        wide: bool = True,
    ) -> None:
        self.batch, self.channels, *spatial = shape
        self.spatial, self.kernel, self.groups = spatial, kernel, groups
        self.stride, self.dilation = stride, dilation
        self.before = [sides(p)[0] for p in padding]
        self.out = self.grid = out  # the last windows may be missing, as after a transposed convolution
        self.padded = [n + sum(sides(p)) for n, p in zip(spatial, padding, strict=True)]
        wide_grid = (self.out[0], *self.padded[1:])
        if wide and max(stride) == 1 and prod(wide_grid) <= 2 * prod(self.out):
            self.grid = wide_grid
        self.height = self.channels // groups * prod(kernel)
        row = prod(self.grid[1:])
        width = max(BLOCK // (self.height * groups + filters + 1), NARROWEST)
        self.block_samples = _even(self.batch, width // (row * self.grid[0]))
        self.block_rows = _even(self.grid[0], width // row)

    def gather(self, x: Array) -> Iterator[tuple[slice, slice, Array]]:
        """Yield (samples, rows of the output, columns) for each block; the next overwrites the columns."""
        _, inner, windows = self._planes(sum_dtype(x.dtype))
        for samples in _steps(self.batch, self.block_samples):
            n = samples.stop - samples.start
            inner[:n] = x[samples]
            for rows in _steps(self.grid[0], self.block_rows):
                block = self._new_block(n, rows, windows.dtype)
                part: Any = (..., slice(n), rows, *self._rest())
                block[...] = windows[part]  # (C, kh, kw, N, H', W') -> (C, kh, kw, n, h, W')
                yield samples, rows, self._as_columns(block)

    def scatter(self, gx: Array, bias: Array | None) -> Iterator[tuple[slice, slice, Array]]:
        """Yield like `gather`, for columns to be filled in; add them to `gx` where `gather` would read them."""
        planes, inner, windows = self._planes(sum_dtype(gx.dtype))
        start = 0 if bias is None else bias.reshape(-1, *(1,) * len(self.grid))  # (C,) -> (C, 1, 1)
        for samples in _steps(self.batch, self.block_samples):
            n = samples.stop - samples.start
            planes[...] = start
            for rows in _steps(self.grid[0], self.block_rows):
                block = self._new_block(n, rows, windows.dtype)
                yield samples, rows, self._as_columns(block)
                for offset in np.ndindex(*self.kernel):
                    target = windows[(ALL, *offset, slice(n), rows)]  # (C, n, h, W')
                    target += block[(ALL, *offset)]
            gx[samples] = inner[:n]

    def widen(self, g: Array) -> Array:
        """Lay part of the output out like columns, zero beyond it: (n, O, h, W') -> (G, O/G, M)."""
        n, channels, rows = g.shape[:3]
        wide = scratch("product", (channels, n, rows, *self.grid[1:]), sum_dtype(g.dtype))
        if self.grid != self.out:
            wide[...] = 0
        wide[self._crop()] = g.swapaxes(0, 1)
        return wide.reshape(self.groups, channels // self.groups, n * rows * prod(self.grid[1:]))

    def narrow(self, product: Array, y: Array) -> None:
        """Write a product with columns to its part of the output: (G, O/G, M) -> (n, O, h, W')."""
        n, channels, rows = y.shape[:3]
        y[...] = product.reshape(channels, n, rows, *self.grid[1:])[self._crop()].swapaxes(0, 1)

    def _planes(self, dtype: np.dtype) -> tuple[Array, Array, Array]:
        """Zeros with room for a block of padded samples; a view of its interior, and one of its windows."""
        # One more row, for the last windows of a wide grid to run into.
        shape = (self.block_samples, self.channels, self.padded[0] + 1, *self.padded[1:])
        planes = scratch("planes", shape, dtype)
        planes[...] = 0
        inner = planes[(ALL, ALL, *(slice(p, p + n) for p, n in zip(self.before, self.spatial, strict=True)))]
        sample, channel, *steps = planes.strides
        kernel_steps = [d * step for d, step in zip(self.dilation, steps, strict=True)]
        grid_steps = [s * step for s, step in zip(self.stride, steps, strict=True)]
        windows = as_strided(  # (n, C, H + 2p, W + 2p) -> (C, kh, kw, n, H', W')
            planes,
            (self.channels, *self.kernel, self.block_samples, *self.grid),
            (channel, *kernel_steps, sample, *grid_steps),
        )
        return planes, inner, windows

    def _new_block(self, samples: int, rows: slice, dtype: np.dtype) -> Array:
        """Room for a block of columns: (C, kh, kw, n, h, W')."""
        shape = (self.channels, *self.kernel, samples, rows.stop - rows.start, *self.grid[1:])
        return scratch("columns", shape, dtype)

    def _as_columns(self, block: Array) -> Array:
        """(C, kh, kw, n, h, W') -> (G, K, M)."""
        return block.reshape(self.groups, self.height, prod(block.shape[-len(self.grid) - 1 :]))

    def _rest(self) -> tuple[slice, ...]:
        """Index of all spatial dimensions but the first."""
        return (ALL,) * (len(self.grid) - 1)

    def _crop(self) -> tuple[slice, ...]:
        """Index of the true output inside the grid."""
        return (ALL, ALL, ALL, *map(slice, self.out[1:]))


def sides(padding: int | tuple[int, int]) -> tuple[int, int]:
    """The padding of one dimension before and after."""
    return padding if isinstance(padding, tuple) else (padding, padding)


def _as_matrices(w: Array, groups: int) -> Array:
    """Each filter as a row: (O, C/G, kh, kw) -> (G, O/G, K)."""
    return w.reshape(groups, w.shape[0] // groups, prod(w.shape[1:])).astype(sum_dtype(w.dtype), copy=False)


def _split(block: Array, samples: int) -> Array:
    """One matrix a sample: (G, K, M) -> (n, G, K, M/n)."""
    return block.reshape(*block.shape[:2], samples, block.shape[2] // samples).transpose(2, 0, 1, 3)


def turned(w: Array, groups: int) -> Array:
    """The filters of the adjoint convolution, mirrored in space: (O, C/G, kh, kw) -> (C, O/G, kh, kw)."""
    grouped = w.reshape(groups, w.shape[0] // groups, *w.shape[1:]).swapaxes(1, 2)  # -> (G, C/G, O/G, kh, kw)
    mirrored = np.flip(grouped, tuple(range(3, grouped.ndim)))
    return mirrored.reshape(groups * w.shape[1], *mirrored.shape[2:])


def _even(total: int, most: int) -> int:
    """The size of equal steps that cover `total` in as few steps of at most `most` as possible."""
    steps = -(-total // max(1, most))
    return -(-total // max(1, steps)) or 1


def _steps(stop: int, step: int) -> Iterator[slice]:
    """Consecutive slices that cover range(stop)."""
    return (slice(start, min(start + step, stop)) for start in range(0, stop, step))
