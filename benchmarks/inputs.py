"""The numbers that every library starts from: the same seed in every process, as float32 arrays of numpy."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

CLASSES = 10
EPS = 1e-5
MOMENTUM = 0.1
LEARNING_RATE = {"SGD": 0.05, "Adam": 1e-3}
STEPS = 5  # training steps whose losses must agree before anything is timed


class BatchNorm(NamedTuple):
    """A batch, the layer's parameters and running estimates, and the gradient of the output."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    var: np.ndarray
    g: np.ndarray


class Model(NamedTuple):
    """A batch, its labels, and (weight, bias) of each layer that has them, in order."""

    x: np.ndarray
    labels: np.ndarray
    layers: list[tuple[np.ndarray, np.ndarray]]


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Normal numbers in float32."""
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def batch_norm(shape: tuple[int, ...]) -> BatchNorm:
    """A batch of the given shape, channels in dimension 1."""
    rng = np.random.default_rng(0)
    channels = shape[1]
    positive = [rng.uniform(0.5, 1.5, channels).astype(np.float32) for _ in range(2)]
    return BatchNorm(
        1 + normal(rng, *shape),
        positive[0],
        normal(rng, channels),
        normal(rng, channels),
        positive[1],
        normal(rng, *shape),
    )


def _layer(rng: np.random.Generator, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    return normal(rng, *shape, scale=float(np.prod(shape[1:])) ** -0.5), normal(rng, shape[0], scale=0.1)


def _unit(channels: int) -> tuple[np.ndarray, np.ndarray]:
    return np.ones(channels, np.float32), np.zeros(channels, np.float32)


def mlp(batch: int, features: int, hidden: int) -> Model:
    """(Linear, BatchNorm) twice, Linear."""
    return _perceptron([features, hidden, hidden], batch)


def deep(depth: int, batch: int, width: int) -> Model:
    """(Linear, BatchNorm) as often as asked, all of one width, Linear."""
    return _perceptron([width] * (depth + 1), batch)


def _perceptron(sizes: list[int], batch: int) -> Model:
    rng = np.random.default_rng(0)
    layers = [part for a, b in pairwise(sizes) for part in (_layer(rng, b, a), _unit(b))]
    layers.append(_layer(rng, CLASSES, sizes[-1]))
    return Model(normal(rng, batch, sizes[0]), rng.integers(0, CLASSES, batch), layers)


def cnn(batch: int, image: int, channels: int, side: int) -> Model:
    """(Conv 3x3, BatchNorm) twice, Linear on what two poolings leave."""
    rng = np.random.default_rng(0)
    layers = []
    for before, after in ((image, channels), (channels, 2 * channels)):
        layers += [_layer(rng, after, before, 3, 3), _unit(after)]
    layers.append(_layer(rng, CLASSES, 2 * channels * (side // 4) ** 2))
    return Model(normal(rng, batch, image, side, side), rng.integers(0, CLASSES, batch), layers)


def conv(batch: int, before: int, after: int, side: int) -> tuple[np.ndarray, ...]:
    """Batch, weight, bias, and the gradient of the output."""
    rng = np.random.default_rng(0)
    weight, bias = _layer(rng, after, before, 3, 3)
    return normal(rng, batch, before, side, side), weight, bias, normal(rng, batch, after, side, side)


def small(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three short vectors: a start, factors near 1, and small summands."""
    rng = np.random.default_rng(0)
    return normal(rng, size), 1 + normal(rng, size, scale=1e-3), normal(rng, size, scale=1e-2)
