"""Instance, group, layer and RMS normalization and the lazy layers against a real PyTorch."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings

import numpy as np
import pytest

import minitorch_bn

torch = pytest.importorskip("torch", reason="no real PyTorch is installed: python -m pip install torch==2.13.0")

LIBRARIES = (minitorch_bn, torch)


def transcript(program, lib):
    """What a program gives or raises, and what it warns of: types and first lines."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            result = repr(program(lib))
        except Exception as error:
            result = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return [result, *(str(w.message) for w in warned if "dispatch to fused" not in str(w.message))]


def same(program):
    ours, theirs = (transcript(program, lib) for lib in LIBRARIES)
    assert ours == theirs


FLOATS = ("float64", "float32", "float16", "bfloat16")


def cast(lib, v, dtype):
    return None if dtype is None else v.to(getattr(lib, dtype))


# -- functions -----------------------------------------------------------------------------------------------------

CALLS = {
    "instance": lambda F, x, w, b: F.instance_norm(x, weight=w[0], bias=b[0]),
    "instance plain": lambda F, x, w, b: F.instance_norm(x),
    "group": lambda F, x, w, b: F.group_norm(x, 2, w[0], b[0]),
    "group weight": lambda F, x, w, b: F.group_norm(x, 3, w[0]),
    "group eps": lambda F, x, w, b: F.group_norm(x, 6, eps=1e-2),
    "layer": lambda F, x, w, b: F.layer_norm(x, (5,), w[1], b[1]),
    "layer of two": lambda F, x, w, b: F.layer_norm(x, x.shape[1:], eps=0.1),
    "layer bias": lambda F, x, w, b: F.layer_norm(x, [5], None, b[1]),
    "rms": lambda F, x, w, b: F.rms_norm(x, (5,), w[1]),
    "rms of two": lambda F, x, w, b: F.rms_norm(x, (6, 5), eps=0.5),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_values_gradients_and_names(rng, call, dtype):
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in ((4, 6, 5), (6,), (5,), (6,), (5,), (4, 6, 5))]
    results = []
    for lib in LIBRARIES:
        x, w0, w1, b0, b1, g = (lib.tensor(a, requires_grad=True) for a in arrays)
        y = CALLS[call](lib.nn.functional, x, (w0, w1), (b0, b1))
        y.backward(g.detach())
        results.append((y.grad_fn.name(), [t.grad for t in (x, w0, w1, b0, b1)], y.detach().numpy()))
    (name, grads, y), (their_name, their_grads, their_y) = results
    if not (call.startswith("rms") and dtype == "float16"):  # there PyTorch's last step is a cast
        assert name == their_name
    tolerance = {"float64": 1e-12, "float32": 1e-5, "float16": 1e-2}[dtype]
    np.testing.assert_allclose(y, their_y, rtol=tolerance, atol=tolerance)
    for ours, theirs in zip(grads, their_grads):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert str(ours.numpy().dtype) == dtype
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=tolerance, atol=5 * tolerance)


@pytest.mark.parametrize("weight", [None, *FLOATS])
@pytest.mark.parametrize("bias", [None, *FLOATS])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("function", ["layer_norm", "group_norm", "instance_norm"])
def test_dtypes_that_go_together(function, dtype, weight, bias):
    def program(lib):
        F, x = lib.nn.functional, cast(lib, lib.ones(2, 6, 6), dtype)
        w, b = (cast(lib, lib.ones(6), d) for d in (weight, bias))
        if function == "instance_norm":
            return F.instance_norm(x, weight=w, bias=b).dtype
        return getattr(F, function)(x, 2 if function == "group_norm" else (6,), w, b).dtype

    same(program)


@pytest.mark.parametrize("weight", [None, *FLOATS])
@pytest.mark.parametrize("dtype", FLOATS)
def test_rms_norm_takes_weights_of_any_dtype(dtype, weight):
    same(
        lambda lib: (
            lib.nn.functional.rms_norm(cast(lib, lib.ones(2, 6), dtype), (6,), cast(lib, lib.ones(6), weight)).dtype
        )
    )


