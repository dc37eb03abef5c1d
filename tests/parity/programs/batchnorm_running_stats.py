"""What BatchNorm remembers: running statistics under every setting."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(8, 3) * torch.tensor([1.0, 2.0, 5.0]) + torch.tensor([0.0, 1.0, -3.0])
bn = nn.BatchNorm1d(3)
print(bn)
print(bn.running_mean, bn.running_var, bn.num_batches_tracked, bn.weight, bn.bias)
y = bn(x)
print(y.mean(0).abs() < 1e-6, y.var(0, unbiased=False))
print(bn.running_mean, 0.1 * x.mean(0))
print(bn.running_var, 0.9 + 0.1 * x.var(0, unbiased=True))
print(bn.num_batches_tracked, y)
for _ in range(3):
    bn(x)
print(bn.num_batches_tracked, bn.running_mean, bn.running_var)
bn.eval()
print(bn.training, bn(x))
manual = (x - bn.running_mean) / torch.sqrt(bn.running_var + bn.eps) * bn.weight + bn.bias
print(torch.allclose(bn(x), manual), bn.num_batches_tracked.item())
bn.reset_running_stats()
print(bn.running_mean, bn.num_batches_tracked)

average = nn.BatchNorm1d(3, momentum=None)
for k in range(1, 4):
    average(x * k)
print(average, average.running_mean, x.mean(0) * 2, average.running_var)
slow = nn.BatchNorm1d(3, momentum=0.01, eps=1e-3, affine=False)
print(slow, slow.weight, slow.bias, list(slow.parameters()), slow(x).grad_fn, slow.running_mean)
without = nn.BatchNorm1d(3, track_running_stats=False)
print(without, without.running_mean, list(without.state_dict()), torch.equal(without(x), without.eval()(x)))

bn2 = nn.BatchNorm2d(2)
images = torch.randn(4, 2, 3, 3)
out = bn2(images)
print(out.shape, out.grad_fn, bn2.running_mean, images.mean((0, 2, 3)) * 0.1)
print(nn.BatchNorm3d(2)(torch.randn(2, 2, 2, 2, 2)).shape, nn.BatchNorm1d(3)(torch.randn(2, 3, 5)).shape)
print(bn2.state_dict())
for wrong in (torch.randn(3), torch.randn(1, 3), torch.randn(2, 4), torch.randn(2, 3, 4, 5)):
    try:
        print(nn.BatchNorm1d(3)(wrong).shape)
    except (ValueError, RuntimeError) as error:
        print(type(error).__name__)
print(nn.functional.batch_norm(x, None, None, training=True)[0])
print(nn.functional.batch_norm(x, torch.zeros(3), torch.ones(3))[0], x[0])
bn = nn.BatchNorm1d(3)
bn.train(False)
print(bn.training, bn.train().training, bn.double().running_mean.dtype, bn.num_batches_tracked.dtype)
