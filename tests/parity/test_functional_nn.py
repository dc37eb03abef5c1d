"""nn.functional, nn.init and layers against a real PyTorch: values, two orders of gradients, texts, random numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import minitorch_bn as mini

torch = pytest.importorskip("torch", reason="parity needs a real PyTorch")


def namespace(library):
    """What an expression of these tests may use, from one of the two libraries."""
    return {
        "torch": library,
        "nn": library.nn,
        "F": library.nn.functional,
        "init": library.nn.init,
        "t": library.tensor,
        "inf": float("inf"),
        "nan": float("nan"),
    }


MINI, REAL = namespace(mini), namespace(torch)


def outcome(expression, names):
    """What evaluating an expression gives: its printed form, or the first line of its error, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = repr(eval(expression, dict(names)))
        except Exception as error:
            result = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return result, [(w.category.__name__, str(w.message)) for w in caught]


def assert_same_outcome(expression):
    assert outcome(expression, MINI) == outcome(expression, REAL)


def derivatives(expression, arrays, names, second=True):
    """The value, the gradients of a weighted sum of it, and those of a weighted sum of the gradients."""
    library = names["torch"]
    inputs = {name: library.tensor(a, requires_grad=a.dtype.kind == "f") for name, a in arrays.items()}
    leaves = [x for x in inputs.values() if x.requires_grad]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = eval(expression, names | inputs)
    first = library.autograd.grad(weighted(library, value), leaves, create_graph=second, allow_unused=True)
    found = [value, *(g for g in first if g is not None)]
    total = [weighted(library, g) for g in first if g is not None and g.requires_grad]
    if second and total:
        found += [g for g in library.autograd.grad(sum(total), leaves, allow_unused=True) if g is not None]
    return [np.asarray(x.detach()) if library is mini else x.detach().numpy(force=True) for x in found]


def weighted(library, x):
    """A sum with unequal weights, so that no gradient cancels."""
    flat = x.reshape(-1)
    return (flat * library.linspace(0.5, 1.5, flat.numel(), dtype=x.dtype)).sum()


def assert_same_derivatives(expression, second=True, rtol=1e-10, **arrays):
    ours = derivatives(expression, arrays, MINI, second)
    theirs = derivatives(expression, arrays, REAL, second)
    # A gradient that is zero throughout may be missing in one of the two.
    ours, theirs = ([a for a in found if a.any()] for found in (ours, theirs))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)


X = np.random.default_rng(0).normal(size=(3, 4)) * 3
PROBABILITIES = np.random.default_rng(1).dirichlet(np.ones(4), 3)

ACTIVATIONS = [
    "F.relu(x)",
    "F.relu6(x)",
    "F.leaky_relu(x)",
    "F.leaky_relu(x, 0.3)",
    "F.leaky_relu(x, -0.3)",
    "F.elu(x)",
    "F.elu(x, 0.5)",
    "F.celu(x)",
    "F.celu(x, 2.0)",
    "F.celu(x, -2.0)",
    "F.selu(x)",
    "F.gelu(x)",
    "F.gelu(x, approximate='tanh')",
    "F.silu(x)",
    "F.mish(x)",
    "F.softplus(x)",
    "F.softplus(x, 2, 3)",
    "F.softsign(x)",
    "F.hardtanh(x)",
    "F.hardtanh(x, -2, 0.5)",
    "F.hardsigmoid(x)",
    "F.hardswish(x)",
    "F.hardshrink(x)",
    "F.hardshrink(x, 2)",
    "F.softshrink(x)",
    "F.softshrink(x, 2)",
    "F.tanhshrink(x)",
    "F.threshold(x, 0.1, 20)",
    "F.logsigmoid(x)",
    "F.sigmoid(x)",
    "F.tanh(x)",
    "F.glu(x)",
    "F.glu(x[:2], 0)",
    "F.softmax(x, 0)",
    "F.softmax(x, -1)",
    "F.log_softmax(x, 1)",
    "F.softmin(x, 1)",
]


@pytest.mark.parametrize("expression", ACTIVATIONS)
def test_activation_derivatives(expression):
    hardsigmoid = "hardsigmoid" in expression  # PyTorch has no second derivative, and its first uses a float32 1/6
    assert_same_derivatives(expression, not hardsigmoid, 1e-7 if hardsigmoid else 1e-10, x=X)


@pytest.mark.parametrize("expression", ACTIVATIONS)
def test_activation_prints_its_node(expression):
    assert_same_outcome(f"[{expression} for x in [torch.ones(3, 4, requires_grad=True)]][0].grad_fn.name()")


SPECIAL = "t([-inf, -4, -3, -1, -0.5, -0.0, 0, 0.5, 1, 3, 6, 7, inf, nan], dtype=torch.float64)"


@pytest.mark.parametrize("name", [e for e in ACTIVATIONS if "glu" not in e and "1)" not in e])
def test_activation_at_kinks_and_infinities(name):
    # gelu and mish multiply an infinity by a zero, and which of both comes first is the kernel's affair
    special = SPECIAL.replace("-inf, ", "").replace("inf, nan", "nan") if "lu(" in name or "mish" in name else SPECIAL
    if any(kind in name for kind in ("hardtanh", "hardshrink", "softshrink", "relu6")):
        # At NaN the last elements, which fill no vector of the processor, have another gradient in PyTorch.
        special += ".repeat(16)"
    for result in (
        f"[{name} + 0.0 for x in [{special}]][0]",  # of which sign a zero is differs between PyTorch's own kernels
        f"[torch.autograd.grad({name}.sum(), x)[0] for x in [{special}.requires_grad_()]][0]",
    ):
        assert_same_outcome(result)


