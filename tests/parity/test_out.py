"""``out=``: dtypes that are refused, and with which words; what is resized, and with which warning."""

from __future__ import annotations

import warnings

import pytest

import minitorch_bn as mini

torch = pytest.importorskip("torch", reason="parity needs a real PyTorch")

# A call with ``out``, which has the dtype and shape below.
CALLS = """
torch.addbmm(x, b, b, out=out)
torch.matmul(v, v, out=out)
torch.matmul(b, v, out=out)
torch.matmul(x, x, out=out)
torch.cumsum(x, 0, out=out)
torch.cumsum(x, 0, dtype=torch.float64, out=out)
torch.diag(v, out=out)
torch.diag(x, out=out)
torch.max(x, 1, out=(out, place))
torch.heaviside(v, v, out=out)
torch.float_power(v, v, out=out)
torch.cat([x, x], out=out)
torch.stack([v, v], out=out)
torch.column_stack([v, v], out=out)
torch.bernoulli(v * 0 + 0.5, out=out)
torch.take(v, place, out=out)
torch.bucketize(v, v, out=out)
torch.logsumexp(x, 0, out=out)
torch.logcumsumexp(x, 0, out=out)
torch.lerp(x, x, x, out=out)
torch.inner(v, v, out=out)
torch.inner(x[0, 0], v, out=out)
torch.nanmean(v, out=out)
torch.nonzero(v, as_tuple=True, out=(out, out))
torch.linalg.cross(v, v, out=out)
torch.linalg.det(x, out=out)
torch.linalg.inv(x, out=out)
torch.linalg.matmul(x, x, out=out)
torch.linalg.matrix_norm(x, out=out)
torch.linalg.matrix_power(x, 2, out=out)
torch.linalg.multi_dot([x, x], out=out)
torch.linalg.norm(x, out=out)
torch.linalg.solve(x, v, out=out)
torch.linalg.svdvals(x, out=out)
torch.linalg.vecdot(v, v, out=out)
torch.linalg.vector_norm(v, out=out)
torch.zeros(3, out=out)
torch.ones(2, 2, out=out)
torch.eye(3, out=out)
torch.full((2,), 3.0, out=out)
torch.linspace(0, 1, 4, out=out)
torch.add(v, 1, out=out)
""".strip().splitlines()


def outcome(library, call, dtype, size):
    """Values and warnings, or the error's type and first line."""
    library.manual_seed(0)
    names = {
        "torch": library,
        "x": library.tensor([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]]),
        "v": library.tensor([1.0, 2.0, 3.0]),
        "b": library.ones(3, 3, 3),
        "place": library.tensor([0, 1, 2]),
        "out": library.ones(size, dtype=getattr(library, dtype)),
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(call, names)
        except Exception as error:
            return type(error).__name__, str(error).partition("\n")[0]
    out = names["out"]
    numbers = [round(float(value), 4) for value in out.double().flatten()]
    return tuple(out.shape), numbers, {str(warning.message).partition("\n")[0][:80] for warning in caught}


@pytest.mark.parametrize("size", [(0,), (7,)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
@pytest.mark.parametrize("call", CALLS)
def test_out(call, dtype, size):
    assert outcome(mini, call, dtype, size) == outcome(torch, call, dtype, size)
