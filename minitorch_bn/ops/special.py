"""Rarer functions, element by element. Each class names its function and derivative; y is the output."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch_bn import dtypes, return_types
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.kernels import gamma
from minitorch_bn.ops._common import (
    constant,
    example,
    float_operands,
    floating,
    floating_function,
    invalid_arguments,
    is_number,
    not_implemented,
    operands,
    promoted,
    refuse_numbers,
    require_tensor,
    require_tensors,
    result_type,
)
from minitorch_bn.size import broadcast_shapes


class Erfc(Operator):
    """1 - erf a;  da = -g 2/sqrt(pi) e^-a^2"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return gamma.erfc(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * (-2 / math.sqrt(math.pi)) * (-a * a).exp()


class Erfinv(Operator):
    """y with erf y = a;  da = g sqrt(pi)/2 e^y^2"""

    def forward(ctx, a):
        y = gamma.erfinv(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * (math.sqrt(math.pi) / 2) * (y * y).exp()


class Lgamma(Operator):
    """log |gamma(a)|;  da = g digamma(a)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return gamma.lgamma(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * Digamma.apply(a)


class Digamma(Operator):
    """the derivative of lgamma;  da = g polygamma(1, a)"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return gamma.digamma(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * Polygamma.apply(a, 1)


class Polygamma(Operator):
    """the n-th derivative of digamma;  da = g polygamma(n + 1, a)"""

    options = 1

    def forward(ctx, a, n):
        ctx.save_for_backward(a)
        ctx.n = n
        return gamma.polygamma(n, a) if n else gamma.digamma(a)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * Polygamma.apply(a, ctx.n + 1)


class Sinc(Operator):
    """sin(pi a) / (pi a), 1 at 0;  da = g (cos(pi a) - y) / a, 0 at 0"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        x = a * a.dtype.type(math.pi)
        return np.where(a == 0, a.dtype.type(1), np.sin(x) / x)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        x = a * math.pi
        slope = (x * x.cos() - x.sin()) / (x * a)
        return g * slope.masked_fill(a == 0, 0)


class Deg2Rad(Operator, name="Deg2RadBackward0"):
    """a pi / 180;  da = g pi / 180"""

    factor = math.pi / 180

    def forward(ctx, a):
        return a * a.dtype.type(ctx.factor)

    def backward(ctx, g):
        return g * ctx.factor


class Rad2Deg(Deg2Rad, name="Rad2DegBackward0"):
    """a 180 / pi;  da = g 180 / pi"""

    factor = 180 / math.pi


class Sgn(Operator):
    """-1, 0 or 1;  da = 0"""

    def forward(ctx, a):
        return a.copy() if a.dtype.kind == "b" else (a > 0).astype(a.dtype) - (a < 0).astype(a.dtype)

    def backward(ctx, g):
        return g.new_zeros(g.shape)


class Copysign(Operator):
    """|a| with the sign of b;  da = g if a has that sign, else -g (0 at 0),  db = 0"""

    def forward(ctx, a, b):
        y = np.copysign(a, b)
        ctx.save_for_backward(np.sign(a) == np.sign(y), a == 0)
        return y

    def backward(ctx, g):
        same, zero = ctx.saved_tensors
        return g.where(same, -g).masked_fill(zero, 0), g.new_zeros(g.shape) if ctx.needs_input_grad[1] else None


class CopysignScalar(Copysign, name="CopysignBackward1"):
    """|a| with the sign of a number"""

    __slots__ = ()


class Heaviside(Operator, name="NotImplemented"):
    """0 where a < 0, 1 where a > 0, b where a is 0, which PyTorch refuses to differentiate"""

    def forward(ctx, a, b):
        return np.where(a == 0, b, (a > 0).astype(a.dtype))

    def backward(ctx, g):
        raise RuntimeError("derivative for aten::heaviside is not implemented")


class Nextafter(Operator):
    """the next number after a on the way to b;  da = g, 0 where a = b,  db = 0"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a == b)
        return np.nextafter(a, b)

    def backward(ctx, g):
        (same,) = ctx.saved_tensors
        return g.masked_fill(same, 0), g.new_zeros(g.shape) if ctx.needs_input_grad[1] else None


class LogAddExp2(Operator, name="Logaddexp2Backward0"):
    """log2(2^a + 2^b) without overflow;  da = g / (1 + 2^(b - a)),  db = g / (1 + 2^(a - b))"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.logaddexp2(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g / (1 + (b - a).exp2()), g / (1 + (a - b).exp2())


class Ldexp(Operator):
    """a 2^b;  da = g 2^b,  db = g y ln 2"""

    def forward(ctx, a, b):
        y = a * np.exp2(b)
        ctx.save_for_backward(b, y)
        return y

    def backward(ctx, g):
        b, y = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        return g * b.exp2() if need_a else None, g * y * math.log(2) if need_b else None


class Frexp(Operator):
    """m and the whole number e with a = m 2^e, |m| in [1/2, 1);  da = g 2^-e"""

    def forward(ctx, a):
        mantissa, exponent = np.frexp(a)
        ctx.save_for_backward(exponent)
        return mantissa, exponent

    def backward(ctx, g, _):
        (exponent,) = ctx.saved_tensors
        return g * (-exponent.to(g.dtype)).exp2()


class ClampMin(Operator):
    """max(a, low);  da = g where a >= low"""

    def forward(ctx, a, low):
        ctx.save_for_backward(a >= low, a < low)
        return np.maximum(a, low)

    def backward(ctx, g):
        inside, beyond = ctx.saved_tensors
        return g.masked_fill(~inside, 0), g.masked_fill(~beyond, 0) if ctx.needs_input_grad[1] else None


class ClampMinTensor(ClampMin, name="ClampMinBackward1"):
    """max(a, low) for a tensor low, which gets the gradient where a < low"""

    __slots__ = ()


class ClampMax(ClampMin):
    """min(a, high);  da = g where a <= high"""

    __slots__ = ()

    def forward(ctx, a, high):
        ctx.save_for_backward(a <= high, a > high)
        return np.minimum(a, high)


class ClampMaxTensor(ClampMax, name="ClampMaxBackward1"):
    """min(a, high) for a tensor high, which gets the gradient where a > high"""

    __slots__ = ()


# -- functions and methods ---------------------------------------------------------------------------------------


erfc = floating_function(Erfc, "1 - erf(input), accurate where that is small", "[0.0, 1.0] -> [1.0000, 0.1573]")
erfinv = floating_function(Erfinv, "The inverse of the error function", "[0.0, 0.5] -> [0.0000, 0.4769]")
lgamma = floating_function(Lgamma, "log |gamma(input)|", "[1.0, 5.0] -> [0.0000, 3.1781]")
digamma = floating_function(Digamma, "The derivative of lgamma", "[1.0, 0.5] -> [-0.5772, -1.9635]")
sinc = floating_function(Sinc, "sin(pi input) / (pi input)", "[0.0, 0.5] -> [1.0000, 0.6366]")
deg2rad = floating_function(Deg2Rad, "Degrees in radians", "[180.0, 90.0] -> [3.1416, 1.5708]")
rad2deg = floating_function(Rad2Deg, "Radians in degrees", "[0.0, 1.0] -> [ 0.0000, 57.2958]")


def polygamma(n: int, input: Any) -> Any:
    """The n-th derivative of digamma.

    >>> import minitorch_bn as torch
    >>> torch.polygamma(1, torch.tensor([1.0]))
    tensor([1.6449])
    """
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return Polygamma.apply(floating(input, "polygamma"), n)


def sgn(input: Any) -> Any:
    """-1, 0 or 1, element by element: ``sign``, since numbers are real here.

    >>> import minitorch_bn as torch
    >>> torch.sgn(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([-1.,  0.,  1.])
    """
    require_tensor("sgn", input)
    return Sgn.apply(input)


def copysign(input: Any, other: Any) -> Any:
    """|input| with the sign of ``other``, a tensor or a number (-0.0 and NaN have one).

    >>> import minitorch_bn as torch
    >>> torch.copysign(torch.tensor([1.0, 2.0]), -0.0)
    tensor([-1., -2.])
    """
    if not isinstance(input, Variable) or not (isinstance(other, Variable) or is_number(other)):
        raise invalid_arguments("copysign", input, other, expected="(Tensor input, Tensor or Number other)")
    if is_number(other):
        a = floating(input)
        return CopysignScalar.apply(a, constant(float(other), a.dtype))
    return Copysign.apply(*float_operands(input, other))


def heaviside(input: Any, values: Any) -> Any:
    """0 where input is negative (or NaN), 1 where positive, ``values`` where 0.

    >>> import minitorch_bn as torch
    >>> torch.heaviside(torch.tensor([-1.0, 0.0, 1.0]), torch.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    require_tensors("heaviside", input=input, values=values)
    if input._data.dtype != values._data.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return Heaviside.apply(input, values)


def logaddexp2(input: Any, other: Any) -> Any:
    """log2(2**input + 2**other) without overflow.

    >>> import minitorch_bn as torch
    >>> torch.logaddexp2(torch.tensor([3.0]), torch.tensor([3.0]))
    tensor([4.])
    """
    require_tensors("logaddexp2", input=input, other=other)
    return LogAddExp2.apply(*_only("logaddexp2_cpu", 2, *operands(input, other)))


def nextafter(input: Any, other: Any) -> Any:
    """The next floating-point number after input on the way to other.

    >>> import minitorch_bn as torch
    >>> torch.nextafter(torch.tensor([1.0]), torch.tensor([2.0])) > 1
    tensor([True])
    """
    require_tensors("nextafter", input=input, other=other)
    return Nextafter.apply(*_only("nextafter_cpu", 2, *operands(input, other)))


def _only(kernel: str, category: int, *tensors: Any) -> tuple:
    """The tensors, whose dtype must be of this category."""
    if tensors[0].dtype.category != category:
        raise not_implemented(kernel, tensors[0].dtype)
    return tensors


def ldexp(input: Any, other: Any) -> Any:
    """input * 2**other.

    >>> import minitorch_bn as torch
    >>> torch.ldexp(torch.tensor([1.0, 3.0]), torch.tensor([2, -1]))
    tensor([4.0000, 1.5000])
    """
    require_tensors("ldexp", input=input, other=other)
    return Ldexp.apply(*float_operands(input, other))


def frexp(input: Any) -> Any:
    """(mantissa, exponent) with input = mantissa * 2**exponent.

    >>> import minitorch_bn as torch
    >>> torch.frexp(torch.tensor([6.0])).exponent
    tensor([3], dtype=torch.int32)
    """
    require_tensor("frexp", input)
    if input.dtype.category < 2:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return return_types.frexp(Frexp.apply(input))


def float_power(input: Any, exponent: Any) -> Any:
    """input to the power of exponent, in float64.

    >>> import minitorch_bn as torch
    >>> torch.float_power(torch.tensor([1, 2]), 3)
    tensor([1., 8.], dtype=torch.float64)
    """
    refuse_numbers("float_power", input, exponent)
    return _double(input) ** _double(exponent)


def _double(value: Any) -> Any:
    return value.to(dtypes.float64) if isinstance(value, Variable) else float(value)


def clamp_min(input: Any, min: Any) -> Any:
    """max(input, min), for a number or a tensor; a NaN stays.

    >>> import minitorch_bn as torch
    >>> torch.clamp_min(torch.tensor([1, 5]), 3)
    tensor([3, 5])
    """
    operator, a, low = clamp_min_arguments(input, min)
    return operator.apply(a, low)


def clamp_max(input: Any, max: Any) -> Any:
    """min(input, max), for a number or a tensor; a NaN stays.

    >>> import minitorch_bn as torch
    >>> torch.clamp_max(torch.tensor([1, 5]), 3)
    tensor([1, 3])
    """
    operator, a, high = clamp_max_arguments(input, max)
    return operator.apply(a, high)


def clamp_min_arguments(input: Any, min: Any) -> tuple:
    """The operator for a limit that is a number or a tensor, and both in one dtype."""
    return _limited("clamp_min", ClampMin, ClampMinTensor, input, min)


def clamp_max_arguments(input: Any, max: Any) -> tuple:
    """The operator for a limit that is a number or a tensor, and both in one dtype."""
    return _limited("clamp_max", ClampMax, ClampMaxTensor, input, max)


def _limited(name: str, scalar: type[Operator], tensor: type[Operator], input: Any, limit: Any) -> tuple:
    if not isinstance(input, Variable) or not (isinstance(limit, Variable) or is_number(limit)):
        expected = "(Tensor input, Tensor limit)\n * (Tensor input, Number limit)"
        raise invalid_arguments(name, input, limit, expected=expected)
    return (scalar if is_number(limit) else tensor, *promoted(input, limit))


# -- without a derivative ------------------------------------------------------------------------------------------


def _whole_numbers(ufunc: Any, formula: str, case: str) -> Any:
    name = ufunc.__name__

    def function(input: Any, other: Any) -> Any:
        require_tensors(name, input=input, other=other)
        a, b = _only(f"{name}_cpu", 1, *operands(input, other))
        broadcast_shapes(a._data.shape, b._data.shape)
        return wrap(ufunc(a._data, b._data))

    function.__doc__ = f"{formula} of whole numbers, element by element.{example(name, case)}"
    function.__name__ = function.__qualname__ = name
    return function


gcd = _whole_numbers(np.gcd, "The greatest common divisor", "[12, 18], [8, 12] -> [4, 6]")
lcm = _whole_numbers(np.lcm, "The least common multiple", "[4, 6], [6, 8] -> [12, 24]")


def _shift(ufunc: Any, kernel: str, direction: str, case: str) -> Any:
    def function(input: Any, other: Any) -> Any:
        refuse_numbers(f"bitwise_{direction}_shift", input, other)
        a, b = operands(input, other)
        dtype = result_type(a, b)
        if dtype.category != 1:
            raise not_implemented(kernel, dtype)
        a, b = (x._data for x in promoted(a, b))
        broadcast_shapes(a.shape, b.shape)
        bits = 8 * a.dtype.itemsize
        beyond = (b < 0) | (b >= bits)  # undefined in C: all bits are shifted out
        out = ufunc(a, np.where(beyond, a.dtype.type(0), b))
        rest = ufunc(a, a.dtype.type(bits - 1)) if kernel == "rshift_cpu" and a.dtype.kind == "i" else a.dtype.type(0)
        return wrap(np.where(beyond, rest, out))

    name = f"bitwise_{direction}_shift"
    function.__doc__ = f"input with its bits shifted to the {direction} by ``other`` places.{example(name, case)}"
    function.__name__ = function.__qualname__ = name
    return function


bitwise_left_shift = _shift(np.left_shift, "lshift_cpu", "left", "[1, 3], [2, 1] -> [4, 6]")
bitwise_right_shift = _shift(np.right_shift, "rshift_cpu", "right", "[8, 3], [2, 1] -> [2, 1]")


def signbit(input: Any) -> Any:
    """True where the sign is minus, that of -0.0 and of NaN included.

    >>> import minitorch_bn as torch
    >>> torch.signbit(torch.tensor([-0.0, 0.0, -1.0]))
    tensor([ True, False,  True])
    """
    require_tensor("signbit", input)
    return wrap(np.signbit(input._data) if input.dtype.category == 2 else input._data < 0)


def isposinf(input: Any) -> Any:
    """True where input is plus infinity.

    >>> import minitorch_bn as torch
    >>> torch.isposinf(torch.tensor([torch.inf, -torch.inf]))
    tensor([ True, False])
    """
    require_tensor("isposinf", input)
    return wrap(input._data == np.inf)


def isneginf(input: Any) -> Any:
    """True where input is minus infinity.

    >>> import minitorch_bn as torch
    >>> torch.isneginf(torch.tensor([torch.inf, -torch.inf]))
    tensor([False,  True])
    """
    require_tensor("isneginf", input)
    return wrap(input._data == -np.inf)


def isreal(input: Any) -> Any:
    """True everywhere: numbers are real here.

    >>> import minitorch_bn as torch
    >>> torch.isreal(torch.tensor([1.0, 2.0]))
    tensor([True, True])
    """
    require_tensor("isreal", input)
    return wrap(np.ones(input._data.shape, bool))


def real(input: Any) -> Any:
    """The tensor itself: numbers are real here.

    >>> import minitorch_bn as torch
    >>> torch.real(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    require_tensor("real", input)
    return input


def is_nonzero(input: Any) -> bool:
    """Whether the only element is not 0.

    >>> import minitorch_bn as torch
    >>> torch.is_nonzero(torch.tensor([0.5]))
    True
    """
    require_tensor("is_nonzero", input)
    return bool(input)


def is_signed(input: Any) -> bool:
    """Whether the dtype holds negative values.

    >>> import minitorch_bn as torch
    >>> torch.is_signed(torch.tensor([1])), torch.is_signed(torch.tensor([1], dtype=torch.uint8))
    (True, False)
    """
    return input.dtype.is_signed


def is_same_size(input: Any, other: Any) -> bool:
    """Whether both have the same shape.

    >>> import minitorch_bn as torch
    >>> torch.is_same_size(torch.ones(2, 3), torch.ones(3, 2))
    False
    """
    return input._data.shape == other._data.shape
