"""Adagrad: steps that shrink with the sum of all squared gradients so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.variable import wrap
from minitorch_bn.kernels import optim as kernels
from minitorch_bn.optim.optimizer import (
    ElementwiseOptimizer,
    by_step,
    check_lr,
    count_step,
    new_step,
    require,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from minitorch_bn._tensor import Tensor


class Adagrad(ElementwiseOptimizer):
    """Adagrad: ``s += g**2``, then ``x -= lr' g / (sqrt(s) + eps)`` with ``lr' = lr / (1 + (t - 1) lr_decay)``.

    Duchi, Hazan and Singer, 2011, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".

    Args:
        params: tensors, or groups of them (see ``Optimizer``).
        lr, lr_decay: the learning rate, and how fast it falls with the count t of steps.
        weight_decay: an L2 penalty.
        initial_accumulator_value: what s starts at.
        eps: added to the root for stability.
        maximize: climb instead of descend.
        foreach, fused: accepted and kept; they choose PyTorch's kernels and change no result.
        differentiable: only False.

    Raises:
        ValueError: a negative option.

    >>> import minitorch_bn as torch
    >>> w = torch.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.Adagrad([w], lr=0.5)
    >>> (w * w).sum().backward(); optimizer.step(); w
    tensor([ 0.5000, -1.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        require(0.0 <= lr_decay, f"Invalid lr_decay value: {lr_decay}")
        require(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        require(
            0.0 <= initial_accumulator_value, f"Invalid initial_accumulator_value value: {initial_accumulator_value}"
        )
        require(0.0 <= eps, f"Invalid epsilon value: {eps}")
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self._state_of(p, group)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {"step": new_step(), "sum": wrap(np.full_like(p._data, group["initial_accumulator_value"]))}

    def _update_all(self, params: list[Tensor], grads: list[np.ndarray], group: dict[str, Any]) -> None:
        lr, lr_decay, eps = float(group["lr"]), group["lr_decay"], group["eps"]
        states = [self._state_of(p, group) for p in params]
        steps = [count_step(state) for state in states]
        arrays = [[p._data for p in params], grads, [state["sum"]._data for state in states]]
        for t, lists in by_step(steps, arrays):
            rate = lr / (1 + (t - 1) * lr_decay)
            kernels.adagrad(*lists, rate, eps, group["weight_decay"], group["maximize"])
