"""The methods that end in an underscore: operators whose result goes into the tensor's own memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn import random
from minitorch_bn.autograd import views
from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.ops import arithmetic, elementwise, indexing
from minitorch_bn.ops._common import (
    c_name,
    constant,
    fill_value,
    is_number,
    not_implemented,
    operands,
    require_tensor,
    result_type,
)

if TYPE_CHECKING:
    from minitorch_bn.random import Generator


def _check_result(target: Any, *others: Any, floating: bool = False) -> None:
    """RuntimeError where the result's category does not fit into the target's dtype."""
    result = result_type(target, *others)
    wanted = target.dtype
    if floating and result.category < 2:
        from minitorch_bn.dtypes import get_default_dtype

        result = get_default_dtype()
    if result.category > wanted.category:
        raise RuntimeError(
            f"result type {result.legacy_name} can't be cast to the desired output type {wanted.legacy_name}"
        )


def _operand(self: Any, other: Any, function: str) -> Any:
    """The other operand in the result's dtype, which must fit into this tensor's."""
    a, b = operands(self, other, function)
    if a is not self:  # promoted
        _check_result(self, other)
    return b


def _unary(operator: type[Operator], floating: bool = True) -> Any:
    def method(self: Any) -> Any:
        _check_result(self, floating=floating)
        return operator.apply_(self)

    method.__doc__ = f"{operator.__doc__}; in place."
    return method


def add_(self: Any, other: Any, *, alpha: float = 1) -> Any:
    """self += alpha * other, in place."""
    b = _operand(self, other, "add_")
    return arithmetic.Add.apply_(self, b if alpha == 1 and alpha is not True else arithmetic.scaled(self, b, alpha))


def sub_(self: Any, other: Any, *, alpha: float = 1) -> Any:
    """self -= alpha * other, in place; booleans are refused."""
    arithmetic.check_subtraction(self, other)
    b = _operand(self, other, "sub_")
    return arithmetic.Sub.apply_(self, b if alpha == 1 and alpha is not True else arithmetic.scaled(self, b, alpha))


def mul_(self: Any, other: Any) -> Any:
    """self *= other, in place."""
    return arithmetic.Mul.apply_(self, _operand(self, other, "mul_"))


def remainder_(self: Any, other: Any) -> Any:
    """self %= other, in place, with the divisor's sign."""
    b = arithmetic.divisible("remainder_cpu", self, other, "remainder_")[1]
    _check_result(self, other)
    return (arithmetic.RemainderScalar if is_number(other) else arithmetic.Remainder).apply_(self, b)


def fmod_(self: Any, other: Any) -> Any:
    """The remainder of self / other, with self's sign, in place."""
    b = arithmetic.divisible("fmod_cpu", self, other, "fmod_")[1]
    _check_result(self, other)
    return (arithmetic.FmodScalar if is_number(other) else arithmetic.Fmod).apply_(self, b)


def neg_(self: Any) -> Any:
    """-self, in place; booleans are refused."""
    elementwise.check_negation(self)
    return elementwise.Neg.apply_(self)


def abs_(self: Any) -> Any:
    """|self|, in place."""
    if self._data.dtype.kind == "b":
        raise not_implemented("abs_cpu", self.dtype)
    return elementwise.Abs.apply_(self)


exp_ = _unary(elementwise.Exp)
log_ = _unary(elementwise.Log)
sqrt_ = _unary(elementwise.Sqrt)
rsqrt_ = _unary(elementwise.Rsqrt)
reciprocal_ = _unary(elementwise.Reciprocal)
sigmoid_ = _unary(elementwise.Sigmoid)
tanh_ = _unary(elementwise.Tanh)
sin_ = _unary(elementwise.Sin)
cos_ = _unary(elementwise.Cos)


def relu_(self: Any) -> Any:
    """max(self, 0), in place; booleans are refused."""
    if self._data.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return elementwise.Relu.apply_(self)


