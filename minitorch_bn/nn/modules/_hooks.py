"""Hooks of a Module: how they are registered, and a call that runs them before, after, and on the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn.autograd.function import Function
from minitorch_bn.autograd.grad_mode import is_grad_enabled
from minitorch_bn.autograd.hooks import RemovableHandle, add_to
from minitorch_bn.autograd.variable import Variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitorch_bn.nn.modules.module import Module

_NO_INPUT_GRADIENTS = (
    "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require "
    "gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
    "#torch.nn.Module.register_full_backward_hook for more details."
)


def add(hooks: dict[int, Any], entry: Any, prepend: bool = False) -> RemovableHandle:
    """Puts a hook into a dictionary of hooks, last in order or first."""
    earlier = dict(hooks) if prepend else {}
    for key in earlier:
        del hooks[key]
    handle = add_to(hooks, entry)
    hooks.update(earlier)
    return handle


def warn(text: str) -> None:
    """A UserWarning."""
    import warnings

    warnings.warn(text, stacklevel=2)


class Hooks:
    """The part of Module that takes hooks. Each ``register_...`` gives a handle whose ``remove()`` takes it out again.

    What a hook sees is its module and what passes; if it returns something, that passes on instead.
    """

    _forward_pre_hooks: dict[int, tuple[Any, bool]]  # hook, with_kwargs
    _forward_hooks: dict[int, tuple[Any, bool, bool]]  # hook, with_kwargs, always_call
    _backward_pre_hooks: dict[int, Any]
    _backward_hooks: dict[int, Any]

    def __init__(self) -> None:
        self.__dict__.update(_forward_pre_hooks={}, _forward_hooks={}, _backward_pre_hooks={}, _backward_hooks={})

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """``hook(module, args)`` is called before ``forward``; what it returns, if not None, replaces the arguments.

        ``with_kwargs``: ``hook(module, args, kwargs)``, which returns None or both. ``prepend``: before other hooks.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.ReLU()
        >>> handle = m.register_forward_pre_hook(lambda module, args: (-args[0],))
        >>> m(torch.tensor([-1.0, 1.0]))
        tensor([1., 0.])
        """
        return add(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """``hook(module, args, output)`` is called after ``forward``; its result, if not None, replaces the output.

        ``with_kwargs``: ``hook(module, args, kwargs, output)``. ``always_call``: also when something raised, with the
        output that there is by then. ``prepend``: before other hooks.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.ReLU()
        >>> handle = m.register_forward_hook(lambda module, args, output: output + 1)
        >>> m(torch.tensor([-1.0, 1.0]))
        tensor([1., 2.])
        >>> handle.remove(); m(torch.tensor([-1.0, 1.0]))
        tensor([0., 1.])
        """
        return add(self._forward_hooks, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """``hook(module, grad_output)`` is called before the module's gradients are computed.

        ``grad_output`` is a tuple with a gradient (or None) for each output; a tuple that the hook returns replaces it.

        >>> import minitorch_bn as torch
        >>> m, x = torch.nn.ReLU(), torch.tensor([-1.0, 1.0], requires_grad=True)
        >>> handle = m.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 10,))
        >>> m(x).sum().backward(); x.grad
        tensor([ 0., 10.])
        """
        return add(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """``hook(module, grad_input, grad_output)`` is called when the gradients of the inputs have been computed.

        Both are tuples, with None for what is no tensor; keyword arguments are not among the inputs. A tuple that the
        hook returns replaces ``grad_input``.

        >>> import minitorch_bn as torch
        >>> m, x = torch.nn.ReLU(), torch.tensor([-1.0, 1.0], requires_grad=True)
        >>> handle = m.register_full_backward_hook(lambda module, grad_input, grad_output: print(grad_input))
        >>> m(x).sum().backward()
        (tensor([0., 1.]),)
        """
        return add(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``register_full_backward_hook`` by its old name: here too it gives the gradients of the module's inputs.

        >>> import minitorch_bn as torch
        >>> m, x = torch.nn.ReLU(), torch.tensor([-1.0, 1.0], requires_grad=True)
        >>> handle = m.register_backward_hook(lambda module, grad_input, grad_output: print(grad_input))
        >>> m(x).sum().backward()
        (tensor([0., 1.]),)
        """
        return self.register_full_backward_hook(hook)


