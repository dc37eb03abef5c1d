"""What every family of operators needs: operands that agree in dtype, dimensions checked, numbers turned to tensors."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn import dtypes
from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.variable import Variable, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBERS = (bool, int, float, np.number, np.bool_)
_C_NAMES = {
    "float64": "double", "float32": "float", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "int64": "long int",
    "int32": "int", "int16": "short int", "int8": "signed char", "uint8": "unsigned char", "bool": "bool",
}  # fmt: skip


def is_number(value: Any) -> bool:
    """Whether ``value`` is a Python or numpy number, which has no say in the dtype of an operation."""
    return isinstance(value, _NUMBERS)


def python_number(value: Any) -> Any:
    """A numpy number as Python's, which has no say in numpy's promotion either."""
    return value.item() if isinstance(value, np.generic) else value


def operands(a: Any, b: Any, function: str = "operator") -> tuple:
    """Two operands of one dtype, by PyTorch's promotion; Python numbers stay numbers where numpy treats them alike."""
    if isinstance(b, Variable) and isinstance(a, Variable):
        if a._data.dtype is b._data.dtype or a._data.dtype == b._data.dtype:
            return a, b
    elif type(b) is float or type(b) is int:
        if isinstance(a, Variable) and a._data.dtype.kind == "f":
            return a, b
    elif (type(a) is float or type(a) is int) and isinstance(b, Variable) and b._data.dtype.kind == "f":
        return a, b
    for position, (argument, value) in enumerate((("input", a), ("other", b)), 1):
        if not isinstance(value, Variable) and not is_number(value):
            if isinstance(value, complex):
                dtypes.number_dtype(value)  # says that they are out of scope
            require_tensor(function, value, argument, position)
    return promoted(a, b)


def promoted(*values: Any) -> tuple:
    """Every operand as a tensor of the common dtype (``result_type``)."""
    dtype = result_type(*values)
    return tuple(
        (v if v._data.dtype == dtype.numpy else v.to(dtype)) if isinstance(v, Variable) else constant(v, dtype)
        for v in values
    )


def float_operands(a: Any, b: Any, function: str = "operator") -> tuple:
    """Like ``operands``, for operators whose result is floating: integers become the default dtype."""
    a, b = operands(a, b, function)
    first = a if isinstance(a, Variable) else b
    if first._data.dtype.kind in "iub":
        dtype = dtypes.get_default_dtype()
        return tuple(v.to(dtype) if isinstance(v, Variable) else v for v in (a, b))
    return a, b


def floating(a: Any, function: str = "operator") -> Any:
    """The tensor itself, or as the default dtype if it holds integers or booleans."""
    require_tensor(function, a)
    return a.to(dtypes.get_default_dtype()) if a._data.dtype.kind in "iub" else a


def example(name: str, case: str) -> str:
    """``[1, 2], [3, 4] -> [4, 6]`` as the example of a function's docstring."""
    given, _, result = case.partition(" -> ")
    tensors = ", ".join(f"torch.tensor({part}])" for part in given[:-1].split("], "))
    return f"\n\n>>> import minitorch_bn as torch\n>>> torch.{name}({tensors})\ntensor({result})\n"


def floating_function(operator: Any, formula: str, case: str) -> Any:
    """The function behind an operator on one floating tensor; integers become the default dtype."""
    name = operator.__qualname__.lower()

    def function(input: Any) -> Any:
        return operator.apply(floating(input, name))

    function.__doc__ = f"{formula}, element by element; integers become the default dtype.{example(name, case)}"
    function.__name__ = function.__qualname__ = name
    return function


def constant(value: Any, dtype: dtypes.dtype) -> Any:
    """A number or array as a tensor without history."""
    if isinstance(value, _NUMBERS) and dtype.category == 1:
        return wrap(np.asarray(np.int64(value)).astype(dtype.numpy))  # wraps round, as PyTorch does
    return wrap(np.asarray(value, dtype.numpy))


def fill_value(value: Any, dtype: dtypes.dtype) -> Any:
    """A number that is written into a tensor of this dtype, as a tensor; RuntimeError where it does not fit."""
    if dtype.category == 1:
        limits = dtypes.iinfo(dtype)
        low = limits.min if dtype.is_signed or isinstance(value, float) else -limits.max  # -1 wraps round, as in C
        fits = low <= value <= limits.max
    else:
        fits = dtype.category == 0 or not np.isfinite(value) or abs(value) <= dtypes.finfo(dtype).max
    if not fits:
        name = f"{dtype.name}_t" if dtype.category == 1 else c_name(dtype)
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")
    return constant(value, dtype)


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


