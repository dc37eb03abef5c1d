"""Anomaly detection: the NaN, the line it came from, and no trace of it when it is off."""

from __future__ import annotations

import threading
import warnings

import pytest

import minitorch_bn as torch
from minitorch_bn.autograd import anomaly_mode, engine, node

ENABLED = (
    "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging."
)


@pytest.fixture(autouse=True)
def off_afterwards():
    yield
    assert not torch.is_anomaly_enabled()
    assert node._trace is None
    assert engine._watch is None


def not_a_number():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    return x.sqrt().sum()  # the line to be named


def caught_in(function, *args):
    """The error and the warnings of a call."""
    with warnings.catch_warnings(record=True) as seen, pytest.raises(Exception) as error:  # noqa: PT011
        warnings.simplefilter("always")
        function(*args)
    return error.value, seen


def test_names_the_function_and_the_forward_line():
    def run():
        with torch.autograd.detect_anomaly():
            not_a_number().backward()

    error, seen = caught_in(run)
    assert type(error) is RuntimeError
    lines = str(error).splitlines()
    # the first line is PyTorch 2.13's whole message
    assert lines[0] == "Function 'SqrtBackward0' returned nan values in its 0th output."
    assert lines[-1].strip().startswith("return x.sqrt().sum()  # the line to be named")
    assert str(seen[0].message) == ENABLED
    text = str(seen[1].message)
    assert text.startswith("Error detected in SqrtBackward0. Traceback of forward call that caused the error:\n  File ")
    assert text.rstrip().endswith("return x.sqrt().sum()  # the line to be named")
    assert seen[1].filename == __file__


def test_line_of_a_module_is_the_users():
    layer = torch.nn.Linear(1, 1)
    with torch.no_grad():
        layer.weight.fill_(float("nan"))
    x = torch.ones(1, 1, requires_grad=True)

    def run():
        with torch.autograd.set_detect_anomaly(True):
            y = layer(x)  # here
            y.sum().backward()

    error, _ = caught_in(run)
    assert str(error).splitlines()[-1].strip() == "y = layer(x)  # here"


def test_forward_outside():
    loss = not_a_number()

    def run():
        with torch.autograd.set_detect_anomaly(True):
            loss.backward()

    error, seen = caught_in(run)
    assert str(error) == "Function 'SqrtBackward0' returned nan values in its 0th output."
    assert str(seen[0].message) == (
        "Error detected in SqrtBackward0. No forward pass information available. Enable detect anomaly during forward "
        "pass for more information."
    )


def test_backward_of_a_backward_tells_both_lines():
    def run():
        with torch.autograd.set_detect_anomaly(True):
            x = torch.tensor(1.0, requires_grad=True)
            y = (x - 1) ** 1.5  # first
            (g,) = torch.autograd.grad(y, x, create_graph=True)  # second
            (h,) = torch.autograd.grad(g, x, create_graph=True)  # third: infinite
            torch.autograd.grad(h * 0, x)

    error, seen = caught_in(run)
    assert "returned nan values" in str(error)
    texts = [str(w.message).rstrip() for w in seen]
    assert texts[0].endswith("(h,) = torch.autograd.grad(g, x, create_graph=True)  # third: infinite")
    assert "Traceback of forward call that induced the previous calculation:" in texts[1]
    assert texts[1].endswith("(g,) = torch.autograd.grad(y, x, create_graph=True)  # second")
    assert texts[2].endswith("y = (x - 1) ** 1.5  # first")


def test_other_errors_show_the_line_too():
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise ValueError("mine")

    def run():
        with torch.autograd.set_detect_anomaly(True):
            y = Fails.apply(torch.ones(1, requires_grad=True))  # here
            y.backward()

    error, seen = caught_in(run)
    assert (type(error), str(error)) == (ValueError, "mine")
    assert str(seen[0].message).startswith("Error detected in FailsBackward.")
    assert str(seen[0].message).rstrip().endswith("# here")


def test_without_the_check_for_nan():
    with pytest.warns(UserWarning, match="Anomaly Detection"):
        context = torch.autograd.detect_anomaly(check_nan=False)
    with context:
        not_a_number().backward()
        assert torch.is_anomaly_enabled()
        assert not torch.is_anomaly_check_nan_enabled()
    assert torch.is_anomaly_check_nan_enabled()


def test_a_gradient_nobody_asked_for_may_be_nan():
    x = torch.ones(1, requires_grad=True)
    with torch.autograd.set_detect_anomaly(True):
        (x * torch.tensor([2.0])).sum().backward()
        (torch.tensor([float("nan")]) + x).sum().backward()
    assert x.grad.tolist() == [3.0]


def test_function_context_and_decorator():
    torch.autograd.set_detect_anomaly(True)
    assert torch.is_anomaly_enabled()
    torch.autograd.set_detect_anomaly(mode=False)
    with torch.autograd.set_detect_anomaly(True):
        with torch.autograd.set_detect_anomaly(False):
            assert not torch.is_anomaly_enabled()
        assert torch.is_anomaly_enabled()
    with pytest.warns(UserWarning, match="Anomaly Detection"):

        @torch.autograd.detect_anomaly()
        def inside():
            return torch.is_anomaly_enabled()

    assert inside()
    assert not torch.is_anomaly_enabled()
    # PyTorch 2.13's text
    with pytest.raises(
        TypeError, match=r"set_anomaly_enabled\(\): argument 'enabled' \(position 1\) must be bool, not str"
    ):
        torch.autograd.set_detect_anomaly("x")


def test_holds_in_all_threads():
    seen = []
    with torch.autograd.set_detect_anomaly(True):
        thread = threading.Thread(target=lambda: seen.append(torch.is_anomaly_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_off_nodes_note_nothing():
    y = torch.ones(1, requires_grad=True) * 2
    assert not hasattr(y.grad_fn, "_origin")
    with torch.autograd.set_detect_anomaly(True):
        y = torch.ones(1, requires_grad=True) * 2
    assert hasattr(y.grad_fn, "_origin")
    assert anomaly_mode.is_anomaly_enabled() is False


def test_type_of_every_grad_fn():
    x = torch.ones(1, requires_grad=True)
    assert isinstance((x * 2).grad_fn, torch.autograd.graph.Node)