@pytest.mark.parametrize("momentum", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(3, 2, 4), (2, 2, 3, 5), (1, 2, 2, 3, 2)])
def test_running_estimates_of_instance_norm(rng, shape, momentum):
    x = rng.standard_normal(shape).astype(np.float32)
    results = []
    for lib in LIBRARIES:
        mean, var = lib.zeros(2), lib.ones(2)
        y = lib.nn.functional.instance_norm(lib.tensor(x), mean, var, momentum=momentum)
        z = lib.nn.functional.instance_norm(lib.tensor(x), mean, var, use_input_stats=False)
        results.append([t.numpy() for t in (mean, var, y, z)])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)


ERRORS = [
    lambda F, t: F.group_norm(t.ones(2, 6, 4), 4),
    lambda F, t: F.group_norm(t.ones(2, 6, 4), -1),
    lambda F, t: F.group_norm(t.ones(2, 6, 4), 2.0),
    lambda F, t: F.group_norm(t.ones(2, 6, 4), "a"),
    lambda F, t: F.group_norm(t.ones(2, 6, 4), 0),
    lambda F, t: F.group_norm(t.ones(2, 6, 4), 2, t.ones(4)),
    lambda F, t: F.group_norm(t.ones(2, 6, 4), 2, t.ones(1, 6)),
    lambda F, t: F.group_norm(t.ones(2, 6, 4), 2, [1.0] * 6),
    lambda F, t: F.group_norm(t.ones(2, 6, 4), 2, eps=None),
    lambda F, t: F.group_norm(t.ones(6), 2),
    lambda F, t: F.group_norm(t.tensor(1.0), 1),
    lambda F, t: F.group_norm([[1.0]], 1),
    lambda F, t: F.group_norm(t.ones(1, 6), 6),
    lambda F, t: F.group_norm(t.ones(1, 6, 1), 6),
    lambda F, t: F.group_norm(t.ones(1, 6), 4),
    lambda F, t: F.group_norm(t.ones(2, 5), 10),
    lambda F, t: F.group_norm(t.ones(1, 6), 6, t.ones(3)),
    lambda F, t: F.group_norm(t.ones(2, 6).long(), 2),
    lambda F, t: F.group_norm(t.ones(2, 6).bool(), 2),
    lambda F, t: F.layer_norm(t.ones(2, 4), (5,)),
    lambda F, t: F.layer_norm(t.ones(2, 4), ()),
    lambda F, t: F.layer_norm(t.ones(2, 4), 4),
    lambda F, t: F.layer_norm(t.ones(2, 4), (4.0,)),
    lambda F, t: F.layer_norm(t.ones(2, 4), (1, 2, 4)),
    lambda F, t: F.layer_norm(t.ones(2, 4), (-1,)),
    lambda F, t: F.layer_norm(t.ones(2, 4), (4,), t.ones(6)),
    lambda F, t: F.layer_norm(t.ones(2, 4), (4,), t.ones(4), t.ones(6)),
    lambda F, t: F.layer_norm(t.ones(2, 4), (4,), [1.0] * 4),
    lambda F, t: F.layer_norm(t.ones(2, 4), (4,), eps=None),
    lambda F, t: F.layer_norm(t.ones(2, 4), (4,), eps="a"),
    lambda F, t: F.layer_norm(t.tensor(1.0), ()),
    lambda F, t: F.layer_norm(t.ones(2, 4).long(), (4,)),
    lambda F, t: F.layer_norm([[1.0]], (1,)),
    lambda F, t: F.layer_norm(np.ones((2, 4)), (4,)),
    lambda F, t: F.rms_norm(t.ones(2, 4), (5,)),
    lambda F, t: F.rms_norm(t.ones(2, 4), ()),
    lambda F, t: F.rms_norm(t.ones(2, 4), 4),
    lambda F, t: F.rms_norm(t.ones(2, 4), (4.0,)),
    lambda F, t: F.rms_norm(t.ones(2, 4), (1, 2, 4)),
    lambda F, t: F.rms_norm(t.ones(2, 4), (-1,)),
    lambda F, t: F.rms_norm(t.ones(2, 4), (4,), t.ones(6)),
    lambda F, t: F.rms_norm(t.ones(2, 4), (4,), [1.0] * 4),
    lambda F, t: F.rms_norm(t.ones(2, 4), (4,), eps="a"),
    lambda F, t: F.rms_norm(t.ones(2, 4).long(), (4,)),
    lambda F, t: F.rms_norm([[1.0]], (1,)),
    lambda F, t: F.instance_norm(t.ones(2, 6, 1)),
    lambda F, t: F.instance_norm(t.ones(2, 6)),
    lambda F, t: F.instance_norm(t.ones(6)),
    lambda F, t: F.instance_norm(t.tensor(1.0)),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), use_input_stats=False),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), t.zeros(6), use_input_stats=False),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), t.zeros(6)),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), None, t.ones(6)),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), t.zeros(5), t.ones(5)),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), t.zeros(6), t.ones(5)),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), t.zeros(1, 6), t.ones(1, 6)),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), weight=t.ones(5)),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), bias=t.ones(5)),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), weight=[1.0] * 6),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), t.zeros(5), t.ones(5), use_input_stats=False),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), t.zeros(6), t.ones(6), momentum=None),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4), t.zeros(6).requires_grad_(), t.ones(6)),
    lambda F, t: F.instance_norm(t.ones(6), t.zeros(6), t.ones(6), use_input_stats=False),
    lambda F, t: F.instance_norm(t.ones(2, 6, 4).long()),
    lambda F, t: F.instance_norm([[1.0]]),
]


