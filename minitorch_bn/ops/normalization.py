r"""Instance, group, layer and RMS normalization: one derivation, five layers.

**Three of them are Batch Normalization of a reshaped input.** Whatever shares one mean and one variance becomes a
channel of a batch of one:

    instance    (N, C, *) -> (1, N C, *)
    group       (N, C, *) -> (1, N G, C/G *)
    layer       (*, normalized_shape) -> (1, rows, length)

so ``batch_norm`` has their derivation too. In group and layer normalization the weight varies within such a channel; it
multiplies what has been standardised, and P takes w g for g:

    y = w xh + b        gx = r P(w g)        gw = sum g xh        gb = sum g

**RMSNorm leaves out the mean.** With r = 1 / sqrt(mean(x^2) + eps) and xh = x r, let x move by dx. Then r moves by
-r^3 mean(x dx) = -r^2 mean(xh dx), and

    dxh = r dx - x r^2 mean(xh dx) = r P(dx),      P(v) = v - xh mean(xh v)

P takes out of v the stretch alone; it is symmetric as before, so backward is gx = r P(w g). To differentiate that once
more vary sum u r P(g) along dr = -r^2 mean(xh dx) and dxh = r P(dx), just as in ``batch_norm``:

    to g      r P(u)
    to x      r P(h) - r^2 xh mean(u P(g)),      h = -r (u mean(g xh) + g mean(u xh))

**Twice the same.** ``kernels.rows`` computes y, and gx, gw and gb, of group, layer and RMS normalization in one go. If
backward is itself recorded, these are composed of operators instead, as above, which the tape differentiates again.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from minitorch_bn import dtypes
from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.kernels import rows as kernels
from minitorch_bn.ops import _normalization_checks as checks
from minitorch_bn.ops._common import accumulator
from minitorch_bn.ops.batch_norm import BatchNorm, BatchNormBackward, FixedBatchNorm, Statistics, fold


class RowNorm(Operator):
    """y = w xh + b with each row of x standardised;  gx = r P(w g),  gw = sum g xh,  gb = sum g

    ``rows`` = (N, G, K, M) is the shape of x as N samples of G rows with K columns, which have a weight and a bias
    each, of M positions; w and b broadcast against x.
    """

    options = 2

    def forward(ctx, x, weight, bias, rows, eps):
        ctx.save_for_backward(x, weight)
        ctx.rows, ctx.eps, ctx.statistics = rows, eps, Statistics()
        ctx.columns = None if bias is None else bias.shape
        y, ctx.statistics.mean, ctx.statistics.var = kernels.row_norm(x, weight, bias, rows, eps, True)
        return y

    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        need_x, need_weight, need_bias = ctx.needs_input_grad
        if not thread.mode.grad:
            wanted = need_x is not None, need_weight is not None or need_bias is not None
            of_rows = ctx.statistics.mean, ctx.statistics.var, ctx.rows, ctx.eps, True
            gx, gw, gb = _fused(g, x, weight, wanted, *of_rows)
            return gx, gw.reshape(weight.shape) if need_weight else None, gb.reshape(ctx.columns) if need_bias else None
        gx = gw = gb = None
        batch = 1, ctx.rows[0] * ctx.rows[1], ctx.rows[2] * ctx.rows[3]
        g, rows = _wide(g), _wide(x).reshape(batch)  # (*) -> (1, rows, length)
        if need_x:
            wg = (g if weight is None else g * weight).reshape(batch)
            gx = BatchNormBackward.apply(wg, rows, None, None, ctx.eps, ctx.statistics, True)[0].reshape(x.shape)
        if need_weight:
            xh = BatchNorm.apply(rows, None, None, None, ctx.eps, Statistics(), False).reshape(x.shape)
            gw = _exact(g * xh)
        if need_bias:
            gb = _exact(g)
        return gx, gw, gb


class GroupNorm(RowNorm, name="NativeGroupNormBackward0"):
    """y = w xh + b, standardised over the channels of a group and their positions"""

    __slots__ = ()


class LayerNorm(RowNorm, name="NativeLayerNormBackward0"):
    """y = w xh + b, standardised over the last dimensions"""

    __slots__ = ()


class RmsNorm(Operator, name="MulBackward0"):
    """y = w xh, xh = x / sqrt(mean(x^2) + eps) over the last dimensions;  gx = r P(w g),  gw = sum g xh

    The name is the one that PyTorch prints: there a product is the last step.
    """

    options = 2

    def forward(ctx, x, weight, dims, eps):
        ctx.save_for_backward(x, weight)
        ctx.dims, ctx.eps = dims, eps
        y, ctx.mean, ctx.square = kernels.row_norm(x, weight, None, _rows(x, dims), eps, False)
        return y

    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        need_x, need_weight = ctx.needs_input_grad
        if not thread.mode.grad:
            wanted = need_x is not None, need_weight is not None
            gx, gw, _ = _fused(g, x, weight, wanted, ctx.mean, ctx.square, _rows(x, ctx.dims), ctx.eps, False)
            return gx, gw.reshape(weight.shape) if need_weight else None
        gx = gw = None
        g, x = _wide(g), _wide(x)
        if need_x:
            gx = RmsNormBackward.apply(g if weight is None else g * weight, x, ctx.dims, ctx.eps)
        if need_weight:
            gw = _exact(g * RmsNorm.apply(x, None, ctx.dims, ctx.eps))
        return gx, gw


class RmsNormOfHalves(RmsNorm, name="ToCopyBackward0"):
    """root mean square normalisation in half precision, whose result PyTorch converts back"""

    __slots__ = ()


class RmsNormBackward(Operator):
    """gx = r P(g),  P(v) = v - xh mean(xh v)"""

    options = 2

    def forward(ctx, g, x, dims, eps):
        ctx.save_for_backward(g, x)
        ctx.dims, ctx.eps = dims, eps
        rows = _rows(x, dims)
        _, mean, square = kernels.row_norm(x, None, None, rows, eps, False)
        return kernels.row_norm_backward(g, x, None, mean, square, rows, eps, False, True, False)[0]

    def backward(ctx, u):
        g, x = map(_exact, ctx.saved_tensors)
        xh = RmsNorm.apply(x, None, ctx.dims, ctx.eps)
        r = ((x * x).mean(ctx.dims, keepdim=True) + ctx.eps).rsqrt()

        def mean(v):
            return v.mean(ctx.dims, keepdim=True)

        def P(v):
            return v - xh * mean(xh * v)

        h = -r * (u * mean(g * xh) + g * mean(u * xh))
        return r * P(u), r * P(h) - r * r * xh * mean(u * P(g))


def _rows(x: Any, dims: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The shape of x as rows of its last dimensions: (N, 1, K, 1)."""
    length = prod(x.shape[d] for d in dims)
    return prod(x.shape[: x.ndim - len(dims)]), 1, length, 1


