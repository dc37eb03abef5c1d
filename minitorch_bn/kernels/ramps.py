"""Evenly spaced numbers."""

from __future__ import annotations

import numpy as np


def linspace(start: float, end: float, steps: int, np_dtype: np.dtype) -> np.ndarray:
    """``steps`` numbers from start to end, counted from both ends in the dtype itself: PyTorch's to the last bit."""
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
    step = kind((end - start) / (steps - 1)) if steps > 1 else kind(0)
    i = np.arange(steps)
    up, down = kind(start) + step * i.astype(kind), kind(end) - step * (steps - 1 - i).astype(kind)
    return np.where(i < steps // 2, up, down)
