"""A folder keeps folds that are done, and refuses those of other settings or other data."""

import json
import math
import re

import keras
import numpy as np
import pandas as pd
import pytest

from keras_ts import Recipe, RecurrentPreset, WindowedSeries, from_preset
from keras_ts.evaluation.backtests.fold_store import Fold, FoldStore, described, digest
from keras_ts.windows.reading.panel import read_panel

SETTINGS = {"key": None, "seed": 3, "epochs": 2, "columns": ("a", "b")}


@keras.saving.register_keras_serializable("tests")
class Registered(keras.callbacks.Callback):
    """A callback that Keras can make again from its config."""

    def __init__(self, patience):
        super().__init__()
        self.patience = patience

    def get_config(self):
        """Return the settings."""
        return {"patience": self.patience}


TOTALS = np.arange(8.0).reshape(4, 1, 1, 2)


def test_folds_come_back_as_they_were(tmp_path):
    store = FoldStore(tmp_path / "new" / "folder")
    assert store.seed is None
    store.begin(SETTINGS)
    assert store.load(0, (4, 2, 1)) is None
    assert not store.has(0)
    predictions = np.random.default_rng(0).normal(size=(4, 2, 1))
    store.save(0, Fold(predictions, None))
    quantiles = np.stack([predictions, predictions + 1], axis=-1)
    store.save(1, Fold(quantiles, (0.1, 0.5), TOTALS, num_errors=9))
    again = FoldStore(str(tmp_path / "new" / "folder"))
    again.begin(SETTINGS)
    assert again.seed == 3
    for fold, levels in enumerate((None, (0.1, 0.5))):
        assert again.has(fold)
        loaded, given, totals, count = again.load(fold, (4, 2, 1))
        np.testing.assert_array_equal(loaded if levels is None else loaded[..., 0], predictions)
        assert (given, count) == ((levels, 9) if levels else (None, 0))
        assert np.array_equal(totals, TOTALS) if levels else totals is None


def test_other_settings_are_refused(tmp_path):
    FoldStore(tmp_path).begin(SETTINGS)
    with pytest.raises(ValueError, match="holds a backtest with epochs=2, and this one has epoch"):
        FoldStore(tmp_path).begin({**SETTINGS, "epochs": 3})
    with pytest.raises(ValueError, match="with more=None, and this one has more=1"):
        FoldStore(tmp_path).begin({**SETTINGS, "more": 1})
    assert json.loads((tmp_path / "backtest.json").read_text())["epochs"] == 2
    with pytest.raises(FileExistsError, match=r"backtest\.json"):
        FoldStore(tmp_path / "backtest.json").begin(SETTINGS)
    with pytest.raises(TypeError, match="folder must be a str or a Path"):
        FoldStore(3)


def test_a_model_comes_back_as_it_was(tmp_path):
    store = FoldStore(tmp_path)
    store.begin(SETTINGS)
    assert store.load_model(0) is None
    half = keras.ops.convert_to_numpy(keras.ops.cast([1.5, -2.0], "bfloat16"))
    variables = [np.arange(6.0).reshape(2, 3), np.array([7, 8], np.uint32), half]
    variables += [np.full(1, place) for place in range(12)]
    store.save(0, Fold(np.zeros((1, 1, 1)), None))
    store.save(2, Fold(np.zeros((1, 1, 1)), None))
    store.save_model(range(2), variables)
    assert not store.has(0)  # Of another model.
    assert store.has(2)
    for loaded, kept in zip(store.load_model(0), variables, strict=True):
        np.testing.assert_array_equal(loaded, kept.astype(loaded.dtype))
        assert loaded.dtype in (kept.dtype, np.float32)
    store.save_model(range(2, 4), variables)
    assert store.load_model(0) is None
    assert not store.has(2)
    assert store.load_model(2) is not None