@pytest.mark.parametrize(
    "name",
    ["relu", "leaky_relu", "elu", "celu", "selu", "silu", "mish", "hardtanh", "relu6", "hardsigmoid", "hardswish"],
)
def test_activation_in_place(name):
    setup = "[(y is z, z.grad_fn.name(), torch.autograd.grad(z.sum(), x)[0]) for x in [torch.linspace(-4, 4, 8)"
    assert_same_outcome(
        f"{setup}.requires_grad_()] for y in [x * 1] for z in [F.{name}(y, inplace=True)]]",
    )
    assert_same_outcome(f"F.{name}(torch.ones(2, requires_grad=True), inplace=True)")


@pytest.mark.parametrize("name", ["relu_", "leaky_relu_", "elu_", "celu_", "selu_", "hardtanh_"])
def test_activation_with_underscore(name):
    assert_same_outcome(f"[(F.{name}(x) is x, x) for x in [t([-2.0, 0.5, 3.0])]]")


@pytest.mark.parametrize(
    "shapes",
    [((3, 4), (1,)), ((3, 4), (4,)), ((2, 3, 5), (3,)), ((5,), (1,)), ((), (1,)), ((), ()), ((2, 3), ())],
    ids=str,
)
def test_prelu_derivatives(shapes):
    rng = np.random.default_rng(2)
    assert_same_derivatives("F.prelu(x, w)", x=rng.normal(size=shapes[0]), w=rng.normal(size=shapes[1]))


@pytest.mark.parametrize("dtype", ["int64", "int32", "bool"])
@pytest.mark.parametrize(
    "name",
    [
        "leaky_relu",
        "elu",
        "celu",
        "selu",
        "gelu",
        "silu",
        "mish",
        "softplus",
        "softsign",
        "hardtanh",
        "relu",
        "relu6",
        "hardsigmoid",
        "hardswish",
        "hardshrink",
        "softshrink",
        "tanhshrink",
        "logsigmoid",
        "sigmoid",
        "tanh",
        "glu",
        "dropout",
    ],
)
def test_activation_of_integers(name, dtype):
    assert_same_outcome(f"F.{name}(t([0, 1, 1, 0]).to(torch.{dtype}))")


@pytest.mark.parametrize(
    "expression",
    [
        "F.celu(torch.ones(2), 0)",
        "F.hardtanh(torch.ones(2), 1, -1)",
        "nn.Hardtanh(1, -1)",
        "nn.Hardtanh(1, 1)",
        "nn.Hardtanh(min_value=1, max_value=3)",
        "F.gelu(torch.ones(2), approximate='foo')",
        "F.softshrink(torch.ones(2), -1.0)",
        "F.softshrink(torch.ones(2, dtype=torch.float64), -1.0)",
        "F.glu(torch.ones(3, 5))",
        "F.glu(torch.ones(()))",
        "F.glu(torch.ones(3, 4), 5)",
        "F.prelu(torch.ones(3, 4), torch.ones(3))",
        "F.prelu(torch.ones(3, 4), torch.ones(2, 2))",
        "F.prelu(torch.ones(4), torch.ones(4))",
        "F.prelu(torch.ones(4, dtype=torch.float64), torch.ones(1))",
        "F.threshold(t([0, 1]), 0, 20)",
        "F.leaky_relu(5)",
        "F.elu(5)",
        "F.gelu(5)",
        "F.dropout(torch.ones(2), -0.1)",
        "F.dropout(torch.ones(2), 1.1)",
        "nn.Dropout(2)",
        "nn.Dropout2d(-1)",
        "F.softmax(torch.zeros(2))",
        "F.softmax(torch.zeros(2, 2))",
        "F.log_softmax(torch.zeros(2, 2, 2))",
        "F.softmin(torch.zeros(()))",
        "F.softmax(torch.zeros(2), 0, dtype=torch.float64)",
        "F.softmax(t([0, 0]), 0)",
        "F.softmax(t([0, 0]), 0, dtype=torch.float32)",
        "nn.Softmax2d()(torch.zeros(2, 2))",
        "nn.Softmax2d()(torch.zeros(2, 1, 2))",
        *(f"F.dropout{n}d(torch.ones({(1,) * d}), 0.0)" for n in (1, 2, 3) for d in (1, 2, 3, 4, 5)),
    ],
)
def test_activation_texts(expression):
    assert_same_outcome(expression)


# -- dropout ------------------------------------------------------------------------------------------------------

