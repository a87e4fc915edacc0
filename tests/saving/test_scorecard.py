"""A scorecard stays with its weights, whichever way the model is saved."""

import copy
import json
import pickle

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import BACKEND, run_fresh
from judged_models import changed, forecaster, judged, parts
from keras_ts import (
    WindowedSeries,
    backtest,
    calibrate,
    compare,
    from_preset,
    load_model,
    load_windows,
    save_model,
    scorecard,
)
from keras_ts.saving import archive


@pytest.fixture
def saved(tmp_path):
    """A judged model, its report, and its file."""
    model, report = judged()
    save_model(model, tmp_path / "model.keras", report=report)
    return model, report, tmp_path / "model.keras"


def test_model_and_file_have_it(saved):
    model, report, path = saved
    for card in (scorecard(model), scorecard(path), scorecard(str(path))):
        assert card.ok
        assert card.remarks == ()
        assert card.to_dict() == {"ok": True, **report.scorecards()[0]}
        assert card.carried.windows == parts()[0].windows
        assert json.loads(json.dumps(card.to_dict(), allow_nan=False)) == card.to_dict()


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_plain_keras_keeps_it(saved, tmp_path):
    model = keras.saving.load_model(saved[2])
    for suffix in (".keras", ".h5"):
        keras.saving.load_model(saved[2]).save(tmp_path / f"again{suffix}")
        assert scorecard(tmp_path / f"again{suffix}").ok
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert scorecard(twin).to_dict() == scorecard(model).to_dict()
    clone = keras.models.clone_model(model)
    assert not scorecard(clone).ok
    clone.set_weights(model.get_weights())
    assert scorecard(clone).ok


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(name, marks=[] if name == BACKEND else pytest.mark.slow)
        for name in ("tensorflow", "jax", "torch")
    ],
)
def test_another_process_saves_it_again(saved, tmp_path, backend):
    out = run_fresh(
        "import sys, keras, keras_ts\n"
        "model = keras.saving.load_model(sys.argv[1] + '/model.keras')\n"
        "print(keras_ts.scorecard(model).ok)\n"
        "model.save(sys.argv[1] + '/again.keras')",
        tmp_path,
        KERAS_BACKEND=backend,
    )
    assert out.split()[-1] == "True"
    card = scorecard(tmp_path / "again.keras")
    assert card.ok
    assert card.to_dict() == scorecard(saved[0]).to_dict()


def test_weights_that_were_trained_further_are_reported(saved, tmp_path):
    path = tmp_path / "further.keras"
    model = load_model(saved[2])
    model.fit(parts()[0], epochs=1, verbose=0)
    model.save(path)
    for card in (scorecard(model), scorecard(path)):
        assert not card.ok
        assert card.remarks[0].startswith("The weights are no longer those that were judged")
        assert card.remarks[0] in str(card)
        assert card.to_dict()["table"] == scorecard(saved[2]).to_dict()["table"]
    assert scorecard(saved[2]).ok


def test_a_model_around_the_judged_one_has_other_weights(saved, tmp_path):
    """A layer more makes another model, though all weights that were judged are in it."""
    model = saved[0]
    more = keras.Model(model.input, keras.layers.Dense(3)(model.output))
    more.save(tmp_path / "more.keras")
    assert not scorecard(more).ok
    assert not scorecard(tmp_path / "more.keras").ok


