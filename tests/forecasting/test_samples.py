"""Sample paths of a forecast: equal margins, steps and series in the order of whole error paths."""

import warnings
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest

from forecasting_models import adding, after, until
from helpers import BACKEND, run_fresh
from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    calibrate,
    fine_tune,
    forecast,
    load_model,
    save_model,
)
from keras_ts.interface import Interface
from keras_ts.layers import Bounded, ConformalInterval
from keras_ts.layers.error_paths import key_of

LEVELS = (0.1, 0.5, 0.9)
WINDOWS = WindowedSeries(5, 3, target_columns="units", id_column="shop", time_column="day")


def shops(rows=160, names="abcd", seed=0):
    """Random walks whose steps are half their own, half common to all shops."""
    generator = np.random.default_rng(seed)
    steps = generator.normal(size=(len(names), rows)) + generator.normal(size=rows)
    days = pd.date_range("2024-01-01", periods=rows)
    return pd.concat(
        [
            pd.DataFrame({"shop": name, "day": days, "units": 50 + own.cumsum()})
            for name, own in zip(names, steps, strict=True)
        ],
        ignore_index=True,
    )


TABLE = shops()


@pytest.fixture(scope="module")
def model():
    dataset = WINDOWS.build(TABLE)
    return calibrate(adding(dataset, LEVELS), dataset, joint=True)


def array_of(drawn, count=205, steps=3):
    return drawn["units"].to_numpy().reshape(-1, steps, count)


def by_hand(model, quantiles, name, day, count, seed):
    """Return the samples of one series, ``(steps, count)``, by the docstring's own words."""
    paths = Interface.of(model).last_layer.paths
    event = int((pd.Timestamp(day) - pd.Timestamp("1970-01-01")) / pd.Timedelta("1us"))
    places = np.argsort(paths.orders(seed, event, key_of(name), count)[0, :, 0], axis=-1)
    tails = paths.tails
    unit = tails.units[list(paths.keys).index(key_of(name)), 0]
    rows = []
    for own, order in zip(quantiles, places, strict=True):
        levels, half = (np.arange(count) + 0.5) / count, (own[2] - own[0]) / 2
        knots = np.linspace(0, 1, tails.exceedances.shape[1])
        low, high = tails.shares * half + (1 - tails.shares) * unit
        below = own[0] - low * np.interp(1 - levels / 0.1, knots, tails.exceedances[0])
        above = own[2] + high * np.interp((levels - 0.9) / 0.1, knots, tails.exceedances[1])
        inside = np.interp(levels, LEVELS, own)
        increasing = np.where(levels < 0.1, below, np.where(levels > 0.9, above, inside))
        rows.append(increasing[order])
    return np.array(rows)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_samples_are_the_quantiles_in_the_order_of_error_paths(model, library):
    table = library(TABLE.to_dict("list"))
    drawn = forecast(model, table, num_samples=205, seed=7)  # Some are at 0.1, 0.5, 0.9.
    assert type(drawn) is type(table)
    assert list(drawn.columns) == ["shop", "day", "step", "sample", "units"]
    assert drawn["sample"].to_numpy().reshape(-1, 205).tolist() == [list(range(205))] * 12
    quantiles = forecast(model, TABLE)
    bands = quantiles[["units_0.1", "units", "units_0.9"]].to_numpy().reshape(4, 3, 3)
    begin = TABLE["day"].max() + pd.Timedelta("1D")
    for name, own, samples in zip("abcd", bands, array_of(drawn), strict=True):
        np.testing.assert_allclose(samples, by_hand(model, own, name, begin, 205, 7), rtol=1e-5)
    found = np.quantile(array_of(drawn), LEVELS, axis=-1, method="hazen")
    np.testing.assert_allclose(np.moveaxis(found, 0, -1), bands, rtol=1e-5)


