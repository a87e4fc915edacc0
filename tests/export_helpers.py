"""Helps the tests of exports."""

import importlib.util

import keras
import pytest

from helpers import BACKEND
from keras_ts.checks import export


def needs(format):
    """Skip, naming what is missing; only what the check itself asks for."""
    packages = (export.RUNTIMES[format][0], export.CONVERTERS.get((format, BACKEND)))
    for package in filter(None, packages):
        if importlib.util.find_spec(package.replace("-", "_")) is None:
            pytest.skip(f"{package} is not installed")
    if format == "litert" and keras.version().startswith("3.12."):
        pytest.skip("Keras 3.12 does not export to it")