DROPOUTS = [
    "F.dropout(x)",
    "F.dropout(x, 0.2)",
    "F.dropout(x, 0.0)",
    "F.dropout(x, 1.0)",
    "F.dropout(x, 0.5, False)",
    "F.dropout(x.t(), 0.3)",
    "F.dropout(x.t()[::2], 0.3)",
    "F.dropout(x.reshape(2, 3, 4).permute(2, 0, 1), 0.3)",
    "F.dropout1d(x.reshape(2, 3, 4), 0.5)",
    "F.dropout1d(x, 0.5)",
    "F.dropout2d(x.reshape(2, 3, 2, 2), 0.25)",
    "F.dropout2d(x.reshape(2, 3, 4), 0.25)",
    "F.dropout3d(x.reshape(2, 3, 2, 2, 1), 0.25)",
    "F.dropout3d(x.reshape(3, 2, 2, 2), 0.25)",
    "nn.Dropout(0.4)(x)",
    "nn.Dropout1d(0.4)(x)",
    "nn.Dropout2d(0.4)(x.reshape(2, 3, 2, 2))",
    "nn.Dropout3d(0.4)(x.reshape(2, 3, 2, 2))",
    "nn.Dropout(0.4).eval()(x)",
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("expression", DROPOUTS)
def test_dropout_bit_for_bit(expression, dtype):
    data = np.random.default_rng(3).normal(size=(6, 4)).astype(dtype)
    results = []
    for names in (MINI, REAL):
        library = names["torch"]
        library.manual_seed(1)
        x = library.tensor(data, requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = eval(expression, names | {"x": x * 1})
        (g,) = library.autograd.grad(y.sum(), x)
        results.append([y.detach().numpy(), g.numpy(), library.rand(2).numpy()])
    for ours, theirs in zip(*results):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_dropout_in_place(p):
    for function in ("dropout", "dropout1d"):
        assert_same_outcome(
            f"[(torch.manual_seed(0) and F.{function}(x, {p}, inplace=True) is x, x) for x in [torch.ones(3, 4)]]"
        )


# -- losses ---------------------------------------------------------------------------------------------------------

LABELS = "t([1, 3, 0])"


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "options",
    [
        "",
        ", ignore_index=3",
        ", weight=t([0.5, 2.0, 1.0, 0.25], dtype=torch.float64)",
        ", weight=t([0.5, 2.0, 1.0, 0.25], dtype=torch.float64), ignore_index=0",
        ", label_smoothing=0.1",
        ", label_smoothing=1.0",
        ", label_smoothing=0.1, ignore_index=1",
        ", label_smoothing=0.3, weight=t([0.5, 2.0, 1.0, 0.25], dtype=torch.float64), ignore_index=0",
    ],
)
def test_cross_entropy_derivatives(options, reduction):
    options += f", reduction='{reduction}'"
    assert_same_derivatives(f"F.cross_entropy(x, {LABELS}{options})", x=X)
    if "smoothing" not in options:
        assert_same_derivatives(f"F.nll_loss(x, {LABELS}{options})", x=X)
    spatial = np.random.default_rng(4).normal(size=(2, 4, 3, 2))
    target = "t([[[0, 1], [3, 2], [1, 1]], [[2, 2], [0, 3], [3, 0]]])"
    assert_same_derivatives(f"F.cross_entropy(x, {target}{options})", x=spatial)
    assert_same_derivatives(f"F.cross_entropy(x[..., 0], {target}[..., 0]{options})", x=spatial)
    assert_same_derivatives(f"F.cross_entropy(x[0, :, 0, 0], t(1){options})", x=spatial)
    if "smoothing" not in options:
        assert_same_derivatives(f"F.nll_loss(x, {target}{options})", x=spatial)
        assert_same_derivatives(f"F.nll_loss(x[0, :, 0, 0], t(1){options})", x=spatial)
    if "ignore" not in options:
        q = np.random.default_rng(5).dirichlet(np.ones(4), (2, 3, 2)).transpose(0, 3, 1, 2)
        assert_same_derivatives(f"F.cross_entropy(x, q{options})", x=spatial, q=q)
        assert_same_derivatives(f"F.cross_entropy(x[:, :, 0, 0], q[:, :, 0, 0]{options})", x=spatial, q=q)
        assert_same_derivatives(f"F.cross_entropy(x[0, :, 0, 0], q[0, :, 0, 0]{options})", x=spatial, q=q)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "call",
    [
        "F.mse_loss(x, y",
        "F.mse_loss(x, y, weight=t([[1.0, 2, 3, 4]], dtype=torch.float64).expand(3, 4)",
        "F.l1_loss(x, y",
        "F.l1_loss(x, y, weight=t([[1.0, 2, 3, 4]], dtype=torch.float64).expand(3, 4)",
        "F.smooth_l1_loss(x, y",
        "F.smooth_l1_loss(x, y, beta=0.3",
        "F.smooth_l1_loss(x, y, beta=0.0",
        "F.huber_loss(x, y",
        "F.huber_loss(x, y, delta=2.5",
        "F.huber_loss(x, y, weight=t([[1.0, 2, 3, 4]], dtype=torch.float64).expand(3, 4)",
        "F.mse_loss(x, y[:1]",
        "F.l1_loss(x, y[0]",
        "F.binary_cross_entropy_with_logits(x, p",
        "F.binary_cross_entropy_with_logits(x, p, weight=t([1.0, 2, 3, 4], dtype=torch.float64)",
        "F.binary_cross_entropy_with_logits(x, p, pos_weight=t([1.0, 2, 3, 4], dtype=torch.float64)",
        "F.kl_div(x, p",
        "F.kl_div(x, y, log_target=True",
        "F.margin_ranking_loss(x, y, t([[1.0], [-1.0], [1.0]], dtype=torch.float64)",
        "F.margin_ranking_loss(x, y, t([[1.0], [-1.0], [1.0]], dtype=torch.float64), margin=0.5",
        "F.hinge_embedding_loss(x, t([[1], [-1], [1]])",
        "F.hinge_embedding_loss(x, t([[1], [-1], [-1]]), margin=2.0",
    ],
)
def test_loss_derivatives(call, reduction):
    arrays = {"x": X, "y": X[::-1] * 0.5 + 0.1, "p": PROBABILITIES}
    used = {n: a for n, a in arrays.items() if f"({n}," in call or f", {n}" in call}
    assert_same_derivatives(f"{call}, reduction='{reduction}')", **used)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", ["", ", weight=t([1.0, 2, 3, 4], dtype=torch.float64)"])
def test_binary_cross_entropy_derivatives(weight, reduction):
    q = PROBABILITIES[::-1].copy()
    options = f"{weight}, reduction='{reduction}'"
    # PyTorch's second derivative adds 1e-12 to x (1 - x), here 0.0087, and does not exist for the target
    assert_same_derivatives(f"F.binary_cross_entropy(x, t({q.tolist()}).double(){options})", rtol=1e-9, x=PROBABILITIES)
    assert_same_derivatives(f"F.binary_cross_entropy(x, q{options})", False, x=PROBABILITIES, q=q)


def test_batchmean_derivatives():
    assert_same_derivatives("F.kl_div(x, p, reduction='batchmean')", x=X, p=PROBABILITIES)


