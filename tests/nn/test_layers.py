"""Layers without normalisation or convolution: they call their function, hold their state, and print it."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import minitorch_bn as torch
import minitorch_bn.nn.functional as F
from minitorch_bn import nn
from minitorch_bn.autograd import gradcheck, gradgradcheck

X = np.random.default_rng(0).normal(size=(3, 4)) * 2

# layer, the function it must equal, its printed form
LAYERS = [
    (nn.ReLU(), F.relu, "ReLU()"),
    (nn.ReLU6(), F.relu6, "ReLU6()"),
    (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2), "LeakyReLU(negative_slope=0.2)"),
    (nn.PReLU(init=0.1), lambda x: F.leaky_relu(x, 0.1), "PReLU(num_parameters=1)"),
    (nn.ELU(0.5), lambda x: F.elu(x, 0.5), "ELU(alpha=0.5)"),
    (nn.CELU(0.5), lambda x: F.celu(x, 0.5), "CELU(alpha=0.5)"),
    (nn.SELU(), F.selu, "SELU()"),
    (nn.GELU(), F.gelu, "GELU(approximate='none')"),
    (nn.GELU("tanh"), lambda x: F.gelu(x, approximate="tanh"), "GELU(approximate='tanh')"),
    (nn.SiLU(), F.silu, "SiLU()"),
    (nn.Mish(), F.mish, "Mish()"),
    (nn.Sigmoid(), torch.sigmoid, "Sigmoid()"),
    (nn.LogSigmoid(), F.logsigmoid, "LogSigmoid()"),
    (nn.Tanh(), torch.tanh, "Tanh()"),
    (nn.Softplus(2, 3), lambda x: F.softplus(x, 2, 3), "Softplus(beta=2, threshold=3)"),
    (nn.Softsign(), F.softsign, "Softsign()"),
    (nn.Hardtanh(-2, 1), lambda x: F.hardtanh(x, -2, 1), "Hardtanh(min_val=-2, max_val=1)"),
    (nn.Hardsigmoid(), F.hardsigmoid, "Hardsigmoid()"),
    (nn.Hardswish(), F.hardswish, "Hardswish()"),
    (nn.Hardshrink(1), lambda x: F.hardshrink(x, 1), "Hardshrink(1)"),
    (nn.Softshrink(1), lambda x: F.softshrink(x, 1), "Softshrink(1)"),
    (nn.Tanhshrink(), F.tanhshrink, "Tanhshrink()"),
    (nn.Threshold(0.1, 20), lambda x: F.threshold(x, 0.1, 20), "Threshold(threshold=0.1, value=20)"),
    (nn.GLU(), F.glu, "GLU(dim=-1)"),
    (nn.Softmax(1), lambda x: F.softmax(x, 1), "Softmax(dim=1)"),
    (nn.LogSoftmax(1), lambda x: F.log_softmax(x, 1), "LogSoftmax(dim=1)"),
    (nn.Softmin(1), lambda x: F.softmin(x, 1), "Softmin(dim=1)"),
    (nn.Identity(3, a=1), lambda x: x, "Identity()"),
    (nn.Flatten(0), lambda x: x.reshape(-1), "Flatten(start_dim=0, end_dim=-1)"),
    (nn.Unflatten(1, (2, 2)), lambda x: x.reshape(3, 2, 2), "Unflatten(dim=1, unflattened_size=(2, 2))"),
    (nn.ZeroPad1d(1), lambda x: F.pad(x, (1, 1)), "ZeroPad1d((1, 1))"),
    (nn.ConstantPad1d((1, 2), 3), lambda x: F.pad(x, (1, 2), value=3), "ConstantPad1d(padding=(1, 2), value=3)"),
    (nn.ReflectionPad1d(2), lambda x: F.pad(x, (2, 2), "reflect"), "ReflectionPad1d((2, 2))"),
    (nn.ReplicationPad1d(2), lambda x: F.pad(x, (2, 2), "replicate"), "ReplicationPad1d((2, 2))"),
    (nn.CircularPad1d(2), lambda x: F.pad(x, (2, 2), "circular"), "CircularPad1d((2, 2))"),
    (nn.Dropout(0.3).eval(), lambda x: x, "Dropout(p=0.3, inplace=False)"),
]


@pytest.mark.parametrize("layer, function, text", LAYERS, ids=[text for _, _, text in LAYERS])
def test_layer_is_its_function(layer, function, text):
    assert repr(layer) == text
    x = torch.tensor(X)
    np.testing.assert_allclose(layer.double()(x).detach().numpy(), function(x).numpy(), rtol=1e-7)


@pytest.mark.parametrize("layer, function, text", LAYERS, ids=[text for _, _, text in LAYERS])
def test_layer_survives_pickling(layer, function, text):
    assert repr(pickle.loads(pickle.dumps(layer))) == text


@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias):
    layer = nn.Linear(4, 5, bias=bias, dtype=torch.float64)
    weight = layer.weight.detach().numpy()
    assert weight.shape == (5, 4)
    expected = X @ weight.T + (layer.bias.detach().numpy() if bias else 0)
    x = torch.tensor(X, requires_grad=True)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-13)
    assert repr(layer) == f"Linear(in_features=4, out_features=5, bias={bias})"
    assert [n for n, _ in layer.named_parameters()] == (["weight", "bias"] if bias else ["weight"])
    assert np.abs(weight).max() <= 1 / math.sqrt(4)
    assert gradcheck(lambda a, w: F.linear(a, w, layer.bias), (x, layer.weight))
    assert gradgradcheck(lambda a, w: F.linear(a, w, layer.bias), (x, layer.weight))


def test_linear_draws_the_weight_and_then_the_bias():
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    torch.manual_seed(0)
    bound = 1 / math.sqrt(3)
    assert torch.equal(layer.weight, torch.empty(2, 3).uniform_(-bound, bound))
    assert torch.equal(layer.bias, torch.empty(2).uniform_(-bound, bound))


def test_losses_hold_their_options(rng):
    x, labels = torch.tensor(X), torch.tensor([0, 3, 1])
    weight = torch.tensor([1.0, 2.0, 0.5, 1.0], dtype=torch.float64)
    q = torch.tensor(rng.uniform(size=(3, 4)))
    pairs = [
        (nn.CrossEntropyLoss(weight, label_smoothing=0.1), (labels,),
         F.cross_entropy(x, labels, weight, label_smoothing=0.1)),
        (nn.CrossEntropyLoss(ignore_index=3), (labels,), F.cross_entropy(x, labels, ignore_index=3)),
        (nn.NLLLoss(weight, reduction="sum"), (labels,), F.nll_loss(x, labels, weight, reduction="sum")),
        (nn.MSELoss(), (q,), F.mse_loss(x, q)),
        (nn.L1Loss(reduction="none"), (q,), F.l1_loss(x, q, reduction="none")),
        (nn.SmoothL1Loss(beta=0.3), (q,), F.smooth_l1_loss(x, q, beta=0.3)),
        (nn.HuberLoss(delta=0.3), (q,), F.huber_loss(x, q, delta=0.3)),
        (nn.BCEWithLogitsLoss(pos_weight=weight), (q,), F.binary_cross_entropy_with_logits(x, q, pos_weight=weight)),
        (nn.KLDivLoss(reduction="batchmean"), (q,), F.kl_div(x, q, reduction="batchmean")),
        (nn.MarginRankingLoss(0.5), (q, q.sign()), F.margin_ranking_loss(x, q, q.sign(), 0.5)),
        (nn.HingeEmbeddingLoss(2.0), (q.sign(),), F.hinge_embedding_loss(x, q.sign(), 2.0)),
    ]  # fmt: skip
    for layer, arguments, expected in pairs:
        assert torch.equal(layer(x, *arguments), expected), layer
    assert torch.equal(nn.BCELoss()(q, q), F.binary_cross_entropy(q, q))
    assert list(nn.CrossEntropyLoss(weight).state_dict()) == ["weight"]


def test_dropout_layers_follow_the_mode():
    torch.manual_seed(0)
    x = torch.ones(4, 8, 2, 2)
    for layer in (nn.Dropout(0.5), nn.Dropout2d(0.5), nn.Dropout3d(0.5)):
        assert (layer(x) == 0).any()
        assert torch.equal(layer.eval()(x), x)
    assert (nn.Dropout1d(0.5)(x[..., 0]) == 0).any()


def test_embedding_looks_rows_up():
    layer = nn.Embedding(5, 3, padding_idx=-5)
    assert repr(layer) == "Embedding(5, 3, padding_idx=0)"
    assert layer.weight[0].tolist() == [0.0, 0.0, 0.0]
    indices = torch.tensor([[1, 0], [4, 1]])
    out = layer(indices)
    np.testing.assert_array_equal(out.detach().numpy(), layer.weight.detach().numpy()[indices.numpy()])
    out.sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [0.0, 2.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("options", [{}, {"padding_idx": 1}, {"scale_grad_by_freq": True}])
def test_embedding_derivatives(rng, options):
    indices, g = torch.tensor([[1, 1], [4, 1]]), rng.normal(size=(2, 2, 3))
    weight = torch.tensor(rng.normal(size=(5, 3)), requires_grad=True)
    if not options:  # the others change the gradient on purpose
        assert gradcheck(lambda w: F.embedding(indices, w) ** 2, weight)
        assert gradgradcheck(lambda w: F.embedding(indices, w) ** 2, weight)
    expected = np.zeros((5, 3))
    np.add.at(expected, indices.numpy(), g)
    if "padding_idx" in options:
        expected[1] = 0
    if "scale_grad_by_freq" in options:
        expected[1] /= 3
    (found,) = torch.autograd.grad(F.embedding(indices, weight, **options), weight, torch.tensor(g))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-14)


def test_embedding_shortens_long_rows():
    layer = nn.Embedding.from_pretrained(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), max_norm=1.0)
    np.testing.assert_allclose(layer(torch.tensor([0, 1])).numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)
    assert not layer.weight.requires_grad


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("pad", [(1, 2), (2, 0, 1, 1), (1, 1, 0, 1, 1, 0)], ids=str)
def test_pad_against_numpy_and_differences(rng, pad, mode):
    x = rng.normal(size=(2, 2, 3, 3, 4)[3 - len(pad) // 2 :])
    widths = [(0, 0)] * (x.ndim - len(pad) // 2) + [pad[i : i + 2] for i in range(len(pad) - 2, -1, -2)]
    name = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    leaf = torch.tensor(x, requires_grad=True)
    np.testing.assert_array_equal(F.pad(leaf, pad, mode).detach().numpy(), np.pad(x, widths, name))
    assert gradcheck(lambda a: F.pad(a, pad, mode) ** 2, leaf)
    assert gradgradcheck(lambda a: F.pad(a, pad, mode) ** 2, leaf)


def test_distances(rng):
    a, b = rng.normal(size=(2, 3, 4))
    cosine = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
    leaves = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
    np.testing.assert_allclose(nn.CosineSimilarity()(*leaves).detach().numpy(), cosine, rtol=1e-12)
    distance = np.sqrt(((a - b + 1e-6) ** 2).sum(1))
    np.testing.assert_allclose(nn.PairwiseDistance()(*leaves).detach().numpy(), distance, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(F.normalize(leaves[0]).detach().numpy(), axis=1), 1, rtol=1e-12)
    for function in (F.cosine_similarity, F.pairwise_distance):
        assert gradcheck(function, leaves)
        assert gradgradcheck(function, leaves)


def test_one_hot():
    np.testing.assert_array_equal(
        F.one_hot(torch.tensor([[0, 2], [1, 1]]), 4).numpy(), np.eye(4, dtype=int)[[[0, 2], [1, 1]]]
    )
    with pytest.raises(RuntimeError, match=r"Class values must be smaller than num_classes\."):
        F.one_hot(torch.tensor([0, 2]), 2)


def test_functional_names_are_all_there():
    assert all(hasattr(F, name) for name in F.__all__)
    assert len(set(F.__all__)) == len(F.__all__)
    assert all(hasattr(nn, name) for name in nn.__all__)
