"""Sums and means that skip NaN, ranges, quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn import dtypes, return_types
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.ops._common import (
    accumulator,
    canonical_dim,
    canonical_dims,
    numpy_names,
    require_tensor,
    restore_dims,
)


class Nansum(Operator):
    """sum of the a that are not NaN;  da = g, spread over these"""

    options = 2

    def forward(ctx, a, dims, keepdim):
        missing = np.isnan(a)
        ctx.save_for_backward(missing)
        ctx.dims, ctx.keepdim = dims, keepdim
        kept = np.where(missing, a.dtype.type(0), a)
        return np.add.reduce(kept, axis=dims, keepdims=keepdim, dtype=accumulator(a)).astype(a.dtype, copy=False)

    def backward(ctx, g):
        (missing,) = ctx.saved_tensors
        return restore_dims(g, missing.shape, ctx.dims, ctx.keepdim).expand(missing.shape).masked_fill(missing, 0)


class Aminmax(Operator):
    """the smallest and the largest element;  equal ones share the gradient"""

    options = 2

    def forward(ctx, a, dims, keepdim):
        low, high = (f.reduce(a, axis=dims, keepdims=keepdim) for f in (np.minimum, np.maximum))
        ctx.save_for_backward(a, low, high)
        ctx.dims, ctx.keepdim = dims, keepdim
        return low, high

    def backward(ctx, *grads):
        a, *extremes = ctx.saved_tensors
        total = 0
        for g, y in zip(grads, extremes):
            g, y = (restore_dims(t, a.shape, ctx.dims, ctx.keepdim) for t in (g, y))
            hits = (a == y).to(a.dtype)
            total = g * (hits / hits.sum(ctx.dims, keepdim=True)) + total
        return total


# -- functions and methods ---------------------------------------------------------------------------------------


@numpy_names
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Any:
    """The sum over ``dim`` of what is not NaN; integers add up in int64.

    >>> import minitorch_bn as torch
    >>> torch.nansum(torch.tensor([1.0, torch.nan, 2.0]))
    tensor(3.)
    """
    require_tensor("nansum", input)
    if input.dtype.category < 2:
        return input.sum(dim, keepdim, dtype=dtype)
    total = Nansum.apply(input, canonical_dims(dim, input._data.ndim), keepdim)
    return total if dtype is None else Nansum.apply(input.to(dtype), canonical_dims(dim, input._data.ndim), keepdim)


@numpy_names
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Any:
    """The mean over ``dim`` of what is not NaN.

    >>> import minitorch_bn as torch
    >>> torch.nanmean(torch.tensor([1.0, torch.nan, 3.0]))
    tensor(2.)
    """
    require_tensor("nanmean", input)
    if input.dtype.category < 2:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype.legacy_name}"
        )
    count = (~input.detach().isnan()).sum(dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / count


@numpy_names
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """(min, max) of all elements or along ``dim``; equal ones share the gradient.

    >>> import minitorch_bn as torch
    >>> torch.aminmax(torch.tensor([1, -3, 5]))
    torch.return_types.aminmax(
    min=tensor(-3),
    max=tensor(5))
    """
    require_tensor("aminmax", input)
    if dim is None and not input._data.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    dims = canonical_dims(dim, input._data.ndim)
    if dim is not None and dims and not input._data.shape[dims[0]]:
        raise IndexError(f"aminmax: Expected reduction dim {dims[0]} to have non-zero size.")
    return return_types.aminmax(Aminmax.apply(input, dims, keepdim))


@numpy_names
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The q-quantiles (q in [0, 1], a number or 1-d tensor) of all elements or along ``dim``; NaN if there is a NaN.

    ``interpolation`` between neighbours is "linear", "lower", "higher", "midpoint" or "nearest". Several q come first
    in the shape.

    >>> import minitorch_bn as torch
    >>> torch.quantile(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0.0, 0.75]))
    tensor([1., 3.])
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, skip_nan=False)


@numpy_names
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The q-quantiles of what is not NaN.

    >>> import minitorch_bn as torch
    >>> torch.nanquantile(torch.tensor([1.0, torch.nan, 3.0]), 0.5)
    tensor(2.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, skip_nan=True)


def _quantile(name: str, input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool) -> Any:
    require_tensor(name, input)
    q = _checked_q(name, input, q, interpolation)
    ndim = input._data.ndim
    d = 0 if dim is None else canonical_dim(dim, ndim)
    a = input.reshape(-1) if dim is None or not ndim else input.movedim(d, 0)  # (n, ...)
    ordered = a.sort(0)[0]
    n, missing = a._data.shape[0], np.isnan(ordered._data).sum(0)
    kind = input._data.dtype
    last = np.maximum(n - 1 - missing if skip_nan else np.full_like(missing, n - 1), 0).astype(kind)
    # (k, ...): where among the ordered elements each quantile lies
    places = q.reshape((-1, *(1,) * missing.ndim)) * wrap(np.asarray(last))
    if not skip_nan:
        places = places.masked_fill(wrap(np.asarray(missing > 0)), n - 1)  # NaNs are the last ones
    result = _interpolated(ordered, places, interpolation)
    if keepdim:
        shape = tuple(1 if dim is None or i == d else n for i, n in enumerate(input._data.shape))
        result = result.reshape((places.shape[0], *shape))
    return result if q._data.ndim else result.squeeze(0)


def _checked_q(name: str, input: Any, q: Any, interpolation: str) -> Any:
    """q as a tensor of the input's dtype."""
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if not isinstance(q, Variable):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
        q = wrap(np.asarray(q, input._data.dtype))
    if not input._data.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if q._data.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if input._data.dtype not in (np.float32, np.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if q._data.dtype != input._data.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if not ((q._data >= 0) & (q._data <= 1)).all():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _interpolated(ordered: Any, places: Any, interpolation: str) -> Any:
    """Elements at fractional places along the first dimension."""
    rounding = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}.get(interpolation)
    if rounding is not None:
        return ordered.gather(0, wrap(rounding(places._data).astype(np.int64)))
    below = wrap(np.floor(places._data))
    low = ordered.gather(0, below.long())
    high = ordered.gather(0, wrap(np.ceil(places._data).astype(np.int64)))
    return low.lerp(high, 0.5 if interpolation == "midpoint" else places - below)
