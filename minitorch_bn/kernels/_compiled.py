"""Plain loops, compiled by numba at their first call and shared among the processors.

The loops are ordinary functions: a file of them can be read, imported and tested without numba. A compiled loop
releases Python's global lock, so the threads of ``threads.py`` can share it. numba's own either abort when two Python
threads call in (workqueue) or do not survive a fork (OpenMP).
"""

from __future__ import annotations

import functools
import os
import sys
from itertools import pairwise
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING
from zlib import crc32

from minitorch_bn.kernels import threads as team
from minitorch_bn.kernels.garbage import none_collected
from minitorch_bn.kernels.tiles import instructions

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
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
        self.shared: Callable[..., int] | None = None  # with threads that are awake
        self.can_be_shared = True

    def __call__(self, steps: int, size: int, *args: Any) -> Any:
        """All steps; in parts, if ``size``, the number of elements they visit together, makes that pay.

        Gives what the function does, unless there are parts.
        """
        try:
            if self.compiled is None:
                with none_collected():
                    return self._run(steps, size, args, cache=True)
            if size <= team.FEW:
                return self.compiled(*args, 0, steps)
            return self._run(steps, size, args, cache=True)
        except MemoryError:
            raise
        except Exception:  # perhaps the folder of the cache cannot be written, or what lies there not be read
            self.compiled, self.can_be_shared = None, False
            try:
                return self._run(steps, size, args, cache=False)
            except Exception as error:
                raise NotCompiled(f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]) from error

    def _run(self, steps: int, size: int, args: tuple, cache: bool) -> Any:
        compiled = self.compiled or self._compile(cache)
        parts = min(team.threads(), steps, 2 * size // team.FEW) if size > team.FEW else 1
        boxes = team.boxes(parts - 1) if parts > 1 and self.can_be_shared else None
        if boxes is not None:
            if (self.shared or self._compile_shared(args))(boxes, steps, args):
                raise MemoryError("a part of a loop had no memory to work in")
        elif parts > 1 and size > team.ALONE:
            compiled(*args, 0, 0)  # if it cannot be compiled, that shows before any part has written anything
            if self.can_be_shared and self.shared is None:
                self._compile_shared(args)
            stay_awake()
            edges = [steps * i // parts for i in range(parts + 1)]
            team.share(compiled, [(*args, *edge) for edge in pairwise(edges)])
        else:
            return compiled(*args, 0, steps)
        return None

    def _compile(self, cache: bool) -> Callable[..., None]:
        import numba

        _fork_while_nothing_is_compiled()
        function = _with_version(self.function) if cache else self.function
        prepare(function.__globals__)
        self.compiled = numba.njit(nogil=True, error_model="numpy", fastmath=self.allowed, cache=cache)(function)
        return self.compiled

    def _compile_shared(self, args: tuple) -> Callable[..., int]:
        from minitorch_bn.kernels._handover import compile_share

        with none_collected():
            self.shared = compile_share(self.compiled)
            self.shared(team.NO_BOXES, 0, args)
        return self.shared


def inner(function: Callable) -> Callable:
    """A function that the loops of its module call, compiled together with the first of them.

    It rounds where it is written. Left unsaid, it would be allowed what that first loop is.
    """
    function.is_inner = {"fastmath": False}  # type: ignore[attr-defined]
    return function


def reordered(function: Callable) -> Callable:
    """Such a function whose sums may be taken in any order, even where those of its loop may not."""
    function.is_inner = {"fastmath": {"contract", "nsz", "reassoc"}}  # type: ignore[attr-defined]
    return function


def fused(function: Callable) -> Callable:
    """Such a function in which a * b + c may be rounded once; however long, it becomes part of its loop."""
    function.is_inner = {"fastmath": {"contract"}, "forceinline": True}  # type: ignore[attr-defined]
    return function


def elementwise(formula: Callable[..., Any], template: Callable[..., None], allowed: tuple[str, ...] = ()) -> Loops:
    """The loops of ``template`` for the inner function of an array's elements for which ``formula`` stands there.

    They live, as far as numba can tell, in the file of that function: when it changes, they are compiled again.
    """
    formula = getattr(formula, "py_func", formula)  # if it is compiled already
    names = tuple([formula.__name__ if name == "formula" else name for name in template.__code__.co_names])
    code = template.__code__.replace(co_names=names, co_filename=formula.__code__.co_filename)
    return Loops(
        named(f"{template.__name__}_{formula.__name__}", code, formula.__globals__, formula.__module__), allowed
    )


def named(name: str, code: CodeType, names: dict[str, Any], module: str) -> FunctionType:
    """A function under a name by which numba's cache knows it."""
    function = FunctionType(code, names, name)
    function.__qualname__, function.__module__ = name, module
    return function


@functools.cache
def _fork_while_nothing_is_compiled() -> None:
    """Else the copy of numba's lock would stay locked in the child: a fork copies no thread that could release it."""
    if hasattr(os, "register_at_fork"):
        from numba.core.compiler_lock import global_compiler_lock as lock

        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)


def _with_version(function: Any) -> FunctionType:
    """The same under a name that tells the version of the other files whose functions become part of it.

    numba's cache notices only when the loop's own file changes.
    """
    name = f"{function.__name__}_{_version(function.__module__):x}"
    return named(name, function.__code__, function.__globals__, function.__module__)


@functools.cache
def _version(module: str) -> int:
    files = [str(sys.modules[name].__file__) for name in sorted(_modules(module, set()) - {module})]
    return crc32(b"".join([Path(file).read_bytes() for file in files]))


def _modules(module: str, found: set[str]) -> set[str]:
    """This one, and those of the kernels' modules whose functions are among its names, and so on."""
    found.add(module)
    for value in vars(sys.modules[module]).values():
        other = getattr(value, "__module__", None)
        if isinstance(other, str) and other.startswith(f"{__package__}.") and other not in found:
            _modules(other, found)
    return found


def primitive(function: Callable) -> Any:
    """A function of types that writes machine code, which loops call: one of ``numba.extending.intrinsic``."""
    function.is_primitive = True  # type: ignore[attr-defined]
    return function


def prepare(names: dict[str, Any]) -> None:
    """Makes numba's of the inner functions and primitives among the globals of a module."""
    import numba

    for name, value in list(names.items()):
        if isinstance(value, FunctionType):
            if hasattr(value, "is_inner"):
                names[name] = numba.njit(error_model="numpy", **value.is_inner)(value)
                if value.__globals__ is not names:
                    prepare(value.__globals__)
            elif hasattr(value, "is_primitive"):
                names[name] = numba.extending.intrinsic(value)
            elif hasattr(value, "is_instruction"):
                names[name] = instructions()[name]


def ordered(function: Callable[..., None]) -> Loops:
    """``Loops`` that compute in the order in which it is written."""
    return Loops(function, ("contract", "nsz"))


def exact(function: Callable[..., None]) -> Loops:
    """``Loops`` that also round where it is written: a * b + c twice."""
    return Loops(function, ())


def stay_awake() -> None:
    """From now on the threads of the team stay awake for some time after a piece of work."""
    if team.serve is None:
        with none_collected():
            team.serve = _compiled_serve()


def _compiled_serve() -> Callable[[int, int], None]:
    for cache in (True, False):
        try:
            from minitorch_bn.kernels._handover import compile_serve

            return compile_serve(cache)
        except Exception:  # as for loops; and without it there is nothing but sleep
            continue
    return lambda *args: None
