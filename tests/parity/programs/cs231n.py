"""A two-layer net, numeric gradients, and spatial BatchNorm, the way a vision course has them, checked with autograd."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

dtype = torch.float64
torch.manual_seed(231)


def rel_error(x, y):
    return (
        (torch.abs(x - y) / torch.maximum(torch.tensor(1e-8, dtype=x.dtype), torch.abs(x) + torch.abs(y))).max().item()
    )


def eval_numerical_gradient_array(f, x, df, h=1e-5):
    grad = torch.zeros_like(x)
    flat, gflat = x.view(-1), grad.view(-1)
    for i in range(flat.numel()):
        old = flat[i].item()
        flat[i] = old + h
        pos = f(x).clone()
        flat[i] = old - h
        neg = f(x).clone()
        flat[i] = old
        gflat[i] = ((pos - neg) * df).sum() / (2 * h)
    return grad


def affine_forward(x, w, b):
    return x.reshape(x.shape[0], -1).mm(w) + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    return dout.mm(w.t()).view_as(x), x.reshape(x.shape[0], -1).t().mm(dout), dout.sum(dim=0)


x = torch.randn(5, 2, 3, dtype=dtype)
w = torch.randn(6, 4, dtype=dtype)
b = torch.randn(4, dtype=dtype)
dout = torch.randn(5, 4, dtype=dtype)
_, cache = affine_forward(x, w, b)
for name, d, t, f in zip(
    ("dx", "dw", "db"),
    affine_backward(dout, cache),
    (x, w, b),
    (lambda v: affine_forward(v, w, b)[0], lambda v: affine_forward(x, v, b)[0], lambda v: affine_forward(x, w, v)[0]),
):
    print(f"{name} error: {rel_error(d, eval_numerical_gradient_array(f, t, dout)) < 1e-7}")


def batchnorm_forward(x, gamma, beta, bn_param):
    mode, eps, momentum = bn_param["mode"], bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    N, D = x.shape
    running_mean = bn_param.get("running_mean", torch.zeros(D, dtype=x.dtype))
    running_var = bn_param.get("running_var", torch.zeros(D, dtype=x.dtype))
    cache = None
    if mode == "train":
        mu = x.mean(dim=0)
        var = x.var(dim=0, unbiased=False)
        std = (var + eps).sqrt()
        xhat = (x - mu) / std
        out = gamma * xhat + beta
        running_mean = momentum * running_mean + (1 - momentum) * mu
        running_var = momentum * running_var + (1 - momentum) * var
        cache = (xhat, gamma, std)
    elif mode == "test":
        out = gamma * (x - running_mean) / (running_var + eps).sqrt() + beta
    else:
        raise ValueError('Invalid forward batchnorm mode "%s"' % mode)
    bn_param["running_mean"] = running_mean.detach()
    bn_param["running_var"] = running_var.detach()
    return out, cache


def batchnorm_backward_alt(dout, cache):
    xhat, gamma, std = cache
    m = dout.shape[0]
    dxhat = dout * gamma
    dx = (dxhat - dxhat.sum(0) / m - xhat * (dxhat * xhat).sum(0) / m) / std
    return dx, (dout * xhat).sum(0), dout.sum(0)


def print_mean_std(x, dim=0):
    means = ["%.3f" % xx for xx in x.mean(dim=dim).tolist()]
    stds = ["%.3f" % xx for xx in x.std(dim=dim, correction=0).tolist()]
    print("  means: ", means)
    print("  stds:  ", stds)


a = F.relu(torch.randn(200, 50, dtype=dtype) @ torch.randn(50, 60, dtype=dtype)) @ torch.randn(60, 3, dtype=dtype)
print("Before batch normalization:")
print_mean_std(a)
a_norm, _ = batchnorm_forward(a, torch.ones(3, dtype=dtype), torch.zeros(3, dtype=dtype), {"mode": "train"})
print("After batch normalization (gamma=1, beta=0)")
print_mean_std(a_norm)
gamma, beta = torch.asarray([1.0, 2.0, 3.0], dtype=dtype), torch.asarray([11.0, 12.0, 13.0], dtype=dtype)
a_norm, _ = batchnorm_forward(a, gamma, beta, {"mode": "train"})
print("After batch normalization (gamma=", gamma.tolist(), ", beta=", beta.tolist(), ")")
print_mean_std(a_norm)

x = (5 * torch.randn(6, 4, dtype=dtype) + 12).requires_grad_()
gamma = torch.randn(4, dtype=dtype, requires_grad=True)
beta = torch.randn(4, dtype=dtype, requires_grad=True)
dout = torch.randn(6, 4, dtype=dtype)
out, cache = batchnorm_forward(x, gamma, beta, {"mode": "train"})
out.backward(dout)
for name, d, t in zip(
    ("dx", "dgamma", "dbeta"), batchnorm_backward_alt(dout, [c.detach() for c in cache]), (x, gamma, beta)
):
    print(name, d.shape, rel_error(d, t.grad) < 1e-8)
reference = F.batch_norm(x, None, None, gamma, beta, True, 0.1, 1e-5)
print(torch.allclose(reference, out), reference.grad_fn.name())

# spatial: (N, C, H, W) as (N * H * W, C)
images = 4 * torch.randn(2, 3, 4, 5, dtype=dtype) + 10
flat = images.permute(0, 2, 3, 1).reshape(-1, 3)
bn_param = {"mode": "train"}
out, _ = batchnorm_forward(flat, torch.ones(3, dtype=dtype), torch.zeros(3, dtype=dtype), bn_param)
out = out.reshape(2, 4, 5, 3).permute(0, 3, 1, 2)
print(out.shape, out.is_contiguous(), out.stride())
print_mean_std(out, dim=(0, 2, 3))
bn = nn.BatchNorm2d(3, momentum=0.1).double()
print(torch.allclose(bn(images), out), torch.allclose(bn.running_mean, bn_param["running_mean"]), bn.running_mean)
groups = nn.GroupNorm(3, 3).double()(images)
print(
    f"{groups.mean():.3f} {groups[0, 0].std(correction=0):.3f}", nn.InstanceNorm2d(3).double()(images).allclose(groups)
)


# three levels of abstraction
def flatten(x):
    return x.view(x.shape[0], -1)


def two_layer_fc(x, params):
    w1, w2 = params
    return F.relu(flatten(x).mm(w1)).mm(w2)


def random_weight(shape):
    fan_in = shape[0] if len(shape) == 2 else np.prod(shape[1:])
    w = torch.randn(shape, dtype=torch.float32) * np.sqrt(2.0 / fan_in)
    w.requires_grad = True
    return w


def zero_weight(shape):
    return torch.zeros(shape, dtype=torch.float32, requires_grad=True)


print(random_weight((3, 5)))
data = torch.randn(64, 3, 6, 6)
target = data[:, 0, 0, :4].argmax(1)
w1, w2 = random_weight((108, 40)), random_weight((40, 4))
for t in range(20):
    scores = two_layer_fc(data, [w1, w2])
    loss = F.cross_entropy(scores, target)
    loss.backward()
    with torch.no_grad():
        for w in (w1, w2):
            w -= 1e-1 * w.grad
            w.grad.zero_()
    if t % 5 == 0:
        _, preds = scores.max(1)
        num_correct, num_samples = (preds == target).sum(), preds.size(0)
        print("Iteration %d, loss = %.4f" % (t, loss.item()))
        print("Got %d / %d correct (%.2f%%)" % (num_correct, num_samples, 100 * float(num_correct) / num_samples))


class Flatten(nn.Module):
    def forward(self, x):
        return flatten(x)


class ThreeLayerConvNet(nn.Module):
    def __init__(self, in_channel, channel_1, channel_2, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channel, channel_1, (5, 5), padding=2)
        nn.init.kaiming_normal_(self.conv1.weight)
        nn.init.zeros_(self.conv1.bias)
        self.conv2 = nn.Conv2d(channel_1, channel_2, (3, 3), padding="same")
        self.fc = nn.Linear(channel_2 * 6 * 6, num_classes)

    def forward(self, x):
        return self.fc(flatten(F.relu(self.conv2(F.relu(self.conv1(x))))))


model = ThreeLayerConvNet(3, 4, 3, 4)
print(model(torch.zeros((2, 3, 6, 6), dtype=torch.float32)).size(), model.conv2)
model = nn.Sequential(Flatten(), nn.Linear(108, 20), nn.ReLU(), nn.Linear(20, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9, nesterov=True)
for t in range(5):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(data), target)
    loss.backward()
    optimizer.step()
print(
    loss, optimizer.state_dict()["param_groups"], optimizer.state[model[1].weight]["momentum_buffer"].norm(), sep="\n"
)
