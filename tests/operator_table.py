"""One row for every operator, a line or two each; ``ops/test_operators.py`` says what is done with them.

    row(operator class, call on Tensors, the same in numpy (float64), an input for each argument)

An input is a domain, from which numbers are drawn away from kinks and poles: ``real`` alone lets the tests choose the
shapes (broadcast, zero-dim, zero-size), ``real(2, 3)`` fixes one. ``result`` says which dtype comes out of which.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import minitorch_bn as torch
from minitorch_bn.autograd import inplace
from minitorch_bn.nn import functional as F
from minitorch_bn.ops import (
    activation,
    arithmetic,
    batch_norm,
    conv,
    decomposition,
    elementwise,
    embedding,
    fold,
    indexing,
    linalg,
    loss,
    matrix,
    normalization,
    padding,
    pixel_shuffle,
    pooling,
    reduction,
    scattering,
    shape,
    sorting,
    special,
    statistics,
    strides,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: list[Row] = []

# Bases that are never applied themselves, and who speaks for them.
ABSTRACT = {
    activation.Activation: "LeakyRelu, Elu, Gelu, Softplus, Hardtanh, ...",
    elementwise.Stepwise: "Floor, Ceil, Trunc, Round, Sign",
    padding.BorderPad: "ReflectionPad, ReplicationPad, CircularPad",
    normalization.RowNorm: "GroupNorm, LayerNorm",
}


class Input(NamedTuple):
    """An argument: how numbers for it are drawn, its shape (None: the test chooses), whether gradients go there."""

    draw: Callable
    shape: tuple[int, ...] | None
    differentiable: bool


class Domain:
    """Where numbers are drawn from: ``real`` for any shape, ``real(2, 3)`` for this one."""

    def __init__(self, draw: Callable, differentiable: bool = True) -> None:
        self.draw, self.differentiable = draw, differentiable

    def __call__(self, *shape: int) -> Input:
        return Input(self.draw, shape, self.differentiable)


class Row(NamedTuple):
    operator: type
    call: Callable
    reference: Callable
    inputs: tuple[Input, ...]
    result: Callable  # numpy dtype of the inputs -> that of the output; None where the operator refuses
    orders: int  # up to which order there are derivatives


def row(
    operator: type, call: Callable, reference: Callable, *inputs: Any, result: Callable | None = None, orders: int = 3
) -> None:
    chosen = tuple(Input(i.draw, None, i.differentiable) if isinstance(i, Domain) else i for i in inputs)
    ROWS.append(Row(operator, call, reference, chosen, result or only_floats, orders))


# -- domains -------------------------------------------------------------------------------------------------------


def _away_from_zero(least: float) -> Callable:
    def draw(rng, shape):
        x = rng.standard_normal(shape)
        return x + np.copysign(least, x)

    return draw


def _distinct(rng, shape):
    """No two closer than 0.1: nothing changes places within a finite difference."""
    n = math.prod(shape)
    return ((rng.permutation(n) - n / 2) * 0.3 + rng.uniform(-0.1, 0.1, n)).reshape(shape)


real = Domain(lambda rng, shape: rng.standard_normal(shape))
nonzero = Domain(_away_from_zero(0.3))
positive = Domain(lambda rng, shape: 0.3 + np.abs(rng.standard_normal(shape)))
above_one = Domain(lambda rng, shape: 1.3 + np.abs(rng.standard_normal(shape)))
unit = Domain(lambda rng, shape: rng.uniform(-0.9, 0.9, shape))
probability = Domain(lambda rng, shape: rng.uniform(0.1, 0.9, shape))
distinct = Domain(_distinct)
thirds = Domain(lambda rng, shape: rng.choice([0.2, 0.5, 0.8], shape) + rng.uniform(-0.05, 0.05, shape))
between_integers = Domain(lambda rng, shape: rng.integers(-3, 3, shape) + rng.uniform(0.2, 0.8, shape))
regular = Domain(lambda rng, shape: rng.standard_normal(shape) + 3 * np.eye(shape[-1]))
mask = Domain(lambda rng, shape: rng.random(shape) < 0.5, differentiable=False)


def below(n: int) -> Domain:
    """Indices into a dimension of size n."""
    return Domain(lambda rng, shape: rng.integers(0, n, shape), differentiable=False)


# -- dtypes --------------------------------------------------------------------------------------------------------


def only_floats(dtype: np.dtype) -> np.dtype | None:
    return dtype if dtype.kind == "f" else None


def no_halves(dtype: np.dtype) -> np.dtype | None:
    return dtype if dtype.kind == "f" and dtype.itemsize > 2 else None


def same(dtype: np.dtype) -> np.dtype:
    return dtype


def numbers(dtype: np.dtype) -> np.dtype | None:
    return dtype if dtype.kind != "b" else None


def to_float(dtype: np.dtype) -> np.dtype:
    return dtype if dtype.kind == "f" else np.dtype(np.float32)


def to_int64(dtype: np.dtype) -> np.dtype:
    return dtype if dtype.kind == "f" else np.dtype(np.int64)


def numbers_to_int64(dtype: np.dtype) -> np.dtype | None:
    return to_int64(dtype) if dtype.kind != "b" else None


def always(dtype: Any) -> Callable:
    return lambda _: np.dtype(dtype)


# -- references that take more than a numpy call ---------------------------------------------------------------------


def adjoint(f: Callable, shape: tuple[int, ...]) -> Callable:
    """The transpose of a linear map on arrays of this shape: its entries are the products with unit arrays."""

    def transposed(g: np.ndarray, *rest: Any) -> np.ndarray:
        units = np.eye(math.prod(shape)).reshape(-1, *shape)
        return np.array([np.sum(g * f(unit, *rest)) for unit in units]).reshape(shape)

    return transposed


def written(change: Callable) -> Callable:
    """A call that changes a copy of its first argument in place."""

    def call(a, *rest):
        c = a.clone()
        change(c, *rest)
        return c

    return call


def np_written(change: Callable) -> Callable:
    def call(a, *rest):
        c = a.copy()
        change(c, *rest)
        return c

    return call


erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def softmax(a, axis):
    e = np.exp(a - a.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def np_norm(a, p, axis=None):
    return (np.abs(a) ** p).sum(axis) ** (1 / p)


def others(a, i):
    return np.delete(a, i)


def np_index_add(shape):
    def add(g, i):
        out = np.zeros(shape)
        np.add.at(out, (slice(None), i), g)
        return out

    return add


def np_scatter(a, i, src, add=False):
    """Along dimension 0, one element after the other."""
    out = a.copy()
    for place in np.ndindex(i.shape):
        to = (i[place], *place[1:])
        value = src[place] if np.ndim(src) else src
        out[to] = out[to] + value if add else value
    return out


def np_conv(x, w, b=None, stride=1, padding=1):
    spatial = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * spatial)
    axes = tuple(range(2, x.ndim))
    windows = sliding_window_view(x, w.shape[2:], axes)[
        (..., *(slice(None, None, stride),) * spatial, *axes_of(spatial))
    ]
    y = np.tensordot(windows, w, ([1, *range(-spatial, 0)], [1, *range(2, w.ndim)]))  # (N, *out, O)
    y = np.moveaxis(y, -1, 1)
    return y if b is None else y + b.reshape(1, -1, *(1,) * spatial)


def axes_of(n):
    return (slice(None),) * n


def np_windows(x, k):
    """Non-overlapping windows of k in each spatial dimension, flattened: (N, C, *spatial / k, k^d)"""
    d = x.ndim - 2
    split = x.reshape(*x.shape[:2], *(m for n in x.shape[2:] for m in (n // k, k)))
    order = (0, 1, *range(2, 2 + 2 * d, 2), *range(3, 3 + 2 * d, 2))
    return split.transpose(order).reshape(*x.shape[:2], *(n // k for n in x.shape[2:]), -1)


def np_positions(x, k):
    """Flat positions in its plane of each window's elements."""
    plane = np.arange(math.prod(x.shape[2:])).reshape(1, 1, *x.shape[2:])
    return np.broadcast_to(np_windows(plane, k), np_windows(x, k).shape)


def np_max_pool(x, k=2):
    windows = np_windows(x, k)
    best = windows.argmax(-1)[..., None]
    pick = [np.take_along_axis(a, best, -1)[..., 0] for a in (windows, np_positions(x, k))]
    return tuple(pick)


def np_avg_pool(x, k=2):
    return np_windows(x, k).mean(-1)


def np_gather_spatial(x, i):
    flat = x.reshape(*x.shape[:2], -1)
    return np.take_along_axis(flat, i.reshape(*i.shape[:2], -1), -1).reshape(i.shape)


