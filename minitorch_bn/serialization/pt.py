"""PyTorch's own files, without PyTorch: a zip archive of ``data.pkl`` and one entry ``data/<n>`` for each memory block.

``data.pkl`` is a pickle, and a pickle is a program for a small stack machine: what makes the format dangerous is that
its GLOBAL may fetch any function and its REDUCE call it. The machine here knows the handful of instructions that
tensors and plain containers need, fetches only names that stand at the end of this file, and refuses everything else
on sight.
"""

from __future__ import annotations

import pickletools
import struct
import sys
from collections import Counter, OrderedDict
from pickle import UnpicklingError
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from minitorch_bn import dtypes
from minitorch_bn._device import CPU
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.serialization.files import Archive, ArchiveWriter
from minitorch_bn.serialization.plain import Encoder
from minitorch_bn.size import Size

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = "archive"


def write(obj: Any, file: IO[bytes]) -> None:
    """Writes a file that ``torch.load(..., weights_only=True)`` reads."""
    pickler = _Pickler()
    pickler.encode(obj)
    with ArchiveWriter(file) as archive:
        archive.write(f"{ROOT}/data.pkl", b"\x80\x02" + bytes(pickler.code) + b".")
        archive.write(f"{ROOT}/byteorder", sys.byteorder.encode())
        for key, array in enumerate(pickler.storages):
            archive.write(f"{ROOT}/data/{key}", array.reshape(-1).view(np.uint8).data)
        archive.write(f"{ROOT}/version", b"3\n")


