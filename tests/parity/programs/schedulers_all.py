"""Every schedule's rates, printed, and what their state dicts hold."""

import math
import warnings

import torch
from torch import nn, optim
from torch.optim import lr_scheduler as S
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn, update_bn


def make(cls=optim.SGD, **kwargs):
    a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3))
    return cls([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1, **kwargs)


CASES = {
    "StepLR": lambda o: S.StepLR(o, step_size=3, gamma=0.1),
    "MultiStepLR": lambda o: S.MultiStepLR(o, milestones=[2, 5, 5], gamma=0.5),
    "ConstantLR": lambda o: S.ConstantLR(o, factor=0.25, total_iters=3),
    "LinearLR": lambda o: S.LinearLR(o, start_factor=0.5, total_iters=4),
    "ExponentialLR": lambda o: S.ExponentialLR(o, gamma=0.9),
    "PolynomialLR": lambda o: S.PolynomialLR(o, total_iters=5, power=2.0),
    "CosineAnnealingLR": lambda o: S.CosineAnnealingLR(o, T_max=4, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda o: S.CosineAnnealingWarmRestarts(o, T_0=2, T_mult=2),
    "CyclicLR": lambda o: S.CyclicLR(
        o, base_lr=0.01, max_lr=0.1, step_size_up=3, mode="triangular2", cycle_momentum=False
    ),
    "OneCycleLR": lambda o: S.OneCycleLR(o, max_lr=[0.5, 1.0], total_steps=8),
    "LambdaLR": lambda o: S.LambdaLR(o, lr_lambda=[lambda e: 1 / (e + 1), lambda e: 0.95**e]),
    "MultiplicativeLR": lambda o: S.MultiplicativeLR(o, lr_lambda=lambda e: 0.95),
    "SequentialLR": lambda o: S.SequentialLR(
        o, schedulers=[S.ConstantLR(o, 0.1, total_iters=2), S.ExponentialLR(o, gamma=0.9)], milestones=[2]
    ),
    "ChainedScheduler": lambda o: S.ChainedScheduler(
        [S.ConstantLR(o, 0.1, total_iters=2), S.ExponentialLR(o, gamma=0.9)]
    ),
    "SWALR": lambda o: SWALR(o, swa_lr=0.05, anneal_epochs=3),
}
for name, build in CASES.items():
    optimizer = make(momentum=0.9) if name in ("OneCycleLR",) else make()
    scheduler = build(optimizer)
    rates = []
    for _ in range(7):
        optimizer.step()
        rates.append([round(r, 6) for r in scheduler.get_last_lr()])
        scheduler.step()
    print(name, rates)
    print(
        {
            k: v
            for k, v in scheduler.state_dict().items()
            if k not in ("_schedulers", "lr_lambdas", "anneal_func", "_anneal_func_type", "_scale_fn_ref")
        }
    )
    again = make(momentum=0.9) if name in ("OneCycleLR",) else make()
    other = build(again)
    other.load_state_dict(scheduler.state_dict())
    again.load_state_dict(optimizer.state_dict())
    optimizer.step()
    again.step()
    scheduler.step()
    other.step()
    print(
        [round(g["lr"], 6) for g in optimizer.param_groups] == [round(g["lr"], 6) for g in again.param_groups],
        getattr(scheduler, "last_epoch", None),
    )

optimizer = make()
scheduler = S.ReduceLROnPlateau(optimizer, "min", patience=1, factor=0.5, threshold=1e-2, cooldown=1)
for metric in (1.0, 0.9, 0.9, 0.95, 0.91, 0.92, 0.93, 0.94, 0.2, torch.tensor(0.3)):
    scheduler.step(metric)
    print(
        float(metric),
        [g["lr"] for g in optimizer.param_groups],
        scheduler.num_bad_epochs,
        scheduler.best,
        scheduler.get_last_lr(),
    )
print(scheduler.state_dict())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    optimizer = make()
    scheduler = S.StepLR(optimizer, 1)
    scheduler.step()
print([str(w.message)[:60] for w in caught])
for bad in (
    lambda: S.ReduceLROnPlateau(optimizer, "least"),
    lambda: S.LambdaLR(optimizer, [lambda e: 1]),
    lambda: S.CosineAnnealingWarmRestarts(optimizer, T_0=0),
    lambda: S.OneCycleLR(optimizer, 0.1),
    lambda: S.CyclicLR(optimizer, 0.1, 0.2),
    lambda: S.StepLR(nn.Linear(1, 1), 1),
    lambda: S.LinearLR(optimizer, start_factor=2.0),
    lambda: S.SequentialLR(optimizer, [scheduler], [1, 2]),
    lambda: S.ReduceLROnPlateau(optimizer, factor=1.5),
):
    try:
        bad()
        print("fine")
    except Exception as e:
        print(type(e).__name__, str(e).split("\n")[0])

# warm-up and cosine by hand, and the learning rate finder's exponential sweep
warmup = S.LambdaLR(make(), lambda step: min(1.0, (step + 1) / 3) * 0.5 * (1 + math.cos(math.pi * step / 10)))
print(
    [round(warmup.get_last_lr()[0], 5) for _ in range(6) if warmup.optimizer.step() is None and warmup.step() is None]
)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
X, Y = torch.randn(64, 4), torch.randn(64, 1)
optimizer = optim.SGD(model.parameters(), lr=1e-4)
finder = S.ExponentialLR(optimizer, gamma=(10 / 1e-4) ** (1 / 12))
lrs, losses, best = [], [], float("inf")
for _ in range(13):
    loss = nn.functional.mse_loss(model(X), Y)
    if loss > 4 * best:
        break
    best = min(best, loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    lrs.append(finder.get_last_lr()[0])
    losses.append(loss.item())
    finder.step()
print(len(lrs), [f"{a:.1e}:{b:.3f}" for a, b in zip(lrs[:8], losses)])

# averages of weights
torch.manual_seed(1)
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
optimizer = optim.Adam(model.parameters(), lr=0.05)
swa, ema = AveragedModel(model), AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
for step in range(6):
    optimizer.zero_grad()
    nn.functional.mse_loss(model(X), Y).backward()
    optimizer.step()
    swa.update_parameters(model)
    ema.update_parameters(model)
update_bn([(X[i : i + 16],) for i in range(0, 64, 16)], swa)
print(swa, swa.n_averaged, list(swa.state_dict())[:3])
print(swa.module[0].weight[0], ema.module[0].weight[0], model[0].weight[0], sep="\n")
print(swa.module[1].num_batches_tracked)
