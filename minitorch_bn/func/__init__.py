"""Transformations of functions, as ``torch.func``: derivatives that nest in any order, models as functions, ``vmap``.

>>> import minitorch_bn as torch
>>> from minitorch_bn.func import grad, hessian
>>> grad(grad(torch.sin))(torch.tensor(0.5))
tensor(-0.4794)
>>> hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
tensor([[ 6.,  0.],
        [ 0., 12.]])
"""

from minitorch_bn.func.modules import functional_call, replace_all_batch_norm_modules_, stack_module_state
from minitorch_bn.func.transforms import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from minitorch_bn.func.vectorize import vmap

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]
