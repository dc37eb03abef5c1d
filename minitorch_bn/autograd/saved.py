"""What nodes saved, from outside: a look at it by PyTorch's names, and hooks that keep it in another form."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from minitorch_bn.autograd.grad_mode import Mode, thread
from minitorch_bn.autograd.variable import Variable, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

pack_hooks: list[tuple[Mode, saved_tensors_hooks]] = []  # those that are open, of all threads

# PyTorch's names of the first inputs and of the output; the others are the operator's own.
_PLACES = {"self": 0, "input": 0, "other": 1, "mat2": 1, "target": 1, "result": ~0}


def names(operator: Any) -> tuple[str, ...]:
    """Under which names its nodes may have saved something: PyTorch's, and those of its own arguments."""
    code = operator.forward.__code__
    return (*_PLACES, *code.co_varnames[1 : code.co_argcount])


@cache
def value(name: str) -> property:
    """What a node saved under that name. (With ``__getattr__``, Python would find everything else more slowly.)"""
    return property(lambda node: look(node, name))


def look(node: Any, name: str) -> Any:
    """What a node saved under ``name``, the part after ``_saved_``: a tensor, or a plain value such as a dimension.

    Raises:
        AttributeError: it saved nothing of that name.
        RuntimeError: it was freed, since backward has passed.
    """
    if name in node.__dict__:
        return node.__dict__[name]
    code = getattr(getattr(node, "forward", None), "__code__", None)
    own = code.co_varnames[1 : code.co_argcount] if code else ()
    place = own.index(name) if name in own else _PLACES.get(name)
    before, thread.mode.grad = thread.mode.grad, True  # it shall be connected to the graph
    try:
        for entry, tensor in zip(node._saved or node.saved_tensors, node.saved_tensors):
            if place is not None and type(entry) in (tuple, Packed) and entry[-1] == place:
                return tensor
    finally:
        thread.mode.grad = before
    raise AttributeError(f"'{node.name()}' object has no attribute '_saved_{name}'")


class Packed(tuple):
    """A saved value in the form that a hook gave it: (form, how to undo it, place)."""

    __slots__ = ()

    def unpacked(self) -> Any:
        """The tensor again."""
        form, undo, _ = self
        tensor = undo(form)
        if not isinstance(tensor, Variable):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        return tensor


def packed(entry: Any, inputs: Sequence, outputs: Sequence) -> Any:
    """What a node is about to keep, as the innermost open hook of this thread, who sees the tensor, wants it."""
    mode = thread.mode
    own = [hooks for of, hooks in pack_hooks if of is mode]
    if type(entry) is not tuple or not own:
        return entry
    data, *_, place = entry
    tensor = wrap(data) if place is None else inputs[place] if place >= 0 else outputs[~place]
    before, mode.grad = mode.grad, False
    try:
        return Packed((own[-1].pack_hook(tensor), own[-1].unpack_hook, place))
    finally:
        mode.grad = before


class saved_tensors_hooks:
    """While it is open, what operators save for backward goes through ``pack_hook``, and comes back by ``unpack_hook``.

    ``pack_hook(tensor)`` may return anything (the name of a file, say) of which ``unpack_hook`` makes the tensor again.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), lambda t: print(t) or torch.tensor(t)):
    ...     y = (x**2).sum()
    >>> y.backward(); x.grad
    [1.0, 2.0]
    tensor([2., 4.])
    """

    def __init__(self, pack_hook: Callable, unpack_hook: Callable) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        pack_hooks.append((thread.mode, self))

    def __exit__(self, *exc: object) -> None:
        pack_hooks.remove((thread.mode, self))


class save_on_cpu(saved_tensors_hooks):
    """While it is open, what operators save for backward is kept as a copy: here everything is on the CPU already.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> with torch.autograd.graph.save_on_cpu():
    ...     y = x * x
    >>> y.sum().backward(); x.grad
    tensor([2., 4.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: tensor.detach().clone(), lambda copy: copy)
