"""The operators that an in-place change of a view needs, for the history of its base and of all views of that."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch_bn.autograd.node import Node, Operator, _new, _next_sequence_number, gradient_edge, trace
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.autograd.views import View, move, set_operators


class CopySlices(Operator, name="CopySlices"):
    """y = base, except y[view] = value. Its gradient has the view set to zero for base, and is the view for value."""

    options = 1

    def forward(ctx, base: np.ndarray, value: np.ndarray, view: View) -> np.ndarray:
        ctx.view = view
        out = base.copy()
        out.reshape(-1)[_positions(view, base.shape)] = value
        return out

    def backward(ctx, g: Any) -> tuple:
        inner = AsStrided.apply(g, ctx.view)
        zeros = wrap(np.zeros(inner.shape, inner._data.dtype))
        return CopySlices.apply(g, zeros, ctx.view), inner

    def name(self) -> str:
        return "torch::autograd::CopySlices"


class AsStrided(Operator):
    """base[view], all steps of the view at once.  dbase = zeros with g added in that place"""

    options = 1
    is_view = True

    def forward(ctx, base: np.ndarray, view: View) -> np.ndarray:
        ctx.view, ctx.shape = view, base.shape
        # wrapped anew: without history, so only the array comes back
        return view.replay(wrap(base))._data

    def backward(ctx, g: Any) -> Any:
        return AddSlices.apply(g, ctx.view, ctx.shape)


class AddSlices(Operator, name="AsStridedBackward0"):
    """zeros of base's shape with value added at base[view], where elements may repeat: the adjoint of AsStrided"""

    options = 2

    def forward(ctx, value: np.ndarray, view: View, shape: tuple[int, ...]) -> np.ndarray:
        ctx.view = view
        out = np.zeros(shape, value.dtype)
        np.add.at(out.reshape(-1), _positions(view, shape), value)
        return out

    def backward(ctx, g: Any) -> Any:
        return AsStrided.apply(g, ctx.view)


def _positions(view: View, shape: tuple[int, ...]) -> np.ndarray:
    """Where in the flattened base the view's elements stand; right for every memory layout."""
    return view.replay(wrap(np.arange(np.prod(shape, dtype=np.int64)).reshape(shape)))._data


def _detached(view: View) -> View:
    """The view's steps without its base, for a node that the base is about to own."""
    return View(None, view.steps, 0, None)


def _rebase_view(target: Any, node: Node) -> None:
    """The memory of ``target``, a view, holds what ``node`` computed: the base's history takes that in."""
    base = target._view.base
    ctx = _new(CopySlices)
    ctx._saved = ()
    ctx.view = _detached(target._view)
    ctx.edges = [gradient_edge(base) if base._requires_grad else None, (node, 0)]
    ctx.output_meta = [(base._data.shape, base._data.dtype)]
    ctx.sequence_nr = _next_sequence_number()
    trace(ctx)
    move(base, ctx, 0)


def _as_strided(base: Any, view: View) -> Any:
    return AsStrided.apply(base, _detached(view))


set_operators(_rebase_view, _as_strided)
