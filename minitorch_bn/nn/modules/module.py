"""``Module``: the base of every layer and model. It holds parameters, buffers and other modules, and calls ``forward``.

A module keeps what it owns in three registries, dictionaries by name: ``_parameters``, ``_buffers``, ``_modules``.
Assigning to an attribute registers, reading one looks there; the rest of this file walks through them. Calls with hooks
are in ``_hooks.py``, saving and loading in ``_state_dict.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitorch_bn import dtypes
from minitorch_bn._device import check_device
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.creation import empty, empty_like
from minitorch_bn.nn.modules._hooks import HookedCall, Hooks
from minitorch_bn.nn.modules._state_dict import StateDict
from minitorch_bn.nn.parameter import Buffer, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from minitorch_bn._tensor import Tensor

_REGISTRIES = ("_parameters", "_modules", "_buffers")  # in the order in which an assignment asks them
_NOUNS = {"_parameters": "parameters", "_modules": "module", "_buffers": "buffer"}
_EXPECTED = {
    "_parameters": "parameter '{}' (torch.nn.Parameter or None expected)",
    "_modules": "child module '{}' (torch.nn.Module or None expected)",
    "_buffers": "buffer '{}' (torch.nn.Buffer, torch.Tensor or None expected)",
}


def _tell_place(error: Any, module: Module) -> None:
    """Puts the failing layer's path, which grows as the error passes its parents, behind the error's first line."""
    message = str(error) if not hasattr(error, "_place") else error._place[2]
    if not hasattr(error, "_place"):
        error._place = (module, "", message)
        return
    inner, path, _ = error._place
    name = next((name for name, child in module.named_modules() if child is inner), "")
    path = f"{name}.{path}" if path else name
    error._place = (module, path, message)
    first, *rest = message.split("\n")
    error.args = ("\n".join([first, f"In layer {path!r} of {module._get_name()}.", *rest]),)


class Module(Hooks, StateDict):
    """Base class of layers and models: call ``super().__init__()``, assign parts to attributes, write ``forward``.

    A ``Parameter``, a ``Buffer`` or a ``Module`` that is assigned to an attribute becomes part of the module: it is
    found by ``parameters()``, converted by ``to()``, saved by ``state_dict()``.

    >>> import minitorch_bn as torch
    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = torch.nn.Parameter(torch.tensor([2.0]))
    ...     def forward(self, x):
    ...         return self.weight * x
    >>> scale = Scale(); scale(torch.tensor([1.0, 3.0]))
    tensor([2., 6.], grad_fn=<MulBackward0>)
    >>> dict(scale.state_dict())
    {'weight': tensor([2.])}
    """

    _tells_its_place = False  # whether errors name the layer's path in the model

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]

    def __init__(self) -> None:
        self.__dict__.update(training=True, _parameters={}, _buffers={}, _modules={}, _non_persistent_buffers_set=set())
        Hooks.__init__(self)
        StateDict.__init__(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Takes the attributes that a pickle has; those that older versions had not get their defaults."""
        Module.__init__(self)
        self.__dict__.update(state)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass writes its own.

        >>> import minitorch_bn as torch
        >>> torch.nn.ReLU().forward(torch.tensor([-1.0, 1.0]))
        tensor([0., 1.])
        """
        raise NotImplementedError(f'Module [{self._get_name()}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._forward_hooks or self._forward_pre_hooks or self._backward_hooks or self._backward_pre_hooks:
                return HookedCall(self, args, kwargs).run()
            return self.forward(*args, **kwargs)
        except Exception as error:
            if self._tells_its_place or hasattr(error, "_place"):
                _tell_place(error, self)
            raise

    # -- what belongs to the module ------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under a name; None keeps the name free for one.

        Raises:
            KeyError: the name is empty, has a dot in it, or is taken by another attribute.
            TypeError: ``param`` is not a Parameter.
            ValueError: ``param`` was computed from other tensors.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Module(); m.register_parameter("scale", torch.nn.Parameter(torch.ones(2)))
        >>> [name for name, _ in m.named_parameters()]
        ['scale']
        """
        registry = self._slot("_parameters", "parameter", name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To "
                f"express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        registry[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is state but no parameter, like a running mean; ``state_dict`` has it if ``persistent``.

        Raises:
            KeyError: the name is empty, has a dot in it, or is taken by another attribute.
            TypeError: ``tensor`` is not a Tensor.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Module(); m.register_buffer("mean", torch.zeros(2))
        >>> m.mean, list(m.state_dict())
        (tensor([0., 0.]), ['mean'])
        """
        registry = self._slot("_buffers", "buffer", name)
        if tensor is not None and not isinstance(tensor, Variable):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        registry[name] = tensor
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Adds a module under a name; None keeps the name free for one.

        Raises:
            KeyError: the name is empty, has a dot in it, or is taken by another attribute.
            TypeError: ``module`` is not a Module.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Module(); m.register_module("act", torch.nn.Tanh())
        >>> m.act
        Tanh()
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        self._slot("_modules", "module", name)[name] = module

    def add_module(self, name: str, module: Module | None) -> None:
        """The same as ``register_module``.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Sequential(); m.add_module("act", torch.nn.ReLU())
        >>> m
        Sequential(
          (act): ReLU()
        )
        """
        self.register_module(name, module)

    def _registry(self, which: str, noun: str) -> dict[str, Any]:
        registry = self.__dict__.get(which)
        if registry is None:
            raise AttributeError(f"cannot assign {noun} before Module.__init__() call")
        return registry

    def _slot(self, which: str, noun: str, name: str) -> dict[str, Any]:
        """The registry that a new entry goes to, once its name is known to be good."""
        registry = self._registry(which, noun)
        if not isinstance(name, str):
            raise TypeError(f"{noun} name should be a string. Got {_typename(name)}")
        if "." in name:
            raise KeyError(f'{noun} name can\'t contain "."' + (f", got: {name}" if noun == "module" else ""))
        if name == "":
            raise KeyError(f'{noun} name can\'t be empty string ""')
        if name not in registry and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        return registry

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        home = _home_of(value)
        for which in _REGISTRIES:
            if which == home:
                self._assign(which, name, value)
                return
            if name in own.get(which, ()):
                if value is not None and not (which == "_buffers" and isinstance(value, Variable)):
                    raise TypeError(f"cannot assign '{_typename(value)}' as {_EXPECTED[which].format(name)}")
                own[which][name] = value
                return
        object.__setattr__(self, name, value)

    def _assign(self, which: str, name: str, value: Any) -> None:
        """Registers a value under a name that something else may have had so far."""
        if name not in self._registry(which, _NOUNS[which]):
            self._forget(name)
        if which == "_parameters":
            self.register_parameter(name, value)
        elif which == "_modules":
            self.register_module(name, value)
        else:
            self.register_buffer(name, value, value.persistent)

    def _forget(self, name: str) -> bool:
        """Takes a name out of the registries and the instance's own attributes; whether it was there."""
        homes = [home for which in _REGISTRIES if name in (home := self.__dict__.get(which, {}))]
        if name in self.__dict__:
            homes.append(self.__dict__)
        for home in homes:
            del home[name]
        self.__dict__.get("_non_persistent_buffers_set", set()).discard(name)
        return bool(homes)

    def __getattr__(self, name: str) -> Any:
        # Only asked when the instance and its class do not have the name.
        own = self.__dict__
        for which in _REGISTRIES:
            if which in own and name in own[which]:
                return own[which][name]
        # Raises; and if a property's own code failed, that error is the one to see.
        return object.__getattribute__(self, name)

    def __delattr__(self, name: str) -> None:
        if not self._forget(name):
            object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = set(object.__dir__(self)).union(*(self.__dict__.get(which, ()) for which in _REGISTRIES))
        return sorted(name for name in names if not name[0].isdigit())

    # -- walking through what belongs to it ----------------------------------------------------------------------------

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their dotted names; those in ``memo`` are left out.

        >>> import minitorch_bn as torch
        >>> [name for name, _ in torch.nn.Sequential(torch.nn.Sequential(torch.nn.ReLU())).named_modules()]
        ['', '0', '0.0']
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, _joined(prefix, name), remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it.

        >>> import minitorch_bn as torch
        >>> [type(m).__name__ for m in torch.nn.Sequential(torch.nn.ReLU()).modules()]
        ['Sequential', 'ReLU']
        """
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one with their names.

        >>> import minitorch_bn as torch
        >>> list(torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Tanh()).named_children())
        [('0', ReLU()), ('1', Tanh())]
        """
        memo = set()
        for name, child in self._modules.items():
            if child is not None and child not in memo:
                memo.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules directly below this one.

        >>> import minitorch_bn as torch
        >>> list(torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Tanh()).children())
        [ReLU(), Tanh()]
        """
        for _, child in self.named_children():
            yield child

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names; one that several modules share comes once.

        >>> import minitorch_bn as torch
        >>> [name for name, _ in torch.nn.Sequential(torch.nn.Linear(2, 2)).named_parameters()]
        ['0.weight', '0.bias']
        """
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, if ``recurse``, of all below it: what an optimizer is given.

        >>> import minitorch_bn as torch
        >>> [p.shape for p in torch.nn.Linear(2, 3).parameters()]
        [torch.Size([3, 2]), torch.Size([3])]
        """
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names; one that several modules share comes once.

        >>> import minitorch_bn as torch
        >>> [name for name, _ in torch.nn.BatchNorm1d(2).named_buffers()]
        ['running_mean', 'running_var', 'num_batches_tracked']
        """
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and, if ``recurse``, of all below it.

        >>> import minitorch_bn as torch
        >>> [b.shape for b in torch.nn.BatchNorm1d(2).buffers()]
        [torch.Size([2]), torch.Size([2]), torch.Size([])]
        """
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named_members(self, which: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[Any]:
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        seen = set()
        for path, module in modules:
            for name, member in module.__dict__[which].items():
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield _joined(path, name), member

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted name, itself for "".

        Raises:
            AttributeError: there is nothing of that name, or it is not a Module.

        >>> import minitorch_bn as torch
        >>> torch.nn.Sequential(torch.nn.Sequential(torch.nn.Tanh())).get_submodule("0.0")
        Tanh()
        """
        module = self
        for name in target.split(".") if target else ():
            module = module._get(name, Module, "an nn.Module")
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted name; AttributeError if there is none.

        >>> import minitorch_bn as torch
        >>> torch.nn.Sequential(torch.nn.Linear(2, 3)).get_parameter("0.weight").shape
        torch.Size([3, 2])
        """
        path, _, name = target.rpartition(".")
        return self.get_submodule(path)._get(name, Parameter, "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted name; AttributeError if there is none.

        >>> import minitorch_bn as torch
        >>> torch.nn.BatchNorm1d(2).get_buffer("running_var")
        tensor([1., 1.])
        """
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        buffer = module._get(name, object, "")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return buffer

    def _get(self, name: str, wanted: Any, description: str) -> Any:
        if not hasattr(self, name):
            raise AttributeError(f"{self._get_name()} has no attribute `{name}`")
        found = getattr(self, name)
        if not isinstance(found, wanted):
            raise AttributeError(f"`{name}` is not {description}")
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Puts a module at a dotted name, in place of the one that is there; ``strict``: one must be there.

        Raises:
            ValueError: ``target`` is empty, or ``module`` is not a Module.
            AttributeError: the path leads nowhere, or to something that is not a Module.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Sequential(torch.nn.ReLU()); m.set_submodule("0", torch.nn.Tanh())
        >>> m
        Sequential(
          (0): Tanh()
        )
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent._get(name, Module, "an nn.Module")
        setattr(parent, name, module)

    # -- changing all of it --------------------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Calls ``fn`` on every module below this one, then on itself; returns itself.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
        >>> _ = m.apply(lambda part: print(type(part).__name__))
        Linear
        ReLU
        Sequential
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Sets this module and all below it to training (or, with False, to evaluation); returns itself.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Sequential(torch.nn.Dropout()); _ = m.train(False)
        >>> m[0].training
        False
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Sets this module and all below it to evaluation; returns itself.

        >>> import minitorch_bn as torch
        >>> torch.nn.Dropout().eval().training
        False
        """
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Sets whether gradients of the parameters are wanted; returns itself.

        >>> import minitorch_bn as torch
        >>> [p.requires_grad for p in torch.nn.Linear(2, 2).requires_grad_(False).parameters()]
        [False, False]
        """
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Resets the parameters' gradients: to None, or in place to zeros.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Linear(1, 1); m(torch.ones(1)).backward()
        >>> m.zero_grad(); m.weight.grad is None
        True
        """
        for param in self.parameters():
            if set_to_none or param.grad is None:
                param.grad = None
                continue
            if param.grad.requires_grad:
                param.grad = param.grad.detach()  # the graph that computed it keeps its own tensor
            param.grad.zero_()

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Replaces the values of parameters, gradients and buffers by ``fn(values)``; the Parameter objects stay."""
        for child in self.children() if recurse else ():
            child._apply(fn)
        for param in self._parameters.values():
            if param is not None:
                param.data = fn(param.data)
                if param.grad is not None:
                    param.grad.data = fn(param.grad.data)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, device: Any = None, dtype: Any = None, **others: Any) -> Self:
        """Converts floating-point parameters and buffers in place: ``to(dtype)``, ``to("cpu", dtype)``, ``to(tensor)``.

        Integer buffers keep their dtype. Returns itself. Raises TypeError for a dtype that is not floating point.

        >>> import minitorch_bn as torch
        >>> torch.nn.Linear(1, 1).to(torch.float64).weight.dtype
        torch.float64
        """
        for arg in (*args, others.get("tensor")):
            if isinstance(arg, (dtypes.dtype, type)):
                dtype = arg
            elif isinstance(arg, Variable):
                dtype = arg.dtype
            elif not isinstance(arg, bool):  # non_blocking by position changes nothing on a CPU
                check_device(arg)
        check_device(device)
        if dtype is None:
            return self
        dtype = dtypes.as_dtype(dtype)
        if not dtype.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype!r}"
            )
        return self._apply(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)

    def type(self, dst_type: Any) -> Self:
        """Converts all parameters and buffers, integers too, in place; returns itself.

        >>> import minitorch_bn as torch
        >>> torch.nn.Linear(1, 1).type(torch.float64).weight.dtype
        torch.float64
        """
        dtype = empty(0).type(dst_type).dtype
        if not dtype.is_floating_point and any(param.requires_grad for param in self.parameters()):
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        return self._apply(lambda tensor: tensor.to(dtype))

    def cpu(self) -> Self:
        """The module itself: everything is on the CPU.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.ReLU()
        >>> m.cpu() is m
        True
        """
        return self

    def cuda(self, device: Any = None) -> Self:
        """Raises: there is no graphics processor here.

        >>> import minitorch_bn as torch
        >>> torch.nn.ReLU().cuda()
        Traceback (most recent call last):
        AssertionError: Torch not compiled with CUDA enabled
        """
        return self.to("cuda")

    def share_memory(self) -> Self:
        """The module itself, for programs that share it with worker processes; there are none here.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.ReLU()
        >>> m.share_memory() is m
        True
        """
        return self

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """New memory for parameters and buffers, with whatever values are there; returns itself.

        >>> import minitorch_bn as torch
        >>> torch.nn.Linear(2, 3).to_empty(device="cpu").weight.shape
        torch.Size([3, 2])
        """
        check_device(device)
        return self._apply(empty_like, recurse)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Raises NotImplementedError: compilation is out of scope.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.ReLU(); m.compile(); m(torch.tensor([-1.0, 1.0]))
        Traceback (most recent call last):
        NotImplementedError: Module.compile is out of scope here: call the module as it is
        """
        raise NotImplementedError("Module.compile is out of scope here: call the module as it is")

    def float(self) -> Self:
        """Floating-point parameters and buffers as float32, in place; returns itself.

        >>> import minitorch_bn as torch
        >>> torch.nn.Linear(1, 1).double().float().weight.dtype
        torch.float32
        """
        return self.to(dtypes.float32)

    def double(self) -> Self:
        """Floating-point parameters and buffers as float64, in place; returns itself.

        >>> import minitorch_bn as torch
        >>> torch.nn.Linear(1, 1).double().weight.dtype
        torch.float64
        """
        return self.to(dtypes.float64)

    def half(self) -> Self:
        """Floating-point parameters and buffers as float16, in place; returns itself.

        >>> import minitorch_bn as torch
        >>> torch.nn.Linear(1, 1).half().weight.dtype
        torch.float16
        """
        return self.to(dtypes.float16)

    def bfloat16(self) -> Self:
        """Floating-point parameters and buffers as bfloat16, in place; returns itself.

        >>> import minitorch_bn as torch
        >>> torch.nn.Linear(1, 1).bfloat16().weight.dtype
        torch.bfloat16
        """
        return self.to(dtypes.bfloat16)

    # -- printing ------------------------------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands in the parentheses of the printed form; override it to show options.

        >>> import minitorch_bn as torch
        >>> torch.nn.Linear(2, 3).extra_repr()
        'in_features=2, out_features=3, bias=True'
        """
        return ""

    def _labelled_children(self) -> Iterator[tuple[str, str]]:
        """The modules below as they are printed, with their labels."""
        for name, child in self._modules.items():
            yield f"({name})", repr(child)

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"{label}: {text}".replace("\n", "\n  ") for label, text in self._labelled_children()]
        if not children and "\n" not in extra:
            return f"{self._get_name()}({extra})"
        lines = [*(extra.split("\n") if extra else ()), *children]
        return "\n  ".join([f"{self._get_name()}(", *lines]) + "\n)"


def _home_of(value: Any) -> str | None:
    """The registry to which a value goes when it is assigned, if it is of one of the three kinds."""
    if isinstance(value, Module):
        return "_modules"
    if isinstance(value, Parameter):
        return "_parameters"
    return "_buffers" if isinstance(value, Buffer) else None


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _typename(value: Any) -> str:
    """The type of a value as PyTorch's error texts name it: torch.FloatTensor, int, package.module.Class."""
    if isinstance(value, Variable):
        return value.type()
    kind = value if hasattr(value, "__qualname__") else type(value)  # a class or a function stands for itself
    home = "minitorch_bn.nn.functional" if kind.__module__.startswith("minitorch_bn.ops.") else kind.__module__
    return kind.__qualname__ if home == "builtins" else f"{home}.{kind.__qualname__}"