def np_unfold(x):
    """3 x 3 windows with a border of 1: (N, C, H, W) -> (N, C 9, H W)"""
    windows = sliding_window_view(np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)]), (3, 3), (2, 3))
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(x.shape[0], -1, x.shape[2] * x.shape[3])


def np_batch_norm(x, w, b, mean=None, var=None, eps=1e-5):
    axes = (0, *range(2, x.ndim))
    per_channel = (1, -1, *(1,) * (x.ndim - 2))
    mean = x.mean(axes) if mean is None else mean
    var = x.var(axes) if var is None else var
    xh = (x - mean.reshape(per_channel)) / np.sqrt(var.reshape(per_channel) + eps)
    return xh * w.reshape(per_channel) + b.reshape(per_channel)


def np_batch_norm_backward(g, x, w, eps=1e-5):
    axes = (0, *range(2, x.ndim))
    r = 1 / np.sqrt(x.var(axes, keepdims=True) + eps)
    xh = (x - x.mean(axes, keepdims=True)) * r
    projected = g - g.mean(axes, keepdims=True) - xh * (g * xh).mean(axes, keepdims=True)
    return w.reshape(1, -1, *(1,) * (x.ndim - 2)) * r * projected, (g * xh).sum(axes), g.sum(axes)


def batch_norm_backward(g, x, w):
    statistics = batch_norm.Statistics()
    batch_norm.BatchNorm.apply(x, w, None, None, 1e-5, statistics, False)
    return batch_norm.BatchNormBackward.apply(g, x, w, None, 1e-5, statistics, True)


def np_fixed_batch_norm_backward(g, x, w):
    m, r = FIXED[0][:, None], 1 / np.sqrt(FIXED[1][:, None] + 1e-5)
    return g * w[:, None] * r, (g * (x - m) * r).sum((0, 2)), g.sum((0, 2))


FIXED = np.array([0.5, -1.0]), np.array([0.75, 2.0])  # a mean and a variance


def np_standardised(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def np_rms_norm(x, eps=1e-5):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps)


def np_rms_norm_backward(g, x, eps=1e-5):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    return r * (g - x * r * (g * x * r).mean(-1, keepdims=True))


def np_sort(a):
    order = a.argsort(1)
    return np.take_along_axis(a, order, 1), order


def np_kth(a, k):
    return tuple(part[:, k] for part in np_sort(a))


def np_running(extreme):
    """Running extremes along dimension 1, and where they stand."""

    def call(a):
        values = extreme.accumulate(a, 1)
        return values, np.array([[np.flatnonzero(row == v)[0] for v in best] for row, best in zip(a, values)])

    return call


def np_block_diag(a, b):
    return np.block([[a, np.zeros((len(a), b.shape[1]))], [np.zeros((len(b), a.shape[1])), b]])


def np_cross_entropies(x, t):
    return -np.log(np.take_along_axis(softmax(x, 1), np.expand_dims(t, 1), 1))[:, 0]


def np_cross_entropy(x, t):
    return np_cross_entropies(x, t).mean()


def np_cross_entropy_grad(x, g, t):
    onehot = np.eye(x.shape[1])[t]
    return g[:, None] * (softmax(x, 1) - onehot)


def cross_entropy_grad(x, g, t):
    shifted = x._data - x._data.max(1, keepdims=True)
    exps = np.exp(shifted)
    return loss.CrossEntropyGrad.apply(x, g, t, 1, exps, exps.sum(1))


def soft_cross_entropy_grad(x, g, q):
    exps = np.exp(x._data - x._data.max(1, keepdims=True))
    return loss.SoftCrossEntropyGrad.apply(x, g, q, exps, exps.sum(1, keepdims=True))


def np_huber(a, b, delta):
    d = np.abs(a - b)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2)).mean()


# A row is a line or two, which the formatter would make six.
# fmt: off
# -- arithmetic ----------------------------------------------------------------------------------------------------

row(arithmetic.Add, lambda a, b: a + b, np.add, real, real, result=same)
row(arithmetic.Sub, lambda a, b: a - b, np.subtract, real, real, result=numbers)
row(arithmetic.Rsub, lambda a: 3 - a, lambda a: 3 - a, real, result=numbers)
row(arithmetic.Mul, lambda a, b: a * b, np.multiply, real, real, result=same)
row(arithmetic.Div, lambda a, b: a / b, np.divide, real, nonzero, result=to_float)
row(arithmetic.DivRounded, lambda a, b: a.div(b, rounding_mode="floor"), np.floor_divide, real, positive,
    result=numbers)
