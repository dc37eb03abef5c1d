"""The programs of the README and its page print what a real PyTorch prints, and what the text says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the parity suite compares with a real PyTorch: pip install torch==2.13.0")

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
PAGE = (Path(__file__).parents[2] / "examples/from_pytorch.md").read_text("utf-8")
PROGRAM = re.search(r"^```python\n(import minitorch_bn as torch.*?)^```$", README, re.MULTILINE | re.DOTALL)[1]


def printed(program):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, "README.md", "exec"), {})
    return out.getvalue()


def test_one_line_makes_it_a_pytorch_program():
    ours = printed(PROGRAM)
    theirs = printed(PROGRAM.replace("import minitorch_bn as torch", "import torch", 1))
    assert ours == theirs
    assert f"Both print `{ours.strip()}`" in README


@pytest.mark.parametrize("program", re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
def test_what_carries_over(program):
    theirs = printed(program.replace("import minitorch_bn as torch", "import torch", 1))
    assert printed(program) == theirs != ""
