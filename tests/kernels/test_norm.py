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
    "short runs of one sample, shared by threads": (1, 13000, 9, 9),
    "short runs that do not go together": (47, 6, 7, 7),
    "short runs in long samples": (3, 300, 9, 9),
    "long runs": (3, 5, 24, 25),
    "a run of exactly the buffer": (4, 6, norm_numpy.RUN),
    "a run one shorter": (4, 6, norm_numpy.RUN - 1),
    "shared by threads, short runs": (170, 64, 100),
    "shared by threads, short runs in long samples": (33, 200, 14, 14),
    "shared by threads, long runs": (17, 64, 1024),
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
    # Near 0 the mean may be part of what is added: NEAR |weight| at most, and rounded like the sum.
    atol = 0 if offset else 2.0**-24 * (2 * abs(bias) + norm_numpy.NEAR * abs(weight)).max()
    np.testing.assert_allclose(constant, np.broadcast_to(bias.reshape(column), shape), rtol=0, atol=atol)


@pytest.mark.parametrize("deviations", [0.0, 0.1, 1.0, 1.49, 1.51, 30.0])
@pytest.mark.parametrize("spread", [1e-15, 1.0, 1e15])
@pytest.mark.parametrize("shape", [(1024, 48), (48, 6, 7, 7), (30, 5, 24, 25)], ids=str)
def test_a_pass_is_saved_where_hardly_a_digit_is_lost(rng, shape, deviations, spread):
    """On both sides of the border: errors below 6e-8 of the weight, and no element's above what its roundings allow."""
    x, weight, bias, _, var = made(rng, shape)
    column = (-1, *(1,) * (len(shape) - 2))
    var = (var * np.float32(spread) ** 2).astype(np.float32)
    mean = (deviations * np.sqrt(var) * rng.choice([-1, 1], var.shape)).astype(np.float32)
    x = (x * np.sqrt(var).reshape(column) + mean.reshape(column)).astype(np.float32)
    passes = norm_numpy._passes(weight, bias, mean, var, 0.0, np.float32, many=True)
    assert len(passes) == (2 if deviations < norm_numpy.NEAR else 3)
    exact = formula(x, weight, bias, mean, var, 0.0)
    error = norm_numpy.normalize(x, weight, bias, mean, var, 0.0) - exact
    size = np.abs(weight.reshape(column)) + np.abs(bias.reshape(column))
    assert np.sqrt(np.mean((error / size) ** 2)) < 6e-8
    # The scale and its product, what is added (a product and a sum), the result: each is rounded once.
    product, added = (
        np.abs(exact - bias.reshape(column)),
        np.abs(weight.reshape(column)) * min(deviations, norm_numpy.NEAR),
    )
    allowed = 2.0**-24 * (3 * product + 4 * added + np.abs(bias.reshape(column)) + np.abs(exact))
    assert (np.abs(error) <= allowed * 1.001).all()


@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize("shape", [(1024, 48), (48, 60, 7, 7), (30, 32, 24, 25), (3000, 17)], ids=str)
def test_one_channel_that_is_far_from_0_keeps_its_digits(rng, shape, rectify):
    x, *numbers = made(rng, shape, offset=1e5)
    _, _, mean, _ = numbers
    column = (-1, *(1,) * (len(shape) - 2))
    near = np.arange(shape[1]) != 3
    x -= (near * np.float32(1e5)).reshape(column)
    mean -= near * np.float32(1e5)
    numbers[3] += 8  # so that the border is at 4.2 at least
    y = norm_numpy.normalize(x, *numbers, 0.0, rectify)
    exact = formula(x, *numbers, 0.0)
    np.testing.assert_allclose(y, np.maximum(exact, 0) if rectify else exact, rtol=0, atol=6 * 16 * 2.0**-24)


HOSTILE = [0.0, -0.0, 1.0, -3.0, 1e-45, 1e-30, 1e20, -3e38, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("eps", [0.0, 1e-5])
def test_hostile_numbers_give_what_a_pass_more_gives(rng, eps):
    """Few values are always subtracted first; many of them, and channels that allow to save a pass, give the same."""
    x = np.array(HOSTILE, np.float32)[:, None]
    numbers = [0.0, 1e-45, 1e-20, 1.0, -2.0, 1e18, np.inf, np.nan]
    for weight in (*numbers, -1e38, -np.inf):
        for mean in (*numbers, -np.inf):
            for var in (*numbers, 1e38):
                given = [np.array([v], np.float32) for v in (weight, 0.5, mean, var)]
                with np.errstate(all="ignore"):
                    few = norm_numpy.normalize(x, *given, eps)
                    many = norm_numpy.normalize(np.tile(x, (1000, 1)), *given, eps)
                atol = 2.0**-22 * (1 + norm_numpy.NEAR * (abs(weight) if np.isfinite(weight) else 0))
                many = many.reshape(1000, -1)
                np.testing.assert_array_equal(many, np.broadcast_to(many[0], many.shape))
                np.testing.assert_allclose(
                    many[0], few[:, 0], rtol=1e-6, atol=atol, err_msg=f"{weight=} {mean=} {var=}"
                )


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
    x, *numbers = made(rng, (4, 5, 30, 30))
    norm_numpy.normalize(x, *numbers, 1e-3)
    assert np.getbufsize() == before
    x[0, 0, 0, 0] = np.float32(3e38)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        norm_numpy.normalize(x, numbers[0] + 1e3, *numbers[1:], 1e-3)
    assert np.getbufsize() == before
