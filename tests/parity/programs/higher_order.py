"""Gradients of gradients: Newton's method, a Hessian by rows, a gradient penalty."""

import torch
from torch import nn
from torch.autograd import grad

x = torch.tensor(2.0, requires_grad=True)
y = x**4
for order in range(1, 6):
    (y,) = grad(y, x, create_graph=True)
    print(order, y.item(), y.grad_fn is not None)

x = torch.tensor([3.0], requires_grad=True)
for step in range(6):
    f = x**3 - 2 * x**2 - 5
    (g,) = grad(f, x)
    x = (x - f / g).detach().requires_grad_()
    print(step, x)

v = torch.tensor([1.0, -1.0, 0.5], requires_grad=True)
f = (v[0] ** 2 * v[1] + v[1].exp() * v[2] ** 3).sin()
(g,) = grad(f, v, create_graph=True)
hessian = torch.stack([grad(gi, v, retain_graph=True)[0] for gi in g])
print(g, hessian, torch.allclose(hessian, hessian.T), sep="\n")
print(torch.autograd.functional.hessian(lambda v: (v[0] ** 2 * v[1] + v[1].exp() * v[2] ** 3).sin(), v.detach()))
print(torch.autograd.functional.jacobian(lambda t: t**2 * 3, torch.tensor([1.0, 2.0])))

torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
opt = torch.optim.Adam(critic.parameters(), lr=1e-2)
for i in range(6):
    points = torch.randn(16, 2, requires_grad=True)
    score = critic(points)
    (slope,) = grad(score.sum(), points, create_graph=True)
    penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
    loss = -score.mean() + 10 * penalty
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(f"{i} loss {loss.item():.4f} penalty {penalty.item():.4f}")

bn = nn.BatchNorm1d(3)
h = torch.randn(6, 3, requires_grad=True)
out = bn(h)
(g,) = grad(out.pow(3).sum(), h, create_graph=True)
g.pow(2).sum().backward()
print(g.grad_fn is not None, h.grad, bn.weight.grad, sep="\n")
a = torch.tensor(1.0, requires_grad=True)
b = torch.tensor(2.0, requires_grad=True)
print(
    grad(a * 3, [a, b], allow_unused=True), grad(a * b, (a, b)), grad((a * b).exp(), a, grad_outputs=torch.tensor(2.0))
)
try:
    grad(a * 3, b)
except RuntimeError as error:
    print(error)
