"""From ``python`` to a trained model: what a user starts, with either library.

python -m benchmarks.digits minitorch_bn cnn digits.npz
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import numpy as np

EPOCHS = 5
HELD_OUT = 359  # a fifth
TRAINED = 0.95  # the accuracy on them, at least


def network(nn: Any, kind: str) -> Any:
    """The models of ``examples/train_digits.py``."""
    if kind == "mlp":
        sizes = ((64, 128), (128, 64))
        blocks = [layer for a, b in sizes for layer in (nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU())]
        return nn.Sequential(nn.Flatten(), *blocks, nn.Linear(64, 10))
    blocks = []
    for before, after in ((1, 32), (32, 64)):
        blocks += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(256, 10))


def train(library: str, kind: str, file: str) -> dict[str, Any]:
    """The loss of the first epoch, which must be everybody's, and the accuracy on the digits that were held out."""
    torch: Any = import_module(library)
    data = import_module(f"{library}.utils.data")
    torch.manual_seed(0)
    arrays = np.load(file)
    images, labels = torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"])
    loader = data.DataLoader(
        data.TensorDataset(images[HELD_OUT:], labels[HELD_OUT:]), batch_size=64, shuffle=True, drop_last=True
    )
    model = network(torch.nn, kind)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(EPOCHS):
        total = 0.0
        for x, y in loader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(loader))
    model.eval()
    with torch.no_grad():
        right = (model(images[:HELD_OUT]).argmax(1) == labels[:HELD_OUT]).float().mean().item()
    if right < TRAINED:
        sys.exit(f"not trained: accuracy {right:.3f}")
    return {"numbers": {"loss": losses[0]}, "accuracy": right}


if __name__ == "__main__":
    print(json.dumps(train(*sys.argv[1:])))