CE_TEXTS = [
    "F.cross_entropy(x, t([1, 2, 5]))",
    "F.cross_entropy(x, t([1, 2, -1]))",
    "F.cross_entropy(x, t([1, 2]))",
    "F.cross_entropy(x, t([[1], [2], [3]]))",
    "F.cross_entropy(x, t([1.0, 2.0, 3.0]))",
    "F.cross_entropy(x, torch.ones(3, 4))",
    "F.cross_entropy(x, t([1, 2, 3], dtype=torch.int32))",
    "F.cross_entropy(x, t([1, 2, 3], dtype=torch.uint8))",
    "F.cross_entropy(x, t([1, 0, 1], dtype=torch.bool))",
    "F.cross_entropy(x, t([1, 2, 4]), reduction='foo')",
    "F.cross_entropy(x, t([1, 2, 4]), weight=torch.ones(4))",
    "F.cross_entropy(x, t([1, 2, 4]), weight=torch.ones(5, dtype=torch.float64))",
    "F.cross_entropy(x, t([1, 2, 4]), weight=torch.ones(5, 1))",
    "F.cross_entropy(x, t([1, 2, 4]), label_smoothing=1.5)",
    "F.cross_entropy(x, t([1, 2, 4]), ignore_index=1, label_smoothing=0.1)",
    "F.cross_entropy(x, torch.ones(3, 5), ignore_index=1)",
    "F.cross_entropy(t(1.0), t(0))",
    "F.cross_entropy(torch.ones(5), t([1]))",
    "F.cross_entropy(torch.ones(5), t([1]), reduction='none')",
    "F.cross_entropy(torch.ones(5), t([1, 2]))",
    "F.cross_entropy(torch.ones(5), t(7))",
    "F.cross_entropy(torch.ones(1, 5), t(1))",
    "F.cross_entropy(torch.ones(2, 5, 3), t(1))",
    "F.cross_entropy(torch.ones(3, 5, 2), t([1, 2, 3]))",
    "F.cross_entropy(torch.ones(3, 5, 2), torch.zeros(3, 3).long())",
    "F.cross_entropy(torch.ones(3, 5, 2, 2), torch.zeros(3, 3, 2).long())",
    "F.cross_entropy(torch.ones(3, 5, 2, 2), torch.zeros(3, 3).long())",
    "F.cross_entropy(torch.ones(3, 5, 2, 2), torch.zeros(3, 2, 2))",
    "F.cross_entropy(torch.ones(3, 5, 2, 2, 2), torch.zeros(3, 3, 2, 2).long())",
    "F.cross_entropy(torch.ones(3, 5, 2), t([[0, 1], [2, 3], [4, 9]]))",
    "F.cross_entropy(x.long(), t([1, 2, 3]))",
    "F.cross_entropy(x, 5)",
    "F.cross_entropy(5, x)",
    "F.cross_entropy(torch.ones(0, 5), torch.zeros(0).long())",
    "F.cross_entropy(torch.ones(0, 5), torch.zeros(0).long(), reduction='sum')",
    "F.cross_entropy(torch.ones(0, 5), torch.zeros(0, 5))",
    "F.cross_entropy(x, t([-100, -100, -100]))",
    "F.cross_entropy(x, t([-100, -100, -100]), reduction='sum')",
    "F.cross_entropy(x, t([-100, -100, -100]), label_smoothing=0.1, reduction='sum')",
    "F.cross_entropy(x, t([1, 2, 4]), size_average=False)",
    "F.cross_entropy(x, t([1, 2, 4]), reduce=False)",
    "F.cross_entropy(x, t([1, 2, 4]), size_average=True, reduce=True)",
    "F.cross_entropy(x, torch.ones(3, 5, dtype=torch.float64) / 5)",
    "F.cross_entropy(x, torch.ones(3, 5).long())",
    "F.cross_entropy(x, t([2, 6, 7]), label_smoothing=0.2)",
    "F.cross_entropy(x, torch.ones(3, 5), weight=torch.ones(4))",
    "F.cross_entropy(torch.ones(3, 5, 2, 2), torch.zeros(3, 2, 2).long(), weight=torch.ones(3))",
    "F.cross_entropy(torch.zeros(3, 5, requires_grad=True), t([1, 2, 4]))",
    "F.cross_entropy(torch.zeros(3, 5, requires_grad=True), t([1, 2, 4]), label_smoothing=0.1)",
    "F.cross_entropy(torch.zeros(3, 5, requires_grad=True), torch.ones(3, 5) / 5)",
    "F.cross_entropy(torch.zeros(3, 5, 2, requires_grad=True), torch.ones(3, 2).long())",
    "F.cross_entropy(t([[0.0, -inf], [0.0, 1.0]]), t([1, 0]))",
    "F.cross_entropy(t([[0.0, -inf], [0.0, 1.0]]), t([1, 0]), ignore_index=1)",
    "F.cross_entropy(t([[1e4, -1e4], [88.0, 1.0]]), t([1, 0]), reduction='none')",
    "F.nll_loss(x, t([1, 2, 5]))",
    "F.nll_loss(x, t([1, 2]))",
    "F.nll_loss(torch.ones(()), t(1))",
    "F.nll_loss(torch.ones(5), t([1, 2]))",
    "F.nll_loss(x, t([1.0, 2, 3]))",
    "F.nll_loss(x, torch.zeros(3, 5).long())",
    "F.nll_loss(torch.ones(3, 5, 2), t([1, 2, 3]))",
    "F.nll_loss(x.long(), t([1, 2, 3]))",
    "F.nll_loss(x, t([1, 2, 3]), weight=torch.ones(3))",
]


@pytest.mark.parametrize("expression", CE_TEXTS)
def test_cross_entropy_texts(expression):
    names = "for x in [torch.arange(15.0).reshape(3, 5) / 5]"
    assert_same_outcome(f"[{expression} {names}]")


