"""Datasets, samplers and loaders: what comes out, in which order, and what is drawn on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn as torch
from minitorch_bn.utils import data


class Counted(data.Dataset):
    """Remembers which items were asked for."""

    def __init__(self, n):
        self.n, self.asked = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.asked.append(index)
        return index


def indices(loader):
    return [batch.tolist() for batch in loader]


@given(st.integers(0, 40), st.integers(1, 15), st.booleans())
def test_batches_cover_everything_once(n, batch_size, drop_last):
    loader = data.DataLoader(range(n), batch_size, drop_last=drop_last)
    batches = indices(loader)
    assert len(batches) == len(loader)
    kept = n - n % batch_size if drop_last else n
    assert [i for batch in batches for i in batch] == list(range(kept))
    assert all(len(batch) == batch_size for batch in batches[:-1])


@given(st.integers(1, 40), st.integers(1, 15), st.integers(0, 2**63), st.booleans())
def test_shuffling_permutes_anew_each_epoch(n, batch_size, seed, own_generator):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed) if own_generator else None
    loader = data.DataLoader(range(n), batch_size, shuffle=True, generator=generator)
    first, second = ([i for batch in indices(loader) for i in batch] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(n))
    if n > 20:
        assert first != second


# What torch 2.13 gives (CPU): manual_seed(0), DataLoader(range(6), batch_size=4, shuffle=True), two epochs, rand(1);
# then the same with generator=Generator().manual_seed(0), and rand(1, generator=generator).
ORDER_GLOBAL = [[[0, 4, 3, 5], [2, 1]], [[2, 3, 1, 5], [4, 0]], 0.455627977848053]
ORDER_GENERATOR = [[[5, 1, 0, 3], [2, 4]], [[4, 2, 1, 3], [0, 5]], 0.41940832138061523]


def test_orders_of_a_seed_are_pytorchs():
    torch.manual_seed(0)
    loader = data.DataLoader(range(6), batch_size=4, shuffle=True)
    assert [indices(loader), indices(loader), torch.rand(1).item()] == ORDER_GLOBAL
    generator = torch.Generator().manual_seed(0)
    loader = data.DataLoader(range(6), batch_size=4, shuffle=True, generator=generator)
    assert [indices(loader), indices(loader), torch.rand(1, generator=generator).item()] == ORDER_GENERATOR


def test_two_loops_at_once_are_independent():
    loader = data.DataLoader(range(4), batch_size=2)
    assert [(a.tolist(), b.tolist()) for a in loader for b in loader] == [
        ([0, 1], [0, 1]),
        ([0, 1], [2, 3]),
        ([2, 3], [0, 1]),
        ([2, 3], [2, 3]),
    ]


def test_items_are_fetched_when_their_batch_is():
    dataset = Counted(6)
    batches = iter(data.DataLoader(dataset, batch_size=2))
    assert dataset.asked == []
    next(batches)
    assert dataset.asked == [0, 1]


def test_a_whole_batch_is_asked_for_at_once_where_the_dataset_can():
    class Together(Counted):
        def __getitems__(self, wanted):
            return [10 * i for i in wanted]

    assert indices(data.DataLoader(Together(4), batch_size=3)) == [[0, 10, 20], [30]]
    assert indices(data.DataLoader(data.Subset(Together(4), [3, 1]), batch_size=2)) == [[30, 10]]


def outcomes(dataset, **options):
    return [[part.tolist() for part in batch] for batch in data.DataLoader(dataset, batch_size=3, **options)]


@pytest.mark.parametrize("part", [False, True])
def test_tensor_datasets_are_gathered_as_if_item_by_item(part):
    dataset = data.TensorDataset(torch.arange(8.0).reshape(8, 1), torch.arange(8), torch.arange(8) > 3)
    slow = data.StackDataset(*(list(tensor) for tensor in dataset.tensors))
    if part:
        dataset, slow = (data.Subset(data.Subset(d, [7, 6, 4, 3, 1]), [4, 0, 2, -1]) for d in (dataset, slow))
    assert outcomes(dataset) == outcomes(slow)
    assert outcomes(dataset, sampler=[0, -1, 2, 2]) == outcomes(slow, sampler=[0, -1, 2, 2])


def test_gathered_batches_have_memory_of_their_own_and_gradients_flow():
    x = torch.arange(4.0)
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(x), batch_size=4)))
    batch.zero_()
    assert x.tolist() == [0, 1, 2, 3]
    x.requires_grad_()
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(x), batch_size=2)))
    batch.sum().backward()
    assert x.grad.tolist() == [1, 1, 0, 0]


def test_subclasses_of_tensor_dataset_keep_their_own_items():
    class Doubled(data.TensorDataset):
        def __getitem__(self, index):
            return tuple(2 * part for part in super().__getitem__(index))

    assert outcomes(Doubled(torch.arange(3))) == [[[0, 2, 4]]]


def test_streams():
    class Stream(data.IterableDataset):
        def __iter__(self):
            return iter(range(5))

    assert indices(data.DataLoader(Stream(), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert indices(data.DataLoader(Stream(), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(data.DataLoader(Stream(), batch_size=None)) == [0, 1, 2, 3, 4]
    assert list(Stream() + Stream()) == [0, 1, 2, 3, 4] * 2
    with pytest.raises(TypeError):
        len(data.DataLoader(Stream()))


def test_worker_options_change_nothing():
    plain = indices(data.DataLoader(range(7), batch_size=3))
    loader = data.DataLoader(
        range(7),
        batch_size=3,
        num_workers=2,
        prefetch_factor=4,
        persistent_workers=True,
        timeout=5,
        multiprocessing_context="fork",
        worker_init_fn=print,
    )
    assert indices(loader) == plain
    assert data.get_worker_info() is None


def test_persistent_workers_are_seeded_once():
    def draws(persistent):
        generator = torch.Generator().manual_seed(0)
        loader = data.DataLoader(range(2), num_workers=1, persistent_workers=persistent, generator=generator)
        for _ in range(3):
            list(loader)
        return torch.rand(1, generator=generator).item()

    words = torch.rand(20, generator=torch.Generator().manual_seed(0)).tolist()
    assert draws(True) == words[2]  # each seed takes two words of the stream
    assert draws(False) == words[6]


@given(st.integers(1, 30), st.integers(1, 70), st.booleans())
def test_random_sampler_counts(n, wanted, replacement):
    sampler = data.RandomSampler(range(n), replacement, wanted)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == wanted
    assert set(drawn) <= set(range(n))
    if not replacement:
        counts = [drawn.count(i) for i in range(n)]
        assert max(counts) - min(counts) <= 1


def test_weighted_sampler_follows_its_weights():
    torch.manual_seed(0)
    drawn = list(data.WeightedRandomSampler([1.0, 0.0, 3.0], 4000))
    assert drawn.count(1) == 0
    assert drawn.count(2) / 4000 == pytest.approx(0.75, abs=0.03)
    assert sorted(data.WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)) == [0, 1, 2]


@given(st.lists(st.integers(0, 10), min_size=1, max_size=5))
def test_split_by_lengths(lengths):
    if sum(lengths) == 1:
        lengths = [*lengths, 1]  # a sum of 1 means fractions
    parts = data.random_split(range(sum(lengths)), lengths)
    assert [len(part) for part in parts] == lengths
    assert sorted(i for part in parts for i in part) == list(range(sum(lengths)))


def test_split_by_fractions_leaves_nothing_over():
    assert [len(part) for part in data.random_split(range(11), [0.5, 0.25, 0.25])] == [6, 3, 2]
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        assert [len(part) for part in data.random_split(range(1), [0.5, 0.5])] == [1, 0]


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"num_workers": -1},
        {"batch_size": None, "drop_last": True},
        {"sampler": [0], "shuffle": True},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"prefetch_factor": 2},
    ],
)
def test_contradicting_options_are_refused(options):
    with pytest.raises(ValueError, match=r"option|batch_size"):
        data.DataLoader(range(3), **options)


def test_what_makes_the_batches_is_fixed():
    loader = data.DataLoader(range(3))
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader is initialized"):
        loader.batch_size = 5
    assert loader.batch_size == 1
    loader.collate_fn = list
    assert list(loader) == [[0], [1], [2]]
