"""Transformations of functions: every order, any nesting, through Batch Normalization, against exact references."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
    vjp,
    vmap,
)

F = torch.nn.functional
EPS = 1e-5


def tensor(array):
    return torch.tensor(np.asarray(array, np.float64))


class Normalised:
    """A scalar function of a batch-normalised input, in the library and, for complex numbers, in numpy."""

    def __init__(self, rng, training):
        self.x, self.v = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
        self.c = rng.standard_normal((5, 3))
        self.weight, self.bias = np.array([1.5, 0.0, -0.7]), np.array([0.1, 0.3, -0.2])  # one weight is zero
        self.running = np.array([0.2, -0.1, 0.4]), np.array([1.3, 0.6, 2.0])
        self.training = training

    def __call__(self, x):
        running = (None, None) if self.training else map(tensor, self.running)
        y = F.batch_norm(x, *running, tensor(self.weight), tensor(self.bias), self.training, eps=EPS)
        return (y.sin() * tensor(self.c) + y**3).sum()

    def complex(self, x):
        """The same by the definition; no conjugates, so that it is analytic in x."""
        mean, var = self.running
        if self.training:
            mean = x.mean(0)
            var = ((x - mean) ** 2).mean(0)
        y = (x - mean) / np.sqrt(var + EPS) * self.weight + self.bias
        return (np.sin(y) * self.c + y**3).sum()

    def along(self, order, n=64, radius=0.25):
        """d^order/dt^order f(x + t v) at 0 by Cauchy's integral formula: exact but for rounding."""
        points = radius * np.exp(2j * np.pi * np.arange(n) / n)
        coefficients = np.fft.fft([self.complex(self.x + t * self.v) for t in points]) / n
        return coefficients[order].real / radius**order * math.factorial(order)


