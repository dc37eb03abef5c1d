"""A scalar engine checked against the tensors' gradients."""

import math
import random

import torch


class Value:
    def __init__(self, data, _children=(), _op=""):
        self.data, self.grad, self._prev, self._op = data, 0.0, set(_children), _op
        self._backward = lambda: None

    def __repr__(self):
        return f"Value(data={self.data})"

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), "+")

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), "*")

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def __pow__(self, n):
        out = Value(self.data**n, (self,), f"**{n}")

        def _backward():
            self.grad += n * self.data ** (n - 1) * out.grad

        out._backward = _backward
        return out

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,), "tanh")

        def _backward():
            self.grad += (1 - t * t) * out.grad

        out._backward = _backward
        return out

    def relu(self):
        out = Value(max(0, self.data), (self,), "relu")

        def _backward():
            self.grad += (out.data > 0) * out.grad

        out._backward = _backward
        return out

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build(child)
                topo.append(v)

        build(self)
        self.grad = 1.0
        for v in reversed(topo):
            v._backward()

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __truediv__(self, other):
        return self * other**-1


def f(a, b):
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + (b + a).relu()
    d = d + d * 3 + (b - a).relu()
    e = c - d
    h = e**2
    g = h / 2.0
    return g + (h**-1) * 10.0


a, b = Value(-4.0), Value(2.0)
g = f(a, b)
g.backward()
x = torch.Tensor([-4.0]).double()
y = torch.Tensor([2.0]).double()
x.requires_grad = True
y.requires_grad = True
z = f(x, y)
z.backward()
print(g, z)
print(a.grad, b.grad, x.grad, y.grad, x.grad.item(), y.grad.item())
print(abs(a.grad - x.grad.item()) < 1e-6, abs(b.grad - y.grad.item()) < 1e-6)

# one neuron
x1 = torch.Tensor([2.0]).double()
x1.requires_grad = True
x2 = torch.Tensor([0.0]).double()
x2.requires_grad = True
w1 = torch.Tensor([-3.0]).double()
w1.requires_grad = True
w2 = torch.Tensor([1.0]).double()
w2.requires_grad = True
b = torch.Tensor([6.8813735870195432]).double()
b.requires_grad = True
n = x1 * w1 + x2 * w2 + b
o = torch.tanh(n)
print(o.data.item())
o.backward()
print("---")
print("x2", x2.grad.item())
print("w2", w2.grad.item())
print("x1", x1.grad.item())
print("w1", w1.grad.item())
print(o, o.dtype, n.grad_fn)

# a small multilayer perceptron of values
random.seed(1337)
ws = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(4)]
vs = [random.uniform(-1, 1) for _ in range(4)]
xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
ys = [1.0, -1.0, -1.0, 1.0]
W = [[Value(w) for w in row] for row in ws]
V = [Value(v) for v in vs]
tW = torch.tensor(ws, dtype=torch.double, requires_grad=True)
tV = torch.tensor(vs, dtype=torch.double, requires_grad=True)
X, Y = torch.tensor(xs).double(), torch.tensor(ys).double()
for k in range(20):
    preds = [
        sum((v * sum((w * xi for w, xi in zip(row, x)), Value(0.0)).tanh() for v, row in zip(V, W)), Value(0.0)).tanh()
        for x in xs
    ]
    loss = sum(((p - y) ** 2 for p, y in zip(preds, ys)), Value(0.0))
    for p in [w for row in W for w in row] + V:
        p.grad = 0.0
    loss.backward()
    tloss = (((X @ tW.T).tanh() @ tV).tanh() - Y).square().sum()
    if tW.grad is not None:
        tW.grad.zero_()
        tV.grad.zero_()
    tloss.backward()
    for p in [w for row in W for w in row] + V:
        p.data -= 0.05 * p.grad
    with torch.no_grad():
        tW -= 0.05 * tW.grad
        tV.sub_(tV.grad, alpha=0.05)
    if k % 5 == 0:
        print(
            k,
            f"{loss.data:.6f} {tloss.item():.6f}",
            torch.isclose(tloss, torch.tensor(loss.data, dtype=torch.float64)).item(),
        )
print(tV.grad)
