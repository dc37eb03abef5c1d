"""Einstein's summation and other contractions, put together from permutations and batched matrix products.

Nothing here has a derivative rule of its own: what these are made of has.
"""

from __future__ import annotations

from math import prod
from typing import Any

from minitorch_bn.autograd.variable import Variable
from minitorch_bn.ops._common import canonical_dim, not_implemented, require_tensor, type_name

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # PyTorch's order: capitals first


def einsum(*args: Any) -> Any:
    """Sums of products, written as in Einstein's notation: ``einsum("ij,jk->ik", a, b)`` is a matrix product.

    Equal letters are multiplied, letters missing on the right are summed over, a letter twice in one operand takes the
    diagonal, ``...`` stands for dimensions that broadcast. Without ``->`` the letters that occur once are kept in
    alphabetical order. Also ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.

    >>> import minitorch_bn as torch
    >>> a = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> torch.einsum("ij,ij->i", a, a)
    tensor([ 5., 25.])
    >>> torch.einsum("ii", a)
    tensor(5.)
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], Variable):
        equation, operands = _equation(args)
    else:
        equation = args[0]
        operands = list(args[1] if len(args) == 2 and isinstance(args[1], (list, tuple)) else args[1:])
    for i, operand in enumerate(operands):
        if not isinstance(operand, Variable):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type_name(operand)}")
    labels, output = _parse(equation, operands)
    sizes = _sizes(labels, operands)
    prepared = [_diagonals(*pair) for pair in zip(operands, labels)]
    prepared = [_without_broadcast(*pair, sizes) for pair in prepared]
    result, mine = prepared[0]
    for i, (operand, theirs) in enumerate(prepared[1:], 1):
        later = {label for _, rest in prepared[i + 1 :] for label in rest} | set(output)
        result, mine = _product(result, mine, operand, theirs, later)
    result, mine = _summed(result, mine, set(output))
    return result if mine == output and result is not operands[0] else _arranged(result, mine, output)


def _equation(args: tuple) -> tuple[str, list]:
    """The form with lists of numbers as an equation of letters."""
    operands, terms = list(args[0 : len(args) // 2 * 2 : 2]), [_term(t) for t in args[1::2]]
    arrow = "->" + _term(args[-1]) if len(args) % 2 else ""
    return ",".join(terms) + arrow, operands


def _term(subscripts: Any) -> str:
    for s in subscripts:
        if s is not Ellipsis and not 0 <= s < len(_LETTERS):
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
    return "".join("..." if s is Ellipsis else _LETTERS[s] for s in subscripts)


def _parse(equation: str, operands: Any) -> tuple[list[list], list]:
    """For each operand and for the output the list of labels: letters, and for an ellipsis ..., -2, -1."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        comparison = "fewer" if len(terms) > len(operands) else "more"
        raise RuntimeError(f"einsum(): {comparison} operands were provided than specified in the equation")
    labels, place = [], 0
    for i, (term, operand) in enumerate(zip(terms, operands)):
        before, after = _letters(term, place, f"operand {i}")
        place += len(term) + 1
        labels.append([*before, *_covered(i, len(before + (after or "")), operand._data.ndim, after), *(after or "")])
    ellipsis = sorted({label for term in labels for label in term if isinstance(label, int)})
    if arrow:
        before, after = _letters(right, len(left) + len(arrow), "output")
        letters = before + (after or "")
        _check_output(letters, labels)
        return labels, [*before, *(ellipsis if after is not None else ()), *(after or "")]
    letters = "".join(label for term in labels for label in term if isinstance(label, str))
    return labels, ellipsis + sorted(x for x in letters if letters.count(x) == 1)


