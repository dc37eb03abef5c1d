"""Functions put together from operators of several families; as these have derivatives, so have they."""

from __future__ import annotations

from itertools import combinations as _combinations
from itertools import combinations_with_replacement, pairwise
from typing import Any

import numpy as np

from minitorch_bn import dtypes
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.ops import arithmetic, elementwise, shape
from minitorch_bn.ops._common import canonical_dim, invalid_arguments, is_number, require_tensor
from minitorch_bn.size import Size

# -- cutting -------------------------------------------------------------------------------------------------------


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple:
    """Cut along ``dim`` into so many views of nearly equal size, or at the indices listed.

    >>> import minitorch_bn as torch
    >>> [part.tolist() for part in torch.tensor_split(torch.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    require_tensor("tensor_split", input)
    if not input._data.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = canonical_dim(dim, input._data.ndim)
    n, cuts = input._data.shape[d], indices_or_sections
    if not isinstance(cuts, (int, tuple, list, Variable)):
        expected = "(Tensor input, Tensor or int or tuple of ints indices_or_sections, int dim = 0)"
        raise invalid_arguments("tensor_split", input, cuts, expected=expected)
    if isinstance(cuts, Variable):
        if cuts._data.dtype != np.int64:
            name = cuts.dtype.legacy_name
            raise RuntimeError(
                f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {name}"
            )
        cuts = cuts._data.tolist()
    if isinstance(cuts, int):
        if cuts <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {cuts}")
        small, larger = divmod(n, cuts)
        cuts = [i * small + min(i, larger) for i in range(1, cuts)]
    bounds = [0, *(slice(c, None).indices(n)[0] for c in cuts), n]
    return tuple(input.narrow(d, start, max(stop - start, 0)) for start, stop in pairwise(bounds))


def _cut_evenly(name: str, least: int, dim: int, input: Any, indices_or_sections: Any) -> tuple:
    ndim = input._data.ndim
    if ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {ndim} dimensions!"
        )
    n, sections = input._data.shape[dim], indices_or_sections
    if not isinstance(sections, (int, tuple, list)):
        raise invalid_arguments(
            name, input, sections, expected="(Tensor input, int sections)\n * (tuple of ints indices)"
        )
    if isinstance(sections, int) and (sections == 0 or n % sections):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {n} is not "
            f"divisible by the split_size {sections}!"
        )
    return tensor_split(input, sections, dim)


def hsplit(input: Any, indices_or_sections: Any) -> tuple:
    """Cut side by side: along dimension 1 (0 for 1-d tensors).

    >>> import minitorch_bn as torch
    >>> torch.hsplit(torch.tensor([1, 2, 3, 4]), 2)
    (tensor([1, 2]), tensor([3, 4]))
    """
    return _cut_evenly("hsplit", 1, 0 if input._data.ndim == 1 else 1, input, indices_or_sections)


def vsplit(input: Any, indices_or_sections: Any) -> tuple:
    """Cut one below the other: along dimension 0.

    >>> import minitorch_bn as torch
    >>> torch.vsplit(torch.tensor([[1], [2]]), 2)
    (tensor([[1]]), tensor([[2]]))
    """
    return _cut_evenly("vsplit", 2, 0, input, indices_or_sections)


def dsplit(input: Any, indices_or_sections: Any) -> tuple:
    """Cut along dimension 2.

    >>> import minitorch_bn as torch
    >>> [part.shape for part in torch.dsplit(torch.zeros(2, 2, 4), 2)]
    [torch.Size([2, 2, 2]), torch.Size([2, 2, 2])]
    """
    return _cut_evenly("dsplit", 3, 2, input, indices_or_sections)


# -- joining, turning ----------------------------------------------------------------------------------------------


def atleast_1d(*tensors: Any) -> Any:
    """Zero-dim tensors as ones of one element; several tensors (or a list) give a tuple.

    >>> import minitorch_bn as torch
    >>> torch.atleast_1d(torch.tensor(3.0))
    tensor([3.])
    """
    return _each(shape.atleast_1d, tensors)


def atleast_2d(*tensors: Any) -> Any:
    """Tensors of fewer than two dimensions as matrices of one row; several tensors (or a list) give a tuple.

    >>> import minitorch_bn as torch
    >>> torch.atleast_2d(torch.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _each(lambda t: t if t.ndim >= 2 else t.unsqueeze(0) if t.ndim else t.reshape(1, 1), tensors)


def atleast_3d(*tensors: Any) -> Any:
    """Tensors of fewer than three dimensions as ones of three: (n,) -> (1, n, 1), (n, m) -> (n, m, 1).

    >>> import minitorch_bn as torch
    >>> torch.atleast_3d(torch.tensor([1, 2])).shape
    torch.Size([1, 2, 1])
    """

    def lifted(t: Any) -> Any:
        if t.ndim >= 3:
            return t
        if t.ndim == 2:
            return t.unsqueeze(-1)
        return t.unsqueeze(0).unsqueeze(-1) if t.ndim else t.reshape(1, 1, 1)

    return _each(lifted, tensors)


def _each(change: Any, tensors: tuple) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Variable):
        return change(tensors[0])
    return tuple(map(change, tensors[0] if len(tensors) == 1 else tensors))


