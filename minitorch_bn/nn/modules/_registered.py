"""A short way to a layer's own parameters and buffers.

``Module.__getattr__`` finds them, but is only asked once Python has looked everywhere else and prepared an error, which
takes longer than anything else about a small layer's call. A class that names them in its body is asked first.
"""

from __future__ import annotations

from typing import Any


class Registered:
    """``weight = registered()`` in the body of a Module's class: reading it looks into the registries.

    It does not stand in the way of an instance's own attribute, of a subclass's property, or of ``hasattr``.

    >>> import minitorch_bn as torch
    >>> class Scale(torch.nn.Module):
    ...     weight = registered()
    >>> scale = Scale(); hasattr(scale, "weight")
    False
    >>> scale.weight = torch.nn.Parameter(torch.ones(1)); scale.weight is scale._parameters["weight"]
    True
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, owner: type) -> Any:
        if module is None:
            return self
        name = self.name
        if name in module._parameters:
            return module._parameters[name]
        if name in module._buffers:
            return module._buffers[name]
        raise AttributeError(f"'{owner.__name__}' object has no attribute '{name}'")


registered: Any = Registered  # so that ``weight: Tensor = registered()`` says what reading it gives
