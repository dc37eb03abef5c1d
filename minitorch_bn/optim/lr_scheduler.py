"""Learning rate schedules: call ``scheduler.step()`` after ``optimizer.step()``.

Rates are computed as PyTorch computes them, to the last bit: most schedules multiply the rate that stands in the
parameter group by a factor (so that schedules can be chained), which rounds differently from the closed formula.
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any

from minitorch_bn._tensor import Tensor
from minitorch_bn.optim.optimizer import Optimizer, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Literal, SupportsFloat

    Rate = float | Tensor

__all__ = [
    "LRScheduler",
    "LambdaLR",
    "MultiplicativeLR",
    "StepLR",
    "MultiStepLR",
    "ConstantLR",
    "LinearLR",
    "ExponentialLR",
    "PolynomialLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "OneCycleLR",
    "SequentialLR",
    "ChainedScheduler",
    "ReduceLROnPlateau",
]

_EPOCH_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed "
    "form is used instead of the new chainable form, where available. Please open an issue if you are unable to "
    "replicate your use case: https://github.com/pytorch/pytorch/issues/new/choose."
)
_SEE = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


class LRScheduler:
    """Base of the schedules: a subclass defines ``get_lr``, the rate of each group at epoch ``last_epoch``.

    Args:
        optimizer: its groups' ``"lr"`` is set now and at each ``step``; where it is a tensor, in place.
        last_epoch: -1 to start; k to go on after epoch k, where the groups must have their ``"initial_lr"``.

    Raises:
        TypeError: no Optimizer.
        KeyError: ``last_epoch`` is not -1, and a group has no ``"initial_lr"``.

    >>> import minitorch_bn as torch
    >>> class Harmonic(torch.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [base_lr / (1 + self.last_epoch) for base_lr in self.base_lrs]
    >>> optimizer = torch.optim.SGD([torch.zeros(2)], lr=1.0)
    >>> scheduler = Harmonic(optimizer)
    >>> optimizer.step(); scheduler.step(); scheduler.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = _checked(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _snapshot(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    "last_epoch >= 0.\nThis typically happens when:\n1. You're trying to resume training from a "
                    "checkpoint but haven't properly loaded the optimizer state\n2. You're using last_epoch >= 0 for "
                    "a fresh training run (not recommended)"
                )
        self.base_lrs: list[Any] = [_snapshot(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        _notice_first_step(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """Sets the rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        self._get_lr_called_within_step = False
        self._last_lr: list[Any] = []
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, which has a ``state_dict`` of its own."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on where the schedule stood whose ``state_dict`` this is."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The rate of each group, as last set."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The rates of epoch ``last_epoch``; subclasses define it, and only ``step`` calls it."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Goes to the next epoch (``epoch`` itself is deprecated) and sets the rate of each group."""
        if self._step_count == 1:
            _warn_unless_stepped(self.optimizer)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(_EPOCH_DEPRECATED, stacklevel=2)
        self._go_to(epoch)

    def _go_to(self, epoch: int | None = None) -> None:
        """Sets the rates of the next epoch, or of a given one: by its closed form, if there is one."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        rates = self.get_lr if epoch is None else getattr(self, "_get_closed_form_lr", self.get_lr)
        self._get_lr_called_within_step = True
        try:
            self._set_lr(rates())
        finally:
            self._get_lr_called_within_step = False

    def _set_lr(self, rates: Iterable[Any]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates):
            _put(group, "lr", lr)
        self._last_lr = [_snapshot(group["lr"]) for group in self.optimizer.param_groups]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.", stacklevel=3
            )


_LRScheduler = LRScheduler  # its name in code written for PyTorch before 2.0


def _checked(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def _is_whole(value: Any) -> bool:
    """Whether a number is whole and positive."""
    return isinstance(value, int) and value > 0


def _snapshot(rate: Any) -> Any:
    """A rate that later changes in place do not reach."""
    return rate.detach().clone() if isinstance(rate, Tensor) else rate


def _put(group: dict[str, Any], name: str, value: Any) -> None:
    if isinstance(group[name], Tensor):
        group[name].fill_(float(value))
    else:
        group[name] = value


def _notice_first_step(optimizer: Any) -> None:
    """Makes the optimizer remember, from now on, whether its ``step`` has been called."""
    if hasattr(optimizer, "_opt_called"):
        return
    optimizer._opt_called = False

    def noticed(optimizer: Any, args: Any, kwargs: Any) -> None:
        optimizer._opt_called = True
        handle.remove()

    handle = optimizer.register_step_post_hook(noticed)


def _warn_unless_stepped(optimizer: Any) -> None:
    if getattr(optimizer, "_opt_called", True):
        return
    if "step" in vars(optimizer):
        message = (
            "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
            f"Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`. {_SEE}"
        )
    else:
        message = (
            "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should "
            "call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this "
            f"will result in PyTorch skipping the first value of the learning rate schedule. {_SEE}"
        )
    warnings.warn(message, stacklevel=3)


# -- schedules that multiply -------------------------------------------------------------------------------------------


class _FactorLR(LRScheduler):
    """``lr *= _factor()`` at each step; the closed form is ``base_lr * _total_factor()``."""

    def _factor(self) -> float:
        raise NotImplementedError

    def _total_factor(self) -> float:
        raise NotImplementedError

    def get_lr(self) -> list[Any]:
        """The groups' rates times this epoch's factor."""
        self._warn_outside_step()
        factor = self._factor()
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        factor = self._total_factor()
        return [base_lr * factor for base_lr in self.base_lrs]


class StepLR(_FactorLR):
    """The rate times ``gamma`` every ``step_size`` epochs.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(2)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for epoch in range(4):
    ...     optimizer.step(); scheduler.step(); print(*scheduler.get_last_lr())
    1.0
    0.5
    0.5
    0.25
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else 1.0

    def _total_factor(self) -> float:
        return self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(_FactorLR):
    """The rate times ``gamma`` at each of the epochs ``milestones``.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.1)
    >>> for _ in range(3):
    ...     optimizer.step(); scheduler.step(); print(round(scheduler.get_last_lr()[0], 4))
    0.1
    0.1
    0.01
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return self.gamma ** self.milestones[self.last_epoch] if self.last_epoch in self.milestones else 1.0

    def _total_factor(self) -> float:
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), self.last_epoch)


class ConstantLR(_FactorLR):
    """The rate times ``factor`` until epoch ``total_iters``.

    Raises:
        ValueError: ``factor`` is not between 0 and 1.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=1)
    >>> scheduler.get_last_lr()
    [0.5]
    >>> optimizer.step(); scheduler.step(); scheduler.get_last_lr()
    [1.0]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        require(0 <= factor <= 1, "Constant multiplicative factor expected to be between 0 and 1.")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else 1.0

    def _total_factor(self) -> float:
        return self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)


class LinearLR(_FactorLR):
    """The rate times a factor that goes linearly from ``start_factor`` to ``end_factor`` in ``total_iters`` epochs.

    Raises:
        ValueError: a factor is not between 0 and 1, or the first is 0.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> scheduler.get_last_lr()
    [0.5]
    >>> optimizer.step(); scheduler.step(); scheduler.get_last_lr()
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        require(
            0 < start_factor <= 1,
            "Starting multiplicative factor expected to be greater than 0 and less or equal to 1.",
        )
        require(0 <= end_factor <= 1, "Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        rise = self.end_factor - self.start_factor
        return 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)

    def _total_factor(self) -> float:
        rise = self.end_factor - self.start_factor
        return self.start_factor + rise * min(self.total_iters, self.last_epoch) / self.total_iters


class ExponentialLR(_FactorLR):
    """The rate times ``gamma`` every epoch.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> for _ in range(2):
    ...     optimizer.step(); scheduler.step(); print(scheduler.get_last_lr())
    [0.5]
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return 1.0 if self._is_initial else self.gamma

    def _total_factor(self) -> float:
        return self.gamma**self.last_epoch


class PolynomialLR(_FactorLR):
    """The rate times ``(1 - epoch / total_iters) ** power``; 0 from epoch ``total_iters`` on.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4)
    >>> optimizer.step(); scheduler.step(); scheduler.get_last_lr()
    [0.75]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        left = 1.0 - self.last_epoch / self.total_iters
        left_before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return (left / left_before) ** self.power

    def _total_factor(self) -> float:
        return (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power


class LambdaLR(LRScheduler):
    """The initial rate times ``lr_lambda(epoch)``, one function for all groups or a list of one for each.

    Raises:
        ValueError: another number of functions than of groups.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(2)], lr=2.0)
    >>> scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> optimizer.step(); scheduler.step(); scheduler.get_last_lr()
    [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(_checked(optimizer).param_groups)
        if not isinstance(lr_lambda, (list, tuple)):
            lr_lambda = [lr_lambda] * groups
        require(len(lr_lambda) == groups, f"Expected {groups} lr_lambdas, but got {len(lr_lambda)}")
        self.lr_lambdas = list(lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """As of every schedule; of callable objects the attributes are kept, of plain functions nothing."""
        return {**super().state_dict(), "lr_lambdas": [_attributes(fn) for fn in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As of every schedule; the functions stay those given at construction."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "lr_lambdas"})
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"]):
            if attributes is not None:
                function.__dict__.update(attributes)

    def get_lr(self) -> list[Any]:
        """The initial rates times the functions' values."""
        self._warn_outside_step()
        return [base_lr * fn(self.last_epoch) for fn, base_lr in zip(self.lr_lambdas, self.base_lrs)]


class MultiplicativeLR(LambdaLR):
    """The rate times ``lr_lambda(epoch)`` every epoch from the second on.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
    >>> optimizer.step(); scheduler.step(); scheduler.get_last_lr()
    [0.5]
    """

    def get_lr(self) -> list[Any]:
        """The groups' rates times the functions' values."""
        self._warn_outside_step()
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return rates if self._is_initial else [lr * fn(self.last_epoch) for fn, lr in zip(self.lr_lambdas, rates)]


def _attributes(function: Any) -> dict[str, Any] | None:
    """What a checkpoint keeps of a callable: the attributes of an object, nothing of a function."""
    return None if type(function).__name__ in ("function", "builtin_function_or_method") else function.__dict__.copy()


# -- cosines and cycles ------------------------------------------------------------------------------------------------


class CosineAnnealingLR(LRScheduler):
    """From the initial rate down to ``eta_min`` along half a cosine of ``T_max`` epochs (and up again after it).

    Loshchilov and Hutter, 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5, as a recursion:
    ``lr - eta_min`` is multiplied by the quotient of the neighbouring values of ``1 + cos``.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(2)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> for epoch in range(2):
    ...     optimizer.step(); scheduler.step(); print(*scheduler.get_last_lr())
    0.5
    0.0
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The groups' rates, one step further on the cosine."""
        self._warn_outside_step()
        epoch, period = self.last_epoch, self.T_max
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if self._is_initial:
            return rates
        if (epoch - 1 - period) % (2 * period) == 0:  # the quotient would be by zero: leave the minimum by addition
            return [
                lr + (base_lr - self.eta_min) * (1 - math.cos(math.pi / period)) / 2
                for base_lr, lr in zip(self.base_lrs, rates)
            ]
        now, before = 1 + math.cos(math.pi * epoch / period), 1 + math.cos(math.pi * (epoch - 1) / period)
        return [now / before * (lr - self.eta_min) + self.eta_min for lr in rates]

    def _get_closed_form_lr(self) -> list[Any]:
        height = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (base_lr - self.eta_min) * height / 2 for base_lr in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from the initial rate to ``eta_min`` in ``T_0`` epochs, again and again, each ``T_mult`` as long.

    Loshchilov and Hutter, 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts". ``step(epoch)`` may be
    called with fractions of an epoch after each batch.

    Raises:
        ValueError: ``T_0`` or ``T_mult`` is no positive whole number.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> for _ in range(2):
    ...     optimizer.step(); scheduler.step(); print(scheduler.get_last_lr())
    [0.5]
    [1.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        require(_is_whole(T_0), f"Expected positive integer T_0, but got {T_0}")
        require(_is_whole(T_mult), f"Expected integer T_mult >= 1, but got {T_mult}")
        require(
            isinstance(eta_min, (float, int)),
            f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}",
        )
        self.T_0 = self.T_i = T_0
        self.T_mult, self.eta_min = T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The rates at ``T_cur`` of ``T_i`` epochs since the last restart."""
        self._warn_outside_step()
        height = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (base_lr - self.eta_min) * height / 2 for base_lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Goes to the next epoch, or to ``epoch``, whole or not."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            require(epoch >= 0, f"Expected non-negative epoch, but got {epoch}")
            self.T_cur, self.T_i = self._place(epoch)
        self._go_to(math.floor(epoch))

    def _place(self, epoch: float) -> tuple[float, int]:
        """How far an epoch is from its restart, and how long that cycle is."""
        if epoch < self.T_0:
            return epoch, self.T_0
        if self.T_mult == 1:
            return epoch % self.T_0, self.T_i
        n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
        return epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1), self.T_0 * self.T_mult**n


class _CyclingLR(LRScheduler):
    """What CyclicLR and OneCycleLR share: the momentum moves against the rate."""

    def _start_momentum(self, base: Any, maximum: Any, *, set_now: bool) -> tuple[list[float], list[float]]:
        """Checks that there is a momentum to cycle, and notes its limits in the groups."""
        defaults = self.optimizer.defaults
        require(
            "momentum" in defaults or "betas" in defaults,
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled",
        )
        self.use_beta1 = "betas" in defaults
        groups = self.optimizer.param_groups
        bases = _for_each_group("base_momentum", self.optimizer, base)
        maxima = _for_each_group("max_momentum", self.optimizer, maximum)
        for group, low, high in zip(groups if set_now else (), bases, maxima):
            self._set_momentum(group, high)
            group["max_momentum"], group["base_momentum"] = high, low
        return bases, maxima

    def _set_momentum(self, group: dict[str, Any], value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


def _for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for each group, from a list of them or from one for all."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    require(
        len(value) == groups,
        f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
        f"param_groups has {groups}.",
    )
    return list(value)


class CyclicLR(_CyclingLR):
    """From ``base_lr`` up to ``max_lr`` in ``step_size_up`` steps and down in ``step_size_down``, again and again.

    Smith, 2017, "Cyclical Learning Rates for Training Neural Networks". Call ``step`` after every batch. ``mode``
    scales the height of the triangles: ``"triangular"`` not, ``"triangular2"`` halves it each cycle, and
    ``"exp_range"`` multiplies it by ``gamma ** step``; or ``scale_fn`` does, a function of the cycle or of the step
    (``scale_mode`` ``"cycle"`` or ``"iterations"``). The momentum moves the other way if ``cycle_momentum``.

    Raises:
        ValueError: an unknown mode, an optimizer without momentum, or another number of values than of groups.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.25, max_lr=1.0, step_size_up=2)
    >>> for _ in range(2):
    ...     optimizer.step(); scheduler.step(); print(scheduler.get_last_lr())
    [0.625]
    [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = _checked(optimizer)
        base_lrs = _for_each_group("base_lr", optimizer, base_lr)
        self.max_lrs = _for_each_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size, self.step_ratio = up + down, up / (up + down)
        require(
            scale_fn is not None or mode in ("triangular", "triangular2", "exp_range"),
            "mode is invalid and scale_fn is None",
        )
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._start_momentum(
                base_momentum, max_momentum, set_now=last_epoch == -1
            )
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs):
                _put(group, "lr", lr)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of cycle, or step, ``x``."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / (2.0 ** (x - 1))
        return 1.0 if self.mode == "triangular" else self.gamma**x

    def get_lr(self) -> list[Any]:
        """The rates of this step; sets the momentum."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            limits = zip(self.base_momentums, self.max_momentums, self.optimizer.param_groups)
            for low, high, group in limits:
                self._set_momentum(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """As of every schedule; of a ``scale_fn`` that is an object the attributes are kept."""
        state = super().state_dict()
        custom = state.pop("_scale_fn_custom")
        return {**state, "_scale_fn_custom": None if custom is None else _attributes(custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As of every schedule; ``scale_fn`` stays the one given at construction."""
        attributes = state_dict["_scale_fn_custom"]
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_scale_fn_custom"})
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)


class OneCycleLR(_CyclingLR):
    """Up from ``max_lr / div_factor`` to ``max_lr``, then down to a ``1 / final_div_factor`` of the start.

    Smith and Topin, 2018, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates".
    Call ``step`` after every batch, ``total_steps`` (or ``epochs * steps_per_epoch``) in all, of which the rise
    takes the part ``pct_start``. With ``three_phase`` the way down goes as far as the start first, in as many
    steps as the rise. The momentum moves the other way if ``cycle_momentum``.

    Raises:
        ValueError: no number of steps, an option outside its range, an optimizer without momentum; by ``step``:
            more steps than announced.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(2)], lr=1.0, momentum=0.9)
    >>> scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.4)
    >>> for batch in range(4):
    ...     optimizer.step(); scheduler.step(); print(f"{optimizer.param_groups[0]['lr']:.4f}")
    1.0000
    0.7500
    0.2500
    0.0000
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = _checked(optimizer)
        self.total_steps = _count_steps(total_steps, epochs, steps_per_epoch)
        require(
            type(pct_start) is float and 0 <= pct_start <= 1,
            f"Expected float between 0 and 1 pct_start, but got {pct_start}",
        )
        require(
            anneal_strategy in ("cos", "linear"),
            f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}",
        )
        rise, last = float(pct_start * self.total_steps) - 1, self.total_steps - 1
        lrs, momenta = ["initial_lr", "max_lr", "min_lr"], ["max_momentum", "base_momentum", "max_momentum"]
        ends = [rise, last]
        if three_phase:
            lrs, momenta = ["initial_lr", "max_lr", "initial_lr", "min_lr"], [*momenta, "max_momentum"]
            ends = [rise, float(2 * pct_start * self.total_steps) - 2, last]
        self._schedule_phases: list[dict[str, Any]] = [
            {"end_step": end, "start_lr": lr0, "end_lr": lr1, "start_momentum": m0, "end_momentum": m1}
            for end, lr0, lr1, m0, m1 in zip(ends, lrs, lrs[1:], momenta, momenta[1:])
        ]
        self._anneal_func_type = anneal_strategy
        max_lrs = _for_each_group("max_lr", optimizer, max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(base_momentum, max_momentum, set_now=last_epoch == -1)
        for group, high in zip(optimizer.param_groups if last_epoch == -1 else (), max_lrs):
            group["initial_lr"], group["max_lr"] = high / div_factor, high
            group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The rates of this step; sets the momentum."""
        self._warn_outside_step()
        require(
            self.last_epoch <= self.total_steps,
            f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}",
        )
        start = 0.0
        for phase in self._schedule_phases[:-1]:
            if self.last_epoch <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        done = (self.last_epoch - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], done))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(*ends, done))
        return rates

    def _between(self, start: float, end: float, done: float) -> float:
        """The value when a part ``done`` of the way from start to end is behind us."""
        if self._anneal_func_type == "linear":
            return (end - start) * done + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * done) + 1)


