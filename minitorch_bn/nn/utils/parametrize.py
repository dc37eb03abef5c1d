"""Parametrizations: a parameter that is computed from others whenever it is read.

The module gets a class of its own whose attribute, a property, runs the parametrizations on the original, which lies in
``module.parametrizations``. Names, state dicts and printed forms are PyTorch's.
"""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any

from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.nn.modules.container import ModuleDict, ModuleList
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.nn.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "type_before_parametrizations",
]  # fmt: skip

_depth = 0  # how many ``cached()`` are open
_values: dict[tuple[int, str], Any] = {}


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """While it is open, each parametrized tensor is computed once, when it is first read.

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
    >>> with torch.nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _values.clear()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and what they start from: ``original``, or ``original0``, ``original1``, ...

    Their ``right_inverse``, where they have one, turns the tensor as it was into the original.

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 3))
    >>> layer.parametrizations.weight.original0.shape
    torch.Size([3, 1])
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        value: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    value = module.right_inverse(value)
        self.is_tensor = isinstance(value, Tensor)
        if self.is_tensor:
            if value.dtype != original.dtype and not unsafe:
                _refuse("dtype", original, value, "unparametrized", "right_inverse")
            if value is not original:
                original.data = value
            _register(self, "original", original)
        elif not isinstance(value, (tuple, list)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(value).__name__}"
            )
        else:
            for i, part in enumerate(value):
                kept = Parameter(part, original.requires_grad) if isinstance(original, Parameter) else part
                _register(self, f"original{i}", kept)
        self.ntensors = 1 if self.is_tensor else len(value)
        if not unsafe:
            _check_result(self(), original)

    def _originals(self) -> list[Any]:
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def forward(self) -> Any:
        """The tensor as the parametrizations make it."""
        first, *others = self
        value = first(*self._originals())
        for module in others:
            value = module(value)
        return value

    def right_inverse(self, value: Any) -> None:
        """Sets the original so that ``value`` comes out, as far as the parametrizations can tell from what.

        Raises RuntimeError if one of them has no ``right_inverse``.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            for original, part in zip(self._originals(), [value] if self.is_tensor else value):
                original.data = part.detach()


def _register(module: Module, name: str, tensor: Any) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _check_result(result: Any, before: Tensor) -> None:
    if not isinstance(result, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
    for what in ("dtype", "shape"):
        if getattr(result, what) != getattr(before, what):
            _refuse(what, before, result, "unparametrized", "parametrized")


def _refuse(what: str, before: Tensor, after: Tensor, old: str, new: str) -> None:
    raise ValueError(
        f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is enabled.\n"
        f"{old} {what}: {getattr(before, what)}\n{new} {what}: {getattr(after, what)}"
    )


def _own_class(module: Module) -> None:
    """Gives the module a class of its own, where properties can be put."""

    def __getstate__(self: Module) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). See:\n"
            "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
            "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
        )

    def __deepcopy__(self: Module, memo: dict) -> Module:
        replica = memo.setdefault(id(self), type(self).__new__(type(self)))
        replica.__dict__ = copy.deepcopy(self.__dict__, memo)
        return replica

    kind = type(module)
    module.__class__ = type(
        f"Parametrized{kind.__name__}", (kind,), {"__getstate__": __getstate__, "__deepcopy__": __deepcopy__}
    )
    module.parametrizations = ModuleDict()


def _property(name: str) -> property:
    def get(self: Any) -> Any:
        if not _depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _values:
            _values[key] = self.parametrizations[name]()
        return _values[key]

    def put(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on ``module.tensor_name`` is ``parametrization`` of what it was; a second one goes on top of the first.

    ``parametrization.right_inverse(value)``, if there is one, gives what to start from, so that the value stays, and
    makes assigning possible. ``unsafe`` allows another shape or dtype.

    Raises ValueError where there is no such tensor, or the result would not fit. Nothing is changed then.

    >>> import minitorch_bn as torch
    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).mT
    >>> layer = torch.nn.Linear(3, 3)
    >>> torch.nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    ParametrizedLinear(
      in_features=3, out_features=3, bias=True
      (parametrizations): ModuleDict(
        (weight): ParametrizationList(
          (0): Symmetric()
        )
      )
    )
    >>> layer.weight.equal(layer.weight.mT)
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        before = getattr(module, tensor_name)
        if not unsafe:
            _check_result(parametrization(before), before)
        parametrizations: Any = module.parametrizations
        parametrizations[tensor_name].append(parametrization)
        parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        kept = module._parameters if tensor_name in module._parameters else module._buffers
        original: Any = kept[tensor_name]
        value = original.data
        try:
            chain = ParametrizationList([parametrization], original, unsafe)
        except BaseException:
            original.data = value
            raise
        del kept[tensor_name]
        if not is_parametrized(module):
            _own_class(module)
        module.parametrizations[tensor_name] = chain
        setattr(type(module), tensor_name, _property(tensor_name))
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module, or one tensor of it, has parametrizations.

    >>> import minitorch_bn as torch
    >>> torch.nn.utils.parametrize.is_parametrized(torch.nn.Linear(2, 2))
    False
    """
    chains = getattr(module, "parametrizations", None)
    if not isinstance(chains, ModuleDict):
        return False
    return len(chains) > 0 if tensor_name is None else tensor_name in chains


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Makes a plain tensor of it again: with the value that it has, or else with the original's.

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 3))
    >>> torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=3, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chains: Any = module.parametrizations
    chain = chains[tensor_name]
    if not chain.is_tensor and not leave_parametrized:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    value = getattr(module, tensor_name)
    result = chain.original if chain.is_tensor else Parameter(value.detach()) if value.requires_grad else value
    if leave_parametrized and chain.is_tensor:
        result.data = value.detach()
    delattr(type(module), tensor_name)
    del chains[tensor_name]
    _register(module, tensor_name, result)
    if not chains:
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that a module had before it was parametrized.

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 3))
    >>> torch.nn.utils.parametrize.type_before_parametrizations(layer).__name__
    'Linear'
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)
