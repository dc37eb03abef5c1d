"""Batch Renormalization: BatchNorm for small batches, which in training already does what it will do in evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.variable import wrap
from minitorch_bn.nn.modules._running_stats import take_in
from minitorch_bn.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, _BatchNorm
from minitorch_bn.ops.batch_norm import normalized

if TYPE_CHECKING:
    from minitorch_bn._tensor import Tensor
    from minitorch_bn.dtypes import dtype as DType
    from minitorch_bn.ops.batch_norm import Statistics


class _BatchRenorm(_BatchNorm):
    """What all dimensions share: ``forward`` in training, and its two bounds."""

    rmax: Any
    dmax: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        rmax: float | Tensor = 3.0,
        dmax: float | Tensor = 5.0,
        affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
        channel_dim: int = 1,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, True, device, dtype, bias=bias, channel_dim=channel_dim)
        _check_bounds(rmax, dmax)
        self.rmax = rmax
        self.dmax = dmax

    def forward(self, input: Any, mask: Any = None) -> Any:
        """Normalises by the running estimates; in training the gradient is the one of normalising by the batch."""
        if not self.training or self._frozen:
            return super().forward(input, mask)
        self._check_input_dim(input)
        bounds = _check_bounds(self.rmax, self.dmax)
        options = self.running_mean, self.running_var, None, None, True, self.eps
        standard, batch = normalized(input, options, mask, self.channel_dim)
        r, d = self._correction(batch, *bounds)
        if self.weight is not None:
            r, d = self.weight * r, self.weight * d
        if self.bias is not None:
            d = d + self.bias
        shape = [1] * input.dim()
        shape[self.channel_dim] = -1
        output = (standard * r.reshape(shape) + d.reshape(shape)).to(input.dtype)
        take_in(self, batch, self.running_mean, self.running_var)
        return output if mask is None else output.masked_fill(~mask, 0)

    def _correction(self, batch: Statistics, rmax: float, dmax: float) -> tuple[Tensor, Tensor]:
        """r and d, which lead from the batch's statistics to the running ones: constants to autograd."""
        mean, var = (v._data.astype(np.float64) for v in (self.running_mean, self.running_var))
        with np.errstate(all="ignore"):
            sigma = np.sqrt(var + self.eps)
            r = np.clip(np.sqrt(batch.var + self.eps) / sigma, 1 / rmax, rmax)
            d = np.clip((batch.mean - mean) / sigma, -dmax, dmax)
        dtype = self.running_mean._data.dtype
        return wrap(r.astype(dtype)), wrap(d.astype(dtype))

    def extra_repr(self) -> str:
        bounds = [float(bound) for bound in (self.rmax, self.dmax)]
        return f"{super().extra_repr()}, rmax={bounds[0]:g}, dmax={bounds[1]:g}"


class BatchRenorm1d(_BatchRenorm):
    """Batch Renormalization of (N, C) or (N, C, L); otherwise as ``BatchRenorm2d``.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> renorm = torch.nn.BatchRenorm1d(2, rmax=2.0, dmax=1.5)
    >>> renorm(x)  # standardised by the batch to -1 and 1, then times r = (1, 2) plus d = (1.5, 1.5)
    tensor([[ 0.5000, -0.5000],
            [ 2.5000,  3.5000]], grad_fn=<AddBackward0>)
    """

    _check_input_dim = BatchNorm1d._check_input_dim


class BatchRenorm2d(_BatchRenorm):
    r"""Batch Renormalization of (N, C, H, W): BatchNorm that gives in training what it gives in evaluation.

    With mu, sigma of the running estimates and mu_B, sigma_B of the batch, for each channel:

        y = weight (xh r + d) + bias      xh = (x - mu_B) / sigma_B
        r = clip(sigma_B / sigma, 1 / rmax, rmax)      d = clip((mu_B - mu) / sigma, -dmax, dmax)

    Within the bounds xh r + d = (x - mu) / sigma, just as in evaluation; r and d count as constants, so the gradient
    still knows that the batch's statistics depend on x. ``rmax=1, dmax=0`` is BatchNorm. The paper begins there, and
    raises the bounds to 3 and 5 over some ten thousand steps: assign to ``rmax`` and ``dmax`` at any time, numbers or
    tensors (a ``Buffer`` is saved in the state dict).

    The estimates that move are BatchNorm's: mean and unbiased variance, with sigma = sqrt(running_var + eps) and
    sigma_B = sqrt(biased variance + eps). (The paper averages sigma_B itself.) So state dicts go from one to the other,
    ``nn.utils.fuse`` and ``update_bn`` work, and evaluation is exactly that of BatchNorm.

    Args:
        num_features, eps, momentum, affine, bias, channel_dim, device, dtype: as of ``BatchNorm2d``.
        rmax: at least 1.
        dmax: at least 0.

    Raises:
        ValueError: a bound out of range, when it is given or used; and as ``BatchNorm2d``.

    Source: Ioffe (2017), Batch Renormalization, https://arxiv.org/abs/1702.03275, Algorithm 1.

    >>> import minitorch_bn as torch
    >>> renorm = torch.nn.BatchRenorm2d(3)
    >>> renorm.rmax, renorm.dmax = 1.5, 0.5
    >>> renorm
    BatchRenorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True, rmax=1.5, dmax=0.5)
    """

    _check_input_dim = BatchNorm2d._check_input_dim


class BatchRenorm3d(_BatchRenorm):
    """Batch Renormalization of (N, C, D, H, W); otherwise as ``BatchRenorm2d``.

    >>> import minitorch_bn as torch
    >>> torch.nn.BatchRenorm3d(2)(torch.randn(2, 2, 3, 3, 3)).shape
    torch.Size([2, 2, 3, 3, 3])
    """

    _check_input_dim = BatchNorm3d._check_input_dim


def _check_bounds(rmax: Any, dmax: Any) -> tuple[float, float]:
    """The bounds as numbers; refuses those between which nothing lies."""
    rmax, dmax = float(rmax), float(dmax)
    if not rmax >= 1:
        raise ValueError(f"rmax must be at least 1, but got {rmax}")
    if not dmax >= 0:
        raise ValueError(f"dmax must not be negative, but got {dmax}")
    return rmax, dmax
