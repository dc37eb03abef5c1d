"""Tiles: a few rows of a few of the processor's vectors each, which a compiled loop keeps in registers.

A loop that adds products to a tile reads each number once for many of them, and writes nothing until it is done. numba
has no word for that, and what it compiles from plain loops keeps the sums in memory, at half the speed. So these
functions have two forms: here they work on numpy arrays, (rows, columns, lanes), and say what happens; where a loop
that calls them is compiled, each becomes some vector instructions of LLVM.

The arrays are one-dimensional. The numbers of rows and columns are given as tuples of that length, since the compiler
knows the length of a tuple.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Tuple = tuple[int, ...]
    Array = np.ndarray


def instruction(function: Callable) -> Callable:
    """A function that compiled loops replace by the instructions of the same name."""
    function.is_instruction = True  # type: ignore[attr-defined]
    return function


@cache
def machine() -> tuple[int, tuple[tuple[int, int], ...]]:
    """The bytes of a vector, and the tiles, (rows, columns), that its registers have room for, the widest first."""
    features = _features()
    if "avx512f" in features:
        return 64, ((8, 3), (4, 6), (1, 8))
    if "avx" in features:
        return 32, ((4, 3), (1, 8))
    return 16, ((4, 3), (1, 8))


def _features() -> set[str]:
    """What the processor can do, or is to be used of it: numba's variable, which we follow, has ``+avx,-avx512f``."""
    chosen = os.environ.get("NUMBA_CPU_FEATURES")
    if chosen is not None:
        return {feature[1:] for feature in chosen.split(",") if feature.startswith("+")}
    try:
        from llvmlite.binding import get_host_cpu_features

        return {feature for feature, present in get_host_cpu_features().items() if present}
    except Exception:  # nothing will be compiled then
        return set()


def lanes(dtype: np.dtype) -> int:
    """How many numbers a vector has."""
    return machine()[0] // dtype.itemsize


@instruction
def filled(values: Array, at: int, rows: Tuple, columns: Tuple) -> Array:
    """A tile whose rows hold one number each, from ``values[at]`` on.

    >>> filled(np.array([1.0, 2.0]), 0, (0, 0), (0,))[:, 0, 0]
    array([1., 2.])
    """
    shape = len(rows), len(columns), lanes(values.dtype)
    return np.broadcast_to(values[at : at + len(rows), None, None], shape).copy()


@instruction
def add_scaled(tile: Array, w: Array, at: int, x: Array, start: int) -> Array:
    """With the run of ``x`` from ``start`` on, as wide as the tile, added to each row r, times ``w[at + r]``."""
    rows, columns, width = tile.shape
    run = x[start : start + columns * width].reshape(columns, width)
    return tile + w[at : at + rows, None, None] * run


@instruction
def add_products(tile: Array, g: Array, at: int, step: int, x: Array, starts: Array, first: int, j: int) -> Array:
    """With g * x added, lane by lane: row r reads g at ``at + step r``, column c x at ``starts[first + c] + j``."""
    rows, columns, width = tile.shape
    left = np.stack([g[at + step * r :][:width] for r in range(rows)])
    right = np.stack([x[starts[first + c] + j :][:width] for c in range(columns)])
    return tile + left[:, None] * right


@instruction
def write(tile: Array, y: Array, at: int, step: int) -> None:
    """Each row r to ``y`` from ``at + step r`` on."""
    rows = tile.reshape(len(tile), -1)
    for r, row in enumerate(rows):
        y[at + step * r :][: len(row)] = row


@instruction
def add_sums(tile: Array, y: Array, at: int, step: int) -> None:
    """The sum of each vector is added to ``y[at + step row + column]``."""
    for r, row in enumerate(tile.sum(2)):
        y[at + step * r :][: len(row)] += row


@instruction
def copy(x: Array, start: int, y: Array, at: int, count: int) -> None:
    """So many elements of ``x`` to ``y``, another array."""
    y[at : at + count] = x[start : start + count]


