"""Columns of text in a forecast: found by their own names, with the categories of the training."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest

from forecasting_models import after, sales, until
from helpers import run_fresh, untraced
from keras_ts import (
    RecurrentPreset,
    Rollout,
    WindowedInput,
    WindowedSeries,
    backtest,
    calibrate,
    check_leakage,
    compare,
    forecast,
    load_windows,
    plot_forecast,
    save_model,
)
from keras_ts.datasets import store_sales
from keras_ts.losses import MaskedLoss

WINDOWS = WindowedSeries(
    5, 3, target_columns="units", future_columns="event", static_columns="type",
    id_column="shop", time_column="day",
)  # fmt: skip
EVENT = np.array(["none", "fair", "rain", "none"])[np.arange(30) % 4]
FRAME = sales(type=np.repeat(["mall", "city"], 30), event=np.tile(EVENT, 2)).drop(
    columns=["promo", "size"]
)
PAST, FUTURE = until(FRAME, 25), after(FRAME, 25)
# The last value, 10 for a fair and 20 for none, and 100 for the city and 200 for the mall.
AHEAD = np.array([{"fair": 10, "none": 20, "rain": 0}[event] for event in EVENT[25:28]])
WANTED = np.concatenate([24 + AHEAD + 200, 1024 + AHEAD + 100])


def adding(dataset, carries=True):
    """A model whose forecasts can be told by hand."""
    x, _ = dataset[0][:2]
    inputs = {name: keras.Input(part.shape[1:], name=name) for name, part in x.items()}
    past = WindowedInput.of(dataset)(inputs["past"]) if carries else inputs["past"]
    future = inputs["future"][:, :, 0] * 10.0 + inputs["future"][:, :, 1] * 20.0
    static = inputs["static"][:, :1] * 100.0 + inputs["static"][:, 1:] * 200.0
    return keras.Model(inputs, past[:, -1:, 0] + future + static)


@pytest.fixture(scope="module")
def dataset():
    return WINDOWS.build(PAST)


@pytest.fixture(scope="module")
def model(dataset):
    return adding(dataset)


@pytest.mark.parametrize("convert", [lambda frame: frame, pl.from_pandas])
@pytest.mark.parametrize("windows", [None, WINDOWS])
def test_columns_are_found_by_their_own_names(model, convert, windows):
    past = PAST[["type", "day", "event", "units", "shop"]].assign(town="Leith")
    ahead = forecast(model, convert(past), windows, future=convert(FUTURE.drop(columns="type")))
    np.testing.assert_allclose(ahead["units"], WANTED)


def test_a_plan_that_is_missing_is_asked_for_by_the_columns_of_the_table(model):
    with pytest.raises(ValueError, match=r"have future_columns, \['event'\]: pass their values"):
        forecast(model, PAST)


def test_a_part_of_the_categories_gives_the_same_forecast(model):
    """The model's categories hold, whatever the series has."""
    city, future = (frame[frame["shop"] == "east"] for frame in (PAST, FUTURE))
    calm, next_days = city.assign(event="none"), future.assign(event="fair")
    for windows in (None, WINDOWS):
        ahead = forecast(model, calm, windows, future=next_days)
        np.testing.assert_allclose(ahead["units"], [1024 + 10 + 100] * 3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Of Keras itself.
def test_a_category_never_seen_is_the_mean_of_those_seen():
    """Of events, 10 for a fair and 20 for none: 15/3 each of three; of towns, 150."""
    windows = WindowedSeries.from_config({**WINDOWS.get_config(), "unseen": "mean"})
    model = adding(windows.build(PAST))
    with pytest.warns(UserWarning, match="the training part lacked") as warned:
        ahead = forecast(
            model,
            PAST.assign(type="kiosk"),
            future=FUTURE.drop(columns="type").assign(event="fete"),
        )
    texts = [str(warning.message) for warning in warned if warning.category is UserWarning]
    assert [text.split(": ")[1] for text in texts] == [
        "['kiosk']. Each is read as the mean of the 2 categories in training.",
        "['fete']. Each is read as the mean of the 3 categories in training.",
    ]
    np.testing.assert_allclose(ahead["units"], np.repeat([24.0, 1024.0], 3) + 10 + 150, rtol=1e-6)


def test_a_model_without_windows_needs_the_categories(dataset):
    bare = adding(dataset, carries=False)
    says = r"hold no categories of the columns of text \['event', 'type'\].*dataset\.windows"
    with pytest.raises(ValueError, match=says):
        forecast(bare, PAST, WINDOWS, future=FUTURE)
    ahead = forecast(bare, PAST, dataset, future=FUTURE)
    np.testing.assert_allclose(ahead["units"], WANTED)


@pytest.mark.parametrize(
    ("past", "future", "says"),
    [
        ({"type": "kiosk"}, {}, "column 'type' of series has the category 'kiosk', first in row 0"),
        ({}, {"event": "fete"}, "column 'event' of future has the category 'fete', first in row 0"),
        ({}, {"event": None}, r"missing values of the columns \['event'\].*'north'"),
        ({}, {"event": 1.0}, "column 'event' of future must hold text"),
        ({"type": 1.0}, {}, "column 'type' of series must hold text"),
        ({"type": None}, {}, "static_columns='type' holds 50 missing texts"),
    ],
)
def test_misuse_names_column_and_category(model, past, future, says):
    with pytest.raises((TypeError, ValueError), match=says):
        forecast(model, PAST.assign(**past), future=FUTURE.assign(**future))


def test_a_column_of_text_that_is_not_there_is_refused_by_its_own_name(model):
    says = r"series lacks \['type'\], of the columns \['units', .*\] that the forecast needs"
    with pytest.raises(ValueError, match=says):
        forecast(model, PAST.drop(columns="type"), future=FUTURE)
    with pytest.raises(ValueError, match=r"future lacks \['event'\]"):
        forecast(model, PAST, future=FUTURE.drop(columns="event"))


def test_arrays_and_rollouts_take_the_columns_of_0_and_1(model, dataset):
    ahead = FUTURE["event"].to_numpy()[:, None] == [*dataset.windows.categories["event"]]
    ahead = ahead.reshape(2, 5, 3)[:, :3].astype("float32")
    np.testing.assert_allclose(forecast(model, PAST, future=ahead)["units"], WANTED)
    rollout = Rollout(model, steps=3)
    x, _ = dataset.to_numpy()
    last = {name: part[[20 - 3, -1]] for name, part in x.items()}
    assert rollout.output_shape == (None, 3)
    np.testing.assert_allclose(rollout.predict(last, verbose=0), model.predict(last, verbose=0))


FRESH = """
import sys
import keras, pandas as pd
from keras_ts import forecast, load_model, load_windows
past, future = (pd.read_csv(name, parse_dates=["day"]) for name in sys.argv[2:])
model = load_model(sys.argv[1])
print(load_windows(sys.argv[1]).categories)
print(forecast(model, past, future=future)["units"].tolist())
"""


@pytest.mark.parametrize("carries", [True, False])
def test_a_saved_file_has_the_categories(dataset, carries, tmp_path):
    """In a fresh process, also from the file's metadata, and for a frame with some of them."""
    path = tmp_path / "model.keras"
    save_model(adding(dataset, carries), path, windows=None if carries else dataset)
    assert load_windows(path) == dataset.windows
    city, future = (frame[frame["shop"] == "east"] for frame in (PAST, FUTURE))
    city.to_csv(tmp_path / "past.csv", index=False)
    future.to_csv(tmp_path / "future.csv", index=False)
    printed = run_fresh(FRESH, path, tmp_path / "past.csv", tmp_path / "future.csv")
    categories, values = printed.splitlines()[-2:]
    assert categories == str(dataset.windows.categories)
    np.testing.assert_allclose(eval(values), WANTED[3:])


@pytest.mark.parametrize("window_norm", [None, "standard"])
def test_a_preset_takes_a_category_of_one_series_and_one_of_none(window_norm):
    windows = WindowedSeries.from_config(
        {**WINDOWS.get_config(), "categories": {"type": ["city", "mall", "never"]}, "seed": 1}
    )
    train, validation = windows.split(FRAME, 20)
    keras.utils.set_random_seed(1)
    model = RecurrentPreset(cell="gru", units=(4,), window_norm=window_norm).build(train)
    model.compile("adam", "mae")
    untraced(model).fit(train, verbose=0)
    x, _ = validation.to_numpy()
    before = model.predict(x, verbose=0)
    assert np.isfinite(before).all()
    static = x["static"]
    x["static"] = static[:, [1, 0, 2]]
    assert np.abs(model.predict(x, verbose=0) - before).max() > 1e-4
    x["static"] = np.add(static, [0, 0, 1])
    np.testing.assert_allclose(model.predict(x, verbose=0), before, rtol=1e-6)
    ahead = forecast(model, FRAME, future=FRAME.assign(day=FRAME["day"] + pd.Timedelta(days=30)))
    assert np.isfinite(ahead["units"]).all()


def test_people_judge_such_models_like_any_other(model, dataset):
    train, validation = WINDOWS.split(FRAME, 20)
    report = compare(adding(train), train, validation)
    assert "known ahead (event)" in str(report)
    assert "static (type)" in str(report)
    assert check_leakage(model, PAST, WINDOWS).ok
    assert check_leakage(model, PAST[PAST["shop"] == "east"], WINDOWS).ok
    calibrated = calibrate(adding(train), validation, 0.5)
    ahead = forecast(
        calibrated, FRAME[FRAME["shop"] == "east"], future=_next(FRAME[FRAME["shop"] == "east"])
    )
    assert plot_forecast(FRAME, ahead).get_lines()

    def build(part, fold=None):
        inner = adding(part)
        made = keras.Model(inner.input, keras.layers.Dense(3)(inner.output))
        made.compile("sgd", "mae")
        return made

    folds = backtest(build, FRAME, WINDOWS, n_splits=2, epochs=1, verbose=0)
    assert len(folds.table["fold"])


def _next(frame):
    return frame.assign(day=frame["day"] + pd.Timedelta(days=30))


def test_promotions_and_types_in_words_are_learned():
    """The plan goes on after its closed day, whose forecast is missing."""
    table, plan = (pd.DataFrame(columns) for columns in store_sales())
    table = table[table["day"] >= "2023-10-01"]
    windows = WindowedSeries(
        14, 14, target_columns="units", future_columns="promotion", static_columns="type",
        id_column="store", time_column="day", calendar="week", missing="mask_targets",
        weighting="inverse_scale", shuffle=True, seed=1,
    )  # fmt: skip
    train, validation = windows.split(table, "2024-06-01")
    assert train.columns["static"] == ["type=city", "type=mall", "type=outlet"]
    keras.utils.set_random_seed(1)
    model = RecurrentPreset(cell="gru", units=(16,), window_norm="standard").build(train)
    model.compile(keras.optimizers.Adam(5e-3), MaskedLoss("mae"))
    model.fit(train, epochs=4, verbose=0)
    ahead = forecast(model, table, future=plan)
    promoted = forecast(model, table, future=plan.assign(promotion=1))
    calm = forecast(model, table, future=plan.assign(promotion=0))
    assert len(ahead) == 6 * 14
    closed = ahead["day"].dt.strftime("%m-%d").isin(["12-25", "01-01"])
    np.testing.assert_array_equal(ahead["units"].isna(), closed)
    uplift = promoted["units"].to_numpy() / calm["units"].to_numpy()
    assert np.nanmedian(uplift) == pytest.approx(1.6, abs=0.2)
    x, y = validation.to_numpy()[:2]
    levels = np.nanmean(y, axis=1)[:, None]
    errors = np.abs(model.predict(x, batch_size=512, verbose=0) - y) / levels
    assert np.nanmean(errors) < 0.25


def test_a_plan_that_contradicts_a_static_column_is_refused():
    table, plan = (pd.DataFrame(columns) for columns in store_sales(days=60))
    table = table[table["day"] != table["day"][9]]  # The stores were closed before.
    windows = WindowedSeries(
        7, 14, target_columns="units", future_columns="promotion", static_columns="type",
        id_column="store", time_column="day", missing="mask_targets",
    )  # fmt: skip
    model = RecurrentPreset(units=(2,)).build(windows.build(table))
    moved = plan.assign(type=plan["type"].where(plan["store"] != "store 2", "city"))
    with pytest.raises(ValueError, match="different values of the static column 'type' for series"):
        forecast(model, table, future=moved)
    unseen = plan.assign(type=plan["type"].where(plan["store"] != "store 2", "harbour"))
    with pytest.raises(ValueError, match="harbour"):
        forecast(model, table, future=unseen)
    without = forecast(model, table, future=plan.drop(columns="type"))
    pd.testing.assert_frame_equal(without, forecast(model, table, future=plan))
