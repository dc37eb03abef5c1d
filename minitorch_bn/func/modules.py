"""Modules as functions of their parameters and buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn.autograd.variable import Variable
from minitorch_bn.nn.modules.batchnorm import _BatchNorm
from minitorch_bn.ops.shape import stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitorch_bn.nn.modules.module import Module

_MISSING = object()


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with the given tensors in the place of its parameters and buffers.

    Args:
        parameter_and_buffer_dicts: a dict of tensors by their dotted names, or several of them. Whatever is not in it
            stays the module's own.
        args: the arguments of the call; a tuple, or a single one.
        tie_weights: a tensor given for one name also stands in for the other names of the same parameter.
        strict: every parameter and buffer must be given, and nothing else.

    A buffer that the call changes in place, such as the running mean of a Batch Normalization, is changed in what was
    given; one that it assigns anew is put into the dict. The module comes out as it went in.

    Raises ValueError for a name in two dicts or tied names with different tensors, RuntimeError with ``strict``,
    TypeError for what is no tensor, AttributeError for a path that leads nowhere.

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.BatchNorm1d(1)
    >>> state = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    >>> torch.func.functional_call(layer, state, torch.tensor([[1.0], [3.0]]))
    tensor([[-1.0000],
            [ 1.0000]])
    >>> state["running_mean"], layer.running_mean
    (tensor([0.2000]), tensor([0.]))
    """
    given = _merged(parameter_and_buffer_dicts)
    own = {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }
    groups = _tied(own) if tie_weights else {}
    tensors = _with_tied_names(given, groups)
    if strict:
        _check_names(module, tensors, own)
    for tensor in tensors.values():
        if not isinstance(tensor, Variable):
            raise TypeError(f"{tensor} is not an instance of torch.Tensor")
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    homes = {name: _home(module, name) for name in tensors}
    before = {name: home.get(attribute, _MISSING) for name, (home, attribute) in homes.items()}
    try:
        for name, (home, attribute) in homes.items():
            home[attribute] = tensors[name]
        return module(*args, **(kwargs or {}))
    finally:
        for name, (home, attribute) in homes.items():
            if name in given:
                given[name] = home.get(attribute, given[name])
            if before[name] is _MISSING:
                home.pop(attribute, None)
            else:
                home[attribute] = before[name]


def _merged(dicts: Any) -> dict[str, Any]:
    """One dict of all; ValueError for a name that comes twice."""
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, (list, tuple)):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}"
        )
    if not all(isinstance(part, dict) for part in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for part in dicts for name in part]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {name: tensor for part in dicts for name, tensor in part.items()}


def _tied(own: dict[str, Any]) -> dict[str, list[str]]:
    """For each name all names of the same tensor."""
    groups: dict[int, list[str]] = {}
    for name, tensor in own.items():
        groups.setdefault(id(tensor), []).append(name)
    return {name: group for group in groups.values() for name in group}


def _with_tied_names(given: dict[str, Any], groups: dict[str, list[str]]) -> dict[str, Any]:
    """What is given for one of several tied names counts for all of them."""
    tensors = {}
    for name, tensor in given.items():
        group = groups.get(name, [name])
        if any(given[other] is not tensor for other in group if other in given):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(set(group) & set(given))}, which are tied. "
                "Consider using tie_weights=False"
            )
        tensors.update(dict.fromkeys(group, tensor))
    return tensors


def _check_names(module: Module, tensors: dict[str, Any], own: dict[str, Any]) -> None:
    lines = [
        f"\n\t{title} key(s): {', '.join(map(repr, sorted(names)))}."
        for title, names in (("Unexpected", set(tensors) - set(own)), ("Missing", set(own) - set(tensors)))
        if names
    ]
    if lines:
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:{''.join(lines)}")


def _home(module: Module, name: str) -> tuple[dict[str, Any], str]:
    """The dict in which a module keeps what has this dotted name, and the last part of the name."""
    path, _, attribute = name.rpartition(".")
    owner = module.get_submodule(path)
    for registry in (owner._parameters, owner._buffers):
        if attribute in registry:
            return registry, attribute
    return owner.__dict__, attribute


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(parameters, buffers) of models of one class, stacked along a new first dimension, for ``vmap`` over an ensemble.

    >>> import minitorch_bn as torch
    >>> parameters, buffers = torch.func.stack_module_state([torch.nn.BatchNorm1d(2) for _ in range(3)])
    >>> parameters["weight"].shape, buffers["num_batches_tracked"]
    (torch.Size([3, 2]), tensor([0, 0, 0]))
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(model.training != models[0].training for model in models):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return (
        {name: _stacked_leaf([state[name] for state in parameters]) for name in parameters[0]},
        {name: _stacked_leaf([state[name] for state in buffers]) for name in buffers[0]},
    )


def _stacked_leaf(tensors: list) -> Any:
    """A leaf of its own, which wants a gradient if those that it was made of do."""
    if len({tensor.requires_grad for tensor in tensors}) > 1:
        raise RuntimeError("Expected all tensors to have the same requires_grad")
    return stack([tensor.detach() for tensor in tensors]).requires_grad_(tensors[0].requires_grad)


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Takes the running estimates out of every Batch Normalization in ``root``, in place; returns ``root``.

    They use the batch's own statistics from then on, in evaluation too, and can be called inside ``vmap``.

    >>> import minitorch_bn as torch
    >>> torch.func.replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.BatchNorm1d(2)))
    Sequential(
      (0): BatchNorm1d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)
    )
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
