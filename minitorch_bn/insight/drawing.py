"""``draw``: the graph behind a tensor as text, as SVG and as DOT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd.grad_mode import inference_mode
from minitorch_bn.insight import _graph
from minitorch_bn.insight._graph import Call, Group, Step, shape_text
from minitorch_bn.insight._svg import step_lines, svg
from minitorch_bn.insight._untouched import untouched
from minitorch_bn.nn.modules.module import Module

if TYPE_CHECKING:
    from os import PathLike


def draw(
    y: Any,
    *inputs: Any,
    params: Mapping[str, Tensor] | None = None,
    model: Module | None = None,
    depth: int | None = None,
    limit: int = 400,
) -> Drawing:
    """The graph behind a tensor, or the graph of a model on an input: what backward will walk through.

    Shows operators with the shapes of their results, the parameters they use, gradient norms where there are gradients,
    and modules as boxes. ``print`` gives text, a notebook shows a picture, ``save("graph.svg")``, ``.dot`` and ``.txt``
    write files.

    Args:
        y: a tensor, or tensors in a list, tuple or dict. Or a model, which is then called with ``inputs`` and left as
            it was: this way layers without parameters get their boxes too.
        params: names for leaves, as ``dict(model.named_parameters())``.
        model: where the parameters are from; its modules become boxes around the operators that use them.
        depth: modules from this depth on are drawn as one box each (0: the model as a whole).
        limit: a picture of more steps says only what there is; text shows the first and the last ones.

    Raises:
        TypeError: ``y`` is neither, or something beside the tensors is not a tensor.

    >>> import minitorch_bn as torch
    >>> w = torch.tensor([2.0, 3.0], requires_grad=True)
    >>> loss = (w * 2).exp().sum()
    >>> loss.backward()
    >>> torch.draw(loss, params={"w": w})
    3 steps behind a tensor of shape () and dtype float32
       step  shape  parameters         from
    ---------------------------------------
    0  Mul   (2,)   w (2,) |grad| 814
    1  Exp   (2,)                      0
    2  Sum   ()                        1
    """
    if isinstance(y, Module):
        return _draw_model(y, inputs, depth, limit)
    if inputs:
        raise TypeError(f"draw() takes inputs only for a model, not for {type(y).__name__}")
    if model is not None and not isinstance(model, Module):
        raise TypeError(f"draw(): model must be an nn.Module, not {type(model).__name__}")
    outputs = _tensors(y)
    owners = {} if model is None else _graph.owners_of(model)
    named = dict(model.named_parameters()) if model is not None else {}
    steps = _graph.collect(outputs, _names({**named, **(params or {})}), owners)
    return Drawing(outputs, _graph.grouped(steps, depth), limit)


def _draw_model(model: Module, inputs: tuple[Any, ...], depth: int | None, limit: int) -> Drawing:
    """Runs the model, with a gradient for its inputs, and notes which nodes each module makes."""
    with inference_mode(False), untouched(model) as runnable:
        calls: list[Call] = []
        handles = []
        for path, part in runnable.named_modules():
            begin, end = _noting(runnable, path, calls)
            handles += [part.register_forward_pre_hook(begin, prepend=True), part.register_forward_hook(end)]
        given = [x.detach().requires_grad_() if _floats(x) else x for x in inputs]
        try:
            outputs = _tensors(runnable(*given))
        finally:
            for handle in handles:
                handle.remove()
    names = _names(dict(runnable.named_parameters()))
    floats = [x for x in given if _floats(x)]
    given_names = {id(x): "input" if len(floats) == 1 else f"input {i}" for i, x in enumerate(floats)}
    steps = _graph.collect(outputs, {**names, **given_names}, {}, calls, apart=given_names)
    return Drawing(outputs, _graph.grouped(steps, depth), limit)


def _noting(model: Module, path: str, calls: list[Call]) -> tuple[Any, Any]:
    """Hooks that note between which sequence numbers a module's nodes are made."""
    place = _graph.place_of(model, path)[-1]
    starts: list[int] = []

    def begin(*_: Any) -> None:
        starts.append(_sequence_number())

    def end(*_: Any) -> None:
        calls.append(Call(place._replace(call=len(calls) + 1), starts.pop(), _sequence_number()))

    return begin, end


def _sequence_number() -> int:
    """A number between those of the nodes made before and those made later."""
    return _PROBE.view_as(_PROBE).grad_fn.sequence_nr


_PROBE = Tensor(1).requires_grad_()


def _floats(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


def _names(params: Mapping[str, Tensor]) -> dict[int, str]:
    return {id(p): name for name, p in params.items()}


def _tensors(y: Any) -> list[Tensor]:
    """The tensors in a structure, in order."""
    found: list[Tensor] = []
    waiting = [y]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, Mapping):
            waiting += reversed(list(value.values()))
        elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            waiting += reversed(list(value))
        elif value is not None:
            raise TypeError(
                f"draw() takes a Tensor, a structure of Tensors, or a model and its inputs, not {type(value).__name__}"
            )
    if not found:
        raise TypeError("draw() was given no Tensor")
    return found


