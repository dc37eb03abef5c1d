"""Tell spirals apart with a small multilayer perceptron, and draw where it decides.

Each class is an arm of a spiral, so that no straight line separates them: a classic for networks with a hidden layer.

    python examples/spirals.py                                  # three arms, with Batch Normalization
    python examples/spirals.py --plot spirals.png               # with and without, side by side
    python examples/spirals.py --arms 5 --noise 0.1 --hidden 64
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import minitorch_bn as torch
import minitorch_bn.nn as nn
from minitorch_bn.utils.data import DataLoader, TensorDataset


def spirals(arms: int, points: int, noise: float) -> tuple[Any, Any]:
    """``points`` places on each of ``arms`` arms, shape (arms * points, 2), and which arm each is on."""
    radius = torch.linspace(0.1, 1, points).repeat(arms)
    arm = torch.arange(arms).repeat_interleave(points)
    angle = 2 * math.pi * (arm / arms + 0.75 * radius) + noise * torch.randn(arms * points)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1), arm


def network(arms: int, hidden: int, batchnorm: bool) -> nn.Sequential:
    """2 - hidden - hidden - arms, each hidden layer as Linear, BatchNorm1d, ReLU."""
    layers: list[nn.Module] = []
    for before in (2, hidden):
        layers += [nn.Linear(before, hidden), *([nn.BatchNorm1d(hidden)] if batchnorm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, arms))


class Run:
    """One network, the points that it learns, and how well it does on fresh ones."""

    def __init__(self, args: argparse.Namespace, batchnorm: bool) -> None:
        torch.manual_seed(args.seed)
        self.name = f"{'with' if batchnorm else 'without'} BatchNorm"
        self.points, self.arms = spirals(args.arms, args.points, args.noise)
        self.fresh = spirals(args.arms, args.points, args.noise)
        self.batches = DataLoader(TensorDataset(self.points, self.arms), args.batch_size, shuffle=True, drop_last=True)
        self.model = network(args.arms, args.hidden, batchnorm)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=args.lr, momentum=0.9)

    def train(self, epochs: int, bar: Any) -> None:
        """Goes through all points ``epochs`` times; ``bar`` is tqdm."""
        progress = bar(range(epochs), desc=self.name)
        for _ in progress:
            total = 0.0
            for points, arms in self.batches:
                loss = nn.functional.cross_entropy(self.model(points), arms)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item()
            progress.set_postfix(loss=f"{total / len(self.batches):.4f}")

    def decide(self, points: Any) -> Any:
        """On which arm each point is, shape (N,)."""
        self.model.eval()
        with torch.no_grad():
            arms = self.model(points).argmax(1)
        self.model.train()
        return arms

    def accuracy(self) -> float:
        """The share of fresh points that are put on the right arm."""
        points, arms = self.fresh
        return (self.decide(points) == arms).float().mean().item()


def draw(runs: list[Run]) -> Any:
    """For each run, its points and which arm it takes every place of the plane for."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(runs), figsize=(4 * len(runs), 4), layout="constrained", squeeze=False)
    line = torch.linspace(-1.2, 1.2, 200)
    xs, ys = torch.meshgrid(line, line, indexing="xy")
    plane = torch.stack([xs.flatten(), ys.flatten()], dim=1)
    for ax, run in zip(axes[0], runs):
        colours = {"cmap": "tab10", "vmin": 0, "vmax": 9}
        regions = run.decide(plane).reshape(xs.shape).numpy()
        ax.imshow(regions, origin="lower", extent=(-1.2, 1.2, -1.2, 1.2), alpha=0.3, **colours)
        ax.scatter(*run.points.T.numpy(), c=run.arms.numpy(), s=8, **colours)
        ax.set(title=f"{run.name}, accuracy {run.accuracy():.3f}", xticks=[], yticks=[])
    return figure


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", type=int, default=3, help="classes, 2 to 10 (default: %(default)s)")
    parser.add_argument("--points", type=int, default=200, help="points on each arm (default: %(default)s)")
    parser.add_argument("--noise", type=float, default=0.15, help="spread of the angles (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=32, help="units in each hidden layer (default: %(default)s)")
    parser.add_argument("--no-batchnorm", action="store_true", help="train without Batch Normalization")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="also train the other way and draw what both decide")
    args = parser.parse_args(argv)
    if not 2 <= args.arms <= 10 or args.points < 2 or args.hidden < 1 or args.epochs < 1:
        parser.error("--arms must be 2 to 10, --points at least 2, --hidden and --epochs at least 1")
    if not 2 <= args.batch_size <= args.arms * args.points or args.lr <= 0 or args.noise < 0:
        parser.error("--batch-size must be 2 to all points, --lr above 0, and --noise at least 0")
    return args


def main(argv: list[str] | None = None) -> None:
    """Trains, and prints the accuracy on fresh points last."""
    args = parse(argv)
    try:
        from tqdm import tqdm

        if args.plot:
            import matplotlib

            matplotlib.use("Agg")
    except ImportError as error:
        raise SystemExit(f'{error.name} is missing: pip install "minitorch_bn[examples]"') from None
    run = Run(args, batchnorm=not args.no_batchnorm)
    run.train(args.epochs, tqdm)
    if args.plot:
        other = Run(args, batchnorm=args.no_batchnorm)
        other.train(args.epochs, tqdm)
        draw([run, other]).savefig(args.plot, dpi=100)
        print(f"drawn in {args.plot}")
    print(f"accuracy on fresh points {run.accuracy():.4f}")


if __name__ == "__main__":
    main()
