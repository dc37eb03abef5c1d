"""Views and rearrangements: the same elements in another shape or order."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn._layout import contiguous_format, preserve_format
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable, share
from minitorch_bn.ops._common import (
    canonical_dim,
    canonical_dims,
    invalid_arguments,
    numpy_names,
    promoted,
    require_tensor,
    size_argument,
    type_name,
)
from minitorch_bn.size import broadcast_shapes


class View(Operator):
    """the same elements in another shape (memory is shared where the layout allows it)"""

    options = 1
    is_view = True

    def forward(ctx, a, shape):
        ctx.shape = a.shape
        return a.reshape(shape)

    def backward(ctx, g):
        return g.reshape(ctx.shape)


class UnsafeView(View):
    """the same elements in another shape, in memory of their own"""

    is_view = False


class Permute(Operator):
    """dimensions in another order"""

    options = 1
    is_view = True

    def forward(ctx, a, dims):
        ctx.dims = dims
        return a.transpose(dims)

    def backward(ctx, g):
        inverse = sorted(range(len(ctx.dims)), key=ctx.dims.__getitem__)
        return g.permute(inverse)


class Transpose(Permute):
    """two dimensions swapped"""

    __slots__ = ()


class T(Permute):
    """a matrix transposed"""

    __slots__ = ()


class Expand(Operator):
    """dimensions of size 1 repeated, without a copy;  da = g summed over them (the engine does it)"""

    options = 1
    is_view = True

    def forward(ctx, a, shape):
        return np.broadcast_to(a, shape)

    def backward(ctx, g):
        return g


class Squeeze(Operator):
    """dimensions of size 1 dropped"""

    options = 1
    is_view = True

    def forward(ctx, a, dims):
        ctx.shape = a.shape
        return a.squeeze(dims)

    def backward(ctx, g):
        return g.reshape(ctx.shape)


class SqueezeDim(Squeeze, name="SqueezeBackward1"):
    """one dimension of size 1 dropped"""

    __slots__ = ()


class SqueezeDims(Squeeze, name="SqueezeBackward2"):
    """several dimensions of size 1 dropped"""

    __slots__ = ()


class Unsqueeze(Operator):
    """a dimension of size 1 put in"""

    options = 1
    is_view = True

    def forward(ctx, a, dim):
        ctx.shape = a.shape
        return np.expand_dims(a, dim)

    def backward(ctx, g):
        return g.reshape(ctx.shape)


class Diagonal(Operator):
    """the diagonal of two dimensions, as the last dimension"""

    options = 3
    is_view = True

    def forward(ctx, a, offset, dim1, dim2):
        ctx.shape, ctx.place = a.shape, (offset, dim1, dim2)
        return _diagonal(a, offset, dim1, dim2)

    def backward(ctx, g):
        return DiagonalScatter.apply(g, ctx.shape, *ctx.place)


class DiagonalScatter(Operator, name="DiagonalBackward0"):
    """zeros with a on the diagonal of two dimensions: the adjoint of Diagonal"""

    options = 4

    def forward(ctx, a, shape, offset, dim1, dim2):
        ctx.place = (offset, dim1, dim2)
        out = np.zeros(shape, a.dtype)
        _diagonal(out, offset, dim1, dim2)[...] = a
        return out

    def backward(ctx, g):
        return Diagonal.apply(g, *ctx.place)


def _diagonal(a: np.ndarray, offset: int, dim1: int, dim2: int) -> np.ndarray:
    """The diagonal as a view that can be written to (numpy's own is read-only)."""
    planes = np.moveaxis(a, (dim1, dim2), (-2, -1))
    planes = planes[..., max(-offset, 0) :, max(offset, 0) :]
    n = min(planes.shape[-2:])
    return np.einsum("...ii->...i", planes[..., :n, :n])


class Tril(Operator):
    """the lower triangle of matrices, 0 elsewhere; its own derivative"""

    options = 1

    def forward(ctx, a, diagonal):
        ctx.diagonal = diagonal
        return np.tril(a, diagonal)

    def backward(ctx, g):
        return Tril.apply(g, ctx.diagonal)


class Triu(Operator):
    """the upper triangle of matrices, 0 elsewhere; its own derivative"""

    options = 1

    def forward(ctx, a, diagonal):
        ctx.diagonal = diagonal
        return np.triu(a, diagonal)

    def backward(ctx, g):
        return Triu.apply(g, ctx.diagonal)


class Split(Operator):
    """cut along a dimension into views"""

    options = 2
    is_view = True
    is_multi_view = True

    def forward(ctx, a, sizes, dim):
        ctx.dim = dim
        stops = np.cumsum(sizes)[:-1]
        return tuple(np.split(a, stops, axis=dim))

    def backward(ctx, *grads):
        return Cat.apply(*grads, ctx.dim)


class SplitWithSizes(Split):
    """cut along a dimension into views of given sizes"""

    __slots__ = ()


class Unbind(Operator):
    """the slices along a dimension, as views without it"""

    options = 1
    is_view = True
    is_multi_view = True

    def forward(ctx, a, dim):
        ctx.dim = dim
        return tuple(np.moveaxis(a, dim, 0)[i, ...] for i in range(a.shape[dim]))

    def backward(ctx, *grads):
        return Stack.apply(*grads, ctx.dim)


class Cat(Operator):
    """tensors joined along a dimension;  each gets its part of g"""

    options = 1

    def forward(ctx, *arrays):
        *parts, dim = arrays
        ctx.dim, ctx.shapes = dim, [p.shape for p in parts]
        joined = [p for p in parts if p.shape != (0,)] or parts  # an empty vector joins anything
        return np.ascontiguousarray(np.concatenate(joined, axis=dim))  # numpy keeps the order of transposed parts

    def backward(ctx, g):
        start, grads = 0, []
        for shape, needed in zip(ctx.shapes, ctx.needs_input_grad):
            if shape == (0,):
                grads.append(g.new_zeros(shape) if needed else None)
                continue
            grads.append(g.narrow(ctx.dim, start, shape[ctx.dim]) if needed else None)
            start += shape[ctx.dim]
        return tuple(grads)


class Stack(Operator):
    """tensors of one shape joined along a new dimension;  each gets its slice of g"""

    options = 1

    def forward(ctx, *arrays):
        *parts, dim = arrays
        ctx.dim = dim
        return np.ascontiguousarray(np.stack(parts, axis=dim))

    def backward(ctx, g):
        return tuple(g.select(ctx.dim, i) if needed else None for i, needed in enumerate(ctx.needs_input_grad))


class Flip(Operator):
    """the order of elements reversed along dimensions; its own inverse"""

    options = 1

    def forward(ctx, a, dims):
        ctx.dims = dims
        return np.flip(a, dims).copy()

    def backward(ctx, g):
        return g.flip(ctx.dims)


class Roll(Operator):
    """elements shifted along dimensions (None: as if flattened), those that fall out coming in at the other end"""

    options = 2

    def forward(ctx, a, shifts, dims):
        ctx.shifts, ctx.dims = shifts, dims
        return np.roll(a, shifts, dims)  # always a copy

    def backward(ctx, g):
        return Roll.apply(g, tuple(-s for s in ctx.shifts), ctx.dims)


class Repeat(Operator):
    """the whole tensor repeated along each dimension;  da = g summed over the repetitions"""

    options = 1

    def forward(ctx, a, repeats):
        ctx.shape, ctx.repeats = (1,) * (len(repeats) - a.ndim) + a.shape, repeats
        return np.tile(a, repeats)

    def backward(ctx, g):
        # (r1 n1, r2 n2, ...) -> (r1, n1, r2, n2, ...), summed over the r
        split = [n for pair in zip(ctx.repeats, ctx.shape) for n in pair]
        return g.reshape(split).sum(tuple(range(0, len(split), 2))) if split else g


# -- functions and methods ---------------------------------------------------------------------------------------


def _resolve(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """A shape with its -1 worked out; RuntimeError where the sizes cannot hold numel elements."""
    known = 1
    for n in shape:
        if n < -1:
            raise RuntimeError(f"invalid shape dimension {n} at index {shape.index(n)} of shape {list(shape)}")
        known *= n if n != -1 else 1
    holes = shape.count(-1)
    if holes > 1:
        raise RuntimeError("only one dimension can be inferred")
    if holes and known == 0 and numel == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    if (known == 0 or numel % known) if holes else known != numel:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    return tuple(numel // known if n == -1 else n for n in shape) if holes else shape


def _as_bits(input: Any, dtype: Any) -> Any:
    """The same memory read as another dtype."""
    a, itemsize = input._data, dtype.itemsize
    if input.requires_grad:
        raise NotImplementedError("view(dtype) has no derivative here: use .to(dtype), or detach() first")
    if not a.ndim and itemsize != a.itemsize:
        raise RuntimeError(
            f"self.dim() cannot be 0 to view {input.dtype.legacy_name} as {dtype.legacy_name} (different element sizes)"
        )
    if itemsize > a.itemsize and a.shape[-1] % (itemsize // a.itemsize):
        raise RuntimeError(
            f"self.size(-1) must be divisible by {itemsize // a.itemsize} to view {input.dtype.legacy_name} as "
            f"{dtype.legacy_name} (different element sizes), but got {a.shape[-1]}"
        )
    if itemsize != a.itemsize and a.strides[-1] != a.itemsize:
        raise RuntimeError(
            f"self.stride(-1) must be 1 to view {input.dtype.legacy_name} as {dtype.legacy_name} (different element "
            f"sizes), but got {a.strides[-1] // a.itemsize}"
        )
    return share(a.view(dtype.numpy), input)


def reshape(input: Any, *sizes: Any, shape: Any = None) -> Any:
    """The same elements in another shape; one size may be -1. A view where the memory layout allows it, else a copy.

    >>> import minitorch_bn as torch
    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    require_tensor("reshape", input)
    data = input._data
    wanted = _resolve(size_argument(sizes if shape is None else (shape,), "reshape", "shape"), data.size)
    shared = data.flags.c_contiguous or not data.size or np.may_share_memory(data.reshape(wanted), data)
    return (View if shared else UnsafeView).apply(input, wanted)


def view(input: Any, *shape: Any) -> Any:
    """Like ``reshape``, but always shares memory: RuntimeError where the layout does not allow that.

    >>> import minitorch_bn as torch
    >>> torch.arange(4).view(2, -1)
    tensor([[0, 1],
            [2, 3]])
    """
    if len(shape) == 1 and hasattr(shape[0], "is_floating_point"):
        return _as_bits(input, shape[0])
    if not shape:
        raise invalid_arguments("view", expected="(torch.dtype dtype)\n * (tuple of ints size)")
    sizes = _resolve(size_argument(shape, "view"), input._data.size)
    out = View.apply(input, sizes)
    if out._data.size and not np.may_share_memory(out._data, input._data):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return out


def view_as(input: Any, other: Any) -> Any:
    """A view in the shape of ``other``.

    >>> import minitorch_bn as torch
    >>> torch.arange(4).view_as(torch.zeros(2, 2)).shape
    torch.Size([2, 2])
    """
    return view(input, other._data.shape)


def reshape_as(input: Any, other: Any) -> Any:
    """Reshaped to the shape of ``other``.

    >>> import minitorch_bn as torch
    >>> torch.arange(4).reshape_as(torch.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return reshape(input, other._data.shape)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Dimensions ``start_dim`` to ``end_dim`` as one.

    >>> import minitorch_bn as torch
    >>> torch.flatten(torch.zeros(2, 3, 4), 1).shape
    torch.Size([2, 12])
    """
    shape = input._data.shape
    start, end = canonical_dim(start_dim, len(shape)), canonical_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end and shape:
        return input
    n = 1
    for size in shape[start : end + 1]:
        n *= size
    return reshape(input, (*shape[:start], n, *shape[end + 1 :]))


def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """One dimension as several.

    >>> import minitorch_bn as torch
    >>> torch.unflatten(torch.zeros(2, 6), 1, (2, 3)).shape
    torch.Size([2, 2, 3])
    """
    shape = input._data.shape
    d = canonical_dim(dim, len(shape))
    sizes = tuple(sizes)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        sizes = _resolve(sizes, shape[d])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {d} ({shape[d]}) in the "
            "input tensor"
        ) from None
    return View.apply(input, (*shape[:d], *sizes, *shape[d + 1 :]))


def ravel(input: Any) -> Any:
    """All elements in one dimension.

    >>> import minitorch_bn as torch
    >>> torch.ravel(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshape(contiguous(input), -1)


def permute(input: Any, *order: Any, dims: Any = None) -> Any:
    """Dimensions in the given order.

    >>> import minitorch_bn as torch
    >>> torch.permute(torch.zeros(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    order = size_argument(order if dims is None else (dims,), "permute", "dims")
    ndim = input._data.ndim
    if len(order) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(order)}"
        )
    order = tuple(canonical_dim(d, ndim) for d in order)
    if len(set(order)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return Permute.apply(input, order)


def _swapped(ndim: int, dim0: int, dim1: int) -> tuple[int, ...]:
    order = list(range(ndim))
    if ndim:
        order[dim0], order[dim1] = order[dim1], order[dim0]
    return tuple(order)


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions swapped; a view.

    >>> import minitorch_bn as torch
    >>> torch.transpose(torch.zeros(2, 3, 4), 0, 2).shape
    torch.Size([4, 3, 2])
    """
    ndim = input._data.ndim
    return Transpose.apply(input, _swapped(ndim, canonical_dim(dim0, ndim), canonical_dim(dim1, ndim)))


def t(input: Any) -> Any:
    """A matrix transposed; tensors of fewer dimensions unchanged.

    >>> import minitorch_bn as torch
    >>> torch.t(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    ndim = input._data.ndim
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return T.apply(input, tuple(reversed(range(ndim))))


def reverse_dims(input: Any) -> Any:
    """``x.T``: dimensions in reversed order.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2, 3).T.shape
    torch.Size([3, 2])
    """
    return Permute.apply(input, tuple(reversed(range(input._data.ndim))))


def matrix_transpose(input: Any) -> Any:
    """``x.mT``: the last two dimensions swapped.

    >>> import minitorch_bn as torch
    >>> torch.zeros(5, 2, 3).mT.shape
    torch.Size([5, 3, 2])
    """
    ndim = input._data.ndim
    if ndim < 2:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {ndim}-D tensor.")
    return Transpose.apply(input, _swapped(ndim, ndim - 2, ndim - 1))


def movedim(input: Any, source: Any, destination: Any) -> Any:
    """Dimensions moved to new places, the others keeping their order.

    >>> import minitorch_bn as torch
    >>> torch.movedim(torch.zeros(2, 3, 4), 1, -1).shape
    torch.Size([2, 4, 3])
    """
    ndim = input._data.ndim
    if isinstance(source, int) != isinstance(destination, int):
        expected = "(int source, int destination)\n * (tuple of ints source, tuple of ints destination)"
        raise invalid_arguments("movedim", source, destination, expected=expected)
    given = [(v,) if isinstance(v, int) else tuple(v) for v in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source "
            f"({list(given[0])} dims) should contain the same number of dims as destination ({list(given[1])} dims)"
        )
    src, dst = (tuple(canonical_dim(d, ndim) for d in dims) for dims in given)
    for name, dims, shown in (("source", src, given[0]), ("destination", dst, given[1])):
        if len(set(dims)) < len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(shown)})")
    if not ndim:
        return Permute.apply(input, ())
    order: list = [None] * ndim
    for s, d in zip(src, dst):
        order[d] = s
    rest = iter(i for i in range(ndim) if i not in src)
    return Permute.apply(input, tuple(next(rest) if i is None else i for i in order))


def expand(input: Any, *sizes: Any) -> Any:
    """Dimensions of size 1 repeated to ``sizes`` without a copy; -1 keeps a size.

    >>> import minitorch_bn as torch
    >>> torch.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    wanted, shape = size_argument(sizes, "expand"), input._data.shape
    if len(wanted) < len(shape):
        raise RuntimeError(
            f"expand(torch.{input.dtype.legacy_name}Tensor{{{list(shape)}}}, size={list(wanted)}): the number of sizes "
            f"provided ({len(wanted)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(shape)})"
        )
    padded = (None,) * (len(wanted) - len(shape)) + shape
    target = []
    for i, size, have in zip(range(len(wanted) - 1, -1, -1), reversed(wanted), reversed(padded)):
        if size == -1 and have is None:
            raise RuntimeError(
                f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}"
            )
        if size == -1:
            size = have
        if have not in (None, 1, size):
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({have}) at non-singleton "
                f"dimension {i}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(shape)}"
            )
        target.append(size)
    return Expand.apply(input, tuple(reversed(target)))


def expand_as(input: Any, other: Any) -> Any:
    """Expanded to the shape of ``other``.

    >>> import minitorch_bn as torch
    >>> torch.tensor([[1], [2]]).expand_as(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    return expand(input, other._data.shape)


def broadcast_to(input: Any, size: Any) -> Any:
    """Expanded to ``size``.

    >>> import minitorch_bn as torch
    >>> torch.broadcast_to(torch.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, size)


def broadcast_tensors(*tensors: Any) -> tuple:
    """All tensors expanded to their common shape.

    >>> import minitorch_bn as torch
    >>> a, b = torch.broadcast_tensors(torch.tensor([1, 2]), torch.tensor([[1], [2]]))
    >>> a.shape, b.shape
    (torch.Size([2, 2]), torch.Size([2, 2]))
    """
    shape = broadcast_shapes(*(x._data.shape for x in tensors))
    return tuple(expand(x, shape) for x in tensors)


def sum_to_size(input: Any, *size: Any) -> Any:
    """The sum over what broadcasting from ``size`` to the input's shape would repeat.

    >>> import minitorch_bn as torch
    >>> torch.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    wanted, shape = size_argument(size, "sum_to_size"), input._data.shape
    lead = len(shape) - len(wanted)
    dims = tuple(range(lead)) + tuple(
        i for i, (n, w) in enumerate(zip(shape[lead:], wanted), lead) if w == 1 and n != 1
    )
    if lead < 0 or any(n != w for n, w in zip(shape[max(lead, 0) :], wanted) if w != 1):
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(shape)}}}.")
    if not dims and wanted:
        return input
    total = input.sum(dims if wanted else None, keepdim=bool(wanted))
    return total.reshape(wanted) if total._data.shape != wanted else total


@numpy_names
def squeeze(input: Any, dim: Any = None) -> Any:
    """Dimensions of size 1 dropped: all, or those of ``dim`` that have size 1.

    >>> import minitorch_bn as torch
    >>> torch.squeeze(torch.zeros(1, 3, 1)).shape
    torch.Size([3])
    """
    require_tensor("squeeze", input)
    shape = input._data.shape
    if dim is None:
        dims: Any = range(len(shape))
    else:
        dims = canonical_dims(dim, len(shape)) if dim not in ((), []) else ()
    operator = Squeeze if dim is None else SqueezeDims if isinstance(dim, (tuple, list)) else SqueezeDim
    return operator.apply(input, tuple(d for d in dims if shape[d] == 1))


@numpy_names
def unsqueeze(input: Any, dim: int) -> Any:
    """A dimension of size 1 put in before ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.unsqueeze(torch.tensor([1, 2]), 1)
    tensor([[1],
            [2]])
    """
    require_tensor("unsqueeze", input)
    return Unsqueeze.apply(input, canonical_dim(dim, input._data.ndim + 1))


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of two dimensions, as the last dimension; a view.

    >>> import minitorch_bn as torch
    >>> torch.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    ndim = input._data.ndim
    d1, d2 = canonical_dim(dim1, ndim), canonical_dim(dim2, ndim)
    if d1 == d2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return Diagonal.apply(input, offset, d1, d2)


def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple:
    """Views of ``split_size`` elements each along ``dim`` (the last may be smaller), or of the sizes listed.

    >>> import minitorch_bn as torch
    >>> torch.split(torch.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    shape = tensor._data.shape
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    d = canonical_dim(dim, len(shape))
    n = shape[d]
    if isinstance(split_size_or_sections, (tuple, list)):
        sizes = list(split_size_or_sections)
        if min(sizes, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes}"
            )
        if sum(sizes) != n:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), "
                f"but got split_sizes={sizes}"
            )
        return SplitWithSizes.apply(tensor, sizes, d)
    size = split_size_or_sections
    if not isinstance(size, (int, np.integer)):
        raise TypeError(
            f"split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, not {type_name(size)}"
        )
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and n:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
    return Split.apply(tensor, [min(size, n - start) for start in range(0, n, size)] if n else [0], d)


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple:
    """Cut into at most ``chunks`` views of equal size along ``dim`` (the last may be smaller).

    >>> import minitorch_bn as torch
    >>> torch.chunk(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if not isinstance(chunks, (int, np.integer)):
        raise TypeError(f"chunk(): argument 'chunks' (position 2) must be int, not {type_name(chunks)}")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if not input._data.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    n = input._data.shape[canonical_dim(dim, input._data.ndim)]
    size = -(-n // chunks)
    return split(input, size, dim) if n else split(input, [0] * chunks, dim)


@numpy_names
def unbind(input: Any, dim: int = 0) -> tuple:
    """The slices along ``dim``, as views without that dimension.

    >>> import minitorch_bn as torch
    >>> torch.unbind(torch.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    if not input._data.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return Unbind.apply(input, canonical_dim(dim, input._data.ndim))


def _sequence(name: str, tensors: Any) -> list:
    if isinstance(tensors, Variable) or not isinstance(tensors, (tuple, list)):
        kind = type_name(tensors)
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {kind}")
    for i, x in enumerate(tensors):
        if not isinstance(x, Variable):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type_name(x)}")
    return list(promoted(*tensors)) if tensors else []


@numpy_names
def cat(tensors: Any, dim: int = 0) -> Any:
    """Tensors joined along an existing dimension; their other sizes must agree.

    >>> import minitorch_bn as torch
    >>> torch.cat([torch.zeros(1, 2), torch.ones(1, 2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    parts = _sequence("cat", tensors)
    if not parts:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, x in enumerate(parts):
        if not x._data.ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    # PyTorch's old convention: an empty 1-d tensor joins anything
    first = next((x for x in parts if x._data.shape != (0,)), parts[0])
    d = canonical_dim(dim, first._data.ndim)
    kept = [x for x in parts if x._data.shape != (0,)] if first._data.ndim > 1 else parts
    for i, x in enumerate(kept):
        if x._data.ndim != first._data.ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {first._data.ndim} and {x._data.ndim}"
            )
        for k, (have, want) in enumerate(zip(x._data.shape, first._data.shape)):
            if k != d and have != want:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {want} but got size {have} "
                    f"for tensor number {i} in the list."
                )
    return Cat.apply(*parts, d)


@numpy_names
def stack(tensors: Any, dim: int = 0) -> Any:
    """Tensors of one shape joined along a new dimension.

    >>> import minitorch_bn as torch
    >>> torch.stack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[1, 2],
            [3, 4]])
    """
    parts = _sequence("stack", tensors)
    if not parts:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = parts[0]._data.shape
    for i, x in enumerate(parts):
        if x._data.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x._data.shape)} at entry {i}"
            )
    return Stack.apply(*parts, canonical_dim(dim, len(shape) + 1))


def flip(input: Any, *order: Any, dims: Any = None) -> Any:
    """The order reversed along ``dims``; a copy.

    >>> import minitorch_bn as torch
    >>> torch.flip(torch.tensor([[1, 2], [3, 4]]), dims=(1,))
    tensor([[2, 1],
            [4, 3]])
    """
    order = size_argument(order if dims is None else (dims,), "flip", "dims")
    return Flip.apply(input, canonical_dims(order, input._data.ndim) if order else ())


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """Shifted along ``dims`` (without them: as if flattened), elements coming in again at the other end.

    >>> import minitorch_bn as torch
    >>> torch.roll(torch.tensor([1, 2, 3, 4]), 1)
    tensor([4, 1, 2, 3])
    """
    require_tensor("roll", input)
    amounts = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,)
    for amount in amounts:
        if not isinstance(amount, (int, np.integer)):
            raise TypeError(f"roll(): argument 'shifts' (position 2) must be tuple of ints, not {type_name(amount)}")
    axes = () if dims is None else tuple(dims) if isinstance(dims, (tuple, list)) else (dims,)
    if not amounts:
        raise RuntimeError("`shifts` required")
    if not axes and len(amounts) == 1:
        return Roll.apply(input, amounts, None)
    if len(axes) != len(amounts):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(amounts)}, dims:{len(axes)}")
    if not input._data.ndim:
        raise IndexError(f"Dimension specified as {axes[0]} but tensor has no dimensions")
    return Roll.apply(input, amounts, tuple(canonical_dim(d, input._data.ndim) for d in axes))


def repeat(input: Any, *repeats: Any) -> Any:
    """The tensor repeated along each dimension; a copy (``expand`` makes none).

    >>> import minitorch_bn as torch
    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = size_argument(repeats, "repeat", "repeats")
    if len(times) < input._data.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if min(times, default=0) < 0:
        sizes = [t * n for t, n in zip(times, (1,) * (len(times) - input._data.ndim) + input._data.shape)]
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(sizes)}: {sizes}")
    return Repeat.apply(input, times)


