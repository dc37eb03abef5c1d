"""Matrices as a whole: diagonals and traces, sums with products, determinants, inverses and linear systems."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn import return_types
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.ops._common import (
    accumulator,
    c_name,
    canonical_dim,
    not_implemented,
    operands,
    promoted,
    require_tensor,
    require_tensors,
)


class Trace(Operator):
    """sum_i a_ii;  da = g on the diagonal"""

    def forward(ctx, a):
        ctx.shape = a.shape
        return np.trace(a, dtype=accumulator(a)).astype(a.dtype)

    def backward(ctx, g):
        return g * wrap(np.eye(*ctx.shape, dtype=g._data.dtype))


class DiagEmbed(Operator):
    """zeros with the last dimension of a on the diagonal of two new ones;  da = that diagonal of g"""

    options = 3

    def forward(ctx, a, offset, dim1, dim2):
        ctx.place = (offset, dim1, dim2)
        n = a.shape[-1] + abs(offset)
        out = np.zeros((*a.shape[:-1], n, n), a.dtype)
        i = np.arange(a.shape[-1])
        out[..., i + max(-offset, 0), i + max(offset, 0)] = a
        return np.ascontiguousarray(np.moveaxis(out, (-2, -1), (dim1, dim2)))

    def backward(ctx, g):
        return g.diagonal(*ctx.place)


class Cross(Operator, name="LinalgCrossBackward0"):
    """the cross product along a dimension;  da = b x g,  db = g x a"""

    options = 1

    def forward(ctx, a, b, dim):
        ctx.save_for_backward(a, b)
        ctx.dim = dim
        a, b = np.broadcast_arrays(a, b)
        one = [np.take(a, [k], dim) for k in range(3)]
        two = [np.take(b, [k], dim) for k in range(3)]
        parts = [one[i] * two[j] - one[j] * two[i] for i, j in ((1, 2), (2, 0), (0, 1))]
        return np.concatenate(parts, dim)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        shape = g.shape
        da = Cross.apply(b.expand(shape), g, ctx.dim) if need_a else None
        return da, Cross.apply(g, a.expand(shape), ctx.dim) if need_b else None


class Addmv(Operator):
    """beta c + alpha A b;  dc = beta g,  dA = alpha g b^T,  db = alpha A^T g"""

    options = 2

    def forward(ctx, c, a, b, beta, alpha):
        ctx.save_for_backward(a, b)
        ctx.beta, ctx.alpha = beta, alpha
        product = (np.matmul(a, b) * a.dtype.type(alpha)).astype(a.dtype, copy=False)
        return product if beta == 0 else product + c * c.dtype.type(beta)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_c, need_a, need_b = ctx.needs_input_grad
        scaled = g * ctx.alpha
        dc = g * ctx.beta if need_c else None
        return dc, scaled.outer(b) if need_a else None, a.t().mv(scaled) if need_b else None


class Addr(Operator):
    """beta c + alpha a b^T;  dc = beta g,  da = alpha g b,  db = alpha g^T a"""

    options = 2

    def forward(ctx, c, a, b, beta, alpha):
        ctx.save_for_backward(a, b)
        ctx.beta, ctx.alpha = beta, alpha
        product = np.multiply(np.multiply.outer(a, b), a.dtype.type(alpha))
        return product if beta == 0 else product + c * c.dtype.type(beta)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_c, need_a, need_b = ctx.needs_input_grad
        scaled = g * ctx.alpha
        dc = g * ctx.beta if need_c else None
        return dc, scaled.mv(b) if need_a else None, scaled.t().mv(a) if need_b else None


class Addbmm(Operator):
    """beta c + alpha sum_k A_k B_k;  dc = beta g,  dA_k = alpha g B_k^T,  dB_k = alpha A_k^T g"""

    options = 2

    def forward(ctx, c, a, b, beta, alpha):
        ctx.save_for_backward(a, b)
        ctx.beta, ctx.alpha = beta, alpha
        product = np.matmul(a, b).sum(0, dtype=accumulator(a)).astype(a.dtype, copy=False) * a.dtype.type(alpha)
        return product if beta == 0 else product + c * c.dtype.type(beta)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_c, need_a, need_b = ctx.needs_input_grad
        scaled = g * ctx.alpha
        dc = g * ctx.beta if need_c else None
        return dc, scaled.matmul(b.mT) if need_a else None, a.mT.matmul(scaled) if need_b else None


class BlockDiag(Operator):
    """matrices one after the other down the diagonal, zeros elsewhere;  each gets its block of g"""

    def forward(ctx, *parts):
        ctx.shapes = [p.shape for p in parts]
        out = np.zeros(np.sum([p.shape for p in parts], axis=0), parts[0].dtype)
        for part, (row, column) in zip(parts, _corners(ctx.shapes)):
            out[row : row + part.shape[0], column : column + part.shape[1]] = part
        return out

    def backward(ctx, g):
        blocks = zip(ctx.shapes, _corners(ctx.shapes), ctx.needs_input_grad)
        return tuple(
            g[row : row + n, column : column + m] if needed else None for (n, m), (row, column), needed in blocks
        )


def _corners(shapes: list) -> list:
    return [tuple(sum(s[d] for s in shapes[:i]) for d in (0, 1)) for i in range(len(shapes))]


class Inv(Operator, name="LinalgInvExBackward0"):
    """y = a^-1;  da = -y^T g y^T"""

    def forward(ctx, a):
        y = np.linalg.inv(a)
        ctx.save_for_backward(y)
        return y

    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return -(y.mT @ g @ y.mT)


class Solve(Operator, name="LinalgSolveExBackward0"):
    """y with A y = b;  db = A^-T g,  dA = -db y^T"""

    def forward(ctx, a, b):
        y = np.linalg.solve(a, b)
        ctx.save_for_backward(a, y)
        return y

    def backward(ctx, g):
        a, y = ctx.saved_tensors
        db = Solve.apply(a.mT, g)
        return -(db @ y.mT) if ctx.needs_input_grad[0] else None, db


class Det(Operator, name="LinalgDetBackward0"):
    """the product of the eigenvalues y;  da = g cof(a), which is y a^-T where a is regular"""

    def forward(ctx, a):
        y = np.asarray(np.linalg.det(a))
        ctx.save_for_backward(a, y)
        return y

    def backward(ctx, g):
        a, y = ctx.saved_tensors
        if y._data.all():
            return (g * y)[..., None, None] * Inv.apply(a).mT
        return g[..., None, None] * _cofactors(a)


def _cofactors(a: Any) -> Any:
    """d det(a) / da: determinants of what remains without one row and one column, right for singular matrices too."""
    n = a._data.shape[-1]
    others = [[k for k in range(n) if k != i] for i in range(n)]
    rows = np.array(others).reshape(n, 1, n - 1, 1)
    columns = np.array(others).reshape(1, n, 1, n - 1)
    signs = wrap((1 - 2 * (np.add.outer(np.arange(n), np.arange(n)) % 2)).astype(a._data.dtype))
    return signs * Det.apply(a[..., wrap(rows.astype(np.int64)), wrap(columns.astype(np.int64))])


class Slogdet(Operator, name="LinalgSlogdetBackward0"):
    """the sign of the determinant and the logarithm of its size;  da = g a^-T, of the logarithm"""

    def forward(ctx, a):
        ctx.save_for_backward(a)
        sign, logabsdet = np.linalg.slogdet(a)
        return np.asarray(sign), np.asarray(logabsdet)

    def backward(ctx, _, g):
        (a,) = ctx.saved_tensors
        return g[..., None, None] * Inv.apply(a).mT


# -- functions and methods ---------------------------------------------------------------------------------------


def trace(input: Any) -> Any:
    """The sum of a matrix's diagonal.

    >>> import minitorch_bn as torch
    >>> torch.trace(torch.eye(3))
    tensor(3.)
    """
    require_tensor("trace", input)
    if input._data.dtype.kind == "b":
        raise not_implemented("trace", input.dtype)
    if input._data.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._data.ndim}")
    return Trace.apply(input.long() if input.dtype.category == 1 else input)


def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix (a copy), or the matrix with a vector on its diagonal.

    >>> import minitorch_bn as torch
    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    require_tensor("diag", input)
    ndim = input._data.ndim
    if ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    return diag_embed(input, diagonal) if ndim == 1 else input.diagonal(diagonal).clone()


def diagflat(input: Any, offset: int = 0) -> Any:
    """The matrix with all elements on its diagonal.

    >>> import minitorch_bn as torch
    >>> torch.diagflat(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    require_tensor("diagflat", input)
    return diag_embed(input.reshape(-1), offset)


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices with the last dimension of ``input`` on the diagonal; their rows and columns are dim1 and dim2.

    >>> import minitorch_bn as torch
    >>> torch.diag_embed(torch.tensor([[1, 2]]), offset=1)
    tensor([[[0, 1, 0],
             [0, 0, 2],
             [0, 0, 0]]])
    """
    require_tensor("diag_embed", input)
    n = input._data.ndim + 1
    for dim in (dim1, dim2):
        canonical_dim(dim, n) if n > 1 else _refuse_dim(dim)
    d1, d2 = dim1 % n, dim2 % n
    if d1 == d2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return DiagEmbed.apply(input, offset, d1, d2)


def _refuse_dim(dim: int) -> None:
    raise IndexError(f"Dimension out of range (expected to be in range of [-1, 0], but got {dim})")


def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The cross product of vectors of three along ``dim`` (default: the first dimension of size 3).

    >>> import minitorch_bn as torch
    >>> torch.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    require_tensors("cross", input=input, other=other)
    if dim is None:
        dim = next((d for d, n in enumerate(input._data.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(input, other, dim=dim)


def linalg_cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross product of vectors of three along ``dim``; other dimensions broadcast.

    >>> import minitorch_bn as torch
    >>> torch.linalg.cross(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    require_tensors("linalg_cross", input=input, other=other)
    if input._data.ndim != other._data.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    d = canonical_dim(dim, input._data.ndim)
    sizes = (input._data.shape[d], other._data.shape[d]) if input._data.ndim else (1, 1)
    if sizes != (3, 3):
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes[0]} and {sizes[1]}")
    a, b = operands(input, other)
    if a._data.dtype.kind == "b":
        raise not_implemented("cross", a.dtype)
    return Cross.apply(a, b, d)


def vdot(input: Any, other: Any) -> Any:
    """The inner product of two vectors: ``dot``, since numbers are real here.

    >>> import minitorch_bn as torch
    >>> torch.vdot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    require_tensor("vdot", input)
    return input.dot(other)


def _one_dtype(text: str, *tensors: Any) -> None:
    if any(t._data.dtype != tensors[0]._data.dtype for t in tensors):
        raise RuntimeError(text)


def _factors(input: Any, beta: Any, alpha: Any) -> tuple:
    """Factors of integers lose their fractions."""
    return (beta, alpha) if input.dtype.category == 2 else (int(beta), int(alpha))


def addmv(input: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * mat @ vec.

    >>> import minitorch_bn as torch
    >>> torch.addmv(torch.ones(2), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 1.0]))
    tensor([4., 8.])
    """
    require_tensors("addmv", input=input, mat=mat, vec=vec)
    if mat._data.ndim != 2 or vec._data.ndim != 1 or input._data.ndim > 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {input._data.ndim}, {mat._data.ndim}, {vec._data.ndim}"
        )
    (n, m), k = mat._data.shape, input._data.size
    if m != vec._data.size or k not in (1, n):
        raise RuntimeError(f"size mismatch, got input ({k}), mat ({n}x{m}), vec ({vec._data.size})")
    names = [t.dtype.legacy_name for t in (input, mat, vec)]
    _one_dtype("addmv input tensors must have the same dtype, but got {}, {}, and {}".format(*names), input, mat, vec)
    return Addmv.apply(input.expand(n), mat, vec, *_factors(mat, beta, alpha))


def addr(input: Any, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * the outer product of vec1 and vec2.

    >>> import minitorch_bn as torch
    >>> torch.addr(torch.zeros(2, 2), torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    require_tensors("addr", input=input, vec1=vec1, vec2=vec2)
    for name, vec in (("vec1", vec1), ("vec2", vec2)):
        if vec._data.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {vec._data.ndim}-D")
    c, a, b = promoted(input.expand(vec1._data.size, vec2._data.size), vec1, vec2)
    return Addr.apply(c, a, b, *_factors(c, beta, alpha))


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * the sum of batch1[k] @ batch2[k].

    >>> import minitorch_bn as torch
    >>> torch.addbmm(torch.zeros(2, 2), torch.ones(3, 2, 4), torch.ones(3, 4, 2))
    tensor([[12., 12.],
            [12., 12.]])
    """
    require_tensors("addbmm", input=input, batch1=batch1, batch2=batch2)
    for name, batch in (("batch1", batch1), ("batch2", batch2)):
        if batch._data.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    (k, n, m), (k2, m2, p) = batch1._data.shape, batch2._data.shape
    if k != k2:
        raise RuntimeError(f"batch1 and batch2 must have same number of batches, got {k} and {k2}")
    if m != m2:
        raise RuntimeError(f"Incompatible matrix sizes for bmm ({n}x{m} and {m2}x{p})")
    c = input.expand(n, p)
    names = [c_name(t.dtype) for t in (input, batch1, batch2)]
    _one_dtype("Input dtypes must be the same, got: input {}, batch1: {}, batch2: {}".format(*names), c, batch1, batch2)
    return Addbmm.apply(c, batch1, batch2, *_factors(c, beta, alpha))


