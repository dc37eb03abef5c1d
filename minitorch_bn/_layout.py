"""How elements lie in memory: always strided."""

from __future__ import annotations


class layout:
    """The layout of a tensor; ``strided`` is the only one here.

    >>> import minitorch_bn as torch
    >>> torch.ones(2).layout
    torch.strided
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


strided = layout("strided")
