"""Files that PyTorch and safetensors wrote are read here, and the other way round."""

from __future__ import annotations

import inspect
import io
import pickle
from collections import Counter, OrderedDict

import numpy as np
import pytest

import minitorch_bn

torch = pytest.importorskip("torch")

DTYPES = ["float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]
BOTH = [(minitorch_bn, torch), (torch, minitorch_bn)]
IDS = ["ours to PyTorch", "PyTorch to ours"]


@pytest.fixture(autouse=True)
def bfloat16(request):
    if "bfloat16" in request.node.name:
        pytest.importorskip("ml_dtypes")


def plain(value):
    """A tensor of either library as (dtype, shape, requires_grad, numbers); containers of them likewise."""
    if type(value).__name__ in ("Tensor", "Parameter"):
        numbers = value.detach().double().tolist()
        return type(value).__name__, str(value.dtype), list(value.shape), value.requires_grad, repr(numbers)
    if isinstance(value, dict):
        extra = plain(value._metadata) if hasattr(value, "_metadata") else None
        return type(value), [(plain(k), plain(v)) for k, v in value.items()], extra
    if type(value) in (list, tuple, set):
        return type(value), [plain(item) for item in value]
    return repr(value)


def passed(writer, reader, value, **options):
    """What the reader makes of what the writer wrote."""
    file = io.BytesIO()
    writer.save(value, file)
    file.seek(0)
    return reader.load(file, weights_only=True, **options)


def checkpoint(lib):
    state = OrderedDict([("weight", lib.arange(6.0).reshape(2, 3)), ("num_batches_tracked", lib.tensor(7))])
    state._metadata = OrderedDict([("", {"version": 2})])
    return {
        "state": state,
        "optimizer": {"state": {0: {"step": lib.tensor(3.0)}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999)}]},
        "numbers": [0, -1, 255, 256, 65536, -(2**31), 2**31, 2**63, -(2**200), 0.1, -0.0, 1e-310, float("inf")],
        "nested": ([], (), {}, (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), True, False, None),
        "text": "ünïcode \U0001f600",
        "counter": Counter("aab"),
        "set": {1, 2},
        "size": lib.Size([2, 3]),
        "dtypes": [getattr(lib, name) for name in DTYPES],
        "device": lib.device("cpu"),
        "gradient": lib.ones(2, requires_grad=True),
        "computed": lib.ones(2, requires_grad=True) * 2,
        "parameter": lib.nn.Parameter(lib.ones(2)),
        "long": list(range(1200)),
    }


@pytest.mark.parametrize("writer, reader", BOTH, ids=IDS)
class TestBothWays:
    def test_a_checkpoint(self, writer, reader):
        assert plain(passed(writer, reader, checkpoint(writer))) == plain(checkpoint(reader))

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 0, 3), (3, 1), (2, 3, 4)])
    def test_dtypes_and_shapes(self, writer, reader, dtype, shape, rng):
        values = rng.normal(0, 50, shape)
        made = [lib.tensor(values).to(getattr(lib, dtype)) for lib in (writer, reader)]
        assert plain(passed(writer, reader, made[0])) == plain(made[1])

    def test_layouts(self, writer, reader):
        def views(lib):
            x = lib.arange(24).reshape(2, 3, 4)
            return [x.permute(2, 0, 1), x[:, ::2, 1:3], lib.ones(1).expand(3), x[1, 1:2], x[1, 1, 1]]

        assert plain(passed(writer, reader, views(writer))) == plain(views(reader))

    def test_ties(self, writer, reader):
        w = writer.ones(2)
        a, b, c = passed(writer, reader, [w, w, writer.ones(2)])
        assert a.data_ptr() == b.data_ptr() != c.data_ptr()

    def test_a_path(self, writer, reader, tmp_path):
        writer.save(checkpoint(writer), tmp_path / "ünï x.pt")
        assert plain(reader.load(tmp_path / "ünï x.pt")) == plain(checkpoint(reader))


def test_pytorch_maps_our_files(tmp_path):
    minitorch_bn.save({"a": minitorch_bn.arange(5.0), "b": minitorch_bn.ones(3)}, tmp_path / "x.pt")
    found = torch.load(tmp_path / "x.pt", mmap=True, weights_only=True)
    assert found["a"].tolist() == [0, 1, 2, 3, 4]
    assert found["a"].data_ptr() % 64 == 0


