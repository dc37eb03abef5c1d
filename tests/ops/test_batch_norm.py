"""The BatchNorm operator against a twin of plain operators, against float64, and on hostile values."""

from __future__ import annotations

import importlib.util
import itertools
import warnings
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn as torch
import minitorch_bn.nn.functional as F
from minitorch_bn.autograd import grad
from minitorch_bn.kernels import norm, use

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")

SHAPES = [(5, 3), (4, 3, 6), (3, 2, 4, 5), (2, 2, 3, 2, 2)]

# Drawn by PyTorch 2.13.0: torch.manual_seed(0); torch.randn(3, 3)
SEED_0 = [
    [1.5409960746765137, -0.293428897857666, -2.1787893772125244],
    [0.5684312582015991, -1.0845223665237427, -1.3985954523086548],
    [0.40334683656692505, 0.8380263447761536, -0.7192575931549072],
]


def twin(x, weight=None, bias=None, eps=1e-5):
    """Batch normalisation written with plain operators: the tape differentiates it by itself."""
    dims = (0, *range(2, x.ndim))
    column = (1, -1, *(1,) * (x.ndim - 2))
    centred = x - x.mean(dims, keepdim=True)
    y = centred / ((centred * centred).mean(dims, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight.reshape(column)
    return y if bias is None else y + bias.reshape(column)


def fused(x, weight=None, bias=None, eps=1e-5):
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)


def leaf(array):
    return torch.tensor(np.asarray(array, np.float64), requires_grad=True)


def test_golden_values():
    # published for torch.manual_seed(0); BatchNorm1d(3)(torch.randn(3, 3))
    expected = [[1.4014, -0.1438, -1.2519], [-0.5362, -1.1465, 0.0564], [-0.8651, 1.2903, 1.1956]]
    np.testing.assert_allclose(fused(torch.tensor(SEED_0)).numpy(), expected, atol=5e-5)


def test_the_golden_input_is_our_seed_0_too():
    torch.manual_seed(0)
    assert torch.randn(3, 3).tolist() == SEED_0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("zero_weight", [False, True])
def test_derivatives_of_order_one_to_four_equal_the_twins(rng, shape, zero_weight):
    x = leaf(rng.standard_normal(shape))
    weight, bias = leaf(rng.standard_normal(shape[1])), leaf(rng.standard_normal(shape[1]))
    if zero_weight:
        with torch.no_grad():
            weight[0] = 0.0
    inputs = (x, weight, bias)
    directions = [[torch.tensor(rng.standard_normal(v.shape)) for v in inputs] for _ in range(4)]

    def derivatives(function):
        y = function(*inputs)
        scalar = (y * directions[0][0]).sum() + (y**3).sum()
        result = [y]
        for along in directions:
            grads = grad(scalar, inputs, create_graph=True, materialize_grads=True)
            result += grads
            scalar = sum(((g * d).sum() + (g * g).sum() for g, d in zip(grads, along)), torch.tensor(0.0))
        return result

    for ours, plain in zip(derivatives(fused), derivatives(twin)):
        scale = plain.abs().max().item() + 1.0
        np.testing.assert_allclose(ours.detach().numpy(), plain.detach().numpy(), rtol=1e-9, atol=1e-11 * scale)


def test_first_gradient_is_the_finite_difference(rng):
    x, weight, bias = leaf(rng.standard_normal((4, 3, 5))), leaf(rng.standard_normal(3)), leaf(rng.standard_normal(3))
    upstream = torch.tensor(rng.standard_normal((4, 3, 5)))
    ours = grad((fused(x, weight, bias) * upstream).sum(), (x, weight, bias))
    step = 1e-6
    for v, g in zip((x, weight, bias), ours):
        flat = v.detach().numpy().reshape(-1)
        numeric = []
        for i in range(flat.size):
            kept = flat[i]
            sums = []
            for moved in (kept + step, kept - step):
                flat[i] = moved
                sums.append((fused(x, weight, bias).detach() * upstream).sum().item())
            flat[i] = kept
            numeric.append((sums[0] - sums[1]) / (2 * step))
        np.testing.assert_allclose(g.numpy().reshape(-1), numeric, rtol=1e-6, atol=1e-8)


def test_the_operator_p_is_symmetric(rng):
    # <u, P v> = <P u, v>: backward of x -> xh applied to v is r P(v)
    x = leaf(rng.standard_normal((6, 2, 3)))
    u, v = (torch.tensor(rng.standard_normal((6, 2, 3))) for _ in range(2))
    (pv,), (pu,) = (grad(fused(x), x, w) for w in (v, u))
    np.testing.assert_allclose((u * pv).sum((0, 2)).numpy(), (pu * v).sum((0, 2)).numpy(), rtol=1e-10)


def test_a_uniform_upstream_gradient_gives_zero(rng):
    x = leaf(rng.standard_normal((8, 4)))
    (g,) = grad(fused(x).sum(), x)
    assert np.abs(g.numpy()).max() < 1e-14


LAYOUTS = {
    "contiguous": lambda a: a,
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
    "reversed strides order": lambda a: np.ascontiguousarray(a.T).T,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_memory_layout_does_not_matter(rng, shape, layout):
    a, upstream = rng.standard_normal(shape), rng.standard_normal(shape)
    results = []
    for arrange in (LAYOUTS["contiguous"], LAYOUTS[layout]):
        x = torch.from_numpy(arrange(a)).requires_grad_()
        y = fused(x)
        y.backward(torch.from_numpy(arrange(upstream)))
        results.append((y.detach().numpy(), x.grad.numpy()))
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("offset", [0.0, 10.0, 1e3, 1e4, 1e6])
@pytest.mark.parametrize("shape", [(12544, 32), (64, 32, 14, 14), (64, 32, 196)])
def test_accuracy_at_any_offset(rng, shape, offset, training):
    dims, column = (0, *range(2, len(shape))), (1, -1, *(1,) * (len(shape) - 2))
    a = (rng.standard_normal(shape) + offset).astype(np.float32)
    upstream = rng.standard_normal(shape).astype(np.float32)
    exact = a.astype(np.float64)
    mean, var = exact.mean(dims), exact.var(dims)
    if not training:  # exact running estimates as far as float32 holds them
        mean, var = (v.astype(np.float32).astype(np.float64) for v in (mean, var))
    r = (1 / np.sqrt(var + 1e-5)).reshape(column)
    xh = (exact - mean.reshape(column)) * r
    x = torch.from_numpy(a).requires_grad_()
    given = (torch.tensor(mean, dtype=torch.float32), torch.tensor(var, dtype=torch.float32))
    y = F.batch_norm(x, *((None, None) if training else given), training=training)
    y.backward(torch.from_numpy(upstream))
    assert np.sqrt(np.mean((y.detach().numpy() - xh) ** 2)) < 2e-7
    g = upstream.astype(np.float64)
    if training:
        g = g - g.mean(dims, keepdims=True) - xh * (xh * g).mean(dims, keepdims=True)
    assert np.linalg.norm(x.grad.numpy() - r * g) < 1e-6 * np.linalg.norm(r * g)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [(d, v) for d in (torch.float32, torch.float64) for v in (0.0, 3.0, 100.1, 1e7 + 1, -1e30, 1e-40)]
    + [(torch.float16, v) for v in (3.0, 100.1, 6e4, 1e-7)],
)
@pytest.mark.parametrize("shape", [(7, 2), (4, 2, 3), (3, 2, 5, 7)])
def test_a_constant_channel_gives_exactly_the_bias(shape, dtype, value):
    x = torch.full(shape, value, dtype=dtype)
    bias = torch.tensor([0.25, -3.0], dtype=dtype)
    y = fused(x, torch.tensor([2.0, 1e3], dtype=dtype), bias)
    assert (y == bias.reshape(1, 2, *(1,) * (len(shape) - 2))).all()


values = st.one_of(
    st.floats(-1e3, 1e3, width=32),
    st.sampled_from([0.0, -0.0, 1e6, -1e6, 1e30, 1e-40, 3.4e38, float("inf"), float("-inf"), float("nan")]),
)


@given(st.data())
def test_hostile_values_stay_in_their_channel_and_corrupt_nothing(data):
    shape = data.draw(st.sampled_from([(2, 3), (4, 3), (2, 3, 2), (3, 3, 2, 2)]))
    eps = data.draw(st.sampled_from([1e-5, 1e-12, 1e-3, 1.0]))
    momentum = data.draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    count = int(np.prod(shape)) // 3
    a = np.array(data.draw(st.lists(values, min_size=3 * count, max_size=3 * count)), np.float32)
    x = np.ascontiguousarray(np.moveaxis(a.reshape(3, shape[0], *shape[2:]), 0, 1))
    mean, var = torch.tensor([1.0, -2.0, 3.0]), torch.tensor([1.0, 0.5, 2.0])
    before = mean.clone(), var.clone()
    kept = x.copy()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        y = F.batch_norm(torch.from_numpy(x), mean, var, training=True, eps=eps, momentum=momentum).numpy()
    np.testing.assert_array_equal(x, kept)
    dims = (0, *range(2, len(shape)))
    exact = x.astype(np.float64)
    with np.errstate(all="ignore"):
        centred = exact - exact.mean(dims, keepdims=True)
        variance = (centred**2).mean(dims, keepdims=True)
        expected = centred / np.sqrt(variance + eps)
        unbiased = (variance.reshape(-1) * count / (count - 1)).astype(np.float32)
    good = np.isfinite(exact).all(dims)
    np.testing.assert_allclose(np.moveaxis(y, 1, 0)[good], np.moveaxis(expected, 1, 0)[good], rtol=2e-6, atol=2e-7)
    assert np.isnan(np.moveaxis(y, 1, 0)[~good]).all()
    folded = good.all() and np.isfinite(unbiased).all()
    assert folded == (not caught)
    if folded:
        new_mean = (1 - momentum) * before[0].numpy() + momentum * exact.mean(dims)
        np.testing.assert_allclose(mean.numpy(), new_mean, rtol=1e-5, atol=1e-6)
    else:
        assert torch.equal(mean, before[0])
        assert torch.equal(var, before[1])


def test_an_empty_batch_changes_nothing_but_is_checked():
    mean, var = torch.zeros(3), torch.ones(3)
    x = torch.zeros(0, 3, 4, requires_grad=True)
    weight, bias = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    y = F.batch_norm(x, mean, var, weight, bias, training=True)
    assert y.shape == (0, 3, 4)
    y.sum().backward()
    assert x.grad.shape == (0, 3, 4)
    assert weight.grad.tolist() == bias.grad.tolist() == [0.0] * 3
    assert mean.tolist() == [0.0] * 3
    assert var.tolist() == [1.0] * 3
    with pytest.raises(RuntimeError, match="running_mean should contain 5 elements not 3"):
        F.batch_norm(torch.zeros(0, 5), mean, var, training=True)


def test_evaluation_is_the_formula_and_differentiable(rng):
    x, weight, bias = leaf(rng.standard_normal((4, 3, 2))), leaf(rng.standard_normal(3)), leaf(rng.standard_normal(3))
    mean, var = torch.tensor(rng.standard_normal(3)), torch.tensor(rng.random(3) + 0.5)
    column = (1, 3, 1)

    def formula(x, weight, bias):
        r = 1 / (var + 1e-5).sqrt()
        return (x - mean.reshape(column)) * (weight * r).reshape(column) + bias.reshape(column)

    inputs = (x, weight, bias)
    direction = torch.tensor(rng.standard_normal((4, 3, 2)))
    pairs = []
    for function in (lambda *v: F.batch_norm(v[0], mean, var, v[1], v[2]), formula):
        y = function(*inputs)
        first = grad((y * direction).sum(), inputs, create_graph=True)
        second = grad(sum(((g * g).sum() for g in first), torch.tensor(0.0)), inputs, materialize_grads=True)
        pairs.append((y, *first, *second))
    for ours, plain in zip(*pairs):
        np.testing.assert_allclose(ours.detach().numpy(), plain.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_statistics_are_snapshots(rng):
    # pytorch#13402: a later training pass must not change the gradient of an earlier evaluation
    mean, var = torch.zeros(3), torch.ones(3)
    x = leaf(rng.standard_normal((5, 3))).detach().float().requires_grad_()
    y = F.batch_norm(x, mean, var)
    F.batch_norm(torch.randn(50, 3) * 9 + 4, mean, var, training=True, momentum=1.0)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((5, 3), 1 / np.sqrt(1 + 1e-5)), rtol=1e-6)


def test_half_precision_with_float32_parameters(rng):
    x = torch.tensor(rng.standard_normal((16, 4)) * 300 + 50, dtype=torch.float16).requires_grad_()
    weight, bias = torch.ones(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    mean, var = torch.zeros(4), torch.ones(4)
    y = F.batch_norm(x, mean, var, weight, bias, training=True)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == torch.float16
    assert weight.grad.dtype == mean.dtype == torch.float32
    exact = x.detach().numpy().astype(np.float64)
    np.testing.assert_allclose(mean.numpy(), exact.mean(0) * 0.1, rtol=1e-6)
    np.testing.assert_allclose(var.numpy(), 0.9 + exact.var(0, ddof=1) * 0.1, rtol=1e-6)
    np.testing.assert_allclose(y.detach().numpy(), (exact - exact.mean(0)) / exact.std(0), atol=2e-3)


def test_no_reference_cycles_and_no_statistics_outlive_backward(rng):
    import gc
    import weakref

    gc.disable()
    try:
        x = leaf(rng.standard_normal((4, 3)))
        y = fused(x, leaf(np.ones(3)), leaf(np.zeros(3)))
        node = weakref.ref(y.grad_fn)
        y.sum().backward()
        del y
        assert node() is None
    finally:
        gc.enable()


WANTED = [w for w in itertools.product([False, True], repeat=3) if any(w)]  # input, weight, bias
STATISTICS = np.array([0.5, -1.0, 2.0]), np.array([0.75, 2.0, 0.1])


def normalised(training, x, weight, bias, mask=None):
    given = (None, None) if training else tuple(torch.tensor(v).to(x.dtype) for v in STATISTICS)
    return F.batch_norm(x, *given, weight, bias, training=training, mask=mask)


@pytest.mark.parametrize("kernels", ["numpy", pytest.param("numba", marks=needs_numba)])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("wanted", WANTED, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_the_gradients_that_are_asked_for_are_those_of_all(rng, training, wanted, layout, kernels):
    arrays = LAYOUTS[layout](rng.standard_normal((4, 3, 6))), *rng.standard_normal((2, 3))
    g = torch.tensor(LAYOUTS[layout](rng.standard_normal((4, 3, 6))))
    with use(kernels):
        some = [torch.from_numpy(a.copy(order="K")).requires_grad_(w) for a, w in zip(arrays, wanted)]
        every = [torch.from_numpy(a.copy(order="K")).requires_grad_() for a in arrays]
        for leaves in (some, every):
            normalised(training, *leaves).backward(g)
    for part, full, asked in zip(some, every, wanted):
        assert (part.grad is not None) == asked
        if asked:
            np.testing.assert_allclose(part.grad.numpy(), full.grad.numpy(), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("affine, wanted", [(True, w) for w in WANTED] + [(False, (True, False, False))], ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_higher_orders_with_the_gradients_that_are_asked_for(rng, training, wanted, affine, masked):
    leaves = [leaf(a).requires_grad_(w) for a, w in zip((rng.standard_normal((4, 3, 2)), *rng.random((2, 3))), wanted)]
    mask = torch.tensor(rng.random((4, 3, 2)) < 0.7) if masked else None
    leaves = leaves if affine else leaves[:1]
    asked = [v for v in leaves if v.requires_grad]

    def function(*values):
        filled = iter(values)
        x, weight, bias = [*(next(filled) if v.requires_grad else v for v in leaves), None, None][:3]
        return normalised(training, x, weight, bias, mask)

    assert torch.autograd.gradcheck(function, asked)
    assert torch.autograd.gradgradcheck(function, asked)
    # the third order, which meets what the second computed
    v = [torch.tensor(rng.standard_normal(a.shape)) for a in asked]

    def directional(*values):
        grads = grad(function(*values).exp().sum(), values, create_graph=True)
        return sum((a * b).sum() for a, b in zip(grads, v))

    assert torch.autograd.gradgradcheck(directional, asked)


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_of_an_input_nobody_asked_for_is_not_computed(rng, monkeypatch, training):
    computed = []
    name = "batch_norm_backward" if training else "normalize_backward"
    kernel = getattr(norm, name)

    def noted(*args):
        result = kernel(*args)
        computed.append(result[0] is not None)
        return result

    monkeypatch.setitem(norm.__dict__, name, noted)
    x, weight, bias = torch.tensor(rng.standard_normal((4, 3, 6))), leaf(np.ones(3)), leaf(np.zeros(3))
    normalised(training, x, weight, bias).sum().backward()
    normalised(training, x.requires_grad_(), weight, bias).sum().backward()
    assert computed == [False, True]


def test_a_frozen_layer_in_evaluation_keeps_no_input(rng):
    x, weight, bias = torch.tensor(rng.standard_normal((4, 3, 6))), leaf(np.ones(3)), torch.zeros(3).double()
    x = x.requires_grad_() * 1
    kept = weakref.ref(x._data)
    y = normalised(False, x, weight.detach(), bias)
    del x
    assert kept() is None
    y.sum().backward()
    x = leaf(rng.standard_normal((4, 3, 6))) * 1
    kept = weakref.ref(x._data)
    y = normalised(False, x, weight, bias)
    del x
    assert kept() is not None
