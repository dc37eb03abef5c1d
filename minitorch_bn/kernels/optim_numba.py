"""Steps of optimizers as compiled loops: the functions of ``optim_numpy``, to the last bit, each in a single pass.

One call updates all parameters: threads share their elements as if they were one array. Parameters with arrays that are
not in C order or not all float32 or float64 are left to the reference.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import Any

import numpy as np

from minitorch_bn.kernels import optim_numpy as reference
from minitorch_bn.kernels import threads
from minitorch_bn.kernels._compiled import Loops, elementwise, inner, primitive

# Behind what every Python object begins with, an array's has the fields of PyArrayObject_fields, which is part of
# numpy's binary interface: the address of its elements, how many dimensions there are (32 bits), the addresses of its
# shape, of its strides, of its base and of its dtype, and its flags (32 bits).
DATA = object.__basicsize__
NDIM, SHAPE, DTYPE, FLAGS = DATA + 8, DATA + 16, DATA + 40, DATA + 48
CARRAY = 0x0501  # in C order, aligned, and writeable


def sgd(xs, gs, lr, weight_decay, maximize):
    """x -= lr d: see ``optim_numpy.sgd``."""
    _step(sgd, _sgd, (lr, *_rule(weight_decay, maximize)), (xs, gs), lr, weight_decay, maximize)


def momentum(xs, gs, vs, lr, weight_decay, kept, taken, nesterov, maximize):
    """v = kept v + taken d, then x -= lr v: see ``optim_numpy.momentum``."""
    numbers = lr, *_rule(weight_decay, maximize), kept, taken
    options = lr, weight_decay, kept, taken, nesterov, maximize
    _step(momentum, _nesterov if nesterov else _momentum, numbers, (xs, gs, vs), *options)


def adam(xs, gs, ms, vs, tops, step_size, beta1, beta2, eps, weight_decay, shrink, maximize):
    """x = shrink x - step_size m / (sqrt(v) + eps): see ``optim_numpy.adam``."""
    numbers = step_size, *_rule(weight_decay, maximize), eps, 1 - beta1, beta2, 1 - beta2, shrink
    options = step_size, beta1, beta2, eps, weight_decay, shrink, maximize
    _step(adam, _adam if tops is None else _amsgrad, numbers, (xs, gs, ms, vs, tops), *options)


def rmsprop(xs, gs, vs, ms, bs, lr, alpha, eps, weight_decay, kept, maximize):
    """x -= lr d / (sqrt(v) + eps): see ``optim_numpy.rmsprop``."""
    numbers = lr, *_rule(weight_decay, maximize), eps, alpha, 1 - alpha, kept
    plain, gathered = (_rmsprop, _rmsprop_gathered) if ms is None else (_rmsprop_centered, _rmsprop_centered_gathered)
    _step(
        rmsprop,
        plain if bs is None else gathered,
        numbers,
        (xs, gs, vs, ms, bs),
        lr,
        alpha,
        eps,
        weight_decay,
        kept,
        maximize,
    )


def adagrad(xs, gs, sums, lr, eps, weight_decay, maximize):
    """x -= lr d / (sqrt(s) + eps): see ``optim_numpy.adagrad``."""
    numbers = lr, *_rule(weight_decay, maximize), eps
    _step(adagrad, _adagrad, numbers, (xs, gs, sums), lr, eps, weight_decay, maximize)


def adadelta(xs, gs, vs, us, lr, rho, eps, weight_decay, maximize):
    """x -= lr d sqrt(u + eps) / sqrt(v + eps): see ``optim_numpy.adadelta``."""
    numbers = lr, *_rule(weight_decay, maximize), eps, rho, 1 - rho
    _step(adadelta, _adadelta, numbers, (xs, gs, vs, us), lr, rho, eps, weight_decay, maximize)


def _rule(weight_decay, maximize):
    """The second and third of the numbers, from which ``descent`` makes the direction."""
    return weight_decay, -1 if maximize else 1


def _step(kernel, formula, numbers, lists, *options):
    """The loop over all parameters, or the kernel for one after the other, or the reference."""
    xs = lists[0]
    present = [arrays for arrays in lists if arrays is not None]
    objects = np.fromiter(map(id, chain(*present)), np.int64, len(present) * len(xs))
    ends = _ends(xs, objects)
    if ends is not None:
        size = ends[-1].item()
        _loop(formula.__name__)(size, size, objects, (0,) * len(present), ends, np.array(numbers, xs[0].dtype))
    elif len(xs) == 1:
        getattr(reference, kernel.__name__)(*lists, *options)
    else:
        for arrays in zip(*[[None] * len(xs) if each is None else each for each in lists]):
            kernel(*[None if a is None else [a] for a in arrays], *options)


def _ends(xs, objects):
    """Where each of the parameters ends, were their elements one array's.

    None unless all arrays are alike, and can be looped over, and written to, as they lie in memory, by several threads.
    """
    if not xs or len(set(map(id, xs))) < len(xs) or xs[0].dtype.char not in "fd" or not _fields_are_known():
        return None
    ends, places = np.empty((2, len(xs)), np.int64)
    _look(1, 0, objects, id(xs[0].dtype), ends, places)
    return ends if ends[-1] >= 0 and _lie_apart(places, ends, xs[0].itemsize) else None


def _lie_apart(places, ends, size):
    """Whether no two parameters, large enough for several threads, lie in the same memory, as tied weights may."""
    if len(ends) == 1 or ends[-1] <= threads.FEW:
        return True
    order = places.argsort()
    stops = places + size * np.diff(ends, prepend=0)
    return (stops[order[:-1]] <= places[order[1:]]).all()


@cache
def _fields_are_known():
    """Whether an array's fields lie where this file looks for them: one that is known tells."""
    from ctypes import c_int32, c_int64

    a = np.zeros((2, 3), np.float32)
    places = (c_int64, DATA), (c_int32, NDIM), (c_int64, SHAPE), (c_int64, DTYPE), (c_int32, FLAGS)
    data, ndim, shape, dtype, flags = (kind.from_address(id(a) + place).value for kind, place in places)
    if (data, ndim, dtype, flags & CARRAY) != (a.ctypes.data, a.ndim, id(a.dtype), CARRAY):
        return False
    return [c_int64.from_address(shape + 8 * i).value for i in range(2)] == [2, 3]


