"""``draw``: every step of the graph, named and placed, in text, DOT and pictures that hold together."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.insight._graph import Group
from minitorch_bn.insight._layout import lay_out

SVG = "{http://www.w3.org/2000/svg}"


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        return (self.bn(self.conv(x)) + x).relu()


def network():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), Block(4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3))


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_operator_is_there_with_its_inputs():
    a, b = torch.ones(2, 3, requires_grad=True), torch.ones(3, requires_grad=True)
    h = a * b
    d = torch.draw((h + h.exp()).sum(), params={"a": a, "b": b})
    assert [step.label for step in d.steps] == ["Mul", "Exp", "Add", "Sum"]
    assert [[source.label for source in step.inputs] for step in d.steps] == [[], ["Mul"], ["Mul", "Exp"], ["Add"]]
    assert [str(leaf) for leaf in d.steps[0].leaves] == ["a (2, 3)", "b (3,)"]
    assert [step.shape for step in d.steps] == [(2, 3), (2, 3), (2, 3), ()]


def test_leaves_used_twice_or_without_a_name_are_steps_of_their_own():
    x, w = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    d = torch.draw((x * w * w).sum(), params={"w": w})
    assert [(s.label, s.is_leaf) for s in d.steps] == [
        ("leaf", True), ("w", True), ("Mul", False), ("Mul", False), ("Sum", False),
    ]  # fmt: skip


def test_gradient_norms():
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    h = w * 1
    h.retain_grad()
    loss = (h * h).sum() / 2
    assert "|grad|" not in repr(torch.draw(loss, params={"w": w}))
    loss.backward()
    assert re.findall(r"(\S+)(?: \(2,\))? \|grad\| 5", repr(torch.draw(loss, params={"w": w}))) == ["Mul", "w"]


def test_a_tensor_without_a_graph():
    d = torch.draw(torch.ones(2, 3))
    assert "constant: no graph" in repr(d)
    assert "leaf" in repr(torch.draw(torch.ones(2, requires_grad=True)))
    assert "constant: no graph" in texts(d.svg())


def test_several_outputs():
    x = torch.ones(2, requires_grad=True)
    d = torch.draw({"a": x * 2, "b": [x + 1, (x.exp(),)]})
    assert {step.label for step in d.steps} == {"leaf", "Mul", "Add", "Exp"}
    assert "3 tensors" in repr(d)


def test_modules_by_their_parameters():
    model = network()
    loss = nn.functional.cross_entropy(model(torch.ones(2, 1, 8, 8)), torch.tensor([0, 1]))
    with torch.no_grad():
        d = torch.draw(loss, model=model)
    places = {step.label: [place.path for place in step.place] for step in d.steps}
    assert places["NativeBatchNorm"] == ["", "1", "1.bn"]
    assert places["Addmm"] == ["", "4"]
    assert places["View"] == [""]
    assert places["NllLoss"] == []
    assert "1.bn.weight (4,)" in repr(d)


def test_a_model_with_an_input_shows_every_layer():
    model, x = network(), torch.ones(2, 1, 8, 8)
    d = torch.draw(model, x)
    places = {step.label: [place.path for place in step.place] for step in d.steps}
    assert places["View"] == ["", "3"]
    assert places["MaxPool2DWithIndices"] == ["", "2"]
    assert places["Add"] == ["", "1"]
    assert places["input"] == []
    assert str(d.steps[1].place[0]) == "Sequential"


def test_a_module_called_twice_is_two_boxes():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Tanh(), nn.Linear(3, 3), nn.Tanh())

        def forward(self, x):
            return self.inner(self.inner(x) * 2)

    d = torch.draw(Twice(), torch.ones(2, 3))
    assert d.dot().count('label="inner: Sequential"') == 2
    assert texts(d.svg()).count("inner: Sequential") == 2


@pytest.mark.parametrize("training", [True, False])
def test_drawing_a_model_leaves_no_trace(training):
    model, x = network().train(training), torch.randn(2, 1, 8, 8)
    model(x).sum().backward()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    grads = [p.grad.clone() for p in model.parameters()]
    versions = [b._version for b in model.buffers()]
    attributes = [dict(vars(part)) for part in model.modules()]
    random = torch.get_rng_state()
    with torch.inference_mode():
        torch.draw(nn.Sequential(model, nn.Dropout()), x)
    with pytest.raises(RuntimeError):
        torch.draw(model, torch.ones(2, 9, 8, 8))
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(p.grad, grad) for p, grad in zip(model.parameters(), grads))
    assert [b._version for b in model.buffers()] == versions
    assert [dict(vars(part)) for part in model.modules()] == attributes
    assert torch.equal(torch.get_rng_state(), random)
    assert not x.requires_grad
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


def test_lazy_models_stay_lazy():
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU())
    assert "(2, 3)" in repr(torch.draw(model, torch.ones(2, 5)))
    assert model[0].has_uninitialized_params()


def test_depth_draws_modules_as_one_box():
    model, x = network(), torch.ones(2, 1, 8, 8)
    d = torch.draw(model, x, depth=1)
    assert [step.label for step in d.steps] == [
        "input", "0: Conv2d", "1: Block (4 steps)", "2: MaxPool2d", "3: Flatten", "4: Linear",
    ]  # fmt: skip
    assert [[source.number for source in step.inputs] for step in d.steps] == [[], [0], [1], [2], [3], [4]]
    assert [step.label for step in torch.draw(model, x, depth=0).steps] == ["input", "Sequential (8 steps)"]


def test_names_are_escaped():
    w = torch.ones(2, requires_grad=True)
    name = 'a<b> & "c" \\ d'
    d = torch.draw((w * 2).sum(), params={name: w})
    assert f"{name} (2,)" in texts(d.svg())
    assert r"a<b> & \"c\" \\ d (2,)" in d.dot()


def test_the_same_graph_gives_the_same_drawing():
    model, x = network(), torch.ones(2, 1, 8, 8)
    a, b = torch.draw(model, x), torch.draw(model, x)
    assert (a.text(), a.svg(), a.dot()) == (b.text(), b.svg(), b.dot())


def test_dot():
    x = torch.ones(2, requires_grad=True)
    lines = torch.draw(x * x, params={"x": x}).dot().splitlines()
    assert lines[0] == "digraph {"
    assert lines[-3:] == ["  s0 -> s1;", "  s0 -> s1;", "}"]
    dot = torch.draw(network(), torch.ones(1, 1, 8, 8)).dot()
    assert dot.count("{") == dot.count("}") == dot.count("subgraph") + 1


@pytest.mark.parametrize("ending", ["svg", "dot", "txt"])
def test_saving(tmp_path, ending):
    d = torch.draw(network(), torch.ones(1, 1, 8, 8))
    d.save(tmp_path / f"graph.{ending}")
    written = (tmp_path / f"graph.{ending}").read_text(encoding="utf-8")
    assert written == {"svg": d.svg, "dot": d.dot, "txt": d.text}[ending]()


def test_refused(tmp_path):
    x = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(ValueError, match=r"draw can save .svg, .dot and .txt, but got .*png"):
        torch.draw(x).save(tmp_path / "graph.png")
    with pytest.raises(TypeError, match="not int"):
        torch.draw([x, 3])
    with pytest.raises(TypeError, match="was given no Tensor"):
        torch.draw([])
    with pytest.raises(TypeError, match="inputs only for a model"):
        torch.draw(x, x)
    with pytest.raises(TypeError, match=r"model must be an nn.Module, not dict"):
        torch.draw(x, model={})


def test_a_graph_of_20_000_steps():
    y = torch.ones(1, requires_grad=True)
    for _ in range(20_000):
        y = y + 1
    d = torch.draw(y)
    assert len(d.steps) == 20_001
    assert len(d.text().splitlines()) < 500
    assert "more lines" in d.text()
    assert d.dot().count("->") == 20_000
    assert any("too many for a readable picture" in line for line in texts(d.svg()))
    assert len(d.svg()) < 3_000


def check(box):
    """Nothing overlaps, nothing sticks out, and every line runs downwards from its box to the next."""
    solid = [inner for inner in box.boxes if inner.content is not None]
    for i, a in enumerate(solid):
        assert a.x >= -1e-6
        assert a.y >= -1e-6
        assert a.x + a.width <= box.width + 1e-6
        assert a.y + a.height <= box.height + 1e-6
        for b in solid[:i]:
            apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
            assert apart
    for line in box.lines:
        points = line.points()
        assert all(upper[1] <= lower[1] for upper, lower in pairwise(points))
        for (x0, y0), (x1, y1) in pairwise(points):
            for other in solid:
                inside = other.x < min(x0, x1) and max(x0, x1) < other.x + other.width
                crossed = inside and other.y < (y0 + y1) / 2 < other.y + other.height
                assert not crossed
    for inner in solid:
        if isinstance(inner.content, Group):
            check(inner)


@given(st.data())
def test_layouts_of_random_graphs(data):
    values = [torch.ones(2, requires_grad=True)]
    layers = [nn.Linear(2, 2) for _ in range(4)]
    for _ in range(data.draw(st.integers(1, 25))):
        pick = lambda: values[data.draw(st.integers(max(0, len(values) - 8), len(values) - 1))]  # noqa: E731
        kind = data.draw(st.integers(0, 2))
        if kind == 0:
            values.append(layers[data.draw(st.integers(0, 3))](pick()).tanh())
        else:
            values.append(pick() + pick() if kind == 1 else pick().exp())
    root = torch.draw(values[-3:], model=nn.ModuleList(layers))._root
    check(lay_out(root, lambda step: (60.0 + 10 * len(step.leaves), 30.0), lambda group: 40.0))


def test_nested_calls_lay_out(rng):
    d = torch.draw(nn.Sequential(network(), nn.Sequential(nn.Tanh(), nn.Tanh())), torch.ones(2, 1, 8, 8))
    check(lay_out(d._root, lambda step: (80.0, 30.0), lambda group: 40.0))