def read(file: IO[bytes]) -> Any:
    """Reads a file of tensors and plain containers."""
    archive = Archive(file)
    roots = [name[: -len("/data.pkl")] for name in archive.entries if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise ValueError("the archive has no data.pkl, as PyTorch's files do")
    return _Unpickler(archive, roots[0]).run(archive.read(f"{roots[0]}/data.pkl"))


# -- writing ---------------------------------------------------------------------------------------------------------


class _Pickler(Encoder):
    """The program that builds a value: instructions of pickle protocol 2, without its memo."""

    def __init__(self) -> None:
        super().__init__()
        self.code = bytearray()
        self.storages: list[np.ndarray] = []  # the values of each memory block in row-major order
        self._numbers: dict[Any, int] = {}  # where they lie -> the number of the block

    def encode_none(self, value: None) -> None:
        self.code += b"N"

    def encode_bool(self, value: bool) -> None:
        self.code += b"\x88" if value else b"\x89"

    def encode_int(self, value: int) -> None:
        if -(2**31) <= value < 2**31:
            self.code += b"J" + value.to_bytes(4, "little", signed=True)
            return
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        if len(data) > 255:
            raise ValueError("cannot save a whole number of more than 255 bytes")
        self.code += b"\x8a" + bytes([len(data)]) + data

    def encode_float(self, value: float) -> None:
        self.code += b"G" + struct.pack(">d", value)

    def encode_str(self, value: str) -> None:
        data = value.encode(errors="surrogatepass")
        self.code += b"X" + len(data).to_bytes(4, "little") + data

    def encode_list(self, value: Any) -> None:
        self.code += b"]("
        self._each(value)
        self.code += b"e"

    def encode_tuple(self, value: Any) -> None:
        self.code += b"("
        self._each(value)
        self.code += b"t"

    def encode_size(self, value: Any) -> None:
        self._call("torch", "Size", tuple(value))

    def encode_set(self, value: Any) -> None:
        self._call("__builtin__", "set", list(value))

    def encode_dict(self, value: Any) -> None:
        self.code += b"}"
        self._set_items(value)

    def encode_counter(self, value: Any) -> None:
        self._call("collections", "Counter", dict(value))

    def encode_ordered_dict(self, value: Any) -> None:
        self._call("collections", "OrderedDict")
        self._set_items(value)
        if hasattr(value, "_metadata"):
            self.encode_dict({"_metadata": value._metadata})
            self.code += b"b"

    def encode_dtype(self, value: Any) -> None:
        self._global("torch", value.name)

    def encode_device(self, value: Any) -> None:
        self._call("torch", "device", str(value))

    def encode_tensor(self, value: Any) -> None:
        from minitorch_bn.nn.parameter import Parameter

        if not isinstance(value, Parameter):
            self._tensor(value._data, value.requires_grad)
            return
        self._global("torch._utils", "_rebuild_parameter")
        self.code += b"("
        self._tensor(value._data, False)
        self.encode_bool(value.requires_grad)
        self._call("collections", "OrderedDict")  # its hooks: none
        self.code += b"tR"

    def _tensor(self, data: np.ndarray, requires_grad: bool) -> None:
        self._global("torch._utils", "_rebuild_tensor_v2")
        self.code += b"(("
        self.encode_str("storage")
        self._global("torch", f"{dtypes.from_numpy_dtype(data.dtype).legacy_name}Storage")
        self.encode_str(str(self._storage(data)))
        self.encode_str("cpu")
        self.encode_int(data.size)
        self.code += b"tQ"
        self.encode_int(0)
        self.encode_tuple(data.shape)
        self.encode_tuple(_row_major(data.shape))
        self.encode_bool(requires_grad)
        self._call("collections", "OrderedDict")
        self.code += b"tR"

    def _storage(self, data: np.ndarray) -> int:
        """The number of the memory block; tensors that are the same memory in the same order share one."""
        place = (data.ctypes.data, data.shape, data.strides, data.dtype) if data.size else len(self.storages)
        if place not in self._numbers:
            self._numbers[place] = len(self.storages)
            self.storages.append(np.ascontiguousarray(data))
        return self._numbers[place]

    def _each(self, values: Any) -> None:
        for _, value in self.items(values):
            self.encode(value)

    def _set_items(self, mapping: Any) -> None:
        self.code += b"("
        for key, value in self.items(mapping):
            self.encode(key)
            self.encode(value)
        self.code += b"u"

    def _global(self, module: str, name: str) -> None:
        self.code += f"c{module}\n{name}\n".encode()

    def _call(self, module: str, name: str, *args: Any) -> None:
        self._global(module, name)
        self.encode_tuple(args)
        self.code += b"R"


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How many elements apart neighbours are in a contiguous tensor; numpy's own are arbitrary where a size is 1."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


# -- reading ---------------------------------------------------------------------------------------------------------


class _Unpickler:
    """The stack machine that runs the program."""

    def __init__(self, archive: Archive, root: str) -> None:
        self.archive, self.root = archive, root
        self.stack: list[Any] = []
        self.marks: list[int] = []  # heights of the stack
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, _Storage] = {}
        order = f"{root}/byteorder"
        self.swapped = order in archive.entries and archive.read(order).decode() != sys.byteorder

    def run(self, program: bytes) -> Any:
        """What the program leaves on the stack."""
        for opcode, argument, _ in pickletools.genops(program):
            if opcode.name == "STOP":
                break
            instruction = _INSTRUCTIONS.get(opcode.name)
            if instruction is None:
                raise _refusal(f"The instruction {opcode.name}")
            instruction(self, argument)
        (result,) = _plain(self.stack)
        return result

    def pop(self, count: int) -> list[Any]:
        """The last values of the stack."""
        return [self.stack.pop() for _ in range(count)][::-1]

    def pop_marked(self) -> list[Any]:
        """Everything above the last mark."""
        height = self.marks.pop()
        values = self.stack[height:]
        del self.stack[height:]
        return values

    def push_tuple(self, values: list[Any]) -> None:
        """A tuple of values from the stack; one of arguments may have a storage in it, one for BINPERSID a name."""
        if not (values and (type(values[0]) is _Storage or values[0] == "storage")):
            values = _plain(values)
        self.stack.append(tuple(values))

    def extend(self, values: list[Any]) -> None:
        """Adds to the list on top."""
        if type(self.stack[-1]) is not list:
            raise ValueError("data.pkl appends to what is no list")
        self.stack[-1].extend(_plain(values))

    def set_items(self, values: list[Any]) -> None:
        """Adds keys and values in turn to the dictionary on top."""
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict):
            raise ValueError("data.pkl sets items of what is no dictionary")
        values = _plain(values)
        for key, value in zip(values[::2], values[1::2]):
            target[key] = value

    def fetch(self, name: str) -> None:
        """GLOBAL: a name from the lists, or a refusal."""
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _FUNCTIONS or name in _STORAGES:
            self.stack.append(_Global(name))
        else:
            raise _refusal(f"Unsupported global: GLOBAL {name.replace(' ', '.')}")

    def call(self) -> None:
        """REDUCE: only a function from the list can be called."""
        function, args = self.pop(2)
        if type(function) is not _Global or function.name not in _FUNCTIONS or type(args) is not tuple:
            raise _refusal("A call of what is no function")
        self.stack.append(_FUNCTIONS[function.name](*args))

    def build(self) -> None:
        """BUILD: an OrderedDict's ``_metadata`` and no other state."""
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is not OrderedDict or type(state) is not dict or not state.keys() <= {"_metadata"}:
            raise _refusal(f"State for a {type(target).__name__}")
        target.__dict__.update(state)

    def load_storage(self) -> None:
        """BINPERSID: the memory block that the tuple on top names."""
        reference = self.stack.pop()
        if type(reference) is not tuple or len(reference) != 5:
            raise _refusal("A reference to something else than a storage")
        kind, storage_type, key, _, count = reference
        if kind != "storage" or type(key) is not str or type(count) is not int:
            raise _refusal("A reference to something else than a storage")
        if type(storage_type) is not _Global or storage_type.name not in _STORAGES:
            raise _refusal("A storage without a dtype")
        dtype = _STORAGES[storage_type.name]
        if key not in self.storages:
            self.storages[key] = _Storage(self._read_storage(key, dtype, count))
        if self.storages[key].values.dtype != dtype.numpy:
            raise ValueError(f"data/{key} is used with two dtypes")
        self.stack.append(self.storages[key])

    def _read_storage(self, key: str, dtype: dtypes.dtype, count: int) -> np.ndarray:
        name = f"{self.root}/data/{key}"
        if self.archive.size(name) != count * dtype.itemsize:
            raise ValueError(f"data/{key} has {self.archive.size(name)} bytes instead of {count * dtype.itemsize}")
        values = np.frombuffer(self.archive.read(name), f"u{dtype.itemsize}")
        return (values.byteswap() if self.swapped else values.copy()).view(dtype.numpy)


