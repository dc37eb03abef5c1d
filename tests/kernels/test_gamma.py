"""Gamma's derivatives and the inverse error function, against values and identities that are known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minitorch_bn.kernels import gamma

EULER = 0.57721566490153286
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # operators run with numpy's warnings off


@pytest.mark.parametrize(
    "x, value",  # Abramowitz and Stegun 6.3.2, 6.3.3 and the recurrence 6.3.5
    [(1, -EULER), (2, 1 - EULER), (0.5, -EULER - 2 * math.log(2)), (1.5, 2 - EULER - 2 * math.log(2)),
     (-0.5, 2 - EULER - 2 * math.log(2))],
)  # fmt: skip
def test_digamma(x, value):
    np.testing.assert_allclose(gamma.digamma(np.array([x], float)), value, rtol=2e-15, atol=5e-16)  # it has a root


def test_digamma_at_its_poles():
    x = np.array([0.0, -0.0, -1.0, np.inf, np.nan])
    np.testing.assert_array_equal(gamma.digamma(x), [-np.inf, np.inf, np.nan, np.inf, np.nan])


@pytest.mark.parametrize(
    "n, x, value",  # Abramowitz and Stegun 6.4.2, 6.4.4: zeta(2), zeta(3), zeta(4)
    [(1, 1, math.pi**2 / 6), (1, 0.5, math.pi**2 / 2), (1, -0.5, math.pi**2 / 2 + 4), (2, 1, -2.4041138063191886),
     (2, 0.5, -14 * 1.2020569031595943), (3, 1, math.pi**4 / 15)],
)  # fmt: skip
def test_polygamma(n, x, value):
    np.testing.assert_allclose(gamma.polygamma(n, np.array([x], float)), value, rtol=4e-15)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_polygamma_satisfies_its_recurrence(n, rng):
    # psi_n(x + 1) = psi_n(x) + (-1)^n n! / x^(n+1), Abramowitz and Stegun 6.4.6
    x = rng.uniform(0.5, 30, 50)
    step = (-1.0) ** n * math.factorial(n) / x ** (n + 1)
    np.testing.assert_allclose(gamma.polygamma(n, x + 1) - step, gamma.polygamma(n, x), rtol=1e-12)


def test_lgamma():
    x = np.array([0.5, 1, 4.5, -0.5, 0, -3, np.inf, -np.inf, np.nan])
    expected = [math.lgamma(v) for v in (0.5, 1, 4.5, -0.5)] + [np.inf] * 4 + [np.nan]
    np.testing.assert_allclose(gamma.lgamma(x), expected, rtol=1e-15)


def test_erfinv_inverts_erf(rng):
    y = np.concatenate((rng.uniform(-1, 1, 200), 1 - 10.0 ** np.arange(-15, -1), 10.0 ** np.arange(-300, 0, 30)))
    x = gamma.erfinv(y)
    # of the side that is small: erf(x) near 0, 1 - erf(x) near 1
    back = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(back, y, rtol=4e-16)
    tail = np.abs(y) > 0.5
    np.testing.assert_allclose([math.erfc(abs(v)) for v in x[tail]], 1 - np.abs(y[tail]), rtol=1e-13)


def test_erfinv_at_the_ends():
    np.testing.assert_array_equal(gamma.erfinv(np.array([1, -1, 1.5, np.nan])), [np.inf, -np.inf, np.nan, np.nan])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("function", [gamma.lgamma, gamma.digamma, gamma.erfc, gamma.erfinv])
def test_dtype_and_empty_arrays(function, dtype):
    for shape in ((), (0, 3), (2, 1)):
        y = function(np.full(shape, 0.5, dtype))
        assert y.dtype == dtype
        assert y.shape == shape
