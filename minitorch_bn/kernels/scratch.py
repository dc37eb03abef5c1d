"""Memory that is used again: the operating system clears a fresh page, which can take longer than the arithmetic."""

from __future__ import annotations

from math import prod
from threading import local

import numpy as np

KEPT = 1 << 24  # bytes, at most, that outlive a call

_kept = local()


def scratch(role: str, shape: tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
    """An array with unset values in memory that each thread keeps for its next call in the same role."""
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    memory = getattr(_kept, role, None)
    if memory is None or memory.size < size:
        memory = np.empty(size, np.uint8)
        if size <= KEPT:
            setattr(_kept, role, memory)
    return np.ndarray(shape, dtype, memory)
