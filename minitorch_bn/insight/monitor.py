"""``monitor``: what happens inside a model while it trains: activations, gradients, updates, running estimates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd import is_grad_enabled
from minitorch_bn.insight._table import Table, paragraphs_html
from minitorch_bn.insight._untouched import is_looking
from minitorch_bn.nn.modules.batchnorm import _BatchNorm
from minitorch_bn.nn.modules.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from typing_extensions import Self

_BINS = 40
_EDGE = 0.03  # a saturated output is within this part of its range from an end
# Layers whose output has limits -> these limits.
_LIMITS: dict[str, Callable[[Any], tuple[float, float]]] = {
    "Tanh": lambda part: (-1.0, 1.0),
    "Softsign": lambda part: (-1.0, 1.0),
    "Sigmoid": lambda part: (0.0, 1.0),
    "Hardsigmoid": lambda part: (0.0, 1.0),
    "Hardtanh": lambda part: (part.min_val, part.max_val),
    "ReLU6": lambda part: (0.0, 6.0),
}
_RECTIFIERS = ("ReLU", "ReLU6")
_ONLY_LAYOUT = ("Flatten", "Identity", "Unflatten")  # what comes out is what went in


class Activation(NamedTuple):
    """A layer's output at one step, or the gradient of it.

    ``saturated``: the fraction at an end of the layer's range, for layers that have one. ``dead``: the fraction of
    channels that are nowhere above 0, for rectifiers. ``counts``, ``edges``: a histogram of the finite values.
    """

    step: int
    mean: float
    std: float
    saturated: float | None
    dead: float | None
    finite: bool
    counts: np.ndarray
    edges: np.ndarray


class Update(NamedTuple):
    """A parameter at one step: the norm of its gradient, and |change| / |value|."""

    step: int
    grad_norm: float | None
    ratio: float


class Estimates(NamedTuple):
    """A BatchNorm layer at one step: the batch's mean and unbiased variance, and the running estimates after it."""

    step: int
    batch_mean: np.ndarray
    batch_var: np.ndarray
    running_mean: np.ndarray
    running_var: np.ndarray


def monitor(model: Module, optimizer: Any = None, *, every: int = 1) -> Monitor:
    """Watches a model while it trains; ``close()`` it, or use it in a ``with``.

    Each step it notes of every layer the output's mean, spread, histogram, saturated fraction and dead channels, and
    the gradient of the output; of every parameter the gradient's norm and the update-to-data ratio (about 1e-3 is
    healthy); and of every BatchNorm layer the running estimates beside the batch's. Only training passes count: the
    model in training mode and gradients on. Functions such as ``F.relu`` are no layers and are not seen.

    Args:
        model: the model. Copies and pickles of it made meanwhile are not watched.
        optimizer: a step ends with each of its ``step()``; without one, call the monitor's ``step()`` after it.
        every: note only each n-th step.

    Returns:
        An object that prints as a table with what looks wrong, with ``activations``, ``gradients`` (of outputs),
        ``updates`` and ``batch_norm``: name -> list of records. ``plot("watched.png")`` draws them.

    Raises:
        TypeError: ``model`` is no Module. ValueError: ``every`` is below 1.

    >>> import minitorch_bn as torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.BatchNorm1d(8), torch.nn.Tanh())
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with torch.monitor(model, optimizer) as m:
    ...     for _ in range(3):
    ...         model(torch.randn(16, 2)).square().mean().backward()
    ...         optimizer.step()
    >>> [record.step for record in m.activations["2"]], sorted(m.updates), list(m.batch_norm)
    ([0, 1, 2], ['0.bias', '0.weight', '1.bias', '1.weight'], ['1'])
    """
    return Monitor(model, optimizer, every)