def _letters(term: str, place: int, where: str) -> tuple[str, str | None]:
    """The letters before and (None: there is none) after the ellipsis of a term that stands at this place."""
    for i, character in enumerate(term):
        if character not in _LETTERS and character not in " .":
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {place + i} in the equation string, subscripts must be in "
                "[a-zA-Z]"
            )
    before, dots, after = term.replace(" ", "").partition("...")
    if "..." in after:
        raise RuntimeError(f"einsum(): found '.' for {where} for which an ellipsis was already found")
    if "." in before + after:
        raise RuntimeError(f"einsum(): found '.' for {where} that is not part of any ellipsis (...)")
    return before, after if dots else None


def _covered(i: int, given: int, ndim: int, ellipsis: str | None) -> range:
    """The labels of the dimensions that the ellipsis of operand i stands for."""
    if given > ndim and ellipsis is not None:
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({given}) is more than the number of dimensions "
            f"({ndim}) for operand {i}"
        )
    if given != ndim and ellipsis is None:
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({given}) does not match the number of dimensions "
            f"({ndim}) for operand {i} and no ellipsis was given"
        )
    return range(given - ndim, 0)


def _check_output(letters: str, labels: list[list]) -> None:
    for letter in letters:
        if letters.count(letter) > 1:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
        if not any(letter in term for term in labels):
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
            )


def _sizes(labels: list[list], operands: Any) -> dict:
    """The size of each label: that of the operands, where those of size 1 broadcast."""
    sizes: dict = {}
    for i, (term, operand) in enumerate(zip(labels, operands)):
        mine: dict = {}
        for label, size in zip(term, operand._data.shape):
            if mine.setdefault(label, size) != size:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {i} but the sizes don't match, {size} != "
                    f"{mine[label]}"
                )
            seen = sizes.setdefault(label, size)
            if seen == 1:
                sizes[label] = size
            elif size not in (1, seen):
                raise RuntimeError(
                    f"einsum(): subscript {label} has size {size} for operand {i} which does not broadcast with "
                    f"previously seen size {seen}"
                )
    return sizes


def _diagonals(x: Any, labels: list) -> tuple[Any, list]:
    """Every label once: where two dimensions have the same, their diagonal."""
    for label in set(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = x.diagonal(0, first, second)
            labels = [*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], label]
    return x, labels


def _without_broadcast(x: Any, labels: list, sizes: dict) -> tuple[Any, list]:
    """Dimensions of size 1 dropped where another operand has more."""
    dropped = tuple(d for d, label in enumerate(labels) if x._data.shape[d] != sizes[label])
    kept = [label for d, label in enumerate(labels) if d not in dropped]
    return (x.squeeze(dropped) if dropped else x), kept


def _summed(x: Any, labels: list, wanted: set) -> tuple[Any, list]:
    """Dimensions that nobody wants summed over."""
    dims = tuple(d for d, label in enumerate(labels) if label not in wanted)
    return (x.sum(dims) if dims else x), [label for label in labels if label in wanted]


def _arranged(x: Any, labels: list, wanted: list) -> Any:
    return x.permute([labels.index(label) for label in wanted])


def _product(a: Any, in_a: list, b: Any, in_b: list, later: set) -> tuple[Any, list]:
    """The product of two operands, summed over what occurs in both and not later."""
    a, in_a = _summed(a, in_a, later | set(in_b))
    b, in_b = _summed(b, in_b, later | set(in_a))
    summed = [x for x in in_a if x in in_b and x not in later]
    both = [x for x in in_a if x in in_b and x in later]
    rows, columns = [x for x in in_a if x not in in_b], [x for x in in_b if x not in in_a]
    result = both + rows + columns
    a, b = _arranged(a, in_a, both + rows + summed), _arranged(b, in_b, both + summed + columns)
    if not summed:
        return a[(..., *[None] * len(columns))] * b[(slice(None),) * len(both) + (None,) * len(rows)], result
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(f"expected scalar type {a.dtype.legacy_name} but found {b.dtype.legacy_name}")
    if a._data.dtype.kind == "b":
        raise not_implemented("bmm", a.dtype)
    n, m, k = len(both), len(both) + len(rows), len(both) + len(summed)
    batch, tall, inner = a._data.shape[:n], a._data.shape[n:m], a._data.shape[m:]
    wide = b._data.shape[k:]
    # (both, rows, summed) x (both, summed, columns) -> (both, rows, columns), as a batch of matrices
    left = a.reshape(prod(batch), prod(tall), prod(inner))
    right = b.reshape(prod(batch), prod(inner), prod(wide))
    return left.bmm(right).reshape((*batch, *tall, *wide)), result


