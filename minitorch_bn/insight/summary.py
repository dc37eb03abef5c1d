"""``summary``: a model's layers with the shapes that pass, their parameters and what they take of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn import creation
from minitorch_bn import dtypes as dt
from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd import no_grad
from minitorch_bn.insight._graph import shape_text
from minitorch_bn.insight._table import Table, paragraphs_html
from minitorch_bn.insight._untouched import untouched
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.nn.parameter import is_lazy
from minitorch_bn.random import Generator

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Layer:
    """One call of a module, or a module that was not called.

    ``path``: its dotted name, "" for the model. ``params``: the parameters it has itself, those of its parts not
    counted. ``nbytes``: what its outputs take, unless they share the memory of its inputs.
    """

    path: str
    kind: str
    depth: int
    output_shapes: list[tuple[int, ...]]
    params: int
    trainable: int
    nbytes: int = 0
    is_container: bool = False
    was_called: bool = True
    again: bool = False  # it stands further up already


def summary(
    model: Module,
    input_size: Any = None,
    *,
    input_data: Any = None,
    dtypes: Any = None,
    depth: int | None = None,
    mode: str = "eval",
) -> Summary:
    """A table of a model's layers: output shapes, parameters, memory.

    The model runs once, without a gradient, on made-up numbers or on ``input_data``; modes, buffers (the running
    estimates of BatchNorm), gradients and the random generator are afterwards as before. Without an input there are no
    shapes.

    Args:
        input_size: the shape of the input, the batch included, or a list of shapes for several inputs.
        input_data: instead of it a tensor, a list of positional arguments, or a dict of named ones.
        dtypes: of the inputs made from ``input_size``, one or a list; default: the default dtype.
        depth: how many levels of modules below the model are listed; default: all.
        mode: "eval", "train", or "same" to run the model as it is.

    Returns:
        An object that prints as a table and shows itself in a notebook, with ``layers``, ``total_params``,
        ``trainable_params``, and in bytes ``param_bytes``, ``buffer_bytes``, ``input_bytes``, ``output_bytes``.

    Raises:
        TypeError: ``model`` is no Module, or ``input_size`` no shape.
        ValueError: both kinds of input are given, or ``mode`` is none of the three.
        Whatever the model raises for such an input.

    >>> import minitorch_bn as torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU())
    >>> torch.summary(model, (32, 4))
    layer             output shape  parameters  memory
    --------------------------------------------------
    Sequential        (32, 8)
      0: Linear       (32, 8)               40  1.0 KB
      1: BatchNorm1d  (32, 8)               16  1.0 KB
      2: ReLU         (32, 8)                   1.0 KB
    <BLANKLINE>
    parameters: 56, 224 B
    buffers: 72 B, input: 512 B, outputs: 3.0 KB
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary() takes an nn.Module, not {type(model).__name__}")
    if mode not in ("eval", "train", "same"):
        raise ValueError(f"mode must be 'eval', 'train' or 'same', but got {mode!r}")
    if input_size is not None and input_data is not None:
        raise ValueError("summary() takes input_size or input_data, not both")
    args, named = _arguments(input_size, input_data, dtypes)
    if not args and not named:
        layers = [_layer(part, path, was_called=True) for path, part in model.named_modules()]
        return Summary(model, layers, [], depth)
    with untouched(model) as runnable, no_grad():
        if mode != "same":
            runnable.train(mode == "train")
        layers = _run(runnable, args, named)
        return Summary(runnable, layers, [*args, *named.values()], depth)


def _arguments(input_size: Any, input_data: Any, dtypes: Any) -> tuple[list[Any], dict[str, Any]]:
    """What the model is called with."""
    if isinstance(input_data, Mapping):
        return [], dict(input_data)
    if input_data is not None:
        return ([input_data] if isinstance(input_data, Tensor) else list(input_data)), {}
    if input_size is None:
        return [], {}
    if not isinstance(input_size, Sequence) or isinstance(input_size, str):
        raise TypeError(f"input_size must be a shape such as (64, 3, 32, 32), or a list of shapes, not {input_size!r}")
    sizes = list(input_size) if input_size and isinstance(input_size[0], Sequence) else [input_size]
    for size in sizes:
        if not isinstance(size, Sequence) or not all(isinstance(n, (int, np.integer)) and n >= 0 for n in size):
            raise TypeError(f"input_size must be a shape such as (64, 3, 32, 32), or a list of shapes, not {size!r}")
    kinds = list(dtypes) if isinstance(dtypes, Sequence) else [dtypes] * len(sizes)
    if len(kinds) != len(sizes):
        raise ValueError(f"there are {len(sizes)} input sizes and {len(kinds)} dtypes")
    generator = Generator().manual_seed(0)
    return [_made_up(tuple(size), kind or dt.get_default_dtype(), generator) for size, kind in zip(sizes, kinds)], {}


def _made_up(size: tuple[int, ...], dtype: Any, generator: Generator) -> Tensor:
    """Normally distributed numbers, or zeros where they may be indices."""
    if not dtype.is_floating_point:
        return creation.zeros(size, dtype=dtype)
    return creation.randn(size, generator=generator).to(dtype)


