"""The version, in a file of its own, so that building the wheel imports nothing."""

__version__ = "0.3.0"
