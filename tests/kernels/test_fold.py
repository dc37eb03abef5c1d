"""Windows laid out and put back: two maps that are each other's adjoint."""

import numpy as np
import pytest

from minitorch_bn.kernels.fold_numpy import fold, unfold

CASES = [
    ((2, 3, 7), (3,), (2,), (1,), (2,)),
    ((2, 3, 5, 6), (2, 3), (1, 2), (1, 0), (2, 1)),
    ((1, 2, 3, 4, 4), (2, 1, 3), (1, 2, 1), (0, 1, 1), (1, 1, 1)),
]


@pytest.mark.parametrize("shape, kernel, stride, padding, dilation", CASES)
def test_adjoint(shape, kernel, stride, padding, dilation):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    columns = unfold(x, kernel, stride, padding, dilation)
    g = rng.standard_normal(columns.shape)
    folded = fold(g, shape[2:], kernel, stride, padding, dilation)
    assert folded.shape == shape
    assert np.vdot(g, columns) == pytest.approx(np.vdot(folded, x), rel=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64", "bool"])
def test_dtype_stays(dtype):
    x = np.ones((1, 1, 3, 3), dtype)
    columns = unfold(x, (2, 2), (1, 1), (0, 0), (1, 1))
    assert columns.dtype == dtype
    assert fold(columns, (3, 3), (2, 2), (1, 1), (0, 0), (1, 1)).dtype == dtype


def test_16_bit_floats_are_rounded_once():
    columns = np.full((1, 9, 2401), 0.1, np.float16)
    folded = fold(columns, (51, 51), (3, 3), (1, 1), (0, 0), (1, 1))
    assert folded[0, 0, 25, 25] == np.float16(9 * np.float64(np.float16(0.1)))