def size_argument(given: Sequence, function: str = "size", argument: str = "size") -> tuple[int, ...]:
    """``f(2, 3)`` and ``f((2, 3))`` mean the same; TypeError for what are no ints, and for nothing at all."""
    sizes = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    if not given:
        raise TypeError(f'{function}() missing 1 required positional arguments: "{argument}"')
    try:
        return tuple(s if type(s) is int else int(s.__index__()) for s in sizes)
    except (AttributeError, TypeError):
        raise _no_size(sizes, sizes is not given, function, argument) from None


def _no_size(sizes: Sequence, together: bool, function: str, argument: str) -> TypeError:
    """PyTorch's error for the first size that is no int; ``together``: they came as a tuple or list."""
    at, kind = next((i, type_name(s)) for i, s in enumerate(sizes) if not _is_index(s))
    rule = f"{function}(): argument '{argument}' (position 1) must be tuple of ints"
    if at:
        text = (
            f"{function}(): argument '{argument}' failed to unpack the object at pos {at + 1} with error "
            f'"type must be tuple of ints,but got {kind}"'
        )
    elif together:
        text = f"{rule}, but found element of type {kind} at pos 0"
    elif len(sizes) > 1:
        text = f"{function}() takes 1 positional argument but {len(sizes)} were given"
    else:
        text = f"{rule}, not {kind}"
    return TypeError(f"{text}\nSizes are ints, and {sizes[at]!r} is none; a // b divides ints into an int.")


def _is_index(value: Any) -> bool:
    try:
        value.__index__()
    except (AttributeError, TypeError):
        return False
    return True


def restore_dims(g: Any, shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> Any:
    """The gradient of a reduction, with size 1 where dimensions of the input (of this shape) were reduced away."""
    if keepdim or not dims:
        return g
    return g.reshape(tuple(1 if i in dims else n for i, n in enumerate(shape)))


def require_tensor(function: str, value: Any, argument: str = "input", position: int = 1) -> None:
    """TypeError, worded as PyTorch's, unless ``value`` is a tensor."""
    if not isinstance(value, Variable):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {type_name(value)}"
        )


def require_tensors(function: str, **arguments: Any) -> None:
    """TypeError, worded as PyTorch's, for the first argument that is no tensor."""
    for position, (argument, value) in enumerate(arguments.items(), 1):
        require_tensor(function, value, argument, position)


def require_constants(function: str, **arguments: Any) -> None:
    """RuntimeError for an argument that has no gradient, where one would be asked for."""
    for name, value in arguments.items():
        if value is not None and value.requires_grad and thread.mode.grad:
            raise RuntimeError(
                f"The function '{function}' is not differentiable with respect to argument '{name}'. This input cannot "
                f"have requires_grad True.\nPass {name}.detach(), or compute under no_grad()."
            )


def invalid_arguments(function: str, *values: Any, expected: str, **named: Any) -> TypeError:
    """PyTorch's error for arguments of types that go with none of the function's forms."""
    got = ", ".join(
        [*map(type_name, values), *(f"{name}={type_name(v)}" for name, v in named.items()), *[""] * bool(named)]
    )
    return TypeError(
        f"{function}() received an invalid combination of arguments - got ({got}), but expected one of:\n * {expected}"
    )


def refuse_numbers(function: str, a: Any, b: Any) -> None:
    """TypeError where no operand is a tensor."""
    if is_number(a) and is_number(b):
        raise invalid_arguments(
            function, a, b, expected="(Tensor input, Tensor other)\n * (Tensor input, Number other)"
        )


def type_name(value: Any) -> str:
    """The name of a value's type as PyTorch's argument checks print it."""
    kind = type(value)
    return f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__


def c_name(dtype: dtypes.dtype) -> str:
    """The name of a dtype in C++, which PyTorch prints in some of its texts."""
    return _C_NAMES[dtype.name]


def not_implemented(kernel: str, dtype: dtypes.dtype) -> NotImplementedError:
    """PyTorch's error for a dtype that an operation does not take."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{dtype.legacy_name}'")


def accumulator(a: np.ndarray) -> Any:
    """The dtype to add up or multiply in: half precision goes through float32, as in PyTorch."""
    return np.dtype(np.float32) if a.dtype.itemsize == 2 and a.dtype.kind in "fV" else a.dtype


def numpy_names(function: Any) -> Any:
    """``axis`` and ``keepdims`` are taken for ``dim`` and ``keepdim``, as by PyTorch's own functions."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            for numpys, torchs in (("axis", "dim"), ("keepdims", "keepdim")):
                if numpys in kwargs:
                    kwargs[torchs] = kwargs.pop(numpys)
        return function(*args, **kwargs)

    return call
