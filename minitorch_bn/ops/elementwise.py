"""Operators on one tensor, element by element. Each class names its function and derivative; y is the output."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch_bn import dtypes
from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.kernels import activation
from minitorch_bn.kernels import elementwise as kernels
from minitorch_bn.ops._common import (
    accumulator,
    c_name,
    constant,
    example,
    fill_value,
    floating,
    floating_function,
    invalid_arguments,
    is_number,
    not_implemented,
    operands,
    promoted,
    python_number,
    refuse_numbers,
    require_tensor,
    require_tensors,
    result_type,
)
from minitorch_bn.size import broadcast_shapes


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


class Log1p(Operator, name="Log1PBackward0"):
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
        y = kernels.sigmoid(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        mode = thread.mode
        if not mode.grad:
            return wrap(mode.quietly(kernels.sigmoid_backward, g._data, y._data))
        return g * (y * (1 - y))


class Relu(Operator):
    """max(a, 0), NaN stays;  da = g where y > 0"""

    def forward(ctx, a):
        y = activation.relu(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return ReluBackward.apply(g, y)


class ReluBackward(Operator, name="ThresholdBackwardBackward0"):
    """0 where y <= 0, else g;  linear in g, flat in y"""

    def forward(ctx, g, y):
        ctx.save_for_backward(y)
        return activation.relu_backward(g, y)

    def backward(ctx, u):
        (y,) = ctx.saved_tensors
        return ReluBackward.apply(u, y), u.new_zeros(u.shape) if ctx.needs_input_grad[1] else None


class Masked(Operator, name="MaskedFillBackward0"):
    """0 where the mask is set, else a; its own derivative"""

    def forward(ctx, a, mask):
        ctx.save_for_backward(mask)
        return activation.zeroed(a, mask)

    def backward(ctx, g):
        (mask,) = ctx.saved_tensors
        return Masked.apply(g, mask), None


class Erf(Operator):
    """2/sqrt(pi) times the integral of e^-t^2 from 0 to a;  da = g 2/sqrt(pi) e^-a^2"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return kernels.erf(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        mode = thread.mode
        if not mode.grad:
            return wrap(mode.quietly(kernels.erf_backward, g._data, a._data))
        return g * (2 / math.sqrt(math.pi)) * (-a * a).exp()


class Clamp(Operator, name="ClampBackward1"):
    """a limited to [low, high];  da = g inside and on the limits"""

    options = 2

    def forward(ctx, a, low, high):
        ctx.save_for_backward(a)
        ctx.low, ctx.high = low, high
        if a.dtype.kind != "f":
            return _clamp(a, low, high)
        return kernels.clamp(a, -np.inf if low is None else low, np.inf if high is None else high)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        mode = thread.mode
        if not mode.grad and a._data.dtype.kind == "f":
            limits = -np.inf if ctx.low is None else ctx.low, np.inf if ctx.high is None else ctx.high
            return wrap(mode.quietly(kernels.clamp_backward, g._data, a._data, *limits))
        return Masked.apply(g, wrap(~_inside(a._data, ctx.low, ctx.high)))


class ClampTensor(Operator, name="ClampBackward0"):
    """a limited to [low, high], tensors or None;  g goes to a inside and on the limits, else to the limit"""

    def forward(ctx, a, low, high):
        ctx.save_for_backward(a, low, high)
        return _clamp(a, low, high)

    def backward(ctx, g):
        arrays: list[Any] = [None if t is None else t._data for t in ctx.saved_tensors]
        a, low, high = arrays
        _, need_low, need_high = ctx.needs_input_grad
        dlow = dhigh = None
        if need_low:  # where the limits cross, the upper one is the result
            dlow = Masked.apply(g, wrap(~((a < low) & (True if high is None else low < high))))
        if need_high:
            dhigh = Masked.apply(g, wrap(~((a > high) | (False if low is None else high < low))))
        return Masked.apply(g, wrap(~_inside(a, low, high))), dlow, dhigh


