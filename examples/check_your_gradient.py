"""Check the gradient of an operator that you wrote.

An operator is a subclass of torch.autograd.Function. Its backward is compared with finite differences, entry by entry,
and where they disagree the report says which entry is furthest off and what the mistake looks like. Two operators are
here to try it on: Swish, x times sigmoid(x), and WrongSwish, whose backward forgets one term.

    python examples/check_your_gradient.py                          # Swish: right, its second derivative too
    python examples/check_your_gradient.py WrongSwish               # and the report on a wrong one
    python examples/check_your_gradient.py my_file.py:MyOperator --shapes 4x3 3   # yours, of two inputs
    python examples/check_your_gradient.py WrongSwish --plot errors.png

The picture shows the largest difference over the step h of the finite differences. If the gradient is right it falls
with h squared until rounding takes over, and the curve has a valley; if it is wrong it stays where it is.
"""

from __future__ import annotations

import argparse
import os
import runpy
from typing import Any

import minitorch_bn as torch
from minitorch_bn.testing import assert_gradients

STEPS = [10.0**-k for k in range(1, 12)]


class Swish(torch.autograd.Function):
    """y = x s with s = sigmoid(x);  gx = g (s + x s (1 - s))"""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors  # the input, not s: in a second derivative s must still know that it depends on x
        s = torch.sigmoid(x)
        return g * (s + x * s * (1 - s))


class WrongSwish(Swish):
    """The same, but its backward takes the sigmoid for a constant."""

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.sigmoid(x)


def find(name: str) -> type[torch.autograd.Function]:
    """The operator called ``Name``, here, or ``file.py:Name``. Raises ValueError with what is the matter."""
    path, _, last = name.rpartition(":")
    if path and not os.path.exists(path):
        raise ValueError(f"there is no file {path}")
    names = runpy.run_path(path) if path else globals()
    operators = [n for n, v in names.items() if isinstance(v, type) and issubclass(v, torch.autograd.Function)]
    if last not in operators:
        raise ValueError(f"there is no operator {last} in {path or 'this program'}; there are: {', '.join(operators)}")
    return names[last]


def make_inputs(shapes: list[tuple[int, ...]], seed: int) -> list[Any]:
    """Random float64 tensors: differences over a small step drown in the rounding of float32."""
    torch.manual_seed(seed)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def errors(operator: type[torch.autograd.Function], inputs: list[Any], bar: Any) -> list[float]:
    """For each step h: how far the gradient of a random projection is from its finite differences, at the worst."""
    with torch.no_grad():
        weights = torch.randn_like(operator.apply(*inputs))

    def projection() -> Any:
        return (operator.apply(*inputs) * weights).sum()

    analytic = torch.autograd.grad(projection(), inputs)
    worst = []
    for h in bar(STEPS, desc="steps h"):
        largest = 0.0
        with torch.no_grad():
            for value, gradient in zip(inputs, analytic):
                flat, expected = value.view(-1), gradient.reshape(-1)
                for i in range(value.numel()):
                    before = flat[i].item()
                    flat[i] = before + h
                    above = projection().item()
                    flat[i] = before - h
                    below = projection().item()
                    flat[i] = before
                    largest = max(largest, abs((above - below) / (2 * h) - expected[i].item()))
        worst.append(largest)
    return worst


def draw(curves: dict[str, list[float]]) -> Any:
    """The error of each operator over the step, both logarithmic."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, curve in curves.items():
        ax.loglog(STEPS, curve, marker=".", label=name)
    ax.set(xlabel="step h of the finite differences", ylabel="largest difference to backward")
    ax.grid(alpha=0.3)
    ax.legend()
    return figure


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operator", nargs="?", default="Swish", help="Name, or file.py:Name (default: %(default)s)")
    parser.add_argument(
        "--shapes", nargs="+", type=_shape, default=[(3,)], metavar="4x3", help="one for each input (default: 3)"
    )
    parser.add_argument("--order", type=int, default=2, help="check derivatives up to this one (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="draw the error over the step, with Swish beside it")
    args = parser.parse_args(argv)
    if args.order < 1:
        parser.error("--order must be at least 1")
    try:
        args.found = find(args.operator)
    except ValueError as error:
        parser.error(str(error))
    return args


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split("x"))


def main(argv: list[str] | None = None) -> None:
    """Checks, prints the verdict or the report; exit code 1 if the gradient is wrong."""
    args = parse(argv)
    inputs = make_inputs(args.shapes, args.seed)
    try:
        args.found.apply(*inputs)
    except Exception as error:
        raise SystemExit(f"{args.operator} fails on inputs of shapes {args.shapes} (see --shapes): {error}") from None
    if args.plot:
        try:
            import matplotlib
            from tqdm import tqdm
        except ImportError as error:
            raise SystemExit(f'{error.name} is missing: pip install "minitorch_bn[examples]"') from None
        matplotlib.use("Agg")
        curves = {args.operator: errors(args.found, inputs, tqdm)}
        if args.found is not Swish:
            curves["Swish"] = errors(Swish, make_inputs([(3,)], args.seed), tqdm)
        draw(curves).savefig(args.plot, dpi=100)
        print(f"drawn in {args.plot}")
    try:
        assert_gradients(args.found.apply, inputs, args.order)
    except AssertionError as report:
        raise SystemExit(f"{args.operator}: {report}") from None
    print(f"{args.operator}: right, up to derivatives of order {args.order}")


if __name__ == "__main__":
    main()
