"""Matrix products for the compiled set: numpy's BLAS, each call in one thread, in the threads that the loops use too.

OpenBLAS keeps its own threads spinning for some time after a product, in which they take the processors away from the
loops that come next.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minitorch_bn.kernels import blas_numpy as reference
from minitorch_bn.kernels._compiled import Loops, primitive
from minitorch_bn.kernels.threads import threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

OWN_THREADS = 1 << 18  # products of numbers: for no fewer OpenBLAS takes threads of its own
ROW_MAJOR, AS_IT_IS, TRANSPOSED = 101, 111, 112  # names in cblas.h
SHARED = 1 << 20  # products of numbers that one thread is done with before another one's part pays


def matmul(a, b):
    """(..., m, k) @ (..., k, n), or vectors: see ``blas_numpy.matmul``."""
    if a.size * b.shape[-1] <= OWN_THREADS or a.ndim != 2 or b.ndim != 2 or a.shape[1] != len(b) or threads() == 1:
        return reference.matmul(a, b)
    if a.dtype != b.dtype or a.dtype.char not in "fd":
        return reference.matmul(a, b)
    (m, k), n = a.shape, b.shape[1]
    with _one_thread as limited:
        product = _openblas().product.get(a.dtype.char)
        flip_a, flip_b = not a.flags.c_contiguous, not b.flags.c_contiguous
        if flip_a:
            a = a.T
        if flip_b:
            b = b.T
        if not limited or m * k * n <= SHARED or not product or not a.flags.c_contiguous or not b.flags.c_contiguous:
            return reference.matmul(a.T if flip_a else a, b.T if flip_b else b)
        c = np.empty((m, n), a.dtype)
        _multiply(max(m, n), m * k * n, product, a, b, c, flip_a, flip_b, m >= n)
        return c


@Loops
def _multiply(product, a, b, c, flip_a, flip_b, by_rows, start, stop):
    """c = a b: some of its rows, or columns. a and b may be given as their transposes."""
    size, one = c.itemsize, c.dtype.type(1)
    (m, n), k = c.shape, a.shape[0 if flip_a else 1]
    first_a, first_b, first_c = a.ctypes.data, b.ctypes.data, c.ctypes.data
    if by_rows:
        m = stop - start
        first_a += start * size * (1 if flip_a else k)
        first_c += start * size * n
    else:
        n = stop - start
        first_b += start * size * (k if flip_b else 1)
        first_c += start * size
    if m > 0 and n > 0:
        columns = c.shape[1]
        gemm(product, flip_a, flip_b, m, n, k, one, first_a, a.shape[1], first_b, b.shape[1], first_c, columns)


@primitive
def gemm(typing, product, flip_a, flip_b, m, n, k, one, a, lda, b, ldb, c, ldc):
    """C = A B, for the addresses of arrays in C order; A and B are transposed first if so asked.

    ``product`` is the address of cblas_?gemm, ``one`` the number 1 in the dtype of the arrays.
    """
    from llvmlite.ir import FunctionType, IntType, VoidType
    from numba import boolean, int64, types

    def generate(context, builder, signature, args):
        product, flip_a, flip_b, m, n, k, one, *places = args
        number, enum, size = one.type, IntType(32), IntType(64)
        pointer = number.as_pointer()
        matrix = [pointer, size]
        kinds = [enum, enum, enum, size, size, size, number, *matrix, *matrix, number, *matrix]
        function = builder.inttoptr(product, FunctionType(VoidType(), kinds).as_pointer())
        order = enum(ROW_MAJOR)
        orders = [
            builder.select(builder.trunc(flip, IntType(1)), enum(TRANSPOSED), enum(AS_IT_IS))
            for flip in (flip_a, flip_b)
        ]
        a, lda, b, ldb, c, ldc = places
        a, b, c = (builder.inttoptr(address, pointer) for address in (a, b, c))
        builder.call(function, [order, *orders, m, n, k, one, a, lda, b, ldb, number(0.0), c, ldc])
        return context.get_dummy_value()

    return types.void(int64, boolean, boolean, *[int64] * 3, one, *[int64] * 6), generate


class _OneThread:
    """While any thread is inside, OpenBLAS takes no threads of its own; false if it cannot be told."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.before = 1

    def __enter__(self) -> bool:
        get, set_, _ = _openblas()
        if get is None or set_ is None:
            return False
        with self.lock:
            if not self.inside:
                self.before = get()
                set_(1)
            self.inside += 1
        return True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        set_ = _openblas().set_threads
        if set_ is not None:
            with self.lock:
                self.inside -= 1
                if not self.inside:
                    set_(self.before)


def _after_fork() -> None:
    global _one_thread
    if _one_thread.inside:  # the threads that were inside are not in this process
        set_ = _openblas().set_threads
        if set_ is not None:
            set_(_one_thread.before)
    _one_thread = _OneThread()


_one_thread = _OneThread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _OpenBLAS(NamedTuple):
    get_threads: Callable[[], int] | None
    set_threads: Callable[[int], Any] | None
    product: dict[str, int]  # for each dtype the address of cblas_?gemm with 64-bit sizes


@cache
def _openblas() -> _OpenBLAS:
    """What there is of numpy's OpenBLAS."""
    try:
        import ctypes

        with open("/proc/self/maps") as maps:
            paths = {line.split()[-1] for line in maps if "openblas" in line and "/numpy" in line}
        for path in sorted(paths):
            library = ctypes.CDLL(path)
            for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("", "")):
                get, set_, single, double = (
                    getattr(library, f"{prefix}{name}{suffix}", None)
                    for name in ("openblas_get_num_threads", "openblas_set_num_threads", "cblas_sgemm", "cblas_dgemm")
                )
                if get is not None and set_ is not None:
                    known = {"f": single, "d": double} if suffix and single is not None and double is not None else {}
                    addresses = {char: ctypes.cast(f, ctypes.c_void_p).value or 0 for char, f in known.items()}
                    return _OpenBLAS(get, set_, addresses)
    except (ImportError, OSError):
        pass
    return _OpenBLAS(None, None, {})