row(arithmetic.DivRounded, lambda a, b: a.div(b, rounding_mode="trunc"), lambda a, b: np.trunc(a / b), real, positive)
row(arithmetic.FloorDivide, lambda a, b: a // b, np.floor_divide, real, positive, result=numbers, orders=0)
row(arithmetic.Remainder, lambda a, b: a % b, np.remainder, real, above_one, result=numbers)
row(arithmetic.RemainderScalar, lambda a: a % 2, lambda a: np.remainder(a, 2), between_integers, result=numbers)
row(arithmetic.Fmod, lambda a, b: a.fmod(b), np.fmod, real, above_one, result=numbers)
row(arithmetic.FmodScalar, lambda a: a.fmod(2), lambda a: np.fmod(a, 2), between_integers, result=numbers)
row(arithmetic.PowScalar, lambda a: a**2, np.square, real, result=numbers)
row(arithmetic.PowScalar, lambda a: a**3, lambda a: a**3, real, result=numbers)
row(arithmetic.PowScalar, lambda a: a**2.5, lambda a: a**2.5, positive, result=to_float)
row(arithmetic.PowScalar, lambda a: a**-1, lambda a: 1 / a, nonzero)
row(arithmetic.PowScalar, lambda a: a**0, np.ones_like, real, result=numbers)
row(arithmetic.Pow, lambda a, b: a**b, np.power, positive, real, result=numbers)
row(arithmetic.PowBase, lambda b: 2**b, np.exp2, real, result=numbers)
row(arithmetic.Maximum, torch.maximum, np.maximum, real, real, result=same)
row(arithmetic.Minimum, torch.minimum, np.minimum, real, real, result=same)
row(arithmetic.Fmax, torch.fmax, np.fmax, real, real, result=same)
row(arithmetic.Fmin, torch.fmin, np.fmin, real, real, result=same)
row(arithmetic.Atan2, torch.atan2, np.arctan2, nonzero, nonzero, result=to_float)
row(arithmetic.Hypot, torch.hypot, np.hypot, nonzero, nonzero)
row(arithmetic.LogAddExp, torch.logaddexp, np.logaddexp, real, real)
row(arithmetic.XLogY, torch.xlogy, lambda a, b: a * np.log(b), nonzero, positive, result=to_float)
row(arithmetic.XLogYBase, lambda b: torch.xlogy(3.0, b), lambda b: 3 * np.log(b), positive, result=to_float)
row(arithmetic.XLogYScalar, lambda a: torch.xlogy(a, 3.0), lambda a: a * np.log(3), nonzero, result=to_float)
row(arithmetic.Lerp, torch.lerp, lambda a, b, w: a + w * (b - a), real, real, real)
row(arithmetic.LerpScalar, lambda a, b: a.lerp(b, 0.3), lambda a, b: a + 0.3 * (b - a), real, real)
row(arithmetic.LerpScalar, lambda a, b: a.lerp(b, 0.8), lambda a, b: a + 0.8 * (b - a), real, real)
row(arithmetic.Addcmul, lambda a, b, c: a.addcmul(b, c, value=2), lambda a, b, c: a + 2 * b * c, real, real, real)
row(arithmetic.Addcdiv, lambda a, b, c: a.addcdiv(b, c, value=2), lambda a, b, c: a + 2 * b / c, real, real, nonzero)

# -- elementwise ---------------------------------------------------------------------------------------------------

row(elementwise.Neg, lambda a: -a, np.negative, real, result=numbers)
row(elementwise.Abs, torch.abs, np.abs, nonzero, result=numbers)
row(elementwise.Exp, torch.exp, np.exp, real, result=to_float)
row(elementwise.Exp2, torch.exp2, np.exp2, real, result=to_float)
row(elementwise.Expm1, torch.expm1, np.expm1, real, result=to_float)
row(elementwise.Log, torch.log, np.log, positive, result=to_float)
row(elementwise.Log2, torch.log2, np.log2, positive, result=to_float)
row(elementwise.Log10, torch.log10, np.log10, positive, result=to_float)
row(elementwise.Log1p, torch.log1p, np.log1p, positive, result=to_float)
row(elementwise.Sqrt, torch.sqrt, np.sqrt, positive, result=to_float)
row(elementwise.Rsqrt, torch.rsqrt, lambda a: 1 / np.sqrt(a), positive, result=to_float)
row(elementwise.Reciprocal, torch.reciprocal, np.reciprocal, nonzero, result=to_float)
row(elementwise.Sin, torch.sin, np.sin, real, result=to_float)
row(elementwise.Cos, torch.cos, np.cos, real, result=to_float)
row(elementwise.Tan, torch.tan, np.tan, unit, result=to_float)
row(elementwise.Asin, torch.asin, np.arcsin, unit, result=to_float)
row(elementwise.Acos, torch.acos, np.arccos, unit, result=to_float)
row(elementwise.Atan, torch.atan, np.arctan, real, result=to_float)
row(elementwise.Sinh, torch.sinh, np.sinh, real, result=to_float)
row(elementwise.Cosh, torch.cosh, np.cosh, real, result=to_float)
row(elementwise.Tanh, torch.tanh, np.tanh, real, result=to_float)
row(elementwise.Asinh, torch.asinh, np.arcsinh, real, result=to_float)
row(elementwise.Acosh, torch.acosh, np.arccosh, above_one, result=to_float)
row(elementwise.Atanh, torch.atanh, np.arctanh, unit, result=to_float)
row(elementwise.Sigmoid, torch.sigmoid, sigmoid, real, result=to_float)
row(elementwise.Relu, torch.relu, lambda a: np.maximum(a, 0), nonzero, result=numbers)
row(elementwise.ReluBackward, elementwise.ReluBackward.apply, lambda g, y: np.where(y <= 0, 0, g), real(2, 3),
    nonzero(2, 3))
row(elementwise.Masked, lambda a, m: elementwise.Masked.apply(a, m), lambda a, m: np.where(m, 0, a), real(2, 3),
    mask(2, 3))
row(elementwise.Erf, torch.erf, erf, real, result=to_float)
row(elementwise.Clamp, lambda a: a.clamp(-1, 1), lambda a: np.clip(a, -1, 1), real, result=numbers)
row(elementwise.Clamp, lambda a: a.clamp(max=0.3), lambda a: np.minimum(a, 0.3), real)
row(elementwise.ClampTensor, torch.clamp, lambda a, lo, hi: np.minimum(np.maximum(a, lo), hi), real, real, real,
    result=numbers)
row(elementwise.ClampTensor, lambda a, lo: a.clamp(lo), np.maximum, real, real, result=same)
row(elementwise.Where, torch.where, np.where, mask, real, real, result=same)
row(elementwise.MaskedFill, lambda a, m: a.masked_fill(m, 2), lambda a, m: np.where(m, 2, a), real, mask,
    result=numbers)
row(elementwise.MaskedFillTensor, torch.masked_fill, lambda a, m, v: np.where(m, v, a), real(2, 3), mask(3), real(),
    result=same)
row(elementwise.Floor, torch.floor, np.floor, between_integers)
row(elementwise.Ceil, torch.ceil, np.ceil, between_integers)
row(elementwise.Trunc, torch.trunc, np.trunc, between_integers)
row(elementwise.Round, torch.round, np.round, real)
row(elementwise.Sign, torch.sign, np.sign, nonzero, result=same)
row(elementwise.RoundDecimals, lambda a: a.round(decimals=1), lambda a: np.round(a, 1), real)
row(elementwise.RoundDecimals, lambda a: (9 * a).round(decimals=-1), lambda a: np.round(9 * a, -1), real)
row(elementwise.Frac, torch.frac, lambda a: a - np.trunc(a), between_integers)
row(elementwise.Logit, torch.logit, lambda a: np.log(a / (1 - a)), probability, result=to_float)
row(elementwise.Logit, lambda a: a.logit(0.3), lambda a: np.log(np.clip(a, 0.3, 0.7) / (1 - np.clip(a, 0.3, 0.7))),
    thirds)
row(elementwise.NanToNum, torch.nan_to_num, np.nan_to_num, real)
row(elementwise.Clone, torch.Tensor.clone, np.copy, real, result=same)
row(elementwise.Clone, lambda a: a.clone(memory_format=torch.channels_last), np.copy, real(2, 3, 2, 2), result=same)
row(elementwise.ToCopy, lambda a: a.to(torch.float32), lambda a: a.astype(np.float32), real(2, 3),
    result=always("float32"), orders=0)
row(elementwise.ToCopy, lambda a: a.to(torch.int16), lambda a: a.astype(np.int16), between_integers,
    result=always("int16"), orders=0)
row(elementwise.ToCopy, lambda a: a.to(torch.float32, memory_format=torch.channels_last),
    lambda a: a.astype(np.float32), real(2, 3, 2, 2), result=always("float32"), orders=0)
row(elementwise.Copy, written(lambda a, b: a.copy_(b)), lambda a, b: np.broadcast_to(b, a.shape), real(2, 3), real(3),
    result=same)
row(elementwise.Fill, written(lambda a: a.fill_(2)), lambda a: np.full(a.shape, 2.0), real, result=same)
row(elementwise.FillTensor, written(lambda a, b: a.fill_(b)), lambda a, b: np.full(a.shape, b), real(2, 3), real(),
    result=same)
row(elementwise.Normal, lambda m, s: elementwise.Normal.apply(m, s, np.full((2, 3), 2, m._data.dtype)),
    lambda m, s: np.full((2, 3), 2.0), real(2, 3), real(3), result=only_floats)
for normal in (elementwise.NormalMean, elementwise.NormalStd, elementwise.Bernoulli):
    row(normal, lambda p, normal=normal: normal.apply(p, np.full(p.shape, 2, p._data.dtype)),
        lambda p: np.full(p.shape, 2.0), real, result=only_floats)
row(elementwise.Zero, written(lambda a: a.zero_()), np.zeros_like, real, result=same)

# -- reduction -----------------------------------------------------------------------------------------------------

for n in ((2, 3), (4,), (), (0, 3)):
    row(reduction.Sum, torch.sum, np.sum, real(*n), result=to_int64)
    row(reduction.Prod, torch.prod, np.prod, real(*n), result=to_int64)
for n in ((2, 3), (4,), ()):
    row(reduction.Mean, torch.mean, np.mean, real(*n))
    row(reduction.Extreme, torch.max, np.max, distinct(*n), result=same)
    row(reduction.MinAll, torch.min, np.min, distinct(*n), result=same)
row(reduction.SumDim, lambda a: a.sum((0, -1)), lambda a: a.sum((0, -1)), real(2, 3, 4), result=to_int64)
row(reduction.SumDim, lambda a: a.sum(0, keepdim=True), lambda a: a.sum(0, keepdims=True), real(0, 3), result=to_int64)
row(reduction.MeanDim, lambda a: a.mean(-1), lambda a: a.mean(-1), real(2, 3))
row(reduction.MeanDim, lambda a: a.mean((0, 2), keepdim=True), lambda a: a.mean((0, 2), keepdims=True), real(2, 3, 4))
row(reduction.Var, torch.var, lambda a: np.var(a, ddof=1), real(2, 3))
row(reduction.Var, lambda a: a.var((0, 2), correction=0), lambda a: a.var((0, 2)), real(2, 3, 4))
row(reduction.Var, lambda a: a.var(0, keepdim=True), lambda a: a.var(0, ddof=1, keepdims=True), real(4, 2))
row(reduction.VarMean, lambda a: torch.var_mean(a, 0), lambda a: (a.var(0, ddof=1), a.mean(0)), real(4, 3))
row(reduction.Std, lambda a: a.std(-1), lambda a: a.std(-1, ddof=1), real(2, 4))
row(reduction.Std, lambda a: a.std(correction=0), np.std, real(2, 4))
row(reduction.StdMean, lambda a: torch.std_mean(a, 0, keepdim=True),
    lambda a: (a.std(0, ddof=1, keepdims=True), a.mean(0, keepdims=True)), real(4, 3))
row(reduction.Prod, lambda a: (a * torch.tensor([1, 0, 2])).prod(), lambda a: (a * [1, 0, 2]).prod(), real(3),
    result=to_int64)
row(reduction.ProdDim, lambda a: a.prod(1), lambda a: a.prod(1), real(2, 4), result=to_int64)
row(reduction.ProdDim, lambda a: a.prod(0, keepdim=True), lambda a: a.prod(0, keepdims=True), real(0, 3),
    result=to_int64)
row(reduction.CumSum, lambda a: a.cumsum(1), lambda a: a.cumsum(1), real(2, 4), result=to_int64)
row(reduction.CumSum, lambda a: a.cumsum(0), lambda a: a, real(), result=to_int64)
row(reduction.CumProd, lambda a: a.cumprod(1), lambda a: a.cumprod(1), real(2, 5), result=to_int64)
row(reduction.CumProd, lambda a: (a * torch.tensor([1, 0, 2, 0])).cumprod(0), lambda a: (a * [1, 0, 2, 0]).cumprod(),
    real(4), result=to_int64)
row(reduction.Amax, lambda a: a.amax((0, 2)), lambda a: a.max((0, 2)), distinct(2, 3, 4), result=same)
row(reduction.Amin, lambda a: a.amin(1, keepdim=True), lambda a: a.min(1, keepdims=True), distinct(2, 3), result=same)
row(reduction.MaxDim, lambda a: a.max(1), lambda a: (a.max(1), a.argmax(1)), distinct(2, 3), result=same)
row(reduction.MaxDim, lambda a: a.max(0), lambda a: (a, np.array(0)), distinct(), result=same)
row(reduction.MinDim, lambda a: a.min(0, keepdim=True), lambda a: (a.min(0, keepdims=True), a.argmin(0)[None]),
    distinct(2, 3), result=same)
row(reduction.LogSumExp, lambda a: a.logsumexp((0, 1)), lambda a: np.log(np.exp(a).sum()), real(2, 3), result=to_float)
row(reduction.LogSumExp, lambda a: a.logsumexp(-1, keepdim=True), lambda a: np.log(np.exp(a).sum(-1, keepdims=True)),
    real(2, 3), result=to_float)
row(reduction.Softmax, lambda a: a.softmax(0), lambda a: softmax(a, 0), real(3, 2))
row(reduction.Softmax, lambda a: a.softmax(-1), np.ones_like, real())
row(reduction.LogSoftmax, lambda a: a.log_softmax(1), lambda a: np.log(softmax(a, 1)), real(2, 3))
row(reduction.LogSoftmax, lambda a: a.log_softmax(0), np.zeros_like, real(0, 3))
row(reduction.Norm, torch.norm, np.linalg.norm, real(2, 3))
for p in (1, 1.5, 3):
    row(reduction.Norm, lambda a, p=p: a.norm(p, 1), lambda a, p=p: np_norm(a, p, 1), nonzero(2, 3))
row(reduction.Norm, lambda a: a.norm(math.inf, 0), lambda a: np.abs(a).max(0), distinct(3, 2))

# -- order ---------------------------------------------------------------------------------------------------------

row(sorting.Sort, lambda a: sorting.sort(a, 1), np_sort, distinct(2, 4), result=same)
row(sorting.SortStable, lambda a: sorting.sort(a, 1, stable=True), np_sort, distinct(2, 4), result=same)
row(sorting.Topk, lambda a: sorting.topk(a, 2, 1, largest=False), lambda a: tuple(p[:, :2] for p in np_sort(a)),
    distinct(2, 4), result=numbers)
row(sorting.Kthvalue, lambda a: sorting.kthvalue(a, 2, 1), lambda a: np_kth(a, 1), distinct(2, 4), result=numbers)
row(sorting.MedianDim, lambda a: sorting.median(a, 1), lambda a: np_kth(a, 1), distinct(2, 4), result=numbers)
row(sorting.NanmedianDim, lambda a: sorting.nanmedian(a, 1), lambda a: np_kth(a, 1), distinct(2, 4), result=numbers)
row(sorting.Mode, lambda a: sorting.mode(a, 1), lambda a: np_kth(a, 0), distinct(2, 4), result=numbers)
row(sorting.Cummax, lambda a: sorting.cummax(a, 1), np_running(np.maximum), distinct(2, 4), result=same)
row(sorting.Cummin, lambda a: sorting.cummin(a, 1), np_running(np.minimum), distinct(2, 4), result=same)
row(sorting.Median, sorting.median, lambda a: np.sort(a, None)[2], distinct(2, 3), result=numbers)
row(sorting.Nanmedian, sorting.nanmedian, lambda a: np.sort(a, None)[2], distinct(2, 3), result=numbers)
row(sorting.Unique, sorting.unique, np.unique, distinct(2, 3), result=same, orders=0)
row(sorting.UniqueDim, lambda a: sorting.unique(a, dim=0), lambda a: np.unique(a, axis=0), distinct(3, 2),
    result=same, orders=0)
row(sorting.UniqueConsecutive, sorting.unique_consecutive, np.ravel, distinct(2, 3), result=same, orders=0)

# -- shape ---------------------------------------------------------------------------------------------------------

row(shape.View, lambda a: a.reshape(3, -1), lambda a: a.reshape(3, -1), real(2, 3), result=same)
row(shape.View, lambda a: a.view(1, 1), lambda a: a.reshape(1, 1), real(), result=same)
row(shape.View, lambda a: a.flatten(1), lambda a: a.reshape(2, 12), real(2, 3, 4), result=same)
row(shape.UnsafeView, lambda a: a.permute(2, 0, 1).reshape(-1), lambda a: a.transpose(2, 0, 1).reshape(-1),
    real(2, 3, 4), result=same)
row(shape.Permute, lambda a: a.permute(2, 0, 1), lambda a: a.transpose(2, 0, 1), real(2, 3, 4), result=same)
row(shape.Transpose, lambda a: a.transpose(0, -1), lambda a: a.swapaxes(0, -1), real(2, 3, 4), result=same)
row(shape.T, lambda a: a.t(), np.transpose, real(2, 3), result=same)
row(shape.Expand, lambda a: a.expand(2, 4, -1), lambda a: np.broadcast_to(a, (2, 4, 3)), real(2, 1, 3), result=same)
row(shape.Expand, lambda a: a.expand(2, 3), lambda a: np.broadcast_to(a, (2, 3)), real(), result=same)
row(shape.Squeeze, lambda a: a.squeeze(), np.squeeze, real(1, 3, 1), result=same)
row(shape.SqueezeDim, lambda a: a.squeeze(-1), lambda a: a.squeeze(-1), real(2, 1), result=same)
row(shape.SqueezeDims, lambda a: a.squeeze((0, 1)), lambda a: a.squeeze(0), real(1, 3), result=same)
row(shape.Unsqueeze, lambda a: a.unsqueeze(1), lambda a: a[:, None], real(2, 3), result=same)
row(shape.Unsqueeze, lambda a: a.unsqueeze(0), lambda a: a[None], real(), result=same)
row(shape.Diagonal, lambda a: a.diagonal(), np.diagonal, real(3, 4), result=same)
row(shape.Diagonal, lambda a: a.diagonal(-1, 2, 0), lambda a: a.diagonal(-1, 2, 0), real(3, 2, 4), result=same)
row(shape.DiagonalScatter, lambda g: shape.DiagonalScatter.apply(g, (3, 4), 1, 0, 1),
    adjoint(lambda a: a.diagonal(1), (3, 4)), real(3))
row(shape.Tril, lambda a: a.tril(-1), lambda a: np.tril(a, -1), real(2, 3, 3), result=same)
row(shape.Triu, lambda a: a.triu(1), lambda a: np.triu(a, 1), real(3, 4), result=same)
row(shape.Split, lambda a: a.split(2, 1), lambda a: (a[:, :2], a[:, 2:4], a[:, 4:]), real(2, 5), result=same)
row(shape.SplitWithSizes, lambda a: a.split([1, 0, 2]), lambda a: (a[:1], a[1:1], a[1:]), real(3, 2), result=same)
row(shape.Unbind, lambda a: a.unbind(1), lambda a: tuple(a.T), real(2, 3), result=same)
row(shape.Cat, lambda a, b: torch.cat((a, b), 1), lambda a, b: np.concatenate((a, b), 1), real(2, 3), real(2, 1),
    result=same)
row(shape.Cat, lambda a, b: torch.cat((a, b)), lambda a, b: np.concatenate((a, b)), real(0, 3), real(2, 3), result=same)
row(shape.Stack, lambda a, b: torch.stack((a, b), -1), lambda a, b: np.stack((a, b), -1), real(2, 3), real(2, 3),
    result=same)
row(shape.Stack, lambda a, b: torch.stack((a, b)), lambda a, b: np.stack((a, b)), real(), real(), result=same)
row(shape.Flip, lambda a: a.flip(0, 2), lambda a: np.flip(a, (0, 2)), real(2, 3, 4), result=same)
row(shape.Roll, lambda a: a.roll((1, -2), (0, 1)), lambda a: np.roll(a, (1, -2), (0, 1)), real(2, 3), result=same)
row(shape.Roll, lambda a: a.roll(4), lambda a: np.roll(a, 4), real(2, 3), result=same)
row(shape.Repeat, lambda a: a.repeat(2, 1, 3), lambda a: np.tile(a, (2, 1, 3)), real(2, 3), result=same)
row(shape.Repeat, lambda a: a.repeat(0), lambda a: np.tile(a, 0), real(3), result=same)

# -- indexing ------------------------------------------------------------------------------------------------------

row(indexing.Slice, lambda a: a[1:, ::2], lambda a: a[1:, ::2], real(3, 4), result=same)
row(indexing.Slice, lambda a: a.narrow(1, 1, 2), lambda a: a[:, 1:3], real(2, 4), result=same)
row(indexing.Select, lambda a: a[-1], lambda a: a[-1], real(3, 2), result=same)
row(indexing.Select, lambda a: a[0, 1], lambda a: a[0, 1], real(3, 2), result=same)
row(indexing.NewAxis, lambda a: a[:, None], lambda a: a[:, None], real(3, 2), result=same)
row(indexing.Alias, lambda a: a[...], lambda a: a, real, result=same)
row(indexing.SliceScatter, lambda g: indexing.SliceScatter.apply(g, (3, 4), (slice(1, None), 0)),
    adjoint(lambda a: a[1:, 0], (3, 4)), real(2))
row(indexing.Index, lambda a, i: a[i], lambda a, i: a[i], real(3, 4), below(3)(5), result=same)
row(indexing.Index, lambda a, i, j: a[i, :, j], lambda a, i, j: a[i, :, j], real(3, 2, 4), below(3)(2, 1), below(4)(3),
    result=same)
row(indexing.Index, lambda a, m: a[m], lambda a, m: a[m], real(3, 4), mask(3, 4), result=same)
row(indexing.IndexSelect, lambda a, i: a.index_select(1, i), lambda a, i: a[:, i], real(2, 3), below(3)(4), result=same)
row(indexing.MaskedSelect, lambda a, m: a.masked_select(m), lambda a, m: a[:, m].reshape(-1), real(2, 3), mask(3),
    result=same)
row(indexing.IndexAdd, lambda g, i: indexing.IndexAdd.apply(g, (2, 3), indexing._Layout([False, True]), i),
    np_index_add((2, 3)), real(2, 4), below(3)(4))
row(indexing.IndexPut, written(lambda a, v, i: a.__setitem__(i, v)), np_written(lambda a, v, i: a.__setitem__(i, v)),
    real(4, 3), real(3), below(4)(1), result=same)
row(indexing.IndexPut, written(lambda a, v, m: a.__setitem__(m, v)), np_written(lambda a, v, m: a.__setitem__(m, v)),
    real(4, 3), real(), mask(4, 3), result=same)
row(indexing.Gather, lambda a, i: a.gather(1, i), lambda a, i: np.take_along_axis(a, i, 1), real(2, 3), below(3)(2, 4),
    result=same)
row(indexing.Gather, lambda a, i: a.gather(0, i), lambda a, i: a, real(), below(1)(), result=same)
row(indexing.ScatterAdd, lambda a, i, s: a.scatter_add(0, i, s), lambda a, i, s: np_scatter(a, i, s, add=True),
    real(3, 2), below(3)(4, 2), real(5, 2), result=same)
row(indexing.Scatter, lambda a, s: a.scatter(0, torch.tensor([[2, 0], [1, 2]]), s), lambda a,
    s: np_scatter(a, np.array([[2, 0], [1, 2]]), s), real(3, 2), real(3, 2), result=same)
row(indexing.ScatterValue, lambda a, i: a.scatter(0, i, 2), lambda a, i: np_scatter(a, i, 2.0), real(3, 2),
    below(3)(4, 2), result=same)

# -- in place on views ---------------------------------------------------------------------------------------------

row(inplace.CopySlices, written(lambda a, b: a[0].mul_(b)), np_written(lambda a, b: a[0].__imul__(b)), real(2, 3),
    real(3), result=same)
row(inplace.CopySlices, written(lambda a, b: a.t()[1:].copy_(b)), np_written(lambda a, b: a.T[1:].__setitem__(..., b)),
    real(2, 3), real(2, 2), result=same)
row(inplace.AsStrided, lambda a: inplace.AsStrided.apply(a, a[1:, ::2]._view), lambda a: a[1:, ::2], real(3, 4),
    result=same)
row(inplace.AddSlices, lambda g: inplace.AddSlices.apply(g, torch.zeros(3, 4)[1:, ::2]._view, (3, 4)),
    adjoint(lambda a: a[1:, ::2], (3, 4)), real(2, 2))

# -- linalg --------------------------------------------------------------------------------------------------------

row(linalg.Dot, torch.dot, np.dot, real(4), real(4), result=numbers)
row(linalg.Mv, torch.mv, np.matmul, real(2, 3), real(3), result=numbers)
row(linalg.Mm, torch.mm, np.matmul, real(2, 3), real(3, 4), result=numbers)
row(linalg.Mm, torch.mm, np.matmul, real(2, 0), real(0, 4), result=numbers)
row(linalg.Bmm, torch.bmm, np.matmul, real(2, 3, 4), real(2, 4, 2), result=numbers)
row(linalg.BatchedMatmul, torch.matmul, np.matmul, real(2, 1, 3, 4), real(3, 4, 2), result=numbers)
row(linalg.Vm, torch.matmul, np.matmul, real(3), real(3, 4), result=numbers)
row(linalg.Addmm, lambda c, a, b: torch.addmm(c, a, b, beta=2, alpha=3), lambda c, a, b: 2 * c + 3 * a @ b, real(4),
    real(2, 3), real(3, 4), result=numbers)
row(linalg.Baddbmm, torch.baddbmm, lambda c, a, b: c + a @ b, real(2, 3, 4), real(2, 3, 2), real(2, 2, 4),
    result=numbers)
row(linalg.Linear, F.linear, lambda x, w, b: x @ w.T + b, real(4, 3), real(5, 3), real(5))
row(linalg.LinearOfRows, F.linear, lambda x, w, b: x @ w.T + b, real(2, 4, 3), real(5, 3), real(5))
row(linalg.LinearOfRows, F.linear, lambda x, w, b: x @ w.T + b, real(3), real(5, 3), real(5))
row(linalg.LinearUnbiased, F.linear, lambda x, w: x @ w.T, real(4, 3), real(5, 3))
row(linalg.LinearUnbiasedOfRows, F.linear, lambda x, w: x @ w.T, real(2, 4, 3), real(5, 3))
row(linalg.LinearBackward, lambda g, x, w: linalg.LinearBackward.apply(g, x, w, [True, True, True]),
    lambda g, x, w: (g.sum((0, 1)), g @ w, np.einsum("abo,abi->oi", g, x)), real(2, 4, 5), real(2, 4, 3), real(5, 3))
row(linalg.LinearBackward, lambda g, x: linalg.LinearBackward.apply(g, x, None, [False, False, True])[2],
    lambda g, x: g.T @ x, real(4, 5), real(4, 3))
row(linalg.LinearBackward, lambda g: linalg.LinearBackward.apply(g, None, None, [True, False, False])[0],
    lambda g: g.sum(0), real(4, 5))
row(strides.AsStrided, lambda a: a.contiguous().as_strided((3, 2), (1, 2), 1),
    lambda a: a.reshape(-1)[[[1, 3], [2, 4], [3, 5]]], real(2, 4), result=same)
row(strides.StridedSum, lambda g: strides.StridedSum.apply(g, np.array([[0, 1], [1, 5]]), (2, 2), np.arange(4)),
    lambda g: np.array([[g[0, 0], g[0, 1] + g[1, 0]], [0, 0]]), real(2, 2))
row(matrix.Trace, matrix.trace, np.trace, real(3, 4), result=numbers_to_int64)
row(matrix.DiagEmbed, matrix.diag_embed, lambda a: a[..., None] * np.eye(3), real(2, 3), result=same)
row(matrix.Cross, lambda a, b: matrix.cross(a, b, dim=1), np.cross, real(2, 3), real(2, 3), result=numbers)
row(matrix.Addmv, matrix.addmv, lambda c, a, b: c + a @ b, real(2), real(2, 3), real(3), result=numbers)
row(matrix.Addr, lambda c, a, b: matrix.addr(c, a, b, alpha=2), lambda c, a, b: c + 2 * np.outer(a, b),
    real(2, 3), real(2), real(3), result=numbers)
row(matrix.Addbmm, matrix.addbmm, lambda c, a, b: c + (a @ b).sum(0), real(3, 4), real(2, 3, 2), real(2, 2, 4))
row(matrix.BlockDiag, matrix.block_diag, np_block_diag, real(2, 3), real(1, 2), result=same)
row(matrix.Inv, matrix.inv, np.linalg.inv, regular(2, 3, 3), result=no_halves)
row(matrix.Solve, matrix.solve, np.linalg.solve, regular(3, 3), real(3, 2), result=no_halves)
row(decomposition.Svd, lambda a: torch.linalg.svd(a, full_matrices=False),
    lambda a: tuple(np.linalg.svd(a, full_matrices=False)), real(4, 3), result=no_halves)
row(decomposition.Svd, torch.linalg.svdvals, lambda a: np.linalg.svd(a, compute_uv=False), real(2, 3), result=no_halves)
row(matrix.Det, matrix.det, np.linalg.det, regular(2, 3, 3), result=no_halves)
row(matrix.Slogdet, matrix.slogdet, lambda a: tuple(np.linalg.slogdet(a)), regular(3, 3), result=no_halves)

# -- activation ----------------------------------------------------------------------------------------------------

row(activation.Flat, activation.Flat.apply, lambda g, a: g, real(2, 3), real(2, 3))
row(activation.LeakyRelu, lambda a: F.leaky_relu(a, 0.1), lambda a: np.where(a > 0, a, 0.1 * a), nonzero)
row(activation.LeakyReluInPlace, written(lambda a: F.leaky_relu_(a, 0.1)), lambda a: np.where(a > 0, a, 0.1 * a),
    nonzero)
row(activation.Elu, lambda a: F.elu(a, 1.5), lambda a: np.where(a > 0, a, 1.5 * np.expm1(a)), nonzero)
row(activation.EluInPlace, written(F.elu_), lambda a: np.where(a > 0, a, np.expm1(a)), nonzero)
row(activation.Celu, lambda a: F.celu(a, 2.0), lambda a: np.where(a > 0, a, 2 * np.expm1(a / 2)), nonzero)
row(activation.CeluInPlace, written(lambda a: F.celu_(a, 2.0)), lambda a: np.where(a > 0, a, 2 * np.expm1(a / 2)),
    nonzero)
row(activation.Gelu, F.gelu, lambda a: a * (1 + erf(a / math.sqrt(2))) / 2, real)
row(activation.GeluTanh, lambda a: F.gelu(a, approximate="tanh"),
    lambda a: a / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3))), real)
