"""What the layers of a network do to a small batch, one by one."""

import torch
from torch import nn

torch.manual_seed(3)
batch = torch.rand(3, 6, 6)
print(batch.size())
flat = nn.Flatten()(batch)
print(flat.size())
layer1 = nn.Linear(in_features=36, out_features=5)
hidden = layer1(flat)
print(hidden.size())
print(f"Before ReLU: {hidden}\n\n")
hidden = nn.ReLU()(hidden)
print(f"After ReLU: {hidden}")
modules = nn.Sequential(nn.Flatten(), layer1, nn.ReLU(), nn.Linear(5, 4))
logits = modules(torch.rand(3, 6, 6))
print(logits)
probabilities = nn.Softmax(dim=1)(logits)
print(probabilities, probabilities.sum(1), probabilities.argmax(1))
print(f"Model structure: {modules}\n\n")
for name, param in modules.named_parameters():
    print(f"Layer: {name} | Size: {param.size()} | Values : {param[:2]} \n")
print(layer1.weight.shape, layer1.bias.shape, layer1, layer1.weight.dtype, type(layer1.weight))
print(sum(p.numel() for p in modules.parameters() if p.requires_grad))
print(type(modules), type(modules[0]), len(modules), list(modules.children())[1])
