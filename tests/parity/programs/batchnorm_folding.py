"""Train and eval modes, and a BatchNorm folded into the convolution before it."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

torch.manual_seed(0)
conv, bn = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
for _ in range(20):
    bn(conv(torch.randn(8, 3, 6, 6) + 1))
with torch.no_grad():
    bn.weight.uniform_(0.5, 1.5)
    bn.bias.normal_()
net = nn.Sequential(conv, bn).eval()
x = torch.randn(2, 3, 6, 6)
scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
folded = nn.Conv2d(3, 4, 3)
with torch.no_grad():
    folded.weight.copy_(conv.weight * scale.reshape(-1, 1, 1, 1))
    folded.bias.copy_(bn.bias - bn.running_mean * scale)
print(torch.allclose(net(x), folded(x), atol=1e-5), scale, folded.bias)
fused = fuse_conv_bn_eval(copy.deepcopy(conv).eval(), copy.deepcopy(bn).eval())
print(fused, torch.allclose(net(x), fused(x), atol=1e-5), fused.bias.data)

net.train()
a = net(x)
net.eval()
b = net(x)
print((a - b).abs().max() > 0.01, a[0, 0, 0], b[0, 0, 0])
print([m.training for m in net.modules()], net.train() is net, net.training)
for m in net.modules():
    if isinstance(m, nn.BatchNorm2d):
        m.eval()
print([m.training for m in net.modules()], net[1].num_batches_tracked)
one = net(x[:1])
print(torch.allclose(one, net(x)[:1], atol=1e-6))
mean, var = torch.zeros(4), torch.ones(4)
y = conv(x)
nn.functional.batch_norm(y, mean, var, training=True, momentum=1.0)
print(mean, y.mean((0, 2, 3)), var, y.transpose(0, 1).flatten(1).var(1))
