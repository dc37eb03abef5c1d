"""Loss functions: how far predictions are from targets, as one number (or one for each sample).

``cross_entropy`` is fused. With p = softmax(x) over the classes it is linear in log p:

    y_i = -sum_j q_ij log p_ij,     dy_i/dx_ij = p_ij sum_k q_ik - q_ij,

where q holds the target (1 at the class, or probabilities), the class weights, the zeros of ignored samples and the
divisor of the mean. The forward pass keeps e^(x - max) and its sums, so that the first derivative takes one more pass;
the derivative of that derivative computes p again from x, so that every further order is right.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minitorch_bn.autograd.grad_mode import thread
from minitorch_bn.autograd.node import Operator
from minitorch_bn.autograd.variable import Variable, share, wrap
from minitorch_bn.kernels import elementwise as pairs
from minitorch_bn.kernels import loss as kernels
from minitorch_bn.ops._common import promoted, require_constants, require_tensor
from minitorch_bn.size import Size, broadcast_shapes

# -- cross entropy -------------------------------------------------------------------------------------------------


def _rows(x: np.ndarray) -> np.ndarray:
    """Classes last, everything else one dimension: (N, C, d1, ...) -> (N * d1 * ..., C)"""
    return x if x.ndim == 2 else x.swapaxes(0, 1).reshape(x.shape[1], -1).T


def _from_rows(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What ``_rows`` did, undone: (N * d1 * ..., C) -> (N, C, d1, ...)"""
    if len(shape) > 2:
        rows = rows.T.reshape(shape[1:2] + shape[:1] + shape[2:]).swapaxes(0, 1)
    return np.ascontiguousarray(rows)


def _total(values: np.ndarray, scale: Any = 1) -> np.ndarray:
    """scale times the sum, added up in float64."""
    return values.dtype.type(np.add.reduce(values, axis=None, dtype=np.float64) * scale)


class CrossEntropy(Operator, name="NllLossBackward0"):
    """-r_i log p_i[target_i], p = softmax(x), added up if ``summed``;  dx_i = g_i r_i (p_i - onehot_i)

    ``r`` (a number, or one for each sample) carries class weight, divisor, and 0 for ignored samples.
    """

    __slots__ = ("exps", "r", "sums")
    options = 2

    def forward(ctx, x, target, r, summed):
        ctx.save_for_backward(x, target)
        ctx.r = r
        losses, ctx.exps, ctx.sums = kernels.cross_entropy(_rows(x), target.reshape(-1))
        if type(r) is np.ndarray:
            losses = np.where(r != 0, losses * r, losses.dtype.type(0))  # an ignored infinity stays ignored
            return _total(losses) if summed else losses.reshape(target.shape)
        return _total(losses, r) if summed else losses.reshape(target.shape)

    def backward(ctx, g):
        x, target = ctx.saved_tensors
        return CrossEntropyGrad.apply(x, g, target, ctx.r, ctx.exps, ctx.sums), None

    def release(ctx):
        ctx._saved = ctx.exps = ctx.sums = None


class CrossEntropy2d(CrossEntropy, name="NllLoss2DBackward0"):
    """cross entropy of inputs with dimensions behind the classes"""

    __slots__ = ()


class CrossEntropyNd(CrossEntropy, name="ViewBackward0"):
    """each place's cross entropy, of inputs that PyTorch has to view as images first"""

    __slots__ = ()


class CrossEntropyGrad(Operator):
    """g_i r_i (p_i - onehot_i), from e^(x - max) and its sums"""

    options = 3

    def forward(ctx, x, g, target, r, exps, sums):
        ctx.save_for_backward(x, g, target)
        ctx.r = r
        rows = kernels.cross_entropy_backward(exps, sums, target.reshape(-1), g.reshape(-1) * r)
        return _from_rows(rows, x.shape)

    def backward(ctx, h):
        x, g, target = ctx.saved_tensors
        q = np.zeros((target._data.size, x.shape[1]), x._data.dtype)
        q[np.arange(len(q)), target._data.reshape(-1)] = ctx.r
        dx, dg, _ = _residual_gradients(ctx.needs_input_grad, x, g, wrap(_from_rows(q, x.shape)), h)
        return dx, dg, None


