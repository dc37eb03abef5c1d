"""update_bn is exact and leaves no trace when it fails; AveragedModel and SWALR against their formulas."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.nn.utils import freeze, freeze_stats
from minitorch_bn.optim.swa_utils import (
    SWALR,
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(model, before):
    return all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# -- update_bn ---------------------------------------------------------------------------------------------------------


def test_the_batches_whose_pytorch_result_is_wrong():
    bn = nn.BatchNorm1d(1, dtype=torch.float64)
    values = [0.0, 1.0, 2.0, 3.0, 100.0, 102.0]
    loader = [torch.tensor(part, dtype=torch.float64).unsqueeze(1) for part in (values[:4], values[4:])]
    update_bn(loader, bn)
    # PyTorch 2.13.0 gives 51.25 and 1.83
    np.testing.assert_allclose(bn.running_mean.numpy(), [np.mean(values)], rtol=1e-14)
    np.testing.assert_allclose(bn.running_var.numpy(), [np.var(values, ddof=1)], rtol=1e-14)
    assert bn.num_batches_tracked.item() == 2


@given(
    sizes=st.lists(st.integers(2, 7), min_size=1, max_size=6),
    shape=st.sampled_from([(), (3,), (2, 2)]),
    offset=st.sampled_from([0.0, 1e3, 1e6]),
    momentum=st.sampled_from([0.1, None, 0.0]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 2**32 - 1),
)
def test_pooled_statistics_are_those_of_all_samples(sizes, shape, offset, momentum, dtype, seed):
    kind = nn.BatchNorm2d if len(shape) == 2 else nn.BatchNorm1d
    bn = kind(3, momentum=momentum, dtype=dtype)
    bn.running_mean.fill_(-7)
    rng = np.random.default_rng(seed)
    batches = [
        torch.tensor(rng.standard_normal((n, 3, *shape)) * 2 + offset + rng.standard_normal() * 5, dtype=dtype)
        for n in sizes
    ]
    update_bn(batches, bn)
    values = np.concatenate([np.moveaxis(b.numpy().astype(np.float64), 1, 0).reshape(3, -1) for b in batches], 1)
    rtol = 1e-7 if dtype == torch.float32 else 1e-10
    np.testing.assert_allclose(bn.running_mean.numpy(), values.mean(1), rtol=rtol, atol=1e-7)
    np.testing.assert_allclose(bn.running_var.numpy(), values.var(1, ddof=1), rtol=10 * rtol)
    assert bn.num_batches_tracked.item() == len(sizes)
    assert bn.momentum == momentum


def test_inputs_come_as_tensors_lists_and_tuples(rng):
    x = torch.tensor(rng.standard_normal((6, 2)), dtype=torch.float32)
    results = []
    for loader in ([x], [[x, 1]], [(x, "label")], (b for b in [x]), torch.utils.data.DataLoader(x, batch_size=6)):
        bn = nn.BatchNorm1d(2)
        update_bn(loader, bn, device="cpu")
        results.append(bn.running_var.tolist())
    assert all(result == results[0] for result in results)


def deep_model():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.ReLU(), nn.BatchNorm1d(4))


@pytest.mark.parametrize("training", [True, False])
def test_modes_are_as_before_and_nothing_is_recorded(training):
    model = deep_model().train(training)
    model[2].train(not training)
    modes = [m.training for m in model.modules()]
    seen = []
    model[1].register_forward_hook(lambda layer, args, out: seen.append((layer.training, out.requires_grad)))
    update_bn([torch.randn(8, 3)], model)
    assert [m.training for m in model.modules()] == modes
    assert seen == [(True, False)]
    assert model[1].num_batches_tracked.item() == model[4].num_batches_tracked.item() == 1


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("where", ["loader", "model"])
def test_a_failure_leaves_everything_as_it_was(training, where):
    model = deep_model()
    model(torch.randn(8, 3))
    model.train(training)
    before, modes = state(model), [m.training for m in model.modules()]

    def loader():
        yield torch.randn(8, 3)
        if where == "loader":
            raise OSError("the disk is gone")
        yield torch.randn(8, 9)

    with pytest.raises(OSError if where == "loader" else RuntimeError):
        update_bn(loader(), model)
    assert same(model, before)
    assert [m.training for m in model.modules()] == modes
    assert all(m.momentum == 0.1 for m in model if isinstance(m, nn.BatchNorm1d))
    model.train()(torch.randn(8, 3))
    assert model[1].num_batches_tracked.item() == 2


def test_an_empty_loader_is_refused():
    model = deep_model()
    model(torch.randn(8, 3))
    before = state(model)
    with pytest.raises(ValueError, match="at least one batch"):
        update_bn([], model)
    assert same(model, before)
    assert update_bn([], nn.Linear(2, 2)) is None  # nothing to estimate, nothing read: as in PyTorch


def test_layers_that_are_not_to_move_do_not():
    model = nn.Sequential(*(nn.BatchNorm1d(3) for _ in range(5)), nn.FrozenBatchNorm1d(3)).train()
    model[0].eval()
    freeze(model[1])
    model[2].track_running_stats = False
    unused = nn.BatchNorm1d(3)
    model[3].never_called = unused
    x = torch.randn(8, 3) + 5
    with freeze_stats(model[3]):
        update_bn([x], model)
    for still in (model[0], model[1], model[2], model[3], unused):
        assert still.running_mean.tolist() == [0.0, 0.0, 0.0]
        assert still.running_var.tolist() == [1.0, 1.0, 1.0]
        assert still.num_batches_tracked.item() == 0
    assert model[4].num_batches_tracked.item() == 1
    assert not model[0].training


def test_a_train_method_that_keeps_its_norms_in_evaluation_is_respected():
    class Pretrained(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)
            self[0].eval()
            return self

    model = Pretrained(nn.BatchNorm1d(2), nn.BatchNorm1d(2)).eval()
    update_bn([torch.randn(4, 2) + 3], model)
    assert model[0].num_batches_tracked.item() == 0
    assert model[1].num_batches_tracked.item() == 1


def test_a_shared_layer_pools_every_call():
    class Siamese(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(1, dtype=torch.float64)

        def forward(self, x):
            return self.norm(x) + self.norm(x + 10)

    model = Siamese()
    x = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
    update_bn([x], model)
    np.testing.assert_allclose(model.norm.running_var.numpy(), [np.var([0, 1, 2, 10, 11, 12], ddof=1)])
    assert model.norm.num_batches_tracked.item() == 2


def test_masks_and_virtual_batches_count_what_takes_part(rng):
    x = rng.standard_normal((8, 2)) * 3

    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(2, dtype=torch.float64, virtual_batch_size=4)

        def forward(self, x):
            return self.norm(x, mask=torch.tensor([[True, True], [True, False]] * 4))

    model = Masked()
    update_bn([torch.tensor(x)], model)
    expected = [x[:, 0].var(ddof=1), x[::2, 1].var(ddof=1)]
    np.testing.assert_allclose(model.norm.running_var.numpy(), expected, rtol=1e-12)


def test_empty_batches_and_poison_are_left_out():
    bn = nn.BatchNorm1d(1)
    good = torch.tensor([[1.0], [3.0]])
    with pytest.warns(RuntimeWarning, match="not finite"):
        update_bn([good, torch.empty(0, 1), torch.tensor([[float("nan")], [1.0]])], bn)
    assert (bn.running_mean.item(), bn.running_var.item(), bn.num_batches_tracked.item()) == (2.0, 2.0, 1)
    bn = nn.BatchNorm1d(1).half()
    with pytest.warns(RuntimeWarning, match="not finite"):
        update_bn([torch.tensor([[6e4], [-6e4]]).half()], bn)  # the variance is beyond float16
    assert (bn.running_mean.item(), bn.running_var.item(), bn.num_batches_tracked.item()) == (0.0, 1.0, 0)


def test_renormalised_layers_are_estimated_as_well():
    renorm = nn.BatchRenorm1d(1)
    update_bn([torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]])], renorm)
    np.testing.assert_allclose([renorm.running_mean.item(), renorm.running_var.item()], [3.0, 20 / 3], rtol=1e-6)


# -- averages ----------------------------------------------------------------------------------------------------------


def filled(model, value):
    for p in model.parameters():
        p.data.fill_(value)
    for b in model.buffers():
        b.fill_(int(value))
    return model


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("options", [{}, {"avg_fn": get_swa_avg_fn()}, {"multi_avg_fn": get_swa_multi_avg_fn()}])
def test_the_plain_average(use_buffers, options):
    model = deep_model()
    average = AveragedModel(model, use_buffers=use_buffers, **options)
    for value in (1.0, 2.0, 6.0):
        average.update_parameters(filled(model, value))
    assert average.n_averaged.item() == 3
    assert all((p == 3).all() for p in average.module.parameters())
    assert average.module[1].running_mean.tolist() == [3.0 if use_buffers else 6.0] * 4
    assert all(p.requires_grad for p in average.parameters())
    assert all((p == 6).all() for p in model.parameters())


@pytest.mark.parametrize("options", [{"avg_fn": get_ema_avg_fn(0.75)}, {"multi_avg_fn": get_ema_multi_avg_fn(0.75)}])
def test_the_moving_average(options):
    model = nn.Linear(2, 2)
    average = AveragedModel(model, **options)
    expected = 4.0
    average.update_parameters(filled(model, 4.0))
    for value in (8.0, -3.0):
        average.update_parameters(filled(model, value))
        expected = 0.75 * expected + 0.25 * value
    assert average.module.weight[0, 0].item() == expected


def test_the_averaged_model_is_a_module():
    model = deep_model()
    average = AveragedModel(model).eval()
    x = torch.randn(4, 3)
    assert torch.equal(average(x), copy.deepcopy(model).eval()(x))
    keys = list(average.state_dict())
    assert keys == ["n_averaged", *(f"module.{key}" for key in model.state_dict())]
    average.update_parameters(model)
    fresh = AveragedModel(deep_model())
    fresh.load_state_dict(average.state_dict())
    assert same(fresh, average.state_dict())
    update_bn([torch.randn(8, 3)], average)
    assert average.module[1].num_batches_tracked.item() == 1
    assert not average.training


def test_errors_of_the_averages():
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn should be provided"):
        AveragedModel(nn.Linear(1, 1), avg_fn=get_swa_avg_fn(), multi_avg_fn=get_swa_multi_avg_fn())
    for rule in (get_ema_avg_fn, get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match=r"Invalid decay value 1\.5 provided"):
            rule(1.5)
    average = AveragedModel(nn.Linear(2, 2))
    before = state(average)
    for other in (nn.Linear(2, 3), nn.Linear(2, 2, bias=False)):
        with pytest.raises(ValueError, match="but the model"):
            average.update_parameters(other)
    assert same(average, before)


# -- SWALR -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_the_rate_follows_the_formula(strategy):
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": 0.1}, {"params": [torch.zeros(1)], "lr": 0.3}])
    scheduler = SWALR(optimizer, [0.05, 0.2], anneal_epochs=4, anneal_strategy=strategy)
    for t in range(7):
        a = min(t / 4, 1)
        a = a if strategy == "linear" else (1 - math.cos(math.pi * a)) / 2
        expected = [0.1 + a * (0.05 - 0.1), 0.3 + a * (0.2 - 0.3)]
        np.testing.assert_allclose([g["lr"] for g in optimizer.param_groups], expected, rtol=1e-12)
        optimizer.step()
        scheduler.step()


def test_errors_of_the_schedule():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    for options, text in (
        ({"swa_lr": [0.1, 0.2]}, "swa_lr has 2 values, param_groups has 1"),
        ({"swa_lr": 0.1, "anneal_strategy": "x"}, "anneal_strategy must be one of 'cos' or 'linear', instead got x"),
        ({"swa_lr": 0.1, "anneal_epochs": -1}, "anneal_epochs must be equal or greater than 0, got -1"),
    ):
        with pytest.raises(ValueError, match=text):
            SWALR(optimizer, **options)
    assert "swa_lr" not in optimizer.param_groups[0]