row(activation.Silu, F.silu, lambda a: a * sigmoid(a), real)
row(activation.Mish, F.mish, lambda a: a * np.tanh(np.log1p(np.exp(a))), real)
row(activation.Softplus, lambda a: F.softplus(a, 2.0), lambda a: np.log1p(np.exp(2 * a)) / 2, real)
row(activation.LogSigmoid, F.logsigmoid, lambda a: -np.log1p(np.exp(-a)), real)
row(activation.Hardtanh, F.hardtanh, lambda a: np.clip(a, -1, 1), real)
row(activation.Hardsigmoid, F.hardsigmoid, lambda a: np.clip(a / 6 + 0.5, 0, 1), real)
row(activation.Hardswish, F.hardswish, lambda a: a * np.clip(a / 6 + 0.5, 0, 1), real)
row(activation.Hardshrink, F.hardshrink, lambda a: np.where(np.abs(a) > 0.5, a, 0), real)
row(activation.Softshrink, F.softshrink, lambda a: np.sign(a) * np.maximum(np.abs(a) - 0.5, 0), real)
row(activation.Threshold, lambda a: F.threshold(a, 0.1, 20.0), lambda a: np.where(a > 0.1, a, 20), real)
row(activation.ThresholdInPlace, written(lambda a: F.threshold(a, 0.1, 20.0, inplace=True)),
    lambda a: np.where(a > 0.1, a, 20), real)
