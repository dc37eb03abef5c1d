"""``assert_gradients``: derivatives of every order against finite differences, with a report for a test's output."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd import enable_grad, grad
from minitorch_bn.autograd.gradcheck import GradcheckError, gradcheck
from minitorch_bn.creation import as_tensor
from minitorch_bn.dtypes import float64
from minitorch_bn.nn.modules.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable

_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth"}


def assert_gradients(
    f: Callable[..., Any],
    inputs: Any,
    order: int = 2,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> None:
    """Asserts that the derivatives of ``f(*inputs)``, up to an order, agree with central differences.

    Order by order every entry is moved by ``eps`` and must satisfy ``|analytic - numeric| <= atol + rtol * |numeric|``.
    From the second order on the checked function is the backward pass below, with random numbers arriving, and it is
    checked with respect to these too. The random generator is not touched.

    Args:
        f: a function of tensors that returns a tensor or several; or a Module, of which a float64 copy is checked, with
            respect to its parameters as well.
        inputs: a tensor, array or number, or a list of them. Floating-point ones are copied to float64 and checked,
            unless they are tensors beside others that require grad and do not themselves; the rest is passed on.
        order: 1 checks gradients, 2 gradients of gradients too, and so on.

    Raises:
        AssertionError: a derivative is wrong. The report names the order, the input and its entry, both values, and
            what the mismatch looks like.
        ValueError: ``order`` is below 1, or nothing can be checked.

    Warns where the gradients of a single number are rounding errors, for then nothing is tested: the sum of what a
    Batch Normalization puts out has the gradient 0, right or wrong.

    >>> import minitorch_bn as torch
    >>> from minitorch_bn.testing import assert_gradients
    >>> assert_gradients(torch.nn.BatchNorm1d(3), torch.randn(5, 3), order=3)
    >>> class Square(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g * ctx.saved_tensors[0]
    >>> assert_gradients(Square.apply, torch.tensor([3.0]))
    Traceback (most recent call last):
    AssertionError: the first derivative is wrong, with respect to input 0
    d output[0][0] / d input[0][0]
      analytic 3, numeric 6
      absolute error 3, relative error 0.5
      allowed 1e-05 + 0.001 * 6
    - The analytic gradient is 0.5 times the numeric one throughout: the 2 of a square, or one of two paths, is missing?
    """
    __tracebackhide__ = True
    if order < 1:
        raise ValueError(f"order must be a whole number of at least 1, but got {order!r}")
    values = _prepared(inputs)
    names = [f"input {i}" for i in range(len(values))]
    if isinstance(f, Module):
        f, parameters = _with_parameters(f, len(values))
        names += parameters
        values += list(parameters.values())
    if not any(map(_is_checked, values)):
        raise ValueError("assert_gradients() found no floating-point input to check")
    _warn_of_nothing(f, values)
    for level in range(1, order + 1):
        failure = _check(f, values, eps, atol, rtol)
        if failure is not None:
            raise AssertionError(_report(failure, level, names))
        if level < order:
            f, seeds = _backward_of(f, values)
            if not seeds:
                return  # constant: all further derivatives are 0
            names += [f"the gradient of result {k} that arrived at order {level}" for k in range(len(seeds))]
            values += seeds


def _prepared(inputs: Any) -> list[Any]:
    """The arguments of ``f``: floating-point ones as float64 leaves that require grad."""
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    chosen = any(isinstance(x, Tensor) and x.requires_grad for x in given)
    values: list[Any] = []
    for x in given:
        if isinstance(x, (Tensor, np.ndarray, float)):
            t = as_tensor(x).detach()
            if not t.is_floating_point():
                values.append(t)
                continue
            wanted = x.requires_grad if chosen and isinstance(x, Tensor) else True
            values.append(t.to(float64).clone().requires_grad_(wanted))
        else:
            values.append(x)
    return values


def _with_parameters(module: Module, count: int) -> tuple[Callable[..., Any], dict[str, Any]]:
    """A float64 copy of a module as a function of ``count`` inputs, and its parameters, which are inputs too."""
    own = copy.deepcopy(module).double()
    parameters: dict[str, Any] = {f"parameter {name}": p for name, p in own.named_parameters() if p.requires_grad}
    return lambda *args: own(*args[:count]), parameters  # the check moves the parameters where they are


def _is_checked(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _results(value: Any) -> list[Tensor]:
    """The differentiable tensors that a function returned."""
    returned = value if isinstance(value, (list, tuple)) else [value]
    return [y for y in returned if _is_checked(y)]


def _check(f: Callable[..., Any], values: list[Any], eps: float, atol: float, rtol: float) -> str | None:
    """None, or what gradcheck reports."""
    try:
        gradcheck(f, values, eps=eps, atol=atol, rtol=rtol)
    except GradcheckError as error:
        return str(error)
    return None


def _backward_of(f: Callable[..., Any], values: list[Any]) -> tuple[Callable[..., Any], list[Tensor]]:
    """The backward pass of ``f``, a function of its arguments and of the gradients that arrive; and such gradients."""
    with enable_grad():
        results = _results(f(*values))
    stream = np.random.default_rng(0)
    seeds = [as_tensor(stream.standard_normal(tuple(y.shape))).to(y.dtype).requires_grad_() for y in results]
    count = len(values)

    def backward(*args: Any) -> tuple[Tensor, ...]:
        outputs = _results(f(*args[:count]))
        wanted = [x for x in args[:count] if _is_checked(x)]
        found = grad(outputs, wanted, list(args[count:]), create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return backward, seeds


def _warn_of_nothing(f: Callable[..., Any], values: list[Any]) -> None:
    with enable_grad():
        results = _results(f(*values))
        if len(results) != 1 or results[0].numel() != 1:
            return
        found = grad(results, [x for x in values if _is_checked(x)], allow_unused=True)
    largest = max((g.abs().max().item() for g in found if g is not None and g.numel()), default=0.0)
    if 0 < largest < 1e-12:
        warnings.warn(
            f"assert_gradients: all gradients are rounding errors, at most {largest:.1e}: nothing is tested. If f adds "
            "up the output of a Batch Normalization, its gradient is 0, right or wrong: return the output itself.",
            UserWarning,
            stacklevel=3,
        )


def _report(failure: str, level: int, names: list[str]) -> str:
    """gradcheck's report, in the words of this check: which order, which input, then the worst entry and the hints."""
    order = _ORDINALS.get(level, f"{level}th")
    first, *lines = failure.splitlines()
    words = first.rstrip(",").split("with respect to input ")
    which = f", with respect to {names[int(words[1])]}" if len(words) == 2 and words[1].isdigit() else ""
    head = f"the {order} derivative is wrong{which}"
    start = next((i for i, line in enumerate(lines) if line.startswith("  d output")), None)
    if start is None:
        return "\n".join([head, first, *lines])
    kept = lines[start:]
    kept[0] = kept[0].strip()
    if level > 1:
        head += f"\n(output: what the backward pass of order {level - 1} returns)"
    return "\n".join([head, *kept])
