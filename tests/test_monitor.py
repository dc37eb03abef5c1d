"""``monitor``: it notes what happens, changes nothing of it, and leaves no trace."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.insight import _plots
from minitorch_bn.insight.monitor import _histogram


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3), nn.Tanh())


def train(model, optimizer, steps=3, end=lambda: None):
    torch.manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().sum().backward()
        optimizer.step()
        end()


def watched(steps=3, **options):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with torch.monitor(model, optimizer, **options) as m:
        train(model, optimizer, steps)
    return model, m


def test_activations_are_the_outputs():
    model = network()
    m = torch.monitor(model)
    x = torch.randn(8, 4)
    outputs = [x]
    twin = copy.deepcopy(model)
    for layer in twin:
        outputs.append(layer(outputs[-1]))
    model(x)
    for path, records in m.activations.items():
        y = outputs[int(path) + 1].detach().double().numpy()
        (record,) = records
        assert record.step == 0
        np.testing.assert_allclose([record.mean, record.std], [y.mean(), y.std()], rtol=1e-6, atol=1e-9)
        assert record.counts.sum() == y.size
        assert record.edges[0] == pytest.approx(y.min())
        assert record.edges[-1] == pytest.approx(y.max())
    dead = m.activations["2"][0].dead
    assert dead == (outputs[3].detach().numpy() <= 0).all(0).mean()
    assert m.activations["4"][0].saturated == (np.abs(outputs[5].detach().numpy()) >= 0.97).mean()
    assert m.activations["0"][0].saturated is m.activations["0"][0].dead is None


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=200))
def test_histograms_are_numpys(values):
    array = np.array(values, np.float64)
    low, high = array.min(), array.max()
    counts, edges = _histogram(array, low, high)
    expected, places = np.histogram(array, bins=40, range=(low, high if high > low else low + 1))
    np.testing.assert_allclose(edges, places)
    inside = np.abs(np.subtract.outer(array, places)).min(axis=1) > 1e-9 * (abs(low) + abs(high))  # not on an edge
    assert counts.sum() == array.size
    assert np.abs(counts - expected).sum() <= 2 * (~inside).sum()


def test_constant_outputs():
    for value in (0.0, 1e20, -1e20):
        counts, edges = _histogram(np.full(5, value), value, value)
        assert counts.tolist() == [5] + [0] * 39
        assert edges[0] == value < edges[-1]


def test_values_beyond_all_measure():
    model = nn.Sequential(nn.Identity(), nn.ReLU()).double()
    with torch.monitor(model) as m:
        model(torch.tensor([[1e308, -1e308, 1e200, float("inf")]], dtype=torch.float64))
    (record,) = m.activations["1"]
    assert not record.finite
    assert record.counts.sum() == 2


def test_gradients_of_outputs():
    model = network()
    m = torch.monitor(model)
    y = model(torch.randn(8, 4))
    g = torch.randn(8, 3)
    y.backward(g)
    assert m.gradients["4"][0].std == pytest.approx(g.double().numpy().std())
    assert set(m.gradients) == {"0", "1", "2", "3", "4"}


@pytest.mark.parametrize("given", [True, False])
def test_update_ratios(given):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    m = torch.monitor(model, optimizer if given else None)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    train(model, optimizer, 1, (lambda: None) if given else m.step)
    for name, p in model.named_parameters():
        (record,) = m.updates[name]
        change, size = (p - before[name]).norm().item(), before[name].norm().item()
        assert record.ratio == pytest.approx(change / size if size else np.inf, rel=1e-5)
        assert record.grad_norm == pytest.approx(p.grad.norm().item(), rel=1e-5)
    assert m.steps == 1


def test_running_against_batch():
    model, m = watched(2)
    first, second = m.batch_norm["1"]
    np.testing.assert_allclose(first.running_mean, 0.1 * first.batch_mean, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(first.running_var, 0.9 + 0.1 * first.batch_var, rtol=1e-5)
    np.testing.assert_allclose(second.running_mean, model[1].running_mean.numpy(), rtol=1e-6)


def test_training_is_not_changed():
    plain, model = network(), network()
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.01, momentum=0.9) for m in (plain, model)]
    train(plain, optimizers[0])
    with torch.monitor(model, optimizers[1]):
        train(model, optimizers[1])
    for a, b in zip(plain.state_dict().values(), model.state_dict().values()):
        assert torch.equal(a, b)


def test_only_training_passes_count():
    model = network()
    m = torch.monitor(model)
    with torch.no_grad():
        model(torch.randn(8, 4))
    model.eval()(torch.randn(8, 4))
    model.train()
    torch.summary(model, (8, 4), mode="train")
    torch.draw(model, torch.randn(8, 4))
    torch.explain(model[1], torch.randn(8, 6))
    assert m.activations == {}
    m.close()


def test_every():
    _, m = watched(5, every=2)
    assert [r.step for r in m.activations["1"]] == [r.step for r in m.updates["0.weight"]] == [0, 2, 4]
    assert m.steps == 5


def test_several_passes_in_a_step_leave_the_last():
    model = network()
    with torch.monitor(model) as m:
        model(torch.randn(8, 4))
        x = torch.randn(8, 4)
        model(x)
        expected = model[0](x)
        m.step()
    assert len(m.activations["0"]) == 1
    assert m.activations["0"][0].mean == pytest.approx(expected.double().mean().item())


def test_nothing_remains_after_close():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    before = [dict(vars(part)) for part in model.modules()]
    keys = list(model.state_dict())
    m = torch.monitor(model, optimizer)
    assert list(model.state_dict()) == keys
    m.close(), m.close()
    assert [dict(vars(part)) for part in model.modules()] == before
    assert not optimizer._step_pre_hooks
    assert not optimizer._step_post_hooks
    train(model, optimizer)
    m.step()
    assert m.activations == m.updates == {}
    reference = weakref.ref(model)
    del model, optimizer, before
    gc.collect()
    assert reference() is None
    assert "nothing was noted yet" in repr(m)


def test_a_backward_pass_after_close_is_not_noted():
    model = network()
    with torch.monitor(model) as m:
        y = model(torch.randn(8, 4))
    y.sum().backward()
    assert m.gradients == {}


def test_closed_after_an_exception():
    model = network()
    with pytest.raises(ValueError, match="mine"), torch.monitor(model):
        raise ValueError("mine")
    assert not any(part._forward_hooks for part in model.modules())


def test_copies_and_pickles_are_not_watched():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with torch.monitor(model, optimizer) as m:
        for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            other(torch.randn(8, 4)).sum().backward()
        pickle.dumps(optimizer)
        assert m.activations == {}


def test_what_looks_wrong():
    model = network()
    with torch.no_grad():
        model[1].bias.fill_(-50)
        model[3].bias.fill_(9)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e3)
    with torch.monitor(model, optimizer) as m:
        train(model, optimizer, 1)
    found = "\n".join(m.findings())
    assert "2: ReLU: 100% of the channels are dead" in found
    assert "4: Tanh: 100% of the outputs are saturated" in found
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=10.0)
    with torch.monitor(model, optimizer) as m:
        train(model, optimizer, 1)
        assert any(text.startswith("3.weight: one step changes it by") for text in m.findings())
        model[0].weight.data[0, 0] = float("nan")
        with pytest.warns(RuntimeWarning, match="not finite"):
            model(torch.randn(8, 4))
        assert any(text.startswith("0: Linear: the output has NaN") for text in m.findings())
    unused = nn.Sequential(nn.Linear(2, 2))
    with torch.monitor(unused) as m:
        m.step()
        assert m.findings() == ["0.weight: no gradient arrives", "0.bias: no gradient arrives"]
    model, m = watched()
    (text,) = m.findings()
    assert text.startswith("0.bias: no gradient but rounding: Batch Normalization takes a bias out again")


def test_the_tables():
    _, m = watched()
    text = repr(m)
    assert "Outputs at step 2" in text
    assert "Parameters at step 2" in text
    assert "1: BatchNorm1d" in text
    html = m._repr_html_()
    assert html.count("<table") == html.count("</table>") == 3


def test_the_plot(tmp_path):
    _, m = watched(6)
    figure = m.plot(tmp_path / "watched.png")
    assert (tmp_path / "watched.png").read_bytes().startswith(b"\x89PNG")
    assert figure._repr_png_().startswith(b"\x89PNG")
    titles = [axes.get_title() for axes in figure.axes]
    assert sum(title.startswith("outputs of") for title in titles) == 4
    assert "update / data (dotted: 1e-3)" in titles
    assert "1: BatchNorm1d\nmean: running (thick), batch (thin)" in titles
    updates = next(axes for axes in figure.axes if axes.get_title().startswith("update"))
    line = next(line for line in updates.lines if line.get_label() == "0.weight")
    assert list(line.get_ydata()) == [r.ratio for r in m.updates["0.weight"]]


def test_plots_without_everything():
    model = nn.Sequential(nn.Linear(2, 2))
    with torch.monitor(model) as m:
        with pytest.raises(RuntimeError, match="nothing was noted yet"):
            m.plot()
        model(torch.ones(1, 2))
        assert len(m.plot().axes) == 5
    assert _plots._chosen(list("abcdefg"), 3) == ["a", "d", "g"]
    assert _plots._chosen(list("abcdefg"), 1) == ["a"]


def test_without_matplotlib_the_error_names_the_way_out():
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import minitorch_bn as torch\n"
        "m = torch.monitor(torch.nn.Linear(2, 2)); m.step()\n"
        "try: m.plot()\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == 'monitor.plot() needs matplotlib: pip install "minitorch_bn[examples]"\n'


def test_refused():
    with pytest.raises(TypeError, match=r"monitor\(\) takes an nn.Module, not int"):
        torch.monitor(3)
    with pytest.raises(ValueError, match="every must be at least 1, but got 0"):
        torch.monitor(network(), every=0)
