"""The compiled kernels with the vector instructions of other processors than this one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="the compiled kernels need numba: pip install minitorch_bn[fast]")

PROCESSORS = {"haswell": "+sse2,+avx,+avx2,+fma", "generic": "+sse2"}


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the instructions are x86's")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_all_loops_are_right_there_too(tmp_path, processor):
    chosen = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": PROCESSORS[processor]}
    width = "from minitorch_bn.kernels.tiles import machine; print(machine()[0])"
    environment = {**os.environ, **chosen, "NUMBA_CACHE_DIR": str(tmp_path)}
    printed = subprocess.run([sys.executable, "-c", width], env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == ("32" if "+avx" in PROCESSORS[processor] else "16")
    tests = [str(Path(__file__).parent / name) for name in ("test_numba.py", "test_conv_numba.py")]
    chosen_tests = "formula or convolution or copied"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests, "-k", chosen_tests],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
