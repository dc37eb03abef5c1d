"""Flat dictionaries of tensors in the safetensors format (https://github.com/huggingface/safetensors).

The format has no checksum. A CRC-32 of names, shapes, dtypes and values goes into its free-text metadata, where other
readers pass over it, and is verified if it is there.
"""

from __future__ import annotations

import json
import zlib
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from minitorch_bn import dtypes
from minitorch_bn.autograd.variable import Variable, wrap

if TYPE_CHECKING:
    from types import ModuleType

NAMES = {
    "BOOL": dtypes.bool,
    "U8": dtypes.uint8,
    "I8": dtypes.int8,
    "I16": dtypes.int16,
    "I32": dtypes.int32,
    "I64": dtypes.int64,
    "F16": dtypes.float16,
    "BF16": dtypes.bfloat16,
    "F32": dtypes.float32,
    "F64": dtypes.float64,
}
CHECKSUM = "minitorch_bn.crc32"


def write(obj: Any, file: IO[bytes]) -> None:
    """Writes a dictionary of tensors; TypeError for anything else."""
    library = _import()
    if not isinstance(obj, dict):
        raise TypeError(f"a .safetensors file holds one flat dict of tensors, got {type(obj).__name__}{_WAY_OUT}")
    for key, value in obj.items():
        if not isinstance(key, str) or not isinstance(value, Variable):
            raise TypeError(
                f"a .safetensors file holds one flat dict of names and tensors, got the key {key!r} with a value of "
                f"type {type(value).__name__}{_WAY_OUT}"
            )
    arrays = {key: np.ascontiguousarray(t._data).reshape(t._data.shape) for key, t in obj.items()}
    file.write(library.numpy.save(arrays, {"format": "pt", CHECKSUM: str(_checksum(arrays))}))


_WAY_OUT = ": save nested dictionaries, numbers and strings as .pt or .npz"


def read(file: IO[bytes]) -> dict[str, Any]:
    """Reads a dictionary of tensors."""
    library = _import()
    data = file.read()
    entries = dict(library.deserialize(data))  # verifies lengths, offsets and shapes before anything is allocated
    arrays = {}
    for key in sorted(entries):
        entry = entries[key]
        if entry["dtype"] not in NAMES:
            raise ValueError(f"the tensor {key!r} has the dtype {entry['dtype']}, which is out of scope here")
        values = np.frombuffer(bytearray(entry["data"]), NAMES[entry["dtype"]].numpy)
        arrays[key] = values.reshape(entry["shape"])
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    expected = header.get("__metadata__", {}).get(CHECKSUM)
    if expected not in (None, str(_checksum(arrays))):
        raise ValueError("the checksum is wrong")
    return {key: wrap(array) for key, array in arrays.items()}


def _checksum(arrays: dict[str, np.ndarray]) -> int:
    crc = 0
    for key in sorted(arrays):
        array = arrays[key]
        crc = zlib.crc32(repr((key, array.dtype.name, array.shape)).encode(errors="surrogatepass"), crc)
        crc = zlib.crc32(array.reshape(-1).view(np.uint8).data, crc)
    return crc


def _import() -> ModuleType:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError('.safetensors files need safetensors: pip install "minitorch_bn[safetensors]"') from None
    return safetensors
