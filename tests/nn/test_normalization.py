"""Instance, group, layer and RMS normalization layers: state, modes, errors."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.nn import functional as F

LAYERS = {
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(4, affine=True, track_running_stats=True), (2, 4, 6)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4), (2, 4, 3, 3)),
    "InstanceNorm3d": (lambda: nn.InstanceNorm3d(4, affine=True), (2, 4, 2, 3, 2)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (3, 4, 5)),
    "LayerNorm": (lambda: nn.LayerNorm((4, 5)), (3, 4, 5)),
    "RMSNorm": (lambda: nn.RMSNorm(5), (3, 4, 5)),
}
every_layer = pytest.mark.parametrize("make, shape", LAYERS.values(), ids=LAYERS)


@every_layer
def test_copies_pickles_and_state_dicts_compute_the_same(make, shape):
    layer, x = make(), torch.randn(shape)
    layer(x)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    fresh = make()
    fresh.load_state_dict(layer.state_dict())
    expected = layer.eval()(x)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), fresh.eval()):
        assert repr(other) == repr(layer)
        assert torch.equal(other(x), expected)


@every_layer
def test_dtypes(make, shape):
    x = torch.randn(shape)
    assert make().double()(x.double()).dtype == torch.float64
    assert make().half()(x.half()).dtype == torch.float16
    assert make()(x.half()).dtype == torch.float16  # float32 parameters beside a half-precision input
    assert make()(x.bfloat16()).dtype == torch.bfloat16


@every_layer
def test_reset_parameters(make, shape):
    layer = make()
    before = [v.clone() for v in layer.state_dict().values()]
    layer(torch.randn(shape))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(7)
    layer.reset_parameters()
    assert all(torch.equal(v, b) for v, b in zip(layer.state_dict().values(), before))


@pytest.mark.parametrize("make, shape", [v for k, v in LAYERS.items() if k != "InstanceNorm1d"])
def test_evaluation_is_no_different_without_estimates(make, shape):
    layer, x = make(), torch.randn(shape)
    assert torch.equal(layer(x), layer.eval()(x))


@pytest.mark.parametrize(
    "layer, shape",
    [
        (nn.InstanceNorm1d(3, affine=True), (3, 5)),
        (nn.InstanceNorm2d(3), (3, 2, 4)),
        (nn.InstanceNorm3d(3, track_running_stats=True), (3, 2, 2, 2)),
    ],
)
def test_input_without_a_batch_dimension(layer, shape):
    x = torch.randn(shape)
    assert torch.equal(layer(x), layer(x.unsqueeze(0)).squeeze(0))


def test_instance_norm_evaluates_with_its_running_estimates(rng):
    layer = nn.InstanceNorm1d(3, momentum=1.0, track_running_stats=True, dtype=torch.float64)
    a = rng.standard_normal((4, 3, 6)) * 3 + 5
    layer(torch.tensor(a))
    assert layer.num_batches_tracked.item() == 0  # as in PyTorch
    mean, var = a.mean((0, 2)).reshape(3, 1), a.var(2, ddof=1).mean(0).reshape(3, 1)
    b = rng.standard_normal((2, 3, 1))  # one position is enough now
    np.testing.assert_allclose(layer.eval()(torch.tensor(b)).numpy(), (b - mean) / np.sqrt(var + 1e-5), rtol=1e-12)


def test_estimates_move_in_training_only_and_in_place():
    layer = nn.InstanceNorm1d(2, track_running_stats=True)
    mean = layer.running_mean
    layer(torch.randn(3, 2, 4) + 5)
    assert layer.running_mean is mean
    moved = mean.clone()
    assert (moved != 0).all()
    layer.eval()(torch.randn(3, 2, 4))
    layer.track_running_stats = False  # evaluation with own statistics moves PyTorch's estimates
    layer(torch.randn(3, 2, 4))
    assert torch.equal(mean, moved)


def test_track_running_stats_set_later_changes_nothing():
    layer = nn.InstanceNorm1d(2)
    layer.track_running_stats = True
    x = torch.randn(3, 2, 4)
    assert torch.equal(layer(x), nn.InstanceNorm1d(2)(x))


def test_a_wrong_number_of_channels_is_an_error_only_if_it_matters():
    with pytest.raises(ValueError, match=r"expected input's size at dim=1 to match num_features \(4\), but got: 3\."):
        nn.InstanceNorm1d(4, affine=True)(torch.randn(2, 3, 5))
    with pytest.warns(UserWarning, match="input's size at dim=0 does not match num_features") as caught:
        nn.InstanceNorm1d(4)(torch.randn(3, 5))
    assert caught[0].filename == __file__


def test_a_warning_about_values_that_are_not_finite_names_the_layer_once():
    layer = nn.InstanceNorm1d(2, track_running_stats=True)
    x = torch.full((1, 2, 3), float("nan"))
    with pytest.warns(RuntimeWarning, match=r"InstanceNorm1d\(2, .*channels \[0, 1\] are not finite"):
        layer(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(x)
    assert layer.running_mean.tolist() == [0.0, 0.0]


def test_states_from_before_version_2():
    state = {"running_mean": torch.full((2,), 3.0), "running_var": torch.ones(2)}
    kept = dict(state)
    with pytest.raises(
        RuntimeError, match=r'Unexpected running stats buffer.s. "running_mean" and "running_var" for Inst'
    ):
        nn.InstanceNorm1d(2).load_state_dict(state)
    assert state == kept
    layer = nn.InstanceNorm1d(2, track_running_stats=True)
    layer.load_state_dict(state)
    assert layer.running_mean.tolist() == [3.0, 3.0]


def test_normalized_shape_is_a_tuple_whatever_is_given():
    for given in (4, np.int64(4), [4], (4,), torch.Size([4])):
        for layer in (nn.LayerNorm(given), nn.RMSNorm(given)):
            assert layer.normalized_shape == (4,)
            assert type(layer.normalized_shape) is tuple


@pytest.mark.parametrize("name", [n for n in dir(nn) if n.endswith(("Norm", "Norm1d"))])
def test_every_layer_is_listed(name):
    assert name in nn.__all__
    assert getattr(nn.modules, name) is getattr(nn, name)


def test_functions_at_the_top_take_pytorchs_order():
    x, weight, bias = torch.randn(4, 6), torch.rand(6), torch.rand(6)
    mean, var = torch.rand(6), torch.rand(6) + 1
    own = mean.clone(), var.clone()
    expected = F.batch_norm(x, mean, var, weight, bias, True, 0.2, 1e-3)
    assert torch.batch_norm(x, weight, bias, *own, True, 0.2, 1e-3, False).equal(expected)
    assert own[0].equal(mean)
    output, batch_mean, invstd = torch.native_batch_norm(x, weight, bias, *own, True, 0.2, 1e-3)
    assert output.equal(expected)
    assert batch_mean.allclose(x.mean(0), atol=1e-6)
    assert invstd.allclose((x.var(0, unbiased=False) + 1e-3).rsqrt())
    output, batch_mean, invstd = torch.native_batch_norm(x, weight, bias, mean, var, False, 0.2, 1e-3)
    assert output.equal(F.batch_norm(x, mean, var, weight, bias, eps=1e-3))
    assert batch_mean.numel() == invstd.numel() == 0
    x3 = torch.randn(2, 6, 5)
    assert torch.instance_norm(x3, weight, bias, None, None, True, 0.1, 1e-3, True).equal(
        F.instance_norm(x3, weight=weight, bias=bias, eps=1e-3)
    )
    assert torch.layer_norm(x, (6,), weight, bias, 1e-3).equal(F.layer_norm(x, (6,), weight, bias, 1e-3))
    assert torch.group_norm(x3, 2, weight, bias, 1e-3).equal(F.group_norm(x3, 2, weight, bias, 1e-3))
    assert torch.rms_norm(x, (6,), weight).equal(F.rms_norm(x, (6,), weight))
