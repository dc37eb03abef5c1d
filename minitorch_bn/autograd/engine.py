"""The backward pass.

A node can only point at nodes older than itself, so running nodes from the youngest to the oldest is a topological
order: a heap of sequence numbers is all it takes. The loop is flat, so a chain of a million nodes is no problem.

Everything the operators would otherwise repeat is done here once: gradients are added up where paths meet, made to
fit the value they belong to (broadcasting undone, dtype restored), and dropped where nobody asked for them.
``create_graph=True`` is one line: it runs the very same rules with recording on.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from sys import getrefcount
from typing import Any

import numpy as np

from minitorch_bn.autograd.grad_mode import Mode, thread
from minitorch_bn.autograd.holders import COMES_FROM_ONE_PLACE, IN_ONE_PLACE, has_its_own_array
from minitorch_bn.autograd.hooks import call_chain, call_node_hooks, call_post_accumulate_hooks, call_tensor_hooks
from minitorch_bn.autograd.node import AccumulateGrad, Node, accumulate, gradient_edge
from minitorch_bn.autograd.variable import Variable, wrap
from minitorch_bn.dtypes import from_numpy_dtype

_NEXT = 1 << 62  # above every sequence number
_watch: Any = None  # in anomaly mode: wraps the way a node is run


def set_watch(watch: Any) -> None:
    """What looks over the engine's shoulder; None for nobody."""
    global _watch
    _watch = watch


def run_backward(
    roots: list[tuple[Node, int]],
    grads: list[Any],
    retain_graph: bool,
    create_graph: bool,
    captures: dict[tuple[Node, int], Any] | None = None,
    stop_there: bool = False,
    fresh: bool = False,
    leaves: set[Node] | None = None,
) -> None:
    """Sends ``grads`` from ``roots`` down the graph.

    ``captures``, if given, maps (node, output_nr) to None: the gradients that arrive there are put in, and only nodes
    on the way to one of them run. Without it, every leaf accumulates into its ``.grad``. With ``stop_there`` what lies
    beyond those nodes is left alone, even where it leads to another of them. ``fresh`` says that nobody else knows the
    tensors ``grads``: then a leaf may take over a gradient that arrives, if nobody else holds its array. ``leaves``
    beside ``captures`` accumulate into their ``.grad`` all the same.
    """
    runs = None
    if captures is not None:
        leaves = leaves or set()
        runs = _nodes_towards([node for node, _ in roots], leaves.union(node for node, _ in captures), stop_there)
        runs.update((leaf, True) for leaf in leaves)
    run = _run if _watch is None else _watch(_run)
    waiting: dict[int, tuple[Node, list]] = {}  # sequence number -> node, gradients of its outputs so far
    heap: list[int] = []
    edges: Any = roots
    results: Any = grads
    plain, due = captures is None and run is _run, None
    missing: dict[Node, int] | None = None  # how often something will yet arrive at leaves that somebody watches
    mode = thread.mode
    before = mode.grad, mode.gradients_seen
    mode.grad, mode.gradients_seen = create_graph, not fresh
    try:
        while True:
            for edge, grad in zip(edges, results):
                if edge is None or grad is None:
                    continue
                node, output_nr = edge
                if runs is not None and node not in runs:
                    continue
                meta = node.output_meta
                shape, dtype = meta[output_nr]
                if grad._data.shape != shape or grad._data.dtype is not dtype:
                    grad = fit(grad, shape, dtype)
                is_leaf = type(node) is AccumulateGrad
                if is_leaf and plain and not node._hooked and (node is due or getrefcount(node) == IN_ONE_PLACE):
                    # Nothing else can come: a leaf takes it at once, so that hooks run in PyTorch's order.
                    alone = getrefcount(grad) <= COMES_FROM_ONE_PLACE
                    if node.variable._hooks is not None:
                        grad = call_chain(node.variable._hooks, grad)
                    node.backward(grad, alone and not mode.gradients_seen)
                    continue
                number = node.sequence_nr
                if number in waiting:
                    node_grads = waiting[number][1]
                    so_far = node_grads[output_nr]
                    alone = getrefcount(so_far) == IN_ONE_PLACE
                    node_grads[output_nr] = grad if so_far is None else _add(so_far, grad, alone, mode)
                else:
                    node_grads = [None] * len(meta)
                    node_grads[output_nr] = grad
                    waiting[number] = (node, node_grads)
                    heappush(heap, -number)
                if is_leaf and node.is_watched():
                    if missing is None:
                        missing = _arrivals(roots, runs)
                    missing[node] -= 1
                    if not missing[node]:  # as above: complete, so it is next
                        soon = _NEXT + len(missing)  # the first of several goes first
                        del missing[node]
                        heap[heap.index(-number)] = -soon
                        heapify(heap)
                        waiting[soon] = waiting.pop(number)
            if not heap:
                break
            node, node_grads = waiting.pop(-heappop(heap))
            edges = node.edges
            if plain and not node._hooked and len(node_grads) == 1:  # the common case
                if type(node) is AccumulateGrad:
                    edges, results, due = ((node, 0),), node_grads, node
                    continue
                results = node.backward(node_grads[0])
                if type(results) is not tuple:
                    results = (results,)
            else:
                hooked = node._hooked or (type(node) is AccumulateGrad and node.variable._hooks is not None)
                if captures is not None:
                    ends = not runs[node]  # type: ignore[index]
                    if ends and hooked and not stop_there:  # else the backward around this one calls them
                        _call_hooks(node, node_grads)
                    for i, grad in enumerate(node_grads):  # on the way to others: before the hooks, as in PyTorch
                        if (node, i) in captures:
                            captures[node, i] = grad
                    if ends:
                        edges, results = [], []
                        continue
                if hooked:
                    _call_hooks(node, node_grads)
                results = run(node, node_grads)
            if not retain_graph and node._saved:
                node.release()
    finally:
        mode.grad, mode.gradients_seen = before


