"""``explain``: Batch Normalization step by step with one layer's own numbers, beside what the layer really did.

Everything is computed here a second time, in float64 and by the textbook's steps, and then compared: with a copy of the
layer that ran forward and backward, and with the gradients that the tape finds for the same elementary steps.
"""

from __future__ import annotations

import copy
import warnings
from types import SimpleNamespace
from typing import Any

from minitorch_bn import creation
from minitorch_bn._tensor import Tensor
from minitorch_bn.autograd import grad, is_grad_enabled
from minitorch_bn.autograd.grad_mode import inference_mode
from minitorch_bn.dtypes import float64
from minitorch_bn.insight._report import Explanation, Section, Step
from minitorch_bn.insight.comparison import compare
from minitorch_bn.nn.modules._running_stats import is_redirected
from minitorch_bn.nn.modules.batchnorm import _BatchNorm
from minitorch_bn.nn.modules.batchrenorm import _BatchRenorm
from minitorch_bn.nn.modules.frozen_batchnorm import _FrozenBatchNorm
from minitorch_bn.nn.parameter import is_lazy


def explain(bn: Any, x: Tensor, grad_output: Tensor | None = None) -> Explanation:
    """Batch Normalization of ``x`` by the layer ``bn``, step by step, forward and backward, with all numbers.

    Shows the mean and both variances and where each is used, the normalised values, gamma and beta, the running update
    written out, and the backward pass twice: as nine elementary steps and as the closed form with P. Each is compared
    with what the layer really did (or, inside the nine steps, with what the tape finds), and what looks wrong is named.

    Args:
        bn: a BatchNorm1d, 2d or 3d (also frozen), in training or evaluation. It is not changed, nor is ``x``.
        x: an input of the layer, of any floating-point dtype that it takes.
        grad_output: the gradient of the output, of the same shape; default: cos(0), cos(1), cos(2), ... since a
            uniform gradient has no effect through Batch Normalization.

    Returns:
        An object that prints as text and shows itself as tables in a notebook. ``e["xhat"]`` or ``e.values`` give the
        intermediates as float64 tensors, ``e.comparisons`` how each compared, ``e.findings`` what looks wrong.

    Raises:
        TypeError: ``bn`` is no BatchNorm layer.
        ValueError, RuntimeError: as the layer itself for input that it does not take.

    Source: Ioffe and Szegedy (2015), Algorithm 1 and section 3, https://arxiv.org/abs/1502.03167.

    >>> import minitorch_bn as torch
    >>> bn = torch.nn.BatchNorm1d(2)
    >>> e = torch.explain(bn, torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    >>> e["mean"].tolist(), e["var"].tolist(), e["var_unbiased"].tolist()
    ([2.0, 20.0], [1.0, 100.0], [2.0, 200.0])
    >>> print(e.section("running"))
    Running estimates: they follow the batch, for evaluation later
                                                         the layer  channel 0  channel 1
    ------------------------------------------------------------------------------------
    running_mean         0.9 * old + 0.1 * mean          exact            0.2          2
    running_var          0.9 * old + 0.1 * var_unbiased  exact            1.1       20.9
    num_batches_tracked  0 + 1                           exact              1          1
    channel 0: running_mean = 0.9 * 0 + 0.1 * 2 = 0.2
    channel 0: running_var = 0.9 * 1 + 0.1 * 2 = 1.1
    >>> bn.running_mean, e.ok  # nothing has changed
    (tensor([0., 0.]), True)
    """
    _check(bn, x, grad_output)
    recording = is_grad_enabled()
    with inference_mode(False):  # recording is on, whatever the caller's mode is
        return _Working(bn, x, grad_output, recording).explanation()


