"""BatchNorm layers that take the number of channels from their first input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from minitorch_bn.nn.modules.lazy import _LazyLayer

if TYPE_CHECKING:
    from minitorch_bn.dtypes import dtype as DType
    from minitorch_bn.tensor import Tensor


class _LazyNormBase(_LazyLayer):
    """All a normalisation with running estimates needs to be lazy; ``options`` are what only some of them take."""

    _unknown = "num_features"
    _check_input_dim: Any
    _channel_dim_of: Any

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias, **options)

    def _size_in(self, input: Tensor) -> int:
        self._check_input_dim(input)
        return input.shape[self._channel_dim_of(input)]

    def _shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (size,))


class _LazyBatchNorm(_LazyNormBase):
    channel_dim: int

    def _channel_dim_of(self, input: Tensor) -> int:
        return self.channel_dim


class LazyBatchNorm1d(_LazyBatchNorm, BatchNorm1d):
    """``BatchNorm1d`` that takes ``num_features`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.LazyBatchNorm1d(); bn
    LazyBatchNorm1d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    >>> _ = bn(torch.randn(2, 5)); bn
    BatchNorm1d(5, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyBatchNorm, BatchNorm2d):
    """``BatchNorm2d`` that takes ``num_features`` from its first input; the other arguments are the same."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyBatchNorm, BatchNorm3d):
    """``BatchNorm3d`` that takes ``num_features`` from its first input; the other arguments are the same."""

    cls_to_become = BatchNorm3d
