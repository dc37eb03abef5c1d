"""What poolings accept: everything is checked here, in PyTorch's order, before anything is computed.

Each text begins with PyTorch's own words, which people search for; then come the shapes and the way out.
"""

from __future__ import annotations

from typing import Any

from minitorch_bn.dtypes import from_numpy_dtype
from minitorch_bn.kernels.pool_numpy import pool_output_shape
from minitorch_bn.ops._common import require_tensor

_NUMBER = {2: "two", 3: "three"}
_LAYOUTS = {2: "(N, C, H, W) or (C, H, W)", 3: "(N, C, D, H, W) or (C, D, H, W)"}

# The words in which each function asks for a number or a tuple of them.
_MAX = {
    "kernel_size": "kernel_size must either be a single int, or a tuple of {} ints",
    "stride": "stride must either be omitted, a single int, or a tuple of {} ints",
    "padding": "padding must either be a single int, or a tuple of {} ints",
    "dilation": "dilation must be either a single int, or a tuple of {} ints",
}
_AVG_3D = {argument: text.replace("must either be", "must be") for argument, text in _MAX.items()}
_MAX_1D = {
    "kernel_size": "kernel_size must be an int, list of ints or tuple of ints of size 1 but got size {}",
    "stride": "stride must be None, an int, list of ints, or tuple of ints of size 1 but got size {}",
    "padding": "padding must be an int, list of ints, or tuple of ints of size 1 but got size {}",
    "dilation": "dilation must be an int, list of ints or tuple of ints of size 1 but got size {}",
}


def check_max_pool(
    name: str, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Any, ...]:
    """The window (kernel, stride, padding, dilation, ceil_mode) of a maximum pooling in two or three dimensions."""
    dims = int(name[-2])
    require_tensor(name, input)
    kernel, stride, padding = _window(name, dims, _MAX, kernel_size, stride, padding)
    dilation = _per_dimension(name, "dilation", dilation, dims, _MAX["dilation"])
    x = input._data
    if x.ndim not in (dims + 1, dims + 2):
        _refuse_dimensions(name, x, dims)
    _check_numbers(dims, kernel, stride, padding, dilation)
    _check_not_empty("max_pool3d_with_indices_out_cpu_template" if dims == 3 else name, x, dims)
    _check_padding(dims, kernel, padding)
    _check_output_size(x, kernel, stride, padding, dilation, ceil_mode)
    if x.dtype.kind == "b":
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")
    return kernel, stride, padding, dilation, bool(ceil_mode)


def check_max_pool1d(
    input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, return_indices: bool
) -> tuple[Any, ...]:
    """The window of a maximum pooling in one dimension: PyTorch words its refusals differently."""
    name = "max_pool1d"
    require_tensor(name, input)
    x = input._data
    if x.ndim not in (2, 3) or 0 in x.shape[-2:]:
        raise RuntimeError(
            f"{name}: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:"
            f"{list(x.shape)}\nmax_pool1d takes (N, C, L) or (C, L)."
        )
    if stride is None or stride in ([], ()):
        stride = kernel_size
    given = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    values = {}
    for argument, value in given.items():
        if isinstance(value, (tuple, list)) and len(value) != 1:
            raise RuntimeError(f"{name}() {_MAX_1D[argument].format(len(value))}")
        (values[argument],) = _per_dimension(name, argument, value, 1, "")
    if return_indices:  # PyTorch pools a picture of one row then, and says so
        k, s, p, d = values.values()
        _check_numbers(2, (1, k), (1, s), (0, p), (1, d))
    for argument in ("kernel_size", "stride"):
        _refuse_small(name, argument, values[argument], 1)
    _refuse_small(name, "padding", values["padding"], 0)
    if values["padding"] > values["kernel_size"] // 2:
        raise RuntimeError(
            f"{name}() padding should be at most half of kernel size, but got padding={values['padding']} and "
            f"kernel_size={values['kernel_size']}"
        )
    _refuse_small(name, "dilation", values["dilation"], 1)
    kernel, stride, padding, dilation = ((v,) for v in values.values())
    (size,) = pool_output_shape(x.shape[-1:], kernel, stride, padding, dilation, ceil_mode)
    if size < 1:
        raise RuntimeError(
            f"{name}() Invalid computed output size: {size}\n"
            f"The input of length {x.shape[-1]} is shorter than a window of {values['dilation']} * "
            f"({values['kernel_size']} - 1) + 1 elements."
        )
    if x.dtype.kind == "b" or (x.dtype.kind in "iu" and not return_indices):
        raise NotImplementedError(f"\"max_pool1d_impl\" not implemented for '{_legacy_name(x)}'")
    return kernel, stride, padding, dilation, bool(ceil_mode)


