"""Random streams beside a real PyTorch: interleaved calls, global and own generators, equal bit for bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from minitorch_bn import random

torch = pytest.importorskip("torch")

try:
    from ml_dtypes import bfloat16
except ImportError:  # the extra `bf16`
    bfloat16 = None

FLOATS = ["float16", "float32", "float64"] + (["bfloat16"] if bfloat16 else [])
INTEGERS = ["uint8", "int8", "int16", "int32", "int64", "bool"]


def numpy_dtype(name: str) -> np.dtype:
    return np.dtype(bfloat16 if name == "bfloat16" else name)


def as_array(t: torch.Tensor) -> np.ndarray:
    return t.view(torch.int16).numpy().view(bfloat16) if t.dtype == torch.bfloat16 else t.numpy()


def as_tensor(a: np.ndarray) -> torch.Tensor:
    if a.dtype.name == "bfloat16":
        return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(a)


def assert_same(actual: np.ndarray, expected: torch.Tensor, what: object) -> None:
    assert actual.shape == tuple(expected.shape), what
    if expected.dtype.is_floating_point and expected.isnan().any():
        np.testing.assert_array_equal(actual, as_array(expected))
    else:
        assert actual.tobytes() == as_array(expected).tobytes(), what


class Pair:
    """A call made on both sides, with generators that belong together."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.ours = [random.default_generator, random.Generator()]
        self.theirs = [torch.default_generator, torch.Generator()]
        self.reseed(0)
        self.reseed(1)

    def reseed(self, which: int) -> None:
        seed = int(self.rng.integers(-(2**63), 2**63))
        self.ours[which].manual_seed(seed)
        self.theirs[which].manual_seed(seed)

    def generators(self) -> tuple[random.Generator | None, torch.Generator | None]:
        if (which := int(self.rng.integers(3))) == 2:
            return None, None
        return self.ours[which], self.theirs[which]

    def dtype(self, names: list[str]) -> str:
        return names[self.rng.integers(len(names))]

    def destination(self, dtype: str) -> tuple[np.ndarray, torch.Tensor]:
        """Zeros of one layout on both sides: contiguous, transposed, sliced, permuted; mostly 0 to 100."""
        n = int(self.rng.integers(101))
        rows, columns = int(self.rng.integers(1, 10)), int(self.rng.integers(1, 10))
        layouts = [
            lambda zeros: zeros((n,)),
            lambda zeros: zeros((n,)),
            lambda zeros: zeros((rows, columns)),
            lambda zeros: zeros((rows, columns)).T,
            lambda zeros: zeros((rows, 2 * columns))[:, ::2],
            lambda zeros: zeros((rows, 3, columns)).swapaxes(0, 1),
            lambda zeros: zeros((2, rows, 1, columns)).swapaxes(1, 3),
            lambda zeros: zeros(()),
        ]
        layout = layouts[self.rng.integers(len(layouts))]
        ours = layout(lambda shape: np.zeros(shape, numpy_dtype(dtype)))
        return ours, layout(lambda shape: torch.zeros(shape, dtype=getattr(torch, dtype)))


