"""A file is saved with its windows or not at all."""

import keras
import numpy as np
import pytest

from judged_models import changed, judged, parts
from keras_ts import (
    RecurrentPreset,
    WindowedInput,
    WindowedSeries,
    compare,
    load_model,
    load_windows,
    save_model,
    scorecard,
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
    with pytest.raises(ValueError, match=r"must end in .keras, or name a folder"):
        save_model(model, tmp_path / "model.h5")
    with pytest.raises(TypeError, match="WindowedSeries, a WindowDataset or None"):
        save_model(model, tmp_path / "model.keras", windows={"window": 5})
    with pytest.raises(TypeError, match="must be a Keras model"):
        save_model("model", tmp_path / "model.keras")
    for name in ("model.keras", "hub"):
        with pytest.raises(FileNotFoundError):
            save_model(model, tmp_path / "nowhere" / name)
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
    # What windows alone do not say stays, if they cut the same windows.
    save_model(load_model(path), path, windows=windows)
    assert carried_by(load_model(path)) == Carried.of(dataset, [0.1, 0.5])
    other = WindowedSeries(5, 2, target_columns=1)
    save_model(model, path, windows=other)
    assert carried_by(load_model(path)) == Carried(other, quantiles=[0.1, 0.5])


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


def test_a_folder_holds_model_and_card(tmp_path):
    folder = tmp_path / "hub"
    model, report = judged()
    save_model(model, folder, report=report)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.keras"]
    x = np.ones((2, 20), "float32")
    np.testing.assert_array_equal(
        load_model(folder).predict(x, verbose=0), model.predict(x, verbose=0)
    )
    assert load_windows(str(folder)) == parts()[0].windows
    assert scorecard(folder).ok
    assert (folder / "README.md").read_text(encoding="utf-8") == scorecard(model).to_markdown()


def test_a_folder_without_a_report(model, tmp_path):
    save_model(model, tmp_path / "hub", windows=WINDOWS)
    save_model(load_model(tmp_path / "hub"), tmp_path / "hub")
    assert [path.name for path in (tmp_path / "hub").iterdir()] == ["model.keras"]
    assert load_windows(tmp_path / "hub") == WINDOWS


def test_the_card_in_a_folder_is_that_of_its_model(model, tmp_path):
    folder, card = tmp_path / "hub", tmp_path / "hub" / "README.md"
    trained, report = judged()
    save_model(trained, folder, report=report)
    with pytest.raises(ValueError, match=r"README.md' is the card of another model"):
        save_model(model, folder)
    assert scorecard(folder).ok
    save_model(changed(trained), folder)
    assert "The weights are no longer those that were judged" in card.read_text(encoding="utf-8")
    save_model(trained, folder, report=compare(trained, *parts()))
    assert "no longer" not in card.read_text(encoding="utf-8")


def test_a_text_of_ones_own_is_not_replaced(model, tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / "README.md").write_text("Mine.", encoding="utf-8")
    trained, report = judged()
    with pytest.raises(ValueError, match=r"README.md' is not a card of save_model, so it would be"):
        save_model(trained, folder, report=report)
    save_model(model, folder)
    assert (folder / "README.md").read_text(encoding="utf-8") == "Mine."


def test_a_report_in_the_place_of_windows(tmp_path):
    model, report = judged()
    with pytest.raises(
        TypeError, match=r"pass a report as report=\. Received: ComparisonReport\.$"
    ):
        save_model(model, tmp_path / "model.keras", report)


def test_a_failed_save_leaves_the_old_folder(tmp_path, monkeypatch):
    folder = tmp_path / "hub"
    model, report = judged()
    save_model(model, folder, report=report)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(keras.saving, "save_model", fail)
    with pytest.raises(OSError, match="no space"):
        save_model(changed(model), folder)
    monkeypatch.undo()
    monkeypatch.setattr("keras_ts.scores.card.Scorecard.to_markdown", fail)
    with pytest.raises(OSError, match="no space"):
        save_model(model, folder, report=compare({"anew": model}, *parts()))
    assert scorecard(model).to_dict()["model"] == "model"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_lambda_is_named_as_it_is_saved(tmp_path):
    """Inside another model, too; the file is written all the same."""
    inner = keras.Sequential([keras.Input((5,)), keras.layers.Lambda(lambda x: 2 * x, name="two")])
    model = keras.Sequential([keras.Input((5,)), inner])
    with pytest.warns(UserWarning, match=r"a Lambda, \['two'\], .*keras_ts.migrate_lambdas"):
        save_model(model, tmp_path / "model.keras", windows=WINDOWS)
    assert load_windows(tmp_path / "model.keras").window == 5
