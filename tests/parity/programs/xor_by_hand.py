"""XOR: by autograd on raw tensors, and by a network; weights and losses printed."""

import torch
from torch import nn

X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = torch.tensor([0.0, 1.0, 1.0, 0.0]).view(-1, 1)
torch.manual_seed(1)
w1, b1 = torch.randn(2, 4, requires_grad=True), torch.zeros(4, requires_grad=True)
w2, b2 = torch.randn(4, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
for epoch in range(200):
    hidden = torch.tanh(X @ w1 + b1)
    out = 1 / (1 + torch.exp(-(hidden @ w2 + b2)))
    loss = -(Y * out.log() + (1 - Y) * (1 - out).log()).mean()
    loss.backward()
    with torch.no_grad():
        for p in (w1, b1, w2, b2):
            p -= 0.5 * p.grad
            p.grad.zero_()
    if epoch % 50 == 0:
        print(f"epoch {epoch:4d} loss {loss:.4f}")
print(out.detach().squeeze(), out.round().squeeze().int().tolist())
print(w1, b1, sep="\n")

torch.manual_seed(2)
model = nn.Sequential(nn.Linear(2, 8), nn.Sigmoid(), nn.Linear(8, 1), nn.Sigmoid())
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
criterion = nn.BCELoss()
for epoch in range(100):
    optimizer.zero_grad()
    loss = criterion(model(X), Y)
    loss.backward()
    optimizer.step()
    if epoch % 25 == 0:
        print(epoch, loss)
predicted = (model(X) > 0.5).float()
print(predicted.eq(Y).sum().item(), "of", len(Y), predicted.T)
w = torch.tensor([[1.0], [2.0]], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for _ in range(3):
    loss = ((X @ w - Y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(w.tolist(), w.grad)
