"""``summary``: what it counts, and that the model does not notice."""

from __future__ import annotations

import pytest

import minitorch_bn as torch
from minitorch_bn import nn


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(144, 3))
    )


def test_layers_shapes_and_counts():
    s = torch.summary(network(), (2, 1, 8, 8))
    assert [(x.path, x.kind, x.depth, x.output_shapes, x.params, x.nbytes) for x in s.layers] == [
        ("", "Sequential", 0, [(2, 3)], 0, 24),
        ("0", "Conv2d", 1, [(2, 4, 6, 6)], 40, 1152),
        ("1", "BatchNorm2d", 1, [(2, 4, 6, 6)], 8, 1152),
        ("2", "ReLU", 1, [(2, 4, 6, 6)], 0, 1152),
        ("3", "Sequential", 1, [(2, 3)], 0, 24),
        ("3.0", "Flatten", 2, [(2, 144)], 0, 0),
        ("3.1", "Dropout", 2, [(2, 144)], 0, 0),
        ("3.2", "Linear", 2, [(2, 3)], 435, 24),
    ]
    assert (s.total_params, s.trainable_params, s.non_trainable_params) == (483, 483, 0)
    assert (s.param_bytes, s.buffer_bytes, s.input_bytes) == (4 * 483, 4 * 8 + 8, 4 * 128)
    assert s.output_bytes == 3 * 1152 + 24


def test_the_printed_table():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    model[0].bias.requires_grad_(False)
    assert repr(torch.summary(model, (5, 2))).splitlines() == [
        "layer        output shape  parameters  memory",
        "---------------------------------------------",
        "Sequential   (5, 3)",
        "  0: Linear  (5, 3)                 9    60 B",
        "  1: Tanh    (5, 3)                      60 B",
        "",
        "parameters: 9 (3 of them not trainable), 36 B",
        "input: 40 B, outputs: 120 B",
    ]
    html = torch.summary(model, (5, 2))._repr_html_()
    assert html.count("<tr") == html.count("</tr>") == 4


@pytest.mark.parametrize("mode", ["eval", "train", "same"])
@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_alone(mode, training):
    model = network().train(training)
    model[1].eval()  # a mixture of modes must survive too
    model(torch.randn(4, 1, 8, 8)).sum().backward()
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    attributes = [dict(vars(part)) for part in model.modules()]
    versions = [t._version for t in (*model.parameters(), *model.buffers())]
    values = [t.detach().clone() for t in (*model.parameters(), *model.buffers())]
    grads = [p.grad.clone() for p in model.parameters()]
    random = torch.get_rng_state()
    torch.summary(model, (2, 1, 8, 8), mode=mode)
    with pytest.raises((RuntimeError, ValueError)):
        torch.summary(model, (2, 5, 8, 8), mode=mode)
    assert [dict(vars(part)) for part in model.modules()] == attributes
    assert [t._version for t in (*model.parameters(), *model.buffers())] == versions
    assert all(torch.equal(t, v) for t, v in zip((*model.parameters(), *model.buffers()), values))
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads))
    assert torch.equal(torch.get_rng_state(), random)
    assert all(len(part._forward_hooks) == (part is model) for part in model.modules())
    assert calls == [1]


def test_modes():
    model = network()
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        torch.summary(nn.BatchNorm1d(3), (1, 3), mode="train")
    torch.summary(nn.BatchNorm1d(3), (1, 3))
    modes = []
    model[2].register_forward_hook(lambda part, *_: modes.append(part.training))
    for mode in ("eval", "train", "same"):
        torch.summary(model.eval(), (2, 1, 8, 8), mode=mode)
    assert modes == [False, True, False]


def test_several_inputs_of_several_dtypes():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(10, 4)
            self.mix = nn.Linear(4, 4)
            self.unused = nn.Linear(2, 2)

        def forward(self, i, x, scale=1):
            h = self.mix(self.mix(self.embed(i)))
            return {"sum": h + x * scale, "parts": (h, [x])}

    s = torch.summary(Model(), [(2, 3), (4,)], dtypes=[torch.int64, torch.float64])
    assert s.layers[0].output_shapes == [(2, 3, 4), (2, 3, 4), (4,)]
    assert [(x.path, x.was_called, x.again) for x in s.layers] == [
        ("", True, False), ("embed", True, False), ("mix", True, False), ("mix", True, True), ("unused", False, False),
    ]  # fmt: skip
    assert s.total_params == 40 + 20 + 6
    assert s.input_bytes == 6 * 8 + 4 * 8
    assert "not called" in repr(s)
    assert "mix: Linear (again)" in repr(s)
    i, x = torch.zeros(2, 3, dtype=torch.int64), torch.ones(4)
    for data in ([i, x], (i, x, 2.0), {"i": i, "x": x}):
        assert torch.summary(Model(), input_data=data).layers[1].output_shapes == [(2, 3, 4)]
    assert torch.summary(nn.Linear(4, 1), input_data=x).layers[0].output_shapes == [(1,)]


def test_lazy_layers_are_shown_with_their_shapes_and_stay_lazy():
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    s = torch.summary(model, (2, 5))
    assert [x.kind for x in s.layers] == ["Sequential", "Linear", "BatchNorm1d"]
    assert s.total_params == 18 + 6
    assert model[0].has_uninitialized_params()
    assert "and some that get their shape from the first input" in repr(torch.summary(model))


def test_shared_parameters_count_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert torch.summary(model, (1, 3)).total_params == 15


def test_depth_and_no_input():
    text = repr(torch.summary(network(), (2, 1, 8, 8), depth=1))
    assert "3: Sequential" in text
    assert "2: Linear" not in text
    assert "parameters: 483" in text
    s = torch.summary(network())
    assert s.total_params == 483
    assert all(layer.output_shapes == [] for layer in s.layers)


def test_refused():
    with pytest.raises(TypeError, match=r"takes an nn.Module, not int"):
        torch.summary(3)
    for wrong in (3, "abc", (2.5, 3), [(2, 3), "ab"], (-1, 3)):
        with pytest.raises(TypeError, match="input_size must be a shape such as"):
            torch.summary(nn.Linear(3, 3), wrong)
    with pytest.raises(ValueError, match="not both"):
        torch.summary(nn.Linear(3, 3), (1, 3), input_data=torch.ones(1, 3))
    with pytest.raises(ValueError, match="2 input sizes and 1 dtypes"):
        torch.summary(nn.Identity(), [(1, 3)] * 2, dtypes=[None])
    with pytest.raises(ValueError, match="mode must be"):
        torch.summary(nn.Linear(3, 3), (1, 3), mode="test")
    with pytest.raises(
        ValueError, match=r"expected 4D input[\s\S]*with input of shape \[1, 8, 8\], the batch included"
    ):
        torch.summary(network(), (1, 8, 8))
