"""Borders around tensors: constant, mirrored, repeated, wrapped around. All are linear maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn.autograd.node import Operator
from minitorch_bn.ops._common import require_tensor

Widths = list[tuple[int, int]]  # (before, after) of each dimension; negative widths cut off


class ConstantPad(Operator, name="ConstantPadNdBackward0"):
    """a with a border of a constant;  da = g without the border"""

    options = 2

    def forward(ctx, a, widths, value):
        ctx.widths = widths
        out = np.full([n + lo + hi for n, (lo, hi) in zip(a.shape, widths)], value, a.dtype)
        out[_inside(out.shape, widths)] = a[_kept(a.shape, widths)]
        return out

    def backward(ctx, g):
        return ConstantPad.apply(g, [(-lo, -hi) for lo, hi in ctx.widths], 0)


def _inside(shape: tuple[int, ...], widths: Widths) -> tuple[slice, ...]:
    """Where in a padded array of this shape the input stands."""
    return tuple(slice(max(lo, 0), n - max(hi, 0)) for n, (lo, hi) in zip(shape, widths))


def _kept(shape: tuple[int, ...], widths: Widths) -> tuple[slice, ...]:
    """Which part of an input of this shape negative widths leave."""
    return tuple(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(shape, widths))


class BorderPad(Operator):
    """a with a border whose elements are copies of elements of a;  da = g, the border's added where it came from"""

    options = 2

    def forward(ctx, a, widths, source):
        ctx.shape, ctx.widths, ctx.source = a.shape, widths, source
        rest = list(widths)
        for dim, (n, (lo, hi)) in enumerate(zip(a.shape, widths)):
            if min(lo, hi) < 0:  # what is cut off may come back in the border of the other end
                a, rest[dim] = a.take(source(np.arange(-lo, n + hi), n), axis=dim), (0, 0)
        out = np.empty([n + lo + hi for n, (lo, hi) in zip(a.shape, rest)], a.dtype)
        out[_inside(out.shape, rest)] = a
        for dim, (n, (lo, hi)) in enumerate(zip(a.shape, rest)):
            origin, ahead = source(np.arange(-lo, n + hi), n) + lo, (slice(None),) * dim
            for k in (*range(lo), *range(lo + n, lo + n + hi)):
                out[(*ahead, k)] = out[(*ahead, origin[k])]
        return out

    def backward(ctx, g):
        return BorderFold.apply(g, ctx.shape, ctx.widths, ctx.source, type(ctx))


class ReflectionPad1d(BorderPad, name="ReflectionPad1DBackward0"):
    """a mirrored at its ends"""

    __slots__ = ()


class ReflectionPad2d(BorderPad, name="ReflectionPad2DBackward0"):
    """a mirrored at its edges"""

    __slots__ = ()


class ReflectionPad3d(BorderPad, name="ReflectionPad3DBackward0"):
    """a mirrored at its faces"""

    __slots__ = ()


class ReplicationPad1d(BorderPad, name="ReplicationPad1DBackward0"):
    """a with its ends repeated"""

    __slots__ = ()


class ReplicationPad2d(BorderPad, name="ReplicationPad2DBackward0"):
    """a with its edges repeated"""

    __slots__ = ()


class ReplicationPad3d(BorderPad, name="ReplicationPad3DBackward0"):
    """a with its faces repeated"""

    __slots__ = ()


class CircularPad(BorderPad, name="CopySlices"):  # PyTorch composes it, and CopySlices comes last
    """a wrapped around"""

    __slots__ = ()

    def name(self):
        return "torch::autograd::CopySlices"


class BorderFold(Operator):
    """g without its border, each element of which is added where it came from: the transpose of ``BorderPad``"""

    options = 4

    def forward(ctx, g, shape, widths, source, operator):
        ctx.widths, ctx.source, ctx.operator = widths, source, operator
        for dim in reversed(range(len(shape))):
            if widths[dim] != (0, 0):
                g = _fold(g, dim, shape[dim], widths[dim], source)
        return g

    def backward(ctx, h):
        return ctx.operator.apply(h, ctx.widths, ctx.source)


def _fold(g: np.ndarray, dim: int, n: int, width: tuple[int, int], source: Any) -> np.ndarray:
    (lo, hi), length, ahead = width, g.shape[dim], (slice(None),) * dim
    out = np.zeros((*g.shape[:dim], n, *g.shape[dim + 1 :]), g.dtype)
    out[(*ahead, *_kept((n,), [width]))] = g[(*ahead, *_inside((length,), [width]))]
    origin = source(np.arange(-lo, n + hi), n)
    for k in (*range(lo), *range(length - hi, length)):
        out[(*ahead, origin[k])] += g[(*ahead, k)]
    return out


