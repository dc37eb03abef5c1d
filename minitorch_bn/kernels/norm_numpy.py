"""Batch normalisation on numpy arrays, the readable reference.

A tensor larger than the processor's cache is slow because every pass over it waits for memory. So the channels are
taken a block at a time: a block is read once, every pass over it happens in the cache, and the result is written once.
Inside a block everything is float64, which costs little there and makes the result right at any offset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 1 << 16  # elements of a block: 512 KiB of float64, within the second-level cache


def batch_norm(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = weight (x - mean) / sqrt(var + eps) + bias for each channel (axis 1); gives y, mean and biased var (float64)."""
    y = np.empty(x.shape, x.dtype)
    mean, var = np.empty(x.shape[1]), np.empty(x.shape[1])
    axes, count = _reduced(x)
    for channels in _blocks(x.shape):
        v = x[:, channels].astype(np.float64)
        # Sums of float32 values are exact in float64; float64 values are first shifted by one of their own, so that
        # the deviations of a constant channel are exactly 0 here too.
        shift = v[(slice(0, 1), slice(None), *(slice(0, 1),) * (x.ndim - 2))].copy() if x.dtype == np.float64 else 0.0
        v -= shift
        centre = np.add.reduce(v, axis=axes, keepdims=True) / count
        v -= centre
        var[channels] = _sum_of_products(v, v) / count
        mean[channels] = (shift + centre).reshape(-1)
        v *= _column(_scale(var[channels], weight, channels, eps), x.ndim)
        if bias is not None:
            v += _column(bias[channels], x.ndim)
        y[:, channels] = v
    return y, mean, var


def batch_norm_backward(
    g: np.ndarray, x: np.ndarray, weight: np.ndarray | None, mean: np.ndarray, var: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """gx = weight r P(g), gw = sum g xh, gb = sum g, with P(g) = g - mean g - xh mean(g xh)."""
    gx = np.empty(x.shape, x.dtype)
    gw, gb = np.empty(x.shape[1]), np.empty(x.shape[1])
    axes, count = _reduced(x)
    for channels in _blocks(x.shape):
        xh = x[:, channels].astype(np.float64)
        xh -= _column(mean[channels], x.ndim)
        xh *= _column(_scale(var[channels], None, channels, eps), x.ndim)
        v = g[:, channels].astype(np.float64)
        gb[channels] = np.add.reduce(v, axis=axes)
        gw[channels] = _sum_of_products(v, xh)
        v -= _column(gb[channels] / count, x.ndim)
        xh *= _column(gw[channels] / count, x.ndim)
        v -= xh
        v *= _column(_scale(var[channels], weight, channels, eps), x.ndim)
        gx[:, channels] = v
    return gx, gw, gb


def normalize(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, mean: np.ndarray, var: np.ndarray, eps: float
) -> np.ndarray:
    """weight (x - mean) / sqrt(var + eps) + bias with statistics that are given: subtracted first, then scaled."""
    dtype = np.float64 if x.dtype == np.float64 else np.float32
    y = np.empty(x.shape, x.dtype)
    for channels in _blocks(x.shape):
        v = np.subtract(x[:, channels], _column(mean[channels].astype(dtype), x.ndim), dtype=dtype)
        v *= _column(_scale(var[channels], weight, channels, eps).astype(dtype), x.ndim)
        if bias is not None:
            v += _column(bias[channels].astype(dtype), x.ndim)
        y[:, channels] = v
    return y


def _scale(var: np.ndarray, weight: np.ndarray | None, channels: slice, eps: float) -> np.ndarray:
    """weight / sqrt(var + eps), in float64."""
    r = 1.0 / np.sqrt(var.astype(np.float64) + eps)
    return r if weight is None else r * weight[channels]


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices of the channels (axis 1) of about ``BLOCK`` elements each."""
    channels = shape[1]
    per_channel = max(int(np.prod(shape)) // max(channels, 1), 1)
    step = max(BLOCK // per_channel, 1)
    return (slice(start, min(start + step, channels)) for start in range(0, channels, step))


def _reduced(x: np.ndarray) -> tuple[tuple[int, ...], int]:
    """Every axis but the channels', and how many values a channel has."""
    return (0, *range(2, x.ndim)), x.size // max(x.shape[1], 1)


def _column(per_channel: np.ndarray, ndim: int) -> np.ndarray:
    """(C,) -> (C, 1, ..., 1), which broadcasts against (N, C, ...)."""
    return per_channel.reshape(-1, *(1,) * (ndim - 2))


def _sum_of_products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """sum a b over every axis but 1."""
    axes = "nchwd"[: a.ndim] if a.ndim <= 5 else None
    if axes is None:
        return np.add.reduce(a * b, axis=_reduced(a)[0])
    return np.einsum(f"{axes},{axes}->c", a, b)
