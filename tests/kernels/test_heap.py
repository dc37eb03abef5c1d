"""Freed memory stays with the process, unless somebody wishes otherwise."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import textwrap

import pytest

from minitorch_bn.kernels import heap

is_gnu = os.name == "posix" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


def faults(**environment):
    """How many pages the system had to clear for ten large arrays, one after the other; numpy uses small pages here."""
    program = """
        import resource
        import numpy as np
        import minitorch_bn as torch
        torch.nn.functional.batch_norm(torch.zeros(2, 2), None, None, training=True)
        np.ones(12_000_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(10):
            np.ones(12_000_000)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_TUNABLES", heap.VARIABLE))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**inherited, "NUMPY_MADVISE_HUGEPAGE": "0", "MINITORCH_BN_KERNELS": "numpy", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(not is_gnu, reason="only the GNU C library can be told")
def test_large_arrays_come_from_pages_that_are_there():
    if faults(**{heap.VARIABLE: "0"}) < 100_000:
        pytest.skip("this system's pages are large, or numpy has its memory elsewhere")
    assert faults() < 1000


@pytest.mark.parametrize("setting", [heap.VARIABLE, "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_other_wishes_are_respected(monkeypatch, setting):
    monkeypatch.setenv(setting, "0")
    assert not heap.keep_freed_memory()
