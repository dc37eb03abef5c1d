"""Views with strides of one's own choosing."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.ops._common import require_tensor, size_argument
from minitorch_bn.storage import memory_of


class AsStrided(Operator):
    """the elements of a's memory at start + sum_d i_d stride_d, counted from a's first;  da = g added where they are"""

    options = 3
    is_view = True

    def forward(ctx, a, size, stride, start):
        ctx.layout = a.shape, _positions(a.shape, [s // a.itemsize for s in a.strides], 0)
        ctx.places = _positions(size, stride, start)
        memory, first = memory_of(a)
        strides = [s * a.itemsize for s in stride]
        return np.lib.stride_tricks.as_strided(memory[first + start :], size, strides)

    def backward(ctx, g):
        return StridedSum.apply(g, ctx.places, *ctx.layout)


class StridedSum(Operator):
    """g added up in the elements that a view shows: the transpose of the view"""

    options = 3

    def forward(ctx, g, places, shape, origins):
        # where each place lies among the elements of the result; beyond them all if it is none of them
        ctx.index = _index(places, origins)
        out = np.zeros(origins.size + 1, g.dtype)
        np.add.at(out, ctx.index, g)
        return out[:-1].reshape(shape)

    def backward(ctx, h):
        padded = h.reshape(-1)
        padded = padded.new_zeros(padded.shape[0] + 1).index_add(0, wrap(np.arange(padded.shape[0])), padded)
        return padded.take(wrap(ctx.index))


def _positions(size: Any, stride: Any, start: int) -> np.ndarray:
    """Where in memory the elements lie, in an array of their shape."""
    places = np.full(size, start)
    for dim, (n, step) in enumerate(zip(size, stride)):
        places += (np.arange(n) * step).reshape((-1,) + (1,) * (len(size) - dim - 1))
    return places


def _index(places: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """For each place its number among the origins, or how many there are."""
    flat = origins.reshape(-1)
    low = min(flat.min(initial=0), places.min(initial=0))
    numbers = np.full(max(flat.max(initial=0), places.max(initial=0)) - low + 1, flat.size)
    numbers[flat - low] = np.arange(flat.size)
    return numbers[places - low]


def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """A view of input's memory: element (i, j, ...) lies at storage_offset + i stride[0] + j stride[1] + ...

    The offset counts from the start of the memory (default: input's own). Elements may overlap; their gradients add up.
    RuntimeError for sizes and strides of unequal length, negative ones, and what lies outside the memory.

    >>> import minitorch_bn as torch
    >>> torch.as_strided(torch.arange(5), (3, 2), (1, 2))
    tensor([[0, 2],
            [1, 3],
            [2, 4]])
    """
    require_tensor("as_strided", input)
    size, stride = size_argument((size,), "as_strided"), size_argument((stride,), "as_strided", "stride")
    memory, first = memory_of(input._data)
    offset = first if storage_offset is None else storage_offset
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if min(stride, default=0) < 0:
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if min(size, default=0) < 0:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    needed = 0 if 0 in size else offset + 1 + sum((n - 1) * s for n, s in zip(size, stride))
    if needed > memory.size:
        item = input._data.itemsize
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {item} "
            f"requiring a storage size of {needed * item} are out of bounds for storage of size {memory.size * item}"
        )
    return AsStrided.apply(input, size, stride, offset - first if 0 not in size else 0)
