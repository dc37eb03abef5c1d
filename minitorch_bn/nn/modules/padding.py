"""Layers that put a border around the last dimensions.

``padding`` is one width for all sides, or (left, right), (left, right, top, bottom), (left, right, top, bottom, front,
back); negative widths cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn.nn import functional as F
from minitorch_bn.nn.modules.module import Module

if TYPE_CHECKING:
    from minitorch_bn._tensor import Tensor


class _Pad(Module):
    """A border; subclasses say of how many sides and of which kind."""

    sides: int
    mode: str
    padding: tuple[int, ...]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple(padding) if hasattr(padding, "__iter__") else (padding,) * self.sides

    def forward(self, input: Tensor) -> Tensor:
        """``functional.pad``."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """A border of ``value``."""

    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """``functional.pad`` with the value."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A border of ``value`` at the ends of the last dimension.

    >>> import minitorch_bn as torch
    >>> torch.nn.ConstantPad1d((1, 2), 9.0)(torch.tensor([[[1.0, 2.0]]]))
    tensor([[[9., 1., 2., 9., 9.]]])
    """

    sides = 2


class ConstantPad2d(_ConstantPad):
    """A border of ``value`` around the last two dimensions.

    >>> import minitorch_bn as torch
    >>> torch.nn.ConstantPad2d(1, 9.0)(torch.zeros(1, 1, 1, 1))
    tensor([[[[9., 9., 9.],
              [9., 0., 9.],
              [9., 9., 9.]]]])
    """

    sides = 4


class ConstantPad3d(_ConstantPad):
    """A border of ``value`` around the last three dimensions.

    >>> import minitorch_bn as torch
    >>> torch.nn.ConstantPad3d(1, 9.0)(torch.zeros(1, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 4, 4, 4])
    """

    sides = 6


class _ZeroPad(_ConstantPad):
    """A border of zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """A border of zeros at the ends of the last dimension.

    >>> import minitorch_bn as torch
    >>> torch.nn.ZeroPad1d((1, 2))(torch.tensor([[[1.0, 2.0]]]))
    tensor([[[0., 1., 2., 0., 0.]]])
    """


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """A border of zeros around the last two dimensions.

    >>> import minitorch_bn as torch
    >>> torch.nn.ZeroPad2d((1, 0, 0, 1))(torch.ones(1, 2, 2))
    tensor([[[0., 1., 1.],
             [0., 1., 1.],
             [0., 0., 0.]]])
    """


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """A border of zeros around the last three dimensions.

    >>> import minitorch_bn as torch
    >>> torch.nn.ZeroPad3d(1)(torch.zeros(1, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 4, 4, 4])
    """


class _ReflectionPad(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """(N, C, L) or (C, L) mirrored at its ends.

    >>> import minitorch_bn as torch
    >>> torch.nn.ReflectionPad1d(2)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 2., 1., 2., 3., 2., 1.]]])
    """

    sides = 2


class ReflectionPad2d(_ReflectionPad):
    """(N, C, H, W) or (C, H, W) mirrored at its edges.

    >>> import minitorch_bn as torch
    >>> torch.nn.ReflectionPad2d(1)(torch.zeros(1, 1, 3, 3)).shape
    torch.Size([1, 1, 5, 5])
    """

    sides = 4


class ReflectionPad3d(_ReflectionPad):
    """(N, C, D, H, W) or (C, D, H, W) mirrored at its faces.

    >>> import minitorch_bn as torch
    >>> torch.nn.ReflectionPad3d(1)(torch.zeros(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 5, 5, 5])
    """

    sides = 6


class _ReplicationPad(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """(N, C, L) or (C, L) with its ends repeated.

    >>> import minitorch_bn as torch
    >>> torch.nn.ReplicationPad1d(2)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[1., 1., 1., 2., 3., 3., 3.]]])
    """

    sides = 2


class ReplicationPad2d(_ReplicationPad):
    """(N, C, H, W) or (C, H, W) with its edges repeated.

    >>> import minitorch_bn as torch
    >>> torch.nn.ReplicationPad2d(1)(torch.zeros(1, 1, 3, 3)).shape
    torch.Size([1, 1, 5, 5])
    """

    sides = 4


class ReplicationPad3d(_ReplicationPad):
    """(N, C, D, H, W) or (C, D, H, W) with its faces repeated.

    >>> import minitorch_bn as torch
    >>> torch.nn.ReplicationPad3d(1)(torch.zeros(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 5, 5, 5])
    """

    sides = 6


class _CircularPad(_Pad):
    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """``functional.pad``."""
        d = self.sides // 2
        if input.dim() not in (d + 1, d + 2):
            raise ValueError(f"expected {d + 1}D or {d + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPad):
    """(N, C, L) or (C, L) wrapped around.

    >>> import minitorch_bn as torch
    >>> torch.nn.CircularPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 1., 2., 3., 1.]]])
    """

    sides = 2


class CircularPad2d(_CircularPad):
    """(N, C, H, W) or (C, H, W) wrapped around.

    >>> import minitorch_bn as torch
    >>> torch.nn.CircularPad2d(1)(torch.zeros(1, 1, 3, 3)).shape
    torch.Size([1, 1, 5, 5])
    """

    sides = 4


class CircularPad3d(_CircularPad):
    """(N, C, D, H, W) or (C, D, H, W) wrapped around.

    >>> import minitorch_bn as torch
    >>> torch.nn.CircularPad3d(1)(torch.zeros(1, 1, 3, 3, 3)).shape
    torch.Size([1, 1, 5, 5, 5])
    """

    sides = 6
