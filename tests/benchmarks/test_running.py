"""Rows run in processes of their own, and nobody is timed who computes something else. No time is asserted."""

from __future__ import annotations

import time
from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks import inputs, launch, machine, quiet, runner
from benchmarks.__main__ import main
from benchmarks.cases import Case, all_cases
from benchmarks.contenders import NUMPY, Contender
from benchmarks.libraries import torch_like
from benchmarks.worker import FEWEST, times

OURS = Contender("minitorch_bn", "numpy")
SMALL = [
    Case("bn", "training", "batch_norm", {"shape": (6, 3), "training": True}),
    Case("bn", "training, images", "batch_norm", {"shape": (4, 3, 5, 5), "training": True}),
    Case("bn-eval", "evaluation", "batch_norm", {"shape": (4, 3, 5), "training": False}),
    Case("conv", "convolution", "conv", {"batch": 2, "before": 2, "after": 3, "side": 5}),
    Case("mlp", "SGD", "mlp", {"batch": 8, "features": 5, "hidden": 4, "optimizer": "SGD"}),
    Case("mlp", "Adam", "mlp", {"batch": 8, "features": 5, "hidden": 4, "optimizer": "Adam"}),
    Case("cnn", "network", "cnn", {"batch": 8, "image": 1, "channels": 2, "side": 8}),
    Case("tape", "operations", "small_operations", {"count": 20, "size": 4}),
    Case("tape", "chain", "chain", {"count": 20, "size": 4}),
    Case("growth-depth", "depth", "deep", {"depth": 3, "batch": 8, "width": 4}, at=3),
]


def test_turns_are_counted():
    result = runner.run(SMALL[0], [OURS], repeats=2, seconds=0.001)
    assert list(result.turns) == [OURS]
    assert len(result.turns[OURS]) == 2
    assert not result.wrong


def test_who_fails_is_named_and_the_run_is_not_good():
    impossible = Case("bn", "one value a channel", "batch_norm", {"shape": (1, 3), "training": True})
    result = runner.run(impossible, [OURS], repeats=1, seconds=0.001)
    assert result.wrong
    assert not result.turns
    assert result.notes[0].startswith("ours, numpy failed: ValueError: Expected more than 1 value per channel")


def test_who_has_no_such_workload_is_left_out_without_blame():
    result = runner.run(Case("bn", "none", "no_such_workload", {}), [OURS], repeats=1, seconds=0.001)
    assert not result.turns
    assert not result.wrong


def test_a_process_that_dies_is_reported_with_what_it_said():
    process = runner.Process(Contender("no_such_library", "numpy"))
    try:
        with pytest.raises(runner.Failed, match="No module named"):
            process.ask(workload="batch_norm", options={}, numbers="")
        process.process.kill()
        with pytest.raises(runner.Failed, match="its process ended"):
            process.ask(describe=True)
    finally:
        process.end()


def test_a_step_is_timed_three_times_or_once_if_it_is_long():
    calls = []
    assert len(times(lambda: calls.append(1), seconds=1e-9)) == 1
    assert len(times(lambda: calls.append(1), seconds=1e-3)) >= FEWEST
    assert len(calls) > FEWEST + 2  # the first calls are not counted


def test_other_numbers_are_noticed():
    right = {"y": np.array([1.0, -2.0], np.float32)}
    assert runner.compare(right, right) == []
    assert runner.compare({"y": right["y"] + np.float32(1e-6)}, right) == []
    assert runner.compare({"y": right["y"] + np.float32(0.02)}, right) == ["y by 1e-02 of its largest number"]
    assert runner.compare({"y": np.array([1.0, np.nan])}, right) == ["y by nan of its largest number"]
    assert runner.compare({"y": right["y"][:1]}, right) == ["y has shape (1,) instead of (2,)"]
    assert runner.compare({"z": right["y"]}, right) == ["['z'] instead of ['y']"]
    assert runner.disagreement(OURS, {"z": right["y"]}, right).startswith("ours, numpy computes something else")


@pytest.mark.parametrize(
    ("library", "absent"),
    [
        ("torch", set()),
        ("jax", {"small_operations", "chain", "deep"}),
        ("mygrad", {"evaluation", "chain", "deep"}),
        ("autograd", {"evaluation", "chain", "deep"}),
    ],
)
def test_libraries_compute_the_same_numbers(library, absent, tmp_path):
    found = find_spec(library)
    if found is None or found.origin is None:  # a folder of the tests may bear the name of a library
        pytest.skip(f"{library} is not installed; its numbers are compared with ours")
    process = runner.Process(Contender(library))  # not in this process, whose threads and warnings it would change
    try:
        for case in SMALL:
            file = tmp_path / "numbers.npz"
            answer = process.ask(workload=case.workload, options=case.options, numbers=str(file))
            assert ("absent" in answer) == bool({case.workload, case.title} & absent), case.title
            if "absent" not in answer:
                ours = getattr(torch_like.Workloads("minitorch_bn"), case.workload)(**case.options).numbers()
                assert runner.compare(dict(np.load(file)), ours) == [], case.title
    finally:
        process.end()


