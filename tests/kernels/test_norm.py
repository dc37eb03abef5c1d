"""numpy's kernel of normalisation in evaluation: every way of taking rows computes the formula, to the last digits."""

import numpy as np
import pytest

from minitorch_bn.kernels import norm_numpy

SHAPES = {
    "a small matrix": (5, 3),
    "a matrix of short rows": (1024, 48),
    "rows that do not go together": (1021, 48),
    "one sample": (1, 7, 3),
    "short runs": (48, 6, 7, 7),
    "short runs of one sample, shared by threads": (1, 7000, 9, 9),
    "short runs in long samples": (3, 300, 9, 9),
    "long runs": (3, 5, 24, 25),
    "a run of exactly the buffer": (4, 6, norm_numpy.RUN),
    "a run one shorter": (4, 6, norm_numpy.RUN - 1),
    "shared by threads, short runs": (90, 64, 100),
    "shared by threads, long runs": (9, 64, 1024),
}
LAYOUTS = {
    "contiguous": lambda a: a,
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
    "reversed order": lambda a: np.ascontiguousarray(a.T).T,
    "every other sample": lambda a: np.repeat(a, 2, axis=0)[::2],
}


def made(rng, shape, dtype=np.float32, offset=0.0):
    """An input and the numbers of its channels."""
    x = (offset + rng.standard_normal(shape)).astype(dtype)
    weight, bias, mean = (rng.standard_normal(shape[1]).astype(dtype) for _ in range(3))
    return x, weight, bias, (offset + mean).astype(dtype), rng.uniform(0.5, 2.0, shape[1]).astype(dtype)


def formula(x, weight, bias, mean, var, eps):
    """Every step in float64."""
    weight, bias, mean, var = (
        v.astype(np.float64).reshape(-1, *(1,) * (x.ndim - 2)) for v in (weight, bias, mean, var)
    )
    return (x - mean) / np.sqrt(var + eps) * weight + bias


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_every_way_of_taking_rows(rng, shape, layout):
    x, *numbers = made(rng, shape)
    x = LAYOUTS[layout](x)
    before = x.copy()
    y = norm_numpy.normalize(x, *numbers, 1e-3)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    # three roundings of float32 and that of the scale, each of values below 16
    np.testing.assert_allclose(y, formula(x, *numbers, 1e-3), rtol=0, atol=4 * 16 * 2.0**-24)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("shape", [(1024, 48), (48, 6, 7, 7), (3, 5, 24, 25)], ids=str)
def test_an_offset_costs_no_digit(rng, shape, offset):
    x, weight, bias, mean, var = made(rng, shape, offset=offset)
    numbers = np.ones_like(weight), np.zeros_like(bias), mean, var
    error = norm_numpy.normalize(x, *numbers, 0.0) - formula(x, *numbers, 0.0)
    assert np.sqrt(np.mean(error**2)) < 1e-7
    column = (-1, *(1,) * (len(shape) - 2))
    constant = norm_numpy.normalize(np.broadcast_to(mean.reshape(column), shape), weight, bias, mean, var, 0.0)
    np.testing.assert_array_equal(constant, np.broadcast_to(bias.reshape(column), shape))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("shape", [(40, 3), (6, 4, 9), (2, 3, 30, 30)], ids=str)
def test_other_dtypes(rng, shape, dtype):
    x, *numbers = made(rng, shape, dtype)
    y = norm_numpy.normalize(x, *numbers, 1e-3)
    assert y.dtype == dtype
    exact = formula(x.astype(np.float64), *numbers, 1e-3)
    np.testing.assert_allclose(y, exact, rtol=np.finfo(dtype).eps, atol=64 * min(np.finfo(dtype).eps, 2.0**-24))


@pytest.mark.parametrize("shape", [(40, 3), (2, 3, 30, 30)], ids=str)
def test_without_weight_and_bias(rng, shape):
    x, weight, bias, mean, var = made(rng, shape)
    plain = norm_numpy.normalize(x, None, None, mean, var, 1e-3)
    np.testing.assert_array_equal(plain, norm_numpy.normalize(x, weight * 0 + 1, bias * 0, mean, var, 1e-3))


@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 4), (2, 3, 0, 5)], ids=str)
def test_nothing_to_normalise(rng, shape):
    assert norm_numpy.normalize(*made(rng, shape), 1e-3).shape == shape


def test_the_size_of_numpys_buffer_is_put_back(rng):
    before = np.getbufsize()
    x, *numbers = made(rng, (2, 3, 30, 30))
    norm_numpy.normalize(x, *numbers, 1e-3)
    assert np.getbufsize() == before
    x[0, 0, 0, 0] = np.float32(3e38)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        norm_numpy.normalize(x, numbers[0] + 1e3, *numbers[1:], 1e-3)
    assert np.getbufsize() == before
