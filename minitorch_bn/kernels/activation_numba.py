"""Activations as compiled loops: functions of ``activation_numpy``. What is not contiguous is left to the reference."""

from __future__ import annotations

import numpy as np

from minitorch_bn.kernels import activation_numpy as reference
from minitorch_bn.kernels._compiled import Loops


def relu(a):
    """max(a, 0): see ``activation_numpy.relu``."""
    if not _is_plain(a):
        return reference.relu(a)
    y = np.empty(a.shape, a.dtype)
    _relu(a.size, a.size, a.reshape(-1), y.reshape(-1))
    return y


def relu_backward(g, y):
    """0 where y <= 0, else g: see ``activation_numpy.relu_backward``."""
    if not _is_plain(g) or not _is_plain(y) or g.shape != y.shape:
        return reference.relu_backward(g, y)
    gx = np.empty(g.shape, g.dtype)
    _relu_backward(g.size, g.size, g.reshape(-1), y.reshape(-1), gx.reshape(-1))
    return gx


def _is_plain(a: np.ndarray) -> bool:
    return a.dtype.char in "fd" and a.flags.c_contiguous


@Loops
def _relu(a, y, start, stop):
    zero, a, y = a.dtype.type(0), a[start:stop], y[start:stop]
    for i in range(len(a)):  # an index into slices is known not to be negative, and the loop is vectorised
        v = a[i]
        y[i] = zero if v < zero else v


@Loops
def _relu_backward(g, y, gx, start, stop):
    zero, g, y, gx = g.dtype.type(0), g[start:stop], y[start:stop], gx[start:stop]
    for i in range(len(g)):
        u, v = g[i], y[i]
        gx[i] = zero if v <= zero else u
