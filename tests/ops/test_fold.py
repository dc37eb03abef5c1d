"""unfold, fold and pixel shuffling: against loops, against convolution, and their derivatives."""

from itertools import product

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.autograd import gradcheck, gradgradcheck

F = torch.nn.functional
WINDOW = {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 2), "stride": (1, 2)}


def test_unfold_is_its_definition(rng):
    x = rng.standard_normal((2, 3, 5, 6))
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (2, 2)])
    columns = []
    for i, j in product(range(5), range(4)):
        columns.append(padded[:, :, i : i + 3 : 2, 2 * j : 2 * j + 3].reshape(2, -1))
    np.testing.assert_array_equal(F.unfold(torch.tensor(x), **WINDOW).numpy(), np.stack(columns, -1))


def test_fold_adds_where_windows_overlap(rng):
    x = torch.tensor(rng.standard_normal((2, 3, 5, 6)))
    count = F.fold(F.unfold(torch.ones_like(x), **WINDOW), (5, 6), **WINDOW)
    folded = F.fold(F.unfold(x, **WINDOW), (5, 6), **WINDOW)
    np.testing.assert_allclose(folded.numpy(), (x * count).numpy(), rtol=1e-12)


def test_convolution_by_hand(rng):
    x, w = (torch.tensor(rng.standard_normal(shape)) for shape in ((2, 3, 5, 6), (4, 3, 3, 3)))
    by_hand = (w.reshape(4, -1) @ F.unfold(x, 3)).reshape(2, 4, 3, 4)
    np.testing.assert_allclose(F.conv2d(x, w).numpy(), by_hand.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch", [(), (2,)])
def test_gradients(batch, rng):
    x = torch.tensor(rng.standard_normal((*batch, 2, 4, 3)), requires_grad=True)
    columns = F.unfold(x, **WINDOW).detach().requires_grad_()
    for function, value in (
        (lambda x: F.unfold(x, **WINDOW), x),
        (lambda c: F.fold(c, (4, 3), **WINDOW), columns),
        (lambda x: F.pixel_unshuffle(x[..., :2], 2), x),
        (lambda x: F.pixel_shuffle(x.reshape(*batch, 8, 1, 3), 2), x),
    ):
        assert gradcheck(function, (value,))
        assert gradgradcheck(function, (value,))


def test_pixel_shuffle_is_its_definition(rng):
    x = rng.standard_normal((2, 18, 2, 4))
    y = F.pixel_shuffle(torch.tensor(x), 3)
    assert y.shape == (2, 2, 6, 12)
    for n, c, i, j in product(range(2), range(2), range(6), range(12)):
        assert y[n, c, i, j] == x[n, c * 9 + i % 3 * 3 + j % 3, i // 3, j // 3]
    assert F.pixel_unshuffle(y, 3).equal(torch.tensor(x))


@pytest.mark.parametrize("shape", [(4, 2, 2), (0, 4, 2, 2), (2, 3, 4, 1, 2)])
def test_pixel_shuffle_takes_any_batch(shape):
    y = F.pixel_shuffle(torch.zeros(*shape), 2)
    assert y.shape == (*shape[:-3], 1, shape[-2] * 2, shape[-1] * 2)
    assert F.pixel_unshuffle(y, 2).shape == shape
