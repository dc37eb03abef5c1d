"""Thermometers fitted by hand and by optimizers; a classifier that grows from linear to residual with BatchNorm."""

from collections import OrderedDict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.set_printoptions(edgeitems=2, linewidth=75)
t_c = [0.5, 14.0, 15.0, 28.0, 11.0, 8.0, 3.0, -4.0, 6.0, 13.0, 21.0]
t_u = [35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4]
t_c, t_u = torch.tensor(t_c), torch.tensor(t_u)


def model(t_u, w, b):
    return w * t_u + b


def loss_fn(t_p, t_c):
    return ((t_p - t_c) ** 2).mean()


w, b = torch.ones(()), torch.zeros(())
t_p = model(t_u, w, b)
print(t_p, loss_fn(t_p, t_c))
delta = 0.1
print((loss_fn(model(t_u, w + delta, b), t_c) - loss_fn(model(t_u, w - delta, b), t_c)) / (2.0 * delta))
x, y, z, a = torch.ones(()), torch.ones(3, 1), torch.ones(1, 3), torch.ones(2, 1, 1)
print(f"shapes: x: {x.shape}, y: {y.shape}\n        z: {z.shape}, a: {a.shape}")
print("x * y:", (x * y).shape, "y * z:", (y * z).shape, "y * z * a:", (y * z * a).shape)


def dloss_fn(t_p, t_c):
    return 2 * (t_p - t_c) / t_p.size(0)


def grad_fn(t_u, t_c, t_p, w, b):
    d = dloss_fn(t_p, t_c)
    return torch.stack([(d * t_u).sum(), d.sum()])


params = torch.tensor([1.0, 0.0])
t_un = 0.1 * t_u
for epoch in range(1, 101):
    t_p = model(t_un, *params)
    loss = loss_fn(t_p, t_c)
    grad = grad_fn(t_un, t_c, t_p, *params)
    params = params - 1e-2 * grad
    if epoch in (1, 2, 50, 100):
        print("Epoch %d, Loss %f" % (epoch, float(loss)))
        print("    Params:", params)
        print("    Grad:  ", grad)

params = torch.tensor([1.0, 0.0], requires_grad=True)
print(params.grad is None)
for cls, lr in ((optim.SGD, 1e-2), (optim.Adam, 1e-1)):
    params = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = cls([params], lr=lr)
    torch.manual_seed(0)
    shuffled = torch.randperm(t_u.shape[0])
    train_i, val_i = shuffled[:-2], shuffled[-2:]
    print(train_i, val_i)
    for epoch in range(1, 201):
        train_loss = loss_fn(model(t_un[train_i], *params), t_c[train_i])
        with torch.no_grad():
            val_loss = loss_fn(model(t_un[val_i], *params), t_c[val_i])
            assert val_loss.requires_grad == False
        optimizer.zero_grad()
        train_loss.backward()
        optimizer.step()
        if epoch <= 2 or epoch % 100 == 0:
            print(f"Epoch {epoch}, Training loss {train_loss.item():.4f}, Validation loss {val_loss.item():.4f}")
    print(params)

t_c, t_un = t_c.unsqueeze(1), t_un.unsqueeze(1)
seq_model = nn.Sequential(
    OrderedDict(
        [("hidden_linear", nn.Linear(1, 8)), ("hidden_activation", nn.Tanh()), ("output_linear", nn.Linear(8, 1))]
    )
)
print(seq_model, seq_model.output_linear.bias, [param.shape for param in seq_model.parameters()], sep="\n")
for name, param in seq_model.named_parameters():
    print(name, param.shape)
optimizer = optim.SGD(seq_model.parameters(), lr=1e-3)
for epoch in range(100):
    loss = nn.MSELoss()(seq_model(t_un), t_c)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("output", seq_model(t_un[:2]), "answer", t_c[:2], "hidden", seq_model.hidden_linear.weight.grad[:2], sep="\n")


