"""Runs the rows: a process per contender and row, numbers compared first, then turns A B A B."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.contenders import BOUND
from benchmarks.quiet import Quiet, time_of_process
from benchmarks.summary import ratio

if TYPE_CHECKING:
    from benchmarks.cases import Case
    from benchmarks.contenders import Contender
    from benchmarks.summary import Ratio, Take

LONGEST = 15  # seconds for all turns of one contender on one row; who is that slow has fewer turns
TOLERANCE = 1e-3  # of the largest number: float32 after a few training steps, with sums in another order


class Failed(Exception):
    """A process gave no answer, or an error."""


class Result(NamedTuple):
    """What came out for one row: one figure for each turn, in the unit of the row."""

    case: Case
    turns: dict[Contender, list[float]]
    notes: list[str]  # why somebody is missing, in words
    wrong: bool = False  # somebody computed something else
    take: Take = median

    def figure(self, contender: Contender) -> float:
        """One figure for all turns."""
        return self.take(self.turns[contender])

    def ratio(self, ours: Contender, theirs: Contender) -> Ratio:
        """Our figure over theirs."""
        return ratio(self.turns[ours], self.turns[theirs], self.take)


class Process:
    """The worker of one contender."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.complaints = TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process; a pipe would fill
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", contender.library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
            env=contender.environment(),
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request; Failed if there is none."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Failed(f"its process ended: {self.end()[-500:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def turn(self, seconds: float) -> list[float]:
        """The times of the steps of one turn."""
        return self.ask(seconds=seconds)["times"]

    def time(self) -> float:
        """Seconds that it has computed."""
        return time_of_process(self.process.pid)

    def end(self) -> str:
        """Ends the process, whatever it is doing; what it complained about."""
        if self.complaints.closed:
            return ""
        self.process.kill()
        self.process.communicate()
        with self.complaints:
            self.complaints.seek(0)
            return self.complaints.read().strip()


def run(
    case: Case,
    contenders: list[Contender],
    repeats: int,
    seconds: float,
    take: Take = median,
    patience: float = 0.0,
) -> Result:
    """One row. Whoever cannot do it, or computes other numbers than the first contender, is left out and named."""
    quiet = Quiet(patience)
    with TemporaryDirectory() as folder:
        processes: list[Process] = []
        turns: dict[Contender, list[float]] = {}
        notes: list[str] = []
        wrong = False
        try:
            reference: dict[str, np.ndarray] | None = None
            for contender in contenders:
                process = Process(contender)
                processes.append(process)
                file = Path(folder) / f"{len(processes)}.npz"
                try:
                    answer = process.ask(workload=case.workload, options=case.options, numbers=str(file))
                except Failed as failure:
                    notes.append(f"{contender.name} failed: {failure}")
                    wrong = True
                    continue
                if "absent" in answer:
                    continue
                numbers = dict(np.load(file))
                reference = reference or numbers
                trouble = disagreement(contender, numbers, reference)
                if trouble:
                    notes.append(trouble)
                    wrong = True
                else:
                    turns[contender] = []
            spent = dict.fromkeys(processes, 0.0)
            for _ in range(repeats):
                for process in processes:
                    if process.contender in turns and spent[process] < LONGEST:
                        taken = quiet.wait(lambda process=process: process.turn(seconds), process.time)
                        turns[process.contender].append(take(taken))
                        spent[process] += sum(taken)
        finally:
            for process in processes:
                process.end()
    return Result(case, turns, notes + quiet.notes(), wrong, take)


def disagreement(contender: Contender, numbers: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> str:
    """A sentence about who computes something else; empty if the numbers are the same."""
    differences = compare(numbers, reference) if contender.library != BOUND else []
    return f"{contender.name} computes something else: {', '.join(differences)}" if differences else ""


def compare(numbers: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> list[str]:
    """What differs by more than the tolerance, and by how much."""
    found = []
    if numbers.keys() != reference.keys():
        return [f"{sorted(numbers)} instead of {sorted(reference)}"]
    for name, expected in reference.items():
        got = numbers[name]
        if got.shape != expected.shape:
            found.append(f"{name} has shape {got.shape} instead of {expected.shape}")
            continue
        error = float(np.max(np.abs(got.astype(np.float64) - expected)) / np.max(np.abs(expected)))
        if not error <= TOLERANCE:  # NaN, too
            found.append(f"{name} by {error:.0e} of its largest number")
    return found
