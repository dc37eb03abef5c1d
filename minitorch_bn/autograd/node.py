"""The nodes of the graph and the contract of an operator.

One rule makes gradients of every order free: ``forward`` sees numpy arrays, ``backward`` sees Tensors. A rule saves
inputs and outputs of the call, never a float it computed on the way, so that a second derivative finds everything
that depends on the inputs still connected to them.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn.autograd import saved, views
from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.holders import has_its_own_array
from minitorch_bn.autograd.hooks import add_hook, call_post_accumulate_hooks
from minitorch_bn.autograd.inference import check_saving, mark
from minitorch_bn.autograd.variable import Variable, share, wrap, wrap_output
from minitorch_bn.size import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

_next_sequence_number = itertools.count().__next__
_new = object.__new__
_trace: Any = None  # in anomaly mode: notes which forward line a node comes from


def set_trace(trace: Any) -> None:
    """What is called with every new node; None for nothing."""
    global _trace
    _trace = trace


def trace(node: Node) -> None:
    """Reports a new node, if anybody wants to know."""
    if _trace is not None:
        _trace(node)


_FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)


class Node:
    """One step of the graph. Its edges lead to older nodes, never to tensors, so nothing it does not need stays alive.

    ``edges``: for each input ``(node, output_nr)``, or None where no gradient goes. ``output_meta``: for each output
    its ``(shape, dtype)``, which every gradient that arrives is made to fit; no dtype where it is no tensor.
    """

    __slots__ = ("__dict__", "__weakref__", "_saved", "edges", "output_meta", "sequence_nr")

    _saved: Any
    edges: Any
    needs_input_grad: Any
    output_meta: Any
    sequence_nr: int  # nodes are numbered in the order they are made
    _pre_hooks: dict | None = None  # output_nr -> hooks of the tensor that is this output
    _retained: dict | None = None  # output_nr -> weak reference to a tensor that retains its gradient
    _node_pre_hooks: dict | None = None
    _node_post_hooks: dict | None = None
    _hooked = False  # whether any of these four was ever set
    materialize_grads = True  # missing gradients of some outputs arrive as zeros
    _shows_saved = True  # whether a user sees the saved tensors: then they are connected to the graph in any case

    def backward(self, *grads: Any) -> Any:
        """The gradients of the inputs, from those of the outputs: a tuple with one (or None) for each; or just one."""
        raise NotImplementedError

    @property
    def next_functions(self) -> tuple:
        """For each input ``(node, output_nr)``, or ``(None, 0)`` where no gradient goes."""
        return tuple(edge or (None, 0) for edge in self.edges)

    def name(self) -> str:
        """The node's name as PyTorch prints it."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    def __call__(self, *grads: Any) -> Any:
        """The gradients of the inputs, from those of the outputs; a single one comes alone."""
        if len(grads) != len(self.output_meta):
            raise TypeError(f"expected {len(self.output_meta)} arguments, got {len(grads)} instead")
        results = self.backward(*grads)
        return results[0] if type(results) is tuple and len(results) == 1 else results

    @property
    def metadata(self) -> dict:
        """A dictionary for whatever a user wants to note on the node."""
        return self.__dict__.setdefault("_metadata", {})

    def register_hook(self, fn: Any) -> Any:
        """Calls ``fn(grad_inputs, grad_outputs)`` after this node has run; it may return new grad_inputs."""
        return add_hook(self, "_node_post_hooks", fn)

    def register_prehook(self, fn: Any) -> Any:
        """Calls ``fn(grad_outputs)`` before this node runs; it may return new grad_outputs."""
        return add_hook(self, "_node_pre_hooks", fn)

    # -- saved values ------------------------------------------------------------------------------------------

    def save_for_backward(self, *values: Any) -> None:
        """Keeps inputs and outputs of this call for ``backward``, which finds them in ``saved_tensors``."""
        self._saved = values

    def _pack(self, inputs: Sequence, outputs: Sequence, tensors_in: Sequence, tensors_out: Sequence) -> None:
        """Turns what ``forward`` saved into (array, counter, version, place): no tensor is held, so no cycle arises.

        ``inputs`` and ``outputs`` are the values as ``forward`` saw and returned them, by whose identity the saved
        ones are recognised. ``place`` tells how ``saved_tensors`` reconnects a value: to input ``place``, or to
        output ``~place``.
        """
        packed: list = []
        for value in self._saved:
            if value is None:
                packed.append(None)
                continue
            for place, known in enumerate(inputs):
                if known is value:
                    tensor = tensors_in[place]
                    if isinstance(tensor, Variable):
                        counter = tensor._version_counter
                        if type(counter) is not list:
                            check_saving(counter)
                        value = (tensor._data, counter, counter[0], place)
                    packed.append(value)
                    break
            else:
                packed.append(self._pack_other(value, outputs, tensors_out))
        if saved.pack_hooks:
            packed = [saved.packed(entry, tensors_in, tensors_out) for entry in packed]
        self._saved = tuple(packed)

    def _pack_other(self, value: Any, outputs: Sequence, tensors_out: Sequence) -> Any:
        """What is saved but no input: an output, a number, or a constant."""
        for place, known in enumerate(outputs):
            if known is value:
                counter = tensors_out[place]._version_counter
                return (tensors_out[place]._data, counter, counter[0], ~place)
        return self._pack_constant(value) if isinstance(value, (np.ndarray, np.generic, Variable)) else value

    def _pack_constant(self, value: Any) -> tuple:
        """Masks, indices: what has no derivative."""
        if value.dtype.kind in "fV":
            # A statistic kept as a constant would make the next order of derivative silently wrong.
            raise RuntimeError(
                f"{self.name()} saves a floating-point array that is neither an input nor an output of the call: "
                "compute it again from the saved inputs in backward"
            )
        return (value, (0,), 0, None)

    @property
    def saved_tensors(self) -> tuple:
        """What ``save_for_backward`` kept, as Tensors; connected to the graph if this backward is itself recorded."""
        if self._saved is None:
            raise RuntimeError(_FREED)
        connect = self._shows_saved or thread.mode.grad
        tensors = []
        for entry in self._saved:
            if type(entry) is tuple:
                data, counter, version, place = entry
                if counter[0] != version:
                    raise RuntimeError(self._modified_text(data, counter, version, place))
                entry = self._connected(data, counter, place) if connect and place is not None else wrap(data)
            elif type(entry) is saved.Packed:
                place, entry = entry[-1], entry.unpacked()
                if place is not None:
                    entry = self._connected(entry._data, entry._version_counter, place)
            tensors.append(entry)
        return tuple(tensors)

    def _connected(self, data: np.ndarray, counter: list[int], place: int) -> Any:
        """A saved value as the tensor that it was: at the same place in the graph."""
        edge = (self, ~place) if place < 0 else self.edges[place]
        if edge is None:
            return wrap(data)
        node, output_nr = edge
        if type(node) is not AccumulateGrad:
            return wrap_output(data, node, output_nr, counter)
        if node.variable._data is data:
            return node.variable
        leaf = wrap(data).requires_grad_()  # in another form, by a hook: a leaf whose gradient goes to the same place
        leaf._version_counter, leaf._accumulator = counter, weakref.ref(node)
        return leaf

    def _modified_text(self, data: np.ndarray, counter: Any, version: int, place: int) -> str:
        from minitorch_bn.dtypes import from_numpy_dtype

        legacy_name = from_numpy_dtype(data.dtype).legacy_name
        source = (self, ~place) if place < 0 else self.edges[place]
        origin = ""
        if source is not None and type(source[0]) is not AccumulateGrad:
            origin = f", which is output {source[1]} of {source[0].name().partition('Backward')[0]},"
        return (
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"[torch.{legacy_name}Tensor {list(data.shape)}]{origin} is at version {counter[0]}; expected version "
            f"{version} instead. Hint: {self.name()} saved it for its gradient; change a clone() of it, or use the "
            "operation that returns a new tensor."
        )

    def release(self) -> None:
        """Frees what was saved, once backward has passed."""
        self._saved = None


