"""What libraries without an optimizer of their own need: SGD and Adam on numpy arrays, in place."""

from __future__ import annotations

import numpy as np


class SGD:
    """p -= rate * g"""

    def __init__(self, parameters: list[np.ndarray], rate: float) -> None:
        self.parameters, self.rate = parameters, rate

    def step(self, gradients: list[np.ndarray]) -> None:
        for p, g in zip(self.parameters, gradients):
            p -= self.rate * g


class Adam:
    """Kingma & Ba, with the usual constants."""

    def __init__(self, parameters: list[np.ndarray], rate: float) -> None:
        self.parameters, self.rate, self.steps = parameters, rate, 0
        self.first = [np.zeros_like(p) for p in parameters]
        self.second = [np.zeros_like(p) for p in parameters]

    def step(self, gradients: list[np.ndarray]) -> None:
        self.steps += 1
        unbias1, unbias2 = 1 - 0.9**self.steps, 1 - 0.999**self.steps
        for p, g, m, v in zip(self.parameters, gradients, self.first, self.second):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= self.rate / unbias1 * m / (np.sqrt(v / unbias2) + 1e-8)


OPTIMIZERS = {"SGD": SGD, "Adam": Adam}
