"""The pictures beside the tables. matplotlib is imported when one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.cases import GROUPS, GROWTH, TARGETS, bytes_moved

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.contenders import Contender
    from benchmarks.runner import Result

COLOURS = {"numba": "#1b6ca8", "numpy": "#e08e0b"}
THEIRS = ("#444444", "#9b59b6", "#2e8b57", "#a0522d", "#c0392b")


def pyplot() -> Any:
    """matplotlib.pyplot, drawing into files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def ratios(results: Sequence[Result], rival: Contender, ours: Sequence[Contender], path: Path) -> bool:
    """Every row's ratio to one rival on a logarithmic axis, with its quartiles and the groups' targets."""
    groups = [g for g in GROUPS if any(r.case.group == g and rival in r.turns for r in results)]
    if not groups:
        return False
    plt = pyplot()
    y, ticks, labels = 0.0, [], []
    rows = [r for g in groups for r in results if r.case.group == g and rival in r.turns]
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.24 * (len(rows) + 1.6 * len(groups))))
    for group in groups:
        members = [r for r in rows if r.case.group == group]
        y += 1.6
        axes.text(0, y - 0.75, GROUPS[group], fontsize=8, fontweight="bold", transform=axes.get_yaxis_transform())
        top = y - 0.5
        for result in members:
            for i, contender in enumerate(c for c in ours if c in result.turns):
                ratio = result.ratio(contender, rival)
                at = y + 0.18 * (2 * i - 1) * (len(ours) > 1)
                colour = COLOURS[contender.kernels]
                axes.plot([ratio.low, ratio.high], [at, at], color=colour, lw=1.5, alpha=0.6)
                axes.plot([ratio.middle], [at], "o", ms=4.5, color=colour)
            ticks.append(y)
            labels.append(result.case.title)
            y += 1
        for contender in ours:
            target = TARGETS.get((group, rival.library, contender.kernels))
            if target:
                colour = COLOURS[contender.kernels]
                axes.plot([target.mean] * 2, [top, y - 0.5], "--", color=colour, lw=1)
    axes.axvline(1, color="black", lw=0.8)
    for contender in ours:
        axes.plot([], [], "o", ms=4.5, color=COLOURS[contender.kernels], label=f"{contender.name}")
    axes.plot([], [], "--", color="gray", lw=1, label="target for the group's mean")
    axes.set(xscale="log", ylim=(y, 0), xlabel=f"our time (memory) / {rival.name}'s: left of the line is better")
    axes.set_yticks(ticks, labels, fontsize=7.5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.3, 1.0), ncols=3, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True


def growth(results: Sequence[Result], contenders: Sequence[Contender], bandwidth: float, path: Path) -> bool:
    """Time against size, both logarithmic, beside the time that memory needs for five passes over the batch."""
    groups = [g for g in GROWTH if sum(r.case.group == g and bool(r.turns) for r in results) > 1]
    if not groups:
        return False
    plt = pyplot()
    columns = min(2, len(groups))
    lines = -(-len(groups) // columns)
    figure, grid = plt.subplots(lines, columns, figsize=(5 * columns, 4 * lines), squeeze=False)
    for axes, group in zip(grid.flat, groups):
        rows = [r for r in results if r.case.group == group]
        others = iter(THEIRS)
        for contender in contenders:
            points = [(r.case.at, r.figure(contender) * 1e6) for r in rows if contender in r.turns]
            if points:
                colour = COLOURS[contender.kernels] if contender.kernels else next(others)
                axes.plot(*zip(*points), marker=".", color=colour, label=contender.name)
        limits = [(r.case.at, bytes_moved(r.case) / bandwidth * 1e6) for r in rows if bytes_moved(r.case)]
        if limits:
            axes.plot(*zip(*limits), "--", color="gray", label=f"five passes at {bandwidth / 1e9:.0f} GB/s")
            first = min(r.figure(c) for r in rows for c in r.turns) * 1e6
            axes.set_ylim(bottom=first / 3)
        what, _, direction = GROWTH[group].partition(" against ")
        axes.set(xscale="log", yscale="log", xlabel=direction, ylabel="microseconds", title=what.rstrip(","))
        axes.title.set_fontsize(10)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    for axes in list(grid.flat)[len(groups) :]:
        axes.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True
