"""Who else holds a gradient: what nobody else does may be kept or changed without a copy.

Python counts the references to each object. How many of them a function sees to what is its own differs between
versions, and is looked up here once.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from minitorch_bn.autograd.variable import wrap


def has_its_own_array(tensor: Any) -> bool:
    """Whether no other tensor, and no node, holds this one's array or a part of it.

    >>> import minitorch_bn as torch
    >>> x = torch.ones(2); has_its_own_array(x)
    True
    >>> y = x.detach(); has_its_own_array(x)
    False
    """
    return tensor._data.base is None and _holders(tensor) == _ONE_HOLDER


def _holders(tensor: Any) -> int:
    return getrefcount(tensor._data)


def _in_a_loop() -> tuple[int, int]:
    """As the engine's loop sees what one list or tuple has, and a gradient that comes out of such a list."""
    for edge, grad in zip([(object(), 0)], [object()]):
        node, _ = edge
        counts = getrefcount(node), getrefcount(grad)
    return counts


_ONE_HOLDER = _holders(wrap(np.zeros(1)))
IN_ONE_PLACE, COMES_FROM_ONE_PLACE = _in_a_loop()
