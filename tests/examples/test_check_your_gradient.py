"""Checking one's own operator: a right one, a wrong one, one from a file."""

from __future__ import annotations

import pytest
from example_runs import is_png, refusal, run, without

PROGRAM = "check_your_gradient.py"

OPERATORS = """
import minitorch_bn as torch


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * w, (g * x).sum(0)


class Forgetful(Scale):
    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * w, (g * x.detach()).sum(0)  # right, but to the second derivative x is a constant
"""


@pytest.fixture
def operators(tmp_path):
    path = tmp_path / "operators.py"
    path.write_text(OPERATORS)
    return path


def test_a_right_one():
    assert run(PROGRAM).stdout == "Swish: right, up to derivatives of order 2\n"


def test_the_report_on_a_wrong_one():
    report = refusal(PROGRAM, "WrongSwish")
    assert report.startswith("WrongSwish: the first derivative is wrong, with respect to input 0\n")
    assert "analytic 0.8236" in report
    assert "numeric 1.0474" in report


def test_one_of_two_inputs_from_a_file(operators):
    assert "right" in run(PROGRAM, f"{operators}:Scale", "--shapes", "4x3", "3", "--order", 3).stdout
    name = f"{operators}:Forgetful"
    assert "right" in run(PROGRAM, name, "--shapes", "4x3", "3", "--order", 1).stdout
    assert refusal(PROGRAM, name, "--shapes", "4x3", "3").startswith(f"{name}: the second derivative is wrong")


def test_the_error_over_the_step_is_drawn(tmp_path):
    picture = tmp_path / "errors.png"
    refusal(PROGRAM, "WrongSwish", "--plot", picture)
    assert is_png(picture)


def test_what_cannot_be_found_or_called_is_named(operators):
    assert "there is no file nowhere.py" in refusal(PROGRAM, "nowhere.py:Scale")
    assert "there is no operator Scales" in refusal(PROGRAM, f"{operators}:Scales")
    assert "there are: Scale, Forgetful" in refusal(PROGRAM, f"{operators}:Scales")
    assert "see --shapes" in refusal(PROGRAM, "Swish", "--shapes", "3", "3")
    assert "argument --shapes: invalid" in refusal(PROGRAM, "--shapes", "3xx")
    assert "--order must be at least 1" in refusal(PROGRAM, "--order", 0)


def test_a_missing_package_is_named_with_the_command_that_brings_it():
    message = without("matplotlib", PROGRAM, "--plot", "no.png")
    assert message == 'matplotlib is missing: pip install "minitorch_bn[examples]"\n'
