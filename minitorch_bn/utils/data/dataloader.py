"""``DataLoader``: batches of a dataset, in the order of a sampler."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from minitorch_bn.utils.data._utils.collate import default_collate, default_convert
from minitorch_bn.utils.data.dataset import Dataset, IterableDataset, Subset, TensorDataset
from minitorch_bn.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from minitorch_bn.random import Generator

T_co = TypeVar("T_co", covariant=True)


def get_worker_info() -> None:
    """None: everything is loaded in the main process.

    >>> import minitorch_bn as torch
    >>> print(torch.utils.data.get_worker_info())
    None
    """
    return None


class DataLoader(Generic[T_co]):
    """Batches of a dataset: ``for inputs, targets in loader``.

    Args:
        dataset: items by number, or an ``IterableDataset``.
        batch_size: items in a batch; None gives single items.
        shuffle: a new random order each epoch.
        sampler: the order of the items, instead of ``shuffle``.
        batch_sampler: the lists of indices that make the batches, instead of all of the above.
        collate_fn: makes a batch out of a list of items (default: ``default_collate``).
        drop_last: leave out a last batch that is smaller.
        generator: where orders (and a seed for workers, each epoch) are drawn from; default: the global one.
        num_workers, timeout, worker_init_fn, multiprocessing_context, prefetch_factor, persistent_workers, in_order:
            checked as PyTorch does, but everything is loaded in the main process.
        pin_memory, pin_memory_device: without meaning on a CPU.

    Raises:
        ValueError: options that exclude each other, or are outside their range.

    The numbers drawn, and so the order for a seed, are PyTorch's.

    >>> import minitorch_bn as torch
    >>> dataset = torch.utils.data.TensorDataset(torch.arange(5), torch.arange(5) * 10)
    >>> _ = torch.manual_seed(0)
    >>> for inputs, targets in torch.utils.data.DataLoader(dataset, batch_size=2, shuffle=True):
    ...     print(inputs, targets)
    tensor([1, 4]) tensor([10, 40])
    tensor([2, 3]) tensor([20, 30])
    tensor([0]) tensor([0])
    """

    def __init__(
        self,
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[int]] | Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        prefetch_factor = _check_workers(
            num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context
        )
        iterable = isinstance(dataset, IterableDataset)
        if iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        data: Any = dataset
        if sampler is None:
            if iterable:
                sampler = itertools.repeat(None)
            else:
                sampler = RandomSampler(data, generator=generator) if shuffle else SequentialSampler(data)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self.collate_fn, self.num_workers, self.timeout = collate_fn, num_workers, timeout
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.worker_init_fn, self.prefetch_factor = worker_init_fn, prefetch_factor
        self.persistent_workers, self.in_order = persistent_workers, in_order
        self.multiprocessing_context = multiprocessing_context
        self._seeded = False
        self._reported_length: int | None = None
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
        if name in fixed and "_initialized" in vars(self):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        return _Batches(self)

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        self._reported_length = length = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    @property
    def _index_sampler(self) -> Any:
        """What gives the index, or the indices, of what is fetched at once."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool, context: Any
) -> int | None:
    """PyTorch's rules for the options of worker processes; the prefetch factor that then holds."""
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if context is not None and num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            f"num_workers={num_workers}"
        )
    return 2 if num_workers and prefetch_factor is None else prefetch_factor


def _check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    """An IterableDataset has an order of its own."""
    if shuffle not in (False, None):
        raise ValueError(
            f"DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle={shuffle}"
        )
    for name, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


class _Batches:
    """One epoch of a loader."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.timeout and not loader.num_workers:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        if loader.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be "
                "used.",
                stacklevel=3,
            )
        self._loader = loader
        self._indices = iter(loader._index_sampler)
        if not (loader.persistent_workers and loader._seeded):
            draw_seed(loader.generator)  # PyTorch draws a seed for worker processes, also when there are none
            loader._seeded = True
        self._stream = iter(loader.dataset) if isinstance(loader.dataset, IterableDataset) else None
        self._yielded = 0

    def __iter__(self) -> _Batches:
        return self

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def __next__(self) -> Any:
        index = next(self._indices)
        batch = self._fetch(index) if self._stream is None else self._fetch_from_stream(index)
        self._yielded += 1
        self._warn_of_wrong_length()
        return batch

    def _fetch(self, index: Any) -> Any:
        dataset: Any = self._loader.dataset
        collate: Any = self._loader.collate_fn
        if self._loader.batch_sampler is None:
            return collate(dataset[index])
        if collate is default_collate:
            rows = _gather(dataset, index)
            if rows is not None:
                return rows
        together = getattr(dataset, "__getitems__", None)
        return collate(together(index) if together else [dataset[i] for i in index])

    def _fetch_from_stream(self, index: Any) -> Any:
        collate: Any = self._loader.collate_fn
        stream: Any = self._stream
        if self._loader.batch_sampler is None:
            return collate(next(stream))
        items = list(itertools.islice(stream, len(index)))
        if not items or (self._loader.drop_last and len(items) < len(index)):
            raise StopIteration
        return collate(items)

    def _warn_of_wrong_length(self) -> None:
        reported = self._loader._reported_length
        if self._stream is not None and reported is not None and self._yielded > reported:
            warnings.warn(
                f"Length of IterableDataset {self._loader.dataset} was reported to be {reported}"
                f"(when accessing len(dataloader)), but {self._yielded} samples have been fetched. ",
                stacklevel=3,
            )


def _gather(dataset: Any, indices: list[int]) -> list[Any] | None:
    """What collating the items of a TensorDataset (or of a part of one) gives, in one step; None for other datasets.

    Taking out n rows and stacking them again would cost n times as many steps.
    """
    while type(dataset) is Subset:
        dataset, indices = dataset.dataset, [dataset.indices[i] for i in indices]
    if type(dataset) is not TensorDataset or any(tensor.requires_grad for tensor in dataset.tensors):
        return None
    rows = np.array(list(map(int, indices)), np.int64)
    return [tensor[rows] for tensor in dataset.tensors]
