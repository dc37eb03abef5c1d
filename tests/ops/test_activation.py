"""Activations and dropout against numpy in float64, and their derivatives of order one and two against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch_bn as torch
import minitorch_bn.nn.functional as F
from minitorch_bn.autograd import gradcheck, gradgradcheck
from minitorch_bn.kernels import special

erf = np.vectorize(math.erf)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log(1 + np.exp(x))


def halves(x):
    return np.split(x, 2, -1)


# name: (function of this library, its definition in numpy)
FUNCTIONS = {
    "relu": (F.relu, lambda x: np.maximum(x, 0)),
    "relu6": (F.relu6, lambda x: np.clip(x, 0, 6)),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    "leaky_relu, falling": (lambda x: F.leaky_relu(x, -0.2), lambda x: np.where(x > 0, x, -0.2 * x)),
    "elu": (lambda x: F.elu(x, 0.7), lambda x: np.where(x > 0, x, 0.7 * (np.exp(x) - 1))),
    "celu": (lambda x: F.celu(x, 2.0), lambda x: np.maximum(x, 0) + np.minimum(2 * (np.exp(x / 2) - 1), 0)),
    "selu": (
        F.selu,
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    ),
    "gelu": (F.gelu, lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
    "gelu, tanh": (
        lambda x: F.gelu(x, approximate="tanh"),
        lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    ),
    "silu": (F.silu, lambda x: x * sigmoid(x)),
    "mish": (F.mish, lambda x: x * np.tanh(softplus(x))),
    "softplus": (F.softplus, softplus),
    "softplus, sharp": (lambda x: F.softplus(x, 2, 100), lambda x: softplus(2 * x) / 2),
    "softsign": (F.softsign, lambda x: x / (1 + np.abs(x))),
    "logsigmoid": (F.logsigmoid, lambda x: np.log(sigmoid(x))),
    "hardtanh": (lambda x: F.hardtanh(x, -1.5, 0.5), lambda x: np.clip(x, -1.5, 0.5)),
    "hardsigmoid": (F.hardsigmoid, lambda x: np.clip(x + 3, 0, 6) / 6),
    "hardswish": (F.hardswish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "hardshrink": (F.hardshrink, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    "softshrink": (F.softshrink, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    "tanhshrink": (F.tanhshrink, lambda x: x - np.tanh(x)),
    "threshold": (lambda x: F.threshold(x, 0.3, 20.0), lambda x: np.where(x > 0.3, x, 20.0)),
    "glu": (F.glu, lambda x: halves(x)[0] * sigmoid(halves(x)[1])),
    "softmin": (lambda x: F.softmin(x, -1), lambda x: np.exp(-x) / np.exp(-x).sum(-1, keepdims=True)),
}

# No point lies within a difference step of a kink.
POINTS = np.array([[-7.3, -3.4, -2.2, -0.9, -0.45, -0.1], [0.12, 0.4, 0.8, 2.3, 3.7, 6.6]])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_untouched_input(name):
    function, definition = FUNCTIONS[name]
    x = torch.tensor(POINTS)
    np.testing.assert_allclose(function(x).numpy(), definition(POINTS), rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(x.numpy(), POINTS)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_dtype_is_kept(name, dtype):
    function, definition = FUNCTIONS[name]
    y = function(torch.tensor(POINTS, dtype=getattr(torch, dtype)))
    assert y.dtype is getattr(torch, dtype)
    np.testing.assert_allclose(
        y.numpy(), definition(POINTS), rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_orders_of_derivatives_against_differences(name):
    x = torch.tensor(POINTS, requires_grad=True)
    assert gradcheck(FUNCTIONS[name][0], x)
    assert gradgradcheck(FUNCTIONS[name][0], x)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_derivative_is_the_same_whether_it_is_recorded_or_not(name, dtype):
    x = torch.tensor(POINTS, dtype=getattr(torch, dtype), requires_grad=True)
    recorded, plain = (
        torch.autograd.grad((FUNCTIONS[name][0](x) * 3).sum(), x, create_graph=create)[0] for create in (True, False)
    )
    eps = 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(plain.numpy(), recorded.detach().numpy(), rtol=eps, atol=eps)
    assert plain.dtype is x.dtype


@pytest.mark.parametrize("name", ["elu", "celu", "selu", "softplus", "silu", "mish", "gelu, tanh", "logsigmoid"])
def test_large_arguments_give_no_nan_in_any_derivative(name):
    y = x = torch.tensor([-800.0, 800.0], requires_grad=True)
    y = FUNCTIONS[name][0](y)
    for _ in range(3):
        assert torch.isfinite(y).all()
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)


def test_in_place_writes_over_the_input_and_differentiates_alike():
    for function in (F.relu, F.leaky_relu, F.elu, F.selu, F.celu, F.silu, F.mish, F.hardtanh, F.relu6, F.hardswish):
        x = torch.tensor(POINTS, requires_grad=True)
        y = x * 1
        z = function(y, inplace=True)
        assert z is y
        np.testing.assert_array_equal(z.detach().numpy(), function(x).detach().numpy())
        ours, theirs = (torch.autograd.grad(out.sum(), x)[0] for out in (z, function(x)))
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_prelu_adds_up_the_slopes_gradient(rng):
    x, weight = rng.normal(size=(2, 3, 4)), rng.normal(size=3)
    column = weight[:, None]
    y = F.prelu(torch.tensor(x), torch.tensor(weight))
    np.testing.assert_array_equal(y.numpy(), np.where(x > 0, x, column * x))
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, weight)]
    assert gradcheck(F.prelu, leaves)
    assert gradgradcheck(F.prelu, leaves)


def test_dropout_keeps_the_expectation_and_scales():
    torch.manual_seed(0)
    y = F.dropout(torch.ones(100_000), 0.2)
    assert set(y.tolist()) == {0.0, 1.25}
    assert abs(y.mean().item() - 1) < 0.01


def test_dropout_of_channels_drops_them_whole():
    torch.manual_seed(0)
    y = F.dropout2d(torch.ones(8, 16, 3, 3), 0.5).numpy()
    assert (y == y[:, :, :1, :1]).all()
    assert {0.0, 2.0} == set(y.ravel())


def test_dropout_derivatives_use_the_same_mask():
    x = torch.tensor(POINTS, requires_grad=True)

    def seeded(a):
        torch.manual_seed(3)
        return F.dropout(a, 0.4) ** 2

    assert gradcheck(seeded, x)
    assert gradgradcheck(seeded, x)


def test_dropout_without_noise_is_the_input_itself():
    x = torch.ones(3)
    state = torch.get_rng_state()
    for y in (F.dropout(x, 0.0), F.dropout(x, 0.5, training=False), F.dropout2d(x.reshape(1, 3, 1, 1), 0.0)):
        assert y.data_ptr() == x.data_ptr()
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_dropout_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1"):
        F.dropout(torch.ones(2), p)


@pytest.mark.parametrize("dtype, ulp", [("float32", 4), ("float64", 6)])
def test_erf_to_a_few_units_in_the_last_place(rng, dtype, ulp):
    x = np.concatenate([rng.normal(size=5000) * 2, np.linspace(-7, 7, 2001), 10.0 ** rng.uniform(-30, 0, 500)])
    x = x.astype(dtype)
    exact = erf(x.astype(np.float64))
    assert (np.abs(special.erf(x) - exact) <= ulp * np.spacing(np.abs(exact.astype(dtype)))).all()
    np.testing.assert_allclose(special.erf(x[:100]), exact[:100], rtol=np.finfo(dtype).eps)  # the path of short arrays


def test_erf_at_the_ends():
    ends = np.tile([np.nan, np.inf, -np.inf, 0.0, -0.0], 100)
    expected = np.tile([np.nan, 1.0, -1.0, 0.0, -0.0], 100)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(special.erf(ends), expected)
        assert (np.signbit(special.erf(ends)) == np.signbit(expected))[~np.isnan(ends)].all()


@pytest.mark.parametrize(
    "function",
    [F.relu, F.leaky_relu, F.relu6, F.hardtanh, F.hardshrink, F.softshrink, lambda x: F.threshold(x, 0.1, 0.0)],
)
def test_second_derivatives_of_straight_functions_are_zeros(function):
    x = torch.tensor([-0.7, 0.3, 0.8], requires_grad=True)
    (g,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert h.tolist() == [0.0, 0.0, 0.0]
