"""Every loss on the same few numbers, against its formula where it is short."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
logits = torch.randn(4, 3, requires_grad=True)
target = torch.tensor([0, 2, 1, 2])
p, q = torch.rand(4, 3), torch.rand(4, 3)
print(F.cross_entropy(logits, target), F.nll_loss(F.log_softmax(logits, 1), target))
print(-logits.log_softmax(1)[torch.arange(4), target].mean())
print(nn.CrossEntropyLoss(reduction="none")(logits, target), nn.CrossEntropyLoss(reduction="sum")(logits, target))
print(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5]))(logits, target), F.cross_entropy(logits, p.softmax(1)))
print(nn.CrossEntropyLoss(label_smoothing=0.1)(logits, target), F.cross_entropy(logits, target, ignore_index=2))
F.cross_entropy(logits, target).backward()
print(logits.grad, (logits.softmax(1) - F.one_hot(target, 3)) / 4)
print(F.mse_loss(p, q), ((p - q) ** 2).mean(), F.l1_loss(p, q), F.smooth_l1_loss(p, q), F.huber_loss(p, q, delta=0.2))
print(F.binary_cross_entropy(p, (q > 0.5).float()), F.binary_cross_entropy_with_logits(p, (q > 0.5).float()))
print(nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 2.0, 3.0]))(p, q), F.kl_div(p.log(), q, reduction="batchmean"))
print(
    F.margin_ranking_loss(p[0], q[0], torch.tensor([1.0, -1.0, 1.0])),
    F.hinge_embedding_loss(p[0], torch.tensor([1.0, -1.0, 1.0])),
)
print(F.cosine_similarity(p, q), F.pairwise_distance(p, q), F.normalize(p, dim=1).norm(dim=1))
images = torch.randn(2, 3, 2, 2)
print(F.cross_entropy(images, torch.tensor([[[0, 1], [2, 0]], [[1, 1], [0, 2]]])))
for criterion in (
    nn.MSELoss(),
    nn.L1Loss(),
    nn.SmoothL1Loss(),
    nn.HuberLoss(),
    nn.BCELoss(),
    nn.KLDivLoss(reduction="sum"),
):
    a = p.clone().requires_grad_()
    loss = criterion(a, q)
    loss.backward()
    print(criterion, loss, a.grad[0])
for bad in (
    lambda: F.cross_entropy(logits, torch.tensor([0, 5, 1, 2])),
    lambda: F.cross_entropy(logits, torch.tensor([0, 1])),
    lambda: F.binary_cross_entropy(p * 3, q),
    lambda: F.nll_loss(logits, target.float()),
):
    try:
        bad()
    except (IndexError, ValueError, RuntimeError) as error:
        print(type(error).__name__, str(error).splitlines()[0])