class Drawing:
    """A graph that prints as text, shows itself as a picture in a notebook, and can be saved; see ``draw``.

    ``steps``: its operators, oldest first, each with ``label``, ``shape``, ``inputs`` and ``leaves``.
    """

    def __init__(self, outputs: list[Tensor], root: Group, limit: int) -> None:
        self.steps = list(root.steps())
        self._root, self._limit = root, limit
        what = [f"shape {shape_text(y.shape)} and dtype {y.dtype.name}" for y in outputs]
        behind = f"a tensor of {what[0]}" if len(what) == 1 else f"{len(what)} tensors"
        self._title = f"{len(self.steps)} step{'s' if len(self.steps) != 1 else ''} behind {behind}"

    def __repr__(self) -> str:
        return self.text()

    def text(self) -> str:
        """A line for each step, indented by its modules; the last column has the numbers of the steps it reads from."""
        return "\n".join([self._title, *_rows(self._root, self._limit)])

    def dot(self) -> str:
        """The graph in the DOT language, for Graphviz."""
        lines = ["digraph {", '  node [shape=box, style="rounded", fontname=monospace];']
        lines += _dot_parts(self._root, "  ", iter(range(len(self.steps) + 1)))
        for step in self.steps:
            lines += [f"  s{source.number} -> s{step.number};" for source in step.inputs]
        return "\n".join([*lines, "}", ""])

    def svg(self) -> str:
        """The picture, or for a graph beyond the limit a card that says what there is."""
        return svg(self._root, self._card() if len(self.steps) > self._limit else None)

    _repr_svg_ = svg

    def _card(self) -> list[str]:
        counts = Counter(step.label for step in self.steps)
        most = ", ".join(f"{count} {label}" for label, count in counts.most_common(6))
        return [
            self._title,
            f"most frequent: {most}",
            f"too many for a readable picture: draw(..., depth=1) draws modules as boxes, limit={len(self.steps)} all",
        ]

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the graph to a file, as its name ends: ``.svg``, ``.dot`` or ``.txt``.

        Raises:
            ValueError: it ends otherwise.
        """
        kinds = {".svg": self.svg, ".dot": self.dot, ".gv": self.dot, ".txt": self.text}
        ending = next((kind for kind in kinds if str(path).lower().endswith(kind)), None)
        if ending is None:
            raise ValueError(f"draw can save .svg, .dot and .txt, but got {str(path)!r}")
        content = kinds[ending]()
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)


def _rows(root: Group, limit: int) -> list[str]:
    """The lines of the text: module heads and steps, aligned."""
    rows: list[list[str]] = []

    def add(group: Group, level: int) -> None:
        for part in group.parts:
            indent = "  " * level
            if isinstance(part, Group):
                rows.append(["", f"{indent}[{part.place}]", "", "", ""])
                add(part, level + 1)
            else:
                rows.append(_row(part, indent))

    add(root, 0)
    heads = ["", "step", "shape", "parameters", "from"]
    shown = rows
    if len(rows) > limit:
        half = max(limit // 2, 1)
        shown = [*rows[:half], ["", f"... {len(rows) - 2 * half} more lines ...", "", "", ""], *rows[-half:]]
    widths = [max(len(row[i]) for row in [heads, *shown]) for i in range(len(heads))]
    lines = []
    for row in [heads, *shown]:
        lines.append("  ".join([row[0].rjust(widths[0]), *map(str.ljust, row[1:], widths[1:])]).rstrip())
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _row(step: Step, indent: str) -> list[str]:
    leaves = ", ".join(map(str, step.leaves))
    grad = "" if step.grad_norm is None else f" |grad| {step.grad_norm:.3g}"
    sources = ", ".join(str(source.number) for source in step.inputs)
    title = f"[{step.title}] " if step.title else ""
    return [str(step.number), f"{indent}{title}{step.label}{grad}", shape_text(step.shape), leaves, sources]


def _dot_parts(group: Group, indent: str, numbers: Any) -> list[str]:
    lines = []
    for part in group.parts:
        if isinstance(part, Group):
            lines.append(f"{indent}subgraph cluster_{next(numbers)} {{")
            lines.append(f"{indent}  label={_quoted(str(part.place))};")
            lines += [*_dot_parts(part, indent + "  ", numbers), f"{indent}}}"]
        else:
            label = "\\n".join(_escaped(text) for text in step_lines(part))
            style = ', style="filled,rounded", fillcolor="#eef6ee"' if part.is_leaf else ""
            lines.append(f'{indent}s{part.number} [label="{label}"{style}];')
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'