def tile(input: Any, *repeats: Any, dims: Any = None) -> Any:
    """Like ``repeat``, with missing leading repetitions taken as 1.

    >>> import minitorch_bn as torch
    >>> torch.tile(torch.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    times = size_argument(repeats if dims is None else (dims,), "tile", "dims")
    return repeat(input, (1,) * (input._data.ndim - len(times)) + times)


def contiguous(input: Any, *, memory_format: Any = contiguous_format) -> Any:
    """The tensor itself if its memory is in row-major order (or that of ``memory_format``), else a copy that is.

    >>> import minitorch_bn as torch
    >>> torch.zeros(2, 3).t().contiguous().is_contiguous()
    True
    """
    order = None if memory_format is contiguous_format else memory_format.order(input._data.ndim)
    if (input._data if order is None else input._data.transpose(order)).flags.c_contiguous:
        return input
    if memory_format is preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    return input.clone(memory_format=memory_format)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple:
    """Coordinate grids of 1-d tensors, as views.

    >>> import minitorch_bn as torch
    >>> x, y = torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4, 5]), indexing="ij")
    >>> x
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    parts = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    n = len(parts)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else range(n)  # the dimension that each tensor fills
    sizes = tuple(parts[place]._data.size for place in places)
    return tuple(x.reshape((1,) * i + (-1,) + (1,) * (n - 1 - i)).expand(sizes) for i, x in zip(places, parts))


