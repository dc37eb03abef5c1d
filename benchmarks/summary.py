"""Medians, ratios with their spread, geometric means."""

from __future__ import annotations

from math import exp, log
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Take = Callable[[Sequence[float]], float]


class Ratio(NamedTuple):
    """One figure over all turns, and how far single turns lie apart."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{short(self.middle)} ({short(self.low)}-{short(self.high)})"


def ratio(ours: Sequence[float], theirs: Sequence[float], take: Take = median) -> Ratio:
    """Our time over theirs, turn by turn: what slows the machine down for a while slows both.

    With ``take=min``, for a machine that is never free, the best turns of either are compared, and the range is that of
    the best third, first with first, second with second.

    >>> print(ratio([1.0, 2.0, 3.0], [2.0, 4.0, 4.0]))
    0.50 (0.50-0.62)
    >>> print(ratio([9.0, 1.0, 3.0, 8.0, 7.0, 9.0], [8.0, 2.0, 2.0, 7.0, 6.0, 5.0], min))
    0.50 (0.50-1.50)
    """
    if take is min:
        best = [a / b for a, b in zip(sorted(ours), sorted(theirs))]
        best = best[: -(-len(best) // 3)]
        return Ratio(best[0], min(best), max(best))
    each = [a / b for a, b in zip(ours, theirs)]
    low, _, high = quantiles(each, n=4, method="inclusive") if len(each) > 1 else each * 3
    return Ratio(median(each), low, high)


def geometric_mean(values: Sequence[float]) -> float:
    """The mean that treats twice as fast and twice as slow alike.

    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    return exp(sum(map(log, values)) / len(values))


def short(value: float) -> str:
    """A ratio in three digits, or two behind the point.

    >>> [short(v) for v in (0.04567, 0.4567, 4.567, 45.67, 456.7)]
    ['0.046', '0.46', '4.57', '45.7', '457']
    """
    return f"{value:.{3 if value < 0.0995 else 2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def duration(seconds: float) -> str:
    """A time with its unit, in three digits.

    >>> [duration(s) for s in (12.3e-6, 0.00456, 0.0789, 1.23)]
    ['12.3 us', '4.56 ms', '78.9 ms', '1.23 s']
    """
    for limit, unit in ((1e-3, "us"), (1.0, "ms")):
        if seconds < limit:
            value = seconds / limit * 1000
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
    return f"{seconds:.2f} s"


def size(bytes_: float) -> str:
    """Memory with its unit, in three digits.

    >>> size(12_345_678)
    '12.3 MB'
    """
    value = bytes_ / 1e6
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} MB"