@pytest.mark.parametrize("program", ERRORS, ids=range(len(ERRORS)))
def test_errors(program):
    same(lambda lib: program(lib.nn.functional, lib))


@pytest.mark.parametrize("function", ["instance_norm", "group_norm", "layer_norm", "rms_norm"])
def test_signatures_of_functions(function):
    ours, theirs = (inspect.signature(getattr(lib.nn.functional, function)).parameters for lib in LIBRARIES)
    assert [(p.name, p.default, p.kind) for p in ours.values()] == [
        (p.name, p.default, p.kind) for p in theirs.values()
    ]


# -- layers --------------------------------------------------------------------------------------------------------

LAYERS = [
    lambda nn: nn.InstanceNorm1d(3),
    lambda nn: nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
    lambda nn: nn.InstanceNorm3d(2, momentum=None),
    lambda nn: nn.InstanceNorm1d(2, affine=True, bias=False),
    lambda nn: nn.GroupNorm(2, 4),
    lambda nn: nn.GroupNorm(2, 4, affine=False),
    lambda nn: nn.GroupNorm(2, 4, 1e-3, bias=False),
    lambda nn: nn.GroupNorm(2, 0),
    lambda nn: nn.LayerNorm(4),
    lambda nn: nn.LayerNorm((2, 3), elementwise_affine=False),
    lambda nn: nn.LayerNorm([2, 3], bias=False),
    lambda nn: nn.LayerNorm(()),
    lambda nn: nn.RMSNorm(4),
    lambda nn: nn.RMSNorm((2, 3), eps=1e-3, elementwise_affine=False),
]


@pytest.mark.parametrize("make", LAYERS, ids=range(len(LAYERS)))
def test_layers_print_and_save_alike(make):
    def program(lib):
        layer = make(lib.nn)
        names = [(name, tuple(p.shape), p.tolist()) for name, p in layer.named_parameters()]
        return str(layer), list(layer.state_dict()), layer.state_dict()._metadata, names, layer.__constants__

    same(program)