row(activation.Prelu, F.prelu, lambda a, w: np.where(a > 0, a, w[:, None] * a), nonzero(2, 3, 4), real(3))
row(activation.Glu, F.glu, lambda a: a[:, :2] * sigmoid(a[:, 2:]), real(3, 4))
row(activation.Dropout, lambda a, m: activation.Dropout.apply(a, m, a._data.dtype.type(2)), lambda a, m: a * m * 2,
    real(3, 4), mask(3, 4))

# -- convolution, pooling, patches -----------------------------------------------------------------------------------

row(conv.Conv, lambda x, w, b: F.conv1d(x, w, b, padding=1), np_conv, real(2, 2, 5), real(3, 2, 3), real(3))
row(conv.Conv, lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), lambda x, w, b: np_conv(x, w, b, 2),
    real(2, 2, 5, 4), real(3, 2, 3, 2), real(3))
row(conv.Conv, lambda x, w: F.conv3d(x, w, padding=1), np_conv, real(1, 2, 2, 3, 2), real(2, 2, 2, 2, 2))
row(conv.Conv, lambda x, w, b: F.conv2d(x, w, b, padding=1), np_conv, real(2, 2, 4, 3), real(3, 2, 3, 3), real(3))
row(conv.ConvBiasGrad, conv.ConvBiasGrad.apply, lambda g: g.sum((0, 2)), real(3, 2, 4))
row(conv.ConvInputGrad, lambda g, w: F.conv_transpose1d(g, w, stride=2, padding=1), lambda g,
    w: adjoint(lambda x: np_conv(x, w, None, 2), (2, 2, 5))(g), real(2, 3, 3), real(3, 2, 3))
