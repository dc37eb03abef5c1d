"""Convolution layers: parameters, their first values, ``forward``. The mathematics is in ``minitorch_bn.ops.conv``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitorch_bn.autograd.variable import Variable
from minitorch_bn.creation import empty
from minitorch_bn.nn import functional as F
from minitorch_bn.nn import init
from minitorch_bn.nn.modules._registered import registered
from minitorch_bn.nn.modules.lazy import _LazyLayer
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.nn.parameter import Parameter
from minitorch_bn.ops._common import invalid_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import ClassVar

    from minitorch_bn._tensor import Tensor
    from minitorch_bn.dtypes import dtype as DType

    Ints = int | tuple[int, ...]

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutions have: ``weight``, ``bias`` (or None) and the numbers that describe the window."""

    transposed: ClassVar[bool]
    _function: ClassVar[Callable[..., Any]]
    _dims: ClassVar[int]
    weight: Parameter = registered()
    bias: Parameter | None = registered()

    def _build(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints,
        padding: str | Ints,
        dilation: Ints,
        output_padding: Ints,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: DType | None,
    ) -> None:
        _check_groups(in_channels, out_channels, groups)
        _check_padding(padding, stride, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = self._per_dimension(kernel_size)
        self.stride = self._per_dimension(stride)
        self.padding: Any = padding if isinstance(padding, str) else self._per_dimension(padding)
        self.dilation = self._per_dimension(dilation)
        self.output_padding = self._per_dimension(output_padding)
        self.groups = groups
        self.padding_mode = padding_mode
        self.weight = Parameter(empty(self._weight_shape(in_channels), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def _per_dimension(self, value: Ints) -> tuple[int, ...]:
        return tuple(value) if isinstance(value, (tuple, list)) else (value,) * self._dims

    def _weight_shape(self, in_channels: int) -> tuple[int, ...]:
        # fan_in of the transposed weight counts the output channels, as in PyTorch
        rows, columns = (in_channels, self.out_channels) if self.transposed else (self.out_channels, in_channels)
        return (rows, columns // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Weight and bias uniform in [-b, b), b = 1 / sqrt(fan_in), drawn in this order."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        for name, default in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            value = getattr(self, name)
            if value != (default,) * len(value):
                parts.append(f"{name}={value}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    """``forward`` and the signature of convolutions that are not transposed."""

    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: str | Ints = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self._build(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    @property
    def _reversed_padding_repeated_twice(self) -> tuple[int, ...]:
        """The padding as ``F.pad`` wants it: (before, after), the last dimension first."""
        pad: list[int] = []
        for dim in reversed(range(len(self.kernel_size))):
            if self.padding == "same":
                total = self.dilation[dim] * (self.kernel_size[dim] - 1)
                pad += [total // 2, total - total // 2]
            else:
                pad += [0 if self.padding == "valid" else self.padding[dim]] * 2
        return tuple(pad)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        if not isinstance(input, Variable):
            arguments = (input, weight, bias, self.stride, padding, self.dilation, self.groups)
            raise invalid_arguments(type(self)._function.__name__, *arguments, expected="(Tensor input)")
        return type(self)._function(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Convolution of sequences, (N, C, L) or (C, L); arguments as in ``Conv2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.Conv1d(3, 8, 5, padding="same")(torch.zeros(2, 3, 20)).shape
    torch.Size([2, 8, 20])
    """

    _dims = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Convolution of images: (N, in_channels, H, W) -> (N, out_channels, H', W'), also without N.

    Args:
        in_channels, out_channels: channels of the input and of the result.
        kernel_size, stride, padding, dilation: an int, or a tuple of one for each dimension; ``padding`` may be "same"
            (the result has the size of the input; needs stride 1) or "valid" (none).
        groups: into how many parts channels and filters are split; ``groups=in_channels`` is a depthwise convolution.
        bias: whether a number is added for each output channel.
        padding_mode: what the padding consists of: "zeros", "reflect", "replicate" or "circular".
        device, dtype: of the parameters.

    ``weight`` (out_channels, in_channels / groups, kh, kw) and ``bias`` (out_channels) start uniform in [-b, b),
    b = 1 / sqrt(in_channels / groups * kh * kw).

    Raises:
        ValueError: ``groups`` does not divide both numbers of channels; a padding that does not exist.

    >>> import minitorch_bn as torch
    >>> conv = torch.nn.Conv2d(3, 16, 3, padding=1); conv
    Conv2d(3, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    >>> conv(torch.zeros(8, 3, 32, 32)).shape
    torch.Size([8, 16, 32, 32])
    """

    _dims = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Convolution of volumes, (N, C, D, H, W) or (C, D, H, W); arguments as in ``Conv2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.Conv3d(1, 2, 3)(torch.zeros(1, 5, 5, 5)).shape
    torch.Size([2, 3, 3, 3])
    """

    _dims = 3
    _function = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """``forward`` and the signature of transposed convolutions."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        if isinstance(padding, str):
            raise TypeError(f"conv_transpose{self._dims}d(): argument 'padding' must be tuple of ints, not str")
        self._build(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        output_padding = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups, self.dilation
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """What to add to the smallest result to get ``output_size``; ValueError if it cannot be had."""
        dims, ndim = self._dims, input.dim()
        if len(output_size) not in (dims, ndim):
            raise ValueError(
                f"ConvTranspose{dims}D: for {ndim}D input, output_size must have {dims} or {ndim} elements (got "
                f"{len(output_size)})"
            )
        wanted = tuple(output_size)[-dims:]
        numbers = zip(input.shape[-dims:], self.kernel_size, self.stride, self.padding, self.dilation)
        smallest = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in numbers]
        largest = [n + s - 1 for n, s in zip(smallest, self.stride)]
        if any(not low <= size <= high for low, size, high in zip(smallest, wanted, largest)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {smallest} to {largest} (for an "
                f"input of {input.shape[-dims:]})"
            )
        return tuple(size - low for size, low in zip(wanted, smallest))


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution of sequences, (N, C, L) or (C, L); arguments as in ``ConvTranspose2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.ConvTranspose1d(3, 8, 4, stride=2, padding=1)(torch.zeros(2, 3, 10)).shape
    torch.Size([2, 8, 20])
    """

    _dims = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """The adjoint of ``Conv2d``: (N, in_channels, H, W) -> (N, out_channels, H', W'), also without N.

    H' = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1; ``forward(input, output_size)``
    chooses ``output_padding`` for a size that is wanted. ``weight``: (in_channels, out_channels / groups, kh, kw).

    Raises:
        ValueError: ``groups`` does not divide both numbers of channels; an ``output_size`` out of reach.

    >>> import minitorch_bn as torch
    >>> up = torch.nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1)
    >>> up(torch.zeros(1, 16, 10, 10)).shape, up(torch.zeros(1, 16, 10, 10), output_size=(20, 20)).shape
    (torch.Size([1, 8, 19, 19]), torch.Size([1, 8, 20, 20]))
    """

    _dims = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution of volumes, (N, C, D, H, W) or (C, D, H, W); arguments as in ``ConvTranspose2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.ConvTranspose3d(2, 1, 2, stride=2)(torch.zeros(1, 2, 3, 3, 3)).shape
    torch.Size([1, 1, 6, 6, 6])
    """

    _dims = 3
    _function = staticmethod(F.conv_transpose3d)


class _LazyConvNd(_LazyLayer):
    """What a convolution needs to be lazy."""

    _unknown = "in_channels"
    _dims: ClassVar[int]
    out_channels: int
    groups: int
    _weight_shape: Any

    def _size_in(self, input: Tensor) -> int:
        dims = self._dims
        if input.dim() not in (dims + 1, dims + 2):
            raise RuntimeError(
                f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {type(self).__name__}, but got "
                f"input of size: {input.shape}"
            )
        return input.shape[-dims - 1]

    def _shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        _check_groups(size, self.out_channels, self.groups)
        return {"weight": self._weight_shape(size), "bias": (self.out_channels,)}


class _LazyConv(_LazyConvNd):
    """The signature of lazy convolutions that are not transposed."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: str | Ints = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            0, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )


class LazyConv1d(_LazyConv, Conv1d):
    """``Conv1d`` that takes ``in_channels`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> torch.nn.LazyConv1d(4, 3)(torch.randn(2, 3, 8)).shape
    torch.Size([2, 4, 6])
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """``Conv2d`` that takes ``in_channels`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> conv = torch.nn.LazyConv2d(16, 3); conv
    LazyConv2d(0, 16, kernel_size=(3, 3), stride=(1, 1))
    >>> _ = conv(torch.zeros(8, 3, 32, 32)); conv
    Conv2d(3, 16, kernel_size=(3, 3), stride=(1, 1))
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """``Conv3d`` that takes ``in_channels`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> torch.nn.LazyConv3d(4, 3)(torch.randn(2, 3, 5, 5, 5)).shape
    torch.Size([2, 4, 3, 3, 3])
    """

    cls_to_become = Conv3d


class _LazyConvTranspose(_LazyConvNd):
    """The signature of lazy transposed convolutions."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            0, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation, padding_mode,
            device, dtype,
        )  # fmt: skip


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """``ConvTranspose1d`` that takes ``in_channels`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> torch.nn.LazyConvTranspose1d(4, 3)(torch.randn(2, 3, 8)).shape
    torch.Size([2, 4, 10])
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """``ConvTranspose2d`` that takes ``in_channels`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> torch.nn.LazyConvTranspose2d(4, 3)(torch.randn(2, 3, 8, 8)).shape
    torch.Size([2, 4, 10, 10])
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """``ConvTranspose3d`` that takes ``in_channels`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> torch.nn.LazyConvTranspose3d(4, 3)(torch.randn(2, 3, 4, 4, 4)).shape
    torch.Size([2, 4, 6, 6, 6])
    """

    cls_to_become = ConvTranspose3d


def _check_groups(in_channels: int, out_channels: int, groups: int) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            raise ValueError(f"{name} must be divisible by groups\n{name} is {channels}, groups is {groups}.")


def _check_padding(padding: str | Ints, stride: Ints, padding_mode: str) -> None:
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string '{padding}', should be one of {{'same', 'valid'}}")
        strides = stride if isinstance(stride, (tuple, list)) else (stride,)
        if padding == "same" and any(s != 1 for s in strides):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _PADDING_MODES:
        modes = ", ".join(f"'{mode}'" for mode in _PADDING_MODES)
        raise ValueError(f"padding_mode must be one of {{{modes}}}, but got padding_mode='{padding_mode}'")