SAME_SIZE = "torch.arange(15.0).reshape(3, 5) / 20"


@pytest.mark.parametrize(
    "expression",
    [
        *(
            f"F.{name}(x, {target})"
            for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "hinge_embedding_loss")
            for target in ("torch.ones(5)", "torch.ones(3, 1)", "torch.ones(4)", "torch.ones(3, 5).long()")
        ),
        *(
            f"F.{name}(x, {target})"
            for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div")
            for target in ("torch.ones(5)", "torch.ones(4)", "torch.ones(3, 5).long()", "x.double()")
        ),
        *(
            f"F.{name}(x.long(), x.long())"
            for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div")
        ),
        *(
            f"F.{name}(torch.ones(0), torch.ones(0))"
            for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
        ),
        *(
            f"F.{name}(x, x.flip(0), {option})"
            for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy", "kl_div")
            for option in ("reduction='foo'", "size_average=False", "reduce=False")
        ),
        "F.huber_loss(x, x, reduction='foo')",
        "F.mse_loss(x, x.double())",
        "F.smooth_l1_loss(x, x, beta=-1.0)",
        "F.huber_loss(x, x, delta=0)",
        "F.binary_cross_entropy(x * 9 - 1, x)",
        "F.binary_cross_entropy(x, x * 9)",
        "F.binary_cross_entropy(x, x, weight=torch.ones(4))",
        "F.binary_cross_entropy(t([nan]), t([1.0]))",
        "F.binary_cross_entropy(t([0.0, 1.0, 0.5, 1e-45]), t([1.0, 0.0, 0.5, 1.0]), reduction='none')",
        "F.binary_cross_entropy_with_logits(x, x, weight=torch.ones(4))",
        "F.binary_cross_entropy_with_logits(x, x, pos_weight=torch.ones(4))",
        "F.binary_cross_entropy_with_logits(x, x, pos_weight=torch.ones(2, 3, 5))",
        "F.binary_cross_entropy_with_logits(t([-200.0, 200.0]), t([1.0, 1.0]), reduction='none')",
        "F.mse_loss(x, x, weight=torch.ones(5))",
        "F.l1_loss(x, x, weight=torch.ones(5))",
        "F.huber_loss(x, x, weight=torch.ones(5))",
        "F.margin_ranking_loss(x, x, torch.ones(3))",
        "F.margin_ranking_loss(x, x[0], x)",
        "F.kl_div(t([1.0, 2.0, 3.0, 4.0]), t([0.0, -1.0, nan, 2.0]), reduction='none')",
        "F.hinge_embedding_loss(t([1.0, 0.2, 0.3]), t([1, -1, 0]), reduction='none')",
        "F.hinge_embedding_loss(t([1.0, 0.2, 0.3]), t([1, -1, -1]), margin=-1.0, reduction='none')",
    ],
)
def test_loss_texts(expression):
    assert_same_outcome(f"[{expression} for x in [{SAME_SIZE}]]")


@pytest.mark.parametrize(
    "name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits"]
)
def test_loss_prints_its_node(name):
    assert_same_outcome(f"F.{name}(torch.ones(2, requires_grad=True), torch.zeros(2))")


@pytest.mark.parametrize(
    "call",
    [
        "F.l1_loss(x, z",
        "F.smooth_l1_loss(x, z",
        "F.smooth_l1_loss(x, z, beta=0.0",
        "F.huber_loss(x, z, delta=0.5",
        "F.hinge_embedding_loss(x, z - 1",
        "F.margin_ranking_loss(x, z, z + 1",
        "F.margin_ranking_loss(x, z, z + 1, margin=1",
    ],
)
def test_loss_gradient_at_kinks(call):
    names = "for x in [t([-2.0, -1, -0.5, 0, 0.5, 1, 2], requires_grad=True)] for z in [torch.zeros(7)]"
    assert_same_outcome(f"[torch.autograd.grad({call}, reduction='sum'), x)[0] + 0.0 {names}]")


# -- one_hot, distances, padding, embedding --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "F.one_hot(t([0, 2, 1]))",
        "F.one_hot(t([[0, 2], [1, 1]]), 4)",
        "F.one_hot(t(2))",
        "F.one_hot(t([0, 2]), 2)",
        "F.one_hot(t([0, -1]), 2)",
        "F.one_hot(t([1.0]), 2)",
        "F.one_hot(t([0]).int())",
        "F.one_hot(t([]).long())",
        "F.one_hot(t([]).long(), 3)",
        "F.one_hot(t([0]), 0)",
        "F.one_hot(t([0]), -2)",
        "F.normalize(t([[3, 4]]))",
        "F.normalize(torch.ones(2, 2), dim=5)",
        "F.normalize(torch.zeros(2, 2))",
        "F.cosine_similarity(torch.ones(2, 4), torch.ones(2))",
        "F.cosine_similarity(torch.ones(4), torch.ones(4))",
        "F.cosine_similarity(torch.ones(4), torch.ones(4), 0)",
        "F.cosine_similarity(t(1.0), t(2.0), 0)",
        "F.cosine_similarity(torch.ones(2, 2).long(), torch.ones(2, 2).long())",
        "F.cosine_similarity(torch.ones(2, 2), torch.ones(2, 2).double())",
        "F.cosine_similarity(torch.zeros(2, 2), torch.ones(2, 2))",
        "F.cosine_similarity(torch.ones(2, 2), 5)",
        "F.pairwise_distance(torch.ones(3, 4), torch.zeros(3))",
        "F.pairwise_distance(torch.ones(3, 4), torch.zeros(4))",
        "F.pairwise_distance(torch.ones(3, 4), torch.zeros(3, 4), keepdim=True)",
        "F.pairwise_distance(t(1.0), t(3.0))",
    ],
)
def test_one_hot_and_distance_texts(expression):
    assert_same_outcome(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "F.normalize(x)",
        "F.normalize(x, p=1, dim=0)",
        "F.normalize(x, p=3)",
        "F.cosine_similarity(x, y)",
        "F.cosine_similarity(x, y, dim=0)",
        "F.cosine_similarity(x[:, :1], y, dim=0)",
        "F.pairwise_distance(x, y)",
        "F.pairwise_distance(x, y[0], p=1)",
        "F.pairwise_distance(x, y, p=3.0, keepdim=True)",
        "nn.CosineSimilarity(0)(x, y)",
        "nn.PairwiseDistance(1.0)(x, y)",
    ],
)
def test_distance_derivatives(expression):
    assert_same_derivatives(expression, x=X, y=X[::-1] * 0.5 + 0.1)


