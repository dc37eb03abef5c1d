"""Convolution as compiled loops: functions of ``conv_numpy`` that need no matrices of columns.

A sample's channels are laid out in planes with zeros around them, one copy for each column of the kernel: shifted by as
much, and as wide as the output. What a weight meets is then one run over a plane, beginning some rows later for the
kernel's next row, and it lies in step with the run of the output. So every weight has a place in the planes where its
runs start, and both kinds of loops below go through these places, whatever the kernel's shape:

    forward, and the input's gradient    y[o, j]  =  sum over k of  w[o, k] * planes[starts[k] + j]
    the filters' gradient                gw[o, k] =  sum over j of  g[o, j] * planes[starts[k] + j]

A tile of some o and some j, or k, is summed in registers. Planes that would not stay in the cache are done in strips of
rows. With a stride of s down the rows, planes hold every s-th row, and there is one for each row that the kernel begins
with. Samples are independent, and so are the groups of a sample.

Three dimensions and other dtypes are left to the reference; so is the input's gradient of a convolution with a stride.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minitorch_bn.kernels import conv_numpy as reference
from minitorch_bn.kernels._compiled import Loops, inner
from minitorch_bn.kernels.tiles import add_products, add_scaled, add_sums, copy, filled, machine, write

PLANES = 1 << 19  # bytes of the planes that are in use at a time: half of a second-level cache
BLOCKS = 8  # of pieces, each with sums of its own: the result does not depend on the number of threads
PRODUCTS = 24  # take as long as one element takes other loops


def conv(x, w, stride, padding, dilation, groups=1, bias=None):
    """(N, C, H, W), (O, C/G, kh, kw) -> (N, O, H', W'): see ``conv_numpy.conv``."""
    if not _is_direct(x, w.shape[2:]):
        return reference.conv(x, w, stride, padding, dilation, groups, bias)
    filters, weights = len(w) // groups, w[0].size
    rows, columns = min(machine()[1], key=lambda tile: -(-filters // tile[0]) / tile[1] * _time(tile))
    plan = _plan(x.shape, w.shape[2:], stride, padding, dilation, groups, x.dtype.itemsize)
    # (O, C/G, kh, kw) -> (G, O/G / rows, K, rows): what the rows of a tile need lies side by side
    packed = np.zeros((groups, _whole(filters, rows), weights), x.dtype)
    packed[:, :filters] = w.reshape(groups, filters, weights)
    packed = packed.reshape(-1, rows, weights).swapaxes(1, 2).reshape(-1)
    shift = np.zeros((groups, _whole(filters, rows)), x.dtype)
    if bias is not None:
        shift[:, :filters] = bias.reshape(groups, filters)
    y = np.empty((len(x), len(w), *plan.grid[: x.ndim - 2]), x.dtype)
    tile, work = ((0,) * rows, (0,) * columns, (0,)), y.size * weights // PRODUCTS
    _convolve(
        len(x) * groups * plan.strips, work, _flat(x), packed, shift.reshape(-1), filters, plan, *tile, y.reshape(-1)
    )
    return y


def conv_input_grad(g, w, input_spatial_shape, stride, padding, dilation, groups=1, bias=None):
    """(N, O, H', W'), (O, C/G, kh, kw) -> (N, C, H, W): see ``conv_numpy.conv_input_grad``."""
    sizes = zip(input_spatial_shape, g.shape[2:], w.shape[2:], padding, dilation, strict=True)
    spread = tuple((d * (k - 1) - _sides(p)[0], n + _sides(p)[0] - o) for n, o, k, p, d in sizes)
    is_direct = _is_direct(g, w.shape[2:]) and max(stride) == 1
    # In the padding the filters meet zeros, which only finite ones survive.
    if not is_direct or min(map(min, spread)) < 0 or not np.isfinite(w).all():
        return reference.conv_input_grad(g, w, input_spatial_shape, stride, padding, dilation, groups, bias)
    return conv(g, reference.turned(w, groups), stride, spread, dilation, groups, bias)


def conv_weight_grad(g, x, kernel_shape, stride, padding, dilation, groups=1):
    """(N, O, H', W'), (N, C, H, W) -> (O, C/G, kh, kw): see ``conv_numpy.conv_weight_grad``."""
    if not _is_direct(x, kernel_shape) or not g.size:
        return reference.conv_weight_grad(g, x, kernel_shape, stride, padding, dilation, groups)
    plan = _plan(x.shape, kernel_shape, stride, padding, dilation, groups, x.dtype.itemsize)
    if plan.grid[: x.ndim - 2] != g.shape[2:]:  # a transposed convolution whose last rows no window reaches
        return reference.conv_weight_grad(g, x, kernel_shape, stride, padding, dilation, groups)
    filters, weights = g.shape[1] // groups, plan.weights
    rows, columns = min(machine()[1], key=lambda tile: -(-filters // tile[0]) * -(-weights // tile[1]) * _time(tile))
    pieces = len(x) * plan.strips
    sums = np.zeros((groups, min(BLOCKS, pieces), _whole(filters, rows), _whole(weights, columns)), x.dtype)
    at_once = max(1, PLANES // ((plan.planes + sums.shape[2]) * plan.length * x.dtype.itemsize))
    tile, work = ((0,) * rows, (0,) * columns), g.size * weights // PRODUCTS
    up = _flat(g.astype(x.dtype, copy=False))
    _correlate(groups * sums.shape[1], work, up, _flat(x), filters, pieces, at_once, plan, *tile, sums)
    gw = np.ascontiguousarray(sums.sum(1)[:, :filters, :weights]).reshape(g.shape[1], -1, *kernel_shape)
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


def _is_direct(x: np.ndarray, kernel: tuple[int, ...]) -> bool:
    return len(kernel) < 3 and x.dtype.char in "fd" and x.size > 0


def _sides(padding: int | tuple[int, int]) -> tuple[int, int]:
    return padding if isinstance(padding, tuple) else (padding, padding)


def _time(tile: tuple[int, int]) -> int:
    """How long a tile takes, about: its products, or twice what it reads for them."""
    return max(tile[0] * tile[1], 2 * sum(tile))


def _whole(count: int, of: int) -> int:
    """Rounded up to a multiple."""
    return -(-count // of) * of


class _Plan(NamedTuple):
    """How a batch is laid out in planes; one spatial dimension is a plane of one column, a group is a sample."""

    groups: int
    sample: tuple[int, ...]  # channels, rows, columns
    grid: tuple[int, ...]  # rows and columns of the output
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]  # the padding above and to the left
    dilation: tuple[int, ...]
    height: int  # rows of the output that a strip has
    strips: int  # of a sample
    phases: int  # planes for each column of the kernel: they begin so many rows later
    rows: int  # of a plane
    planes: int
    length: int  # of a plane
    width: int  # of a vector: its lanes
    weights: int  # of a filter
    starts: np.ndarray  # for each of them, where its runs start in the planes; and some more, to fill a tile


@lru_cache(maxsize=256)
def _plan(shape, kernel, stride, padding, dilation, groups, itemsize):
    out = reference.conv_output_shape(shape[2:], kernel, stride, padding, dilation)
    one = (1,) * (2 - len(kernel))  # a sequence is an image of one column
    before = (*(_sides(p)[0] for p in padding), *(0 for _ in one))
    sample, grid = (shape[1] // groups, *shape[2:], *one), (*out, *one)
    kernel, stride, dilation = (*kernel, *one), (*stride, *one), (*dilation, *one)
    width = machine()[0] // itemsize
    reach = (kernel[0] - 1) * dilation[0]
    phases = min(stride[0], reach + 1)
    planes, halo = sample[0] * kernel[1] * phases, reach // stride[0]  # rows that a strip sees beyond its own
    fitting = PLANES // (planes * grid[1] * itemsize) - halo
    height = -(-grid[0] // -(-grid[0] // max(1, fitting)))
    # An odd number of vectors: planes a power of two apart would compete for the same lines of the cache.
    vectors = _whole(halo * grid[1], width) // width + _whole(height * grid[1], width) // width
    length = (vectors | 1) * width
    channel, row, column = np.ogrid[: sample[0], : kernel[0], : kernel[1]]
    plane = (channel * kernel[1] + column) * phases + row * dilation[0] % stride[0]
    starts = (plane * length + row * dilation[0] // stride[0] * grid[1]).reshape(-1)
    strips, more = -(-grid[0] // height), max(columns for _, columns in machine()[1]) - 1
    return _Plan(
        groups, sample, grid, kernel, stride, before, dilation, height, strips, phases, height + halo, planes, length,
        width, len(starts), np.append(starts, np.zeros(more, starts.dtype)),
    )  # fmt: skip


def _flat(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x).reshape(-1)


# A piece is a strip of the output's rows, of one sample.


@inner
def _lay_out(x, n, first, plan, planes, at):
    """What the output's rows from ``first`` on see of sample n, to ``planes`` from ``at`` on."""
    channels, input_rows, input_columns = plan.sample
    columns, (down, right) = plan.grid[1], plan.stride
    for c in range(channels):
        source = (n * channels + c) * input_rows * input_columns
        for k in range(plan.kernel[1] * plan.phases):
            plane = at + (c * plan.kernel[1] * plan.phases + k) * plan.length
            # Row i and column j of the plane are row i * down + above and column j * right + ahead of the input.
            above = first * down + k % plan.phases - plan.before[0]
            ahead = k // plan.phases * plan.dilation[1] - plan.before[1]
            low = min(plan.rows, max(0, -(above // down)))
            high = max(low, min(plan.rows, (input_rows - 1 - above) // down + 1))
            begin = min(columns, max(0, -(ahead // right)))
            end = max(begin, min(columns, (input_columns - 1 - ahead) // right + 1))
            if plan.strips > 1:  # else zeros are there from the beginning
                planes[plane : plane + low * columns] = 0
                planes[plane + high * columns : plane + plan.rows * columns] = 0
            start = source + above * input_columns + ahead
            if columns == input_columns and down == right == 1 and begin < end and low < high:
                # Rows follow each other as they do in x: a single run, but for what it carries from row to row.
                skipped = low * columns + begin
                copy(x, start + skipped, planes, plane + skipped, (high - low - 1) * columns + end - begin)
            else:
                for i in range(low, high):
                    to, row = plane + i * columns, start + i * down * input_columns
                    if right == 1 and columns > 1:
                        copy(x, row + begin, planes, to + begin, end - begin)
                    elif right == 2 and begin < end:  # a stride that the compiler knows
                        target, numbers = planes[to + begin : to + end], x[row + 2 * begin : row + 2 * end - 1]
                        for j in range(end - begin):
                            target[j] = numbers[2 * j]
                    else:
                        for j in range(begin, end):
                            planes[to + j] = x[row + j * right]
            for edge in range(begin):
                for i in range(low, high):
                    planes[plane + i * columns + edge] = 0
            for edge in range(end, columns):
                for i in range(low, high):
                    planes[plane + i * columns + edge] = 0


@inner
def _sum_products(packed, shift, o, plan, planes, j, rows, columns):
    """A tile from filter o of all groups and element j on."""
    tile, at = filled(shift, o, rows, columns), o * plan.weights
    for k in range(plan.weights):
        tile = add_scaled(tile, packed, at + k * len(rows), planes, plan.starts[k] + j)
    return tile


@Loops
def _convolve(x, packed, shift, filters, plan, rows, columns, one, y, start, stop):
    size, width = plan.grid[0] * plan.grid[1], plan.width
    planes, group_size = np.zeros(plan.planes * plan.length, x.dtype), len(shift) // plan.groups
    spare = np.empty(len(rows) * len(columns) * width, x.dtype)
    for piece in range(start, stop):
        n, first = piece // plan.strips, piece % plan.strips * plan.height
        run = min(plan.height, plan.grid[0] - first) * plan.grid[1]
        _lay_out(x, n, first, plan, planes, 0)
        for o in range(0, filters, len(rows)):
            at, j = (n * filters + o) * size + first * plan.grid[1], 0
            of = n % plan.groups * group_size + o
            while j < run:
                is_wide = j + (len(columns) - 1) * width < run
                done = len(columns) * width if is_wide else width
                fits = o + len(rows) <= filters and j + done <= run
                to, where, step = (y, at + j, size) if fits else (spare, 0, done)
                if is_wide:
                    write(_sum_products(packed, shift, of, plan, planes, j, rows, columns), to, where, step)
                else:
                    write(_sum_products(packed, shift, of, plan, planes, j, rows, one), to, where, step)
                if not fits:
                    for r in range(min(len(rows), filters - o)):
                        copy(spare, r * done, y, at + r * size + j, min(done, run - j))
                j += done


@Loops
def _correlate(g, x, filters, pieces, at_once, plan, rows, columns, sums, start, stop):
    _, blocks, sum_rows, weights = sums.shape
    size, width = plan.grid[0] * plan.grid[1], plan.width
    most = (plan.height * plan.grid[1] + width - 1) // width * width
    apart = (most // width | 1) * width  # see plan.length
    sample = plan.planes * plan.length
    planes, up = np.zeros(at_once * sample, x.dtype), np.zeros(at_once * sum_rows * apart, x.dtype)
    zeros = np.zeros(len(rows), x.dtype)
    for step in range(start, stop):
        group, block = step // blocks, step % blocks
        flat = sums[group, block].reshape(sum_rows * weights)
        begin, end = pieces * block // blocks, pieces * (block + 1) // blocks
        for batch in range(begin, end, at_once):
            count = min(at_once, end - batch)
            for p in range(count):
                n, first = (batch + p) // plan.strips * plan.groups + group, (batch + p) % plan.strips * plan.height
                run = min(plan.height, plan.grid[0] - first) * plan.grid[1]
                _lay_out(x, n, first, plan, planes, p * sample)
                if apart == size:  # a single strip, of whole vectors
                    copy(g, n * filters * size, up, p * sum_rows * apart, filters * size)
                    continue
                for o in range(filters):
                    to = (p * sum_rows + o) * apart
                    copy(g, (n * filters + o) * size + first * plan.grid[1], up, to, run)
                    for j in range(run, most):
                        up[to + j] = 0
            for o in range(0, sum_rows, len(rows)):
                for k in range(0, weights, len(columns)):
                    tile = filled(zeros, 0, rows, columns)
                    for p in range(count):
                        at = (p * sum_rows + o) * apart
                        for j in range(0, most, width):
                            tile = add_products(tile, up, at + j, apart, planes, plan.starts, k, p * sample + j)
                    add_sums(tile, flat, o * weights + k, weights)


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
