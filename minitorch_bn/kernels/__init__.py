"""Arrays in, arrays out: the numerical kernels, which know nothing of tensors or of the tape.

Operators take theirs from the families below; ``use`` chooses between numpy's and the compiled ones.
"""

from __future__ import annotations

from minitorch_bn.kernels.selection import Family, in_use, use

activation = Family("activation")
blas = Family("blas")
conv = Family("conv")
elementwise = Family("elementwise")
loss = Family("loss")
norm = Family("norm")
optim = Family("optim")
pool = Family("pool")
rows = Family("rows")
softmax = Family("softmax")

__all__ = [
    "in_use",
    "use",
    "activation",
    "blas",
    "conv",
    "elementwise",
    "loss",
    "norm",
    "optim",
    "pool",
    "rows",
    "softmax",
]
