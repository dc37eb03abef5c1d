"""DLPack and numpy: the same memory, or a clear refusal."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn as torch


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool])
def test_numpy_reads_and_writes_the_same_memory(dtype):
    t = torch.zeros(2, 3, dtype=dtype)
    view = np.from_dlpack(t)
    assert view.dtype == dtype.numpy
    t[0, 1] = 1
    assert view[0, 1] == 1
    back = torch.from_dlpack(t)
    back[1, 2] = 1
    assert view[1, 2] == 1
    assert t[1, 2] == 1


def test_bfloat16_passes_through():
    t = torch.tensor([1.0, 2.5], dtype=torch.bfloat16)
    same = torch.from_dlpack(t)
    assert same.dtype is torch.bfloat16
    same[0] = 3
    assert t.tolist() == [3, 2.5]
    with pytest.raises((RuntimeError, BufferError), match="dtype"):  # as numpy >= 2.5 says
        np.from_dlpack(t)


def test_read_only_memory_stays_so():
    a = np.arange(3.0)
    a.flags.writeable = False
    for t in (torch.from_dlpack(a), torch.from_numpy(a), torch.asarray(a)):
        with pytest.raises(ValueError, match="read-only"):
            t[0] = 1
        with pytest.raises(ValueError, match="read-only"):
            t.add_(1)
        if np.lib.NumpyVersion(np.__version__) >= "2.1.0":  # older ones export no read-only memory at all
            assert not np.from_dlpack(t).flags.writeable
        t.clone().add_(1)
    assert a.tolist() == [0, 1, 2]


def test_negative_strides_are_refused():
    for share in (torch.from_dlpack, torch.from_numpy, torch.asarray):
        with pytest.raises(ValueError, match="negative"):
            share(np.arange(3.0)[::-1])


def test_copies_only_where_asked():
    a = np.zeros(3)
    shared = (
        torch.from_numpy(a),
        torch.as_tensor(a),
        torch.asarray(a),
        torch.from_dlpack(a),
        torch.asarray(memoryview(a), dtype=torch.float64),
    )
    copies = (
        torch.tensor(a),
        torch.asarray(a, copy=True),
        torch.from_dlpack(a, copy=True),
        torch.asarray(a, dtype=torch.float32),
    )
    a[:] = 7
    assert all(t.tolist() == [7, 7, 7] for t in shared)
    assert all(t.tolist() == [0, 0, 0] for t in copies)
    t = torch.zeros(2)
    assert np.shares_memory(np.asarray(t), t.numpy())
    assert not np.shares_memory(np.array(t), t.numpy())
    assert not np.shares_memory(np.asarray(t, dtype=np.float64), t.numpy())
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.asarray(t, dtype=np.float64, copy=False)
    copied = torch.from_dlpack(t.__dlpack__(copy=True))
    copied += 1
    assert t.tolist() == [0, 0]


def test_an_exporter_of_old_is_understood():
    class Old:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, stream=None):
            return self.array.__dlpack__()

        def __dlpack_device__(self):
            return (1, 0)

    a = np.zeros(2)
    torch.from_dlpack(Old(a)).add_(2)
    assert a.tolist() == [2, 2]


def test_a_tensor_on_another_device_is_refused():
    with pytest.raises(BufferError, match="CPU"):
        torch.ones(1).__dlpack__(dl_device=(2, 0))

    class Elsewhere:
        def __dlpack__(self, **_):
            return np.zeros(2).__dlpack__()

        def __dlpack_device__(self):
            return (2, 0)

    with pytest.raises((BufferError, RuntimeError, ValueError)):
        torch.from_dlpack(Elsewhere())


@pytest.mark.parametrize("kind", ["complex64", "uint16", "uint64"])
def test_dtypes_out_of_scope_are_refused(kind):
    with pytest.raises(TypeError, match=f"can't convert np.ndarray of type numpy.{kind}"):
        torch.from_dlpack(np.zeros(2, kind))


def test_numpy_functions_give_tensors():
    t = torch.tensor([1.0, 4.0])
    assert isinstance(np.sqrt(t), torch.Tensor)
    assert np.sqrt(t).tolist() == [1, 2]
    assert isinstance(np.float64(2) * t, torch.Tensor)
    assert isinstance(np.ones(2) * t, torch.Tensor)
    with pytest.raises(RuntimeError, match=r"^Can't call numpy\(\) on Tensor that requires grad"):
        np.sqrt(t.requires_grad_())
