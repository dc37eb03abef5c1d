"""sin(x) by a third-order polynomial: gradients written out by hand on tensors."""

import math

import numpy as np
import torch

x = np.linspace(-math.pi, math.pi, 200)
y = np.sin(x)
rng = np.random.default_rng(0)
a, b, c, d = rng.standard_normal(4)
for t in range(200):
    y_pred = a + b * x + c * x**2 + d * x**3
    grad = 2.0 * (y_pred - y)
    a -= 1e-5 * grad.sum()
    b -= 1e-5 * (grad * x).sum()
    c -= 1e-5 * (grad * x**2).sum()
    d -= 1e-5 * (grad * x**3).sum()
print(f"numpy: y = {a:.4f} + {b:.4f} x + {c:.4f} x^2 + {d:.4f} x^3")

dtype = torch.float
device = torch.device("cpu")
torch.manual_seed(0)
x = torch.linspace(-math.pi, math.pi, 2000, device=device, dtype=dtype)
y = torch.sin(x)
a = torch.randn((), device=device, dtype=dtype)
b = torch.randn((), device=device, dtype=dtype)
c = torch.randn((), device=device, dtype=dtype)
d = torch.randn((), device=device, dtype=dtype)
learning_rate = 1e-6
for t in range(500):
    y_pred = a + b * x + c * x**2 + d * x**3
    loss = (y_pred - y).pow(2).sum().item()
    if t % 100 == 99:
        print(t, round(loss, 2))
    grad_y_pred = 2.0 * (y_pred - y)
    a -= learning_rate * grad_y_pred.sum()
    b -= learning_rate * (grad_y_pred * x).sum()
    c -= learning_rate * (grad_y_pred * x**2).sum()
    d -= learning_rate * (grad_y_pred * x**3).sum()
print(f"Result: y = {a.item():.4f} + {b.item():.4f} x + {c.item():.4f} x^2 + {d.item():.4f} x^3")
print(a, b, c, d, x[:5], y[-3:])
