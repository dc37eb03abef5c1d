"""Optimizers against the update rules of their papers, written out in float64; checkpoints, groups, hooks, memory."""

from __future__ import annotations

import copy
import math
import pickle
import tracemalloc

import numpy as np
import pytest

import minitorch_bn as torch

OPTIMIZERS = {
    "SGD": {"lr": 0.1},
    "SGD-momentum": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "Adam": {"lr": 0.1, "weight_decay": 0.01},
    "Adam-amsgrad": {"lr": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.1},
    "RMSprop": {"lr": 0.1},
    "RMSprop-centered": {"lr": 0.01, "centered": True, "momentum": 0.9},
    "Adagrad": {"lr": 0.1, "lr_decay": 0.1},
    "Adadelta": {"lr": 10.0},
}


def build(name, params):
    return getattr(torch.optim, name.split("-")[0])(params, **OPTIMIZERS[name])


def descend(optimizer, params, rng, steps):
    """Steps along random gradients; returns the parameters reached."""
    for _ in range(steps):
        for p in params:
            p.grad = torch.tensor(rng.normal(size=p.shape)).to(p.dtype)
        optimizer.step()
    return [p.detach().numpy().copy() for p in params]


def leaves(rng, *shapes, dtype=torch.float64):
    return [torch.tensor(rng.normal(size=shape), dtype=dtype, requires_grad=True) for shape in shapes]


# -- the rules, for one number, as the papers have them ----------------------------------------------------------------


