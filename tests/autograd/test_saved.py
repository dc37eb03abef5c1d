"""What nodes saved, seen from outside, and the hooks that keep it in another form."""

from __future__ import annotations

import threading

import pytest

import minitorch_bn as torch
from minitorch_bn.autograd.graph import save_on_cpu, saved_tensors_hooks


def test_what_was_saved_has_pytorchs_names():
    x = torch.randn(3, requires_grad=True)
    y = x * 2
    product, power = x * y, x**2
    assert product.grad_fn._saved_self is x
    assert product.grad_fn._saved_other.grad_fn is y.grad_fn
    assert power.grad_fn._saved_self is x
    e = x.exp()
    assert e.grad_fn._saved_result.equal(e)
    assert e.grad_fn._saved_result.grad_fn is e.grad_fn
    assert x.softmax(0).grad_fn._saved_dim == 0


def test_what_was_not_saved_is_an_attribute_error():
    node = (torch.ones(2, requires_grad=True) + 1).grad_fn
    assert not hasattr(node, "_saved_self")
    with pytest.raises(AttributeError, match="'AddBackward0' object has no attribute '_saved_foo'"):
        node._saved_foo
    with pytest.raises(AttributeError, match="'AddBackward0' object has no attribute 'foo'"):
        node.foo


def test_what_was_freed_says_so():
    x = torch.ones(2, requires_grad=True)
    y = x * x
    y.sum().backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.grad_fn._saved_self


def test_a_node_can_be_called():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    node = (x * x.detach()).grad_fn
    da, db = node(torch.tensor([10.0, 1.0]))
    assert da.tolist() == [10.0, 2.0]
    assert db is None
    assert x.exp().grad_fn(torch.ones(2)).tolist() == x.exp().tolist()
    with pytest.raises(TypeError, match="expected 1 arguments, got 0 instead"):
        node()


def network(x):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
    ).double()
    return torch.nn.functional.cross_entropy(model(x), torch.tensor([0, 1, 1, 0, 0]))


def derivatives(x, hooks=None):
    """Gradients of first and second order of a small network's loss."""
    if hooks is None:
        loss = network(x)
    else:
        with hooks:
            loss = network(x)
    (g,) = torch.autograd.grad(loss, x, create_graph=True)
    (h,) = torch.autograd.grad((g * g).sum(), x)
    return g.tolist(), h.tolist()


@pytest.mark.parametrize("hooks", [save_on_cpu(), saved_tensors_hooks(lambda t: t.numpy(), torch.tensor)])
def test_gradients_do_not_know_how_it_was_kept(hooks):
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert derivatives(x, hooks) == derivatives(x)


def test_hooks_see_what_is_saved_and_give_it_back():
    seen = []
    x, y = torch.tensor([2.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)
    with saved_tensors_hooks(lambda t: seen.append(t.tolist()) or t.tolist(), lambda n: torch.tensor(n) * 10):
        z = x * y
    assert seen == [[2.0], [3.0]]
    z.backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([30.0], [20.0])
    assert (x * y).grad_fn._saved_self is x  # closed again


def test_the_innermost_hooks_count_and_only_in_their_thread():
    x = torch.tensor([2.0], requires_grad=True)
    kept = []

    def hooks(name):
        return saved_tensors_hooks(lambda t: kept.append(name) or t, lambda t: t)

    with hooks("outer"), hooks("inner"):
        x.exp()
        thread = threading.Thread(target=x.exp)
        thread.start()
        thread.join()
    assert kept == ["inner"]


def test_a_custom_function_goes_through_the_hooks():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            assert x.requires_grad
            return 2 * x * g

    x = torch.tensor([2.0], requires_grad=True)
    with saved_tensors_hooks(lambda t: t.item(), lambda n: torch.tensor([n + 1])):
        y = Square.apply(x)
    y.backward()
    assert x.grad.tolist() == [6.0]


def test_hooks_that_give_no_tensor_back_are_refused():
    x = torch.tensor([2.0], requires_grad=True)
    with saved_tensors_hooks(lambda t: 3, lambda t: t):
        y = x * x
    with pytest.raises(TypeError, match="unpack_hook expected to be a Tensor but got result of type int"):
        y.backward()


def test_a_variable_is_a_tensor_on_the_same_memory():
    x = torch.ones(2)
    v = torch.autograd.Variable(x, requires_grad=True)
    assert type(v) is torch.Tensor
    assert v.requires_grad
    assert v.is_leaf
    x[0] = 5
    assert v.tolist() == [5.0, 1.0]
    assert not torch.autograd.Variable(v).requires_grad
    assert torch.autograd.Variable().tolist() == []
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got int"):
        torch.autograd.Variable(3)
