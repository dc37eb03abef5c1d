"""Weight and spectral normalization in their older form: a hook sets the weight before each call."""

from __future__ import annotations

import warnings
from typing import Any

from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.nn import functional as F
from minitorch_bn.nn.modules.conv import _ConvTransposeNd
from minitorch_bn.nn.modules.module import Module
from minitorch_bn.nn.parameter import Parameter
from minitorch_bn.nn.utils.parametrizations import norm_except


class _Hook:
    """Computes ``module.name`` from what the module keeps instead, before each call."""

    kind = ""
    kept: tuple[str, ...] = ()  # what there is instead of the parameter: its name and these

    def __init__(self, name: str) -> None:
        self.name = name

    def compute(self, module: Any, training: bool) -> Any:
        raise NotImplementedError

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute(module, module.training))

    def install(self, module: Any) -> Any:
        for other in _hooks(module):
            if type(other) is type(self) and other.name == self.name:
                raise RuntimeError(f"Cannot register two {self.kind} hooks on the same parameter {self.name}")
        weight = module._parameters.pop(self.name)
        self.keep(module, weight)
        setattr(module, self.name, weight.data if self.kind == "spectral_norm" else self.compute(module, False))
        module.register_forward_pre_hook(self)
        return module

    def keep(self, module: Any, weight: Any) -> None:
        raise NotImplementedError

    def part(self, module: Any, suffix: str) -> Any:
        return getattr(module, f"{self.name}_{suffix}")


def _hooks(module: Any) -> list[Any]:
    return [hook[0] if isinstance(hook, tuple) else hook for hook in module._forward_pre_hooks.values()]


def _remove(kind: type[_Hook], module: Any, name: str) -> Any:
    for key, entry in module._forward_pre_hooks.items():
        hook = entry[0] if isinstance(entry, tuple) else entry
        if type(hook) is kind and hook.name == name:
            with no_grad():
                weight = hook.compute(module, False)
            delattr(module, name)
            for suffix in kind.kept:
                delattr(module, f"{name}_{suffix}")
            module.register_parameter(name, Parameter(weight.detach()))
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"{kind.kind} of '{name}' not found in {module}")


class WeightNorm(_Hook):
    """w = g v / ||v||"""

    kind, kept = "weight_norm", ("g", "v")

    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = None if dim == -1 else dim

    def keep(self, module: Any, weight: Any) -> None:
        module.register_parameter(f"{self.name}_g", Parameter(norm_except(weight.data, self.dim)))
        module.register_parameter(f"{self.name}_v", Parameter(weight.data))

    def compute(self, module: Any, training: bool) -> Any:
        v = self.part(module, "v")
        return v * (self.part(module, "g") / norm_except(v, self.dim))


class SpectralNorm(_Hook):
    """w / sigma"""

    kind, kept = "spectral_norm", ("u", "v", "orig")

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__(name)
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps

    def matrix(self, weight: Any) -> Any:
        return weight.movedim(self.dim, 0).flatten(1)

    def keep(self, module: Any, weight: Any) -> None:
        matrix = self.matrix(weight.data)
        vectors = [F.normalize(matrix.new_empty(size).normal_(), dim=0, eps=self.eps) for size in matrix.shape]
        module.register_parameter(f"{self.name}_orig", weight)
        for suffix, vector in zip("uv", vectors):
            module.register_buffer(f"{self.name}_{suffix}", vector)

    def compute(self, module: Any, training: bool) -> Any:
        weight, u, v = (self.part(module, suffix) for suffix in ("orig", "u", "v"))
        matrix = self.matrix(weight)
        if training:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
        return weight / u.clone().dot(matrix.mv(v.clone()))  # copies, since a later call moves the vectors


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """``parametrizations.weight_norm`` in its older form: the parameters are called ``weight_g`` and ``weight_v``.

    >>> import minitorch_bn as torch
    >>> import warnings; warnings.simplefilter("ignore")
    >>> layer = torch.nn.utils.weight_norm(torch.nn.Linear(20, 40))
    >>> list(layer.state_dict())
    ['bias', 'weight_g', 'weight_v']
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    return WeightNorm(name, dim).install(module)


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Makes a plain parameter of it again.

    >>> import minitorch_bn as torch
    >>> import warnings; warnings.simplefilter("ignore")
    >>> layer = torch.nn.utils.weight_norm(torch.nn.Linear(20, 40))
    >>> list(torch.nn.utils.remove_weight_norm(layer).state_dict())
    ['bias', 'weight']
    """
    return _remove(WeightNorm, module, name)


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """``parametrizations.spectral_norm`` in its older form: the parameter is called ``weight_orig``.

    The weight is divided before each call, for the first time before the first one.

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(20, 40))
    >>> list(layer.state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    return SpectralNorm(name, n_power_iterations, dim, eps).install(module)


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Makes a plain parameter of it again.

    >>> import minitorch_bn as torch
    >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(20, 40))
    >>> list(torch.nn.utils.remove_spectral_norm(layer).state_dict())
    ['bias', 'weight']
    """
    return _remove(SpectralNorm, module, name)


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A layer whose initial parameters do not count, since they will be overwritten: here it is simply made.

    >>> import minitorch_bn as torch
    >>> torch.nn.utils.skip_init(torch.nn.Linear, 3, 2)
    Linear(in_features=3, out_features=2, bias=True)
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    return module_cls(*args, **kwargs)
