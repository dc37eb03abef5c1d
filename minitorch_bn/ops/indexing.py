"""Indexing as PyTorch does it: first the basic part (ints, slices, None, ...) as a view, then index tensors.

numpy treats an int beside an index array as one more index array, which can move dimensions; applying the basic part
first avoids that. Index tensors and masks copy; their adjoint adds into zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable, share, wrap
from minitorch_bn.ops._common import (
    canonical_dim,
    fill_value,
    invalid_arguments,
    is_number,
    numpy_names,
    require_tensor,
    type_name,
)
from minitorch_bn.size import broadcast_shapes


class Slice(Operator):
    """a[basic index], a view;  da = zeros with g in that place"""

    options = 1
    is_view = True

    def forward(ctx, a, index):
        ctx.shape, ctx.index = a.shape, index
        out = a[index]
        return out if isinstance(out, np.ndarray) else a[(*index, ...)]  # numpy would copy a single element

    def backward(ctx, g):
        return SliceScatter.apply(g, ctx.shape, ctx.index)


class Select(Slice):
    """a[int], a view"""

    __slots__ = ()


class NewAxis(Slice, name="UnsqueezeBackward0"):
    """a[None], a view"""

    __slots__ = ()


class Alias(Slice):
    """a[...], a view of everything"""

    __slots__ = ()


class SliceScatter(Operator, name="SliceBackward0"):
    """zeros of a shape with a in the place of a basic index: the adjoint of Slice"""

    options = 2

    def forward(ctx, a, shape, index):
        ctx.index = index
        out = np.zeros(shape, a.dtype)
        out[index] = a
        return out

    def backward(ctx, g):
        return Slice.apply(g, ctx.index)


class Index(Operator):
    """a[index tensors];  da = zeros with g added in those places"""

    def forward(ctx, a, *index):
        ctx.save_for_backward(*(i for i in index if isinstance(i, np.ndarray)))
        ctx.shape, ctx.slots = a.shape, [isinstance(i, np.ndarray) for i in index]
        out = a[index]
        return out if out.flags.c_contiguous else out.copy()  # numpy leaves indexed dimensions outermost in memory

    def backward(ctx, g):
        return (IndexAdd.apply(g, ctx.shape, _Layout(ctx.slots), *ctx.saved_tensors), *(None for _ in ctx.slots))


class IndexSelect(Index):
    """slices of a along a dimension, by an index tensor"""

    __slots__ = ()


class MaskedSelect(Index):
    """the elements of a where a mask is set"""

    __slots__ = ()


class _Layout:
    """Where in an index the tensors stand; the other places are full slices."""

    def __init__(self, slots: list[bool]) -> None:
        self.slots = slots

    def fill(self, tensors: Any) -> tuple:
        rest = iter(tensors)
        return tuple(next(rest) if slot else slice(None) for slot in self.slots)


class IndexAdd(Operator, name="IndexPutBackward0"):
    """zeros of a shape with a added in the places of index tensors: the adjoint of Index"""

    def forward(ctx, a, shape, layout, *tensors):
        ctx.save_for_backward(*tensors)
        ctx.layout = layout
        out = np.zeros(shape, a.dtype)
        np.add.at(out, layout.fill(tensors), a)
        return out

    def backward(ctx, g):
        tensors = ctx.saved_tensors
        return (Index.apply(g, *ctx.layout.fill(tensors)), *(None for _ in range(2 + len(tensors))))


class IndexPut(Operator):
    """a with values put (or added) in the places of index tensors;  da = g, 0 in places that were overwritten"""

    options = 1

    def forward(ctx, a, values, *rest):
        index, accumulate = rest[:-1], rest[-1]
        ctx.save_for_backward(*(i for i in index if isinstance(i, np.ndarray)))
        ctx.layout, ctx.accumulate = _Layout([isinstance(i, np.ndarray) for i in index]), accumulate
        out = a.copy()
        if accumulate:
            np.add.at(out, index, values)
        else:
            out[index] = values
        return out

    def backward(ctx, g):
        index = ctx.layout.fill(ctx.saved_tensors)
        dvalues = Index.apply(g, *index) if ctx.needs_input_grad[1] else None
        da = g if ctx.accumulate else IndexPut.apply(g, wrap(np.zeros((), g._data.dtype)), *index, False)
        return (da, dvalues, *(None for _ in index))


class Gather(Operator):
    """out[i][j] = a[index[i][j]][j] along a dimension;  da = g added where it came from"""

    options = 1

    def forward(ctx, a, index, dim):
        ctx.save_for_backward(index)
        ctx.dim, ctx.shape = dim, a.shape
        if not index.size:
            return np.empty(index.shape, a.dtype)
        return np.atleast_1d(a)[_grid(np.atleast_1d(index), dim)].reshape(index.shape)

    def backward(ctx, g):
        (index,) = ctx.saved_tensors
        zeros = g.new_zeros(ctx.shape)
        return zeros.scatter_add(ctx.dim, index, g) if index._data.size else zeros, None


class ScatterAdd(Operator):
    """a with source added at index along a dimension;  da = g,  dsource = g gathered"""

    options = 1

    def forward(ctx, a, index, source, dim):
        ctx.save_for_backward(index)
        ctx.dim = dim
        ctx.source_shape = source.shape
        out = a.copy()
        view, places = _places(out, index, dim)
        np.add.at(view, places, _matching(source, index))
        return out

    def backward(ctx, g):
        (index,) = ctx.saved_tensors
        dsource = _gathered(g, index, ctx.dim, ctx.source_shape) if ctx.needs_input_grad[2] else None
        return g, None, dsource


class Scatter(Operator):
    """a with source written at index along a dimension;  da = g, 0 where written;  dsource = g gathered"""

    options = 1

    def forward(ctx, a, index, source, dim):
        ctx.save_for_backward(index)
        ctx.dim, ctx.source_shape = dim, source.shape
        out = a.copy()
        view, places = _places(out, index, dim)
        view[places] = _matching(source, index)
        return out

    def backward(ctx, g):
        (index,) = ctx.saved_tensors
        zero = wrap(np.zeros((), g._data.dtype))
        dsource = _gathered(g, index, ctx.dim, ctx.source_shape) if ctx.needs_input_grad[2] else None
        return ScatterValue.apply(g, index, zero, ctx.dim), None, dsource


class ScatterValue(Scatter, name="ScatterBackward1"):
    """a with a number written at index along a dimension;  da = g, 0 where written"""

    __slots__ = ()


def _places(a: np.ndarray, index: np.ndarray, dim: int) -> tuple:
    """The array and the index that scattering writes to; a zero-dim tensor counts as one of one element."""
    return a.reshape(-1) if not a.ndim else a, _grid(np.atleast_1d(index), dim)


def _matching(source: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The part of the source that an index of this shape uses, in a shape that fits it."""
    if source.ndim == index.ndim:
        source = source[tuple(slice(0, n) for n in index.shape)]
    return np.broadcast_to(source, index.shape).reshape(index.shape or (1,))


