"""Factories of Tensor's special methods: ``a + b`` and its like, and ``a.float()`` and its like."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn import creation, dtypes
from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable, wrap

OPERANDS = (Variable, bool, int, float, complex, np.number, np.ndarray, np.bool_)


def dunder(function: Any, reflected: bool = False, operands: tuple = OPERANDS) -> Any:
    """A Python operator: NotImplemented for operands that are no numbers, so that Python asks the other side."""

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, operands):
            return NotImplemented
        if isinstance(other, np.ndarray):
            other = creation.from_numpy(other)
        return function(other, self) if reflected else function(self, other)

    return method


def short_dunder(function: Any, operator: type[Operator], ufunc: np.ufunc, reflected: bool = False) -> Any:
    """The same with a short way for operands that need no further look: of one floating dtype, or one and a number.

    Where nothing is recorded, as in a backward pass, the ``ufunc`` is all that is left of the ``operator``.
    """
    apply, any_operands = operator.apply, dunder(function)

    def method(self: Any, other: Any) -> Any:
        a = self._data
        if isinstance(other, Variable):
            b: Any = other._data
            simple = b.dtype is a.dtype
        else:
            b = other
            simple = type(b) is float or type(b) is int
        if not simple or a.dtype.kind != "f":
            return any_operands(self, other)
        if reflected:
            self, other, a, b = other, self, b, a
        mode = thread.mode
        if mode.grad or mode.inference:
            return apply(self, other)
        try:
            return wrap(mode.quietly(ufunc, a, b))
        except ValueError:
            return apply(self, other)  # says in PyTorch's words that the shapes do not fit

    return method


def cast(name: str, dtype: dtypes.dtype) -> Any:
    def method(self: Any, memory_format: Any = None) -> Any:
        return self.to(dtype, memory_format=memory_format)

    case = f">>> import minitorch_bn as torch\n>>> torch.tensor([0, 1]).{name}().dtype\ntorch.{dtype.name}"
    method.__doc__ = f"As {dtype.name}.\n\n{case}\n"
    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    return method
