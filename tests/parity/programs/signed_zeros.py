"""Zeros with a sign, as dropout and masks leave them behind: they are printed with it."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
dropped = nn.Dropout(0.5)(torch.tensor([-1.0, 1.0, -4.0, 2.0, -2.0, 3.0]))
print(dropped, F.relu(dropped), F.relu(dropped.double()))
zeros = torch.tensor([-0.0, 0.0, 1.0, -1.0])
for values in (zeros, zeros.repeat(2500), zeros.repeat(20).view(2, 40).t()):
    for f in (F.relu, F.relu6, F.hardtanh, F.elu, F.selu, F.celu, F.leaky_relu):
        print(f.__name__, f(values)[:4])
    print(
        values.clamp(min=0)[:4], values.clamp(0, 1)[:4], values.clamp(-1, 0)[:4], nn.ReLU(inplace=True)(values + 0)[:4]
    )
print(zeros.half().relu(), zeros.bfloat16().relu(), zeros.half().clamp(min=0))
print(nn.Sequential(nn.BatchNorm1d(2), nn.ReLU())(torch.zeros(3, 2)))
for first in (0.0, -0.0):
    print(
        F.max_pool2d(torch.tensor([[[[first, -first], [0.0, -0.0]]]]), 2),
        F.max_pool1d(torch.tensor([[first, -first]]), 2),
    )

print(torch.remainder(torch.tensor([-3.0, -2, -1, 1, 2, 3]), 2), torch.tensor([-4.0, 4.0]) % torch.tensor([-2.0, -2.0]))
print(torch.tensor([-4.0, 3.0], dtype=torch.float16) % 2, torch.tensor([-4, 3]) % 2)

x = torch.tensor([1.0, 3.0, 3.0], requires_grad=True)
for f in (torch.max, torch.min, torch.amax, lambda t: t.max(0).values, lambda t: t.relu().sum(), torch.prod):
    x.grad = None
    (-f(x)).backward()
    print(x.grad)
scores = torch.zeros(4, 3, requires_grad=True)
F.nll_loss(scores, torch.tensor([0, 1, 2, -100]), reduction="sum").backward()
print(scores.grad)
