"""Hooks on tensors and nodes: functions that see, and may replace, gradients on their way."""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.variable import Variable

if TYPE_CHECKING:
    from collections.abc import Callable

_next_id = itertools.count().__next__


class RemovableHandle:
    """Takes a hook out again: ``handle.remove()``, or at the end of ``with handle:``.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 10)
    >>> x.sum().backward(); x.grad
    tensor([10.])
    >>> handle.remove(); x.grad = None; x.sum().backward(); x.grad
    tensor([1.])
    """

    def __init__(self, hooks: dict) -> None:
        self._hooks = hooks
        self.id = _next_id()

    def remove(self) -> None:
        """Removes the hook; a second call does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


RemovableHandle.__module__ = "minitorch_bn.utils.hooks"  # where users, and pickle, find it


def add_to(hooks: dict, fn: Callable) -> RemovableHandle:
    """Puts a hook into a dictionary of hooks, last in order."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = fn
    return handle


def add_hook(owner: Any, attribute: str, fn: Callable) -> RemovableHandle:
    """Puts a hook into the dictionary ``owner.attribute``, which is made when first needed."""
    hooks = getattr(owner, attribute)
    if hooks is None:
        hooks = {}
        setattr(owner, attribute, hooks)
        owner._hooked = True
    return add_to(hooks, fn)


def register_tensor_hook(tensor: Any, fn: Callable) -> RemovableHandle:
    """``fn(grad)`` is called when the gradient of ``tensor`` is complete; what it returns, if not None, replaces it.

    Where no gradient arrives (an unused output beside a used one), the hook is not called.
    """
    if not tensor.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    node = tensor.grad_fn
    if node is None:
        return add_hook(tensor, "_hooks", fn)
    if node._pre_hooks is None:
        node._pre_hooks = {}
        node._hooked = True
    return add_to(node._pre_hooks.setdefault(tensor._output_nr, {}), fn)


def retain_on(node: Any, output_nr: int, tensor: Any) -> None:
    """The node stores its output's gradient into ``tensor.grad`` as backward passes."""
    if node._retained is None:
        node._retained = {}
        node._hooked = True
    node._retained[output_nr] = weakref.ref(tensor)


def call_tensor_hooks(node: Any, grads: list) -> None:
    """Runs the hooks of the tensors that are this node's outputs, then stores the gradients they retain."""
    if node._pre_hooks is not None:
        for output_nr, hooks in node._pre_hooks.items():
            if grads[output_nr] is not None:
                grads[output_nr] = call_chain(hooks, grads[output_nr])
    if node._retained is not None:
        for output_nr, reference in node._retained.items():
            tensor, grad = reference(), grads[output_nr]
            if tensor is not None and grad is not None:
                # a copy, since the same gradient is on its way to other tensors too
                tensor._grad = grad.clone() if tensor._grad is None else tensor._grad + grad


def call_chain(hooks: dict, grad: Any) -> Any:
    """Each hook sees what the one before it returned."""
    thread.mode.gradients_seen = True
    for fn in tuple(hooks.values()):
        result = fn(grad)
        if result is not None:
            _check_replacement(fn, grad, result)
            grad = result
    return grad


def call_node_hooks(hooks: dict, values: tuple, *others: Any) -> tuple:
    """Node hooks see all gradients at once and may return a new tuple of them."""
    thread.mode.gradients_seen = True
    for fn in tuple(hooks.values()):
        result = fn(values, *others)
        if result is None:
            continue
        if not isinstance(result, tuple):
            raise TypeError(f"expected tuple, but hook returned '{type(result).__name__}'")
        if len(result) != len(values):
            raise RuntimeError(
                f"hook '{_name(fn)}' has returned an incorrect number of values (got {len(result)}, but expected "
                f"{len(values)})"
            )
        for before, after in zip(values, result):
            if after is not None:
                _check_replacement(fn, before, after)
        values = result
    return values


def call_post_accumulate_hooks(variable: Any) -> None:
    """After ``variable.grad`` has been added to: an optimizer step can run here."""
    if variable._post_accumulate_hooks is not None:
        for fn in tuple(variable._post_accumulate_hooks.values()):
            result = fn(variable)
            if result is not None and not isinstance(result, Variable):
                raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
            if result is not None and result is not variable:
                raise RuntimeError("Tensor post accumulate grad hooks should return None.")


def _check_replacement(fn: Callable, before: Any, after: Any) -> None:
    """What a hook returns must fit where the gradient it saw came from."""
    if not isinstance(after, Variable):
        raise TypeError(f"expected Variable, but hook returned '{type(after).__name__}'")
    if before is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    if after._data.dtype != before._data.dtype:
        was, got = before.type(), after.type()
        raise RuntimeError(f"hook '{_name(fn)}' has changed the type of value (was {was} got {got})")
    if after._data.shape != before._data.shape:
        raise RuntimeError(f"hook '{_name(fn)}' has changed the size of value")


def _name(fn: Callable) -> str:
    return getattr(fn, "__name__", repr(fn))
