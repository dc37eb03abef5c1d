"""The same line of code here and in PyTorch: same values, dtypes, shapes, gradients of two orders, names, and errors.

``operator_calls.txt`` has the lines, one call each; ``torch`` and the tensors below are what they see. Each line runs
in every dtype of ``KINDS``, or in those that stand behind it.
"""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minitorch_bn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch announces what it will do otherwise some day

KINDS = ["float64", "float32", "float16", "int64", "uint8", "bool"]
if importlib.util.find_spec("ml_dtypes"):
    KINDS.append("bfloat16")

# A few roundings of the largest value: PyTorch sums in another order.
TOLERANCES = {"float64": 1e-13, "float32": 1e-6, "float16": 1e-3, "bfloat16": 8e-3}

# Where we differ on purpose, or would gain nothing by not doing so.
DEVIATIONS = {
    "7 % x": "PyTorch has no derivative of the remainder of a number",
    "torch.remainder(5, x)": "PyTorch has no derivative of the remainder of a number",
    "n ** 0.5": "PyTorch takes the root, which is another thing at -inf and -0",
    "x.scatter(0, g, y)": "PyTorch cannot differentiate a source larger than the index",
    "x.clone().scatter_(0, g, y)": "PyTorch cannot differentiate a source larger than the index",
    "x.sum(dtype=torch.int32)": "PyTorch refuses to lose the gradient; here the integers simply have none",
    "s.var()": "0 / 0: the second derivative is 0 in PyTorch, NaN here",
    "n.prod(1)": "how NaN spreads through a second derivative",
    "np.ones(4) * x.detach()": "refused by PyTorch",
    'x + np.ones(4, dtype="int64")': "PyTorch hands the sum to numpy",
    "x * np.bool_(True)": "PyTorch takes numpy's bool for a float",
    "x + 2**70": "PyTorch refuses numbers beyond int64 also where the tensor is floating",
    "x[..., ...]": "PyTorch takes a second ellipsis for nothing",
    "s.mT": "deprecated in PyTorch",
    "e.stride()": "PyTorch keeps what numpy says of an array without elements",
    "x.sum(1.5)": "wording: arguments of the wrong type",
    "torch.max(x, 1.5)": "wording: arguments of the wrong type",
    'x.mean("a")': "wording: arguments of the wrong type",
    "x.masked_fill(i == 1, 0)": "wording: which of the two sizes is called a",
    "x[:, torch.tensor([4])]": "wording: PyTorch names the wrong dimension",
    "x.expand(4)": "wording: PyTorch's names for the type of a bool or bfloat16 tensor vary",
    "x.lerp(w, 0.5)": "which of two errors comes first",
    "r.clone().expand(3, 4).add_(1)": "which of two errors comes first",
}


def read_calls():
    for line in Path(__file__).with_name("operator_calls.txt").read_text("utf-8").splitlines():
        call, _, note = line.partition("  # ")
        if call and not call.startswith("#"):
            yield pytest.param(call, note, id=call)


# -- what a line sees ----------------------------------------------------------------------------------------------


def draw_arrays(kind):
    """Tensors of the dtype at hand, by name: x, y, z, ... of different shapes; n and n2 hold NaN and infinities."""
    rng = np.random.default_rng(7)
    floating = kind not in ("int64", "uint8", "bool")
    dtype = "float64" if kind == "bfloat16" else kind

    def draw(*shape):
        if floating:
            values = 1.5 * rng.standard_normal(shape)
        elif kind == "bool":
            values = rng.random(shape) < 0.5
        else:
            values = rng.integers(0 if kind == "uint8" else -4, 6, shape)
        return np.asarray(values).astype(dtype)

    arrays = {
        "x": draw(3, 4), "y": draw(3, 4), "z": draw(2, 3, 4), "M": draw(4, 5), "N": draw(2, 4, 5), "c": draw(3, 1),
        "r": draw(4), "v": draw(4), "w": draw(3), "o": draw(1), "s": draw(), "u": draw(), "e": draw(0, 4),
    }  # fmt: skip
    x, y = arrays["x"], arrays["y"]
    if not floating:
        return {**arrays, "k": x.copy(), "p": x.copy(), "n": x.copy(), "n2": y.copy()}
    nan, inf = np.nan, np.inf
    return {
        **arrays,
        "k": np.round(x) + x.dtype.type(0),  # ties and zeros, the latter positive
        "p": np.abs(x * 0.3 + 0.05).astype(dtype),  # in the domain of log, asin, ...
        "n": np.array([[nan, 1, -inf, inf], [2, nan, -0.0, 3], [5, 6, 7, 8.5]], dtype),
        "n2": np.array([[1, nan, -inf, -inf], [2, nan, 0.0, 3], [-5, 6, inf, 0]], dtype),
    }


