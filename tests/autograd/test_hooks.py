"""Hooks on tensors and nodes: what they see, what they may replace, in which order, and how they are taken out."""

from __future__ import annotations

import re

import pytest

import minitorch_bn as torch


@pytest.fixture
def x():
    return torch.ones(2, requires_grad=True)


def refused(text, error=RuntimeError):
    return pytest.raises(error, match=re.escape(text))


# -- hooks on tensors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_leaf", [True, False])
def test_hook_replaces_the_gradient(x, on_leaf):
    y = x * 3
    (x if on_leaf else y).register_hook(lambda g: g * 10)
    y.sum().backward()
    assert x.grad.tolist() == [30.0, 30.0]


def test_hook_that_returns_nothing_only_looks(x):
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 3).sum().backward()
    assert seen == [[3.0, 3.0]]
    assert x.grad.tolist() == [3.0, 3.0]


def test_hooks_run_in_order_each_on_what_the_last_returned(x):
    x.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: g + 1)
    x.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_hook_sees_the_whole_gradient_once(x):
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    (y + y * y).sum().backward()
    assert seen == [[5.0, 5.0]]


def test_order_of_all_kinds_of_hooks(x):
    order = []

    def note(name):
        return lambda *args: order.append(name)

    y = x * 2
    y.register_hook(note("tensor"))
    y.grad_fn.register_prehook(note("before node"))
    y.grad_fn.register_hook(note("after node"))
    x.register_post_accumulate_grad_hook(note("accumulated"))
    x.register_hook(note("leaf"))
    y.sum().backward()
    assert order == ["tensor", "before node", "after node", "leaf", "accumulated"]


def test_removal(x):
    handle = x.register_hook(lambda g: g * 2)
    x.sum().backward()
    handle.remove()
    handle.remove()
    x.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_handle_as_a_context(x):
    with x.register_hook(lambda g: g * 2):
        x.sum().backward()
    x.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_hook_may_remove_itself_and_add_others(x):
    calls = []

    def once(g):
        calls.append("once")
        handle.remove()
        x.register_hook(lambda g: calls.append("later"))

    handle = x.register_hook(once)
    x.sum().backward()
    x.sum().backward()
    assert calls == ["once", "later"]


def test_hook_runs_in_autograd_grad_too(x):
    x.register_hook(lambda g: g * 2)
    assert torch.autograd.grad(x.sum(), x)[0].tolist() == [2.0, 2.0]


def test_hook_takes_part_in_the_second_derivative(x):
    x.register_hook(lambda g: g * g)
    (g,) = torch.autograd.grad((x * x).sum(), x, create_graph=True)
    assert g.tolist() == [4.0, 4.0]
    x._hooks.clear()
    assert torch.autograd.grad(g.sum(), x)[0].tolist() == [8.0, 8.0]  # d/dx (2x)^2


def test_hook_is_recorded_only_with_create_graph(x):
    seen = []
    x.register_hook(lambda g: seen.append(torch.is_grad_enabled()))
    x.sum().backward()
    x.sum().backward(create_graph=True)
    assert seen == [False, True]


def test_hook_of_an_output_that_got_no_gradient_is_not_called():
    x = torch.ones(3, requires_grad=True)
    first, second, _ = x.unbind()
    first.register_hook(lambda g: pytest.fail("no gradient came here"))
    second.register_hook(lambda g: g * 7)
    (second * 2).backward()
    assert x.grad.tolist() == [0.0, 14.0, 0.0]


def test_hook_stays_with_the_value_it_was_registered_on(x):
    y = x * 3
    seen = []
    y.register_hook(lambda g: seen.append(("before", g.tolist())))
    y.mul_(2)
    y.register_hook(lambda g: seen.append(("after", g.tolist())))
    (y * 5).sum().backward()
    assert seen == [("after", [5.0, 5.0]), ("before", [10.0, 10.0])]


def change_size(g):
    return torch.ones(3)


