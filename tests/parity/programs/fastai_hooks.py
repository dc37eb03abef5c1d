"""Minibatch training built up step by step, with hooks that watch the statistics of each layer."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn, optim, tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, default_collate

torch.set_printoptions(precision=2, linewidth=140, sci_mode=False)
torch.manual_seed(42)
x_train = torch.rand(500, 49)
y_train = (x_train[:, :25].sum(1) * 2).long() % 10
x_valid, y_valid = x_train[400:], y_train[400:]
x_train, y_train = x_train[:400], y_train[:400]
n, m = x_train.shape
c = y_train.max() + 1
nh = 50
print(n, m, c, nh)

w1 = torch.randn(m, nh) / math.sqrt(m)
b1 = torch.zeros(nh)
w2 = torch.randn(nh, 1) / math.sqrt(nh)
b2 = torch.zeros(1)


def lin(x, w, b):
    return x @ w + b


def relu(x):
    return x.clamp_min(0.0)


t = relu(lin(x_valid, w1, b1))
print(t[:2, :8], t.mean(), t.std())


def mse(output, targ):
    return (output[:, 0] - targ).pow(2).mean()


def lin_grad(inp, out, w, b):
    inp.g = out.g @ w.t()
    w.g = inp.t() @ out.g
    b.g = out.g.sum(0)


def forward_and_backward(inp, targ):
    l1 = lin(inp, w1, b1)
    l2 = relu(l1)
    out = lin(l2, w2, b2)
    diff = out[:, 0] - targ
    loss = diff.pow(2).mean()
    out.g = 2.0 * diff[:, None] / inp.shape[0]
    lin_grad(l2, out, w2, b2)
    l1.g = (l1 > 0).float() * l2.g
    lin_grad(inp, l1, w1, b1)
    return loss


print(forward_and_backward(x_train, y_train))
chks = w1, w2, b1, b2, x_train
grads = [p.g.clone() for p in chks]
ptgrads = [p.clone().requires_grad_(True) for p in chks]
loss = mse(lin(relu(lin(ptgrads[4], ptgrads[0], ptgrads[2])), ptgrads[1], ptgrads[3]), y_train)
loss.backward()
for a, b in zip(grads, ptgrads):
    print(torch.allclose(a, b.grad, rtol=1e-3, atol=1e-5))


class Module:
    def __call__(self, *args):
        self.args = args
        self.out = self.forward(*args)
        return self.out

    def forward(self):
        raise Exception("not implemented")

    def backward(self):
        self.bwd(self.out, *self.args)

    def bwd(self):
        raise Exception("not implemented")


def log_softmax(x):
    return x - x.logsumexp(-1, keepdim=True)


model = nn.Sequential(nn.Linear(m, nh), nn.ReLU(), nn.Linear(nh, 10))
pred = model(x_train)
sm_pred = log_softmax(pred)
print(
    sm_pred[[0, 1, 2], y_train[:3]],
    -sm_pred[range(y_train.shape[0]), y_train].mean(),
    F.nll_loss(F.log_softmax(pred, -1), y_train),
    F.cross_entropy(pred, y_train),
)


class Dataset:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


train_ds, valid_ds = Dataset(x_train, y_train), Dataset(x_valid, y_valid)
ss = SequentialSampler(train_ds)
print([o for o, _ in zip(ss, range(5))], len(ss))
torch.manual_seed(1)
rs = RandomSampler(train_ds)
print([o for o, _ in zip(rs, range(5))])
bs = BatchSampler(rs, 4, False)
print([o for o, _ in zip(bs, range(2))], len(bs))


def collate(b):
    xs, ys = zip(*b)
    return torch.stack(xs), torch.stack(ys)


dl = DataLoader(train_ds, sampler=ss, batch_size=4, collate_fn=collate)
xb, yb = next(iter(dl))
print(xb.shape, yb)
dl = DataLoader(train_ds, batch_sampler=BatchSampler(RandomSampler(train_ds), 50, False))
xb, yb = next(iter(dl))
print(xb.shape, yb[:5], len(dl), train_ds[[4, 6, 7]][1])


def accuracy(out, yb):
    return (out.argmax(dim=1) == yb).float().mean()


def report(loss, preds, yb):
    print(f"{loss:.2f}, {accuracy(preds, yb):.2f}")


def append_stats(hook, mod, inp, outp):
    if not hasattr(hook, "stats"):
        hook.stats = ([], [], [])
    acts = outp.detach().cpu()
    hook.stats[0].append(acts.mean().item())
    hook.stats[1].append(acts.std().item())
    hook.stats[2].append(acts.abs().histc(10, 0, 5))


class Hook:
    def __init__(self, m, f):
        self.hook = m.register_forward_hook(partial(f, self))

    def remove(self):
        self.hook.remove()

    def __del__(self):
        self.remove()


class Hooks(list):
    def __init__(self, ms, f):
        super().__init__([Hook(m, f) for m in ms])

    def __enter__(self, *args):
        return self

    def __exit__(self, *args):
        self.remove()

    def __del__(self):
        self.remove()

    def __delitem__(self, i):
        self[i].remove()
        super().__delitem__(i)

    def remove(self):
        for h in self:
            h.remove()


def init_weights(m, leaky=0.0):
    if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        nn.init.kaiming_normal_(m.weight, a=leaky)


def conv(ni, nf, ks=3, stride=2, act=True, norm=None):
    layers = [nn.Conv2d(ni, nf, stride=stride, kernel_size=ks, padding=ks // 2, bias=norm is None)]
    if norm:
        layers.append(norm(nf))
    if act:
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class GeneralRelu(nn.Module):
    def __init__(self, leak=None, sub=None, maxv=None):
        super().__init__()
        self.leak, self.sub, self.maxv = leak, sub, maxv

    def forward(self, x):
        x = F.leaky_relu(x, self.leak) if self.leak is not None else F.relu(x)
        if self.sub is not None:
            x -= self.sub
        if self.maxv is not None:
            x.clamp_max_(self.maxv)
        return x


class BatchNorm(nn.Module):
    def __init__(self, nf, mom=0.1, eps=1e-5):
        super().__init__()
        self.mom, self.eps = mom, eps
        self.mults = nn.Parameter(torch.ones(nf, 1, 1))
        self.adds = nn.Parameter(torch.zeros(nf, 1, 1))
        self.register_buffer("vars", torch.ones(1, nf, 1, 1))
        self.register_buffer("means", torch.zeros(1, nf, 1, 1))

    def update_stats(self, x):
        m = x.mean((0, 2, 3), keepdim=True)
        v = x.var((0, 2, 3), keepdim=True)
        self.means.lerp_(m, self.mom)
        self.vars.lerp_(v, self.mom)
        return m, v

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                m, v = self.update_stats(x)
        else:
            m, v = self.means, self.vars
        x = (x - m) / (v + self.eps).sqrt()
        return x * self.mults + self.adds


class LayerNorm(nn.Module):
    def __init__(self, dummy, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.mult = nn.Parameter(tensor(1.0))
        self.add = nn.Parameter(tensor(0.0))

    def forward(self, x):
        m = x.mean((1, 2, 3), keepdim=True)
        v = x.var((1, 2, 3), keepdim=True)
        x = (x - m) / ((v + self.eps).sqrt())
        return x * self.mult + self.add


for norm in (None, nn.BatchNorm2d, BatchNorm, LayerNorm):
    torch.manual_seed(3)
    model = nn.Sequential(
        conv(1, 4, norm=norm),
        GeneralRelu(leak=0.1, sub=0.4),
        conv(4, 8, norm=norm),
        conv(8, 10, act=False, norm=None),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    model.apply(partial(init_weights, leaky=0.1))
    opt = optim.AdamW(model.parameters(), lr=0.02)
    sched = optim.lr_scheduler.OneCycleLR(opt, 0.05, total_steps=16)
    with Hooks(model, append_stats) as hooks:
        for epoch in range(2):
            for i in range(0, n, 50):
                xb, yb = x_train[i : i + 50].reshape(-1, 1, 7, 7), y_train[i : i + 50]
                loss = F.cross_entropy(model(xb), yb)
                loss.backward()
                opt.step()
                sched.step()
                opt.zero_grad()
        print(norm and norm.__name__, tensor([h.stats[0][-1] for h in hooks]), tensor([h.stats[1][0] for h in hooks]))
        print(torch.stack(hooks[0].stats[2]).t().float()[:3, :4])
        del hooks[0]
        print(len(hooks), len(model[0]._forward_hooks))
    with torch.no_grad():
        model.eval()
        report(
            F.cross_entropy(model(x_valid.reshape(-1, 1, 7, 7)), y_valid), model(x_valid.reshape(-1, 1, 7, 7)), y_valid
        )
    print(sched.get_last_lr()[0])
print(default_collate([{"a": 1, "b": tensor([1.0])}, {"a": 2, "b": tensor([2.0])}]))
