"""The shapes inside a LeNet, Xavier initialization by apply, and a short training with accuracy."""

import torch
from torch import nn


def init_cnn(module):
    if type(module) in (nn.Linear, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)


torch.manual_seed(0)
net = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Flatten(),
    nn.Linear(16 * 5 * 5, 120), nn.Sigmoid(),
    nn.Linear(120, 84), nn.Sigmoid(),
    nn.Linear(84, 10),
)  # fmt: skip
net.apply(init_cnn)
X = torch.randn(1, 1, 28, 28)
for layer in net:
    X = layer(X)
    print(layer.__class__.__name__, "output shape:\t", X.shape)
print(X)
print(net[0].weight[0], net[-1].weight[:2, :5])

torch.manual_seed(5)
images, labels = torch.randn(20, 1, 28, 28), torch.arange(20) % 10
trainer = torch.optim.SGD(net.parameters(), lr=0.9)
for epoch in range(3):
    net.train()
    metric = [0.0] * 3
    for start in range(0, 20, 10):
        xb, yb = images[start : start + 10], labels[start : start + 10]
        trainer.zero_grad()
        y_hat = net(xb)
        loss = nn.CrossEntropyLoss()(y_hat, yb)
        loss.backward()
        trainer.step()
        with torch.no_grad():
            metric[0] += loss * xb.shape[0]
            metric[1] += float((y_hat.argmax(axis=1).type(yb.dtype) == yb).sum())
            metric[2] += xb.shape[0]
    print(f"loss {metric[0] / metric[2]:.3f}, train acc {metric[1] / metric[2]:.3f}")


def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


X = torch.ones((6, 8))
X[:, 2:6] = 0
K = torch.tensor([[1.0, -1.0]])
Y = corr2d(X, K)
print(X, Y, corr2d(X.t(), K), sep="\n")
torch.manual_seed(2)
conv2d = nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False)
X, Y = X.reshape((1, 1, 6, 8)), Y.reshape((1, 1, 6, 7))
for i in range(10):
    loss = (conv2d(X) - Y) ** 2
    conv2d.zero_grad()
    loss.sum().backward()
    conv2d.weight.data[:] -= 3e-2 * conv2d.weight.grad
    if (i + 1) % 2 == 0:
        print(f"epoch {i + 1}, loss {loss.sum():.3f}")
print(conv2d.weight.data.reshape((1, 2)))
