"""How far vectors are apart, and vectors of length 1. Compositions: their derivatives come from their parts."""

from __future__ import annotations

from typing import Any

from minitorch_bn.ops._common import promoted, require_tensor


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None) -> Any:
    """input / max(its p-norm along ``dim``, eps).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    require_tensor("normalize", input)
    result = input / input.norm(p, dim, keepdim=True).clamp(min=eps).expand_as(input)
    return result if out is None else out.copy_(result)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between x1 and x2 along ``dim``; norms are taken as at least eps.

    x1 and x2 are broadcast first. Raises RuntimeError if that is impossible or both hold integers.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.cosine_similarity(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    require_tensor("cosine_similarity", x1, "x1")
    require_tensor("cosine_similarity", x2, "x2", 2)
    x1, x2 = promoted(x1, x2)
    if x1._data.dtype.kind in "iub":
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {x1.dtype.legacy_name}")
    product = x1 * x2
    if not product._data.ndim:
        x1, x2, product, dim = x1.reshape(1), x2.reshape(1), product.reshape(1), dim
    x1, x2 = x1.expand_as(product), x2.expand_as(product)
    norms = [x.norm(2, dim, keepdim=True).clamp(min=eps) for x in (x1, x2)]
    return ((x1 / norms[0]) * (x2 / norms[1])).sum(dim)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of x1 - x2 + eps along the last dimension; x1 and x2 are broadcast.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.pairwise_distance(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0]]))
    tensor([5.0000])
    """
    require_tensor("pairwise_distance", x1, "x1")
    require_tensor("pairwise_distance", x2, "x2", 2)
    difference = x1 - x2 + eps
    return difference.norm(p, -1 if difference._data.ndim else (), keepdim)
