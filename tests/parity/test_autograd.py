"""Autograd beside the real PyTorch: the same programs give the same values, gradients and errors.

`autograd_programs.txt` holds short programs, each about one promise; the second half of this file draws programs of
ten steps at random, with views, in-place changes, hooks, custom Functions and grad modes among them.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

import minitorch_bn

torch = pytest.importorskip("torch", reason="the parity suite compares with the real PyTorch")

# Nodes that PyTorch tells apart by memory layout, and that have one name here.
SAME_NODE = {
    "ReshapeAliasBackward0": "ViewBackward0",
    "UnsafeViewBackward0": "ViewBackward0",
    "SqueezeBackward4": "SqueezeBackward1",
}
LIBRARIES = (torch, minitorch_bn)
ERROR_LENGTH = 60  # an error's text has to begin as PyTorch's: what follows may be of more use here


def describe(value, tolerance=None):
    """A result in a form that compares across the two libraries, floats up to rounding."""
    if isinstance(value, (torch.Tensor, minitorch_bn.Tensor)):
        try:
            node = None if value.grad_fn is None else type(value.grad_fn).__name__
            node = SAME_NODE.get(node, node)
        except RuntimeError as error:
            node = describe_error(error)
        tolerance = tolerance or (1e-5 if "32" in str(value.dtype) else 1e-9)
        numbers = Approximately((value.detach().double() + 0).numpy(), tolerance)
        return "tensor", tuple(value.shape), str(value.dtype), value.requires_grad, node, numbers
    if isinstance(value, np.ndarray):
        return "array", str(value.dtype), value.tolist()
    if isinstance(value, (tuple, list)):
        return value if value[:1] == ("tensor",) else [describe(v, tolerance) for v in value]
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, (bool, int, str, Approximately, type(None))):
        return value
    return type(value).__name__


def describe_error(error):
    text = str(error).partition("\n")[0].replace("minitorch_bn", "torch")
    text = text.replace("ReshapeAlias", "View").replace("UnsafeView", "View")
    return type(error).__name__, re.sub(" at 0x[0-9a-f]+", "", text)[:ERROR_LENGTH]


def check_same(ours, theirs, what):
    if ours != theirs:
        if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
            what, ours, theirs = next((f"{what} {i}", a, b) for i, (a, b) in enumerate(zip(ours, theirs)) if a != b)
        raise AssertionError(f"{what} differs:\nPyTorch: {theirs}\nhere:    {ours}")


class Approximately:
    """An array that equals another one up to rounding; NaN equals NaN."""

    def __init__(self, numbers, tolerance):
        self.numbers, self.tolerance = numbers, tolerance

    def __eq__(self, other):
        return np.allclose(self.numbers, other.numbers, rtol=self.tolerance, atol=self.tolerance, equal_nan=True)

    def __repr__(self):
        return repr(self.numbers.tolist())


def outcome(function, *args):
    """What a call gives, or how it fails."""
    try:
        return describe(function(*args))
    except Exception as error:
        return describe_error(error)


# -- written programs ------------------------------------------------------------------------------------------------


def read_programs(name):
    text = (Path(__file__).parent / name).read_text()
    return [program.strip("\n") for program in text.split("\n---\n")]


def run_program(source, library):
    """The value of ``r`` at the end."""
    names = {"torch": library, "np": np, "once_differentiable": library.autograd.function.once_differentiable}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(source, names)
    return names.get("r")


@pytest.mark.parametrize("source", read_programs("autograd_programs.txt"))
def test_program(source):
    theirs, ours = (outcome(run_program, source, library) for library in LIBRARIES)
    check_same(ours, theirs, "r")


# Corners of the engine, each by what it is about.
CORNERS = {
    "inputs of grad may not be empty": "x = torch.ones(2, requires_grad=True); torch.autograd.grad(x.sum(), [])",
    "the text tells which input was not used": """
