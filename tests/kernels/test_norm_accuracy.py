"""Both kernels of Batch Normalization where float32 numbers are hostile: far from 0, with outliers, few, a million."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitorch_bn.kernels import norm_numpy

KERNELS = [norm_numpy]
try:
    import numba  # noqa: F401

    from minitorch_bn.kernels import norm_numba

    KERNELS.append(norm_numba)
except ImportError:
    pass

EPS = 1e-5
# The root of the mean square of one rounding to float32, relative to values of size 1, is 3e-8 at most; results are
# rounded up to four times on the way.
ROUNDINGS = 1.2e-7

every_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__[-5:])
# The first two are few enough for numpy's kernel to take them as they are, the last is shared by threads.
every_shape = pytest.mark.parametrize("shape", [(40, 5), (7, 5, 33), (4099, 5), (33, 5, 61), (1000, 257)], ids=str)


def exact(g, x):
    """y, mean, var, gx, gw, gb: in longdouble, which has digits to spare; the mean's own rounding is taken off too."""
    g, x = g.astype(np.longdouble), x.astype(np.longdouble)
    dims = (0, *range(2, x.ndim))
    mean = x.mean(dims, keepdims=True)
    centred = x - mean
    centred -= centred.mean(dims, keepdims=True)
    var = (centred * centred).mean(dims, keepdims=True)
    r = 1 / np.sqrt(var + EPS)
    xh = centred * r
    gx = r * (g - g.mean(dims, keepdims=True) - xh * (xh * g).mean(dims, keepdims=True))
    return xh, mean.ravel(), var.ravel(), gx, (g * xh).sum(dims), g.sum(dims)


def computed(kernel, g, x):
    """The same, by the kernel."""
    y, mean, var = kernel.batch_norm(x, None, None, None, EPS)
    return y, mean, var, *kernel.batch_norm_backward(g, x, None, None, mean, var, EPS)


def error(ours, reference):
    """The root of the mean square of the error, relative to the values'."""
    return float(np.linalg.norm(ours - reference) / np.linalg.norm(reference))


@every_kernel
@every_shape
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("upstream", [0.0, 1e3])
def test_offsets_of_the_input_and_of_the_gradient_cost_no_digits(rng, kernel, shape, offset, upstream):
    x = (rng.standard_normal(shape) + offset).astype(np.float32)
    g = (rng.standard_normal(shape) + upstream).astype(np.float32)
    (y, mean, var, gx, gw, gb), reference = computed(kernel, g, x), exact(g, x)
    assert error(y, reference[0]) < ROUNDINGS
    assert error(gx, reference[3]) < ROUNDINGS
    np.testing.assert_allclose(mean, reference[1].astype(float), rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(var, reference[2].astype(float), rtol=1e-12)
    np.testing.assert_allclose(gb, reference[5].astype(float), rtol=1e-13, atol=1e-10)
    # The kernel is told the mean rounded to float64, which an offset of the gradient multiplies in gw.
    lost = 2.0**-53 * abs(offset) * abs(reference[5]).max()
    np.testing.assert_allclose(gw, reference[4].astype(float), rtol=1e-12, atol=1e-9 + 2 * lost)


@every_kernel
@every_shape
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e9])
def test_float64_keeps_its_own_digits(rng, kernel, shape, offset):
    x, g = rng.standard_normal(shape) + offset, rng.standard_normal(shape)
    (y, _, var, gx, _, _), reference = computed(kernel, g, x), exact(g, x)
    assert error(y, reference[0]) < 1e-14
    assert error(var, reference[2]) < 1e-14
    assert error(gx, reference[3]) < 1e-14 + 2.0**-53 * offset * 8  # the mean is given rounded


@every_kernel
@pytest.mark.parametrize("shape", [(1_000_000, 1), (1000, 1, 1000)], ids=str)
def test_errors_do_not_grow_with_the_number_of_values(rng, kernel, shape):
    x = (rng.standard_normal(shape) + 1e3).astype(np.float32)
    g = rng.standard_normal(shape).astype(np.float32)
    ours, reference = computed(kernel, g, x), exact(g, x)
    assert error(ours[0], reference[0]) < ROUNDINGS
    assert error(ours[3], reference[3]) < ROUNDINGS
    np.testing.assert_allclose(ours[2], reference[2].astype(float), rtol=1e-12)


@every_kernel
@every_shape
@pytest.mark.parametrize("value", [3.0, 100.1, 1e7 + 1, -3e38, 1e-40])
def test_a_constant_channel_is_the_bias(kernel, shape, value):
    x, bias = np.full(shape, value, np.float32), np.arange(shape[1], dtype=np.float32) - 1.3
    y, mean, var = kernel.batch_norm(x, None, bias, None, EPS)
    np.testing.assert_array_equal(np.moveaxis(y, 1, -1), np.broadcast_to(bias, np.moveaxis(y, 1, -1).shape))
    np.testing.assert_array_equal(mean, np.float64(np.float32(value)))
    assert not var.any()


@every_kernel
@given(
    seed=st.integers(0, 2**32 - 1),
    samples=st.integers(2, 400),
    length=st.sampled_from([None, 1, 7, 33, 130]),
    offset=st.sampled_from([0.0, -1e-3, 17.0, -1e4, 1e6]),
    outlier=st.sampled_from([None, 1e3, -1e6, 1e30]),
    place=st.sampled_from([0, 1, -1]),
    levels=st.sampled_from([None, 2, 256]),
)
def test_outliers_few_values_and_few_levels(kernel, seed, samples, length, offset, outlier, place, levels):
    rng = np.random.default_rng(seed)
    shape = (samples, 3) if length is None else (samples, 3, length)
    values = rng.standard_normal(shape) if levels is None else rng.integers(0, levels, shape) / 255
    x, g = (values + offset).astype(np.float32), rng.standard_normal(shape).astype(np.float32)
    if outlier is not None:
        x[place, 0] = outlier
    (y, mean, var, gx, _, gb), reference = computed(kernel, g, x), exact(g, x)
    size = np.sqrt(reference[2] + reference[1] ** 2).astype(float)  # of the values
    # An origin that lies far from the others costs digits of float64, and none of float32.
    np.testing.assert_allclose(mean, reference[1].astype(float), rtol=0, atol=1e-12 * size.max())
    np.testing.assert_allclose(var, reference[2].astype(float), rtol=1e-9, atol=1e-30)
    np.testing.assert_allclose(gb, reference[5].astype(float), rtol=0, atol=1e-12 * np.abs(g).sum())
    # gx is a difference of terms as large as r g, each of which is rounded.
    largest = np.abs(g).max() / np.sqrt(reference[2] + EPS)
    for c in range(3):
        np.testing.assert_allclose(y[:, c], reference[0][:, c].astype(float), rtol=3e-7, atol=1e-9 * samples**0.5)
        np.testing.assert_allclose(gx[:, c], reference[3][:, c].astype(float), rtol=0, atol=5e-7 * float(largest[c]))
