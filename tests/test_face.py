"""`import minitorch_bn as torch` reaches everything, and what asks for other machines gets an honest answer."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import minitorch_bn as torch

ROOT = Path(__file__).resolve().parent.parent
SUBMODULES = (
    "accelerator", "autograd", "backends", "backends.cuda.matmul", "backends.cudnn", "backends.mkldnn", "backends.mps",
    "cuda", "nn.functional", "nn.init", "nn.modules.batchnorm", "nn.parameter.Parameter", "nn.utils.clip_grad_norm_",
    "optim.lr_scheduler.StepLR", "random", "serialization", "testing.assert_close", "utils.data.DataLoader",
    "utils.dlpack.from_dlpack", "version.cuda",
)  # fmt: skip


@pytest.mark.parametrize("name", SUBMODULES)
def test_submodules_are_reached_by_attribute(name):
    program = f"import minitorch_bn as torch; torch.{name}"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


EACH_FIRST = """
import importlib, pkgutil, sys
import minitorch_bn
parts = [m.name for m in pkgutil.iter_modules(minitorch_bn.__path__) if m.name[0] != "_"]
for name in ["minitorch_bn." + part for part in parts] + sys.argv[1:]:
    for loaded in [m for m in sys.modules if m.partition(".")[0] == "minitorch_bn"]:
        del sys.modules[loaded]
    importlib.import_module(name)
    assert sys.modules["minitorch_bn"].zeros(2).shape == (2,), name
    print(name)
"""


def test_each_part_can_be_the_first_that_is_imported():
    """`from minitorch_bn.optim import SGD` may stand above every other line."""
    deeper = ("nn.functional", "nn.init", "optim.lr_scheduler", "utils.data", "insight.drawing", "ops.batch_norm")
    command = [sys.executable, "-c", EACH_FIRST, *(f"minitorch_bn.{name}" for name in deeper)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("optim", "testing", "nn", *deeper):
        assert f"minitorch_bn.{name}\n" in done.stdout


def test_every_public_name_exists():
    assert [name for name in torch.__all__ if not hasattr(torch, name)] == []
    assert len(set(torch.__all__)) == len(torch.__all__)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match=r"module 'minitorch_bn' has no attribute 'nonsense'"):
        torch.nonsense


def test_classes_show_their_public_name_and_are_found_under_it():
    for kind in (torch.Tensor, torch.Size, torch.Generator, torch.device, torch.dtype, torch.finfo, torch.iinfo):
        assert repr(kind) == f"<class 'minitorch_bn.{kind.__name__}'>"
    for value in (torch.ones(2), torch.Size([1]), torch.float32, torch.strided):
        assert repr(pickle.loads(pickle.dumps(value))) == repr(value)


def test_there_is_no_other_device():
    assert not torch.cuda.is_available()
    assert not torch.accelerator.is_available()
    assert torch.cuda.device_count() == torch.accelerator.device_count() == 0
    assert torch.accelerator.current_accelerator() is None
    for backend in ("cudnn", "mkl", "mkldnn", "mps", "openmp"):
        assert not getattr(torch.backends, backend).is_available()
    assert not torch.backends.cuda.is_built()
    torch.cuda.manual_seed_all(0)
    torch.cuda.empty_cache()
    assert torch.cuda.get_rng_state_all() == torch.cuda.get_arch_list() == []
    torch.cuda.set_rng_state_all(torch.cuda.get_rng_state_all())
    for refused in (torch.cuda.current_device, torch.cuda.synchronize, torch.cuda.mem_get_info, torch.ones(1).cuda):
        with pytest.raises(AssertionError, match=r"^Torch not compiled with CUDA enabled$"):
            refused()
    with pytest.raises(RuntimeError, match=r"^Cannot access accelerator device when none is available"):
        torch.accelerator.synchronize()
    with pytest.raises(NotImplementedError, match="CPU only, not on 'mps'"):
        torch.ones(1, device="mps")


def test_switches_can_be_set():
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    torch.backends.cuda.matmul.allow_tf32 = True
    assert torch.backends.cudnn.deterministic
    with torch.backends.cudnn.flags(deterministic=False, benchmark=True):
        assert torch.backends.cudnn.benchmark
        assert not torch.backends.cudnn.deterministic
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
    threads = torch.get_num_threads()
    assert threads >= 1
    torch.set_num_threads(1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(threads)
    for wrong in (0, -1, "a", 1.0, True):
        with pytest.raises(RuntimeError, match=r"^set_num_threads expects a"):
            torch.set_num_threads(wrong)
    torch.set_float32_matmul_precision("medium")
    with pytest.warns(UserWarning, match="low is not one of"):
        torch.set_float32_matmul_precision("low")
    assert torch.get_float32_matmul_precision() == "medium"
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    with pytest.raises(TypeError, match="must be bool, not int"):
        torch.use_deterministic_algorithms(1)
    torch.set_default_device("cpu")
    with pytest.raises(AssertionError):
        torch.set_default_device("cuda")
    assert torch.get_default_device() == torch.device("cpu")


def test_version():
    assert torch.__version__ == torch.version.__version__
    assert torch.version.cuda is None
