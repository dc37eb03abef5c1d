"""Handing a part of a compiled loop to another thread without Python's lock, in about a microsecond.

To hand work over through Python, both threads need its lock in turn and the other one has to be woken, which takes
longer than many a piece of work. Here a thread that has just worked stays awake for some time in compiled code, where
it looks at a box. Who has work claims the box, puts the addresses of a function and of its arguments in, and does a
part himself.

The first number in a box is its state, which only atomic operations change:

    AWAY      <-> WATCHING             by the box's thread, when it comes and when it leaves
    WATCHING   -> CLAIMED              by a thread that has work; nobody else touches the box from here on
    CLAIMED    -> POSTED               by the same, when the work is described
    POSTED     -> STARTED -> DONE      by the box's thread
    POSTED     -> CLAIMED              or by the other one, which has done its part and takes this one back
    DONE, CLAIMED -> WATCHING          by the thread whose work it was
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from minitorch_bn.kernels import threads
from minitorch_bn.kernels._compiled import inner, named, prepare, primitive

if TYPE_CHECKING:
    from collections.abc import Callable

AWAY, WATCHING, CLAIMED, POSTED, STARTED, DONE = range(6)
STATE, CALLED, FUNCTION, DATA, START, STOP, FAILED, PLACE = range(0, 64, 8)  # bytes from the beginning of a box
LOOKS = 1 << 9  # at a box before other threads are let in

kernel: Any = None  # the loop: a global of its own for each copy of ``_share``


# -- what numba has no word for --------------------------------------------------------------------------------------


@primitive
def load(typing, address):
    """The number at an address."""
    from llvmlite.ir import IntType
    from numba import int64

    def generate(context, builder, signature, args):
        return builder.load_atomic(builder.inttoptr(args[0], IntType(64).as_pointer()), "seq_cst", 8)

    return int64(int64), generate


@primitive
def store(typing, address, value):
    """Puts a number there."""
    from llvmlite.ir import IntType
    from numba import int64, types

    def generate(context, builder, signature, args):
        builder.store_atomic(args[1], builder.inttoptr(args[0], IntType(64).as_pointer()), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(int64, int64), generate


@primitive
def change(typing, address, before, after):
    """Replaces one number by another, if it is the one that is there; whether it was."""
    from llvmlite.ir import IntType
    from numba import boolean, int64

    def generate(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], IntType(64).as_pointer())
        return builder.extract_value(builder.cmpxchg(pointer, args[1], args[2], "seq_cst", "seq_cst"), 1)

    return boolean(int64, int64, int64), generate


@primitive
def described(typing, loop, args):
    """The addresses of ``loop(*args, start, stop)`` as a function of the last two, and of args, while they live."""
    from llvmlite import ir
    from numba import int64, types
    from numba.core import cgutils

    signature = loop.get_call_type(typing, (*args.types, int64, int64), {})

    def generate(context, builder, _, values):
        compiled, packed = loop.dispatcher.overloads[signature.args], values[1]
        context.add_linking_libs([compiled.library])
        work = ir.Function(builder.module, _kind_of_work(), f"{builder.function.name}_work")
        work.linkage = "internal"
        inside = ir.IRBuilder(work.append_basic_block())
        items = cgutils.unpack_tuple(inside, inside.load(inside.bitcast(work.args[0], packed.type.as_pointer())))
        function = context.declare_function(builder.module, compiled.fndesc)
        items += work.args[1:]
        status, _ = context.call_conv.call_function(inside, function, signature.return_type, signature.args, items)
        inside.ret(status.code)
        place = cgutils.alloca_once_value(builder, packed)
        addresses = [builder.ptrtoint(pointer, ir.IntType(64)) for pointer in (work, place)]
        return context.make_tuple(builder, types.UniTuple(int64, 2), addresses)

    return types.UniTuple(int64, 2)(loop, args), generate


@primitive
def call(typing, function, data, start, stop):
    """Does the described work from start to stop; 0, or else the reason why it could not."""
    from llvmlite.ir import IntType
    from numba import int64

    def generate(context, builder, signature, args):
        kind = _kind_of_work()
        function, data = builder.inttoptr(args[0], kind.as_pointer()), builder.inttoptr(args[1], kind.args[0])
        return builder.sext(builder.call(function, [data, args[2], args[3]]), IntType(64))

    return int64(int64, int64, int64, int64), generate


def _kind_of_work() -> Any:
    """code(data, start, stop)"""
    from llvmlite.ir import FunctionType, IntType

    return FunctionType(IntType(32), [IntType(8).as_pointer(), IntType(64), IntType(64)])


@primitive
def processor(typing):
    """The number of the processor that this thread is on, from 1; 0 where the system does not tell."""
    from llvmlite.ir import Constant, FunctionType, IntType
    from numba import int64
    from numba.core.cgutils import get_or_insert_function

    def generate(context, builder, signature, args):
        if not threads.tells_processor():
            return Constant(IntType(64), 0)
        function = get_or_insert_function(builder.module, FunctionType(IntType(32), []), "sched_getcpu")
        return builder.sext(builder.add(builder.call(function, []), Constant(IntType(32), 1)), IntType(64))

    return int64(), generate


@primitive
def let_others_in(typing):
    """Lets threads run that wait for a processor, where the system has a word for that."""
    from llvmlite.ir import FunctionType, IntType
    from numba import types
    from numba.core.cgutils import get_or_insert_function

    def generate(context, builder, signature, args):
        if hasattr(os, "sched_yield"):
            builder.call(get_or_insert_function(builder.module, FunctionType(IntType(32), []), "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate


# -- the two sides ---------------------------------------------------------------------------------------------------


def _serve(box, patience):
    looks = idle = 0
    store(box + STATE, WATCHING)
    while True:
        if load(box + STATE) == POSTED and change(box + STATE, POSTED, STARTED):
            failed = call(load(box + FUNCTION), load(box + DATA), load(box + START), load(box + STOP))
            store(box + FAILED, failed)
            store(box + STATE, DONE)
            idle = 0
        looks += 1
        if looks % LOOKS == 0:
            let_others_in()
            idle += 1
            # Who gave the last work away may be on this very processor: then neither gets on, and this thread leaves.
            is_here = load(box + PLACE) == processor() > 0
            if (is_here or idle >= patience or load(box + CALLED) != 0) and change(box + STATE, WATCHING, AWAY):
                break


@inner
def hand_over(boxes, steps, function, data):
    """Does described work together with the threads that watch these boxes; nonzero if a part of it failed."""
    mine, others = np.empty(len(boxes), np.int64), 0
    for i in range(len(boxes)):
        if others + 1 < steps and change(boxes[i] + STATE, WATCHING, CLAIMED):
            mine[others] = boxes[i]
            others += 1
    for i in range(others):
        store(mine[i] + PLACE, processor())
        store(mine[i] + FUNCTION, function)
        store(mine[i] + DATA, data)
        store(mine[i] + START, steps * (i + 1) // (others + 1))
        store(mine[i] + STOP, steps * (i + 2) // (others + 1))
        store(mine[i] + STATE, POSTED)
    failed = call(function, data, 0, steps // (others + 1))
    for i in range(others):  # who is awake need not have a processor: what has not been started is taken back
        if change(mine[i] + STATE, POSTED, CLAIMED):
            failed |= call(function, data, load(mine[i] + START), load(mine[i] + STOP))
            store(mine[i] + STATE, WATCHING)
            mine[i] = 0
    for i in range(others):
        if mine[i] != 0:
            looks = 0
            while load(mine[i] + STATE) != DONE:
                looks += 1
                if looks % LOOKS == 0:
                    let_others_in()
            failed |= load(mine[i] + FAILED)
            store(mine[i] + STATE, WATCHING)
    return failed


def _share(boxes, steps, args):
    function, data = described(kernel, args)
    return hand_over(boxes, steps, function, data)


def compile_serve(cache: bool) -> Callable[[int, int], None]:
    """``serve(box, patience)``: does what is posted in a box, until nobody has for a while, or somebody calls."""
    import numba

    prepare(globals())
    return numba.njit("void(int64, int64)", nogil=True, cache=cache)(_serve)


def compile_share(loop: Any) -> Callable[..., int]:
    """``share(boxes, steps, args)``: a compiled loop's steps, together with the threads that watch these boxes.

    Nonzero if a part failed. It is kept in the cache of the loop's own file: when the loop changes, so must this. Its
    name tells the version of this file, for it must agree with ``serve``, which is kept by itself.
    """
    import numba

    prepare(globals())
    code = _share.__code__.replace(co_filename=loop.py_func.__code__.co_filename)
    share = named(f"share{loop.__name__}_{_version():x}", code, {**globals(), "kernel": loop}, loop.__module__)
    return numba.njit(nogil=True, cache=True)(share)


@cache
def _version() -> int:
    return crc32(Path(__file__).read_bytes())
