"""Evenly spaced numbers, to the last bit those of PyTorch, whose processor rounds start + i step once.

The bits are seen: of -1, -0.9, ... what should be 0 is -3e-09 in PyTorch, so that all are printed with exponents.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

VECTOR = 32  # bytes


def arange(start: float, step: float, count: int, np_dtype: np.dtype) -> np.ndarray:
    """start + i step for i < count.

    PyTorch's loop computes a vector at a time, two of them in each round: the first number of each is rounded to the
    dtype, and the others are so many steps away from that.
    """
    i = np.arange(count)
    if np_dtype.kind != "f" or np_dtype.itemsize == 2:
        return (start + i * step).astype(np_dtype)
    y = fused(i, step, start).astype(np_dtype)
    lanes = VECTOR // np_dtype.itemsize
    vectors = y[: count - count % (2 * lanes)].reshape(-1, lanes)
    vectors[...] = fused(np.arange(lanes), step, vectors[:, :1].astype(np.float64))
    return y


def fused(i: np.ndarray, step: float, start: Any) -> np.ndarray:
    """i step + start in float64, rounded once, for whole numbers i below 2^26.

    >>> 10 * 0.1 - 1, float(fused(np.array(10), 0.1, -1.0))
    (0.0, 5.551115123125783e-17)
    """
    with np.errstate(all="ignore"):
        large = step * (2.0**27 + 1)
        high = large - (large - step)  # half of the digits of step (Dekker 1971), so that both products are exact
        high = high if math.isfinite(high) else step
        product = i * step
        lost = (i * high - product) + i * (step - high)
        y = product + start
        rest = y - product
        return y + (((product - (y - rest)) + (start - rest)) + lost)


def linspace(start: float, end: float, steps: int, np_dtype: np.dtype) -> np.ndarray:
    """``steps`` numbers from start to end, counted from both ends in the dtype itself."""
    return steps_between(start, end, steps, np_dtype.type if np_dtype.kind == "f" else np.float64).astype(np_dtype)


def logspace(start: float, end: float, steps: int, base: float, np_dtype: np.dtype) -> np.ndarray:
    """``base`` to the power of numbers that are evenly spaced; for whole numbers PyTorch spaces them in float32."""
    exponents = steps_between(start, end, steps, np.float32 if np_dtype.kind in "iub" else np.float64)
    with np.errstate(all="ignore"):
        return np.power(float(base), exponents.astype(np.float64)).astype(np_dtype)


def steps_between(start: float, end: float, steps: int, kind: type) -> np.ndarray:
    """The numbers that are evenly spaced, before they are rounded to their dtype."""
    if steps == 1:
        return np.full(1, start, kind)
    start, end = kind(start), kind(end)
    step = (end - start) / kind(steps - 1) if steps > 1 else kind(0)
    up = np.arange(steps)
    down = up[::-1]
    if np.dtype(kind).itemsize == 2:
        return np.where(up < steps // 2, start + step * up.astype(kind), end - step * down.astype(kind))
    start, end, step = float(start), float(end), float(step)
    return np.where(up < steps // 2, fused(up, step, start), fused(down, -step, end)).astype(kind)
