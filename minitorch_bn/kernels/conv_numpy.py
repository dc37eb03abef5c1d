"""Convolution as matrix products, for any number of spatial dimensions.

    y[n, o, p] = sum over c, k of  w[o, c, k] * x[n, c, stride * p + dilation * k - padding]

is linear in `x` and linear in `w`. Its two adjoints, `conv_input_grad` and `conv_weight_grad`, are linear in each of their
arrays as well, and the derivative of any of the three is one of the other two: three functions serve every order.

Each of them copies the windows of the zero-padded input into the columns of a matrix ("im2col", Chellapilla et al., "High
performance convolutional neural networks for document processing", 2006), or adds such columns back, around one product
by BLAS. This happens in blocks that stay in the cache, so the memory used does not grow with the batch.

Shapes, written here for two spatial dimensions and one group: `x` (N, C, H, W), `w` (O, C, kh, kw), `y` (N, O, H', W');
with `groups` G, `w` is (O, C/G, kh, kw). Stride, padding and dilation are tuples, one int per spatial dimension.
Results have the dtype of the inputs; 16-bit floats are summed in float32 and rounded once.
"""

from __future__ import annotations

from math import prod
from threading import local
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

if TYPE_CHECKING:
    from collections.abc import Iterator

    Shape = tuple[int, ...]
    Array = np.ndarray

BLOCK = 1 << 18  # elements of a block of columns: a megabyte of float32, half a second-level cache
NARROWEST = 256  # columns of a block, at least: BLAS reads all filters again for each block

KEPT = 1 << 24  # bytes of scratch memory, at most, that outlive a call

ALL = slice(None)


def conv_output_shape(spatial: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Shape:
    """The spatial shape of a convolution's result.

    >>> conv_output_shape((28, 28), kernel=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(1, 1))
    (14, 14)
    """
    sizes = zip(spatial, kernel, stride, padding, dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)


def conv(x: Array, w: Array, stride: Shape, padding: Shape, dilation: Shape, groups: int = 1) -> Array:
    """Slide the filters over the input: (N, C, *spatial), (O, C/G, *kernel) -> (N, O, *out).

    >>> x = np.arange(5.0).reshape(1, 1, 5)
    >>> conv(x, np.array([[[1.0, 0.0, -1.0]]]), (1,), (0,), (1,))
    array([[[-2., -2., -2.]]])
    """
    filters = _as_matrices(w, groups)  # (O, C/G, kh, kw) -> (G, O/G, K)
    if prod(w.shape[2:]) == max(stride) == 1 and max(padding) == 0:  # a 1x1 convolution: the input is its own columns
        pixels = x.reshape(x.shape[0], groups, w.shape[1], prod(x.shape[2:]))  # (N, C, H, W) -> (N, G, C/G, H*W)
        y = filters @ pixels.astype(filters.dtype, copy=False)
        return y.reshape(x.shape[0], w.shape[0], *x.shape[2:]).astype(x.dtype, copy=False)
    columns = _Columns(x.shape, w.shape[0], w.shape[2:], stride, padding, dilation, groups)
    y = np.empty((x.shape[0], w.shape[0], *columns.out), x.dtype)
    for samples, rows, block in columns.gather(x):
        product = _scratch("product", (groups, filters.shape[1], block.shape[2]), block.dtype)
        np.matmul(filters, block, out=product)
        columns.narrow(product, y[samples, :, rows])  # (G, O/G, M) -> (n, O, h, W')
    return y


def conv_input_grad(
    g: Array, w: Array, input_spatial_shape: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int = 1
) -> Array:
    """The adjoint of `conv` in its input, a transposed convolution: (N, O, *out), (O, C/G, *kernel) -> (N, C, *spatial)."""
    shape = (g.shape[0], w.shape[1] * groups, *input_spatial_shape)
    kernel = w.shape[2:]
    finite = bool(np.isfinite(w).all())  # the ways that save time multiply the filters by zeros
    spread = tuple(d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True))
    if finite and max(stride) == 1 and min(spread) >= 0 and w.shape[0] <= 4 * shape[1]:
        return conv(g, _turned(w, groups), stride, spread, dilation, groups)  # reading columns beats adding them
    filters = _as_matrices(w, groups).swapaxes(1, 2)  # (O, C/G, kh, kw) -> (G, K, O/G)
    columns = _Columns(shape, w.shape[0], kernel, stride, padding, dilation, groups, wide=finite)
    gx = np.empty(shape, g.dtype)
    for samples, rows, block in columns.scatter(gx):
        np.matmul(filters, columns.widen(g[samples, :, rows]), out=block)
    return gx


