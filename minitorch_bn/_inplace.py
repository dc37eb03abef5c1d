"""The methods that end in an underscore: operators whose result goes into the tensor's own memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn import random
from minitorch_bn.autograd import views
from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.ops import arithmetic, elementwise, indexing
from minitorch_bn.ops._common import canonical_dim, constant, is_number, require_tensor, result_type

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


def _binary(operator: type[Operator], symbol: str, floating: bool = False) -> Any:
    def method(self: Any, other: Any) -> Any:
        _check_result(self, other, floating=floating)
        return operator.apply_(self, other)

    method.__doc__ = f"self {symbol}= other, in place."
    return method


def _unary(operator: type[Operator], floating: bool = True) -> Any:
    def method(self: Any) -> Any:
        _check_result(self, floating=floating)
        return operator.apply_(self)

    method.__doc__ = f"{operator.__doc__}; in place."
    return method


def _scaled(operator: type[Operator], symbol: str) -> Any:
    def method(self: Any, other: Any, *, alpha: float = 1) -> Any:
        other = other if alpha == 1 else other * alpha
        _check_result(self, other)
        return operator.apply_(self, other)

    method.__doc__ = f"self {symbol}= alpha * other, in place."
    return method


add_ = _scaled(arithmetic.Add, "+")
sub_ = _scaled(arithmetic.Sub, "-")
mul_ = _binary(arithmetic.Mul, "*")
remainder_ = _binary(arithmetic.Remainder, "%")
fmod_ = _binary(arithmetic.Fmod, "fmod")

neg_ = _unary(elementwise.Neg, floating=False)
abs_ = _unary(elementwise.Abs, floating=False)
exp_ = _unary(elementwise.Exp)
log_ = _unary(elementwise.Log)
sqrt_ = _unary(elementwise.Sqrt)
rsqrt_ = _unary(elementwise.Rsqrt)
reciprocal_ = _unary(elementwise.Reciprocal)
sigmoid_ = _unary(elementwise.Sigmoid)
tanh_ = _unary(elementwise.Tanh)
relu_ = _unary(elementwise.Relu, floating=False)
sin_ = _unary(elementwise.Sin)
cos_ = _unary(elementwise.Cos)


def div_(self: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """self /= other, in place."""
    if rounding_mode is not None:
        return copy_(self, arithmetic.div(self, other, rounding_mode=rounding_mode))
    _check_result(self, other, floating=True)
    return arithmetic.Div.apply_(self, other)


def floor_divide_(self: Any, other: Any) -> Any:
    """self //= other, in place."""
    return div_(self, other, rounding_mode="floor")


def pow_(self: Any, exponent: Any) -> Any:
    """self **= exponent, in place."""
    _check_result(self, exponent)
    return (arithmetic.PowScalar if is_number(exponent) else arithmetic.Pow).apply_(self, exponent)


def square_(self: Any) -> Any:
    """self * self, in place."""
    return arithmetic.PowScalar.apply_(self, 2)


def _stepwise(function: Any, name: str) -> Any:
    def method(self: Any) -> Any:
        return elementwise.Stepwise.apply_(self, function)

    method.__doc__ = f"{name} in place."
    return method


floor_ = _stepwise(np.floor, "floor")
ceil_ = _stepwise(np.ceil, "ceil")
round_ = _stepwise(np.round, "round")
trunc_ = _stepwise(np.trunc, "trunc")
sign_ = _stepwise(np.sign, "sign")


def clamp_(self: Any, min: Any = None, max: Any = None) -> Any:
    """Limited to [min, max], in place."""
    if isinstance(min, Variable) or isinstance(max, Variable):
        return copy_(self, elementwise.clamp(self, min, max))
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    _check_result(self, *(limit for limit in (min, max) if limit is not None))
    return elementwise.Clamp.apply_(self, min, max)


def addcmul_(self: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """self += value * tensor1 * tensor2, in place."""
    return add_(self, arithmetic.mul(tensor1, tensor2), alpha=value)


def addcdiv_(self: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """self += value * tensor1 / tensor2, in place."""
    return add_(self, arithmetic.div(tensor1, tensor2), alpha=value)


def lerp_(self: Any, end: Any, weight: Any) -> Any:
    """self += weight * (end - self), in place."""
    return arithmetic.Lerp.apply_(self, end, weight)


def copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    """``src`` (broadcast, cast) written over this tensor."""
    require_tensor("copy_", src, "other")
    return elementwise.Copy.apply_(self, src)


def fill_(self: Any, value: Any) -> Any:
    """Every element set to ``value``, a number or a zero-dim tensor."""
    if isinstance(value, Variable):
        if value._data.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions."
            )
        return elementwise.Copy.apply_(self, value)
    return elementwise.Copy.apply_(self, constant(value, self.dtype))


def zero_(self: Any) -> Any:
    """Every element set to 0."""
    return fill_(self, 0)


def masked_fill_(self: Any, mask: Any, value: Any) -> Any:
    """``value`` written where the mask is set."""
    if mask._data.dtype.kind != "b":
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got dtype {mask.dtype.legacy_name}")
    return elementwise.MaskedFill.apply_(self, mask, value)


def scatter_(self: Any, dim: int, index: Any, src: Any) -> Any:
    """``src`` (a tensor or a number) written at ``index`` along ``dim``."""
    indexing._check_index_tensor("scatter", self, canonical_dim(dim, self._data.ndim), index)
    source = constant(src, self.dtype) if is_number(src) else src
    return indexing.Scatter.apply_(self, index, source, canonical_dim(dim, self._data.ndim))


def scatter_add_(self: Any, dim: int, index: Any, src: Any) -> Any:
    """``src`` added at ``index`` along ``dim``."""
    indexing._check_index_tensor("scatter", self, canonical_dim(dim, self._data.ndim), index)
    return indexing.ScatterAdd.apply_(self, index, src, canonical_dim(dim, self._data.ndim))


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
