"""Tensors of every look."""

import torch

torch.manual_seed(0)
for t in (
    torch.tensor(3), torch.tensor(3.0), torch.tensor(True), torch.tensor([]), torch.zeros(0, 3), torch.tensor(1e-10),
    torch.tensor([1e-5, 1.0]), torch.tensor([1e5, 1.0]), torch.tensor([1e8, 1.5]), torch.tensor([0.1, 100.25]),
    torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.5, float("nan"), float("inf"), -float("inf")]),
    torch.tensor([True, False]), torch.tensor([1, -20, 300]), torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8),
    torch.randn(2, 3), torch.randn(2, 2, 2), torch.rand(3, dtype=torch.float64), torch.ones(2, dtype=torch.half),
    torch.arange(1001), torch.arange(2000.0), torch.randn(40, 40), torch.randn(30), torch.zeros(2, 1, 3, 1),
    torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True) * 2, torch.full((2, 2), -0.0),
    torch.tensor([1000000, 1]), torch.tensor([123456.789]), torch.tensor([0.00001234]), torch.tensor([[1e-3, 1e3]]),
    torch.eye(3, dtype=torch.int32), torch.ones(1, 1, 1), torch.tensor([16777216.0, 1.0]), torch.tensor(-0.5),
    torch.nn.Parameter(torch.ones(2)), torch.tensor([2.5], dtype=torch.bfloat16),
):  # fmt: skip
    print(t)
print([torch.tensor(1.0), torch.tensor([2])], (torch.ones(1),), {"a": torch.zeros(2)})
x = torch.tensor(3.14159265)
print(f"{x:.2f} {x:8.3f} {x.item():.4f} {x} {x!r}", "%.3f" % x, str(x), format(x, ".1f"))
print(
    f"{torch.tensor(7):3d} {torch.tensor([1.0])}",
    torch.tensor([2.0]).item(),
    float(torch.tensor(2.5)),
    int(torch.tensor(7.9)),
)
torch.set_printoptions(precision=2)
print(torch.tensor([3.14159, 2.71828]))
torch.set_printoptions(precision=8)
print(torch.tensor([0.5, 2.0], dtype=torch.float64) / 3)
torch.set_printoptions(threshold=5, edgeitems=1)
print(torch.arange(20).view(4, 5))
torch.set_printoptions(profile="default")
torch.set_printoptions(linewidth=40)
print(torch.arange(30) / 10)
torch.set_printoptions(profile="default")
torch.set_printoptions(sci_mode=True)
print(torch.tensor([1.0, 20.0]))
torch.set_printoptions(profile="default")
torch.set_printoptions(sci_mode=False)
print(torch.tensor([1e-7, 1.0]))
torch.set_printoptions(profile="default")
print(
    torch.Size([2, 3]), torch.zeros(2, 3).shape, torch.zeros(2, 3).size(), list(torch.zeros(2, 3).shape), torch.Size([])
)
print(torch.float32, torch.int64, torch.bool, torch.device("cpu"), torch.device("cpu", 0), repr(torch.strided))
print(torch.finfo(torch.float32), torch.iinfo(torch.int8), torch.finfo(torch.float64).eps, torch.get_default_dtype())
torch.set_default_dtype(torch.float64)
print(torch.tensor([1.5]), torch.tensor([1.5], dtype=torch.float32))
torch.set_default_dtype(torch.float32)
print(torch.randn(2, 2).max(0), torch.sort(torch.tensor([3, 1, 2])), torch.topk(torch.tensor([3, 1, 2]), 2))