row(conv.ConvInputGrad, lambda g, w: F.conv_transpose2d(g, w, padding=1), lambda g,
    w: adjoint(lambda x: np_conv(x, w), (1, 2, 4, 3))(g), real(1, 3, 4, 3), real(3, 2, 3, 3))
row(conv.ConvWeightGrad, lambda g, x: conv.ConvWeightGrad.apply(g, x, (3, 3), ((1, 1), (1, 1), (1, 1), 1)), lambda g,
    x: adjoint(lambda w: np_conv(x, w), (3, 2, 3, 3))(g), real(1, 3, 4, 3), real(1, 2, 4, 3))
row(pooling.MaxPool, lambda x: F.max_pool2d(x, 2, return_indices=True), np_max_pool, distinct(2, 2, 4, 6))
row(pooling.MaxPool3d, lambda x: F.max_pool3d(x, 2, return_indices=True), np_max_pool, distinct(1, 2, 2, 4, 2))
row(pooling.AdaptiveMaxPool, lambda x: F.adaptive_max_pool2d(x, (2, 3), return_indices=True), np_max_pool,
    distinct(2, 2, 4, 6))
row(pooling.AdaptiveMaxPool3d, lambda x: F.adaptive_max_pool3d(x, (1, 2, 1), return_indices=True), np_max_pool,
    distinct(1, 2, 2, 4, 2))
row(pooling.AvgPool, lambda x: F.avg_pool2d(x, 2), np_avg_pool, real(2, 2, 4, 6))
row(pooling.AvgPool3d, lambda x: F.avg_pool3d(x, 2), np_avg_pool, real(1, 2, 2, 4, 2))
row(pooling.AvgPoolAdjoint,
    lambda g: pooling.AvgPoolAdjoint.apply(g, (2, 4), ((2, 2), (2, 2), (0, 0), False), (True, None)),
    adjoint(np_avg_pool, (2, 2, 2, 4)), real(2, 2, 1, 2))
row(pooling.AdaptiveAvgPool, lambda x: F.adaptive_avg_pool2d(x, (2, 3)), np_avg_pool, real(2, 2, 4, 6))
row(pooling.AdaptiveAvgPool3d, lambda x: F.adaptive_avg_pool3d(x, (1, 2, 1)), np_avg_pool, real(1, 2, 2, 4, 2))
row(pooling.AdaptiveAvgPoolAdjoint, lambda g: pooling.AdaptiveAvgPoolAdjoint.apply(g, (2, 4), (1, 2)),
    adjoint(np_avg_pool, (2, 2, 2, 4)), real(2, 2, 1, 2))
row(pooling.GatherSpatial, lambda x, i: pooling.GatherSpatial.apply(x, i, 2), np_gather_spatial, real(2, 2, 2, 3),
    below(6)(2, 2, 1, 4))
row(pooling.ScatterSpatial, lambda g, i: pooling.ScatterSpatial.apply(g, i, (2, 3)),
    adjoint(np_gather_spatial, (2, 2, 2, 3)), real(2, 2, 1, 4), below(6)(2, 2, 1, 4))
