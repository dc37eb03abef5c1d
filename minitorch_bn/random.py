"""Random numbers: the Mersenne Twister, and PyTorch's rules for turning its words into numbers.

One seed gives the numbers that PyTorch gives on the CPU. What a draw returns is fixed by how many words it
takes from the engine, in which order, and how each is rounded; every function below states its rule, measured
on PyTorch 2.13.0 (Linux x86-64, AVX2 kernels) and checked bit for bit. The notation is

    r32   the next word of MT19937, 32 bits          u24 = (r32 mod 2**24) * 2**-24, float32
    r64   two words, the high one first              u53 = (r64 mod 2**53) * 2**-53, float64

Draws work on arrays: `uniform_(out, ...)` and its like fill `out` in memory order (largest stride first, so
that `out.T` gets the transpose of what `out` gets) and return it. 16-bit floats are rounded from float32. An
empty `out` draws nothing. `generator=None` is the global `default_generator`. One draw is atomic: threads
that share a generator never see half of it. Errors are PyTorch's, raised before anything is drawn or changed.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import warnings
from typing import TYPE_CHECKING

import numpy as np

from . import _cephes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Any

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]

# ---- the generator ---------------------------------------------------------------------------------

DEFAULT_SEED = 67280421310721  # PyTorch's: a new Generator is not random

_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),  # words until the engine must be turned over, plus one
        ("seeded", "<i4"),
        ("next", "<u8"),  # words taken since it was turned over
        ("words", "<u8", 624),
        ("unused_x", "<f8"),
        ("normal", "<f8"),
        ("unused_rho", "<f8"),
        ("has_normal", "<i4"),
        ("unused_float", "<i4", 3),
    ]
)
"""The layout of a saved state, 5056 bytes: PyTorch's own, so that a state moves between the two."""


_wrap_state: Callable[[np.ndarray], Any] = np.asarray
_unwrap_state: Callable[[Any], Any] = np.asarray


def wrap_states(wrap: Callable[[np.ndarray], Any], unwrap: Callable[[Any], Any]) -> None:
    """What `get_state` hands out, and how `set_state` takes it back: the Tensor floor announces its own here."""
    global _wrap_state, _unwrap_state
    _wrap_state, _unwrap_state = wrap, unwrap


