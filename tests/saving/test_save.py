"""A file is saved with its windows or not at all."""

import keras
import numpy as np
import pytest

from keras_ts import (
    RecurrentPreset,
    WindowedInput,
    WindowedSeries,
    load_model,
    load_windows,
    save_model,
)
from keras_ts.interface import carried_by
from keras_ts.layers import SortedQuantiles
from keras_ts.saving import archive
from keras_ts.windows.carried import Carried

WINDOWS = WindowedSeries(5)


@pytest.fixture(scope="module")
def model():
    return RecurrentPreset(units=(2,)).build(window=5)


def test_a_failed_save_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(archive, "update_json", fail)
    with pytest.raises(OSError, match="no space"):
        save_model(model, path, windows=WINDOWS)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_misuse(model, tmp_path):
    with pytest.raises(ValueError, match=r"must end in .keras"):
        save_model(model, tmp_path / "model.h5")
    with pytest.raises(TypeError, match="WindowedSeries, a WindowDataset or None"):
        save_model(model, tmp_path / "model.keras", windows={"window": 5})
    with pytest.raises(TypeError, match="must be a Keras model"):
        save_model("model", tmp_path / "model.keras")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        save_model(model, tmp_path / "nowhere" / "model.keras")
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_windows(tmp_path / "model.keras")


def carrier(windows, **settings):
    past = keras.Input((5,))
    x = WindowedInput(windows, **settings)(past)
    return keras.Model(past, keras.layers.Dense(1)(x))


def test_a_dataset_brings_columns_and_frequency_and_the_model_its_levels(tmp_path):
    windows = WindowedSeries(5, target_columns=1)
    dataset = windows.build(np.ones((9, 2)))
    path = tmp_path / "model.keras"
    model = keras.Sequential(
        [
            keras.Input((5, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
            SortedQuantiles([0.1, 0.5]),
        ]
    )
    save_model(model, path, windows=dataset)
    assert carried_by(load_model(path)) == Carried.of(dataset, [0.1, 0.5]) == carried_by(model)
    save_model(load_model(path), path)
    assert carried_by(load_model(path)) == Carried.of(dataset, [0.1, 0.5])
    save_model(model, path, windows=windows)
    assert carried_by(load_model(path)) == Carried(windows, quantiles=[0.1, 0.5])


def test_a_model_that_carries_windows_keeps_its_own(tmp_path):
    """The file holds them once, and settings that only training reads may differ."""
    path, windows = tmp_path / "model.keras", WindowedSeries(5, batch_size=7)
    model = carrier(windows)
    for given in (None, WindowedSeries(5, shuffle=True, stride=2), windows.build(np.ones(9))):
        save_model(model, path, windows=given)
        assert load_windows(path) == windows
        assert carried_by(load_model(path)) == carried_by(model) == Carried(windows)
        with archive.opened(path) as opened:
            assert "keras_ts" not in archive.read_json(opened, archive.METADATA)


@pytest.mark.parametrize(
    ("settings", "given", "says"),
    [
        ({}, WindowedSeries(6), "window=5 against window=6"),
        ({}, WindowedSeries(5, target_columns=0), "target_columns=None against target_columns=0"),
        (
            {"columns": {"past": [0, 1], "future": [], "static": [], "target": [0, 1]}},
            WindowedSeries(5).build(np.ones((9, 3))),
            r"columns={.*\[0, 1\].* against columns={.*\[0, 1, 2\]",
        ),
    ],
)
def test_windows_that_disagree_with_what_a_model_carries(tmp_path, settings, given, says):
    path = tmp_path / "model.keras"
    with pytest.raises(ValueError, match=says):
        save_model(carrier(WindowedSeries(5), **settings), path, windows=given)
    assert not path.exists()
