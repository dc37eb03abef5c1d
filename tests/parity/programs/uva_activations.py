"""Activation functions as modules of one's own, their gradients, and dead neurons, as in a university's notebooks."""

import json
import os
from collections import defaultdict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import torch.utils.data as data


def set_seed(seed):
    np.random.seed(seed)
    torch.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed(seed)
        torch.cuda.manual_seed_all(seed)


set_seed(42)
torch.backends.cudnn.deterministic = True
torch.backends.cudnn.benchmark = False
device = torch.device("cpu") if not torch.cuda.is_available() else torch.device("cuda:0")
print("Using device", device)


class ActivationFunction(nn.Module):
    def __init__(self):
        super().__init__()
        self.name = self.__class__.__name__
        self.config = {"name": self.name}


class Sigmoid(ActivationFunction):
    def forward(self, x):
        return 1 / (1 + torch.exp(-x))


class Tanh(ActivationFunction):
    def forward(self, x):
        x_exp, neg_x_exp = torch.exp(x), torch.exp(-x)
        return (x_exp - neg_x_exp) / (x_exp + neg_x_exp)


class ReLU(ActivationFunction):
    def forward(self, x):
        return x * (x > 0).float()


class LeakyReLU(ActivationFunction):
    def __init__(self, alpha=0.1):
        super().__init__()
        self.config["alpha"] = alpha

    def forward(self, x):
        return torch.where(x > 0, x, self.config["alpha"] * x)


class ELU(ActivationFunction):
    def forward(self, x):
        return torch.where(x > 0, x, torch.exp(x) - 1)


class Swish(ActivationFunction):
    def forward(self, x):
        return x * torch.sigmoid(x)


act_fn_by_name = {"sigmoid": Sigmoid, "tanh": Tanh, "relu": ReLU, "leakyrelu": LeakyReLU, "elu": ELU, "swish": Swish}


def get_grads(act_fn, x):
    x = x.clone().requires_grad_()
    out = act_fn(x)
    out.sum().backward()
    return x.grad


x = torch.linspace(-5, 5, 11)
for name, cls in act_fn_by_name.items():
    act_fn = cls()
    print(act_fn, act_fn.config)
    print(act_fn(x))
    print(get_grads(act_fn, x))


class BaseNetwork(nn.Module):
    def __init__(self, act_fn, input_size=64, num_classes=10, hidden_sizes=[48, 32, 16]):
        super().__init__()
        layers = []
        layer_sizes = [input_size] + hidden_sizes
        for layer_index in range(1, len(layer_sizes)):
            layers += [nn.Linear(layer_sizes[layer_index - 1], layer_sizes[layer_index]), act_fn]
        layers += [nn.Linear(layer_sizes[-1], num_classes)]
        self.layers = nn.Sequential(*layers)
        self.config = {
            "act_fn": act_fn.config,
            "input_size": input_size,
            "num_classes": num_classes,
            "hidden_sizes": hidden_sizes,
        }

    def forward(self, x):
        x = x.view(x.size(0), -1)
        return self.layers(x)


def save_model(model, path, name):
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, name + ".config"), "w") as f:
        json.dump(model.config, f)
    torch.save(model.state_dict(), os.path.join(path, name + ".tar"))


def load_model(path, name):
    with open(os.path.join(path, name + ".config")) as f:
        config = json.load(f)
    act_fn_name = config["act_fn"].pop("name").lower()
    config["act_fn"] = act_fn_by_name[act_fn_name](**config["act_fn"])
    net = BaseNetwork(**config)
    net.load_state_dict(torch.load(os.path.join(path, name + ".tar"), map_location=device))
    return net


X = torch.randn(300, 1, 8, 8)
true = torch.randn(64, 10)
Y = (X.flatten(1) @ true).argmax(dim=1)
train_set, val_set = data.random_split(data.TensorDataset(X, Y), [240, 60], generator=torch.Generator().manual_seed(42))
print(len(train_set), len(val_set), train_set.indices[:5])

results = defaultdict(list)
for name in act_fn_by_name:
    set_seed(42)
    net = BaseNetwork(act_fn_by_name[name]()).to(device)
    optimizer = optim.SGD(net.parameters(), lr=1e-2, momentum=0.9)
    loss_module = nn.CrossEntropyLoss()
    loader = data.DataLoader(train_set, batch_size=64, shuffle=True, drop_last=True, pin_memory=True)
    for epoch in range(3):
        net.train()
        true_preds, count = 0.0, 0
        for imgs, labels in loader:
            imgs, labels = imgs.to(device), labels.to(device)
            optimizer.zero_grad()
            preds = net(imgs)
            loss = loss_module(preds, labels)
            loss.backward()
            optimizer.step()
            true_preds += (preds.argmax(dim=-1) == labels).sum()
            count += labels.shape[0]
        results[name].append((true_preds / count).item())
    print(f"{name:10s} {loss.item():.4f} " + " ".join(f"{100.0 * r:4.2f}%" for r in results[name]))
    save_model(net, "models", name)
    again = load_model("models", name)
    net.eval()
    again.eval()
    with torch.no_grad():
        print(torch.equal(net(X[:4]), again(X[:4])), again.layers[0].weight.shape)

# gradients of each layer
net = BaseNetwork(Sigmoid())
imgs, labels = next(iter(data.DataLoader(train_set, batch_size=256, shuffle=False)))
net.zero_grad()
F.cross_entropy(net(imgs), labels).backward()
grads = {
    name: params.grad.data.view(-1).cpu().clone().numpy() for name, params in net.named_parameters() if "weight" in name
}
for key, g in grads.items():
    print(key, g.shape, g.dtype, f"{np.abs(g).mean():.3e}")


@torch.no_grad()
def measure_dead(net):
    neurons = [
        torch.ones(layer.weight.shape[0], device=device, dtype=torch.bool)
        for layer in net.layers[:-1]
        if isinstance(layer, nn.Linear)
    ]
    for imgs, labels in data.DataLoader(train_set, batch_size=100):
        imgs = imgs.view(imgs.size(0), -1)
        index = 0
        for layer in net.layers[:-1]:
            imgs = layer(imgs)
            if isinstance(layer, ActivationFunction):
                neurons[index] = torch.logical_and(neurons[index], (imgs == 0).all(dim=0))
                index += 1
    dead = [t.sum().item() for t in neurons]
    print("Number of dead neurons:", dead)
    print("In percentage:", ", ".join([f"{(100.0 * n / t.shape[0]):4.2f}%" for t, n in zip(neurons, dead)]))


set_seed(3)
measure_dead(BaseNetwork(ReLU()))
