"""Printing, against texts printed by PyTorch 2.13.0 on the CPU; and the options and the Size class."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from minitorch_bn import _tensor_str as printing
from minitorch_bn.size import Size

# Each text below is the repr, by PyTorch 2.13.0, of a tensor of these numbers.
PLAIN = (
    ("1.5", "float32", "tensor(1.5000)"),
    ("7", "int64", "tensor(7)"),
    ("True", "bool", "tensor(True)"),
    ("np.nan", "float64", "tensor(nan, dtype=torch.float64)"),
    ("[]", "float32", "tensor([])"),
    ("[]", "int64", "tensor([], dtype=torch.int64)"),
    ("[]", "bool", "tensor([], dtype=torch.bool)"),
    ("[]", "float64", "tensor([], dtype=torch.float64)"),
    ("np.ones((0, 3))", "float32", "tensor([], size=(0, 3))"),
    ("np.ones((2, 0))", "int32", "tensor([], size=(2, 0), dtype=torch.int32)"),
    ("[1.0, 2.0]", "float32", "tensor([1., 2.])"),
    ("[1.0, 2.0]", "float16", "tensor([1., 2.], dtype=torch.float16)"),
    ("[1.0, 2.0]", "bfloat16", "tensor([1., 2.], dtype=torch.bfloat16)"),
    ("[1.0, 2.5]", "float64", "tensor([1.0000, 2.5000], dtype=torch.float64)"),
    ("[1, -20, 300]", "int16", "tensor([  1, -20, 300], dtype=torch.int16)"),
    ("[0, 255]", "uint8", "tensor([  0, 255], dtype=torch.uint8)"),
    ("[True, False]", "bool", "tensor([ True, False])"),
    ("[[True], [False]]", "bool", "tensor([[ True],\n        [False]])"),
    ("[1000.0, 1.0]", "float32", "tensor([1000.,    1.])"),
    ("[1001.0, 1.0]", "float32", "tensor([1.0010e+03, 1.0000e+00])"),
    ("[1e8]", "float32", "tensor([100000000.])"),
    ("[1.1e8]", "float32", "tensor([1.1000e+08])"),
    ("[1e-4]", "float32", "tensor([1.0000e-04])"),
    ("[1e-4]", "float64", "tensor([0.0001], dtype=torch.float64)"),
    ("[-0.0, 0.0]", "float32", "tensor([-0., 0.])"),
    ("[-0.0, 1.5]", "float32", "tensor([-0.0000, 1.5000])"),
    ("[np.nan, np.inf, -np.inf]", "float32", "tensor([nan, inf, -inf])"),
    ("[np.nan, np.inf, 1.0]", "float32", "tensor([nan, inf, 1.])"),
    ("[np.nan, 1e9]", "float32", "tensor([       nan, 1.0000e+09])"),
    ("[1e-310, 1.0]", "float64", "tensor([1.0000e-310,  1.0000e+00], dtype=torch.float64)"),
    ("[5e-324, 1.7e308]", "float64", "tensor([4.9407e-324, 1.7000e+308], dtype=torch.float64)"),
    ("[65504.0, 6e-8]", "float16", "tensor([6.5504e+04, 5.9605e-08], dtype=torch.float16)"),
    ("np.arange(6.0).reshape(2, 3)", "float32", "tensor([[0., 1., 2.],\n        [3., 4., 5.]])"),
    (
        "np.arange(8).reshape(2, 2, 2) - 4",
        "int64",
        "tensor([[[-4, -3],\n         [-2, -1]],\n\n        [[ 0,  1],\n         [ 2,  3]]])",
    ),
    ("np.arange(1001)", "int64", "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    (
        "np.arange(1200.0).reshape(30, 40)",
        "float32",
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 3.7000e+01, 3.8000e+01,\n"
        "         3.9000e+01],\n"
        "        [4.0000e+01, 4.1000e+01, 4.2000e+01,  ..., 7.7000e+01, 7.8000e+01,\n"
        "         7.9000e+01],\n"
        "        [8.0000e+01, 8.1000e+01, 8.2000e+01,  ..., 1.1700e+02, 1.1800e+02,\n"
        "         1.1900e+02],\n"
        "        ...,\n"
        "        [1.0800e+03, 1.0810e+03, 1.0820e+03,  ..., 1.1170e+03, 1.1180e+03,\n"
        "         1.1190e+03],\n"
        "        [1.1200e+03, 1.1210e+03, 1.1220e+03,  ..., 1.1570e+03, 1.1580e+03,\n"
        "         1.1590e+03],\n"
        "        [1.1600e+03, 1.1610e+03, 1.1620e+03,  ..., 1.1970e+03, 1.1980e+03,\n"
        "         1.1990e+03]])",
    ),
    (
        "np.arange(30) / 8",
        "float32",
        "tensor([0.0000, 0.1250, 0.2500, 0.3750, 0.5000, 0.6250, 0.7500, 0.8750, 1.0000,\n"
        "        1.1250, 1.2500, 1.3750, 1.5000, 1.6250, 1.7500, 1.8750, 2.0000, 2.1250,\n"
        "        2.2500, 2.3750, 2.5000, 2.6250, 2.7500, 2.8750, 3.0000, 3.1250, 3.2500,\n"
        "        3.3750, 3.5000, 3.6250])",
    ),
    (
        "np.full((2, 12), -0.125)",
        "float64",
        "tensor([[-0.1250, -0.1250, -0.1250, -0.1250, -0.1250, -0.1250, -0.1250, -0.1250,\n"
        "         -0.1250, -0.1250, -0.1250, -0.1250],\n"
        "        [-0.1250, -0.1250, -0.1250, -0.1250, -0.1250, -0.1250, -0.1250, -0.1250,\n"
        "         -0.1250, -0.1250, -0.1250, -0.1250]], dtype=torch.float64)",
    ),
)

# Ones of this length that require a gradient; or their negation, made by an operator.
WITH_GRADIENT = (
    (5, "float32", False, "tensor([1., 1., 1., 1., 1.], requires_grad=True)"),
    (5, "float32", True, "tensor([-1., -1., -1., -1., -1.], grad_fn=<NegBackward0>)"),
    (
        6,
        "float64",
        True,
        "tensor([-1., -1., -1., -1., -1., -1.], dtype=torch.float64,\n       grad_fn=<NegBackward0>)",
    ),
    (
        7,
        "float64",
        True,
        "tensor([-1., -1., -1., -1., -1., -1., -1.], dtype=torch.float64,\n       grad_fn=<NegBackward0>)",
    ),
    (
        12,
        "float32",
        True,
        "tensor([-1., -1., -1., -1., -1., -1., -1., -1., -1., -1., -1., -1.],\n       grad_fn=<NegBackward0>)",
    ),
    (12, "float32", False, "tensor([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.], requires_grad=True)"),
    (
        13,
        "float64",
        False,
        "tensor([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.],\n       dtype=torch.float64, requires_grad=True)",
    ),
    (
        17,
        "float64",
        True,
        "tensor([-1., -1., -1., -1., -1., -1., -1., -1., -1., -1., -1., -1., -1., -1.,\n"
        "        -1., -1., -1.], dtype=torch.float64, grad_fn=<NegBackward0>)",
    ),
)

WITH_OPTIONS = (
    ({"precision": 2}, "[1.12345]", "tensor([1.12])"),
    ({"threshold": 5}, "np.arange(10)", "tensor([0, 1, 2,  ..., 7, 8, 9])"),
    (
        {"threshold": 5, "edgeitems": 1},
        "np.arange(20).reshape(4, 5)",
        "tensor([[ 0,  ...,  4],\n        ...,\n        [15,  ..., 19]])",
    ),
    ({"threshold": 5, "edgeitems": 0}, "np.arange(20).reshape(4, 5)", "tensor([...], size=(4, 5))"),
    ({"linewidth": 20}, "np.ones(7)", "tensor([1., 1., 1.,\n        1., 1., 1.,\n        1.])"),
    ({"sci_mode": True}, "[1.0, 0.0, np.inf]", "tensor([1.0000e+00, 0.0000e+00,        inf])"),
    ({"sci_mode": True}, "[0.0, -0.0]", "tensor([0., -0.])"),
    ({"sci_mode": False}, "[1e-5, 1e5]", "tensor([     0.0000, 100000.0000])"),
    ({"profile": "short"}, "np.arange(1001) / 4", "tensor([  0.00,   0.25,  ..., 249.75, 250.00])"),
    ({"precision": 0}, "[1.25, 2.0, 0.003]", "tensor([1, 2, 0])"),
    ({"linewidth": 0}, "[1, 2]", "tensor([1,\n        2])"),
)


@pytest.fixture(autouse=True)
def default_options():
    yield
    printing.set_printoptions(profile="default")


def printed(array, dtype="float32", requires_grad=False, grad_fn_name=None, **kwargs):
    return printing.tensor_str(
        array,
        dtype_name=f"torch.{dtype}",
        default_dtype_name="torch.float32",
        requires_grad=requires_grad,
        grad_fn_name=grad_fn_name,
        **kwargs,
    )


@pytest.mark.parametrize(("numbers", "dtype", "text"), PLAIN)
def test_numbers(numbers, dtype, text):
    # numpy alone has no bfloat16; float32 holds the same values and prints them alike.
    array = np.array(eval(numbers)).astype("float32" if dtype == "bfloat16" else dtype)
    assert printed(array, dtype) == text


@pytest.mark.parametrize(("length", "dtype", "by_operator", "text"), WITH_GRADIENT)
def test_gradient_suffixes(length, dtype, by_operator, text):
    array = np.ones(length, dtype) * (-1 if by_operator else 1)
    assert printed(array, dtype, True, "NegBackward0" if by_operator else None) == text


@pytest.mark.parametrize(("options", "numbers", "text"), WITH_OPTIONS)
def test_options(options, numbers, text):
    array = np.array(eval(numbers))
    dtype = "float32" if array.dtype.kind == "f" else "int64"
    with printing.printoptions(**options):
        assert printed(array.astype(dtype), dtype) == text


def test_other_default_dtype():
    about = {"default_dtype_name": "torch.float64", "requires_grad": False, "grad_fn_name": None}
    assert printing.tensor_str(np.ones(1), dtype_name="torch.float64", **about) == "tensor([1.])"
    text = printing.tensor_str(np.ones(1, np.float32), dtype_name="torch.float32", **about)
    assert text == "tensor([1.], dtype=torch.float32)"


def test_prefix_sets_the_indent():
    assert printed(np.ones((2, 1)), prefix="Mine(") == "Mine([[1.],\n      [1.]])"


def test_bfloat16_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([1.0, -0.1, np.nan]).astype(ml_dtypes.bfloat16)
    # PyTorch 2.13.0: torch.tensor([1., -0.1, torch.nan], dtype=torch.bfloat16)
    assert printed(array, "bfloat16") == "tensor([ 1.0000, -0.1001,     nan], dtype=torch.bfloat16)"


def test_printing_neither_changes_nor_warns():
    array = np.array([5e-324, 1.7e308, np.nan, np.inf])
    before = array.copy()
    array.flags.writeable = False
    with np.errstate(all="raise"):
        printed(array, "float64")
    np.testing.assert_array_equal(array, before)


def test_large_tensor_formats_only_what_it_shows():
    # Broadcast: the ten billion elements exist only as strides.
    text = printed(np.broadcast_to(np.float32(1.0), (100_000, 100_000)))
    row = "[1., 1., 1.,  ..., 1., 1., 1.]"
    assert text == "tensor([" + f",\n{' ' * 8}".join([row, row, row, "...", row, row, row]) + "])"


def test_printoptions_come_back():
    before = printing.get_printoptions()
    assert before == {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
    with printing.printoptions(precision=7, sci_mode=True):
        assert printing.get_printoptions() == {**before, "precision": 7, "sci_mode": True}
    assert printing.get_printoptions() == before
    with pytest.raises(ZeroDivisionError), printing.printoptions(precision=7):
        _ = 1 / 0
    assert printing.get_printoptions() == before
    printing.get_printoptions()["precision"] = 9
    assert printing.get_printoptions() == before


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"precision": -1}, ValueError, "precision must be a whole number of 0 or more, got -1"),
        ({"precision": 2.5}, ValueError, "precision must be a whole number of 0 or more, got 2.5"),
        ({"precision": True}, ValueError, "precision must be a whole number of 0 or more, got True"),
        ({"edgeitems": "3"}, ValueError, "edgeitems must be a whole number of 0 or more, got '3'"),
        ({"linewidth": "80"}, TypeError, "linewidth must be a number, got str"),
        ({"threshold": [1]}, TypeError, "threshold must be a number, got list"),
        ({"profile": "long"}, ValueError, "profile must be one of 'default', 'short', 'full', got 'long'"),
        ({"digits": 3}, TypeError, "unexpected keyword argument 'digits'"),
    ],
)
def test_bad_options_change_nothing(options, error, text):
    before = printing.get_printoptions()
    with pytest.raises(error, match=text):
        printing.set_printoptions(**{"precision": 7, **options})
    assert printing.get_printoptions() == before


def test_size_is_a_tuple():
    size = Size([2, 3, 4])
    assert size == (2, 3, 4)
    assert hash(size) == hash((2, 3, 4))
    assert size.numel() == 24
    assert Size().numel() == 1
    assert repr(size) == str(size) == "torch.Size([2, 3, 4])"
    assert not hasattr(size, "__dict__")


@pytest.mark.parametrize("make", ["s[1:]", "s + (1,)", "(1,) + s", "s + s", "s * 2", "2 * s", "s * -1"])
def test_size_stays_a_size(make):
    size = eval(make, {"s": Size([2, 3])})
    assert type(size) is Size
    assert size == eval(make, {"s": (2, 3)})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_size_survives_copies(protocol):
    size = Size([2, 3])
    for twin in (pickle.loads(pickle.dumps(size, protocol)), copy.copy(size), copy.deepcopy(size)):
        assert type(twin) is Size
        assert twin == size


def test_size_holds_plain_ints():
    size = Size([np.int64(3), True])
    assert [type(length) for length in size] == [int, int]


# The texts of PyTorch 2.13.0.
@pytest.mark.parametrize(
    ("make", "text"),
    [
        ("Size([1.5])", "torch.Size() takes an iterable of 'int' (item 0 is 'float')"),
        ("Size([1, 'a'])", "torch.Size() takes an iterable of 'int' (item 1 is 'str')"),
        ("Size([1]) + (1.5,)", "torch.Size() takes an iterable of 'int' (item 1 is 'float')"),
        ("Size([1]) + [1]", "can only concatenate tuple (not list) to torch.Size"),
        ("Size([1]) + 1", "can only concatenate tuple (not int) to torch.Size"),
        ("Size([1]) * 1.5", "can't multiply sequence by non-int of type 'float'"),
        ("Size(3)", "'int' object is not iterable"),
    ],
)
def test_size_refuses(make, text):
    with pytest.raises(TypeError) as caught:
        eval(make)
    assert str(caught.value) == text
