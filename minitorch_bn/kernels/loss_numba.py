"""Cross entropy as compiled loops: functions of ``loss_numpy``. What is not contiguous is left to the reference."""

from __future__ import annotations

import numpy as np

from minitorch_bn.kernels import loss_numpy as reference
from minitorch_bn.kernels._compiled import Loops


def cross_entropy(x, target):
    """Losses, exponentials and their sums: see ``loss_numpy.cross_entropy``."""
    if not _is_plain(x) or not x.size or not target.flags.c_contiguous:
        return reference.cross_entropy(x, target)
    exps, losses, sums = np.empty(x.shape, x.dtype), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    _shift(len(x), x.size, x, target, exps, losses)
    np.exp(exps, exps)  # several numbers at a time, which the compiler does not do
    _sum(len(x), x.size, exps, sums, losses)
    return np.negative(losses, losses), exps, sums  # -0 where the loss is none, as everywhere


def cross_entropy_backward(exps, sums, target, scale):
    """(softmax(x) - onehot(target)) scale: see ``loss_numpy.cross_entropy_backward``."""
    if not _is_plain(exps) or not target.flags.c_contiguous or scale.dtype != exps.dtype:
        return reference.cross_entropy_backward(exps, sums, target, scale)
    gx = np.empty(exps.shape, exps.dtype)
    _backward(len(gx), gx.size, exps, sums, target, scale, gx)
    return gx


def _is_plain(a: np.ndarray) -> bool:
    return a.dtype.char in "fd" and a.flags.c_contiguous


@Loops
def _shift(x, target, shifted, losses, start, stop):
    """Rows minus their largest element, and that of the target, of which a loss lacks the logarithm of the sum."""
    for i in range(start, stop):
        row, out, top = x[i], shifted[i], x[i, 0]
        for j in range(len(row)):
            top = max(top, row[j])
        for j in range(len(row)):
            out[j] = row[j] - top
        losses[i] = out[target[i]]


@Loops
def _sum(exps, sums, losses, start, stop):
    for i in range(start, stop):
        row, total = exps[i], 0.0
        for j in range(len(row)):
            total += row[j]
        sums[i] = total
        losses[i] -= np.log(sums[i])


@Loops
def _backward(exps, sums, target, scale, gx, start, stop):
    for i in range(start, stop):
        row, out, upstream = exps[i], gx[i], scale[i if len(scale) > 1 else 0]
        factor = upstream / sums[i]
        for j in range(len(row)):
            out[j] = row[j] * factor
        if 0 <= target[i] < len(row):  # as it was before
            out[target[i]] -= upstream
