"""Several threads at once: each on graphs of its own, with leaves in common, with modes of its own."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

import minitorch_bn as torch


@pytest.fixture(autouse=True)
def _threads_take_turns_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def run_in_threads(work, n=8):
    """Runs work(i) in n threads that start together; raises what any of them raised."""
    barrier, errors = threading.Barrier(n), []

    def target(i):
        try:
            barrier.wait(timeout=30)
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=target, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    if errors:
        raise errors[0]


def test_graphs_of_their_own():
    results = {}

    def work(i):
        x = torch.full((3,), float(i), requires_grad=True)
        for _ in range(50):
            x.grad = None
            y = x * x
            y[0].mul_(2)
            (y * i).sum().backward()
        results[i] = x.grad.tolist()

    run_in_threads(work)
    assert results == {i: [4.0 * i * i, 2.0 * i * i, 2.0 * i * i] for i in range(8)}


def test_leaf_in_common_gets_the_exact_sum():
    x = torch.zeros(100, requires_grad=True)
    steps = 100

    def work(i):
        for _ in range(steps):
            (x * (i + 1)).sum().backward()

    run_in_threads(work)
    assert x.grad.tolist() == [float(steps * sum(range(1, 9)))] * 100  # whole numbers: no rounding


def test_one_graph_run_backward_from_several_threads():
    x = torch.ones(4, requires_grad=True)
    y = (x * x).sum()
    run_in_threads(lambda i: y.backward(retain_graph=True))
    assert x.grad.tolist() == [16.0] * 4


def test_grad_touches_no_common_state():
    x = torch.ones(4, requires_grad=True)
    results = []

    def work(i):
        for _ in range(20):
            (g,) = torch.autograd.grad((x**2 * i).sum(), x)
            results.append((i, g.tolist()))

    run_in_threads(work)
    assert all(g == [2.0 * i] * 4 for i, g in results)
    assert len(results) == 160
    assert x.grad is None


def test_hooks_run_once_for_each_pass():
    x = torch.ones(4, requires_grad=True)
    calls = []
    x.register_hook(lambda g: calls.append(g.tolist()))
    run_in_threads(lambda i: x.sum().backward())
    assert calls == [[1.0] * 4] * 8


def test_modes_are_independent():
    x = torch.ones(2, requires_grad=True)
    barrier = threading.Barrier(8)

    def work(i):
        for _ in range(20):
            with torch.set_grad_enabled(i % 2 == 0):
                barrier.wait(timeout=30)
                y = x * 2
                barrier.wait(timeout=30)
                assert y.requires_grad is (i % 2 == 0)
                assert torch.is_grad_enabled() is (i % 2 == 0)
            assert torch.is_grad_enabled()

    run_in_threads(work)


def test_backward_in_another_thread_than_forward():
    x = torch.ones(2, requires_grad=True)
    y = (x * 3).sum()
    run_in_threads(lambda i: y.backward(), n=1)
    assert x.grad.tolist() == [3.0, 3.0]


def test_numpy_warnings_are_off_in_every_thread():
    def work(i):
        x = torch.zeros(2, requires_grad=True)
        with np.errstate(all="raise"):  # inf and nan are values here, whatever the thread asks of numpy
            y = x.log()
            y.sum().backward()
        assert y.tolist() == [-np.inf, -np.inf]
        assert x.grad.tolist() == [np.inf, np.inf]

    run_in_threads(work)
