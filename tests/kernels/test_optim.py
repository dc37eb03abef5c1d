"""The steps of optimizers: what one loop computes is what numpy computes, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch_bn.kernels import optim_numpy

pytest.importorskip("numba", reason='the compiled kernels need numba: pip install "minitorch_bn[fast]"')
from minitorch_bn.kernels import optim_numba

CASES = {
    "sgd": ("sgd", 0, [0.1, 0.0, False]),
    "sgd, decay": ("sgd", 0, [0.1, 0.3, True]),
    "momentum": ("momentum", 1, [0.1, 0.0, 0.9, 1, False, False]),
    "momentum, dampening and decay": ("momentum", 1, [0.1, 0.3, 0.9, 0.8, False, True]),
    "nesterov": ("momentum", 1, [0.1, 0.3, 0.9, 1, True, False]),
    "adam": ("adam", 2, [0.01, 0.9, 0.999, 0.3, 1e-8, 0.0, 1.0, False]),
    "adam, decay": ("adam", 2, [0.01, 0.9, 0.999, 0.3, 1e-8, 0.3, 1.0, True]),
    "adam, shrinking": ("adam", 2, [0.01, 0.9, 0.999, 0.3, 1e-8, 0.0, 0.99, False]),
    "amsgrad": ("adam", 3, [0.01, 0.9, 0.999, 0.3, 1e-8, 0.3, 1.0, False]),
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


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("kernel, states, numbers", CASES.values(), ids=CASES)
def test_equal_to_the_last_bit(kernel, states, numbers, layout, dtype, rng):
    x, g, *state = [np.array(layout(rng), dtype, order="K") for _ in range(2 + states)]
    if kernel == "adam":
        state = [np.abs(v, out=v) for v in state] + [None] * (states == 2)
    arrays = [x, g, *state]
    ours = [a if a is None else a.copy("K") for a in arrays]
    with np.errstate(all="ignore"):
        getattr(optim_numpy, kernel)(*arrays, *numbers)
        getattr(optim_numba, kernel)(*ours, *numbers)
    for array, our in zip(arrays, ours):
        np.testing.assert_array_equal(our, array)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
@pytest.mark.parametrize("kernel, states, numbers", CASES.values(), ids=CASES)
def test_hostile_values(kernel, states, numbers, value):
    arrays = [np.array(v, np.float32) for v in ([value, 1, 1], [1, value, 1], [0, 0, abs(value)], [0, 1, 0], [0, 0, 2])]
    arrays = [*arrays[: 2 + states], *[None] * (kernel == "adam" and states == 2)]
    ours = [a if a is None else a.copy() for a in arrays]
    with np.errstate(all="ignore"):
        getattr(optim_numpy, kernel)(*arrays, *numbers)
        getattr(optim_numba, kernel)(*ours, *numbers)
    for array, our in zip(arrays, ours):
        np.testing.assert_array_equal(our, array)
