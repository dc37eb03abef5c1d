"""Whole programs print the same under PyTorch and here, with nothing changed but the import.

Each file in programs/ is an ordinary PyTorch script. Its lines are compared one by one: words to the letter, whole
numbers exactly, others to four digits, spaces by their presence only (a digit more or less moves a column).
"""

from __future__ import annotations

import contextlib
import io
import random
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*(?:e[-+]?\d+)?|\d+e[-+]?\d+|\.\d+|\d+)")


def ported(source: str) -> str:
    """The program for this package: the imports changed, and nothing else."""
    source = re.sub(r"^import torch$", "import minitorch_bn as torch", source, flags=re.MULTILINE)
    return re.sub(r"^(import|from) torch\b", r"\1 minitorch_bn", source, flags=re.MULTILINE)


def output(source: str, path: Path) -> list[str]:
    """The lines that a program prints."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - programs use what they use
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source, str(path), "exec"), {"__name__": "__main__"})
    text = re.sub(r"0x[0-9a-f]+", "0x...", printed.getvalue().replace("minitorch_bn", "torch"))
    return text.splitlines()


def same(ours: str, theirs: str) -> bool:
    """Whether two lines say the same."""
    if words(ours) != words(theirs):
        return False
    return all(map(close, NUMBER.findall(ours), NUMBER.findall(theirs)))


def words(line: str) -> list[str]:
    return NUMBER.sub(" # ", line).split()


def close(ours: str, theirs: str) -> bool:
    if not set(".e") & set(ours + theirs):
        return int(ours) == int(theirs)
    if {ours, theirs} == {"0.", "-0."}:  # printed so, both are exact
        return False
    a, b = float(ours), float(theirs)
    return abs(a - b) <= 1.01e-4 * max(1, abs(b))  # one in the last of four printed digits


@pytest.fixture(autouse=True)
def as_at_the_start(tmp_path, monkeypatch, settings_put_back):
    monkeypatch.chdir(tmp_path)
    # PyTorch's test helpers, which other files here import, forbid to set these flags.
    flags = torch.backends.flags_frozen.__globals__
    monkeypatch.setitem(flags, "__allow_nonbracketed_mutation_flag", True)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_program(path):
    source = path.read_text("utf-8")
    theirs = output(source, path)
    ours = output(ported(source), path)
    for number, (a, b) in enumerate(zip(ours, theirs), 1):
        assert same(a, b), f"line {number} of the output:\n  ours:   {a}\n  theirs: {b}"
    assert len(ours) == len(theirs)


@pytest.mark.parametrize(
    "ours, theirs, alike",
    [
        ("tensor([1.0000, 2.0000])", "tensor([1.0001,  2.0000])", True),
        ("loss 0.1234", "loss 0.1237", False),
        ("12 of 20", "12 of 21", False),
        ("tensor([1.])", "tensor([1.], requires_grad=True)", False),
        ("-1", "1", False),
        ("tensor([0., 1.])", "tensor([-0., 1.])", False),
        ("1.2345e-08", "0.9999e-08", True),
    ],
)
def test_the_comparison_itself(ours, theirs, alike):
    assert same(ours, theirs) is alike
