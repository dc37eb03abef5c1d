"""Names for the types of arguments, as ``torch.types``."""

from __future__ import annotations

import os
from typing import IO

from minitorch_bn._device import device
from minitorch_bn.dtypes import dtype
from minitorch_bn.size import Size

__all__ = ["Device", "FileLike", "Number"]

Number = int | float | bool
Device = device | str | int | None
FileLike = str | os.PathLike[str] | IO[bytes]
_size = Size | list[int] | tuple[int, ...]
_dtype, _device = dtype, device
_int, _float, _bool = int, float, bool
