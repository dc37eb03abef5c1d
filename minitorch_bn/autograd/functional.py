"""Jacobians, Hessians and their products with vectors, of functions that take and return tensors or tuples of them.

Products from the right, J v, need no second kind of differentiation: the gradient u J is linear in u, so its own
gradient with respect to u, answered with v, is J v. Every rule of this library can be differentiated again, which makes
that exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.engine import grad
from minitorch_bn.autograd.grad_mode import enable_grad
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.ops.shape import stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


# -- what minitorch_bn.func builds on too ----------------------------------------------------------------------------


def pull_back(
    outputs: Sequence, inputs: Sequence, vectors: Sequence, create_graph: bool = False, retain_graph: bool | None = None
) -> tuple:
    """vectors . d outputs / d inputs; None for an input that no output depends on."""
    pairs = [(out, v) for out, v in zip(outputs, vectors) if out is not None and out.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    outs, grads = zip(*pairs)
    return grad(outs, tuple(inputs), grads, retain_graph, create_graph, allow_unused=True)


def units(like: Any) -> Iterator[Any]:
    """The tensors of this shape with a 1 in one place and 0 elsewhere, in order."""
    for index in np.ndindex(like._data.shape):
        unit = np.zeros_like(like._data)
        unit[index] = 1
        yield wrap(unit)


def zeros_like(tensor: Any) -> Any:
    """Zeros of a tensor's shape and dtype, without history."""
    return wrap(np.zeros_like(tensor._data))


def rows(outputs: Sequence, inputs: Sequence, create_graph: bool) -> list[list]:
    """For each output and each input their Jacobian, of shape output.shape + input.shape; one backward pass a row."""
    table = []
    for out in outputs:
        found = [pull_back([out], inputs, [unit], create_graph, retain_graph=True) for unit in units(out)]
        columns = zip(*found) if found else ((),) * len(inputs)
        table.append([stacked(column, value, out, dim=0) for column, value in zip(columns, inputs)])
    return table


def stacked(parts: Sequence, like: Any, other: Any, dim: int) -> Any:
    """Rows (dim=0) or columns (dim=-1) of a Jacobian put together."""
    shape = other.shape + like.shape if dim == 0 else like.shape + other.shape
    if all(part is None for part in parts):
        return wrap(np.zeros(shape, like._data.dtype))
    return stack([zeros_like(like) if part is None else part for part in parts], dim).reshape(shape)


# -- arguments and results -------------------------------------------------------------------------------------------


def _as_tuple(values: Any, name: str, who: str) -> tuple[bool, tuple]:
    """Whether a tuple was given, and the values as a tuple; TypeError for anything but tensors."""
    if isinstance(values, Variable):
        return False, (values,)
    expected = f"The {name} given to {who} must be either a Tensor or a tuple of Tensors but the"
    if not isinstance(values, tuple):
        raise TypeError(f"{expected} given {name} has type {type(values)}.")
    for i, value in enumerate(values):
        if not isinstance(value, Variable):
            raise TypeError(f"{expected} value at index {i} has type {type(value)}.")
    return True, values


def _fresh(inputs: tuple, create_graph: bool) -> tuple:
    """New tensors to differentiate with respect to; those of a tape that goes on stay connected to it."""
    return tuple(x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_() for x in inputs)


def _evaluate(func: Callable, inputs: tuple, who: str) -> tuple[bool, tuple]:
    return _as_tuple(func(*inputs), "outputs of the user-provided function", who)


def _vectors(v: Any, like: tuple, is_tuple: bool, who: str, create_graph: bool) -> tuple:
    """The vectors, once their number and sizes are known to be right."""
    _, vectors = _as_tuple(v, "v", who)
    if len(vectors) != len(like):
        if is_tuple:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vectors)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (vector, value) in enumerate(zip(vectors, like)):
        if vector.shape != value.shape:
            entry = f"Entry {i} in " if is_tuple else ""
            raise RuntimeError(f"{entry}v has invalid size: should be {value.shape} but got {vector.shape}.")
    return vectors if create_graph else tuple(vector.detach() for vector in vectors)


def _input_vectors(v: Any, inputs: tuple, is_tuple: bool, who: str, create_graph: bool) -> tuple:
    if v is not None:
        return _vectors(v, inputs, is_tuple, who, create_graph)
    if len(inputs) != 1 or inputs[0].numel() != 1:
        raise RuntimeError(
            "The vector v can only be None if the input to the user-provided function is a single Tensor with a single "
            "element."
        )
    return (wrap(np.ones_like(inputs[0]._data)),)


def _result(values: Sequence, is_tuple: bool, create_graph: bool) -> Any:
    """As many values as the user gave, cut off from the tape unless it was to go on."""
    values = tuple(values) if create_graph else tuple(value.detach() for value in values)
    return values if is_tuple else values[0]