def _gathered(g: Any, index: Any, dim: int, shape: tuple[int, ...]) -> Any:
    """g gathered at index, with zeros for the part of the source that the index did not use."""
    gathered = Gather.apply(g, index, dim)
    if len(shape) != index.ndim or shape == index._data.shape:
        return gathered
    return SliceScatter.apply(gathered, shape, tuple(slice(0, n) for n in index._data.shape))


def _grid(index: np.ndarray, dim: int) -> tuple:
    """An index tuple that pairs ``index`` along ``dim`` with the element's own place in every other dimension."""
    grid = list(np.ogrid[tuple(slice(0, n) for n in index.shape)])
    grid[dim] = index
    return tuple(grid)


# -- a[...] ------------------------------------------------------------------------------------------------------


_INDEX_DTYPES = (np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.uint8), np.dtype(np.bool_))


def _as_index(item: Any) -> Any:
    """One item of an index in a form the rest understands: int, slice, None, Ellipsis, or an index array."""
    if item is None or item is Ellipsis or isinstance(item, (slice, bool)):
        return item
    if isinstance(item, Variable):
        data = item._data
        if data.dtype not in _INDEX_DTYPES:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        if data.dtype == np.uint8:
            return data.astype(bool)
        return int(data) if data.ndim == 0 and data.dtype.kind in "iu" else data
    if isinstance(item, (list, np.ndarray, range)):
        data = (
            np.asarray([i._data if isinstance(i, Variable) else i for i in item])
            if isinstance(item, list)
            else np.asarray(item)
        )
        if data.size == 0:
            data = data.astype(np.int64)
        if data.dtype not in _INDEX_DTYPES:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return data if data.ndim or data.dtype.kind == "b" else int(data)
    if hasattr(item, "__index__"):
        return item.__index__()
    if isinstance(item, str):
        raise TypeError("new(): invalid data type 'str'")
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
        f"{type_name(item)})"
    )