def block_diag(*tensors: Any) -> Any:
    """Matrices (vectors count as rows) down the diagonal of a larger one, zeros elsewhere.

    >>> import minitorch_bn as torch
    >>> torch.block_diag(torch.ones(1, 2), torch.tensor(3.0))
    tensor([[1., 1., 0.],
            [0., 0., 3.]])
    """
    for i, t in enumerate(tensors):
        if t._data.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
                f"Input {i} has {t._data.ndim} dimensions"
            )
    if not tensors:
        from minitorch_bn.dtypes import get_default_dtype

        return wrap(np.zeros((1, 0), get_default_dtype().numpy))
    parts = promoted(*tensors)
    return BlockDiag.apply(*(t if t._data.ndim == 2 else t.reshape(1, t._data.size) for t in parts))


# -- linalg: the functions that minitorch_bn.linalg shows ------------------------------------------------------------


class LinAlgError(RuntimeError):
    """A matrix has no inverse.

    >>> import minitorch_bn as torch
    >>> issubclass(torch.linalg.LinAlgError, RuntimeError)
    True
    """


def _square(name: str, a: Any) -> None:
    require_tensor(f"linalg_{name}", a, "A")
    data = a._data
    if data.ndim < 2:
        raise RuntimeError(f"linalg.{name}: The input tensor A must have at least 2 dimensions.")
    if data.shape[-1] != data.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {data.shape[-2]} by {data.shape[-1]} "
            "matrices"
        )
    if data.dtype.kind in "iub":
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {a.dtype.legacy_name}"
        )
    if data.dtype.itemsize == 2:
        raise RuntimeError(f"linalg.{name}: Low precision dtypes not supported. Got {a.dtype.legacy_name}")


