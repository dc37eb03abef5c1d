"""Rows that need a fresh process for every turn: import, a whole program, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.contenders import BOUND, NUMPY
from benchmarks.quiet import Quiet
from benchmarks.runner import Failed, Result, disagreement

if TYPE_CHECKING:
    from benchmarks.cases import Case
    from benchmarks.contenders import Contender
    from benchmarks.summary import Take

IMPORT = """
import json, time
start = time.perf_counter()
{statement}
print(json.dumps({{"figure": time.perf_counter() - start}}))
"""
STATEMENTS = {
    "import": "import {library}",
    "first use": "import {library} as torch; torch.nn.Linear(1, 1)(torch.ones(1, 1))",
}
LAYERS = ("minitorch_bn", "torch")  # the libraries that have PyTorch's names


def command(case: Case, library: str, folder: Path) -> list[str] | None:
    """The command of one turn, which prints JSON with a figure or numbers or both; None if the library has no such."""
    if library == BOUND:
        return None
    if case.workload == "import_":
        statement = "import" if library == NUMPY else case.options["statement"]
        if statement != "import" and library not in LAYERS:
            return None
        return [sys.executable, "-c", IMPORT.format(statement=STATEMENTS[statement].format(library=library))]
    if case.workload == "digits":
        if library not in LAYERS:
            return None
        data = folder / "digits.npz"
        if not data.exists():
            save_digits(data)
        return [sys.executable, "-m", "benchmarks.digits", library, case.options["model"], str(data)]
    if library not in (*LAYERS, "mygrad", "autograd"):
        return None  # what compiles a whole step needs more memory for that than for the step
    return [sys.executable, "-m", "benchmarks.memory", library, json.dumps(case.options)]


def save_digits(path: Path) -> None:
    """scikit-learn's handwritten digits as arrays: reading them is not what is compared."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    images = (data.images[:, None] / 16).astype(np.float32)  # (N, 1, 8, 8)
    np.savez(path, images=images[order], labels=data.target[order])


def turn(arguments: list[str], contender: Contender) -> tuple[float, dict[str, Any]]:
    """The seconds from start to end, and what was printed."""
    start = time.perf_counter()
    done = subprocess.run(arguments, capture_output=True, text=True, env=contender.environment())
    seconds = time.perf_counter() - start
    if done.returncode:
        raise Failed(done.stderr.strip().split("\n")[-1])
    return seconds, json.loads(done.stdout)


def run(case: Case, contenders: list[Contender], repeats: int, take: Take, patience: float = 0.0) -> Result:
    """One row. The first round is not counted: it compiles what is kept on disk, and brings files into memory."""
    turns: dict[Contender, list[float]] = {}
    notes: list[str] = []
    wrong = False
    quiet = Quiet(patience)
    if case.workload == "digits" and find_spec("sklearn") is None:
        return Result(case, {}, ["the digits are scikit-learn's, which is not installed: pip install scikit-learn"])
    with TemporaryDirectory() as name:
        commands = {c: line for c in contenders if (line := command(case, c.library, Path(name)))}
        reference: dict[str, np.ndarray] | None = None
        for contender, line in commands.items():
            try:
                answer = turn(line, contender)[1]
                numbers = {key: np.array(value) for key, value in answer.get("numbers", {}).items()}
                reference = reference or numbers
                trouble = disagreement(contender, numbers, reference)
            except Failed as failure:
                trouble = f"{contender.name} failed: {failure}"
            if trouble:
                notes.append(trouble)
                wrong = True
            else:
                turns[contender] = []
        for _ in range(repeats):
            for contender, taken in turns.items():
                line = commands[contender]
                seconds, answer = quiet.wait(lambda line=line, who=contender: turn(line, who), time_of_children)
                taken.append(answer.get("figure", seconds))
    return Result(case, turns, notes + quiet.notes(), wrong, take)


def time_of_children() -> float:
    """Seconds that the processes which have ended had computed."""
    times = os.times()
    return times.children_user + times.children_system