@instruction
def copy_every_second(x: Array, start: int, y: Array, at: int, numbers: Tuple) -> None:
    """As many elements of ``x`` as there are numbers, every second from ``start`` on, to ``y``: 4 or 8 at once."""
    y[at : at + len(numbers)] = x[start : start + 2 * len(numbers) - 1 : 2]


@cache
def instructions() -> dict[str, Any]:
    """The compiled forms of the functions above."""
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic, models, register_model

    int64, fused = types.int64, ("contract", "reassoc", "nsz")

    class Tile(types.Type):
        def __init__(self, dtype: Any, rows: int, columns: int) -> None:
            self.dtype, self.rows, self.columns = dtype, rows, columns
            super().__init__(name=f"Tile({dtype}, {rows}, {columns})")

    @register_model(Tile)
    class TileModel(models.PrimitiveModel):  # row after row
        def __init__(self, manager: Any, tile: Tile) -> None:
            number = ir.FloatType() if tile.dtype.bitwidth == 32 else ir.DoubleType()
            vector = ir.VectorType(number, machine()[0] * 8 // tile.dtype.bitwidth)
            super().__init__(manager, tile, ir.ArrayType(vector, tile.rows * tile.columns))

    class Writer:
        """Writes the instructions of one call."""

        def __init__(self, context: Any, builder: Any, tile: Tile) -> None:
            self.context, self.builder, self.tile = context, builder, tile
            self.type = context.get_value_type(tile)
            self.vector, self.bytes = self.type.element, tile.dtype.bitwidth // 8
            self.places = [(r, c, r * tile.columns + c) for r in range(tile.rows) for c in range(tile.columns)]

        def number(self, value: int) -> Any:
            return ir.Constant(ir.IntType(64), value)

        def pointer(self, array_type: Any, array: Any, *terms: Any) -> Any:
            """To the element whose index is the sum of the terms."""
            index = terms[0]
            for term in terms[1:]:
                index = self.builder.add(index, term)
            return self.builder.gep(
                self.context.make_array(array_type)(self.context, self.builder, array).data, [index]
            )

        def at_row(self, at: Any, step: Any, row: int) -> Any:
            return self.builder.add(at, self.builder.mul(step, self.number(row)))

        def vector_at(self, pointer: Any) -> Any:
            return self.builder.bitcast(pointer, self.vector.as_pointer())

        def load(self, pointer: Any) -> Any:
            return self.builder.load(self.vector_at(pointer), align=self.bytes)

        def spread(self, pointer: Any) -> Any:
            """A vector of copies of one number."""
            undefined, lane = ir.Constant(self.vector, ir.Undefined), ir.IntType(32)
            one = self.builder.insert_element(undefined, self.builder.load(pointer), ir.Constant(lane, 0))
            mask = ir.Constant(ir.VectorType(lane, self.vector.count), [0] * self.vector.count)
            return self.builder.shuffle_vector(one, undefined, mask)

        def add(self, value: Any, lefts: list[Any], rights: list[Any]) -> Any:
            """The tile with the product of its row's left and its column's right vector added everywhere."""
            builder = self.builder
            for r, c, i in self.places:
                product = builder.fmul(lefts[r], rights[c], flags=fused)
                value = builder.insert_value(
                    value, builder.fadd(builder.extract_value(value, i), product, flags=fused), i
                )
            return value

    @intrinsic
    def filled(typing: Any, values: Any, at: Any, rows: Any, columns: Any) -> Any:
        tile = Tile(values.dtype, len(rows), len(columns))

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            of, result = Writer(context, builder, tile), ir.Constant(context.get_value_type(tile), ir.Undefined)
            rows = [of.spread(of.pointer(values, args[0], args[1], of.number(r))) for r in range(tile.rows)]
            for r, _, i in of.places:
                result = builder.insert_value(result, rows[r], i)
            return result

        return tile(values, int64, rows, columns), generate

    @intrinsic
    def add_scaled(typing: Any, tile: Any, w: Any, at: Any, x: Any, start: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            of, (value, weights, at, run, start) = Writer(context, builder, tile), args
            numbers = [of.spread(of.pointer(w, weights, at, of.number(r))) for r in range(tile.rows)]
            places = [of.number(c * of.vector.count) for c in range(tile.columns)]
            return of.add(value, numbers, [of.load(of.pointer(x, run, start, place)) for place in places])

        return tile(tile, w, int64, x, int64), generate

    @intrinsic
    def add_products(
        typing: Any, tile: Any, g: Any, at: Any, step: Any, x: Any, starts: Any, first: Any, j: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            of, (value, left, at, step, right, places, first, j) = Writer(context, builder, tile), args
            lefts = [of.load(of.pointer(g, left, of.at_row(at, step, r))) for r in range(tile.rows)]
            where = [builder.load(of.pointer(starts, places, first, of.number(c))) for c in range(tile.columns)]
            return of.add(value, lefts, [of.load(of.pointer(x, right, start, j)) for start in where])

        return tile(tile, g, int64, int64, x, starts, int64, int64), generate

    @intrinsic
    def write(typing: Any, tile: Any, y: Any, at: Any, step: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            of, (value, out, at, step) = Writer(context, builder, tile), args
            for r, c, i in of.places:
                pointer = of.pointer(y, out, of.at_row(at, step, r), of.number(c * of.vector.count))
                builder.store(builder.extract_value(value, i), of.vector_at(pointer), align=of.bytes)
            return context.get_dummy_value()

        return types.void(tile, y, int64, int64), generate

    @intrinsic
    def add_sums(typing: Any, tile: Any, y: Any, at: Any, step: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            of, (value, out, at, step) = Writer(context, builder, tile), args
            for r, c, i in of.places:
                pointer, vector = (
                    of.pointer(y, out, of.at_row(at, step, r), of.number(c)),
                    builder.extract_value(value, i),
                )
                half = of.vector.count
                while half > 1:  # the upper half is added to the lower one
                    half //= 2
                    lower, upper = (
                        ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(start, start + half)))
                        for start in (0, half)
                    )
                    undefined = ir.Constant(vector.type, ir.Undefined)
                    parts = [builder.shuffle_vector(vector, undefined, mask) for mask in (lower, upper)]
                    vector = builder.fadd(*parts, flags=fused)
                total = builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))
                builder.store(builder.fadd(builder.load(pointer), total), pointer)
            return context.get_dummy_value()

        return types.void(tile, y, int64, int64), generate

    @intrinsic
    def copy(typing: Any, x: Any, start: Any, y: Any, at: Any, count: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            source, target = (
                builder.gep(context.make_array(kind)(context, builder, array).data, [index])
                for kind, array, index in ((x, args[0], args[1]), (y, args[2], args[3]))
            )
            cgutils.raw_memcpy(builder, target, source, args[4], x.dtype.bitwidth // 8)
            return context.get_dummy_value()

        return types.void(x, int64, y, int64, int64), generate

    @intrinsic
    def copy_every_second(typing: Any, x: Any, start: Any, y: Any, at: Any, numbers: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            of, (source, start, target, at, _), count = (
                Writer(context, builder, Tile(x.dtype, 1, 1)),
                args,
                len(numbers),
            )
            pointer = ir.VectorType(of.vector.element, count).as_pointer()
            # The second half begins one early, so as to read nothing beyond the last number.
            halves = [
                builder.load(builder.bitcast(of.pointer(x, source, start, of.number(half)), pointer), align=of.bytes)
                for half in (0, count - 1)
            ]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), count), [2 * i + (2 * i >= count) for i in range(count)])
            place = builder.bitcast(of.pointer(y, target, at), pointer)
            builder.store(builder.shuffle_vector(*halves, mask), place, align=of.bytes)
            return context.get_dummy_value()

        return types.void(x, int64, y, int64, numbers), generate

    return {
        "filled": filled,
        "add_scaled": add_scaled,
        "add_products": add_products,
        "write": write,
        "add_sums": add_sums,
        "copy": copy,
        "copy_every_second": copy_every_second,
    }