def _check(bn: Any, x: Any, grad_output: Any) -> None:
    if isinstance(bn, _BatchRenorm):
        raise TypeError(
            f"explain() takes a BatchNorm layer, not {type(bn).__name__}\n"
            "Batch Renormalization corrects the batch's statistics by the running ones, and has other formulas."
        )
    if not isinstance(bn, (_BatchNorm, _FrozenBatchNorm)):
        raise TypeError(
            f"explain() takes a BatchNorm1d, BatchNorm2d or BatchNorm3d, not {type(bn).__name__}\n"
            "Of a model, take one layer: explain(model[1], input_of_that_layer)."
        )
    if any(map(is_lazy, (*bn.parameters(), *bn.buffers()))):
        raise ValueError(f"{type(bn).__name__} does not know its channels yet\nCall it once: layer(x).")
    if not isinstance(x, Tensor):
        raise TypeError(f"explain() takes a Tensor as input, not {type(x).__name__}\ntorch.tensor(...) makes one.")
    if grad_output is not None and tuple(grad_output.shape) != tuple(x.shape):
        raise ValueError(
            f"grad_output has shape {list(grad_output.shape)}, the output of the layer {list(x.shape)}\n"
            "It is the gradient of the output: one number for each of its elements."
        )
    ghosts = getattr(bn, "virtual_batch_size", None)
    if ghosts is not None and bn.training and len(x) > ghosts:
        raise ValueError(
            f"the layer splits the {len(x)} samples into ghost batches of {ghosts}, each with statistics of its own\n"
            f"Explain one of them: explain(bn, x[:{ghosts}])."
        )


class _Real:
    """What the layer does with the input: its output, its new running estimates, its gradients. A copy of it did it.

    ``bare``: with gamma 1, beta 0 and momentum 1, so that the output is what it normalised to, and the running
    estimates are the statistics that it took.
    """

    def __init__(self, bn: Any, x: Tensor, g: Tensor, bare: bool = False) -> None:
        layer = copy.copy(bn)
        parameters = {name: _copy_of(p) for name, p in bn._parameters.items()}
        buffers = {name: _copy_of(b) for name, b in bn._buffers.items()}
        layer.__dict__.update(_parameters=parameters, _buffers=buffers)
        if bare:
            layer.momentum = 1.0
            for name, value in (("weight", 1), ("bias", 0)):
                if getattr(layer, name) is not None:
                    getattr(layer, name).fill_(value)
        leaves = {name: p.requires_grad_() for name, p in parameters.items() if p is not None}
        leaves["x"] = x.clone().requires_grad_(x.is_floating_point())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is not finite is among the findings
            y = layer.forward(leaves["x"])  # not layer(x): hooks are not asked
        found = grad(y, list(leaves.values()), g.to(y.dtype), allow_unused=True)
        gradients = dict(zip(leaves, found))
        self.y = y.detach()
        self.dx, self.dgamma, self.dbeta = (gradients.get(name) for name in ("x", "weight", "bias"))
        self.running_mean, self.running_var = layer.running_mean, layer.running_var
        self.num_batches_tracked = getattr(layer, "num_batches_tracked", None)


_RESULTS = ("y", "dx", "dgamma", "dbeta", "running_mean", "running_var", "num_batches_tracked")
_NOTHING = SimpleNamespace(**dict.fromkeys(_RESULTS))  # what a layer does with input that it refuses


