"""Neural networks: modules, their parameters, functional forms and initialization."""

from typing import TYPE_CHECKING

from minitorch_bn._scope import refusing
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

if not TYPE_CHECKING:  # to a type checker, what is not listed is not there
    __getattr__ = refusing(__name__)
