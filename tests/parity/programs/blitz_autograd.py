"""Vector-Jacobian products, and parts of a network that do not learn."""

import torch
from torch import nn, optim

a = torch.tensor([2.0, 3.0], requires_grad=True)
b = torch.tensor([6.0, 4.0], requires_grad=True)
Q = 3 * a**3 - b**2
print(Q)
Q.backward(gradient=torch.tensor([1.0, 1.0]))
print(9 * a**2 == a.grad, -2 * b == b.grad, a.grad, b.grad)
a.grad = None
(3 * a**3 - b**2).sum().backward()
print(a.grad)

x = torch.ones(2, 2, requires_grad=True)
y = x + 2
z = y * y * 3
out = z.mean()
print(x, y, z, out)
out.backward()
print(x.grad)
v = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
a = v * 3 / (v - 1.5)
print(a.requires_grad, a.requires_grad_(True).requires_grad, (a * a).sum().grad_fn)
x = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
y = x * 2
while y.data.norm() < 100:
    y = y * 2
print(y)
y.backward(torch.tensor([0.1, 1.0, 0.0001]))
print(x.grad)
x, y, z = torch.rand(5, 5) * 0, torch.zeros(5, 5), torch.zeros((5, 5), requires_grad=True)
print(f"Does `a` require gradients?: {(x + y).requires_grad}, and `b`: {(x + z).requires_grad}")

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
for param in model.parameters():
    param.requires_grad = False
model[3] = nn.Linear(6, 2)
before = model[0].weight.clone()
optimizer = optim.SGD(model.parameters(), lr=1e-1, momentum=0.9)
for _ in range(5):
    loss = nn.functional.cross_entropy(model(torch.randn(12, 8)), torch.arange(12) % 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.4f}")
print(torch.equal(before, model[0].weight), model[0].weight.grad, model[3].bias.grad)
print(model[1].running_mean, model[1].num_batches_tracked)
print([name for name, p in model.named_parameters() if p.requires_grad])
print(type(loss.grad_fn).__name__)
