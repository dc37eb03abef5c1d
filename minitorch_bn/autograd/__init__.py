"""Reverse-mode automatic differentiation: the tape, its nodes, and the backward pass."""

from typing import Any

from minitorch_bn._scope import absent
from minitorch_bn.autograd import graph
from minitorch_bn.autograd import inplace as _inplace  # noqa: F401 - completes the in-place machinery
from minitorch_bn.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from minitorch_bn.autograd.engine import backward, grad
from minitorch_bn.autograd.function import Function
from minitorch_bn.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from minitorch_bn.autograd.gradcheck import gradcheck, gradgradcheck
from minitorch_bn.autograd.variable import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def __getattr__(name: str) -> Any:
    """``functional`` stands on Tensors, some floors above: it is loaded when it is first used."""
    if name == "functional":
        import importlib

        return importlib.import_module(f"{__name__}.functional")
    raise absent(__name__, name)
