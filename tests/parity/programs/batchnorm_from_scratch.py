"""Batch normalization written out on tensors, as a layer of a LeNet, beside the library's own."""

import torch
from torch import nn
from torch.nn import functional as F


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
    return gamma * X_hat + beta, moving_mean.data, moving_var.data


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
            self.moving_mean, self.moving_var = self.moving_mean.to(X.device), self.moving_var.to(X.device)
        Y, self.moving_mean, self.moving_var = batch_norm(
            X, self.gamma, self.beta, self.moving_mean, self.moving_var, eps=1e-5, momentum=0.1
        )
        return Y


def lenet(norm2, norm4):
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2), norm4(6), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), norm4(16), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Flatten(), nn.Linear(16 * 1 * 1, 20), norm2(20), nn.Sigmoid(), nn.Linear(20, 10),
    )  # fmt: skip


torch.manual_seed(0)
X, y = torch.randn(32, 1, 12, 12), torch.randint(10, (32,))
for norm2, norm4 in (
    (lambda c: BatchNorm(c, 2), lambda c: BatchNorm(c, 4)),
    (nn.BatchNorm1d, nn.BatchNorm2d),
):
    torch.manual_seed(1)
    net = lenet(norm2, norm4)
    print(net)
    trainer = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(8):
        loss = F.cross_entropy(net(X), y)
        trainer.zero_grad()
        loss.backward()
        trainer.step()
        print(step, f"{loss.item():.5f}")
    norm = net[1]
    gamma = norm.gamma if hasattr(norm, "gamma") else norm.weight
    print(gamma.reshape(-1), gamma.grad.reshape(-1))
    if isinstance(norm, BatchNorm):
        print(norm.moving_mean.reshape((-1,)), norm.beta.reshape((-1,)))
    else:
        print(norm.running_mean, norm.running_var, norm.bias)
    net.eval()
    with torch.no_grad():
        print(net(X[:2]))
