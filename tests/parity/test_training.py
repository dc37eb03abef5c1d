"""A hundred steps of training give PyTorch's loss at every step, both running here and now."""

from __future__ import annotations

import pytest
from training_runs import RUNS, losses

import minitorch_bn

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn", reason="the digits are scikit-learn's")


@pytest.mark.parametrize("name", RUNS)
def test_losses_are_pytorchs(name):
    assert losses(minitorch_bn, name) == pytest.approx(losses(torch, name), abs=1e-4, rel=0)
