"""Measurements: ``python -m benchmarks`` for time, ``python -m benchmarks.accuracy`` for digits."""