def directional(kind, f, v):
    """The function x -> d/dt f(x + t v), by one of the transformations."""
    if kind == "jvp":
        return lambda x: jvp(f, (x,), (v,))[1]
    if kind == "linearize":
        return lambda x: linearize(f, x)[1](v)
    if kind == "vjp":
        return lambda x: (vjp(f, x)[1](torch.ones((), dtype=torch.float64))[0] * v).sum()
    return lambda x: ({"grad": grad, "jacrev": jacrev, "jacfwd": jacfwd}[kind](f)(x) * v).sum()


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
class TestOrders:
    @pytest.mark.parametrize("kinds", list(itertools.product(["jvp", "grad"], repeat=4)), ids="-".join)
    def test_four_orders_in_every_nesting(self, rng, training, kinds):
        f = Normalised(rng, training)
        derivative = f
        for order, kind in enumerate(kinds, 1):
            derivative = directional(kind, derivative, tensor(f.v))
            np.testing.assert_allclose(derivative(tensor(f.x)).item(), f.along(order), rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("outer", ["jvp", "linearize", "vjp", "grad", "jacrev", "jacfwd"])
    @pytest.mark.parametrize("inner", ["jvp", "linearize", "vjp", "grad", "jacrev", "jacfwd"])
    def test_any_two(self, rng, training, outer, inner):
        f = Normalised(rng, training)
        second = directional(outer, directional(inner, f, tensor(f.v)), tensor(f.v))
        np.testing.assert_allclose(second(tensor(f.x)).item(), f.along(2), rtol=1e-9, atol=1e-9)

    def test_hessians_agree(self, rng, training):
        f = Normalised(rng, training)
        found = [outer(inner(f))(tensor(f.x)).numpy() for outer in (jacrev, jacfwd) for inner in (jacrev, jacfwd)]
        for h in [*found, hessian(f)(tensor(f.x)).numpy()]:
            np.testing.assert_allclose(h, h.transpose(2, 3, 0, 1), atol=1e-10)
            np.testing.assert_allclose(np.einsum("ij,ijkl,kl", f.v, h, f.v), f.along(2), rtol=1e-9)

    def test_hessian_of_a_network(self, rng, training):
        model = torch.nn.Sequential(
            torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
        ).double()
        model.train(training)
        torch.nn.init.zeros_(model[1].weight)
        x, target = tensor(rng.standard_normal((6, 3))), torch.tensor([0, 1, 1, 0, 1, 0])
        buffers = {name: b.clone() for name, b in model.named_buffers()}
        parameters = {name: p.detach() for name, p in model.named_parameters()}

        def loss(parameters):
            return F.cross_entropy(functional_call(model, (parameters, buffers), x), target)

        h = hessian(loss)(parameters)
        step = 1e-5
        for name in ("1.weight", "1.bias", "0.weight"):
            shift = torch.zeros_like(parameters[name])
            shift[0] = step
            above = grad(loss)({**parameters, name: parameters[name] + shift})
            below = grad(loss)({**parameters, name: parameters[name] - shift})
            for other in parameters:
                block = h[other][name]
                numeric = (above[other] - below[other]) / (2 * step)
                summed = block.flatten(numeric.dim())[..., : shift[0].numel()].sum(-1)
                torch.testing.assert_close(summed, numeric, rtol=1e-5, atol=1e-8)


class TestOneTape:
    def test_variables_are_not_mixed_up(self):
        # d/dx (x * d/dy (x + y)) = 1; a tape that takes the inner x for y says 2 (Siskind and Pearlmutter, 2005)
        x = torch.tensor(3.0)
        for outer, inner in itertools.product(("jvp", "grad"), repeat=2):
            one = torch.tensor(1.0)
            f = directional(outer, lambda x: x * directional(inner, lambda y: x + y, one)(x), one)  # noqa: B023
            assert f(x).item() == 1.0

    def test_surrounding_tape_goes_on(self):
        w = torch.tensor(2.0, requires_grad=True)
        g = grad(lambda x: w * x**3)(torch.tensor(5.0))
        g.backward()
        assert w.grad.item() == 75.0
        x = torch.tensor(5.0, requires_grad=True)
        jvp(lambda x: x**3, (x,), (torch.tensor(2.0),))[1].backward()
        assert x.grad.item() == 60.0
        x.grad = None
        output, pull = vjp(lambda x: x**3, x)
        (output + pull(torch.tensor(1.0))[0]).backward()
        assert x.grad.item() == 75.0 + 30.0

    def test_tangents_and_cotangents_can_be_differentiated(self):
        x, v = torch.tensor([1.0, 2.0]), torch.ones(2, requires_grad=True)
        jvp(lambda x: x**2, (x,), (v,))[1].sum().backward()
        assert v.grad.tolist() == [2.0, 4.0]
        u = torch.ones(2, requires_grad=True)
        vjp(lambda x: x**2, x)[1](u)[0].sum().backward()
        assert u.grad.tolist() == [2.0, 4.0]

    def test_results_are_free_of_history_where_nothing_asks_for_it(self):
        x = torch.tensor([1.0, 2.0])
        output, pull = vjp(lambda x: (x * x, x.view(2)), x)
        gradient, (value, aux) = grad_and_value(lambda x: ((x * x).sum(), x * 2), has_aux=True)(x)
        _, tangent = jvp(torch.exp, (x,), (x,))
        results = [*output, *pull((x, x)), gradient, value, aux, tangent, jacrev(torch.exp)(x), hessian(torch.sum)(x)]
        assert not any(result.requires_grad for result in results)
        assert x.grad is None
        assert not x.requires_grad

    def test_no_grad_outside_and_inside(self):
        x = torch.tensor(3.0, requires_grad=True)
        with torch.no_grad():
            assert (grad(torch.square)(x).item(), grad(torch.square)(x).requires_grad) == (6.0, False)
        assert grad(torch.no_grad()(torch.square))(x).item() == 0.0

    def test_input_changed_in_place_is_refused_before_it_is_touched(self):
        for x in (torch.ones(2), torch.ones(2, requires_grad=True) * 1):
            with pytest.raises(RuntimeError, match=r"in-place operation|being modified inplace"):
                grad(lambda x: x.mul_(3).sum())(x)
            assert x.tolist() == [1.0, 1.0]

    def test_pull_can_be_called_again(self):
        _, pull = vjp(torch.exp, torch.tensor([0.0, 0.0]))
        assert pull(torch.ones(2))[0].tolist() == pull(torch.ones(2))[0].tolist() == [1.0, 1.0]

    def test_function_runs_once(self):
        bn = torch.nn.BatchNorm1d(2)
        for transform in (grad, jacrev, jacfwd, hessian):
            bn.reset_running_stats()
            transform(lambda x: bn(x).sum())(torch.randn(4, 2))
            assert bn.num_batches_tracked.item() == 1


class TestZeros:
    """What has no derivative contributes zeros, in forward mode too."""

    def test_kinks_steps_and_integers(self):
        x, v = torch.tensor([-1.0, 0.0, 2.0]), torch.ones(3)
        assert jvp(torch.relu, (x,), (v,))[1].tolist() == [0.0, 0.0, 1.0]
        assert jvp(torch.sign, (x,), (v,))[1].tolist() == [0.0, 0.0, 0.0]
        assert jvp(torch.floor, (x,), (v,))[1].tolist() == [0.0, 0.0, 0.0]
        assert jvp(lambda x: x.clamp(0, 1), (x,), (v,))[1].tolist() == [0.0, 1.0, 0.0]
        assert jvp(torch.argmax, (x,), (v,))[1].dtype == torch.int64
        assert jvp(lambda x: x > 0, (x,), (v,))[1].dtype == torch.bool
        assert jvp(lambda x: jvp(torch.relu, (x,), (v,))[1], (x,), (v,))[1].tolist() == [0.0, 0.0, 0.0]

    def test_unused_inputs_detached_and_constant_parts(self):
        x, v = torch.tensor([1.0, 2.0]), torch.ones(2)
        assert jvp(lambda a, b: a * 2, (x, x), (v, v))[1].tolist() == [2.0, 2.0]
        assert jvp(lambda a: a.detach() * a, (x,), (v,))[1].tolist() == [1.0, 2.0]
        assert jacfwd(lambda a: torch.ones(2))(x).tolist() == [[0.0, 0.0], [0.0, 0.0]]
        assert hessian(lambda a: a.sum())(x).tolist() == [[0.0, 0.0], [0.0, 0.0]]
        assert [h.tolist() for h in hessian(lambda a, b: (a * a).sum(), argnums=(0, 1))(x, x)[1]] == [
            [[0.0, 0.0]] * 2
        ] * 2

    def test_infinite_slope_stays_infinite(self):
        assert jvp(torch.sqrt, (torch.tensor([0.0]),), (torch.ones(1),))[1].tolist() == [math.inf]

    def test_in_place_on_intermediates(self):
        def f(x):
            y = x * 1
            y[0] = x[1] * x[0]
            y.mul_(x)
            return y

        x, v = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 10.0])
        assert jacrev(f)(x).tolist() == jacfwd(f)(x).tolist() == [[30.0, 9.0], [0.0, 10.0]]
        assert jvp(f, (x,), (v,))[1].tolist() == [120.0, 100.0]

    def test_custom_function(self):
        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return 3 * x**2 * g

        x, v = torch.tensor(2.0), torch.tensor(1.0)
        assert jvp(lambda x: jvp(Cube.apply, (x,), (v,))[1], (x,), (v,))[1].item() == 12.0


