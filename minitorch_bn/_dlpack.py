"""DLPack: the same memory seen by this package, numpy, PyTorch, JAX and others, without a copy.

numpy writes and reads the capsules. It knows no bfloat16, which travels as uint16: the one byte of the capsule that
names the kind of number is changed on the way out and on the way in.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from minitorch_bn import dtypes
from minitorch_bn._device import check_device
from minitorch_bn.autograd.variable import Variable, wrap

_KNOWS_VERSIONS = np.lib.NumpyVersion(np.__version__) >= "2.1.0"
_UNSIGNED, _BFLOAT = 1, 4  # DLPack's codes of two kinds of numbers
# Where that code lies in what a capsule of each name points to: the tensor's data, device and ndim stand before it,
# and in the versioned form the version, two pointers and the flags before these.
_CODE_OFFSET = {"dltensor": 8 + 8 + 4, "dltensor_versioned": 8 + 8 + 8 + 8 + 8 + 8 + 4}


class DLDeviceType(IntEnum):
    """DLPack's numbers of the kinds of devices."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17


_READABLE = (DLDeviceType.kDLCPU, DLDeviceType.kDLCUDAHost, DLDeviceType.kDLROCMHost)  # by the CPU, that is


def to_capsule(
    self: Any,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule of this memory (of a copy of it with ``copy=True``), to be read once by another library.

    BufferError for a tensor that requires grad: its graph cannot travel; export ``tensor.detach()``.
    """
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and type(stream) is not int:
        raise TypeError("stream must be ``int`` or ``none``")
    if stream not in (None, -1):
        raise AssertionError("stream should be None on cpu.")
    if dl_device is not None and dl_device[0] != DLDeviceType.kDLCPU:
        raise BufferError(f"Can't export a tensor on the CPU to the DLPack device {tuple(map(int, dl_device))}")
    array = self._data.copy() if copy else self._data
    is_bfloat16 = self.dtype is dtypes.bfloat16
    if is_bfloat16:
        array = array.view(np.uint16)
    capsule = array.__dlpack__(**_version(max_version))
    if is_bfloat16:
        _look_inside(capsule)[1].value = _BFLOAT
    return capsule


def device_of(self: Any) -> tuple[DLDeviceType, int]:
    """(DLDeviceType.kDLCPU, 0)."""
    return DLDeviceType.kDLCPU, 0


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """A tensor that shares its memory with another library's tensor or array, or with what a DLPack capsule holds.

    ``copy=True`` copies. Memory that a numpy array or another owner marks read-only stays so: writing to it raises
    ValueError.

    Raises:
        RuntimeError: no DLPack tensor, or a capsule that was read before.
        BufferError: the owner cannot export it (on another device, requires grad, strings, ...).
        TypeError: a dtype that is out of scope here (complex, uint16, ...).

    >>> import numpy, minitorch_bn as torch
    >>> a = numpy.zeros(2)
    >>> t = torch.from_dlpack(a)
    >>> t += 1
    >>> a
    array([1., 1.])
    """
    check_device(device)
    if isinstance(ext_tensor, np.ndarray) and not ext_tensor.flags.writeable:
        array = ext_tensor.view(np.ndarray)  # older numpys cannot export it
    else:
        array = _read(_capsule_of(ext_tensor))
    dtypes.from_numpy_dtype(array.dtype)
    if any(stride < 0 for stride in array.strides):
        raise ValueError("tensors with negative strides are not supported: share a copy of the array")
    return wrap(array.copy() if copy else array)


def _capsule_of(obj: Any) -> Any:
    """What an object exports; a capsule is itself."""
    if not hasattr(obj, "__dlpack__"):
        return obj
    _check_owner(obj.__dlpack_device__())
    try:
        return obj.__dlpack__(**_version((1, 0)))
    except TypeError:  # an older exporter
        return obj.__dlpack__()


def _read(capsule: Any) -> np.ndarray:
    """An array on a capsule's memory."""
    name, kind = _look_inside(capsule)
    is_bfloat16 = kind.value == _BFLOAT
    if is_bfloat16:
        kind.value = _UNSIGNED
    array = np.from_dlpack(_Export(capsule))
    if name == "dltensor" and not array.flags.writeable:  # it cannot say so, and numpy takes it for read-only
        array = np.asarray(_Writable(array))
    return array.view(dtypes.bfloat16.numpy) if is_bfloat16 else array


class _Export:
    """What numpy asks for a capsule."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return DLDeviceType.kDLCPU, 0


class _Writable:
    """The same memory, without the mark that it is read-only; keeps its owner alive."""

    def __init__(self, array: np.ndarray) -> None:
        self.owner = array
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def _check_owner(device: tuple[int, int]) -> None:
    """BufferError for memory that the CPU cannot read."""
    if device[0] not in _READABLE:
        raise BufferError(
            f"The memory is on another device (DLPack's number {int(device[0])}): move the tensor to the CPU first"
        )


def _version(max_version: tuple[int, int] | None) -> dict[str, Any]:
    """The argument for a numpy that has it."""
    return {"max_version": max_version} if max_version is not None and _KNOWS_VERSIONS else {}


def _look_inside(capsule: Any) -> tuple[str, Any]:
    """A capsule's name and its byte that tells the kind of numbers, to read and to change."""
    import ctypes

    api = ctypes.pythonapi
    api.PyCapsule_IsValid.argtypes = api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    for name, offset in _CODE_OFFSET.items():
        if api.PyCapsule_IsValid(capsule, name.encode()):
            start: Any = api.PyCapsule_GetPointer(capsule, name.encode())
            return name, ctypes.c_uint8.from_address(start + offset)
    raise RuntimeError(
        "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might "
        "have already constructed a tensor from it once."
    )


def is_exported(obj: Any) -> bool:
    """Whether another library's object offers its memory by DLPack."""
    return hasattr(obj, "__dlpack__") and not isinstance(obj, (Variable, np.ndarray, np.generic))
