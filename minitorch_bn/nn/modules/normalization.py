"""Group, layer and RMS normalization layers. The mathematics is in ``minitorch_bn.ops.normalization``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn.creation import empty
from minitorch_bn.nn import functional as F
from minitorch_bn.nn import init
from minitorch_bn.nn.modules._registered import registered
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.nn.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitorch_bn._tensor import Tensor
    from minitorch_bn.dtypes import dtype as DType


class _AffineNorm(Module):
    """A weight that starts at 1 and a bias that starts at 0, either of which may be None."""

    weight: Parameter | None = registered()
    bias: Parameter | None = registered()

    def _register(self, shape: Any, weight: bool, bias: bool, device: Any, dtype: DType | None) -> None:
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1 and bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class GroupNorm(_AffineNorm):
    """Group Normalization of (N, C, *): each sample over each of ``num_groups`` groups of neighbouring channels.

    y = weight (x - mean) / sqrt(var + eps) + bias, with mean and biased variance over a group's channels and positions,
    in training and evaluation alike. One group is a LayerNorm over everything but N, C groups are an InstanceNorm.

    Args:
        num_groups: the number of groups; it divides ``num_channels``.
        num_channels: C.
        eps: is added to the variance.
        affine: whether there are ``weight`` and ``bias``, of shape (C,).
        device, dtype: of the parameters.
        bias: whether there is a bias, if ``affine``.

    Raises ValueError if ``num_groups`` does not divide ``num_channels``. Source: Wu and He (2018),
    https://arxiv.org/abs/1803.08494.

    >>> import minitorch_bn as torch
    >>> norm = torch.nn.GroupNorm(2, 4); norm
    GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)
    >>> norm(torch.tensor([[1.0, 3.0, 10.0, 30.0]]))
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]],
           grad_fn=<NativeGroupNormBackward0>)
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]  # noqa: RUF012

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._register(num_channels, affine, affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalises each group of each sample."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LayerNorm(_AffineNorm):
    """Layer Normalization over the last dimensions, whose sizes are ``normalized_shape``: (*, *normalized_shape).

    y = weight (x - mean) / sqrt(var + eps) + bias, with mean and biased variance over these dimensions, in training and
    evaluation alike.

    Args:
        normalized_shape: the sizes, or one size for the last dimension alone.
        eps: is added to the variance.
        elementwise_affine: whether there are ``weight`` and ``bias``, of shape ``normalized_shape``.
        bias: whether there is a bias, if ``elementwise_affine``.
        device, dtype: of the parameters.

    Source: Ba et al. (2016), https://arxiv.org/abs/1607.06450.

    >>> import minitorch_bn as torch
    >>> norm = torch.nn.LayerNorm(2, bias=False); norm
    LayerNorm((2,), eps=1e-05, elementwise_affine=True, bias=False)
    >>> norm(torch.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]], grad_fn=<NativeLayerNormBackward0>)
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]  # noqa: RUF012

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._register(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalises over the last dimensions."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_AffineNorm):
    """Root Mean Square Normalization over the last dimensions: y = weight x / sqrt(mean(x^2) + eps).

    Args:
        normalized_shape: the sizes of these dimensions, or one size for the last dimension alone.
        eps: is added to the mean square; None is the machine epsilon (float64's for float64, else float32's).
        elementwise_affine: whether there is a ``weight``, of shape ``normalized_shape``.
        device, dtype: of the weight.

    Source: Zhang and Sennrich (2019), https://arxiv.org/abs/1910.07467.

    >>> import minitorch_bn as torch
    >>> torch.nn.RMSNorm(4, elementwise_affine=False)(torch.tensor([[3.0, 4.0, 0.0, 0.0]]))
    tensor([[1.2000, 1.6000, 0.0000, 0.0000]])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]  # noqa: RUF012

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._register(self.normalized_shape, elementwise_affine, False, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalises over the last dimensions."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


def _sizes(normalized_shape: Any) -> tuple[int, ...]:
    return tuple(normalized_shape) if not hasattr(normalized_shape, "__index__") else (int(normalized_shape),)
