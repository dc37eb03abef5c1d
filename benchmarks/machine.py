"""What the numbers depend on: processor, system, versions, threads."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_WAIT_POLICY",
)
VECTORS = (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON"))
BUILT_ON = {
    "minitorch_bn": ("numpy", "numba"),
    "flax": ("jax",),
    "mygrad": ("numpy",),
    "autograd": ("numpy",),
    "bound": ("numpy",),
}


def processor() -> str:
    """The processor's name, kind and widest vector instructions, as far as the system tells."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        told = ""
    names = (line.split(":", 1)[1].strip() for line in told.splitlines() if line.startswith("model name"))
    vectors = next((name for flag, name in VECTORS if flag in told), "")
    return " ".join(filter(None, (next(names, platform.processor()), platform.machine(), vectors)))


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def busy() -> str:
    """A warning where other programs are at work; empty where the machine is free, or does not tell."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return ""
    if load < 0.5 * cores():
        return ""
    return f"other programs are at work (load average {load:.1f}, {cores()} cores): times and ratios are distorted"


def caches() -> str:
    """The caches of the first core: level and size."""
    found = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found) or "unknown"


def bandwidth(megabytes: int = 64, repeats: int = 10) -> float:
    """Bytes a second that all cores together read and write when they copy what no cache holds: the best of a few."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    parts = cores()
    source = np.ones((parts, megabytes * 2**20 // parts // 8))
    target = np.zeros_like(source)
    best = 0.0
    with ThreadPoolExecutor(parts) as pool:
        for _ in range(repeats):
            start = time.perf_counter()
            list(pool.map(np.copyto, target, source))
            best = max(best, 2 * source.nbytes / (time.perf_counter() - start))
    return best


def describe() -> dict[str, Any]:
    """The machine, as it is printed above the tables."""
    return {
        "processor": processor(),
        "cores": cores(),
        "caches": caches(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "thread variables": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
    }


def versions(names: list[str]) -> str:
    """Names and versions of installed packages, those that they stand on beside them."""
    found: dict[str, str] = {}
    for name in [part for whole in names for part in (whole, *BUILT_ON.get(whole, ()))]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            if name == "minitorch_bn":  # run from a checkout, not installed
                from minitorch_bn.version import __version__

                found[name] = __version__
    return ", ".join(f"{name} {number}" for name, number in found.items())


def library(name: str) -> dict[str, Any]:
    """Version and threads of a library that this process has loaded."""
    threads: dict[str, Any] = {}
    if name == "minitorch_bn":
        from minitorch_bn import kernels
        from minitorch_bn.kernels.threads import threads as count

        threads = {"kernels": kernels.in_use(), "threads": count()}
    elif name == "torch":
        import torch

        threads = {"threads": torch.get_num_threads()}
    elif name == "jax":
        threads = {"threads": f"{cores()} (XLA takes the cores it finds)"}
    elif name == "tinygrad":
        from tinygrad import Device

        threads = {"device": Device.DEFAULT}  # an error where it finds no compiler
    if name in ("minitorch_bn", "mygrad", "autograd", "bound"):
        threads["BLAS"] = blas()
    return {"versions": versions([name]), **threads}


def blas() -> str:
    """numpy's library of matrix products, and its threads where threadpoolctl is there to tell."""
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    found = config["Build Dependencies"]["blas"]["name"]
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return f"{found}, its own choice of threads"
    pools = [p for p in threadpool_info() if p["user_api"] == "blas" and "numpy" in p["filepath"]]
    return f"{found}, " + ", ".join(f"{p['num_threads']} threads, {p.get('architecture', '?')}" for p in pools)
