"""Channels spread out over space, and back (Shi et al., 2016): two permutations, each the other's adjoint."""

from __future__ import annotations

import math
from typing import Any

from minitorch_bn.autograd.node import Operator
from minitorch_bn.ops._common import require_tensor


class PixelShuffle(Operator):
    """(*, C r^2, H, W) -> (*, C, H r, W r);  da = pixel_unshuffle(g)"""

    options = 1

    def forward(ctx, a, r):
        ctx.r = r
        *batch, channels, h, w = a.shape
        parts = a.reshape(math.prod(batch), channels // (r * r), r, r, h, w)
        spread = parts.transpose(0, 1, 4, 2, 5, 3)  # (N, C, r, r, H, W) -> (N, C, H, r, W, r)
        return spread.reshape(*batch, channels // (r * r), h * r, w * r)

    def backward(ctx, g):
        return PixelUnshuffle.apply(g, ctx.r)


class PixelUnshuffle(Operator):
    """(*, C, H r, W r) -> (*, C r^2, H, W);  da = pixel_shuffle(g)"""

    options = 1

    def forward(ctx, a, r):
        ctx.r = r
        *batch, channels, h, w = a.shape
        parts = a.reshape(math.prod(batch), channels, h // r, r, w // r, r)
        gathered = parts.transpose(0, 1, 3, 5, 2, 4)  # (N, C, H, r, W, r) -> (N, C, r, r, H, W)
        return gathered.reshape(*batch, channels * r * r, h // r, w // r)

    def backward(ctx, g):
        return PixelShuffle.apply(g, ctx.r)


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Spreads groups of r^2 channels over squares of r x r pixels: (*, C r^2, H, W) -> (*, C, H r, W r).

    Source: Shi et al. (2016), "Real-Time Single Image and Video Super-Resolution", https://arxiv.org/abs/1609.05158.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.pixel_shuffle(torch.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    shape = _check("pixel_shuffle", "upscale_factor", input, upscale_factor)
    if shape[-3] % upscale_factor**2:
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={shape[-3]} is not divisible by {upscale_factor**2}"
        )
    return PixelShuffle.apply(input, upscale_factor)


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """The inverse of ``pixel_shuffle``: (*, C, H r, W r) -> (*, C r^2, H, W).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.pixel_unshuffle(torch.arange(4.0).reshape(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    shape = _check("pixel_unshuffle", "downscale_factor", input, downscale_factor)
    for axis, dim in (("height", -2), ("width", -1)):
        if shape[dim] % downscale_factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {axis} to be divisible by downscale_factor, but input.size({dim})="
                f"{shape[dim]} is not divisible by {downscale_factor}"
            )
    return PixelUnshuffle.apply(input, downscale_factor)


def _check(name: str, argument: str, input: Any, factor: Any) -> tuple[int, ...]:
    """The input's shape, if it has at least three dimensions and the factor is a positive int."""
    require_tensor(name, input)
    if not isinstance(factor, int):
        raise TypeError(f"{name}(): argument '{argument}' (position 2) must be int, not {type(factor).__name__}")
    shape = input._data.shape
    if len(shape) < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {argument}, but got {factor}")
    return shape