def hstack(tensors: Any) -> Any:
    """Joined side by side: along dimension 1 (0 for 1-d tensors).

    >>> import minitorch_bn as torch
    >>> torch.hstack((torch.tensor([1, 2]), torch.tensor([3])))
    tensor([1, 2, 3])
    """
    if not tensors:
        raise RuntimeError("hstack expects a non-empty TensorList")
    parts = [x.reshape(1) if not x._data.ndim else x for x in tensors]
    return cat(parts, 0 if parts[0]._data.ndim == 1 else 1)


def vstack(tensors: Any) -> Any:
    """Joined one below the other, 1-d tensors as rows.

    >>> import minitorch_bn as torch
    >>> torch.vstack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[1, 2],
            [3, 4]])
    """
    if not tensors:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return cat([x.reshape(1, -1) if x._data.ndim < 2 else x for x in tensors], 0)


def column_stack(tensors: Any) -> Any:
    """Joined side by side, 1-d tensors as columns.

    >>> import minitorch_bn as torch
    >>> torch.column_stack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    return cat([x.reshape(-1, 1) if x._data.ndim < 2 else x for x in tensors], 1)


def atleast_1d(input: Any) -> Any:
    """A zero-dim tensor as one of one element; others unchanged."""
    require_tensor("atleast_1d", input)
    return input if input._data.ndim else input.reshape(1)


def numel(input: Any) -> int:
    """The number of elements.

    >>> import minitorch_bn as torch
    >>> torch.numel(torch.zeros(2, 3))
    6
    """
    return input._data.size


def tril(input: Any, diagonal: int = 0) -> Any:
    """The lower triangle of the last two dimensions, 0 elsewhere.

    >>> import minitorch_bn as torch
    >>> torch.tril(torch.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    _require_matrix("tril", input)
    return Tril.apply(input, diagonal)


def triu(input: Any, diagonal: int = 0) -> Any:
    """The upper triangle of the last two dimensions, 0 elsewhere.

    >>> import minitorch_bn as torch
    >>> torch.triu(torch.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    _require_matrix("triu", input)
    return Triu.apply(input, diagonal)


def _require_matrix(name: str, input: Any) -> None:
    require_tensor(name, input)
    if input._data.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
