"""Schedules against closed formulas; resuming; the order of steps."""

from __future__ import annotations

import copy
import math
import pickle

import pytest

import minitorch_bn as torch
from minitorch_bn.optim import lr_scheduler as schedules


def make(lr=1.0, **options):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, **options)


def rates(scheduler, optimizer, epochs):
    """The rate of each epoch from the present one on."""
    result = []
    for _ in range(epochs):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return result


FORMULAS = {
    "StepLR": (lambda o: schedules.StepLR(o, 3, 0.5), lambda t: 0.5 ** (t // 3)),
    "MultiStepLR": (
        lambda o: schedules.MultiStepLR(o, [2, 5, 5], 0.5),
        lambda t: 0.5 ** sum(t >= milestone for milestone in (2, 5, 5)),
    ),
    "ConstantLR": (lambda o: schedules.ConstantLR(o, 0.5, 4), lambda t: 0.5 if t < 4 else 1.0),
    "LinearLR": (lambda o: schedules.LinearLR(o, 0.2, 0.8, 6), lambda t: 0.2 + 0.6 * min(t, 6) / 6),
    "ExponentialLR": (lambda o: schedules.ExponentialLR(o, 0.9), lambda t: 0.9**t),
    "PolynomialLR": (lambda o: schedules.PolynomialLR(o, 8, 2.0), lambda t: (1 - min(t, 8) / 8) ** 2),
    "LambdaLR": (lambda o: schedules.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 1 / (1 + t)),
    "MultiplicativeLR": (lambda o: schedules.MultiplicativeLR(o, lambda t: 1 / t), lambda t: 1 / math.factorial(t)),
    "CosineAnnealingLR": (
        lambda o: schedules.CosineAnnealingLR(o, 5, 0.1),
        lambda t: 0.1 + 0.9 * (1 + math.cos(math.pi * t / 5)) / 2,
    ),
    "CosineAnnealingWarmRestarts": (
        lambda o: schedules.CosineAnnealingWarmRestarts(o, 4, 1, 0.1),
        lambda t: 0.1 + 0.9 * (1 + math.cos(math.pi * (t % 4) / 4)) / 2,
    ),
    "CyclicLR": (
        lambda o: schedules.CyclicLR(o, 1.0, 3.0, 4, cycle_momentum=False),
        lambda t: 1 + 2 * (1 - abs(t % 8 - 4) / 4),
    ),
    "OneCycleLR": (
        lambda o: schedules.OneCycleLR(
            o,
            5.0,
            11,
            pct_start=5 / 11,
            anneal_strategy="linear",
            cycle_momentum=False,
            div_factor=5.0,
            final_div_factor=1.0,
        ),
        lambda t: 1 + 4 * (t / 4 if t <= 4 else 1 - (t - 4) / 6),
    ),
    "SequentialLR": (
        lambda o: schedules.SequentialLR(o, [schedules.ConstantLR(o, 0.25, 10), schedules.ExponentialLR(o, 0.5)], [3]),
        lambda t: 0.25 if t < 3 else 0.5 ** (t - 3),
    ),
    "ChainedScheduler": (
        lambda o: schedules.ChainedScheduler([schedules.ConstantLR(o, 0.25, 3), schedules.ExponentialLR(o, 0.5)]),
        lambda t: (0.25 if t < 3 else 1.0) * 0.5**t,
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    build, formula = FORMULAS[name]
    optimizer = make()
    found = rates(build(optimizer), optimizer, 11)
    assert found == pytest.approx([formula(t) for t in range(11)], rel=1e-12, abs=1e-15)


CASES = [(name, how) for name in FORMULAS for how in ("state_dict", "pickle")]
UNPICKLABLE = [("LambdaLR", "pickle"), ("MultiplicativeLR", "pickle")]  # the functions here are lambdas


@pytest.mark.parametrize("name, how", [case for case in CASES if case not in UNPICKLABLE])
def test_resuming_equals_never_stopping(name, how):
    build, _ = FORMULAS[name]
    optimizer = make()
    scheduler = build(optimizer)
    rates(scheduler, optimizer, 4)
    if how == "state_dict":
        resumed = make()
        scheduler2 = build(resumed)
        resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        scheduler2.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    else:
        scheduler2 = pickle.loads(pickle.dumps(scheduler))
        resumed = scheduler2.optimizer
    assert rates(scheduler2, resumed, 5) == rates(scheduler, optimizer, 5)


@pytest.mark.parametrize("name", FORMULAS)
def test_last_rate_is_the_one_in_the_group(name):
    optimizer = make()
    scheduler = FORMULAS[name][0](optimizer)
    for _ in range(5):
        assert scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]]
        optimizer.step()
        scheduler.step()


def test_momentum_cycles_against_the_rate():
    optimizer = make(momentum=0.5)
    scheduler = schedules.OneCycleLR(optimizer, 1.0, 10, base_momentum=0.8, max_momentum=0.9)
    momenta = [optimizer.param_groups[0]["momentum"]]
    for _ in range(9):
        optimizer.step()
        scheduler.step()
        momenta.append(optimizer.param_groups[0]["momentum"])
    assert momenta[0] == 0.9
    assert min(momenta) == momenta[2] == 0.8
    assert momenta[-1] == pytest.approx(0.9)


def test_plateau_waits_reduces_and_cools_down():
    optimizer = make()
    scheduler = schedules.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=2, min_lr=0.2)
    seen = []
    for _ in range(14):
        scheduler.step(1.0)
        seen.append(optimizer.param_groups[0]["lr"])
    # best at epoch 0, bad at 1 and 2, cool at 3 and 4, bad at 5 and 6, ...
    assert seen == [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]


@pytest.mark.parametrize("mode, values", [("min", [3.0, 2.0, 1.0]), ("max", [1.0, 2.0, 3.0])])
def test_plateau_is_content_with_progress(mode, values):
    optimizer = make()
    scheduler = schedules.ReduceLROnPlateau(optimizer, mode, patience=0)
    for value in values:
        scheduler.step(value)
    assert scheduler.get_last_lr() == [1.0]
    scheduler.step(float("nan"))
    assert scheduler.get_last_lr() == [0.1]


def test_a_rate_that_is_a_tensor_changes_in_place():
    rate = torch.tensor(1.0)
    optimizer = make(lr=rate)
    scheduler = schedules.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert rate.item() == 0.5
    assert optimizer.param_groups[0]["initial_lr"].item() == 1.0
    (last,) = scheduler.get_last_lr()
    optimizer.step()
    scheduler.step()
    assert last.item() == 0.5  # what was reported stays


def test_callable_objects_keep_their_attributes_in_checkpoints():
    class Slope:
        def __init__(self, slope):
            self.slope = slope

        def __call__(self, epoch):
            return 1 - self.slope * epoch

    state = schedules.LambdaLR(make(), Slope(0.1)).state_dict()
    assert state["lr_lambdas"] == [{"slope": 0.1}]
    restored = schedules.LambdaLR(make(), Slope(0.7))
    restored.load_state_dict(state)
    assert restored.lr_lambdas[0].slope == 0.1


def test_scheduler_before_optimizer_is_warned_of_once():
    optimizer = make()
    scheduler = schedules.StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()
    scheduler.step()


def test_asking_for_the_next_rate_is_warned_of():
    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        schedules.ExponentialLR(make(), 0.5).get_lr()


@pytest.mark.parametrize(
    "call",
    [
        lambda o: schedules.ConstantLR(o, factor=2.0),
        lambda o: schedules.LinearLR(o, start_factor=0.0),
        lambda o: schedules.CyclicLR(o, [0.1, 0.2], 1.0),
        lambda o: schedules.CyclicLR(o, 0.1, 1.0, base_momentum=[0.8, 0.9]),
        lambda o: schedules.OneCycleLR(o, 1.0),
        lambda o: schedules.OneCycleLR(o, [1.0, 2.0], 10),
        lambda o: schedules.OneCycleLR(o, 1.0, 10, base_momentum=[0.8, 0.9]),
        lambda o: schedules.LambdaLR(o, []),
        lambda o: schedules.CosineAnnealingWarmRestarts(o, 0),
        lambda o: schedules.SequentialLR(o, [], []),
        lambda o: schedules.ReduceLROnPlateau(o, factor=2.0),
        lambda o: schedules.StepLR(o, 3, last_epoch=5),
    ],
)
def test_bad_arguments_leave_the_optimizer_alone(call):
    optimizer = make()
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises((ValueError, KeyError)):
        call(optimizer)
    assert optimizer.state_dict() == before
