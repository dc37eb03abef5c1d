"""One file per interface: the same workloads, each written the way that library's users would write it.

A workload is a function of that file with the name and the options of a row of ``cases.py``. It returns a `Work`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np


class Work(NamedTuple):
    """What is timed, and the numbers that must be everybody's."""

    step: Callable[[], object]  # called again and again under the clock
    numbers: Callable[[], dict[str, np.ndarray]]  # called once, first
