"""Datasets, samplers and loaders, as ``torch.utils.data``."""

from typing import TYPE_CHECKING

from minitorch_bn._scope import refusing
from minitorch_bn.utils.data._utils.collate import default_collate, default_convert
from minitorch_bn.utils.data.dataloader import DataLoader, get_worker_info
from minitorch_bn.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from minitorch_bn.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]

if not TYPE_CHECKING:  # to a type checker, what is not listed is not there
    __getattr__ = refusing(__name__)
