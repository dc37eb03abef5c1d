"""Adam: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn._tensor import Tensor
from minitorch_bn.kernels import optim as kernels
from minitorch_bn.optim.optimizer import (
    ElementwiseOptimizer,
    by_step,
    check_lr,
    count_step,
    new_step,
    require,
    zeros_like,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np


class Adam(ElementwiseOptimizer):
    """Adam (Kingma and Ba, 2015, "Adam: A Method for Stochastic Optimization", Algorithm 1).

    With ``m = beta1 m + (1 - beta1) g`` and ``v = beta2 v + (1 - beta2) g**2``, both starting at zero, step t is
    ``x -= lr m' / (sqrt(v') + eps)``, where ``m' = m / (1 - beta1**t)`` and ``v' = v / (1 - beta2**t)`` undo the
    pull of the start.

    Args:
        params: tensors, or groups of them (see ``Optimizer``).
        lr: the learning rate.
        betas: how much of the running means stays at each step.
        eps: added to the root for stability.
        weight_decay: an L2 penalty (its gradient is averaged too); see ``AdamW`` for the decoupled form.
        amsgrad: divide by the root of the largest v so far (Reddi et al., 2018, "On the Convergence of Adam and
            Beyond").
        maximize: climb instead of descend.
        decoupled_weight_decay: shrink x by ``lr weight_decay x`` instead of adding to the gradient.
        foreach, capturable, fused: accepted and kept; they choose PyTorch's kernels and change no result.
        differentiable: only False.

    Raises:
        ValueError: an option outside its range.

    >>> import minitorch_bn as torch
    >>> w = torch.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.Adam([w], lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.zero_grad(); (w * w).sum().backward(); optimizer.step()
    >>> w
    tensor([ 0.8004, -1.8002], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_lr(lr)
        betas = _checked_betas(lr, betas, foreach=bool(foreach) and not capturable)
        require(0.0 <= eps, f"Invalid epsilon value: {eps}")
        for i, beta in enumerate(betas):
            require(0.0 <= beta < 1.0, f"Invalid beta parameter at index {i}: {beta}")
        require(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        state = {"step": new_step(), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}
        return {**state, "max_exp_avg_sq": zeros_like(p)} if group["amsgrad"] else state

    def _update_all(self, params: list[Tensor], grads: list[np.ndarray], group: dict[str, Any]) -> None:
        lr, eps, decay, shrink = float(group["lr"]), group["eps"], group["weight_decay"], 1.0
        if group["decoupled_weight_decay"]:
            decay, shrink = 0, 1 - lr * decay
        beta1, beta2 = map(float, group["betas"])
        amsgrad, maximize = group["amsgrad"], group["maximize"]
        states = [self._state_of(p, group) for p in params]
        steps = [count_step(state) for state in states]
        arrays = [[p._data for p in params], grads]
        for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if amsgrad else 2]:
            arrays.append([state[name]._data for state in states])
        for t, lists in by_step(steps, arrays):
            root = (1 - beta2**t) ** 0.5  # m' / (sqrt(v') + eps) with both halves of the fraction multiplied by it
            numbers = (lr * root / (1 - beta1**t), beta1, beta2, eps * root, decay, shrink, maximize)
            kernels.adam(*lists, *([] if amsgrad else [None]), *numbers)


def _checked_betas(lr: Any, betas: Any, foreach: bool) -> Any:
    """PyTorch's rules for giving the rate and the betas as tensors; the betas, as zero-dim tensors then."""
    if isinstance(lr, Tensor):
        require(not foreach, "lr as a Tensor is not supported for capturable=False and foreach=True")
    tensors = [isinstance(beta, Tensor) for beta in (betas[0], betas[1])]
    require(all(tensors) or not any(tensors), "betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas if all(tensors) else ()):
        require(not foreach, f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
        require(beta.numel() == 1, f"Tensor betas[{i}] must be 1-element")
    return tuple(beta.squeeze() for beta in betas) if all(tensors) else betas
