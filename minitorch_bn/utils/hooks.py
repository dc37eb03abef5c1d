"""The handle that registering a hook gives, where PyTorch has it."""

from minitorch_bn.autograd.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
