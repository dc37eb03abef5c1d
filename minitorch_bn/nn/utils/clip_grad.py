"""Limits for gradients, against steps that are too long."""

from __future__ import annotations

import warnings
from types import GeneratorType
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.kernels import elementwise

if TYPE_CHECKING:
    from collections.abc import Iterable


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors together, as if they were one vector: a zero-dim tensor.

    Args:
        tensors: floating tensors of any shapes.
        norm_type: the order; may be inf.
        error_if_nonfinite: whether a norm that is inf or nan is an error.
        foreach: accepted; it chooses PyTorch's kernel and changes no result.

    >>> import minitorch_bn as torch
    >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([[4.0]])])
    tensor(5.)
    """
    arrays = [t._data for t in ([tensors] if isinstance(tensors, Tensor) else tensors)]
    for tensor in (wrap(a) for a in arrays):
        if not tensor.is_floating_point():
            raise RuntimeError(
                "linalg.vector_norm: Expected a floating point or complex tensor as input. "
                f"Got {tensor.dtype.legacy_name}"
            )
    order = float(norm_type)
    dtype = np.result_type(*(a.dtype for a in arrays)) if arrays else np.dtype(np.float32)
    norms = np.array([_norm(a, order) for a in arrays], dtype)
    total = wrap(_norm(norms, order))
    if error_if_nonfinite and not np.isfinite(total._data):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def _norm(a: np.ndarray, order: float) -> np.ndarray:
    """The norm of an array's elements, in its dtype; at least float32 on the way."""
    if not a.size:
        return np.zeros((), a.dtype)
    wide = a if a.dtype.itemsize >= 4 else a.astype(np.float32)
    with np.errstate(all="ignore"):
        return np.asarray(np.linalg.norm(wide.ravel(), order)).astype(a.dtype)


def _parameters(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """One parameter or several, as a list."""
    if isinstance(parameters, Tensor):
        return [parameters]
    listed = list(parameters)
    if not listed and isinstance(parameters, GeneratorType):
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    return listed


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales all gradients, in place, by one factor so that their common norm is at most ``max_norm``.

    Pascanu, Mikolov and Bengio, 2013, "On the difficulty of training recurrent neural networks", section 3.2.

    Args:
        parameters: one tensor or several; those without a gradient are left out.
        max_norm: the limit.
        norm_type: the order of the norm; may be inf.
        error_if_nonfinite: whether a norm that is inf or nan is an error (raised before anything is changed).
        foreach: accepted; it chooses PyTorch's kernel and changes no result.

    Returns:
        The norm before scaling, a zero-dim tensor.

    >>> import minitorch_bn as torch
    >>> w = torch.zeros(2, requires_grad=True)
    >>> w.grad = torch.tensor([30.0, 40.0])
    >>> torch.nn.utils.clip_grad_norm_(w, max_norm=5.0), w.grad
    (tensor(50.), tensor([3.0000, 4.0000]))
    """
    listed = _parameters(parameters)
    gradients = [p.grad for p in listed if p.grad is not None]
    total_norm = get_total_norm(gradients, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(listed, max_norm, total_norm, foreach)
    return total_norm


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """Deprecated: ``clip_grad_norm_``."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(*args, **kwargs)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scales all gradients, in place, by ``max_norm / (total_norm + 1e-6)`` if that is below 1.

    >>> import minitorch_bn as torch
    >>> w = torch.ones(2, requires_grad=True); w.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grads_with_norm_([w], 1.0, torch.tensor(5.0)); w.grad
    tensor([0.6000, 0.8000])
    """
    factor = (float(max_norm) / (total_norm + 1e-6)).item()
    if factor >= 1:
        return
    with np.errstate(invalid="ignore"):  # infinite gradients become nan, as PyTorch's do
        for a in _gradients(parameters):
            a *= factor


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Limits every element of every gradient, in place, to ``[-clip_value, clip_value]``.

    >>> import minitorch_bn as torch
    >>> w = torch.zeros(2, requires_grad=True)
    >>> w.grad = torch.tensor([0.5, -3.0])
    >>> torch.nn.utils.clip_grad_value_(w, 1.0); w.grad
    tensor([ 0.5000, -1.0000])
    """
    limit = float(clip_value)
    for a in _gradients(parameters):
        if a.dtype.kind == "f":
            a[...] = elementwise.clamp(a, -limit, limit)
        else:
            np.minimum(np.maximum(a, -limit, out=a), limit, out=a)


def _gradients(parameters: Any) -> Iterable[np.ndarray]:
    """The arrays of the gradients there are, each counted as changed."""
    for p in [parameters] if isinstance(parameters, Tensor) else parameters:
        if p.grad is not None:
            p.grad._version_counter[0] += 1
            yield p.grad._data
