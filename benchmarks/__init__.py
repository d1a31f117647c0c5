"""Partway and what one would use instead, measured side by side: `python -m benchmarks`."""
