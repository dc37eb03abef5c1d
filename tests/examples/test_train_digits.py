"""The example program, run as a user runs it, at small size."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "examples" / "train_digits.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[1]), "MPLBACKEND": "Agg"}


def run(*arguments):
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def last_line(done):
    return done.stdout.strip().splitlines()[-1]


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
    first = subprocess.run(  # stopped by Ctrl-C after two epochs
        [sys.executable, "-c", INTERRUPTED, str(PROGRAM), *map(str, arguments), "--save", str(parts)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
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
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [("--epochs", "0"), ("--resume", "nowhere.npz"), ("--lr", "-1")])
def test_bad_arguments_are_refused(arguments):
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *arguments], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert done.returncode == 2
    assert "error:" in done.stderr
