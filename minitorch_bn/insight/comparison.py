"""How a number worked out by hand compares with what was really computed."""

from __future__ import annotations

from typing import NamedTuple

from minitorch_bn import dtypes
from minitorch_bn._tensor import Tensor


class Comparison(NamedTuple):
    """How a number worked out by hand compares with the real one, at the real one's precision.

    ``exact``: equal to the last bit once rounded to its dtype; ``close``: apart by no more than roundings add up to;
    ``difference``: the largest, anywhere.
    """

    exact: bool
    close: bool
    difference: float

    def __str__(self) -> str:
        if self.exact:
            return "exact"
        return f"close ({self.difference:.1e})" if self.close else f"DIFFERS by {self.difference:.1e}"


def compare(hand: Tensor, real: Tensor, scale: Tensor | None = None) -> Comparison:
    """Compares a float64 result with what was really computed, in any floating-point dtype.

    ``scale``, which broadcasts to both, is the size of what was added up on the way: where terms cancel, their
    rounding stays. Default: the result's own size.
    """
    rounded = hand.to(real.dtype)
    differs = ~((rounded == real) | (rounded.isnan() & real.isnan()))
    if not differs.any():
        return Comparison(True, True, 0.0)
    distance = (rounded.double() - real.double()).abs().masked_fill(~differs, 0)
    size = hand.abs() if scale is None else scale.abs().expand(hand.shape)
    info = dtypes.finfo(real.dtype)
    allowed = 8 * info.eps * size + info.tiny
    return Comparison(False, bool((~differs | (distance <= allowed)).all()), distance.max().item())
