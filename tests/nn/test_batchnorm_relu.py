"""BatchNorm and the ReLU behind it in a Sequential: one pass, and to the last bit what the two layers give."""

from __future__ import annotations

import copy
import importlib.util

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.kernels import activation, use
from minitorch_bn.utils.checkpoint import checkpoint

SETS = ["numpy", *(["numba"] if importlib.util.find_spec("numba") else [])]
SHAPES = [(7, 3), (130, 257), (4, 5, 9), (3, 6, 700), (2, 3, 4, 5), (9, 16, 24, 24), (2, 3, 2, 3, 2), (1, 3, 1, 2)]
LAYOUTS = {
    "contiguous": lambda a: a,
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
    "reversed order": lambda a: np.ascontiguousarray(a.T).T,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
}
OPTIONS = {
    "default": {},
    "no bias": {"bias": False},
    "not affine": {"affine": False},
    "no running estimates": {"track_running_stats": False},
    "average": {"momentum": None},
    "channels last": {"channel_dim": -1},
    "ghost batches": {"virtual_batch_size": 3},
}


@pytest.fixture(params=SETS, autouse=True)
def kernel_set(request):
    with use(request.param):
        yield request.param


@pytest.fixture
def relus(monkeypatch):
    """How often the kernel of ReLU has been called."""
    calls = []
    kernel = activation.relu
    monkeypatch.setitem(activation.__dict__, "relu", lambda a: calls.append(a.shape) or kernel(a))
    return calls


def norm(ndim, channels, rng=None, dtype=torch.float32, **options):
    bn = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[ndim](channels, **options)
    if rng is not None:
        with torch.no_grad():
            for parameter in (bn.weight, bn.bias, bn.running_mean):
                if parameter is not None:
                    parameter.copy_(torch.tensor(rng.standard_normal(channels)))
    return bn.to(dtype)


def both(bn, relu=None):
    """A Sequential, and a function of copies of its layers that calls one after the other; and that copy of ``bn``."""
    relu = nn.ReLU() if relu is None else relu
    apart, behind = copy.deepcopy((bn, relu))
    return nn.Sequential(bn, relu), lambda x: behind(apart(x)), apart


def assert_same_bits(a, b):
    a, b = a.detach().numpy(), b.detach().numpy()
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    assert all(p == q for n, p, q in zip(a.shape, a.strides, b.strides) if n > 1)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


def assert_same_state(bn, other):
    for name, value in bn.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), other.state_dict()[name].numpy(), err_msg=name)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_to_the_last_bit(rng, relus, shape, dtype, layout, training):
    bn = norm(len(shape), shape[1], rng, getattr(torch, dtype)).train(training)
    fused, plain, apart = both(bn)
    x = torch.from_numpy(LAYOUTS[layout]((rng.standard_normal(shape) * 3 + 1).astype(dtype)))
    y = fused(x)
    assert len(relus) == (dtype == "float16")
    assert_same_bits(y, plain(x))
    assert_same_state(bn, apart)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_whatever_the_layer_is_told(rng, options, training, inplace):
    bn = norm(2, 4, rng, **options).train(training)
    fused, plain, apart = both(bn, nn.ReLU(inplace))
    for _ in range(2):
        x = torch.tensor(rng.standard_normal((8, 4)), dtype=torch.float32)
        y, expected = fused(x), plain(x)
        assert_same_bits(y, expected)
        assert y._version == expected._version
        assert y.requires_grad == expected.requires_grad
        assert_same_state(bn, apart)


@pytest.mark.filterwarnings("ignore:.*are not finite:RuntimeWarning")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 40), (2000, 5)])
def test_nan_infinity_and_the_signs_of_zero(rng, shape, training):
    bn = norm(len(shape), 5).train(training)
    with torch.no_grad():
        bn.weight.copy_(torch.tensor([1.0, 1.0, -1.0, 0.0, -1.0]))
        bn.bias.copy_(torch.tensor([0.0, 0.0, 0.0, -0.0, -0.0]))
    values = rng.standard_normal(shape).astype(np.float32)
    values[0, 0], values[1, 1], values[:, 2], values[:, 4] = np.nan, np.inf, 3.0, -0.0
    fused, plain, apart = both(bn)
    x = torch.from_numpy(values)
    y = fused(x)
    assert np.isnan(y.detach().numpy()[0, 0]).all()
    assert (y.detach().numpy()[:, 2:5] == 0).all()
    assert_same_bits(y, plain(x))
    assert_same_state(bn, apart)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_an_empty_batch(training):
    fused, plain, apart = both(norm(4, 3).train(training))
    x = torch.zeros(0, 3, 2, 2)
    assert_same_bits(fused(x), plain(x))
    assert_same_state(fused[0], apart)