# -- the loops -------------------------------------------------------------------------------------------------------


@primitive
def int32_at(typing, address):
    """What lies at that address in memory."""
    from numba import int32, int64

    return int32(int64), _load


@primitive
def int64_at(typing, address):
    """What lies at that address in memory."""
    from numba import int64

    return int64(int64), _load


def _load(context, builder, signature, args):
    kind = context.get_value_type(signature.return_type)
    return builder.load(builder.inttoptr(args[0], kind.as_pointer()))


@inner
def _have_one_shape(a, b):
    ndim, shape, other = int32_at(a + NDIM), int64_at(a + SHAPE), int64_at(b + SHAPE)
    same = int32_at(b + NDIM) == ndim
    for i in range(ndim if same else 0):
        same &= int64_at(shape + 8 * i) == int64_at(other + 8 * i)
    return same


@Loops
def _look(objects, dtype, ends, places, start, stop):
    """The ends, and the addresses of the parameters' elements.

    The last end is negative if arrays are not of that dtype, not to be looped over, or not of one shape.
    """
    end, count = 0, len(ends)
    for k in range(count):
        first = objects[k]
        for array in objects[k::count]:
            usable = int64_at(array + DTYPE) == dtype and int32_at(array + FLAGS) & CARRAY == CARRAY
            if not usable or not _have_one_shape(first, array):
                ends[-1] = -1
                return
        size, shape = 1, int64_at(first + SHAPE)
        for i in range(int32_at(first + NDIM)):
            size *= int64_at(shape + 8 * i)
        end += size
        ends[k], places[k] = end, int64_at(first + DATA)