def _scalar(func: Callable, inputs: tuple, who: str) -> Any:
    is_tuple, outputs = _evaluate(func, inputs, who)
    if is_tuple:
        raise RuntimeError(f"The function given to {who} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {who} should contain a single element")
    return outputs[0]


# -- strict mode -----------------------------------------------------------------------------------------------------


def _check_outputs(outputs: Sequence, strict: bool) -> None:
    for i, out in enumerate(outputs):
        if strict and not out.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs must be computed in "
                "a differentiable manner from the input when running in strict mode."
            )


def _check_gradient(gradients: Sequence, strict: bool) -> None:
    """Before a second derivative: the first must depend on the inputs."""
    for i, gradient in enumerate(gradients):
        if not strict:
            return
        if gradient is None:
            raise RuntimeError(
                f"The output of the user-provided function is independent of input {i}. This is not allowed in strict "
                "mode."
            )
        if not gradient.requires_grad:
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided function with respect to "
                f"input {i} is independent of the input. This is not allowed in strict mode. You should ensure that "
                "your function is twice differentiable and that the jacobian depends on the inputs (this would be "
                "violated by a linear function for example)."
            )


def _filled(values: Sequence, like: Sequence, strict: bool, create_graph: bool, what: str = "output") -> list:
    """Zeros for what does not depend on the inputs; in strict mode a RuntimeError."""
    for i, value in enumerate(values):
        if strict and value is None:
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is not allowed in strict "
                "mode."
            )
        if strict and create_graph and not value.requires_grad:
            what = "jacobian" if what == "output" else what
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is not allowed in strict "
                "mode when create_graph=True."
            )
    return [zeros_like(x) if value is None else value for value, x in zip(values, like)]


# -- public ----------------------------------------------------------------------------------------------------------


def vjp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), v J), where J is the Jacobian of ``func``.

    ``inputs`` and the result of ``func`` are tensors or tuples of tensors. ``v`` has the form of the outputs; it may be
    left out for a single output of one element. v J has the form of the inputs, zeros where an input has no influence.
    With ``create_graph`` the results can be differentiated. ``strict`` raises RuntimeError for an input without
    influence.

    >>> import minitorch_bn as torch
    >>> torch.autograd.functional.vjp(lambda x: x * x, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        inputs_is_tuple, given = _as_tuple(inputs, "inputs", "vjp")
        x = _fresh(given, create_graph)
        is_tuple, outputs = _evaluate(func, x, "vjp")
        _check_outputs(outputs, strict)
        if v is not None:
            vectors = _vectors(v, outputs, is_tuple, "vjp", create_graph)
        elif len(outputs) == 1 and outputs[0].numel() == 1:
            vectors = (wrap(np.ones_like(outputs[0]._data)),)
        else:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single "
                "element."
            )
        result = _filled(pull_back(outputs, x, vectors, create_graph), x, strict, create_graph)
    return _result(outputs, is_tuple, create_graph), _result(result, inputs_is_tuple, create_graph)


