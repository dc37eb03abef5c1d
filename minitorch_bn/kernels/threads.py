"""Threads that share a piece of work. numpy and compiled loops release Python's global lock while they compute."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from contextvars import copy_context
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue
    from typing import Any

FEW = 1 << 16  # elements that one thread is done with before another one's part pays, even if that is awake
ALONE = 1 << 18  # elements that one thread is done with before waking another has paid
PATIENCE = 2000  # rounds, about a millisecond, that a thread without work stays awake

# To put a thread to sleep and wake it takes longer than many a piece of work. Where there are compiled loops, a thread
# without work first stays awake for some time, without Python's lock: serve(box, rounds), see ``_handover.py``.
serve: Callable[[int, int], None] | None = None
NO_BOXES = np.zeros(0, np.int64)
# Numbers in a box: not 0 while its thread is awake there; not 0 to have it leave; the processor, from 1, of who gave it
# work last.
STATE, CALLED, PLACE = 0, 1, 7


class _Part:
    """One part of the work, for another thread to do."""

    def __init__(self, function: Callable[..., None], args: tuple) -> None:
        self.function, self.args = function, args
        self.context = copy_context()  # numpy's errstate lives there
        self.processor = _processor()()  # of who gives it away
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def run(self) -> None:
        try:
            self.context.run(self.function, *self.args)
        except BaseException as error:
            self.error = error
        self.done.release()


class _Team:
    """Threads that wait for parts; they are started when the first part comes, and once more after a fork."""

    def __init__(self) -> None:
        ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        asked = os.environ.get("OMP_NUM_THREADS", "")
        self.size = min(ours, max(int(asked), 1)) if asked.isdecimal() else ours
        self.parts: SimpleQueue | None = None
        self.memory = np.zeros((self.size - 1, 16), np.int64)  # a box for each of the other threads
        self.boxes = self.memory.ctypes.data + self.memory.strides[0] * np.arange(self.size - 1)
        self.starting = threading.Lock()

    def queue(self) -> SimpleQueue:
        if self.parts is None:
            with self.starting:
                if self.parts is None:
                    from queue import SimpleQueue

                    parts: SimpleQueue = SimpleQueue()
                    for number in range(self.size - 1):
                        threading.Thread(
                            target=_work, args=(self, parts, number), name="minitorch_bn", daemon=True
                        ).start()
                    self.parts = parts
        return self.parts


def _work(team: _Team, parts: SimpleQueue, number: int) -> None:
    box, here = team.boxes[number].item(), _processor()
    allowed = os.sched_getaffinity(0) if here() >= 0 else set()
    while True:
        team.memory[number, CALLED] = 0
        if serve is not None and parts.empty():
            team.memory[number, PLACE] = 0
            serve(box, PATIENCE)
            if team.memory[number, PLACE] == here() + 1 > 0:
                _leave(here(), allowed)
                continue
        part = parts.get()
        if part.processor == here() >= 0:
            _leave(part.processor, allowed)
        part.run()
        del part  # its arrays are the caller's


@cache
def _processor() -> Callable[[], int]:
    """A function that tells the number of the processor that the calling thread is on; -1 where the system does not."""
    try:
        import ctypes

        if hasattr(os, "sched_setaffinity"):
            return ctypes.PyDLL(None).sched_getcpu
    except (ImportError, OSError, AttributeError, TypeError):
        pass
    return lambda: -1


def tells_processor() -> bool:
    """Whether the system does, in its function ``sched_getcpu``."""
    return _processor()() >= 0


def _leave(processor: int, allowed: set[int]) -> None:
    """Keeps the calling thread off that processor.

    After a pause the system may let two threads wake on one processor, and does not part them for some tenth of a
    second, in which each waits for the other.
    """
    if len(allowed) > 1:
        with suppress(OSError):
            os.sched_setaffinity(0, allowed - {processor})


def _new_team() -> None:
    global _team
    _team = _Team()


_team = _Team()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_team)  # a fork copies none of the threads


def threads() -> int:
    """How many threads share work: as many as this process has processors, or ``OMP_NUM_THREADS`` if that is less."""
    return _team.size


def boxes(most: int) -> np.ndarray | None:
    """The addresses of the boxes of some other threads; None if all of them are asleep."""
    return _team.boxes[:most] if _team.memory[:most, STATE].any() else None


def share(function: Callable[..., None], parts: list[tuple[Any, ...]]) -> None:
    """Calls ``function(*part)`` for all parts at once, the first in this thread; returns when all are done.

    >>> doubled = [0, 0, 0]
    >>> def double(i):
    ...     doubled[i] = 2 * i
    >>> share(double, [(0,), (1,), (2,)])
    >>> doubled
    [0, 2, 4]
    """
    if threads() == 1 or len(parts) == 1:
        for part in parts:
            function(*part)
        return
    others = [_Part(function, part) for part in parts[1:]]
    team = _team
    queue = team.queue()
    for other in others:
        queue.put(other)
    team.memory[:, CALLED] = 1  # who is awake at a box comes to the queue
    try:
        function(*parts[0])
    finally:  # the others write to arrays of the caller
        for other in others:
            other.done.acquire()
    for other in others:
        if other.error is not None:
            raise other.error
