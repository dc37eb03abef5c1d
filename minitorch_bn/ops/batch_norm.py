r"""Batch Normalization (Ioffe and Szegedy, 2015), and all of its derivatives from one symmetric operator.

For each channel let mean(v) be the mean over its M values (the batch and every position), and

    mu = mean(x)      r = 1 / sqrt(mean((x - mu)^2) + eps)      xh = (x - mu) r      y = w xh + b

with weight w (gamma in the paper) and bias b (beta).

**The Jacobian.** Let x move by dx. The mean moves by mean(dx), and r by -r^3 mean((x - mu) dx) = -r^2 mean(xh dx), for
the deviations x - mu have mean 0. So

    dxh = r (dx - mean(dx)) - (x - mu) r^2 mean(xh dx) = r P(dx),      P(v) = v - mean(v) - xh mean(xh v)

P takes out of v what a shift or a stretch of the channel would add: exactly what normalising makes invisible. It is
symmetric, sum u P(v) = sum v P(u), because each of its three terms is. That one fact gives every derivative:

    forward mode      dy = w r P(dx) + dw xh + db
    backward          gx = w r P(g)         gw = sum g xh         gb = sum g          (r P is its own transpose)

**Differentiating backward.** Let u, a, c be the gradients that arrive for gx, gw, gb. What depends on g is linear, so
its adjoint is read off, P being symmetric; for w and x write S = sum u w r P(g) + a sum g xh + c sum g and vary. With
dr = -r^2 mean(xh dx) and dxh = r P(dx), the product rule gives

    to g      w r P(u) + a xh + c
    to w      r sum u P(g)                                              (nothing is ever divided by w)
    to x      r P(h) - r^2 w xh mean(u P(g)),      h = a g - w r (u mean(g xh) + g mean(u xh))

where h collects what multiplies dxh, namely a g and the two factors of -w r sum(u xh) mean(g xh), and the last term
is dr.

**Masks.** With a mask m of zeros and ones let M = sum m and mean(v) = sum(m v) / M, and multiply xh and P(v) by m:
every line above holds as it stands (with c m in place of c), as if the masked values had been left out.

The lines are written with Tensors, mu, r and xh computed again from x, so the tape differentiates them again: every
further order is right. A float kept from the forward pass would be a constant there, and the third order silently
wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.node import Operator
from minitorch_bn.kernels import norm as kernels
from minitorch_bn.ops import _batch_norm_checks as checks


class Statistics:
    """A batch's mean and biased variance per channel (float64), and over how many values each was taken."""

    __slots__ = ("count", "mean", "var")

    mean: np.ndarray
    var: np.ndarray
    count: Any  # an int, or with a mask an array: one number a channel


class BatchNorm(Operator, name="NativeBatchNormBackward0"):
    """y = w xh + b, with the statistics of x itself, which are noted in ``statistics``

    With ``rectify`` its array is max(y, 0), for a ReLU behind it that ``elementwise.rectified`` records.
    """

    __slots__ = ("eps", "statistics")
    options = 3

    def forward(ctx, x, weight, bias, mask, eps, statistics, rectify):
        y, statistics.mean, statistics.var = kernels.batch_norm(x, weight, bias, mask, eps, rectify)
        statistics.count = x.size // max(x.shape[1], 1) if mask is None else mask.sum(_all_but_channels(x.ndim))
        ctx.save_for_backward(x, weight, mask)
        ctx.eps, ctx.statistics = eps, statistics  # a snapshot: no later forward pass changes this gradient
        return y

    def backward(ctx, g):
        with_gx = ctx.needs_input_grad[0] is not None
        return BatchNormBackward.apply(g, *ctx.saved_tensors, ctx.eps, ctx.statistics, with_gx)  # none for the mask

    @property
    def next_functions(ctx):
        return super().next_functions[:3]  # a mask has no derivative


