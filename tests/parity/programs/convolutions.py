"""Convolution and pooling: shapes, values, gradients."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x = torch.randn(2, 3, 8, 8)
for layer in (
    nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(3, 4, 1),
    nn.Conv2d(3, 6, 3, groups=3), nn.Conv2d(3, 4, 3, dilation=2), nn.Conv2d(3, 4, (3, 5), padding=(1, 2)),
    nn.Conv2d(3, 4, 3, padding="same"), nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), nn.ConvTranspose2d(3, 2, 2, stride=2),
    nn.MaxPool2d(2), nn.MaxPool2d(3, stride=1, padding=1), nn.AvgPool2d(2), nn.AvgPool2d(3, padding=1, count_include_pad=False),
    nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d((3, 5)), nn.AdaptiveMaxPool2d(2), nn.ZeroPad2d((1, 2, 0, 1)), nn.ReflectionPad2d(1),
):  # fmt: skip
    y = layer(x)
    print(layer, tuple(y.shape), f"{y.mean().item():.4f} {y.flatten()[3].item():.4f}")
k = torch.tensor([[[[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]]])
image = torch.zeros(1, 1, 6, 6)
image[..., 3:] = 1
print(F.conv2d(image, k), F.conv2d(image, k, padding=1, stride=2))
print(F.max_pool2d(torch.arange(16.0).view(1, 1, 4, 4), 2, return_indices=True))
print(
    F.avg_pool2d(torch.arange(16.0).view(1, 1, 4, 4), 2),
    F.pad(torch.ones(1, 2), (1, 2), value=9),
    F.unfold(image, 3).shape,
)
print(
    nn.Conv1d(2, 3, 3)(torch.ones(1, 2, 5)),
    nn.Conv3d(1, 1, 2)(torch.ones(1, 1, 2, 2, 2)),
    nn.MaxPool1d(2)(torch.arange(6.0)[None]),
)
conv = nn.Conv2d(1, 2, 3, padding=1)
image = torch.randn(1, 1, 4, 4, requires_grad=True)
F.max_pool2d(conv(image).relu(), 2).sum().backward()
print(conv.weight.grad, conv.bias.grad, image.grad, sep="\n")
feature = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)
)
print(feature(x).flatten(1).shape, sum(p.numel() for p in feature.parameters()), feature[1].running_var)
for bad in (
    lambda: F.conv2d(x, torch.ones(4, 2, 3, 3)),
    lambda: nn.Conv2d(3, 4, 11)(x),
    lambda: nn.Conv2d(3, 4, 3, groups=2),
):
    try:
        bad()
    except (RuntimeError, ValueError) as error:
        print(type(error).__name__, str(error).splitlines()[0])
