"""Custom Functions, written as PyTorch's documentation writes them."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.autograd import Function
from minitorch_bn.autograd.function import FunctionCtx, once_differentiable


@pytest.fixture
def x():
    return torch.tensor([1.0, 2.0], requires_grad=True)


def refused(text, error=RuntimeError):
    return pytest.raises(error, match=re.escape(text))


def function(forward, backward=lambda ctx, g: g, name="Custom"):
    """A Function of these two."""
    return type(name, (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


# -- as in the documentation -----------------------------------------------------------------------------------------


class Exp(Function):
    @staticmethod
    def forward(ctx, i):
        result = i.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved_tensors
        return grad_output * result


class LinearFunction(Function):
    """The example of "Extending PyTorch"."""

    @staticmethod
    def forward(input, weight, bias):
        output = input.mm(weight.t())
        if bias is not None:
            output += bias.unsqueeze(0).expand_as(output)
        return output

    @staticmethod
    def setup_context(ctx, inputs, output):
        input, weight, bias = inputs
        ctx.save_for_backward(input, weight, bias)

    @staticmethod
    def backward(ctx, grad_output):
        input, weight, bias = ctx.saved_tensors
        grad_input = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output.mm(weight)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t().mm(input)
        if bias is not None and ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_input, grad_weight, grad_bias


def test_saved_output(x):
    y = Exp.apply(x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([1, 2]), rtol=1e-6)
    assert y.grad_fn.name() == "ExpBackward"
    assert repr(y).endswith("grad_fn=<ExpBackward>)")
    assert isinstance(y.grad_fn, FunctionCtx)


def test_second_derivative_through_a_custom_function():
    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = Exp.apply(x)
    for _ in range(4):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(math.exp(0.5), rel=1e-14)


@pytest.mark.parametrize("with_bias", [True, False])
def test_setup_context(with_bias):
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(s) for s in [(4, 3), (2, 3), (2,)]]
    one = [torch.tensor(v, requires_grad=True) for v in values]
    two = [torch.tensor(v, requires_grad=True) for v in values]
    if not with_bias:
        one[2] = None
    LinearFunction.apply(*one).sin().sum().backward()
    plain = two[0] @ two[1].t()
    (plain + two[2] if with_bias else plain).sin().sum().backward()
    for a, b in zip(one[: 2 + with_bias], two):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12)


def test_arguments_that_are_no_tensors(x):
    class Scale(Function):
        @staticmethod
        def forward(ctx, tensor, factor, name=None):
            ctx.factor = factor
            return tensor * factor

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None, None

    Scale.apply(x, 3.0, "name").sum().backward()
    Scale.apply(x, factor=2.0).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        Scale.apply(x, 1.0, other=2.0)


def test_needs_input_grad(x):
    seen = []

    def forward(ctx, a, b, c):
        seen.append(ctx.needs_input_grad)
        return a * b

    def backward(ctx, g):
        seen.append(ctx.needs_input_grad)
        return None, g, None

    function(forward, backward).apply(torch.ones(2), x, 5).sum().backward()
    assert seen == [(False, True, False)] * 2


def test_forward_records_nothing_and_backward_only_on_demand(x):
    seen = []

    def forward(ctx, a):
        seen.append((torch.is_grad_enabled(), (a * 2).requires_grad))
        return a * 2

    def backward(ctx, g):
        seen.append(torch.is_grad_enabled())
        return g * 2

    f = function(forward, backward)
    f.apply(x).sum().backward()
    f.apply(x).sum().backward(create_graph=True)
    assert seen == [(False, False), False, (False, False), True]


def test_nested_apply(x):
    inner = function(lambda ctx, a: a * 2, lambda ctx, g: g * 5, "Inner")
    outer = function(lambda ctx, a: inner.apply(a) * 2, lambda ctx, g: g * 3, "Outer")
    y = outer.apply(inner.apply(x))
    y.sum().backward()
    assert y.tolist() == [8.0, 16.0]
    assert x.grad.tolist() == [15.0, 15.0]


def test_backward_that_runs_autograd_itself(x):
    def forward(ctx, a):
        with torch.enable_grad():
            ctx.a = a.detach().requires_grad_()
            ctx.y = ctx.a**3
        return ctx.y.detach()

    def backward(ctx, g):
        with torch.enable_grad():
            return torch.autograd.grad(ctx.y, ctx.a, g)[0]

    function(forward, backward).apply(x).sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]


def test_without_gradient_nothing_is_kept():
    y = Exp.apply(torch.ones(2))
    assert not y.requires_grad
    with torch.no_grad():
        assert Exp.apply(torch.ones(2, requires_grad=True)).grad_fn is None


def test_vjp_is_another_name_of_backward(x):
    class Named(Function):
        forward = staticmethod(lambda ctx, a: a * 2)
        vjp = staticmethod(lambda ctx, g: g * 7)

    class Twice(Named):
        backward = staticmethod(lambda ctx, g: g)

    Named.apply(x).sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]
    with refused("Implementing both 'backward' and 'vjp' for a custom Function is not allowed."):
        Twice.apply(x).sum().backward()


# -- saved tensors ---------------------------------------------------------------------------------------------------


def test_saved_input_is_the_input_itself(x):
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * 2

    y = function(forward).apply(x)
    assert y.grad_fn.saved_tensors[0] is x


def test_saved_intermediate_and_none(x):
    def forward(ctx, a):
        ctx.save_for_backward(a.cos(), None)
        return a.sin()

    def backward(ctx, g):
        cos, nothing = ctx.saved_tensors
        assert nothing is None
        return g * cos

    function(forward, backward).apply(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.cos([1, 2]), rtol=1e-6)


def test_saved_tensors_are_gone_after_backward(x):
    y = Exp.apply(x)
    y.sum().backward()
    with refused("Trying to backward through the graph a second time (or directly access saved tensors after they"):
        y.grad_fn.saved_tensors
    with refused("Trying to backward through the graph a second time"):
        y.sum().backward()


def test_only_tensors_are_saved(x):
    with refused("save_for_backward can only save variables, but argument 1 is of type int", TypeError):
        function(lambda ctx, a: ctx.save_for_backward(a, 5)).apply(x)


def test_change_of_a_saved_tensor_is_noticed(x):
    y = Exp.apply(x)
    y.mul_(2)
    with refused("one of the variables needed for gradient computation has been modified by an inplace operation"):
        y.sum().backward()


# -- marks -----------------------------------------------------------------------------------------------------------


def test_mark_non_differentiable(x):
    seen = []

    def forward(ctx, a):
        doubled, places = a * 2, a * 0
        ctx.mark_non_differentiable(places)
        return doubled, places

    def backward(ctx, g, h):
        seen.append(h.tolist())
        return g * 2

    doubled, places = function(forward, backward).apply(x)
    assert doubled.requires_grad
    assert not places.requires_grad
    doubled.sum().backward()
    assert seen == [[0.0, 0.0]]


def test_integer_outputs_need_no_mark(x):
    out = function(lambda ctx, a: (a * 2, a.long()), lambda ctx, g, h: g * 2).apply(x)
    assert [t.requires_grad for t in out] == [True, False]
    out[0].sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("materialize", [True, False])
def test_set_materialize_grads(x, materialize):
    seen = []

    def forward(ctx, a):
        ctx.set_materialize_grads(materialize)
        return a * 2, a * 3

    def backward(ctx, g, h):
        seen.append(g if g is None else g.tolist())
        return h

    function(forward, backward).apply(x)[1].sum().backward()
    assert seen == [[0.0, 0.0] if materialize else None]


def double_(ctx, a):
    ctx.mark_dirty(a)
    return a.mul_(2)


def test_mark_dirty(x):
    f = function(double_, lambda ctx, g: g * 2)
    y = x * 1
    z = f.apply(y)
    assert z is y
    assert y._version > 0
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_mark_dirty_on_a_view(x):
    f = function(double_, lambda ctx, g: g * 2)
    y = x * 1
    v = y[:1]
    f.apply(v)
    assert y.tolist() == [2.0, 2.0]
    (y + v).sum().backward()
    assert x.grad.tolist() == [6.0, 1.0]  # the changed element is in y once and in v, which is spread, twice


def test_dirty_inputs_have_to_come_back(x):
    def forward(ctx, a):
        ctx.mark_dirty(a)
        return a.mul_(2) * 1

    with refused("Some elements marked as dirty during the forward method were not returned as output."):
        function(forward).apply(x * 1)


def test_dirty_leaf(x):
    with refused("a leaf Variable that requires grad has been used in an in-place operation."):
        function(double_).apply(x)


# -- outputs that are inputs, or views of them -----------------------------------------------------------------------


def test_input_returned_unchanged(x):
    y = function(lambda ctx, a: a, lambda ctx, g: g * 10).apply(x)
    assert y is not x
    assert y.data_ptr() == x.data_ptr()
    y.sum().backward()
    assert x.grad.tolist() == [10.0, 10.0]
    assert x.is_leaf


@pytest.mark.parametrize("forward", [lambda ctx, a: a, lambda ctx, a: a[:]])
def test_views_made_inside_are_not_changed_in_place(x, forward):
    f = function(forward, lambda ctx, g: g * 10, "Same")
    base = x * 1
    with refused("Output 0 of Same is a view and is being modified inplace. This view was created inside a custom Fun"):
        f.apply(base).mul_(2)
    y = f.apply(base)
    base.mul_(2)
    with refused("Output 0 of Same is a view and its base or another view of its base has been modified inplace."):
        y * 1
    assert repr(y).endswith("grad_fn=<Invalid>)")


def test_view_returned(x):
    y = function(lambda ctx, a: a.view(2, 1), lambda ctx, g: g.view(2) * 10).apply(x)
    y.sum().backward()
    assert x.grad.tolist() == [10.0, 10.0]


def test_same_tensor_returned_twice(x):
    first, second = function(lambda ctx, a: (a, a), lambda ctx, g, h: g + 10 * h).apply(x)
    (first * 2 + second).sum().backward()
    assert x.grad.tolist() == [12.0, 12.0]


def test_outputs_that_are_no_tensors(x):
    y, number, text = function(lambda ctx, a: (a * 2, 5, "text"), lambda ctx, g, *rest: g * 2).apply(x)
    assert (number, text) == (5, "text")
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


# -- gradients that are wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gradients, text",
    [
        (lambda g: (g,), "function CustomBackward returned an incorrect number of gradients (expected 2, got 1)"),
        (
            lambda g: (g, None, g),
            "function CustomBackward returned an incorrect number of gradients (expected 2, got 3)",
        ),
        (lambda g: (1.0, None), "expected Variable or None (got float)"),
        (
            lambda g: (torch.ones(3), None),
            "Function CustomBackward returned an invalid gradient at index 0 - got [3] but",
        ),
        (
            lambda g: (g, g),
            "function CustomBackward returned a gradient different than None at position 2, but the corresponding "
            "forward input was not a Variable",
        ),
    ],
)
def test_gradients_that_do_not_fit(x, gradients, text):
    f = function(lambda ctx, a, b: a * 2, lambda ctx, g: gradients(g))
    with refused(text):
        f.apply(x, 5).sum().backward()
    assert x.grad is None


def test_gradients_that_fit_after_all(x):
    f = function(lambda ctx, a, b: a * 2, lambda ctx, g: (torch.ones(3, 2), None, None, None))
    f.apply(x, 5).sum().backward()  # summed to the input's shape; None beyond the last input is let through
    assert x.grad.tolist() == [3.0, 3.0]


def test_no_gradient_at_all(x):
    function(lambda ctx, a: a * 2, lambda ctx, g: None).apply(x).sum().backward()
    assert x.grad is None or x.grad.tolist() == [0.0, 0.0]


def test_missing_methods(x):
    class OnlyForward(Function):
        forward = staticmethod(lambda ctx, a: a * 2)

    with refused("You must implement the forward function for custom autograd.Function.", NotImplementedError):
        Function.__new__(type("Empty", (Function,), {})).apply(x)
    with refused("You must implement either the backward or vjp method", NotImplementedError):
        OnlyForward.apply(x).sum().backward()


def test_no_instances(x):
    with refused("Legacy autograd function with non-static forward method is deprecated."):
        Exp()(x)


# -- once_differentiable ---------------------------------------------------------------------------------------------


class Square(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * a

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return 2 * a * g


def test_once_differentiable(x):
    Square.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_once_differentiable_refuses_the_second_derivative(x):
    (g,) = torch.autograd.grad(Square.apply(x * 1).sum(), x, create_graph=True)
    assert g.tolist() == [2.0, 4.0]
    assert not g.requires_grad


def test_once_differentiable_refuses_when_the_gradient_itself_is_differentiable(x):
    weights = torch.ones(2, requires_grad=True)
    (g,) = torch.autograd.grad(Square.apply(x), x, weights, create_graph=True)
    with refused("trying to differentiate twice a function that was marked with @once_differentiable"):
        torch.autograd.grad(g.sum(), weights)
