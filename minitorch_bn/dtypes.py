"""dtypes and PyTorch's rules for mixing them.

PyTorch ranks operands before it promotes: tensors with dimensions come first, then zero-dim tensors, then
Python numbers. A lower rank changes the result only if it brings a higher *category* (bool < integer < float).
numpy disagrees in three places that matter (``int64 + float32``, ``int / int``, zero-dim operands), so the rules
stand here and numpy only ever sees operands that already agree.
"""

from __future__ import annotations

import builtins

import numpy as np


class dtype:
    """An element type; prints as PyTorch's and carries numpy's in ``.numpy``.

    >>> import minitorch_bn as torch
    >>> torch.float32, torch.float32.is_floating_point, torch.int64.itemsize
    (torch.float32, True, 8)
    """

    __slots__ = ("_numpy", "category", "itemsize", "legacy_name", "name")

    def __init__(self, name: str, legacy_name: str, category: builtins.int, itemsize: builtins.int) -> None:
        self.name = name
        self.legacy_name = legacy_name  # as in torch.FloatTensor: error texts name it
        self.category = category  # 0 bool, 1 integer, 2 floating
        self.itemsize = itemsize
        self._numpy: np.dtype | None = None

    @property
    def numpy(self) -> np.dtype:
        """The numpy dtype; bfloat16 asks for the extra ``bf16`` when it is first used."""
        if self._numpy is None:
            self._numpy = np.dtype(self.name) if self.name != "bfloat16" else _import_bfloat16()
        return self._numpy

    @property
    def is_floating_point(self) -> builtins.bool:
        """Whether values are floating-point numbers."""
        return self.category == 2

    @property
    def is_complex(self) -> builtins.bool:
        """Always False: complex numbers are out of scope."""
        return False

    @property
    def is_signed(self) -> builtins.bool:
        """Whether negative values can be held."""
        return self.name not in ("uint8", "bool")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


def _import_bfloat16() -> np.dtype:
    try:
        import ml_dtypes
    except ImportError:
        raise ImportError('bfloat16 needs ml_dtypes: pip install "minitorch_bn[bf16]"') from None
    return np.dtype(ml_dtypes.bfloat16)


# PyTorch's names shadow Python's from here on: builtins.bool, builtins.int and builtins.float are Python's
bool = dtype("bool", "Bool", 0, 1)
uint8 = dtype("uint8", "Byte", 1, 1)
int8 = dtype("int8", "Char", 1, 1)
int16 = short = dtype("int16", "Short", 1, 2)
int32 = int = dtype("int32", "Int", 1, 4)
int64 = long = dtype("int64", "Long", 1, 8)
float16 = half = dtype("float16", "Half", 2, 2)
bfloat16 = dtype("bfloat16", "BFloat16", 2, 2)
float32 = float = dtype("float32", "Float", 2, 4)
float64 = double = dtype("float64", "Double", 2, 8)

ALL = (bool, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64)
_BY_NAME = {d.name: d for d in ALL}
_BY_NUMPY = {d.numpy: d for d in ALL if d is not bfloat16}
_PYTHON_TYPES = {"bool": bool, "int": int64, "float": float64}
_default_dtype = float32


def from_numpy_dtype(np_dtype: np.dtype) -> dtype:
    """The dtype of a numpy array's elements; TypeError for what is out of scope (complex, strings, objects)."""
    found = _BY_NUMPY.get(np_dtype) or _BY_NAME.get(np_dtype.name)
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type {_type_text(np_dtype)}. The only supported types are: float64, "
            "float32, float16, bfloat16, int64, int32, int16, int8, uint8, and bool."
        )
    return found


def _type_text(np_dtype: np.dtype) -> str:
    return f"numpy.{np_dtype.type.__name__}"


_NO_COMPLEX = "complex numbers are out of scope here: compute with real and imaginary parts"