class Generator:
    """A stream of random numbers: an MT19937 engine, one spare normal number, and the seed it began with.

    `Generator()` starts from PyTorch's fixed default seed; `seed()` makes it unpredictable.

    >>> import minitorch_bn as torch
    >>> g = torch.Generator().manual_seed(7)
    >>> g.initial_seed()
    7
    """

    __slots__ = ("_engine", "_lock", "_seed", "_seeder", "_spare_normal")
    device: object = "cpu"  # the Tensor floor puts its device here

    def __init__(self, device: object = "cpu") -> None:
        kind = "cpu" if device is None else str(device).partition(":")[0]
        if kind != "cpu":
            raise RuntimeError(
                f"Cannot get {kind.upper()} generator without ATen_{kind} library. "
                "This package computes on the CPU: use Generator(device='cpu')"
            )
        self._engine: np.random.MT19937 | None = None
        self._lock = threading.RLock()
        self.manual_seed(DEFAULT_SEED)

    def __repr__(self) -> str:
        return f"<torch._C.Generator object at {id(self):#x}>"  # as notebooks print it after manual_seed

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of `seed`, an int in [-2**63, 2**64); negative ones count from 2**64.

        Only the low 32 bits reach the engine: 7 and 2**32 + 7 give the same numbers.
        """
        if isinstance(seed, np.integer):
            raise TypeError("an integer is required: write manual_seed(int(seed)) for a numpy integer")
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -(2**63) <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long")
        with self._lock:
            self._seed = seed % 2**64
            if self._engine is not None:
                self._seeder.seed(self._seed % 2**32)
            self._spare_normal: float | None = None
        return self

    @property
    def _bits(self) -> np.random.MT19937:
        """The engine, made when it is first used: numpy loads numpy.random only then."""
        if self._engine is None:
            self._engine = np.random.MT19937(0)
            self._seeder = np.random.RandomState(self._engine)  # has the seeding of 2002 that PyTorch uses
            self._seeder.seed(self._seed % 2**32)
        return self._engine

    def seed(self) -> int:
        """Seed with 64 bits from the operating system, and return them."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()

    def initial_seed(self) -> int:
        """The seed that this stream began with."""
        return self._seed

    def get_state(self) -> object:
        """A snapshot of the whole generator, 5056 bytes (uint8) in PyTorch's layout."""
        return _wrap_state(self._state_array())

    def set_state(self, new_state: object) -> Generator:
        """Go back to a snapshot made by `get_state`, here or in PyTorch.

        Raises TypeError if it is no uint8 tensor, RuntimeError if its size or content is no generator's.
        """
        self._set_state_array(_unwrap_state(new_state))
        return self

    def clone_state(self) -> Generator:
        """A new generator at the same point of the same stream."""
        clone = type(self)()
        clone._set_state_array(self._state_array())
        return clone

    def __reduce__(self) -> tuple[type[Generator], tuple[()], np.ndarray]:
        return type(self), (), self._state_array()

    def _state_array(self) -> np.ndarray:
        """The state as 5056 bytes."""
        state = np.zeros((), _STATE)
        with self._lock:
            engine = self._bits.state["state"]
            state["seed"], state["seeded"] = self._seed, 1
            if self._spare_normal is not None:
                state["normal"], state["has_normal"] = self._spare_normal, 1
        words, position = engine["key"], engine["pos"]
        # numpy calls a newly seeded engine used up; only then is its first word the seed.
        fresh = position == 624 and words[0] == self._seed % 2**32
        state["words"], state["next"], state["left"] = words, 0 if fresh else position, 625 - position
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def _set_state_array(self, array: object) -> None:
        """Restore what `_state_array` gave."""
        if not isinstance(array, np.ndarray):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(array).__name__}")
        if array.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if array.size != _STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} "
                f"but found the input RNG state size to be {array.size}"
            )
        state = np.frombuffer(array.tobytes(), _STATE)[0]
        left, position = int(state["left"]), int(state["next"])
        if not (state["seeded"] and 1 <= left <= 624 and position <= 624):
            raise RuntimeError("Invalid mt19937 state")
        engine = {"key": state["words"].astype(np.uint32), "pos": 624 if left == 1 else position}
        with self._lock:
            self._bits.state = {"bit_generator": "MT19937", "state": engine}  # type: ignore[typeddict-item]
            self._seed = int(state["seed"])
            self._spare_normal = float(state["normal"]) if state["has_normal"] else None

    __setstate__ = _set_state_array

    def _r32(self, n: int) -> np.ndarray:
        """n words, as uint64."""
        return self._bits.random_raw(n)

    def _r64(self, n: int) -> np.ndarray:
        """n double words."""
        words = self._bits.random_raw(2 * n)
        return (words[0::2] << 32) | words[1::2]

    def _u24(self, n: int) -> np.ndarray:
        """n float32 uniforms in [0, 1)."""
        return (self._r32(n) & 0xFFFFFF).astype(np.float32) * np.float32(2.0**-24)

    def _u53(self, n: int) -> np.ndarray:
        """n float64 uniforms in [0, 1)."""
        return (self._r64(n) & 0x1FFFFFFFFFFFFF) * 2.0**-53


default_generator = Generator()
default_generator.seed()


def manual_seed(seed: object) -> Generator:
    """Seed the global generator with `int(seed)` and return it.

    >>> import minitorch_bn as torch
    >>> torch.manual_seed(0).initial_seed()
    0
    """
    return default_generator.manual_seed(int(seed))  # type: ignore[call-overload]


def seed() -> int:
    """Seed the global generator from the operating system, and return the seed.

    >>> import minitorch_bn as torch
    >>> isinstance(torch.seed(), int)
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the global generator.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(3)
    >>> torch.initial_seed()
    3
    """
    return default_generator.initial_seed()


