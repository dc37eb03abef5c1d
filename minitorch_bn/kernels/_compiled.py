"""Plain loops, compiled by numba at their first call and shared among the processors.

The loops are ordinary functions: a file of them can be read, imported and tested without numba. A compiled loop
releases Python's global lock, so the threads of ``threads.py`` can share it. numba's own either abort when two Python
threads call in (workqueue) or do not survive a fork (OpenMP).
"""

from __future__ import annotations

from itertools import pairwise
from types import FunctionType
from typing import TYPE_CHECKING

import numpy as np

from minitorch_bn.kernels import threads as team
from minitorch_bn.kernels.garbage import none_collected
from minitorch_bn.kernels.tiles import instructions

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class NotCompiled(Exception):
    """numba could not be imported, or could not compile a loop."""


class Loops:
    """A function whose last two parameters are the range of its outermost loop, whose steps are independent.

    Its sums may be taken in any order, which lets them be vectorised, unless they are ``ordered``; ``exact`` loops
    round like numpy, to the last bit.

    >>> @Loops
    ... def double(x, y, start, stop):
    ...     for i in range(start, stop):
    ...         y[i] = 2 * x[i]
    >>> double.function([1, 2, 3], y := [0, 0, 0], 1, 3)
    >>> y
    [0, 4, 6]
    """

    def __init__(
        self, function: Callable[..., None], allowed: tuple[str, ...] = ("contract", "nsz", "reassoc")
    ) -> None:
        self.function = function
        self.allowed = set(allowed)  # of numba's fastmath; NaN and infinities stay what they are
        self.compiled: Callable[..., None] | None = None

    def __call__(self, steps: int, size: int, *args: Any) -> None:
        """All steps; in parts, if ``size``, the number of elements they visit together, makes that pay."""
        try:
            if self.compiled is None:
                with none_collected():
                    _run(self._compile(cache=True), steps, size, args)
            elif size <= team.ALONE:
                self.compiled(*args, 0, steps)
            else:
                _run(self.compiled, steps, size, args)
        except MemoryError:
            raise
        except Exception:  # perhaps the folder of the cache cannot be written, or what lies there not be read
            try:
                _run(self._compile(cache=False), steps, size, args)
            except Exception as error:
                raise NotCompiled(f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]) from error

    def _compile(self, cache: bool) -> Callable[..., None]:
        import numba

        names = self.function.__globals__
        for name, value in list(names.items()):
            if isinstance(value, FunctionType) and hasattr(value, "is_inner"):
                names[name] = numba.njit(error_model="numpy")(value)
            elif isinstance(value, FunctionType) and hasattr(value, "is_instruction"):
                names[name] = instructions()[name]
        self.compiled = numba.njit(nogil=True, error_model="numpy", fastmath=self.allowed, cache=cache)(self.function)
        return self.compiled


def inner(function: Callable) -> Callable:
    """A function that the loops of its module call: compiled together with the first of them."""
    function.is_inner = True  # type: ignore[attr-defined]
    return function


def ordered(function: Callable[..., None]) -> Loops:
    """``Loops`` that compute in the order in which it is written."""
    return Loops(function, ("contract", "nsz"))


def exact(function: Callable[..., None]) -> Loops:
    """``Loops`` that also round where it is written: a * b + c twice."""
    return Loops(function, ())


def _run(compiled: Callable[..., None], steps: int, size: int, args: tuple) -> None:
    parts = min(team.threads(), steps) if size > team.ALONE else 1
    if parts == 1:
        compiled(*args, 0, steps)
    else:
        compiled(*args, 0, 0)  # if it cannot be compiled, that shows before any part has written anything
        watch_for_work()
        edges = [steps * i // parts for i in range(parts + 1)]
        team.share(compiled, [(*args, *edge) for edge in pairwise(edges)])


def watch_for_work() -> None:
    """Before work is shared: from now on threads watch for it a while before they go to sleep."""
    if team.watch is None:
        with none_collected():
            team.watch = _compiled_watch()


def watch(mark, number, value, times):
    """See ``threads.watch``."""
    mark[0] = 1
    for _ in range(times):
        if number[0] != value:
            break
        np.empty(1)  # a call the compiler does not see through: it has to read the number again


def _compiled_watch() -> Callable[..., None]:
    for cache in (True, False):
        try:
            import numba

            compiled = numba.njit(nogil=True, cache=cache)(watch)
            compiled(np.zeros(1, np.int64), np.zeros(1, np.int64), 0, 1)
            return compiled
        except Exception:  # as for loops; and without it there is nothing but sleep
            continue
    return lambda *args: None
