"""What is measured: the rows of each group, and the ratios that the project has set itself."""

from __future__ import annotations

from math import inf, prod
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.contenders import KERNELS
from benchmarks.summary import geometric_mean

if TYPE_CHECKING:
    from collections.abc import Sequence


class Case(NamedTuple):
    """One row: a workload of ``libraries/`` and its arguments."""

    group: str
    title: str
    workload: str
    options: dict[str, Any]
    unit: str = "s"  # of the figure: seconds, or bytes
    at: int = 0  # where a row of a growth group stands on the axis


class Target(NamedTuple):
    """The largest ratio, our time over the other's, that counts as met."""

    mean: float  # the geometric mean over a group's rows
    row: float = inf  # each row by itself

    def met(self, ratios: Sequence[float]) -> bool:
        """Whether a group with these ratios keeps it."""
        return geometric_mean(ratios) <= self.mean and max(ratios) <= self.row


SHAPES = (
    (128, 64),
    (1024, 512),
    (64, 64, 100),
    (32, 16, 28, 28),
    (64, 64, 32, 32),
    (32, 256, 14, 14),
    (16, 64, 112, 112),
)
MLPS = ((32, 64, 64), (128, 784, 256), (256, 784, 1024))  # batch, inputs, hidden units
CNNS = ((32, 1, 8, 8), (64, 1, 16, 28), (64, 3, 32, 32))  # batch, image channels, channels of the first block, side
CONVS = ((64, 1, 16, 28), (64, 16, 32, 14), (64, 32, 64, 16), (32, 64, 64, 32))  # batch, in, out, side
MODELS = ("mlp", "cnn")


def _name(shape: tuple[int, ...]) -> str:
    return "(" + ",".join(map(str, shape)) + ")"


def all_cases() -> list[Case]:
    """The rows of every group, in the order of the tables."""
    cases = [Case("bn", f"BatchNorm {_name(s)}", "batch_norm", {"shape": s, "training": True}) for s in SHAPES]
    cases += [
        Case("bn-eval", f"BatchNorm {_name(s)}, evaluation", "batch_norm", {"shape": s, "training": False})
        for s in SHAPES
    ]
    cases += [
        Case(
            "mlp",
            f"MLP {batch}x{features}x{hidden}, {name}",
            "mlp",
            {"batch": batch, "features": features, "hidden": hidden, "optimizer": name},
        )
        for name in ("SGD", "Adam")
        for batch, features, hidden in MLPS
    ]
    cases += [
        Case(
            "cnn",
            f"CNN {batch}x{image}x{side}x{side}, {channels}-{2 * channels} channels",
            "cnn",
            {"batch": batch, "image": image, "channels": channels, "side": side},
        )
        for batch, image, channels, side in CNNS
    ]
    cases += [
        Case(
            "conv",
            f"conv 3x3 {batch}x{before}->{after}x{side}x{side}",
            "conv",
            {"batch": batch, "before": before, "after": after, "side": side},
        )
        for batch, before, after, side in CONVS
    ]
    cases += [
        Case("tape", "200 small operations", "small_operations", {"count": 200, "size": 16}),
        Case("tape", "a chain of 20,000", "chain", {"count": 20_000, "size": 16}),
    ]
    cases += [
        Case("import", "import", "import_", {"statement": "import"}),
        Case("first-use", "import, and a first layer's call", "import_", {"statement": "first use"}),
        *(Case("digits", f"{model.upper()}, 5 epochs of 1,438 digits", "digits", {"model": model}) for model in MODELS),
    ]
    cases += [c._replace(group="memory", workload="memory", unit="B") for c in cases if c.group == "cnn"][1:]
    return cases + _growth()


