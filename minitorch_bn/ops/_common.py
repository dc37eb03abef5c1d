"""What every family of operators needs: operands that agree in dtype, dimensions checked, numbers turned to tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn import dtypes
from minitorch_bn.autograd.variable import Variable, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBERS = (bool, int, float, np.number, np.bool_)


def is_number(value: Any) -> bool:
    """Whether ``value`` is a Python or numpy number, which has no say in the dtype of an operation."""
    return isinstance(value, _NUMBERS)


def operands(a: Any, b: Any) -> tuple:
    """Two operands of one dtype, by PyTorch's promotion; Python numbers stay numbers where numpy treats them alike."""
    if isinstance(b, Variable) and isinstance(a, Variable):
        if a._data.dtype is b._data.dtype or a._data.dtype == b._data.dtype:
            return a, b
    elif type(b) is float or type(b) is int:
        if isinstance(a, Variable) and a._data.dtype.kind == "f":
            return a, b
    elif (type(a) is float or type(a) is int) and isinstance(b, Variable) and b._data.dtype.kind == "f":
        return a, b
    return promoted(a, b)


def promoted(*values: Any) -> tuple:
    """Every operand as a tensor of the common dtype (``result_type``)."""
    dtype = result_type(*values)
    return tuple(
        (v if v._data.dtype == dtype.numpy else v.to(dtype)) if isinstance(v, Variable) else constant(v, dtype)
        for v in values
    )


def float_operands(a: Any, b: Any) -> tuple:
    """Like ``operands``, for operators whose result is floating: integers become the default dtype."""
    a, b = operands(a, b)
    first = a if isinstance(a, Variable) else b
    if first._data.dtype.kind in "iub":
        dtype = dtypes.get_default_dtype()
        return tuple(v.to(dtype) if isinstance(v, Variable) else v for v in (a, b))
    return a, b


def floating(a: Any) -> Any:
    """The tensor itself, or as the default dtype if it holds integers or booleans."""
    return a.to(dtypes.get_default_dtype()) if a._data.dtype.kind in "iub" else a


def constant(value: Any, dtype: dtypes.dtype) -> Any:
    """A number or array as a tensor without history."""
    if isinstance(value, _NUMBERS) and dtype.category == 1:
        return wrap(np.asarray(np.int64(value)).astype(dtype.numpy))  # wraps round, as PyTorch does
    return wrap(np.asarray(value, dtype.numpy))


def result_type(*values: Any) -> dtypes.dtype:
    """The dtype of an operation on these tensors and numbers.

    >>> import minitorch_bn as torch
    >>> torch.result_type(torch.tensor([1, 2]), 1.5)
    torch.float32
    """
    ranks: list[dtypes.dtype | None] = [None, None, None]
    for value in values:
        if isinstance(value, (Variable, np.ndarray)):
            data = value._data if isinstance(value, Variable) else value
            rank, dtype = (0 if data.ndim else 1), dtypes.from_numpy_dtype(data.dtype)
        else:
            rank, dtype = 2, dtypes.number_dtype(value)
        so_far = ranks[rank]
        ranks[rank] = dtype if so_far is None else dtypes.promote_types(so_far, dtype)
    return dtypes.result_dtype(*ranks)


def canonical_dim(dim: Any, ndim: int) -> int:
    """A dimension counted from the front; IndexError with the allowed range."""
    if not isinstance(dim, (int, np.integer)):
        raise TypeError(f"dim must be an int, but got {type(dim).__name__}")
    n = max(ndim, 1)  # a zero-dim tensor takes 0 and -1
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return int(dim) % n


def canonical_dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions counted from the front, none twice; None or an empty tuple means all of them."""
    if dim is None or (isinstance(dim, (tuple, list)) and len(dim) == 0):
        return tuple(range(ndim))
    if not isinstance(dim, (tuple, list)):
        dim = (dim,)
    dims = tuple(canonical_dim(d, ndim) for d in dim)
    for i, d in enumerate(dims):
        if d in dims[:i]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return dims if ndim else ()


def size_argument(sizes: Sequence) -> tuple[int, ...]:
    """``f(2, 3)`` and ``f((2, 3))`` mean the same."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = sizes[0]
    return tuple(s if type(s) is int else int(s.__index__()) for s in sizes)


def restore_dims(g: Any, shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> Any:
    """The gradient of a reduction, with size 1 where dimensions of the input (of this shape) were reduced away."""
    if keepdim or not dims:
        return g
    return g.reshape(tuple(1 if i in dims else n for i, n in enumerate(shape)))


def require_tensor(function: str, value: Any, argument: str = "input", position: int = 1) -> None:
    """TypeError, worded as PyTorch's, unless ``value`` is a tensor."""
    if not isinstance(value, Variable):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}"
        )
