"""BatchNorm layers from the numbers of other frameworks: plain arrays in, a layer out. None of them is imported.

What has to be translated, besides names, is the momentum. Keras and Flax keep ``momentum`` of the old estimate,
running = momentum * running + (1 - momentum) * batch; here it is the weight of the batch. Their 0.99 is 0.01 here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from minitorch_bn.autograd.variable import wrap
from minitorch_bn.dtypes import from_numpy_dtype
from minitorch_bn.nn.modules.batchnorm import BatchNorm1d, _BatchNorm
from minitorch_bn.nn.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

B = TypeVar("B", bound=_BatchNorm)

_KERAS_NAMES = ("gamma", "beta", "moving_mean", "moving_variance")


def batchnorm_from_keras(
    weights: Any,
    config: Mapping[str, Any] | None = None,
    layer_type: type[B] = BatchNorm1d,  # type: ignore[assignment]
    *,
    channel_dim: int = 1,
) -> B:
    """The layer that a Keras ``BatchNormalization`` layer is here, in evaluation.

    Conventions: Keras' ``momentum`` 0.99 is 0.01 here, its ``epsilon`` is ``eps``; both are taken from ``config``, with
    Keras' defaults 0.99 and 0.001 where it lacks them. Keras has the channels last: turn the input, or say
    ``channel_dim=-1``. In training Keras averages the biased variance of the batches, here it is the unbiased one.

    Args:
        weights: ``layer.get_weights()``, that is gamma, beta, moving_mean, moving_variance, of which gamma or beta may
            be missing; a mapping with these names; or the Keras layer itself, which has its own ``config``.
        config: ``layer.get_config()``: "momentum", "epsilon", and "scale" and "center" where only one of gamma and beta
            is there.
        layer_type: BatchNorm1d, BatchNorm2d, BatchNorm3d.
        channel_dim: of the new layer.

    Returns:
        A layer in the dtype of the arrays, which are copied. Without gamma but with beta, the weight is 1 and requires
        no gradient. ``num_batches_tracked`` is 0.

    Raises:
        ValueError: arrays are missing, do not fit together, or a variance is negative.

    >>> import minitorch_bn as torch
    >>> gamma, beta, mean, var = [2.0, 1.0], [0.5, 0.0], [1.0, 10.0], [4.0, 9.0]
    >>> bn = torch.nn.utils.batchnorm_from_keras([gamma, beta, mean, var], {"momentum": 0.9, "epsilon": 0.001})
    >>> bn
    BatchNorm1d(2, eps=0.001, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    >>> bn.running_mean
    tensor([ 1., 10.])
    """
    if config is None:
        config = weights.get_config() if hasattr(weights, "get_config") else {}
    if config.get("renorm"):
        raise ValueError("a Keras layer with renorm=True keeps other statistics; it cannot be read")
    values = weights.get_weights() if hasattr(weights, "get_weights") else weights
    named = values if isinstance(values, Mapping) else _named(list(values), config)
    return _build(
        layer_type,
        [named.get(name) for name in _KERAS_NAMES],
        config.get("momentum", 0.99),
        config.get("epsilon", 1e-3),
        channel_dim,
    )


def batchnorm_from_flax(
    params: Mapping[str, Any] | None,
    batch_stats: Mapping[str, Any],
    layer_type: type[B] = BatchNorm1d,  # type: ignore[assignment]
    *,
    momentum: float = 0.99,
    epsilon: float = 1e-5,
    channel_dim: int = 1,
) -> B:
    """The layer that a ``flax.linen.BatchNorm`` is here, in evaluation.

    Conventions: Flax's ``momentum`` 0.99 is 0.01 here, its ``epsilon`` is ``eps``; they are fields of the Flax module,
    not of its variables: pass what it was made with, if not the defaults. Flax has the channels last: turn the input,
    or say ``channel_dim=-1``. In training Flax averages the biased variance of the batches, here it is the unbiased.

    Args:
        params: the module's "scale" and "bias", of which either may be missing; None or {} if both are.
        batch_stats: the module's "mean" and "var".
        layer_type, channel_dim: as of ``batchnorm_from_keras``.
        momentum, epsilon: of the Flax module.

    Returns:
        A layer as of ``batchnorm_from_keras``.

    Raises:
        ValueError: arrays are missing, do not fit together, or a variance is negative.

    >>> import minitorch_bn as torch
    >>> variables = {"params": {"scale": [1.0, 2.0]}, "batch_stats": {"mean": [0.0, 1.0], "var": [1.0, 4.0]}}
    >>> torch.nn.utils.batchnorm_from_flax(**variables, layer_type=torch.nn.BatchNorm2d)
    BatchNorm2d(2, eps=1e-05, momentum=0.01, affine=True, bias=False, track_running_stats=True)
    """
    params = params or {}
    arrays = [params.get("scale"), params.get("bias"), batch_stats.get("mean"), batch_stats.get("var")]
    return _build(layer_type, arrays, momentum, epsilon, channel_dim)


def _named(values: Sequence[Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Keras' list of weights by name: what is switched off is left out of the list."""
    if len(values) == 3 and config.get("scale", True) == config.get("center", True):
        raise ValueError(
            "three arrays are either gamma or beta, moving_mean and moving_variance\n"
            'Say which: config={"scale": False} or {"center": False}, or pass a mapping by name.'
        )
    there = [config.get("scale", len(values) > 2), config.get("center", len(values) > 2), True, True]
    names = [name for name, present in zip(_KERAS_NAMES, there) if present]
    if len(names) != len(values):
        raise ValueError(f"expected the arrays {', '.join(names)}, but got {len(values)}")
    return dict(zip(names, values))


def _build(layer_type: type[B], arrays: Sequence[Any], momentum: float, eps: float, channel_dim: int) -> B:
    """A layer around copies of weight, bias (or None), mean and variance."""
    weight, bias, mean, var = (None if array is None else _as_floats(array) for array in arrays)
    if mean is None or var is None:
        raise ValueError("the moving mean and variance are missing")
    for name, array in (("weight", weight), ("bias", bias), ("mean", mean), ("variance", var)):
        if array is not None and (array.ndim != 1 or array.shape != mean.shape):
            raise ValueError(
                f"expected one number a channel everywhere, but the {name} has shape {list(array.shape)} and the mean "
                f"{list(mean.shape)}"
            )
    if not (var >= 0).all():
        raise ValueError(f"the moving variance of channels {np.flatnonzero(~(var >= 0)).tolist()} is not a number >= 0")
    bn = layer_type(
        len(mean),
        eps=eps,
        momentum=round(1 - momentum, 12),  # 1 - 0.99 is 0.010000000000000009
        affine=weight is not None or bias is not None,
        bias=bias is not None,
        channel_dim=channel_dim,
    ).to(from_numpy_dtype(mean.dtype))
    bn.running_mean, bn.running_var = wrap(mean), wrap(var)
    if weight is not None:
        bn.weight = Parameter(wrap(weight))
    elif bias is not None:
        bn.weight.requires_grad_(False)
    if bias is not None:
        bn.bias = Parameter(wrap(bias))
    return bn


def _as_floats(array: Any) -> np.ndarray:
    """A copy as a numpy array of floating-point numbers; Python numbers become float32."""
    copy = np.array(array, np.float32 if isinstance(array, (list, tuple)) else None)
    return copy if from_numpy_dtype(copy.dtype).is_floating_point else copy.astype(np.float32)
