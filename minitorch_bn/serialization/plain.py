"""Which values a file may hold."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn._device import device
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.dtypes import dtype
from minitorch_bn.size import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS: dict[type, str] = {
    type(None): "none",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    list: "list",
    tuple: "tuple",
    Size: "size",
    set: "set",
    dict: "dict",
    OrderedDict: "ordered_dict",
    Counter: "counter",
    dtype: "dtype",
    device: "device",
}


class Encoder:
    """Walks through nested containers; a format adds one method ``encode_<kind>`` for each kind of value."""

    def __init__(self) -> None:
        self.path: list[Any] = []  # the keys that lead to where we are
        self._open: set[int] = set()  # the containers we are in

    def encode(self, value: Any) -> Any:
        """What ``encode_<kind>`` makes of the value; TypeError if no file may hold it."""
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, Variable):
            return self.encode_tensor(value)
        kind = KINDS.get(type(value))
        if kind is None:
            raise TypeError(f"cannot save {self._place()}: {_advice(value)}")
        return getattr(self, f"encode_{kind}")(value)

    def encode_tensor(self, value: Any) -> Any:
        """A tensor, or a subclass of it, by its values."""
        raise NotImplementedError

    def items(self, container: Any) -> Iterator[tuple[Any, Any]]:
        """The (key, value) or (position, value) pairs of a container; ``path`` is right while each is looked at."""
        if id(container) in self._open:
            raise ValueError(f"cannot save {self._place()}: it contains itself")
        if len(self.path) > 100:
            raise ValueError("cannot save containers that are nested more than 100 deep")
        self._open.add(id(container))
        for key, value in container.items() if isinstance(container, dict) else enumerate(container):
            self.path.append(key)
            yield key, value
            self.path.pop()
        self._open.remove(id(container))

    def _place(self) -> str:
        return "the object" + "".join(f"[{key!r}]" for key in self.path)


def _advice(value: Any) -> str:
    """What it is, and how it could be saved."""
    name = type(value).__name__
    if isinstance(value, np.ndarray):
        return "it is a numpy array: save torch.from_numpy(array)"
    if hasattr(value, "state_dict"):
        return f"it is a {name}: save its state_dict(), and load it with load_state_dict()"
    return f"a {name} is neither a tensor, a number, a string nor a plain container of these"