PADS = [(1, 1), (1, 2, 1, 0), (1, 1, 0, 2, 1, 1), (-1, 0, 0, 1), (2, -1), (-1, -1, 2, 2)]


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("pad", PADS, ids=str)
def test_pad_derivatives(pad, mode):
    spatial = len(pad) // 2
    for ndim in (spatial + 1, spatial + 2):
        x = np.random.default_rng(6).normal(size=(2, 3, 3, 4, 5)[-ndim:])
        assert_same_derivatives(f"F.pad(x, {pad}, '{mode}') ** 2", x=x)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    "call",
    [
        "F.pad(torch.ones(1, 2, 3, 4), (1, 1, 1, 1)",
        "F.pad(torch.arange(24.0).reshape(1, 2, 3, 4), (1, 1, 1, 2)",
        "F.pad(torch.arange(24).reshape(1, 2, 3, 4), (1, 1, 1, 2)",
        "F.pad(torch.ones(1, 2, 3, 4), (1, 1)",
        "F.pad(torch.ones(1, 2, 3, 4), (4, 1, 1, 1)",
        "F.pad(torch.ones(1, 2, 3, 4), (1, 1, 5, 1)",
        "F.pad(torch.ones(1, 2, 3, 4), (1,)",
        "F.pad(torch.ones(4), (1, 1)",
        "F.pad(torch.ones(1, 2, 3, 4), ()",
        "F.pad(torch.ones(2, 4), (1, 1, 1, 1, 1, 1)",
        "F.pad(torch.ones(1, 2, 3, 4), 1",
        "F.pad(torch.ones(1, 2, 3, 4), (1.0, 2)",
        "F.pad(torch.ones(0, 3, 4), (1, 1)",
    ],
)
def test_pad_texts(call, mode):
    assert_same_outcome(f"{call}, mode='{mode}')")


@pytest.mark.parametrize(
    "expression",
    [
        "F.pad(torch.ones(2, 3), (1, 1), mode='foo')",
        "F.pad(torch.ones(2, 3), (1, 1), value=2.0)",
        "F.pad(torch.ones(2, 3), (1, 1), mode='reflect', value=2.0)",
        "F.pad(torch.ones(2, 3).bool(), (1, 1))",
        "F.pad(t([[1, 2]]), (1, 1), value=2.5)",
        "F.pad(torch.ones(2, 0, 4), (1, 1), mode='reflect')",
        "F.pad(torch.ones(2, 3, 4), (-2, -2), mode='reflect')",
        "F.pad(torch.ones(2, 3, 4), (-2, -2), mode='replicate')",
        "F.pad(torch.ones(2, 3, 4), (-2, -2), mode='circular')",
        "F.pad(torch.ones(2, 3, 4), (-5, -2))",
        "F.pad(torch.ones(2, 3, requires_grad=True), (1, 1), mode='reflect')",
        "F.pad(torch.ones(2, 3, 3, requires_grad=True), (1, 1, 1, 1), mode='replicate').grad_fn.name()",
    ],
)
def test_pad_values_and_texts(expression):
    assert_same_outcome(expression)


@pytest.mark.parametrize("options", ["", ", padding_idx=1", ", padding_idx=-1", ", scale_grad_by_freq=True"])
def test_embedding_derivatives(options):
    rng = np.random.default_rng(7)
    # PyTorch's scaled gradient cannot be differentiated again
    second = "freq" not in options
    assert_same_derivatives(f"F.embedding(t([[1, 1], [4, 1]]), w{options}) ** 2", second, w=rng.normal(size=(5, 3)))


@pytest.mark.parametrize(
    "expression",
    [
        "F.embedding(t([1, 2]), w)",
        "F.embedding(t(1), w)",
        "F.embedding(t([]).long(), w)",
        "F.embedding(t([1]).int(), w)",
        "F.embedding(t([1]).to(torch.int16), w)",
        "F.embedding(t([1, 5]), w)",
        "F.embedding(t([-1]), w)",
        "F.embedding(t([1.0]), w)",
        "F.embedding(t([1]), w, padding_idx=5)",
        "F.embedding(t([1]), torch.ones(5))",
        "F.embedding([1], w)",
        "F.embedding(t([1, 4]), w, max_norm=0.5)",
        "F.embedding(t([1, 4]), w, max_norm=0.5, norm_type=1.0)",
        "nn.Embedding(5, 3, padding_idx=5)",
        "nn.Embedding(5, 3, _weight=torch.ones(4, 3))",
        "nn.Embedding.from_pretrained(torch.ones(4))",
        "nn.Embedding.from_pretrained(torch.ones(4, 2)).weight.requires_grad",
        "nn.Embedding.from_pretrained(torch.ones(4, 2), freeze=False)(t([1]))",
    ],
)
def test_embedding_texts(expression):
    assert_same_outcome(f"[{expression} for w in [torch.arange(15.0).reshape(5, 3)]]")