def check_avg_pool(
    name: str, input: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, divisor_override: Any
) -> tuple[Any, ...]:
    """The window (kernel, stride, padding) of an average pooling in two or three dimensions."""
    dims = int(name[-2])
    require_tensor(name, input)
    kernel, stride, padding = _window(name, dims, _AVG_3D if dims == 3 else _MAX, kernel_size, stride, padding)
    x = input._data
    if divisor_override is not None and not isinstance(divisor_override, int):
        kind = type(divisor_override).__name__
        raise TypeError(f"{name}(): argument 'divisor_override' must be int, not {kind}")
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    if x.ndim < dims + 1 and dims == 2:
        n = x.ndim
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got -3)\n"
            f"{name} takes {_LAYOUTS[2]}; the input has shape {list(x.shape)}."
        )
    if x.ndim not in (dims + 1, dims + 2):
        _refuse_dimensions(name, x, dims)
    _check_numbers(dims, kernel, stride, padding, (1,) * dims)
    _check_not_empty(name, x, dims)
    if dims == 3 and any(n < k for n, k in zip(x.shape[-3:], kernel)):
        raise RuntimeError(f"input image ({_named('', x.shape[-3:])}) smaller than kernel size ({_named('k', kernel)})")
    _check_output_size(x, kernel, stride, padding, (1,) * dims, ceil_mode)
    if x.dtype.kind in "iub" and x.dtype.name != "int64":
        kernel_name = "avg_pool3d_out_frame" if dims == 3 else name
        raise NotImplementedError(f"\"{kernel_name}\" not implemented for '{_legacy_name(x)}'")
    return kernel, stride, padding


def check_adaptive_avg_pool(name: str, input: Any, output_size: Any) -> tuple[int, ...]:
    """The output size as a tuple, None replaced by the input's size."""
    dims = int(name[-2])
    size = _output_size(name, input, output_size, f"{name}: output_size must be {dims}")
    if min(size) < 0:
        shown = f"{size[0]}, {','.join(map(str, size[1:]))}"  # PyTorch's own spacing
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received {{{shown}}}"
        )
    _check_adaptive_input(name, input._data, dims, first=input._data.ndim - dims, but_got="but got")
    return size


def check_adaptive_max_pool(name: str, input: Any, output_size: Any) -> tuple[int, ...]:
    """The output size as a tuple, None replaced by the input's size."""
    dims = int(name[-2])
    size = _output_size(name, input, output_size, f"{name}(): internal error: output_size.size() must be {dims}")
    x = input._data
    _check_adaptive_input(name, x, dims, first=1, but_got="but got:")
    if min(size) < 0:
        shape = [*x.shape[:-dims], *size]
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(size)}: {shape}")
    return size


def check_sequence(name: str, input: Any) -> None:
    """Refuses what is not (N, C, L) or (C, L)."""
    require_tensor(name, input)
    if input._data.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {input._data.ndim}-dimensional tensor for argument #1 'self' (while "
            f"checking arguments for {name})\n{name} takes (N, C, L) or (C, L)."
        )


def one_int(name: str, argument: str, position: int, value: Any) -> int:
    """The number in an int or a sequence of one."""
    if isinstance(value, (tuple, list)):
        if len(value) != 1:
            raise RuntimeError(f"{name}() argument '{argument}' should contain one int (got {len(value)})")
        (value,) = value
    if not hasattr(value, "__index__"):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, not {type(value).__name__}"
        )
    return int(value.__index__())


def _window(
    name: str, dims: int, texts: dict[str, str], kernel_size: Any, stride: Any, padding: Any
) -> tuple[Any, ...]:
    kernel = _per_dimension(name, "kernel_size", kernel_size, dims, texts["kernel_size"])
    if stride is None or (isinstance(stride, (tuple, list)) and not stride):
        stride = kernel
    else:
        stride = _per_dimension(name, "stride", stride, dims, texts["stride"])
    return kernel, stride, _per_dimension(name, "padding", padding, dims, texts["padding"])


_POSITIONS = {"kernel_size": 2, "stride": 3, "padding": 4, "dilation": 5}


def _per_dimension(name: str, argument: str, value: Any, dims: int, text: str) -> tuple[Any, ...]:
    """An int or a sequence of them as a tuple of ``dims`` ints."""
    if type(value) is int:
        return (value,) * dims
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    for place, v in enumerate(values, 1):
        if not hasattr(v, "__index__"):
            kind = type(v).__name__
            if values != (value,):
                raise TypeError(
                    f"{name}(): argument '{argument}' failed to unpack the object at pos {place} with error "
                    f'"type must be tuple of ints,but got {kind}"'
                )
            raise TypeError(
                f"{name}(): argument '{argument}' (position {_POSITIONS[argument]}) must be tuple of ints, not {kind}"
            )
    if len(values) not in (1, dims):
        raise RuntimeError(f"{name}: {text.format(_NUMBER[dims])}")
    values = tuple(int(v.__index__()) for v in values)
    return values * dims if len(values) == 1 else values


