"""Fused layers compute what the pair computed: for every kind of convolution, checked in float64."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.autograd import gradcheck, gradgradcheck
from minitorch_bn.nn.utils import (
    fuse,
    fuse_conv_bn_eval,
    fuse_conv_bn_weights,
    fuse_linear_bn_eval,
    fuse_linear_bn_weights,
)

CONVS = {1: (nn.Conv1d, nn.ConvTranspose1d), 2: (nn.Conv2d, nn.ConvTranspose2d), 3: (nn.Conv3d, nn.ConvTranspose3d)}
NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def with_numbers(bn, rng):
    """Statistics and parameters that are all different."""
    n = bn.num_features
    for name, low, high in (
        ("running_mean", -2, 2),
        ("running_var", 0.1, 3),
        ("weight", -2, 2),
        ("bias", -2, 2),
    ):
        tensor = getattr(bn, name)
        if tensor is not None:
            tensor.data.copy_(torch.tensor(rng.uniform(low, high, n)))
    return bn.eval()


@st.composite
def pairs(draw):
    """A convolution and a normalisation in float64, and an input for them."""
    dims, transposed = draw(st.integers(1, 3)), draw(st.booleans())
    groups = draw(st.integers(1, 3))
    channels = [groups * draw(st.integers(1, 3)) for _ in range(2)]
    stride, dilation, kernel = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    padding = draw(st.integers(0, 1)) if kernel > 1 else 0
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        options["output_padding"] = draw(st.integers(0, max(stride, dilation) - 1))
    else:
        options["padding_mode"] = draw(st.sampled_from(["zeros", "reflect", "circular", "replicate"]))
    made = {"bias": draw(st.booleans()), "dtype": torch.float64}
    conv = CONVS[dims][transposed](*channels, kernel, **options, **made).eval()
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    affine = {"affine": draw(st.booleans()), "bias": draw(st.booleans()), "eps": draw(st.sampled_from([1e-5, 0.1]))}
    bn = with_numbers(NORMS[dims](channels[1], dtype=torch.float64, **affine), rng)
    return conv, bn, torch.tensor(rng.standard_normal((2, channels[0], *[6] * dims)))


@given(pairs())
def test_a_convolution_and_its_normalisation_are_one_convolution(case):
    conv, bn, x = case
    fused = fuse_conv_bn_eval(conv, bn, transpose=conv.transposed)
    expected = bn(conv(x)).detach().numpy()
    np.testing.assert_allclose(fused(x).detach().numpy(), expected, rtol=1e-10, atol=1e-10 * abs(expected).max())
    assert type(fused) is type(conv)
    assert fused.weight.requires_grad
    assert fused.bias.requires_grad
    model = fuse(nn.Sequential(conv, bn).eval())
    assert torch.equal(model(x), fused(x))


@given(
    features=st.integers(1, 4),
    bias=st.booleans(),
    affine=st.booleans(),
    bn_bias=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_linear_layer_and_its_normalisation_are_one_linear_layer(features, bias, affine, bn_bias, seed):
    rng = np.random.default_rng(seed)
    linear = nn.Linear(3, features, bias=bias, dtype=torch.float64).eval()
    bn = with_numbers(nn.BatchNorm1d(features, affine=affine, bias=bn_bias, dtype=torch.float64), rng)
    x = torch.tensor(rng.standard_normal((5, 3)))
    fused = fuse_linear_bn_eval(linear, bn)
    np.testing.assert_allclose(fused(x).detach().numpy(), bn(linear(x)).detach().numpy(), rtol=1e-10, atol=1e-12)
    assert torch.equal(fuse(nn.Sequential(linear, bn).eval())(x), fused(x))


def test_one_channel_after_linear_is_a_channel_of_its_own(rng):
    linear, bn = nn.Linear(3, 4).eval(), with_numbers(nn.BatchNorm1d(1), rng)
    x = torch.randn(2, 1, 3)
    assert torch.allclose(fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-6)


def test_channels_last_after_linear_is_exact_in_every_shape(rng):
    linear, bn = nn.Linear(3, 4).eval(), with_numbers(nn.BatchNorm1d(4, channel_dim=-1), rng)
    x = torch.randn(2, 4, 3)
    assert torch.allclose(fuse(nn.Sequential(linear, bn).eval())(x), bn(linear(x)), atol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_folded_parameters_are_trained_as_the_convolution_was(frozen, bias):
    conv = nn.Conv2d(2, 3, 1, bias=bias).eval()
    conv.weight.requires_grad_(not frozen)
    fused = fuse_conv_bn_eval(conv, nn.BatchNorm2d(3).eval())
    assert fused.weight.requires_grad is not frozen
    assert fused.bias.requires_grad is (bias or not frozen)  # a bias of its own keeps what it had
    assert isinstance(fused.bias, nn.Parameter)


def test_a_fused_layer_learns(rng):
    fused = fuse_conv_bn_eval(nn.Conv2d(2, 3, 2, bias=False).eval(), with_numbers(nn.BatchNorm2d(3), rng)).double()
    x = torch.tensor(rng.standard_normal((2, 2, 3, 3)), requires_grad=True)
    assert gradcheck(lambda x, *_: fused(x), (x, fused.weight, fused.bias))
    assert gradgradcheck(lambda x, *_: fused(x), (x, fused.weight, fused.bias))


def test_folding_is_rounded_once(rng):
    conv, bn = nn.Conv1d(4, 6, 3), with_numbers(nn.BatchNorm1d(6), rng)
    bn.running_mean.fill_(1e6)
    conv.bias.data.copy_(torch.tensor(1e6 + rng.uniform(-1, 1, 6)))
    fused = fuse_conv_bn_eval(conv.eval(), bn)
    w, b, mean, var, gamma, beta = (
        t.detach().numpy().astype(np.float64)
        for t in (conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.weight, bn.bias)
    )
    scale = gamma / np.sqrt(var + bn.eps)
    np.testing.assert_array_equal(fused.weight.detach().numpy(), (w * scale[:, None, None]).astype(np.float32))
    np.testing.assert_array_equal(fused.bias.detach().numpy(), (scale * (b - mean) + beta).astype(np.float32))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_the_dtype_of_the_layer_counts(dtype):
    fused = fuse_conv_bn_eval(nn.Conv2d(2, 3, 1, bias=False).to(dtype).eval(), nn.BatchNorm2d(3).eval())
    assert (fused.weight.dtype, fused.bias.dtype) == (dtype, dtype)


def test_nothing_is_changed_in_place(rng):
    conv, bn = nn.Conv2d(2, 3, 1).eval(), with_numbers(nn.BatchNorm2d(3), rng)
    before = copy.deepcopy([conv.state_dict(), bn.state_dict()])
    fuse_conv_bn_eval(conv, bn)
    for state, old in zip((conv.state_dict(), bn.state_dict()), before):
        assert all(torch.equal(state[name], old[name]) for name in old)


def test_frozen_and_renormalised_layers_fold_as_well(rng):
    conv, x = nn.Conv2d(2, 3, 1), torch.randn(2, 2, 4, 4)
    for bn in (with_numbers(nn.FrozenBatchNorm2d(3), rng), with_numbers(nn.BatchRenorm2d(3), rng)):
        model = nn.Sequential(conv, bn).eval()
        fused = fuse(model)
        assert isinstance(fused[1], nn.Identity)
        assert torch.allclose(fused(x), model(x), atol=1e-5)


# -- errors ------------------------------------------------------------------------------------------------------------


def test_training_is_refused_first():
    for conv, bn in ((nn.Conv2d(2, 3, 1), nn.BatchNorm2d(9)), (nn.Conv2d(2, 3, 1).eval(), nn.BatchNorm2d(9))):
        with pytest.raises(AssertionError, match=r"^Fusion only for eval!"):
            fuse_conv_bn_eval(conv, bn)
    with pytest.raises(AssertionError, match=r"^Fusion only for eval!"):
        fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(3))
    with pytest.raises(AssertionError, match=r"^Fusion only for eval!"):
        fuse(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))


def test_statistics_are_needed():
    text = r"^bn\.running_mean and bn\.running_var must not be None$"
    with pytest.raises(AssertionError, match=text):
        fuse_conv_bn_eval(nn.Conv2d(2, 3, 1).eval(), nn.BatchNorm2d(3, track_running_stats=False).eval())
    with pytest.raises(AssertionError, match=text):
        fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(3, track_running_stats=False).eval())


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_numbers_of_channels_that_differ_are_refused(channels):
    bn = nn.BatchNorm2d(channels).eval()
    with pytest.raises(RuntimeError, match=rf"The size of tensor a \(3\) must match the size of tensor b \({channels}"):
        fuse_conv_bn_eval(nn.Conv2d(2, 3, 1).eval(), bn)
    with pytest.raises(RuntimeError, match="The size of tensor a"):
        fuse_conv_bn_eval(nn.ConvTranspose2d(3, 3, 1).eval(), bn)
    if channels != 1:
        text = f"got linear.out_features=3 and bn.num_features={channels}"
        with pytest.raises(AssertionError, match=text):
            fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(channels).eval())


def test_weights_that_do_not_fit():
    mean, var, w = torch.zeros(3), torch.ones(3), torch.ones(3, 2, 1)
    with pytest.raises(RuntimeError, match="bias should contain 3 elements not 2"):
        fuse_conv_bn_weights(w, torch.zeros(2), mean, var, 1e-5, None, None)
    with pytest.raises(RuntimeError, match="bn_w should contain 3 elements not 1"):
        fuse_conv_bn_weights(w, None, mean, var, 1e-5, torch.ones(1), None)
    with pytest.raises(RuntimeError, match="must match the size of tensor b"):
        fuse_linear_bn_weights(torch.ones(2, 2), None, mean, var, 1e-5, None, None)


def test_other_arrangements_are_refused():
    conv, bn = nn.Conv2d(2, 3, 1).eval(), nn.BatchNorm2d(3).eval()
    with pytest.raises(ValueError, match="is not a transposed convolution"):
        fuse_conv_bn_eval(conv, bn, transpose=True)
    with pytest.raises(ValueError, match="gives its channels in dimension 1"):
        fuse_conv_bn_eval(conv, nn.BatchNorm2d(3, channel_dim=-1).eval())
    with pytest.raises(TypeError, match=r"takes an nn\.Module, not list"):
        fuse([conv, bn])


# -- whole models ------------------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """x + block(x)."""

    def __init__(self, rng):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), with_numbers(nn.BatchNorm2d(4), rng), nn.ReLU())

    def forward(self, x):
        return x + self.block(x)


def kinds(model):
    return [type(layer).__name__ for layer in model.modules() if not layer._modules]


def test_nested_sequentials_modules_in_between_and_borders(rng):
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, bias=False)),
        nn.Sequential(with_numbers(nn.BatchNorm2d(4), rng), with_numbers(nn.BatchNorm2d(4), rng), nn.ReLU()),
        Residual(rng),
        nn.Sequential(nn.ConvTranspose2d(4, 6, 2, groups=2), nn.Identity(), with_numbers(nn.BatchNorm2d(6), rng)),
        nn.Flatten(),
        nn.Linear(6 * 25, 5),
        with_numbers(nn.BatchNorm1d(5), rng),
    ).double()
    model.eval()
    x = torch.tensor(rng.standard_normal((2, 3, 6, 6)))
    fused = fuse(model)
    assert "BatchNorm2d" not in kinds(fused)
    assert "BatchNorm1d" not in kinds(fused)
    assert kinds(model).count("BatchNorm2d") == 4
    np.testing.assert_allclose(fused(x).detach().numpy(), model(x).detach().numpy(), rtol=1e-9, atol=1e-9)
    names = {name for name, _ in fused.named_parameters()}
    assert {"0.0.weight", "0.0.bias", "2.block.0.weight", "3.0.bias", "5.weight"} <= names


def test_what_would_not_be_exact_is_left_alone(rng):
    conv, shared = nn.Conv2d(3, 3, 1), with_numbers(nn.BatchNorm2d(3), rng)
    hooked = nn.Conv2d(3, 3, 1)
    hooked.register_forward_hook(lambda *_: None)

    class Doubled(nn.Conv2d):
        def forward(self, input):
            return 2 * super().forward(input)

    def bn(**options):
        return with_numbers(nn.BatchNorm2d(3, **options), rng)

    model = nn.Sequential(
        *(conv, bn(), conv, bn()),  # a convolution used twice
        *(nn.Conv2d(3, 3, 1), shared, nn.Conv2d(3, 3, 1), shared),
        *(hooked, bn()),
        *(Doubled(3, 3, 1), bn()),
        *(nn.Conv2d(3, 3, 1), bn(track_running_stats=False)),
        *(nn.Conv2d(3, 3, 1), nn.ReLU(), bn()),
    ).eval()
    fused = fuse(model)
    assert kinds(fused) == kinds(model)
    x = torch.randn(2, 3, 2, 2)
    assert torch.equal(fused(x), model(x))


def test_linear_over_sequences_whose_channels_are_not_its_features(rng):
    model = nn.Sequential(nn.Linear(3, 4), with_numbers(nn.BatchNorm1d(5), rng)).eval()
    x = torch.randn(2, 5, 3)
    assert torch.equal(fuse(model)(x), model(x))


def test_models_without_pairs_and_single_layers(rng):
    for model in (nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Sequential(), nn.ModuleList([nn.Linear(2, 2)])):
        assert repr(fuse(model)) == repr(model)
        assert fuse(model) is not model
