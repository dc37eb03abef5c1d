"""Adadelta: steps whose size follows from the sizes of earlier steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn.kernels import optim as kernels
from minitorch_bn.optim.optimizer import (
    ElementwiseOptimizer,
    check_lr,
    count_step,
    new_step,
    require,
    zeros_like,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from minitorch_bn._tensor import Tensor


class Adadelta(ElementwiseOptimizer):
    """Adadelta: a step ``d = g sqrt(u + eps) / sqrt(v + eps)``, with u and v running means of ``d**2`` and ``g**2``.

    Zeiler, 2012, "ADADELTA: An Adaptive Learning Rate Method", Algorithm 1; then ``x -= lr d``.

    Args:
        params: tensors, or groups of them (see ``Optimizer``).
        lr: scales the step.
        rho: how much of the running means stays at each step.
        eps: under both roots.
        weight_decay: an L2 penalty.
        maximize: climb instead of descend.
        foreach, capturable: accepted and kept; they choose PyTorch's kernels and change no result.
        differentiable: only False.

    Raises:
        ValueError: an option outside its range.

    >>> import minitorch_bn as torch
    >>> w = torch.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.Adadelta([w], lr=10.0)
    >>> (w * w).sum().backward(); optimizer.step(); w
    tensor([ 0.9684, -1.9684], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        require(0.0 <= rho <= 1.0, f"Invalid rho value: {rho}")
        require(0.0 <= eps, f"Invalid epsilon value: {eps}")
        require(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {"step": new_step(), "square_avg": zeros_like(p), "acc_delta": zeros_like(p)}

    def _update_all(self, params: list[Tensor], grads: list[np.ndarray], group: dict[str, Any]) -> None:
        states = [self._state_of(p, group) for p in params]
        for state in states:
            count_step(state)
        lists = [[state[name]._data for state in states] for name in ("square_avg", "acc_delta")]
        numbers = float(group["lr"]), group["rho"], group["eps"], group["weight_decay"], group["maximize"]
        kernels.adadelta([p._data for p in params], grads, *lists, *numbers)
