"""What the kernels share: the dtype to sum in, and where windows lie."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Shape = tuple[int, ...]
    Index = tuple[Any, ...]


def sum_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype to sum in: float32 for the 16-bit floats (float16, and bfloat16 of `ml_dtypes`)."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind not in "iu" else dtype


def window_taps(
    spatial: Shape, out: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
) -> Iterator[tuple[Index, Index]]:
    """For each position in the window, in row-major order: which windows read the plane there, and where."""
    axes = []
    for n, o, k, s, p, d in zip(spatial, out, kernel, stride, padding, dilation, strict=True):
        axes.append(axis_taps(n, o, k, s, p, d))
    for pairs in product(*axes):
        outer, inner = zip(*pairs, strict=True)
        yield (..., *outer), (..., *inner)


def axis_taps(n: int, out: int, kernel: int, stride: int, padding: int, dilation: int) -> list[tuple[slice, slice]]:
    """For each position in a window of one dimension: which windows read the axis there, and where."""
    return [_tap(n, out, stride, dilation * i - padding) for i in range(kernel)]


def _tap(n: int, out: int, stride: int, offset: int) -> tuple[slice, slice]:
    """The windows i with 0 <= stride * i + offset < n, and those positions."""
    first = max(0, -(offset // stride))
    count = max(0, min(out, (n - 1 - offset) // stride + 1) - first)
    start = stride * first + offset
    return slice(first, first + count), slice(start, start + stride * count, stride)
