"""``torch.testing`` by itself: what is close, what is not, and the words for it."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.testing import assert_close, make_tensor


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
