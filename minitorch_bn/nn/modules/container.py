"""Modules that hold other modules or parameters: in a row, in a list, in a dictionary."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.nn.modules.activation import ReLU
from minitorch_bn.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from minitorch_bn.nn.modules.module import Module, _tell_place, _typename
from minitorch_bn.nn.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self


def _position(index: Any, length: int) -> int:
    """The place from the front that an index means, counted from the end if negative; IndexError if there is none."""
    place = operator.index(index)
    if not -length <= place < length:
        raise IndexError(f"index {place} is out of range")
    return place % length


def _checked_iterable(values: Any, caller: str) -> list[Any]:
    if not isinstance(values, Iterable):
        raise TypeError(f"{caller} should be called with an iterable, but got {type(values).__name__}")
    return list(values)


def _checked_pairs(values: Any, kind: str, caller: str) -> list[tuple[str, Any]]:
    """Keys and values from a mapping or an iterable of pairs."""
    if not isinstance(values, Iterable):
        raise TypeError(f"{caller} should be called with an iterable of key/value pairs, but got {_typename(values)}")
    if isinstance(values, (Mapping, ModuleDict, ParameterDict)):
        return list(values.items())
    pairs = list(values)
    for i, pair in enumerate(pairs):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{kind} update sequence element #{i} should be Iterable; is{type(pair).__name__}")
        if len(pair) != 2:  # type: ignore[arg-type]
            raise ValueError(f"{kind} update sequence element #{i} has length {len(pair)}; 2 is required")  # type: ignore[arg-type]
    return pairs


class _Sequence(Module):
    """What Sequential and ModuleList share: modules in an order, named by their position unless named otherwise."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def _key(self, index: Any) -> str:
        """The name of the module at an index."""
        return list(self._modules)[_position(index, len(self))]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        keys = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        for key in keys:
            del self._modules[key]
        self._renumber(list(self._modules.values()))

    def _renumber(self, modules: list[Module | None]) -> None:
        """Holds these modules from now on, each named by its position."""
        self._modules.clear()
        self._modules.update((str(i), module) for i, module in enumerate(modules))

    def append(self, module: Module) -> Self:
        """Adds a module at the end; returns the container."""
        name = len(self)
        while str(name) in self._modules:  # a slice of a Sequential keeps the names that it had
            name += 1
        self.register_module(str(name), module)
        return self

    def _extend(self, modules: list[Any]) -> Self:
        for module in modules:
            _check_module(module)
        for module in modules:
            self.append(module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)

    def pop(self, key: int | slice) -> Any:
        """Takes out the module at an index and returns it; those behind it move up."""
        module = self[key]  # type: ignore[index]
        del self[key]
        return module


def _check_module(module: Any) -> None:
    if module is not None and not isinstance(module, Module):
        raise TypeError(f"{_typename(module)} is not a Module subclass")


# These very classes, and as long as nobody has replaced what they do.
_BATCH_NORM: dict[type, Any] = {cls: cls.forward for cls in (BatchNorm1d, BatchNorm2d, BatchNorm3d)}
_RELU: dict[type, Any] = {ReLU: ReLU.forward}
_CALL = Module.__call__


def _is_untouched(module: Any, forwards: dict[type, Any]) -> bool:
    """Whether a call does nothing but what one of these classes does: no hook, no ``forward`` of the module's own."""
    cls = type(module)
    if cls not in forwards:
        return False
    own = module.__dict__
    return (
        cls.forward is forwards[cls]
        and cls.__call__ is _CALL
        and "forward" not in own
        and not (own["_forward_hooks"] or own["_forward_pre_hooks"])
        and not (own["_backward_hooks"] or own["_backward_pre_hooks"])
    )


def _in_one_pass(bn: Any, relu: ReLU, input: Any) -> Any:
    """What the two calls would give; an error names the first."""
    try:
        return bn._forward(input, None, relu)
    except Exception as error:
        _tell_place(error, bn)
        raise


