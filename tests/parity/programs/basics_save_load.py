"""Saving and loading: weights, optimizer, a whole checkpoint."""

import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(11)


def build():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))


model = build()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
x, y = torch.randn(16, 3), torch.randn(16, 1)
for epoch in range(3):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
print(f"{loss.item():.6f}")

for name, value in model.state_dict().items():
    print(name, "\t", value.size(), value.dtype)
for name, value in optimizer.state_dict().items():
    print(name, "\t", value)

torch.save(
    {"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "loss": loss.item()}, "c.tar"
)
checkpoint = torch.load("c.tar", weights_only=True)
print(checkpoint.keys(), checkpoint["epoch"])
other = build()
other_optimizer = optim.SGD(other.parameters(), lr=1.0)
print(other.load_state_dict(checkpoint["model"]))
other_optimizer.load_state_dict(checkpoint["optimizer"])
print(other_optimizer)
other.eval(), model.eval()
print(torch.equal(model(x), other(x)))
other.train(), model.train()
for m, o in ((model, optimizer), (other, other_optimizer)):
    o.zero_grad()
    nn.functional.mse_loss(m(x), y).backward()
    o.step()
print(all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values())))

partial = {k: v for k, v in model.state_dict().items() if k.startswith("0")}
print(build().load_state_dict(partial, strict=False))
try:
    build().load_state_dict({**partial, "extra": torch.ones(1)})
except RuntimeError as error:
    print(error)
torch.save([torch.arange(3), {"a": torch.eye(2, dtype=torch.float64)}, 3, "text", None, True], "list.pt")
print(torch.load("list.pt"))
