"""Lazy layers: before, during and after their first call."""

from __future__ import annotations

import copy
import io
import pickle

import pytest

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.nn.modules.lazy import LazyModuleMixin

LAZY = {
    "LazyLinear": (lambda: nn.LazyLinear(3), (2, 5)),
    "LazyConv1d": (lambda: nn.LazyConv1d(4, 3, groups=2), (2, 6, 6)),
    "LazyConv2d": (lambda: nn.LazyConv2d(4, 3), (2, 5, 6, 6)),
    "LazyConv3d": (lambda: nn.LazyConv3d(4, 1, bias=False), (2, 3, 2, 2, 2)),
    "LazyConvTranspose1d": (lambda: nn.LazyConvTranspose1d(4, 3, groups=2), (2, 6, 6)),
    "LazyConvTranspose2d": (lambda: nn.LazyConvTranspose2d(4, 3, bias=False), (2, 5, 3, 3)),
    "LazyConvTranspose3d": (lambda: nn.LazyConvTranspose3d(4, 1), (2, 3, 2, 2, 2)),
    "LazyBatchNorm1d": (lambda: nn.LazyBatchNorm1d(), (4, 5)),
    "LazyBatchNorm2d": (lambda: nn.LazyBatchNorm2d(affine=False), (4, 5, 2, 2)),
    "LazyBatchNorm3d": (lambda: nn.LazyBatchNorm3d(track_running_stats=False), (4, 5, 2, 2, 2)),
    "LazyInstanceNorm1d": (lambda: nn.LazyInstanceNorm1d(), (4, 5, 3)),
    "LazyInstanceNorm2d": (lambda: nn.LazyInstanceNorm2d(bias=False), (4, 5, 3, 3)),
    "LazyInstanceNorm3d": (lambda: nn.LazyInstanceNorm3d(), (4, 5, 3, 3, 2)),
}
every_lazy = pytest.mark.parametrize("make, shape", LAZY.values(), ids=LAZY)


def size_of(layer):
    return next(getattr(layer, n) for n in ("in_features", "in_channels", "num_features") if hasattr(layer, n))


def test_every_lazy_layer_is_listed_and_tested():
    assert {name for name in nn.__all__ if name.startswith("Lazy")} == set(LAZY)
    assert {name for name in nn.modules.__all__ if name.startswith("Lazy")} == set(LAZY)


@every_lazy
def test_the_first_call_makes_an_ordinary_layer_of_it(make, shape):
    layer = make()
    assert layer.has_uninitialized_params()
    assert repr(layer).startswith(("LazyLinear(in_features=0, ", f"{type(layer).__name__}(0, "))
    parameters = list(layer.parameters())
    torch.manual_seed(3)
    y = layer(torch.ones(shape))
    assert type(layer).__name__ == type(make()).__name__.removeprefix("Lazy")
    assert not hasattr(layer, "has_uninitialized_params")
    assert [id(p) for p in layer.parameters()] == [id(p) for p in parameters]  # an optimizer may hold them already
    assert {type(p) for p in parameters} <= {nn.Parameter}
    assert {type(b) for b in layer.buffers()} <= {torch.Tensor}
    arguments = {"Linear": (size_of(layer), 3)}.get(type(layer).__name__)
    if arguments:
        torch.manual_seed(3)
        assert torch.equal(nn.Linear(*arguments)(torch.ones(shape)), y)


@every_lazy
def test_copies_and_pickles_are_lazy_too(make, shape):
    for again in (copy.deepcopy, copy.copy, lambda layer: pickle.loads(pickle.dumps(layer))):
        other = again(make())
        assert other.has_uninitialized_params()
        assert other(torch.ones(shape)).shape == make()(torch.ones(shape)).shape


@every_lazy
def test_loaded_values_stay_at_the_first_call(make, shape):
    source, target, x = make(), make(), torch.randn(shape)
    source(torch.randn(shape))
    for assign in (False, True):
        target = make()
        target.load_state_dict(source.state_dict(), assign=assign)
        assert not target.has_uninitialized_params()
        assert torch.equal(target.eval()(x), copy.deepcopy(source).eval()(x))
        assert repr(target) == repr(source)  # PyTorch leaves the number of channels at 0