def _growth() -> list[Case]:
    """Cost against size, from the smallest to what no cache holds."""
    cases = []
    for group, shape, sizes in (
        ("growth-batch", "(N,64)", [2 << i for i in range(0, 17, 2)]),
        ("growth-channels", "(256,C)", [1 << i for i in range(0, 15, 2)]),
        ("growth-images", "(N,16,14,14)", [1 << i for i in range(0, 11, 2)]),
    ):
        for size in sizes:
            title = shape.replace("N", str(size)).replace("C", str(size))
            options = {"shape": tuple(map(int, title.strip("()").split(","))), "training": True}
            cases.append(Case(group, f"growth {title}", "batch_norm", options, at=size))
    for depth in (1, 2, 4, 8, 16, 32, 64):
        options = {"depth": depth, "batch": 64, "width": 64}
        cases.append(Case("growth-depth", f"growth, {depth} layers", "deep", options, at=depth))
    return cases


def bytes_moved(case: Case) -> int:
    """What BatchNorm must at least read and write: x and y forward; the gradient of y, x, and its gradient backward."""
    return 5 * 4 * prod(case.options["shape"]) if case.workload == "batch_norm" else 0


GROUPS = {
    "bn": "BatchNorm, forward and backward in training",
    "bn-eval": "BatchNorm, forward in evaluation",
    "mlp": "MLP training step: (Linear, BatchNorm1d, ReLU) twice, Linear, cross entropy, optimizer",
    "cnn": "CNN training step: (Conv 3x3, BatchNorm2d, ReLU, MaxPool 2) twice, Linear, cross entropy, SGD",
    "conv": "Convolution 3x3, padding 1, forward and backward to input, weight and bias",
    "tape": "The tape: small operations, forward and backward",
    "import": "Import, in a fresh process",
    "first-use": "Import and the first call of a layer, in a fresh process; numpy: its import alone",
    "digits": "From `python` to a trained digits model, the whole process",
    "memory": "Peak memory of CNN training steps, above the process before them",
}
GROWTH = {
    "growth-batch": "BatchNorm, forward and backward, against the batch: (N, 64)",
    "growth-channels": "BatchNorm, forward and backward, against the channels: (256, C)",
    "growth-images": "BatchNorm, forward and backward, against the batch: (N, 16, 14, 14)",
    "growth-depth": "Training step against the depth: (Linear, BatchNorm1d, ReLU) of 64 units, batch 64",
}
ALIASES = {
    "bn": ("bn", "bn-eval"),
    "import": ("import", "first-use"),
    "growth": tuple(GROWTH),
}  # what one name on the command line stands for
LAUNCHED = ("import", "first-use", "digits", "memory")  # a fresh process for every turn

SMALL = 0.3, 0.5  # against the libraries that are written in Python
TARGETS: dict[tuple[str, str, str], Target] = {  # (group, library, kernels)
    ("bn", "torch", "numba"): Target(0.33, row=1.0),
    ("bn", "torch", "numpy"): Target(2.0),
    ("bn-eval", "torch", "numba"): Target(0.8),
    ("bn-eval", "torch", "numpy"): Target(1.5),
    ("mlp", "torch", "numba"): Target(0.5),
    ("mlp", "torch", "numpy"): Target(0.8),
    ("mlp", "jax", "numba"): Target(1.0),
    ("cnn", "torch", "numba"): Target(0.8),
    ("cnn", "torch", "numpy"): Target(2.5),
    ("conv", "torch", "numba"): Target(1.2),
    ("conv", "torch", "numpy"): Target(2.5),
    ("tape", "torch", "numba"): Target(1.5),
    ("tape", "torch", "numpy"): Target(1.5),
    ("digits", "torch", "numba"): Target(0.3),
    ("digits", "torch", "numpy"): Target(0.3),
    ("memory", "torch", "numba"): Target(1.0),
    ("memory", "torch", "numpy"): Target(1.2),
    **{("import", "numpy", kernels): Target(1.3) for kernels in KERNELS},
    **{("import", "torch", kernels): Target(0.1) for kernels in KERNELS},
    **{
        (group, library, kernels): Target(limit)
        for group in ("mlp", "cnn")
        for library in ("mygrad", "autograd", "tinygrad")
        for kernels, limit in zip(("numba", "numpy"), SMALL)
    },
}
