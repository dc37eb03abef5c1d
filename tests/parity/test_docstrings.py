"""The examples in the docstrings, run by a real PyTorch: they print the same there."""

from __future__ import annotations

import operator
import warnings

import pytest
from public_docstrings import DOCS, failures

torch = pytest.importorskip("torch", reason="the parity suite compares with a real PyTorch: pip install torch==2.13.0")
pytestmark = pytest.mark.usefixtures("settings_put_back")

# What PyTorch has too and the README says is different here.
DIFFERENT = {
    "monitor": "there it is a module for telemetry",
    "nn.BatchNorm1d": "a mask",
    "nn.BatchNorm2d": "channels anywhere, ghost batches",
    "nn.Module.compile": "out of scope",
    "nn.Module.cuda": "out of scope; a module without parameters has nothing that PyTorch could refuse",
    "nn.utils.fuse_linear_bn_eval": "without affine parameters",
    "nn.utils.fuse_linear_bn_weights": "without affine parameters",
    "set_num_interop_threads": "PyTorch wants it once, before any work",
    "optim.swa_utils.update_bn": "pooled over all samples",
    "utils.checkpoint.checkpoint": "does not count a batch twice",
}


def as_pytorch(doc: str, name: str) -> str:
    """What goes wrong when PyTorch runs the examples of a docstring."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return failures(doc.replace("minitorch_bn as torch", "torch").replace("minitorch_bn", "torch"), name)


def has(path: str) -> bool:
    try:
        operator.attrgetter(path)(torch)
    except AttributeError:
        return False
    return True


@pytest.mark.parametrize("where", DOCS)
def test_examples_print_the_same(where):
    prefix = "" if where == "torch" else f"{where}."
    examples = {doc: f"{prefix}{name}" for name, doc in DOCS[where].items() if ">>>" in doc}
    report = [as_pytorch(doc, name) for doc, name in examples.items() if has(name) and name not in DIFFERENT]
    assert not any(report), "".join(report)


# PyTorch would start a compiler
@pytest.mark.parametrize("name", [name for name in DIFFERENT if name != "nn.Module.compile"])
def test_what_is_different_is(name):
    where, _, short = name.rpartition(".")
    assert as_pytorch(DOCS[where or "torch"][short], name)
