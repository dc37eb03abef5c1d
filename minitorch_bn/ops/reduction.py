"""Sums, means, variances, extremes and everything else that folds dimensions away."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from minitorch_bn import dtypes, return_types
from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.kernels import pool as kernels
from minitorch_bn.kernels import softmax as softmax_kernels
from minitorch_bn.ops._common import (
    accumulator,
    canonical_dim,
    canonical_dims,
    floating,
    invalid_arguments,
    not_implemented,
    numpy_names,
    require_tensor,
    restore_dims,
)

FEW, MANY = 8, 1 << 12  # fewer elements in a sum than that, and more in all


class Sum(Operator):
    """sum a;  da = g, spread over what was summed"""

    options = 2

    def forward(ctx, a, dims, keepdim):
        ctx.shape, ctx.dims, ctx.keepdim = a.shape, dims, keepdim
        if a.size > MANY and dims == (a.ndim - 1,) and 0 < a.shape[-1] < FEW:
            return _sum_of_few(a, keepdim).astype(a.dtype, copy=False)
        return np.add.reduce(a, axis=dims, keepdims=keepdim, dtype=accumulator(a)).astype(a.dtype, copy=False)

    def backward(ctx, g):
        return restore_dims(g, ctx.shape, ctx.dims, ctx.keepdim).expand(ctx.shape)


def _sum_of_few(a: np.ndarray, keepdim: bool) -> np.ndarray:
    """Over the last dimension, in numpy's order; numpy takes 20 ns for each sum, however short."""
    total = a[..., 0].astype(accumulator(a))
    for i in range(1, a.shape[-1]):
        total += a[..., i]
    return total[..., None] if keepdim else total


class SumDim(Sum, name="SumBackward1"):
    """sum a over some dimensions"""

    __slots__ = ()


class Mean(Operator):
    """sum a / n, added up in float64;  da = g / n, spread"""

    options = 2

    def forward(ctx, a, dims, keepdim):
        ctx.shape, ctx.dims, ctx.keepdim = a.shape, dims, keepdim
        outer = a.ndim - len(dims)
        if (
            outer > 0 and a.flags.c_contiguous and a.size and builtins.all(dim >= outer for dim in dims)
        ):  # as in global pooling
            means = kernels.row_means(a.reshape(math.prod(a.shape[:outer]), -1))
            return means.reshape(*a.shape[:outer], *(1,) * len(dims) if keepdim else ())
        total = np.add.reduce(a, axis=dims, keepdims=keepdim, dtype=np.float64)
        return np.true_divide(total, _count(a.shape, dims)).astype(a.dtype)  # the mean of nothing is NaN

    def backward(ctx, g):
        n = _count(ctx.shape, ctx.dims)
        return restore_dims(g, ctx.shape, ctx.dims, ctx.keepdim).expand(ctx.shape) / n


class MeanDim(Mean, name="MeanBackward1"):
    """sum a / n over some dimensions"""

    __slots__ = ()


class Var(Operator):
    """sum (a - mean a)^2 / (n - correction);  da = 2 g (a - mean a) / (n - correction)"""

    options = 3

    def forward(ctx, a, dims, correction, keepdim):
        ctx.save_for_backward(a)
        ctx.dims, ctx.correction, ctx.keepdim = dims, correction, keepdim
        return _variance(a, dims, correction, keepdim).astype(a.dtype)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return _variance_gradient(restore_dims(g, a.shape, ctx.dims, ctx.keepdim), a, ctx.dims, ctx.correction)


class VarMean(Operator):
    """the variance and the mean together"""

    options = 3

    def forward(ctx, a, dims, correction, keepdim):
        ctx.save_for_backward(a)
        ctx.dims, ctx.correction, ctx.keepdim = dims, correction, keepdim
        mean = a.mean(axis=dims, keepdims=keepdim, dtype=np.float64).astype(a.dtype)
        return _variance(a, dims, correction, keepdim).astype(a.dtype), mean

    def backward(ctx, g_var, g_mean):
        (a,) = ctx.saved_tensors
        g_var, g_mean = (restore_dims(g, a.shape, ctx.dims, ctx.keepdim) for g in (g_var, g_mean))
        spread = g_mean.expand(a.shape) / _count(a.shape, ctx.dims)
        return _variance_gradient(g_var, a, ctx.dims, ctx.correction) + spread


