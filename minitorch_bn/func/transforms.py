"""Derivatives of functions of tensors, and of tuples, lists and dicts of them.

All transformations share one tape. A function is called on aliases of its inputs, and the gradient is taken with
respect to these: what the function finds elsewhere, another transformation's aliases included, is a different place in
the graph. So transformations nest in any order without mixing up their variables. Forward mode comes from reverse mode:
u J is linear in u, so its own gradient with respect to u, answered with v, is J v. As every rule can be differentiated
again to any order, so can the result; kinks, integers and what is cut off contribute zeros, as they do in reverse mode.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.functional import pull_back, rows, stacked, units, zeros_like
from minitorch_bn.autograd.grad_mode import enable_grad, thread
from minitorch_bn.autograd.node import AccumulateGrad, gradient_edge
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.utils._pytree import TreeSpec, pretty, tree_flatten, tree_map, tree_unflatten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class _Call:
    """One call of ``func`` on aliases of its inputs, ready to be differentiated.

    ``value`` and ``aux`` are what it returned, connected to the tape outside the transformation and to nothing else.
    """

    def __init__(self, func: Callable, primals: tuple, has_aux: bool, who: str) -> None:
        self.recording = thread.mode.grad  # whether a tape outside may want to go on from the results
        leaves, self.inputs_spec = tree_flatten(primals)
        with enable_grad():
            self.inputs = [_alias(leaf, self.recording) for leaf in leaves]
            result = func(*tree_unflatten(self.inputs, self.inputs_spec))
        aux = None
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(f"{who}: output of function f should be a tuple: (output, aux) if has_aux is True")
            result, aux = result
        self.result = result
        self.outputs, self.outputs_spec = tree_flatten(result)
        self.outside = self._reaches_outside(self.outputs)
        self.value = self._export(result)
        self.aux = self._export(aux)

    def _reaches_outside(self, tensors: Sequence) -> bool:
        """Whether these depend on a tensor that wants a gradient and is not one of our own aliases."""
        own = {id(x) for x in self.inputs}
        stack = [gradient_edge(t)[0] for t in tensors if isinstance(t, Variable) and t._requires_grad]
        seen = set()
        while stack and self.recording:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if type(node) is AccumulateGrad and id(node.variable) not in own:
                return True
            stack.extend(edge[0] for edge in node.edges if edge is not None)
        return False

    def _export(self, tree: Any) -> Any:
        """What is handed out: cut off from our own aliases where nothing else needs the connection."""
        keep = self._reaches_outside(tree_flatten(tree)[0])
        return tree if keep else tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Variable) else leaf, tree)

    def require_tensors(self, who: str) -> None:
        """RuntimeError for an output that is not a tensor."""
        for out in self.outputs:
            if not isinstance(out, Variable):
                raise RuntimeError(
                    f"{who}: expected f(*primals) to return only tensors, got unsupported type {type(out)}"
                )

    def require_floating(self) -> None:
        """RuntimeError for an output that can have no gradient."""
        for out in self.outputs:
            if not out.is_floating_point():
                raise RuntimeError(
                    "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype "
                    f"{out.dtype}"
                )

    def goes_on(self, vectors: Sequence) -> bool:
        """Whether a derivative along these vectors may be differentiated again by a tape outside."""
        return thread.mode.grad and (self.outside or any(v.requires_grad for v in vectors))

    def pull(self, vectors: Sequence, retain_graph: bool | None = None) -> list:
        """vectors . Jacobian, one entry an input; zeros where an input has no influence."""
        keep = self.goes_on(vectors)
        return _filled(pull_back(self.outputs, self.inputs, vectors, keep, retain_graph), self.inputs, keep)

    def linearize(self) -> Callable[[Sequence], list]:
        """The function v -> Jacobian . v, one entry an output."""
        # ones rather than zeros: what is multiplied with an infinity on the way stays a number
        places = [i for i, out in enumerate(self.outputs) if out.requires_grad]
        u = [wrap(np.ones_like(self.outputs[i]._data)).requires_grad_() for i in places]
        with enable_grad():
            uJ = pull_back([self.outputs[i] for i in places], self.inputs, u, create_graph=True)

        def push(vectors: Sequence) -> list:
            keep = self.goes_on(vectors)
            found = dict(zip(places, pull_back(uJ, u, vectors, keep, retain_graph=True)))
            return _filled([found.get(i) for i in range(len(self.outputs))], self.outputs, keep)

        return push


def _alias(value: Any, recording: bool) -> Any:
    """The same values at a place of their own in the graph."""
    if not isinstance(value, Variable):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(value)}")
    if not (recording and value.requires_grad):
        return value.detach().requires_grad_()
    alias = value.view_as(value)
    alias._view.forbidden = "function"  # as for a leaf: changed in place, it would no longer be where we start from
    return alias


def _filled(values: Sequence, like: Sequence, keep: bool) -> list:
    return [
        zeros_like(x) if value is None else value if keep else value.detach()  # a vector that came straight through
        for value, x in zip(values, like)
    ]


# -- arguments to differentiate --------------------------------------------------------------------------------------


def _selected(func: Callable, argnums: Any, args: tuple, kwargs: dict) -> tuple[Callable, tuple]:
    """``func`` as a function of the chosen arguments alone, and these."""
    places = argnums if isinstance(argnums, tuple) else (argnums,)
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if not places:
        raise RuntimeError("argnums must be non-empty")
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    for place in places:
        if not isinstance(place, int):
            raise RuntimeError(f"argnum must be int, got: {type(place)}")
        if not -len(args) <= place < len(args):
            raise RuntimeError(f"Got argnum={place}, but only {len(args)} positional inputs")

    def chosen(*primals: Any) -> Any:
        everything = list(args)
        for place, primal in zip(places, primals):
            everything[place] = primal
        return func(*everything, **kwargs)

    return chosen, tuple(args[place] for place in places)


def _per_input(values: Sequence, argnums: Any, spec: TreeSpec) -> Any:
    """One value for each input, in the form of the chosen arguments."""
    tree = tree_unflatten(values, spec)
    return tree if isinstance(argnums, tuple) else tree[0]


# -- reverse mode ----------------------------------------------------------------------------------------------------


def grad(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """The function that computes the gradient of ``func``, which returns a scalar.

    Args:
        func: takes tensors, or tuples, lists and dicts of them, and returns a tensor of no dimensions.
        argnums: the argument (int) or arguments (tuple) to differentiate; the gradient has the same form.
        has_aux: ``func`` returns (scalar, aux), and the new function (gradient, aux).

    Raises RuntimeError for another kind of result or for arguments that are not there.

    >>> import minitorch_bn as torch
    >>> torch.func.grad(lambda x, y: (x * x * y).sum(), argnums=(0, 1))(torch.tensor(3.0), torch.tensor(5.0))
    (tensor(30.), tensor(9.))
    """
    compute = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = compute(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """Like ``grad``, for a function that returns (gradient, value), or (gradient, (value, aux)).

    >>> import minitorch_bn as torch
    >>> torch.func.grad_and_value(torch.exp)(torch.tensor(0.0))
    (tensor(1.), tensor(1.))
    """

    @functools.wraps(func)
    def gradient_and_value(*args: Any, **kwargs: Any) -> Any:
        who = "grad_and_value(f)(*args)"
        call = _Call(*_selected(func, argnums, args, kwargs), has_aux, who)
        if not isinstance(call.result, Variable):
            raise RuntimeError(f"{who}: Expected f(*args) to return a Tensor, got {type(call.result)}")
        if call.result.dim() != 0:
            raise RuntimeError(
                f"{who}: Expected f(*args) to return a scalar Tensor, got tensor with {call.result.dim()} dims. "
                "Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        found = _per_input(call.pull([wrap(np.ones_like(call.result._data))]), argnums, call.inputs_spec)
        return found, ((call.value, call.aux) if has_aux else call.value)

    return gradient_and_value


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """(func(*primals), the function u -> u J), or with ``has_aux`` (output, function, aux); J is the Jacobian.

    The function takes what has the form of the output, as often as you like, and returns a tuple over the primals.

    >>> import minitorch_bn as torch
    >>> output, pull = torch.func.vjp(lambda x: x * x, torch.tensor([1.0, 2.0]))
    >>> output, pull(torch.tensor([1.0, 10.0]))
    (tensor([1., 4.]), (tensor([ 2., 40.]),))
    """
    who = "vjp(f, *primals)"
    call = _Call(func, primals, has_aux, who)
    call.require_tensors(who)
    call.require_floating()

    def pull(*cotangents: Any) -> tuple:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        vectors, spec = tree_flatten(given)
        if spec != call.outputs_spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {pretty(spec)}, primal output: {pretty(call.outputs_spec)}"
            )
        return tree_unflatten(call.pull(vectors, retain_graph=True), call.inputs_spec)

    return (call.value, pull, call.aux) if has_aux else (call.value, pull)


def jacrev(
    func: Callable,
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """The function that computes the Jacobian of ``func`` by one backward pass for each entry of its outputs.

    The result has the form of the outputs, with the form of the chosen arguments inside; each entry has the shape
    output.shape + input.shape. ``argnums`` and ``has_aux`` as in ``grad``; ``chunk_size`` changes nothing.

    >>> import minitorch_bn as torch
    >>> torch.func.jacrev(lambda x: x * x.sum())(torch.tensor([1.0, 2.0]))
    tensor([[4., 1.],
            [2., 5.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        who = "vjp(f, *primals)"
        call = _Call(*_selected(func, argnums, args, kwargs), has_aux, who)
        call.require_tensors(who)
        call.require_floating()
        table = rows(call.outputs, call.inputs, create_graph=call.goes_on(()))
        return _jacobian(table, call, argnums, has_aux)

    return jacobian


def _jacobian(table: list[list], call: _Call, argnums: Any, has_aux: bool) -> Any:
    """A table [output][input] in the form of the outputs with that of the inputs inside."""
    inside = [_per_input(row, argnums, call.inputs_spec) for row in table]
    result = tree_unflatten(inside, call.outputs_spec)
    return (result, call.aux) if has_aux else result


# -- forward mode ----------------------------------------------------------------------------------------------------


def jvp(func: Callable, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> tuple:
    """(func(*primals), J tangents), or with ``has_aux`` (output, J tangents, aux); J is the Jacobian.

    ``primals`` is a tuple, ``tangents`` has its form. ``strict`` raises RuntimeError where an output does not depend on
    the primals, instead of answering zeros.

    >>> import minitorch_bn as torch
    >>> torch.func.jvp(lambda x: x * x, (torch.tensor([1.0, 2.0]),), (torch.tensor([1.0, 10.0]),))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    who = "jvp(f, primals, tangents)"
    vectors = _check_tangents(primals, tangents, who)
    call = _Call(func, primals, has_aux, who)
    call.require_tensors(who)
    if strict:
        _check_dependence(call)
    tangents_out = tree_unflatten(call.linearize()(vectors), call.outputs_spec)
    return (call.value, tangents_out, call.aux) if has_aux else (call.value, tangents_out)


def _check_tangents(primals: Any, tangents: Any, who: str) -> list:
    """The tangents as a list; an error unless they fit the primals."""
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{who}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    (values, spec), (vectors, other) = tree_flatten(primals), tree_flatten(tangents)
    if spec != other:
        raise RuntimeError(
            f"{who}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals with structure {spec} and tangents with structure "
            f"{other}"
        )
    for name, leaves in (("primals", values), ("tangents", vectors)):
        if not leaves:
            raise RuntimeError(f"{who}: Expected {name} to contain at least one Tensor.")
        for leaf in leaves:
            if not isinstance(leaf, Variable):
                raise RuntimeError(f"{who}: Expected {name} to only contain Tensors, got {type(leaf)}")
    for value, vector in zip(values, vectors):
        if not value.is_floating_point():
            raise ValueError(f"Expected primal to be floating point or complex, but got: {value.dtype}")
        if value.shape != vector.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
                f"not supported. Tensor is of size {list(value.shape)} while the given forward gradient is of size "
                f"{list(vector.shape)}."
            )
    return vectors


def _check_dependence(call: _Call) -> None:
    for out in call.outputs:
        ones = [wrap(np.ones_like(out._data))]
        if all(found is None for found in pull_back([out], call.inputs, ones, retain_graph=True)):
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not "
                "allowed with strict=True."
            )


def linearize(func: Callable, *primals: Any) -> tuple[Any, Callable]:
    """(func(*primals), the function v -> J v): as ``jvp``, for many tangents at the same point.

    >>> import minitorch_bn as torch
    >>> output, push = torch.func.linearize(lambda x: x * x, torch.tensor([1.0, 2.0]))
    >>> output, push(torch.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    call = _Call(func, primals, False, "linearize(f, *primals)")
    call.require_tensors("linearize(f, *primals)")
    push = call.linearize()

    def jvp_fn(*tangents: Any) -> Any:
        vectors, spec = tree_flatten(tangents)
        if spec != call.inputs_spec:
            raise RuntimeError(
                f"Expected the tangents {spec} to have the same argspec as the primals {call.inputs_spec}"
            )
        for i, (value, vector) in enumerate(zip(call.inputs, vectors)):
            if value.shape != vector.shape:
                raise RuntimeError(
                    f"tangent:{i} with shape {vector.shape} in flattened pytree doesn't match the shape {value.shape} "
                    "of the corresponding primal."
                )
        return tree_unflatten(push(vectors), call.outputs_spec)

    return call.value, jvp_fn


def jacfwd(func: Callable, argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error") -> Callable:
    """The function that computes the Jacobian of ``func`` by one J v for each entry of its inputs.

    As ``jacrev``, and cheaper where there are fewer inputs than outputs. ``func`` runs once, so ``randomness`` changes
    nothing.

    >>> import minitorch_bn as torch
    >>> torch.func.jacfwd(lambda x: x * x.sum())(torch.tensor([1.0, 2.0]))
    tensor([[4., 1.],
            [2., 5.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        who = "jvp(f, primals, tangents)"
        chosen, primals = _selected(func, argnums, args, kwargs)
        _check_tangents(primals, primals, who)
        call = _Call(chosen, primals, has_aux, who)
        call.require_tensors(who)
        return _jacobian(_columns(call), call, argnums, has_aux)

    return jacobian


def _columns(call: _Call) -> list[list]:
    """For each output and each input their Jacobian, one J v a column."""
    push = call.linearize()
    zeros = [zeros_like(x) for x in call.inputs]
    table: list[list] = [[] for _ in call.outputs]
    for i, x in enumerate(call.inputs):
        found = [push([*zeros[:i], unit, *zeros[i + 1 :]]) for unit in units(x)]
        for j, out in enumerate(call.outputs):
            table[j].append(stacked([column[j] for column in found], out, x, dim=-1))
    return table


def hessian(func: Callable, argnums: Any = 0) -> Callable:
    """The function that computes the Hessian of ``func``: ``jacfwd(jacrev(func))``.

    >>> import minitorch_bn as torch
    >>> torch.func.hessian(lambda x: x.prod())(torch.tensor([2.0, 3.0, 5.0]))
    tensor([[0., 5., 3.],
            [5., 0., 2.],
            [3., 2., 0.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
