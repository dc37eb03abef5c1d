"""Hooks on what operators save see the tensors themselves; and names that old programs use in passing."""

import warnings

import torch
import torch.nn.functional as F


def pack(tensor):
    print("packing", tensor)
    return tensor


x = torch.ones(3, requires_grad=True)
with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: print("unpacking", t) or t):
    y = x.exp().sin()
y.sum().backward()
print(x.grad)
weight = torch.randn(3, 3, requires_grad=True)
with torch.autograd.graph.saved_tensors_hooks(lambda t: print(t.shape, t.is_leaf, t.requires_grad) or t, lambda t: t):
    y = F.linear(torch.ones(2, 3), weight).relu().sum()
y.backward()
with torch.autograd.graph.saved_tensors_hooks(lambda t: t * 4, lambda t: t / 4):
    y = x.pow(3)
(first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
print(y.grad_fn._saved_self, first, torch.autograd.grad(first.sum(), x))

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    y = x * 2
    print(y.grad, y.detach().grad, x.grad, torch.ones(1).grad, len(caught))
    print(str(caught[0].message).partition(" See ")[0], caught[0].category.__name__)
    z = x * 2
    z.retain_grad()
    z.sum().backward()
    print(z.grad, len(caught))

print(torch.ones(1).is_pinned(), torch.ones(2).new(2, 3).shape, torch.ones(2).long().new([1, 2]), torch.ones(2).new())
generator = torch.Generator().manual_seed(3)
print(torch.rand(2, generator=torch.Generator().set_state(generator.get_state())), torch.rand(2, generator=generator))
for refused in (
    lambda: torch.unravel_index(torch.ones(2), (2, 2)),
    lambda: torch.cov(torch.ones(2), aweights=torch.zeros(2)),
    lambda: torch.cov(torch.ones(2, 0), fweights=torch.ones(0, dtype=torch.int64)),
):
    try:
        refused()
    except (TypeError, RuntimeError) as error:
        print(type(error).__name__, error)
