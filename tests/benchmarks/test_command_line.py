"""Which rows and which libraries a command line chooses."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from benchmarks import contenders
from benchmarks.__main__ import main, parse, selected
from benchmarks.cases import GROUPS, GROWTH, LAUNCHED, TARGETS, all_cases
from benchmarks.contenders import Contender, choose


def groups_of(*arguments):
    return Counter(case.group for case in selected(parse(arguments)))


def test_by_default_every_group_but_growth_is_measured():
    assert groups_of() == {
        "bn": 7, "bn-eval": 7, "mlp": 6, "cnn": 3, "conv": 4, "tape": 2,
        "import": 1, "first-use": 1, "digits": 2, "memory": 2,
    }  # fmt: skip


def test_one_name_stands_for_training_and_evaluation():
    assert groups_of("--group", "bn") == {"bn": 7, "bn-eval": 7}
    assert groups_of("--group", "bn-eval,tape") == {"bn-eval": 7, "tape": 2}


def test_growth_is_measured_when_it_is_asked_for():
    assert set(groups_of("--group", "growth")) == set(GROWTH)


def test_only_chooses_by_a_part_of_the_name():
    chosen = selected(parse(["--only", "BatchNorm (128,64)"]))
    assert [c.title for c in chosen] == ["BatchNorm (128,64)", "BatchNorm (128,64), evaluation"]


def test_a_quick_run_has_the_first_row_of_each_group():
    args = parse(["--quick"])
    assert set(Counter(case.group for case in selected(args)).values()) == {1}
    assert selected(args)[0].title == "BatchNorm (128,64)"
    assert args.repeats * args.seconds < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--group", "bn,rnn"], "--group: there is no rnn; there are bn, "),
        (["--against", "keras"], "--against: there is no keras"),
        (["--kernels", "cuda"], "--kernels: there is no cuda; there are numba, numpy"),
        (["--kernels", ""], "--kernels: name at least one"),
        (["--repeats", "0"], "--repeats must be at least 1"),
        (["--seconds", "0"], "--seconds above 0"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as error:
        parse(arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_a_name_that_no_row_has_lists_the_rows(capsys):
    assert main(["--only", "no such row"]) == 2
    assert "conv 3x3 64x1->16x28x28" in capsys.readouterr().out


def test_rows_have_names_of_their_own_and_known_groups():
    cases = all_cases()
    assert len({(c.group, c.title) for c in cases}) == len(cases)
    assert {c.group for c in cases} == {*GROUPS, *GROWTH}
    assert {group for group, _, _ in TARGETS} < set(GROUPS)
    assert set(LAUNCHED) < set(GROUPS)


def test_who_is_not_installed_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(contenders, "find_spec", lambda name: None if name in ("numba", "jax") else object())
    present, missing = choose(["numba", "numpy"], ["torch", "jax"])
    assert present == [Contender("minitorch_bn", "numpy"), Contender("torch")]
    assert missing == [
        'numba is not installed and is left out: pip install "minitorch_bn[fast]"',
        "jax is not installed and is left out: pip install jax",
    ]


def test_settings_that_distort_are_unset_for_the_processes_alone(monkeypatch):
    distorting = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": "512", "PYTHONDONTWRITEBYTECODE": "1"}
    for name, value in distorting.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    environment = Contender("minitorch_bn", "numpy").environment()
    assert not set(distorting) & set(environment)
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["MINITORCH_BN_KERNELS"] == "numpy"
    assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"
    assert "MINITORCH_BN_KERNELS" not in Contender("torch").environment() or "MINITORCH_BN_KERNELS" in os.environ
