"""Convolution and its two adjoints, a family closed under differentiation.

A convolution y = conv(x, w) is linear in x and linear in w. Its adjoints are defined by

    <g, conv(x, w)>  =  <input_grad(g, w), x>  =  <weight_grad(g, x), w>        for all g, x, w

and are linear in both of their arguments as well. So the derivative of each of the three is made of the other two:

    y = conv(x, w)           gx = input_grad(g, w)         gw = weight_grad(g, x)
    z = input_grad(g, w)     gg = conv(h, w)               gw = weight_grad(g, h)         (h arrives for z)
    v = weight_grad(g, x)    gg = conv(x, u)               gx = input_grad(g, u)          (u arrives for v)

which can be read off the line above by moving each argument across. ``input_grad`` used forward is the transposed
convolution. What needs no gradient, such as the input of the first layer, is neither saved nor computed.
"""

from __future__ import annotations

from typing import Any

from minitorch_bn.autograd.node import Operator
from minitorch_bn.kernels import conv as kernels
from minitorch_bn.ops._conv_checks import check_conv, check_conv_transpose


class Conv(Operator, name="ConvolutionBackward0"):
    """y[n, o, p] = b[o] + sum over c, k of w[o, c, k] x[n, c, stride p + dilation k - padding];  db = sum g"""

    options = 1

    def forward(ctx, x, w, b, geometry):
        need_x, need_w, _ = ctx.needs_input_grad
        ctx.save_for_backward(x if need_w else None, w if need_x else None)
        ctx.spatial, ctx.kernel, ctx.geometry = x.shape[2:], w.shape[2:], geometry
        stride, padding, dilation, groups = geometry
        return kernels.conv(x, w, stride, padding, dilation, groups, b)

    def backward(ctx, g):
        x, w = ctx.saved_tensors
        need_x, need_w, need_b = ctx.needs_input_grad
        return (
            ConvInputGrad.apply(g, w, None, ctx.spatial, ctx.geometry) if need_x else None,
            ConvWeightGrad.apply(g, x, ctx.kernel, ctx.geometry) if need_w else None,
            ConvBiasGrad.apply(g) if need_b else None,
        )


class ConvInputGrad(Operator, name="ConvolutionBackward0"):
    """The adjoint of ``Conv`` in its input, (N, O, *out), (O, C/G, *kernel) -> (N, C, *spatial), plus a bias"""

    options = 2

    def forward(ctx, g, w, b, spatial, geometry):
        need_g, need_w, _ = ctx.needs_input_grad
        ctx.save_for_backward(g if need_w else None, w if need_g else None)
        ctx.out, ctx.kernel, ctx.geometry = g.shape[2:], w.shape[2:], geometry
        stride, padding, dilation, groups = geometry
        return kernels.conv_input_grad(g, w, spatial, stride, padding, dilation, groups, b)

    def backward(ctx, h):
        g, w = ctx.saved_tensors
        need_g, need_w, need_b = ctx.needs_input_grad
        return (
            _crop(Conv.apply(h, w, None, ctx.geometry), ctx.out) if need_g else None,
            ConvWeightGrad.apply(g, h, ctx.kernel, ctx.geometry) if need_w else None,
            ConvBiasGrad.apply(h) if need_b else None,
        )


class ConvWeightGrad(Operator, name="ConvolutionBackwardBackward0"):
    """The adjoint of ``Conv`` in its weight, (N, O, *out), (N, C, *spatial) -> (O, C/G, *kernel)"""

    options = 2

    def forward(ctx, g, x, kernel, geometry):
        need_g, need_x = ctx.needs_input_grad
        ctx.save_for_backward(g if need_x else None, x if need_g else None)
        ctx.out, ctx.spatial, ctx.geometry = g.shape[2:], x.shape[2:], geometry
        return kernels.conv_weight_grad(g, x, kernel, *geometry)

    def backward(ctx, u):
        g, x = ctx.saved_tensors
        need_g, need_x = ctx.needs_input_grad
        return (
            _crop(Conv.apply(x, u, None, ctx.geometry), ctx.out) if need_g else None,
            ConvInputGrad.apply(g, u, None, ctx.spatial, ctx.geometry) if need_x else None,
        )


class ConvBiasGrad(Operator, name="SumBackward1"):
    """The adjoint of adding a bias, (N, C, *spatial) -> (C,)"""

    def forward(ctx, g):
        ctx.shape = g.shape
        return kernels.channel_sums(g)

    def backward(ctx, u):
        return u.reshape(1, -1, *(1,) * (len(ctx.shape) - 2)).expand(ctx.shape)


