"""Fills parameters with their first values, by PyTorch's rules and with PyTorch's random numbers.

Every function changes the tensor in place, unrecorded, and returns it. Random numbers come from ``generator``, or else
from the default one. For a weight of shape (out, in, *kernel), fan_in is in * prod(kernel), fan_out out * prod(kernel).
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn import random
from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.creation import empty, randperm

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitorch_bn._tensor import Tensor
    from minitorch_bn.random import Generator

__all__ = [
    "calculate_gain",
    "uniform_",
    "normal_",
    "trunc_normal_",
    "constant_",
    "ones_",
    "zeros_",
    "eye_",
    "dirac_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
    # names of old
    "constant",
    "dirac",
    "eye",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "orthogonal",
    "sparse",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
]

_LINEAR = (
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid",
)  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights in front of a nonlinearity are larger than in front of none.

    ``param`` is the negative slope of "leaky_relu" (default 0.01). ValueError for a nonlinearity that is not known.

    >>> import minitorch_bn as torch
    >>> torch.nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    slope = 0.01 if param is None else param
    if isinstance(slope, bool) or not isinstance(slope, (int, float)):
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2.0 / (1 + slope**2))


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Numbers uniform in [a, b).

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.nn.init.uniform_(torch.empty(2), 0, 10)
    tensor([4.9626, 7.6822])
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.nn.init.normal_(torch.empty(3), std=0.1)
    tensor([ 0.1541, -0.0293, -0.2179])
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers between a and b; those outside are drawn again.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> bool((torch.nn.init.trunc_normal_(torch.empty(100), a=-1, b=1).abs() <= 1).all())
    True
    """
    random.trunc_normal_(tensor._data, mean, std, a, b, generator)
    tensor._version_counter[0] += 1
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element ``val``.

    >>> import minitorch_bn as torch
    >>> torch.nn.init.constant_(torch.empty(2), 0.3)
    tensor([0.3000, 0.3000])
    """
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Every element 1.

    >>> import minitorch_bn as torch
    >>> torch.nn.init.ones_(torch.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Every element 0.

    >>> import minitorch_bn as torch
    >>> torch.nn.init.zeros_(torch.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix; ValueError unless the tensor has 2 dimensions.

    >>> import minitorch_bn as torch
    >>> torch.nn.init.eye_(torch.empty(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _filled(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weight (out, in / groups, *kernel) that passes on as many channels of each group as possible.

    ValueError unless the tensor has 3 to 5 dimensions and ``groups`` divides the first.

    >>> import minitorch_bn as torch
    >>> torch.nn.init.dirac_(torch.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    shape = tensor.shape
    if len(shape) not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    out_channels = shape[0] // groups
    centre = tuple(n // 2 for n in shape[2:])
    values = np.zeros(shape)
    for group in range(groups):
        for channel in range(min(out_channels, shape[1])):
            values[(group * out_channels + channel, channel, *centre)] = 1
    return _filled(tensor, values)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in [-b, b), b = gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, equation 16).

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> w = torch.nn.init.xavier_uniform_(torch.empty(3, 5)); bool((w.abs() <= (6 / (3 + 5)) ** 0.5).all())
    True
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = math.sqrt(3.0) * _xavier_std(gain, fan_in, fan_out)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> w = torch.nn.init.xavier_normal_(torch.empty(100, 100)); f"{w.std():.2f}"
    '0.10'
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, _xavier_std(gain, fan_in, fan_out), generator)


def _xavier_std(gain: float, fan_in: int, fan_out: int) -> float:
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in [-b, b), b = gain * sqrt(3 / fan) (He et al. 2015, equation 14).

    Args:
        tensor: the weight.
        a: the negative slope of the "leaky_relu" that follows.
        mode: "fan_in" keeps the variance of the forward pass, "fan_out" that of the backward pass.
        nonlinearity: what follows, for ``calculate_gain``.
        generator: where the numbers come from.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> w = torch.nn.init.kaiming_uniform_(torch.empty(3, 6)); bool((w.abs() <= 1).all())
    True
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan) (He et al. 2015); arguments as in ``kaiming_uniform_``.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> w = torch.nn.init.kaiming_normal_(torch.empty(100, 50)); f"{w.std():.2f}"
    '0.20'
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode.lower()} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output is made of, and how many outputs an input goes into."""
    shape = tensor.shape
    if len(shape) < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A (semi-)orthogonal matrix times gain; dimensions behind the first count as one (Saxe et al. 2013).

    ValueError for fewer than 2 dimensions.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> w = torch.nn.init.orthogonal_(torch.empty(2, 3)); torch.allclose(w @ w.T, torch.eye(2), atol=1e-6)
    True
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    matrix = empty(rows, tensor.numel() // rows, dtype=tensor.dtype).normal_(0, 1, generator=generator)._data
    if rows < matrix.shape[1]:
        matrix = matrix.T
    q, r = np.linalg.qr(matrix)
    q *= np.sign(np.diagonal(r))  # makes the factorisation unique, and q uniformly distributed
    return _filled(tensor, (q.T if rows < matrix.shape[0] else q).reshape(tensor.shape) * tensor._data.dtype.type(gain))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers, of which in each column the share ``sparsity`` (rounded up) is 0 (Martens 2010).

    ValueError unless the tensor has 2 dimensions. The default generator draws where the zeros are, as in PyTorch.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> w = torch.nn.init.sparse_(torch.empty(10, 2), sparsity=0.3); (w == 0).sum(dim=0)
    tensor([3, 3])
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, cols = tensor.shape
    zeros = math.ceil(sparsity * rows)
    normal_(tensor, 0, std, generator)
    for col in range(cols):
        tensor._data[randperm(rows)._data[:zeros], col] = 0
    return tensor


def _filled(tensor: Tensor, values: Any) -> Tensor:
    """The tensor with these values."""
    tensor._data[...] = values
    tensor._version_counter[0] += 1
    return tensor


def _deprecated(fill: Any) -> Callable[..., Tensor]:
    """The same function under its name of old, without the underscore; it warns."""
    name = fill.__name__

    def function(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{name[:-1]}` is now deprecated in favor of `nn.init.{name}`.", FutureWarning, stacklevel=2
        )
        return fill(*args, **kwargs)

    function.__name__ = function.__qualname__ = name[:-1]
    function.__doc__ = f"Deprecated: ``{name}``."
    return function


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
