"""FrozenBatchNorm: the values of BatchNorm in evaluation, from buffers that never change."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.autograd import gradcheck, gradgradcheck

KINDS = [
    (nn.FrozenBatchNorm1d, nn.BatchNorm1d, (4, 3)),
    (nn.FrozenBatchNorm1d, nn.BatchNorm1d, (4, 3, 5)),
    (nn.FrozenBatchNorm2d, nn.BatchNorm2d, (4, 3, 5, 2)),
    (nn.FrozenBatchNorm3d, nn.BatchNorm3d, (4, 3, 2, 2, 2)),
]


def trained(kind, rng, shape=(8, 3), **options):
    """A BatchNorm with numbers of its own in every parameter and buffer."""
    bn = kind(3, **options)
    for tensor in (*bn.parameters(), bn.running_mean, bn.running_var):
        tensor.data.copy_(torch.tensor(rng.uniform(0.5, 2.0, 3)))
    return bn


@pytest.mark.parametrize(("frozen_kind", "kind", "shape"), KINDS)
@pytest.mark.parametrize("options", [{}, {"affine": False}, {"bias": False}, {"eps": 0.1}, {"dtype": torch.float64}])
def test_from_batchnorm_computes_what_the_layer_does_in_evaluation(frozen_kind, kind, shape, options, rng):
    bn = trained(kind, rng, **options)
    frozen = frozen_kind.from_batchnorm(bn)
    x = torch.tensor(rng.standard_normal(shape), dtype=bn.running_mean.dtype)
    assert torch.equal(frozen(x), bn.eval()(x))
    assert frozen.eps == bn.eps


def test_it_is_a_copy(rng):
    bn = trained(nn.BatchNorm1d, rng)
    frozen = nn.FrozenBatchNorm1d.from_batchnorm(bn)
    before = frozen.running_mean.tolist()
    bn(torch.randn(4, 3))
    assert frozen.running_mean.tolist() == before


def test_training_changes_nothing(rng):
    frozen = nn.FrozenBatchNorm2d.from_batchnorm(trained(nn.BatchNorm2d, rng))
    state = copy.deepcopy(frozen.state_dict())
    x = torch.randn(4, 3, 2, 2)
    assert torch.equal(frozen.train()(x), frozen.eval()(x))
    assert all(torch.equal(value, state[name]) for name, value in frozen.state_dict().items())
    assert list(frozen.parameters()) == []
    assert nn.FrozenBatchNorm2d(3)(x[:1, :, :1, :1]).shape == (1, 3, 1, 1)  # one value per channel is enough


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"bias": False}])
def test_state_dicts_go_both_ways(options, rng):
    bn, frozen = trained(nn.BatchNorm2d, rng, **options), nn.FrozenBatchNorm2d(3, **options)
    assert str(frozen.load_state_dict(bn.state_dict())) == "<All keys matched successfully>"
    assert torch.equal(frozen.running_var, bn.running_var)
    other = nn.BatchNorm2d(3, **options)
    other.num_batches_tracked.fill_(7)
    other.load_state_dict(frozen.state_dict())
    assert torch.equal(other.running_mean, bn.running_mean)
    assert other.num_batches_tracked.item() == 7  # as with every state that does not count batches
    nested = nn.Sequential(nn.Identity(), frozen)
    nested.load_state_dict(nn.Sequential(nn.Identity(), bn).state_dict())


def test_keys_and_missing_ones():
    frozen = nn.FrozenBatchNorm1d(2)
    assert list(frozen.state_dict()) == ["weight", "bias", "running_mean", "running_var"]
    with pytest.raises(RuntimeError, match='Missing key\\(s\\) in state_dict: "running_var"'):
        frozen.load_state_dict({k: v for k, v in frozen.state_dict().items() if k != "running_var"})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "FrozenBatchNorm2d(3, eps=1e-05)"),  # as torchvision's layer prints
        ({"eps": 0.1, "affine": False}, "FrozenBatchNorm2d(3, eps=0.1, affine=False)"),
        ({"bias": False}, "FrozenBatchNorm2d(3, eps=1e-05, bias=False)"),
        ({"channel_dim": -1}, "FrozenBatchNorm2d(3, eps=1e-05, channel_dim=-1)"),
    ],
)
def test_repr(options, text):
    assert repr(nn.FrozenBatchNorm2d(3, **options)) == text


@pytest.mark.parametrize(("frozen_kind", "kind", "shape"), KINDS)
def test_gradients_to_second_order(frozen_kind, kind, shape, rng):
    frozen = frozen_kind.from_batchnorm(trained(kind, rng, dtype=torch.float64))
    x = torch.tensor(rng.standard_normal((2, *shape[1:])), requires_grad=True)
    assert gradcheck(frozen, (x,))
    assert gradgradcheck(frozen, (x,))


def test_accuracy_at_a_large_offset(rng):
    bn = trained(nn.BatchNorm1d, rng)
    bn.running_mean.fill_(1e6)
    x = (1e6 + rng.standard_normal((64, 3))).astype(np.float32)
    y = nn.FrozenBatchNorm1d.from_batchnorm(bn)(torch.tensor(x)).numpy()
    w, b, var = (v.detach().numpy().astype(np.float64) for v in (bn.weight, bn.bias, bn.running_var))
    np.testing.assert_allclose(y, (x - 1e6) / np.sqrt(var + 1e-5) * w + b, rtol=1e-5, atol=1e-6)


def test_channel_dim_comes_along(rng):
    bn = trained(nn.BatchNorm1d, rng, channel_dim=-1)
    x = torch.randn(2, 5, 3)
    frozen = nn.FrozenBatchNorm1d.from_batchnorm(bn)
    assert torch.equal(frozen(x), bn.eval()(x))
    mask = torch.tensor([[True]] * 3 + [[False]] * 2)
    assert torch.equal(frozen(x, mask), bn(x, mask))


def test_copies_and_pickles(rng):
    frozen = nn.FrozenBatchNorm1d.from_batchnorm(trained(nn.BatchNorm1d, rng))
    x = torch.randn(4, 3)
    for twin in (copy.deepcopy(frozen), pickle.loads(pickle.dumps(frozen))):
        assert torch.equal(twin(x), frozen(x))


def test_errors():
    with pytest.raises(TypeError, match="takes a BatchNorm layer, not Linear"):
        nn.FrozenBatchNorm1d.from_batchnorm(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="no running estimates"):
        nn.FrozenBatchNorm1d.from_batchnorm(nn.BatchNorm1d(2, track_running_stats=False))
    with pytest.raises(ValueError, match=r"expected 4D input \(got 2D input\)"):
        nn.FrozenBatchNorm2d(2)(torch.zeros(2, 2))
    with pytest.raises(RuntimeError, match="running_mean should contain 5 elements not 2"):
        nn.FrozenBatchNorm1d(2)(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="eps must be non-negative"):
        nn.FrozenBatchNorm1d(2, eps=-1.0)
