"""Steps of optimizers as compiled loops: the functions of ``optim_numpy``, to the last bit, each in a single pass.

One call updates all parameters: threads share their elements as if they were one array. Parameters with arrays that are
not in C order or not all float32 or float64, and what is rarely asked for, are left to the reference.
"""

from __future__ import annotations

from itertools import accumulate, chain

import numpy as np

from minitorch_bn.kernels import optim_numpy as reference
from minitorch_bn.kernels._compiled import exact, inner, primitive

# An array's Python object holds, after what every object begins with, the address of its elements: the first field of
# PyArrayObject_fields, which is part of numpy's binary interface.
HEADER = object.__basicsize__


def sgd(xs, gs, lr, weight_decay, maximize):
    """x -= lr d: see ``optim_numpy.sgd``."""
    if not _simple(xs, gs):
        _one_by_one(sgd, reference.sgd, (xs, gs), lr, weight_decay, maximize)
        return
    numbers = np.array((lr, weight_decay, -1 if maximize else 1), xs[0].dtype)
    _update(_sgd, numbers, xs, gs)


def momentum(xs, gs, vs, lr, weight_decay, kept, taken, nesterov, maximize):
    """v = kept v + taken d, then x -= lr v: see ``optim_numpy.momentum``."""
    options = lr, weight_decay, kept, taken, nesterov, maximize
    if nesterov:
        reference.momentum(xs, gs, vs, *options)
    elif not _simple(xs, gs, vs):
        _one_by_one(momentum, reference.momentum, (xs, gs, vs), *options)
    else:
        numbers = np.array((lr, weight_decay, -1 if maximize else 1, kept, taken), xs[0].dtype)
        _update(_momentum, numbers, xs, gs, vs)


def adam(xs, gs, ms, vs, tops, step_size, beta1, beta2, eps, weight_decay, shrink, maximize):
    """x = shrink x - step_size m / (sqrt(v) + eps): see ``optim_numpy.adam``."""
    options = step_size, beta1, beta2, eps, weight_decay, shrink, maximize
    if tops is not None:
        reference.adam(xs, gs, ms, vs, tops, *options)
    elif not _simple(xs, gs, ms, vs):
        _one_by_one(adam, reference.adam, (xs, gs, ms, vs), None, *options)
    else:
        sign = -1 if maximize else 1
        numbers = (step_size, 1 - beta1, beta2, 1 - beta2, eps, weight_decay, shrink, sign)
        _update(_adam, np.array(numbers, xs[0].dtype), xs, gs, ms, vs)


def _simple(*lists: list[np.ndarray]) -> bool:
    """Whether the arrays are alike, and can be looped over, and written to, as they lie in memory, in any order."""
    xs = lists[0]
    if not xs or len(set(map(id, xs))) < len(xs):
        return False
    dtype = xs[0].dtype
    if dtype.char not in "fd":
        return False
    return not [a for a in chain(*lists) if a.dtype is not dtype or not a.flags.carray]


def _one_by_one(update, plain, lists, *options):
    """Each parameter by itself, by the compiled loops if it can be."""
    for arrays in zip(*lists):
        each = [[a] for a in arrays]
        (update if _simple(*each) else plain)(*each, *options)


def _update(loop, numbers, *lists):
    """All elements of all parameters."""
    xs = lists[0]
    ends = np.array(list(accumulate([x.size for x in xs])))
    objects = np.fromiter(map(id, chain(*lists)), np.int64, len(lists) * len(xs)).reshape(len(lists), -1)
    loop(ends[-1].item(), ends[-1].item(), objects, ends, numbers)


# -- the loops -------------------------------------------------------------------------------------------------------


@primitive
def elements(typing, array, first, stop, like):
    """Some elements of the array whose Python object lies at that address; it has the dtype of ``like``."""
    from llvmlite.ir import IntType
    from numba import int64
    from numba.np.arrayobj import populate_array

    def generate(context, builder, signature, args):
        address, first, stop, _ = args
        size, kind = IntType(64), signature.return_type
        item = size(like.dtype.bitwidth // 8)
        start = builder.load(builder.inttoptr(builder.add(address, size(HEADER)), size.as_pointer()))
        result = context.make_array(kind)(context, builder)
        data = builder.inttoptr(builder.add(start, builder.mul(first, item)), result.data.type)
        populate_array(result, data, [builder.sub(stop, first)], [item], item, None)
        return result._getvalue()

    return like(int64, int64, int64, like), generate


@inner
def overlap(ends, k, start, stop):
    """Which elements of array k lie between ``start`` and ``stop``, were they all one array."""
    before = ends[k - 1] if k > 0 else 0
    size = ends[k] - before
    return min(max(start - before, 0), size), min(max(stop - before, 0), size)


@exact
def _sgd(objects, ends, numbers, start, stop):
    lr, weight_decay, sign = numbers[0], numbers[1], numbers[2]
    for k in range(len(ends)):
        first, last = overlap(ends, k, start, stop)
        x = elements(objects[0, k], first, last, numbers)
        g = elements(objects[1, k], first, last, numbers)
        for i in range(len(x)):
            d = sign * g[i]
            if weight_decay != 0:
                d += weight_decay * x[i]
            x[i] -= lr * d


@exact
def _momentum(objects, ends, numbers, start, stop):
    lr, weight_decay, sign, kept, taken = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    for k in range(len(ends)):
        first, last = overlap(ends, k, start, stop)
        x = elements(objects[0, k], first, last, numbers)
        g = elements(objects[1, k], first, last, numbers)
        v = elements(objects[2, k], first, last, numbers)
        for i in range(len(x)):
            d = sign * g[i]
            if weight_decay != 0:
                d += weight_decay * x[i]
            new = v[i] * kept + d * taken
            v[i] = new
            x[i] -= lr * new


@exact
def _adam(objects, ends, numbers, start, stop):
    step_size, share1, beta2, share2 = numbers[0], numbers[1], numbers[2], numbers[3]
    eps, weight_decay, shrink, sign = numbers[4], numbers[5], numbers[6], numbers[7]
    for k in range(len(ends)):
        first, last = overlap(ends, k, start, stop)
        x = elements(objects[0, k], first, last, numbers)
        g = elements(objects[1, k], first, last, numbers)
        m = elements(objects[2, k], first, last, numbers)
        v = elements(objects[3, k], first, last, numbers)
        for i in range(len(x)):
            value, d = x[i] * shrink, sign * g[i]
            if weight_decay != 0:
                d += weight_decay * value
            mean = m[i] + (d - m[i]) * share1
            square = v[i] * beta2 + d * share2 * d
            m[i], v[i] = mean, square
            x[i] = value - step_size * mean / (np.sqrt(square) + eps)