class Std(Operator):
    """sqrt(var a);  da = g (a - mean a) / ((n - correction) y), and 0 where y = 0"""

    options = 3

    def forward(ctx, a, dims, correction, keepdim):
        y = np.sqrt(_variance(a, dims, correction, keepdim)).astype(a.dtype)
        ctx.save_for_backward(a, y)
        ctx.dims, ctx.correction, ctx.keepdim = dims, correction, keepdim
        return y

    def backward(ctx, g):
        a, y = ctx.saved_tensors
        g = (g / (2 * y)).masked_fill(y == 0, 0)
        return _variance_gradient(restore_dims(g, a.shape, ctx.dims, ctx.keepdim), a, ctx.dims, ctx.correction)


class StdMean(Operator):
    """the standard deviation and the mean together"""

    options = 3

    def forward(ctx, a, dims, correction, keepdim):
        y = np.sqrt(_variance(a, dims, correction, keepdim)).astype(a.dtype)
        ctx.save_for_backward(a, y)
        ctx.dims, ctx.correction, ctx.keepdim = dims, correction, keepdim
        return y, a.mean(axis=dims, keepdims=keepdim, dtype=np.float64).astype(a.dtype)

    def backward(ctx, g_std, g_mean):
        a, y = ctx.saved_tensors
        g_var = (g_std / (2 * y)).masked_fill(y == 0, 0)
        g_var, g_mean = (restore_dims(g, a.shape, ctx.dims, ctx.keepdim) for g in (g_var, g_mean))
        spread = g_mean.expand(a.shape) / _count(a.shape, ctx.dims)
        return _variance_gradient(g_var, a, ctx.dims, ctx.correction) + spread


def _variance_gradient(g: Any, a: Any, dims: tuple[int, ...], correction: float) -> Any:
    """2 g (a - mean a) / (n - correction), for a g with the reduced dimensions kept."""
    degrees = _count(a.shape, dims) - correction
    return g * (2 / degrees if degrees else float("inf")) * (a - MeanDim.apply(a, dims, True))


def _count(shape: tuple[int, ...], dims: tuple[int, ...]) -> int:
    """How many elements go into each result."""
    n = 1
    for d in dims:
        n *= shape[d]
    return n


def _variance(a: np.ndarray, dims: tuple[int, ...], correction: float, keepdim: bool) -> np.ndarray:
    """In float64 and centred first: any offset costs nothing."""
    centred = a - a.mean(axis=dims, keepdims=True, dtype=np.float64)
    squares = np.square(centred).sum(axis=dims, keepdims=keepdim)
    return np.true_divide(squares, builtins.max(_count(a.shape, dims) - correction, 0))


class Prod(Operator):
    """product of a;  da_i = g times the product of the others (right also where some are 0)"""

    options = 2

    def forward(ctx, a, dims, keepdim):
        ctx.save_for_backward(a)
        ctx.dims, ctx.keepdim = dims, keepdim
        return np.multiply.reduce(a, axis=dims, keepdims=keepdim, dtype=accumulator(a)).astype(a.dtype, copy=False)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        g = restore_dims(g, a.shape, ctx.dims, ctx.keepdim)
        if len(ctx.dims) == 1:
            return g * _product_of_others(a, ctx.dims[0])
        return g * _product_of_others(a.reshape(-1), 0).reshape(a.shape)


class ProdDim(Prod, name="ProdBackward1"):
    """product of a along a dimension"""

    __slots__ = ()


def _product_of_others(a: Any, dim: int) -> Any:
    """For each element the product of all others along dim: those before it times those after it."""
    before = _shifted(a, dim, 1, 1).cumprod(dim)
    after = _shifted(a.flip(dim), dim, 1, 1).cumprod(dim).flip(dim)
    return before * after


