"""Utilities, as ``torch.utils``: ``data``."""

from minitorch_bn.utils import data

__all__ = ["data"]