class ResBlock(nn.Module):
    def __init__(self, n_chans):
        super(ResBlock, self).__init__()
        self.conv = nn.Conv2d(n_chans, n_chans, kernel_size=3, padding=1, bias=False)
        self.batch_norm = nn.BatchNorm2d(num_features=n_chans)
        torch.nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        torch.nn.init.constant_(self.batch_norm.weight, 0.5)
        torch.nn.init.zeros_(self.batch_norm.bias)

    def forward(self, x):
        out = self.conv(x)
        out = self.batch_norm(out)
        out = torch.relu(out)
        return out + x


class NetResDeep(nn.Module):
    def __init__(self, n_chans1=4, n_blocks=3):
        super().__init__()
        self.n_chans1 = n_chans1
        self.conv1 = nn.Conv2d(3, n_chans1, kernel_size=3, padding=1)
        self.resblocks = nn.Sequential(*(n_blocks * [ResBlock(n_chans=n_chans1)]))
        self.fc1 = nn.Linear(4 * 4 * n_chans1, 16)
        self.fc2 = nn.Linear(16, 2)

    def forward(self, x):
        out = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        out = self.resblocks(out)
        out = F.max_pool2d(out, 2)
        out = out.view(-1, 4 * 4 * self.n_chans1)
        out = torch.relu(self.fc1(out))
        return self.fc2(out)


torch.manual_seed(123)
imgs = torch.randn(48, 3, 16, 16)
mean, std = imgs.view(48, 3, -1).mean(dim=(0, 2)), imgs.permute(1, 0, 2, 3).reshape(3, -1).std(dim=1)
print(mean, std)
labels = (imgs[:, 0].mean((1, 2)) > 0).long()
net = NetResDeep()
print(net, sum(p.numel() for p in net.parameters()), [p.numel() for p in net.parameters()], sep="\n")
optimizer = optim.SGD(net.parameters(), lr=3e-2)
for epoch in range(1, 4):
    loss_train = 0.0
    for i in range(0, 48, 16):
        outputs = net(imgs[i : i + 16])
        loss = nn.CrossEntropyLoss()(outputs, labels[i : i + 16])
        l2_norm = sum(p.pow(2.0).sum() for p in net.parameters())
        loss = loss + 0.001 * l2_norm
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_train += loss.item()
    print("Epoch {}, Training loss {}".format(epoch, round(loss_train / 3, 4)))
net.eval()
correct = 0
with torch.no_grad():
    _, predicted = torch.max(net(imgs), dim=1)
    correct += int((predicted == labels).sum())
print(
    "Accuracy train: {:.2f}".format(correct / 48),
    net.resblocks[0] is net.resblocks[1],
    net.resblocks[0].batch_norm.num_batches_tracked,
)
torch.save(net.state_dict(), "birds.pt")
again = NetResDeep()
print(
    again.load_state_dict(torch.load("birds.pt", map_location="cpu")),
    torch.equal(again.eval()(imgs[:2]), net(imgs[:2])),
)

vol = torch.from_numpy(np.arange(24, dtype=np.int16).reshape(2, 3, 4)).float().permute(2, 0, 1)
print(vol.shape, vol.stride(), torch.unsqueeze(vol, 0).shape, vol.is_contiguous())
gray = torch.randn(3, 5, 5)
weights = torch.tensor([0.2126, 0.7152, 0.0722])
print(
    gray.mean(-3).shape,
    (gray * weights.unsqueeze(-1).unsqueeze_(-1)).sum(-3).shape,
    torch.einsum("...chw,c->...hw", gray, weights).allclose((gray * weights[:, None, None]).sum(0), atol=1e-6),
)
onehot = torch.zeros(5, 10)
print(
    onehot.scatter_(1, torch.tensor([3, 1, 4, 1, 5]).unsqueeze(1), 1.0).sum(0),
    (torch.tensor([3, 9, 7]) <= 3).nonzero(),
    torch.lt(torch.tensor([1, 5]), 3),
    torch.tensor([5, 6, 7])[torch.tensor([True, False, True])],
)
torch.set_printoptions(profile="default")
