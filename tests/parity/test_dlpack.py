"""One piece of memory, seen by this package and by a real PyTorch at once."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn
from minitorch_bn.utils import dlpack

torch = pytest.importorskip("torch")

DTYPES = ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
LAYOUTS = {
    "rows": lambda t: t,
    "transposed": lambda t: t.t(),
    "every other": lambda t: t[:, ::2],
    "offset": lambda t: t[1:, 1:],
    "one": lambda t: t[1, 2],
    "none": lambda t: t[:0],
    "expanded": lambda t: t[:1].expand(4, 6),
}


def numbers(library, dtype):
    return library.arange(24).view(4, 6).to(getattr(library, dtype))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("giver, taker", [(minitorch_bn, torch), (torch, minitorch_bn)], ids=["out", "in"])
def test_shares_memory_both_ways(giver, taker, dtype, layout):
    given = LAYOUTS[layout](numbers(giver, dtype))
    taken = taker.from_dlpack(given)
    assert str(taken.dtype) == str(given.dtype)
    assert tuple(taken.shape) == tuple(given.shape)
    assert taken.tolist() == given.tolist()
    if taken.numel() > 1 and layout != "expanded":
        assert taken.data_ptr() == given.data_ptr()
        assert taken.stride() == given.stride()
        taken.fill_(1)
        assert given.tolist() == taken.tolist()
        given.zero_()
        assert not any(taken.flatten().tolist())


@pytest.mark.parametrize("giver", [minitorch_bn, torch], ids=lambda library: library.__name__)
def test_the_memory_outlives_its_first_owner(giver):
    taker = torch if giver is minitorch_bn else minitorch_bn
    taken = [taker.from_dlpack(giver.full((100,), float(i))) for i in range(50)]
    assert [t.sum().item() for t in taken] == [100.0 * i for i in range(50)]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("max_version", [None, (1, 0)])
def test_capsules(dtype, max_version):
    t = numbers(minitorch_bn, dtype)
    theirs = torch.utils.dlpack.from_dlpack(t.__dlpack__(max_version=max_version))
    assert theirs.data_ptr() == t.data_ptr()
    assert theirs.dtype == getattr(torch, dtype)
    for capsule in (theirs.__dlpack__(max_version=max_version), torch.utils.dlpack.to_dlpack(theirs)):
        ours = dlpack.from_dlpack(capsule)
        assert ours.data_ptr() == t.data_ptr()
        assert repr(ours) == repr(t)
        with pytest.raises(RuntimeError, match=r"^from_dlpack received an invalid capsule"):
            dlpack.from_dlpack(capsule)


def test_device_numbers_are_pytorchs():
    assert [(m.name, m.value) for m in dlpack.DLDeviceType] == [
        (m.name, m.value) for m in torch.utils.dlpack.DLDeviceType
    ]
    assert minitorch_bn.ones(1).__dlpack_device__() == torch.ones(1).__dlpack_device__()


REFUSALS = {
    "requires grad": lambda library: library.ones(2, requires_grad=True).__dlpack__(),
    "computed": lambda library: (library.ones(2, requires_grad=True) * 2).__dlpack__(),
    "numpy asks": lambda library: np.from_dlpack(library.ones(2, requires_grad=True)),
    "itself": lambda library: library.from_dlpack(library.ones(2, requires_grad=True)),
    "stream": lambda library: library.ones(2).__dlpack__(stream=1),
    "stream's type": lambda library: library.ones(2).__dlpack__(stream="a"),
    "strings": lambda library: library.from_dlpack(np.array(["a"])),
    "byte order": lambda library: library.from_dlpack(np.arange(3).astype(">i8")),
    "no tensor": lambda library: library.from_dlpack(3),
    "a list": lambda library: library.from_dlpack([1]),
    "cuda": lambda library: library.from_dlpack(library.ones(2), device="cuda"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - compared with ours below
        REFUSALS[name](torch)
    with pytest.raises(type(theirs.value)) as ours:
        REFUSALS[name](minitorch_bn)
    if name not in ("a list", "no tensor"):
        assert str(ours.value).splitlines()[0] == str(theirs.value).splitlines()[0]


def test_the_other_library_refuses_a_graph_as_well():
    with pytest.raises(BufferError, match=r"^Can't export tensors that require gradient"):
        minitorch_bn.from_dlpack(torch.ones(2, requires_grad=True))
    with pytest.raises(BufferError, match=r"^Can't export tensors that require gradient"):
        torch.from_dlpack(minitorch_bn.ones(2, requires_grad=True))


def test_asarray_shares_and_copies_on_request():
    theirs = torch.zeros(3)
    shared = minitorch_bn.asarray(theirs)
    shared += 1
    assert theirs.tolist() == [1, 1, 1]
    minitorch_bn.asarray(theirs, copy=True).add_(1)
    minitorch_bn.from_dlpack(theirs, copy=True).add_(1)
    minitorch_bn.tensor(theirs).add_(1)
    assert theirs.tolist() == [1, 1, 1]
    torch.asarray(minitorch_bn.asarray(theirs)).add_(1)
    assert theirs.tolist() == [2, 2, 2]


ALIASES = {
    "numpy": lambda library: library.asarray(np.arange(3.0)),
    "numpy, other dtype": lambda library: library.asarray(np.arange(3.0), dtype=library.float32),
    "numpy, no copy": lambda library: library.asarray(np.arange(3.0), dtype=library.float32, copy=False),
    "list": lambda library: library.asarray([1, 2.5]),
    "list, no copy": lambda library: library.asarray([1], copy=False),
    "number": lambda library: library.asarray(3),
    "numpy's number": lambda library: library.asarray(np.float32(3)),
    "bytes": lambda library: library.asarray(bytearray(b"abcd"), dtype=library.uint8),
    "bytes as floats": lambda library: library.asarray(bytearray(8)),
    "requires grad": lambda library: library.asarray(np.arange(3.0), requires_grad=True),
    "a graph": lambda library: library.asarray(library.ones(2, requires_grad=True) * 2),
    "a copied leaf": lambda library: library.asarray(library.ones(2, requires_grad=True), copy=True),
    "nothing": lambda library: library.asarray(None),
    "text": lambda library: library.asarray("a"),
    "buffer": lambda library: library.frombuffer(bytearray(range(8)), dtype=library.int16),
    "part of a buffer": lambda library: library.frombuffer(bytearray(range(9)), dtype=library.int16, offset=3, count=2),
    "short buffer": lambda library: library.frombuffer(bytearray(3), dtype=library.float32),
    "empty buffer": lambda library: library.frombuffer(bytearray(), dtype=library.float32),
    "buffer of nothing": lambda library: library.frombuffer(bytearray(3), dtype=library.uint8, count=0),
    "past the buffer": lambda library: library.frombuffer(bytearray(3), dtype=library.uint8, offset=3),
    "longer than the buffer": lambda library: library.frombuffer(bytearray(3), dtype=library.uint8, count=4),
    "no buffer": lambda library: library.frombuffer([1], dtype=library.uint8),
    "swapped bytes": lambda library: library.from_numpy(np.arange(3).astype(">i4")),
    "backwards": lambda library: library.from_numpy(np.arange(3)[::-1]),
    "no array": lambda library: library.from_numpy(np.float32(3)),
}


@pytest.mark.filterwarnings("ignore:torch.asarray.*unspecified requires_grad")
@pytest.mark.parametrize("name", ALIASES)
def test_asarray_and_frombuffer(name):
    def said(library):
        try:
            return repr(ALIASES[name](library))
        except Exception as error:  # compared with the other library's
            return f"{type(error).__name__}: {error}"

    assert said(minitorch_bn) == said(torch)