class Twice(torch.nn.Module):
    """A buffer that is assigned anew, one that is changed in place, and a parameter with two names."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.ones(1))
        self.b = self.a
        self.register_buffer("count", torch.zeros(1))
        self.register_buffer("total", torch.zeros(1))

    def forward(self, x):
        self.count = self.count + 1
        self.total.add_(x.sum())
        return x * self.a * self.b


class TestFunctionalCall:
    def test_module_comes_out_as_it_went_in(self):
        model = Twice()
        before = dict(model.named_parameters(remove_duplicate=False)), dict(model.named_buffers())
        state = {"a": torch.tensor([3.0]), "count": torch.tensor([5.0]), "total": torch.tensor([1.0])}
        assert functional_call(model, state, torch.tensor([2.0])).tolist() == [18.0]
        assert (state["count"].tolist(), state["total"].tolist()) == ([6.0], [3.0])
        assert model.a is model.b is before[0]["a"]
        assert all(model._buffers[name] is buffer for name, buffer in before[1].items())
        assert (model.count.tolist(), model.total.tolist()) == ([0.0], [0.0])

    def test_also_after_an_error(self):
        model = torch.nn.Linear(2, 2)
        weight = model.weight
        with pytest.raises(RuntimeError):
            functional_call(model, {"weight": torch.ones(2, 3)}, torch.ones(1, 2))
        assert model.weight is weight

    def test_ties(self):
        x, three = torch.tensor([1.0]), torch.tensor([3.0])
        assert functional_call(Twice(), {"b": three}, x).tolist() == [9.0]
        assert functional_call(Twice(), {"a": three}, x, tie_weights=False).tolist() == [3.0]
        with pytest.raises(
            ValueError, match=r"functional_call got multiple values for keys \['a', 'b'\], which are tied"
        ):
            functional_call(Twice(), {"a": three, "b": torch.tensor([3.0])}, x)

    @pytest.mark.parametrize(
        "state, strict, error, text",
        [
            (
                3,
                False,
                ValueError,
                "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got <c",
            ),
            ([3], False, ValueError, "Expected all elements of parameter_and_buffer_dicts to be dictionaries"),
            (
                ({"weight": 1}, {"weight": 1}),
                False,
                ValueError,
                "['weight'] appeared in multiple dictionaries; behavior of",
            ),
            ({"weight": 3}, False, TypeError, "3 is not an instance of torch.Tensor"),
            ({"a.foo": torch.ones(1)}, False, AttributeError, "BatchNorm1d has no attribute `a`"),
            (
                {"foo": torch.ones(1)},
                True,
                RuntimeError,
                "Error(s) in reparametrizing for BatchNorm1d:\n\tUnexpected key(s): 'foo'.\n\tMissing key(s): 'bias', "
                "'num_batches_tracked', 'running_mean', 'running_var', 'weight'.",
            ),
        ],
    )
    def test_errors(self, state, strict, error, text):
        with pytest.raises(error) as caught:
            functional_call(torch.nn.BatchNorm1d(2), state, torch.randn(3, 2), strict=strict)
        assert str(caught.value).startswith(text)

    def test_batch_norm_trains_its_given_buffers(self):
        bn, x = torch.nn.BatchNorm1d(2), torch.tensor([[1.0, 10.0], [3.0, 30.0]])
        buffers = {name: b.clone() for name, b in bn.named_buffers()}
        gradient = grad(lambda p: functional_call(bn, (p, buffers), x).pow(2).sum())(dict(bn.named_parameters()))
        torch.testing.assert_close(gradient["weight"], torch.tensor([4.0, 4.0]), rtol=1e-4, atol=0)
        # one step with momentum 0.1 from mean 0 and variance 1: PyTorch 2.13 gives these
        torch.testing.assert_close(buffers["running_mean"], torch.tensor([0.2, 2.0]))
        torch.testing.assert_close(buffers["running_var"], torch.tensor([1.1, 20.9]))
        assert buffers["num_batches_tracked"].item() == 1
        assert bn.running_mean.tolist() == [0.0, 0.0]


class TestVmap:
    def test_ensemble(self):
        torch.manual_seed(0)
        models = [torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)) for _ in range(4)]
        parameters, buffers = stack_module_state(models)
        x = torch.randn(5, 2)

        def run(parameters, buffers):
            return functional_call(models[0], (parameters, buffers), x)

        together = vmap(run)(parameters, buffers)
        apart = torch.stack([model(x) for model in models])
        torch.testing.assert_close(together, apart)
        means = torch.stack([model[1].running_mean for model in models])
        torch.testing.assert_close(buffers["1.running_mean"], means)

    def test_gradients_of_each_sample(self):
        w, x = torch.randn(3), torch.randn(4, 3)
        each = vmap(grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))(w, x)
        torch.testing.assert_close(each, 2 * (x @ w).unsqueeze(1) * x)

    def test_shared_running_estimates_are_refused_untouched(self):
        bn = torch.nn.BatchNorm1d(2)
        with pytest.raises(RuntimeError, match="Batch norm got a batched tensor as input while the running_mean or"):
            vmap(bn)(torch.randn(3, 4, 2))
        assert bn.running_mean.tolist() == [0.0, 0.0]
        assert bn.num_batches_tracked.item() == 0
        bn.eval()
        assert vmap(bn)(torch.randn(3, 4, 2)).shape == (3, 4, 2)
        assert vmap(torch.func.replace_all_batch_norm_modules_(bn))(torch.randn(3, 4, 2)).shape == (3, 4, 2)
        bn = torch.nn.BatchNorm1d(2)
        bn(torch.randn(4, 2))  # outside, everything is as before
        assert bn.num_batches_tracked.item() == 1

    def test_random_numbers_refused_leave_the_generator_alone(self):
        torch.manual_seed(0)
        with pytest.raises(RuntimeError, match="vmap: called random operation while in randomness error mode"):
            vmap(lambda x: x + torch.randn(()))(torch.ones(3))
        first = torch.randn(2)
        torch.manual_seed(0)
        assert first.tolist() == torch.randn(2).tolist()

    def test_outputs_of_different_forms(self):
        with pytest.raises(RuntimeError, match="for one sample and"):
            vmap(lambda x: x if x > 0 else (x, x))(torch.tensor([1.0, -1.0]))


def test_reached_through_the_package():
    assert torch.vmap is vmap
    assert torch.func.grad is grad
