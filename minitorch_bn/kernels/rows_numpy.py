"""Rows standardised by themselves on numpy arrays, the readable reference: layer, group and RMS normalisation.

The input is seen as (N, G, K, M): N samples of G rows each; a row has K columns of M positions. A column of one of the
G rows has a weight and a bias of its own, so these are (G, K). Layer normalisation has G = M = 1, group normalisation G
groups of K channels.

Rows are taken a block at a time, in float64, as in ``norm_numpy``. Sums over the samples, which the gradients of weight
and bias are, are taken over parts of the samples and then added up in order: it does not matter which thread did which.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from minitorch_bn.kernels.norm_numpy import in_blocks
from minitorch_bn.kernels.scratch import scratch
from minitorch_bn.kernels.threads import threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Four = tuple[int, int, int, int]
    Block = tuple[slice, slice]  # of samples, and of their rows

BLOCK = 1 << 19  # elements of a block: 4 MiB of float64; with smaller ones numpy's calls take longer
PART = 1 << 15  # elements that a part of the samples has at least
PARTS = 8  # of the samples at most
SHARED = 1 << 17  # elements that one thread is done with before waking another has paid


def row_norm(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, shape: Four, eps: float, centred: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = weight (x - mean) / sqrt(var + eps) + bias for each row of x, seen in ``shape``: (N, G, K, M).

    Gives y, and for each row (N*G,) mean and biased variance in float64. If not ``centred``, the mean is 0, and the
    mean square takes the variance's place.
    """
    y, rows = np.empty(x.shape, x.dtype), x.reshape(shape)
    out, length = y.reshape(shape), shape[2] * shape[3]
    mean, var = np.zeros(shape[:2]), np.zeros(shape[:2])
    weight, bias = per_column(weight, shape), per_column(bias, shape)

    def work(_: int, at: Block) -> None:
        block = _load(rows, at, "x")
        v = block.reshape(*block.shape[:2], length)
        if centred:
            # Sums of float32 values are exact in float64; float64 values are first shifted by one of their own.
            shift = v[:, :, :1].copy() if x.dtype == np.float64 else np.zeros((1, 1, 1))
            if x.dtype == np.float64:
                v -= shift
            centre = np.einsum("ngl->ng", v)[:, :, None] / length
            v -= centre
            mean[at] = (shift + centre)[:, :, 0]
        var[at] = np.einsum("ngl,ngl->ng", v, v) / length
        v *= _scale(var[at], eps)
        if weight is not None:
            block *= weight[at[1], :, None]
        if bias is not None:
            block += bias[at[1], :, None]
        out[at] = block

    _for_all_rows(work, shape, parts(shape))
    return y, mean.reshape(-1), var.reshape(-1)


def row_norm_backward(
    g: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    shape: Four,
    eps: float,
    centred: bool,
    with_gx: bool = True,
    with_sums: bool = True,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """gx = r P(w g), and gw = sum g xh and gb = sum g over samples and positions: (G, K) in float64.

    P(v) = v - mean v - xh mean(xh v), without the second term if not ``centred``. What is not asked for is None.
    """
    gx = np.empty(x.shape, x.dtype) if with_gx else None
    ups, rows, length = g.reshape(shape), x.reshape(shape), shape[2] * shape[3]
    mean, var, weight = mean.reshape(shape[:2]), var.reshape(shape[:2]), per_column(weight, shape)
    sums = np.zeros((parts(shape), 2, *shape[1:3]))

    def work(part: int, at: Block) -> None:
        up, block = _load(ups, at, "g"), _load(rows, at, "x")
        u, xh = (v.reshape(*v.shape[:2], length) for v in (up, block))
        r = _scale(var[at], eps)
        if centred:
            xh -= mean[at][:, :, None]
        xh *= r
        if with_sums:
            products = np.multiply(up, block, out=scratch("rows product", block.shape, np.float64))
            for total, v in zip(sums[part], (products, up), strict=True):
                total[at[1]] += np.add.reduce(v[..., 0] if shape[3] == 1 else np.einsum("ngkm->ngk", v), axis=0)
        if gx is not None:
            if weight is not None:
                up *= weight[at[1], :, None]
            xh *= np.einsum("ngl,ngl->ng", u, xh)[:, :, None] / length
            if centred:
                u -= np.einsum("ngl->ng", u)[:, :, None] / length
            u -= xh
            u *= r
            gx.reshape(shape)[at] = up

    _for_all_rows(work, shape, len(sums))
    if not with_sums:
        return gx, None, None
    gw, gb = sums.sum(0)
    return gx, gw, gb


def parts(shape: Four) -> int:
    """Over how many parts of the samples sums are taken: the same whatever the number of threads."""
    return max(min(shape[0], PARTS, prod(shape) // PART), 1)


def per_column(values: np.ndarray | None, shape: Four) -> np.ndarray | None:
    """(G, K) in float64"""
    return None if values is None else values.astype(np.float64).reshape(shape[1:3])


def _scale(var: np.ndarray, eps: float) -> np.ndarray:
    """1 / sqrt(var + eps), which broadcasts against rows"""
    return (1.0 / np.sqrt(var + eps))[:, :, None]


def _load(rows: np.ndarray, at: Block, role: str) -> np.ndarray:
    """A block in float64: (n, g, K, M)"""
    block = rows[at]
    loaded = scratch(f"rows {role}", block.shape, np.float64)
    loaded[...] = block
    return loaded


def _for_all_rows(work: Callable[[int, Block], None], shape: Four, number: int) -> None:
    """Calls ``work`` with the number of a part of the samples and each of its blocks, in order; threads share parts."""
    size = prod(shape)
    if not size:
        return
    samples, groups = shape[:2]
    number = min(number, samples)
    sample = size // samples
    if number == 1 and groups > 1 and size > SHARED:  # then threads share the rows of a sample
        bands = list(_edges(groups, min(groups, threads())))
    else:
        bands = [(0, groups)]

    def piece(of: tuple[int, tuple[int, int]], band: tuple[int, int]) -> None:
        part, samples_of_part = of
        for start, stop in _steps(*samples_of_part, BLOCK // sample):
            for begin, end in _steps(*band, BLOCK * groups // sample):
                work(part, (slice(start, stop), slice(begin, end)))

    in_blocks(piece, list(product(enumerate(_edges(samples, number)), bands)), size, SHARED)


def _edges(number: int, pieces: int) -> Iterator[tuple[int, int]]:
    """Where that many pieces, all about as long, begin and end."""
    return ((number * i // pieces, number * (i + 1) // pieces) for i in range(pieces))


def _steps(begin: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    step = max(step, 1)
    return ((i, min(i + step, end)) for i in range(begin, end, step))
