"""A folder keeps folds that are done, and refuses those of other settings or other data."""

import json

import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedSeries
from keras_ts.evaluation.fold_store import FoldStore, digest
from keras_ts.windows.reading.reader import read_panel

SETTINGS = {"seed": 3, "epochs": 2, "columns": ("a", "b")}


def test_folds_come_back_as_they_were(tmp_path):
    store = FoldStore(tmp_path / "new" / "folder")
    assert store.seed is None
    store.begin(SETTINGS)
    assert store.load(0) is None
    predictions = np.random.default_rng(0).normal(size=(4, 2, 1))
    store.save(0, predictions, None)
    store.save(1, predictions, (0.1, 0.5))
    again = FoldStore(str(tmp_path / "new" / "folder"))
    again.begin(SETTINGS)
    assert again.seed == 3
    for fold, levels in enumerate((None, (0.1, 0.5))):
        loaded, given = again.load(fold)
        np.testing.assert_array_equal(loaded, predictions)
        assert given == levels


def test_other_settings_are_refused(tmp_path):
    FoldStore(tmp_path).begin(SETTINGS)
    with pytest.raises(ValueError, match="holds a backtest with epochs=2, and this one has epoch"):
        FoldStore(tmp_path).begin({**SETTINGS, "epochs": 3})
    with pytest.raises(ValueError, match="with more=None, and this one has more=1"):
        FoldStore(tmp_path).begin({**SETTINGS, "more": 1})
    assert json.loads((tmp_path / "backtest.json").read_text())["epochs"] == 2
    with pytest.raises(NotADirectoryError, match="name a folder"):
        FoldStore(tmp_path / "backtest.json")
    with pytest.raises(TypeError, match="folder must be a str or a Path"):
        FoldStore(3)


def frame():
    days = pd.date_range("2024-01-01", periods=6)
    return pd.DataFrame({"day": days, "shop": list("aaabbb"), "y": np.arange(6.0), "s": 1.0})


def test_a_digest_changes_with_everything_that_is_in_the_data():
    windows = WindowedSeries(
        1, id_column="shop", time_column="day", target_columns="y", static_columns="s"
    )
    found = {digest(read_panel(frame(), windows), None)}
    assert found == {digest(read_panel(frame(), windows), None)}
    changes = [
        {"y": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0 + 1e-9]},
        {"day": frame()["day"] + pd.Timedelta(1, "D")},
        {"shop": list("aaaccc")},
        {"shop": list("aaaabb")},
        {"s": 2.0},
    ]
    for change in changes:
        found.add(digest(read_panel(frame().assign(**change), windows), None))
    renamed = frame().rename(columns={"y": "z"})
    spec = WindowedSeries.from_config({**windows.get_config(), "target_columns": "z"})
    found.add(digest(read_panel(renamed, spec), None))
    for weights in ("inverse_scale", np.ones(6), [np.ones(3), np.ones(3)]):
        found.add(digest(read_panel(frame(), windows), weights))
    assert len(found) == 1 + len(changes) + 1 + 3