def _count_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        require(
            _is_whole(total_steps),
            f"Expected positive integer total_steps, but got {total_steps}",
        )
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    require(_is_whole(epochs), f"Expected positive integer epochs, but got {epochs}")
    require(
        _is_whole(steps_per_epoch),
        f"Expected positive integer steps_per_epoch, but got {steps_per_epoch}",
    )
    return epochs * steps_per_epoch


# -- schedules made of schedules ---------------------------------------------------------------------------------------


class _CombinedLR(LRScheduler):
    """A schedule that holds others of the same optimizer."""

    _schedulers: list[LRScheduler]

    def _check_parts(self, optimizer: Any, parts: Sequence[Any]) -> None:
        name = type(self).__name__
        for i, part in enumerate(parts):
            if not hasattr(part, "optimizer"):
                raise TypeError(f"{name} at index {i} should have `optimizer` as its attribute.")
            require(
                not isinstance(part, ReduceLROnPlateau),
                f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
                f"specified when calling `step`, but got one at index {i} in the given schedulers sequence.",
            )
            require(
                part.optimizer is optimizer,
                f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                f"{type(part).__name__} at index {i} has {part.optimizer}, which is different from "
                f"{type(optimizer).__name__}.",
            )

    def state_dict(self) -> dict[str, Any]:
        """As of every schedule, with the states of the parts."""
        return {**super().state_dict(), "_schedulers": [part.state_dict() for part in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As of every schedule, and loads the parts."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_schedulers"})
        for part, state in zip(self._schedulers, state_dict["_schedulers"]):
            part.load_state_dict(state)