class SoftCrossEntropy(Operator, name="DivBackward1"):
    """-scale sum_j q_ij log p_ij, p = softmax(x), added up if ``summed``;  dx_i = g_i scale (p_i sum_j q_ij - q_i)"""

    options = 2
    may_ignore = False  # samples whose q is 0

    def forward(ctx, x, q, scale, summed):
        ctx.save_for_backward(x, q)
        ctx.scale = scale
        shifted = x - x.max(axis=1, keepdims=True)
        ctx.exps = np.exp(shifted)
        ctx.sums = ctx.exps.sum(axis=1, keepdims=True)
        losses = np.log(ctx.sums[:, 0]) * q.sum(axis=1) - (q * shifted).sum(axis=1)
        if ctx.may_ignore:
            losses = np.where(q.any(axis=1), losses, losses.dtype.type(0))  # an ignored infinity stays ignored
        return _total(losses, scale) if summed else losses

    def backward(ctx, g):
        x, q = ctx.saved_tensors
        if ctx.scale != 1:
            g = g * ctx.scale
        need_x, need_q = ctx.needs_input_grad
        dx = SoftCrossEntropyGrad.apply(x, g, q, ctx.exps, ctx.sums) if need_x else None
        return dx, -_by_sample(g) * x.log_softmax(1) if need_q else None

    def release(ctx):
        super().release()
        ctx.exps = ctx.sums = None


class UnaveragedSoftCrossEntropy(SoftCrossEntropy, name="NegBackward0"):
    """cross entropy of probabilities as a sum, or of each sample"""

    __slots__ = ()


class SmoothedCrossEntropy(SoftCrossEntropy, name="AddBackward0"):
    """cross entropy with smoothed labels"""

    __slots__ = ()
    may_ignore = True


class SoftCrossEntropyGrad(Operator):
    """g_i (p_i sum_j q_ij - q_i), from e^(x - max) and its sums"""

    options = 2

    def forward(ctx, x, g, q, exps, sums):
        ctx.save_for_backward(x, g, q)
        scale = np.expand_dims(g, 1) if g.ndim else g
        return exps * (q.sum(axis=1, keepdims=True) * scale / sums) - q * scale

    def backward(ctx, h):
        x, g, q = ctx.saved_tensors
        return _residual_gradients(ctx.needs_input_grad, x, g, q, h)


def _by_sample(g: Any) -> Any:
    """One gradient for each sample, ready to meet (N, C, d1, ...): (N, d1, ...) -> (N, 1, d1, ...)"""
    return g.unsqueeze(1) if g._data.ndim else g


def _residual_gradients(needs: Any, x: Any, g: Any, q: Any, h: Any) -> tuple[Any, Any, Any]:
    """The gradients of sum h g (p sum q - q), p = softmax(x), for x, g and q."""
    need_x, need_g, need_q = needs
    p, mass, scale = x.softmax(1), q.sum(1, keepdim=True), _by_sample(g)
    hp = h * p
    inner = hp.sum(1, keepdim=True)
    dx = scale * mass * (hp - p * inner) if need_x else None
    dq = scale * (inner - h) if need_q else None
    if not need_g:
        return dx, None, dq
    dg = ((p * mass - q) * h).sum(1)
    return dx, dg if g._data.ndim else dg.sum(), dq


class NllLoss(Operator):
    """-r_i x_i[target_i], added up if ``summed``;  dx_i = -g_i r_i onehot_i"""

    options = 2

    def forward(ctx, x, target, r, summed):
        ctx.save_for_backward(target)
        ctx.r, ctx.summed, ctx.shape = r, summed, x.shape
        if x.ndim == 2:
            picked = -x[np.arange(len(x)), target]
        else:
            picked = -np.take_along_axis(x, np.expand_dims(target, 1).astype(np.intp), 1).reshape(-1)
        if type(r) is np.ndarray:
            picked = np.where(r != 0, picked * r, picked.dtype.type(0))
            return _total(picked) if summed else picked.reshape(target.shape)
        return _total(picked, r) if summed else picked.reshape(target.shape)

    def backward(ctx, g):
        (target,) = ctx.saved_tensors
        return NllLossGrad.apply(g, target, ctx.r, ctx.shape, ctx.summed), None