def test_errors_of_days_and_shops_come_together_as_they_did(model):
    samples = array_of(forecast(model, TABLE, num_samples=2000, seed=0), 2000)
    within = np.corrcoef(samples[0])
    # Errors of a walk add up: those of steps 1 and 3 have the correlation 3 ** -0.5.
    assert within[0, 2] == pytest.approx(3**-0.5, abs=0.12)
    across = np.corrcoef(samples[:, 2])
    assert across[np.triu_indices(4, 1)].mean() == pytest.approx(0.5, abs=0.12)


def test_parts_of_a_panel_are_forecast_apart_with_one_seed(model, tmp_path):
    whole = forecast(model, TABLE, num_samples=50, seed=3)
    save_model(model, tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    parts = [
        forecast(made, TABLE[TABLE["shop"].isin(list(names))], num_samples=50, seed=3)
        for made, names in ((model, "a"), (loaded, "bcd"))
    ]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole, rtol=1e-5)
    assert not np.allclose(forecast(model, TABLE, num_samples=50, seed=4)["units"], whole["units"])
    assert not np.allclose(forecast(model, TABLE, num_samples=50)["units"], whole["units"])
    short = forecast(model, TABLE, steps=2, num_samples=50, seed=3)
    kept = whole[whole["step"] < 3].reset_index(drop=True)
    pd.testing.assert_frame_equal(short, kept, rtol=1e-5)


def test_series_that_begin_at_other_times_or_have_none_are_independent(model):
    last = TABLE["day"].max()
    early = TABLE[(TABLE["shop"] != "b") | (TABLE["day"] < last)]
    samples = array_of(forecast(model, early, num_samples=1000, seed=0), 1000)
    across = np.corrcoef(samples[:, 2])
    assert across[0, 2] > 0.3 > abs(across[0, 1])
    windows = WindowedSeries(5, 3)
    panel = [own["units"].to_numpy() for _, own in TABLE.groupby("shop")]
    dataset = windows.build(panel)
    plain = calibrate(adding(dataset, LEVELS), dataset, joint=True)
    samples = forecast(plain, panel, num_samples=1000, seed=0)
    assert samples.shape == (4, 3, 1000)
    assert np.abs(np.corrcoef(samples[:, 2])[np.triu_indices(4, 1)]).max() < 0.2
    assert np.corrcoef(samples[0])[0, 2] > 0.4
    assert (forecast(plain, panel, num_samples=1000, seed=0) == samples).all()
    assert forecast(plain, panel[0], num_samples=10, seed=0).shape == (3, 10)


def test_a_shop_that_calibration_lacks_moves_with_the_others(model):
    more = pd.concat([TABLE, TABLE[TABLE["shop"] == "a"].assign(shop="z")])
    samples = array_of(forecast(model, more, num_samples=1000, seed=0), 1000)
    assert np.corrcoef(samples[[0, 4], 2])[0, 1] > 0.3


def test_ids_of_one_text_are_refused():
    mixed = TABLE[TABLE["shop"] < "c"].replace({"shop": {"a": 1, "b": "1"}})
    dataset = WINDOWS.build(mixed)
    with pytest.raises(ValueError, match="two ids have the same text, as 1 and '1' do"):
        calibrate(adding(dataset, LEVELS), dataset, joint=True)


def test_paths_of_another_forecast_are_refused(model):
    config = Interface.of(model).last_layer.get_config()
    with pytest.raises(ValueError, match=r"Received: paths of \(3, 1\), forecasts of \(2, 1\)"):
        ConformalInterval.from_config(config).build([(None, 2, 3), (None, 5, 1)])


