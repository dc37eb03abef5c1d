"""Batch Normalization that never changes: statistics, weight and bias are all buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn import creation
from minitorch_bn.nn import functional as F
from minitorch_bn.nn.modules._batchnorm_checks import check_configuration
from minitorch_bn.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, _BatchNorm
from minitorch_bn.nn.modules.module import Module

if TYPE_CHECKING:
    from typing_extensions import Self

    from minitorch_bn._tensor import Tensor
    from minitorch_bn.dtypes import dtype as DType


class _FrozenBatchNorm(Module):
    """What all dimensions share. A layer without weight or bias has None in their place, as BatchNorm has."""

    _tells_its_place = True

    num_features: int
    eps: float
    channel_dim: int
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        *,
        affine: bool = True,
        bias: bool = True,
        channel_dim: int = 1,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_configuration(num_features, eps, None)
        self.num_features = num_features
        self.eps = eps
        self.channel_dim = channel_dim
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_buffer("weight", creation.ones(num_features, **made) if affine else None)
        self.register_buffer("bias", creation.zeros(num_features, **made) if affine and bias else None)
        self.register_buffer("running_mean", creation.zeros(num_features, **made))
        self.register_buffer("running_var", creation.ones(num_features, **made))

    @classmethod
    def from_batchnorm(cls, bn: _BatchNorm) -> Self:
        """A frozen copy of a BatchNorm layer: its running estimates, weight, bias, eps and dtype.

        Raises:
            TypeError: ``bn`` is no BatchNorm layer.
            ValueError: it has no running estimates.
        """
        if not isinstance(bn, _BatchNorm):
            raise TypeError(f"{cls.__name__}.from_batchnorm() takes a BatchNorm layer, not {type(bn).__name__}")
        if bn.running_mean is None or bn.running_var is None:
            raise ValueError(
                f"{bn!r} has no running estimates to freeze\n"
                "It was made with track_running_stats=False: it normalises by the batch, in evaluation too."
            )
        frozen = cls(bn.num_features, bn.eps, channel_dim=bn.channel_dim)
        for name in ("weight", "bias", "running_mean", "running_var"):
            value = getattr(bn, name)
            frozen.register_buffer(name, None if value is None else value.detach().clone())
        return frozen.train(bn.training)

    def _check_input_dim(self, input: Any) -> None:
        raise NotImplementedError

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        """weight (input - running_mean) / sqrt(running_var + eps) + bias; 0 where a boolean ``mask`` is False."""
        self._check_input_dim(input)
        return F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            eps=self.eps,
            mask=mask,
            channel_dim=self.channel_dim,
        )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        state_dict.pop(prefix + "num_batches_tracked", None)  # of a BatchNorm; nothing is counted here
        super()._load_from_state_dict(state_dict, prefix, *others)

    def extra_repr(self) -> str:
        text = f"{self.num_features}, eps={self.eps}"
        if self.bias is None:
            text += ", affine=False" if self.weight is None else ", bias=False"
        return text if self.channel_dim == 1 else f"{text}, channel_dim={self.channel_dim}"


class FrozenBatchNorm1d(_FrozenBatchNorm):
    """Batch Normalization of (N, C) or (N, C, L) with fixed statistics, weight and bias, as ``FrozenBatchNorm2d``.

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.BatchNorm1d(2, eps=1e-3)
    >>> torch.nn.FrozenBatchNorm1d.from_batchnorm(bn)
    FrozenBatchNorm1d(2, eps=0.001)
    """

    _check_input_dim = BatchNorm1d._check_input_dim


class FrozenBatchNorm2d(_FrozenBatchNorm):
    """Batch Normalization of (N, C, H, W) with fixed statistics, weight and bias, for fine-tuning on small batches.

    They are buffers: no optimizer sees them, ``train()`` changes nothing, gradients go to the input alone. Loads the
    state dict of a BatchNorm (``num_batches_tracked`` is dropped), and a BatchNorm loads that of this layer.
    ``from_batchnorm(bn)`` makes one from a layer. To freeze a whole model in place, and only for a time, use
    ``nn.utils.freeze``.

    Args:
        num_features: C.
        eps: added to the variance; ``from_batchnorm`` takes over the layer's.
        affine, bias: False for the state of a BatchNorm without weight and bias, or without bias.
        channel_dim: where the channels are.
        device, dtype: of the buffers.

    Raises:
        ValueError: the input has other dimensions.
        RuntimeError: its number of channels is not C.

    >>> import minitorch_bn as torch
    >>> frozen = torch.nn.FrozenBatchNorm2d(3); frozen
    FrozenBatchNorm2d(3, eps=1e-05)
    >>> frozen.load_state_dict(torch.nn.BatchNorm2d(3).state_dict())
    <All keys matched successfully>
    >>> list(frozen.parameters())
    []
    """

    _check_input_dim = BatchNorm2d._check_input_dim


class FrozenBatchNorm3d(_FrozenBatchNorm):
    """Batch Normalization of (N, C, D, H, W) with fixed statistics, weight and bias, as ``FrozenBatchNorm2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.FrozenBatchNorm3d(2)(torch.zeros(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 3, 3, 3])
    """

    _check_input_dim = BatchNorm3d._check_input_dim
