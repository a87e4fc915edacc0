"""Presets on windows of which some targets are missing, and what is known ahead of them too."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops

from helpers import called, only_tensorflow, untraced
from keras_ts import RecurrentPreset, WindowedSeries, forecast, from_preset
from keras_ts.layers import CalendarEvents, LinearForecast
from keras_ts.layers.plumbing import CarryForward

RNG = np.random.default_rng(0)
ROWS = 90
CLOSED = [20, 21, 47, 60, 61, 62, 89]


def shop(rows=ROWS, seed=0, closed=CLOSED, lacks=("units", "promo")):
    """Daily sales with a promotion; a closed day has no value of either."""
    rng = np.random.default_rng(seed)
    promo = (rng.random(rows) < 0.3) * 1.0
    table = pd.DataFrame({"units": 50 + 5 * promo + rng.normal(size=rows), "promo": promo})
    table["visits"] = 3 * table["units"]
    table["day"] = pd.date_range("2023-01-01", periods=rows)
    table["shop"] = f"s{seed}"
    table.loc[[row for row in closed if row < rows], list(lacks)] = np.nan
    return table


def present(targets):
    return ops.logical_not(ops.isnan(targets))


def masked_mae(targets, outputs):
    """The mean over the targets that are present, of each window."""
    axes = tuple(range(1, len(targets.shape)))
    outputs = ops.reshape(outputs, ops.shape(targets))
    # Filled first: the gradient of what is not chosen would be 0 times NaN.
    errors = ops.abs(ops.where(present(targets), targets, ops.stop_gradient(outputs)) - outputs)
    errors = ops.where(present(targets), errors, 0.0)
    count = ops.sum(ops.cast(present(targets), errors.dtype), axis=axes)
    return ops.sum(errors, axis=axes) / ops.maximum(count, 1.0)


def windows(**settings):
    return WindowedSeries(
        8,
        3,
        **{
            "target_columns": "units",
            "future_columns": "promo",
            "time_column": "day",
            "id_column": "shop",
            "missing": "mask_targets",
            "batch_size": 64,
        }
        | settings,
    )


PRESETS = {
    "last": lambda kind: RecurrentPreset(kind, "gru", (3,), window_norm="last"),
    "constants": lambda kind: RecurrentPreset(kind, units=(3,)),
    "standard": lambda kind: RecurrentPreset(kind, units=(3,), window_norm="standard"),
    "smooth": lambda kind: from_preset("smooth_gru", units=(3,), quantiles=None),
    "seasonal": lambda kind: from_preset("seasonal_gru", period=4, units=(3,)),
}


@pytest.mark.parametrize(
    ("name", "targets", "calendar", "columns"),
    [
        ("last", "vector", None, "units"),
        ("last", "sequence", ["week", 7], ["units", "visits"]),
        ("constants", "vector", ["week"], ["units", "visits"]),
        ("constants", "sequence", None, "units"),
        ("standard", "sequence", None, ["units", "visits"]),
        ("smooth", "vector", ["week", 7], "units"),
        ("smooth", "vector", None, ["units", "visits"]),
        ("seasonal", "vector", ["week"], ["units", "visits"]),
    ],
)
def test_they_train_and_forecast_finite_numbers(name, targets, calendar, columns):
    panel = pd.concat([shop(), shop(70, 1, lacks=("units", "promo", "visits"))])
    spec = windows(targets=targets, calendar=calendar, target_columns=columns, remainder="pad")
    weights = np.linspace(0.5, 1.5, len(panel))
    dataset = spec.build(panel, sample_weight=weights)
    x, y, w = dataset.to_numpy()
    assert np.isnan(y).any()
    assert np.isnan(x["future"][..., 0]).any()
    assert np.isfinite(w).all()
    model = PRESETS[name](f"sequence_to_{targets}").build(dataset)
    assert np.isfinite(called(model, x)).all()
    model.compile("adam", masked_mae)
    history = untraced(model).fit(dataset, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert np.isfinite(called(model, x)).all()


@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_a_missing_value_known_ahead_reaches_no_other_step(targets):
    dataset = windows(targets=targets).build(shop())
    preset = RecurrentPreset(f"sequence_to_{targets}", "gru", (3,), window_norm="last")
    model = preset.build(dataset)
    x, _ = windows(targets=targets, missing="mask").build(shop()).to_numpy()
    for step in range(3):
        holed = {**x, "future": x["future"].copy()}
        holed["future"][:, step] = np.nan
        before, after = called(model, x), called(model, holed)
        others = [other for other in range(3) if other != step]
        last = (slice(None), -1) if targets == "sequence" else (slice(None),)
        np.testing.assert_array_equal(before[last][:, others], after[last][:, others])
        assert np.isfinite(after).all()


@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_a_missing_value_known_ahead_moves_no_weight(targets):
    """An update is that of any values in its place: the steps without a target have no loss."""
    dataset = windows(targets=targets).build(shop())
    x, y = dataset.to_numpy()
    closed = np.isnan(x["future"])
    keras.utils.set_random_seed(0)
    kind = f"sequence_to_{targets}"
    model = RecurrentPreset(kind, units=(3,), window_norm="last").build(dataset)
    first, updated = model.get_weights(), []
    for value in (np.nan, 7.0):
        model.set_weights(first)
        model.compile(keras.optimizers.SGD(0.01), masked_mae)
        filled = {**x, "future": np.where(closed, value, x["future"])}
        untraced(model).train_on_batch(filled, y)
        updated.append(model.get_weights())
    if targets == "vector":
        for one, other in zip(*updated, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert all(np.isfinite(weight).all() for weight in updated[0])
    assert any((one != other).any() for one, other in zip(first, updated[0], strict=True))


def test_a_model_for_mask_has_no_layer_more():
    def filling(missing):
        model = RecurrentPreset(units=(2,), window_norm="last").build(
            windows(missing=missing).build(shop())
        )
        return sum(isinstance(layer, CarryForward) for layer in model.layers)

    assert (filling("mask"), filling("mask_targets")) == (2, 3)


def test_a_target_without_a_value_in_a_window_is_not_learned_from():
    """Its window stays for the sake of the other target, and has no level for this one."""
    table = np.stack([50 + RNG.normal(size=60), 5000 + RNG.normal(size=60)], axis=1)
    table[:30, 1] = np.nan
    dataset = WindowedSeries(8, 2, missing="mask_targets").build(table)
    assert dataset.origins[0] == 7
    for name in ("last", "standard", "smooth", "seasonal"):
        model = PRESETS[name]("sequence_to_vector").build(dataset)
        model.compile("adam", masked_mae)
        untraced(model).fit(dataset, verbose=0)
        x, y = dataset.to_numpy()
        assert np.nanmax(np.abs(called(model, x) - y)) < 100
        assert all(np.isfinite(weight).all() for weight in model.get_weights())


def kernel(model):
    [layer] = [layer for layer in model.layers if isinstance(layer, LinearForecast)]
    return ops.convert_to_numpy(layer.kernel)


def test_the_linear_map_of_a_step_is_fitted_where_the_step_has_a_target():
    """The first step is there in all windows of "mask" with a horizon of 1."""
    table = np.cumsum(RNG.normal(size=400)) + RNG.normal(size=400)
    table[::7] = np.nan  # No window of 8 targets is complete.
    preset = RecurrentPreset(
        "sequence_to_vector", "gru", (2,), window_norm="last", smoothing="linear"
    )
    several = kernel(preset.build(WindowedSeries(6, 8, missing="mask_targets").build(table)))
    alone = kernel(preset.build(WindowedSeries(6, 1, missing="mask").build(table[:-7])))
    assert np.abs(several).max() > 0.1
    np.testing.assert_allclose(several[:, :, 0], alone[:, :, 0], rtol=1e-4, atol=1e-5)


def test_events_are_found_beside_missing_days():
    days = pd.date_range("2021-01-01", "2023-12-31")
    sold = 60 + np.random.default_rng(0).normal(size=len(days))
    sold -= 40.0 * ((days.month == 12) & (days.day == 25))
    whole = pd.DataFrame({"day": days, "units": sold})
    holed = whole.copy()
    holed.loc[[100, 101, 300, 470, 800], "units"] = np.nan

    def effects(table):
        preset = RecurrentPreset(
            cell="gru", units=(2,), window_norm="last", smoothing="linear", memory=2
        )
        spec = windows(id_column=None, future_columns=None, calendar="year")
        model = preset.build(spec.build(table))
        [layer] = [layer for layer in model.layers if isinstance(layer, CalendarEvents)]
        points, sizes = map(ops.convert_to_numpy, (layer.points[0], layer.effects[0]))
        order = np.lexsort(points.T)  # The layer keeps the largest first.
        return points[order], sizes[order]

    (points, sizes), (other_points, other_sizes) = effects(whole), effects(holed)
    np.testing.assert_array_equal(points, other_points)
    np.testing.assert_allclose(sizes, other_sizes, atol=1.5)
    assert sizes.min() < -10


def test_quantiles():
    dataset = windows().build(shop())
    levels = (0.1, 0.5, 0.9)
    model = RecurrentPreset(units=(3,), window_norm="last", quantiles=levels).build(dataset)

    def pinball(targets, outputs):
        shares = ops.convert_to_tensor(levels, "float32")
        errors = ops.where(present(targets), targets, 0.0)[..., None] - outputs
        losses = ops.maximum(errors * shares, errors * (shares - 1.0))
        return ops.mean(ops.where(present(targets)[..., None], losses, 0.0), axis=(1, 2))

    model.compile("adam", pinball)
    history = untraced(model).fit(dataset, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(called(model, dataset.to_numpy()[0])).all()


def test_every_way_to_feed_gives_the_same_batches():
    spec = windows(remainder="pad", batch_size=10)
    dataset = spec.build(pd.concat([shop(), shop(40, 1)]))
    batches = list(dataset)
    fed = [list(dataset.to_grain())]
    if only_tensorflow.args[0] is False:
        fed.append(list(dataset.to_tf().as_numpy_iterator()))
    shards = [list(dataset.shard(2, index)) for index in range(2)]
    halves = [
        keras.tree.map_structure(lambda *parts: np.concatenate(parts), *both)
        for both in zip(*shards, strict=True)
    ]
    for other in (*fed, halves):
        for one, another in zip(batches, other, strict=True):
            for left, right in zip(
                keras.tree.flatten(one), keras.tree.flatten(another), strict=True
            ):
                np.testing.assert_array_equal(np.sort(left, axis=0), np.sort(right, axis=0))


def test_a_gap_in_time_is_a_closed_day():
    """The days without a row train and forecast as rows with missing values do."""
    written = shop(lacks=("units", "promo", "visits"))[:-1]
    gone = written.dropna()
    spec = windows(calendar="week")
    dataset = spec.build(gone)
    np.testing.assert_equal(dataset.to_numpy(), spec.build(written).to_numpy())
    model = RecurrentPreset("sequence_to_vector", "gru", (3,), window_norm="last").build(dataset)
    plan = pd.DataFrame({"day": pd.date_range("2023-03-31", periods=3), "promo": 0.0, "shop": "s0"})
    for cut in (89, 64, 63, 23):
        day = written["day"][cut - 1]
        parts = [table[table["day"] <= day] for table in (gone, written)]
        plan["day"] = pd.date_range(day, periods=4)[1:]
        if np.isnan(written["units"][cut - 1]):
            continue
        got, want = (forecast(model, part, future=plan) for part in parts)
        pd.testing.assert_frame_equal(got, want)
        assert np.isfinite(got["units"]).all()
