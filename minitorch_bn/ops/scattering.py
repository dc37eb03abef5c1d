"""Reading and writing in places that an index names: along a dimension, in the flattened tensor, under a mask.

Reading and writing are each other's adjoints, so every rule here is a call of its opposite.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.ops._common import (
    accumulator,
    canonical_dim,
    constant,
    fill_value,
    invalid_arguments,
    is_number,
    not_implemented,
    numpy_names,
    require_tensor,
)
from minitorch_bn.size import broadcast_shapes


class IndexAdd(Operator):
    """a with alpha source added at index along a dimension;  da = g,  dsource = alpha g[index]"""

    options = 2

    def forward(ctx, a, index, source, dim, alpha):
        ctx.save_for_backward(index)
        ctx.dim, ctx.alpha, ctx.shape = dim, alpha, source.shape
        out = a.copy()
        if alpha != 1:
            source = source * source.dtype.type(alpha)
        view, places = _lines(out, dim, index)
        np.add.at(view, places, np.atleast_1d(source))
        return out

    def backward(ctx, g):
        (index,) = ctx.saved_tensors
        if not ctx.needs_input_grad[2]:
            return g, None, None
        return g, None, _read(g, ctx.dim, index, ctx.shape) * ctx.alpha


class IndexCopy(Operator):
    """a with source written at index along a dimension;  da = g, 0 where written,  dsource = g[index]"""

    options = 1

    def forward(ctx, a, index, source, dim):
        ctx.save_for_backward(index)
        ctx.dim, ctx.shape = dim, source.shape
        out = a.copy()
        view, places = _lines(out, dim, index)
        view[places] = np.atleast_1d(source)
        return out

    def backward(ctx, g):
        (index,) = ctx.saved_tensors
        dsource = _read(g, ctx.dim, index, ctx.shape) if ctx.needs_input_grad[2] else None
        return g.index_fill(ctx.dim, index, 0), None, dsource


class IndexFill(Operator):
    """a with a value written at index along a dimension;  da = g, 0 where written,  dvalue = the sum of g there"""

    options = 1

    def forward(ctx, a, index, value, dim):
        ctx.save_for_backward(index)
        ctx.dim = dim
        out = a.copy()
        view, places = _lines(out, dim, index)
        view[places] = value
        return out

    def backward(ctx, g):
        (index,) = ctx.saved_tensors
        named = wrap(np.zeros(g._data.shape, bool)).index_fill(ctx.dim, index, True)
        dvalue = g.masked_fill(~named, 0).sum() if ctx.needs_input_grad[2] else None
        return g.masked_fill(named, 0), None, dvalue


class IndexFillTensor(IndexFill, name="IndexFillBackward1"):
    """a with a zero-dim tensor written at index along a dimension"""

    __slots__ = ()


class Take(Operator):
    """elements of the flattened a;  da = zeros with g added in their places"""

    def forward(ctx, a, index):
        ctx.save_for_backward(index)
        ctx.shape = a.shape
        return a.reshape(-1)[index]

    def backward(ctx, g):
        (index,) = ctx.saved_tensors
        return Put.apply(g.new_zeros(ctx.shape), index, g, True), None


class Put(Operator):
    """a with source written or added in places of the flattened a;  da = g, 0 where overwritten,  dsource = g taken"""

    options = 1

    def forward(ctx, a, index, source, accumulate):
        ctx.save_for_backward(index)
        ctx.accumulate, ctx.shape = accumulate, source.shape
        out = a.copy()
        flat, places, values = out.reshape(-1), index.reshape(-1), source.reshape(-1)
        if accumulate:
            np.add.at(flat, places, values)
        else:
            flat[places] = values
        return out

    def backward(ctx, g):
        (index,) = ctx.saved_tensors
        dsource = Take.apply(g, index).reshape(ctx.shape) if ctx.needs_input_grad[2] else None
        if ctx.accumulate:
            return g, None, dsource
        return Put.apply(g, index, g.new_zeros(index._data.shape), False), None, dsource


class MaskedScatter(Operator):
    """a with the first elements of source where the mask is set;  da = g, 0 there,  dsource = g from there, then 0"""

    def forward(ctx, a, mask, source):
        ctx.save_for_backward(mask)
        ctx.shape, ctx.rest = source.shape, source.size - int(np.count_nonzero(mask))
        out = a.copy()
        out[mask] = source.reshape(-1)[: source.size - ctx.rest]
        return out

    def backward(ctx, g):
        (mask,) = ctx.saved_tensors
        dsource = None
        if ctx.needs_input_grad[2]:
            used = g.masked_select(mask)
            dsource = used.new_zeros(used._data.size + ctx.rest).index_copy(0, wrap(np.arange(used._data.size)), used)
            dsource = dsource.reshape(ctx.shape)
        return g.masked_fill(mask, 0), None, dsource


class Unfold(Operator):
    """windows of a dimension, a step apart, as a view with a new last dimension;  da = g added where it came from"""

    options = 3
    is_view = True

    def forward(ctx, a, dim, size, step):
        ctx.shape, ctx.window = a.shape, (dim, size, step)
        return _windows(a, dim, size, step)

    def backward(ctx, g):
        return Fold.apply(g, ctx.shape, *ctx.window)


class Fold(Operator, name="UnfoldBackward0"):
    """zeros of a shape with windows added in their places: the adjoint of Unfold"""

    options = 4

    def forward(ctx, a, shape, dim, size, step):
        ctx.window = (dim, size, step)
        out = np.zeros(shape, accumulator(a))
        windows = _windows(out, dim, size, step)
        for k in range(size):  # within one place of all windows, no element is met twice
            windows[..., k] += a[..., k]
        return out.astype(a.dtype, copy=False)

    def backward(ctx, g):
        return Unfold.apply(g, *ctx.window)


class ScatterReduce(Operator):
    """a and source, reduced by a product or an extreme at index along a dimension.

    An extreme's gradient is shared evenly among those that equal it; a factor's is the product of the others.
    """

    options = 3

    def forward(ctx, a, index, source, dim, reduce, include_self):
        ctx.dim, ctx.reduce, ctx.include_self = dim, reduce, include_self
        ufunc, neutral = _reductions(a.dtype)[reduce]
        out = np.atleast_1d(a.copy())
        grid = _grid(np.atleast_1d(index), dim)
        if not include_self:
            out[grid] = neutral
        used = np.atleast_1d(source)[tuple(slice(0, n) for n in grid[dim].shape)]
        ufunc.at(out, grid, used)
        y = out.reshape(a.shape)
        ctx.save_for_backward(a, index, source, y)
        return y

    def backward(ctx, g):
        a, index, source, y = ctx.saved_tensors
        dim, named = ctx.dim, tuple(slice(0, n) for n in index._data.shape)
        used, kept = source[named], a.new_ones(a._data.shape)
        if not ctx.include_self:
            kept = kept.scatter(dim, index, 0)
        if ctx.reduce == "prod":
            da, dused = _product_gradients(g, y, a, index, used, dim, kept)
        else:
            mine = (a == y).to(a.dtype) * kept
            theirs = (used == y.gather(dim, index)).to(a.dtype)
            share = g / mine.scatter_add(dim, index, theirs).clamp(min=1)
            da, dused = share * mine, share.gather(dim, index) * theirs
        dsource = dused.new_zeros(source._data.shape)
        dsource[named] = dused
        return da, None, dsource


def _product_gradients(g: Any, y: Any, a: Any, index: Any, used: Any, dim: int, kept: Any) -> tuple:
    """For each factor the product of the others: y / factor; for a zero the product of all but zeros, times the
    other zero if there is one (which makes the second derivative right).
    """
    zeros_a, zeros_used = (a == 0).to(a.dtype) * kept, (used == 0).to(a.dtype)
    zeros = zeros_a.scatter_add(dim, index, zeros_used)
    own, theirs = (a * kept + (1 - kept)).masked_fill(zeros_a != 0, 1), used.masked_fill(used == 0, 1)
    product = own.scatter_reduce(dim, index, theirs, "prod")  # of all that are not 0
    total = (a * zeros_a).scatter_add(dim, index, used * zeros_used)  # of the zeros: a number that is 0

    def others(factor: Any, is_zero: Any, rest: Any, zeros: Any, product: Any, total: Any, y: Any) -> Any:
        alone, paired = (is_zero != 0) & (zeros == 1), (is_zero != 0) & (zeros == 2)
        return product.where(alone, (product * (total - factor)).where(paired, y / rest))

    groups = (zeros, product, total, y)
    da = g * kept * others(a, zeros_a, own, *groups)
    return da, g.gather(dim, index) * others(used, zeros_used, theirs, *(t.gather(dim, index) for t in groups))


def _reductions(np_dtype: np.dtype) -> dict:
    """The ufunc of each reduction, and what changes nothing there."""
    if np_dtype.kind in "fV":
        low, high = -np.inf, np.inf
    elif np_dtype.kind == "b":
        low, high = False, True
    else:
        low, high = np.iinfo(np_dtype).min, np.iinfo(np_dtype).max
    return {"prod": (np.multiply, 1), "amax": (np.maximum, low), "amin": (np.minimum, high)}


def _grid(index: np.ndarray, dim: int) -> tuple:
    """An index tuple that pairs ``index`` along ``dim`` with the element's own place in every other dimension."""
    grid = list(np.ogrid[tuple(slice(0, n) for n in index.shape)])
    grid[dim] = index
    return tuple(grid)


