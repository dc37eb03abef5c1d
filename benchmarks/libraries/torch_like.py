"""PyTorch's interface: the same lines serve minitorch_bn and PyTorch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from benchmarks import inputs
from benchmarks.libraries import Work


class Workloads:
    """The workloads on the module of that name."""

    def __init__(self, module: str) -> None:
        self.lib: Any = import_module(module)
        self.nn: Any = import_module(f"{module}.nn")
        self.optim: Any = import_module(f"{module}.optim")

    def leaf(self, array: np.ndarray) -> Any:
        return self.lib.from_numpy(array).requires_grad_()

    def fill(self, parameter: Any, array: np.ndarray) -> None:
        with self.lib.no_grad():
            parameter.copy_(self.lib.from_numpy(array))

    def batch_norm(self, shape: tuple[int, ...], training: bool) -> Work:
        data = inputs.batch_norm(shape)
        layers = {2: self.nn.BatchNorm1d, 3: self.nn.BatchNorm1d, 4: self.nn.BatchNorm2d}
        layer = layers[len(shape)](shape[1], eps=inputs.EPS, momentum=inputs.MOMENTUM).train(training)
        for parameter, array in (
            (layer.weight, data.weight),
            (layer.bias, data.bias),
            (layer.running_mean, data.mean),
            (layer.running_var, data.var),
        ):
            self.fill(parameter, array)
        if training:
            return self._differentiated(layer, self.leaf(data.x), data.g, layer.weight, layer.bias)
        x, no_grad = self.lib.from_numpy(data.x), self.lib.no_grad

        def step() -> Any:
            with no_grad():
                return layer(x)

        return Work(step, lambda: {"y": step().numpy()})

    def conv(self, batch: int, before: int, after: int, side: int) -> Work:
        x, weight, bias, g = inputs.conv(batch, before, after, side)
        layer = self.nn.Conv2d(before, after, 3, padding=1)
        self.fill(layer.weight, weight)
        self.fill(layer.bias, bias)
        return self._differentiated(layer, self.leaf(x), g, layer.weight, layer.bias)

    def _differentiated(self, layer: Any, x: Any, upstream: np.ndarray, weight: Any, bias: Any) -> Work:
        g = self.lib.from_numpy(upstream)

        def step() -> Any:
            x.grad = weight.grad = bias.grad = None
            y = layer(x)
            y.backward(g)
            return y

        def numbers() -> dict[str, np.ndarray]:
            y = step()
            return {
                "y": y.detach().numpy(),
                "gradient of x": x.grad.numpy(),
                "gradient of weight": weight.grad.numpy(),
                "gradient of bias": bias.grad.numpy(),
            }

        return Work(step, numbers)

    def mlp(self, batch: int, features: int, hidden: int, optimizer: str) -> Work:
        nn = self.nn
        model = nn.Sequential(
            nn.Linear(features, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, inputs.CLASSES),
        )
        return self._training(model, inputs.mlp(batch, features, hidden), optimizer)

    def cnn(self, batch: int, image: int, channels: int, side: int) -> Work:
        nn = self.nn
        model = nn.Sequential(
            nn.Conv2d(image, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * channels * (side // 4) ** 2, inputs.CLASSES),
        )
        return self._training(model, inputs.cnn(batch, image, channels, side), "SGD")

    def deep(self, depth: int, batch: int, width: int) -> Work:
        nn = self.nn
        blocks = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU())]
        model = nn.Sequential(*blocks, nn.Linear(width, inputs.CLASSES))
        # a deep network magnifies rounding from step to step: the first loss is what can be compared
        return self._training(model, inputs.deep(depth, batch, width), "SGD", steps=1)

    def _training(self, model: Any, data: inputs.Model, name: str, steps: int = inputs.STEPS) -> Work:
        for parameter, array in zip(model.parameters(), (a for layer in data.layers for a in layer)):
            self.fill(parameter, array)
        x, labels = self.lib.from_numpy(data.x), self.lib.from_numpy(data.labels)
        criterion = self.nn.CrossEntropyLoss()
        optimizer = getattr(self.optim, name)(model.parameters(), lr=inputs.LEARNING_RATE[name])

        def step() -> float:
            optimizer.zero_grad()
            loss = criterion(model(x), labels)
            loss.backward()
            optimizer.step()
            return loss.item()

        return Work(step, lambda: {"losses": np.array([step() for _ in range(steps)])})

    def small_operations(self, count: int, size: int) -> Work:
        x, w, b = map(self.leaf, inputs.small(size))

        def step() -> Any:
            x.grad = w.grad = b.grad = None
            y = x
            for _ in range(count // 2):
                y = y * w
                y = y + b
            y.sum().backward()
            return y

        def numbers() -> dict[str, np.ndarray]:
            y = step()
            return {"y": y.detach().numpy(), **{f"gradient {i}": t.grad.numpy() for i, t in enumerate((x, w, b))}}

        return Work(step, numbers)

    def chain(self, count: int, size: int) -> Work:
        x = self.leaf(inputs.small(size)[0])

        def step() -> Any:
            x.grad = None
            y = x
            for _ in range(count):
                y = y * 1.00001
            y.sum().backward()
            return y

        return Work(step, lambda: {"y": step().detach().numpy(), "gradient of x": x.grad.numpy()})
