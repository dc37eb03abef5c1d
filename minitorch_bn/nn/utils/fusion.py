"""Folding a Batch Normalization in evaluation into the layer before it: one layer does what two did.

With s = bn_w / sqrt(bn_rv + eps), bn(W x + b) = s (W x + b - bn_rm) + bn_b = (s W) x + (s (b - bn_rm) + bn_b). It is
computed in float64 and rounded once, and the new parameters can be trained further.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from minitorch_bn.autograd.variable import wrap
from minitorch_bn.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from minitorch_bn.nn.modules.batchrenorm import BatchRenorm1d, BatchRenorm2d, BatchRenorm3d
from minitorch_bn.nn.modules.container import Sequential
from minitorch_bn.nn.modules.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from minitorch_bn.nn.modules.frozen_batchnorm import FrozenBatchNorm1d, FrozenBatchNorm2d, FrozenBatchNorm3d
from minitorch_bn.nn.modules.linear import Identity, Linear
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.nn.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minitorch_bn._tensor import Tensor

__all__ = ["fuse", "fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

M = TypeVar("M", bound=Module)

# What may follow what, by exact type: a subclass may compute anything.
_PAIRS = (
    ((Linear, Conv1d, ConvTranspose1d), (BatchNorm1d, FrozenBatchNorm1d, BatchRenorm1d)),
    ((Conv2d, ConvTranspose2d), (BatchNorm2d, FrozenBatchNorm2d, BatchRenorm2d)),
    ((Conv3d, ConvTranspose3d), (BatchNorm3d, FrozenBatchNorm3d, BatchRenorm3d)),
)


def fuse(model: M) -> M:
    """A copy of a model in evaluation, each BatchNorm folded into the convolution or Linear layer right before it.

    Pairs are found in every Sequential of the model, also across the border of one Sequential inside another. An
    ``Identity`` takes the place of the BatchNorm, so that names stay. The model itself is not changed. A pair is left
    as it is where folding would not be exact: layers that are used in several places or have hooks, BatchNorm without
    running estimates or over another ``channel_dim``, numbers of channels that differ. A Linear layer before
    BatchNorm1d is taken to see (N, in_features). What a model does in its own ``forward`` cannot be seen from here: a
    Sequential is taken to be called as a whole.

    Raises:
        AssertionError: a pair is in training.
        TypeError: ``model`` is not a Module.

    >>> import minitorch_bn as torch
    >>> nn = torch.nn
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU()).eval()
    >>> nn.utils.fuse(model)
    Sequential(
      (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
      (1): Identity()
      (2): ReLU()
    )
    """
    if not isinstance(model, Module):
        raise TypeError(f"fuse() takes an nn.Module, not {type(model).__name__}")
    fused = copy.deepcopy(model)
    uses = Counter(module for _, module in fused.named_modules(remove_duplicate=False))
    for run in _runs(fused):
        before: Any = None
        for home, name, layer in run:
            if before and _can_fold(before[2], layer) and uses[before[2]] == uses[layer] == 1:
                fold = fuse_linear_bn_eval if isinstance(before[2], Linear) else fuse_conv_bn_eval
                folded: Any = fold(before[2], layer)
                uses[folded] = 1
                setattr(before[0], before[1], folded)
                setattr(home, name, Identity())
                before = (before[0], before[1], folded)
            elif type(layer) is not Identity:
                before = (home, name, layer)
    return fused


def fuse_conv_bn_eval(conv: M, bn: Any, transpose: bool = False) -> M:
    """A convolution that does what ``bn(conv(x))`` does, both in evaluation.

    Args:
        conv: Conv1d, 2d, 3d or a transposed convolution, with any groups and with or without bias.
        bn: BatchNorm of as many channels as ``conv`` gives; with or without weight and bias.
        transpose: whether ``conv`` is transposed; one that is needs no saying so.

    Returns:
        A new layer. Its weight requires a gradient if that of ``conv`` does; its bias as that of ``conv``, or where
        there is none as its weight.

    Raises:
        AssertionError: one of them is in training, or ``bn`` has no running estimates.
        RuntimeError: the numbers of channels differ.
        ValueError: ``transpose`` is said of a convolution that is not; ``bn`` has its channels in another dimension.

    >>> import minitorch_bn as torch
    >>> conv, bn = torch.nn.Conv2d(3, 8, 3, bias=False).eval(), torch.nn.BatchNorm2d(8).eval()
    >>> fused = torch.nn.utils.fuse_conv_bn_eval(conv, bn)
    >>> x = torch.randn(2, 3, 6, 6)
    >>> torch.allclose(fused(x), bn(conv(x)), atol=1e-6)
    True
    """
    _check_pair(conv, bn)
    if getattr(bn, "channel_dim", 1) != 1:
        raise ValueError(f"a convolution gives its channels in dimension 1, {bn!r} takes them from another")
    transposed = getattr(conv, "transposed", transpose)
    if transpose and not transposed:
        raise ValueError(f"transpose=True, but {conv!r} is not a transposed convolution")
    return _with_parameters(conv, fuse_conv_bn_weights(conv.weight, conv.bias, *_of(bn), transposed))


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """The weight and bias of ``fuse_conv_bn_eval`` from those of the two layers.

    ``conv_w`` is (out, in / groups, *) or, with ``transpose``, (in, out / groups, *); all others are (out,) or None.

    Raises RuntimeError where the sizes do not fit.

    >>> import minitorch_bn as torch
    >>> w, mean, var = torch.ones(2, 1, 1), torch.tensor([1.0, 2.0]), torch.tensor([4.0, 16.0])
    >>> torch.nn.utils.fuse_conv_bn_weights(w, None, mean, var, 0.0, None, None)[0].flatten()
    tensor([0.5000, 0.2500])
    """
    channels = bn_rm.numel()
    groups = max(channels // max(conv_w.shape[1], 1), 1) if transpose else 1
    out = conv_w.shape[1] * groups if transpose else conv_w.shape[0]
    if out != channels or conv_w.shape[0] % groups:
        raise RuntimeError(
            f"The size of tensor a ({out}) must match the size of tensor b ({channels}) at non-singleton dimension 0\n"
            f"A {'transposed ' if transpose else ''}convolution with a weight of shape {list(conv_w.shape)} does not "
            f"give the {channels} channels of the normalisation."
        )
    scale, bias = _scale_and_bias(out, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    weight = conv_w._data.astype(np.float64)
    if transpose:
        # (in, out/groups, *) -> (groups, in/groups, out/groups, *): a group of inputs leads to a group of outputs
        grouped = weight.reshape(groups, -1, *weight.shape[1:])
        scaled = grouped * scale.reshape(groups, 1, -1, *(1,) * (weight.ndim - 2))
        weight = scaled.reshape(weight.shape)
    else:
        weight = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
    return _parameters(conv_w, conv_b, weight, bias)


def fuse_linear_bn_eval(linear: M, bn: Any) -> M:
    """A Linear layer that does what ``bn(linear(x))`` does, both in evaluation, for x of shape (N, in_features).

    Also for (N, 1, in_features) if ``bn`` has one channel, and for any shape if its channels are the last dimension.
    What requires a gradient is as in ``fuse_conv_bn_eval``.

    Raises:
        AssertionError: one of them is in training, ``bn`` has no running estimates, or the sizes do not fit.

    >>> import minitorch_bn as torch
    >>> linear, bn = torch.nn.Linear(3, 2).eval(), torch.nn.BatchNorm1d(2, affine=False).eval()
    >>> x = torch.randn(4, 3)
    >>> torch.allclose(torch.nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-6)
    True
    """
    _check_pair(linear, bn)
    out, channels = linear.weight.shape[0], bn.num_features
    if channels not in (out, 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={out} and bn.num_features={channels}"
        )
    return _with_parameters(linear, fuse_linear_bn_weights(linear.weight, linear.bias, *_of(bn)))


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """The weight and bias of ``fuse_linear_bn_eval`` from those of the two layers; ``linear_w`` is (out, in).

    Raises RuntimeError where the sizes do not fit.

    >>> import minitorch_bn as torch
    >>> w, mean, var = torch.ones(2, 1), torch.tensor([1.0, 2.0]), torch.tensor([4.0, 16.0])
    >>> torch.nn.utils.fuse_linear_bn_weights(w, None, mean, var, 0.0, None, None)[0].flatten()
    tensor([0.5000, 0.2500])
    """
    out, channels = linear_w.shape[0], bn_rm.numel()
    if channels not in (out, 1):
        raise RuntimeError(
            f"The size of tensor a ({out}) must match the size of tensor b ({channels}) at non-singleton dimension 0\n"
            f"A Linear weight of shape {list(linear_w.shape)} does not give {channels} features."
        )
    scale, bias = _scale_and_bias(out, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    return _parameters(linear_w, linear_b, linear_w._data.astype(np.float64) * scale[:, None], bias)


# -- the arithmetic --------------------------------------------------------------------------------------------------


def _scale_and_bias(
    out: int, b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, eps: float, bn_w: Tensor | None, bn_b: Tensor | None
) -> tuple[np.ndarray, np.ndarray]:
    """s and the new bias, float64 of shape (out,)."""
    names = ("bias", "bn_rm", "bn_rv", "bn_w", "bn_b")
    values = []
    for name, tensor, missing in zip(names, (b, bn_rm, bn_rv, bn_w, bn_b), (0.0, 0.0, 0.0, 1.0, 0.0)):
        size = out if tensor is None or name == "bias" else bn_rm.numel()
        if tensor is not None and tensor.numel() != size:
            raise RuntimeError(f"{name} should contain {size} elements not {tensor.numel()}")
        value = np.full(out, missing) if tensor is None else tensor._data.astype(np.float64).reshape(-1)
        values.append(np.broadcast_to(value, (out,)))
    bias, mean, var, weight, shift = values
    with np.errstate(all="ignore"):
        scale = weight / np.sqrt(var + eps)
        return scale, scale * (bias - mean) + shift


def _parameters(w: Tensor, b: Tensor | None, weight: np.ndarray, bias: np.ndarray) -> tuple[Parameter, Parameter]:
    """New parameters in the dtypes of the old ones, to be trained if those are."""
    with np.errstate(all="ignore"):
        arrays = weight.astype(w._data.dtype), bias.astype((w if b is None else b)._data.dtype)
    wanted = w.requires_grad, (w if b is None else b).requires_grad
    first, second = (Parameter(wrap(array), trained) for array, trained in zip(arrays, wanted))
    return first, second


def _of(bn: Any) -> tuple[Any, Any, Any, Any, Any]:
    """What a normalisation does in evaluation."""
    return bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias


def _check_pair(layer: Module, bn: Any) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!\nCall eval() on both layers, or on the model, first.")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


def _with_parameters(layer: M, parameters: tuple[Parameter, Parameter]) -> M:
    """A copy of a layer with another weight and bias."""
    result: Any = copy.deepcopy(layer)
    result.weight, result.bias = parameters
    return result


# -- finding pairs in a model ----------------------------------------------------------------------------------------


def _runs(module: Module) -> Iterator[list[tuple[Module, str, Module]]]:
    """For each Sequential that is in no other, the layers inside in the order of the data: (parent, name, layer)."""
    if _is_transparent(module):
        run = list(_layers_in(module))
        yield run
        inner = [layer for _, _, layer in run]
    else:
        inner = list(module.children())
    for child in inner:
        yield from _runs(child)


def _layers_in(sequential: Module) -> Iterator[tuple[Module, str, Module]]:
    for name, child in sequential._modules.items():
        if child is None:
            continue
        if _is_transparent(child):
            yield from _layers_in(child)
        else:
            yield sequential, name, child


def _is_transparent(module: Module) -> bool:
    """Whether data goes through the layers inside one after the other, and nobody looks on."""
    return isinstance(module, Sequential) and type(module).forward is Sequential.forward and not _has_hooks(module)


def _has_hooks(module: Module) -> bool:
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(hooks)


def _can_fold(layer: Any, bn: Any) -> bool:
    """Whether folding is exact, or the pair is one that ``_check_pair`` has to refuse."""
    if not any(type(layer) in layers and type(bn) in norms for layers, norms in _PAIRS):
        return False
    if _has_hooks(layer) or _has_hooks(bn):
        return False
    if bn.running_mean is None or bn.running_var is None:
        return False
    if isinstance(layer, Linear):
        return bn.num_features in (layer.out_features, 1) and bn.channel_dim in (1, -1)
    return bn.num_features == layer.out_channels and bn.channel_dim == 1
