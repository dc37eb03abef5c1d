"""``torch.cuda`` for programs that ask whether there is a graphics processor: there is none.

What only makes ready or tidies up does nothing; what needs a device raises PyTorch's AssertionError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from minitorch_bn._scope import refusing


def is_available() -> bool:
    """False: everything runs on the CPU.

    >>> import minitorch_bn as torch
    >>> "cuda" if torch.cuda.is_available() else "cpu"
    'cpu'
    """
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def manual_seed(seed: int) -> None:
    """Does nothing: there is no device to seed, and ``torch.manual_seed`` seeds the CPU."""


manual_seed_all = manual_seed


def get_arch_list() -> list[str]:
    """[]."""
    return []


def get_rng_state_all() -> list[Any]:
    """[]: the states of no generators."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Does nothing: there is no generator, and ``get_rng_state_all`` gave no state."""


def empty_cache() -> None:
    """Does nothing: there is no cache."""


def _refuse(*args: Any, **named: Any) -> NoReturn:
    """There is no such device: AssertionError."""
    raise AssertionError("Torch not compiled with CUDA enabled")


init = current_device = set_device = synchronize = current_stream = _refuse
get_device_name = get_device_capability = get_device_properties = get_rng_state = mem_get_info = ipc_collect = _refuse

if not TYPE_CHECKING:  # to a type checker, what is not listed is not there
    __getattr__ = refusing(__name__)
