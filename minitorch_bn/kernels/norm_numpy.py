"""Batch normalisation on numpy arrays, the readable reference.

A tensor larger than the processor's cache is slow because every pass over it waits for memory. So the channels are
taken a block at a time: a block is read once, every pass over it happens in the cache, and the result is written once.
Inside a block everything is float64, which costs little there and makes the result right at any offset. Several threads
share the blocks, for numpy lets go of Python's lock while it computes.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from minitorch_bn.kernels.activation_numpy import relu
from minitorch_bn.kernels.scratch import scratch
from minitorch_bn.kernels.threads import share, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Passes = list[tuple[np.ufunc, np.ndarray]]  # operations, and the number of each channel that they take

F64 = np.dtype(np.float64)
BLOCK = 1 << 19  # elements of a block: 4 MiB of float64
PART = 1 << 19  # elements of a block of float32: with smaller ones numpy's calls take longer
ROW = 1 << 11  # elements: numpy needs hardly longer for many such rows than for one
LONG = 1 << 13  # elements with numbers of their own that stay in the first-level cache
RUN = 1 << 9  # elements: so many with the same number are a row of their own
SHARED = 1 << 17  # elements that one thread is done with before waking another has paid
QUICK = 1 << 20  # the same where there are only a few passes
FEW = 1 << 13  # elements for which the calls take longer than the arithmetic
ONES = np.ones(FEW)
NEAR = (
    1.5  # deviations from 0 to a mean: two passes then round by 4.2e-8 of the weight (root mean square), three by 3e-8
)


def batch_norm(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mask: np.ndarray | None,
    eps: float,
    rectify: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = weight (x - mean) / sqrt(var + eps) + bias for each channel (axis 1); gives y, mean and biased var (float64).

    Where ``mask`` (of x's shape) is False, x must be 0: the value takes no part, and y is 0. With ``rectify`` it is
    max(y, 0) that is written, as ``relu`` would make it of y.
    """
    y = np.empty(x.shape, x.dtype)
    mean, var = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    axis, count = _reduced(x)

    def work(channels: slice) -> None:
        v, m, n = _load(x, channels, "x"), None, count
        if mask is not None:
            m = _load(mask, channels, "mask")
            n = np.maximum(np.add.reduce(m, axis=axis), 1.0)
        shift: np.ndarray | float = 0.0
        if x.dtype == np.float64:
            # Sums of float32 values are exact in float64; float64 values are first shifted by one of their own, so that
            # the deviations of a constant channel are exactly 0 here too.
            shift = _some_value(v, m, axis)
            v -= _spread(shift, axis)
            if m is not None:
                v *= m
        centre = _sum(v, axis) / n
        v -= _spread(centre, axis)
        if m is not None:
            v *= m
        mean[channels], var[channels] = centre + shift, _sum_of_products(v, v, axis) / n
        v *= _spread(_scale(var[channels], eps, weight, channels), axis)
        if bias is not None:
            v += _spread(bias[channels].astype(np.float64), axis)  # operands of one dtype go without a buffer
            if m is not None:
                v *= m
        _store(y, channels, relu(v, out=v) if rectify else v)

    _for_all_channels(work, x.shape)
    return y, mean, var


