"""The pictures of ``monitor``, drawn with matplotlib."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from minitorch_bn.insight.monitor import _is_bias

_BINS = 60
_CHANNELS = 3  # of a BatchNorm layer


def figure_of(m: Any, layers: int) -> Any:
    """All records of a monitor as one figure."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('monitor.plot() needs matplotlib: pip install "minitorch_bn[examples]"') from None
    if not m.activations and not m.updates:
        raise RuntimeError("monitor.plot(): nothing was noted yet: train a step, in training mode, before close()")
    shown = _chosen(list(m.activations), layers)
    norms = _chosen(list(m.batch_norm), 2)
    rows = bool(shown) + 2 + bool(norms)
    figure: Any = Figure(figsize=(12, 3.1 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    figure._repr_png_ = lambda: _png(figure)  # so that a notebook shows it, whichever backend it has
    grids = iter(figure.subfigures(rows, 1) if rows > 1 else [figure])
    if shown:
        for axes, path in zip(np.atleast_1d(next(grids).subplots(1, len(shown))), shown):
            _histograms(axes, m.activations[path], m._name(path))
    axes = next(grids).subplots(1, 2)
    _spreads(axes[0], m, m.activations, "spread (std) of the outputs")
    _fractions(axes[1], m)
    axes = next(grids).subplots(1, 2)
    _spreads(axes[0], m, m.gradients, "spread (std) of the outputs' gradients")
    _updates(axes[1], m)
    if norms:
        for pair, path in zip(np.split(next(grids).subplots(1, 2 * len(norms)), len(norms)), norms):
            _estimates(pair, m.batch_norm[path], m._name(path))
    return figure


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80)
    return file.getvalue()


def _chosen(paths: list[str], count: int) -> list[str]:
    """At most ``count`` of them, evenly spread, the first and the last among them."""
    if len(paths) <= count:
        return paths
    return [paths[round(i * (len(paths) - 1) / max(count - 1, 1))] for i in range(count)]


def _histograms(axes: Any, records: list[Any], title: str) -> None:
    """Time from left to right, values upwards, how many there are as darkness."""
    low = min(r.edges[0] for r in records)
    high = max(r.edges[-1] for r in records)
    grid = np.linspace(low, high, _BINS + 1)
    columns = []
    for r in records:  # each bin's share is spread evenly over it, and cut along the common grid
        below = np.concatenate([[0], np.cumsum(r.counts)]) / max(r.counts.sum(), 1)
        columns.append(np.diff(np.interp(grid, r.edges, below)))
    steps = [r.step for r in records]
    extent = (steps[0] - 0.5, steps[-1] + 0.5, low, high)
    image = np.sqrt(np.array(columns).T)  # the root, so that few values are seen beside many
    axes.imshow(image, aspect="auto", origin="lower", extent=extent, cmap="Blues", interpolation="nearest")
    _titled(axes, f"outputs of {title}")


def _spreads(axes: Any, m: Any, records: dict[str, list[Any]], title: str) -> None:
    for path, known in records.items():
        axes.plot(*_series(known, "std"), label=m._name(path))
    axes.set_yscale("log")
    _titled(axes, title, legend=True)


def _fractions(axes: Any, m: Any) -> None:
    for path, records in m.activations.items():
        for name, style in (("saturated", "-"), ("dead", "--")):
            if getattr(records[-1], name) is not None:
                axes.plot(*_series(records, name), style, label=f"{m._name(path)}, {name}")
    axes.set_ylim(-0.03, 1.03)
    _titled(axes, "saturated outputs and dead channels", legend=True)


def _updates(axes: Any, m: Any) -> None:
    for name, records in m.updates.items():
        if not _is_bias(name):
            axes.plot(*_series(records, "ratio"), label=name)
    axes.axhline(1e-3, color="black", linestyle=":", linewidth=1)
    axes.set_yscale("log")
    _titled(axes, "update / data (dotted: 1e-3)", legend=True)


def _estimates(pair: Any, records: list[Any], title: str) -> None:
    """Thin: each batch's own; thick: the running estimate."""
    steps = [r.step for r in records]
    for axes, what in zip(pair, ("mean", "var")):
        for channel in range(min(_CHANNELS, len(records[0].batch_mean))):
            color = f"C{channel}"
            axes.plot(
                steps, [getattr(r, f"batch_{what}")[channel] for r in records], color=color, alpha=0.4, linewidth=0.8
            )
            axes.plot(steps, [getattr(r, f"running_{what}")[channel] for r in records], color=color, linewidth=2)
        _titled(axes, f"{title}\n{what}: running (thick), batch (thin)")


def _series(records: list[Any], name: str) -> tuple[list[int], list[float]]:
    return [r.step for r in records], [getattr(r, name) for r in records]


def _titled(axes: Any, title: str, legend: bool = False) -> None:
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("step", fontsize=8)
    axes.tick_params(labelsize=7, which="both")
    if legend and 0 < len(axes.lines) <= 14 and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=6, loc="best", ncols=2)