@pytest.mark.filterwarnings("ignore:wide was calibrated on targets")
def test_calibrating_changes_no_score_of_the_point(saved, tmp_path):
    train, held = parts()
    calibrated = calibrate(saved[0], held, 0.8)
    calibrated.save(tmp_path / "calibrated.keras")
    for card in (scorecard(calibrated), scorecard(tmp_path / "calibrated.keras")):
        assert card.ok
        assert "calibrated since" in card.remarks[0]
        assert card.quantiles == (0.1, 0.5, 0.9)
    report = compare({"plain": saved[0], "wide": calibrated}, train, held)
    save_model(calibrated, tmp_path / "calibrated.keras", report=report)
    for card in (scorecard(calibrated), scorecard(tmp_path / "calibrated.keras")):
        assert (card.remarks, card.to_dict()["model"]) == ((), "wide")
    # The layer that carries it is in both.
    assert "it has lost them" in scorecard(saved[0]).remarks[0]
    save_model(saved[0], tmp_path / "plain.keras", report=report)
    for card in (scorecard(saved[0]), scorecard(tmp_path / "plain.keras")):
        assert (card.remarks, card.to_dict()["model"]) == ((), "plain")


def test_without_a_layer_it_rides_in_the_metadata(tmp_path):
    path, again = tmp_path / "model.keras", tmp_path / "again.keras"
    model, report = judged((0.1, 0.5, 0.9), carries=False)
    with pytest.raises(ValueError, match="carries none: pass windows=validation"):
        save_model(model, path, report=report)
    save_model(model, path, windows=parts()[1], report=report)
    save_model(load_model(path), again)
    for card in (scorecard(model), scorecard(path), scorecard(load_model(path)), scorecard(again)):
        assert card.to_dict() == {"ok": True, **report.scorecards()[0]}
        assert card.quantiles == (0.1, 0.5, 0.9)
    save_model(load_model(path), again, windows=parts()[0])
    assert scorecard(again).ok
    save_model(load_model(path), again, windows=WindowedSeries(20, horizon=3, gap=1))
    with pytest.raises(ValueError, match="has no scorecard"):
        scorecard(again)


def test_another_report_takes_the_place_of_the_old_one(saved):
    model, _, path = saved
    changed(model)
    save_model(model, path)
    assert not scorecard(path).ok
    save_model(model, path, report=compare({"anew": model}, *parts()))
    assert scorecard(path).ok
    assert scorecard(path).to_dict()["model"] == "anew"


