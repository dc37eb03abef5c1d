"""Order: sorting, the k largest, medians, running extremes, and which values there are at all.

NaN counts as larger than every number, as in PyTorch. Of equal values ``sort``, ``argsort`` and ``topk`` keep the
order of the input; ``kthvalue`` and ``median`` name the first of them (PyTorch leaves open which).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn import return_types
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.kernels import ties
from minitorch_bn.ops._common import (
    canonical_dim,
    invalid_arguments,
    not_implemented,
    numpy_names,
    require_tensor,
)


class Sort(Operator):
    """a[order] along a dimension, and the order;  da = g put back to where its values came from"""

    options = 3

    def forward(ctx, a, find, dim, keepdim):
        order = find(a, dim) if a.ndim else np.zeros((), np.int64)
        values = np.take_along_axis(a, order, dim) if a.ndim else a.copy()
        ctx.shape, ctx.dim = a.shape, dim
        ctx.squeezed = bool(a.ndim) and not keepdim
        if ctx.squeezed:
            values, order = values.squeeze(dim), order.squeeze(dim)
        ctx.save_for_backward(order)  # as it is given out: backward notices a change
        return values, order

    def backward(ctx, g, _):
        (order,) = ctx.saved_tensors
        if ctx.squeezed:
            g, order = g.unsqueeze(ctx.dim), order.unsqueeze(ctx.dim)
        return ctx.put_back(g.new_zeros(ctx.shape), order, g)

    def put_back(ctx, zeros, order, g):
        return zeros.scatter(ctx.dim, order, g)


class SortStable(Sort, name="SortBackward1"):
    """sort with ``stable`` given"""

    __slots__ = ()


class Topk(Sort):
    """the k largest or smallest along a dimension"""

    __slots__ = ()


class Kthvalue(Sort):
    """the k-th smallest along a dimension"""

    __slots__ = ()


class MedianDim(Sort, name="MedianBackward1"):
    """the middle one along a dimension"""

    __slots__ = ()


class NanmedianDim(Sort, name="NanmedianBackward1"):
    """the middle one of those that are not NaN, along a dimension"""

    __slots__ = ()


class Mode(Sort):
    """the most frequent one along a dimension"""

    __slots__ = ()


class Cummax(Sort):
    """the largest so far along a dimension, and where it stands;  da = g added up where it stands"""

    __slots__ = ()

    def put_back(ctx, zeros, order, g):
        return zeros.scatter_add(ctx.dim, order, g)


class Cummin(Cummax):
    """the smallest so far along a dimension, and where it stands"""

    __slots__ = ()


class Median(Operator):
    """the middle one of all;  the gradient is shared evenly among those that equal it"""

    options = 1

    def forward(ctx, a, count):
        """``count(sorted)``: how many of the sorted elements there are to choose from, 0 for a result of NaN."""
        ordered = np.sort(_sortable(a.reshape(-1)))
        n = count(ordered)
        y = np.asarray(ordered[(n - 1) // 2] if n else np.nan).astype(a.dtype)
        ctx.save_for_backward(a, y)
        return y

    def backward(ctx, g):
        a, y = ctx.saved_tensors
        hits = ((a == y) | (a.isnan() & y.isnan())).to(a.dtype)
        return g * hits / hits.sum()


class Nanmedian(Median):
    """the middle one of those that are not NaN"""

    __slots__ = ()


class Unique(Operator, name="Unique2Backward0"):
    """the different values in ascending order; PyTorch refuses to differentiate it"""

    options = 3
    refuses = "_unique2"

    def forward(ctx, a, rows, order, first):
        """``rows``: the dimension whose slices are compared, None for elements; ``first``: which begin a new value."""
        if rows is None:
            return a.reshape(-1)[order[first]]
        return np.take(a, order[first], axis=rows)

    def backward(ctx, g):
        raise NotImplementedError(f"the derivative for '{ctx.refuses}' is not implemented.")


class UniqueDim(Unique):
    """the different slices along a dimension, in lexicographic order"""

    refuses = "unique_dim"


class UniqueConsecutive(Unique):
    """the values without immediate repetitions"""

    refuses = "unique_consecutive"


# -- orders: functions (array, dim) -> indices along dim -----------------------------------------------------------


def _sortable(a: np.ndarray) -> np.ndarray:
    """bfloat16 as float32, whose NaNs numpy knows to be last."""
    return a.astype(np.float32) if a.dtype.kind == "V" else a


def _ascending(a: np.ndarray, dim: int) -> np.ndarray:
    return np.argsort(_sortable(a), axis=dim, kind="stable")


def _descending(a: np.ndarray, dim: int) -> np.ndarray:
    # read from the end, so that equal elements keep their order
    return a.shape[dim] - 1 - np.flip(_ascending(np.flip(a, dim), dim), dim)


def _at(a: np.ndarray, dim: int, places: Any) -> np.ndarray:
    """The indices that stand in these places (an int, a slice, or one for each line) of the ascending order."""
    order = _ascending(a, dim)
    return np.take_along_axis(order, places, dim) if isinstance(places, np.ndarray) else _along(order, dim, places)


def _along(a: np.ndarray, dim: int, part: Any) -> np.ndarray:
    return a[(slice(None),) * dim + (part,)]


def _middle(a: np.ndarray, dim: int, skip_nan: bool) -> np.ndarray:
    """The median's index; a NaN, where there is one, is the median unless NaNs are skipped."""
    n, missing = a.shape[dim], np.isnan(a).sum(dim, keepdims=True)
    if skip_nan:
        return _at(a, dim, np.maximum(n - missing - 1, 0) // 2)
    return _at(a, dim, np.where(missing > 0, n - missing, (n - 1) // 2))


def _best(a: np.ndarray, dim: int, k: int, largest: bool, ordered: bool) -> np.ndarray:
    order = (_descending if largest else _ascending)(a, dim)
    values = np.take_along_axis(_sortable(a), _along(order, dim, slice(k + 1)), dim)
    tied = _equal(_along(values, dim, slice(1, None)), _along(values, dim, slice(-1))).any(dim)
    return _settled(
        a, dim, _along(order, dim, slice(k)), tied | (k > 0 and not ordered),
        lambda line, _: ties.smallest(ties.ranks(line, largest), k, ordered),
    )  # fmt: skip


def _kth(a: np.ndarray, dim: int, k: int) -> np.ndarray:
    found = _at(a, dim, slice(k - 1, k))
    tied = _equal(a, np.take_along_axis(a, found, dim)).sum(dim) > 1
    return _settled(a, dim, found, tied, lambda line, _: ties.kth(ties.ranks(line), k - 1))


def _equal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a == b) | ((a != a) & (b != b))


def _settled(a: np.ndarray, dim: int, found: np.ndarray, tied: Any, choose: Any) -> np.ndarray:
    """The indices found, chosen anew in the lines along ``dim`` that have ties."""
    if not tied.any() or a.shape[dim] > ties.LIMIT:
        return found
    found = found.copy()
    lines, out = np.moveaxis(_sortable(a), dim, -1), np.moveaxis(found, dim, -1)
    for place in map(tuple, np.argwhere(tied)):
        out[place] = choose(lines[place], out[place])
    return found


def _most_frequent(a: np.ndarray, dim: int) -> np.ndarray:
    """The last index of the value that occurs most often, the smallest of these values if there are several."""
    order = _ascending(a, dim)
    ordered = np.take_along_axis(_sortable(a), order, dim)
    places = np.arange(a.shape[dim]).reshape([-1 if d == dim else 1 for d in range(a.ndim)])
    first = np.ones(a.shape, bool)  # of a run of equal values
    _along(first, dim, slice(1, None))[...] = _along(ordered, dim, slice(1, None)) != _along(ordered, dim, slice(-1))
    lengths = places - np.maximum.accumulate(np.where(first, places, 0), dim)  # of the run so far
    found = np.take_along_axis(order, np.argmax(lengths, dim, keepdims=True), dim)
    tied = (a == np.take_along_axis(a, found, dim)).sum(dim) > 1
    return _settled(a, dim, found, tied | np.isnan(_sortable(a)).any(dim), _last_of_run)


def _last_of_run(line: np.ndarray, place: np.ndarray) -> int:
    if np.isnan(line).any():
        return _last_of_run_among_nans(line.astype(np.float64).tolist())
    key = ties.ranks(line)
    return [i for i in ties.ascending(key) if key[i] == key[int(place[0])]][-1]


def _last_of_run_among_nans(key: list[float]) -> int:
    """As the C++ behind PyTorch has it: NaNs are all different, and leave equal numbers apart when they are sorted."""
    found, longest, length = 0, 0, 0
    line = ties.ascending_by_less(key)
    for i, j in zip(line, [*line[1:], None]):
        length += 1
        if j is None or key[i] != key[j]:
            if length > longest:
                found, longest = i, length
            length = 0
    return found


def _running(extreme: np.ufunc) -> Any:
    def find(a: np.ndarray, dim: int) -> np.ndarray:
        best = extreme.accumulate(a, axis=dim)  # a NaN stays
        hits = (a == best) | (np.isnan(a) & np.isnan(best))
        places = np.arange(a.shape[dim]).reshape([-1 if d == dim else 1 for d in range(a.ndim)])
        return np.maximum.accumulate(np.where(hits, places, 0), axis=dim)  # the last of equals

    return find


_so_far_largest, _so_far_smallest = _running(np.maximum), _running(np.minimum)


# -- functions and methods ---------------------------------------------------------------------------------------


@numpy_names
def sort(input: Any, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Any:
    """(values, indices) in ascending order along ``dim``; equal elements keep their order, NaN counts as the largest.

    >>> import minitorch_bn as torch
    >>> torch.sort(torch.tensor([3.0, 1.0, 2.0]))
    torch.return_types.sort(
    values=tensor([1., 2., 3.]),
    indices=tensor([1, 2, 0]))
    """
    require_tensor("sort", input)
    if isinstance(dim, bool):
        raise invalid_arguments("sort", input, dim, expected="(Tensor input, int dim = -1, bool descending = False)")
    operator = Sort if stable is None else SortStable
    order = _descending if descending else _ascending
    return return_types.sort(operator.apply(input, order, canonical_dim(dim, input._data.ndim), True))


@numpy_names
def argsort(input: Any, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    """The indices that sort along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.argsort(torch.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    require_tensor("argsort", input)
    d = canonical_dim(dim, input._data.ndim)
    if not input._data.ndim:
        return wrap(np.zeros((), np.int64))
    return wrap((_descending if descending else _ascending)(input._data, d))


def msort(input: Any) -> Any:
    """The values in ascending order along the first dimension.

    >>> import minitorch_bn as torch
    >>> torch.msort(torch.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    return sort(input, 0)[0]


@numpy_names
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the ``k`` largest (or smallest) along ``dim``, the best first.

    >>> import minitorch_bn as torch
    >>> torch.topk(torch.tensor([1.0, 5.0, 3.0]), 2).indices
    tensor([1, 2])
    """
    require_tensor("topk", input)
    d = canonical_dim(dim, input._data.ndim)
    if not 0 <= k <= (input._data.shape[d] if input._data.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if input._data.dtype.kind == "b":
        raise RuntimeError("topk does not support bool dtypes on CPU")
    return return_types.topk(Topk.apply(input, lambda a, dim: _best(a, dim, k, largest, sorted), d, True))


def _check_not_empty(name: str, input: Any, dim: int) -> None:
    if input._data.ndim and not input._data.shape[dim]:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")


def _check_no_bool(kernel: str, input: Any) -> None:
    if input._data.dtype.kind == "b":
        raise not_implemented(kernel, input.dtype)


@numpy_names
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the ``k``-th smallest along ``dim``, counted from 1.

    >>> import minitorch_bn as torch
    >>> torch.kthvalue(torch.tensor([3.0, 1.0, 2.0]), 2).values
    tensor(2.)
    """
    require_tensor("kthvalue", input)
    d = canonical_dim(dim, input._data.ndim)
    _check_not_empty("kthvalue", input, d)
    if not 1 <= k <= (input._data.shape[d] if input._data.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}")
    if input._data.ndim:
        _check_no_bool("kthvalue_cpu", input)
    return return_types.kthvalue(Kthvalue.apply(input, lambda a, dim: _kth(a, dim, k), d, keepdim))


@numpy_names
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element (the lower of two); with ``dim`` (values, indices) along it. NaN if there is a NaN.

    >>> import minitorch_bn as torch
    >>> torch.median(torch.tensor([4.0, 1.0, 3.0, 2.0]))
    tensor(2.)
    """
    require_tensor("median", input)
    if dim is None:
        _check_no_bool("median_cpu", input)
        return Median.apply(input, lambda a: 0 if a.size and np.isnan(a[-1]) else a.size)
    return return_types.median(_median_along(MedianDim, input, dim, keepdim, skip_nan=False))


@numpy_names
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element of those that are not NaN; with ``dim`` (values, indices) along it.

    >>> import minitorch_bn as torch
    >>> torch.nanmedian(torch.tensor([1.0, torch.nan, 3.0]))
    tensor(1.)
    """
    require_tensor("nanmedian", input)
    if dim is None:
        _check_no_bool("median_cpu", input)
        return Nanmedian.apply(input, lambda a: a.size - int(np.isnan(a).sum()))
    return return_types.nanmedian(_median_along(NanmedianDim, input, dim, keepdim, skip_nan=True))


def _median_along(operator: type[Sort], input: Any, dim: int, keepdim: bool, skip_nan: bool) -> Any:
    d = canonical_dim(dim, input._data.ndim)
    _check_not_empty("median", input, d)
    _check_no_bool("median_out", input)
    return operator.apply(input, lambda a, dim: _middle(a, dim, skip_nan), d, keepdim)


@numpy_names
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """(values, indices) of the most frequent value along ``dim`` (the smallest of several): where it stands last.

    >>> import minitorch_bn as torch
    >>> torch.mode(torch.tensor([1, 2, 2, 3])).values
    tensor(2)
    """
    require_tensor("mode", input)
    d = canonical_dim(dim, input._data.ndim)
    _check_not_empty("mode", input, d)
    return return_types.mode(Mode.apply(input, _most_frequent, d, keepdim))


@numpy_names
def cummax(input: Any, dim: int) -> Any:
    """(values, indices) of the largest element so far along ``dim``, the last of equals.

    >>> import minitorch_bn as torch
    >>> torch.cummax(torch.tensor([1, 3, 2, 3]), dim=0).indices
    tensor([0, 1, 1, 3])
    """
    require_tensor("cummax", input)
    return return_types.cummax(Cummax.apply(input, _so_far_largest, canonical_dim(dim, input._data.ndim), True))


@numpy_names
def cummin(input: Any, dim: int) -> Any:
    """(values, indices) of the smallest element so far along ``dim``, the last of equals.

    >>> import minitorch_bn as torch
    >>> torch.cummin(torch.tensor([3, 1, 2]), dim=0).values
    tensor([3, 1, 1])
    """
    require_tensor("cummin", input)
    return return_types.cummin(Cummin.apply(input, _so_far_smallest, canonical_dim(dim, input._data.ndim), True))


def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The different values in ascending order (with ``dim``: the different slices), each NaN on its own.

    ``return_inverse`` adds where each element went, ``return_counts`` how many there are of each.

    >>> import minitorch_bn as torch
    >>> torch.unique(torch.tensor([2, 3, 2]), return_counts=True)
    (tensor([2, 3]), tensor([2, 1]))
    """
    require_tensor("unique", input)
    if dim is None:
        keys = _sortable(input._data.reshape(1, -1))
        return _distinct(Unique, input, None, keys, np.argsort(keys[0], kind="stable"), return_inverse, return_counts)
    dim, keys = _slices("unique", input, dim)
    return _distinct(UniqueDim, input, dim, keys, np.lexsort(keys[::-1]), return_inverse, return_counts)


def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The values (with ``dim``: the slices) without immediate repetitions.

    >>> import minitorch_bn as torch
    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    require_tensor("unique_consecutive", input)
    keys = input._data.reshape(1, -1)
    if dim is not None:
        dim, keys = _slices("unique_consecutive", input, dim)
    return _distinct(UniqueConsecutive, input, dim, keys, np.arange(keys.shape[1]), return_inverse, return_counts)


def _slices(name: str, input: Any, dim: int) -> tuple[int, np.ndarray]:
    """The checked dimension, and a table with a column for each slice along it."""
    a = input._data
    if not a.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    d = canonical_dim(dim, a.ndim)
    if not a.size and (a.shape.count(0) > 1 or a.shape[d]):
        raise RuntimeError(f"There are 0 sized dimensions, and they aren't selected, so {name} cannot be applied")
    n = a.shape[d]
    return d, _sortable(np.moveaxis(a, d, -1).reshape(a.size // n if n else 1, n))  # (..., n, ...) -> (rest, n)


def _distinct(
    operator: type[Unique],
    input: Any,
    dim: int | None,
    keys: np.ndarray,
    order: np.ndarray,
    inverse: bool,
    counts: bool,
) -> Any:
    """Columns of ``keys``, taken in this order: the first of each run of equal ones, and what else is asked for."""
    ordered = keys[:, order]
    first = np.ones(order.shape, bool)
    first[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(0)
    results = [operator.apply(input, dim, order, first)]
    if inverse:
        where = np.empty(order.shape, np.int64)
        where[order] = np.cumsum(first) - 1
        results.append(wrap(where.reshape(input._data.shape) if dim is None else where))
    if counts:
        results.append(wrap(np.diff(np.append(np.flatnonzero(first), order.size))))
    return tuple(results) if len(results) > 1 else results[0]
