"""Handing parts of compiled loops to threads that are awake."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

from minitorch_bn.kernels import _handover as handover
from minitorch_bn.kernels import threads as team
from minitorch_bn.kernels._compiled import Loops, stay_awake

numba = pytest.importorskip("numba", reason="the compiled kernels need numba: pip install minitorch_bn[fast]")


STATE, CALLED, START, STOP = (
    offset // 8 for offset in (handover.STATE, handover.CALLED, handover.START, handover.STOP)
)


def count(x, start, stop):
    for i in range(start, stop):
        x[i] += i


def fail(x, bad, start, stop):
    for i in range(start, stop):
        if x[i] == bad:
            raise MemoryError


def box():
    """Memory of a box, and its address."""
    memory = np.zeros(16, np.int64)
    return memory, memory.ctypes.data


@pytest.fixture
def awake():
    """A thread that is awake at a box, which it leaves when it is called."""
    memory, address = box()
    serve = handover.compile_serve(cache=True)
    thread = threading.Thread(target=serve, args=(address, 1 << 40))
    thread.start()
    while memory[STATE] != handover.WATCHING:
        time.sleep(0.001)
    yield memory
    memory[CALLED] = 1
    thread.join(60)
    assert not thread.is_alive()
    assert memory[STATE] == handover.AWAY


@pytest.fixture(scope="module")
def counting():
    return handover.compile_share(numba.njit(nogil=True)(count))


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 1001])
@pytest.mark.parametrize("absent", [0, 1, 3])
def test_every_step_is_done_once(awake, counting, steps, absent):
    others = [box() for _ in range(absent)]  # threads that are awake, but never get a processor
    for memory, _ in others:
        memory[STATE] = handover.WATCHING
    boxes = np.array([*(address for _, address in others), awake.ctypes.data])
    x = np.zeros(steps)
    for _ in range(50):
        x[:] = 0
        assert counting(boxes, steps, (x,)) == 0
        np.testing.assert_array_equal(x, np.arange(steps))
        for memory, _ in others:
            assert memory[STATE] == handover.WATCHING
    if steps > 1 + absent:
        assert awake[STOP] == steps  # it had the last part


def test_who_is_away_gets_nothing(counting):
    memory, address = box()
    x = np.zeros(100)
    counting(np.array([address]), 100, (x,))
    np.testing.assert_array_equal(x, np.arange(100))
    assert not memory.any()


def test_who_has_nothing_to_do_leaves_after_a_while():
    memory, address = box()
    handover.compile_serve(cache=True)(address, 3)
    assert memory[STATE] == handover.AWAY


@pytest.mark.parametrize("place", [0, 999])
def test_a_part_that_fails_is_noticed(awake, place):
    share = handover.compile_share(numba.njit(nogil=True)(fail))
    x, boxes = np.arange(1000.0), np.array([awake.ctypes.data])
    for _ in range(50):
        assert share(boxes, 1000, (x, -1.0)) == 0
        assert share(boxes, 1000, (x, float(place))) != 0


@pytest.mark.skipif(team.threads() == 1, reason="there is one processor only")
def test_threads_of_the_team_stay_awake_and_take_their_part():
    loops, steps = Loops(count), team.ALONE + 7
    stay_awake()
    team._team.memory[:, STOP] = 0
    deadline = time.monotonic() + 60
    while not team._team.memory[:, STOP].any() and time.monotonic() < deadline:  # on a busy machine some doze off
        x = np.zeros(steps)
        loops(steps, steps, x)
        np.testing.assert_array_equal(x, np.arange(steps))
    assert team._team.memory[:, STOP].max() == steps


@pytest.mark.skipif(team.threads() == 1, reason="there is one processor only")
def test_other_work_calls_them_away():
    stay_awake()
    for _ in range(20):
        seen: list = []
        team.share(seen.append, [(i,) for i in range(team.threads())])
        assert sorted(seen) == list(range(team.threads()))


def test_loops_raise_when_a_part_has_no_memory():
    loops, x = Loops(fail), np.arange(float(team.ALONE + 2))
    for _ in range(20):
        with pytest.raises(MemoryError):
            loops(len(x), len(x), x, x[-1])


@pytest.mark.skipif(not team.tells_processor(), reason="this system does not tell on which processor a thread is")
def test_who_is_on_the_processor_of_the_caller_leaves(counting):
    memory, address = box()
    place = handover.PLACE // 8
    assert place == team.PLACE
    thread = threading.Thread(target=handover.compile_serve(cache=True), args=(address, 1 << 40))
    thread.start()
    deadline = time.monotonic() + 60
    while thread.is_alive() and time.monotonic() < deadline:  # it may move from one to another meanwhile
        for processor in range(max(os.sched_getaffinity(0)) + 1):
            memory[place] = processor + 1
            time.sleep(0.001)
    thread.join(1)
    assert not thread.is_alive()
    assert memory[STATE] == handover.AWAY
    memory[STATE] = handover.WATCHING
    counting(np.array([address]), 2, (np.zeros(2),))
    assert memory[place] > 0
