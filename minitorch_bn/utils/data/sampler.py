"""Samplers: in which order a loader takes the items of a dataset.

Each draws from its generator what PyTorch's draws, in the same amount at the same moment, since every later random
number of the program depends on that.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from minitorch_bn import random
from minitorch_bn.creation import as_tensor
from minitorch_bn.dtypes import float64
from minitorch_bn.random import Generator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence, Sized

T_co = TypeVar("T_co", covariant=True)


def draw_seed(generator: Generator | None) -> int:
    """A whole number of 63 bits, drawn as PyTorch draws the seeds of loaders and samplers."""
    return int(random.random_(np.empty((), np.int64), generator=generator))


class Sampler(Generic[T_co]):
    """Base of the samplers: subclasses define ``__iter__``, which yields indices (or lists of them: batches).

    >>> import minitorch_bn as torch
    >>> class Backwards(torch.utils.data.Sampler):
    ...     def __init__(self, data):
    ...         self.data = data
    ...     def __iter__(self):
    ...         return iter(range(len(self.data) - 1, -1, -1))
    >>> list(torch.utils.data.DataLoader([1, 2, 3], sampler=Backwards([1, 2, 3]), batch_size=3))
    [tensor([3, 2, 1])]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... up to the length of the data.

    >>> import minitorch_bn as torch
    >>> list(torch.utils.data.SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """All indices in random order, or ``num_samples`` of them.

    Args:
        data_source: its length counts.
        replacement: draw each index anew from all.
        num_samples: how many (default: the length); beyond it, orders follow each other.
        generator: where to draw from; without one, each iteration seeds a generator of its own from the global one.

    Raises:
        ValueError: no sample to draw.
        TypeError: ``replacement`` is no bool.

    >>> import minitorch_bn as torch
    >>> list(torch.utils.data.RandomSampler(range(5), generator=torch.Generator().manual_seed(0)))
    [4, 0, 1, 3, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = num_samples
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        _check_count("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices one iteration gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, wanted = len(self.data_source), self.num_samples
        generator = self.generator or Generator().manual_seed(draw_seed(None))
        if self.replacement:
            for start in range(0, wanted, 32):
                chunk = np.empty(min(32, wanted - start), np.int64)
                yield from random.random_(chunk, 0, n, generator).tolist()
            return
        for _ in range(wanted // n):
            yield from random.randperm(n, generator).tolist()
        if wanted % n or self.generator:  # PyTorch draws a last order even to take nothing of it: others' draws follow
            yield from random.randperm(n, generator).tolist()[: wanted % n]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> sorted(torch.utils.data.SubsetRandomSampler([3, 5, 7]))
    [3, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        for i in random.randperm(len(self.indices), self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """``num_samples`` indices, drawn with probabilities proportional to the weights.

    Raises:
        ValueError: no sample to draw, ``replacement`` is no bool, weights of several dimensions.

    >>> import minitorch_bn as torch
    >>> g = torch.Generator().manual_seed(0)
    >>> list(torch.utils.data.WeightedRandomSampler([0.1, 0.0, 0.9], 4, generator=g))
    [2, 2, 2, 2]
    """

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Generator | None = None
    ) -> None:
        _check_count("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.ndim != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        yield from random.multinomial(self.weights._data, self.num_samples, self.replacement, self.generator).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of ``batch_size``; a shorter last one is left out if ``drop_last``.

    Raises:
        ValueError: ``batch_size`` is no positive whole number, or ``drop_last`` is no bool.

    >>> import minitorch_bn as torch
    >>> list(torch.utils.data.BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool) -> None:
        _check_count("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        n: int = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def _check_count(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")