def _plain_slice(item: slice) -> slice:
    bounds = (item.start, item.stop, item.step)
    if any(value is not None and not hasattr(value, "__index__") for value in bounds):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    start, stop, step = (value if value is None else value.__index__() for value in bounds)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if step is not None and step < 0:
        raise ValueError("step must be greater than zero")
    return slice(start, stop, step)


def _dims_of(item: Any) -> int:
    """How many dimensions of the tensor an item of the index takes up."""
    if item is None or isinstance(item, bool):
        return 0
    return item.ndim if isinstance(item, np.ndarray) and item.dtype.kind == "b" else 1


def _resolve_index(a: np.ndarray, index: Any) -> tuple[tuple, tuple | None]:
    """Splits an index into its basic part and, applied after it, index arrays among full slices (None: no arrays)."""
    if isinstance(index, list) and any(_makes_a_tuple(i) for i in index):
        index = tuple(index)
    items = [_as_index(i) for i in (index if isinstance(index, tuple) else (index,))]
    taken = sum(_dims_of(i) for i in items if i is not Ellipsis)
    if taken > a.ndim:
        if not a.ndim:
            _refuse_index_of_number(index)
        raise IndexError(f"too many indices for tensor of dimension {a.ndim}")
    if sum(i is Ellipsis for i in items) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    basic: list = []
    arrays: list = []
    dim = 0
    for item in items:
        if item is Ellipsis:
            rest = a.ndim - taken
            basic += [slice(None)] * rest
            arrays += [slice(None)] * rest
            dim += rest
        elif isinstance(item, bool):
            basic.append(None)
            arrays.append(np.array([0] if item else [], np.int64))
        elif item is None:
            basic.append(None)
            arrays.append(slice(None))
        elif isinstance(item, slice):
            basic.append(_plain_slice(item))
            arrays.append(slice(None))
            dim += 1
        elif isinstance(item, int):
            if not -a.shape[dim] <= item < a.shape[dim]:
                raise IndexError(f"index {item} is out of bounds for dimension {dim} with size {a.shape[dim]}")
            basic.append(item)
            dim += 1
        else:
            n = _dims_of(item)
            basic += [slice(None)] * n
            arrays.append(item)
            dim += n
    advanced = tuple(arrays) if any(isinstance(i, np.ndarray) for i in arrays) else None
    return tuple(basic), advanced


def _refuse_index_of_number(index: Any) -> None:
    """PyTorch's errors for an integer or a slice given to a zero-dim tensor."""
    if isinstance(index, slice):
        _plain_slice(index)
        raise IndexError("slice() cannot be applied to a 0-dim tensor.\nIt has no dimensions; item() gives its number.")
    if not isinstance(index, (Variable, np.ndarray)) and hasattr(index, "__index__"):
        at = index.__index__()
        if at:
            first = f"index {at} is out of bounds for dimension 0 with size 0"
            raise IndexError(f"{first}\nThe tensor has no dimensions; item() gives its number.")
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
            "convert a 0-dim tensor to a number"
        )


def _makes_a_tuple(item: Any) -> bool:
    """Whether a list with such an item counts as a tuple of indices."""
    return item is None or item is Ellipsis or isinstance(item, (Variable, np.ndarray, list, tuple, slice))


def _check_arrays(arrays: tuple, shape: tuple[int, ...]) -> None:
    """IndexError for index arrays that do not fit the tensor, of this shape, or each other."""
    dim = 0
    for item in arrays:
        if isinstance(item, np.ndarray):
            _check_index_array(item, shape, dim)
        dim += item.ndim if isinstance(item, np.ndarray) and item.dtype.kind == "b" else 1
    # masks count as their lists of positions, one a dimension
    shapes = []
    for item in arrays:
        if isinstance(item, np.ndarray):
            mask = item.dtype.kind == "b"
            shapes += [(int(np.count_nonzero(item)),)] * item.ndim if mask else [item.shape]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        listed = ", ".join(str(list(s)) for s in shapes)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {listed}"
        ) from None


def _check_index_array(item: np.ndarray, shape: tuple[int, ...], dim: int) -> None:
    if item.dtype.kind == "b":
        for k in range(item.ndim):
            if item.shape[k] != shape[dim + k]:
                raise IndexError(
                    f"The shape of the mask {list(item.shape)} at index {k} does not match the shape of the indexed "
                    f"tensor {list(shape)} at index {dim + k}"
                )
    elif item.size and not (-shape[dim] <= item.min() and item.max() < shape[dim]):
        worst = item.min() if item.min() < -shape[dim] else item.max()
        raise IndexError(f"index {worst} is out of bounds for dimension {dim} with size {shape[dim]}")


