"""The process of one contender: prepares a workload, shows its numbers, and times it when it is its turn.

Started by ``runner.py``; each line it reads and writes is a JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.libraries import Work

FILES = {"minitorch_bn": "torch_like", "torch": "torch_like"}  # others have a file of their own name
FEWEST = 3  # steps of a turn, unless one is as long as the turn


def workloads(library: str) -> Any:
    """The workloads of ``libraries/`` for that library."""
    file = FILES.get(library, f"{library}_")
    return import_module(f"benchmarks.libraries.{file}").Workloads(library)


def times(step: Callable[[], object], seconds: float) -> list[float]:
    """Seconds of each step, for that long; the first steps are not counted, they bring the caches back."""
    clock = time.perf_counter
    warm = clock() + seconds / 5
    step()
    while clock() < warm:
        step()
    taken: list[float] = []
    end = clock() + seconds
    while clock() < end or len(taken) < (FEWEST if taken and taken[0] < seconds else 1):
        start = clock()
        step()
        taken.append(clock() - start)
    return taken


def serve(library: str) -> None:
    """Answers requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not stand between the answers
    prepared: Work | None = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            if "describe" in request:
                answer = machine.library(library)
            elif "workload" in request:
                make = getattr(workloads(library), request["workload"], None)
                prepared = make(**request["options"]) if make else None
                if prepared is None:
                    answer["absent"] = True
                else:
                    np.savez(request["numbers"], **prepared.numbers())
            else:
                assert prepared is not None
                answer["times"] = times(prepared.step, request["seconds"])
        except Exception as error:
            traceback.print_exc()
            answer["error"] = f"{type(error).__name__}: {error}".split("\n")[0]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