LAYER_PROGRAMS = [
    lambda nn, t: nn.GroupNorm(2, 5),
    lambda nn, t: nn.GroupNorm(2, -4),
    lambda nn, t: nn.GroupNorm(2, 4.5),
    lambda nn, t: nn.GroupNorm("a", 4),
    lambda nn, t: nn.GroupNorm(),
    lambda nn, t: nn.GroupNorm(1, 2, dtype=t.int64),
    lambda nn, t: nn.GroupNorm(2, 4)(t.ones(2, 6, 3)),
    lambda nn, t: nn.GroupNorm(2, 4)(t.ones(2, 5, 3)),
    lambda nn, t: nn.GroupNorm(4, 4).eval()(t.ones(1, 4)),
    lambda nn, t: nn.GroupNorm(1, 3)(t.ones(3)),
    lambda nn, t: nn.LayerNorm(),
    lambda nn, t: nn.LayerNorm(-1),
    lambda nn, t: nn.LayerNorm(2.5),
    lambda nn, t: nn.LayerNorm(None),
    lambda nn, t: nn.LayerNorm(3)(t.ones(2, 4)),
    lambda nn, t: nn.RMSNorm(),
    lambda nn, t: nn.RMSNorm(-1),
    lambda nn, t: nn.RMSNorm(3)(t.ones(2, 4)),
    lambda nn, t: nn.InstanceNorm1d(),
    lambda nn, t: nn.InstanceNorm1d(3, 1e-5, 0.1, True, True, None, None, True),
    lambda nn, t: nn.InstanceNorm1d(3)(t.ones(3)),
    lambda nn, t: nn.InstanceNorm1d(3)(t.ones(3, 4)),
    lambda nn, t: nn.InstanceNorm1d(3)(t.ones(2, 3, 4, 5)),
    lambda nn, t: nn.InstanceNorm2d(3)(t.ones(3, 4)),
    lambda nn, t: nn.InstanceNorm3d(3)(t.ones(3, 4, 5)),
    lambda nn, t: nn.InstanceNorm3d(3)(t.ones(3, 4, 5, 6)).shape,
    lambda nn, t: nn.InstanceNorm1d(4)(t.ones(3, 4)),
    lambda nn, t: nn.InstanceNorm1d(4)(t.ones(2, 3, 4)),
    lambda nn, t: nn.InstanceNorm1d(4, affine=True)(t.ones(3, 4)),
    lambda nn, t: nn.InstanceNorm2d(4, affine=True)(t.ones(2, 3, 4, 4)),
    lambda nn, t: nn.InstanceNorm1d(4, track_running_stats=True)(t.ones(3, 4)),
    lambda nn, t: nn.InstanceNorm1d(4, track_running_stats=True)(t.ones(2, 3, 4)),
    lambda nn, t: nn.InstanceNorm2d(3).eval()(t.ones(2, 3, 1, 1)),
    lambda nn, t: nn.InstanceNorm2d(3)([[1.0]]),
    lambda nn, t: nn.InstanceNorm1d(2).load_state_dict({"running_mean": t.zeros(2), "running_var": t.ones(2)}),
    lambda nn, t: nn.InstanceNorm1d(2).load_state_dict({"weight": t.zeros(2)}),
    lambda nn, t: nn.Sequential(nn.InstanceNorm1d(2)).load_state_dict({"0.running_mean": t.zeros(2)}),
    lambda nn, t: nn.InstanceNorm1d(2, track_running_stats=True).load_state_dict(
        {"running_mean": t.zeros(2), "running_var": t.ones(2)}
    ),
]


@pytest.mark.parametrize("program", LAYER_PROGRAMS, ids=range(len(LAYER_PROGRAMS)))
def test_layer_errors_and_warnings(program):
    same(lambda lib: program(lib.nn, lib))


@pytest.mark.parametrize("momentum", [0.1, None])
def test_instance_norm_tracks_alike(rng, momentum):
    x = rng.standard_normal((3, 2, 4)).astype(np.float32)
    results = []
    for lib in LIBRARIES:
        layer = lib.nn.InstanceNorm1d(2, momentum=momentum, track_running_stats=True)
        layer(lib.tensor(x))
        y = layer.eval()(lib.tensor(x))
        results.append([v.numpy() for v in (*layer.state_dict().values(), y)])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


# -- lazy layers -----------------------------------------------------------------------------------------------------

