"""Printed tensors and sizes, compared with PyTorch's character by character."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest

from minitorch_bn import _tensor_str as printing
from minitorch_bn.size import Size

torch = pytest.importorskip("torch")

FLOATS = ("float16", "bfloat16", "float32", "float64")
DTYPES = (*FLOATS, "int8", "int16", "int32", "int64", "uint8", "bool")
SHAPES = (
    (), (1,), (2,), (7,), (13,), (40,), (999,), (1000,), (1001,), (0,), (0, 3), (2, 0), (1, 1), (3, 5),
    (5, 3), (7, 7), (2, 30), (30, 40), (1, 1001), (1001, 1), (1, 3, 1), (2, 3, 4), (8, 8, 20), (0, 2, 2),
    (2, 1, 3, 2), (7, 2, 9, 10), (2, 2, 2, 2, 2), (1, 7, 1, 7, 1, 40),
)  # fmt: skip
SPECIAL = (
    0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 0.5, 1e-4, 9.9999e-5, 1e8, 1.0001e8, 1000.0, 1001.0,
    1e-3, 0.99995, 9.99995, -9.99995, 99999.5, 65504.0, 6e-8, 1e-45, 5e-324, 1e-310, 3.4e38, 1.7e308,
    0.00005,
)  # fmt: skip
OPTIONS = (
    {}, {"precision": 0}, {"precision": 2}, {"precision": 10}, {"threshold": 5}, {"threshold": 0},
    {"threshold": -1}, {"threshold": 5, "edgeitems": 0}, {"edgeitems": 0}, {"threshold": 5, "edgeitems": 1},
    {"threshold": 3, "edgeitems": 7}, {"threshold": 0, "edgeitems": 2, "linewidth": 24}, {"linewidth": 40},
    {"linewidth": 0}, {"linewidth": 33.5}, {"linewidth": 200}, {"profile": "short"}, {"profile": "full"},
    {"profile": "short", "precision": 6}, {"sci_mode": True}, {"sci_mode": False},
    {"sci_mode": True, "precision": 0, "linewidth": 30},
)  # fmt: skip


@pytest.fixture(autouse=True)
def restored():
    yield
    printing.set_printoptions(profile="default")
    torch.set_printoptions(profile="default")
    torch.set_default_dtype(torch.float32)


def set_both(**options):
    printing.set_printoptions(**options)
    torch.set_printoptions(**options)


def drawn(rng, shape):
    """Float64 numbers of one of many scales, with none, some or only hostile values among them."""
    size = int(np.prod(shape))
    kind = rng.integers(8)
    if kind == 0:
        values = rng.standard_normal(size) * 10.0 ** rng.integers(-12, 13)
    elif kind == 1:
        values = np.round(rng.standard_normal(size) * 10.0 ** rng.integers(0, 7))
    elif kind == 2:
        values = rng.standard_normal(size) * 10.0 ** rng.uniform(-3, 3, size)
    elif kind == 3:
        values = rng.choice(SPECIAL, size)
    elif kind == 4:
        values = rng.choice((0.0, -0.0, np.nan, np.inf, -np.inf), size)
    elif kind == 5:
        values = rng.integers(-3, 4, size) * 1.0
    else:
        values = rng.random(size)
    if kind != 4 and rng.random() < 0.3:
        values = np.where(rng.random(size) < 0.2, rng.choice(SPECIAL, size), values)
    return values.reshape(shape)


def random_tensor(rng, dtype_name, shape):
    dtype = getattr(torch, dtype_name)
    if dtype_name == "bool":
        return torch.from_numpy(np.asarray(rng.random(shape) < 0.5))
    if dtype_name in FLOATS:
        return torch.from_numpy(np.asarray(drawn(rng, shape))).to(dtype)
    info = torch.iinfo(dtype)
    bound = int(rng.choice((2, 10, 100, info.max)))
    values = rng.integers(max(info.min, -bound), min(info.max, bound), shape, endpoint=True)
    return torch.from_numpy(np.asarray(values)).to(dtype)


def array_of(tensor):
    tensor = tensor.detach()
    # numpy alone has no bfloat16; float32 holds the same values and prints them alike.
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def ours(tensor):
    return printing.tensor_str(
        array_of(tensor),
        dtype_name=str(tensor.dtype),
        default_dtype_name=str(torch.get_default_dtype()),
        requires_grad=tensor.requires_grad,
        grad_fn_name=tensor.grad_fn and tensor.grad_fn.name(),
    )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_random_tensors(options):
    rng = np.random.default_rng(sum(map(ord, str(options))))
    set_both(**options)
    for shape in SHAPES:
        for dtype_name in DTYPES:
            if options == {"profile": "full"} and np.prod(shape) > 2000:
                continue  # slow in PyTorch, and no other path than a small tensor's
            tensor = random_tensor(rng, dtype_name, shape)
            if dtype_name in FLOATS:
                tensor.requires_grad_(bool(rng.random() < 0.6))
                if tensor.requires_grad and rng.random() < 0.5:
                    tensor = tensor.clone()
            torch.set_default_dtype(getattr(torch, str(rng.choice(("float32", "float32", "float64")))))
            assert ours(tensor) == repr(tensor), (options, shape, dtype_name)


@pytest.mark.parametrize("dtype_name", ["float32", "float64"])
def test_hostile_pairs(dtype_name):
    for first in SPECIAL:
        for second in SPECIAL:
            tensor = torch.tensor([first, second], dtype=torch.float64).to(getattr(torch, dtype_name))
            assert ours(tensor) == repr(tensor)


@pytest.mark.parametrize("linewidth", range(10, 100, 6))
def test_where_suffixes_and_rows_break(linewidth):
    set_both(linewidth=linewidth)
    for length in range(26):
        for shape in ((length,), (2, length)):
            tensor = torch.ones(shape, dtype=torch.float64, requires_grad=True)
            for candidate in (tensor, -tensor, tensor.float().detach(), tensor.to(torch.int8)):
                assert ours(candidate) == repr(candidate)


@pytest.mark.parametrize("layout", ["transposed", "strided", "reversed", "expanded", "swapped bytes"])
def test_layouts(layout):
    base = np.random.default_rng(0).standard_normal((30, 40))
    array = {
        "transposed": base.T,
        "strided": base[::3, ::2],
        "reversed": base[::-1, ::-1],
        "expanded": np.broadcast_to(base[0], (3, 40)),
        "swapped bytes": base.astype(">f8"),
    }[layout]
    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))
    about = {"dtype_name": "torch.float64", "default_dtype_name": "torch.float32"}
    assert printing.tensor_str(array, requires_grad=False, grad_fn_name=None, **about) == repr(tensor)


def test_prefix_of_a_subclass():
    class Subclassed(torch.Tensor):
        pass

    values = np.random.default_rng(0).standard_normal((3, 12)).astype(np.float32)
    about = {"dtype_name": "torch.float32", "default_dtype_name": "torch.float32", "prefix": "Subclassed("}
    text = printing.tensor_str(values, requires_grad=False, grad_fn_name=None, **about)
    assert text == repr(torch.from_numpy(values).as_subclass(Subclassed))


def test_options_after_each_call():
    calls = [dict(options) for options in OPTIONS]
    random.Random(0).shuffle(calls)
    for options in calls:
        set_both(**options)
        assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
        with (
            printing.printoptions(precision=1, sci_mode=True),
            torch._tensor_str.printoptions(precision=1, sci_mode=True),
        ):
            assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
        assert printing.get_printoptions() == torch._tensor_str.get_printoptions()


SIZE_EXPRESSIONS = (
    "s", "s[1:]", "s[::-1]", "s[0]", "s[-1]", "s[5]", "s['a']", "s[None]", "s + (1,)", "(1,) + s", "s + s",
    "s + [1]", "s + 1", "s + 'a'", "s + ('a',)", "('a',) + s", "(1.5,) + s", "s * 2", "2 * s", "s * -1",
    "s * 1.5", "s * 'a'", "s.numel()", "Size().numel()", "Size()", "Size([0, 5]).numel()", "Size([1.5])",
    "Size(['a'])", "Size([1, 'a'])", "Size([-1])", "Size([True])", "Size(3)", "Size(None)", "Size('12')",
    "Size([[1]])", "Size(x for x in (1, 2))", "Size([np.int64(3)])", "s * np.int64(2)", "s + np.ones(2)",
    "np.ones(2) + s", "s * np.ones(2)", "str(s)", "f'{s}'", "s == (2, 3)", "hash(s) == hash((2, 3))",
    "s < (3,)", "s.index(3)", "s.count(2)", "copy.copy(s)", "copy.deepcopy(s)", "{s: 1}[2, 3]", "s.x",
    "isinstance(s, tuple)", "s.__reduce__()[1]", "tuple(s)",
)  # fmt: skip


@pytest.mark.parametrize("expression", SIZE_EXPRESSIONS)
def test_size(expression):
    def outcome(size_class):
        try:
            value = eval(expression, {"s": size_class([2, 3]), "Size": size_class, "np": np, "copy": copy})
        except Exception as error:
            # What Python itself says gives the class its full name only for a class written in C.
            return type(error), str(error).replace("'torch.Size' object", "'Size' object")
        return type(value).__name__, repr(value)

    assert outcome(Size) == outcome(torch.Size)