x = torch.ones(2, requires_grad=True)
torch.autograd.grad(x.sum(), [x, torch.ones(2, requires_grad=True)])""",
    "an input of another type": "x = torch.ones(2, requires_grad=True); torch.autograd.grad(x.sum(), 'x')",
    "an input of backward of another type": "x = torch.ones(2, requires_grad=True); x.sum().backward(inputs=[5])",
    "gradients of another type": "x = torch.ones(2, requires_grad=True); (x * 2).backward([1.0, 2.0])",
    "an input of backward given twice counts once": """
x = torch.ones(2, requires_grad=True); (x * 2).sum().backward(inputs=[x, x]); r = x.grad""",
    "inputs of backward have post-accumulate hooks": """
r = []; x = torch.ones(2, requires_grad=True); x.register_post_accumulate_grad_hook(lambda t: r.append(1))
(x * 3).sum().backward(inputs=[x])""",
    "an input on the way to another is taken before its hooks": """
x = torch.ones(2, requires_grad=True); y = x * 3; y.register_hook(lambda g: g * 2)
r = torch.autograd.grad((y * 3).sum(), [x, y])""",
    "outputs of a Function that are no tensors get None": """
class F(torch.autograd.Function):
    forward = staticmethod(lambda ctx, x: (x * 2, 7))
    backward = staticmethod(lambda ctx, g, h: r.append(h))
r = []; F.apply(torch.ones(2, requires_grad=True))[0].sum().backward()""",
    "a leaf that no longer requires a gradient gets none": """
x = torch.ones(2, requires_grad=True); y = x * 2; x.requires_grad = False; y.sum().backward(); r = x.grad""",
    "an assigned gradient that numpy holds for read-only": """
x = torch.ones(3, requires_grad=True); x.grad = torch.ones(3).expand(3); x.sum().backward(); r = x.grad""",
    "materialized zeros require a gradient with create_graph": """
x, y = (torch.ones(2, requires_grad=True) for _ in range(2))
r = torch.autograd.grad(x.sum(), y, materialize_grads=True, create_graph=True)""",
    "leaves that another graph has too take their gradient as soon as it is there": """
a, b, c, d = leaves = [torch.ones(2, requires_grad=True) for _ in range(4)]; r = []
d.register_hook(lambda g: r.append("d"))
for name, leaf in zip("abc", leaves): leaf.register_post_accumulate_grad_hook(lambda t, name=name: r.append(name))
other = a + b + c + d; y = c * 2 * d; y.register_hook(lambda g: r.append("y"))
z = y * b; z.register_hook(lambda g: r.append("z")); loss = (z * a + c).sum()
loss.backward(retain_graph=True); torch.autograd.grad(loss, [d, y], retain_graph=True)
loss.backward(inputs=[c, a, z]); r += [leaf.grad for leaf in leaves]""",
    "a shared layer's leaves take their gradients before what is below": """
layer = torch.nn.Linear(2, 2); h = torch.ones(1, 2); r = []
for name, leaf in layer.named_parameters(): leaf.register_hook(lambda g, name=name: r.append(name))
for i in range(3):
    h = layer(h).tanh(); h.register_hook(lambda g, i=i: r.append(i))
below = torch.ones(1, 2, requires_grad=True); below.register_hook(lambda g: r.append("below"))
(layer(below * 1) + h).sum().backward()""",
    "hooks of the node between a leaf and its gradient": """
x, y = (torch.ones(2, requires_grad=True) for _ in range(2)); node = (x * 1).grad_fn.next_functions[0][0]; r = []
node.register_prehook(lambda g: r.append("before")); node.register_hook(lambda g, h: r.append("after"))
z = y * 2; z.register_hook(lambda g: r.append("z")); (x * 3 * z).sum().backward()""",
    "gradients lie in memory as their leaves do": """
r = []
for make in (lambda t: t, lambda t: t.t(), lambda t: t[:, ::2], lambda t: t.t()[::2], lambda t: t[:, :1].expand(4, 6)):
    x = make(torch.arange(24.0).reshape(4, 6)).requires_grad_()
    for f in (lambda x: x * 2, lambda x: x.t().contiguous(), lambda x: x * torch.ones(x.shape[::-1]).t(), torch.exp):
        for create_graph in (False, True):
            x.grad = None; f(x).sum().backward(create_graph=create_graph); r.append(x.grad.stride())""",
    "a BatchNorm's node gives a gradient for each edge": """
