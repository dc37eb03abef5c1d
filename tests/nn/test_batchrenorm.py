"""BatchRenorm against Algorithm 1 of the paper written out in float64, and against BatchNorm at its limits."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.autograd import gradcheck, gradgradcheck

EPS = 1e-5


def twin(x, mean, var, weight, bias, rmax, dmax):
    """Algorithm 1, composed of plain operators; the constants r and d are detached."""
    dims = (0, *range(2, x.dim()))
    shape = (1, -1, *(1,) * (x.dim() - 2))
    mu = x.mean(dims, keepdim=True)
    sigma_b = (x.var(dims, correction=0, keepdim=True) + EPS).sqrt()
    sigma = (var.reshape(shape) + EPS).sqrt()
    r = (sigma_b / sigma).clamp(1 / rmax, rmax).detach()
    d = ((mu - mean.reshape(shape)) / sigma).clamp(-dmax, dmax).detach()
    return ((x - mu) / sigma_b * r + d) * weight.reshape(shape) + bias.reshape(shape)


def prepared(kind, rng, **options):
    renorm = kind(3, dtype=torch.float64, **options)
    renorm.running_mean.copy_(torch.tensor(rng.standard_normal(3)))
    renorm.running_var.copy_(torch.tensor(rng.uniform(0.2, 4.0, 3)))
    for p in renorm.parameters():
        p.data.copy_(torch.tensor(rng.standard_normal(3)))
    return renorm


KINDS = [
    (nn.BatchRenorm1d, nn.BatchNorm1d, (6, 3)),
    (nn.BatchRenorm1d, nn.BatchNorm1d, (4, 3, 5)),
    (nn.BatchRenorm2d, nn.BatchNorm2d, (3, 3, 2, 4)),
    (nn.BatchRenorm3d, nn.BatchNorm3d, (2, 3, 2, 2, 2)),
]


@pytest.mark.parametrize(("kind", "bn_kind", "shape"), KINDS)
@pytest.mark.parametrize(("rmax", "dmax"), [(3.0, 5.0), (1.2, 0.3), (1.0, 0.0), (1e6, 1e6)])
def test_values_and_gradients_of_the_first_two_orders(kind, bn_kind, shape, rmax, dmax, rng):
    renorm = prepared(kind, rng, rmax=rmax, dmax=dmax)
    before = renorm.running_mean.clone(), renorm.running_var.clone()
    x = torch.tensor(rng.standard_normal(shape) * 2 + 0.5, requires_grad=True)
    parameters = [x, renorm.weight, renorm.bias]
    with nn.utils.freeze_stats(renorm):
        y, reference = renorm(x), twin(x, *before, renorm.weight, renorm.bias, rmax, dmax)
    np.testing.assert_allclose(y.detach().numpy(), reference.detach().numpy(), rtol=1e-9, atol=1e-9)
    upstream = torch.tensor(rng.standard_normal(shape))
    first = [torch.autograd.grad(out, parameters, upstream, create_graph=True) for out in (y, reference)]
    directions = [torch.tensor(rng.standard_normal(p.shape)) for p in parameters]
    scalars = [sum((g * v).sum() for g, v in zip(grads, directions)) for grads in first]
    second = [torch.autograd.grad(s, [x, renorm.weight]) for s in scalars]
    for ours, theirs in zip((*first[0], *second[0]), (*first[1], *second[1])):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("kind", "bn_kind", "shape"), KINDS)
def test_gradcheck_where_both_bounds_hold_r_and_d_fast(kind, bn_kind, shape, rng):
    renorm = prepared(kind, rng, rmax=1.001, dmax=0.001)
    renorm.running_mean.fill_(50.0)
    renorm.running_var.fill_(1e6)
    x = torch.tensor(rng.standard_normal((2, 3, *shape[2:])), requires_grad=True)
    with nn.utils.freeze_stats(renorm):
        assert gradcheck(lambda x, *_: renorm(x), (x, renorm.weight, renorm.bias))
        assert gradgradcheck(lambda x, *_: renorm(x), (x, renorm.weight, renorm.bias))


@pytest.mark.parametrize(("kind", "bn_kind", "shape"), KINDS)
def test_rmax_1_and_dmax_0_is_batchnorm(kind, bn_kind, shape, rng):
    renorm, bn = prepared(kind, rng, rmax=1, dmax=0), bn_kind(3, dtype=torch.float64)
    bn.load_state_dict(renorm.state_dict())
    x = torch.tensor(rng.standard_normal(shape))
    np.testing.assert_allclose(renorm(x).detach().numpy(), bn(x).detach().numpy(), rtol=1e-12, atol=1e-12)
    for name, value in bn.state_dict().items():
        assert torch.equal(value, renorm.state_dict()[name])


@pytest.mark.parametrize(("kind", "bn_kind", "shape"), KINDS)
def test_within_the_bounds_training_gives_what_evaluation_gives(kind, bn_kind, shape, rng):
    renorm = prepared(kind, rng, rmax=1e9, dmax=1e9)
    x = torch.tensor(rng.standard_normal(shape))
    expected = copy.deepcopy(renorm).eval()(x)
    np.testing.assert_allclose(renorm(x).detach().numpy(), expected.detach().numpy(), rtol=1e-9, atol=1e-9)


def test_running_estimates_are_those_of_batchnorm_and_move_after_use(rng):
    renorm, bn = nn.BatchRenorm1d(3, momentum=None), nn.BatchNorm1d(3, momentum=None)
    for _ in range(3):
        x = torch.tensor(rng.standard_normal((5, 3)) * 4, dtype=torch.float32)
        renorm(x), bn(x)
    for name, value in bn.state_dict().items():
        assert torch.equal(value, renorm.state_dict()[name])
    assert list(renorm.state_dict()) == list(bn.state_dict())


def test_evaluation_is_that_of_batchnorm_and_loads_its_state(rng):
    bn = nn.BatchNorm2d(3)
    bn(torch.randn(4, 3, 2, 2))
    renorm = nn.BatchRenorm2d(3).eval()
    renorm.load_state_dict(bn.state_dict())
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(renorm(x), bn.eval()(x))


def test_affine_and_bias_off(rng):
    x = torch.tensor(rng.standard_normal((6, 3)))
    plain = prepared(nn.BatchRenorm1d, rng, affine=False)
    ones, zeros = torch.ones(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    expected = twin(x, plain.running_mean.clone(), plain.running_var.clone(), ones, zeros, 3.0, 5.0)
    np.testing.assert_allclose(plain(x).numpy(), expected.numpy(), rtol=1e-9)
    no_bias = prepared(nn.BatchRenorm1d, rng, bias=False)
    expected = twin(x, no_bias.running_mean.clone(), no_bias.running_var.clone(), no_bias.weight, zeros, 3.0, 5.0)
    np.testing.assert_allclose(no_bias(x).detach().numpy(), expected.detach().numpy(), rtol=1e-9)


def test_bounds_may_be_numbers_tensors_or_buffers():
    renorm = nn.BatchRenorm1d(2)
    renorm.rmax, renorm.dmax = torch.tensor(1.0), torch.tensor(0.0)
    x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    np.testing.assert_allclose(renorm(x).detach().numpy(), [[-1, -1], [1, 1]], rtol=1e-5)
    renorm.rmax = nn.Buffer(torch.tensor(2.0))
    assert "rmax" in renorm.state_dict()
    assert repr(renorm).endswith("rmax=2, dmax=0)")


def test_mask_and_channel_dim(rng):
    renorm = nn.BatchRenorm1d(3, dtype=torch.float64)
    x = torch.tensor(rng.standard_normal((6, 3)))
    mask = torch.tensor([[True]] * 4 + [[False]] * 2)
    with nn.utils.freeze_stats(renorm):
        expected = renorm(x[:4]).detach().numpy()
    y = renorm(x, mask=mask).detach().numpy()
    np.testing.assert_allclose(y[:4], expected, rtol=1e-12)
    assert not y[4:].any()
    last, first = nn.BatchRenorm1d(3, channel_dim=-1), nn.BatchRenorm1d(3)
    x = torch.randn(2, 5, 3)
    assert torch.allclose(last(x), first(x.transpose(1, 2)).transpose(1, 2), atol=1e-6)


def test_half_precision_input_keeps_its_dtype():
    assert nn.BatchRenorm1d(3)(torch.randn(4, 3).half()).dtype == torch.float16


def test_bad_bounds_and_input_change_nothing():
    for options in ({"rmax": 0.5}, {"dmax": -1}, {"rmax": float("nan")}):
        with pytest.raises(ValueError, match="must"):
            nn.BatchRenorm1d(2, **options)
    renorm = nn.BatchRenorm1d(2)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        renorm(torch.ones(1, 2))
    with pytest.raises(RuntimeError, match="should contain 3 elements not 2"):
        renorm(torch.ones(4, 3))
    with pytest.raises(ValueError, match="expected 2D or 3D input"):
        renorm(torch.ones(4))
    renorm.rmax = 0.0
    with pytest.raises(ValueError, match=r"rmax must be at least 1, but got 0\.0"):
        renorm(torch.randn(4, 2))
    assert renorm.num_batches_tracked.item() == 0
    assert renorm.running_mean.tolist() == [0.0, 0.0]


def test_empty_batches_and_poison_leave_the_estimates_alone():
    renorm = nn.BatchRenorm1d(2)
    assert renorm(torch.empty(0, 2)).shape == (0, 2)
    with pytest.warns(RuntimeWarning, match="not finite"):
        renorm(torch.tensor([[float("nan"), 1.0], [2.0, 3.0]]))
    assert renorm.running_mean.tolist() == [0.0, 0.0]
    assert renorm.num_batches_tracked.item() == 0


def test_frozen_copied_and_pickled(rng):
    renorm = nn.utils.freeze(nn.BatchRenorm1d(2)).train()
    x = torch.randn(4, 2)
    for layer in (renorm, copy.deepcopy(renorm), pickle.loads(pickle.dumps(renorm))):
        np.testing.assert_allclose(layer(x).numpy(), x.numpy(), rtol=1e-4)
        assert layer.num_batches_tracked.item() == 0
