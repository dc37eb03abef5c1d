"""Pooling: the maximum or the mean of windows of the input.

The mean is linear in the input. So is the maximum, once the position of each window's greatest element is known: it
reads the input at those positions. Every derivative is therefore one of these maps or its adjoint, in turn:

    AvgPool          <->  AvgPoolAdjoint
    AdaptiveAvgPool  <->  AdaptiveAvgPoolAdjoint
    GatherSpatial    <->  ScatterSpatial             (MaxPool, AdaptiveMaxPool)

One dimension is a plane of one row, as in PyTorch, whose names the operators bear.
"""

from __future__ import annotations

from typing import Any

from minitorch_bn.autograd.node import Operator
from minitorch_bn.kernels import pool as kernels
from minitorch_bn.ops import _pooling_checks as checks


class MaxPool(Operator, name="MaxPool2DWithIndicesBackward0"):
    """the greatest element of each window, and its flat position (any integers);  the gradient goes to that one"""

    options = 5
    materialize_grads = False  # positions have no gradient
    spatial: tuple[int, ...]

    def forward(ctx, x, *window):
        return _read_at_maxima(ctx, x, len(window[0]), kernels.max_pool(_batched(x, len(window[0])), *window))

    def backward(ctx, g, _):
        (indices,) = ctx.saved_tensors
        return ScatterSpatial.apply(g, indices, ctx.spatial)


class MaxPool3d(MaxPool, name="MaxPool3DWithIndicesBackward0"):
    """the same in three dimensions"""

    __slots__ = ()


class AdaptiveMaxPool(MaxPool, name="AdaptiveMaxPool2DBackward0"):
    """the greatest element of each of ``size`` cells, and its flat position;  the gradient goes to that one"""

    options = 1

    def forward(ctx, x, size):
        return _read_at_maxima(ctx, x, len(size), kernels.adaptive_max_pool(_batched(x, len(size)), size))


class AdaptiveMaxPool3d(AdaptiveMaxPool, name="AdaptiveMaxPool3DBackward0"):
    """the same in three dimensions"""

    __slots__ = ()


class ScatterSpatial(Operator, name="MaxPool2DWithIndicesBackwardBackward0"):
    """zeros of a spatial shape with g added at flat positions, plane by plane;  dg = reads there"""

    options = 1

    def forward(ctx, g, indices, spatial):
        ctx.save_for_backward(indices)
        ctx.spatial, dims = spatial, len(spatial)
        return _like(kernels.scatter_spatial(_batched(g, dims), _batched(indices, dims), spatial), g, dims)

    def backward(ctx, h):
        (indices,) = ctx.saved_tensors
        return GatherSpatial.apply(h, indices, len(ctx.spatial)), None


class GatherSpatial(Operator, name="GatherBackward0"):
    """x read at flat positions, plane by plane;  dx = adds there"""

    options = 1

    def forward(ctx, x, indices, dims):
        ctx.save_for_backward(indices)
        ctx.spatial = x.shape[-dims:]
        return _like(kernels.gather_spatial(_batched(x, dims), _batched(indices, dims)), x, dims)

    def backward(ctx, g):
        (indices,) = ctx.saved_tensors
        return ScatterSpatial.apply(g, indices, ctx.spatial), None


class AvgPool(Operator, name="AvgPool2DBackward0"):
    """the mean of each window"""

    options = 2

    def forward(ctx, x, window, how):
        kernel, stride, padding, ceil_mode = window
        dims = len(kernel)
        ctx.window, ctx.how, ctx.spatial = window, how, x.shape[-dims:]
        return _like(kernels.avg_pool(_batched(x, dims), kernel, stride, padding, ceil_mode, *how), x, dims)

    def backward(ctx, g):
        return AvgPoolAdjoint.apply(g, ctx.spatial, ctx.window, ctx.how)


class AvgPool3d(AvgPool, name="AvgPool3DBackward0"):
    """the same in three dimensions"""

    __slots__ = ()


class AvgPoolAdjoint(Operator, name="AvgPool2DBackwardBackward0"):
    """the adjoint of ``AvgPool``: an equal share of g for each element of its window"""

    options = 3

    def forward(ctx, g, spatial, window, how):
        kernel, stride, padding, _ = window
        ctx.window, ctx.how = window, how
        dims = len(kernel)
        return _like(kernels.avg_pool_adjoint(_batched(g, dims), spatial, kernel, stride, padding, *how), g, dims)

    def backward(ctx, h):
        return AvgPool.apply(h, ctx.window, ctx.how)


