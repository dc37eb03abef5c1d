"""``explain``: its numbers are the layer's, it changes nothing, and it says what is wrong."""

from __future__ import annotations

import copy
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.insight.comparison import compare

LAYERS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def layer_and_input(rng, dims=1, shape=(6, 3), dtype=torch.float32, **options):
    bn = LAYERS[dims](shape[1], dtype=dtype, **options)
    x = torch.tensor(rng.standard_normal(shape) * 2 + 1).to(dtype)
    with torch.no_grad():
        for p in bn.parameters():
            p.copy_(torch.tensor(rng.standard_normal(shape[1])))
    return bn, x


def reference(x, w, b, g, eps):
    """Output and gradients in plain numpy, float64, each from its definition; (N, C, *)."""
    dims = (0, *range(2, x.ndim))
    shape = (1, -1, *(1,) * (x.ndim - 2))
    mu, var = x.mean(dims), x.var(dims)
    r = 1 / np.sqrt(var + eps)
    xhat = (x - mu.reshape(shape)) * r.reshape(shape)
    m = x.size // x.shape[1]
    dxhat = g * w.reshape(shape)
    inner = m * dxhat - dxhat.sum(dims).reshape(shape) - xhat * (dxhat * xhat).sum(dims).reshape(shape)
    return {
        "mean": mu, "var": var, "var_unbiased": var * m / (m - 1), "inv_std": r, "xhat": xhat,
        "y": xhat * w.reshape(shape) + b.reshape(shape), "dx": r.reshape(shape) / m * inner,
        "dgamma": (g * xhat).sum(dims), "dbeta": g.sum(dims),
    }  # fmt: skip


@pytest.mark.parametrize(
    "dims, shape", [(1, (6, 3)), (1, (4, 3, 5)), (2, (3, 2, 4, 5)), (3, (2, 3, 2, 2, 3)), (1, (2, 1))]
)
def test_numbers_against_numpy(rng, dims, shape):
    bn, x = layer_and_input(rng, dims, shape)
    g = torch.tensor(rng.standard_normal(shape), dtype=torch.float32)
    e = torch.explain(bn, x, g)
    arrays = [t.detach().double().numpy() for t in (x, bn.weight, bn.bias, g)]
    for name, expected in reference(*arrays, bn.eps).items():
        np.testing.assert_allclose(e[name].numpy(), expected, rtol=1e-9, atol=1e-9, err_msg=name)
    assert e.ok
    np.testing.assert_allclose(e["gx"].numpy(), e["dx"].numpy(), rtol=1e-9, atol=1e-9)
    compared = {"mean", "var_unbiased", "xhat", "y", "running_mean", "running_var", "dx", "gx", "dvar", "ggamma"}
    assert compared <= set(e.comparisons)


def test_the_running_update_is_the_layers(rng):
    bn, x = layer_and_input(rng, momentum=0.3)
    bn(x)
    e = torch.explain(bn, x * 2)
    bn(x * 2)
    torch.testing.assert_close(e["running_mean"].float(), bn.running_mean)
    torch.testing.assert_close(e["running_var"].float(), bn.running_var)
    assert e["num_batches_tracked"][0] == bn.num_batches_tracked == 2
    assert "0.7 * old + 0.3 * mean" in repr(e)


def test_momentum_none_averages(rng):
    bn, x = layer_and_input(rng, momentum=None)
    bn(x), bn(x + 1)
    e = torch.explain(bn, x + 5)
    assert e.ok
    assert "0.6667 * old + 0.3333 * mean" in repr(e)
    assert "the plain average of 3 batches" in e.section("running")


def test_evaluation_has_constants_for_statistics(rng):
    bn, x = layer_and_input(rng)
    bn(x)
    e = torch.explain(bn.eval(), x)
    assert e.ok
    assert "P" not in e.values
    with pytest.raises(KeyError, match="there are forward, steps, closed"):
        e.section("running")
    torch.testing.assert_close(e["mean"], bn.running_mean.double())


