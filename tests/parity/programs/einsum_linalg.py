"""Products of many kinds, and norms."""

import torch

torch.manual_seed(0)
a, b = torch.randn(3, 4), torch.randn(4, 5)
v, w = torch.randn(4), torch.randn(4)
A, B = torch.randn(2, 3, 4), torch.randn(2, 4, 5)
print(torch.einsum("ij,jk->ik", a, b) - a @ b < 1e-6, torch.einsum("i,i->", v, w), torch.dot(v, w), v @ w)
print(torch.einsum("bij,bjk->bik", A, B).shape, torch.bmm(A, B).shape, (A @ B)[0, 0], torch.einsum("ij->ji", a).shape)
print(
    torch.einsum("i,j->ij", v, w).shape,
    torch.outer(v, w)[0],
    torch.einsum("ii->i", torch.eye(3)),
    torch.einsum("ij->", a),
)
print(torch.einsum("bij->bi", A)[0], torch.einsum("...ij->...ji", A).shape, torch.einsum("nc,nc->n", a, a))
print(torch.mm(a, b).shape, torch.mv(a, v), torch.matmul(a, v).shape, torch.addmm(torch.ones(5), a, b)[0])
print(torch.tensordot(A, b, dims=1).shape, torch.inner(v, w), torch.trace(torch.arange(9.0).view(3, 3)))
print(
    a.norm(),
    a.norm(dim=1),
    a.norm(p=1),
    torch.norm(a, p=float("inf")),
    torch.linalg.norm(a),
    torch.linalg.vector_norm(v),
)
print(a.softmax(1).sum(1), a.log_softmax(1)[0], a.logsumexp(1), a.cumsum(0)[-1], a.std(0), a.var(1), a.mean((0, 1)))
print(torch.std_mean(a), torch.var_mean(a, dim=0), a.abs().max(), a.sign()[0], a.pow(2).sum().sqrt(), a.square().mean())
print(torch.maximum(v, w), torch.minimum(v, w), torch.clamp(v, min=0), v.clip(-0.5, 0.5), torch.lerp(v, w, 0.5))
print(
    torch.exp(v),
    v.sigmoid(),
    v.tanh(),
    torch.relu(v),
    v.abs().sqrt(),
    v.abs().log(),
    torch.sin(v),
    v.round(),
    v.floor(),
)
for bad in (
    lambda: a @ a,
    lambda: torch.dot(a, v),
    lambda: torch.mm(v, w),
    lambda: a + torch.ones(3),
    lambda: torch.bmm(a, b),
):
    try:
        bad()
    except RuntimeError as error:
        print(error)
x = torch.randn(3, 4, requires_grad=True)
torch.einsum("ij,jk,ik->", x, b, a @ b).backward()
print(x.grad)
