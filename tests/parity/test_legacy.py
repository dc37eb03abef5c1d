"""The constructors of old and ``type()``, in both libraries."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn

torch = pytest.importorskip("torch")

CALLS = """
t.FloatTensor()
t.FloatTensor(2, 3).shape
t.FloatTensor([1, 2, 3])
t.FloatTensor([[1, 2], [3, 4]])
t.FloatTensor((1, 2))
t.FloatTensor(np.ones(3))
t.FloatTensor(t.ones(2))
t.FloatTensor(3.0)
t.FloatTensor(None)
t.FloatTensor("a")
t.FloatTensor(t.Size([2, 3])).shape
t.FloatTensor([[1], [2, 3]])
t.FloatTensor(-1)
t.FloatTensor(2, 3.0)
t.FloatTensor([True])
t.FloatTensor([t.tensor(3.0), t.tensor(4.0)])
t.LongTensor([1, 2])
t.LongTensor([1.5, 2])
t.LongTensor(np.array([1.0, 2]))
t.LongTensor(3).dtype
t.BoolTensor([0, 1])
t.ByteTensor([1, 255])
t.ByteTensor([-1])
t.IntTensor([1])
t.ShortTensor([1])
t.CharTensor([1])
t.HalfTensor([1])
t.BFloat16Tensor([1])
t.DoubleTensor([1, 2.5])
t.Tensor()
t.Tensor(2, 3).shape
t.Tensor([1, 2])
t.Tensor((2, 3))
t.Tensor(range(3))
t.Tensor(np.ones((2, 2)))
t.Tensor(np.array([1, 2]))
t.Tensor(np.array(3.0))
t.Tensor(np.int64(2)).shape
t.Tensor(t.ones(2))
t.Tensor(t.ones(2).double())
t.Tensor(t.tensor(3))
t.Tensor(t.Size([0, 3]))
t.Tensor(data=[1])
t.Tensor(device="cpu")
t.Tensor(0, device="cpu")
t.Tensor(3.0)
t.Tensor(None)
t.Tensor(True)
t.Tensor("a")
t.Tensor(np.float32(2))
t.Tensor({1: 2})
t.Tensor({1, 2})
t.Tensor(2, "a")
t.Tensor(-1)
t.Tensor([1], [2])
t.Tensor([1], dtype=t.int64)
t.Tensor([1], requires_grad=True)
t.Tensor(dtype=t.float32)
isinstance(t.ones(2), t.FloatTensor)
isinstance(t.ones(2), t.DoubleTensor)
isinstance(t.ones(2).long(), t.LongTensor)
isinstance(t.nn.Parameter(t.ones(2)), t.FloatTensor)
isinstance(3, t.FloatTensor)
issubclass(t.FloatTensor, t.Tensor)
t.FloatTensor
type(t.FloatTensor).__name__
t.FloatTensor.dtype, t.FloatTensor.is_cuda
t.ones(2).type()
t.ones(2).long().type(), t.ones(2).bool().type(), t.ones(2).bfloat16().type()
t.ones(2).type(t.DoubleTensor)
t.ones(2).type("torch.LongTensor")
t.ones(2).type(t.int8)
t.ones(2).type(t.Tensor)
t.ones(2).type(dtype=t.int32)
t.ones(2).type("torch.FooTensor")
t.ones(2).type("FloatTensor")
t.ones(2).type(3)
t.ones(2).type(float)
t.ones(2).cuda()
t.ones(2, device="cuda")
t.ones(2).to("cuda:0")
t.ones(2).to("nowhere")
t.ones(2).to("no where")
t.ones(2).to(0)
t.device("cuda"), t.device("cuda:1"), t.device("mps"), t.device("cpu", 1), t.device("cpu:0").index
t.device("cuda") == t.device("cuda:0"), t.device("cpu") == t.device("cpu")
type(t.ones(1)), type(t.float32), type(t.Size()), type(t.device("cpu"))
"""


@pytest.mark.parametrize("call", CALLS.strip().splitlines())
def test_call(call):
    def said(library):
        try:
            return repr(eval(call, {"t": library, "np": np}))
        except Exception as error:  # compared with the other library's
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"

    assert said(minitorch_bn).replace("minitorch_bn", "torch") == said(torch)


@pytest.mark.parametrize("make", ["Tensor", "FloatTensor"])
def test_memory_is_shared_with_tensors_and_arrays(make):
    for library in (minitorch_bn, torch):
        t, a = library.zeros(2), np.zeros(2, np.float32)
        getattr(library, make)(t)[0] = 5
        getattr(library, make)(a)[0] = 5
        assert t.tolist() == a.tolist() == [5, 0]


def test_default_tensor_type():
    with pytest.warns(UserWarning, match="deprecated"):
        minitorch_bn.set_default_tensor_type(minitorch_bn.DoubleTensor)
    assert minitorch_bn.Tensor([1]).dtype is minitorch_bn.float64
    with pytest.warns(UserWarning, match="deprecated"):
        minitorch_bn.set_default_tensor_type("torch.FloatTensor")
    assert minitorch_bn.tensor(1.0).dtype is minitorch_bn.float32
