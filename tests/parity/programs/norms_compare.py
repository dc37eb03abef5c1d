"""BatchNorm, LayerNorm, RMSNorm, InstanceNorm and GroupNorm beside what they are made of; training with and without."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(4, 6, 5, 5) * 3 + 2


def describe(name, y):
    print(f"{name:14s} {y.mean():+.4f} {y.std():.4f} {y.grad_fn.name() if y.grad_fn else None}")


bn, ln, inn, gn = nn.BatchNorm2d(6), nn.LayerNorm([6, 5, 5]), nn.InstanceNorm2d(6, affine=True), nn.GroupNorm(2, 6)
for layer in (
    bn,
    ln,
    inn,
    gn,
    nn.RMSNorm([5, 5]),
    nn.GroupNorm(1, 6),
    nn.GroupNorm(6, 6),
    nn.LayerNorm(5, elementwise_affine=False),
    nn.LayerNorm(5, bias=False),
):
    print(layer, sum(p.numel() for p in layer.parameters()), [n for n, _ in layer.named_buffers()])
    describe(type(layer).__name__, layer(x))


def by_hand(x, dims, eps=1e-5):
    mean = x.mean(dim=dims, keepdim=True)
    var = x.var(dim=dims, unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(var + eps)


print(
    torch.allclose(bn(x), by_hand(x, (0, 2, 3)), atol=1e-5),
    torch.allclose(ln(x), by_hand(x, (1, 2, 3)), atol=1e-5),
    torch.allclose(inn(x), by_hand(x, (2, 3)), atol=1e-5),
)
print(
    torch.allclose(gn(x), by_hand(x.view(4, 2, -1), -1).view_as(x), atol=1e-5),
    torch.allclose(F.rms_norm(x, (5,), eps=1e-6), x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)),
)
bn.eval()
describe("eval", bn(x))
one = bn(x[:1])
print(torch.allclose(one, bn(x)[:1]), bn.running_mean, bn.running_var, bn.num_batches_tracked, sep="\n")
bn.train()
for momentum in (0.1, 1.0, None, 0.01):
    layer = nn.BatchNorm2d(6, momentum=momentum)
    for _ in range(3):
        layer(x + torch.randn(1))
    print(momentum, layer.running_mean.mean(), layer.running_var.mean())

# the same network with different norms in it


def net(norm):
    torch.manual_seed(7)

    def block(i, o):
        return [nn.Linear(i, o), *([norm(o)] if norm else []), nn.Tanh()]

    return nn.Sequential(*block(10, 32), *block(32, 32), *block(32, 32), nn.Linear(32, 3))


X = torch.randn(96, 10) * torch.linspace(0.1, 20, 10)
Y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()
for norm in (None, nn.BatchNorm1d, nn.LayerNorm, nn.RMSNorm, lambda n: nn.GroupNorm(4, n)):
    model = net(norm)
    opt = torch.optim.SGD(model.parameters(), lr=0.2)
    history = []
    for step in range(15):
        loss = F.cross_entropy(model(X), Y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        history.append(loss.item())
    model.eval()
    with torch.no_grad():
        accuracy = (model(X).argmax(-1) == Y).float().mean()
    print(["%.3f" % h for h in history[::5]], f"{accuracy:.2%}", model[0].weight.grad.abs().mean())

# what makes a scale harmless, and a bias useless
layer = nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8))
out = layer(X)
with torch.no_grad():
    layer[0].weight *= 10
    layer[0].bias += 5
print(torch.allclose(out, layer(X), atol=1e-3), (layer(X).sum(0).abs() < 1e-4).all())
layer(X).pow(3).sum().backward()
print((layer[0].bias.grad.abs() < 0.05).all(), layer[1].bias.grad.shape)

# frozen statistics, converted and fused layers
model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 9, 2))
images = torch.randn(6, 3, 5, 5)
for _ in range(3):
    model(images)


def set_bn_eval(m):
    if isinstance(m, nn.modules.batchnorm._BatchNorm):
        m.eval()
        m.weight.requires_grad_(False)
        m.bias.requires_grad_(False)


model.train().apply(set_bn_eval)
before = model[1].running_mean.clone()
model(images).sum().backward()
print(
    torch.equal(before, model[1].running_mean),
    model[1].weight.grad,
    model[0].weight.grad.shape,
    model[1].training,
    model.training,
)
model.eval()
fused = torch.nn.utils.fusion.fuse_conv_bn_eval(model[0], model[1])
print(fused, torch.allclose(fused(images), model[1](model[0](images)), atol=1e-5))
synced = nn.SyncBatchNorm.convert_sync_batchnorm(model)
print(synced, type(synced[1]).__mro__[1].__name__)
print(torch.allclose(synced(images), nn.Sequential(fused, *model[2:])(images), atol=1e-5))
sync = nn.SyncBatchNorm(3, momentum=None).train()
print(
    sync(torch.arange(12.0).view(2, 3, 2)),
    sync.running_mean,
    sync.running_var,
    sync.num_batches_tracked,
    list(sync.state_dict()),
    sep="\n",
)
for bad in (torch.ones(3), torch.ones(2, 0), torch.ones(2, 4), torch.ones(1, 3)):
    try:
        sync(bad)
    except Exception as e:
        print(type(e).__name__, str(e).split("\n")[0])
