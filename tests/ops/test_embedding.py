"""Gradients of rows that are looked up."""

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.ops import embedding


@pytest.mark.parametrize("block", [1, 20, 1 << 18])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(0,), (50,), (7, 9)])
def test_gradient_adds_up_what_each_row_gets(rng, monkeypatch, block, dtype, shape):
    monkeypatch.setattr(embedding, "BLOCK", block)
    table = torch.zeros(6, 5, dtype=dtype, requires_grad=True)
    places, g = rng.integers(0, 6, shape), rng.integers(-9, 10, (*shape, 5))
    torch.nn.functional.embedding(torch.tensor(places), table).backward(torch.tensor(g, dtype=dtype))
    expected = np.stack([g[places == row].sum(0) for row in range(6)])
    np.testing.assert_array_equal(table.grad.numpy(), expected)  # sums of small integers are exact
    assert table.grad.dtype == dtype
