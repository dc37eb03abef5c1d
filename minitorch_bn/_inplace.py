"""The methods that end in an underscore: operators whose result goes into the tensor's own memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn import random
from minitorch_bn.autograd import views
from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.autograd.variable import wrap as _wrap
from minitorch_bn.ops import (
    arithmetic,
    elementwise,
    indexing,
    linalg,
    matrix,
    reduction,
    scattering,
    shape,
    special,
    strides,
)
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


def _first_line(function: Any) -> str:
    """What a function does, without its example."""
    return (function.__doc__ or "").strip().partition("\n")[0]


def _unary(operator: type[Operator], floating: bool = True) -> Any:
    def method(self: Any) -> Any:
        _check_result(self, floating=floating)
        return operator.apply_(self)

    method.__doc__ = f"{operator.__doc__}; in place."
    return method


def add_(self: Any, other: Any, *, alpha: float = 1) -> Any:
    """self += alpha * other, in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, 2.0]).add_(10, alpha=2)
    tensor([21., 22.])
    """
    b = _operand(self, other, "add_")
    return arithmetic.Add.apply_(self, b if alpha == 1 and alpha is not True else arithmetic.scaled(self, b, alpha))


def sub_(self: Any, other: Any, *, alpha: float = 1) -> Any:
    """self -= alpha * other, in place; booleans are refused.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, 2.0]).sub_(1)
    tensor([0., 1.])
    """
    arithmetic.check_subtraction(self, other)
    b = _operand(self, other, "sub_")
    return arithmetic.Sub.apply_(self, b if alpha == 1 and alpha is not True else arithmetic.scaled(self, b, alpha))


def mul_(self: Any, other: Any) -> Any:
    """self *= other, in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, 2.0]).mul_(10)
    tensor([10., 20.])
    """
    return arithmetic.Mul.apply_(self, _operand(self, other, "mul_"))


def remainder_(self: Any, other: Any) -> Any:
    """self %= other, in place, with the divisor's sign.

    >>> import minitorch_bn as torch
    >>> torch.tensor([5.0, -5.0]).remainder_(3)
    tensor([2., 1.])
    """
    b = arithmetic.divisible("remainder_cpu", self, other, "remainder_")[1]
    _check_result(self, other)
    return (arithmetic.RemainderScalar if is_number(other) else arithmetic.Remainder).apply_(self, b)


def fmod_(self: Any, other: Any) -> Any:
    """The remainder of self / other, with self's sign, in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([5.0, -5.0]).fmod_(3)
    tensor([ 2., -2.])
    """
    b = arithmetic.divisible("fmod_cpu", self, other, "fmod_")[1]
    _check_result(self, other)
    return (arithmetic.FmodScalar if is_number(other) else arithmetic.Fmod).apply_(self, b)


def neg_(self: Any) -> Any:
    """-self, in place; booleans are refused.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, -2.0]).neg_()
    tensor([-1.,  2.])
    """
    elementwise.check_negation(self)
    return elementwise.Neg.apply_(self)


def abs_(self: Any) -> Any:
    """|self|, in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, -2.0]).abs_()
    tensor([1., 2.])
    """
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
    """max(self, 0), in place; booleans are refused.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, -2.0]).relu_()
    tensor([1., 0.])
    """
    if self._data.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return elementwise.Relu.apply_(self)


def div_(self: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """self /= other, in place; ``rounding_mode`` "trunc" or "floor" rounds the quotient.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, 2.0]).div_(2)
    tensor([0.5000, 1.0000])
    """
    if rounding_mode is None:
        _check_result(self, other, floating=True)
        return arithmetic.Div.apply_(self, _operand(self, other, "div_"))
    return _divide_rounded(self, other, rounding_mode, arithmetic.DivRounded)


def floor_divide_(self: Any, other: Any) -> Any:
    """self //= other, in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([7.0, -7.0]).floor_divide_(2)
    tensor([ 3., -4.])
    """
    return _divide_rounded(self, other, "floor", arithmetic.FloorDivide)


def _divide_rounded(self: Any, other: Any, mode: str, operator: type[Operator]) -> Any:
    _check_result(self, other)
    b = arithmetic.divisible(f"div_{mode}_cpu", self, other, "div_")[1]
    return operator.apply_(self, b, arithmetic.checked_rounding_mode(mode))


def pow_(self: Any, exponent: Any) -> Any:
    """self **= exponent, in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, 2.0]).pow_(3)
    tensor([1., 8.])
    """
    _check_result(self, exponent)
    if is_number(exponent):
        return arithmetic.PowScalar.apply_(self, arithmetic.checked_exponent(self, exponent))
    if self._data.dtype.kind == "b":
        raise not_implemented("pow", self.dtype)
    return arithmetic.Pow.apply_(self, _operand(self, exponent, "pow_"))


def square_(self: Any) -> Any:
    """self * self, in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, -2.0]).square_()
    tensor([1., 4.])
    """
    return pow_(self, 2)


def _stepwise(operator: type[Operator], name: str) -> Any:
    def method(self: Any) -> Any:
        elementwise.check_stepwise(name, self)
        return self if self.dtype.category == 1 else operator.apply_(self)

    method.__doc__ = f"{operator.__doc__}; in place."
    return method


floor_ = _stepwise(elementwise.Floor, "floor")
ceil_ = _stepwise(elementwise.Ceil, "ceil")
trunc_ = _stepwise(elementwise.Trunc, "trunc")


def round_(self: Any, *, decimals: int = 0) -> Any:
    """The nearest number with this many decimals, in place; halves go to the even neighbour.

    >>> import minitorch_bn as torch
    >>> torch.tensor([0.5, 1.5]).round_()
    tensor([0., 2.])
    """
    elementwise.check_stepwise("round", self)
    if decimals:
        return elementwise.RoundDecimals.apply_(self, decimals)
    return self if self.dtype.category == 1 else elementwise.Round.apply_(self)


sign_ = _unary(elementwise.Sign, floating=False)


def clamp_(self: Any, min: Any = None, max: Any = None) -> Any:
    """Limited to [min, max], in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, 5.0]).clamp_(max=3)
    tensor([1., 3.])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    operator, a, low, high = elementwise.clamp_arguments(self, min, max, "clamp_")
    if a.dtype.category > self.dtype.category:
        raise RuntimeError(
            f"result type {a.dtype.legacy_name} can't be cast to the desired output type {c_name(self.dtype)}"
        )
    return operator.apply_(self, low, high)