class Monitor:
    """Records of a model's training; see ``monitor``."""

    def __init__(self, model: Module, optimizer: Any = None, every: int = 1) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"monitor() takes an nn.Module, not {type(model).__name__}")
        if every < 1:
            raise ValueError(f"every must be at least 1, but got {every}")
        self.steps = 0
        self.activations: dict[str, list[Activation]] = {}
        self.gradients: dict[str, list[Activation]] = {}
        self.updates: dict[str, list[Update]] = {}
        self.batch_norm: dict[str, list[Estimates]] = {}
        self.kinds = {path: type(part).__name__ for path, part in model.named_modules()}
        self._model: Module | None = model
        self._every = every
        self._before: dict[str, Tensor] | None = None
        self._handles = [
            part.register_forward_hook(_Hook(self._watch(path)))
            for path, part in model.named_modules()
            if next(part.children(), None) is None and type(part).__name__ not in _ONLY_LAYOUT
        ]
        if optimizer is not None:
            self._handles.append(optimizer.register_step_pre_hook(_Hook(lambda *_: self._keep())))
            self._handles.append(optimizer.register_step_post_hook(_Hook(lambda *_: self.step())))
        else:
            self._keep()

    # -- recording ---------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Ends a step: notes what has happened to the parameters. An optimizer that was given calls this by itself."""
        if self._model is None:
            return
        if self._is_due() and self._before is not None:
            for name, p in self._model.named_parameters():
                if name in self._before:
                    grad = None if p.grad is None else p.grad.detach().double().norm().item()
                    ratio = _ratio(p.detach().double(), self._before[name])
                    self.updates.setdefault(name, []).append(Update(self.steps, grad, ratio))
        self.steps += 1
        self._keep()

    def close(self) -> None:
        """Stops watching; the model is as if nobody ever had. The records stay. A second call does nothing."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._model, self._before = [], None, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _is_due(self) -> bool:
        return self.steps % self._every == 0

    def _keep(self) -> None:
        """Copies of the parameters as they are before a step."""
        if self._model is not None and self._is_due():
            parameters = self._model.named_parameters()
            self._before = {name: p.detach().double().clone() for name, p in parameters if p.requires_grad}

    def _watch(self, path: str) -> Callable[..., None]:
        """The forward hook of one layer."""

        def note(part: Module, inputs: Any, output: Any) -> None:
            model = self._model
            if model is None or not model.training or not is_grad_enabled() or is_looking() or not self._is_due():
                return
            if not isinstance(output, Tensor) or not output.is_floating_point() or not output.numel():
                return
            step, kind = self.steps, type(part).__name__
            limits = _LIMITS[kind](part) if kind in _LIMITS else None
            _put(self.activations, path, _describe(output, step, limits, kind in _RECTIFIERS))
            if output.requires_grad:
                output.register_hook(lambda grad: self._note_gradient(path, grad, step))
            if isinstance(part, _BatchNorm) and part.training and part.running_mean is not None:
                _put(self.batch_norm, path, _estimates(part, inputs[0], step))

        return note

    def _note_gradient(self, path: str, grad: Tensor, step: int) -> None:
        if self._model is not None:  # a backward pass may come after close()
            _put(self.gradients, path, _describe(grad, step, None, False))

    # -- showing -----------------------------------------------------------------------------------------------------

    def findings(self) -> list[str]:
        """What looks wrong at the last step that was noted, as sentences."""
        found = []
        for path, records in self.activations.items():
            last, name = records[-1], self._name(path)
            if not last.finite:
                found.append(f"{name}: the output has NaN or infinity in it")
            if last.saturated is not None and last.saturated > 0.5:
                found.append(f"{name}: {last.saturated:.0%} of the outputs are saturated: next to no gradient passes")
            if last.dead is not None and last.dead > 0.5:
                found.append(f"{name}: {last.dead:.0%} of the channels are dead: nowhere in the batch above 0")
        for name, updates in self.updates.items():
            ratio, grad = updates[-1].ratio, updates[-1].grad_norm
            if grad is None:
                found.append(f"{name}: no gradient arrives")
            elif not math.isfinite(grad):
                found.append(f"{name}: the gradient has NaN or infinity in it")
            elif math.isfinite(ratio) and ratio > 0.1 and not _is_bias(name):
                found.append(f"{name}: one step changes it by {ratio:.0%} of its size: a smaller learning rate?")
            elif self._is_taken_out(name, grad):
                found.append(
                    f"{name}: no gradient but rounding: Batch Normalization takes a bias out again, so bias=False"
                )
        return found

    def _is_taken_out(self, name: str, grad: float) -> bool:
        """Whether a bias has no gradient where the weight beside it has one."""
        weight = self.updates.get(name.removesuffix("bias") + "weight")
        if not _is_bias(name) or weight is None or not self.batch_norm:
            return False
        return grad < 1e-5 * (weight[-1].grad_norm or 0.0)

    def __repr__(self) -> str:
        parts = [table.text() for table in self._tables()] or ["monitor: nothing was noted yet"]
        if found := self.findings():
            parts.append("\n".join(["What looks wrong", *(f"- {text}" for text in found)]))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        tables = "".join(table.html() for table in self._tables())
        return f"<div>{paragraphs_html(self.findings(), 'bad')}{tables}</div>"

    def plot(self, path: str | PathLike[str] | None = None, layers: int = 4) -> Any:
        """Draws the records: histograms over time, saturation, gradients, update ratios, running against batch.

        ``layers``: of how many layers the histograms are drawn, evenly chosen. Returns the matplotlib figure, which a
        notebook shows; with ``path`` it is saved too.

        Raises:
            ImportError: matplotlib is missing: ``pip install "minitorch_bn[examples]"``.
            RuntimeError: nothing was noted yet.
        """
        from minitorch_bn.insight._plots import figure_of

        figure = figure_of(self, layers)
        if path is not None:
            figure.savefig(path)
        return figure

    def _name(self, path: str) -> str:
        kind = self.kinds.get(path, "")
        return f"{path}: {kind}" if path else kind

    def _tables(self) -> list[Table]:
        tables = []
        if self.activations:
            heads = ["layer", "mean", "std", "saturated", "dead", "|grad| std"]
            rows = []
            for path, records in self.activations.items():
                last, grads = records[-1], self.gradients.get(path)
                numbers = [_text(last.mean), _text(last.std), _percent(last.saturated), _percent(last.dead)]
                rows.append([self._name(path), *numbers, _text(grads[-1].std) if grads else ""])
            tables.append(Table(f"Outputs at step {_last_step(self.activations)}", heads, rows))
        if self.updates:
            rows = [
                [name, "none" if r[-1].grad_norm is None else _text(r[-1].grad_norm), f"{r[-1].ratio:.1e}"]
                for name, r in self.updates.items()
            ]
            tables.append(Table(f"Parameters at step {_last_step(self.updates)}", ["", "|grad|", "update/data"], rows))
        if self.batch_norm:
            rows = [[self._name(path), *map(_text, _drift(r[-1]))] for path, r in self.batch_norm.items()]
            heads = ["running against batch", "largest |mean - mean| / std", "largest variance ratio"]
            tables.append(Table(f"BatchNorm at step {_last_step(self.batch_norm)}", heads, rows))
        return tables


class _Hook:
    """A hook that does not follow a copy or a pickle of what it hangs on: there it becomes one that does nothing."""

    def __init__(self, note: Callable[..., None]) -> None:
        self.note = note

    def __call__(self, *args: Any) -> None:
        self.note(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        return _no_hook, ()


def _no_hook() -> Callable[..., None]:
    return _nothing


def _nothing(*args: Any) -> None:
    """The hook of a copy."""


def _put(records: dict[str, list[Any]], path: str, record: Any) -> None:
    """Appends a record; a second one of the same step takes the place of the first."""
    known = records.setdefault(path, [])
    if known and known[-1].step == record.step:
        known.pop()
    known.append(record)


def _describe(value: Tensor, step: int, limits: tuple[float, float] | None, rectifier: bool) -> Activation:
    values = value.detach().double().numpy()
    finite = np.abs(values) < 1e300  # the range of what is larger overflows; NaN is not smaller either
    good = values if finite.all() else values[finite]
    low, high = (float(good.min()), float(good.max())) if good.size else (0.0, 0.0)
    counts, edges = _histogram(good, low, high)
    saturated = dead = None
    if limits is not None:
        margin = _EDGE * (limits[1] - limits[0]) / 2
        saturated = float(((values <= limits[0] + margin) | (values >= limits[1] - margin)).mean())
    if rectifier and values.ndim > 1:
        dead = float((values <= 0).all(axis=(0, *range(2, values.ndim))).mean())
    with np.errstate(over="ignore"):
        mean, std = (float(good.mean()), float(good.std())) if good.size else (math.nan, math.nan)
    return Activation(step, mean, std, saturated, dead, bool(finite.all()), counts, edges)


def _histogram(values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Counts in equal bins from low to high, and the bins' edges; three times as fast as numpy's, which takes any."""
    edges = np.linspace(low, high if high > low else low + max(1.0, 1e-6 * abs(low)), _BINS + 1)
    bins = ((values - low) * (_BINS / (edges[-1] - low))).astype(np.int64)
    return np.bincount(np.minimum(bins, _BINS - 1).reshape(-1), minlength=_BINS), edges


