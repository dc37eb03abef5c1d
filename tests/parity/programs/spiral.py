"""Spirals told apart: linear and deep classifiers, a regression after it, and a look at singular values of a linear map."""

import math

import torch
from torch import nn

seed = 12345
torch.manual_seed(seed)
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
N, D, C, H = 100, 2, 3, 50
X = torch.zeros(N * C, D).to(device)
y = torch.zeros(N * C, dtype=torch.long).to(device)
for c in range(C):
    index = 0
    t = torch.linspace(0, 1, N)
    inner_var = torch.linspace((2 * math.pi / C) * (c), (2 * math.pi / C) * (2 + c), N) + torch.randn(N) * 0.2
    for ix in range(N * c, N * (c + 1)):
        X[ix] = t[index] * torch.FloatTensor((math.sin(inner_var[index]), math.cos(inner_var[index])))
        y[ix] = c
        index += 1
print("Shapes:")
print("X:", X.size())
print("y:", tuple(y.size()))
print(X[:3], y[::60], y.bincount(), X.device)

learning_rate, lambda_l2 = 1e-2, 1e-5
for layers in (
    [nn.Linear(D, H), nn.Linear(H, C)],
    [nn.Linear(D, H), nn.ReLU(), nn.Linear(H, C)],
    [nn.Linear(D, H), nn.BatchNorm1d(H), nn.ReLU(), nn.Linear(H, C)],
):
    model = nn.Sequential(*layers)
    model.to(device)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.5, weight_decay=lambda_l2)
    for t in range(60):
        y_pred = model(X)
        loss = criterion(y_pred, y)
        score, predicted = torch.max(y_pred, 1)
        acc = (y == predicted).sum().float() / len(y)
        if t % 20 == 0:
            print("[EPOCH]: %i, [LOSS]: %.6f, [ACCURACY]: %.3f" % (t, loss.item(), acc))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(model, sum(p.numel() for p in model.parameters()))

# regression
X = torch.unsqueeze(torch.linspace(-1, 1, 100), dim=1).to(device)
y = X.pow(3) + 0.3 * torch.rand(X.size()).to(device)
for activation in (nn.ReLU(), nn.Tanh()):
    net = nn.Sequential(nn.Linear(1, 20), activation, nn.Linear(20, 1))
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, weight_decay=lambda_l2)
    for t in range(40):
        loss = criterion(net(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if t % 20 == 19:
            print("[EPOCH]: %i, [LOSS or MSE]: %.6f" % (t, loss.item()))

# maps of the plane
W = torch.eye(2)
W[0, 0], W[0, 1], W[1, 0], W[1, 1] = 2, 1, -1, 0.5
points = torch.randn(500, 2)
mapped = points @ W.t()
print(mapped.std(0), torch.linalg.norm(W), torch.det(W), W.trace(), torch.atan2(W[1, 0], W[0, 0]), sep="\n")
for s in range(1, 4):
    W = s * torch.eye(2)
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Tanh())
    model[0].weight.data.copy_(W)
    print(model(points).data.abs().mean(), model[0].weight)
model = nn.Sequential(*[m for _ in range(3) for m in (nn.Linear(2, 2), nn.Tanh())])
print(len(model), model[2:4], model[-1], [tuple(p.shape) for p in model.parameters()])

# logistic regression and Newton's method
g = torch.Generator().manual_seed(1)
A = torch.cat([torch.ones(80, 1), torch.randn(80, 2, generator=g)], 1).double()
labels = (A @ torch.tensor([0.5, 1.0, -2.0]).double() + torch.randn(80, generator=g).double() > 0).double()
theta = torch.zeros(3, dtype=torch.double)


def log_loss(theta):
    h = torch.sigmoid(A @ theta)
    return -(labels * h.log() + (1 - labels) * torch.log1p(-h)).mean()


for it in range(5):
    H = torch.autograd.functional.hessian(log_loss, theta)
    grad = torch.autograd.functional.jacobian(log_loss, theta)
    theta = theta - torch.linalg.solve(H, grad) if hasattr(torch.linalg, "solve") else theta - torch.inverse(H) @ grad
    print(it, f"{log_loss(theta).item():.6f}", theta)
print(
    ((A @ theta > 0) == labels.bool()).float().mean(),
    torch.nn.functional.binary_cross_entropy_with_logits(A @ theta, labels),
)
