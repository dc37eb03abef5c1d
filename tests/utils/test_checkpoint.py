"""Checkpointing: the same values, gradients, random numbers and running estimates, with fewer activations kept."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.autograd import node
from minitorch_bn.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential


def both(function, *args):
    """The result of a function as it is, and through checkpoint."""
    return function(*args), checkpoint(function, *args, use_reentrant=False)


def model():
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    ).double()


def train_step(net, x, through):
    torch.manual_seed(2)
    x = x.clone().requires_grad_()
    loss = through(net, x).pow(2).sum()
    noise = torch.randn(3)  # drawn between forward and backward
    loss.backward()
    return [loss, noise, torch.randn(3), x.grad, *[p.grad for p in net.parameters()], *net.buffers()]


def test_training_step_is_the_same(rng):
    x = torch.tensor(rng.standard_normal((6, 3)))
    plain = train_step(model(), x, lambda net, x: net(x))
    again = train_step(model(), x, lambda net, x: checkpoint(net, x, use_reentrant=False))
    for a, b in zip(plain, again, strict=True):
        assert a.tolist() == b.tolist()


def test_batch_is_counted_once():
    # PyTorch 2.13 counts it twice: num_batches_tracked 2, running_mean [0.38, 3.8] (pytorch#96136)
    bn, x = torch.nn.BatchNorm1d(2), torch.tensor([[1.0, 10.0], [3.0, 30.0]], requires_grad=True)
    checkpoint(bn, x, use_reentrant=False).pow(3).sum().backward()
    assert bn.num_batches_tracked.item() == 1
    torch.testing.assert_close(bn.running_mean, torch.tensor([0.2, 2.0]))
    bn(x)
    assert bn.num_batches_tracked.item() == 2


def test_batch_is_counted_once_with_a_plain_average_and_nesting():
    bn, x = torch.nn.BatchNorm1d(2, momentum=None), torch.tensor([[1.0, 10.0], [3.0, 30.0]], requires_grad=True)

    def inner(x):
        return checkpoint(bn, x, use_reentrant=False) * 2

    checkpoint(inner, x, use_reentrant=False).pow(3).sum().backward()
    assert bn.num_batches_tracked.item() == 1
    assert bn.running_mean.tolist() == [2.0, 20.0]


def test_gradients_meet_once_where_arguments_depend_on_each_other(rng):
    w = torch.tensor(rng.standard_normal(3), requires_grad=True)

    def run(wrap):
        h = w.exp()
        out = wrap(lambda h, w: h * w.sin() + h * h, h, w) + wrap(lambda h: h * w, h)  # the second finds w by itself
        return torch.autograd.grad(out.sum() * h.sum(), w, create_graph=True)[0]

    plain = run(lambda f, *args: f(*args))
    again = run(lambda f, *args: checkpoint(f, *args, use_reentrant=False))
    np.testing.assert_allclose(again.detach().numpy(), plain.detach().numpy(), rtol=1e-12)
    second = [torch.autograd.grad(g.pow(2).sum(), w)[0].numpy() for g in (plain, again)]
    np.testing.assert_allclose(*second, rtol=1e-12)


def test_gradgradcheck_through_batch_norm(rng):
    x = torch.tensor(rng.standard_normal((4, 2)), requires_grad=True)
    weight = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)

    def f(x, weight):
        return torch.nn.functional.batch_norm(x, None, None, weight, training=True).sin()

    through = lambda *args: checkpoint(f, *args, use_reentrant=False)  # noqa: E731
    assert torch.autograd.gradcheck(through, (x, weight))
    assert torch.autograd.gradgradcheck(through, (x, weight))


def test_activations_are_freed():
    kept = []

    class Watched(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            ctx.save_for_backward(y)
            kept.append(weakref.ref(ctx))
            return y

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(3, requires_grad=True)
    out = checkpoint(lambda x: Watched.apply(x).exp(), x, use_reentrant=False)
    gc.collect()
    assert kept[0]() is None
    out.sum().backward()
    torch.testing.assert_close(x.grad, torch.full((3,), 2 * float(np.exp(2))))


def test_structures_constants_and_untouched_outputs():
    x = torch.ones(2, requires_grad=True)
    out = checkpoint(lambda x, s, k=1: {"a": x * k, "s": s, "x": x, "n": x.argmax()}, x, "hi", use_reentrant=False, k=3)
    assert (out["s"], out["x"] is x, out["n"].requires_grad) == ("hi", True, False)
    assert isinstance(out["a"].grad_fn, node.Node)
    out["a"].sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert not checkpoint(torch.exp, torch.ones(2), use_reentrant=False).requires_grad
    with torch.no_grad():
        assert not checkpoint(torch.exp, x, use_reentrant=False).requires_grad


def test_a_view_that_comes_back_can_be_changed_in_place():
    x = torch.ones(2, 2, requires_grad=True)
    h = x * 3
    out = checkpoint(lambda h: h.view(4), h, use_reentrant=False)
    out.mul_(5)
    (out.sum() + h.sum()).backward()
    assert x.grad.tolist() == [[18.0, 18.0], [18.0, 18.0]]


def test_hooks_see_each_gradient_once():
    seen = []
    w = torch.ones(2, requires_grad=True)
    h = w * 2
    w.register_hook(lambda g: seen.append(("w", g.tolist())))
    h.register_hook(lambda g: seen.append(("h", g.tolist())))
    out = checkpoint(lambda h: h * w, h, use_reentrant=False)
    (out.sum() + h.sum()).backward()
    assert seen == [("h", [2.0, 2.0]), ("w", [6.0, 6.0])]


def test_some_outputs_unused():
    x = torch.ones(2, requires_grad=True)
    _, b = checkpoint(lambda x: (x * 2, x * 3), x, use_reentrant=False)
    b.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_second_backward():
    x = torch.ones(2, requires_grad=True)
    out = checkpoint(torch.exp, x, use_reentrant=False).sum()
    out.backward(retain_graph=True)
    out.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        out.backward()


def test_argument_changed_in_place_is_noticed():
    h = torch.ones(2, requires_grad=True) * 1
    out = checkpoint(torch.exp, h, use_reentrant=False)
    h.add_(1)
    with pytest.raises(RuntimeError, match="has been modified by an inplace operation"):
        out.sum().backward()


def test_function_that_does_something_else_the_second_time():
    x, calls = torch.ones(3, 2, requires_grad=True), []

    def shorter(x):
        calls.append(x)
        return x[: len(calls)] * 2

    out = checkpoint(shorter, x, use_reentrant=False)
    # PyTorch 2.13's first line
    with pytest.raises(CheckpointError) as caught:
        out.sum().backward()
    assert str(caught.value).splitlines()[:3] == [
        "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
        "forward pass.",
        "tensor at position 0:",
        "saved metadata: {'shape': torch.Size([1, 2]), 'dtype': torch.float32}",
    ]
    with pytest.raises(ValueError, match=r"determinism_check should be one of \['default', 'none'\], but got x"):
        checkpoint(torch.exp, x, use_reentrant=False, determinism_check="x")


def test_contexts_and_the_missing_choice():
    entered = []

    class Noting:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            entered.append(self.name)

        def __exit__(self, *exc):
            pass

    x = torch.ones(2, requires_grad=True)
    contexts = lambda: (Noting("first"), Noting("second"))  # noqa: E731
    checkpoint(torch.exp, x, use_reentrant=False, context_fn=contexts).sum().backward()
    assert entered == ["first", "second"]
    with pytest.warns(UserWarning, match="the use_reentrant parameter should be passed explicitly"):
        checkpoint(torch.exp, x)


def test_random_numbers_may_differ_if_asked():
    torch.manual_seed(0)
    x = torch.ones(1000, requires_grad=True)
    out = checkpoint(torch.nn.functional.dropout, x, use_reentrant=False)
    out.sum().backward()
    assert x.grad.tolist() == out.tolist()
    x.grad = None
    out = checkpoint(torch.nn.functional.dropout, x, use_reentrant=False, preserve_rng_state=False)
    out.sum().backward()
    assert x.grad.tolist() != out.tolist()


@pytest.mark.parametrize("segments", [1, 2, 3, 5])
def test_sequential(rng, segments):
    x = torch.tensor(rng.standard_normal((6, 3)))
    plain = train_step(model(), x, lambda net, x: net(x))
    parts = train_step(model(), x, lambda net, x: checkpoint_sequential(net, segments, x, use_reentrant=False))
    for a, b in zip(plain, parts, strict=True):
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-12)
    with pytest.raises(ValueError, match="cannot cut 5 modules into 6 segments"):
        checkpoint_sequential(model(), 6, x, use_reentrant=False)
