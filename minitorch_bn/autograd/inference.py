"""Tensors made inside ``inference_mode``: nothing counts their versions, and so they take no part in autograd."""

from __future__ import annotations

from typing import Any

from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.variable import wrap


class Untracked(list):
    """In the place of a version counter; views have their base's, and so are inference tensors as well."""

    __slots__ = ()


def mark(result: Any) -> None:
    """What was just made, one tensor or several, is made for inference."""
    for tensor in result if type(result) is tuple else (result,):
        if tensor is not None:
            tensor._version_counter = Untracked((0,))


def made(data: Any) -> Any:
    """``wrap`` for new tensors."""
    tensor = wrap(data)
    if thread.mode.inference:
        tensor._version_counter = Untracked((0,))
    return tensor


def is_inference(tensor: Any) -> bool:
    """Whether a tensor was made inside ``inference_mode``.

    >>> import minitorch_bn as torch
    >>> with torch.inference_mode():
    ...     x = torch.ones(1)
    >>> x.is_inference(), torch.ones(1).is_inference()
    (True, False)
    """
    return type(tensor._version_counter) is Untracked


def check_saving(counter: list[int]) -> None:
    """Refuses to save an inference tensor for backward."""
    if type(counter) is Untracked:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
            "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use "
            "it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
        )


def check_change(tensor: Any) -> None:
    """Refuses an in-place change of an inference tensor outside ``inference_mode``."""
    if is_inference(tensor) and not thread.mode.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a "
            "normal tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
        )


def check_requiring_grad(tensor: Any) -> None:
    """Refuses to ask for gradients of an inference tensor outside ``inference_mode``."""
    if is_inference(tensor) and not thread.mode.inference:
        raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
