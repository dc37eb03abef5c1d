"""What ``batch_norm`` accepts. Everything is checked here, in PyTorch's order, before anything is changed.

Each text begins with PyTorch's own words, which people search for; then come the shapes and the way out.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.ops._common import require_constants


def is_plain(input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, eps: float) -> bool:
    """Whether nothing can be wrong, at a glance: vectors of the input's dtype all, with one number for each channel."""
    if not isinstance(input, Variable) or running_mean is None or running_var is None or weight is None or bias is None:
        return False
    x, mean, var, w, b = input._data, running_mean._data, running_var._data, weight._data, bias._data
    shape, dtype = x.shape, x.dtype
    return (
        mean.shape == var.shape == w.shape == b.shape == shape[1:2]
        and mean.dtype is var.dtype is w.dtype is b.dtype is dtype
        and dtype.char in "fd"
        and len(shape) > 1
        and x.size != shape[1]
        and eps > 0
        and not (running_mean._requires_grad or running_var._requires_grad)
        and running_mean._view is running_var._view is None
    )


def check_batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    training: bool,
    eps: float,
    channel_dim: int,
) -> None:
    """Raises for input (with the channels in dimension 1; ``channel_dim`` is where they were) that cannot be taken."""
    x = input._data if hasattr(input, "_data") else _refuse_input(input)
    if x.ndim < 2:
        _refuse_dimensions(x, training)
    if training:
        _check_values_per_channel(x)
    check_eps(eps, training)
    sizes = (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias))
    for name, value in sizes:
        if value is not None:
            _check_size(name, value._data, x, channel_dim)
        elif name.startswith("running") and not training and x.size:
            raise RuntimeError(
                f"{name} must be defined in evaluation mode\n"
                "Evaluation normalises with the running estimates: pass both, or training=True to use the batch's own."
            )
    require_constants("native_batch_norm", running_mean=running_mean, running_var=running_var)
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    _check_dtypes(x, running_mean, running_var, weight, bias)


def _refuse_input(input: Any) -> Any:
    raise AttributeError(
        f"'{type(input).__name__}' object has no attribute 'size'\n"
        f"batch_norm needs a Tensor, not a {type(input).__name__}: torch.tensor(...) makes one"
    )


def _refuse_dimensions(x: np.ndarray, training: bool) -> None:
    hint = f"batch_norm needs (N, C) or (N, C, *) with the channels in dimension 1; the input has shape {list(x.shape)}"
    if x.ndim == 0 and training:
        raise IndexError(f"tuple index out of range\n{hint}")
    raise IndexError(f"Dimension out of range (expected to be in range of [-1, 0], but got 1)\n{hint}")


_ONE_VALUE = (
    "One value is its own mean: normalised it is always 0. Use larger batches (DataLoader(drop_last=True) leaves out a "
    "last batch of one), eval() where there are running estimates, or a normalisation over each sample: GroupNorm, "
    "LayerNorm."
)


def _check_values_per_channel(x: np.ndarray) -> None:
    if x.size and x.size == x.shape[1]:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size torch.Size({list(x.shape)})\n"
            f"{_ONE_VALUE}"
        )


def check_count(count: np.ndarray, input: Any) -> None:
    """With a mask: every channel has kept two values at least, or none of them any."""
    if count.any() and (count < 2).any():
        channels = np.flatnonzero(count < 2).tolist()
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}\n"
            f"The mask leaves channels {channels} with {count[channels].tolist()} values. {_ONE_VALUE}"
        )


def expanded_mask(mask: Any, input: Any) -> Any:
    """The mask in the shape of the input."""
    if not isinstance(mask, Variable):
        raise TypeError(f"batch_norm(): argument 'mask' must be Tensor, not {type(mask).__name__}")
    if mask._data.dtype != np.bool_:
        raise RuntimeError(f"batch_norm only supports boolean masks, but got mask with dtype {mask.dtype.name}")
    try:
        return mask.expand(input.shape)
    except RuntimeError:
        raise RuntimeError(
            f"the mask of shape {list(mask.shape)} does not broadcast to the input of shape {list(input.shape)}"
        ) from None


