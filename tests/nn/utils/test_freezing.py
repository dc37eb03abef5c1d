"""Freezing holds against train(), copies and pickles; and what is unfrozen is exactly as before."""

from __future__ import annotations

import copy
import io
import pickle
import threading

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.autograd import gradcheck, gradgradcheck
from minitorch_bn.nn.modules import _running_stats
from minitorch_bn.nn.utils import freeze, freeze_stats, unfreeze


def small_model():
    return nn.Sequential(
        nn.Linear(4, 3),
        nn.BatchNorm1d(3),
        nn.Sequential(nn.ReLU(), nn.BatchNorm1d(3, affine=False), nn.BatchNorm1d(3, track_running_stats=False)),
        nn.Linear(3, 2),
    )


def warm(model, steps=3):
    for _ in range(steps):
        model(torch.randn(8, 4))
    return model


def numbers(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def unchanged(model, before):
    return all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# -- freeze ------------------------------------------------------------------------------------------------------------


def test_a_frozen_model_in_training_computes_as_in_evaluation_and_moves_nothing():
    model = warm(small_model())
    model[2][2].track_running_stats = True  # without buffers it normalises by the batch in either mode
    x = torch.randn(5, 4)
    expected = copy.deepcopy(model).eval()(x)
    freeze(model).train()
    before = numbers(model)
    y = model(x)
    assert torch.equal(y, expected.detach())
    assert not y.requires_grad
    assert model.training
    assert model[1].training
    assert unchanged(model, before)


def test_no_optimizer_moves_a_frozen_parameter():
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(2):
        model(torch.randn(8, 4)).sum().backward()
        optimizer.step()
    freeze(model[1])
    before = numbers(model[1])
    (model(torch.randn(8, 4)) * torch.randn(8, 2)).sum().backward()
    optimizer.step()
    assert unchanged(model[1], before)
    assert model[0].weight.grad is not None


@pytest.mark.parametrize("shape", [(3, 2), (2, 2, 3)])
def test_gradients_flow_through_a_frozen_layer(shape, rng):
    bn = nn.BatchNorm1d(2, dtype=torch.float64)
    bn(torch.tensor(rng.standard_normal((8, 2)) * 3 + 1))
    freeze(bn).train()
    x = torch.tensor(rng.standard_normal(shape), requires_grad=True)
    assert gradcheck(bn, (x,))
    assert gradgradcheck(bn, (x,))
    assert bn(torch.ones(1, 2, dtype=torch.float64)).shape == (1, 2)  # one value per channel is enough now


def test_unfreeze_restores_exactly_what_was():
    model = small_model()
    model[0].bias.requires_grad_(False)
    before = [p.requires_grad for p in model.parameters()]
    keys = set(vars(model[1]))
    assert freeze(freeze(model)) is model
    assert not any(p.requires_grad for p in model.parameters())
    assert unfreeze(model) is model
    assert [p.requires_grad for p in model.parameters()] == before
    assert set(vars(model[1])) == keys
    model(torch.randn(8, 4))
    assert model[1].num_batches_tracked.item() == 1
    unfreeze(model)
    assert [p.requires_grad for p in model.parameters()] == before


def test_parts_freeze_and_unfreeze_by_themselves():
    model = freeze(small_model())
    unfreeze(model[3])
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["3.weight", "3.bias"]
    freeze(model)
    unfreeze(model)
    assert all(p.requires_grad for p in model.parameters())


def test_a_shared_parameter_comes_back():
    model = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    model[1].weight = model[0].weight
    freeze(model[0])
    freeze(model)
    assert unfreeze(model)[1].weight.requires_grad


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), copy.copy])
def test_copies_of_a_frozen_model_are_frozen_and_can_be_unfrozen(travel):
    model = warm(small_model())
    model[1].weight.requires_grad_(False)
    twin = travel(freeze(model)).train()
    before = numbers(twin)
    twin(torch.randn(8, 4))
    assert unchanged(twin, before)
    unfreeze(twin)
    assert [name for name, p in twin.named_parameters() if not p.requires_grad] == ["1.weight"]
    twin(torch.randn(8, 4))
    assert twin[1].num_batches_tracked.item() == 4


def test_state_dicts_are_as_ever():
    model, other = warm(small_model()), small_model()
    keys = list(model.state_dict())
    freeze(model)
    assert list(model.state_dict()) == keys
    other.load_state_dict(model.state_dict())
    assert unchanged(other, model.state_dict())
    assert all(p.requires_grad for p in other.parameters())
    fresh = freeze(small_model())
    fresh.load_state_dict(other.state_dict())
    assert unchanged(fresh, other.state_dict())
    assert not any(p.requires_grad for p in fresh.parameters())
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    assert list(torch.load(file)) == keys


