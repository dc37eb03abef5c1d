"""Tables in Markdown whose columns also stand in line in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.cases import GROUPS, TARGETS, Target
from benchmarks.contenders import BOUND
from benchmarks.summary import Ratio, duration, geometric_mean, short, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contenders import Contender
    from benchmarks.runner import Result


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column to the left, the others to the right.

    >>> print(markdown(["row", "time"], [["a", "12 us"], ["longer", "3 ms"]]))
    | row    |  time |
    |:-------|------:|
    | a      | 12 us |
    | longer |  3 ms |
    """
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, widths)))
        return "| " + " | ".join((first, *rest)) + " |"

    rule = "|:" + "-" * (widths[0] + 1) + "|" + "".join("-" * (w + 1) + ":|" for w in widths[1:])
    return "\n".join((line(head), rule, *map(line, rows)))


def verdict(target: Target | None, ratios: Sequence[float]) -> str:
    """The target and whether it is met.

    >>> verdict(Target(0.33, row=1.0), [0.1, 0.2])
    '<= 0.33, rows <= 1.00: met'
    >>> verdict(Target(0.33, row=1.0), [0.01, 1.2])
    '<= 0.33, rows <= 1.00: NOT met'
    >>> verdict(None, [0.1])
    ''
    """
    if target is None:
        return ""
    limits = f"<= {short(target.mean)}"
    if target.row < 1e6:
        limits += f", rows <= {short(target.row)}"
    return f"{limits}: {'met' if target.met(ratios) else 'NOT met'}"


def figure(result: Result, contender: Contender) -> str:
    """Its time, or its memory."""
    return {"s": duration, "B": size}[result.case.unit](result.figure(contender))


def against(results: Sequence[Result], rival: Contender, ours: Sequence[Contender]) -> str:
    """One group against one rival; empty if they share no row."""
    ours = [c for c in ours if any(c in r.turns and rival in r.turns for r in results)]
    if not ours:
        return ""
    head = ["", *(c.name for c in ours), rival.name, *(f"{c.kernels} / {rival.name}" for c in ours)]
    rows: list[list[str]] = []
    columns: list[list[Ratio]] = [[] for _ in ours]
    for result in results:
        if rival not in result.turns:
            continue
        cells = [figure(result, c) if c in result.turns else "-" for c in (*ours, rival)]
        for contender, column in zip(ours, columns):
            if contender in result.turns:
                column.append(result.ratio(contender, rival))
                cells.append(str(column[-1]))
            else:
                cells.append("-")
        rows.append([result.case.title, *cells])
    blank = [""] * (len(ours) + 1)
    middles = [[r.middle for r in column] for column in columns]
    group = results[0].case.group
    targets = [verdict(TARGETS.get((group, rival.library, c.kernels)), m) for c, m in zip(ours, middles)]
    rows.append(["geometric mean", *blank, *(short(geometric_mean(m)) for m in middles)])
    if any(targets):
        rows.append(["target", *blank, *targets])
    return markdown(head, rows)


def summary(results: Sequence[Result], contenders: Sequence[Contender]) -> str:
    """The geometric mean of each group against each rival, and its target."""
    ours = [c for c in contenders if c.kernels]
    lines = []
    for group, title in GROUPS.items():
        for rival in (c for c in contenders if not c.kernels and c.library != BOUND):
            cells = []
            for contender in ours:
                both = [r for r in results if r.case.group == group and contender in r.turns and rival in r.turns]
                ratios = [r.ratio(contender, rival).middle for r in both]
                target = TARGETS.get((group, rival.library, contender.kernels))
                cells += [short(geometric_mean(ratios)), verdict(target, ratios)] if ratios else ["-", ""]
            if any(cell not in ("-", "") for cell in cells):
                lines.append([title, rival.name, *cells])
    if not lines:
        return ""
    heads = [head for c in ours for head in (c.name, "target")]
    return f"### Geometric means, our time or memory over theirs\n\n{markdown(['', 'against', *heads], lines)}"


def report(results: Sequence[Result], contenders: Sequence[Contender]) -> str:
    """Every group against every rival, or the times alone where there is no rival."""
    ours = [c for c in contenders if c.kernels]
    parts = []
    for group in GROUPS:
        rows = [r for r in results if r.case.group == group and r.turns]
        if not rows:
            continue
        tables = [t for c in contenders if not c.kernels and (t := against(rows, c, ours))]
        if not tables:
            cells = [[r.case.title, *(figure(r, c) if c in r.turns else "-" for c in ours)] for r in rows]
            tables = [markdown(["", *(c.name for c in ours)], cells)]
        parts.append(f"### {GROUPS[group]}\n\n" + "\n\n".join(tables))
    return "\n\n".join(parts)
