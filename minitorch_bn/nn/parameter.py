"""``Parameter`` and ``Buffer``: tensors that a Module recognises as its own when they are assigned to it.

Beside each is its uninitialized form, which lazy modules hold until they know the shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd.inference import check_requiring_grad
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.creation import empty
from minitorch_bn.dtypes import from_numpy_dtype

if TYPE_CHECKING:
    import numpy as np
    from typing_extensions import Self

    from minitorch_bn.dtypes import dtype as DType


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
        if requires_grad:
            check_requiring_grad(result)
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


_values: Any = Variable._data  # the slot itself, which the property below hides


class UninitializedTensorMixin(Tensor):
    """A tensor of a dtype but without a shape, until ``materialize`` turns it into a ``cls_to_become``."""

    __slots__ = ()
    cls_to_become: type[Any]

    @property
    def _data(self) -> np.ndarray:  # type: ignore[override]
        # Whatever needs values reads this.
        raise ValueError(
            "Attempted to use an uninitialized parameter in an operation. This error happens when you are using a "
            f"`LazyModule` or explicitly manipulating `torch.nn.parameter.{type(self).__name__}` objects. When using "
            "LazyModules Call `forward` with a dummy batch to initialize the parameters before calling torch functions"
        )

    @property
    def shape(self) -> Any:
        """There is none yet: RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    @property
    def dtype(self) -> DType:
        """The element type that it will have."""
        return from_numpy_dtype(_values.__get__(self).dtype)

    @property  # type: ignore[override]
    def data(self) -> Self:
        """Itself."""
        return self

    @data.setter
    def data(self, value: Any) -> None:
        _values.__set__(self, _values.__get__(value) if is_lazy(value) else self._data)

    def detach(self) -> Self:
        """Itself: there is no history to be cut off from."""
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """An uninitialized tensor of another dtype; itself if nothing changes."""
        dtype = empty(0, dtype=self.dtype).to(*args, **kwargs).dtype
        return self if dtype is self.dtype else self._like(dtype)

    def materialize(self, shape: Any, device: Any = None, dtype: DType | None = None) -> None:
        """Turns this very object into a Parameter or buffer of a shape; its values are still to be set."""
        values = empty(shape, device=device, dtype=dtype or self.dtype)._data
        self.__class__ = self.cls_to_become
        _values.__set__(self, values)

    def _arguments(self) -> tuple[Any, ...]:
        return self.requires_grad, None, self.dtype

    def _like(self, dtype: DType) -> Self:
        requires_grad, device, _, *others = self._arguments()
        return type(self)(requires_grad, device, dtype, *others)

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"<{type(self).__name__}>"

    def __copy__(self) -> Self:
        return self._like(self.dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if id(self) not in memo:
            memo[id(self)] = self._like(self.dtype)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), self._arguments()


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A parameter whose shape is not known yet; ``materialize(shape)`` makes it a Parameter, the object stays the same.

    Raises ValueError where its values are needed, RuntimeError where its shape is.

    >>> import minitorch_bn as torch
    >>> weight = torch.nn.UninitializedParameter(); weight
    <UninitializedParameter>
    >>> weight.materialize((2, 3)); weight.shape
    torch.Size([2, 3])
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: DType | None = None) -> Self:
        result = Parameter(empty(0, device=device, dtype=dtype), requires_grad)
        result.__class__ = cls
        return result  # type: ignore[return-value]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet; otherwise as ``UninitializedParameter``.

    >>> import minitorch_bn as torch
    >>> torch.nn.UninitializedBuffer()
    <UninitializedBuffer>
    """

    __slots__ = ()
    cls_to_become = Tensor
    persistent: bool

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: DType | None = None, persistent: bool = True
    ) -> Self:
        result = Buffer(empty(0, device=device, dtype=dtype), persistent=persistent).requires_grad_(requires_grad)
        result.__class__ = cls
        return result

    def _arguments(self) -> tuple[Any, ...]:
        return (*super()._arguments(), self.persistent)


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)


def _detached(data: Any, wanted: str) -> Any:
    """The same memory without history, under the same version counter."""
    if not isinstance(data, Variable):
        raise AttributeError(
            f"'{type(data).__name__}' object has no attribute 'detach'\n"
            f"{wanted} takes a tensor: write {wanted}(torch.tensor(...))."
        )
    return data.detach()
