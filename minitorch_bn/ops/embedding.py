"""Rows of a table by their numbers, and numbers as rows of an identity matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.ops._common import accumulator, require_tensor

BLOCK = 1 << 18  # numbers that are added at a time


class Embedding(Operator):
    """weight[indices];  dweight = g added up row by row, 0 at padding_idx, if asked divided by how often a row came"""

    options = 2

    def forward(ctx, weight, indices, padding_idx, by_frequency):
        ctx.save_for_backward(indices)
        ctx.rows, ctx.padding_idx, ctx.by_frequency = weight.shape[0], padding_idx, by_frequency
        return weight.take(indices, 0)

    def backward(ctx, g):
        (indices,) = ctx.saved_tensors
        return EmbeddingGrad.apply(g, indices, ctx.rows, ctx.padding_idx, ctx.by_frequency), None


class EmbeddingGrad(Operator):
    """the sum of the g of each row's uses; a linear map, whose transpose looks the rows up again"""

    options = 3

    def forward(ctx, g, indices, rows, padding_idx, by_frequency):
        ctx.save_for_backward(indices)
        ctx.padding_idx = padding_idx
        ctx.counts = None
        flat = indices.reshape(-1)
        out = np.zeros((rows, g.shape[-1]), accumulator(g))
        _add_rows(out, flat, g.reshape(flat.size, g.shape[-1]))  # (..., D) -> (uses, D)
        if by_frequency:
            ctx.counts = np.maximum(np.bincount(flat, minlength=rows), 1)[:, None].astype(g.dtype)
            out /= ctx.counts
        if padding_idx >= 0:
            out[padding_idx] = 0
        return out.astype(g.dtype, copy=False)

    def backward(ctx, h):
        (indices,) = ctx.saved_tensors
        if ctx.padding_idx >= 0:
            rows = np.arange(h.shape[0]).reshape(-1, 1)
            h = h.masked_fill(wrap(rows == ctx.padding_idx), 0)
        if ctx.counts is not None:
            h = h / wrap(ctx.counts)
        return Embedding.apply(h, indices, -1, False), None


def _add_rows(table: np.ndarray, places: np.ndarray, rows: np.ndarray) -> None:
    """Each of the rows is added to the table's row at its place. numpy is six times faster at single numbers."""
    width = table.shape[1]
    step = max(1, BLOCK // max(1, width))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        numbers = places[part, None].astype(np.intp) * width + np.arange(width)  # (uses, 1) -> (uses, D)
        np.add.at(table.reshape(-1), numbers.reshape(-1), rows[part].reshape(-1))


# -- functions -------------------------------------------------------------------------------------------------------


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """The rows of ``weight`` (V, D) at the int64 or int32 indices ``input`` (...): (..., D).

    The row ``padding_idx`` gets no gradient. With ``max_norm`` longer rows that are looked up are first shortened in
    place. ``sparse`` is accepted; gradients are dense. Raises IndexError for a row that does not exist.

    >>> import minitorch_bn as torch
    >>> table = torch.tensor([[0.0, 0.5], [1.0, 1.5]])
    >>> torch.nn.functional.embedding(torch.tensor([1, 0]), table)
    tensor([[1.0000, 1.5000],
            [0.0000, 0.5000]])
    """
    require_tensor("embedding", weight, "weight")
    require_tensor("embedding", input, "indices", 2)
    table, indices = weight._data, input._data
    rows = table.shape[0] if table.ndim else 0
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    padding = -1 if padding_idx is None else padding_idx % rows
    if table.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    if indices.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"torch.{input.dtype.legacy_name}Tensor instead (while checking arguments for embedding)"
        )
    if ((indices < 0) | (indices >= rows)).any():
        raise IndexError("index out of range in self")
    if max_norm is not None:
        _shorten(weight, indices, max_norm, norm_type)
    return Embedding.apply(weight, input, padding, scale_grad_by_freq)


def _shorten(weight: Any, indices: np.ndarray, max_norm: float, norm_type: float) -> None:
    """Scales the rows in use down to ``max_norm``; no part of the graph, as in PyTorch."""
    used = np.unique(indices)
    rows = weight._data[used]
    norms = np.linalg.norm(rows.astype(np.float64), norm_type, axis=1)
    factors = np.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0)
    weight._data[used] = (rows * factors[:, None]).astype(rows.dtype)
    weight._version_counter[0] += 1


def one_hot(input: Any, num_classes: int = -1) -> Any:
    """int64 indices (...) as rows of zeros with a one at the index: (..., num_classes); -1 means the largest + 1.

    Raises RuntimeError for another dtype, a negative index, or an index beyond num_classes.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    require_tensor("one_hot", input)
    indices = input._data
    if indices.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not indices.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if (indices < 0).any():
        raise RuntimeError("Class values must be non-negative.")
    classes = int(indices.max()) + 1 if num_classes == -1 else num_classes
    if (indices >= classes).any():
        raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap((indices[..., None] == np.arange(classes)).astype(np.int64))