@pytest.mark.parametrize("step", [1, 2])
def test_a_closed_day_is_nan(step):
    table = shops().assign(promo=0.0)
    windows = WindowedSeries(
        5, 3, target_columns="units", future_columns="promo", id_column="shop", time_column="day",
        missing="mask_targets",
    )  # fmt: skip
    # Each seventh day has been closed before, too.
    table.loc[table.groupby("shop").cumcount() % 7 == 6, ["units", "promo"]] = np.nan
    past, plan = until(table, 150), after(table, 150)
    dataset = windows.build(past)
    preset = RecurrentPreset(units=(2,), window_norm="last", quantiles=LEVELS)
    made = calibrate(preset.build(dataset), dataset, joint=True)
    days = np.sort(plan["day"].unique())
    plan = plan.assign(promo=0.0)[(plan["shop"] != "b") | (plan["day"] != days[step - 1])]
    drawn = forecast(made, past, future=plan, num_samples=20, seed=0)
    missing = np.isnan(array_of(drawn, 20))
    assert missing[1, step - 1].all()
    assert missing.sum() == 20
    alone = pd.concat([plan, plan[plan["shop"] == "a"].assign(shop="new")])
    more = forecast(made, past, future=alone, incomplete="nan", num_samples=20, seed=0)
    assert np.isnan(array_of(more, 20)[4]).all()
    pd.testing.assert_frame_equal(more[: len(drawn)], drawn, check_dtype=False)
    assert more[len(drawn) :]["sample"].tolist() == list(range(20)) * 3


@pytest.mark.filterwarnings("ignore:Intervals have hardly any width")
def test_bounds_clip():
    table = shops().assign(units=lambda frame: frame["units"] * 0.02)
    dataset = WINDOWS.build(table)
    inner = adding(dataset, LEVELS)
    bounded = keras.Model(inner.inputs, Bounded(0.5, 1.2)(inner.outputs[0]))
    made = calibrate(bounded, dataset, joint=True)
    samples = array_of(forecast(made, table, num_samples=500, seed=0), 500)
    assert samples.min() == 0.5
    assert samples.max() == np.float32(1.2)


def test_several_targets_belong_together():
    table = shops()
    table["visits"] = 3 * table["units"] + np.random.default_rng(1).normal(size=len(table))
    windows = WindowedSeries(
        5, 3, target_columns=["units", "visits"], id_column="shop", time_column="day"
    )
    dataset = windows.build(table)
    preset = RecurrentPreset(units=(2,), window_norm="last", quantiles=LEVELS)
    made = calibrate(preset.build(dataset), dataset, joint=True)
    drawn = forecast(made, table, num_samples=400, seed=0)
    both = [drawn[name].to_numpy().reshape(4, 3, 400) for name in ("units", "visits")]
    assert np.corrcoef(both[0][0, 2], both[1][0, 2])[0, 1] > 0.8


def test_points_and_models_trained_further_keep_paths():
    dataset = WINDOWS.build(TABLE)
    net = RecurrentPreset(units=(2,), window_norm="last").build(dataset)
    net.compile("adam", "mae")
    plain = calibrate(net, dataset, joint=True)
    longer = calibrate(net, dataset, joint=True, train_on=dataset)
    own, other = (Interface.of(made).last_layer.paths for made in (plain, longer))
    np.testing.assert_array_equal(own.ranks, other.ranks)
    held = WINDOWS.build(shops(60, seed=5).assign(day=lambda f: f["day"] + pd.Timedelta("900D")))
    tuned = fine_tune(plain, dataset, epochs=1, calibration=held)
    assert len(Interface.of(tuned).last_layer.paths.ranks) == held.num_windows
    for made in (plain, longer, tuned):
        assert np.isfinite(forecast(made, TABLE, num_samples=30, seed=0)["units"]).all()


@pytest.mark.parametrize(
    ("case", "spoil"),
    [
        ("zeros", lambda table: table.assign(units=0.0)),
        ("ties", lambda table: table.assign(units=table["units"].round(-1))),
        ("apart", lambda table: table.assign(
            day=table["day"] + pd.to_timedelta(table["shop"].map(ord) * 500, unit="D"))),
        ("one window", lambda table: until(table, 8)),
    ],
)  # fmt: skip
def test_hostile_calibration_data(case, spoil):
    table = spoil(shops(names="abcdefghij"))
    dataset = WINDOWS.build(table)
    made = calibrate(adding(dataset, LEVELS), dataset, joint=True)
    samples = array_of(forecast(made, table, num_samples=105, seed=0), 105)
    quantiles = forecast(made, table)[["units_0.1", "units", "units_0.9"]]
    found = np.quantile(samples, LEVELS, axis=-1, method="hazen")
    np.testing.assert_allclose(
        np.moveaxis(found, 0, -1), quantiles.to_numpy().reshape(10, 3, 3), rtol=1e-4, atol=1e-4
    )


