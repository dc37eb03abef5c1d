"""AdamW: Adam whose weight decay does not pass through the running means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn.optim.adam import Adam

if TYPE_CHECKING:
    from collections.abc import Iterable

    from minitorch_bn._tensor import Tensor


class AdamW(Adam):
    """Adam with decoupled weight decay: each step first shrinks x by ``lr weight_decay x``.

    Loshchilov and Hutter, 2019, "Decoupled Weight Decay Regularization", Algorithm 2. The options are Adam's.

    >>> import minitorch_bn as torch
    >>> w = torch.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward(); optimizer.step(); w
    tensor([ 0.8500, -1.8000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # a state of Adam may be loaded, its kind of decay may not
            group["decoupled_weight_decay"] = True
