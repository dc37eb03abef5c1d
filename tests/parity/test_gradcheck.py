"""gradcheck's verdicts, first lines, warnings and signatures, compared with PyTorch's."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import minitorch_bn
from minitorch_bn.autograd.gradcheck import GradcheckError

torch = pytest.importorskip("torch")

VALUES = np.random.default_rng(0).standard_normal(3)


def tensor(lib, **options):
    return lib.tensor(VALUES, dtype=options.pop("dtype", lib.float64), **{"requires_grad": True, **options})


def custom(lib, forward, backward):
    class Custom(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, g):
            return backward(*ctx.saved_tensors, g)

    return Custom.apply


def drift(lib):
    calls = []
    return custom(lib, lambda x: x * 2, lambda x, g: calls.append(1) or g * (2 + 1e-9 * len(calls)))


CASES = {
    "right": lambda lib: (lambda x: x * x, tensor(lib)),
    "identity": lambda lib: (lambda x: x, tensor(lib)),
    "view": lambda lib: (lambda x: x.view(3, 1), tensor(lib)),
    "list of outputs": lambda lib: (lambda x: [x * x, x.argmax()][:1], [tensor(lib)]),
    "integer output": lambda lib: (lambda x: x.argmax(), tensor(lib)),
    "empty": lambda lib: (lambda x: x * x, lib.zeros(0, dtype=lib.float64, requires_grad=True)),
    "numbers beside": lambda lib: (lambda x, k: x * k, (tensor(lib), 3)),
    "unused input": lambda lib: (lambda x, y: x * 2, (tensor(lib), tensor(lib))),
    "factor": lambda lib: (custom(lib, lambda x: x * x, lambda x, g: g * x), tensor(lib)),
    "second output": lambda lib: (
        lambda x, y: (x * y, custom(lib, lambda x: x * x, lambda x, g: g * x)(y)),
        (tensor(lib), tensor(lib)),
    ),
    "not multiplied": lambda lib: (custom(lib, lambda x: x * 2, lambda x, g: g * 2 + 1), tensor(lib)),
    "zeros answered": lambda lib: (
        custom(lib, lambda x: x * 2, lambda x, g: g * 2 + (g == 0).all().to(lib.float64)),
        tensor(lib),
    ),
    "detached": lambda lib: (lambda x: x.detach() * 2, tensor(lib)),
    "drift": lambda lib: (drift(lib), tensor(lib)),
    "float32": lambda lib: (lambda x: x * x, tensor(lib, dtype=lib.float32)),
    "no grad wanted": lambda lib: (lambda x: x * x, tensor(lib, requires_grad=False)),
    "stride 0": lambda lib: (lambda x: x * x, lib.zeros(1, dtype=lib.float64).expand(3).requires_grad_()),
}


def outcome(lib, case, check, **options):
    """Result, exception type and first line, and the warnings on the way."""
    func, inputs = CASES[case](lib)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = getattr(lib.autograd, check)(func, inputs, **options)
        except Exception as error:
            first = str(error).split("\n")[0]
            kinds = [c.__name__ for c in type(error).__mro__[:2]]
            result = (kinds, first)
    return result, [(w.category, str(w.message)) for w in caught]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("raise_exception", [True, False])
def test_gradcheck(case, raise_exception):
    ours, theirs = (outcome(lib, case, "gradcheck", raise_exception=raise_exception) for lib in (minitorch_bn, torch))
    assert ours == theirs


@pytest.mark.parametrize("case", ["right", "view", "list of outputs", "numbers beside", "no grad wanted"])
def test_gradgradcheck(case):
    ours, theirs = (outcome(lib, case, "gradgradcheck") for lib in (minitorch_bn, torch))
    assert ours == theirs


def test_numerical_and_analytical_are_printed_as_pytorch_prints_them():
    texts = []
    for lib in (minitorch_bn, torch):
        func, inputs = CASES["factor"](lib)
        with pytest.raises(RuntimeError) as caught:
            lib.autograd.gradcheck(func, inputs)
        texts.append(str(caught.value))
    assert texts[0].startswith(texts[1].rstrip().replace("-0.0000", " 0.0000").split("analytical")[0])


@pytest.mark.parametrize("name", ["gradcheck", "gradgradcheck"])
def test_signatures(name):
    ours, theirs = (inspect.signature(getattr(lib.autograd, name)).parameters for lib in (minitorch_bn, torch))
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


def test_error_class():
    assert GradcheckError.__mro__[1] is RuntimeError
