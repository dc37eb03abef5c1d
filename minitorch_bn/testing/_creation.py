"""``make_tensor``: random tensors to test with."""

from __future__ import annotations

import math
from typing import Any

import minitorch_bn.dtypes as dt
from minitorch_bn.creation import empty, randint


def make_tensor(
    *shape: Any,
    dtype: dt.dtype,
    device: Any = "cpu",
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Any:
    """A tensor of uniform random numbers from [low, high), PyTorch's for the same seed.

    Without ``low`` and ``high``: [-9, 9) for floats, -9 ... 9 for integers, 0 ... 9 for uint8, False and True for bool.
    ``exclude_zero`` makes each 0 the smallest positive number (1 for integers).

    Raises:
        ValueError: an empty or NaN range, or ``requires_grad`` for whole numbers.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.testing.make_tensor(3, dtype=torch.float32, device="cpu")
    tensor([-0.0674,  4.8280, -7.4074])
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    low, high = _range(dtype, low, high)
    if requires_grad and not dtype.is_floating_point:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    noncontiguous = noncontiguous and math.prod(sizes) > 1
    drawn = (*sizes[:-1], 2 * sizes[-1]) if noncontiguous else sizes
    if dtype.is_floating_point:
        result = empty(drawn, dtype=dtype, device=device).uniform_(low, high)
    else:
        result = randint(math.ceil(low), math.ceil(high), drawn, dtype=dtype, device=device)
    if noncontiguous:  # every other element of rows twice as long
        result = result[..., 1::2]
    if exclude_zero:
        result[result == 0] = dt.finfo(dtype).tiny if dtype.is_floating_point else 1
    return result.requires_grad_() if requires_grad else result


def _range(dtype: dt.dtype, low: float | None, high: float | None) -> tuple[float, float]:
    """The range asked for, or the dtype's own, within what the dtype can hold."""
    defaults = {dt.bool: (0, 2), dt.uint8: (0, 10)}.get(dtype, (-9, 9) if dtype.is_floating_point else (-9, 10))
    low, high = (given if given is not None else default for given, default in zip((low, high), defaults))
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low > high or (low == high and not dtype.is_floating_point):
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    if dtype is dt.bool:
        return max(low, 0), min(high, 2)
    limits = dt.finfo(dtype) if dtype.is_floating_point else dt.iinfo(dtype)
    return max(low, limits.min), min(high, limits.max if dtype.is_floating_point else limits.max + 1)
