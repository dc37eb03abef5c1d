"""Matrix products."""

from __future__ import annotations

from types import NoneType
from typing import Any

import numpy as np

from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.kernels import blas
from minitorch_bn.ops._common import accumulator, c_name, not_implemented, operands, require_tensors
from minitorch_bn.size import broadcast_shapes


class Dot(Operator):
    """sum_i a_i b_i;  da = g b,  db = g a"""

    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return blas.matmul(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        return g * b if need_a else None, g * a if need_b else None


class Mv(Operator):
    """A b;  dA = g b^T,  db = A^T g"""

    def forward(ctx, a, b):
        need_a, need_b = ctx.needs_input_grad
        ctx.save_for_backward(a if need_b else None, b if need_a else None)
        return blas.matmul(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        return g.outer(b) if need_a else None, a.t().mv(g) if need_b else None


class Vm(Mv, name="SqueezeBackward4"):
    """a B for a vector a;  da = B g,  dB = a g^T"""

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        return b.mv(g) if need_a else None, a.outer(g) if need_b else None


class Mm(Operator):
    """A B, for matrices or batches of them;  dA = g B^T,  dB = A^T g"""

    def forward(ctx, a, b):
        need_a, need_b = ctx.needs_input_grad
        ctx.save_for_backward(a if need_b else None, b if need_a else None)
        return blas.matmul(a, b)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        return g.matmul(b.mT) if need_a else None, a.mT.matmul(g) if need_b else None


class Bmm(Mm):
    """A B for batches of matrices, with broadcasting over the batch"""

    __slots__ = ()


class BatchedMatmul(Bmm, name="UnsafeViewBackward0"):
    """A B as ``matmul`` names it"""

    __slots__ = ()


class Addmm(Operator):
    """beta c + alpha A B, for matrices or batches;  dc = beta g,  dA = alpha g B^T,  dB = alpha A^T g"""

    options = 2

    def forward(ctx, c, a, b, beta, alpha):
        ctx.save_for_backward(a, b)
        ctx.beta, ctx.alpha = beta, alpha
        kind = a.dtype.type
        product = blas.matmul(a, b) if alpha == 1 else blas.matmul(a, b) * kind(alpha)
        if beta == 0:
            return product  # whatever c is, NaN included
        return product + (c if beta == 1 else c * kind(beta))

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        need_c, need_a, need_b = ctx.needs_input_grad
        scaled = g if ctx.alpha == 1 else g * ctx.alpha
        dc = (g if ctx.beta == 1 else g * ctx.beta) if need_c else None
        return dc, scaled.matmul(b.mT) if need_a else None, a.mT.matmul(scaled) if need_b else None


class Baddbmm(Addmm):
    """beta c + alpha A B for batches of matrices"""

    __slots__ = ()


class Linear(Operator, name="AddmmBackward0"):
    """b + x W^T over the last dimension of x;  db = sum g,  dx = g W,  dW = g^T x"""

    def forward(ctx, bias, x, weight):
        _, need_x, need_weight = ctx.needs_input_grad
        ctx.save_for_backward(x if need_weight else None, weight if need_x else None)
        y = blas.matmul(x, weight.T)
        if bias is not None:
            y += bias
        return y

    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        return LinearBackward.apply(g, x, weight, ctx.needs_input_grad)


class LinearBackward(Operator, name="AddmmBackward0Backward0"):
    """db = sum g,  dx = g W,  dW = g^T x: those that are ``wanted``, None for the others

    Linear in g, and in x and W each: for the gradients u, v, V that arrive for these three, in this order, g gets
    u + v W^T + x V^T, x gets g V, and W gets g^T v.
    """

    options = 1

    def forward(ctx, g, x, weight, wanted):
        ctx.save_for_backward(g, x, weight)
        want_bias, want_x, want_weight = ctx.wanted = wanted
        rows = g if g.ndim == 2 else g.reshape(-1, g.shape[-1])  # (..., out) -> (rows, out)
        db = dx = dweight = None
        if want_bias:
            db = np.add.reduce(rows, 0, accumulator(rows)).astype(rows.dtype, copy=False)
        if want_x:
            dx = blas.matmul(g, weight)
        if want_weight:
            dweight = blas.matmul(rows.T, x if x.ndim == 2 else x.reshape(-1, x.shape[-1]))
        return db, dx, dweight

    def backward(ctx, u, v, dv):
        g, x, weight = ctx.saved_tensors
        need_g, need_x, need_weight = ctx.needs_input_grad
        terms = []
        if ctx.wanted[0]:
            terms.append(u.expand(g.shape))
        if ctx.wanted[1]:
            terms.append(v.matmul(weight.t()))
        if ctx.wanted[2]:
            terms.append(x.matmul(dv.t()))
        to_x = g.matmul(dv) if need_x else None
        to_weight = _rows(g).t().mm(_rows(v)) if need_weight else None
        return sum(terms[1:], terms[0]) if need_g else None, to_x, to_weight


def _rows(t: Any) -> Any:
    """(..., n) -> (rows, n)"""
    return t if t.ndim == 2 else t.reshape(-1, t.shape[-1])


class LinearOfRows(Linear, name="ViewBackward0"):
    """b + x W^T for any number of dimensions but two"""

    __slots__ = ()


class LinearUnbiased(Linear, name="MmBackward0"):
    """x W^T"""

    __slots__ = ()


class LinearUnbiasedOfRows(Linear, name="UnsafeViewBackward0"):
    """x W^T for three dimensions or more"""

    __slots__ = ()


# -- functions and methods ---------------------------------------------------------------------------------------


def _agreed(a: Any, b: Any, kernel: str) -> tuple:
    """Products do not promote: both operands must have one dtype, as in PyTorch, and not bool."""
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {c_name(a.dtype)} != {c_name(b.dtype)}"
        )
    if a._data.dtype.kind == "b" and a._data.size and b._data.size:
        raise not_implemented(kernel, a.dtype)
    return a, b


def dot(input: Any, tensor: Any) -> Any:
    """The inner product of two 1-d tensors.

    >>> import minitorch_bn as torch
    >>> torch.dot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    require_tensors("dot", input=input, tensor=tensor)
    a, b = input, tensor
    if a._data.ndim != 1 or b._data.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a._data.ndim}D and {b._data.ndim}D tensors")
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {a.dtype.legacy_name} and {b.dtype.legacy_name}"
        )
    if a._data.shape != b._data.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {list(a._data.shape)} and src {list(b._data.shape)} to have "
            f"the same number of elements, but got {a._data.size} and {b._data.size} elements respectively"
        )
    return Dot.apply(*_agreed(a, b, "dot"))


def mv(input: Any, vec: Any) -> Any:
    """A matrix times a vector.

    >>> import minitorch_bn as torch
    >>> torch.mv(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    require_tensors("mv", input=input, vec=vec)
    a, b = input, vec
    if a._data.ndim != 2 or b._data.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {a._data.ndim}, {b._data.ndim}")
    if a._data.shape[1] != b._data.shape[0]:
        rows, columns = a._data.shape
        raise RuntimeError(f"size mismatch, got input ({rows}), mat ({rows}x{columns}), vec ({b._data.shape[0]})")
    return Mv.apply(*_agreed(a, b, "addmv_impl_cpu"))


def mm(input: Any, mat2: Any) -> Any:
    """A matrix times a matrix.

    >>> import minitorch_bn as torch
    >>> torch.mm(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    require_tensors("mm", input=input, mat2=mat2)
    a, b = input, mat2
    if a._data.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if b._data.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    _check_inner_sizes(a._data.shape, b._data.shape)
    return Mm.apply(*_agreed(a, b, "addmm_impl_cpu_"))


def _check_inner_sizes(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    if a[1] != b[0]:
        raise RuntimeError(_shapes_text(a, b))


def _shapes_text(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    return f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})"


def bmm(input: Any, mat2: Any) -> Any:
    """Matrices times matrices: (B, n, k) and (B, k, m) give (B, n, m).

    >>> import minitorch_bn as torch
    >>> torch.bmm(torch.ones(2, 1, 3), torch.ones(2, 3, 2))
    tensor([[[3., 3.]],
    <BLANKLINE>
            [[3., 3.]]])
    """
    require_tensors("bmm", input=input, mat2=mat2)
    a, b = input, mat2
    if a._data.ndim != 3 or b._data.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor" if a._data.ndim != 3 else "batch2 must be a 3D tensor")
    _check_batches(a._data.shape, b._data.shape)
    return Bmm.apply(*_agreed(a, b, "bmm"))


def _check_batches(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    if b[:2] != (a[0], a[2]):
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: [{b[0]}, "
            f"{b[1]}]."
        )


def matmul(input: Any, other: Any) -> Any:
    """The matrix product; 1-d tensors count as a row or a column, leading dimensions are batches and broadcast.

    >>> import minitorch_bn as torch
    >>> torch.ones(2, 3) @ torch.ones(3)
    tensor([3., 3.])
    """
    require_tensors("matmul", input=input, other=other)
    a, b = input, other
    m, n = a._data.ndim, b._data.ndim
    if m == 2 and n == 2:
        return mm(a, b)
    if m == 0 or n == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {m}D and {n}D")
    if m == 1 and n == 1:
        return dot(a, b)
    if m == 2 and n == 1:
        return mv(a, b)
    if m == 1 and n == 2:
        _check_inner_sizes((1, a._data.shape[0]), b._data.shape)
        return Vm.apply(*_agreed(a, b, "addmm_impl_cpu_"))
    if m == 1:
        return matmul(a.unsqueeze(0), b).squeeze(-2)
    if n == 1:
        if a._data.shape[-1] != b._data.shape[0]:
            rows, columns = a._data.size // max(a._data.shape[-1], 1), a._data.shape[-1]
            raise RuntimeError(f"size mismatch, got input ({rows}), mat ({rows}x{columns}), vec ({b._data.shape[0]})")
        return matmul(a, b.unsqueeze(1)).squeeze(-1)
    if a._data.shape[-1] != b._data.shape[-2]:
        rows = a._data.size // max(a._data.shape[-1], 1)
        if n == 2:
            raise RuntimeError(_shapes_text((rows, a._data.shape[-1]), b._data.shape))
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{b._data.shape[0]}, {a._data.shape[-1]}] "
            f"but got: [{b._data.shape[0]}, {b._data.shape[-2]}]."
        )
    broadcast_shapes(a._data.shape[:-2], b._data.shape[:-2])
    return BatchedMatmul.apply(*_agreed(a, b, "bmm"))


def outer(input: Any, vec2: Any) -> Any:
    """All products of two vectors: out[i][j] = input[i] * vec2[j].

    >>> import minitorch_bn as torch
    >>> torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    for name, x in (("self", input), ("vec2", vec2)):
        if x._data.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x._data.ndim}-D")
    a, b = operands(input, vec2)
    return a.reshape(-1, 1) * b


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * mat1 @ mat2.

    >>> import minitorch_bn as torch
    >>> torch.addmm(torch.ones(2), torch.eye(2), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[2., 3.],
            [4., 5.]])
    """
    require_tensors("addmm", input=input, mat1=mat1, mat2=mat2)
    for name, matrix in (("mat1", mat1), ("mat2", mat2)):
        if matrix._data.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {matrix._data.ndim}-D tensor")
    _check_inner_sizes(mat1._data.shape, mat2._data.shape)
    if not input.dtype is mat1.dtype is mat2.dtype:
        one, other = (input, mat1) if input.dtype is mat2.dtype else (input, mat2)
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {one.dtype.legacy_name} and {other.dtype.legacy_name}"
        )
    _agreed(mat1, mat2, "addmm_impl_cpu_")
    return _add_product(Addmm, input, mat1, mat2, beta, alpha)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * batch1 @ batch2, for batches.

    >>> import minitorch_bn as torch
    >>> torch.baddbmm(torch.ones(2), torch.ones(1, 2, 3), torch.ones(1, 3, 2))
    tensor([[[4., 4.],
             [4., 4.]]])
    """
    require_tensors("baddbmm", input=input, batch1=batch1, batch2=batch2)
    for name, batch in (("batch1", batch1), ("batch2", batch2)):
        if batch._data.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    _check_batches(batch1._data.shape, batch2._data.shape)
    if not input.dtype is batch1.dtype is batch2.dtype:
        names = [c_name(t.dtype) for t in (input, batch1, batch2)]
        raise RuntimeError("Input dtypes must be the same, got: input {}, batch1: {}, batch2: {}".format(*names))
    _agreed(batch1, batch2, "baddbmm")
    return _add_product(Baddbmm, input, batch1, batch2, beta, alpha)