y = torch.nn.BatchNorm1d(2)(torch.ones(3, 2, requires_grad=True)); r = []
y.grad_fn.register_hook(lambda grads, g: r.append(len(grads))); y.sum().backward()""",
    "a leaf that is a view has views too": """
x = torch.ones(2, 3).t().requires_grad_(); v = x[0]; v.mul_(2); r = v""",
    "a leaf is protected before memory is": """
x = torch.ones(3, 3, requires_grad=True); x.t().add_(x.detach())""",
    "indices and targets that were saved may not change": """
x, r = torch.arange(16.0).reshape(4, 4).requires_grad_(), []
def noticed(function, index, change=lambda i: i.fill_(0)):
    y = function(index); change(index if torch.is_tensor(index) else y[1])
    try:
        (y if torch.is_tensor(y) else y[0]).sum().backward(); r.append("no")
    except RuntimeError as error:
        r.append(str(error)[:90])
i, m = torch.tensor([0, 1, 2, 3]), x.detach() > 5
F = torch.nn.functional
for f in (
    lambda i: x[i], lambda i: x[:, i], lambda i: x[i, i], lambda i: x.index_select(0, i),
    lambda i: F.cross_entropy(x, i), lambda i: F.nll_loss(x, i, ignore_index=1, reduction="sum"),
    lambda i: x.index_put((i,), x * 2),
):
    noticed(f, i.clone())
noticed(lambda m: x[m], m.clone(), lambda m: m.logical_not_())
for f in (lambda _: x.max(0), lambda _: x.min(1, keepdim=True), lambda _: x.median(0), lambda _: x.kthvalue(2)):
    noticed(f, None)
z = x.clone(); j = i.clone(); z[j] = 0.0; noticed(lambda j: z, j)""",
    "None in a Sequential": """
