"""Plain loops, compiled by numba at their first call and shared among the processors.

The loops are ordinary functions: a file of them can be read, imported and tested without numba. A compiled loop
releases Python's global lock, and this module has threads of its own to share it among, because numba's either abort
when two Python threads call in (workqueue) or do not survive a fork (OpenMP).
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue
    from typing import Any

ALONE = 1 << 16  # elements that one thread is done with before another has woken up


class NotCompiled(Exception):
    """numba could not be imported, or could not compile a loop."""


class Loops:
    """A function whose last two parameters are the range of its outermost loop, whose steps are independent.

    >>> @Loops
    ... def double(x, y, start, stop):
    ...     for i in range(start, stop):
    ...         y[i] = 2 * x[i]
    >>> double.function([1, 2, 3], y := [0, 0, 0], 1, 3)
    >>> y
    [0, 4, 6]
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function
        self.compiled: Callable[..., None] | None = None

    def __call__(self, steps: int, size: int, *args: Any) -> None:
        """All steps; in parts, if ``size``, the number of elements they visit together, makes that pay."""
        try:
            _run(self.compiled or self._compile(cache=True), steps, size, args)
        except MemoryError:
            raise
        except Exception:  # perhaps the folder of the cache cannot be written, or what lies there not be read
            try:
                _run(self._compile(cache=False), steps, size, args)
            except Exception as error:
                raise NotCompiled(f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]) from error

    def _compile(self, cache: bool) -> Callable[..., None]:
        import numba

        # Sums may be taken in any order, which lets them be vectorised; NaN and infinities stay what they are.
        self.compiled = numba.njit(
            nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"}, cache=cache
        )(self.function)
        return self.compiled


def _run(compiled: Callable[..., None], steps: int, size: int, args: tuple) -> None:
    parts = min(threads(), steps) if size > ALONE else 1
    if parts == 1:
        compiled(*args, 0, steps)
    else:
        compiled(*args, 0, 0)  # if it cannot be compiled, that shows before any part has written anything
        _share(compiled, args, [steps * i // parts for i in range(parts + 1)])


# -- threads ---------------------------------------------------------------------------------------------------------


class _Part:
    """One part of a loop, for another thread to run."""

    def __init__(self, function: Callable[..., None], args: tuple) -> None:
        self.function, self.args = function, args
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def run(self) -> None:
        try:
            self.function(*self.args)
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
        self.starting = threading.Lock()

    def queue(self) -> SimpleQueue:
        if self.parts is None:
            with self.starting:
                if self.parts is None:
                    from queue import SimpleQueue

                    parts: SimpleQueue = SimpleQueue()
                    for _ in range(self.size - 1):
                        threading.Thread(target=_work, args=(parts,), name="minitorch_bn", daemon=True).start()
                    self.parts = parts
        return self.parts


def _work(parts: SimpleQueue) -> None:
    while True:
        parts.get().run()


def _new_team() -> None:
    global _team
    _team = _Team()


_new_team()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_team)  # a fork copies none of the threads


def threads() -> int:
    """How many threads share a loop: as many as this process has processors, or ``OMP_NUM_THREADS`` if that is less."""
    return _team.size


def _share(function: Callable[..., None], args: tuple, edges: list[int]) -> None:
    """Runs ``function(*args, start, stop)`` between all neighbouring edges at once, the first part in this thread."""
    queue = _team.queue()
    others = [_Part(function, (*args, *edge)) for edge in zip(edges[1:-1], edges[2:])]
    for part in others:
        queue.put(part)
    try:
        function(*args, *edges[:2])
    finally:  # the others write to arrays of the caller
        for part in others:
            part.done.acquire()
    for part in others:
        if part.error is not None:
            raise part.error
