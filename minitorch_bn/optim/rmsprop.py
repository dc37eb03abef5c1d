"""RMSprop: steps scaled by a running mean of the squared gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.kernels.optim_numpy import blocks, descent
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

    def _update(self, p: Tensor, grad: np.ndarray, group: dict[str, Any]) -> None:
        lr, decay, eps, maximize = float(group["lr"]), group["weight_decay"], group["eps"], group["maximize"]
        alpha, momentum, centered = group["alpha"], group["momentum"], group["centered"]
        state = self._state_of(p, group)
        count_step(state)
        square = state["square_avg"]._data
        mean = state["grad_avg"]._data if centered else square
        buffer = state["momentum_buffer"]._data if momentum > 0 else square
        for x, g, v, m, b in blocks(p._data, grad, square, mean, buffer):
            g = descent(x, g, decay, maximize)
            v *= alpha
            v += (1 - alpha) * g * g
            root = np.empty_like(x)
            if centered:
                m += (1 - alpha) * (g - m)
                np.subtract(v, m * m, out=root)
                np.sqrt(root, out=root)
            else:
                np.sqrt(v, out=root)
            root += eps
            if momentum > 0:
                b *= momentum
                b += g / root
                x -= lr * b
            else:
                x -= lr * g / root
