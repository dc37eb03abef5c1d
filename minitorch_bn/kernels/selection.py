"""Which kernels compute: numpy's, the readable reference that is always there, or loops that numba compiles.

The operators take their kernels from here, ``norm.batch_norm(...)``; a kernel is looked up at its first call. Where the
compiled set has no kernel of a name, because numpy is as fast, the reference serves both. The first loop that runs
imports numba: a program without loops does not wait for it.
"""

from __future__ import annotations

import os
import threading
import warnings
from functools import wraps
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING

from minitorch_bn.kernels.heap import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

VARIABLE = "MINITORCH_BN_KERNELS"
SETS = ("auto", "numpy", "numba")

_lock = threading.RLock()
_families: list[Family] = []
_choice = os.environ.get(VARIABLE) or "auto"
_failure: str | None = None  # why the compiled kernels are not used although they are chosen
_started = False


class Family:
    """The kernels of one family, ``<name>_numpy.py`` or ``<name>_numba.py``."""

    def __init__(self, name: str) -> None:
        self._name = name
        _families.append(self)

    def __getattr__(self, kernel: str) -> Any:  # only for what is not in __dict__ yet
        if kernel.startswith("__"):
            raise AttributeError(kernel)
        with _lock:
            found = _find(self._name, kernel)
            self.__dict__[kernel] = found
        return found

    def _forget(self) -> None:
        self.__dict__ = {"_name": self._name}


class use:
    """Chooses the kernels: "numpy", "numba" or "auto", numba if it is installed; from now on, or for a ``with`` block.

    At first the environment variable ``MINITORCH_BN_KERNELS`` chooses, "auto" if it is not set. The choice is that of
    the whole process.

    Raises ValueError for another name, ImportError for "numba" where it cannot be imported.

    >>> import minitorch_bn as torch
    >>> from minitorch_bn import kernels
    >>> with kernels.use("numpy"):
    ...     kernels.in_use(), torch.nn.functional.batch_norm(torch.tensor([[1.0], [3.0]]), None, None, training=True)
    ('numpy', tensor([[-1.0000],
            [ 1.0000]]))
    """

    def __init__(self, kernels: str) -> None:
        _check(kernels)
        if kernels == "numba":
            try:
                import numba  # noqa: F401
            except ImportError as error:
                raise ImportError(
                    f'the compiled kernels need numba ({error}): pip install "minitorch_bn[fast]"', name="numba"
                ) from error
        self._before = _choice
        _choose(kernels)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _choose(self._before)


def in_use() -> str:
    """The kernels that compute at the moment, "numpy" or "numba"."""
    with _lock:
        return "numba" if _failure is None and _wants_numba() else "numpy"


def _check(kernels: str) -> None:
    if kernels not in SETS:
        raise ValueError(f"there are kernels {', '.join(map(repr, SETS))}, but not {kernels!r}")


def _choose(kernels: str) -> None:
    global _choice, _failure
    with _lock:
        _choice, _failure = kernels, None
        for family in _families:
            family._forget()


def _wants_numba() -> bool:
    _check(_choice)  # the environment variable may hold anything
    if _choice == "auto":
        from importlib.util import find_spec

        return find_spec("numba") is not None
    return _choice == "numba"


def _find(family: str, kernel: str) -> Any:
    global _started
    if not _started:
        _started = True
        keep_freed_memory()
    plain = getattr(import_module(f"minitorch_bn.kernels.{family}_numpy"), kernel)
    if in_use() == "numpy":
        return plain
    compiled = getattr(import_module(f"minitorch_bn.kernels.{family}_numba"), kernel, None)
    return plain if compiled is None else _guarded(compiled, plain)


def _guarded(compiled: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """The compiled kernel, or the plain one if the first turns out not to compile."""
    from minitorch_bn.kernels._compiled import NotCompiled

    @wraps(compiled)
    def kernel(*args: Any) -> Any:
        try:
            return compiled(*args)
        except NotCompiled as error:
            _give_up(str(error))
            return plain(*args)

    return kernel


def _give_up(reason: str) -> None:
    """From now on numpy's kernels compute; says so once."""
    global _failure
    with _lock:
        said = _failure is not None
        _failure = reason
        for family in _families:
            family._forget()
    if not said:
        warnings.warn(
            f"numba does not work here ({reason}); numpy's kernels are used, which are slower. "
            f"Set {VARIABLE}=numpy to choose them yourself.",
            RuntimeWarning,
            stacklevel=2,
        )
