"""Functions element by element and their derivatives, as both sets of kernels compute them, against float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minitorch_bn.kernels import elementwise_numba, elementwise_numpy

SETS = pytest.mark.parametrize("kernels", [elementwise_numpy, elementwise_numba], ids=["numpy", "numba"])


@pytest.fixture(autouse=True)
def _numba(request):
    if "kernels" in request.fixturenames and request.getfixturevalue("kernels") is elementwise_numba:
        pytest.importorskip("numba", reason="the compiled kernels need numba: pip install minitorch_bn[fast]")


def each(function):
    return np.vectorize(function, otypes=[np.float64])


@each
def sigmoid(a):
    return 1 / (1 + math.exp(-a)) if a > -700 else 0.0


@each
def below(a):
    return math.erfc(-a * math.sqrt(0.5)) / 2


@each
def log1p_exp(a):
    return max(a, 0) + math.log1p(math.exp(-abs(a)))


erf, erfc, tanh, exp, expm1 = map(each, (math.erf, math.erfc, math.tanh, np.exp, np.expm1))
C, K = math.sqrt(2 / math.pi), 0.044715


def mish_slope(a):
    t, w = tanh(log1p_exp(a)), exp(-np.abs(a))
    n = np.where(a > 0, 1 + 2 * w, w * w + 2 * w)  # 1 - t^2 without a difference
    d = np.where(a > 0, n + 2 * w * w, n + 2)
    return t + a * sigmoid(a) * (1 - n / d) * (1 + n / d)


def gelu_tanh_slope(a):
    u, slope = C * (a + K * a**3), C * (1 + 3 * K * a**2)
    return sigmoid(2 * u) + 2 * a * sigmoid(2 * u) * sigmoid(-2 * u) * slope


# name: (its numbers, the function, its derivative), in float64; what numpy's kernel may lose where it subtracts, in
# units of the last place of 1
FORMULAS = {
    "erf": ((), erf, lambda a: 2 / math.sqrt(math.pi) * exp(-a * a)),
    "gelu": ((), lambda a: a * below(a), lambda a: below(a) + a * exp(-a * a / 2) / math.sqrt(2 * math.pi)),
    "gelu_tanh": ((), lambda a: a * sigmoid(2 * C * (a + K * a**3)), gelu_tanh_slope),
    "silu": ((), lambda a: a * sigmoid(a), lambda a: sigmoid(a) * (1 + a * sigmoid(-a))),
    "mish": ((), lambda a: a * tanh(log1p_exp(a)), mish_slope),
    "softplus": ((1.0, 20.0), log1p_exp, sigmoid),
    "softplus, sharp": ((2.0, 90.0), lambda a: log1p_exp(2 * a) / 2, lambda a: sigmoid(2 * a)),
    "log_sigmoid": ((), lambda a: -log1p_exp(-a), lambda a: sigmoid(-a)),
    "elu": (
        (0.7, 1.5, 0.5),
        lambda a: np.where(a > 0, 1.5 * a, 0.7 * 1.5 * expm1(np.minimum(a, 0) * 0.5)),
        lambda a: np.where(a > 0, 1.5, 0.7 * 1.5 * 0.5 * exp(np.minimum(a, 0) * 0.5)),
    ),
    "leaky_relu": ((0.25,), lambda a: np.where(a > 0, a, a / 4), lambda a: np.where(a > 0, 1, 0.25)),
    "leaky_relu, falling": ((-0.25,), lambda a: np.where(a > 0, a, -a / 4), lambda a: np.where(a > 0, 1, -0.25)),
    "clamp": ((-1.5, 2.0), lambda a: np.clip(a, -1.5, 2), lambda a: (a >= -1.5) & (a <= 2)),
    "hardtanh": ((-1.5, 2.0), lambda a: np.clip(a, -1.5, 2), lambda a: (a > -1.5) & (a < 2)),
    "hardsigmoid": ((), lambda a: np.clip(a + 3, 0, 6) / 6, lambda a: (np.abs(a) < 3) / 6),
    "hardswish": (
        (),
        lambda a: a * np.clip(a + 3, 0, 6) / 6,
        lambda a: np.where(a <= -3, 0, np.where(a < 3, (2 * a + 3) / 6, 1)),
    ),
    "hardshrink": ((0.5,), lambda a: np.where(np.abs(a) <= 0.5, 0, a), lambda a: np.abs(a) > 0.5),
    "softshrink": (
        (0.5,),
        lambda a: np.sign(a) * np.maximum(np.abs(a) - 0.5, 0),
        lambda a: np.abs(a) > 0.5,
    ),
    "threshold": ((0.5, 20.0), lambda a: np.where(a > 0.5, a, 20), lambda a: a > 0.5),
    "sigmoid": ((), sigmoid, None),
}
NAMES = pytest.mark.parametrize("name", FORMULAS)
SPECIAL = [0.0, -0.0, 0.5, -0.5, 3.0, -3.0, -1.5, 2.0, 1e-30, -1e-30, 1e-42, 17.0, -17.0, 88.0, -88.0, 104.0, -104.0]
SPECIAL += [709.2, -709.2, -745.0, 1e4, -1e4, 1e30, -1e30]


def kernel_of(kernels, name):
    name = name.split(",")[0]
    derivative = "shrink_backward" if "shrink" in name else f"{name}_backward"
    return getattr(kernels, name), getattr(kernels, derivative)


def check(ours, exact, dtype, kernels, terms):
    """To a unit or so in the last place; what numpy's kernels subtract may be as large as ``terms``."""
    eps, tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).smallest_subnormal)
    assert ours.dtype == dtype
    exact = exact.astype(dtype).astype(float)
    if kernels is elementwise_numba and dtype != "float64":
        np.testing.assert_allclose(ours, exact, rtol=eps, atol=tiny)
    else:
        np.testing.assert_allclose(ours, exact, rtol=16 * eps, atol=4 * eps * terms)


