"""Bigrams counted and learnt, an embedding trained, sampling from a softmax."""

import torch
import torch.nn.functional as F
from torch import nn

words = ["anna", "ana", "nana", "banana", "ban", "nab"]
chars = sorted({c for w in words for c in w})
stoi = {c: i + 1 for i, c in enumerate(chars)} | {".": 0}
itos = {i: c for c, i in stoi.items()}
N = torch.zeros((4, 4), dtype=torch.int32)
for w in words:
    chs = ["."] + list(w) + ["."]
    for a, b in zip(chs, chs[1:]):
        N[stoi[a], stoi[b]] += 1
print(N, N[0], N.sum(1, keepdim=True))
P = (N + 1).float()
P /= P.sum(1, keepdims=True)
print(P, P[0].sum())
g = torch.Generator().manual_seed(2147483647)
for _ in range(5):
    out, ix = [], 0
    while True:
        ix = torch.multinomial(P[ix], num_samples=1, replacement=True, generator=g).item()
        out.append(itos[ix])
        if ix == 0 or len(out) > 15:
            break
    print("".join(out))
log_likelihood, n = 0.0, 0
for w in words:
    for a, b in zip("." + w, w + "."):
        log_likelihood += torch.log(P[stoi[a], stoi[b]])
        n += 1
print(f"{log_likelihood=} {-log_likelihood / n:.4f}")
xs = torch.tensor([stoi[c] for w in words for c in "." + w])
ys = torch.tensor([stoi[c] for w in words for c in w + "."])
W = torch.randn((4, 4), generator=g, requires_grad=True)
for k in range(20):
    logits = F.one_hot(xs, num_classes=4).float() @ W
    counts = logits.exp()
    probs = counts / counts.sum(1, keepdims=True)
    loss = -probs[torch.arange(len(xs)), ys].log().mean() + 0.01 * (W**2).mean()
    W.grad = None
    loss.backward()
    W.data += -10 * W.grad
    if k % 5 == 0:
        print(k, loss.item())
print(W)
torch.manual_seed(0)
model = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for k in range(20):
    loss = F.cross_entropy(model(xs), ys)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss, model[0].weight, model[0].weight.grad, model[0](torch.tensor([[0, 1], [2, 3]])).shape, sep="\n")
