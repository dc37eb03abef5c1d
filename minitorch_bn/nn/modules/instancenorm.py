"""Instance Normalization layers. The mathematics is in ``minitorch_bn.ops.normalization``."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from minitorch_bn.nn.modules._running_stats import is_redirected
from minitorch_bn.nn.modules.batchnorm import _NormBase
from minitorch_bn.nn.modules.lazy import _LazyNormBase
from minitorch_bn.ops.normalization import instance_norm_of_layer

if TYPE_CHECKING:
    from minitorch_bn._tensor import Tensor
    from minitorch_bn.dtypes import dtype as DType


class _InstanceNorm(_NormBase):
    _unbatched: ClassVar[int]  # the dimensions of an input without N

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalises with each sample's own statistics, or in evaluation with the running estimates, if it has any."""
        self._check_input_dim(input)
        self._check_channels(input)
        if input.dim() == self._unbatched:
            return self._normalized(input.unsqueeze(0)).squeeze(0)
        return self._normalized(input)

    def _normalized(self, input: Tensor) -> Tensor:
        tracked = self.track_running_stats
        use_input_stats = (self.training and not self._frozen) or not tracked
        held = use_input_stats and is_redirected(self)  # by freeze_stats
        mean, var = (self.running_mean, self.running_var) if tracked and not held else (None, None)
        return instance_norm_of_layer(
            self,
            input,
            mean,
            var,
            self.weight,
            self.bias,
            use_input_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )

    def _check_input_dim(self, input: Tensor) -> None:
        n = self._unbatched
        if input.dim() not in (n, n + 1):
            positions = ["L", "H, W", "D, H, W"][n - 2]
            raise ValueError(
                f"expected {n}D or {n + 1}D input (got {input.dim()}D input)\nThe layer takes (N, C, {positions}) or "
                f"(C, {positions}); the input has shape {list(input.shape)}."
            )

    def _channel_dim_of(self, input: Tensor) -> int:
        return input.dim() - self._unbatched

    def _check_channels(self, input: Tensor) -> None:
        dim = self._channel_dim_of(input)
        if input.shape[dim] == self.num_features:
            return
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: "
                f"{input.shape[dim]}."
            )
        warnings.warn(
            f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing in "
            "num_features, which is not used because affine=False",
            stacklevel=4,
        )

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, local_metadata: dict, strict: bool, *reports: list[str]
    ) -> None:
        if local_metadata.get("version") is None and not self.track_running_stats:
            found = [prefix + n for n in ("running_mean", "running_var") if prefix + n in state_dict]
            if found:
                reports[-1].append(self._unexpected_estimates(found))
            for key in found:
                del state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *reports)

    def _unexpected_estimates(self, keys: list[str]) -> str:
        name, quoted = self._get_name(), [f'"{key}"' for key in keys]
        return (
            f"Unexpected running stats buffer(s) {' and '.join(quoted)} for {name} with "
            f"track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, this may be expected "
            f"because {name} does not track running stats by default since 0.4.0. Please remove these keys from "
            "state_dict. If the running stats are actually needed, instead set track_running_stats=True in "
            f"{name} to enable them. See the documentation of {name} for details."
        )


class InstanceNorm1d(_InstanceNorm):
    """Instance Normalization of (N, C, L) or (C, L): each channel of each sample is standardised over its positions.

    y = weight (x - mean) / sqrt(var + eps) + bias for each channel C, with the mean and biased variance of one sample,
    in training and evaluation. With ``track_running_stats=True`` the samples' average statistics move running
    estimates, which are used in evaluation, as in ``BatchNorm1d``; ``num_batches_tracked`` stays 0, and with
    ``momentum=None`` the estimates stand still. ``affine=True`` adds ``weight`` and, unless ``bias=False``, ``bias``,
    of shape (C,). ``num_features`` is C, ``eps`` is added to the variance, ``device`` and ``dtype`` are of the tensors.

    Raises ValueError for input of other dimensions, of one position or of another number of channels (only a warning if
    nothing in the layer depends on it). Source: Ulyanov et al. (2016), https://arxiv.org/abs/1607.08022.

    >>> import minitorch_bn as torch
    >>> norm = torch.nn.InstanceNorm1d(2); norm
    InstanceNorm1d(2, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)
    >>> norm(torch.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """

    _unbatched = 2


class InstanceNorm2d(_InstanceNorm):
    """Instance Normalization of (N, C, H, W) or (C, H, W); otherwise as ``InstanceNorm1d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.InstanceNorm2d(3, affine=True)(torch.randn(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    _unbatched = 3


class InstanceNorm3d(_InstanceNorm):
    """Instance Normalization of (N, C, D, H, W) or (C, D, H, W); otherwise as ``InstanceNorm1d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.InstanceNorm3d(3)(torch.randn(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    _unbatched = 4


class LazyInstanceNorm1d(_LazyNormBase, InstanceNorm1d):
    """``InstanceNorm1d`` that takes ``num_features`` from its first input; it has parameters and estimates by default.

    >>> import minitorch_bn as torch
    >>> norm = torch.nn.LazyInstanceNorm1d()
    >>> _ = norm(torch.randn(2, 5, 7)); norm
    InstanceNorm1d(5, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormBase, InstanceNorm2d):
    """``InstanceNorm2d`` that takes ``num_features`` from its first input; otherwise as ``LazyInstanceNorm1d``.

    >>> import minitorch_bn as torch
    >>> norm = torch.nn.LazyInstanceNorm2d(); _ = norm(torch.randn(2, 5, 3, 3)); norm.num_features
    5
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNormBase, InstanceNorm3d):
    """``InstanceNorm3d`` that takes ``num_features`` from its first input; otherwise as ``LazyInstanceNorm1d``.

    >>> import minitorch_bn as torch
    >>> norm = torch.nn.LazyInstanceNorm3d(); _ = norm(torch.randn(2, 5, 3, 3, 3)); norm.num_features
    5
    """

    cls_to_become = InstanceNorm3d
