"""Initialisations measured, and SGD, momentum and Adam written by hand, beside the library's."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, act_fn, sizes=(32, 24, 24, 24, 5)):
        super().__init__()
        layers = []
        for a, b in zip(sizes[:-2], sizes[1:-1]):
            layers += [nn.Linear(a, b), act_fn]
        layers += [nn.Linear(sizes[-2], sizes[-1])]
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for l in self.layers:
            x = l(x)
        return x


def const_init(model, fill=0.0):
    for name, param in model.named_parameters():
        param.data.fill_(fill)


def var_init(model, std=0.01):
    for name, param in model.named_parameters():
        param.data.normal_(mean=0.0, std=std)


def equal_var_init(model):
    for name, param in model.named_parameters():
        if name.endswith(".bias"):
            param.data.fill_(0)
        else:
            param.data.normal_(std=1.0 / math.sqrt(param.shape[1]))


def xavier_init(model):
    for name, param in model.named_parameters():
        if name.endswith(".bias"):
            param.data.fill_(0)
        else:
            bound = math.sqrt(6) / math.sqrt(param.shape[0] + param.shape[1])
            param.data.uniform_(-bound, bound)


def kaiming_init(model):
    for name, param in model.named_parameters():
        if name.endswith(".bias"):
            param.data.fill_(0)
        elif name.startswith("layers.0"):
            param.data.normal_(0, 1 / math.sqrt(param.shape[1]))
        else:
            param.data.normal_(0, math.sqrt(2) / math.sqrt(param.shape[1]))


torch.manual_seed(0)
x = torch.randn(128, 32)
y = torch.randint(0, 5, (128,))


def show(model):
    h, variances = x, []
    model.zero_grad()
    for layer in model.layers:
        h = layer(h)
        if isinstance(layer, nn.Linear):
            variances.append(h.var().item())
    F.cross_entropy(h, y).backward()
    print("activations", " ".join(f"{v:.3e}" for v in variances))
    print("gradients  ", " ".join(f"{p.grad.var():.3e}" for n, p in model.named_parameters() if "weight" in n))


for act in (nn.Identity(), nn.Tanh(), nn.ReLU()):
    for init in (lambda m: const_init(m, 0.005), var_init, equal_var_init, xavier_init, kaiming_init):
        model = Net(act)
        init(model)
        print(act)
        show(model)
for layer, p in zip([m for m in model.layers if hasattr(m, "weight")], model.parameters()):
    print(layer, p.shape, f"{layer.weight.std():.4f}")


class OptimizerTemplate:
    def __init__(self, params, lr):
        self.params = list(params)
        self.lr = lr

    def zero_grad(self):
        for p in self.params:
            if p.grad is not None:
                p.grad.detach_()
                p.grad.zero_()

    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is None:
                continue
            self.update_param(p)

    def update_param(self, p):
        raise NotImplementedError


class SGD(OptimizerTemplate):
    def update_param(self, p):
        p_update = -self.lr * p.grad
        p.add_(p_update)


class SGDMomentum(OptimizerTemplate):
    def __init__(self, params, lr, momentum=0.0):
        super().__init__(params, lr)
        self.momentum = momentum
        self.param_momentum = {p: torch.zeros_like(p.data) for p in self.params}

    def update_param(self, p):
        self.param_momentum[p] = (1 - self.momentum) * p.grad + self.momentum * self.param_momentum[p]
        p.add_(-self.lr * self.param_momentum[p])


class Adam(OptimizerTemplate):
    def __init__(self, params, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(params, lr)
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        self.param_step = {p: 0 for p in self.params}
        self.param_momentum = {p: torch.zeros_like(p.data) for p in self.params}
        self.param_2nd_momentum = {p: torch.zeros_like(p.data) for p in self.params}

    def update_param(self, p):
        self.param_step[p] += 1
        self.param_momentum[p] = (1 - self.beta1) * p.grad + self.beta1 * self.param_momentum[p]
        self.param_2nd_momentum[p] = (1 - self.beta2) * (p.grad) ** 2 + self.beta2 * self.param_2nd_momentum[p]
        bias_correction_1 = 1 - self.beta1 ** self.param_step[p]
        bias_correction_2 = 1 - self.beta2 ** self.param_step[p]
        p_2nd_mom = self.param_2nd_momentum[p] / bias_correction_2
        p_mom = self.param_momentum[p] / bias_correction_1
        p_lr = self.lr / (torch.sqrt(p_2nd_mom) + self.eps)
        p.add_(-p_lr * p_mom)


for mine, theirs in (
    (lambda p: SGD(p, 0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    (lambda p: SGDMomentum(p, 0.1, 0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1)),
    (lambda p: Adam(p, 1e-2), lambda p: torch.optim.Adam(p, lr=1e-2)),
):
    for make in (mine, theirs):
        torch.manual_seed(7)
        model = Net(nn.ReLU())
        kaiming_init(model)
        opt = make(model.parameters())
        losses = []
        for step in range(30):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            losses.append(loss.item())
        print(type(opt).__name__, [round(l, 4) for l in losses[::10]])

# curves where optimizers differ


def pathological_curve_loss(w1, w2):
    x1_loss = torch.tanh(w1) ** 2 + 0.01 * torch.abs(w1)
    x2_loss = torch.sigmoid(w2)
    return x1_loss + x2_loss


def bivar_gaussian(w1, w2, x_mean=0.0, y_mean=0.0, x_sig=1.0, y_sig=1.0):
    norm = 1 / (2 * math.pi * x_sig * y_sig)
    x_exp = (-1 * (w1 - x_mean) ** 2) / (2 * x_sig**2)
    y_exp = (-1 * (w2 - y_mean) ** 2) / (2 * y_sig**2)
    return norm * torch.exp(x_exp + y_exp)


def train_curve(optimizer_func, curve_func=pathological_curve_loss, num_updates=8, init=[5, 5]):
    weights = nn.Parameter(torch.FloatTensor(init), requires_grad=True)
    optimizer = optimizer_func([weights])
    list_points = []
    for _ in range(num_updates):
        loss = curve_func(weights[0], weights[1])
        list_points.append(torch.cat([weights.data.detach(), loss.unsqueeze(dim=0).detach()], dim=0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.stack(list_points, dim=0).numpy()


x_grid, y_grid = torch.meshgrid([torch.arange(-5, 5, 2.5), torch.arange(-5, 10, 5.0)], indexing="ij")
print(pathological_curve_loss(x_grid, y_grid))
for func in (lambda p: SGD(p, lr=10), lambda p: SGDMomentum(p, lr=10, momentum=0.9), lambda p: Adam(p, lr=1)):
    points = train_curve(func)
    print(points.shape, points[-1].round(3), points[:, 2].min().round(4))
print(f"{bivar_gaussian(torch.tensor(0.5), torch.tensor(1.0), x_sig=0.2):.6f}")