# For each input something true if its gradient is asked for: the edge that it goes along. A name of the slot itself,
# which is read faster than a property.
Node.needs_input_grad = Node.edges


class AccumulateGrad(Node):
    """Where a gradient ends: adds it to ``variable.grad``. The leaf knows this node only weakly, so no cycle arises."""

    __slots__ = ("variable",)
    variable: Variable
    edges = _saved = ()
    # Two threads may run backward into the same leaf; a recorded sum may meet a new leaf while the lock is held.
    _lock = threading.RLock()

    @property
    def output_meta(self) -> tuple:
        """Asked for when a gradient arrives: ``.data`` may have been replaced since."""
        data = self.variable._data
        return ((data.shape, data.dtype),)

    @property
    def next_functions(self) -> tuple:
        return ()

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"

    def is_watched(self) -> bool:
        """Whether there are, or were, hooks that show when the gradient arrives."""
        variable = self.variable
        return self._hooked or variable._hooks is not None or variable._post_accumulate_hooks is not None

    def backward(self, grad: Any, alone: bool = False) -> tuple:
        """``alone``: nobody else has this gradient, which is kept if nobody has its array and it lies as the leaf."""
        variable = self.variable
        if variable._requires_grad:  # else it was switched off since
            with self._lock:
                own = alone and variable._grad is None and has_its_own_array(grad)
                if own and grad._data.strides == variable._data.strides:
                    variable._grad = grad
                else:
                    accumulate(variable, grad, thread.mode.grad)
            if variable._post_accumulate_hooks is not None:
                call_post_accumulate_hooks(variable)
        return ()


