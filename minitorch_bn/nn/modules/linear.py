"""Layers that multiply by a matrix, and the one that does nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitorch_bn.creation import empty
from minitorch_bn.nn import functional as F
from minitorch_bn.nn import init
from minitorch_bn.nn.modules._registered import registered
from minitorch_bn.nn.modules.lazy import _LazyLayer
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.nn.parameter import Parameter

if TYPE_CHECKING:
    from minitorch_bn._tensor import Tensor
    from minitorch_bn.dtypes import dtype as DType


class Identity(Module):
    """Gives its input back; any arguments are accepted, so that it can stand in for another layer.

    >>> import minitorch_bn as torch
    >>> torch.nn.Identity(54, unused=True)(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input itself."""
        return input


class Linear(Module):
    """y = x W^T + b over the last dimension: (..., in_features) -> (..., out_features).

    Args:
        in_features: the size of each input sample.
        out_features: the size of each output sample.
        bias: whether to add b.
        device: the CPU.
        dtype: of the parameters; the default dtype if None.

    ``weight`` (out_features, in_features) and ``bias`` (out_features) start uniform in +-1/sqrt(in_features).

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.Linear(20, 30); layer
    Linear(in_features=20, out_features=30, bias=True)
    >>> layer(torch.ones(128, 20)).shape
    torch.Size([128, 30])
    """

    in_features: int
    out_features: int
    weight: Tensor = registered()
    bias: Tensor | None = registered()

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: DType | None = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the weight, then the bias."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # with this a the bound is 1/sqrt(in_features)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """x W^T + b."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class LazyLinear(_LazyLayer, Linear):
    """``Linear`` that takes ``in_features`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.LazyLinear(30); layer
    LazyLinear(in_features=0, out_features=30, bias=True)
    >>> _ = layer(torch.ones(128, 20)); layer
    Linear(in_features=20, out_features=30, bias=True)
    """

    cls_to_become = Linear
    _unknown = "in_features"

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: DType | None = None) -> None:
        super().__init__(0, out_features, bias, device, dtype)

    def _size_in(self, input: Tensor) -> int:
        return input.shape[-1]

    def _shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.out_features, size), "bias": (self.out_features,)}
