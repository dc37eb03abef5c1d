"""Freed memory stays with the process: the system clears every fresh page, which can take longer than the arithmetic.

The GNU C library, from which numpy has its memory, gives large arrays back to the system as soon as they are freed.
The step of a training frees and asks for the same sizes again and again, so it is told to keep them, within limits.
``MINITORCH_BN_KEEP_MEMORY=0`` leaves its settings alone; so does whoever has set them already in the environment.
"""

from __future__ import annotations

import os

VARIABLE = "MINITORCH_BN_KEEP_MEMORY"
LARGEST = 1 << 28  # bytes: a larger array has pages of its own, which go back to the system with it
KEPT = 1 << 29  # bytes: so much freed memory may stay at the end of the heap

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # names of parameters in malloc.h


def keep_freed_memory() -> bool:
    """Tells the C library so, where it is GNU's and nobody has settings of his own; whether it did."""
    settings = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
    if os.environ.get(VARIABLE) == "0" or any(name.startswith(settings) for name in os.environ):
        return False
    try:
        import ctypes

        library = ctypes.CDLL(None)
        if not hasattr(library, "gnu_get_libc_version"):
            return False
        return bool(library.mallopt(_MMAP_THRESHOLD, LARGEST) and library.mallopt(_TRIM_THRESHOLD, KEPT))
    except (ImportError, OSError, AttributeError, TypeError):  # no ctypes, or no such library: Windows, macOS, musl
        return False