_EVERYTHING = slice(None)


def _basic(tensor: Any, basic: tuple) -> Any:
    """The view for the basic part of an index: the tensor itself if that takes everything."""
    if all(type(i) is slice and i == _EVERYTHING for i in basic):
        return tensor
    return _basic_operator(basic).apply(tensor, basic)


def _basic_operator(basic: tuple) -> type[Slice]:
    """Named after the last step, as in PyTorch, which takes an index one step after the other."""
    for item in reversed(basic):
        if type(item) is int:
            return Select
        if item is None:
            return NewAxis
        if item != _EVERYTHING:
            return Slice
    return Alias


def getitem(input: Any, index: Any) -> Any:
    """``input[index]``: a view for basic indices, a copy where index tensors or masks take part."""
    basic, arrays = _resolve_index(input._data, index)
    if arrays is None:
        return (Slice if isinstance(index, slice) else _basic_operator(basic)).apply(input, basic)
    viewed = _basic(input, basic)
    _check_arrays(arrays, viewed._data.shape)
    return Index.apply(viewed, *_as_tensors(arrays, index))


def _as_tensors(arrays: tuple, index: Any) -> tuple:
    """Index arrays as tensors; backward notices a change of those that are the user's."""
    items = index if isinstance(index, (tuple, list)) else (index,)
    owners = {id(item._data): item for item in items if isinstance(item, Variable)}

    def as_tensor(i: Any) -> Any:
        if not isinstance(i, np.ndarray):
            return i
        return share(i, owners[id(i)]) if id(i) in owners else wrap(i)

    return tuple(map(as_tensor, arrays))


def setitem(input: Any, index: Any, value: Any) -> None:
    """``input[index] = value``, in place, and recorded."""
    basic, arrays = _resolve_index(input._data, index)
    if not isinstance(value, Variable):
        value = _value_like(input, value)
    target = _basic(input, basic)
    if arrays is None:
        if value._data.ndim == 0 < target._data.ndim:
            target.fill_(value)
            return
        shape, places = value._data.shape, target._data.shape
        extra = len(shape) - len(places)
        if extra > 0 and shape[:extra] == (1,) * extra:
            value = value.reshape(shape[extra:])
        target.copy_(value.expand(places))
        return
    _check_arrays(arrays, target._data.shape)
    places = np.empty(target._data.shape, bool)[arrays].shape
    _check_assignable(value._data.shape, places)
    _check_same_dtype(input, value, arrays)
    value = value.to(input.dtype)
    if value._data.ndim > len(places):
        value = value.reshape(value._data.shape[value._data.ndim - len(places) :])
    IndexPut.apply_(target, value, *_as_tensors(arrays, index), False)


def _value_like(input: Any, value: Any) -> Any:
    if is_number(value):
        return fill_value(value, input.dtype)
    raise TypeError(f"can't assign a {type_name(value)} to a torch.{input.dtype.legacy_name}Tensor")


def _check_same_dtype(input: Any, value: Any, arrays: tuple) -> None:
    single_mask = len(arrays) == 1 and arrays[0].dtype.kind == "b"
    if value._data.dtype != input._data.dtype and (value._data.size > 1 or not single_mask):
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {input.dtype.legacy_name} for the "
            f"destination and {value.dtype.legacy_name} for the source."
        )


def _check_assignable(shape: tuple[int, ...], places: tuple[int, ...]) -> None:
    trimmed = shape
    while len(trimmed) > len(places) and trimmed[0] == 1:
        trimmed = trimmed[1:]
    try:
        fits = np.broadcast_shapes(trimmed, places) == places
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing result of shape "
            f"{list(places)}"
        )


# -- functions and methods ---------------------------------------------------------------------------------------


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """A copy with ``values`` put (or added) in the places that a tuple of index tensors and masks names.

    >>> import minitorch_bn as torch
    >>> torch.zeros(3).index_put((torch.tensor([0, 0]),), torch.tensor([1.0, 2.0]), accumulate=True)
    tensor([3., 0., 0.])
    """
    return IndexPut.apply(input, *index_put_arguments(input, indices, values, accumulate))


