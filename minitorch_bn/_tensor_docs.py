"""Examples that run, for the docstrings of Tensor's own methods, which they would bury if they stood there."""

from __future__ import annotations

EXAMPLES = {
    "shape": """
>>> torch.zeros(2, 3).shape
torch.Size([2, 3])
""",
    "size": """
>>> x = torch.zeros(2, 3)
>>> x.size(), x.size(1)
(torch.Size([2, 3]), 3)
""",
    "stride": """
>>> torch.zeros(2, 3).stride(), torch.zeros(2, 3).t().stride()
((3, 1), (1, 3))
""",
    "dtype": """
>>> torch.ones(1).dtype
torch.float32
""",
    "device": """
>>> torch.ones(1).device
device(type='cpu')
""",
    "ndim": """
>>> torch.zeros(2, 3).ndim
2
""",
    "itemsize": """
>>> torch.ones(1).itemsize
4
""",
    "nbytes": """
>>> torch.zeros(2, 3).nbytes
24
""",
    "dim": """
>>> torch.zeros(2, 3).dim()
2
""",
    "element_size": """
>>> torch.ones(1).element_size()
4
""",
    "is_floating_point": """
>>> torch.ones(1).is_floating_point(), torch.tensor([1]).is_floating_point()
(True, False)
""",
    "is_complex": """
>>> torch.ones(1).is_complex()
False
""",
    "is_contiguous": """
>>> torch.zeros(2, 3).t().is_contiguous()
False
""",
    "layout": """
>>> torch.ones(1).layout
torch.strided
""",
    "storage_offset": """
>>> torch.arange(4)[2:].storage_offset()
2
""",
    "get_device": """
>>> torch.ones(1).get_device()
-1
""",
    "data_ptr": """
>>> x = torch.zeros(2)
>>> x.data_ptr() == x.view(2, 1).data_ptr()
True
""",
    "is_cuda": """
>>> torch.ones(1).is_cuda
False
""",
    "requires_grad": """
>>> torch.ones(1).requires_grad, torch.ones(1, requires_grad=True).requires_grad
(False, True)
""",
    "requires_grad_": """
>>> torch.ones(1).requires_grad_()
tensor([1.], requires_grad=True)
""",
    "grad": """
>>> x = torch.tensor(3.0, requires_grad=True)
>>> (x * x).backward(); x.grad
tensor(6.)
""",
    "grad_fn": """
>>> type((torch.ones(1, requires_grad=True) * 2).grad_fn).__name__
'MulBackward0'
""",
    "is_leaf": """
>>> x = torch.ones(1, requires_grad=True)
>>> x.is_leaf, (x * 2).is_leaf
(True, False)
""",
    "output_nr": """
>>> a, b = torch.ones(2, requires_grad=True).unbind()
>>> b.output_nr
1
""",
    "data": """
>>> x = torch.ones(2, requires_grad=True)
>>> x.data
tensor([1., 1.])
""",
    "detach": """
>>> x = torch.ones(2, requires_grad=True)
>>> x.detach().requires_grad
False
""",
    "detach_": """
>>> x = torch.ones(2, requires_grad=True) * 2
>>> x.detach_().requires_grad
False
""",
    "retain_grad": """
>>> x = torch.ones(2, requires_grad=True); y = x * 3
>>> y.retain_grad(); y.sum().backward(); y.grad
tensor([1., 1.])
""",
    "retains_grad": """
>>> y = torch.ones(2, requires_grad=True) * 3
>>> y.retain_grad(); y.retains_grad
True
""",
    "register_hook": """
>>> x = torch.ones(2, requires_grad=True)
>>> handle = x.register_hook(lambda grad: grad * 10)
>>> x.sum().backward(); x.grad
tensor([10., 10.])
""",
    "register_post_accumulate_grad_hook": """
>>> x = torch.ones(2, requires_grad=True)
>>> handle = x.register_post_accumulate_grad_hook(lambda x: print("gradient", x.grad))
>>> x.sum().backward()
gradient tensor([1., 1.])
""",
    "backward": """
>>> x = torch.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward(); x.grad
tensor([2., 4.])
""",
    "item": """
>>> torch.tensor([2.5]).item()
2.5
""",
    "tolist": """
>>> torch.tensor([[1, 2], [3, 4]]).tolist()
[[1, 2], [3, 4]]
""",
    "numpy": """
>>> torch.tensor([1.0, 2.0]).numpy()
array([1., 2.], dtype=float32)
""",
    "to": """
>>> torch.ones(1).to(torch.float64), torch.ones(1).to("cpu", torch.int32)
(tensor([1.], dtype=torch.float64), tensor([1], dtype=torch.int32))
""",
    "type": """
>>> torch.ones(1).type(), torch.ones(1).type(torch.int64).dtype
('torch.FloatTensor', torch.int64)
""",
    "type_as": """
>>> torch.ones(1).type_as(torch.zeros(1, dtype=torch.int8)).dtype
torch.int8
""",
    "cpu": """
>>> x = torch.ones(1)
>>> x.cpu() is x
True
""",
    "cuda": """
>>> torch.ones(1).cuda()
Traceback (most recent call last):
AssertionError: Torch not compiled with CUDA enabled
""",
    "clone": """
>>> x = torch.zeros(2); y = x.clone(); y[0] = 1
>>> x, y
(tensor([0., 0.]), tensor([1., 0.]))
""",
    "where": """
>>> torch.tensor([1, 2]).where(torch.tensor([True, False]), torch.tensor([-1, -2]))
tensor([ 1, -2])
""",
    "polygamma": """
>>> torch.tensor([1.0]).polygamma(1)
tensor([1.6449])
""",
    "untyped_storage": """
>>> x = torch.arange(4); x[2:].untyped_storage().nbytes(), x[2:].untyped_storage().data_ptr() == x.data_ptr()
(32, True)
""",
    "storage": """
>>> torch.tensor([[1, 2], [3, 4]]).t().storage().tolist()
[1, 2, 3, 4]
""",
    "share_memory_": """
>>> x = torch.ones(1)
>>> x.share_memory_() is x
True
""",
    "is_shared": """
>>> torch.ones(1).is_shared()
False
""",
}


def add_examples(tensor: type) -> None:
    """Puts each example under its method's docstring."""
    for name, example in EXAMPLES.items():
        method = vars(tensor)[name]
        if method.__doc__:  # `python -OO` leaves them out
            lines = ["", "", ">>> import minitorch_bn as torch", *example.strip().splitlines(), ""]
            method.__doc__ += "\n        ".join(lines)  # as deep as a docstring of the class itself
