"""Another size for the memory of a tensor, whatever its strides were."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from minitorch_bn.ops._common import require_tensor, size_argument
from minitorch_bn.storage import memory_of


def resize_(self: Any, *size: Any, memory_format: Any = None) -> Any:
    """The tensor takes another size, in place: its memory is read on in row-major order, and made larger if need be.

    What is new in it is unset. Use ``reshape`` unless you mean this.

    >>> import minitorch_bn as torch
    >>> x = torch.arange(6.0); x.resize_(2, 2)
    tensor([[0., 1.],
            [2., 3.]])
    """
    if not size:
        raise TypeError('resize_() missing 1 required positional arguments: "size"')
    shape = size_argument(size, "resize_")
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if any(length < 0 for length in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    if shape != self._data.shape:
        memory, first = memory_of(self._data)
        count = prod(shape)
        if first + count > memory.size:
            larger = np.empty(first + count, memory.dtype)
            larger[: memory.size] = memory
            memory = larger
        self._data = memory[first : first + count].reshape(shape)
    return self


def resize_as_(self: Any, the_template: Any, *, memory_format: Any = None) -> Any:
    """``resize_`` to the size of another tensor.

    >>> import minitorch_bn as torch
    >>> torch.arange(4.0).resize_as_(torch.ones(1, 2))
    tensor([[0., 1.]])
    """
    require_tensor("resize_as_", the_template, "the_template", 1)
    return resize_(self, the_template.shape)
