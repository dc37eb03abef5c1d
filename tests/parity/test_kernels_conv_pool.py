"""The convolution and pooling kernels, fed with arrays, beside torch.nn.functional."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_bn.kernels import conv_numpy, pool_numpy

torch = pytest.importorskip("torch")
F = torch.nn.functional


def assert_close(ours, theirs, rtol=1e-12):
    """Equal to `rtol` of the largest value: a sum's error is relative to its terms, not to what remains."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * np.abs(theirs).max(initial=1.0))


def named(name, dims):
    return getattr(F, f"{name}{dims}d")


@st.composite
def convolutions(draw):
    dims = draw(st.integers(1, 3))
    ints = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(dims))  # noqa: E731
    kernel, stride, padding, dilation = ints(1, 4), ints(1, 3), ints(0, 3), ints(1, 3)
    smallest = [max(1, d * (k - 1) + 1 - 2 * p) for d, k, p in zip(dilation, kernel, padding, strict=True)]
    spatial = tuple(draw(st.integers(n, n + 6)) for n in smallest)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    batch, channels = draw(st.integers(1, 4)), draw(st.integers(1, 4)) * groups
    filters = draw(st.integers(1, 6)) * groups
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.standard_normal((batch, channels, *spatial))
    w = rng.standard_normal((filters, channels // groups, *kernel))
    return x, w, (stride, padding, dilation, groups)


@settings(max_examples=200, deadline=None)
@given(convolutions())
def test_conv(case):
    x, w, (stride, padding, dilation, groups) = case
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    ty = named("conv", x.ndim - 2)(tx, tw, None, stride, padding, dilation, groups)
    tg = torch.randn_like(ty)
    ty.backward(tg)
    g, parameters = tg.numpy(), (stride, padding, dilation, groups)
    assert_close(conv_numpy.conv(x, w, *parameters), ty)
    assert_close(conv_numpy.conv_input_grad(g, w, x.shape[2:], *parameters), tx.grad)
    assert_close(conv_numpy.conv_weight_grad(g, x, w.shape[2:], *parameters), tw.grad)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_input_grad_is_transposed_convolution(dims):
    rng = np.random.default_rng(dims)
    x, w = rng.standard_normal((2, 4, *[5] * dims)), rng.standard_normal((4, 3, *[3] * dims))
    expected = named("conv_transpose", dims)(
        torch.tensor(x), torch.tensor(w), stride=2, padding=1, output_padding=1, groups=2
    )
    ours = conv_numpy.conv_input_grad(x, w, expected.shape[2:], (2,) * dims, (1,) * dims, (1,) * dims, 2)
    assert_close(ours, expected)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("channels", [3, 16, 64])
def test_conv_is_as_accurate_as_pytorch(dtype, channels):
    rng = np.random.default_rng(channels)
    tx = torch.tensor(rng.standard_normal((4, channels, 14, 14))).to(getattr(torch, dtype))
    tw = torch.tensor(rng.standard_normal((8, channels, 3, 3))).to(getattr(torch, dtype))
    exact = F.conv2d(tx.double(), tw.double(), padding=1).numpy()
    theirs = F.conv2d(tx, tw, padding=1).double().numpy()
    numpy_dtype = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype
    x, w = (t.double().numpy().astype(numpy_dtype) for t in (tx, tw))
    ours = conv_numpy.conv(x, w, (1, 1), (1, 1), (1, 1))
    assert ours.dtype == numpy_dtype
    # Twice PyTorch's error leaves room for another order of summation, not for a second rounding.
    assert np.std(ours.astype(np.float64) - exact) <= 2 * np.std(theirs - exact)


@st.composite
def poolings(draw):
    dims = draw(st.integers(1, 3))
    ints = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(dims))  # noqa: E731
    kernel, stride, dilation = ints(1, 4), ints(1, 4), ints(1, 2)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    spatial = tuple(d * (k - 1) + 1 + draw(st.integers(0, 6)) for d, k in zip(dilation, kernel, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = draw(st.sampled_from([None, [0.0, 1.0], [np.nan, 1.0, -1.0], [-np.inf]]))
    shape = (draw(st.integers(1, 2)), 2, *spatial)
    x = rng.standard_normal(shape) if values is None else rng.choice(values, shape)
    return x, (kernel, stride, padding), dilation, draw(st.booleans())


@settings(max_examples=200, deadline=None)
@given(poolings())
def test_max_pool(case):
    x, window, dilation, ceil_mode = case
    tx = torch.tensor(x, requires_grad=True)
    ty, tindices = named("max_pool", x.ndim - 2)(tx, *window, dilation, ceil_mode, return_indices=True)
    tg = torch.randn_like(ty)
    ty.backward(tg)
    y, indices = pool_numpy.max_pool(x, *window, dilation, ceil_mode)
    np.testing.assert_array_equal(y, ty.detach().numpy())
    np.testing.assert_array_equal(indices, tindices.numpy())
    assert_close(pool_numpy.scatter_spatial(tg.numpy(), indices, x.shape[2:]), tx.grad)


@settings(max_examples=200, deadline=None)
@given(poolings(), st.booleans(), st.sampled_from([None, 3, -2]))
def test_avg_pool(case, count_include_pad, divisor_override):
    x, window, _, ceil_mode = case
    dims = x.ndim - 2
    if dims == 1:
        divisor_override = None  # PyTorch's avg_pool1d has none
    rest = (divisor_override,) if dims > 1 else ()
    x = np.random.default_rng(0).standard_normal(x.shape)
    tx = torch.tensor(x, requires_grad=True)
    ty = named("avg_pool", dims)(tx, *window, ceil_mode, count_include_pad, *rest)
    tg = torch.randn_like(ty)
    ty.backward(tg)
    flags = (count_include_pad, divisor_override)
    assert_close(pool_numpy.avg_pool(x, *window, ceil_mode, *flags), ty)
    assert_close(pool_numpy.avg_pool_adjoint(tg.numpy(), x.shape[2:], *window, *flags), tx.grad)


@pytest.mark.parametrize("spatial", [(7,), (1,), (6, 9), (3, 10), (5, 4, 6)])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_adaptive_pools(spatial, size):
    dims, output_size = len(spatial), (size,) * len(spatial)
    x = np.random.default_rng(size).standard_normal((2, 3, *spatial))
    tx = torch.tensor(x, requires_grad=True)
    ty = named("adaptive_avg_pool", dims)(tx, output_size)
    tg = torch.randn_like(ty)
    ty.backward(tg)
    assert_close(pool_numpy.adaptive_avg_pool(x, output_size), ty)
    assert_close(pool_numpy.adaptive_avg_pool_adjoint(tg.numpy(), spatial), tx.grad)
    for values in (x, np.round(x), np.where(x > 1, np.nan, x), np.full_like(x, -np.inf)):
        ty, tindices = named("adaptive_max_pool", dims)(torch.tensor(values), output_size, return_indices=True)
        y, indices = pool_numpy.adaptive_max_pool(values, output_size)
        np.testing.assert_array_equal(y, ty.numpy())
        np.testing.assert_array_equal(indices, tindices.numpy())


def test_max_pool_of_integers():
    x = np.random.default_rng(0).integers(-3, 3, (2, 3, 9, 8))
    ty, tindices = F.max_pool2d(torch.tensor(x), 3, 2, 1, return_indices=True)
    y, indices = pool_numpy.max_pool(x, (3, 3), (2, 2), (1, 1), (1, 1))
    np.testing.assert_array_equal(y, ty.numpy())
    np.testing.assert_array_equal(indices, tindices.numpy())


def test_avg_pool_of_integers_rounds_towards_zero():
    x = np.random.default_rng(0).integers(-9, 9, (2, 3, 9, 8))
    ours = pool_numpy.avg_pool(x, (3, 3), (2, 2), (1, 1))
    np.testing.assert_array_equal(ours, F.avg_pool2d(torch.tensor(x), 3, 2, 1).numpy())