def _shifted(a: Any, dim: int, steps: int, fill: float) -> Any:
    """Every element moved up along dim, with ``fill`` in the places that become free."""
    free = np.arange(a.shape[dim]) < steps
    free = free.reshape([-1 if d == dim else 1 for d in range(a.ndim)])
    return a.roll(steps, dim).masked_fill(wrap(free), fill)


class CumSum(Operator, name="CumsumBackward0"):
    """running sums along a dimension;  da = running sums of g from the end"""

    options = 1

    def forward(ctx, a, dim):
        ctx.dim = dim
        return np.add.accumulate(a, axis=dim, dtype=accumulator(a)).astype(a.dtype, copy=False) if a.ndim else a.copy()

    def backward(ctx, g):
        return g.flip(ctx.dim).cumsum(ctx.dim).flip(ctx.dim) if g.ndim else g


class CumProd(Operator, name="CumprodBackward0"):
    """running products y along a dimension;  da_i = sum over k >= i of g_k y_k / a_i, without dividing by a zero"""

    options = 1

    def forward(ctx, a, dim):
        ctx.save_for_backward(a)
        ctx.dim = dim
        if not a.ndim:
            return a.copy()
        return np.multiply.accumulate(a, axis=dim, dtype=accumulator(a)).astype(a.dtype, copy=False)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        dim = ctx.dim
        if not a.ndim:
            return g
        # da_i = (product before i) * s_i,  s_i = g_i + a_(i+1) s_(i+1): no division, so zeros are harmless
        factors = _shifted(a.flip(dim), dim, 1, 0)
        tails = _linear_recurrence(g.flip(dim), factors, dim).flip(dim)
        return _shifted(a, dim, 1, 1).cumprod(dim) * tails


def _linear_recurrence(b: Any, c: Any, dim: int) -> Any:
    """s_i = b_i + c_i s_(i-1) along dim, in log2 n steps that each combine neighbouring stretches."""
    step = 1
    while step < b.shape[dim]:
        b = b + c * _shifted(b, dim, step, 0)
        c = c * _shifted(c, dim, step, 1)
        step *= 2
    return b


class Extreme(Operator, name="MaxBackward1"):
    """the largest element of all;  the gradient is shared evenly among those that equal it"""

    options = 3
    finds_nan = True  # a NaN that is the result gets the gradient

    def forward(ctx, a, ufunc, dims, keepdim):
        y = ufunc.reduce(a, axis=dims, keepdims=keepdim)
        ctx.save_for_backward(a, y)
        ctx.dims, ctx.keepdim = dims, keepdim
        return y

    def backward(ctx, g):
        a, y = ctx.saved_tensors
        y, g = (restore_dims(t, a.shape, ctx.dims, ctx.keepdim) for t in (y, g))
        hits = (a == y) | (a.isnan() & y.isnan()) if ctx.finds_nan else a == y
        shares = g * _even_shares(hits, ctx.dims, a.dtype)
        return shares.masked_fill(~hits, 0) if ctx.finds_nan else shares  # and not -0


class MinAll(Extreme, name="MinBackward1"):
    """the smallest element of all"""

    __slots__ = ()


class Amax(Extreme, name="AmaxBackward0"):
    """the largest elements along dimensions"""

    finds_nan = False


class Amin(Extreme, name="AminBackward0"):
    """the smallest elements along dimensions"""

    finds_nan = False


class MaxDim(Operator, name="MaxBackward0"):
    """the largest element along a dimension, and its index;  the gradient goes to that one"""

    options = 3

    def forward(ctx, a, find, dim, keepdim):
        indices = find(a, dim)  # keeps the dimension
        ctx.dim, ctx.keepdim, ctx.size = dim, keepdim, a.shape
        values = np.take_along_axis(a, indices, dim) if a.ndim else a.copy()
        if not keepdim and a.ndim:
            values, indices = values.squeeze(dim), indices.squeeze(dim)
        ctx.save_for_backward(indices)  # as they are given out: backward notices a change
        return values, indices

    def backward(ctx, g, _):
        (indices,) = ctx.saved_tensors
        if not ctx.size:
            return g
        if not ctx.keepdim:
            g, indices = g.unsqueeze(ctx.dim), indices.unsqueeze(ctx.dim)
        return g.new_zeros(ctx.size).scatter_add(ctx.dim, indices, g)


