"""How a tensor is printed: numpy arrays in, PyTorch's text out.

An array becomes text in three steps: keep what is shown (`_edges`), turn each number into a cell of a common
width (`_cells`), set the cells in nested brackets (`_nest`). `tensor_str` adds what stands behind them.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
_options: dict[str, Any] = {**_PROFILES["default"], "sci_mode": None}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed from now on. What is None stays as it is, except `sci_mode`.

    Args:
        precision: digits after the point of a float (4).
        threshold: a tensor of more elements than this is summarised (1000).
        edgeitems: elements shown at both ends of each dimension of a summarised tensor (3).
        linewidth: characters in a line (80).
        profile: "default", "short" or "full"; the other arguments go on top of it.
        sci_mode: True forces `1.0000e-05`, False forbids it, None (or left out) lets the numbers decide.

    Raises:
        ValueError: `precision` or `edgeitems` is not a whole number of 0 or more; the profile is unknown.
        TypeError: `threshold` or `linewidth` is not a number.

    >>> import minitorch_bn as torch
    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor([1.12345])
    tensor([1.12])
    >>> torch.set_printoptions(threshold=5)
    >>> torch.arange(10)
    tensor([0, 1, 2,  ..., 7, 8, 9])
    >>> torch.set_printoptions(profile="default")
    >>> torch.tensor([1.12345])
    tensor([1.1235])
    """
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        _check_option(name, value)
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"profile must be one of {', '.join(map(repr, _PROFILES))}, got {profile!r}")
    base = {} if profile is None else _PROFILES[profile]
    _options.update(base | given, sci_mode=sci_mode)


def _check_option(name: str, value: Any) -> None:
    """Refuse now what would make every later print fail."""
    if name in ("precision", "edgeitems"):
        # A bool is an int to Python, but "{:.Truef}" is no format.
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
            raise ValueError(f"{name} must be a whole number of 0 or more, got {value!r}")
    elif not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")


def get_printoptions() -> dict[str, Any]:
    """The print options in force, as keyword arguments for `set_printoptions`.

    >>> get_printoptions()
    {'precision': 4, 'threshold': 1000, 'edgeitems': 3, 'linewidth': 80, 'sci_mode': None}
    """
    return dict(_options)


@contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Print with other options inside a `with` block; takes the arguments of `set_printoptions`.

    >>> with printoptions(precision=1):
    ...     print(format_array(np.array([0.25, 1.0]), indent=0))
    [0.2, 1.0]
    """
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_str(
    array: np.ndarray,
    *,
    dtype_name: str,
    default_dtype_name: str,
    requires_grad: bool,
    grad_fn_name: str | None,
    prefix: str = "tensor(",
) -> str:
    """The whole printed form of a tensor that holds `array`.

    >>> about = dict(default_dtype_name="torch.float32", requires_grad=False)
    >>> print(tensor_str(np.ones(2), dtype_name="torch.float64", grad_fn_name="MulBackward0", **about))
    tensor([1., 1.], dtype=torch.float64, grad_fn=<MulBackward0>)
    """
    suffixes = []
    empty = array.size == 0
    # PyTorch states the size where the numbers may not show it: always, if there are no edge items.
    hidden = array.ndim != 1 if empty else _options["edgeitems"] == 0
    if hidden:
        suffixes.append(f"size={tuple(array.shape)}")
    # "[1, 2]" and "[True]" show their dtype, "[]" does not.
    evident = {default_dtype_name} if empty else {default_dtype_name, "torch.int64", "torch.bool"}
    if dtype_name not in evident:
        suffixes.append(f"dtype={dtype_name}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return _append(prefix + format_array(array, len(prefix)), suffixes, len(prefix)) + ")"


def _append(text: str, suffixes: list[str], indent: int) -> str:
    """`text, suffix, suffix`, where a suffix that does not fit moves to a line of its own."""
    # PyTorch counts this line two columns longer than it is, and the lines below as they are.
    column = len(text.rpartition("\n")[2]) + 2
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options["linewidth"]:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text


def format_array(array: np.ndarray, indent: int) -> str:
    """The numbers of `array` in nested brackets, to stand `indent` columns from the left margin.

    >>> print(format_array(np.array([[1.5, -2.0], [np.inf, 0.0]]), indent=0))
    [[ 1.5000, -2.0000],
     [    inf,  0.0000]]
    """
    if array.size == 0:
        return "[]"
    if array.dtype.isbuiltin == 2:  # registered by another package: bfloat16, whose values float32 all has
        array = array.astype(np.float32)
    cut = [False] * array.ndim
    if array.ndim and array.size > _options["threshold"]:
        edge = _options["edgeitems"]
        if not edge:
            return "[...]"
        cut = [length > 2 * edge for length in array.shape]
        array = _edges(array, cut, edge)
    cells, width = _cells(array)
    return _nest(cells, width, array.shape, cut, indent)


def _edges(array: np.ndarray, cut: list[bool], edge: int) -> np.ndarray:
    """The first and the last `edge` items along each axis that is `cut`; all along the others."""
    kept = [[*range(edge), *range(n - edge, n)] if c else range(n) for n, c in zip(array.shape, cut)]
    return array[np.ix_(*kept)]


def _cells(array: np.ndarray) -> tuple[list[str], int]:
    """Each element as text, in C order, padded on the left to a common width; and this width."""
    if array.dtype.kind == "f":
        cells, width = _float_cells(array.astype(np.float64).ravel())
    else:
        cells = [str(value) for value in array.ravel().tolist()]
        width = max(map(len, cells))
    return [cell.rjust(width) for cell in cells], width


def _float_cells(values: np.ndarray) -> tuple[list[str], int]:
    """Each of the float64 `values` as text, in one format for all; and the width of a column."""
    # Zeros, infinities and NaNs follow the format of the others, and do not widen the column.
    counts = np.isfinite(values) & (values != 0)
    counted = values[counts]
    precision = _options["precision"]
    if _is_scientific(counted):
        cells = [f"{value:.{precision}e}" for value in values.tolist()]
    elif (counted == np.floor(counted)).all():
        cells = [f"{value:.0f}." if math.isfinite(value) else str(value) for value in values.tolist()]
    else:
        cells = [f"{value:.{precision}f}" for value in values.tolist()]
    return cells, max((len(cells[i]) for i in counts.nonzero()[0]), default=1)


def _is_scientific(counted: np.ndarray) -> bool:
    """Whether numbers without zeros, infinities and NaNs are printed as `1.0000e+05`."""
    if counted.size == 0:
        return False
    if _options["sci_mode"] is not None:
        return bool(_options["sci_mode"])
    sizes = np.abs(counted)
    # Python's floats divide to infinity without numpy's warning.
    low, high = float(sizes.min()), float(sizes.max())
    return high / low > 1000.0 or high > 1e8 or low < 1e-4


def _nest(cells: list[str], width: int, shape: tuple[int, ...], cut: list[bool], indent: int) -> str:
    """The cells of an array of this shape in brackets, with dots in the middle of the axes that are `cut`."""
    if not shape:
        return cells[0]
    if len(shape) == 1:
        return _row(cells, width, cut[0], indent)
    step = len(cells) // shape[0]
    starts = range(0, len(cells), step)
    blocks = [_nest(cells[i : i + step], width, shape[1:], cut[1:], indent + 1) for i in starts]
    if cut[0]:
        blocks.insert(len(blocks) // 2, "...")
    newlines = "\n" * (len(shape) - 1)
    return "[" + f",{newlines}{' ' * (indent + 1)}".join(blocks) + "]"


def _row(cells: list[str], width: int, cut: bool, indent: int) -> str:
    """One bracket of numbers, wrapped into lines of equally many."""
    if cut:
        cells = [*cells[: len(cells) // 2], " ...", *cells[len(cells) // 2 :]]
    room = (_options["linewidth"] - indent) / (width + 2)
    per_line = int(max(1, min(room, len(cells))))
    lines = [", ".join(cells[i : i + per_line]) for i in range(0, len(cells), per_line)]
    return "[" + f",\n{' ' * (indent + 1)}".join(lines) + "]"
