"""Histograms and searches against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn as torch

numbers = st.lists(st.integers(0, 20), max_size=30)


@given(numbers, st.integers(0, 30))
def test_bincount(data, minlength):
    ours = torch.bincount(torch.tensor(data, dtype=torch.int64), minlength=minlength)
    np.testing.assert_array_equal(ours.numpy(), np.bincount(np.array(data, np.int64), minlength=minlength))


@given(numbers.filter(bool), st.integers(1, 8))
def test_histogram(data, bins):
    # whole numbers divided by 8: edges that numpy and we compute alike
    a = np.array(data) / 8
    ours = torch.histogram(torch.from_numpy(a), bins, range=(0.0, 2.5))
    hist, edges = np.histogram(a, bins, (0.0, 2.5))
    np.testing.assert_allclose(ours.bin_edges.numpy(), edges, rtol=1e-15)
    if bins in (1, 2, 4, 5):
        np.testing.assert_array_equal(ours.hist.numpy(), hist)
    assert ours.hist.sum() == len(data)


def test_histogram_density_integrates_to_one(rng):
    x, w = (torch.from_numpy(rng.random(50)) for _ in range(2))
    hist, edges = torch.histogram(x, 7, weight=w, density=True)
    assert (hist * edges.diff()).sum().item() == pytest.approx(1)


def test_histc_counts_what_is_inside():
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 9.0, float("nan")])
    assert torch.histc(x, 2, 0, 2).tolist() == [2, 3]  # the last interval includes its end


@given(numbers, numbers, st.booleans())
def test_searchsorted(bounds, data, right):
    bounds, data = np.sort(np.array(bounds, np.int64)), np.array(data, np.int64)
    ours = torch.searchsorted(torch.from_numpy(bounds), torch.from_numpy(data), right=right)
    np.testing.assert_array_equal(ours.numpy(), np.searchsorted(bounds, data, "right" if right else "left"))


def test_searchsorted_by_rows(rng):
    bounds, data = np.sort(rng.standard_normal((2, 3, 5)), -1), rng.standard_normal((2, 3, 4))
    ours = torch.searchsorted(torch.from_numpy(bounds), torch.from_numpy(data)).numpy()
    for row in np.ndindex(2, 3):
        np.testing.assert_array_equal(ours[row], np.searchsorted(bounds[row], data[row]))


@given(numbers, numbers)
def test_isin(elements, among):
    ours = torch.isin(torch.tensor(elements, dtype=torch.int64), torch.tensor(among, dtype=torch.int64))
    assert ours.tolist() == [e in among for e in elements]