@every_lazy
def test_dtype_and_freezing_reach_layers_that_are_still_lazy(make, shape):
    layer = make().double().requires_grad_(False)
    assert {p.dtype for p in layer.parameters()} <= {torch.float64}
    assert layer(torch.ones(shape).double()).dtype == torch.float64
    assert not any(p.requires_grad for p in layer.parameters())
    assert not any(isinstance(b, nn.Parameter) for b in layer.buffers())


@every_lazy
def test_loading_lazy_values_into_an_ordinary_layer_is_refused(make, shape):
    layer = make()
    layer(torch.ones(shape))
    before = copy.deepcopy(layer.state_dict())
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter or buffer"):
        layer.load_state_dict(make().state_dict())
    assert all(torch.equal(v, before[k]) for k, v in layer.state_dict().items())


def test_a_refused_state_dict_leaves_a_lazy_layer_lazy():
    model = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 2))
    state = nn.Sequential(nn.Linear(5, 3), nn.Linear(9, 9)).state_dict()
    with pytest.raises(RuntimeError, match=r"size mismatch for 1\.weight"):
        model.load_state_dict(state)
    assert model[0].has_uninitialized_params()


def test_a_hook_that_objects_makes_a_layer_lazy_again():
    layer = nn.LazyLinear(3)

    def object_to(module, keys):
        raise KeyError("no")

    layer.register_load_state_dict_post_hook(object_to)
    with pytest.raises(KeyError):
        layer.load_state_dict(nn.Linear(5, 3).state_dict())
    assert layer.has_uninitialized_params()
    assert layer(torch.ones(2, 4)).shape == (2, 3)


def test_a_part_of_the_values_can_be_loaded():
    layer = nn.LazyLinear(3)
    layer.load_state_dict({"weight": torch.ones(3, 5)}, strict=False)
    assert layer.has_uninitialized_params()
    layer(torch.ones(2, 5))
    assert torch.equal(layer.weight, torch.ones(3, 5))


def test_an_input_that_does_not_fit_loaded_values():
    layer = nn.LazyLinear(3)
    layer.load_state_dict(nn.Linear(5, 3).state_dict())
    text = "The in_features inferred from input: 4 is not equal to in_features from self.weight: 5"
    with pytest.raises(AssertionError, match=text):
        layer(torch.ones(2, 4))
    assert layer(torch.ones(2, 5)).shape == (2, 3)


def test_files_hold_values_only():
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
        torch.save(nn.LazyLinear(3).state_dict(), io.BytesIO())
    layer, file = nn.LazyBatchNorm1d(), io.BytesIO()
    layer(torch.randn(4, 5))
    torch.save(layer.state_dict(), file)
    file.seek(0)
    target = nn.LazyBatchNorm1d()
    target.load_state_dict(torch.load(file))
    assert torch.equal(target.running_mean, layer.running_mean)


