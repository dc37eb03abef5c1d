"""sin(x) by a third-order polynomial: as a network, with an optimizer, as a module of one's own."""

import math
import random

import torch


def fit(model, xx, y, optimizer, steps):
    loss_fn = torch.nn.MSELoss(reduction="sum")
    for t in range(steps):
        loss = loss_fn(model(xx), y)
        if t % 100 == 99:
            print(t, f"{loss.item():.2f}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


torch.manual_seed(0)
x = torch.linspace(-math.pi, math.pi, 2000)
y = torch.sin(x)
p = torch.tensor([1, 2, 3])
xx = x.unsqueeze(-1).pow(p)
print(xx.shape, xx[0], p)

model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
loss_fn = torch.nn.MSELoss(reduction="sum")
for t in range(300):
    loss = loss_fn(model(xx), y)
    if t % 100 == 99:
        print(t, f"{loss.item():.2f}")
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for param in model.parameters():
            param -= 1e-6 * param.grad
linear_layer = model[0]
print(
    f"Result: y = {linear_layer.bias.item():.4f} + {linear_layer.weight[:, 0].item():.4f} x + "
    f"{linear_layer.weight[:, 1].item():.4f} x^2 + {linear_layer.weight[:, 2].item():.4f} x^3"
)
fit(model, xx, y, torch.optim.RMSprop(model.parameters(), lr=1e-3), 100)
print(linear_layer.weight, linear_layer.bias)


class Polynomial3(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.randn(()))
        self.b = torch.nn.Parameter(torch.randn(()))
        self.c = torch.nn.Parameter(torch.randn(()))
        self.d = torch.nn.Parameter(torch.randn(()))

    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3

    def string(self):
        return f"y = {self.a.item():.4f} + {self.b.item():.4f} x + {self.c.item():.4f} x^2 + {self.d.item():.4f} x^3"


model = Polynomial3()
print(model, dict(model.named_parameters()))
fit(model, x, y, torch.optim.SGD(model.parameters(), lr=1e-6), 300)
print(f"Result: {model.string()}")


class DynamicNet(torch.nn.Module):
    """Uses one weight a random number of times."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d, self.e = (torch.nn.Parameter(torch.randn(())) for _ in range(5))

    def forward(self, x):
        y = self.a + self.b * x + self.c * x**2 + self.d * x**3
        for exp in range(4, random.randint(4, 6)):
            y = y + self.e * x**exp
        return y


random.seed(0)
model = DynamicNet()
fit(model, x, y, torch.optim.SGD(model.parameters(), lr=1e-8, momentum=0.9), 300)
print(model.state_dict())
