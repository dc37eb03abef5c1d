"""The example program, run as a user runs it, at small size."""

from __future__ import annotations

import re

import pytest
from example_runs import EXAMPLES, is_png, last_line, python, refusal, without
from example_runs import run as run_example


def run(*arguments):
    return run_example("train_digits.py", *arguments)


@pytest.mark.parametrize("arguments", [("--model", "mlp"), ("--model", "mlp", "--no-batchnorm")])
def test_the_last_line_is_the_accuracy(arguments):
    done = run(*arguments, "--epochs", 2)
    assert re.fullmatch(r"test accuracy 0\.\d{4}", last_line(done))
    assert "loss=" in done.stderr  # the progress bar
    assert "accuracy=" in done.stderr


def test_the_cnn_with_defaults_reaches_98_percent():
    assert float(last_line(run()).split()[-1]) >= 0.98


def test_a_resumed_run_reaches_the_same_numbers(tmp_path):
    import minitorch_bn as torch

    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    arguments = ("--model", "mlp", "--epochs", 4)
    through = run(*arguments, "--save", whole)
    # stopped by Ctrl-C after two epochs
    first = python("-c", INTERRUPTED, EXAMPLES / "train_digits.py", *arguments, "--save", parts)
    assert "stopped after 2 epochs" in first.stdout, first.stderr
    assert len(torch.load(parts)["losses"]) == 2
    resumed = run(*arguments, "--resume", parts)
    assert last_line(resumed) == last_line(through)
    one, other = torch.load(whole), torch.load(parts)
    assert one["losses"] == other["losses"]
    for key, value in one["model"].items():
        assert torch.equal(value, other["model"][key])


INTERRUPTED = """
import runpy, sys, signal, os
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored
sys.argv = sys.argv[1:]
program = runpy.run_path(sys.argv[0], run_name="program")
save = program["Run"].save
def save_then_interrupt(self, path):
    save(self, path)
    if len(self.losses) == 2:
        os.kill(os.getpid(), signal.SIGINT)
program["Run"].save = save_then_interrupt
program["main"]()
"""


def test_the_plot_is_drawn(tmp_path):
    picture = tmp_path / "curves.png"
    run("--model", "mlp", "--epochs", 2, "--plot", picture)
    assert is_png(picture)


@pytest.mark.parametrize("arguments", [("--epochs", "0"), ("--resume", "nowhere.npz"), ("--lr", "-1")])
def test_bad_arguments_are_refused(arguments):
    assert "error:" in refusal("train_digits.py", *arguments)


@pytest.mark.parametrize("package", ["sklearn", "tqdm"])
def test_a_missing_package_is_named_with_the_command_that_brings_it(package):
    message = without(package, "train_digits.py")
    assert message.startswith(package)
    assert message.endswith(' is missing: pip install "minitorch_bn[examples]"\n')
