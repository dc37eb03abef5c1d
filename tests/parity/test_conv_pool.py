"""Convolutions, poolings and their layers beside PyTorch's: values, gradients of first and second order, printed
layers, first weights bit for bit, and the first line of every error."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import minitorch_bn

torch = pytest.importorskip("torch")

LIBRARIES = (minitorch_bn, torch)

# One call a line; z, o, r make tensors of zeros, ones and random numbers that require a gradient.
CALLS = (Path(__file__).parent / "conv_pool_calls.txt").read_text("utf-8").splitlines()

# Where the first lines differ on purpose: PyTorch's text names a kernel of its own or the order of a set.
DEVIATIONS = {
    "F.conv2d(z(1,2,5,5),z(3,2,3,3),stride=1.5)": "PyTorch lists how the arguments were passed",
    "F.conv2d(z(1,2,5,5),z(3,2,3,3),stride=(1.5,1))": "PyTorch lists how the arguments were passed",
    "F.conv2d(z(1,2,5,5),z(3,2,3,3),groups=1.5)": "PyTorch lists how the arguments were passed",
    "F.adaptive_max_pool2d(z(1,2,5,5),2.5)": "PyTorch: object of type 'float' has no len()",
    "F.adaptive_avg_pool2d(z(1,2,5,5),2.5)": "PyTorch: object of type 'float' has no len()",
    "F.conv_transpose2d(z(2,4,8,8),z(4,3,3,3),dilation=0)": "PyTorch: text of oneDNN",
    "F.conv_transpose2d(z(2,4,1,1),z(4,3,3,3),padding=2)": "PyTorch: text of oneDNN",
    "F.conv_transpose2d(z(2,4,1,1),z(4,3,3,3),padding=3)": "PyTorch: text of oneDNN",
    "F.conv2d(z(2,4,8,8),z(4,4,0,3))": "PyTorch: text of oneDNN; in float64 ours",
    "F.conv2d(z(2,4,8,8),z(4,4,0,3),padding='same')": "PyTorch: text of oneDNN; in float64 ours",
    "F.conv_transpose2d(z(2,4,8,8),z(4,0,3,3))": "PyTorch: text of oneDNN; no channels are no error here",
    "F.conv_transpose2d(z(2,4,8,8).double(),z(4,0,3,3).double())": "no channels are no error here",
    "F.conv_transpose2d(z(2,4,8,8).double(),z(4,4,3,3).double(),z(4))": "PyTorch lets a float32 bias through here only",
    "F.conv2d(z(2,0,8,8),z(4,0,3,3))": "PyTorch answers 0 channels, where 4 filters give 4",
}


# Half floats meeting another dtype: PyTorch's text depends on whether oneDNN computes them on this processor. Here it
# is always the one that PyTorch has where oneDNN does.
WITHOUT_ONEDNN = re.compile(r"expected scalar type Half but found (\w+)")
WITH_ONEDNN = (
    r"Input type (torch.HalfTensor) and weight type (torch.\1Tensor) should be the same or input should be a MKLDNN "
    r"tensor and weight is a dense tensor"
)


def outcome(call, library):
    """What a call gives: shapes, dtypes and nodes; a printed module; or an error and its first line."""
    names = {
        "F": library.nn.functional,
        "nn": library.nn,
        "torch": library,
        "z": library.zeros,
        "o": library.ones,
        "r": lambda *size: library.randn(*size, requires_grad=True),
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = eval(call, names)
    except Exception as error:
        line = re.sub(r"\{'.*'\}", "{a set}", str(error).split("\n")[0])
        return type(error).__name__, WITHOUT_ONEDNN.sub(WITH_ONEDNN, line)
    if isinstance(result, library.nn.Module):
        return repr(result)
    tensors = result if isinstance(result, tuple) else (result,)
    return [(tuple(t.shape), str(t.dtype), t.grad_fn and t.grad_fn.name()) for t in tensors]


@pytest.mark.parametrize("call", CALLS)
def test_outcome(call):
    if "bfloat16" in call:
        pytest.importorskip("ml_dtypes")
    ours, theirs = (outcome(call, library) for library in LIBRARIES)
    if call in DEVIATIONS:
        assert ours != theirs, "no deviation any more"
    else:
        assert ours == theirs


def conv(**options):
    return lambda library, x, w, b: library.nn.functional.conv2d(x, w, b, **options)


def conv_transpose(**options):
    return lambda library, x, w, b: library.nn.functional.conv_transpose2d(x, w, b, **options)


def unary(name, *args, **options):
    return lambda library, x: getattr(library.nn.functional, name)(x, *args, **options)


# name -> (function, shapes of its arguments)
FUNCTIONS = {
    "conv2d": (conv(), [(2, 3, 6, 5), (4, 3, 3, 2), (4,)]),
    "conv2d strided": (conv(stride=(2, 3), padding=(1, 2), dilation=(2, 1)), [(2, 3, 8, 7), (4, 3, 3, 2), (4,)]),
    "conv2d groups": (conv(groups=2, padding=1), [(2, 4, 5, 5), (6, 2, 3, 3), (6,)]),
    "conv2d depthwise": (conv(groups=4), [(2, 4, 5, 5), (8, 1, 3, 3), (8,)]),
    "conv2d same, even": (conv(padding="same"), [(2, 3, 5, 6), (2, 3, 2, 4), (2,)]),
    "conv2d unbatched": (conv(stride=2), [(3, 6, 5), (4, 3, 3, 2), (4,)]),
    "conv1d": (lambda t, *a: t.nn.functional.conv1d(*a, stride=2, padding=1), [(2, 3, 9), (4, 3, 3), (4,)]),
    "conv3d": (lambda t, *a: t.nn.functional.conv3d(*a, padding=1), [(1, 2, 3, 4, 3), (2, 2, 2, 3, 1), (2,)]),
    "conv_transpose2d": (conv_transpose(), [(2, 3, 4, 5), (3, 2, 3, 2), (2,)]),
    "conv_transpose2d strided": (
        conv_transpose(stride=(2, 3), padding=1, output_padding=(1, 2), dilation=2), [(2, 3, 4, 3), (3, 2, 3, 2), (2,)],
    ),
    "conv_transpose2d groups": (conv_transpose(groups=2, stride=2), [(2, 4, 3, 3), (4, 3, 2, 2), (6,)]),
    "conv_transpose2d dilated": (
        conv_transpose(stride=2, dilation=4, output_padding=3), [(1, 2, 3, 2), (2, 2, 2, 2), (2,)],
    ),
    "conv_transpose1d": (
        lambda t, *a: t.nn.functional.conv_transpose1d(*a, stride=2, output_padding=1), [(2, 3, 4), (3, 2, 3), (2,)],
    ),
    "conv_transpose3d": (
        lambda t, *a: t.nn.functional.conv_transpose3d(*a, padding=1), [(1, 2, 3, 3, 3), (2, 1, 3, 2, 3), (1,)],
    ),
    "max_pool1d": (unary("max_pool1d", 3, 2, 1), [(2, 3, 9)]),
    "max_pool2d": (unary("max_pool2d", 3, 2, 1, ceil_mode=True), [(2, 3, 8, 7)]),
    "max_pool2d dilated": (unary("max_pool2d", 2, 1, dilation=2), [(2, 3, 6, 5)]),
    "max_pool3d": (unary("max_pool3d", 2, 1), [(2, 2, 4, 3, 4)]),
    "avg_pool1d": (unary("avg_pool1d", 3, 2, 1), [(2, 3, 9)]),
    "avg_pool2d": (unary("avg_pool2d", 3, 2, 1, ceil_mode=True, count_include_pad=False), [(2, 3, 8, 7)]),
    "avg_pool3d": (unary("avg_pool3d", 2, 1, divisor_override=3), [(2, 2, 4, 3, 4)]),
    "adaptive_avg_pool2d": (unary("adaptive_avg_pool2d", (3, 4)), [(2, 3, 8, 7)]),
    "adaptive_avg_pool3d": (unary("adaptive_avg_pool3d", 2), [(2, 3, 3, 4, 5)]),
    "adaptive_max_pool2d": (unary("adaptive_max_pool2d", (3, 4)), [(2, 3, 8, 7)]),
    "adaptive_max_pool1d": (unary("adaptive_max_pool1d", 4), [(2, 3, 7)]),
    "unfold": (unary("unfold", (2, 3), 2, 1, (1, 2)), [(2, 3, 6, 7)]),
    "fold": (unary("fold", (6, 7), (2, 3), 1, 1, (1, 2)), [(2, 12, 28)]),
    "pixel_shuffle": (unary("pixel_shuffle", 2), [(2, 8, 3, 2)]),
    "pixel_unshuffle": (unary("pixel_unshuffle", 2), [(2, 2, 6, 4)]),
}  # fmt: skip


def derivatives(library, function, arrays, cotangent):
    """The value, its first gradients, and the gradients of a sum of their squares."""
    inputs = [library.tensor(a, requires_grad=True) for a in arrays]
    y = function(library, *inputs)
    weights = library.tensor(cotangent(tuple(y.shape)))
    first = library.autograd.grad((y * y * weights).sum(), inputs, create_graph=True)
    second = library.autograd.grad(sum((g * g).sum() for g in first), inputs)
    return [t.detach().numpy() for t in (y, *first, *second)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name):
    function, shapes = FUNCTIONS[name]
    arrays = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate(shapes)]
    cotangent = lambda shape: np.random.default_rng(9).standard_normal(shape)  # noqa: E731
    ours, theirs = (derivatives(library, function, arrays, cotangent) for library in LIBRARIES)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12 * np.abs(b).max(initial=1))


LAYERS = [
    "Conv1d(3, 8, 5)",
    "Conv2d(3, 16, 3)",
    "Conv2d(6, 4, (3, 5), groups=2, bias=False)",
    "Conv2d(7, 5, 3, dtype=torch.float64)",
    "Conv3d(2, 3, 3)",
    "ConvTranspose1d(3, 8, 5)",
    "ConvTranspose2d(6, 4, 3, groups=2)",
    "ConvTranspose3d(2, 3, 2)",
]


@pytest.mark.parametrize("layer", LAYERS)
def test_first_weights_are_pytorch_s_bit_for_bit(layer):
    states = []
    for library in LIBRARIES:
        library.manual_seed(2015)
        first, second = (eval(f"nn.{layer}", {"nn": library.nn, "torch": library}) for _ in range(2))
        states.append({**first.state_dict(prefix="first."), **second.state_dict(prefix="second.")})
    ours, theirs = states
    assert list(ours) == list(theirs)
    for name in ours:
        np.testing.assert_array_equal(ours[name].numpy(), theirs[name].numpy())


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [1, (2, 1), "same"])
def test_padding_modes(mode, padding):
    outputs = []
    for library in LIBRARIES:
        library.manual_seed(3)
        layer = library.nn.Conv2d(2, 3, (4, 3), padding=padding, padding_mode=mode, dtype=library.float64)
        x = library.tensor(np.random.default_rng(0).standard_normal((2, 2, 6, 5)), requires_grad=True)
        y = layer(x)
        (y * y).sum().backward()
        outputs.append([t.detach().numpy() for t in (y, x.grad, layer.weight.grad, layer.bias.grad)])
    for ours, theirs in zip(*outputs, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
