"""The lines at the top of every training script: devices, seeds, switches."""

import random

import numpy as np
import torch
import torch.backends.cudnn as cudnn

print(
    torch.cuda.is_available(),
    torch.cuda.device_count(),
    torch.backends.mps.is_available(),
    torch.backends.mps.is_built(),
)
print(torch.accelerator.is_available(), torch.accelerator.current_accelerator(), torch.version.cuda)
device = torch.device("cuda:0" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
print(
    device,
    device.type,
    device.index,
    repr(device),
    device == torch.device("cpu"),
    torch.device("cuda", 1),
    torch.device("cuda:3").index,
)
kwargs = {"num_workers": 0, "pin_memory": True} if torch.cuda.is_available() else {}
print(kwargs)


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    cudnn.deterministic = True
    cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


seed_everything(1234)
print(
    torch.rand(3),
    torch.initial_seed(),
    cudnn.deterministic,
    cudnn.benchmark,
    torch.are_deterministic_algorithms_enabled(),
)
state = torch.get_rng_state()
a = torch.randn(3)
torch.set_rng_state(state)
print(torch.equal(a, torch.randn(3)), state.shape, state.dtype)
with torch.random.fork_rng():
    torch.manual_seed(0)
    print(torch.rand(2))
print(torch.rand(2))
g = torch.Generator()
g.manual_seed(7)
print(
    torch.randn(2, generator=g), torch.randperm(5, generator=g), torch.randint(3, (4,), generator=g), g.initial_seed()
)
torch.set_num_threads(1)
print(torch.get_num_threads())
torch.set_float32_matmul_precision("high")
print(torch.get_float32_matmul_precision())
torch.set_float32_matmul_precision("highest")
torch.use_deterministic_algorithms(False)
torch.cuda.empty_cache()
torch.backends.cuda.matmul.allow_tf32 = True
torch.backends.cudnn.allow_tf32 = True
x = torch.ones(2).to(device)
print(
    x.device,
    x.is_cuda,
    x.cpu().device,
    x.to(device, torch.float64).dtype,
    torch.zeros(2, device=device),
    x.get_device(),
)
for place in ("cuda", "cuda:1", "nowhere"):
    try:
        x.to(place)
    except (AssertionError, RuntimeError) as error:
        print(type(error).__name__, str(error)[:60])
try:
    torch.set_num_threads(0)
except RuntimeError as error:
    print(error)
print(torch.testing.assert_close(x, torch.ones(2)), torch.is_floating_point(x))
try:
    torch.testing.assert_close(x, torch.tensor([1.0, 2.0]), msg=lambda m: "compared:\n" + m)
except AssertionError as error:
    print(error)