def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), J v), where J is the Jacobian of ``func``; ``v`` has the form of the inputs, J v of the outputs.

    ``v`` may be left out for a single input of one element; the rest as in ``vjp``.

    >>> import minitorch_bn as torch
    >>> torch.autograd.functional.jvp(lambda x: x * x, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        inputs_is_tuple, given = _as_tuple(inputs, "inputs", "jvp")
        vectors = _input_vectors(v, given, inputs_is_tuple, "jvp", create_graph)
        x = _fresh(given, create_graph)
        is_tuple, outputs = _evaluate(func, x, "jvp")
        _check_outputs(outputs, strict)
        u = [zeros_like(out).requires_grad_(out.is_floating_point()) for out in outputs]
        uJ = pull_back(outputs, x, u, create_graph=True)
        _filled(uJ, x, strict, create_graph=False)
        places = [i for i, probe in enumerate(u) if probe.requires_grad]
        found = dict(zip(places, pull_back(uJ, [u[i] for i in places], vectors, create_graph)))
        result = _filled([found.get(i) for i in range(len(u))], outputs, strict, create_graph)
    return _result(outputs, is_tuple, create_graph), _result(result, is_tuple, create_graph)


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of ``func``, of shape output.shape + input.shape.

    A tuple of outputs gives a tuple over them, a tuple of inputs a tuple over those inside. ``create_graph`` and
    ``strict`` as in ``vjp``; ``vectorize`` and ``strategy`` are accepted as by PyTorch, and change nothing.

    >>> import minitorch_bn as torch
    >>> torch.autograd.functional.jacobian(lambda x: x * x.sum(), torch.tensor([1.0, 2.0]))
    tensor([[4., 1.],
            [2., 5.]])
    """
    _check_strategy(strategy, create_graph, strict, vectorize)
    with enable_grad():
        inputs_is_tuple, given = _as_tuple(inputs, "inputs", "jacobian")
        x = _fresh(given, create_graph)
        is_tuple, outputs = _evaluate(func, x, "jacobian")
        _check_outputs(outputs, strict)
        if strict:
            _check_influence(outputs, x, create_graph)
        table = [_result(row, inputs_is_tuple, create_graph) for row in rows(outputs, x, create_graph)]
    return tuple(table) if is_tuple else table[0]


def _check_strategy(strategy: str, create_graph: bool, strict: bool, vectorize: bool) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs '
            'than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    here = "torch.autograd.functional.jacobian:"
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                f'{here} `create_graph=True` and `strategy="forward-mode"` are not supported together (yet). Please '
                'either set `create_graph=False` or `strategy="reverse-mode"`.'
            )
        if strict:
            raise RuntimeError(
                f'{here} `strict=True` and `strategy="forward-mode"` are not supported together (yet). Please either '
                'set `strict=False` or `strategy="reverse-mode"`.'
            )
        if not vectorize:
            raise NotImplementedError(_NEEDS_VECTORIZE)
    elif strict and vectorize:
        raise RuntimeError(
            f"{here} `strict=True` and `vectorized=True` are not supported together. Please either set `strict=False` "
            "or `vectorize=False`."
        )


_NEEDS_VECTORIZE = (
    "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
)


def _check_influence(outputs: tuple, inputs: tuple, create_graph: bool) -> None:
    """RuntimeError for an output that does not depend on every input, or does so linearly if it is to go on."""
    for j, out in enumerate(outputs):
        probe = wrap(np.ones_like(out._data))
        for i, found in enumerate(pull_back([out], inputs, [probe], create_graph, retain_graph=True)):
            if found is None:
                raise RuntimeError(
                    f"Output {j} of the user-provided function is independent of input {i}. This is not allowed in "
                    "strict mode."
                )
            if create_graph and not found.requires_grad:
                raise RuntimeError(
                    f"The jacobian of the user-provided function is independent of input {i}. This is not allowed in "
                    "strict mode when create_graph=True."
                )


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of ``func``, which returns one tensor of one element; of shape input.shape + input.shape.

    A tuple of inputs gives a tuple of tuples. The rest as in ``jacobian``.

    >>> import minitorch_bn as torch
    >>> torch.autograd.functional.hessian(lambda x: x[0] * x[1] * x[2], torch.tensor([2.0, 3.0, 5.0]))
    tensor([[0., 5., 3.],
            [5., 0., 2.],
            [3., 2., 0.]])
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    if outer_jacobian_strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(_NEEDS_VECTORIZE)
    inputs_is_tuple, given = _as_tuple(inputs, "inputs", "hessian")
    if strict and vectorize:
        _check_strategy("reverse-mode", create_graph, strict, vectorize)
    with enable_grad():
        x = _fresh(given, create_graph)
        out = _scalar(func, x, "hessian")
        _check_outputs([out], strict)
        if strict:
            _check_influence((out,), x, create_graph=False)
        gradient = pull_back([out], x, [wrap(np.ones_like(out._data))], create_graph=True)
        _check_gradient(gradient, strict)
        gradient = tuple(zeros_like(value) if g is None else g for g, value in zip(gradient, x))
        table = [_result(row, inputs_is_tuple, create_graph) for row in rows(gradient, x, create_graph)]
    return tuple(table) if inputs_is_tuple else table[0]


def vhp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), v H), where H is the Hessian of ``func``, which returns one tensor of one element.

    ``v`` has the form of the inputs; it may be left out for a single input of one element. Cheaper than ``hvp``.

    >>> import minitorch_bn as torch
    >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0]))
    (tensor(9.), tensor([  6., 120.]))
    """
    return _hessian_product(func, inputs, v, create_graph, strict, "vhp")


def hvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(*inputs), H v): the same as ``vhp`` wherever H is symmetric, by one backward pass more.

    >>> import minitorch_bn as torch
    >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0]))
    (tensor(9.), tensor([  6., 120.]))
    """
    return _hessian_product(func, inputs, v, create_graph, strict, "hvp")


def _hessian_product(
    func: Callable, inputs: Any, v: Any, create_graph: bool, strict: bool, who: str
) -> tuple[Any, Any]:
    with enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", who)
        vectors = _input_vectors(v, given, is_tuple, who, create_graph)
        x = _fresh(given, create_graph)
        out = _scalar(func, x, who)
        _check_outputs([out], strict)
        gradient = pull_back([out], x, [wrap(np.ones_like(out._data))], create_graph=True)
        _check_gradient(gradient, strict)
        if who == "vhp":
            found = pull_back(gradient, x, vectors, create_graph)
        else:
            u = [zeros_like(value).requires_grad_() for value in x]
            found = pull_back(pull_back(gradient, x, u, create_graph=True), u, vectors, create_graph)
        result = _filled(found, x, strict, create_graph, "hessian")
    return _result([out], False, create_graph), _result(result, is_tuple, create_graph)