class MinDim(MaxDim, name="MinBackward0"):
    """the smallest element along a dimension, and its index"""

    __slots__ = ()


def _first_extreme(arg: Any) -> Any:
    def find(a: np.ndarray, dim: int) -> np.ndarray:
        return np.asarray(arg(a, axis=dim if a.ndim else None, keepdims=bool(a.ndim)), np.int64)

    return find


_argmax, _argmin = _first_extreme(np.argmax), _first_extreme(np.argmin)  # the first NaN wins, as in PyTorch


def _even_shares(hits: Any, dims: tuple[int, ...], dtype: dtypes.dtype) -> Any:
    """1 / (number of hits) at each hit, 0 elsewhere; NaN where there is none."""
    marks = hits.to(dtype)
    return marks / marks.sum(dims, keepdim=True)


class LogSumExp(Operator, name="LogsumexpBackward0"):
    """log sum e^a without overflow;  da = g e^(a - y)"""

    options = 2

    def forward(ctx, a, dims, keepdim):
        top = a.max(axis=dims, keepdims=True) if a.size else np.zeros((), a.dtype)
        top = np.where(np.isfinite(top), top, top.dtype.type(0))
        y = np.log(np.exp(a - top).sum(axis=dims, keepdims=True)) + top
        y = y if keepdim else y.reshape([n for i, n in enumerate(y.shape) if i not in dims])
        ctx.save_for_backward(a, y)
        ctx.dims, ctx.keepdim = dims, keepdim
        return y

    def backward(ctx, g):
        a, y = ctx.saved_tensors
        g, y = (restore_dims(t, a.shape, ctx.dims, ctx.keepdim) for t in (g, y))
        return g * (a - y).exp()


class LogCumSumExp(Operator, name="LogcumsumexpBackward0"):
    """running log sum e^a along a dimension;  da_i = sum over k >= i of g_k e^(a_i - y_k)"""

    options = 1

    def forward(ctx, a, dim):
        # numpy's logaddexp knows that inf + inf and -inf - inf are no NaN
        y = np.logaddexp.accumulate(a, axis=dim) if a.ndim else a.copy()
        ctx.save_for_backward(a, y)
        ctx.dim = dim
        return y

    def backward(ctx, g):
        a, y = ctx.saved_tensors
        dim = ctx.dim
        if not a.ndim:
            return g
        # s_i = g_i + e^(y_i - y_(i+1)) s_(i+1),  da_i = e^(a_i - y_i) s_i
        backwards = y.flip(dim)
        decay = (backwards - _shifted(backwards, dim, 1, float("inf"))).exp()
        tails = _linear_recurrence(g.flip(dim), decay, dim).flip(dim)
        return (a - y).exp() * tails


class Softmax(Operator):
    """y = e^a / sum e^a;  da = y (g - sum g y)"""

    options = 1

    def forward(ctx, a, dim):
        y = softmax_kernels.softmax(a, dim, False)
        ctx.save_for_backward(y)
        ctx.dim = dim
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        mode = thread.mode
        if not mode.grad:
            return wrap(mode.quietly(softmax_kernels.softmax_backward, g._data, y._data, ctx.dim, False))
        gy = g * y
        return gy - y * gy.sum(ctx.dim, keepdim=True)


class LogSoftmax(Operator):
    """y = a - log sum e^a;  da = g - e^y sum g"""

    options = 1

    def forward(ctx, a, dim):
        y = softmax_kernels.softmax(a, dim, True)
        ctx.save_for_backward(y)
        ctx.dim = dim
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        mode = thread.mode
        if not mode.grad:
            return wrap(mode.quietly(softmax_kernels.softmax_backward, g._data, y._data, ctx.dim, True))
        return g - y.exp() * g.sum(ctx.dim, keepdim=True)


