"""Only the last rows of a series are read; one that lacks them is named, or gives rows of NaN."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from forecasting_models import PANEL, adding, after, sales, until
from keras_ts import RecurrentPreset, WindowedSeries, forecast
from keras_ts.forecasting.history import Following, History
from keras_ts.interface import Interface
from keras_ts.panel.panel import Panel

PAST, FUTURE = until(sales(), 25), after(sales(), 25)


@pytest.fixture(scope="module")
def model():
    return adding(PANEL.build(PAST))


def test_a_hole_before_the_last_rows_does_not_matter(model):
    broken = PAST.copy()
    broken.loc[[3, 33], "units"] = np.nan
    broken = broken.drop(index=[10, 40])
    wanted = forecast(model, PAST, future=FUTURE)
    pd.testing.assert_frame_equal(forecast(model, broken, future=FUTURE), wanted)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (PAST.drop(index=range(30, 51)), "series 'east' is too short: .* and it has 4"),
        (
            PAST.assign(units=PAST["units"].where(PAST.index != 52)),
            r"value at position 22 \(2024-01-23",
        ),
        (PAST.assign(units=PAST["units"].where(PAST.index != 54)), "plan .* as future= instead"),
        (PAST.drop(index=52), r"gap before position 22 \(2024-01-24.* of series 'east'"),
    ],
)
def test_a_series_that_lacks_them(model, broken, says):
    with pytest.raises(ValueError, match=says):
        forecast(model, broken, future=FUTURE)
    # The rows that follow a series left out need not be known.
    known = FUTURE[FUTURE["shop"] == "north"]
    ahead = forecast(model, broken, future=known, incomplete="nan")
    wanted = forecast(model, PAST, future=FUTURE)
    wanted.loc[3:, "units"] = np.nan
    pd.testing.assert_frame_equal(ahead, wanted)


def test_nothing_to_forecast_from_at_all(model):
    ahead = forecast(model, until(PAST, 3), future=FUTURE, incomplete="nan")
    assert ahead["units"].isna().all()
    assert ahead["day"].dt.day.tolist() == [4, 5, 6] * 2


def test_arrays_in_part():
    windows = WindowedSeries(4, 2)
    model = adding(windows.build(np.arange(20.0)))
    panel = [np.arange(9.0), np.arange(3.0), np.array([1.0, 2.0, np.inf, 4.0, 5.0])]
    ahead = forecast(model, panel, incomplete="nan")
    np.testing.assert_array_equal(ahead, [[8.0, 8.0], [np.nan] * 2, [np.nan] * 2])
    with pytest.raises(ValueError, match="incomplete must be one of 'raise', 'nan'"):
        forecast(model, panel, incomplete="drop")


def _history(series, model):
    interface = Interface.of(model, None)
    return History.of(Panel.of(series, interface.windows), interface, "raise")


def test_a_memory_map_is_not_read_whole(tmp_path):
    path = tmp_path / "series.dat"
    written = np.memmap(path, "float32", "w+", shape=(1000,))
    written[:] = np.arange(1000)
    written[5] = np.nan
    written.flush()
    series = np.memmap(path, "float32", "r", shape=(1000,))
    model = adding(WindowedSeries(4, 2).build(np.arange(980.0, 1000.0)))
    assert forecast(model, series).tolist() == [999.0, 999.0]
    # PyTorch warns of arrays that it cannot write to.
    past = _history(series, model).past
    assert (past.tolist(), past.flags.writeable) == ([[996.0, 997.0, 998.0, 999.0]], True)


def test_the_last_rows_of_a_series_that_is_shorter_begin_with_missing_ones():
    model = adding(WindowedSeries(4, 2, missing="mask").build(np.arange(20.0)))
    past = _history([np.arange(6), np.arange(2)], model).past
    np.testing.assert_array_equal(past, [[2, 3, 4, 5], [np.nan, np.nan, 0, 1]])


def test_ids_without_times_stay_apart():
    windows = WindowedSeries(5, 2, target_columns="units", id_column="shop")
    frame = PAST[["shop", "units"]].sample(frac=1, random_state=3).sort_values("units")
    ahead = forecast(adding(windows.build(frame)), frame)
    assert ahead.groupby("shop", sort=False)["units"].first().to_dict() == {
        "north": 24.0,
        "east": 1024.0,
    }


@pytest.mark.parametrize("missing", ["mask", "mask_targets", "keep"])
@pytest.mark.parametrize("library", [pd.DataFrame, pl.from_pandas])
def test_an_infinite_value_in_the_last_window_is_refused_where_a_missing_one_is_masked(
    missing, library
):
    windows = WindowedSeries(
        5, 3, target_columns="units", future_columns="promo", id_column="shop", time_column="day",
        missing=missing,
    )  # fmt: skip
    model = adding(windows.build(PAST))
    past = PAST.drop(index=[51]) if missing != "keep" else PAST
    place = past.index[(past["shop"] == "east") & (past["day"] == "2024-01-23")]
    wrong = past.copy()
    wrong.loc[place, "units"] = np.inf
    says = "series 'east' has an infinite value in its last window, at 2024-01-23 in column 'units'"
    with pytest.raises(ValueError, match=says):
        forecast(model, library(wrong), future=library(FUTURE))
    ahead = forecast(model, library(wrong), future=library(FUTURE), incomplete="nan")
    assert np.isnan(ahead["units"].to_numpy()).tolist() == [False] * 3 + [True] * 3
    # Before the last window it does not matter.
    earlier = past.copy()
    earlier.loc[place - 6, "units"] = np.inf
    assert np.isfinite(forecast(model, earlier, future=FUTURE)["units"]).all()


@pytest.mark.parametrize("missing", ["mask", "keep"])
def test_an_infinite_value_in_an_array(missing):
    model = adding(WindowedSeries(4, 2, missing=missing).build(np.arange(20.0)))
    says = "^the series has an infinite value in its last window, at position 8. Correct it"
    with pytest.raises(ValueError, match=says):
        forecast(model, np.r_[np.arange(8.0), np.inf, 9.0])


def panel_of(**times):
    parts = [pd.DataFrame({"id": name, "t": t, "y": 1.0}) for name, t in times.items()]
    windows = WindowedSeries(2, id_column="id", time_column="t", missing="keep")
    return Panel.of(pd.concat(parts), windows).read()


def test_timestamps_follow_each_series():
    days = pd.date_range("2024-03-01", periods=20)
    panel = panel_of(a=days[8:12], b=days[8:12], c=days[8:14], d=days[:1])
    times = Following.of(panel, 1, 3).times
    units = days.to_numpy().astype(panel.clock.times.dtype)
    assert times.tolist() == [units[at : at + 3].tolist() for at in (13, 13, 15, 2)]
    assert np.isnat(Following.of(panel_of(a=days[:1], b=days[:1]), 1, 3).times).all()


def test_clocks_of_a_zone_follow():
    hours = pd.date_range("2024-10-26", periods=90, freq="h", tz="Europe/Berlin")
    ahead, want = Following.of(panel_of(a=hours[30:60]), 0, 30), hours[60:]
    utc = want.tz_convert("UTC").tz_localize(None).to_numpy()
    np.testing.assert_array_equal(ahead.times[0], utc)
    np.testing.assert_array_equal(ahead.shown[0], want.tz_localize(None).to_numpy())


@pytest.mark.parametrize(
    ("missing", "late"),
    [
        ([], 0),
        ([38, 39], 0),  # Two steps at most are no sign of anything.
        ([37, 38, 39], 1),
        ([25, 26, 36, 37, 38, 39], 0),  # Twice a gap that the window has seen.
        ([25, 26, 35, 36, 37, 38, 39], 1),
        ([15, 16, 17, 18, 19, 20, 37, 38, 39], 1),  # A gap before the window counts for nothing.
        (list(range(24, 37)), 0),
    ],
)
def test_values_missing_at_the_end_are_named(missing, late):
    """A sensor that is silent is forecast from its last value, with bands of one that is not."""
    windows = WindowedSeries(16, 2, target_columns="y", time_column="day", missing="mask")
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=40), "y": np.arange(40.0)})
    preset = RecurrentPreset(units=(2,), window_norm="last")
    net = preset.build(windows.build(table))
    silent = table.assign(y=table["y"].where(~table.index.isin(missing)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forecast(net, silent)
    said = [str(each.message) for each in caught if "are missing at the end" in str(each.message)]
    assert len(said) == late
    assert all("in the last window: of target 'y'. The forecast" in of for of in said)


@pytest.mark.parametrize(
    ("late", "says"),
    [
        ({"south": ["price"]}, "of target 'price' in 1 of 3 series, the first series 'south'"),
        (
            {"north": ["price", "units"], "south": ["price"]},
            "of target 'units' in 1 of 3 series, the first series 'north'; "
            "of target 'price' in 2 of 3 series, the first series 'north'",
        ),
        ({}, None),
    ],
)
def test_a_target_that_is_late_is_named_beside_one_that_is_not(late, says):
    """The band of one target is too narrow, whatever is known of the others."""
    days = pd.date_range("2024-01-01", periods=40)
    table = pd.concat(
        pd.DataFrame({"zone": zone, "day": days, "units": np.arange(40.0), "price": 7.0 - size})
        for size, zone in enumerate(["east", "north", "south"])
    )
    windows = WindowedSeries(
        16,
        2,
        target_columns=["units", "price"],
        id_column="zone",
        time_column="day",
        missing="mask_targets",
    )
    net = RecurrentPreset(units=(2,), window_norm="last").build(windows.build(table))
    for zone, columns in late.items():
        table.loc[(table["zone"] == zone) & (table["day"] >= days[36]), columns] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forecast(net, table)
    said = [str(each.message) for each in caught if "are missing at the end" in str(each.message)]
    assert [of.partition("last window: ")[2].partition(". The")[0] for of in said] == [says] * bool(
        late
    )


def told(model, series, **given):
    """Return the warnings of a forecast."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forecast(model, series, **given)
    return [str(each.message) for each in caught if each.category is UserWarning]


