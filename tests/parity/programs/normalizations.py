"""Batch, layer, group and instance normalization: over which axes each one averages."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(4, 6, 5, 5) * 3 + 1
for layer, axes in (
    (nn.BatchNorm2d(6), (0, 2, 3)), (nn.InstanceNorm2d(6), (2, 3)), (nn.GroupNorm(1, 6), (1, 2, 3)), (nn.LayerNorm([6, 5, 5]), (1, 2, 3)),
):  # fmt: skip
    y = layer(x)
    plain = (x - x.mean(axes, keepdim=True)) / torch.sqrt(x.var(axes, unbiased=False, keepdim=True) + 1e-5)
    print(layer, torch.allclose(y, plain, atol=1e-5), y[0, 0, 0], y.shape)
group = nn.GroupNorm(3, 6)
grouped = x.view(4, 3, 2, 5, 5)
plain = (grouped - grouped.mean((2, 3, 4), keepdim=True)) / (
    grouped.var((2, 3, 4), unbiased=False, keepdim=True) + 1e-5
).sqrt()
print(group, torch.allclose(group(x), plain.view_as(x), atol=1e-5), [n for n, _ in group.named_parameters()])
words = torch.randn(2, 3, 8)
ln = nn.LayerNorm(8)
print(ln, ln(words)[0], ln(words).mean(-1).abs().max() < 1e-6, ln.weight.shape)
instance = nn.InstanceNorm1d(3, affine=True, track_running_stats=True)
print(instance, instance(words).shape, instance.running_mean, instance.state_dict().keys())
ln(words).pow(3).sum().backward()
print(ln.weight.grad, ln.bias.grad)
rms = nn.RMSNorm(8, eps=1e-6)
print(rms, rms(words)[0, 0])
