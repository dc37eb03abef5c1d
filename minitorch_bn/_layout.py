"""How elements lie in memory: always strided, the strides in row-major order or with the channels last."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def strides_of(array: np.ndarray) -> tuple[int, ...]:
    """How many elements apart neighbours are, for each dimension; numpy does not say where there are no elements."""
    if array.size:
        return tuple([s // array.itemsize for s in array.strides])
    strides = [1]
    for size in reversed(array.shape[1:]):
        strides.insert(0, strides[0] * max(size, 1))
    return tuple(strides[: array.ndim])


class layout:
    """The layout of a tensor; ``strided`` is the only one here.

    >>> import minitorch_bn as torch
    >>> torch.ones(2).layout
    torch.strided
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format(layout):
    """The order of a tensor's elements in memory.

    >>> import minitorch_bn as torch
    >>> torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last).stride()
    (60, 1, 15, 3)
    """

    __slots__ = ()

    def order(self, ndim: int) -> tuple[int, ...] | None:
        """The dimensions from the slowest to the fastest; None for whatever order they have."""
        if self is preserve_format:
            return None
        if self is contiguous_format:
            return tuple(range(ndim))
        if ndim != self.rank:
            raise RuntimeError(f"required rank {self.rank} tensor to use {self.name} format")
        return 0, *range(2, ndim), 1

    @property
    def rank(self) -> int | None:
        """How many dimensions a tensor must have for the channels to come last; None: any number."""
        return {"channels_last": 4, "channels_last_3d": 5}.get(self.name)


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
