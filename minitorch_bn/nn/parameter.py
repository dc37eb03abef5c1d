"""``Parameter`` and ``Buffer``: tensors that a Module recognises as its own when they are assigned to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn.autograd.variable import Variable
from minitorch_bn.creation import empty
from minitorch_bn.tensor import Tensor

if TYPE_CHECKING:
    from typing_extensions import Self


class Parameter(Tensor):
    """A tensor that a Module registers as its parameter when it is assigned to it.

    It shares the memory of ``data`` (nothing is copied), is a leaf, and wants a gradient unless told otherwise. What
    is computed from it is a plain Tensor.

    Args:
        data: a tensor of any shape; without it, an empty one of the default dtype.
        requires_grad: whether its gradient is wanted.

    Raises:
        AttributeError: ``data`` is not a tensor.
        RuntimeError: a gradient is wanted of integers.

    >>> import minitorch_bn as torch
    >>> weight = torch.nn.Parameter(torch.ones(2)); weight
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    >>> weight * 2
    tensor([2., 2.], grad_fn=<MulBackward0>)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Self:
        result = _detached(empty(0) if data is None else data, cls.__name__)
        if requires_grad and not result.is_floating_point():
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        result._requires_grad = bool(requires_grad)
        result.__class__ = cls
        return result

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()

    def __format__(self, spec: str) -> str:
        return super().__format__(spec) if spec else repr(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A parameter with a copy of the values: as in PyTorch, without the gradient and without hooks."""
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self._requires_grad)
        return memo[id(self)]


class _BufferMeta(type(Tensor)):  # type: ignore[misc]
    """Recognises buffers by their mark: like PyTorch's they are plain Tensors."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a Module registers as its buffer when it is assigned to it: state without a gradient step.

    ``Buffer(...)`` gives a plain Tensor, marked, that shares the memory of ``data``.

    Args:
        data: a tensor of any shape and dtype; without it, an empty one of the default dtype.
        persistent: whether ``state_dict`` has it.

    Raises:
        AttributeError: ``data`` is not a tensor.

    >>> import minitorch_bn as torch
    >>> module = torch.nn.Module()
    >>> module.count = torch.nn.Buffer(torch.tensor(0))
    >>> dict(module.state_dict())
    {'count': tensor(0)}
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        result = _detached(empty(0) if data is None else data, cls.__name__)
        result._requires_grad = False if data is None else data.requires_grad
        result.persistent = persistent
        result._is_buffer = True
        return result


def _detached(data: Any, wanted: str) -> Any:
    """The same memory without history, under the same version counter."""
    if not isinstance(data, Variable):
        raise AttributeError(
            f"'{type(data).__name__}' object has no attribute 'detach'\n"
            f"{wanted} takes a tensor: write {wanted}(torch.tensor(...))."
        )
    return data.detach()  # type: ignore[attr-defined]