def _clamp(a: np.ndarray, low: Any, high: Any) -> np.ndarray:
    above = a if low is None else np.maximum(a, low)
    return above if high is None else np.minimum(above, high)


def _inside(a: np.ndarray, low: Any, high: Any) -> Any:
    above = np.True_ if low is None else a >= low
    return above if high is None else above & (a <= high)


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


class MaskedFillTensor(MaskedFill, name="MaskedFillBackward1"):
    """value where the mask is set, else a, for a value that is a tensor"""

    __slots__ = ()


class Stepwise(Operator):
    """Functions that are flat between jumps: their derivative is 0"""

    step: Any = None

    def forward(ctx, a):
        return ctx.step(a)

    def backward(ctx, g):
        return g.new_zeros(g.shape)


class Floor(Stepwise):
    """the largest integer not above a"""

    step = np.floor


class Ceil(Stepwise):
    """the smallest integer not below a"""

    step = np.ceil


class Trunc(Stepwise):
    """a without its fraction"""

    step = np.trunc


class Round(Stepwise):
    """the nearest integer, halves to the even one"""

    step = np.rint


class Sign(Stepwise):
    """-1, 0 or 1; 0 for NaN"""

    def forward(ctx, a):
        return a.copy() if a.dtype.kind == "b" else (a > 0).astype(a.dtype) - (a < 0).astype(a.dtype)


class RoundDecimals(Operator, name="RoundBackward1"):
    """the nearest multiple of 10^-decimals;  flat between jumps: the derivative is 0"""

    options = 1

    def forward(ctx, a, decimals):
        scale = accumulator(a).type(10.0 ** np.abs(decimals))
        out = np.rint(a * scale) / scale if decimals > 0 else np.rint(a / scale) * scale
        return out.astype(a.dtype)

    def backward(ctx, g):
        return g.new_zeros(g.shape)


class Frac(Operator):
    """a - trunc a;  da = g"""

    def forward(ctx, a):
        return a - np.trunc(a)

    def backward(ctx, g):
        return g


class Logit(Operator):
    """log(a / (1 - a)), a first limited to [eps, 1 - eps];  da = g / (a (1 - a)), beyond the limits 0 (without: NaN)"""

    options = 1

    def forward(ctx, a, eps):
        ctx.save_for_backward(a)
        ctx.eps = eps
        limited = a if eps is None else _clamp(a, a.dtype.type(eps), a.dtype.type(1 - eps))
        return np.log(limited / (1 - limited))

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        low = 0.0 if ctx.eps is None else ctx.eps
        outside = (a < low) | (a > 1 - low)
        return (g / (a * (1 - a))).masked_fill(outside, float("nan") if ctx.eps is None else 0.0)


class NanToNum(Operator):
    """NaN and infinities replaced by numbers;  da = g where a was finite"""

    options = 3

    def forward(ctx, a, nan, posinf, neginf):
        ctx.save_for_backward(a)
        limits = dtypes.finfo(dtypes.from_numpy_dtype(a.dtype))
        posinf, neginf = limits.max if posinf is None else posinf, limits.min if neginf is None else neginf
        out = np.where(np.isnan(a), a.dtype.type(nan), a)
        out[out == np.inf] = posinf
        out[out == -np.inf] = neginf
        return out

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return Masked.apply(g, wrap(~np.isfinite(a._data)))


class Clone(Operator):
    """a copy in a dtype, its dimensions in memory in an order, None for that of a;  the engine casts g back"""

    options = 2

    def forward(ctx, a, np_dtype, order):
        if order is None:
            return a.astype(np_dtype, "C" if 0 in a.strides else "K")  # expanded dimensions have no order
        return np.array(a.transpose(order), np_dtype, order="C").transpose(np.argsort(order))

    def backward(ctx, g):
        return g


class ToCopy(Clone):
    """the same, asked for by ``to``"""

    __slots__ = ()


