"""State dicts of a Module: saving, and loading in one go: all is checked first, then all is changed, or nothing is."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.autograd.views import check_inplace
from minitorch_bn.nn.modules._hooks import add
from minitorch_bn.nn.parameter import Parameter, is_lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from minitorch_bn._tensor import Tensor
    from minitorch_bn.autograd.hooks import RemovableHandle
    from minitorch_bn.nn.modules.module import Module

_EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What ``load_state_dict`` returns: the keys that the state dict lacks, and those it has too many."""

    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if any(self) else "<All keys matched successfully>"

    __str__ = __repr__


class TensorChange:
    """A value on its way into a registry: copied into the tensor that is there, or put in its place (``assign``)."""

    def __init__(self, registry: dict[str, Any], name: str, value: Any, assign: bool) -> None:
        self.registry, self.name, self.value, self.assign = registry, name, value, assign

    def make(self) -> None:
        """Makes the change."""
        own = self.registry[self.name]
        with no_grad():
            if not self.assign:
                own.copy_(self.value)
                return
        if isinstance(own, Parameter):
            self.value.requires_grad = own.requires_grad
        self.registry[self.name] = self.value

    def inverse(self) -> TensorChange:
        """The change that brings back what is there now."""
        own = self.registry[self.name]
        return TensorChange(self.registry, self.name, own if self.assign else own.detach().clone(), self.assign)


class Materialization(TensorChange):
    """The first values of a lazy tensor, which takes their shape and keeps its dtype."""

    def make(self) -> None:
        """Makes the change."""
        if not self.assign:
            self.registry[self.name].materialize(self.value.shape)
        super().make()

    def inverse(self) -> TensorChange:
        """The change that brings back a tensor without a shape."""
        return TensorChange(self.registry, self.name, copy(self.registry[self.name]), True)