def change_type(g):
    return g.double()


@pytest.mark.parametrize(
    "hook, error, text",
    [
        (lambda g: 1.0, TypeError, "expected Variable, but hook returned 'float'"),
        (change_size, RuntimeError, "hook 'change_size' has changed the size of value"),
        (
            change_type,
            RuntimeError,
            "hook 'change_type' has changed the type of value (was torch.FloatTensor got torch.DoubleTensor)",
        ),
    ],
)
def test_replacements_that_do_not_fit(x, hook, error, text):
    x.register_hook(hook)
    with refused(text, error):
        x.sum().backward()
    assert x.grad is None


def test_hook_that_raises_stops_the_pass_and_breaks_nothing(x):
    def fails(g):
        raise KeyError("from the hook")

    y = x * 2
    handle = y.register_hook(fails)
    with pytest.raises(KeyError, match="from the hook"):
        y.sum().backward()
    assert x.grad is None
    handle.remove()
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_only_tensors_that_require_grad_take_hooks():
    plain = torch.ones(2)
    with refused("cannot register a hook on a tensor that doesn't require gradient"):
        plain.register_hook(print)
    with refused("cannot register a hook on a tensor that doesn't require gradient"):
        plain.register_post_accumulate_grad_hook(print)


# -- after accumulation ----------------------------------------------------------------------------------------------


def test_post_accumulate_hook_sees_the_tensor_with_its_gradient(x):
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.tolist())))
    x.sum().backward()
    x.sum().backward()
    handle.remove()
    x.sum().backward()
    assert seen == [(True, [1.0, 1.0]), (True, [2.0, 2.0])]


def test_optimizer_step_in_the_backward_pass(x):
    def step(t):
        with torch.no_grad():
            t -= 0.5 * t.grad
        t.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * x).sum().backward()
    assert x.tolist() == [0.0, 0.0]
    assert x.grad is None


def test_a_gradient_that_goes_two_ways_is_not_the_hooks_alone(x):
    def clear(t):
        t.grad.zero_()

    other = torch.ones(2, requires_grad=True)
    x.register_post_accumulate_grad_hook(clear)
    for y in (x + 2 * other, 2 * other + x):
        (y * torch.tensor([3.0, 5.0])).sum().backward()
        assert x.grad.tolist() == [0.0, 0.0]
    assert other.grad.tolist() == [12.0, 20.0]


def test_leaves_accumulate_as_soon_as_all_is_there():
    order = []
    a, b, c, d, shared = leaves = [torch.ones(2, requires_grad=True) for _ in range(5)]
    for name, leaf in zip(["a", "b", "c", "d", "shared"], leaves):
        leaf.register_post_accumulate_grad_hook(lambda t, name=name: order.append(name))
    middle = a * shared
    middle.register_hook(lambda g: order.append("middle"))
    expected = ["d", "b", "c", "middle", "a", "shared"]  # as PyTorch does
    for _ in range(2):
        loss = torch.stack([middle, b + c, d * shared]).sum()
        loss.backward(retain_graph=True)
    assert order == 2 * expected


def test_the_first_gradient_is_the_leafs_own(x):
    y = x * torch.tensor([3.0, 5.0])
    z = y.exp()
    kept = []
    y.register_hook(lambda g: kept.append(g))
    z.sum().backward(retain_graph=True)
    x.grad.zero_()
    assert kept[0].tolist() == z.tolist()
    x.grad = None
    z.sum().backward(create_graph=True)
    assert x.grad.requires_grad


def test_post_accumulate_hooks_return_nothing(x):
    handle = x.register_post_accumulate_grad_hook(lambda t: 5)
    with refused("expected Variable, but hook returned 'int'", TypeError):
        x.sum().backward()
    handle.remove()
    x.register_post_accumulate_grad_hook(lambda t: t.grad)
    with refused("Tensor post accumulate grad hooks should return None."):
        x.sum().backward()