def check_mapped(running_mean: Any, running_var: Any) -> None:
    """Inside ``vmap`` each sample needs running estimates of its own."""
    for sliced in thread.mode.mapped:
        if id(running_mean._version_counter) not in sliced or id(running_var._version_counter) not in sliced:
            raise RuntimeError(
                "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated "
                "in place, were not batched.\nIf you are using a module and do not need eval mode, please set "
                "`track_running_stats` to be False (func.replace_all_batch_norm_modules_ does so for a whole model)."
            )


def check_eps(eps: Any, training: bool) -> None:
    """eps is added to the variance: positive in training, and never negative."""
    if training and eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")


def check_momentum(momentum: Any) -> None:
    """momentum is a number here; only the layers know what None means."""
    if not isinstance(momentum, (int, float, np.number)):
        raise TypeError(f"batch_norm(): argument 'momentum' (position 7) must be float, not {type(momentum).__name__}")


def _check_size(name: str, value: np.ndarray, x: np.ndarray, channel_dim: int) -> None:
    channels = x.shape[1]
    if value.size == channels and (value.ndim == 1 or not name.startswith("running")):
        return
    if value.size == channels:
        raise RuntimeError(f"TensorAccessor expected 1 dims but tensor has {value.ndim}")
    shape = list(np.moveaxis(x, 1, channel_dim).shape)
    hint = (
        f"Channels are dimension {channel_dim}: the input of shape {shape} has {channels} there, {name} {value.size}."
    )
    if channel_dim == 1 and x.ndim == 3 and x.shape[2] == value.size:
        hint += " Its last dimension fits: did you mean input.transpose(1, 2), or channel_dim=-1?"
    raise RuntimeError(f"{name} should contain {channels} elements not {value.size}\n{hint}")


def _check_dtypes(x: np.ndarray, running_mean: Any, running_var: Any, weight: Any, bias: Any) -> None:
    """Parameters and buffers have the input's dtype, or all are float32 beside a half-precision input."""
    from minitorch_bn.dtypes import from_numpy_dtype

    dtype = from_numpy_dtype(x.dtype)
    if not dtype.is_floating_point:
        raise NotImplementedError(f"\"batch_norm\" not implemented for '{dtype.legacy_name}'\nUse input.float().")
    given = [v._data.dtype for v in (running_mean, running_var, weight, bias) if v is not None]
    half = dtype.itemsize == 2
    if all(d == x.dtype for d in given) or (half and all(d == np.float32 for d in given)):
        return
    if dtype.name == "float64":
        text = "mixed dtype (CPU): all inputs must share same datatype."
    elif half and not any(v is not None and v._data.dtype != x.dtype for v in (weight, bias)):
        text = f"expected scalar type {dtype.legacy_name} but found Float"
    else:
        text = "mixed dtype (CPU): expect parameter to have scalar type of Float"
    kinds = ", ".join(sorted({from_numpy_dtype(d).name for d in given}))
    raise RuntimeError(
        f"{text}\nThe input is {dtype.name}, the layer's tensors are {kinds}: use input.to() or layer.to()."
    )


def warn_not_finite(channels: np.ndarray, layer: Any) -> None:
    """A batch that is not finite would poison the running estimates for ever: it is left out, the first time aloud."""
    if layer is not None:
        if getattr(layer, "_warned_not_finite", False):
            return
        layer._warned_not_finite = True
    shown = ", ".join(map(str, channels[:10])) + (", ..." if len(channels) > 10 else "")
    warnings.warn(
        f"{'batch_norm' if layer is None else layer!r}: the batch statistics of channels [{shown}] are not finite; the "
        "running estimates ignore such batches",
        RuntimeWarning,
        stacklevel=4,
    )
