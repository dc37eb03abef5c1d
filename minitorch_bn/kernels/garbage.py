"""numba's hundred thousand objects, made when it is loaded and first used, are there to stay.

Python looks for garbage whenever many objects are new, at every such look among all of them, and it finds none: a fifth
of the time that numba's start takes.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def none_collected() -> Iterator[None]:
    """Python looks for no garbage meanwhile, and afterwards only at length among what was made: it counts as old.

    >>> import gc
    >>> with none_collected():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    if not gc.isenabled():  # so somebody wants it, or another thread is here too
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # else somebody froze objects, which must stay so
            gc.freeze()
            gc.unfreeze()  # into the oldest generation
        gc.enable()
