"""One step of an optimizer on the arrays of parameters, which are changed in place, as is what the optimizer remembers.

There is a list of arrays for the parameters, for their gradients, and for each thing that is remembered. Numbers are
Python's: arrays keep their dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Arrays = list[np.ndarray]

SMALL = 1 << 13
BLOCK = 1 << 15  # elements
FEW = 3  # arrays that are not worth copying


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


def parts(xs: Arrays, gs: Arrays, *states: Arrays) -> Iterator[tuple[np.ndarray, ...] | Arrays]:
    """Parts of all arrays to be updated: large ones in blocks, small ones together, which saves calls.

    Those are copies, which are copied back when the next part is asked for.
    """
    small: list[tuple[np.ndarray, ...]] = []
    total = 0
    # Parameters in the same memory, as tied weights may be, are updated one after the other.
    distinct = len({id(x) if x.base is None else id(x.base) for x in xs}) == len(xs)
    for arrays in zip(xs, gs, *states):
        x = arrays[0]
        if x.size > SMALL or not distinct or x.dtype != xs[0].dtype:
            yield from blocks(*arrays)
            continue
        if total + x.size > BLOCK:
            yield from _together(small)
            small, total = [], 0
        small.append(arrays)
        total += x.size
    yield from _together(small)


def _together(small: list[tuple[np.ndarray, ...]]) -> Iterator[tuple[np.ndarray, ...] | Arrays]:
    if len(small) < FEW:
        yield from small
        return
    joined = [np.concatenate(arrays, axis=None) for arrays in zip(*small)]
    yield joined
    x, _, *states = joined  # nobody changes the gradient
    for changed, arrays in zip((x, *states), (k for i, k in enumerate(zip(*small)) if i != 1)):
        start = 0
        for array in arrays:
            stop = start + array.size
            array[...] = changed[start:stop] if array.ndim == 1 else changed[start:stop].reshape(array.shape)
            start = stop


def descent(x: np.ndarray, g: np.ndarray, weight_decay: float, maximize: bool) -> np.ndarray:
    """The gradient to follow downhill: negated to maximize, with the gradient of ``weight_decay / 2 * x**2`` added."""
    if maximize:
        g = -g
    return g + weight_decay * x if weight_decay else g


def sgd(xs: Arrays, gs: Arrays, lr: float, weight_decay: float, maximize: bool) -> None:
    """x -= lr d, for the descent d."""
    for arrays in zip(xs, gs):
        for x, g in blocks(*arrays):
            x -= lr * descent(x, g, weight_decay, maximize)


def momentum(
    xs: Arrays,
    gs: Arrays,
    vs: Arrays,
    lr: float,
    weight_decay: float,
    kept: float,
    taken: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """v = kept v + taken d, then x -= lr v, or lr (d + kept v) in Nesterov's form."""
    for x, g, v in parts(xs, gs, vs):
        d = descent(x, g, weight_decay, maximize)
        v *= kept
        v += d if taken == 1 else taken * d
        x -= lr * (d + kept * v if nesterov else v)


def adam(
    xs: Arrays,
    gs: Arrays,
    ms: Arrays,
    vs: Arrays,
    tops: Arrays | None,
    step_size: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    shrink: float,
    maximize: bool,
) -> None:
    """m and v follow d and d^2; x = shrink x - step_size m / (sqrt(v) + eps), or with v's maximum ``top``.

    ``step_size`` and ``eps`` hold what undoes the pull of the start: see ``optim.Adam``.
    """
    for x, g, m, v, *top in parts(xs, gs, ms, vs) if tops is None else parts(xs, gs, ms, vs, tops):
        if shrink != 1:
            x *= shrink
        d = descent(x, g, weight_decay, maximize)
        scratch = np.subtract(d, m, out=np.empty_like(x))
        scratch *= 1 - beta1
        m += scratch
        np.multiply(d, 1 - beta2, out=scratch)
        scratch *= d
        v *= beta2
        v += scratch
        if top:
            v = np.maximum(top[0], v, out=top[0])
        np.sqrt(v, out=scratch)
        scratch += eps
        np.divide(step_size * m, scratch, out=scratch)
        x -= scratch


def rmsprop(
    xs: Arrays,
    gs: Arrays,
    vs: Arrays,
    ms: Arrays | None,
    bs: Arrays | None,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    kept: float,
    maximize: bool,
) -> None:
    """v follows d^2; x -= lr d / (sqrt(v) + eps).

    If there is an m, which follows d, v - m^2 stands for v; if there is a b, the quotients gather there.
    """

    def update(x: np.ndarray, g: np.ndarray, v: np.ndarray, *others: np.ndarray) -> None:
        m = None if ms is None else others[0]
        d = descent(x, g, weight_decay, maximize)
        step = np.multiply(d, 1 - alpha, out=np.empty_like(x))
        step *= d
        v *= alpha
        v += step
        if m is not None:
            np.subtract(d, m, out=step)
            step *= 1 - alpha
            m += step
            np.multiply(m, m, out=step)
            np.subtract(v, step, out=step)
        np.sqrt(v if m is None else step, out=step)
        step += eps
        np.divide(d if bs is not None else lr * d, step, out=step)
        if bs is not None:
            others[-1][...] *= kept
            others[-1][...] += step
            np.multiply(others[-1], lr, out=step)
        x -= step

    for part in parts(xs, gs, vs, *[arrays for arrays in (ms, bs) if arrays is not None]):
        update(*part)


def adagrad(xs: Arrays, gs: Arrays, sums: Arrays, lr: float, eps: float, weight_decay: float, maximize: bool) -> None:
    """s += d^2, then x -= lr d / (sqrt(s) + eps)."""

    def update(x: np.ndarray, g: np.ndarray, s: np.ndarray) -> None:
        d = descent(x, g, weight_decay, maximize)
        step = np.multiply(d, d, out=np.empty_like(x))
        s += step
        np.sqrt(s, out=step)
        step += eps
        np.divide(lr * d, step, out=step)
        x -= step

    for part in parts(xs, gs, sums):
        update(*part)


def adadelta(
    xs: Arrays,
    gs: Arrays,
    vs: Arrays,
    us: Arrays,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """v follows d^2 and u the squares of the steps d sqrt(u + eps) / sqrt(v + eps); x -= lr times the step."""

    def update(x: np.ndarray, g: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
        d = descent(x, g, weight_decay, maximize)
        root = np.multiply(d, 1 - rho, out=np.empty_like(x))
        root *= d
        v *= rho
        v += root
        np.add(v, eps, out=root)
        np.sqrt(root, out=root)
        step = np.add(u, eps, out=np.empty_like(x))
        np.sqrt(step, out=step)
        step /= root
        step *= d
        u *= rho
        np.multiply(step, 1 - rho, out=root)
        root *= step
        u += root
        step *= lr
        x -= step

    for part in parts(xs, gs, vs, us):
        update(*part)
