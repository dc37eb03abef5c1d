"""Averages of weights over training, and the BatchNorm statistics that fit them, as ``torch.optim.swa_utils``.

Stochastic weight averaging: Izmailov et al. (2018), https://arxiv.org/abs/1803.05407.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.nn.modules._running_stats import is_redirected, redirect, restore
from minitorch_bn.nn.modules.batchnorm import _BatchNorm
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.ops._batch_norm_checks import warn_not_finite
from minitorch_bn.optim.lr_scheduler import LRScheduler

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from minitorch_bn._tensor import Tensor
    from minitorch_bn.ops.batch_norm import Statistics
    from minitorch_bn.optim.optimizer import Optimizer

    Averaging = Callable[[Tensor, Tensor, Tensor | int], Tensor]
    MultiAveraging = Callable[[list[Tensor], list[Tensor], Tensor | int], None]

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


# -- statistics --------------------------------------------------------------------------------------------------------


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Estimates the running statistics of a model's BatchNorm layers anew, from all of the data, exactly.

    The model sees every batch once, in training mode and without gradients. ``running_mean`` and ``running_var`` become
    mean and unbiased variance of all values that reached the layer, whatever the sizes of the batches (pooled in
    float64 by the rule of Chan, Golub and LeVeque, 1979); ``num_batches_tracked`` the number of batches. Layers that
    are frozen (``nn.utils.freeze``, ``freeze_stats``), that do not track, or that never ran, keep what they have. So do
    layers in ``eval()`` within a model in training; a model that is itself in evaluation is in training for the time.

    Nothing is changed before all batches have passed: when something raises, every buffer is as it was. Afterwards all
    modes are as they were.

    Args:
        loader: batches: a tensor, or a list or tuple whose first element is the input.
        model: called with each input.
        device: where to move the inputs; the CPU.

    Raises:
        ValueError: the loader is empty.

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.BatchNorm1d(1)
    >>> torch.optim.swa_utils.update_bn([torch.tensor([[0.0], [1], [2], [3]]), torch.tensor([[100.0], [102]])], bn)
    >>> bn.running_mean, bn.running_var  # of 0, 1, 2, 3, 100, 102
    (tensor([34.6667]), tensor([2641.4666]))
    """
    modes = {module: module.training for module in model.modules()}
    pools: dict[Any, _Pool] = {}
    try:
        if not model.training:
            model.train()
        pools = {module: _Pool(module) for module in model.modules() if _is_updated(module)}
        if not pools:
            return
        redirect({layer: pool.add for layer, pool in pools.items()})
        try:
            _run(loader, model, device)
        finally:
            restore({layer: pool.add for layer, pool in pools.items()})
    finally:
        for module, training in modes.items():
            module.training = training
    for pool in pools.values():
        pool.write()


def _is_updated(module: Module) -> bool:
    """Whether a layer in training would update its running estimates."""
    return (
        isinstance(module, _BatchNorm)
        and module.training
        and module.track_running_stats
        and module.running_mean is not None
        and not module._frozen
        and not is_redirected(module)
    )


def _run(loader: Iterable[Any], model: Module, device: Any) -> None:
    is_empty = True
    for batch in loader:
        is_empty = False
        input = batch[0] if isinstance(batch, (list, tuple)) else batch
        with no_grad():
            model(input if device is None else input.to(device))
    if is_empty:
        raise ValueError(
            "update_bn() needs at least one batch, but the loader is empty: the running statistics are unchanged\n"
            "A generator gives its batches only once; a DataLoader with drop_last=True none if the data set is small."
        )


