"""One's own modules for a ResNet, checked against the library's: Conv2d, BatchNorm2d, pooling, Sequential."""

from collections import OrderedDict

import torch as t
from torch import Tensor, nn
from torch.nn import functional as F

t.manual_seed(0)


class ReLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return t.maximum(x, t.tensor(0.0))


class Linear(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias=True):
        super().__init__()
        self.in_features, self.out_features, self.bias = in_features, out_features, bias
        sf = 1 / (in_features**0.5)
        weight = sf * (2 * t.rand(out_features, in_features) - 1)
        self.weight = nn.Parameter(weight)
        if bias:
            bias = sf * (2 * t.rand(out_features) - 1)
            self.bias = nn.Parameter(bias)
        else:
            self.bias = None

    def forward(self, x: Tensor) -> Tensor:
        x = t.einsum("...i,oi->...o", x, self.weight)
        if self.bias is not None:
            x += self.bias
        return x

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Conv2d(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        kernel_height = kernel_width = kernel_size
        sf = 1 / (in_channels * kernel_width * kernel_height) ** 0.5
        self.weight = nn.Parameter(sf * (2 * t.rand(out_channels, in_channels, kernel_height, kernel_width) - 1))

    def forward(self, x: Tensor) -> Tensor:
        return t.nn.functional.conv2d(x, self.weight, stride=self.stride, padding=self.padding)

    def extra_repr(self) -> str:
        keys = ["in_channels", "out_channels", "kernel_size", "stride", "padding"]
        return ", ".join([f"{key}={getattr(self, key)}" for key in keys])


class BatchNorm2d(nn.Module):
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int, eps=1e-05, momentum=0.1):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = nn.Parameter(t.ones(num_features))
        self.bias = nn.Parameter(t.zeros(num_features))
        self.register_buffer("running_mean", t.zeros(num_features))
        self.register_buffer("running_var", t.ones(num_features))
        self.register_buffer("num_batches_tracked", t.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            mean = x.mean(dim=(0, 2, 3))
            var = x.var(dim=(0, 2, 3))
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
            self.num_batches_tracked += 1
        else:
            mean, var = self.running_mean, self.running_var
        reshape = lambda x: x.view(1, self.num_features, 1, 1)
        x_normed = (x - reshape(mean)) / (reshape(var) + self.eps).sqrt()
        return x_normed * reshape(self.weight) + reshape(self.bias)

    def extra_repr(self) -> str:
        return ", ".join([f"{key}={getattr(self, key)}" for key in ["num_features", "eps", "momentum"]])


class AveragePool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return t.mean(x, dim=(2, 3))


class Sequential(nn.Module):
    _modules: dict

    def __init__(self, *modules: nn.Module):
        super().__init__()
        for index, mod in enumerate(modules):
            self._modules[str(index)] = mod

    def __getitem__(self, index: int) -> nn.Module:
        index %= len(self._modules)
        return self._modules[str(index)]

    def __setitem__(self, index: int, module: nn.Module) -> None:
        index %= len(self._modules)
        self._modules[str(index)] = module

    def forward(self, x: Tensor) -> Tensor:
        for mod in self._modules.values():
            x = mod(x)
        return x


class ResidualBlock(nn.Module):
    def __init__(self, in_feats: int, out_feats: int, first_stride=1):
        super().__init__()
        is_shape_preserving = (first_stride == 1) and (in_feats == out_feats)
        self.left = Sequential(
            Conv2d(in_feats, out_feats, kernel_size=3, stride=first_stride, padding=1),
            BatchNorm2d(out_feats),
            ReLU(),
            Conv2d(out_feats, out_feats, kernel_size=3, stride=1, padding=1),
            BatchNorm2d(out_feats),
        )
        self.right = (
            nn.Identity()
            if is_shape_preserving
            else Sequential(Conv2d(in_feats, out_feats, kernel_size=1, stride=first_stride), BatchNorm2d(out_feats))
        )
        self.relu = ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.left(x) + self.right(x))


class BlockGroup(nn.Module):
    def __init__(self, n_blocks: int, in_feats: int, out_feats: int, first_stride=1):
        super().__init__()
        blocks = [ResidualBlock(in_feats, out_feats, first_stride)] + [
            ResidualBlock(out_feats, out_feats) for _ in range(n_blocks - 1)
        ]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)


