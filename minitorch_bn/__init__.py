"""minitorch_bn: the PyTorch you can read, with the best Batch Normalization there is.

>>> import minitorch_bn as torch
>>> x = torch.tensor([[1.0, 2.0], [3.0, 6.0]], requires_grad=True)
>>> torch.nn.BatchNorm1d(2)(x)
tensor([[-1.0000, -1.0000],
        [ 1.0000,  1.0000]], grad_fn=<NativeBatchNormBackward0>)
"""

from typing import TYPE_CHECKING, Any

from minitorch_bn.version import __version__ as __version__

if TYPE_CHECKING:
    from minitorch_bn._face import *  # noqa: F403

_LOADED_WHEN_USED = (
    "accelerator",
    "backends",
    "cuda",
    "func",
    "linalg",
    "nn",
    "optim",
    "serialization",
    "storage",
    "testing",
    "utils",
)

# Names whose file is loaded when they are first used, without all the others.
_LIVES_IN = {
    **dict.fromkeys(("batch_norm", "dropout", "embedding", "group_norm", "instance_norm"), "nn._native"),
    **dict.fromkeys(("layer_norm", "native_batch_norm", "rms_norm"), "nn._native"),
    "draw": "insight.drawing",
    "explain": "insight.explain",
    "load": "serialization",
    "monitor": "insight.monitor",
    "save": "serialization",
    "summary": "insight.summary",
    "vmap": "func",
}


def _load() -> dict[str, Any]:
    """Puts every public name here, once."""
    names = globals()
    if "__all__" not in names:
        from minitorch_bn import _face

        names.update({name: getattr(_face, name) for name in _face.__all__}, __all__=list(_face.__all__))
    return names


def __getattr__(name: str) -> Any:
    """Everything is loaded when it is first used: the import itself costs next to nothing beside numpy's."""
    from importlib import import_module
    from importlib.util import find_spec

    if "__all__" not in globals() and find_spec(f"{__name__}.{name}") is not None:
        # A part of the package that is imported before anything else was used. (The import system asks here first.)
        return import_module(f"{__name__}.{name}")
    if name in _load():
        return globals()[name]
    if name in _LOADED_WHEN_USED:
        return import_module(f"{__name__}.{name}")
    if name in _LIVES_IN:
        return getattr(import_module(f"{__name__}.{_LIVES_IN[name]}"), name)
    raise import_module(f"{__name__}._scope").absent(__name__, name)


def __dir__() -> list[str]:
    """All public names, also those not loaded yet."""
    return sorted({*_load(), *_LOADED_WHEN_USED, *_LIVES_IN})
