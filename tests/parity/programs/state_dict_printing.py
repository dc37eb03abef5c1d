"""Printed state dicts, parameters and modules of many kinds."""

import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1))
print(model.state_dict())
print(model.state_dict().keys())
for name, tensor in model.state_dict().items():
    print(f"{name:25s} {tuple(tensor.shape)!s:10s} {tensor.dtype}")
print(model[0].weight)
print(model[0].bias, model[0].bias.data, model[0].bias.requires_grad)
print(list(model[3].parameters()))
print(dict(model[3].named_parameters()))
for module in (
    nn.Linear(3, 4, bias=False), nn.Conv2d(3, 16, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1)),
    nn.Conv2d(4, 8, 3, groups=2, padding="same", bias=False, padding_mode="reflect"), nn.ConvTranspose2d(2, 4, 3, stride=2),
    nn.MaxPool2d(2), nn.MaxPool2d(3, stride=2, padding=1), nn.AvgPool2d(2, 2), nn.AdaptiveAvgPool2d((1, None)),
    nn.BatchNorm2d(100), nn.BatchNorm2d(10, eps=1e-3, momentum=None, affine=False, track_running_stats=False),
    nn.Dropout(0.2), nn.Dropout2d(), nn.ReLU(inplace=True), nn.LeakyReLU(0.2), nn.ELU(), nn.PReLU(), nn.GELU(),
    nn.GELU(approximate="tanh"), nn.SiLU(), nn.Softmax(dim=1), nn.LogSoftmax(dim=-1), nn.Softplus(), nn.Hardtanh(-2, 2),
    nn.Threshold(0.1, 20), nn.Sigmoid(), nn.Tanh(), nn.Flatten(), nn.Unflatten(1, (2, 3)), nn.Identity(),
    nn.Embedding(10, 3), nn.Embedding(10, 3, padding_idx=0), nn.CrossEntropyLoss(), nn.MSELoss(), nn.NLLLoss(),
    nn.BCEWithLogitsLoss(), nn.ZeroPad2d(2), nn.PixelShuffle(3), nn.ModuleList([nn.ReLU(), nn.Linear(1, 1)]),
    nn.ModuleDict({"act": nn.ReLU(), "lin": nn.Linear(1, 2)}), nn.Sequential(), nn.ModuleList([nn.ReLU() for _ in range(3)]),
    nn.ParameterList([nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3, 2))]),
):  # fmt: skip
    print(module)
twin = copy.deepcopy(model)
with torch.no_grad():
    twin[0].weight.zero_()
print(twin[0].weight, (model[0].weight == 0).any())
twin.load_state_dict(model.state_dict())
print(torch.equal(twin[0].weight, model[0].weight), twin[0].weight is model[0].weight)
try:
    twin.load_state_dict({"0.weight": torch.ones(3, 3), "bogus": torch.ones(1)})
except RuntimeError as error:
    print(error)
named = nn.Sequential()
named.add_module("fc", nn.Linear(2, 2))
named.add_module("inner", nn.Sequential(nn.ReLU(), nn.Linear(2, 1)))
print(named, named.state_dict().keys(), named.inner[1], [n for n, _ in named.named_modules()])
