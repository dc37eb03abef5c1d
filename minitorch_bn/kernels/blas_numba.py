"""Matrix products for the compiled set: numpy's BLAS, each call in one thread, in the threads that the loops use too.

OpenBLAS keeps its own threads spinning for some time after a product, in which they take the processors away from the
loops that come next.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from minitorch_bn.kernels._compiled import watch_for_work
from minitorch_bn.kernels.threads import share, threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

OWN_THREADS = 1 << 18  # products of numbers: for no fewer OpenBLAS takes threads of its own
SHARED = 1 << 22  # products of numbers that one thread is done with before waking another has paid


def matmul(a, b):
    """(..., m, k) @ (..., k, n), or vectors: see ``blas_numpy.matmul``."""
    if a.ndim != 2 or b.ndim != 2 or threads() == 1 or a.dtype != b.dtype or a.dtype.char not in "fd":
        return np.matmul(a, b)
    (m, k), n = a.shape, b.shape[1]
    if m * k * n <= OWN_THREADS or k != len(b):
        return np.matmul(a, b)
    with _one_thread as limited:
        if not limited or m * k * n <= SHARED:
            return np.matmul(a, b)
        watch_for_work()
        c, parts = np.empty((m, n), a.dtype), threads()
        edges = [max(m, n) * i // parts for i in range(parts + 1)]
        if m >= n:
            share(np.matmul, [(a[i:j], b, c[i:j]) for i, j in pairwise(edges)])
        else:
            share(np.matmul, [(a, b[:, i:j], c[:, i:j]) for i, j in pairwise(edges)])
        return c


class _OneThread:
    """While any thread is inside, OpenBLAS takes no threads of its own; false if it cannot be told."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.before = 1

    def __enter__(self) -> bool:
        get, set_ = _openblas()
        if get is None or set_ is None:
            return False
        with self.lock:
            if not self.inside:
                self.before = get()
                set_(1)
            self.inside += 1
        return True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        set_ = _openblas()[1]
        if set_ is not None:
            with self.lock:
                self.inside -= 1
                if not self.inside:
                    set_(self.before)


def _after_fork() -> None:
    global _one_thread
    if _one_thread.inside:  # the threads that were inside are not in this process
        set_ = _openblas()[1]
        if set_ is not None:
            set_(_one_thread.before)
    _one_thread = _OneThread()


_one_thread = _OneThread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@cache
def _openblas() -> tuple[Callable[[], int] | None, Callable[[int], Any] | None]:
    """The functions of numpy's OpenBLAS that tell and set the number of its threads."""
    try:
        import ctypes

        with open("/proc/self/maps") as maps:
            paths = {line.split()[-1] for line in maps if "openblas" in line and "/numpy" in line}
        for path in sorted(paths):
            library = ctypes.CDLL(path)
            for name in ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads"):
                if hasattr(library, name.format("set")):
                    return getattr(library, name.format("get")), getattr(library, name.format("set"))
    except (ImportError, OSError):
        pass
    return None, None