def get_rng_state() -> object:
    """A snapshot of the global generator, 5056 bytes (uint8).

    >>> import minitorch_bn as torch
    >>> state = torch.get_rng_state(); a = torch.rand(2)
    >>> torch.set_rng_state(state); torch.equal(torch.rand(2), a)
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: object) -> None:
    """Put the global generator back to a snapshot; errors as `Generator.set_state`.

    >>> import minitorch_bn as torch
    >>> state = torch.get_rng_state(); a = torch.rand(2)
    >>> torch.set_rng_state(state); torch.equal(torch.rand(2), a)
    True
    """
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices: Iterable[object] | None = None, enabled: bool = True) -> Iterator[None]:
    """Whatever is drawn or seeded inside, the global generator comes out as it went in.

    `devices` is accepted for PyTorch's sake; `enabled=False` does nothing.

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> with torch.random.fork_rng():
    ...     inside = torch.rand(1)
    >>> torch.equal(torch.rand(1), inside)
    True
    """
    state = default_generator._state_array()
    try:
        yield
    finally:
        if enabled:
            default_generator._set_state_array(state)


# ---- dtypes and layout -----------------------------------------------------------------------------

_NAMES = {  # numpy's name: PyTorch's and C++'s, as they stand in error messages
    "uint8": ("Byte", "unsigned char"),
    "int8": ("Char", "signed char"),
    "int16": ("Short", "short int"),
    "int32": ("Int", "int"),
    "int64": ("Long", "long int"),
    "bool": ("Bool", "bool"),
    "float16": ("Half", "c10::Half"),
    "bfloat16": ("BFloat16", "c10::BFloat16"),
    "float32": ("Float", "float"),
    "float64": ("Double", "double"),
}
_FLOATS = {  # significant bits, largest finite value
    "bfloat16": (8, (2 - 2.0**-7) * 2.0**127),
    "float16": (11, 65504.0),
    "float32": (24, (2 - 2.0**-23) * 2.0**127),
    "float64": (53, (2 - 2.0**-52) * 2.0**1023),
}


def _name(out: np.ndarray) -> str:
    """PyTorch's name of the array's dtype ("Float"), for error messages."""
    return _NAMES.get(out.dtype.name, (out.dtype.name,))[0]


def _cpp_name(out: np.ndarray) -> str:
    """The C++ name of the array's dtype ("float"), for error messages."""
    return _NAMES.get(out.dtype.name, (out.dtype.name,))[-1]


def _need(dtypes: Collection[str], out: np.ndarray, kernel: str) -> None:
    """Refuse a destination that is none of `dtypes` with the text of PyTorch's kernel."""
    if out.dtype.name not in dtypes:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{_name(out)}'")


def _rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`values` in `dtype`; the 16-bit floats by way of float32, as PyTorch converts (two roundings)."""
    if values.dtype == dtype:
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype.name in ("float16", "bfloat16"):
            values = values.astype(np.float32)
        return values.astype(dtype)


def _memory_order(out: np.ndarray) -> list[int]:
    """The axes of `out`, largest stride first."""
    return sorted(range(out.ndim), key=lambda axis: -out.strides[axis])


def _store(out: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Fill `out` with the flat `values` in memory order, and return it."""
    view = out if out.flags.c_contiguous else out.transpose(_memory_order(out))
    view[...] = _rounded(values, out.dtype).reshape(view.shape)
    return out


def _each(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    """The C library's float64 function of every element: numpy's own differ from it in the last bit."""
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def _affine(z: np.ndarray, scale: float, shift: float) -> np.ndarray:
    """`z * scale + shift` in z's dtype, float32 or float64, rounded once."""
    number, fma = z.dtype.type, _cephes.fma64 if z.dtype == np.float64 else _cephes.fma
    with np.errstate(over="ignore", invalid="ignore"):
        return fma(z, number(scale), number(shift))


# ---- continuous distributions ----------------------------------------------------------------------


def uniform_(out: np.ndarray, low: float = 0.0, high: float = 1.0, generator: Generator | None = None) -> np.ndarray:
    """Fill with numbers uniform in [low, high).

    float64: `u53 * (high - low) + low`; other floats: the same with u24 in float32, then rounded. Product and
    sum are rounded once (fma). A result that was rounded up to `high` becomes `low`.

    Raises RuntimeError for bounds out of order or beyond the dtype, NotImplementedError for an integer `out`.
    """
    _check_uniform(out, low, high)
    g = generator or default_generator
    values = g._u53(out.size) if out.dtype == np.float64 else g._u24(out.size)
    if low != 0 or high != 1:
        number = values.dtype.type
        values = _affine(values, number(high) - number(low), low)
    values = _rounded(values, out.dtype)
    values[values == out.dtype.type(high)] = low
    return _store(out, values)


def _check_uniform(out: np.ndarray, low: float, high: float) -> None:
    """PyTorch's complaints about the bounds of a uniform distribution."""
    _need(_FLOATS, out, "check_uniform_bounds")
    largest = _FLOATS[out.dtype.name][1]
    for name, bound in (("from", low), ("to", high)):
        if not -largest <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {_cpp_name(out)}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{_name(out)}>::max(), but found to={high:g} "
            f"and from={low:g} which result in to-from to exceed the limit"
        )


