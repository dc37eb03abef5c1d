"""The constructors of old; PyTorch's answers to them are compared in parity/test_legacy.py."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn as torch

TYPES = {
    "Bool": torch.bool, "Byte": torch.uint8, "Char": torch.int8, "Short": torch.int16, "Int": torch.int32,
    "Long": torch.int64, "Half": torch.float16, "BFloat16": torch.bfloat16, "Float": torch.float32,
    "Double": torch.float64,
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_each_type_makes_and_recognises_its_dtype(name):
    kind, dtype = getattr(torch, f"{name}Tensor"), TYPES[name]
    assert kind([0, 1]).dtype is kind(2, 3).dtype is kind().dtype is dtype
    assert kind(2, 3).shape == (2, 3)
    t = torch.ones(2, dtype=dtype)
    assert isinstance(t, kind)
    assert t.type() == f"torch.{name}Tensor"
    assert torch.ones(2).type(kind).dtype is torch.ones(2).type(t.type()).dtype is dtype
    assert not any(isinstance(t, getattr(torch, f"{other}Tensor")) for other in TYPES if other != name)
    assert not isinstance(np.ones(2), kind)


def test_a_tensor_of_another_dtype_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"convert it with .to\(torch.float32\)"):
        torch.FloatTensor(torch.ones(2, dtype=torch.float64))


def test_numbers_need_a_sequence():
    for wrong in (3.0, True, None, {1: 2}):
        with pytest.raises(TypeError, match=r"^new\(\): data must be a sequence \(got "):
            torch.Tensor(wrong)


def test_other_keywords_name_the_forms():
    with pytest.raises(TypeError, match=r"(?s)^new\(\) received an invalid combination .*torch\.tensor\(data, dtype"):
        torch.Tensor([1], dtype=torch.int64)


def test_python_floats_keep_their_precision_in_float64():
    assert torch.tensor(0.1, dtype=torch.float64).item() == 0.1
    assert torch.tensor([0.1], dtype=torch.float64).tolist() == [0.1]
    assert torch.DoubleTensor([0.1]).tolist() == [0.1]
    assert torch.tensor([16777217.0], dtype=torch.int64).tolist() == [16777217]
