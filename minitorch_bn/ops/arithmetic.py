"""Operators on two tensors, element by element, with broadcasting (which the engine undoes for the gradients)."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.ops._common import float_operands, floating, is_number, operands, result_type


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
        need_a, need_b = ctx.needs_input_grad
        return g, -g if need_b else None


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


class Remainder(Operator):
    """a - b floor(a / b), with the sign of b;  da = g,  db = -g floor(a / b)"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.remainder(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g, -g * div(a, b, rounding_mode="floor") if ctx.needs_input_grad[1] else None


class Fmod(Operator):
    """a - b trunc(a / b), with the sign of a;  da = g,  db = -g trunc(a / b)"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.fmod(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g, -g * div(a, b, rounding_mode="trunc") if ctx.needs_input_grad[1] else None


class PowScalar(Operator, name="PowBackward0"):
    """a^p for a number p;  da = g p a^(p-1)"""

    options = 1

    def forward(ctx, a, p):
        ctx.save_for_backward(a)
        ctx.exponent = p
        if p == 2:
            return np.multiply(a, a)
        return np.power(a, p)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        p = ctx.exponent
        if p == 0:
            return g * 0
        return g * (a * p if p == 2 else p * a ** (p - 1))


class Pow(Operator, name="PowBackward1"):
    """a^b;  da = g b a^(b-1),  db = g a^b log a (0 where a = 0 and b >= 0)"""

    def forward(ctx, a, b):
        out = np.power(a, b)
        ctx.save_for_backward(a, b, out)
        return out

    def backward(ctx, g):
        a, b, out = ctx.saved_tensors
        da = db = None
        need_a, need_b = ctx.needs_input_grad
        if need_a:
            da = (g * (b * a ** (b - 1))).masked_fill(_tensor(b) == 0, 0)
        if need_b:
            a = _tensor(a, out)
            db = g * (out * a.log()).masked_fill((a == 0) & (b >= 0), 0)
        return da, db


class Maximum(Operator):
    """max(a, b), NaN if either is;  the gradient goes to the larger, half to each where they are equal"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.maximum(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return _split_gradient(g, a < b, a > b)


class Minimum(Operator):
    """min(a, b), NaN if either is;  the gradient goes to the smaller, half to each where they are equal"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.minimum(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return _split_gradient(g, a > b, a < b)


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
    """the angle of the point (b, a);  da = g b / (a^2 + b^2),  db = -g a / (a^2 + b^2)"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.arctan2(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        scaled = g / (a * a + b * b)
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
    """log(e^a + e^b) without overflow;  da = g e^(a - out),  db = g e^(b - out)"""

    def forward(ctx, a, b):
        out = np.logaddexp(a, b)
        ctx.save_for_backward(a, b, out)
        return out

    def backward(ctx, g):
        a, b, out = ctx.saved_tensors
        return g * (a - out).exp(), g * (b - out).exp()