def dstack(tensors: Any) -> Any:
    """Joined along dimension 2, tensors of fewer dimensions first lifted by ``atleast_3d``.

    >>> import minitorch_bn as torch
    >>> torch.dstack((torch.tensor([1, 2]), torch.tensor([3, 4])))
    tensor([[[1, 3],
             [2, 4]]])
    """
    if not tensors:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return shape.cat(list(map(atleast_3d, tensors)), 2)


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """A quarter turn, k times, in the plane of two dimensions, from the first to the second; a copy.

    >>> import minitorch_bn as torch
    >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    require_tensor("rot90", input)
    ndim = input._data.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    first, second = (canonical_dim(d, ndim) for d in dims)
    if first == second:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    if k % 4 == 0:
        return input.clone()
    if k % 4 == 2:
        return input.flip(first, second)
    return input.flip(second if k % 4 == 1 else first).transpose(first, second)


def fliplr(input: Any) -> Any:
    """The order along dimension 1 reversed; a copy.

    >>> import minitorch_bn as torch
    >>> torch.fliplr(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    require_tensor("fliplr", input)
    if input._data.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return input.flip(1)


def flipud(input: Any) -> Any:
    """The order along dimension 0 reversed; a copy.

    >>> import minitorch_bn as torch
    >>> torch.flipud(torch.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    require_tensor("flipud", input)
    if input._data.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return input.flip(0)


# -- differences ---------------------------------------------------------------------------------------------------


def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along ``dim``, n times over, after putting ``prepend`` and ``append`` at the ends.

    >>> import minitorch_bn as torch
    >>> torch.diff(torch.tensor([1, 3, 2]))
    tensor([ 2, -1])
    """
    require_tensor("diff", input)
    if not input._data.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    d = canonical_dim(dim, input._data.ndim)
    parts = [part for part in (prepend, input, append) if part is not None]
    for part in parts:
        _check_end(part._data.shape, input._data.shape, d)
    if not n:  # PyTorch takes no notice of the ends here
        return elementwise.Copy.apply(input.new_zeros(input._data.shape), input)
    a = shape.cat(parts, d) if len(parts) > 1 else input
    for _ in range(min(n, a._data.shape[d])):
        size = a._data.shape[d] - 1
        later, earlier = a.narrow(d, 1, size), a.narrow(d, 0, size)
        a = later.logical_xor(earlier) if a._data.dtype.kind == "b" else later - earlier
    return a


def _check_end(end: tuple[int, ...], sizes: tuple[int, ...], dim: int) -> None:
    if len(end) != len(sizes):
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    for k, (have, want) in enumerate(zip(end, sizes)):
        if k != dim and have != want:
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input except along the "
                f"differencing dimension; input.size({k}) = {want}, but got tensor.size({k}) = {have}"
            )