class BatchNormBackward(Operator, name="NativeBatchNormBackwardBackward0"):
    """gx = w r P(g), or None if nobody asked for it,  gw = sum g xh,  gb = sum g"""

    __slots__ = ("eps",)
    options = 3

    def forward(ctx, g, x, weight, mask, eps, statistics, with_gx):
        ctx.save_for_backward(g, x, weight, mask)
        ctx.eps = eps
        dtype, mean, var = (x if weight is None else weight).dtype, statistics.mean, statistics.var
        return kernels.batch_norm_backward(g, x, weight, mask, mean, var, eps, with_gx, dtype)

    def backward(ctx, u, a, c):
        g, x, weight, mask = ctx.saved_tensors
        u = g.new_zeros(g.shape) if u is None else u
        dims = _all_but_channels(x.ndim)
        m: Any = 1.0 if mask is None else mask.to(x.dtype)
        share = 1.0 if mask is None else m.mean(dims, keepdim=True).clamp(min=1e-30)  # M of all values

        def mean(v):
            return (v * m).mean(dims, keepdim=True) / share

        def P(v):
            return (v - mean(v) - xh * mean(xh * v)) * m

        xh = BatchNorm.apply(x, None, None, mask, ctx.eps, Statistics(), False)
        centred = x - mean(x)
        centred = centred - mean(centred)  # the mean itself was rounded: at large offsets that matters
        r = (mean(centred * centred) + ctx.eps).rsqrt()
        w = 1.0 if weight is None else _per_channel(weight, x.ndim)
        a, c = _per_channel(a, x.ndim), _per_channel(c, x.ndim)

        uPg = u * P(g)
        h = a * g - w * r * (u * mean(g * xh) + g * mean(u * xh))
        to_g = w * r * P(u) + a * xh + c * m
        to_x = r * P(h) - r * r * w * xh * mean(uPg)
        to_w = None if weight is None else (r * uPg).sum(dims)
        return to_g, to_x, to_w, None


class FixedBatchNorm(Operator, name="NativeBatchNormBackward0"):
    """y = w (x - m) r + b with a mean and variance that are given; ``rectify`` as above"""

    options = 4

    def forward(ctx, x, weight, bias, mean, var, eps, rectify):
        _, need_w, need_b = ctx.needs_input_grad
        ctx.save_for_backward(x if need_w or need_b else None, weight)
        if any(ctx.needs_input_grad):  # by then the running estimates may have moved on
            ctx.given = mean.copy(), var.copy(), eps
        return kernels.normalize(x, weight, bias, mean, var, eps, rectify)

    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        if x is None:
            return _scaled(g, weight, ctx.given), None, None
        return FixedBatchNormBackward.apply(g, x, weight, *ctx.given, ctx.needs_input_grad[0] is not None)


class FixedBatchNormBackward(Operator, name="NativeBatchNormBackwardBackward0"):
    """gx = w r g, or None if nobody asked for it,  gw = sum g (x - m) r,  gb = sum g"""

    options = 4

    def forward(ctx, g, x, weight, mean, var, eps, with_gx):
        ctx.save_for_backward(g, x, weight)
        ctx.given = mean, var, eps
        gx, gw, gb = kernels.normalize_backward(g, x, weight, mean, var, eps, with_gx)
        dtype = x.dtype if weight is None else weight.dtype
        return gx, gw.astype(dtype), gb.astype(dtype)

    def backward(ctx, u, a, c):
        g, x, weight = ctx.saved_tensors
        u = g.new_zeros(g.shape) if u is None else u
        to_w = None if weight is None else (u * _scaled(g, None, ctx.given)).sum(_all_but_channels(x.ndim))
        to_g = _scaled(u, weight, ctx.given) + FixedBatchNorm.apply(x, a, c, *ctx.given, False)
        return to_g, _scaled(g, a, ctx.given), to_w


def _scaled(v: Any, weight: Any, given: tuple) -> Any:
    """w r v, which is y with a mean of 0 and without a bias"""
    mean, var, eps = given
    return FixedBatchNorm.apply(v, weight, None, np.zeros_like(mean), var, eps, False)


def _all_but_channels(ndim: int) -> tuple[int, ...]:
    return (0, *range(2, ndim))


