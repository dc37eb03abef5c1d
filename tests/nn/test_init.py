"""nn.init: bounds, variances, structure; what is refused. Bit-for-bit equality with PyTorch is tested in parity/."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.nn import init

BIG = (200, 300)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", [BIG, (40, 30, 5, 4)], ids=str)
def test_xavier(shape):
    kernel = math.prod(shape[2:])
    fan_in, fan_out = shape[1] * kernel, shape[0] * kernel
    std = 2.0 * math.sqrt(2 / (fan_in + fan_out))
    w = init.xavier_uniform_(torch.empty(shape), gain=2.0)
    assert w.abs().max().item() <= math.sqrt(3) * std
    assert w.std().item() == pytest.approx(std, rel=0.02)
    assert init.xavier_normal_(torch.empty(shape), gain=2.0).std().item() == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("mode, fan", [("fan_in", 600), ("fan_out", 800)])
def test_kaiming(mode, fan):
    std = math.sqrt(2 / fan)
    w = init.kaiming_uniform_(torch.empty(40, 30, 5, 4), mode=mode, nonlinearity="relu")
    assert w.abs().max().item() <= math.sqrt(3) * std
    assert w.std().item() == pytest.approx(std, rel=0.02)
    w = init.kaiming_normal_(torch.empty(40, 30, 5, 4), mode=mode, nonlinearity="relu")
    assert w.std().item() == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("bounds", [(-2.0, 2.0), (-0.5, 1.0), (1.5, 2.5)])
def test_trunc_normal_stays_inside(bounds):
    w = init.trunc_normal_(torch.empty(5000), 0.0, 1.0, *bounds)
    assert bounds[0] <= w.min().item()
    assert w.max().item() <= bounds[1]
    lo, hi = (math.exp(-b * b / 2) / math.sqrt(2 * math.pi) for b in bounds)
    mass = (math.erf(bounds[1] / math.sqrt(2)) - math.erf(bounds[0] / math.sqrt(2))) / 2
    assert w.mean().item() == pytest.approx((lo - hi) / mass, abs=0.05)  # the truncated normal's mean


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (3, 2, 4)], ids=str)
def test_orthogonal(shape):
    w = init.orthogonal_(torch.empty(shape, dtype=torch.float64), gain=2.0).numpy().reshape(shape[0], -1)
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_sparse_zeroes_a_share_of_each_column():
    w = init.sparse_(torch.empty(10, 6), sparsity=0.25)
    assert ((w == 0).sum(0) == 3).all()


def test_constants_and_identities():
    assert init.constant_(torch.empty(2), 0.5).tolist() == [0.5, 0.5]
    assert init.ones_(torch.empty(2)).tolist() == [1.0, 1.0]
    assert init.zeros_(torch.empty(2)).tolist() == [0.0, 0.0]
    np.testing.assert_array_equal(init.eye_(torch.empty(2, 3)).numpy(), np.eye(2, 3))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("spatial", [(3,), (3, 5), (3, 1, 5)], ids=str)
def test_dirac_passes_channels_on(spatial, groups):
    w = init.dirac_(torch.empty(4, 2, *spatial), groups).numpy()
    centre = (slice(None), slice(None), *(n // 2 for n in spatial))
    expected = np.zeros((4, 2))
    for group in range(groups):
        expected[group * (4 // groups) + np.arange(2), np.arange(2)] = 1
    np.testing.assert_array_equal(w[centre], expected)
    assert w.sum() == expected.sum()


@pytest.mark.parametrize(
    "fill",
    [init.uniform_, init.normal_, init.trunc_normal_, init.ones_, init.zeros_, init.eye_, init.xavier_uniform_]
    + [init.xavier_normal_, init.kaiming_uniform_, init.kaiming_normal_, init.orthogonal_],
)
def test_leaves_that_require_a_gradient_are_filled_unrecorded(fill):
    w = torch.full((3, 3), 7.0, requires_grad=True)
    version = w._version
    assert fill(w) is w
    assert w.is_leaf
    assert w.requires_grad
    assert w._version > version
    assert not (w == 7).any()


@pytest.mark.parametrize("fill", [init.uniform_, init.normal_, init.trunc_normal_, init.kaiming_uniform_])
def test_a_generator_leaves_the_default_one_alone(fill):
    state = torch.get_rng_state()
    first = fill(torch.empty(4, 4), generator=torch.Generator().manual_seed(1)).tolist()
    assert torch.equal(state, torch.get_rng_state())
    assert fill(torch.empty(4, 4), generator=torch.Generator().manual_seed(1)).tolist() == first


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: init.xavier_uniform_(torch.empty(3)), "Fan in and fan out can not be computed"),
        (lambda: init.kaiming_normal_(torch.empty(3)), "Fan in and fan out can not be computed"),
        (lambda: init.kaiming_normal_(torch.empty(3, 3), mode="fan"), "Mode fan not supported"),
        (lambda: init.calculate_gain("soft"), "Unsupported nonlinearity soft"),
        (lambda: init.calculate_gain("leaky_relu", "x"), "negative_slope x not a valid number"),
        (lambda: init.eye_(torch.empty(3)), "Only tensors with 2 dimensions are supported"),
        (lambda: init.sparse_(torch.empty(3), 0.1), "Only tensors with 2 dimensions are supported"),
        (lambda: init.dirac_(torch.empty(3, 3)), "Only tensors with 3, 4, or 5 dimensions are supported"),
        (lambda: init.dirac_(torch.empty(3, 3, 3), 2), "dim 0 must be divisible by groups"),
        (lambda: init.orthogonal_(torch.empty(3)), "Only tensors with 2 or more dimensions are supported"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