def _lines(a: np.ndarray, dim: int, index: np.ndarray) -> tuple:
    """The array and an index tuple for slices along ``dim``; a zero-dim tensor counts as one of one element."""
    return a.reshape(-1) if not a.ndim else a, (slice(None),) * dim + (np.atleast_1d(index),)


def _read(g: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    return g.index_select(dim, index).reshape(shape)


def _windows(a: np.ndarray, dim: int, size: int, step: int) -> np.ndarray:
    if not a.ndim:
        return a.reshape(1)[:size]
    shape, strides = list(a.shape), list(a.strides)
    shape[dim], strides[dim] = (a.shape[dim] - size) // step + 1, a.strides[dim] * step
    return np.lib.stride_tricks.as_strided(a, [*shape, size], [*strides, a.strides[dim]])


# -- functions and methods ---------------------------------------------------------------------------------------


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """A copy with ``alpha * source`` added to the slices along ``dim`` that a 1-d index names.

    >>> import minitorch_bn as torch
    >>> torch.zeros(3).index_add(0, torch.tensor([0, 2, 0]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    return IndexAdd.apply(input, *index_add_arguments(input, dim, index, source, alpha))


def index_add_arguments(input: Any, dim: int, index: Any, source: Any, alpha: Any) -> tuple:
    """(index, source, dim, alpha), checked."""
    require_tensor("index_add", index, "index", 2)
    require_tensor("index_add", source, "source", 3)
    a, i, s = input._data, index._data, source._data
    d = canonical_dim(dim, a.ndim)
    if i.ndim > 1:
        raise IndexError(
            f"index_add_(): Index is supposed to be a vector, but got dim: {i.ndim} with type: "
            f"{index.dtype.legacy_name} and size: {list(i.shape)}"
        )
    if i.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"index_add_(): Expected dtype int32/int64 for index but got: {index.dtype.legacy_name}")
    if s.dtype != a.dtype:
        raise RuntimeError(
            f"index_add_(): self ({input.dtype.legacy_name}) and source ({source.dtype.legacy_name}) must have the "
            "same scalar type"
        )
    if a.ndim and not s.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    count = s.shape[min(d, s.ndim - 1)] if s.ndim and a.ndim else i.size
    if count != i.size:
        raise RuntimeError(
            f"index_add_(): Number of indices ({i.size}) should be equal to source.size(dim): ({count}), for dim: {d}"
        )
    if a.shape[:d] + a.shape[d + 1 :] != s.shape[:d] + s.shape[d + 1 :] or s.ndim != a.ndim:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(a.shape)} source.shape = {list(s.shape)}"
        )
    _check_bounds(i, 0, a.shape[d] if a.ndim else 1, d, RuntimeError)
    return index, source, d, alpha if input.dtype.category == 2 else fill_value(int(alpha), input.dtype).item()


def _check_bounds(i: np.ndarray, low: int, size: int, dim: int, error: type[Exception], prefix: str = "") -> None:
    beyond = (i < low) | (i >= size)
    if beyond.any():
        raise error(f"{prefix}index {i[beyond][0]} is out of bounds for dimension {dim} with size {size}")


def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """A copy with ``source`` written over the slices along ``dim`` that a 1-d index names.

    >>> import minitorch_bn as torch
    >>> torch.index_copy(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    return IndexCopy.apply(input, *index_copy_arguments(input, dim, index, source))


def index_copy_arguments(input: Any, dim: int, index: Any, source: Any) -> tuple:
    """(index, source, dim), checked."""
    require_tensor("index_copy", index, "index", 2)
    require_tensor("index_copy", source, "source", 3)
    a, i, s = input._data, index._data, source._data
    d = canonical_dim(dim, a.ndim)
    if i.ndim > 1:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {i.ndim})")
    if s.ndim != a.ndim and s.ndim and a.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source "
            f"dimensionality ({s.ndim}), destination dimensionality ({a.ndim})"
        )
    if i.dtype != np.int64:
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {index.dtype.legacy_name}")
    if s.dtype != a.dtype:
        raise RuntimeError(
            f"index_copy_(): self and source expected to have the same dtype, but got (self) {input.dtype.legacy_name} "
            f"and (source) {source.dtype.legacy_name}"
        )
    mine, theirs = a.shape[:d] + a.shape[d + 1 :], s.shape[:d] + s.shape[d + 1 :]
    if mine != theirs:
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{' '.join(map(str, mine))} at dimension {d} and source slice shape: {' '.join(map(str, theirs))} at "
            "dimension 0."
        )
    count = s.shape[d] if s.ndim else 1
    if i.size != count:
        raise IndexError(f"index_copy_(): Number of indices ({i.size}) should be equal to source.size(dim) ({count})")
    _check_bounds(i, 0, a.shape[d] if a.ndim else 1, d, IndexError, "index_copy_(): ")
    return index, source, d


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """A copy with ``value`` (a number or zero-dim tensor) in the slices along ``dim`` that a 1-d index names.

    >>> import minitorch_bn as torch
    >>> torch.index_fill(torch.zeros(3), 0, torch.tensor([2, 0]), 5)
    tensor([5., 0., 5.])
    """
    operator, *arguments = index_fill_arguments(input, dim, index, value)
    return operator.apply(input, *arguments)


