"""``torch.testing``: the same verdicts, reports and random tensors as PyTorch's, to the letter."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn

torch = pytest.importorskip("torch")

NAN, INF = float("nan"), float("inf")
COMPARISONS = """
T([1.0, 2, 3]), T([1.0, 2, 4])
T([1.0, 2, 3]), T([1.0, 2, 4]), rtol=0, atol=0
T([1.0, 2, 3]), T([1.0, 2, 4]), rtol=0.1, atol=0
T([1.0, 2, 3]), T([1.0, 2, 4]), rtol=0.1
T([1.0, 2, 3]), T([1.0, 2, 4]), atol=0.1
T([1.0, 2, 3]), T([1.0, 2, 4]), rtol=0, atol=1.5
T([[1.0, 2, 3], [1, 2, 3]]), T([[1.0, 2, 3], [0, 9, 3]])
T([1, 2, 3]), T([1, 2, 4])
T([1, 2, 3, 4]), T([1, 2, 3, 9]), rtol=0.1, atol=1
T([200], dtype=t.uint8), T([100], dtype=t.uint8)
T([100], dtype=t.uint8), T([200], dtype=t.uint8)
T([True, False]), T([True, True])
T(1), T(2)
T(1.0), T(2.0)
T(0.1), T(0.3)
T(1.0, dtype=t.float16), T(1.1, dtype=t.float16)
T(True), T(False)
T(1), T(0)
T([1.0]), T([1])
T([1.0]), T([1.0, 2])
T(1.0), T([1.0])
T([1.0]), T([1.0], dtype=t.float64)
T([1.0]), T([1.0], dtype=t.float64), check_dtype=False
T([1.0], dtype=t.float16), T([1.5], dtype=t.float64), check_dtype=False
T([1], dtype=t.int32), T([1.5]), check_dtype=False
T([1, 2], dtype=t.int32), T([1, 3]), check_dtype=False
T([[1.0, 2], [3, 4]]), T([[1.0, 3], [2, 4]]).t()
T([[1.0, 2], [3, 4]]), T([[1.0, 3], [2, 4]]).t(), check_stride=True
T([NAN]), T([NAN])
T([NAN]), T([NAN]), equal_nan=True
T([NAN, 1.0]), T([1.0, 2])
T([INF, 1.0]), T([1.0, 2])
T([-INF, INF]), T([INF, INF])
T([INF]), T([INF])
T([0.0, 1]), T([0.0, 0])
T([1e6]), T([1e6 + 1])
T([]), T([])
t.ones(2, 3), t.ones(3, 2)
t.ones(2, 2, 3), t.ones(2, 2, 3) * 2
T([1.0], dtype=t.float16), T([1.5], dtype=t.float16)
T([1.0], dtype=t.bfloat16), T([1.5], dtype=t.bfloat16)
T([1.0], dtype=t.float64), T([1.0 + 1e-7], dtype=t.float64)
T([1.0], dtype=t.float64), T([1.0 + 3e-7], dtype=t.float64)
T([1.0], requires_grad=True), T([2.0])
t.nn.Parameter(T([1.0])), T([1.0])
t.nn.Parameter(T([1.0])), T([2.0])
t.nn.Parameter(T([1.0])), T([1.0]), allow_subclasses=False
1.0, 1.1
1, 2
1, 2, rtol=0.1, atol=0
1, 1.0
1, 1.5, check_dtype=False
1.0, 1.1, rtol=0, atol=0
0.0, 0.1
1.0, 0.0
1, 0
INF, 1.0
INF, INF
INF, -INF
NAN, NAN
NAN, NAN, equal_nan=True
True, False
True, True
np.float32(1), np.float32(2)
np.float32(1), 1.0
np.float64(1), 2.0
np.array([1.0]), np.array([2.0])
np.array(1.0), np.array(2.0)
np.array([1, "a"]), np.array([1, "a"])
T([1.0]), np.array([1.0])
np.array([1.0]), T([1.0])
T([1.0]), 1.0
1.0, T(1.0)
T([1.0]), [1.0]
"a", "a"
object, object
None, None
None, T(1.0)
T(1.0), None
[T([1.0]), T([2.0])], [T([1.0]), T([3.0])]
[T([1.0])], [T([1.0]), T([3.0])]
[T([5.0]), T([2.0])], [T([1.0]), "a"]
[1.0, 2.0], (1.0, 2.0)
[1, 2.0], [1, 3.0]
[1, [2, 3]], [1, [2]]
[[T([1.0, 2]), T(1.0)]], [[T([1.0, 2]), T(2.0)]]
[[1]], [2]
range(3), [0, 1, 3]
[], []
{"a": T([1.0])}, {"a": T([3.0])}
{"a": T([1.0])}, {"b": T([3.0])}
{"a": [T([1.0])]}, {"a": [T([3.0])]}
{"a": {"b": [1]}}, {"a": {"c": [1]}}
{2: 1, 1: 1}, {2: 2, 1: 2}
T([1.0]), T([2.0]), msg="hi"
T([1.0]), T([2.0]), msg=lambda report: "before\\n" + report
[T([1.0])], [T([2.0])], msg=lambda report: "before\\n" + report
T([1.0]), T([2.0]), msg=3
"""


def said(call, library, name):
    names = {"t": library, "T": library.tensor, "NAN": NAN, "INF": INF, "np": np, name: getattr(library.testing, name)}
    try:
        return repr(eval(f"{name}({call})", names))
    except Exception as error:  # compared with the other library's
        return f"{type(error).__name__}: {error}".replace("minitorch_bn", "torch")


@pytest.mark.parametrize("call", COMPARISONS.strip().splitlines())
def test_assert_close(call):
    assert said(call, minitorch_bn, "assert_close") == said(call, torch, "assert_close")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "uint8"])
def test_reports_on_random_tensors(dtype, rng):
    for _ in range(50):
        shape = tuple(rng.integers(1, 4, rng.integers(0, 4)))
        a = np.asarray(rng.integers(0, 5, shape)).astype(dtype)
        b = np.asarray(a + (rng.random(shape) < 0.4) * rng.integers(1, 4, shape)).astype(dtype)
        reports = []
        for library in (minitorch_bn, torch):
            try:
                library.testing.assert_close(library.from_numpy(a), library.from_numpy(b))
                reports.append(None)
            except AssertionError as error:
                reports.append(str(error))
        assert reports[0] == reports[1]


TENSORS = """
3, dtype=t.float32, device="cpu"
(2, 2), dtype=t.int64, device="cpu"
3, dtype=t.uint8, device="cpu"
5, dtype=t.bool, device="cpu"
3, dtype=t.float64, device="cpu", low=0, high=1
3, dtype=t.float16, device="cpu"
3, dtype=t.bfloat16, device="cpu"
3, dtype=t.int32, device="cpu", low=0, high=100
3, dtype=t.int64, device="cpu", low=0.5, high=3.5
3, dtype=t.bool, device="cpu", low=1, high=2
2, 3, dtype=t.float32, device="cpu", noncontiguous=True
dtype=t.float32, device="cpu"
0, dtype=t.float32, device="cpu"
1, dtype=t.float32, device="cpu", noncontiguous=True
3, dtype=t.float32, device="cpu", requires_grad=True
20, dtype=t.int64, device="cpu", low=-1, high=2, exclude_zero=True
3, dtype=t.float32, device="cpu", low=5, high=3
3, dtype=t.int64, device="cpu", low=5, high=5
3, dtype=t.int64, device="cpu", requires_grad=True
3, dtype=t.float32, device="cpu", low=NAN, high=3
"""


@pytest.mark.parametrize("call", TENSORS.strip().splitlines())
def test_make_tensor(call):
    for library in (minitorch_bn, torch):
        library.manual_seed(3)
    assert said(call, minitorch_bn, "make_tensor") == said(call, torch, "make_tensor")
    assert minitorch_bn.rand(1).item() == torch.rand(1).item()  # as many numbers were drawn
