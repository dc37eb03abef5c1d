"""Trading time for memory: a part of the model forgets its activations and computes them again in backward."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

from minitorch_bn.autograd.engine import run_backward
from minitorch_bn.autograd.grad_mode import enable_grad, thread
from minitorch_bn.autograd.node import _FREED, AccumulateGrad, Node, _next_sequence_number, gradient_edge, trace
from minitorch_bn.autograd.variable import Variable, wrap_output
from minitorch_bn.random import default_generator
from minitorch_bn.utils._pytree import tree_flatten, tree_unflatten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential"]

_PASS_EXPLICITLY = (
    "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling "
    "checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended"
)


class CheckpointError(RuntimeError):
    """The second computation was not the first one again.

    >>> import minitorch_bn as torch
    >>> issubclass(torch.utils.checkpoint.CheckpointError, RuntimeError)
    True
    """


def noop_context_fn() -> tuple[Any, Any]:
    """The default of ``context_fn``: two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, whose activations are freed and computed again when backward needs them.

    Args:
        function: returns tensors, or tuples, lists and dicts with tensors in them. It must do the same again.
        use_reentrant: pass False. True gives the same; only the warning about leaving it out differs.
        context_fn: returns a context for the first computation and one for the second.
        determinism_check: "default" compares the outputs' number, shapes and dtypes, "none" does not.
        preserve_rng_state: the second computation draws the same random numbers as the first.
        debug, early_stop: change nothing.

    The second computation leaves the running estimates of Batch Normalizations alone: they have seen this batch already
    (PyTorch counts it again). Derivatives of every order pass through.

    Raises CheckpointError in backward if the outputs differ, RuntimeError if an argument was changed in place.

    >>> import minitorch_bn as torch
    >>> from minitorch_bn.utils.checkpoint import checkpoint
    >>> layer, x = torch.nn.BatchNorm1d(1), torch.tensor([[1.0], [3.0]], requires_grad=True)
    >>> checkpoint(layer, x, use_reentrant=False).pow(2).sum().backward()
    >>> layer.num_batches_tracked
    tensor(1)
    """
    if use_reentrant is None:
        warnings.warn(_PASS_EXPLICITLY, stacklevel=2)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    first_context, second_context = context_fn()
    if not thread.mode.grad:
        with first_context:
            return function(*args, **kwargs)
    call = _Call(function, args, kwargs, second_context, preserve_rng_state, determinism_check == "default")
    with first_context:
        return call.first()


class _Call:
    """What it takes to compute a result again."""

    def __init__(
        self, function: Callable, args: tuple, kwargs: dict, context: Any, preserve_rng_state: bool, check: bool
    ) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.context, self.check = context, check
        self.rng = default_generator._state_array() if preserve_rng_state else None
        self.versions = [(t, t._version_counter[0]) for t in tree_flatten((args, kwargs))[0] if isinstance(t, Variable)]

    def compute(self, born: int) -> tuple[list, list, Any]:
        """The leaves of the result, the places of those that nodes not older than ``born`` computed, and the form."""
        leaves, spec = tree_flatten(self.function(*self.args, **self.kwargs))
        places = [
            i
            for i, leaf in enumerate(leaves)
            if isinstance(leaf, Variable) and leaf.requires_grad and not _is_older(gradient_edge(leaf)[0], born)
        ]
        return leaves, places, spec

    def first(self) -> Any:
        """The result, behind one node that stands for all that led to it."""
        born = _next_sequence_number()
        leaves, places, spec = self.compute(born)
        outputs = [leaves[i] for i in places]
        if outputs:
            node = CheckpointFunctionBackward(self, outputs, born)
            for output_nr, i in enumerate(places):
                leaves[i] = node.output(output_nr, leaves[i], born)
        return tree_unflatten(leaves, spec)

    def again(self) -> list:
        """The same outputs on a new graph."""
        for tensor, version in self.versions:
            if tensor._version_counter[0] != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: "
                    f"[{tensor.type()} {list(tensor.shape)}] is at version {tensor._version_counter[0]}; expected "
                    f"version {version} instead. Hint: it is an argument of checkpoint(), which computes from it once "
                    "more."
                )
        with enable_grad(), self.context, _as_the_first_time(self.rng):
            leaves, places, _ = self.compute(_next_sequence_number())
        return [leaves[i] for i in places]


class CheckpointFunctionBackward(Node):
    """Stands for a whole computation: its edges lead to everything older that the computation used."""

    __slots__ = ()
    materialize_grads = False

    def __init__(self, call: _Call, outputs: list, born: int) -> None:
        self._saved = call
        self.sequence_nr = _next_sequence_number()
        trace(self)
        self.edges = _edges_out(outputs, born)
        self.output_meta = [(out._data.shape, out._data.dtype) for out in outputs]

    def output(self, output_nr: int, tensor: Any, born: int) -> Any:
        """A tensor in the place of one that the computation returned."""
        data, base = tensor._data, tensor._view and tensor._view.base
        if base is not None and (not base._requires_grad or _is_older(gradient_edge(base)[0], born)):
            data = data.copy()  # a view of what others hold too: changing it in place would reach them unseen
        return wrap_output(data, self, output_nr, [0])

    def backward(self, *grads: Any) -> tuple:
        if self._saved is None:
            raise RuntimeError(_FREED)
        outputs = self._saved.again()
        if self._saved.check:
            _compare(self.output_meta, outputs)
        sent = [(gradient_edge(out), grad) for out, grad in zip(outputs, grads) if grad is not None]
        captures: dict = dict.fromkeys(edge for edge in self.edges)
        roots, vectors = [edge for edge, _ in sent], [grad for _, grad in sent]
        run_backward(roots, vectors, thread.mode.grad, thread.mode.grad, captures, stop_there=True)
        return tuple(captures.values())


def _is_older(node: Node, born: int) -> bool:
    """Whether a node was there before the computation; a leaf always was, though its node may have been made since."""
    return type(node) is AccumulateGrad or node.sequence_nr < born


def _edges_out(outputs: list, born: int) -> list:
    """The edges at which the computation's graph leaves it."""
    found: dict = {}
    stack = [gradient_edge(out)[0] for out in outputs]
    seen = set(stack)
    while stack:
        for edge in stack.pop().edges:
            if edge is None:
                continue
            if _is_older(edge[0], born):
                found[edge] = None
            elif edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    return list(found)


