import copy
import pickle

import torch
import torch.nn as nn
import torch.nn.utils.parametrize as parametrize
from torch.nn.utils import parametrizations


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).transpose(-1, -2)

    def right_inverse(self, a):
        return a.triu()


class Skew(nn.Module):
    def forward(self, x):
        a = x.triu(1)
        return a - a.transpose(-1, -2)


class Cayley(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.register_buffer("Id", torch.eye(n))

    def forward(self, x):
        return torch.linalg.solve(self.Id + x, self.Id - x)


class Halves(nn.Module):
    def forward(self, a, b):
        return a + b

    def right_inverse(self, x):
        return x / 4, x * 3 / 4


class First(nn.Module):
    def forward(self, x):
        return x[:1]


class Number(nn.Module):
    def forward(self, x):
        return 3


def attempt(function):
    try:
        print(function())
    except Exception as error:
        print(type(error).__name__, str(error).replace("\n", " | "))


torch.manual_seed(0)
layer = nn.Linear(3, 3)
original = layer.weight
print(parametrize.register_parametrization(layer, "weight", Symmetric()))
print(type(layer).__name__, layer.parametrizations.weight.original is original, list(layer.state_dict()))
print(layer.weight, torch.equal(layer.weight, layer.weight.T))
print(parametrize.is_parametrized(layer), parametrize.is_parametrized(layer, "bias"))
layer.weight = torch.eye(3)
print(layer.weight, layer.parametrizations.weight.original)
with parametrize.cached():
    print(layer.weight is layer.weight)
print(layer.weight is layer.weight)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
layer(torch.tensor([[1.0, 2.0, 3.0]])).sum().backward()
optimizer.step()
print(layer.parametrizations.weight.original.grad, layer.weight)
twin = copy.deepcopy(layer)
print(twin.weight is layer.weight, torch.equal(twin.weight, layer.weight), type(twin) is type(layer))
attempt(lambda: pickle.dumps(layer))
print(parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False), layer.weight)

print(parametrize.register_parametrization(layer, "weight", Skew()))
print(parametrize.register_parametrization(layer, "weight", Cayley(3)))
print(layer.weight @ layer.weight.T, [name for name, _ in layer.named_parameters()])
attempt(lambda: setattr(layer, "weight", torch.eye(3)))
print(parametrize.type_before_parametrizations(layer) is nn.Linear)
print(parametrize.remove_parametrizations(layer, "weight"), layer.weight, type(layer).__name__)

parametrize.register_parametrization(layer, "weight", Halves())
print(list(layer.state_dict()), layer.parametrizations.weight.original0)
attempt(lambda: parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False))
print(parametrize.remove_parametrizations(layer, "weight"), [name for name, _ in layer.named_parameters()])
for bad in (First(), Number()):
    attempt(lambda: parametrize.register_parametrization(layer, "weight", bad))
attempt(lambda: parametrize.register_parametrization(layer, "foo", Skew()))
attempt(lambda: parametrize.remove_parametrizations(layer, "weight"))
print(parametrize.register_parametrization(layer, "weight", First(), unsafe=True).weight.shape)


for make in (lambda: nn.Linear(2, 3), lambda: nn.Conv2d(2, 3, 2), lambda: nn.ConvTranspose2d(2, 3, 2)):
    for normalize in (parametrizations.weight_norm, parametrizations.spectral_norm):
        torch.manual_seed(1)
        m = normalize(make())
        print(m)
        for name, value in m.state_dict().items():
            print(name, value.flatten())
        optimizer = torch.optim.SGD(m.parameters(), lr=0.1)
        for _ in range(3):
            loss = m(torch.ones(1, 2) if isinstance(m, nn.Linear) else torch.ones(1, 2, 3, 3)).pow(2).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print(f"{loss.item():.4f}")
        print(m.eval().weight.detach().flatten())

for normalize, remove in (
    (nn.utils.weight_norm, nn.utils.remove_weight_norm),
    (nn.utils.spectral_norm, nn.utils.remove_spectral_norm),
):
    torch.manual_seed(2)
    m = normalize(nn.Conv1d(2, 3, 2))
    print(m, [name for name, _ in m.named_parameters()], [name for name, _ in m.named_buffers()])
    print(m.state_dict(), m.weight.detach())
    optimizer = torch.optim.SGD(m.parameters(), lr=0.1)
    for _ in range(3):
        loss = m(torch.ones(1, 2, 4)).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"{loss.item():.4f}")
    attempt(lambda: normalize(m))
    print(remove(m), m.state_dict())
    attempt(lambda: remove(m))
attempt(lambda: parametrizations.spectral_norm(nn.Linear(2, 2), n_power_iterations=0))
attempt(lambda: parametrizations.spectral_norm(nn.Linear(2, 2), "foo"))
print(parametrizations.weight_norm(nn.Linear(2, 3), dim=None).parametrizations.weight.original0.shape)
print(nn.utils.skip_init(nn.Linear, 2, 3))
with torch.device("cpu"):
    print(torch.ones(1).device)
