"""New tensors: from data, filled, counted, random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn import dtypes, random
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.device import check_device
from minitorch_bn.ops._common import size_argument

if TYPE_CHECKING:
    from minitorch_bn.dtypes import dtype as DType
    from minitorch_bn.random import Generator


def _finish(data: np.ndarray, requires_grad: bool, device: Any) -> Any:
    """A new leaf around an array of its own."""
    check_device(device)
    result = wrap(data)
    if requires_grad:
        result.requires_grad_()
    return result


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
    array = _array_from(data)
    if dtype is not None:
        array = _cast(array, dtypes.as_dtype(dtype).numpy)
    return _finish(array, requires_grad, device)


def _cast(array: np.ndarray, np_dtype: np.dtype) -> np.ndarray:
    with np.errstate(all="ignore"):
        return array if array.dtype == np_dtype else array.astype(np_dtype)


def _array_from(data: Any) -> np.ndarray:
    """A fresh array with PyTorch's dtype for this data."""
    if isinstance(data, Variable):
        return data._data.copy()
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.array(data)
        dtypes.from_numpy_dtype(array.dtype)
        return array
    if isinstance(data, (list, tuple, range)):
        return _array_from_sequence(data)
    if isinstance(data, (bool, int, float)):
        return _checked_number(data)
    if hasattr(data, "__array__"):
        return _array_from(np.asarray(data))
    if isinstance(data, str):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")


def _checked_number(data: Any) -> np.ndarray:
    if isinstance(data, int) and not isinstance(data, bool) and not -(2**63) <= data < 2**63:
        raise RuntimeError("Overflow when unpacking long long")
    return np.asarray(data, dtypes.number_dtype(data).numpy)


def _array_from_sequence(data: Any) -> np.ndarray:
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
            raise RuntimeError("Overflow when unpacking long long") from None
        return array.astype(dtypes.get_default_dtype().numpy if float in kinds else found.numpy).reshape(shape)
    parts = [_array_from(item) for item in flat]
    common = dtypes.from_numpy_dtype(parts[0].dtype)
    for part in parts:
        common = dtypes.promote_types(common, dtypes.from_numpy_dtype(part.dtype))
    return np.stack([p.astype(common.numpy) for p in parts]).reshape(shape + parts[0].shape)


def _is_sequence(item: Any) -> bool:
    return isinstance(item, (list, tuple, range)) or (isinstance(item, (Variable, np.ndarray)) and item.ndim > 0)


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
            raise ValueError(f"only one element tensors can be converted to Python scalars (found {data!r})")
        out.append(data.item() if isinstance(data, Variable) else data)
        return
    if not _is_sequence(data):
        raise TypeError(f"not a sequence: expected a sequence of length {shape[depth]} at dim {depth} (got {data!r})")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    for item in data:
        _flatten(item, shape, depth + 1, out)


def from_numpy(ndarray: np.ndarray, /) -> Any:
    """A tensor that shares its memory with a numpy array.

    >>> import numpy, minitorch_bn as torch
    >>> a = numpy.zeros(2); t = torch.from_numpy(a); a[0] = 5; t
    tensor([5., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.from_numpy_dtype(ndarray.dtype)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array  with "
            "array.copy().) "
        )
    return wrap(ndarray.view(np.ndarray))


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Any:
    """``data`` as a tensor, without a copy where that is possible."""
    check_device(device)
    if isinstance(data, Variable):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or data.dtype == dtype.numpy):
        return from_numpy(data)
    return tensor(data, dtype=dtype)


def asarray(
    obj: Any, *, dtype: DType | None = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Any:
    """``obj`` as a tensor; ``copy`` True forces a copy, False forbids one."""
    result = tensor(obj, dtype=dtype) if copy else as_tensor(obj, dtype, device)
    if copy is False and isinstance(obj, (Variable, np.ndarray)):
        source = obj._data if isinstance(obj, Variable) else obj
        if not np.may_share_memory(result._data, source):
            raise ValueError("can't alias tensor with dtype given without a copy")
    return result.requires_grad_() if requires_grad else result


def zeros(
    *size: Any, out: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """A tensor of zeros.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _finish(np.zeros(_checked_size("zeros", size), _np_dtype(dtype)), requires_grad, device)


