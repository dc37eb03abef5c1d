"""Functions of one number, and activations and their derivatives made of them, for compiled loops over float32.

All arithmetic is float64's, so that nothing overflows on the way, and what is lost to the short series is less than a
hundredth of the last place of float32. There are no calls and no jumps: a compiler makes vector instructions of it,
several numbers at a time, while numba's own ``exp`` takes one after the other.

A function ``f`` is followed by ``f_backward``, which is g f'(a).
"""

from __future__ import annotations

import math

import numpy as np

from minitorch_bn.kernels._compiled import fused
from minitorch_bn.kernels.special import TANH_C, TANH_K

LOG2_E = math.log2(math.e)
# ln 2 in two parts; the first has 20 bits less than a float64, so that small multiples of it are exact.
LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
LN2_LOW = 1.908214929270587700e-10
ROUNDING = 1.5 * 2.0**52  # added to a number it leaves no room for a fraction: the last bits are a whole number

SQRT_HALF, DENSITY = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)


# -- exponentials and logarithms -------------------------------------------------------------------------------------


@fused
def _exp_parts(x):
    """(2^n, e^r - 1), where x = n ln 2 + r and |r| <= ln(2) / 2; (0, .) and (inf, .) beyond float64."""
    x = 710.0 if x > 709.0 else x
    x = -709.1 if x < -708.5 else x
    shifted = x * LOG2_E + ROUNDING
    n = shifted - ROUNDING
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    exponent = np.int64((np.float64(shifted).view(np.int64) + np.int64(1023)) << np.int64(52))
    # Taylor's series; the first term left out is r^9 / 9! < 2e-10
    rest = 1 / 24 + r * (1 / 120 + r * (1 / 720 + r * (1 / 5040 + r * (1 / 40320))))
    return exponent.view(np.float64), r + r * r * (1 / 2 + r * (1 / 6 + r * rest))


@fused
def exp(x):
    """e^x"""
    power, part = _exp_parts(x)
    return power + power * part


@fused
def expm1(x):
    """e^x - 1, accurate near 0"""
    power, part = _exp_parts(x)
    return power * part + (power - 1)


@fused
def log1p(u):
    """log(1 + u) for 0 <= u <= 1: 2 artanh s = 2 (s + s^3 / 3 + ...) with s = u / (2 + u) <= 1/3"""
    s = u / (2 + u)
    q = s * s  # the first term left out is q^9 / 19 < 2e-10
    rest = 1 / 9 + q * (1 / 11 + q * (1 / 13 + q * (1 / 15 + q * (1 / 17))))
    return 2 * s * (1 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * rest))))


@fused
def _erfc_parts(z):
    """(e^(-z^2), erfc(z) e^(z^2)) for z >= 0

    The second is t P(t) with t = 3 / (3 + z): P, of degree 13, interpolates it at 400 Chebyshev points in 0 < t < 1 by
    least squares, and errs by less than 4e-10 of it.
    """
    t = 3 / (3 + z)
    p = -5.653841900960e-02 + t * 6.534169487347e-03
    p = -1.898456227764e-01 + t * (2.996886550285e-01 + t * (-3.289875789971e-01 + t * (1.930867612813e-01 + t * p)))
    p = 1.265188627516e-01 + t * (9.704329062935e-02 + t * (3.270251215646e-02 + t * (1.092933103470e-01 + t * p)))
    p = 1.880631944480e-01 + t * (1.880632212936e-01 + t * (1.776134917576e-01 + t * (1.567641515499e-01 + t * p)))
    return exp(-z * z), t * p


@fused
def erf(a):
    """2/sqrt(pi) times the integral of e^-t^2 from 0 to a: near 0 Taylor's series, whose next term is < 2e-10"""
    z, q = abs(a), a * a
    small, factor = _erfc_parts(z)
    rest = -1 / 42 + q * (1 / 216 + q * (-1 / 1320 + q * (1 / 9360 + q * (-1 / 75600))))
    near = a * (2 * SQRT_HALF * TANH_C) * (1 + q * (-1 / 3 + q * (1 / 10 + q * rest)))
    far = 1 - small * factor
    return near if z < 0.5 else (far if a > 0 else -far)


@fused
def erf_backward(g, a):
    return g * (2 * SQRT_HALF * TANH_C) * exp(-a * a)


# -- activations -----------------------------------------------------------------------------------------------------


@fused
def sigmoid(a):
    return 1 / (1 + exp(-a))


@fused
def sigmoid_backward(g, y):
    return g * (y * (1 - y))


@fused
def _tanh(a):
    m = expm1(-2 * abs(a))
    t = m / (m + 2)
    return t if a < 0 else -t


@fused
def _normal(a):
    """The normal distribution function and a times its density: the smaller tail is never a difference."""
    small, factor = _erfc_parts(abs(a) * SQRT_HALF)
    tail = 0.5 * small * factor
    return (tail if a < 0 else 1 - tail), a * (small * DENSITY)


@fused
def gelu(a):
    return a * _normal(a)[0]


@fused
def gelu_backward(g, a):
    below, slope = _normal(a)
    return g * (below + slope)


