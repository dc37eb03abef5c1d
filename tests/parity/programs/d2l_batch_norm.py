"""BatchNorm from scratch and with the library in LeNet, lazily built, as a textbook does it."""

import torch
from torch import nn


def batch_norm(X, gamma, beta, moving_mean, moving_var, eps, momentum):
    if not torch.is_grad_enabled():
        X_hat = (X - moving_mean) / torch.sqrt(moving_var + eps)
    else:
        assert len(X.shape) in (2, 4)
        if len(X.shape) == 2:
            mean = X.mean(dim=0)
            var = ((X - mean) ** 2).mean(dim=0)
        else:
            mean = X.mean(dim=(0, 2, 3), keepdim=True)
            var = ((X - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
        X_hat = (X - mean) / torch.sqrt(var + eps)
        moving_mean = (1.0 - momentum) * moving_mean + momentum * mean
        moving_var = (1.0 - momentum) * moving_var + momentum * var
    Y = gamma * X_hat + beta
    return Y, moving_mean.data, moving_var.data


class BatchNorm(nn.Module):
    def __init__(self, num_features, num_dims):
        super().__init__()
        shape = (1, num_features) if num_dims == 2 else (1, num_features, 1, 1)
        self.gamma = nn.Parameter(torch.ones(shape))
        self.beta = nn.Parameter(torch.zeros(shape))
        self.moving_mean = torch.zeros(shape)
        self.moving_var = torch.ones(shape)

    def forward(self, X):
        if self.moving_mean.device != X.device:
            self.moving_mean = self.moving_mean.to(X.device)
            self.moving_var = self.moving_var.to(X.device)
        Y, self.moving_mean, self.moving_var = batch_norm(
            X, self.gamma, self.beta, self.moving_mean, self.moving_var, eps=1e-5, momentum=0.1
        )
        return Y


def init_cnn(module):
    if type(module) == nn.Linear or type(module) == nn.Conv2d:
        nn.init.xavier_uniform_(module.weight)


class HyperParameters:
    def save_hyperparameters(self, **kwargs):
        for k, v in kwargs.items():
            setattr(self, k, v)


class Classifier(nn.Module, HyperParameters):
    def __init__(self):
        super().__init__()

    def forward(self, X):
        assert hasattr(self, "net"), "Neural network is defined"
        return self.net(X)

    def loss(self, Y_hat, Y, averaged=True):
        Y_hat = torch.reshape(Y_hat, (-1, Y_hat.shape[-1]))
        Y = torch.reshape(Y, (-1,))
        return nn.functional.cross_entropy(Y_hat, Y, reduction="mean" if averaged else "none")

    def accuracy(self, Y_hat, Y, averaged=True):
        Y_hat = torch.reshape(Y_hat, (-1, Y_hat.shape[-1]))
        preds = Y_hat.argmax(axis=1).type(Y.dtype)
        compare = (preds == torch.reshape(Y, (-1,))).type(torch.float32)
        return torch.mean(compare) if averaged else compare

    def layer_summary(self, X_shape):
        X = torch.randn(*X_shape)
        for layer in self.net:
            X = layer(X)
            print(layer.__class__.__name__, "output shape:\t", X.shape)

    def apply_init(self, inputs, init=None):
        self.forward(*inputs)
        if init is not None:
            self.net.apply(init)


class BNLeNetScratch(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters(lr=lr, num_classes=num_classes)
        self.net = nn.Sequential(
            nn.LazyConv2d(6, kernel_size=5),
            BatchNorm(6, num_dims=4),
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.LazyConv2d(16, kernel_size=5),
            BatchNorm(16, num_dims=4),
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.Flatten(),
            nn.LazyLinear(120),
            BatchNorm(120, num_dims=2),
            nn.Sigmoid(),
            nn.LazyLinear(84),
            BatchNorm(84, num_dims=2),
            nn.Sigmoid(),
            nn.LazyLinear(num_classes),
        )


class BNLeNet(Classifier):
    def __init__(self, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters(lr=lr, num_classes=num_classes)
        self.net = nn.Sequential(
            nn.LazyConv2d(6, kernel_size=5),
            nn.LazyBatchNorm2d(),
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.LazyConv2d(16, kernel_size=5),
            nn.LazyBatchNorm2d(),
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.Flatten(),
            nn.LazyLinear(120),
            nn.LazyBatchNorm1d(),
            nn.Sigmoid(),
            nn.LazyLinear(84),
            nn.LazyBatchNorm1d(),
            nn.Sigmoid(),
            nn.LazyLinear(num_classes),
        )


torch.manual_seed(0)
data = torch.randn(64, 1, 28, 28)
labels = torch.randint(0, 10, (64,))
data += labels.reshape(-1, 1, 1, 1) * 0.3
for cls in (BNLeNetScratch, BNLeNet):
    torch.manual_seed(1)
    model = cls(lr=0.1)
    print(model)
    model.apply_init([data[:2]], init_cnn)
    print(model.net)
    model.eval()
    with torch.no_grad():
        print(model(data[:2]))
    model.train()
    trainer = torch.optim.SGD(model.parameters(), lr=0.02)
    for epoch in range(3):
        total = torch.zeros(2)
        for i in range(0, 64, 16):
            X, y = data[i : i + 16], labels[i : i + 16]
            trainer.zero_grad()
            l = model.loss(model(X), y)
            l.backward()
            trainer.step()
            with torch.no_grad():
                total += torch.tensor([l * len(y), model.accuracy(model(X), y, averaged=False).sum()])
        print(f"epoch {epoch + 1}, loss {total[0] / 64:.4f}, acc {total[1] / 64:.3f}")
    bn = model.net[1]
    gamma = bn.gamma if hasattr(bn, "gamma") else bn.weight
    print(gamma.reshape(-1), gamma.grad.reshape(-1))
    if isinstance(bn, BatchNorm):
        print(bn.beta.reshape((-1,)), bn.moving_mean.reshape((-1,)), bn.moving_var.reshape((-1,)), sep="\n")
    else:
        print(bn.bias, bn.running_mean, bn.running_var, bn.num_batches_tracked, sep="\n")
    model.eval()
    with torch.no_grad():
        print(model(data[:16]).argmax(1), model.accuracy(model(data), labels))
    model.train()
    model.layer_summary((4, 1, 28, 28))

X = torch.arange(24).reshape(2, 3, 4)
print(X.sum(0, keepdim=True), X.sum(axis=[0, 1]), X.float().mean(dim=(0, 2)), len(X), X.numel())
A = torch.arange(6, dtype=torch.float32).reshape(2, 3)
print(
    A.sum(axis=1, keepdims=True),
    A / A.sum(axis=1, keepdims=True),
    A.cumsum(axis=0),
    torch.norm(torch.ones((4, 9))),
    sep="\n",
)
before = id(A)
A += 1
print(id(A) == before, A.mean(axis=0), A.sum() / A.numel(), torch.abs(-A).sum())