def _crop(y: Any, spatial: tuple[int, ...]) -> Any:
    """Without the windows that g has not: a transposed convolution may end in rows that none of its windows reaches."""
    return y if y._data.shape[2:] == spatial else y[(..., *map(slice, spatial))]


# -- functions -------------------------------------------------------------------------------------------------------


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Slides filters over a sequence: (N, C, L) or (C, L), weight (O, C/groups, k) -> (N, O, L') or (O, L').

    Everything else as in ``conv2d``.

    >>> import minitorch_bn as torch
    >>> x = torch.arange(5.0).reshape(1, 1, 5)
    >>> torch.nn.functional.conv1d(x, torch.tensor([[[1.0, 0.0, -1.0]]]), padding=1)
    tensor([[[-1., -2., -2., -2.,  3.]]])
    """
    return _conv("conv1d", input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Slides filters over images: (N, C, H, W) or (C, H, W), weight (O, C/groups, kh, kw) -> (N, O, H', W').

    ``bias``: (O,). ``stride``, ``padding``, ``dilation``: an int, or one for each spatial dimension. ``padding`` may be
    "valid" (none) or "same" (H' = H; needs stride 1; an even kernel pads one more at the end). ``groups`` splits the
    channels and the filters into that many parts; a filter sees only the channels of its own part. As everywhere in
    deep learning this is a cross-correlation: the kernel is not mirrored.
    H' = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1.

    Raises RuntimeError for shapes, dtypes and numbers that do not fit.

    >>> import minitorch_bn as torch
    >>> edge = torch.tensor([[[[-1.0, 1.0]]]])
    >>> torch.nn.functional.conv2d(torch.tensor([[[[0.0, 0.0, 5.0, 5.0]]]]), edge)
    tensor([[[[0., 5., 0.]]]])
    """
    return _conv("conv2d", input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Slides filters over volumes: (N, C, D, H, W) or (C, D, H, W), weight (O, C/groups, kd, kh, kw); see ``conv2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.conv3d(torch.ones(1, 2, 4, 4, 4), torch.ones(3, 2, 2, 2, 2), stride=2).shape
    torch.Size([1, 3, 2, 2, 2])
    """
    return _conv("conv3d", input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The adjoint of ``conv1d``: (N, O, L) or (O, L), weight (O, C/groups, k) -> (N, C, L'); see ``conv_transpose2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.conv_transpose1d(torch.tensor([[[1.0, 2.0]]]), torch.ones(1, 1, 2), stride=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    return _conv_transpose("conv_transpose1d", input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The adjoint of ``conv2d``: (N, O, H, W) or (O, H, W), weight (O, C/groups, kh, kw) -> (N, C, H', W').

    Every element of the input lays down the kernel, scaled by its value. ``bias``: (C,).
    H' = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1, where ``output_padding`` chooses among the
    input sizes for which ``conv2d`` would answer H.

    Raises RuntimeError for shapes, dtypes and numbers that do not fit.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.conv_transpose2d(torch.tensor([[[[1.0, 2.0]]]]), torch.ones(1, 1, 2, 2), stride=2)
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """
    return _conv_transpose("conv_transpose2d", input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The adjoint of ``conv3d`` in its input: (N, O, D, H, W) or (O, D, H, W); see ``conv_transpose2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.conv_transpose3d(torch.ones(1, 3, 2, 2, 2), torch.ones(3, 2, 2, 2, 2), stride=2).shape
    torch.Size([1, 2, 4, 4, 4])
    """
    return _conv_transpose("conv_transpose3d", input, weight, bias, stride, padding, output_padding, groups, dilation)


def _conv(name: str, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    geometry = (*check_conv(name, input, weight, bias, stride, padding, dilation, groups), groups)
    if input._data.ndim == weight._data.ndim:
        return Conv.apply(input, weight, bias, geometry)
    return Conv.apply(input.unsqueeze(0), weight, bias, geometry).squeeze(0)  # a batch of one


def _conv_transpose(
    name: str,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    *geometry, spatial = check_conv_transpose(
        name, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
    options = spatial, (*geometry, groups)
    if input._data.ndim == weight._data.ndim:
        return ConvInputGrad.apply(input, weight, bias, *options)
    return ConvInputGrad.apply(input.unsqueeze(0), weight, bias, *options).squeeze(0)  # a batch of one
