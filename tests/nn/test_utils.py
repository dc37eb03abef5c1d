"""Clipping of gradients and parameters as a vector, against numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.nn import utils


def with_gradients(rng, *shapes, dtype=torch.float64):
    params = [torch.zeros(shape, dtype=dtype, requires_grad=True) for shape in shapes]
    for p in params:
        p.grad = torch.tensor(rng.normal(size=p.shape), dtype=dtype)
    return params


def flat(params):
    return np.concatenate([p.grad.numpy().ravel() for p in params])


@pytest.mark.parametrize("order", [1, 2, 3, float("inf")])
def test_norm_clipping_scales_all_gradients_by_one_factor(rng, order):
    params = with_gradients(rng, (3, 4), (5,), ())
    before = flat(params)
    norm = utils.clip_grad_norm_(params, 0.5, order)
    assert norm.item() == pytest.approx(np.linalg.norm(before, order), rel=1e-14)
    np.testing.assert_allclose(flat(params), before * 0.5 / (norm.item() + 1e-6), rtol=1e-14)


def test_short_gradients_stay(rng):
    params = with_gradients(rng, (3, 4), (5,))
    before = flat(params)
    utils.clip_grad_norm_(iter(params), 1e3)
    np.testing.assert_array_equal(flat(params), before)


def test_norm_of_float16_does_not_overflow(rng):
    p = torch.zeros(100, dtype=torch.float16, requires_grad=True)
    p.grad = torch.full((100,), 1000.0, dtype=torch.float16)
    assert utils.clip_grad_norm_(p, 1.0).item() == 10_000
    assert p.grad[0].item() == pytest.approx(0.1, rel=1e-3)


def test_an_error_changes_nothing(rng):
    params = with_gradients(rng, (3,), (2,))
    params[1].grad[0] = float("nan")
    before = flat(params)
    with pytest.raises(RuntimeError, match="is non-finite, so it cannot be clipped"):
        utils.clip_grad_norm_(params, 0.1, error_if_nonfinite=True)
    np.testing.assert_array_equal(flat(params), before)


def test_value_clipping(rng):
    params = with_gradients(rng, (3, 4), (5,))
    before = flat(params)
    params.append(torch.zeros(2, requires_grad=True))  # one without a gradient
    utils.clip_grad_value_(params, 0.3)
    np.testing.assert_array_equal(flat(params[:2]), before.clip(-0.3, 0.3))


def test_there_and_back(rng):
    params = [torch.tensor(rng.normal(size=shape), requires_grad=True) for shape in [(2, 3), (), (4,)]]
    vector = utils.parameters_to_vector(params)
    np.testing.assert_array_equal(vector.detach().numpy(), np.concatenate([p.detach().numpy().ravel() for p in params]))
    utils.vector_to_parameters(2 * vector.detach(), params)
    np.testing.assert_array_equal(utils.parameters_to_vector(params).detach().numpy(), 2 * vector.detach().numpy())
    utils.parameters_to_vector(params).sum().backward()
    assert all((p.grad == 1).all() for p in params)


def test_a_short_vector_changes_nothing():
    params = [torch.zeros(2), torch.zeros(3)]
    with pytest.raises(RuntimeError, match=r"shape '\[3\]' is invalid for input of size 2"):
        utils.vector_to_parameters(torch.ones(4), params)
    assert params[0].tolist() == [0, 0]
