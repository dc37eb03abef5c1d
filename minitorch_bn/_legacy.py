"""The constructors of old: ``Tensor(2, 3)``, ``FloatTensor([1, 2])``, ``LongTensor(3)``.

They take sizes, or data in a sequence, an array or a tensor. New code says ``empty(2, 3)`` and ``tensor(data)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn import creation, dtypes
from minitorch_bn._device import check_device
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.size import Size


def new(dtype: dtypes.dtype, args: tuple, named: dict[str, Any], any_dtype: bool = False) -> Any:
    """A tensor from the arguments of an old constructor; ``any_dtype`` lets another tensor keep its own."""
    data = dict(named)
    check_device(data.pop("device", None))
    if set(data) == {"data"} and not args:
        args = (data.pop("data"),)
    if data or (len(args) > 1 and not _is_whole(args[0])):
        raise TypeError(_no_such_form(args, named))
    if not args or _is_whole(args[0]) or type(args[0]) is Size:
        return creation.empty(_sizes(args), dtype=dtype)
    return _from_data(args[0], dtype, any_dtype)


def _from_data(data: Any, dtype: dtypes.dtype, any_dtype: bool) -> Any:
    if isinstance(data, Variable):
        own = dtypes.from_numpy_dtype(data._data.dtype)
        if own is not dtype and not any_dtype:
            raise TypeError(
                f"expected a tensor of dtype {dtype!r} (got {own!r}): convert it with .to({dtype!r}) instead"
            )
        return wrap(data._data)
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    if not isinstance(data, (list, tuple, range, np.ndarray)):
        kind = type(data)
        module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
        raise TypeError(f"new(): data must be a sequence (got {module}{kind.__name__})")
    return creation.as_tensor(data, dtype)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _sizes(args: tuple) -> tuple[int, ...]:
    sizes = args[0] if args and type(args[0]) is Size else args
    for position, size in enumerate(sizes, 1):
        if not _is_whole(size):
            raise TypeError(
                f"new(): argument 'size' failed to unpack the object at pos {position} with error \"type must be tuple "
                f'of ints,but got {type(size).__name__}"'
            )
    return tuple(map(int, sizes)) if sizes else (0,)


def _no_such_form(args: tuple, named: dict[str, Any]) -> str:
    given = [*(type(a).__name__ for a in args), *(f"{k}={_type_name(v)}" for k, v in named.items())]
    got = ", ".join(given) + (", " if len(given) == 1 else "")
    return (
        f"new() received an invalid combination of arguments - got ({got}), but expected one of:\n"
        " * (*, torch.device device = None)\n"
        " * (Tensor other)\n"
        " * (tuple of ints size, *, torch.device device = None)\n"
        " * (object data, *, torch.device device = None)\n"
        "For data of a given dtype use torch.tensor(data, dtype=...)"
    )


def _type_name(value: Any) -> str:
    return "torch.dtype" if isinstance(value, dtypes.dtype) else type(value).__name__


class tensortype(type):
    """The class of ``FloatTensor`` and its like, which have no instances of their own.

    Calling one makes a Tensor of its dtype, and ``isinstance`` asks for that dtype.
    """

    dtype: dtypes.dtype
    is_cuda = False

    def __call__(cls, *args: Any, **named: Any) -> Any:
        return new(cls.dtype, args, named)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Variable) and instance._data.dtype == cls.dtype.numpy


def _tensortype(dtype: dtypes.dtype) -> tensortype:
    name = f"{dtype.legacy_name}Tensor"
    doc = (
        f"Makes tensors of dtype {dtype!r}, and holds them for ``isinstance``.\n\n"
        f">>> import minitorch_bn as torch\n>>> torch.{name}([0, 1]).dtype\n{dtype!r}\n"
    )
    return tensortype(name, (), {"__doc__": doc, "__module__": "minitorch_bn", "dtype": dtype})


BoolTensor = _tensortype(dtypes.bool)
ByteTensor = _tensortype(dtypes.uint8)
CharTensor = _tensortype(dtypes.int8)
ShortTensor = _tensortype(dtypes.int16)
IntTensor = _tensortype(dtypes.int32)
LongTensor = _tensortype(dtypes.int64)
HalfTensor = _tensortype(dtypes.float16)
BFloat16Tensor = _tensortype(dtypes.bfloat16)
FloatTensor = _tensortype(dtypes.float32)
DoubleTensor = _tensortype(dtypes.float64)


def dtype_of(kind: Any) -> dtypes.dtype:
    """The dtype that the argument of ``tensor.type(...)`` means: a dtype, a type or its name."""
    if isinstance(kind, (dtypes.dtype, tensortype)):
        return kind if isinstance(kind, dtypes.dtype) else kind.dtype
    if isinstance(kind, type):
        if issubclass(kind, Variable):
            return dtypes.get_default_dtype()
        kind = kind.__name__
    if not isinstance(kind, str):
        raise TypeError("dtype must be a type, str, or dtype object")
    for dtype in dtypes.ALL:
        if kind == f"torch.{dtype.legacy_name}Tensor":
            return dtype
    raise ValueError(f"invalid type: '{kind}'")


def set_default_tensor_type(t: Any, /) -> None:
    """Sets the default dtype by a type or its name, ``"torch.DoubleTensor"``; deprecated for ``set_default_dtype``.

    >>> import warnings
    >>> import minitorch_bn as torch
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", UserWarning)
    ...     torch.set_default_tensor_type("torch.DoubleTensor")
    ...     chosen = torch.get_default_dtype()
    ...     torch.set_default_tensor_type("torch.FloatTensor")
    >>> chosen
    torch.float64
    """
    import warnings

    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        stacklevel=2,
    )
    dtypes.set_default_dtype(dtype_of(t))
