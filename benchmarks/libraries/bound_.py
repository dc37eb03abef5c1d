"""No library: the part of a row's arithmetic that numpy cannot be without, into arrays that are there already.

For networks and convolutions these are the matrix products, for the tape numpy's calls on its short vectors. Everything
else is left out: the tape, normalisation, activation, pooling, the columns of a convolution, the optimizer. What a row
takes above this is what this library could still save while it computes with numpy's products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks import inputs
from benchmarks.libraries import Work

if TYPE_CHECKING:
    from collections.abc import Callable

Sizes = tuple[int, int, int]


class Workloads:
    """The rows whose arithmetic is numpy's."""

    def __init__(self, library: str) -> None:
        self.name = library

    def mlp(self, batch: int, features: int, hidden: int, optimizer: str) -> Work:
        layers = [(batch, features, hidden), (batch, hidden, hidden), (batch, hidden, inputs.CLASSES)]
        return products(layers, first_needs_gradient=False)

    def cnn(self, batch: int, image: int, channels: int, side: int) -> Work:
        last = 2 * channels * (side // 4) ** 2
        layers = [
            (batch * side**2, image * 9, channels),
            (batch * (side // 2) ** 2, channels * 9, 2 * channels),
            (batch, last, inputs.CLASSES),
        ]
        return products(layers, first_needs_gradient=False)

    def conv(self, batch: int, before: int, after: int, side: int) -> Work:
        return products([(batch * side**2, before * 9, after)], first_needs_gradient=True)

    def small_operations(self, count: int, size: int) -> Work:
        y, w, b = inputs.small(size)
        to_w, to_b = np.zeros_like(w), np.zeros_like(b)

        def step() -> None:
            value = y
            for _ in range(count // 2):
                value = value * w
                value = value + b
            g = np.ones_like(y)
            for _ in range(count // 2):
                np.add(to_b, g, to_b)
                np.add(to_w, g * value, to_w)
                g = g * w

        return Work(step, dict)

    def chain(self, count: int, size: int) -> Work:
        y = inputs.small(size)[0]

        def step() -> None:
            value = y
            for _ in range(count):
                value = value * 1.00001
            g = np.ones_like(y)
            for _ in range(count):
                g = g * 1.00001

        return Work(step, dict)


def products(layers: list[Sizes], first_needs_gradient: bool) -> Work:
    """(rows, inputs, outputs) of each layer: its product forward, and the two of its gradients."""
    calls: list[Callable[[], object]] = []
    for i, (rows, before, after) in enumerate(layers):
        rng = np.random.default_rng(0)
        x, w, y = (inputs.normal(rng, *shape) for shape in ((rows, before), (after, before), (rows, after)))
        calls += [_product(x, w.T, y), _product(y.T, x, w.copy())]
        if i or first_needs_gradient:
            calls.append(_product(y, w, x.copy()))

    def step() -> None:
        for call in calls:
            call()

    return Work(step, dict)


def _product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Callable[[], object]:
    return lambda: np.matmul(a, b, out)
