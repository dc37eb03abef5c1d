"""Train a small network on handwritten digits, with and without Batch Normalization.

The data are scikit-learn's 1,797 real digits of 8x8 pixels, which are part of that package; a fifth is held out.

    python examples/train_digits.py                         # the CNN, with Batch Normalization
    python examples/train_digits.py --model mlp --no-batchnorm
    python examples/train_digits.py --plot curves.png       # trains both ways and draws the curves
    python examples/train_digits.py --save digits.npz       # Ctrl-C keeps the last whole epoch ...
    python examples/train_digits.py --resume digits.npz     # ... and this goes on from there, to the same numbers
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import minitorch_bn as torch
import minitorch_bn.nn as nn
from minitorch_bn.utils.data import DataLoader, TensorDataset

try:
    from sklearn.datasets import load_digits
    from tqdm import tqdm
except ImportError as error:
    raise SystemExit(f'{error.name} is missing: pip install "minitorch_bn[examples]"') from None

CLASSES = 10


def digits(seed: int) -> tuple[TensorDataset, TensorDataset]:
    """The digits as (training, test) sets of images (1, 8, 8) in [0, 1] and labels."""
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(data.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    held_out = len(labels) // 5
    test, train = order[:held_out], order[held_out:]
    return TensorDataset(images[train], labels[train]), TensorDataset(images[test], labels[test])


def mlp(batchnorm: bool) -> nn.Sequential:
    """64 - 128 - 64 - 10, each hidden layer as Linear, BatchNorm1d, ReLU."""
    layers: list[nn.Module] = [nn.Flatten()]
    for wide, narrow in ((64, 128), (128, 64)):
        layers += [nn.Linear(wide, narrow), *([nn.BatchNorm1d(narrow)] if batchnorm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, CLASSES))


def cnn(batchnorm: bool) -> nn.Sequential:
    """Two blocks of Conv2d 3x3, BatchNorm2d, ReLU, MaxPool2d, and a Linear layer on the 2x2 positions that remain."""
    layers: list[nn.Module] = []
    for before, after in ((1, 32), (32, 64)):
        layers += [
            nn.Conv2d(before, after, kernel_size=3, padding=1),
            *([nn.BatchNorm2d(after)] if batchnorm else []),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 2 * 2, CLASSES))


class Run:
    """One training run: the network, what it has learnt so far, and how it got there."""

    def __init__(self, args: argparse.Namespace, batchnorm: bool) -> None:
        torch.manual_seed(args.seed)
        self.name = f"{args.model}, {'with' if batchnorm else 'without'} BatchNorm"
        self.train_set, self.test_set = digits(args.seed)
        self.batches = DataLoader(self.train_set, args.batch_size, shuffle=True, drop_last=True)
        self.model = (mlp if args.model == "mlp" else cnn)(batchnorm)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=args.lr, momentum=0.9)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=args.epochs)
        self.losses: list[float] = []  # the mean training loss of each epoch
        self.accuracies: list[float] = []  # the test accuracy after each epoch

    def train(self, epochs: int, save: str | None) -> None:
        """Trains up to ``epochs`` in all; with ``save`` every finished epoch is kept on disk."""
        loss_fn = nn.CrossEntropyLoss()
        for epoch in range(len(self.losses), epochs):
            self.model.train()
            total = seen = right = 0.0
            bar = tqdm(self.batches, desc=f"{self.name}, epoch {epoch + 1}/{epochs}", leave=epoch + 1 == epochs)
            for images, labels in bar:
                logits = self.model(images)
                loss = loss_fn(logits, labels)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(labels)
                right += (logits.argmax(1) == labels).sum().item()
                seen += len(labels)
                bar.set_postfix(loss=f"{total / seen:.4f}", accuracy=f"{right / seen:.4f}")
            self.schedule.step()
            self.losses.append(total / max(seen, 1))
            self.accuracies.append(self.accuracy())
            if save:
                self.save(save)

    def accuracy(self) -> float:
        """The share of held-out digits that are recognised."""
        images, labels = self.test_set.tensors
        self.model.eval()
        with torch.no_grad():
            return (self.model(images).argmax(1) == labels).float().mean().item()

    def save(self, path: str) -> None:
        """Writes everything that the next epoch depends on, the random state included."""
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "losses": self.losses,
                "accuracies": self.accuracies,
                "random": torch.get_rng_state(),
            },
            path,
        )

    def resume(self, path: str) -> None:
        """Goes back to what ``save`` wrote."""
        state: dict[str, Any] = torch.load(path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.losses, self.accuracies = state["losses"], state["accuracies"]
        torch.set_rng_state(state["random"])


def plot(runs: list[Run], path: str) -> None:
    """Draws training loss and test accuracy of each run, epoch by epoch."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for run in runs:
        epochs = range(1, len(run.losses) + 1)
        left.plot(epochs, run.losses, marker=".", label=run.name)
        right.plot(epochs, run.accuracies, marker=".", label=f"{run.name}: {run.accuracies[-1]:.4f}")
    left.set(xlabel="epoch", ylabel="training loss", yscale="log", title="Training loss")
    right.set(xlabel="epoch", ylabel="accuracy on held-out digits", title="Test accuracy")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"curves drawn in {path}")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("mlp", "cnn"), default="cnn")
    parser.add_argument("--no-batchnorm", action="store_true", help="train without Batch Normalization")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", metavar="FILE", help="keep a checkpoint after every epoch (.npz)")
    parser.add_argument("--resume", metavar="FILE", help="go on from a checkpoint, and keep it up to date")
    parser.add_argument("--plot", metavar="FILE", help="also train the other way and draw both curves")
    args = parser.parse_args(argv)
    if args.epochs < 1 or args.batch_size < 2 or args.lr <= 0:
        parser.error("--epochs must be at least 1, --batch-size at least 2, and --lr above 0")
    if args.resume and not os.path.exists(args.resume):
        parser.error(f"--resume: there is no file {args.resume}")
    return args


def main(argv: list[str] | None = None) -> None:
    """Trains, and prints the accuracy on the held-out digits last."""
    args = parse(argv)
    run = Run(args, batchnorm=not args.no_batchnorm)
    if args.resume:
        run.resume(args.resume)
    save = args.save or args.resume
    try:
        run.train(args.epochs, save)
        if args.plot:
            other = Run(args, batchnorm=args.no_batchnorm)
            other.train(args.epochs, save=None)
            plot([run, other], args.plot)
    except KeyboardInterrupt:
        kept = f"; {save} holds {len(run.losses)} epochs: go on with --resume {save}" if save and run.losses else ""
        print(f"\nstopped after {len(run.losses)} epochs{kept}")
    print(f"test accuracy {run.accuracy():.4f}")


if __name__ == "__main__":
    main()
