"""Pooling and rearranging layers: how they print, and that they compute what their functions do."""

import pytest

import minitorch_bn as torch
from minitorch_bn import nn

F = nn.functional
X = {dims: torch.arange(2.0 * 6**dims).reshape(1, 2, *[6] * dims) for dims in (1, 2, 3)}


@pytest.mark.parametrize("dims", [1, 2, 3])
class TestForward:
    def layer(self, name, dims, *args, **kwargs):
        return getattr(nn, f"{name}{dims}d")(*args, **kwargs)

    def function(self, name, dims):
        return getattr(F, f"{name}{dims}d")

    def test_max(self, dims):
        pool = self.layer("MaxPool", dims, 3, 2, 1, 1, True, True)
        expected, where = self.function("max_pool", dims)(X[dims], 3, 2, 1, 1, True, True)
        y, indices = pool(X[dims])
        assert y.equal(expected)
        assert indices.equal(where)
        assert self.layer("MaxPool", dims, 3)(X[dims]).equal(self.function("max_pool", dims)(X[dims], 3))

    def test_avg(self, dims):
        pool = self.layer("AvgPool", dims, 3, 2, 1, True, False)
        assert pool(X[dims]).equal(self.function("avg_pool", dims)(X[dims], 3, 2, 1, True, False))
        assert self.layer("AvgPool", dims, 3)(X[dims]).equal(self.function("avg_pool", dims)(X[dims], 3))

    def test_adaptive(self, dims):
        avg, greatest = self.layer("AdaptiveAvgPool", dims, 4), self.layer("AdaptiveMaxPool", dims, 4)
        assert avg(X[dims]).equal(self.function("adaptive_avg_pool", dims)(X[dims], 4))
        assert greatest(X[dims]).equal(self.function("adaptive_max_pool", dims)(X[dims], 4))
        _, indices = self.layer("AdaptiveMaxPool", dims, 1, return_indices=True)(X[dims])
        assert (indices == 6**dims - 1).all()


def test_divisor_override():
    assert nn.AvgPool2d(2, divisor_override=1)(torch.ones(1, 1, 2, 2)).item() == 4


def test_rearranging_layers():
    x = torch.arange(36.0).reshape(1, 4, 3, 3)
    assert nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(x)).equal(x)
    columns = nn.Unfold(2, padding=1, stride=2)(x)
    assert columns.equal(F.unfold(x, 2, padding=1, stride=2))
    assert nn.Fold((3, 3), 2, padding=1, stride=2)(columns).equal(x)


@pytest.mark.parametrize(
    "layer, text",
    [
        (nn.MaxPool1d(2), "MaxPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
        (nn.MaxPool2d((2, 3), (1, 2), padding=1, dilation=2, ceil_mode=True),
         "MaxPool2d(kernel_size=(2, 3), stride=(1, 2), padding=1, dilation=2, ceil_mode=True)"),
        (nn.AvgPool1d(2), "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))"),
        (nn.AvgPool2d(2, 3, 1, True, False, 3), "AvgPool2d(kernel_size=2, stride=3, padding=1)"),
        (nn.AdaptiveAvgPool2d((None, 3)), "AdaptiveAvgPool2d(output_size=(None, 3))"),
        (nn.AdaptiveMaxPool3d(1), "AdaptiveMaxPool3d(output_size=1)"),
        (nn.PixelShuffle(2), "PixelShuffle(upscale_factor=2)"),
        (nn.PixelUnshuffle(2), "PixelUnshuffle(downscale_factor=2)"),
        (nn.Fold((4, 4), 2), "Fold(output_size=(4, 4), kernel_size=2, dilation=1, padding=0, stride=1)"),
        (nn.Unfold(2, 1, 0, (1, 2)), "Unfold(kernel_size=2, dilation=1, padding=0, stride=(1, 2))"),
    ],
)  # fmt: skip
def test_repr(layer, text):
    """As PyTorch 2.13.0 prints them."""
    assert repr(layer) == text
