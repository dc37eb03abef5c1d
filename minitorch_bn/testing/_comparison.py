"""``assert_close``: two values are nearly equal, or a report says where and by how much they are not."""

from __future__ import annotations

import cmath
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

import minitorch_bn.dtypes as dt
from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd.grad_mode import no_grad
from minitorch_bn.creation import as_tensor

if TYPE_CHECKING:
    from collections.abc import Callable

# A dtype's default (rtol, atol); integers and bool are compared exactly.
_TOLERANCES = {
    dt.float16: (1e-3, 1e-5),
    dt.bfloat16: (1.6e-2, 1e-5),
    dt.float32: (1.3e-6, 1e-5),
    dt.float64: (1e-7, 1e-7),
}
_NUMBERS = (bool, int, float, np.number, np.bool_)


class _Options(SimpleNamespace):
    """What ``assert_close`` was asked for."""

    def tolerances(self, *dtypes: dt.dtype) -> tuple[float, float]:
        """(rtol, atol): those asked for, or the widest default of the dtypes."""
        if self.rtol is not None:
            return self.rtol, self.atol
        defaults = [_TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in dtypes]
        return max(rtol for rtol, _ in defaults), max(atol for _, atol in defaults)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Asserts that ``|actual - expected| <= atol + rtol * |expected|`` everywhere.

    Tensors, arrays and numbers are compared, and sequences and mappings of them item by item. Without ``rtol`` and
    ``atol`` the dtype decides (float32: 1.3e-6 and 1e-5; whole numbers must be equal); infinities equal themselves,
    NaN only with ``equal_nan``. ``msg`` replaces the report, or is called with it and returns another.

    Raises:
        AssertionError: the values, shapes, dtypes, strides (``check_stride``) or structures differ.
        ValueError: only one of ``rtol`` and ``atol`` was given.
        TypeError: the two cannot be compared.

    >>> import minitorch_bn as torch
    >>> torch.testing.assert_close(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 4.0]))
    Traceback (most recent call last):
    AssertionError: Tensor-likes are not close!
    <BLANKLINE>
    Mismatched elements: 1 / 3 (33.3%)
    Greatest absolute difference: 1.0 at index (2,) (up to 1e-05 allowed)
    Greatest relative difference: 0.25 at index (2,) (up to 1.3e-06 allowed)
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    options = _Options(
        allow_subclasses=allow_subclasses,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=check_device,
        check_dtype=check_dtype,
        check_layout=check_layout,
        check_stride=check_stride,
    )
    # The structure as a whole comes first: what cannot be compared at all is said before any value is.
    pairs, report = [], None
    try:
        pairs = list(_pairs(actual, expected, (), options))
    except _Mismatch as mismatch:
        report = str(mismatch)
    for compare, a, b, place in pairs:
        report = compare(a, b, options)
        if report is not None:
            report += _place_text(place)
            break
    if report is not None:
        raise AssertionError(msg(report) if callable(msg) else msg if isinstance(msg, str) else report)


class _Mismatch(Exception):
    """Two structures that are not alike, with the report."""


def _place_text(place: tuple) -> str:
    return f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in place)}" if place else ""


def _pairs(actual: Any, expected: Any, place: tuple, options: _Options) -> Iterator[tuple]:
    """(compare, actual, expected, place) for each pair of values in two structures."""
    both = (actual, expected)
    if _are(both, Sequence) and not any(isinstance(x, str) for x in both):
        if len(actual) != len(expected):
            raise _Mismatch(
                f"The length of the sequences mismatch: {len(actual)} != {len(expected)}{_place_text(place)}"
            )
        for i, (a, b) in enumerate(zip(actual, expected)):
            yield from _pairs(a, b, (*place, i), options)
    elif _are(both, Mapping):
        _check_keys(actual, expected, place)
        for key in _sorted(expected):
            yield from _pairs(actual[key], expected[key], (*place, key), options)
    elif any(x is None for x in both):
        yield _compare_none, actual, expected, place
    elif _are(both, (bool, np.bool_)):
        yield _compare_bools, actual, expected, place
    elif _are(both, _NUMBERS):
        yield _compare_numbers, actual, expected, place
    elif _are_tensors(actual, expected, options):
        yield _compare_tensors, as_tensor(actual), as_tensor(expected), place
    else:
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
            f"{_place_text(place)}"
        )


def _are(both: tuple, kind: Any) -> bool:
    return isinstance(both[0], kind) and isinstance(both[1], kind)


