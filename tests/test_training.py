"""A hundred steps of training give PyTorch's loss at every step, as golden/training.json has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from training_runs import RUNS, STEPS, losses

import minitorch_bn

pytest.importorskip("sklearn", reason="the digits are scikit-learn's")
GOLDEN = json.loads((Path(__file__).parent / "golden" / "training.json").read_text("utf-8"))


@pytest.mark.parametrize("name", RUNS)
def test_losses_are_the_stored_ones(name):
    stored = GOLDEN["losses"][name]
    assert len(stored) == STEPS
    assert losses(minitorch_bn, name) == pytest.approx(stored, abs=1e-4, rel=0)
    assert stored[-1] < stored[0] / 2  # a run that learns


@pytest.mark.parametrize("name", RUNS)
def test_a_run_repeats_itself(name):
    assert losses(minitorch_bn, name) == losses(minitorch_bn, name)
