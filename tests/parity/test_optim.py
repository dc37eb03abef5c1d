"""Optimizers, schedules, clipping and data loading beside a real PyTorch."""

from __future__ import annotations

import copy
import importlib
import warnings

import numpy as np
import pytest

import minitorch_bn as mini
import minitorch_bn.nn.utils

torch = pytest.importorskip("torch")

SHAPES = [(), (3,), (4, 5), (300, 130), (0, 2)]  # a number, small ones, one that is updated in blocks, none at all

OPTIONS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1, "maximize": True, "fused": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.5, "nesterov": True, "maximize": True, "foreach": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.3, 0.9)}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "foreach": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.2, "maximize": True}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.01, "centered": True, "eps": 1e-2}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.9, "eps": 1e-2}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adagrad", {"lr": 0.1, "eps": 1e-2, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 10.0, "rho": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
]


def ids(options):
    return [f"{name}-{'-'.join(f'{k}={v}' for k, v in kwargs.items())}" for name, kwargs in options]


class Pair:
    """The same optimizer on both sides, on the same parameters in two groups, fed with the same gradients."""

    def __init__(self, name, kwargs, dtype="float64", seed=0):
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        start = [np.asarray(self.rng.normal(size=shape), dtype) for shape in SHAPES]
        self.params = {
            mini: [mini.tensor(a, requires_grad=True) for a in start],
            torch: [torch.tensor(a, requires_grad=True) for a in start],
        }
        self.optimizers = {lib: self.build(lib, name, kwargs) for lib in (mini, torch)}

    def build(self, lib, name, kwargs):
        params = self.params[lib]
        groups = [{"params": params[:2]}, {"params": params[2:], "lr": kwargs.get("lr", 0.01) * 2}]
        return getattr(lib.optim, name)(groups, **kwargs)

    def step(self, times=1):
        for _ in range(times):
            for i, shape in enumerate(SHAPES):
                grad = np.asarray(self.rng.normal(size=shape), self.dtype)
                absent = self.rng.random() < 0.1
                for lib in (mini, torch):
                    self.params[lib][i].grad = None if absent else lib.tensor(grad)
            for optimizer in self.optimizers.values():
                optimizer.step()

    def check(self, rtol, atol):
        for ours, theirs in zip(self.params[mini], self.params[torch]):
            np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=rtol, atol=atol)
        assert_state_dicts_agree(*(self.optimizers[lib].state_dict() for lib in (mini, torch)), rtol, atol)


def assert_state_dicts_agree(ours, theirs, rtol, atol):
    assert ours["param_groups"] == theirs["param_groups"]
    assert [list(g) for g in ours["param_groups"]] == [list(g) for g in theirs["param_groups"]]
    assert list(ours) == list(theirs)
    assert sorted(ours["state"]) == sorted(theirs["state"])
    for number, state in theirs["state"].items():
        assert list(ours["state"][number]) == list(state)
        for name, value in state.items():
            assert str(ours["state"][number][name].dtype) == str(value.dtype), name
            np.testing.assert_allclose(ours["state"][number][name].numpy(), value.numpy(), rtol=rtol, atol=atol)


def carry_over(state_dict, lib):
    """A state dict with its tensors copied into the other library's."""
    if isinstance(state_dict, dict):
        return {k: carry_over(v, lib) for k, v in state_dict.items()}
    if isinstance(state_dict, list):
        return [carry_over(v, lib) for v in state_dict]
    return lib.tensor(state_dict.numpy().copy()) if hasattr(state_dict, "numpy") else state_dict


@pytest.mark.parametrize("name, kwargs", OPTIONS, ids=ids(OPTIONS))
def test_fifty_steps_agree(name, kwargs):
    pair = Pair(name, kwargs)
    pair.step(50)
    pair.check(rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name, kwargs", OPTIONS, ids=ids(OPTIONS))
def test_fifty_steps_agree_to_float32_rounding(name, kwargs):
    pair = Pair(name, kwargs, "float32")
    pair.step(50)
    pair.check(rtol=2e-5, atol=5e-6)  # each of 50 steps may round another way: PyTorch fuses a * b + c


@pytest.mark.parametrize("lr", [0.1, 0.5])
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta"])
def test_rate_as_a_tensor(name, lr):
    pair = Pair("SGD", {})
    for lib in (mini, torch):
        pair.optimizers[lib] = getattr(lib.optim, name)(pair.params[lib], lr=lib.tensor(lr))
    pair.step(10)
    for ours, theirs in zip(pair.params[mini], pair.params[torch]):
        rtol = 1e-6 if name.startswith("Adam") else 1e-11  # there PyTorch divides in the dtype of the rate, float32
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=rtol, atol=rtol / 10)
    assert repr(pair.optimizers[mini]) == repr(pair.optimizers[torch])


