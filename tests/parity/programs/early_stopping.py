"""Validation, early stopping, the best weights kept, a moving average of weights."""

import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
X = torch.rand(120, 2) * 2 - 1
y = ((X**2).sum(1) < 0.5).float()
train_set, val_set = random_split(TensorDataset(X, y), [80, 40])
model = nn.Sequential(nn.Linear(2, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.03)
best, best_state, patience = float("inf"), None, 0
average = copy.deepcopy(model)
for epoch in range(12):
    model.train()
    running = 0.0
    for xb, yb in DataLoader(train_set, batch_size=16, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(xb).squeeze(1), yb)
        loss.backward()
        optimizer.step()
        running += loss.item() * xb.size(0)
    with torch.no_grad():
        for p_avg, p in zip(average.parameters(), model.parameters()):
            p_avg.lerp_(p, 0.3)
    model.eval()
    with torch.no_grad():
        xv, yv = next(iter(DataLoader(val_set, batch_size=40)))
        logits = model(xv).squeeze(1)
        val = criterion(logits, yv).item()
        accuracy = ((logits > 0) == yv.bool()).float().mean().item()
    print(f"Epoch {epoch:02d} | train {running / len(train_set):.4f} | val {val:.4f} | acc {accuracy:.3f}")
    if val < best:
        best, best_state, patience = val, copy.deepcopy(model.state_dict()), 0
    else:
        patience += 1
        if patience == 3:
            print("stopped")
            break
model.load_state_dict(best_state)
model.eval()
with torch.no_grad():
    print(
        f"{criterion(model(xv).squeeze(1), yv).item():.4f} {best:.4f}",
        torch.sigmoid(model(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))),
    )
tp = ((model(xv).squeeze(1) > 0) & yv.bool()).sum()
fp = ((model(xv).squeeze(1) > 0) & ~yv.bool()).sum()
print(tp, fp, tp / (tp + fp), average[0].weight[0])
confusion = torch.zeros(2, 2, dtype=torch.int64)
for t, p in zip(yv.long(), (model(xv).squeeze(1) > 0).long()):
    confusion[t, p] += 1
print(confusion, confusion.diag().sum() / confusion.sum())
