"""Neural networks: modules, their parameters, functional forms and initialization."""

from minitorch_bn.nn import functional, init, modules, parameter, utils
from minitorch_bn.nn.modules import *  # noqa: F403 - its __all__ lists them, once
from minitorch_bn.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "modules",
    "parameter",
    "utils",
    *modules.__all__,
]