@pytest.mark.parametrize("name, kwargs", OPTIONS, ids=ids(OPTIONS))
def test_state_dicts_are_exchanged_both_ways(name, kwargs):
    pair = Pair(name, kwargs)
    pair.step(5)
    states = {lib: copy.deepcopy(pair.optimizers[lib].state_dict()) for lib in (mini, torch)}
    pair.optimizers = {lib: pair.build(lib, name, {}) for lib in (mini, torch)}
    pair.optimizers[mini].load_state_dict(carry_over(states[torch], mini))
    pair.optimizers[torch].load_state_dict(carry_over(states[mini], torch))
    pair.step(5)
    pair.check(rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name, kwargs", OPTIONS, ids=ids(OPTIONS))
def test_printed_form(name, kwargs):
    pair = Pair(name, kwargs)
    assert repr(pair.optimizers[mini]) == repr(pair.optimizers[torch])
    assert pair.optimizers[mini].defaults == pair.optimizers[torch].defaults


def test_half_precision_agrees_to_its_rounding():
    for name, kwargs in [("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {"lr": 0.01}), ("RMSprop", {"eps": 1e-3})]:
        pair = Pair(name, kwargs, "float16")
        pair.step(10)
        for ours, theirs in zip(pair.params[mini], pair.params[torch]):
            np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=2e-2, atol=2e-2)


def outcome(function, lib):
    """What a call gives or raises, and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(lib)
        except Exception as error:
            result = type(error).__name__, str(error)
    return result, [(w.category.__name__, str(w.message)) for w in caught]


def assert_same_outcome(function):
    assert outcome(function, mini) == outcome(function, torch)


def leaf(lib, *shape):
    return lib.ones(*(shape or (2,)), requires_grad=True)


BAD_OPTIONS = [
    ({"lr": -1.0}, "SGD Adam AdamW RMSprop Adagrad Adadelta"),
    ({"lr": float("nan")}, "SGD Adam AdamW RMSprop Adagrad Adadelta"),
    ({"weight_decay": -1.0}, "SGD Adam AdamW RMSprop Adagrad Adadelta"),
    ({"momentum": -1.0}, "SGD RMSprop"),
    ({"eps": -1.0}, "Adam AdamW RMSprop Adagrad Adadelta"),
    ({"betas": (1.0, 0.9)}, "Adam AdamW"),
    ({"betas": (0.9, -0.1)}, "Adam AdamW"),
    ({"rho": 2.0}, "Adadelta"),
    ({"alpha": -1.0}, "RMSprop"),
    ({"lr_decay": -1.0}, "Adagrad"),
    ({"initial_accumulator_value": -1.0}, "Adagrad"),
    ({"nesterov": True}, "SGD"),
    ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "SGD"),
    ({"foreach": True, "fused": True}, "SGD Adam AdamW Adagrad"),
    ({"fused": True, "differentiable": True}, "SGD Adam AdamW Adagrad"),
    ({"lr": [0.1, 0.2]}, "SGD Adam AdamW RMSprop Adagrad Adadelta"),
    ({"lr": [0.1], "foreach": True}, "SGD Adam AdamW RMSprop Adagrad Adadelta"),
    ({"betas": ([0.9], 0.9)}, "Adam AdamW"),
    ({"betas": ([0.9], [0.9]), "foreach": True}, "Adam AdamW"),
    ({"betas": ([0.9], [0.99])}, "Adam AdamW"),
]


@pytest.mark.parametrize("kwargs, names", BAD_OPTIONS, ids=str)
def test_refused_options(kwargs, names):
    def tensors(lib, value):
        if isinstance(value, tuple):
            return tuple(tensors(lib, v) for v in value)
        return lib.tensor(value) if isinstance(value, list) else value

    for name in names.split():
        assert_same_outcome(
            lambda lib, name=name: repr(
                getattr(lib.optim, name)([leaf(lib)], **{k: tensors(lib, v) for k, v in kwargs.items()})
            )
        )


def required(lib):
    return importlib.import_module(f"{lib.__name__}.optim.optimizer").required


def two_groups_sharing(lib):
    p = leaf(lib)
    return lib.optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1)


def loaded(lib, saved, into):
    """An optimizer that has loaded the state of another one."""
    optimizer = lib.optim.SGD(into(lib), lr=0.5, momentum=0.9)
    optimizer.load_state_dict(lib.optim.SGD(saved(lib), lr=0.1).state_dict())
    return optimizer


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.optim.SGD(leaf(lib), lr=0.1),
        lambda lib: lib.optim.SGD([], lr=0.1),
        lambda lib: lib.optim.SGD([leaf(lib) * 2], lr=0.1),
        lambda lib: lib.optim.SGD(["a"], lr=0.1),
        lambda lib: lib.optim.SGD({"params": [leaf(lib)]}, lr=0.1),
        lambda lib: lib.optim.SGD(None, lr=0.1),
        lambda lib: lib.optim.SGD([{"weights": [leaf(lib)]}], lr=0.1),
        lambda lib: lib.optim.SGD([{"params": {leaf(lib)}}], lr=0.1),
        lambda lib: lib.optim.SGD([leaf(lib)] * 2, lr=0.1),
        two_groups_sharing,
        lambda lib: lib.optim.SGD([{"params": leaf(lib)}, {"params": leaf(lib), "lr": 3, "note": "x"}], lr=0.1),
        lambda lib: lib.optim.SGD([("w", leaf(lib)), ("b", leaf(lib))], lr=0.1),
        lambda lib: lib.optim.SGD([("w", leaf(lib)), leaf(lib)], lr=0.1),
        lambda lib: lib.optim.SGD([leaf(lib), ("w", leaf(lib))], lr=0.1),
        lambda lib: lib.optim.SGD([{"params": [("w", leaf(lib))]}, {"params": [leaf(lib)]}], lr=0.1),
        lambda lib: lib.optim.SGD([{"params": [leaf(lib)]}, {"params": [("w", leaf(lib))]}], lr=0.1),
        lambda lib: lib.optim.SGD([leaf(lib)], lr=0.1).add_param_group([leaf(lib)]),
        lambda lib: lib.optim.SGD([leaf(lib)], lr=0.1).state_dict(),
        lambda lib: lib.optim.SGD([("w", leaf(lib))], lr=0.1).state_dict(),
        lambda lib: lib.optim.Optimizer([leaf(lib)], {}).step(),
        lambda lib: lib.optim.Optimizer([leaf(lib)], {"lr": required(lib)}),
        lambda lib: loaded(lib, lambda lib: [leaf(lib)] * 2, lambda lib: [leaf(lib)]),
        lambda lib: loaded(lib, lambda lib: [leaf(lib)], lambda lib: [{"params": leaf(lib)}, {"params": leaf(lib)}]),
        lambda lib: loaded(lib, lambda lib: [leaf(lib)], lambda lib: [leaf(lib)]),
        lambda lib: loaded(lib, lambda lib: [("v", leaf(lib))], lambda lib: [("w", leaf(lib))]),
        lambda lib: loaded(lib, lambda lib: [leaf(lib)], lambda lib: [("w", leaf(lib))]),
        lambda lib: loaded(lib, lambda lib: [("v", leaf(lib))], lambda lib: [leaf(lib)]),
    ],
)
def test_parameter_groups(call):
    def printed(lib):
        result = call(lib)
        return repr(result).replace("lr: 0.1\n    maximize", "maximize") if result is not None else None

    assert_same_outcome(printed)


def test_hooks_are_called_alike():
    def calls(lib):
        log = []
        optimizer = lib.optim.SGD([leaf(lib)], lr=0.1)
        optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append(("pre", args[1:], kwargs)))
        optimizer.register_step_post_hook(lambda o, args, kwargs: log.append(("post", args[1:], kwargs)))
        optimizer.register_state_dict_pre_hook(lambda o: log.append("state"))
        optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
        optimizer.register_state_dict_post_hook(lambda o, state: log.append(sorted(state)), prepend=True)
        optimizer.register_load_state_dict_pre_hook(lambda o, state: log.append(sorted(state)))
        optimizer.register_load_state_dict_post_hook(lambda o: log.append("loaded"))
        optimizer.step()
        handle = optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o,), {"closure": lambda: 7}))
        log.append(optimizer.step())
        handle.remove()
        optimizer.step(closure=None)
        optimizer.load_state_dict(optimizer.state_dict())
        return repr([entry if "function" not in repr(entry) else "closure" for entry in log])

    assert_same_outcome(calls)


# -- schedules ---------------------------------------------------------------------------------------------------------


def sgd(lib, groups=2, lr=0.1, **kwargs):
    params = [{"params": [leaf(lib)], "lr": lr * (i + 1)} for i in range(groups)]
    return lib.optim.SGD(params, lr=lr, momentum=0.9, **kwargs)


class Halving:
    """A callable object with an attribute, which checkpoints keep."""

    def __init__(self):
        self.every = 3

    def __call__(self, epoch):
        return 0.5 ** (epoch / self.every)


SCHEDULES = {
    "StepLR": lambda s, o, **k: s.StepLR(o, 3, 0.3, **k),
    "StepLR-1": lambda s, o, **k: s.StepLR(o, 1, **k),
    "MultiStepLR": lambda s, o, **k: s.MultiStepLR(o, [8, 2, 5, 5], 0.3, **k),
    "ConstantLR": lambda s, o, **k: s.ConstantLR(o, 0.3, 4, **k),
    "LinearLR": lambda s, o, **k: s.LinearLR(o, 0.2, 0.9, 6, **k),
    "LinearLR-default": lambda s, o, **k: s.LinearLR(o, **k),
    "ExponentialLR": lambda s, o, **k: s.ExponentialLR(o, 0.93, **k),
    "PolynomialLR": lambda s, o, **k: s.PolynomialLR(o, 9, 1.7, **k),
    "CosineAnnealingLR": lambda s, o, **k: s.CosineAnnealingLR(o, 7, 0.01, **k),
    "CosineAnnealingLR-1": lambda s, o, **k: s.CosineAnnealingLR(o, 1, **k),
    "CosineAnnealingWarmRestarts": lambda s, o, **k: s.CosineAnnealingWarmRestarts(o, 4, **k),
    "CosineAnnealingWarmRestarts-2": lambda s, o, **k: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.01, **k),
    "LambdaLR": lambda s, o, **k: s.LambdaLR(o, lambda epoch: 0.9**epoch, **k),
    "LambdaLR-2": lambda s, o, **k: s.LambdaLR(o, [lambda epoch: 1 / (1 + epoch), Halving()], **k),
    "MultiplicativeLR": lambda s, o, **k: s.MultiplicativeLR(o, lambda epoch: 1 - epoch / 100, **k),
    "OneCycleLR": lambda s, o, **k: s.OneCycleLR(o, [1.0, 2.0], 30, **k),
    "OneCycleLR-3": lambda s, o, **k: s.OneCycleLR(o, 1.0, epochs=5, steps_per_epoch=7, three_phase=True, **k),
    "OneCycleLR-linear": lambda s, o, **k: s.OneCycleLR(
        o, 1.0, 30, pct_start=0.17, anneal_strategy="linear", cycle_momentum=False, div_factor=7.0, **k
    ),
    "CyclicLR": lambda s, o, **k: s.CyclicLR(o, 0.1, 1.0, 3, 5, **k),
    "CyclicLR-2": lambda s, o, **k: s.CyclicLR(o, [0.1, 0.2], [1.0, 1.5], 3, mode="triangular2", **k),
    "CyclicLR-exp": lambda s, o, **k: s.CyclicLR(o, 0.1, 1.0, 4, mode="exp_range", gamma=0.97, **k),
    "CyclicLR-own": lambda s, o, **k: s.CyclicLR(o, 0.1, 1.0, 4, scale_fn=Halving(), cycle_momentum=False, **k),
}
COMBINED = {
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 4), s.CosineAnnealingLR(o, 9), s.ExponentialLR(o, 0.9)], [4, 11]
    ),
    "SequentialLR-steps": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.5, 3), s.StepLR(o, 2, 0.5), s.MultiStepLR(o, [1, 3])], [3, 9]
    ),
    "SequentialLR-poly": lambda s, o: s.SequentialLR(o, [s.PolynomialLR(o, 5), s.LambdaLR(o, Halving())], [6]),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.5, 3), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 20)]
    ),
}


def groups_without_params(optimizer):
    return [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]


def run_schedule(lib, build, steps, optimizer=None):
    """All rates and momenta, and the state of the schedule after each step."""
    optimizer = optimizer or sgd(lib)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the texts of warnings have tests of their own
        scheduler = build(lib.optim.lr_scheduler, optimizer)
        trace = []
        for _ in range(steps):
            now = scheduler.get_last_lr(), groups_without_params(optimizer), scheduler.state_dict()
            trace.append(copy.deepcopy(now))
            optimizer.step()
            scheduler.step()
    return trace


@pytest.mark.parametrize("name", [*SCHEDULES, *COMBINED])
def test_schedules_are_equal_to_the_last_bit(name):
    build = {**SCHEDULES, **COMBINED}[name]
    assert run_schedule(mini, build, 28) == run_schedule(torch, build, 28)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name.startswith(("OneCycleLR", "CyclicLR-2"))])
def test_schedules_cycle_the_betas_of_adam(name):
    def run(lib):
        optimizer = lib.optim.Adam([{"params": [leaf(lib)]}, {"params": [leaf(lib)]}])
        return run_schedule(lib, SCHEDULES[name], 20, optimizer)

    assert run(mini) == run(torch)


@pytest.mark.parametrize("last_epoch", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_go_on_after_an_epoch(name, last_epoch):
    def run(lib):
        optimizer = sgd(lib)
        for group in optimizer.param_groups:
            group.update(initial_lr=0.3, max_lr=1.0, min_lr=1e-3, max_momentum=0.95, base_momentum=0.8)
        return run_schedule(lib, lambda s, o: SCHEDULES[name](s, o, last_epoch=last_epoch), 12, optimizer)

    assert run(mini) == run(torch)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_go_to_a_given_epoch(name):
    def run(lib):
        optimizer = sgd(lib)
        scheduler = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
        trace = []
        for epoch in [0, 5, 2, 7, None, 3, 9, 6]:
            optimizer.step()
            scheduler.step(epoch)
            trace.append((scheduler.get_last_lr(), copy.deepcopy(scheduler.state_dict())))
        return trace

    assert_same_outcome(run)


def test_warm_restarts_take_fractions_of_epochs():
    def run(lib):
        for t_mult in (1, 2, 3):
            optimizer = sgd(lib)
            scheduler = lib.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, t_mult)
            return [(scheduler.step(i / 7), scheduler.get_last_lr(), scheduler.state_dict()) for i in range(200)]

    assert run(mini) == run(torch)


@pytest.mark.parametrize("name", [*SCHEDULES, *COMBINED])
def test_a_schedule_takes_over_the_other_librarys_state(name):
    build = {**SCHEDULES, **COMBINED}[name]

    def half(lib, start=None):
        optimizer = sgd(lib)
        scheduler = build(lib.optim.lr_scheduler, optimizer)
        if start is not None:
            optimizer.load_state_dict(start[0])
            scheduler.load_state_dict(start[1])
        for _ in range(9):
            optimizer.step()
            scheduler.step()
        return copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))

    for lib, other in ((mini, torch), (torch, mini)):
        assert half(lib, half(other)) == half(lib, half(lib))


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"patience": 2, "cooldown": 3},
        {"patience": 1, "mode": "max", "threshold": 0.1},
        {"patience": 1, "threshold_mode": "abs", "threshold": 0.05, "min_lr": [0.05, 0.001]},
        {"patience": 0, "mode": "max", "threshold_mode": "abs", "factor": 0.7, "eps": 1e-3},
    ],
    ids=str,
)
def test_plateau(kwargs):
    def run(lib):
        rng = np.random.default_rng(0)
        optimizer = sgd(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **kwargs)
        trace = []
        for i in range(60):
            scheduler.step(lib.tensor(1 / (1 + i) + rng.normal() * 0.1))
            trace.append((scheduler.get_last_lr(), copy.deepcopy(scheduler.state_dict())))
        return trace

    assert run(mini) == run(torch)


@pytest.mark.parametrize("name", [*SCHEDULES, *COMBINED])
def test_schedules_of_rates_that_are_tensors(name):
    def run(lib):
        optimizer = lib.optim.SGD([leaf(lib)], lr=lib.tensor(0.1), momentum=0.9)
        optimizer.add_param_group({"params": [leaf(lib)], "lr": lib.tensor(0.2)})
        rate = optimizer.param_groups[0]["lr"]
        scheduler = {**SCHEDULES, **COMBINED}[name](lib.optim.lr_scheduler, optimizer)
        trace = []
        for _ in range(12):
            optimizer.step()
            scheduler.step()
            trace.append([float(lr) for lr in scheduler.get_last_lr()])
        assert optimizer.param_groups[0]["lr"] is rate
        return trace

    ours, theirs = (outcome(run, lib)[0] for lib in (mini, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def other_optimizer(s, lib, first=False):
    optimizer, other = sgd(lib), sgd(lib)
    return optimizer, [s.ConstantLR(other if first else optimizer), s.ConstantLR(other)]


@pytest.mark.parametrize(
    "call",
    [
        lambda s, lib: s.StepLR(3, 3),
        lambda s, lib: s.StepLR(sgd(lib), 3, last_epoch=4),
        lambda s, lib: s.LambdaLR(sgd(lib), [lambda epoch: 1.0]),
        lambda s, lib: s.MultiplicativeLR(sgd(lib), [lambda epoch: 1.0]),
        lambda s, lib: s.ConstantLR(sgd(lib), factor=2.0),
        lambda s, lib: s.LinearLR(sgd(lib), start_factor=0.0),
        lambda s, lib: s.LinearLR(sgd(lib), start_factor=2.0),
        lambda s, lib: s.LinearLR(sgd(lib), end_factor=-1.0),
        lambda s, lib: s.CosineAnnealingWarmRestarts(sgd(lib), 0),
        lambda s, lib: s.CosineAnnealingWarmRestarts(sgd(lib), 1.5),
        lambda s, lib: s.CosineAnnealingWarmRestarts(sgd(lib), 1, 0),
        lambda s, lib: s.CosineAnnealingWarmRestarts(sgd(lib), 5).step(-1),
        lambda s, lib: s.OneCycleLR(sgd(lib), 1.0),
        lambda s, lib: s.OneCycleLR(sgd(lib), 1.0, 0),
        lambda s, lib: s.OneCycleLR(sgd(lib), 1.0, 1.5),
        lambda s, lib: s.OneCycleLR(sgd(lib), 1.0, epochs=1),
        lambda s, lib: s.OneCycleLR(sgd(lib), 1.0, epochs=0, steps_per_epoch=3),
        lambda s, lib: s.OneCycleLR(sgd(lib), 1.0, epochs=1, steps_per_epoch=0),
        lambda s, lib: s.OneCycleLR(sgd(lib), 1.0, 10, pct_start=2.0),
        lambda s, lib: s.OneCycleLR(sgd(lib), 1.0, 10, pct_start=1),
        lambda s, lib: s.OneCycleLR(sgd(lib), 1.0, 10, anneal_strategy="x"),
        lambda s, lib: s.OneCycleLR(sgd(lib), [1.0, 2.0, 3.0], 10),
        lambda s, lib: s.OneCycleLR(lib.optim.Adagrad([leaf(lib)]), 1.0, 10),
        lambda s, lib: [s.OneCycleLR(sgd(lib), 1.0, 3).step() for _ in range(1)],
        lambda s, lib: s.CyclicLR(lib.optim.Adagrad([leaf(lib)]), 0.1, 1.0),
        lambda s, lib: s.CyclicLR(sgd(lib), 0.1, 1.0, mode="x"),
        lambda s, lib: s.CyclicLR(sgd(lib), [0.1], 1.0),
        lambda s, lib: s.CyclicLR(sgd(lib), 0.1, [1.0]),
        lambda s, lib: s.CyclicLR(sgd(lib), 0.1, 1.0, base_momentum=[1]),
        lambda s, lib: s.SequentialLR(sgd(lib), [], []),
        lambda s, lib: (lambda o: s.SequentialLR(o, [s.ConstantLR(o)], [3]))(sgd(lib)),
        lambda s, lib: (lambda o, parts: s.SequentialLR(o, parts, [3]))(*other_optimizer(s, lib)),
        lambda s, lib: (lambda o, parts: s.SequentialLR(o, parts, [3]))(*other_optimizer(s, lib, True)),
        lambda s, lib: s.SequentialLR(sgd(lib), [3, 4], [3]),
        lambda s, lib: (lambda o: s.SequentialLR(o, [s.ConstantLR(o), s.ReduceLROnPlateau(o)], [3]))(sgd(lib)),
        lambda s, lib: s.ChainedScheduler([]),
        lambda s, lib: s.ChainedScheduler(other_optimizer(s, lib)[1], sgd(lib)),
        lambda s, lib: (lambda o: s.ChainedScheduler([s.ConstantLR(o), s.ReduceLROnPlateau(o)]))(sgd(lib)),
        lambda s, lib: s.ReduceLROnPlateau(3),
        lambda s, lib: s.ReduceLROnPlateau(sgd(lib), factor=1.0),
        lambda s, lib: s.ReduceLROnPlateau(sgd(lib), "x"),
        lambda s, lib: s.ReduceLROnPlateau(sgd(lib), threshold_mode="x"),
        lambda s, lib: s.ReduceLROnPlateau(sgd(lib), min_lr=[1, 2, 3]),
        lambda s, lib: s.ReduceLROnPlateau(sgd(lib)).step(1.0, 3),
        lambda s, lib: s.LRScheduler(sgd(lib)),
        lambda s, lib: s.StepLR(sgd(lib), 3).get_lr(),
        lambda s, lib: s.StepLR(sgd(lib), 3).step(),
        lambda s, lib: s.StepLR(sgd(lib), 3).step(4),
    ],
)
def test_refused_schedules(call):
    def result(lib):
        value = call(lib.optim.lr_scheduler, lib)
        return value if isinstance(value, list) else None

    assert_same_outcome(result)


def test_order_of_steps():
    def before_creation(lib):
        optimizer = sgd(lib)
        optimizer.step()
        scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 3)
        scheduler.step()
        scheduler.step()

    def right(lib):
        optimizer = sgd(lib)
        schedulers = [lib.optim.lr_scheduler.StepLR(optimizer, 3) for _ in range(2)]
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()

    def overridden(lib):
        optimizer = sgd(lib)
        scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 3)
        optimizer.step = lambda: None
        optimizer.step()
        scheduler.step()

    def group_added(lib):
        optimizer = sgd(lib)
        scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 1)
        optimizer.add_param_group({"params": [leaf(lib)], "lr": 3.0})
        optimizer.step()
        scheduler.step()
        return scheduler.get_last_lr()

    for case in (before_creation, right, overridden, group_added):
        assert_same_outcome(case)


# -- gradients and vectors ---------------------------------------------------------------------------------------------


def with_gradients(lib, dtype, scale=1.0):
    rng = np.random.default_rng(0)
    params = []
    for shape in [(3,), (4, 5), (), (2,)]:
        params.append(lib.tensor(np.zeros(shape, dtype), requires_grad=True))
        params[-1].grad = lib.tensor(np.asarray(rng.normal(size=shape) * scale, dtype))
    params[-1].grad = None
    return params


@pytest.mark.parametrize("norm_type", [2, 1, 0, 3.5, float("inf"), -1, float("-inf"), "inf"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("scale", [0.01, 10.0])
def test_clip_grad_norm(norm_type, dtype, scale):
    def run(lib):
        params = with_gradients(lib, dtype, scale)
        norm = lib.nn.utils.clip_grad_norm_(params, 2.0, norm_type)
        return [norm.numpy(), *(p.grad.numpy() for p in params[:-1])]

    for ours, theirs in zip(run(mini), run(torch)):
        assert ours.dtype == theirs.dtype
        rtol = {"float16": 4e-3, "float32": 1e-6, "float64": 1e-14}[dtype]
        np.testing.assert_allclose(ours, theirs, rtol=rtol)


def one_gradient(lib, value, shape=(2,)):
    p = lib.zeros(shape, requires_grad=True)
    p.grad = lib.full(shape, value)
    return p


@pytest.mark.parametrize(
    "call",
    [
        lambda u, lib: u.clip_grad_norm_([leaf(lib)], 1.0).item(),
        lambda u, lib: u.clip_grad_norm_([], 1.0).item(),
        lambda u, lib: u.clip_grad_norm_(iter([]), 1.0).item(),
        lambda u, lib: u.clip_grad_norm_(one_gradient(lib, float("nan")), 1.0, error_if_nonfinite=True),
        lambda u, lib: (lambda p: (u.clip_grad_norm_(p, 1.0).item(), str(p.grad)))(one_gradient(lib, float("inf"))),
        lambda u, lib: (lambda p: (u.clip_grad_value_(p, "0.5"), p.grad.tolist()))(one_gradient(lib, -3.0)),
        lambda u, lib: (lambda p: (u.clip_grad_value_([p], -0.5), p.grad.tolist()))(one_gradient(lib, 3.0)),
        lambda u, lib: u.clip_grad_norm_(one_gradient(lib, 1.0), "a"),
        lambda u, lib: u.get_total_norm([lib.ones(2), lib.ones(3)], norm_type=1.0).item(),
        lambda u, lib: u.get_total_norm(lib.ones(4)).item(),
        lambda u, lib: str(u.get_total_norm([lib.ones(4), lib.ones(5).double()])),
        lambda u, lib: u.get_total_norm([lib.ones(4).long()]),
        lambda u, lib: str(u.parameters_to_vector([leaf(lib, 2), leaf(lib, 2, 2)])),
        lambda u, lib: u.vector_to_parameters([1.0], [leaf(lib)]),
        lambda u, lib: u.vector_to_parameters(lib.ones(5), [leaf(lib), leaf(lib, 2, 2)]),
        lambda u, lib: u.vector_to_parameters(lib.ones(2, 3), [leaf(lib), leaf(lib, 2, 2)]),
        lambda u, lib: (lambda p: (u.vector_to_parameters(lib.arange(9.0), iter([p])), str(p)))(leaf(lib, 2, 2)),
    ],
)
def test_gradient_helpers(call):
    assert_same_outcome(lambda lib: call(lib.nn.utils, lib))


# -- data --------------------------------------------------------------------------------------------------------------


def plain(value):
    """Tensors as nested lists with their dtype, containers kept."""
    if isinstance(value, (torch.Tensor, mini.Tensor)):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(v) for v in value]
    return value


def epochs(lib, build, seed, interrupted):
    """The batches of several epochs, between other draws, of a loader built with a generator of its own or none."""
    lib.manual_seed(seed)
    generator = lib.Generator().manual_seed(seed + 1)
    loader = build(lib, lib.utils.data, generator)
    seen = [lib.rand(2).tolist()]
    for epoch in range(4):
        for i, batch in enumerate(loader):
            seen.append(plain(batch))
            if i == 1:
                seen.append(lib.randn(3).tolist())
                if interrupted and epoch % 2:
                    break
        seen += [lib.rand(2).tolist(), lib.rand(2, generator=generator).tolist()]
    return seen


def pairs(lib, n):
    return lib.utils.data.TensorDataset(lib.arange(n), lib.arange(n * 2.0).reshape(n, 2))


class Eager:
    """A sampler that draws when its iterator is made, not when the first index is asked for."""

    def __init__(self, lib, n):
        self.lib, self.n = lib, n

    def __iter__(self):
        return iter(self.lib.randperm(self.n).tolist())


LOADERS = {
    "plain": lambda lib, d, g: d.DataLoader(range(10), batch_size=3),
    "shuffle": lambda lib, d, g: d.DataLoader(range(10), batch_size=3, shuffle=True),
    "shuffle-even": lambda lib, d, g: d.DataLoader(range(10), batch_size=5, shuffle=True),
    "shuffle-generator": lambda lib, d, g: d.DataLoader(range(10), batch_size=3, shuffle=True, generator=g),
    "shuffle-generator-even": lambda lib, d, g: d.DataLoader(range(10), batch_size=5, shuffle=True, generator=g),
    "drop-last": lambda lib, d, g: d.DataLoader(range(10), batch_size=3, shuffle=True, generator=g, drop_last=True),
    "tensors": lambda lib, d, g: d.DataLoader(pairs(lib, 10), batch_size=4, shuffle=True),
    "subset": lambda lib, d, g: d.DataLoader(
        d.random_split(pairs(lib, 20), [0.6, 0.4], generator=g)[0], batch_size=5, shuffle=True
    ),
    "concat": lambda lib, d, g: d.DataLoader(pairs(lib, 3) + pairs(lib, 4), batch_size=2, shuffle=True, generator=g),
    "single-items": lambda lib, d, g: d.DataLoader(pairs(lib, 4), batch_size=None, shuffle=True),
    "eager": lambda lib, d, g: d.DataLoader(range(6), batch_size=None, sampler=Eager(lib, 6)),
    "eager-batches": lambda lib, d, g: d.DataLoader(range(6), batch_size=2, sampler=Eager(lib, 6)),
    "random-more": lambda lib, d, g: d.DataLoader(range(5), 4, sampler=d.RandomSampler(range(5), num_samples=13)),
    "random-more-generator": lambda lib, d, g: d.DataLoader(
        range(5), 4, sampler=d.RandomSampler(range(5), num_samples=10, generator=g)
    ),
    "replacement": lambda lib, d, g: d.DataLoader(range(50), 40, sampler=d.RandomSampler(range(50), True, 70)),
    "replacement-generator": lambda lib, d, g: d.DataLoader(
        range(50), 32, sampler=d.RandomSampler(range(50), True, 64, generator=g)
    ),
    "subset-random": lambda lib, d, g: d.DataLoader(range(9), 2, sampler=d.SubsetRandomSampler([1, 3, 5, 7])),
    "subset-random-generator": lambda lib, d, g: d.DataLoader(
        range(9), 2, sampler=d.SubsetRandomSampler([1, 3, 5, 7], generator=g)
    ),
    "weighted": lambda lib, d, g: d.DataLoader(range(4), 3, sampler=d.WeightedRandomSampler([1, 2, 3, 0.5], 10)),
    "weighted-without-replacement": lambda lib, d, g: d.DataLoader(
        range(4), 3, sampler=d.WeightedRandomSampler([1, 2, 3, 0.5], 4, replacement=False, generator=g)
    ),
    "batch-sampler": lambda lib, d, g: d.DataLoader(
        pairs(lib, 9), batch_sampler=d.BatchSampler(d.RandomSampler(range(9), generator=g), 4, False)
    ),
}


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("name", LOADERS)
def test_loaders_draw_the_same_orders_and_leave_the_same_stream(name, interrupted):
    for seed in range(3):
        assert epochs(mini, LOADERS[name], seed, interrupted) == epochs(torch, LOADERS[name], seed, interrupted)


def stream(lib, items, length=None):
    """An IterableDataset over the items."""

    class Stream(lib.utils.data.IterableDataset):
        def __iter__(self):
            return iter(items)

    if length is not None:
        Stream.__len__ = lambda self: length
    Stream.__repr__ = lambda self: "Stream()"
    return Stream()


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"num_workers": -1},
        {"timeout": -1},
        {"timeout": 3},
        {"prefetch_factor": 2},
        {"persistent_workers": True},
        {"num_workers": 2, "prefetch_factor": -1},
        {"multiprocessing_context": "fork"},
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"batch_size": True},
        {"batch_size": None},
        {"batch_size": None, "drop_last": True},
        {"batch_size": None, "sampler": [3, 2]},
        {"batch_sampler": [[0, 1], [3]]},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_sampler": [[0]], "shuffle": True},
        {"batch_sampler": [[0]], "sampler": [0]},
        {"batch_sampler": [[0]], "drop_last": True},
        {"sampler": [0], "shuffle": True},
        {"sampler": [4, 5, 6], "batch_size": 2},
        {"drop_last": True, "batch_size": 2},
        {"drop_last": 3, "batch_size": 2},
        {"pin_memory": True},
        {"shuffle": 3},
    ],
    ids=str,
)
def test_loader_arguments(kwargs):
    def run(lib, data):
        lib.manual_seed(0)
        loader = lib.utils.data.DataLoader(data(lib), **kwargs)
        return plain(list(iter(loader))), len(loader), loader.batch_size, loader.drop_last

    assert_same_outcome(lambda lib: run(lib, lambda lib: list(range(7))))
    if kwargs.get("num_workers", 0) <= 0:
        assert_same_outcome(lambda lib: run(lib, lambda lib: stream(lib, range(7), 7)))


def test_loader_of_a_stream():
    def run(lib):
        loader = lib.utils.data.DataLoader(stream(lib, range(7), 2), batch_size=2)
        return len(loader), plain(list(iter(loader)))

    assert_same_outcome(run)
    assert_same_outcome(lambda lib: len(lib.utils.data.DataLoader(stream(lib, range(7)))))
    assert_same_outcome(lambda lib: list(stream(lib, "ab") + stream(lib, "cd")))


@pytest.mark.parametrize("name", ["batch_size", "sampler", "dataset", "drop_last", "batch_sampler"])
def test_loader_attributes_are_fixed(name):
    assert_same_outcome(lambda lib: setattr(lib.utils.data.DataLoader([1]), name, 3))


def named_pair():
    from collections import namedtuple

    return namedtuple("Point", "x y")


POINT = named_pair()


@pytest.mark.parametrize(
    "batch",
    [
        lambda lib: [1, 2],
        lambda lib: [1.0, 2.0],
        lambda lib: [True, False],
        lambda lib: ["a", "b"],
        lambda lib: [b"a", b"b"],
        lambda lib: [1, 2.5],
        lambda lib: [(1, 2.0), (3, 4.0)],
        lambda lib: [[1, 2], [3, 4]],
        lambda lib: [{"a": 1, "b": lib.ones(2)}, {"a": 2, "b": lib.zeros(2)}],
        lambda lib: [{"a": 1}, {"b": 2}],
        lambda lib: [POINT(1, 2.0), POINT(3, 4.0)],
        lambda lib: [range(3), range(3)],
        lambda lib: [({"a": (1, 2)}, [3])] * 2,
        lambda lib: [np.ones(2), np.zeros(2)],
        lambda lib: [np.float32(1), np.float32(2)],
        lambda lib: [np.float64(1)],
        lambda lib: [np.float16(1)],
        lambda lib: [np.bool_(True)],
        lambda lib: [np.int8(3)],
        lambda lib: [np.array(1.0), np.array(2.0)],
        lambda lib: [lib.tensor(1), lib.tensor(2)],
        lambda lib: [np.array("a")],
        lambda lib: [np.array(["a"])],
        lambda lib: [None],
        lambda lib: [{1, 2}],
        lambda lib: [object()],
        lambda lib: [],
        lambda lib: [(1, 2), (3,)],
        lambda lib: [lib.ones(2), lib.ones(3)],
        lambda lib: [leaf(lib), leaf(lib)],
    ],
)
def test_collate_and_convert(batch):
    assert_same_outcome(lambda lib: plain(lib.utils.data.default_collate(batch(lib))))
    assert_same_outcome(
        lambda lib: [] if "object" in str(batch(lib)) else plain(lib.utils.data.default_convert(batch(lib)))
    )


def dataset_calls():
    def split(lib, n, lengths):
        parts = lib.utils.data.random_split(range(n), lengths, generator=lib.Generator().manual_seed(5))
        return [list(part.indices) for part in parts]

    ten = lambda lib: pairs(lib, 10)  # noqa: E731
    return [
        lambda lib, d: d.TensorDataset(lib.ones(2), lib.ones(3)),
        lambda lib, d: plain([ten(lib)[-1], ten(lib)[2:4], ten(lib)[[1, 2]], len(ten(lib))]),
        lambda lib, d: d.Dataset()[0],
        lambda lib, d: len(d.Dataset()),
        lambda lib, d: d.IterableDataset(),
        lambda lib, d: d.ConcatDataset([]),
        lambda lib, d: d.ConcatDataset([stream(lib, "a")]),
        lambda lib, d: plain([(ten(lib) + ten(lib))[i] for i in (0, 9, 10, 19, -1, -20)]),
        lambda lib, d: (ten(lib) + ten(lib))[20],
        lambda lib, d: (ten(lib) + ten(lib))[-21],
        lambda lib, d: plain([d.Subset(ten(lib), [3, 1])[0], d.Subset(ten(lib), [3, 1])[[0, 1]]]),
        lambda lib, d: plain(d.Subset(ten(lib), [3, 1]).__getitems__([0, 1])),
        lambda lib, d: d.Subset(ten(lib), [3, 1])[5],
        lambda lib, d: plain([d.StackDataset(ten(lib), range(10))[3], d.StackDataset(a=range(3))[1]]),
        lambda lib, d: d.StackDataset(),
        lambda lib, d: d.StackDataset(range(3), range(4)),
        lambda lib, d: d.StackDataset(range(3), a=range(3)),
        lambda lib, d: split(lib, 10, [3, 7]),
        lambda lib, d: split(lib, 10, [0.33, 0.33, 0.34]),
        lambda lib, d: split(lib, 3, [0.1, 0.9]),
        lambda lib, d: split(lib, 1, [0.5, 0.5]),
        lambda lib, d: split(lib, 10, [3, 3]),
        lambda lib, d: split(lib, 10, [0.5, 0.2]),
        lambda lib, d: split(lib, 10, [1.5, -0.5]),
        lambda lib, d: d.RandomSampler([]),
        lambda lib, d: d.RandomSampler(range(3), replacement=3),
        lambda lib, d: d.RandomSampler(range(3), num_samples=-1),
        lambda lib, d: d.RandomSampler(range(3), num_samples=1.5),
        lambda lib, d: d.WeightedRandomSampler([1.0, 2.0], 0),
        lambda lib, d: d.WeightedRandomSampler([1.0, 2.0], True),
        lambda lib, d: d.WeightedRandomSampler([1.0, 2.0], 3, replacement=1),
        lambda lib, d: d.WeightedRandomSampler([[1.0, 2.0]], 3),
        lambda lib, d: list(d.WeightedRandomSampler([1.0, 2.0], 3, False)),
        lambda lib, d: d.BatchSampler(range(3), 0, False),
        lambda lib, d: d.BatchSampler(range(3), 2, 1),
        lambda lib, d: [list(d.BatchSampler(range(5), 2, drop)) for drop in (True, False)],
        lambda lib, d: [len(d.BatchSampler(range(5), 2, drop)) for drop in (True, False)],
        lambda lib, d: (list(d.SequentialSampler("abc")), len(d.SequentialSampler("abc"))),
        lambda lib, d: iter(d.Sampler()),
        lambda lib, d: len(d.Sampler()),
        lambda lib, d: d.get_worker_info(),
        lambda lib, d: plain(next(iter(d.DataLoader(ten(lib), sampler=[12])))),
    ]


@pytest.mark.parametrize("call", dataset_calls())
def test_datasets_and_samplers(call):
    assert_same_outcome(lambda lib: call(lib, lib.utils.data))