class Norm(Operator, name="LinalgVectorNormBackward0"):
    """(sum |a|^p)^(1/p);  da = g sign(a) |a|^(p-1) / y^(p-1), and 0 where y = 0"""

    options = 3

    def forward(ctx, a, p, dims, keepdim):
        magnitudes = np.absolute(a.astype(np.float64))
        if p == 0:
            y = (magnitudes != 0).sum(axis=dims, keepdims=keepdim)
        elif p == 2:
            y = np.sqrt(np.square(magnitudes).sum(axis=dims, keepdims=keepdim))
        elif p in (np.inf, -np.inf):
            y = (np.max if p > 0 else np.min)(magnitudes, axis=dims, keepdims=keepdim)
        else:
            y = np.power(magnitudes, p).sum(axis=dims, keepdims=keepdim) ** (1 / p)
        y = np.asarray(y).astype(a.dtype)
        ctx.save_for_backward(a, y)
        ctx.p, ctx.dims, ctx.keepdim = p, dims, keepdim
        return y

    def backward(ctx, g):
        a, y = ctx.saved_tensors
        g, y = (restore_dims(t, a.shape, ctx.dims, ctx.keepdim) for t in (g, y))
        p = ctx.p
        if p == 0:
            return None  # a number of elements: no gradient, as in PyTorch
        if p == 1:
            return g * a.sign()
        if p == 2:
            return (a / y).masked_fill(y == 0, 0) * g
        if p in (np.inf, -np.inf):
            hits = a.abs() == y
            return (g * a.sign() * _even_shares(hits, ctx.dims, a.dtype)).masked_fill(~hits, 0)
        if p > 2:
            return a * a.abs() ** (p - 2) * (g / y ** (p - 1)).masked_fill(y == 0, 0)
        steep = a.sign() * (a.abs() ** (p - 1)).masked_fill(a == 0, 0)
        return steep * (g * y ** (1 - p) if p < 1 else (g / y ** (p - 1)).masked_fill(y == 0, 0))


# -- functions and methods ---------------------------------------------------------------------------------------


def _accumulation_input(function: str, input: Any, dtype: dtypes.dtype | None) -> Any:
    """Sums and products of integers and booleans are int64."""
    require_tensor(function, input)
    if dtype is not None:
        return input.to(dtype)
    return input.to(dtypes.int64) if input._data.dtype.kind in "iub" else input


@numpy_names
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Any:
    """The sum over ``dim`` (an int, a tuple, or everything); integers add up in int64.

    >>> import minitorch_bn as torch
    >>> torch.ones(2, 3).sum(0)
    tensor([2., 2., 2.])
    """
    a = _accumulation_input("sum", input, dtype)
    operator = Sum if dim is None else SumDim
    return operator.apply(a, canonical_dims(dim, a._data.ndim), keepdim)


@numpy_names
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Any:
    """The mean over ``dim`` (an int, a tuple, or everything); integers are refused, as in PyTorch.

    >>> import minitorch_bn as torch
    >>> torch.mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([2., 3.])
    """
    require_tensor("mean", input)
    a = input if dtype is None else input.to(dtype)
    if a._data.dtype.kind in "iub":
        raise RuntimeError(
            f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a "
            f"floating point or complex dtype. Got: {a.dtype.legacy_name}"
        )
    operator = Mean if dim is None else MeanDim
    return operator.apply(a, canonical_dims(dim, a._data.ndim), keepdim)


def _variance_arguments(name: str, input: Any, dim: Any, unbiased: Any, correction: Any) -> tuple:
    require_tensor(name, input)
    if isinstance(dim, bool):  # var(True): the only argument is unbiased
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    if input._data.dtype.kind in "iub":
        family = name if name.endswith("_mean") else "std and var"
        raise RuntimeError(f"{family} only support floating point and complex dtypes")
    return canonical_dims(dim, input._data.ndim), correction


