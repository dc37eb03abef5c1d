"""Counting: histograms, membership, and where values stand among sorted ones. Nothing here has a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn import return_types
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.kernels.ramps import linspace
from minitorch_bn.ops._common import (
    c_name,
    constant,
    invalid_arguments,
    is_number,
    not_implemented,
    promoted,
    require_tensor,
)


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of 0, 1, 2, ... occurs among whole numbers, or the sum of their weights.

    >>> import minitorch_bn as torch
    >>> torch.bincount(torch.tensor([1, 3, 1]))
    tensor([0, 2, 0, 1])
    """
    require_tensor("bincount", input)
    a = input._data
    if a.dtype.kind not in "iu":
        raise not_implemented("bincount_cpu", input.dtype)
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if a.ndim != 1 or (a.size and a.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return wrap(np.bincount(a, minlength=minlength))
    w = weights._data
    if w.shape != a.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    kind = np.dtype(np.float32) if w.dtype == np.float32 else np.dtype(np.float64)
    return wrap(np.bincount(a, w.astype(np.float64), minlength).astype(kind))


def _finite_range(function: str, a: np.ndarray, low: float, high: float) -> tuple:
    """The range to count in: that of the data where both ends are equal, and never of length 0."""
    if low == high and a.size:
        low, high = a.min(), a.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"{function} range of [{low:g}, {high:g}] is not finite")
    return low, high


