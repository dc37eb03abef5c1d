"""JAX: functions of arrays, each step compiled as a whole."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import inputs
from benchmarks.libraries import Work

if TYPE_CHECKING:
    from collections.abc import Callable

DIMENSIONS = ("NCHW", "OIHW", "NCHW")


class Workloads:
    """The workloads on jax.numpy and jax.lax, under jit."""

    def __init__(self, module: str) -> None:
        self.jax: Any = import_module(module)
        self.jnp: Any = import_module(f"{module}.numpy")
        self.lax: Any = self.jax.lax

    def normalize(self, x: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
        """The batch normalised over all dimensions but 1, its means and its variances."""
        jnp = self.jnp
        axes = (0, *range(2, x.ndim))
        mean, var = jnp.mean(x, axes, keepdims=True), jnp.var(x, axes, keepdims=True)
        return self.affine(x, mean, var, weight, bias), mean, var

    def affine(self, x: Any, mean: Any, var: Any, weight: Any, bias: Any) -> Any:
        shape = (1, -1) + (1,) * (x.ndim - 2)
        scale = weight.reshape(shape) * self.lax.rsqrt(var.reshape(shape) + inputs.EPS)
        return (x - mean.reshape(shape)) * scale + bias.reshape(shape)

    def batch_norm(self, shape: tuple[int, ...], training: bool) -> Work:
        data = inputs.batch_norm(shape)
        x, weight, bias, mean, var, g = map(self.jnp.asarray, data)
        if not training:
            evaluate = self.jax.jit(self.affine)

            def step() -> Any:
                return evaluate(x, mean, var, weight, bias).block_until_ready()

            return Work(step, lambda: {"y": np.asarray(step())})

        count = x.size / shape[1]

        @self.jax.jit
        def both(x: Any, weight: Any, bias: Any, g: Any, running_mean: Any, running_var: Any) -> Any:
            def forward(x: Any, weight: Any, bias: Any) -> Any:
                y, mean, var = self.normalize(x, weight, bias)
                return y, (mean.reshape(-1), var.reshape(-1))

            y, pull, (mean, var) = self.jax.vjp(forward, x, weight, bias, has_aux=True)
            running_mean = running_mean + inputs.MOMENTUM * (mean - running_mean)
            running_var = running_var + inputs.MOMENTUM * (var * count / (count - 1) - running_var)
            return y, pull(g), running_mean, running_var

        running = [mean, var]

        def train() -> Any:
            y, gradients, *running[:] = both(x, weight, bias, g, *running)
            return self.jax.block_until_ready((y, *gradients))

        return Work(train, lambda: _named(train()))

    def convolve(self, x: Any, weight: Any, bias: Any) -> Any:
        y = self.lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=DIMENSIONS)
        return y + bias.reshape(1, -1, 1, 1)

    def conv(self, batch: int, before: int, after: int, side: int) -> Work:
        x, weight, bias, g = map(self.jnp.asarray, inputs.conv(batch, before, after, side))

        @self.jax.jit
        def both(x: Any, weight: Any, bias: Any, g: Any) -> Any:
            y, pull = self.jax.vjp(self.convolve, x, weight, bias)
            return y, *pull(g)

        def step() -> Any:
            return self.jax.block_until_ready(both(x, weight, bias, g))

        return Work(step, lambda: _named(step()))

    def mlp(self, batch: int, features: int, hidden: int, optimizer: str) -> Work:
        def model(layers: Any, x: Any) -> Any:
            first, norm1, second, norm2, last = layers
            for (weight, bias), norm in ((first, norm1), (second, norm2)):
                x = self.jax.nn.relu(self.normalize(x @ weight.T + bias, *norm)[0])
            return x @ last[0].T + last[1]

        return self._training(model, inputs.mlp(batch, features, hidden), optimizer)

    def cnn(self, batch: int, image: int, channels: int, side: int) -> Work:
        def model(layers: Any, x: Any) -> Any:
            first, norm1, second, norm2, last = layers
            for block, norm in ((first, norm1), (second, norm2)):
                x = self.jax.nn.relu(self.normalize(self.convolve(x, *block), *norm)[0])
                x = self.lax.reduce_window(x, -self.jnp.inf, self.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
            return x.reshape(len(x), -1) @ last[0].T + last[1]

        return self._training(model, inputs.cnn(batch, image, channels, side), "SGD")

    def _training(self, model: Callable[[Any, Any], Any], data: inputs.Model, optimizer: str) -> Work:
        jax, jnp = self.jax, self.jnp
        x, labels = jnp.asarray(data.x), jnp.asarray(data.labels)
        rate = inputs.LEARNING_RATE[optimizer]

        def loss(layers: Any) -> Any:
            logits = jax.nn.log_softmax(model(layers, x))
            return -jnp.mean(jnp.take_along_axis(logits, labels[:, None], 1))

        @jax.jit
        def sgd(layers: Any) -> Any:
            value, gradients = jax.value_and_grad(loss)(layers)
            return value, (jax.tree.map(lambda p, g: p - rate * g, layers, gradients),)

        @jax.jit
        def adam(layers: Any, first: Any, second: Any, steps: Any) -> Any:
            value, g = jax.value_and_grad(loss)(layers)
            steps = steps + 1
            first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, g)
            second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, second, g)
            unbias1, unbias2 = 1 - 0.9**steps, 1 - 0.999**steps
            layers = jax.tree.map(
                lambda p, m, v: p - rate * (m / unbias1) / (jnp.sqrt(v / unbias2) + 1e-8), layers, first, second
            )
            return value, (layers, first, second, steps)

        layers = jax.tree.map(jnp.asarray, data.layers)
        zeros = jax.tree.map(jnp.zeros_like, layers)
        update, state = (sgd, [layers]) if optimizer == "SGD" else (adam, [layers, zeros, zeros, jnp.zeros(())])

        def step() -> float:
            value, state[:] = update(*state)
            jax.block_until_ready(state)
            return float(value)

        return Work(step, lambda: {"losses": np.array([step() for _ in range(inputs.STEPS)])})


def _named(arrays: Any) -> dict[str, np.ndarray]:
    names = ("y", "gradient of x", "gradient of weight", "gradient of bias")
    return {name: np.asarray(array) for name, array in zip(names, arrays)}
