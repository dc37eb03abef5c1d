"""What PyTorch keeps in ``torch.autograd.graph``: ``Node``, the type of every ``grad_fn``.

>>> import minitorch_bn as torch
>>> y = torch.ones(2, requires_grad=True) * 2
>>> isinstance(y.grad_fn, torch.autograd.graph.Node)
True
"""

from minitorch_bn.autograd.node import Node

__all__ = ["Node"]
