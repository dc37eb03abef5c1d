"""The random streams on arrays against PyTorch's golden numbers, and what the generator promises."""

from __future__ import annotations

import copy
import math
import pickle
import re
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from golden_sequences import CASES, EXPECTED, assert_equal, evaluate

from minitorch_bn import _cephes, random

try:
    from ml_dtypes import bfloat16
except ImportError:  # the extra `bf16`
    bfloat16 = None

# ---- PyTorch's names on arrays ---------------------------------------------------------------------


class Array(np.ndarray):
    """A numpy array with the few methods of a Tensor that the sequences call."""

    def t(self):
        return self.transpose()

    def permute(self, *axes):
        return self.transpose(axes)

    def double(self):
        return self.astype(np.float64)

    def half(self):
        return self.astype(np.float16)

    def bfloat16(self):
        return self.astype(bfloat16)

    def to(self, memory_format):
        assert memory_format == "channels_last"
        return self.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)

    def eq(self, other):
        return self == other

    def count_nonzero(self):
        return np.count_nonzero(self)

    def uniform_(self, *args):
        return random.uniform_(self, *args)

    def normal_(self, *args):
        return random.normal_(self, *args)

    def log_normal_(self, *args):
        return random.log_normal_(self, *args)

    def exponential_(self, *args):
        return random.exponential_(self, *args)

    def cauchy_(self, *args):
        return random.cauchy_(self, *args)

    def geometric_(self, *args):
        return random.geometric_(self, *args)

    def bernoulli_(self, *args):
        return random.bernoulli_(self, *args)

    def random_(self, *args):
        return random.random_(self, *(0, *args) if len(args) == 1 else args)


def empty(*size, dtype=np.float32):
    return np.empty(size[0] if size and isinstance(size[0], tuple) else size, dtype).view(Array)


def empty_like(x, dtype=None):
    return np.empty_like(x, dtype=dtype)  # keeps the memory order, as PyTorch


def ones(*size, dtype=np.float32):
    return np.ones(size, dtype).view(Array)


def tensor(data):
    return np.array(data, np.float32).view(Array)


def arange(*args, dtype=np.int64):
    return np.arange(*args, dtype=dtype).view(Array)


def randint(*args, dtype=np.int64, generator=None):
    *bounds, size = args
    return random.random_(empty(size, dtype=dtype), *(bounds if len(bounds) > 1 else (0, *bounds)), generator)


def randint_like(x, *bounds):
    return random.random_(empty_like(x), *(bounds if len(bounds) > 1 else (0, *bounds)))


def randn(*size, dtype=np.float32, generator=None):
    return random.normal_(empty(*size, dtype=dtype), 0.0, 1.0, generator)


def normal(mean, std, size=None):
    if size is not None:
        return random.normal_(empty(size), mean, std)
    if isinstance(std, np.ndarray):
        return randn(*np.broadcast_shapes(np.shape(mean), std.shape)) * std + np.float32(mean)
    return random.normal_(empty_like(mean), 0.0, std) + mean


def dropout(x, p, training=True):
    if not training or p == 0 or x.size == 0:
        return x
    if p == 1:
        return x * x.dtype.type(0)
    keep = random.bernoulli_(empty_like(x, dtype=bool), 1 - p)
    return x * (keep / x.dtype.type(1 - p)).astype(x.dtype)


def rand(*size, dtype=np.float32, generator=None):
    return random.uniform_(empty(*size, dtype=dtype), 0.0, 1.0, generator)


DTYPES = ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64")
ARRAYS = {name: getattr(np, name) for name in DTYPES}
ARRAYS |= {name: getattr(random, name) for name in random.__all__}
ARRAYS |= {
    "bool": np.bool_,
    "bfloat16": bfloat16,
    "channels_last": "channels_last",
    "empty": empty,
    "ones": ones,
    "zeros": lambda *size: ones(*size) * np.float32(0),
    "tensor": tensor,
    "arange": arange,
    "rand": rand,
    "rand_like": lambda x: random.uniform_(empty_like(x)),
    "randn": randn,
    "randn_like": lambda x, dtype=None: random.normal_(empty_like(x, dtype=dtype)),
    "randint": randint,
    "randint_like": randint_like,
    "randperm": lambda n, dtype=np.int64, generator=None: random.randperm(n, generator).astype(dtype),
    "normal": normal,
    "bernoulli": lambda x, p=None: random.bernoulli_(empty_like(x), x if p is None else p),
    "multinomial": random.multinomial,
    "F": SimpleNamespace(dropout=dropout),
    "init": SimpleNamespace(uniform_=random.uniform_, normal_=random.normal_, trunc_normal_=random.trunc_normal_),
}

