"""Help for tests, as ``torch.testing``: ``assert_close`` and ``make_tensor``; and beyond it ``assert_gradients``.

``testing.strategies`` has strategies for hypothesis.
"""

from typing import Any

from minitorch_bn.testing._comparison import assert_close
from minitorch_bn.testing._creation import make_tensor

__all__ = ["assert_close", "assert_gradients", "make_tensor", "strategies"]


def __getattr__(name: str) -> Any:
    """What stands on layers, or on hypothesis, is loaded when it is first used."""
    from importlib import import_module

    if name == "assert_gradients":
        return import_module("minitorch_bn.testing._gradients").assert_gradients
    if name == "strategies":
        return import_module("minitorch_bn.testing.strategies")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
