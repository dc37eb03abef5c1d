"""What the functions of ``normalization`` accept: PyTorch's order, types and first lines, then the way out."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from minitorch_bn.autograd.variable import Variable
from minitorch_bn.dtypes import from_numpy_dtype
from minitorch_bn.ops._common import not_implemented, require_constants, require_tensor, type_name


def check_instance_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    use_input_stats: bool,
    momentum: Any,
    eps: Any,
) -> None:
    """Raises for input that ``instance_norm`` cannot take."""
    if not isinstance(input, Variable):
        raise AttributeError(f"'{type(input).__name__}' object has no attribute 'size'\n{_make_a_tensor(input)}")
    x = input._data
    if use_input_stats:
        _check_spatial_size(x.shape)
    tensors = {
        "weight": (weight, 2),
        "bias": (bias, 3),
        "running_mean": (running_mean, 4),
        "running_var": (running_var, 5),
    }
    for name, (value, position) in tensors.items():
        if value is not None:
            require_tensor("instance_norm", value, name, position)
    _check_number("instance_norm", "momentum", momentum, 7)
    _check_number("instance_norm", "eps", eps, 8)
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false\n"
            "Pass both, or use_input_stats=True to normalise each channel of each sample with its own statistics."
        )
    if x.ndim < 2:
        raise IndexError(
            "Dimension out of range (expected to be in range of [-1, 0], but got 1)\n"
            f"instance_norm needs (N, C, *) with the channels in dimension 1; the input has shape {list(x.shape)}"
        )
    for name in ("running_mean", "running_var", "weight", "bias"):
        if tensors[name][0] is not None:
            _check_repeatable(name, tensors[name][0]._data, x.shape)
    require_constants("native_batch_norm", running_mean=running_mean, running_var=running_var)
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    _check_dtypes("batch_norm", x, weight, bias)


def check_group_norm(input: Any, num_groups: Any, weight: Any, bias: Any, eps: Any) -> None:
    """Raises for input that ``group_norm`` cannot take."""
    if not isinstance(input, Variable):
        raise AttributeError(f"'{type(input).__name__}' object has no attribute 'dim'\n{_make_a_tensor(input)}")
    x = input._data
    if x.ndim < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {x.ndim}\n"
            f"group_norm needs (N, C, *) with the channels in dimension 1; the input has shape {list(x.shape)}"
        )
    channels = x.shape[1]
    rows = x.shape[0] * channels // num_groups
    if rows * prod(x.shape[2:]) == 1:
        raise ValueError(
            "Expected more than 1 value per channel when training, got input size "
            f"{[rows, num_groups, *x.shape[2:]]}\nEach group has one value, its own mean: normalised it is always 0. "
            "Use fewer groups."
        )
    if isinstance(num_groups, bool) or not isinstance(num_groups, (int, np.integer)):
        raise TypeError(
            f"group_norm(): argument 'num_groups' (position 2) must be int, not {type(num_groups).__name__}"
        )
    _check_tensors_and_eps("group_norm", weight, bias, eps)
    if num_groups < 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(x.shape)} and num_groups={num_groups}"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value._data.shape != (channels,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(value.shape)} and input of shape {list(x.shape)}"
            )
    _check_dtypes("GroupNormKernelImpl", x, weight, bias)


def check_layer_norm(input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: Any) -> None:
    """Raises for input that ``layer_norm`` cannot take."""
    require_tensor("layer_norm", input)
    _check_sizes("layer_norm", normalized_shape)
    _check_tensors_and_eps("layer_norm", weight, bias, eps)
    _check_normalized_shape(input._data.shape, tuple(normalized_shape), {"weight": weight, "bias": bias}, "*, ")
    _check_dtypes("LayerNormKernelImpl", input._data, weight, bias)


def check_rms_norm(input: Any, normalized_shape: Any, weight: Any, eps: Any) -> None:
    """Raises for input that ``rms_norm`` cannot take; the weight may have any floating dtype."""
    require_tensor("rms_norm", input)
    _check_sizes("rms_norm", normalized_shape)
    if weight is not None:
        require_tensor("rms_norm", weight, "weight", 3)
    if eps is not None:
        _check_number("rms_norm", "eps", eps, 4)
    shape, dimensions = tuple(normalized_shape), input._data.ndim
    if len(shape) > dimensions:
        raise ValueError(f"Input tensor must have at least {len(shape)} dimensions, but got {dimensions}")
    _check_normalized_shape(input._data.shape, shape, {"weight": weight}, "*")
    _check_floating("rms_norm", input._data)


def _make_a_tensor(value: Any) -> str:
    return f"It needs a Tensor, not a {type(value).__name__}: torch.tensor(...) makes one."


def _check_spatial_size(shape: tuple[int, ...]) -> None:
    if prod(shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size torch.Size({list(shape)})\n"
            "Each channel of a sample has one value, its own mean: normalised it is always 0. Leave the layer out "
            "here, or use a normalization over more than one channel, such as GroupNorm or LayerNorm."
        )


def _check_repeatable(name: str, value: np.ndarray, shape: tuple[int, ...]) -> None:
    """A value for each channel, which is repeated for each sample: PyTorch counts all of them."""
    if value.ndim > 1:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor\n"
            f"{name} must have one dimension; its shape is {list(value.shape)}."
        )
    samples, channels = max(shape[0], 1), shape[1]
    if value.size != channels:
        raise RuntimeError(
            f"{name} should contain {samples * channels} elements not {samples * value.size}\n"
            f"Channels are dimension 1: the input of shape {list(shape)} has {channels} there, {name} {value.size}."
        )


def _check_tensors_and_eps(function: str, weight: Any, bias: Any, eps: Any) -> None:
    for position, (name, value) in enumerate((("weight", weight), ("bias", bias)), 3):
        if value is not None:
            require_tensor(function, value, name, position)
    _check_number(function, "eps", eps, 5)


def _check_number(function: str, name: str, value: Any, position: int) -> None:
    if not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{function}(): argument '{name}' (position {position}) must be float, not {type_name(value)}")


def _check_sizes(function: str, sizes: Any) -> None:
    text = f"{function}(): argument 'normalized_shape' (position 2) must be tuple of ints, "
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(f"{text}not {type_name(sizes)}\nWrite the sizes of the last dimensions as a tuple: (5,).")
    for position, size in enumerate(sizes):
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
            raise TypeError(f"{text}but found element of type {type_name(size)} at pos {position}")


def _check_normalized_shape(
    shape: tuple[int, ...], normalized: tuple[int, ...], parameters: dict[str, Any], star: str
) -> None:
    if not normalized:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for name, value in parameters.items():
        if value is not None and value._data.shape != normalized:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(value.shape)} "
                f"and normalized_shape = {list(normalized)}"
            )
    if shape[-len(normalized) :] != normalized:
        sizes = ", ".join(map(str, normalized))
        raise RuntimeError(
            f"Given normalized_shape=[{sizes}], expected input with shape [{star}{sizes}], but got input of "
            f"size{list(shape)}"
        )


def _check_floating(kernel: str, x: np.ndarray) -> None:
    dtype = from_numpy_dtype(x.dtype)
    if not dtype.is_floating_point:
        raise not_implemented(kernel, dtype)


def _check_dtypes(kernel: str, x: np.ndarray, weight: Any, bias: Any) -> None:
    """Weight and bias have the input's dtype, or both are float32 beside a half-precision input."""
    _check_floating(kernel, x)
    given = [v._data.dtype for v in (weight, bias) if v is not None]
    half, all_float32 = x.dtype.itemsize == 2, all(d == np.float32 for d in given)
    if all(d == x.dtype for d in given) or (half and all_float32):
        return
    input_dtype, names = from_numpy_dtype(x.dtype), [from_numpy_dtype(d) for d in given]
    if weight is not None and given[0] == x.dtype:
        text = f"expected scalar type {input_dtype.legacy_name} but found {names[1].legacy_name}"
    elif x.dtype == np.float64 and all_float32:
        text = "mixed dtype (CPU): all inputs must share same datatype."
    else:
        text = "mixed dtype (CPU): expect parameter to have scalar type of Float"
    kinds = " and ".join(sorted({d.name for d in names}))
    raise RuntimeError(
        f"{text}\nThe input is {input_dtype.name}, weight and bias are {kinds}: use input.to() or layer.to()."
    )