def test_it_names_the_events_that_the_model_knows(tmp_path):
    days = pd.date_range("2020-01-01", "2024-12-31")
    sold = 60 + np.random.default_rng(0).normal(size=len(days))
    sold -= 40.0 * ((days.month == 11) & (days.day_of_week == 3) & (days.day // 7.01 == 3))
    table = pd.DataFrame({"day": days, "sold": sold})
    windows = WindowedSeries(
        14, 3, target_columns="sold", time_column="day", calendar=["week", "year"]
    )
    train, held_out = windows.split(table, at="2024-01-01")
    model = from_preset("smooth_gru", units=(2,)).build(train)
    report = compare(model, train, held_out)
    save_model(model, tmp_path / "model.keras", report=report)
    said = "It knows these recurring events: the fourth Thursday of November."
    assert said in scorecard(tmp_path / "model.keras").to_dict()["notes"]
    assert said in scorecard(tmp_path / "model.keras").to_markdown()


def test_of_several_models_the_one_with_these_weights(tmp_path):
    models = {name: forecaster(parts()[0]) for name in ("a", "b")}
    report = compare(models, *parts())
    for name, model in models.items():
        save_model(model, tmp_path / "model.keras", report=report)
        assert scorecard(tmp_path / "model.keras").to_dict()["model"] == name
    with pytest.raises(ValueError, match="report judges 'a', 'b', and model has other weights"):
        save_model(changed(models["a"]), tmp_path / "model.keras", report=report)
    with pytest.raises(ValueError, match="report judges no model"):
        save_model(models["b"], tmp_path / "model.keras", report=compare(None, *parts()))


class Backtest:
    """What a backtest's report gives: scores of models other than the one that is saved."""

    def __init__(self, folds):
        self.folds = folds

    def scorecards(self):
        card = judged()[1].scorecards()[0]
        return [{**card, "weights": None, "intervals": None, "folds": self.folds}]


@pytest.mark.parametrize(("folds", "said"), [(1, "1 fold:"), (8, "8 folds:")])
def test_a_backtest_judges_models_made_in_the_same_way(tmp_path, folds, said):
    model = forecaster(parts()[0])
    save_model(model, tmp_path / "model.keras", report=Backtest(folds))
    for card in (scorecard(model), scorecard(tmp_path / "model.keras")):
        assert card.ok
        assert f"Judged by a backtest of {said} the errors are not of this model" in card.remarks[0]
    assert "trained further" in scorecard(changed(model)).remarks[0]


def shops(names, columns=("units",)):
    """A table of some shops, for 60 days."""
    table = pd.DataFrame({"day": np.tile(pd.date_range("2024-01-01", periods=60), len(names))})
    table["shop"] = np.repeat(names, 60)
    for place, column in enumerate(columns):
        table[column] = np.sin(np.arange(len(table)) * (1.0 + place)) + 2.0
    return table


def windowed(horizon, **settings):
    settings = {"id_column": "shop", "target_columns": "units", **settings}
    return WindowedSeries(5, horizon=horizon, time_column="day", **settings)


def test_a_backtest_of_another_kind_of_model_is_refused(tmp_path):
    """The case of a preset that was backtested on one shop, and then built for all of them."""
    path = tmp_path / "model.keras"
    alone = shops(["a"]).drop(columns="shop")
    report = backtest(forecaster, alone, windowed(2, id_column=None), n_splits=2, verbose=0)
    panel = windowed(3).build(shops(["a", "b"], ("units", "price")))
    model = forecaster(panel)
    for judged_one in (report, report.comparison):
        with pytest.raises(ValueError, match="another task than that of the model") as error:
            save_model(model, path, report=judged_one)
        for clause in (
            "model: horizon=2, id_column=None, columns['past']=['units'], where the model carries "
            "horizon=3, id_column='shop', columns['past']=['units', 'price'].",
        ):
            assert clause in str(error.value)
    assert not path.exists()
    with pytest.raises(ValueError, match="has no scorecard"):
        scorecard(model)
    same = forecaster(windowed(2, id_column=None, stride=2).build(alone))
    save_model(same, path, report=report)
    assert "Judged by a backtest of 2 folds" in str(scorecard(path))
    assert scorecard(path).to_dict()["judged_on"]["columns"]["target"] == ["units"]


def test_what_has_none(tmp_path):
    (tmp_path / "empty").mkdir()
    model = forecaster(parts()[0])
    model.save(tmp_path / "model.keras")
    for place in (model, tmp_path / "model.keras"):
        with pytest.raises(ValueError, match=r"has no scorecard. Judge .*report=keras_ts.compare"):
            scorecard(place)
    with pytest.raises(FileNotFoundError, match="no such file"):
        scorecard(tmp_path / "absent.keras")
    for read in (scorecard, load_windows):
        with pytest.raises(FileNotFoundError, match=r"the folder holds no model\.keras\. Name"):
            read(tmp_path / "empty")
    with pytest.raises(TypeError, match="must be a Keras model or the path"):
        scorecard(7)


@pytest.mark.parametrize("card", [{}, {"format": 1}, {"format": "1"}, {"format": 2}])
def test_an_invalid_one_is_refused_and_the_model_loads(saved, card):
    path = saved[2]
    with archive.opened(path) as opened:
        config = archive.read_json(opened, archive.CONFIG)
    layer = next(e for e in config["config"]["layers"] if e["class_name"] == "WindowedInput")
    layer["config"]["scorecard"] = card
    archive.rewrite(path, path, {archive.CONFIG: json.dumps(config).encode()})
    assert load_windows(path) == parts()[0].windows
    for place in (path, load_model(path)):
        with pytest.raises(ValueError, match="holds an invalid scorecard") as error:
            scorecard(place)
        assert len(str(error.value)) < 500
    save_model(load_model(path), path)
