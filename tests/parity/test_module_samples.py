"""PyTorch's own samples of every layer: the same arguments, parameters and inputs give the same in both libraries.

Compared are the drawn parameters, printed forms, state dicts, outputs, gradients of first and second order, copies and
pickles, and the refusals of bad arguments.
"""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pytest

import minitorch_bn as mini

torch = pytest.importorskip("torch", reason="parity needs a real PyTorch")
pytest.importorskip("expecttest", reason="PyTorch's module samples need expecttest: python -m pip install expecttest")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

# What is out of scope here, by name; everything else that PyTorch has samples of must be there.
OUT_OF_SCOPE = {
    *("RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell", "MultiheadAttention", "Transformer"),
    *("TransformerEncoder", "TransformerEncoderLayer", "TransformerDecoderLayer"),
    *("Bilinear", "CTCLoss", "CosineEmbeddingLoss", "FractionalMaxPool2d", "FractionalMaxPool3d", "GaussianNLLLoss"),
    *("LPPool1d", "LPPool2d", "LPPool3d", "LinearCrossEntropyLoss", "LocalResponseNorm", "MultiLabelMarginLoss"),
    *("MultiLabelSoftMarginLoss", "MultiMarginLoss", "PoissonNLLLoss", "SoftMarginLoss"),
}
INFOS = [info for info in module_db if info.module_cls.__name__ not in OUT_OF_SCOPE]
TOLERANCES = {"float64": 1e-10, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}  # of the largest value


def translated(value, library):
    """PyTorch's value as one of a library: tensors become leaves of its own, what else is PyTorch's is looked up."""
    if isinstance(value, torch.Tensor):
        return tensor_of(value, library).requires_grad_(value.requires_grad)
    if isinstance(value, torch.dtype):
        return getattr(library, str(value).removeprefix("torch."))
    if type(value) in (list, tuple):
        return type(value)(translated(item, library) for item in value)
    if type(value) is dict:
        return {key: translated(item, library) for key, item in value.items()}
    return value


def tensor_of(tensor, library):
    """A copy of PyTorch's tensor."""
    if library is torch:
        return tensor.detach().clone()
    return library.tensor(array(tensor)).to(getattr(library, str(tensor.dtype).removeprefix("torch.")))


def array(tensor):
    if tensor.dtype in (torch.bfloat16, mini.bfloat16):
        tensor = tensor.float()
    return np.asarray(tensor.detach() if isinstance(tensor, mini.Tensor) else tensor.detach().numpy(force=True))