def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The p-norm of input - other.

    >>> import minitorch_bn as torch
    >>> torch.dist(torch.tensor([0.0, 0.0]), torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    require_tensor("dist", input)
    return arithmetic.sub(input, other).norm(p)


def trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """The integral along ``dim`` by the trapezoidal rule, over points ``x`` or points ``dx`` (1) apart.

    >>> import minitorch_bn as torch
    >>> torch.trapezoid(torch.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    return _trapezoids(y, x, dx, dim).sum(dim)


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """The running integral along ``dim`` by the trapezoidal rule.

    >>> import minitorch_bn as torch
    >>> torch.cumulative_trapezoid(torch.tensor([1.0, 2.0, 3.0]))
    tensor([1.5000, 4.0000])
    """
    return _trapezoids(y, x, dx, dim).cumsum(dim)


def _trapezoids(y: Any, x: Any, dx: Any, dim: int) -> Any:
    require_tensor("trapezoid", y, "y")
    d = canonical_dim(dim, y._data.ndim)
    width = 1 if dx is None else dx
    if x is not None:
        width = diff(x, dim=0 if x._data.ndim == 1 else dim)
        if x._data.ndim == 1:
            width = width.reshape(-1, *(1,) * (y._data.ndim - 1 - d))
    size = y._data.shape[d] - 1
    return (y.narrow(d, 0, size) + y.narrow(d, 1, size)) * width / 2.0


# -- products and choices ------------------------------------------------------------------------------------------


def cartesian_prod(*tensors: Any) -> Any:
    """Every way to take one element of each 1-d tensor, a row each.

    >>> import minitorch_bn as torch
    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4])).tolist()
    [[1, 3], [1, 4], [2, 3], [2, 4]]
    """
    for t in tensors:
        _require_vector(t)
    if len(tensors) == 1:
        return tensors[0]
    if any(t._data.dtype != tensors[0]._data.dtype for t in tensors):
        raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    return shape.stack([grid.reshape(-1) for grid in shape.meshgrid(*tensors)], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """Every choice of r elements of a 1-d tensor, a row each, in the order of the input.

    >>> import minitorch_bn as torch
    >>> torch.combinations(torch.tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    _require_vector(input)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = combinations_with_replacement if with_replacement else _combinations
    return input[wrap(np.array(list(choose(range(input._data.size), r)), np.int64).reshape(-1, r))]


def _require_vector(t: Any) -> None:
    if t._data.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(t._data.shape)}")


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The matrix of powers of a 1-d tensor's elements: exponents N-1 to 0, or 0 to N-1.

    >>> import minitorch_bn as torch
    >>> torch.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    require_tensor("vander", x, "x")
    if x._data.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    if N is not None and N < 0:
        raise RuntimeError("N must be non-negative.")
    powers = np.arange(x._data.size if N is None else N)
    base = x.long() if x.dtype.category == 0 else x
    return base.unsqueeze(1) ** wrap(powers if increasing else powers[::-1].copy())


def unravel_index(indices: Any, shape: Any) -> tuple:
    """For places in the flattened tensor, where these are in each dimension.

    >>> import minitorch_bn as torch
    >>> torch.unravel_index(torch.tensor([5, 11]), (3, 4))
    (tensor([1, 2]), tensor([1, 3]))
    """
    require_tensor("unravel_index", indices, "indices")
    if indices.dtype.category != 1:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype!r}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    steps = np.append(np.cumprod(sizes[:0:-1])[::-1], 1).astype(np.int64)
    return tuple(wrap(indices._data // step % size) for step, size in zip(steps, sizes))


def broadcast_shapes(*shapes: Any) -> Size:
    """The common shape of tensors of these shapes, tuples or ints; RuntimeError if there is none.

    >>> import minitorch_bn as torch
    >>> torch.broadcast_shapes((2, 1), 3)
    torch.Size([2, 3])
    """
    for given in shapes:
        if not isinstance(given, (int, tuple, list)):
            raise RuntimeError(f"Input shapes should be of type ints, a tuple of ints, or a list of ints, got {given}")
    sizes = [Size((given,) if isinstance(given, int) else given) for given in shapes]
    if any(n < 0 for size in sizes for n in size):
        raise ValueError("Attempting to broadcast a dimension with negative length!")
    common = [1] * max(map(len, sizes), default=0)
    for i, size in enumerate(sizes):
        for d in range(-1, -len(size) - 1, -1):
            if common[d] == 1:
                common[d] = size[d]
            elif size[d] not in (1, common[d]):
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {size[d]} at {d}! Mismatching argument at index "
                    f"{i} had {tuple(size)}; but expected shape should be broadcastable to {common}"
                )
    return Size(common)


# -- statistics and distances --------------------------------------------------------------------------------------


def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariance matrix of variables (rows) over observations (columns), as numpy's ``cov``.

    ``fweights``: how often each observation counts; ``aweights``: how much.

    >>> import minitorch_bn as torch
    >>> torch.cov(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    require_tensor("cov", input)
    if input._data.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    if input.dtype.category == 0:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    count = input._data.shape[-1] if input._data.ndim else 1
    _check_weights("fweights", fweights, 1, "integral", count)
    _check_weights("aweights", aweights, 2, "floating point", count)
    x = input.reshape(1, -1) if input.ndim < 2 else input
    x = x if x.dtype.category == 2 else x.to(dtypes.get_default_dtype())
    weights = aweights if fweights is None else fweights if aweights is None else fweights * aweights
    total = x._data.shape[1] if weights is None else weights.sum()
    if weights is not None and not total._data:
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    mean = x.sum(1, keepdim=True) / total if weights is None else (x * weights).sum(1, keepdim=True) / total
    degrees = total - correction
    if aweights is not None and correction:
        degrees = total - correction * (weights * aweights).sum() / total
    centred = x - mean
    scaled = centred if weights is None else centred * weights
    divisor = degrees.clamp(min=0) if isinstance(degrees, Variable) else max(degrees, 0)
    return (scaled @ centred.t() / divisor).squeeze()


def _check_weights(name: str, weights: Any, category: int, kind: str, count: int) -> None:
    if weights is None:
        return
    if weights._data.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
        )
    if weights.dtype.category != category:
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with {weights.dtype.legacy_name} dtype"
        )
    if weights._data.size != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights._data.size} != {count}"
        )
    if (weights._data < 0).any():
        raise RuntimeError(f"cov(): {name} cannot be negative")