nn = torch.nn; nn.Sequential(nn.BatchNorm1d(2), None, nn.ReLU())(torch.ones(3, 2))""",
    "metadata of a node is the user's": "x = torch.ones(2, requires_grad=True); r = (x * 2).grad_fn.metadata == {}",
}


@pytest.mark.parametrize("what", CORNERS)
def test_corner(what):
    theirs, ours = (outcome(run_program, CORNERS[what], library) for library in LIBRARIES)
    check_same(ours, theirs, what)


# -- random programs -------------------------------------------------------------------------------------------------

UNARY = {
    "neg": lambda t, a: -a,
    "sin": lambda t, a: a.sin(),
    "tanh": lambda t, a: a.tanh(),
    "sigmoid": lambda t, a: a.sigmoid(),
    "abs": lambda t, a: a.abs(),
    "relu": lambda t, a: a.relu(),
    "square": lambda t, a: a * a,
    "pow": lambda t, a: a**3,
    "root": lambda t, a: (a * a + 1).sqrt(),
    "log": lambda t, a: (a.abs() + 1).log(),
    "clone": lambda t, a: a.clone(),
    "detach": lambda t, a: a.detach(),
    "sum": lambda t, a: a.sum(),
    "mean": lambda t, a: a.mean(),
    "float": lambda t, a: a.float(),
    "double": lambda t, a: a.double(),
    "clamp": lambda t, a: a.clamp(-0.5, 0.5),
    "half of it": lambda t, a: a / 2,
    "one minus": lambda t, a: 1 - a,
    "mask": lambda t, a: a[a > 0],
    "nograd": lambda t, a: without_grad(t, lambda: a * 3),
}
UNARY_WITH_DIM = {
    "sum along": lambda t, a, d: a.sum(d),
    "mean keeping": lambda t, a, d: a.mean(d, keepdim=True),
    "cumsum": lambda t, a, d: a.cumsum(d),
    "amax": lambda t, a, d: a.amax(d),
    "max": lambda t, a, d: a.max(d)[0] if a.numel() else None,
    "softmax": lambda t, a, d: a.softmax(d),
    "cat": lambda t, a, d: t.cat([a, a * 2], d),
    "stack": lambda t, a, d: t.stack([a, a], d),
    "flip": lambda t, a, d: a.flip(d),
    "index": lambda t, a, d: a.index_select(d, t.tensor([0, 0])) if a.dim() else None,
}
VIEWS = {
    "flat": lambda t, a: a.reshape(-1),
    "view": lambda t, a: a.view(-1),
    "transposed": lambda t, a: a.transpose(0, -1),
    "slice": lambda t, a: a[..., 1:],
    "step": lambda t, a: a[..., ::2],
    "first": lambda t, a: a[0],
    "last": lambda t, a: a[..., -1],
    "unsqueeze": lambda t, a: a.unsqueeze(0),
    "squeeze": lambda t, a: a.squeeze(),
    "expand": lambda t, a: a.expand(2, *a.shape),
    "diagonal": lambda t, a: a.diagonal(),
    "narrow": lambda t, a: a.narrow(0, 0, 1),
    "unbind": lambda t, a: a.unbind(),
    "split": lambda t, a: a.split(1, -1),
    "chunk": lambda t, a: a.chunk(2),
}
BINARY = {
    "add": lambda t, a, b: a + b,
    "sub": lambda t, a, b: a - b,
    "mul": lambda t, a, b: a * b,
    "div": lambda t, a, b: a / (b * b + 1),
    "maximum": lambda t, a, b: t.maximum(a, b),
    "where": lambda t, a, b: t.where(a > 0, a, b),
    "matmul": lambda t, a, b: a @ b.t() if a.dim() == b.dim() == 2 else None,
}
IN_PLACE = {
    "mul_": lambda t, a: a.mul_(1.5),
    "add_": lambda t, a: a.add_(1),
    "sin_": lambda t, a: a.sin_(),
    "tanh_": lambda t, a: a.tanh_(),
    "relu_": lambda t, a: a.relu_(),
    "neg_": lambda t, a: a.neg_(),
    "clamp_": lambda t, a: a.clamp_(-0.5, 0.5),
    "item": lambda t, a: a.__setitem__((..., 0), 2.0),
    "mask item": lambda t, a: a.__setitem__(a > 0.5, 0.25) if a.dim() and not repeats(a) else None,
    "list item": lambda t, a: a.__setitem__([0, -1], 3.0) if not repeats(a) else None,
    "half of item": lambda t, a: a[0].div_(2),
    "nograd_": lambda t, a: without_grad(t, lambda: a.add_(1)),
}
IN_PLACE_BINARY = {
    "add_": lambda t, a, b: a.add_(apart(a, b)),
    "mul_": lambda t, a, b: a.mul_(apart(a, b)),
    "copy_": lambda t, a, b: a.copy_(apart(a, b)),
    "item": lambda t, a, b: a.__setitem__(0, b * 1),
    "slice item": lambda t, a, b: a.__setitem__((..., slice(1, None)), b * 1),
    "list item": lambda t, a, b: a.__setitem__([0], b * 1) if not repeats(a) else None,
}
OTHER = {
    "hook": lambda t, a: None if a._is_view() else a.register_hook(lambda g: g * 2) and None,
    "retain": lambda t, a: a.retain_grad(),
    "new leaf": lambda t, a: a.detach().clone().requires_grad_(),
    "custom": lambda t, a: customs(t)["Scale"].apply(a, 3.0),
    "custom same": lambda t, a: customs(t)["Same"].apply(a),
    "custom view": lambda t, a: customs(t)["Row"].apply(a),
    "custom in place": lambda t, a: customs(t)["Double_"].apply(a),
}
KINDS = {
    "unary": UNARY,
    "along": UNARY_WITH_DIM,
    "view": VIEWS,
    "binary": BINARY,
    "in place": IN_PLACE,
    "in place binary": IN_PLACE_BINARY,
    "other": OTHER,
}
WEIGHTS = ("unary", "along", "binary", "view", "view", "view", "in place", "in place", "in place binary", "other")


def repeats(a):
    """Whether elements of an expanded tensor share memory; PyTorch lets one assign to some of them, with a warning."""
    return any(stride == 0 and size > 1 for stride, size in zip(a.stride(), a.shape))


def apart(a, b):
    """PyTorch reads what it has just written where operands overlap in another layout: not a result to compare."""
    return b if a.is_contiguous() and b.is_contiguous() else b * 1


def without_grad(library, function):
    with library.no_grad():
        return function()


def customs(library):
    """The same custom Functions in either library."""

    class Scale(library.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.save_for_backward(x)
            ctx.factor = factor
            return x * x * factor

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * ctx.factor * x * g, None

    class Same(library.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    class Row(library.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.shape = x.shape
            return x[0]

        @staticmethod
        def backward(ctx, g):
            return g.expand(ctx.shape)

    class Double_(library.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return g * 2

    return {"Scale": Scale, "Same": Same, "Row": Row, "Double_": Double_}


class Machine:
    """One library's side of a program: every tensor seen so far, and what each step came to."""

    def __init__(self, library, leaves, plain):
        self.library = library
        self.steps, self.start, self.plain = [], leaves, plain
        self.leaves = [library.tensor(v.copy(), requires_grad=True) for v in leaves]
        self.pool = [*self.leaves, library.tensor(plain.copy())]

    def step(self, kind, name, operands, *options):
        """Runs one step; its results join the pool."""
        self.steps.append((kind, name, operands, *options))

        def run():
            values = [self.pool[i] for i in operands]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return KINDS[kind][name](self.library, *values, *options)

        try:
            result = run()
        except Exception as error:
            return describe_error(error)
        results = result if isinstance(result, (tuple, list)) else [result]
        self.pool += [r for r in results if r is not None and not any(r is known for known in self.pool)]
        return describe(result, self.tolerance())

    def loss(self):
        """All that was computed, each element with a weight of its own; what may no longer be used is left out."""
        total, failures = 0, []
        for i, value in enumerate(self.pool):
            try:
                numbers = value.double().reshape(-1)
                weights = self.library.arange(1, numbers.numel() + 1).double() / (i + 1)
                if value.numel():
                    total = total + (numbers * weights).sum()
            except RuntimeError as error:
                failures.append((i, describe_error(error)))
        return total, failures

    def state(self):
        return [(describe(v, self.tolerance()), outcome(lambda v=v: (v.is_leaf, v._version))) for v in self.pool]

    def keeps_gradient(self):
        return [usable(v) and (v.is_leaf or v.retains_grad) for v in self.pool]

    def gradients(self, keeps):
        return [describe(v.grad, self.tolerance()) for v, kept in zip(self.pool, keeps) if kept]

    def tolerance(self):
        """One float32 on the way is enough to round all that comes after."""
        return 1e-5 if any("32" in str(v.dtype) for v in self.pool) else 1e-9


