"""`import minitorch_bn` stays close to `import numpy`: it loads nothing heavy that numpy does not.

No clock is read here, since machines differ: what is imported is the cause, and it is the same everywhere.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# fmt: off
EXTRAS = {
    "hypothesis", "jax", "matplotlib", "ml_dtypes", "mpi4py", "numba", "safetensors", "scipy",
    "sklearn", "torch", "tqdm",
}
HEAVY = {
    "argparse", "asyncio", "concurrent.futures", "csv", "ctypes", "dataclasses", "decimal", "difflib",
    "email", "fractions", "hashlib", "http", "importlib.metadata", "inspect", "json", "logging",
    "multiprocessing", "pathlib", "pdb", "pickle", "pprint", "shutil", "socket", "statistics",
    "subprocess", "tarfile", "tempfile", "typing", "unittest", "urllib", "uuid", "xml", "zipfile",
}
# fmt: on

PROGRAM = """
import sys
import numpy
before = set(sys.modules)
import minitorch_bn
print(*sorted(set(sys.modules) - before))
"""


def newly_imported() -> set[str]:
    """What `import minitorch_bn` adds to sys.modules after `import numpy`, in a process of its own."""
    root = Path(__file__).resolve().parent.parent  # so that the checkout is what is imported
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_nothing_heavy():
    loaded = newly_imported()
    assert "minitorch_bn" in loaded
    assert not loaded & (EXTRAS | HEAVY), "import these inside the function that uses them"
