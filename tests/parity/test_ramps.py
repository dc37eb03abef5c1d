"""Evenly spaced numbers are PyTorch's to the last bit: where 0 should be, the last bit is all there is to print."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn

torch = pytest.importorskip("torch", reason="the parity suite compares with the real PyTorch")

DTYPES = st.sampled_from(["float32", "float64", "int64"])
TENTHS = st.integers(-200, 200).map(lambda n: n / 10)
BOUNDS = st.one_of(TENTHS, st.floats(-1e3, 1e3).map(lambda x: round(x, 6) + 0.0))  # no 1e-90 that decides a tie
STEPS = st.one_of(st.integers(1, 30).map(lambda n: n / 10), st.floats(0.01, 10))


def both(function, *args, dtype):
    found = []
    for library in (minitorch_bn, torch):
        numbers = getattr(library, function)(*args, dtype=getattr(library, dtype))
        found.append((numbers.numpy(), str(numbers).replace("minitorch_bn", "torch")))
    (ours, printed), (theirs, expected) = found
    np.testing.assert_array_equal(ours, theirs)
    assert printed == expected


@given(start=BOUNDS, step=STEPS, count=st.integers(0, 400), down=st.booleans(), dtype=DTYPES)
def test_arange(start, step, count, down, dtype):
    if dtype == "int64":
        start, step = int(start % 1000), int(step) + 1
    step = -step if down else step
    both("arange", start, start + step * count, step, dtype=dtype)


@given(start=BOUNDS, end=BOUNDS, steps=st.integers(0, 400), dtype=DTYPES)
def test_linspace(start, end, steps, dtype):
    if dtype == "int64":
        start, end = int(start % 1000), int(end % 1000)
    both("linspace", start, end, steps, dtype=dtype)


@pytest.mark.parametrize("call", [("arange", -1, 1, 0.1), ("arange", -8.0, 8.0, 0.1), ("linspace", -1, 1, 21)])
def test_what_tutorials_plot(call):
    both(*call, dtype="float32")