LAZY = {
    "linear": (lambda nn: nn.LazyLinear(3), (2, 5)),
    "linear without bias": (lambda nn: nn.LazyLinear(3, bias=False), (2, 5)),
    "conv": (lambda nn: nn.LazyConv2d(4, 3), (2, 5, 6, 6)),
    "conv unbatched": (lambda nn: nn.LazyConv2d(4, 3), (5, 6, 6)),
    "conv groups": (lambda nn: nn.LazyConv1d(4, 3, groups=2), (2, 6, 6)),
    "conv 3d": (lambda nn: nn.LazyConv3d(2, 2, padding=1), (1, 3, 2, 2, 2)),
    "transposed": (lambda nn: nn.LazyConvTranspose1d(4, 3, bias=False), (2, 5, 6)),
    "transposed 2d": (lambda nn: nn.LazyConvTranspose2d(4, 3, stride=2), (2, 5, 4, 4)),
    "transposed 3d": (lambda nn: nn.LazyConvTranspose3d(2, 2), (1, 3, 2, 2, 2)),
    "batch": (lambda nn: nn.LazyBatchNorm2d(), (2, 5, 6, 6)),
    "batch 3d": (lambda nn: nn.LazyBatchNorm3d(eps=1e-3), (2, 5, 2, 2, 2)),
    "batch not affine": (lambda nn: nn.LazyBatchNorm1d(affine=False, momentum=None), (2, 5)),
    "batch without bias": (lambda nn: nn.LazyBatchNorm1d(bias=False), (2, 5)),
    "batch not tracking": (lambda nn: nn.LazyBatchNorm1d(track_running_stats=False), (2, 5)),
    "instance": (lambda nn: nn.LazyInstanceNorm1d(), (2, 5, 3)),
    "instance 2d": (lambda nn: nn.LazyInstanceNorm2d(affine=False), (2, 5, 3, 3)),
    "instance 3d": (lambda nn: nn.LazyInstanceNorm3d(), (2, 5, 3, 3, 2)),
}
every_lazy = pytest.mark.parametrize("make, shape", LAZY.values(), ids=LAZY)


def kinds(layer):
    state = layer.state_dict(keep_vars=True)
    return {name: (type(v).__name__, v.dtype) for name, v in state.items()}, layer.state_dict()._metadata


@every_lazy
def test_before_the_first_call(make, shape):
    same(lambda lib: (make(lib.nn), kinds(make(lib.nn)), make(lib.nn).has_uninitialized_params()))
    same(lambda lib: [make(lib.nn).state_dict()[k] for k in make(lib.nn).state_dict() if "num" not in k])


@every_lazy
def test_after_the_first_call(make, shape):
    def program(lib):
        lib.manual_seed(0)
        layer = make(lib.nn)
        layer(lib.ones(shape))
        state = {name: v.numpy().round(5).tolist() for name, v in layer.state_dict().items()}
        return layer, type(layer).__name__, kinds(layer), state, lib.rand(1).item()

    same(program)


@every_lazy
def test_loading_into_a_lazy_layer_and_the_other_way_round(make, shape):
    def loaded(lib):
        source, target = make(lib.nn), make(lib.nn)
        lib.manual_seed(0)
        source(lib.ones(shape))
        report = target.load_state_dict(source.state_dict())
        return (
            report,
            target,
            kinds(target),
            target.has_uninitialized_params(),
            target.load_state_dict(source.state_dict()),
        )

    def refused(lib):
        target = make(lib.nn)
        target(lib.ones(shape))
        return target.load_state_dict(make(lib.nn).state_dict())

    same(loaded)
    same(lambda lib: make(lib.nn).load_state_dict(make(lib.nn).state_dict()))
    if make(torch.nn).has_uninitialized_params():
        same(refused)


@every_lazy
def test_lazy_layers_convert_and_pickle(make, shape):
    same(lambda lib: kinds(make(lib.nn).half()))
    same(lambda lib: make(lib.nn).double()(lib.ones(shape, dtype=lib.float64)).dtype)
    same(lambda lib: pickle.loads(pickle.dumps(make(lib.nn)))(lib.ones(shape)).shape)


