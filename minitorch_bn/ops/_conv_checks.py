"""What convolutions accept: everything is checked here, in PyTorch's order, before anything is computed.

Each text begins with PyTorch's own words, which people search for; then come the shapes and the way out.
"""

from __future__ import annotations

from typing import Any

from minitorch_bn.autograd.variable import Variable
from minitorch_bn.dtypes import from_numpy_dtype
from minitorch_bn.kernels.conv_numpy import conv_output_shape
from minitorch_bn.ops._common import invalid_arguments, require_tensors

_LAYOUTS = {1: "(N, C, L)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}
_AXES = ("depth", "height", "width")
_C_NAMES = {
    "float32": "float",
    "float64": "double",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "int64": "long int",
    "int32": "int",
    "int16": "short int",
    "int8": "signed char",
    "uint8": "unsigned char",
    "bool": "bool",
}


def check_conv(
    name: str, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> tuple[Any, ...]:
    """(stride, padding, dilation) as tuples for a convolution that exists; raises for any other."""
    dims = int(name[-2])
    _check_types(name, input, weight, bias, groups)
    if isinstance(padding, str):
        _check_padding_text(padding, stride)
    _check_bias_dtype(input, bias)
    _check_dimensions(name, dims, input, weight)
    spatial = weight._data.ndim - 2
    if padding == "same":
        _check_rank(_batched(input._data, dims), weight._data, gap="")  # PyTorch's own spacing
    stride = _per_dimension(name, "stride", stride, dims, spatial)
    dilation = _per_dimension(name, "dilation", dilation, dims, spatial)
    if isinstance(padding, str):
        padding = _padding_from_text(padding, weight._data.shape[2:], dilation)
    else:
        padding = _per_dimension(name, "padding", padding, dims, spatial)
        _refuse_negative("padding", padding)
    _refuse_non_positive(stride=stride, groups=(groups,), dilation=dilation)
    x, w = _batched(input._data, dims), weight._data
    _check_rank(x, w)
    _check_groups(w, groups)
    _check_channels(x, w, f"groups={groups}", w.shape[1] * groups)
    _check_bias(w, bias, "", w.shape[0])
    _check_kernel_fits(x, w, padding, dilation)
    _check_common(name, input, x, weight)
    return stride, padding, dilation


def check_conv_transpose(
    name: str,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> tuple[Any, ...]:
    """(stride, padding, dilation, spatial shape of the result) for a transposed convolution that exists."""
    dims = int(name[-2])
    _check_types(name, input, weight, bias, groups)
    _check_dimensions(name, dims, input, weight)
    spatial = weight._data.ndim - 2
    stride = _per_dimension(name, "stride", stride, dims, spatial)
    padding = _per_dimension(name, "padding", padding, dims, spatial)
    dilation = _per_dimension(name, "dilation", dilation, dims, spatial)
    output_padding = _per_dimension(name, "output_padding", output_padding, dims, spatial)
    _refuse_negative("padding", padding)
    _refuse_negative("output_padding", output_padding)
    _refuse_non_positive(stride=stride, groups=(groups,), dilation=dilation)
    x, w = _batched(input._data, dims), weight._data
    _check_rank(x, w)
    _check_groups(w, groups)
    _check_channels(x, w, "transposed=1", w.shape[0])
    _check_bias(w, bias, "transposed=1, ", w.shape[1] * groups)
    _check_common(name, input, x, weight)
    _check_bias_dtype(input, bias)
    _check_output_padding(output_padding, stride, dilation)
    sizes = zip(x.shape[2:], w.shape[2:], stride, padding, output_padding, dilation)
    out = tuple((n - 1) * s - 2 * p + d * (k - 1) + o + 1 for n, k, s, p, o, d in sizes)
    if min(out) < 1:
        raise RuntimeError(
            f"Given input size per channel: ({_by(_planar(x.shape[2:]))}). Calculated output size per channel: "
            f"({_by(_planar(out))}). Output size is too small"
        )
    return stride, padding, dilation, out


def _check_types(name: str, input: Any, weight: Any, bias: Any, groups: Any) -> None:
    tensors = (input, weight) if bias is None else (input, weight, bias)
    if "transpose" in name:
        require_tensors(name, **dict(zip(("input", "weight", "bias"), tensors)))
    if not all(isinstance(t, Variable) for t in tensors):
        raise invalid_arguments(name, *tensors, expected="(Tensor input, Tensor weight, Tensor bias = None, ...)")
    if not isinstance(groups, int):
        raise TypeError(f"{name}(): argument 'groups' must be int, not {type(groups).__name__}")


def _check_padding_text(padding: str, stride: Any) -> None:
    if padding not in ("same", "valid"):
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    strides = stride if isinstance(stride, (tuple, list)) else (stride,)
    if padding == "same" and any(s != 1 for s in strides):
        raise RuntimeError("padding='same' is not supported for strided convolutions")


def _padding_from_text(padding: str, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[Any, ...]:
    """As much in total as the kernel reaches beyond one element; of an odd total the larger part comes last."""
    if padding == "valid":
        return (0,) * len(kernel)
    totals = [max(d, 0) * max(k - 1, 0) for d, k in zip(dilation, kernel)]
    return tuple(t // 2 if t % 2 == 0 else (t // 2, t - t // 2) for t in totals)


def _per_dimension(name: str, argument: str, value: Any, dims: int, spatial: int) -> tuple[Any, ...]:
    """An int or a sequence of them as a tuple of ``spatial`` ints."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * dims
    try:
        values = tuple(v if type(v) is int else int(v.__index__()) for v in values)
    except AttributeError:
        raise TypeError(f"{name}(): argument '{argument}' must be tuple of ints, not {type(value).__name__}") from None
    if len(values) == 1:
        return values * spatial
    if len(values) != spatial:
        raise RuntimeError(
            f"expected {argument} to be a single integer value or a list of {spatial} values to match the convolution "
            f"dimensions, but got {argument}={list(values)}"
        )
    return values


def _refuse_negative(argument: str, values: tuple[int, ...]) -> None:
    if min(values) < 0:
        raise RuntimeError(f"negative {argument} is not supported")


def _refuse_non_positive(**arguments: tuple[int, ...]) -> None:
    for argument, values in arguments.items():
        if argument == "dilation" and min(values) < 0:
            raise RuntimeError("dilation should be greater than zero")
        if min(values) <= 0:
            raise RuntimeError(f"non-positive {argument} is not supported")


def _check_dimensions(name: str, dims: int, input: Any, weight: Any) -> None:
    shape = input._data.shape
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: "
            f"{list(shape)}\n"
            f"{name} takes {_LAYOUTS[dims]}, or the same without N: reshape or unsqueeze the input, or use the "
            "convolution for its number of dimensions."
        )
    if weight._data.ndim < 3:
        raise RuntimeError("weight should have at least three dimensions")


def _batched(x: Any, dims: int) -> Any:
    return x if x.ndim == dims + 2 else x[None]


def _check_rank(x: Any, w: Any, gap: str = " ") -> None:
    if w.ndim != x.ndim:
        raise RuntimeError(
            f"Expected {w.ndim}-dimensional input for {w.ndim}-dimensional weight{gap}{list(w.shape)}, but got "
            f"{x.ndim}-dimensional input of size {list(x.shape)} instead"
        )


def _check_groups(w: Any, groups: int) -> None:
    if w.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{list(w.shape)} instead"
        )
    if w.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{list(w.shape)}] instead"
        )


def _check_channels(x: Any, w: Any, given: str, expected: int) -> None:
    if x.shape[1] == expected:
        return
    hint = ""
    if x.shape[-1] == expected:
        hint = f"\nThe last dimension fits, but channels come first: did you mean input.movedim(-1, {1 - x.ndim})?"
    raise RuntimeError(
        f"Given {given}, weight of size {list(w.shape)}, expected input{list(x.shape)} to have {expected} channels, "
        f"but got {x.shape[1]} channels instead{hint}"
    )


def _check_bias(w: Any, bias: Any, given: str, expected: int) -> None:
    if bias is not None and bias._data.shape != (expected,):
        raise RuntimeError(
            f"Given {given}weight of size {list(w.shape)}, expected bias to be 1-dimensional with {expected} elements, "
            f"but got bias of size {list(bias._data.shape)} instead"
        )


def _check_kernel_fits(x: Any, w: Any, padding: tuple[Any, ...], dilation: tuple[int, ...]) -> None:
    spatial, kernel = x.shape[2:], w.shape[2:]
    if min(conv_output_shape(spatial, kernel, (1,) * len(kernel), padding, dilation)) > 0:
        return
    padded = [n + (sum(p) if isinstance(p, tuple) else 2 * p) for n, p in zip(spatial, padding)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
    raise RuntimeError(
        f"Calculated padded input size per channel: ({_by(padded)}). Kernel size: ({_by(reach)}). Kernel size can't be "
        "greater than actual input size\n"
        "Pad the input, take a smaller kernel or dilation, or shrink the input less in the layers before."
    )


def _check_common(name: str, input: Any, x: Any, weight: Any) -> None:
    """dtypes, and dimensions of size 0 that leave nothing to slide over."""
    dtype, weight_dtype = (from_numpy_dtype(t._data.dtype) for t in (input, weight))
    if 0 in x.shape[2:] and 0 not in x.shape[:2]:
        raise RuntimeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x.shape)}"
        )
    if dtype is not weight_dtype:
        if dtype.category == 2 and dtype.itemsize <= 4:
            text = (
                f"Input type ({_tensor_type(dtype)}) and weight type ({_tensor_type(weight_dtype)}) should be the same "
                "or input should be a MKLDNN tensor and weight is a dense tensor"
            )
        else:
            text = f"expected scalar type {dtype.legacy_name} but found {weight_dtype.legacy_name}"
        raise RuntimeError(
            f"{text}\nThe input is {dtype.name}, the weight {weight_dtype.name}: use input.to() or layer.to()."
        )
    if dtype.name == "bool":
        kernel = "slow_conv_transpose2d_out_cpu" if "transpose" in name else "slow_conv2d_cpu"
        raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")
    if 0 in weight._data.shape[2:]:
        sizes = _planar(weight._data.shape[2:])
        shown = " ".join(f"kernel_{axis}: {k}" for axis, k in zip(_AXES[-len(sizes) :], sizes))
        raise RuntimeError(f"kernel size should be greater than zero, but got {shown}")


def _check_bias_dtype(input: Any, bias: Any) -> None:
    if bias is not None and bias._data.dtype != input._data.dtype:
        a, b = (from_numpy_dtype(t._data.dtype).name for t in (input, bias))
        raise RuntimeError(
            f"Input type ({_C_NAMES[a]}) and bias type ({_C_NAMES[b]}) should be the same\n"
            f"The input is {a}, the bias {b}: use input.to() or layer.to()."
        )


def _check_output_padding(output_padding: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> None:
    if all(o < max(s, d) for o, s, d in zip(output_padding, stride, dilation)):
        return
    shown = []
    for argument, values in (("output_padding", output_padding), ("stride", stride), ("dilation", dilation)):
        values = _planar(values, missing=0 if argument == "output_padding" else 1)
        shown += [f"{argument}_{axis}: {v}" for axis, v in zip(_AXES[-len(values) :], values)]
    raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {' '.join(shown)}")


def _planar(values: Any, missing: int = 1) -> tuple[Any, ...]:
    """One dimension is shown as a plane of one row, as PyTorch computes it."""
    return (missing, *values) if len(values) == 1 else tuple(values)


def _tensor_type(dtype: Any) -> str:
    return "CPUBFloat16Type" if dtype.name == "bfloat16" else f"torch.{dtype.legacy_name}Tensor"


def _by(sizes: Any) -> str:
    return " x ".join(map(str, sizes))