def batch_norm_backward(
    g: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mask: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    with_gx: bool = True,
    dtype: np.dtype = F64,
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """gx = weight r P(g), gw = sum g xh, gb = sum g, with P(g) = g - mean g - xh mean(g xh), all within the mask.

    gx is None, and its passes are saved, unless it is asked for; gw and gb have the ``dtype``.
    """
    gx = np.empty(x.shape, x.dtype) if with_gx else None
    gw, gb = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    axis, count = _reduced(x)

    def work(channels: slice) -> None:
        centred, v, m, n = _load(x, channels, "x"), _load(g, channels, "g"), None, count
        centred -= _spread(mean[channels], axis)
        if mask is not None:
            m = _load(mask, channels, "mask")
            n = np.maximum(np.add.reduce(m, axis=axis), 1.0)
            centred *= m
            v *= m
        r = _scale(var[channels], eps)
        total, product = _sum(v, axis), r * _sum_of_products(v, centred, axis)
        gb[channels], gw[channels] = total, product
        if gx is None:
            return
        centred *= _spread(r * product / n, axis)  # now xh mean(g xh)
        v -= centred
        v -= _spread(total / n, axis)
        v *= _spread(r if weight is None else r * weight[channels], axis)
        if m is not None:
            v *= m
        _store(gx, channels, v)

    _for_all_channels(work, x.shape)
    return gx, gw.astype(dtype, copy=False), gb.astype(dtype, copy=False)


def normalize(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    rectify: bool = False,
) -> np.ndarray:
    """weight (x - mean) / sqrt(var + eps) + bias with statistics that are given.

    With ``rectify`` what is negative becomes 0, as in ``batch_norm``.
    """
    if channels_last(x):  # each position is a sample
        last = np.moveaxis(x, 1, -1)  # (N, C, *) -> (N, *, C)
        y = normalize(last.reshape(-1, x.shape[1]), weight, bias, mean, var, eps, rectify)
        return np.moveaxis(y.reshape(last.shape), -1, 1)
    dtype = np.float64 if x.dtype == np.float64 else np.float32  # after the subtraction no digits are at stake
    y = np.empty(x.shape, dtype)
    passes = _passes(weight, bias, mean, var, eps, dtype, x.size > FEW)
    if x.size > FEW:
        _pass_over_blocks(np.ascontiguousarray(x), passes, y, rectify)
    else:
        _pass_over(x, passes, [row.reshape(-1, *(1,) * (x.ndim - 2)) for _, row in passes], y, rectify)
    return y if y.dtype == x.dtype else y.astype(x.dtype)


def _passes(
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    dtype: type[np.floating],
    many: bool,
) -> Passes:
    """What makes weight (x - mean) / sqrt(var + eps) + bias of x, one after the other.

    Where no mean is much further than a deviation from 0, as in most trained networks, x s + (bias - mean s) saves a
    pass: x s is then hardly larger than the result, and as little is lost when it is rounded.
    """
    c, s = mean.astype(dtype, copy=False), _scale(var, eps, weight).astype(dtype, copy=False)
    if bias is None:
        return [(np.subtract, c), (np.multiply, s)]
    b = bias.astype(dtype, copy=False)
    if many:
        t = b - c * s
        if ((np.square(c, dtype=np.float64) <= NEAR * NEAR * var) & np.isfinite(t)).all():
            return [(np.multiply, s), (np.add, t)]
    return [(np.subtract, c), (np.multiply, s), (np.add, b)]


def _pass_over(x: np.ndarray, passes: Passes, numbers: Iterable[np.ndarray], y: np.ndarray, rectify: bool) -> None:
    """Passes over x, with numbers that broadcast; the last result is y, or max(y, 0)."""
    for (operation, _), number in zip(passes, numbers):
        x = operation(x, number, out=y, dtype=y.dtype)
    if rectify:
        relu(y, out=y)


def _pass_over_blocks(x: np.ndarray, passes: Passes, y: np.ndarray, rectify: bool) -> None:
    """The same, a block at a time.

    numpy is slow where an operand changes after a few values. So short samples are taken several at a time, and short
    runs of a channel are met by as many copies of its number.
    """
    samples, channels = x.shape[:2]
    length = prod(x.shape[2:])
    several = min(max(ROW // (channels * length), 1), samples)
    copies = length if length < RUN and samples > several else 1
    shape = several, channels, copies
    numbers = [np.broadcast_to(row[:, None], shape).copy().reshape(-1, copies) for _, row in passes]
    blocks = []
    whole = samples - samples % several
    for some, together in (slice(whole), several), (slice(whole, samples), samples - whole):
        if rows := together * channels:
            part, out = x[some].reshape(-1, rows, length), y[some].reshape(-1, rows, length)
            step = rows if part.size <= PART else max((PART if copies == 1 else LONG) // length, 1)
            for at in _slices(rows, step):
                for which in _slices(len(part), PART // (min(step, rows) * length)):
                    here = [number[at] for number in numbers]
                    blocks.append((part[which, at], passes, here, out[which, at], rectify))
    with _runs(length if copies == 1 < length else several * channels * length):
        in_blocks(_pass_over, blocks, x.size, QUICK)


def normalize_backward(
    g: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float,
    with_gx: bool = True,
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """gx = weight r g, gw = sum g xh, gb = sum g, with statistics that are given."""
    if not with_gx:
        return batch_norm_backward(g, x, weight, None, mean, var, eps, with_gx)
    gx = np.empty(x.shape, x.dtype)
    gw, gb = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    axis, _ = _reduced(x)

    def work(channels: slice) -> None:
        centred, v = _load(x, channels, "x"), _load(g, channels, "g")
        centred -= _spread(mean[channels], axis)
        gb[channels] = _sum(v, axis)
        gw[channels] = _scale(var[channels], eps) * _sum_of_products(v, centred, axis)
        v *= _spread(_scale(var[channels], eps, weight, channels), axis)
        _store(gx, channels, v)

    _for_all_channels(work, x.shape)
    return gx, gw, gb


def fold(
    running_mean: np.ndarray,
    running_var: np.ndarray,
    mean: np.ndarray,
    var: np.ndarray,
    ratio: float | np.ndarray,
    momentum: float,
) -> np.ndarray | None:
    """Moves running estimates, in place, towards mean and ratio * var.

    If that is not finite in some channels, moves none, and gives the numbers of these channels.
    """
    var, dtype = ratio * var, running_mean.dtype
    finite = np.isfinite(mean.astype(dtype)) & np.isfinite(var.astype(dtype))
    if not np.logical_and.reduce(finite):
        return np.flatnonzero(~finite)
    kept = 1 - momentum
    running_mean[...] = kept * running_mean + momentum * mean
    running_var[...] = kept * running_var + momentum * var
    return None


def _scale(var: np.ndarray, eps: float, weight: np.ndarray | None = None, channels: slice = slice(None)) -> np.ndarray:
    """weight / sqrt(var + eps), in float64."""
    return (1.0 if weight is None else weight[channels]) / np.sqrt(np.add(var, eps, dtype=np.float64))


def _for_all_channels(work: Callable[[slice], None], shape: tuple[int, ...]) -> None:
    """Calls ``work`` with slices of the channels (axis 1), of about ``BLOCK`` elements each; few are one slice."""
    size = prod(shape)
    if 0 < size <= FEW:
        work(slice(None))
    elif size:
        step = min(BLOCK * shape[1] // size, -(-shape[1] // threads()) if size > SHARED else shape[1])
        with _runs(size // shape[1] if len(shape) > 2 else step):
            in_blocks(work, [(channels,) for channels in _slices(shape[1], step)], size, SHARED)


@contextmanager
def _runs(length: int) -> Iterator[None]:
    """In here, numbers that are the same along rows of that length are not copied.

    numpy copies them to a buffer of several rows, which takes longer than the arithmetic, unless two rows do not fit.
    """
    before = np.setbufsize(RUN) if length >= RUN else None
    try:
        yield
    finally:
        if before is not None:
            np.setbufsize(before)


def _slices(number: int, step: int) -> list[slice]:
    """``number`` things in slices of at most ``step``, all about as long."""
    parts = -(-number // max(step, 1))
    return [slice(number * i // parts, number * (i + 1) // parts) for i in range(parts)]


def in_blocks(work: Callable[..., None], blocks: list[tuple], size: int, alone: int) -> None:
    """Calls ``work`` with each block; threads share them if there are more than ``alone`` elements."""

    def some() -> None:
        while blocks:
            try:
                block = blocks.pop()  # whoever is free takes the next
            except IndexError:  # another one has
                return
            work(*block)

    share(some, [()] * min(threads(), len(blocks)) if size > alone else [()])


def channels_last(x: np.ndarray) -> bool:
    """Whether the channels of a position lie side by side in memory."""
    return x.ndim > 2 and not x.flags.c_contiguous and np.moveaxis(x, 1, -1).flags.c_contiguous


def _load(x: np.ndarray, channels: slice, role: str) -> np.ndarray:
    """A block as a float64 matrix: (N, C) -> (N, c), or (N, C, *) -> (c, N*L), so that a channel is one run."""
    block = x[:, channels]
    if x.ndim > 2:
        block = np.moveaxis(block, 1, 0)  # (N, c, *) -> (c, N, *)
    if block.size <= FEW:
        loaded = block.astype(np.float64, order="C")
    else:
        loaded = scratch(f"norm {role}", block.shape, np.float64)
        loaded[...] = block
    return loaded if x.ndim == 2 else loaded.reshape(block.shape[0], -1)


def _store(y: np.ndarray, channels: slice, v: np.ndarray) -> None:
    """Writes a block back to where ``_load`` took it from."""
    block = y[:, channels]
    if y.ndim == 2:
        block[...] = v
    else:
        np.moveaxis(block, 1, 0)[...] = v.reshape(block.shape[1], block.shape[0], *block.shape[2:])


def _reduced(x: np.ndarray) -> tuple[int, int]:
    """The axis of a block along which a channel's values lie, and how many there are."""
    return (0 if x.ndim == 2 else 1), x.size // max(x.shape[1], 1)


def _spread(per_channel: np.ndarray, axis: int) -> np.ndarray:
    """(c,) as a row or column that broadcasts against a block."""
    return per_channel if axis == 0 else per_channel[:, None]


def _some_value(v: np.ndarray, m: np.ndarray | None, axis: int) -> np.ndarray:
    """One value of each channel that takes part."""
    first = np.zeros(v.shape[1 - axis], np.int64) if m is None else m.argmax(axis)
    return np.take_along_axis(v, np.expand_dims(first, axis), axis).reshape(-1)


def _sum(a: np.ndarray, axis: int) -> np.ndarray:
    """sum a for each channel of a block.

    BLAS is quick where there are few values, and with more of them it would wake threads for each long channel. There
    ``np.sum`` takes three times as long as ``np.einsum``, but not from row to row.
    """
    if a.size <= FEW:
        ones = ONES[: a.shape[axis]]
        return ones.dot(a) if axis == 0 else a.dot(ones)
    return np.add.reduce(a, axis=0) if axis == 0 else np.einsum("cm->c", a)


def _sum_of_products(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """sum a b for each channel of a block."""
    if a.size <= FEW:
        return _sum(a * b, axis)
    return np.einsum("nc,nc->c" if axis == 0 else "cm,cm->c", a, b)
