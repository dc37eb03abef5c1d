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
TOLERANCES = {"int64": 0, "float64": 1e-10, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}  # of the largest value
HALVES = ("float16", "bfloat16")


def arguments(inputs, library, wide=False):
    """The arguments of a sample as a library's own; ``wide`` turns half precision into float32."""

    def own(value):
        if isinstance(value, torch.Tensor):
            if wide and value.is_floating_point() and value.element_size() == 2:
                value = value.float().detach().requires_grad_(value.requires_grad)
            return tensor_of(value, library).requires_grad_(value.requires_grad)
        if isinstance(value, torch.dtype):
            return getattr(library, str(value).removeprefix("torch."))
        return type(value)(map(own, value)) if type(value) in (list, tuple) else value

    return own(inputs.args), {key: own(value) for key, value in inputs.kwargs.items()}


def constructed(library, module_cls, inputs):
    args, kwargs = arguments(inputs, library)
    library.manual_seed(5)
    return getattr(library.nn, module_cls.__name__)(*args, **kwargs)


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


def described(output):
    return [(str(o.dtype), tuple(o.shape)) for o in parts(output)]


def parts(output):
    return output if isinstance(output, tuple) else (output,)


def assert_same_values(ours, theirs, what, tolerance):
    assert isinstance(ours, tuple) is isinstance(theirs, tuple)
    for number, (a, b) in enumerate(zip(parts(ours), parts(theirs))):
        assert_close(array(a), array(b), tolerance if b.dtype.is_floating_point else 0, f"{what} {number}")


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
        assert described(ours[name]) == described(value)
        assert_same_values(ours[name], value, name, tolerance or TOLERANCES[str(value.dtype).removeprefix("torch.")])


class Run:
    """One layer of one library on one sample."""

    def __init__(self, library, module_cls, sample, dtype, training):
        self.library, self.dtype = library, getattr(library, dtype)
        self.module = constructed(library, module_cls, sample.constructor_input)
        self.module.to(self.dtype).train(training)
        self.args, self.kwargs = arguments(sample.forward_input, library)

    def in_float32(self, sample):
        """The same with all half precision widened: what half precision should come near to."""
        wide = copy.copy(self)
        wide.module = copy.deepcopy(self.module).float()
        wide.args, wide.kwargs = arguments(sample.forward_input, torch, wide=True)
        return wide

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
        total = sum(self.weighted(o) for o in parts(output) if o.dtype.is_floating_point)
        if not leaves or not total.requires_grad:
            return zeros, zeros
        first = self.library.autograd.grad(total, leaves, create_graph=second, allow_unused=True)
        sums = [self.weighted(g) for g in first if g is not None and g.requires_grad]
        after = self.library.autograd.grad(sum(sums), leaves, allow_unused=True) if second and sums else zeros
        return [
            [
                zero if g is None else array(g) if isinstance(g, self.library.Tensor) else g
                for g, zero in zip(found, zeros)
            ]
            for found in (first, after)
        ]

    def weighted(self, x):
        flat = x.reshape(-1)
        weights = self.library.linspace(0.5, 1.5, max(1, flat.numel()), dtype=self.library.float64)[: flat.numel()]
        return (flat.double() * weights.to(self.dtype).double()).sum()  # a gradient arrives in the dtype of the output

    def is_empty_batch(self):
        return isinstance(self.module, self.library.nn.modules.batchnorm._NormBase) and not self.args[0].numel()


def node(output):
    return [o.grad_fn and o.grad_fn.name() for o in parts(output)]


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

    exact = theirs.in_float32(sample) if dtype in HALVES else theirs

    (a, our_error), (b, their_error) = attempt(ours.forward), attempt(theirs.forward)
    if dtype in HALVES and their_error and their_error[0] == "NotImplementedError":
        return  # half precision goes further here
    assert our_error == their_error
    if their_error:
        return
    empty = theirs.is_empty_batch()  # not counted here, on purpose, and normalised like any other
    if not empty:
        assert node(a) == node(b)
    assert described(a) == described(b)
    if dtype in HALVES:
        b, _ = attempt(exact.forward)
    assert_same_values(a, b, "output", TOLERANCES[dtype])
    assert_same_state(ours.module, theirs.module, uncounted=empty and training)
    second = info.supports_gradgrad and dtype == "float64"
    orders = zip(("gradient", "second gradient"), ours.gradients(a, second), exact.gradients(b, second))
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
    pytest.param(
        info,
        dtype,
        training,
        id=f"{info.name}-{dtype}-{'train' if training else 'eval'}",
        marks=() if dtype == "float64" else pytest.mark.slow,
    )
    for info in INFOS
    for dtype in ("float32", "float64", *HALVES)
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
    layer, found = attempt(constructed, library, info.module_cls, sample.constructor_input)
    if error.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR:
        return found
    if found and library is mini and "eps must be" in found[1]:
        return (found[0], found[1].replace("non-negative", "positive during training")) if training else found
    assert found is None
    layer.train(training)
    args, kwargs = arguments(sample.forward_input, library)
    return attempt(layer, *args, **kwargs)[1]