@contextlib.contextmanager
def _as_the_first_time(rng: Any) -> Iterator[None]:
    """The random numbers of the first computation; running estimates stay as that left them."""
    before, generator = thread.mode.frozen_statistics, default_generator._state_array()
    thread.mode.frozen_statistics = True
    try:
        if rng is not None:
            default_generator._set_state_array(rng)
        yield
    finally:
        thread.mode.frozen_statistics = before
        if rng is not None:
            default_generator._set_state_array(generator)


def _compare(metadata: list, outputs: list) -> None:
    """CheckpointError unless the outputs are as many as before, and of the same shapes and dtypes."""
    if len(outputs) != len(metadata):
        raise CheckpointError(
            "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
            f"recomputation.\nNumber of tensors saved during forward: {len(metadata)}\nNumber of tensors saved during "
            f"recomputation: {len(outputs)}."
        )
    lines = [
        f"tensor at position {i}:\nsaved metadata: {_described(*before)}\n"
        f"recomputed metadata: {_described(out._data.shape, out._data.dtype)}"
        for i, (before, out) in enumerate(zip(metadata, outputs))
        if before != (out._data.shape, out._data.dtype)
    ]
    if lines:
        raise CheckpointError(
            "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during "
            "the forward pass.\n" + "\n".join(lines)
        )


def _described(shape: tuple[int, ...], dtype: Any) -> dict[str, Any]:
    from minitorch_bn.dtypes import from_numpy_dtype
    from minitorch_bn.size import Size

    return {"shape": Size(shape), "dtype": from_numpy_dtype(dtype)}


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Runs a Sequential (or list of modules) in ``segments`` parts, each but the last one through ``checkpoint``.

    >>> import minitorch_bn as torch
    >>> from minitorch_bn.utils.checkpoint import checkpoint_sequential
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2))
    >>> checkpoint_sequential(model, 2, torch.ones(3, 2), use_reentrant=False).shape
    torch.Size([3, 2])
    """
    if use_reentrant is None:
        warnings.warn(_PASS_EXPLICITLY.replace("checkpoint:", "checkpoint.checkpoint_sequential:"), stacklevel=2)
    layers = list(functions)
    if not 1 <= segments <= max(len(layers), 1):
        raise ValueError(f"cannot cut {len(layers)} modules into {segments} segments")
    size = len(layers) // segments
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(
            _in_a_row(layers[start : start + size]),
            input,
            use_reentrant=False,
            preserve_rng_state=preserve_rng_state,
        )
    return _in_a_row(layers[size * (segments - 1) :])(input)


def _in_a_row(layers: list) -> Callable:
    def run(value: Any) -> Any:
        for layer in layers:
            value = layer(value)
        return value

    return run
