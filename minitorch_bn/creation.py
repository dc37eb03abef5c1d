"""New tensors: from data, filled, counted, random."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn import _dlpack, dtypes, random
from minitorch_bn._device import check_device
from minitorch_bn.autograd.inference import made as wrap
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.kernels import ramps
from minitorch_bn.ops import elementwise
from minitorch_bn.ops._common import fill_value as checked_filler
from minitorch_bn.ops._common import (
    invalid_arguments,
    is_number,
    not_implemented,
    require_tensor,
    size_argument,
    type_name,
)

if TYPE_CHECKING:
    from minitorch_bn.dtypes import dtype as DType
    from minitorch_bn.random import Generator


def _finish(data: np.ndarray, requires_grad: bool, device: Any) -> Any:
    """A new leaf around an array of its own."""
    check_device(device)
    result = wrap(data)
    if requires_grad:
        if data.dtype.kind in "iub":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        result.requires_grad_()
    return result


def _check_others(function: str, others: dict) -> None:
    """TypeError for a keyword that PyTorch does not have either; layout and the like mean nothing here."""
    for name in others:
        if name not in ("layout", "memory_format", "pin_memory"):
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'")


def _np_dtype(dtype: DType | None) -> np.dtype:
    return (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)).numpy


def tensor(
    data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Any:
    """A tensor with a copy of ``data``: a number, nested lists of numbers, an array or a tensor.

    Python floats give the default dtype, ints int64, bools bool; arrays and tensors keep theirs.
    Raises ValueError for lists of uneven lengths, TypeError or RuntimeError for what is not a number.

    >>> import minitorch_bn as torch
    >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    if dtype is None:
        array = _array_from(data, dtypes.get_default_dtype())
    else:
        array = _array_from(data, dtypes.float64)  # Python's own precision, until the dtype asked for rounds it
        wanted = dtypes.as_dtype(dtype)
        if wanted.category == 1 and not isinstance(data, (Variable, np.ndarray, np.generic)):
            _check_range(array, wanted)
        array = _cast(array, wanted.numpy)
    return _finish(array, requires_grad, device)


def _check_range(array: np.ndarray, dtype: DType) -> None:
    """RuntimeError for numbers that this integer dtype cannot hold (-1 wraps round in uint8, as in C)."""
    limits = dtypes.iinfo(dtype)
    low = limits.min if dtype.is_signed else -limits.max
    if array.size and not (low <= array.min() and array.max() <= limits.max):
        raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")


def _cast(array: np.ndarray, np_dtype: np.dtype) -> np.ndarray:
    with np.errstate(all="ignore"):
        return array if array.dtype == np_dtype else array.astype(np_dtype)


def _array_from(data: Any, floats: DType) -> np.ndarray:
    """A fresh array with PyTorch's dtype for this data; Python's floats get the dtype ``floats``."""
    if isinstance(data, Variable):
        return data._data.copy()
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.array(data)
        dtypes.from_numpy_dtype(array.dtype)
        return array
    if isinstance(data, (list, tuple, range)):
        return _array_from_sequence(data, floats)
    if isinstance(data, (bool, int, float)):
        return _checked_number(data, floats)
    if hasattr(data, "__array__"):
        return _array_from(np.asarray(data), floats)
    if isinstance(data, str):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if isinstance(data, complex):
        dtypes.number_dtype(data)  # says that they are out of scope
    raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")


def _checked_number(data: Any, floats: DType) -> np.ndarray:
    if isinstance(data, int) and not isinstance(data, bool) and not -(2**63) <= data < 2**63:
        raise ValueError("Overflow when unpacking long long")
    return np.asarray(data, (floats if isinstance(data, float) else dtypes.number_dtype(data)).numpy)


def _array_from_sequence(data: Any, floats: DType) -> np.ndarray:
    shape = _shape_of(data)
    flat: list = []
    _flatten(data, shape, 0, flat)
    if not flat:
        return np.zeros(shape, dtypes.get_default_dtype().numpy)
    kinds = set(map(type, flat))
    if kinds <= {bool, int, float}:
        found = dtypes.float64 if float in kinds else dtypes.int64 if int in kinds else dtypes.bool
        try:
            array = np.array(flat, found.numpy)
        except OverflowError:
            raise ValueError("Overflow when unpacking long long") from None
        return array.astype((floats if float in kinds else found).numpy, copy=False).reshape(shape)
    parts = [_array_from(item, floats) for item in flat]
    common = dtypes.from_numpy_dtype(parts[0].dtype)
    for part in parts:
        common = dtypes.promote_types(common, dtypes.from_numpy_dtype(part.dtype))
    return np.stack([p.astype(common.numpy).reshape(()) for p in parts]).reshape(shape)


