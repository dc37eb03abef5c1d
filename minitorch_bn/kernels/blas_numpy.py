"""Matrix products, with as many threads as numpy's BLAS takes."""

from __future__ import annotations

import numpy as np


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(..., m, k) @ (..., k, n), or vectors, in their own dtype."""
    if a.ndim == 2 and b.ndim == 2 and a.dtype is b.dtype and a.dtype.char in "fd":
        return a.dot(b)  # the same product, with half of the call around it
    out = np.matmul(a, b)
    return out if out.dtype == a.dtype else out.astype(a.dtype)  # of bfloat16 numpy makes float32
