"""Evenly spaced numbers."""

from __future__ import annotations

import numpy as np


def linspace(start: float, end: float, steps: int, np_dtype: np.dtype) -> np.ndarray:
    """``steps`` numbers from start to end, counted from both ends in the dtype itself: PyTorch's to the last bit."""
    if steps == 1:
        return np.full(1, start, np_dtype)
    kind = np_dtype.type if np_dtype.kind == "f" else np.float64
    step = kind((end - start) / (steps - 1)) if steps > 1 else kind(0)
    i = np.arange(steps)
    up, down = kind(start) + step * i.astype(kind), kind(end) - step * (steps - 1 - i).astype(kind)
    return np.where(i < steps // 2, up, down).astype(np_dtype)
