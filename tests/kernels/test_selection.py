"""Which kernels compute, and what happens where numba is missing or broken; no test here needs numba."""

from __future__ import annotations

import gc
import importlib.util
import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn import kernels
from minitorch_bn.kernels import norm_numba, norm_numpy, pool_numba, selection
from minitorch_bn.kernels._compiled import Loops, NotCompiled
from minitorch_bn.kernels.garbage import none_collected
from minitorch_bn.kernels.threads import _leave, share, threads

HAS_NUMBA = importlib.util.find_spec("numba") is not None
X = np.array([[1.0, 2.0], [3.0, 5.0]], np.float32)


@pytest.fixture(autouse=True)
def restore():
    with kernels.use("auto"):
        yield


def run(program, **environment):
    """What a fresh interpreter prints; the environment variables are those of this process and these."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**{k: v for k, v in os.environ.items() if k != selection.VARIABLE}, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_use_chooses_and_a_block_restores():
    kernels.use("numpy")
    assert kernels.in_use() == "numpy"
    assert kernels.norm.batch_norm is norm_numpy.batch_norm
    with kernels.use("auto"):
        assert kernels.in_use() == ("numba" if HAS_NUMBA else "numpy")
    assert kernels.in_use() == "numpy"


def test_a_block_restores_after_an_error_too():
    kernels.use("numpy")
    with pytest.raises(KeyError), kernels.use("auto"):
        raise KeyError
    assert kernels.in_use() == "numpy"


def test_an_unknown_name_changes_nothing():
    kernels.use("numpy")
    with pytest.raises(ValueError, match="'auto', 'numpy', 'numba', but not 'cuda'"):
        kernels.use("cuda")
    assert kernels.in_use() == "numpy"


def test_numba_that_is_missing_is_an_error_where_it_was_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r'pip install "minitorch_bn\[fast\]"'):
        kernels.use("numba")


def test_a_kernel_without_a_compiled_form_is_the_reference():
    from minitorch_bn.kernels import activation_numpy

    kernels.use("numpy")
    assert kernels.activation.zeroed is activation_numpy.zeroed
    kernels.use("auto")
    assert kernels.activation.zeroed is activation_numpy.zeroed


def test_a_name_that_no_set_has():
    with pytest.raises(AttributeError, match="no_such_kernel"):
        kernels.norm.no_such_kernel


def test_a_broken_installation_is_told_once_and_numpy_computes(monkeypatch, tmp_path):
    (tmp_path / "numba.py").write_text("raise OSError('libllvmlite.so: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    for loops in (*vars(norm_numba).values(), *vars(pool_numba).values()):
        if isinstance(loops, Loops):
            monkeypatch.setattr(loops, "compiled", None)  # as in a process where none has run yet
    kernels.use("auto")
    with pytest.warns(RuntimeWarning, match="numba does not work here .OSError: libllvmlite"):
        first = kernels.norm.batch_norm(X, None, None, None, 1e-5)
    kernels.pool.max_pool(X[None, None], (2, 2), (2, 2), (0, 0), (1, 1))  # a second warning would be an error
    np.testing.assert_array_equal(first[0], norm_numpy.batch_norm(X, None, None, None, 1e-5)[0])
    assert kernels.in_use() == "numpy"


def test_a_loop_that_does_not_compile_is_told_once_and_numpy_computes(monkeypatch):
    def broken(*args):
        raise NotCompiled("LoweringError: no such instruction")

    monkeypatch.setattr(norm_numba, "batch_norm", broken)
    monkeypatch.setitem(sys.modules, "numba", type(sys)("numba"))
    monkeypatch.setattr(selection, "_choice", "numba")
    selection._choose("numba")
    with pytest.warns(RuntimeWarning, match="LoweringError: no such instruction") as caught:
        results = [kernels.norm.batch_norm(X, None, None, None, 1e-5)[0] for _ in range(2)]
    assert len(caught) == 1
    for y in results:
        np.testing.assert_array_equal(y, norm_numpy.batch_norm(X, None, None, None, 1e-5)[0])


def test_operators_look_their_kernel_up_at_each_call(monkeypatch):
    calls = []

    def counted(*args):
        calls.append(args)
        return norm_numpy.batch_norm(*args)

    kernels.use("numpy")
    monkeypatch.setitem(kernels.norm.__dict__, "batch_norm", counted)
    torch.nn.functional.batch_norm(torch.from_numpy(X), None, None, training=True)
    assert len(calls) == 1


def test_the_environment_variable_chooses():
    program = "from minitorch_bn import kernels; print(kernels.in_use())"
    assert run(program, MINITORCH_BN_KERNELS="numpy") == ["numpy"]
    assert run(program) == ["numba" if HAS_NUMBA else "numpy"]


def test_the_environment_variable_is_checked():
    program = """
        from minitorch_bn import kernels
        try:
            kernels.in_use()
        except ValueError as error:
            print("fortran" in str(error))
    """
    assert run(program, MINITORCH_BN_KERNELS="fortran") == ["True"]


def test_importing_the_package_imports_no_numba():
    program = "import sys, minitorch_bn; print('numba' in sys.modules, 'concurrent' in sys.modules)"
    assert run(program, MINITORCH_BN_KERNELS="auto") == ["False", "False"]


def test_a_program_without_loops_imports_no_numba():
    program = """
        import sys
        import minitorch_bn as torch
        from minitorch_bn import kernels
        torch.nn.Linear(3, 2)(torch.ones(4, 3)).sum().backward()
        print(kernels.in_use(), "numba" in sys.modules)
    """
    assert run(program) == ["numba" if HAS_NUMBA else "numpy", "False"]


def test_no_garbage_is_collected_while_numba_starts_and_settings_are_as_before():
    frozen = gc.get_freeze_count()
    for on in (True, False):
        (gc.enable if on else gc.disable)()
        try:
            with pytest.raises(KeyError), none_collected():
                with none_collected():
                    assert not gc.isenabled()
                assert not gc.isenabled()
                raise KeyError
            assert gc.isenabled() == on
        finally:
            gc.enable()
    assert gc.get_freeze_count() == frozen


def test_objects_that_somebody_froze_stay_frozen():
    program = """
        import gc
        from minitorch_bn.kernels.garbage import none_collected
        gc.freeze()
        count = gc.get_freeze_count()
        with none_collected():
            pass
        print(gc.get_freeze_count() == count > 0)
    """
    assert run(program) == ["True"]


def test_share_runs_every_part_and_passes_errors_on():
    seen = []
    share(seen.append, [(i,) for i in range(5)])
    assert sorted(seen) == [0, 1, 2, 3, 4]

    def fail(i):
        if i == 1:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        share(fail, [(0,), (1,), (2,)])
    assert threads() >= 1


def test_shared_work_keeps_the_callers_errstate():
    def divide(i):
        np.array([1.0]) / 0

    with np.errstate(all="ignore"):
        share(divide, [(0,), (1,), (2,)])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not tell where threads may run")
def test_a_thread_that_leaves_a_processor_may_run_on_all_others():
    allowed, seen = os.sched_getaffinity(0), []

    def leave():
        for processor in sorted(allowed):
            _leave(processor, allowed)
            seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    assert seen == [allowed - {processor} or allowed for processor in sorted(allowed)]
    assert os.sched_getaffinity(0) == allowed
