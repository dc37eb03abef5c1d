"""Whether the tape records: one switch per thread, set by contexts that also work as decorators."""

from __future__ import annotations

import contextvars
import functools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


class Mode:
    """The switches of a thread; a new one starts with recording on.

    ``quietly(f, *args)`` calls ``f`` with numpy's floating-point warnings off: inf and nan are values here. It runs in
    a context of the thread's own where they are off for good, which costs a twentieth of switching them off and on.
    """

    def __init__(self) -> None:
        self.grad = True
        self.inference = False
        self.asked = False  # whether inside inference_mode, which records nothing, somebody switched recording on
        # whether, in this backward pass, code of the user's has had a gradient in its hands
        self.gradients_seen = False
        # while a checkpoint computes again: running estimates have seen this batch already
        self.frozen_statistics = False
        # for each vmap around: the version counters of what it takes slices of
        self.mapped: tuple[frozenset[int], ...] = ()
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")
        self.quietly = context.run


class _Thread(threading.local):
    """The running thread. To look up its ``mode`` takes a while: what runs often does so once."""

    def __init__(self) -> None:
        self.mode = Mode()


thread = _Thread()


def is_grad_enabled() -> bool:
    """Whether operations on this thread are recorded.

    >>> import minitorch_bn as torch
    >>> with torch.no_grad():
    ...     torch.is_grad_enabled()
    False
    """
    return thread.mode.grad or thread.mode.asked


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside ``inference_mode``.

    >>> import minitorch_bn as torch
    >>> torch.is_inference_mode_enabled()
    False
    """
    return thread.mode.inference


class _GradContext:
    """Base of the contexts: enter sets the switches, exit puts back what was there; decorates functions too."""

    grad = True
    inference: bool | None = None  # None: leave as it is
    _before: list[tuple[bool, bool, bool]]

    def __enter__(self) -> None:
        mode = thread.mode
        self.__dict__.setdefault("_before", []).append((mode.grad, mode.inference, mode.asked))
        if self.inference is not None:
            mode.inference = self.inference
        self._switch()

    def __exit__(self, *exc: object) -> None:
        mode = thread.mode
        mode.grad, mode.inference, mode.asked = self._before.pop()

    def _switch(self) -> None:
        mode = thread.mode
        mode.grad, mode.asked = self.grad and not mode.inference, self.grad and mode.inference

    def clone(self) -> _GradContext:
        """A fresh context of the same kind, so that a decorated function may be entered recursively or by threads."""
        return type(self)()

    def __call__(self, func: Callable) -> Callable:
        import inspect  # only decorating needs it, and it is slow to import

        if inspect.isgeneratorfunction(func):
            return self._wrap_generator(func)

        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return func(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, func: Callable) -> Callable:
        """The mode holds inside the generator's own steps only, never in the code that consumes it."""

        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator = func(*args, **kwargs)
            send, value = generator.send, None
            while True:
                try:
                    with self.clone():
                        item = send(value)
                except StopIteration as stop:
                    return stop.value
                try:
                    send, value = generator.send, (yield item)
                except GeneratorExit:
                    with self.clone():
                        generator.close()
                    raise
                except BaseException as error:  # thrown in by the consumer: hand it to the generator
                    send, value = generator.throw, error

        return wrapped


class _NoArgumentContext(_GradContext):
    """Contexts that may also be used bare: ``@no_grad`` as well as ``@no_grad()``."""

    def __new__(cls, func: Callable | None = None) -> Any:
        context = super().__new__(cls)
        return context if func is None else context(func)


class no_grad(_NoArgumentContext):
    """Nothing inside is recorded; results do not require grad.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> with torch.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    grad = False


class enable_grad(_NoArgumentContext):
    """Recording is on inside, also within ``no_grad``; but ``inference_mode`` records nothing whatever is inside.

    >>> import minitorch_bn as torch
    >>> with torch.no_grad(), torch.enable_grad():
    ...     torch.is_grad_enabled()
    True
    """

    grad = True


class set_grad_enabled(_GradContext):
    """Sets recording on or off: at once when called as a function, undone at the end when used as a context.

    >>> import minitorch_bn as torch
    >>> with torch.set_grad_enabled(False):
    ...     torch.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.grad = bool(mode)
        self._before = [(thread.mode.grad, thread.mode.inference, thread.mode.asked)]
        self._switch()

    def __enter__(self) -> None:
        # the state to return to was noted on construction, which already switched
        self._switch()

    def __repr__(self) -> str:  # a notebook shows it where the call ends a cell
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.grad})"

    def clone(self) -> set_grad_enabled:
        return type(self)(self.grad)

    def __call__(self, func: Callable) -> Callable:
        # as a decorator it must not leave the switch thrown at definition time
        thread.mode.grad, _, thread.mode.asked = self._before[0]
        return super().__call__(func)


class inference_mode(_GradContext):
    """``no_grad`` for pure evaluation; ``inference_mode(False)`` switches recording back on inside.

    >>> import minitorch_bn as torch
    >>> with torch.inference_mode():
    ...     torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    (True, False)
    """

    def __new__(cls, mode: Any = True) -> Any:
        if callable(mode):
            return cls()(mode)
        context = super().__new__(cls)
        context.inference = bool(mode)
        context.grad = not mode
        return context

    def clone(self) -> inference_mode:
        return type(self)(self.inference)