def _is_sequence(item: Any) -> bool:
    return isinstance(item, (list, tuple, range)) or (isinstance(item, np.ndarray) and item.ndim > 0)


def _shape_of(data: Any) -> tuple[int, ...]:
    shape = []
    while _is_sequence(data):
        shape.append(len(data))
        if not len(data):
            break
        data = data[0]
    return tuple(shape)


def _flatten(data: Any, shape: tuple[int, ...], depth: int, out: list) -> None:
    if depth == len(shape):
        if _is_sequence(data):
            name = type(data).__name__
            if out and isinstance(out[0], float):
                raise TypeError(f"must be real number, not {name}")
            raise TypeError(f"'{name}' object cannot be interpreted as an integer")
        if isinstance(data, Variable) and data._data.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        out.append(data)
        return
    if not _is_sequence(data):
        raise TypeError(f"not a sequence\nexpected a sequence of length {shape[depth]} at dim {depth} (got {data!r})")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    for item in data:
        _flatten(item, shape, depth + 1, out)


def is_tensor(obj: Any, /) -> bool:
    """Whether ``obj`` is a Tensor.

    >>> import minitorch_bn as torch
    >>> torch.is_tensor(torch.ones(1)), torch.is_tensor(1.0)
    (True, False)
    """
    return isinstance(obj, Variable)


def from_numpy(ndarray: np.ndarray, /) -> Any:
    """A tensor that shares its memory with a numpy array.

    >>> import numpy, minitorch_bn as torch
    >>> a = numpy.zeros(2); t = torch.from_numpy(a); a[0] = 5; t
    tensor([5., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        module = "numpy." if isinstance(ndarray, np.generic) else ""
        raise TypeError(f"expected np.ndarray (got {module}{type(ndarray).__name__})")
    dtypes.from_numpy_dtype(ndarray.dtype)
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported."
        )
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array  with "
            "array.copy().) "
        )
    return wrap(ndarray.view(np.ndarray))


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Any:
    """``data`` as a tensor, without a copy where that is possible.

    >>> import minitorch_bn as torch
    >>> a = torch.as_tensor([1.0, 2.0]); torch.as_tensor(a) is a
    True
    """
    check_device(device)
    if isinstance(data, Variable):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or data.dtype == dtype.numpy):
        return from_numpy(data)
    return tensor(data, dtype=dtype)


def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Any:
    """``obj`` as a tensor that shares its memory if that is possible; ``copy`` True forces a copy, False forbids one.

    Memory is shared with tensors, numpy arrays, what speaks DLPack (a tensor of PyTorch or JAX) and what has a buffer
    (bytes, array.array, ...: elements of ``dtype`` or of the default dtype). Raises ValueError where ``copy=False``
    cannot be had.

    >>> import numpy, minitorch_bn as torch
    >>> a = numpy.zeros(2, "float32")
    >>> torch.asarray(a)[0] = 5
    >>> a
    array([5., 0.], dtype=float32)
    """
    check_device(device)
    result = _alias(obj, dtype)
    if result is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        result = tensor(obj, dtype=dtype)
    elif dtype is not None and result.dtype is not dtype:
        if copy is False:
            raise ValueError(
                f"can't alias tensor with dtype '{result.dtype.legacy_name}' into dtype '{dtype.legacy_name}'."
            )
        result = result.to(dtype)
    elif copy:
        result = result.clone()
    if requires_grad is None or requires_grad == result.requires_grad:
        return result
    return result.requires_grad_(requires_grad) if result.is_leaf else result.detach()


def _alias(obj: Any, dtype: DType | None) -> Any:
    """A tensor on the memory of ``obj``, or None if there is no memory to share."""
    if isinstance(obj, Variable):
        return obj
    if isinstance(obj, np.ndarray):
        return from_numpy(obj)
    if _dlpack.is_exported(obj):
        return _dlpack.from_dlpack(obj)
    if isinstance(obj, (np.generic, list, tuple, range)) or not _has_buffer(obj):
        return None
    return frombuffer(obj, dtype=dtype or dtypes.get_default_dtype())


def _has_buffer(obj: Any) -> bool:
    try:
        memoryview(obj)
    except TypeError:
        return False
    return True


def frombuffer(buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Any:
    """A one-dimensional tensor on the memory of a bytes-like object, from byte ``offset``, of ``count`` elements.

    A read-only buffer makes a read-only tensor. Raises ValueError if the sizes do not fit.

    >>> import minitorch_bn as torch
    >>> torch.frombuffer(b"abc", dtype=torch.uint8)
    tensor([97, 98, 99], dtype=torch.uint8)
    """
    if not _has_buffer(buffer):
        raise ValueError("object does not implement Python buffer protocol.")
    length, size = memoryview(buffer).nbytes, dtype.itemsize
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0 and (length - offset) % size:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element size "
            f"({size})"
        )
    if count > 0 and offset + count * size > length:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual buffer length ({length} bytes)"
        )
    return _finish(np.frombuffer(buffer, dtype.numpy, count, offset), requires_grad, None)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any) -> Any:
    """A tensor of zeros.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _finish(np.zeros(_checked_size("zeros", size, others), _np_dtype(dtype)), requires_grad, device)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any) -> Any:
    """A tensor of ones.

    >>> import minitorch_bn as torch
    >>> torch.ones(2, 2)
    tensor([[1., 1.],
            [1., 1.]])
    """
    return _finish(np.ones(_checked_size("ones", size, others), _np_dtype(dtype)), requires_grad, device)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any) -> Any:
    """A tensor whose elements are not set.

    >>> import minitorch_bn as torch
    >>> torch.empty(2, 3).shape
    torch.Size([2, 3])
    """
    return _finish(np.empty(_checked_size("empty", size, others), _np_dtype(dtype)), requires_grad, device)


