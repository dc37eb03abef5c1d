"""What the tape knows of a tensor: its array, its place in the graph, its version. No arithmetic here."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from minitorch_bn.autograd.node import Node
    from minitorch_bn.autograd.views import View


class Variable:
    """A value on the tape; ``Tensor`` adds everything a user calls.

    A value is a *leaf* (``_node is None``) or the output ``_output_nr`` of a node. Views and detached tensors share
    their base's ``_version``, a one-element list that counts in-place changes of the memory they share.

    >>> import minitorch_bn as torch
    >>> isinstance(torch.ones(1), torch.autograd.Variable)
    True

    ``Variable(tensor, requires_grad=True)``, as programs were written before tensors took part in autograd themselves,
    gives a tensor that shares memory with the one given.

    >>> torch.autograd.Variable(torch.ones(1), requires_grad=True)
    tensor([1.], requires_grad=True)
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_data",
        "_node",
        "_output_nr",
        "_requires_grad",
        "_version_counter",
        "_view",
    )

    _data: np.ndarray
    _node: Node | None
    _output_nr: int
    _requires_grad: bool
    _version_counter: list[int]
    _view: View | None

    # Only few tensors ever have these: they live in the instance's __dict__ once set.
    _grad: Variable | None = None
    _accumulator: weakref.ref | None = None
    _hooks: dict | None = None
    _post_accumulate_hooks: dict | None = None
    _retains_grad: bool = False

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        if data is None:
            return _tensor_class()
        if not isinstance(data, Variable):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)

    if TYPE_CHECKING:  # every instance is a Tensor, which is defined floors above

        def __getattr__(self, name: str) -> Any: ...


_new = object.__new__
_tensor_class: type = Variable


def set_tensor_class(cls: type) -> None:
    """The class of every tensor the tape makes. The floor that defines ``Tensor`` announces it here."""
    global _tensor_class
    _tensor_class = cls


def wrap(data: np.ndarray) -> Any:
    """A tensor around an array, without history and without a copy."""
    tensor: Any = _new(_tensor_class)
    tensor._data = data if type(data) is np.ndarray else np.asarray(data)  # numpy turns 0-d results into scalars
    tensor._node = None
    tensor._output_nr = 0
    tensor._requires_grad = False
    tensor._version_counter = [0]
    tensor._view = None
    return tensor


def share(data: np.ndarray, owner: Any) -> Any:
    """A tensor around an array that stands for ``owner``: a change of that in place is a change of this one."""
    tensor = wrap(data)
    tensor._version_counter = owner._version_counter
    return tensor


def wrap_output(data: np.ndarray, node: Node, output_nr: int, version_counter: list[int]) -> Any:
    """A tensor that is output ``output_nr`` of ``node``."""
    tensor = wrap(data)
    tensor._node = node
    tensor._output_nr = output_nr
    tensor._requires_grad = True
    tensor._version_counter = version_counter
    return tensor
