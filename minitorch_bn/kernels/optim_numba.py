"""Steps of optimizers as compiled loops: the functions of ``optim_numpy``, to the last bit, each in a single pass.

Arrays that are not in C order or not all float32 or float64, and what is rarely asked for, are left to the reference.
"""

from __future__ import annotations

import numpy as np

from minitorch_bn.kernels import optim_numpy as reference
from minitorch_bn.kernels._compiled import exact

FEW = 1 << 12  # elements that numpy's two operations are as fast for


def sgd(x, g, lr, weight_decay, maximize):
    """x -= lr d: see ``optim_numpy.sgd``."""
    if x.size <= FEW or not _simple(x, g):
        reference.sgd(x, g, lr, weight_decay, maximize)
        return
    numbers = np.array((lr, weight_decay, -1 if maximize else 1), x.dtype)
    _sgd(x.size, x.size, _flat(x), _flat(g), numbers)


def momentum(x, g, v, lr, weight_decay, kept, taken, nesterov, maximize):
    """v = kept v + taken d, then x -= lr v: see ``optim_numpy.momentum``."""
    if nesterov or not _simple(x, g, v):
        reference.momentum(x, g, v, lr, weight_decay, kept, taken, nesterov, maximize)
        return
    numbers = np.array((lr, weight_decay, -1 if maximize else 1, kept, taken), x.dtype)
    _momentum(x.size, x.size, _flat(x), _flat(g), _flat(v), numbers)


def adam(x, g, m, v, top, step_size, beta1, beta2, correction, eps, weight_decay, shrink, maximize):
    """x = shrink x - step_size m / (sqrt(v) / correction + eps): see ``optim_numpy.adam``."""
    if top is not None or not _simple(x, g, m, v):
        reference.adam(x, g, m, v, top, step_size, beta1, beta2, correction, eps, weight_decay, shrink, maximize)
        return
    sign = -1 if maximize else 1
    numbers = np.array((step_size, 1 - beta1, beta2, 1 - beta2, correction, eps, weight_decay, shrink, sign), x.dtype)
    _adam(x.size, x.size, _flat(x), _flat(g), _flat(m), _flat(v), numbers)


def _simple(*arrays: np.ndarray) -> bool:
    """Whether the arrays are alike, and can be looped over, and written to, as they lie in memory."""
    dtype = arrays[0].dtype
    simple = dtype.char in "fd"
    for a in arrays:
        simple = simple and a.dtype is dtype and a.flags.carray
    return simple


def _flat(a: np.ndarray) -> np.ndarray:
    return a if a.ndim == 1 else a.reshape(-1)


# Slices, for of an index into a slice the compiler knows that it is not negative.


@exact
def _sgd(x, g, numbers, start, stop):
    lr, weight_decay, sign = numbers[0], numbers[1], numbers[2]
    x, g = x[start:stop], g[start:stop]
    for i in range(len(x)):
        d = sign * g[i]
        if weight_decay != 0:
            d += weight_decay * x[i]
        x[i] -= lr * d


@exact
def _momentum(x, g, v, numbers, start, stop):
    lr, weight_decay, sign, kept, taken = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    x, g, v = x[start:stop], g[start:stop], v[start:stop]
    for i in range(len(x)):
        d = sign * g[i]
        if weight_decay != 0:
            d += weight_decay * x[i]
        new = v[i] * kept + d * taken
        v[i] = new
        x[i] -= lr * new


@exact
def _adam(x, g, m, v, numbers, start, stop):
    step_size, share1, beta2, share2, correction = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    eps, weight_decay, shrink, sign = numbers[5], numbers[6], numbers[7], numbers[8]
    x, g, m, v = x[start:stop], g[start:stop], m[start:stop], v[start:stop]
    for i in range(len(x)):
        value, d = x[i] * shrink, sign * g[i]
        if weight_decay != 0:
            d += weight_decay * value
        mean = m[i] + (d - m[i]) * share1
        square = v[i] * beta2 + d * share2 * d
        m[i], v[i] = mean, square
        x[i] = value - step_size * mean / (np.sqrt(square) / correction + eps)