def _are_tensors(actual: Any, expected: Any, options: _Options) -> bool:
    """Whether both are tensors, or both are arrays of numbers, of related classes."""
    if options.allow_subclasses:
        related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    else:
        related = type(actual) is type(expected)
    if isinstance(actual, np.ndarray):
        return related and actual.dtype.kind not in "OSUMmcT" and expected.dtype.kind not in "OSUMmcT"
    return related and isinstance(actual, Tensor)


def _sorted(keys: Any) -> list:
    try:
        return sorted(keys)
    except TypeError:  # keys of several kinds
        return list(keys)


def _check_keys(actual: Mapping, expected: Mapping, place: tuple) -> None:
    missing, additional = expected.keys() - actual.keys(), actual.keys() - expected.keys()
    if missing or additional:
        raise _Mismatch(
            f"The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {_sorted(missing)}\n"
            f"Additional keys in the actual mapping: {_sorted(additional)}{_place_text(place)}"
        )


def _compare_none(actual: Any, expected: Any, options: _Options) -> str | None:
    return None if actual is expected else f"None mismatch: {actual} is not {expected}"


def _compare_bools(actual: Any, expected: Any, options: _Options) -> str | None:
    a, b = bool(actual), bool(expected)
    return None if a is b else f"Booleans mismatch: {a} is not {b}"


def _compare_numbers(actual: Any, expected: Any, options: _Options) -> str | None:
    a, b = (x.item() if isinstance(x, np.generic) else x for x in (actual, expected))
    if options.check_dtype and type(a) is not type(b):
        return f"The (d)types do not match: {type(a)} != {type(b)}."
    rtol, atol = options.tolerances(*(dt.float64 if isinstance(x, float) else dt.int64 for x in (a, b)))
    both_nan = a != a and b != b  # only NaN differs from itself
    if a == b or (options.equal_nan and both_nan) or (cmath.isfinite(b) and abs(a - b) <= atol + rtol * abs(b)):
        return None
    return _scalar_report(a, b, rtol, atol)


def _scalar_report(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    absolute = abs(actual - expected)
    relative = absolute / abs(expected) if expected else float("inf")
    exact = rtol == atol == 0
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\n"
        f"Expected {expected} but got {actual}.\n"
        f"Absolute difference: {absolute}{'' if exact else f' (up to {atol} allowed)'}\n"
        f"Relative difference: {relative}{'' if exact else f' (up to {rtol} allowed)'}"
    )


def _compare_tensors(actual: Any, expected: Any, options: _Options) -> str | None:
    attributes = {
        "shape": (True, actual.shape, expected.shape),
        "dtype": (options.check_dtype, actual.dtype, expected.dtype),
        "stride()": (options.check_stride, actual.stride(), expected.stride()),
    }
    for name, (checked, a, b) in attributes.items():
        if checked and a != b:
            return f"The values for attribute '{name}' do not match: {a} != {b}."
    rtol, atol = options.tolerances(actual.dtype, expected.dtype)
    common = dt.promote_types(actual.dtype, expected.dtype)
    with no_grad():
        a, b = (x if x.dtype == common else x.to(common) for x in (actual, expected))
        if not common.is_floating_point:
            a, b = a.long(), b.long()
        wrong = a.isclose(b, rtol=rtol, atol=atol, equal_nan=options.equal_nan).logical_not()
        if not wrong.any():
            return None
        if a.ndim == 0:
            return _scalar_report(actual.item(), expected.item(), rtol, atol)
        return _tensor_report(a, b, wrong, rtol, atol)


def _tensor_report(actual: Any, expected: Any, wrong: Any, rtol: float, atol: float) -> str:
    count, total = int(wrong.sum()), wrong.numel()
    exact = rtol == atol == 0
    absolute = (actual - expected).abs()
    relative = absolute / expected.abs()
    lines = [
        f"Tensor-likes are not {'equal' if exact else 'close'}!\n",
        f"Mismatched elements: {count} / {total} ({count / total:.1%})",
    ]
    for name, difference, allowed in (("absolute", absolute, atol), ("relative", relative, rtol)):
        among_wrong = difference.masked_fill(~wrong, 0).flatten()
        at = int(among_wrong.argmax())
        index = tuple(int(i) for i in np.unravel_index(at, wrong.shape))
        lines.append(
            f"Greatest {name} difference: {among_wrong[at].item()} at index {index}"
            f"{'' if exact else f' (up to {allowed} allowed)'}"
        )
    return "\n".join(lines)
