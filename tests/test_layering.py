"""A file imports only from floors below its own: the structure of the house, read from its imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "minitorch_bn"
ROOT = Path(__file__).resolve().parent.parent / PACKAGE

# Module or folder -> floor, by names relative to the package; the longest name that fits counts.
FLOORS = {
    # 0: arrays in, arrays out; no Tensor, no tape
    "kernels": 0,
    "dtypes": 0,
    "random": 0,
    "_cephes": 0,
    "size": 0,
    "_device": 0,
    "_tensor_str": 0,
    "_settings": 0,
    "_layout": 0,
    "_scope": 0,
    "types": 0,
    "storage": 0,
    "version": 0,
    "return_types": 0,
    # 1: the engine, which knows nothing of arithmetic
    "autograd": 1,
    # 2: every derivative rule, one family a file
    "ops": 2,
    # 3: Tensor, and the functions that make and combine Tensors
    "_tensor": 3,
    "_dunder": 3,
    "_tensor_docs": 3,
    "creation": 3,
    "_inplace": 3,
    "_out": 3,
    "_resizing": 3,
    "functional": 3,
    "linalg": 3,
    "_dlpack": 3,
    "_legacy": 3,
    # 4: what is built on Tensors
    "autograd.functional": 4,
    "nn": 4,
    "optim": 4,
    "utils": 4,
    "serialization": 4,
    # 5: what is built on the public API alone
    "func": 5,
    "insight": 5,
    "distributed": 5,
    "testing": 5,
    "cuda": 5,
    "accelerator": 5,
    "backends": 5,
    # top: the public face
    "_face": 5,
    "": 6,
}

# Neighbours on one floor live apart, except through a door. A door leads one way: importer -> imported.
DOORS = {
    ("optim.swa_utils", "nn"),  # update_bn looks for the BatchNorm layers of a Module
    ("serialization", "nn.parameter"),  # a loaded Parameter is a Parameter
    ("ops.normalization", "ops.batch_norm"),  # instance, group and layer norm are batch_norm of a reshaped input
}

SHARED_BY_OPERATOR_FAMILIES = "ops._common"


def find_modules() -> dict[str, Path]:
    """Every module of the package by its name relative to it: {"": __init__.py, "nn.modules": ..., ...}."""
    modules = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


MODULES = find_modules()


def lies_in(module: str, place: str) -> bool:
    """Whether a module is `place` or lies inside it; the face, "", contains nothing but itself."""
    return module == place or (place != "" and module.startswith(place + "."))


def floor(module: str) -> int | None:
    """The floor of a module, None if no row of the table fits it."""
    rows = [place for place in FLOORS if lies_in(module, place)]
    return FLOORS[max(rows, key=len)] if rows else None


def room(module: str) -> str:
    """The top-level folder that a module lies in; files of the package's own folder share the room ""."""
    first = module.split(".")[0]
    return first if (ROOT / first).is_dir() else ""


def is_type_checking(node: ast.stmt) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`, whose imports never run."""
    if not isinstance(node, ast.If):
        return False
    name = node.test.attr if isinstance(node.test, ast.Attribute) else getattr(node.test, "id", None)
    return name == "TYPE_CHECKING"


def statements(body: list[ast.stmt], *, functions: bool) -> Iterator[ast.stmt]:
    """The statements that run, nested ones too; those inside functions only if asked for."""
    for node in body:
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not functions:
            continue
        if is_type_checking(node):
            yield from statements(node.orelse, functions=functions)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from statements(getattr(node, field, []), functions=functions)
        for block in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
            yield from statements(block.body, functions=functions)


def imports(module: str, *, functions: bool = True) -> Iterator[tuple[str, int]]:
    """The absolute dotted names that a module imports, with their lines."""
    path = MODULES[module]
    here = [PACKAGE, *path.relative_to(ROOT).parent.parts]  # the package that a leading dot stands for
    for node in statements(ast.parse(path.read_text("utf-8")).body, functions=functions):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno


def internal_imports(module: str) -> Iterator[tuple[str, int]]:
    """The modules of the package that a module imports, by relative name, with their lines."""
    for name, line in imports(module):
        if lies_in(name, PACKAGE):
            target = name[len(PACKAGE) + 1 :]
            while (
                target and target not in MODULES
            ):  # `from .size import Size` names the class: the module is its parent
                target = target.rpartition(".")[0]
            yield target, line


def checks_of(family: str) -> str:
    """The private module in which a family of operators may keep its checks: ops.conv -> ops._conv_checks."""
    return f"ops._{family.rpartition('.')[2]}_checks"


def objection(module: str, target: str) -> str | None:
    """Why `module` may not import `target`; None if it may."""
    above, below = floor(module), floor(target)
    if above is None or below is None or below < above or module == target:
        return None  # modules without a row have a test of their own
    if below > above:
        return f"floor {above} imports from floor {below}"
    if any(lies_in(module, door[0]) and lies_in(target, door[1]) for door in DOORS):
        return None
    if room(module) != room(target):
        return f"neighbours on floor {above} live apart"
    if room(module) == "ops" and module != "ops" and target not in (SHARED_BY_OPERATOR_FAMILIES, checks_of(module)):
        return f"families of operators share code only through {SHARED_BY_OPERATOR_FAMILIES}"
    return None


@pytest.mark.parametrize("module", MODULES, ids=lambda name: name or PACKAGE)
def test_module_has_a_floor(module):
    assert floor(module) is not None, (
        f"{MODULES[module]} has no floor. Choose the lowest floor above everything that it imports "
        f"(CONTRIBUTING.md describes them) and add a row for it to FLOORS in {__file__}."
    )


@pytest.mark.parametrize("module", MODULES, ids=lambda name: name or PACKAGE)
def test_module_imports_only_from_below(module):
    wrong = [
        f"{MODULES[module]}:{line}: imports {target or PACKAGE}: {why}"
        for target, line in internal_imports(module)
        if (why := objection(module, target))
    ]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("module", MODULES, ids=lambda name: name or PACKAGE)
def test_module_level_imports_are_numpy_and_the_standard_library(module):
    allowed = {PACKAGE, "numpy", *sys.stdlib_module_names}
    wrong = [
        f"{MODULES[module]}:{line}: imports {name}: move it into the function that uses it"
        for name, line in imports(module, functions=False)
        if name.split(".")[0] not in allowed
    ]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    "module, target, allowed",
    [
        ("_tensor", "ops.shape", True),
        ("_tensor", "creation", True),
        ("nn.modules.linear", "nn.functional", True),
        ("optim.swa_utils", "nn.modules.batchnorm", True),
        ("ops", "ops.shape", True),
        ("ops.shape", "ops._common", True),
        ("", "nn", True),
        ("ops.conv", "ops._conv_checks", True),
        ("ops.shape", "ops._conv_checks", False),
        ("ops.shape", "ops.indexing", False),
        ("ops.normalization", "ops.batch_norm", True),
        ("ops.batch_norm", "ops.normalization", False),
        ("ops.shape", "ops", False),
        ("ops._common", "ops.shape", False),
        ("ops.shape", "_tensor", False),
        ("autograd", "autograd.functional", False),
        ("kernels.numpy_kernels", "random", False),
        ("optim.sgd", "nn.modules.linear", False),
        ("nn.parameter", "serialization", False),
        ("_tensor", "", False),
    ],
)
def test_the_rule_itself(module, target, allowed):
    assert (objection(module, target) is None) is allowed
