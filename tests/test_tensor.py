"""Tensor itself: attributes, conversions to Python and numpy, copies, comparisons, and what is refused."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import re

import numpy as np
import pytest

import minitorch_bn as torch


def refused(error, text):
    return pytest.raises(error, match=re.escape(text))


# -- making one by hand ----------------------------------------------------------------------------------------------


def test_constructor():
    assert torch.Tensor([1, 2]).dtype is torch.float32
    assert torch.Tensor([1, 2]).tolist() == [1.0, 2.0]
    assert torch.Tensor(2, 3).shape == (2, 3)
    assert torch.Tensor(4).shape == (4,)
    assert torch.Tensor().shape == (0,)
    assert torch.Tensor(torch.Size([2, 2])).shape == (2, 2)
    assert torch.Tensor((2, 3)).tolist() == [2.0, 3.0]
    assert torch.Tensor(np.ones(2)).dtype is torch.float32
    assert torch.Tensor([1.0], device="cpu").tolist() == [1.0]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: torch.Tensor(2.5), TypeError, "new(): data must be a sequence (got float)"),
        (lambda: torch.Tensor(None), TypeError, "new(): data must be a sequence (got NoneType)"),
        (
            lambda: torch.Tensor([1], dtype=torch.float64),
            TypeError,
            "new() received an invalid combination of arguments",
        ),
        (lambda: torch.Tensor(-1), RuntimeError, "Trying to create tensor with negative dimension -1"),
    ],
)
def test_constructor_refuses(call, error, text):
    with refused(error, text):
        call()


# -- attributes ------------------------------------------------------------------------------------------------------


def test_attributes():
    x = torch.zeros(2, 3, requires_grad=True)
    assert x.ndim == x.dim() == x.ndimension() == 2
    assert x.shape == x.size() == torch.Size([2, 3])
    assert (x.size(0), x.size(-1)) == (2, 3)
    assert (x.stride(), x.stride(0), x.t().stride()) == ((3, 1), 3, (1, 3))
    assert x.numel() == x.nelement() == 6
    assert (x.itemsize, x.element_size(), x.nbytes) == (4, 4, 24)
    assert x.is_floating_point()
    assert not x.is_complex()
    assert x.is_contiguous()
    assert not x.t().is_contiguous()
    assert (str(x.device), x.is_cuda) == ("cpu", False)
    assert (x.is_leaf, x.requires_grad, x.grad, x.grad_fn, x.output_nr, x._version) == (True, True, None, None, 0, 0)
    assert x.dtype is torch.float32
    assert torch.is_tensor(x)
    assert not torch.is_tensor(1)


@pytest.mark.parametrize("name", ["shape", "is_leaf", "grad_fn", "dtype", "ndim", "device"])
def test_attributes_that_are_read_only(name):
    with pytest.raises(AttributeError):
        setattr(torch.zeros(2), name, None)


def test_own_attributes():
    x = torch.zeros(2)
    x.note = "kept"
    assert x.note == "kept"
    with refused(AttributeError, "'Tensor' object has no attribute 'other'"):
        x.other


def test_sizes_out_of_range():
    with refused(IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 2)"):
        torch.zeros(2, 3).size(2)
    with refused(IndexError, "Dimension specified as 0 but tensor has no dimensions"):
        torch.zeros(()).size(0)


def test_hash_is_by_identity():
    x, y = torch.zeros(2), torch.zeros(2)
    assert hash(x) != hash(y)
    assert len({x, y, x}) == 2
    assert {x: "x"}[x] == "x"


# -- requires_grad, grad, data ---------------------------------------------------------------------------------------


def test_requires_grad_can_be_set_on_leaves():
    x = torch.ones(2)
    x.requires_grad = True
    assert x.requires_grad
    assert x.requires_grad_(False) is x
    assert not x.requires_grad


@pytest.mark.parametrize(
    "change, error, text",
    [
        (
            lambda: setattr(torch.ones(2), "requires_grad", 1),
            RuntimeError,
            "requires_grad must be a bool",
        ),
        (
            lambda: torch.ones(2).requires_grad_("yes"),
            TypeError,
            "requires_grad_(): argument 'requires_grad' (position 1) must be bool, not str",
        ),
        (
            lambda: setattr(torch.tensor([1]), "requires_grad", True),
            RuntimeError,
            "only Tensors of floating point and complex dtype can require gradients",
        ),
        (
            lambda: torch.tensor([1]).requires_grad_(),
            RuntimeError,
            "only Tensors of floating point dtype can require gradients",
        ),
        (
            lambda: setattr(torch.ones(2, requires_grad=True) * 1, "requires_grad", False),
            RuntimeError,
            "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
            "subgraph that doesn't require differentiation use var_no_grad = var.detach().",
        ),
        (
            lambda: setattr(torch.ones(2, requires_grad=True) * 1, "requires_grad", True),
            RuntimeError,
            "you can only change requires_grad flags of leaf variables.",
        ),
    ],
)
def test_requires_grad_refuses(change, error, text):
    with refused(error, text):
        change()


def test_requiring_the_gradient_of_a_computed_tensor_changes_nothing():
    y = torch.ones(2, requires_grad=True) * 1
    assert y.requires_grad_() is y
    assert y.grad_fn is not None


def test_grad_can_be_assigned_and_deleted():
    x = torch.ones(2, requires_grad=True)
    g = torch.tensor([5.0, 6.0])
    x.grad = g
    assert x.grad is g
    x.sum().backward()
    assert g.tolist() == [6.0, 7.0]
    del x.grad
    assert x.grad is None


@pytest.mark.parametrize(
    "grad, error, text",
    [
        (1.0, TypeError, "assigned grad expected to be a Tensor or None but got grad of type float"),
        (
            torch.ones(3),
            RuntimeError,
            "attempting to assign a gradient of size '[3]' to a tensor of size '[2]'. Please ensure that the gradient "
            "and the tensor are the same size",
        ),
        (
            torch.ones(2).double(),
            RuntimeError,
            "attempting to assign a gradient with dtype 'double' to a tensor with grad_dtype 'Float'.",
        ),
    ],
)
def test_grads_that_do_not_fit(grad, error, text):
    x = torch.ones(2, requires_grad=True)
    with refused(error, text):
        x.grad = grad
    assert x.grad is None


def test_own_grad():
    x = torch.ones(2, requires_grad=True)
    with refused(RuntimeError, "can't assign Variable as its own grad"):
        x.grad = x


def test_data():
    x = torch.ones(2, requires_grad=True)
    x.data[0] = 5
    assert x.tolist() == [5.0, 1.0]
    assert not x.data.requires_grad
    x.data = torch.zeros(3)
    assert x.shape == (3,)
    assert x.requires_grad
    with refused(TypeError, "Variable data has to be a tensor, but got int"):
        x.data = 1
    with refused(RuntimeError, "data set to a tensor that requires gradients must be floating point or complex dtype"):
        x.data = torch.tensor([1])


# -- to Python -------------------------------------------------------------------------------------------------------


def test_item_and_tolist():
    assert torch.tensor([[3.5]]).item() == 3.5
    assert type(torch.tensor(3).item()) is int
    assert type(torch.tensor(True).item()) is bool
    assert torch.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert torch.tensor(2.5).tolist() == 2.5
    assert torch.ones(1, requires_grad=True).tolist() == [1.0]


@pytest.mark.parametrize("data", [[], [1.0, 2.0]])
def test_item_of_other_than_one_element(data):
    x = torch.tensor(data)
    with refused(RuntimeError, f"a Tensor with {len(data)} elements cannot be converted to Scalar"):
        x.item()
    for convert in (float, int):
        with refused(ValueError, "only one element tensors can be converted to Python scalars"):
            convert(x)
    which = "more than one value" if data else "no values"
    with refused(RuntimeError, f"Boolean value of Tensor with {which} is ambiguous"):
        bool(x)


def test_numbers():
    assert (float(torch.tensor([2])), int(torch.tensor(2.7)), bool(torch.tensor([[0.0]]))) == (2.0, 2, False)
    assert math.sqrt(torch.tensor(4.0)) == 2.0


def test_index():
    assert ["a", "b"][torch.tensor(1)] == "b"
    assert list(range(torch.tensor([3]))) == [0, 1, 2]
    assert operator.index(torch.tensor(True)) == 1
    for bad in (torch.tensor(1.0), torch.tensor([1, 2])):
        with refused(TypeError, "only integer tensors of a single element can be converted to an index"):
            operator.index(bad)


def test_len_and_iteration():
    x = torch.arange(6.0).reshape(3, 2).requires_grad_()
    assert len(x) == 3
    a, b, c = x
    assert b.tolist() == [2.0, 3.0]
    (a * c).sum().backward()
    assert x.grad.tolist() == [[4.0, 5.0], [0.0, 0.0], [0.0, 1.0]]
    assert [t.item() for t in reversed(torch.tensor([1, 2, 3]))] == [3, 2, 1]
    with refused(TypeError, "len() of a 0-d tensor"):
        len(torch.tensor(1))
    with refused(TypeError, "iteration over a 0-d tensor"):
        iter(torch.tensor(1))


def test_contains():
    x = torch.tensor([1.0, 2.0])
    assert 1 in x
    assert torch.tensor(2.0) in x
    assert 3 not in x
    with refused(
        RuntimeError, "Tensor.__contains__ only supports Tensor or scalar, but you passed in a <class 'str'>."
    ):
        "a" in x


def test_format():
    x = torch.tensor(1.23456, requires_grad=True)
    assert f"{x:.2f}" == "1.23"
    assert f"{x.detach()}" == str(x.item())
    assert f"{torch.tensor(3):5d}" == "    3"
    assert f"{torch.ones(2)}" == "tensor([1., 1.])"
    with refused(TypeError, "unsupported format string passed to Tensor.__format__"):
        f"{torch.ones(2):.2f}"


# -- numpy -----------------------------------------------------------------------------------------------------------


def test_numpy_shares_memory():
    x = torch.ones(3)
    x.numpy()[0] = 5
    np.asarray(x)[1] = 6
    assert x.tolist() == [5.0, 6.0, 1.0]
    y = torch.from_numpy(array := np.zeros(2))
    y[0] = 7
    assert array.tolist() == [7.0, 0.0]


def test_numpy_copies_when_asked():
    x = torch.ones(3)
    np.array(x)[0] = 5
    x.__array__(copy=True)[0] = 5
    assert x.tolist() == [1.0, 1.0, 1.0]
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.asarray(x, dtype="int32").tolist() == [1, 1, 1]
    with refused(ValueError, "Unable to avoid copy while creating an array as requested."):
        np.asarray(x, dtype=np.float64, copy=False)


def test_numpy_of_a_tensor_that_requires_grad():
    x = torch.ones(2, requires_grad=True)
    for convert in (torch.Tensor.numpy, np.asarray, np.sin):
        for tensor in (x, x * 2, x[0]):
            with refused(RuntimeError, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy()"):
                convert(tensor)
    assert x.numpy(force=True).tolist() == [1.0, 1.0]
    assert x.detach().numpy().tolist() == [1.0, 1.0]
    with torch.no_grad():  # as in PyTorch: nothing is lost
        for tensor in (x, torch.nn.Parameter(x)):
            tensor.numpy()[0] += 1
            assert np.asarray(tensor).tolist() == np.square(tensor).sqrt().tolist() == tensor.tolist()
    assert x.tolist() == [3.0, 1.0]


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.floordiv, operator.mod]


@pytest.mark.parametrize("operation", OPERATORS, ids=lambda f: f.__name__)
def test_arithmetic_with_arrays_on_either_side(operation):
    a, b = np.array([5.0, 7.0]), np.array([2.0, 3.0])
    expected = operation(a, b)
    for left, right in [(torch.tensor(a), b), (a, torch.tensor(b))]:
        result = operation(left, right)
        assert isinstance(result, torch.Tensor)
        assert result.dtype is torch.float64
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-15)


@pytest.mark.parametrize("number", [2, 2.0, True, np.float32(2), np.float64(2), np.int64(2)])
def test_numbers_of_python_and_numpy_on_either_side(number):
    x = torch.tensor([3.0, 4.0], requires_grad=True)
    for result in (x * number, number * x, number + x, x / number):
        assert isinstance(result, torch.Tensor)
        assert result.dtype is torch.float32
        assert result.requires_grad


def test_matmul_with_arrays():
    a = np.arange(4.0).reshape(2, 2)
    assert (a @ torch.tensor(a)).tolist() == (torch.tensor(a) @ a).tolist() == (a @ a).tolist()
    with refused(TypeError, "unsupported operand type(s) for @: 'Tensor' and 'int'"):
        torch.ones(2) @ 2


def test_functions_of_numpy_give_tensors():
    x = torch.tensor([1.0, 4.0])
    assert isinstance(np.sqrt(x), torch.Tensor)
    assert np.sqrt(x).tolist() == [1.0, 2.0]
    assert np.add(np.ones(2), x).dtype is torch.float64
    assert np.stack([x, x]).shape == (2, 2)
    assert np.allclose(x, [1.0, 4.0])


def test_indexing_arrays_by_tensors():
    array = np.arange(5)
    assert array[torch.tensor([1, 2])].tolist() == [1, 2]
    assert array[torch.tensor(3)] == 3


# -- operators that do not apply -------------------------------------------------------------------------------------


def test_comparison_with_what_is_no_number():
    x = torch.ones(2)
    assert (x == None) is False  # noqa: E711
    assert (x != None) is True  # noqa: E711
    assert (x == "a") is False
    assert (x != "a") is True
    assert x in [x]
    for other in (None, "a"):
        with refused(TypeError, "'<' not supported between instances of 'Tensor' and"):
            x < other


@pytest.mark.parametrize("other", [None, "a", [1, 2], {}])
@pytest.mark.parametrize("operation", [*OPERATORS, operator.matmul, operator.iadd, operator.imul])
def test_arithmetic_with_what_is_no_number(operation, other):
    x = torch.ones(2)
    # "a" * x asks x for an index, as a string repeats
    with pytest.raises(TypeError, match=r"unsupported operand type|can be converted to an index"):
        operation(x, other)
    assert x.tolist() == [1.0, 1.0]


def test_operators_of_other_classes_are_asked():
    class Symbol:
        def __radd__(self, other):
            return "asked"

        def __rmatmul__(self, other):
            return "asked"

        def __eq__(self, other):
            return "asked"

    x = torch.ones(2)
    assert [x + Symbol(), x @ Symbol(), x == Symbol()] == ["asked"] * 3


def test_comparison_gives_a_tensor():
    x = torch.tensor([1.0, 2.0])
    assert (x == 1).tolist() == [True, False]
    assert (x == np.array([1.0, 3.0])).tolist() == [True, False]
    assert (np.array([1.0, 3.0]) == x).tolist() == [True, False]


# -- to other dtypes -------------------------------------------------------------------------------------------------


def test_to_gives_itself_where_nothing_changes():
    x = torch.ones(2)
    same = [x.to(torch.float32), x.to("cpu"), x.to(x), x.float(), x.cpu(), x.type(torch.float32), x.contiguous()]
    assert all(t is x for t in same)
    assert x.to(torch.float32, copy=True) is not x
    assert x.to("cpu", torch.float64).dtype is torch.float64
    assert x.type() == "torch.FloatTensor"
    assert x.type("torch.IntTensor").dtype is torch.int32


def test_gradient_through_a_cast_has_the_dtype_of_the_leaf():
    x = torch.ones(2, requires_grad=True)
    y = x.double()
    y.retain_grad()
    (y * 2).sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (torch.float32, torch.float64)


# -- copies ----------------------------------------------------------------------------------------------------------


def test_copy_shares_memory():
    x = torch.ones(2, requires_grad=True)
    x.sum().backward()
    x.note = [1]
    y = copy.copy(x)
    assert y is not x
    assert y.data_ptr() == x.data_ptr()
    assert y.requires_grad
    assert y.grad is None
    assert y.note is x.note


def test_deepcopy_copies_everything():
    x = torch.ones(2, requires_grad=True)
    x.sum().backward()
    x.note = [1]
    y, again = copy.deepcopy([x, x])
    assert y is again
    assert y.data_ptr() != x.data_ptr()
    assert (y.tolist(), y.requires_grad, y.grad.tolist(), y.note) == ([1.0, 1.0], True, [1.0, 1.0], [1])
    assert y.grad is not x.grad
    assert y.note is not x.note
    assert copy.deepcopy(torch.zeros(2, 3).t()).stride() == (1, 3)


def test_deepcopy_leaves_hooks_behind():
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda g: g * 2)
    y = copy.deepcopy(x)
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0]


def test_only_leaves_are_deepcopied():
    with refused(
        RuntimeError, "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol"
    ):
        copy.deepcopy(torch.ones(2, requires_grad=True) * 2)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int16, torch.bool])
def test_pickle(protocol, dtype):
    x = torch.tensor([[1, 0], [1, 1]]).to(dtype)
    x.note = "kept"
    y, again = pickle.loads(pickle.dumps([x, x], protocol))
    assert y is again
    assert y.dtype is dtype
    assert y.tolist() == x.tolist()
    assert y.note == "kept"


def test_pickle_keeps_requires_grad_but_no_history():
    x = torch.ones(2, requires_grad=True)
    assert pickle.loads(pickle.dumps(x)).requires_grad
    y = pickle.loads(pickle.dumps(x * 2))
    assert y.is_leaf
    assert y.requires_grad
    assert y.tolist() == [2.0, 2.0]


def test_pickled_view_takes_only_its_own_elements():
    x = torch.zeros(100_000)
    assert len(pickle.dumps(x[:2])) < 1_000


def test_attributes_are_read_the_fast_way():
    """A ``__getattr__`` would make Python look every attribute of every tensor up anew, dozens in each operation."""
    assert not hasattr(torch.Tensor, "__getattr__")


def test_resize_reads_the_memory_on():
    x = torch.arange(6.0).view(2, 3)
    base = x[1:]
    assert x.t().resize_(2, 2).tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert base.resize_(2).tolist() == [3.0, 4.0]
    base[0] = 9
    assert x[1, 0] == 9
    assert x.resize_((6,)).tolist() == [0.0, 1.0, 2.0, 9.0, 4.0, 5.0]
    assert x.resize_(8)[:6].tolist() == [0.0, 1.0, 2.0, 9.0, 4.0, 5.0]
    assert x.resize_as_(torch.ones(1, 2)).tolist() == [[0.0, 1.0]]
    with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
        torch.ones(2, requires_grad=True).resize_(1)
    with pytest.raises(
        TypeError, match=r"resize_\(\): argument 'size' \(position 1\) must be tuple of ints, not float"
    ):
        torch.ones(2).resize_(2.5)


def test_strides_without_elements():
    assert torch.empty(0, 3).stride() == (3, 1)
    assert torch.empty(1, 0, 3).stride() == (3, 3, 1)
    assert torch.empty(0).stride() == (1,)