def det(A: Any) -> Any:
    """The determinant of square matrices (..., n, n).

    >>> import minitorch_bn as torch
    >>> torch.linalg.det(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    _square("det", A)
    return Det.apply(A)


def slogdet(A: Any) -> Any:
    """(sign, logabsdet): the sign of the determinant and the logarithm of its absolute value.

    >>> import minitorch_bn as torch
    >>> torch.slogdet(torch.tensor([[0.0, 1.0], [2.0, 0.0]])).logabsdet
    tensor(0.6931)
    """
    _square("slogdet", A)
    return return_types.linalg_slogdet(Slogdet.apply(A))


def logdet(input: Any) -> Any:
    """The logarithm of the determinant; NaN where it is negative.

    >>> import minitorch_bn as torch
    >>> torch.logdet(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor(1.7918)
    """
    sign, logabsdet = slogdet(input)
    return logabsdet.where(sign >= 0, float("nan"))


def inv(A: Any) -> Any:
    """The inverse of square matrices; LinAlgError where there is none.

    >>> import minitorch_bn as torch
    >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    _square("inv", A)
    try:
        return Inv.apply(A)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.inv: The inversion could not be completed because the input matrix is singular."
        ) from None


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """X with A @ X = B, or with ``left=False`` X @ A = B; B is a vector or holds matrices.

    >>> import minitorch_bn as torch
    >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    _square("solve", A)
    require_tensor("linalg_solve", B, "B", 2)
    n = A._data.shape[-1]
    if A._data.dtype != B._data.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype.legacy_name} and B "
            f"of type {B.dtype.legacy_name} instead"
        )
    vector = B._data.ndim == 1 or (A._data.ndim == B._data.ndim + 1 and B._data.shape == A._data.shape[:-1])
    b = B.unsqueeze(-1) if vector else B
    rows = b._data.shape[-2] if left or vector else b._data.shape[-1]
    if rows != n:
        form = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {form} ({n}x{n} and "
            f"{b._data.shape[-2]}x{b._data.shape[-1]})"
        )
    try:
        x = Solve.apply(A, b) if left or vector else Solve.apply(A.mT, b.mT).mT
    except np.linalg.LinAlgError:
        raise LinAlgError("torch.linalg.solve: The solver failed because the input matrix is singular.") from None
    return x.squeeze(-1) if vector else x


def matrix_power(input: Any, n: int) -> Any:
    """A square matrix times itself, n times; negative n: of the inverse.

    >>> import minitorch_bn as torch
    >>> torch.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    _square("matrix_power", input)
    if n == 0:
        return input.clone().copy_(wrap(np.eye(input._data.shape[-1], dtype=input._data.dtype)))
    if n == -1:
        return inv(input)
    if n < 0:
        return matrix_power(inv(input), -n)
    if n == 1:
        return input.clone()
    half = matrix_power(input, n // 2)
    return half @ half @ input if n % 2 else half @ half