def _per_channel(v: Any, ndim: int) -> Any:
    """(C,) -> (1, C, 1, ...), which broadcasts against the input."""
    return v.reshape(1, -1, *(1,) * (ndim - 2))


# -- functions -------------------------------------------------------------------------------------------------------


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    mask: Any = None,
    channel_dim: int = 1,
) -> Any:
    """Normalises each channel of ``input``: (N, C) or (N, C, *), or with the channels in another ``channel_dim``.

    With ``training`` the batch's own mean and biased variance are used, and ``running_mean`` and ``running_var``, if
    given, move by ``momentum`` towards the batch's mean and unbiased variance, in place: new = (1 - momentum) old +
    momentum batch. Otherwise ``running_mean`` and ``running_var`` are used. ``weight`` and ``bias`` have shape (C,).
    A boolean ``mask`` that broadcasts to the input leaves values out where it is False; the output is 0 there.
    Everything is checked before anything is changed; the running estimates ignore an empty batch, and, with a warning,
    one whose statistics are not finite. Source: Ioffe and Szegedy (2015), Algorithm 1, https://arxiv.org/abs/1502.03167.

    Raises ValueError for one value per channel in training, RuntimeError for sizes that do not fit.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> mean, var = torch.zeros(2), torch.ones(2)
    >>> torch.nn.functional.batch_norm(x, mean, var, training=True)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    >>> mean, var
    (tensor([0.2000, 2.0000]), tensor([ 1.1000, 20.9000]))
    """
    checks.check_momentum(momentum)
    options = running_mean, running_var, weight, bias, training, eps
    output, batch = normalized(input, options, mask, channel_dim)
    if training:
        fold(batch, running_mean, running_var, momentum)
    return output


def normalized(
    input: Any, options: tuple, mask: Any = None, channel_dim: int = 1, rectify: bool = False
) -> tuple[Any, Statistics]:
    """The output of ``batch_norm``, and the batch's statistics, yet to be folded into the running estimates."""
    mean, var, weight, bias, training, eps = options
    x = input if channel_dim == 1 or input.dim() < 2 else input.movedim(channel_dim, 1)
    if not checks.is_plain(x, mean, var, weight, bias, eps):
        checks.check_batch_norm(x, mean, var, weight, bias, training, eps, channel_dim)
        weight, bias = (v if v is None or v.dim() == 1 else v.reshape(-1) for v in (weight, bias))
    if mask is not None:
        mask = checks.expanded_mask(mask, input)
        mask = mask if x is input else mask.movedim(channel_dim, 1)
        # what lies under the mask may be anything, NaN included: it is 0 from here on
        x = x.masked_fill(~mask, 0)
    batch = Statistics()
    if training or not x._data.size:
        y = BatchNorm.apply(x, weight, bias, mask, eps, batch, rectify)
        if mask is not None:
            checks.check_count(batch.count, input)
    else:
        y = FixedBatchNorm.apply(x, weight, bias, mean._data, var._data, eps, rectify)
        y = y if mask is None else y.masked_fill(~mask, 0)
    return (y if channel_dim == 1 else y.movedim(1, channel_dim)), batch


def fold(batch: Statistics, running_mean: Any, running_var: Any, momentum: float, layer: Any = None) -> bool:
    """Moves the running estimates towards a batch: all channels or, if any is not finite, none. Whether it counts."""
    count, mode = batch.count, thread.mode
    if not (count if type(count) is int else count.any()) or mode.frozen_statistics:
        return False
    if running_mean is None:
        return True
    if mode.mapped:
        checks.check_mapped(running_mean, running_var)
    ratio = count / (count - 1)  # makes the variance unbiased
    values = running_mean._data, running_var._data, batch.mean, batch.var, ratio, float(momentum)
    refused = mode.quietly(kernels.fold, *values)
    if refused is not None:
        checks.warn_not_finite(refused, layer)
        return False
    running_mean._version_counter[0] += 1
    running_var._version_counter[0] += 1
    return True
