"""The switch that says whether the tape records: as context, decorator and function, and for each thread its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

import minitorch_bn as torch

enabled = torch.is_grad_enabled


@pytest.fixture(autouse=True)
def _switch_is_put_back():
    yield
    assert enabled()
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize(
    "context, inside",
    [
        (torch.no_grad, False),
        (torch.enable_grad, True),
        (torch.inference_mode, False),
        (lambda: torch.inference_mode(False), True),
        (lambda: torch.set_grad_enabled(False), False),
        (lambda: torch.set_grad_enabled(True), True),
    ],
)
@pytest.mark.parametrize("outside", [False, True])
def test_context_sets_and_puts_back(context, inside, outside):
    with torch.set_grad_enabled(outside):
        with context():
            assert enabled() is inside
        assert enabled() is outside


def test_nothing_is_recorded():
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        y = x * 2
        leaf = torch.ones(2, requires_grad=True)
    assert not y.requires_grad
    assert y.grad_fn is None
    assert leaf.requires_grad


def test_recording_inside_no_grad():
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad(), torch.enable_grad():
        y = (x * 2).sum()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_exception_puts_the_switch_back():
    with pytest.raises(KeyError), torch.no_grad(), torch.enable_grad(), torch.inference_mode():
        raise KeyError
    assert enabled()


def test_context_may_be_entered_again_inside_itself():
    context = torch.no_grad()
    with context:
        with context:
            assert not enabled()
        assert not enabled()
    with context:
        assert not enabled()


def test_set_grad_enabled_acts_at_once():
    torch.set_grad_enabled(False)
    assert not enabled()
    torch.set_grad_enabled(mode=True)
    assert enabled()
    assert repr(torch.set_grad_enabled(True)) == "torch.autograd.grad_mode.set_grad_enabled(mode=True)"


def test_inference_mode_is_reported():
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled()
        with torch.inference_mode(mode=False):
            assert not torch.is_inference_mode_enabled()
            assert enabled()
        assert torch.is_inference_mode_enabled()


# -- decorators ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "decorator, inside",
    [
        (torch.no_grad, False),
        (torch.no_grad(), False),
        (torch.enable_grad, True),
        (torch.enable_grad(), True),
        (torch.inference_mode, False),
        (torch.inference_mode(), False),
        (torch.inference_mode(False), True),
    ],
)
def test_decorator(decorator, inside):
    @decorator
    def function(a, *, b):
        """Its text."""
        return enabled(), a, b

    assert function(1, b=2) == (inside, 1, 2)
    with torch.set_grad_enabled(not inside):
        assert function(1, b=2)[0] is inside
    assert function.__name__ == "function"
    assert function.__doc__ == "Its text."


def test_decorating_with_set_grad_enabled_does_not_switch_when_defined():
    @torch.set_grad_enabled(False)
    def function():
        return enabled()

    assert enabled()
    assert not function()


def test_decorated_function_may_call_itself():
    @torch.no_grad()
    def function(n):
        return enabled() if n == 0 else function(n - 1)

    assert function(5) is False


def test_decorated_function_in_several_threads():
    barrier = threading.Barrier(2)
    seen = []

    @torch.no_grad()
    def function():
        barrier.wait(timeout=10)
        seen.append(enabled())
        barrier.wait(timeout=10)

    threads = [threading.Thread(target=function) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False, False]


def test_generator_is_switched_only_while_it_runs():
    @torch.no_grad()
    def numbers():
        sent = yield enabled()
        try:
            yield sent, enabled()
        except ValueError:
            yield "caught", enabled()
        return "done"

    def outer():
        result = yield from numbers()
        yield result

    generator = outer()
    assert next(generator) is False
    assert enabled()
    assert generator.send("sent") == ("sent", False)
    assert enabled()
    assert generator.throw(ValueError("x")) == ("caught", False)
    assert enabled()
    assert next(generator) == "done"


def test_generator_is_switched_while_it_cleans_up():
    seen = []

    @torch.no_grad()
    def numbers():
        try:
            yield 1
        finally:
            seen.append(enabled())

    generator = numbers()
    next(generator)
    generator.close()
    assert seen == [False]


def test_error_inside_a_generator_gets_out():
    @torch.no_grad()
    def numbers():
        yield 1
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        list(numbers())


def test_methods_can_be_decorated():
    class Model:
        @torch.no_grad()
        def predict(self, x):
            return x * 2

    x = torch.ones(1, requires_grad=True)
    assert not Model().predict(x).requires_grad


# -- threads ---------------------------------------------------------------------------------------------------------


def test_new_thread_records_whatever_its_maker_does():
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_switching_in_a_thread_stays_there():
    thread = threading.Thread(target=lambda: torch.set_grad_enabled(False))
    thread.start()
    thread.join()
    assert enabled()


def test_context_around_an_await():
    async def work():
        with torch.no_grad():
            await asyncio.sleep(0)
            return enabled()

    assert asyncio.run(work()) is False
