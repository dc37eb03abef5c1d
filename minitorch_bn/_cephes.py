"""Fused multiply-add on numpy, and the single-precision log, sin and cos that PyTorch's `randn` is made of.

PyTorch's vectorised normal kernel computes its Box-Muller transform with the Cephes polynomials (S. L.
Moshier, Methods and Programs for Mathematical Functions, 1989: logf, sinf, cosf), in float32 with fused
multiply-adds. numpy's own float32 functions differ from these in the last bit for one value in seven, so
the polynomials are written out here. Arrays in, arrays out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

_f32 = np.float32


def fma(a: np.ndarray, b: np.ndarray | np.float32, c: np.ndarray | np.float32) -> np.ndarray:
    """float32 `a * b + c` rounded once: the product of two float32 is exact in float64."""
    product = np.multiply(a, b, dtype=np.float64)
    product += c
    return product.astype(_f32)


def fma64(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """float64 `a * b + c` rounded once: product (Dekker 1971) and sum (Knuth) as a value plus its error."""
    product = a * b
    if c == 0.0:
        return product + c  # nothing to fuse; the sum only turns -0.0 into 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        a_high, b_high = _upper_half(a), _upper_half(b)
        a_low, b_low = a - a_high, b - b_high
        error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
        total = product + c
        back = total - product
        error += (product - (total - back)) + (c - back)
    return np.where(np.isfinite(error), total + error, total)  # beyond 2**996 the halves overflow


def _upper_half(x: Any) -> Any:
    """The upper 26 bits of a float64 (Veltkamp's split)."""
    scaled = 134217729.0 * x
    return scaled - (scaled - x)


def _horner(x: np.ndarray, coefficients: tuple[np.float32, ...]) -> np.ndarray:
    """The polynomial with `coefficients`, highest power first, one fma a step."""
    y = fma(x, coefficients[0], coefficients[1])
    for coefficient in coefficients[2:]:
        y = fma(y, x, coefficient)
    return y


def _f32s(*numbers: float) -> tuple[np.float32, ...]:
    """Numbers rounded to float32."""
    return tuple(map(np.float32, numbers))


_LOG = _f32s(
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
    *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
_SIN = _f32s(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = _f32s(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_LN2 = _f32s(0.693359375, -2.12194440e-4)  # log(2): 11 bits, and the rest
_MINUS_QUARTER_PI = _f32s(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)


def log(x: np.ndarray) -> np.ndarray:
    """float32 log of positive numbers: `log(m * 2**e) = e log(2) + log(m)`, m in [sqrt(1/2), sqrt(2))."""
    m, e = np.frexp(x)
    small = m < _f32(0.707106781186547524)
    e = (e - small).astype(_f32)
    x = np.where(small, (m - 1) + m, m - 1)
    z = x * x
    y = _horner(x, _LOG) * x
    y = fma(y, z, e * _LN2[1]) - z * _f32(0.5)
    return fma(e, _LN2[0], x + y)


def sincos(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 (sin, cos) of angles t >= 0: reduce by a multiple j of pi/4, then two short polynomials."""
    j = ((t * _f32(1.27323954473516)).astype(np.int32) + 1) & ~1
    for part in _MINUS_QUARTER_PI:
        t = fma(j, part, t)
    z = t * t
    cos = fma(z, z * _horner(z, _COS), z * _f32(-0.5)) + _f32(1)
    sin = fma(t, z * _horner(z, _SIN), t)
    swap = (j & 2) != 0
    sin, cos = np.where(swap, cos, sin), np.where(swap, sin, cos)
    return np.where(j & 4, -sin, sin), np.where((j - 2) & 4, cos, -cos)
