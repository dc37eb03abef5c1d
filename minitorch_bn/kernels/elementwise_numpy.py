"""Functions of an array element by element that take numpy many passes, or that it does slowly, and their derivatives.

A kernel ``f`` is followed by ``f_backward``, which is g f'(a).
"""

from __future__ import annotations

import math
from functools import wraps
from typing import TYPE_CHECKING

import numpy as np

from minitorch_bn.kernels import special
from minitorch_bn.kernels.activation_numpy import zeroed
from minitorch_bn.kernels.norm_numpy import in_blocks
from minitorch_bn.kernels.special import TANH_C, TANH_K
from minitorch_bn.kernels.threads import threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ROW = 1 << 10  # elements
BLOCK = 1 << 18  # elements; with smaller ones threads spend their time in waiting for Python's lock
SHARED = 1 << 17


def elementwise(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """The kernel of a function of one or two arrays of floats, of one shape, and of numbers.

    Large arrays are computed in blocks, which threads share; 16-bit floats in float32, and rounded once. The function
    calls no other kernel: a thread that waits for others to share a block would wait for itself.
    """
    count = arrays_of(function)

    @wraps(function)
    def kernel(*args: Any) -> np.ndarray:
        arrays, options = args[:count], args[count:]
        a = arrays[0]
        if is_half(a):
            return kernel(*[x.astype(np.float32) for x in arrays], *options).astype(a.dtype)
        if a.size <= SHARED or a.dtype.kind != "f":
            return function(*args)
        y, out, *flat = flattened(arrays)
        step = min(BLOCK, -(-a.size // threads()))

        def work(start: int) -> None:
            part = slice(start, start + step)
            out[part] = function(*[x[part] for x in flat], *options)

        in_blocks(work, [(start,) for start in range(0, a.size, step)], a.size, SHARED)
        return y

    return kernel


def arrays_of(function: Callable) -> int:
    """How many of the arguments of such a function are arrays."""
    kinds = {**function.__annotations__, "return": ""}
    return sum([kind == "np.ndarray" for kind in kinds.values()])


def is_half(a: np.ndarray) -> bool:
    """Whether these are floats of 16 bits."""
    return a.dtype.itemsize == 2 and a.dtype.kind in "fV"


def flattened(arrays: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """A new array, and its elements in a row, and those of the arrays, which have its shape, in the same order."""
    a = arrays[0]
    if not a.flags.c_contiguous or not arrays[-1].flags.c_contiguous:
        y = np.empty_like(a)
        if all(x.strides == y.strides for x in arrays):
            return [y, *[x.ravel("K") for x in (y, *arrays)]]
    y = np.empty(a.shape, a.dtype)
    return [y, y.reshape(-1), *[x.reshape(-1) for x in arrays]]


def chosen(mask: np.ndarray, a: Any, b: Any) -> np.ndarray:
    """a where the mask is True, else b, which may be numbers; like ``zeroed`` without guesses.

    >>> chosen(np.array([True, False, True]), np.array([1.0, 2.0, np.nan]), 0.5)
    array([1. , 0.5, nan])
    """
    dtype = np.result_type(a, b)
    a, b = np.asarray(a, dtype), np.asarray(b, dtype)
    if dtype.kind != "f" or not mask.ndim:
        return np.where(mask, a, b)
    bits = np.dtype(f"i{dtype.itemsize}")
    kept = np.negative(mask.view(np.int8)).astype(bits)  # -1, whose bits are all set, or 0
    other = b.view(bits)
    kept &= np.bitwise_xor(a.view(bits), other)
    kept ^= other
    return kept.view(dtype)


def limited(a: np.ndarray, low: float, high: float) -> np.ndarray:
    """a where it lies between the limits, else the limit; NaN stays, and -0 where 0 is a limit."""
    number = a.dtype.type
    if a.size < ROW or not a.flags.c_contiguous:
        return np.minimum(number(high), np.maximum(number(low), a))
    # With a single number numpy compares one element after the other.
    y = np.maximum(np.full(a.shape, low, a.dtype), a)
    return np.minimum(np.full(a.shape, high, a.dtype), y, out=y)


@elementwise
def erf(a: np.ndarray) -> np.ndarray:
    """2/sqrt(pi) times the integral of e^-t^2 from 0 to a"""
    return special.erf(a)


@elementwise
def erf_backward(g: np.ndarray, a: np.ndarray) -> np.ndarray:
    """g 2/sqrt(pi) e^-a^2"""
    return g * np.exp(-a * a) * (2 / math.sqrt(math.pi))


def _sigmoid(a: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-a), for a block"""
    # e^-|a| never overflows, and keeps small results accurate where the tanh form would round them to 0
    e = np.exp(-np.absolute(a))
    return chosen(a >= 0, e.dtype.type(1), e) / (1 + e)


@elementwise
def sigmoid(a: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-a)"""
    return _sigmoid(a)


@elementwise
def sigmoid_backward(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """g y (1 - y), from the result y"""
    slope = 1 - y
    slope *= y
    slope *= g
    return slope


@elementwise
def gelu(a: np.ndarray) -> np.ndarray:
    """a Phi(a)"""
    return a * 0.5 * (1 + special.erf(a * math.sqrt(0.5)))


@elementwise
def gelu_backward(g: np.ndarray, a: np.ndarray) -> np.ndarray:
    """g (Phi(a) + a phi(a))"""
    phi = np.exp(a * a * -0.5) * (1 / math.sqrt(2 * math.pi))
    return g * ((special.erf(a * math.sqrt(0.5)) + 1) * 0.5 + a * phi)


@elementwise
def gelu_tanh(a: np.ndarray) -> np.ndarray:
    """a (1 + tanh u) / 2"""
    return a * 0.5 * (1 + np.tanh(TANH_C * (a + TANH_K * (a * a * a))))


@elementwise
def gelu_tanh_backward(g: np.ndarray, a: np.ndarray) -> np.ndarray:
    """g (1 + tanh u + a (1 - tanh^2 u) u') / 2"""
    a = limited(a, -30, 30)  # where it has long been 0 or g, and a^3 is finite
    square = a * a
    t = np.tanh((a + square * a * TANH_K) * TANH_C)
    return g * ((t + 1) * 0.5 + a * (1 - t * t) * (square * (1.5 * TANH_K * TANH_C) + 0.5 * TANH_C))


@elementwise
def silu(a: np.ndarray) -> np.ndarray:
    """a sigmoid(a)"""
    y = np.exp(-a)
    y += 1
    return np.divide(a, y)


@elementwise
def silu_backward(g: np.ndarray, a: np.ndarray) -> np.ndarray:
    """g s (1 + a (1 - s)) with s = sigmoid(a)"""
    s = _sigmoid(a)
    slope = 1 - s
    slope *= a
    slope += 1
    slope *= s
    slope *= g
    return slope


def _log1p_exp(a: np.ndarray) -> np.ndarray:
    """log(1 + e^a) without overflow; several times faster than numpy's logaddexp"""
    return limited(a, 0, np.inf) + np.log1p(np.exp(-np.absolute(a)))


@elementwise
def mish(a: np.ndarray) -> np.ndarray:
    """a tanh(log(1 + e^a))"""
    return a * np.tanh(_log1p_exp(a))


@elementwise
def mish_backward(g: np.ndarray, a: np.ndarray) -> np.ndarray:
    """g (t + a sigmoid(a) (1 - t^2)) with t = tanh(log(1 + e^a))"""
    t = np.tanh(_log1p_exp(a))
    return g * (t + a * _sigmoid(a) * (1 - t * t))


@elementwise
def softplus(a: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    """log(1 + e^(beta a)) / beta, a itself where beta a > threshold"""
    scaled = a * beta
    return chosen(scaled > threshold, a, _log1p_exp(scaled) / beta)


@elementwise
def softplus_backward(g: np.ndarray, a: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    """g sigmoid(beta a), or g"""
    scaled = a * beta
    return chosen(scaled > threshold, g, g * _sigmoid(scaled))


@elementwise
def log_sigmoid(a: np.ndarray) -> np.ndarray:
    """-log(1 + e^-a)"""
    return -_log1p_exp(-a)


@elementwise
def log_sigmoid_backward(g: np.ndarray, a: np.ndarray) -> np.ndarray:
    """g sigmoid(-a)"""
    return g * _sigmoid(-a)


@elementwise
def elu(a: np.ndarray, alpha: float, scale: float, rate: float) -> np.ndarray:
    """scale a where a > 0, else scale alpha (e^(rate a) - 1)"""
    return chosen(a <= 0, np.expm1(a * rate) * (alpha * scale), a * scale)


@elementwise
def elu_backward(g: np.ndarray, a: np.ndarray, alpha: float, scale: float, rate: float) -> np.ndarray:
    """g scale, or g scale alpha rate e^(rate a)"""
    return g * chosen(a <= 0, np.exp(a * rate) * (alpha * scale * rate), a.dtype.type(scale))


@elementwise
def leaky_relu(a: np.ndarray, slope: float) -> np.ndarray:
    """a where a > 0, else a slope"""
    return np.maximum(a, a * slope) if 0 < slope <= 1 else chosen(a > 0, a, a * slope)


@elementwise
def leaky_relu_backward(g: np.ndarray, a: np.ndarray, slope: float) -> np.ndarray:
    """g where a > 0, else g slope"""
    return chosen(a > 0, g, g * slope)


@elementwise
def clamp(a: np.ndarray, low: float, high: float) -> np.ndarray:
    """a limited to [low, high]"""
    return limited(a, low, high)


@elementwise
def clamp_backward(g: np.ndarray, a: np.ndarray, low: float, high: float) -> np.ndarray:
    """g where low <= a <= high, else 0"""
    return zeroed(g, ~((a >= low) & (a <= high)))


hardtanh = clamp


@elementwise
def hardtanh_backward(g: np.ndarray, a: np.ndarray, low: float, high: float) -> np.ndarray:
    """g where low < a < high, else 0"""
    return zeroed(g, ~((a > low) & (a < high)))


@elementwise
def hardsigmoid(a: np.ndarray) -> np.ndarray:
    """(a + 3) / 6 limited to [0, 1]"""
    y = limited(a + 3, 0, 6)
    return y / 6


@elementwise
def hardsigmoid_backward(g: np.ndarray, a: np.ndarray) -> np.ndarray:
    """g / 6 where -3 < a < 3, else 0"""
    return zeroed(g / 6, ~((a > -3) & (a < 3)))


@elementwise
def hardswish(a: np.ndarray) -> np.ndarray:
    """a hardsigmoid(a)"""
    return a * limited(a + 3, 0, 6) / 6


@elementwise
def hardswish_backward(g: np.ndarray, a: np.ndarray) -> np.ndarray:
    """0 up to -3, g (2 a + 3) / 6 up to 3, then g"""
    return zeroed(chosen(a < 3, g * (a / 3 + 0.5), g), a <= -3)


@elementwise
def hardshrink(a: np.ndarray, lambd: float) -> np.ndarray:
    """0 where |a| <= lambd, else a"""
    return zeroed(a, (a >= -lambd) & (a <= lambd))


@elementwise
def softshrink(a: np.ndarray, lambd: float) -> np.ndarray:
    """a moved by lambd towards 0, and 0 where it would pass it"""
    return chosen(a > lambd, a - lambd, chosen(a < -lambd, a + lambd, a * 0))


@elementwise
def shrink_backward(g: np.ndarray, a: np.ndarray, lambd: float) -> np.ndarray:
    """g where |a| > lambd, else 0"""
    return zeroed(g, ~((a < -lambd) | (a > lambd)))


@elementwise
def threshold(a: np.ndarray, limit: float, value: float) -> np.ndarray:
    """a where a > limit, else value"""
    return chosen(a <= limit, a.dtype.type(value), a)


@elementwise
def threshold_backward(g: np.ndarray, a: np.ndarray, limit: float, value: float) -> np.ndarray:
    """g where a > limit, else 0"""
    return zeroed(g, a <= limit)


# -- losses of two arrays, with ``..._slope`` for scale times the derivative by the first ------------------------------


def total(loss: str, a: np.ndarray, b: np.ndarray, *options: float) -> float:
    """The sum of the losses of all elements, added up in float64."""
    losses = globals()[loss](a, b, *options)
    return float(np.add.reduce(losses, axis=None, dtype=np.float64))


@elementwise
def squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(a - b)^2"""
    return np.square(a - b)


@elementwise
def squared_error_slope(a: np.ndarray, b: np.ndarray, scale: float) -> np.ndarray:
    """2 (a - b) scale"""
    slope = a - b
    slope *= 2 * scale
    return slope


@elementwise
def huber(a: np.ndarray, b: np.ndarray, delta: float, c: float) -> np.ndarray:
    """c (d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)), d = a - b"""
    d = np.absolute(a - b)
    inside = limited(d, -np.inf, delta)
    d -= 0.5 * inside
    d *= inside
    d *= c
    return d


@elementwise
def huber_slope(a: np.ndarray, b: np.ndarray, delta: float, scale: float) -> np.ndarray:
    """d limited to +-delta, times scale"""
    return limited(a - b, -delta, delta) * scale


@elementwise
def cross_entropy_with_logits(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(1 - t) log(1 + e^x) + t log(1 + e^-x)"""
    # log(1 + e^x) is max(x, 0) plus a part that x and -x share: nothing large is subtracted from something large
    shared = np.log1p(np.exp(-np.absolute(x)))
    return (1 - t) * (limited(x, 0, np.inf) + shared) + t * (limited(-x, 0, np.inf) + shared)


@elementwise
def cross_entropy_with_logits_slope(x: np.ndarray, t: np.ndarray, scale: float) -> np.ndarray:
    """(sigmoid(x) - t) scale"""
    return (_sigmoid(x) - t) * scale


# -- two halves, and a slope for each channel --------------------------------------------------------------------------


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel that computes 16-bit floats in float32, and rounds its results once."""

    @wraps(function)
    def kernel(a: np.ndarray, *others: Any) -> Any:
        if not is_half(a):
            return function(a, *others)
        others = tuple([x.astype(np.float32) if isinstance(x, np.ndarray) else x for x in others])
        results = function(a.astype(np.float32), *others)
        return tuple([y.astype(a.dtype) for y in results]) if type(results) is tuple else results.astype(a.dtype)

    return kernel


@in_float32
def glu(x: np.ndarray, dim: int) -> np.ndarray:
    """a sigmoid(b), a and b the halves of x along a dimension."""
    a, b = np.split(x, 2, dim)
    y = np.exp(-b)
    y += 1
    return np.divide(a, y, out=y)


@in_float32
def glu_backward(g: np.ndarray, x: np.ndarray, dim: int) -> np.ndarray:
    """g s for a, and g a s (1 - s) for b, with s = sigmoid(b)."""
    a, b = np.split(x, 2, dim)
    gx = np.empty(x.shape, x.dtype)
    ga, gb = np.split(gx, 2, dim)
    s = sigmoid(b)
    np.multiply(g, s, out=ga)
    np.subtract(1, s, out=s)
    s *= a
    np.multiply(ga, s, out=gb)
    return gx


@in_float32
def prelu(a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """a where a > 0, else w a; w is broadcast."""
    return chosen(a > 0, a, w * a)


@in_float32
def prelu_backward(g: np.ndarray, a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """g, or g w; and for w the sums of g a where a <= 0."""
    positive = a > 0
    axes = tuple([i for i in range(a.ndim) if w.size == 1 or w.shape[i] == 1])
    sums = zeroed(g * a, positive).sum(axis=axes, keepdims=True, dtype=np.float64)
    return chosen(positive, g, g * w), sums.reshape(w.shape).astype(w.dtype)
