"""Sharing memory with other libraries, as ``torch.utils.dlpack``."""

from typing import Any

from minitorch_bn._dlpack import DLDeviceType, from_dlpack

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Any) -> Any:
    """A DLPack capsule of a tensor's memory; ``tensor.__dlpack__()`` is the same.

    >>> import minitorch_bn as torch
    >>> capsule = torch.utils.dlpack.to_dlpack(torch.ones(2))
    >>> torch.utils.dlpack.from_dlpack(capsule)
    tensor([1., 1.])
    """
    return tensor.__dlpack__()
