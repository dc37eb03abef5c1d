"""Windows laid out side by side, and put back: two linear maps, each the adjoint of the other."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from minitorch_bn.kernels._common import sum_dtype, window_taps
from minitorch_bn.kernels.conv_numpy import conv_output_shape

if TYPE_CHECKING:
    Shape = tuple[int, ...]
    Array = np.ndarray


def unfold(x: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Array:
    """Every window as a column, zero in the padding: (N, C, *spatial) -> (N, C * prod(kernel), prod(out)).

    >>> unfold(np.arange(4.0).reshape(1, 1, 4), (2,), (1,), (0,), (1,))
    array([[[0., 1., 2.],
            [1., 2., 3.]]])
    """
    out = conv_output_shape(x.shape[2:], kernel, stride, padding, dilation)
    columns = np.zeros((*x.shape[:2], prod(kernel), *out), x.dtype)
    for tap, (outer, inner) in enumerate(window_taps(x.shape[2:], out, kernel, stride, padding, dilation)):
        columns[:, :, tap][outer] = x[inner]
    # (N, C, kh*kw, H', W') -> (N, C*kh*kw, H'*W')
    return columns.reshape(x.shape[0], x.shape[1] * prod(kernel), prod(out))


def fold(columns: Array, spatial: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Array:
    """The adjoint of `unfold` adds where windows overlap: -> (N, C, *spatial).

    >>> fold(np.ones((1, 2, 3)), (4,), (2,), (1,), (0,), (1,))
    array([[[1., 2., 2., 1.]]])
    """
    out = conv_output_shape(spatial, kernel, stride, padding, dilation)
    channels = columns.shape[1] // prod(kernel)
    # (N, C*kh*kw, H'*W') -> (N, C, kh*kw, H', W')
    columns = columns.reshape(columns.shape[0], channels, prod(kernel), *out)
    x = np.zeros((columns.shape[0], channels, *spatial), sum_dtype(columns.dtype))
    for tap, (outer, inner) in enumerate(window_taps(spatial, out, kernel, stride, padding, dilation)):
        x[inner] += columns[:, :, tap][outer]
    return x.astype(columns.dtype, copy=False)
