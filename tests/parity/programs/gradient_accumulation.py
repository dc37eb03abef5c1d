"""Small batches that add up to a large one, clipping, freezing, weight decay by hand."""

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_, parameters_to_vector, vector_to_parameters

torch.manual_seed(0)
x, y = torch.randn(24, 5), torch.randn(24, 1)
model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 1))
whole = nn.functional.mse_loss(model(x), y)
whole.backward()
expected = [p.grad.clone() for p in model.parameters()]
model.zero_grad()
print(model[0].weight.grad)
for xb, yb in zip(x.chunk(4), y.split(6)):
    loss = nn.functional.mse_loss(model(xb), yb) / 4
    loss.backward()
print([torch.allclose(p.grad, e, atol=1e-6) for p, e in zip(model.parameters(), expected)])
total = clip_grad_norm_(model.parameters(), max_norm=0.1)
print(total, torch.stack([p.grad.norm() for p in model.parameters()]).norm())
clip_grad_value_(model.parameters(), 0.01)
print(max(p.grad.abs().max().item() for p in model.parameters()), model[2].bias.grad)
vector = parameters_to_vector(model.parameters())
print(vector.shape, vector[:4])
vector_to_parameters(torch.zeros_like(vector), model.parameters())
print(model(x[:1]), model[0].bias)

torch.manual_seed(3)
model = nn.Linear(5, 1)
for p in model.parameters():
    p.grad = None
l2 = sum(p.pow(2).sum() for p in model.parameters())
l1 = sum(p.abs().sum() for p in model.parameters())
loss = nn.functional.mse_loss(model(x), y) + 1e-2 * l2 + 1e-3 * l1
loss.backward()
print(loss, l2, l1, model.weight.grad)
model.bias.requires_grad_(False)
optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.1)
for _ in range(3):
    optimizer.zero_grad(set_to_none=False)
    nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
print(model.weight, model.bias, model.weight.grad)


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    return loss


print(optimizer.step(closure))
w = torch.tensor([1.0, 2.0], requires_grad=True)
for step in range(3):
    (w**2).sum().backward()
    print(step, w.grad)