class Report(list[str]):
    """The error texts of a load, and what is to be changed if there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[TensorChange] = []
        self.extra_states: list[tuple[Any, Any]] = []

    def make_changes(self) -> None:
        """Carries out what was planned: the tensors first."""
        for change in self.changes:
            change.make()
        for module, state in self.extra_states:
            module.set_extra_state(state)


def plan_tensor(key: str, registry: dict[str, Any], name: str, value: Any, assign: bool, report: Report) -> None:
    """Notes the change of ``registry[name]`` to ``value``, or why it cannot be made."""
    own = registry[name]
    if not isinstance(value, Variable):
        report.append(
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint '
            f"but received {type(value)}"
        )
        return
    if is_lazy(own):
        if not is_lazy(value):
            report.changes.append(
                Materialization(registry, name, _fitted(own, value, assign) if assign else value, assign)
            )
        return
    if own.shape == () and value.shape == (1,):
        value = value[0]  # type: ignore[index]  # as PyTorch before 0.4 saved scalars
    if own.shape != value.shape:
        report.append(
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in current "
            f"model is {own.shape}."
        )
        return
    try:
        value = _fitted(own, value, assign)
    except Exception as error:
        report.append(
            f'While copying the parameter named "{key}", whose dimensions in the model are {own.shape} and whose '
            f"dimensions in the checkpoint are {value.shape}, an exception occurred : {error.args}."
        )
        return
    report.changes.append(TensorChange(registry, name, value, assign))


def _fitted(own: Any, value: Any, assign: bool) -> Any:
    """The value in the form in which it will be taken over; raises here what would make the change fail later."""
    if not assign:
        with no_grad():
            check_inplace(own)
        return value
    if not isinstance(own, Parameter):
        return value
    parameter = Parameter(value, own.requires_grad)
    return value if isinstance(value, Parameter) else parameter


class Loader:
    """One ``load_state_dict``: walks the modules, gathers what is wrong and what is to be changed, then decides."""

    def __init__(self, metadata: Mapping[str, Any] | None, assign: bool) -> None:
        self.metadata = metadata or {}
        self.assign = assign
        self.report = Report()
        self.keys = _IncompatibleKeys([], [])
        self.visited: list[Any] = []  # children before their parents

    def visit(self, module: Any, state_dict: Mapping[str, Any], prefix: str) -> None:
        """Plans the load of a module and of those below it, from the entries under ``prefix``."""
        local_metadata = dict(self.metadata.get(prefix[:-1], {}))
        if self.assign:
            local_metadata["assign_to_params_buffers"] = True
        module._load_from_state_dict(state_dict, prefix, local_metadata, True, *self.keys, self.report)
        for name, child in module._modules.items():
            if child is not None:
                start = f"{prefix}{name}."
                self.visit(child, OrderedDict((k, v) for k, v in state_dict.items() if k.startswith(start)), start)
        self.visited.append(module)

    def finish(self, root: Any, strict: bool) -> _IncompatibleKeys:
        """Makes the changes; or raises, with every tensor as it was."""
        post_hooks = [(m, hook) for m in self.visited for hook in m._load_state_dict_post_hooks.values()]
        if self.report or (strict and any(self.keys) and not post_hooks):
            self._raise(root, strict)
        # Code of the user runs on the loaded module, and may object: a hook can add keys, or strike them off the list.
        inverses = [c.inverse() for c in self.report.changes] if post_hooks or self.report.extra_states else []
        try:
            self.report.make_changes()
            for module, hook in post_hooks:
                self._run_post_hook(module, hook)
            if strict and any(self.keys):
                self._raise(root, strict)
        except BaseException:
            for change in reversed(inverses):
                change.make()
            raise
        return self.keys

    def _run_post_hook(self, module: Any, hook: Any) -> None:
        if hook(module, self.keys) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, "
                "if incompatible_keys need to be modified, it should be done inplace."
            )

    def _raise(self, root: Any, strict: bool) -> None:
        texts = list(self.report)
        for kind, keys in zip(("Unexpected", "Missing"), reversed(self.keys)):
            if strict and keys:
                texts.insert(0, f"{kind} key(s) in state_dict: {', '.join(map(_quoted, keys))}. ")
        raise RuntimeError(f"Error(s) in loading state_dict for {root._get_name()}:\n\t" + "\n\t".join(texts))


def _quoted(key: str) -> str:
    return f'"{key}"'


class StateDict:
    """The part of Module that saves what it holds by name, and takes it over again."""

    _version: int = 1  # of the layout of what is saved: local_metadata["version"] of _load_from_state_dict
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _state_dict_pre_hooks: dict[int, Any]
    _state_dict_hooks: dict[int, tuple[Any, bool]]  # hook, whether its result takes the state dict's place
    _load_state_dict_pre_hooks: dict[int, tuple[Any, bool]]  # hook, with_module
    _load_state_dict_post_hooks: dict[int, Any]

    def __init__(self) -> None:
        self.__dict__.update(
            _state_dict_pre_hooks={},
            _state_dict_hooks={},
            _load_state_dict_pre_hooks={},
            _load_state_dict_post_hooks={},
        )

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers by dotted name, as an OrderedDict.

        The tensors share their memory with the module: they change as it is trained (``copy.deepcopy`` what is to be
        kept). They are detached unless ``keep_vars``. ``destination``: a dictionary to add to. The attribute
        ``_metadata`` of the result has the version of each module's layout.

        >>> import minitorch_bn as torch
        >>> list(torch.nn.Sequential(torch.nn.Linear(2, 2)).state_dict())
        ['0.weight', '0.bias']
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook, may_replace in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, local_metadata)
            if result is not None and not may_replace:
                raise RuntimeError("state_dict post-hook must return None")
            destination = destination if result is None else result
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Adds what this module itself has to save; override it to save more."""
        for name, registry in self._saved_names().items():
            tensor = registry[name]
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if _overrides(self, "get_extra_state"):
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def _saved_names(self) -> dict[str, dict[str, Any]]:
        """The registry of each name that a state dict has."""
        found: dict[str, dict[str, Any]] = {n: self._parameters for n, p in self._parameters.items() if p is not None}
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                found[name] = self._buffers
        return found

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Takes over the values of a state dict: copied into the tensors that are there, cast to their dtype.

        Everything is checked before anything is changed: if it raises, the module is as it was.

        Args:
            state_dict: values by dotted name; it is not changed.
            strict: whether missing and unexpected keys are errors.
            assign: put the given tensors in place of the old ones instead of copying, so that their dtype counts.

        Returns:
            ``missing_keys`` and ``unexpected_keys``; it prints ``<All keys matched successfully>`` if there are none.

        Raises:
            TypeError: ``state_dict`` is not a mapping.
            RuntimeError: keys are missing or unexpected (if ``strict``), or a value does not fit; all are named.

        >>> import minitorch_bn as torch
        >>> a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
        >>> a.load_state_dict(b.state_dict())
        <All keys matched successfully>
        >>> torch.equal(a.weight, b.weight)
        True
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        entries = OrderedDict(state_dict)
        if metadata is not None:
            entries._metadata = metadata  # type: ignore[attr-defined]
        loader = Loader(metadata, assign)
        loader.visit(self, entries, "")
        return loader.finish(self, strict)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Takes over what this module itself saves; override it to read older layouts, then call it.

        In ``load_state_dict`` it only notes what is to be changed, beside the error texts.
        """
        for hook, with_module in self._load_state_dict_pre_hooks.values():
            first = (self,) if with_module else ()
            hook(*first, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        report = error_msgs if isinstance(error_msgs, Report) else Report()
        names = self._saved_names()
        for name, registry in names.items():
            key = prefix + name
            if key in state_dict:
                assign = local_metadata.get("assign_to_params_buffers", False)
                plan_tensor(key, registry, name, state_dict[key], assign, report)
            elif strict:
                missing_keys.append(key)
        known = {*names}
        if _overrides(self, "set_extra_state"):
            known.add(_EXTRA_STATE)
            if prefix + _EXTRA_STATE in state_dict:
                report.extra_states.append((self, state_dict[prefix + _EXTRA_STATE]))
            elif strict:
                missing_keys.append(prefix + _EXTRA_STATE)
        if strict:
            unexpected_keys.extend(self._unexpected(state_dict, prefix, known))
        if report is not error_msgs:  # called directly
            error_msgs.extend(report)
            report.make_changes()

    def _unexpected(self, state_dict: Iterable[str], prefix: str, known: set[str]) -> list[str]:
        """The keys under ``prefix`` that lead neither to a tensor of this module nor to a module below it."""
        found = []
        for key in state_dict:
            if key.startswith(prefix):
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (self._modules if dot else known):
                    found.append(key)
        return sorted(found, key=lambda key: key != prefix + _EXTRA_STATE)  # that one first, the others as they stand

    def get_extra_state(self) -> Any:
        """Override it, with ``set_extra_state``, to save more than tensors in the state dict.

        >>> import minitorch_bn as torch
        >>> class Counter(torch.nn.Module):
        ...     calls = 3
        ...     def get_extra_state(self):
        ...         return {"calls": self.calls}
        ...     def set_extra_state(self, state):
        ...         self.calls = state["calls"]
        >>> Counter().state_dict()["_extra_state"]
        {'calls': 3}
        """
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. Override get_extra_state() "
            "and set_extra_state() to save more than tensors."
        )

    def set_extra_state(self, state: Any) -> None:
        """Override it to take over what ``get_extra_state`` returned.

        >>> import minitorch_bn as torch
        >>> class Counter(torch.nn.Module):
        ...     def set_extra_state(self, state):
        ...         self.calls = state
        >>> m = Counter(); _ = m.load_state_dict({"_extra_state": 5}, strict=False); m.calls
        5
        """
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. Override get_extra_state() "
            "and set_extra_state() to save more than tensors."
        )

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``hook(module, prefix, keep_vars)`` is called before ``state_dict`` looks at the module.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Linear(1, 1)
        >>> handle = m.register_state_dict_pre_hook(lambda module, prefix, keep_vars: print("saving"))
        >>> list(m.state_dict())
        saving
        ['weight', 'bias']
        """
        return add(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``hook(module, state_dict, prefix, local_metadata)`` may change the state dict in place.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Linear(1, 1)
        >>> handle = m.register_state_dict_post_hook(lambda module, state, *_: state.update(epoch=3))
        >>> list(m.state_dict())
        ['weight', 'bias', 'epoch']
        """
        return add(self._state_dict_hooks, (hook, False))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """As ``register_state_dict_post_hook``; what the hook returns, if not None, takes the state dict's place."""
        return add(self._state_dict_hooks, (hook, True))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``hook(module, *arguments of _load_from_state_dict)`` is called first; it may rename keys, for instance.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Linear(1, 1)
        >>> handle = m.register_load_state_dict_pre_hook(lambda module, state, *_: print("loading", sorted(state)))
        >>> _ = m.load_state_dict(m.state_dict())
        loading ['bias', 'weight']
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """As ``register_load_state_dict_pre_hook``, by default without the module as first argument."""
        return add(self._load_state_dict_pre_hooks, (hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """``hook(module, incompatible_keys)`` is called on the loaded module; it may strike keys off the lists.

        >>> import minitorch_bn as torch
        >>> m = torch.nn.Linear(2, 2)
        >>> handle = m.register_load_state_dict_post_hook(lambda module, keys: print("loaded", keys.missing_keys))
        >>> _ = m.load_state_dict(m.state_dict())
        loaded []
        """
        return add(self._load_state_dict_post_hooks, hook)


def _overrides(module: Any, method: str) -> bool:
    """Whether a subclass has a method of its own in place of the one above."""
    return getattr(type(module), method) is not getattr(StateDict, method)
