"""The graph behind tensors as plain data: steps in the order they were computed, grouped by modules."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd.node import AccumulateGrad
from minitorch_bn.nn.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from minitorch_bn.nn.modules.module import Module


class Leaf(NamedTuple):
    """A tensor that gradients end at."""

    name: str
    shape: tuple[int, ...]
    grad_norm: float | None

    def __str__(self) -> str:
        grad = "" if self.grad_norm is None else f" |grad| {self.grad_norm:.3g}"
        return f"{self.name} {shape_text(self.shape)}{grad}".strip()


@dataclass(eq=False)
class Step:
    """A node of the graph: an operator, or a leaf that is not the parameter of one operator alone.

    ``inputs``: the steps whose results it takes. ``place``: the modules around it, outermost first.
    """

    label: str
    shape: tuple[int, ...]
    dtype: str
    leaves: list[Leaf] = field(default_factory=list)
    inputs: list[Step] = field(default_factory=list)
    place: tuple[Place, ...] = ()
    grad_norm: float | None = None
    is_leaf: bool = False
    title: str = ""  # of the module that has this step alone
    number: int = -1


class Place(NamedTuple):
    """A module in which steps lie; ``call`` tells one call of it from another."""

    path: str
    kind: str
    call: int

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}" if self.path else self.kind


class Group(NamedTuple):
    """Steps and smaller groups that lie in one module, or, without a place, the whole graph."""

    place: Place | None
    parts: list[Any]

    def steps(self) -> Iterator[Step]:
        """All steps inside, in order."""
        for part in self.parts:
            if isinstance(part, Group):
                yield from part.steps()
            else:
                yield part


class Call(NamedTuple):
    """One call of a module: the sequence numbers between which its nodes were made."""

    place: Place
    start: int
    stop: int


def shape_text(shape: Sequence[int]) -> str:
    """(2, 3), as Python writes it."""
    return str(tuple(shape))


def collect(
    outputs: Sequence[Tensor],
    names: Mapping[int, str],
    owners: Mapping[int, tuple[Place, ...]],
    calls: Sequence[Call] = (),
    apart: Iterable[int] = (),
) -> list[Step]:
    """The steps behind tensors, oldest first.

    Args:
        names: id of a leaf -> its name. owners: id of a leaf -> the modules it belongs to.
        calls: which nodes each call of a module made; without them, owners tell.
        apart: ids of named leaves that get a step of their own: they are no parameters.
    """
    nodes = _nodes_behind([y.grad_fn for y in outputs if y.grad_fn is not None])
    folded = set(names).difference(apart)
    uses: dict[int, int] = {}
    for node in nodes:
        for child, _ in node.next_functions:
            uses[id(child)] = uses.get(id(child), 0) + 1
    steps: dict[int, Step] = {}
    leaves: list[tuple[Step, int]] = [(_leaf_step(y, names), -1) for y in outputs if y.grad_fn is None]
    numbered: list[tuple[Step, int]] = []
    for node in nodes:
        if isinstance(node, AccumulateGrad) and uses.get(id(node)) == 1 and _is_parameter(node.variable, folded):
            continue  # shown with the one operator that uses it
        if isinstance(node, AccumulateGrad):  # leaves come first: they belong to no call
            step = steps[id(node)] = _leaf_step(node.variable, names)
            leaves.append((step, -1))
            continue
        step = steps[id(node)] = _operator_step(node)
        numbered.append((step, node.sequence_nr))
        places = []
        for child, _ in node.next_functions:
            if isinstance(child, AccumulateGrad):
                places.append(owners.get(id(child.variable)))
            if id(child) in steps:
                step.inputs.append(steps[id(child)])
            elif child is not None:
                step.leaves.append(_leaf(child.variable, names))
        step.place = _common([place for place in places if place is not None])
    numbered = leaves + numbered
    if calls:
        _place_by_calls(numbered, calls)
    else:
        _fill_places([step for step, _ in numbered])
    for number, (step, _) in enumerate(numbered):
        step.number = number
    return [step for step, _ in numbered]


def _nodes_behind(roots: list[Any]) -> list[Any]:
    """Every node that is reached from the roots, oldest first: each after those it leads to."""
    seen = {id(node): node for node in roots}
    waiting = list(seen.values())
    while waiting:
        for child, _ in waiting.pop().next_functions:
            if child is not None and id(child) not in seen:
                seen[id(child)] = child
                waiting.append(child)
    return sorted(seen.values(), key=lambda node: node.sequence_nr)


def _is_parameter(leaf: Any, named: set[int]) -> bool:
    return isinstance(leaf, Parameter) or id(leaf) in named


def _leaf(leaf: Any, names: Mapping[int, str]) -> Leaf:
    grad = leaf.grad
    return Leaf(names.get(id(leaf), ""), tuple(leaf.shape), None if grad is None else _norm(grad))


def _norm(value: Tensor) -> float:
    return value.detach().double().norm().item()


def _leaf_step(leaf: Any, names: Mapping[int, str]) -> Step:
    found = _leaf(leaf, names)
    kind = "parameter" if isinstance(leaf, Parameter) else "leaf" if leaf.requires_grad else "constant: no graph"
    return Step(found.name or kind, found.shape, leaf.dtype.name, grad_norm=found.grad_norm, is_leaf=True)


def _operator_step(node: Any) -> Step:
    shape, dtype = node.output_meta[0]
    label = re.sub(r"Backward\d*$", "", node.name())
    retained = (node._retained or {}).get(0)
    tensor = None if retained is None else retained()
    norm = None if tensor is None or tensor.grad is None else _norm(tensor.grad)
    return Step(label, tuple(shape), str(dtype), grad_norm=norm)


# -- modules ---------------------------------------------------------------------------------------------------------


def owners_of(model: Module) -> dict[int, tuple[Place, ...]]:
    """id of a parameter -> the modules around it; around all of those that share it."""
    owners: dict[int, tuple[Place, ...]] = {}
    for path, part in model.named_modules():
        place = place_of(model, path)
        for p in part.parameters(recurse=False):
            owners[id(p)] = _common([owners[id(p)], place]) if id(p) in owners else place
    return owners


def place_of(model: Module, path: str) -> tuple[Place, ...]:
    """The modules on the way to a path, the model first."""
    names = path.split(".") if path else []
    paths = [".".join(names[:length]) for length in range(len(names) + 1)]
    return tuple(Place(p, type(model.get_submodule(p)).__name__, 0) for p in paths)


def _common(places: list[tuple[Place, ...]]) -> tuple[Place, ...]:
    """The modules that all places share."""
    if not places:
        return ()
    shortest = min(places, key=len)
    for depth, part in enumerate(shortest):
        if any(place[depth] != part for place in places):
            return shortest[:depth]
    return shortest


def _fill_places(steps: list[Step]) -> None:
    """A step without parameters lies in the modules that the known steps before and after it share."""
    following: tuple[Place, ...] = ()
    after = []
    for step in reversed(steps):
        after.append(following)
        following = step.place or following
    before: tuple[Place, ...] = ()
    for step, later in zip(steps, reversed(after)):
        known = step.place
        step.place = known or (_common([before, later]) if before and later else ())
        before = known or before


def _place_by_calls(numbered: list[tuple[Step, int]], calls: Sequence[Call]) -> None:
    """A step lies in the calls during which its node was made."""
    waiting = sorted(calls, key=lambda call: (call.start, -call.stop), reverse=True)
    around: list[Call] = []
    for step, number in numbered:
        while waiting and waiting[-1].start < number:
            around.append(waiting.pop())
        around = [call for call in around if number < call.stop]
        step.place = tuple(call.place for call in around)


def grouped(steps: Iterable[Step], depth: int | None = None) -> Group:
    """Consecutive steps of the same module as a group, and so on inside; from ``depth`` on a group becomes one step."""
    root = Group(None, [])
    path: list[Group] = [root]
    for step in steps:
        same = 0
        while same < min(len(path) - 1, len(step.place)) and path[same + 1].place == step.place[same]:
            same += 1
        del path[same + 1 :]
        for place in step.place[same:]:
            path.append(Group(place, []))
            path[-2].parts.append(path[-1])
        path[-1].parts.append(step)
    return _titled(root) if depth is None else _titled(_collapsed(root, depth))


def _titled(group: Group) -> Group:
    """The same with the only step of a module as that step alone, under the module's title."""
    parts: list[Any] = [_titled(part) if isinstance(part, Group) else part for part in group.parts]
    for i, part in enumerate(parts):
        if isinstance(part, Group) and len(part.parts) == 1 and isinstance(part.parts[0], Step):
            step = part.parts[0]
            step.title = step.title or str(part.place)
            parts[i] = step
    return Group(group.place, parts)


def _collapsed(root: Group, depth: int) -> Group:
    """The same with each group at ``depth`` as one step, numbered anew."""
    stands_for: dict[int, Step] = {}

    def shortened(group: Group, level: int) -> Any:
        if level <= depth:
            return Group(group.place, [shortened(p, level + 1) if isinstance(p, Group) else p for p in group.parts])
        inside = list(group.steps())
        last = inside[-1]
        label = str(group.place) if len(inside) == 1 else f"{group.place} ({len(inside)} steps)"
        merged = Step(label, last.shape, last.dtype)
        stands_for.update({id(step): merged for step in inside})
        return merged

    short = shortened(root, 0)
    members: dict[int, list[Step]] = {}
    for step in root.steps():
        members.setdefault(id(stands_for.get(id(step), step)), []).append(step)
    for number, step in enumerate(short.steps()):
        inputs = [stands_for.get(id(source), source) for part in members[id(step)] for source in part.inputs]
        step.inputs = [source for source in dict.fromkeys(inputs) if source is not step]
        step.number = number
    return short