def test_what_cannot_be_drawn_is_refused(model):
    dataset = WINDOWS.build(TABLE)
    plain = calibrate(adding(dataset, LEVELS), dataset)
    for other in (plain, adding(dataset)):
        with pytest.raises(ValueError, match=r"num_samples needs .*joint=True"):
            forecast(other, TABLE, num_samples=5)
    rows = [
        ({"num_samples": 0}, ValueError, "num_samples must be >= 1"),
        ({"num_samples": 5.0}, TypeError, "num_samples must be an integer"),
        ({"num_samples": 5, "seed": -1}, ValueError, "seed must be >= 0"),
        ({"seed": 1}, ValueError, "seed is for num_samples"),
        ({"num_samples": 5, "steps": 4}, ValueError, "goes past horizon=3"),
    ]
    for arguments, kind, message in rows:
        with pytest.raises(kind, match=message):
            forecast(model, TABLE, **arguments)
    with pytest.raises(TypeError, match="joint must be True or False"):
        calibrate(adding(dataset, LEVELS), dataset, joint=1)


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(name, marks=[] if name == BACKEND else pytest.mark.slow)
        for name in ("tensorflow", "jax", "torch")
    ],
)
def test_another_process_draws_the_same_paths(model, tmp_path, backend):
    save_model(model, tmp_path / "m.keras")
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    run_fresh(
        "import sys, pandas as pd, keras_ts\n"
        "table = pd.read_csv(sys.argv[1] + '/table.csv', parse_dates=['day'])\n"
        "model = keras_ts.load_model(sys.argv[1] + '/m.keras')\n"
        "drawn = keras_ts.forecast(model, table, num_samples=40, seed=9)\n"
        "drawn.to_csv(sys.argv[1] + '/drawn.csv', index=False)",
        tmp_path,
        KERAS_BACKEND=backend,
    )
    drawn = pd.read_csv(tmp_path / "drawn.csv", parse_dates=["day"])
    own = forecast(model, TABLE, num_samples=40, seed=9)
    np.testing.assert_allclose(drawn["units"], own["units"], rtol=1e-4)


@pytest.mark.parametrize(("flat", "named"), [("", ""), ("b", "1 of 4 series"), ("bd", "2 of 4")])
def test_series_whose_intervals_have_no_width_are_named(flat, named):
    """Both ends of an interval below the bound are clipped to it."""
    dataset = WINDOWS.build(TABLE)
    inner = adding(dataset, LEVELS)
    bounded = keras.Model(inner.inputs, Bounded(0.0)(inner.outputs[0]))
    made = calibrate(bounded, dataset, joint=True)
    table = TABLE.assign(units=TABLE["units"].mask(TABLE["shop"].isin(list(flat)), -99.0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forecast(made, table, num_samples=3, seed=0)
    texts = [str(each.message) for each in caught if "hardly any width" in str(each.message)]
    assert len(texts) == bool(flat)
    assert all(f"hardly any width in {named}" in text and "series 'b'" in text for text in texts)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")
def test_so_is_one_of_two_targets():
    table = shops().assign(visits=-99.0)
    windows = replace(WINDOWS, target_columns=["units", "visits"])
    dataset = windows.build(table)
    inner = RecurrentPreset(units=(2,), window_norm="last", quantiles=LEVELS).build(dataset)
    bounded = keras.Model(inner.inputs, Bounded(0.0)(inner.outputs[0]))
    made = calibrate(bounded, dataset, joint=True)
    with pytest.warns(UserWarning, match="hardly any width in 4 of 4 series"):
        forecast(made, table, num_samples=3, seed=0)