class Copy(Operator, name="CopyBackwards"):
    """source written over target;  dtarget = 0, dsource = g"""

    def forward(ctx, target, source):
        return source.astype(target.dtype)

    def backward(ctx, g):
        return g.new_zeros(g.shape) if ctx.needs_input_grad[0] else None, g


class Normal(Operator, name="NormalBackward3"):
    """random numbers around parameters;  a number drawn has no derivative: dparameter = 0"""

    options = 1

    def forward(ctx, *arguments):
        *parameters, drawn = arguments
        ctx.shapes = [p.shape for p in parameters]
        return drawn

    def backward(ctx, g):
        return tuple(g.new_zeros(shape) for shape in ctx.shapes)


class NormalMean(Normal, name="NormalBackward1"):
    """normal numbers around means, with one standard deviation"""

    __slots__ = ()


class NormalStd(Normal, name="NormalBackward2"):
    """normal numbers around one mean, with standard deviations"""

    __slots__ = ()


class Bernoulli(Normal, name="BernoulliBackward0"):
    """1 with the probabilities given, else 0"""

    __slots__ = ()


class Fill(Copy, name="FillBackward2"):
    """a number written over target"""

    __slots__ = ()


class FillTensor(Copy, name="FillBackward3"):
    """a zero-dim tensor written over target"""

    __slots__ = ()


class Zero(Copy, name="ZeroBackward0"):
    """0 written over target"""

    __slots__ = ()


# -- functions and methods ---------------------------------------------------------------------------------------


def neg(input: Any) -> Any:
    """-input; booleans are refused, as in PyTorch.

    >>> import minitorch_bn as torch
    >>> torch.neg(torch.tensor([1, -2]))
    tensor([-1,  2])
    """
    require_tensor("neg", input)
    check_negation(input)
    return Neg.apply(input)


def check_negation(input: Any) -> None:
    """RuntimeError for booleans."""
    if input._data.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )


def abs(input: Any) -> Any:
    """|input|.

    >>> import minitorch_bn as torch
    >>> torch.abs(torch.tensor([-1.5, 2.0]))
    tensor([1.5000, 2.0000])
    """
    require_tensor("abs", input)
    if input._data.dtype.kind == "b":
        raise not_implemented("abs_cpu", input.dtype)
    return Abs.apply(input)


def positive(input: Any) -> Any:
    """+input: the tensor itself.

    >>> import minitorch_bn as torch
    >>> torch.positive(torch.tensor([1, -2]))
    tensor([ 1, -2])
    """
    require_tensor("positive", input)
    if input._data.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


