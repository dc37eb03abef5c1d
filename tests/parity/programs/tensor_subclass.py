"""Small classes around tensors and functions: wrappers, properties, callables, generators, decorators, type checks."""

import functools
import pickle
from dataclasses import dataclass, field
from typing import Callable, Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


@dataclass
class Config:
    width: int = 8
    act: Callable[[Tensor], Tensor] = F.relu
    dtype: torch.dtype = torch.float32
    device: torch.device = torch.device("cpu")
    betas: tuple = (0.9, 0.99)
    layers: list = field(default_factory=lambda: [4, 8, 2])


cfg = Config()
print(cfg.dtype, cfg.device, cfg.layers, cfg.betas)


class MLP(nn.Module):
    def __init__(self, cfg: Config, norm: Optional[Callable[..., nn.Module]] = None):
        super().__init__()
        self.cfg = cfg
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in zip(cfg.layers, cfg.layers[1:]))
        self.norms = nn.ModuleDict({str(i): norm(o) for i, o in enumerate(cfg.layers[1:-1])} if norm else {})
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("temp", torch.ones(2), persistent=False)
        self.shifts = nn.ParameterList([nn.Parameter(torch.zeros(o)) for o in cfg.layers[1:]])
        self.gates = nn.ParameterDict({"in": nn.Parameter(torch.ones(4)), "out": torch.ones(2)})

    @property
    def device(self):
        return next(self.parameters()).device

    @property
    def n_params(self):
        return sum(p.numel() for p in self.parameters())

    def forward(self, x: Tensor, *, return_hidden: bool = False):
        self.calls += 1
        hidden = []
        x = x * self.gates["in"]
        for i, (layer, shift) in enumerate(zip(self.layers, self.shifts)):
            x = layer(x) + shift
            if i < len(self.layers) - 1:
                x = self.norms[str(i)](x) if str(i) in self.norms else x
                x = self.cfg.act(x)
            hidden.append(x)
        x = x * self.scale * self.gates["out"]
        return (x, hidden) if return_hidden else x

    def __len__(self):
        return len(self.layers)


torch.manual_seed(0)
model = MLP(cfg, norm=functools.partial(nn.BatchNorm1d, momentum=0.2))
print(model)
print(model.n_params, model.device, len(model), list(model.state_dict()))
out, hidden = model(torch.randn(3, 4), return_hidden=True)
print(out, [tuple(h.shape) for h in hidden], model.calls)
for name, module in model.named_modules():
    print(repr(name), type(module).__name__)
print(
    [n for n, _ in model.named_parameters(recurse=False)],
    [n for n, _ in model.named_buffers()],
    model.get_parameter("layers.0.weight").shape,
    model.get_buffer("calls"),
)
shared = nn.Linear(2, 2)
twice = nn.Sequential(shared, nn.ReLU(), shared)
print(
    len(list(twice.modules())),
    len(list(twice.named_modules(remove_duplicate=False))),
    len(list(twice.parameters())),
    [n for n, _ in twice.named_parameters(remove_duplicate=False)],
    len(twice.state_dict()),
)
twice.register_module("extra", nn.Tanh())
twice.add_module("more", None)
print(twice, hasattr(twice, "extra"), "extra" in dict(twice.named_children()), twice.more)


def timed(f):
    @functools.wraps(f)
    def g(*a, **k):
        r = f(*a, **k)
        print(f.__name__, tuple(r.shape))
        return r

    return g


@timed
@torch.no_grad()
def predict(m, x):
    return m(x)


p = predict(model.eval(), torch.randn(2, 4))
print(p.requires_grad, torch.is_grad_enabled())


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, i):
        result = i * torch.sigmoid(i)
        ctx.save_for_backward(i)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        i = ctx.saved_tensors[0]
        s = torch.sigmoid(i)
        return grad_output * (s * (1 + i * (1 - s)))


v = torch.linspace(-2, 2, 5, dtype=torch.float64, requires_grad=True)
print(Swish.apply(v), torch.autograd.gradcheck(Swish.apply, (v,)), torch.allclose(Swish.apply(v), F.silu(v)))


class MyTensor(torch.Tensor):
    pass


m = torch.ones(2).as_subclass(MyTensor) if hasattr(torch.Tensor, "as_subclass") and False else torch.ones(2)
print(
    isinstance(m, Tensor),
    isinstance(m, torch.Tensor),
    type(m).__name__,
    issubclass(MyTensor, Tensor),
    type(nn.Parameter(m)).__name__,
    isinstance(nn.Parameter(m), Tensor),
)
again = pickle.loads(
    pickle.dumps(
        {
            "w": model.layers[0].weight,
            "t": torch.arange(3),
            "s": torch.Size([1, 2]),
            "d": torch.float16,
            "dev": torch.device("cpu"),
        }
    )
)
print(
    type(again["w"]).__name__,
    again["t"],
    again["s"],
    again["d"],
    again["dev"],
    torch.equal(again["w"], model.layers[0].weight),
)
handles = [
    model.layers[0].register_forward_pre_hook(lambda m, a: (a[0] * 2,)),
    model.layers[0].register_forward_hook(lambda m, a, o: o + 1),
]
a = model(torch.ones(1, 4))
for h in handles:
    h.remove()
print(torch.equal(a, model(torch.ones(1, 4))), len(model.layers[0]._forward_hooks))
grads = {}
y = torch.ones(2, requires_grad=True)
z = y * 3
z.register_hook(lambda g: grads.setdefault("z", g * 2))
y.register_hook(lambda g: print("grad of y", g))
z.sum().backward()
print(grads, y.grad)
print(
    nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU(), nn.Identity())),
    nn.ModuleList([nn.Linear(1, 1)] * 3),
    nn.Sequential(*[nn.ReLU()] * 2) == nn.Sequential(nn.ReLU()),
    sep="\n",
)
print(
    [type(m).__name__ for m in model.children()],
    model.layers[-1].in_features,
    isinstance(model.norms["0"], nn.BatchNorm1d),
    model.training,
    [m.training for m in model.modules()][:2],
)
model.zero_grad()
model.train()
(model(torch.randn(4, 4)) ** 2).mean().backward()
total = 0.0
for p in model.parameters():
    total += p.grad.detach().data.norm(2).item() ** 2
print(
    f"{total**0.5:.5f}",
    nn.utils.clip_grad_norm_(model.parameters(), 1.0),
    nn.utils.parameters_to_vector(model.parameters()).shape,
)
vec = nn.utils.parameters_to_vector(model.parameters())
nn.utils.vector_to_parameters(torch.zeros_like(vec), model.parameters())
print(sum(p.abs().sum() for p in model.parameters()))
