"""How accurate Batch Normalization is when the mean is far from 0, here and elsewhere.

    python -m benchmarks.accuracy                        # this library and plain numpy
    python -m benchmarks.accuracy --against torch,flax   # others too, where they are installed

The input is float32 with standard deviation 1 and a mean of 0 to 1e6; the reference is float64 arithmetic on the same
float32 numbers. Printed is the root-mean-square error of the output and the relative error of the input's gradient,
as a Markdown table.
"""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks import machine
from benchmarks.tables import markdown

if TYPE_CHECKING:
    from collections.abc import Callable

EPS = 1e-5
OFFSETS = (0.0, 10.0, 1e3, 1e4, 1e6)
NCHW = (64, 32, 14, 14)
NC = (64 * 14 * 14, 32)

Pair = tuple[np.ndarray, np.ndarray]  # the output, and the gradient of the input


class Column(NamedTuple):
    """One implementation on one layout; (x, upstream gradient) -> (y, gradient of x)."""

    title: str
    shape: tuple[int, ...]
    run: Callable[[np.ndarray, np.ndarray], Pair]


def reference(x: np.ndarray, g: np.ndarray) -> Pair:
    """Batch normalisation and its gradient in float64."""
    axes = (0, *range(2, x.ndim))
    x, g = x.astype(np.float64), g.astype(np.float64)
    centred = x - x.mean(axes, keepdims=True)
    r = 1 / np.sqrt((centred**2).mean(axes, keepdims=True) + EPS)
    xh = centred * r
    return xh, r * (g - g.mean(axes, keepdims=True) - xh * (xh * g).mean(axes, keepdims=True))


def torch_like(module: str, channels_last: bool = False) -> Callable[[np.ndarray, np.ndarray], Pair]:
    """``batch_norm`` of a library with PyTorch's interface."""
    lib = importlib.import_module(module)
    batch_norm = importlib.import_module(f"{module}.nn.functional").batch_norm

    def run(x: np.ndarray, g: np.ndarray) -> Pair:
        t = lib.from_numpy(x)
        t = t.contiguous(memory_format=lib.channels_last) if channels_last else t
        t = t.requires_grad_()
        y = batch_norm(t, None, None, training=True, eps=EPS)
        y.backward(lib.from_numpy(g))
        return y.detach().numpy(), t.grad.numpy()

    return run


def plain_numpy(x: np.ndarray, g: np.ndarray) -> Pair:
    """What one writes first: x.mean, x.var, in the dtype of x."""
    axes = (0, *range(2, x.ndim))
    r = 1 / np.sqrt(x.var(axes, keepdims=True) + np.float32(EPS))
    xh = (x - x.mean(axes, keepdims=True)) * r
    return xh, r * (g - g.mean(axes, keepdims=True) - xh * (xh * g).mean(axes, keepdims=True))


def flax(fast_variance: bool) -> Callable[[np.ndarray, np.ndarray], Pair]:
    """flax.linen.BatchNorm under jit; its default is the fast variance, E[x^2] - E[x]^2."""
    jax, linen = importlib.import_module("jax"), importlib.import_module("flax.linen")
    layer = linen.BatchNorm(
        use_running_average=False, epsilon=EPS, use_fast_variance=fast_variance, use_bias=False, use_scale=False, axis=1
    )

    @jax.jit
    def both(x, g):
        state = layer.init(jax.random.PRNGKey(0), x)
        y, pull = jax.vjp(lambda x: layer.apply(state, x, mutable=["batch_stats"])[0], x)
        return y, pull(g)[0]

    return lambda x, g: tuple(np.asarray(v) for v in both(x, g))


def columns(against: list[str]) -> list[Column]:
    """The implementations to compare: ours, plain numpy, and those asked for."""
    found = [
        Column("minitorch_bn (N,C)", NC, torch_like("minitorch_bn")),
        Column("minitorch_bn (N,C,H,W)", NCHW, torch_like("minitorch_bn")),
        Column("numpy x.mean, x.var (N,C)", NC, plain_numpy),
    ]
    if "torch" in against:
        found += [
            Column("PyTorch (N,C)", NC, torch_like("torch")),
            Column("PyTorch (N,C,H,W)", NCHW, torch_like("torch")),
            Column("PyTorch channels_last", NCHW, torch_like("torch", channels_last=True)),
        ]
    if "flax" in against:
        found += [Column("flax, default", NCHW, flax(True)), Column("flax, two passes", NCHW, flax(False))]
    return found


def errors(column: Column, offset: float) -> tuple[float, float]:
    """RMS error of the output, relative error of the gradient."""
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(column.shape) + offset).astype(np.float32)
    g = rng.standard_normal(column.shape).astype(np.float32)
    (y, gx), (y_exact, gx_exact) = column.run(x.copy(), g.copy()), reference(x, g)
    rms = float(np.sqrt(np.mean((y - y_exact) ** 2)))
    return rms, float(np.linalg.norm(gx - gx_exact) / np.linalg.norm(gx_exact))


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default="", help="comma-separated: torch, flax")
    against = [name for name in parser.parse_args(argv).against.split(",") if name]
    print("RMS error of the output / relative error of the input's gradient")
    print(f"float32, {NCHW} or {NC}, standard deviation 1")
    print(f"{machine.versions(['minitorch_bn', *against])}; {machine.processor()}\n")
    rows = [
        [column.title, *("{:.0e} / {:.0e}".format(*errors(column, offset)) for offset in OFFSETS)]
        for column in columns(against)
    ]
    print(markdown(["mean", *(f"{offset:g}" for offset in OFFSETS)], rows))


if __name__ == "__main__":
    main()
