"""Tensors made inside inference_mode: what they are, and what they refuse outside."""

from __future__ import annotations

import copy

import pytest

import minitorch_bn as torch

CHANGED = "Inplace update to inference tensor outside InferenceMode is not allowed"
SAVED = "Inference tensors cannot be saved for backward"
REQUIRING = "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."


@pytest.fixture
def made():
    with torch.inference_mode():
        return torch.tensor([1.0, 2.0])


NEW = {
    "tensor": lambda n: torch.tensor([1.0]),
    "zeros_like": torch.zeros_like,
    "rand": lambda n: torch.rand(2),
    "product": lambda n: n * 2,
    "negative": lambda n: -n,
    "sum": lambda n: n.sum(),
    "clone": lambda n: n.clone(),
    "double": lambda n: n.double(),
    "with a gradient": lambda n: torch.ones(2, requires_grad=True),
    "parameter": lambda n: torch.nn.Linear(2, 2).weight,
    "output": lambda n: torch.nn.Linear(2, 2)(n),
    "pair": lambda n: n.max(0).values,
    "view of a new one": lambda n: torch.ones(2).view(1, 2),
}
OLD = {
    "view": lambda n: n.view(1, 2),
    "detached": lambda n: n.detach(),
    "row": lambda n: n[0],
    "itself": lambda n: n.float(),
    "changed": lambda n: n.add_(1),
}


@pytest.mark.parametrize("name", [*NEW, *OLD])
def test_what_is_an_inference_tensor(name):
    n = torch.ones(2)
    with torch.inference_mode():
        result = (NEW | OLD)[name](n)
    assert result.is_inference() is (name in NEW)
    assert torch.is_inference(result) is (name in NEW)
    assert not n.is_inference()


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.add_(1),
        lambda x: x.__setitem__(0, 9.0),
        lambda x: x.zero_(),
        lambda x: x.uniform_(),
        lambda x: x.copy_(torch.ones(2)),
        lambda x: x.view(2, 1).mul_(2),
    ],
)
def test_it_is_not_changed_outside(made, change):
    before = made.tolist()
    with pytest.raises(RuntimeError, match=CHANGED):
        change(made)
    with torch.no_grad(), pytest.raises(RuntimeError, match=CHANGED):
        change(made)
    assert made.tolist() == before
    with torch.inference_mode():
        change(made)
    assert made.tolist() != before


def test_it_is_not_saved_for_backward(made):
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=SAVED):
        w * made
    with pytest.raises(RuntimeError, match=SAVED):
        torch.nn.functional.mse_loss(w, made)
    (w + made).sum().backward()  # nothing of it has to be saved
    assert w.grad.tolist() == [1.0, 1.0]
    (w * made.clone()).sum().backward()
    with torch.no_grad():
        assert not (w * made).is_inference()


def test_it_asks_for_no_gradient_outside(made):
    for ask in (
        lambda: made.requires_grad_(),
        lambda: setattr(made, "requires_grad", True),
        lambda: torch.nn.Parameter(made),
    ):
        with pytest.raises(RuntimeError, match=REQUIRING):
            ask()
    assert made.requires_grad_(False) is made
    with torch.inference_mode():
        assert made.requires_grad_().requires_grad


def test_it_counts_no_versions(made):
    with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
        made._version


def test_what_comes_of_it_outside_is_ordinary(made):
    assert made.view(2, 1).is_inference()
    assert made.detach().is_inference()
    for ordinary in (made * 2, -made, made.clone(), copy.deepcopy(made)):
        assert not ordinary.is_inference()
        assert ordinary.add_(1)._version == 1


def test_inside_inference_mode_false_tensors_are_ordinary():
    with torch.inference_mode(), torch.inference_mode(False):
        w = torch.ones(1, requires_grad=True)
        assert not w.is_inference()
        assert (w * 2).requires_grad
