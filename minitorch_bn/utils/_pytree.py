"""Nested containers of values: taken apart into a list of leaves, and put together again around other leaves.

Containers are tuple, list, dict, OrderedDict, defaultdict and named tuples; everything else, None too, is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class TreeSpec:
    """The shape of a tree: of what kind its root is (None: a leaf), what names its children, and their shapes."""

    __slots__ = ("children", "context", "kind", "num_leaves")

    def __init__(self, kind: type | None, context: Any, children: list[TreeSpec]) -> None:
        self.kind = kind
        self.context = context
        self.children = children
        self.num_leaves: int = 1 if kind is None else sum(child.num_leaves for child in children)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TreeSpec)
            and (self.kind, self.context) == (other.kind, other.context)
            and self.children == other.children
        )

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return self._text(0)

    def _text(self, indent: int) -> str:
        if self.kind is None:
            return "*"
        children = f",\n{' ' * (indent + 2)}".join(child._text(indent + 2) for child in self.children)
        return f"TreeSpec({self.kind.__name__}, {self.context}, [{children}])"


class _Star:
    """A leaf in a printed tree."""

    def __repr__(self) -> str:
        return "*"


_LEAF = TreeSpec(None, None, [])


def _children(tree: Any) -> tuple[Any, list] | None:
    """What names the children of a container, and the children; None for a leaf."""
    kind = type(tree)
    if kind is tuple or kind is list:
        return None, list(tree)
    if kind is dict or kind is OrderedDict:
        return list(tree), list(tree.values())
    if kind is defaultdict:
        return [tree.default_factory, list(tree)], list(tree.values())
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return kind, list(tree)
    return None


def tree_flatten(tree: Any) -> tuple[list, TreeSpec]:
    """The leaves of a tree from left to right, and its shape.

    >>> tree_flatten({"a": 1, "b": (2, [3])})
    ([1, 2, 3], TreeSpec(dict, ['a', 'b'], [*,
      TreeSpec(tuple, None, [*,
        TreeSpec(list, None, [*])])]))
    """
    found = _children(tree)
    if found is None:
        return [tree], _LEAF
    leaves: list = []
    specs = []
    for child in found[1]:
        more, spec = tree_flatten(child)
        leaves += more
        specs.append(spec)
    return leaves, TreeSpec(type(tree), found[0], specs)


def tree_unflatten(leaves: Any, spec: TreeSpec) -> Any:
    """The tree of this shape with these leaves.

    >>> tree_unflatten("xyz", tree_flatten({"a": 1, "b": (2, [3])})[1])
    {'a': 'x', 'b': ('y', ['z'])}
    """
    return _build(iter(leaves), spec)


def _build(leaves: Any, spec: TreeSpec) -> Any:
    kind, context = spec.kind, spec.context
    if kind is None:
        return next(leaves)
    children = [_build(leaves, child) for child in spec.children]
    if kind is dict or kind is OrderedDict:
        return kind(zip(context, children))
    if kind is defaultdict:
        return defaultdict(context[0], zip(context[1], children))
    return context(*children) if context is not None else kind(children)


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same tree with ``function`` applied to every leaf.

    >>> tree_map(abs, (-1, [2, -3]))
    (1, [2, 3])
    """
    leaves, spec = tree_flatten(tree)
    return tree_unflatten([function(leaf) for leaf in leaves], spec)


def broadcast_prefix(prefix: Any, spec: TreeSpec) -> list | None:
    """One value for each leaf of ``spec``: a leaf of ``prefix`` counts for everything below it. None if it misfits.

    >>> broadcast_prefix((0, None), tree_flatten(("x", ["y", "z"]))[1])
    [0, None, None]
    """
    found = _children(prefix)
    if found is None:
        return [prefix] * spec.num_leaves
    context, children = found
    if (type(prefix), context, len(children)) != (spec.kind, spec.context, len(spec.children)):
        return None
    values: list = []
    for child, below in zip(children, spec.children):
        more = broadcast_prefix(child, below)
        if more is None:
            return None
        values += more
    return values


def pretty(spec: TreeSpec) -> str:
    """A shape as the tree itself, with stars for leaves.

    >>> pretty(tree_flatten((1, {"k": 2}))[1])
    "(*, {'k': *})"
    """
    return str(tree_unflatten([_Star()] * spec.num_leaves, spec))
