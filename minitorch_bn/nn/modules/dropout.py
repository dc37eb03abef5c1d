"""Dropout layers: noise while training, nothing in evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitorch_bn.nn import functional as F
from minitorch_bn.nn.modules.module import Module

if TYPE_CHECKING:
    from minitorch_bn._tensor import Tensor


class _DropoutNd(Module):
    """What all have: the probability p in [0, 1] (else ValueError), and whether to write over the input."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Each element becomes 0 with probability p, and the others are divided by 1 - p (Srivastava et al. 2014).

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.Dropout(0.2).eval(); layer(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """``functional.dropout``."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Dropout of whole channels of (N, C, L) or (C, L) (Tompson et al. 2015).

    >>> import minitorch_bn as torch
    >>> torch.nn.Dropout1d(0.5).eval()(torch.ones(1, 2, 3))
    tensor([[[1., 1., 1.],
             [1., 1., 1.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """``functional.dropout1d``."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Dropout of whole channels of (N, C, H, W); (N, C, L) is accepted too, with a UserWarning.

    >>> import minitorch_bn as torch
    >>> torch.nn.Dropout2d(1.0)(torch.ones(1, 2, 2, 2)).sum()
    tensor(0.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """``functional.dropout2d``."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W).

    >>> import minitorch_bn as torch
    >>> torch.nn.Dropout3d(1.0)(torch.ones(1, 2, 2, 2, 2)).sum()
    tensor(0.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """``functional.dropout3d``."""
        return F.dropout3d(input, self.p, self.training, self.inplace)
