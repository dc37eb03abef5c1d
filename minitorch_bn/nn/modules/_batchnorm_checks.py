"""What a Batch Normalization layer may be made of and given."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np


def refuse_dim(expected: str, layout: str, input: Any) -> None:
    """An input whose dimensions are not those that a layer takes."""
    raise ValueError(
        f"expected {expected} input (got {input.dim()}D input)\nThe layer takes {layout}; the input has shape "
        f"{list(input.shape)}."
    )


def check_configuration(num_features: Any, eps: Any, momentum: Any) -> None:
    """Refuses what can only go wrong later."""
    if isinstance(num_features, bool) or not isinstance(num_features, (int, np.integer)):
        raise TypeError(
            f"empty(): argument 'size' (position 1) must be tuple of ints, not {type(num_features).__name__}\n"
            "num_features is the number of channels, a whole number"
        )
    if num_features < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {num_features}: [{num_features}]")
    for name, value in (("eps", eps), ("momentum", momentum)):
        if name == "momentum" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
            raise TypeError(f"{name} must be a number, but got {type(value).__name__}")
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, but got {value}")
    if eps < 0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    if momentum is not None and 0.9 <= momentum < 1:
        warnings.warn(
            f"momentum={momentum} lets the running estimates follow almost only the last batch: here momentum is the "
            f"weight of the new batch. 0.9 in Keras or JAX is 0.1 here; you may mean momentum={1 - momentum:.4g}.",
            stacklevel=4,
        )