@primitive
def elements(typing, objects, lists, k, many, first, stop, like):
    """Some elements of the k-th array of each list, of the dtype of ``like``; ``lists`` is a tuple of that length.

    ``objects`` holds the addresses of the ``many`` arrays' Python objects, one list after the other.
    """
    from llvmlite.ir import IntType
    from numba import int64
    from numba.core.types import UniTuple
    from numba.np.arrayobj import populate_array

    arrays = UniTuple(like, len(lists))

    def generate(context, builder, signature, args):
        table, _, k, many, first, stop, _ = args
        size = IntType(64)
        addresses, item = context.make_array(objects)(context, builder, table).data, size(like.dtype.bitwidth // 8)
        parts = []
        for number in range(len(lists)):
            place = builder.gep(addresses, [builder.add(k, builder.mul(many, size(number)))])
            field = builder.inttoptr(builder.add(builder.load(place), size(DATA)), size.as_pointer())
            part = context.make_array(like)(context, builder)
            data = builder.add(builder.load(field), builder.mul(first, item))
            data = builder.inttoptr(data, part.data.type)
            populate_array(part, data, [builder.sub(stop, first)], [item], item, None)
            parts.append(part._getvalue())
        return context.make_tuple(builder, arrays, parts)

    return arrays(objects, lists, int64, int64, int64, int64, like), generate


formula: Any = None  # one of the steps below, for which it stands in the loop


def _steps(objects, lists, ends, numbers, start, stop):
    for k in range(len(ends)):  # those elements of each array that lie between start and stop, were all one array
        before = ends[k - 1] if k > 0 else 0
        size = ends[k] - before
        first, last = min(max(start - before, 0), size), min(max(stop - before, 0), size)
        if first < last:
            formula(elements(objects, lists, k, len(ends), first, last, numbers), numbers)


@cache
def _loop(name):
    """The loop of a step."""
    return elementwise(globals()[name], _steps)


@inner
def descent(x, g, weight_decay, sign):
    """See ``optim_numpy.descent``."""
    d = sign * g
    if weight_decay != 0:
        d += weight_decay * x
    return d


@inner
def _sgd(arrays, numbers):
    x, g = arrays
    lr, weight_decay, sign = numbers[0], numbers[1], numbers[2]
    for i in range(len(x)):
        x[i] -= lr * descent(x[i], g[i], weight_decay, sign)


@inner
def _momentum(arrays, numbers):
    x, g, v = arrays
    lr, weight_decay, sign, kept, taken = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    for i in range(len(x)):
        v[i] = v[i] * kept + descent(x[i], g[i], weight_decay, sign) * taken
        x[i] -= lr * v[i]


@inner
def _nesterov(arrays, numbers):
    x, g, v = arrays
    lr, weight_decay, sign, kept, taken = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    for i in range(len(x)):
        d = descent(x[i], g[i], weight_decay, sign)
        v[i] = v[i] * kept + d * taken
        x[i] -= lr * (d + kept * v[i])


@inner
def moments(d, mean, square, share1, beta2, share2):
    """Adam's means of the descent and of its square."""
    return mean + (d - mean) * share1, square * beta2 + d * share2 * d


@inner
def _adam(arrays, numbers):
    x, g, m, v = arrays
    step_size, weight_decay, sign, eps, shrink = numbers[0], numbers[1], numbers[2], numbers[3], numbers[7]
    share1, beta2, share2 = numbers[4], numbers[5], numbers[6]
    for i in range(len(x)):
        value = x[i] * shrink
        d = descent(value, g[i], weight_decay, sign)
        mean, square = moments(d, m[i], v[i], share1, beta2, share2)
        m[i], v[i] = mean, square
        x[i] = value - step_size * mean / (np.sqrt(square) + eps)


@inner
def _amsgrad(arrays, numbers):
    x, g, m, v, top = arrays
    step_size, weight_decay, sign, eps, shrink = numbers[0], numbers[1], numbers[2], numbers[3], numbers[7]
    share1, beta2, share2 = numbers[4], numbers[5], numbers[6]
    for i in range(len(x)):
        value = x[i] * shrink
        d = descent(value, g[i], weight_decay, sign)
        mean, square = moments(d, m[i], v[i], share1, beta2, share2)
        m[i], v[i] = mean, square
        most = square if square > top[i] or square != square else top[i]
        top[i] = most
        x[i] = value - step_size * mean / (np.sqrt(most) + eps)


@inner
def _rmsprop(arrays, numbers):
    x, g, v = arrays
    lr, weight_decay, sign, eps, alpha, share = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    for i in range(len(x)):
        d = descent(x[i], g[i], weight_decay, sign)
        square = v[i] * alpha + share * d * d
        v[i] = square
        x[i] -= lr * d / (np.sqrt(square) + eps)


@inner
def _rmsprop_gathered(arrays, numbers):
    x, g, v, b = arrays
    lr, weight_decay, sign, eps, alpha, share = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    kept = numbers[6]
    for i in range(len(x)):
        d = descent(x[i], g[i], weight_decay, sign)
        square = v[i] * alpha + share * d * d
        gathered = b[i] * kept + d / (np.sqrt(square) + eps)
        v[i], b[i] = square, gathered
        x[i] -= lr * gathered


@inner
def _rmsprop_centered(arrays, numbers):
    x, g, v, m = arrays
    lr, weight_decay, sign, eps, alpha, share = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    for i in range(len(x)):
        d = descent(x[i], g[i], weight_decay, sign)
        square, mean = v[i] * alpha + share * d * d, m[i] + share * (d - m[i])
        v[i], m[i] = square, mean
        x[i] -= lr * d / (np.sqrt(square - mean * mean) + eps)


@inner
def _rmsprop_centered_gathered(arrays, numbers):
    x, g, v, m, b = arrays
    lr, weight_decay, sign, eps, alpha, share = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    kept = numbers[6]
    for i in range(len(x)):
        d = descent(x[i], g[i], weight_decay, sign)
        square, mean = v[i] * alpha + share * d * d, m[i] + share * (d - m[i])
        gathered = b[i] * kept + d / (np.sqrt(square - mean * mean) + eps)
        v[i], m[i], b[i] = square, mean, gathered
        x[i] -= lr * gathered


@inner
def _adagrad(arrays, numbers):
    x, g, s = arrays
    lr, weight_decay, sign, eps = numbers[0], numbers[1], numbers[2], numbers[3]
    for i in range(len(x)):
        d = descent(x[i], g[i], weight_decay, sign)
        total = s[i] + d * d
        s[i] = total
        x[i] -= lr * d / (np.sqrt(total) + eps)


@inner
def _adadelta(arrays, numbers):
    x, g, v, u = arrays
    lr, weight_decay, sign, eps, rho, share = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    for i in range(len(x)):
        d = descent(x[i], g[i], weight_decay, sign)
        square = v[i] * rho + share * d * d
        step = np.sqrt(u[i] + eps) / np.sqrt(square + eps) * d
        v[i], u[i] = square, u[i] * rho + share * step * step
        x[i] -= lr * step