@numpy_names
def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The variance over ``dim``: squared deviations divided by n - correction (default 1: the unbiased estimate).

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    >>> x.var(), x.var(correction=0)
    (tensor(1.6667), tensor(1.2500))
    """
    dims, correction = _variance_arguments("var", input, dim, unbiased, correction)
    return Var.apply(input, dims, correction, keepdim)


@numpy_names
def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The standard deviation over ``dim``: the root of ``var``.

    >>> import minitorch_bn as torch
    >>> torch.std(torch.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    >>> torch.std(torch.tensor([1.0, 2.0, 3.0]), correction=0)
    tensor(0.8165)
    """
    dims, correction = _variance_arguments("std", input, dim, unbiased, correction)
    return Std.apply(input, dims, correction, keepdim)


@numpy_names
def var_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple:
    """(variance, mean) over ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.var_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    dims, correction = _variance_arguments("var_mean", input, dim, unbiased, correction)
    return VarMean.apply(input, dims, correction, keepdim)


@numpy_names
def std_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple:
    """(standard deviation, mean) over ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.std_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    dims, correction = _variance_arguments("std_mean", input, dim, unbiased, correction)
    return StdMean.apply(input, dims, correction, keepdim)


@numpy_names
def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Any:
    """The product over one dimension, or of everything; integers multiply in int64.

    >>> import minitorch_bn as torch
    >>> torch.prod(torch.tensor([1, 2, 3, 4]))
    tensor(24)
    """
    a = _accumulation_input("prod", input, dtype)
    if dim is None:
        return Prod.apply(a, canonical_dims(None, a._data.ndim), keepdim)
    if isinstance(dim, (tuple, list)):
        raise invalid_arguments("prod", dim, expected="(int dim, bool keepdim = False)")
    return ProdDim.apply(a, canonical_dims(dim, a._data.ndim), keepdim)


@numpy_names
def cumsum(input: Any, dim: int, *, dtype: dtypes.dtype | None = None) -> Any:
    """Running sums along a dimension.

    >>> import minitorch_bn as torch
    >>> torch.cumsum(torch.tensor([1, 2, 3]), dim=0)
    tensor([1, 3, 6])
    """
    a = _accumulation_input("cumsum", input, dtype)
    return CumSum.apply(a, canonical_dim(dim, a._data.ndim))


@numpy_names
def cumprod(input: Any, dim: int, *, dtype: dtypes.dtype | None = None) -> Any:
    """Running products along a dimension.

    >>> import minitorch_bn as torch
    >>> torch.cumprod(torch.tensor([1, 2, 3]), dim=0)
    tensor([1, 2, 6])
    """
    a = _accumulation_input("cumprod", input, dtype)
    return CumProd.apply(a, canonical_dim(dim, a._data.ndim))


def _no_elements(name: str, a: np.ndarray, dims: tuple[int, ...], given: Any = None) -> None:
    if not _count(a.shape, dims):
        if len(dims) == a.ndim and given in (None, (), []):
            text = f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
            if name.startswith("arg"):
                raise IndexError(text)
            raise RuntimeError(f"{text} Specify the reduction dim with the 'dim' argument.")
        listed = dims if given is None else (given,) if isinstance(given, int) else given
        empty = next(g for d, g in zip(dims, listed) if not a.shape[d])
        raise IndexError(f"{name}(): Expected reduction dim {empty} to have non-zero size.")


