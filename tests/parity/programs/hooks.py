"""Looking at gradients and activations while they pass."""

import torch
from torch import nn

v = torch.tensor([0.0, 0.0, 0.0], requires_grad=True)
h = v.register_hook(lambda grad: grad * 2)
v.backward(torch.tensor([1.0, 2.0, 3.0]))
print(v.grad)
h.remove()
v.grad = None
v.backward(torch.tensor([1.0, 2.0, 3.0]))
print(v.grad)

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
activations = {}


def save(name):
    def hook(module, inputs, output):
        activations[name] = output.detach()
        print(f"{name:10s} {module.__class__.__name__} {tuple(inputs[0].shape)} -> {tuple(output.shape)}")

    return hook


handles = [m.register_forward_hook(save(name)) for name, m in model.named_children()]
x = torch.randn(5, 4)
out = model(x)
print({k: f"{a.mean().item():.4f} {a.std().item():.4f}" for k, a in activations.items()})
for handle in handles:
    handle.remove()


def backward_hook(module, grad_input, grad_output):
    print(module, [None if t is None else tuple(t.shape) for t in grad_input], grad_output[0].abs().sum())


for m in model:
    m.register_full_backward_hook(backward_hook)
model[0].register_forward_pre_hook(lambda module, args: print("pre", args[0].shape))
model[2].register_forward_hook(lambda module, args, output: output * 10)
print(model(x))
model(x).pow(2).mean().backward()
print(model[0].weight.grad)

x = torch.ones(3, requires_grad=True)
y = x * 2
y.retain_grad()
y.register_hook(lambda grad: print("through y:", grad))
z = (y**2).sum()
z.backward()
print(x.grad, y.grad, y.is_leaf, x.is_leaf, y.retains_grad)
clipped = nn.Linear(2, 1)
for p in clipped.parameters():
    p.register_hook(lambda grad: torch.clamp(grad, -0.5, 0.5))
clipped(torch.tensor([[3.0, -4.0]])).sum().backward()
print(clipped.weight.grad, clipped.bias.grad)
w = torch.ones(2, requires_grad=True)
w.register_post_accumulate_grad_hook(lambda p: print("accumulated", p.grad))
(w * 3).sum().backward()
