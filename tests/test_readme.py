"""What the README shows runs."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("heading", "command"),
    [
        ("Run it", 'python -m pip install -e ".[examples]" && python examples/train_digits.py'),
        ("Test it", 'python -m pip install -e ".[test]" && python -m pytest'),
    ],
)
def test_the_two_commands_stand_alone_in_their_blocks(heading, command):
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    assert f"```sh\n{command}\n```" in section


@pytest.mark.parametrize("code", [code for language, code in BLOCKS if language == "python"])
def test_the_programs_run(code):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    accuracy = re.search(r"accuracy (0\.\d+|1\.0+)", printed.getvalue())
    assert accuracy
    assert float(accuracy[1]) > 0.9
