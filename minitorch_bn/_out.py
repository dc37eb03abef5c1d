"""``out=``: the result of a function goes into a tensor that is there already."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.grad_mode import no_grad, thread
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.autograd.views import refuse_overlap
from minitorch_bn.dtypes import int64
from minitorch_bn.ops._common import c_name, invalid_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# The functions that take it, as in PyTorch; CREATORS make a tensor from nothing.
FUNCTIONS = """
    abs acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax any argmax argmin asin
    asinh atan atan2 atanh baddbmm bernoulli bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift
    bitwise_xor bmm bucketize cat ceil clamp clamp_max clamp_min column_stack copysign cos cosh cross cummax
    cummin cumprod cumsum deg2rad diag diff digamma div dot dstack eq erf erfc erfinv exp exp2 expm1 float_power
    floor floor_divide fmax fmin fmod frac frexp gather gcd ge gt heaviside histc histogram hstack hypot
    index_add index_copy index_select inner inverse isin isneginf isposinf kron kthvalue lcm ldexp le lerp
    lgamma log log10 log1p log2 log_softmax logaddexp logaddexp2 logcumsumexp logical_and logical_not logical_or
    logical_xor logit logsumexp lt masked_select matmul matrix_power max maximum mean median min minimum mm mode
    msort mul multinomial mv nan_to_num nanmean nanmedian nanquantile nansum narrow_copy ne neg nextafter
    nonzero norm outer polygamma pow prod quantile rad2deg reciprocal remainder round rsqrt scatter scatter_add
    scatter_reduce searchsorted sgn sigmoid sign signbit sin sinc sinh slice_scatter slogdet softmax sort sqrt
    square stack std sub sum take take_along_dim tan tanh tensordot topk tril triu trunc var vdot vstack where
    xlogy
