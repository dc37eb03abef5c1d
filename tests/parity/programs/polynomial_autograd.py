"""sin(x) by a third-order polynomial: autograd finds the gradients."""

import math

import torch

torch.manual_seed(4)
torch.set_default_device("cpu")
x = torch.linspace(-1, 1, 2000, dtype=torch.float)
y = torch.exp(x)
a, b, c, d = (torch.randn((), dtype=torch.float, requires_grad=True) for _ in range(4))
print(a, b, c, d)
initial_loss = 1.0
for t in range(400):
    y_pred = a + b * x + c * x**2 + d * x**3
    loss = (y_pred - y).pow(2).sum()
    if t == 0:
        initial_loss = loss.item()
    if t % 100 == 99:
        print(
            f"Iteration t = {t:4d}  loss(t)/loss(0) = {round(loss.item() / initial_loss, 6):10.6f}  a = {a.item():10.6f}"
        )
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 1e-4 * p.grad
            p.grad = None
print(f"Result: y = {a.item():.3f} + {b.item():.3f} x + {c.item():.3f} x^2 + {d.item():.3f} x^3", math.pi)
print(a, a.grad, loss.grad_fn, loss.requires_grad)
