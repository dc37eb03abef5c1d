"""Poolings against loops in float64, their derivatives of order one to three, and what they refuse."""

from itertools import product

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.autograd import gradcheck, gradgradcheck

F = torch.nn.functional


def named(name, dims):
    return getattr(F, f"{name}{dims}d")


def windows(shape, kernel, stride, padding, dilation, ceil_mode):
    """For each window (in row-major order): where it stands, and the positions that it covers, outside ones too."""
    axes = []
    for n, k, s, p, d in zip(shape, kernel, stride, padding, dilation, strict=True):
        starts = range(-p, n + p, s)
        reach = d * (k - 1)
        if ceil_mode:  # a window may stick out, if it starts inside or in the padding on the left
            count = -(-(n + 2 * p - reach - 1) // s) + 1
            kept = [a for a in starts[:count] if a < n + p]
            kept = kept[:-1] if kept[-1] >= n else kept
        else:
            kept = [a for a in starts if a + reach < n + p]
        axes.append([[a + d * i for i in range(k)] for a in kept])
    for place in product(*(range(len(axis)) for axis in axes)):
        yield (
            place,
            list(product(*(axis[i] for axis, i in zip(axes, place, strict=True)))),
            [len(axis) for axis in axes],
        )


def loops(reduce, x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """``reduce(values inside, positions)`` of each window of each plane."""
    dims = x.ndim - 2
    kernel, padding, dilation = ((v,) * dims if isinstance(v, int) else v for v in (kernel_size, padding, dilation))
    stride = kernel if stride is None else (stride,) * dims if isinstance(stride, int) else stride
    y = None
    for place, positions, out in windows(x.shape[2:], kernel, stride, padding, dilation, ceil_mode):
        y = np.zeros((*x.shape[:2], *out)) if y is None else y
        inside = [p for p in positions if all(0 <= i < n for i, n in zip(p, x.shape[2:], strict=True))]
        for n, c in product(*map(range, x.shape[:2])):
            y[(n, c, *place)] = reduce([x[(n, c, *p)] for p in inside], positions)
    return y


WINDOWS = {
    "1d": (1, (2, 3, 7), {"kernel_size": 2}),
    "1d ceil": (1, (2, 1, 8), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    "2d": (2, (2, 2, 5, 6), {"kernel_size": 2}),
    "2d overlapping": (2, (1, 2, 6, 7), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}),
    "2d ceil": (2, (1, 2, 6, 7), {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True}),
    "3d": (3, (1, 2, 4, 4, 3), {"kernel_size": (2, 3, 2), "stride": 1, "padding": (1, 1, 0)}),
}
CELLS = [((2, 3, 7), (3,)), ((2, 2, 5, 6), (2, 4)), ((1, 2, 3, 5), (1, 1)), ((1, 2, 4, 3, 5), (2, 3, 2))]


def distinct(rng, shape):
    """Values far enough apart for finite differences not to change which is the greatest."""
    return torch.tensor(rng.permutation(np.prod(shape)).reshape(shape) / 7.0, requires_grad=True)


class TestValues:
    @pytest.mark.parametrize("name", WINDOWS)
    @pytest.mark.parametrize("dilation", [1, 2])
    def test_max(self, name, dilation, rng):
        dims, shape, options = WINDOWS[name]
        shape = (*shape[:2], *(n + 2 for n in shape[2:]))
        x = rng.standard_normal(shape)
        y, indices = named("max_pool", dims)(torch.tensor(x), dilation=dilation, return_indices=True, **options)
        expected = loops(lambda values, _: max(values), x, options["kernel_size"], options.get("stride"),
                         options.get("padding", 0), dilation, options.get("ceil_mode", False))  # fmt: skip
        np.testing.assert_array_equal(y.numpy(), expected)
        flat = np.take_along_axis(x.reshape(*shape[:2], -1), indices.numpy().reshape(*shape[:2], -1), 2)
        np.testing.assert_array_equal(flat.reshape(y.shape), expected)

    @pytest.mark.parametrize("name", WINDOWS)
    @pytest.mark.parametrize("count_include_pad", [True, False])
    def test_avg(self, name, count_include_pad, rng):
        dims, shape, options = WINDOWS[name]
        x = rng.standard_normal(shape)
        pads = options.get("padding", 0)
        pads = (pads,) * dims if isinstance(pads, int) else pads

        def mean(values, positions):
            padded = [p for p in positions if all(i < n + e for i, n, e in zip(p, shape[2:], pads, strict=True))]
            return sum(values) / len(padded if count_include_pad else values)

        y = named("avg_pool", dims)(torch.tensor(x), count_include_pad=count_include_pad, **options)
        expected = loops(mean, x, **options)
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-14)

    def test_divisor_override(self):
        x = torch.ones(1, 1, 4, 4)
        assert F.avg_pool2d(x, 2, divisor_override=8).tolist() == [[[[0.5] * 2] * 2]]

    @pytest.mark.parametrize("shape, size", CELLS)
    def test_adaptive(self, shape, size, rng):
        x = rng.standard_normal(shape)
        mean, greatest = np.zeros((*shape[:2], *size)), np.zeros((*shape[:2], *size))
        for cell in product(*map(range, size)):
            edges = zip(cell, shape[2:], size, strict=True)
            window = x[(..., *(slice(i * n // m, -(-(i + 1) * n // m)) for i, n, m in edges))].reshape(*shape[:2], -1)
            mean[(..., *cell)], greatest[(..., *cell)] = window.mean(-1), window.max(-1)
        dims = len(size)
        np.testing.assert_allclose(named("adaptive_avg_pool", dims)(torch.tensor(x), size).numpy(), mean, rtol=1e-12)
        y, indices = named("adaptive_max_pool", dims)(torch.tensor(x), size, return_indices=True)
        np.testing.assert_array_equal(y.numpy(), greatest)
        flat = np.take_along_axis(x.reshape(*shape[:2], -1), indices.numpy().reshape(*shape[:2], -1), 2)
        np.testing.assert_array_equal(flat.reshape(y.shape), greatest)

    def test_output_size_none_is_the_input_s(self):
        x = torch.arange(12.0).reshape(1, 3, 4)
        assert F.adaptive_avg_pool2d(x, (None, 1)).shape == (1, 3, 1)
        assert F.adaptive_max_pool2d(x, (1, None)).shape == (1, 1, 4)

    @pytest.mark.parametrize("dims", [1, 2, 3])
    def test_without_a_batch(self, dims, rng):
        x = distinct(rng, (2, *[4] * dims))
        for name in ("max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool"):
            function = named(name, dims)
            y = function(x, 2)
            assert y.equal(function(x.unsqueeze(0), 2)[0])
            (g,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
            g.sum().backward()
            assert x.grad.shape == x.shape

    def test_gradient_goes_to_the_first_of_equal_maxima(self):
        x = torch.zeros(1, 1, 2, 2, requires_grad=True)
        F.max_pool2d(x, 2).sum().backward()
        assert x.grad.tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]

    def test_nan_is_greater_than_any_number(self):
        x = torch.tensor([[[1.0, float("nan"), float("inf"), 2.0]]])
        assert F.max_pool1d(x, 2).isnan().tolist() == [[[True, False]]]
        assert F.adaptive_max_pool1d(x, 1).isnan().item()


# The functions of one input that the derivatives are checked of.
FUNCTIONS = {
    f"{pool} {name}": (
        shape,
        lambda x, pool=pool, dims=dims, options=options: named(pool, dims)(x, **options),
    )
    for pool in ("max_pool", "avg_pool")
    for name, (dims, shape, options) in WINDOWS.items()
} | {
    f"{pool} {size}": (shape, lambda x, pool=pool, size=size: named(pool, len(size))(x, size))
    for pool in ("adaptive_avg_pool", "adaptive_max_pool")
    for shape, size in CELLS
}


class TestGradients:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_first_and_second(self, name, rng):
        shape, function = FUNCTIONS[name]
        x = distinct(rng, shape)
        assert gradcheck(function, (x,))
        assert gradgradcheck(function, (x,))

    @pytest.mark.parametrize("name", ["max_pool 2d overlapping", "avg_pool 2d overlapping", "avg_pool 3d"])
    def test_third(self, name, rng):
        shape, function = FUNCTIONS[name]

        def gradient(x):  # nonlinear in the pooling, so that no order vanishes
            return torch.autograd.grad((function(x) ** 4).sum(), x, create_graph=True)[0]

        x = (distinct(rng, shape) / 20).detach().requires_grad_()
        assert gradgradcheck(gradient, (x,), atol=1e-4)

    def test_node_names(self, rng):
        names = {
            F.max_pool2d: "MaxPool2DWithIndicesBackward0",
            F.avg_pool2d: "AvgPool2DBackward0",
            F.adaptive_max_pool2d: "AdaptiveMaxPool2DBackward0",
            F.adaptive_avg_pool2d: "AdaptiveAvgPool2DBackward0",
        }
        x = distinct(rng, (1, 2, 4, 4))
        assert {f: f(x, 2).grad_fn.name() for f in names} == names

    def test_positions_need_no_gradient(self, rng):
        _, indices = F.max_pool2d(distinct(rng, (1, 2, 4, 4)), 2, return_indices=True)
        assert indices.dtype == torch.int64
        assert not indices.requires_grad


class TestRefusals:
    """First lines as PyTorch's (tests/parity/test_conv_pool.py holds them beside the real ones)."""

    @pytest.mark.parametrize(
        "call, error, text",
        [
            (
                lambda: F.max_pool2d(torch.zeros(8, 8), 2),
                RuntimeError,
                r"max_pool2d takes \(N, C, H, W\) or \(C, H, W\)",
            ),
            (lambda: F.max_pool1d(torch.zeros(8), 2), RuntimeError, r"max_pool1d takes \(N, C, L\) or \(C, L\)"),
            (lambda: F.avg_pool2d(torch.zeros(8, 8), 2), IndexError, r"avg_pool2d takes \(N, C, H, W\)"),
            (lambda: F.max_pool2d(torch.zeros(1, 4, 2, 2), 3), RuntimeError, "Take a smaller window"),
            (lambda: F.max_pool1d(torch.zeros(1, 4, 2), 3), RuntimeError, "length 2 is shorter than a window of"),
            (lambda: F.max_pool2d(np.zeros((1, 4, 4)), 2), TypeError, "must be Tensor, not numpy.ndarray"),
            (
                lambda: F.adaptive_avg_pool2d(torch.zeros(1, 4, 4).long(), 2),
                NotImplementedError,
                r"Use input.float\(\)",
            ),
        ],
    )
    def test_text(self, call, error, text):
        with pytest.raises(error, match=text):
            call()