class SequentialLR(_CombinedLR):
    """One schedule after the other: the next begins, as at its epoch 0, at each of the epochs ``milestones``.

    Raises:
        ValueError: not one schedule more than milestones, or schedules of different optimizers.

    >>> import minitorch_bn as torch
    >>> from minitorch_bn.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> optimizer = torch.optim.SGD([torch.zeros(2)], lr=1.0)
    >>> parts = [ConstantLR(optimizer, factor=0.25, total_iters=2), ExponentialLR(optimizer, gamma=0.5)]
    >>> scheduler = SequentialLR(optimizer, parts, milestones=[2])
    >>> for epoch in range(4):
    ...     print(*scheduler.get_last_lr()); optimizer.step(); scheduler.step()
    0.25
    0.25
    1.0
    0.5
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        require(len(schedulers) >= 1, f"{type(self).__name__} expects at least one scheduler, but got no scheduler.")
        self._check_parts(optimizer, schedulers)
        require(
            len(milestones) == len(schedulers) - 1,
            "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone "
            f"points, but got number of schedulers {len(schedulers)} and the number of milestones to be equal to "
            f"{len(milestones)}",
        )
        self.optimizer, self._schedulers, self._milestones = optimizer, schedulers, milestones
        self.last_epoch = last_epoch + 1
        # Each part has set its own first rate on construction, one over the other: undo that, then begin the first.
        for group in optimizer.param_groups:
            _put(group, "lr", group["initial_lr"])
        for part in schedulers:
            part.last_epoch -= 1
        schedulers[0]._initial_step()
        self._last_lr = schedulers[0].get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Goes to the next epoch of the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        part = self._schedulers[turn]
        if turn and self._milestones[turn - 1] == self.last_epoch:
            part._go_to(0)
        else:
            part.step()
        self._last_lr = part.get_last_lr()


class ChainedScheduler(_CombinedLR):
    """All schedules at once: each changes the rate that the one before it left.

    Raises:
        ValueError: no schedules, or schedules of different optimizers.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> halves = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> quarters = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.25)
    >>> scheduler = torch.optim.lr_scheduler.ChainedScheduler([halves, quarters])
    >>> optimizer.step(); scheduler.step(); scheduler.get_last_lr()
    [0.125]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        require(
            len(schedulers) >= 1,
            f"{type(self).__name__} expects at least one scheduler to be chained, but got no scheduler.",
        )
        optimizer = optimizer or schedulers[0].optimizer
        self._check_parts(optimizer, schedulers)
        self._schedulers, self.optimizer = list(schedulers), optimizer
        self._last_lr = [_snapshot(group["lr"]) for group in optimizer.param_groups]

    def step(self) -> None:  # type: ignore[override]
        """Goes to the next epoch of every schedule."""
        for part in self._schedulers:
            part.step()
        self._last_lr = [_snapshot(group["lr"]) for group in self.optimizer.param_groups]


