"""Activations that are more than one numpy call, or that numpy does slowly."""

from __future__ import annotations

import numpy as np

MANY, ROW = 1 << 13, 1 << 10  # elements


def relu(a: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """max(a, 0); NaN and -0 stay. ``out`` may be a itself."""
    if a.dtype.char == "e":  # of equal numbers numpy takes the first here, and the second of larger floats
        return np.maximum(a, a.dtype.type(0), out=out)
    if a.size < MANY or not a.flags.c_contiguous:
        return np.maximum(a.dtype.type(0), a, out=out)
    # With a single number numpy compares one element after the other, with a row of them several at a time.
    y, zeros, whole = np.empty(a.shape, a.dtype) if out is None else out, np.zeros(ROW, a.dtype), a.size - a.size % ROW
    source, target = a.reshape(-1), y.reshape(-1)
    np.maximum(zeros, source[:whole].reshape(-1, ROW), out=target[:whole].reshape(-1, ROW))
    np.maximum(zeros[: a.size - whole], source[whole:], out=target[whole:])
    return y


def relu_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """0 where y <= 0, else g."""
    return zeroed(g, y <= 0)


def zeroed(a: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """0 where the mask is True, else a; they broadcast.

    >>> zeroed(np.array([1.0, np.nan, 3.0]), np.array([False, True, False]))
    array([1., 0., 3.])
    """
    if a.dtype.kind != "f" or a.shape != np.shape(mask) or not a.ndim:
        return np.where(mask, a.dtype.type(0), a)
    # By bits: a choice for each element would keep the processor guessing, and a product would let NaN through.
    bits = np.dtype(f"i{a.dtype.itemsize}")
    kept = np.subtract(mask.view(np.int8), np.int8(1)).astype(bits)  # 0 or -1, whose bits are all set
    np.bitwise_and(kept, a.view(bits), out=kept)
    return kept.view(a.dtype)
