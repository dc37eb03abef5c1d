"""What a run leaves behind: JSON with every turn, the tables, the pictures; and the way back from JSON."""

from __future__ import annotations

import json
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import growth, plots, tables
from benchmarks.cases import all_cases
from benchmarks.contenders import Contender
from benchmarks.runner import Result

if TYPE_CHECKING:
    from pathlib import Path

TAKE = {"median": median, "minimum": min}


class Record(NamedTuple):
    """One run."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    notes: list[str]
    contenders: list[Contender]
    results: list[Result]


def heading(record: Record) -> str:
    """Machine, versions, threads, settings, and what was left out, a line for each."""
    lines = []
    for name, value in {**record.machine, "settings": record.settings}.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        lines.append(f"- {name}: {text.removeprefix('versions ') or 'none set'}")
    rows = [f"{r.case.title}: {note}" for r in record.results for note in r.notes]
    return "\n".join([*lines, *(f"- {note}" for note in (*record.notes, *rows))])


def body(record: Record) -> str:
    """All tables."""
    parts = [
        tables.summary(record.results, record.contenders),
        tables.report(record.results, record.contenders),
        growth.report(record.results, record.contenders, record.machine["copy bandwidth, GB/s"] * 1e9),
    ]
    return "\n\n".join(filter(None, parts))


def keep(record: Record, folder: Path) -> None:
    """Writes the JSON; a run that is interrupted leaves the rows that it had."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "group": r.case.group,
            "title": r.case.title,
            "unit": r.case.unit,
            "notes": r.notes,
            "wrong": r.wrong,
            "turns": [[*c, turns] for c, turns in r.turns.items()],
        }
        for r in record.results
    ]
    content = record._asdict() | {"results": rows}
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def merged(old: Record, new: Record) -> Record:
    """The new run, and the rows of the old one that it did not measure."""
    order = {(c.group, c.title): i for i, c in enumerate(all_cases())}
    rows = {(r.case.group, r.case.title): r for r in (*old.results, *new.results)}
    results = [rows[key] for key in sorted(rows, key=order.__getitem__)]
    contenders = list(dict.fromkeys([*new.contenders, *old.contenders]))
    return Record(old.machine | new.machine, new.settings, new.notes, contenders, results)


def draw(record: Record, folder: Path) -> list[str]:
    """Writes the tables and the pictures; the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(f"{heading(record)}\n\n{body(record)}\n", "utf-8")
    written = ["results.md"]
    if find_spec("matplotlib") is None:
        print('without pictures, as matplotlib is not installed: pip install "minitorch_bn[bench]"')
        return written
    ours = [c for c in record.contenders if c.kernels]
    for rival in (c for c in record.contenders if not c.kernels and c.library != "numpy"):
        name = f"against-{rival.library}.png"
        if plots.ratios(record.results, rival, ours, folder / name):
            written.append(name)
    bandwidth = record.machine["copy bandwidth, GB/s"] * 1e9
    if plots.growth(record.results, record.contenders, bandwidth, folder / "growth.png"):
        written.append("growth.png")
    return written


def load(folder: Path) -> Record:
    """The run that was saved there."""
    content = json.loads((folder / "results.json").read_text("utf-8"))
    known = {(c.group, c.title): c for c in all_cases()}
    take = TAKE[content["settings"]["take"]]
    results = [
        Result(
            known[row["group"], row["title"]],
            {Contender(library, kernels): turns for library, kernels, turns in row["turns"]},
            row["notes"],
            row["wrong"],
            take,
        )
        for row in content["results"]
    ]
    contenders = [Contender(*c) for c in content["contenders"]]
    return Record(content["machine"], content["settings"], content["notes"], contenders, results)
