"""``out=``: the same numbers, in the tensor that was given."""

from __future__ import annotations

import pickle

import pytest

import minitorch_bn as torch


def test_the_result_is_in_out_and_is_out():
    out = torch.empty(2, 2)
    assert torch.add(torch.ones(2, 2), 1, out=out) is out
    assert out.tolist() == [[2, 2], [2, 2]]


def test_several_results():
    out = torch.empty(0), torch.empty(0, dtype=torch.int64)
    result = torch.sort(torch.tensor([3.0, 1.0]), out=out)
    assert result.values is out[0]
    assert out[1].tolist() == [1, 0]


def test_the_dtype_of_out_holds():
    assert torch.add(torch.ones(2), 1, out=torch.empty(2, dtype=torch.float64)).dtype is torch.float64
    assert torch.zeros(2, out=torch.ones(2, dtype=torch.int32)).dtype is torch.int32
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        torch.add(torch.ones(2), 1, out=torch.empty(2, dtype=torch.int64))


def test_another_shape_is_taken_on_with_a_warning_if_there_were_elements():
    out = torch.empty(0)
    assert torch.exp(torch.zeros(3), out=out).shape == (3,)
    with pytest.warns(UserWarning, match="An output with one or more elements was resized"):
        torch.exp(torch.zeros(2, 2), out=out)
    assert out.shape == (2, 2)


def test_gradients_are_refused():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        torch.cat((x, x), out=torch.empty(4))
    with torch.no_grad():
        torch.cat((x, x), out=torch.empty(4))


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="argument 'out' must be Tensor, not list"):
        torch.sort(torch.ones(2), out=([], []))


def test_out_may_be_an_input():
    x = torch.tensor([1.0, 2.0])
    torch.mul(x, x, out=x)
    assert x.tolist() == [1, 4]


def test_functions_can_be_pickled_and_methods_take_no_out():
    assert pickle.loads(pickle.dumps(torch.add)) is torch.add
    assert torch.concat is torch.cat
    with pytest.raises(TypeError, match="out"):
        torch.ones(2).add(1, out=torch.empty(2))
