"""Normalization: outputs come back in their units, and one mask stands on all columns.

A step counts if a target has a value, and other columns follow it.

Weights are drawn at random, since a preset with smoothing begins with a net that adds nothing.
"""

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import called, timed
from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    forecast,
    from_preset,
    sequence_to_sequence,
    sequence_to_vector,
)
from keras_ts.layers.normalize_window import OF_PERIODS, STATISTICS

LEVELS = (0.1, 0.5, 0.9)
WINDOW = 12
SHOPS = 4

# Columns of the table: 0 and 1 to forecast, 2 past alone, 3 known ahead, 4 static.
KINDS = {
    "past": ({"target_columns": [0], "static_columns": [4], "future_columns": [3]}, {}),
    "calendar": ({"target_columns": 0, "calendar": [7]}, {"smoothing": "mixed"}),
    "several": ({"target_columns": [0, 1], "future_columns": [3]}, {"smoothing": "linear"}),
    "constants": ({"target_columns": [1]}, {"window_norm": None}),
    "sequence": (
        {"target_columns": [0], "future_columns": [3], "targets": "sequence"},
        {"kind": "sequence_to_sequence"},
    ),
}


def table(generator, rows=60, shop=0.0):
    return np.column_stack([
        generator.normal(size=(rows, 2)).cumsum(axis=0) + 50,
        100 + 9 * generator.normal(size=(rows, 2)),
        np.full(rows, shop),
    ])  # fmt: skip


