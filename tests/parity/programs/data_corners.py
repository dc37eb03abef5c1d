"""Datasets, samplers, loaders and collation, where they have corners."""

from collections import OrderedDict, namedtuple

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    get_worker_info,
    random_split,
)
from torch.utils.data.dataloader import default_collate as collate_again

Point = namedtuple("Point", ["x", "y"])


def attempt(f):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__ + ":", str(e).split("\n")[0])


for batch in (
    [1, 2],
    [1.5, 2],
    [True, False],
    ["a", "b"],
    [b"a", b"b"],
    [(1, 2.0), (3, 4.0)],
    [[1, 2], [3, 4]],
    [{"a": 1}, {"a": 2}],
    [Point(1, 2), Point(3, 4)],
    [np.float32(1), np.float32(2)],
    [np.arange(2), np.arange(2)],
    [np.array("a"), np.array("b")],
    [np.int8(3), np.int8(4)],
    [torch.ones(2), torch.zeros(2)],
    [None, None],
    [OrderedDict(b=1, a=[2]), OrderedDict(b=3, a=[4])],
    [object(), 1],
    [[1, 2], [3]],
    [torch.ones(2), torch.ones(3)],
    [(1, "x", torch.ones(1))] * 2,
    [{"a": 1}, {"b": 2}],
    [np.array([1, "x"], dtype=object)] * 2,
    [torch.tensor(1), torch.tensor(2)],
    [np.bool_(True), np.bool_(False)],
    [1 + 2j, 1j] if False else [2**40, 1],
    [[], []],
    [(), ()],
    [set([1])],
):
    attempt(lambda: default_collate(batch))
print(collate_again is default_collate)


class Squares(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError("out of range")
        return i, i * i


class Counter(IterableDataset):
    def __init__(self, start, end):
        self.start, self.end = start, end

    def __iter__(self):
        print("worker", get_worker_info())
        return iter(range(self.start, self.end))


ds = Squares(7)
for kwargs in (
    dict(batch_size=3),
    dict(batch_size=3, drop_last=True),
    dict(batch_size=None),
    dict(batch_size=1),
    dict(sampler=[3, 1, 2], batch_size=2),
    dict(batch_sampler=[[0, 1], [5]]),
    dict(batch_size=10),
):
    dl = DataLoader(ds, **kwargs)
    print(kwargs, len(dl), list(dl))
for kwargs in (
    dict(batch_size=0),
    dict(batch_size=-1),
    dict(batch_size=None, drop_last=True),
    dict(batch_size=2, batch_sampler=[[0]]),
    dict(shuffle=True, sampler=[1]),
    dict(num_workers=-1),
    dict(timeout=-1),
    dict(prefetch_factor=2),
    dict(persistent_workers=True),
    dict(batch_sampler=[[0]], shuffle=True),
    dict(batch_size=2.5),
    dict(batch_size="3"),
    dict(multiprocessing_context="fork"),
):
    attempt(lambda: DataLoader(ds, **kwargs).batch_size)
attempt(lambda: DataLoader([], shuffle=True))
attempt(lambda: len(DataLoader([])))
attempt(lambda: list(DataLoader(Counter(0, 5), batch_size=2)))
attempt(lambda: len(DataLoader(Counter(0, 5), batch_size=2)))
attempt(lambda: DataLoader(Counter(0, 5), shuffle=True))
attempt(lambda: DataLoader(Counter(0, 5), sampler=[1]))
attempt(lambda: list(ChainDataset([Counter(0, 2), Counter(5, 7)])))
attempt(lambda: Counter(0, 2) + Counter(3, 4))
attempt(lambda: len(Squares(2) + Squares(3)))
attempt(lambda: ConcatDataset([Squares(2), Squares(3)])[-1])
attempt(lambda: ConcatDataset([Squares(2), Squares(3)])[-6])
attempt(lambda: ConcatDataset([]))
attempt(lambda: ConcatDataset([Squares(2), Squares(3)]).cumulative_sizes)
attempt(lambda: TensorDataset(torch.ones(2), torch.ones(3)))
attempt(lambda: TensorDataset(torch.arange(6).view(3, 2), torch.arange(3))[1:])
attempt(lambda: StackDataset(a=Squares(3), b=Squares(3))[2])
attempt(lambda: StackDataset(Squares(3), Squares(2)))
attempt(lambda: Subset(ds, [1, 5])[1])
attempt(lambda: Dataset()[0])
attempt(lambda: [len(s) for s in random_split(ds, [0.5, 0.3, 0.2], torch.Generator().manual_seed(1))])
attempt(lambda: [s.indices for s in random_split(ds, [5, 2], generator=torch.Generator().manual_seed(1))])
attempt(lambda: random_split(ds, [5, 5]))
attempt(lambda: random_split(ds, [0.5, 0.6]))
attempt(lambda: random_split(ds, [1.5]))
for make in (
    lambda: RandomSampler(ds, replacement=True, num_samples=4),
    lambda: RandomSampler(ds, num_samples=10),
    lambda: RandomSampler([]),
    lambda: RandomSampler(ds, replacement="yes"),
    lambda: RandomSampler(ds, num_samples=0),
    lambda: WeightedRandomSampler([0.1, 0.9, 0.0], 5),
    lambda: WeightedRandomSampler([0.1, 0.9], 3, replacement=False),
    lambda: WeightedRandomSampler([1.0], 0),
    lambda: WeightedRandomSampler([[1.0]], 2),
    lambda: SubsetRandomSampler([4, 5, 6]),
    lambda: SequentialSampler(ds),
    lambda: BatchSampler(SequentialSampler(ds), 3, False),
    lambda: BatchSampler(range(5), 2, True),
    lambda: BatchSampler(range(5), 0, True),
    lambda: BatchSampler(range(5), 2, 3),
    lambda: BatchSampler(range(5), True, True),
):
    torch.manual_seed(2)
    attempt(lambda: list(make()))
    attempt(lambda: len(make()))
dl = DataLoader(ds, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(3))
print([b[0].tolist() for b in dl], [b[0].tolist() for b in dl])
it = iter(dl)
print(next(it)[0].tolist(), next(it)[0].tolist(), next(it, "done"))
attempt(lambda: next(it))
torch.manual_seed(0)
dl = DataLoader(ds, batch_size=4, shuffle=True)
first = torch.rand(1)
next(iter(dl))
print(
    first,
    torch.rand(1),
    dl.dataset is ds,
    dl.batch_size,
    dl.num_workers,
    dl.drop_last,
    type(dl.sampler).__name__,
    dl.pin_memory,
    dl.timeout,
    dl.collate_fn is default_collate,
)
attempt(lambda: setattr(dl, "batch_size", 3))
print(
    [i for i, _ in enumerate(DataLoader(ds, batch_size=3, worker_init_fn=lambda w: None, pin_memory=False))],
    [x for x in DataLoader(torch.arange(5), batch_size=2)],
)
print(
    list(DataLoader([1, 2, 3])),
    list(DataLoader(["a", "b"], batch_size=2)),
    list(DataLoader({0: "x", 1: "y"}, batch_size=2)) if False else None,
)


class EveryOther(Sampler):
    def __init__(self, data):
        self.data = data

    def __iter__(self):
        return iter(range(0, len(self.data), 2))

    def __len__(self):
        return len(self.data) // 2


print(list(DataLoader(ds, sampler=EveryOther(ds), batch_size=2)), len(DataLoader(ds, sampler=EveryOther(ds))))