def ones(
    *size: Any, out: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """A tensor of ones."""
    return _finish(np.ones(_checked_size("ones", size), _np_dtype(dtype)), requires_grad, device)


def empty(
    *size: Any, out: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """A tensor whose elements are not set."""
    return _finish(np.empty(_checked_size("empty", size), _np_dtype(dtype)), requires_grad, device)


def _checked_size(name: str, size: tuple) -> tuple[int, ...]:
    try:
        shape = size_argument(size)
    except (TypeError, AttributeError):
        wrong = (
            size[0]
            if len(size) == 1 and not isinstance(size[0], (tuple, list))
            else next(
                s for s in (size[0] if isinstance(size[0], (tuple, list)) else size) if not hasattr(s, "__index__")
            )
        )
        raise TypeError(
            f"{name}(): argument 'size' (position 1) must be tuple of ints, not {type(wrong).__name__}"
        ) from None
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """A tensor filled with one value, whose kind decides the dtype."""
    value = fill_value.item() if isinstance(fill_value, Variable) else fill_value
    np_dtype = dtypes.number_dtype(value).numpy if dtype is None else _np_dtype(dtype)
    return _finish(np.full(_checked_size("full", (size,)), value, np_dtype), requires_grad, device)


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
    start, end, step = named.get("start", start), named.get("end", end), named.get("step", step)
    start, end, step = (v.item() if isinstance(v, Variable) else v for v in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None:
        whole = all(isinstance(v, (int, np.integer)) for v in (start, end, step))
        dtype = dtypes.int64 if whole else dtypes.get_default_dtype()
    np_dtype = _np_dtype(dtype)
    if np_dtype.kind in "iub":
        data = np.arange(int(start), int(end), int(step))
    else:
        # start + i * step, as PyTorch does: no rounding errors add up
        count = int(np.ceil((end - start) / step))
        data = start + np.arange(count) * float(step)
    return _finish(data.astype(np_dtype), requires_grad, device)


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """``steps`` numbers evenly spaced from start to end, both included."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    np_dtype = _np_dtype(dtype)
    start, end = (v.item() if isinstance(v, Variable) else v for v in (start, end))
    kind = np_dtype.type if np_dtype.kind == "f" else np.float64
    # counted from both ends in the dtype itself: PyTorch's values to the last bit
    step = kind((end - start) / (steps - 1)) if steps > 1 else kind(0)
    i = np.arange(steps)
    up, down = kind(start) + step * i.astype(kind), kind(end) - step * (steps - 1 - i).astype(kind)
    return _finish(
        np.where(i < steps // 2, up, down).astype(np_dtype) if steps != 1 else np.full(1, start, np_dtype),
        requires_grad,
        device,
    )


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """Ones on the diagonal, zeros elsewhere."""
    return _finish(np.eye(n, m, dtype=_np_dtype(dtype)), requires_grad, device)


def _like_dtype(input: Any, dtype: Any) -> np.dtype:
    return input._data.dtype if dtype is None else dtypes.as_dtype(dtype).numpy


def zeros_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Any:
    """Zeros of the input's shape and dtype."""
    return _finish(np.zeros_like(input._data, _like_dtype(input, dtype), subok=False), requires_grad, device)


def ones_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Any:
    """Ones of the input's shape and dtype."""
    return _finish(np.ones_like(input._data, _like_dtype(input, dtype)), requires_grad, device)


def empty_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Any:
    """An unset tensor of the input's shape and dtype."""
    return _finish(np.empty_like(input._data, _like_dtype(input, dtype)), requires_grad, device)


def full_like(
    input: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """The input's shape and dtype, filled with one value."""
    return _finish(np.full_like(input._data, fill_value, _like_dtype(input, dtype)), requires_grad, device)


# -- methods x.new_*(...): the dtype of x unless another is given --------------------------------------------------


def new_zeros(
    input: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """Zeros of the input's dtype."""
    return zeros(*size, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def new_ones(
    input: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """Ones of the input's dtype."""
    return ones(*size, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def new_empty(
    input: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """An unset tensor of the input's dtype."""
    return empty(*size, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def new_full(
    input: Any,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Any:
    """A tensor of the input's dtype filled with one value."""
    return full(size, fill_value, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def new_tensor(
    input: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Any:
    """A tensor of the input's dtype with a copy of ``data``."""
    return tensor(data, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


# -- random: PyTorch's numbers for the same seed -------------------------------------------------------------------


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Any:
    """Uniform numbers in [0, 1)."""
    out = np.empty(_checked_size("rand", size), _np_dtype(dtype))
    return _finish(random.uniform_(out, 0.0, 1.0, generator), requires_grad, device)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Any:
    """Normal numbers with mean 0 and variance 1.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randn(3)
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    out = np.empty(_checked_size("randn", size), _np_dtype(dtype))
    return _finish(random.normal_(out, 0.0, 1.0, generator), requires_grad, device)


def randint(
    *bounds_and_size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Any:
    """randint(high, size) or randint(low, high, size): whole numbers in [low, high)."""
    values = list(bounds_and_size)
    size = named["size"] if "size" in named else values.pop()
    if "low" in named or "high" in named:
        low, high = named.get("low", values[0] if values else 0), named.get("high", values[-1] if values else None)
    else:
        low, high = (0, values[0]) if len(values) == 1 else values
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
    **_: Any,
) -> Any:
    """The numbers 0 to n-1 in random order."""
    np_dtype = np.dtype(np.int64) if dtype is None else _np_dtype(dtype)
    return _finish(random.randperm(n, generator).astype(np_dtype), requires_grad, device)


def rand_like(
    input: Any,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Any:
    """Uniform numbers in [0, 1), in the input's shape and dtype."""
    out = np.empty_like(input._data, _like_dtype(input, dtype))
    return _finish(random.uniform_(out, 0.0, 1.0, generator), requires_grad, device)


def randn_like(
    input: Any,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Any:
    """Standard normal numbers, in the input's shape and dtype."""
    out = np.empty_like(input._data, _like_dtype(input, dtype))
    return _finish(random.normal_(out, 0.0, 1.0, generator), requires_grad, device)


def randint_like(
    input: Any,
    *bounds: int,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
    **_: Any,
) -> Any:
    """randint_like(input, high) or (input, low, high): whole numbers in the input's shape and dtype."""
    low, high = (0, bounds[0]) if len(bounds) == 1 else bounds
    out = np.empty_like(input._data, _like_dtype(input, dtype))
    return _finish(random.random_(out, low, high, generator), requires_grad, device)


def bernoulli(input: Any, p: float | None = None, *, generator: Generator | None = None, **_: Any) -> Any:
    """1 with the probability given by each element of the input (or by ``p``), else 0."""
    out = np.empty_like(input._data)
    return wrap(random.bernoulli_(out, input._data if p is None else p, generator))


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Any:
    """Indices drawn with the probabilities in ``input`` (a row each, need not sum to 1)."""
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
    **_: Any,
) -> Any:
    """Normal numbers; mean and std are numbers (then ``size`` is needed) or tensors that broadcast."""
    if size is not None:
        out = np.empty(_checked_size("normal", (size,)), _np_dtype(dtype))
        return _finish(random.normal_(out, float(mean), float(std), generator), requires_grad, device)
    m, s = (v._data if isinstance(v, Variable) else v for v in (mean, std))
    if not isinstance(s, np.ndarray):
        out = np.empty(m.shape, m.dtype)
        return wrap(random.normal_(out, 0.0, float(s), generator) + m)
    if (s < 0).any():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    kind = m.dtype if isinstance(m, np.ndarray) else s.dtype
    out = np.empty(np.broadcast_shapes(np.shape(m), s.shape), kind)
    return wrap((random.normal_(out, 0.0, 1.0, generator) * s + kind.type(1) * m).astype(kind))