def div_(self: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """self /= other, in place; ``rounding_mode`` "trunc" or "floor" rounds the quotient."""
    if rounding_mode is None:
        _check_result(self, other, floating=True)
        return arithmetic.Div.apply_(self, _operand(self, other, "div_"))
    return _divide_rounded(self, other, rounding_mode, arithmetic.DivRounded)


def floor_divide_(self: Any, other: Any) -> Any:
    """self //= other, in place."""
    return _divide_rounded(self, other, "floor", arithmetic.FloorDivide)


def _divide_rounded(self: Any, other: Any, mode: str, operator: type[Operator]) -> Any:
    _check_result(self, other)
    b = arithmetic.divisible(f"div_{mode}_cpu", self, other, "div_")[1]
    return operator.apply_(self, b, arithmetic.checked_rounding_mode(mode))


def pow_(self: Any, exponent: Any) -> Any:
    """self **= exponent, in place."""
    _check_result(self, exponent)
    if is_number(exponent):
        return arithmetic.PowScalar.apply_(self, arithmetic.checked_exponent(self, exponent))
    if self._data.dtype.kind == "b":
        raise not_implemented("pow", self.dtype)
    return arithmetic.Pow.apply_(self, _operand(self, exponent, "pow_"))


def square_(self: Any) -> Any:
    """self * self, in place."""
    return pow_(self, 2)


def _stepwise(operator: type[Operator], name: str) -> Any:
    def method(self: Any) -> Any:
        elementwise.check_stepwise(name, self)
        return self if self.dtype.category == 1 else operator.apply_(self)

    method.__doc__ = f"{operator.__doc__}; in place."
    return method


floor_ = _stepwise(elementwise.Floor, "floor")
ceil_ = _stepwise(elementwise.Ceil, "ceil")
round_ = _stepwise(elementwise.Round, "round")
trunc_ = _stepwise(elementwise.Trunc, "trunc")
sign_ = _unary(elementwise.Sign, floating=False)


def clamp_(self: Any, min: Any = None, max: Any = None) -> Any:
    """Limited to [min, max], in place."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    operator, a, low, high = elementwise.clamp_arguments(self, min, max)
    if a.dtype.category > self.dtype.category:
        raise RuntimeError(
            f"result type {a.dtype.legacy_name} can't be cast to the desired output type {c_name(self.dtype)}"
        )
    return operator.apply_(self, low, high)


def addcmul_(self: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """self += value * tensor1 * tensor2, in place."""
    _, b, c, value = arithmetic.addc_arguments("addcmul", self, tensor1, tensor2, value)
    _check_result(self, b)
    return arithmetic.Addcmul.apply_(self, b, c, value)


def addcdiv_(self: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """self += value * tensor1 / tensor2, in place."""
    _, b, c, value = arithmetic.addc_arguments("addcdiv", self, tensor1, tensor2, value)
    _check_result(self, b)
    return arithmetic.Addcdiv.apply_(self, b, c, value)


def lerp_(self: Any, end: Any, weight: Any) -> Any:
    """self += weight * (end - self), in place."""
    operator, weight = arithmetic.lerp_arguments(self, end, weight)
    return operator.apply_(self, end, weight)


def copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    """``src`` (a tensor or a number; broadcast, cast) written over this tensor."""
    if is_number(src):
        src = constant(src, self.dtype)
    require_tensor("copy_", src, "other")
    return elementwise.Copy.apply_(self, src)


def fill_(self: Any, value: Any) -> Any:
    """Every element set to ``value``, a number or a zero-dim tensor."""
    if isinstance(value, Variable):
        if value._data.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions."
            )
        return elementwise.FillTensor.apply_(self, value)
    return elementwise.Fill.apply_(self, fill_value(value, self.dtype))


def zero_(self: Any) -> Any:
    """Every element set to 0."""
    return elementwise.Zero.apply_(self, constant(0, self.dtype))


def masked_fill_(self: Any, mask: Any, value: Any) -> Any:
    """``value`` written where the mask is set."""
    operator, filler = elementwise.masked_fill_arguments(self, mask, value)
    return operator.apply_(self, mask, filler)


def scatter_(self: Any, dim: int, index: Any, src: Any = None, *, value: float | None = None) -> Any:
    """``src`` (a tensor or a number) or the number ``value`` written at ``index`` along ``dim``."""
    operator, source, d = indexing.scatter_arguments(self, dim, index, src if value is None else value)
    return operator.apply_(self, index, source, d)


def scatter_add_(self: Any, dim: int, index: Any, src: Any) -> Any:
    """``src`` added at ``index`` along ``dim``."""
    require_tensor("scatter_add_", src, "src", 3)
    _, source, d = indexing.scatter_arguments(self, dim, index, src)
    return indexing.ScatterAdd.apply_(self, index, source, d)


def _drawn(draw: Any, self: Any, *arguments: Any) -> Any:
    """Fills from a random stream: the old values are gone, and so is their history."""
    views.check_inplace(self)
    draw(self._data, *arguments)
    self._version_counter[0] += 1
    if self._node is not None:
        with no_grad():
            drawn = self.clone()
        copy_(self, drawn)
    return self


def uniform_(self: Any, from_: float = 0, to: float = 1, *, generator: Generator | None = None, **named: Any) -> Any:
    """Uniform numbers in [from, to)."""
    return _drawn(random.uniform_, self, float(named.get("from", from_)), float(to), generator)


def normal_(self: Any, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Any:
    """Normal numbers."""
    return _drawn(random.normal_, self, float(mean), float(std), generator)


def random_(self: Any, *bounds: Any, generator: Generator | None = None, **named: Any) -> Any:
    """Whole numbers: random_() over the dtype's range, random_(to), random_(from, to)."""
    low, high = {0: (None, None), 1: (0, bounds[0] if bounds else None)}.get(len(bounds), bounds[:2])
    return _drawn(random.random_, self, named.get("from", low), named.get("to", high), generator)


def bernoulli_(self: Any, p: Any = 0.5, *, generator: Generator | None = None) -> Any:
    """1 with probability ``p`` (a number or a tensor), else 0."""
    return _drawn(random.bernoulli_, self, p._data if isinstance(p, Variable) else p, generator)


def exponential_(self: Any, lambd: float = 1, *, generator: Generator | None = None) -> Any:
    """Exponentially distributed numbers with rate ``lambd``."""
    return _drawn(random.exponential_, self, float(lambd), generator)