def usable(tensor):
    """Whether PyTorch still lets one look at where the tensor came from."""
    try:
        tensor.grad_fn
    except RuntimeError:
        return False
    return True


def is_error(result):
    return isinstance(result, tuple) and result[0].endswith("Error")


def is_refused(result):
    """Whether backward found a saved value overwritten, or a saved view out of date."""
    texts = ("one of the variables needed for gradient", "is a view and its base")
    return is_error(result) and any(text in result[1] for text in texts)


def same_kind(ours, theirs):
    """A step that is wrong in two ways may be told of either, which does not matter here."""
    return ours[0] == theirs[0] or "and its base or another v" in theirs[1]


def draw_step(data, machine):
    kind = data.draw(st.sampled_from(WEIGHTS))
    name = data.draw(st.sampled_from(sorted(KINDS[kind])))
    choose = st.integers(0, len(machine.pool) - 1)
    operands = [data.draw(choose) for _ in range(2 if "binary" in kind else 1)]
    options = [data.draw(st.integers(-1, 1))] if kind == "along" else []
    return kind, name, operands, *options


def run_both(data, steps):
    """The same random program in both libraries, compared at every step."""
    leaves = [data.draw(st.sampled_from(LEAVES)) for _ in range(2)]
    machines = theirs, ours = [Machine(library, leaves, leaves[0]) for library in LIBRARIES]
    for _ in range(steps):
        step = draw_step(data, theirs)
        note(f"{step}")
        expected, got = (machine.step(*step) for machine in machines)
        if is_error(expected) and "leaf Variable that requires grad" in expected[1] and not is_error(got):
            # PyTorch takes a view for a leaf whose base began to require grad through another view of it
            assume(not theirs.pool[step[2][0]]._is_view())
        if not (is_error(got) and is_error(expected) and same_kind(got, expected)):
            check_same(got, expected, step)
    check_same(ours.state(), theirs.state(), "state")
    return theirs, ours


