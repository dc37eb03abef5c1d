"""What the parity tests share. Programs are run by test_programs.py, under one library after the other: no modules."""

from __future__ import annotations

import pytest

import minitorch_bn

collect_ignore_glob = ["programs/*"]


@pytest.fixture
def settings_put_back():
    """Programs and examples change settings of the whole process: a default device even reroutes every function."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    for library in (torch, minitorch_bn):
        library.set_default_device(None)
        library.set_default_dtype(library.float32)
        library.set_printoptions(profile="default")
        library.use_deterministic_algorithms(False)
        library.set_float32_matmul_precision("highest")
        library.autograd.set_detect_anomaly(False)
        library.set_grad_enabled(True)
