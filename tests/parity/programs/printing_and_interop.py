"""How values look and cross over: print options, f-strings, lists, numpy, dtypes, devices, sizes."""

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(3, 4)
print(x, x.dtype, x.shape, x.size(0), x.ndim, x.numel(), x.device, x.layout, x.requires_grad)
print(x.tolist()[0][:2], x[0].numpy(), x.mean().item(), sep="\n")
print(f"{x.mean():.3f} {x.std().item():8.4f} {x[0, 0]} {torch.tensor(3)} {torch.tensor(True)} {torch.tensor(2.5):>8}")
print("{:.2e} {}".format(x.max(), x.argmax()), "%.3f %d" % (x.min(), torch.tensor(7)), str(x[0]), repr(x[1, :2]))
torch.set_printoptions(precision=2)
print(x)
torch.set_printoptions(sci_mode=True)
print(x[0])
torch.set_printoptions(threshold=6, edgeitems=1, linewidth=60, sci_mode=False)
print(torch.arange(100).reshape(10, 10), torch.arange(1000.0))
torch.set_printoptions(profile="full")
print(torch.arange(30).view(3, 10))
torch.set_printoptions(profile="default")
print(
    torch.tensor([1e-8, 1.0, 1e5]),
    torch.tensor([float("nan"), float("inf"), -1.0]),
    torch.tensor([1e10, 1.0]),
    torch.tensor([]),
    torch.empty(0, 3),
)
print(
    torch.tensor([[True, False]]),
    torch.tensor([1, 2], dtype=torch.uint8),
    torch.tensor(5.0),
    torch.tensor([0.1, 2.0], dtype=torch.float64),
    torch.zeros(2, dtype=torch.half),
)
print(torch.zeros(2, 2, 2), torch.ones(1, 1), torch.full((2,), 3), torch.full((2,), 3.5))
print(
    torch.tensor([1.5], requires_grad=True),
    torch.tensor([1.5], requires_grad=True) * 2,
    nn.Parameter(torch.ones(2)),
    [torch.ones(1), 2],
    {"a": torch.zeros(1)},
)
print(
    torch.Size([2, 3]),
    torch.Size([2, 3])[0],
    torch.Size([2, 3]).numel(),
    tuple(x.shape),
    list(x.shape),
    x.shape == (3, 4),
    x.shape[-1],
)
print(
    torch.float32,
    torch.float,
    torch.int64 is torch.long,
    x.type(),
    x.long().type(),
    torch.device("cpu"),
    torch.device("cuda:0"),
    torch.get_default_dtype(),
)

a = np.ones(3)
t = torch.from_numpy(a)
np.add(a, 1, out=a)
print(a, t, t.dtype)
t.add_(1)
print(a, torch.tensor(a).dtype, torch.as_tensor(a).data_ptr() == t.data_ptr(), torch.Tensor(a).dtype)
n = torch.ones(5).numpy()
print(
    type(n),
    n.dtype,
    np.asarray(torch.ones(2)),
    np.array(torch.arange(3)),
    np.sin(torch.zeros(2)),
    torch.ones(2) + np.float32(1),
    np.ones(2) * 2,
)
print(
    torch.tensor(np.float64(3.5)).dtype,
    torch.tensor(np.arange(3, dtype=np.int32)).dtype,
    torch.tensor([np.float32(1.0), 2]).dtype,
    torch.tensor([1, 2.0]).dtype,
    torch.tensor([True, 2]).dtype,
)
print(
    float(torch.tensor(2.5)),
    int(torch.tensor(7)),
    bool(torch.tensor([1])),
    len(torch.zeros(4, 2)),
    [v.item() for v in torch.arange(3)],
    list(torch.ones(2)),
)
print(
    max(torch.tensor([3, 1])),
    sum(torch.tensor([1, 2])),
    sorted(torch.tensor([3, 1, 2])),
    torch.tensor([3, 1]) in [torch.tensor([9, 9])] if False else None,
)
for row in torch.arange(4).view(2, 2):
    print(row, end=" | ")
print(*torch.arange(3))
for bad in (
    lambda: float(torch.ones(2)),
    lambda: torch.ones(1, requires_grad=True).numpy(),
    lambda: bool(torch.ones(2)),
    lambda: torch.ones(2).item(),
    lambda: f"{torch.ones(2):.2f}",
    lambda: int(torch.ones(3)),
    lambda: torch.ones(2, 3) @ torch.ones(2, 3),
    lambda: torch.ones(2) + torch.ones(3),
    lambda: torch.ones(2).view(3),
    lambda: torch.tensor([[1], [1, 2]]),
    lambda: torch.ones(2)[5],
    lambda: torch.cat([torch.ones(2), torch.ones(2, 2)]),
    lambda: nn.Linear(2, 3)(torch.ones(4, 5)),
    lambda: nn.Linear(2, 3)(torch.ones(2).long()),
    lambda: torch.ones(2).cuda(),
    lambda: torch.arange(3).mean(),
    lambda: torch.stack([torch.ones(1), torch.ones(2)]),
    lambda: nn.CrossEntropyLoss()(torch.ones(2, 3), torch.ones(2, 3).long()),
    lambda: nn.CrossEntropyLoss()(torch.ones(2, 3), torch.tensor([0, 5])),
    lambda: torch.ones(2, requires_grad=True).backward(),
    lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3))(torch.ones(2, 4)),
    lambda: nn.BatchNorm2d(3)(torch.ones(2, 3)),
    lambda: nn.BatchNorm1d(3)(torch.ones(1, 3)),
    lambda: nn.Conv2d(3, 4, 3)(torch.ones(1, 1, 5, 5)),
    lambda: nn.Conv2d(1, 4, 9)(torch.ones(1, 1, 5, 5)),
    lambda: torch.tensor([1, 2]).requires_grad_(),
    lambda: x.reshape(5, 5),
    lambda: nn.Embedding(3, 2)(torch.tensor([4])),
    lambda: nn.Linear(2, 2).foo,
    lambda: x.foo,
):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__ + ":", str(e).split("\n")[0])
print(
    torch.__version__ is not None,
    torch.cuda.is_available(),
    torch.backends.mps.is_available(),
    torch.get_num_threads() > 0,
    torch.is_tensor(x),
    isinstance(x, torch.FloatTensor),
    torch.is_floating_point(x),
)
print(
    torch.finfo(torch.float32).eps,
    torch.iinfo(torch.int8),
    torch.finfo(torch.float16).max,
    torch.promote_types(torch.int32, torch.float16),
    torch.result_type(torch.ones(1), 1.0),
)
print(
    x.is_cpu,
    x.is_sparse,
    x.is_quantized,
    x.is_shared(),
    x.is_cuda,
    x.element_size(),
    x.nelement(),
    x.storage_offset(),
    x.stride(),
    x.t().is_contiguous(),
    x.data_ptr() == x.view(-1).data_ptr(),
)