@numpy_names
def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; with ``dim`` (values, indices) along it; with a tensor, the larger of both.

    >>> import minitorch_bn as torch
    >>> torch.tensor([[1, 5], [7, 2]]).max(dim=1).indices
    tensor([1, 0])
    """
    if dim is not None and not isinstance(input, Variable):
        raise invalid_arguments("max", input, dim, expected="(Tensor input, Tensor other)")
    require_tensor("max", input)
    if isinstance(dim, Variable):
        return input.maximum(dim)
    if dim is None:
        dims = canonical_dims(None, input._data.ndim)
        _no_elements("max", input._data, dims)
        return Extreme.apply(input, np.maximum, dims, False)
    d = canonical_dim(dim, input._data.ndim)
    _no_elements("max", input._data, (d,) if input._data.ndim else (), d)
    return return_types.max(MaxDim.apply(input, _argmax, d, keepdim))


@numpy_names
def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with ``dim`` (values, indices) along it; with a tensor, the smaller of both.

    >>> import minitorch_bn as torch
    >>> torch.min(torch.tensor([[3, 1], [2, 4]]), dim=1)
    torch.return_types.min(
    values=tensor([1, 2]),
    indices=tensor([1, 0]))
    """
    if dim is not None and not isinstance(input, Variable):
        raise invalid_arguments("min", input, dim, expected="(Tensor input, Tensor other)")
    require_tensor("min", input)
    if isinstance(dim, Variable):
        return input.minimum(dim)
    if dim is None:
        dims = canonical_dims(None, input._data.ndim)
        _no_elements("min", input._data, dims)
        return MinAll.apply(input, np.minimum, dims, False)
    d = canonical_dim(dim, input._data.ndim)
    _no_elements("min", input._data, (d,) if input._data.ndim else (), d)
    return return_types.min(MinDim.apply(input, _argmin, d, keepdim))


@numpy_names
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The largest elements over ``dim``; equal ones share the gradient.

    >>> import minitorch_bn as torch
    >>> torch.amax(torch.tensor([[1.0, 3.0], [2.0, 0.0]]), dim=1)
    tensor([3., 2.])
    """
    dims = canonical_dims(dim, input._data.ndim)
    _no_elements("amax", input._data, dims, dim)
    return Amax.apply(input, np.maximum, dims, keepdim)


@numpy_names
def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The smallest elements over ``dim``; equal ones share the gradient.

    >>> import minitorch_bn as torch
    >>> torch.amin(torch.tensor([[1.0, 3.0], [2.0, 0.0]]), dim=(0, 1))
    tensor(0.)
    """
    dims = canonical_dims(dim, input._data.ndim)
    _no_elements("amin", input._data, dims, dim)
    return Amin.apply(input, np.minimum, dims, keepdim)


def _arg_extreme(name: str, find: Any, input: Any, dim: int | None, keepdim: bool) -> Any:
    require_tensor(name, input)
    a = input._data
    if a.dtype.kind == "b":
        raise RuntimeError(f"{name}(): does not support bool input")
    if dim is None:
        _no_elements(name, a, tuple(range(a.ndim)))
        index = find(a.reshape(-1), 0).reshape((1,) * a.ndim if keepdim else ())
        return wrap(index)
    d = canonical_dim(dim, a.ndim)
    _no_elements(name, a, (d,) if a.ndim else (), d)
    index = find(a, d)
    return wrap(index if keepdim or not a.ndim else index.squeeze(d))


@numpy_names
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the largest element (the first of equals), of all or along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.argmax(torch.tensor([[1, 3], [2, 0]]), dim=1)
    tensor([1, 0])
    """
    return _arg_extreme("argmax", _argmax, input, dim, keepdim)


@numpy_names
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the smallest element (the first of equals), of all or along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.argmin(torch.tensor([[1, 3], [2, 0]]), dim=1)
    tensor([0, 1])
    """
    return _arg_extreme("argmin", _argmin, input, dim, keepdim)


@numpy_names
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether all elements are true (not 0); as booleans, or uint8 for uint8.

    >>> import minitorch_bn as torch
    >>> torch.all(torch.tensor([[True, False], [True, True]]), dim=1)
    tensor([False,  True])
    """
    return _logical_reduction("all", np.logical_and, input, dim, keepdim)


@numpy_names
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether any element is true (not 0); as booleans, or uint8 for uint8.

    >>> import minitorch_bn as torch
    >>> torch.any(torch.tensor([[True, False], [False, False]]), dim=1)
    tensor([ True, False])
    """
    return _logical_reduction("any", np.logical_or, input, dim, keepdim)