ARRAYS = {kind: draw_arrays(kind) for kind in KINDS}
INDICES = {
    "b": np.random.default_rng(1).random((3, 4)) < 0.5,
    "b1": np.array([True, False, True]),
    "b0": np.array(True),
    "i": np.array([2, 0, 0]),
    "j": np.array([[1, 0], [2, 2]]),
    "i0": np.array(1),
    "i32": np.array([1, 0], "int32"),
    "g": np.random.default_rng(2).integers(0, 3, (2, 4)),
    "ie": np.zeros(0, "int64"),
    "neg": np.array([-1, 2]),
}


class Run:
    """One line in one of the two libraries: what came out, and the gradients of its projection, twice."""

    def __init__(self, library, call, kind):
        self.library = library
        self.leaves = {name: library.tensor(a) for name, a in ARRAYS[kind].items()}
        if kind == "bfloat16":
            self.leaves = {name: t.to(library.bfloat16) for name, t in self.leaves.items()}
        if kind == "float64":
            for leaf in self.leaves.values():
                leaf.requires_grad_()
        indices = {name: library.tensor(a) for name, a in INDICES.items()}
        self.outputs = self.flatten(eval(call, {"torch": library, "np": np, **indices, **self.leaves}))
        self.gradients = self.differentiate(self.outputs, seed=0)

    def flatten(self, value):
        return [t for item in value for t in self.flatten(item)] if isinstance(value, (tuple, list)) else [value]

    def differentiate(self, outputs, seed):
        """The gradients for every leaf, and (at seed 0) those of these: {(order, name): array}."""
        wanted = [t for t in outputs if isinstance(t, self.library.Tensor) and t.requires_grad]
        if not wanted:
            return {}
        rng = np.random.default_rng(seed)
        seeds = [self.library.tensor(np.asarray(rng.standard_normal(tuple(t.shape)))).to(t.dtype) for t in wanted]
        leaves = list(self.leaves.values())
        grads = self.library.autograd.grad(wanted, leaves, seeds, create_graph=seed == 0, allow_unused=True)
        order = seed + 1
        found = {(order, name): values(g) for name, g in zip(self.leaves, grads) if g is not None}
        return found if seed else {**found, **self.differentiate(list(grads), seed=1)}


def values(tensor):
    """The values in numpy: bfloat16 as float32, PyTorch's implied zeros written out."""
    tensor = tensor.detach()
    if str(tensor.dtype) == "torch.bfloat16":
        tensor = tensor.float()
    return np.array(tensor.clone().numpy())


def attempt(library, call, kind):
    """The run, or the error: its type and its first line."""
    try:
        return Run(library, call, kind)
    except Exception as error:
        return type(error), str(error).partition("\n")[0]


def assert_equal(ours, theirs, tolerance, scale=0.0):
    """Integers exactly; floats within the tolerance of the largest (at least ``scale``); NaN in the same places."""
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    if theirs.dtype.kind != "f":
        np.testing.assert_array_equal(ours, theirs)
        return
    largest = np.abs(theirs[np.isfinite(theirs)].astype(np.float64)).max(initial=scale)
    np.testing.assert_allclose(
        ours.astype(np.float64), theirs.astype(np.float64), rtol=tolerance, atol=tolerance * largest
    )


def compare(call, kind, names=True):
    ours, theirs = attempt(minitorch_bn, call, kind), attempt(torch, call, kind)
    if not isinstance(theirs, Run) or not isinstance(ours, Run):
        assert ours == theirs
        return
    for a, b in zip(ours.outputs, theirs.outputs, strict=True):
        if not isinstance(b, torch.Tensor):
            assert a == b
            continue
        assert str(a.dtype) == str(b.dtype)
        assert a.requires_grad == b.requires_grad
        if names:
            assert type(a.grad_fn).__name__ == type(b.grad_fn).__name__
        assert_equal(values(a), values(b), TOLERANCES.get(str(b.dtype)[6:], 0))
    lowest = max(
        [TOLERANCES.get(str(t.dtype)[6:], 0) for t in theirs.outputs if isinstance(t, torch.Tensor)], default=0
    )
    for order, name in ours.gradients.keys() | theirs.gradients.keys():
        zero = np.zeros(ARRAYS[kind][name].shape)
        a, b = (run.gradients.get((order, name)) for run in (ours, theirs))
        assert order == 2 or (a is None) == (b is None), f"the gradient for {name}"
        # no second derivative and zeros mean the same
        assert_equal(zero if a is None else a, zero if b is None else b, 10 * lowest, scale=1.0)


