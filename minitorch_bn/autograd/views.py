"""Tensors that share memory, and what an in-place change means for their histories.

A view remembers its base and the operators that lead from the base to it. When the base or any view of it is changed
in place while the tape records, the *base's* history goes on with a ``CopySlices`` node; every view finds out at its
next use, because its version is behind, and derives its history from the base anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from minitorch_bn.autograd.grad_mode import enable_grad, thread
from minitorch_bn.autograd.hooks import retain_on
from minitorch_bn.autograd.inference import check_change
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.size import broadcast_shapes

if TYPE_CHECKING:
    from minitorch_bn.autograd.node import Node


# Why a view may not be changed in place while recording, nor used after its base was.
_REASONS = {
    "no_grad": (
        "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving "
        "both the view and the inplace either both inside the no_grad block (if you don't want the inplace to be "
        "tracked) or both outside (if you want the inplace to be tracked)."
    ),
    "multiple": (
        "This view is the output of a function that returns multiple views. Such functions do not allow the output "
        "views to be modified inplace. You should replace the inplace operation by an out-of-place one."
    ),
    "function": (
        "This view was created inside a custom Function (or because an input was returned as-is) and the autograd "
        "logic to handle view+inplace would override the custom backward associated with the custom Function, leading "
        "to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom "
        "Function."
    ),
}


class View:
    """How a tensor came out of its base.

    ``steps`` is ``(steps before, (operator, options, output))``, None at the base: views of views share the steps
    before, so that a long chain of them stays cheap.
    """

    __slots__ = ("base", "forbidden", "origin", "steps", "version")

    def __init__(self, base: Any, steps: tuple | None, version: int, forbidden: str | None) -> None:
        self.base = base
        self.origin = None if base is None else base._data  # another array once the base took another shape in place
        self.steps = steps
        self.version = version
        self.forbidden = forbidden  # a key of _REASONS

    def replay(self, tensor: Any) -> Any:
        """The same view of another tensor of the base's shape."""
        steps, to_go = self.steps, []
        while steps is not None:
            steps, step = steps
            to_go.append(step)
        for operator, options, output_nr in reversed(to_go):
            result = operator.apply(tensor, *options)
            tensor = result[output_nr] if type(result) is tuple else result
        return tensor


def attach(ctx: Node, args: tuple, outputs: tuple) -> None:
    """Marks the outputs of a view operator as views of its input's base."""
    source, options = args[0], args[1:]
    forbidden = None
    if not thread.mode.grad:
        forbidden = "no_grad"
    elif len(outputs) > 1 or getattr(ctx, "is_multi_view", False):
        forbidden = "multiple"
    for output_nr, output in enumerate(outputs):
        if output._data.size and not np.may_share_memory(output._data, source._data):
            continue  # reshape of a layout that cannot be viewed made a copy
        link(output, source, (type(ctx), options, output_nr), forbidden)


def link(output: Any, source: Any, step: tuple | None, forbidden: str | None) -> None:
    """Makes ``output`` a view of ``source``'s base, one step further on (None: of all of ``source``)."""
    output._version_counter = source._version_counter
    base, steps = source, None
    if source._view is not None:
        base, steps = source._view.base, source._view.steps
        forbidden = forbidden or source._view.forbidden
    if step is not None:
        steps = (steps, step)
    output._view = View(base, steps, source._version_counter[0], forbidden)


def refresh(tensor: Any) -> None:
    """Brings a view's history up to date after an in-place change of the memory it shares."""
    view = tensor._view
    version = tensor._version_counter[0]
    if view.version == version or not view.base._requires_grad:
        return
    if view.forbidden is not None:
        _refuse(tensor, "its base or another view of its base has been modified inplace")
    _check_origin(view)
    with enable_grad():
        fresh = _as_strided(view.base, view)
    move(tensor, fresh._node, fresh._output_nr)
    view.version = version


def _check_origin(view: View) -> None:
    if view.origin is not view.base._data:
        raise RuntimeError("the base of this view has taken other memory or another shape since: make the view anew")


def rebase(target: Any, node: Node) -> None:
    """``target`` now holds what ``node`` computed: its history, and its base's, go on from there."""
    if target._view is None:
        move(target, node, 0)
        return
    _rebase_view(target, node)
    target._view.version = -1  # behind, since the base has a new history
    refresh(target)


