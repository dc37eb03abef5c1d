"""Special functions that numpy lacks, on whole arrays."""

from __future__ import annotations

import math

import numpy as np

# W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969): coefficients of
# x P(x^2)/Q(x^2) ~ erf(x) for |x| <= 0.46875, and of e^(-x^2) P(x)/Q(x) ~ 1 - erf(x) above; highest power first.
_NEAR_P = (
    1.85777706184603153e-1,
    3.16112374387056560,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_NEAR_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_FAR_P = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
    8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
_FAR_Q = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip
TANH_C, TANH_K = math.sqrt(2 / math.pi), 0.044715  # of GELU's approximation: see ``ops.activation.GeluTanh``
_NEAR, _ONE = 0.46875, 6.0  # from 6 on, erf(x) is 1 in float64


def erf(a: np.ndarray) -> np.ndarray:
    """2/sqrt(pi) times the integral of e^-t^2 from 0 to a, to a few units in the last place; NaN stays."""
    if a.size < 256:  # numpy's fixed costs are more than the arithmetic
        return np.array([math.erf(x) for x in a.ravel().tolist()], a.dtype).reshape(a.shape)
    x = a.astype(np.float64 if a.dtype == np.float64 else np.float32)
    size = np.minimum(np.absolute(x), x.dtype.type(_ONE))
    far = np.copysign(1 - np.exp(-size * size) * _ratio(_FAR_P, _FAR_Q, size), x)
    limit = _NEAR if x.dtype == np.float64 else 1.0  # beyond its range the near form still errs by less than 2e-10
    size = np.minimum(size, x.dtype.type(limit))
    near = np.copysign(size * _ratio(_NEAR_P, _NEAR_Q, size * size), x)
    return np.where(np.absolute(x) <= limit, near, far).astype(a.dtype, copy=False)


def _ratio(p: tuple[float, ...], q: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """P(x) / Q(x), by Horner's rule."""
    return _polynomial(p, x) / _polynomial(q, x)


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    y = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        y *= x
        y += c
    return y