@pytest.mark.parametrize("harm", ["cut", "empty", "text", "other"])
@pytest.mark.parametrize("name", ["fold_0.npz", "model_0.npz", "backtest.json"])
def test_a_broken_file_is_named(name, harm, tmp_path):
    store = FoldStore(tmp_path)
    store.begin(SETTINGS)
    store.save_model(range(1), [np.zeros(3)])
    store.save(0, Fold(np.zeros((4, 2, 1)), None))
    path = tmp_path / name
    if harm == "other" and path.suffix == ".json":
        path.write_text('["seed"]')
    elif harm == "other":
        np.savez(path, other=np.zeros(3))
    else:
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"\xff no"}[harm])

    def read():
        again = FoldStore(tmp_path)
        return again.load_model(0), again.load(0, (4, 2, 1))

    with pytest.raises(ValueError, match=re.escape(repr(str(path)))) as caught:
        read()
    assert "emove" in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_fold_of_another_shape_is_broken(tmp_path):
    store = FoldStore(tmp_path)
    store.begin(SETTINGS)
    store.save(0, Fold(np.zeros((4, 2, 1)), None))
    with pytest.raises(ValueError, match=r"fold_0.npz' is broken \(its predictions have the shape"):
        store.load(0, (5, 2, 1))


def test_folds_without_their_settings_are_refused(tmp_path):
    store = FoldStore(tmp_path)
    store.begin(SETTINGS)
    store.save(0, Fold(np.zeros((4, 2, 1)), None))
    (tmp_path / "backtest.json").unlink()
    with pytest.raises(ValueError, match=r"holds fold_0\.npz without backtest\.json"):
        FoldStore(tmp_path)


def test_the_setting_that_differs_is_named(tmp_path):
    store = FoldStore(tmp_path)
    earlier = {"epochs": 1, "callbacks[0].patience": 3}
    store.begin({"key": None, "seed": 1, "fit_arguments": earlier})
    for place, now in (("epochs", 2), ("callbacks[0].patience", 4), ("class_weight", "dict")):
        other = {**earlier, place: now}
        with pytest.raises(ValueError, match=re.escape(f"and this one has {place}={now!r}")):
            FoldStore(tmp_path).begin({"key": None, "seed": 1, "fit_arguments": other})


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
    for weights in (np.ones(6), [np.ones(3), np.ones(3)]):
        found.add(digest(read_panel(frame(), windows), weights))
    assert len(found) == 1 + len(changes) + 1 + 2


EQUAL = {
    "integers": lambda: [1, np.int64(1), np.int8(1)],
    "floats": lambda: [0.5, np.float32(0.5), np.float64(0.5)],
    "arrays": lambda: [np.arange(3.0), np.arange(6.0)[::2] / 2],
    "frames": lambda: [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]})],
    "dicts": lambda: [{"b": 1, "a": [2]}, {"a": [2], "b": 1}],
    "presets": lambda: [from_preset("smooth_gru"), from_preset("smooth_gru")],
}
OTHER = [
    *[1, 2, 1.5, math.nan, math.inf, True, None, "1"],
    *[np.arange(3.0), np.arange(3), np.arange(3.0)[None], np.arange(4.0), np.array(["a", "b"])],
    *[[1, 2], (1, 2), [2, 1], [[1], 2], {"a": 1}, {"a": 2}, {"b": 1}, {1: 1}, {"1": 1}],
    *[RecurrentPreset(units=(2,)), RecurrentPreset(units=(3,)), RecurrentPreset(cell="gru")],
    RecurrentPreset(units=(2,), recipe=Recipe("mae", "sgd", 0.1, 8, 2)),
    RecurrentPreset(units=(2,), recipe=Recipe("mae", "sgd", 0.1, 8, 3)),
]


def told(value):
    values, code = described({"a": value})
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    return values, code


@pytest.mark.parametrize("kind", EQUAL)
def test_equal_data_is_described_alike(kind):
    first, *others = map(told, EQUAL[kind]())
    assert first[1] == []
    assert all(other == first for other in others)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")
def test_other_data_is_told_apart_and_code_is_named():
    found = [told(value) for value in [*OTHER, keras.ops.convert_to_tensor([3.0, 4.0])]]
    assert all(code == [] for _, code in found)
    assert len({json.dumps(values, sort_keys=True) for values, _ in found}) == len(found)

    assert told(Registered(3))[1] == []
    assert told(Registered(3)) == told(Registered(3)) != told(Registered(4))

    class Own(RecurrentPreset):
        """A preset with code of its own."""

    code = [max, Own(units=(2,)), keras.layers.Flatten(), keras.callbacks.EarlyStopping(), {3}]
    for value in (*code, np.array(["a", None])):
        assert told({"b": [1, value]})[1] == ["a['b'][1]"]
