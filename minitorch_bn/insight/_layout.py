"""Where the boxes of a drawing go: rows from top to bottom, a group laid out inside before it is placed as one box.

The steps of Sugiyama, Tagawa and Toda (1981): rows by the longest path, invisible points where a line passes a row, the
order in a row by the mean place of the neighbours, then places as near to the neighbours as the order allows. A line
that leaves a group crosses its border at a port, which is a box without size in the group's first or last row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from minitorch_bn.insight._graph import Group, Step

if TYPE_CHECKING:
    from collections.abc import Callable

GAP, ROW_GAP, PADDING, HEADER = 24.0, 26.0, 14.0, 20.0
_SWEEPS = 8


@dataclass(eq=False)
class Box:
    """A step, a group, a port or a point on a long line. ``x``, ``y``: its top left corner in the group around it."""

    width: float
    height: float
    content: Step | Group | None = None
    x: float = 0.0
    y: float = 0.0
    row: int = 0
    span: tuple[float, float] = (0.0, 0.0)  # from where to where its row goes
    above: list[Box] = field(default_factory=list)
    below: list[Box] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)  # of a group: what lies inside,
    lines: list[Line] = field(default_factory=list)  # and the lines between them
    ins: dict[Step, Box] = field(default_factory=dict)  # where the line from a step enters a group,
    outs: dict[Step, Box] = field(default_factory=dict)  # and where it leaves

    @property
    def center(self) -> float:
        return self.x + self.width / 2


class Line(NamedTuple):
    """What carries the result of a step: the boxes it passes, one in each row."""

    source: Step
    way: list[Box]

    def points(self) -> list[tuple[float, float]]:
        """Straight down beside the boxes of a row, from side to side only between rows."""
        found = []
        for number, box in enumerate(self.way):
            x, (top, bottom) = self._x(box), box.span
            if number:
                found += [(x, top), (x, box.y)]
            if number < len(self.way) - 1:
                found += [(x, box.y + box.height), (x, bottom)]
        return [point for point, later in zip(found, [*found[1:], None]) if point != later]

    def _x(self, box: Box) -> float:
        """The middle of a box; for a group the port where the line enters or leaves."""
        ports = box.ins if box is self.way[-1] else box.outs
        return box.x + ports[self.source].center if isinstance(box.content, Group) else box.center


def lay_out(group: Group, size: Callable[[Step], tuple[float, float]], title_width: Callable[[Group], float]) -> Box:
    """A box for the group with everything in it placed; ``size``: the width and height of a step."""
    readers: dict[Step, list[Step]] = {}
    for step in group.steps():
        for source in dict.fromkeys(step.inputs):
            readers.setdefault(source, []).append(step)
    return _Level(group, readers, size, title_width).box


class _Level:
    """The layout of one group."""

    def __init__(self, group: Group, readers: dict[Step, list[Step]], size: Any, title_width: Any) -> None:
        self.box = box = Box(0, 0, group)
        self.home: dict[Step, Box] = {}  # each step inside -> the box of this level that has it
        for part in group.parts:
            if isinstance(part, Group):
                child = _Level(part, readers, size, title_width).box
                self.home.update(dict.fromkeys(part.steps(), child))
            else:
                width, height = size(part)
                child = Box(width, height, part)
                self.home[part] = child
            box.boxes.append(child)
        wires = self._wires(readers)
        self._rows(wires)
        self._lines(wires)
        self._place(self._ordered(), title_width(group))

    def _wires(self, readers: dict[Step, list[Step]]) -> list[tuple[Box, Box, Step]]:
        """(from, to, the step whose result it carries) for all boxes of this level, ports included."""
        home, box = self.home, self.box
        wires: dict[tuple[Box, Box, Step], None] = {}  # an ordered set
        for target, at in home.items():
            for source in target.inputs:
                start = home.get(source)
                if start is None:
                    start = box.ins.setdefault(source, Box(0, 0))
                if start is not at:
                    wires[start, at, source] = None
        for source, start in home.items():
            if any(reader not in home for reader in readers.get(source, ())):
                wires[start, box.outs.setdefault(source, Box(0, 0)), source] = None
        return list(wires)

    def _rows(self, wires: list[tuple[Box, Box, Step]]) -> None:
        """Each box in the row below all it reads from; sources just above the first that reads them."""
        above: dict[Box, list[Box]] = {}
        below: dict[Box, list[Box]] = {}
        for a, b, _ in wires:
            above.setdefault(b, []).append(a)
            below.setdefault(a, []).append(b)
        last = 1
        for box in self.box.boxes:  # in the order of the steps, so what is above comes first; ports stay in row 0
            box.row = max((a.row + 1 for a in above.get(box, ())), default=1)
            last = max(last, box.row + 1)
        for box in self.box.outs.values():
            box.row = last
        for box in self.box.boxes:
            if box not in above and box in below:
                box.row = min(b.row for b in below[box]) - 1
        self.box.boxes += [*self.box.ins.values(), *self.box.outs.values()]

    def _lines(self, wires: list[tuple[Box, Box, Step]]) -> None:
        """Lines as chains from row to row. Those that carry the same result share their invisible points."""
        chains: dict[tuple[Box, Step], list[Box]] = {}
        for a, b, source in wires:
            chain = chains.setdefault((a, source), [a])
            while len(chain) < b.row - a.row:
                point = Box(0, 0, row=chain[-1].row + 1)
                _join(chain[-1], point)
                chain.append(point)
                self.box.boxes.append(point)
            way = [*chain[: b.row - a.row], b]
            _join(way[-2], b)
            self.box.lines.append(Line(source, way))

    def _ordered(self) -> list[list[Box]]:
        """The rows, each in an order with few crossings."""
        rows: list[list[Box]] = [[] for _ in range(max((box.row for box in self.box.boxes), default=0) + 1)]
        for box in self.box.boxes:
            rows[box.row].append(box)
        place = {box: float(i) for row in rows for i, box in enumerate(row)}
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            for row in rows if down else reversed(rows):
                for box in row:
                    near = box.above if down else box.below
                    if near:
                        place[box] = sum(place[other] for other in near) / len(near)
                row.sort(key=place.__getitem__)
                place.update((box, i - len(row) / 2) for i, box in enumerate(row))
        return rows

    def _place(self, rows: list[list[Box]], title_width: float) -> None:
        for row in rows:
            _spread(row, [0.0] * len(row))
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            for row in rows if down else reversed(rows):
                _spread(row, [_wanted(box, box.above if down else box.below) for box in row])
        box = self.box
        left = min((b.x for b in box.boxes), default=0.0)
        right = max((b.x + b.width for b in box.boxes), default=0.0)
        box.width = max(right - left, title_width) + 2 * PADDING
        shift = (box.width - (right - left)) / 2 - left
        y = 0.0
        for number, row in enumerate(rows):
            height = max((b.height for b in row), default=0.0)
            for b in row:
                b.x += shift
                b.y = y + (height - b.height) / 2
                b.span = (y, y + height)
            y += height
            if not number:
                y += PADDING + (HEADER if title_width else 0)
            elif number < len(rows) - 1:
                y += ROW_GAP
        box.height = y if box.outs else y + PADDING


def _join(a: Box, b: Box) -> None:
    a.below.append(b)
    b.above.append(a)


def _wanted(box: Box, near: list[Box]) -> float:
    """Where the middle of a box would best be: among its neighbours."""
    return sum(b.center for b in near) / len(near) if near else box.center


def _spread(row: list[Box], wanted: list[float]) -> None:
    """Puts the boxes of a row, in their order and without overlap, as near to the wanted middles as that allows."""
    clusters: list[list[Any]] = []  # [boxes, offsets of their middles, sum of wanted starts]
    for box, middle in zip(row, wanted):
        clusters.append([[box], box.width, middle - box.width / 2])
        while len(clusters) > 1 and _start(clusters[-2]) + clusters[-2][1] + GAP > _start(clusters[-1]):
            boxes, width, starts = clusters.pop()
            before = clusters[-1]
            before[2] += starts - len(boxes) * (before[1] + GAP)
            before[0] += boxes
            before[1] += GAP + width
    for cluster in clusters:
        x = _start(cluster)
        for box in cluster[0]:
            box.x = x
            x += box.width + GAP


def _start(cluster: list[Any]) -> float:
    return cluster[2] / len(cluster[0])