@fused
def gelu_tanh(a):
    """a (1 + tanh u) / 2 is a sigmoid(2 u)"""
    return a * sigmoid(2 * TANH_C * (a + TANH_K * (a * a * a)))


@fused
def gelu_tanh_backward(g, a):
    square = a * a
    w = exp(-2 * TANH_C * abs(a + TANH_K * square * a))
    high, low = 1 / (1 + w), w / (1 + w)  # the sigmoids of 2 |u| and -2 |u|
    return g * ((high if a > 0 else low) + a * (high * low) * (2 * TANH_C * (1 + 3 * TANH_K * square)))


@fused
def silu(a):
    return a / (1 + exp(-a))


@fused
def silu_backward(g, a):
    w = exp(-abs(a))
    high, low = 1 / (1 + w), w / (1 + w)  # the sigmoids of |a| and -|a|
    return g * ((high if a > 0 else low) + a * (high * low))


@fused
def _mish_parts(a):
    """e^-|a|, and n and d: tanh(log(1 + e^a)) = n / d, both divided by e^(2 a) where a > 0"""
    w = exp(-abs(a))
    n = 1 + 2 * w if a > 0 else w * (w + 2)
    return w, n, (n + 2 * w * w if a > 0 else n + 2)


@fused
def mish(a):
    _, n, d = _mish_parts(a)
    return a * n / d


@fused
def mish_backward(g, a):
    w, n, d = _mish_parts(a)
    s = (1 if a > 0 else w) / (1 + w)
    left = 2 * w * w if a > 0 else 2.0  # d - n, and so 1 - tanh^2 = (d - n) (d + n) / d^2
    return g * (n + a * s * (left * (d + n) / d)) / d


@fused
def _log1p_exp(a):
    return max(a, 0.0) + log1p(exp(-abs(a)))


@fused
def softplus(a, beta, threshold):
    scaled = a * beta
    return a if scaled > threshold else _log1p_exp(scaled) / beta


@fused
def softplus_backward(g, a, beta, threshold):
    scaled = a * beta
    return g if scaled > threshold else g * sigmoid(scaled)


@fused
def log_sigmoid(a):
    return -_log1p_exp(-a)


@fused
def log_sigmoid_backward(g, a):
    return g * sigmoid(-a)


@fused
def elu(a, alpha, scale, rate):
    return expm1(a * rate) * (alpha * scale) if a < 0 else a * scale


@fused
def elu_backward(g, a, alpha, scale, rate):
    return g * (exp(a * rate) * (alpha * scale * rate)) if a <= 0 else g * scale


@fused
def leaky_relu(a, slope):
    return a if a > 0 else a * slope


@fused
def leaky_relu_backward(g, a, slope):
    return g if a > 0 else g * slope


@fused
def clamp(a, low, high):
    above = a if a >= low or a != a else low  # what is NaN stays, and a limit that is NaN makes all NaN
    return above if above <= high or above != above else high


@fused
def clamp_backward(g, a, low, high):
    return g if low <= a <= high else 0.0


@fused
def hardtanh(a, low, high):
    return clamp(a, low, high)


@fused
def hardtanh_backward(g, a, low, high):
    return g if low < a < high else 0.0


@fused
def hardsigmoid(a):
    return clamp(a + 3, 0.0, 6.0) / 6


@fused
def hardsigmoid_backward(g, a):
    return hardtanh_backward(g / 6, a, -3.0, 3.0)


@fused
def hardswish(a):
    return a * clamp(a + 3, 0.0, 6.0) / 6


@fused
def hardswish_backward(g, a):
    return 0.0 if a <= -3 else (g * (a / 3 + 0.5) if a < 3 else g)


@fused
def hardshrink(a, lambd):
    return 0.0 if -lambd <= a <= lambd else a


@fused
def softshrink(a, lambd):
    return a - lambd if a > lambd else (a + lambd if a < -lambd else a * 0.0)


@fused
def shrink_backward(g, a, lambd):
    return g if a < -lambd or a > lambd else 0.0


@fused
def threshold(a, limit, value):
    return value if a <= limit else a


@fused
def threshold_backward(g, a, limit, value):
    return 0.0 if a <= limit else g


# -- losses of two arrays, with ``..._slope`` for scale times the derivative by the first ------------------------------


@fused
def squared_error(a, b):
    return (a - b) * (a - b)


@fused
def squared_error_slope(a, b, scale):
    return 2 * scale * (a - b)


@fused
def huber(a, b, delta, c):
    d = abs(a - b)
    inside = delta if delta < d else d
    return c * inside * (d - 0.5 * inside)


@fused
def huber_slope(a, b, delta, scale):
    return clamp(a - b, -delta, delta) * scale


@fused
def cross_entropy_with_logits(x, t):
    shared = log1p(exp(-abs(x)))
    return (1 - t) * (max(x, 0.0) + shared) + t * (max(-x, 0.0) + shared)


@fused
def cross_entropy_with_logits_slope(x, t, scale):
    return scale * (sigmoid(x) - t)