@pytest.mark.parametrize(
    "options",
    [
        {"affine": False}, {"track_running_stats": False}, {"bias": False}, {"momentum": None}, {"momentum": 0.0},
        {"affine": False, "track_running_stats": False}, {"channel_dim": -1}, {"eps": 1.0},
    ],
)  # fmt: skip
@pytest.mark.parametrize("training", [True, False])
def test_every_kind_of_layer_agrees(rng, options, training):
    bn, x = layer_and_input(rng, 2, (3, 4, 4, 4), **options)
    bn(x)
    e = torch.explain(bn.train(training), x * 3 - 1)
    assert e.ok, e
    assert e._repr_html_()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("training", [True, False])
def test_dtypes(rng, dtype, training):
    bn, x = layer_and_input(rng, 2, (3, 4, 4, 4), dtype)
    bn(x)
    e = torch.explain(bn.train(training), x)
    assert e.ok, e
    assert e["y"].dtype == torch.float64
    mixed = nn.BatchNorm2d(4).train(training)
    if dtype != torch.float64:
        assert torch.explain(mixed, x).ok


@given(
    st.integers(2, 30),
    st.integers(1, 5),
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e3),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_layer_and_formulas_agree_at_any_offset(n, c, offset, scale, training, seed):
    stream = np.random.default_rng(seed)
    bn = nn.BatchNorm1d(c)
    x = torch.tensor(stream.standard_normal((n, c)) * scale + offset, dtype=torch.float32)
    bn(x)
    g = torch.tensor(stream.standard_normal((n, c)), dtype=torch.float32)
    e = torch.explain(bn.train(training), x, g)
    assert e.ok, e


def state_of(bn, x):
    tensors = {**dict(bn.named_parameters()), **dict(bn.named_buffers()), "x": x}
    return {
        name: (id(t), t._version, t.detach().numpy().tobytes(), None if t.grad is None else t.grad.numpy().tobytes())
        for name, t in tensors.items()
    }


@pytest.mark.parametrize("training", [True, False])
def test_nothing_changes(rng, training):
    bn, x = layer_and_input(rng)
    bn(x).square().sum().backward()
    calls = []
    bn.register_forward_hook(lambda *_: calls.append("forward"))
    bn.register_full_backward_hook(lambda *_: calls.append("backward"))
    x = x.requires_grad_()
    bn.train(training)
    before, attributes, stream = state_of(bn, x), dict(vars(bn)), torch.get_rng_state()
    with torch.no_grad():
        torch.explain(bn, x)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        torch.explain(bn, x * float("nan"))
    for wrong in (torch.ones(2, 5), torch.ones(2), torch.ones(4, 3).long()):
        with pytest.raises((RuntimeError, ValueError, NotImplementedError)):
            torch.explain(bn, wrong)
    assert state_of(bn, x) == before
    assert dict(vars(bn)) == attributes
    assert torch.equal(torch.get_rng_state(), stream)
    assert calls == []


def test_what_looks_wrong_is_named(rng):
    bn, x = layer_and_input(rng, shape=(32, 6))
    with torch.no_grad():
        bn.weight.fill_(1)
        bn.bias.zero_()
    assert torch.explain(bn, x).findings == []
    bn(x)
    bn.weight.data[1], bn.bias.data[2] = 1e-5, -20.0
    x[:, 3] = 7
    x[:, 4] *= 1e-4
    found = torch.explain(bn, x).findings
    assert [text for text in found if text.startswith("channel 1: gamma is near 0")]
    assert [text for text in found if text.startswith("channel 2: dead behind a ReLU")]
    assert [text for text in found if text.startswith("channel 3: constant in this batch: xhat is 0")]
    assert [text for text in found if text.startswith("channel 4: nearly constant: its variance is below eps")]
    x[0, 5] = float("inf")
    assert [t for t in torch.explain(bn, x).findings if t.startswith("channel 5: NaN or infinity in the input: the wh")]
    assert "channel 5: NaN or infinity in the input" in torch.explain(bn.eval(), x).findings


