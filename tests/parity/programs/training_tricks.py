"""What training loops add: checkpoints, early stopping, k folds, mixup, label smoothing, EMA, groups, freezing, clipping."""

import copy
import io
import os
import random
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
    random_split,
)

SEED = 1234
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)


class Toy(Dataset):
    def __init__(self, n, transform=None):
        g = torch.Generator().manual_seed(n)
        self.x = torch.randn(n, 6, generator=g)
        self.y = (self.x[:, 0] * self.x[:, 1] > 0).long()
        self.transform = transform

    def __len__(self):
        return len(self.y)

    def __getitem__(self, idx):
        if torch.is_tensor(idx):
            idx = idx.tolist()
        sample = {"x": self.x[idx], "y": self.y[idx], "i": idx, "name": f"s{idx}"}
        return self.transform(sample) if self.transform else sample


ds = Toy(120)
batch = next(iter(DataLoader(ds, batch_size=3)))
print({k: (v if not torch.is_tensor(v) else (v.shape, v.dtype)) for k, v in batch.items()})
train, val, test = random_split(ds, [0.7, 0.2, 0.1], generator=torch.Generator().manual_seed(0))
print(len(train), len(val), len(test), train.indices[:4], type(train).__name__)


class MLP(nn.Module):
    def __init__(self, hidden=16, p=0.1):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Linear(6, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(p)
        )
        self.head = nn.Linear(hidden, 2)

    def forward(self, x):
        return self.head(self.backbone(x))


class EarlyStopping:
    def __init__(self, patience=2, delta=0.0, path=None):
        self.patience, self.delta, self.path = patience, delta, path
        self.counter, self.best, self.early_stop = 0, None, False

    def __call__(self, val_loss, model):
        if self.best is None or val_loss < self.best - self.delta:
            self.best, self.counter = val_loss, 0
            torch.save(model.state_dict(), self.path)
        else:
            self.counter += 1
            print(f"EarlyStopping counter: {self.counter} out of {self.patience}")
            self.early_stop = self.counter >= self.patience


def collate(samples):
    return torch.stack([s["x"] for s in samples]), torch.stack([s["y"] for s in samples])


folder = tempfile.mkdtemp()
model = MLP()
decay, no_decay = [], []
for name, param in model.named_parameters():
    (no_decay if param.ndim <= 1 or name.endswith(".bias") else decay).append(param)
optimizer = torch.optim.AdamW(
    [{"params": decay, "weight_decay": 0.01}, {"params": no_decay, "weight_decay": 0.0}], lr=0.01
)
print(optimizer)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=0)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1, weight=torch.tensor([1.0, 1.2]))
stopper = EarlyStopping(path=os.path.join(folder, "best.pt"))
for epoch in range(1, 9):
    model.train()
    running = 0.0
    for x, y in DataLoader(train, batch_size=16, shuffle=True, collate_fn=collate, drop_last=True):
        lam = np.random.beta(0.4, 0.4)
        index = torch.randperm(x.size(0))
        mixed = lam * x + (1 - lam) * x[index, :]
        out = model(mixed)
        loss = lam * criterion(out, y) + (1 - lam) * criterion(out, y[index])
        optimizer.zero_grad()
        loss.backward()
        total_norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.5)
        optimizer.step()
        running += loss.item() * x.size(0)
    model.eval()
    correct, vloss = 0, 0.0
    with torch.no_grad():
        for x, y in DataLoader(val, batch_size=8, collate_fn=collate):
            out = model(x)
            vloss += F.cross_entropy(out, y, reduction="sum").item()
            correct += out.argmax(dim=1, keepdim=True).eq(y.view_as(out.argmax(dim=1, keepdim=True))).sum().item()
    vloss /= len(val)
    scheduler.step(vloss)
    print(
        f"epoch {epoch}: train {running / len(train):.4f} val {vloss:.4f} acc {correct}/{len(val)} ({100.0 * correct / len(val):.0f}%) lr {optimizer.param_groups[0]['lr']:.5f} norm {total_norm:.2f}"
    )
    stopper(vloss, model)
    if stopper.early_stop:
        print("Early stopping")
        break
print(model.load_state_dict(torch.load(os.path.join(folder, "best.pt"), weights_only=True)))

# a checkpoint of everything, and training that goes on as if nothing had happened
PATH = os.path.join(folder, "checkpoint.tar")
torch.save(
    {
        "epoch": epoch,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "loss": vloss,
        "rng": torch.get_rng_state(),
    },
    PATH,
)


