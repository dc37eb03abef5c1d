"""The layers: state, modes, errors."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import minitorch_bn as torch
import minitorch_bn.nn.functional as F
from minitorch_bn import nn

X = [[1.0, 10.0], [3.0, 30.0]]


def one_step(bn, x=X):
    bn(torch.tensor(x))
    return bn.running_mean.tolist(), bn.running_var.tolist(), bn.num_batches_tracked.item()


def test_repr_and_state():
    bn = nn.BatchNorm1d(2)
    assert repr(bn) == "BatchNorm1d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
    assert list(bn.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert bn.num_batches_tracked.dtype == torch.int64
    assert bn.num_batches_tracked.shape == ()
    assert dict(bn.state_dict()._metadata) == {"": {"version": 2}}
    assert bn.weight.tolist() == [1.0, 1.0]
    assert bn.bias.tolist() == [0.0, 0.0]


def test_affine_false_has_no_parameters():
    bn = nn.BatchNorm2d(3, affine=False)
    assert repr(bn) == "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)"
    assert list(bn.state_dict()) == ["running_mean", "running_var", "num_batches_tracked"]
    assert bn.weight is None
    assert bn.bias is None
    assert not bn(torch.randn(2, 3, 2, 2)).requires_grad


def test_bias_false_keeps_the_weight():
    bn = nn.BatchNorm1d(2, bias=False)
    assert [name for name, _ in bn.named_parameters()] == ["weight"]
    assert "bias=False" in repr(bn)


def test_track_running_stats_false_uses_the_batch_in_evaluation_too():
    bn = nn.BatchNorm1d(2, track_running_stats=False)
    assert list(bn.state_dict()) == ["weight", "bias"]
    trained = bn(torch.tensor(X))
    assert torch.equal(bn.eval()(torch.tensor(X)), trained)


@pytest.mark.parametrize(
    ("momentum", "mean", "var"),
    # measured on PyTorch 2.13.0: two steps, X then X + 2
    [
        (0.1, [0.58, 4.0], [1.19, 38.81]),
        (None, [3, 21], [2, 200]),
        (0, [0, 0], [1, 1]),
        (1, [4, 22], [2, 200]),
        (2.0, [4, 4], [1, 1]),
        (-0.5, [-3.5, -26], [-0.25, -247.75]),
    ],
)
def test_running_estimates_after_two_steps(momentum, mean, var):
    bn = nn.BatchNorm1d(2, momentum=momentum)
    bn(torch.tensor(X))
    bn(torch.tensor(X) + 2)
    np.testing.assert_allclose(bn.running_mean.numpy(), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(bn.running_var.numpy(), var, rtol=1e-5)
    assert bn.num_batches_tracked.item() == 2


def test_cumulative_average_is_the_mean_over_batches(rng):
    bn = nn.BatchNorm1d(3, momentum=None, dtype=torch.float64)
    batches = rng.standard_normal((7, 5, 3))
    for batch in batches:
        bn(torch.tensor(batch))
    np.testing.assert_allclose(bn.running_mean.numpy(), batches.mean((0, 1)), rtol=1e-12)
    np.testing.assert_allclose(bn.running_var.numpy(), batches.var(1, ddof=1).mean(0), rtol=1e-12)


def test_switching_to_the_cumulative_average_counts_on():
    bn = nn.BatchNorm1d(2)
    bn(torch.tensor(X))
    bn.momentum = None
    mean, _, _ = one_step(bn)
    np.testing.assert_allclose(mean, [1.1, 11.0], rtol=1e-6)  # PyTorch 2.13.0


def test_buffers_are_updated_in_place_and_without_gradients():
    bn = nn.BatchNorm1d(2)
    mean = bn.running_mean
    with torch.no_grad():
        bn(torch.tensor(X))
    assert bn.running_mean is mean
    np.testing.assert_allclose(mean.numpy(), [0.2, 2.0], rtol=1e-6)


@pytest.mark.parametrize(("tracked_at_first", "tracked_then"), [(True, False), (False, True)])
def test_track_running_stats_changed_after_construction(tracked_at_first, tracked_then):
    bn = nn.BatchNorm1d(2, track_running_stats=tracked_at_first)
    bn.track_running_stats = tracked_then
    bn(torch.tensor(X))
    if tracked_at_first:  # batch statistics, no update; evaluation uses the stale buffers
        assert bn.running_mean.tolist() == [0.0, 0.0]
        assert bn.num_batches_tracked.item() == 0
        np.testing.assert_allclose(bn.eval()(torch.tensor(X)).detach().numpy(), X, rtol=1e-5)
    else:
        assert bn.running_mean is None


def test_reset():
    bn = nn.BatchNorm1d(2)
    bn(torch.tensor(X))
    with torch.no_grad():
        bn.weight.fill_(5)
    bn.reset_running_stats()
    assert (bn.running_mean.tolist(), bn.running_var.tolist(), bn.num_batches_tracked.item()) == ([0, 0], [1, 1], 0)
    assert bn.weight.tolist() == [5.0, 5.0]
    bn.reset_parameters()
    assert bn.weight.tolist() == [1.0, 1.0]


WRONG = [
    (lambda: nn.BatchNorm1d(3)(torch.randn(3)), ValueError, "expected 2D or 3D input (got 1D input)"),
    (lambda: nn.BatchNorm1d(3)(torch.randn(2, 3, 4, 4)), ValueError, "expected 2D or 3D input (got 4D input)"),
    (lambda: nn.BatchNorm2d(3)(torch.randn(2, 3, 4)), ValueError, "expected 4D input (got 3D input)"),
    (lambda: nn.BatchNorm3d(3)(torch.randn(2, 3, 4, 4)), ValueError, "expected 5D input (got 4D input)"),
    (
        lambda: nn.BatchNorm1d(3)(torch.randn(1, 3)),
        ValueError,
        "Expected more than 1 value per channel when training, got input size torch.Size([1, 3])",
    ),
    (lambda: nn.BatchNorm1d(3)(torch.randn(2, 5)), RuntimeError, "running_mean should contain 5 elements not 3"),
    (
        lambda: nn.BatchNorm1d(3, track_running_stats=False)(torch.randn(2, 5)),
        RuntimeError,
        "weight should contain 5 elements not 3",
    ),
    (lambda: nn.BatchNorm1d(3)(torch.ones(2, 3, dtype=torch.int64)), NotImplementedError, '"batch_norm" not impl'),
    (lambda: nn.BatchNorm1d(3)(torch.ones(2, 3).double()), RuntimeError, "mixed dtype (CPU): all inputs must share"),
    (lambda: nn.BatchNorm1d(3)([[1.0]]), AttributeError, "'list' object has no attribute 'dim'"),
    (lambda: nn.BatchNorm1d(), TypeError, "_BatchNorm.__init__() missing 1 required positional argument"),
    (lambda: nn.BatchNorm1d(-1), RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    (lambda: nn.BatchNorm1d(2.5), TypeError, "empty(): argument 'size' (position 1) must be tuple of ints, not float"),
    (lambda: nn.BatchNorm1d("3"), TypeError, "empty(): argument 'size' (position 1) must be tuple of ints, not str"),
    (lambda: nn.BatchNorm1d(3, eps=float("nan")), ValueError, "eps must be finite"),
    (lambda: nn.BatchNorm1d(3, eps=-1.0), ValueError, "batch_norm eps must be non-negative, but got -1.0"),
    (lambda: nn.BatchNorm1d(3, momentum=float("inf")), ValueError, "momentum must be finite"),
    (
        lambda: nn.BatchNorm1d(3, dtype=torch.int64),
        RuntimeError,
        "Only Tensors of floating point and complex dtype can require gradients",
    ),
    (lambda: nn.BatchNorm1d(3, eps=0.0)(torch.randn(2, 3)), ValueError, "batch_norm eps must be positive during"),
    (
        lambda: F.batch_norm(torch.randn(4, 3), None, None),
        RuntimeError,
        "running_mean must be defined in evaluation mode",
    ),
    (
        lambda: F.batch_norm(torch.randn(4, 3), torch.zeros(3), None),
        RuntimeError,
        "running_var must be defined in evaluation mode",
    ),
    (
        lambda: F.batch_norm(torch.randn(4, 3), torch.zeros(3), None, training=True),
        ValueError,
        "running_mean and running_var must either both be None or neither be None",
    ),
    (
        lambda: F.batch_norm(torch.randn(4, 3), torch.zeros(3), torch.ones(4), training=True),
        RuntimeError,
        "running_var should contain 3 elements not 4",
    ),
    (
        lambda: F.batch_norm(torch.randn(4, 3), torch.zeros(3), torch.ones(3), torch.ones(3), torch.ones(2)),
        RuntimeError,
        "bias should contain 3 elements not 2",
    ),
    (
        lambda: F.batch_norm(torch.randn(4, 3), torch.zeros(3, requires_grad=True), torch.ones(3)),
        RuntimeError,
        "The function 'native_batch_norm' is not differentiable with respect to argument 'running_mean'",
    ),
    (
        lambda: F.batch_norm(torch.randn(4, 3), torch.zeros(3), torch.ones(3), momentum=None),
        TypeError,
        "batch_norm(): argument 'momentum' (position 7) must be float, not NoneType",
    ),
    (lambda: F.batch_norm(torch.randn(4, 3)), TypeError, "batch_norm() missing 2 required positional arguments"),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG)
def test_errors_begin_with_pytorchs_text(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(text)


def test_the_way_out_is_named():
    with pytest.raises(RuntimeError, match=r"did you mean input.transpose\(1, 2\)"):
        nn.BatchNorm1d(5)(torch.randn(2, 7, 5))


@pytest.mark.parametrize("bad", [torch.zeros(1, 2), torch.zeros(4, 3), torch.zeros(4), torch.zeros(4, 2).double()])
def test_a_refused_batch_changes_nothing(bad):
    bn = nn.BatchNorm1d(2)
    before = copy.deepcopy(bn.state_dict())
    with pytest.raises((ValueError, RuntimeError)):
        bn(bad)
    for key, value in bn.state_dict().items():
        assert torch.equal(value, before[key])


def test_an_empty_batch_is_not_counted():
    bn = nn.BatchNorm1d(2, momentum=None)
    assert bn(torch.zeros(0, 2)).shape == (0, 2)
    assert one_step(bn) == ([2.0, 20.0], [2.0, 200.0], 1)


def test_a_batch_that_is_not_finite_is_not_folded_in():
    bn = nn.BatchNorm1d(2)
    bn(torch.tensor(X))
    before = copy.deepcopy(bn.state_dict())
    with pytest.warns(RuntimeWarning, match=r"BatchNorm1d\(2.*channels \[1\] are not finite"):
        bn(torch.tensor([[1.0, float("nan")], [2.0, 3.0]]))
    for key, value in bn.state_dict().items():
        assert torch.equal(value, before[key])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bn(torch.tensor([[1.0, float("inf")], [2.0, 3.0]]))  # once is enough


def test_keras_momentum_is_questioned():
    with pytest.warns(UserWarning, match=r"0\.9 in Keras or JAX is 0\.1 here"):
        nn.BatchNorm1d(2, momentum=0.9)


def test_state_without_a_count_loads_as_from_before_version_2():
    bn = nn.BatchNorm1d(2)
    bn(torch.tensor(X))
    old = {k: v.clone() for k, v in nn.BatchNorm1d(2).state_dict().items() if k != "num_batches_tracked"}
    assert str(bn.load_state_dict(old)) == "<All keys matched successfully>"
    assert bn.num_batches_tracked.item() == 1  # the count it had
    assert "num_batches_tracked" not in old
    new = nn.BatchNorm1d(2).state_dict()
    del new["num_batches_tracked"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "num_batches_tracked"'):
        bn.load_state_dict(new)


def test_deepcopy_and_pickle():
    bn = nn.BatchNorm1d(2)
    bn(torch.tensor(X))
    for other in (copy.deepcopy(bn), pickle.loads(pickle.dumps(bn))):
        other(torch.tensor(X))
        assert other.num_batches_tracked.item() == 2
    assert bn.num_batches_tracked.item() == 1


def test_dtype_of_the_layer():
    bn = nn.BatchNorm1d(2, dtype=torch.float64)
    assert {v.dtype for v in bn.parameters()} == {torch.float64}
    assert bn.running_mean.dtype == bn(torch.tensor(X).double()).dtype == torch.float64
    assert bn.float().num_batches_tracked.dtype == torch.int64


def test_a_shared_layer_counts_every_call():
    bn = nn.BatchNorm1d(2)
    bn(bn(torch.tensor(X)))
    assert bn.num_batches_tracked.item() == 2


def test_two_layers_at_very_large_offsets_learn(rng):
    # gradients reach every parameter, and the loss goes down
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
    x = torch.tensor(rng.standard_normal((64, 4)) + 1e4, dtype=torch.float32)
    target = (x - 1e4).sum(1, keepdim=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.mse_loss(net(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_errors_name_the_layers_path_in_the_model():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(3))])

        def forward(self, x):
            return self.blocks[0](x)

    with pytest.raises(RuntimeError) as caught:
        Net()(torch.randn(2, 4))
    lines = str(caught.value).split("\n")
    assert lines[0] == "running_mean should contain 4 elements not 3"
    assert lines[1] == "In layer 'blocks.0.1' of Net."
    assert "[2, 4]" in lines[2]


# -- masks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("training", [True, False])
def test_a_mask_equals_dropping_the_values(rng, training, offset):
    x = (rng.standard_normal((6, 3, 5)) + offset).astype(np.float32)
    keep = rng.random((6, 1, 5)) < 0.6
    dropped = torch.tensor(np.moveaxis(x, 1, 2)[keep[:, 0]])  # (values, C)
    x[np.broadcast_to(~keep, x.shape)] = np.nan  # what lies under the mask may be anything
    masked, plain = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    with torch.no_grad():
        for bn in (masked, plain):
            bn.weight.copy_(torch.tensor([0.5, 0.0, 2.0]))
            bn.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
            bn.train(training)
    y = masked(torch.tensor(x), mask=torch.tensor(keep)).detach().numpy()
    expected = plain(dropped).detach().numpy()
    np.testing.assert_allclose(np.moveaxis(y, 1, 2)[keep[:, 0]], expected, rtol=1e-6, atol=1e-6)
    assert (y[np.broadcast_to(~keep, y.shape)] == 0).all()
    for ours, theirs in zip(masked.buffers(), plain.buffers()):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


def test_gradients_through_a_mask_equal_those_of_dropping_up_to_order_three(rng):
    x = torch.tensor(rng.standard_normal((5, 2, 4)), requires_grad=True)
    weight = torch.tensor([0.0, 1.5], dtype=torch.float64, requires_grad=True)
    bias = torch.tensor([0.5, -1.0], dtype=torch.float64, requires_grad=True)
    keep = rng.random((5, 4)) < 0.7
    along = [rng.standard_normal((5, 2, 4)) for _ in range(3)]
    mask = torch.tensor(keep[:, None, :])
    rows = torch.tensor(np.flatnonzero(keep))

    def masked(x):
        return F.batch_norm(x, None, None, weight, bias, training=True, mask=mask)

    def dropping(x):
        kept = x.permute(0, 2, 1).reshape(20, 2)[rows]
        y = torch.zeros(20, 2, dtype=torch.float64)
        y[rows] = F.batch_norm(kept, None, None, weight, bias, training=True)
        return y.reshape(5, 4, 2).permute(0, 2, 1)

    results = []
    for function in (masked, dropping):
        y = function(x)
        scalar, result = (y * torch.tensor(along[0])).sum() + (y**3).sum(), [y]
        for direction in along:
            grads = torch.autograd.grad(scalar, (x, weight, bias), create_graph=True, materialize_grads=True)
            result += grads
            scalar = (grads[0] * torch.tensor(direction)).sum() + (grads[0] ** 2).sum() + (grads[1] ** 2).sum()
        results.append(result)
    for ours, theirs in zip(*results):
        scale = theirs.abs().max().item() + 1
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-12 * scale)


def test_masks_that_leave_too_little_are_refused_and_change_nothing():
    bn = nn.BatchNorm1d(2)
    mask = torch.tensor([[True, True], [True, False], [False, False]])
    with pytest.raises(ValueError, match="Expected more than 1 value per channel") as caught:
        bn(torch.randn(3, 2), mask)
    assert "channels [1] with [1] values" in str(caught.value)
    assert bn.num_batches_tracked.item() == 0
    assert torch.equal(bn(torch.randn(3, 2), torch.zeros(3, 1).bool()), torch.zeros(3, 2))
    assert bn.num_batches_tracked.item() == 0
    with pytest.raises(RuntimeError, match="only supports boolean masks"):
        bn(torch.randn(3, 2), torch.ones(3, 2))
    with pytest.raises(RuntimeError, match="does not broadcast"):
        bn(torch.randn(3, 2), torch.ones(4, 2).bool())


# -- the channels elsewhere --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_channels_last_is_the_transposed_layer(rng, training):
    x = rng.standard_normal((4, 5, 6, 3))
    last, first = nn.BatchNorm2d(3, channel_dim=-1, dtype=torch.float64), nn.BatchNorm2d(3, dtype=torch.float64)
    results = []
    for bn, order in ((last, (0, 1, 2, 3)), (first, (0, 3, 1, 2))):
        bn.train(training)
        leaf = torch.tensor(x, requires_grad=True)
        y = bn(leaf.permute(*order))
        y = y if bn is last else y.permute(0, 2, 3, 1)
        (y**3).sum().backward()
        results.append((y.detach().numpy(), leaf.grad.numpy(), bn.running_var.numpy()))
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    assert repr(last).endswith("track_running_stats=True, channel_dim=-1)")
    with pytest.raises(RuntimeError, match="running_mean should contain 6 elements not 3") as caught:
        last(torch.tensor(x).permute(0, 1, 3, 2))
    assert "Channels are dimension -1" in str(caught.value)


# -- ghost batches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("samples", "sizes"), [(12, [4, 4, 4]), (10, [4, 4, 2]), (9, [4, 5]), (3, [3])])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_virtual_batches_are_batches_of_their_own_in_training(rng, samples, sizes, momentum):
    x = rng.standard_normal((samples, 3))
    ghost = nn.BatchNorm1d(3, momentum=momentum, virtual_batch_size=4, dtype=torch.float64)
    plain = nn.BatchNorm1d(3, momentum=momentum, dtype=torch.float64)
    leaf = torch.tensor(x, requires_grad=True)
    y = ghost(leaf)
    parts = [plain(torch.tensor(part)) for part in np.split(x, np.cumsum(sizes)[:-1])]
    np.testing.assert_allclose(y.detach().numpy(), torch.cat(parts).detach().numpy(), rtol=1e-12)
    for ours, theirs in zip(ghost.buffers(), plain.buffers()):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)
    assert torch.autograd.gradcheck(ghost, leaf)
    assert torch.autograd.gradgradcheck(ghost, leaf)
    whole = torch.tensor(x)
    assert torch.equal(ghost.eval()(whole), F.batch_norm(whole, *list(ghost.buffers())[:2], ghost.weight, ghost.bias))
    assert "virtual_batch_size=4" in repr(ghost)


# -- accuracy of the state, threads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 10.0, 1e3, 1e4, 1e6])
@pytest.mark.parametrize("shape", [(12544, 8), (64, 8, 14, 14)])
def test_running_estimates_are_as_accurate_as_float32_holds_them(rng, shape, offset):
    x = (rng.standard_normal(shape) + offset).astype(np.float32)
    bn = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(8, momentum=1.0)
    bn(torch.from_numpy(x))
    exact = np.moveaxis(x.astype(np.float64), 1, 0).reshape(8, -1)
    np.testing.assert_allclose(bn.running_mean.numpy(), exact.mean(1), rtol=6e-8, atol=1e-9)
    np.testing.assert_allclose(bn.running_var.numpy(), exact.var(1, ddof=1), rtol=6e-8)


def test_threads_may_evaluate_with_one_layer_at_once(rng):
    from concurrent.futures import ThreadPoolExecutor

    bn = nn.BatchNorm2d(16).eval()
    inputs = [torch.tensor(rng.standard_normal((8, 16, 20, 20)), dtype=torch.float32) for _ in range(8)]
    alone = [bn(x).detach() for x in inputs]
    before = copy.deepcopy(bn.state_dict())
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(bn, inputs * 5))
    for i, y in enumerate(together):
        assert torch.equal(y.detach(), alone[i % 8])
    for key, value in bn.state_dict().items():
        assert torch.equal(value, before[key])


def test_threads_may_train_layers_of_their_own_at_once(rng):
    from concurrent.futures import ThreadPoolExecutor

    inputs = [rng.standard_normal((16, 8, 10, 10)).astype(np.float32) for _ in range(8)]

    def train(x):
        bn, leaf = nn.BatchNorm2d(8), torch.tensor(x, requires_grad=True)
        (bn(leaf) ** 3).sum().backward()
        return leaf.grad.numpy(), bn.weight.grad.numpy(), bn.running_var.numpy()

    alone = [train(x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for together, expected in zip(pool.map(train, inputs), alone):
            for ours, theirs in zip(together, expected):
                np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("training", [True, False])
def test_parameters_of_another_shape_but_the_right_size(training):
    x = torch.randn(4, 3)
    weight, bias = torch.full((3, 1), 2.0, requires_grad=True), torch.ones(1, 3, requires_grad=True)
    y = F.batch_norm(x, torch.zeros(3), torch.ones(3), weight, bias, training=training)
    plain = F.batch_norm(x, torch.zeros(3), torch.ones(3), weight.reshape(3), bias.reshape(3), training=training)
    assert torch.equal(y, plain)
    y.sum().backward()
    assert (weight.grad.shape, bias.grad.shape) == ((3, 1), (1, 3))


def test_second_order_with_the_channels_last(rng):
    bn = nn.BatchNorm1d(3, channel_dim=-1, dtype=torch.float64)
    x = torch.tensor(rng.standard_normal((2, 4, 3)), requires_grad=True)
    assert torch.autograd.gradcheck(bn, x)
    assert torch.autograd.gradgradcheck(bn, x)


def test_the_graph_goes_on_to_input_weight_and_bias():
    x = torch.randn(4, 3, requires_grad=True)
    for training in (True, False):
        bn = torch.nn.BatchNorm1d(3).train(training)
        ends = [node.variable for node, _ in bn(x).grad_fn.next_functions]
        assert all(end is leaf for end, leaf in zip(ends, (x, bn.weight, bn.bias), strict=True))
