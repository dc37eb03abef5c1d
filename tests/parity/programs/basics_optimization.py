"""One training loop, many optimizers."""

import torch
from torch import nn

torch.manual_seed(2)
X = torch.randn(64, 4)
y = (X @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]]) + 0.1 * torch.randn(64, 1)).tanh()

recipes = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "Nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.02),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.1),
    "AMSGrad": lambda p: torch.optim.Adam(p, lr=0.02, amsgrad=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0),
}
for name, make in recipes.items():
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = make(model.parameters())
    history = []
    for step in range(20):
        loss = nn.functional.mse_loss(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(round(loss.item(), 4))
    print(f"{name:10s}", *(f"{v:.4f}" for v in history[::5]))
    print(optimizer)
    print(model[0].bias)

optimizer = torch.optim.SGD(
    [{"params": model[0].parameters(), "lr": 1e-2}, {"params": model[2].parameters()}], lr=1e-3, momentum=0.9
)
print(optimizer)
print([group["lr"] for group in optimizer.param_groups], len(optimizer.param_groups[0]["params"]))
for group in optimizer.param_groups:
    group["lr"] *= 0.1
print([f"{group['lr']:.5f}" for group in optimizer.param_groups])