# What arrays alone cannot say; a case runs up to its first statement with one of these.
UNCOVERED = re.compile(
    r"nn\.|init\.(xavier|kaiming|orthogonal|sparse)|DataLoader|random_split|Sampler|distributions\."
    r"|dropout\dd|alpha_dropout|poisson|complex64"
)
# Cases that are cut short, by group: outputs compared, of how many.
CUT_SHORT = {
    "module": (0, 208),
    "data": (0, 96),
    "distributions": (0, 14),
    "init": (24, 63),  # bounds are nn.init's business: only uniform_, normal_, trunc_normal_
    "dropout": (12, 36),  # F.dropout only
    "other": (6, 14),  # until poisson
    "randn": (0, 2),  # complex64
}
COMPARED = (1228, len(EXPECTED))


def covered(case: dict) -> tuple[list[str], list[dict]]:
    """The statements of a case up to the first that arrays cannot say, and the outputs that these have."""
    statements = case["seq"].split("; ")
    cut = next((n for n, statement in enumerate(statements) if UNCOVERED.search(statement)), len(statements))
    return statements[:cut], [out for out in case["out"] if out["stmt"] < cut]


@pytest.mark.parametrize("case", CASES, ids=[f"{case['id']}-{case['group']}" for case in CASES])
def test_golden_sequence(case: dict) -> None:
    if "bfloat16" in case["seq"] and bfloat16 is None:
        pytest.skip("bfloat16 arrays need ml_dtypes")
    statements, outputs = covered(case)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "to - 1 is out of bounds", UserWarning)  # randint(1000), bfloat16
        results = list(evaluate(statements, ARRAYS))
    for (statement, item, value), out in zip(results, outputs, strict=True):
        assert (statement, item) == (out["stmt"], out.get("item"))
        assert_equal(value, EXPECTED[out["key"]], out["dtype"], out["class"])


def test_which_golden_outputs_are_compared() -> None:
    compared, cut_short = 0, {}
    for case in CASES:
        _, outputs = covered(case)
        compared += len(outputs)
        if len(outputs) < len(case["out"]):
            some, of = cut_short.get(case["group"], (0, 0))
            cut_short[case["group"]] = (some + len(outputs), of + len(case["out"]))
    assert cut_short == CUT_SHORT
    assert (compared, len(EXPECTED)) == COMPARED


# ---- the generator ---------------------------------------------------------------------------------


def draws(g: random.Generator | None, n: int = 5) -> bytes:
    """Uniform and normal numbers, an odd number of these, so that one stays in the generator."""
    parts = random.uniform_(np.empty(n), 0, 1, g), random.normal_(np.empty(3), 0, 1, g)
    return b"".join(part.tobytes() for part in parts)


@pytest.mark.parametrize(
    "clone", [random.Generator.clone_state, copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))]
)
def test_copies_go_on_alike_and_apart(clone) -> None:
    g = random.Generator().manual_seed(-3)
    draws(g)
    twin = clone(g)
    assert twin.initial_seed() == g.initial_seed() == 2**64 - 3
    expected = draws(g)
    assert draws(twin) == expected


@pytest.mark.parametrize("used", [0, 1, 311, 312, 313, 1000])
def test_state_brings_everything_back(used: int) -> None:
    g = random.Generator().manual_seed(11)
    random.uniform_(np.empty(used), 0, 1, g)
    random.normal_(np.empty(1), 0, 1, g)
    state = g.get_state()
    assert (repr(state.dtype), state.shape) == ("torch.uint8", (5056,))
    expected = draws(g)
    g.manual_seed(5)
    g.set_state(state)
    assert g.initial_seed() == 11
    assert draws(g) == expected


def test_new_generator_has_pytorchs_fixed_seed() -> None:
    assert random.Generator().initial_seed() == 67280421310721
    assert draws(random.Generator(device="cpu")) == draws(random.Generator(None))


def test_seed_is_unpredictable() -> None:
    g = random.Generator()
    seeds = {g.seed() for _ in range(4)}
    assert len(seeds) == 4
    assert g.initial_seed() in seeds


@pytest.mark.parametrize(("seed", "expected"), [(1.7, 1), ("3", 3), (np.int64(5), 5), (True, 1), (-1, 2**64 - 1)])
def test_global_seed_takes_what_int_takes(seed: object, expected: int) -> None:
    with random.fork_rng():
        assert random.manual_seed(seed) is random.default_generator
        assert random.initial_seed() == expected


def test_other_devices_are_refused() -> None:
    with pytest.raises(RuntimeError, match="Cannot get CUDA generator without ATen_cuda library"):
        random.Generator(device="cuda:0")


def test_fork_rng_restores_after_an_error() -> None:
    random.manual_seed(1)
    draws(None)
    before = random.get_rng_state().numpy().tobytes()
    with pytest.raises(ZeroDivisionError), random.fork_rng():
        random.seed()
        1 / 0
    assert random.get_rng_state().numpy().tobytes() == before
    with random.fork_rng(enabled=False):
        draws(None)
    assert random.get_rng_state().numpy().tobytes() != before