exp = floating_function(Exp, "e to the power of input", "[0.0, 1.0] -> [1.0000, 2.7183]")
exp2 = floating_function(Exp2, "2 to the power of input", "[0.5, 1.5] -> [1.4142, 2.8284]")
expm1 = floating_function(Expm1, "exp(input) - 1", "[0.0, 1.0] -> [0.0000, 1.7183]")
log = floating_function(Log, "The natural logarithm", "[1.0, 10.0] -> [0.0000, 2.3026]")
log2 = floating_function(Log2, "The logarithm to base 2", "[3.0, 5.0] -> [1.5850, 2.3219]")
log10 = floating_function(Log10, "The logarithm to base 10", "[2.0, 50.0] -> [0.3010, 1.6990]")
log1p = floating_function(Log1p, "log(1 + input)", "[0.0, 1.0] -> [0.0000, 0.6931]")
sqrt = floating_function(Sqrt, "The square root", "[4.0, 9.0] -> [2., 3.]")
rsqrt = floating_function(Rsqrt, "1 / sqrt(input)", "[4.0, 16.0] -> [0.5000, 0.2500]")
reciprocal = floating_function(Reciprocal, "1 / input", "[2.0, -4.0] -> [ 0.5000, -0.2500]")
sin = floating_function(Sin, "The sine", "[0.0, 1.0] -> [0.0000, 0.8415]")
cos = floating_function(Cos, "The cosine", "[0.0, 1.0] -> [1.0000, 0.5403]")
tan = floating_function(Tan, "The tangent", "[0.0, 1.0] -> [0.0000, 1.5574]")
asin = floating_function(Asin, "The inverse sine", "[0.0, 1.0] -> [0.0000, 1.5708]")
acos = floating_function(Acos, "The inverse cosine", "[0.0, 1.0] -> [1.5708, 0.0000]")
atan = floating_function(Atan, "The inverse tangent", "[0.0, 1.0] -> [0.0000, 0.7854]")
sinh = floating_function(Sinh, "The hyperbolic sine", "[0.0, 1.0] -> [0.0000, 1.1752]")
cosh = floating_function(Cosh, "The hyperbolic cosine", "[0.0, 1.0] -> [1.0000, 1.5431]")
tanh = floating_function(Tanh, "The hyperbolic tangent", "[0.0, 1.0] -> [0.0000, 0.7616]")
asinh = floating_function(Asinh, "The inverse hyperbolic sine", "[0.0, 1.0] -> [0.0000, 0.8814]")
acosh = floating_function(Acosh, "The inverse hyperbolic cosine", "[1.0, 2.0] -> [0.0000, 1.3170]")
atanh = floating_function(Atanh, "The inverse hyperbolic tangent", "[0.0, 0.5] -> [0.0000, 0.5493]")
sigmoid = floating_function(Sigmoid, "1 / (1 + exp(-input))", "[0.0, 2.0] -> [0.5000, 0.8808]")
erf = floating_function(Erf, "The error function", "[0.0, 1.0] -> [0.0000, 0.8427]")