def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Products summed over dimensions of both: the last ``dims`` of a with the first of b, or those of two lists.

    >>> import minitorch_bn as torch
    >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(3, 4, 5), dims=2).shape
    torch.Size([2, 5])
    """
    require_tensor("tensordot", a, "a")
    require_tensor("tensordot", b, "b", 2)
    m, n = a._data.ndim, b._data.ndim
    if isinstance(dims, Variable):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(m, n):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        given_a, given_b = list(range(-dims, 0)), list(range(dims))
    else:
        given_a, given_b = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(given_a) != len(given_b):
        raise RuntimeError("both dimension lists should have same length")
    if a._data.dtype != b._data.dtype:
        raise RuntimeError("both inputs should have same dtype")
    dims_a, dims_b = ([canonical_dim(d, k) for d in given] for given, k in ((given_a, m), (given_b, n)))
    for i, j in zip(dims_a, dims_b):
        first, second = a._data.shape[i], b._data.shape[j]
        if first == second:
            continue
        if 1 not in (first, second):
            where = given_a[dims_a.index(i)], given_b[dims_b.index(j)]
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {first} in dim {where[0]} and second has "
                f"size {second} in dim {where[1]}"
            )
        kind = a.dtype
        a, b = (a.sum(i, True, dtype=kind), b) if second == 1 else (a, b.sum(j, True, dtype=kind))
    for listed in (dims_a, dims_b):
        for k, d in enumerate(listed):
            if d in listed[:k]:
                raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    free_a, free_b = ([d for d in range(k) if d not in listed] for k, listed in ((m, dims_a), (n, dims_b)))
    rows, columns = [a._data.shape[d] for d in free_a], [b._data.shape[d] for d in free_b]
    inner = prod(a._data.shape[d] for d in dims_a)
    left = a.permute(free_a + dims_a).reshape(prod(rows), inner)
    right = b.permute(dims_b + free_b).reshape(inner, prod(columns))
    return left.mm(right).reshape(rows + columns)


def inner(input: Any, other: Any) -> Any:
    """Products summed over the last dimension of both; with a zero-dim tensor, the plain product.

    >>> import minitorch_bn as torch
    >>> torch.inner(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    require_tensor("inner", input)
    require_tensor("inner", other, "other", 2)
    a, b = input._data.shape, other._data.shape
    if not a or not b:
        return input * other
    if a[-1] != b[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a)} and {list(b)}"
        )
    return tensordot(input, other, ([-1], [-1]))


def kron(input: Any, other: Any) -> Any:
    """The Kronecker product: every element of ``input`` times all of ``other``, as a block in its place.

    >>> import minitorch_bn as torch
    >>> torch.kron(torch.eye(2), torch.tensor([[1.0, 2.0]]))
    tensor([[1., 2., 0., 0.],
            [0., 0., 1., 2.]])
    """
    require_tensor("kron", input)
    require_tensor("kron", other, "other", 2)
    ndim = max(input._data.ndim, other._data.ndim)
    a, b = ((1,) * (ndim - len(s)) + s for s in (input._data.shape, other._data.shape))
    # (a1, 1, a2, 1, ...) * (1, b1, 1, b2, ...) -> (a1 b1, a2 b2, ...)
    spread_a, spread_b = [n for k in a for n in (k, 1)], [n for k in b for n in (1, k)]
    return (input.reshape(spread_a) * other.reshape(spread_b)).reshape([i * j for i, j in zip(a, b)])