class Sequential(_Sequence):
    """Modules called one after the other: the output of each is the input of the next.

    Takes the modules, or one OrderedDict of them. A slice is a Sequential again.

    >>> import minitorch_bn as torch
    >>> nn = torch.nn
    >>> model = nn.Sequential(nn.Sequential(), nn.ModuleDict())
    >>> model[0](3)
    3
    >>> model
    Sequential(
      (0): Sequential()
      (1): ModuleDict()
    )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else enumerate(args)
        for name, module in named:
            self.register_module(str(name) if isinstance(name, int) else name, module)

    def forward(self, input: Any) -> Any:
        """``input`` through all modules."""
        done: Any = None  # what the call before has done already
        for module, following in pairwise((*self._modules.values(), None)):
            if done is not None:
                done = None
            elif type(following) is ReLU and _is_untouched(module, _BATCH_NORM) and _is_untouched(following, _RELU):
                done, input = following, _in_one_pass(module, following, input)
            else:
                input = module(input)  # type: ignore[misc]
        return input

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Adds modules at the end; returns the container."""
        return self._extend(list(sequential))

    def insert(self, index: int, module: Module) -> Self:
        """Puts a module before the one at ``index``; returns the container. All are named by position afterwards."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        self._insert(index, module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *self._checked_operand(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self._extend(list(self._checked_operand(other)))

    def _checked_operand(self, other: Any) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return other

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*self._times(other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        return self._extend(self._times(other)[len(self) :])

    def _times(self, count: int) -> list[Any]:
        if not isinstance(count, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(count)}")
        if count <= 0:
            raise ValueError(f"Non-positive multiplication factor {count} for {type(self)}")
        return list(self) * count


class ModuleList(_Sequence):
    """Modules in a list: indexed, changed and gone through as one; their parameters are found.

    >>> import minitorch_bn as torch
    >>> blocks = torch.nn.ModuleList(torch.nn.Sequential() for _ in range(3)); blocks
    ModuleList(
      (0-2): 3 x Sequential()
    )
    >>> len(blocks[1:])
    2
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._key(index)]

    def extend(self, modules: Iterable[Module]) -> Self:
        """Adds modules at the end; returns the container."""
        return self._extend(_checked_iterable(modules, "ModuleList.extend"))

    def insert(self, index: int, module: Module) -> None:
        """Puts a module before the one at ``index``, as ``list.insert`` does."""
        _check_module(module)
        self._insert(index, module)

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(list(self) + list(other))

    def _labelled_children(self) -> Iterator[tuple[str, str]]:
        """Neighbours that print alike share a line."""
        texts = [repr(module) for module in self]
        start = 0
        for end in range(1, len(texts) + 1):
            if end < len(texts) and texts[end] == texts[start]:
                continue
            count = end - start
            yield (f"({start})", texts[start]) if count == 1 else (f"({start}-{end - 1})", f"{count} x {texts[start]}")
            start = end


class ModuleDict(Module):
    """Modules by name, in the order in which they were added; their parameters are found.

    >>> import minitorch_bn as torch
    >>> heads = torch.nn.ModuleDict({"a": torch.nn.Sequential()})
    >>> heads["b"] = torch.nn.Sequential()
    >>> list(heads)
    ['a', 'b']
    """

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.register_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Removes all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Takes out the module of a name and returns it; KeyError if there is none."""
        return self._modules.pop(key)

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """Pairs of name and module."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Adds the modules of a mapping or of an iterable of pairs, in place of those of the same names."""
        pairs = _checked_pairs(modules, "ModuleDict", "ModuleDict.update")
        for _, module in pairs:
            _check_module(module)
        for key, module in pairs:
            self[key] = module


