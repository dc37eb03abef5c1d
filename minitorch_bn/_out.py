"""``out=``: the result of a function written into a tensor that is there already."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.grad_mode import mode, no_grad
from minitorch_bn.autograd.variable import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def with_out(function: Callable, creates: bool = False) -> Callable:
    """The function with a keyword ``out``: a tensor, or a tuple of them for several results.

    ``creates``: its dtype, where none is given, is that of ``out``.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if out is None:
            return function(*args, **kwargs)
        outs = out if isinstance(out, (tuple, list)) else (out,)
        if mode.grad and any(t.requires_grad for t in (*_tensors(args), *_tensors(kwargs.values()), *outs)):
            raise RuntimeError(
                f"{function.__name__}(): functions with out=... arguments don't support automatic differentiation, but "
                "one of the arguments requires grad."
            )
        if creates:
            kwargs.setdefault("dtype", out.dtype)
        with no_grad():
            result = function(*args, **kwargs)
            results = result if isinstance(result, tuple) else (result,)
            for target, value in zip(outs, results):
                _check_dtype(target, value)
            for target, value in zip(outs, results):
                _write(target, value)
        return type(result)(outs) if isinstance(result, tuple) else out

    call.__module__ = "minitorch_bn"  # where pickle will find it
    return call


def _tensors(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Variable):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)


def _check_dtype(out: Any, result: Any) -> None:
    if result.dtype.category > out.dtype.category:
        raise RuntimeError(
            f"result type {result.dtype.legacy_name} can't be cast to the desired output type {out.dtype.legacy_name}"
        )


def _write(out: Any, result: Any) -> None:
    if out.shape != result.shape:
        if out.numel():
            _warn_of_resize(out, result)
        out._data = np.empty(result.shape, out._data.dtype)
    out.copy_(result)


def _warn_of_resize(out: Any, result: Any) -> None:
    import warnings

    warnings.warn(
        f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not match the "
        f"required output shape {list(result.shape)}. Give an out of that shape, or an empty one.",
        UserWarning,
        stacklevel=4,
    )
