"""``torch.testing`` by itself: what is close, what is not, and the words for it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import minitorch_bn as torch
from minitorch_bn.testing import assert_close, assert_gradients, make_tensor, strategies


def report(*args, **named):
    with pytest.raises(AssertionError) as caught:
        assert_close(*args, **named)
    return str(caught.value)


def test_the_report():
    # PyTorch 2.13's words
    assert report(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 5.0]])) == (
        "Tensor-likes are not close!\n\n"
        "Mismatched elements: 1 / 4 (25.0%)\n"
        "Greatest absolute difference: 1.0 at index (1, 1) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.20000000298023224 at index (1, 1) (up to 1.3e-06 allowed)"
    )
    assert report(torch.tensor([1, 2]), torch.tensor([1, 3])).startswith("Tensor-likes are not equal!\n")
    assert report(1.0, 2.0) == (
        "Scalars are not close!\n\nExpected 2.0 but got 1.0.\n"
        "Absolute difference: 1.0 (up to 1e-07 allowed)\nRelative difference: 0.5 (up to 1e-07 allowed)"
    )


@pytest.mark.parametrize(
    "dtype, rtol, atol",
    [
        (torch.float16, 1e-3, 1e-5),
        (torch.bfloat16, 1.6e-2, 1e-5),
        (torch.float32, 1.3e-6, 1e-5),
        (torch.float64, 1e-7, 1e-7),
    ],
)
def test_default_tolerances(dtype, rtol, atol):
    expected = torch.tensor([100.0], dtype=dtype)
    room = (rtol * 100 + atol) / 100
    assert_close(torch.tensor([100 * (1 + 0.4 * room)], dtype=dtype), expected)
    assert_close(torch.tensor([0.9 * atol], dtype=dtype), torch.tensor([0.0], dtype=dtype))
    assert "are not close" in report(torch.tensor([100 * (1 + 2 * room)], dtype=dtype), expected)
    assert "are not close" in report(torch.tensor([2 * atol], dtype=dtype), torch.tensor([0.0], dtype=dtype))


def test_attributes_are_compared_before_values():
    a = torch.ones(2, 3)
    assert report(a, torch.ones(3, 2)).startswith("The values for attribute 'shape' do not match")
    assert report(a, a.double()) == "The values for attribute 'dtype' do not match: torch.float32 != torch.float64."
    assert_close(a, a.double(), check_dtype=False)
    assert_close(a, torch.ones(3, 2).t())
    assert "stride()" in report(a, torch.ones(3, 2).t(), check_stride=True)


def test_special_values():
    inf, nan = float("inf"), float("nan")
    assert_close(torch.tensor([inf, -inf]), torch.tensor([inf, -inf]))
    report(torch.tensor([inf]), torch.tensor([-inf]))
    report(torch.tensor([1.0]), torch.tensor([inf]), rtol=1, atol=1)
    report(torch.tensor([nan]), torch.tensor([nan]))
    assert_close(torch.tensor([nan]), torch.tensor([nan]), equal_nan=True)


def test_structures_name_the_place():
    assert report({"a": [1, 2]}, {"a": [1, 3]}).endswith("\n\nThe failure occurred for item ['a'][1]")
    assert report([1], [1, 2]) == "The length of the sequences mismatch: 1 != 2"
    assert "Missing keys in the actual mapping: ['b']" in report({"a": 1}, {"a": 1, "b": 2})
    # what cannot be compared at all is said before any value is
    with pytest.raises(TypeError, match="No comparison pair was able to handle"):
        assert_close([1, "a"], [2, "a"])


def test_messages():
    assert report(1, 2, msg="mine") == "mine"
    assert report(1, 2, msg=lambda text: text.splitlines()[0] + "?") == "Scalars are not equal!?"


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="but got no atol"):
        assert_close(1.0, 1.0, rtol=0.1)
    with pytest.raises(TypeError, match="No comparison pair"):
        assert_close(torch.ones(1), np.ones(1))


def test_inputs_keep_their_graph_and_values():
    a = torch.ones(2, requires_grad=True)
    b = a * 1
    assert_close(b, torch.ones(2))
    b.sum().backward()
    assert a.grad.tolist() == [1, 1]


def test_make_tensor_stays_in_its_range():
    for dtype, low, high in ((torch.float32, -9, 9), (torch.int64, -9, 9), (torch.uint8, 0, 9), (torch.bool, 0, 1)):
        t = make_tensor(20, 30, dtype=dtype)
        assert t.dtype is dtype
        assert t.shape == (20, 30)
        assert low <= t.double().min() <= t.double().max() <= high
    assert not (make_tensor((500,), dtype=torch.int8, low=-1, high=2, exclude_zero=True) == 0).any()
    assert not make_tensor(3, 4, dtype=torch.float32, noncontiguous=True).is_contiguous()
    assert make_tensor(3, dtype=torch.float64, requires_grad=True).is_leaf


# -- assert_gradients --------------------------------------------------------------------------------------------------


def failure(f, inputs, **options):
    with pytest.raises(AssertionError) as caught:
        assert_gradients(f, inputs, **options)
    return str(caught.value)


class Wrong(torch.autograd.Function):
    """x * x * y, with a mistake in one of its derivatives."""

    mistake = None

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * x * y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        if Wrong.mistake == "kept":  # the second derivative sees a constant
            y = y.detach()
        return 2 * g * x * y, g * x * x * (1.1 if Wrong.mistake == "y" else 1)


@pytest.fixture
def wrong(monkeypatch):
    def choose(mistake):
        monkeypatch.setattr(Wrong, "mistake", mistake)
        return Wrong.apply

    return choose


def test_right_gradients_pass(wrong):
    x, y = torch.randn(2, 3), torch.randn(3)
    for order in (1, 2, 3):
        assert_gradients(wrong(None), [x, y], order)
    assert_gradients(lambda x, n: (x**n, x.sin()), [torch.rand(3) + 0.5, 3], order=2)
    assert_gradients(lambda x: x.relu() * 0 + 1, torch.tensor([0.5]), order=3)  # a constant
    assert x.grad is None
    assert not x.requires_grad


def test_a_wrong_gradient_is_reported_with_input_entry_and_both_values(wrong):
    text = failure(wrong("y"), [torch.ones(2), torch.tensor([1.0, 2.0])], order=1).splitlines()
    assert text[0] == "the first derivative is wrong, with respect to input 1"
    assert text[1].startswith("d output[0][0] / d input[1][0]")
    assert text[2] == "  analytic 1.1, numeric 1"
    assert any("is 1.1 times the numeric one throughout" in line for line in text)


def test_a_constant_that_is_none_is_found_at_the_second_order(wrong):
    x, y = torch.tensor([2.0]), torch.tensor([3.0])
    assert_gradients(wrong("kept"), [x, y], order=1)
    text = failure(wrong("kept"), [x, y], order=2)
    assert text.startswith(
        "the second derivative is wrong, with respect to input 1\n(output: what the backward pass of"
    )


def test_the_gradient_that_arrives_is_checked_too():
    class Squared(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return Halved.apply(g)

    class Halved(torch.autograd.Function):
        @staticmethod
        def forward(ctx, g):
            return g.clone()

        @staticmethod
        def backward(ctx, u):
            return u / 2

    text = failure(Squared.apply, torch.ones(2))
    assert text.startswith(
        "the second derivative is wrong, with respect to the gradient of result 0 that arrived at order"
    )


def test_modules_are_checked_with_their_parameters_and_left_alone():
    bn = torch.nn.BatchNorm1d(3)
    assert_gradients(bn, torch.randn(4, 3), order=3)
    assert bn.weight.dtype == torch.float32
    assert bn.num_batches_tracked == 0

    class Off(torch.nn.Linear):
        def forward(self, x):
            return x @ self.weight.detach().t() + self.bias

    text = failure(Off(2, 2), torch.randn(3, 2), order=1)
    assert text.startswith("the first derivative is wrong, with respect to parameter weight")


def test_inputs_of_all_kinds(rng):
    assert_gradients(lambda x: x.exp(), rng.standard_normal(3))
    assert_gradients(lambda x: x.exp(), 1.5)
    assert_gradients(lambda w, i: w[i] ** 2, [torch.rand(4), torch.tensor([0, 2, 2])])
    given = torch.tensor([3.0], requires_grad=True)
    constant = torch.tensor([2.0])
    assert_gradients(lambda x, c: x * c.detach(), [given, constant])  # what does not require grad is a constant then
    assert failure(lambda x, c: x * c.detach(), [given.detach(), constant]).startswith("the first derivative is wrong")


def test_nothing_is_tested_by_the_sum_of_a_batch_norm():
    torch.manual_seed(0)
    bn, x = torch.nn.BatchNorm1d(3).double(), torch.randn(50, 3)  # so many that not every rounding error is 0
    with pytest.warns(UserWarning, match=r"all gradients are rounding errors[\s\S]*a Batch Normalization"):
        assert_gradients(lambda x: bn(x).sum(), x, order=1)


def test_refused_gradient_checks():
    with pytest.raises(ValueError, match="order must be"):
        assert_gradients(torch.exp, torch.ones(1), order=0)
    with pytest.raises(ValueError, match="found no floating-point input"):
        assert_gradients(lambda n: n, [torch.tensor([1])])


def test_the_generator_is_not_touched():
    before = torch.get_rng_state()
    assert_gradients(torch.sin, torch.ones(2), order=3)
    assert torch.equal(torch.get_rng_state(), before)


# -- strategies --------------------------------------------------------------------------------------------------------


@given(strategies.tensors(dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64])))
def test_drawn_tensors_are_within_their_limits(x):
    assert x.dtype.is_floating_point
    assert x.dim() <= 4
    assert x.numel() == 0 or x.abs().max() <= 10
    assert not x.requires_grad


@given(st.data())
def test_every_dtype_can_be_drawn(data):
    kinds = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool]
    kind = data.draw(st.sampled_from(kinds))
    x = data.draw(strategies.tensors(strategies.shapes(1, 2), kind, min_value=-3, max_value=200))
    assert x.dtype == kind
    if kind is not torch.bool and x.numel():
        assert max(-3, torch.iinfo(kind).min) <= x.min()
        assert x.max() <= min(200, torch.iinfo(kind).max)


def finds(strategy, condition):
    return find(strategy, condition, settings=settings(max_examples=2000, database=None))


def test_special_values_layouts_and_gradients_occur():
    assert finds(strategies.tensors((3,), "float32", special=True), lambda x: x.isnan().any()) is not None
    assert finds(strategies.tensors((3,), "float32", special=True), lambda x: x.isinf().any()) is not None
    assert finds(strategies.tensors((3, 2), layouts=True), lambda x: not x.is_contiguous()) is not None
    assert finds(strategies.tensors(), lambda x: x.numel() == 0) is not None
    assert finds(strategies.tensors((2,), requires_grad=True), lambda x: x.requires_grad) is not None
    assert finds(strategies.tensors((2,)), lambda x: True).tolist() == [0, 0]


@given(strategies.layers())
def test_drawn_layers_take_their_inputs(case):
    y = case.layer(case.input)
    batch = case.input.shape[:1] if case.input.dim() > 1 else ()  # a single sample has none
    assert y.shape[: len(batch)] == batch
    assert torch.isfinite(y).all()


def test_layers_by_name():
    kinds = {type(finds(strategies.layers("Conv2d", "ReLU"), lambda c, k=k: type(c.layer) is k).layer) for k in KINDS}
    assert kinds == set(KINDS)
    case = finds(strategies.layers("BatchNorm2d"), lambda c: not c.layer.affine and c.layer.momentum is None)
    assert case.input.dim() == 4
    with pytest.raises(ValueError, match=r"layers\(\) does not know \['LSTM'\]; it knows \['AvgPool1d'"):
        strategies.layers("LSTM")


KINDS = (torch.nn.Conv2d, torch.nn.ReLU)


def test_without_hypothesis_the_error_names_the_way_out():
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import minitorch_bn as torch\n"
        "torch.testing.assert_close(1, 1)\n"
        "try: torch.testing.strategies.tensors()\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == 'minitorch_bn.testing.strategies needs hypothesis: pip install "minitorch_bn[test]"\n'
