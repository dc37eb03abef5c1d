"""Layers that lay windows out as columns, and put them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitorch_bn.nn import functional as F
from minitorch_bn.nn.modules.module import Module

if TYPE_CHECKING:
    from minitorch_bn._tensor import Tensor

    Ints = int | tuple[int, ...]

__all__ = ["Fold", "Unfold"]


class Fold(Module):
    """Puts columns back as windows and adds where they overlap: (N, C kh kw, L) -> (N, C, *output_size).

    >>> import minitorch_bn as torch
    >>> torch.nn.Fold(output_size=(4, 5), kernel_size=2)(torch.zeros(1, 12, 12)).shape
    torch.Size([1, 3, 4, 5])
    """

    def __init__(
        self, output_size: Ints, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Every window as a column: (N, C, H, W) -> (N, C kh kw, L).

    >>> import minitorch_bn as torch
    >>> torch.nn.Unfold(kernel_size=(2, 3))(torch.zeros(2, 5, 3, 4)).shape
    torch.Size([2, 30, 4])
    """

    def __init__(self, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