def test_values_that_are_not_finite_stay_in_their_channel(rng):
    bn, x = layer_and_input(rng, shape=(8, 3))
    x[0, 0] = float("nan")
    e = torch.explain(bn, x)
    assert e.ok
    assert e["xhat"].isnan().any(0).tolist() == [True, False, False]
    assert "nan .. nan" not in repr(e)


def test_gradient_of_a_constant_channel_is_multiplied_as_it_says():
    bn, x = nn.BatchNorm1d(1), torch.full((4, 1), 3.0)
    e = torch.explain(bn, x, torch.tensor([[1.0], [0.0], [0.0], [-1.0]]))
    assert "316 * gamma" in e.findings[0]
    assert e["dx"][0].item() == pytest.approx(1e-5**-0.5)


def test_estimates_far_from_the_batch(rng):
    bn, x = layer_and_input(rng, shape=(64, 3))
    for _ in range(100):
        bn(x)
    assert not [t for t in torch.explain(bn, x).findings if "far from" in t]
    moved = x.clone()
    moved[:, 2] += 30
    (text,) = [t for t in torch.explain(bn.eval(), moved).findings if "far from" in t]
    assert text.startswith("channel 2: the running estimates are far from the batch's mean and variance: is the input")
    young, _ = layer_and_input(rng)
    young(x * 9)
    (text,) = [t for t in torch.explain(young.eval(), x * 9 + 5).findings if "far from" in t]
    assert "after 1 batches 90% of the values they started with is left" in text


def test_traps_of_the_mode(rng):
    bn, x = layer_and_input(rng, 2, (1, 3, 4, 4))
    with torch.no_grad():
        assert "call model.eval()" in torch.explain(bn, x).findings[0]
    assert "a batch of one sample" in torch.explain(bn, x).findings[0]
    assert "before any training batch" in torch.explain(bn.eval(), x).findings[0]
    bn, x = layer_and_input(rng, track_running_stats=False)
    assert "evaluation without running estimates" in torch.explain(bn.eval(), x).findings[0]


def test_one_value_per_channel_is_explained_though_the_layer_refuses_it(rng):
    e = torch.explain(nn.BatchNorm1d(3), torch.ones(1, 3))
    assert not e.ok
    assert "the layer refuses this batch: Expected more than 1 value per channel when training" in e.findings[0]
    assert e["xhat"].tolist() == [[0, 0, 0]]
    assert "y" not in e.comparisons


def test_two_values_per_channel(rng):
    bn, x = layer_and_input(rng, shape=(2, 3))
    assert [text for text in torch.explain(bn, x).findings if text.startswith("two values per channel")]


def test_an_empty_batch(rng):
    for training in (True, False):
        e = torch.explain(nn.BatchNorm2d(3).train(training), torch.ones(0, 3, 2, 2))
        assert "An empty batch" in repr(e)
        assert e.values == {}


def test_estimates_that_stay(rng):
    bn, x = layer_and_input(rng, dtype=torch.float16)
    e = torch.explain(bn, x * 1000)  # its variance is beyond what float16 holds
    assert e.ok
    assert "stays: the batch is not finite" in e.section("running")
    assert any("the variance is too large for float16" in text for text in e.findings)
    bn, x = layer_and_input(rng)
    with nn.utils.freeze_stats(bn):
        assert "The running estimates are held at the moment" in repr(torch.explain(bn, x))
    assert "in evaluation" in repr(torch.explain(nn.utils.freeze(bn), x))
    frozen = nn.FrozenBatchNorm1d.from_batchnorm(bn)
    assert torch.explain(frozen, x).ok


