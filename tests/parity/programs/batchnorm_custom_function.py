"""Batch normalization as an autograd.Function whose backward is one formula; checked against the layer."""

import torch
from torch.autograd import Function, gradcheck


class BatchNormFunction(Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps=1e-5):
        mean, var = x.mean(0), x.var(0, unbiased=False)
        inv_std = (var + eps).rsqrt()
        x_hat = (x - mean) * inv_std
        ctx.save_for_backward(x_hat, gamma, inv_std)
        ctx.eps = eps
        return gamma * x_hat + beta

    @staticmethod
    def backward(ctx, g):
        x_hat, gamma, inv_std = ctx.saved_tensors
        d_gamma = (g * x_hat).sum(0) if ctx.needs_input_grad[1] else None
        d_beta = g.sum(0) if ctx.needs_input_grad[2] else None
        d_x = gamma * inv_std * (g - g.mean(0) - x_hat * (g * x_hat).mean(0))
        return d_x, d_gamma, d_beta, None


torch.manual_seed(0)
x = torch.randn(6, 3, requires_grad=True)
gamma, beta = torch.rand(3, requires_grad=True), torch.randn(3, requires_grad=True)
y = BatchNormFunction.apply(x, gamma, beta)
print(y)
weights = torch.randn(6, 3)
(y * weights).sum().backward()
mine = [t.grad.clone() for t in (x, gamma, beta)]
x.grad = gamma.grad = beta.grad = None
z = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True)
(z * weights).sum().backward()
print(torch.allclose(y, z, atol=1e-6), [torch.allclose(a, t.grad, atol=1e-5) for a, t in zip(mine, (x, gamma, beta))])
print(x.grad, gamma.grad, beta.grad, sep="\n")
print(x.grad.sum(0).abs() < 1e-5, (x.grad * y.detach()).sum(0).shape)
double = [t.detach().double().requires_grad_() for t in (x, gamma, beta)]
print(gradcheck(BatchNormFunction.apply, double))
print(gradcheck(lambda *a: torch.nn.functional.batch_norm(a[0], None, None, a[1], a[2], True), double))


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.mark_non_differentiable()
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g


class Wrong(Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g, g


t = torch.tensor([3.0], requires_grad=True)
s = Square.apply(t)
print(s, s.grad_fn.name(), torch.autograd.grad(s, t, create_graph=True))
try:
    Wrong.apply(t).backward()
except RuntimeError as error:
    print(error)
