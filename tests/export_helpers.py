"""Helps the tests of exports."""

import importlib.util

import keras
import numpy as np
import pytest

from helpers import BACKEND
from keras_ts import RecurrentPreset, WindowedSeries
from keras_ts.exporting.formats import FORMATS

FORMATS_HERE = [name for name, form in FORMATS.items() if BACKEND in form.packages]
SERIES = np.random.default_rng(0).normal(size=60)
TABLE = np.stack([SERIES, np.random.default_rng(1).normal(size=60)], axis=1)


def needs(format):
    """Skip, naming what is missing, unless this backend writes the format and it can be run."""
    if format not in FORMATS_HERE:
        pytest.skip(f"{BACKEND} does not write it")
    for package in (FORMATS[format].runtime, *FORMATS[format].packages[BACKEND]):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    if (format, BACKEND) == ("onnx", "jax") and keras.version().startswith("3.12."):
        pytest.skip("Keras 3.12 converts few models from JAX")


def path_for(folder, format):
    """Return a path in a folder that suits the format."""
    return folder / ("model.onnx" if format == "onnx" else "model")


def with_holes(past):
    """Return six windows, of which all but the first lack values, each at other places."""
    past = np.array(past[:6])
    middle = past.shape[1] // 2
    past[1, :middle] = past[2, middle] = past[3, -1] = past[4, 1::3] = np.nan
    past[5].reshape(len(past[5]), -1)[0, 0] = np.nan
    return past


def covariates(missing="raise"):
    """A model with every input, of two columns and a number known ahead."""
    windows = WindowedSeries(
        6, 3, target_columns=0, future_columns=[1], static_columns=[2], missing=missing
    )
    tables = [np.column_stack([TABLE + n, np.full(60, n)]) for n in (1.0, 2.0)]
    model = RecurrentPreset(cell="gru", units=(3,), quantiles=[0.1, 0.5, 0.9]).build(
        windows.build(tables)
    )
    return model, tables[1]


def plain():
    return RecurrentPreset(units=(2,)).build(WindowedSeries(6, 2).build(SERIES))