def test_optimizers_take_lazy_parameters():
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d(), nn.LazyLinear(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.step()  # nothing has a gradient yet
    model(torch.randn(4, 5)).square().mean().backward()
    before = model[2].bias.clone()
    optimizer.step()
    assert not torch.equal(model[2].bias, before)
    assert "Lazy" not in repr(model)


def test_unbatched_input_tells_the_channels_where_they_are():
    layer = nn.LazyInstanceNorm2d()
    layer(torch.randn(5, 3, 4))  # PyTorch takes dimension 1 and fails
    assert layer.num_features == 5
    channels_last = nn.LazyBatchNorm2d(channel_dim=-1)
    channels_last(torch.randn(2, 3, 4, 6))
    assert channels_last.num_features == 6


@pytest.mark.parametrize(
    "make, shape, error, text",
    [
        (
            lambda: nn.LazyConv2d(4, 3),
            (5, 6),
            RuntimeError,
            r"Expected 3D \(unbatched\) or 4D \(batched\) input to LazyC",
        ),
        (lambda: nn.LazyConv2d(4, 3, groups=2), (1, 5, 6, 6), ValueError, "in_channels must be divisible by groups"),
        (lambda: nn.LazyBatchNorm2d(), (2, 5), ValueError, r"expected 4D input \(got 2D input\)"),
        (lambda: nn.LazyBatchNorm2d(), (3,), ValueError, r"expected 4D input \(got 1D input\)"),
        (lambda: nn.LazyInstanceNorm1d(), (3,), ValueError, r"expected 2D or 3D input \(got 1D input\)"),
        (lambda: nn.LazyLinear(3), (), IndexError, "tuple index out of range"),
    ],
)
def test_input_that_the_layer_does_not_take_leaves_it_lazy(make, shape, error, text):
    layer = make()
    with pytest.raises(error, match=text):
        layer(torch.ones(shape))
    assert layer.has_uninitialized_params()
    assert type(layer) is type(make())


def test_lazy_modules_of_ones_own():
    class Kept(LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.UninitializedParameter()
            self.calls = 0

        def initialize_parameters(self, x):
            self.calls += 1
            self.w.materialize(x.shape[-1:])
            nn.init.ones_(self.w)

        def forward(self, x):
            return x * self.w

    kept = Kept()
    for _ in range(2):
        assert torch.equal(kept(torch.ones(2, 3)), torch.ones(2, 3))
    assert type(kept) is Kept
    assert kept.calls == 1

    class Becomes(nn.LazyLinear):
        pass

    layer = Becomes(3)
    layer(torch.ones(2, 5))
    assert type(layer) is nn.Linear

    class Forgets(Kept):
        def initialize_parameters(self, x):
            pass

    with pytest.raises(RuntimeError, match="module Forgets has not been fully initialized"):
        Forgets()(torch.ones(2))

    class Silent(LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("b", nn.UninitializedBuffer())

    with pytest.raises(NotImplementedError, match="initialize_parameters is not implemented for Silent"):
        Silent()(torch.ones(2))


def test_hooks_see_the_layer_it_has_become():
    layer, seen = nn.LazyLinear(3), []
    layer.register_forward_pre_hook(lambda module, args: seen.append(type(module).__name__))
    layer.register_forward_hook(lambda module, args, output: seen.append(type(module).__name__))
    layer(torch.ones(1, 2))
    assert seen == ["Linear", "Linear"]


# -- the tensors themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.UninitializedParameter, nn.UninitializedBuffer])
def test_materialize_keeps_object_dtype_and_flag(kind):
    for requires_grad in (True, False):
        tensor = kind(requires_grad, dtype=torch.float64)
        kept = tensor
        tensor.materialize((2, 3))
        assert kept is tensor
        assert type(tensor) is kind.cls_to_become
        assert (tensor.shape, tensor.dtype, tensor.requires_grad) == ((2, 3), torch.float64, requires_grad)
        with torch.no_grad():
            tensor.fill_(2.0)
        assert (tensor + 1).tolist() == [[3.0] * 3] * 2
    other = kind()
    other.materialize((2,), dtype=torch.float16)
    assert other.dtype == torch.float16


def test_buffers_stay_buffers():
    for persistent in (True, False):
        module = nn.Module()
        module.b = nn.UninitializedBuffer(persistent=persistent)
        assert isinstance(module.b, nn.Buffer)
        assert ("b" in module.state_dict()) == persistent
        copied = copy.deepcopy(module)  # PyTorch cannot copy these
        assert copied.b is not module.b
        assert copied.b.persistent == persistent
        module.b.materialize((2,))
        assert isinstance(module.b, nn.Buffer)


def test_what_is_refused():
    lazy = nn.UninitializedParameter()
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter or buffer"):
        lazy.shape
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
        lazy.data = torch.ones(2)
    with pytest.raises(RuntimeError, match="Only Tensors of floating point and complex dtype can require gradients"):
        nn.UninitializedParameter(dtype=torch.int64)
    assert nn.parameter.is_lazy(lazy)
