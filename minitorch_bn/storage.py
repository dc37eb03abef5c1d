"""The memory behind tensors: one flat array, of which tensors are views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn._device import CPU, device
from minitorch_bn.dtypes import dtype, from_numpy_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TypedStorage", "UntypedStorage"]


def memory_of(a: np.ndarray) -> tuple[np.ndarray, int]:
    """All of the memory that an array is a view of, flat, and where in it the array's first element lies."""
    owner = a
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    first = (a.__array_interface__["data"][0] - owner.__array_interface__["data"][0]) // a.itemsize
    if owner.dtype == a.dtype:
        return np.lib.stride_tricks.as_strided(owner, (owner.size,), (a.itemsize,)), first
    return np.ndarray((owner.nbytes // a.itemsize,), a.dtype, owner), first


class _Storage:
    """Numbers by their place in memory; writing one changes every tensor that shows it."""

    __slots__ = ("_flat",)

    def __init__(self, flat: np.ndarray) -> None:
        self._flat = flat

    def _describe(self) -> str:
        raise NotImplementedError

    def _place(self, index: int) -> int:
        if not isinstance(index, (int, np.integer)):
            raise RuntimeError(f"can't index a {type(self)} with {type(index)}")
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return index

    def __len__(self) -> int:
        return self._flat.size

    def __getitem__(self, index: int) -> Any:
        return self._flat[self._place(index)].item()

    def __setitem__(self, index: int, value: Any) -> None:
        self._flat[self._place(index)] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self._flat.tolist())

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self)
        return f"{lines}[torch.storage.{type(self).__name__}({self._describe()}) of size {len(self)}]"

    def size(self) -> int:
        """How many there are."""
        return len(self)

    def nbytes(self) -> int:
        """How many bytes they take."""
        return self._flat.nbytes

    def element_size(self) -> int:
        """How many bytes each of them takes."""
        return self._flat.itemsize

    def data_ptr(self) -> int:
        """The address of the first: two tensors share memory if their storages have the same."""
        return self._flat.ctypes.data

    def tolist(self) -> list[Any]:
        """All of them."""
        return self._flat.tolist()

    def is_shared(self) -> bool:
        """Whether worker processes see the same memory: never."""
        return False

    @property
    def device(self) -> device:
        """The CPU."""
        return CPU


class UntypedStorage(_Storage):
    """The bytes of a tensor's memory, of which ``tensor.untyped_storage()`` tells.

    >>> import minitorch_bn as torch
    >>> x = torch.zeros(2, 3)
    >>> x.untyped_storage().nbytes(), x.untyped_storage().data_ptr() == x.t().untyped_storage().data_ptr()
    (24, True)
    """

    __slots__ = ()

    def __init__(self, flat: np.ndarray) -> None:
        super().__init__(flat.view(np.uint8))

    def _describe(self) -> str:
        return "device=cpu"


class TypedStorage(_Storage):
    """The numbers in a tensor's memory, one after the other: ``tensor.storage()``.

    >>> import minitorch_bn as torch
    >>> torch.tensor([[4, 1], [5, 3]]).t().storage()
     4
     1
     5
     3
    [torch.storage.TypedStorage(dtype=torch.int64, device=cpu) of size 4]
    """

    __slots__ = ()

    def _describe(self) -> str:
        return f"dtype={self.dtype!r}, device=cpu"

    @property
    def dtype(self) -> dtype:
        """The dtype of the tensor whose memory it is."""
        return from_numpy_dtype(self._flat.dtype)
