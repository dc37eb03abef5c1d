"""Convolution layers: what they hold, how they print, and that they compute what their functions do."""

import math

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn import nn

F = nn.functional


class TestParameters:
    def test_shapes_and_state_dict(self):
        conv = nn.Conv2d(4, 6, (3, 5), groups=2)
        assert {name: tuple(t.shape) for name, t in conv.state_dict().items()} == {"weight": (6, 2, 3, 5), "bias": (6,)}
        up = nn.ConvTranspose2d(4, 6, (3, 5), groups=2)
        assert {name: tuple(t.shape) for name, t in up.state_dict().items()} == {"weight": (4, 3, 3, 5), "bias": (6,)}

    def test_without_bias(self):
        conv = nn.Conv1d(2, 3, 3, bias=False)
        assert conv.bias is None
        assert list(conv.state_dict()) == ["weight"]
        assert conv(torch.zeros(1, 2, 4)).shape == (1, 3, 2)

    def test_first_values_are_within_their_bound(self):
        torch.manual_seed(0)
        conv = nn.Conv2d(8, 64, 3)
        bound = 1 / math.sqrt(8 * 9)
        assert 0.9 * bound < conv.weight.abs().max().item() <= bound
        assert conv.bias.abs().max().item() <= bound

    def test_dtype(self):
        conv = nn.Conv2d(1, 1, 1, dtype=torch.float64, device="cpu")
        assert conv.weight.dtype == conv.bias.dtype == torch.float64

    def test_no_channels(self):
        with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
            conv = nn.Conv2d(0, 2, 3)
        assert conv(torch.zeros(1, 0, 4, 4)).shape == (1, 2, 2, 2)


class TestForward:
    def test_is_the_function(self, rng):
        x = torch.tensor(rng.standard_normal((2, 4, 7, 7)), dtype=torch.float32)
        conv = nn.Conv2d(4, 6, 3, stride=2, padding=(1, 2), dilation=2, groups=2)
        expected = F.conv2d(x, conv.weight, conv.bias, 2, (1, 2), 2, 2)
        assert conv(x).equal(expected)
        up = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
        assert up(x).equal(F.conv_transpose2d(x, up.weight, up.bias, 2, 1, 1, 2))

    @pytest.mark.parametrize("mode, numpy_mode", [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
    @pytest.mark.parametrize("padding", [(2, 1), "same", "valid"])
    def test_padding_modes(self, mode, numpy_mode, padding, rng):
        x = rng.standard_normal((1, 2, 6, 5))
        conv = nn.Conv2d(2, 3, (4, 3), padding=padding, padding_mode=mode, dtype=torch.float64)
        widths = {"same": [(1, 2), (1, 1)], "valid": [(0, 0), (0, 0)]}.get(padding, [(2, 2), (1, 1)])
        padded = np.pad(x, [(0, 0), (0, 0), *widths], mode=numpy_mode)
        expected = F.conv2d(torch.tensor(padded), conv.weight, conv.bias)
        np.testing.assert_allclose(conv(torch.tensor(x)).detach().numpy(), expected.detach().numpy(), rtol=1e-12)

    @pytest.mark.parametrize("size", [(10, 11), (11, 10), (1, 6, 11, 11)])
    def test_output_size(self, size):
        up = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1)
        assert up(torch.zeros(1, 4, 5, 5), output_size=(9, 9)).shape[2:] == (9, 9)
        with pytest.raises(ValueError, match=r"valid sizes range from \[9, 9\] to \[10, 10\]"):
            up(torch.zeros(1, 4, 5, 5), output_size=size)

    def test_trains(self):
        torch.manual_seed(0)
        conv = nn.Conv2d(1, 1, 3, padding=1)
        x = torch.randn(8, 1, 6, 6)
        blur = F.conv2d(x, torch.full((1, 1, 3, 3), 1 / 9), padding=1)
        for _ in range(200):
            conv.zero_grad()
            loss = (conv(x) - blur).square().mean()
            loss.backward()
            with torch.no_grad():
                for p in conv.parameters():
                    p -= 0.3 * p.grad
        assert loss.item() < 1e-4


@pytest.mark.parametrize(
    "layer, text",
    [
        (nn.Conv1d(3, 4, 5), "Conv1d(3, 4, kernel_size=(5,), stride=(1,))"),
        (nn.Conv2d(3, 6, 5, 2, 1, 2, 3, False),
         "Conv2d(3, 6, kernel_size=(5, 5), stride=(2, 2), padding=(1, 1), dilation=(2, 2), groups=3, bias=False)"),
        (nn.Conv2d(3, 6, (5, 3), padding="same"), "Conv2d(3, 6, kernel_size=(5, 3), stride=(1, 1), padding=same)"),
        (nn.ConvTranspose2d(3, 6, 3, 2, 1, 1),
         "ConvTranspose2d(3, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1))"),
    ],
)  # fmt: skip
def test_repr(layer, text):
    """As PyTorch 2.13.0 prints them."""
    assert repr(layer) == text


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: nn.Conv2d(4, 6, 3, groups=0), ValueError, "groups must be a positive integer"),
        (lambda: nn.Conv2d(4, 6, 3, groups=4), ValueError, "out_channels must be divisible by groups"),
        (lambda: nn.ConvTranspose1d(4, 6, 3, groups=3), ValueError, "in_channels must be divisible by groups"),
        (lambda: nn.Conv2d(4, 6, 3, padding="foo"), ValueError, "Invalid padding string 'foo', should be one of"),
        (lambda: nn.Conv2d(4, 6, 3, 2, "same"), ValueError, "padding='same' is not supported for strided convolutions"),
        (lambda: nn.Conv2d(4, 6, 3, padding_mode="foo"), ValueError, "padding_mode must be one of"),
        (lambda: nn.ConvTranspose2d(4, 6, 3, padding_mode="reflect"), ValueError, 'Only "zeros" padding mode'),
        (lambda: nn.ConvTranspose2d(4, 6, 3, padding="same"), TypeError, "must be tuple of ints, not str"),
    ],
)
def test_refusals(make, error, text):
    with pytest.raises(error, match=text):
        make()
