"""Tensors in one sitting: old constructors, views, resizing, dtype conversions."""

import torch

torch.manual_seed(12)
print(torch.empty(5, 3).shape, torch.rand(5, 3), torch.zeros(5, 3, dtype=torch.long))
x = torch.tensor([5.5, 3])
print(x)
x = x.new_ones(5, 3, dtype=torch.double)
print(x)
x = torch.randn_like(x, dtype=torch.float)
print(x, x.size())
y = torch.rand(5, 3)
result = torch.empty(5, 3)
torch.add(x, y, out=result)
print(x + y, torch.equal(result, torch.add(x, y)))
y.add_(x)
print(y, x[:, 1])
x = torch.randn(4, 4)
print(x.view(16).size(), x.view(-1, 8).size(), x.reshape(2, 2, -1).size())
x = torch.randn(1)
print(x, x.item())
print(torch.FloatTensor([[1, 2], [3, 4]]), torch.LongTensor([1, 2]), torch.Tensor(2, 3).shape, torch.Tensor([1, 2]))
print(torch.FloatTensor(2, 2).fill_(3), torch.ByteTensor([1, 2]), torch.DoubleTensor([0.1]), torch.BoolTensor([1, 0]))
x = torch.arange(6).float().view(2, 3)
print(isinstance(x, torch.FloatTensor), isinstance(x, torch.LongTensor), x.type(), x.long().type())
print(x.int(), x.double(), x.half(), x.bool(), x.type(torch.int16), x.to(torch.uint8), x.type("torch.LongTensor"))
print(x.t(), x.T.shape, x.permute(1, 0).shape, x.transpose(0, 1).contiguous().view(-1))
print(x.unsqueeze(0).shape, x.unsqueeze(-1).shape, x[None].squeeze().shape, x.expand(4, 2, 3).shape, x.repeat(2, 2))
print(torch.chunk(x, 3, dim=1), torch.split(x, 2, dim=1), torch.unbind(x))
print(x.sum(0), x.mean(1, keepdim=True), x.std(), x.var(unbiased=False), x.max(), x.argmax(1), x.max(1), x.min(dim=0))
values, indices = x.max(dim=1)
print(values, indices, x.norm(), x.cumsum(1), x.prod(), x.clamp(1, 3))
print(torch.arange(0, 1, 0.25), torch.linspace(0, 1, 5), torch.eye(3), torch.full((2, 2), 7), torch.full((2,), 0.5))
print(
    torch.randint(0, 10, (3, 3)),
    torch.randperm(6),
    torch.bernoulli(torch.full((4,), 0.5)),
    torch.normal(0.0, 1.0, (2,)),
)
print(torch.tensor([1, 2]) / 2, torch.tensor([7, -7]) // 2, torch.tensor([7, -7]) % 3, 2 ** torch.arange(4), -x[0])
print(
    torch.cuda.is_available(), torch.cuda.device_count(), torch.device("cuda" if torch.cuda.is_available() else "cpu")
)
print(torch.backends.cudnn.is_available(), torch.backends.mps.is_available())
print(x.to("cpu").device, x.to("cpu", torch.double).dtype, x.cpu() is x)
