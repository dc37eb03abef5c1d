"""The functions of ``elementwise_numpy`` as compiled loops over float32, one for each formula of ``_formulas``.

What is float64 is left to the reference, which is as accurate as that asks for.
"""

from __future__ import annotations

from array import array
from functools import cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from minitorch_bn.kernels import _formulas as formulas
from minitorch_bn.kernels import elementwise_numpy as reference
from minitorch_bn.kernels._compiled import Loops, elementwise, ordered
from minitorch_bn.kernels._formulas import exp

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


PART = 1 << 13  # elements that are added up one by one


def __getattr__(name: str) -> Callable[..., np.ndarray]:
    """The compiled kernel of that name."""
    formula, plain = getattr(formulas, name, None), getattr(reference, name, None)
    if formula is None or plain is None or not hasattr(formula, "is_inner"):
        raise AttributeError(name)
    count = reference.arrays_of(plain)
    loop = elementwise(formula, (_one, _two)[count - 1], ("contract",))

    def kernel(*args: Any) -> np.ndarray:
        arrays, options = args[:count], args[count:]
        a = arrays[0]
        if a.dtype.char != "f":
            if not reference.is_half(a):
                return plain(*args)
            return kernel(*[x.astype(np.float32) for x in arrays], *options).astype(a.dtype)
        y, out, *flat = reference.flattened(arrays)
        loop(a.size, a.size, *flat, _rounded(options), out)
        return y

    kernel.__name__ = name
    globals()[name] = kernel
    return kernel


