"""Pooling layers: they hold the arguments; the mathematics is in ``minitorch_bn.ops.pooling``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn.nn import functional as F
from minitorch_bn.nn.modules.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar

    from minitorch_bn._tensor import Tensor

    Ints = int | tuple[int, ...]
    Sizes = int | None | tuple[int | None, ...]

__all__ = [
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
]


class _MaxPoolNd(Module):
    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The maximum of each window of a sequence, (N, C, L) or (C, L); arguments as in ``MaxPool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.MaxPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 5.0]]))
    tensor([[3., 5.]])
    """

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """The maximum of each window of an image: (N, C, H, W) -> (N, C, H', W'), also without N.

    Args:
        kernel_size, stride, padding, dilation: an int, or a tuple of one for each dimension; ``stride`` is
            ``kernel_size`` unless given; the padding counts as -inf.
        return_indices: answer also each maximum's flat position in its plane.
        ceil_mode: keep a last window that sticks out.

    >>> import minitorch_bn as torch
    >>> pool = torch.nn.MaxPool2d(2); pool
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    >>> pool(torch.arange(16.0).reshape(1, 1, 4, 4))
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """

    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """The maximum of each window of a volume, (N, C, D, H, W) or (C, D, H, W); arguments as in ``MaxPool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.MaxPool3d(2)(torch.randn(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 2, 2, 2])
    """

    _function = staticmethod(F.max_pool3d)


class _AvgPoolNd(Module):
    kernel_size: Ints
    stride: Ints
    padding: Ints

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of a sequence, (N, C, L) or (C, L); arguments as in ``AvgPool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.AvgPool1d(2)(torch.tensor([[1.0, 3.0, 2.0, 6.0]]))
    tensor([[2., 4.]])
    """

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = _single(kernel_size if stride is None else stride)
        self.padding = _single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _PlanarAvgPool(_AvgPoolNd):
    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool2d(_PlanarAvgPool):
    """The mean of each window of an image: (N, C, H, W) -> (N, C, H', W'), also without N.

    Args:
        kernel_size, stride, padding: an int, or a tuple of one for each dimension; ``stride`` is ``kernel_size`` unless
            given.
        ceil_mode: keep a last window that sticks out.
        count_include_pad: whether the padding's zeros count in the divisor.
        divisor_override: divide by this instead.

    >>> import minitorch_bn as torch
    >>> torch.nn.AvgPool2d(2)(torch.arange(16.0).reshape(1, 1, 4, 4))
    tensor([[[[ 2.5000,  4.5000],
              [10.5000, 12.5000]]]])
    """

    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_PlanarAvgPool):
    """The mean of each window of a volume, (N, C, D, H, W) or (C, D, H, W); arguments as in ``AvgPool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.AvgPool3d(2)(torch.randn(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 2, 2, 2])
    """

    _function = staticmethod(F.avg_pool3d)


class _AdaptiveAvgPoolNd(Module):
    _function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Sizes) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """The mean of each of ``output_size`` equal parts of a sequence, (N, C, L) or (C, L).

    >>> import minitorch_bn as torch
    >>> torch.nn.AdaptiveAvgPool1d(2)(torch.tensor([[[1.0, 3.0, 5.0, 7.0]]]))
    tensor([[[2., 6.]]])
    """

    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """The mean of each cell of an ``output_size`` grid: (N, C, H, W) -> (N, C, *output_size), also without N.

    ``output_size``: an int, or a tuple of one for each dimension, None for the input's own. 1 is global pooling.

    >>> import minitorch_bn as torch
    >>> torch.nn.AdaptiveAvgPool2d(1)(torch.arange(16.0).reshape(1, 1, 4, 4))
    tensor([[[[7.5000]]]])
    """

    _function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """The mean of each cell of a volume, (N, C, D, H, W) or (C, D, H, W); see ``AdaptiveAvgPool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.AdaptiveAvgPool3d(1)(torch.randn(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 1, 1, 1])
    """

    _function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPoolNd(Module):
    _function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The maximum of each of ``output_size`` equal parts of a sequence, (N, C, L) or (C, L).

    >>> import minitorch_bn as torch
    >>> torch.nn.AdaptiveMaxPool1d(2)(torch.tensor([[[1.0, 3.0, 5.0, 7.0]]]))
    tensor([[[3., 7.]]])
    """

    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The maximum of each cell of an ``output_size`` grid: (N, C, H, W) -> (N, C, *output_size), also without N.

    >>> import minitorch_bn as torch
    >>> torch.nn.AdaptiveMaxPool2d((1, 2))(torch.arange(16.0).reshape(1, 1, 4, 4))
    tensor([[[[13., 15.]]]])
    """

    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The maximum of each cell of a volume, (N, C, D, H, W) or (C, D, H, W); see ``AdaptiveMaxPool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.AdaptiveMaxPool3d(1)(torch.randn(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 1, 1, 1])
    """

    _function = staticmethod(F.adaptive_max_pool3d)


def _single(value: Ints) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)