class _Pool:
    """Mean and variance of all batches that a layer has seen, merged in float64."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.batches = 0
        self.count: Any = 0  # a number, or with masks one for each channel
        self.mean: Any = 0.0
        self.squares: Any = 0.0  # the sum of squared deviations from the mean

    def add(self, batch: Statistics) -> None:
        """Chan's merge: two means meet in proportion to their counts, and their distance adds to the squares."""
        if not np.any(batch.count):
            return
        if not self._is_finite(batch.mean, batch.var):
            return
        total = self.count + batch.count
        share = batch.count / np.maximum(total, 1)
        distance = batch.mean - self.mean
        self.mean = self.mean + distance * share
        self.squares = self.squares + batch.var * batch.count + distance**2 * self.count * share
        self.count = total
        self.batches += 1

    def write(self) -> None:
        """Puts the result into the layer's buffers, unless it does not fit into their dtype."""
        if not self.batches:
            return
        layer = self.layer
        dtype = layer.running_mean._data.dtype
        with np.errstate(all="ignore"):
            mean, var = (v.astype(dtype) for v in (self.mean, self.squares / np.maximum(self.count - 1, 1)))
        if not self._is_finite(mean, var):
            return
        layer.running_mean.copy_(wrap(mean))
        layer.running_var.copy_(wrap(var))
        if layer.num_batches_tracked is not None:
            layer.num_batches_tracked.fill_(self.batches)

    def _is_finite(self, mean: np.ndarray, var: np.ndarray) -> bool:
        finite = np.isfinite(mean) & np.isfinite(var)
        if not finite.all():
            warn_not_finite(np.flatnonzero(~finite), self.layer)
        return bool(finite.all())


# -- averages of weights -----------------------------------------------------------------------------------------------


