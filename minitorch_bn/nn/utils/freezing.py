"""Freezing: layers that do not learn, in training mode too, and running estimates that are held still for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from minitorch_bn.nn.modules._running_stats import redirect, restore
from minitorch_bn.nn.modules.batchnorm import _NormBase
from minitorch_bn.nn.modules.module import Module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minitorch_bn.nn.parameter import Parameter

M = TypeVar("M", bound=Module)

# Plain attributes of the modules: copies and pickles have them, state dicts do not.
_BEFORE = "_requires_grad_before_freeze"
_FROZEN = "_frozen"


def freeze(module: M) -> M:
    """Stops a module and all below it from learning, whatever ``train()`` is called later; returns it.

    Normalisation layers use their running estimates as in evaluation, and no longer update them (those without such
    estimates go on using the batch's statistics, as they do in evaluation). Parameters get ``requires_grad=False``, and
    their gradients are dropped so that no optimizer moves them. Gradients still flow through to the module's input.
    Dropout and other layers keep to ``training``. ``unfreeze`` undoes all of it. A frozen module stays frozen when it
    is copied or pickled; its ``state_dict`` is the same as ever.

    Raises:
        TypeError: ``module`` is not a Module.

    >>> import minitorch_bn as torch
    >>> backbone = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    >>> model = torch.nn.Sequential(torch.nn.utils.freeze(backbone), torch.nn.Linear(2, 1)).train()
    >>> model(torch.randn(4, 2)).sum().backward()
    >>> [name for name, p in model.named_parameters() if p.grad is not None]
    ['1.weight', '1.bias']
    >>> backbone[1].running_mean, backbone[1].num_batches_tracked
    (tensor([0., 0.]), tensor(0))
    """
    parts = list(_checked(module, "freeze").modules())
    # A parameter that a part frozen earlier shares with one that is not was wanted if it was wanted then.
    earlier = {p: vars(part)[_BEFORE][name] for part in parts for name, p in _own(part) if name in _record(part)}
    for part in parts:
        vars(part)[_BEFORE] = {name: earlier.get(p, p.requires_grad) for name, p in _own(part)}
        if isinstance(part, _NormBase):
            setattr(part, _FROZEN, True)
    for p in module.parameters():
        p.requires_grad_(False)
        p.grad = None
    return module


def unfreeze(module: M) -> M:
    """Lets a module and all below it learn again: exactly what ``freeze`` switched off is switched on; returns it.

    Parameters that did not require a gradient before still do not. What was not frozen is left alone, and a part of a
    frozen model can be unfrozen by itself.

    Raises:
        TypeError: ``module`` is not a Module.

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.BatchNorm1d(2)
    >>> bn.bias.requires_grad_(False) is bn.bias
    True
    >>> bn = torch.nn.utils.unfreeze(torch.nn.utils.freeze(bn))
    >>> bn.weight.requires_grad, bn.bias.requires_grad
    (True, False)
    """
    for part in _checked(module, "unfreeze").modules():
        before = _record(part)
        for name, p in _own(part):
            if name in before:
                p.requires_grad_(before[name])
        for attribute in (_BEFORE, _FROZEN):
            vars(part).pop(attribute, None)
    return module


class freeze_stats:
    """Context in which the running estimates of a model's normalisation layers do not move; gives the model.

    Unlike ``freeze`` it changes nothing else: in training the batch's own statistics still normalise, and parameters
    still learn. For a forward pass that must leave no trace, such as a second one on the same batch. Contexts nest, one
    object may be entered several times, and the end of the last one counts, also after an exception. It holds for the
    layers that the model had when ``freeze_stats(model)`` was called, in all threads.

    Raises:
        TypeError: ``model`` is not a Module.

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.BatchNorm1d(2)
    >>> with torch.nn.utils.freeze_stats(bn):
    ...     bn(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]], grad_fn=<NativeBatchNormBackward0>)
    >>> bn.running_mean, bn.num_batches_tracked
    (tensor([0., 0.]), tensor(0))
    """

    def __init__(self, model: Module) -> None:
        self._model = model
        layers = [part for part in _checked(model, "freeze_stats").modules() if isinstance(part, _NormBase)]
        self._receivers = dict.fromkeys(layers, _ignore)

    def __enter__(self) -> Any:
        redirect(self._receivers)
        return self._model

    def __exit__(self, *exc: object) -> None:
        restore(self._receivers)


def _ignore(batch: Any) -> None:
    """Statistics that lead nowhere."""


def _own(part: Module) -> Iterator[tuple[str, Parameter]]:
    """The parameters that a module holds itself."""
    return ((name, p) for name, p in part._parameters.items() if p is not None)


def _record(part: Module) -> dict[str, bool]:
    """Which parameters of a frozen module required a gradient before."""
    return vars(part).get(_BEFORE, {})


def _checked(module: Any, caller: str) -> Module:
    if not isinstance(module, Module):
        raise TypeError(f"{caller}() takes an nn.Module, not {type(module).__name__}")
    return module