def _checked_size(function: str, size: tuple, others: dict | None = None) -> tuple[int, ...]:
    """The size, given as ``f(2, 3)``, ``f((2, 3))`` or ``f(size=(2, 3))``; also checks the other keywords."""
    if others is not None:
        if not size:
            if "size" not in others:
                if function.startswith("rand"):
                    raise invalid_arguments(function, expected="(tuple of ints size, *, torch.dtype dtype = None)")
                raise TypeError(f'{function}() missing 1 required positional arguments: "size"')
            size = (others.pop("size"),)
        _check_others(function, others)
    shape = size_argument(size, function)
    for n in shape:
        if n < 0:
            if function == "zeros":
                raise RuntimeError("zeros: Dimension size must be non-negative.")
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any
) -> Any:
    """A tensor filled with one value, whose kind decides the dtype.

    >>> import minitorch_bn as torch
    >>> torch.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    _check_others("full", others)
    value = fill_value.item() if isinstance(fill_value, Variable) else fill_value
    kind = dtypes.number_dtype(value) if dtype is None else dtypes.as_dtype(dtype)
    filler = checked_filler(value, kind)._data
    return _finish(np.full(_checked_size("full", (size,)), filler, kind.numpy), requires_grad, device)


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any) -> Any:
    """A zero-dim tensor of the default dtype (or ``dtype``).

    >>> import minitorch_bn as torch
    >>> torch.scalar_tensor(3.5)
    tensor(3.5000)
    """
    return full((), s, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


def arange(*bounds: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Any:
    """arange(end), arange(start, end) or arange(start, end, step): numbers from start up to, not including, end.

    >>> import minitorch_bn as torch
    >>> torch.arange(1, 2, 0.25)
    tensor([1.0000, 1.2500, 1.5000, 1.7500])
    """
    start: Any = 0
    end: Any = None
    step: Any = 1
    if len(bounds) == 1:
        end = bounds[0]
    elif len(bounds) >= 2:
        start, end, *rest = bounds
        step = rest[0] if rest else 1
    start, end, step = (named.pop(name, given) for name, given in (("start", start), ("end", end), ("step", step)))
    _check_others("arange", named)
    if end is None:
        raise invalid_arguments("arange", expected="(Number end, *, torch.dtype dtype = None)")
    start, end, step = (v.item() if isinstance(v, Variable) else v for v in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None:
        whole = all(isinstance(v, (int, np.integer)) for v in (start, end, step))
        dtype = dtypes.int64 if whole else dtypes.get_default_dtype()
    np_dtype = _np_dtype(dtype)
    if np_dtype == np.int64:
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise ValueError("step must be nonzero")
    count = -int((start - end) // step) if np_dtype == np.int64 else math.ceil((end - start) / step)
    start, step = (int(v) if np_dtype.kind in "iub" else float(v) for v in (start, step))
    return _finish(ramps.arange(start, step, count, np_dtype), requires_grad, device)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **others: Any,
) -> Any:
    """``steps`` numbers evenly spaced from start to end, both included.

    >>> import minitorch_bn as torch
    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    _check_others("linspace", others)
    start, end, np_dtype = _ramp_arguments("linspace", start, end, steps, dtype)
    return _finish(ramps.linspace(start, end, steps, np_dtype), requires_grad, device)