def test_the_bound_is_timed_although_it_has_no_numbers():
    networks = [c for c in SMALL if c.workload in ("mlp", "cnn", "conv", "small_operations", "chain")]
    for case in networks:
        result = runner.run(case, [OURS, Contender("bound")], repeats=1, seconds=0.001)
        assert not result.wrong
        assert list(result.turns) == [OURS, Contender("bound")]


def test_turns_that_others_disturb_are_repeated_until_patience_ends(monkeypatch):
    def others():
        clock[0] += 10.0  # each look at the processors finds ten more seconds of work
        return clock[0]

    clock = [0.0]
    turns = []
    monkeypatch.setattr(quiet, "processor_time", others)
    watched = quiet.Quiet(patience=quiet.REST + 0.02)
    assert watched.wait(lambda: turns.append(time.sleep(0.01)) or "answer", lambda: 0.0) == "answer"
    assert 2 <= len(turns) <= 3
    assert watched.notes() == ["other programs computed during 1 of 1 turns"]
    monkeypatch.setattr(quiet, "processor_time", lambda: 0.0)
    assert watched.wait(lambda: "calm", lambda: 0.0) == "calm"
    assert (watched.turns, watched.disturbed) == (2, 1)


def test_a_turn_waits_until_the_threads_of_the_one_before_sleep(monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(quiet.time, "sleep", slept.append)
    looks = iter([0.0, 0.05, 0.05, 0.1, 0.1, 0.11])
    monkeypatch.setattr(quiet, "processor_time", lambda: next(looks))
    quiet.rest()
    assert slept == [quiet.REST] * 3
    busy = iter(range(1000))
    monkeypatch.setattr(quiet, "processor_time", lambda: next(busy))
    quiet.rest()
    assert slept == [quiet.REST] * (3 + quiet.RESTS)


def test_a_turns_own_work_is_no_disturbance():
    watch = quiet.Watch(time.process_time)
    watch.start = (0.0, 100.0, 5.0)
    watch._now = lambda: (1.0, 101.0, 6.0)
    assert not watch.disturbed()
    watch._now = lambda: (1.0, 101.5, 6.0)
    assert watch.disturbed() == (0.5 > 0.1 * machine.cores() + 0.02)


def test_evaluation_uses_the_running_estimates_it_was_given():
    data = inputs.batch_norm((4, 3, 5))
    y = torch_like.Workloads("minitorch_bn").batch_norm((4, 3, 5), training=False).numbers()["y"]
    shape = (1, 3, 1)
    scale = (data.weight / np.sqrt(data.var.astype(np.float64) + inputs.EPS)).reshape(shape)
    expected = (data.x - data.mean.reshape(shape)) * scale + data.bias.reshape(shape)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_import_is_measured_in_fresh_processes(tmp_path):
    case = next(c for c in all_cases() if c.group == "import")
    result = launch.run(case, [OURS, Contender(NUMPY)], repeats=1, take=min)
    assert all(len(turns) == 1 and turns[0] > 0 for turns in result.turns.values())
    assert len(result.turns) == 2


def test_a_launched_process_that_fails_is_named(tmp_path):
    case = Case("memory", "impossible", "memory", {"batch": 0}, unit="B")
    result = launch.run(case, [OURS], repeats=1, take=min)
    assert result.wrong
    assert "failed" in result.notes[0]


def test_without_scikit_learn_the_digits_are_left_out_with_the_command(monkeypatch):
    monkeypatch.setattr(launch, "find_spec", lambda name: None)
    digits = next(c for c in all_cases() if c.group == "digits")
    result = launch.run(digits, [OURS], repeats=1, take=min)
    assert not result.turns
    assert not result.wrong
    assert "pip install scikit-learn" in result.notes[0]


def test_only_libraries_with_such_a_program_are_launched(tmp_path):
    digits = next(c for c in all_cases() if c.group == "digits")
    memory = next(c for c in all_cases() if c.group == "memory")
    assert launch.command(digits, "jax", tmp_path) is None
    assert launch.command(memory, "jax", tmp_path) is None
    assert launch.command(memory, "torch", tmp_path)


def test_the_program_measures_prints_and_writes(tmp_path, capsys):
    arguments = ["--only", "MLP 32x64x64, SGD", "--kernels", "numpy", "--against", "", "--repeats", "1"]
    assert main([*arguments, "--seconds", "0.001", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "- processor: " in printed
    assert "| MLP 32x64x64, SGD |" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "results.md"}
    assert main(["--redraw", str(tmp_path)]) == 0
