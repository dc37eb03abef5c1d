"""How fast this library is, beside others, measured in turns.

    python -m benchmarks                                         # every group against PyTorch
    python -m benchmarks --group bn,conv --against torch,jax --out results
    python -m benchmarks --only "BatchNorm (128,64)" --repeats 5 # the rows whose name contains that
    python -m benchmarks --against bound                         # numpy's arithmetic alone, which no row can beat
    python -m benchmarks --quick                                 # the first row of each group, in a minute
    python -m benchmarks --group growth --out results            # cost against size

Each library computes a row in a process of its own, on its default settings. First the numbers of all are compared: who
computes something else is named and not timed. Then the processes take turns, A B A B; a turn's figure is the median
over its steps, a ratio is the median over turns of our time over theirs, and in brackets are its quartiles. On a
machine that is never free ``--take minimum`` compares the best steps instead.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import launch, machine, record, runner
from benchmarks.cases import ALIASES, GROUPS, GROWTH, LAUNCHED, all_cases
from benchmarks.contenders import INSTALL, KERNELS, NUMPY, RIVALS, Contender, choose
from benchmarks.record import TAKE
from benchmarks.runner import Failed, Process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.cases import Case
    from benchmarks.runner import Result

LAUNCHES = 9  # turns, at most, where each starts a process


def names(text: str) -> list[str]:
    """The names of a list with commas."""
    return [name for name in text.split(",") if name]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    groups = [g for g in GROUPS if not any(g in members and g != name for name, members in ALIASES.items())]
    described = f"of {','.join(groups)}, all of which are measured by default, and growth"
    parser.add_argument("--group", type=names, default=groups, metavar="NAMES", help=described)
    parser.add_argument("--against", type=names, default=["torch"], metavar="NAMES", help=f"of {','.join(RIVALS)}")
    parser.add_argument("--kernels", type=names, default=list(KERNELS), metavar="NAMES", help=f"of {','.join(KERNELS)}")
    parser.add_argument("--only", metavar="TEXT", help="rows whose name contains this")
    parser.add_argument("--repeats", type=int, default=15, help="turns of each process (15)")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a turn (0.1)")
    parser.add_argument("--take", choices=TAKE, default="median", help="'minimum' resists the noise of a busy machine")
    parser.add_argument(
        "--patience",
        type=float,
        default=0.0,
        help="seconds a row may spend on repeating turns that others disturbed (0)",
    )
    parser.add_argument("--quick", action="store_true", help="one small row of each group, three short turns")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write JSON, tables and pictures there")
    parser.add_argument("--add", action="store_true", help="keep what is in that folder and is not measured again")
    parser.add_argument("--redraw", type=Path, metavar="DIR", help="tables and pictures again, from the JSON there")
    args = parser.parse_args(argv)
    for option, known in (("group", (*GROUPS, *ALIASES, *GROWTH)), ("against", RIVALS), ("kernels", KERNELS)):
        unknown = [name for name in getattr(args, option) if name not in known]
        if unknown:
            parser.error(f"--{option}: there is no {', '.join(unknown)}; there are {', '.join(dict.fromkeys(known))}")
    if not args.kernels:
        parser.error("--kernels: name at least one")
    if args.repeats < 1 or args.seconds <= 0:
        parser.error("--repeats must be at least 1, --seconds above 0")
    if args.add and not (args.out and (args.out / "results.json").exists()):
        parser.error("--add needs --out with a folder that has a results.json")
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
    found["copy bandwidth, GB/s"] = round(machine.bandwidth() / 1e9, 1)
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


def measure(case: Case, contenders: list[Contender], args: argparse.Namespace) -> Result:
    """One row."""
    if case.group not in LAUNCHED:
        return runner.run(case, contenders, args.repeats, args.seconds, TAKE[args.take], args.patience)
    beside = [Contender(NUMPY)] if case.workload == "import_" else []
    repeats = 1 if args.quick else min(args.repeats, LAUNCHES)
    return launch.run(case, [*contenders, *beside], repeats, TAKE[args.take], args.patience)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints; 1 if somebody failed or computed something else."""
    args = parse(argv)
    if args.redraw:
        print(f"written to {args.redraw}: {', '.join(record.draw(record.load(args.redraw), args.redraw))}")
        return 0
    cases = selected(args)
    if not cases:
        print("no row has that name; there are:", *(c.title for c in all_cases()), sep="\n  ")
        return 2
    contenders, missing = choose(args.kernels, args.against)
    found, contenders, broken = describe(contenders)
    notes = [*missing, *broken, *filter(None, [machine.busy()])]
    settings = {"turns": args.repeats, "seconds of a turn": args.seconds, "take": args.take, "patience": args.patience}
    whole = record.Record(found, settings, notes, [*contenders, Contender(NUMPY)], [])
    print(record.heading(whole), end="\n\n", flush=True)
    before = record.load(args.out) if args.add else None
    for i, case in enumerate(cases, 1):
        progress(f"[{i}/{len(cases)}] {case.title}")
        whole.results.append(measure(case, contenders, args))
        progress("")
        print("".join(f"{case.title}: {note}\n" for note in whole.results[-1].notes), end="", flush=True)
        if args.out:
            record.keep(record.merged(before, whole) if before else whole, args.out)
    print(record.body(whole))
    if args.out:
        written = record.draw(record.load(args.out), args.out)
        print(f"\nwritten to {args.out}: results.json, {', '.join(written)}")
    return int(any(r.wrong for r in whole.results))


def progress(text: str) -> None:
    """What is running, on a line that the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r{text.ljust(70)}\r", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
