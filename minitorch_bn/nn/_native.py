"""Functions of ``nn.functional`` that PyTorch also has at the top, with their arguments in another order."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn.autograd.variable import wrap
from minitorch_bn.nn import functional as F
from minitorch_bn.ops.batch_norm import fold, normalized

__all__ = ["batch_norm", "dropout", "embedding", "group_norm", "instance_norm", "layer_norm", "native_batch_norm",
           "rms_norm"]  # fmt: skip


def batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    """``nn.functional.batch_norm``, with every argument given; ``cudnn_enabled`` changes nothing here.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> torch.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def native_batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Any, Any, Any]:
    """``batch_norm``, and what it normalised with in training: each channel's mean, and 1 / sqrt(variance + eps).

    In evaluation these two are empty. They have no gradient, and the weight's dtype.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> y, mean, invstd = torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)
    >>> mean, invstd
    (tensor([ 2., 20.]), tensor([1.0000, 0.1000]))
    """
    output, batch = normalized(input, (running_mean, running_var, weight, bias, training, eps))
    dtype = (input if weight is None else weight)._data.dtype
    if not training:
        return output, wrap(np.empty(0, dtype)), wrap(np.empty(0, dtype))
    fold(batch, running_mean, running_var, momentum)
    mean, invstd = np.asarray(batch.mean), 1 / np.sqrt(np.asarray(batch.var) + eps)
    return output, wrap(mean.astype(dtype)), wrap(invstd.astype(dtype))


def instance_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    """``nn.functional.instance_norm``, with every argument given; ``cudnn_enabled`` changes nothing here.

    >>> import minitorch_bn as torch
    >>> torch.instance_norm(torch.tensor([[[1.0, 3.0]]]), None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[[-1.0000,  1.0000]]])
    """
    return F.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def layer_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    """``nn.functional.layer_norm``; ``cudnn_enable`` changes nothing here.

    >>> import minitorch_bn as torch
    >>> torch.layer_norm(torch.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn_enabled: bool = True
) -> Any:
    """``nn.functional.group_norm``; ``cudnn_enabled`` changes nothing here.

    >>> import minitorch_bn as torch
    >>> torch.group_norm(torch.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    return F.group_norm(input, num_groups, weight, bias, eps)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """``nn.functional.rms_norm``.

    >>> import minitorch_bn as torch
    >>> torch.rms_norm(torch.tensor([[3.0, 4.0, 0.0, 0.0]]), (4,))
    tensor([[1.2000, 1.6000, 0.0000, 0.0000]])
    """
    return F.rms_norm(input, normalized_shape, weight, eps)


def dropout(input: Any, p: float, train: bool) -> Any:
    """``nn.functional.dropout``, with every argument given.

    >>> import minitorch_bn as torch
    >>> torch.dropout(torch.ones(3), 0.5, False)
    tensor([1., 1., 1.])
    """
    return F.dropout(input, p, train)


def embedding(
    weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Any:
    """``nn.functional.embedding``, with the table first; ``padding_idx=-1`` is none.

    >>> import minitorch_bn as torch
    >>> torch.embedding(torch.eye(3), torch.tensor([2, 0]))
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    padding = None if padding_idx == -1 else padding_idx
    return F.embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)
