"""Gradients against finite differences: every entry of the Jacobian, and a report that helps to find the mistake.

The numeric side moves one input entry at a time, ``(f(x + eps) - f(x - eps)) / 2 eps``. The analytic side sends one
unit vector at a time into each output. A gradient of ones would be half the work and hide the most: what Batch
Normalization answers to a uniform gradient is zero, right or wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.engine import grad
from minitorch_bn.autograd.grad_mode import enable_grad
from minitorch_bn.autograd.variable import Variable, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class GradcheckError(RuntimeError):
    """What ``gradcheck`` and ``gradgradcheck`` raise when a gradient is wrong."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Checks the gradients of ``func(*inputs)`` against central differences of step ``eps``; True if they agree.

    ``func`` returns a tensor or a sequence of them. Each input of floating dtype that requires grad is checked, entry
    by entry: ``|analytic - numeric| <= atol + rtol * |numeric|``. Inputs should be float64. They are moved in place,
    so that a ``func`` that finds them elsewhere too (the weights of a module) is checked as well, and put back.
    ``nondet_tol`` is how far two backward passes may differ. ``fast_mode`` compares one random projection of each
    Jacobian, and all of its entries only where that disagrees. ``check_undefined_grad`` and ``check_grad_dtypes``
    change nothing: outputs are always checked one at a time, and the engine always restores dtypes.

    Raises GradcheckError with the worst entry and hints (False instead with ``raise_exception=False``), ValueError
    if no input requires grad, RuntimeError for an input whose entries share memory, NotImplementedError for
    forward-mode or batched checks.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: (x.exp(), x.softmax(1)), x)
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    _refuse(
        check_forward_ad=check_forward_ad,
        check_batched_grad=check_batched_grad,
        check_batched_forward_grad=check_batched_forward_grad,
    )
    inputs = _as_tuple(inputs)
    _check_inputs(inputs)
    check = _Check(func, inputs, eps, atol, rtol, nondet_tol)
    try:
        check.run(fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Checks the gradients of the gradients of ``func(*inputs)``: ``gradcheck`` of its backward pass.

    The backward pass is a function of the inputs and of ``grad_outputs`` (default: normal numbers from a stream of
    their own, the same ones each time), and is checked with respect to both. Arguments and errors as in ``gradcheck``.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(torch.sigmoid, x)
    True
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    _refuse(check_fwd_over_rev=check_fwd_over_rev)
    inputs = _as_tuple(inputs)
    if grad_outputs is None:
        with enable_grad():
            outputs = _differentiable(func(*inputs))
        grad_outputs = _random_like(outputs, gen_non_contig_grad_outputs)
    grad_outputs = _as_tuple(grad_outputs)

    def backward_pass(*args: Any) -> tuple[Any, ...]:
        split = len(args) - len(grad_outputs)
        outputs = _differentiable(func(*args[:split]))
        wanted = [a for a in args[:split] if isinstance(a, Variable) and a.requires_grad]
        grads = grad(outputs, wanted, args[split:], create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    return gradcheck(
        backward_pass,
        inputs + grad_outputs,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


def _refuse(**options: bool) -> None:
    """NotImplementedError for the first option that is asked for."""
    for name, wanted in options.items():
        if wanted:
            raise NotImplementedError(f"{name}=True is not supported here: only reverse mode, one vector at a time")


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, Variable) or not isinstance(value, (list, tuple)) else tuple(value)


def _as_outputs(value: Any) -> tuple[Any, ...]:
    """What a function returned, as a tuple of tensors."""
    outputs = _as_tuple(value)
    for output in outputs:
        if not isinstance(output, Variable):
            raise TypeError(f"gradcheck expects func to return a Tensor or a sequence of Tensors, got {type(output)}")
    return outputs


def _differentiable(value: Any) -> tuple[Any, ...]:
    return tuple(out for out in _as_outputs(value) if out.requires_grad)


def _random_like(outputs: tuple[Any, ...], strided: bool) -> tuple[Any, ...]:
    """Normal numbers for each output, as leaves that require grad; with gaps between them in memory if ``strided``."""
    stream = np.random.default_rng(0)  # its own, so that a check does not move the user's random numbers on
    drawn = []
    for out in outputs:
        numbers = stream.standard_normal((*out._data.shape, 2)).astype(out._data.dtype)[..., 0]
        drawn.append(wrap(numbers if strided else numbers.copy()).requires_grad_())
    return tuple(drawn)


def _wants_check(value: Any) -> bool:
    return isinstance(value, Variable) and value.requires_grad


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    """Refuses inputs that cannot be checked; warns of those that hardly can."""
    if not any(map(_wants_check, inputs)):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i, value in enumerate(inputs):
        if not _wants_check(value):
            continue
        data = value._data
        if data.size and any(stride == 0 and size > 1 for stride, size in zip(data.strides, data.shape)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call .contiguous "
                "on the input before passing it to gradcheck."
            )
        if data.dtype != np.float64:
            import warnings

            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check "
                "will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )


class _Check:
    """One function at one point. Jacobians have a row for each input entry and a column for each output entry."""

    def __init__(
        self, func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float, nondet_tol: float
    ) -> None:
        self.func, self.inputs = func, inputs
        self.eps, self.atol, self.rtol, self.nondet_tol = eps, atol, rtol, nondet_tol
        self.checked = [i for i, value in enumerate(inputs) if _wants_check(value)]
        self.before = {i: inputs[i]._data.copy() for i in self.checked}  # others may change: running statistics do
        self.outputs: list[int] = []

    def run(self, fast: bool) -> None:
        """GradcheckError for the first Jacobian that disagrees."""
        with enable_grad():
            outputs = _as_outputs(self.func(*self.inputs))
            self.check_untouched("func")
            self.outputs = [k for k, out in enumerate(outputs) if out.requires_grad]
            if not self.outputs:
                self.check_constant(outputs)
                return
            if not (fast and self.projections_agree(outputs)):
                self.compare(outputs)
            self.check_silent(outputs)

    def compare(self, outputs: tuple[Any, ...]) -> None:
        """Every entry of every Jacobian."""
        numeric = self.numeric(outputs)
        for k in self.outputs:
            analytic, again = self.analytic(outputs[k]), self.analytic(outputs[k])
            self.check_untouched("backward of func")
            for i in self.checked:
                if not _close(analytic[i], numeric[i, k], self.rtol, self.atol).all():
                    raise GradcheckError(_report(self, outputs, i, k, analytic[i], numeric[i, k]))
            if any(np.abs(analytic[i] - again[i]).max(initial=0) > self.nondet_tol for i in self.checked):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    "gives different values, although analytical gradient matches numerical gradient."
                    f"The tolerance for nondeterminism was {self.nondet_tol}."
                )

    # -- the two sides ---------------------------------------------------------------------------------------------

    def values(self) -> list[np.ndarray]:
        """The outputs at the inputs as they are now; copies, since an output may be a view of an input."""
        return [out._data.copy() for out in _as_outputs(self.func(*self.inputs))]

    def differences(self, i: int, index: tuple[int, ...], eps: float) -> tuple[float, list[Any], list[Any]]:
        """The outputs eps above and eps below one input entry, and how far apart the two points really are."""
        data = self.inputs[i]._data
        original = data[index]
        try:
            data[index] = original + eps
            above, upper = data[index], self.values()
            data[index] = original - eps
            below, lower = data[index], self.values()
        finally:
            data[index] = original
        return float(above) - float(below), upper, lower

    def numeric(self, outputs: tuple[Any, ...]) -> dict[tuple[int, int], np.ndarray]:
        """(input, output) -> Jacobian by central differences."""
        jacobians = {}
        for i in self.checked:
            data = self.inputs[i]._data
            for k in self.outputs:
                jacobians[i, k] = np.zeros((data.size, outputs[k]._data.size))
            for row, index in enumerate(np.ndindex(data.shape)):
                step, upper, lower = self.differences(i, index, self.eps)
                for k in self.outputs:
                    difference = upper[k].astype(np.float64) - lower[k].astype(np.float64)
                    with np.errstate(all="ignore"):
                        jacobians[i, k][row] = np.divide(difference, step).reshape(-1)
        return jacobians

    def analytic(self, output: Any) -> dict[int, np.ndarray]:
        """input -> Jacobian by one backward pass for each entry of an output."""
        data = output._data
        jacobians = {i: np.zeros((self.inputs[i]._data.size, data.size)) for i in self.checked}
        for column, index in enumerate(np.ndindex(data.shape)):
            unit = np.zeros(data.shape, data.dtype)
            unit[index] = 1
            for i, gradient in self.backward([output], [wrap(unit)]).items():
                jacobians[i][:, column] = gradient.reshape(-1)
        return jacobians

    def backward(self, outputs: list[Any], grads: list[Any]) -> dict[int, np.ndarray]:
        """input -> gradient; None counts as zeros."""
        wanted = [self.inputs[i] for i in self.checked]
        found = grad(outputs, wanted, grads, retain_graph=True, allow_unused=True)
        return {
            i: np.zeros(value._data.shape) if gradient is None else gradient._data
            for i, value, gradient in zip(self.checked, wanted, found)
        }

    def projections_agree(self, outputs: tuple[Any, ...]) -> bool:
        """u' J v, for one random u and v, on both sides. (Rows and columns add up: so may their tolerances.)"""
        stream = np.random.default_rng(0)
        chosen = [outputs[k] for k in self.outputs]
        v = [stream.uniform(0.5, 1.5, out._data.shape) for out in chosen]
        found = self.backward(chosen, [wrap(a.astype(out._data.dtype)) for a, out in zip(v, chosen)])
        for i in self.checked:
            data, original = self.inputs[i]._data, self.before[i]
            u = stream.standard_normal(data.shape)
            try:
                data[...] = original + self.eps * u
                upper = self.values()
                data[...] = original - self.eps * u
                lower = self.values()
            finally:
                data[...] = original
            numeric = sum(((upper[k] - lower[k]) * a).sum() for k, a in zip(self.outputs, v)) / (2 * self.eps)
            if not _close((found[i] * u).sum(), numeric, self.rtol, self.atol):
                return False
        return True

    # -- what else must hold ---------------------------------------------------------------------------------------

    def check_untouched(self, who: str) -> None:
        """GradcheckError (and the inputs put back) if an input was written to."""
        for i, before in self.before.items():
            data = self.inputs[i]._data
            if not np.array_equal(data, before, equal_nan=True):
                data[...] = before
                raise GradcheckError(
                    f"{who} changed input {i} in place: differences of such a function mean nothing. Let it work on a "
                    "clone."
                )

    def check_constant(self, outputs: tuple[Any, ...]) -> None:
        """Outputs that do not require grad may not depend on the inputs."""
        self.outputs = [k for k, out in enumerate(outputs) if out._data.dtype.kind in "fV"]
        for (i, k), jacobian in self.numeric(outputs).items():
            if np.abs(jacobian).max(initial=0) > self.atol:
                raise GradcheckError(
                    "Numerical gradient for function expected to be zero\n"
                    f"Output {k} depends on input {i} but does not require grad: somewhere on the way it was detached, "
                    "computed under no_grad, or left the tape through numpy() or item()."
                )

    def check_silent(self, outputs: tuple[Any, ...]) -> None:
        """Backward is linear in what comes in: zeros in, zeros out."""
        if any(gradient.any() for gradient in self.answer_to_zeros(outputs).values()):
            raise GradcheckError("backward not multiplied by grad_output")

    def answer_to_zeros(self, outputs: tuple[Any, ...]) -> dict[int, np.ndarray]:
        """input -> its gradient when zeros come in."""
        chosen = [outputs[k] for k in self.outputs]
        return self.backward(chosen, [wrap(np.zeros_like(out._data)) for out in chosen])


def _close(analytic: Any, numeric: Any, rtol: float, atol: float) -> Any:
    """Which entries agree; NaN agrees with nothing."""
    with np.errstate(invalid="ignore"):
        return (analytic == numeric) | (np.abs(analytic - numeric) <= atol + rtol * np.abs(numeric))


# -- the report ------------------------------------------------------------------------------------------------------


def _report(check: _Check, outputs: tuple[Any, ...], i: int, k: int, analytic: np.ndarray, numeric: np.ndarray) -> str:
    """PyTorch's message, then the entry that is furthest off, then what it looks like."""
    with np.errstate(invalid="ignore"):
        error = np.abs(analytic - numeric)
        excess = error - (check.atol + check.rtol * np.abs(numeric))
    failing = ~_close(analytic, numeric, check.rtol, check.atol)
    row, column = np.unravel_index(np.where(failing, np.nan_to_num(excess, nan=np.inf), -1).argmax(), error.shape)
    a, n, e = analytic[row, column], numeric[row, column], error[row, column]
    source = np.unravel_index(row, check.inputs[i]._data.shape)
    target = np.unravel_index(column, outputs[k]._data.shape)
    hints = [hint for hint in _hints(check, outputs, i, k, analytic, numeric, (source, target)) if hint]
    lines = [
        f"Jacobian mismatch for output {k} with respect to input {i},",
        f"numerical:{wrap(numeric)!r}",
        f"analytical:{wrap(analytic)!r}\n",
        f"{failing.sum()} of {failing.size} entries disagree. The worst:",
        f"  d output[{k}]{_subscript(target)} / d input[{i}]{_subscript(source)}",
        f"  analytic {a:.9g}, numeric {n:.9g}",
        f"  absolute error {e:.3g}, relative error {e / abs(n) if n else np.inf:.3g}",
        f"  allowed {check.atol:.3g} + {check.rtol:.3g} * {abs(n):.3g}",
    ]
    return "\n".join(lines + [f"- {hint}" for hint in hints])


def _subscript(index: tuple[Any, ...]) -> str:
    return str([int(n) for n in index]) if index else ""


def _hints(
    check: _Check,
    outputs: tuple[Any, ...],
    i: int,
    k: int,
    analytic: np.ndarray,
    numeric: np.ndarray,
    worst: tuple[Any, Any],
) -> Iterator[str | None]:
    """What the mismatch looks like, most telling first; None where a suspicion did not hold."""
    if check.inputs[i]._data.dtype != np.float64 or outputs[k]._data.dtype != np.float64:
        yield (
            f"The dtypes are {check.inputs[i].dtype} -> {outputs[k].dtype}: differences over a step of {check.eps:g} "
            "drown in rounding. Use float64: x.double().detach().requires_grad_()."
        )
    yield _hint_nonfinite(analytic, numeric)
    values = check.values()
    if not np.array_equal(values[k], check.values()[k], equal_nan=True):
        yield (
            "func answers differently each time it is called: dropout, noise or state that moves on? Seed it inside "
            "func or switch it off."
        )
        return
    yield _hint_kink(check, i, k, values, worst)
    if np.abs(analytic).max(initial=0) == 0:
        yield (
            f"The analytic gradient of input {i} is None or 0 throughout: does backward return it, in this position, "
            "and is everything on the way recorded (no detach, no numpy)?"
        )
        return
    yield _hint_pattern(check.inputs[i]._data.shape, analytic, numeric, check.rtol, check.atol)
    if any(gradient.any() for gradient in check.answer_to_zeros(outputs).values()):
        yield "backward answers zeros with something else: a term is not multiplied by grad_output."
    entry = np.ravel_multi_index(worst[0], check.inputs[i]._data.shape) if worst[0] else 0
    column = np.ravel_multi_index(worst[1], outputs[k]._data.shape) if worst[1] else 0
    if max(abs(analytic[entry, column]), abs(numeric[entry, column])) < 1e-4:
        yield (
            f"Both are close to 0, where only atol={check.atol:g} decides, and differences are good to about 1e-9. If "
            "func adds up the output of a Batch Normalization, the true gradient is 0: it answers a uniform gradient "
            "with 0. Check the output itself."
        )


def _hint_nonfinite(analytic: np.ndarray, numeric: np.ndarray) -> str | None:
    sides = [name for name, side in (("analytic", analytic), ("numeric", numeric)) if not np.isfinite(side).all()]
    if not sides:
        return None
    return (
        f"There is NaN or infinity on the {' and the '.join(sides)} side: a point outside the domain (log or sqrt "
        "at 0), 0 * inf in backward, or an eps that is lost beside the input's magnitude?"
    )


def _hint_kink(check: _Check, i: int, k: int, values: list[Any], worst: tuple[Any, Any]) -> str | None:
    """Whether the slopes to the left and to the right of the worst entry differ."""
    source, target = worst
    step, upper, lower = check.differences(i, source, check.eps)
    if not step:
        return None
    here = float(values[k][target])
    right, left = (float(upper[k][target]) - here) / step * 2, (here - float(lower[k][target])) / step * 2
    rounding = 1e3 * np.finfo(check.inputs[i]._data.dtype).eps * max(abs(here), 1) / check.eps
    if not abs(right - left) > 1e-2 * max(abs(right), abs(left)) + rounding:
        return None
    return (
        f"The slope is {left:.4g} to the left and {right:.4g} to the right: a kink or jump (relu or abs at 0, a tie of "
        "max) lies within eps. Move the input away from it."
    )


def _hint_pattern(
    shape: tuple[int, ...], analytic: np.ndarray, numeric: np.ndarray, rtol: float, atol: float
) -> str | None:
    """A wrong layout or a wrong factor, if that alone explains everything."""
    if not (np.isfinite(analytic).all() and np.isfinite(numeric).all()):
        return None
    if analytic.shape[0] == analytic.shape[1] and _close(analytic.T, numeric, rtol, atol).all():
        return "The analytic Jacobian is the transpose of the numeric one: J @ g where J.T @ g is wanted?"
    if len(shape) == 2 and shape[0] == shape[1]:
        turned = analytic.reshape(*shape, -1).swapaxes(0, 1).reshape(analytic.shape)  # (r, c, out) -> (c, r, out)
        if _close(turned, numeric, rtol, atol).all():
            return "The analytic gradient is the transpose of the right one: a .T missing or too many?"
    large = np.abs(numeric) > 10 * atol
    if not large.any():
        return None
    factor = float(np.median(analytic[large] / numeric[large]))
    if factor == 0 or not _close(analytic / factor, numeric, rtol, atol).all():
        return None
    return f"The analytic gradient is {factor:.6g} times the numeric one throughout{_explain(factor, shape)}"


def _explain(factor: float, shape: tuple[int, ...]) -> str:
    """Where a constant factor may come from."""
    if abs(factor + 1) < 1e-3:
        return ": a wrong sign?"
    sizes = {int(np.prod(shape)), *shape}
    for n in sorted(sizes - {0, 1}):
        if abs(factor - n) < 1e-3 * n:
            return f": the input has a size of {n}, so a mean whose 1/n is missing, or a gradient added up {n} times?"
        if abs(factor * n - 1) < 1e-3:
            return f": the input has a size of {n}, so a sum that became a mean?"
    if abs(factor - 0.5) < 1e-3:
        return ": the 2 of a square, or one of two paths, is missing?"
    if abs(factor - 2) < 2e-3:
        return ": a path counted twice?"
    return "."
