"""Checkpoints as numpy archives: ``np.load("x.npz")["layer.weight"]`` needs neither pickle nor this library.

One entry ``<name>.npy`` for each tensor, and the entry ``structure.json`` that says what goes where. There, lists,
numbers, strings, bools and None stand for themselves and everything else is an object with one key::

    {"dict": [["epoch", 3], ["weight", {"tensor": ["weight", "float32", [2]]}]]}

bfloat16, which numpy does not have, is stored as the bits of uint16.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter, OrderedDict
from typing import IO, Any

import numpy as np

from minitorch_bn import dtypes
from minitorch_bn._device import device
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.serialization.files import Archive, ArchiveWriter
from minitorch_bn.serialization.plain import Encoder
from minitorch_bn.size import Size

STRUCTURE = "structure.json"
FORMAT = "minitorch_bn checkpoint 1"


def write(obj: Any, file: IO[bytes]) -> None:
    """Writes a checkpoint."""
    encoder = _JsonEncoder()
    content = encoder.encode(obj)
    structure = json.dumps({"format": FORMAT, "content": content}, separators=(",", ":"))
    with ArchiveWriter(file) as archive:
        archive.write(STRUCTURE, structure.encode())
        for name, array in encoder.arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, array, version=(1, 0), allow_pickle=False)
            archive.write(f"{name}.npy", entry.getbuffer())


def read(file: IO[bytes]) -> Any:
    """Reads a checkpoint."""
    archive = Archive(file)
    if STRUCTURE not in archive.entries:
        raise ValueError(f"it has no {STRUCTURE} (an archive that numpy wrote is read by np.load)")
    structure = json.loads(archive.read(STRUCTURE))
    if structure["format"] != FORMAT:
        raise ValueError(f"its format is {structure['format']!r}, not {FORMAT!r}")
    return _Decoder(archive).decode(structure["content"])


def _stored_dtype(dtype: dtypes.dtype) -> np.dtype[Any]:
    return np.dtype(np.uint16) if dtype is dtypes.bfloat16 else dtype.numpy


class _JsonEncoder(Encoder):
    """Values to what JSON can say, tensors to ``arrays``."""

    def __init__(self) -> None:
        super().__init__()
        self.arrays: dict[str, np.ndarray] = {}

    def encode_tensor(self, value: Any) -> Any:
        name = base = re.sub(r"[^\w.-]", "_", ".".join(map(str, self.path)), flags=re.ASCII)[:200] or "tensor"
        number = 1
        while name in self.arrays:
            name = f"{base}~{(number := number + 1)}"
        array = np.ascontiguousarray(value._data).reshape(value._data.shape)  # which would make (1,) of ()
        self.arrays[name] = array.view(_stored_dtype(value.dtype))
        return {"tensor": [name, value.dtype.name, list(array.shape)]}

    def encode_none(self, value: Any) -> Any:
        return value

    encode_bool = encode_int = encode_float = encode_str = encode_none

    def encode_list(self, value: Any) -> Any:
        return [self.encode(item) for _, item in self.items(value)]

    def encode_tuple(self, value: Any) -> Any:
        return {"tuple": self.encode_list(value)}

    def encode_size(self, value: Any) -> Any:
        return {"Size": self.encode_list(value)}

    def encode_set(self, value: Any) -> Any:
        return {"set": self.encode_list(value)}

    def encode_dict(self, value: Any) -> Any:
        return {"dict": self._pairs(value)}

    def encode_counter(self, value: Any) -> Any:
        return {"Counter": self._pairs(value)}

    def encode_ordered_dict(self, value: Any) -> Any:
        if not hasattr(value, "_metadata"):
            return {"OrderedDict": self._pairs(value)}
        return {"OrderedDict": self._pairs(value), "_metadata": self.encode(value._metadata)}

    def encode_dtype(self, value: Any) -> Any:
        return {"dtype": value.name}

    def encode_device(self, value: Any) -> Any:
        return {"device": str(value)}

    def _pairs(self, value: Any) -> list[Any]:
        return [[self.encode(key), self.encode(item)] for key, item in self.items(value)]


class _Decoder:
    """The way back; everything the file says is checked against what the archive has."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def decode(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        tag = next(iter(value), "")
        payload: Any = value.get(tag)
        if tag in ("tuple", "set", "Size"):
            return {"tuple": tuple, "set": set, "Size": Size}[tag](self.decode(payload))
        if tag in ("dict", "Counter", "OrderedDict"):
            return self._mapping(tag, value)
        if tag == "tensor":
            return wrap(self._array(*payload))
        if tag == "dtype":
            return _dtype(payload)
        if tag == "device":
            return device(payload)
        raise ValueError(f"{STRUCTURE} has an unknown tag {tag!r}")

    def _mapping(self, tag: str, value: dict[str, Any]) -> Any:
        mapping: Any = {"dict": dict, "Counter": Counter, "OrderedDict": OrderedDict}[tag]()
        for key, item in value[tag]:
            mapping[self.decode(key)] = self.decode(item)
        if tag == "OrderedDict" and "_metadata" in value:
            mapping._metadata = self.decode(value["_metadata"])
        return mapping

    def _array(self, name: str, dtype_name: str, shape: list[int]) -> np.ndarray:
        """The array of an entry; its header must say what the structure says, before any memory is taken."""
        dtype = _dtype(dtype_name)
        data = self.archive.read(f"{name}.npy")
        header = io.BytesIO(data)
        if np.lib.format.read_magic(header) != (1, 0):
            raise ValueError(f"the entry {name}.npy has an unknown version")
        found = np.lib.format.read_array_header_1_0(header)
        if found != (tuple(shape), False, _stored_dtype(dtype)):
            raise ValueError(f"the entry {name}.npy and {STRUCTURE} disagree")
        # frombuffer and reshape refuse any other number of bytes; copy: what was read is not writable
        return np.frombuffer(data, found[2], offset=header.tell()).reshape(shape).copy().view(dtype.numpy)


def _dtype(name: str) -> dtypes.dtype:
    for dtype in dtypes.ALL:
        if dtype.name == name:
            return dtype
    raise ValueError(f"unknown dtype {name!r}")