def go_on(m, o):
    m.train()
    for x, y in DataLoader(train, batch_size=20, shuffle=True, collate_fn=collate):
        o.zero_grad()
        l = criterion(m(x), y)
        l.backward()
        o.step()
    return l.item()


a = go_on(model, optimizer)
checkpoint = torch.load(PATH)
other = MLP()
opt2 = torch.optim.AdamW(
    [
        {"params": [p for p in other.parameters() if p.ndim > 1]},
        {"params": [p for p in other.parameters() if p.ndim <= 1]},
    ]
)
other.load_state_dict(checkpoint["model_state_dict"])
opt2.load_state_dict(checkpoint["optimizer_state_dict"])
torch.set_rng_state(checkpoint["rng"])
b = go_on(other, opt2)
print(checkpoint["epoch"], sorted(checkpoint), a == b, f"{a:.5f}")
print(
    [round(g["weight_decay"], 3) for g in opt2.param_groups],
    len(opt2.state_dict()["state"]),
    {k: v.shape for k, v in opt2.state_dict()["state"][0].items()},
)
buffer = io.BytesIO()
torch.save(model, buffer) if False else torch.save([model.head.weight, {"n": 3}], buffer)
buffer.seek(0)
print(torch.load(buffer)[1], buffer.getbuffer().nbytes > 100)

# k folds
indices = np.arange(60)
for fold, chunk in enumerate(np.array_split(indices, 3)):
    rest = np.setdiff1d(indices, chunk)
    loader = DataLoader(ds, batch_size=10, sampler=SubsetRandomSampler(rest.tolist()), collate_fn=collate)
    m = MLP()
    o = torch.optim.SGD(m.parameters(), lr=0.1)
    for x, y in loader:
        o.zero_grad()
        F.cross_entropy(m(x), y).backward()
        o.step()
    m.eval()
    x, y = collate([ds[int(i)] for i in chunk])
    print(f"FOLD {fold}: {(m(x).argmax(1) == y).float().mean().item() * 100:.1f}%")

# weights for rare classes, datasets joined and cut
weights = 1.0 / torch.bincount(ds.y).float()
sampler = WeightedRandomSampler(weights[ds.y], num_samples=12, replacement=True)
print(
    list(sampler),
    len(ConcatDataset([train, val])),
    ConcatDataset([train, val])[len(train)]["i"],
    Subset(ds, [5, 3])[1]["name"],
)

# an exponential average of the weights
ema = copy.deepcopy(model).requires_grad_(False)
with torch.no_grad():
    for e, p in zip(ema.parameters(), model.parameters()):
        e.mul_(0.9).add_(p + 1.0, alpha=0.1)
    for e, p in zip(ema.buffers(), model.buffers()):
        e.copy_(p)
print(
    (ema.head.weight - model.head.weight).mean(),
    ema.head.weight.requires_grad,
    ema.backbone[1].num_batches_tracked == model.backbone[1].num_batches_tracked,
)

# a frozen backbone with another head
transfer = MLP()
missing = transfer.load_state_dict(
    {k: v for k, v in model.state_dict().items() if not k.startswith("head")}, strict=False
)
print(missing)
for param in transfer.backbone.parameters():
    param.requires_grad = False
transfer.head = nn.Linear(transfer.head.in_features, 4)
trainable = [n for n, p in transfer.named_parameters() if p.requires_grad]
print(
    trainable,
    sum(p.numel() for p in transfer.parameters()),
    sum(p.numel() for p in transfer.parameters() if p.requires_grad),
)
o = torch.optim.Adam(filter(lambda p: p.requires_grad, transfer.parameters()), lr=1e-2)
before = transfer.backbone[0].weight.clone()
F.cross_entropy(transfer(torch.randn(8, 6)), torch.randint(0, 4, (8,))).backward()
o.step()
print(
    torch.equal(before, transfer.backbone[0].weight),
    transfer.backbone[0].weight.grad,
    transfer.head.weight.grad.norm() > 0,
)
o.add_param_group({"params": transfer.backbone.parameters(), "lr": 1e-4})
print(len(o.param_groups), o.param_groups[1]["lr"], o.param_groups[1]["betas"])
try:
    transfer.load_state_dict(model.state_dict())
except RuntimeError as e:
    print(e)