def _run(model: Module, args: list[Any], named: dict[str, Any]) -> list[Layer]:
    """The layers in the order of their calls, then those that were not called."""
    layers: list[Layer] = []
    seen: set[int] = set()
    handles = []

    def watch(path: str, part: Module) -> None:
        open_calls: list[Layer] = []

        def begin(module: Module, *_: Any) -> None:
            open_calls.append(_layer(module, path, was_called=True))
            layers.append(open_calls[-1])

        def end(module: Module, inputs: Any, outputs: Any) -> None:
            layer, fresh = open_calls.pop(), _layer(module, path, was_called=True)
            layer.kind, layer.params, layer.trainable = fresh.kind, fresh.params, fresh.trainable  # lazy no more
            layer.again = id(module) in seen
            seen.add(id(module))
            found = list(_tensors(outputs))
            layer.output_shapes = [tuple(output.shape) for output in found]
            before = {x.data_ptr() for x in _tensors(inputs)}
            layer.nbytes = sum(output.nbytes for output in found if output.data_ptr() not in before)

        handles.append(part.register_forward_pre_hook(begin, prepend=True))
        handles.append(part.register_forward_hook(end))

    for path, part in model.named_modules():
        watch(path, part)
    try:
        model(*args, **named)
    except Exception as error:
        _tell_input(error, [*args, *named.values()])
        raise
    finally:
        for handle in handles:
            handle.remove()
    rest = [(path, part) for path, part in model.named_modules() if id(part) not in seen]
    return layers + [_layer(part, path, was_called=False) for path, part in rest]


def _tell_input(error: Exception, inputs: list[Any]) -> None:
    """Puts what the model was run with behind the text of an error."""
    if len(error.args) == 1 and isinstance(error.args[0], str):
        shapes = ", ".join(str(list(x.shape)) for x in _tensors(inputs))
        error.args = (f"{error.args[0]}\nsummary() ran the model with input of shape {shapes}, the batch included.",)


def _layer(part: Module, path: str, was_called: bool) -> Layer:
    own = [p for p in part.parameters(recurse=False) if not is_lazy(p)]
    params, trainable = (sum(p.numel() for p in some) for some in (own, [p for p in own if p.requires_grad]))
    depth = path.count(".") + 1 if path else 0
    is_container = next(part.children(), None) is not None
    return Layer(path, type(part).__name__, depth, [], params, trainable, 0, is_container, was_called)


def _tensors(value: Any) -> Iterable[Tensor]:
    """The tensors in tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (Mapping, list, tuple)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors(item)


class Summary:
    """The layers of a model and the totals; see ``summary``."""

    def __init__(self, model: Module, layers: list[Layer], inputs: list[Any], depth: int | None) -> None:
        self.layers = layers
        parameters = [p for p in model.parameters() if not is_lazy(p)]
        buffers = [b for b in model.buffers() if not is_lazy(b)]
        self.total_params = sum(p.numel() for p in parameters)
        self.trainable_params = sum(p.numel() for p in parameters if p.requires_grad)
        self.param_bytes = sum(p.nbytes for p in parameters)
        self.buffer_bytes = sum(b.nbytes for b in buffers)
        self.input_bytes = sum(x.nbytes for x in _tensors(inputs))
        self.output_bytes = sum(layer.nbytes for layer in layers if not layer.is_container)
        self._lazy = any(map(is_lazy, (*model.parameters(), *model.buffers())))
        self._table = self._layers_table(depth)

    @property
    def non_trainable_params(self) -> int:
        """The parameters that get no gradient."""
        return self.total_params - self.trainable_params

    def _layers_table(self, depth: int | None) -> Table:
        rows = []
        for layer in self.layers:
            if depth is not None and layer.depth > depth:
                continue
            name = layer.path.rpartition(".")[2]
            label = f"{'  ' * layer.depth}{name + ': ' if name else ''}{layer.kind}"
            if layer.again:
                label += " (again)"
            params = f"{layer.params:,}" if layer.params else ""
            shapes = ", ".join(map(shape_text, layer.output_shapes)) if layer.was_called else "not called"
            memory = "" if layer.is_container or not layer.nbytes else _bytes(layer.nbytes)
            rows.append([label, shapes, f"({params})" if layer.again and params else params, memory])
        return Table("", ["layer", "output shape", "parameters", "memory"], rows, 2)

    def _totals(self) -> list[str]:
        frozen = f" ({self.non_trainable_params:,} of them not trainable)" if self.non_trainable_params else ""
        lines = [f"parameters: {self.total_params:,}{frozen}, {_bytes(self.param_bytes)}"]
        if self._lazy:
            lines[0] += ", and some that get their shape from the first input"
        memory = [("buffers", self.buffer_bytes), ("input", self.input_bytes), ("outputs", self.output_bytes)]
        rest = ", ".join(f"{name}: {_bytes(count)}" for name, count in memory if count)
        return [*lines, rest] if rest else lines

    def __repr__(self) -> str:
        return "\n".join([self._table.text(), "", *self._totals()])

    def _repr_html_(self) -> str:
        return f"<div>{self._table.html()}{paragraphs_html(self._totals())}</div>"


def _bytes(count: float) -> str:
    """1536 -> 1.5 KB"""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            break
        count /= 1024
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
