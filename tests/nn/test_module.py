"""What Module promises beyond PyTorch's letter, which tests/parity/test_module.py checks: all or nothing, no leaks."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections import OrderedDict

import numpy as np
import pytest

import minitorch_bn as torch

nn = torch.nn


class Lin(nn.Module):
    def __init__(self, n_in=2, n_out=3):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_out, n_in))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x):
        return x @ self.weight.t() + self.bias


class Act(nn.Module):
    def forward(self, x):
        return x.relu()


class Sealed(nn.Module):
    """Extra state that refuses."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def get_extra_state(self):
        return "sealed"

    def set_extra_state(self, state):
        raise ValueError("sealed")


def model():
    return nn.Sequential(OrderedDict(first=Lin(), act=Act(), last=Lin(3, 1)))


def snapshot(module):
    """The identity, version and values of everything a module holds."""
    tensors = module.state_dict(keep_vars=True).items()
    return [(name, id(t), t._version, t.dtype, t.detach().numpy().tolist()) for name, t in tensors]


def filled(module, value):
    """A state dict that fits, with every element set to `value`."""
    saved = OrderedDict((k, torch.full_like(v, value)) for k, v in module.state_dict().items())
    saved._metadata = module.state_dict()._metadata
    return saved


# -- load_state_dict: all or nothing -----------------------------------------------------------------------------------


def without(saved, key):
    del saved[key]


SPOILED = {
    "missing": (lambda s: without(s, "last.bias"), "Missing key"),
    "unexpected": (lambda s: s.update(more=torch.ones(1)), "Unexpected key"),
    "size": (lambda s: s.update({"last.bias": torch.ones(7)}), "size mismatch for last.bias"),
    "array": (lambda s: s.update({"last.bias": np.ones(1)}), "received <class 'numpy.ndarray'>"),
    "None": (lambda s: s.update({"last.count": None}), "received <class 'NoneType'>"),
}


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("spoil, text", SPOILED.values(), ids=SPOILED)
def test_nothing_is_changed_if_anything_is_wrong(spoil, text, assign):
    m = model()
    before, saved = snapshot(m), filled(m, 5)
    spoil(saved)
    with pytest.raises(RuntimeError, match=text):
        m.load_state_dict(saved, assign=assign)
    assert snapshot(m) == before


def test_size_mismatch_changes_nothing_without_strict_either():
    m = model()
    before = snapshot(m)
    with pytest.raises(RuntimeError, match="size mismatch"):
        m.load_state_dict({"first.weight": torch.ones(3, 2) * 9, "last.bias": torch.ones(7)}, strict=False)
    assert snapshot(m) == before


def test_a_parameter_that_cannot_be_written_is_found_out_before():
    m = model()
    m.last.weight = nn.Parameter(torch.ones(1, 1).expand(1, 3))
    before = snapshot(m)
    with pytest.raises(RuntimeError, match=r'parameter named "last.weight", whose dimensions .* an exception occurred'):
        m.load_state_dict(filled(m, 5))
    assert snapshot(m) == before


def test_integers_cannot_be_assigned_to_a_parameter_that_wants_a_gradient():
    m = model()
    before, saved = snapshot(m), filled(m, 5)
    saved["last.weight"] = torch.ones(1, 3, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="an exception occurred"):
        m.load_state_dict(saved, assign=True)
    assert snapshot(m) == before


def raising(module, keys):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "hook, error",
    [
        (lambda m, keys: keys.missing_keys.append("more"), RuntimeError),
        (lambda m, keys: 3, AssertionError),
        (raising, ZeroDivisionError),
    ],
)
@pytest.mark.parametrize("assign", [False, True])
def test_a_post_hook_that_objects_brings_everything_back(hook, error, assign):
    m = model()
    m.last.register_load_state_dict_post_hook(hook)
    values = [row[1:2] + row[3:] for row in snapshot(m)]
    with pytest.raises(error):
        m.load_state_dict(filled(m, 5), assign=assign)
    assert [row[1:2] + row[3:] for row in snapshot(m)] == values  # all but the version, which counts the way back


def test_a_post_hook_sees_the_loaded_module_and_may_forgive():
    m, seen = model(), []

    def hook(module, keys):
        seen.append(module.last.weight.detach().clone())
        keys.missing_keys.remove("first.bias")

    m.register_load_state_dict_post_hook(hook)
    saved = filled(m, 5)
    del saved["first.bias"]
    assert str(m.load_state_dict(saved)) == "<All keys matched successfully>"
    assert torch.equal(seen[0], torch.full((1, 3), 5.0))


def test_extra_state_that_is_refused_brings_everything_back():
    m = nn.Sequential(Lin(), Sealed())
    values = [row[4] for row in snapshot(Lin())]
    with pytest.raises(ValueError, match="sealed"):
        m.load_state_dict({**m.state_dict(), "0.weight": torch.ones(3, 2) * 5})
    assert [row[4] for row in snapshot(m[0])] == values