def sgd_rule(x, gradients, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    v = None
    for g in gradients:
        g = g + weight_decay * x
        v = g if v is None else momentum * v + (1 - dampening) * g
        x = x - lr * (g + momentum * v if nesterov else v)
    return x


def adam_rule(x, gradients, lr, beta1=0.9, beta2=0.999, eps=1e-8, l2=0.0, decoupled=0.0, amsgrad=False):
    m = v = largest = 0.0
    for t, g in enumerate(gradients, 1):
        x = x - lr * decoupled * x
        g = g + l2 * x
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = max(largest, v) if amsgrad else v
        x = x - lr * (m / (1 - beta1**t)) / (math.sqrt(largest / (1 - beta2**t)) + eps)
    return x


def rmsprop_rule(x, gradients, lr, alpha=0.99, eps=1e-8, momentum=0.0, centered=False):
    v = mean = b = 0.0
    for g in gradients:
        v = alpha * v + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        root = math.sqrt(v - mean**2 if centered else v) + eps
        b = momentum * b + g / root
        x = x - lr * b
    return x


def adagrad_rule(x, gradients, lr, lr_decay=0.0, start=0.0, eps=1e-10):
    s = start
    for t, g in enumerate(gradients, 1):
        s += g**2
        x = x - lr / (1 + (t - 1) * lr_decay) * g / (math.sqrt(s) + eps)
    return x


def adadelta_rule(x, gradients, lr, rho=0.9, eps=1e-6):
    v = u = 0.0
    for g in gradients:
        v = rho * v + (1 - rho) * g**2
        d = math.sqrt(u + eps) / math.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d**2
        x = x - lr * d
    return x


@pytest.mark.parametrize(
    "name, options, rule, rule_options",
    [
        ("SGD", {}, sgd_rule, {}),
        ("SGD", {"momentum": 0.9, "dampening": 0.2}, sgd_rule, {"momentum": 0.9, "dampening": 0.2}),
        ("SGD", {"momentum": 0.9, "nesterov": True}, sgd_rule, {"momentum": 0.9, "nesterov": True}),
        ("SGD", {"weight_decay": 0.1}, sgd_rule, {"weight_decay": 0.1}),
        ("Adam", {}, adam_rule, {}),
        ("Adam", {"betas": (0.5, 0.6), "eps": 0.1}, adam_rule, {"beta1": 0.5, "beta2": 0.6, "eps": 0.1}),
        ("Adam", {"weight_decay": 0.1}, adam_rule, {"l2": 0.1}),
        ("Adam", {"amsgrad": True, "betas": (0.9, 0.5)}, adam_rule, {"amsgrad": True, "beta2": 0.5}),
        ("AdamW", {}, adam_rule, {"decoupled": 0.01}),
        ("AdamW", {"weight_decay": 0.3}, adam_rule, {"decoupled": 0.3}),
        ("RMSprop", {}, rmsprop_rule, {}),
        ("RMSprop", {"alpha": 0.9, "momentum": 0.5}, rmsprop_rule, {"alpha": 0.9, "momentum": 0.5}),
        ("RMSprop", {"centered": True, "eps": 0.01}, rmsprop_rule, {"centered": True, "eps": 0.01}),
        ("Adagrad", {}, adagrad_rule, {}),
        ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.5}, adagrad_rule, {"lr_decay": 0.1, "start": 0.5}),
        ("Adadelta", {}, adadelta_rule, {}),
        ("Adadelta", {"rho": 0.5, "eps": 1e-3}, adadelta_rule, {"rho": 0.5, "eps": 1e-3}),
    ],
    ids=str,
)
@pytest.mark.parametrize("maximize", [False, True])
def test_steps_follow_the_paper(rng, name, options, rule, rule_options, maximize):
    start, gradients = rng.normal(size=4), rng.normal(size=(30, 4))
    p = torch.tensor(start, requires_grad=True)
    optimizer = getattr(torch.optim, name)([p], lr=0.05, maximize=maximize, **options)
    for g in gradients:
        p.grad = torch.tensor(-g if maximize else g)
        optimizer.step()
    expected = [rule(x, gradients[:, i], 0.05, **rule_options) for i, x in enumerate(start)]
    np.testing.assert_allclose(p.detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_finds_the_minimum_of_a_parabola(name):
    p = torch.tensor([3.0, -2.0], requires_grad=True)
    optimizer = build(name, [p])
    optimizer.param_groups[0].update(weight_decay=0, lr_decay=0)
    for _ in range(600):
        loss = optimizer.step(lambda: closure(p, optimizer))
    assert loss.item() < 0.05


def closure(p, optimizer):
    optimizer.zero_grad()
    loss = ((p - 1) ** 2).sum()
    loss.backward()
    return loss


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("layout", ["transposed", "strided", "zero-dim", "many rows", "one row", "empty"])
def test_memory_layout_and_size_do_not_matter(name, layout):
    arrays = {
        "transposed": lambda a: a.reshape(300, 200).T,
        "strided": lambda a: a[::3],
        "zero-dim": lambda a: a[:1].reshape(()),
        "many rows": lambda a: a.reshape(-1, 1),
        "one row": lambda a: a.reshape(1, -1),
        "empty": lambda a: a[:0],
    }
    reached = []
    for copied in (False, True):
        rng = np.random.default_rng(1)
        data, grad = (arrays[layout](rng.normal(size=60_000)) for _ in range(2))
        p = torch.from_numpy(data.copy() if copied else data).requires_grad_()
        optimizer = build(name, [p])
        for _ in range(3):
            p.grad = torch.from_numpy(grad.copy() if copied else grad)
            optimizer.step()
        reached.append(p.detach().numpy())
        if not copied:
            assert np.shares_memory(p.detach().numpy(), data) or not data.size
    np.testing.assert_array_equal(*reached)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_large_parameters_are_updated_without_temporaries_of_their_size(rng, name):
    p = torch.zeros(1000, 1000, requires_grad=True)
    p.grad = torch.ones(1000, 1000)
    optimizer = build(name, [p])
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < p.nbytes / 5


def test_step_counts_as_a_change_and_leaves_gradients_alone(rng):
    for name in OPTIMIZERS:
        (p,) = leaves(rng, (3,))
        optimizer = build(name, [p])
        p.grad = torch.ones(3, dtype=torch.float64)
        saved, version = p * p, p._version
        optimizer.step()
        assert p._version == version + 1
        assert p.grad.tolist() == [1, 1, 1]
        assert p.is_leaf
        assert p.requires_grad
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            saved.sum().backward()


def test_parameters_without_gradient_stay(rng):
    a, b = leaves(rng, (2,), (2,))
    before = b.detach().clone()
    optimizer = torch.optim.Adam([a, b])
    a.grad = torch.ones(2, dtype=torch.float64)
    optimizer.step()
    assert torch.equal(b.detach(), before)
    assert b not in optimizer.state


# -- checkpoints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["state_dict", "deepcopy", "pickle"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resuming_equals_never_stopping(name, how):
    def start():
        rng = np.random.default_rng(3)
        params = leaves(rng, (3, 2), (4,))
        optimizer = build(name, [{"params": params[:1], "lr": 0.03}, {"params": params[1:]}])
        descend(optimizer, params, rng, 5)
        return optimizer, params, rng

    optimizer, params, rng = start()
    expected = descend(optimizer, params, rng, 5)

    optimizer, params, rng = start()
    if how == "state_dict":
        fresh = [p.detach().clone().requires_grad_() for p in params]
        resumed = build(name, [{"params": fresh[:1]}, {"params": fresh[1:]}])
        resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    else:
        resumed = copy.deepcopy(optimizer) if how == "deepcopy" else pickle.loads(pickle.dumps(optimizer))
        fresh = [p for group in resumed.param_groups for p in group["params"]]
    descend(optimizer, params, np.random.default_rng(0), 2)  # what the first one goes on to do has no effect
    np.testing.assert_array_equal(
        np.concatenate([a.ravel() for a in descend(resumed, fresh, rng, 5)]),
        np.concatenate([a.ravel() for a in expected]),
    )


def test_loaded_state_takes_the_dtype_of_its_parameter(rng):
    params = leaves(rng, (3,), dtype=torch.float32)
    optimizer = torch.optim.Adam(params)
    descend(optimizer, params, rng, 1)
    wide = leaves(rng, (3,))
    other = torch.optim.Adam(wide)
    other.load_state_dict(optimizer.state_dict())
    assert {k: v.dtype for k, v in other.state[wide[0]].items()} == {
        "step": torch.float32,
        "exp_avg": torch.float64,
        "exp_avg_sq": torch.float64,
    }


def test_adamw_keeps_its_kind_of_decay_when_it_loads_adam():
    p = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.AdamW([p])
    optimizer.load_state_dict(torch.optim.Adam([p]).state_dict())
    assert optimizer.param_groups[0]["decoupled_weight_decay"] is True


def test_options_missing_in_an_old_checkpoint_get_their_defaults():
    p = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([p])
    old = optimizer.state_dict()
    del old["param_groups"][0]["amsgrad"]
    optimizer.load_state_dict(old)
    assert optimizer.param_groups[0]["amsgrad"] is False


def snapshot(optimizer):
    return copy.deepcopy(optimizer.state_dict()), [
        p.detach().tolist() for group in optimizer.param_groups for p in group["params"]
    ]


def mismatched(state, kind):
    """The state dictionary, damaged."""
    state = copy.deepcopy(state)
    if kind == "groups":
        state["param_groups"] *= 2
    elif kind == "size":
        state["param_groups"][0]["params"].append(7)
    elif kind == "no state":
        del state["state"]
    elif kind == "no groups":
        del state["param_groups"]
    elif kind == "shape":
        state["state"][0]["exp_avg"] = torch.zeros(5)
    return state


@pytest.mark.parametrize(
    "kind, error",
    [
        ("groups", ValueError),
        ("size", ValueError),
        ("no state", KeyError),
        ("no groups", KeyError),
        ("shape", ValueError),
    ],
)
def test_a_bad_state_changes_nothing(rng, kind, error):
    params = leaves(rng, (3,))
    optimizer = torch.optim.Adam(params)
    descend(optimizer, params, rng, 2)
    before = snapshot(optimizer)
    with pytest.raises(error):
        optimizer.load_state_dict(mismatched(optimizer.state_dict(), kind))
    assert str(snapshot(optimizer)) == str(before)


@pytest.mark.parametrize(
    "group",
    [
        lambda p: [p],
        lambda p: {"params": p},
        lambda p: {"params": {torch.zeros(2)}},
        lambda p: {"params": [torch.zeros(2), "x"]},
        lambda p: {"params": [torch.zeros(2), p * 2]},
        lambda p: {"params": [("name", torch.zeros(2))]},
        lambda p: {"params": [torch.zeros(2), ("name", torch.zeros(2))]},
    ],
)
def test_a_bad_group_changes_nothing(rng, group):
    (p,) = leaves(rng, (2,))
    optimizer = torch.optim.SGD([p], lr=0.1)
    bad = group(p)
    before = str(optimizer.state_dict()), str(bad)
    with pytest.raises((TypeError, ValueError)):
        optimizer.add_param_group(bad)
    assert (str(optimizer.state_dict()), str(bad)) == before


# -- groups, gradients, hooks, subclasses ------------------------------------------------------------------------------


def test_groups_have_options_of_their_own(rng):
    a, b = leaves(rng, (2,), (2,))
    optimizer = torch.optim.SGD([a], lr=0.1)
    optimizer.add_param_group({"params": b, "lr": 1.0})
    before = [a.detach().clone(), b.detach().clone()]
    a.grad = b.grad = torch.ones(2, dtype=torch.float64)
    optimizer.step()
    torch_steps = [(x - y.detach()).tolist() for x, y in zip(before, (a, b))]
    np.testing.assert_allclose(torch_steps, [[0.1, 0.1], [1.0, 1.0]])


def test_zero_grad():
    p = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is None
    p.grad = gradient = torch.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is gradient
    assert gradient.tolist() == [0, 0]
    (p**3).sum().backward(create_graph=True)
    optimizer.zero_grad(set_to_none=False)
    assert not p.grad.requires_grad
    optimizer.zero_grad()
    assert p.grad is None


def test_the_closure_records_even_where_recording_is_off():
    p = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1)
    with torch.no_grad():
        assert optimizer.step(torch.is_grad_enabled) is True
        assert optimizer.step() is None


def test_hooks_run_in_subclasses_that_users_write():
    class Plain(torch.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 1.0})

        def step(self, closure=None):
            return "stepped"

    optimizer = Plain([torch.zeros(2)])
    seen = []
    pre = optimizer.register_step_pre_hook(lambda *given: seen.append("pre"))
    optimizer.register_step_post_hook(lambda *given: seen.append("post"))
    assert optimizer.step() == "stepped"
    pre.remove()
    optimizer.step()
    assert seen == ["pre", "post", "post"]
    optimizer.register_step_pre_hook(lambda *given: 5)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 5"):
        optimizer.step()


def test_differentiable_is_refused():
    with pytest.raises(NotImplementedError, match="differentiable=True is out of scope"):
        torch.optim.SGD([torch.zeros(2)], differentiable=True)


def test_extreme_gradients_give_no_warnings(rng):
    for name in OPTIMIZERS:
        p = torch.zeros(3, requires_grad=True)
        optimizer = build(name, [p])
        for value in (0.0, 1e30, float("inf"), float("nan")):
            p.grad = torch.full((3,), value)
            optimizer.step()
