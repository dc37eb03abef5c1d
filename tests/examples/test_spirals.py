"""The spirals, at small size."""

from __future__ import annotations

import re

import pytest
from example_runs import is_png, last_line, refusal, run, without

SMALL = ("--points", 60, "--epochs", 25, "--batch-size", 30)


@pytest.mark.parametrize("arguments", [(), ("--no-batchnorm",), ("--arms", 5, "--hidden", 48)])
def test_the_arms_are_told_apart(arguments):
    done = run("spirals.py", *SMALL, *arguments)
    assert re.fullmatch(r"accuracy on fresh points [01]\.\d{4}", last_line(done))
    assert float(last_line(done).split()[-1]) > 0.8  # guessing: a third, or a fifth
    assert "loss=" in done.stderr  # the progress bar


def test_what_both_networks_decide_is_drawn(tmp_path):
    picture = tmp_path / "spirals.png"
    done = run("spirals.py", "--points", 20, "--epochs", 1, "--batch-size", 20, "--plot", picture)
    assert is_png(picture)
    assert "without BatchNorm" in done.stderr


@pytest.mark.parametrize("arguments", [("--arms", 1), ("--batch-size", 1000), ("--lr", 0), ("--noise", -1)])
def test_bad_arguments_are_refused(arguments):
    message = refusal("spirals.py", *arguments)
    assert "error:" in message
    assert arguments[0] in message.partition("error:")[2]


def test_help_shows_how_to_call_it():
    assert "python examples/spirals.py --plot" in run("spirals.py", "--help").stdout


@pytest.mark.parametrize(("package", "arguments"), [("tqdm", ()), ("matplotlib", ("--plot", "no.png"))])
def test_a_missing_package_is_named_with_the_command_that_brings_it(package, arguments):
    assert without(package, "spirals.py", *arguments) == f'{package} is missing: pip install "minitorch_bn[examples]"\n'
