"""Layers from the arrays of Keras and Flax compute what those frameworks' formulas say."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.nn.utils import batchnorm_from_flax, batchnorm_from_keras


@pytest.fixture
def arrays(rng):
    gamma, beta, mean = rng.standard_normal((3, 5)).astype(np.float32)
    return gamma, beta, mean, rng.uniform(0.1, 3.0, 5).astype(np.float32)


def reference(x, gamma, beta, mean, var, eps):
    """Inference with the channels last, as both frameworks document it."""
    return gamma * (x - mean) / np.sqrt(var.astype(np.float64) + eps) + beta


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("center", [True, False])
def test_keras(arrays, rng, scale, center):
    gamma, beta, mean, var = arrays
    weights = [a for a, there in ((gamma, scale), (beta, center), (mean, True), (var, True)) if there]
    config = {"axis": [3], "momentum": 0.9, "epsilon": 0.002, "scale": scale, "center": center}
    bn = batchnorm_from_keras(weights, config, nn.BatchNorm2d).eval()
    assert (bn.momentum, bn.eps) == (0.1, 0.002)
    x = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    y = bn(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    expected = reference(x, gamma if scale else 1.0, beta if center else 0.0, mean, var, 0.002)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-5, atol=1e-5)
    trained = [name for name, p in bn.named_parameters() if p.requires_grad]
    assert trained == [name for name, there in (("weight", scale), ("bias", center)) if there]


def test_keras_defaults_names_and_layers(arrays):
    gamma, beta, mean, var = arrays
    bn = batchnorm_from_keras(arrays)
    assert isinstance(bn, nn.BatchNorm1d)
    assert (bn.momentum, bn.eps) == (0.01, 0.001)
    named = {"moving_variance": var, "moving_mean": mean, "gamma": gamma, "beta": beta}

    class Layer:
        def get_weights(self):
            return list(arrays)

        def get_config(self):
            return {"momentum": 0.75}

    assert batchnorm_from_keras(Layer()).momentum == 0.25
    for source in (named, Layer()):
        other = batchnorm_from_keras(source)
        for name, value in bn.state_dict().items():
            assert torch.equal(value, other.state_dict()[name])
    assert batchnorm_from_keras([mean, var]).weight is None


@pytest.mark.parametrize("params", [("scale", "bias"), ("scale",), ("bias",), ()])
def test_flax(arrays, rng, params):
    gamma, beta, mean, var = arrays
    tree = {name: value for name, value in (("scale", gamma), ("bias", beta)) if name in params}
    bn = batchnorm_from_flax(tree, {"mean": mean, "var": var}, momentum=0.9, epsilon=1e-3, channel_dim=-1).eval()
    assert (bn.momentum, bn.eps) == (0.1, 1e-3)
    x = rng.standard_normal((2, 7, 5)).astype(np.float32)
    expected = reference(x, tree.get("scale", 1.0), tree.get("bias", 0.0), mean, var, 1e-3)
    np.testing.assert_allclose(bn(torch.tensor(x)).detach().numpy(), expected, rtol=1e-5, atol=1e-5)


def test_flax_without_parameters(arrays):
    bn = batchnorm_from_flax(None, {"mean": arrays[2], "var": arrays[3]})
    assert (bn.weight, bn.bias, bn.momentum, bn.eps) == (None, None, 0.01, 1e-5)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.float32])
def test_dtype_is_kept_and_arrays_are_copied(arrays, dtype):
    mine = [a.astype(dtype) for a in arrays]
    bn = batchnorm_from_keras(mine)
    mine[2][:] = 99
    assert not (bn.running_mean == 99).any()
    assert {str(t.dtype) for t in (*bn.parameters(), bn.running_mean, bn.running_var)} == {
        f"torch.{np.dtype(dtype).name}"
    }


def test_the_layer_can_be_trained_on(arrays):
    bn = batchnorm_from_keras(arrays)
    bn(torch.randn(8, 5)).sum().backward()
    assert bn.weight.grad is not None
    assert bn.num_batches_tracked.item() == 1


def test_errors(arrays):
    gamma, beta, mean, var = arrays
    with pytest.raises(ValueError, match="three arrays are either gamma or beta"):
        batchnorm_from_keras([gamma, mean, var])
    with pytest.raises(ValueError, match="expected the arrays gamma, beta, moving_mean, moving_variance, but got 5"):
        batchnorm_from_keras([*arrays, mean])
    with pytest.raises(ValueError, match="renorm=True"):
        batchnorm_from_keras(arrays, {"renorm": True})
    with pytest.raises(ValueError, match=r"the bias has shape \[4\] and the mean \[5\]"):
        batchnorm_from_keras([gamma, beta[:4], mean, var])
    with pytest.raises(ValueError, match=r"variance of channels \[1\] is not a number >= 0"):
        batchnorm_from_flax(None, {"mean": [0.0, 0.0], "var": [1.0, -1.0]})
    with pytest.raises(ValueError, match="mean and variance are missing"):
        batchnorm_from_flax(None, {"mean": mean})
