"""Functions put together from others, against numpy; methods in place, against the same out of place."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn import _inplace

PAIRS = {
    "rot90": (lambda x: torch.rot90(x, 3, (0, 2)), lambda a: np.rot90(a, 3, (0, 2))),
    "fliplr": (torch.fliplr, np.fliplr),
    "flipud": (torch.flipud, np.flipud),
    "dstack": (lambda x: torch.dstack((x[0], x[1])), lambda a: np.dstack((a[0], a[1]))),
    "tensor_split": (lambda x: torch.tensor_split(x, (1, -1), 2)[1], lambda a: np.array_split(a, (1, -1), 2)[1]),
    "hsplit": (lambda x: torch.hsplit(x, 3)[2], lambda a: np.hsplit(a, 3)[2]),
    "vsplit": (lambda x: torch.vsplit(x, 2)[0], lambda a: np.vsplit(a, 2)[0]),
    "dsplit": (lambda x: torch.dsplit(x, [1])[1], lambda a: np.dsplit(a, [1])[1]),
    "diff": (lambda x: torch.diff(x, 2, 2), lambda a: np.diff(a, 2, 2)),
    "diff, extended": (lambda x: x.diff(dim=0, prepend=x[:1], append=x), lambda a: np.diff(np.r_[a[:1], a, a], axis=0)),
    "dist": (lambda x: torch.dist(x, x[0], 3), lambda a: (np.abs(a - a[0]) ** 3).sum() ** (1 / 3)),
    "trapezoid": (lambda x: torch.trapezoid(x, dx=2.0, dim=1), lambda a: np.trapezoid(a, dx=2.0, axis=1)),
    "vander": (lambda x: torch.vander(x[0, 0], 3), lambda a: np.vander(a[0, 0], 3)),
    "quantile": (lambda x: torch.quantile(x, 0.3, 1), lambda a: np.quantile(a, 0.3, 1)),
    "nanquantile": (lambda x: torch.nanquantile(x, 0.3), lambda a: np.nanquantile(a, 0.3)),
    "nanmean": (lambda x: torch.nanmean(x, (0, 2)), lambda a: np.nanmean(a, (0, 2))),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, 1), lambda a: np.repeat(a, 2, 1)),
    "repeat_interleave, each": (
        lambda x: x.repeat_interleave(torch.tensor([2, 0, 1]), 1),
        lambda a: np.repeat(a, [2, 0, 1], 1),
    ),
    "take_along_dim": (lambda x: x.take_along_dim(x.argsort(2), 2), lambda a: np.sort(a, 2)),
    "matrix_norm": (lambda x: torch.linalg.matrix_norm(x, 1), lambda a: np.linalg.norm(a, 1, (1, 2))),
    "multi_dot": (lambda x: torch.linalg.multi_dot((x[0], x[1].t(), x[0])), lambda a: a[0] @ a[1].T @ a[0]),
    "matrix_power": (
        lambda x: torch.linalg.matrix_power(x[0, :, :3], 5),
        lambda a: np.linalg.matrix_power(a[0, :, :3], 5),
    ),
}


@pytest.mark.parametrize("ours, theirs", PAIRS.values(), ids=PAIRS)
def test_values_and_gradients(ours, theirs, rng):
    a = rng.standard_normal((2, 3, 4))
    x = torch.from_numpy(a).requires_grad_()
    np.testing.assert_allclose(ours(x).detach().numpy(), theirs(a), rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradcheck(ours, (x,))
    assert torch.autograd.gradgradcheck(ours, (x,))


def test_choices():
    assert torch.combinations(torch.arange(3), 2, True).tolist() == [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]]
    assert torch.cartesian_prod(torch.arange(2), torch.arange(2)).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert [t.tolist() for t in torch.unravel_index(torch.tensor([5, 11]), (3, 4))] == [[1, 2], [1, 3]]


# These take tensors of their own shapes: the operator table and the parity tests have them.
OTHERS = """
    addbmm_ addcdiv_ addcmul_ addmm_ addmv_ addr_ baddbmm_ bernoulli_ index_add_ index_copy_ index_fill_ index_put_
    lerp_ masked_fill_ masked_scatter_ put_ scatter_ scatter_add_ scatter_reduce_
