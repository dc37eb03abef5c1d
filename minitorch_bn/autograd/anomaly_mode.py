"""Finding the operation behind a NaN: while it is on, every node notes its forward line, and backward looks for NaN.

Off, it costs one look at a global for each node: ``node`` and ``engine`` are told where to report when it is turned on.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd import engine
from minitorch_bn.autograd import node as nodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_running = threading.local()  # .node: whose rule this thread is running

_enabled = False
_check_nan = True


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on, in all threads.

    >>> import minitorch_bn as torch
    >>> torch.is_anomaly_enabled()
    False
    """
    return _enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection, while it is on, looks for NaN.

    >>> import minitorch_bn as torch
    >>> torch.is_anomaly_check_nan_enabled()
    True
    """
    return _check_nan


def _set(enabled: bool, check_nan: bool) -> None:
    global _enabled, _check_nan
    _enabled, _check_nan = enabled, check_nan
    nodes.set_trace(_note_origin if enabled else None)
    engine.set_watch(_watched if enabled else None)


class set_detect_anomaly:
    """Turns anomaly detection on or off: at once when called, undone at the end when used as a context.

    Args:
        mode: on or off.
        check_nan: whether backward raises a RuntimeError as soon as a gradient has a NaN in it.

    An error in backward then comes with a warning that shows where in the forward pass the failing node was made.

    >>> import minitorch_bn as torch
    >>> with torch.autograd.set_detect_anomaly(True):
    ...     torch.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        for name, value, position in (("enabled", mode, 1), ("check_nan", check_nan, 2)):
            if not isinstance(value, bool):
                raise TypeError(
                    f"set_anomaly_enabled(): argument '{name}' (position {position}) must be bool, not "
                    f"{type(value).__name__}"
                )
        self._before = (_enabled, _check_nan)
        _set(mode, check_nan)

    def __enter__(self) -> None:
        pass  # the construction already switched

    def __exit__(self, *exc: object) -> None:
        _set(*self._before)


class detect_anomaly:
    """Anomaly detection as a context or decorator; it warns, since every operation becomes slower.

    Backward inside raises a RuntimeError where the first NaN arises, unless ``check_nan=False``, and a warning shows
    the forward line that the failing node came from, if that ran inside too.

    >>> import warnings
    >>> import minitorch_bn as torch
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     with torch.autograd.detect_anomaly():
    ...         x = torch.tensor([-1.0, 4.0], requires_grad=True)
    ...         try:
    ...             x.sqrt().sum().backward()
    ...         except RuntimeError as error:
    ...             str(error).splitlines()[0]
    "Function 'SqrtBackward0' returned nan values in its 0th output."
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self._before: list[tuple[bool, bool]] = []
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._before.append((_enabled, _check_nan))
        _set(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        _set(*self._before.pop())

    def __call__(self, func: Callable) -> Callable:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return wrapped


# -- forward: where a node comes from --------------------------------------------------------------------------------


def _note_origin(node: Any) -> None:
    """The stack up to the user's line, and the node whose backward this is part of, if any."""
    import traceback

    # lines of source are looked up only when the origin is printed
    stack = traceback.StackSummary.extract(traceback.walk_stack(_caller(sys._getframe(1))), lookup_lines=False)
    stack.reverse()
    node._origin = (stack, getattr(_running, "node", None))


def _caller(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is not this package's own."""
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame


# -- backward --------------------------------------------------------------------------------------------------------


def _watched(run: Callable) -> Callable:
    """The engine's way to run a node, with a look at what comes out."""

    def watched(node: Any, grads: list) -> tuple:
        outside = getattr(_running, "node", None)
        _running.node = node
        try:
            results = run(node, grads)
            if _check_nan:
                _refuse_nan(node, results)
        except Exception:
            _warn(node)
            raise
        finally:
            _running.node = outside
        return results

    return watched


def _refuse_nan(node: Any, results: tuple) -> None:
    for i, (edge, grad) in enumerate(zip(node.edges, results)):
        if edge is not None and grad is not None and np.isnan(grad._data).any():
            text = f"Function '{node.name()}' returned nan values in its {i}th output."
            origin = getattr(node, "_origin", None)
            if origin is not None and origin[0]:
                text += f"\nThe forward call it belongs to:\n{origin[0].format()[-1].rstrip()}"
            raise RuntimeError(text)


def _warn(node: Any) -> None:
    """Shows the forward call behind a node that failed; if that ran in a backward, what that one came from as well."""
    if not hasattr(node, "_origin"):
        _warn_caller(
            f"Error detected in {node.name()}. No forward pass information available. Enable detect anomaly during "
            "forward pass for more information."
        )
        return
    stack, parent = node._origin
    start = f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n"
    _warn_caller(start + "".join(stack.format()))
    while parent is not None and hasattr(parent, "_origin"):
        stack, grandparent = parent._origin
        start = (
            f"\n\nPrevious calculation was induced by {parent.name()}. Traceback of forward call that induced the "
            "previous calculation:\n"
        )
        _warn_caller(start + "".join(stack.format()))
        parent = grandparent


def _warn_caller(text: str) -> None:
    """A warning at the user's own line, however deep below it the engine runs."""
    level, frame, caller = 1, sys._getframe(), _caller(sys._getframe())
    while frame is not caller and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)