def accumulate(variable: Variable, grad: Any, keep_graph: bool) -> None:
    """``variable.grad += grad``; in place unless the sum itself is to be differentiated (``create_graph``)."""
    total: Any = variable._grad
    if total is None:
        # a copy, since the same array may be on its way to other tensors too
        room = _room_for_gradient(variable._data)
        if keep_graph:
            variable._grad = wrap(room).copy_(grad)
        else:
            np.copyto(room, grad._data)
            variable._grad = wrap(room)
    elif keep_graph or not total._data.flags.writeable:
        variable._grad = total + grad
    else:
        thread.mode.quietly(np.add, total._data, grad._data, total._data)
        total._version_counter[0] += 1


def _room_for_gradient(data: np.ndarray) -> np.ndarray:
    """Laid out as the leaf's own array if that fills its memory, else row by row."""
    room = np.empty_like(data)
    return room if room.strides == data.strides else np.empty(data.shape, data.dtype)


def gradient_edge(tensor: Variable) -> tuple[Node, int]:
    """Where the gradient of a tensor that requires one goes to."""
    if tensor._view is not None:
        views.refresh(tensor)
    node = tensor._node
    if node is not None:
        return node, tensor._output_nr
    return _accumulator_of(tensor), 0


def _accumulator_of(leaf: Variable) -> Node:
    """The one node that adds to a leaf's gradient: as long as any graph holds it, all of them share it."""
    reference = leaf._accumulator
    node = None if reference is None else reference()
    if node is None:
        with AccumulateGrad._lock:
            if leaf._accumulator is not reference:  # another thread came first
                return _accumulator_of(leaf)
            node = AccumulateGrad()
            node.variable, node.sequence_nr = leaf, _next_sequence_number()
            leaf._accumulator = weakref.ref(node)
    return node


