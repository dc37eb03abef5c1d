"""First steps: making tensors, asking them what they are, slicing, joining, arithmetic."""

import numpy as np
import torch

torch.manual_seed(0)

rows = [[1, 2], [3, 4]]
x = torch.tensor(rows)
print("from a list:", x, x.dtype, x.shape, x.device, sep="\n")
array = np.array(rows)
print("from numpy:", torch.from_numpy(array))
print("ones like it:", torch.ones_like(x))
print("random like it:", torch.rand_like(x, dtype=torch.float))

size = (2, 3)
print(f"Random:\n{torch.rand(size)}\n")
print(f"Ones:\n{torch.ones(size)}\n")
print(f"Zeros:\n{torch.zeros(size)}")

t = torch.rand(3, 4)
print(f"Shape: {t.shape}")
print(f"Datatype: {t.dtype}")
print(f"Stored on: {t.device}")
if torch.accelerator.is_available():
    t = t.to(torch.accelerator.current_accelerator())

t = torch.ones(4, 4)
print("First row:", t[0])
print("First column:", t[:, 0])
print("Last column:", t[..., -1])
t[:, 1] = 0
print(t)
print(torch.cat([t, t, t], dim=1))
print(torch.stack([t[0], t[1]]).shape)

y1 = t @ t.T
y2 = t.matmul(t.T)
y3 = torch.rand_like(y1)
torch.matmul(t, t.T, out=y3)
print(y1, torch.equal(y1, y2), torch.equal(y1, y3))

z1 = t * t
z2 = t.mul(t)
z3 = torch.rand_like(t)
torch.mul(t, t, out=z3)
print(z1, (z1 == z2).all(), (z1 == z3).all().item())

total = t.sum()
print(total, total.item(), type(total.item()))
print(type(total), type(t.shape), type(t.dtype), type(t.device))
t.add_(5)
print(t)
print(torch.is_tensor(t), torch.numel(t), t.numel(), t.nelement(), t.dim(), t.ndim, t.size(0), t.element_size())
print(t.stride(), t.T.stride(), t.is_contiguous(), t.T.is_contiguous(), t.storage_offset(), t[1:].storage_offset())
print(t.layout, t.requires_grad, t.is_leaf, t.grad, t.grad_fn)
