"""The gamma function's logarithm and its derivatives, and the error function's complement and inverse."""

from __future__ import annotations

import math

import numpy as np

_lgamma_one = np.vectorize(math.lgamma, otypes=[float])
_erf_one = np.vectorize(math.erf, otypes=[float])
_erfc_one = np.vectorize(math.erfc, otypes=[float])
# Bernoulli numbers B_2, B_4, ... B_16
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_FAR = 12.0  # from here on the asymptotic series below have converged to the last bit of float64


def lgamma(a: np.ndarray) -> np.ndarray:
    """log |gamma(a)|; infinite at 0, -1, -2, ..."""
    x = a.astype(np.float64)
    poles = (x <= 0) & (x == np.floor(x))
    safe = np.where(poles | ~np.isfinite(x), 1.0, x)
    y = _lgamma_one(safe) if x.size else safe
    return np.where(poles | np.isinf(x), np.inf, np.where(np.isnan(x), x, y)).astype(a.dtype)


def digamma(a: np.ndarray) -> np.ndarray:
    """d lgamma(a) / da, by reflection, recurrence and the asymptotic series (Abramowitz and Stegun 6.3.7, .5, .18)."""
    x = a.astype(np.float64)
    # cot(pi x) repeats at whole numbers, where only the small remainder is exact
    fraction = x - np.trunc(x)
    reflected = np.where(x < 0, -np.pi / np.tan(np.pi * fraction), 0.0)
    z = np.where(x < 0, 1 - x, x)
    y = np.zeros_like(z)
    while (near := z < _FAR).any():
        y = np.where(near, y - 1 / z, y)
        z = np.where(near, z + 1, z)
    series = sum(b / (2 * k * z ** (2 * k)) for k, b in enumerate(_BERNOULLI, 1))
    y = y + np.log(z) - 0.5 / z - series + reflected
    y = np.where((x < 0) & (fraction == 0), np.nan, y)
    return np.where(x == 0, np.copysign(np.inf, -x), y).astype(a.dtype)


def polygamma(n: int, a: np.ndarray) -> np.ndarray:
    """The n-th derivative of digamma, n >= 1: (-1)^(n+1) n! zeta(n + 1, a)."""
    x = a.astype(np.float64)
    if n == 1:  # psi'(1 - x) + psi'(x) = (pi / sin(pi x))^2 also serves negative numbers
        mirrored = np.where(x < 0.5, 1 - x, x)
        y = _hurwitz_zeta(2, mirrored)
        y = np.where(x < 0.5, (np.pi / np.sin(np.pi * x)) ** 2 - y, y)
        return np.where(x == 0, np.inf, y).astype(a.dtype)
    y = (-1.0) ** (n + 1) * math.factorial(n) * _hurwitz_zeta(n + 1, x)
    return y.astype(a.dtype)


def _hurwitz_zeta(s: int, z: np.ndarray) -> np.ndarray:
    """sum over k >= 0 of (z + k)^-s: the first terms, and the rest by Euler and Maclaurin's formula."""
    poles = (z <= 0) & (z == np.floor(z))
    z = np.where(poles, 1.0, z)
    y = np.zeros_like(z)
    while (near := z < _FAR + s).any():
        y = np.where(near, y + z ** -float(s), y)
        z = np.where(near, z + 1, z)
    y = y + z ** (1.0 - s) / (s - 1) + 0.5 * z ** -float(s)
    factor = s * z ** (-s - 1.0)
    for k, b in enumerate(_BERNOULLI, 1):
        y = y + b / math.factorial(2 * k) * factor
        factor = factor * (s + 2 * k - 1) * (s + 2 * k) / (z * z)
    return np.where(poles, np.inf, y)


def erfc(a: np.ndarray) -> np.ndarray:
    """1 - erf(a), accurate where that is small."""
    return (_erfc_one(a.astype(np.float64)) if a.size else a).astype(a.dtype)


def erfinv(a: np.ndarray) -> np.ndarray:
    """x with erf(x) = a: S. Winitzki's approximation (2008), good to 0.2 %, then two steps of Halley's cubic method."""
    p = a.astype(np.float64)
    inside = np.abs(p) < 1
    y = np.where(inside, p, 0.0)
    rest = 1 - np.abs(y)  # exact where it matters, near 1
    log = np.log(rest * (1 + np.abs(y)))
    half = 2 / (math.pi * 0.147) + log / 2
    x = np.copysign(np.sqrt(np.sqrt(half * half - log / 0.147) - half), y)
    for _ in range(2 if p.size else 0):
        # erf(x) - y, from the side on which nothing cancels
        error = np.where(np.abs(y) < 0.5, _erf_one(x) - y, np.sign(y) * (rest - _erfc_one(np.abs(x))))
        u = error / (2 / math.sqrt(math.pi) * np.exp(-x * x))
        x = x - u / (1 + x * u)
    ends = np.where(np.abs(p) == 1, np.copysign(np.inf, p), np.nan)
    return np.where(inside, x, ends).astype(a.dtype)
