"""``save`` and ``load``: the ending of the file name chooses the format, and a file never runs anything.

======================  ================================================================================================
``.npz``                numpy arrays and one JSON entry; needs nothing but numpy to read, even without this library
``.safetensors``        one flat dictionary of tensors; needs the extra ``safetensors``
others, file objects    PyTorch's own format (``.pt``, ``.pth``); ``torch.load(..., weights_only=True)`` reads it
======================  ================================================================================================
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

from minitorch_bn._device import check_device

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["load", "save"]


def save(
    obj: object,
    f: str | os.PathLike[str] | IO[bytes],
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Writes tensors, numbers, strings, bools, None and containers of them to a file, whole or not at all.

    Containers are list, tuple, dict, OrderedDict, Counter, set and Size, nested as you like: the state dicts of
    modules and optimizers are made of these. The file appears under its name only when it is complete and on disk
    (a temporary file beside it, fsync, rename): a process that is killed leaves the old file as it was.

    ``.safetensors`` takes a flat dict of tensors only. Only ``.pt`` keeps Parameters, ``requires_grad``, and tied
    tensors tied. A view is stored by itself, without the rest of the memory it looks at. ``pickle_module`` and
    ``pickle_protocol`` have no effect.

    Raises TypeError (naming the place) for what cannot be saved, ValueError for containers that contain themselves,
    RuntimeError if the folder does not exist, OSError if it cannot be written to. Nothing is written then.

    >>> import os, tempfile
    >>> import minitorch_bn as torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "checkpoint.npz")
    ...     torch.save({"epoch": 3, "weight": torch.tensor([1.0, 2.0])}, path)
    ...     torch.load(path)
    {'epoch': 3, 'weight': tensor([1., 2.])}
    """
    from minitorch_bn.serialization.files import write_whole

    if not _use_new_zipfile_serialization:
        raise NotImplementedError("the format of PyTorch before 1.6 is not written here")
    if not isinstance(f, (str, os.PathLike)):
        if not hasattr(f, "write"):
            raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
        _format("").write(obj, f)
        return
    path = os.fspath(f)
    write_whole(path, lambda file: _format(path).write(obj, file))


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Reads what ``save`` or PyTorch's ``torch.save`` wrote: tensors, numbers, strings and plain containers.

    Everything is loaded to the CPU; ``map_location`` may say so. Anything that is not one of the plain types, above
    all code, is refused before it is built, also with ``weights_only=False``. ``mmap``, ``pickle_module`` and
    ``pickle_load_args`` have no effect.

    Raises RuntimeError for a file that is damaged, cut off, empty or of another format, pickle.UnpicklingError for
    contents that are refused, OSError for a file that cannot be opened.

    >>> import io
    >>> import minitorch_bn as torch
    >>> buffer = io.BytesIO()
    >>> torch.save([torch.arange(3), "three"], buffer)
    >>> position = buffer.seek(0)
    >>> torch.load(buffer)
    [tensor([0, 1, 2]), 'three']
    """
    from minitorch_bn.serialization.files import reading

    if map_location is not None and not callable(map_location):
        for device in map_location.values() if isinstance(map_location, dict) else (map_location,):
            _check_location(device)
    if isinstance(f, (str, os.PathLike)):
        path = os.fspath(f)
        with open(path, "rb") as file, reading(path):
            return _format(path).read(file)
    if not (hasattr(f, "read") and hasattr(f, "seek")):
        raise AttributeError(
            f"{type(f).__name__!r} object has no attribute 'seek'. You can only torch.load from a file that is "
            "seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
        )
    with reading(getattr(f, "name", f"<{type(f).__name__}>")):
        return _format("").read(f)


def _check_location(device: Any) -> None:
    """RuntimeError unless tensors can be put there."""
    try:
        check_device(device)
    except AssertionError:
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are "
            "running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your "
            "storages to the CPU."
        ) from None


def _format(path: str) -> ModuleType:
    """The module that writes and reads files of this name."""
    ending = os.path.splitext(path)[1].lower()
    if ending == ".npz":
        from minitorch_bn.serialization import npz

        return npz
    if ending == ".safetensors":
        from minitorch_bn.serialization import safetensors

        return safetensors
    from minitorch_bn.serialization import pt

    return pt