def index_fill_arguments(input: Any, dim: int, index: Any, value: Any) -> tuple:
    """The operator for this kind of value, then (index, value, dim), checked."""
    require_tensor("index_fill", index, "index", 2)
    d = canonical_dim(dim, input._data.ndim)
    if isinstance(value, Variable) and value._data.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._data.ndim} "
            "dimension(s)."
        )
    if index._data.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index._data.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    size = input._data.shape[d] if input._data.ndim else 1
    _check_bounds(index._data, -size, size, d, IndexError)
    if is_number(value):
        return IndexFill, index, constant(value, input.dtype), d
    return IndexFillTensor, index, value.to(input.dtype), d


def take(input: Any, index: Any) -> Any:
    """Elements of the flattened tensor, in the shape of ``index``.

    >>> import minitorch_bn as torch
    >>> torch.take(torch.tensor([[4, 3], [5, 6]]), torch.tensor([0, -1]))
    tensor([4, 6])
    """
    require_tensor("take", input)
    require_tensor("take", index, "index", 2)
    if index._data.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index.dtype.legacy_name}")
    if not input._data.size and index._data.size:
        raise IndexError("take(): tried to take from an empty tensor")
    _check_flat(index._data, input._data.size)
    return Take.apply(input, index)


def _check_flat(i: np.ndarray, n: int) -> None:
    beyond = (i < -n) | (i >= n)
    if beyond.any():
        raise IndexError(f"out of range: tried to access index {i[beyond][0]} on a tensor of {n} elements.")


