"""Averages and schedules against a real PyTorch; update_bn where PyTorch's is right: one batch."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import minitorch_bn
from minitorch_bn.optim import swa_utils as ours

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torch.optim.swa_utils")

SIDES = ((minitorch_bn, ours), (torch, theirs))


def model_of(module, seed=0):
    """The same model here and there."""
    rng = np.random.default_rng(seed)
    nn = module.nn
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2), nn.BatchNorm1d(2))
    randomise(module, model, rng)
    return model


def randomise(module, model, rng):
    for tensor in (*model.parameters(), *model.buffers()):
        values = rng.integers(0, 9) if tensor.dim() == 0 else rng.standard_normal(tuple(tensor.shape)) ** 2
        tensor.data.copy_(module.tensor(values))


def agree(mine, reference, rtol=1e-5):
    assert list(mine) == list(reference)
    for name, value in mine.items():
        np.testing.assert_allclose(value.numpy(), reference[name].numpy(), rtol=rtol, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", theirs.__all__)
def test_signatures(name):
    first, second = (inspect.signature(getattr(module, name)) for module in (ours, theirs))
    assert [(p.name, p.default) for p in first.parameters.values()] == [
        (p.name, p.default) for p in second.parameters.values()
    ]


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        lambda swa: {},
        lambda swa: {"avg_fn": swa.get_swa_avg_fn()},
        lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.9)},
        lambda swa: {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
        lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
        lambda swa: {"avg_fn": lambda average, new, n: average * 0.5 + new * (n + 1)},
    ],
)
def test_averaged_models(use_buffers, options):
    if use_buffers and "multi_avg_fn" in options(theirs) and options(theirs)["multi_avg_fn"].__name__ == "swa_update":
        pytest.skip("PyTorch 2.13 refuses the plain average of the int64 num_batches_tracked given this way")
    results = []
    for module, swa in SIDES:
        rng = np.random.default_rng(1)
        model = model_of(module)
        average = swa.AveragedModel(model, use_buffers=use_buffers, **options(swa))
        for _ in range(3):
            randomise(module, model, rng)
            average.update_parameters(model)
        results.append((average.state_dict(), repr(average)))
    agree(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


@pytest.mark.parametrize("rule", ["get_swa_multi_avg_fn", "get_ema_multi_avg_fn"])
def test_rules_for_lists(rule):
    results = []
    for module, swa in SIDES:
        averages = [module.tensor([1.0]), module.tensor([[2.0, 7.0]])]
        news = [module.tensor([3.5]), module.tensor([[4.0, -1.0]])]
        assert getattr(swa, rule)()(averages, news, module.tensor(3)) is None
        results.append([a.tolist() for a in averages])
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"swa_lr": 0.05},
        {"swa_lr": 0.05, "anneal_epochs": 4},
        {"swa_lr": 0.2, "anneal_epochs": 3, "anneal_strategy": "linear"},
        {"swa_lr": [0.05, 0.01], "anneal_epochs": 3},
        {"swa_lr": 0.05, "anneal_epochs": 0},
        {"swa_lr": 0.05, "anneal_epochs": 1},
        {"swa_lr": 0.0, "anneal_epochs": 2, "anneal_strategy": "linear"},
    ],
)
@pytest.mark.parametrize("tensor", [False, True])
def test_schedules(options, tensor):
    results = []
    for module, swa in SIDES:
        groups = [
            {"params": [module.zeros(1, requires_grad=True)], "lr": module.tensor(lr) if tensor else lr}
            for lr in (0.1, 0.3)
        ]
        optimizer = module.optim.SGD(groups, lr=0.1)
        scheduler = swa.SWALR(optimizer, **options)
        rates = []
        for _ in range(7):
            rates.append([float(g["lr"]) for g in optimizer.param_groups])
            optimizer.step()
            scheduler.step()
        results.append((rates, sorted(scheduler.state_dict())))
    np.testing.assert_allclose(*(rates for rates, _ in results), rtol=1e-6, atol=1e-9)
    assert results[0][1] == results[1][1]


def test_a_schedule_that_is_resumed():
    results = []
    for module, swa in SIDES:
        optimizer = module.optim.SGD([module.zeros(1, requires_grad=True)], lr=0.1)
        scheduler = swa.SWALR(optimizer, 0.05, anneal_epochs=5)
        for _ in range(2):
            optimizer.step()
            scheduler.step()
        resumed = swa.SWALR(optimizer, 0.05, anneal_epochs=5, last_epoch=scheduler.last_epoch)
        rates = [optimizer.param_groups[0]["lr"]]
        for _ in range(4):
            optimizer.step()
            resumed.step()
            rates.append(optimizer.param_groups[0]["lr"])
        results.append(rates)
    np.testing.assert_allclose(*results, rtol=1e-9)


def test_update_bn_of_one_batch():
    x = np.random.default_rng(3).standard_normal((16, 3)).astype(np.float32)
    results = []
    for module, swa in SIDES:
        model = model_of(module).eval()
        swa.update_bn([(module.tensor(x), None)], model)
        assert not model.training
        results.append(model.state_dict())
    agree(*results)


def test_the_means_of_update_bn_with_batches_of_one_size():
    x = np.random.default_rng(3).standard_normal((16, 3)).astype(np.float32)
    means = []
    for module, swa in SIDES:
        bn = module.nn.BatchNorm1d(3)
        swa.update_bn([module.tensor(x[:8]), module.tensor(x[8:])], bn)
        means.append(bn.running_mean.numpy())
    np.testing.assert_allclose(*means, rtol=1e-5)


@pytest.mark.parametrize(
    "program",
    [
        lambda m, swa: swa.AveragedModel(m.nn.Linear(1, 1), avg_fn=1, multi_avg_fn=2),
        lambda m, swa: swa.get_ema_avg_fn(-1),
        lambda m, swa: swa.get_ema_multi_avg_fn(1.5),
        lambda m, swa: swa.SWALR(optimizer_of(m), 0.1, anneal_strategy="x"),
        lambda m, swa: swa.SWALR(optimizer_of(m), 0.1, anneal_epochs=1.5),
        lambda m, swa: swa.SWALR(optimizer_of(m), 0.1, anneal_epochs=-1),
        lambda m, swa: swa.SWALR(optimizer_of(m), (0.1, 0.2)),
        lambda m, swa: swa.SWALR(3, 0.1),
        lambda m, swa: swa.update_bn(3, m.nn.BatchNorm1d(2)),
        lambda m, swa: swa.update_bn([m.zeros(1, 2)], m.nn.BatchNorm1d(2)),
    ],
)
def test_errors(program):
    seen = []
    for module, swa in SIDES:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the two are compared
            program(module, swa)
        seen.append((type(caught.value), str(caught.value).split("\n")[0]))
    assert seen[0] == seen[1]


def optimizer_of(module):
    return module.optim.SGD([module.zeros(1, requires_grad=True)], lr=0.1)