def test_loading_copies_in_place_and_casts():
    m = model()
    identities = [row[1] for row in snapshot(m)]
    saved = OrderedDict((k, v.double() + 4) for k, v in m.state_dict().items())
    m.load_state_dict(saved)
    assert [row[1] for row in snapshot(m)] == identities
    assert m.first.weight.dtype == torch.float32
    assert m.first.count.item() == 4
    assert m.first.count.dtype == torch.int64
    saved["first.weight"].zero_()
    assert m.first.weight[0, 0].item() == 5  # nothing is shared


def test_loading_is_noticed_by_a_graph_that_saved_the_parameter():
    m = Lin()
    loss = (m.weight * m.weight).sum()
    m.load_state_dict(m.state_dict())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_the_callers_dictionary_is_not_changed():
    class Old(Lin):
        def _load_from_state_dict(self, state_dict, prefix, *rest):
            state_dict.setdefault(prefix + "bias", torch.ones(3))
            super()._load_from_state_dict(state_dict, prefix, *rest)

    m = nn.Sequential(Old())
    saved = m.state_dict()
    del saved["0.bias"]
    keys, metadata = list(saved), copy.deepcopy(saved._metadata)
    m.load_state_dict(saved, assign=True)
    assert list(saved) == keys
    assert saved._metadata == metadata
    assert torch.equal(m[0].bias, torch.ones(3))


def test_a_tied_parameter_loads_and_stays_tied():
    lin = Lin(2, 2)
    m = nn.Sequential(lin, lin)
    m.load_state_dict(filled(m, 3))
    assert m[0] is m[1]
    assert torch.equal(lin.weight, torch.full((2, 2), 3.0))


def test_a_state_dict_goes_round():
    source, target = model(), model()
    with torch.no_grad():
        for i, param in enumerate(source.parameters()):
            param.fill_(i)
    target.load_state_dict(source.state_dict())
    for a, b in zip(source.parameters(), target.parameters()):
        assert torch.equal(a, b)


# -- attributes --------------------------------------------------------------------------------------------------------


def test_an_unknown_attribute_is_an_error_never_none():
    m = model()
    for name in ("foo", "_foo", "__foo__", "weight"):
        with pytest.raises(AttributeError, match=f"'Sequential' object has no attribute '{name}'"):
            getattr(m, name)


def test_a_failing_property_shows_its_own_error():
    class Broken(nn.Module):
        @property
        def size(self):
            return self.missing_part

    with pytest.raises(AttributeError, match="'Broken' object has no attribute 'missing_part'"):
        _ = Broken().size


def test_registering_before_init_says_so():
    class Early(nn.Module):
        def __init__(self):
            self.add_module("act", Act())

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
        Early()


def test_a_module_under_the_name_of_a_class_attribute_is_refused():
    # PyTorch registers it, and reading the attribute then still gives None.
    class Hidden(nn.Module):
        act = None

    with pytest.raises(KeyError, match="attribute 'act' already exists"):
        Hidden().act = Act()


def test_a_refused_assignment_changes_nothing():
    m = Lin()
    before = snapshot(m)
    with pytest.raises(TypeError, match=r"cannot assign 'torch.FloatTensor' as parameter 'weight'"):
        m.weight = torch.ones(3, 2)
    with pytest.raises(TypeError, match="is not a Module subclass"):
        m.add_module("act", Act)
    assert snapshot(m) == before
    assert not list(m.children())


def test_assigning_moves_a_name_from_one_registry_to_another():
    m = nn.Module()
    m.part = 3
    m.part = nn.Parameter(torch.ones(1))
    assert list(m._parameters) == ["part"]
    del m.part
    m.part = nn.Buffer(torch.ones(1), persistent=False)
    assert list(m.state_dict()) == []
    m.part = Act()
    assert (list(m._parameters), list(m._buffers), list(m._modules)) == ([], [], ["part"])
    assert m._non_persistent_buffers_set == set()
    del m.part
    assert not hasattr(m, "part")


@pytest.mark.parametrize("make", [lambda: nn.Linear(2, 3), lambda: nn.BatchNorm1d(3), lambda: nn.Conv2d(1, 3, 1)])
def test_a_layers_weight_is_whatever_stands_under_the_name_now(make):
    layer, plain = make(), torch.ones(3)
    assert layer.weight is layer._parameters["weight"]
    layer._parameters["weight"] = other = nn.Parameter(torch.zeros_like(layer.weight))
    assert layer.weight is other
    del layer.weight
    assert not hasattr(layer, "weight")
    with pytest.raises(AttributeError, match=f"'{type(layer).__name__}' object has no attribute 'weight'"):
        layer.weight
    layer.weight = plain
    assert layer.weight is plain
    assert vars(layer)["weight"] is plain
    del layer.weight
    layer.register_buffer("weight", plain)
    assert layer.weight is plain
    assert copy.deepcopy(layer).weight is not plain
    assert pickle.loads(pickle.dumps(layer)).weight.tolist() == plain.tolist()