def index_put_arguments(input: Any, indices: Any, values: Any, accumulate: bool) -> tuple:
    """(values, index tensors ..., accumulate), checked."""
    if not isinstance(indices, (tuple, list)):
        raise TypeError(
            f"index_put(): argument 'indices' (position 1) must be tuple of Tensors, not {type_name(indices)}"
        )
    for i, index in enumerate(indices):
        if not isinstance(index, Variable):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type_name(index)}")
        if index._data.dtype not in _INDEX_DTYPES:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    arrays = tuple(i._data.astype(bool) if i._data.dtype == np.uint8 else i._data for i in indices)
    taken = sum(map(_dims_of, arrays))
    if taken > input._data.ndim:
        raise IndexError(f"too many indices for tensor of dimension {input._data.ndim} (got {taken})")
    _check_arrays(arrays, input._data.shape)
    _check_same_dtype(input, values, ())
    _check_assignable(values._data.shape, np.empty(input._data.shape, bool)[arrays].shape)
    return (values, *map(share, arrays, indices), accumulate)


def select(input: Any, dim: int, index: int) -> Any:
    """The slice at ``index`` along ``dim``, a view without that dimension.

    >>> import minitorch_bn as torch
    >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    ndim = input._data.ndim
    if not ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = canonical_dim(dim, ndim)
    size = input._data.shape[d]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input._data.shape)} at dimension {d}"
        )
    return Select.apply(input, (slice(None),) * d + (int(index),))


def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """``length`` elements from ``start`` along ``dim``; a view.

    >>> import minitorch_bn as torch
    >>> torch.narrow(torch.tensor([1, 2, 3, 4]), 0, 1, 2)
    tensor([2, 3])
    """
    if not input._data.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if not type(dim) is type(start) is type(length) is int:
        start, length = _narrow_numbers(dim, start, length)
    d = canonical_dim(dim, input._data.ndim)
    size = input._data.shape[d]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start = start % size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return Slice.apply(input, (slice(None),) * d + (slice(start, start + length),))


def _narrow_numbers(dim: Any, start: Any, length: Any) -> tuple[int, int]:
    if isinstance(start, Variable):
        if start._data.ndim or start.dtype.category != 1:
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = start.item()
    if not all(isinstance(v, (int, np.integer)) for v in (dim, start, length)):
        raise invalid_arguments("narrow", dim, start, length, expected="(int dim, int or Tensor start, int length)")
    return int(start), int(length)


def gather(input: Any, dim: int, index: Any) -> Any:
    """Elements picked along ``dim``: out[i][j] = input[index[i][j]][j] for dim 0. The shape is that of ``index``.

    >>> import minitorch_bn as torch
    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    d = canonical_dim(dim, input._data.ndim)
    index = _index_tensor("gather", input, index)
    for k, (n, size) in enumerate(zip(index._data.shape, input._data.shape)):
        if k != d and n > size and index._data.size:
            raise RuntimeError(
                f"Size does not match at dimension {k} expected index {list(index._data.shape)} to be no larger than "
                f"self {list(input._data.shape)} apart from dimension {d}"
            )
    _check_index_bounds(input, d, index)
    return Gather.apply(input, index, d)


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """A copy with ``src`` added at ``index`` along ``dim``: out[index[i][j]][j] += src[i][j] for dim 0.

    >>> import minitorch_bn as torch
    >>> torch.scatter_add(torch.zeros(3), 0, torch.tensor([0, 2, 2]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.])
    """
    require_tensor("scatter_add", src, "src", 3)
    _, index, source, d = scatter_arguments(input, dim, index, src)
    return ScatterAdd.apply(input, index, source, d)


def scatter(
    input: Any, dim: int, index: Any, src: Any = None, *, value: float | None = None, reduce: str | None = None
) -> Any:
    """A copy with ``src`` (a tensor or a number) or the number ``value`` written at ``index`` along ``dim``.

    With ``reduce`` "add" or "multiply" it is added to, or multiplied with, what is there.

    >>> import minitorch_bn as torch
    >>> torch.scatter(torch.zeros(2, 3), 1, torch.tensor([[0], [2]]), 1.0)
    tensor([[1., 0., 0.],
            [0., 0., 1.]])
    """
    src = src if value is None else value
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        return _reduced(input, dim, index, src, reduce)
    operator, index, source, d = scatter_arguments(input, dim, index, src)
    return operator.apply(input, index, source, d)


