"""Every public name with its docstring, and a way to run the examples in them."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from typing import Any

import minitorch_bn as torch
from minitorch_bn import autograd, func, linalg, nn, optim, serialization, testing, utils

BEYOND = ("draw", "explain", "load", "monitor", "save", "summary", "vmap")
CLASSES = {"Tensor": torch.Tensor, "nn.Module": nn.Module, "optim.Optimizer": optim.Optimizer}
MODULES = {
    "autograd": autograd,
    "autograd.functional": autograd.functional,
    "func": func,
    "linalg": linalg,
    "nn": nn,
    "nn.functional": nn.functional,
    "nn.init": nn.init,
    "nn.utils": nn.utils,
    "optim": optim,
    "optim.lr_scheduler": optim.lr_scheduler,
    "optim.swa_utils": optim.swa_utils,
    "serialization": serialization,
    "testing": testing,
    "utils.checkpoint": utils.checkpoint,
    "utils.data": utils.data,
}


def public(place: Any, names: Any = None) -> Iterator[tuple[str, Any]]:
    """The functions, classes, methods and properties of a module or class, as they are written there."""
    is_class = inspect.isclass(place)
    for name in names or getattr(place, "__all__", None) or dir(place):
        thing = inspect.getattr_static(place, name) if is_class else getattr(place, name)
        documented = callable(thing) or isinstance(thing, (property, staticmethod, classmethod))
        if not name.startswith("_") and documented and not inspect.ismodule(thing):
            yield name, thing


def everything() -> dict[str, dict[str, str]]:
    """place -> name -> docstring."""
    docs = {"torch": dict(public(torch, [*torch.__all__, *BEYOND]))}
    docs |= {where: dict(public(place)) for where, place in {**MODULES, **CLASSES}.items()}
    return {where: {name: thing.__doc__ or "" for name, thing in things.items()} for where, things in docs.items()}


DOCS = everything()


def failures(doc: str, name: str) -> str:
    """What goes wrong with the examples of a docstring; nothing if they print what they say."""
    report: list[str] = []
    test = doctest.DocTestParser().get_doctest(doc, {"__name__": "__main__"}, name, None, None)
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    return "".join(report)
