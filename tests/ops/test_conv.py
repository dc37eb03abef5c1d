"""Convolutions against loops in float64, their derivatives of order one to three, and what they refuse."""

import gc
import weakref
from itertools import product

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.autograd import gradcheck, gradgradcheck
from minitorch_bn.kernels import conv_numpy

F = torch.nn.functional


def per_dim(value, dims):
    return (value,) * dims if isinstance(value, int) else tuple(value)


def loops(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """The definition, one output element at a time; a padding may be a pair (before, after)."""
    dims = x.ndim - 2
    stride, dilation = per_dim(stride, dims), per_dim(dilation, dims)
    pads = [(p, p) if isinstance(p, int) else p for p in per_dim(padding, dims)]
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    out = [
        (n - d * (k - 1) - 1) // s + 1 for n, d, k, s in zip(x.shape[2:], dilation, w.shape[2:], stride, strict=True)
    ]
    y = np.zeros((len(x), len(w), *out))
    for n, o, *place in product(*map(range, y.shape)):
        for c, *tap in product(*map(range, w.shape[1:])):
            at = [s * p + d * t for s, p, d, t in zip(stride, place, dilation, tap, strict=True)]
            y[(n, o, *place)] += w[(o, c, *tap)] * x[(n, o // (len(w) // groups) * w.shape[1] + c, *at)]
    return y if b is None else y + b.reshape(-1, *(1,) * dims)


def loops_transposed(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The definition: every element of the input adds the kernel, scaled, to the result."""
    dims = x.ndim - 2
    stride, padding, dilation = (per_dim(v, dims) for v in (stride, padding, dilation))
    full = [
        (n - 1) * s + d * (k - 1) + 1 + o
        for n, s, d, k, o in zip(x.shape[2:], stride, dilation, w.shape[2:], per_dim(output_padding, dims), strict=True)
    ]
    y = np.zeros((len(x), w.shape[1] * groups, *[f + p for f, p in zip(full, padding, strict=True)]))
    for n, o, *place in product(*map(range, x.shape)):
        for c, *tap in product(*map(range, w.shape[1:])):
            at = [s * p + d * t for s, p, d, t in zip(stride, place, dilation, tap, strict=True)]
            y[(n, o // (len(w) // groups) * w.shape[1] + c, *at)] += w[(o, c, *tap)] * x[(n, o, *place)]
    y = y[(..., *(slice(p, f - p) for p, f in zip(padding, full, strict=True)))]
    return y if b is None else y + b.reshape(-1, *(1,) * dims)


# (dims, input, weight, options)
CASES = {
    "1d": (1, (2, 3, 7), (4, 3, 3), {}),
    "1d all options": (1, (2, 4, 9), (6, 2, 3), {"stride": 2, "padding": 3, "dilation": 2, "groups": 2}),
    "2d": (2, (2, 2, 5, 4), (3, 2, 3, 2), {}),
    "2d all options": (
        2, (2, 4, 6, 7), (2, 2, 2, 3), {"stride": (2, 1), "padding": (0, 2), "dilation": (1, 2), "groups": 2},
    ),
    "2d pointwise": (2, (2, 3, 3, 2), (2, 3, 1, 1), {}),
    "2d depthwise": (2, (1, 3, 4, 4), (3, 1, 2, 2), {"groups": 3, "padding": 1}),
    "3d": (3, (1, 2, 3, 4, 3), (2, 2, 2, 1, 2), {"stride": (1, 2, 1), "padding": 1}),
}  # fmt: skip
TRANSPOSED = {
    "1d": (1, (2, 3, 4), (3, 2, 3), {}),
    "1d all options": (
        1, (2, 4, 4), (4, 2, 2), {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2, "dilation": 2},
    ),
    "2d": (2, (2, 2, 3, 2), (2, 3, 2, 3), {"stride": 2, "padding": 1, "output_padding": (1, 0)}),
    "2d output padding of a dilated one": (2, (1, 2, 3, 2), (2, 2, 2, 2), {"dilation": 3, "output_padding": (2, 1)}),
    "2d output padding beyond the stride": (
        2, (1, 2, 2, 2), (2, 1, 2, 2), {"stride": 2, "dilation": 4, "output_padding": 3},
    ),
    "3d": (3, (1, 2, 2, 2, 2), (2, 1, 2, 2, 1), {"stride": (2, 1, 1)}),
}  # fmt: skip


def named(name, dims):
    return getattr(F, f"{name}{dims}d")


def operands(rng, *shapes):
    return [torch.tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]


class TestValues:
    @pytest.mark.parametrize("name", CASES)
    def test_conv(self, name, rng):
        dims, shape, kernel, options = CASES[name]
        x, w, b = operands(rng, shape, kernel, kernel[:1])
        expected = loops(x.numpy(force=True), w.numpy(force=True), b.numpy(force=True), **options)
        np.testing.assert_allclose(named("conv", dims)(x, w, b, **options).detach().numpy(), expected, rtol=1e-12)

    @pytest.mark.parametrize("name", TRANSPOSED)
    def test_conv_transpose(self, name, rng):
        dims, shape, kernel, options = TRANSPOSED[name]
        x, w, b = operands(rng, shape, kernel, (kernel[1] * options.get("groups", 1),))
        expected = loops_transposed(x.numpy(force=True), w.numpy(force=True), b.numpy(force=True), **options)
        y = named("conv_transpose", dims)(x, w, b, **options)
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 4), (5, 2)])
    @pytest.mark.parametrize("dilation", [1, 2, 3])
    def test_same_padding(self, kernel, dilation, rng):
        x, w = rng.standard_normal((2, 2, 6, 7)), rng.standard_normal((3, 2, *kernel))
        y = F.conv2d(torch.tensor(x), torch.tensor(w), padding="same", dilation=dilation)
        totals = [dilation * (k - 1) for k in kernel]
        padding = [(t // 2, t - t // 2) for t in totals]
        assert y.shape[2:] == x.shape[2:]
        np.testing.assert_allclose(y.numpy(), loops(x, w, padding=padding, dilation=dilation), rtol=1e-12, atol=1e-12)

    def test_valid_padding(self, rng):
        x, w = (torch.tensor(rng.standard_normal(shape)) for shape in ((1, 2, 5, 5), (3, 2, 3, 3)))
        assert F.conv2d(x, w, padding="valid").equal(F.conv2d(x, w))

    @pytest.mark.parametrize("dims", [1, 2, 3])
    def test_without_a_batch(self, dims, rng):
        x, w = operands(rng, (2, *[4] * dims), (3, 2, *[2] * dims))
        y = named("conv", dims)(x, w)
        assert y.equal(named("conv", dims)(x.unsqueeze(0), w)[0])
        z = named("conv_transpose", dims)(y, w)
        assert z.shape == x.shape
        z.sum().backward()
        assert x.grad.shape == x.shape

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_16_bit_floats_are_rounded_once(self, dtype, rng):
        if dtype == "bfloat16":
            pytest.importorskip("ml_dtypes")
        dtype = getattr(torch, dtype)
        x, w, b = (torch.tensor(rng.standard_normal(s), dtype=dtype) for s in ((1, 8, 6, 6), (2, 8, 3, 3), (2,)))
        exact = F.conv2d(x.double(), w.double(), b.double())
        assert F.conv2d(x, w, b).equal(exact.to(dtype))
        exact = F.conv_transpose2d(x.double(), w.transpose(0, 1).double(), b.double(), stride=2)
        assert F.conv_transpose2d(x, w.transpose(0, 1), b, stride=2).equal(exact.to(dtype))

    def test_no_channels_leave_the_bias(self):
        y = F.conv2d(torch.zeros(1, 0, 3, 3), torch.zeros(2, 0, 2, 2), torch.tensor([1.0, 2.0]))
        assert y.tolist() == [[[[1.0, 1.0]] * 2, [[2.0, 2.0]] * 2]]

    def test_empty_batch_has_gradients(self):
        x, w, b = torch.zeros(0, 2, 4, 4, requires_grad=True), torch.ones(3, 2, 3, 3, requires_grad=True), torch.ones(3)
        b.requires_grad_()
        F.conv2d(x, w, b).sum().backward()
        assert x.grad.shape == x.shape
        assert not w.grad.any()
        assert not b.grad.any()

    def test_integers(self):
        x, w = torch.arange(16).reshape(1, 1, 4, 4), torch.tensor([[[[1, 0], [0, -1]]]])
        assert F.conv2d(x, w).tolist() == [[[[-5] * 3] * 3]]

    def test_any_layout(self, rng):
        x, w = rng.standard_normal((2, 3, 5, 5)), rng.standard_normal((4, 3, 3, 3))
        expected = loops(x, w, padding=1)
        odd_x = torch.tensor(np.ascontiguousarray(x.transpose(3, 2, 1, 0))).permute(3, 2, 1, 0)
        odd_w = torch.tensor(np.ascontiguousarray(w[..., ::-1])).flip(-1)
        np.testing.assert_allclose(F.conv2d(odd_x, odd_w, padding=1).numpy(), expected, rtol=1e-12, atol=1e-12)
        flat = torch.tensor(x[:, :1]).expand(2, 3, 5, 5)  # stride 0
        repeated = loops(np.repeat(x[:, :1], 3, 1), w)
        np.testing.assert_allclose(F.conv2d(flat, torch.tensor(w)).numpy(), repeated, rtol=1e-12, atol=1e-12)


class TestGradients:
    @pytest.mark.parametrize("name", CASES)
    def test_first_and_second(self, name, rng):
        dims, shape, kernel, options = CASES[name]
        inputs = operands(rng, shape, kernel, kernel[:1])

        def function(x, w, b):
            return named("conv", dims)(x, w, b, **options)

        assert gradcheck(function, inputs)
        assert gradgradcheck(function, inputs)

    @pytest.mark.parametrize("name", TRANSPOSED)
    def test_first_and_second_of_transposed(self, name, rng):
        dims, shape, kernel, options = TRANSPOSED[name]
        inputs = operands(rng, shape, kernel, (kernel[1] * options.get("groups", 1),))

        def function(x, w, b):
            return named("conv_transpose", dims)(x, w, b, **options)

        assert gradcheck(function, inputs)
        assert gradgradcheck(function, inputs)

    @pytest.mark.parametrize("function", [F.conv2d, F.conv_transpose2d])
    def test_third(self, function, rng):
        x, w = operands(rng, (1, 2, 3, 3), (2, 2, 2, 2))

        def gradients(x, w):  # nonlinear in the convolution, so that no order vanishes
            return torch.autograd.grad((function(x, w, stride=2, padding=1) ** 4).sum(), (x, w), create_graph=True)

        assert gradgradcheck(gradients, (x, w), atol=1e-4)

    def test_even_kernel_with_same_padding(self, rng):
        x, w = operands(rng, (1, 2, 4, 3), (2, 2, 2, 4))

        def function(x, w):
            return F.conv2d(x, w, padding="same")

        assert gradcheck(function, (x, w))
        assert gradgradcheck(function, (x, w))

    def test_node_names(self, rng):
        x, w = operands(rng, (1, 2, 4, 4), (2, 2, 2, 2))
        y = F.conv2d(x, w, padding="same")
        assert y.grad_fn.name() == "ConvolutionBackward0"
        assert [node and node.name() for node, _ in y.grad_fn.next_functions] == [
            "torch::autograd::AccumulateGrad", "torch::autograd::AccumulateGrad", None,
        ]  # fmt: skip
        assert F.conv_transpose2d(x, w).grad_fn.name() == "ConvolutionBackward0"


class TestWhatIsNotNeeded:
    def refuse(self, *_):
        raise AssertionError("computed although nobody asked for it")

    def test_first_layer(self, monkeypatch, rng):
        x, w = operands(rng, (1, 2, 4, 4), (2, 2, 2, 2))
        monkeypatch.setattr(conv_numpy, "conv_input_grad", self.refuse)
        F.conv2d(x.detach(), w).sum().backward()
        assert w.grad is not None

    def test_frozen_weight(self, monkeypatch, rng):
        x, w = operands(rng, (1, 2, 4, 4), (2, 2, 2, 2))
        monkeypatch.setattr(conv_numpy, "conv_weight_grad", self.refuse)
        F.conv2d(x, w.detach()).sum().backward()
        F.conv_transpose2d(x, w.detach()).sum().backward()
        assert x.grad is not None

    def test_input_of_a_frozen_layer_is_freed(self, rng):
        a, w = operands(rng, (1, 2, 4, 4), (2, 2, 2, 2))
        x = a.flip(0)  # whose rule saves nothing
        array = weakref.ref(x._data)
        y = F.conv2d(x, w.detach())
        del x
        gc.collect()
        assert array() is None
        y.sum().backward()
        assert a.grad is not None

    def test_inputs_stay_as_they_are(self, rng):
        x, w, b = operands(rng, (1, 2, 4, 4), (2, 2, 2, 2), (2,))
        before = [t.detach().clone() for t in (x, w, b)]
        F.conv2d(x, w, b).sum().backward()
        F.conv_transpose2d(x, w, b).sum().backward()
        assert all(t.detach().equal(old) for t, old in zip((x, w, b), before, strict=True))


X, W = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3)


class TestRefusals:
    """First lines as PyTorch's (tests/parity/test_conv_pool.py holds them beside the real ones)."""

    @pytest.mark.parametrize(
        "call, error, text",
        [
            (lambda: F.conv2d(torch.zeros(2, 8, 8, 1), W), RuntimeError, r"did you mean input.movedim\(-1, -3\)"),
            (lambda: F.conv1d(torch.zeros(2, 8, 1), W[..., 0]), RuntimeError, r"did you mean input.movedim\(-1, -2\)"),
            (lambda: F.conv2d(X[0, 0], W), RuntimeError, r"conv2d takes \(N, C, H, W\)"),
            (lambda: F.conv2d(X[..., :2], W), RuntimeError, "Pad the input, take a smaller kernel"),
            (
                lambda: F.conv2d(X.double(), W),
                RuntimeError,
                "but found Float\nThe input is float64, the weight float32: use",
            ),
            (lambda: F.conv2d(X.numpy(), W), TypeError, r"got \(numpy.ndarray, Tensor\), but"),
            (lambda: F.conv2d(X, W, stride=1.5), TypeError, "'stride' must be tuple of ints"),
            (lambda: F.conv2d(X, W, groups=1.0), TypeError, "'groups' must be int, not float"),
            (lambda: F.conv2d(X, W[..., :0]), RuntimeError, "kernel size should be greater than zero"),
            (lambda: F.conv_transpose2d(X, W, dilation=0), RuntimeError, "non-positive dilation is not supported"),
        ],
    )
    def test_text(self, call, error, text):
        with pytest.raises(error, match=text):
            call()