def _ramp_arguments(function: str, start: Any, end: Any, steps: Any, dtype: Any) -> tuple:
    """Both ends as numbers, whole ones where the dtype is one of integers, and the dtype."""
    if not all(isinstance(v, Variable) or is_number(v) for v in (start, end)) or not isinstance(
        steps, (int, np.integer)
    ):
        raise invalid_arguments(
            function, start, end, steps, expected="(Number start, Number end, int steps, *, torch.dtype dtype = None)"
        )
    dims = [v._data.ndim if isinstance(v, Variable) else 0 for v in (start, end)]
    if any(dims):
        raise RuntimeError(
            f"{function} only supports 0-dimensional start and end tensors, but got start with {dims[0]} dimension(s) "
            f"and end with {dims[1]} dimension(s)."
        )
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    start, end = (v.item() if isinstance(v, Variable) else v for v in (start, end))
    if kind.category < 2:
        start, end = (checked_filler(v, kind).item() for v in (start, end))
    return start, end, kind.numpy


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **others: Any,
) -> Any:
    """``base`` to the power of ``steps`` numbers evenly spaced from start to end, both included.

    >>> import minitorch_bn as torch
    >>> torch.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    _check_others("logspace", others)
    start, end, np_dtype = _ramp_arguments("logspace", start, end, steps, dtype)
    return _finish(ramps.logspace(start, end, steps, base, np_dtype), requires_grad, device)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, **others: Any) -> Any:
    """The positions of a matrix's lower triangle, row by row: a row of row numbers, a row of column numbers.

    >>> import minitorch_bn as torch
    >>> torch.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle("tril_indices", np.tril_indices, row, col, offset, dtype, device, others)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, **others: Any) -> Any:
    """The positions of a matrix's upper triangle, row by row: a row of row numbers, a row of column numbers.

    >>> import minitorch_bn as torch
    >>> torch.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _triangle("triu_indices", np.triu_indices, row, col, offset, dtype, device, others)


def _triangle(function: str, find: Any, row: int, col: int, offset: int, dtype: Any, device: Any, others: dict) -> Any:
    _check_others(function, others)
    for name, size in (("row", row), ("col", col)):
        if size < 0:
            raise RuntimeError(f"{name} must be non-negative, got{size}")
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    if kind.category != 1:
        raise not_implemented(function, kind)
    return _finish(np.stack(find(row, offset, col)).astype(kind.numpy), False, device)


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any
) -> Any:
    """Ones on the diagonal, zeros elsewhere.

    >>> import minitorch_bn as torch
    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    _check_others("eye", others)
    if not isinstance(n, (int, np.integer)):
        raise TypeError(f"eye(): argument 'n' (position 1) must be int, not {type_name(n)}")
    if not isinstance(m, (int, np.integer, type(None))):
        raise invalid_arguments("eye", n, m, expected="(int n)\n * (int n, int m)")
    for name, size in (("n", n), ("m", m)):
        if size is not None and size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    return _finish(np.eye(n, m, dtype=_np_dtype(dtype)), requires_grad, device)


