"""Windows laid out as the columns of a matrix, and put back: each the other's adjoint, for convolutions by hand."""

from __future__ import annotations

from math import prod
from typing import Any

from minitorch_bn.autograd.node import Operator
from minitorch_bn.dtypes import from_numpy_dtype
from minitorch_bn.kernels import fold_numpy as kernels
from minitorch_bn.kernels.conv_numpy import conv_output_shape
from minitorch_bn.ops._common import require_tensor


class Unfold(Operator, name="Im2ColBackward0"):
    """every window as a column;  dx = fold(g)"""

    options = 1

    def forward(ctx, x, window):
        ctx.window, ctx.spatial = window, x.shape[-2:]
        return kernels.unfold(x, *window) if x.ndim == 4 else kernels.unfold(x[None], *window)[0]

    def backward(ctx, g):
        return Fold.apply(g, ctx.spatial, ctx.window)


class Fold(Operator, name="Col2ImBackward0"):
    """columns put back as windows, added where they overlap;  dcolumns = unfold(g)"""

    options = 2

    def forward(ctx, columns, spatial, window):
        ctx.window = window
        if columns.ndim == 2:
            return kernels.fold(columns[None], spatial, *window)[0]
        return kernels.fold(columns, spatial, *window)

    def backward(ctx, g):
        return Unfold.apply(g, ctx.window)


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Every window as a column: (N, C, H, W) or (C, H, W) -> (N, C kh kw, L), L windows in row-major order.

    Arguments are an int, or one for each dimension; the padding is zeros. A convolution is one product with them.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.unfold(torch.arange(6.0).reshape(1, 2, 3), 2)
    tensor([[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]])
    """
    require_tensor("im2col", input)
    kernel, stride, padding, dilation = window = _window("im2col", 2, kernel_size, dilation, padding, stride)
    shape = input._data.shape
    if len(shape) < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-len(shape)}, {len(shape) - 1}], but got "
            f"{len(shape)})\nunfold takes (N, C, H, W) or (C, H, W); the input has shape {list(shape)}."
        )
    if len(shape) > 4 or 0 in shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(shape)}"
        )
    blocks = conv_output_shape(shape[-2:], kernel, stride, padding, dilation)
    if min(blocks) < 1:
        raise RuntimeError(
            f"Given input with spatial size {shape[-2:]}, kernel_size={kernel}, dilation={dilation}, padding={padding}"
            f", calculated shape of the array of sliding blocks as {blocks}, but its components must be at least one."
        )
    _check_dtype("im2col", input)
    return Unfold.apply(input, window)


def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Puts columns back as windows and adds where they overlap: (N, C kh kw, L) or (C kh kw, L) -> (N, C, H, W).

    ``output_size`` is (H, W); other arguments as in ``unfold``, whose adjoint this is, not its inverse.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.fold(torch.ones(4, 2), (2, 3), 2)
    tensor([[[1., 2., 1.],
             [1., 2., 1.]]])
    """
    require_tensor("col2im", input)
    output_size = _pair("col2im", "output_size", 2, output_size)
    kernel, stride, padding, dilation = window = _window("col2im", 3, kernel_size, dilation, padding, stride)
    shape = input._data.shape
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(shape)}"
        )
    rows, columns = shape[-2:]
    if rows % prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={kernel}."
        )
    blocks = conv_output_shape(output_size, kernel, stride, padding, dilation)
    if columns != prod(blocks) or min(blocks) < 1:
        raise RuntimeError(
            f"Given output_size={output_size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
            f"stride={stride}, expected size of input's dimension 2 to match the calculated number of sliding blocks "
            f"{blocks[0]} * {blocks[1]} = {prod(blocks)}, but got input.size(2)={columns}."
        )
    _check_dtype("col2im", input)
    return Fold.apply(input, output_size, window)


def _window(name: str, position: int, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Any, ...]:
    """(kernel, stride, padding, dilation), each a pair of ints in range."""
    kernel = _pair(name, "kernel_size", position, kernel_size)
    dilation = _pair(name, "dilation", position + 1, dilation)
    padding = _pair(name, "padding", position + 2, padding)
    stride = _pair(name, "stride", position + 3, stride)
    for what, letter, values in (
        ("kernel size", "kernel", kernel),
        ("stride", "stride", stride),
        ("dilation", "dilation", dilation),
    ):
        if min(values) <= 0:
            shown = f"{letter}_height: {values[0]} {letter}_width: {values[1]}"
            raise RuntimeError(f"{what} should be greater than zero, but got {shown}")
    if min(padding) < 0:
        shown = f"pad_height: {padding[0]} pad_width: {padding[1]}"
        raise RuntimeError(f"padding should be non-negative, but got {shown}")
    return kernel, stride, padding, dilation


def _pair(name: str, argument: str, position: int, value: Any) -> tuple[int, int]:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise RuntimeError(f"It is expected {argument} equals to 2, but got size {len(values)}")
    for place, v in enumerate(values):
        if not hasattr(v, "__index__"):
            raise TypeError(
                f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, but found element of "
                f"type {type(v).__name__} at pos {place}"
            )
    return int(values[0].__index__()), int(values[1].__index__())


def _check_dtype(name: str, input: Any) -> None:
    dtype = from_numpy_dtype(input._data.dtype)
    if dtype.category == 1:
        raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for '{dtype.legacy_name}'")
