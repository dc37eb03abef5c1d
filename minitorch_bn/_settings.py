"""Switches of the whole process that programs set at their start: threads, determinism, precision, default device."""

from __future__ import annotations

import os
import warnings
from typing import Any

from minitorch_bn._device import CPU, check_device

_threads = {"intraop": os.cpu_count() or 1, "interop": os.cpu_count() or 1}
_deterministic = {"mode": False, "warn_only": False}
_matmul_precision = "highest"


def get_num_threads() -> int:
    """How many threads were asked for, at first the number of processors.

    >>> import minitorch_bn as torch
    >>> torch.get_num_threads() >= 1
    True
    """
    return _threads["intraop"]


def set_num_threads(num: int, /) -> None:
    """Asks for this many threads in numpy's matrix products.

    They obey where threadpoolctl is installed (scikit-learn brings it); else set ``OPENBLAS_NUM_THREADS`` or
    ``OMP_NUM_THREADS`` before Python starts. RuntimeError unless the number is a positive int.

    >>> import minitorch_bn as torch
    >>> before = torch.get_num_threads()
    >>> torch.set_num_threads(1); torch.get_num_threads()
    1
    >>> torch.set_num_threads(before)
    """
    _threads["intraop"] = _checked_threads("set_num_threads", num)
    try:
        import importlib

        importlib.import_module("threadpoolctl").threadpool_limits(num)
    except ImportError:
        pass


def get_num_interop_threads() -> int:
    """What ``set_num_interop_threads`` was given; operators never run beside each other here.

    >>> import minitorch_bn as torch
    >>> torch.get_num_interop_threads() >= 1
    True
    """
    return _threads["interop"]


def set_num_interop_threads(num: int, /) -> None:
    """Accepted and remembered: operators run one after the other.

    >>> import minitorch_bn as torch
    >>> before = torch.get_num_interop_threads()
    >>> torch.set_num_interop_threads(2); torch.get_num_interop_threads()
    2
    >>> torch.set_num_interop_threads(before)
    """
    _threads["interop"] = _checked_threads("set_num_interop_threads", num)


def _checked_threads(function: str, num: Any) -> int:
    if not isinstance(num, int) or isinstance(num, bool):
        raise RuntimeError(f"{function} expects an int, but got {type(num).__name__}")
    if num < 1:
        raise RuntimeError(f"{function} expects a positive integer")
    return num


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: every operator gives the same result for the same input anyway.

    >>> import minitorch_bn as torch
    >>> torch.use_deterministic_algorithms(True)
    >>> torch.are_deterministic_algorithms_enabled()
    True
    >>> torch.use_deterministic_algorithms(False)
    """
    if not isinstance(mode, bool):
        raise TypeError(
            f"_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not {type(mode).__name__}"
        )
    _deterministic.update(mode=mode, warn_only=warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """What ``use_deterministic_algorithms`` was given last.

    >>> import minitorch_bn as torch
    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    return _deterministic["mode"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether ``use_deterministic_algorithms`` was given ``warn_only``.

    >>> import minitorch_bn as torch
    >>> torch.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return _deterministic["warn_only"]


def get_float32_matmul_precision() -> str:
    """What ``set_float32_matmul_precision`` was given last, at first "highest".

    >>> import minitorch_bn as torch
    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    return _matmul_precision


def set_float32_matmul_precision(precision: str, /) -> None:
    """Accepted: "highest", "high" or "medium"; matrix products always have the highest.

    >>> import minitorch_bn as torch
    >>> torch.set_float32_matmul_precision("highest")
    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    global _matmul_precision
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the call has no effect.", stacklevel=2
        )
        return
    _matmul_precision = precision


def get_default_device() -> Any:
    """The CPU.

    >>> import minitorch_bn as torch
    >>> torch.get_default_device()
    device(type='cpu')
    """
    return CPU


def set_default_device(device: Any) -> None:
    """Accepts the CPU; another device is refused as everywhere.

    >>> import minitorch_bn as torch
    >>> torch.set_default_device("cpu")
    >>> torch.get_default_device()
    device(type='cpu')
    """
    check_device(device)
