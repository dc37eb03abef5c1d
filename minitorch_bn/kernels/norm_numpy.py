"""Batch normalisation on numpy arrays, the readable reference.

A tensor larger than the processor's cache is slow because every pass over it waits for memory. So the channels are
taken a block at a time: a block is read once, every pass over it happens in the cache, and the result is written once.
Inside a block everything is float64, which costs little there and makes the result right at any offset. Several threads
share the blocks, for numpy lets go of Python's lock while it computes.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from minitorch_bn.kernels.scratch import scratch
from minitorch_bn.kernels.threads import share, threads

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 1 << 19  # elements of a block: 4 MiB of float64
PART = 1 << 17  # elements of a block of float32: 512 KiB, within the second-level cache
SHARED = 1 << 17  # elements that one thread is done with before waking another has paid


def batch_norm(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, mask: np.ndarray | None, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = weight (x - mean) / sqrt(var + eps) + bias for each channel (axis 1); gives y, mean and biased var (float64).

    Where ``mask`` (of x's shape) is False, x must be 0: the value takes no part, and y is 0.
    """
    y = np.empty(x.shape, x.dtype)
    mean, var = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    axis, count = _reduced(x)

    def work(channels: slice) -> None:
        v, m, n = _load(x, channels, "x"), None, count
        if mask is not None:
            m = _load(mask, channels, "mask")
            n = np.maximum(np.add.reduce(m, axis=axis), 1.0)
        # Sums of float32 values are exact in float64; float64 values are first shifted by one of their own, so that
        # the deviations of a constant channel are exactly 0 here too.
        shift = _some_value(v, m, axis) if x.dtype == np.float64 else np.zeros(1)
        if x.dtype == np.float64:
            v -= _spread(shift, axis)
        if m is not None:
            v *= m
        centre = _sum(v, axis) / n
        v -= _spread(centre, axis)
        if m is not None:
            v *= m
        var[channels] = _sum_of_products(v, v, axis) / n
        mean[channels] = shift + centre
        v *= _spread(_scale(var[channels], eps, weight, channels), axis)
        if bias is not None:
            v += _spread(bias[channels], axis)
            if m is not None:
                v *= m
        _store(y, channels, v)

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
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """gx = weight r P(g), gw = sum g xh, gb = sum g, with P(g) = g - mean g - xh mean(g xh), all within the mask."""
    gx = np.empty(x.shape, x.dtype)
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
        gb[channels] = _sum(v, axis)
        gw[channels] = r * _sum_of_products(v, centred, axis)
        centred *= _spread(r * gw[channels] / n, axis)  # now xh mean(g xh)
        v -= centred
        v -= _spread(gb[channels] / n, axis)
        v *= _spread(_scale(var[channels], eps, weight, channels), axis)
        if m is not None:
            v *= m
        _store(gx, channels, v)

    _for_all_channels(work, x.shape)
    return gx, gw, gb


def normalize(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, mean: np.ndarray, var: np.ndarray, eps: float
) -> np.ndarray:
    """weight (x - mean) / sqrt(var + eps) + bias with statistics that are given: subtracted first, then scaled."""
    dtype = np.float64 if x.dtype == np.float64 else np.float32  # after the subtraction no digits are at stake
    column = (-1, *(1,) * (x.ndim - 2))
    y = np.empty_like(x, dtype)
    centre, scale = mean.astype(dtype).reshape(column), _scale(var, eps, weight).astype(dtype).reshape(column)
    shift = None if bias is None else bias.astype(dtype).reshape(column)

    def work(samples: slice) -> None:
        part = np.subtract(x[samples], centre, out=y[samples], dtype=dtype)
        part *= scale
        if shift is not None:
            part += shift

    _in_blocks(work, len(x), x[:1].size, PART, 8 * PART)
    return y if y.dtype == x.dtype else y.astype(x.dtype)


def normalize_backward(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray | None, mean: np.ndarray, r: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """gx = weight r g, and gw = sum g (x - mean) r and gb = sum g (float64), with r = 1 / sqrt(var + eps) given."""
    gx = np.empty(x.shape, x.dtype)
    gw, gb = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    axis, _ = _reduced(x)
    r = r.astype(np.float64)
    scale = r if weight is None else r * weight

    def work(channels: slice) -> None:
        centred, v = _load(x, channels, "x"), _load(g, channels, "g")
        centred -= _spread(mean[channels], axis)
        gb[channels] = _sum(v, axis)
        gw[channels] = r[channels] * _sum_of_products(v, centred, axis)
        v *= _spread(scale[channels], axis)
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
    values = mean, ratio * var
    new = [value.astype(running_mean.dtype) for value in values]
    finite = np.isfinite(new[0]) & np.isfinite(new[1])
    if not finite.all():
        return np.flatnonzero(~finite)
    for running, value in zip((running_mean, running_var), values, strict=True):
        running[...] = (1 - momentum) * running + momentum * value
    return None


def _scale(var: np.ndarray, eps: float, weight: np.ndarray | None = None, channels: slice = slice(None)) -> np.ndarray:
    """weight / sqrt(var + eps), in float64."""
    r = 1.0 / np.sqrt(var.astype(np.float64) + eps)
    return r if weight is None else r * weight[channels]


def _for_all_channels(work: Callable[[slice], None], shape: tuple[int, ...]) -> None:
    """Calls ``work`` with slices of the channels (axis 1) of about ``BLOCK`` elements each, if there are any."""
    _in_blocks(work, shape[1], shape[0] * prod(shape[2:]), BLOCK, SHARED)


def _in_blocks(work: Callable[[slice], None], number: int, size: int, block: int, shared: int) -> None:
    """Calls ``work`` with slices of ``number`` things of ``size`` elements, about ``block`` elements each.

    Threads share them if there are more than ``shared`` elements.
    """
    if not size:
        return
    parts = min(threads(), number) if number * size > shared else 1
    step = max(min(block // size, -(-number // parts)), 1)
    blocks = [slice(start, min(start + step, number)) for start in range(0, number, step)]

    def some(first: int) -> None:
        for each in blocks[first::parts]:
            work(each)

    share(some, [(first,) for first in range(parts)])


def _load(x: np.ndarray, channels: slice, role: str) -> np.ndarray:
    """A block as a float64 matrix: (N, C) -> (N, c), or (N, C, *) -> (c, N*L), so that a channel is one run."""
    block = x[:, channels]
    if x.ndim > 2:
        block = np.moveaxis(block, 1, 0)  # (N, c, *) -> (c, N, *)
    loaded = scratch(f"norm {role}", block.shape, np.float64)
    loaded[...] = block
    return loaded.reshape(block.shape[0], -1)


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
    return per_channel.reshape((1, -1) if axis == 0 else (-1, 1))


def _some_value(v: np.ndarray, m: np.ndarray | None, axis: int) -> np.ndarray:
    """One value of each channel that takes part."""
    first = np.zeros(v.shape[1 - axis], np.int64) if m is None else m.argmax(axis)
    return np.take_along_axis(v, np.expand_dims(first, axis), axis).reshape(-1)


def _sum(a: np.ndarray, axis: int) -> np.ndarray:
    """sum a for each channel of a block; ``np.sum`` takes three times as long."""
    return np.einsum("nc->c" if axis == 0 else "cm->c", a)


def _sum_of_products(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """sum a b for each channel of a block; not by BLAS, whose threads would be woken for each long channel."""
    return np.einsum("nc,nc->c" if axis == 0 else "cm,cm->c", a, b)