class XLogY(Operator, name="XlogyBackward0"):
    """a log b, 0 where a = 0 (NaN where b is);  da = g log b,  db = g a / b"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return np.where((a == 0) & ~np.isnan(b), np.zeros((), np.result_type(a, b)), a * np.log(b))

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return (g * b.log()).masked_fill((a == 0) & (b <= 0), 0), g * a / b


class Lerp(Operator):
    """a + w (b - a)"""

    def forward(ctx, a, b, w):
        ctx.save_for_backward(a, b, w)
        return a + w * (b - a)

    def backward(ctx, g):
        a, b, w = ctx.saved_tensors
        return g * (1 - w), g * w, g * (b - a)


def _tensor(value: Any, like: Any = None) -> Any:
    """A number as a tensor, so that rules can compare it."""
    if is_number(value):
        return wrap(np.asarray(value, None if like is None else like._data.dtype))
    return value


def _split_gradient(g: Any, a_loses: Any, b_loses: Any) -> tuple:
    equal = ~(a_loses | b_loses)
    shared = g.where(~equal, g / 2)
    return shared.masked_fill(a_loses, 0), shared.masked_fill(b_loses, 0)


# -- functions and methods ---------------------------------------------------------------------------------------


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input + alpha * other."""
    return Add.apply(*operands(input, other if alpha == 1 else other * alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input - alpha * other; booleans are refused, as in PyTorch."""
    a, b = operands(input, other if alpha == 1 else other * alpha)
    if result_type(a, b).category == 0:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead."
        )
    return Sub.apply(a, b)


def mul(input: Any, other: Any) -> Any:
    """input * other."""
    return Mul.apply(*operands(input, other))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other; ``rounding_mode`` "trunc" or "floor" rounds the quotient (and keeps integers integers).

    >>> import minitorch_bn as torch
    >>> torch.div(torch.tensor([-7, 7]), 2, rounding_mode="floor")
    tensor([-4,  3])
    """
    if rounding_mode is None:
        return Div.apply(*float_operands(input, other))
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    a, b = operands(input, other)
    a, b = _tensor(a, b)._data if not is_number(a) else a, b._data if not is_number(b) else b
    integers = np.result_type(a, b).kind in "iub"
    if integers and np.any(np.equal(b, 0)):
        raise RuntimeError("ZeroDivisionError")
    with np.errstate(all="ignore"):
        if rounding_mode == "floor":
            return wrap(np.floor_divide(a, b))
        quotient = np.trunc(np.true_divide(a, b)) if not integers else (np.abs(a) // np.abs(b)) * np.sign(a) * np.sign(b)
    return wrap(np.asarray(quotient).astype(np.result_type(a, b)))


def floor_divide(input: Any, other: Any) -> Any:
    """floor(input / other); not differentiable."""
    return div(input, other, rounding_mode="floor")


def remainder(input: Any, other: Any) -> Any:
    """Python's modulus: the result has the divisor's sign."""
    return Remainder.apply(*_checked_divisor(*operands(input, other)))


def fmod(input: Any, other: Any) -> Any:
    """C's modulus: the result has the dividend's sign."""
    return Fmod.apply(*_checked_divisor(*operands(input, other)))


def _checked_divisor(a: Any, b: Any) -> tuple:
    divisor = b if is_number(b) else b._data
    if result_type(a, b).category < 2 and np.any(np.equal(divisor, 0)):
        raise RuntimeError("ZeroDivisionError")
    return a, b


def pow(input: Any, exponent: Any) -> Any:
    """input to the power of exponent; a negative integer exponent of integers is refused."""
    if is_number(exponent):
        if input._data.dtype.kind in "iub":
            if isinstance(exponent, float) or input._data.dtype.kind == "b":
                input = operands(input, exponent)[0]
            elif exponent < 0:
                raise RuntimeError("Integers to negative integer powers are not allowed.")
        return PowScalar.apply(input, exponent)
    a, b = operands(input, exponent)
    if result_type(a, b).category < 2 and np.any(np.less(b._data, 0)):
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return Pow.apply(a, b)


def square(input: Any) -> Any:
    """input * input."""
    return PowScalar.apply(input, 2)


def maximum(input: Any, other: Any) -> Any:
    """The larger of both; NaN if either is NaN."""
    return Maximum.apply(*operands(input, other))


def minimum(input: Any, other: Any) -> Any:
    """The smaller of both; NaN if either is NaN."""
    return Minimum.apply(*operands(input, other))


def fmax(input: Any, other: Any) -> Any:
    """The larger of both; a NaN loses against a number."""
    return Fmax.apply(*operands(input, other))


def fmin(input: Any, other: Any) -> Any:
    """The smaller of both; a NaN loses against a number."""
    return Fmin.apply(*operands(input, other))


def atan2(input: Any, other: Any) -> Any:
    """The angle of the point (other, input), in radians."""
    return Atan2.apply(*float_operands(input, other))


def hypot(input: Any, other: Any) -> Any:
    """sqrt(input^2 + other^2) without overflow on the way."""
    return Hypot.apply(*operands(input, other))


def logaddexp(input: Any, other: Any) -> Any:
    """log(exp(input) + exp(other)) without overflow."""
    return LogAddExp.apply(*operands(input, other))


def xlogy(input: Any, other: Any) -> Any:
    """input * log(other), and 0 where input is 0."""
    a, b = float_operands(input, other)
    return XLogY.apply(_tensor(a, b), _tensor(b, a))


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight * (end - input)."""
    return Lerp.apply(input, end, weight)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 * tensor2."""
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 / tensor2."""
    return add(input, div(tensor1, tensor2), alpha=value)


def rsub(input: Any, other: Any) -> Any:
    """other - input."""
    return sub(other, input)


def rpow(input: Any, other: Any) -> Any:
    """other to the power of input."""
    a, b = operands(other, input)
    return Pow.apply(_tensor(a, floating(b)), b)
