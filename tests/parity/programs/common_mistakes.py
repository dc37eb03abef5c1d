"""What goes wrong in a first week, and what the library says."""

import torch
from torch import nn

x = torch.ones(3, requires_grad=True)
y = torch.ones(3, requires_grad=True)


def twice():
    loss = (x * y).sum()
    loss.backward()
    loss.backward()


def changed_in_place():
    h = x.exp()
    h += 1
    h.sum().backward()


def wrong_weights():
    nn.Linear(2, 3)(torch.ones(1, 4))


class Forgotten(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(1, 1)


for mistake in (
    twice,
    changed_in_place,
    wrong_weights,
    lambda: (x * 2).backward(),
    lambda: torch.ones(3).sum().backward(),
    lambda: x.add_(1),
    lambda: x.numpy(),
    lambda: torch.ones(2, 3) @ torch.ones(2, 3),
    lambda: torch.ones(2, 3) + torch.ones(2, 4),
    lambda: torch.ones(2).item(),
    lambda: bool(torch.ones(2)),
    lambda: torch.arange(3, requires_grad=True),
    lambda: torch.ones(3).view(2, 2),
    lambda: torch.ones(2, 3).t().view(6),
    lambda: torch.cat([torch.ones(2, 3), torch.ones(3, 2)]),
    lambda: torch.stack([torch.ones(2), torch.ones(3)]),
    lambda: torch.ones(3)[5],
    lambda: torch.ones(2, 2).sum(2),
    lambda: torch.tensor([[1, 2], [3]]),
    lambda: torch.ones(2).foo,
    lambda: torch.mm(torch.ones(2), torch.ones(2)),
    lambda: nn.BatchNorm1d(3)(torch.ones(1, 3)),
    lambda: nn.BatchNorm2d(3)(torch.ones(2, 3)),
    lambda: nn.BatchNorm1d(3)(torch.ones(2, 4)),
    lambda: nn.Conv2d(1, 1, 3)(torch.ones(1, 2, 5, 5)),
    lambda: nn.CrossEntropyLoss()(torch.ones(2, 3), torch.ones(2, 1).long()),
    lambda: nn.Linear(2, 2)(torch.ones(2, 2).long()),
    lambda: torch.randn(2, 3).reshape(4, 2),
    lambda: Forgotten(),
    lambda: torch.optim.SGD([], lr=0.1),
    lambda: torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=-1.0),
    lambda: torch.ones(2).requires_grad_().data.backward(),
    lambda: len(torch.tensor(1)),
    lambda: torch.zeros(2, dtype=torch.int64).add_(0.5),
    lambda: torch.Tensor(3.0),
    lambda: nn.Sequential(1),
    lambda: nn.Module()(1),
    lambda: torch.ones(2, 2).squeeze(5),
    lambda: torch.manual_seed("a"),
    lambda: torch.zeros(2).cuda(),
):
    try:
        mistake()
        print("no error")
    except Exception as error:  # each one is printed
        print(type(error).__name__, "|", str(error).splitlines()[0].split(" Hint:")[0])
