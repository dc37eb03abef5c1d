"""The golden call sequences of PyTorch's random streams, and how they are evaluated and compared.

`golden/rng.npz` and `golden/rng.json` hold the outputs of call sequences, produced by PyTorch 2.13.0+cpu on
Linux x86-64; the meta entry of the json file says how to read them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"
CASES = json.loads((GOLDEN / "rng.json").read_text())["cases"]
with np.load(GOLDEN / "rng.npz") as _file:
    EXPECTED = dict(_file)

# ---- evaluating a call sequence --------------------------------------------------------------------


def evaluate(statements: list[str], names: dict) -> Iterator[tuple[int, int | None, object]]:
    """Run `statements` with `names`; yield (number of statement, item of its list, value) of each output."""
    names = dict(names)
    for number, statement in enumerate(statements):
        if binding := re.match(r"(\w+) = (.*)", statement):
            names[binding[1]] = eval(binding[2], names)
            continue
        value = eval(statement, names)
        if isinstance(value, list):
            yield from ((number, item, element) for item, element in enumerate(value))
        elif value is not None and not isinstance(value, names["Generator"]):
            yield number, None, value


def assert_equal(actual: object, expected: np.ndarray, dtype: str, kind: str) -> None:
    """Equal at the class that the golden file states: an ulp or four for the C library, else none."""
    if dtype in ("int", "float"):
        assert actual == expected.item()
        return
    actual = np.asarray(actual)
    assert (actual.dtype.name, actual.shape) == (dtype, expected.shape)
    if dtype == "bfloat16":
        actual = actual.view(np.uint16)
    if kind == "linalg":  # values out of a QR decomposition
        np.testing.assert_allclose(actual, expected, atol=1e-5)
        return
    if ulps := {"libm32": 1, "libm64": 4}.get(kind):
        assert np.abs(ordered(actual) - ordered(expected)).max(initial=0) <= ulps
    else:
        assert actual.tobytes() == np.ascontiguousarray(expected).tobytes()


def ordered(x: np.ndarray) -> np.ndarray:
    """Float bit patterns as integers in the order of the floats: neighbours differ by one."""
    bits = np.ascontiguousarray(x).view(f"i{x.itemsize}").astype(np.int64)
    return np.where(bits < 0, -(2 ** (8 * x.itemsize - 1)) - bits, bits)
