"""Memory: reference counting alone frees a graph, as early as it can, and long chains overflow no stack."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
import tracemalloc
import weakref

import pytest

import minitorch_bn as torch


@pytest.fixture(autouse=True)
def _without_garbage_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def array_of(tensor):
    """A weak reference to the tensor's array: what costs memory."""
    return weakref.ref(tensor._data)


class Twice(torch.autograd.Function):
    """Saves its input and its output."""

    @staticmethod
    def forward(ctx, a):
        out = a * 2
        ctx.save_for_backward(a, out)
        return out

    @staticmethod
    def backward(ctx, g):
        assert len(ctx.saved_tensors) == 2
        return g * 2


def step(weights, x):
    """A bit of everything that could tie a knot: views, in-place changes, hooks, custom Functions, retained grads."""
    h = x @ weights + 1
    h[0].mul_(2)
    v = h.view(-1)
    h.add_(1)
    h.retain_grad()
    h.register_hook(lambda g: g * 1)
    out = torch.cat([*h.unbind(), v[:3] * 1])
    return Twice.apply(out).softmax(0).max()


def test_ten_thousand_graphs_leave_nothing_behind():
    weights = torch.ones(3, 4, requires_grad=True)
    x = torch.ones(2, 3)

    def build_and_drop(small, large):
        for _ in range(small):
            (weights * 2).exp().sum()
        for _ in range(large):
            step(weights, x)
            step(weights, x).backward()

    tracemalloc.start()
    try:
        build_and_drop(1_000, 1_000)  # fills the interpreter's own lists of free tuples
        before = tracemalloc.get_traced_memory()[0]
        build_and_drop(8_000, 500)
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 20_000  # bytes: two for each graph; the smallest takes some 2000


@pytest.mark.parametrize("end", ["dropped", "backward", "create_graph", "grad", "failed"])
def test_each_graph_is_freed_by_reference_counting(end):
    weights = torch.ones(3, 4, requires_grad=True)
    x = torch.ones(2, 3)
    loss = step(weights, x)
    node = weakref.ref(loss.grad_fn)
    below = weakref.ref(loss.grad_fn.next_functions[0][0])
    if end == "backward":
        loss.backward()
    elif end == "create_graph":
        torch.autograd.grad(loss, weights, create_graph=True)
    elif end == "grad":
        torch.autograd.grad(loss, weights)
    elif end == "failed":
        handle = weights.register_hook(lambda g: 1 / 0)
        with contextlib.suppress(ZeroDivisionError):
            loss.backward()
        handle.remove()
    del loss
    assert node() is None
    assert below() is None


def test_leaf_is_freed():
    x = torch.ones(3, requires_grad=True)
    x.register_hook(lambda g: g * 2)
    (x * 2).sum().backward()
    tensor = weakref.ref(x)
    del x
    assert tensor() is None


# -- as early as possible --------------------------------------------------------------------------------------------


def test_activation_that_no_rule_saved_is_freed_while_forward_goes_on():
    x = torch.ones(100, requires_grad=True)
    y = x + 1
    array = array_of(y)
    z = y * 3  # saves nothing of y
    del y
    assert array() is None
    z.sum().backward()
    assert x.grad[0].item() == 3.0


def test_activation_that_a_rule_saved_stays():
    x = torch.ones(100, requires_grad=True)
    y = x + 1
    array = array_of(y)
    z = y.sin()
    del y
    assert array() is not None
    z.sum().backward()
    assert array() is None


def test_operand_that_no_gradient_needs_is_not_saved():
    x = torch.ones(100, requires_grad=True)
    mask = torch.ones(100) * 1
    activation = x + 1
    array = array_of(activation)
    z = activation * mask  # the gradient of activation needs mask, and nothing needs activation
    del activation
    assert array() is None
    z.sum().backward()


def test_saved_values_are_freed_as_backward_passes():
    x = torch.ones(10, requires_grad=True)
    first = x.exp()
    second = (first * 1).exp()
    array = array_of(second)
    alive = []
    first.register_hook(lambda g: alive.append(array() is not None))
    loss = second.sum()
    del second
    loss.backward()
    assert alive == [False]


def test_retained_graph_keeps_its_values():
    x = torch.ones(10, requires_grad=True)
    y = x.exp()
    array = array_of(y)
    loss = y.sum()
    del y
    loss.backward(retain_graph=True)
    assert array() is not None
    loss.backward()
    assert array() is None


def test_nothing_is_kept_without_recording():
    x = torch.ones(10, requires_grad=True)
    with torch.no_grad():
        y = x.exp()
        array = array_of(y)
        z = y.sin()
        del y
    assert array() is None
    assert z.grad_fn is None


# -- long chains -----------------------------------------------------------------------------------------------------

CHAIN = """
import minitorch_bn as torch
n = {n}
x = torch.ones((), requires_grad=True)
y = x
for _ in range(n):
    y = {step}
y.backward({arguments})
assert x.grad.item() == {expected}, x.grad
del y
"""


@pytest.mark.parametrize(
    "step, arguments, expected, n",
    [
        ("y + 1", "", 1.0, 1_000_000),
        ("y * 1", "", 1.0, 100_000),
        ("y.view(1).view(())", "", 1.0, 100_000),
        ("y * 1", "create_graph=True", 1.0, 100_000),
    ],
)
def test_chain(step, arguments, expected, n):
    """In a process of its own, since an overflow of the C stack would end this one. The million takes some 6 s."""
    program = CHAIN.format(n=n, step=step, arguments=arguments, expected=expected)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr[-2000:]


def test_long_chain_that_is_dropped_without_backward():
    program = """
import minitorch_bn as torch
x = torch.ones((), requires_grad=True)
y = x
for _ in range(100_000):
    y = y.sin()
del y
print("freed")
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert result.stdout == "freed\n", result.stderr[-2000:]


def test_long_chain_of_in_place_changes_of_a_view():
    x = torch.ones(2, requires_grad=True)
    y = x * 1
    v = y[0]
    for _ in range(2_000):
        v.add_(1)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
