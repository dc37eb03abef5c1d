"""SyncBatchNorm in a single process, and the conversion of models to it."""

from __future__ import annotations

import copy
import pickle

import pytest

import minitorch_bn as torch
from minitorch_bn import nn

SHAPES = [(6, 3), (4, 3, 5), (4, 3, 2, 2), (2, 3, 2, 2, 2)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("momentum", [0.1, None])
def test_it_computes_what_batch_norm_computes(shape, momentum):
    plain = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[len(shape)](
        3, momentum=momentum
    )
    sync = nn.SyncBatchNorm(3, momentum=momentum)
    for _ in range(2):
        x = torch.randn(*shape)
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        outputs = [layer(i) for layer, i in zip((plain, sync), inputs)]
        assert torch.equal(*outputs)
        for output in outputs:
            (output**3).sum().backward()
        assert torch.equal(inputs[0].grad, inputs[1].grad)
    for layer in (plain, sync):
        layer.eval()
    assert torch.equal(plain(x), sync(x))
    assert list(plain.state_dict()) == list(sync.state_dict())
    for a, b in zip(plain.state_dict().values(), sync.state_dict().values()):
        assert torch.equal(a, b)


def test_any_number_of_dimensions():
    assert nn.SyncBatchNorm(3)(torch.randn(2, 3, 2, 2, 2, 2)).shape == (2, 3, 2, 2, 2, 2)


@pytest.mark.parametrize(
    "shape, line",
    [
        ((4,), "expected at least 2D input (got 1D input)"),
        ((), "expected at least 2D input (got 0D input)"),
        ((4, 0), "SyncBatchNorm number of input channels should be non-zero"),
        ((1, 3), "Expected more than 1 value per channel when training, got input size torch.Size([1, 3])"),
    ],
)
def test_what_it_refuses(shape, line):
    layer = nn.SyncBatchNorm(3)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the line is compared below
        layer(torch.zeros(shape))
    assert str(caught.value).split("\n")[0] == line
    assert layer.num_batches_tracked == 0


def test_a_model_is_converted_in_place_with_its_parameters_and_buffers():
    shared = nn.BatchNorm1d(3)
    model = nn.Sequential(nn.Linear(2, 3), shared, nn.Sequential(nn.ReLU(), nn.BatchNorm1d(3, affine=False), shared))
    model[2].eval()
    before = dict(model.state_dict(keep_vars=True))
    x = torch.randn(4, 2)
    expected = copy.deepcopy(model)(x)

    assert nn.SyncBatchNorm.convert_sync_batchnorm(model, process_group="all") is model
    assert [type(m) for m in (model[1], model[2][1])] == [nn.SyncBatchNorm] * 2
    assert model[1] is model[2][2]
    assert model[1].process_group == "all"
    assert not model[2][1].training
    after = model.state_dict(keep_vars=True)
    assert list(after) == list(before)
    assert all(after[name] is tensor for name, tensor in before.items())
    assert torch.equal(model(x), expected)


def test_a_layer_by_itself_is_replaced():
    old = nn.BatchNorm2d(3, eps=1e-3, momentum=None, bias=False, channel_dim=-1, virtual_batch_size=2)
    new = nn.SyncBatchNorm.convert_sync_batchnorm(nn.utils.freeze(old))
    assert new.weight is old.weight
    assert new.bias is None
    assert repr(new) == repr(old).replace("BatchNorm2d", "SyncBatchNorm")
    assert nn.utils.unfreeze(new).weight.requires_grad
    plain = nn.ReLU()
    assert nn.SyncBatchNorm.convert_sync_batchnorm(plain) is plain


def test_a_lazy_layer_is_refused():
    with pytest.raises(ValueError, match="LazyBatchNorm1d does not know num_features yet"):
        nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.LazyBatchNorm1d()))


def test_it_is_found_where_pytorch_has_it():
    from minitorch_bn.nn.modules import batchnorm

    assert batchnorm.SyncBatchNorm is nn.SyncBatchNorm
    assert type(pickle.loads(pickle.dumps(nn.SyncBatchNorm(2)))) is nn.SyncBatchNorm
    assert repr(nn.SyncBatchNorm) == "<class 'minitorch_bn.nn.modules.batchnorm.SyncBatchNorm'>"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        batchnorm.nothing
