"""Instance, group, layer and RMS normalization against twins of plain operators, against float64, on hostile values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn as torch
import minitorch_bn.nn.functional as F
from minitorch_bn.autograd import grad

OFFSETS = [0.0, 10.0, 1e3, 1e4, 1e6]


def standardised(x, dims, eps=1e-5):
    """Written with plain operators: the tape differentiates it by itself."""
    centred = x - x.mean(dims, keepdim=True)
    return centred / ((centred * centred).mean(dims, keepdim=True) + eps).sqrt()


def grouped(x, groups, eps=1e-5):
    return standardised(x.reshape(x.shape[0], groups, -1), (2,), eps).reshape(x.shape)


# name -> (ours, twin, shape of x, shape of the parameters, shape in which they broadcast)
CASES = {
    "instance": (
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
        lambda x: standardised(x, (2,)),
        (3, 4, 5),
        (4,),
        (4, 1),
    ),
    "instance 2d": (
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
        lambda x: standardised(x, (2, 3)),
        (2, 3, 2, 3),
        (3,),
        (3, 1, 1),
    ),
    "group": (lambda x, w, b: F.group_norm(x, 2, w, b), lambda x: grouped(x, 2), (3, 4, 5), (4,), (4, 1)),
    "group of (N, C)": (lambda x, w, b: F.group_norm(x, 3, w, b), lambda x: grouped(x, 3), (4, 6), (6,), (6,)),
    "one group": (lambda x, w, b: F.group_norm(x, 1, w, b), lambda x: grouped(x, 1), (2, 3, 2, 2), (3,), (3, 1, 1)),
    "layer": (lambda x, w, b: F.layer_norm(x, (5,), w, b), lambda x: standardised(x, (-1,)), (3, 2, 5), (5,), (5,)),
    "layer of two": (
        lambda x, w, b: F.layer_norm(x, (2, 5), w, b),
        lambda x: standardised(x, (-2, -1)),
        (3, 2, 5),
        (2, 5),
        (2, 5),
    ),
    "layer of all": (lambda x, w, b: F.layer_norm(x, (6,), w, b), lambda x: standardised(x, (0,)), (6,), (6,), (6,)),
    "rms": (
        lambda x, w, b: F.rms_norm(x, (5,), w, 1e-5) + b,
        lambda x: x / ((x * x).mean((-1,), keepdim=True) + 1e-5).sqrt(),
        (3, 2, 5),
        (5,),
        (5,),
    ),
    "rms of two": (
        lambda x, w, b: F.rms_norm(x, (2, 5), w, 1e-5) + b,
        lambda x: x / ((x * x).mean((-2, -1), keepdim=True) + 1e-5).sqrt(),
        (3, 2, 5),
        (2, 5),
        (2, 5),
    ),
}
every_case = pytest.mark.parametrize("ours, twin, shape, parameters, column", CASES.values(), ids=CASES)


def leaf(array, dtype=torch.float64):
    return torch.tensor(np.asarray(array), dtype=dtype, requires_grad=True)


def inputs_of(rng, shape, parameters):
    return (
        leaf(rng.standard_normal(shape)),
        leaf(rng.standard_normal(parameters)),
        leaf(rng.standard_normal(parameters)),
    )


@every_case
@pytest.mark.parametrize("zero_weight", [False, True])
def test_derivatives_of_order_one_to_three_equal_the_twins(rng, ours, twin, shape, parameters, column, zero_weight):
    inputs = inputs_of(rng, shape, parameters)
    if zero_weight:
        with torch.no_grad():
            inputs[1][0] = 0.0
    directions = [[torch.tensor(rng.standard_normal(v.shape)) for v in inputs] for _ in range(3)]

    def derivatives(function):
        y = function(*inputs)
        scalar = (y * directions[0][0]).sum() + (y**3).sum()
        result = [y]
        for along in directions:
            grads = grad(scalar, inputs, create_graph=True, materialize_grads=True)
            result += grads
            scalar = sum(((g * d).sum() + (g * g).sum() for g, d in zip(grads, along)), torch.tensor(0.0))
        return result

    def plain(x, w, b):
        return twin(x) * w.reshape(column) + b.reshape(column)

    for one, other in zip(derivatives(ours), derivatives(plain)):
        scale = other.abs().max().item() + 1.0
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-9, atol=1e-11 * scale)


@every_case
def test_any_of_the_gradients_recorded_or_not(rng, ours, twin, shape, parameters, column):
    given = inputs_of(rng, shape, parameters)
    upstream = torch.tensor(rng.standard_normal(shape))
    plain = grad((twin(given[0]) * given[1].reshape(column) + given[2].reshape(column)), given, upstream)
    for wanted in itertools.product([False, True], repeat=3):
        if not any(wanted):
            continue
        inputs = [v.detach().requires_grad_(w) for v, w in zip(given, wanted)]
        y, leaves = ours(*inputs), [v for v, w in zip(inputs, wanted) if w]
        for create_graph in (True, False):
            grads = grad(y, leaves, upstream, create_graph=create_graph)
            for one, other in zip(grads, [g for g, w in zip(plain, wanted) if w], strict=True):
                assert create_graph or not one.requires_grad
                assert one.shape == other.shape
                np.testing.assert_allclose(one.detach().numpy(), other.numpy(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "function", [lambda x, w, b: F.layer_norm(x, (6,), w, b), lambda x, w, b: F.group_norm(x, 3, w, b)]
)
def test_a_weight_or_a_bias_alone(rng, function):
    x, w, b = inputs_of(rng, (4, 6), (6,))
    upstream = torch.tensor(rng.standard_normal((4, 6)))
    every = grad(function(x, w, b), (x, w, b), upstream)
    np.testing.assert_allclose(grad(function(x, w, None), w, upstream)[0].numpy(), every[1].numpy(), rtol=1e-13)
    np.testing.assert_allclose(grad(function(x, None, b), b, upstream)[0].numpy(), every[2].numpy(), rtol=1e-13)
    np.testing.assert_allclose(grad(function(x, w, None), x, upstream)[0].numpy(), every[0].numpy(), rtol=1e-11)


LARGE = {
    "instance": ((16, 8, 14, 14), lambda x, w, b: F.instance_norm(x, weight=w, bias=b), (2, 3), (8, 1, 1)),
    "group": ((16, 8, 14, 14), lambda x, w, b: F.group_norm(x, 8, w, b), (2, 3), (8, 1, 1)),
    "layer": ((4096, 64), lambda x, w, b: F.layer_norm(x, (64,), w, b), (1,), (64,)),
    "long layer": ((64, 3000), lambda x, w, b: F.layer_norm(x, (3000,), w, b), (1,), (3000,)),
}


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("case", LARGE)
def test_accuracy_at_any_offset(rng, case, offset):
    shape, ours, dims, column = LARGE[case]
    a = (rng.standard_normal(shape) + offset).astype(np.float32)
    upstream = rng.standard_normal(shape).astype(np.float32)
    w, b = (rng.standard_normal(math.prod(column)).astype(np.float32) for _ in range(2))
    exact, wide_w = a.astype(np.float64), w.astype(np.float64).reshape(column)
    r = 1 / np.sqrt(exact.var(dims, keepdims=True) + 1e-5)
    xh = (exact - exact.mean(dims, keepdims=True)) * r
    x, weight, bias = (leaf(v, torch.float32) for v in (a, w, b))
    y = ours(x, weight, bias)
    y.backward(torch.from_numpy(upstream))
    expected = xh * wide_w + b.reshape(column)
    assert np.sqrt(np.mean((y.detach().numpy() - expected) ** 2)) < 2e-7
    g = upstream * wide_w
    gx = r * (g - g.mean(dims, keepdims=True) - xh * (xh * g).mean(dims, keepdims=True))
    assert np.linalg.norm(x.grad.numpy() - gx) < 1e-6 * np.linalg.norm(gx)
    rest = tuple(i for i in range(len(shape)) if ((1,) * (len(shape) - len(column)) + column)[i] == 1)
    for ours_grad, theirs in ((weight.grad, upstream * xh), (bias.grad, upstream.astype(np.float64))):
        theirs = theirs.sum(rest)
        assert np.linalg.norm(ours_grad.numpy() - theirs) < 1e-6 * np.linalg.norm(theirs)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e6, 1e25, 1e38])
def test_rms_norm_at_any_scale(rng, scale):
    a, upstream = (rng.standard_normal((64, 128)).astype(np.float32) for _ in range(2))
    a = a * np.float32(scale / 4)
    exact = a.astype(np.float64)
    r = 1 / np.sqrt((exact**2).mean(1, keepdims=True) + 1e-12)
    x = leaf(a, torch.float32)
    y = F.rms_norm(x, (128,), eps=1e-12)
    y.backward(torch.from_numpy(upstream))
    np.testing.assert_allclose(y.detach().numpy(), exact * r, rtol=2e-7, atol=1e-45)
    gx = r * (upstream - exact * r * (upstream * exact * r).mean(1, keepdims=True))
    assert np.abs(x.grad.numpy() - gx).max() <= 1e-6 * np.abs(gx).max() + 1e-44


CONSTANT = {
    "instance": lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
    "group": lambda x, w, b: F.group_norm(x, 2, w, b),
    "layer": lambda x, w, b: F.layer_norm(x, (7,), None if w is None else w[:1].expand(7), b[:1].expand(7)),
}


@pytest.mark.parametrize("function", CONSTANT)
@pytest.mark.parametrize(
    ("dtype", "value"),
    [(d, v) for d in (torch.float32, torch.float64) for v in (0.0, 3.0, 100.1, 1e7 + 1, -1e30, 1e-40)]
    + [(d, v) for d in (torch.float16, torch.bfloat16) for v in (3.0, 100.1, 6e4, 1e-7)],
)
def test_a_constant_gives_exactly_the_bias(function, dtype, value):
    x = torch.full((3, 2, 7), value).to(dtype)
    weight, bias = torch.tensor([2.0, 1e3]).to(dtype), torch.tensor([0.25, -3.0]).to(dtype)
    y = CONSTANT[function](x, weight, bias)
    expected = bias[:1] if function == "layer" else bias.reshape(2, 1)
    assert (y == expected.expand(3, 2, 7)).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("float32_parameters", [False, True])
@pytest.mark.parametrize("function", ["group", "layer", "rms", "instance"])
def test_half_precision_is_computed_in_float32(rng, function, dtype, float32_parameters):
    # std 300: the square of a single value is not finite in float16
    x = torch.tensor(rng.standard_normal((4, 8, 6)) * 300 + 50).to(dtype).requires_grad_()
    kind = torch.float32 if float32_parameters else dtype
    n = 6 if function in ("layer", "rms") else 8
    w, b = (torch.tensor(rng.standard_normal(n)).to(kind).requires_grad_() for _ in range(2))
    g = torch.tensor(rng.standard_normal((4, 8, 6))).to(dtype)
    calls = {
        "group": lambda x, w, b: F.group_norm(x, 2, w, b),
        "layer": lambda x, w, b: F.layer_norm(x, (6,), w, b),
        "rms": lambda x, w, b: F.rms_norm(x, (6,), w, 1e-5),
        "instance": lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
    }
    y = calls[function](x, w, b)
    y.backward(g)
    wide = [v.detach().double().requires_grad_() for v in (x, w, b)]
    exact = calls[function](*wide)
    exact.backward(g.double())
    eps = torch.finfo(dtype).eps
    assert y.dtype == x.grad.dtype == dtype
    np.testing.assert_allclose(y.detach().double().numpy(), exact.detach().numpy(), rtol=2 * eps, atol=eps)
    assert w.grad.dtype == kind
    for ours, theirs in zip((x, w), wide):
        scale = theirs.grad.abs().max().item()
        np.testing.assert_allclose(ours.grad.double().numpy(), theirs.grad.numpy(), rtol=2 * eps, atol=2 * eps * scale)


values = st.one_of(
    st.floats(-1e3, 1e3, width=32),
    st.sampled_from([0.0, -0.0, 1e6, -1e6, 1e30, 1e-40, 3.4e38, float("inf"), float("-inf"), float("nan")]),
)


@given(st.data())
def test_hostile_values_stay_in_their_row(data):
    rows, length = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 6))
    eps = data.draw(st.sampled_from([1e-5, 1e-12, 1.0]))
    a = np.array(data.draw(st.lists(values, min_size=rows * length, max_size=rows * length)), np.float32)
    a = a.reshape(rows, length)
    kept, exact = a.copy(), a.astype(np.float64)
    good = np.isfinite(exact).all(1)
    with np.errstate(all="ignore"):
        centred = exact - exact.mean(1, keepdims=True)
        layer = centred / np.sqrt((centred**2).mean(1, keepdims=True) + eps)
        rms = exact / np.sqrt((exact**2).mean(1, keepdims=True) + eps)
    x = torch.from_numpy(a)
    for y in (
        F.layer_norm(x, (length,), eps=eps),
        F.instance_norm(x.reshape(1, rows, length), eps=eps).reshape(rows, length),
        F.group_norm(x.reshape(1, rows, length), rows, eps=eps).reshape(rows, length),
    ):
        np.testing.assert_allclose(y.numpy()[good], layer[good], rtol=2e-6, atol=2e-7)
        assert np.isnan(y.numpy()[~good]).all()
    np.testing.assert_allclose(F.rms_norm(x, (length,), eps=eps).numpy()[good], rms[good], rtol=1e-6, atol=1e-44)
    np.testing.assert_array_equal(a, kept)


EMPTY = {
    "instance without samples": ((0, 4, 3), lambda x, w, b: F.instance_norm(x, weight=w, bias=b)),
    "instance without channels": ((2, 0, 3), lambda x, w, b: F.instance_norm(x)),
    "instance without positions": ((2, 4, 0), lambda x, w, b: F.instance_norm(x, weight=w, bias=b)),
    "group without samples": ((0, 4, 3), lambda x, w, b: F.group_norm(x, 2, w, b)),
    "group without channels": ((2, 0, 3), lambda x, w, b: F.group_norm(x, 1)),
    "group without positions": ((2, 4, 0), lambda x, w, b: F.group_norm(x, 2, w, b)),
    "layer without rows": ((0, 3, 4), lambda x, w, b: F.layer_norm(x, (4,), w, b)),
    "layer without length": ((3, 0), lambda x, w, b: F.layer_norm(x, (0,))),
    "rms without rows": ((0, 4), lambda x, w, b: F.rms_norm(x, (4,), w)),
    "rms without length": ((3, 0), lambda x, w, b: F.rms_norm(x, (0,))),
}


@pytest.mark.parametrize("shape, function", EMPTY.values(), ids=EMPTY)
def test_empty_input_gives_empty_output_and_zero_gradients(shape, function):
    x, w, b = (
        torch.zeros(shape, requires_grad=True),
        torch.ones(4, requires_grad=True),
        torch.zeros(4, requires_grad=True),
    )
    y = function(x, w, b)
    assert y.shape == shape
    y.sum().backward()
    assert x.grad.shape == shape
    assert all(v.grad is None or v.grad.tolist() == [0.0] * 4 for v in (w, b))


def test_instance_norm_folds_the_average_over_samples(rng):
    a = rng.standard_normal((5, 3, 7)) * 4 + 2
    mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    F.instance_norm(torch.tensor(a), mean, var, momentum=0.25)
    np.testing.assert_allclose(mean.numpy(), 0.25 * a.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(var.numpy(), 0.75 + 0.25 * a.var(2, ddof=1).mean(0), rtol=1e-12)


def test_running_estimates_ignore_what_is_not_finite_or_empty():
    mean, var = torch.zeros(2), torch.ones(2)
    x = torch.zeros(2, 2, 3)
    x[0, 1, 0] = float("inf")
    with pytest.warns(RuntimeWarning, match=r"channels \[1\] are not finite"):
        F.instance_norm(x, mean, var)
    F.instance_norm(torch.zeros(0, 2, 3), mean, var)
    F.instance_norm(torch.zeros(2, 2, 0), mean, var)
    assert mean.tolist() == [0.0, 0.0]
    assert var.tolist() == [1.0, 1.0]


def test_a_refused_call_changes_nothing():
    mean, var = torch.zeros(2), torch.ones(2)
    with pytest.raises(RuntimeError, match="weight should contain 6 elements not 9"):
        F.instance_norm(torch.randn(3, 2, 4), mean, var, torch.ones(3))
    with pytest.raises(ValueError, match="Expected more than 1 spatial element when training"):
        F.instance_norm(torch.randn(3, 2, 1), mean, var)
    assert mean.tolist() == [0.0, 0.0]
    assert var.tolist() == [1.0, 1.0]


def test_the_wrong_bias_is_named_with_its_own_shape():
    # PyTorch 2.13 prints the weight's
    with pytest.raises(RuntimeError, match=r"but got bias of shape \[4\] and input of shape \[2, 6, 3\]"):
        F.group_norm(torch.ones(2, 6, 3), 2, torch.ones(6), torch.ones(4))


def test_statistics_are_snapshots(rng):
    mean, var = torch.zeros(3), torch.ones(3)
    x = leaf(rng.standard_normal((5, 3, 2)), torch.float32)
    y = F.instance_norm(x, mean, var, use_input_stats=False)
    F.instance_norm(torch.randn(9, 3, 5) * 9 + 4, mean, var, momentum=1.0)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((5, 3, 2), 1 / np.sqrt(1 + 1e-5)), rtol=1e-6)


def test_the_five_layers_are_one(rng):
    """One group is layer norm over all but N, C groups are instance norm, which for one sample is batch norm."""
    x = torch.tensor(rng.standard_normal((3, 4, 5)))
    torch.testing.assert_close(F.group_norm(x, 1), F.layer_norm(x, (4, 5)))
    torch.testing.assert_close(F.group_norm(x, 4), F.instance_norm(x))
    torch.testing.assert_close(F.instance_norm(x[:1]), F.batch_norm(x[:1], None, None, training=True))
    centred = x - x.mean(-1, keepdim=True)
    torch.testing.assert_close(F.rms_norm(centred, (5,), eps=1e-5), F.layer_norm(x, (5,)))


LAYOUTS = {
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
}


@every_case
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layout_does_not_matter(rng, ours, twin, shape, parameters, column, layout):
    a, upstream = rng.standard_normal(shape), rng.standard_normal(shape)
    _, w, b = inputs_of(rng, shape, parameters)
    results = []
    for arrange in (np.ascontiguousarray, LAYOUTS[layout]):
        x = torch.from_numpy(arrange(a)).requires_grad_()
        y = ours(x, w, b)
        results.append((y.detach().numpy(), grad(y, x, torch.from_numpy(arrange(upstream)))[0].numpy()))
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
