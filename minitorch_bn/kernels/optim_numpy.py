"""One step of an optimizer on the array of a parameter, which is changed in place, as is what the optimizer remembers.

Numbers are Python's: arrays keep their dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

BLOCK = 1 << 15


def blocks(*arrays: np.ndarray) -> Iterable[tuple[np.ndarray, ...]]:
    """The arrays, cut along their first axis into parts so small that a whole update happens in the cache.

    Temporary results inside a block are small too: their memory is used again and again instead of being fetched
    from the system, which for large parameters takes longer than the arithmetic.
    """
    first = arrays[0]
    if first.size <= BLOCK:
        return (arrays,)
    rows = max(1, BLOCK * len(first) // first.size)
    return (tuple([a[i : i + rows] for a in arrays]) for i in range(0, len(first), rows))


def descent(x: np.ndarray, g: np.ndarray, weight_decay: float, maximize: bool) -> np.ndarray:
    """The gradient to follow downhill: negated to maximize, with the gradient of ``weight_decay / 2 * x**2`` added."""
    if maximize:
        g = -g
    return g + weight_decay * x if weight_decay else g


def sgd(x: np.ndarray, g: np.ndarray, lr: float, weight_decay: float, maximize: bool) -> None:
    """x -= lr d, for the descent d."""
    for x_part, g_part in blocks(x, g):
        x_part -= lr * descent(x_part, g_part, weight_decay, maximize)


def momentum(
    x: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    lr: float,
    weight_decay: float,
    kept: float,
    taken: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """v = kept v + taken d, then x -= lr v, or lr (d + kept v) in Nesterov's form."""
    for x_part, g_part, v_part in blocks(x, g, v):
        d = descent(x_part, g_part, weight_decay, maximize)
        v_part *= kept
        v_part += d if taken == 1 else taken * d
        x_part -= lr * (d + kept * v_part if nesterov else v_part)


def adam(
    x: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    top: np.ndarray | None,
    step_size: float,
    beta1: float,
    beta2: float,
    correction: float,
    eps: float,
    weight_decay: float,
    shrink: float,
    maximize: bool,
) -> None:
    """m and v follow d and d^2; x = shrink x - step_size m / (sqrt(v) / correction + eps), or with v's maximum ``top``.

    ``step_size`` and ``correction`` hold what undoes the pull of the start: see ``optim.Adam``.
    """
    for x_part, g_part, m_part, v_part, t_part in blocks(x, g, m, v, v if top is None else top):
        if shrink != 1:
            x_part *= shrink
        d = descent(x_part, g_part, weight_decay, maximize)
        scratch = np.subtract(d, m_part, out=np.empty_like(x_part))
        scratch *= 1 - beta1
        m_part += scratch
        np.multiply(d, 1 - beta2, out=scratch)
        scratch *= d
        v_part *= beta2
        v_part += scratch
        if top is not None:
            np.maximum(t_part, v_part, out=t_part)
        np.sqrt(t_part, out=scratch)
        scratch /= correction
        scratch += eps
        np.divide(step_size * m_part, scratch, out=scratch)
        x_part -= scratch