row(fold.Unfold, lambda x: F.unfold(x, 3, padding=1), np_unfold, real(2, 2, 3, 4))
row(fold.Fold, lambda c: F.fold(c, (3, 4), 3, padding=1), adjoint(np_unfold, (2, 2, 3, 4)), real(2, 18, 12))
row(pixel_shuffle.PixelShuffle, lambda a: F.pixel_shuffle(a, 2),
    lambda a: a.reshape(1, 2, 2, 2, 3, 2).transpose(0, 1, 4, 2, 5, 3).reshape(1, 2, 6, 4), real(1, 8, 3, 2),
    result=same)
row(pixel_shuffle.PixelUnshuffle, lambda a: F.pixel_unshuffle(a, 2),
    lambda a: a.reshape(1, 2, 3, 2, 2, 2).transpose(0, 1, 3, 5, 2, 4).reshape(1, 8, 3, 2), real(1, 2, 6, 4),
    result=same)
row(padding.ConstantPad, lambda a: F.pad(a, (1, 2, 0, -1), value=3),
    lambda a: np.pad(a[:1], ((0, 0), (1, 2)), constant_values=3), real(2, 3), result=same)
for dims, name in ((1, "1d"), (2, "2d"), (3, "3d")):
    for mode, numpys in (("reflect", "reflect"), ("replicate", "edge")):
        operator = getattr(padding, f"{'Reflection' if mode == 'reflect' else 'Replication'}Pad{name}")
        row(operator, lambda a, d=dims, m=mode: F.pad(a, (1, 2) * d, m), lambda a, d=dims,
            m=numpys: np.pad(a, [(0, 0)] * 2 + [(1, 2)] * d, m), real(1, 2, *(3,) * dims))
row(padding.CircularPad, lambda a: F.pad(a, (1, 2), "circular"), lambda a: np.pad(a, ((0, 0), (0, 0), (1, 2)), "wrap"),
    real(1, 2, 3))
REFLECTED = [(0, 0), (0, 0), (1, 2)]
row(padding.BorderFold,
    lambda g: padding.BorderFold.apply(g, (1, 1, 4), REFLECTED, padding._reflected, padding.ReflectionPad1d),
    adjoint(lambda a: np.pad(a, REFLECTED, "reflect"), (1, 1, 4)), real(1, 1, 7))
row(embedding.Embedding, lambda w, i: F.embedding(i, w), lambda w, i: w[i], real(4, 3), below(4)(2, 3))
row(embedding.EmbeddingGrad, lambda g, i: embedding.EmbeddingGrad.apply(g, i, 4, -1, False),
    adjoint(lambda w, i: w[i], (4, 3)), real(5, 3), below(4)(5))

# -- normalization and losses ----------------------------------------------------------------------------------------

row(batch_norm.BatchNorm, lambda x, w, b: F.batch_norm(x, None, None, w, b, True), np_batch_norm, real(3, 2, 4),
    real(2), real(2))
row(batch_norm.BatchNorm, lambda x, w, b: F.batch_norm(x, None, None, w, b, True), np_batch_norm, real(5, 3), real(3),
    real(3))
row(batch_norm.BatchNormBackward, batch_norm_backward, np_batch_norm_backward, real(3, 2, 4), real(3, 2, 4), real(2))
row(batch_norm.FixedBatchNorm, lambda x, w,
    b: F.batch_norm(x, torch.zeros(2).to(x.dtype), torch.ones(2).to(x.dtype) * 2, w, b), lambda x, w,
    b: np_batch_norm(x, w, b, np.zeros(2), np.full(2, 2.0)), real(3, 2, 4), real(2), real(2))
row(batch_norm.FixedBatchNormBackward, lambda g, x, w:
    batch_norm.FixedBatchNormBackward.apply(g, x, w, *(v.astype(x._data.dtype) for v in FIXED), 1e-5, True),
    np_fixed_batch_norm_backward, real(3, 2, 4), real(3, 2, 4), real(2))
row(normalization.GroupNorm, lambda x, w, b: normalization.group_norm(x, 2, w, b),
    lambda x, w, b: np_standardised(x.reshape(2, 2, -1), 2).reshape(x.shape) * w[:, None] + b[:, None],
    real(2, 4, 3), real(4), real(4))
row(normalization.LayerNorm, lambda x, w, b: normalization.layer_norm(x, (2, 3), w, b),
    lambda x, w, b: np_standardised(x, (1, 2)) * w + b, real(4, 2, 3), real(2, 3), real(2, 3))
row(normalization.RmsNorm, lambda x, w: normalization.rms_norm(x, (3,), w, 1e-5), lambda x, w: np_rms_norm(x) * w,
    real(4, 3), real(3))
row(normalization.RmsNormOfHalves, lambda x: normalization.RmsNormOfHalves.apply(x, None, (-1,), 1e-5), np_rms_norm,
    real(4, 3))
row(normalization.RmsNormBackward, lambda g, x: normalization.RmsNormBackward.apply(g, x, (1,), 1e-5),
    np_rms_norm_backward, real(4, 3), real(4, 3))
row(loss.CrossEntropy, F.cross_entropy, np_cross_entropy, real(4, 3), below(3)(4))
row(loss.CrossEntropy2d, F.cross_entropy, np_cross_entropy, real(2, 3, 2, 2), below(3)(2, 2, 2))
row(loss.CrossEntropyNd, lambda x, t: F.cross_entropy(x, t, reduction="none"), np_cross_entropies, real(2, 3, 2),
    below(3)(2, 2))
row(loss.CrossEntropyGrad, cross_entropy_grad, np_cross_entropy_grad, real(4, 3), real(4), below(3)(4))
row(loss.SoftCrossEntropy, F.cross_entropy, lambda x, q: -(q * np.log(softmax(x, 1))).sum(1).mean(), real(4, 3),
    probability(4, 3))
row(loss.UnaveragedSoftCrossEntropy, lambda x, q: F.cross_entropy(x, q, reduction="sum"), lambda x,
    q: -(q * np.log(softmax(x, 1))).sum(), real(4, 3), probability(4, 3))
row(loss.SmoothedCrossEntropy, lambda x, t: F.cross_entropy(x, t, label_smoothing=0.3), lambda x,
    t: 0.7 * np_cross_entropy(x, t) - 0.3 * np.log(softmax(x, 1)).mean(), real(4, 3), below(3)(4))
row(loss.SoftCrossEntropyGrad, soft_cross_entropy_grad, lambda x, g,
    q: g[:, None] * (softmax(x, 1) * q.sum(1, keepdims=True) - q), real(4, 3), real(4), probability(4, 3))
row(loss.NllLoss, F.nll_loss, lambda x, t: -x[np.arange(4), t].mean(), real(4, 3), below(3)(4))
row(loss.NllLoss2d, lambda x, t: F.nll_loss(x, t, reduction="sum"), lambda x,
    t: -np.take_along_axis(x, t[:, None], 1).sum(), real(2, 3, 2, 2), below(3)(2, 2, 2))
row(loss.NllLossNd, lambda x, t: F.nll_loss(x, t, reduction="none"), lambda x,
    t: -np.take_along_axis(x, t[:, None], 1)[:, 0], real(2, 3, 2), below(3)(2, 2))
row(loss.NllLossGrad, lambda g, t: loss.NllLossGrad.apply(g, t, 1, (4, 3), False), lambda g,
    t: -g[:, None] * np.eye(3)[t], real(4), below(3)(4))
row(loss.MseLoss, F.mse_loss, lambda a, b: ((a - b) ** 2).mean(), real(2, 3), real(2, 3))
row(loss.MseLoss, lambda a, b: F.mse_loss(a, b, reduction="none"), lambda a, b: (a - b) ** 2, real(2, 3), real(2, 3))
row(loss.HuberLoss, lambda a, b: F.huber_loss(a, b, delta=0.7), lambda a, b: np_huber(a, b, 0.7), real(2, 3),
    real(2, 3))
row(loss.SmoothL1Loss, lambda a, b: F.smooth_l1_loss(a, b, beta=0.7), lambda a, b: np_huber(a, b, 0.7) / 0.7,
    real(2, 3), real(2, 3))
row(loss.BinaryCrossEntropy, F.binary_cross_entropy, lambda x, t: -(t * np.log(x) + (1 - t) * np.log(1 - x)).mean(),
    probability(2, 3), probability(2, 3))
row(loss.BinaryCrossEntropyWithLogits, F.binary_cross_entropy_with_logits, lambda x,
    t: -(t * np.log(sigmoid(x)) + (1 - t) * np.log(sigmoid(-x))).mean(), real(2, 3), probability(2, 3))