def randomized(model):
    generator = np.random.default_rng(1)
    model.set_weights([generator.normal(0, 0.3, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=KINDS)
def built(request):
    """Return a model, a batch of its inputs, and how its targets and other columns lie in it."""
    how, preset = KINDS[request.param]
    generator = np.random.default_rng(0)
    panel = [table(generator, shop=number) for number in range(SHOPS)]
    if "calendar" in how:
        panel, how = timed(panel, **how)
    dataset = WindowedSeries(WINDOW, 2, missing="mask", batch_size=8, **how).build(panel)
    settings = {"cell": "gru", "units": (3,), "window_norm": "last", **preset}
    names, model = dataset.columns, RecurrentPreset(**settings).build(dataset)
    x = dataset[0][0]
    x = {part: values.copy() for part, values in (x if isinstance(x, dict) else {"": x}).items()}
    targets = [names["past"].index(name) for name in names["target"]]
    waves = ("_sin", "_cos")
    numbers = [i for i, name in enumerate(names["past"]) if not str(name).endswith(waves)]
    others = [i for i in numbers if i not in targets]
    return randomized(model), x, targets, others, dataset


def past_of(x):
    """Return a copy of the inputs, and in it the windows."""
    x = {part: values.copy() for part, values in x.items()}
    return x, x["" if "" in x else "past"]


def last_of(model, x, dataset):
    """Return the forecasts at the last step of each window; a model is asked many times."""
    y = model.predict_on_batch(x.get("", x))
    return y[:, -1] if dataset.windows.targets == "sequence" else y


steps = st.lists(st.integers(0, WINDOW - 1), unique=True, max_size=WINDOW - 1)


@settings(max_examples=6)
@given(hidden=steps, seed=st.integers(0, 99))
def test_steps_without_a_target_are_not_read(built, hidden, seed):
    """Neither their calendar, nor what is known ahead, nor other columns, nor static ones."""
    model, x, targets, _, dataset = built
    first, past = past_of(x)
    past[:, hidden, np.array(targets)[:, None]] = np.nan
    second, moved = past_of(first)
    generator = np.random.default_rng(seed)
    rest = [column for column in range(past.shape[2]) if column not in targets]
    moved[:, np.array(hidden, int)[:, None], rest] = generator.normal(
        100, 9, (len(past), len(hidden), len(rest))
    )
    got = [last_of(model, inputs, dataset) for inputs in (first, second)]
    np.testing.assert_allclose(got[0], got[1], rtol=1e-4, atol=1e-4)


@settings(max_examples=6)
@given(holes=st.lists(st.tuples(st.integers(1, WINDOW - 1), st.integers(0, 9)), max_size=20))
def test_a_covariate_without_a_value_holds_the_one_before(built, holes):
    """Its step stays: one monthly column beside daily ones does not leave a day a month."""
    model, x, targets, others, dataset = built
    places = [*others, *(targets if len(targets) > 1 else [])[:1]]
    broken, past = past_of(x)
    filled, whole = past_of(x)
    if not places:
        return
    for step, number in holes:
        past[:, step, places[number % len(places)]] = np.nan
    for step in range(1, WINDOW):
        before = np.where(np.isfinite(past[:, step]), whole[:, step], whole[:, step - 1])
        whole[:, step] = before
    got = [last_of(model, inputs, dataset) for inputs in (broken, filled)]
    np.testing.assert_allclose(got[0], got[1], rtol=1e-4, atol=1e-4)


def test_a_covariate_that_begins_late_is_its_own_level_before(built):
    """A column of units in the thousands is not 0 until its first value."""
    model, x, _, others, dataset = built
    broken, past = past_of(x)
    for column in others:
        past[:, :5, column] = np.nan
    got = [last_of(model, inputs, dataset) for inputs in (x, broken)]
    assert np.isfinite(got[1]).all()
    # It moves the forecast by no more than another value of the column would.
    moved, other = past_of(x)
    for column in others:
        other[:, :5, column] += 30
    limit = np.abs(last_of(model, moved, dataset) - got[0]).max() + 1e-3
    assert np.abs(got[1] - got[0]).max() < 3 * limit


def sales(lengths, seed=0):
    """Return a frame of shops, with a promotion that is known ahead and a kind that stays."""
    generator = np.random.default_rng(seed)
    shops = []
    for number, length in enumerate(lengths):
        days = pd.date_range("2024-03-01", periods=length)
        shops.append(pd.DataFrame({
            "shop": f"s{number}", "day": days, "units": 20 + generator.normal(size=length).cumsum(),
            "visits": generator.normal(90, 9, length), "promo": generator.integers(2, size=length),
            "size": float(number),
        }))  # fmt: skip
    return pd.concat(shops, ignore_index=True)


def behind_rows(frame, seen):
    """Return the frame with rows in front of each shop, so that it fills a window of 14 days."""
    parts = []
    for _, shop in frame.groupby("shop"):
        days = pd.date_range(end=shop["day"].iloc[0], periods=15 - min(seen, len(shop)))[:-1]
        front = pd.DataFrame({"day": days, "units": np.nan, "visits": np.nan})
        kept = shop[["shop", "promo", "size"]].iloc[0]
        parts += [front.assign(**kept), shop]
    return pd.concat(parts, ignore_index=True).astype({"promo": float, "size": float})


@pytest.fixture(scope="module")
def of_shops():
    windows = WindowedSeries(
        14, 2, missing="mask", target_columns="units", future_columns=["promo"],
        static_columns=["size"], calendar=["week"], id_column="shop", time_column="day",
    )  # fmt: skip
    preset = RecurrentPreset(cell="gru", units=3, window_norm="last")
    return randomized(preset.build(windows.build(sales([40] * 3)))), windows


@pytest.mark.filterwarnings("ignore:.*Nothing is forecast of such series")
@pytest.mark.filterwarnings("ignore:.* fewer than the 14 rows of a window")
@settings(max_examples=4, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 20), min_size=3, max_size=3),
    seen=st.integers(1, 14),
    holes=st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["units", "visits"])), max_size=9),
)
def test_rows_in_front_change_no_forecast(of_shops, lengths, seen, holes):
    """``forecast`` of a short series is that of the same with any number of rows in front."""
    frame = sales(lengths, seed=seen)
    ends = frame.groupby("shop").tail(1).index
    for row, column in holes:
        if row < len(frame) and row not in ends:
            frame.loc[row, column] = np.nan
    plan = pd.concat([
        pd.DataFrame({"shop": shop, "promo": [1, 0],
                      "day": pd.date_range(days.max(), periods=3)[1:]})
        for shop, days in frame.groupby("shop")["day"]
    ])  # fmt: skip
    model, _ = of_shops
    short, padded = (
        forecast(model, rows, future=plan)["units"] for rows in (frame, behind_rows(frame, seen))
    )
    np.testing.assert_allclose(padded, short, rtol=1e-4, atol=1e-4)


def test_a_saved_model_masks_the_same(of_shops, tmp_path):
    model, _ = of_shops
    x = {
        "past": np.full((1, 14, 5), np.nan, "float32"),
        "future": np.ones((1, 2, 3), "float32"),
        "static": np.ones((1, 1), "float32"),
    }
    x["past"][:, 9:] = np.random.default_rng(0).normal(size=(1, 5, 5))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(called(again, x), called(model, x), rtol=1e-5)