"""
CREATORS = "arange empty eye full linspace logspace normal ones rand randint randn randperm zeros"

# Most results are cast to the dtype of ``out``. These must have it, and PyTorch has a text for each kind of them:
# {0} and {1} are the dtypes of the result and of ``out``, {2} and {3} their names in C.
_SAME_DTYPE = {
    "Expected out tensor to have dtype {2}, but got {3} instead": """
        addmm addmv amax_indices aminmax argmax argmin baddbmm bmm cross cumprod cumsum diag diag_embed gather
        index_add index_copy isin linalg.cross linalg.det linalg.inv linalg.matmul linalg.matrix_power
        linalg.slogdet linalg.solve linalg.svd linalg.svdvals linalg.vector_norm log_softmax matmul mm msort
        norm scatter scatter_add scatter_reduce slice_scatter softmax sort take_along_dim topk tril triu
    """,
    "Found dtype {1} but expected {0}": "abs bitwise_not ceil floor frac neg round sgn sign trunc weighted_lerp",
    "dtype {0} does not match dtype of out parameter ({1})": CREATORS,
    "{name}(): self and result must have the same scalar type": "index_select masked_select",
    "{name}(): self and out expected to have the same dtype, but got self.dtype = {0} and out.dtype = {1}": "take",
    "{name}: Expected out of dtype{0} but found {1}": "linalg.vecdot",
    "{name} expected out tensor dtype {0} but got: {1}": "linalg.matrix_norm linalg.norm",
    "multi_dot(): expected out tensor to have dtype {2} but got {3}": "linalg.multi_dot",
    "self and mat2 must have the same dtype, but got {1} and {0}": "addbmm",
    "addmv input tensors must have the same dtype, but got {1}, {0}, and {0}": "mv",
    "{name} is not yet implemented for tensors with different dtypes.": "heaviside",
    "Expected self.dtype() == output.dtype() to be true, but got false.": "narrow_copy",
    "the output given to {name} has dtype {1} but the operation's result requires dtype {0}": "float_power",
    "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on "
    "whether out_int32 flag is True, but we got output tensor's dtype {1} and out_int32 flag is {flag}": """
        bucketize searchsorted
    """,
    "{name} expects {0} tensor out, got: {1}": "multinomial",
    "{name} only supports bool tensor for result, got: {1}": "all any",
    "{name} does not support non-boolean outputs.": "isneginf isposinf signbit",
    "{name}: dtype of out: {1} should be same as input: {0}": "nan_to_num",
    "{name}: Expected out tensor to have scalar type {0} but got scalar type{1}": "nonzero",
    "output values must be of same type as input": "kthvalue",
    "expected scalar type '{0}' but got '{1}' for values output": "mode",
    "expected scalar_type {0} but found {1}": "cummax cummin logcumsumexp",
    "quantile() out tensor must be same dtype as the input tensor": "nanquantile quantile",
    "result dtype {1} does not match input dtype {0}": "dot vdot",
    "tensordot: Expected the output tensor to have dtype {0}, but got an output tensor with dtype {1}": """
        inner tensordot
    """,
    "torch.frexp() expects mantissa to have dtype {2} but got {3}": "frexp",
    "torch.histogram: input tensor and hist tensor should have the same dtype, but got input {2} and hist {3}": """
        histc histogram
    """,
    "Expected out type to be {0} but got {1}": "where",
    "Expected the dtype for input and out to match, but got {0} for input's dtype and {1} for out's dtype.": """
        amax amin
    """,
}
_TEXTS = {name: text for text, names in _SAME_DTYPE.items() for name in names.split()}

_JOINING = ("cat", "column_stack", "dstack", "hstack", "stack", "vstack")
# What is said where a result cannot be cast to the dtype of ``out``, if it is not what most functions say.
_NOT_CASTABLE = {
    **dict.fromkeys(_JOINING, "torch.cat(): input types can't be cast to the desired output type {1}"),
    "diag_embed": "diag: result type {0} can't be cast to the desired out= type {1}",
    "ldexp": "ldexp can't be cast to the desired output type {1}",
    "linalg.matrix_power": "matrix_power: Expected result to be safely castable from {0} dtype, but got result with "
    "dtype {1}",
    **dict.fromkeys(("nanmean", "nansum"), "\"nansum_cpu\" not implemented for '{1}'"),
    "logsumexp": "logsumexp(): Expected floating point type for result tensor, but got: {1}",
}
# What is resized without a warning.
_SILENT = {*CREATORS.split(), "addbmm", "bernoulli", "multinomial", "narrow_copy"}


def with_out(function: Callable, creates: bool = False, name: str | None = None) -> Callable:
    """The function with one more keyword, ``out``: a tensor, or a tuple of them for several results.

    ``creates``: where no dtype is given, that of ``out`` is meant. ``name``: what texts call it, if not by its own.
    """

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **named: Any) -> Any:
        if out is None:
            try:
                return function(*args, **named)
            except TypeError as error:
                _say_what_is_missing(str(error), args)
                raise
        if creates or function.__name__ in ("cumprod", "cumsum"):
            named.setdefault("dtype", out.dtype)
        return _into(out, function, args, named, name or function.__name__)

    call.__module__ = "minitorch_bn.linalg" if name else "minitorch_bn"  # where pickle finds this one
    return call


# What is said where arguments are missing, of functions that take them in several forms.
_FORMS = {
    "addmm": "(Tensor input, Tensor mat1, Tensor mat2, *, Number beta = 1, Number alpha = 1)",
    "eye": "(int n)\n * (int n, int m)",
    "lerp": "(Tensor input, Tensor end, Tensor weight)\n * (Tensor input, Tensor end, Number weight)",
    "linspace": "(Number start, Number end, int steps)",
    "logspace": "(Number start, Number end, int steps, float base = 10.0)",
    "mm": "(Tensor input, Tensor mat2)",
    "normal": "(Tensor mean, Tensor std)\n * (Tensor mean, float std = 1)\n * (float mean, Tensor std)\n"
    " * (float mean, float std, tuple of ints size)",
    "randperm": "(int n, *, torch.Generator generator = None)",
    "where": "(Tensor condition)\n * (Tensor condition, Tensor input, Tensor other)",
}


def _say_what_is_missing(text: str, args: tuple) -> None:
    """Python's complaint about missing arguments in PyTorch's words."""
    found = re.fullmatch(r"(\w+)\(\) missing (\d+) required positional arguments?: ('.*')", text)
    if found:
        name, count = found[1], int(found[2])
        if name in _FORMS:
            raise invalid_arguments(name, *args, expected=_FORMS[name]) from None
        names = ", ".join(f'"{argument}"' for argument in re.findall(r"'(\w+)'", found[3]))
        raise TypeError(f"{name}() missing {count} required positional argument{'s' * (count == 1)}: {names}") from None


def _into(out: Any, function: Callable, args: tuple, named: dict[str, Any], name: str) -> Any:
    """Writes the results into ``out``, which is resized where it has another shape."""
    outs = tuple(out) if isinstance(out, (tuple, list)) else (out,)
    if name == "nonzero" and not isinstance(out, Variable):
        raise TypeError("nonzero(): argument 'out' must be Tensor, not tuple")
    for target in outs:
        if not isinstance(target, Variable):
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(target).__name__}")
        refuse_overlap(target._data)
    if thread.mode.grad and any(t.requires_grad for t in (*outs, *_tensors(args), *_tensors(named.values()))):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if name == "multinomial" and out.dtype is not int64:  # refused before the weights are looked at
        raise RuntimeError(_TEXTS[name].format("Long", out.dtype.legacy_name, name=name))
    with no_grad():
        result = function(*args, **named)
        several = isinstance(result, tuple)
        results = result if several else (result,)
        for target, value in zip(outs, results):
            _check_dtype("amax_indices" if several and name in ("max", "min") else _as(name, args), target, value)
        for target, value in zip(outs, results):
            _write(target, value, name)
    return type(result)(outs) if several else out


def _tensors(values: Iterable) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Variable):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)


def _as(name: str, args: tuple) -> str:
    """The function whose texts are used: some leave vectors or numbers to another."""
    dimensions = [x._data.ndim for x in args if isinstance(x, Variable)]
    if name == "matmul" and dimensions[1] == 1:
        return "mv" if dimensions[0] > 2 else "dot" if dimensions[0] == 1 else name
    if name == "inner" and 0 in dimensions:
        return "mul"
    if name == "diag" and dimensions[0] == 1:
        return "diag_embed"
    return "weighted_lerp" if name == "lerp" and len(dimensions) == 3 else name


def _check_dtype(name: str, out: Any, result: Any) -> None:
    names = result.dtype.legacy_name, out.dtype.legacy_name, c_name(result.dtype), c_name(out.dtype)
    castable = result.dtype.category <= out.dtype.category or name == "bernoulli"
    if name in _NOT_CASTABLE and not castable:
        errors = {"nanmean": NotImplementedError, "nansum": NotImplementedError, **dict.fromkeys(_JOINING, TypeError)}
        raise errors.get(name, RuntimeError)(_NOT_CASTABLE[name].format(*names))
    if name in _TEXTS and result.dtype is not out.dtype and not (name in ("all", "any") and out.dtype.itemsize == 1):
        raise RuntimeError(_TEXTS[name].format(*names, name=name, flag=names[0] == "Int"))
    if not castable:
        raise RuntimeError(f"result type {names[0]} can't be cast to the desired output type {names[1]}")


def _write(out: Any, result: Any, name: str) -> None:
    if out._data.shape != result._data.shape:
        if out._data.size and name not in _SILENT:
            import warnings

            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out._data.shape)}, which "
                f"does not match the required output shape {list(result._data.shape)}.",
                stacklevel=4,
            )
        out._data = np.empty(result._data.shape, out._data.dtype)
    out.copy_(result)