class ResNet(nn.Module):
    def __init__(
        self, n_blocks_per_group=[1, 2], out_features_per_group=[4, 8], first_strides_per_group=[1, 2], n_classes=5
    ):
        super().__init__()
        in_feats0 = 4
        self.in_layers = Sequential(
            Conv2d(3, in_feats0, kernel_size=7, stride=2, padding=3),
            BatchNorm2d(in_feats0),
            ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        groups, prev = [], in_feats0
        for n, f, s in zip(n_blocks_per_group, out_features_per_group, first_strides_per_group):
            groups.append(BlockGroup(n, prev, f, s))
            prev = f
        self.residual_layers = Sequential(*groups)
        self.out_layers = Sequential(AveragePool(), Linear(out_features_per_group[-1], n_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.out_layers(self.residual_layers(self.in_layers(x)))


my_resnet = ResNet()
print(my_resnet)
x = t.randn(4, 3, 32, 32)
print(my_resnet(x))


def copy_weights(mine, theirs):
    a, b = mine.state_dict(), theirs.state_dict()
    assert len(a) == len(b)
    return OrderedDict({k: v for k, v in zip(a.keys(), b.values())})


class Reference(nn.Module):
    def __init__(self):
        super().__init__()

        def block(i, o, s):
            return nn.ModuleDict(
                {
                    "left": nn.Sequential(
                        nn.Conv2d(i, o, 3, s, 1, bias=False),
                        nn.BatchNorm2d(o),
                        nn.ReLU(),
                        nn.Conv2d(o, o, 3, 1, 1, bias=False),
                        nn.BatchNorm2d(o),
                    ),
                    "right": nn.Identity()
                    if s == 1 and i == o
                    else nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), nn.BatchNorm2d(o)),
                }
            )

        self.stem = nn.Sequential(
            nn.Conv2d(3, 4, 7, 2, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        self.blocks = nn.ModuleList([block(4, 4, 1), block(4, 8, 2), block(8, 8, 1)])
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        for b in self.blocks:
            x = F.relu(b["left"](x) + b["right"](x))
        return self.fc(x.mean((-2, -1)))


ref = Reference()
print(my_resnet.load_state_dict(copy_weights(my_resnet, ref)))
my_resnet.eval(), ref.eval()
with t.inference_mode():
    a, b = my_resnet(x), ref(x)
print(t.allclose(a, b, atol=1e-5), a.requires_grad, a.is_inference())
print({name: tuple(p.shape) for name, p in list(ref.named_parameters())[:4]})
print([name for name, _ in my_resnet.named_buffers()][:3], sum(b.numel() for b in my_resnet.buffers()))
opt = t.optim.Adam(my_resnet.parameters(), lr=1e-3)
my_resnet.train()
for step in range(3):
    logits = my_resnet(x)
    loss = F.cross_entropy(logits, t.tensor([0, 1, 2, 3]))
    loss.backward()
    opt.step()
    opt.zero_grad()
    print(f"{step}: {loss:.5f} {loss.item():.4f} {loss=}")
my_resnet.requires_grad_(False)
my_resnet.out_layers[-1] = Linear(8, 2)
print([n for n, p in my_resnet.named_parameters() if p.requires_grad])

# strides, views and einsum as the exercises ask for them
inp = t.arange(20).reshape(4, 5).float()
print(inp.stride(), inp[:, 1].stride(), inp.T.stride(), inp.diag())
print(t.einsum("ij,ij->", inp, inp), t.einsum("i,j->ij", inp[0], inp[1, :2]), t.einsum("ii", inp[:, :4]))
print(
    inp.unfold(1, 3, 2).shape,
    inp.new_full((2, 2), fill_value=-t.inf),
    F.pad(inp[:2, :2], (1, 0, 0, 1), value=9.0),
    sep="\n",
)

# strides of one's own: rows, diagonals, windows, repeats
print(inp.as_strided(size=(3,), stride=(6,)), t.as_strided(inp, (2, 3), (5, 1), 1), inp.as_strided((2, 3), (1, 0)))
print(inp.as_strided((4,), (6,)).sum(), inp[1].as_strided((2,), (2,)), inp.T.as_strided((2, 2), (5, 1)).is_contiguous())
windows = inp.as_strided((2, 3, 3, 3), (5, 1, 5, 1))
print(
    windows.shape,
    t.einsum("hwij,ij->hw", windows, t.ones(3, 3)),
    windows.sum((-1, -2)).equal(F.avg_pool2d(inp[None, None], 3, 1)[0, 0] * 9),
)
line = t.arange(5.0, requires_grad=True)
line.as_strided((3, 3), (1, 1)).pow(2).sum().backward()
print(line.grad)
for size, stride in (((3, 3), (5,)), ((30,), (1,)), ((2,), (-1,))):
    try:
        inp.as_strided(size, stride)
    except RuntimeError as e:
        print(e)
