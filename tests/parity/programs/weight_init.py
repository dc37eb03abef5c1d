"""Every initializer, its numbers, and init functions given to apply."""

import math

import torch
from torch import nn
from torch.nn import init

torch.manual_seed(0)
for name, kwargs in (
    ("uniform_", {"a": -1, "b": 1}), ("normal_", {"mean": 1.0, "std": 0.1}), ("constant_", {"val": 0.3}),
    ("ones_", {}), ("zeros_", {}), ("eye_", {}), ("xavier_uniform_", {"gain": init.calculate_gain("relu")}),
    ("xavier_normal_", {}), ("kaiming_uniform_", {"mode": "fan_in", "nonlinearity": "relu"}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}), ("trunc_normal_", {"std": 0.02}),
):  # fmt: skip
    w = torch.empty(3, 5)
    print(name, getattr(init, name)(w, **kwargs))
for gain in ("linear", "conv2d", "sigmoid", "tanh", "relu", "selu"):
    print(gain, init.calculate_gain(gain))
print(init.calculate_gain("leaky_relu", 0.2), math.sqrt(2 / 1.04))


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)
    print("initialised", classname)


net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
net.apply(weights_init)
print(net[0].weight, net[1].weight, net[1].bias)


@torch.no_grad()
def init_weights(m):
    if isinstance(m, nn.Linear):
        m.weight.fill_(1.0)
        m.bias.uniform_(-0.1, 0.1)


print(net.apply(init_weights)[4].weight, net[4].bias)
for m in net.modules():
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        if m.bias is not None:
            nn.init.zeros_(m.bias)
print(net[4].weight.std(), net(torch.ones(1, 1, 4, 4).expand(2, 1, 4, 4)))

torch.manual_seed(1)
x = torch.randn(64, 100)
for name, setup in (
    ("small", lambda w: w.normal_(0, 0.01)),
    ("xavier", init.xavier_normal_),
    ("large", lambda w: w.normal_()),
):
    h = x
    stds = []
    for _ in range(4):
        w = torch.empty(100, 100)
        with torch.no_grad():
            setup(w)
        h = torch.tanh(h @ w.t())
        stds.append(f"{h.std().item():.4f}")
    print(name, *stds)
print(nn.Linear(2, 3).weight, nn.Conv1d(2, 2, 3).weight, nn.Embedding(3, 2).weight, nn.BatchNorm1d(2).weight)
