"""Writes training.json: what PyTorch's losses are in the runs of training_runs.py.

PYTHONPATH=tests python tests/golden/make_training.py        # with PyTorch and scikit-learn installed
"""

from __future__ import annotations

import json
import platform
from pathlib import Path

from training_runs import RUNS, losses


def main() -> None:
    import torch

    torch.set_num_threads(1)
    golden = {
        "origin": f"PyTorch {torch.__version__}, one thread, {platform.machine()}; written by make_training.py",
        "losses": {name: losses(torch, name) for name in RUNS},
    }
    Path(__file__).with_name("training.json").write_text(json.dumps(golden, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
