"""What looks wrong with a Batch Normalization layer and a batch, in sentences that name the channels and a way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitorch_bn._tensor import Tensor
    from minitorch_bn.insight.comparison import Comparison

_NEAR_ZERO = 1e-3  # of a gamma


def suspicions(w: Any, comparisons: dict[str, Comparison]) -> tuple[list[str], list[int]]:
    """The findings, and the channels that they are about."""
    found = _Findings()
    _mode(w, found)
    if w.refusal is not None:
        found.texts.append(w.refusal)
    if not w.count:
        return found.texts, []
    _not_finite(w, found)
    _constant(w, found)
    _affine(w, found)
    _estimates(w, found)
    for name, compared in comparisons.items():
        if not compared.close:
            found.texts.append(
                f"{name}: the layer's differs by {compared.difference:.2g} from the formula's. Has its class a forward "
                "of its own?"
            )
    return found.texts, found.channels


class _Findings:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.channels: list[int] = []

    def add(self, which: Tensor, text: str) -> None:
        """A finding about the channels where ``which`` is true; none if there are none."""
        channels = which.nonzero().flatten().tolist()
        if channels:
            shown = ", ".join(map(str, channels[:8])) + (", ..." if len(channels) > 8 else "")
            self.texts.append(f"channel{'s' if len(channels) > 1 else ''} {shown}: {text}")
            self.channels += channels


def _mode(w: Any, found: _Findings) -> None:
    if w.training and not w.recording:
        found.texts.append(
            "training mode with gradients switched off: if this is an evaluation, call model.eval(). no_grad() alone "
            "does not: the batch still normalises, and still moves the running estimates."
        )
    elif w.training and w.x.shape[0] == 1 and w.count > 1:
        found.texts.append(
            "training mode with a batch of one sample: each sample is normalised by itself. In an evaluation call "
            "model.eval(); in training take larger batches, or GroupNorm."
        )
    count = getattr(w.bn, "num_batches_tracked", None)
    if not w.by_batch and count is not None and count.item() == 0:
        found.texts.append(
            "evaluation before any training batch: mean 0 and variance 1 are the values that the estimates start with."
        )
    if not w.training and w.by_batch:
        found.texts.append(
            "evaluation without running estimates (track_running_stats=False): the batch normalises, and the answer "
            "for one sample depends on the others."
        )


def _not_finite(w: Any, found: _Findings) -> None:
    bad = (~w.x.isfinite()).any(w.dims)
    spreads = ": the whole channel becomes NaN, and the running estimates leave the batch out" if w.by_batch else ""
    found.add(bad, f"NaN or infinity in the input{spreads}")
    if w.updates and not w.refusal:
        too_large = ~w.values["var_unbiased"].to(w.bn.running_var.dtype).isfinite() & ~bad
        found.add(too_large, f"the variance is too large for {w.bn.running_var.dtype.name}: no estimate moves")
    if w.bn.running_mean is not None and w.bn.running_var is not None:
        poisoned = ~(w.bn.running_mean.isfinite() & w.bn.running_var.isfinite())
        found.add(poisoned, "the running estimates are not finite: reset_running_stats(), or update_bn()")
        found.add(w.bn.running_var < 0, "a negative running variance, whose root is NaN: a momentum outside [0, 1]?")


def _constant(w: Any, found: _Findings) -> None:
    if w.count < 2:
        return
    var, eps = _batch_var(w), w.bn.eps
    text = "constant in this batch"
    if w.by_batch:  # then eps is above 0
        factor = f"gamma / sqrt(eps) = {eps**-0.5:.3g} * gamma"
        text += f": xhat is 0, the output is beta, and gradients come back multiplied by {factor}"
    found.add(var == 0, text)
    small = f"nearly constant: its variance is below eps = {eps:g}"
    found.add((var > 0) & (var < eps), f"{small}, which keeps it small" if w.by_batch else small)
    if w.by_batch and w.count == 2:
        found.texts.append(
            "two values per channel: normalised they are -1 and 1, whatever they were, and next to no gradient comes "
            "back. Take larger batches."
        )


def _affine(w: Any, found: _Findings) -> None:
    near_zero = w.gamma.abs() < _NEAR_ZERO
    if w.bn.weight is not None:
        found.add(
            near_zero,
            "gamma is near 0: the output hardly depends on the input, and hardly any gradient passes (at the end of a "
            "residual block it may start at 0 on purpose)",
        )
    if w.count >= 16:
        dead = (w.values["y"].amax(w.dims) <= 0) & ~near_zero & (_batch_var(w) > 0)
        found.add(dead, "dead behind a ReLU: no output of the batch is above 0")


def _estimates(w: Any, found: _Findings) -> None:
    """Running estimates that are further from the batch's statistics than chance explains."""
    bn, count = w.bn, w.count
    seen = getattr(bn, "num_batches_tracked", None)
    if bn.running_mean is None or bn.running_var is None or count < 2 or (seen is not None and seen.item() == 0):
        return
    mean, var = _batch_mean(w), _batch_var(w) * count / (count - 1)
    std = var.clamp(min=bn.eps).sqrt()
    off = (bn.running_mean.double() - mean).abs() / std
    ratio = (bn.running_var.double().clamp(min=bn.eps) / var.clamp(min=bn.eps)).log().abs()
    far = (off > 0.5 + 4 / count**0.5) | (ratio > 1.1 + 4 * (2 / (count - 1)) ** 0.5)
    why = "is the input distributed as in training? update_bn() estimates again"
    if seen is not None and bn.momentum is not None:
        left = (1 - bn.momentum) ** seen.item()
        if left > 0.05:
            why = f"after {seen.item()} batches {left:.0%} of the values they started with is left"
    found.add(far, f"the running estimates are far from the batch's mean and variance: {why}")


def _batch_mean(w: Any) -> Tensor:
    return w.values["mean"] if w.by_batch else w.mean(w.x.double())


def _batch_var(w: Any) -> Tensor:
    if w.by_batch:
        return w.values["var"]
    x = w.x.double()
    deviation = x - w.spread(w.mean(x))
    return w.mean((deviation - w.spread(w.mean(deviation))) ** 2)