class AdaptiveAvgPool(Operator, name="AdaptiveAvgPool2DBackward0"):
    """the mean of each of ``size`` cells"""

    options = 1

    def forward(ctx, x, size):
        dims = len(size)
        ctx.size, ctx.spatial = size, x.shape[-dims:]
        return _like(kernels.adaptive_avg_pool(_batched(x, dims), size), x, dims)

    def backward(ctx, g):
        return AdaptiveAvgPoolAdjoint.apply(g, ctx.spatial, ctx.size)


class AdaptiveAvgPool3d(AdaptiveAvgPool, name="AdaptiveAvgPool3DBackward0"):
    """the same in three dimensions"""

    __slots__ = ()


class AdaptiveAvgPoolAdjoint(Operator, name="AdaptiveAvgPool2DBackwardBackward0"):
    """the adjoint of ``AdaptiveAvgPool``: an equal share of g for each element of its cell"""

    options = 2

    def forward(ctx, g, spatial, size):
        ctx.size = size
        return _like(kernels.adaptive_avg_pool_adjoint(_batched(g, len(size)), spatial), g, len(size))

    def backward(ctx, h):
        return AdaptiveAvgPool.apply(h, ctx.size)


def _read_at_maxima(ctx: Any, x: Any, dims: int, result: tuple[Any, ...]) -> tuple[Any, ...]:
    y, indices = (_like(array, x, dims) for array in result)
    ctx.save_for_backward(indices)
    ctx.spatial = x.shape[-dims:]
    return y, indices


def _batched(x: Any, dims: int) -> Any:
    """(C, *spatial) -> (1, C, *spatial); a batch stays as it is"""
    return x if x.ndim == dims + 2 else x[None]


def _like(y: Any, x: Any, dims: int) -> Any:
    """Without the batch of one if ``x`` had none."""
    return y if x.ndim == dims + 2 else y[0]


# -- functions -------------------------------------------------------------------------------------------------------


