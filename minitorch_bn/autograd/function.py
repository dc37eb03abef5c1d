"""Custom operators in PyTorch's style: static ``forward`` and ``backward`` on Tensors."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from minitorch_bn.autograd import views
from minitorch_bn.autograd.grad_mode import no_grad, thread
from minitorch_bn.autograd.node import Node, _new, _next_sequence_number, gradient_edge, trace
from minitorch_bn.autograd.variable import Variable, wrap

if TYPE_CHECKING:
    from collections.abc import Callable


class FunctionCtx(Node):
    """The node of one call of a custom Function; ``forward`` and ``backward`` get it as ``ctx``.

    Set what you like on it; tensors go through ``save_for_backward``, so that they are freed with the graph and
    in-place changes of them are noticed.
    """

    __slots__ = ()
    function: type[Function]
    _dirty: tuple = ()
    _non_differentiable: tuple = ()
    _needs: tuple[bool, ...] = ()
    _is_tensor: tuple[bool, ...] = ()

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """For each argument of ``forward``, whether it is a tensor whose gradient is asked for."""
        return self._needs

    def save_for_backward(self, *values: Any) -> None:
        """Keeps tensors (or None) for ``backward``, which finds them in ``saved_tensors``."""
        for i, value in enumerate(values):
            if not (value is None or isinstance(value, Variable)):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(value).__name__}"
                )
        self._saved = values

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """These outputs get no gradient."""
        self._non_differentiable = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """These inputs were changed in place by ``forward``, which must also return them."""
        self._dirty = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (default) or None for outputs that no gradient reached."""
        self.materialize_grads = value

    def _pack_constant(self, value: Any) -> Any:
        return value  # what a user saves beside inputs and outputs is his constant, as in PyTorch

    def backward(self, *grads: Any) -> tuple:
        thread.mode.gradients_seen = True
        result = self._rule()(self, *grads)
        result = result if isinstance(result, tuple) else (result,)
        if len(result) > len(self.edges) and all(g is None for g in result[len(self.edges) :]):
            result = result[: len(self.edges)]
        if len(result) != len(self.edges):
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {len(self.edges)}, got "
                f"{len(result)})"
            )
        for i, grad in enumerate(result):
            if grad is not None:
                self._check(i, self.edges[i], grad)
        return result

    def _rule(self) -> Callable:
        """The user's ``backward``, or its alias ``vjp``."""
        function = self.function
        if function.vjp is Function.vjp:
            return function.backward
        if function.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only "
                "implement one of them."
            )
        return function.vjp

    def _check(self, i: int, edge: tuple | None, grad: Any) -> None:
        if not isinstance(grad, Variable):
            raise RuntimeError(f"expected Variable or None (got {type(grad).__name__})")
        if not self._is_tensor[i]:
            raise RuntimeError(
                f"function {self.name()} returned a gradient different than None at position {i + 1}, but the "
                "corresponding forward input was not a Variable"
            )
        if edge is None:
            return  # nobody asked for it
        shape = edge[0].output_meta[edge[1]][0]
        if grad._data.shape != shape and not _expandable(shape, grad._data.shape):
            raise RuntimeError(
                f"Function {self.name()} returned an invalid gradient at index {i} - got {list(grad._data.shape)} but "
                f"expected shape compatible with {list(shape)}"
            )

    @property
    def next_functions(self) -> tuple:
        pairs = zip(self.edges, self._is_tensor)
        return tuple(edge or (None, 0) for edge, is_tensor in pairs if is_tensor)


def _expandable(shape: tuple, wanted: tuple) -> bool:
    """Whether ``shape`` broadcasts to ``wanted``."""
    if len(shape) > len(wanted):
        return False
    return all(a in (1, b) for a, b in zip(reversed(shape), reversed(wanted)))


