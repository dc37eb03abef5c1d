"""Who takes part: this library on either set of kernels, and its rivals."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import NamedTuple

KERNELS = ("numba", "numpy")
INSTALL = {  # what to say where a package is missing
    "numba": 'pip install "minitorch_bn[fast]"',
    "torch": "pip install torch",
    "jax": "pip install jax",
    "mygrad": "pip install mygrad",
    "autograd": "pip install autograd",
    "tinygrad": "pip install tinygrad, and clang on the PATH",
}
BOUND = "bound"  # no library: the arithmetic of a row that numpy cannot be without
RIVALS = (*(name for name in INSTALL if name != "numba"), BOUND)
NUMPY = "numpy"  # takes part where the import is timed
SHOWN = {
    "numpy": "numpy",
    "torch": "PyTorch",
    "jax": "JAX jit",
    "mygrad": "MyGrad",
    "autograd": "autograd",
    "tinygrad": "tinygrad",
    "bound": "bound",
}

# What some machines set for all programs: a processor that is not there, which slows numpy's matrix products down; and
# that no bytecode is kept. An installed library has its own, pip wrote it; a checkout would be compiled every time.
NOT_PASSED_ON = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")


class Contender(NamedTuple):
    """A library, and for this one the kernels it computes with."""

    library: str
    kernels: str = ""

    @property
    def name(self) -> str:
        """As it stands at the head of a column."""
        return f"ours, {self.kernels}" if self.kernels else SHOWN[self.library]

    def environment(self) -> dict[str, str]:
        """The environment of its process: that of the user, on every library's default settings."""
        env = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        if self.kernels:
            env["MINITORCH_BN_KERNELS"] = self.kernels
        return env


def choose(kernels: list[str], against: list[str]) -> tuple[list[Contender], list[str]]:
    """Those that are installed, and a line about each that is not."""
    missing = [name for name in (*kernels, *against) if name not in (NUMPY, BOUND) and find_spec(name) is None]
    present = [Contender("minitorch_bn", name) for name in kernels if name not in missing]
    present += [Contender(name) for name in against if name not in missing]
    return present, [f"{name} is not installed and is left out: {INSTALL[name]}" for name in missing]