def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window: (N, C, L) or (C, L) -> the same with L'; arguments as in ``max_pool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.max_pool1d(torch.tensor([[[1.0, 3.0, 2.0, 5.0]]]), 2)
    tensor([[[3., 5.]]])
    """
    window = checks.check_max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    (k,), (s,), (p,), (d,), ceil_mode = window
    y, indices = MaxPool.apply(input.unsqueeze(-2), (1, k), (1, s), (0, p), (1, d), ceil_mode)
    return (y.squeeze(-2), indices.squeeze(-2).long()) if return_indices else y.squeeze(-2)


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window: (N, C, H, W) or (C, H, W) -> the same with (H', W').

    ``kernel_size``, ``stride`` (default: ``kernel_size``), ``padding`` (with -inf), ``dilation``: an int, or one for
    each dimension. H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1; ``ceil_mode`` rounds up,
    but leaves out windows that start in the padding on the right. ``return_indices``: also each maximum's flat position
    in its plane (int64). The gradient goes to the first of equal maxima; a NaN is greater than any number.

    Raises RuntimeError for shapes and numbers that do not fit.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([[[1.0, 2.0, 5.0, 6.0], [3.0, 4.0, 8.0, 7.0]]])
    >>> torch.nn.functional.max_pool2d(x, 2, return_indices=True)
    (tensor([[[4., 8.]]]), tensor([[[5, 6]]]))
    """
    window = checks.check_max_pool("max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode)
    y, indices = MaxPool.apply(input, *window)
    return (y, indices.long()) if return_indices else y


def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window: (N, C, D, H, W) or (C, D, H, W); arguments as in ``max_pool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.max_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    window = checks.check_max_pool("max_pool3d", input, kernel_size, stride, padding, dilation, ceil_mode)
    y, indices = MaxPool3d.apply(input, *window)
    return (y, indices.long()) if return_indices else y


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window: (N, C, L) or (C, L) -> the same with L'; arguments as in ``avg_pool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.avg_pool1d(torch.tensor([[[1.0, 3.0, 2.0, 6.0]]]), 2)
    tensor([[[2., 4.]]])
    """
    checks.check_sequence("avg_pool1d", input)
    k = checks.one_int("avg_pool1d", "kernel_size", 2, kernel_size)
    s = k if stride is None or stride in ((), []) else checks.one_int("avg_pool1d", "stride", 3, stride)
    p = checks.one_int("avg_pool1d", "padding", 4, padding)
    return avg_pool2d(input.unsqueeze(-2), (1, k), (1, s), (0, p), ceil_mode, count_include_pad).squeeze(-2)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window: (N, C, H, W) or (C, H, W) -> the same with (H', W').

    Arguments as in ``max_pool2d``; the padding is zeros. ``count_include_pad``: whether they count in the divisor.
    ``divisor_override``: divide by this instead.

    Raises RuntimeError for shapes and numbers that do not fit.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.avg_pool2d(torch.tensor([[[1.0, 2.0, 5.0, 6.0], [3.0, 4.0, 8.0, 7.0]]]), 2)
    tensor([[[2.5000, 6.5000]]])
    """
    return _avg_pool(
        "avg_pool2d", AvgPool, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window: (N, C, D, H, W) or (C, D, H, W); arguments as in ``avg_pool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.avg_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    return _avg_pool(
        "avg_pool3d", AvgPool3d, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """The mean of each of ``output_size`` cells: (N, C, L) or (C, L); see ``adaptive_avg_pool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.adaptive_avg_pool1d(torch.tensor([[[1.0, 3.0, 2.0, 6.0, 4.0]]]), 2)
    tensor([[[2., 4.]]])
    """
    checks.check_sequence("adaptive_avg_pool1d", input)
    cells = checks.one_int("adaptive_avg_pool1d", "output_size", 2, output_size)
    row = input.unsqueeze(-2)
    size = checks.check_adaptive_avg_pool("adaptive_avg_pool2d", row, (1, cells))
    return _adaptive_avg_pool(AdaptiveAvgPool, row, size).squeeze(-2)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """The mean of each of (H', W') cells: (N, C, H, W) or (C, H, W) -> the same with ``output_size``.

    Cell i covers rows floor(i H / H') to ceil((i + 1) H / H'): neighbours may share a row. ``output_size``: an int, or
    one for each dimension, None for the input's own.

    Raises RuntimeError for shapes and numbers that do not fit.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.adaptive_avg_pool2d(torch.arange(6.0).reshape(1, 2, 3), (None, 1))
    tensor([[[1.],
             [4.]]])
    """
    size = checks.check_adaptive_avg_pool("adaptive_avg_pool2d", input, output_size)
    return _adaptive_avg_pool(AdaptiveAvgPool, input, size)


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """The mean of each cell: (N, C, D, H, W) or (C, D, H, W); see ``adaptive_avg_pool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.adaptive_avg_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), (2, 1, 1)).flatten()
    tensor([1.5000, 5.5000])
    """
    size = checks.check_adaptive_avg_pool("adaptive_avg_pool3d", input, output_size)
    return _adaptive_avg_pool(AdaptiveAvgPool3d, input, size)


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The maximum of each of ``output_size`` cells: (N, C, L) or (C, L); see ``adaptive_avg_pool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.adaptive_max_pool1d(torch.tensor([[[1.0, 3.0, 2.0, 6.0, 4.0]]]), 2)
    tensor([[[3., 6.]]])
    """
    name = "adaptive_max_pool1d"
    checks.check_sequence(name, input)
    cells = checks.one_int(name, "output_size", 2, output_size)
    checks.check_adaptive_max_pool(name, input, (max(cells, 0),))
    row = input.unsqueeze(-2)
    size = checks.check_adaptive_max_pool("adaptive_max_pool2d", row, (1, cells))
    y, indices = AdaptiveMaxPool.apply(row, size)
    return (y.squeeze(-2), indices.squeeze(-2)) if return_indices else y.squeeze(-2)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The maximum of each of (H', W') cells: (N, C, H, W) or (C, H, W); cells as in ``adaptive_avg_pool2d``.

    ``return_indices``: also each maximum's flat position in its plane (int64).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.adaptive_max_pool2d(torch.arange(6.0).reshape(1, 2, 3), 1, return_indices=True)
    (tensor([[[5.]]]), tensor([[[5]]]))
    """
    size = checks.check_adaptive_max_pool("adaptive_max_pool2d", input, output_size)
    result = AdaptiveMaxPool.apply(input, size)
    return result if return_indices else result[0]


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The maximum of each cell: (N, C, D, H, W) or (C, D, H, W); see ``adaptive_max_pool2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.adaptive_max_pool3d(torch.arange(8.0).reshape(1, 2, 2, 2), (2, 1, 1)).flatten()
    tensor([3., 7.])
    """
    size = checks.check_adaptive_max_pool("adaptive_max_pool3d", input, output_size)
    result = AdaptiveMaxPool3d.apply(input, size)
    return result if return_indices else result[0]


def _avg_pool(
    name: str,
    operator: type[Operator],
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Any:
    window = checks.check_avg_pool(name, input, kernel_size, stride, padding, ceil_mode, divisor_override)
    return operator.apply(input, (*window, bool(ceil_mode)), (bool(count_include_pad), divisor_override))


def _adaptive_avg_pool(operator: type[Operator], input: Any, size: tuple[int, ...]) -> Any:
    if max(size) == min(size) == 1:
        return input.mean(tuple(range(-len(size), 0)), keepdim=True)
    return operator.apply(input, size)
