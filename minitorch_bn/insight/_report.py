"""What ``explain`` answers: sections of steps, printed for a terminal or shown as tables in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from minitorch_bn.insight._suspicions import suspicions
from minitorch_bn.insight._table import Table, paragraphs_html

if TYPE_CHECKING:
    from minitorch_bn._tensor import Tensor
    from minitorch_bn.insight.comparison import Comparison

_SHOWN = 4  # channels
_LISTED = 4  # values of a channel


class Step(NamedTuple):
    """One line of the calculation: a value per channel, or one for each element of the input."""

    name: str
    formula: str
    value: Tensor
    compared: Comparison | None


class Section(NamedTuple):
    """Steps that belong together, what they are compared with, and remarks below them."""

    name: str
    title: str
    against: str
    steps: list[Step]
    notes: list[str]


class Explanation:
    """Batch Normalization of one batch, explained; see ``explain``.

    ``values``: every intermediate by name, in float64: per channel, or in the layout of the input. ``comparisons``: how
    those that the layer computes too compare. ``findings``: what looks wrong, as sentences. ``ok``: whether the layer
    did what the formulas say.
    """

    def __init__(self, working: Any) -> None:
        w = working
        self.values: dict[str, Tensor] = w.values
        self.sections: list[Section] = w.sections
        self.comparisons = {s.name: s.compared for part in w.sections for s in part.steps if s.compared is not None}
        self.ok = all(compared.close for compared in self.comparisons.values()) and w.refusal is None
        self.findings, flagged = suspicions(w, self.comparisons)
        self._axis = w.axis
        self._channels = _choose(w.channels, flagged)
        self._heading = _heading(w, self._channels)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.values:
            raise KeyError(f"{name!r}; there are {', '.join(self.values)}")
        return self.values[name]

    def section(self, name: str) -> str:
        """One part as text: "forward", "running", "steps" or "closed".

        Raises KeyError where there is none: an empty batch has no steps, evaluation no running update.
        """
        for part in self.sections:
            if part.name == name:
                return "\n".join([self._table(part).text(), *part.notes])
        raise KeyError(f"{name!r}; there are {', '.join(part.name for part in self.sections) or 'none'}")

    def __repr__(self) -> str:
        parts = ["\n".join(self._heading), *(self.section(part.name) for part in self.sections)]
        if self.findings:
            parts.append("\n".join(["What looks wrong", *(f"- {finding}" for finding in self.findings)]))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<div>{paragraphs_html(self._heading)}", paragraphs_html(self.findings, "bad")]
        for part in self.sections:
            parts += [self._table(part).html(), paragraphs_html(part.notes)]
        return "".join([*parts, "</div>"])

    def _table(self, part: Section) -> Table:
        heads = ["", "", part.against, *(f"channel {c}" for c in self._channels)]
        rows, marks = [], {}
        for row, step in enumerate(part.steps):
            cells = [_cell(step.value, c, self._axis) for c in self._channels]
            rows.append([step.name, step.formula, str(step.compared or ""), *cells])
            if step.compared is not None:
                marks[row, 2] = _mark(step.compared)
        return Table(part.title, heads, rows, 3, marks)


def _mark(compared: Comparison) -> str:
    return "good" if compared.exact else "near" if compared.close else "bad"


def _choose(channels: int, flagged: list[int]) -> list[int]:
    """Which channels to show: all of a few, else the first ones and those that something is wrong with."""
    if channels <= _SHOWN:
        return list(range(channels))
    chosen = dict.fromkeys([0, *flagged, *range(channels)])
    return sorted(list(chosen)[:_SHOWN])


def _cell(value: Tensor, channel: int, axis: int) -> str:
    """A number, a few numbers, or the range of many."""
    if value.dim() == 1:
        return _number(value[channel].item())
    values = value.select(axis, channel).flatten()
    low, high = values.min().item(), values.max().item()
    if len(values) > 1 and low == high:
        return f"{_number(low)} each"
    if low != low and len(values) > _LISTED:
        return "nan"  # which min and max answer if there is one
    if len(values) <= _LISTED:
        return "  ".join(f"{v + 0.0:.3g}" for v in values.tolist())
    return f"{low + 0.0:.3g} .. {high + 0.0:.3g}"


def _number(value: float) -> str:
    return f"{value + 0.0:.4g}"  # + 0.0: no sign on a zero


def _heading(w: Any, shown: list[int]) -> list[str]:
    mode = "in training" if w.training else "in evaluation"
    lines = [
        "Batch Normalization, step by step",
        f"{w.bn!r}, {mode}",
        f"input {tuple(w.x.shape)}, {w.x.dtype.name}: {w.channels} channels of M = {w.count} values each",
    ]
    if not w.count:
        lines.append("An empty batch: nothing is normalised, no estimate moves, and it is not counted.")
    elif len(shown) < w.channels:
        lines.append(f"Channels {', '.join(map(str, shown))} of {w.channels} are shown; .values has all of them.")
    if w.held:
        lines.append("The running estimates are held at the moment: this batch does not move them.")
    if w.count > _LISTED:
        lines.append("Of a channel's many values the smallest and the largest are shown: min .. max.")
    return lines