def test_instance_norm_freezes_and_stands_still():
    norm = nn.InstanceNorm1d(3, track_running_stats=True)
    x = torch.randn(2, 3, 5) + 4
    with freeze_stats(norm):
        norm(x)
    freeze(norm)
    np.testing.assert_allclose(norm(x).numpy(), x.numpy(), rtol=1e-4)
    assert norm.running_mean.tolist() == [0.0, 0.0, 0.0]
    unfreeze(norm)(x)
    assert norm.running_mean.tolist() != [0.0, 0.0, 0.0]
    stateless = freeze(nn.InstanceNorm1d(3))
    assert abs(stateless(x).mean().item()) < 1e-5


def test_layers_that_are_not_built_yet():
    model = freeze(nn.Sequential(nn.LazyBatchNorm1d()))
    x = torch.randn(8, 3) + 4
    assert torch.allclose(model(x), x, rtol=1e-4)
    assert model[0].num_batches_tracked.item() == 0
    assert not any(p.requires_grad for p in model.parameters())
    assert all(p.requires_grad for p in unfreeze(model).parameters())


def test_only_modules():
    for function in (freeze, unfreeze, freeze_stats):
        with pytest.raises(TypeError, match=r"takes an nn\.Module, not int"):
            function(3)


# -- freeze_stats ------------------------------------------------------------------------------------------------------


def test_statistics_stand_still_and_everything_else_goes_on():
    model = warm(small_model())
    free = copy.deepcopy(model)
    before = numbers(model)
    x = torch.randn(8, 4)
    with freeze_stats(model) as inside:
        assert inside is model
        y = model(x)
    assert torch.equal(y, free(x))  # by the batch's own statistics
    assert unchanged(model, before)
    y.sum().backward()
    assert model[1].weight.grad is not None
    model(x)
    assert unchanged(model, free.state_dict())
    assert not _running_stats._receivers


def test_an_exception_ends_it_too():
    model = small_model()
    with pytest.raises(RuntimeError, match="mat1 and mat2"), freeze_stats(model):
        model(torch.randn(8, 5))
    warm(model, 1)
    assert model[1].num_batches_tracked.item() == 1


def test_contexts_nest_and_one_object_is_entered_again():
    model = small_model()
    context = freeze_stats(model)
    with context, context, freeze_stats(model[1]):
        warm(model)
    assert model[1].num_batches_tracked.item() == 0
    with context:
        with freeze_stats(model):
            pass
        warm(model)
        assert model[1].num_batches_tracked.item() == 0
    warm(model)
    assert model[1].num_batches_tracked.item() == 3


def test_contexts_that_end_in_another_order():
    model = small_model()
    first, second = freeze_stats(model), freeze_stats(model)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    warm(model)
    assert model[1].num_batches_tracked.item() == 0
    second.__exit__(None, None, None)
    warm(model)
    assert model[1].num_batches_tracked.item() == 3


def test_a_copy_made_inside_is_free():
    model = small_model()
    with freeze_stats(model):
        twin, loaded = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
        assert warm(twin)[1].num_batches_tracked.item() == 3
        assert warm(loaded)[1].num_batches_tracked.item() == 3


def test_evaluation_cumulative_average_and_virtual_batches():
    bn = nn.BatchNorm1d(4, momentum=None, virtual_batch_size=4)
    with freeze_stats(bn):
        bn(torch.randn(8, 4))
        bn.eval()(torch.randn(8, 4))
    bn.train()(torch.randn(8, 4))
    assert bn.num_batches_tracked.item() == 2


def test_wrong_input_is_refused_inside_as_outside():
    with freeze_stats(nn.BatchNorm1d(3, affine=False)) as bn, pytest.raises(RuntimeError, match="should contain"):
        bn(torch.randn(4, 5))


def test_threads_that_enter_and_leave_at_random():
    model = small_model()
    failures = []

    def work(seed):
        pause = np.random.default_rng(seed)
        for _ in range(100):
            with freeze_stats(model):
                before = model[1].num_batches_tracked.item()
                model(torch.randn(4, 4))
                if pause.random() < 0.1:
                    threading.Event().wait(0.0002)
                if model[1].num_batches_tracked.item() != before:
                    failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert not _running_stats._receivers
    assert warm(model)[1].num_batches_tracked.item() == 3