def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """A copy with ``source`` written (or added) in places of the flattened tensor.

    >>> import minitorch_bn as torch
    >>> torch.put(torch.zeros(2, 2), torch.tensor([0, 3]), torch.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    return Put.apply(input, *put_arguments(input, index, source, accumulate))


def put_arguments(input: Any, index: Any, source: Any, accumulate: bool) -> tuple:
    """(index, source, accumulate), checked."""
    if index._data.dtype != np.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {index.dtype.legacy_name}")
    if source._data.dtype != input._data.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {input.dtype.legacy_name} "
            f"and source.dtype = {source.dtype.legacy_name}"
        )
    if source._data.size != index._data.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source._data.size}, index.numel() = {index._data.size}"
        )
    _check_flat(index._data, input._data.size)
    return index, source, accumulate


@numpy_names
def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """Elements picked along ``dim``, where the other dimensions broadcast; without ``dim``, of the flattened tensor.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([[3, 1, 2], [6, 5, 4]])
    >>> torch.take_along_dim(x, x.argsort(dim=1), dim=1)
    tensor([[1, 2, 3],
            [4, 5, 6]])
    """
    require_tensor("take_along_dim", input)
    require_tensor("take_along_dim", indices, "indices", 2)
    if dim is None:
        return input.reshape(-1).gather(0, indices.reshape(-1))
    a, i = input._data, indices._data
    if a.ndim != i.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{a.ndim} dimensions for input, and {i.ndim} dimensions for indices"
        )
    if i.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype.legacy_name}"
        )
    d = canonical_dim(dim, a.ndim)
    indices = indices.where(indices >= 0, indices + (a.shape[d] if a.ndim else 1))  # negative ones count from the end
    if not a.ndim:
        return input.gather(0, indices)
    one = broadcast_shapes((*a.shape[:d], 1, *a.shape[d + 1 :]), (*i.shape[:d], 1, *i.shape[d + 1 :]))
    source, places = ((*one[:d], n, *one[d + 1 :]) for n in (a.shape[d], i.shape[d]))
    return input.expand(source).gather(d, indices.expand(places))


def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """A copy with the elements of ``source``, one after the other, where the mask is set.

    >>> import minitorch_bn as torch
    >>> torch.masked_scatter(torch.zeros(3), torch.tensor([True, False, True]), torch.tensor([5.0, 6.0]))
    tensor([5., 0., 6.])
    """
    shape = broadcast_shapes(input._data.shape, mask._data.shape)
    a = input if input._data.shape == shape else input.expand(shape)
    return MaskedScatter.apply(a, *masked_scatter_arguments(a, mask, source))


def masked_scatter_arguments(input: Any, mask: Any, source: Any) -> tuple:
    """(mask, source), checked."""
    require_tensor("masked_scatter", mask, "mask", 2)
    require_tensor("masked_scatter", source, "source", 3)
    shape = broadcast_shapes(mask._data.shape, input._data.shape)
    if source._data.dtype != input._data.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got{input.dtype.legacy_name} and "
            f"{source.dtype.legacy_name}"
        )
    if mask._data.dtype.kind != "b":
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype.legacy_name}"
        )
    mask = mask if mask._data.shape == shape else mask.expand(shape)
    if source._data.size < np.count_nonzero(mask._data):
        raise RuntimeError("Number of elements of source < number of ones in mask")
    return mask, source


def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Every slice along ``dim`` (of the flattened tensor without it) repeated; ``repeats`` is a number or one for each.

    >>> import minitorch_bn as torch
    >>> torch.repeat_interleave(torch.tensor([1, 2, 3]), torch.tensor([1, 0, 2]))
    tensor([1, 3, 3])
    """
    require_tensor("repeat_interleave", input)
    if repeats is None:
        if input._data.ndim != 1:
            raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
        return wrap(_repeated_places(input, output_size))
    if dim is None:
        input, dim = input.reshape(-1), 0
    if isinstance(repeats, int):
        return _repeat_each(input, repeats, dim, output_size)
    if not isinstance(repeats, Variable):
        raise invalid_arguments(
            "repeat_interleave", input, repeats, expected="(Tensor input, Tensor or int repeats, int dim = None)"
        )
    d = canonical_dim(dim, input._data.ndim)
    if repeats._data.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    n = input._data.shape[d] if input._data.ndim else 1
    if repeats._data.size == 1:
        repeats = repeats.reshape(1).expand(n)
    if repeats._data.size != n:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {repeats._data.size} and "
            f"input.size({d}) = {n}"
        )
    return input.index_select(d, wrap(_repeated_places(repeats, output_size)))