LAZY_PROGRAMS = [
    lambda nn, t: nn.LazyLinear(3)(input=t.ones(2, 5)).shape,
    lambda nn, t: nn.LazyLinear(3)([[1.0]]),
    lambda nn, t: nn.LazyLinear(3, dtype=t.int64),
    lambda nn, t: nn.LazyLinear(3).in_features,
    lambda nn, t: nn.LazyConv2d(4, 3)(t.ones(5)),
    lambda nn, t: nn.LazyConv2d(4, 3)(t.ones(5, 6)),
    lambda nn, t: nn.LazyConv2d(4, 3, groups=0),
    lambda nn, t: nn.LazyConvTranspose1d(4, 3)(t.ones(3)),
    lambda nn, t: nn.LazyConv2d(4, 3)([1]),
    lambda nn, t: nn.LazyBatchNorm2d()(t.ones(2, 5)),
    lambda nn, t: nn.LazyBatchNorm1d()(t.ones(1, 5)),
    lambda nn, t: nn.LazyLinear(3).load_state_dict({"weight": t.ones(3, 5)}),
    lambda nn, t: nn.LazyLinear(3).weight.shape,
    lambda nn, t: nn.LazyLinear(3).weight,
    lambda nn, t: str(nn.LazyBatchNorm1d().running_mean),
    lambda nn, t: (nn.LazyLinear(3).weight.dtype, nn.LazyLinear(3).weight.device, nn.LazyLinear(3).weight.is_leaf),
    lambda nn, t: nn.LazyBatchNorm1d().half().running_var.dtype,
    lambda nn, t: type(copy.deepcopy(nn.LazyLinear(3)).weight).__name__,
    lambda nn, t: nn.UninitializedParameter(dtype=t.int64),
    lambda nn, t: nn.UninitializedBuffer(dtype=t.int64).dtype,
    lambda nn, t: nn.UninitializedBuffer().persistent,
    lambda nn, t: isinstance(nn.UninitializedBuffer(), nn.Buffer),
    lambda nn, t: nn.LazyLinear(3).reset_parameters(),
    lambda nn, t: nn.LazyLinear(3).zero_grad(),
    lambda nn, t: nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyBatchNorm1d()),
    lambda nn, t: nn.modules.lazy.LazyModuleMixin.cls_to_become,
    lambda nn, t: (nn.parameter.is_lazy(nn.UninitializedParameter()), nn.parameter.is_lazy(t.ones(2))),
]


@pytest.mark.parametrize("program", LAZY_PROGRAMS, ids=range(len(LAZY_PROGRAMS)))
def test_lazy_programs(program):
    same(lambda lib: program(lib.nn, lib))


@pytest.mark.parametrize(
    "use",
    [
        lambda t, u: u + 1,
        lambda t, u: 1 + u,
        lambda t, u: t.ones(2) + u,
        lambda t, u: -u,
        lambda t, u: u.sum(),
        lambda t, u: u.numel(),
        lambda t, u: u.item(),
        lambda t, u: len(u),
        lambda t, u: u[0],
        lambda t, u: bool(u),
        lambda t, u: u == u,
        lambda t, u: t.ones(2, 2) @ u,
        lambda t, u: t.nn.init.zeros_(u),
        lambda t, u: t.nn.functional.linear(t.ones(2, 2), u),
        lambda t, u: t.nn.LazyLinear(3).forward(t.ones(2, 2)),
        lambda t, u: t.nn.LazyBatchNorm1d().reset_running_stats(),
    ],
)
def test_whatever_needs_values_raises(use):
    for lib in LIBRARIES:
        with pytest.raises(ValueError, match=r"^Attempted to use an uninitialized parameter in "):
            use(lib, lib.nn.UninitializedParameter())


@pytest.mark.parametrize("name", [n for n in dir(torch.nn) if n.startswith(("Lazy", "InstanceNorm", "GroupNorm"))])
def test_signatures_of_layers(name):
    ours, theirs = (inspect.signature(getattr(lib.nn, name)).parameters for lib in LIBRARIES)
    listed = [(p.name, p.default) for p in ours.values() if p.name != "options"]
    assert listed == [(p.name, p.default) for p in theirs.values()]