class NllLoss2d(NllLoss, name="NllLoss2DBackward0"):
    """negative log likelihood of inputs with dimensions behind the classes"""

    __slots__ = ()


class NllLossNd(NllLoss, name="ViewBackward0"):
    """each place's negative log likelihood, of inputs that PyTorch has to view as images first"""

    __slots__ = ()


class NllLossGrad(Operator):
    """-g_i r_i at the target's place, else 0; the transpose of a linear map, whose own gradient is the map itself"""

    options = 3

    def forward(ctx, g, target, r, shape, summed):
        ctx.save_for_backward(target)
        ctx.r, ctx.summed = r, summed
        gx, values = np.zeros(shape, g.dtype), 0 - g.reshape(-1) * r  # where r is 0 not -0
        if len(shape) == 2:
            gx[np.arange(len(gx)), target] = values
        else:
            place = np.expand_dims(target, 1).astype(np.intp)
            np.put_along_axis(gx, place, np.broadcast_to(values, target.size).reshape(place.shape), 1)
        return gx

    def backward(ctx, h):
        (target,) = ctx.saved_tensors
        return NllLoss.apply(h, target, ctx.r, ctx.summed), None


# -- losses element by element --------------------------------------------------------------------------------------


def _reduced(values: np.ndarray, reduction: str) -> np.ndarray:
    if reduction == "none":
        return values
    with np.errstate(all="ignore"):  # the mean of nothing is NaN
        return _total(values, 1 if reduction == "sum" else np.true_divide(1, values.size))


def _spread(g: Any, size: int, reduction: str) -> Any:
    """The gradient of each element's loss."""
    return g / size if reduction == "mean" and size else g


def _loss(loss: str, a: np.ndarray, b: np.ndarray, reduction: str, *options: float) -> np.ndarray:
    """The losses of all elements, or their sum or mean."""
    if reduction == "none":
        return getattr(pairs, loss)(a, b, *options)
    total = pairs.total(loss, a, b, *options)
    return a.dtype.type(total if reduction == "sum" else total / a.size if a.size else np.nan)


def _slope(loss: str, g: Any, a: Any, b: Any, reduction: str, *options: float) -> Any:
    """The first derivative for a; None if it has to be written in Tensors, which can be differentiated again."""
    if thread.mode.grad or reduction == "none":
        return None
    scale = g._data.item() / (a._data.size if reduction == "mean" and a._data.size else 1)
    quietly: Any = thread.mode.quietly
    return wrap(quietly(getattr(pairs, f"{loss}_slope"), a._data, b._data, *options, scale))


class MseLoss(Operator):
    """(a - b)^2, reduced;  da = 2 g (a - b) / n,  db = -da"""

    options = 1

    def forward(ctx, a, b, reduction):
        ctx.save_for_backward(a, b)
        ctx.reduction = reduction
        return _loss("squared_error", a, b, reduction)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        da = _slope("squared_error", g, a, b, ctx.reduction)
        if da is None:
            da = (a - b) * (_spread(g, a._data.size, ctx.reduction) * 2)
        return da, -da if ctx.needs_input_grad[1] else None


class HuberLoss(Operator):
    """c (d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)), d = a - b;  da = g c d limited to +-delta"""

    options = 3

    def forward(ctx, a, b, delta, c, reduction):
        ctx.save_for_backward(a, b)
        ctx.delta, ctx.c, ctx.reduction = delta, c, reduction
        return _loss("huber", a, b, reduction, delta, c)

    def backward(ctx, g):
        a, b = ctx.saved_tensors
        da = _slope("huber", g if ctx.c == 1 else g * ctx.c, a, b, ctx.reduction, ctx.delta)
        if da is None:
            da = (a - b).clamp(-ctx.delta, ctx.delta) * (_spread(g, a._data.size, ctx.reduction) * ctx.c)
        return da, -da if ctx.needs_input_grad[1] else None


class SmoothL1Loss(HuberLoss):
    """Huber's loss divided by delta"""

    __slots__ = ()


