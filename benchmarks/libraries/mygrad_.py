"""MyGrad: tensors with PyTorch-like backward, and fused layers on numpy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import inputs
from benchmarks.libraries import Work
from benchmarks.libraries._plain import OPTIMIZERS

if TYPE_CHECKING:
    from collections.abc import Callable


class Workloads:
    """The workloads on mygrad and mygrad.nnet."""

    def __init__(self, module: str) -> None:
        self.mg: Any = import_module(module)
        self.layers: Any = import_module(f"{module}.nnet.layers")
        self.losses: Any = import_module(f"{module}.nnet.losses")
        self.relu: Any = import_module(f"{module}.nnet.activations").relu

    def batch_norm(self, shape: tuple[int, ...], training: bool) -> Work | None:
        if not training:
            return None  # its layer has no running estimates
        data = inputs.batch_norm(shape)

        def forward(x: Any, weight: Any, bias: Any) -> Any:
            return self.layers.batchnorm(x, gamma=weight, beta=bias, eps=inputs.EPS)

        return self._differentiated(forward, data.x, data.weight, data.bias, data.g)

    def convolve(self, x: Any, weight: Any, bias: Any) -> Any:
        return self.layers.conv_nd(x, weight, stride=1, padding=1) + bias.reshape(1, -1, 1, 1)

    def conv(self, batch: int, before: int, after: int, side: int) -> Work:
        return self._differentiated(self.convolve, *inputs.conv(batch, before, after, side))

    def _differentiated(self, forward: Callable[..., Any], *arrays: np.ndarray) -> Work:
        x, weight, bias = leaves = [self.mg.tensor(a) for a in arrays[:3]]
        g = arrays[3]

        def step() -> Any:
            y = forward(*leaves)
            y.backward(g)
            return y

        def numbers() -> dict[str, np.ndarray]:
            return {
                "y": step().data,
                "gradient of x": x.grad,
                "gradient of weight": weight.grad,
                "gradient of bias": bias.grad,
            }

        return Work(step, numbers)

    def mlp(self, batch: int, features: int, hidden: int, optimizer: str) -> Work:
        mg = self.mg

        def model(layers: list[Any], x: Any) -> Any:
            for i in (0, 4):
                y = mg.matmul(x, layers[i].T) + layers[i + 1]
                x = self.relu(self.layers.batchnorm(y, gamma=layers[i + 2], beta=layers[i + 3], eps=inputs.EPS))
            return mg.matmul(x, layers[8].T) + layers[9]

        return self._training(model, inputs.mlp(batch, features, hidden), optimizer)

    def cnn(self, batch: int, image: int, channels: int, side: int) -> Work:
        def model(layers: list[Any], x: Any) -> Any:
            for i in (0, 4):
                y = self.convolve(x, layers[i], layers[i + 1])
                y = self.relu(self.layers.batchnorm(y, gamma=layers[i + 2], beta=layers[i + 3], eps=inputs.EPS))
                x = self.layers.max_pool(y, (2, 2), 2)
            return self.mg.matmul(x.reshape(len(x), -1), layers[8].T) + layers[9]

        return self._training(model, inputs.cnn(batch, image, channels, side), "SGD")

    def _training(self, model: Callable[[list[Any], Any], Any], data: inputs.Model, name: str) -> Work:
        layers = [self.mg.tensor(array) for layer in data.layers for array in layer]
        optimizer = OPTIMIZERS[name]([t.data for t in layers], inputs.LEARNING_RATE[name])

        def step() -> float:
            loss = self.losses.softmax_crossentropy(model(layers, data.x), data.labels)
            loss.backward()
            optimizer.step([t.grad for t in layers])
            return loss.item()

        return Work(step, lambda: {"losses": np.array([step() for _ in range(inputs.STEPS)])})

    def small_operations(self, count: int, size: int) -> Work:
        leaves = x, w, b = [self.mg.tensor(a) for a in inputs.small(size)]

        def step() -> Any:
            y = x
            for _ in range(count // 2):
                y = y * w
                y = y + b
            y.sum().backward()
            return y

        return Work(step, lambda: {"y": step().data, **{f"gradient {i}": leaf.grad for i, leaf in enumerate(leaves)}})