def total(loss, a, b, *options):
    """The sum of the losses of all elements: see ``elementwise_numpy.total``."""
    if reference.is_half(a):
        a, b = a.astype(np.float32), b.astype(np.float32)
    if a.dtype.char != "f" or not a.size:
        return reference.total(loss, a, b, *options)
    sums = np.empty(-(-a.size // PART))
    arrays = [np.ascontiguousarray(x).reshape(-1) for x in (a, b)]
    _summing(loss)(len(sums), a.size, *arrays, _rounded(options), sums)
    return sums.sum().item()


@cache
def _summing(loss):
    return elementwise(getattr(formulas, loss), _sums, ("contract", "nsz", "reassoc"))


def glu(x, dim):
    """a sigmoid(b): see ``elementwise_numpy.glu``."""
    if x.dtype.char != "f" or not x.size:
        return reference.glu(x, dim)
    halves = np.ascontiguousarray(x).reshape(prod(x.shape[:dim]), 2, -1)
    y = np.empty(x.shape[:dim] + (x.shape[dim] // 2,) + x.shape[dim + 1 :], x.dtype)
    _glu(len(halves), x.size, halves, y.reshape(len(halves), -1))
    return y


def glu_backward(g, x, dim):
    """g s, and g a s (1 - s): see ``elementwise_numpy.glu_backward``."""
    if x.dtype.char != "f" or not x.size:
        return reference.glu_backward(g, x, dim)
    halves, gx = np.ascontiguousarray(x).reshape(prod(x.shape[:dim]), 2, -1), np.empty(x.shape, x.dtype)
    up = np.ascontiguousarray(g).reshape(len(halves), -1)
    _glu_backward(len(halves), x.size, up, halves, gx.reshape(halves.shape))
    return gx


def prelu(a, w):
    """a where a > 0, else w a: see ``elementwise_numpy.prelu``."""
    if a.dtype.char not in "fd" or not a.size:
        return reference.prelu(a, w)
    y, (rows, across) = np.empty(a.shape, a.dtype), _rows(a, w)
    _prelu(len(rows), a.size, rows, w.reshape(-1), across, y.reshape(rows.shape))
    return y


def prelu_backward(g, a, w):
    """g, or g w, and the sums of g a: see ``elementwise_numpy.prelu_backward``."""
    if a.dtype.char not in "fd" or not a.size:
        return reference.prelu_backward(g, a, w)
    gx, (rows, across) = np.empty(a.shape, a.dtype), _rows(a, w)
    up = np.ascontiguousarray(g).reshape(rows.shape)
    parts = min(len(rows), -(-a.size // PART)) if across else len(rows)
    sums = np.zeros((parts, w.size if across else 1))
    _prelu_backward(parts, a.size, up, rows, w.reshape(-1), across, gx.reshape(rows.shape), sums)
    return gx, sums.reshape(-1, w.size).sum(0).reshape(w.shape).astype(w.dtype)


def _rows(a, w):
    """Rows of one slope each; or if each number has its own, samples: (N, C, ...) -> (N * C, ...) or (N, C); which."""
    rows = a.shape[0] if a.ndim > 1 else 1
    across = w.size > 1 and a.size == rows * w.size
    if not across:
        rows *= w.size
    return np.ascontiguousarray(a).reshape(rows, -1), across


def _rounded(options: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(array("f", options)) if options else options


formula: Any = None  # one of the formulas, for which it stands in the loops


def _one(a, options, y, start, stop):
    a, y = a[start:stop], y[start:stop]  # an index into slices is known not to be negative, and the loop is vectorised
    for i in range(len(a)):
        y[i] = formula(np.float64(a[i]), *options)


def _two(g, a, options, y, start, stop):
    g, a, y = g[start:stop], a[start:stop], y[start:stop]
    for i in range(len(a)):
        y[i] = formula(np.float64(g[i]), np.float64(a[i]), *options)


def _sums(a, b, options, sums, start, stop):
    length = (len(a) + len(sums) - 1) // len(sums)
    for part in range(start, stop):
        first, total = min(part * length, len(a)), 0.0
        last = min(first + length, len(a))
        u, v = a[first:last], b[first:last]
        for i in range(len(u)):
            total += formula(np.float64(u[i]), np.float64(v[i]), *options)
        sums[part] = total


@ordered
def _glu(halves, y, start, stop):
    for n in range(start, stop):
        a, b, out = halves[n, 0], halves[n, 1], y[n]
        for i in range(len(a)):
            out[i] = a[i] / (1 + exp(-np.float64(b[i])))


@ordered
def _glu_backward(g, halves, gx, start, stop):
    for n in range(start, stop):
        up, a, b, ga, gb = g[n], halves[n, 0], halves[n, 1], gx[n, 0], gx[n, 1]
        for i in range(len(a)):
            w = exp(-abs(np.float64(b[i])))
            high, low = 1 / (1 + w), w / (1 + w)  # the sigmoids of |b| and -|b|
            ga[i] = up[i] * (high if b[i] > 0 else low)
            gb[i] = up[i] * (a[i] * (high * low))


@ordered
def _prelu(a, w, across, y, start, stop):
    for n in range(start, stop):
        row, out, slope = a[n], y[n], w[n % len(w)]
        if across:
            for i in range(len(w)):
                out[i] = row[i] if row[i] > 0 else w[i] * row[i]
        else:
            for i in range(len(row)):
                out[i] = row[i] if row[i] > 0 else slope * row[i]


@Loops
def _prelu_backward(g, a, w, across, gx, sums, start, stop):
    zero = 0.0
    for part in range(start, stop):
        gw, total, slope = sums[part], 0.0, w[part % len(w)]
        if across:
            for n in range(len(a) * part // len(sums), len(a) * (part + 1) // len(sums)):
                up, row, out = g[n], a[n], gx[n]
                for i in range(len(w)):
                    positive = row[i] > 0
                    out[i] = up[i] if positive else up[i] * w[i]
                    gw[i] += zero if positive else np.float64(up[i]) * row[i]
        else:
            up, row, out = g[part], a[part], gx[part]
            for i in range(len(row)):
                positive = row[i] > 0
                out[i] = up[i] if positive else up[i] * slope
                total += zero if positive else np.float64(up[i]) * row[i]
            gw[0] = total