# -- layers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "nn.Identity(1, a=2)", "nn.Linear(3, 4)", "nn.Linear(3, 4, bias=False)", "nn.Linear(0, 4)", "nn.Linear(3, 0)",
        "nn.ReLU()", "nn.ReLU(True)", "nn.ReLU6()", "nn.ReLU6(True)", "nn.LeakyReLU()", "nn.LeakyReLU(.2, True)",
        "nn.PReLU()", "nn.PReLU(3)", "nn.ELU()", "nn.ELU(2, True)", "nn.CELU()", "nn.CELU(2., True)", "nn.SELU()",
        "nn.SELU(True)", "nn.GELU()", "nn.GELU('tanh')", "nn.SiLU()", "nn.SiLU(True)", "nn.Mish()", "nn.Mish(True)",
        "nn.Sigmoid()", "nn.LogSigmoid()", "nn.Tanh()", "nn.Softplus()", "nn.Softplus(2, 10)", "nn.Softsign()",
        "nn.Hardtanh()", "nn.Hardtanh(-2, 2, True)", "nn.Hardsigmoid()", "nn.Hardsigmoid(True)", "nn.Hardswish()",
        "nn.Hardswish(True)", "nn.Hardshrink()", "nn.Softshrink()", "nn.Tanhshrink()", "nn.Threshold(.1, 20)",
        "nn.Threshold(.1, 20, True)", "nn.GLU()", "nn.Softmax()", "nn.Softmax(1)", "nn.Softmax2d()",
        "nn.LogSoftmax(1)", "nn.LogSoftmax()", "nn.Softmin(0)", "nn.Softmin()", "nn.Dropout()",
        "nn.Dropout(.2, True)", "nn.Dropout1d()", "nn.Dropout2d(.1)", "nn.Dropout3d()", "nn.Flatten()",
        "nn.Flatten(0, 1)", "nn.Unflatten(1, (2, 3))", "nn.Unflatten(1, [2, 3])", "nn.Unflatten(1, torch.Size([2]))",
        "nn.Unflatten(1, 5)", "nn.Unflatten(1, (2, 'a'))", "nn.CrossEntropyLoss()",
        "nn.CrossEntropyLoss(torch.ones(3))", "nn.NLLLoss()", "nn.MSELoss()", "nn.L1Loss(reduction='foo')",
        "nn.SmoothL1Loss()", "nn.HuberLoss()", "nn.BCELoss()", "nn.BCEWithLogitsLoss(pos_weight=torch.ones(2))",
        "nn.KLDivLoss()", "nn.MarginRankingLoss()", "nn.HingeEmbeddingLoss()", "nn.ZeroPad1d(1)",
        "nn.ZeroPad2d((1, 2, 3, 4))", "nn.ZeroPad3d(1)", "nn.ConstantPad1d(2, 3.5)", "nn.ConstantPad3d(1, 2)",
        "nn.ConstantPad2d((1, 2, 3, 4), 0)", "nn.ReflectionPad1d(2)", "nn.ReflectionPad2d(2)",
        "nn.ReflectionPad3d(1)", "nn.ReplicationPad1d((1, 2))", "nn.ReplicationPad2d(1)", "nn.ReplicationPad3d(1)",
        "nn.CircularPad1d(1)", "nn.CircularPad2d(1)", "nn.CosineSimilarity()", "nn.PairwiseDistance()",
        "nn.Embedding(5, 3)", "nn.Embedding(5, 3, padding_idx=-1)",
        "nn.Embedding(5, 3, max_norm=2., norm_type=1., scale_grad_by_freq=True, sparse=True)",
        "nn.MSELoss(size_average=False).reduction", "nn.MSELoss(reduce=False).reduction",
        "nn.CrossEntropyLoss(torch.ones(3)).state_dict()",
        "nn.BCEWithLogitsLoss(pos_weight=torch.ones(2)).state_dict()",
        "nn.L1Loss(reduction='foo')(torch.ones(2), torch.ones(2))", "nn.Linear(3, 4)(torch.ones(2, 2))",
        "nn.Linear(-1, 2)", "nn.Linear(3, 4, dtype=torch.float64).weight.dtype", "nn.Linear(3, 4, dtype=torch.int64)",
        "nn.PReLU(2, init=.5).weight", "nn.Flatten()(torch.ones(2, 3, 4)).shape",
        "nn.Unflatten(1, (2, 2))(torch.ones(2, 4)).shape", "nn.Unflatten(1, (2, 3))(torch.ones(2, 4)).shape",
        "[n for n, _ in nn.Linear(2, 2).named_parameters()]",
    ],
)  # fmt: skip
def test_layer_texts(expression):
    assert_same_outcome(expression)