@SETS
@NAMES
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("size", [(0,), (3, 50), (40_000,)])
def test_is_its_formula(rng, kernels, name, dtype, size):
    numbers, function, slope = FORMULAS[name]
    a, g = (rng.standard_normal((2, *size)) * 4).astype(dtype)
    forward, backward = kernel_of(kernels, name)
    with np.errstate(all="ignore"):
        check(forward(a, *numbers), function(a.astype(float)), dtype, kernels, 8)
        if slope:
            check(backward(g, a, *numbers), g.astype(float) * slope(a.astype(float)), dtype, kernels, 64)


@NAMES
def test_threads_share_large_arrays_in_numpy_too(rng, name):
    kernels = elementwise_numpy
    a, g = rng.standard_normal((2, 3, 200_001)).astype(np.float32)  # more than one block, and two threads
    numbers = FORMULAS[name][0]
    forward, backward = kernel_of(kernels, name)
    for function, arrays in ((forward, (a,)), (backward, (g, a))):
        small = [function(*parts, *numbers) for parts in zip(*(np.array_split(x.reshape(-1), 40) for x in arrays))]
        np.testing.assert_allclose(function(*arrays, *numbers).reshape(-1), np.concatenate(small), rtol=1e-6)


@SETS
@NAMES
@pytest.mark.parametrize("copies", [1, 2000])
def test_hostile_values(kernels, name, copies):
    numbers, function, slope = FORMULAS[name]
    a = np.tile(np.array(SPECIAL, np.float32), copies)
    forward, backward = kernel_of(kernels, name)
    with np.errstate(all="ignore"):
        check(forward(a, *numbers), function(a.astype(float)), "float32", kernels, 8)
        if slope:
            check(backward(np.ones_like(a), a, *numbers), slope(a.astype(float)) * 1.0, "float32", kernels, 8)


@SETS
@NAMES
def test_what_is_not_finite(kernels, name):
    numbers, function, _ = FORMULAS[name]
    forward, backward = kernel_of(kernels, name)
    a = np.array([np.nan, np.inf, 1.0], np.float32)
    with np.errstate(all="ignore"):
        ours = forward(a, *numbers)
        gradient = backward(np.full(1, np.nan, np.float32), np.ones(1, np.float32), *numbers)
    assert np.isnan(ours).tolist() == [True, False, False]
    limit = function(np.array([1e9]))[0]
    assert ours[1] == (np.inf if limit > 1e6 else np.float32(limit))
    assert np.isnan(gradient).all()  # of a NaN, where the function is not flat


@SETS
@pytest.mark.parametrize("name, numbers", [("hardtanh", (-1.0, 2.0)), ("shrink", (0.5,))])
def test_a_gradient_at_a_nan_is_that_of_pytorchs_vectors(kernels, name, numbers):
    # Only of the last elements, which fill no vector of the processor, PyTorch passes the gradient.
    a, g = np.array([np.nan, numbers[0]], np.float32), np.full(2, 3, np.float32)
    assert getattr(kernels, f"{name}_backward")(g, a, *numbers).tolist() == [0, 0]


