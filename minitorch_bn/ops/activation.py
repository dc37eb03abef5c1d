"""The activation functions of neural networks, and dropout. Each class names its function and derivative.

At a kink the derivative is the one PyTorch takes, so that training runs agree. Where a branch could overflow its
argument is limited first: the infinity of a branch that is not taken would come back as 0 * inf in a second derivative.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from minitorch_bn import dtypes, random
from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import wrap
from minitorch_bn.kernels import elementwise as kernels
from minitorch_bn.kernels.special import TANH_C, TANH_K
from minitorch_bn.ops._common import canonical_dim, require_tensor

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017, equation 14


class Activation(Operator):
    """A function of one tensor. Half precision is computed in float32 and rounded once, as in PyTorch.

    ``kernel`` names its kernel and, with ``_backward``, that of its first derivative. Subclasses write the derivative
    once more as ``gradient(ctx, g, a)`` on Tensors, with ``ctx.numbers`` for the options: for when it is recorded.
    ``straight`` says that the function is made of straight pieces.
    """

    kernel = derivative = ""
    straight = False

    def gradient(ctx, g, a):
        raise NotImplementedError

    def forward(ctx, a, *numbers):
        ctx.save_for_backward(a)
        ctx.numbers = numbers
        return getattr(kernels, ctx.kernel)(a, *numbers)

    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        mode = thread.mode
        if not mode.grad:
            return wrap(mode.quietly(getattr(kernels, ctx.derivative), g._data, a._data, *ctx.numbers))
        da = ctx.gradient(g.float(), a.float()) if a._data.dtype.itemsize == 2 else ctx.gradient(g, a)
        return Flat.apply(da, a) if ctx.straight else da

    def __init_subclass__(cls, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(name, **kwargs)
        cls.derivative = cls.__dict__.get("derivative") or f"{cls.kernel}_backward"


class Flat(Operator, name="ThresholdBackwardBackward0"):
    """g, and flat in a: the gradient of a straight function, which has zeros for its own, not nothing"""

    def forward(ctx, g, a):
        return g.copy()

    def backward(ctx, u):
        return u, u.new_zeros(u.shape) if ctx.needs_input_grad[1] else None


class LeakyRelu(Activation):
    """a where a > 0, else a slope;  da = g, or g slope"""

    kernel, options, straight = "leaky_relu", 1, True

    def gradient(ctx, g, a):
        return g.where(a > 0, g * ctx.numbers[0])


class LeakyReluInPlace(LeakyRelu, name="LeakyReluBackward1"):
    """leaky ReLU written over its input"""

    __slots__ = ()


class Elu(Activation):
    """scale a where a > 0, else scale alpha (e^(rate a) - 1);  da = g scale, or g scale alpha rate e^(rate a)"""

    kernel, options = "elu", 3

    def gradient(ctx, g, a):
        alpha, scale, rate = ctx.numbers
        slope = (a.masked_fill(a >= 0, 0) * rate).exp() * (alpha * scale * rate)
        return g * slope.where(a <= 0, scale)


class EluInPlace(Elu, name="EluBackward1"):
    """ELU or SELU written over its input"""

    __slots__ = ()


class Celu(Elu):
    """max(a, 0) + min(alpha (e^(a / alpha) - 1), 0)"""

    __slots__ = ()


class CeluInPlace(Elu, name="CeluBackward1"):
    """CELU written over its input"""

    __slots__ = ()


class Gelu(Activation):
    """a Phi(a), Phi the normal distribution function;  da = g (Phi(a) + a e^(-a^2 / 2) / sqrt(2 pi))"""

    kernel = "gelu"

    def gradient(ctx, g, a):
        phi = (a * a * -0.5).exp() * (1 / math.sqrt(2 * math.pi))
        return g * (((a * math.sqrt(0.5)).erf() + 1) * 0.5 + a * phi)


class GeluTanh(Activation, name="GeluBackward0"):
    """a (1 + tanh u) / 2 with u = c (a + k a^3);  da = g (1 + tanh u + a (1 - tanh^2 u) c (1 + 3 k a^2)) / 2

    c = sqrt(2 / pi) and k = 0.044715: Hendrycks and Gimpel 2016, section 2.
    """

    kernel = "gelu_tanh"

    def gradient(ctx, g, a):
        square = a * a
        t = ((a + square * a * TANH_K) * TANH_C).tanh()
        return g * ((t + 1) * 0.5 + a * (1 - t * t) * (square * (1.5 * TANH_K * TANH_C) + 0.5 * TANH_C))


class Silu(Activation):
    """a s with s = sigmoid(a);  da = g s (1 + a (1 - s))"""

    kernel = "silu"

    def gradient(ctx, g, a):
        s = a.sigmoid()
        return g * (s * (a * (1 - s) + 1))


class Mish(Activation):
    """a t with t = tanh(softplus(a));  da = g (t + a sigmoid(a) (1 - t^2))"""

    kernel = "mish"

    def gradient(ctx, g, a):
        t = Softplus.apply(a, 1.0, 20.0).tanh()
        return g * (t + a * a.sigmoid() * (1 - t * t))


class Softplus(Activation):
    """log(1 + e^(beta a)) / beta, a itself where beta a > threshold;  da = g sigmoid(beta a), or g"""

    kernel, options = "softplus", 2

    def gradient(ctx, g, a):
        beta, threshold = ctx.numbers
        scaled = a * beta
        return g.where(scaled > threshold, g * scaled.sigmoid())


class LogSigmoid(Activation):
    """log sigmoid(a) = -log(1 + e^-a), without overflow;  da = g sigmoid(-a)"""

    kernel = "log_sigmoid"

    def gradient(ctx, g, a):
        return g * (-a).sigmoid()


class Hardtanh(Activation):
    """a limited to [low, high];  da = g strictly inside"""

    kernel, options, straight = "hardtanh", 2, True

    def gradient(ctx, g, a):
        low, high = ctx.numbers
        return g.masked_fill(~((a > low) & (a < high)), 0)


class Hardsigmoid(Activation):
    """(a + 3) / 6 limited to [0, 1];  da = g / 6 strictly inside"""

    kernel = "hardsigmoid"

    def gradient(ctx, g, a):
        return (g / 6).masked_fill(~((a > -3) & (a < 3)), 0)


class Hardswish(Activation):
    """a hardsigmoid(a);  da = 0 up to -3, g (2 a + 3) / 6 up to 3, then g"""

    kernel = "hardswish"

    def gradient(ctx, g, a):
        return (g * (a / 3 + 0.5)).where(a < 3, g).masked_fill(a <= -3, 0)


class Hardshrink(Activation):
    """0 where |a| <= lambd, else a;  da = g where |a| > lambd"""

    kernel, derivative, options, straight = "hardshrink", "shrink_backward", 1, True

    def gradient(ctx, g, a):
        (lambd,) = ctx.numbers
        return g.masked_fill(~((a < -lambd) | (a > lambd)), 0)


class Softshrink(Hardshrink):
    """a moved by lambd towards 0, and 0 where it would pass it;  da = g where |a| > lambd"""

    kernel, derivative = "softshrink", "shrink_backward"


class Threshold(Activation):
    """a where a > threshold, else value;  da = g where a > threshold"""

    kernel, options, straight = "threshold", 2, True

    def gradient(ctx, g, a):
        return g.masked_fill(a <= ctx.numbers[0], 0)


class ThresholdInPlace(Threshold, name="ThresholdBackward1"):
    """threshold written over its input"""

    __slots__ = ()


class Prelu(Operator, name="PreluKernelBackward0"):
    """a where a > 0, else w a;  da = g, or g w;  dw = g a where a <= 0"""

    def forward(ctx, a, w):
        ctx.save_for_backward(a, w)
        return kernels.prelu(a, w)

    def backward(ctx, g):
        a, w = ctx.saved_tensors
        mode = thread.mode
        if not mode.grad:
            da, dw = mode.quietly(kernels.prelu_backward, g._data, a._data, w._data)
            return wrap(da), wrap(dw)
        need_a, need_w = ctx.needs_input_grad
        da = g.where(a > 0, g * w) if need_a else None
        return da, (g * a).masked_fill(a > 0, 0) if need_w else None


class Glu(Operator):
    """a s with s = sigmoid(b), a and b the halves of the input;  da = g s,  db = g a s (1 - s)"""

    options = 1

    def forward(ctx, x, dim):
        ctx.save_for_backward(x)
        ctx.dim = dim
        return kernels.glu(x, dim)

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        dim, mode = ctx.dim, thread.mode
        if not mode.grad:
            return wrap(mode.quietly(kernels.glu_backward, g._data, x._data, dim))
        half = x.shape[dim] // 2
        a, s = x.narrow(dim, 0, half), x.narrow(dim, half, half).sigmoid()
        gs = (g * s).unsqueeze(dim)
        first = wrap(np.arange(2).reshape(2, *(1,) * (g._data.ndim - dim)) == 0)
        return gs.where(first, gs * (a * (1 - s)).unsqueeze(dim)).flatten(dim, dim + 1)  # (..., 2, half, ...)


class Dropout(Operator, name="MulBackward0"):
    """a times noise, which is scale where the mask keeps and 0 where not;  da = the same for g"""

    options = 1

    def forward(ctx, a, keep, scale):
        ctx.save_for_backward(keep)
        ctx.scale = scale
        return a * (keep * scale)

    def backward(ctx, g):
        (keep,) = ctx.saved_tensors
        return Dropout.apply(g, keep, ctx.scale), None


# -- functions ---------------------------------------------------------------------------------------------------


def _check_floating(function: str, kernel: str, input: Any) -> None:
    """TypeError for what is no tensor, NotImplementedError (PyTorch's text) for integers and booleans."""
    require_tensor(function, input)
    if input._data.dtype.kind in "iub":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{input.dtype.legacy_name}'")


def relu(input: Any, inplace: bool = False) -> Any:
    """max(input, 0), element by element.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    require_tensor("relu", input)
    return input.relu_() if inplace else input.relu()


def relu_(input: Any) -> Any:
    """``relu`` in place.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.relu_(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return relu(input, inplace=True)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """input where it is positive, else negative_slope * input (Maas et al. 2013).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    _check_floating("leaky_relu", "leaky_relu_cpu", input)
    return LeakyReluInPlace.apply_(input, negative_slope) if inplace else LeakyRelu.apply(input, negative_slope)


def leaky_relu_(input: Any, negative_slope: float = 0.01) -> Any:
    """``leaky_relu`` in place.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.leaky_relu_(torch.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return leaky_relu(input, negative_slope, inplace=True)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """input where it is positive, else alpha * (exp(input) - 1) (Clevert et al. 2016).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.elu(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    _check_floating("elu", "elu_cpu", input)
    return EluInPlace.apply_(input, alpha, 1.0, 1.0) if inplace else Elu.apply(input, alpha, 1.0, 1.0)


def elu_(input: Any, alpha: float = 1.0) -> Any:
    """``elu`` in place.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.elu_(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return elu(input, alpha, inplace=True)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """max(input, 0) + min(alpha * (exp(input / alpha) - 1), 0) (Barron 2017); alpha = 0 is a RuntimeError.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.celu(torch.tensor([-1.0, 2.0]), alpha=2.0)
    tensor([-0.7869,  2.0000])
    """
    _check_floating("celu", "elu_cpu", input)
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return (CeluInPlace.apply_ if inplace else Celu.apply)(input, alpha, 1.0, 1.0 / alpha)


def celu_(input: Any, alpha: float = 1.0) -> Any:
    """``celu`` in place.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.celu_(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return celu(input, alpha, inplace=True)


def selu(input: Any, inplace: bool = False) -> Any:
    """scale * (max(input, 0) + min(alpha * (exp(input) - 1), 0)) with the two constants of Klambauer et al. 2017.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.selu(torch.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    _check_floating("selu", "elu_cpu", input)
    return (EluInPlace.apply_ if inplace else Elu.apply)(input, SELU_ALPHA, SELU_SCALE, 1.0)


def selu_(input: Any) -> Any:
    """``selu`` in place.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.selu_(torch.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    return selu(input, inplace=True)


def gelu(input: Any, *, approximate: str = "none") -> Any:
    """input * Phi(input) with the normal distribution function, or its "tanh" approximation (Hendrycks, Gimpel 2016).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.gelu(torch.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    _check_floating("gelu", "GeluKernelImpl", input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return (Gelu if approximate == "none" else GeluTanh).apply(input)


def silu(input: Any, inplace: bool = False) -> Any:
    """input * sigmoid(input), also known as swish (Elfwing et al. 2017).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.silu(torch.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    _check_floating("silu", "silu_cpu", input)
    return Silu.apply_(input) if inplace else Silu.apply(input)


def mish(input: Any, inplace: bool = False) -> Any:
    """input * tanh(softplus(input)) (Misra 2019).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.mish(torch.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """
    _check_floating("mish", "mish_cpu", input)
    return Mish.apply_(input) if inplace else Mish.apply(input)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta * input)) / beta; where beta * input > threshold, input itself.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.softplus(torch.tensor([-1.0, 30.0]))
    tensor([ 0.3133, 30.0000])
    """
    _check_floating("softplus", "softplus_cpu", input)
    return Softplus.apply(input, beta, threshold)


def logsigmoid(input: Any) -> Any:
    """log(sigmoid(input)), without overflow.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.logsigmoid(torch.tensor([-200.0, 0.0]))
    tensor([-200.0000,   -0.6931])
    """
    _check_floating("log_sigmoid", "log_sigmoid_cpu", input)
    return LogSigmoid.apply(input)


def softsign(input: Any) -> Any:
    """input / (1 + |input|).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.softsign(torch.tensor([-1.0, 0.0, 3.0]))
    tensor([-0.5000,  0.0000,  0.7500])
    """
    require_tensor("softsign", input)
    if input._data.dtype.kind == "b":
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    return input / (input.abs() + 1)


def tanhshrink(input: Any) -> Any:
    """input - tanh(input).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.tanhshrink(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """
    require_tensor("tanhshrink", input)
    return input - input.tanh()


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """input limited to [min_val, max_val]; ValueError if they are the wrong way round.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.hardtanh(torch.tensor([-2.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """
    require_tensor("hardtanh", input)
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if input._data.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    return (Hardtanh.apply_ if inplace else Hardtanh.apply)(input, min_val, max_val)


def hardtanh_(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """``hardtanh`` in place.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.hardtanh_(torch.tensor([-2.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    return hardtanh(input, min_val, max_val, inplace=True)


def relu6(input: Any, inplace: bool = False) -> Any:
    """input limited to [0, 6].

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.relu6(torch.tensor([-1.0, 3.0, 8.0]))
    tensor([0., 3., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """(input + 3) / 6 limited to [0, 1].

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.hardsigmoid(torch.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    _check_floating("hardsigmoid", "hardsigmoid_cpu", input)
    return Hardsigmoid.apply_(input) if inplace else Hardsigmoid.apply(input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """input * hardsigmoid(input) (Howard et al. 2019).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.hardswish(torch.tensor([-4.0, 1.5, 4.0]))
    tensor([-0.0000, 1.1250, 4.0000])
    """
    _check_floating("hardswish", "hardswish_cpu", input)
    return Hardswish.apply_(input) if inplace else Hardswish.apply(input)


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """0 where |input| <= lambd, else input.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.hardshrink(torch.tensor([-1.0, 0.2, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    _check_floating("hardshrink", "hardshrink_cpu", input)
    return Hardshrink.apply(input, lambd)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """input moved by lambd towards 0, where |input| <= lambd 0; RuntimeError for a negative lambd.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.softshrink(torch.tensor([-1.0, 0.2, 2.0]))
    tensor([-0.5000,  0.0000,  1.5000])
    """
    _check_floating("softshrink", "softshrink_check", input)
    limit = dtypes.finfo(input.dtype).max
    if not 0 <= lambd <= limit:
        raise RuntimeError(
            f"lambda must be in range [0, {limit:g}] for input dtype {input.dtype.legacy_name}, but found {lambd:g}"
        )
    return Softshrink.apply(input, lambd)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """input where it is above the threshold, else value.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.threshold(torch.tensor([0.2, 1.0]), 0.5, 0.0)
    tensor([0., 1.])
    """
    require_tensor("threshold", input)
    if input._data.dtype.kind == "b":
        raise NotImplementedError("\"threshold_cpu\" not implemented for 'Bool'")
    return (ThresholdInPlace.apply_ if inplace else Threshold.apply)(input, threshold, value)


def threshold_(input: Any, threshold: float, value: float) -> Any:
    """``threshold`` in place.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.threshold_(torch.tensor([0.2, 1.0]), 0.5, 0.0)
    tensor([0., 1.])
    """
    return Threshold.apply_(input, threshold, value)


def prelu(input: Any, weight: Any) -> Any:
    """input where it is positive, else weight * input (He et al. 2015).

    ``weight`` holds one slope, or one for each channel (dimension 1 of ``input``). Raises RuntimeError if its dtype,
    dimensions or number of slopes do not fit.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.prelu(torch.tensor([[-1.0, -1.0]]), torch.tensor([0.1, 0.5]))
    tensor([[-0.1000, -0.5000]])
    """
    require_tensor("prelu", input)
    require_tensor("prelu", weight, "weight", 2)
    a, w = input._data, weight._data
    if a.dtype != w.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {input.dtype.legacy_name} and {weight.dtype.legacy_name}"
        )
    if w.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}")
    if not a.ndim and w.size != 1:
        raise RuntimeError("Not allow zero-dim input tensor.")
    channels = a.shape[1] if a.ndim > 1 else 1
    if w.size not in (1, channels) or (w.size == 1 and not a.ndim > 1 and channels != 1):
        raise RuntimeError(
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {w.size} and channel "
            f"size = {channels}."
        )
    if w.ndim == 1 and a.ndim != 1:
        weight = weight.reshape((1, w.size) + (1,) * (a.ndim - 2) if a.ndim else ())  # (C,) -> (1, C, 1, ...)
    return Prelu.apply(input, weight)


def glu(input: Any, dim: int = -1) -> Any:
    """a * sigmoid(b), where a and b are the halves of input along ``dim`` (Dauphin et al. 2017).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.glu(torch.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """
    _check_floating("glu", "glu_cpu", input)
    if not input._data.ndim:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    d = canonical_dim(dim, input._data.ndim)
    size = input._data.shape[d]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {d} is size {size}")
    return Glu.apply(input, d)


def _softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    """The dimension PyTorch once chose when none was given."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """exp(input) / sum(exp(input)) along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.softmax(torch.tensor([[0.0, 0.0]]), dim=1)
    tensor([[0.5000, 0.5000]])
    """
    require_tensor("softmax", input)
    return input.softmax(_softmax_dim("softmax", input._data.ndim, _stacklevel) if dim is None else dim, dtype=dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """log(softmax(input)) along ``dim``, computed without the detour.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    require_tensor("log_softmax", input)
    d = _softmax_dim("log_softmax", input._data.ndim, _stacklevel) if dim is None else dim
    return input.log_softmax(d, dtype=dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """softmax(-input) along ``dim``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.softmin(torch.tensor([0.0, 1.0]), dim=0)
    tensor([0.7311, 0.2689])
    """
    require_tensor("softmin", input)
    return (-input).softmax(_softmax_dim("softmin", input._data.ndim, _stacklevel) if dim is None else dim, dtype=dtype)


# -- dropout ------------------------------------------------------------------------------------------------------


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _dropped(input: Any, p: float, inplace: bool, mask_shape: tuple[int, ...] | None) -> Any:
    """input times noise of ``mask_shape``; None draws one number an element, in the order input lies in memory."""
    a = input._data
    if p == 0 or not a.size:
        return input
    if p == 1:
        return input.mul_(wrap(np.zeros((), a.dtype))) if inplace else input * wrap(np.zeros((), a.dtype))
    if a.dtype.kind in "iub":
        raise RuntimeError(f"result type Float can't be cast to the desired output type {input.dtype.legacy_name}")
    if mask_shape is None:
        keep = random.bernoulli_(np.empty_like(a, dtype=np.bool_), 1 - p)
    else:
        keep = random.dropout_mask(mask_shape, p)
    number = np.float32 if a.dtype.itemsize == 2 else a.dtype.type
    scale = a.dtype.type(number(1) / number(1 - p))
    return (Dropout.apply_ if inplace else Dropout.apply)(input, wrap(keep), scale)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """While training, each element becomes 0 with probability p, and the others are divided by 1 - p.

    (Srivastava et al. 2014.) The numbers come from the default generator, two words an element. Without training, and
    for p = 0, the result is the input itself. ValueError for p outside [0, 1].

    >>> import minitorch_bn as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.nn.functional.dropout(torch.ones(6))
    tensor([0., 0., 2., 0., 0., 0.])
    """
    _check_probability(p)
    require_tensor("dropout", input)
    return _dropped(input, p, inplace, None) if training else input


def _channel_dropped(input: Any, p: float, training: bool, inplace: bool) -> Any:
    """Dropout that keeps or drops whole channels: input is (N, C, ...)."""
    shape = input._data.shape
    if not training or p == 0:
        return input
    if len(shape) < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return _dropped(input, p, inplace, shape[:2] + (1,) * (len(shape) - 2))


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of an (N, C, L) or (C, L) input (Tompson et al. 2015).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.dropout1d(torch.ones(1, 2, 3), training=False)
    tensor([[[1., 1., 1.],
             [1., 1., 1.]]])
    """
    _check_probability(p)
    require_tensor("feature_dropout", input)
    ndim = input._data.ndim
    if ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        )
    if ndim == 3:
        return _channel_dropped(input, p, training, inplace)
    dropped = _channel_dropped(input.unsqueeze(0), p, training, inplace)
    return input if inplace else dropped.squeeze(0)


def _warn_unusual_input(name: str, spatial: int, ndim: int) -> None:
    warnings.warn(
        f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an error in a future "
        f"release. To retain the behavior and silence this warning, please use dropout instead. Note that {name} "
        f"exists to provide channel-wise dropout on inputs with {spatial} spatial dimensions, a channel dimension, and "
        f"an optional batch dimension (i.e. {spatial + 1}D or {spatial + 2}D inputs).",
        stacklevel=3,
    )


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of an (N, C, H, W) input; a 3-d one is taken as (N, C, L), as PyTorch does.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.dropout2d(torch.ones(1, 2, 2, 2), p=1.0).sum()
    tensor(0.)
    """
    _check_probability(p)
    require_tensor("feature_dropout", input)
    ndim = input._data.ndim
    if ndim not in (3, 4):
        _warn_unusual_input("dropout2d", 2, ndim)
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a "
            "future release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain "
            "the 1D channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _channel_dropped(input, p, training, inplace)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of an (N, C, D, H, W) or (C, D, H, W) input.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.dropout3d(torch.ones(1, 2, 2, 2, 2), p=1.0).sum()
    tensor(0.)
    """
    _check_probability(p)
    require_tensor("feature_dropout", input)
    ndim = input._data.ndim
    if ndim not in (4, 5):
        _warn_unusual_input("dropout3d", 3, ndim)
    if ndim != 4:
        return _channel_dropped(input, p, training, inplace)
    dropped = _channel_dropped(input.unsqueeze(0), p, training, inplace)
    return input if inplace else dropped.squeeze(0)
