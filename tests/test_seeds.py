"""The same seed gives PyTorch's numbers: creation, in-place draws, dropout, initialisation, layers, data loading."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from golden_sequences import CASES, EXPECTED, assert_equal, evaluate

import minitorch_bn as torch
from minitorch_bn import nn
from minitorch_bn.utils import data

NAMES = {name: getattr(torch, name) for name in torch.__all__}
NAMES |= {name: getattr(data, name) for name in data.__all__}
NAMES |= {
    "nn": nn,
    "F": nn.functional,
    "init": nn.init,
    "list": list,
    "params": lambda module: list(module.parameters()),
    "epoch": lambda loader: np.concatenate([batch.numpy().reshape(-1) for batch in loader]),
    "first": lambda loader: next(iter(loader)),
    "idx": lambda sampler: np.array(list(sampler), np.int64),
    "splits": lambda parts: [np.array(part.indices, np.int64) for part in parts],
}

# What is out of scope here; a case runs up to its first statement with one of these.
OUT_OF_SCOPE = re.compile(
    r"complex64|distributions|poisson|RNN|LSTM|GRU|Multihead|Transformer|alpha_dropout|Bilinear|EmbeddingBag|rrelu"
    r"|gumbel|memory_format|ConvTranspose3d|geometric_|cauchy_|log_normal_"
)
COMPARED = (1498, 1619)


def covered(case: dict) -> tuple[list[str], list[dict]]:
    """The statements of a case up to the first that is out of scope, and the outputs that these have."""
    statements = case["seq"].split("; ")
    cut = next((n for n, statement in enumerate(statements) if OUT_OF_SCOPE.search(statement)), len(statements))
    return statements[:cut], [out for out in case["out"] if out["stmt"] < cut]


@pytest.mark.parametrize("case", CASES, ids=[f"{case['id']}-{case['group']}" for case in CASES])
def test_a_golden_sequence_gives_pytorchs_numbers(case):
    if "bfloat16" in case["seq"]:
        pytest.importorskip("ml_dtypes", reason='bfloat16 needs ml_dtypes: pip install "minitorch_bn[bf16]"')
    statements, outputs = covered(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # bounds that a 16-bit dtype cannot hold, and the like
        results = list(evaluate(statements, NAMES))
    for (statement, item, value), out in zip(results, outputs, strict=True):
        assert (statement, item) == (out["stmt"], out.get("item"))
        value = value.detach().numpy() if isinstance(value, torch.Tensor) else value
        assert_equal(value, EXPECTED[out["key"]], out["dtype"], out["class"])


def test_how_many_golden_outputs_are_compared():
    assert (sum(len(covered(case)[1]) for case in CASES), len(EXPECTED)) == COMPARED
