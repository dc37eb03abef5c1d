"""Slices, masks, index arrays, gather and scatter, sorting, counting."""

import torch

torch.manual_seed(0)
x = torch.arange(24).view(2, 3, 4)
print(x[0], x[0, 1], x[0, 1, 2], x[:, 1], x[..., -1], x[:, :, ::2], x[None].shape, x[:, None, 1:, [0, 3]].shape)
print(x[x > 18], x[[0, 1], [1, 2]], x[torch.tensor([1, 0]), :, 1], x[:, torch.tensor([True, False, True])].shape)
y = torch.zeros(3, 4)
y[1] = 1
y[:, 2] = torch.tensor([5.0, 6.0, 7.0])
y[y == 1] = -1
y[[0, 2], [0, 3]] += 10
y[0, 1:3] *= 2
print(y)
print(torch.where(y > 0, y, torch.zeros_like(y)), torch.where(y > 5), y.nonzero(), torch.nonzero(y[0]).squeeze())
print(torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0, 0], [1, 0]])))
print(torch.zeros(3, 5).scatter_(0, torch.tensor([[0, 1, 2, 0, 0]]), torch.rand(1, 5)).shape)
print(torch.zeros(2, 4).scatter_(1, torch.tensor([[2], [3]]), 1.23))
print(torch.zeros(5).scatter_add_(0, torch.tensor([0, 1, 1, 4]), torch.ones(4)))
print(torch.index_select(y, 0, torch.tensor([0, 2])), torch.masked_select(y, y.ge(5)), y.masked_fill(y < 0, 9))
print(torch.take_along_dim(y, y.argmax(1, keepdim=True), dim=1))
print(torch.sort(torch.tensor([3.0, 1.0, 2.0]), descending=True), torch.argsort(torch.tensor([3, 1, 2])))
print(torch.topk(torch.tensor([1.0, 5.0, 3.0, 4.0]), 2), torch.unique(torch.tensor([3, 1, 3, 2]), return_counts=True))
print(torch.bincount(torch.tensor([0, 1, 1, 3])), torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3))
print(torch.tensor([1.0, 3.0, 2.0]).median(), torch.tensor([[1.0, 3.0, 2.0]]).median(1))
print(torch.cat([y, y], 1).shape, torch.stack([y, y], 2).shape, torch.vstack([y[0], y[1]]), torch.hstack([y[0], y[1]]))
print(
    torch.arange(3).repeat_interleave(2),
    torch.tensor([1, 2]).repeat(2, 2),
    torch.arange(4).flip(0),
    torch.arange(4).roll(1),
)
print(torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij"))
print(
    torch.tril(torch.ones(3, 3)),
    torch.triu(torch.ones(3, 3), 1),
    torch.diag(torch.tensor([1, 2])),
    torch.eye(2).diagonal(),
)
print(torch.nn.functional.one_hot(torch.arange(5) % 3), torch.nn.functional.one_hot(torch.tensor([1]), num_classes=4))
z = x.float()
print(
    z.view(6, 4).split([1, 5]),
    z.flatten(1).shape,
    z.unfold(2, 2, 1).shape,
    z.movedim(0, 2).shape,
    z.swapaxes(0, 1).shape,
)
print(
    (z > 3).sum(), (z > 3).any(), (z >= 0).all(), z.count_nonzero(), torch.isnan(z).any(), torch.allclose(z, z + 1e-9)
)
v = z.view(4, 6)
v[0, 0] = 100
print(z[0, 0, 0], v.is_contiguous(), v.t().is_contiguous())
for bad in (lambda: x[3], lambda: x[0, 0, 0, 0], lambda: x[:, 5], lambda: z.view(5, 5), lambda: x[torch.tensor([7])]):
    try:
        bad()
    except (IndexError, RuntimeError) as error:
        print(type(error).__name__, error)
w = torch.ones(4, requires_grad=True)
w[torch.tensor([0, 0, 2])].sum().backward()
print(w.grad)
