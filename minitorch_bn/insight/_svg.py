"""A graph as SVG: text in boxes, lines between them."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from minitorch_bn.insight._graph import Group, Step, shape_text
from minitorch_bn.insight._layout import HEADER, PADDING, Box, Line, lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

_FONT, _CHAR, _LINE = 12, 7.3, 16.0  # pixels: monospace letters are 0.6 of their height wide, and a little room
_FILL = {True: "#e6f4ea", False: "#ffffff"}  # leaves, operators
_BLUE = "#4078c0"  # modules
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.0f} {h:.0f}" '
    f'font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{_FONT}">'
)
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#7a7a7a"/></marker></defs>'
)


def step_lines(step: Step) -> list[str]:
    """What stands in the box of a step: its module and name, the shape of its result, its parameters."""
    title = [step.title] if step.title else []
    grad = [] if step.grad_norm is None else [f"|grad| {step.grad_norm:.3g}"]
    return [*title, step.label, shape_text(step.shape), *grad, *map(str, step.leaves)]


def svg(root: Group, card: Sequence[str] | None = None) -> str:
    """The picture of a graph, or of a card with some lines of text."""
    if card is not None:
        width, height = _text_size(card)
        parts = _box(0, 0, width, height, card)
    else:
        box = lay_out(root, lambda step: _text_size(step_lines(step)), _title_width)
        width, height = box.width, box.height
        parts = [_ARROW, *_group(box, 0.0, 0.0)]
    return "".join([_HEAD.format(w=width, h=height), *parts, "</svg>"])


def _text_size(lines: Sequence[str]) -> tuple[float, float]:
    return max(map(len, lines)) * _CHAR + 20, len(lines) * _LINE + 12


def _title_width(group: Group) -> float:
    return len(str(group.place)) * _CHAR if group.place else 0.0


def _group(box: Box, x: float, y: float) -> list[str]:
    """Everything in a group whose top left corner is at (x, y): frames, then lines, then boxes."""
    group = box.content
    parts = []
    if isinstance(group, Group) and group.place is not None:
        frame = f'x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
        parts.append(f'<rect {frame} rx="8" fill="{_BLUE}" fill-opacity=".07" stroke="{_BLUE}" stroke-opacity=".5"/>')
        title = escape(str(group.place))
        parts.append(f'<text x="{x + PADDING:.1f}" y="{y + HEADER - 4:.1f}" fill="{_BLUE}">{title}</text>')
    parts += [_line(line, x, y) for line in box.lines]
    for inner in box.boxes:
        at = x + inner.x, y + inner.y
        if isinstance(inner.content, Group):
            parts += _group(inner, *at)
        elif inner.content is not None:
            step = inner.content
            parts += _box(*at, inner.width, inner.height, step_lines(step), step.is_leaf, bool(step.title))
    return parts


def _box(
    x: float, y: float, width: float, height: float, lines: Sequence[str], leaf: bool = False, titled: bool = False
) -> list[str]:
    frame = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    parts = [f'<rect {frame} rx="5" fill="{_FILL[leaf]}" stroke="{_BLUE if titled else "#555"}"/>']
    for number, line in enumerate(lines):
        at = f'x="{x + width / 2:.1f}" y="{y + 18 + number * _LINE:.1f}"'
        color = _BLUE if titled and not number else "#222"
        weight = ' font-weight="bold"' if number == titled else ""
        parts.append(f'<text {at} text-anchor="middle" fill="{color}"{weight}>{escape(line)}</text>')
    return parts


def _line(line: Line, x: float, y: float) -> str:
    """A line that bends between rows; with an arrow where it ends at a step."""
    points = [(x + px, y + py) for px, py in line.points()]
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        bend = f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
        path.append(f"V{y1:.1f}" if x0 == x1 else bend)
    arrow = ' marker-end="url(#arrow)"' if isinstance(line.way[-1].content, Step) else ""
    return f'<path d="{"".join(path)}" fill="none" stroke="#7a7a7a"{arrow}/>'
