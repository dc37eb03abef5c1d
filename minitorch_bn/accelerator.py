"""``torch.accelerator``: the device beside the CPU that work could go to. There is none."""

from __future__ import annotations

from typing import Any, NoReturn


def is_available() -> bool:
    """False: everything runs on the CPU.

    >>> import minitorch_bn as torch
    >>> torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
    'cpu'
    """
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> Any:
    """None."""
    return None


def _refuse(*args: Any, **named: Any) -> NoReturn:
    """There is no such device: RuntimeError."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


current_device_index = set_device_index = synchronize = current_stream = set_stream = _refuse