def _add(a: Any, b: Any, alone: bool, mode: Mode) -> Any:
    """The sum of two gradients; on the tape if this backward is itself recorded, else in a if nobody else has that."""
    if mode.grad:
        return a + b
    if alone and not mode.gradients_seen and has_its_own_array(a):
        mode.quietly(np.add, a._data, b._data, a._data)
        return a
    return wrap(mode.quietly(np.add, a._data, b._data))


def fit(grad: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """A gradient has the shape and dtype of its value: sums over what was broadcast, casts to what was promoted."""
    data = grad._data
    if data.shape != shape:
        grad = grad.sum_to_size(shape)
    if data.dtype != dtype:
        grad = grad.to(from_numpy_dtype(dtype))
    return grad


def _run(node: Node, grads: list) -> tuple:
    """The node's own rule, between the hooks registered on the node itself."""
    if len(grads) > 1 and node.materialize_grads:
        grads = [
            wrap(np.zeros(shape, dtype)) if g is None and dtype is not None else g  # no dtype: no tensor
            for g, (shape, dtype) in zip(grads, node.output_meta)
        ]
    if node._node_pre_hooks is not None:
        grads = list(call_node_hooks(node._node_pre_hooks, tuple(grads)))
    results = node.backward(*grads)
    if type(results) is not tuple:
        results = (results,)
    if node._node_post_hooks is not None:
        results = call_node_hooks(node._node_post_hooks, results, tuple(grads))
    return results


def _call_hooks(node: Node, grads: list) -> None:
    """The hooks of the tensors that are this node's outputs (or of the leaf it accumulates into)."""
    if node._pre_hooks is not None or node._retained is not None:
        call_tensor_hooks(node, grads)
    if type(node) is AccumulateGrad and node.variable._hooks is not None:
        grads[0] = call_chain(node.variable._hooks, grads[0])


def _nodes_towards(roots: list[Node], targets: set[Node], stop_there: bool) -> dict[Node, bool]:
    """Every node from which a target can be reached, and whether it has to run (a target at the end does not)."""
    reachable: dict[int, Node] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.sequence_nr not in reachable:
            reachable[node.sequence_nr] = node
            if stop_there and node in targets:
                continue
            stack.extend(edge[0] for edge in node.edges if edge is not None)
    runs: dict[Node, bool] = {}
    for _, node in sorted(reachable.items()):  # oldest first: what a node points at is decided before the node is
        ends = stop_there and node in targets
        leads_on = not ends and any(edge is not None and edge[0] in runs for edge in node.edges)
        if leads_on or node in targets:
            runs[node] = leads_on
    return runs


def _arrivals(roots: list[tuple[Node, int]], runs: dict[Node, bool] | None) -> dict[Node, int]:
    """How many gradients come to each leaf. (Some may be None, and never come.)"""
    counts: dict[Node, int] = {}
    seen: set[Node] = set()
    stack: list[Any] = list(roots)
    while stack:
        edge = stack.pop()
        if edge is None or (runs is not None and edge[0] not in runs):
            continue
        node = edge[0]
        if type(node) is AccumulateGrad:
            counts[node] = counts.get(node, 0) + 1
        elif node not in seen:
            seen.add(node)
            if runs is None or runs[node]:
                stack.extend(node.edges)
    return counts


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Adds the gradients of ``tensors`` to the ``.grad`` of the leaves they were computed from.

    ``grad_tensors`` are the gradients to start with, of the shapes of ``tensors``; a scalar may go without.
    ``inputs`` restricts the leaves. The graph is freed on the way unless ``retain_graph`` (default: ``create_graph``).

    >>> import minitorch_bn as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    if inputs is not None and len(_as_tuple(inputs)) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    outputs = _as_tuple(tensors)
    roots, grads = _starting_points(outputs, grad_tensors if grad_variables is None else grad_variables)
    retain = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        if not create_graph:
            # Tensors of our own around them: as long as the user has his, their arrays have two holders.
            grads = [wrap(g._data) for g in grads]
        run_backward(roots, grads, retain, create_graph, fresh=not create_graph)
        return
    variables = {_input_edge(v): v for v in _as_tuple(inputs)}
    leaves: set[Node] = {edge[0] for edge in variables if type(edge[0]) is AccumulateGrad}
    captures: dict = {edge: None for edge in variables if edge[0] not in leaves}
    run_backward(roots, grads, retain, create_graph, captures, leaves=leaves)
    for edge, grad in captures.items():
        if grad is not None:
            accumulate(variables[edge], grad, keep_graph=create_graph)
            call_post_accumulate_hooks(variables[edge])


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """The gradients of ``outputs`` with respect to ``inputs``, as a tuple; no ``.grad`` is touched.

    An input that was not used raises a RuntimeError, or gives None with ``allow_unused``, zeros with
    ``materialize_grads``. With ``create_graph`` the results can be differentiated again.

    >>> import minitorch_bn as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> (g,) = torch.autograd.grad(x**3, x, create_graph=True)
    >>> torch.autograd.grad(g, x)
    (tensor(18.),)
    """
    if is_grads_batched:
        raise NotImplementedError("is_grads_batched is not supported here: call grad once for each vector")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    outs, variables = _as_tuple(outputs), _as_tuple(inputs)
    if not variables:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    roots, grads = _starting_points(outs, grad_outputs)
    edges = [_input_edge(v) for v in variables]
    captures: dict = dict.fromkeys(edges)
    run_backward(roots, grads, create_graph if retain_graph is None else retain_graph, create_graph, captures)
    results = [captures[edge] for edge in edges]
    if materialize_grads:
        zeros = [wrap(np.zeros(v.shape, v._data.dtype)).requires_grad_(create_graph) for v in variables]
        results = [z if g is None else g for g, z in zip(results, zeros)]
    elif not allow_unused:
        for i, result in enumerate(results):
            if result is None:
                raise RuntimeError(
                    f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set "
                    "allow_unused=True if this is the desired behavior."
                )
    return tuple(results)


def _as_tuple(value: Any) -> tuple:
    if isinstance(value, Variable):
        return (value,)
    return tuple(value) if value is not None else ()


def _input_edge(tensor: Any) -> tuple[Node, int]:
    if not isinstance(tensor, Variable):
        raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(tensor).__name__}")
    if not tensor.requires_grad:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return gradient_edge(tensor)


def _starting_points(outputs: tuple, grad_outputs: Any) -> tuple[list, list]:
    """The nodes to start from and the gradients to start with; everything is checked before anything runs."""
    given = _as_tuple(grad_outputs) if grad_outputs is not None else (None,) * len(outputs)
    for g in given:
        if g is not None and not isinstance(g, Variable):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    grads = list(map(_starting_gradient, outputs, given, range(len(outputs))))
    for i, out in enumerate(outputs):
        if not out.requires_grad:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
    return list(map(gradient_edge, outputs)), grads


def _starting_gradient(out: Any, given: Any, i: int) -> Any:
    if given is None:
        if out.requires_grad and out.numel() != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        return wrap(np.ones(out._data.shape, out._data.dtype))
    if given._data.shape != out._data.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {given.shape} and output[{i}] has a shape of "
            f"{out.shape}."
        )
    return given