def _reduced(input: Any, dim: int, index: Any, src: Any, reduce: str) -> Any:
    source = fill_value(src, input.dtype).expand(index.shape) if is_number(src) else src
    if reduce == "add":
        return scatter_add(input, dim, index, source)
    return input.scatter_reduce(dim, index, source, "prod")


def scatter_arguments(input: Any, dim: int, index: Any, src: Any) -> tuple:
    """The operator for a source (a tensor or a number), and its arguments, checked: index, source, dimension."""
    d = canonical_dim(dim, input._data.ndim)
    number = is_number(src)
    if not number:
        require_tensor("scatter", src, "src", 4)
        if src._data.dtype != input._data.dtype:
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    index = _index_tensor("scatter", input, index)
    _check_scatter_sizes(input, d, index, None if number else src)
    _check_index_bounds(input, d, index)
    return (ScatterValue, index, fill_value(src, input.dtype), d) if number else (Scatter, index, src, d)


def _check_scatter_sizes(input: Any, dim: int, index: Any, src: Any) -> None:
    """The index may not reach beyond the tensor (apart from dim) nor beyond the source."""
    sizes, mine = index._data.shape, input._data.shape
    source = sizes if src is None else src._data.shape
    if 0 in sizes:
        return
    if max(len(source), 1) != max(len(sizes), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    if not sizes or not mine or not source:
        return
    fits = len(source) == len(sizes) and all(n <= s for n, s in zip(sizes, source))
    if not fits or any(n > s for k, (n, s) in enumerate(zip(sizes, mine)) if k != dim):
        beyond = "" if src is None else f" and to be no larger size than src {list(source)}"
        raise RuntimeError(
            f"Expected index {list(sizes)} to be no larger than self {list(mine)} apart from dimension {dim}{beyond}"
        )


def _index_tensor(name: str, input: Any, index: Any) -> Any:
    """The index, if it has the right dtype and number of dimensions; an empty one may have any."""
    require_tensor(name, index, "index", 2)
    if not index._data.size:
        return index.long()
    if index._data.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if max(index._data.ndim, 1) != max(input._data.ndim, 1):
        which = "input" if name == "gather" else "self"
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {which} tensor")
    return index


def _check_index_bounds(input: Any, dim: int, index: Any) -> None:
    size = input._data.shape[dim] if input._data.ndim else 1
    data = index._data
    if data.size and (data.min() < 0 or data.max() >= size):
        lines = np.moveaxis(data, dim, -1) if data.ndim else data
        first = lines[(lines < 0) | (lines >= size)][0]
        raise RuntimeError(f"index {first} is out of bounds for dimension {dim} with size {size}")


@numpy_names
def index_select(input: Any, dim: int, index: Any) -> Any:
    """Slices along ``dim`` in the order of a 1-d index tensor; a copy.

    >>> import minitorch_bn as torch
    >>> torch.index_select(torch.tensor([10, 20, 30]), 0, torch.tensor([2, 0]))
    tensor([30, 10])
    """
    require_tensor("index_select", index, "index", 2)
    d = canonical_dim(dim, input._data.ndim)
    if index._data.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index._data.dtype not in (np.int64, np.int32):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    data = index._data.reshape(-1)
    if data.size and not 0 <= data.min() <= data.max() < (input._data.shape[d] if input._data.ndim else 1):
        raise IndexError("index out of range in self")
    if not input._data.ndim:
        return IndexSelect.apply(input, wrap(np.ones((), bool))).reshape(())
    return IndexSelect.apply(input, *(slice(None),) * d, share(data, index))


def masked_select(input: Any, mask: Any) -> Any:
    """The elements where the mask is set, in one dimension.

    >>> import minitorch_bn as torch
    >>> torch.masked_select(torch.tensor([1, 2, 3]), torch.tensor([True, False, True]))
    tensor([1, 3])
    """
    if mask._data.dtype.kind != "b":
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = broadcast_shapes(mask._data.shape, input._data.shape)
    return MaskedSelect.apply(*(t if t._data.shape == shape else t.expand(shape) for t in (input, mask)))


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The positions of elements that are not 0: one row each, or with ``as_tuple`` one tensor a dimension.

    >>> import minitorch_bn as torch
    >>> torch.nonzero(torch.tensor([0, 5, 0, 7]))
    tensor([[1],
            [3]])
    """
    if as_tuple:
        return tuple(wrap(i) for i in np.nonzero(np.atleast_1d(input._data)))
    if not input._data.ndim:
        return wrap(np.zeros((int(input._data != 0), 0), np.int64))
    return wrap(np.argwhere(input._data))