"""
TWINS = [n for n in dir(_inplace) if n.endswith("_") and hasattr(torch.Tensor, n[:-1]) and n not in OTHERS.split()]
ARGUMENTS = {
    "add": (2.0,), "sub": (2.0,), "mul": (2.0,), "div": (2.0,), "pow": (2,), "remainder": (2.0,), "fmod": (2.0,),
    "floor_divide": (2.0,), "clamp": (0.2, 0.6), "clamp_min": (0.3,), "clamp_max": (0.6,), "copysign": (-1,),
    "xlogy": (2,), "cumsum": (0,), "cumprod": (1,), "float_power": (2,), "squeeze": (0,), "unsqueeze": (1,),
    "as_strided": ((2, 3), (1, 4)), "transpose": (0, 1), "swapaxes": (0, 1), "swapdims": (0, 1), "polygamma": (1,),
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge"), (0.5,)),
}  # fmt: skip
WITH_ANOTHER = "atan2 hypot heaviside ldexp nextafter logical_and logical_or logical_xor".split()  # noqa: SIM905
WHOLE = "gcd lcm bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift".split()  # noqa: SIM905


@pytest.mark.parametrize("name", TWINS)
def test_in_place_is_out_of_place_written_back(name, rng):
    plain = name[:-1]
    x = torch.from_numpy(rng.uniform(0.1, 0.9, (3, 4)))
    arguments = ARGUMENTS.get(plain, ())
    if plain in WITH_ANOTHER:
        arguments = (torch.from_numpy(rng.uniform(0.1, 0.9, (3, 4))),)
    if plain in (*WHOLE, "bitwise_not"):
        x = torch.from_numpy(rng.integers(1, 9, (3, 4)))
        arguments = (torch.from_numpy(rng.integers(1, 4, (3, 4))),) if plain in WHOLE else ()
    if plain == "acosh":
        x = x + 1
    expected = getattr(x, plain)(*arguments)
    y = x.clone()
    version = y._version
    assert getattr(y, name)(*arguments) is y
    assert y._version > version
    np.testing.assert_array_equal(y.numpy(), expected.numpy().astype(y.numpy().dtype))


def test_a_rule_that_saved_its_input_does_not_find_it_overwritten():
    x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    y = x.clone().atan2_(torch.tensor([1.0, 2.0], dtype=torch.float64))
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx([1 / 1.25, 2 / 8])


def test_a_view_changed_by_a_twin_reaches_its_base():
    x = torch.ones(2, 3, requires_grad=True)
    y = x * 1
    y[0].hypot_(torch.zeros(3))
    y.cumsum_(1)
    y.sum().backward()
    assert x.grad.tolist() == [[3, 2, 1], [3, 2, 1]]


@pytest.mark.parametrize("name", ["t_", "squeeze_", "unsqueeze_", "transpose_"])
def test_another_shape_in_place_goes_on_with_the_history(name):
    arguments = {"unsqueeze_": (0,), "transpose_": (0, 1)}.get(name, ())
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    weights = torch.tensor([[3.0], [4.0]])
    for source in (x * 2, (x * 2)[:, 0:2]):  # a tensor, and a view
        plain = getattr(source, name[:-1])(*arguments)
        assert getattr(source, name)(*arguments) is source
        assert source.tolist() == plain.tolist()
        (gradient,) = torch.autograd.grad((source * weights.reshape(source.shape)).sum(), x)
        assert gradient.tolist() == [[6, 8]]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        getattr(x, name)(*arguments)


def test_a_view_in_another_shape_still_writes_through_to_its_base():
    x = torch.ones(2, 3, requires_grad=True)
    base = x * 1
    row = base[:1]
    row.squeeze_(0).mul_(2)
    assert base.tolist() == [[2, 2, 2], [1, 1, 1]]
    base.sum().backward()
    assert x.grad.tolist() == [[2, 2, 2], [1, 1, 1]]


def test_a_view_of_what_took_another_shape_cannot_go_on():
    base = torch.ones(1, 2, requires_grad=True) * 1
    view = base[0]
    base.t_()
    with pytest.raises(RuntimeError, match="make the view anew"):
        view.mul_(2)
    base.mul_(2)
    with pytest.raises(RuntimeError, match="make the view anew"):
        view + 1


@pytest.mark.parametrize("name", ["complex64", "fft", "sparse_coo_tensor", "compile", "jit", "quantize_per_tensor"])
def test_what_is_out_of_scope_says_so(name):
    with pytest.raises(AttributeError, match="out of scope"):
        getattr(torch, name)


def test_an_unknown_name_does_not_claim_to_be_out_of_scope():
    with pytest.raises(AttributeError, match=r"has no attribute 'frobnicate'$"):
        torch.frobnicate


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("n", [1, 2, 7, 8])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.int32])
def test_sums_and_means_over_a_short_last_dimension(rng, dtype, n, keepdim):
    a = rng.integers(-9, 10, (2, 4500, n))  # small integers, whose sums are exact
    x = torch.tensor(a, dtype=dtype, requires_grad=dtype.is_floating_point)
    total = x.sum(-1, keepdim)
    np.testing.assert_array_equal(total.detach().numpy(), a.sum(-1, keepdims=keepdim))
    assert total.dtype == (dtype if dtype.is_floating_point else torch.int64)
    if dtype.is_floating_point:
        mean = x.mean(-1, keepdim)
        np.testing.assert_array_equal(
            mean.detach().numpy(), a.mean(-1, keepdims=keepdim).astype(mean.detach().numpy().dtype)
        )
        assert mean.dtype == dtype
        (total.sum() * 2).backward()
        np.testing.assert_array_equal(x.grad.numpy(), np.full(a.shape, 2))