def _reflected(i: np.ndarray, n: int) -> np.ndarray:
    """... 2 1 0 1 2 ... n-2 n-1 n-2 ..."""
    i = np.absolute(i)
    return np.where(i < n, i, 2 * (n - 1) - i)


def _replicated(i: np.ndarray, n: int) -> np.ndarray:
    """... 0 0 0 1 2 ... n-2 n-1 n-1 ..."""
    return np.clip(i, 0, n - 1)


def _wrapped(i: np.ndarray, n: int) -> np.ndarray:
    """... n-1 0 1 2 ... n-2 n-1 0 ...; what negative widths cut off takes no part in it"""
    if not i.size:
        return i
    start, stop = max(i[0], 0), min(i[-1] + 1, n)
    return start + (i - start) % (stop - start)


_BORDERS: dict[str, tuple[Any, Any]] = {
    "reflect": (_reflected, (ReflectionPad1d, ReflectionPad2d, ReflectionPad3d)),
    "replicate": (_replicated, (ReplicationPad1d, ReplicationPad2d, ReplicationPad3d)),
    "circular": (_wrapped, (CircularPad, CircularPad, CircularPad)),
}

# -- functions -------------------------------------------------------------------------------------------------------


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """``input`` with a border.

    Args:
        input: any shape for mode "constant"; the other modes take 2 or 3 (4, 5) dimensions and pad the last 1 (2, 3).
        pad: (before, after) of the last dimension, then of the one before, ...; negative numbers cut off.
        mode: "constant" (``value``, default 0), "reflect", "replicate" or "circular".

    Raises RuntimeError or NotImplementedError where ``pad`` does not fit the input.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.pad(torch.tensor([[1.0, 2.0, 3.0]]), (1, 2), mode="reflect")
    tensor([[2., 1., 2., 3., 2., 1.]])
    """
    require_tensor("pad", input)
    _check_pad(pad, input._data.ndim)
    shape = input._data.shape
    spatial = len(pad) // 2
    widths: Widths = [(0, 0)] * (len(shape) - spatial)
    widths += [(int(pad[i]), int(pad[i + 1])) for i in range(len(pad) - 2, -1, -2)]
    if mode == "constant":
        for n, (lo, hi) in zip(shape, widths):
            if n + lo + hi < 0 or n + min(lo, 0) + min(hi, 0) < 0:
                raise RuntimeError("narrow(): length must be non-negative.")
        return ConstantPad.apply(input, widths, 0 if value is None else value)
    if mode not in _BORDERS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value not in (None, 0):
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if not 1 <= spatial <= 3 or len(shape) not in (spatial + 1, spatial + 2):
        raise NotImplementedError(f"Padding size {len(pad)} is not supported for {len(shape)}D input tensor.")
    _check_border(input, mode, widths, spatial)
    source, operators = _BORDERS[mode]
    return operators[spatial - 1].apply(input, widths, source)


def _check_pad(pad: Any, ndim: int) -> None:
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad(): argument 'pad' (position 2) must be tuple of ints, not {type(pad).__name__}")
    for i, n in enumerate(pad):
        if not hasattr(n, "__index__"):
            raise TypeError(
                "pad(): argument 'pad' (position 2) must be tuple of ints, but found element of type "
                f"{type(n).__name__} at pos {i}"
            )
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {ndim}"
        )


def _check_border(input: Any, mode: str, widths: Widths, spatial: int) -> None:
    """Whether there is enough to mirror, repeat or wrap."""
    shape = input._data.shape
    if mode == "circular":
        for n, (lo, hi) in zip(shape, widths):
            if lo > n or hi > n:
                raise RuntimeError("Padding value causes wrapping around more than once.")
            if n + lo + hi < 0:
                raise RuntimeError("Negative padding value is resulting in an empty dimension")
        return
    if 0 in shape[len(shape) - spatial - 1 :]:
        raise RuntimeError(
            f"Expected {spatial + 1}D or {spatial + 2}D (batch mode) tensor with possibly 0 batch size and other "
            f"non-zero dimensions for input, but got: {list(shape)}"
        )
    for dim in range(len(shape) - spatial, len(shape)):
        n, (lo, hi) = shape[dim], widths[dim]
        if mode == "reflect" and (lo >= n or hi >= n):
            raise RuntimeError(
                f"Argument #{2 * (len(shape) - dim) + 2}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({lo}, {hi}) at dimension {dim} of input {list(shape)}"
            )
        if n + lo + hi < 1:
            letter = "WHD"[len(shape) - 1 - dim]
            raise RuntimeError(f"input ({letter}: {n}) is too small. Calculated output {letter}: {n + lo + hi}")