def _repeated_places(repeats: Any, output_size: int | None) -> np.ndarray:
    times = repeats._data
    if times.dtype not in (np.int64, np.int32):
        raise not_implemented("repeat_interleave_cpu", repeats.dtype)
    if times.size and times.min() < 0:
        raise RuntimeError("repeats can not be negative")
    if output_size is not None and output_size != times.sum():
        raise RuntimeError("allocated size does not match required size")
    return np.repeat(np.arange(times.size).astype(times.dtype), times)


def _repeat_each(input: Any, times: int, dim: int, output_size: int | None) -> Any:
    canonical_dim(dim, input._data.ndim)
    d = canonical_dim(dim + 1 if dim >= 0 else dim, input._data.ndim + 1)  # a zero-dim tensor has none
    if times < 0:
        raise RuntimeError("Repeats must be non-negative")
    shape = input._data.shape
    if output_size is not None and output_size != times * shape[d - 1]:
        raise RuntimeError(
            f"repeat_interleave: Invalid output_size, expected {times * shape[d - 1]} but got {output_size}"
        )
    # (..., n, ...) -> (..., n, times, ...) -> (..., n times, ...)
    spread = input.unsqueeze(d).expand(*shape[:d], times, *shape[d:]).clone()
    return spread.reshape(*shape[: d - 1], shape[d - 1] * times, *shape[d:])