def test_state_hooks_translate_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "_wrap_state", lambda array: ("wrapped", array))
    monkeypatch.setattr(random, "_unwrap_state", lambda pair: pair[1])
    g = random.Generator()
    state = g.get_state()
    assert state[0] == "wrapped"
    expected = draws(g)
    g.set_state(state)
    assert draws(g) == expected


def test_own_and_global_generator_leave_each_other_alone() -> None:
    g = random.Generator()
    before = random.get_rng_state().numpy().tobytes(), g._state_array().tobytes()
    draws(g)
    assert random.get_rng_state().numpy().tobytes() == before[0]
    g.manual_seed(g.initial_seed())
    draws(None)
    assert g._state_array().tobytes() == before[1]


def test_threads_share_a_generator_without_tearing_a_draw() -> None:
    """Draws of two normals use whole pairs, so these are the pairs of one thread in some order."""
    g = random.Generator().manual_seed(3)
    expected = random.normal_(np.empty((8 * 200, 4))[:, ::2], 0, 1, g)  # not contiguous: one by one
    g.manual_seed(3)
    found: list[np.ndarray] = []

    def work() -> None:
        found.extend(random.normal_(np.empty(2), 0, 1, g) for _ in range(200))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(tuple, found)) == sorted(map(tuple, expected))


# ---- draws on arrays -------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [random.uniform_, random.exponential_, random.bernoulli_, random.random_])
def test_memory_is_filled_in_order(draw) -> None:
    flat = draw(np.zeros(24, np.float32), generator=random.Generator())
    cube = np.zeros((4, 3, 2), np.float32)
    for axes in [(0, 1, 2), (2, 1, 0), (1, 2, 0)]:
        draw(cube.transpose(axes), generator=random.Generator())
        np.testing.assert_array_equal(cube.ravel(), flat)


def test_draws_return_and_fill_their_destination() -> None:
    out = np.zeros((3, 4), np.float32)
    for draw in (
        random.uniform_,
        random.normal_,
        random.log_normal_,
        random.exponential_,
        random.trunc_normal_,
    ):
        assert draw(out) is out
        assert (out != 0).all()


def test_uniform_never_reaches_its_upper_bound() -> None:
    out = random.uniform_(np.empty(200_000, np.float16), 0.0, 1.0, random.Generator())  # rounds to 1 about 50 times
    assert out.max() < 1


def test_dropout_mask_keeps_its_share_and_draws_nothing_when_it_need_not() -> None:
    g = random.Generator()
    mask = random.dropout_mask((100, 100), 0.2, g)
    assert mask.dtype == bool
    assert abs(mask.mean() - 0.8) < 4 * math.sqrt(0.8 * 0.2 / 10_000)
    before = g._state_array().tobytes()
    assert random.dropout_mask((5,), 0.0, g).all()
    assert not random.dropout_mask((5,), 1.0, g).any()
    assert g._state_array().tobytes() == before


def test_randperm_of_a_length_that_follows_another_rule_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="n >= 214748364"):
        random.randperm(214_748_364)
    with pytest.raises(RuntimeError, match=r"Trying to create tensor with negative dimension -1: \[-1\]"):
        random.randperm(-1)


def test_bernoulli_refuses_bad_arrays_before_it_draws() -> None:
    g = random.Generator()
    before = g._state_array().tobytes()
    for p in ([0.5, 1.5], [0.5, math.nan]):
        with pytest.raises(RuntimeError, match="Expected p_in >= 0 && p_in <= 1 to be true, but got false"):
            random.bernoulli_(np.empty(2), np.array(p), g)
    with pytest.raises(NotImplementedError, match="\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'"):
        random.bernoulli_(np.empty(2), np.array([0, 1]), g)
    assert g._state_array().tobytes() == before


def test_trunc_normal_warns_where_nothing_is() -> None:
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        out = random.trunc_normal_(np.empty(50), 0.0, 1.0, 5.0, 6.0)
    assert ((out >= 5) & (out <= 6)).all()


def test_fused_multiply_add_rounds_once(rng: np.random.Generator) -> None:
    """Against exact rational arithmetic."""
    from fractions import Fraction

    a = rng.random(300)
    for b, c in rng.normal(size=(20, 2)):
        exact = [float(Fraction(x) * Fraction(b) + Fraction(c)) for x in a.tolist()]
        np.testing.assert_array_equal(_cephes.fma64(a, b, c), exact)


def test_cephes_functions_are_accurate() -> None:
    """Within 2 ulp of float64 over the range that Box-Muller uses."""
    u = np.linspace(2.0**-24, 1, 100_001, dtype=np.float32)
    np.testing.assert_allclose(_cephes.log(u), np.log(u.astype(np.float64)), rtol=2.0**-22, atol=0)
    t = np.float32(2 * math.pi) * u
    for found, exact in zip(_cephes.sincos(t), (np.sin, np.cos), strict=True):
        np.testing.assert_allclose(found, exact(t.astype(np.float64)), rtol=0, atol=2.0**-23)
