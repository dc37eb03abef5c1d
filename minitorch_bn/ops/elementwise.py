"""Operators on one tensor, element by element. Each class names its function and derivative; y is the output."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.ops._common import floating, is_number, operands, promoted, result_type


class Neg(Operator):
    """-a"""

    def forward(ctx, a):
        return np.negative(a)

    def backward(ctx, g):
        return -g


class Abs(Operator):
    """|a|;  da = g sign a"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.absolute(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * a.sign()


class Exp(Operator):
    """e^a;  da = g y"""

    def forward(ctx, a):
        y = np.exp(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class Exp2(Operator):
    """2^a;  da = g y ln 2"""

    def forward(ctx, a):
        y = np.exp2(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y * math.log(2)


class Expm1(Operator):
    """e^a - 1, accurate near 0;  da = g (y + 1)"""

    def forward(ctx, a):
        y = np.expm1(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * (y + 1)


class Log(Operator):
    """ln a;  da = g / a"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.log(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g / a


class Log2(Operator):
    """log2 a;  da = g / (a ln 2)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.log2(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g / (a * math.log(2))


class Log10(Operator):
    """log10 a;  da = g / (a ln 10)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.log10(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g / (a * math.log(10))


class Log1p(Operator):
    """ln(1 + a), accurate near 0;  da = g / (a + 1)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.log1p(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g / (a + 1)


class Sqrt(Operator):
    """sqrt a;  da = g / (2 y)"""

    def forward(ctx, a):
        y = np.sqrt(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g / (2 * y)


class Rsqrt(Operator):
    """1 / sqrt a;  da = -g y^3 / 2"""

    def forward(ctx, a):
        y = np.reciprocal(np.sqrt(a))
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return -0.5 * g * y**3


class Reciprocal(Operator):
    """1 / a;  da = -g y^2"""

    def forward(ctx, a):
        y = np.reciprocal(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return -g * (y * y)


class Sin(Operator):
    """sin a;  da = g cos a"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.sin(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * a.cos()


class Cos(Operator):
    """cos a;  da = -g sin a"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.cos(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return -g * a.sin()


class Tan(Operator):
    """tan a;  da = g (1 + y^2)"""

    def forward(ctx, a):
        y = np.tan(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * (1 + y * y)


class Asin(Operator):
    """arcsin a;  da = g / sqrt(1 - a^2)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.arcsin(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * (1 - a * a).rsqrt()


class Acos(Operator):
    """arccos a;  da = -g / sqrt(1 - a^2)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.arccos(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return -g * (1 - a * a).rsqrt()


class Atan(Operator):
    """arctan a;  da = g / (1 + a^2)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.arctan(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g / (1 + a * a)


class Sinh(Operator):
    """sinh a;  da = g cosh a"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.sinh(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * a.cosh()


class Cosh(Operator):
    """cosh a;  da = g sinh a"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.cosh(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * a.sinh()


class Tanh(Operator):
    """tanh a;  da = g (1 - y^2)"""

    def forward(ctx, a):
        y = np.tanh(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * (1 - y * y)


class Asinh(Operator):
    """arsinh a;  da = g / sqrt(a^2 + 1)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.arcsinh(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * (a * a + 1).rsqrt()


class Acosh(Operator):
    """arcosh a;  da = g / sqrt(a^2 - 1)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.arccosh(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * (a * a - 1).rsqrt()


class Atanh(Operator):
    """artanh a;  da = g / (1 - a^2)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return np.arctanh(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g / (1 - a * a)


class Sigmoid(Operator):
    """1 / (1 + e^-a), without overflow;  da = g y (1 - y)"""

    def forward(ctx, a):
        # e^-|a| never overflows, and keeps small results accurate where the tanh form would round them to 0
        e = np.exp(-np.absolute(a))
        y = np.where(a >= 0, a.dtype.type(1), e) / (1 + e)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * (y * (1 - y))


class Softplus(Operator):
    """log(1 + e^(beta a)) / beta, a itself where beta a > threshold;  da = g sigmoid(beta a), or g"""

    options = 2

    def forward(ctx, a, beta, threshold):
        ctx.save_for_backward(a)
        ctx.beta, ctx.threshold = beta, threshold
        scaled = a * beta
        return np.where(scaled > threshold, a, np.logaddexp(a.dtype.type(0), scaled) / beta)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        scaled = a * ctx.beta
        return (g * scaled.sigmoid()).where(scaled <= ctx.threshold, g)


class Relu(Operator):
    """max(a, 0), NaN stays;  da = g where y > 0"""

    def forward(ctx, a):
        y = np.maximum(a, a.dtype.type(0))
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return Masked.apply(g, y <= 0)


class Masked(Operator, name="MaskedFillBackward0"):
    """0 where the mask is set, else a; its own derivative"""

    def forward(ctx, a, mask):
        ctx.save_for_backward(mask)
        return np.where(mask, a.dtype.type(0), a)

    def backward(ctx, g):
        (mask,) = ctx.saved_tensors
        return Masked.apply(g, mask), None


class Erf(Operator):
    """2/sqrt(pi) times the integral of e^-t^2 from 0 to a;  da = g 2/sqrt(pi) e^-a^2"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return _erf(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * (2 / math.sqrt(math.pi)) * (-a * a).exp()


def _erf(a: np.ndarray) -> np.ndarray:
    """C's erf element by element: numpy has none."""
    out = np.frompyfunc(math.erf, 1, 1)(a.astype(np.float64))
    return np.asarray(out, dtype=a.dtype)


class Clamp(Operator, name="ClampBackward1"):
    """a limited to [low, high];  da = g inside and on the limits"""

    options = 2

    def forward(ctx, a, low, high):
        ctx.save_for_backward(a)
        ctx.low, ctx.high = low, high
        if low is not None:
            a = np.maximum(a, low)
        return a if high is None else np.minimum(a, high)

    def backward(ctx, g):
        a = ctx.saved_tensors[0]._data
        outside = np.zeros(a.shape, bool)
        if ctx.low is not None:
            outside |= a < ctx.low
        if ctx.high is not None:
            outside |= a > ctx.high
        return Masked.apply(g, wrap(outside))


class Where(Operator):
    """a where the condition holds, else b;  each gets the gradient of its places"""

    def forward(ctx, condition, a, b):
        ctx.save_for_backward(condition)
        return np.where(condition, a, b)

    def backward(ctx, g):
        (condition,) = ctx.saved_tensors
        _, need_a, need_b = ctx.needs_input_grad
        return None, Masked.apply(g, ~condition) if need_a else None, Masked.apply(g, condition) if need_b else None


class MaskedFill(Operator):
    """value where the mask is set, else a;  da = g where it is not, dvalue = the sum of g where it is"""

    def forward(ctx, a, mask, value):
        ctx.save_for_backward(mask)
        return np.where(mask, np.asarray(value, a.dtype), a)

    def backward(ctx, g):
        (mask,) = ctx.saved_tensors
        return Masked.apply(g, mask), None, Masked.apply(g, ~mask) if ctx.needs_input_grad[2] else None


class Stepwise(Operator):
    """Functions that are flat between jumps (floor, ceil, round, trunc, sign): their derivative is 0"""

    options = 1

    def forward(ctx, a, function):
        return function(a)

    def backward(ctx, g):
        return g * 0


class NanToNum(Operator):
    """NaN and infinities replaced by numbers;  da = g where a was finite"""

    options = 3

    def forward(ctx, a, nan, posinf, neginf):
        ctx.save_for_backward(a)
        return np.nan_to_num(a, nan=nan, posinf=posinf, neginf=neginf)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return Masked.apply(g, wrap(~np.isfinite(a._data)))


class Clone(Operator):
    """a copy, in memory of its own"""

    def forward(ctx, a):
        return a.copy()

    def backward(ctx, g):
        return g


class ToCopy(Operator):
    """a as another dtype; the engine casts the gradient back"""

    options = 1

    def forward(ctx, a, np_dtype):
        return a.astype(np_dtype)

    def backward(ctx, g):
        return g


class Copy(Operator, name="CopyBackwards"):
    """source written over target;  dtarget = 0, dsource = g"""

    def forward(ctx, target, source):
        return np.broadcast_to(np.asarray(source), target.shape).astype(target.dtype)

    def backward(ctx, g):
        return g * 0 if ctx.needs_input_grad[0] else None, g


# -- functions and methods ---------------------------------------------------------------------------------------


def neg(input: Any) -> Any:
    """-input; booleans are refused, as in PyTorch."""
    if input._data.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    return Neg.apply(input)


def abs(input: Any) -> Any:
    """|input|."""
    return Abs.apply(input)


def positive(input: Any) -> Any:
    """+input: the tensor itself."""
    if input._data.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def _floating_function(operator: type[Operator], formula: str) -> Any:
    def function(input: Any) -> Any:
        return operator.apply(floating(input))

    function.__doc__ = f"{formula}, element by element; integers become the default dtype."
    function.__name__ = function.__qualname__ = operator.__qualname__.lower()
    return function


exp = _floating_function(Exp, "e to the power of input")
exp2 = _floating_function(Exp2, "2 to the power of input")
expm1 = _floating_function(Expm1, "exp(input) - 1")
log = _floating_function(Log, "The natural logarithm")
log2 = _floating_function(Log2, "The logarithm to base 2")
log10 = _floating_function(Log10, "The logarithm to base 10")
log1p = _floating_function(Log1p, "log(1 + input)")
sqrt = _floating_function(Sqrt, "The square root")
rsqrt = _floating_function(Rsqrt, "1 / sqrt(input)")
reciprocal = _floating_function(Reciprocal, "1 / input")
sin = _floating_function(Sin, "The sine")
cos = _floating_function(Cos, "The cosine")
tan = _floating_function(Tan, "The tangent")
asin = _floating_function(Asin, "The inverse sine")
acos = _floating_function(Acos, "The inverse cosine")
atan = _floating_function(Atan, "The inverse tangent")
sinh = _floating_function(Sinh, "The hyperbolic sine")
cosh = _floating_function(Cosh, "The hyperbolic cosine")
tanh = _floating_function(Tanh, "The hyperbolic tangent")
asinh = _floating_function(Asinh, "The inverse hyperbolic sine")
acosh = _floating_function(Acosh, "The inverse hyperbolic cosine")
atanh = _floating_function(Atanh, "The inverse hyperbolic tangent")
sigmoid = _floating_function(Sigmoid, "1 / (1 + exp(-input))")
erf = _floating_function(Erf, "The error function")


def relu(input: Any) -> Any:
    """max(input, 0)."""
    return Relu.apply(input)


def logit(input: Any, eps: float | None = None) -> Any:
    """log(x / (1 - x)); ``eps`` first limits x to [eps, 1 - eps]."""
    x = floating(input)
    if eps is not None:
        x = clamp(x, eps, 1 - eps)
    return log(x / (1 - x))


def _stepwise_function(function: Any, formula: str, integers_unchanged: bool = True) -> Any:
    def method(input: Any) -> Any:
        if integers_unchanged and input._data.dtype.kind in "iu":
            return Clone.apply(input)
        return Stepwise.apply(input, function)

    method.__doc__ = f"{formula}, element by element; its gradient is 0."
    return method


floor = _stepwise_function(np.floor, "The largest integer not above input")
ceil = _stepwise_function(np.ceil, "The smallest integer not below input")
trunc = _stepwise_function(np.trunc, "input without its fraction")
sign = _stepwise_function(np.sign, "-1, 0 or 1", integers_unchanged=False)


def round(input: Any, *, decimals: int = 0) -> Any:
    """The nearest number with this many decimals; halves go to the even neighbour. Its gradient is 0."""
    if input._data.dtype.kind in "iu":
        return Clone.apply(input)
    return Stepwise.apply(input, lambda a: np.round(a, decimals))


def frac(input: Any) -> Any:
    """The fraction: input - trunc(input)."""
    return input - trunc(input)


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """input limited to [min, max]; either may be left out, and either may be a tensor.

    >>> import minitorch_bn as torch
    >>> torch.clamp(torch.tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Variable) or isinstance(max, Variable):
        result = input if min is None else input.maximum(promoted(input, min)[1] if is_number(min) else min)
        return result if max is None else result.minimum(promoted(result, max)[1] if is_number(max) else max)
    dtype = result_type(input, *(limit for limit in (min, max) if limit is not None))
    return Clamp.apply(input if input.dtype is dtype else input.to(dtype), min, max)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other; with the condition alone, the indices where it holds."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition._data.dtype.kind != "b":
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype.legacy_name}"
        )
    a, b = promoted(input, other)
    return Where.apply(condition, a, b)


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """input with ``value`` (a number or zero-dim tensor) where the boolean mask is set."""
    if mask._data.dtype.kind != "b":
        raise RuntimeError("masked_fill only supports boolean masks, but got mask with dtype " + repr(mask.dtype)[6:])
    if isinstance(value, Variable) and value._data.ndim:
        raise RuntimeError(
            f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {value._data.ndim} dimension(s)."
        )
    return MaskedFill.apply(input, mask, value)


def nan_to_num(input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    """NaN (default 0) and infinities (default: the dtype's limits) replaced."""
    return NanToNum.apply(input, 0.0 if nan is None else nan, posinf, neginf)


# -- comparisons and logic: no gradient, so no operator ------------------------------------------------------------


def _comparison(ufunc: Any, symbol: str) -> Any:
    def function(input: Any, other: Any) -> Any:
        a, b = operands(input, other)
        a = a._data if isinstance(a, Variable) else a
        b = b._data if isinstance(b, Variable) else b
        return wrap(ufunc(a, b))

    function.__doc__ = f"input {symbol} other, element by element, as booleans."
    return function


eq = _comparison(np.equal, "==")
ne = _comparison(np.not_equal, "!=")
lt = _comparison(np.less, "<")
le = _comparison(np.less_equal, "<=")
gt = _comparison(np.greater, ">")
ge = _comparison(np.greater_equal, ">=")
logical_and = _comparison(np.logical_and, "and")
logical_or = _comparison(np.logical_or, "or")
logical_xor = _comparison(np.logical_xor, "xor")


def _bitwise(ufunc: Any, symbol: str) -> Any:
    def function(input: Any, other: Any) -> Any:
        a, b = operands(input, other)
        a = a._data if isinstance(a, Variable) else a
        b = b._data if isinstance(b, Variable) else b
        if np.result_type(a, b).kind not in "iub":
            name = result_type(input, other).legacy_name
            raise NotImplementedError(f"\"{ufunc.__name__}_cpu\" not implemented for '{name}'")
        return wrap(ufunc(a, b))

    function.__doc__ = f"input {symbol} other, bit by bit (booleans: logically)."
    return function


bitwise_and = _bitwise(np.bitwise_and, "&")
bitwise_or = _bitwise(np.bitwise_or, "|")
bitwise_xor = _bitwise(np.bitwise_xor, "^")


def bitwise_not(input: Any) -> Any:
    """Every bit flipped (booleans: not)."""
    if input._data.dtype.kind not in "iub":
        raise NotImplementedError(f"\"bitwise_not_cpu\" not implemented for '{input.dtype.legacy_name}'")
    return wrap(np.invert(input._data))


def logical_not(input: Any) -> Any:
    """True where input is 0 or False."""
    return wrap(np.logical_not(input._data))


def isnan(input: Any) -> Any:
    """True where input is NaN."""
    return wrap(np.isnan(input._data))


def isinf(input: Any) -> Any:
    """True where input is plus or minus infinity."""
    return wrap(np.isinf(input._data))


def isfinite(input: Any) -> Any:
    """True where input is neither NaN nor infinite."""
    return wrap(np.isfinite(input._data))


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """|input - other| <= atol + rtol * |other|, element by element."""
    if input._data.dtype != other._data.dtype:
        raise RuntimeError(f"{input.dtype.legacy_name} did not match {other.dtype.legacy_name}")
    return wrap(np.isclose(input._data, other._data, rtol, atol, equal_nan))


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close (see ``isclose``)."""
    return bool(isclose(input, other, rtol, atol, equal_nan)._data.all())


def equal(input: Any, other: Any) -> bool:
    """Whether both have the same shape and the same elements."""
    return input._data.shape == other._data.shape and bool(np.array_equal(input._data, other._data))