def _fused(g: Any, x: Any, weight: Any, wanted: tuple[bool, bool], *rest: Any) -> tuple:
    """``row_norm_backward`` of Tensors, which is not recorded; ``wanted``: the input's gradient, and the others."""
    arrays = _wide(g)._data, _wide(x)._data, None if weight is None else weight._data
    results = thread.mode.quietly(kernels.row_norm_backward, *arrays, *rest, *wanted)
    return tuple(None if v is None else wrap(v) for v in results)


def _wide(v: Any) -> Any:
    """Half precision as float32."""
    return v.to(dtypes.float32) if v.dtype.itemsize == 2 else v


def _exact(v: Any) -> Any:
    """As float64: what the engine adds up, like a weight's gradient over all rows, it adds up in the dtype given."""
    return v.to(dtypes.float64)


# -- functions -------------------------------------------------------------------------------------------------------


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalises each channel of each sample by itself, over its positions: (N, C, *).

    With ``use_input_stats`` the mean and biased variance of these positions are used, and ``running_mean`` and
    ``running_var``, if given, move by ``momentum`` towards the samples' average mean and unbiased variance, in place.
    Otherwise ``running_mean`` and ``running_var`` are used. All four have shape (C,). Everything is checked before
    anything is changed. Source: Ulyanov et al. (2016), https://arxiv.org/abs/1607.08022.

    Raises ValueError for one position, RuntimeError for sizes and dtypes that do not fit.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.instance_norm(torch.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    return instance_norm_of_layer(None, input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def instance_norm_of_layer(
    layer: Any,
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
) -> Any:
    """``instance_norm``; ``layer`` is whom a warning names."""
    checks.check_instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
    samples, channels = input.shape[:2]
    x = input.reshape(1, samples * channels, *input.shape[2:])  # (N, C, *) -> (1, N*C, *)
    # In float32, as each sample's gradient is added to the others'.
    weight, bias = (None if v is None else _wide(v).repeat(samples) for v in (weight, bias))
    if not use_input_stats:
        mean, var = (np.tile(v._data, samples) for v in (running_mean, running_var))
        return FixedBatchNorm.apply(x, weight, bias, mean, var, eps, False).reshape(input.shape)
    each, average = Statistics(), Statistics()
    y = BatchNorm.apply(x, weight, bias, None, eps, each, False)
    if samples and running_mean is not None:
        # folding is linear: the average over the samples is folded in at once
        average.mean, average.var = (v.reshape(samples, channels).mean(0) for v in (each.mean, each.var))
        average.count = each.count
        fold(average, running_mean, running_var, momentum, layer)
    return y.reshape(input.shape)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalises each sample over ``num_groups`` groups of neighbouring channels: (N, C, *).

    Each group is standardised over its channels and all positions; ``weight`` and ``bias``, of shape (C,), then scale
    and shift each channel. Source: Wu and He (2018), https://arxiv.org/abs/1803.08494.

    Raises RuntimeError if C is not divisible by ``num_groups`` and for sizes and dtypes that do not fit, ValueError for
    one value in a batch of one.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.group_norm(torch.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    checks.check_group_norm(input, num_groups, weight, bias, eps)
    samples, channels, *spatial = input.shape
    column = (channels, *(1,) * len(spatial))
    weight, bias = (None if v is None else v.reshape(column) for v in (weight, bias))  # (C,) -> (C, 1, ...)
    rows = (samples, num_groups, channels // num_groups, prod(spatial))
    return GroupNorm.apply(input, weight, bias, rows, eps)


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalises over the last dimensions, whose sizes are ``normalized_shape``: (*, *normalized_shape).

    ``weight`` and ``bias``, of shape ``normalized_shape``, then scale and shift each element. Source: Ba et al. (2016),
    https://arxiv.org/abs/1607.06450.

    Raises RuntimeError for sizes and dtypes that do not fit.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.layer_norm(torch.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    checks.check_layer_norm(input, normalized_shape, weight, bias, eps)
    leading = input.shape[: input.ndim - len(normalized_shape)]
    return LayerNorm.apply(input, weight, bias, (prod(leading), 1, prod(normalized_shape), 1), eps)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """Divides by the root mean square over the last dimensions, whose sizes are ``normalized_shape``.

    y = weight x / sqrt(mean(x^2) + eps), with ``weight`` of shape ``normalized_shape``. ``eps=None`` is the machine
    epsilon of float64 for float64, that of float32 otherwise. Source: Zhang and Sennrich (2019),
    https://arxiv.org/abs/1910.07467.

    Raises RuntimeError or ValueError for sizes that do not fit.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.rms_norm(torch.tensor([[3.0, 4.0, 0.0, 0.0]]), (4,))
    tensor([[1.2000, 1.6000, 0.0000, 0.0000]])
    """
    checks.check_rms_norm(input, normalized_shape, weight, eps)
    if eps is None:
        eps = float(np.finfo(accumulator(input._data)).eps)
    operator = RmsNormOfHalves if input._data.dtype.itemsize == 2 else RmsNorm
    return operator.apply(input, weight, tuple(range(-len(normalized_shape), 0)), eps)
