"""The convolution kernels against their definition in float64, and against each other as adjoints."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_bn.kernels import conv_numpy
from minitorch_bn.kernels.conv_numpy import conv, conv_input_grad, conv_output_shape, conv_weight_grad


def definition(x, w, stride, padding, dilation, groups):
    """The sum of the module's docstring, one tap and one channel of the filter at a time, in float64."""
    out = conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
    padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0), *((p, p) for p in padding)])
    y = np.zeros((len(x), len(w), *out))
    for o in range(len(w)):
        first = o // (len(w) // groups) * w.shape[1]
        for c, *tap in product(*map(range, w.shape[1:])):
            window = tuple(
                slice(d * i, d * i + s * (n - 1) + 1, s) for d, i, s, n in zip(dilation, tap, stride, out, strict=True)
            )
            y[:, o] += float(w[(o, c, *tap)]) * padded[(slice(None), first + c, *window)]
    return y


@st.composite
def convolutions(draw):
    """Draw (x, w, g, parameters) in float64 for one to three spatial dimensions."""
    dims = draw(st.integers(1, 3))
    ints = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(dims))  # noqa: E731
    kernel, stride, padding, dilation = ints(1, 3), ints(1, 3), ints(0, 3), ints(1, 2)
    smallest = [max(1, d * (k - 1) + 1 - 2 * p) for d, k, p in zip(dilation, kernel, padding, strict=True)]
    spatial = tuple(draw(st.integers(n, n + 6)) for n in smallest)
    groups = draw(st.integers(1, 3))
    batch = draw(st.integers(0, 5))
    channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 6)) * groups
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.standard_normal((batch, channels * groups, *spatial))
    w = rng.standard_normal((filters, channels, *kernel))
    g = rng.standard_normal((batch, filters, *conv_output_shape(spatial, kernel, stride, padding, dilation)))
    return x, w, g, (stride, padding, dilation, groups)


@pytest.fixture(params=["one block", "many blocks"])
def blocks(request, monkeypatch):
    if request.param == "many blocks":
        monkeypatch.setattr(conv_numpy, "BLOCK", 64)
        monkeypatch.setattr(conv_numpy, "NARROWEST", 8)


@pytest.mark.usefixtures("blocks")
class TestAgainstDefinition:
    # The fixture only sets two constants, the same for all examples.
    @settings(max_examples=150, deadline=None, suppress_health_check=["function_scoped_fixture"])
    @given(convolutions())
    def test_forward(self, case):
        x, w, _, parameters = case
        np.testing.assert_allclose(conv(x, w, *parameters), definition(x, w, *parameters), rtol=1e-12, atol=1e-12)

    @settings(max_examples=150, deadline=None, suppress_health_check=["function_scoped_fixture"])
    @given(convolutions())
    def test_adjoints(self, case):
        x, w, g, parameters = case
        y = definition(x, w, *parameters)
        gx = conv_input_grad(g, w, x.shape[2:], *parameters)
        gw = conv_weight_grad(g, x, w.shape[2:], *parameters)
        assert gx.shape == x.shape
        assert gw.shape == w.shape
        scale = np.linalg.norm(y) * np.linalg.norm(g) + 1
        assert abs(np.vdot(g, y) - np.vdot(gx, x)) <= 1e-12 * scale
        assert abs(np.vdot(g, y) - np.vdot(gw, w)) <= 1e-12 * scale