LAYERS = [
    "ReLU()", "ReLU6()", "LeakyReLU(0.2)", "PReLU()", "PReLU(4)", "ELU(0.5)", "CELU(0.5)", "SELU()", "GELU()",
    "GELU('tanh')", "SiLU()", "Mish()", "Sigmoid()", "LogSigmoid()", "Tanh()", "Softplus(2)", "Softsign()",
    "Hardtanh(-2, 2)", "Hardsigmoid()", "Hardswish()", "Hardshrink()", "Softshrink()", "Tanhshrink()",
    "Threshold(0.1, 20)", "GLU()", "Softmax(1)", "LogSoftmax(1)", "Softmin(1)", "Identity()", "Flatten()",
    "Flatten(0)", "Unflatten(1, (2, 2))", "Linear(4, 5)", "Linear(4, 5, bias=False)", "ZeroPad1d(1)",
    "ConstantPad1d((1, 2), 3.5)", "ReflectionPad1d(2)", "ReplicationPad1d((1, 2))", "CircularPad1d(1)",
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_derivatives(layer):
    torch.manual_seed(0)
    mini.manual_seed(0)
    hardsigmoid = layer == "Hardsigmoid()"  # PyTorch has no second derivative, and its first uses a float32 1/6
    assert_same_derivatives(f"nn.{layer}.double()(x)", not hardsigmoid, 1e-7 if hardsigmoid else 1e-10, x=X)


# -- random numbers -----------------------------------------------------------------------------------------------

DRAWS = [
    "init.uniform_(w)",
    "init.uniform_(w, -2, 3)",
    "init.normal_(w)",
    "init.normal_(w, 1.0, 2.0)",
    "init.trunc_normal_(w)",
    "init.trunc_normal_(w, 1.0, 0.5, 0.9, 1.0)",
    "init.constant_(w, 0.3)",
    "init.ones_(w)",
    "init.zeros_(w)",
    "init.xavier_uniform_(w)",
    "init.xavier_uniform_(w, gain=init.calculate_gain('tanh'))",
    "init.xavier_normal_(w, 2.0)",
    "init.kaiming_uniform_(w)",
    "init.kaiming_uniform_(w, a=5**0.5)",
    "init.kaiming_uniform_(w, mode='fan_out', nonlinearity='relu')",
    "init.kaiming_normal_(w)",
    "init.kaiming_normal_(w, 0.2, 'FAN_OUT')",
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 7), (3, 2), (6, 4, 3, 3)], ids=str)
@pytest.mark.parametrize(
    "call", [*DRAWS, *(d[:-1] + ", generator=g)" for d in DRAWS if "const" not in d and "s_(" not in d)]
)
def test_init_bit_for_bit(call, shape, dtype):
    results = []
    for names in (MINI, REAL):
        library = names["torch"]
        library.manual_seed(11)
        w = library.empty(shape, dtype=getattr(library, dtype), requires_grad=True)
        g = library.Generator().manual_seed(5)
        assert eval(call, names | {"w": w, "g": g}) is w
        results.append([w.detach().numpy(), library.rand(1).numpy(), library.rand(1, generator=g).numpy()])
    for ours, theirs in zip(*results):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (4, 4), (3, 2, 3)], ids=str)
def test_orthogonal(shape):
    results = []
    for names in (MINI, REAL):
        names["torch"].manual_seed(3)
        results.append(names["init"].orthogonal_(names["torch"].empty(shape), gain=1.5).numpy())
    np.testing.assert_allclose(*results, rtol=0, atol=1e-6)  # QR of two libraries, float32


@pytest.mark.parametrize(
    "call",
    [
        "init.eye_(torch.empty(3, 4))",
        "init.dirac_(torch.empty(4, 2, 3))",
        "init.dirac_(torch.empty(4, 2, 3, 3), 2)",
        "init.dirac_(torch.empty(2, 3, 1, 3, 2))",
        "init.sparse_(torch.empty(6, 4), 0.3)",
        "init.sparse_(torch.empty(6, 4), 0.5, std=1.0)",
        "nn.Linear(7, 5).weight",
        "nn.Linear(7, 5).bias",
        "nn.Linear(300, 2, dtype=torch.float64).bias",
        "nn.Embedding(5, 3).weight",
        "nn.Embedding(20, 3, padding_idx=1).weight",
        "nn.PReLU(3).weight",
        "[*nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.Linear(4, 2)).parameters()]",
        "nn.Linear(4, 4, dtype=torch.float64).weight",
        "init.uniform(torch.empty(2))",
        "init.normal(torch.empty(2), 1.0, 0.5)",
        "init.constant(torch.empty(2), 3)",
        "init.eye(torch.empty(2, 2))",
        "init.dirac(torch.empty(2, 2, 1))",
        "init.xavier_uniform(torch.empty(2, 3))",
        "init.xavier_normal(torch.empty(2, 3))",
        "init.kaiming_uniform(torch.empty(2, 3), mode='fan_out')",
        "init.kaiming_normal(torch.empty(2, 3))",
        "init.orthogonal(torch.empty(2))",
        "init.sparse(torch.empty(2), 0.5)",
        "(init.normal.__name__, init.xavier_uniform.__name__)",
        "nn.utils.clip_grad_norm([], 1.0)",
        "init.uniform_(torch.empty(2), 1.0, 0.0)",
        "init.uniform_(torch.empty(2).long())",
        "init.normal_(torch.empty(2), 0, -1)",
        "init.trunc_normal_(torch.empty(20), 5.0)",
        "init.trunc_normal_(torch.empty(2).long())",
        "init.trunc_normal_(torch.empty(2), 0.0, 1.0, 2.0, -2.0)",
        "init.eye_(torch.empty(2))",
        "init.dirac_(torch.empty(2))",
        "init.dirac_(torch.empty(3, 2, 3), 2)",
        "init.xavier_uniform_(torch.empty(2))",
        "init.xavier_uniform_(torch.empty(0, 2))",
        "init.kaiming_uniform_(torch.empty(2))",
        "init.kaiming_uniform_(torch.empty(0, 2))",
        "init.kaiming_normal_(torch.empty(2, 0))",
        "init.kaiming_uniform_(torch.empty(2, 3), mode='foo')",
        "init.kaiming_uniform_(torch.empty(2, 3), nonlinearity='foo')",
        "init.orthogonal_(torch.empty(2))",
        "init.orthogonal_(torch.empty(0, 2))",
        "init.sparse_(torch.empty(2), 0.5)",
        "init.constant_(torch.empty(2).long(), 2.5)",
        "init.ones_(torch.empty(2).bool())",
        *(
            f"init.calculate_gain({arguments})"
            for arguments in (
                "'foo'", "'leaky_relu', 'a'", "'leaky_relu', True", "'leaky_relu'", "'leaky_relu', 0.2", "'selu'",
                "'tanh'", "'relu'", "'relu', 3", "'conv_transpose3d'", "'sigmoid'", "'linear'",
            )
        ),
    ],
)  # fmt: skip
def test_init_and_layers_print_alike(call):
    assert_same_outcome(f"[torch.manual_seed(2) and {call}, torch.rand(1)]")