class BinaryCrossEntropy(Operator):
    """-w (t log x + (1 - t) log(1 - x)), logarithms not below -100, reduced;  dx = g w (x - t) / (x (1 - x))"""

    options = 1

    def forward(ctx, x, t, w, reduction):
        ctx.save_for_backward(x, t, w)
        ctx.reduction = reduction
        losses = (t - 1) * np.maximum(np.log1p(-x), -100) - t * np.maximum(np.log(x), -100)
        return _reduced(losses if w is None else losses * w, reduction)

    def backward(ctx, g):
        x, t, w = ctx.saved_tensors
        need_x, need_t, _ = ctx.needs_input_grad
        g = _spread(g, x._data.size, ctx.reduction)
        g = g if w is None else g * w
        dx = g * ((x - t) / (x * (1 - x)).clamp(min=1e-12)) if need_x else None
        dt = g * ((-x).log1p().clamp(min=-100) - x.log().clamp(min=-100)) if need_t else None
        return dx, dt, None


class BinaryCrossEntropyWithLogits(Operator):
    """w ((1 - t) log(1 + e^x) + v t log(1 + e^-x)), v = pos_weight;  dx = g w ((1 - t) sigmoid(x) - v t sigmoid(-x))"""

    options = 1

    def forward(ctx, x, t, w, pos_weight, reduction):
        ctx.save_for_backward(x, t, w, pos_weight)
        ctx.reduction = reduction
        if w is None and pos_weight is None:
            return _loss("cross_entropy_with_logits", x, t, reduction)
        zero = x.dtype.type(0)
        positive = t if pos_weight is None else pos_weight * t
        # log(1 + e^x) is max(x, 0) plus a part that x and -x share: nothing large is subtracted from something large
        shared = np.log1p(np.exp(-np.absolute(x)))
        losses = (1 - t) * (np.maximum(x, zero) + shared) + positive * (np.maximum(-x, zero) + shared)
        return _reduced(losses if w is None else losses * w, reduction)

    def backward(ctx, g):
        x, t, w, pos_weight = ctx.saved_tensors
        need_x, need_t = ctx.needs_input_grad[:2]
        dx = dt = None
        if need_x and w is None and pos_weight is None:
            dx = _slope("cross_entropy_with_logits", g, x, t, ctx.reduction)
        g = _spread(g, x._data.size, ctx.reduction)
        g = g if w is None else g * w
        if need_x and dx is None:
            s = x.sigmoid()
            dx = g * (s - t if pos_weight is None else (1 - t) * s - pos_weight * t * (-x).sigmoid())
        if need_t:
            dt = -(g * x) if pos_weight is None else g * ((pos_weight - 1) * (-x).logaddexp(x * 0) - x)
        return dx, dt, None, None


# -- arguments -------------------------------------------------------------------------------------------------------


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that PyTorch's old arguments mean; warns that they are old."""
    average = size_average is None or size_average
    reduction = "none" if reduce is not None and not reduce else "mean" if average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=4
    )
    return reduction