def addcmul_(self: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """self += value * tensor1 * tensor2, in place.

    >>> import minitorch_bn as torch
    >>> torch.ones(2).addcmul_(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), value=0.5)
    tensor([2.5000, 5.0000])
    """
    _, b, c, value = arithmetic.addc_arguments("addcmul", self, tensor1, tensor2, value)
    _check_result(self, b)
    return arithmetic.Addcmul.apply_(self, b, c, value)


def addcdiv_(self: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """self += value * tensor1 / tensor2, in place.

    >>> import minitorch_bn as torch
    >>> torch.ones(2).addcdiv_(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 4.0]), value=2)
    tensor([1.5000, 2.0000])
    """
    _, b, c, value = arithmetic.addc_arguments("addcdiv", self, tensor1, tensor2, value)
    _check_result(self, b)
    return arithmetic.Addcdiv.apply_(self, b, c, value)


def lerp_(self: Any, end: Any, weight: Any) -> Any:
    """self += weight * (end - self), in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([0.0]).lerp_(torch.tensor([10.0]), 0.3)
    tensor([3.])
    """
    operator, weight = arithmetic.lerp_arguments(self, end, weight)
    return operator.apply_(self, end, weight)


def copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    """``src`` (a tensor or a number; broadcast, cast) written over this tensor.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2).copy_(torch.tensor([1, 2]))
    tensor([1., 2.])
    """
    if is_number(src):
        src = constant(src, self.dtype)
    require_tensor("copy_", src, "other")
    return elementwise.Copy.apply_(self, src)


def fill_(self: Any, value: Any) -> Any:
    """Every element set to ``value``, a number or a zero-dim tensor.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2).fill_(3)
    tensor([3., 3.])
    """
    if isinstance(value, Variable):
        if value._data.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions."
            )
        return elementwise.FillTensor.apply_(self, value)
    return elementwise.Fill.apply_(self, fill_value(value, self.dtype))


def zero_(self: Any) -> Any:
    """Every element set to 0.

    >>> import minitorch_bn as torch
    >>> torch.ones(2).zero_()
    tensor([0., 0.])
    """
    return elementwise.Zero.apply_(self, constant(0, self.dtype))


def masked_fill_(self: Any, mask: Any, value: Any) -> Any:
    """``value`` written where the mask is set.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1, 2]).masked_fill_(torch.tensor([True, False]), 9)
    tensor([9, 2])
    """
    operator, filler = elementwise.masked_fill_arguments(self, mask, value)
    return operator.apply_(self, mask, filler)


def scatter_(
    self: Any, dim: int, index: Any, src: Any = None, *, value: float | None = None, reduce: str | None = None
) -> Any:
    """``src`` (a tensor or a number) or the number ``value`` written, added or multiplied at ``index``.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2, 3).scatter_(1, torch.tensor([[0], [2]]), 1.0)
    tensor([[1., 0., 0.],
            [0., 0., 1.]])
    """
    if reduce is not None:
        return _scatter_reduced_(self, dim, index, src, value=value, reduce=reduce)
    operator, index, source, d = indexing.scatter_arguments(self, dim, index, src if value is None else value)
    return operator.apply_(self, index, source, d)


def scatter_add_(self: Any, dim: int, index: Any, src: Any) -> Any:
    """``src`` added at ``index`` along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.zeros(3).scatter_add_(0, torch.tensor([0, 2, 2]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.])
    """
    require_tensor("scatter_add_", src, "src", 3)
    _, index, source, d = indexing.scatter_arguments(self, dim, index, src)
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
    """Uniform numbers in [from, to).

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.zeros(2).uniform_(0, 10)
    tensor([4.9626, 7.6822])
    """
    return _drawn(random.uniform_, self, float(named.get("from", from_)), float(to), generator)


def normal_(self: Any, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Any:
    """Normal numbers.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.zeros(3).normal_()
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    return _drawn(random.normal_, self, float(mean), float(std), generator)


def random_(self: Any, *bounds: Any, generator: Generator | None = None, **named: Any) -> Any:
    """Whole numbers: random_() over the dtype's range, random_(to), random_(from, to).

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.zeros(3).random_(10)
    tensor([4., 9., 3.])
    """
    low, high = {0: (None, None), 1: (0, bounds[0] if bounds else None)}.get(len(bounds), bounds[:2])
    return _drawn(random.random_, self, named.get("from", low), named.get("to", high), generator)


def bernoulli_(self: Any, p: Any = 0.5, *, generator: Generator | None = None) -> Any:
    """1 with probability ``p`` (a number or a tensor), else 0.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.zeros(4).bernoulli_(0.5)
    tensor([0., 0., 1., 0.])
    """
    return _drawn(random.bernoulli_, self, p._data if isinstance(p, Variable) else p, generator)


def exponential_(self: Any, lambd: float = 1, *, generator: Generator | None = None) -> Any:
    """Exponentially distributed numbers with rate ``lambd``.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> bool((torch.zeros(3).exponential_() > 0).all())
    True
    """
    return _drawn(random.exponential_, self, float(lambd), generator)


# -- the rest, a line each ---------------------------------------------------------------------------------------

acos_ = _unary(elementwise.Acos)
acosh_ = _unary(elementwise.Acosh)
asin_ = _unary(elementwise.Asin)
asinh_ = _unary(elementwise.Asinh)
atan_ = _unary(elementwise.Atan)
atanh_ = _unary(elementwise.Atanh)
cosh_ = _unary(elementwise.Cosh)
sinh_ = _unary(elementwise.Sinh)
tan_ = _unary(elementwise.Tan)
erf_ = _unary(elementwise.Erf)
exp2_ = _unary(elementwise.Exp2)
expm1_ = _unary(elementwise.Expm1)
log10_ = _unary(elementwise.Log10)
log1p_ = _unary(elementwise.Log1p)
log2_ = _unary(elementwise.Log2)
erfc_ = _unary(special.Erfc)
erfinv_ = _unary(special.Erfinv)
lgamma_ = _unary(special.Lgamma)
digamma_ = _unary(special.Digamma)
sinc_ = _unary(special.Sinc)
deg2rad_ = _unary(special.Deg2Rad)
rad2deg_ = _unary(special.Rad2Deg)
sgn_ = _unary(special.Sgn, floating=False)


def ldexp_(self: Any, other: Any) -> Any:
    """self * 2**other, in place."""
    if self.dtype.category < 2:
        raise RuntimeError(f"ldexp can't be cast to the desired output type {self.dtype.legacy_name}")
    return _ldexp_(self, other)


def polygamma_(self: Any, n: int) -> Any:
    """The n-th derivative of digamma, in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0]).polygamma_(1)
    tensor([1.6449])
    """
    _check_result(self, floating=True)
    return copy_(self, special.polygamma(n, self.clone()))


def _twin(function: Any, operands: int = 0, floating: bool = False) -> Any:
    """The in-place form of any function of a tensor and more: its result written back, with the history it has.

    It reads from a copy, so that a rule which saved its input does not find it overwritten. ``operands``: how many of
    the arguments have a say in the result's dtype.
    """

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        views.check_inplace(self, [a for a in args if isinstance(a, Variable)])
        _check_result(self, *args[:operands], floating=floating)
        result = function(self.clone(), *args, **kwargs)
        views.check_fits(self, result._data)
        if result._node is None or result._data.dtype != self._data.dtype:
            return copy_(self, result)
        np.copyto(self._data, result._data)
        self._version_counter[0] += 1
        views.rebase(self, result._node)
        return self

    method.__doc__ = f"{_first_line(function)} In place."
    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    return method


atan2_ = _twin(arithmetic.atan2, 1, floating=True)
hypot_ = _twin(arithmetic.hypot, 1)
xlogy_ = _twin(arithmetic.xlogy, 1, floating=True)
copysign_ = _twin(special.copysign, 1, floating=True)
heaviside_ = _twin(special.heaviside, 1)
_ldexp_ = _twin(special.ldexp, 1, floating=True)
nextafter_ = _twin(special.nextafter, 1)
gcd_ = _twin(special.gcd, 1)
lcm_ = _twin(special.lcm, 1)
bitwise_and_ = _twin(elementwise.bitwise_and, 1)
bitwise_or_ = _twin(elementwise.bitwise_or, 1)
bitwise_xor_ = _twin(elementwise.bitwise_xor, 1)
bitwise_not_ = _twin(elementwise.bitwise_not)
bitwise_left_shift_ = _twin(special.bitwise_left_shift, 1)
bitwise_right_shift_ = _twin(special.bitwise_right_shift, 1)
logit_ = _twin(elementwise.logit, floating=True)
frac_ = _twin(elementwise.frac)
nan_to_num_ = _twin(elementwise.nan_to_num)
cumsum_ = _twin(reduction.cumsum)
cumprod_ = _twin(reduction.cumprod)
tril_ = _twin(shape.tril)
triu_ = _twin(shape.triu)
addmm_ = _twin(linalg.addmm)
baddbmm_ = _twin(linalg.baddbmm)
addmv_ = _twin(matrix.addmv)
addr_ = _twin(matrix.addr)
addbmm_ = _twin(matrix.addbmm)
scatter_reduce_ = _twin(scattering.scatter_reduce)
_scatter_reduced_ = _twin(indexing.scatter)


def _judged(function: Any) -> Any:
    """The in-place form of a comparison or of logic: 1 and 0 written over the tensor, in its own dtype."""

    def method(self: Any, *other: Any) -> Any:
        return copy_(self, function(self, *other))

    method.__doc__ = f"{_first_line(function)} In place, as 1 and 0."
    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    return method


eq_, ne_, lt_ = _judged(elementwise.eq), _judged(elementwise.ne), _judged(elementwise.lt)
le_, gt_, ge_ = _judged(elementwise.le), _judged(elementwise.gt), _judged(elementwise.ge)
logical_and_, logical_or_ = _judged(elementwise.logical_and), _judged(elementwise.logical_or)
logical_xor_, logical_not_ = _judged(elementwise.logical_xor), _judged(elementwise.logical_not)


def clamp_min_(self: Any, min: Any) -> Any:
    """max(self, min), in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, 5.0]).clamp_min_(3)
    tensor([3., 5.])
    """
    return _clamped(self, special.clamp_min_arguments(self, min))


def clamp_max_(self: Any, max: Any) -> Any:
    """min(self, max), in place.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, 5.0]).clamp_max_(3)
    tensor([1., 3.])
    """
    return _clamped(self, special.clamp_max_arguments(self, max))


def _clamped(self: Any, arguments: tuple) -> Any:
    operator, a, limit = arguments
    if a.dtype.category > self.dtype.category:
        raise RuntimeError(
            f"result type {a.dtype.legacy_name} can't be cast to the desired output type {c_name(self.dtype)}"
        )
    return operator.apply_(self, limit)


def float_power_(self: Any, exponent: Any) -> Any:
    """self to the power of exponent, in place; float64 only.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, 2.0], dtype=torch.float64).float_power_(3)
    tensor([1., 8.], dtype=torch.float64)
    """
    if self._data.dtype != np.float64:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {self.dtype.legacy_name} but the operation's result requires "
            "dtype Double"
        )
    return pow_(self, exponent)


def index_put_(self: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """``values`` put (or added) in the places that a tuple of index tensors and masks names, in place.

    >>> import minitorch_bn as torch
    >>> torch.zeros(3).index_put_((torch.tensor([0, 2]),), torch.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    return indexing.IndexPut.apply_(self, *indexing.index_put_arguments(self, indices, values, accumulate))


def index_add_(self: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """``alpha * source`` added to the slices along ``dim`` that a 1-d index names, in place.

    >>> import minitorch_bn as torch
    >>> torch.ones(3).index_add_(0, torch.tensor([2, 0]), torch.tensor([1.0, 2.0]))
    tensor([3., 1., 2.])
    """
    return scattering.IndexAdd.apply_(self, *scattering.index_add_arguments(self, dim, index, source, alpha))


def index_copy_(self: Any, dim: int, index: Any, source: Any) -> Any:
    """``source`` written over the slices along ``dim`` that a 1-d index names.

    >>> import minitorch_bn as torch
    >>> torch.zeros(3).index_copy_(0, torch.tensor([2, 0]), torch.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    return scattering.IndexCopy.apply_(self, *scattering.index_copy_arguments(self, dim, index, source))


def index_fill_(self: Any, dim: int, index: Any, value: Any) -> Any:
    """``value`` written over the slices along ``dim`` that a 1-d index names.

    >>> import minitorch_bn as torch
    >>> torch.zeros(3).index_fill_(0, torch.tensor([2, 0]), 5)
    tensor([5., 0., 5.])
    """
    operator, *arguments = scattering.index_fill_arguments(self, dim, index, value)
    return operator.apply_(self, *arguments)


def put_(self: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """``source`` written (or added) in places of the flattened tensor, in place.

    >>> import minitorch_bn as torch
    >>> torch.zeros(3).put_(torch.tensor([0, 2]), torch.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    return scattering.Put.apply_(self, *scattering.put_arguments(self, index, source, accumulate))


def masked_scatter_(self: Any, mask: Any, source: Any) -> Any:
    """The elements of ``source``, one after the other, written where the mask is set.

    >>> import minitorch_bn as torch
    >>> torch.zeros(3).masked_scatter_(torch.tensor([True, False, True]), torch.tensor([5.0, 6.0]))
    tensor([5., 0., 6.])
    """
    return scattering.MaskedScatter.apply_(self, *scattering.masked_scatter_arguments(self, mask, source))


def fill_diagonal_(self: Any, fill_value: float, wrap: bool = False) -> Any:
    """``fill_value`` written on the main diagonal; with ``wrap`` it starts again below a tall matrix's end.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2, 2).fill_diagonal_(5)
    tensor([[5., 0.],
            [0., 5.]])
    """
    sizes = self._data.shape
    if len(sizes) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(sizes) > 2 and len(set(sizes)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    n, columns = min(sizes), sizes[-1]
    if not wrap or len(sizes) > 2:
        index = np.arange(n)
        return index_put_(self, [_wrap(index)] * len(sizes), constant(fill_value, self.dtype))
    index = np.arange(0, self._data.size, columns + 1)
    places = [_wrap(index // columns), _wrap(index % columns)]
    return index_put_(self, places, constant(fill_value, self.dtype))


def apply_(self: Any, callable: Any) -> Any:
    """``callable(x)`` written over every element x, one after the other: slow. Refused where a gradient is wanted.

    >>> import minitorch_bn as torch
    >>> torch.tensor([1.0, 2.0]).apply_(lambda v: v * 10)
    tensor([10., 20.])
    """
    if self.requires_grad:
        raise TypeError("apply_ is only implemented on CPU tensors that do not require grad")
    for place in np.ndindex(self._data.shape):
        self._data[place] = callable(self._data[place].item())
    self._version_counter[0] += 1
    return self


# -- other sizes for the same memory -----------------------------------------------------------------------------


def _rearranged(function: Any) -> Any:
    """The in-place form of a view: the tensor itself takes the other shape, and its history goes on from there."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        views.check_inplace(self)
        result = function(self, *args, **kwargs)
        self._data = result._data
        if self._view is not None:
            self._view = result._view
        if result._node is not None:
            views.move(self, result._node, result._output_nr)
        self._version_counter[0] += 1
        if self._view is not None:
            self._view.version = self._version_counter[0]
        return self

    method.__doc__ = f"{_first_line(function)} In place."
    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    return method


swapaxes_ = swapdims_ = transpose_ = _rearranged(shape.transpose)
squeeze_ = _rearranged(shape.squeeze)
unsqueeze_ = _rearranged(shape.unsqueeze)
t_ = _rearranged(shape.t)
as_strided_ = _rearranged(strides.as_strided)
