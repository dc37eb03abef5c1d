"""Matrix products, with as many threads as numpy's BLAS takes."""

from __future__ import annotations

import numpy as np


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(..., m, k) @ (..., k, n), or vectors."""
    return np.matmul(a, b)
