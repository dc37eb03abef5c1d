"""Jacobians, Hessians, per-sample gradients and ensembles with torch.func; hooks after accumulation; custom double backward."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    stack_module_state,
    vjp,
    vmap,
)

torch.manual_seed(0)
D = 4
weight, bias, x = torch.randn(D, D), torch.randn(D), torch.randn(D)


def predict(weight, bias, x):
    return F.linear(x, weight, bias).tanh()


def compute_jac(xp):
    jacobian_rows = [torch.autograd.grad(predict(weight, bias, xp), xp, vec)[0] for vec in unit_vectors]
    return torch.stack(jacobian_rows)


xp = x.clone().requires_grad_()
unit_vectors = torch.eye(D)
jacobian = compute_jac(xp)
print(jacobian.shape, jacobian[0])
_, vjp_fn = vjp(lambda x: predict(weight, bias, x), x)
(ft_jacobian,) = vmap(vjp_fn)(unit_vectors)
print(
    torch.allclose(ft_jacobian, jacobian),
    torch.allclose(jacrev(predict, argnums=2)(weight, bias, x), jacobian),
    torch.allclose(jacfwd(predict, argnums=2)(weight, bias, x), jacobian),
)
print(hessian(predict, argnums=2)(weight, bias, x).shape, jacrev(predict, argnums=(0, 1))(weight, bias, x)[0].shape)
batch = torch.randn(3, D)
print(vmap(jacrev(predict, argnums=2), in_dims=(None, None, 0))(weight, bias, batch).shape)
value, tangent = jvp(lambda x: predict(weight, bias, x), (x,), (torch.ones(D),))
print(value, tangent, torch.allclose(tangent, jacobian.sum(1)), sep="\n")
print(
    grad(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0])),
    grad(grad(torch.sin))(torch.tensor(1.0)),
    grad_and_value(torch.cos)(torch.tensor(0.5)),
)


class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, 1)
        self.fc1 = nn.Linear(4 * 9, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return F.log_softmax(self.fc1(torch.flatten(x, 1)), dim=1)


model = SimpleCNN()
data, targets = torch.randn(5, 1, 8, 8), torch.randint(3, (5,))
params = {k: v.detach() for k, v in model.named_parameters()}
buffers = {k: v.detach() for k, v in model.named_buffers()}


def compute_loss(params, buffers, sample, target):
    predictions = functional_call(model, (params, buffers), (sample.unsqueeze(0),))
    return F.nll_loss(predictions, target.unsqueeze(0))


per_sample = vmap(grad(compute_loss), in_dims=(None, None, 0, 0))(params, buffers, data, targets)
for name, g in per_sample.items():
    print(name, g.shape, f"{g.flatten(1).norm(dim=1).mean():.5f}")
by_hand = [
    torch.autograd.grad(F.nll_loss(model(data[i : i + 1]), targets[i : i + 1]), list(model.parameters()))
    for i in range(5)
]
print([torch.allclose(g, torch.stack([r[k] for r in by_hand]), atol=1e-5) for k, g in enumerate(per_sample.values())])


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


models = [MLP() for _ in range(3)]
params, buffers = stack_module_state(models)
base = copy.deepcopy(models[0])
predictions = vmap(lambda p, b, x: functional_call(base, (p, b), (x,)), in_dims=(0, 0, None))(
    params, buffers, data[:, :, :2, :3]
)
print(
    predictions.shape,
    torch.allclose(predictions, torch.stack([m(data[:, :, :2, :3]) for m in models]), atol=1e-6),
    {k: v.shape for k, v in params.items()},
)

# an optimizer step inside backward
model = MLP()
optimizer_dict = {p: torch.optim.Adam([p], lr=0.01, foreach=False) for p in model.parameters()}


def optimizer_hook(parameter) -> None:
    optimizer_dict[parameter].step()
    optimizer_dict[parameter].zero_grad()


for p in model.parameters():
    p.register_post_accumulate_grad_hook(optimizer_hook)
inputs = torch.rand(16, 6)
for step in range(3):
    loss = model(inputs).sum()
    loss.backward()
    print(f"{loss.item():.4f}", [p.grad for p in model.parameters()])


# functions of one's own that can be differentiated twice
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, grad_out):
        (x,) = ctx.saved_tensors
        return grad_out * 2 * x


class Sinh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        expx, expnegx = torch.exp(x), torch.exp(-x)
        ctx.save_for_backward(expx, expnegx)
        return (expx - expnegx) / 2, expx, expnegx

    @staticmethod
    def backward(ctx, grad_out, _grad_out_exp, _grad_out_negexp):
        expx, expnegx = ctx.saved_tensors
        grad_input = grad_out * (expx + expnegx) / 2
        grad_input += _grad_out_exp * expx
        grad_input -= _grad_out_negexp * expnegx
        return grad_input


x = torch.rand(3, 3, requires_grad=True, dtype=torch.double)
print(torch.autograd.gradcheck(Square.apply, x), torch.autograd.gradgradcheck(Square.apply, x))
print(
    torch.autograd.gradcheck(lambda x: Sinh.apply(x)[0], (x,)),
    torch.autograd.gradgradcheck(lambda x: Sinh.apply(x)[0], (x,)),
)
y = torch.tensor(2.0, requires_grad=True)
z = y**4
for order in range(1, 5):
    (z,) = torch.autograd.grad(z, y, create_graph=True)
    print(order, z)
print(torch.autograd.functional.jacobian(lambda a, b: a * b.sum(), (torch.ones(2), torch.arange(3.0))))
print(
    torch.autograd.functional.hessian(lambda a: (a**3).sum(), torch.tensor([1.0, 2.0])),
    torch.autograd.functional.vjp(torch.exp, torch.zeros(2), torch.ones(2)),
)
