"""a[index] and a[index] = value for indices of every kind, beside numpy where both mean the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minitorch_bn as torch

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@st.composite
def slices(draw, size):
    bound = st.none() | st.integers(-size - 1, size + 1)
    return slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 3)))


@st.composite
def basic_indices(draw):
    """A shape, and ints, slices, None and an ellipsis that index it."""
    shape = draw(SHAPES)
    index: list = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        kinds = [slices(size), *([st.integers(-size, size - 1)] if size else [])]
        index.append(draw(st.one_of(kinds)))
    if draw(st.booleans()):  # whatever follows an ellipsis counts from the end
        index.append(Ellipsis)
    for _ in range(draw(st.integers(0, 2))):
        index.insert(draw(st.integers(0, len(index))), None)
    return shape, tuple(index)


@st.composite
def array_indices(draw):
    """A shape, and index arrays or masks that stand side by side among slices: there numpy and PyTorch agree."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    first = draw(st.integers(0, len(shape) - 1))
    count = draw(st.integers(1, len(shape) - first))
    index: list = [draw(slices(size)) for size in shape[:first]]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if draw(st.booleans()):
        index.append(rng.random(shape[first : first + count]) < 0.5)
    else:
        places = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
        for size in shape[first : first + count]:
            part = tuple(1 if draw(st.booleans()) else n for n in places)
            index.append(rng.integers(-size, size, part))
    return shape, tuple(index)


def as_tensors(index):
    return tuple(torch.from_numpy(np.asarray(i)) if isinstance(i, np.ndarray) else i for i in index)


def numbers(shape):
    return np.arange(1.0, 1 + math.prod(shape)).reshape(shape)


@given(basic_indices() | array_indices())
def test_getitem(case):
    shape, index = case
    a = numbers(shape)
    x = torch.from_numpy(a).requires_grad_()
    y = x[as_tensors(index)]
    expected = np.asarray(a[index])
    np.testing.assert_array_equal(y.detach().numpy(), expected)
    g = numbers(expected.shape)
    (dx,) = torch.autograd.grad(y, x, torch.from_numpy(g))
    reference = np.zeros(shape)
    np.add.at(reference, index, g)
    np.testing.assert_array_equal(dx.numpy(), reference)


@given(basic_indices())
def test_basic_indices_give_views(case):
    shape, index = case
    a = numbers(shape)
    y = torch.from_numpy(a)[index]
    assert not y.numel() or np.shares_memory(y.numpy(), a)


@given(basic_indices() | array_indices(), st.booleans())
def test_setitem(case, scalar):
    shape, index = case
    a = numbers(shape)
    value = numbers(() if scalar else a[index].shape)
    value *= -1
    x, v = torch.from_numpy(a.copy()).requires_grad_(), torch.from_numpy(value).requires_grad_()
    y = x.clone()
    y[as_tensors(index)] = v
    # which of several values wins a place is not promised: check that it is one of them
    written = np.zeros(shape, bool)
    written[index] = True
    np.testing.assert_array_equal(y.detach().numpy()[~written], a[~written])
    assert set(y.detach().numpy()[written]) <= set(value.reshape(-1))
    g = numbers(shape)
    dx, dv = torch.autograd.grad(y, (x, v), torch.from_numpy(g))
    np.testing.assert_array_equal(dx.numpy(), np.where(written, 0, g))
    np.testing.assert_array_equal(dv.numpy(), g[index].sum() if scalar else g[index])


@pytest.mark.parametrize(
    "index, expected",
    [
        ((0, slice(None), [0, 1]), lambda a: a[0][:, [0, 1]]),
        (([0, 1], slice(None), 0), lambda a: a[:, :, 0][[0, 1]]),
        (([0, 1], None, 0), lambda a: a[:, None, 0][[0, 1]]),
        ((slice(None), 0, [1, 0]), lambda a: a[:, 0][:, [1, 0]]),
        ((0, [0, 1], [1, 2]), lambda a: a[0][[0, 1], [1, 2]]),
    ],
)
def test_an_int_beside_index_tensors_moves_no_dimension(index, expected):
    # unlike in numpy, which takes the int for one more index array
    a = numbers((2, 3, 4))
    np.testing.assert_array_equal(torch.from_numpy(a)[index].numpy(), expected(a))


@pytest.mark.parametrize(
    "index, error",
    [
        (4, "index 4 is out of bounds for dimension 0 with size 3"),
        ((0, 0, 0), "too many indices for tensor of dimension 2"),
        (1.0, "only integers, slices"),
        (torch.tensor([0.5]), "tensors used as indices must be long, int, byte or bool tensors"),
        (torch.tensor([True, False]), r"The shape of the mask \[2\] at index 0 does not match"),
        ((torch.tensor([0, 1]), torch.tensor([0, 1, 2])), "shape mismatch: indexing tensors could not be broadcast"),
    ],
)
def test_a_wrong_index_changes_nothing(index, error):
    x = torch.zeros(3, 4)
    with pytest.raises(IndexError, match=error):
        x[index]
    with pytest.raises(IndexError, match=error):
        x[index] = 1
    assert not x.any()


def test_scatter_with_a_reduction():
    x = torch.arange(6.0).reshape(2, 3)
    index = torch.tensor([[0, 1, 0], [1, 0, 1]])
    assert x.scatter(0, index, torch.ones(2, 3), reduce="add").tolist() == [[1, 2, 3], [4, 5, 6]]
    assert x.scatter(0, index, 2.0, reduce="multiply").tolist() == [[0, 2, 4], [6, 8, 10]]
    with pytest.raises(RuntimeError, match="reduce argument must be either add or multiply"):
        x.scatter(0, index, 2.0, reduce="mean")


def test_take_along_dim_counts_negative_indices_from_the_end():
    x = torch.arange(6.0).reshape(2, 3)
    assert torch.take_along_dim(x, torch.tensor([[-1], [-2]]), 1).tolist() == [[2.0], [4.0]]


def test_squeezing_no_dimensions_changes_nothing():
    assert torch.ones(1, 2, 1).squeeze(()).shape == (1, 2, 1)
