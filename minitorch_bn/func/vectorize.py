"""``vmap``: a function of one sample, called on every sample of a batch."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.ops.shape import stack
from minitorch_bn.random import default_generator
from minitorch_bn.utils._pytree import broadcast_prefix, tree_flatten, tree_unflatten

if TYPE_CHECKING:
    from collections.abc import Callable

_RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
    "randomness flags on vmap or perform the randomness operation out of vmap"
)


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """The function that applies ``func`` to each slice of its arguments and stacks the results.

    It is a plain loop: it saves writing one and nests with the derivatives, but is no faster than that loop.

    Args:
        func: takes and returns tensors, or tuples, lists and dicts of them.
        in_dims: the dimension to slice, or None for what every call gets whole; one for all, or a tuple in the form of
            the positional arguments. Every call gets the keyword arguments whole.
        out_dims: where the new dimension goes, in the form of the outputs; None for an output that is always the same.
        randomness: "error" refuses to draw random numbers from the global generator, "same" gives every call the same
            ones, "different" each its own.
        chunk_size: changes nothing.

    Raises ValueError for arguments that do not fit, RuntimeError for random numbers, and for a Batch Normalization in
    training whose running estimates are not sliced too.

    >>> import minitorch_bn as torch
    >>> torch.func.vmap(torch.dot, in_dims=(0, None))(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        batch = _Batch(func, in_dims, out_dims, args, kwargs)
        before = default_generator._state_array()
        results = []
        for sample in batch.samples():
            if randomness == "same":
                default_generator._set_state_array(before)
            results.append(batch.call(sample))
        if randomness == "error" and not np.array_equal(default_generator._state_array(), before):
            default_generator._set_state_array(before)
            raise RuntimeError(_RANDOM)
        return batch.together(results)

    return mapped


class _Batch:
    """One call of a mapped function: its arguments taken apart, its results put together."""

    def __init__(self, func: Callable, in_dims: Any, out_dims: Any, args: tuple, kwargs: dict) -> None:
        self.func = func
        self.name = getattr(func, "__name__", repr(func))
        self.out_dims = out_dims
        self.kwargs = kwargs
        self.leaves, self.args_spec = tree_flatten(args)
        dims = self._in_dims(in_dims, args)
        self.dims = [self._dim(in_dims, leaf, dim) for leaf, dim in zip(self.leaves, dims)]
        self.size = self._size()
        self.spec: Any = None  # the form of the results, once there is one

    def _in_dims(self, in_dims: Any, args: tuple) -> list:
        where = f"vmap({self.name}, in_dims={in_dims}, ...)(<inputs>)"
        if not isinstance(in_dims, (int, tuple)):
            raise ValueError(
                f"{where}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of "
                f"inputs, got: {type(in_dims)}."
            )
        if not args:
            raise ValueError(
                f"vmap({self.name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to "
                "vmap over a function with no inputs. The latter is unsupported."
            )
        dims = broadcast_prefix(in_dims, self.args_spec)
        if dims is None:
            raise ValueError(
                f"{where}: in_dims is not compatible with the structure of `inputs`. in_dims has structure "
                f"{tree_flatten(in_dims)[1]} but inputs has structure {self.args_spec}."
            )
        return dims

    def _dim(self, in_dims: Any, leaf: Any, dim: Any) -> int | None:
        """The dimension to slice, counted from the front."""
        where = f"vmap({self.name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={dim} for"
        if dim is None:
            return None
        if not isinstance(dim, int):
            raise ValueError(f"{where} an input but in_dim must be either an integer dimension or None.")
        if not isinstance(leaf, Variable):
            raise ValueError(
                f"{where} an input but the input is of type {type(leaf)}. We cannot vmap over non-Tensor arguments, "
                "please use None as the respective in_dim"
            )
        n = leaf._data.ndim
        if not -n <= dim < n:
            raise ValueError(
                f"{where} some input, but that input is a Tensor of dimensionality {n} so expected in_dim to satisfy "
                f"-{n} <= in_dim < {n}."
            )
        return dim % n

    def _size(self) -> int:
        """How many samples there are."""
        sizes = [leaf.shape[dim] for leaf, dim in zip(self.leaves, self.dims) if dim is not None]
        if not sizes:
            raise ValueError("vmap: Expected at least one Tensor to vmap over")
        if len(set(sizes)) > 1:
            raise ValueError(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                f"{sizes} for the mapped dimension"
            )
        return sizes[0]

    def samples(self) -> Any:
        """The leaves of the arguments of each call; of an empty batch one of zeros, whose results show their shapes."""
        if self.size == 0:
            yield [
                leaf if dim is None else wrap(np.zeros_like(leaf._data, shape=leaf.shape[:dim] + leaf.shape[dim + 1 :]))
                for leaf, dim in zip(self.leaves, self.dims)
            ]
        for i in range(self.size):
            yield [leaf if dim is None else leaf.select(dim, i) for leaf, dim in zip(self.leaves, self.dims)]

    def call(self, sample: list) -> list:
        """The leaves of one call's result."""
        before = thread.mode.mapped
        sliced = {id(leaf._version_counter) for leaf, dim in zip(self.leaves, self.dims) if dim is not None}
        thread.mode.mapped = (*before, frozenset(sliced))  # views share their counter: known again by it
        try:
            leaves, spec = tree_flatten(self.func(*tree_unflatten(sample, self.args_spec), **self.kwargs))
        finally:
            thread.mode.mapped = before
        if self.spec is not None and spec != self.spec:
            raise RuntimeError(
                f"vmap({self.name}, ...): `{self.name}` returned {self.spec} for one sample and {spec} for another."
            )
        self.spec = spec
        return leaves

    def together(self, results: list[list]) -> Any:
        """The results of all calls, stacked where ``out_dims`` says."""
        where = f"vmap({self.name}, ..., out_dims={self.out_dims})"
        given = tree_flatten(self.out_dims)
        if not all(dim is None or isinstance(dim, int) for dim in given[0]):
            raise ValueError(
                f"{where}: `out_dims` must be an int, None or a python collection of ints representing where in the "
                "outputs the vmapped dimension should appear."
            )
        dims = broadcast_prefix(self.out_dims, self.spec)
        if dims is None:
            raise ValueError(
                f"{where}(<inputs>): out_dims is not compatible with the structure of `outputs`. out_dims has "
                f"structure {given[1]} but outputs has structure {self.spec}."
            )
        return tree_unflatten([self._output(column, dim) for column, dim in zip(zip(*results), dims)], self.spec)

    def _output(self, values: tuple, dim: int | None) -> Any:
        if dim is None:
            return self._constant(values)
        for value in values:
            if not isinstance(value, Variable):
                raise ValueError(
                    f"vmap({self.name}, ...): `{self.name}` must only return Tensors, got type {type(value)}. Did you "
                    "mean to set out_dims= to None for output?"
                )
        result = stack(values, dim)
        return result if self.size else result.narrow(dim, 0, 0)

    def _constant(self, values: tuple) -> Any:
        first = values[0]
        for value in values:
            if isinstance(value, Variable) and not np.array_equal(value._data, first._data, equal_nan=True):
                raise ValueError(
                    f"vmap({self.name}, ...): `{self.name}` can not return a BatchedTensor when out_dim is None"
                )
        return first