def _ratio(after: Tensor, before: Tensor) -> float:
    """|change| / |value|."""
    change, value = (after - before).norm().item(), before.norm().item()
    return change / value if value else math.nan if change == 0 else math.inf


def _estimates(part: Any, x: Tensor, step: int) -> Estimates:
    dims = tuple(dim for dim in range(x.dim()) if dim != part.channel_dim % x.dim())
    batch = x.detach().double()
    var = batch.var(dims).numpy()
    running = [value.detach().double().clone().numpy() for value in (part.running_mean, part.running_var)]
    return Estimates(step, batch.mean(dims).numpy(), var, *running)


def _is_bias(name: str) -> bool:
    """A bias starts at 0 or near it, so that its update-to-data ratio tells nothing."""
    return name.rpartition(".")[2] == "bias"


def _drift(r: Estimates) -> tuple[float, float]:
    """How far apart the two means are, in standard deviations of the batch, and the variances, as a factor."""
    with np.errstate(all="ignore"):
        means = np.abs(r.running_mean - r.batch_mean) / np.sqrt(r.batch_var)
        ratio = np.exp(np.abs(np.log(r.running_var / r.batch_var)))
    return float(means.max(initial=0)), float(ratio.max(initial=1))


def _last_step(records: dict[str, list[Any]]) -> int:
    return max(known[-1].step for known in records.values())


def _text(value: float) -> str:
    return f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"
