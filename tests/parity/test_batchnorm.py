"""BatchNorm against a real PyTorch: values, gradients, state, and errors in their order of precedence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import minitorch_bn

torch = pytest.importorskip("torch", reason="the parity suite compares with a real PyTorch: pip install torch==2.13.0")

SHAPES = {1: [(8, 3), (4, 3, 5), (2, 3, 1)], 2: [(4, 3, 5, 6), (2, 3, 1, 1)], 3: [(2, 3, 2, 3, 4)]}
CASES = [(dims, shape) for dims, shapes in SHAPES.items() for shape in shapes]
OPTIONS = list(itertools.product([0.1, None, 0.5], [True, False], [True, False], [True, False]))


def both():
    return (minitorch_bn, torch)


def as_arrays(values):
    return [None if v is None else v.detach().numpy() for v in values]


@pytest.mark.parametrize(("dims", "shape"), CASES)
@pytest.mark.parametrize(("momentum", "affine", "bias", "track"), OPTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_training_history_is_the_same(rng, dims, shape, momentum, affine, bias, track, dtype):
    batches = rng.standard_normal((3, *shape)).astype(dtype)
    upstream = rng.standard_normal(shape).astype(dtype)
    start = rng.standard_normal((2, shape[1]))
    transcripts = []
    for lib in both():
        bn = getattr(lib.nn, f"BatchNorm{dims}d")(
            shape[1], 1e-4, momentum, affine, track, dtype=getattr(lib, dtype), bias=bias
        )
        for parameter, value in zip(bn.parameters(), start):
            with lib.no_grad():
                parameter.copy_(lib.tensor(value))
        transcript = [list(bn.state_dict()), repr(bn)]
        for batch in batches:
            x = lib.tensor(batch, requires_grad=True)
            y = bn(x)
            y.backward(lib.tensor(upstream))
            transcript += as_arrays((y, x.grad, *bn.state_dict().values()))
        transcript += as_arrays(p.grad for p in bn.parameters())
        bn.eval()
        x = lib.tensor(batches[0], requires_grad=True)
        y = bn(x)
        y.backward(lib.tensor(upstream))
        transcript += as_arrays((y, x.grad))
        transcripts.append(transcript)
    tolerance = 3e-5 if dtype == "float32" else 1e-11
    for ours, theirs in zip(*transcripts):
        if isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
        else:
            assert ours == theirs


@pytest.mark.parametrize("training", [True, False])
def test_second_gradients_are_the_same(rng, training):
    arrays = [rng.standard_normal(s) for s in ((4, 3, 5), (3,), (3,), (4, 3, 5), (4, 3, 5))]
    results = []
    for lib in both():
        x, weight, bias = (lib.tensor(a, requires_grad=True) for a in arrays[:3])
        along, again = (lib.tensor(a) for a in arrays[3:])
        stats = (lib.zeros(3, dtype=lib.float64), lib.ones(3, dtype=lib.float64) * 2)
        y = lib.nn.functional.batch_norm(x, *stats, weight, bias, training=training)
        first = lib.autograd.grad((y * along).sum(), (x, weight, bias), create_graph=True)
        scalar = (first[0] * again).sum() + (first[1] ** 2).sum() + (first[2] ** 2).sum() + (first[0] ** 3).sum()
        second = lib.autograd.grad(scalar, (x, weight, bias), allow_unused=True)
        results.append(as_arrays((y, *first, *second)))
    for ours, theirs in zip(*results):
        if ours is None or theirs is None:
            assert np.all((ours if ours is not None else theirs if theirs is not None else 0) == 0)
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("inputs", ["float16", "bfloat16"])
@pytest.mark.parametrize("parameters", ["float32", "same"])
def test_half_precision(rng, inputs, parameters):
    if inputs == "bfloat16":
        pytest.importorskip("ml_dtypes", reason='bfloat16 needs ml_dtypes: pip install "minitorch_bn[bf16]"')
    a = rng.standard_normal((32, 4)) * 3 + 1
    results = []
    for lib in both():
        dtype = getattr(lib, inputs if parameters == "same" else parameters)
        bn = lib.nn.BatchNorm1d(4, dtype=dtype)
        x = lib.tensor(a).to(getattr(lib, inputs)).requires_grad_()
        y = bn(x)
        (y * y).sum().backward()
        names = [str(v.dtype) for v in (y, x.grad, bn.weight.grad, bn.running_mean, bn.running_var)]
        values = [v.detach().double().numpy() for v in (y, bn.running_mean, bn.running_var)]
        results.append((names, values))
    assert results[0][0] == results[1][0]
    for ours, theirs in zip(results[0][1], results[1][1]):
        np.testing.assert_allclose(ours, theirs, rtol=2e-2, atol=2e-2)


# What is wrong in one call: the first complaint must be the same, and after it nothing may have changed here.
FAULTS = {
    "shape": [(4, 3), (1, 3), (3,), (), (4, 5), (2, 3, 4), (1, 3, 1)],
    "training": [True, False],
    "stats": ["both", "none", "mean only", "var only", "wrong mean", "wrong var", "requires grad"],
    "weight": ["right", "wrong", "none"],
    "eps": [1e-5, 0.0, -1.0],
    "dtype": ["float32", "float64", "int64"],
}


def _outcome(lib, shape, training, stats, weight, eps, dtype):
    x = lib.ones(*shape, dtype=getattr(lib, dtype)) if shape else lib.ones((), dtype=getattr(lib, dtype))
    mean = None if stats in ("none", "var only") else lib.zeros(4 if stats == "wrong mean" else 3)
    var = None if stats in ("none", "mean only") else lib.ones(4 if stats == "wrong var" else 3)
    if stats == "requires grad":
        var.requires_grad_()
    w = None if weight == "none" else lib.ones(4 if weight == "wrong" else 3)
    try:
        lib.nn.functional.batch_norm(x, mean, var, w, None, training=training, eps=eps)
    except Exception as error:
        return type(error), str(error).split("\n")[0]
    return "accepted"


def test_every_combination_of_faults_gives_the_same_first_complaint():
    differences = []
    for case in itertools.product(*FAULTS.values()):
        ours, theirs = _outcome(minitorch_bn, *case), _outcome(torch, *case)
        if len(case[0]) < 2 and theirs not in ("accepted",):
            # PyTorch's words for an input without channels depend on what it trips over first
            assert ours != "accepted"
        elif ours != theirs:
            differences.append((case, ours, theirs))
    assert not differences, differences[:5]


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("running_mean"),
        lambda state: state.update(extra=state["weight"]),
        lambda state: state.update(weight=state["weight"][:1]),
        lambda state: state.pop("num_batches_tracked"),
        lambda state: state.update(running_mean=state["running_mean"].numpy()),
        lambda state: None,
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_loading_reports_the_same(change, strict):
    outcomes = []
    for lib in both():
        net = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2))
        bn = net[1]
        state = bn.state_dict()
        change(state)
        try:
            outcomes.append(str(bn.load_state_dict(state, strict=strict)))
        except Exception as error:
            outcomes.append((type(error).__name__, str(error)))
    assert outcomes[0] == outcomes[1]
