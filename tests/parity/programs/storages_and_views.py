"""What a tensor is: a storage, an offset, a size and strides; which operations share memory and which copy."""

import torch

points = torch.tensor([[4.0, 1.0], [5.0, 3.0], [2.0, 1.0]])
storage = points.storage()
print(storage)
print(storage[0], len(storage), storage.nbytes(), storage.dtype, storage.device, storage.tolist())
storage[0] = 2.0
print(points, points.storage()[0])
second = points[1]
print(second.storage_offset(), second.size(), second.shape, points.stride(), second.stride(), second.storage().size())
second[0] = 10.0
print(points, points[1].clone().storage().size())
turned = points.t()
print(
    turned,
    points.storage().data_ptr() == turned.storage().data_ptr(),
    points.untyped_storage().data_ptr() == turned.untyped_storage().data_ptr(),
)
print(points.stride(), turned.stride(), points.is_contiguous(), turned.is_contiguous())
cont = turned.contiguous()
print(cont, cont.stride(), cont.storage(), cont.untyped_storage().data_ptr() == turned.untyped_storage().data_ptr())
some = torch.ones(3, 4, 5)
print(
    some.transpose(0, 2).shape,
    some.stride(),
    some.transpose(0, 2).stride(),
    some.untyped_storage().nbytes(),
    some.element_size(),
)
for index in (6, -7, "a"):
    try:
        print(storage[index])
    except Exception as e:
        print(type(e).__name__, e)

base = torch.arange(6)
for name, view in {
    "view": base.view(2, 3),
    "reshape": base.reshape(3, 2),
    "slice": base[1:4],
    "step": base[::2],
    "select": base[2],
    "unsqueeze": base.unsqueeze(0),
    "expand": base.expand(2, 6),
    "detach": base.detach(),
    "split": base.split(2)[1],
    "chunk": base.chunk(3)[2],
    "narrow": base.narrow(0, 1, 2),
    "unfold": base.unfold(0, 2, 1),
    "diag": base.view(2, 3).diagonal(),
    "t": base.view(2, 3).t(),
    "permute": base.view(1, 2, 3).permute(2, 0, 1),
    "movedim": base.view(2, 3).movedim(0, 1),
    "flatten": base.view(2, 3).flatten(),
    "ravel": base.view(2, 3).t().ravel(),
    "clone": base.clone(),
    "mask": base[base > 2],
    "list": base[[0, 1]],
    "add": base + 0,
    "float": base.float(),
    "long": base.long(),
    "contiguous": base.contiguous(),
    "repeat": base.repeat(2),
    "cat": torch.cat([base]),
    "as_strided": base.as_strided((2, 2), (1, 2)),
    "unbind": base.view(2, 3).unbind(1)[0],
    "squeeze": base.view(1, 6).squeeze(0),
    "swapaxes": base.view(2, 3).swapaxes(0, 1),
    "view_as": base.view_as(torch.zeros(3, 2)),
    "real": base.view(6, 1)[:, 0],
}.items():
    shares = view.untyped_storage().data_ptr() == base.untyped_storage().data_ptr()
    print(
        f"{name:11s} shares={shares!s:5s} offset={view.storage_offset()} stride={view.stride()} contiguous={view.is_contiguous()} base={view._base is base} view={view._is_view()}"
    )

t = torch.rand(4, 4)
b = t.view(2, 8)
b[0][0] = 3.14
print(t[0][0], t.storage().data_ptr() == b.storage().data_ptr())
nc = base.view(2, 3).transpose(0, 1)
try:
    nc.view(6)
except RuntimeError as e:
    print(e)
print(
    nc.reshape(6), nc.contiguous().view(6), nc.flatten().untyped_storage().data_ptr() == nc.untyped_storage().data_ptr()
)
x = torch.zeros(2, 2, requires_grad=True)
y = x * 1
y[0] += 2
y.view(4)[3] = 5
y.sum().backward()
print(y, x.grad, y._version, y[0]._version)
