"""Running a model only to look at it: afterwards it is as it was, also if the run fails."""

from __future__ import annotations

import copy
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from minitorch_bn.nn.parameter import is_lazy
from minitorch_bn.random import fork_rng

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minitorch_bn.nn.modules.module import Module


class _Looking(threading.local):
    depth = 0


_looking = _Looking()


def is_looking() -> bool:
    """Whether the model that runs on this thread is only looked at: nobody should take notes."""
    return _looking.depth > 0


@contextmanager
def untouched(model: Module) -> Iterator[Any]:
    """Gives a model to run without a trace: buffers are copies meanwhile, and attributes and the generator come back.

    It is a copy where the run would give lazy parameters their shapes, else the model itself.
    """
    if any(map(is_lazy, (*model.parameters(), *model.buffers()))):
        model = copy.deepcopy(model)
    parts = [(part, dict(vars(part))) for part in model.modules()]
    for part, attributes in parts:
        buffers = attributes["_buffers"].items()
        copies = {name: b if b is None or is_lazy(b) else b.detach().clone() for name, b in buffers}
        part.__dict__["_buffers"] = copies
    _looking.depth += 1
    try:
        with fork_rng():
            yield model
    finally:
        _looking.depth -= 1
        for part, attributes in parts:
            part.__dict__.clear()
            part.__dict__.update(attributes)
