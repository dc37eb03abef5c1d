"""Turns that other programs disturb: noticed, repeated, counted."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.machine import cores

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
REST = 0.05  # seconds before a turn
RESTS = 6  # at most, until nothing computes: the threads of the one before may spin for a tenth of a second and more
DISTURBED = 0.1  # of the processors' time


class Quiet:
    """Repeats turns in which other programs computed, for as long as patience lasts, and counts those that remain."""

    def __init__(self, patience: float) -> None:
        self.patience, self.turns, self.disturbed = patience, 0, 0

    def wait(self, turn: Callable[[], T], own: Callable[[], float]) -> T:
        """What the turn answers; ``own`` is the processor time of what runs in it."""
        while True:
            start = time.perf_counter()
            rest()
            watch = Watch(own)
            answer = turn()
            disturbed = watch.disturbed()
            if not disturbed or self.patience <= 0:
                self.turns += 1
                self.disturbed += disturbed
                return answer
            self.patience -= time.perf_counter() - start

    def notes(self) -> list[str]:
        """A line if there is something to say."""
        if self.disturbed <= self.turns * DISTURBED:
            return []
        return [f"other programs computed during {self.disturbed} of {self.turns} turns"]


def rest() -> None:
    """Waits until the threads of the turn before sleep; on a machine that others keep busy, only so long."""
    for _ in range(RESTS):
        before = processor_time()
        time.sleep(REST)
        if processor_time() - before <= 0.02:  # two ticks of the counters
            break


class Watch:
    """What other programs compute while something runs: Linux counts the processors' time for everybody together."""

    def __init__(self, own: Callable[[], float]) -> None:
        self.own = own  # the processor time of what runs, in seconds
        self.start = self._now()

    def _now(self) -> tuple[float, float, float]:
        return time.perf_counter(), processor_time(), self.own()

    def disturbed(self) -> bool:
        """Whether others took more than a tenth of the processors since the start."""
        (t0, all0, own0), (t1, all1, own1) = self.start, self._now()
        return (all1 - all0) - (own1 - own0) > DISTURBED * cores() * (t1 - t0) + 0.02  # two ticks of the counters


def processor_time() -> float:
    """Seconds that all processors have computed, or were taken away; 0 where the system does not tell."""
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return 0.0
    user, nice, system, _, _, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def time_of_process(pid: int) -> float:
    """Seconds that all threads of that process have computed; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