@pytest.mark.parametrize("call, note", list(read_calls()))
def test_same_line_same_result(call, note):
    _, _, only = note.partition("only ")
    for kind in KINDS:
        if not only or kind in only.split():
            compare(call, kind, names="other name" not in note)


@pytest.mark.parametrize("call", list(DEVIATIONS))
def test_deviations_are_still_there(call):
    # one that has gone belongs into operator_calls.txt
    with pytest.raises(AssertionError):
        for kind in KINDS:
            compare(call, kind)


# -- type promotion ------------------------------------------------------------------------------------------------

DTYPES = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]
PAIRS = {
    "add": "a + b", "mul": "a * b", "div": "a / b", "pow": "a ** b", "eq": "a == b", "lt": "a < b",
    "where": "torch.where(torch.tensor([True, False, True]), a, b)",
}  # fmt: skip


def operands_of(library, dtype):
    """A dimensioned and a zero-dim tensor."""
    values_of = library.tensor([3, 1, 2]).to(getattr(library, dtype))
    return [values_of, values_of[2]]


@pytest.mark.parametrize("expression", list(PAIRS.values()), ids=list(PAIRS))
@pytest.mark.parametrize("dtype", [*DTYPES, *(["bfloat16"] if "bfloat16" in KINDS else [])])
def test_type_promotion(expression, dtype):
    def results(library):
        first = operands_of(library, dtype)
        others = [t for d in DTYPES for t in operands_of(library, d)] + [True, 2, 2.5]
        for a, b in itertools.chain(itertools.product(first, others), itertools.product(others, first)):
            try:
                out = eval(expression, {"torch": library, "a": a, "b": b})
                yield str(out.dtype), out
            except Exception as error:
                yield type(error), str(error)

    for (our_kind, ours), (their_kind, theirs) in zip(results(minitorch_bn), results(torch), strict=True):
        assert our_kind == their_kind
        if isinstance(theirs, torch.Tensor):
            assert_equal(values(ours), values(theirs), TOLERANCES.get(their_kind[6:], 0))
        else:
            assert ours == theirs


# -- indexing ------------------------------------------------------------------------------------------------------


@st.composite
def mixed_indices(draw):
    """A shape, and ints, slices, None, an ellipsis, masks and index arrays that may or may not fit it."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    places = draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
    index: list = []
    dim, ellipsis = 0, False
    while dim < len(shape) and draw(st.integers(0, 4)):
        size = shape[dim]
        kinds = ["slice", "mask", "none", "ellipsis", "bool", *(["int", "array"] if size else [])]
        kind = draw(st.sampled_from(kinds))
        if kind == "int":
            index.append(draw(st.integers(-size, size - 1)))
        elif kind == "slice":
            bound = st.none() | st.integers(-size - 1, size + 1)
            index.append(slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 3))))
        elif kind == "array":
            part = tuple(1 if draw(st.booleans()) else n for n in places)
            index.append(rng.integers(-size, size, part))
        elif kind == "mask":
            index.append(rng.random(shape[dim : dim + draw(st.integers(1, 2))]) < 0.5)
            dim += index[-1].ndim - 1
        elif kind == "none":
            index.append(None)
        elif kind == "bool":
            index.append(draw(st.booleans()))
        elif not ellipsis:
            index.append(Ellipsis)
            ellipsis, dim = True, draw(st.integers(dim, len(shape)))
            continue
        dim += kind in ("int", "slice", "array", "mask")
    return shape, tuple(index)


def index_with(library, shape, index, put):
    """What x[index] is, or x after x[index] = value; and the gradients. Or the type of the error."""
    x = library.arange(float(np.prod(shape, dtype=int))).reshape(shape).double().requires_grad_()
    value = library.tensor(-1.0).double().requires_grad_()
    index = tuple(library.tensor(i) if isinstance(i, np.ndarray) else i for i in index)
    try:
        y = x[index]
        if put:
            y = x.clone()
            y[index] = value
    except (IndexError, RuntimeError) as error:
        return type(error)
    seed = library.arange(float(y.numel())).reshape(tuple(y.shape)).double()
    grads = library.autograd.grad(y, (x, value), seed, allow_unused=True)
    return [np.zeros(()) if t is None else values(t) for t in (y, *grads)]


@given(mixed_indices(), st.booleans())
def test_indexing(case, put):
    ours, theirs = (index_with(library, *case, put) for library in (minitorch_bn, torch))
    if isinstance(theirs, type) or isinstance(ours, type):
        assert ours == theirs
        return
    for a, b in zip(ours, theirs, strict=True):
        assert_equal(a, b, 0)
