"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Any

from minitorch_bn.kernels import optim as kernels
from minitorch_bn.optim.optimizer import ElementwiseOptimizer, check_lr, require, zeros_like

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from minitorch_bn._tensor import Tensor


class SGD(ElementwiseOptimizer):
    """Gradient descent: ``v = momentum v + (1 - dampening) g`` (at first ``v = g``), then ``x -= lr v``.

    Here g is the gradient plus ``weight_decay x``. Nesterov's form steps by ``g + momentum v`` instead.
    Unlike in Sutskever et al., 2013, "On the importance of initialization and momentum in deep learning", the
    learning rate multiplies the whole v, so that changing it changes all of the next step.

    Args:
        params: tensors, or groups of them (see ``Optimizer``).
        lr: the learning rate.
        momentum, dampening, nesterov: how much of earlier gradients stays in v.
        weight_decay: an L2 penalty.
        maximize: climb instead of descend.
        foreach, fused: accepted and kept; they choose PyTorch's kernels and change no result.
        differentiable: only False.

    Raises:
        ValueError: a negative rate, momentum or decay, or Nesterov without momentum or with dampening.

    >>> import minitorch_bn as torch
    >>> w = torch.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad(); (w * w).sum().backward(); optimizer.step()
    >>> w
    tensor([ 0.4600, -0.9200], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr, allow_nan=True)
        require(not momentum < 0.0, f"Invalid momentum value: {momentum}")
        require(not weight_decay < 0.0, f"Invalid weight_decay value: {weight_decay}")
        require(
            not nesterov or (momentum > 0 and dampening == 0),
            "Nesterov momentum requires a momentum and zero dampening",
        )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _update_all(self, params: list[Tensor], grads: list[np.ndarray], group: dict[str, Any]) -> None:
        lr, decay, maximize = float(group["lr"]), float(group["weight_decay"]), group["maximize"]
        kept, taken, nesterov = group["momentum"], 1 - group["dampening"], group["nesterov"]
        arrays = [p._data for p in params]
        if not kept:
            kernels.sgd(arrays, grads, lr, decay, maximize)
            return
        states = [self.state[p] for p in params]
        started = [state.get("momentum_buffer") is not None for state in states]
        steady = all(started)
        if not steady:
            for p, state, known in zip(params, states, started):
                if not known:
                    state["momentum_buffer"] = zeros_like(p)
        lists = [arrays, grads, [state["momentum_buffer"]._data for state in states]]
        if steady:
            kernels.momentum(*lists, lr, decay, kept, taken, nesterov, maximize)
            return
        for share, which in ((taken, started), (1, [not known for known in started])):
            chosen = [list(compress(each, which)) for each in lists]
            kernels.momentum(*chosen, lr, decay, kept, share, nesterov, maximize)
