"""Automatic differentiation of one linear layer, by hand."""

import torch

torch.manual_seed(1)
x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
print("z:", z)
print("loss:", loss)
print("z made by", type(z.grad_fn).__name__, "and loss by", type(loss.grad_fn).__name__)
print(z.grad_fn.name(), loss.grad_fn.next_functions[0][0].name())
loss.backward()
print(w.grad)
print(b.grad)

z = torch.matmul(x, w) + b
print(z.requires_grad)
with torch.no_grad():
    z = torch.matmul(x, w) + b
print(z.requires_grad)
print(torch.matmul(x, w).detach().requires_grad, torch.is_grad_enabled())


@torch.no_grad()
def frozen(v):
    return v @ w + b


print(frozen(x).requires_grad, torch.is_grad_enabled())
with torch.set_grad_enabled(False):
    print((w * 2).requires_grad)
with torch.inference_mode():
    print((w * 2).requires_grad, torch.is_inference_mode_enabled())

inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2).t()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"First call\n{inp.grad}")
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nSecond call\n{inp.grad}")
inp.grad.zero_()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nCall after zeroing gradients\n{inp.grad}")
inp.grad = None
print(inp.grad)
