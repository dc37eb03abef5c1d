"""The rarer functions, line by line here and in PyTorch, as in ``test_operators.py``: ``more_operator_calls.txt``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch announces what it will do otherwise some day

HERE = Path(__file__).parent
if "operator_parity" not in sys.modules:  # it lies beside this file, not at the top of tests/
    spec = importlib.util.spec_from_file_location("operator_parity", HERE / "test_operators.py")
    sys.modules["operator_parity"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["operator_parity"])
operator_parity = sys.modules["operator_parity"]

# Where we differ on purpose, or would gain nothing by not doing so.
DEVIATIONS = {
    "torch.sort(k, 1, True, stable=True)": "PyTorch wants all arguments beside ``stable`` named",
    "torch.vander(w)": "PyTorch cannot differentiate it",
    "n.copysign(n2)": "the second derivative at 0 and NaN is NaN in PyTorch, 0 here",
    "k.copysign(-0.0)": "the second derivative at 0 and NaN is NaN in PyTorch, 0 here",
    "p.lgamma()": "PyTorch's trigamma has nine digits",
    "p.digamma()": "PyTorch's trigamma has nine digits",
    "torch.polygamma(0, p)": "PyTorch's trigamma has nine digits",
    "p.clone().lgamma_()": "PyTorch's trigamma has nine digits",
    "p.clone().digamma_()": "PyTorch's trigamma has nine digits",
    "torch.polygamma(1, p)": "PyTorch's trigamma has nine digits",
    "(1 + p).clone().acosh_()": "PyTorch has no derivative of it in place",
    "x.clone().asinh_()": "PyTorch has no derivative of it in place",
    "(p * 0.3).clone().atanh_()": "PyTorch has no derivative of it in place",
    "x.clone().eq_(y)": "the gradient of a comparison's other side is 0 in PyTorch, none here",
    "x.clone().lt_(y)": "the gradient of a comparison's other side is 0 in PyTorch, none here",
}


def read_calls():
    for line in (HERE / "more_operator_calls.txt").read_text("utf-8").splitlines():
        call, _, note = line.partition("  # ")
        if call and not call.startswith("#"):
            yield pytest.param(call, note, id=call)


@pytest.mark.parametrize("call, note", list(read_calls()))
def test_same_line_same_result(call, note):
    _, _, only = note.partition("only ")
    for kind in operator_parity.KINDS:
        if not only or kind in only.split():
            operator_parity.compare(call, kind, names="other name" not in note)


@pytest.mark.parametrize("call", list(DEVIATIONS))
def test_deviations_are_still_there(call):
    # one that has gone belongs into more_operator_calls.txt
    with pytest.raises(AssertionError):
        for kind in operator_parity.KINDS:
            operator_parity.compare(call, kind)
