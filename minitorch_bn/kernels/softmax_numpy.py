"""Softmax and its logarithm along one dimension, and their gradients from the results. 16-bit floats become float32."""

from __future__ import annotations

import numpy as np

from minitorch_bn.kernels._common import sum_dtype


def softmax(a: np.ndarray, dim: int, logarithm: bool) -> np.ndarray:
    """e^a / sum e^a, or a - log sum e^a."""
    if not a.size or not a.ndim:
        return a - a if logarithm else np.exp(a - a)
    y = wide(a)
    y = y - y.max(axis=dim, keepdims=True)
    if logarithm:
        y -= np.log(np.exp(y).sum(axis=dim, keepdims=True))
    else:
        np.exp(y, out=y)
        y /= y.sum(axis=dim, keepdims=True)
    return y.astype(a.dtype, copy=False)


def softmax_backward(g: np.ndarray, y: np.ndarray, dim: int, logarithm: bool) -> np.ndarray:
    """y (g - sum g y), or g - e^y sum g."""
    if not y.size or not y.ndim:
        return np.zeros_like(y)
    u, v = wide(g), wide(y)
    if logarithm:
        gx = np.exp(v)
        gx *= u.sum(axis=dim, keepdims=True)
        np.subtract(u, gx, out=gx)
    else:
        gx = u * v
        total = gx.sum(axis=dim, keepdims=True)
        np.subtract(u, total, out=gx)
        gx *= v
    return gx.astype(y.dtype, copy=False)


def wide(a: np.ndarray) -> np.ndarray:
    """In the dtype to sum in."""
    return a.astype(sum_dtype(a.dtype), copy=False)
