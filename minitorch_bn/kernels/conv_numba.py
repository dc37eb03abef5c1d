"""Convolution as compiled loops: functions of ``conv_numpy`` that need no matrices of columns.

A sample's channels are laid out in planes with zeros around them, one copy for each column of the kernel: shifted by as
much, and as wide as the output. What a weight meets is then one run over a plane, beginning some rows later for the
kernel's next row, and it lies in step with the run of the output. So every weight has a place in the planes where its
runs start, and both kinds of loops below go through these places, whatever the kernel's shape:

    forward, and the input's gradient    y[o, j]  =  sum over k of  w[o, k] * planes[starts[k] + j]
    the filters' gradient                gw[o, k] =  sum over j of  g[o, j] * planes[starts[k] + j]

A tile of some o and some j, or k, is summed in registers. Planes that would not stay in the cache are done in strips of
rows. With a stride of s down the rows, planes hold every s-th row, and there is one for each row that the kernel begins
with. A volume is done slice by slice; the slices that the kernel sees are like more channels.

The input's gradient of a convolution with a stride of s falls into parts: of the input's elements, each s-th meets the
same weights. A part is a convolution of g with these and without a stride, and all parts read the same planes.

Other dtypes than float32 and float64 are left to the reference.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from minitorch_bn.kernels import conv_numpy as reference
from minitorch_bn.kernels._compiled import Loops, inner
from minitorch_bn.kernels.threads import threads
from minitorch_bn.kernels.tiles import (
    add_products,
    add_scaled,
    add_sums,
    copy,
    copy_every_second,
    filled,
    machine,
    write,
)

PLANES = 1 << 19  # bytes of the planes that are in use at a time: half of a second-level cache
BLOCKS = 8  # of pieces, each with sums of its own: the result does not depend on the number of threads
SUMS = 1 << 22  # bytes of the sums of all blocks
FOUR, EIGHT = (0,) * 4, (0,) * 8  # numbers that are copied at once
FEWEST = 8  # vectors that a tile of the filters' gradient sums, or its own sum takes longer
PRODUCTS = 24  # take as long as one element takes other loops


def conv(x, w, stride, padding, dilation, groups=1, bias=None):
    """(N, C, H, W), (O, C/G, kh, kw) -> (N, O, H', W'): see ``conv_numpy.conv``."""
    out = reference.conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
    if not _is_direct(x, out):
        return reference.conv(x, w, stride, padding, dilation, groups, bias)
    plan, tables = _plan(x.shape, w.shape[2:], stride, padding, dilation, groups, x.dtype.itemsize)
    return _convolved(x, w.reshape(groups, len(w) // groups, w.shape[1], -1), None, plan, tables, out, bias)


def conv_input_grad(g, w, input_spatial_shape, stride, padding, dilation, groups=1, bias=None):
    """(N, O, H', W'), (O, C/G, kh, kw) -> (N, C, H, W): see ``conv_numpy.conv_input_grad``."""
    spatial = tuple(input_spatial_shape)
    part = tuple(-(-n // s) for n, s in zip(spatial, stride, strict=True))
    is_sparse = prod(part) > reference.SPARSE * prod(g.shape[2:])  # most weights would meet zeros
    # In the padding the filters meet zeros, which only finite ones survive.
    if not _is_direct(g, part) or is_sparse or not np.isfinite(w).all():
        return reference.conv_input_grad(g, w, spatial, stride, padding, dilation, groups, bias)
    plan, tables, order = _adjoint_plan(
        g.shape, spatial, w.shape[2:], stride, padding, dilation, groups, g.dtype.itemsize
    )
    weights = w.reshape(groups, len(w) // groups, w.shape[1], -1).swapaxes(1, 2)  # -> (G, C/G, O/G, kh*kw)
    return _convolved(g, weights, order, plan, tables, spatial, bias)


def conv_weight_grad(g, x, kernel_shape, stride, padding, dilation, groups=1):
    """(N, O, H', W'), (N, C, H, W) -> (O, C/G, kh, kw): see ``conv_numpy.conv_weight_grad``."""
    out = reference.conv_output_shape(x.shape[2:], kernel_shape, stride, padding, dilation)
    # A transposed convolution may end in rows that no window reaches.
    if not _is_direct(x, out) or not g.size or g.shape[2:] != out:
        return reference.conv_weight_grad(g, x, kernel_shape, stride, padding, dilation, groups)
    plan, tables = _plan(x.shape, kernel_shape, stride, padding, dilation, groups, x.dtype.itemsize)
    filters, weights = g.shape[1] // groups, plan.weights
    rows, columns = min(machine()[1], key=lambda tile: -(-filters // tile[0]) * -(-weights // tile[1]) * _time(tile))
    pieces = len(x) * plan.grid[0] * plan.strips
    size = _whole(filters, rows), _whole(weights, columns)
    blocks = max(1, min(BLOCKS, pieces, SUMS // (groups * prod(size) * x.dtype.itemsize)))
    # Where there are fewer than threads, these share the filters.
    shares = max(1, min(threads() // (groups * blocks), size[0] // rows))
    sums = np.zeros((groups, blocks, *size), x.dtype)
    fitting = PLANES // ((plan.planes + size[0] // shares) * plan.length * x.dtype.itemsize)
    at_once = min(pieces, max(1, fitting, FEWEST * plan.width // (plan.height * plan.grid[2])))
    tile, work = ((0,) * rows, (0,) * columns), g.size * weights // PRODUCTS
    work += pieces * groups * plan.planes * plan.rows * plan.grid[2]
    up = _flat(g.astype(x.dtype, copy=False))
    _correlate(
        groups * blocks * shares, work, up, _flat(x), filters, pieces, at_once, shares, plan, *tables[:2], *tile, sums
    )
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


def _is_direct(x: np.ndarray, out: tuple[int, ...]) -> bool:
    """Whether there is something to compute, in slices that fill most of a vector."""
    return x.dtype.char in "fd" and x.size > 0 and prod(_volume(out)[1:]) * x.dtype.itemsize * 2 > machine()[0]


def _convolved(x, w, order, plan, tables, out, bias):
    """(N, C, *spatial), (G, O/G, C/G, kh*kw) -> (N, O, *out)"""
    groups, filters, *weights = w.shape
    rows, columns = min(machine()[1], key=lambda tile: -(-filters // tile[0]) / tile[1] * _time(tile))
    # (G, O/G, C/G, kh*kw) -> (G, O/G / rows, C/G, kh*kw, rows): what the rows of a tile need lies side by side
    packed = np.zeros((groups, -(-filters // rows), *weights, rows), x.dtype)
    whole, target = filters // rows, np.moveaxis(packed, 4, 2)
    target[:, :whole] = w[:, : whole * rows].reshape(groups, whole, rows, *weights)
    if whole * rows < filters:
        target[:, whole, : filters - whole * rows] = w[:, whole * rows :]
    if order is not None:
        packed = packed.reshape(-1, plan.weights, rows).take(order, 1)
    shift = np.zeros((groups, _whole(filters, rows)), x.dtype)
    if bias is not None:
        shift[:, :filters] = bias.reshape(groups, filters)
    y = np.empty((len(x), groups * filters, *out), x.dtype)
    pieces = len(x) * plan.grid[0] * plan.strips
    at_once = 1
    if packed.nbytes > groups * PLANES:
        # Many filters go over several pieces before they leave the cache, but there must be some for each thread.
        fitting = PLANES // (plan.planes * plan.length * x.dtype.itemsize)
        at_once = max(1, min(fitting, pieces * groups // (2 * threads())))
    steps, work = groups * -(-pieces // at_once), y.size * plan.weights // len(tables.parts) // PRODUCTS
    work += pieces * groups * plan.planes * plan.rows * plan.grid[2]
    tile, volume = ((0,) * rows, (0,) * columns, (0,)), _volume(out)
    given = _flat(x), packed.reshape(-1), shift.reshape(-1), filters, pieces, at_once
    _convolve(steps, work, *given, plan, *tables, *tile, volume, _flat(y))
    return y


def _time(tile: tuple[int, int]) -> int:
    """How long a tile takes, about: its products, or twice what it reads for them."""
    return max(tile[0] * tile[1], 2 * sum(tile))


def _whole(count: int, of: int) -> int:
    """Rounded up to a multiple."""
    return -(-count // of) * of


def _flat(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x).reshape(-1)


def _volume(shape: tuple, one: Any = 1) -> Any:
    """One number each for depth, rows and columns: a sequence is an image of one column, an image a volume of one."""
    return ((one, *shape, one), (one, *shape), shape)[len(shape) - 1]


class _Plan(NamedTuple):
    groups: int
    channels: int  # of a group
    source: tuple[int, int, int]  # what is laid out: its depth, rows and columns
    grid: tuple[int, int, int]  # the output's, or those of one part of it
    stride: tuple[int, int, int]
    height: int  # rows of the output in a strip
    strips: int  # of a slice
    rows: int  # of a plane
    planes: int  # of a piece
    length: int  # of a plane in memory
    width: int  # of a vector
    is_clear: bool  # whether what is not written stays zero
    weights: int  # of a filter
    spread: tuple[int, int, int]  # from one element of a part of the output to the next


class _Tables(NamedTuple):
    """Apart from the plan: each use of an array in a tuple would be counted."""

    views: np.ndarray  # the planes of a channel: their slice, first row and column, and which columns lie inside
    starts: np.ndarray  # for each weight, where its runs start in the planes; and some more, to fill a tile
    parts: np.ndarray  # of the output: where each begins, and the first and last of its weights


@lru_cache(maxsize=256)
def _plan(shape, kernel, stride, padding, dilation, groups, itemsize):
    out = reference.conv_output_shape(shape[2:], kernel, stride, padding, dilation)
    sizes, zero = zip(kernel, padding, dilation, strict=True), np.zeros(1, np.int64)
    offsets = _volume(tuple(np.arange(k) * d - reference.sides(p)[0] for k, p, d in sizes), zero)
    order = np.arange(shape[1] // groups * prod(kernel))
    parts = np.array([[0, 0, 0, 0, len(order)]])
    return _new_plan(shape, _volume(out), _volume(stride), offsets, groups, itemsize, order, parts, (1, 1, 1))


@lru_cache(maxsize=256)
def _adjoint_plan(shape, spatial, kernel, stride, padding, dilation, groups, itemsize):
    """The same, and the order in which the weights come, if there are several parts."""
    # A weight k reads g for the input's element s q + r at q + offset, where s offset = r + padding - dilation k.
    sizes, zero = zip(kernel, padding, dilation, strict=True), np.zeros(1, np.int64)
    behind = _volume(tuple(np.arange(k) * d - reference.sides(p)[0] for k, p, d in sizes), zero)
    spread = _volume(stride)
    offsets = [-(of // s) for of, s in zip(behind, spread, strict=True)]
    residues = [of % s for of, s in zip(behind, spread, strict=True)]
    grid = tuple(-(-n // s) for n, s in zip(_volume(spatial), spread, strict=True))
    channels = shape[1] // groups
    weights = np.arange(channels * prod(kernel)).reshape(channels, *map(len, offsets))
    order, parts, end = [], [], 0
    for part in product(*map(range, spread)):
        taps = np.ix_(*(of == r for of, r in zip(residues, part, strict=True)))
        order.append(weights[(slice(None), *taps)].reshape(-1))
        parts.append((*part, end, end + len(order[-1])))
        end += len(order[-1])
    first_to_last = np.concatenate(order)
    plan = _new_plan(shape, grid, (1, 1, 1), offsets, groups, itemsize, first_to_last, np.array(parts), spread)
    return *plan, first_to_last if len(parts) > 1 else None


def _new_plan(shape, grid, stride, offsets, groups, itemsize, order, parts, spread):
    channels, width, source = shape[1] // groups, machine()[0] // itemsize, _volume(shape[2:])
    slices, slice_of = np.unique(offsets[0], return_inverse=True)
    columns, column_of = np.unique(offsets[2], return_inverse=True)
    # Rows whose numbers differ by a multiple of the stride are in one plane.
    _, row_of = np.unique(offsets[1] % stride[1], return_inverse=True)
    above = np.array([offsets[1][row_of == k].min() for k in range(row_of.max() + 1)])
    below = (offsets[1] - above[row_of]) // stride[1]
    views = []
    for behind, row, ahead in product(slices, above, columns):
        begin = min(grid[2], max(0, -(ahead // stride[2])))
        end = max(begin, min(grid[2], (source[2] - 1 - ahead) // stride[2] + 1))
        views.append((behind, row, ahead, begin, end))
    halo, planes = int(below.max()), channels * len(views)  # rows that a strip sees beyond its own
    fitting = PLANES // (planes * grid[2] * itemsize) - halo
    height = -(-grid[1] // -(-grid[1] // max(1, fitting)))
    strips = -(-grid[1] // height)
    # An odd number of vectors: planes a power of two apart would compete for the same lines of the cache.
    vectors = _whole(halo * grid[2], width) // width + _whole(height * grid[2], width) // width
    length = (vectors | 1) * width
    channel, k, i, j = np.ogrid[:channels, : len(slice_of), : len(row_of), : len(column_of)]
    plane = ((channel * len(slices) + slice_of[k]) * len(above) + row_of[i]) * len(columns) + column_of[j]
    starts = (plane * length + below[i] * grid[2]).reshape(-1)[order]
    more = max(columns for _, columns in machine()[1]) - 1
    plan = _Plan(
        groups, channels, source, grid, stride, height, strips, height + halo, planes, length, width,
        strips == grid[0] == 1, len(order), spread,
    )  # fmt: skip
    return plan, _Tables(np.array(views), np.append(starts, np.zeros(more, starts.dtype)), parts)


# A piece is a strip of the output's rows, of one slice of one sample.


@inner
def _located(piece, group, plan):
    """The sample, its channels being those of the group; the slice; and the first row."""
    n, strip = piece, 0
    if plan.strips > 1:
        n, strip = piece // plan.strips, piece % plan.strips
    depth = 0
    if plan.grid[0] > 1:
        n, depth = n // plan.grid[0], n % plan.grid[0]
    return n * plan.groups + group, depth, strip * plan.height


@inner
def _lay_out(x, place, plan, views, planes, at):
    """What a piece of the output sees, to ``planes`` from ``at`` on."""
    n, depth, first = place
    slices, input_rows, input_columns = plan.source
    columns, (_, down, right), plane = plan.grid[2], plan.stride, at - plan.length
    for c in range(plan.channels):
        for k in range(len(views)):
            plane += plan.length
            # Row i and column j of the plane are row i * down + above and column j * right + ahead of the slice.
            behind, above, ahead = (
                views[k, 0] + depth * plan.stride[0],
                views[k, 1] + first * down,
                views[k, 2],
            )
            begin, end = views[k, 3], views[k, 4]
            low = min(plan.rows, (down - 1 - above) // down if above < 0 else 0)
            high = max(low, min(plan.rows, (input_rows - 1 - above) // down + 1))
            if behind < 0 or behind >= slices:
                high = low
            if not plan.is_clear:
                for j in range(plane, plane + low * columns):
                    planes[j] = 0
                for j in range(plane + high * columns, plane + plan.rows * columns):
                    planes[j] = 0
            source = ((n * plan.channels + c) * slices + behind) * input_rows * input_columns
            start = source + above * input_columns + ahead
            if columns == input_columns and down == right == 1 and begin < end and low < high:
                # Rows follow each other as they do in x: a single run, but for what it carries from row to row.
                skipped = low * columns + begin
                copy(x, start + skipped, planes, plane + skipped, (high - low - 1) * columns + end - begin)
            elif columns == input_columns == 1 and begin < end:
                for i in range(low, high):
                    planes[plane + i] = x[start + i * down]
            else:
                for i in range(low, high):
                    to, row = plane + i * columns + begin, start + i * down * input_columns + begin * right
                    count = end - begin
                    if right == 1:
                        copy(x, row, planes, to, count)
                    elif right == 2 and count >= 8:
                        for j in range(0, count - 8, 8):
                            copy_every_second(x, row + 2 * j, planes, to + j, EIGHT)
                        copy_every_second(x, row + 2 * (count - 8), planes, to + count - 8, EIGHT)
                    elif right == 2 and count >= 4:
                        copy_every_second(x, row, planes, to, FOUR)
                        copy_every_second(x, row + 2 * (count - 4), planes, to + count - 4, FOUR)
                    else:
                        for j in range(count):
                            planes[to + j] = x[row + j * right]
            for edge in range(begin):
                for i in range(low, high):
                    planes[plane + i * columns + edge] = 0
            for edge in range(end, columns):
                for i in range(low, high):
                    planes[plane + i * columns + edge] = 0


@inner
def _sum_products(packed, shift, o, weights, first, last, starts, planes, j, rows, columns):
    """A tile from filter o of all groups and element j on."""
    tile, at = filled(shift, o, rows, columns), o * weights
    for k in range(first, last):
        tile = add_scaled(tile, packed, at + k * len(rows), planes, starts[k] + j)
    return tile


@inner
def _put(spare, pitch, count, part, parts, place, run, plan, to, volume, y):
    """The rows of ``spare`` to where a part of the output has its elements."""
    _, depth, first = place
    slices, output_rows, output_columns = volume
    apart, down, right = plan.spread
    above, ahead, columns = first * down + parts[part, 1], parts[part, 2], plan.grid[2]
    behind = depth * apart + parts[part, 0]
    rows = min(run // columns, (output_rows - 1 - above) // down + 1)
    cells = min(columns, (output_columns - 1 - ahead) // right + 1)
    if output_columns == 1:
        rows, cells, right = min(cells, 1), rows, down
    for r in range(count if behind < slices else 0):
        start = (((to + r) * slices + behind) * output_rows + above) * output_columns + ahead
        for i in range(rows):
            row, source = start + i * down * output_columns, r * pitch + i * columns
            for j in range(cells):
                y[row + j * right] = spare[source + j]


@Loops
def _convolve(
    x, packed, shift, filters, pieces, at_once, plan, views, starts, parts, rows, columns, one, volume, y, start, stop
):  # fmt: skip
    size, width, weights = plan.grid[1] * plan.grid[2], plan.width, plan.weights
    batches, is_whole = (pieces + at_once - 1) // at_once, plan.spread[0] * plan.spread[1] * plan.spread[2] == 1
    sample, group_size = plan.planes * plan.length, len(shift) // plan.groups
    planes, spare = np.zeros(at_once * sample, x.dtype), np.empty(len(rows) * plan.length, x.dtype)
    for step in range(start, stop):
        group, begin = step // batches, step % batches * at_once
        count = min(at_once, pieces - begin)
        for p in range(count):
            _lay_out(x, _located(begin + p, group, plan), plan, views, planes, p * sample)
        for part in range(len(parts)):
            first, last = parts[part, 3], parts[part, 4]
            for o in range(0, filters, len(rows)):
                for p in range(count):
                    place = _located(begin + p, group, plan)
                    run = min(plan.height, plan.grid[1] - place[2]) * plan.grid[2]
                    out = place[0] * filters + o
                    at, apart = (out * plan.grid[0] + place[1]) * size + place[2] * plan.grid[2], plan.grid[0] * size
                    j = 0
                    while j < run:
                        is_wide = j + (len(columns) - 1) * width < run
                        done = len(columns) * width if is_wide else width
                        fits = is_whole and o + len(rows) <= filters and j + done <= run
                        to, where, pitch = (y, at + j, apart) if fits else (spare, j, plan.length)
                        from_, of = p * sample + j, group * group_size + o
                        if is_wide:
                            tile = _sum_products(
                                packed, shift, of, weights, first, last, starts, planes, from_, rows, columns
                            )
                            write(tile, to, where, pitch)
                        else:
                            small = _sum_products(
                                packed, shift, of, weights, first, last, starts, planes, from_, rows, one
                            )
                            write(small, to, where, pitch)
                        if is_whole and not fits:
                            for r in range(min(len(rows), filters - o)):
                                copy(spare, r * plan.length + j, y, at + r * apart + j, min(done, run - j))
                        j += done
                    if not is_whole:
                        _put(
                            spare,
                            plan.length,
                            min(len(rows), filters - o),
                            part,
                            parts,
                            place,
                            run,
                            plan,
                            out,
                            volume,
                            y,
                        )


@Loops
def _correlate(g, x, filters, pieces, at_once, shares, plan, views, starts, rows, columns, sums, start, stop):
    _, blocks, sum_rows, weights = sums.shape
    size, width = plan.grid[1] * plan.grid[2], plan.width
    most = (plan.height * plan.grid[2] + width - 1) // width * width
    apart = (most // width | 1) * width  # see plan.length
    sample, tiles = plan.planes * plan.length, sum_rows // len(rows)
    planes, up = np.zeros(at_once * sample, x.dtype), np.zeros(at_once * sum_rows * apart, x.dtype)
    zeros = np.zeros(len(rows), x.dtype)
    for step in range(start, stop):
        group, block, share = step // shares // blocks, step // shares % blocks, step % shares
        flat = sums[group, block].reshape(sum_rows * weights)
        begin, end = pieces * block // blocks, pieces * (block + 1) // blocks
        low, high = tiles * share // shares * len(rows), tiles * (share + 1) // shares * len(rows)
        for batch in range(begin, end, at_once):
            count = min(at_once, end - batch)
            for p in range(count):
                place = n, depth, first = _located(batch + p, group, plan)
                run = min(plan.height, plan.grid[1] - first) * plan.grid[2]
                _lay_out(x, place, plan, views, planes, p * sample)
                if apart == size and plan.strips == plan.grid[0] == 1:  # whole vectors follow each other in g too
                    to, last = (p * sum_rows + low) * apart, min(high, filters)
                    copy(g, (n * filters + low) * size, up, to, (last - low) * size)
                    continue
                for o in range(low, min(high, filters)):
                    to = (p * sum_rows + o) * apart
                    copy(g, ((n * filters + o) * plan.grid[0] + depth) * size + first * plan.grid[2], up, to, run)
                    for j in range(run, most):
                        up[to + j] = 0
            for o in range(low, high, len(rows)):
                for k in range(0, weights, len(columns)):
                    tile = filled(zeros, 0, rows, columns)
                    for p in range(count):
                        at = (p * sum_rows + o) * apart
                        for j in range(0, most, width):
                            tile = add_products(tile, up, at + j, apart, planes, starts, k, p * sample + j)
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
