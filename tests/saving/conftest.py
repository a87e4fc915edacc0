"""Saves a small model, for tests that read, damage or rewrite its file."""

import pytest

from keras_ts import RecurrentPreset


@pytest.fixture
def saved(tmp_path):
    model = RecurrentPreset(units=(3,), window=5, output_scale=100.0).build()
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"
