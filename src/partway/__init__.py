"""Partway: large files from browsers and scripts straight into object storage."""

__version__ = "0.1.0"
