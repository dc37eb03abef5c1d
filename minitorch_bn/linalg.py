"""``torch.linalg``: norms, determinants, inverses, linear systems."""

from __future__ import annotations

from typing import Any

from minitorch_bn._out import with_out
from minitorch_bn.dtypes import dtype as DType
from minitorch_bn.ops._common import (
    canonical_dim,
    canonical_dims,
    is_number,
    require_tensor,
    restore_dims,
    type_name,
)
from minitorch_bn.ops.decomposition import linalg_svd as svd
from minitorch_bn.ops.decomposition import linalg_svdvals as svdvals
from minitorch_bn.ops.linalg import matmul
from minitorch_bn.ops.matrix import LinAlgError, det, inv, matrix_power, slogdet, solve
from minitorch_bn.ops.matrix import linalg_cross as cross
from minitorch_bn.ops.reduction import check_precision
from minitorch_bn.ops.shape import diagonal as _diagonal

__all__ = [
    "LinAlgError", "cross", "det", "diagonal", "inv", "matmul", "matrix_norm", "matrix_power", "multi_dot", "norm",
    "slogdet", "solve", "svd", "svdvals", "vecdot", "vector_norm",
]  # fmt: skip


def _require_floating(name: str, A: Any, dtype: DType | None) -> Any:
    """A in the dtype to compute in."""
    require_tensor(f"linalg_{name}", A, "A" if name == "matrix_norm" else "self")
    if A.dtype.category < 2:
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {A.dtype.legacy_name}"
        )
    if dtype is not None and dtype.itemsize < A.dtype.itemsize:
        raise RuntimeError(
            f"linalg.{name}: the dtype of the input ({A.dtype.legacy_name}) should be convertible without narrowing to "
            f"the specified dtype ({dtype.legacy_name})"
        )
    return A if dtype is None else A.to(dtype)


def vector_norm(x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Any:
    """(sum |x|^ord)^(1/ord) over ``dim`` (None: everything); inf and -inf mean the largest and smallest |x|.

    >>> import minitorch_bn as torch
    >>> torch.linalg.vector_norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if not is_number(ord):
        raise TypeError(f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type_name(ord)}")
    x = _require_floating("vector_norm", x, dtype)
    if ord < 0 or ord == float("inf"):
        dims = canonical_dims(dim, x.ndim)
        text = f"linalg.vector_norm cannot compute the {ord:g} norm on "
        if dim is None and not x.numel():
            raise RuntimeError(f"{text}an empty tensor because the operation does not have an identity")
        for d in dims:
            if not x.shape[d]:
                raise RuntimeError(
                    f"{text}the dimension {d}because this dimension is empty and the operation does not have an "
                    "identity"
                )
    return x.norm(ord, dim, keepdim)


def matrix_norm(
    A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: DType | None = None
) -> Any:
    """A norm of matrices: "fro" (all elements), 1 and -1 (column sums), inf and -inf (row sums).

    2, -2 and "nuc" are the largest, the smallest and the sum of all singular values.

    >>> import minitorch_bn as torch
    >>> torch.linalg.matrix_norm(torch.tensor([[1.0, -2.0], [3.0, 4.0]]), ord=1)
    tensor(6.)
    """
    require_tensor("linalg_matrix_norm", A, "A")
    if A.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if isinstance(dim, int) or len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    if (ord if isinstance(ord, str) else abs(ord)) not in ("fro", "nuc", 1, 2, float("inf")):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    A = _require_floating("matrix_norm", A, dtype)
    row, column = (canonical_dim(d, A.ndim) for d in dim)
    if row == column:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        return A.norm(2, (row, column), keepdim)
    if ord == "nuc":
        return A.norm("nuc", (row, column), keepdim)
    if ord in (2, -2):
        check_precision("linalg.matrix_norm", A)
        values = svdvals(A.movedim((row, column), (-2, -1)))
        extreme = _extreme(values, -1, False, ord)
        return restore_dims(extreme, A.shape, (row, column), False) if keepdim else extreme
    summed, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = A.norm(1, summed, keepdim)
    place = compared if keepdim or compared < summed else compared - 1
    return _extreme(sums, place, keepdim, ord)


def _extreme(values: Any, dim: int, keepdim: bool, ord: float) -> Any:
    """The largest value for a positive order, the smallest for a negative one; the largest of none is 0."""
    if ord < 0:
        return values.amin(dim, keepdim)
    return values.amax(dim, keepdim) if values.shape[dim] else values.sum(dim, keepdim)


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Any:
    """The vector norm, or where a matrix and an order are given (or two dimensions) the matrix norm.

    >>> import minitorch_bn as torch
    >>> torch.linalg.norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    pair = isinstance(dim, (tuple, list)) and len(dim) == 2
    if dim is None and not isinstance(ord, str) and A.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    if isinstance(ord, str) or pair or (dim is None and A.ndim == 2):
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonal of matrices, as the last dimension; a view.

    >>> import minitorch_bn as torch
    >>> torch.linalg.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return _diagonal(A, offset, dim1, dim2)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """Inner products of vectors along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.linalg.vecdot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return (x * y).sum(dim)


def multi_dot(tensors: Any) -> Any:
    """The product of a list of matrices in the cheapest order; the first and last may be vectors.

    Cormen et al., Introduction to Algorithms, section 15.2.

    >>> import minitorch_bn as torch
    >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)])
    tensor([[12.],
            [12.]])
    """
    parts = list(tensors)
    if len(parts) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(parts)}")
    row, column = parts[0].ndim == 1, parts[-1].ndim == 1
    parts[0] = parts[0].unsqueeze(0) if row else parts[0]
    parts[-1] = parts[-1].unsqueeze(1) if column else parts[-1]
    sizes = [p.shape[0] for p in parts] + [parts[-1].shape[1]]
    best: dict = {}

    def product(i: int, j: int) -> tuple[int, Any]:
        """(cost, where the last product is taken) for parts i to j."""
        if i == j:
            return 0, None
        if (i, j) not in best:
            ends = sizes[i] * sizes[j + 1]
            best[i, j] = min((product(i, k)[0] + product(k + 1, j)[0] + ends * sizes[k + 1], k) for k in range(i, j))
        return best[i, j]

    def multiplied(i: int, j: int) -> Any:
        cut = product(i, j)[1]
        return parts[i] if cut is None else multiplied(i, cut) @ multiplied(cut + 1, j)

    result = multiplied(0, len(parts) - 1)
    result = result.squeeze(0) if row else result
    return result.squeeze(-1) if column else result


# All of them take ``out``, but for the one that gives a view.
for _name in __all__:
    if _name not in ("LinAlgError", "diagonal"):
        globals()[_name] = with_out(globals()[_name], name=f"linalg.{_name}")