def _alike(make: Any, function: str, input: Any, dtype: Any) -> np.ndarray:
    """A new array like the input's, in its memory layout."""
    require_tensor(function, input)
    return make(input._data, input._data.dtype if dtype is None else dtypes.as_dtype(dtype).numpy, subok=False)


def zeros_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any) -> Any:
    """Zeros of the input's shape and dtype.

    >>> import minitorch_bn as torch
    >>> torch.zeros_like(torch.tensor([5, 6]))
    tensor([0, 0])
    """
    _check_others("zeros_like", others)
    return _finish(_alike(np.zeros_like, "zeros_like", input, dtype), requires_grad, device)


def ones_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any) -> Any:
    """Ones of the input's shape and dtype.

    >>> import minitorch_bn as torch
    >>> torch.ones_like(torch.tensor([5, 6]))
    tensor([1, 1])
    """
    _check_others("ones_like", others)
    return _finish(_alike(np.ones_like, "ones_like", input, dtype), requires_grad, device)


def empty_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any) -> Any:
    """An unset tensor of the input's shape and dtype.

    >>> import minitorch_bn as torch
    >>> torch.empty_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    _check_others("empty_like", others)
    return _finish(_alike(np.empty_like, "empty_like", input, dtype), requires_grad, device)


def full_like(
    input: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any
) -> Any:
    """The input's shape and dtype, filled with one value.

    >>> import minitorch_bn as torch
    >>> torch.full_like(torch.zeros(2), 7)
    tensor([7., 7.])
    """
    _check_others("full_like", others)
    require_tensor("full_like", input)
    return full(input._data.shape, fill_value, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


# -- methods x.new_*(...): the dtype of x unless another is given --------------------------------------------------


def new_zeros(
    input: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any
) -> Any:
    """Zeros of the input's dtype.

    >>> import minitorch_bn as torch
    >>> torch.ones(2).new_zeros(3)
    tensor([0., 0., 0.])
    """
    return zeros(*size, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad, **others)


def new_ones(
    input: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any
) -> Any:
    """Ones of the input's dtype.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2).new_ones(3)
    tensor([1., 1., 1.])
    """
    return ones(*size, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad, **others)


def new_empty(
    input: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any
) -> Any:
    """An unset tensor of the input's dtype.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2, dtype=torch.int8).new_empty(3).dtype
    torch.int8
    """
    return empty(*size, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad, **others)


def new_full(
    input: Any,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **others: Any,
) -> Any:
    """A tensor of the input's dtype filled with one value.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2).new_full((3,), 7)
    tensor([7., 7., 7.])
    """
    return full(size, fill_value, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad, **others)


def new_tensor(
    input: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **others: Any
) -> Any:
    """A tensor of the input's dtype with a copy of ``data``.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2, dtype=torch.float64).new_tensor([1, 2])
    tensor([1., 2.], dtype=torch.float64)
    """
    return tensor(data, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad, **others)


# -- random: PyTorch's numbers for the same seed -------------------------------------------------------------------


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **others: Any,
) -> Any:
    """Uniform numbers in [0, 1).

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    out = np.empty(_checked_size("rand", size, others), _np_dtype(dtype))
    return _finish(random.uniform_(out, 0.0, 1.0, generator), requires_grad, device)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **others: Any,
) -> Any:
    """Normal numbers with mean 0 and variance 1.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randn(3)
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    out = np.empty(_checked_size("randn", size, others), _np_dtype(dtype))
    return _finish(random.normal_(out, 0.0, 1.0, generator), requires_grad, device)


def randint(
    *bounds_and_size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Any:
    """randint(high, size) or randint(low, high, size): whole numbers in [low, high).

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randint(0, 10, (5,))
    tensor([4, 9, 3, 0, 3])
    """
    values = list(bounds_and_size)
    if len(values) + len({"low", "high", "size"} & set(named)) < 2:
        expected = "(int high, tuple of ints size)\n * (int low, int high, tuple of ints size)"
        raise invalid_arguments("randint", *values, expected=expected)
    size = named.pop("size") if "size" in named else values.pop()
    if isinstance(size, (int, np.integer)):
        place = len(values) + 1
        raise TypeError(f"randint(): argument 'size' (position {place}) must be tuple of ints, not int")
    if "low" in named or "high" in named:
        low, high = named.pop("low", values[0] if values else 0), named.pop("high", values[-1] if values else None)
    else:
        low, high = (0, values[0]) if len(values) == 1 else values
    _check_others("randint", named)
    np_dtype = np.dtype(np.int64) if dtype is None else _np_dtype(dtype)
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    out = np.empty(_checked_size("randint", (size,)), np_dtype)
    return _finish(random.random_(out, low, high, generator), requires_grad, device)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **others: Any,
) -> Any:
    """The numbers 0 to n-1 in random order.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randperm(5)
    tensor([4, 0, 1, 3, 2])
    """
    _check_others("randperm", others)
    np_dtype = np.dtype(np.int64) if dtype is None else _np_dtype(dtype)
    return _finish(random.randperm(n, generator).astype(np_dtype), requires_grad, device)


def rand_like(
    input: Any,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **others: Any,
) -> Any:
    """Uniform numbers in [0, 1), in the input's shape and dtype.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.rand_like(torch.zeros(2))
    tensor([0.4963, 0.7682])
    """
    _check_others("rand_like", others)
    out = _alike(np.empty_like, "rand_like", input, dtype)
    return _finish(random.uniform_(out, 0.0, 1.0, generator), requires_grad, device)


def randn_like(
    input: Any,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **others: Any,
) -> Any:
    """Standard normal numbers, in the input's shape and dtype.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randn_like(torch.zeros(2))
    tensor([ 1.5410, -0.2934])
    """
    _check_others("randn_like", others)
    out = _alike(np.empty_like, "randn_like", input, dtype)
    return _finish(random.normal_(out, 0.0, 1.0, generator), requires_grad, device)


def randint_like(
    input: Any,
    *bounds: int,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    **others: Any,
) -> Any:
    """randint_like(input, high) or (input, low, high): whole numbers in the input's shape and dtype.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randint_like(torch.zeros(5), 0, 10)
    tensor([4., 9., 3., 0., 3.])
    """
    _check_others("randint_like", others)
    low, high = (0, bounds[0]) if len(bounds) == 1 else bounds
    out = _alike(np.empty_like, "randint_like", input, dtype)
    return _finish(random.random_(out, low, high, generator), requires_grad, device)


def bernoulli(input: Any, p: float | None = None, *, generator: Generator | None = None, **others: Any) -> Any:
    """1 with the probability given by each element of the input (or by ``p``), else 0.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.bernoulli(torch.tensor([0.0, 0.5, 0.5, 1.0]))
    tensor([0., 0., 1., 1.])
    """
    _check_others("bernoulli", others)
    require_tensor("bernoulli", input)
    drawn = random.bernoulli_(np.empty_like(input._data), input._data if p is None else p, generator)
    return elementwise.Bernoulli.apply(input, drawn) if p is None else wrap(drawn)


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Any:
    """Indices drawn with the probabilities in ``input`` (a row each, need not sum to 1).

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.multinomial(torch.tensor([0.0, 10.0, 3.0, 0.0]), 2)
    tensor([1, 2])
    """
    return wrap(random.multinomial(input._data, num_samples, replacement, generator))


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **others: Any,
) -> Any:
    """Normal numbers; mean and std are numbers (then ``size`` is needed) or tensors that broadcast.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.normal(10.0, 0.1, (3,))
    tensor([10.1541,  9.9707,  9.7821])
    """
    _check_others("normal", others)
    if size is not None:
        out = np.empty(_checked_size("normal", (size,)), _np_dtype(dtype))
        return _finish(random.normal_(out, float(mean), float(std), generator), requires_grad, device)
    m, s = (v._data if isinstance(v, Variable) else v for v in (mean, std))
    if not isinstance(s, np.ndarray):
        out = np.empty(m.shape, m.dtype)
        return elementwise.NormalMean.apply(mean, random.normal_(out, 0.0, float(s), generator) + m)
    if (s < 0).any():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    kind = m.dtype if isinstance(m, np.ndarray) else s.dtype
    out = np.empty(np.broadcast_shapes(np.shape(m), s.shape), kind)
    drawn = (random.normal_(out, 0.0, 1.0, generator) * s + kind.type(1) * m).astype(kind)
    if isinstance(mean, Variable):
        return elementwise.Normal.apply(mean, std, drawn)
    return elementwise.NormalStd.apply(std, drawn)