def _logical_reduction(name: str, ufunc: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    require_tensor(name, input)
    a = input._data
    out = ufunc.reduce(a, axis=canonical_dims(dim, a.ndim), keepdims=keepdim)
    return wrap(out.astype(np.uint8) if a.dtype == np.uint8 else out)


@numpy_names
def count_nonzero(input: Any, dim: Any = None) -> Any:
    """How many elements are not 0.

    >>> import minitorch_bn as torch
    >>> torch.count_nonzero(torch.tensor([[0, 1], [2, 3]]), dim=0)
    tensor([1, 2])
    """
    return wrap(np.asarray(np.count_nonzero(input._data, axis=canonical_dims(dim, input._data.ndim))))


@numpy_names
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """log(sum(exp(input))) over ``dim``, without overflow.

    >>> import minitorch_bn as torch
    >>> torch.logsumexp(torch.tensor([1000.0, 1000.0]), dim=0)
    tensor(1000.6932)
    """
    return LogSumExp.apply(floating(input, "logsumexp"), canonical_dims(dim, input._data.ndim), keepdim)


@numpy_names
def logcumsumexp(input: Any, dim: int) -> Any:
    """Running log(sum(exp(input))) along a dimension, without overflow.

    >>> import minitorch_bn as torch
    >>> torch.logcumsumexp(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.0000, 0.6931])
    """
    require_tensor("logcumsumexp", input)
    d = canonical_dim(dim, input._data.ndim)
    if input.dtype.category < 2:
        raise not_implemented("logcumsumexp_out_cpu", input.dtype)
    return LogCumSumExp.apply(input, d)


@numpy_names
def softmax(input: Any, dim: int, dtype: dtypes.dtype | None = None) -> Any:
    """exp(input) / sum(exp(input)) along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return Softmax.apply(*_softmax_arguments("softmax", input, dim, dtype))


@numpy_names
def log_softmax(input: Any, dim: int, dtype: dtypes.dtype | None = None) -> Any:
    """log(softmax(input)), computed without the detour.

    >>> import minitorch_bn as torch
    >>> torch.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return LogSoftmax.apply(*_softmax_arguments("log_softmax", input, dim, dtype))


def _softmax_arguments(name: str, input: Any, dim: Any, dtype: dtypes.dtype | None) -> tuple:
    require_tensor(name, input)
    a = input if dtype is None else input.to(dtype)
    d = canonical_dim(dim, a._data.ndim)
    if a.dtype.category < 2:
        last = "lastdim_" if d >= a._data.ndim - 1 else ""
        raise not_implemented(f"{name}_{last}kernel_impl", a.dtype)
    return a, d


def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: dtypes.dtype | None = None) -> Any:
    """(sum |input|^p)^(1/p) over ``dim``; "fro" and None mean 2.

    >>> import minitorch_bn as torch
    >>> torch.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    require_tensor("norm", input)
    if input.dtype.category < 2:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {input.dtype.legacy_name}"
        )
    a = input if dtype is None else input.to(dtype)
    if p == "nuc":
        return _nuclear_norm(a, dim, keepdim)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    order = 2.0 if p in ("fro", None) else float(p)
    return Norm.apply(a, order, canonical_dims(dim, a._data.ndim), keepdim)


def check_precision(function: str, a: Any) -> None:
    """RuntimeError for half precision, which has no singular values."""
    if a._data.dtype.itemsize < 4:
        raise RuntimeError(f"{function}: Low precision dtypes not supported. Got {a.dtype.legacy_name}")


def _nuclear_norm(a: Any, dim: Any, keepdim: bool) -> Any:
    """The sum of a matrix's singular values."""
    dims = canonical_dims(dim, a._data.ndim)
    if len(dims) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dims))}")
    check_precision("linalg.matrix_norm", a)
    total = a.movedim(dims, (-2, -1)).svd()[1].sum(-1)
    return restore_dims(total, a._data.shape, dims, False) if keepdim else total