def move(tensor: Any, node: Node, output_nr: int) -> None:
    """Gives a tensor its new place in the graph; if it retains its gradient, that goes along."""
    if tensor._retains_grad:
        del tensor._node._retained[tensor._output_nr]
        retain_on(node, output_nr, tensor)
    tensor._node, tensor._output_nr, tensor._requires_grad = node, output_nr, True


def _rebase_view(target: Any, node: Node) -> None:
    raise NotImplementedError


def _as_strided(base: Any, view: View) -> Any:
    raise NotImplementedError


def set_operators(rebase_view: Any, as_strided: Any) -> None:
    """What views need of operators is defined on top of this file, and announced here."""
    global _rebase_view, _as_strided
    _rebase_view, _as_strided = rebase_view, as_strided


def check_inplace(target: Any, operands: Any = ()) -> None:
    """Refuses an in-place change that memory or autograd could not follow, before anything is touched."""
    if type(target._version_counter) is not list:
        check_change(target)
    if not target._data.flags.writeable:
        _make_writeable(target._data)
    if thread.mode.grad:
        _check_recorded(target, operands)
    for operand in operands:
        if operand._version_counter is target._version_counter:
            _check_overlap(target._data, operand._data)


def _check_recorded(target: Any, operands: Any) -> None:
    """What of this autograd refuses."""
    view = target._view
    if view is not None and (target.requires_grad or any(operand.requires_grad for operand in operands)):
        if view.forbidden is not None:
            _refuse(target, "is being modified inplace")
        _check_origin(view)
        refresh(target)
        # the view may be of a leaf that is itself a view, of what requires no gradient
        if view.base._node is None and (target._requires_grad or view.base._requires_grad):
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if target._requires_grad and target._node is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


def _make_writeable(data: np.ndarray) -> None:
    """numpy hands out broadcast arrays, and all views of them, as read-only; most can be written to all the same."""
    refuse_overlap(data)
    try:
        data.flags.writeable = True
    except ValueError:
        raise ValueError(
            "the tensor's memory is read-only: it is shared with a read-only array or buffer. Change a clone() of it."
        ) from None


def refuse_overlap(data: np.ndarray) -> None:
    """RuntimeError for an array that has an element in several places, which cannot be written to."""
    if data.size and any(stride == 0 and size > 1 for stride, size in zip(data.strides, data.shape)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )


def _refuse(target: Any, event: str) -> None:
    """PyTorch's words for a view that may not take part."""
    view, node = target._view, target._node
    if node is None:
        subject, condition = "A view was created in no_grad mode", " with grad mode enabled"
    else:
        name = node.name().removesuffix("0").removesuffix("Backward")
        subject, condition = f"Output {target._output_nr} of {name} is a view", ""
    raise RuntimeError(f"{subject} and {event}{condition}. {_REASONS[view.forbidden]}")


def _steps(a: np.ndarray) -> list[int]:
    """The strides that are ever taken."""
    return [stride for stride, size in zip(a.strides, a.shape) if size > 1]


def _check_overlap(a: np.ndarray, b: np.ndarray) -> None:
    """Refuses an operand ``b`` that shares some of ``a``'s memory, but not element by element.

    As in PyTorch, only where both lie densely in memory: a column beside a column is let through.
    """
    (a_low, a_high), (b_low, b_high) = byte_bounds(a), byte_bounds(b)
    if a_low == b_low and a.shape == b.shape and _steps(a) == _steps(b):
        return
    dense = a_high - a_low == a.nbytes and b_high - b_low == b.nbytes
    if dense and max(a_low, b_low) < min(a_high, b_high):
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
            "memory location. Please clone() the tensor before performing the operation."
        )


def as_before(operand: Any, target: Any, saved: Any) -> Any:
    """``operand`` as a rule saved it: copied, if the change of ``target`` is about to overwrite that memory."""
    if not isinstance(operand, Variable) or operand._version_counter is not target._version_counter:
        return operand
    data = operand._data
    return wrap(data.copy() if any(value is data for value in saved) else data)


def check_fits(target: Any, out: np.ndarray) -> None:
    """Refuses a result that target's memory cannot hold."""
    shape = target._data.shape
    if out.shape != shape:
        broadcast = broadcast_shapes(shape, out.shape)
        if broadcast != shape:
            raise RuntimeError(f"output with shape {list(shape)} doesn't match the broadcast shape {list(broadcast)}")
