"""Losses against their definitions in float64, the fused cross entropy against a twin of plain operators."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import minitorch_bn as torch
import minitorch_bn.nn.functional as F
from minitorch_bn.autograd import grad, gradcheck, gradgradcheck

REDUCTIONS = ["mean", "sum", "none"]
SHAPES = [(4, 3), (2, 3, 5), (2, 3, 2, 2), (2, 3, 1, 2, 2)]


def twin(x, target, weight=None, ignore_index=-100, smoothing=0.0, reduction="mean"):
    """Cross entropy written with plain operators, samples one by one as its definition says."""
    classes = x.shape[1]
    rows = x.movedim(1, -1).reshape(-1, classes).log_softmax(1)  # (N, C, ...) -> (N * ..., C)
    weight = torch.ones(classes, dtype=x.dtype) if weight is None else weight
    losses, mass = [], 0.0
    for row, label in zip(rows.unbind(0), target.flatten().tolist()):
        if label == ignore_index:
            losses.append(row.sum() * 0)
            continue
        hard, soft = -row[label] * weight[label], -(row * weight).sum() / classes
        losses.append((1 - smoothing) * hard + smoothing * soft)
        mass += weight[label].item()
    if reduction == "none":
        return torch.stack(losses).reshape(target.shape)
    total = sum(losses[1:], losses[0])
    return total / mass if reduction == "mean" else total


def drawn(rng, shape):
    x = torch.tensor(rng.normal(size=shape), requires_grad=True)
    return x, torch.tensor(rng.integers(0, shape[1], shape[:1] + shape[2:]))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("shape", [(5, 1), (5, 64), (5, 65), (1, 300), (2, 70, 3)], ids=str)
def test_cross_entropy_of_few_and_of_many_classes_is_its_formula(rng, shape, turned):
    array = rng.normal(size=shape[::-1]).T if turned else rng.normal(size=shape)
    target = rng.integers(0, shape[1], shape[:1] + shape[2:])
    x, before = torch.from_numpy(array).requires_grad_(), array.copy()
    losses = F.cross_entropy(x, torch.from_numpy(target), reduction="none")
    upstream = rng.normal(size=target.shape)
    losses.backward(torch.from_numpy(upstream))
    p = np.exp(array) / np.exp(array).sum(1, keepdims=True)
    picked = np.take_along_axis(p, target[:, None], 1)
    np.testing.assert_allclose(losses.detach().numpy(), -np.log(picked)[:, 0], rtol=1e-12, atol=1e-12)
    np.put_along_axis(p, target[:, None], picked - 1, 1)
    np.testing.assert_allclose(x.grad.numpy(), p * upstream[:, None], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore_index", [-100, 1])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_equals_its_twin_to_the_third_order(rng, shape, ignore_index, weighted, smoothing, reduction):
    x, target = drawn(rng, shape)
    target.numpy().flat[0] = 0  # at least one sample counts
    weight = torch.tensor([0.5, 2.0, 0.25], dtype=torch.float64) if weighted else None
    before = x.detach().clone()
    ours = F.cross_entropy(x, target, weight, ignore_index=ignore_index, label_smoothing=smoothing, reduction=reduction)
    theirs = twin(x, target, weight, ignore_index, smoothing, reduction)
    factors = torch.linspace(0.5, 1.5, x.numel(), dtype=torch.float64).reshape(shape)
    for order in range(4):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
        if order < 3:
            ours, theirs = (grad((y * y).sum(), x, create_graph=True)[0] * factors for y in (ours, theirs))
    assert torch.equal(x.detach(), before)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_of_probabilities(rng, shape, reduction):
    x, _ = drawn(rng, shape)
    q = torch.tensor(rng.uniform(size=shape), requires_grad=True)
    expected = -(q * x.log_softmax(1)).sum(1)
    expected = {"none": expected, "sum": expected.sum(), "mean": expected.mean()}[reduction]
    loss = F.cross_entropy(x, q, reduction=reduction)
    np.testing.assert_allclose(loss.detach().numpy(), expected.detach().numpy(), rtol=1e-12)
    assert gradcheck(lambda a, b: F.cross_entropy(a, b, reduction=reduction), (x, q))
    assert gradgradcheck(lambda a, b: F.cross_entropy(a, b, reduction=reduction), (x, q))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_and_nll_against_differences(rng, reduction):
    x, target = drawn(rng, (3, 4))
    for function in (F.cross_entropy, F.nll_loss):
        assert gradcheck(lambda a, f=function: f(a, target, ignore_index=2, reduction=reduction), x)
        assert gradgradcheck(lambda a, f=function: f(a, target, ignore_index=2, reduction=reduction), x)


@given(npst.arrays(np.float64, (3, 4), elements=st.floats(-1e300, 1e300)), st.integers(0, 3))
def test_cross_entropy_of_any_finite_logits_is_finite(x, label):
    leaf = torch.tensor(x, requires_grad=True)
    loss = F.cross_entropy(leaf, torch.tensor([label] * 3), reduction="none")
    assert torch.isfinite(loss).all()
    assert (loss >= 0).all()
    (g,) = grad(loss.sum(), leaf)
    assert torch.isfinite(g).all()
    assert (g.sum(1).abs() < 1e-12).all()  # probabilities add up to 1


def test_cross_entropy_adds_up_in_float64():
    x = torch.zeros(100_000, 2)
    assert F.cross_entropy(x, torch.zeros(100_000).long()).item() == np.float32(np.log(2))


def test_ignored_samples_get_no_gradient_and_do_not_count(rng):
    x, target = drawn(rng, (4, 3))
    target[1] = -100
    kept = torch.tensor([0, 2, 3])
    loss = F.cross_entropy(x, target)
    np.testing.assert_allclose(loss.item(), F.cross_entropy(x[kept], target[kept]).item(), rtol=1e-14)
    assert not grad(loss, x)[0][1].any()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_what_is_not_finite_in_an_ignored_sample_is_ignored(rng, value, smoothing, reduction):
    x, target = drawn(rng, (3, 4))
    target[1] = 7
    losses = []
    for logit in (0.0, value):
        x.data[1, 2] = logit
        losses.append(F.cross_entropy(x, target, ignore_index=7, label_smoothing=smoothing, reduction=reduction))
    assert losses[1].tolist() == losses[0].tolist()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_batch_that_is_ignored_as_a_whole_moves_nothing(smoothing):
    x = torch.zeros(2, 3, requires_grad=True)
    loss = F.cross_entropy(x, torch.tensor([-100, -100]), label_smoothing=smoothing)
    assert torch.isnan(loss)
    assert grad(loss, x)[0].tolist() == [[0.0] * 3] * 2


def test_logits_changed_in_place_after_the_loss_are_noticed():
    x = torch.zeros(2, 3, requires_grad=True) * 1
    loss = F.cross_entropy(x, torch.tensor([0, 1]))
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize(
    "error, message, x, target, options",
    [
        (IndexError, r"Target 3 is out of bounds\.", (2, 3), [0, 3], {}),
        (IndexError, r"Target -1 is out of bounds\.", (2, 3), [0, -1], {}),
        (ValueError, r"Expected input batch_size \(2\) to match target batch_size \(3\)\.", (2, 3), [0, 1, 2], {}),
        (RuntimeError, "0D or 1D target tensor expected, multi-target not supported", (2, 3), [[0], [1]], {}),
        (RuntimeError, "expected target dtype to be Long or Byte, but got Float", (2, 3), [0.0, 1.0], {}),
        (RuntimeError, "weight tensor should be defined either for all 3 classes", (2, 3), [0, 1], {"weight": 2}),
        (ValueError, "median is not a valid value for reduction", (2, 3), [0, 1], {"reduction": "median"}),
        (RuntimeError, r"label_smoothing must be between 0\.0 and 1\.0", (2, 3), [0, 1], {"label_smoothing": 2}),
    ],
)
def test_cross_entropy_refuses(error, message, x, target, options):
    if "weight" in options:
        options = {"weight": torch.ones(options["weight"])}
    with pytest.raises(error, match=message):
        F.cross_entropy(torch.ones(x), torch.tensor(target), **options)


A = np.array([[-1.3, 0.2, 0.7], [2.9, -0.1, 0.9]])  # no |A - B| lies within a difference step of a kink
B = np.array([[0.4, 0.1, -0.8], [1.9, 1.2, 1.3]])
P, Q = np.array([[0.2, 0.7, 0.1], [0.5, 0.4, 0.9]]), np.array([[0.9, 0.1, 0.3], [0.25, 0.5, 0.6]])
SIGNS = np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]])


def log_sigmoid(x):
    return -np.log(1 + np.exp(-x))


# name: (function of this library, its definition in numpy, arguments)
LOSSES = {
    "mse": (F.mse_loss, lambda a, b: (a - b) ** 2, (A, B)),
    "l1": (F.l1_loss, lambda a, b: np.abs(a - b), (A, B)),
    "smooth_l1": (
        lambda a, b, **o: F.smooth_l1_loss(a, b, beta=0.5, **o),
        lambda a, b: np.where(np.abs(a - b) < 0.5, (a - b) ** 2, np.abs(a - b) - 0.25),
        (A, B),
    ),
    "huber": (
        lambda a, b, **o: F.huber_loss(a, b, delta=0.5, **o),
        lambda a, b: np.where(np.abs(a - b) < 0.5, (a - b) ** 2 / 2, 0.5 * (np.abs(a - b) - 0.25)),
        (A, B),
    ),
    "binary_cross_entropy": (
        F.binary_cross_entropy,
        lambda p, q: -(q * np.log(p) + (1 - q) * np.log(1 - p)),
        (P, Q),
    ),
    "binary_cross_entropy_with_logits": (
        F.binary_cross_entropy_with_logits,
        lambda x, q: -(q * log_sigmoid(x) + (1 - q) * log_sigmoid(-x)),
        (A, Q),
    ),
    "kl_div": (F.kl_div, lambda x, q: q * (np.log(q) - x), (A, Q)),
    "margin_ranking": (
        lambda a, b, **o: F.margin_ranking_loss(a, b, torch.tensor(SIGNS), margin=0.3, **o),
        lambda a, b: np.maximum(0, -SIGNS * (a - b) + 0.3),
        (A, B),
    ),
    "hinge_embedding": (
        lambda a, **o: F.hinge_embedding_loss(a, torch.tensor(SIGNS), **o),
        lambda a: np.where(SIGNS == 1, a, np.maximum(0, 1 - a)),
        (A,),
    ),
}


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_element_by_element(name, reduction):
    function, definition, arguments = LOSSES[name]
    expected = definition(*arguments)
    expected = {"none": expected, "sum": expected.sum(), "mean": expected.mean()}[reduction]
    leaves = [torch.tensor(a, requires_grad=True) for a in arguments]
    loss = function(*leaves, reduction=reduction)
    np.testing.assert_allclose(loss.detach().numpy(), expected, rtol=1e-12)
    assert gradcheck(lambda *t: function(*t, reduction=reduction), leaves)
    assert gradgradcheck(lambda *t: function(*t, reduction=reduction), leaves)
    for leaf, a in zip(leaves, arguments):
        np.testing.assert_array_equal(leaf.detach().numpy(), a)


@pytest.mark.parametrize("name", ["mse", "l1", "smooth_l1", "huber"])
def test_unequal_sizes_warn_and_broadcast(name):
    function, definition, _ = LOSSES[name]
    with pytest.warns(UserWarning, match=r"Using a target size \(torch.Size\(\[3\]\)\) that is different"):
        loss = function(torch.tensor(A), torch.tensor(B[0]))
    np.testing.assert_allclose(loss.item(), definition(A, B[0]).mean(), rtol=1e-12)


def test_old_names_of_reduction_warn():
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        loss = F.mse_loss(torch.tensor(A), torch.tensor(B), size_average=False)
    np.testing.assert_allclose(loss.item(), ((A - B) ** 2).sum(), rtol=1e-12)


def test_binary_cross_entropy_with_logits_keeps_all_digits():
    x = torch.tensor([-1000.0, -40.0, 40.0, 1000.0])
    loss = F.binary_cross_entropy_with_logits(x, torch.tensor([0.0, 0.0, 1.0, 0.0]), reduction="none")
    np.testing.assert_allclose(loss.numpy(), [0.0, np.exp(-40.0), np.exp(-40.0), 1000.0], rtol=1e-6)


def test_pos_weight_counts_positives_twice(rng):
    x, q = torch.tensor(A, requires_grad=True), torch.tensor(Q, requires_grad=True)
    pos_weight = torch.tensor([2.0, 0.5, 3.0], dtype=torch.float64)
    loss = F.binary_cross_entropy_with_logits(x, q, pos_weight=pos_weight, reduction="none")
    expected = -(pos_weight.numpy() * Q * log_sigmoid(A) + (1 - Q) * log_sigmoid(-A))
    np.testing.assert_allclose(loss.detach().numpy(), expected, rtol=1e-12)
    assert gradgradcheck(lambda a, b: F.binary_cross_entropy_with_logits(a, b, pos_weight=pos_weight), (x, q))


def test_probabilities_outside_the_unit_interval_are_refused():
    with pytest.raises(RuntimeError, match="all elements of input should be between 0 and 1"):
        F.binary_cross_entropy(torch.tensor([1.5]), torch.tensor([1.0]))


def test_means_of_nothing_are_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
            assert torch.isnan(function(torch.ones(0), torch.ones(0)))
        assert torch.isnan(F.cross_entropy(torch.ones(0, 3), torch.ones(0).long()))


@pytest.mark.parametrize(
    "function, argument, loss",
    [
        ("nll_loss_forward", "weight", lambda x, t, q, w: F.cross_entropy(x, t, weight=w)),
        ("nll_loss_forward", "weight", lambda x, t, q, w: F.cross_entropy(x, t, weight=w, label_smoothing=0.1)),
        ("nll_loss_forward", "weight", lambda x, t, q, w: F.nll_loss(x, t, weight=w)),
        ("nll_loss2d_forward", "weight", lambda x, t, q, w: F.cross_entropy(x[..., None], t[:, None], weight=w)),
        ("binary_cross_entropy", "weight", lambda x, t, q, w: F.binary_cross_entropy(q, q, weight=w)),
        (
            "binary_cross_entropy_with_logits",
            "pos_weight",
            lambda x, t, q, w: F.binary_cross_entropy_with_logits(x, q, pos_weight=w),
        ),
    ],
)
def test_weights_whose_gradient_nobody_computes_are_refused(function, argument, loss):
    x, t = torch.randn(2, 3), torch.tensor([0, 2])
    q, w = torch.softmax(x, 1), torch.rand(3).requires_grad_()
    text = f"The function '{function}' is not differentiable with respect to argument '{argument}'"
    with pytest.raises(RuntimeError, match=text):
        loss(x, t, q, w)
    with torch.no_grad():
        expected = loss(x, t, q, w)
    assert loss(x, t, q, w.detach()) == expected


def test_the_weight_of_probable_classes_has_a_gradient():
    x, q = torch.randn(2, 3, dtype=torch.float64), torch.rand(2, 3, dtype=torch.float64)
    w = torch.rand(3, dtype=torch.float64).requires_grad_()
    F.cross_entropy(x, q, weight=w, reduction="sum").backward()
    torch.testing.assert_close(w.grad, -(q * x.log_softmax(1)).sum(0))
