"""Modules in lists and dicts, walks over a network, freezing, sharing."""

import torch
from torch import nn
from torch.nn import functional as F


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.stack = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.heads = nn.ModuleDict({"mean": nn.Linear(4, 1), "scale": nn.Linear(4, 1)})
        self.norms = nn.ModuleList()
        for _ in self.stack:
            self.norms.append(nn.BatchNorm1d(4))
        self.gains = nn.ParameterList([nn.Parameter(torch.ones(1)) for _ in range(3)])

    def forward(self, x):
        for layer, norm, gain in zip(self.stack, self.norms, self.gains):
            x = x + gain * F.relu(norm(layer(x)))
        return {name: head(x) for name, head in self.heads.items()}


torch.manual_seed(0)
net = Branches()
print(net)
out = net(torch.randn(5, 4))
print({k: v.shape for k, v in out.items()}, out["mean"])
print([name for name, _ in net.named_children()])
print([name for name, _ in net.named_modules()])
for name, p in net.named_parameters():
    print(name, tuple(p.shape), p.requires_grad)
print(
    net.get_submodule("heads.scale"), net.get_parameter("stack.0.weight").shape, net.get_buffer("norms.1.running_mean")
)
net.stack.requires_grad_(False)
print(sum(p.numel() for p in net.parameters() if p.requires_grad), len(list(net.parameters())))
print("mean" in net.heads, list(net.heads.keys()), len(net.stack), net.stack[-1], net.norms[0:2])
(out["mean"].sum() + out["scale"].pow(2).mean()).backward()
print(net.heads["mean"].weight.grad, net.gains[0].grad, [p.grad is None for p in net.stack[0].parameters()])

shared = nn.Linear(3, 3)
tied = nn.Sequential(shared, nn.Tanh(), shared)
print(len(list(tied.parameters())), tied[0] is tied[2], len(tied.state_dict()), tied)
tied(torch.ones(1, 3)).sum().backward()
print(shared.weight.grad)
model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), nn.BatchNorm1d(2))
model.insert(1, nn.Dropout(0.0))
model.append(nn.Identity())
print(model, len(model), model[1:3], model[-1])
print({type(m).__name__ for m in model.modules()} >= {"Sequential", "Linear"}, model.apply(lambda m: None) is model)
print([p.shape for p in model[2].parameters(recurse=False)], [n for n, _ in model.named_buffers()])
print(next(model.parameters()).dtype, model.half()[0].weight.dtype, model.float()[3].running_var.dtype)
print(isinstance(model, nn.Module), callable(model), model.training, hasattr(model, "foo"), model.__class__.__name__)