def test_a_column_that_is_silent_is_named_and_one_known_ahead_is_not():
    """A forecast that reads a dead thermometer is wrong, with the band of a live one."""
    days = pd.date_range("2024-01-01", periods=42)
    table = pd.DataFrame({"day": days, "y": np.arange(42.0), "temp": 1.0, "open": 1.0})
    names = {"target_columns": "y", "future_columns": "open", "time_column": "day"}
    windows = WindowedSeries(16, 2, **names, missing="mask")
    net = RecurrentPreset(units=(2,), window_norm="last").build(windows.build(table))
    past, plan = table[:40], table[["day", "open"]][40:]
    (said,) = told(net, past.assign(temp=past["temp"].where(past.index < 36)), future=plan)
    assert "in the last window: of column 'temp'. The forecast" in said
    shut = past.assign(open=past["open"].where(past.index < 36))
    assert not told(net, shut, future=plan)


def test_a_masked_series_shorter_than_a_window_is_named():
    windows = WindowedSeries(16, 2, target_columns="y", time_column="day", missing="mask")
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=40), "y": np.arange(40.0)})
    preset = RecurrentPreset(units=(2,), window_norm="last")
    net = preset.build(windows.build(table))
    assert told(net, table[:15])[0].startswith("The series has 15 rows, fewer than the 16 rows of")
    assert not told(net, table[:16])
    young = preset.build(replace(windows, min_inputs=4).build(table))
    assert not told(young, table[:15])