def conv_weight_grad(
    g: Array, x: Array, kernel_shape: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int = 1
) -> Array:
    """The adjoint of `conv` in its filters: (N, O, *out), (N, C, *spatial) -> (O, C/G, *kernel)."""
    filters = g.shape[1] // groups
    for wide in (True, False):
        columns = _Columns(x.shape, g.shape[1], kernel_shape, stride, padding, dilation, groups, wide)
        gw = np.zeros((groups, columns.height, filters), _sum_dtype(x.dtype))
        for samples, rows, block in columns.gather(x):
            wide_g = columns.widen(g[samples, :, rows])
            if gw[0].size > block.shape[2]:
                gw += block @ wide_g.swapaxes(1, 2)  # (G, K, M) @ (G, M, O/G)
            else:  # BLAS is slow at few long sums: one product for each sample
                n = samples.stop - samples.start
                gw += (_split(block, n) @ _split(wide_g, n).swapaxes(2, 3)).sum(0)
        if np.isfinite(gw).all():  # else an infinite input may have met the zeros of the wide grid
            break
    gw = gw.swapaxes(1, 2).reshape(g.shape[1], x.shape[1] // groups, *kernel_shape)  # (G, K, O/G) -> (O, C/G, kh, kw)
    return np.ascontiguousarray(gw, x.dtype)


class _Columns:
    """The windows of an input as the columns of a matrix, a block at a time.

    A block covers n samples and h rows of the output. It is a (G, K, M) array with one row per weight of a filter,
    K = C/G * kh * kw, and one column per window, M = n * h * W'.

    With stride 1 the windows are taken on a *wide* grid: as many as there are columns in a padded row. A kernel
    offset's values then lie in memory as one run, and copying them is three times as fast; those of the windows
    that wrap around into the next row are thrown away.
    """

    def __init__(
        self,
        shape: Shape,
        filters: int,
        kernel: Shape,
        stride: Shape,
        padding: Shape,
        dilation: Shape,
        groups: int,
        wide: bool = True,
    ) -> None:
        self.batch, self.channels, *spatial = shape
        self.spatial, self.kernel, self.stride, self.padding, self.dilation = spatial, kernel, stride, padding, dilation
        self.groups = groups
        self.out = self.grid = conv_output_shape(tuple(spatial), kernel, stride, padding, dilation)
        self.padded = [n + 2 * p for n, p in zip(spatial, padding, strict=True)]
        wide_grid = (self.out[0], *self.padded[1:])
        if wide and max(stride) == 1 and prod(wide_grid) <= 2 * prod(self.out):
            self.grid = wide_grid
        self.height = self.channels // groups * prod(kernel)
        row = prod(self.grid[1:])
        width = max(BLOCK // (self.height * groups + filters + 1), NARROWEST)
        self.block_samples = _even(self.batch, width // (row * self.grid[0]))
        self.block_rows = _even(self.grid[0], width // row)

    def gather(self, x: Array) -> Iterator[tuple[slice, slice, Array]]:
        """Yield (samples, rows of the output, columns) for each block; the next one overwrites the columns."""
        _, inner, windows = self._planes(_sum_dtype(x.dtype))
        for samples in _steps(self.batch, self.block_samples):
            n = samples.stop - samples.start
            inner[:n] = x[samples]
            for rows in _steps(self.grid[0], self.block_rows):
                block = _scratch("columns", self._block_shape(n, rows.stop - rows.start), windows.dtype)
                block[...] = windows[(..., slice(n), rows, *self._rest())]  # -> (C, kh, kw, n, h, W')
                yield samples, rows, self._as_columns(block)

    def scatter(self, gx: Array) -> Iterator[tuple[slice, slice, Array]]:
        """Yield like `gather`, for columns to be filled in; add them where `gather` would have read them in `gx`."""
        planes, inner, windows = self._planes(_sum_dtype(gx.dtype))
        for samples in _steps(self.batch, self.block_samples):
            n = samples.stop - samples.start
            planes[...] = 0
            for rows in _steps(self.grid[0], self.block_rows):
                block = _scratch("columns", self._block_shape(n, rows.stop - rows.start), windows.dtype)
                yield samples, rows, self._as_columns(block)
                for offset in np.ndindex(*self.kernel):
                    target = windows[(ALL, *offset, slice(n), rows)]  # (C, n, h, W')
                    target += block[(ALL, *offset)]
            gx[samples] = inner[:n]

    def widen(self, g: Array) -> Array:
        """Lay a part of the output out like columns, zero where the grid is wider: (n, O, h, W') -> (G, O/G, M)."""
        n, channels, rows = g.shape[:3]
        wide = _scratch("product", (channels, n, rows, *self.grid[1:]), _sum_dtype(g.dtype))
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
        planes = _scratch("planes", (self.block_samples, self.channels, self.padded[0] + 1, *self.padded[1:]), dtype)
        planes[...] = 0
        borders = zip(self.padding, self.spatial, strict=True)
        inner = planes[(ALL, ALL, *(slice(p, p + n) for p, n in borders))]
        sample, channel, *steps = planes.strides
        kernel_steps = [d * step for d, step in zip(self.dilation, steps, strict=True)]
        grid_steps = [s * step for s, step in zip(self.stride, steps, strict=True)]
        windows = as_strided(  # (n, C, H + 2p, W + 2p) -> (C, kh, kw, n, H', W')
            planes,
            self._block_shape(self.block_samples, self.grid[0]),
            (channel, *kernel_steps, sample, *grid_steps),
        )
        return planes, inner, windows

    def _block_shape(self, samples: int, rows: int) -> Shape:
        return (self.channels, *self.kernel, samples, rows, *self.grid[1:])

    def _as_columns(self, block: Array) -> Array:
        """(C, kh, kw, n, h, W') -> (G, K, M)."""
        return block.reshape(self.groups, self.height, prod(block.shape[-len(self.grid) - 1 :]))

    def _rest(self) -> tuple[slice, ...]:
        return (ALL,) * (len(self.grid) - 1)

    def _crop(self) -> tuple[slice, ...]:
        """Index of the true output inside the grid."""
        return (ALL, ALL, ALL, *map(slice, self.out[1:]))


def _as_matrices(w: Array, groups: int) -> Array:
    """Each filter as a row: (O, C/G, kh, kw) -> (G, O/G, K)."""
    return w.reshape(groups, w.shape[0] // groups, prod(w.shape[1:])).astype(_sum_dtype(w.dtype), copy=False)


def _split(block: Array, samples: int) -> Array:
    """One matrix a sample: (G, K, M) -> (n, G, K, M/n)."""
    return block.reshape(*block.shape[:2], samples, -1).transpose(2, 0, 1, 3)


def _turned(w: Array, groups: int) -> Array:
    """The filters of the adjoint convolution, mirrored in space: (O, C/G, kh, kw) -> (C, O/G, kh, kw)."""
    grouped = w.reshape(groups, w.shape[0] // groups, *w.shape[1:]).swapaxes(1, 2)  # -> (G, C/G, O/G, kh, kw)
    turned = np.flip(grouped, tuple(range(3, grouped.ndim)))
    return turned.reshape(-1, *turned.shape[2:])


_kept = local()


def _scratch(role: str, shape: Shape, dtype: np.dtype) -> Array:
    """Uninitialised memory that each thread keeps for its next call: fresh pages cost more than the work done on them."""
    size = prod(shape) * dtype.itemsize
    memory = getattr(_kept, role, None)
    if memory is None or memory.size < size:
        memory = np.empty(size, np.uint8)
        if size <= KEPT:
            setattr(_kept, role, memory)
    return np.ndarray(shape, dtype, memory)


def _sum_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype to sum in: float32 for the 16-bit floats (float16, and bfloat16 of `ml_dtypes`)."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind not in "iu" else dtype


def _even(total: int, most: int) -> int:
    """The size of equal steps that cover `total` in as few steps of at most `most` as possible."""
    steps = -(-total // max(1, most))
    return -(-total // max(1, steps)) or 1


def _steps(stop: int, step: int) -> Iterator[slice]:
    """Consecutive slices that cover range(stop)."""
    return (slice(start, min(start + step, stop)) for start in range(0, stop, step))
