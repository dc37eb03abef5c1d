"""The memory that training steps need at their peak, above what the process had before.

    python -m benchmarks.memory minitorch_bn '{"batch": 64, "image": 3, "channels": 32, "side": 32}'

A step on two images comes first, so that code which is loaded at first use is not counted.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.worker import workloads

STATUS = Path("/proc/self/status")


def resident(field: str) -> int:
    """Bytes of memory that are there, VmRSS, or were at the peak, VmHWM."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def peak(library: str, options: dict[str, Any]) -> dict[str, Any]:
    """Peak above the start in bytes, and the losses of the steps."""
    make = workloads(library).cnn
    make(**{**options, "batch": 2}).numbers()
    work = make(**options)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back, so that it is counted when it is taken again
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    losses = work.numbers()["losses"]
    return {"figure": resident("VmHWM") - before, "numbers": {"losses": losses.tolist()}}


if __name__ == "__main__":
    if not STATUS.exists():
        sys.exit("the peak of memory is read from Linux's /proc, which is not here")
    print(json.dumps(peak(sys.argv[1], json.loads(sys.argv[2]))))