def relu(input: Any) -> Any:
    """max(input, 0); booleans are refused, as in PyTorch.

    >>> import minitorch_bn as torch
    >>> torch.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if input._data.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return Relu.apply(input)


def rectified(output: Any, inplace: bool) -> Any:
    """``relu`` of what an operator has just given, if it has written max(a, 0) for a: only the node is missing."""
    counter, y = output._version_counter, output._data
    if inplace and type(counter) is list:  # else nobody counts
        counter[0] += 1
    if output._requires_grad:
        ctx = Relu()
        ctx.edges = [(output._node, output._output_nr)]
        ctx.save_for_backward(y)
        ctx._record((None,), [None], (y,), (output,))
    return output


def logit(input: Any, eps: float | None = None) -> Any:
    """log(x / (1 - x)); ``eps`` first limits x to [eps, 1 - eps].

    >>> import minitorch_bn as torch
    >>> torch.logit(torch.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    return Logit.apply(floating(input, "logit"), eps)


def _stepwise_function(operator: type[Operator], formula: str, case: str) -> Any:
    name = operator.__qualname__.lower()

    def method(input: Any) -> Any:
        require_tensor(name, input)
        check_stepwise(name, input)
        return input.clone() if input._data.dtype.kind in "iu" else operator.apply(input)

    method.__doc__ = f"{formula}, element by element; its gradient is 0.{example(name, case)}"
    method.__name__ = method.__qualname__ = name
    return method


def check_stepwise(name: str, input: Any) -> None:
    """NotImplementedError for booleans."""
    if input._data.dtype.kind == "b":
        raise not_implemented(f"{name}_vml_cpu", input.dtype)


floor = _stepwise_function(Floor, "The largest integer not above input", "[1.5, -1.5] -> [ 1., -2.]")
ceil = _stepwise_function(Ceil, "The smallest integer not below input", "[1.5, -1.5] -> [ 2., -1.]")
trunc = _stepwise_function(Trunc, "input without its fraction", "[1.5, -1.5] -> [ 1., -1.]")
_round = _stepwise_function(Round, "The nearest integer", "[0.5, 1.5] -> [0., 2.]")


def round(input: Any, *, decimals: int = 0) -> Any:
    """The nearest number with this many decimals; halves go to the even neighbour. Its gradient is 0.

    >>> import minitorch_bn as torch
    >>> torch.round(torch.tensor([0.5, 1.5, 2.6]))
    tensor([0., 2., 3.])
    >>> torch.round(torch.tensor([1.2345]), decimals=2)
    tensor([1.2300])
    """
    if decimals == 0:
        return _round(input)
    if input.dtype.category < 2:
        raise not_implemented("round_cpu", input.dtype)
    return RoundDecimals.apply(input, decimals)


def sign(input: Any) -> Any:
    """-1, 0 or 1, element by element; its gradient is 0.

    >>> import minitorch_bn as torch
    >>> torch.sign(torch.tensor([-3.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    require_tensor("sign", input)
    return Sign.apply(input)


def frac(input: Any) -> Any:
    """The fraction: input - trunc(input).

    >>> import minitorch_bn as torch
    >>> torch.frac(torch.tensor([1.5, -1.5]))
    tensor([ 0.5000, -0.5000])
    """
    require_tensor("frac", input)
    if input.dtype.category < 2:
        raise not_implemented("frac_cpu", input.dtype)
    return Frac.apply(input)


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """input limited to [min, max]; either may be left out, and either may be a tensor.

    >>> import minitorch_bn as torch
    >>> torch.clamp(torch.tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    operator, a, low, high = clamp_arguments(input, min, max)
    return operator.apply(a, low, high)


def clamp_arguments(input: Any, min: Any, max: Any, function: str = "clamp") -> tuple:
    """The operator for limits that are numbers or tensors, and all arguments in one dtype."""
    limits = [limit for limit in (min, max) if limit is not None]
    if not isinstance(input, Variable):
        raise invalid_arguments(function, input, min, max, expected="(Tensor input, limits)")
    numbers = sum(map(is_number, limits))
    if numbers != len(limits) and (numbers or not all(isinstance(limit, Variable) for limit in limits)):
        expected = "(Tensor min = None, Tensor max = None)\n * (Number min = None, Number max = None)"
        if min is None:
            raise invalid_arguments(function, expected=expected, max=max)
        raise invalid_arguments(function, *limits, expected=expected)
    dtype = result_type(input, *limits)
    a = input if input.dtype is dtype else input.to(dtype)
    if numbers:
        if dtype.category == 2 and a._data.dtype.kind == "f":
            return Clamp, a, python_number(min), python_number(max)
        return Clamp, a, *(None if limit is None else constant(limit, dtype)._data for limit in (min, max))
    if dtype.category == 0 and len(limits) == 2:
        raise not_implemented("clamp_cpu", dtype)
    return ClampTensor, a, *(None if limit is None else limit.to(dtype) for limit in (min, max))


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other; with the condition alone, the indices where it holds.

    >>> import minitorch_bn as torch
    >>> torch.where(torch.tensor([True, False]), torch.tensor([1, 2]), torch.tensor([-1, -2]))
    tensor([ 1, -2])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not isinstance(condition, Variable) or not all(isinstance(v, Variable) or is_number(v) for v in (input, other)):
        expected = "(Tensor condition)\n * (Tensor condition, Tensor or Number input, Tensor or Number other)"
        raise invalid_arguments("where", condition, input, other, expected=expected)
    if condition.dtype is dtypes.uint8:
        condition = condition.to(dtypes.bool)
    if condition.dtype is not dtypes.bool:
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{condition.dtype.legacy_name}"
        )
    a, b = promoted(input, other)
    return Where.apply(condition, a, b)


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """input with ``value`` (a number or zero-dim tensor) where the boolean mask is set.

    >>> import minitorch_bn as torch
    >>> torch.masked_fill(torch.tensor([1, 2]), torch.tensor([True, False]), 9)
    tensor([9, 2])
    """
    operator, filler = masked_fill_arguments(input, mask, value)
    return operator.apply(input, mask, filler)


def masked_fill_arguments(input: Any, mask: Any, value: Any) -> tuple:
    """The operator for a value that is a number or a zero-dim tensor, and that value in the input's dtype."""
    if mask._data.dtype.kind != "b":
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {c_name(mask.dtype)}")
    if is_number(value):
        return MaskedFill, fill_value(value, input.dtype)
    if not isinstance(value, Variable):
        raise invalid_arguments("masked_fill", mask, value, expected="(Tensor mask, Tensor or Number value)")
    if value._data.ndim:
        raise RuntimeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._data.ndim} "
            "dimension(s)."
        )
    return MaskedFillTensor, value


