"""tinygrad: lazy tensors, each step compiled as a whole. It needs a C compiler, clang, to compute on a processor."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import inputs
from benchmarks.libraries import Work

if TYPE_CHECKING:
    from collections.abc import Callable


class Workloads:
    """The training steps on tinygrad.nn, under TinyJit."""

    def __init__(self, module: str) -> None:
        self.lib: Any = import_module(module)
        self.nn: Any = import_module(f"{module}.nn")
        self.Tensor: Any = self.lib.Tensor

    def mlp(self, batch: int, features: int, hidden: int, optimizer: str) -> Work:
        nn, relu = self.nn, self.Tensor.relu
        layers = [
            nn.Linear(features, hidden),
            nn.BatchNorm(hidden),
            nn.Linear(hidden, hidden),
            nn.BatchNorm(hidden),
            nn.Linear(hidden, inputs.CLASSES),
        ]
        first, norm1, second, norm2, last = layers
        model = [first, norm1, relu, second, norm2, relu, last]
        return self._training(model, layers, inputs.mlp(batch, features, hidden), optimizer)

    def cnn(self, batch: int, image: int, channels: int, side: int) -> Work:
        nn = self.nn
        layers = [
            nn.Conv2d(image, channels, 3, padding=1),
            nn.BatchNorm(channels),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.BatchNorm(2 * channels),
            nn.Linear(2 * channels * (side // 4) ** 2, inputs.CLASSES),
        ]
        first, norm1, second, norm2, last = layers

        def tail(x: Any) -> Any:
            return x.relu().max_pool2d(2)

        model = [first, norm1, tail, second, norm2, tail, lambda x: x.flatten(1), last]
        return self._training(model, layers, inputs.cnn(batch, image, channels, side), "SGD")

    def _training(self, model: list[Callable], layers: list[Any], data: inputs.Model, name: str) -> Work:
        Tensor = self.Tensor
        for layer, (weight, bias) in zip(layers, data.layers):
            layer.weight.assign(Tensor(weight)).realize()
            layer.bias.assign(Tensor(bias)).realize()
        x, labels = Tensor(data.x).realize(), Tensor(data.labels).realize()
        state = self.nn.state.get_parameters(layers)  # the running estimates too: the optimizer has them computed
        optimizer = getattr(self.nn.optim, name)(state, lr=inputs.LEARNING_RATE[name])

        @self.lib.TinyJit
        def compiled(x: Any, labels: Any) -> Any:
            optimizer.zero_grad()
            loss = x.sequential(model).sparse_categorical_crossentropy(labels)
            loss.backward()
            return loss.realize(*optimizer.schedule_step())

        def step() -> float:
            with self.lib.Context(TRAINING=1):
                return compiled(x, labels).item()

        return Work(step, lambda: {"losses": np.array([step() for _ in range(inputs.STEPS)])})
