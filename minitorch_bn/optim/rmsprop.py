"""RMSprop: steps scaled by a running mean of the squared gradient."""

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


class RMSprop(ElementwiseOptimizer):
    """RMSprop: ``v = alpha v + (1 - alpha) g**2``, then ``x -= lr g / (sqrt(v) + eps)``.

    Hinton, 2012, "Neural Networks for Machine Learning", lecture 6; the centered form, which divides by the root
    of ``v - mean(g)**2``, is from Graves, 2013, "Generating Sequences With Recurrent Neural Networks". With
    momentum the scaled gradients gather in a buffer ``b = momentum b + g / (sqrt(v) + eps)`` and ``x -= lr b``.

    Args:
        params: tensors, or groups of them (see ``Optimizer``).
        lr: the learning rate.
        alpha: how much of the running mean stays at each step.
        eps: added to the root for stability.
        weight_decay: an L2 penalty.
        momentum, centered: as above.
        maximize: climb instead of descend.
        capturable, foreach: accepted and kept; they choose PyTorch's kernels and change no result.
        differentiable: only False.

    Raises:
        ValueError: a negative option.

    >>> import minitorch_bn as torch
    >>> w = torch.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.RMSprop([w], lr=0.05)
    >>> (w * w).sum().backward(); optimizer.step(); w
    tensor([ 0.5000, -1.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        require(0.0 <= eps, f"Invalid epsilon value: {eps}")
        require(0.0 <= momentum, f"Invalid momentum value: {momentum}")
        require(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        require(0.0 <= alpha, f"Invalid alpha value: {alpha}")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        state = {"step": new_step(), "square_avg": zeros_like(p)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = zeros_like(p)
        return state

    def _update_all(self, params: list[Tensor], grads: list[np.ndarray], group: dict[str, Any]) -> None:
        lr, alpha, eps, kept = float(group["lr"]), group["alpha"], group["eps"], group["momentum"]
        states = [self._state_of(p, group) for p in params]
        for state in states:
            count_step(state)
        squares = [state["square_avg"]._data for state in states]
        means = [state["grad_avg"]._data for state in states] if group["centered"] else None
        buffers = [state["momentum_buffer"]._data for state in states] if kept > 0 else None
        lists = [p._data for p in params], grads, squares, means, buffers
        kernels.rmsprop(*lists, lr, alpha, eps, group["weight_decay"], kept, group["maximize"])
