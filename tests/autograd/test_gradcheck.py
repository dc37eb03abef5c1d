"""gradcheck and gradgradcheck: right gradients pass, each kind of wrong one is found and named."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_bn as torch
from minitorch_bn.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck


def f64(*shape, seed=0, requires_grad=True):
    values = np.random.default_rng(seed).standard_normal(shape)
    return torch.tensor(values, requires_grad=requires_grad)


def function(forward, backward):
    """A custom Function of one input x: forward(x), backward(x, g)."""

    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, g):
            return backward(*ctx.saved_tensors, g)

    return Custom.apply


def message(func, inputs, check=gradcheck, **options):
    with pytest.raises(GradcheckError) as caught:
        check(func, inputs, **options)
    return str(caught.value)


def normalize(x):
    return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()


HALF_SQUARE = function(lambda x: x * x, lambda x, g: g * x)


class TestRight:
    @pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
    @pytest.mark.parametrize("fast_mode", [False, True])
    @pytest.mark.parametrize(
        "func, shapes",
        [
            (lambda x: x * x, [(3,)]),
            (lambda x: x, [(3,)]),  # the output is the input itself
            (lambda x: x.t(), [(2, 3)]),  # a view
            (lambda x: [x.exp(), x.sum()], [(2, 2)]),
            (lambda x, y: (x * y, y.sin()), [(2, 1), (3,)]),
            (normalize, [(4, 3)]),
            (lambda x: x.sum() * x, [()]),
            (lambda x: x * x, [(0, 3)]),
        ],
    )
    def test_passes(self, check, func, shapes, fast_mode):
        assert check(func, [f64(*s, seed=i) for i, s in enumerate(shapes)], fast_mode=fast_mode) is True

    def test_other_arguments_and_integer_outputs_stand_aside(self):
        x, k = f64(3), torch.tensor([2])
        assert gradcheck(lambda x, k, s, n: (x * k * s, x.argmax()), (x, k, 3, None))
        assert gradcheck(lambda x: x.argmax(), x)

    def test_inputs_that_do_not_require_grad_may_change(self):
        def with_running_mean(x, running):
            running.mul_(0.9).add_(x.detach().mean(0))
            return x - x.mean(0)

        assert gradcheck(with_running_mean, (f64(4, 2), torch.zeros(2, dtype=torch.float64)))

    def test_weights_that_func_finds_elsewhere(self):
        weight = f64(3)
        assert gradcheck(lambda _: weight * weight, weight)
        wrong = function(lambda x: x * x, lambda x, g: g * x)
        assert not gradcheck(lambda _: wrong(weight), weight, raise_exception=False)

    def test_large_magnitudes_use_the_step_that_was_made(self):
        x = torch.tensor([1e8 + 1 / 3], dtype=torch.float64, requires_grad=True)
        assert gradcheck(lambda x: x * 1.0, x)  # 1e8 + 1e-6 is rounded by a third of the step

    def test_computed_and_strided_inputs(self):
        base = f64(3, 4)
        assert gradcheck(lambda x: x**2, base.t())
        assert gradcheck(lambda x: x**2, (base * 2)[:, ::2])

    def test_a_gradient_penalty_inside(self):
        def penalty(x):
            (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
            return (g * g).sum()

        assert gradcheck(penalty, f64(3))

    def test_inside_no_grad(self):
        with torch.no_grad():
            assert gradcheck(lambda x: x.exp(), f64(2))


class TestNothingIsLeftBehind:
    @pytest.mark.parametrize("func", [lambda x: x.exp(), HALF_SQUARE])
    def test_inputs(self, func):
        x = f64(2, 3)
        before, state = x._data.copy(), torch.get_rng_state()
        for check in (gradcheck, gradgradcheck):
            check(func, x, raise_exception=False)
            check(func, x, raise_exception=False, fast_mode=True)
        np.testing.assert_array_equal(x._data, before)
        assert x.grad is None
        assert x.requires_grad
        assert x.is_leaf
        assert torch.equal(torch.get_rng_state(), state)

    def test_inputs_after_an_exception(self):
        x, calls = f64(3), []

        def stops(x):
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return x * 2

        before = x._data.copy()
        with pytest.raises(KeyboardInterrupt):
            gradcheck(stops, x)
        np.testing.assert_array_equal(x._data, before)

    def test_a_func_that_writes_to_its_input(self):
        x = f64(3)
        before = x._data.copy()
        assert "func changed input 0 in place" in message(lambda x: x.data.mul_(2) * 0 + x, x)
        np.testing.assert_array_equal(x._data, before)


class TestReport:
    def test_the_worst_entry(self):
        x = torch.tensor([0.5, -2.0, 1.0], dtype=torch.float64, requires_grad=True)
        lines = message(HALF_SQUARE, x).split("\n")
        assert lines[0] == "Jacobian mismatch for output 0 with respect to input 0,"
        assert lines[1].startswith("numerical:tensor([[")
        assert "3 of 9 entries disagree. The worst:" in lines
        at = lines.index("  d output[0][1] / d input[0][1]")
        assert lines[at + 1] == "  analytic -2, numeric -4"
        assert lines[at + 2] == "  absolute error 2, relative error 0.5"
        assert lines[at + 3] == "  allowed 1e-05 + 0.001 * 4"

    def test_which_input_and_output(self):
        x, y = f64(2), f64(2, seed=1)
        text = message(lambda x, y: (x * y, HALF_SQUARE(y)), (x, y))
        assert text.startswith("Jacobian mismatch for output 1 with respect to input 1,\n")

    def test_false_instead(self):
        assert gradcheck(HALF_SQUARE, f64(3), raise_exception=False) is False
        assert gradcheck(HALF_SQUARE, f64(3), raise_exception=False, fast_mode=True) is False

    def test_a_zero_dim_input_and_output(self):
        assert "  d output[0] / d input[0]\n" in message(HALF_SQUARE, f64())

    def test_the_uniform_gradient_of_a_normalization_hides_nothing(self):
        forgets_the_mean = function(normalize, lambda x, g: g / (x.var(0, unbiased=False) + 1e-5).sqrt())
        assert "entries disagree" in message(forgets_the_mean, f64(4, 2))

    def test_nan_is_a_mismatch(self):
        text = message(function(lambda x: x * 2, lambda x, g: g * np.nan), f64(2))
        assert "NaN or infinity on the analytic side" in text

    def test_an_eps_that_is_lost(self):
        x = torch.tensor([1e12], dtype=torch.float64, requires_grad=True)
        assert "NaN or infinity on the numeric side" in message(lambda x: x * 2, x)


class TestHints:
    def test_float32(self):
        x = torch.tensor([0.3, 1.2], requires_grad=True)
        with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double precision"):
            text = message(lambda x: x * x, x)
        assert "Use float64" in text

    def test_kink(self):
        x = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
        assert "The slope is 0 to the left and 1 to the right: a kink" in message(lambda x: x.relu(), x)

    def test_no_kink_is_seen_in_smooth_functions(self):
        assert "slope" not in message(HALF_SQUARE, f64(5))
        assert "slope" not in message(function(lambda x: x * 1e6, lambda x, g: g), f64(5))

    def test_both_near_zero(self):
        text = message(lambda x: normalize(x).sum(), f64(5, 2), atol=1e-16)
        assert "Both are close to 0" in text
        assert "uniform gradient" in text

    @pytest.mark.parametrize(
        "scale, hint",
        [
            (-1.0, "-1 times the numeric one throughout: a wrong sign?"),
            (0.5, "0.5 times the numeric one throughout: the 2 of a square"),
            (2.0, "2 times the numeric one throughout: a path counted twice?"),
            (5.0, "5 times the numeric one throughout: the input has a size of 5, so a mean whose 1/n is missing"),
            (0.2, "0.2 times the numeric one throughout: the input has a size of 5, so a sum that became a mean?"),
            (0.7, "0.7 times the numeric one throughout."),
        ],
    )
    def test_constant_factor(self, scale, hint):
        assert hint in message(function(lambda x: x.exp(), lambda x, g: g * x.exp() * scale), f64(5))

    def test_transposed_jacobian(self):
        matrix = f64(3, 3, requires_grad=False)
        wrong = function(lambda x: matrix @ x, lambda x, g: matrix @ g)
        assert "transpose of the numeric one" in message(wrong, f64(3))

    def test_transposed_gradient(self):
        wrong = function(lambda x: x.t() * 2, lambda x, g: g * 2)
        assert "gradient is the transpose of the right one" in message(wrong, f64(3, 3))

    @pytest.mark.parametrize("gradient", [lambda x, g: None, lambda x, g: g * 0])
    def test_missing_gradient(self, gradient):
        assert "None or 0 throughout" in message(function(lambda x: x * 2, gradient), f64(3))

    def test_not_multiplied_by_the_gradient(self):
        assert "backward answers zeros" in message(function(lambda x: x * 2, lambda x, g: g * 2 + 1), f64(3))

    def test_random_function(self):
        text = message(lambda x: x * torch.rand(3, dtype=torch.float64), f64(3))
        assert "func answers differently each time" in text


class TestOtherFailures:
    def test_detached(self):
        text = message(lambda x: x.detach() * 2, f64(3))
        assert text.startswith("Numerical gradient for function expected to be zero\n")
        assert "Output 0 depends on input 0" in text

    def test_backward_that_is_not_linear(self):
        only_at_zero = function(lambda x: x * 2, lambda x, g: g * 2 + (1.0 if not g._data.any() else 0.0))
        assert message(only_at_zero, f64(3)) == "backward not multiplied by grad_output"

    def test_backward_that_differs_from_time_to_time(self):
        calls = []
        drifts = function(lambda x: x * 2, lambda x, g: calls.append(1) or g * (2 + 1e-9 * len(calls)))
        assert message(drifts, f64(3)).startswith("Backward is not reentrant, i.e., running backward with same input")
        assert gradcheck(drifts, f64(3), nondet_tol=1e-6)

    def test_second_order(self):
        constant_slope = function(lambda x: x * x, lambda x, g: g * 2 * x.detach())
        assert gradcheck(constant_slope, f64(3))
        assert "None or 0 throughout" in message(constant_slope, f64(3), check=gradgradcheck)
        assert gradgradcheck(constant_slope, f64(3), raise_exception=False) is False

    def test_given_and_strided_grad_outputs(self):
        g = torch.ones(3, dtype=torch.float64, requires_grad=True)
        assert gradgradcheck(lambda x: x.exp(), f64(3), g)
        assert gradgradcheck(lambda x: x.exp(), f64(3), [g], gen_non_contig_grad_outputs=True)
        assert gradgradcheck(lambda x: x.exp(), f64(2, 3), gen_non_contig_grad_outputs=True)


class TestRefusals:
    def test_no_input_requires_grad(self):
        with pytest.raises(ValueError, match="gradcheck expects at least one input tensor to require gradient"):
            gradcheck(lambda x: x, f64(3, requires_grad=False))

    def test_overlapping_memory(self):
        with pytest.raises(RuntimeError, match="The 0th input has a dimension with stride 0"):
            gradcheck(lambda x: x * 2, f64(3, 1).expand(3, 2))

    def test_no_tensor_comes_out(self):
        with pytest.raises(TypeError, match="gradcheck expects func to return a Tensor"):
            gradcheck(lambda x: (x, None), f64(3))

    @pytest.mark.parametrize("option", ["check_forward_ad", "check_batched_grad", "check_batched_forward_grad"])
    def test_forward_mode_and_batches(self, option):
        with pytest.raises(NotImplementedError, match=f"{option}=True is not supported"):
            gradcheck(lambda x: x, f64(3), **{option: True})
        with pytest.raises(NotImplementedError, match="check_fwd_over_rev=True is not supported"):
            gradgradcheck(lambda x: x, f64(3), check_fwd_over_rev=True)

    def test_nothing_to_check(self):
        with pytest.raises(AssertionError, match="at least one of check_forward_ad or check_backward_ad"):
            gradcheck(lambda x: x, f64(3), check_backward_ad=False)
        with pytest.raises(AssertionError, match="at least one of check_fwd_over_rev or check_rev_over_rev"):
            gradgradcheck(lambda x: x, f64(3), check_rev_over_rev=False)

    def test_errors_of_func_pass_through(self):
        with pytest.raises(ZeroDivisionError):
            gradcheck(lambda x: 1 / 0, f64(3), raise_exception=False)


def test_public_names():
    assert torch.autograd.gradcheck is gradcheck
    assert torch.autograd.gradgradcheck is gradgradcheck
    assert issubclass(GradcheckError, RuntimeError)
