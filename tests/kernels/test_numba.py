"""The compiled kernels against the reference and float64, in every dtype and layout; threads, forks and the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from minitorch_bn import kernels
from minitorch_bn.kernels import activation_numpy, norm_numpy, selection, softmax_numpy

pytest.importorskip("numba", reason="the compiled kernels need numba: pip install minitorch_bn[fast]")

from minitorch_bn.kernels import activation_numba, blas_numba, norm_numba, softmax_numba

# The second of each kind is large enough for several threads, and has blocks of rows or channels that do not divide it.
SHAPES = [(7, 3), (1031, 521), (1, 4, 5), (13, 103, 401), (3, 2, 4, 5), (61, 5, 21, 23), (2, 2, 3, 2, 2)]
LAYOUTS = {
    "contiguous": lambda a: a,
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
    "reversed order": lambda a: np.ascontiguousarray(a.T).T,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "a part of more channels": lambda a: np.concatenate([a, a], axis=1)[:, : a.shape[1]],
}
DTYPES = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-13}


def reference(g, x, weight, bias, eps):
    """y, mean, var, gx, gw, gb in float64, as the formulas stand."""
    g, x, weight, bias = (v.astype(np.float64) for v in (g, x, weight, bias))
    dims, column = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
    mean = x.mean(dims)
    centred = x - mean.reshape(column)
    centred = centred - centred.mean(dims, keepdims=True)
    var = (centred * centred).mean(dims)
    r = (1 / np.sqrt(var + eps)).reshape(column)
    xh = centred * r
    gx = weight.reshape(column) * r * (g - g.mean(dims, keepdims=True) - xh * (g * xh).mean(dims, keepdims=True))
    y = xh * weight.reshape(column) + bias.reshape(column)
    return y, mean, var, gx, (g * xh).sum(dims), g.sum(dims)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kernel", [norm_numba, norm_numpy], ids=["numba", "numpy"])
def test_batch_norm_is_its_formula(rng, kernel, shape, dtype, layout):
    x = LAYOUTS[layout]((rng.standard_normal(shape) * 3 + 2).astype(dtype))
    g = LAYOUTS[layout](rng.standard_normal(shape).astype(dtype))
    weight, bias = rng.standard_normal((2, shape[1])).astype(np.float32)
    kept = x.copy(), g.copy()
    y, mean, var = kernel.batch_norm(x, weight, bias, None, 1e-5)
    gx, gw, gb = kernel.batch_norm_backward(g, x, weight, None, mean, var, 1e-5)
    assert y.dtype == gx.dtype == x.dtype
    assert y.shape == gx.shape == x.shape
    assert mean.dtype == var.dtype == gw.dtype == gb.dtype == np.float64
    nothing, *sums_alone = kernel.batch_norm_backward(g, x, weight, None, mean, var, 1e-5, with_gx=False)
    assert nothing is None
    for ours, sums in zip(sums_alone, (gw, gb)):
        np.testing.assert_array_equal(ours, sums)
    for ours, exact in zip((y, mean, var, gx, gw, gb), reference(g, x, weight, bias, 1e-5)):
        tolerance = (DTYPES[dtype] if ours.ndim > 1 else 1e-11) * max(np.abs(exact).max(), 1.0)
        np.testing.assert_allclose(ours.astype(np.float64), exact, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(g, kept[1])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_given_statistics(rng, shape, layout):
    x = LAYOUTS[layout](rng.standard_normal(shape).astype(np.float32))
    weight, bias, mean = rng.standard_normal((3, shape[1])).astype(np.float32)
    var = rng.random(shape[1]).astype(np.float32)
    column = (-1, *(1,) * (x.ndim - 2))
    r = 1 / np.sqrt(var.astype(np.float64) + 1e-3)
    exact = (x - mean.astype(np.float64).reshape(column)) * (weight * r).reshape(column) + bias.reshape(column)
    np.testing.assert_allclose(norm_numba.normalize(x, weight, bias, mean, var, 1e-3), exact, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(norm_numba.normalize(x, None, None, mean * 0, var * 0 + 1, 0.0), x, rtol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kernel", [norm_numba, norm_numpy], ids=["numba", "numpy"])
def test_backward_with_given_statistics(rng, kernel, shape, dtype, layout):
    x = LAYOUTS[layout]((rng.standard_normal(shape) * 3 + 2).astype(dtype))
    g = LAYOUTS[layout](rng.standard_normal(shape).astype(dtype))
    weight, mean, var = rng.standard_normal((3, shape[1])).astype("float64" if dtype == "float64" else "float32")
    var = np.abs(var)
    r = 1 / np.sqrt(var.astype(np.float64) + 1e-3)
    gx, gw, gb = kernel.normalize_backward(g, x, weight, mean, var, 1e-3)
    dims, column = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
    wide = g.astype(np.float64)
    xh = (x.astype(np.float64) - mean.reshape(column)) * r.reshape(column)
    exact = wide * (weight.astype(np.float64) * r).reshape(column), (wide * xh).sum(dims), wide.sum(dims)
    scale = max(np.abs(exact[1]).max(), np.sqrt(wide.size / shape[1]))
    assert gx.dtype == x.dtype
    np.testing.assert_allclose(gx.astype(np.float64), exact[0], rtol=2 * DTYPES[dtype], atol=DTYPES[dtype])
    nothing, *sums_alone = kernel.normalize_backward(g, x, weight, mean, var, 1e-3, with_gx=False)
    assert nothing is None
    for ours, sums in zip((gw, gb, *sums_alone), exact[1:] * 2):
        np.testing.assert_allclose(ours, sums, rtol=0, atol=(1e-13 if dtype == "float64" else 1e-7) * scale)


@pytest.mark.parametrize("first", [1e4, -1e30, 3.4e38])
@pytest.mark.parametrize("shape", [(4096, 3), (16, 3, 1024)])
def test_a_first_value_far_away_costs_no_digits(rng, shape, first):
    x = rng.standard_normal(shape).astype(np.float32)
    x[0] = first
    weight, bias = np.ones(3), np.zeros(3)
    y, mean, var = norm_numba.batch_norm(x, None, None, None, 1e-5)
    exact = reference(x, x, weight, bias, 1e-5)
    np.testing.assert_allclose(mean, exact[1], rtol=1e-9)
    np.testing.assert_allclose(var, exact[2], rtol=1e-9)
    np.testing.assert_allclose(y, exact[0], rtol=1e-6, atol=1e-9 * np.abs(exact[0]).max())


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [0, 5])
@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 4)])
def test_what_is_not_finite_stays_in_its_channel(rng, shape, place, value):
    x = rng.standard_normal(shape).astype(np.float32)
    exact = norm_numpy.batch_norm(x, None, None, None, 1e-5)[0]
    x[place, 1] = value
    y, mean, var = norm_numba.batch_norm(x, None, None, None, 1e-5)
    assert np.isnan(y[:, 1]).all()
    assert np.isnan(var[1])
    np.testing.assert_allclose(y[:, [0, 2]], exact[:, [0, 2]], rtol=1e-6)
    assert np.isfinite(mean[[0, 2]]).all()


def test_what_a_mask_leaves_out_and_an_empty_batch_are_the_references(rng):
    x, mask = rng.standard_normal((6, 2, 5)), rng.random((6, 2, 5)) < 0.7
    x[~mask] = 0
    for args in ((x, None, None, mask, 1e-5), (x[:0], None, None, None, 1e-5)):
        for ours, theirs in zip(norm_numba.batch_norm(*args), norm_numpy.batch_norm(*args)):
            np.testing.assert_array_equal(ours, theirs)


def test_the_result_does_not_depend_on_the_number_of_threads(rng):
    program = """
        import numpy as np
        from minitorch_bn.kernels import norm_numba
        for shape in ((1031, 521), (61, 19, 21, 23)):
            x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
            y, mean, var = norm_numba.batch_norm(x, None, None, None, 1e-5)
            print(y.astype(np.float64).sum().hex(), mean.sum().hex(), var.sum().hex())
    """
    assert run(program, OMP_NUM_THREADS="1") == run(program)


@pytest.mark.parametrize("kernel", [activation_numba, activation_numpy], ids=["numba", "numpy"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
@pytest.mark.parametrize("shape", [(), (5,), (3, 7), (8192,), (2, 5001), (700, 1000)])
def test_relu(rng, kernel, dtype, shape):
    a = rng.integers(-3, 4, shape).astype(dtype)
    g = rng.integers(-9, 10, shape).astype(dtype)
    if dtype != "int64" and shape:
        a.flat[0] = g.flat[1] = np.nan
        g.flat[2] = np.inf
    y = kernel.relu(a)
    np.testing.assert_array_equal(y, np.maximum(a, 0))
    assert y.dtype == dtype
    for upstream, output in ((g, a), (g.T, np.ascontiguousarray(a.T)), (g[..., :1] if shape else g, a)):
        gx = kernel.relu_backward(upstream, output)
        np.testing.assert_array_equal(gx, np.where(output <= 0, 0, upstream))
        assert gx.dtype == dtype


@pytest.mark.parametrize("shape", [(3, 4, 5), (600, 300, 50), (50, 300, 600), (70, 80, 90)])
def test_products_are_numpys(rng, shape):
    m, k, n = shape
    for a, b in (
        (rng.standard_normal((m, k)), rng.standard_normal((k, n))),
        (rng.standard_normal((k, m)).T, rng.standard_normal((n, k)).T),
        (rng.standard_normal((m, k)), rng.standard_normal((n, k)).T),
        (rng.standard_normal((k, m)).T, rng.standard_normal((k, n))),
        (rng.standard_normal((m, 2 * k))[:, ::2], rng.standard_normal((k, n))),
        (rng.standard_normal((m, k)), rng.standard_normal((k, n + 1))[:, 1:]),
    ):
        np.testing.assert_allclose(blas_numba.matmul(a, b), a @ b, rtol=1e-12, atol=1e-12)


def test_numpys_own_threads_are_as_before_a_product(rng):
    get = blas_numba._openblas().get_threads
    if get is None:
        pytest.skip("numpy's BLAS is another one")
    before = get()
    blas_numba.matmul(*rng.standard_normal((2, 300, 300)))
    assert get() == before


# -- the machinery ---------------------------------------------------------------------------------------------------


def run(program, **environment):
    """What a fresh interpreter prints; warnings are errors there."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process", "-c", textwrap.dedent(program)],
        env={**{k: v for k, v in os.environ.items() if k != selection.VARIABLE}, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def read_only(rng, *shape):
    a = rng.standard_normal(shape).astype(np.float32)
    a.flags.writeable = False
    return a


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 4)])
@pytest.mark.parametrize("name", ["batch_norm_backward", "normalize_backward"])
def test_a_gradient_of_what_is_read_only_that_nobody_asks_for(rng, name, shape):
    # A loop to which one array served as input and as empty output did not compile for one that is read-only, and then
    # no loop was used any more.
    g, x, weight = read_only(rng, *shape), read_only(rng, *shape), read_only(rng, 3)
    masks = (None,) if name == "batch_norm_backward" else ()
    args = g, x, weight, *masks, np.full(3, 0.1), np.full(3, 0.5), 1e-5, False
    ours, exact = getattr(norm_numba, name)(*args), getattr(norm_numpy, name)(*args)
    assert ours[0] is exact[0] is None
    for a, b in zip(ours[1:], exact[1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_running_estimates_that_are_read_only_are_told(rng):
    mean, var = read_only(rng, 3), np.ones(3, np.float32)
    with pytest.raises(ValueError, match="read-only"):
        norm_numba.fold(mean, var, np.zeros(3), np.ones(3), 1.5, 0.1)


@pytest.mark.parametrize("shape, dim", [((5, 7), 1), ((300, 50), 1), ((5, 7), 0)])
def test_softmax_of_what_is_read_only(rng, shape, dim):
    a, g = read_only(rng, *shape), read_only(rng, *shape)
    for logarithm in (False, True):
        y, exact = (kernel.softmax(a, dim, logarithm) for kernel in (softmax_numba, softmax_numpy))
        np.testing.assert_allclose(y, exact, rtol=1e-5)
        gx, exact = (kernel.softmax_backward(g, y, dim, logarithm) for kernel in (softmax_numba, softmax_numpy))
        np.testing.assert_allclose(gx, exact, rtol=1e-4, atol=1e-5)


def test_auto_chooses_the_compiled_kernels():
    with kernels.use("auto"):
        assert kernels.in_use() == "numba"
        assert kernels.norm.batch_norm.__wrapped__ is norm_numba.batch_norm


def test_several_threads_at_once(rng):
    x = rng.standard_normal((64, 8, 1100)).astype(np.float32)
    expected = norm_numba.batch_norm(x, None, None, None, 1e-5)[0]
    results: list = []

    def work():
        for _ in range(20):
            results.append(norm_numba.batch_norm(x, None, None, None, 1e-5)[0])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 80
    assert all(np.array_equal(y, expected) for y in results)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_computes_too():
    program = """
        import os
        import numpy as np
        from minitorch_bn.kernels import norm_numba
        x = np.random.default_rng(0).standard_normal((64, 8, 1100)).astype(np.float32)
        y = norm_numba.batch_norm(x, None, None, None, 1e-5)[0]
        child = os.fork()
        same = np.array_equal(y, norm_numba.batch_norm(x, None, None, None, 1e-5)[0])
        if child == 0:
            os._exit(0 if same else 1)
        print(os.waitpid(child, 0)[1] == 0, same)
    """
    assert run(program) == ["True", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_compiles_even_if_another_thread_was_compiling():
    program = """
        import os, signal, threading, time
        import numpy as np
        from numba.core.compiler_lock import global_compiler_lock
        from minitorch_bn.kernels import activation_numba
        x, compiling = np.array([-1.0, 1.0]), threading.Event()
        activation_numba.relu(x)

        def compile_for_a_while():
            with global_compiler_lock:
                compiling.set()
                time.sleep(0.5)

        thread = threading.Thread(target=compile_for_a_while)
        thread.start()
        compiling.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            activation_numba.relu_backward(x, x)
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        thread.join()
    """
    assert run(program) == ["0"]


def test_what_was_compiled_first_does_not_change_what_others_compute(tmp_path):
    # Functions inside the loops are compiled with the first loop that calls them, which may reorder its sums: they
    # must not, for the mean's second number would become 0.
    program = """
        import numpy as np
        from minitorch_bn.kernels import norm_numba
        runs = np.random.default_rng(0).standard_normal((7, 5, 33)) + 1e9
        rows = np.ascontiguousarray(np.moveaxis(runs, 1, 2).reshape(-1, 5))
        for x in (runs, rows):
            y = norm_numba.batch_norm(x, None, None, None, 0.0)[0]
            dims = (0, *range(2, x.ndim))
            exact = x.astype(np.longdouble) - x.mean(dims, keepdims=True)
            exact -= exact.mean(dims, keepdims=True)
            exact /= np.sqrt((exact * exact).mean(dims, keepdims=True))
            print(np.abs(y - exact).max() < 1e-14)
    """
    assert run(program, NUMBA_CACHE_DIR=str(tmp_path)) == ["True", "True"]


def test_a_loop_is_compiled_again_when_another_file_changes_of_which_it_holds_functions(tmp_path):
    package = tmp_path / "minitorch_bn"
    shutil.copytree(Path(kernels.__file__).parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    program = f"""
        import sys
        import numpy as np
        sys.path.insert(0, {str(tmp_path)!r})
        from minitorch_bn.kernels import softmax_numba
        print(np.exp(softmax_numba.softmax(np.zeros((1, 50), np.float32), 1, True)).sum().round(3))
    """
    assert run(program, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == ["1.0"]
    formulas = package / "kernels" / "_formulas.py"
    text = formulas.read_text()
    changed = text.replace("return power + power * part", "return 2 * (power + power * part)")
    assert changed != text
    formulas.write_text(changed)
    assert run(program, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == ["0.5"]


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path):
    file = tmp_path / "file"
    file.write_text("a file, not a folder")
    program = """
        import numpy as np
        from minitorch_bn import kernels
        x = np.array([[1.0], [3.0]])
        print(kernels.norm.batch_norm(x, None, None, None, 0.0)[0].ravel().tolist(), kernels.in_use())
    """
    assert run(program, NUMBA_CACHE_DIR=str(file)) == ["[-1.0,", "1.0]", "numba"]


def test_a_cache_that_is_damaged_does_no_harm(tmp_path):
    program = """
        import numpy as np
        from minitorch_bn import kernels
        x = np.array([[1.0], [3.0]])
        print(kernels.norm.batch_norm(x, None, None, None, 0.0)[0].ravel().tolist(), kernels.in_use())
    """
    expected = ["[-1.0,", "1.0]", "numba"]
    assert run(program, NUMBA_CACHE_DIR=str(tmp_path)) == expected
    entries = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert entries
    for path in entries:
        path.write_bytes(b"damaged")
    assert run(program, NUMBA_CACHE_DIR=str(tmp_path)) == expected
