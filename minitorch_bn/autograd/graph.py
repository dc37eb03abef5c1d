"""What PyTorch keeps in ``torch.autograd.graph``: ``Node``, the type of every ``grad_fn``, and hooks on what it saves.

>>> import minitorch_bn as torch
>>> y = torch.ones(2, requires_grad=True) * 2
>>> isinstance(y.grad_fn, torch.autograd.graph.Node)
True
"""

from minitorch_bn.autograd.node import Node
from minitorch_bn.autograd.saved import save_on_cpu, saved_tensors_hooks

__all__ = ["Node", "save_on_cpu", "saved_tensors_hooks"]
