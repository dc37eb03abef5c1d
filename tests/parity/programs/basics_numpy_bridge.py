"""Tensors and numpy arrays: who shares memory with whom."""

import numpy as np
import torch

t = torch.ones(5)
n = t.numpy()
print(t, n, type(n), n.dtype)
t.add_(1)
print(t, n)
n[0] = 7
print(t)

n = np.ones(5)
t = torch.from_numpy(n)
np.add(n, 1, out=n)
print(t, n)
t[1] = -1
print(n)

copied = torch.tensor(n)
shared = torch.as_tensor(n)
shared_too = torch.asarray(n)
n[2] = 99
print(copied, shared, shared_too)
print(torch.as_tensor(n, dtype=torch.float32), torch.asarray(n, copy=True))

print(np.asarray(torch.arange(3)), np.array(torch.arange(3.0)), np.array([torch.tensor(1.0), torch.tensor(2.0)]))
x = torch.tensor([1.0, 2.0], requires_grad=True)
try:
    x.numpy()
except RuntimeError as error:
    print(error)
print(x.detach().numpy(), x.data.numpy(), (x * 2).detach().cpu().numpy(), x.numpy(force=True))
print(x.detach().numpy().shape, x.sum().detach().numpy(), x.tolist(), x.sum().item())

for kind in (np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8, np.bool_):
    t = torch.from_numpy(np.array([0, 1, 2]).astype(kind))
    print(t, t.dtype, t.numpy().dtype, t.type())
for data in (np.float32(1.5), np.int64(3), np.bool_(True)):
    print(torch.tensor(data), torch.tensor([data, data]))
print(torch.ones(2) * np.float64(3), np.float32(2) * torch.ones(2), torch.ones(2) + np.ones(2))
print(torch.from_numpy(np.arange(6).reshape(2, 3)[:, ::2]), torch.from_numpy(np.arange(6).reshape(2, 3).T).stride())
t = torch.arange(4.0)
view = np.from_dlpack(t)
view[0] = 42
print(t, torch.from_dlpack(np.arange(3)))
