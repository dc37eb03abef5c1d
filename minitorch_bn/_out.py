"""``out=``: a function's result goes into a tensor that is there already."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from minitorch_bn.autograd.grad_mode import is_grad_enabled
from minitorch_bn.autograd.variable import Variable


def with_out(function: Any) -> Any:
    """The function with one more keyword, ``out``."""

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **named: Any) -> Any:
        return function(*args, **named) if out is None else _into(out, function, args, named)

    return call


def _into(out: Any, function: Any, args: tuple, named: dict[str, Any]) -> Any:
    """Writes the result into ``out``, which is resized where it has another shape."""
    name = function.__name__
    if not isinstance(out, Variable):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    given = [t for a in (out, *args) for t in (a if isinstance(a, (tuple, list)) else (a,)) if isinstance(t, Variable)]
    if is_grad_enabled() and any(t._requires_grad for t in given):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    result = function(*args, **named)
    target: Any = out
    if result.dtype.category > target.dtype.category:
        raise RuntimeError(
            f"result type {result.dtype.legacy_name} can't be cast to the desired output type "
            f"{target.dtype.legacy_name}"
        )
    if out._data.shape != result._data.shape:
        if out._data.size:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out._data.shape)}, which "
                f"does not match the required output shape {list(result._data.shape)}.",
                stacklevel=3,
            )
        out._data = np.empty(result._data.shape, out._data.dtype)
    return target.copy_(result)
