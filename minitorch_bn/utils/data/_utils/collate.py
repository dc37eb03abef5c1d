"""Making a batch out of items, whatever they are made of."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from minitorch_bn._tensor import Tensor
from minitorch_bn.creation import as_tensor, tensor
from minitorch_bn.dtypes import float64
from minitorch_bn.ops.shape import stack

_NO_NUMBERS = "USOV"  # kinds of numpy arrays that no tensor can hold


def default_convert(data: Any) -> Any:
    """Every numpy array inside ``data`` as a tensor; what the loader does when it does not make batches.

    >>> import numpy as np, minitorch_bn as torch
    >>> torch.utils.data.default_convert([np.arange(3), "text"])
    [tensor([0, 1, 2]), 'text']
    """
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in _NO_NUMBERS else as_tensor(np.asarray(data))
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple):
        items = [default_convert(item) for item in data]
        return type(data)(*items) if hasattr(data, "_fields") else items
    return _sequence_like(data, [default_convert(item) for item in data]) if isinstance(data, Sequence) else data


def default_collate(batch: Any) -> Any:
    """Items that are made alike as one batch: tensors stacked, numbers in a tensor, containers part by part.

    Tensors and numpy arrays of one shape get a new first dimension; floats become float64, ints int64; strings stay
    a list; a tuple or list of n parts becomes a list of n batches, a dictionary (or named tuple) one of batches.

    Raises:
        TypeError: items of other types.
        RuntimeError: tensors of different shapes, or sequences of different lengths.

    >>> import minitorch_bn as torch
    >>> torch.utils.data.default_collate([(torch.tensor([1.0, 2.0]), 0), (torch.tensor([3.0, 4.0]), 1)])
    [tensor([[1., 2.],
            [3., 4.]]), tensor([0, 1])]
    """
    item = batch[0]
    if isinstance(item, Tensor):
        return stack(list(batch), 0)
    if isinstance(item, (np.ndarray, np.generic)) and item.dtype.kind not in _NO_NUMBERS:
        return stack([as_tensor(np.asarray(array)) for array in batch], 0)
    if isinstance(item, float):
        return tensor(batch, dtype=float64)
    if isinstance(item, int):
        return tensor(batch)
    if isinstance(item, (str, bytes)):
        return batch
    if isinstance(item, Mapping):
        return _mapping_like(item, {key: default_collate([d[key] for d in batch]) for key in item})
    if isinstance(item, Sequence):
        if any(len(other) != len(item) for other in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [default_collate(part) for part in zip(*batch)]
        if isinstance(item, tuple):
            return type(item)(*parts) if hasattr(item, "_fields") else parts
        return _sequence_like(item, parts)
    found = item.dtype if isinstance(item, (np.ndarray, np.generic)) else type(item)
    raise TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {found}"
    )


def _mapping_like(example: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """The items in a mapping of the example's type, if one can be made; else in a dictionary."""
    try:
        if isinstance(example, MutableMapping):
            result = copy.copy(example)  # keeps what else the object carries, as a defaultdict its factory
            result.update(items)
            return result
        return type(example)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _sequence_like(example: Sequence[Any], items: list[Any]) -> Any:
    """The items in a sequence of the example's type, if one can be made; else in a list."""
    try:
        return type(example)(items)  # type: ignore[call-arg]
    except TypeError:
        return items
