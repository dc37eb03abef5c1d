"""Matrices as products of simpler ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn import return_types
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.ops._common import not_implemented, require_tensor


class Svd(Operator, name="LinalgSvdBackward0"):
    """A = U diag(s) V^T, singular values in descending order, of which only min(m, n) are kept.

    With K(X) = (X - X^T) / (s_j^2 - s_i^2), 0 on the diagonal, and du, ds, dv the gradients (Townsend 2016,
    "Differentiating the singular value decomposition", equations 16 to 18):

    dA = U (K(U^T du) diag(s) + diag(s) K(V^T dv) + diag(ds)) V^T + (1 - U U^T) du s^-1 V^T + U s^-1 dv^T (1 - V V^T)
    """

    materialize_grads = False

    def forward(ctx, a):
        y = tuple(np.linalg.svd(a, full_matrices=False))
        ctx.save_for_backward(*y)
        return y

    def backward(ctx, du, ds, dvh):
        u, s, vh = ctx.saved_tensors
        k = s.shape[-1]
        middle = s.new_zeros((*s.shape, k)) if ds is None else ds.diag_embed()
        square = s * s
        gaps = square.unsqueeze(-2) - square.unsqueeze(-1)
        gaps = gaps + wrap(np.eye(s.shape[-1], dtype=s._data.dtype))  # the diagonal of X - X^T is 0

        def turned(basis: Any, g: Any) -> Any:
            x = basis.mT @ g
            return (x - x.mT) / gaps

        rows = s.unsqueeze(-2)
        if du is not None:
            middle = middle + turned(u, du) * rows
        if dvh is not None:
            middle = middle + s.unsqueeze(-1) * turned(vh.mT, dvh.mT)
        da = u @ middle @ vh
        if du is not None and u.shape[-2] > k:
            da = da + _outside(u, du / rows) @ vh
        if dvh is not None and vh.shape[-1] > k:
            da = da + u @ _outside(vh.mT, dvh.mT / rows).mT
        return da


def _outside(basis: Any, g: Any) -> Any:
    """(1 - U U^T) g: what lies outside the space that the columns of U span."""
    return g - basis @ (basis.mT @ g)


# -- functions and methods ---------------------------------------------------------------------------------------


def linalg_svd(A: Any, full_matrices: bool = True) -> Any:
    """(U, S, Vh) with A = U diag(S) Vh: singular values S in descending order, orthonormal columns of U and V.

    A is (*, m, n). With ``full_matrices=False`` only min(m, n) columns are kept, which is what has a derivative.

    >>> import minitorch_bn as torch
    >>> torch.linalg.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    a = _matrices("linalg.svd", A)
    if full_matrices and a.shape[-2] != a.shape[-1]:
        if A.requires_grad:
            raise NotImplementedError("linalg.svd: only full_matrices=False has a derivative here")
        parts: Any = map(wrap, np.linalg.svd(a))
    else:
        parts = Svd.apply(A)
    return return_types.linalg_svd(parts)


def linalg_svdvals(A: Any) -> Any:
    """The singular values of matrices (*, m, n), in descending order.

    >>> import minitorch_bn as torch
    >>> torch.linalg.svdvals(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    _matrices("linalg.svd", A)
    return Svd.apply(A)[1]


def svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """(U, S, V) with input = U diag(S) V^T; ``torch.linalg.svd`` has replaced it.

    >>> import minitorch_bn as torch
    >>> torch.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    if not compute_uv:
        raise NotImplementedError("svd(compute_uv=False): use torch.linalg.svdvals")
    u, s, vh = linalg_svd(input, full_matrices=not some)
    return return_types.svd((u, s, vh.mT))


def _matrices(name: str, A: Any) -> np.ndarray:
    require_tensor(name.replace(".", "_"), A, "A")
    if A._data.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if A.dtype.category < 2:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {A.dtype.legacy_name}")
    if A._data.dtype.itemsize < 4:
        raise not_implemented("linalg_svd_cpu", A.dtype)
    return A._data
