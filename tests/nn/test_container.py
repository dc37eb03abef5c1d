"""Where the containers differ from PyTorch's on purpose; tests/parity/test_module.py has the rest."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import minitorch_bn as torch

nn = torch.nn


class A(nn.Module):
    def forward(self, x):
        return x + 1


class B(nn.Module):
    def forward(self, x):
        return x * 10


def names(container):
    return [(name, type(module).__name__) for name, module in container.named_children()]


def test_sequential_calls_in_order():
    assert nn.Sequential(A(), B())(1) == 20
    assert nn.Sequential(B(), A())(1) == 11


def test_appending_to_a_slice_overwrites_nothing():
    # The slice keeps the names 1 and 2: PyTorch calls the third module "2" again, which replaces one.
    part = nn.Sequential(A(), A(), B())[1:].append(A())
    assert names(part) == [("1", "A"), ("2", "B"), ("3", "A")]


def test_inserting_into_a_named_sequential_renumbers():
    # PyTorch raises KeyError: '1' and leaves half of the work done.
    part = nn.Sequential(OrderedDict(a=A(), b=A())).insert(1, B())
    assert names(part) == [("0", "A"), ("1", "B"), ("2", "A")]


@pytest.mark.parametrize("index", [-100, -3, -1, 0, 1, 2, 3, 100])
def test_module_list_inserts_as_a_list_does(index):
    # PyTorch raises KeyError for -1, and leaves a gap in the names for 100.
    expected, part = ["A", "A", "A"], nn.ModuleList([A(), A(), A()])
    expected.insert(index, "B")
    part.insert(index, B())
    assert names(part) == list(zip("0123", expected))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.extend([A(), 3]),
        lambda m: m.append(3),
        lambda m: m.insert(0, 3),
        lambda m: m.__setitem__(0, 3),
        lambda m: m.__iadd__([A(), 3]),
    ],
)
def test_a_refused_change_of_a_list_changes_nothing(change):
    part = nn.ModuleList([A(), B()])
    before = list(part)
    with pytest.raises(TypeError):
        change(part)
    assert list(part) == before
    assert len(part) == 2


def test_extending_a_container_by_itself_ends():
    part = nn.ModuleList([A(), B()])
    assert len(part.extend(part)) == 4
    row = nn.Sequential(A(), B())
    row += row
    assert len(row) == 4


def test_a_refused_update_of_a_dict_changes_nothing():
    part = nn.ModuleDict({"a": A()})
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        part.update(OrderedDict(b=B(), c=3))
    assert list(part) == ["a"]


def test_a_refused_key_leaves_a_parameter_dict_whole():
    # PyTorch keeps the refused key, after which going through the values fails.
    part = nn.ParameterDict({"a": torch.ones(1)})
    for key in (3, "x.y", "keys"):
        with pytest.raises((TypeError, KeyError)):
            part[key] = torch.ones(1)
    with pytest.raises(KeyError):
        part["values"] = 3
    assert list(part) == ["a"]
    assert len(list(part.values())) == 1


def test_popitem_of_an_empty_parameter_dict():
    with pytest.raises(KeyError, match="dictionary is empty"):
        nn.ParameterDict().popitem()


def test_a_parameter_list_does_not_take_a_tensor_apart():
    with pytest.raises(TypeError, match="but got Tensor"):
        nn.ParameterList(torch.ones(2))


def test_parameters_in_containers_are_found_and_trained():
    class Mix(nn.Module):
        def __init__(self):
            super().__init__()
            self.scales = nn.ParameterList([torch.ones(2), torch.ones(2)])
            self.shifts = nn.ParameterDict({"b": torch.zeros(2)})

        def forward(self, x):
            for scale in self.scales:
                x = x * scale
            return x + self.shifts["b"]

    m = Mix()
    m(torch.full((2,), 3.0)).sum().backward()
    gradients = {name: param.grad.tolist() for name, param in m.named_parameters()}
    assert gradients == {"scales.0": [3.0, 3.0], "scales.1": [3.0, 3.0], "shifts.b": [1.0, 1.0]}


def test_a_long_module_list_prints_short():
    part = nn.ModuleList(A() for _ in range(1000))
    part.append(B())
    assert repr(part) == "ModuleList(\n  (0-999): 1000 x A()\n  (1000): B()\n)"