def test_post_accumulate_hooks_are_for_leaves(x):
    with refused("post accumulate grad hooks cannot be registered on non-leaf tensors"):
        (x * 2).register_post_accumulate_grad_hook(print)


# -- hooks on nodes --------------------------------------------------------------------------------------------------


def test_node_hook_sees_both_sides_and_may_replace_the_results(x):
    seen = []

    def hook(grad_inputs, grad_outputs):
        seen.append((grad_inputs[0].tolist(), grad_outputs[0].tolist()))
        return (grad_inputs[0] * 10,)

    y = x.neg()
    y.grad_fn.register_hook(hook)
    y.sum().backward()
    assert seen == [([-1.0, -1.0], [1.0, 1.0])]
    assert x.grad.tolist() == [-10.0, -10.0]


def test_node_prehook_may_replace_what_arrives(x):
    y = x.neg()
    y.grad_fn.register_prehook(lambda grad_outputs: (grad_outputs[0] * 2,))
    y.sum().backward()
    assert x.grad.tolist() == [-2.0, -2.0]


def test_hooks_of_a_leafs_own_node(x):
    y = (x * 2).sum()
    accumulator = (x * 1).grad_fn.next_functions[0][0]
    seen = []
    accumulator.register_prehook(lambda grads: (grads[0] * 5,))
    accumulator.register_hook(lambda inputs, outputs: seen.append((inputs, outputs[0].tolist())))
    y.backward()
    assert x.grad.tolist() == [10.0, 10.0]
    assert seen == [((), [10.0, 10.0])]


@pytest.mark.parametrize(
    "result, error, text",
    [
        (lambda g: g[0], TypeError, "expected tuple, but hook returned 'Tensor'"),
        (lambda g: (5,), TypeError, "expected Variable, but hook returned 'int'"),
        (lambda g: (*g, *g), RuntimeError, "has returned an incorrect number of values (got 2, but expected 1)"),
        (lambda g: (torch.ones(7),), RuntimeError, "has changed the size of value"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_results_of_node_hooks_that_do_not_fit(x, result, error, text, before):
    y = x.neg()
    if before:
        y.grad_fn.register_prehook(result)
    else:
        y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: result(grad_inputs))
    with refused(text, error):
        y.sum().backward()
    assert x.grad is None


# -- retain_grad -----------------------------------------------------------------------------------------------------


def test_retained_gradient_comes_after_the_hooks(x):
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert y.grad.tolist() == [100.0, 100.0]
    assert y.retains_grad


def test_retained_gradients_add_up(x):
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert y.grad.tolist() == [2.0, 2.0]


def test_retaining_on_a_leaf_changes_nothing(x):
    x.retain_grad()
    x.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    assert not x.retains_grad


def test_retained_gradient_is_that_of_the_new_value_after_an_in_place_change(x):
    y = x * 3
    y.retain_grad()
    y.mul_(2)
    (y * 5).sum().backward()
    assert y.grad.tolist() == [5.0, 5.0]
    assert x.grad.tolist() == [30.0, 30.0]


def test_retained_gradient_when_a_view_is_changed(x):
    y = x * 3
    y.retain_grad()
    y[0].mul_(2)
    (y * 5).sum().backward()
    assert y.grad.tolist() == [5.0, 5.0]


def test_retained_gradient_of_a_view_that_is_changed(x):
    y = x * 3
    v = y[0]
    v.retain_grad()
    v.mul_(2)
    (y.sum() + v * 7).backward()
    assert v.grad.item() == 7.0
    assert x.grad.tolist() == [48.0, 3.0]


def test_retained_gradients_do_not_keep_a_tensor_alive(x):
    y = x * 2
    y.retain_grad()
    z = y.sum()
    del y
    z.backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_retaining_needs_a_gradient():
    with refused("can't retain_grad on Tensor that has requires_grad=False"):
        torch.ones(2).retain_grad()
