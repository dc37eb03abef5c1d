"""``torch.backends``: the libraries that PyTorch may be built with, none of which is used here.

Each answers ``is_available()`` with False. The switches that programs set (``cudnn.deterministic``,
``cudnn.benchmark``, ``cuda.matmul.allow_tf32``) can be set, and change nothing: the same seed gives the same results.

>>> import minitorch_bn as torch
>>> torch.backends.cudnn.deterministic = True
>>> torch.backends.mps.is_available()
False
"""

from minitorch_bn.backends import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
