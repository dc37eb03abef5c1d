"""Tensors that share memory, and what an in-place change means for their histories.

A view remembers its base and the operators that lead from the base to it. When the base or any view of it is changed
in place while the tape records, the *base's* history goes on with a ``CopySlices`` node; every view finds out at its
next use, because its version is behind, and derives its history from the base anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.grad_mode import enable_grad, mode
from minitorch_bn.autograd.hooks import retain_on


if TYPE_CHECKING:
    from minitorch_bn.autograd.node import Node


class View:
    """How a tensor came out of its base: ``steps`` are the (operator, options, output) to replay on the base."""

    __slots__ = ("base", "forbidden", "steps", "version")

    def __init__(self, base: Any, steps: tuple, version: int, forbidden: str | None) -> None:
        self.base = base
        self.steps = steps
        self.version = version
        self.forbidden = forbidden  # why this view may not be changed in place while recording

    def replay(self, tensor: Any) -> Any:
        """The same view of another tensor of the base's shape."""
        for operator, options, output_nr in self.steps:
            result = operator.apply(tensor, *options)
            tensor = result[output_nr] if type(result) is tuple else result
        return tensor


def attach(ctx: Node, args: tuple, outputs: tuple) -> None:
    """Marks the outputs of a view operator as views of its input's base."""
    source, options = args[0], args[1:]
    forbidden = None
    if not mode.grad:
        forbidden = "no_grad"
    elif len(outputs) > 1 or getattr(ctx, "is_multi_view", False):
        forbidden = f"multiple:{type(ctx).__name__}"
    for output_nr, output in enumerate(outputs):
        if not np.may_share_memory(output._data, source._data):
            continue  # reshape of a layout that cannot be viewed made a copy
        output._version_counter = source._version_counter
        before = source._view
        step = (type(ctx), options, output_nr)
        if before is None:
            base, steps = source, (step,)
        else:
            base, steps = before.base, (*before.steps, step)
            forbidden = forbidden or before.forbidden
        output._view = View(base, steps, source._version_counter[0], forbidden)


def refresh(tensor: Any) -> None:
    """Brings a view's history up to date after an in-place change of the memory it shares."""
    view = tensor._view
    version = tensor._version_counter[0]
    if view.version == version:
        return
    view.version = version
    if view.base._requires_grad and view.forbidden != "no_grad":
        with enable_grad():
            fresh = view.replay(view.base)
        tensor._node, tensor._output_nr, tensor._requires_grad = fresh._node, fresh._output_nr, True
        move_retained(tensor)


def rebase(target: Any, node: Node) -> None:
    """``target`` now holds what ``node`` computed: its history, and its base's, go on from there."""
    view = target._view
    if view is None:
        target._node, target._output_nr, target._requires_grad = node, 0, True
        move_retained(target)
        return
    _rebase_view(target, node)
    refresh(target)


def _rebase_view(target: Any, node: Node) -> None:
    raise NotImplementedError


def set_rebase_view(function: Any) -> None:
    """The operator that rebasing needs is defined on top of this file; it announces itself here."""
    global _rebase_view
    _rebase_view = function


def move_retained(target: Any) -> None:
    """A tensor that retains its gradient goes on doing so under its new node."""
    if target._retains_grad:
        retain_on(target._node, target._output_nr, target)


def check_inplace(target: Any, others_require_grad: bool = False) -> None:
    """Refuses an in-place change that autograd could not follow, before anything is touched."""
    data = target._data
    if not data.flags.writeable and data.size > 1:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )
    if not mode.grad:
        return
    view = target._view
    if view is not None:
        refresh(target)
    if target._requires_grad and target._node is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if view is None or not (target._requires_grad or view.base._requires_grad or others_require_grad):
        return
    base = view.base
    if base._requires_grad and base._node is None:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if view.forbidden == "no_grad":
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that "
            "this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
            "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be "
            "tracked) or both outside (if you want the inplace to be tracked)."
        )
    if view.forbidden is not None:
        name = view.forbidden.partition(":")[2]
        raise RuntimeError(
            f"Output {target._output_nr} of {name} is a view and is being modified inplace. This view is the output "
            "of a function that returns multiple views. Such functions do not allow the output views to be modified "
            "inplace. You should replace the inplace operation by an out-of-place one."
        )


def check_fits(target: Any, out: np.ndarray) -> None:
    """Refuses a result that target's memory cannot hold."""
    data = target._data
    if out.shape != data.shape:
        try:
            broadcast = np.broadcast_shapes(out.shape, data.shape)
        except ValueError:
            broadcast = None
        if broadcast != data.shape:
            raise RuntimeError(
                f"output with shape {list(data.shape)} doesn't match the broadcast shape {list(out.shape)}"
            )
