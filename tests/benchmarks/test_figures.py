"""Medians, ratios, means, and the words and tables that are made of them."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import growth, plots, record, tables
from benchmarks.cases import Case, Target, all_cases, bytes_moved
from benchmarks.contenders import Contender
from benchmarks.runner import Result
from benchmarks.summary import duration, geometric_mean, ratio

OURS, THEIRS = Contender("minitorch_bn", "numba"), Contender("torch")
PLAIN = Contender("minitorch_bn", "numpy")
BN = [case for case in all_cases() if case.group == "bn"][:2]

times = st.floats(1e-7, 10.0)


@given(st.lists(st.tuples(times, times), min_size=1))
def test_a_ratio_lies_between_its_quartiles_and_turns_over(pairs):
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    there, back = ratio(ours, theirs), ratio(theirs, ours)
    assert there.low <= there.middle <= there.high
    if len(pairs) % 2:  # the median of an even number is a mean of two, which does not turn over
        assert there.middle == pytest.approx(1 / back.middle)


def test_a_slow_phase_of_the_machine_cancels():
    assert ratio([1.0, 10.0, 1.0], [2.0, 20.0, 2.0]) == (0.5, 0.5, 0.5)


def test_minima_are_compared_with_minima():
    assert ratio([3.0, 1.0, 9.0], [8.0, 4.0, 2.0], min).middle == 0.5


def test_who_had_fewer_turns_is_compared_in_those():
    assert ratio([1.0, 2.0, 50.0], [2.0, 4.0]).middle == 0.5


@given(st.lists(times, min_size=1), times)
def test_the_geometric_mean_scales_and_is_the_middle_of_opposites(values, factor):
    assert geometric_mean([v * factor for v in values]) == pytest.approx(geometric_mean(values) * factor)
    assert geometric_mean([factor, 1 / factor]) == pytest.approx(1)


@pytest.mark.parametrize(("seconds", "text"), [(9.996e-6, "10.0 us"), (9.994e-4, "999 us"), (1e-3, "1.00 ms")])
def test_durations_keep_three_digits(seconds, text):
    assert duration(seconds) == text


def test_a_target_binds_the_mean_and_each_row():
    assert Target(0.5).met([0.1, 2.0])
    assert not Target(0.5, row=1.0).met([0.1, 2.0])
    assert not Target(0.5).met([0.6, 0.6])


def results(**turns):
    """Two rows of BatchNorm in which everybody takes as long as told."""
    who = {"ours": OURS, "plain": PLAIN, "theirs": THEIRS}
    return [Result(case, {who[name]: [t, t, t] for name, t in turns.items()}, []) for case in BN]


def test_a_table_has_times_ratios_mean_and_verdict():
    text = tables.against(results(ours=1e-5, plain=3e-4, theirs=1e-4), THEIRS, [OURS, PLAIN])
    assert len({len(line) for line in text.splitlines()}) == 1  # columns stand in line
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    ratios = ["0.10 (0.10-0.10)", "3.00 (3.00-3.00)"]
    assert cells == [
        ["", "ours, numba", "ours, numpy", "PyTorch", "numba / PyTorch", "numpy / PyTorch"],
        cells[1],
        ["BatchNorm (128,64)", "10.0 us", "300 us", "100 us", *ratios],
        ["BatchNorm (1024,512)", "10.0 us", "300 us", "100 us", *ratios],
        ["geometric mean", "", "", "", "0.10", "3.00"],
        ["target", "", "", "", "<= 0.33, rows <= 1.00: met", "<= 2.00: NOT met"],
    ]


def test_who_lacks_a_row_has_a_dash_there_and_no_part_in_the_mean():
    first, second = results(ours=1.0, plain=1.0, theirs=1.0)
    del second.turns[PLAIN]
    second.turns[OURS] = [4.0]
    text = tables.against([first, second], THEIRS, [OURS, PLAIN])
    row, mean = text.splitlines()[3:5]
    assert [cell.strip() for cell in row.split("|")[2:7]] == ["4.00 s", "-", "1.00 s", "4.00 (4.00-4.00)", "-"]
    assert [cell.strip() for cell in mean.split("|")[5:7]] == ["2.00", "1.00"]


def test_without_a_rival_the_times_stand_alone():
    text = tables.report(results(ours=1e-3), [OURS])
    assert "### BatchNorm, forward and backward in training" in text
    assert "1.00 ms" in text
    assert "target" not in text


def test_growth_is_linear_where_time_is_proportional():
    cases = [Case("growth-batch", f"growth ({n},64)", "batch_norm", {"shape": (n, 64)}, at=n) for n in (2, 8, 32, 128)]
    rows = [Result(c, {OURS: [c.at * 1e-6], THEIRS: [c.at**2 * 1e-6]}, []) for c in cases]
    last = growth.report(rows, [OURS, THEIRS], 1e9).splitlines()[-1]
    assert [cell.strip() for cell in last.split("|")[2:5]] == ["n^1.00", "n^2.00", "n^1"]


def test_the_memory_limit_counts_five_passes():
    assert bytes_moved(BN[0]) == 5 * 128 * 64 * 4
    assert bytes_moved(next(c for c in all_cases() if c.group == "mlp")) == 0


def a_record(rows, *, notes=()):
    machine = {"processor": "p", "copy bandwidth, GB/s": 10.0}
    settings = {"turns": 3, "seconds of a turn": 0.1, "take": "median"}
    return record.Record(machine, settings, list(notes), [OURS, PLAIN, THEIRS], rows)


def test_a_record_comes_back_from_its_file(tmp_path):
    rows = results(ours=1e-5, plain=2e-5, theirs=1e-4)
    rows.append(next(Result(c, {}, ["PyTorch failed: why"], wrong=True) for c in all_cases() if c.group == "conv"))
    whole = a_record(rows, notes=["a note"])
    record.keep(whole, tmp_path)
    assert record.load(tmp_path) == whole
    assert record.draw(whole, tmp_path) == ["results.md", "against-torch.png"]
    text = (tmp_path / "results.md").read_text("utf-8")
    assert "- processor: p\n" in text
    assert "- a note\n" in text
    assert "- conv 3x3 64x1->16x28x28: PyTorch failed: why\n" in text
    assert tables.report(rows, whole.contenders) in text
    assert (tmp_path / "against-torch.png").stat().st_size > 1000


def test_rows_that_are_not_measured_again_are_kept():
    first, second = results(ours=1.0, theirs=1.0)
    again = results(ours=2.0, theirs=1.0)[0]
    both = record.merged(a_record([first, second], notes=["old"]), a_record([again], notes=["new"]))
    assert both.results == [again, second]
    assert both.notes == ["new"]
    assert record.merged(a_record([second]), a_record([first])).results == [first, second]  # in the tables' order


def test_the_summary_has_a_line_for_each_group_and_rival():
    text = tables.summary(results(ours=1e-5, plain=3e-4, theirs=1e-4), [OURS, PLAIN, THEIRS, Contender("jax")])
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    assert lines[0] == ["", "against", "ours, numba", "target", "ours, numpy", "target"]
    title = "BatchNorm, forward and backward in training"
    verdicts = ["0.10", "<= 0.33, rows <= 1.00: met", "3.00", "<= 2.00: NOT met"]
    assert lines[2:] == [[title, "PyTorch", *verdicts]]


def test_a_picture_of_growth_needs_two_sizes(tmp_path):
    cases = [c for c in all_cases() if c.group in ("growth-batch", "growth-depth")]
    rows = [Result(c, {OURS: [c.at * 1e-6]}, []) for c in cases]
    assert not plots.growth(rows[:1], [OURS], 1e9, tmp_path / "growth.png")
    assert plots.growth(rows, [OURS, THEIRS], 1e9, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 1000


def test_the_figure_of_a_row_is_the_median_over_turns():
    assert Result(BN[0], {OURS: [1.0, 5.0, 2.0]}, []).figure(OURS) == median([1.0, 5.0, 2.0])
    assert Result(BN[0], {OURS: [3.0, 5.0, 2.0]}, [], take=min).figure(OURS) == 2.0