def test_a_subclass_computes_the_weight_of_a_layer():
    class Halved(nn.Linear):
        @property
        def weight(self):
            return self._parameters["original"] / 2

        def reset_parameters(self):
            pass

    layer = Halved.__new__(Halved)
    nn.Module.__init__(layer)
    layer.register_parameter("original", nn.Parameter(torch.full((3, 2), 4.0)))
    layer.register_parameter("bias", None)
    assert layer(torch.ones(2)).tolist() == [4.0, 4.0, 4.0]


def test_dir_works_on_a_module_that_is_not_ready():
    assert "forward" in dir(Lin.__new__(Lin))


@pytest.mark.parametrize("value", [[1.0], 1.0, np.ones(2)])
@pytest.mark.parametrize("kind", [nn.Parameter, nn.Buffer])
def test_a_parameter_is_made_of_a_tensor(kind, value):
    with pytest.raises(AttributeError, match=f"'{type(value).__name__}' object has no attribute 'detach'") as caught:
        kind(value)
    assert f"{kind.__name__}(torch.tensor(...))" in str(caught.value)


def test_a_parameter_keeps_its_class_through_pickle():
    p = nn.Parameter(torch.tensor([1.0, 2.0]), requires_grad=False)
    twin = pickle.loads(pickle.dumps(p))
    assert type(twin) is nn.Parameter
    assert not twin.requires_grad
    assert torch.equal(p, twin)


# -- conversion --------------------------------------------------------------------------------------------------------


def test_an_optimizer_keeps_hold_of_converted_parameters():
    m = model()
    held = list(m.parameters())
    m.double()
    assert all(a is b for a, b in zip(held, m.parameters()))
    m(torch.ones(4, 2, dtype=torch.float64)).sum().backward()
    assert all(p.grad.dtype == torch.float64 for p in held)


@pytest.mark.parametrize(
    "convert", [lambda m: m.type(torch.int32), lambda m: m.to(torch.int32), lambda m: m.to("cuda")]
)
def test_a_refused_conversion_changes_nothing(convert):
    m = model()
    before = snapshot(m)
    with pytest.raises((AssertionError, RuntimeError, TypeError)):
        convert(m)
    assert snapshot(m) == before


def test_zero_grad_in_place_cuts_a_gradient_off_from_its_graph():
    m = Lin()
    (g,) = torch.autograd.grad((m(torch.ones(1, 2)) ** 2).sum(), m.weight, create_graph=True)
    m.weight.grad = g
    m.zero_grad(set_to_none=False)
    assert not m.weight.grad.requires_grad
    assert torch.equal(m.weight.grad, torch.zeros(3, 2))


# -- calls and hooks ---------------------------------------------------------------------------------------------------


def test_forward_without_hooks_gets_what_the_caller_gave():
    class Echo(nn.Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    assert Echo()(1, b=2) == ((1,), {"b": 2})


def test_a_backward_hook_may_return_a_single_gradient():
    # PyTorch takes the rows of the tensor for the gradients.
    m, x = Act(), torch.ones(1, 2, requires_grad=True)
    m.register_full_backward_hook(lambda m, grad_input, grad_output: grad_input[0] * 3)
    m.register_full_backward_pre_hook(lambda m, grad_output: grad_output[0] * 10)
    m(x).sum().backward()
    assert torch.equal(x.grad, torch.full((1, 2), 30.0))


def test_backward_hooks_do_not_change_gradients():
    x = torch.tensor([[0.5, -2.0]], requires_grad=True)
    expected = torch.autograd.grad((model()(x) ** 2).sum(), x)[0]
    m = model()
    for module in m.modules():
        module.register_full_backward_hook(lambda *_: None)
        module.register_full_backward_pre_hook(lambda *_: None)
    assert torch.equal(torch.autograd.grad((m(x) ** 2).sum(), x)[0], expected)


def test_in_place_change_of_a_watched_tensor_is_refused():
    class InPlace(nn.Module):
        def forward(self, x):
            return x.relu_()

    m = InPlace()
    m.register_full_backward_hook(lambda *_: None)
    x = torch.ones(2, requires_grad=True) * 1
    with pytest.raises(RuntimeError, match="is being modified inplace"):
        m(x)


def test_a_call_with_hooks_leaves_no_cycle():
    m, x = Lin(), torch.ones(1, 2, requires_grad=True)
    m.register_full_backward_hook(lambda *_: None)
    m.register_forward_hook(lambda *_: None)
    gc.collect()
    gc.disable()
    try:
        out = m(x)
        alive = weakref.ref(out.grad_fn)
        del out
        assert alive() is None
    finally:
        gc.enable()


def test_loading_leaves_no_cycle():
    m = Lin()
    value = torch.ones(3, 2)
    alive = weakref.ref(value)
    gc.collect()
    gc.disable()
    try:
        m.load_state_dict({"weight": value}, strict=False)
        del value
        assert alive() is None
    finally:
        gc.enable()


def test_a_hook_copied_with_its_module_does_not_follow_the_original():
    m = Act()
    handle = m.register_forward_hook(lambda m, args, out: out * 2)
    twin = copy.deepcopy(m)
    handle.remove()
    assert m(torch.ones(1)).item() == 1
    assert twin(torch.ones(1)).item() == 2
