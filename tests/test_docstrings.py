"""Every public name says what it does and shows an example, and every example runs.

A method or function that ends in an underscore works in place: the example may be that of the one without it. So it is
with the old names in ``nn.init``, which lack the underscore. Aliases have the docstring of what they stand for.
"""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

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


def has_example(docs: dict[str, str], name: str) -> bool:
    return any(">>>" in docs.get(other, "") for other in (name, name.removesuffix("_"), f"{name}_"))


@pytest.mark.parametrize("where", DOCS)
def test_every_public_name_is_documented(where):
    assert [name for name, doc in DOCS[where].items() if not doc.strip()] == []


@pytest.mark.parametrize("where", DOCS)
def test_every_public_name_has_an_example(where):
    docs = DOCS["torch"] | DOCS[where] if where == "Tensor" else DOCS[where]
    assert [name for name in DOCS[where] if not has_example(docs, name)] == []


@pytest.mark.parametrize("where", DOCS)
def test_every_example_runs(where):
    """Also those that are put together when the package is loaded, which pytest does not collect."""
    parser, runner, report = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False), []
    done = set()
    for name, doc in DOCS[where].items():
        if ">>>" in doc and doc not in done:
            done.add(doc)
            test = parser.get_doctest(doc, {"__name__": "__main__"}, f"{where}.{name}", None, None)
            runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)
    assert runner.tries > 0
