"""``Optimizer``: parameter groups, state, checkpoints and hooks; and the loop that all optimizers here share."""

from __future__ import annotations

import functools
import warnings
from collections import defaultdict
from collections.abc import Iterable
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd.grad_mode import enable_grad, thread
from minitorch_bn.autograd.hooks import RemovableHandle, add_hook
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.dtypes import get_default_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Tensors, (name, Tensor) pairs, or groups of options.
ParamsT = Iterable[Any]

required: Any = type("_Required", (), {"__repr__": lambda self: "<required parameter>"})()


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` between the step hooks of its optimizer."""

    @functools.wraps(step)
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self._step_pre_hooks is None and self._step_post_hooks is None:
            return step(self, *args, **kwargs)
        arguments = (self, *args)
        for hook in tuple((self._step_pre_hooks or {}).values()):
            result = hook(self, arguments, kwargs)
            if result is None:
                continue
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}.")
            arguments, kwargs = result
        out = step(*arguments, **kwargs)
        for hook in tuple((self._step_post_hooks or {}).values()):
            hook(self, arguments, kwargs)
        return out

    return hooked


class Optimizer:
    """Base of all optimizers: subclasses define ``step``.

    Args:
        params: Tensors, ``(name, Tensor)`` pairs, or dictionaries (parameter groups) with such under ``"params"``
            and options of their own.
        defaults: the options of groups that do not name their own.

    Attributes:
        param_groups: the list of groups; change ``group["lr"]`` at any time.
        state: what the optimizer remembers, by parameter.

    Raises:
        TypeError: something that is no tensor, or a set, whose order is random.
        ValueError: no parameters, a computed tensor, or a parameter in two groups.

    >>> import minitorch_bn as torch
    >>> class SignSGD(torch.optim.Optimizer):
    ...     def __init__(self, params, lr):
    ...         super().__init__(params, {"lr": lr})
    ...     @torch.no_grad()
    ...     def step(self, closure=None):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 p.add_(p.grad.sign(), alpha=-group["lr"])
    >>> w = torch.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = SignSGD([w], lr=0.5)
    >>> (w * w).sum().backward(); optimizer.step(); w
    tensor([ 0.5000, -1.5000], requires_grad=True)
    """

    # Dictionaries of hooks, made when the first hook comes.
    _step_pre_hooks: dict[int, Any] | None = None
    _step_post_hooks: dict[int, Any] | None = None
    _state_dict_pre_hooks: dict[int, Any] | None = None
    _state_dict_post_hooks: dict[int, Any] | None = None
    _load_state_dict_pre_hooks: dict[int, Any] | None = None
    _load_state_dict_post_hooks: dict[int, Any] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _with_hooks(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {params.type()}"
            )
        self.defaults = defaults
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters later, as when layers of a trained network are thawed one after the other.

        Args:
            param_group: ``{"params": tensors, option: value, ...}``; options left out get the defaults.

        >>> import minitorch_bn as torch
        >>> a, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
        >>> optimizer = torch.optim.SGD([a], lr=0.1)
        >>> optimizer.add_param_group({"params": [b], "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params, names = _unnamed(param_group["params"])
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
        if len(set(params)) < len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an "
                "error; see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        if self.param_groups and ("param_names" in self.param_groups[0]) != (names is not None):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'without' if names is None else 'with'} names to the optimizer"
            )
        if not set(params).isdisjoint(p for group in self.param_groups for p in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        param_group["params"] = params
        if names is not None:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters from their gradients; subclasses define it.

        >>> import minitorch_bn as torch
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> (w * w).sum().backward(); optimizer.step(); w
        tensor([0.8000], requires_grad=True)
        """
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of all parameters, or (``set_to_none=False``) fills them with zeros.

        >>> import minitorch_bn as torch
        >>> w = torch.ones(1, requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> w.sum().backward(); optimizer.zero_grad(); w.grad is None
        True
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p._grad is None:
                    p._grad = None
                    continue
                if p._grad.grad_fn is None:
                    p._grad.requires_grad_(False)
                else:
                    p._grad.detach_()
                p._grad.zero_()

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and options in PyTorch's layout, with parameters numbered in order.

        The tensors are the optimizer's own: ``copy.deepcopy`` the result to keep it while training goes on.

        >>> import minitorch_bn as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> sorted(optimizer.state_dict())
        ['param_groups', 'state']
        >>> optimizer.state_dict()["param_groups"][0]["params"]
        [0]
        """
        for hook in tuple((self._state_dict_pre_hooks or {}).values()):
            hook(self)
        numbers: dict[Tensor, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(p, len(numbers))
            packed = {name: value for name, value in group.items() if name != "params"}
            groups.append({**packed, "params": [numbers[p] for p in group["params"]]})
        state = {numbers[k] if isinstance(k, Tensor) else k: value for k, value in self.state.items()}
        state_dict = {"state": state, "param_groups": groups}
        for hook in tuple((self._state_dict_post_hooks or {}).values()):
            result = hook(self, state_dict)
            state_dict = state_dict if result is None else result
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what ``state_dict`` returned, PyTorch's own included; state is cast to its parameter's dtype.

        Raises:
            ValueError: the number of groups, or of parameters in a group, differs. Nothing is changed then.

        >>> import minitorch_bn as torch
        >>> w = torch.zeros(1, requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> optimizer.load_state_dict(torch.optim.SGD([w], lr=0.5).state_dict())
        >>> optimizer.param_groups[0]["lr"]
        0.5
        """
        from copy import deepcopy

        state_dict = state_dict.copy()
        for hook in tuple((self._load_state_dict_pre_hooks or {}).values()):
            result = hook(self, state_dict)
            state_dict = state_dict if result is None else result
        groups = deepcopy(state_dict["param_groups"])
        if len(groups) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(new["params"]) != len(old["params"]) for new, old in zip(groups, self.param_groups)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        parameters: dict[Any, Tensor] = {}
        for new, old in zip(groups, self.param_groups):
            parameters.update(zip(new["params"], old["params"]))
            new["params"] = old["params"]
            if "param_names" in old:
                new.setdefault("param_names", old["param_names"])
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in parameters:
                state[parameters[key]] = _cast_state(value, parameters[key])
            else:
                state[key] = value
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in tuple((self._load_state_dict_post_hooks or {}).values()):
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params")
        return text + ")"

    # -- hooks -----------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``hook(optimizer, args, kwargs)`` runs before each step; it may return new ``(args, kwargs)``.

        >>> import minitorch_bn as torch
        >>> w = torch.ones(1, requires_grad=True); w.grad = torch.ones(1)
        >>> optimizer = torch.optim.SGD([w], lr=0.1)
        >>> handle = optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: print("before", w.item()))
        >>> optimizer.step()
        before 1.0
        """
        return self._add_hook("_step_pre_hooks", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``hook(optimizer, args, kwargs)`` runs after each step.

        >>> import minitorch_bn as torch
        >>> w = torch.ones(1, requires_grad=True); w.grad = torch.ones(1)
        >>> optimizer = torch.optim.SGD([w], lr=0.5)
        >>> handle = optimizer.register_step_post_hook(lambda optimizer, args, kwargs: print("after", w.item()))
        >>> optimizer.step()
        after 0.5
        """
        return self._add_hook("_step_post_hooks", hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """``hook(optimizer)`` runs before ``state_dict`` collects.

        >>> import minitorch_bn as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> handle = optimizer.register_state_dict_pre_hook(lambda optimizer: print("saving"))
        >>> _ = optimizer.state_dict()
        saving
        """
        return self._add_hook("_state_dict_pre_hooks", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """``hook(optimizer, state_dict)`` may change the collected dictionary, or return another.

        >>> import minitorch_bn as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> handle = optimizer.register_state_dict_post_hook(lambda optimizer, state: {**state, "epoch": 3})
        >>> sorted(optimizer.state_dict())
        ['epoch', 'param_groups', 'state']
        """
        return self._add_hook("_state_dict_post_hooks", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """``hook(optimizer, state_dict)`` may return another dictionary to load.

        >>> import minitorch_bn as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> handle = optimizer.register_load_state_dict_pre_hook(lambda optimizer, state: print("loading"))
        >>> optimizer.load_state_dict(optimizer.state_dict())
        loading
        """
        return self._add_hook("_load_state_dict_pre_hooks", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """``hook(optimizer)`` runs after a state was loaded.

        >>> import minitorch_bn as torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> handle = optimizer.register_load_state_dict_post_hook(lambda optimizer: print("loaded"))
        >>> optimizer.load_state_dict(optimizer.state_dict())
        loaded
        """
        return self._add_hook("_load_state_dict_post_hooks", hook, prepend)

    def _add_hook(self, attribute: str, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        handle = add_hook(self, attribute, hook)
        if prepend:
            hooks = getattr(self, attribute)
            earlier = {key: hooks.pop(key) for key in tuple(hooks) if key != handle.id}
            hooks.update(earlier)
        return handle


def _unnamed(params: Any) -> tuple[list[Tensor], list[str] | None]:
    """The tensors of a group, checked, and their names if they came with names."""
    if isinstance(params, Tensor):
        params = [params]
    elif isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
            "will change between runs. Please use a list instead."
        )
    params, names = list(params), None
    if any(isinstance(p, tuple) for p in params):
        if not all(isinstance(p, tuple) for p in params):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        names, params = [name for name, _ in params], [p for _, p in params]
    for p in params:
        if not isinstance(p, Tensor):
            raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
        if not (p.is_leaf or p.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")
    return params, names


def _cast_state(value: Any, param: Tensor, name: str = "") -> Any:
    """Loaded state in the dtype of its parameter; the count of steps keeps its own."""
    if isinstance(value, Tensor):
        return value.to(param.dtype) if name != "step" and param.is_floating_point() else value
    if isinstance(value, dict):
        return {k: _cast_state(v, param, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast_state(v, param) for v in value)
    return value


# -- what the optimizers of this package share -------------------------------------------------------------------------


class ElementwiseOptimizer(Optimizer):
    """An optimizer whose rule treats every element by itself: a subclass defines ``_update`` and ``_start``.

    Or ``_update_all``, where there is something to look up once for all parameters of a group.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if defaults.get("fused") and defaults.get("foreach"):
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        if defaults.get("fused") and defaults["differentiable"]:
            raise RuntimeError("`fused` does not support `differentiable`")
        if defaults["differentiable"]:
            raise NotImplementedError(
                "differentiable=True is out of scope: step() changes arrays in place, outside the graph. "
                "Write the update with tensor operations to differentiate through it."
            )
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters that have a gradient.

        Args:
            closure: computes the loss and its gradients anew; its value is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        quietly = thread.mode.quietly
        for group in self.param_groups:
            params = [p for p in group["params"] if p._grad is not None]
            for p in params:
                p._version_counter[0] += 1
            quietly(self._update_all, params, [p._grad._data for p in params], group)
        return loss

    def _update_all(self, params: list[Tensor], grads: list[np.ndarray], group: dict[str, Any]) -> None:
        """The rule for all parameters of a group that have a gradient."""
        for p, grad in zip(params, grads):
            self._update(p, grad, group)

    def _update(self, p: Tensor, grad: np.ndarray, group: dict[str, Any]) -> None:
        """The rule: changes the array of ``p`` and its state in place."""
        raise NotImplementedError

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        """The state of a parameter before its first step."""
        raise NotImplementedError

    def _state_of(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[p]
        if not state:
            state.update(self._start(p, group))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for p, values in state["state"].items():
            for name, value in values.items() if isinstance(p, Tensor) else ():
                if isinstance(value, Tensor) and value._data.ndim and value._data.shape != p._data.shape:
                    raise ValueError(
                        f"loaded state dict has '{name}' of shape {list(value._data.shape)} for a parameter of shape "
                        f"{list(p._data.shape)}"
                    )
        super().__setstate__(state)
        for group in self.param_groups:  # checkpoints written before an option existed
            for name, default in self.defaults.items():
                group.setdefault(name, default)


def zeros_like(p: Tensor) -> Tensor:
    """A buffer of zeros for a parameter."""
    return wrap(np.zeros_like(p._data))


def new_step() -> Tensor:
    """A count of steps, which PyTorch keeps as a floating zero-dim tensor."""
    return wrap(np.zeros((), np.float64 if get_default_dtype().itemsize == 8 else np.float32))


def count_step(state: dict[str, Any]) -> float:
    """Counts one step more; the number of steps so far."""
    step: np.ndarray = state["step"]._data
    step.fill(step.item() + 1)
    return step.item()


def by_step(steps: list[float], lists: list[list[np.ndarray]]) -> Iterator[tuple[float, list[list[np.ndarray]]]]:
    """The lists for each count of steps: the same for all parameters, unless some had no gradient sometimes."""
    for t in dict.fromkeys(steps):
        which = [step == t for step in steps]
        yield t, lists if all(which) else [list(compress(each, which)) for each in lists]


def require(holds: Any, message: str) -> None:
    """ValueError with this message unless the condition holds."""
    if not holds:
        raise ValueError(message)


def check_lr(lr: Any, *, allow_nan: bool = False) -> None:
    """ValueError for a learning rate that is negative, or a tensor of several elements."""
    require(not (isinstance(lr, Tensor) and lr.numel() != 1), "Tensor lr must be 1-element")
    require(not lr < 0.0 if allow_nan else 0.0 <= lr, f"Invalid learning rate: {lr}")
