"""Order: what equal elements and NaN do, and unique values against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minitorch_bn as torch
from minitorch_bn.kernels import ties

NAN = float("nan")
shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5)
small = hnp.arrays(np.int64, shapes, elements=st.integers(0, 3))


@given(small, st.booleans(), st.data())
def test_equal_elements_keep_their_order(a, descending, data):
    dim = data.draw(st.integers(-a.ndim, a.ndim - 1))
    values, order = torch.sort(torch.from_numpy(a), dim, descending)
    expected = np.argsort(-a if descending else a, dim, kind="stable")
    np.testing.assert_array_equal(order.numpy(), expected)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(a, expected, dim))


def test_nan_is_larger_than_every_number():
    x = torch.tensor([NAN, 1.0, float("inf"), NAN, -1.0])
    assert x.argsort().tolist() == [4, 1, 2, 0, 3]
    assert x.argsort(descending=True).tolist() == [0, 3, 2, 1, 4]
    assert x.topk(3).indices.tolist() == [0, 3, 2]
    assert x.median().isnan()
    assert x.nanmedian() == 1
    assert x.nanmedian(0).indices == 1
    assert x.cummax(0).indices.tolist() == [0, 0, 0, 3, 3]


@given(small, st.data())
def test_medians_and_kth_values(a, data):
    dim = data.draw(st.integers(-a.ndim, a.ndim - 1))
    k = data.draw(st.integers(1, a.shape[dim]))
    ordered = np.sort(a, dim)
    x = torch.from_numpy(a)
    for (values, indices), place in ((x.kthvalue(k, dim), k - 1), (x.median(dim), (a.shape[dim] - 1) // 2)):
        np.testing.assert_array_equal(values.numpy(), ordered.take(place, dim))
        np.testing.assert_array_equal(x.gather(dim, indices.unsqueeze(dim)).squeeze(dim).numpy(), values.numpy())


@given(small, st.data())
def test_mode_is_the_smallest_of_the_most_frequent(a, data):
    dim = data.draw(st.integers(-a.ndim, a.ndim - 1))
    values, indices = torch.from_numpy(a).mode(dim)
    lines = np.moveaxis(a, dim, -1).reshape(-1, a.shape[dim])
    for line, value, index in zip(lines, values.numpy().ravel(), indices.numpy().ravel()):
        found, counts = np.unique(line, return_counts=True)
        assert value == found[counts.argmax()]
        assert index == np.flatnonzero(line == value)[-1]


@given(small, st.data())
def test_unique(a, data):
    dim = data.draw(st.none() | st.integers(0, a.ndim - 1))
    ours = torch.unique(torch.from_numpy(a), return_inverse=True, return_counts=True, dim=dim)
    theirs = np.unique(a, return_inverse=True, return_counts=True, axis=dim)
    for x, y in zip(ours, theirs):
        np.testing.assert_array_equal(x.numpy(), y.reshape(x.shape))


def test_every_nan_is_unique():
    _, inverse, counts = torch.tensor([NAN, 1.0, NAN, 1.0]).unique(return_inverse=True, return_counts=True)
    assert counts.tolist() == [2, 1, 1]
    assert inverse.tolist() == [1, 0, 2, 0]


@given(small)
def test_unique_consecutive_undoes_repetition(a):
    values, inverse, counts = torch.unique_consecutive(torch.from_numpy(a), return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(values.repeat_interleave(counts).numpy(), a.ravel())
    np.testing.assert_array_equal(values[inverse].numpy(), a)
    assert (values.diff() != 0).all()


@pytest.mark.parametrize("reduce", [torch.median, torch.nanmedian, torch.aminmax])
def test_equal_elements_share_the_gradient(reduce):
    x = torch.tensor([2.0, 2.0, 2.0], requires_grad=True)
    result = reduce(x)
    (result[1] if isinstance(result, tuple) else result).backward()
    assert x.grad.tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("n", [1, 2, 3, 17, 40, 300, 2000])
def test_selection_with_ties_selects(n, rng):
    key = rng.integers(0, max(n // 5, 1), n).tolist()
    expected = sorted(key)
    for k in {1, max(n // 70, 1), n // 2 + 1, n}:
        for ordered in (True, False):
            places = ties.smallest(key, k, ordered)
            chosen = [key[place] for place in places]
            assert len(set(places)) == k
            assert (chosen if ordered else sorted(chosen)) == expected[:k]
        assert key[ties.kth(key, k - 1)] == expected[k - 1]
    assert [key[place] for place in ties.ascending(key)] == expected


def test_selection_survives_the_worst_order():
    # where every pivot is bad, heaps take over
    n = 4096
    key = [0] * n
    for step in range(n // 2):  # the classic sequence against the median of three
        key[step], key[n // 2 + step] = (step + 1 if step % 2 == 0 else n // 2 + step), 2 * (step + 1)
    assert [key[place] for place in ties.ascending(key)] == sorted(key)
    assert [key[place] for place in ties.smallest(key, n // 2, True)] == sorted(key)[: n // 2]
