"""Run the notebooks again, and store what they print or compare it with what is stored.

    python examples/notebooks/rerun.py                  # all of them, outputs stored anew
    python examples/notebooks/rerun.py 02 05            # these two
    python examples/notebooks/rerun.py --check          # nothing is written; a difference is an error

In a check the solutions of the exercises are run as well. Text must be the same to the letter, and pictures must be
there. Two entries in a cell's metadata say otherwise, each for a reason: ``numbers_within`` is how far numbers may be
off (what training reaches depends on the last bit of every sum, which differs between machines), and ``needs`` names a
package without which the cell has something else to say.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))
NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")


def execute(notebook: Any, timeout: int = 600) -> Any:
    """Runs all cells in a fresh kernel, which imports the package from this checkout; raises at the first error."""
    from nbclient import NotebookClient

    search = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {
        **os.environ,
        "PYTHONPATH": search,
        # How the last digit of a sum comes out differs between kernels, and with the number of threads.
        "MINITORCH_BN_KERNELS": "numpy",
        "OPENBLAS_NUM_THREADS": "1",
    }
    client = NotebookClient(notebook, timeout=timeout, resources={"metadata": {"path": str(FOLDER)}})
    client.execute(env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type == "code":
            cell.outputs = merged(cell.outputs)
    return notebook


def merged(outputs: list) -> list:
    """Printed text in one piece: how a kernel cuts it up is chance."""
    result: list = []
    for output in outputs:
        before = result[-1] if result else None
        if before is not None and output.output_type == before.output_type == "stream" and output.name == before.name:
            before.text += output.text
        else:
            result.append(output)
    return result


def solutions(notebook: Any) -> list[str]:
    """The programs that are folded away in the text."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    folded = re.findall(r"<details>(.*?)</details>", text, re.DOTALL)
    return [code for part in folded for code in re.findall(r"^```python\n(.*?)^```", part, re.DOTALL | re.MULTILINE)]


def readable(output: Any) -> dict[str, str | None]:
    """What an output says, by kind; of a picture only that it is there."""
    if output.output_type == "stream":
        return {output.name: output.text}
    return {kind: None if kind.startswith("image/") else value for kind, value in output.data.items()}


def differences(cell: Any, again: Any) -> list[str]:
    """How the outputs of a cell differ from those that are stored, in words."""
    if (needed := cell.metadata.get("needs")) and importlib.util.find_spec(needed) is None:
        return []
    stored, fresh = [readable(o) for o in merged(cell.outputs)], [readable(o) for o in again.outputs]
    if [sorted(o) for o in stored] != [sorted(o) for o in fresh]:
        return [f"kinds of output {[sorted(o) for o in stored]} became {[sorted(o) for o in fresh]}"]
    within = cell.metadata.get("numbers_within")
    return [
        f"{kind}: stored\n{before}\nnow\n{after[kind]}"
        for old, after in zip(stored, fresh)
        for kind, before in old.items()
        if before is not None and not same(before, str(after[kind]), within)
    ]


def same(before: str, after: str, within: float | None) -> bool:
    """Whether two texts are equal, but for numbers that are off by at most ``within``."""
    if within is None:
        return before == after
    before, after = with_numbers(before), with_numbers(after)
    if NUMBER.sub("#", before) != NUMBER.sub("#", after):
        return False
    pairs = zip(NUMBER.findall(before), NUMBER.findall(after))
    return all(abs(float(a) - float(b)) <= within for a, b in pairs)


def with_numbers(text: str) -> str:
    """``explain`` says "exact" for a difference of 0, in a colour and column width of its own."""
    text = re.sub(r";background:rgba[^;']*(?='>(exact|close))", "", text)
    text = re.sub(r"\bexact\b", "close (0)", text)
    return re.sub(r" {2,}|-{4,}", " ", text)


def check(path: Path) -> list[str]:
    """What is not as stored when a notebook is run again, its solutions included."""
    import nbformat

    stored = nbformat.read(path, as_version=4)
    again = nbformat.read(path, as_version=4)
    again.cells += [nbformat.v4.new_code_cell(code) for code in solutions(stored)]
    execute(again)
    return [
        f"{path.name}, cell {number}: {difference}"
        for number, (cell, fresh) in enumerate(zip(stored.cells, again.cells), 1)
        if cell.cell_type == "code"
        for difference in differences(cell, fresh)
    ]


def main(argv: list[str] | None = None) -> None:
    """Stores or compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", nargs="*", help="which notebooks, by the digits their names begin with; default: all")
    parser.add_argument("--check", action="store_true", help="compare with what is stored instead of storing")
    args = parser.parse_args(argv)
    paths = [p for p in NOTEBOOKS if not args.number or p.name.startswith(tuple(args.number))]
    if not paths:
        parser.error(
            f"there is no notebook {' or '.join(args.number)}; there are {', '.join(p.stem for p in NOTEBOOKS)}"
        )
    for name in ("nbclient", "nbformat", "ipykernel"):
        if importlib.util.find_spec(name) is None:
            raise SystemExit(f'{name} is missing: pip install "minitorch_bn[notebooks]"')
    found: list[str] = []
    for path in paths:
        print(path.name, flush=True)
        if args.check:
            found += check(path)
        else:
            import nbformat

            nbformat.write(execute(nbformat.read(path, as_version=4)), path)
    if found:
        sys.exit("\n\n".join(found))


if __name__ == "__main__":
    main()