def _add_product(operator: type[Operator], c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    """beta c + alpha a b; factors of integers lose their fractions."""
    shape = (*a._data.shape[:-1], b._data.shape[-1])
    if c._data.shape != shape:
        c = c.expand(shape)
    if a.dtype.category < 2:
        beta, alpha = int(beta), int(alpha)
    return operator.apply(c, a, b, beta, alpha)


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """input @ weight.T + bias: (..., in) with a weight (out, in) gives (..., out).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.linear(torch.ones(1, 3), torch.ones(2, 3))
    tensor([[3., 3.]])
    """
    if not (isinstance(input, Variable) and isinstance(weight, Variable) and isinstance(bias, (Variable, NoneType))):
        require_tensors("linear", input=input, weight=weight, bias=bias)
    x, w = input._data, weight._data
    if w.ndim != 2 or x.ndim < (1 if bias is not None else 2) or (bias is not None and bias._data.ndim != 1):
        product = matmul(input, weight.t())
        return product if bias is None else product + bias
    if x.shape[-1] != w.shape[1]:
        raise RuntimeError(_shapes_text((x.size // max(x.shape[-1], 1), x.shape[-1]), w.T.shape))
    if x.dtype != w.dtype or (bias is not None and x.dtype != bias._data.dtype):
        _refuse_dtype(input, weight if x.dtype != w.dtype else bias)
    if bias is not None and bias._data.shape[0] not in (1, w.shape[0]):
        raise RuntimeError(
            f"The expanded size of the tensor ({w.shape[0]}) must match the existing size ({bias._data.shape[0]}) at "
            f"non-singleton dimension 1.  Target sizes: [{x.shape[0]}, {w.shape[0]}].  Tensor sizes: "
            f"[{bias._data.shape[0]}]"
        )
    if bias is None:
        return (LinearUnbiased if x.ndim == 2 else LinearUnbiasedOfRows).apply(bias, input, weight)
    return (Linear if x.ndim == 2 else LinearOfRows).apply(bias, input, weight)


def _refuse_dtype(input: Any, other: Any) -> None:
    raise RuntimeError(
        f"mat1 and mat2 must have the same dtype, but got {input.dtype.legacy_name} and {other.dtype.legacy_name}"
    )
