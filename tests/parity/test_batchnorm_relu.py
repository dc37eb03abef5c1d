"""Sequential models whose BatchNorm and ReLU run in one pass, beside PyTorch's: outputs, gradients, state."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn

torch = pytest.importorskip("torch")


def mlp(lib, inplace):
    nn = lib.nn
    hidden = [
        nn.Linear(6, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(inplace),
        nn.Linear(8, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(inplace),
    ]
    return nn.Sequential(*hidden, nn.Linear(8, 3))


def cnn(lib, inplace):
    nn = lib.nn
    hidden = [nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace), nn.MaxPool2d(2)]
    return nn.Sequential(*hidden, nn.Flatten(), nn.Linear(36, 3))


def run(lib, build, shape, inplace):
    lib.manual_seed(0)
    model, found = build(lib, inplace), []
    for training in (True, True, False):
        x = lib.randn(*shape).requires_grad_()
        y = model.train(training)(x)
        node = model[:3](x.detach()).grad_fn
        found.append([node.name(), node.next_functions[0][0].name(), model[:3](x)._version])
        model.zero_grad()
        (y * y).sum().backward()
        found += [y.detach().numpy(), x.grad.numpy(), *(p.grad.numpy().copy() for p in model.parameters())]
        found += [v.numpy().copy() for v in model.state_dict().values()]
    return found


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("build", "shape"), [(mlp, (16, 6)), (cnn, (5, 2, 8, 8))])
def test_sequential_models(build, shape, inplace):
    for ours, theirs in zip(*(run(lib, build, shape, inplace) for lib in (minitorch_bn, torch)), strict=True):
        if isinstance(theirs, list):
            assert ours == theirs
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