# What makes the gradient something else than the limit of a quotient.
NOT_DIFFERENTIATED = {
    "detach",
    "new leaf",
    "custom in place",
    "nograd",
    "nograd_",
    "hook",
    "custom same",
    "custom view",
    "float",
}


def check_where_only_pytorch_refuses(machine, leaves, gradients):
    """PyTorch refuses where a saved value was overwritten. It need not have been saved, or may have been copied here:

    then the gradient must be right, which differences tell.
    """
    if machine.tolerance() > 1e-6 or any(name in NOT_DIFFERENTIATED for _, name, *_ in machine.steps):
        return

    def loss(leaves):
        rerun = Machine(minitorch_bn, leaves, machine.plain)
        for step in machine.steps:
            rerun.step(*step)
        return float(rerun.loss()[0])

    for i, gradient in enumerate(gradients):
        for place in np.ndindex(gradient.shape):
            around = []
            for h in (1e-6, -1e-6):
                nudged = [v.copy() for v in leaves]
                nudged[i][place] += h
                around.append(loss(nudged))
            quotient = (around[0] - around[1]) / 2e-6
            np.testing.assert_allclose(gradient[place], quotient, rtol=1e-4, atol=1e-4)


_numbers = np.random.default_rng(13)
LEAVES = [
    np.asarray(_numbers.standard_normal(shape)).round(2, out=np.empty(shape))
    for shape in [(2, 3), (3, 2), (2, 2), (3,), (1, 3), ()]
]
LEAVES += [_numbers.standard_normal((2, 3)).round(2).astype(np.float32)]


@given(st.data())
@settings(max_examples=300, derandomize=True)  # of many thousands of programs, a few hit one of PyTorch's own quirks
def test_random_program(data):
    """Ten steps; then the gradients of everything there is."""
    theirs, ours = run_both(data, steps=10)
    (their_loss, their_failures), (our_loss, our_failures) = theirs.loss(), ours.loss()
    check_same(our_failures, their_failures, "what may still be used")
    expected, got = outcome(lambda: their_loss.backward()), outcome(lambda: our_loss.backward())
    if is_refused(expected) and got is None:
        check_where_only_pytorch_refuses(ours, ours.start, [leaf.grad.numpy() for leaf in ours.leaves])
    elif not (is_error(got) and is_error(expected)):
        check_same(got, expected, "backward")
        keeps = [a and b for a, b in zip(ours.keeps_gradient(), theirs.keeps_gradient())]
        check_same(ours.gradients(keeps), theirs.gradients(keeps), "gradients")


@given(st.data())
@settings(max_examples=150, derandomize=True)
def test_random_program_twice_differentiated(data):
    """Five steps; then the gradients of the gradients' squares."""
    theirs, ours = run_both(data, steps=5)

    def second_gradients(machine):
        loss, _ = machine.loss()
        grad = machine.library.autograd.grad
        first = grad(loss, machine.leaves, create_graph=True, allow_unused=True)
        # the leaves too, since the libraries differ in whether a derivative that is 0 stays connected to them
        squares = sum((g.double() ** 2).sum() for g in [*first, *machine.leaves] if g is not None)
        results = [g if g is None else g.detach() for g in first], grad(squares, machine.leaves)
        return describe(results, machine.tolerance())

    expected, got = (outcome(second_gradients, machine) for machine in (theirs, ours))
    if not is_refused(expected) and not (is_error(got) and is_error(expected)):
        check_same(got, expected, "gradients")