def to_copy(input: Any, np_dtype: Any, memory_format: Any = None, copy: bool = False) -> Any:
    """The tensor in another dtype and order of memory; itself if nothing changes and no copy is asked for."""
    data = input._data
    order = None if memory_format is None else memory_format.order(data.ndim)
    if np_dtype == data.dtype and not copy and (order is None or data.transpose(order).flags.c_contiguous):
        return input
    return ToCopy.apply(input, np_dtype, order)


def nan_to_num(input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    """NaN (default 0) and infinities (default: the dtype's limits) replaced.

    >>> import minitorch_bn as torch
    >>> torch.nan_to_num(torch.tensor([torch.nan, 1.0]), nan=0.0)
    tensor([0., 1.])
    """
    if input.dtype.category < 2:
        return input.clone()
    return NanToNum.apply(input, 0.0 if nan is None else nan, posinf, neginf)


# -- comparisons and logic: no gradient, so no operator ------------------------------------------------------------


def _comparison(name: str, ufunc: Any, symbol: str, case: str) -> Any:
    def function(input: Any, other: Any) -> Any:
        if not is_number(other) and not isinstance(other, Variable):
            raise invalid_arguments(name, other, expected="(Tensor or Number other)")
        if not isinstance(input, Variable):
            raise invalid_arguments(name, input, other, expected="(Tensor input, Tensor or Number other)")
        return _elementwise(ufunc, *operands(input, other))

    function.__doc__ = f"input {symbol} other, element by element, as booleans.{example(name, case)}"
    function.__name__ = function.__qualname__ = name
    return function


def _logical(ufunc: Any, symbol: str, case: str) -> Any:
    def function(input: Any, other: Any) -> Any:
        require_tensors(name, input=input, other=other)
        return _elementwise(ufunc, *operands(input, other))

    name = ufunc.__name__
    function.__doc__ = f"input {symbol} other, element by element, where what is not 0 is true.{example(name, case)}"
    function.__name__ = function.__qualname__ = name
    return function


def _elementwise(ufunc: Any, a: Any, b: Any) -> Any:
    """A ufunc without a derivative; shapes that do not broadcast get PyTorch's text."""
    a = a._data if isinstance(a, Variable) else a
    b = b._data if isinstance(b, Variable) else b
    try:
        return wrap(thread.mode.quietly(ufunc, a, b))  # a NaN of bfloat16 makes numpy warn
    except ValueError:
        broadcast_shapes(np.shape(a), np.shape(b))
        raise


eq = _comparison("eq", np.equal, "==", "[1, 2], [1, 3] -> [ True, False]")
ne = _comparison("ne", np.not_equal, "!=", "[1, 2], [1, 3] -> [False,  True]")
lt = _comparison("lt", np.less, "<", "[1, 2], [2, 2] -> [ True, False]")
le = _comparison("le", np.less_equal, "<=", "[1, 2], [2, 2] -> [True, True]")
gt = _comparison("gt", np.greater, ">", "[1, 3], [2, 2] -> [False,  True]")
ge = _comparison("ge", np.greater_equal, ">=", "[1, 2], [2, 2] -> [False,  True]")
logical_and = _logical(np.logical_and, "and", "[0, 1, 2], [1, 0, 5] -> [False, False,  True]")
logical_or = _logical(np.logical_or, "or", "[0, 1, 0], [0, 0, 5] -> [False,  True,  True]")
logical_xor = _logical(np.logical_xor, "xor", "[0, 1, 2], [1, 0, 5] -> [ True,  True, False]")


def _bitwise(ufunc: Any, symbol: str, case: str) -> Any:
    name = ufunc.__name__

    def function(input: Any, other: Any) -> Any:
        refuse_numbers(name, input, other)
        a, b = operands(input, other)
        dtype = result_type(a, b)
        if dtype.category == 2:
            raise not_implemented(f"{name}_cpu", dtype)
        return _elementwise(ufunc, a, b)

    function.__doc__ = f"input {symbol} other, bit by bit (booleans: logically).{example(name, case)}"
    function.__name__ = function.__qualname__ = name
    return function


bitwise_and = _bitwise(np.bitwise_and, "&", "[5, 6], [3, 3] -> [1, 2]")
bitwise_or = _bitwise(np.bitwise_or, "|", "[5, 6], [3, 3] -> [7, 7]")
bitwise_xor = _bitwise(np.bitwise_xor, "^", "[5, 6], [3, 3] -> [6, 5]")


def bitwise_not(input: Any) -> Any:
    """Every bit flipped (booleans: not).

    >>> import minitorch_bn as torch
    >>> torch.bitwise_not(torch.tensor([0, 1]))
    tensor([-1, -2])
    """
    if input.dtype.category == 2:
        raise not_implemented("bitwise_not_cpu", input.dtype)
    return wrap(np.invert(input._data))


def invert(input: Any) -> Any:
    """``~input``: every bit flipped."""
    if input.dtype.category == 2:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return bitwise_not(input)


def logical_not(input: Any) -> Any:
    """True where input is 0 or False.

    >>> import minitorch_bn as torch
    >>> torch.logical_not(torch.tensor([0, 3]))
    tensor([ True, False])
    """
    require_tensor("logical_not", input)
    return wrap(np.logical_not(input._data))


def isnan(input: Any) -> Any:
    """True where input is NaN.

    >>> import minitorch_bn as torch
    >>> torch.isnan(torch.tensor([1.0, torch.inf, torch.nan]))
    tensor([False, False,  True])
    """
    require_tensor("isnan", input)
    return wrap(np.isnan(input._data))


def isinf(input: Any) -> Any:
    """True where input is plus or minus infinity.

    >>> import minitorch_bn as torch
    >>> torch.isinf(torch.tensor([1.0, torch.inf, torch.nan]))
    tensor([False,  True, False])
    """
    require_tensor("isinf", input)
    return wrap(np.isinf(input._data))


def isfinite(input: Any) -> Any:
    """True where input is neither NaN nor infinite.

    >>> import minitorch_bn as torch
    >>> torch.isfinite(torch.tensor([1.0, torch.inf, torch.nan]))
    tensor([ True, False, False])
    """
    require_tensor("isfinite", input)
    return wrap(np.isfinite(input._data))


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """|input - other| <= atol + rtol * |other|, element by element.

    >>> import minitorch_bn as torch
    >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0 + 1e-7, 2.1]))
    tensor([ True, False])
    """
    require_tensor("isclose", input)
    require_tensor("isclose", other, "other", 2)
    if input._data.dtype != other._data.dtype:
        raise RuntimeError(f"{input.dtype.legacy_name} did not match {other.dtype.legacy_name}")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance}")
    broadcast_shapes(input._data.shape, other._data.shape)
    return wrap(np.isclose(input._data, other._data, rtol, atol, equal_nan))


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close (see ``isclose``).

    >>> import minitorch_bn as torch
    >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-7]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan)._data.all())


def equal(input: Any, other: Any) -> bool:
    """Whether both have the same shape and the same elements.

    >>> import minitorch_bn as torch
    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    return input._data.shape == other._data.shape and bool(np.array_equal(input._data, other._data))