def as_dtype(value: object) -> dtype:
    """A dtype from a dtype, or from Python's ``bool``, ``int``, ``float`` types."""
    if isinstance(value, dtype):
        return value
    if isinstance(value, type) and value.__name__ in _PYTHON_TYPES and value.__module__ == "builtins":
        return _PYTHON_TYPES[value.__name__]
    if value is complex:
        raise NotImplementedError(_NO_COMPLEX)
    raise TypeError(f"dtype must be a torch.dtype (got {type(value).__name__})")


def get_default_dtype() -> dtype:
    """The dtype of new floating-point tensors.

    >>> import minitorch_bn as torch
    >>> torch.get_default_dtype()
    torch.float32
    """
    return _default_dtype


def set_default_dtype(d: dtype, /) -> None:
    """Sets the dtype of new floating-point tensors; TypeError unless it is a floating one.

    >>> import minitorch_bn as torch
    >>> torch.set_default_dtype(torch.float64); torch.tensor([1.0]).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    global _default_dtype
    if not isinstance(d, dtype) and not isinstance(d, type):
        raise TypeError("invalid dtype object: only floating-point types are supported as the default type")
    d = as_dtype(d)
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _default_dtype = d


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that holds both kinds of values; symmetric.

    >>> import minitorch_bn as torch
    >>> torch.promote_types(torch.int64, torch.float16), torch.promote_types(torch.uint8, torch.int8)
    (torch.float16, torch.int16)
    """
    if type1 is type2:
        return type1
    if type1.category != type2.category:
        return type1 if type1.category > type2.category else type2
    if type1.category == 2:
        # float16 and bfloat16 hold different ranges: only float32 holds both
        return float32 if type1.itemsize == type2.itemsize else max(type1, type2, key=_itemsize)
    return from_numpy_dtype(np.promote_types(type1.numpy, type2.numpy))


def _itemsize(d: dtype) -> builtins.int:
    return d.itemsize


def result_dtype(dimensioned: dtype | None, zero_dim: dtype | None, number: dtype | None) -> dtype:
    """The dtype of an operation whose operands of each rank have these dtypes (None: no such operand)."""
    result = dimensioned
    for lower in (zero_dim, number):
        if lower is None:
            continue
        if result is None:
            result = lower
        elif lower.category > result.category:
            result = promote_types(result, lower)
    if result is None:
        raise ValueError("result_type needs at least one operand")
    return result


def number_dtype(value: object) -> dtype:
    """The dtype a Python number brings into an operation."""
    kind = type(value).__name__
    if kind in ("bool", "bool_"):
        return bool
    if kind == "int" or isinstance(value, np.integer):
        return int64
    if kind == "float" or isinstance(value, np.floating):
        return _default_dtype
    if isinstance(value, (complex, np.complexfloating)):
        raise NotImplementedError(_NO_COMPLEX)
    raise TypeError(f"unsupported number type {type(value).__name__}")


class finfo:
    """Limits of a floating dtype (default: the default dtype): bits, eps, max, min, tiny, smallest_normal, resolution.

    >>> import minitorch_bn as torch
    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: dtype | None = None) -> None:
        d = type or _default_dtype
        if not d.is_floating_point:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{d!r}'")
        info = np.finfo(d.numpy) if d is not bfloat16 else __import__("ml_dtypes").finfo(d.numpy)
        to_float = builtins.float
        self.dtype = d.name
        self.bits = d.itemsize * 8
        self.eps, self.max, self.min = to_float(info.eps), to_float(info.max), to_float(info.min)
        self.tiny = self.smallest_normal = to_float(info.smallest_normal)
        self.resolution = to_float(info.resolution)

    def __repr__(self) -> str:
        fields = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{k}={getattr(self, k):g}' for k in fields)}, dtype={self.dtype})"


class iinfo:
    """Limits of an integer dtype: bits, min, max.

    >>> import minitorch_bn as torch
    >>> torch.iinfo(torch.int8).max
    127
    """

    def __init__(self, type: dtype) -> None:
        if type.is_floating_point:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type!r}'")
        info = np.iinfo(type.numpy)
        self.dtype, self.bits, self.min, self.max = type.name, info.bits, info.min, info.max

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