# -- the graph -------------------------------------------------------------------------------------------------------


def gradients(model, bn, x, **options):
    leaf = x.detach().clone().requires_grad_()
    y = model(leaf)
    y.backward((torch.arange(float(y.numel())).reshape(y.shape) / y.numel()).cos().to(y.dtype), **options)
    return y, [leaf.grad, *(p.grad for p in bn.parameters())]


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("shape", [(7, 3), (130, 257), (3, 6, 700), (2, 3, 4, 5)])
def test_gradients_are_those_of_two_layers(rng, shape, training):
    bn = norm(len(shape), shape[1], rng).train(training)
    fused, plain, apart = both(bn)
    x = torch.tensor(rng.standard_normal(shape), dtype=torch.float32)
    y, grads = gradients(fused, bn, x)
    expected_y, expected = gradients(plain, apart, x)
    assert_same_bits(y, expected_y)
    for grad, other in zip(grads, expected):
        np.testing.assert_array_equal(grad.numpy(), other.numpy())


def test_gradients_are_right(rng):
    """Against the composed formula, in float64."""
    bn = norm(4, 3, rng, torch.float64)
    x = torch.tensor(rng.standard_normal((4, 3, 2, 5)))
    _, grads = gradients(nn.Sequential(bn, nn.ReLU()), bn, x)

    def composed(x):
        centred = x - x.mean((0, 2, 3), keepdim=True)
        y = centred / ((centred**2).mean((0, 2, 3), keepdim=True) + bn.eps).sqrt()
        y = y * twin.weight.reshape(3, 1, 1) + twin.bias.reshape(3, 1, 1)
        return y * (y.detach() > 0)

    twin = norm(4, 3, None, torch.float64)
    twin.load_state_dict(bn.state_dict())
    for grad, other in zip(grads, gradients(composed, twin, x)[1]):
        np.testing.assert_allclose(grad.numpy(), other.numpy(), rtol=1e-10, atol=1e-12)


def names(node):
    return [node.name(), *(names(n) for n, _ in node.next_functions if n is not None)]


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_the_graph_is_that_of_two_layers(training):
    leaf = "torch::autograd::AccumulateGrad"
    fused, plain, _ = both(norm(2, 3).train(training))
    x = torch.randn(4, 3, requires_grad=True)
    y = fused(x)
    assert names(y.grad_fn) == ["ReluBackward0", ["NativeBatchNormBackward0", [leaf], [leaf], [leaf]]]
    assert names(y.grad_fn) == names(plain(x).grad_fn)
    assert y.grad_fn.sequence_nr == y.grad_fn.next_functions[0][0].sequence_nr + 1
    assert str(torch.draw(y)) == str(torch.draw(plain(x)))
    with torch.no_grad():
        assert fused(x).grad_fn is None
    with torch.inference_mode():
        assert fused(x).is_inference()


def test_a_later_change_of_the_output_is_noticed():
    fused, _, _ = both(norm(2, 3))
    y = fused(torch.randn(4, 3))
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"output 0 of Relu, is at version 1; expected version 0 instead"):
        y.sum().backward()


def test_backward_twice_needs_the_graph():
    fused, _, _ = both(norm(2, 3))
    y = fused(torch.randn(4, 3))
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.sum().backward()


