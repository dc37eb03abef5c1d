"""The learning rates of every scheduler, printed step by step."""

import torch
from torch import nn
from torch.optim import lr_scheduler

recipes = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, step_size=3, gamma=0.5),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, milestones=[2, 5], gamma=0.1),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=5, eta_min=0.01),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lr_lambda=lambda epoch: 0.95**epoch),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, start_factor=0.25, total_iters=4),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=10),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o,
        [lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=3), lr_scheduler.ExponentialLR(o, gamma=0.8)],
        milestones=[3],
    ),
}
for name, make in recipes.items():
    optimizer = torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1, momentum=0.9)
    scheduler = make(optimizer)
    rates = []
    for epoch in range(9):
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    print(f"{name:18s}", " ".join(f"{r:.5f}" for r in rates), [f"{r:.5f}" for r in scheduler.get_last_lr()])
    print(type(scheduler).__name__, scheduler.last_epoch)

optimizer = torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
plateau = lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.1, patience=1)
for loss in (1.0, 0.9, 0.95, 0.93, 0.92, 0.91, 0.5, 0.6, 0.7):
    plateau.step(loss)
    print(loss, optimizer.param_groups[0]["lr"], plateau.num_bad_epochs)

torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD([{"params": [model.weight]}, {"params": [model.bias], "lr": 0.5}], lr=0.1)
scheduler = lr_scheduler.StepLR(optimizer, 2, 0.5)
x = torch.randn(10, 3)
for epoch in range(5):
    loss = (model(x) - 1).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.4f}, lr {scheduler.get_last_lr()}")
    scheduler.step()
state = scheduler.state_dict()
print(state["last_epoch"], state["step_size"], state["gamma"], state["base_lrs"], optimizer)
