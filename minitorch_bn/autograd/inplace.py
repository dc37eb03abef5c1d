"""The node that a base gets when one of its views is changed in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd.node import Node, Operator, _new, _next_sequence_number, gradient_edge
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.autograd.views import View, move_retained, set_rebase_view

if TYPE_CHECKING:
    from minitorch_bn.autograd.node import Node


class CopySlices(Operator, name="CopySlices"):
    """y = base, except y[view] = value. Its gradient has the view set to zero for base, and is the view for value."""

    options = 1

    def forward(ctx, base: np.ndarray, value: np.ndarray, view: View) -> np.ndarray:
        ctx.view = view
        out = base.copy()
        out.reshape(-1)[_positions(view, base.shape)] = value
        return out

    def backward(ctx, g: Any) -> tuple:
        inner = ctx.view.replay(g)
        zeros = wrap(np.zeros(inner.shape, inner._data.dtype))
        return CopySlices.apply(g, zeros, ctx.view), inner


def _positions(view: View, shape: tuple[int, ...]) -> np.ndarray:
    """Where in the flattened base the view's elements stand; right for every memory layout."""
    return view.replay(wrap(np.arange(np.prod(shape, dtype=np.int64)).reshape(shape)))._data


def _rebase_view(target: Any, node: Node) -> None:
    """The memory of ``target``, a view, holds what ``node`` computed: the base's history takes that in."""
    view = target._view
    base = view.base
    ctx = _new(CopySlices)
    ctx._saved = ()
    ctx.view = View(None, view.steps, 0, None)  # without the base: the base is about to own this node
    ctx.edges = [gradient_edge(base) if base._requires_grad else None, (node, 0)]
    ctx.metadata = [(base._data.shape, base._data.dtype)]
    ctx.sequence_nr = _next_sequence_number()
    base._node, base._output_nr, base._requires_grad = ctx, 0, True
    move_retained(base)


set_rebase_view(_rebase_view)
