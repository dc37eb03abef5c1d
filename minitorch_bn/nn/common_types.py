"""Names for the types of layers' arguments: a number, or one for each dimension."""

from typing import Optional, Union

_size_1_t = Union[int, tuple[int]]  # noqa: UP007 - PyTorch prints it so
_size_2_t = Union[int, tuple[int, int]]  # noqa: UP007
_size_3_t = Union[int, tuple[int, int, int]]  # noqa: UP007
_size_4_t = Union[int, tuple[int, int, int, int]]  # noqa: UP007
_size_any_t = Union[int, tuple[int, ...]]  # noqa: UP007
_size_2_opt_t = Union[int, tuple[Optional[int], Optional[int]]]  # noqa: UP007, UP045
_ratio_2_t = Union[float, tuple[float, float]]  # noqa: UP007
