"""Runs a program of ``examples/`` as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "MPLBACKEND": "Agg"}

WITHOUT = """
import runpy, sys
missing, *sys.argv = sys.argv[1:]
sys.modules[missing] = None  # what an import of it finds is as if it were not installed
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def python(*arguments, **options):
    """``python arguments...``, with what it printed."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False, **options)


def run(program, *arguments):
    """A run that must succeed."""
    done = python(EXAMPLES / program, *arguments)
    assert done.returncode == 0, done.stderr
    return done


def refusal(program, *arguments):
    """What a run says that must end with a message to the user, not with a traceback."""
    done = python(EXAMPLES / program, *arguments)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    return done.stderr


def without(package, program, *arguments):
    """What a run says where a package is not installed."""
    done = python("-c", WITHOUT, package, EXAMPLES / program, *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def last_line(done):
    """What it printed last."""
    return done.stdout.strip().splitlines()[-1]


def is_png(path):
    """Whether a picture is there."""
    return path.read_bytes().startswith(b"\x89PNG")
