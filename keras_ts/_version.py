"""Holds only the version, so that building the wheel imports nothing."""

__version__ = "0.3.0"
