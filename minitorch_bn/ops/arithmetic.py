"""Operators on two tensors, element by element, with broadcasting (which the engine undoes for the gradients)."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn.autograd.grad_mode import is_grad_enabled
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.ops._common import (
    c_name,
    float_operands,
    floating,
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


class Add(Operator):
    """a + b"""

    def forward(ctx, a, b):
        return np.add(a, b)

    def backward(ctx, g):
        return g, g


class Sub(Operator):
    """a - b"""

    def forward(ctx, a, b):
        return np.subtract(a, b)

    def backward(ctx, g):
        return g, -g if ctx.needs_input_grad[1] else None


class Rsub(Sub, name="RsubBackward1"):
    """a - b for a number a"""

    __slots__ = ()


class Mul(Operator):
    """a * b;  da = g b,  db = g a"""

    def forward(ctx, a, b):
        need_a, need_b = ctx.needs_input_grad
        ctx.save_for_backward(a if need_b else None, b if need_a else None)
        return np.multiply(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        return g * b if need_a else None, g * a if need_b else None


class Div(Operator):
    """a / b;  da = g / b,  db = -g (a / b) / b"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a if ctx.needs_input_grad[1] else None, b)
        return np.true_divide(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        return g / b if need_a else None, -g * (a / b) / b if need_b else None


class DivRounded(Operator, name="DivBackward2"):
    """a / b, rounded down or towards 0;  flat between jumps: the derivative is 0"""

    options = 1

    def forward(ctx, a, b, mode):
        if mode == "floor":
            return np.floor_divide(a, b)
        if np.result_type(a, b).kind in "iu":
            return np.floor_divide(np.abs(a), np.abs(b)) * (np.sign(a) * np.sign(b))
        return np.trunc(np.true_divide(a, b))

    def backward(ctx, g):
        zero = g.new_zeros(g.shape)
        return zero, zero


class FloorDivide(DivRounded, name="NotImplemented"):
    """floor(a / b), which PyTorch refuses to differentiate"""

    __slots__ = ()

    def backward(ctx, g):
        raise RuntimeError("derivative for aten::floor_divide is not implemented")


class Remainder(Operator, name="RemainderBackward1"):
    """a - b floor(a / b), with the sign of b, and 0 with that of a;  da = g,  db = -g floor(a / b)"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        y = np.remainder(a, b)
        return np.where(y == 0, np.copysign(y, a), y) if y.dtype.kind == "f" else y

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g, -g * div(a, b, rounding_mode="floor") if ctx.needs_input_grad[1] else None


class RemainderScalar(Remainder, name="RemainderBackward0"):
    """a - b floor(a / b) for a number b"""

    __slots__ = ()


class Fmod(Operator, name="FmodBackward1"):
    """a - b trunc(a / b), with the sign of a;  da = g,  db = -g trunc(a / b)"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.fmod(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g, -g * div(a, b, rounding_mode="trunc") if ctx.needs_input_grad[1] else None


class FmodScalar(Fmod, name="FmodBackward0"):
    """a - b trunc(a / b) for a number b"""

    __slots__ = ()


class PowScalar(Operator, name="PowBackward0"):
    """a^p for a number p;  da = g p a^(p-1)"""

    options = 1

    def forward(ctx, a, p):
        ctx.save_for_backward(a)
        ctx.exponent = p
        if p == 2:
            return np.multiply(a, a)
        if p == 1:
            return a.copy()
        return np.power(a, p if a.dtype.kind == "f" else np.asarray(p).astype(a.dtype))

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        p = ctx.exponent
        if p == 0:
            return g.new_zeros(g.shape)
        # where the graph goes on, a power stays a power: a further derivative of a constant is 0, not an error
        return g * (a * p if p == 2 and not is_grad_enabled() else p * a ** (p - 1))


class Pow(Operator, name="PowBackward1"):
    """a^b;  da = g b a^(b-1),  db = g a^b log a (0 where a = 0 and b >= 0)"""

    def forward(ctx, a, b):
        out = np.power(a, b) if a.dtype.kind not in "iu" else _integer_power(a, b)
        ctx.save_for_backward(a, b, out)
        return out

    def backward(ctx, g):
        a, b, out = ctx.saved_tensors
        da = db = None
        need_a, need_b = ctx.needs_input_grad
        if need_a:
            da = (g * (b * a ** (b - 1))).masked_fill(b == 0, 0)
        if need_b:
            db = g * (out * a.log()).masked_fill((a == 0) & (b >= 0), 0)
        return da, db


class PowBase(Pow, name="PowBackward2"):
    """a^b for a number a"""

    __slots__ = ()


def _integer_power(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a^b for integers: 1 / a^|b|, rounded towards 0, where b is negative (and 0 for a = 0, as in PyTorch)."""
    negative = b < 0
    if not np.any(negative):
        return np.power(a, b)
    odd = np.where(b % 2 != 0, a, a.dtype.type(1))
    return np.where(negative, np.where(np.abs(a) == 1, odd, a.dtype.type(0)), np.power(a, np.maximum(b, 0)))


class Maximum(Operator):
    """max(a, b), NaN if either is;  the gradient goes to the larger, half to each where they are equal"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.maximum(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        shared = (g / 2).where(a == b, g)
        return shared.masked_fill(a < b, 0), shared.masked_fill(a > b, 0)


class Minimum(Operator):
    """min(a, b), NaN if either is;  the gradient goes to the smaller, half to each where they are equal"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.minimum(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        shared = (g / 2).where(a == b, g)
        return shared.masked_fill(a > b, 0), shared.masked_fill(a < b, 0)


class Fmax(Operator):
    """max(a, b), ignoring a NaN;  the gradient goes to a where it is the result, else to b"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.fmax(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        first = (a >= b) | b.isnan()
        return g.masked_fill(~first, 0), g.masked_fill(first, 0)


class Fmin(Operator):
    """min(a, b), ignoring a NaN;  the gradient goes to a where it is the result, else to b"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.fmin(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        first = (a <= b) | b.isnan()
        return g.masked_fill(~first, 0), g.masked_fill(first, 0)


class Atan2(Operator):
    """the angle of the point (b, a);  da = g b / (a^2 + b^2),  db = -g a / (a^2 + b^2), and 0 at the origin"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.arctan2(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        square = a * a + b * b
        scaled = (g / square).masked_fill(square == 0, 0)
        return scaled * b, -scaled * a


class Hypot(Operator):
    """sqrt(a^2 + b^2);  da = g a / hypot,  db = g b / hypot"""

    def forward(ctx, a, b):
        out = np.hypot(a, b)
        ctx.save_for_backward(a, b, out)
        return out

    def backward(ctx, g):
        a, b, out = ctx.saved_tensors
        return g * (a / out), g * (b / out)


class LogAddExp(Operator, name="LogaddexpBackward0"):
    """log(e^a + e^b) without overflow;  da = g / (1 + e^(b - a)),  db = g / (1 + e^(a - b))"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.logaddexp(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g / (1 + (b - a).exp()), g / (1 + (a - b).exp())


class XLogY(Operator, name="XlogyBackward0"):
    """a log b, 0 where a = 0 (NaN where b is);  da = g log b,  db = g a / b"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.where((a == 0) & ~np.isnan(b), np.zeros((), np.result_type(a, b)), a * np.log(b))

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return (g * b.log()).masked_fill((a == 0) & (b <= 0), 0), g * a / b


class XLogYBase(XLogY, name="XlogyBackward1"):
    """a log b for a number a"""

    __slots__ = ()


class XLogYScalar(XLogY, name="XlogyBackward2"):
    """a log b for a number b"""

    __slots__ = ()


class Lerp(Operator, name="LerpBackward1"):
    """a + w (b - a);  da = g (1 - w),  db = g w,  dw = g (b - a)"""

    def forward(ctx, a, b, w):
        ctx.save_for_backward(a, b, w)
        # from the nearer end: w = 1 gives b itself
        return np.where(w < 0.5, a + w * (b - a), b - (b - a) * (1 - w))

    def backward(ctx, g):
        a, b, w = ctx.saved_tensors
        need_a, need_b, need_w = ctx.needs_input_grad
        return g * (1 - w) if need_a else None, g * w if need_b else None, g * (b - a) if need_w else None


class LerpScalar(Operator, name="LerpBackward0"):
    """a + w (b - a) for a number w;  da = g (1 - w),  db = g w"""

    options = 1

    def forward(ctx, a, b, w):
        ctx.weight = w
        w, rest = a.dtype.type(w), a.dtype.type(1 - w)
        return a + w * (b - a) if w < 0.5 else b - (b - a) * rest

    def backward(ctx, g):
        return g * (1 - ctx.weight), g * ctx.weight


class Addcmul(Operator):
    """a + value b c;  da = g,  db = g value c,  dc = g value b"""

    options = 1

    def forward(ctx, a, b, c, value):
        ctx.save_for_backward(b, c)
        ctx.value = value
        product = np.multiply(b, c)
        return a + (product if value == 1 else product * a.dtype.type(value))

    def backward(ctx, g):
        b, c = ctx.saved_tensors
        _, need_b, need_c = ctx.needs_input_grad
        scaled = g * ctx.value
        return g, scaled * c if need_b else None, scaled * b if need_c else None


class Addcdiv(Operator):
    """a + value b / c;  da = g,  db = g value / c,  dc = -g value b / c^2"""

    options = 1

    def forward(ctx, a, b, c, value):
        ctx.save_for_backward(b, c)
        ctx.value = value
        return a + np.true_divide(b if value == 1 else b * a.dtype.type(value), c)

    def backward(ctx, g):
        b, c = ctx.saved_tensors
        _, need_b, need_c = ctx.needs_input_grad
        scaled = g * ctx.value / c
        return g, scaled if need_b else None, -scaled * b / c if need_c else None


# -- functions and methods ---------------------------------------------------------------------------------------


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input + alpha * other.

    >>> import minitorch_bn as torch
    >>> torch.add(torch.tensor([1.0, 2.0]), 10, alpha=2)
    tensor([21., 22.])
    """
    a, b = operands(input, other, "add")
    return Add.apply(a, b if alpha == 1 and alpha is not True else scaled(a, b, alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input - alpha * other; booleans are refused, as in PyTorch.

    >>> import minitorch_bn as torch
    >>> torch.sub(torch.tensor([5, 6]), torch.tensor([1, 2]), alpha=2)
    tensor([3, 2])
    """
    check_subtraction(input, other)
    a, b = operands(input, other, "sub")
    return Sub.apply(a, b if alpha == 1 and alpha is not True else scaled(a, b, alpha))


def rsub(input: Any, other: Any) -> Any:
    """other - input."""
    check_subtraction(input, other)
    a, b = operands(other, input, "rsub")
    return (Rsub if is_number(other) else Sub).apply(a, b)


def _is_boolean(value: Any) -> bool:
    return value._data.dtype.kind == "b" if isinstance(value, Variable) else isinstance(value, bool)


def check_subtraction(a: Any, b: Any) -> None:
    """RuntimeError where booleans would be subtracted."""
    first, second = _is_boolean(a), _is_boolean(b)
    if not (first or second):
        return
    if first and second:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead."
        )
    raise RuntimeError(
        "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use "
        "the `~` or `logical_not()` operator instead."
    )


def scaled(a: Any, b: Any, alpha: Any) -> Any:
    """alpha * b, for a sum with a: in the dtype of the result, which alpha may not change."""
    dtype = result_type(a, b)
    if isinstance(alpha, bool) and dtype.category:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and dtype.category < 2:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return b * (bool(alpha) if dtype.category == 0 else alpha)


def mul(input: Any, other: Any) -> Any:
    """input * other.

    >>> import minitorch_bn as torch
    >>> torch.mul(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor([3., 8.])
    """
    return Mul.apply(*operands(input, other, "mul"))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other; ``rounding_mode`` "trunc" or "floor" rounds the quotient (and keeps integers integers).

    >>> import minitorch_bn as torch
    >>> torch.div(torch.tensor([-7, 7]), 2, rounding_mode="floor")
    tensor([-4,  3])
    """
    if rounding_mode is None:
        return Div.apply(*float_operands(input, other, "div"))
    mode = checked_rounding_mode(rounding_mode)
    a, b = divisible(f"div_{mode}_cpu", input, other, "div")
    return DivRounded.apply(a, b, mode)


def checked_rounding_mode(mode: str) -> str:
    """The mode itself; RuntimeError unless it is "trunc" or "floor"."""
    if mode not in ("trunc", "floor"):
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{mode}'")
    return mode


def rdiv(input: Any, other: Any) -> Any:
    """other / input, as PyTorch computes it where other stands on the left of ``/``: other times 1 / input."""
    return input.reciprocal() * other


def floor_divide(input: Any, other: Any) -> Any:
    """floor(input / other); not differentiable, as in PyTorch.

    >>> import minitorch_bn as torch
    >>> torch.floor_divide(torch.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    a, b = divisible("div_floor_cpu", input, other, "floor_divide")
    return FloorDivide.apply(a, b, "floor")


def remainder(input: Any, other: Any) -> Any:
    """Python's modulus: the result has the divisor's sign.

    >>> import minitorch_bn as torch
    >>> torch.remainder(torch.tensor([5.0, -5.0]), 3)
    tensor([2., 1.])
    """
    if is_number(input) and is_number(other):
        raise invalid_arguments("remainder", input, other, expected="(Tensor or Number input, Tensor other)")
    a, b = divisible("remainder_cpu", input, other, "remainder")
    return (RemainderScalar if is_number(other) else Remainder).apply(a, b)


def fmod(input: Any, other: Any) -> Any:
    """C's modulus: the result has the dividend's sign.

    >>> import minitorch_bn as torch
    >>> torch.fmod(torch.tensor([5.0, -5.0]), 3)
    tensor([ 2., -2.])
    """
    if is_number(input):
        raise invalid_arguments("fmod", input, other, expected="(Tensor input, Tensor or Number other)")
    a, b = divisible("fmod_cpu", input, other, "fmod")
    return (FmodScalar if is_number(other) else Fmod).apply(a, b)


def divisible(kernel: str, a: Any, b: Any, function: str) -> tuple:
    """The operands of a division that may stay in integers, which do not divide by 0."""
    a, b = operands(a, b, function)
    dtype = result_type(a, b)
    if dtype.category == 0:
        raise not_implemented(kernel, dtype)
    if dtype.category == 1 and not np.all(b if is_number(b) else b._data):
        raise RuntimeError("ZeroDivisionError")
    return a, b


def pow(input: Any, exponent: Any) -> Any:
    """input to the power of exponent; a negative number as exponent of integers is refused.

    >>> import minitorch_bn as torch
    >>> torch.pow(torch.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    if is_number(exponent):
        refuse_numbers("pow", input, exponent)
        require_tensor("pow", input)
        p = checked_exponent(input, exponent)
        dtype = result_type(input, p)
        return PowScalar.apply(input if dtype is input.dtype else input.to(dtype), p)
    if not isinstance(exponent, Variable):
        raise invalid_arguments("pow", input, exponent, expected="(Tensor or Number input, Tensor or Number exponent)")
    a, b = promoted(input, exponent)
    if a.dtype.category == 0:
        raise not_implemented("pow", a.dtype)
    return (PowBase if is_number(input) else Pow).apply(a, b)


def checked_exponent(input: Any, exponent: Any) -> Any:
    """The exponent as Python's number; RuntimeError for a negative one of integers."""
    p = python_number(exponent)
    if p < 0 and not isinstance(p, float) and input.dtype.category < 2:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return p


def rpow(input: Any, other: Any) -> Any:
    """other to the power of input."""
    return pow(other, input)


def square(input: Any) -> Any:
    """input * input.

    >>> import minitorch_bn as torch
    >>> torch.square(torch.tensor([-2.0, 3.0]))
    tensor([4., 9.])
    """
    require_tensor("square", input)
    return pow(input, 2)


def maximum(input: Any, other: Any) -> Any:
    """The larger of both; NaN if either is NaN.

    >>> import minitorch_bn as torch
    >>> torch.maximum(torch.tensor([1, 5]), torch.tensor([3, 2]))
    tensor([3, 5])
    """
    require_tensors("maximum", input=input, other=other)
    return Maximum.apply(*operands(input, other))


def minimum(input: Any, other: Any) -> Any:
    """The smaller of both; NaN if either is NaN.

    >>> import minitorch_bn as torch
    >>> torch.minimum(torch.tensor([1, 5]), torch.tensor([3, 2]))
    tensor([1, 2])
    """
    require_tensors("minimum", input=input, other=other)
    return Minimum.apply(*operands(input, other))


def fmax(input: Any, other: Any) -> Any:
    """The larger of both; a NaN loses against a number.

    >>> import minitorch_bn as torch
    >>> torch.fmax(torch.tensor([1.0, torch.nan]), torch.tensor([0.0, 2.0]))
    tensor([1., 2.])
    """
    require_tensors("fmax", input=input, other=other)
    return Fmax.apply(*operands(input, other))


def fmin(input: Any, other: Any) -> Any:
    """The smaller of both; a NaN loses against a number.

    >>> import minitorch_bn as torch
    >>> torch.fmin(torch.tensor([1.0, torch.nan]), torch.tensor([0.0, 2.0]))
    tensor([0., 2.])
    """
    require_tensors("fmin", input=input, other=other)
    return Fmin.apply(*operands(input, other))


def atan2(input: Any, other: Any) -> Any:
    """The angle of the point (other, input), in radians.

    >>> import minitorch_bn as torch
    >>> torch.atan2(torch.tensor([1.0, 1.0]), torch.tensor([1.0, -1.0]))
    tensor([0.7854, 2.3562])
    """
    require_tensors("atan2", input=input, other=other)
    return Atan2.apply(*float_operands(input, other))


def hypot(input: Any, other: Any) -> Any:
    """sqrt(input^2 + other^2) without overflow on the way.

    >>> import minitorch_bn as torch
    >>> torch.hypot(torch.tensor([3.0]), torch.tensor([4.0]))
    tensor([5.])
    """
    return Hypot.apply(*_floats("hypot", input, other))


def logaddexp(input: Any, other: Any) -> Any:
    """log(exp(input) + exp(other)) without overflow.

    >>> import minitorch_bn as torch
    >>> torch.logaddexp(torch.tensor([0.0]), torch.tensor([0.0]))
    tensor([0.6931])
    """
    return LogAddExp.apply(*_floats("logaddexp", input, other))


def _floats(function: str, input: Any, other: Any) -> tuple:
    """Two tensors whose common dtype is floating."""
    require_tensors(function, input=input, other=other)
    a, b = operands(input, other)
    if a.dtype.category < 2:
        raise not_implemented(f"{function}_cpu", a.dtype)
    return a, b


def xlogy(input: Any, other: Any) -> Any:
    """input * log(other), and 0 where input is 0.

    >>> import minitorch_bn as torch
    >>> torch.xlogy(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    if is_number(input) and is_number(other):
        raise invalid_arguments("xlogy", input, other, expected="(Tensor or Number input, Tensor other)")
    operator = XLogYBase if is_number(input) else XLogYScalar if is_number(other) else XLogY
    return operator.apply(*map(floating, promoted(input, other)))


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight * (end - input), for floating tensors of one dtype; weight is a number or such a tensor.

    >>> import minitorch_bn as torch
    >>> torch.lerp(torch.tensor([0.0]), torch.tensor([10.0]), 0.3)
    tensor([3.])
    """
    operator, weight = lerp_arguments(input, end, weight)
    return operator.apply(input, end, weight)


def lerp_arguments(input: Any, end: Any, weight: Any) -> tuple:
    """The operator for this kind of weight, and the weight; all arguments are checked."""
    if not isinstance(input, Variable) or not isinstance(end, Variable):
        expected = "(Tensor input, Tensor end, Tensor or Number weight)"
        raise invalid_arguments("lerp", input, end, weight, expected=expected)
    dtype = input.dtype
    if end.dtype is not dtype:
        raise RuntimeError(f"expected dtype {c_name(dtype)} for `end` but got dtype {c_name(end.dtype)}")
    if dtype.category < 2:
        raise not_implemented(f"lerp_kernel_{'scalar' if is_number(weight) else 'tensor'}", dtype)
    if is_number(weight):
        return LerpScalar, python_number(weight)
    if weight.dtype is not dtype and weight.ndim:
        raise RuntimeError(f"expected dtype {c_name(dtype)} for `weight` but got dtype {c_name(weight.dtype)}")
    return Lerp, weight.to(dtype)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 * tensor2.

    >>> import minitorch_bn as torch
    >>> torch.addcmul(torch.ones(2), torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), value=0.5)
    tensor([2.5000, 5.0000])
    """
    return Addcmul.apply(*addc_arguments("addcmul", input, tensor1, tensor2, value))


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 / tensor2.

    >>> import minitorch_bn as torch
    >>> torch.addcdiv(torch.ones(2), torch.tensor([1.0, 2.0]), torch.tensor([4.0, 4.0]), value=2)
    tensor([1.5000, 2.0000])
    """
    return Addcdiv.apply(*addc_arguments("addcdiv", input, tensor1, tensor2, value))


def addc_arguments(function: str, input: Any, tensor1: Any, tensor2: Any, value: Any) -> tuple:
    """The arguments of addcmul and addcdiv in one dtype, checked."""
    require_tensors(function, input=input, tensor1=tensor1, tensor2=tensor2)
    if function == "addcdiv" and tensor1.dtype.category < 2 and tensor2.dtype.category < 2:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a "
            "true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value "
            "* torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
            "tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value "
            "* tensor1 / tensor2), for all dtypes."
        )
    a, b, c = promoted(input, tensor1, tensor2)
    if a.dtype.category == 0:
        raise not_implemented(f"{function}_cpu_out", a.dtype)
    return a, b, c, python_number(value) if a.dtype.category == 2 else int(value)