class _Global:
    """A name that GLOBAL fetched: nothing but its text, until REDUCE or BINPERSID looks it up."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class _Storage:
    """A memory block and the version counter of the tensors on it."""

    __slots__ = ("values", "version")

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.version = values, [0]


def _refusal(what: str) -> UnpicklingError:
    return UnpicklingError(
        f"Weights only load failed. {what} is refused: only tensors, numbers, strings and plain containers are "
        "loaded. If you trust the file, open it with PyTorch and save the state_dict."
    )


def _plain(values: list[Any]) -> list[Any]:
    """The values, if all of them are contents: functions, classes and bare storages are not."""
    for value in values:
        if type(value) is _Global:
            raise _refusal(f"{value.name.replace(' ', '.')} as a value")
        if type(value) is _Storage:
            raise _refusal("A storage without a tensor")
    return values


def _rebuild_tensor(storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool, *_: Any) -> Any:
    """A tensor on a storage; every element it can reach must lie inside."""
    if type(storage) is not _Storage or type(size) is not tuple or type(stride) is not tuple:
        raise ValueError("data.pkl makes a tensor of something unusual")
    values = storage.values
    if len(size) != len(stride) or any(type(n) is not int or n < 0 for n in (offset, *size, *stride)):
        raise ValueError("a tensor has an impossible shape")
    if 0 in size:
        data = np.empty(size, values.dtype)
    elif offset + sum((n - 1) * step for n, step in zip(size, stride)) >= values.size:
        raise ValueError("a tensor reaches beyond its storage")
    else:
        strides = [step * values.itemsize for step in stride]
        expanded = any(step == 0 and n > 1 for n, step in zip(size, stride))
        data = np.lib.stride_tricks.as_strided(values[offset:], size, strides, writeable=not expanded)
    tensor = wrap(data)
    tensor._version_counter = storage.version  # shared, as the memory is
    return tensor.requires_grad_(bool(requires_grad))


def _rebuild_parameter(data: Any, requires_grad: bool, *_: Any) -> Any:
    """A Parameter; PyTorch writes one where it is given one."""
    from minitorch_bn.nn.parameter import Parameter

    return Parameter(data.detach(), bool(requires_grad))


def _constructor(result: type, source: type | None) -> Callable[..., Any]:
    """Makes a container, empty or of one source of exactly this type: walking through any other could take forever."""

    def construct(*args: Any) -> Any:
        if args and (len(args) > 1 or type(args[0]) is not source):
            raise ValueError(f"data.pkl makes a {result.__name__} of something unusual")
        return result(*args)

    return construct


_CONSTANTS = {f"torch {dtype.name}": dtype for dtype in dtypes.ALL}
_STORAGES = {f"torch {dtype.legacy_name}Storage": dtype for dtype in dtypes.ALL}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": _constructor(OrderedDict, None),
    "collections Counter": _constructor(Counter, dict),
    "__builtin__ set": _constructor(set, list),
    "builtins set": _constructor(set, list),
    "torch Size": _constructor(Size, tuple),
    "torch device": lambda *_: CPU,  # wherever it was: it is here now
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils _rebuild_parameter": _rebuild_parameter,
}

_INSTRUCTIONS: dict[str, Callable[[_Unpickler, Any], None]] = {
    "PROTO": lambda m, _: None,
    "FRAME": lambda m, _: None,
    "MARK": lambda m, _: m.marks.append(len(m.stack)),
    "NONE": lambda m, _: m.stack.append(None),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    **dict.fromkeys(
        ["BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"],
        lambda m, value: m.stack.append(value),
    ),
    **dict.fromkeys(["BINPUT", "LONG_BINPUT"], lambda m, n: m.memo.__setitem__(n, m.stack[-1])),
    **dict.fromkeys(["BINGET", "LONG_BINGET"], lambda m, n: m.stack.append(m.memo[n])),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "TUPLE1": lambda m, _: m.push_tuple(m.pop(1)),
    "TUPLE2": lambda m, _: m.push_tuple(m.pop(2)),
    "TUPLE3": lambda m, _: m.push_tuple(m.pop(3)),
    "TUPLE": lambda m, _: m.push_tuple(m.pop_marked()),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "APPEND": lambda m, _: m.extend(m.pop(1)),
    "APPENDS": lambda m, _: m.extend(m.pop_marked()),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "SETITEM": lambda m, _: m.set_items(m.pop(2)),
    "SETITEMS": lambda m, _: m.set_items(m.pop_marked()),
    "GLOBAL": lambda m, name: m.fetch(name),
    "REDUCE": lambda m, _: m.call(),
    "BUILD": lambda m, _: m.build(),
    "BINPERSID": lambda m, _: m.load_storage(),
}
