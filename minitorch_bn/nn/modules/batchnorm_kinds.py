"""Batch Normalization that learns its size from its first input, and Batch Normalization over several processes."""

from __future__ import annotations

from typing import Any, TypeVar

from minitorch_bn import dtypes
from minitorch_bn.nn.modules._batchnorm_checks import refuse_dim
from minitorch_bn.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, _BatchNorm
from minitorch_bn.nn.modules.lazy import _LazyNormBase
from minitorch_bn.nn.modules.module import Module

__all__ = ["LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "SyncBatchNorm"]

M = TypeVar("M", bound=Module)
_HOME = "minitorch_bn.nn.modules.batchnorm"  # where PyTorch has these classes, so what their types print


class _LazyBatchNorm(_LazyNormBase):
    channel_dim: int

    def _channel_dim_of(self, input: Any) -> int:
        return self.channel_dim


class LazyBatchNorm1d(_LazyBatchNorm, BatchNorm1d):
    """``BatchNorm1d`` that takes ``num_features`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.LazyBatchNorm1d(); bn
    LazyBatchNorm1d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    >>> _ = bn(torch.randn(2, 5)); bn
    BatchNorm1d(5, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    __module__ = _HOME
    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyBatchNorm, BatchNorm2d):
    """``BatchNorm2d`` that takes ``num_features`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.LazyBatchNorm2d(); _ = bn(torch.randn(2, 5, 3, 3)); bn.num_features
    5
    """

    __module__ = _HOME
    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyBatchNorm, BatchNorm3d):
    """``BatchNorm3d`` that takes ``num_features`` from its first input; the other arguments are the same.

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.LazyBatchNorm3d(); _ = bn(torch.randn(2, 5, 3, 3, 3)); bn.num_features
    5
    """

    __module__ = _HOME
    cls_to_become = BatchNorm3d


class SyncBatchNorm(_BatchNorm):
    """Batch Normalization of (N, C, *) for any number of dimensions, with the statistics of all processes' batches.

    In a single process it is what ``BatchNorm1d/2d/3d`` are: the same values, parameters, buffers and state dicts.
    ``process_group`` is kept and has no effect there. Arguments and errors as in ``BatchNorm1d``; input of fewer than
    two dimensions and input without channels are refused with a ValueError.

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.SyncBatchNorm(2); bn
    SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    >>> bn(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]], grad_fn=<NativeBatchNormBackward0>)
    """

    __module__ = _HOME

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
        *,
        bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias, **options)
        self.process_group = process_group

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() < 2:
            refuse_dim("at least 2D", "(N, C, *)", input)
        if input.shape[self.channel_dim] == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module: M, process_group: Any = None) -> M | SyncBatchNorm:
        """The module with every BatchNorm layer in it replaced; if it is one itself, the layer in its place.

        The new layers have the old ones' parameters and buffers, not copies of them. A layer that is used in several
        places stays one.

        Raises:
            ValueError: a layer is lazy and does not know its size yet.

        >>> import minitorch_bn as torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
        >>> torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): SyncBatchNorm(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
        )
        """
        made = {old: cls._in_place_of(old, process_group) for old in module.modules() if isinstance(old, _BatchNorm)}
        for part in list(module.modules()):
            for name, child in part._modules.items():
                if child in made:
                    part._modules[name] = made[child]
        return made.get(module, module)  # type: ignore[call-overload]

    @classmethod
    def _in_place_of(cls, old: _BatchNorm, process_group: Any) -> SyncBatchNorm:
        if isinstance(old, _LazyBatchNorm):
            raise ValueError(
                f"{old._get_name()} does not know num_features yet: call the model once before it is converted"
            )
        new = cls(
            old.num_features,
            old.eps,
            old.momentum,
            old.affine,
            old.track_running_stats,
            process_group,
            bias=old.bias is not None,
            channel_dim=old.channel_dim,
            virtual_batch_size=old.virtual_batch_size,
        )
        new._parameters, new._buffers, new.training = dict(old._parameters), dict(old._buffers), old.training
        for name in vars(old).keys() - vars(new).keys():  # being frozen, and what users noted on the layer
            vars(new)[name] = vars(old)[name]
        return new