@SETS
def test_gradients_of_glu_do_not_overflow_on_the_way(kernels):
    x, g = np.array([3e38, -90.0], np.float32), np.full(1, 3, np.float32)
    exact = 9e38 * math.exp(-90)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(kernels.glu_backward(g, x, 0)[1], exact, rtol=1e-5)


@SETS
@NAMES
@pytest.mark.parametrize("layout", ["columns", "every second", "reversed", "channels last", "zero-dim", "repeated"])
def test_layouts(rng, kernels, name, layout):
    numbers = FORMULAS[name][0]
    a, g = rng.standard_normal((2, 6, 5, 24, 30)).astype(np.float32)
    change = {
        "columns": np.asfortranarray,
        "every second": lambda x: x[..., ::2],
        "reversed": lambda x: x[::-1, :, ::-1],
        "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        "zero-dim": lambda x: x[0, 0, 0, 0].reshape(()),
        "repeated": lambda x: np.broadcast_to(x[:1], x.shape),
    }[layout]
    a, g = change(a), change(g)
    kept = a.copy(), g.copy()
    forward, backward = kernel_of(kernels, name)
    flat = [np.ascontiguousarray(x).reshape(-1) for x in (g, a)]
    for ours, plain in (
        (forward(a, *numbers), forward(flat[1], *numbers)),
        (backward(g, a, *numbers), backward(*flat, *numbers)),
        (backward(g, np.ascontiguousarray(a).reshape(a.shape), *numbers), backward(*flat, *numbers)),
    ):
        assert ours.shape == a.shape
        np.testing.assert_allclose(np.asarray(ours).reshape(-1), plain, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(a, kept[0])
    np.testing.assert_array_equal(g, kept[1])


@SETS
def test_limits_that_are_not_there_or_not_numbers(kernels):
    a = np.array([np.nan, -3.0, 3.0], np.float32)
    np.testing.assert_array_equal(kernels.clamp(a, -np.inf, 1.0), np.array([np.nan, -3, 1], np.float32))
    np.testing.assert_array_equal(kernels.clamp(a, -1.0, np.inf), np.array([np.nan, -1, 3], np.float32))
    assert np.isnan(kernels.clamp(a, np.nan, 1.0)).all()
    assert np.isnan(kernels.clamp(a, -1.0, np.nan)).all()
    np.testing.assert_array_equal(kernels.clamp(a, 2.0, 1.0)[1:], [1, 1])  # limits that cross: the upper one


@SETS
def test_a_zero_keeps_its_sign_whatever_zero_was_given_before(kernels):
    a = np.array([-1.0], np.float32)
    for zero in (0.0, -0.0):
        assert np.signbit(kernels.threshold(a, 0.5, zero)) == np.signbit(zero)


@SETS
def test_sigmoids_derivative_from_its_result(rng, kernels):
    y, g = rng.random(40_000).astype(np.float32), rng.standard_normal(40_000).astype(np.float32)
    exact = g * (y.astype(float) * (1 - y.astype(float)))
    np.testing.assert_allclose(kernels.sigmoid_backward(g, y), exact, rtol=4e-7)


PAIRS = {
    "squared_error": ((), (), lambda a, b: (a - b) ** 2, lambda a, b: 2 * (a - b)),
    "huber": (
        (0.75, 2.0),
        (0.75,),
        lambda a, b: 2 * np.where(abs(a - b) <= 0.75, (a - b) ** 2 / 2, 0.75 * (abs(a - b) - 0.375)),
        lambda a, b: np.clip(a - b, -0.75, 0.75),
    ),
    "cross_entropy_with_logits": (
        (),
        (),
        lambda x, t: (1 - t) * log1p_exp(x) + t * log1p_exp(-x),
        lambda x, t: sigmoid(x) - t,
    ),
}


@SETS
@pytest.mark.parametrize("loss", PAIRS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("size", [(), (3, 50), (300, 211), (400, 401)])
@pytest.mark.parametrize("change", [lambda a: a, np.transpose, lambda a: a[::-1, ::2] if a.ndim else a])
def test_losses_are_their_formulas(rng, kernels, loss, dtype, size, change):
    numbers, slope_numbers, function, slope = PAIRS[loss]
    a, b = change(np.array(rng.standard_normal(size) * 4, dtype)), change(np.array(rng.random(size), dtype))
    exact = function(a.astype(float), b.astype(float))
    eps = float(np.finfo(dtype).eps)
    each = getattr(kernels, loss)(a, b, *numbers)
    np.testing.assert_allclose(each, exact, rtol=8 * eps, atol=8 * eps)
    total = kernels.total(loss, a, b, *numbers)
    assert type(total) is float
    np.testing.assert_allclose(total, exact.sum(), rtol=8 * max(eps, 1e-9))
    gradient = getattr(kernels, f"{loss}_slope")(a, b, *slope_numbers, 0.3)
    np.testing.assert_allclose(gradient, 0.3 * slope(a.astype(float), b.astype(float)), rtol=8 * eps, atol=8 * eps)
    assert each.dtype == gradient.dtype == dtype


@SETS
def test_losses_of_large_and_not_finite_numbers(kernels):
    x, t = np.array([1e30, -1e30, 800.0, -800.0], np.float32), np.array([0.0, 1.0, 1.0, 0.0], np.float32)
    np.testing.assert_array_equal(kernels.cross_entropy_with_logits(x, t), np.array([1e30, 1e30, 0, 0], np.float32))
    np.testing.assert_array_equal(kernels.huber(x, t, 1.0, 1.0)[:2], x[:2] * np.array([1, -1], np.float32))
    with np.errstate(invalid="ignore"):
        for loss, (numbers, *_) in PAIRS.items():
            assert np.isnan(getattr(kernels, loss)(np.full(3, np.nan, np.float32), t[:3], *numbers)).all()
            assert np.isnan(kernels.total(loss, np.full(3, np.nan, np.float32), t[:3], *numbers))
            assert kernels.total(loss, t[:0], t[:0], *numbers) == 0


@SETS
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    "shape, dim", [((6,), 0), ((4, 10), 0), ((4, 10), 1), ((3, 8, 5, 7), 1), ((100, 60, 40), 1), ((0, 4), 1)]
)
@pytest.mark.parametrize("change", [lambda a: a, lambda a: a[..., ::-1]])
def test_glu_is_its_formula(rng, kernels, shape, dim, dtype, change):
    x = change((rng.standard_normal(shape) * 4).astype(dtype))
    a, b = (half.astype(float) for half in np.split(x, 2, dim))
    g = rng.standard_normal(a.shape).astype(dtype)
    s, eps = sigmoid(b) if b.size else b, float(np.finfo(dtype).eps)
    np.testing.assert_allclose(kernels.glu(x, dim), a * s, rtol=8 * eps, atol=eps)
    gradient = np.concatenate([g * s, g * a * s * (1 - s)], dim)
    ours = kernels.glu_backward(g, x, dim)
    np.testing.assert_allclose(ours, gradient, rtol=8 * eps, atol=32 * eps)
    assert ours.dtype == dtype


@SETS
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    "shape, slopes",
    [
        ((5,), (1,)),
        ((), ()),
        ((4, 6), (1, 6)),
        ((900, 100), (1, 100)),
        ((3, 5, 2, 7), (1, 5, 1, 1)),
        ((50, 3, 40, 30), (1, 3, 1, 1)),
        ((7, 4), (1, 1)),
        ((300, 4, 100), (1, 1, 1)),
        ((2, 3, 1, 1), (1, 3, 1, 1)),
        ((0, 3), (1, 3)),
        ((4, 1), (1, 1)),
        ((3, 4, 2, 2), (1, 4, 1, 1)),  # as many positions as channels
        ((4, 5), ()),
        ((1, 0, 3), ()),
    ],
)
def test_prelu_is_its_formula(rng, kernels, shape, slopes, dtype):
    a, g = (np.array(rng.standard_normal(shape), dtype) for _ in range(2))
    w = np.array(rng.standard_normal(slopes), dtype)
    wide, eps, tiny = w.astype(float), float(np.finfo(dtype).eps), float(np.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(kernels.prelu(a, w), np.where(a > 0, a, wide * a), rtol=2 * eps, atol=tiny)
    da, dw = kernels.prelu_backward(g, a, w)
    np.testing.assert_allclose(da, np.where(a > 0, g, wide * g), rtol=2 * eps, atol=tiny)
    axes = tuple(i for i in range(len(shape)) if not slopes or slopes[i] == 1)
    terms = np.where(a > 0, 0, g.astype(float) * a)
    exact, size = (t.sum(axes, keepdims=True).reshape(slopes) for t in (terms, np.abs(terms)))
    assert dw.shape == slopes
    assert da.dtype == dw.dtype == dtype
    assert (np.abs(dw - exact) <= 2 * eps * size + tiny).all()
