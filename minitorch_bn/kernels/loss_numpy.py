"""Cross entropy of rows of classes, (M, C), and its gradient."""

from __future__ import annotations

import numpy as np

FEW = 64  # classes


def cross_entropy(x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-log softmax(x)[target] of each row; and e^(x - max), and its sums, which the gradient needs."""
    columns = _columns(x)
    shifted = columns - np.maximum.reduce(columns, axis=0)
    picked = shifted[target, np.arange(len(x))]
    exps = np.exp(shifted, shifted)
    sums = np.add.reduce(exps, axis=0)
    return np.negative(picked - np.log(sums)), exps.T, sums


def cross_entropy_backward(exps: np.ndarray, sums: np.ndarray, target: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(softmax(x) - onehot(target)) scale, where ``scale`` is one number, or one for each row: (1,) or (M,)"""
    columns = exps.T * (scale / sums)
    columns[target, np.arange(len(sums))] -= scale
    return columns.T


def _columns(x: np.ndarray) -> np.ndarray:
    """(M, C) -> (C, M)

    Few classes are copied to lie apart: numpy is slow at many short sums, and fast at adding up a few long rows.
    """
    return np.ascontiguousarray(x.T) if x.shape[1] <= FEW else x.T
