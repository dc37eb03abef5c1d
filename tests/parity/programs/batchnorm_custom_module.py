"""A BatchNorm of one's own as a subclass, and blocks of Linear, BatchNorm and activation."""

import torch
import torch.nn as nn


class MyBatchNorm2d(nn.BatchNorm2d):
    def forward(self, x):
        self._check_input_dim(x)
        y = x.transpose(0, 1)
        return_shape = y.shape
        y = y.contiguous().view(x.size(1), -1)
        if self.training:
            mu = y.mean(dim=1)
            sigma2 = y.var(dim=1, unbiased=False)
            with torch.no_grad():
                n = y.numel() / y.size(0)
                self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mu
                self.running_var = (1 - self.momentum) * self.running_var + self.momentum * sigma2 * n / (n - 1)
                self.num_batches_tracked += 1
        else:
            mu, sigma2 = self.running_mean, self.running_var
        y = (y - mu.view(-1, 1)) / (sigma2.view(-1, 1) + self.eps) ** 0.5
        y = self.weight.view(-1, 1) * y + self.bias.view(-1, 1)
        return y.view(return_shape).transpose(0, 1)


torch.manual_seed(0)
mine, theirs = MyBatchNorm2d(3, affine=True), nn.BatchNorm2d(3, affine=True)
print(mine, theirs)
for _ in range(5):
    scale, bias = torch.randint(1, 10, (1,)).float(), torch.randint(-10, 10, (1,)).float()
    x = torch.randn(4, 3, 5, 5) * scale + bias
    a, b = mine(x), theirs(x)
    print(f"Max diff small: {(a - b).abs().max() < 1e-5}", scale, bias)
print(mine.running_mean, theirs.running_mean, mine.running_var, theirs.running_var, sep="\n")
mine.eval(), theirs.eval()
print(torch.allclose(mine(x), theirs(x), atol=1e-5))
x1, x2 = x.clone().requires_grad_(), x.clone().requires_grad_()
mine.train()(x1).pow(3).sum().backward()
theirs.train()(x2).pow(3).sum().backward()
print(torch.allclose(x1.grad, x2.grad, atol=1e-3), torch.allclose(mine.weight.grad, theirs.weight.grad, rtol=1e-3))


class Block(nn.Module):
    def __init__(self, n_in, n_out, norm=True, act=nn.ReLU):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out, bias=not norm)
        self.norm = nn.BatchNorm1d(n_out) if norm else nn.Identity()
        self.act = act()

    def forward(self, x):
        return self.act(self.norm(self.linear(x)))


net = nn.Sequential(Block(4, 8), Block(8, 8, act=nn.Tanh), Block(8, 2, norm=False, act=nn.Identity))
print(net)
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
data = torch.randn(32, 4)
for i in range(10):
    loss = (net(data) - data[:, :2] * data[:, 2:]).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if i % 3 == 0:
        print(i, loss)
print(net[0].norm.running_mean, net[1].norm.running_var, net[0].linear.bias)
print([type(m).__name__ for m in net.modules() if isinstance(m, (nn.BatchNorm1d, nn.Identity))])
