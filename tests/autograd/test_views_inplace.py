"""Views and in-place changes: histories that follow shared memory, and changes that are refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.autograd.gradcheck import gradcheck, gradgradcheck


def refused(text):
    return pytest.raises(RuntimeError, match=re.escape(text))


def leaf(*shape, dtype=torch.float64):
    return torch.arange(1.0, 1 + np.prod(shape)).reshape(shape).to(dtype).requires_grad_()


LEAF = "a leaf Variable that requires grad is being used in an in-place operation."
VIEW_OF_LEAF = "a view of a leaf Variable that requires grad is being used in an in-place operation."
MODIFIED = "one of the variables needed for gradient computation has been modified by an inplace operation"

# -- programs that are checked by differences, to second order -------------------------------------------------------


def nested(x):
    y = x * 1
    y.t()[1:][:, 0].mul_(x[0, 0])
    return y


def view_of_view(x):
    y = x * 1
    v = y.view(-1)
    u = v[1:4]
    u.sin_()
    return y, v, u


def base_after_view(x):
    y = x * x
    v = y[0]
    y.mul_(3)
    return v * v, y


def view_after_base_after_view(x):
    y = x * x
    v, u = y[0], y[:, 1]
    y.mul_(3)
    v.add_(u[1])
    u.sin_()
    return y, v, u


def swap_rows(x):
    y = x * 1
    first = y[0].clone()
    y[0] = y[1] * 2
    y[1] = first * 3
    return y


def augmented(x):
    y = x * 1
    y += x
    y -= 0.5
    y *= x
    y /= x + 10
    y **= 2
    return y


def augmented_items(x):
    y = x * 1
    y[0] += 1
    y[:, 1:] *= x[:, 1:]
    y[1, 0] /= 3
    return y


def constant_that_becomes_differentiable(x):
    out = torch.zeros(2, 3, dtype=torch.float64)
    v = out[1]
    out[0] = x[0] * x[1]
    out[1, 1:] = x[0, 1:]
    return out, v


def items(x):
    y = x * x
    y[..., 0] = x[0, 1]
    y[1] = x[0]
    y[None, :, 1:2] = x[:1, 1:2].T
    y[y > 20] = x[1, 1] * 2
    y[[0, 1], [2, 0]] = x[0, :2]
    y[0, torch.tensor([1, 2])] = x[1, 2]
    y[:, torch.tensor([True, False, False])] += 1
    return y


def diagonal(x):
    y = x * x
    y.diagonal().mul_(x.diagonal())
    return y


def expanded(x):
    y = x * x
    wide = y.expand(2, 2, 3)
    y.mul_(2)
    return wide * wide, y


def many_views(x):
    y = x * x
    y.unsqueeze(0).permute(2, 0, 1)[1].squeeze().mul_(x[:, 0])
    return y


def self_product(x):
    y = x * 1
    y.mul_(y)
    return y


def product_with_own_views(x):
    y = x * 1
    y.mul_(y.view(2, 3))
    y[0].mul_(y[1])
    y[:, 0].div_(y[:, 1])
    return y


def copied(x):
    y = x * 1
    y.copy_(x[0] * x[0])
    y[1].fill_(x[0, 0])
    y.clamp_(1.5, 8.5)
    return y


PROGRAMS = [
    nested, view_of_view, base_after_view, view_after_base_after_view, swap_rows, augmented, augmented_items,
    constant_that_becomes_differentiable, items, diagonal, expanded, many_views, self_product,
    product_with_own_views, copied,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_gradients_of_first_and_second_order(program):
    x = (leaf(2, 3) / 2).detach().requires_grad_()
    assert gradcheck(program, (x,))
    assert gradgradcheck(program, (x,))


# -- what the histories look like ------------------------------------------------------------------------------------


def test_change_through_a_view():
    x = leaf(3)
    y = x * 2
    y[0].mul_(2)
    assert y.tolist() == [4.0, 4.0, 6.0]
    assert y.grad_fn.name() == "torch::autograd::CopySlices"
    assert repr(y).endswith("grad_fn=<CopySlices>)")
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 2.0, 2.0]


def test_views_are_brought_up_to_date_when_they_are_used():
    x = leaf(3)
    y = x * 1
    v = y[:2]
    before = v.grad_fn
    y.mul_(3)
    assert v.grad_fn is not before
    assert v.grad_fn.name() == "AsStridedBackward0"
    assert v.grad_fn is v.grad_fn  # once
    v.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0, 0.0]


def test_view_of_a_constant_begins_to_require_grad():
    x = torch.ones(3)
    v = x[:2]
    assert not v.requires_grad
    w = torch.ones(3, requires_grad=True)
    x.mul_(w)
    assert v.requires_grad
    assert not v.is_leaf
    v.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0, 0.0]


def test_base_of_a_changed_view_begins_to_require_grad():
    x = torch.ones(3)
    w = torch.tensor(2.0, requires_grad=True)
    x[:2].mul_(w)
    assert x.requires_grad
    x.sum().backward()
    assert w.grad.item() == 2.0


def test_leaf_without_gradient_changed_by_a_value_with_one():
    x = torch.ones(3)
    w = torch.ones(3, requires_grad=True)
    x.mul_(w)
    assert x.requires_grad
    assert not x.is_leaf
    x.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0, 1.0]


def test_bases():
    x = torch.ones(2, 2)
    y = x.view(4)
    assert y._base is x
    assert y[1:]._base is x
    assert x._base is None
    assert [t._is_view() for t in (x, y, x.detach(), x.data, x.t().reshape(4), x[[0]])] == [False, True] + [False] * 4


def test_augmented_assignment_keeps_the_tensor():
    x = leaf(2)
    y = z = x * 1
    y += 1
    assert y is z
    assert y.grad_fn.name() == "AddBackward0"


def test_in_place_methods_return_the_tensor():
    x = torch.ones(2)
    assert x.add_(1).mul_(2) is x
    assert x.tolist() == [4.0, 4.0]


# -- changes that are refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.mul_(2),
        lambda x: x.__iadd__(1),
        lambda x: x.__setitem__(slice(None), 0),
        lambda x: x.__setitem__([0], 0),
        lambda x: x.zero_(),
        lambda x: x.uniform_(),
        lambda x: x[0].mul_(2),
        lambda x: x.view(-1)[1:].fill_(0),
        lambda x: x[0][0].add_(1),
    ],
)
def test_leaves_that_require_grad(change):
    x = leaf(2, 2)
    before = x.tolist()
    with refused("leaf Variable that requires grad is being used in an in-place operation."):
        change(x)
    assert x.tolist() == before
    assert x._version == 0


def test_texts_for_leaves_and_their_views():
    x = leaf(2)
    with pytest.raises(RuntimeError, match=f"^{re.escape(LEAF)}"):
        x.mul_(2)
    with pytest.raises(RuntimeError, match=f"^{re.escape(VIEW_OF_LEAF)}"):
        x[0].mul_(2)


def test_leaves_may_be_changed_without_recording():
    x = leaf(3)
    with torch.no_grad():
        x[0] = 5
        x += 1
        x.mul_(2)
    assert x.tolist() == [12.0, 6.0, 8.0]
    assert x.is_leaf
    assert x._version == 3


def test_view_made_without_recording():
    y = leaf(3) * 1
    with torch.no_grad():
        v = y[:2]
        v.mul_(2)
    assert y.tolist() == [2.0, 4.0, 3.0]
    with refused("A view was created in no_grad mode and is being modified inplace with grad mode enabled."):
        v.mul_(2)
    with refused("A view was created in no_grad mode and its base or another view of its base has been modified in"):
        v * 1


def test_constants_may_be_changed_through_views_made_without_recording():
    x = torch.ones(3)
    with torch.no_grad():
        v = x[:2]
    v.mul_(2)
    assert x.tolist() == [2.0, 2.0, 1.0]


@pytest.mark.parametrize(
    "views, name",
    [
        (lambda y: y.unbind(), "Unbind"),
        (lambda y: y.split(1), "Split"),
        (lambda y: y.chunk(3), "Split"),
        (lambda y: tuple(y), "Unbind"),
    ],
)
def test_one_of_several_views(views, name):
    y = leaf(3) * 1
    view = views(y)[1]
    with refused(f"Output 1 of {name} is a view and is being modified inplace. This view is the output of a function "):
        view.mul_(2)
    y.mul_(2)
    with refused(f"Output 1 of {name} is a view and its base or another view of its base has been modified inplace."):
        view * 1
    constants = views(torch.ones(3))
    constants[1].mul_(2)
    assert constants[1].item() == 2.0


def test_expanded_tensors():
    text = "unsupported operation: more than one element of the written-to tensor refers to a single memory location."
    x = torch.ones(1).expand(3)
    with refused(text):
        x.add_(1)
    with refused(text):
        x.view(3)[1:] = 2
    x[0] = 5  # one element, which is all of them
    assert x.tolist() == [5.0, 5.0, 5.0]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[1:].copy_(x[:-1]),
        lambda x: x.__setitem__(slice(1, None), x[:-1]),
        lambda x: x.mul_(x[0]),
        lambda x: x[:3].add_(x[1:]),
        lambda x: x.view(2, 2).mul_(x.view(2, 2).t()),
    ],
)
def test_operands_that_overlap(change):
    x = torch.arange(4.0)
    text = "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory"
    with refused(text):
        change(x)
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda x: x.add_(torch.ones(2, 3)), "output with shape [3] doesn't match the broadcast shape [2, 3]"),
        (lambda x: x.copy_(torch.ones(2, 3)), "output with shape [3] doesn't match the broadcast shape [2, 3]"),
        (lambda x: x.add_(torch.ones(2)), "The size of tensor a (3) must match the size of tensor b (2)"),
        (lambda x: x.long().add_(1.5), "result type Float can't be cast to the desired output type Long"),
        (lambda x: x.long().div_(2), "result type Float can't be cast to the desired output type Long"),
        (
            lambda x: x.__setitem__(slice(None), torch.ones(2)),
            "The expanded size of the tensor (3) must match the existing size (2) at non-singleton dimension 0.",
        ),
        (
            lambda x: x.__setitem__([0, 1], torch.ones(3)),
            "shape mismatch: value tensor of shape [3] cannot be broadcast to indexing result of shape [2]",
        ),
        (lambda x: x.__setitem__([0], torch.ones(1).double()), "Index put requires the source and destination dtypes"),
    ],
)
def test_results_that_do_not_fit(change, text):
    x = torch.ones(3)
    with refused(text):
        change(x)
    assert x.tolist() == [1.0, 1.0, 1.0]
    assert x._version == 0


# -- saved values and versions ---------------------------------------------------------------------------------------


def test_versions_are_shared_by_views_and_detached_tensors_but_not_by_data():
    x = torch.ones(3)
    v, d, data = x[0], x.detach(), x.data
    v.add_(1)
    d.add_(1)
    x.add_(1)
    assert [t._version for t in (x, v, d, data)] == [3, 3, 3, 0]


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.add_(1),
        lambda y: y[0].add_(1),
        lambda y: y.detach().add_(1),
        lambda y: y.view(-1)[:1].detach().zero_(),
        lambda y: y.__setitem__(0, 1.0),
    ],
)
def test_change_of_a_saved_value_is_noticed(change):
    x = leaf(3)
    y = x * 2
    z = y * y
    with torch.no_grad():
        change(y)
    with refused(MODIFIED):
        z.sum().backward()
    assert x.grad is None


def test_text_names_the_tensor_and_its_versions():
    y = leaf(3, dtype=torch.float32) * 2
    z = y * y
    y.add_(1)
    text = (
        f"{MODIFIED}: [torch.FloatTensor [3]], which is output 0 of Add, is at version 1; expected version 0 instead."
    )
    with refused(text.replace("output 0 of Add", "output 0 of Mul")):
        z.sum().backward()


def test_saved_leaf_that_is_changed():
    x = leaf(3)
    z = x * x
    with torch.no_grad():
        x.add_(1)
    with refused(MODIFIED):
        z.sum().backward()


def test_change_through_data_goes_unnoticed():
    x = leaf(3)
    z = x * x
    x.data.add_(1)
    z.sum().backward()
    assert x.grad.tolist() == [4.0, 6.0, 8.0]


def test_output_that_was_saved():
    x = leaf(3)
    y = x.exp()
    y.add_(1)
    with refused(MODIFIED):
        y.sum().backward()


def test_change_after_a_rule_that_saved_nothing():
    x = leaf(3)
    y = x + 1
    y.mul_(2)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_operand_that_is_changed_although_nobody_needs_it():
    x, w = leaf(3), torch.ones(3, dtype=torch.float64)
    y = x * w
    z = (w * 2) * x
    x.data.mul_(2)
    w2 = torch.ones(2, 2, dtype=torch.float64)
    a = torch.ones(2, 2, dtype=torch.float64)
    out = a @ w2.requires_grad_()
    with torch.no_grad():
        w2.add_(1)  # only a's gradient would need it
    (out.sum() + y.sum() + z.sum()).backward()
    assert w2.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_values_a_rule_needs_outlive_the_change_of_its_own_target():
    x = leaf(3)
    y = x * 1
    y.mul_(torch.full((3,), 2.0, dtype=torch.float64, requires_grad=True))
    y.square_()
    y.sum().backward()
    assert x.grad.tolist() == [8.0, 16.0, 24.0]


# -- detach ----------------------------------------------------------------------------------------------------------


def test_detach_shares_memory_and_has_no_history():
    x = leaf(3)
    d = (x * 1).detach()
    assert d.is_leaf
    assert not d.requires_grad
    s = x.detach()
    s[0] = 9
    assert x[0].item() == 9.0


def test_detach_in_place():
    y = leaf(3) * 2
    assert y.detach_() is y
    assert y.is_leaf
    assert not y.requires_grad
    with refused("Can't detach views in-place. Use detach() instead."):
        (leaf(3) * 2)[0].detach_()


def test_random_fill_forgets_the_old_values():
    x = leaf(3)
    y = x * 1
    y.uniform_()
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
