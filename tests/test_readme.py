"""What the README and its page for PyTorch's users show runs."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGE = (ROOT / "examples/from_pytorch.md").read_text("utf-8")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


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


@pytest.mark.parametrize("code", [code for language, code in FENCED.findall(README) if language == "python"])
def test_the_programs_run(code):
    accuracy = re.search(r"accuracy (0\.\d+|1\.0+)", printed(code))
    assert accuracy
    assert float(accuracy[1]) > 0.9


@pytest.mark.parametrize("code", [code for language, code in FENCED.findall(PAGE) if language == "python"])
def test_the_page_prints_what_it_says(code):
    lines = printed(code).splitlines()
    assert lines
    for line in lines:
        assert f"# {line}\n" in code


@pytest.mark.parametrize("text", [README, PAGE, (ROOT / "CONTRIBUTING.md").read_text("utf-8")])
def test_links_lead_somewhere(text):
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if not t.startswith("https://")]
    assert targets or "](" not in text
    for target in targets:
        assert (ROOT / target).exists()


def printed(code):
    """What a program prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})
    return out.getvalue()
