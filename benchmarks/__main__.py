"""How fast this library is, beside others, measured in turns.

    python -m benchmarks                                         # every group against PyTorch
    python -m benchmarks --group bn,conv --against torch,jax --out results
    python -m benchmarks --only "BatchNorm (128,64)" --repeats 5 # the rows whose name contains that
    python -m benchmarks --quick                                 # the smallest row of each group, in seconds

Each library computes a row in a process of its own, on its default settings. First the numbers of all are compared: who
computes something else is named and not timed. Then the processes take turns, A B A B; a turn's figure is the median
over its steps, a ratio is the median over turns of our time over theirs, and in brackets are its quartiles.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import launch, machine, runner, tables
from benchmarks.cases import ALIASES, GROUPS, LAUNCHED, all_cases
from benchmarks.contenders import INSTALL, KERNELS, NUMPY, RIVALS, Contender, choose
from benchmarks.runner import Failed, Process, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.cases import Case

LAUNCHES = 9  # turns, at most, where each starts a process
TAKE = {"median": median, "minimum": min}


def names(text: str) -> list[str]:
    """The names of a list with commas."""
    return [name for name in text.split(",") if name]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    groups = [g for g in GROUPS if not any(g in members and g != name for name, members in ALIASES.items())]
    parser.add_argument("--group", type=names, default=groups, metavar="NAMES", help=f"of {','.join(groups)}")
    parser.add_argument("--against", type=names, default=["torch"], metavar="NAMES", help=f"of {','.join(RIVALS)}")
    parser.add_argument("--kernels", type=names, default=list(KERNELS), metavar="NAMES", help=f"of {','.join(KERNELS)}")
    parser.add_argument("--only", metavar="TEXT", help="rows whose name contains this")
    parser.add_argument("--repeats", type=int, default=15, help="turns of each process (15)")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a turn (0.1)")
    parser.add_argument("--take", choices=TAKE, default="median", help="'minimum' resists the noise of a busy machine")
    parser.add_argument("--quick", action="store_true", help="one small row of each group, three short turns")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write results.json, results.md and a plot there")
    args = parser.parse_args(argv)
    for option, known in (("group", (*GROUPS, *ALIASES)), ("against", RIVALS), ("kernels", KERNELS)):
        unknown = [name for name in getattr(args, option) if name not in known]
        if unknown:
            parser.error(f"--{option}: there is no {', '.join(unknown)}; there are {', '.join(dict.fromkeys(known))}")
    if not args.kernels:
        parser.error("--kernels: name at least one")
    if args.repeats < 1 or args.seconds <= 0:
        parser.error("--repeats must be at least 1, --seconds above 0")
    if args.quick:
        args.repeats, args.seconds = 3, 0.01
    return args


def selected(args: argparse.Namespace) -> list[Case]:
    """The rows that were asked for."""
    groups = {member for name in args.group for member in ALIASES.get(name, (name,))}
    cases = [c for c in all_cases() if c.group in groups and (args.only is None or args.only in c.title)]
    if args.quick:
        cases = list({c.group: c for c in reversed(cases)}.values())[::-1]
    return cases


def describe(contenders: Sequence[Contender]) -> tuple[dict[str, Any], list[Contender], list[str]]:
    """Machine and libraries, for the record; those that start; a line about each that does not."""
    found, present, missing = machine.describe(), [], []
    for contender in contenders:
        process = Process(contender)
        try:
            found[contender.name] = process.ask(describe=True)
            present.append(contender)
        except Failed as failure:
            advice = INSTALL.get(contender.kernels or contender.library, "")
            missing.append(f"{contender.name} does not start ({failure}) and is left out: {advice}")
        finally:
            process.end()
    return found, present, missing


def as_lines(found: dict[str, Any]) -> str:
    """The same, a line for each."""
    lines = []
    for name, value in found.items():
        text = "; ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        lines.append(f"- {name}: {text.removeprefix('versions ') or 'none set'}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints; 1 if somebody failed or computed something else."""
    args = parse(argv)
    cases = selected(args)
    if not cases:
        print("no row has that name; there are:", *(c.title for c in all_cases()), sep="\n  ")
        return 2
    contenders, missing = choose(args.kernels, args.against)
    found, contenders, broken = describe(contenders)
    missing += [*broken, *filter(None, [machine.busy()])]
    print(*missing, sep="\n")
    print(as_lines(found), end="\n\n", flush=True)
    results: list[Result] = []
    for i, case in enumerate(cases, 1):
        if sys.stderr.isatty():
            print(f"\r[{i}/{len(cases)}] {case.title}".ljust(70), end="", file=sys.stderr, flush=True)
        results.append(measure(case, contenders, args))
        if sys.stderr.isatty():
            print("\r".ljust(70), end="\r", file=sys.stderr, flush=True)
        for note in results[-1].notes:
            print(f"{case.title}: {note}", flush=True)
    text = tables.report(results, [*contenders, Contender(NUMPY)])
    print(text)
    if args.out:
        write(args, found, results, text, missing)
    return int(any(r.wrong for r in results))


def measure(case: Case, contenders: list[Contender], args: argparse.Namespace) -> Result:
    """One row."""
    if case.group not in LAUNCHED:
        return runner.run(case, contenders, args.repeats, args.seconds, TAKE[args.take])
    beside = [Contender(NUMPY)] if case.workload == "import_" else []
    return launch.run(case, [*contenders, *beside], min(args.repeats, LAUNCHES), TAKE[args.take])


def write(args: argparse.Namespace, found: dict, results: list[Result], text: str, missing: list[str]) -> None:
    """The same as files."""
    args.out.mkdir(parents=True, exist_ok=True)
    notes = [*missing, *(f"{r.case.title}: {note}" for r in results for note in r.notes)]
    rows = [
        {
            "group": r.case.group,
            "title": r.case.title,
            "unit": r.case.unit,
            "turns": {c.name: turns for c, turns in r.turns.items()},
        }
        for r in results
    ]
    record = {
        "machine": found,
        "repeats": args.repeats,
        "seconds of a turn": args.seconds,
        "notes": notes,
        "rows": rows,
    }
    (args.out / "results.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    page = [as_lines(found), *(f"- {note}" for note in notes), text]
    (args.out / "results.md").write_text("\n\n".join(page) + "\n", "utf-8")
    print(f"\nwritten to {args.out}: results.json, results.md")


if __name__ == "__main__":
    sys.exit(main())
