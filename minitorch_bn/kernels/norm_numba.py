"""Batch normalisation as compiled loops: the functions of ``norm_numpy``, the same to the last digits of float32.

A channel is read from memory once; every further pass over it finds it in the cache. All arithmetic is float64. What
is summed was first shifted by the channel's first value: the deviations of a constant channel are exactly 0 then.

Two layouts in memory are looped over. (N, C, L): the values of a channel lie in N runs. (M, C): a sample's channels lie
side by side; blocks of so many channels that they stay in the cache are visited row by row.
"""

from __future__ import annotations

import numpy as np

from minitorch_bn.kernels import norm_numpy as reference
from minitorch_bn.kernels._compiled import Loops

BLOCK = 128  # channels


def batch_norm(x, weight, bias, mask, eps):
    """y, mean and biased var (float64): see ``norm_numpy.batch_norm``."""
    if mask is not None or not x.size:
        return reference.batch_norm(x, weight, bias, mask, eps)
    channels = x.shape[1]
    v, restore = _runs_or_rows(x)
    y = np.empty(v.shape, v.dtype)
    mean, var = np.empty(channels), np.empty(channels)
    loops = _forward_runs if v.ndim == 3 else _forward_rows
    loops(channels, v.size, v, *_affine(weight, bias, channels), eps, y, mean, var)
    return restore(y), mean, var


def batch_norm_backward(g, x, weight, mask, mean, var, eps):
    """gx, and gw and gb (float64): see ``norm_numpy.batch_norm_backward``."""
    if mask is not None or not x.size:
        return reference.batch_norm_backward(g, x, weight, mask, mean, var, eps)
    channels = x.shape[1]
    v, restore = _runs_or_rows(x)
    u = _like(g, x, v)
    gx = np.empty(v.shape, v.dtype)
    gw, gb = np.empty(channels), np.empty(channels)
    loops = _backward_runs if v.ndim == 3 else _backward_rows
    loops(channels, v.size, u, v, _affine(weight, None, channels)[0], mean, var, eps, gx, gw, gb)
    return restore(gx), gw, gb


def normalize(x, weight, bias, mean, var, eps):
    """weight (x - mean) / sqrt(var + eps) + bias: see ``norm_numpy.normalize``."""
    if not x.size:
        return reference.normalize(x, weight, bias, mean, var, eps)
    channels = x.shape[1]
    v, restore = _runs_or_rows(x)
    y = np.empty(v.shape, v.dtype)
    mean, var = np.ascontiguousarray(mean, np.float64), np.ascontiguousarray(var, np.float64)
    steps, loops = (channels, _normalize_runs) if v.ndim == 3 else (len(v), _normalize_rows)
    loops(steps, v.size, v, *_affine(weight, bias, channels), mean, var, eps, y)
    return restore(y)