def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """Windows of ``size`` elements along a dimension, ``step`` apart, as a view with them in a new last dimension.

    >>> import minitorch_bn as torch
    >>> torch.arange(5).unfold(0, 3, 1)
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    require_tensor("unfold", input)
    d = canonical_dim(dimension, input._data.ndim)
    n = input._data.shape[d] if input._data.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return Unfold.apply(input, d, size, step)


def argwhere(input: Any) -> Any:
    """The positions of elements that are not 0, one row each.

    >>> import minitorch_bn as torch
    >>> torch.argwhere(torch.tensor([[1, 0], [0, 2]]))
    tensor([[0, 0],
            [1, 1]])
    """
    require_tensor("argwhere", input)
    return input.nonzero()


def _overwritten(input: Any, src: Any, part: Any) -> Any:
    """A copy of ``input`` with ``src`` in the place of the view that ``part`` takes of it."""
    out = input.clone()
    place = part(out)
    if place._data.shape != src._data.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src._data.shape)}, slice size = "
            f"{list(place._data.shape)}"
        )
    place.copy_(src)
    return out


def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """A copy with ``src`` in the place of the slice start:end:step along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.slice_scatter(torch.zeros(4), torch.tensor([1.0, 2.0]), 0, 1, 3)
    tensor([0., 1., 2., 0.])
    """
    d = canonical_dim(dim, input._data.ndim)
    return _overwritten(input, src, lambda out: out[(slice(None),) * d + (slice(start, end, step),)])


def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """A copy with ``src`` in the place of the slice at ``index`` along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.select_scatter(torch.zeros(2, 2), torch.tensor([1.0, 2.0]), 0, 1)
    tensor([[0., 0.],
            [1., 2.]])
    """
    return _overwritten(input, src, lambda out: out.select(dim, index))


def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A copy with ``src`` on the diagonal of two dimensions.

    >>> import minitorch_bn as torch
    >>> torch.diagonal_scatter(torch.zeros(2, 2), torch.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    return _overwritten(input, src, lambda out: out.diagonal(offset, dim1, dim2))


def scatter_reduce(input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """A copy with ``src`` reduced into the places that ``index`` names along ``dim``.

    ``reduce`` is "sum", "prod", "mean", "amax" or "amin"; with ``include_self=False`` old values there do not count.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2).scatter_reduce(0, torch.tensor([0, 1, 0]), torch.tensor([1.0, 2.0, 3.0]), reduce="amax")
    tensor([3., 2.])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if reduce in ("sum", "mean"):
        start = input if include_self else input.scatter(dim, index, 0)
        total = start.scatter_add(dim, index, src)
        return total if reduce == "sum" else _divided(total, input, dim, index, src, include_self)
    input.detach().scatter_add(dim, index, src.detach())  # has the same checks
    return ScatterReduce.apply(input, index, src, canonical_dim(dim, input._data.ndim), reduce, include_self)


def _divided(total: Any, input: Any, dim: int, index: Any, src: Any, include_self: bool) -> Any:
    ones = wrap(np.ones(input._data.shape, input._data.dtype))
    start = ones if include_self else ones.scatter(dim, index, 0)
    count = start.scatter_add(dim, index, wrap(np.ones(src._data.shape, input._data.dtype))).clamp(min=1)
    return total / count if input.dtype.category == 2 else total.div(count, rounding_mode="floor")