# (batch, channels, filters, spatial, kernel, stride, padding, dilation, groups)
CASES = {
    "first layer": (64, 1, 16, (28, 28), (3, 3), (1, 1), (1, 1), (1, 1), 1),
    "many channels": (3, 64, 32, (9, 9), (3, 3), (1, 1), (1, 1), (1, 1), 1),
    "many filters": (3, 2, 96, (9, 9), (3, 3), (1, 1), (1, 1), (1, 1), 1),
    "strided": (2, 8, 8, (32, 31), (3, 5), (2, 3), (1, 2), (1, 1), 1),
    "dilated": (2, 8, 8, (30, 30), (3, 3), (1, 1), (2, 2), (2, 2), 2),
    "depthwise": (2, 16, 16, (14, 14), (3, 3), (1, 1), (1, 1), (1, 1), 16),
    "pointwise": (5, 24, 12, (7, 7), (1, 1), (1, 1), (0, 0), (1, 1), 4),
    "one pixel": (5, 24, 12, (7, 7), (7, 7), (1, 1), (0, 0), (1, 1), 1),
    "1d": (4, 6, 8, (500,), (9,), (1,), (4,), (1,), 2),
    "3d": (2, 3, 4, (8, 9, 10), (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
    "3d strided": (2, 3, 4, (8, 9, 10), (2, 3, 2), (2, 1, 2), (1, 0, 1), (1, 2, 1), 1),
    "padding beyond the kernel": (2, 3, 4, (5, 5), (2, 2), (1, 1), (3, 3), (1, 1), 1),
}


def arrays(name, dtype):
    batch, channels, filters, spatial, kernel, stride, padding, dilation, groups = CASES[name]
    rng = np.random.default_rng(len(name))
    x = rng.standard_normal((batch, channels, *spatial)).astype(dtype)
    w = rng.standard_normal((filters, channels // groups, *kernel)).astype(dtype)
    out = conv_output_shape(spatial, kernel, stride, padding, dilation)
    g = rng.standard_normal((batch, filters, *out)).astype(dtype)
    return x, w, g, (stride, padding, dilation, groups)


def all_three(x, w, g, parameters):
    return (
        conv(x, w, *parameters),
        conv_input_grad(g, w, x.shape[2:], *parameters),
        conv_weight_grad(g, x, w.shape[2:], *parameters),
    )


def terms(x, w, g, parameters):
    """How large the sums of the three results are, term by term: the scale of their rounding errors."""
    return all_three(abs(x), abs(w), abs(g), parameters)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("dtype", "sums"), [("float32", 2.0**-24), ("float16", 2.0**-24)])
def test_precision(name, dtype, sums):
    x, w, g, parameters = arrays(name, dtype)
    wide = [a.astype(np.float64) for a in (x, w, g)]
    results = zip(all_three(x, w, g, parameters), all_three(*wide, parameters), terms(*wide, parameters), strict=True)
    for got, expected, scale in results:
        assert got.dtype == dtype
        # BLAS sums in blocks: at most 16 roundings of the sum of magnitudes are lost, then one rounding to dtype.
        bound = 16 * sums * scale + np.finfo(dtype).eps * abs(expected)
        assert (abs(got - expected) <= bound).all()


@pytest.mark.parametrize("name", CASES)
def test_inputs_untouched_and_results_contiguous(name):
    x, w, g, parameters = arrays(name, "float32")
    copies = [a.copy() for a in (x, w, g)]
    results = all_three(x, w, g, parameters)
    for a, before in zip((x, w, g), copies, strict=True):
        np.testing.assert_array_equal(a, before)
    for result in results:
        assert result.flags.c_contiguous
        assert result.flags.owndata or result.base.size == result.size
        assert not any(np.shares_memory(result, a) for a in (x, w, g))
    for again, result in zip(all_three(x, w, g, parameters), results, strict=True):
        assert not np.shares_memory(again, result)


@pytest.mark.parametrize("name", CASES)
def test_any_memory_layout(name):
    x, w, g, parameters = arrays(name, "float64")
    odd = [np.flip(np.asfortranarray(np.flip(a, 0)), 0) for a in (x, w, g)]
    for a, b in zip(all_three(*odd, parameters), all_three(x, w, g, parameters), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        assert a.flags.c_contiguous


@pytest.mark.parametrize("name", CASES)
def test_empty_batch(name):
    x, w, g, parameters = arrays(name, "float32")
    y, gx, gw = all_three(x[:0], w, g[:0], parameters)
    assert y.shape == g[:0].shape
    assert gx.shape == x[:0].shape
    np.testing.assert_array_equal(gw, np.zeros_like(w))


def test_no_channels():
    x, w, g = np.ones((2, 0, 5, 5)), np.ones((3, 0, 3, 3)), np.ones((2, 3, 3, 3))
    y, gx, gw = all_three(x, w, g, ((1, 1), (0, 0), (1, 1), 1))
    np.testing.assert_array_equal(y, np.zeros((2, 3, 3, 3)))
    assert gx.shape == x.shape
    assert gw.shape == w.shape


@pytest.mark.parametrize("dtype", ["int32", "int64", "complex128"])
def test_exact_dtypes(dtype):
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 9, (2, 4, 6, 6)).astype(dtype), rng.integers(-9, 9, (4, 2, 3, 3)).astype(dtype)
    parameters = ((1, 1), (1, 1), (1, 1), 2)
    y = conv(x, w, *parameters)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.real, definition(x.real, w.real, *parameters))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["first layer", "dilated", "3d"])
def test_an_infinity_stays_where_it_belongs(name, value):
    """A window that does not exist, multiplied by zero to save time, would spread it."""
    x, w, g, parameters = arrays(name, "float64")
    x[(0, 0, *(0,) * (x.ndim - 2))] = value
    with np.errstate(invalid="ignore"):
        gw = conv_weight_grad(g, x, w.shape[2:], *parameters)
        reached = conv_weight_grad(np.ones_like(g), ~np.isfinite(x) * 1.0, w.shape[2:], *parameters) != 0
    np.testing.assert_array_equal(~np.isfinite(gw), reached)
    w[(0, 0, *(0,) * (w.ndim - 2))] = value
    with np.errstate(invalid="ignore"):
        gx = conv_input_grad(g, w, x.shape[2:], *parameters)
        reached = conv_input_grad(np.ones_like(g), ~np.isfinite(w) * 1.0, x.shape[2:], *parameters) != 0
    np.testing.assert_array_equal(~np.isfinite(gx), reached)


def test_threads_do_not_share_scratch_memory():
    from concurrent.futures import ThreadPoolExecutor

    cases = [arrays(name, "float32") for name in ("many channels", "strided", "dilated", "3d")] * 8
    expected = [all_three(*case) for case in cases]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda case: all_three(*case), cases))
    for got, want in zip(results, expected, strict=True):
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_bias_is_added_once(name):
    x, w, g, parameters = arrays(name, "float64")
    y, gx, _ = all_three(x, w, g, parameters)
    rng = np.random.default_rng(1)
    for result, compute in (
        (y, lambda b: conv(x, w, *parameters, bias=b)),
        (gx, lambda b: conv_input_grad(g, w, x.shape[2:], *parameters, bias=b)),
    ):
        bias = rng.standard_normal(result.shape[1])
        column = bias.reshape(-1, *(1,) * (result.ndim - 2))
        np.testing.assert_allclose(compute(bias), result + column, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stride", [(1, 1), (2, 1)])
@pytest.mark.parametrize("padding", [((0, 1), (2, 1)), ((3, 0), 1), (0, (0, 2))])
def test_uneven_padding(stride, padding):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 2))
    pairs = [(p, p) if isinstance(p, int) else p for p in padding]
    padded = np.pad(x, [(0, 0), (0, 0), *pairs])
    y = definition(padded, w, stride, (0, 0), (1, 1), 1)
    g = rng.standard_normal(y.shape)
    np.testing.assert_allclose(conv(x, w, stride, padding, (1, 1)), y, rtol=1e-12, atol=1e-12)
    gw = conv_weight_grad(g, padded, (3, 2), stride, (0, 0), (1, 1))
    np.testing.assert_allclose(conv_weight_grad(g, x, (3, 2), stride, padding, (1, 1)), gw, rtol=1e-12, atol=1e-12)
    gx = conv_input_grad(g, w, padded.shape[2:], stride, (0, 0), (1, 1))
    inner = gx[(..., *(slice(a, n - b) for (a, b), n in zip(pairs, padded.shape[2:], strict=True)))]
    ours = conv_input_grad(g, w, x.shape[2:], stride, padding, (1, 1))
    np.testing.assert_allclose(ours, inner, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("value", [1.0, np.inf])  # an infinity takes the way that multiplies no zeros
@pytest.mark.parametrize("stride", [1, 2])
def test_windows_that_are_missing_count_as_zero(stride, value):
    """A transposed convolution may end in rows that none of its windows reaches (output padding)."""
    rng = np.random.default_rng(0)
    g, w = rng.standard_normal((1, 2, 3, 4)), rng.standard_normal((2, 3, 2, 2))
    w[0, 0, 0, 0] = value
    full = np.pad(g, [(0, 0), (0, 0), (0, 1), (0, 2)])
    spatial = tuple((n - 1) * stride + 4 for n in full.shape[2:])
    parameters = ((stride,) * 2, (0, 0), (3, 3))
    with np.errstate(invalid="ignore"):
        short, complete = (conv_input_grad(a, w, spatial, *parameters) for a in (g, full))
        finite = np.isfinite(complete)
        assert finite.all() == np.isfinite(value)
        np.testing.assert_allclose(short[finite], complete[finite], rtol=1e-12, atol=1e-12)
        reached = conv_input_grad(np.ones_like(g), ~np.isfinite(w) * 1.0, spatial, *parameters) != 0
        np.testing.assert_array_equal(~np.isfinite(short), reached)
        x = rng.standard_normal((1, 3, *spatial))
        for a, b in zip(*(conv_weight_grad(a, x, (2, 2), *parameters) for a in (g, full)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        x[0, 0, -1, -1] = value  # seen by a missing window only
        assert np.isfinite(conv_weight_grad(g, x, (2, 2), *parameters)).all()