def _as_member(value: Any) -> Any:
    """What a container of parameters keeps of a value: a tensor becomes a Parameter, anything else stays."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _described(name: Any, value: Any, kind: str) -> str:
    if not isinstance(value, Variable):
        return f"  ({name}): Object of type: {type(value).__name__}"
    size = "x".join(map(str, value._data.shape))
    return f"  ({name}): Parameter containing: [{kind} of size {size}]"


class ParameterList(Module):
    """Parameters in a list; a tensor that is put in becomes a Parameter, other values are kept as they are.

    >>> import minitorch_bn as torch
    >>> scales = torch.nn.ParameterList([torch.ones(1) for _ in range(2)])
    >>> scales.append(torch.zeros(2, 3))
    ParameterList(
        (0): Parameter containing: [torch.float32 of size 1]
        (1): Parameter containing: [torch.float32 of size 1]
        (2): Parameter containing: [torch.float32 of size 2x3]
    )
    >>> [name for name, _ in scales.named_parameters()]
    ['0', '1', '2']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, str(_position(index, self._size)))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(_position(index, self._size)), _as_member(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, str(i)) for i in range(self._size))

    def append(self, value: Any) -> Self:
        """Adds a value at the end; returns the list."""
        return self.extend([value])

    def extend(self, values: Iterable[Any]) -> Self:
        """Adds values at the end; returns the list."""
        if isinstance(values, Variable):  # its rows are no parameters
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        members = [_as_member(value) for value in _checked_iterable(values, "ParameterList.extend")]
        for member in members:
            setattr(self, str(self._size), member)
            self._size += 1
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        """One line for each value."""
        return "\n".join(_described(i, v, repr(getattr(v, "dtype", None))) for i, v in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """Parameters by name, in the order in which they were added; a tensor that is put in becomes a Parameter.

    >>> import minitorch_bn as torch
    >>> bases = torch.nn.ParameterDict({"left": torch.ones(1)})
    >>> bases["right"] = torch.zeros(2); bases
    ParameterDict(
        (left): Parameter containing: [torch.FloatTensor of size 1]
        (right): Parameter containing: [torch.FloatTensor of size 2]
    )
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, _checked_key(key))

    def __setitem__(self, key: str, value: Any) -> None:
        name = _checked_key(key)
        member = _as_member(value)
        if name not in self._keys and not isinstance(member, Variable):
            self._slot("_parameters", "parameter", name)  # plain values may not hide a method either
        setattr(self, name, member)
        self._keys[name] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[_checked_key(key)]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """A new ParameterDict with the same Parameter objects."""
        return ParameterDict(OrderedDict(self.items()))

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a name, or ``default``."""
        return self[key] if key in self else default  # noqa: SIM401 - this is get

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a name, which is ``default`` from now on if there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Removes all values."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Any:
        """Takes out the value of a name and returns it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Takes out the pair that was added last and returns it."""
        if not self:
            raise KeyError("popitem(): dictionary is empty")
        key = next(reversed(self))
        return key, self.pop(key)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new ParameterDict with these names, each with ``default`` as value."""
        return ParameterDict(OrderedDict((key, default) for key in keys))

    def keys(self) -> Any:
        """The names."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Pairs of name and value."""
        return ((key, self[key]) for key in self)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self)

    def update(self, parameters: Any) -> None:
        """Adds the values of a mapping or of an iterable of pairs; a plain dict is taken in the order of its names."""
        pairs = _checked_pairs(parameters, "ParameterDict", "ParametersDict.update")
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs.sort(key=operator.itemgetter(0))
        for key, value in pairs:
            self[key] = value

    def __or__(self, other: Any) -> ParameterDict:
        result = self.copy()
        result.update(other)
        return result

    def __ror__(self, other: dict[str, Any]) -> dict[str, Any]:
        return {**other, **dict(self.items())}

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        """One line for each value."""
        return "\n".join(_described(key, value, _typename(value)) for key, value in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")


def _checked_key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(
            "Index given to ParameterDict cannot be used as a key as it is not a string (type is "
            f"'{type(key).__name__}'). Open an issue on github if you need non-string keys."
        )
    return key
