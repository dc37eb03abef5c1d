"""HIPS autograd: numpy's functions, traced."""

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
    """The workloads on autograd.numpy; for convolution what its examples use, autograd.scipy.signal."""

    def __init__(self, module: str) -> None:
        self.lib: Any = import_module(module)
        self.np: Any = import_module(f"{module}.numpy")

    def normalize(self, x: Any, weight: Any, bias: Any) -> Any:
        xp = self.np
        axes = (0, *range(2, x.ndim))
        shape = (1, -1) + (1,) * (x.ndim - 2)
        centred = x - xp.mean(x, axes, keepdims=True)
        var = xp.mean(centred * centred, axes, keepdims=True)
        return centred / xp.sqrt(var + np.float32(inputs.EPS)) * weight.reshape(shape) + bias.reshape(shape)

    def batch_norm(self, shape: tuple[int, ...], training: bool) -> Work | None:
        if not training:
            return None  # it has no layers, hence no running estimates
        data = inputs.batch_norm(shape)
        return self._differentiated(self.normalize, data.x, data.weight, data.bias, data.g)

    def convolve(self, x: Any, weight: Any, bias: Any) -> Any:
        signal = import_module(f"{self.lib.__name__}.scipy.signal")
        padded = self.np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), "constant")
        flipped = weight[:, :, ::-1, ::-1]  # a convolution in the mathematical sense
        y = signal.convolve(padded, flipped, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")
        return y + bias.reshape(1, -1, 1, 1)  # (N, F, H, W)

    def conv(self, batch: int, before: int, after: int, side: int) -> Work:
        return self._differentiated(self.convolve, *inputs.conv(batch, before, after, side))

    def _differentiated(self, forward: Callable[..., Any], *arrays: np.ndarray) -> Work:
        operands, g = arrays[:3], arrays[3]
        differentiate = import_module(f"{self.lib.__name__}.core").make_vjp

        def step() -> Any:
            pull, y = differentiate(lambda operands: forward(*operands), operands)
            return y, pull(g)

        def numbers() -> dict[str, np.ndarray]:
            y, (gx, gw, gb) = step()
            return {"y": y, "gradient of x": gx, "gradient of weight": gw, "gradient of bias": gb}

        return Work(step, numbers)

    def mlp(self, batch: int, features: int, hidden: int, optimizer: str) -> Work:
        xp = self.np

        def model(layers: Any, x: Any) -> Any:
            for i in (0, 4):
                x = xp.maximum(self.normalize(xp.dot(x, layers[i].T) + layers[i + 1], *layers[i + 2 : i + 4]), 0)
            return xp.dot(x, layers[8].T) + layers[9]

        return self._training(model, inputs.mlp(batch, features, hidden), optimizer)

    def cnn(self, batch: int, image: int, channels: int, side: int) -> Work:
        xp = self.np

        def model(layers: Any, x: Any) -> Any:
            for i in (0, 4):
                x = self.normalize(self.convolve(x, *layers[i : i + 2]), *layers[i + 2 : i + 4])
                n, c, h, w = x.shape
                x = xp.max(xp.max(xp.maximum(x, 0).reshape(n, c, h // 2, 2, w // 2, 2), axis=5), axis=3)
            return xp.dot(x.reshape(len(x), -1), layers[8].T) + layers[9]

        return self._training(model, inputs.cnn(batch, image, channels, side), "SGD")

    def _training(self, model: Callable[[Any, Any], Any], data: inputs.Model, name: str) -> Work:
        xp = self.np
        layers = [array.copy() for layer in data.layers for array in layer]
        optimizer = OPTIMIZERS[name](layers, inputs.LEARNING_RATE[name])
        rows = np.arange(len(data.x))

        def loss(layers: Any) -> Any:
            logits = model(layers, data.x)
            logits = logits - xp.max(logits, axis=1, keepdims=True)
            return xp.mean(xp.log(xp.sum(xp.exp(logits), axis=1)) - logits[rows, data.labels])

        both = self.lib.value_and_grad(loss)

        def step() -> float:
            value, gradients = both(layers)
            optimizer.step(gradients)
            return float(value)

        return Work(step, lambda: {"losses": np.array([step() for _ in range(inputs.STEPS)])})

    def small_operations(self, count: int, size: int) -> Work:
        arrays = inputs.small(size)
        differentiate = import_module(f"{self.lib.__name__}.core").make_vjp

        def forward(leaves: Any) -> Any:
            y, w, b = leaves
            for _ in range(count // 2):
                y = y * w
                y = y + b
            return y

        def step() -> Any:
            pull, y = differentiate(forward, arrays)
            return y, pull(np.ones(size, np.float32))

        def numbers() -> dict[str, np.ndarray]:
            y, gradients = step()
            return {"y": y, **{f"gradient {i}": g for i, g in enumerate(gradients)}}

        return Work(step, numbers)