def _count(a: np.ndarray, edges: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """How many elements (or how much weight) lie between neighbouring edges; the last interval includes its end."""
    bins = edges.size - 1
    inside = (a >= edges[0]) & (a <= edges[-1])
    places = np.searchsorted(edges, a[inside], "right") - 1
    places = np.minimum(places, bins - 1)
    return np.bincount(places, None if weight is None else weight[inside], bins).astype(a.dtype)


def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many elements lie in each of ``bins`` equal intervals from min to max (both 0: the range of the data).

    >>> import minitorch_bn as torch
    >>> torch.histc(torch.tensor([1.0, 2.0, 3.0]), bins=3, min=0, max=3)
    tensor([0., 1., 2.])
    """
    require_tensor("histc", input)
    a = input._data.reshape(-1)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    low, high = _finite_range("torch.histc:", a, min, max)
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    if a.dtype.kind in "iub":
        raise not_implemented("histogram_cpu", input.dtype)
    if low == high:
        low, high = low - 1, high + 1
    kind = a.dtype.type
    low, high = kind(low), kind(high)
    inside = a[(a >= low) & (a <= high)]
    places = ((inside - low) * kind(bins) / (high - low)).astype(
        np.int64
    )  # PyTorch's order: it shows in half precision
    return wrap(np.bincount(np.minimum(places, bins - 1), minlength=bins).astype(a.dtype))


def histogram(input: Any, bins: Any = 100, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """(hist, bin_edges): counts between edges, which ``bins`` lists, or of which there are ``bins`` + 1 evenly spaced.

    ``weight`` is added up instead of counted; ``density`` divides so that the integral over the range is 1.

    >>> import minitorch_bn as torch
    >>> torch.histogram(torch.tensor([1.0, 2.0, 3.0]), bins=2).hist
    tensor([1., 2.])
    """
    require_tensor("histogram", input)
    a = input._data.reshape(-1)
    if a.dtype.kind in "iub" or a.dtype.itemsize == 2:
        raise not_implemented("histogramdd", input.dtype)
    w = None if weight is None else _checked_weight(input, weight)
    if isinstance(bins, Variable):
        if range is not None:
            raise invalid_arguments("histogram", input, bins, range, expected="(Tensor input, Tensor bins)")
        edges = _checked_edges(input, bins)
    else:
        if bins <= 0:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
        low, high = _edges_range(a, range)
        edges = linspace(low, high, bins + 1, a.dtype)
    hist = _count(a, edges, w) if edges.size > 1 else np.zeros(0, a.dtype)
    if density:
        hist = hist / (hist.sum() * np.diff(edges))
    return return_types.histogram((wrap(hist), wrap(edges)))


def _edges_range(a: np.ndarray, range: Any) -> tuple:
    if range is None:
        if not a.size:
            return 0.0, 1.0
        low, high = a.min(), a.max()
        if not np.isfinite(low) or not np.isfinite(high):
            raise RuntimeError(f"torch.histogramdd: dimension 0's range [{low:g}, {high:g}] is not finite")
    else:
        low, high = map(float, range)
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension 0"
            )
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _checked_weight(input: Any, weight: Any) -> np.ndarray:
    if weight._data.dtype != input._data.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same "
            f"dtype, but got input({c_name(input.dtype)}), and weight({c_name(weight.dtype)})"
        )
    if weight._data.shape != input._data.shape:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
            f"excluding its innermost dimension, but got input with shape {[*input._data.shape, 1]} and weight with "
            f"shape {list(weight._data.shape)}"
        )
    return weight._data.reshape(-1)


def _checked_edges(input: Any, bins: Any) -> np.ndarray:
    if bins._data.dtype != input._data.dtype:
        raise RuntimeError(
            "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
            f"{c_name(input.dtype)} and bins for dimension 0 with dtype {c_name(bins.dtype)}"
        )
    if bins._data.ndim != 1:
        raise RuntimeError(
            f"torch.histogramdd: bins tensor should have one dimension, but got {bins._data.ndim} dimensions in the "
            "bins tensor for dimension 0"
        )
    return bins._data.copy()


def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Any:
    """Where each element of ``input`` would go into the ascending last dimension of ``sorted_sequence``.

    Before equal elements, or with ``right`` (or ``side="right"``) after them. ``sorter``: the indices that sort.

    >>> import minitorch_bn as torch
    >>> torch.searchsorted(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 2.0, 9.0]))
    tensor([0, 1, 3])
    """
    require_tensor("searchsorted", sorted_sequence, "sorted_sequence")
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if right and side == "left":
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    bounds, a = promoted(sorted_sequence, input)
    bounds, a = bounds._data, a._data
    if sorter is not None:
        bounds = np.take_along_axis(bounds, _checked_sorter(sorted_sequence, sorter), -1)
    if not bounds.ndim:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if bounds.ndim != 1 and bounds.shape[:-1] != a.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(bounds.shape)} and input "
            f"value tensor {list(a.shape)}"
        )
    return wrap(_search(bounds, a, "right" if right else side or "left", np.int32 if out_int32 else np.int64))


def _checked_sorter(sequence: Any, sorter: Any) -> np.ndarray:
    if sorter._data.shape != sequence._data.shape:
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(sequence._data.shape)}and got sorter tensor {list(sorter._data.shape)}"
        )
    if sorter._data.dtype != np.int64:
        raise RuntimeError(
            f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {sorter.dtype.legacy_name}"
        )
    return sorter._data


def _search(bounds: np.ndarray, a: np.ndarray, side: Any, kind: type) -> np.ndarray:
    if bounds.ndim == 1:
        return np.asarray(np.searchsorted(bounds, a, side)).astype(kind)
    out: Any = np.empty(a.shape, kind)
    for row in np.ndindex(a.shape[:-1]):
        out[row] = np.searchsorted(bounds[row], a[row], side)
    return out


def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """Which of the intervals between ascending ``boundaries`` each element lies in.

    >>> import minitorch_bn as torch
    >>> torch.bucketize(torch.tensor([0.5, 2.5]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([0, 2])
    """
    if boundaries._data.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries._data.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each of ``elements`` is among ``test_elements``; either may be a number.

    >>> import minitorch_bn as torch
    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([1, 3]))
    tensor([ True, False,  True])
    """
    if is_number(elements):
        elements = constant(elements, test_elements.dtype)
    a, b = promoted(elements, test_elements)
    if a._data.dtype.kind == "b":
        raise RuntimeError(f"Unsupported input type encountered for isin(): {a.dtype.legacy_name}")
    return wrap(np.isin(a._data, b._data, invert=invert))