def attempt(call, *args, **kwargs):
    """The result of a call, and the type and first line of its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call(*args, **kwargs), None
        except Exception as error:
            return None, (type(error).__name__, str(error).split("\n")[0].strip())


def clean(text):
    return text.replace("minitorch_bn", "torch")


def assert_same(ours, theirs, what, tolerance=None):
    """Whether two results, which may be containers of tensors, are the same."""
    if isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs), what
        for number, (a, b) in enumerate(zip(ours, theirs)):
            assert_same(a, b, f"{what}[{number}]", tolerance)
        return
    if theirs is None:
        assert ours is None, what
        return
    assert str(ours.dtype) == str(theirs.dtype), what
    assert tuple(ours.shape) == tuple(theirs.shape), what
    exact = not theirs.dtype.is_floating_point
    tolerance = 0 if exact else tolerance or TOLERANCES[str(theirs.dtype).removeprefix("torch.")]
    assert_close(array(ours), array(theirs), tolerance, what)


def assert_close(a, b, tolerance, what):
    """Equal to a part of the largest finite value."""
    finite = np.abs(b[np.isfinite(b)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def assert_same_state(ours, theirs, tolerance=None, uncounted=False):
    """Two modules have the same state: names, order, dtypes, values, version; ours may not have counted a batch."""
    ours, theirs = ours.state_dict(), theirs.state_dict()
    assert list(ours) == list(theirs)
    assert dict(ours._metadata) == dict(theirs._metadata)
    for name, value in theirs.items():
        if uncounted and name == "num_batches_tracked":
            value = value - 1
        assert_same(ours[name], value, name, tolerance)


class Run:
    """One layer of one library on one sample."""

    def __init__(self, library, module_cls, sample, dtype, training):
        self.library = library
        args, kwargs = (translated(v, library) for v in (sample.constructor_input.args, sample.constructor_input.kwargs))
        library.manual_seed(5)
        self.module = getattr(library.nn, module_cls.__name__)(*args, **kwargs)
        self.module.to(getattr(library, dtype)).train(training)
        inputs = sample.forward_input
        self.args, self.kwargs = translated(inputs.args, library), translated(inputs.kwargs, library)

    def leaves(self):
        """The inputs and parameters that want a gradient."""
        tensors = [t for t in (*self.args, *self.kwargs.values()) if isinstance(t, self.library.Tensor)]
        return [t for t in (*tensors, *self.module.parameters()) if t.requires_grad]

    def forward(self, seed=9):
        self.library.manual_seed(seed)
        return self.module(*self.args, **self.kwargs)

    def gradients(self, output, second):
        """Gradients of unequally weighted sums: of the output, and of those gradients. What is missing is zero."""
        leaves = self.leaves()
        zeros = [np.zeros(tuple(leaf.shape)) for leaf in leaves]
        outputs = output if isinstance(output, tuple) else (output,)
        total = sum(self.weighted(o) for o in outputs if o.dtype.is_floating_point)
        if not leaves or not total.requires_grad:
            return zeros, zeros
        first = self.library.autograd.grad(total, leaves, create_graph=second, allow_unused=True)
        sums = [self.weighted(g) for g in first if g is not None and g.requires_grad]
        after = self.library.autograd.grad(sum(sums), leaves, allow_unused=True) if second and sums else zeros
        return [
            [zero if g is None else array(g) if isinstance(g, self.library.Tensor) else g for g, zero in zip(found, zeros)]
            for found in (first, after)
        ]

    def weighted(self, x):
        flat = x.reshape(-1)
        weights = self.library.linspace(0.5, 1.5, max(1, flat.numel()), dtype=self.library.float64)[: flat.numel()]
        return (flat.double() * weights).sum()

    def is_empty_batch(self):
        return isinstance(self.module, self.library.nn.modules.batchnorm._NormBase) and not self.args[0].numel()


def node(output):
    return [o.grad_fn and o.grad_fn.name() for o in (output if isinstance(output, tuple) else (output,))]


def check_sample(info, sample, dtype, training):
    ours, theirs = (Run(library, info.module_cls, sample, dtype, training) for library in (mini, torch))
    assert clean(repr(ours.module)) == clean(repr(theirs.module))
    if info.is_lazy:
        with torch.no_grad(), mini.no_grad():
            ours.forward()
            theirs.forward()
        assert clean(repr(ours.module)) == clean(repr(theirs.module))
    assert_same_state(ours.module, theirs.module, 1e-6 if dtype in ("float32", "float64") else None)
    ours.module.load_state_dict(
        OrderedDict((key, tensor_of(value, mini)) for key, value in theirs.module.state_dict().items())
    )

    (a, our_error), (b, their_error) = attempt(ours.forward), attempt(theirs.forward)
    assert our_error == their_error
    if their_error:
        return
    empty = theirs.is_empty_batch()  # not counted here, on purpose, and normalised like any other
    assert_same(a, b, "output")
    assert_same_state(ours.module, theirs.module, uncounted=empty and training)
    if not empty:
        assert node(a) == node(b)
    second = info.supports_gradgrad and dtype == "float64"
    orders = zip(("gradient", "second gradient"), ours.gradients(a, second), theirs.gradients(b, second))
    for what, mine, real in orders:
        assert len(mine) == len(real)
        for number, (x, y) in enumerate(zip(mine, real)):
            assert_close(x, y, TOLERANCES[dtype], f"{what} {number}")
    check_copies(ours, theirs)


def check_copies(ours, theirs):
    """Copies and pickles are equal and independent; saved states are read by the other library."""
    state = ours.module.state_dict()
    for again in (copy.deepcopy(ours.module), pickle.loads(pickle.dumps(ours.module))):
        assert type(again) is type(ours.module)
        assert repr(again) == repr(ours.module)
        assert again.training is ours.module.training
        for key, other in again.state_dict().items():
            np.testing.assert_array_equal(array(other), array(state[key]))
            assert not other.numel() or other.data_ptr() != state[key].data_ptr()
    for source, target in ((ours, theirs), (theirs, ours)):
        buffer = io.BytesIO()
        source.library.save(source.module.state_dict(), buffer)
        buffer.seek(0)
        target.module.load_state_dict(target.library.load(buffer, weights_only=True))
        assert_same_state(ours.module, theirs.module)


def samples_of(info, dtype, training):
    torch.manual_seed(1)
    dtype = getattr(torch, dtype)
    return info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)


CASES = [
    pytest.param(info, dtype, training, id=f"{info.name}-{dtype}-{'train' if training else 'eval'}")
    for info in INFOS
    for dtype in TOLERANCES
    for training in (True, False)
]


@pytest.mark.parametrize("info, dtype, training", CASES)
def test_samples(info, dtype, training):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    samples = samples_of(info, dtype, training)
    assert samples
    for number, sample in enumerate(samples):
        try:
            check_sample(info, sample, dtype, training)
        except Exception as error:
            where = f"sample {number} {sample.desc}: {sample.constructor_input.args} {sample.constructor_input.kwargs}"
            raise AssertionError(where) from error


REFUSALS = [pytest.param(info, id=info.name) for info in INFOS if info.module_error_inputs_func]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("info", REFUSALS)
def test_refusals(info, training):
    errors = info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
    )
    assert errors
    for error in errors:
        outcomes = [refusal(library, info, error, training) for library in (mini, torch)]
        assert outcomes[0] == outcomes[1]
        assert outcomes[0] is not None


def refusal(library, info, error, training):
    """The type and first line of the error that a library raises, at the place where PyTorch says it comes."""
    sample = error.module_error_input
    args, kwargs = (translated(v, library) for v in (sample.constructor_input.args, sample.constructor_input.kwargs))
    layer, found = attempt(getattr(library.nn, info.module_cls.__name__), *args, **kwargs)
    if error.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR:
        return found
    assert found is None
    layer.train(training)
    args, kwargs = (translated(v, library) for v in (sample.forward_input.args, sample.forward_input.kwargs))
    return attempt(layer, *args, **kwargs)[1]