def corrcoef(input: Any) -> Any:
    """The correlation coefficients of variables (rows) over observations (columns), between -1 and 1.

    >>> import minitorch_bn as torch
    >>> torch.corrcoef(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    require_tensor("corrcoef", input)
    if input._data.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    c = cov(input)
    if not c.ndim:
        return c / c
    deviation = c.diagonal().sqrt()
    return (c / deviation.unsqueeze(1) / deviation.unsqueeze(0)).clamp(-1, 1)


def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Any:
    """The p-norm distance of each row of x1 to each row of x2: (*, m, d) and (*, n, d) give (*, m, n).

    >>> import minitorch_bn as torch
    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[5., 0.]])
    """
    require_tensor("cdist", x1, "x1")
    require_tensor("cdist", x2, "x2", 2)
    for name, x in (("X1", x1), ("X2", x2)):
        if x.dtype.category < 2:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {x.dtype.legacy_name}")
        if x._data.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
    if x1._data.shape[-1] != x2._data.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1._data.shape[-1]} X2: {x2._data.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)


# -- methods under PyTorch's other names ---------------------------------------------------------------------------


def clone(input: Any, *, memory_format: Any = None) -> Any:
    """A copy with memory of its own, on the tape.

    >>> import minitorch_bn as torch
    >>> x = torch.zeros(2); y = torch.clone(x); y[0] = 1
    >>> x, y
    (tensor([0., 0.]), tensor([1., 0.]))
    """
    require_tensor("clone", input)
    return input.clone(memory_format=memory_format)


def detach(input: Any) -> Any:
    """The same memory without history.

    >>> import minitorch_bn as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.detach(x).requires_grad
    False
    """
    return input.detach()


def fill(input: Any, value: Any) -> Any:
    """A copy with every element set to ``value``.

    >>> import minitorch_bn as torch
    >>> torch.fill(torch.zeros(2), 3)
    tensor([3., 3.])
    """
    return input.clone().fill_(value)


def narrow_copy(input: Any, dim: int, start: int, length: int) -> Any:
    """``length`` elements from ``start`` along ``dim``; a copy.

    >>> import minitorch_bn as torch
    >>> torch.narrow_copy(torch.tensor([1, 2, 3, 4]), 0, 1, 2)
    tensor([2, 3])
    """
    if dim >= input._data.ndim > 0:
        raise RuntimeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could this error "
            "message be improved?  If so, please report an enhancement request to PyTorch.)"
        )
    if length < 0 < input._data.ndim:
        size = input._data.shape[dim]
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return input.narrow(dim, start, length).clone()


def rsub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """other - alpha * input.

    >>> import minitorch_bn as torch
    >>> torch.rsub(torch.tensor([1, 2]), 10)
    tensor([9, 8])
    """
    if is_number(input):
        expected = "(Tensor input, Tensor other, *, Number alpha = 1)"
        raise invalid_arguments("rsub", input, other, expected=expected)
    return arithmetic.rsub(input if alpha == 1 else input * alpha, other)


def conjugate_transpose(input: Any) -> Any:
    """The matrix transposed, a view; numbers are real here.

    >>> import minitorch_bn as torch
    >>> torch.tensor([[1, 2], [3, 4]]).H
    tensor([[1, 3],
            [2, 4]])
    """
    if input._data.ndim not in (0, 2):
        way_out = " For batches of matrices, consider using tensor.mH" if input._data.ndim > 2 else ""
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {input._data.ndim}-D tensor.{way_out}"
        )
    return input.transpose(0, 1) if input._data.ndim else input.view(())


def adjoint(input: Any) -> Any:
    """The matrices transposed: the last two dimensions swapped, a view; numbers are real here.

    >>> import minitorch_bn as torch
    >>> torch.adjoint(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if input._data.ndim < 2:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input._data.ndim}-D tensor."
        )
    return input.transpose(-2, -1)


def split_with_sizes(input: Any, split_sizes: Any, dim: int = 0) -> tuple:
    """Views of the sizes listed along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.split_with_sizes(torch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return input.split(list(split_sizes), dim)


def is_conj(input: Any) -> bool:
    """Always False: numbers are real here.

    >>> import minitorch_bn as torch
    >>> torch.is_conj(torch.ones(1))
    False
    """
    return False