def get_swa_avg_fn() -> Averaging:
    """The rule of the plain average: ``rule(average, new, number_so_far)``.

    >>> import minitorch_bn as torch
    >>> torch.optim.swa_utils.get_swa_avg_fn()(torch.tensor([1.0]), torch.tensor([4.0]), 2)
    tensor([2.])
    """

    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Tensor | int) -> Tensor:
        with no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Averaging:
    """The rule of the exponential moving average: decay * average + (1 - decay) * new.

    Raises ValueError unless 0 <= decay <= 1.

    >>> import minitorch_bn as torch
    >>> torch.optim.swa_utils.get_ema_avg_fn(0.9)(torch.tensor([1.0]), torch.tensor([2.0]), 1)
    tensor([1.1000])
    """
    _check_decay(decay)

    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Tensor | int) -> Tensor:
        with no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_multi_avg_fn() -> MultiAveraging:
    """The rule of the plain average for lists of tensors: the averages change in place.

    >>> import minitorch_bn as torch
    >>> averages = [torch.tensor([1.0])]
    >>> torch.optim.swa_utils.get_swa_multi_avg_fn()(averages, [torch.tensor([4.0])], 2); averages
    [tensor([2.])]
    """
    return _in_place(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAveraging:
    """The rule of the exponential moving average for lists of tensors: the averages change in place.

    Raises ValueError unless 0 <= decay <= 1.

    >>> import minitorch_bn as torch
    >>> averages = [torch.tensor([1.0])]
    >>> torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)(averages, [torch.tensor([2.0])], 1); averages
    [tensor([1.1000])]
    """
    return _in_place(get_ema_avg_fn(decay))


def _in_place(rule: Averaging) -> MultiAveraging:
    """A rule for one tensor as a rule for lists; integers are averaged too and rounded towards zero."""

    def update(averaged_params: list[Tensor], current_params: list[Tensor], num_averaged: Tensor | int) -> None:
        with no_grad():
            for averaged, current in zip(averaged_params, current_params):
                averaged.copy_(rule(averaged, current, num_averaged))

    return update


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


class AveragedModel(Module):
    """A copy of a model whose parameters are the average of those that ``update_parameters`` was given.

    Args:
        model: is copied.
        device: the CPU.
        avg_fn: ``avg_fn(average, new, number_so_far)`` gives the new average of one parameter; by default the plain
            average.
        multi_avg_fn: ``multi_avg_fn(averages, news, number_so_far)`` changes a list of averages in place.
        use_buffers: whether buffers are averaged as well; if not, they are those of the latest model, and ``update_bn``
            gives BatchNorm the statistics that fit the average.

    Attributes:
        module: the averaged model; calling this one calls it.
        n_averaged: how many models went into the average.

    Raises:
        AssertionError: both ``avg_fn`` and ``multi_avg_fn`` are given.

    >>> import minitorch_bn as torch
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> average = torch.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = torch.nn.init.constant_(model.weight, value)
    ...     average.update_parameters(model)
    >>> average.module.weight.item(), average.n_averaged
    (3.0, tensor(3))
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Averaging | None = None,
        multi_avg_fn: MultiAveraging | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", wrap(np.zeros((), np.int64)))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model computes."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Takes the parameters of a model into the average; the first ones are the average so far.

        Raises ValueError, with nothing changed, for a model that has other parameters or buffers.
        """
        pairs = _paired(self.module.parameters(), model.parameters(), "parameters")
        buffers = _paired(self.module.buffers(), model.buffers(), "buffers")
        if self.use_buffers:
            pairs, buffers = pairs + buffers, []
        if self.n_averaged.item() == 0:
            pairs, buffers = [], pairs + buffers
        with no_grad():
            self._average(pairs)
            for own, new in buffers:
                own.copy_(new)
            self.n_averaged.add_(1)

    def _average(self, pairs: list[tuple[Tensor, Tensor]]) -> None:
        if self.avg_fn is not None:
            for own, new in pairs:
                own.copy_(self.avg_fn(own.detach(), new, self.n_averaged))
        elif pairs:
            multi_avg_fn = self.multi_avg_fn or get_swa_multi_avg_fn()
            multi_avg_fn([own.detach() for own, _ in pairs], [new.detach() for _, new in pairs], self.n_averaged)


def _paired(own: Iterable[Tensor], new: Iterable[Tensor], kind: str) -> list[tuple[Tensor, Tensor]]:
    """The tensors of two models side by side; ValueError if they are not alike."""
    first, second = list(own), list(new)
    shapes, others = ([tuple(tensor.shape) for tensor in tensors] for tensors in (first, second))
    if shapes != others:
        raise ValueError(f"the averaged model has {kind} of shapes {shapes}, but the model {others}")
    return list(zip(first, second))


# -- the learning rate -------------------------------------------------------------------------------------------------


class SWALR(LRScheduler):
    """Goes from the present learning rate to ``swa_lr`` in ``anneal_epochs`` steps, and stays there.

    After t of T steps the rate is (1 - a) lr + a swa_lr, with a = (1 - cos(pi t / T)) / 2 or, if "linear", t / T. Each
    step is computed from the rate that stands in the group, so that other schedules can act in between.

    Args:
        optimizer: its groups get a ``"swa_lr"``.
        swa_lr: a number, or a list or tuple of one for each group.
        anneal_epochs: T; 0 for a jump.
        anneal_strategy: "cos" or "linear".
        last_epoch: as of every schedule; the annealing begins at the present rate all the same. To go on in the middle
            of it, use ``load_state_dict``.

    Raises:
        ValueError: ``swa_lr`` has another length than there are groups; a strategy or T that does not exist.

    >>> import minitorch_bn as torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    >>> scheduler = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.05, anneal_epochs=2, anneal_strategy="linear")
    >>> for _ in range(3):
    ...     optimizer.step(); scheduler.step()
    ...     print(round(scheduler.get_last_lr()[0], 4))
    0.075
    0.05
    0.05
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: Any = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer.param_groups
        rates = list(swa_lr) if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(groups)
        if len(rates) != len(groups):
            raise ValueError(
                "swa_lr must have the same length as optimizer.param_groups. "
                f"swa_lr has {len(rates)} values, param_groups has {len(groups)}."
            )
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for group, rate in zip(groups, rates):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _progress(self, step: int) -> float:
        """How far the rate has gone after a number of steps, from 0 to 1."""
        if step < 0 or step >= self.anneal_epochs:
            return float(step >= 0)
        t = step / self.anneal_epochs
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Any]:
        """The rates after the steps so far, which are this object's own: with ``last_epoch`` it begins anew."""
        now = self._progress(self._step_count - 1)
        before = self._progress(self._step_count - 2)
        rates = []
        for group in self.optimizer.param_groups:
            goal = group["swa_lr"]
            # the rate stands at (1 - before) of the way between its start and the goal; now it should at (1 - now)
            rest = 0.0 if before == 1.0 else (1 - now) / (1 - before)
            rates.append(goal if rest == 0.0 else goal + (group["lr"] - goal) * rest)
        return rates