def test_a_layer_that_does_something_else_is_found_out(rng):
    class Wrong(nn.BatchNorm1d):
        def forward(self, x):
            return super().forward(x) * 1.001

    e = torch.explain(Wrong(3), layer_and_input(rng)[1])
    assert not e.ok
    assert any("y: the layer's differs by" in text for text in e.findings)
    assert "DIFFERS" in repr(e)


def test_refused():
    x = torch.ones(4, 3)
    for wrong in (nn.Linear(3, 3), nn.InstanceNorm1d(3), nn.Sequential(nn.BatchNorm1d(3)), None):
        with pytest.raises(TypeError, match=r"^explain\(\) takes a BatchNorm1d, BatchNorm2d or BatchNorm3d, not"):
            torch.explain(wrong, x)
    with pytest.raises(TypeError, match=r"not BatchRenorm1d\nBatch Renormalization corrects"):
        torch.explain(nn.BatchRenorm1d(3), x)
    with pytest.raises(ValueError, match="LazyBatchNorm1d does not know its channels yet\nCall it once"):
        torch.explain(nn.LazyBatchNorm1d(), x)
    with pytest.raises(TypeError, match="takes a Tensor as input, not list"):
        torch.explain(nn.BatchNorm1d(3), [[1.0]])
    with pytest.raises(ValueError, match=r"grad_output has shape \[3\], the output of the layer \[4, 3\]"):
        torch.explain(nn.BatchNorm1d(3), x, torch.ones(3))
    with pytest.raises(ValueError, match=r"explain\(bn, x\[:2\]\)"):
        torch.explain(nn.BatchNorm1d(3, virtual_batch_size=2), x)
    with pytest.raises(ValueError, match="expected 2D or 3D input"):
        torch.explain(nn.BatchNorm1d(3), torch.ones(3))
    with pytest.raises(RuntimeError, match="running_mean should contain 3 elements not 5"):
        torch.explain(nn.BatchNorm1d(5), x)
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        torch.explain(nn.BatchNorm1d(3), x.long())
    with pytest.raises(KeyError, match=r"nonsense.*there are mean, centred"):
        torch.explain(nn.BatchNorm1d(3), x + torch.arange(4.0)[:, None])["nonsense"]


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_closed_and_escaped(rng):
    class Layer(nn.BatchNorm1d):
        def extra_repr(self):
            return "<script>alert(1)</script>"

    html = torch.explain(Layer(3), layer_and_input(rng)[1])._repr_html_()
    parser = Tags()
    parser.feed(html)
    assert parser.open == []
    assert "script" not in parser.seen
    assert parser.seen.count("table") == 4


def test_many_channels_are_summarised(rng):
    bn, x = layer_and_input(rng, 2, (8, 64, 6, 6))
    x[:, 40] = 1
    bn.bias.data[:] = 0
    bn.bias.data[3] = bn.bias.data[15] = -30
    text = repr(torch.explain(bn, x))
    assert "Channels 0, 3, 15, 40 of 64 are shown" in text
    assert max(map(len, text.split("\n- ")[0].splitlines())) < 170
    assert len(text) < 10_000


def test_copies_of_a_layer_can_be_explained(rng):
    bn, x = layer_and_input(rng)
    assert torch.explain(copy.deepcopy(bn), x).ok


def test_compare():
    real = torch.tensor([1.0, float("nan"), float("inf")])
    assert compare(real.double(), real) == (True, True, 0.0)
    off = compare(torch.tensor([1.0 + 3e-7, float("nan"), float("inf")], dtype=torch.float64), real)
    assert (off.exact, off.close) == (False, True)
    assert str(off).startswith("close (")
    far = compare(torch.tensor([1.1, float("nan"), float("inf")], dtype=torch.float64), real)
    assert not far.close
    assert str(far) == "DIFFERS by 1.0e-01"
    assert not compare(torch.tensor([1.0, 0.0, float("inf")], dtype=torch.float64), real).close
