"""The steps of optimizers: what one loop computes is what numpy computes, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch_bn.kernels import optim_numpy

pytest.importorskip("numba", reason='the compiled kernels need numba: pip install "minitorch_bn[fast]"')
from minitorch_bn.kernels import optim_numba

# name: (kernel, its states ("-": this one is not there), its numbers)
CASES = {
    "sgd": ("sgd", "", [0.1, 0.0, False]),
    "sgd, decay": ("sgd", "", [0.1, 0.3, True]),
    "momentum": ("momentum", "v", [0.1, 0.0, 0.9, 1, False, False]),
    "momentum, dampening and decay": ("momentum", "v", [0.1, 0.3, 0.9, 0.8, False, True]),
    "nesterov": ("momentum", "v", [0.1, 0.3, 0.9, 1, True, False]),
    "adam": ("adam", "mv-", [0.01, 0.9, 0.999, 1e-8, 0.0, 1.0, False]),
    "adam, decay": ("adam", "mv-", [0.01, 0.9, 0.999, 1e-8, 0.3, 1.0, True]),
    "adam, shrinking": ("adam", "mv-", [0.01, 0.9, 0.999, 1e-8, 0.0, 0.99, False]),
    "amsgrad": ("adam", "mvt", [0.01, 0.9, 0.999, 1e-8, 0.3, 1.0, False]),
    "rmsprop": ("rmsprop", "v--", [0.01, 0.99, 1e-8, 0.0, 0.0, False]),
    "rmsprop, gathered, decay": ("rmsprop", "v-b", [0.01, 0.99, 1e-8, 0.3, 0.9, True]),
    "rmsprop, centered, decay": ("rmsprop", "vm-", [0.01, 0.99, 1e-8, 0.3, 0.0, True]),
    "rmsprop, centered and gathered": ("rmsprop", "vmb", [0.01, 0.99, 1e-8, 0.0, 0.9, False]),
    "adagrad": ("adagrad", "s", [0.01, 1e-10, 0.0, False]),
    "adagrad, decay": ("adagrad", "s", [0.01, 1e-10, 0.3, True]),
    "adadelta": ("adadelta", "vu", [1.0, 0.9, 1e-6, 0.0, False]),
    "adadelta, decay": ("adadelta", "vu", [0.5, 0.9, 1e-6, 0.3, True]),
}
LAYOUTS = {
    "zero-dim": lambda rng: rng.standard_normal(()),
    "empty": lambda rng: rng.standard_normal((0, 3)),
    "small": lambda rng: rng.standard_normal((3, 5)),
    "transposed": lambda rng: rng.standard_normal((5, 3)).T,
    "every second": lambda rng: rng.standard_normal(10)[::2],
    "several thousand": lambda rng: rng.standard_normal((71, 100)),
    "shared by threads": lambda rng: rng.standard_normal((1031, 1000)),
}


def lists(arrays):
    """As the kernels take them, of a single parameter."""
    return [a if a is None else [a] for a in arrays]


def columns_for(states, column):
    """x, g and the states, made by ``column()``; what is a mean of squares, or a maximum, is not negative."""
    columns = [column(), column(), *(None if name == "-" else column() for name in states)]
    for values, name in zip(columns[2:], states):
        for a in values if name in "vtsu" else ():
            np.abs(a, out=a)
    if states.startswith("vm"):  # a centered v is not less than m^2
        for v, m in zip(columns[2], columns[3]):
            v += m * m
    return columns


def copies(columns):
    return [column if column is None else [a.copy("K") for a in column] for column in columns]


def assert_equal(columns, others):
    for column, other in zip(columns, others):
        for a, b in zip(column or [], other or [], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("kernel, states, numbers", CASES.values(), ids=CASES)
def test_equal_to_the_last_bit(kernel, states, numbers, layout, dtype, rng):
    columns = columns_for(states, lambda: [np.array(layout(rng), dtype, order="K")])
    ours = copies(columns)
    with np.errstate(all="ignore"):
        getattr(optim_numpy, kernel)(*columns, *numbers)
        getattr(optim_numba, kernel)(*ours, *numbers)
    assert_equal(columns, ours)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
@pytest.mark.parametrize("kernel, states, numbers", CASES.values(), ids=CASES)
def test_hostile_values(kernel, states, numbers, value):
    values = iter(([value, 1, 1], [1, value, 1], [0, 0, abs(value)], [0, 1, 0], [0, 0, 2]))
    columns = columns_for(states, lambda: [np.array(next(values), np.float32)])
    ours = copies(columns)
    with np.errstate(all="ignore"):
        getattr(optim_numpy, kernel)(*columns, *numbers)
        getattr(optim_numba, kernel)(*ours, *numbers)
    assert_equal(columns, ours)


SETS = {
    "many small ones": lambda rng: [
        rng.standard_normal(shape) for shape in ((3, 4), (5,), (), (0, 2), (2, 1, 3), (7,))
    ],
    "small and large": lambda rng: [rng.standard_normal(n) for n in (100, 300_000, 7, 20_000, 1, 8192, 8193, 3)],
    "more than a block": lambda rng: [rng.standard_normal(7000) for _ in range(11)],
    "some in another order": lambda rng: (
        [rng.standard_normal((5, n)).T for n in (3, 1, 4, 1000)] + [rng.standard_normal(9)]
    ),
    "none": lambda rng: [],
}


@pytest.mark.parametrize("dtypes", [["f"], ["d"], ["f", "d", "e"]], ids="".join)
@pytest.mark.parametrize("arrays", SETS.values(), ids=SETS)
@pytest.mark.parametrize("kernel, states, numbers", CASES.values(), ids=CASES)
@pytest.mark.parametrize("kernels", [optim_numpy, optim_numba], ids=["numpy", "numba"])
def test_together_as_one_by_one(kernels, kernel, states, numbers, arrays, dtypes, rng):
    columns = columns_for(states, lambda: [np.array(a, dtypes[i % len(dtypes)]) for i, a in enumerate(arrays(rng))])
    single = copies(columns)
    with np.errstate(all="ignore"):
        getattr(kernels, kernel)(*columns, *numbers)
        for each in zip(*(column or [None] * len(single[0]) for column in single)):
            getattr(optim_numpy, kernel)(*lists(each), *numbers)
    assert_equal(columns, single)


@pytest.mark.parametrize("kernels", [optim_numpy, optim_numba], ids=["numpy", "numba"])
def test_a_parameter_that_is_there_twice_is_updated_twice(kernels):
    x, g = np.ones(4, np.float32), np.full(4, 0.5, np.float32)
    kernels.sgd([x, x, x], [g, g, g], 0.5, 1.0, False)
    np.testing.assert_array_equal(x, np.full(4, ((1 - 0.75) / 2 - 0.25) / 2 - 0.25, np.float32))
    v, x = np.zeros(4, np.float32), np.ones(4, np.float32)
    kernels.momentum([x] * 3, [g] * 3, [v] * 3, 1.0, 0.0, 0.5, 1, False, False)
    np.testing.assert_array_equal(x, np.full(4, 1 - 0.5 - 0.75 - 0.875, np.float32))


@pytest.mark.parametrize("kernels", [optim_numpy, optim_numba], ids=["numpy", "numba"])
@pytest.mark.parametrize("size", [5, 200_000])  # the second is shared by threads
@pytest.mark.parametrize("shift", [0, 2])
def test_parameters_in_the_same_memory_are_updated_one_after_the_other(kernels, size, shift):
    memory = np.zeros(size + shift, np.float32)
    xs = [memory[:size], memory[shift:], np.zeros(1, np.float32)]
    gs, vs = [np.ones_like(x) for x in xs], [np.zeros_like(x) for x in xs]
    for _ in range(200):
        kernels.momentum(xs, gs, vs, 1.0, 0.0, 0.0, 1, False, False)
    expected = np.full(size + shift, -400.0)
    expected[:shift] = expected[size:] = -200
    np.testing.assert_array_equal(memory, expected)


@pytest.mark.parametrize("kernels", [optim_numpy, optim_numba], ids=["numpy", "numba"])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_read_only_stays_as_it_is(kernels, which):
    xs, gs = [np.ones((2, 3), np.float32) for _ in range(2)], [np.ones((2, 3), np.float32) for _ in range(2)]
    xs[which].flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        kernels.sgd(xs, gs, 0.5, 0.0, False)
    np.testing.assert_array_equal(xs[which], np.ones((2, 3), np.float32))


@pytest.mark.parametrize("shape", [(5, 3), (16,), (2, 5), (15, 1)])
def test_arrays_of_different_shapes_are_refused(rng, shape):
    xs, vs = [[rng.standard_normal(s) for s in ((4,), (3, 5))] for _ in range(2)]
    before = [x.copy() for x in xs[1:]]
    gs = [rng.standard_normal(s) for s in ((4,), shape)]
    with pytest.raises(ValueError, match="broadcast"):
        optim_numba.momentum(xs, gs, vs, 0.1, 0.0, 0.9, 1, False, False)
    np.testing.assert_array_equal(xs[1], before[0])


def test_where_the_fields_of_arrays_are_not_known_numpy_computes(rng, monkeypatch):
    x, g = rng.standard_normal((2, 3, 4))
    expected = x - 0.1 * g
    assert optim_numba._fields_are_known()
    monkeypatch.setattr(optim_numba, "_fields_are_known", lambda: False)
    monkeypatch.setattr(optim_numba, "_loop", None)
    optim_numba.sgd([x], [g], 0.1, 0.0, False)
    np.testing.assert_array_equal(x, expected)