class ReduceLROnPlateau(LRScheduler):
    """The rate times ``factor`` when a measured value has not improved for more than ``patience`` epochs.

    Args:
        optimizer: its groups' rates are set.
        mode: ``"min"`` if smaller values are better, ``"max"`` if larger.
        factor: below 1.
        patience: how many epochs without improvement are tolerated.
        threshold, threshold_mode: what counts as an improvement: better than the best by this part of it
            (``"rel"``) or by this much (``"abs"``).
        cooldown: how many epochs to wait after a reduction.
        min_lr: no rate is set below; a number, or one for each group.
        eps: smaller changes of the rate are not made.

    Raises:
        ValueError: a factor of 1 or more, an unknown mode, another number of ``min_lr`` than of groups.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(2)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0,
        eps: float = 1e-8,
    ) -> None:
        require(factor < 1.0, "Factor should be < 1.0.")
        self.factor, self.optimizer = factor, _checked(optimizer)
        groups = len(optimizer.param_groups)
        if isinstance(min_lr, (list, tuple)):
            require(len(min_lr) == groups, f"expected {groups} min_lrs, got {len(min_lr)}")
            self.default_min_lr, self.min_lrs = None, list(min_lr)
        else:
            self.default_min_lr, self.min_lrs = min_lr, [min_lr] * groups
        require(mode in ("min", "max"), f"mode {mode} is unknown!")
        require(threshold_mode in ("rel", "abs"), f"threshold mode {threshold_mode} is unknown!")
        self.patience, self.cooldown, self.eps = patience, cooldown, eps
        self.last_epoch = 0
        self._last_lr = [_snapshot(group["lr"]) for group in optimizer.param_groups]
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self._reset()

    def _reset(self) -> None:
        """Forgets what was measured."""
        self.best, self.cooldown_counter, self.num_bad_epochs = self.mode_worse, 0, 0

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Takes the value measured in this epoch, and lowers the rates if that is due."""
        current = float(metrics)
        if epoch is not None:
            warnings.warn(_EPOCH_DEPRECATED, stacklevel=2)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.is_better(current, self.best):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._set_lr(())

    @property
    def in_cooldown(self) -> bool:
        """Whether a reduction is so recent that none is considered."""
        return self.cooldown_counter > 0

    def is_better(self, a: float, best: float) -> bool:
        """Whether ``a`` is better than ``best`` by the threshold."""
        margin = self.threshold if self.threshold_mode == "abs" else None
        if self.mode == "min":
            return a < (best * (1.0 - self.threshold) if margin is None else best - margin)
        return a > (best * (self.threshold + 1.0) if margin is None else best + margin)

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    "The number of param groups in the `optimizer` "
                    f"({len(groups)}) differs from when `ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), "
                    "usually due to a new param group being added to the optimizer. Please modify the `min_lrs` "
                    "field to match the length of the `optimizer` param groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, minimum in zip(groups, self.min_lrs):
            old = float(group["lr"])
            new = max(old * self.factor, minimum)
            if old - new > self.eps:
                _put(group, "lr", new)
