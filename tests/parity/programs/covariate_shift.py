"""How activations drift in a deep network with and without batch normalization."""

import torch
from torch import nn


def deep(batchnorm, depth=6, width=20):
    layers = []
    for i in range(depth):
        layers.append(nn.Linear(10 if i == 0 else width, width))
        if batchnorm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.Tanh())
    return nn.Sequential(*layers, nn.Linear(width, 3))


torch.manual_seed(0)
x = torch.randn(60, 10)
y = (x[:, :3] * torch.tensor([1.0, -2.0, 1.5])).argmax(1)
for batchnorm in (False, True):
    torch.manual_seed(1)
    net = deep(batchnorm)
    stats = {}
    for i, layer in enumerate(net):
        if isinstance(layer, nn.Tanh):
            layer.register_forward_hook(
                lambda m, a, out, i=i: stats.__setitem__(
                    i, (out.mean().item(), out.std().item(), (out.abs() > 0.97).float().mean().item())
                )
            )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(15):
        logits = net(x)
        loss = nn.functional.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 7 == 0:
            print(
                f"batchnorm={batchnorm} step {step} loss {loss.item():.4f} acc {(logits.argmax(1) == y).float().mean():.3f}"
            )
            for i, (mean, std, saturated) in stats.items():
                print(f"  layer {i:2d} mean {mean:+.3f} std {std:.3f} saturated {saturated:.3f}")
            first = net[0].weight
            print(
                f"  grad/data {first.grad.std() / first.std():.3f} ratio {(0.1 * first.grad.std() / first.data.std()).log10().item():.2f}"
            )
    if batchnorm:
        counts, edges = torch.histogram(net[1](net[0](x)).detach().flatten(), bins=5, range=(-2.0, 2.0))
        print(counts, edges)
        print(net[1].weight.mean(), net[1].bias[:3], net[1].running_mean[:3])
