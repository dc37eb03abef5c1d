"""The networks of examples/train_digits.py, trained for some steps; given PyTorch or this package as ``torch``."""

from __future__ import annotations

from typing import Any

STEPS, BATCH = 100, 32
RUNS = {
    "mlp, SGD with momentum": ("mlp", lambda optim, p: optim.SGD(p, lr=0.05, momentum=0.9)),
    "mlp, Adam": ("mlp", lambda optim, p: optim.Adam(p, lr=1e-3)),
    "cnn, SGD with momentum": ("cnn", lambda optim, p: optim.SGD(p, lr=0.05, momentum=0.9)),
    "cnn, Adam": ("cnn", lambda optim, p: optim.Adam(p, lr=1e-3)),
}


def mlp(nn: Any) -> Any:
    """64 - 128 - 64 - 10 with BatchNorm1d."""
    layers = [nn.Flatten()]
    for wide, narrow in ((64, 128), (128, 64)):
        layers += [nn.Linear(wide, narrow), nn.BatchNorm1d(narrow), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def cnn(nn: Any) -> Any:
    """Two blocks of Conv2d, BatchNorm2d, ReLU and MaxPool2d, narrower than the example's, which costs less time."""
    layers = []
    for before, after in ((1, 8), (8, 16)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 2 * 2, 10))


def losses(torch: Any, name: str) -> list[float]:
    """The loss at every step of a run."""
    from sklearn.datasets import load_digits

    architecture, optimizer = RUNS[name]
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    data = torch.utils.data.TensorDataset(images, torch.tensor(digits.target))
    torch.manual_seed(0)
    model = {"mlp": mlp, "cnn": cnn}[architecture](torch.nn)
    steps = optimizer(torch.optim, model.parameters())
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True, drop_last=True)
    history: list[float] = []
    while True:
        for inputs, targets in loader:
            loss = torch.nn.functional.cross_entropy(model(inputs), targets)
            steps.zero_grad()
            loss.backward()
            steps.step()
            history.append(loss.item())
            if len(history) == STEPS:
                return history