def _refuse_dimensions(name: str, x: Any, dims: int) -> None:
    hint = f"\n{name} takes {_LAYOUTS[dims]}; the input has shape {list(x.shape)}."
    if name == "avg_pool2d":
        raise RuntimeError(_expected_2d(x) + hint)
    raise RuntimeError(f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input{hint}")


def _expected_2d(x: Any) -> str:
    return f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(x.shape)}"


def _check_numbers(
    dims: int, kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...], dilation: tuple[int, ...]
) -> None:
    if 0 in stride:
        raise RuntimeError("stride should not be zero")
    for k, p, d in zip(kernel, padding, dilation):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > max((k - 1) * d + 1, 0) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                f"dilation={d}"
            )
    for what, letter, values in (
        ("kernel size", "k", kernel),
        ("stride", "d", stride),
        ("dilation", "dilation", dilation),
    ):
        if min(values) <= 0:
            raise RuntimeError(f"{what} should be greater than zero, but got {_named(letter, values)}")


def _check_not_empty(name: str, x: Any, dims: int) -> None:
    if 0 not in x.shape[-dims - 1 :]:
        return
    if dims == 2:
        raise RuntimeError(_expected_2d(x))
    raise RuntimeError(
        f"{name}(): Expected input's non-batch dimensions to have positive length, but input has a shape of "
        f"{list(x.shape)} and non-batch dimension 0 has length zero!"
    )


def _check_padding(dims: int, kernel: tuple[int, ...], padding: tuple[int, ...]) -> None:
    if all(p <= k // 2 for p, k in zip(padding, kernel)):
        return
    if dims == 2:
        (ph, pw), (kh, kw) = padding, kernel
        shown = f"padW = {pw}, padH = {ph}, kW = {kw}, kH = {kh}"
    else:
        (pt, ph, pw), (kt, kh, kw) = padding, kernel
        shown = f"kT: {kt} kW: {kw} kH: {kh} padT: {pt} padW: {pw} padH: {ph}"
    raise RuntimeError(f"pad should be smaller than or equal to half of kernel size, but got {shown}")


def _check_output_size(
    x: Any,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> None:
    dims = len(kernel)
    spatial, channels = x.shape[-dims:], x.shape[-dims - 1]
    out = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    if min(out) < 1:
        raise RuntimeError(
            f"Given input size: ({_times(channels, spatial)}). Calculated output size: ({_times(channels, out)}). "
            "Output size is too small\n"
            "Take a smaller window, padding, or fewer poolings before this one."
        )


def _refuse_small(name: str, argument: str, value: int, least: int) -> None:
    if value < least:
        required = "be greater than zero" if least else "be non-negative"
        raise RuntimeError(f"{name}() {argument} must {required}, but got {value}")


def _output_size(name: str, input: Any, output_size: Any, wrong_length: str) -> tuple[int, ...]:
    require_tensor(name, input)
    dims, spatial = int(name[-2]), input._data.shape[-int(name[-2]) :]
    values = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * dims
    if isinstance(output_size, (tuple, list)) and dims > 1 and input._data.ndim <= len(values):
        raise ValueError(f"Input dimension should be at least {len(values) + 1}")
    if len(values) != dims:
        raise RuntimeError(wrong_length)
    for place, v in enumerate(values):
        if v is not None and not hasattr(v, "__index__"):
            raise TypeError(
                f"{name}(): argument 'output_size' (position 2) must be tuple of ints, but found element of type "
                f"{type(v).__name__} at pos {place}"
            )
    if len(spatial) < dims:
        return tuple(1 if v is None else v for v in values)  # the number of dimensions is refused next
    return tuple(n if v is None else int(v.__index__()) for v, n in zip(values, spatial))


def _check_adaptive_input(name: str, x: Any, dims: int, first: int, but_got: str) -> None:
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, {but_got} {list(x.shape)}\n"
            f"{name} takes {_LAYOUTS[dims]}."
        )
    for dim in range(first, x.ndim):
        if x.shape[dim] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{list(x.shape)} with dimension {dim} being empty"
            )
    if x.dtype.kind in "iub":
        kernel_name = {1: "adaptive_max_pool2d", 2: name, 3: f"{name}_cpu"}[dims]
        raise NotImplementedError(f"\"{kernel_name}\" not implemented for '{_legacy_name(x)}'\nUse input.float().")


def _named(letter: str, values: tuple[int, ...]) -> str:
    return " ".join(f"{letter}{axis}: {v}" for axis, v in zip("THW"[-len(values) :], values))


def _times(first: int, rest: tuple[int, ...]) -> str:
    return "x".join(map(str, (first, *rest)))


def _legacy_name(x: Any) -> str:
    return from_numpy_dtype(x.dtype).legacy_name