class HookedCall:
    """The arguments and the result of one call, which each hook may replace."""

    def __init__(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.has_run: set[int] = set()  # which of the forward hooks

    def run(self) -> Any:
        """The module's output."""
        try:
            return self._run()
        except Exception:
            self._run_always_called()
            raise

    def _run(self) -> Any:
        module = self.module
        for hook, with_kwargs in tuple(module._forward_pre_hooks.values()):
            self._run_pre_hook(hook, with_kwargs)
        backward = None
        if module._backward_hooks or module._backward_pre_hooks:
            backward = BackwardHooks(module)
            self.args = backward.watch_inputs(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        for key in tuple(module._forward_hooks):
            self._run_forward_hook(key)
        return backward.watch_output(self.result) if backward else self.result

    def _run_pre_hook(self, hook: Any, with_kwargs: bool) -> None:
        if not with_kwargs:
            args = hook(self.module, self.args)
            if args is not None:
                self.args = _as_tuple(args)
            return
        both = hook(self.module, self.args, self.kwargs)
        if both is None:
            return
        if not isinstance(both, tuple) or len(both) != 2:
            raise RuntimeError(
                f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {both}."
            )
        self.args, self.kwargs = both

    def _run_forward_hook(self, key: int) -> None:
        self.has_run.add(key)
        hook, with_kwargs, _ = self.module._forward_hooks[key]
        arguments = (self.args, self.kwargs) if with_kwargs else (self.args,)
        result = hook(self.module, *arguments, self.result)
        if result is not None:
            self.result = result

    def _run_always_called(self) -> None:
        """Something raised: the hooks that run in any case, and have not yet, run now."""
        for key, (_, _, always_call) in tuple(self.module._forward_hooks.items()):
            if not always_call or key in self.has_run:
                continue
            try:
                self._run_forward_hook(key)
            except Exception as error:
                warn(
                    "module forward hook with ``always_call=True`` raised an exception that was silenced as another "
                    f"error was raised in forward: {error}"
                )


class BackwardHookFunction(Function):
    """The identity. Its node is a place where the gradients of several tensors pass together."""

    @staticmethod
    def forward(ctx: Any, *tensors: Any) -> Any:
        views = tuple(tensor.view_as(tensor) for tensor in tensors)
        ctx.mark_non_differentiable(*(v for v, tensor in zip(views, tensors) if not tensor.requires_grad))
        return views

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads


class BackwardHooks:
    """Calls a module's backward hooks when the gradients of one of its calls pass.

    The gradients of the outputs are known first, at one node; those of the inputs later, at another. The hooks want
    to see both: this object carries the former to the latter.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self.hooks = tuple(module._backward_hooks.values())
        self.pre_hooks = tuple(module._backward_pre_hooks.values())
        self.grad_outputs: tuple[Any, ...] | None = None
        # How many values there are, and which of them are watched.
        self.inputs: tuple[int, tuple[int, ...]] = (0, ())
        self.outputs: tuple[int, tuple[int, ...]] = (0, ())

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of ``forward``; the gradients of the tensors among them will arrive here."""
        args, watched, node = _pass_through(args)
        self.inputs = (len(args), watched)
        if node is not None:
            node.register_hook(self._on_grad_inputs)
        return args

    def watch_output(self, result: Any) -> Any:
        """The output of ``forward``; its gradients will arrive here."""
        if not isinstance(result, (Variable, tuple)):
            warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(result)}"
            )
            return result
        outputs, watched, node = _pass_through(_as_tuple(result))
        self.outputs = (len(outputs), watched)
        if node is None:
            return result
        node.materialize_grads = False  # the hooks see None where no gradient arrived
        node.register_prehook(self._on_grad_outputs)
        if not isinstance(result, tuple):
            return outputs[0]
        return type(result)(*outputs) if hasattr(result, "_fields") else outputs

    def _on_grad_outputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        count, watched = self.outputs
        grads = _spread(grads, count, watched)
        for hook in self.pre_hooks:
            grads = _replaced(grads, hook(self.module, grads), "pre hook", "grad_output")
        self.grad_outputs = grads
        if not self.inputs[1]:
            self._run_without_grad_inputs()
        return tuple(grads[i] for i in watched)

    def _on_grad_inputs(self, grads: tuple[Any, ...], _: Any) -> tuple[Any, ...] | None:
        if self.grad_outputs is None:
            return None  # backward came along another way than through the module's output
        count, watched = self.inputs
        grads = _spread(grads, count, watched)
        for hook in self.hooks:
            grads = _replaced(grads, hook(self.module, grads, self.grad_outputs), "hook", "grad_input")
        self.grad_outputs = None
        return tuple(grads[i] for i in watched)

    def _run_without_grad_inputs(self) -> None:
        """No input requires a gradient, so none will arrive: the hooks are called now, and may not return one."""
        warn(_NO_INPUT_GRADIENTS)
        nothing = (None,) * self.inputs[0]
        for hook in self.hooks:
            result = hook(self.module, nothing, self.grad_outputs)
            if result is not None and any(grad is not None for grad in _as_tuple(result)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )
        self.grad_outputs = None


def _pass_through(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[int, ...], Any]:
    """The values with the tensors among them led through one node; which these are; the node (None: no gradients)."""
    watched = tuple(i for i, value in enumerate(values) if isinstance(value, Variable))
    if not is_grad_enabled() or not any(values[i].requires_grad for i in watched):
        return values, (), None
    outputs = BackwardHookFunction.apply(*(values[i] for i in watched))
    passed = list(values)
    for i, output in zip(watched, outputs):
        passed[i] = output
    return tuple(passed), watched, next(output.grad_fn for output in outputs if output.requires_grad)


def _spread(grads: tuple[Any, ...], count: int, watched: tuple[int, ...]) -> tuple[Any, ...]:
    """One gradient for each of ``count`` values, None for those that are not watched."""
    known = dict(zip(watched, grads))
    return tuple(known.get(i) for i in range(count))


def _replaced(grads: tuple[Any, ...], result: Any, kind: str, name: str) -> tuple[Any, ...]:
    """What a hook returned in place of the gradients it saw, if it returned anything."""
    if result is None:
        return grads
    result = _as_tuple(result)
    if len(result) != len(grads):
        raise RuntimeError(
            f"Backward {kind} returned an invalid number of {name}, got {len(result)}, but expected {len(grads)}"
        )
    return result


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
