"""Where tensors live: always the CPU."""

from __future__ import annotations


class device:  
    """A device by its name; only "cpu" exists here.

    >>> import minitorch_bn as torch
    >>> torch.device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    def __init__(self, type: str | device = "cpu", index: int | None = None) -> None:
        name, _, number = str(type).partition(":")
        if name != "cpu":
            raise RuntimeError(
                "Torch not compiled with CUDA enabled"
                if name == "cuda"
                else f"Expected one of cpu, cuda device type at start of device string: {name}"
            )
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        return f"device(type='{self.type}')" if self.index is None else f"device(type='cpu', index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU = device("cpu")


def check_device(value: object) -> None:
    """RuntimeError unless ``value`` is None or means the CPU."""
    if value is not None and value != "cpu" and value is not CPU:
        device(value)  # type: ignore[arg-type]
