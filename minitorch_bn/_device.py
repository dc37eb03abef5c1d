"""Where tensors live: always the CPU."""

from __future__ import annotations

# Programs name them to choose one that is there; a tensor lives on the CPU or is refused.
_TYPES = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "xla", "lazy",
    "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip


class device:
    """A device by its name; tensors live on "cpu" only.

    >>> import minitorch_bn as torch
    >>> torch.device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    def __init__(self, type: str | device = "cpu", index: int | None = None) -> None:
        name, colon, number = str(type).partition(":")
        if not name.replace("_", "").isalpha() or (colon and not number.isdigit()):
            raise RuntimeError(f"Invalid device string: '{type}'")
        if name not in _TYPES:
            raise RuntimeError(f"Expected one of {', '.join(_TYPES)} device type at start of device string: {name}")
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        return (
            f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"
        )

    def __enter__(self) -> device:
        if self.type != "cpu":
            raise NotImplementedError(f"Tensors live on the CPU only, not on '{self}': use device='cpu'")
        return self

    def __exit__(self, *exc: object) -> None:
        """Tensors made inside are where they are made outside too."""

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU = device("cpu")


def check_device(value: object) -> None:
    """AssertionError or NotImplementedError unless ``value`` is None or means the CPU."""
    if value is None or value == "cpu" or value is CPU:
        return
    if isinstance(value, int):
        raise RuntimeError("Cannot access accelerator device when none is available.")
    name = device(value).type  # type: ignore[arg-type]
    if name == "cuda":
        raise AssertionError("Torch not compiled with CUDA enabled")
    if name != "cpu":
        raise NotImplementedError(f"Tensors live on the CPU only, not on '{value}': use device='cpu'")