class Operator(Node):
    """A differentiable function of this library. An instance is the node of one call; rules call it ``ctx``.

    Subclasses write ``forward(ctx, *arrays, *options)`` and ``backward(ctx, *grads)``; the last ``options`` arguments
    are plain values. The engine undoes broadcasting, casts gradients to their input's dtype, drops those nobody asked
    for and adds up what meets.
    """

    __slots__ = ()
    _shows_saved = False
    options = 0
    is_view = False  # the output shares its first input's memory

    def __init_subclass__(cls, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # The class is the node's type, and graph-drawing tools print type(node).__name__.
        cls.__name__ = name or f"{cls.__qualname__.rpartition('.')[2]}Backward0"
        for argument in saved.names(cls):
            setattr(cls, f"_saved_{argument}", saved.value(argument))

    def forward(ctx, *args: Any) -> Any:
        """Arrays in, array (or a tuple of arrays, None for what nobody asked for) out."""
        raise NotImplementedError

    @classmethod
    def apply(cls, *args: Any, into: Any = None) -> Any:
        """Runs the operator on Tensors (and plain values), and records it if a gradient may be asked for.

        ``into``: the tensor that takes the output in, see ``apply_``.
        """
        ctx, mode = cls(), thread.mode
        recording, recorded = mode.grad, False
        arrays: list = []
        edges: list = []
        for arg in args:
            edge = None
            if isinstance(arg, Variable):
                if recording:
                    if arg._view is not None:
                        views.refresh(arg)
                    if arg._requires_grad:
                        node = arg._node
                        edge = (_accumulator_of(arg), 0) if node is None else (node, arg._output_nr)
                        recorded = True
                arg = arg._data
            arrays.append(arg)
            edges.append(edge)
        if cls.options:
            del edges[-cls.options :]
        ctx._saved = ()
        ctx.edges = edges
        try:
            # views do no arithmetic that could warn, and replaying one may call operators
            out = ctx.forward(*arrays) if cls.is_view else mode.quietly(ctx.forward, *arrays)
        except ValueError:
            # Where operands do not broadcast, PyTorch's text instead of numpy's.
            broadcast_shapes(*(a.shape for a in arrays if isinstance(a, np.ndarray)))
            raise
        if into is not None:
            return ctx._replace(into, args, arrays, out, recorded)
        if type(out) is tuple:
            result: Any = tuple([None if array is None else wrap(array) for array in out])
            if recorded:
                ctx._record(args, arrays, out, result)
        else:
            result = wrap(out)
            if recorded:
                ctx._record(args, arrays, (out,), (result,))
        if cls.is_view:
            views.attach(ctx, args, result if type(result) is tuple else (result,))
        elif mode.inference and not recorded:
            mark(result)
        return result

    @classmethod
    def apply_(cls, target: Any, *args: Any) -> Any:
        """``target <- operator(target, *args)`` in target's own memory; its history goes on from there."""
        views.check_inplace(target, [a for a in args if isinstance(a, Variable)])
        return cls.apply(target, *args, into=target)

    def _record(ctx, args: tuple, arrays: list, outs: tuple, outputs: tuple) -> None:
        """Makes this call the node that its outputs come from."""
        ctx.sequence_nr = _next_sequence_number()
        if _trace is not None:
            _trace(ctx)
        meta: list = []
        for output in outputs:
            if output is None:
                meta.append(((), None))
                continue
            data = output._data
            dtype = data.dtype
            if dtype.kind in "fV":  # V: numpy's kind for bfloat16
                output._node = ctx
                output._output_nr = len(meta)
                output._requires_grad = True
            meta.append((data.shape, dtype))
        ctx.output_meta = meta
        if ctx._saved:
            ctx._pack(arrays, outs, args, outputs)

    def _replace(ctx, target: Any, args: tuple, arrays: list, out: Any, recorded: bool) -> Any:
        """Puts the output where the target was."""
        views.check_fits(target, np.asarray(out))
        if recorded:
            args = tuple(views.as_before(a, target, ctx._saved) for a in args)
        np.copyto(target._data, out, casting="unsafe")
        target._version_counter[0] += 1
        if recorded:
            ctx._record(args, arrays, (out,), (share(target._data, target),))
            views.rebase(target, ctx)
        return target