@pytest.mark.parametrize(
    ("window_norm", "quantiles", "targets", "kind"),
    [
        (None, None, 1, "vector"),
        (None, LEVELS, [3, 1], "sequence"),
        ("last", LEVELS, 1, "sequence"),
        ("last", None, [3, 1], "vector"),
        ("mean", None, [0, 1, 2, 3], "sequence"),
        ("mean", LEVELS, [1], "vector"),
        ("standard", LEVELS, [0, 1, 2, 3], "vector"),
        ("standard", None, [1], "sequence"),
    ],
)
def test_outputs_come_back_in_the_units_of_their_own_columns(window_norm, quantiles, targets, kind):
    """A net whose dense layers give 0 forecasts each target's own level: a thousand apart."""
    levels = np.array([1.0, 1e3, 1e6, -1e4])
    noise = np.random.default_rng(0).normal(size=(40, 4))
    series = levels * (1 + 0.001 * noise)
    dataset = WindowedSeries(8, 2, target_columns=targets, targets=kind).build(series)
    preset = RecurrentPreset(
        f"sequence_to_{kind}", units=(2,), window_norm=window_norm, quantiles=quantiles
    )
    model = preset.build(dataset)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            layer.set_weights([np.zeros_like(weights) for weights in layer.get_weights()])
    x, y = dataset[0]
    outputs = keras.ops.convert_to_numpy(model(x))
    if quantiles:
        outputs = outputs[..., 1]
    np.testing.assert_allclose(outputs, y, rtol=0.01)


@pytest.mark.parametrize("window_norm", ["last", "standard"])
@pytest.mark.parametrize("kind", ["vector", "sequence"])
def test_small_units_change_no_forecast(window_norm, kind):
    """The same series in other units has the same forecast in those units."""
    series = np.random.default_rng(0).normal(size=(40, 2)).cumsum(axis=0)
    outputs = []
    for unit in (1e-2, 1e-5):
        dataset = WindowedSeries(8, 2, targets=kind).build(series * [unit, 1.0])
        keras.utils.set_random_seed(0)
        preset = RecurrentPreset(f"sequence_to_{kind}", units=(4,), window_norm=window_norm)
        x, _ = dataset[0]
        outputs.append(keras.ops.convert_to_numpy(preset.build(dataset)(x)) / [unit, 1.0])
    if kind == "sequence":  # The first step of a window has no scale of its own.
        outputs = [output[:, 1:] for output in outputs]
    np.testing.assert_allclose(*outputs, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("window_norm", ["last", "standard", "seasonal"])
def test_a_series_in_tiny_units_is_forecast_as_one_in_large_units_beside_it(window_norm):
    series = np.random.default_rng(0).normal(size=30)
    dataset = WindowedSeries(12, 2).build([1e7 * series, 1e-7 * series])
    model = RecurrentPreset(
        cell="gru", units=(4,), window_norm=window_norm,
        period=4 if window_norm == "seasonal" else None,
    ).build(dataset)  # fmt: skip
    x, _ = dataset.to_numpy()
    large, tiny = np.split(called(model, x), 2)
    np.testing.assert_allclose(tiny * 1e14, large, rtol=1e-3, atol=1e4)


def test_a_seasonal_preset_is_exact_in_level():
    """A series with negative values that is shifted shifts its forecast.

    The season of one without any grows with its level.
    """
    time = np.arange(80)
    series = np.sin(time * np.pi / 2) * 3 + np.random.default_rng(0).normal(size=80)
    dataset = WindowedSeries(16, 3).build(series)
    model = from_preset("seasonal_gru", period=4).build(dataset)
    x = dataset[0][0]
    moved = called(model, x - 64.0) + 64.0
    np.testing.assert_allclose(moved, called(model, x), atol=1e-3)


@pytest.mark.parametrize("norm", [norm for norm in STATISTICS if norm not in OF_PERIODS])
def test_normalized_forecasts_move_with_the_level(norm):
    model = sequence_to_vector(cell="gru", units=(4,), window=10, window_norm=norm)
    x = np.random.default_rng(0).normal(size=(5, 10)).astype("float32")
    np.testing.assert_allclose(called(model, x + 64), called(model, x) + 64, atol=1e-3)


@pytest.mark.parametrize("norm", [None, "last", "mean", "standard"])
def test_sequence_to_sequence_looks_only_back(norm):
    model = sequence_to_sequence(units=(4,), window_norm=norm)
    x = np.random.default_rng(0).normal(size=(2, 10)).astype("float32")
    changed = x.copy()
    changed[:, 6:] += 50
    np.testing.assert_allclose(called(model, changed)[:, :6], called(model, x)[:, :6], atol=1e-5)
