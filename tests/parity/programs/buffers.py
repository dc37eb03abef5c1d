"""Modules with state that is not learnt: buffers, persistent or not."""

import torch
from torch import nn


class RunningScale(nn.Module):
    def __init__(self, size, momentum=0.1):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("scratch", torch.zeros(size), persistent=False)
        self.register_buffer("nothing", None)
        self.register_parameter("offset", None)
        self.scale = nn.Parameter(torch.ones(size))

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                self.mean.mul_(1 - self.momentum).add_(x.mean(0), alpha=self.momentum)
                self.steps += 1
        return (x - self.mean) * self.scale

    def extra_repr(self):
        return f"size={self.mean.numel()}, momentum={self.momentum}"


torch.manual_seed(1)
m = RunningScale(3)
print(m)
print(m.state_dict())
print([n for n, _ in m.named_buffers()], [n for n, _ in m.named_parameters()])
for _ in range(3):
    out = m(torch.randn(10, 3) + 5)
print(m.mean, m.steps, out.shape)
m.eval()
print(m(torch.zeros(1, 3)))
model = nn.Sequential(m, nn.Linear(3, 2))
for name, buffer in model.named_buffers():
    print(name, buffer)
model.double()
print(m.mean.dtype, m.steps.dtype, m.scale.dtype, m.scratch.dtype)
model.float()
other = nn.Sequential(RunningScale(3), nn.Linear(3, 2))
print(other.load_state_dict(model.state_dict()))
print(other[0].mean, other[0].steps, torch.equal(other(torch.ones(1, 3)), other(torch.ones(1, 3))))
m.mean = torch.full((3,), 2.0)
print(m.mean, m._buffers.keys())
for bad in (lambda: m.register_buffer("mean", torch.ones(1)), lambda: m.register_buffer("a.b", torch.ones(1))):
    try:
        bad()
    except KeyError as error:
        print(error)
try:
    m.scale = torch.ones(3)
except TypeError as error:
    print(error)
try:
    print(m.missing)
except AttributeError as error:
    print(error)
del m.scratch
print(hasattr(m, "scratch"), m.offset, m.nothing)
