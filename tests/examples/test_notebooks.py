"""The notebooks: stored as they ran, readable anywhere, and (slow) still saying the same when they are run again."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from types import SimpleNamespace

import pytest
from example_runs import EXAMPLES, python, refusal

FOLDER = EXAMPLES / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
rerun = SimpleNamespace(**runpy.run_path(str(FOLDER / "rerun.py")))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, kind):
    """The cells of one kind, with their text in one piece."""
    found = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == kind]
    return [{**cell, "source": "".join(cell["source"])} for cell in found]


def test_there_are_six_in_order():
    assert [path.name[:3] for path in NOTEBOOKS] == [f"0{n}_" for n in range(1, 7)]
    assert [str(path) for path in rerun.NOTEBOOKS] == [str(path) for path in NOTEBOOKS]


@pytest.mark.slow
@each_notebook
def test_run_again_it_says_the_same_and_the_solutions_are_right(path):
    assert rerun.check(path) == []


@pytest.mark.slow
def test_stored_anew_it_is_the_same_file(tmp_path):
    folder = tmp_path / "examples" / "notebooks"
    folder.mkdir(parents=True)
    for path in (FOLDER / "rerun.py", NOTEBOOKS[0]):
        shutil.copy(path, folder)
    done = python(folder / "rerun.py", "01")
    assert done.returncode == 0, done.stderr
    assert (folder / NOTEBOOKS[0].name).read_text("utf-8") == NOTEBOOKS[0].read_text("utf-8")


def test_a_notebook_that_is_not_there_is_named_with_those_that_are():
    assert "there is no notebook 07; there are 01_the_tape" in refusal("notebooks/rerun.py", "07")


@each_notebook
def test_it_is_stored_as_it_ran_from_top_to_bottom(path):
    code = cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr"


@each_notebook
def test_outputs_name_no_machine_and_no_address(path):
    text = json.dumps([cell["outputs"] for cell in cells(path, "code")])
    text = re.sub(r'"image/\w+": "[^"]*"', "", text)
    assert not re.search(r"/(home|root|tmp|work|usr|Users)/|[A-Z]:\\\\| at 0x[0-9a-f]+|site-packages", text)


def test_the_tape_has_fifty_lines():
    stored = json.loads(NOTEBOOKS[0].read_text("utf-8"))["cells"]
    (end,) = (i for i, cell in enumerate(stored) if cell["source"][0].startswith("## Does it work?"))
    lines = [line for cell in stored[:end] if cell["cell_type"] == "code" for line in cell["source"] if line.strip()]
    assert len(lines) == 50


@each_notebook
def test_it_ends_with_exercises_whose_solutions_are_folded_away(path):
    *_, last = cells(path, "markdown")
    exercises = re.findall(r"^\*\*(\d)\.\*\*", last["source"], re.MULTILINE)
    assert last["source"].startswith("## Exercises")
    assert exercises == [str(n + 1) for n in range(len(exercises))]
    assert len(exercises) >= 3
    assert last["source"].count("<details><summary>Solution</summary>\n\n") == len(exercises)
    assert last["source"].count("\n\n</details>") == len(exercises)


@each_notebook
def test_links_lead_somewhere(path):
    for cell in cells(path, "markdown"):
        for target in re.findall(r"\]\(([^)#]+)\)", cell["source"]):
            assert target.startswith("https://") or (FOLDER / target).exists()
        for named in re.findall(r"`((?:minitorch_bn|examples)/[\w/]+\.py|[A-Z]+\.md)`", cell["source"]):
            assert (EXAMPLES.parent / named).exists()


# -- the comparison ------------------------------------------------------------------------------------------------


class Attributes(dict):
    """What nbformat makes of a JSON object."""

    __getattr__ = dict.__getitem__


def printed(*texts, **metadata):
    """A cell that printed."""
    outputs = [Attributes(output_type="stream", name="stdout", text=text) for text in texts]
    return Attributes(metadata=Attributes(metadata), outputs=outputs)


def shown(**data):
    """A cell that showed something, by kind."""
    data = {kind.replace("_", "/"): value for kind, value in data.items()}
    return Attributes(metadata=Attributes(), outputs=[Attributes(output_type="display_data", data=data)])


def test_text_is_compared_to_the_letter():
    assert rerun.differences(printed("loss 0.51\n"), printed("loss 0.51\n")) == []
    assert rerun.differences(printed("loss 0.51\n"), printed("loss 0.52\n"))
    assert rerun.differences(printed("loss 0.51\n"), printed("loss 0.51 \n"))
    assert rerun.differences(printed("a\n"), printed())
    assert rerun.differences(printed(), printed("a\n"))


def test_printed_text_may_arrive_in_pieces():
    again = printed("loss", " 0.51\n")
    again.outputs[:] = rerun.merged(list(again.outputs))
    assert rerun.differences(printed("loss 0.51\n"), again) == []


def test_numbers_are_let_off_only_as_far_as_a_cell_says():
    stored = printed("with 0.92, 3 of 5\n", numbers_within=0.04)
    assert rerun.differences(stored, printed("with 0.89, 3 of 5\n")) == []
    assert rerun.differences(stored, printed("with 0.87, 3 of 5\n"))
    assert rerun.differences(stored, printed("with 0.92, 4 of 5\n"))
    assert rerun.differences(stored, printed("without 0.92, 3 of 5\n"))
    assert rerun.differences(stored, printed("with nan, 3 of 5\n"))


def test_exact_is_a_number_too():
    before = "mean   1.5   exact\n-----\nvar    2.5  close (2e-16)\n"
    after = "mean   1.5 close (1e-16)\n-------\nvar    2.5         exact\n"
    assert rerun.differences(printed(before, numbers_within=1e-12), printed(after)) == []
    assert rerun.differences(printed(before), printed(after))
    assert rerun.differences(printed(before, numbers_within=1e-12), printed(after.replace("1e-16", "1e-5")))
    assert rerun.differences(printed(before, numbers_within=1e-12), printed(after.replace("2.5", "-2.5")))
    assert rerun.differences(printed(before, numbers_within=1e-12), printed(after.replace("exact", "WRONG")))


def test_pictures_must_be_there_and_their_text_equal():
    stored = shown(image_png="AAAA", text_plain="<Figure>")
    assert rerun.differences(stored, shown(text_plain="<Figure>", image_png="BBBB")) == []
    assert rerun.differences(stored, shown(text_plain="<Figure>"))
    assert rerun.differences(stored, shown(image_png="AAAA", text_plain="<Axes>"))


def test_a_cell_that_needs_a_package_is_compared_where_that_is_installed():
    assert rerun.differences(printed("a\n", needs="no_such_package"), printed("b\n")) == []
    assert rerun.differences(printed("a\n", needs="numpy"), printed("b\n"))


def test_solutions_are_found():
    text = (
        "**1.** Do.\n\n<details><summary>Solution</summary>\n\nSo:\n\n```python\nx = 1\nassert x\n```\n\n</details>\n"
    )
    notebook = SimpleNamespace(cells=[SimpleNamespace(cell_type="markdown", source=text)] * 2)
    assert rerun.solutions(notebook) == ["x = 1\nassert x\n"] * 2
