"""save and load: what goes in comes out, files are whole or not there, and damaged ones are refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import pickletools
import random
import signal
import stat
import subprocess
import sys
import tracemalloc
import zipfile
from collections import Counter, OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch_bn as torch
from minitorch_bn.autograd.variable import Variable
from minitorch_bn.serialization import load, save

try:
    import safetensors
except ImportError:
    safetensors = None

needs_safetensors = pytest.mark.skipif(safetensors is None, reason="needs the extra safetensors")
ENDINGS = [".npz", ".pt", pytest.param(".safetensors", marks=needs_safetensors)]
DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]


STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuJ\x02\0\0\0tQ"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n("


def same(a, b):
    """Equal types, values, dtypes and orders."""
    if isinstance(a, Variable):
        return (
            isinstance(b, Variable)
            and (a.dtype, a.shape) == (b.dtype, b.shape)
            and np.ascontiguousarray(a._data).tobytes() == np.ascontiguousarray(b._data).tobytes()
        )
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        pairs = zip(a.items(), b.items())
        return len(a) == len(b) and all(same(k, m) and same(v, w) for (k, v), (m, w) in pairs) and metadata(a, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or a != a


def metadata(a, b):
    return same(getattr(a, "_metadata", None), getattr(b, "_metadata", None))


def state_dict():
    torch.manual_seed(0)
    state = OrderedDict(
        [("0.weight", torch.randn(3, 2)), ("0.bias", torch.zeros(3)), ("1.num_batches_tracked", torch.tensor(7))]
    )
    state._metadata = OrderedDict([("", {"version": 1}), ("1", {"version": 2})])
    return state


def checkpoint():
    return {
        "model": state_dict(),
        "optimizer": {
            "state": {0: {"step": torch.tensor(3.0), "momentum_buffer": torch.ones(3, 2)}, 1: {"step": 2}},
            "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "nesterov": False, "foreach": None, "params": [0, 1]}],
        },
        "scheduler": {"milestones": Counter({30: 1, 80: 2}), "_last_lr": [0.1]},
        "name": "ünïcode \U0001f600 \x00",
        "shape": torch.Size([2, 3]),
        "dtype": torch.bfloat16,
        "device": torch.device("cpu"),
        "numbers": [
            0,
            -1,
            255,
            65536,
            -(2**31),
            2**31,
            2**63,
            -(2**200),
            0.1,
            -0.0,
            1e-310,
            float("inf"),
            float("nan"),
        ],
        "nested": ([], (), {}, (1,), [[[]]], {(1, "a"): None}, True),
        "set": {1, 2, 3},
    }


def flat():
    return dict(state_dict())


def content(ending):
    return flat() if ending == ".safetensors" else checkpoint()


class TestRoundTrip:
    @pytest.mark.parametrize("ending", [".npz", ".pt", ".pth", ".bin", ""])
    def test_a_checkpoint(self, tmp_path, ending):
        save(checkpoint(), tmp_path / f"c{ending}")
        assert same(checkpoint(), load(str(tmp_path / f"c{ending}")))

    @needs_safetensors
    def test_safetensors(self, tmp_path):
        save(state_dict(), tmp_path / "c.safetensors")
        assert same(dict(sorted(flat().items())), load(tmp_path / "c.safetensors"))

    @pytest.mark.parametrize("ending", ENDINGS)
    @pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
    @pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 0, 3), (3, 1), (2, 3, 4)])
    def test_dtypes_and_shapes(self, tmp_path, ending, dtype, shape, rng):
        if dtype == "bfloat16":
            pytest.importorskip("ml_dtypes")
        dtype = getattr(torch, dtype)
        x = torch.tensor(rng.integers(0, 2, shape) if dtype == torch.bool else rng.normal(0, 50, shape)).to(dtype)
        save({"x": x}, tmp_path / f"x{ending}")
        found = load(tmp_path / f"x{ending}")
        assert same({"x": x}, found)
        found["x"].zero_()  # its memory is its own, and writable

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_memory_layouts(self, tmp_path, ending):
        x = torch.arange(24).reshape(2, 3, 4)
        views = {"t": x.permute(2, 0, 1), "s": x[:, ::2, 1:3], "e": torch.ones(1).expand(3), "big": x[1, 1:2]}
        save(views, tmp_path / f"x{ending}")
        found = load(tmp_path / f"x{ending}")
        assert all(same(views[key], found[key]) and found[key].is_contiguous() for key in views)

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_special_values_bit_for_bit(self, tmp_path, ending):
        bits = np.array([0x7FC00001, 0xFFC00000, 0x80000000, 1, 0x7F800000], np.uint32)
        x = torch.from_numpy(bits.view(np.float32))
        save({"x": x}, tmp_path / f"x{ending}")
        assert same(x, load(tmp_path / f"x{ending}")["x"])

    @pytest.mark.parametrize("ending", [".npz", ".pt"])
    @given(
        value=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.lists(inner, max_size=4).map(tuple)
                | st.dictionaries(st.text() | st.integers() | st.booleans(), inner, max_size=4)
            ),
            max_leaves=20,
        )
    )
    def test_any_plain_value(self, tmp_path_factory, ending, value):
        path = tmp_path_factory.getbasetemp() / f"any{ending}"
        save(value, path)
        assert same(value, load(path))

    @pytest.mark.parametrize("ending", [".npz", ".pt"])
    def test_numpy_numbers_become_python_numbers(self, tmp_path, ending):
        save([np.float64(0.1), np.float32(0.5), np.int64(3), np.bool_(True), np.str_("a")], tmp_path / f"x{ending}")
        assert same([0.1, 0.5, 3, True, "a"], load(tmp_path / f"x{ending}"))

    def test_pt_keeps_ties_and_wishes_for_gradients(self, tmp_path):
        w = torch.ones(2, requires_grad=True)
        save([w, w, torch.ones(2), w * 2], tmp_path / "x.pt")
        a, b, c, computed = load(tmp_path / "x.pt")
        assert a.requires_grad
        assert not c.requires_grad
        assert computed.is_leaf
        assert a.data_ptr() == b.data_ptr() != c.data_ptr()
        with torch.no_grad():
            a.add_(1)
        assert b.tolist() == [2, 2]
        assert b._version == 1

    def test_pt_keeps_parameters(self, tmp_path):
        from minitorch_bn.nn.parameter import Parameter

        save([Parameter(torch.ones(2)), Parameter(torch.ones(2), requires_grad=False)], tmp_path / "x.pt")
        a, b = load(tmp_path / "x.pt")
        assert type(a) is type(b) is Parameter
        assert (a.requires_grad, b.requires_grad) == (True, False)

    def test_npz_gives_plain_tensors(self, tmp_path):
        save(torch.ones(2, requires_grad=True), tmp_path / "x.npz")
        assert not load(tmp_path / "x.npz").requires_grad

    def test_file_objects(self):
        buffer = io.BytesIO(b"before")
        buffer.seek(0, 2)
        save(checkpoint(), buffer)
        buffer.seek(0)
        assert same(checkpoint(), load(buffer))

    @pytest.mark.parametrize("ending", [".npz", ".pt"])  # safetensors shuffles its metadata
    def test_equal_contents_make_equal_files(self, tmp_path, ending):
        for name in "ab":
            save(content(ending), tmp_path / f"{name}{ending}")
        assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()

    def test_numpy_reads_npz(self, tmp_path):
        save(state_dict(), tmp_path / "x.npz")
        with np.load(tmp_path / "x.npz", allow_pickle=False) as archive:
            np.testing.assert_array_equal(archive["0.weight"], state_dict()["0.weight"]._data)

    def test_names_of_npz_entries_do_not_collide(self, tmp_path):
        value = {"a.b": torch.tensor(1), "a": {"b": torch.tensor(2)}, "a/b": torch.tensor(3), "é": torch.tensor(4)}
        value |= {"": torch.tensor(5), "x" * 70000: torch.tensor(6), "é\0": [torch.tensor(7)]}
        save(value, tmp_path / "x.npz")
        assert same(value, load(tmp_path / "x.npz"))

    def test_tensor_data_is_aligned_in_archives(self, tmp_path):
        for ending in (".pt", ".npz"):
            save(state_dict(), tmp_path / f"x{ending}")
            raw = (tmp_path / f"x{ending}").read_bytes()
            for info in zipfile.ZipFile(tmp_path / f"x{ending}").infolist():
                at = info.header_offset
                lengths = np.frombuffer(raw[at + 26 : at + 30], "<u2")
                assert (at + 30 + lengths.sum()) % 64 == 0

    @pytest.mark.parametrize("order", ["little", "big"])
    def test_files_of_the_other_byte_order(self, tmp_path, order):
        data = np.array([1.5, -2], "<f4" if order == "little" else ">f4").tobytes()
        path = program(tmp_path, rebuilt(0, (2,), (1,)), archive__data__0=data, archive__byteorder=order)
        assert load(path).tolist() == [1.5, -2]

    def test_map_location(self, tmp_path):
        save(torch.ones(2), tmp_path / "x.pt")
        for place in ("cpu", torch.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage):
            assert load(tmp_path / "x.pt", map_location=place).tolist() == [1, 1]
        with pytest.raises(RuntimeError, match="CUDA"):
            load(tmp_path / "x.pt", map_location="cuda")


def train(state, steps):
    """Gradient descent with momentum on a line; everything it needs is in the state."""
    generator = torch.Generator()
    generator.set_state(state["rng"])
    w, v = state["w"].clone().requires_grad_(), state["v"].clone()
    for _ in range(steps):
        x = torch.randn(8, generator=generator)
        ((w[0] * x + w[1] - 3 * x + 1) ** 2).mean().backward()
        v = 0.9 * v + w.grad
        with torch.no_grad():
            w -= 0.05 * v
        w.grad = None
    return {"w": w.detach(), "v": v, "rng": generator.get_state(), "epoch": state["epoch"] + steps}


@pytest.mark.parametrize("ending", [".npz", ".pt"])
def test_a_training_run_resumes_with_the_same_numbers(tmp_path, ending):
    start = {"w": torch.zeros(2), "v": torch.zeros(2), "rng": torch.Generator().manual_seed(1).get_state(), "epoch": 0}
    save(train(start, 5), tmp_path / f"c{ending}")
    assert same(train(load(tmp_path / f"c{ending}"), 5), train(start, 10))


@pytest.mark.parametrize("ending", [".npz", ".pt"])
def test_an_optimizer_resumes_with_the_same_numbers(tmp_path, ending):
    def step(w, optimizer, n):
        for _ in range(n):
            optimizer.zero_grad()
            ((w - 3) ** 2).sum().backward()
            optimizer.step()

    w = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.1)
    step(w, optimizer, 3)
    save({"w": w, "optimizer": optimizer.state_dict()}, tmp_path / f"c{ending}")
    step(w, optimizer, 3)

    found = load(tmp_path / f"c{ending}")
    again = found["w"].detach().requires_grad_()
    resumed = torch.optim.Adam([again], lr=9.0)
    resumed.load_state_dict(found["optimizer"])
    step(again, resumed, 3)
    assert same(w, again)


class TestRefusedContents:
    @pytest.mark.parametrize("ending", [".npz", ".pt"])
    @pytest.mark.parametrize(
        "value, text",
        [
            (np.ones(2), "the object['a'][1]: it is a numpy array: save torch.from_numpy"),
            (len, "the object['a'][1]: a builtin_function_or_method is neither"),
            (defaultdict(list), "a defaultdict is neither"),
            (namedtuple("Point", "x")(1), "a Point is neither"),
            (1j, "a complex is neither"),
            (b"bytes", "a bytes is neither"),
        ],
    )
    def test_what_no_file_may_hold(self, tmp_path, ending, value, text):
        save(1, tmp_path / f"x{ending}")
        with pytest.raises(TypeError) as caught:
            save({"a": [0, value]}, tmp_path / f"x{ending}")
        assert text in str(caught.value)
        assert load(tmp_path / f"x{ending}") == 1
        assert len(os.listdir(tmp_path)) == 1

    def test_a_module_is_told_about_its_state_dict(self, tmp_path):
        class Net:
            def state_dict(self): ...

        with pytest.raises(TypeError, match=r"it is a Net: save its state_dict\(\)"):
            save(Net(), tmp_path / "x.pt")

    @pytest.mark.parametrize("ending", [".npz", ".pt"])
    def test_loops_and_depths(self, tmp_path, ending):
        loop = [1]
        loop.append({"a": loop})
        with pytest.raises(ValueError, match=r"cannot save the object\[1\]\['a'\]: it contains itself"):
            save(loop, tmp_path / f"x{ending}")
        deep = []
        for _ in range(5000):
            deep = [deep]
        with pytest.raises(ValueError, match="more than 100 deep"):
            save(deep, tmp_path / f"x{ending}")
        twice = [1]
        save([twice, twice], tmp_path / f"x{ending}")  # no loop

    @needs_safetensors
    @pytest.mark.parametrize("value", [torch.ones(2), {"a": {"b": torch.ones(2)}}, {"a": 1}, {1: torch.ones(2)}])
    def test_safetensors_is_flat(self, tmp_path, value):
        with pytest.raises(TypeError, match=r"holds one flat dict of .*: save nested"):
            save(value, tmp_path / "x.safetensors")

    def test_without_the_extra(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "safetensors", None)
        monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
        with pytest.raises(ImportError, match=r'pip install "minitorch_bn\[safetensors\]"'):
            save({"a": torch.ones(2)}, tmp_path / "x.safetensors")
        (tmp_path / "x.safetensors").write_bytes(b"x")
        with pytest.raises(ImportError, match=r'pip install "minitorch_bn\[safetensors\]"'):
            load(tmp_path / "x.safetensors")

    def test_arguments(self, tmp_path):
        with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object"):
            save(1, 3)
        with pytest.raises(AttributeError, match="'int' object has no attribute 'seek'"):
            load(3)
        with pytest.raises(RuntimeError, match=r"Parent directory .*none does not exist\."):
            save(1, tmp_path / "none" / "x.pt")
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "none.pt")
        with pytest.raises(IsADirectoryError):
            save(1, tmp_path)
        with pytest.raises(NotImplementedError, match=r"before 1\.6"):
            save(1, tmp_path / "x.pt", _use_new_zipfile_serialization=False)


class TestWholeOrNotThere:
    @pytest.mark.parametrize("ending", ENDINGS)
    @pytest.mark.parametrize("call", ["fsync", "replace"])
    def test_an_error_in_the_middle(self, tmp_path, monkeypatch, ending, call):
        path = tmp_path / f"x{ending}"
        save(content(ending), path)
        before = path.read_bytes()

        def full(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space left"):
            save({"x": torch.ones(2)}, path)
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == [path.name]

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
    @pytest.mark.parametrize("ending", ENDINGS)
    @pytest.mark.parametrize("call", ["fsync", "replace"])
    def test_a_killed_process(self, tmp_path, ending, call):
        path = tmp_path / f"x{ending}"
        save(content(ending), path)
        before = path.read_bytes()
        program = (
            "import os, signal, sys\n"
            "import minitorch_bn as torch\n"
            f"os.{call} = lambda *args: os.kill(os.getpid(), signal.SIGKILL)\n"
            "torch.save({'x': torch.zeros(100000)}, sys.argv[1])\n"
        )
        done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=60)
        assert done.returncode == -signal.SIGKILL
        assert path.read_bytes() == before
        assert same(load(path), dict(sorted(flat().items())) if ending == ".safetensors" else checkpoint())

    def test_the_file_is_on_disk_before_it_gets_its_name(self, tmp_path, monkeypatch):
        events = []
        for call in ("fsync", "replace"):
            real = getattr(os, call)
            monkeypatch.setattr(os, call, lambda *args, real=real, call=call: (events.append(call), real(*args))[1])
        save(1, tmp_path / "x.pt")
        assert events[:2] == ["fsync", "replace"]

    @pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
    def test_permissions(self, tmp_path):
        path = tmp_path / "x.pt"
        old = os.umask(0o027)
        try:
            save(1, path)
        finally:
            os.umask(old)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        save(2, path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604

    @pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
    def test_a_read_only_file_is_not_replaced(self, tmp_path, monkeypatch):
        path = tmp_path / "x.pt"
        save(1, path)
        path.chmod(0o444)
        if os.access(path, os.W_OK):
            pytest.skip("the superuser may write to everything")
        with pytest.raises(PermissionError):
            save(2, path)
        assert load(path) == 1

    @pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
    def test_links_are_followed(self, tmp_path):
        (tmp_path / "runs").mkdir()
        (tmp_path / "last.pt").symlink_to(tmp_path / "runs" / "1.pt")
        save(1, tmp_path / "last.pt")  # where it points to does not exist yet
        save(2, tmp_path / "last.pt")
        assert (tmp_path / "last.pt").is_symlink()
        assert load(tmp_path / "runs" / "1.pt") == 2
        assert os.listdir(tmp_path / "runs") == ["1.pt"]

    @pytest.mark.skipif(not os.path.exists("/dev/null"), reason="needs /dev/null")
    def test_a_device_stays_one(self):
        save(checkpoint(), "/dev/null")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def refuses(path):
    """Whether loading raises a documented error that names the file; any other error comes through."""
    try:
        load(path)
    except (RuntimeError, pickle.UnpicklingError) as error:
        return str(path) in str(error)
    return False


def refuses_or_loads(path, expected):
    """Whether the damage did no harm: it was noticed, or lies where nothing is."""
    return refuses(path) or same(load(path), expected)


class TestDamage:
    @pytest.mark.parametrize("ending", ENDINGS)
    def test_cut_off_anywhere(self, tmp_path, ending):
        path = tmp_path / f"x{ending}"
        save(content(ending), path)
        whole = path.read_bytes()
        lengths = {*range(0, len(whole), 13), *range(70), *range(len(whole) - 70, len(whole))}
        for length in sorted(lengths):
            path.write_bytes(whole[:length])
            assert refuses(path), length

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_one_bit_flipped_anywhere(self, tmp_path, ending):
        path = tmp_path / f"x{ending}"
        save(content(ending), path)
        whole, expected = path.read_bytes(), load(path)
        draw = random.Random(0)
        for at in range(0, len(whole), 3):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << draw.randrange(8)
            path.write_bytes(damaged)
            assert refuses_or_loads(path, expected)

    @pytest.mark.parametrize("ending", [".npz", ".pt"])
    def test_many_bytes_replaced(self, tmp_path, ending):
        path = tmp_path / f"x{ending}"
        save(content(ending), path)
        whole, expected = path.read_bytes(), load(path)
        draw = random.Random(1)
        for _ in range(300):
            damaged = bytearray(whole)
            at, length = draw.randrange(len(whole)), draw.randrange(1, 200)
            damaged[at : at + length] = draw.randbytes(min(length, len(whole) - at))
            path.write_bytes(damaged)
            assert refuses_or_loads(path, expected)

    @pytest.mark.parametrize("ending", ENDINGS)
    @pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04" + bytes(100), pickle.dumps([1]), bytes(1000)])
    def test_foreign_files(self, tmp_path, ending, data):
        path = tmp_path / f"x{ending}"
        path.write_bytes(data)
        with pytest.raises(RuntimeError, match=r"x\.\w+ cannot be loaded: .+ Is it damaged, cut off or of another"):
            load(path)

    def test_one_format_under_the_name_of_another(self, tmp_path):
        save(1, tmp_path / "x.npz")
        os.rename(tmp_path / "x.npz", tmp_path / "x.pt")
        with pytest.raises(RuntimeError, match=r"no data\.pkl"):
            load(tmp_path / "x.pt")
        np.savez(tmp_path / "y.npz", a=np.ones(2))
        with pytest.raises(
            RuntimeError, match=r"no structure\.json \(an archive that numpy wrote is read by np.load\)"
        ):
            load(tmp_path / "y.npz")

    def test_compressed_archives_are_refused(self, tmp_path):
        np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(10**6))
        with pytest.raises(RuntimeError, match="an entry is compressed"):
            load(tmp_path / "bomb.npz")


def archive(path, **entries):
    with zipfile.ZipFile(path, "w") as target:
        for name, data in entries.items():
            name = name.replace("__", "/").replace("data_pkl", "data.pkl").replace("structure_json", "structure.json")
            target.writestr(name, data)
    return path


def program(tmp_path, code, **entries):
    return archive(tmp_path / "x.pt", archive__data_pkl=b"\x80\x02" + code + b".", **entries)


def refused(path, text):
    with pytest.raises((RuntimeError, pickle.UnpicklingError)) as caught:
        load(path)
    assert text in str(caught.value)


def rebuilt(offset, size, stride):
    """The instructions for a tensor on a storage of two float32."""

    def number(n):
        return b"\x8a\x10" + n.to_bytes(16, "little", signed=True)

    sizes = b"".join(b"(" + b"".join(map(number, numbers)) + b"t" for numbers in (size, stride))
    return REBUILD + STORAGE + number(offset) + sizes + b"\x89ccollections\nOrderedDict\n)RtR"


class TestHostile:
    """Files made by hand. Every one of them must be refused without a trace."""

    @pytest.mark.parametrize("name", ["os system", "builtins eval", "builtins getattr", "torch load", "numpy ndarray"])
    def test_functions_are_not_fetched(self, tmp_path, name):
        module, function = name.split()
        code = f"c{module}\n{function}\n(X\x04\0\0\0exittR".encode()
        refused(program(tmp_path, code), f"Unsupported global: GLOBAL {module}.{function}")

    @pytest.mark.parametrize("protocol", range(6))
    def test_a_pickle_that_runs_a_command(self, tmp_path, protocol):
        class Evil:
            def __reduce__(self):
                return os.system, (f"touch {tmp_path}/ran",)

        archive(tmp_path / "x.pt", archive__data_pkl=pickle.dumps({"a": [Evil()]}, protocol))
        for weights_only in (None, True, False):
            with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
                load(tmp_path / "x.pt", weights_only=weights_only)
        assert not (tmp_path / "ran").exists()

    def test_instructions_outside_the_list(self, tmp_path):
        from minitorch_bn.serialization.pt import _INSTRUCTIONS

        for opcode in pickletools.opcodes:
            if opcode.name not in _INSTRUCTIONS and opcode.name != "STOP":
                refused(program(tmp_path, opcode.code.encode("latin1") + b"0\n0\n" * 4), "x.pt")

    @pytest.mark.parametrize(
        "code, text",
        [
            (b"ccollections\nOrderedDict\n", "collections.OrderedDict as a value"),
            (b"](ccollections\nOrderedDict\ne", "collections.OrderedDict as a value"),
            (b"ccollections\nOrderedDict\n\x85", "collections.OrderedDict as a value"),
            (STORAGE, "A storage without a tensor"),
            (b"K\x01)R", "A call of what is no function"),
            (b"ctorch\nFloatStorage\n)R", "A call of what is no function"),
            (b"ccollections\nOrderedDict\n)R}X\x05\0\0\0itemsK\x01sb", "State for a OrderedDict"),
            (b"ctorch\nSize\n)R}b", "State for a Size"),
            (b"ctorch\nSize\n}b", "State for a _Global"),
            (b"ctorch\nfloat32\n}b", "State for a dtype"),
            (b"X\x01\0\0\0aQ", "A reference to something else than a storage"),
            (b"}K\x01a", "appends to what is no list"),
            (b"]K\x01K\x01s", "sets items of what is no dictionary"),
            (b"", "cannot be loaded"),
            (b"t", "cannot be loaded"),
            (b"h\x05", "cannot be loaded"),
            (b"NN", "cannot be loaded"),
            (b"NQ", "A reference to something else than a storage"),
            (b"ccollections\nOrderedDict\n(]tR", "makes a OrderedDict of something unusual"),
            (b"ccollections\nCounter\n(X\x01\0\0\0atR", "makes a Counter of something unusual"),
            (b"ctorch\nSize\n(]tR", "makes a Size of something unusual"),
            (REBUILD + b"NNNNNNtR", "makes a tensor of something unusual"),
            (b"ctorch._utils\n_rebuild_parameter\n(NNNtR", "cannot be loaded"),
        ],
    )
    def test_programs(self, tmp_path, code, text):
        refused(program(tmp_path, code, archive__data__0=bytes(8)), text)

    @pytest.mark.parametrize(
        "offset, size, stride",
        [
            (0, (3,), (1,)),
            (2, (1,), (1,)),
            (-1, (1,), (1,)),
            (0, (2,), (-1,)),
            (1, (2,), (-1,)),
            (0, (-1,), (1,)),
            (0, (2, 2), (1,)),
            (0, (2,), (2**62,)),
            (0, (2**62, 2**62), (0, 0)),
            (0, (1,) * 70, (1,) * 70),
        ],
    )
    def test_tensors_that_reach_outside(self, tmp_path, offset, size, stride):
        load(program(tmp_path, rebuilt(0, (2,), (1,)), archive__data__0=bytes(8)))  # this one is fine
        refused(program(tmp_path, rebuilt(offset, size, stride), archive__data__0=bytes(8)), "cannot be loaded")

    def test_an_expanded_tensor_takes_no_memory(self, tmp_path):
        path = program(tmp_path, rebuilt(0, (2**20, 2**10), (0, 0)), archive__data__0=bytes(8))
        tracemalloc.start()
        try:
            x = load(path)
            assert tracemalloc.get_traced_memory()[1] < 2**20
        finally:
            tracemalloc.stop()
        assert x.shape == (2**20, 2**10)
        with pytest.raises(RuntimeError, match="single memory location"):
            x.zero_()

    def test_storages(self, tmp_path):
        refused(program(tmp_path, rebuilt(0, (2,), (1,)), archive__data__0=bytes(7)), "has 7 bytes instead of 8")
        refused(program(tmp_path, rebuilt(0, (2,), (1,))), "no entry archive/data/0")
        other = rebuilt(0, (2,), (1,)).replace(b"FloatStorage", b"IntStorage")
        both = b"(" + rebuilt(0, (2,), (1,)) + other + b"t"
        refused(program(tmp_path, both, archive__data__0=bytes(8)), "used with two dtypes")
        for name in (b"ComplexFloatStorage", b"QUInt8Storage", b"UntypedStorage"):
            code = rebuilt(0, (2,), (1,)).replace(b"FloatStorage", name)
            refused(program(tmp_path, code), f"Unsupported global: GLOBAL torch.{name.decode()}")

    @pytest.mark.parametrize(
        "content",
        [
            b'{"tensor": ["a", "float32", [1000000000000]]}',
            b'{"tensor": ["a", "float32", [-1]]}',
            b'{"tensor": ["a", "float64", [1]]}',
            b'{"tensor": ["b", "float32", [2]]}',
            b'{"tensor": ["a", "complex64", [2]]}',
            b'{"eval": "exit()"}',
            b'{"dict": 3}',
            b'{"Size": ["a"]}',
            b"{}",
            b"[" * 100000,
            b"9" * 10000,
        ],
    )
    def test_npz_structures(self, tmp_path, content):
        entry = io.BytesIO()
        np.save(entry, np.ones(2, np.float32))
        structure = b'{"format": "minitorch_bn checkpoint 1", "content": ' + content + b"}"
        archive(tmp_path / "x.npz", structure_json=structure, **{"a.npy": entry.getvalue()})
        refused(tmp_path / "x.npz", "x.npz cannot be loaded")

    @pytest.mark.parametrize("header", [(10**15,), (2,)])
    def test_npz_headers_are_believed_by_nobody(self, tmp_path, header):
        entry = io.BytesIO()
        np.lib.format.write_array_header_1_0(entry, {"shape": header, "fortran_order": False, "descr": "<f4"})
        content = {"tensor": ["a", "float32", header]}
        structure = json.dumps({"format": "minitorch_bn checkpoint 1", "content": content})
        archive(tmp_path / "x.npz", structure_json=structure, **{"a.npy": entry.getvalue() + bytes(4)})
        tracemalloc.start()
        try:
            refused(tmp_path / "x.npz", "cannot be loaded")
            assert tracemalloc.get_traced_memory()[1] < 2**21
        finally:
            tracemalloc.stop()

    def test_npz_never_unpickles(self, tmp_path):
        entry = io.BytesIO()
        np.save(entry, np.array([{"a": 1}], object), allow_pickle=True)
        structure = b'{"format":"minitorch_bn checkpoint 1","content":{"tensor":["a","float32",[1]]}}'
        archive(tmp_path / "x.npz", structure_json=structure, **{"a.npy": entry.getvalue()})
        refused(tmp_path / "x.npz", "disagree")

    @pytest.mark.parametrize(
        "ending, entry", [(".pt", "archive/data.pkl"), (".npz", "structure.json"), (".npz", ".npy")]
    )
    def test_any_bytes_under_a_right_checksum(self, tmp_path, ending, entry):
        save(checkpoint(), tmp_path / f"x{ending}")
        with zipfile.ZipFile(tmp_path / f"x{ending}") as source:
            whole = {name: source.read(name) for name in source.namelist()}
        (changed,) = [name for name in whole if name.endswith(entry)][:1]
        draw = random.Random(2)
        for _ in range(300):
            damaged = bytearray(whole[changed])
            for _ in range(draw.choice([1, 1, 2, 8])):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            path = archive(tmp_path / f"y{ending}", **{**whole, changed: bytes(damaged)})
            try:
                load(path)
            except (RuntimeError, pickle.UnpicklingError):
                pass

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_memory_stays_near_the_size_of_the_file(self, tmp_path, ending):
        path = tmp_path / f"x{ending}"
        save({"x": torch.zeros(500_000)}, path)
        load(path)  # imports
        tracemalloc.start()
        try:
            load(path)
            assert tracemalloc.get_traced_memory()[1] < 4 * path.stat().st_size
        finally:
            tracemalloc.stop()


def test_public_names():
    assert torch.save is save
    assert torch.load is load
