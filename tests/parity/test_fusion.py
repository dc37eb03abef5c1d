"""Folded weights against a real PyTorch, where PyTorch is right; its defects are tested in tests/nn/utils."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import minitorch_bn
from minitorch_bn.nn.utils import fusion as ours

torch = pytest.importorskip("torch")
theirs = torch.nn.utils.fusion


def arrays(rng, *shapes):
    return [rng.uniform(0.5, 2.0, shape).astype(np.float32) for shape in shapes]


def both(values):
    """The same arrays as tensors here and there; None stays None."""
    for make in (minitorch_bn.tensor, torch.tensor):
        yield [None if v is None else make(v) if isinstance(v, np.ndarray) else v for v in values]


@pytest.mark.parametrize("name", theirs.__all__ if hasattr(theirs, "__all__") else [])
def test_signatures(name):
    first, second = (inspect.signature(getattr(module, name)) for module in (ours, theirs))
    assert [(p.name, p.default) for p in first.parameters.values()] == [
        (p.name, p.default) for p in second.parameters.values()
    ]


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("missing", [(), (1,), (5,), (6,), (1, 5, 6)])
def test_conv_weights(transpose, missing, rng):
    shape = (4, 5, 3, 2) if transpose else (5, 4, 3, 2)
    values = [*arrays(rng, shape, 5, 5, 5), 1e-5, *arrays(rng, 5, 5)]
    values = [None if i in missing else v for i, v in enumerate(values)]
    mine, reference = both(values)
    for a, b in zip(
        ours.fuse_conv_bn_weights(*mine, transpose=transpose), theirs.fuse_conv_bn_weights(*reference, transpose)
    ):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=2e-6, atol=5e-7)
        assert type(b).__name__ == type(a).__name__ == "Parameter"
        assert str(a.dtype) == str(b.dtype)


@pytest.mark.parametrize("bias", [True, False])
def test_linear_weights(bias, rng):
    w, b, mean, var, gamma, beta = arrays(rng, (5, 4), 5, 5, 5, 5, 5)
    mine, reference = both([w, b if bias else None, mean, var, 1e-3, gamma, beta])
    for a, b in zip(ours.fuse_linear_bn_weights(*mine), theirs.fuse_linear_bn_weights(*reference)):
        # PyTorch folds in float32: an ulp of the terms of (b - mean) * scale + beta, which are below 4, is 2.4e-7
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=2e-6, atol=5e-7)


@pytest.mark.parametrize("grad", [(True, True), (True, False), (False, True), (False, False)])
def test_requires_grad_where_there_is_a_bias(grad):
    results = []
    for module, fusion in ((minitorch_bn, ours), (torch, theirs)):
        conv, bn = module.nn.Conv2d(2, 3, 1).eval(), module.nn.BatchNorm2d(3).eval()
        conv.weight.requires_grad_(grad[0])
        conv.bias.requires_grad_(grad[1])
        fused = fusion.fuse_conv_bn_eval(conv, bn)
        results.append((fused.weight.requires_grad, fused.bias.requires_grad, fused.training, repr(fused)))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "program",
    [
        lambda nn, fusion: fusion.fuse_conv_bn_eval(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)),
        lambda nn, fusion: fusion.fuse_conv_bn_eval(nn.Conv2d(2, 3, 1).eval(), nn.BatchNorm2d(4)),
        lambda nn, fusion: fusion.fuse_conv_bn_eval(
            nn.Conv2d(2, 3, 1).eval(), nn.BatchNorm2d(3, track_running_stats=False).eval()
        ),
        lambda nn, fusion: fusion.fuse_conv_bn_eval(nn.Conv2d(2, 3, 1).eval(), nn.BatchNorm2d(4).eval()),
        lambda nn, fusion: fusion.fuse_linear_bn_eval(nn.Linear(2, 3), nn.BatchNorm1d(4).eval()),
        lambda nn, fusion: fusion.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(4).eval()),
        lambda nn, fusion: fusion.fuse_linear_bn_eval(
            nn.Linear(2, 3).eval(), nn.BatchNorm1d(3, track_running_stats=False).eval()
        ),
    ],
)
def test_errors(program):
    seen = []
    for module, fusion in ((minitorch_bn, ours), (torch, theirs)):
        with pytest.raises((AssertionError, RuntimeError)) as caught:
            program(module.nn, fusion)
        seen.append((type(caught.value), str(caught.value).split("\n")[0]))
    assert seen[0] == seen[1]
