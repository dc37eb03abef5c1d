"""What every operator promises, checked for each row of ``tests/operator_table.py``."""

from __future__ import annotations

import gc
import importlib
import itertools
import pkgutil
import weakref
from pathlib import Path

import numpy as np
import operator_table
import pytest
from operator_table import ROWS

import minitorch_bn as torch
from minitorch_bn.autograd.node import Operator

DTYPES = [np.dtype(d) for d in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")]

# How the shapes of a row's inputs are chosen where the row leaves them open, for up to three inputs.
SHAPES = {
    "same shapes": ((2, 3), (2, 3), (2, 3)),
    "broadcast": ((2, 3), (3,), (2, 1)),
    "zero-dim": ((), (), ()),
    "zero-size": ((0, 3), (0, 3), (1, 3)),
}


def cases():
    for number, row in enumerate(ROWS):
        name = f"{row.operator.__qualname__}-{number}"
        if all(i.shape is not None for i in row.inputs):
            yield pytest.param(row, [i.shape for i in row.inputs], id=name)
            continue
        for how, shapes in SHAPES.items():
            if how != "broadcast" or len(row.inputs) > 1:
                yield pytest.param(row, shapes[: len(row.inputs)], id=f"{name}-{how}")


every_case = pytest.mark.parametrize("row, shapes", list(cases()))
every_row = pytest.mark.parametrize("row, shapes", [c for c in cases() if c.id.count("-") == 1 or "same" in c.id])


def draw(row, shapes, rng):
    return [np.asarray(i.draw(rng, shape)) for i, shape in zip(row.inputs, shapes)]


def tensors(row, arrays, requires_grad=True):
    """The arrays as tensors; gradients go where the row says so."""
    return [
        torch.from_numpy(a).requires_grad_(requires_grad and i.differentiable and a.dtype.kind == "f")
        for i, a in zip(row.inputs, arrays)
    ]


def outputs(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def floats(result):
    return [t for t in outputs(result) if t.is_floating_point()]


def assert_close(ours, reference, eps):
    """Within 32 roundings of the largest value: what remains of a sum may be smaller than its terms."""
    ours, reference = ours.astype(np.float64), np.asarray(reference, np.float64)
    assert ours.shape == reference.shape
    np.testing.assert_allclose(ours, reference, rtol=32 * eps, atol=32 * eps * np.abs(reference).max(initial=0.0))


# -- every operator is here ----------------------------------------------------------------------------------------


def subclasses(cls):
    for subclass in cls.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def test_every_operator_has_a_row():
    package = importlib.import_module("minitorch_bn")
    for folder in ("autograd", "ops"):
        path = [str(Path(p) / folder) for p in package.__path__]
        for module in pkgutil.iter_modules(path, f"minitorch_bn.{folder}."):
            importlib.import_module(module.name)
    listed = {row.operator for row in ROWS} | set(operator_table.ABSTRACT)
    missing = [
        f"{cls.__module__}.{cls.__qualname__}"
        for cls in subclasses(Operator)
        if cls.__module__.startswith("minitorch_bn.") and cls not in listed
    ]
    assert not missing, (
        f"no row in {operator_table.__file__} for {', '.join(missing)}. Write one each: row(the class, a call on "
        "Tensors that uses it, the same in numpy, an input for each argument)."
    )


@every_row
def test_the_row_is_about_its_operator(row, shapes, rng):
    result = row.call(*tensors(row, draw(row, shapes, rng)))
    waiting, found = [t.grad_fn for t in outputs(result) if t.grad_fn is not None], set()
    while waiting:
        node = waiting.pop()
        found.add(type(node))
        waiting += [n for n, _ in node.next_functions if n is not None]
    assert row.operator in found or not any(t.requires_grad for t in outputs(result))


# -- forward -------------------------------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_forward(row, shapes, dtype, rng):
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in draw(row, shapes, rng)]
    result = row.call(*tensors(row, arrays))
    reference = row.reference(*(a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays))
    for ours, expected in zip(outputs(result), outputs(reference), strict=True):
        exact = ours._data.dtype.kind in "iub"
        assert_close(ours.detach().numpy(), expected, 0 if exact else np.finfo(dtype).eps)


@every_row
def test_result_dtype(row, shapes, rng):
    drawn = draw(row, shapes, rng)
    for dtype in filter(row.result, DTYPES):
        arrays = drawn
        if dtype.kind != "f":  # small and not 0: integers do not divide by it
            arrays = [1 + np.abs(3 * a) // 1 if a.dtype.kind == "f" else a for a in arrays]
        arrays = [np.asarray(a, dtype) if i.differentiable else a for i, a in zip(row.inputs, arrays)]
        result = outputs(row.call(*tensors(row, arrays)))
        assert result[0]._data.dtype == row.result(dtype)


@every_case
def test_inputs_are_not_changed(row, shapes, rng):
    arrays = draw(row, shapes, rng)
    before = [a.copy() for a in arrays]
    inputs = tensors(row, arrays)
    leaves = [t for t in inputs if t.requires_grad]
    outs = [t for t in floats(row.call(*inputs)) if t.requires_grad]
    if row.orders and outs:
        torch.autograd.grad(outs, leaves, [torch.ones_like(t) for t in outs], allow_unused=True)
    for now, then in zip(arrays, before):
        np.testing.assert_array_equal(now, then)


@every_case
def test_memory_is_shared_by_views_only(row, shapes, rng):
    inputs = tensors(row, draw(row, shapes, rng), requires_grad=False)
    for out in outputs(row.call(*inputs)):
        shared = any(np.shares_memory(out._data, t._data) for t in inputs)
        assert shared == (row.operator.is_view and out._data.size > 0)


# -- layouts -------------------------------------------------------------------------------------------------------


def transposed(a):
    """The same values in column-major order."""
    return np.asfortranarray(a) if a.ndim else a


def sliced(a):
    """The same values, every other element of a larger array."""
    large = np.zeros([2 * n for n in a.shape], a.dtype)
    view = large[(..., *(slice(None, None, 2) for _ in a.shape))]
    view[...] = a
    return view


@every_row
@pytest.mark.parametrize("layout", [transposed, sliced])
def test_layouts(row, shapes, layout, rng):
    arrays = draw(row, shapes, rng)
    results = []
    for inputs in (tensors(row, arrays), tensors(row, map(layout, arrays))):
        outs = outputs(row.call(*inputs))
        wanted = [t for t in outs if t.requires_grad]
        leaves = [t for t in inputs if t.requires_grad]
        seeds = [torch.from_numpy(np.cos(np.arange(t.numel())).reshape(t.shape)).to(t.dtype) for t in wanted]
        grads = torch.autograd.grad(wanted, leaves, seeds, allow_unused=True) if row.orders and wanted else ()
        results.append([t._data for t in (*outs, *grads) if t is not None])
    for plain, other in zip(*results, strict=True):
        assert_close(other, plain, np.finfo(np.float64).eps)


# -- gradients -----------------------------------------------------------------------------------------------------


@every_case
def test_gradients_fit_their_inputs(row, shapes, rng):
    drawn = draw(row, shapes, rng)
    dtypes = [d for d in DTYPES if d.kind == "f" and row.result(d)]
    for dtype, create_graph in itertools.product(dtypes, (True, False)):
        inputs = tensors(row, [a.astype(dtype) if a.dtype.kind == "f" else a for a in drawn])
        leaves = [t for t in inputs if t.requires_grad]
        outs = [t for t in floats(row.call(*inputs)) if t.requires_grad]
        if not row.orders or not outs:
            return
        seeds = [torch.ones_like(t) for t in outs]
        for leaf, grad in zip(leaves, torch.autograd.grad(outs, leaves, seeds, None, create_graph, allow_unused=True)):
            assert grad is None or (grad.shape == leaf.shape and grad.dtype == leaf.dtype)


def directional_derivative(row, arrays, seeds, directions):
    """d/dv1 d/dv2 ... of the outputs' projection on ``seeds``, as many orders as directions; a number."""
    inputs = tensors(row, arrays)
    leaves = [t for t in inputs if t.requires_grad]
    outs = floats(row.call(*inputs))
    value = sum((t * torch.from_numpy(s)).sum() for t, s in zip(outs, seeds))
    for direction in directions:
        if not value.requires_grad:
            return 0.0
        grads = torch.autograd.grad(value, leaves, create_graph=True, allow_unused=True)
        value = sum((g * torch.from_numpy(v)).sum() for g, v in zip(grads, direction) if g is not None)
        if not isinstance(value, torch.Tensor):
            return 0.0
    return value.item()


@every_case
@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradients(row, shapes, order, rng):
    if order > row.orders:
        return
    arrays = draw(row, shapes, rng)
    outs = floats(row.call(*tensors(row, arrays)))
    seeds = [np.asarray(rng.standard_normal(t.shape)) for t in outs]
    moving = [k for k, i in enumerate(row.inputs) if i.differentiable]
    directions = [[np.asarray(rng.standard_normal(arrays[k].shape)) for k in moving] for _ in range(order)]

    def below(step):
        """The derivative of the order below, a step away in the last direction."""
        moved = list(arrays)
        for k, v in zip(moving, directions[-1]):
            moved[k] = np.asarray(arrays[k] + step * v)
        return directional_derivative(row, moved, seeds, directions[:-1])

    # Four points: the error is of the order of h^4, and rounding contributes 1e-16 / h.
    h = 1e-3
    expected = (8 * (below(h) - below(-h)) - (below(2 * h) - below(-2 * h))) / (12 * h)
    ours = directional_derivative(row, arrays, seeds, directions)
    assert ours == pytest.approx(expected, rel=1e-6, abs=1e-8)


# -- the tape ------------------------------------------------------------------------------------------------------


@every_row
def test_nothing_is_recorded_without_grad(row, shapes, rng):
    inputs = tensors(row, draw(row, shapes, rng))
    with torch.no_grad():
        for out in outputs(row.call(*inputs)):
            assert out.grad_fn is None
            assert not out.requires_grad or row.operator.is_view  # a view takes that over from its base, as in PyTorch


@every_row
def test_reference_counting_frees_the_graph(row, shapes, rng):
    arrays = draw(row, shapes, rng)
    gc.disable()
    try:
        leaves = tensors(row, arrays)
        inputs = [t.clone() for t in leaves]
        outs = outputs(row.call(*inputs))
        wanted = [t for t in outs if t.requires_grad]
        seeds = [torch.ones_like(t) for t in wanted]
        sources = [t for t in leaves if t.requires_grad]
        grads = (
            torch.autograd.grad(wanted, sources, seeds, create_graph=True, allow_unused=True)
            if row.orders and wanted
            else ()
        )
        alive = [weakref.ref(t) for t in (*inputs, *outs, *grads) if t is not None]
        alive += [weakref.ref(t.grad_fn) for t in (*inputs, *outs, *grads) if t is not None and t.grad_fn is not None]
        del inputs, outs, wanted, seeds, grads
        assert [ref() for ref in alive if ref() is not None] == []
    finally:
        gc.enable()