row(sorting.Sort, lambda a: a.sort(0, descending=True), lambda a: tuple(p.T[::-1] for p in np_sort(a.T)),
    distinct(3, 2))
row(sorting.Sort, lambda a: a.sort(), lambda a: (a, np.array(0)), distinct(), result=same)
row(sorting.Topk, lambda a: a.topk(2, 0), lambda a: tuple(p.T[:0:-1] for p in np_sort(a.T)), distinct(3, 2),
    result=numbers)

# -- statistics ----------------------------------------------------------------------------------------------------

row(statistics.Nansum, lambda a: torch.log(a).nansum(), lambda a: np.nansum(np.log(np.where(a > 0, a, np.nan))),
    nonzero(2, 3))
row(statistics.Nansum, lambda a: a.nansum(1, keepdim=True), lambda a: a.sum(1, keepdims=True), real(2, 3))
row(statistics.Aminmax, torch.aminmax, lambda a: (a.min(), a.max()), distinct(2, 3), result=same)
row(statistics.Aminmax, lambda a: a.aminmax(dim=1), lambda a: (a.min(1), a.max(1)), distinct(2, 3), result=same)
row(reduction.LogCumSumExp, lambda a: a.logcumsumexp(1), lambda a: np.log(np.exp(a).cumsum(1)), real(2, 4))
row(reduction.LogCumSumExp, lambda a: a.logcumsumexp(0), lambda a: a, real())

# -- special -------------------------------------------------------------------------------------------------------


def np_polygamma(n):
    """By its definition as a series; the tail beyond m terms is integrated."""

    def polygamma(x, m=40000):
        k = x[..., None] + np.arange(m)
        tail = (x + m - 0.5) ** -n / n
        return (-1) ** (n + 1) * math.factorial(n) * ((k ** -(n + 1.0)).sum(-1) + tail)

    return polygamma


def np_digamma(x, m=40000):
    k = np.arange(m)
    series = (1 / (k + 1) - 1 / (k + x[..., None])).sum(-1) + np.log((m + x - 0.5) / (m + 0.5))
    return series - 0.57721566490153286


lgamma = np.vectorize(math.lgamma, otypes=[float])
row(special.Erfc, torch.erfc, np.vectorize(math.erfc, otypes=[float]), real, result=to_float)
row(special.Erfinv, lambda a: torch.erfinv(torch.erf(a)), lambda a: a, unit, result=to_float)
row(special.Lgamma, torch.lgamma, lgamma, positive, result=to_float)
row(special.Digamma, torch.digamma, np_digamma, positive(2, 3), result=to_float)
row(special.Polygamma, lambda a: torch.polygamma(1, a), np_polygamma(1), positive(2, 3), result=to_float)
row(special.Polygamma, lambda a: torch.polygamma(2, a), np_polygamma(2), positive(2, 3), result=to_float)
row(special.Sinc, torch.sinc, np.sinc, nonzero, result=to_float)
row(special.Deg2Rad, torch.deg2rad, np.deg2rad, real, result=to_float)
row(special.Rad2Deg, torch.rad2deg, np.rad2deg, real, result=to_float)
row(special.Sgn, torch.sgn, np.sign, nonzero, result=same)
row(special.Copysign, torch.copysign, np.copysign, nonzero, nonzero, result=to_float)
row(special.CopysignScalar, lambda a: a.copysign(-1), lambda a: -np.abs(a), nonzero, result=to_float)
row(special.Heaviside, torch.heaviside, np.heaviside, nonzero, real, result=same, orders=0)
row(special.Nextafter, torch.nextafter, lambda a, b: a, nonzero, real)
row(special.LogAddExp2, torch.logaddexp2, np.logaddexp2, real, real)
row(special.Ldexp, torch.ldexp, lambda a, b: a * 2**b, real, real, result=to_float)
row(special.Frexp, torch.frexp, np.frexp, thirds)
row(special.ClampMin, lambda a: a.clamp_min(0), lambda a: np.maximum(a, 0), nonzero, result=numbers)
row(special.ClampMax, lambda a: a.clamp_max(0), lambda a: np.minimum(a, 0), nonzero, result=numbers)
row(special.ClampMinTensor, torch.clamp_min, np.maximum, real, real, result=same)
row(special.ClampMaxTensor, torch.clamp_max, np.minimum, real, real, result=same)

# -- scattering ----------------------------------------------------------------------------------------------------


def np_windows_1d(a):
    """Windows of 2, one apart, along dimension 1."""
    return sliding_window_view(a, 2, 1)


row(scattering.IndexAdd, lambda a, i, s: a.index_add(1, i, s, alpha=2),
    np_written(lambda a, i, s: np.add.at(a, (slice(None), i), 2 * s)), real(2, 3), below(3)(4), real(2, 4),
    result=numbers)
row(scattering.IndexAdd, lambda a, i, s: a.index_add(0, i, s), lambda a, i, s: a + s, real(), below(1)(), real(),
    result=same)
row(scattering.IndexCopy, lambda a, s: a.index_copy(0, torch.tensor([2, 0]), s),
    np_written(lambda a, s: a.__setitem__([2, 0], s)), real(3, 2), real(2, 2), result=same)
row(scattering.IndexFill, lambda a, i: a.index_fill(1, i, 2),
    np_written(lambda a, i: a.__setitem__((slice(None), i), 2)), real(2, 3), below(3)(2), result=numbers)
row(scattering.IndexFillTensor, lambda a, i, v: a.index_fill(0, i, v), np_written(lambda a, i, v: a.__setitem__(i, v)),
    real(3, 2), below(3)(4), real(), result=same)
row(scattering.Take, torch.take, lambda a, i: a.reshape(-1)[i], real(2, 3), below(6)(2, 4), result=same)
row(scattering.Put, lambda a, s: a.put(torch.tensor([4, 0]), s), np_written(lambda a, s: np.put(a, [4, 0], s)),
    real(2, 3), real(2), result=same)
row(scattering.Put, lambda a, i, s: a.put(i, s, accumulate=True),
    np_written(lambda a, i, s: np.add.at(a.reshape(-1), i, s)), real(2, 3), below(6)(4), real(4), result=same)
row(scattering.MaskedScatter, torch.masked_scatter, np_written(lambda a, m, s: a.__setitem__(m, s[: m.sum()])),
    real(2, 3), mask(2, 3), real(6), result=same)
row(scattering.Unfold, lambda a: a.unfold(1, 2, 1), np_windows_1d, real(2, 4), result=same)
row(scattering.Unfold, lambda a: a.unfold(0, 1, 1), lambda a: a.reshape(1), real(), result=same)
row(scattering.Fold, lambda g: scattering.Fold.apply(g, (2, 4), 1, 2, 1), adjoint(np_windows_1d, (2, 4)), real(2, 3, 2))
row(scattering.ScatterReduce, lambda a, s: a.scatter_reduce(0, torch.tensor([1, 0, 1]), s, "prod"),
    lambda a, s: np.array([a[0] * s[1], a[1] * s[0] * s[2]]), nonzero(2), nonzero(3), result=same)
row(scattering.ScatterReduce, lambda a, s: a.scatter_reduce(0, torch.tensor([1, 0, 1]), s, "amax"),
    lambda a, s: np.array([max(a[0], s[1]), max(a[1], s[0], s[2])]), real(2), real(3), result=same)
row(scattering.ScatterReduce, lambda a, s: a.scatter_reduce(0, torch.tensor([1, 1]), s, "amin", include_self=False),
    lambda a, s: np.array([a[0], min(s[0], s[1])]), real(2), real(3), result=same)

# -- matrix, once more ---------------------------------------------------------------------------------------------

row(matrix.DiagEmbed, torch.diagflat, np.diagflat, real(2, 2), result=same)
row(matrix.DiagEmbed, lambda a: a.diag_embed(1, 0, 2), lambda a: np.stack([np.diag(r, 1) for r in a], 1), real(2, 3))
row(matrix.Cross, lambda a, b: torch.cross(a, b, dim=0), lambda a, b: np.cross(a, b, axis=0), real(3, 2), real(3, 1))
row(matrix.Addmv, lambda c, a, b: c.addmv(a, b, beta=2, alpha=3), lambda c, a, b: 2 * c + 3 * a @ b, real(2),
    real(2, 3), real(3))
row(matrix.Solve, torch.linalg.solve, np.linalg.solve, regular(3, 3), real(2, 3, 2), result=no_halves)
row(matrix.Det, lambda a: torch.linalg.det(a * torch.tensor([[0], [1], [1]])), lambda a: np.zeros(()), real(3, 3),
    result=no_halves)
