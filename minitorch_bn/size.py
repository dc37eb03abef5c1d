"""The shape of a tensor: a tuple of ints that prints as PyTorch's."""

from __future__ import annotations

import math
from operator import index
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, SupportsIndex


class Size(tuple[int, ...]):
    """The lengths of a tensor's dimensions. Slices, sums and multiples of a Size are Sizes again.

    Raises:
        TypeError: an item is not a whole number.

    >>> import minitorch_bn as torch
    >>> size = torch.Size([2, 3, 4])
    >>> size[1:], size.numel()
    (torch.Size([3, 4]), 24)
    >>> (1,) + size * 2
    torch.Size([1, 2, 3, 4, 2, 3, 4])
    """

    __slots__ = ()

    def __new__(cls, iterable: Iterable[SupportsIndex] = (), /) -> Size:
        items = tuple(iterable)
        try:
            return tuple.__new__(cls, map(index, items))
        except TypeError:
            raise TypeError(_not_whole(items)) from None

    def numel(self) -> int:
        """The number of elements of a tensor of this size."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, key: Any) -> Any:
        item = tuple.__getitem__(self, key)
        return tuple.__new__(Size, item) if type(item) is tuple else item

    def __add__(self, other: Any) -> Any:
        if isinstance(other, tuple):
            return Size((*self, *other))
        # An array on the right adds the numbers, as with a tuple on the left.
        reflected = getattr(type(other), "__radd__", None)
        total = reflected(other, self) if reflected else NotImplemented
        if total is NotImplemented:
            raise TypeError(f"can only concatenate tuple (not {type(other).__name__}) to torch.Size")
        return total

    def __radd__(self, other: Any) -> Any:
        return Size((*other, *self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> Any:
        product = tuple(self) * times
        return Size(product) if type(product) is tuple else product

    __rmul__ = __mul__

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)


def _not_whole(items: tuple[Any, ...]) -> str:
    """PyTorch's text about the first of `items` that is not a whole number."""
    for i, item in enumerate(items):
        if not hasattr(item, "__index__"):
            return f"torch.Size() takes an iterable of 'int' (item {i} is '{type(item).__name__}')"
    return "torch.Size() takes an iterable of 'int'"


def broadcast_shapes(*shapes: Iterable[int]) -> Size:
    """The common shape of values of these shapes; RuntimeError, naming the sizes that disagree, if there is none."""
    sizes = [tuple(s) for s in shapes]
    ndim = max(map(len, sizes), default=0)
    result = [1] * ndim
    for size in sizes:
        for i, n in zip(range(ndim - 1, -1, -1), reversed(size)):  # PyTorch reports the last mismatch
            if result[i] == 1:
                result[i] = n
            elif n not in (1, result[i]):
                raise RuntimeError(
                    f"The size of tensor a ({result[i]}) must match the size of tensor b ({n}) at non-singleton "
                    f"dimension {i}"
                )
    return Size(result)