def test_views_of_one_storage_share_memory():
    x = torch.arange(6)
    a, b = passed(torch, minitorch_bn, [x[:3], x[2:]])
    a[2] = 9
    assert b.tolist() == [9, 3, 4, 5]


def test_modules_and_optimizers_of_pytorch(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 5])
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    scheduler.step()
    saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    found = passed(torch, minitorch_bn, saved)
    assert plain(found) == plain(saved)
    back = passed(minitorch_bn, torch, found)
    assert plain(back) == plain(saved)
    model.load_state_dict(back["model"])
    optimizer.load_state_dict(back["optimizer"])
    scheduler.load_state_dict(back["scheduler"])


@pytest.mark.parametrize(
    "value",
    [
        torch.nn.Linear(1, 1),
        {"a": torch.tensor([1 + 1j])},
        torch.eye(2).to_sparse(),
        torch.ones(2, dtype=torch.uint16),
        np.ones(2),
        b"bytes",
    ],
    ids=["module", "complex", "sparse", "uint16", "numpy", "bytes"],
)
def test_what_is_out_of_scope_is_refused(value, tmp_path):
    torch.save(value, tmp_path / "x.pt")
    with pytest.raises(pickle.UnpicklingError, match=r"x\.pt: Weights only load failed\. .*(GLOBAL|instruction)"):
        minitorch_bn.load(tmp_path / "x.pt")


def test_the_old_format_is_refused(tmp_path):
    torch.save(torch.ones(2), tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="not a zip file"):
        minitorch_bn.load(tmp_path / "x.pt")


@pytest.mark.parametrize(
    "call",
    [
        lambda lib, path: lib.load(path / "none.pt"),
        lambda lib, path: lib.load(path),
        lambda lib, path: lib.load(3),
        lambda lib, path: lib.save(1, 3),
        lambda lib, path: lib.save(1, path / "none" / "x.pt"),
    ],
)
def test_errors(call, tmp_path):
    errors = []
    for lib in (minitorch_bn, torch):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever PyTorch raises
            call(lib, tmp_path)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("name", ["save", "load"])
def test_signatures(name):
    ours, theirs = (inspect.signature(getattr(lib, name)).parameters for lib in (minitorch_bn, torch))
    private = "_disable_byteorder_record"
    assert [(p.name, p.kind) for p in ours.values()] == [(p.name, p.kind) for p in theirs.values() if p.name != private]


class TestSafetensors:
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_both_ways(self, tmp_path, dtype, rng):
        library = pytest.importorskip("safetensors.torch")
        values = rng.normal(0, 50, (2, 3))
        ours, theirs = (
            {"b": lib.tensor(values).to(getattr(lib, dtype)), "a.é": lib.tensor(3), "e": lib.zeros(0, 2)}
            for lib in (minitorch_bn, torch)
        )
        minitorch_bn.save(ours, tmp_path / "ours.safetensors")
        library.save_file(theirs, tmp_path / "theirs.safetensors", {"note": "of another program"})
        expected = sorted((key, plain(value)) for key, value in theirs.items())
        for found in (
            library.load_file(tmp_path / "ours.safetensors"),
            minitorch_bn.load(tmp_path / "theirs.safetensors"),
            minitorch_bn.load(tmp_path / "ours.safetensors"),
        ):
            assert sorted((key, plain(value)) for key, value in found.items()) == expected

    def test_metadata_that_other_readers_ask_for(self, tmp_path):
        safetensors = pytest.importorskip("safetensors")
        minitorch_bn.save({"a": minitorch_bn.ones(2)}, tmp_path / "x.safetensors")
        with safetensors.safe_open(tmp_path / "x.safetensors", "numpy") as file:
            assert file.metadata()["format"] == "pt"

    def test_dtypes_out_of_scope(self, tmp_path):
        library = pytest.importorskip("safetensors.torch")
        library.save_file({"a": torch.ones(2, dtype=torch.uint16)}, tmp_path / "x.safetensors")
        with pytest.raises(RuntimeError, match="the tensor 'a' has the dtype U16, which is out of scope here"):
            minitorch_bn.load(tmp_path / "x.safetensors")
