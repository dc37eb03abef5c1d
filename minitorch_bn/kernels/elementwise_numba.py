"""The functions of ``elementwise_numpy`` as compiled loops over float32, one for each formula of ``_formulas``.

What is float64 is left to the reference, which is as accurate as that asks for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from minitorch_bn.kernels import _formulas as formulas
from minitorch_bn.kernels import elementwise_numpy as reference
from minitorch_bn.kernels._compiled import elementwise

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def __getattr__(name: str) -> Callable[..., np.ndarray]:
    """The compiled kernel of that name."""
    formula, plain = getattr(formulas, name, None), getattr(reference, name, None)
    if formula is None or plain is None or not hasattr(formula, "is_inner"):
        raise AttributeError(name)
    count = reference.arrays_of(plain)
    loop = elementwise(formula, (_one, _two)[count - 1], ("contract",))

    def kernel(*args: Any) -> np.ndarray:
        arrays, options = args[:count], args[count:]
        a = arrays[0]
        if a.dtype.char != "f":
            if not reference.is_half(a):
                return plain(*args)
            return kernel(*[x.astype(np.float32) for x in arrays], *options).astype(a.dtype)
        y, out, *flat = reference.flattened(arrays)
        loop(a.size, a.size, *flat, _rounded(options), out)
        return y

    kernel.__name__ = name
    globals()[name] = kernel
    return kernel


@lru_cache
def _rounded(options: tuple[float, ...]) -> tuple[float, ...]:
    return tuple([np.float32(o).item() for o in options])


formula: Any = None  # one of the formulas, for which it stands in the loops


def _one(a, options, y, start, stop):
    a, y = a[start:stop], y[start:stop]  # an index into slices is known not to be negative, and the loop is vectorised
    for i in range(len(a)):
        y[i] = formula(np.float64(a[i]), *options)


def _two(g, a, options, y, start, stop):
    g, a, y = g[start:stop], a[start:stop], y[start:stop]
    for i in range(len(a)):
        y[i] = formula(np.float64(g[i]), np.float64(a[i]), *options)
