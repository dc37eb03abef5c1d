"""What every test shares: hypothesis profiles and a seeded source of numbers."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# No deadline and no complaint about slow draws: the first call of a compiled kernel takes a second, and
# a shared machine stalls. CI draws the same examples each time, so that its failures come back at home.
settings.register_profile("dev", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture
def rng() -> np.random.Generator:
    """A numpy generator that starts every test at the same seed."""
    return np.random.default_rng(20150211)  # the day Batch Normalization was submitted to arXiv