def _reduction(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def _reduce(losses: Any, reduction: str) -> Any:
    """The mean, the sum, or the losses themselves."""
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def _require_tensors(function: str, **tensors: Any) -> None:
    for position, (name, value) in enumerate(tensors.items(), 1):
        require_tensor(function, value, name, position)


def _require_floating(kernel: str, tensor: Any) -> None:
    if tensor._data.dtype.kind in "iub":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{tensor.dtype.legacy_name}'")


def _require_float(function: str, name: str, value: Any) -> None:
    if not hasattr(value, "__float__"):
        raise TypeError(f"{function}(): argument '{name}' (position 4) must be float, not {type(value).__name__}")


def _classes(weight: Any, input: Any, classes: int, flat: bool, prefix: str = "") -> np.ndarray | None:
    """The class weights, checked against the number of classes."""
    if weight is None:
        return None
    w = weight._data
    if w.ndim != 1 or w.size != classes:
        detail = f" {classes} classes or no classes but got weight tensor of shape: {list(w.shape)}"
        raise RuntimeError(
            f"{prefix}weight tensor should be defined either for all" + (detail if flat else " or no classes")
        )
    if w.dtype != input._data.dtype:
        raise RuntimeError(f"expected scalar type {input.dtype.legacy_name} but found {weight.dtype.legacy_name}")
    return w


def _constants_of_classes(weight: Any, input: Any, classes: int) -> np.ndarray | None:
    """The class weights of a loss that gives them no gradient."""
    flat = input._data.ndim <= 2
    w = _classes(weight, input, classes, flat)
    require_constants("nll_loss_forward" if flat else "nll_loss2d_forward", weight=weight)
    return w


def _check_target(input: Any, target: Any) -> None:
    """The shapes and dtype of class indices, in the order in which PyTorch complains."""
    x, t = input._data, target._data
    if x.ndim < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {x.ndim})")
    if x.ndim == 1 and t.ndim == 1 and t.size != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {t.size}")
    if x.ndim != 1 and (not t.ndim or x.shape[0] != t.shape[0]):
        got = t.shape[0] if t.ndim else 0
        raise ValueError(f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({got}).")
    if x.ndim <= 2:
        if t.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    elif x.ndim == 4:
        if t.ndim != 3:
            raise RuntimeError(
                f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {t.ndim}"
            )
        if t.shape != x.shape[:1] + x.shape[2:]:
            raise RuntimeError(f"size mismatch (got input: {list(x.shape)} , target: {list(t.shape)}")
    elif t.shape != x.shape[:1] + x.shape[2:]:
        raise RuntimeError(f"Expected target size {list(x.shape[:1] + x.shape[2:])}, got {list(t.shape)}")
    if t.dtype not in (np.int64, np.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype.legacy_name}")


_UNSIGNED = {1: np.uint8, 8: np.uint64}  # by size: as such, what is less than 0 is more than any class


def _sample_weights(
    t: np.ndarray, classes: int, w: np.ndarray | None, ignore_index: int, mean: bool, dtype: np.dtype
) -> tuple[np.ndarray, Any, np.ndarray | None, float]:
    """(class indices without the ignored ones, r, which are not ignored (None: all), the divisor of the mean).

    r is what each sample's loss is multiplied by: class weight, 0 where ignored, divided for the mean.
    """
    valid = None
    if t.size and (0 <= ignore_index < classes or t.view(_UNSIGNED[t.itemsize]).max() >= classes):
        ignored = t == ignore_index
        if ignored.any():
            valid = ~ignored
            t = np.where(valid, t, 0)  # any class will do
        outside = (t < 0) | (t >= classes)
        if outside.any() and (valid is None or (outside & valid).any()):
            raise IndexError(f"Target {t[outside][0]} is out of bounds.")
    if w is None and valid is None:
        return t, 1 / t.size if mean and t.size else 1, None, t.size
    r = np.ones(t.size, dtype) if w is None else w[t.reshape(-1)]
    if valid is not None:
        r = np.where(valid.reshape(-1), r, dtype.type(0))
    divisor = float(r.sum(dtype=np.float64))
    return t, (r / divisor).astype(dtype) if mean and divisor else r, valid, divisor


# -- functions -------------------------------------------------------------------------------------------------------


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """How badly the logits ``input`` predict ``target``: -log softmax(input)[target], averaged.

    Args:
        input: logits (C), (N, C) or (N, C, d1, ..., dK).
        target: class indices (int64 or uint8) of shape (), (N) or (N, d1, ..., dK); or probabilities of input's shape.
        weight: a factor for each class (C); the mean is then weighted too.
        ignore_index: samples of this class do not count.
        reduction: "mean", "sum" or "none" (one loss for each sample).
        label_smoothing: the share of the target that is spread over all classes (Szegedy et al. 2016, section 7).

    Raises IndexError for a class that does not exist, ValueError or RuntimeError for shapes that do not fit.

    >>> import minitorch_bn as torch
    >>> logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    >>> torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]))
    tensor(0.4100)
    """
    reduction = _reduction(reduction, size_average, reduce)
    if not (isinstance(input, Variable) and isinstance(target, Variable)):
        _require_tensors("cross_entropy_loss", input=input, target=target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    x, t = input._data, target._data
    if x.shape == t.shape:
        return _cross_entropy_of_probabilities(input, target, weight, ignore_index, reduction, label_smoothing)
    _require_floating("log_softmax_lastdim_kernel_impl", input)
    _check_target(input, target)
    batched = input if x.ndim > 1 else input.unsqueeze(0)  # (C,) -> (1, C)
    classes, mean = batched._data.shape[1], reduction == "mean"
    each = reduction == "none" and x.ndim > 1  # one loss is its own sum
    w = _constants_of_classes(weight, input, classes)
    t = t if x.ndim > 1 else t.reshape(1)
    indices, r, valid, divisor = _sample_weights(t, classes, w, ignore_index, mean, x.dtype)
    if label_smoothing:
        q = _smoothed(indices, classes, w, valid, label_smoothing, x.dtype)
        loss = SmoothedCrossEntropy.apply(batched, wrap(q), 1 / divisor if mean and divisor else 1, not each)
    else:
        operator = _by_layout(x.ndim, each, CrossEntropy, CrossEntropy2d, CrossEntropyNd)
        loss = operator.apply(batched, share(indices, target), r, not each)
    return loss + float("nan") if mean and not divisor else loss  # a mean of nothing; its gradient is 0, as in PyTorch


def _by_layout(ndim: int, each: bool, flat: Any, planar: Any, other: Any) -> Any:
    """The operator that has PyTorch's name."""
    if ndim <= 2:
        return flat
    return other if each and ndim != 4 else planar


def _smoothed(
    t: np.ndarray, classes: int, w: np.ndarray | None, valid: np.ndarray | None, smoothing: float, dtype: np.dtype
) -> np.ndarray:
    """q of smoothed labels, (N, C, ...): each class's weight times (share of all + the rest at the target)."""
    rows = np.full((t.size, classes), smoothing / classes, dtype)
    rows[np.arange(t.size), t.reshape(-1)] += 1 - smoothing
    if w is not None:
        rows *= w
    if valid is not None:
        rows[~valid.reshape(-1)] = 0
    return _from_rows(rows, (t.shape[0], classes, *t.shape[1:]))


def _cross_entropy_of_probabilities(
    input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    if target._data.dtype.kind in "iub":
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {target.dtype.legacy_name}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    shape = input._data.shape
    if not shape:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    _require_floating("log_softmax_lastdim_kernel_impl", input)
    classes = shape[1] if len(shape) > 1 else shape[0]
    _classes(weight, input, classes, True, "cross_entropy: ")
    input, target = promoted(input, target)
    if len(shape) == 1:
        input, target = input.unsqueeze(0), target.unsqueeze(0)  # (C,) -> (1, C)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    if weight is not None:
        target = target * weight.reshape((-1,) + (1,) * (input._data.ndim - 2))  # (C,) -> (C, 1, ...)
    samples = input._data.size // classes if classes else 0
    scale = 1.0 if reduction != "mean" else 1 / samples if samples else float("nan")
    operator = SoftCrossEntropy if reduction == "mean" else UnaveragedSoftCrossEntropy
    return operator.apply(input, target, scale, reduction != "none" or len(shape) == 1)  # one loss is its own sum


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """-input[target], averaged: the negative log likelihood, where ``input`` holds log-probabilities.

    Shapes, ``weight``, ``ignore_index``, ``reduction`` and errors as in ``cross_entropy``.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.nll_loss(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
    tensor(1.)
    """
    reduction = _reduction(reduction, size_average, reduce)
    _require_tensors("nll_loss_nd", input=input, target=target)
    _check_target(input, target)
    _require_floating("nll_loss_out_frame", input)
    x, t = input._data, target._data
    batched = input if x.ndim > 1 else input.unsqueeze(0)  # (C,) -> (1, C)
    classes = batched._data.shape[1]
    mean, each = reduction == "mean", reduction == "none" and x.ndim > 1  # one loss is its own sum
    w = _constants_of_classes(weight, input, classes)
    t = t if x.ndim > 1 else t.reshape(1)
    indices, r, _, divisor = _sample_weights(t, classes, w, ignore_index, mean, x.dtype)
    operator = _by_layout(x.ndim, each, NllLoss, NllLoss2d, NllLossNd)
    loss = operator.apply(batched, share(indices, target), r, not each)
    return loss + float("nan") if mean and not divisor else loss


def _size(tensor: Any) -> Size:
    return tuple.__new__(Size, tensor._data.shape)


def _pair(function: str, kernel: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Prediction and target, of one dtype and shape; warns where broadcasting is at work, since few mean it."""
    _require_tensors(function, input=input, target=target)
    if input._data.shape != target._data.shape:
        warnings.warn(
            f"Using a target size ({_size(target)}) that is different to the input size ({_size(input)}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
        shape = broadcast_shapes(input._data.shape, target._data.shape)
        input, target = input.expand(shape), target.expand(shape)
    if input._data.dtype != target._data.dtype:
        input, target = promoted(input, target)
    if kernel:
        _require_floating(kernel, input)
    return input, target


def _weighted(losses: Any, weight: Any, reduction: str) -> Any:
    """Losses times weights; the mean is divided by the sum of the weights."""
    losses = losses * weight
    return losses.sum() / weight.sum() if reduction == "mean" else _reduce(losses, reduction)


def _check_weight(input: Any, weight: Any) -> None:
    if weight is not None and weight._data.shape != input._data.shape:
        raise ValueError("Weights and input must have the same size.")


def mse_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """The mean of (input - target)^2, weighted if ``weight`` (of input's shape) is given.

    Unequal shapes are broadcast with a UserWarning.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 0.0]))
    tensor(2.5000)
    """
    reduction = _reduction(reduction, size_average, reduce)
    a, b = _pair("mse_loss", "mse_cpu", input, target)
    _check_weight(input, weight)
    if weight is not None:
        return _weighted((a - b) ** 2, weight, reduction)
    return MseLoss.apply(a, b, reduction)


def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """The mean of |input - target|, weighted if ``weight`` (of input's shape) is given.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 0.0]))
    tensor(1.5000)
    """
    reduction = _reduction(reduction, size_average, reduce)
    a, b = _pair("l1_loss", "", input, target)
    _check_weight(input, weight)
    if weight is not None:
        return _weighted((a - b).abs(), weight, reduction)
    return _reduce((a - b).abs(), reduction)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """The mean of d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, with d = input - target (Girshick 2015).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.smooth_l1_loss(torch.tensor([0.5, 2.0]), torch.tensor([0.0, 0.0]), reduction="none")
    tensor([0.1250, 1.5000])
    """
    reduction = _reduction(reduction, size_average, reduce)
    a, b = _pair("smooth_l1_loss", "smooth_l1_cpu" if beta else "", input, target)
    _require_float("smooth_l1_loss", "beta", beta)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return _reduce((a - b).abs(), reduction)
    return SmoothL1Loss.apply(a, b, float(beta), 1.0 / beta, reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """The mean of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), with d = input - target (Huber 1964).

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.huber_loss(torch.tensor([0.5, 2.0]), torch.tensor([0.0, 0.0]), reduction="none")
    tensor([0.1250, 1.5000])
    """
    reduction = _reduction(reduction)
    a, b = _pair("huber_loss", "huber_cpu", input, target)
    _require_float("huber_loss", "delta", delta)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    _check_weight(input, weight)
    if weight is not None:
        return _reduce(HuberLoss.apply(a, b, float(delta), 1.0, "none") * weight, reduction)
    return HuberLoss.apply(a, b, float(delta), 1.0, reduction)


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The mean of -(target log(input) + (1 - target) log(1 - input)); logarithms are not below -100.

    ``input`` and ``target`` are probabilities of one shape, ``weight`` is broadcast to it. Raises ValueError for other
    shapes, RuntimeError for numbers outside [0, 1]. ``binary_cross_entropy_with_logits`` is more accurate.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = _reduction(reduction, size_average, reduce)
    _require_tensors("binary_cross_entropy", input=input, target=target)
    if input._data.shape != target._data.shape:
        raise ValueError(
            f"Using a target size ({_size(target)}) that is different to the input size ({_size(input)}) is "
            "deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        weight = _expanded_weight(weight, input._data.shape)
    for other in (target,) if weight is None else (target, weight):
        if other._data.dtype != input._data.dtype:
            raise RuntimeError(f"Found dtype {other.dtype.legacy_name} but expected {input.dtype.legacy_name}")
    _require_floating("binary_cross_entropy", input)
    for name, tensor in (("input", input), ("target", target)):
        if not ((tensor._data >= 0) & (tensor._data <= 1)).all():
            raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    require_constants("binary_cross_entropy", weight=weight)
    return BinaryCrossEntropy.apply(input, target, weight, reduction)


def _expanded_weight(weight: Any, shape: tuple[int, ...]) -> Any:
    w = weight._data.shape
    for place, (have, want) in enumerate(zip(reversed(w), reversed(shape)), 1):
        if have not in (1, want):
            raise RuntimeError(
                f"Attempting to broadcast a dimension of length {have} at -{place}! Mismatching argument at index 1 "
                f"had {_size(weight)}; but expected shape should be broadcastable to {list(shape)}"
            )
    return weight.expand(shape)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Binary cross entropy of sigmoid(input) and ``target``, without overflow and without loss of digits.

    ``weight`` and ``pos_weight`` (a factor for the positive part) are broadcast. ValueError unless input and target
    have one shape.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = _reduction(reduction, size_average, reduce)
    _require_tensors("binary_cross_entropy_with_logits", input=input, target=target)
    if input._data.shape != target._data.shape:
        raise ValueError(f"Target size ({_size(target)}) must be the same as input size ({_size(input)})")
    _require_floating("log_sigmoid_cpu", input)
    if target._data.dtype.kind in "iub":
        raise RuntimeError(
            f"result type {input.dtype.legacy_name} can't be cast to the desired output type {target.dtype.legacy_name}"
        )
    shape = input._data.shape
    if pos_weight is not None:
        _check_result_shape(shape, broadcast_shapes(pos_weight._data.shape, shape))
    if weight is not None:
        _check_result_shape(shape, broadcast_shapes(shape, weight._data.shape))
    if input._data.dtype != target._data.dtype:
        input, target = promoted(input, target)
    require_constants("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)
    return BinaryCrossEntropyWithLogits.apply(input, target, weight, pos_weight, reduction)


def _check_result_shape(shape: tuple[int, ...], broadcast: tuple[int, ...]) -> None:
    if broadcast != shape:
        raise RuntimeError(f"output with shape {list(shape)} doesn't match the broadcast shape {list(broadcast)}")


def kl_div(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """The Kullback-Leibler divergence target (log target - input), where ``input`` holds log-probabilities.

    ``reduction="batchmean"`` divides the sum by the batch size, which is the divergence's definition; "mean" divides by
    the number of elements, with a UserWarning as in PyTorch. With ``log_target`` the target is given as its logarithm.

    >>> import minitorch_bn as torch
    >>> p = torch.tensor([[0.5, 0.5]])
    >>> torch.nn.functional.kl_div(torch.tensor([[0.25, 0.75]]).log(), p, reduction="batchmean")
    tensor(0.1438)
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    kept = _reduction("sum" if reduction == "batchmean" else reduction)
    _require_tensors("kl_div", input=input, target=target)
    if input._data.dtype.kind in "iub" or target._data.dtype.kind in "iub":
        raise RuntimeError("kl_div: Integral inputs not supported.")
    losses = target.exp() * (target - input) if log_target else target.xlogy(target) - target * input
    reduced = _reduce(losses, kept)
    return reduced / input._data.shape[0] if reduction == "batchmean" and input._data.ndim else reduced


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The mean of max(0, -target (input1 - input2) + margin); target is 1 where input1 should rank higher, else -1.

    >>> import minitorch_bn as torch
    >>> a, b = torch.tensor([1.0]), torch.tensor([3.0])
    >>> torch.nn.functional.margin_ranking_loss(a, b, torch.tensor([1.0]))
    tensor(2.)
    """
    reduction = _reduction(reduction, size_average, reduce)
    _require_tensors("margin_ranking_loss", input1=input1, input2=input2, target=target)
    if not input1._data.ndim == input2._data.ndim == target._data.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {_size(input1)}, input2: {_size(input2)}, target: {_size(target)} "
        )
    return _reduce((-target * (input1 - input2) + float(margin)).clamp_min(0), reduction)


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The mean of input where target is 1, and of max(0, margin - input) where it is -1.

    >>> import minitorch_bn as torch
    >>> torch.nn.functional.hinge_embedding_loss(torch.tensor([0.25, 0.25]), torch.tensor([1.0, -1.0]))
    tensor(0.5000)
    """
    reduction = _reduction(reduction, size_average, reduce)
    _require_tensors("hinge_embedding_loss", input=input, target=target)
    far = (margin - input).clamp_min(0).where(target != 1, 0)
    near = input.where(target != -1, 0)
    return _reduce(far + near, reduction)
