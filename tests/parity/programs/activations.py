"""A table of activation functions and their derivatives."""

import torch
import torch.nn.functional as F
from torch import nn

x = torch.linspace(-3, 3, 7)
for module in (
    nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.1), nn.PReLU(), nn.ELU(), nn.CELU(0.5), nn.SELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(),
    nn.Mish(), nn.Sigmoid(), nn.LogSigmoid(), nn.Tanh(), nn.Softplus(), nn.Softsign(), nn.Hardtanh(), nn.Hardsigmoid(),
    nn.Hardswish(), nn.Hardshrink(), nn.Softshrink(), nn.Tanhshrink(), nn.Threshold(0.5, -1.0), nn.Softmax(dim=0),
    nn.LogSoftmax(dim=0), nn.Softmin(dim=0),
):  # fmt: skip
    t = x.clone().requires_grad_()
    y = module(t)
    y.backward(torch.arange(7.0))
    print(f"{module}\n  {y}\n  {t.grad}")
print(nn.GLU()(x[:6]), F.relu(x), F.leaky_relu(x), F.elu(x), F.gelu(x), F.softplus(x, beta=2), F.hardtanh(x, -2, 2))
torch.manual_seed(0)
drop = nn.Dropout(0.5)
print(
    drop(torch.ones(10)),
    drop.eval()(torch.ones(3)),
    F.dropout(torch.ones(6), 0.3),
    F.dropout(torch.ones(3), 0.3, training=False),
)
print(
    nn.Dropout2d(0.5)(torch.ones(2, 4, 1, 1)).flatten(1), nn.Dropout(0.0)(torch.ones(2)), nn.Dropout(1.0)(torch.ones(2))
)
t = torch.tensor([-1.0, 2.0])
print(nn.ReLU(inplace=True)(t), t, F.relu_(torch.tensor([-1.0, 1.0])))
layers = [nn.Linear(4, 4) for _ in range(5)]
for act in (torch.sigmoid, torch.tanh, torch.relu):
    h = torch.ones(1, 4, requires_grad=True)
    out = h
    for layer in layers:
        out = act(layer(out))
    out.sum().backward()
    print(act.__name__, out, h.grad)
