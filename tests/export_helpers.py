"""Helps the tests of exports."""

import importlib.util

import keras
import numpy as np
import pytest

from helpers import BACKEND
from keras_ts import ExpandSeries, ScaleOutput
from keras_ts.exporting.formats import FORMATS

# The formats that work from each backend: those that hold the loop of a recurrent layer, unrolled
# from PyTorch; and the others.
WITH_LOOPS = {
    "tensorflow": ["tf_saved_model", "onnx"],
    "jax": ["tf_saved_model", "onnx"],
    "torch": ["onnx"],
}
WITHOUT_LOOPS = {"tensorflow": ["litert", "openvino"], "jax": [], "torch": ["openvino"]}
WORK = {backend: WITH_LOOPS[backend] + others for backend, others in WITHOUT_LOOPS.items()}

X = np.random.default_rng(0).normal(size=(3, 12)).astype("float32")


def needs(format):
    """Skip, naming what is missing; only what the check itself asks for."""
    packages = FORMATS[format].runtime, FORMATS[format].converters.get(BACKEND)
    for package in filter(None, packages):
        if importlib.util.find_spec(package.replace("-", "_")) is None:
            pytest.skip(f"{package} is not installed")
    if format == "litert" and keras.version().startswith("3.12."):
        pytest.skip("Keras 3.12 does not export to it")
    if (format, BACKEND) == ("onnx", "jax") and keras.version().startswith("3.12."):
        pytest.skip("Keras 3.12 converts few models from JAX")


def recurrent(window, unroll=False):
    return keras.Sequential([
        keras.Input((window,)),
        ExpandSeries(),
        keras.layers.GRU(4, unroll=unroll),
        keras.layers.Dense(2),
        ScaleOutput([100.0, 5.0], 1.0),
    ])  # fmt: skip


def run_by(monkeypatch, runtime):
    """Let a function run the files of ONNX, whatever is installed."""
    form = FORMATS["onnx"]._replace(runtime="numpy", converters={}, run=runtime)
    monkeypatch.setitem(FORMATS, "onnx", form)


def faked(monkeypatch, model, change):
    """A runtime that computes the model itself, then changes the outputs."""

    def runtime(path, names):
        return lambda arrays: change([np.asarray(model.predict(arrays[0], verbose=0))])

    run_by(monkeypatch, runtime)
    monkeypatch.setattr(model, "export", lambda path, **options: None, raising=False)
    return model
