"""Cost against size: the table, and how far from a straight line."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from benchmarks.cases import GROWTH, bytes_moved
from benchmarks.summary import duration
from benchmarks.tables import markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contenders import Contender
    from benchmarks.runner import Result


def slope(sizes: Sequence[float], times: Sequence[float]) -> float:
    """The exponent of growth, by least squares on logarithms: 1 is linear.

    >>> slope([1, 2, 4], [3.0, 6.0, 12.0])
    1.0
    """
    x, y = [log(v) for v in sizes], [log(v) for v in times]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y)) / sum((a - mx) ** 2 for a in x)


def report(results: Sequence[Result], contenders: Sequence[Contender], bandwidth: float) -> str:
    """A table for each direction of growth; under it the exponent over the larger half of the sizes."""
    parts = []
    for group, title in GROWTH.items():
        rows = [r for r in results if r.case.group == group and r.turns]
        if len(rows) < 2:
            continue
        present = [c for c in contenders if all(c in r.turns for r in rows)]
        limited = any(bytes_moved(r.case) for r in rows)
        table = []
        for r in rows:
            limit = [duration(bytes_moved(r.case) / bandwidth)] if limited else []
            table.append(
                [r.case.title.removeprefix("growth").strip(" ,"), *(duration(r.figure(c)) for c in present), *limit]
            )
        upper = rows[len(rows) // 2 - 1 :]
        exponents = [slope([r.case.at for r in upper], [r.figure(c) for r in upper]) for c in present]
        last = ["growth, larger half", *(f"n^{e:.2f}" for e in exponents), *(["n^1"] if limited else [])]
        head = ["", *(c.name for c in present), *(["memory limit"] if limited else [])]
        parts.append(f"### {title}\n\n{markdown(head, [*table, last])}")
    return "\n\n".join(parts)