class Function:
    """Base of custom operators; call them with ``MyFunction.apply(...)``, never by making an instance.

    >>> import minitorch_bn as torch
    >>> class Exp(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, i):
    ...         result = i.exp()
    ...         ctx.save_for_backward(result)
    ...         return result
    ...     @staticmethod
    ...     def backward(ctx, grad_output):
    ...         (result,) = ctx.saved_tensors
    ...         return grad_output * result
    >>> x = torch.tensor(0.0, requires_grad=True)
    >>> y = Exp.apply(x); y
    tensor(1., grad_fn=<ExpBackward>)
    >>> y.backward(); x.grad
    tensor(1.)
    """

    _node_class: type[FunctionCtx]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._node_class = type(f"{cls.__name__}Backward", (FunctionCtx,), {"function": cls, "__slots__": ()})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            f"function with static forward method: no instance of {type(self).__name__} is made, call "
            f"{type(self).__name__}.apply(...)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Tensors in, Tensors out; nothing in it is recorded. With ``setup_context`` it does not get ``ctx``."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        """Optional: saves for backward, when ``forward`` is written without ``ctx``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """One gradient (or None) for each input of ``forward``."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward  # either name will do

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs ``forward`` and records the call."""
        ctx = _new(cls._node_class)
        ctx._saved = ()
        leading = (ctx,) if cls.setup_context is Function.setup_context else ()
        if kwargs or not leading:
            args = _in_order(cls.forward, leading, args, kwargs)
        tensors = tuple(isinstance(a, Variable) for a in args)
        needs = tuple(bool(t and a.requires_grad) for t, a in zip(tensors, args))
        recording = thread.mode.grad and any(needs)
        ctx.edges = [gradient_edge(a) if recording and n else None for n, a in zip(needs, args)]
        ctx._needs = needs
        ctx._is_tensor = tensors
        with no_grad():
            result = cls.forward(*leading, *args)
            if not leading:
                cls.setup_context(ctx, args, result)
        outputs = result if isinstance(result, tuple) else (result,)
        outputs = tuple(_own_output(ctx, out, args) for out in outputs)
        _note_changed(ctx, outputs)
        if recording:
            _record(ctx, args, outputs)
        return outputs if isinstance(result, tuple) else outputs[0]


def _in_order(forward: Callable, leading: tuple, args: tuple, kwargs: dict) -> tuple:
    """Keyword arguments and defaults at their places: gradients are counted by position."""
    import inspect  # slow to import, and rarely needed

    bound = inspect.signature(forward).bind(*leading, *args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(f"Function.apply() takes no keyword-only arguments, but got {', '.join(bound.kwargs)}")
    return bound.args[len(leading) :]


def _own_output(ctx: FunctionCtx, out: Any, args: tuple) -> Any:
    """An input that comes back unchanged is given out as a new tensor, so that it gets its own place in the graph."""
    if not isinstance(out, Variable) or not any(out is a for a in args) or any(out is d for d in ctx._dirty):
        return out
    alias = wrap(out._data.view())
    views.link(alias, out, None, "function")
    return alias


def _note_changed(ctx: FunctionCtx, outputs: tuple) -> None:
    """Tells of the inputs that ``forward`` changed in place; refuses what autograd could not follow."""
    for tensor in ctx._dirty:
        tensor._version_counter[0] += 1
        if not any(tensor is out for out in outputs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
                "are modified inplace must all be outputs of the Function."
            )
        if thread.mode.grad and tensor._requires_grad and tensor._node is None:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
        views.check_inplace(tensor)


def _record(ctx: FunctionCtx, args: tuple, outputs: tuple) -> None:
    """Makes the call the node its differentiable outputs come from."""
    ctx.sequence_nr = _next_sequence_number()
    trace(ctx)
    metadata: list[tuple] = []
    for output_nr, out in enumerate(outputs):
        if not isinstance(out, Variable):
            metadata.append(((), None))
            continue
        metadata.append((out._data.shape, out._data.dtype))
        skipped = any(out is t for t in ctx._non_differentiable) or out._data.dtype.kind not in "fV"
        if any(out is d for d in ctx._dirty):
            views.rebase(out, ctx)
        elif not skipped:
            out._node, out._output_nr, out._requires_grad = ctx, output_nr, True
            if out._view is not None:
                out._view.forbidden = "multiple" if len(outputs) > 1 else "function"
    ctx.output_meta = metadata
    ctx._pack(args, outputs, args, outputs)
    ctx._non_differentiable = ctx._dirty = ()


def once_differentiable(fn: Callable) -> Callable:
    """Decorates a ``backward`` that is not itself differentiable: its gradients are cut off from the graph.

    Differentiating them again raises a RuntimeError instead of giving a wrong number.
    """

    @functools.wraps(fn)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            outputs = fn(ctx, *grads)
        if not thread.mode.grad or not any(isinstance(g, Variable) and g.requires_grad for g in grads):
            return outputs
        as_tuple = outputs if isinstance(outputs, tuple) else (outputs,)
        barred = tuple(_Barred.apply(out, *grads) if isinstance(out, Variable) else out for out in as_tuple)
        return barred if isinstance(outputs, tuple) else barred[0]

    return wrapped


class _Barred(Function):
    """The identity, with a gradient that refuses."""

    @staticmethod
    def forward(ctx: Any, value: Any, *sources: Any) -> Any:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
