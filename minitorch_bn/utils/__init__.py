"""Utilities, as ``torch.utils``: ``checkpoint``, ``data`` and ``dlpack``."""

from minitorch_bn.utils import checkpoint, data, dlpack

__all__ = ["checkpoint", "data", "dlpack"]