def normal_(out: np.ndarray, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> np.ndarray:
    """Fill with numbers of the normal distribution with `mean` and standard deviation `std`.

    Fewer than 16 numbers, or an `out` that is not contiguous: one at a time, in float64 (`_scalar_normals`).
    Otherwise 16 at a time, in float32 or float64 (`_normal_blocks`). Last, `z * std + mean` rounded once.

    Raises RuntimeError for `std < 0`, NotImplementedError for an integer `out`.
    """
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    _need(_FLOATS, out, "normal_kernel_cpu")
    g = generator or default_generator
    if out.size < 16 or not out.flags.c_contiguous:
        z = _scalar_normals(out.size, g)
    else:
        z = _normal_blocks(out.size, out.dtype, g)
    return _store(out, _affine(z, std, mean))


def _scalar_normals(n: int, g: Generator) -> np.ndarray:
    """n standard normals in float64, in pairs (Box and Muller 1958), with a spare kept for the next call.

    Each pair draws u1 = u53, u2 = u53 and is `r * cos(t), r * sin(t)`, r = sqrt(-2 log(1 - u2)), t = 2 pi u1.
    If the last is one too many, the generator keeps it, whatever else is drawn, for the next call or seed.
    """
    with g._lock:
        z = [] if g._spare_normal is None else [g._spare_normal]
        u = g._u53((n - len(z) + 1) // 2 * 2).tolist()
        for u1, u2 in zip(u[0::2], u[1::2], strict=True):
            r, t = math.sqrt(-2.0 * math.log1p(-u2)), 2.0 * math.pi * u1
            z += (r * math.cos(t), r * math.sin(t))
        g._spare_normal = z.pop() if len(z) > n else None
    return np.array(z, np.float64)


def _normal_blocks(n: int, dtype: np.dtype, g: Generator) -> np.ndarray:
    """n >= 16 standard normals from n uniforms (u24; float64: u53), 16 at a time; no spare is used or left.

    If 16 does not divide n, the LAST 16 are made anew from 16 more uniforms. The uniforms of the incomplete
    block are drawn and dropped, but by the 16-bit floats not even drawn.
    """
    double = dtype == np.float64
    uniform, box_muller = (g._u53, _box_muller64) if double else (g._u24, _box_muller32)
    whole = n - n % 16
    z = np.empty(n, np.float64 if double else np.float32)
    with g._lock:
        u = uniform(n if dtype.itemsize >= 4 else whole)
        last = uniform(16) if whole < n else None
    for start in range(0, whole, _CHUNK):
        stop = min(start + _CHUNK, whole)
        z[start:stop] = box_muller(u[start:stop])
    if last is not None:
        z[n - 16 :] = box_muller(last)
    return z


_CHUNK = 1 << 15  # normals made at a time: the temporaries then stay in the cache


def _box_muller32(u: np.ndarray) -> np.ndarray:
    """Blocks of 16 float32 uniforms to normals: u[j] and u[j + 8] make numbers j and j + 8."""
    u = u.reshape(-1, 16)
    sin, cos = _cephes.sincos(np.float32(2 * math.pi) * u[:, 8:])
    return _polar(np.sqrt(np.float32(-2) * _cephes.log(1 - u[:, :8])), cos, sin)


def _box_muller64(u: np.ndarray) -> np.ndarray:
    """The same in float64, with the C library's functions in place of Cephes's."""
    u = u.reshape(-1, 16)
    t = 2 * math.pi * u[:, 8:]
    return _polar(np.sqrt(-2.0 * _each(math.log, 1 - u[:, :8])), _each(math.cos, t), _each(math.sin, t))


def _polar(r: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """`r cos` beside `r sin`, flat."""
    return np.concatenate((r * cos, r * sin), axis=1).ravel()  # 2 x (blocks, 8) -> (blocks * 16,)


def log_normal_(out: np.ndarray, mean: float = 1.0, std: float = 2.0, generator: Generator | None = None) -> np.ndarray:
    """Fill with exp of normal numbers: float64, one at a time at every size, then rounded."""
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    _need(_FLOATS, out, "log_normal_cpu")
    z = _scalar_normals(out.size, generator or default_generator)
    return _store(out, _each(_exp, _affine(z, std, mean)))


def _exp(x: float) -> float:
    """The C library's exp, infinite where Python's raises."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def exponential_(out: np.ndarray, lambd: float = 1.0, generator: Generator | None = None) -> np.ndarray:
    """Fill with exponential numbers: `(-1 / lambd) * log1p(-u53)` in float64, then rounded."""
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    if out.dtype.name not in _FLOATS:
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {_name(out)}"
        )
    u = (generator or default_generator)._u53(out.size)
    return _store(out, -1.0 / lambd * _each(math.log1p, -u))


def cauchy_(out: np.ndarray, median: float = 0.0, sigma: float = 1.0, generator: Generator | None = None) -> np.ndarray:
    """Fill with Cauchy numbers: `tan(pi * (u53 - 0.5)) * sigma + median` in float64, then rounded."""
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if out.dtype.name not in _FLOATS:
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {_cpp_name(out)}"
        )
    u = (generator or default_generator)._u53(out.size)
    return _store(out, _affine(_each(math.tan, math.pi * (u - 0.5)), sigma, median))


def trunc_normal_(
    out: np.ndarray,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> np.ndarray:
    """Fill with normal numbers that lie within [a, b], by rejection.

    If more than 0.3 of the distribution is within: `normal_`; then, while any number is outside, a whole new
    `normal_` of which only the places of the rejected are used. Otherwise uniform candidates, accepted if
    `log(uniform) <= log(density / peak density)`, again drawn whole and used where still pending.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    if _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std) > 0.3:
        return _reject_normal(out, mean, std, a, b, generator)
    return _reject_uniform(out, mean, std, a, b, generator)


def _normal_cdf(x: float) -> float:
    """The standard normal distribution function."""
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _reject_normal(
    out: np.ndarray, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> np.ndarray:
    """Normal numbers, those outside [a, b] (rounded to the dtype) replaced."""
    low, high = _rounded(np.array([a, b], np.float64), out.dtype)
    normal_(out, mean, std, generator)
    while (outside := (out < low) | (out > high)).any():
        np.copyto(out, normal_(np.empty_like(out), mean, std, generator), where=outside)
    return out


def _reject_uniform(
    out: np.ndarray, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> np.ndarray:
    """Uniform numbers in [a, b), each replaced until one is accepted by the density."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    number, wide = out.dtype.type, np.result_type(out.dtype, np.float32)
    candidates, pending = uniform_(out, a, b, generator), True
    while True:
        z = _rounded((candidates - number(mean)).astype(wide) / std, out.dtype)
        with np.errstate(divide="ignore"):  # log(0)
            log_chance = np.log(uniform_(np.empty_like(out), 0.0, 1.0, generator))
        pending = pending & (log_chance > z * z * number(-0.5) - number(peak))
        if not pending.any():
            return out
        candidates = uniform_(np.empty_like(out), a, b, generator)
        np.copyto(out, candidates, where=pending)


# ---- discrete distributions ------------------------------------------------------------------------


def random_(
    out: np.ndarray, low: int | None = None, high: int | None = None, generator: Generator | None = None
) -> np.ndarray:
    """Fill with integers uniform in [low, high): `low + r32 % range`, r64 from a range of 2**28 on.

    Without `high` up to the dtype's largest integer (2**24 for float32: the last that has all before it);
    without both [0, largest] by r32, for int64 and float64 by r64; `random_(out, -2**63)` is r64 itself.

    Raises RuntimeError for an empty range or bounds beyond the dtype. Warns where a float dtype has gaps.
    """
    g = generator or default_generator
    if low is None and high is None:
        _need(_NAMES, out, "random_kernel_cpu")
        words = g._r64 if out.dtype.itemsize == 8 else g._r32
        return _store(out, (words(out.size) % np.uint64(_largest_integer(out) + 1)).astype(np.int64))
    if high is None and low == -(2**63):
        if out.dtype.name not in ("int64", "bfloat16", "float32", "float64"):
            raise RuntimeError("random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16")
        return _store(out, g._r64(out.size).view(np.int64))
    low, span = _random_range(out, low or 0, high)
    words = g._r32 if span < 2**28 else g._r64
    offset = words(out.size) % np.uint64(span)
    return _store(out, (offset + np.uint64(low % 2**64)).view(np.int64))  # wraps to the signed sum


def _largest_integer(out: np.ndarray) -> int:
    """The largest integer of the dtype; for floats the last before the gaps begin."""
    if out.dtype.name in _FLOATS:
        return 2 ** _FLOATS[out.dtype.name][0]
    return 1 if out.dtype == np.bool_ else int(np.iinfo(out.dtype).max)


def _random_range(out: np.ndarray, low: int, high: int | None) -> tuple[int, int]:
    """First number and number of numbers of `random_`, after PyTorch's checks."""
    if out.dtype.name not in _NAMES:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    if not all(-(2**63) <= bound < 2**63 for bound in (low, high or 0)):
        raise ValueError("Overflow when unpacking long long")
    if high is None:
        last = _largest_integer(out)
        if low > last:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype,"
                f" but got from={low} > to_inc={last}"
            )
        _check_bounds(out, low, last)
        return low, last - low + 1
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    _check_bounds(out, low, high - 1)
    if out.dtype.name in _FLOATS:
        low, high = _step_inside(out.dtype, low, 1), _step_inside(out.dtype, high, -1)
    return low, high - low


def _check_bounds(out: np.ndarray, low: int, last: int) -> None:
    """Refuse bounds that the dtype cannot hold; warn of those where its integers have gaps."""
    smallest, largest = _integer_limits(out)
    for name, bound in (("from", low), ("to - 1", last)):
        if not smallest <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {_cpp_name(out)}")
        digits = _FLOATS.get(out.dtype.name, (63,))[0]
        if abs(bound) > 2**digits and out.dtype != np.int64:
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations "
                f"{_cpp_name(out)} can support discrete uniform distribution only within this range.",
                stacklevel=4,
            )


def _integer_limits(out: np.ndarray) -> tuple[float, float]:
    """Smallest and largest finite value of the dtype."""
    if out.dtype.name in _FLOATS:
        largest = _FLOATS[out.dtype.name][1]
        return -largest, largest
    largest_integer = _largest_integer(out)
    return (0 if out.dtype.kind in "bu" else -largest_integer - 1), largest_integer


def _step_inside(dtype: np.dtype, bound: int, step: int) -> int:
    """PyTorch's repair of a bound whose inner neighbour, a `step` further, rounds to outside."""
    inside = bound + step
    rounded = int(_rounded(np.array(inside, np.int64), dtype))
    if rounded >= bound if step > 0 else rounded < bound:
        return bound
    unit = 1 << max(abs(inside).bit_length() - _FLOATS[dtype.name][0], 0)
    return rounded + step * unit


def randperm(n: int, generator: Generator | None = None) -> np.ndarray:
    """A random permutation of 0..n-1 (int64): for i = 0..n-2 swap numbers i and `i + r32 % (n - i)`."""
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if n >= _RANDPERM_LIMIT:
        raise NotImplementedError(f"randperm(n) for n >= {_RANDPERM_LIMIT}, where PyTorch has another rule")
    draws = max(n - 1, 0)
    words = (generator or default_generator)._r32(draws).astype(np.int64)
    first = np.arange(draws)
    permutation = list(range(n))
    for i, j in enumerate((first + words % (n - first)).tolist()):
        permutation[i], permutation[j] = permutation[j], permutation[i]
    return np.array(permutation, np.int64)


_RANDPERM_LIMIT = (2**32 - 1) // 20


def bernoulli_(out: np.ndarray, p: float | np.ndarray = 0.5, generator: Generator | None = None) -> np.ndarray:
    """Fill with 1 where a uniform number is below `p`, else 0.

    A number `p`: `u53 < p`, two words each. An array `p` (broadcast to `out`): `u53 < p` if float64, else
    `u24 < p`, one word each: `bernoulli_(out, 0.3)` and `bernoulli_(out, np.float32([0.3]))` differ.

    Raises RuntimeError for p outside [0, 1], NotImplementedError for an integer array p.
    """
    g = generator or default_generator
    _need(_NAMES, out, "bernoulli_scalar_cpu_")
    if not isinstance(p, np.ndarray):
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        return _store(out, g._u53(out.size) < p)
    _need(_FLOATS, p, "bernoulli_tensor_cpu_p_")
    if not np.all((p >= 0) & (p <= 1)):
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If "
            "so, please report an enhancement request to PyTorch.)\nGive probabilities in [0, 1]."
        )
    p = np.broadcast_to(p, out.shape).transpose(_memory_order(out)).ravel()
    u = g._u53(out.size) if p.dtype == np.float64 else g._u24(out.size)
    return _store(out, u < p.astype(u.dtype))


def dropout_mask(shape: tuple[int, ...], p: float, generator: Generator | None = None) -> np.ndarray:
    """Which elements dropout keeps (bool): `u53 < 1 - p`, and no draws for p = 0 and p = 1.

    For an input in another memory order, take `bernoulli_(np.empty_like(x, dtype=bool), 1 - p)`.
    """
    if p in (0, 1):
        return np.full(shape, p == 0)
    return bernoulli_(np.empty(shape, np.bool_), 1 - p, generator)


def geometric_(out: np.ndarray, p: float, generator: Generator | None = None) -> np.ndarray:
    """Fill with the number of the first success: `ceil(log(u53) / log1p(-p))` in float64."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    _need(_NAMES.keys() - {"bool"}, out, "geometric_cpu")
    u = (generator or default_generator)._u53(out.size)
    return _store(out, np.ceil(_each(math.log, u) / math.log1p(-p)))


def multinomial(
    weights: np.ndarray, num_samples: int, replacement: bool = False, generator: Generator | None = None
) -> np.ndarray:
    """Indices (int64) drawn with probabilities proportional to `weights`, (C,) -> (k,) or (N, C) -> (N, k).

    Without replacement, and for a single sample: the k largest of `weights / exponential` in falling order
    (a race of exponential waiting times; the order of equals is not PyTorch's). With replacement: each sample
    is one u53 looked up in the row's normalised cumulative sum.

    Raises RuntimeError for integer, negative, infinite or all-zero weights and for more samples than weights.
    """
    _check_multinomial(weights, num_samples, replacement)
    if replacement and num_samples > 1:
        return _look_up(weights, num_samples, generator or default_generator)
    _check_weights(weights)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # float16 rounds exponentials to 0
        scores = weights / exponential_(np.empty_like(weights), 1.0, generator)
    if num_samples == 1:
        return scores.argmax(-1, keepdims=True)
    return np.argsort(-scores, axis=-1, kind="stable")[..., :num_samples]


def _check_multinomial(weights: np.ndarray, num_samples: int, replacement: bool) -> None:
    """PyTorch's complaints about shape, dtype and number of samples."""
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if weights.dtype.name not in _FLOATS:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {_name(weights)}")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if weights.shape[-1] > 2**24:
        raise RuntimeError("number of categories cannot exceed 2^24")


def _check_weights(weights: np.ndarray) -> None:
    """Weights must be finite, not negative, and not all zero."""
    if not np.all((weights >= 0) & np.isfinite(weights)):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not np.all((weights > 0).any(-1)):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


def _look_up(weights: np.ndarray, num_samples: int, g: Generator) -> np.ndarray:
    """Samples with replacement: the first index whose cumulative probability reaches u53, row after row."""
    for failed, what in (
        (~(weights >= 0), "encountering probability entry < 0"),
        (~np.isfinite(weights), "encountering probability entry = infinity or NaN"),
        (~(weights > 0).any(-1), "sum of probabilities <= 0"),
    ):
        if failed.any():
            raise RuntimeError(f"invalid multinomial distribution ({what})")
    cumulative = np.cumsum(weights, axis=-1, dtype=np.result_type(weights.dtype, np.float32))
    cumulative = (cumulative / cumulative[..., -1:]).astype(np.float64)
    cumulative[..., -1] = 1.0
    rows = np.atleast_2d(cumulative)
    u = g._u53(len(rows) * num_samples).reshape(len(rows), num_samples)
    found = [np.searchsorted(row, draws) for row, draws in zip(rows, u, strict=True)]
    return np.array(found, np.int64).reshape(*weights.shape[:-1], num_samples)