def test_second_order(rng):
    bn = norm(2, 3, rng, torch.float64)
    fused = nn.Sequential(bn, nn.ReLU())
    x = torch.tensor(rng.standard_normal((6, 3)), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: fused(x), (x, bn.weight, bn.bias))
    assert torch.autograd.gradgradcheck(lambda x, *_: fused(x), (x, bn.weight, bn.bias))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_whoever_looks_at_gradients_sees_those_of_two_layers(rng, training):
    fused, plain, apart = both(norm(2, 3, rng).train(training))
    x = torch.tensor(rng.standard_normal((6, 3)), dtype=torch.float32)

    def seen(model, bn):
        found = []
        leaf = x.clone().requires_grad_()
        y = model(leaf)
        y.retain_grad()
        y.register_hook(lambda g: found.append(g.clone()) or g * 2)
        before, _ = y.grad_fn.next_functions[0]
        before.register_prehook(lambda grads: found.append(grads[0].clone()))
        y.grad_fn.register_hook(lambda after, grads: found.extend([*after, *grads]))
        (y * torch.arange(3.0)).sum().backward(retain_graph=True)
        (y.exp().sum() + (y * y).sum()).backward(retain_graph=True)  # two that use it
        found += [y.grad, leaf.grad, bn.weight.grad, bn.bias.grad]
        return [*found, *torch.autograd.grad(y.cos().sum(), (leaf, bn.weight))]

    ours, theirs = seen(fused, fused[0]), seen(plain, apart)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_checkpoint_and_anomaly_mode(rng):
    fused, plain, apart = both(norm(2, 3, rng))
    x = torch.tensor(rng.standard_normal((6, 3)), dtype=torch.float32)
    _, expected = gradients(plain, apart, x)
    with torch.autograd.set_detect_anomaly(True):
        _, grads = gradients(lambda x: checkpoint(fused, x, use_reentrant=False), fused[0], x)
    for grad, other in zip(grads, expected):
        np.testing.assert_array_equal(grad.numpy(), other.numpy())
    assert_same_state(fused[0], apart)


# -- who is in the way -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1], ids=["BatchNorm", "ReLU"])
@pytest.mark.parametrize(
    "register",
    [
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
    ],
)
def test_hooks_see_each_layer(relus, which, register):
    fused, plain, _ = both(norm(2, 3))
    calls = []
    handle = getattr(fused[which], register)(lambda *args: calls.append(args))
    x = torch.randn(5, 3, requires_grad=True)
    y = fused(x)
    assert len(relus) == 1
    assert_same_bits(y, plain(x))
    y.sum().backward()
    assert len(calls) == 1
    if register == "register_forward_hook":
        assert (calls[0][2] < 0).any() == (which == 0)
    handle.remove()
    relus.clear()
    fused(x)
    assert not relus


class Shifted(nn.BatchNorm1d):
    def forward(self, input):
        return super().forward(input) + 1


class Doubled(nn.ReLU):
    def forward(self, input):
        return super().forward(input) * 2


def test_only_the_very_layers(monkeypatch, relus):
    x = torch.randn(5, 3)
    for bn, relu in ((Shifted(3), nn.ReLU()), (nn.BatchNorm1d(3), Doubled()), (nn.SyncBatchNorm(3), nn.ReLU())):
        fused, plain, _ = both(bn, relu)
        assert_same_bits(fused(x), plain(x))
    fused, _, apart = both(norm(2, 3))
    fused[1].forward = torch.tanh
    assert_same_bits(fused(x), torch.tanh(apart(x)))
    del fused[1].forward
    with monkeypatch.context() as patch:
        called = []
        patch.setattr(nn.Module, "__call__", lambda self, x: called.append(type(self).__name__) or self.forward(x))
        fused(x)
        assert called == ["Sequential", "BatchNorm1d", "ReLU"]
    apart(x)
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, input: input.sigmoid())
    assert_same_bits(fused(x), apart(x).sigmoid())
    monkeypatch.setattr(nn.BatchNorm1d, "forward", lambda self, input: input)
    assert_same_bits(fused(x), x.sigmoid())


def test_one_relu_in_several_places(rng, relus):
    relu = nn.ReLU()
    layers = [nn.BatchNorm1d(3), relu, relu, nn.BatchNorm1d(3), relu, nn.BatchNorm1d(3)]
    x = expected = torch.tensor(rng.standard_normal((5, 3)), dtype=torch.float32)
    y = nn.Sequential(*layers)(x)
    assert len(relus) == 1
    for layer in layers:
        expected = layer(expected)
    assert_same_bits(y, expected)


@pytest.mark.parametrize("wrong", [(4, 5), (4, 3, 2, 2), (1, 3), None])
def test_errors_name_the_layer_and_change_nothing(wrong):
    x = [1.0] if wrong is None else torch.zeros(wrong)
    texts = []
    for layers in ([nn.BatchNorm1d(3), nn.ReLU()], [nn.BatchNorm1d(3), nn.Identity()]):
        model = nn.Sequential(nn.Identity(), nn.Sequential(*layers))
        before = copy.deepcopy(model.state_dict())
        with pytest.raises(Exception, match=r"In layer '1\.0' of Sequential\.") as caught:
            model(x)
        texts.append((caught.type, str(caught.value)))
        for name, value in model.state_dict().items():
            assert value.equal(before[name])
    assert texts[0] == texts[1]
