"""A series whose whole forecast lies in the past of other series is named, and no other is."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import RecurrentPreset, WindowedSeries, forecast, save_model
from keras_ts.scale import BatchForecaster

WINDOWS = WindowedSeries(3, 4, target_columns="units", id_column="shop", time_column="day")
DAYS = pd.date_range("2024-01-01", periods=20)


def table(ends, zone=None):
    """Shops of which each has so many days."""
    parts = [
        pd.DataFrame(
            {"shop": shop, "day": DAYS[:end].tz_localize(zone), "units": np.arange(end) / 9}
        )
        for shop, end in ends.items()
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def model():
    return RecurrentPreset(units=(2,)).build(WINDOWS.build(table(dict.fromkeys("abc", 20))))


def said(call):
    """Return what a call warned of; each warning names this file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    # PyTorch warns of its own.
    caught = [warning for warning in caught if "Nothing is forecast of" in str(warning.message)]
    assert {warning.filename for warning in caught} <= {__file__}
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("library", [pd.DataFrame, pl.from_pandas])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_it_is_named_with_its_last_time(model, library, zone):
    rows = library(table({"a": 20, "b": 16, "c": 20}, zone))
    [only] = said(lambda: forecast(model, rows))
    at = "" if zone is None else " 00:00:00+00:00"
    assert only == (
        f"series 'b' ends at 2024-01-16{at}. Nothing is forecast of such series after "
        f"2024-01-20{at}, where others end. Add their missing rows, or leave out series that "
        "ended."
    )
    # One step more lies ahead of all.
    assert not said(lambda: forecast(model, rows, steps=5))


@pytest.mark.parametrize(
    "ends",
    [
        {"a": 20, "b": 17, "c": 20},  # Late, but the last step is to come.
        {"a": 20, "b": 10, "c": 12},  # Most end early: they share no present.
        {"a": 12},
    ],
)
def test_other_panels_are_not(model, ends):
    assert not said(lambda: forecast(model, table(ends)))


def test_a_series_that_is_not_forecast_counts_for_nobody(model):
    rows = table({"a": 16, "b": 16, "c": 20})
    rows.loc[rows["shop"] == "c", "units"] = np.nan
    assert not said(lambda: forecast(model, rows, incomplete="nan"))


def test_a_batch_forecaster_names_it(model, tmp_path):
    save_model(model, tmp_path / "model.keras")
    forecaster = BatchForecaster(tmp_path / "model.keras")
    [only] = said(lambda: forecaster(table({"a": 20, "b": 16, "c": 20})))
    assert only.startswith("series 'b' ends at 2024-01-16. ")