def fill(name: str, *arguments: object, dtypes: list[str] = FLOATS):
    """A test of one in-place draw with fixed arguments."""

    def call(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
        g, their_g = pair.generators()
        ours, theirs = pair.destination(pair.dtype(dtypes))
        getattr(random, name)(ours, *arguments, generator=g)
        getattr(theirs, name)(*arguments, generator=their_g)
        return ours, theirs

    return call


def uniform(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
    low, high = sorted(pair.rng.normal(size=2) * 10.0 ** pair.rng.integers(-3, 4))
    return fill("uniform_", low, high)(pair)


def normal(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
    return fill("normal_", float(pair.rng.normal()), float(pair.rng.exponential()))(pair)


def randint(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
    name = pair.dtype(FLOATS + INTEGERS)
    limit = {"uint8": 8, "int8": 7, "int16": 15, "int32": 31, "bool": 1, "float16": 15}.get(name, 63)
    largest = min(2 ** int(pair.rng.integers(1, limit + 1)), 2**63 - 1)
    high = int(pair.rng.integers(1, largest, endpoint=True))
    low = 0 if name in ("uint8", "bool") else -int(pair.rng.integers(high // 2 + 1))
    return fill("random_", low, high, dtypes=[name])(pair)


def random_from(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
    name = pair.dtype(FLOATS + INTEGERS)
    low = int(pair.rng.integers(2)) if name in ("uint8", "bool") else int(pair.rng.integers(-100, 100))
    return fill("random_", low, None, dtypes=[name])(pair)


def bernoulli_array(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
    g, their_g = pair.generators()
    ours, theirs = pair.destination(pair.dtype(FLOATS + INTEGERS))
    shape = [n if pair.rng.integers(4) else 1 for n in ours.shape]
    p = pair.rng.random(shape[::-1]).astype(numpy_dtype(pair.dtype(FLOATS))).T
    random.bernoulli_(ours, p, g)
    return ours, theirs.bernoulli_(as_tensor(p.T).permute(tuple(range(p.ndim))[::-1]), generator=their_g)


def multinomial(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
    g, their_g = pair.generators()
    shape = (int(pair.rng.integers(1, 4)), int(pair.rng.integers(1, 50)))[pair.rng.integers(2) :]
    w = pair.rng.random(shape).astype(pair.dtype(["float32", "float64"]))
    replacement = bool(pair.rng.integers(2))
    k = int(pair.rng.integers(1, 100 if replacement else shape[-1] + 1))
    expected = torch.multinomial(torch.from_numpy(w), k, replacement, generator=their_g)
    return random.multinomial(w, k, replacement, g), expected


def randperm(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
    g, their_g = pair.generators()
    n = int(pair.rng.integers(101))
    return random.randperm(n, g), torch.randperm(n, generator=their_g)


def dropout(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
    n, p = int(pair.rng.integers(101)), float(pair.rng.choice([0.0, 0.1, 0.5, 1.0]))
    return random.dropout_mask((n,), p), torch.nn.functional.dropout(torch.ones(n), p) != 0


def trunc_normal(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
    g, their_g = pair.generators()
    ours, theirs = pair.destination(pair.dtype(FLOATS))
    mean, std = float(pair.rng.normal()), float(pair.rng.exponential())
    a, b = sorted(mean + std * pair.rng.normal(size=2) * 2)
    return random.trunc_normal_(ours, mean, std, a, b, g), torch.nn.init.trunc_normal_(
        theirs, mean, std, a, b, generator=their_g
    )


def state(pair: Pair) -> tuple[np.ndarray, torch.Tensor]:
    """The bytes are equal, and each side goes on from the other's."""
    for ours, theirs in zip(pair.ours, pair.theirs, strict=True):
        saved, their_saved = ours._state_array(), theirs.get_state()
        assert saved.tobytes() == their_saved.numpy().tobytes()
        ours._set_state_array(their_saved.numpy())
        theirs.set_state(torch.from_numpy(saved))
    return ours._state_array(), theirs.get_state()


CALLS = [
    fill("uniform_"),
    uniform,
    fill("normal_"),
    fill("normal_"),
    normal,
    fill("log_normal_", 0.25, 0.75),
    fill("exponential_", 1.5),
    fill("cauchy_", 0.5, 2.0),
    fill("geometric_", 0.3, dtypes=FLOATS + INTEGERS[:5]),
    fill("bernoulli_", 0.3, dtypes=FLOATS + INTEGERS),
    bernoulli_array,
    randint,
    fill("random_", dtypes=FLOATS + INTEGERS),
    random_from,
    fill("random_", -(2**63), None, dtypes=["int64", "float32", "float64"]),
    multinomial,
    randperm,
    dropout,
    trunc_normal,
    state,
    lambda pair: pair.reseed(int(pair.rng.integers(2))),
]


@pytest.fixture
def restored():
    """Both global generators as they were."""
    with torch.random.fork_rng(), random.fork_rng():
        yield


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("seed", range(40))
def test_interleaved_calls(seed: int) -> None:
    pair = Pair(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # both warn of integers that a float dtype skips
        for number in range(50):
            call = pair.rng.integers(len(CALLS))
            if (result := CALLS[call](pair)) is not None:
                assert_same(*result, what=(number, call))
    state(pair)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("n", [1000, 65_551, 200_003])
def test_large(n: int, dtype: str) -> None:
    random.manual_seed(n)
    torch.manual_seed(n)
    theirs = torch.empty(n, dtype=getattr(torch, dtype))
    assert_same(random.normal_(np.empty(n, dtype), -0.7, 1.3), theirs.normal_(-0.7, 1.3), "normal_")
    assert_same(random.uniform_(np.empty(n, dtype), -0.7, 1.3), theirs.uniform_(-0.7, 1.3), "uniform_")
    assert_same(random.randperm(n), torch.randperm(n), "randperm")


nan, inf = float("nan"), float("inf")
REFUSED = [
    ("uniform_", (2, 1), "float32"),
    ("uniform_", (nan, 1), "float32"),
    ("uniform_", (0, inf), "float64"),
    ("uniform_", (0.5, nan), "float16"),
    ("uniform_", (-3e38, 3e38), "float32"),
    ("uniform_", (-1e308, 1e308), "float64"),
    ("uniform_", (-1e5, 1e5), "float16"),
    ("uniform_", (0, 1), "int64"),
    ("uniform_", (0, 1), "bool"),
    ("normal_", (0, -1), "float32"),
    ("normal_", (0, nan), "float64"),
    ("normal_", (0, 1), "uint8"),
    ("normal_", (0, -1), "int64"),
    ("log_normal_", (0, 0), "float32"),
    ("log_normal_", (0, 1), "int32"),
    ("log_normal_", (0, -1), "int32"),
    ("exponential_", (0,), "float32"),
    ("exponential_", (-1.5,), "int64"),
    ("exponential_", (nan,), "float16"),
    ("cauchy_", (0, 0), "float32"),
    ("cauchy_", (0, 1), "int64"),
    ("cauchy_", (0, -1), "int64"),
    ("geometric_", (0,), "float32"),
    ("geometric_", (1,), "int64"),
    ("geometric_", (0.3,), "bool"),
    ("bernoulli_", (1.5,), "float32"),
    ("bernoulli_", (nan,), "float32"),
    ("random_", (3, 3), "int64"),
    ("random_", (5, -3), "float32"),
    ("random_", (0, 300), "uint8"),
    ("random_", (-1, 3), "uint8"),
    ("random_", (-200, None), "int8"),
    ("random_", (-200, 3), "int8"),
    ("random_", (0, 40000), "int16"),
    ("random_", (0, 3), "bool"),
    ("random_", (0, 2**31 + 1), "int32"),
    ("random_", (0, 70000), "float16"),
    ("random_", (-70000, 7), "float16"),
    ("random_", (2**24 + 5, None), "float32"),
    ("random_", (-(2**63), None), "int32"),
    ("random_", (0, 2**63), "int64"),
]


def first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]


@pytest.mark.parametrize(("name", "arguments", "dtype"), REFUSED)
def test_refused_as_pytorch_refuses(name: str, arguments: tuple, dtype: str) -> None:
    assert_refused(name, arguments, dtype, 3)


@pytest.mark.parametrize(("name", "arguments"), [("uniform_", (2, 1)), ("normal_", (0, -1)), ("random_", (3, 3))])
def test_an_empty_destination_is_checked_too(name: str, arguments: tuple) -> None:
    assert_refused(name, arguments, "float32", 0)


def assert_refused(name: str, arguments: tuple, dtype: str, size: int) -> None:
    before = random.default_generator._state_array().tobytes()
    ours = np.ones(size, dtype)
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever PyTorch raises
        getattr(torch.ones(size, dtype=getattr(torch, dtype)), name)(*arguments)
    with pytest.raises(theirs.type) as error:
        getattr(random, name)(ours, *arguments)
    assert first_line(error.value) == first_line(theirs.value)
    assert (ours == 1).all()
    assert random.default_generator._state_array().tobytes() == before


@pytest.mark.parametrize(
    ("weights", "k", "replacement"),
    [
        ([1, 1, 1], 4, False),
        ([1, 1, 1], 0, False),
        ([1, 1, 1], -1, True),
        ([0, 0], 1, False),
        ([0, 0], 1, True),
        ([0, 0], 2, True),
        ([1, -1], 1, False),
        ([1, -1], 2, True),
        ([1, nan], 1, True),
        ([1, nan], 2, True),
        ([1, inf], 2, False),
        ([1, inf], 2, True),
        ([[1, 1], [0, 0]], 1, False),
        ([[1, 1], [0, 0]], 2, True),
        ([[[1.0]]], 1, False),
        (1.0, 1, False),
    ],
)
def test_multinomial_refused_as_pytorch_refuses(weights: list, k: int, replacement: bool) -> None:
    with pytest.raises(RuntimeError) as theirs:
        torch.multinomial(torch.tensor(weights, dtype=torch.float32), k, replacement)
    with pytest.raises(RuntimeError) as error:
        random.multinomial(np.array(weights, np.float32), k, replacement)
    assert first_line(error.value) == first_line(theirs.value)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5, "3", True, None, np.int64(3)])
def test_seed_refused_as_pytorch_refuses(seed: object) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever PyTorch raises
        torch.Generator().manual_seed(seed)
    with pytest.raises(theirs.type) as error:
        random.Generator().manual_seed(seed)
    assert first_line(error.value).startswith(first_line(theirs.value))


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state[:10],
        lambda state: state.astype(np.int8),
        lambda state: np.zeros_like(state),
        lambda state: np.where(np.arange(5056) == 9, 3, state).astype(np.uint8),  # left = 769
        lambda state: np.where(np.arange(5056) == 17, 3, state).astype(np.uint8),  # next = 768
        lambda state: np.where(np.arange(5056) == 12, 0, state).astype(np.uint8),  # not seeded
    ],
)
def test_state_refused_as_pytorch_refuses(damage) -> None:
    g = random.Generator()
    state = damage(g._state_array())
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever PyTorch raises
        torch.Generator().set_state(torch.from_numpy(state))
    with pytest.raises(theirs.type) as error:
        g._set_state_array(state)
    assert first_line(error.value) == first_line(theirs.value)


@pytest.mark.parametrize(("low", "high", "dtype"), [(0, 3000, "float16"), (-3000, 7, "float16"), (0, 2**25, "float32")])
def test_random_warns_of_gaps_as_pytorch(low: int, high: int, dtype: str) -> None:
    with pytest.warns(UserWarning, match="is out of bounds") as theirs:
        torch.empty(1, dtype=getattr(torch, dtype)).random_(low, high)
    with pytest.warns(UserWarning, match="is out of bounds") as ours:
        random.random_(np.empty(1, dtype), low, high)
    assert str(theirs[0].message).startswith(str(ours[0].message))