def _copy_of(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.detach().clone()


class _Working:
    """The whole calculation for one layer and one batch, noted step by step."""

    def __init__(self, bn: Any, x: Tensor, grad_output: Tensor | None, recording: bool) -> None:
        self.bn, self.recording = bn, recording
        self.axis = bn.channel_dim % max(x.dim(), 1)
        self.training = bn.training and not getattr(bn, "_frozen", isinstance(bn, _FrozenBatchNorm))
        self.by_batch = self.training or bn.running_mean is None or bn.running_var is None
        updates = self.training and bn.track_running_stats and bn.running_mean is not None
        self.held = updates and is_redirected(bn)
        self.updates = updates and not self.held
        self.given = grad_output is not None
        if grad_output is None:
            grad_output = creation.arange(x.numel(), dtype=float64).cos().reshape(x.shape)
        self.x, self.g = x.detach(), grad_output.detach().to(x.dtype).double()
        self.refusal: str | None = None
        self.real: Any = _NOTHING
        self.bare: Any = _NOTHING
        try:
            self.real, self.bare = _Real(bn, self.x, self.g), _Real(bn, self.x, self.g, bare=True)
        except ValueError as error:
            if not str(error).startswith("Expected more than 1 value per channel"):
                raise
            self.refusal = f"the layer refuses this batch: {error}"
        self.dims = tuple(dim for dim in range(x.dim()) if dim != self.axis)
        self.channels = x.shape[self.axis]
        self.count = x.numel() // max(self.channels, 1)
        self.gamma = creation.ones(self.channels, dtype=float64) if bn.weight is None else bn.weight.detach().double()
        self.beta = creation.zeros(self.channels, dtype=float64) if bn.bias is None else bn.bias.detach().double()
        self.values: dict[str, Tensor] = {}
        self.sections: list[Section] = []

    def explanation(self) -> Explanation:
        """All sections, with what looks wrong and the comparisons."""
        if self.count:
            self.forward()
            self.running()
            self.backward_in_steps()
            self.backward_at_once()
        return Explanation(self)

    # -- noting ------------------------------------------------------------------------------------------------------

    def section(self, name: str, title: str, against: str) -> None:
        """Begins a section; ``against``: what its steps are compared with."""
        self.sections.append(Section(name, title, against, [], []))

    def note(self, name: str, formula: str, value: Tensor, real: Tensor | None = None, scale: Any = None) -> Tensor:
        """Notes a step; ``scale``: the size of what was added up, beside which a rounding is small."""
        self.values[name] = value = value.detach()
        compared = None if real is None else compare(value, real.detach(), scale)
        self.sections[-1].steps.append(Step(name, formula, value, compared))
        return value

    def spread(self, per_channel: Tensor) -> Tensor:
        """(C,) -> (1, C, 1, ...), or wherever the channels are."""
        return per_channel.reshape([-1 if dim == self.axis else 1 for dim in range(self.x.dim())])

    def mean(self, v: Tensor) -> Tensor:
        return v.mean(self.dims)

    def sum(self, v: Tensor) -> Tensor:
        return v.sum(self.dims)

    def largest(self, v: Tensor) -> Tensor:
        """The largest magnitude in each channel, where it broadcasts against the input."""
        return v.abs().amax(self.dims, keepdim=True)

    # -- forward -----------------------------------------------------------------------------------------------------

    def forward(self) -> None:
        """From the input to the output, in a graph of nine steps that the tape records in float64."""
        bn, real, bare = self.bn, self.real, self.bare
        batch = "the batch's own mean and variance"
        which = batch if self.by_batch else "the running estimates, which are constants here"
        self.section("forward", f"Forward: normalised with {which}", "the layer")
        self.graph = _NineSteps(self)
        n = self.graph
        bare_mean, bare_var = (bare.running_mean, bare.running_var) if self.moves() else (None, None)
        if self.by_batch:
            size = self.largest(self.x.double()).reshape(-1)
            self.note("mean", "mu = mean(x)", n.mean, bare_mean, size)
            self.note("centred", "x - mu", n.centred)
            self.note("squared", "(x - mu)^2", n.squared)
            self.note("var", f"biased: mean((x - mu)^2), / {self.count}: normalises", n.var)
            if self.count > 1:
                unbiased = self.sum(n.squared) / (self.count - 1)
                formula = f"unbiased: sum / ({self.count} - 1): for running_var"
                self.note("var_unbiased", formula, unbiased, bare_var)
        else:
            self.note("mean", "mu = running_mean", n.mean)
            self.note("var", "running_var", n.var)
            self.note("centred", "x - mu", n.centred)
        self.note("std", f"sqrt(var + {bn.eps:g})", n.std)
        self.note("inv_std", "r = 1 / std", n.inv_std)
        self.note("xhat", "(x - mu) * r", n.xhat, bare.y, self.largest(n.xhat))
        self.note("gamma", "weight" if bn.weight is not None else "1: affine=False", self.gamma)
        self.note("scaled", "gamma * xhat", n.scaled)
        self.note("beta", "bias" if bn.bias is not None else "0: no bias", self.beta)
        self.note("y", "gamma * xhat + beta", n.y, real.y, self.largest(n.scaled) + self.largest(n.y))

    def moves(self) -> bool:
        """Whether the running estimates take this batch in: with statistics that they cannot hold it is left out."""
        if not self.updates or self.refusal:
            return False
        dtype, steps = self.bn.running_mean.dtype, self.graph
        largest = steps.var * self.count / (self.count - 1)
        return bool((steps.mean.to(dtype).isfinite() & largest.to(dtype).isfinite()).all())

    def running(self) -> None:
        """How the running estimates move, if they do."""
        bn, v = self.bn, self.values
        if not self.updates or self.refusal:
            return
        self.section("running", "Running estimates: they follow the batch, for evaluation later", "the layer")
        section, real = self.sections[-1], self.real
        count = bn.num_batches_tracked
        factor = bn.momentum
        if factor is None:
            factor = 0.0 if count is None else 1 / (count.item() + 1)
        finite = self.moves()
        old_part, new_part = f"{1 - factor:.4g}", f"{factor:.4g}"
        for name, batch in (("running_mean", "mean"), ("running_var", "var_unbiased")):
            old = getattr(bn, name).double()
            after = (1 - factor) * old + factor * v[batch] if finite else old
            formula = f"{old_part} * old + {new_part} * {batch}" if finite else "stays: the batch is not finite"
            size = ((1 - factor) * old).abs() + (factor * v[batch]).abs()
            self.note(name, formula, after, getattr(real, name), size if finite else None)
            if finite:
                terms = f"{old_part} * {old[0].item():.4g} + {new_part} * {v[batch][0].item():.4g}"
                section.notes.append(f"channel 0: {name} = {terms} = {after[0].item():.4g}")
        if count is not None:
            formula = f"{count.item()} + {int(finite)}"
            after = creation.full((self.channels,), count.item() + int(finite), dtype=float64)
            self.note("num_batches_tracked", formula, after, real.num_batches_tracked.double().expand(self.channels))
        if bn.momentum is None and count is not None:
            section.notes.append(f"momentum=None: the plain average of {count.item() + 1} batches")

    # -- backward ----------------------------------------------------------------------------------------------------

    def backward_in_steps(self) -> None:
        """The chain rule through the nine steps, last to first; each against the tape's gradient of the same value."""
        n, real, g, m = self.graph, self.real, self.g, self.count
        tape = n.gradients(g)
        v = self.values
        gamma, r, centred, std = self.spread(self.gamma), self.spread(v["inv_std"]), v["centred"], v["std"]
        self.section("steps", "Backward, the long way: the chain rule through each step, last to first", "tape, layer")
        self.note("dy", "grad_output" if self.given else "cos(0), cos(1), ...: none was given", g)
        real_dbeta = real.dbeta
        self.note("dbeta", "9  sum(dy)", self.sum(g), real_dbeta, self.sum(g.abs()))
        dscaled = self.note("dscaled", "9  dy", g, tape["scaled"])
        real_dgamma = real.dgamma
        xhat = v["xhat"]
        self.note("dgamma", "8  sum(dscaled * xhat)", self.sum(g * xhat), real_dgamma, self.sum((g * xhat).abs()))
        dxhat = self.note("dxhat", "8  dscaled * gamma", dscaled * gamma, tape["xhat"])
        size = self.largest(dxhat * r)
        if not self.by_batch:
            self.note("dx", "7  dxhat * r: mu and r are constants", dxhat * r, real.dx, size)
            return
        scale = self.sum((dxhat * centred).abs())
        dinv = self.note("dinv_std", "7  sum(dxhat * (x - mu))", self.sum(dxhat * centred), tape["inv_std"], scale)
        first = self.note("dcentred_1", "7  dxhat * r", dxhat * r)
        scale = scale / std**2
        dstd = self.note("dstd", "6  -1 / std^2 * dinv_std", -dinv / std**2, tape["std"], scale)
        scale = scale / std
        dvar = self.note("dvar", "5  0.5 / std * dstd", 0.5 / std * dstd, tape["var"], scale)
        dsquared = self.spread(dvar / m).expand(g.shape)
        self.note("dsquared", f"4  dvar / {m}, for each value", dsquared, tape["squared"], self.spread(scale / m))
        second = self.note("dcentred_2", "3  2 * (x - mu) * dsquared", 2 * centred * dsquared)
        scale = self.largest(first) + 2 * self.largest(centred) * self.spread(scale / m)
        formula = "2  the two paths meet: dcentred_1 + dcentred_2"
        dcentred = self.note("dcentred", formula, first + second, tape["centred"], scale)
        dmean = self.note("dmean", "2  -sum(dcentred)", -self.sum(dcentred), tape["mean"], m * scale.reshape(-1))
        spread = self.spread(dmean / m).expand(g.shape)
        self.note("dx_mean", f"1  dmean / {m}, for each value", spread)
        self.note("dx", "   dcentred + dx_mean", dcentred + spread, real.dx, scale)

    def backward_at_once(self) -> None:
        """The same by the closed form."""
        v, g, real = self.values, self.g, self.real
        xhat, gamma, r = v["xhat"], self.spread(self.gamma), self.spread(v["inv_std"])
        size = self.largest(gamma * r * g)
        title = "Backward, the short way: dx = gamma * r * P(dy),  P(v) = v - mean(v) - xhat * mean(v * xhat)"
        if not self.by_batch:
            self.section(
                "closed", "Backward, the short way: dx = gamma * r * dy, the statistics being constants", "layer"
            )
            self.note("gx", "gamma * r * dy", gamma * r * g, real.dx, size)
        else:
            title = "Backward, the short way: dx = gamma * r * P(dy),  P(v) = v - mean(v) - xhat * mean(v * xhat)"
            self.section("closed", title, "the layer")
            mean_g = self.note("mean_dy", "mean(dy): what a shift would do", self.mean(g))
            mean_gx = self.note("mean_dy_xhat", "mean(dy * xhat): what a stretch would do", self.mean(g * xhat))
            P = self.note("P", "P(dy): neither is seen behind", g - self.spread(mean_g) - xhat * self.spread(mean_gx))
            size = size * (1 + self.largest(xhat) ** 2)
            self.note("gx", "gamma * r * P(dy)", gamma * r * P, real.dx, size)
        self.note("long_way", "dx of the long way", v["dx"], v["gx"], size)
        self.note("ggamma", "sum(dy * xhat)", self.sum(g * xhat), real.dgamma, self.sum((g * xhat).abs()))
        self.note("gbeta", "sum(dy)", self.sum(g), real.dbeta, self.sum(g.abs()))


class _NineSteps:
    """Batch Normalization as a graph of elementary steps in float64, so that the tape has a gradient for each."""

    def __init__(self, working: _Working) -> None:
        w, bn = working, working.bn
        x = w.x.double().requires_grad_()
        self.x = x
        if w.by_batch:
            # Shifted by a constant first: at large offsets the mean's own rounding would be seen in x - mu.
            shift = w.mean(x).detach().nan_to_num(0, 0, 0)
            shifted = x - w.spread(shift)
            deviation = w.mean(shifted)  # 1
            self.mean = deviation + shift
            self.centred = shifted - w.spread(deviation)  # 2
            self.squared = self.centred**2  # 3
            self.var = w.mean(self.squared)  # 4
            self.inner = {"mean": deviation}
        else:
            self.mean, self.var = bn.running_mean.double(), bn.running_var.double()
            self.centred = x - w.spread(self.mean)
            self.inner = {}
        self.std = (self.var + bn.eps).sqrt()  # 5
        self.inv_std = 1 / self.std  # 6
        self.xhat = self.centred * w.spread(self.inv_std)  # 7
        self.scaled = w.spread(w.gamma) * self.xhat  # 8
        self.y = self.scaled + w.spread(w.beta)  # 9

    def gradients(self, g: Tensor) -> dict[str, Tensor | None]:
        """What the tape finds for each step's result; nothing for constants."""
        names = ("squared", "centred", "var", "std", "inv_std", "xhat", "scaled")
        wanted = {name: getattr(self, name) for name in names if hasattr(self, name)} | self.inner
        wanted = {name: value for name, value in wanted.items() if value.requires_grad}
        return dict(zip(wanted, grad(self.y, list(wanted.values()), g)))
