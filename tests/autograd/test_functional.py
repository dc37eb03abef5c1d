"""Jacobians, Hessians and products with vectors, against formulas and each other; their errors against PyTorch's in
tests/parity/test_func.py."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp

F = torch.nn.functional


@pytest.fixture
def problem(rng):
    """f: two inputs -> two outputs, through Batch Normalization; its inputs, and vectors of both forms."""
    draw = lambda *shape: torch.tensor(rng.standard_normal(shape))  # noqa: E731
    weight = torch.tensor([1.0, 0.0, -2.0], dtype=torch.float64)

    def f(a, b):
        y = F.batch_norm(a, None, None, weight, training=True)
        return (y * b).tanh(), y.pow(2).sum() * b.sum()

    return f, (draw(4, 3), draw(3)), (draw(4, 3), draw(3)), (draw(4, 3), draw())


def flat(jacobian):
    """A table of Jacobians as one matrix."""
    rows = []
    for row, outputs in zip(jacobian, (12, 1)):
        rows.append(np.concatenate([block.numpy().reshape(outputs, -1) for block in row], axis=1))
    return np.concatenate(rows)


def joined(tensors):
    return np.concatenate([t.detach().numpy().reshape(-1) for t in tensors])


def test_products_agree_with_the_jacobian_and_differences(problem):
    f, inputs, v, u = problem
    J = flat(jacobian(f, inputs))
    np.testing.assert_allclose(joined(jvp(f, inputs, v)[1]), J @ joined(v), atol=1e-12)
    np.testing.assert_allclose(joined(vjp(f, inputs, u)[1]), joined(u) @ J, atol=1e-12)
    h = 1e-6
    above = joined(f(*[x + h * d for x, d in zip(inputs, v)]))
    below = joined(f(*[x - h * d for x, d in zip(inputs, v)]))
    np.testing.assert_allclose(J @ joined(v), (above - below) / (2 * h), rtol=1e-6, atol=1e-8)


def test_hessian_and_its_products(problem):
    f, inputs, v, _ = problem

    def scalar(a, b):
        return f(a, b)[0].sum() * f(a, b)[1]

    H = hessian(scalar, inputs)
    H = np.concatenate([np.concatenate([b.numpy().reshape(n, -1) for b in row], 1) for row, n in zip(H, (12, 3))])
    np.testing.assert_allclose(H, H.T, atol=1e-9)
    np.testing.assert_allclose(joined(hvp(scalar, inputs, v)[1]), H @ joined(v), atol=1e-9)
    np.testing.assert_allclose(joined(vhp(scalar, inputs, v)[1]), H @ joined(v), atol=1e-9)
    h = 1e-5
    above = joined(vjp(scalar, tuple(x + h * d for x, d in zip(inputs, v)))[1])
    below = joined(vjp(scalar, tuple(x - h * d for x, d in zip(inputs, v)))[1])
    np.testing.assert_allclose(H @ joined(v), (above - below) / (2 * h), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("product", [vjp, jvp, vhp, hvp, jacobian, hessian])
def test_create_graph_connects_to_the_inputs(product):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    f = (lambda x: x**3) if product in (jvp, vjp, jacobian) else (lambda x: (x**3).sum())
    vectors = () if product in (jacobian, hessian) else (torch.ones(2),)
    result = product(f, x, *vectors, create_graph=True)
    result = result if isinstance(result, torch.Tensor) else result[1]
    result.sum().backward()
    order = 1 if product in (jvp, vjp, jacobian) else 2
    assert x.grad.tolist() == ([6.0, 12.0] if order == 1 else [6.0, 6.0])


@pytest.mark.parametrize("product", [vjp, jvp, vhp, hvp, jacobian, hessian])
def test_without_it_nothing_is_left_behind(product):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    f = (lambda x: x**3) if product in (jvp, vjp, jacobian) else (lambda x: (x**3).sum())
    vectors = () if product in (jacobian, hessian) else (torch.ones(2, requires_grad=True),)
    result = product(f, x, *vectors)
    for tensor in [result] if isinstance(result, torch.Tensor) else result:
        assert not tensor.requires_grad
    assert x.grad is None
    assert x.requires_grad


def test_empty_input_and_output():
    # PyTorch raises "stack expects a non-empty TensorList" here
    assert jacobian(lambda x: x * 2, torch.ones(0)).shape == (0, 0)
    assert jacobian(lambda x: x.sum(), torch.ones(0)).shape == (0,)


def test_works_under_no_grad():
    with torch.no_grad():
        assert hessian(lambda x: (x**3).sum(), torch.tensor([2.0])).tolist() == [[12.0]]
        assert jvp(lambda x: x**2, torch.tensor([2.0]), torch.ones(1))[1].tolist() == [4.0]
