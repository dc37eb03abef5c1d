"""The backward pass: what `backward` and `autograd.grad` compute, what they refuse, and what they leave untouched."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.autograd import backward, engine, grad


@pytest.fixture
def x():
    return torch.tensor([1.0, 2.0], requires_grad=True)


def refused(text, error=RuntimeError):
    return pytest.raises(error, match=re.escape(text))


# -- backward --------------------------------------------------------------------------------------------------------


def test_gradient_of_a_scalar(x):
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert not x.grad.requires_grad


def test_gradients_add_up_in_place(x):
    x.sum().backward()
    first = x.grad
    (3 * x).sum().backward()
    assert x.grad is first
    assert first.tolist() == [4.0, 4.0]
    assert first._version == 1


def test_paths_that_meet_are_added_up(x):
    y = x * 2
    (y * y + y + x).sum().backward()
    assert x.grad.tolist() == [8 * 1 + 3, 8 * 2 + 3]  # d/dx (4 x^2 + 3 x)


def test_gradient_argument_weighs_the_outputs(x):
    (x * 2).backward(torch.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 20.0]


def test_one_element_needs_no_gradient_argument():
    x = torch.tensor([[3.0]], requires_grad=True)
    (x * x).backward()
    assert x.grad.tolist() == [[6.0]]


def test_leaf_may_be_the_root(x):
    x.backward(torch.tensor([1.0, 5.0]))
    assert x.grad.tolist() == [1.0, 5.0]


def test_several_roots_at_once(x):
    y = x * x
    backward([y.sum(), y], [None, torch.tensor([0.0, 1.0])])
    assert x.grad.tolist() == [2.0, 8.0]


def test_gradient_has_shape_and_dtype_of_its_value():
    a = torch.ones(3, 1, requires_grad=True)
    b = torch.ones(4, dtype=torch.float64, requires_grad=True)
    c = torch.tensor(2.0, dtype=torch.float16, requires_grad=True)
    (a * b * c).sum().backward()
    assert (a.grad.shape, a.grad.dtype) == ((3, 1), torch.float32)
    assert (b.grad.shape, b.grad.dtype) == ((4,), torch.float64)
    assert (c.grad.shape, c.grad.dtype) == ((), torch.float16)
    assert a.grad.flatten().tolist() == [8.0] * 3
    assert c.grad.item() == 12.0


def test_backward_works_inside_no_grad_too(x):
    y = (x * x).sum()
    with torch.no_grad():
        y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_inputs_restrict_the_leaves(x):
    w = torch.ones(2, requires_grad=True)
    y = x * w
    y.sum().backward(inputs=[w])
    assert w.grad.tolist() == [1.0, 2.0]
    assert x.grad is None


def test_inputs_may_be_computed_tensors(x):
    y = x * 2
    (y * y).sum().backward(inputs=y)
    assert y.grad.tolist() == [4.0, 8.0]
    assert x.grad is None


def test_unused_input_gets_nothing(x):
    w = torch.ones(2, requires_grad=True)
    x.sum().backward(inputs=[w])
    assert w.grad is None


# -- the graph is freed, or not --------------------------------------------------------------------------------------


def test_second_backward_is_refused(x):
    y = (x * x).sum()
    y.backward()
    with refused(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have"
    ):
        y.backward()


def test_graph_that_saved_nothing_runs_twice(x):
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_retain_graph_allows_a_second_backward(x):
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]


def test_create_graph_retains_by_default(x):
    y = (x * x).sum()
    grad(y, x, create_graph=True)
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_create_graph_without_retaining_frees(x):
    y = (x * x).sum()
    grad(y, x, create_graph=True, retain_graph=False)
    with refused("Trying to backward through the graph a second time"):
        y.backward()


def test_parts_off_the_way_to_the_inputs_are_not_freed(x):
    w = torch.ones(2, requires_grad=True)
    y, z = x.exp(), w.exp()
    grad((y * z).sum(), x, retain_graph=False)
    grad(z.sum(), w)  # z's node did not run


# -- grad ------------------------------------------------------------------------------------------------------------


def test_grad_touches_no_leaf(x):
    (g,) = grad((x**3).sum(), x)
    assert g.tolist() == [3.0, 12.0]
    assert x.grad is None


def test_grad_of_computed_and_repeated_inputs(x):
    y = x * 2
    gx, gy, again = grad((y * y).sum(), [x, y, x])
    assert gx.tolist() == again.tolist() == [8.0, 16.0]
    assert gy.tolist() == [4.0, 8.0]


def test_grad_of_an_output_by_itself(x):
    y = x * 2
    assert grad(y, y, torch.tensor([3.0, 4.0]))[0].tolist() == [3.0, 4.0]


def test_derivatives_of_every_order():
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    y = x**5
    for expected in [5 * 2**4, 20 * 2**3, 60 * 2**2, 120 * 2, 120]:
        (y,) = grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected, rel=1e-12)


def test_gradient_of_the_gradient_argument(x):
    v = torch.tensor([1.0, 1.0], requires_grad=True)
    (g,) = grad(x * x, x, grad_outputs=v, create_graph=True)
    g.sum().backward()
    assert v.grad.tolist() == [2.0, 4.0]


def test_without_create_graph_nothing_is_recorded(x):
    (g,) = grad((x * x).sum(), x)
    assert not g.requires_grad
    assert g.grad_fn is None


def test_backward_with_create_graph_leaves_a_gradient_to_differentiate(x):
    (x**3).sum().backward(create_graph=True)
    first = x.grad
    x.grad = None
    first.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_unused_inputs(x):
    w = torch.ones(3, requires_grad=True)
    with refused("to not have been used in the graph. Set allow_unused=True if this is the desired behavior."):
        grad(x.sum(), [x, w])
    assert grad(x.sum(), [x, w], allow_unused=True)[1] is None
    assert grad(x.sum(), [x, w], materialize_grads=True)[1].tolist() == [0.0] * 3
    with refused("Expected allow_unused to be True or not passed when materialize_grads=True", ValueError):
        grad(x.sum(), w, allow_unused=False, materialize_grads=True)


# -- errors, before anything is changed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda x: (x * 2).backward(), "grad can be implicitly created only for scalar outputs"),
        (
            lambda x: x.detach().sum().backward(),
            "element 0 of tensors does not require grad and does not have a grad_fn",
        ),
        (lambda x: backward([x.sum(), x.detach().sum()]), "element 1 of tensors does not require grad"),
        (
            lambda x: (x * 2).backward(torch.ones(3)),
            "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape of "
            "torch.Size([2]).",
        ),
        (lambda x: backward([x, x], [torch.ones(2)]), "got 2 tensors and 1 gradients"),
        (lambda x: backward(x.sum(), inputs=[]), "`inputs` argument to `backward()` cannot be empty."),
        (lambda x: grad(x.sum(), x.detach()), "One of the differentiated Tensors does not require grad"),
    ],
)
def test_refusals(x, call, text):
    x.grad = torch.tensor([7.0, 7.0])
    with refused(text):
        call(x)
    assert x.grad.tolist() == [7.0, 7.0]


def test_gradient_argument_of_another_type(x):
    with refused("gradients can be either Tensors or None, but got int", TypeError):
        backward([x * 2], [1])


def test_a_wrong_root_changes_nothing_although_another_is_right(x):
    y = (x * x).sum()
    with refused("element 1 of tensors"):
        backward([y, torch.ones(())])
    assert x.grad is None
    y.backward()  # not freed


def test_error_in_the_middle_leaves_the_tape_usable(x):
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            raise ValueError("in the middle")

    y = x * x
    with pytest.raises(ValueError, match="in the middle"):
        Fails.apply(y).sum().backward()
    assert torch.is_grad_enabled()
    assert x.grad is None
    z = (x * x).sum()
    z.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    y.sum().backward()  # the failed pass had not come to y's node
    assert x.grad.tolist() == [4.0, 8.0]


# -- nothing is shared by accident -----------------------------------------------------------------------------------


PROGRAMS = {
    "sum": lambda a, b: a + b,
    "views": lambda a, b: a.view(2, 1) + b.view(2, 1),
    "itself": lambda a, b: a * 1 + b * 1,
    "expand": lambda a, b: a.expand(3, 2) + b,
    "slice": lambda a, b: a[:] + b[:],
    "clone": lambda a, b: a.clone() + b.clone(),
    "cat": lambda a, b: torch.cat([a, b]),
    "stack": lambda a, b: torch.stack([a, b]),
    "unbind": lambda a, b: a.unbind()[0] + b.unbind()[1],
    "where": lambda a, b: torch.where(a > 0, a, b),
    "to": lambda a, b: a.double() + b.double(),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_share_no_memory(name, create_graph):
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    b = torch.tensor([3.0, 4.0], requires_grad=True)
    middle = a * 1
    out = PROGRAMS[name](middle, b)
    middle.retain_grad()
    out.retain_grad()
    start = torch.ones(out.shape, dtype=out.dtype)
    out.backward(start, create_graph=create_graph)
    arrays = [t.detach().numpy() for t in (a, b, middle, out, start, a.grad, b.grad, middle.grad, out.grad)]
    graph_side, gradients = arrays[:5], arrays[5:]
    for one, other in itertools.combinations(gradients, 2):
        assert not np.may_share_memory(one, other)
    for gradient, value in itertools.product(gradients, graph_side):
        assert not np.may_share_memory(gradient, value)


def test_changing_a_gradient_changes_no_saved_value(x):
    y = x * x
    y.backward(torch.ones(2), retain_graph=True)
    x.grad.zero_()
    y.backward(torch.ones(2))
    assert x.grad.tolist() == [2.0, 4.0]


# -- the graph as graph-drawing tools see it -------------------------------------------------------------------------


def names(node):
    return (node.name(), *(names(n) for n, _ in node.next_functions if n is not None))


def test_graph_structure(x):
    leaf = "torch::autograd::AccumulateGrad"
    y = (x * 2).exp() + x
    assert names(y.grad_fn) == ("AddBackward0", ("ExpBackward0", ("MulBackward0", (leaf,))), (leaf,))
    first, second = y.grad_fn.next_functions
    assert (first[1], second[1]) == (0, 0)
    assert second[0].variable is x
    assert (x * 2).grad_fn.next_functions[1] == (None, 0)
    assert x.grad_fn is None


def test_output_number_leads_to_the_right_output():
    x = torch.arange(3.0).requires_grad_()
    a, b, c = x.unbind()
    assert [t.output_nr for t in (a, b, c)] == [0, 1, 2]
    assert (b * 1).grad_fn.next_functions[0] == (b.grad_fn, 1)


def test_node_outlives_nothing_but_its_graph(x):
    y = x * 2
    node = y.grad_fn
    assert node is y.grad_fn
    assert (y + 1).grad_fn.next_functions[0][0] is node


class TestALeafTakesOverOnlyMemoryThatNobodyElseHolds:
    """The first gradient of a leaf may keep the array it came in; filling it must change nothing else."""

    def filled(self, y, x, gradient=None):
        y.backward(gradient)
        x.grad.fill_(9)

    def test_two_leaves_of_one_sum(self):
        x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
        self.filled((x + y).sum(), x)
        assert y.grad.tolist() == [1, 1, 1]

    def test_a_given_gradient(self):
        x, given = torch.ones(3, requires_grad=True), torch.ones(3)
        self.filled(x.clone(), x, given)
        assert given.tolist() == [1, 1, 1]

    def test_a_given_gradient_that_passes_through_unchanged(self):
        x, given = torch.ones(3, requires_grad=True), torch.ones(3)
        self.filled(x + 0, x, given)
        assert given.tolist() == [1, 1, 1]

    def test_what_only_numpy_holds(self):
        x, memory = torch.ones(3, requires_grad=True), np.ones(3, np.float32)
        self.filled(x + 0, x, torch.from_numpy(memory))
        assert memory.tolist() == [1, 1, 1]

    def test_a_given_gradient_with_inputs(self):
        x, given = torch.ones(3, requires_grad=True), torch.ones(3)
        x.clone().backward(given, inputs=[x])
        x.grad.fill_(9)
        assert given.tolist() == [1, 1, 1]

    def test_what_a_hook_kept(self):
        x, kept = torch.ones(3, requires_grad=True), []
        y = x + 0
        y.register_hook(kept.append)
        self.filled(y.sum(), x)
        assert kept[0].tolist() == [1, 1, 1]

    def test_what_a_custom_operator_kept(self):
        x, kept = torch.ones(3, requires_grad=True), []

        class Identity(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, grad):
                kept.append(grad)
                return grad

        self.filled(Identity.apply(x).sum(), x)
        assert kept[0].tolist() == [1, 1, 1]

    def test_a_retained_gradient(self):
        x = torch.ones(3, requires_grad=True)
        y = x + 0
        y.retain_grad()
        self.filled(y.sum(), x)
        assert y.grad.tolist() == [1, 1, 1]

    def test_the_values_of_another_leaf(self):
        x, y = torch.ones(3, requires_grad=True), torch.tensor([2.0, 3.0, 4.0], requires_grad=True)
        self.filled((x * y).sum(), x)
        assert y.tolist() == [2, 3, 4]


def test_a_given_gradient_may_be_a_leaf_that_no_graph_has_seen_yet():
    # the recorded copy into x.grad makes the leaf's accumulator while x's own is at work
    x, given = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    x.clone().backward(given, create_graph=True)
    x.grad.sum().backward()
    assert given.grad.tolist() == [1, 1]


def test_a_sum_on_its_way_changes_no_gradient_that_others_get():
    a, w = (torch.ones(3, requires_grad=True) for _ in range(2))
    c, steps, y = torch.tensor([1.0, 2.0, 3.0]), [], a
    for _ in range(4):
        y = y + w
        y.retain_grad()
        steps.append(y)
    (y * c).sum().backward(retain_graph=True)
    for tensor in (a, *steps):
        assert tensor.grad.tolist() == c.tolist()
    assert w.grad.tolist() == (4 * c).tolist()
    grads = torch.autograd.grad(y, [*steps, w, a], c)
    assert [g.tolist() for g in grads] == [c.tolist()] * 4 + [(4 * c).tolist(), c.tolist()]
    assert c.tolist() == [1.0, 2.0, 3.0]


def test_gradients_meet_in_one_array(monkeypatch):
    w = torch.full((1000,), 0.5, requires_grad=True)
    y, in_place, add = w, [], engine._add
    for _ in range(6):
        y = y * w

    def watched(first, *others):
        total = add(first, *others)
        in_place.append(total is first)
        return total

    monkeypatch.setattr(engine, "_add", watched)
    y.backward(torch.ones(1000), retain_graph=True)
    assert in_place == [True] * 6
    torch.testing.assert_close(w.grad, torch.full((1000,), 7 * 0.5**6))
    torch.autograd.grad(y, w, torch.ones(1000), create_graph=True)
    assert in_place[6:] == [False] * 6
