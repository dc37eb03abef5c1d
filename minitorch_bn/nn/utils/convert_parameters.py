"""All parameters as one vector, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitorch_bn._tensor import Tensor
from minitorch_bn.ops.shape import cat

if TYPE_CHECKING:
    from collections.abc import Iterable


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters in one vector, on the tape.

    >>> import minitorch_bn as torch
    >>> torch.nn.utils.parameters_to_vector([torch.tensor([[1.0, 2.0]]), torch.tensor(3.0)])
    tensor([1., 2., 3.])
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Cuts a vector into the parameters, whose memory is the vector's from then on.

    Raises:
        TypeError: ``vec`` is no tensor.
        RuntimeError: the vector is too short, or no vector. Nothing is changed then.

    >>> import minitorch_bn as torch
    >>> weight, bias = torch.zeros(1, 2), torch.zeros(1)
    >>> torch.nn.utils.vector_to_parameters(torch.tensor([1.0, 2.0, 3.0]), [weight, bias]); weight, bias
    (tensor([[1., 2.]]), tensor([3.]))
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start, parts = 0, []
    for p in parameters:
        part = vec.data[start : start + p.numel()]
        parts.append((p, part.view(p.shape)))
        start += p.numel()
    for p, part in parts:
        p.data = part
