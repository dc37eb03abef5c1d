"""Contractions against numpy, and their derivatives against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn as torch

EQUATIONS = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,jk": [(2, 3), (3, 4)],
    "ij->ji": [(2, 3)],
    "ij->": [(2, 3)],
    "ii->i": [(3, 3)],
    "iij->j": [(3, 3, 2)],
    "bhid,bhjd->bhij": [(2, 2, 3, 4), (2, 2, 5, 4)],
    "i,j->ji": [(2,), (3,)],
    "ij,ij->": [(2, 3), (2, 3)],
    "...ij,...jk->...ik": [(2, 1, 2, 3), (4, 3, 2)],
    "ij,jk,kl->il": [(2, 3), (3, 4), (4, 2)],
    "ij,ik,il->jkl": [(2, 3), (2, 2), (2, 4)],
    "ij,kl->": [(2, 3), (2, 2)],
    "ij,ij->ij": [(2, 3), (1, 3)],
    "ij,j->i": [(0, 3), (3,)],
    "ij,jk->ki": [(2, 0), (0, 3)],
}


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum_is_numpys(equation, rng):
    arrays = [rng.standard_normal(shape) for shape in EQUATIONS[equation]]
    ours = torch.einsum(equation, *map(torch.from_numpy, arrays)).numpy()
    np.testing.assert_allclose(ours, np.einsum(equation, *arrays), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_gradients(equation, rng):
    inputs = [torch.from_numpy(rng.standard_normal(shape)).requires_grad_() for shape in EQUATIONS[equation]]
    assert torch.autograd.gradcheck(lambda *a: torch.einsum(equation, *a), inputs)
    assert torch.autograd.gradgradcheck(lambda *a: torch.einsum(equation, *a), inputs)


def test_permutations_and_diagonals_are_views():
    x = torch.zeros(3, 3)
    torch.einsum("ij->ji", x)[0, 2] = 5
    torch.einsum("ii->i", x)[1] = 7
    assert x[2, 0] == 5
    assert x[1, 1] == 7


@pytest.mark.parametrize("dims", [0, 1, 2, ([0, 2], [1, 0])])
def test_tensordot_is_numpys(dims, rng):
    a, b = rng.standard_normal((4, 2, 3)), rng.standard_normal((3, 4, 2))
    if dims == 2:
        b = rng.standard_normal((2, 3, 5))
    ours = torch.tensordot(torch.from_numpy(a), torch.from_numpy(b), dims).numpy()
    np.testing.assert_allclose(ours, np.tensordot(a, b, dims), rtol=1e-12, atol=1e-12)


def test_inner_and_kron_are_numpys(rng):
    a, b = rng.standard_normal((2, 3)), rng.standard_normal((4, 3))
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    np.testing.assert_allclose(torch.inner(x, y).numpy(), np.inner(a, b), rtol=1e-12)
    np.testing.assert_allclose(torch.kron(x, y).numpy(), np.kron(a, b), rtol=1e-12)
