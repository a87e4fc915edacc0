"""Saves a small model, for tests that read, damage or rewrite its file."""

import pytest

from keras_ts import RecurrentPreset


@pytest.fixture
def saved(tmp_path):
    model = RecurrentPreset(units=(3,), output_scale=100.0).build(window=5)
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"
