"""PyTorch's own samples of every optimizer: the same arguments give the same steps, states, texts and refusals."""

from __future__ import annotations

import copy
import io
import warnings

import numpy as np
import pytest

import minitorch_bn as mini

torch = pytest.importorskip("torch", reason="parity needs a real PyTorch")
pytest.importorskip("expecttest", reason="PyTorch's optimizer samples need it: python -m pip install expecttest")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

# Out of scope here.
OUT_OF_SCOPE = {"ASGD", "Adafactor", "Adamax", "LBFGS", "Muon", "NAdam", "RAdam", "Rprop", "SparseAdam"}
INFOS = [info for info in optim_db if info.optim_cls.__name__ not in OUT_OF_SCOPE]
SHAPES = [(10, 5), (10,), ()]


def own(value, library, memo=None):
    """PyTorch's tensors, in whatever container, as a library's own leaves; one that comes twice stays one."""
    memo = {} if memo is None else memo
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            leaf = library.tensor(value.detach().numpy().copy()).requires_grad_(value.requires_grad)
            memo[id(value)] = library.nn.Parameter(leaf) if isinstance(value, torch.nn.Parameter) else leaf
        return memo[id(value)]
    if isinstance(value, dict):
        return {key: own(item, library, memo) for key, item in value.items()}
    return type(value)(own(item, library, memo) for item in value) if type(value) in (list, tuple) else value


def problem(library, dtype):
    """A linear model with a number beside it, and what it should learn."""
    rng = np.random.default_rng(0)
    params = [library.tensor(np.asarray(rng.normal(size=s), dtype)).requires_grad_() for s in SHAPES]
    x, y = (library.tensor(rng.normal(size=s).astype(dtype)) for s in ((7, 5), (7, 10)))

    def loss():
        weight, bias, factor = params
        return (((x @ weight.t() + bias) * factor - y) ** 2).mean()

    return params, loss


def steps(optimizer, loss, times):
    found = []
    for _ in range(times):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        found.append(value.item())
    return found


def attempt(call, *args, **kwargs):
    try:
        return call(*args, **kwargs), None
    except Exception as error:
        return None, (type(error).__name__, str(error).split("\n")[0])


def assert_same_state(ours, theirs, tolerance):
    assert list(ours) == list(theirs)
    assert len(ours["param_groups"]) == len(theirs["param_groups"])
    for group, reference in zip(ours["param_groups"], theirs["param_groups"]):
        assert list(group) == list(reference)
        assert str(group) == str(reference)
    assert list(ours["state"]) == list(theirs["state"])
    for number, state in theirs["state"].items():
        assert list(ours["state"][number]) == list(state)
        for name, value in state.items():
            mine = ours["state"][number][name]
            if not isinstance(value, torch.Tensor):
                assert mine == value
                continue
            assert str(mine.dtype) == str(value.dtype), name
            np.testing.assert_allclose(mine.numpy(), value.numpy(), rtol=tolerance, atol=tolerance, err_msg=name)


def reloaded(source, target, state):
    """A state dict on its way through a file, from one library to the other."""
    buffer = io.BytesIO()
    source.save(state, buffer)
    buffer.seek(0)
    return target.load(buffer, weights_only=True)


CASES = [
    pytest.param(
        info, dtype, {**sample.kwargs, **flags}, id=f"{info.optim_cls.__name__}-{dtype}-{number}-{sample.desc}-{flags}"
    )
    for info in INFOS
    for dtype in ("float64", "float32")
    for number, sample in enumerate(info.optim_inputs_func(device="cpu"))
    for flags in ({}, *({flag: True} for flag in ("foreach", "fused") if flag in info.supported_impls))
]


@pytest.mark.parametrize("info, dtype, options", CASES)
def test_samples(info, dtype, options):
    name, tolerance = info.optim_cls.__name__, 1e-10 if dtype == "float64" else 2e-5
    made = {}
    for library in (mini, torch):
        params, loss = problem(library, dtype)
        optimizer, error = attempt(getattr(library.optim, name), params, **own(options, library))
        made[library] = optimizer, error, loss, params
    (ours, our_error, our_loss, our_params), (theirs, their_error, their_loss, their_params) = made.values()
    assert our_error == their_error
    if their_error:
        return
    assert repr(ours) == repr(theirs)
    for times in (1, 6):
        (a, our_error), (b, their_error) = (
            attempt(steps, o, f, times) for o, f in ((ours, our_loss), (theirs, their_loss))
        )
        assert our_error == their_error
        if their_error:
            return
        np.testing.assert_allclose(a, b, rtol=10 * tolerance)
        for p, q in zip(our_params, their_params):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance)
        assert_same_state(ours.state_dict(), theirs.state_dict(), tolerance)
    assert repr(ours) == repr(theirs)

    # The states change places, and the training goes on as before.
    states = {mini: copy.deepcopy(ours.state_dict()), torch: copy.deepcopy(theirs.state_dict())}
    ours.load_state_dict(reloaded(torch, mini, states[torch]))
    theirs.load_state_dict(reloaded(mini, torch, states[mini]))
    np.testing.assert_allclose(steps(ours, our_loss, 3), steps(theirs, their_loss, 3), rtol=10 * tolerance)
    assert_same_state(ours.state_dict(), theirs.state_dict(), tolerance)


REFUSALS = [
    pytest.param(info, number, id=f"{info.optim_cls.__name__}-{number} {error.optimizer_error_input.desc}")
    for info in INFOS
    for number, error in enumerate(info.optim_error_inputs_func(device="cpu", dtype=torch.float32))
]


@pytest.mark.parametrize("info, number", REFUSALS)
def test_refusals(info, number):
    outcomes = []
    for library in (mini, torch):
        error = info.optim_error_inputs_func(device="cpu", dtype=torch.float32)[number]
        sample = error.optimizer_error_input
        assert error.error_on is OptimizerErrorEnum.CONSTRUCTION_ERROR
        params = own(sample.params, library)
        if params is None:
            params = [library.nn.Parameter(library.zeros(2))]
        # Warnings are errors in tests, and one sample is about a warning.
        outcomes.append(attempt(getattr(library.optim, info.optim_cls.__name__), params, **own(sample.kwargs, library)))
    assert outcomes[1][1] is not None
    assert outcomes[0][1] == outcomes[1][1]
