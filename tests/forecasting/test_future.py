"""Columns known ahead reach the step they belong to, given or read off the calendar."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest

from forecasting_models import PANEL, adding, after, sales, until
from keras_ts import RecurrentPreset, WindowedSeries, forecast

FRAME = sales()
PAST, FUTURE = until(FRAME, 25), after(FRAME, 25)
TABLE = np.stack([np.arange(20.0), np.arange(20) % 7 - 3], axis=1)
PROMO = WindowedSeries(4, 3, target_columns=0, future_columns=[1])


@pytest.fixture(scope="module")
def model():
    return adding(PANEL.build(PAST))


def test_arrays():
    model = adding(PROMO.build(TABLE))
    future = np.array([[1.0], [2.0], [3.0]])
    assert forecast(model, TABLE, future=future).tolist() == [29.0, 39.0, 49.0]
    ahead = forecast(model, [TABLE, TABLE[:9]], future=np.stack([future, -future]))
    assert ahead.tolist() == [[29.0, 39.0, 49.0], [-2.0, -12.0, -22.0]]


def test_past_the_horizon_the_rows_go_on():
    """The last value, ten times what is known of the day: fed back, the last round adds up."""
    model = adding(PROMO.build(TABLE))
    future = np.arange(1.0, 6.0)[:, None]
    last = 19 + 10 * future[2, 0]
    wanted = [29.0, 39.0, 49.0, last + 40, last + 50]
    assert forecast(model, TABLE, steps=5, future=future).tolist() == wanted


def test_an_array_for_the_series_of_a_frame(model):
    wanted = forecast(model, PAST, future=FUTURE)
    rows = FUTURE["promo"].to_numpy().reshape(2, 5, 1)
    pd.testing.assert_frame_equal(forecast(model, PAST, future=rows), wanted)


def test_frames_without_times_count_rows():
    windows = WindowedSeries(5, 3, target_columns="units", future_columns="promo", id_column="shop")
    columns = ["shop", "units", "promo"]
    model = adding(windows.build(PAST[columns]))
    ahead = forecast(model, PAST[columns], future=FUTURE.iloc[::-1])
    promo = FUTURE["promo"].to_numpy().reshape(2, 5)[:, ::-1][:, :3]
    np.testing.assert_allclose(ahead["units"], (np.array([[24], [1024]]) + 10 * promo).ravel())


def test_a_gap_before_the_targets_is_left_out():
    windows = WindowedSeries(
        5, 2, gap=2, target_columns="units", future_columns="promo", id_column="shop",
        time_column="day",
    )  # fmt: skip
    past = PAST.drop(columns="size")
    ahead = forecast(adding(windows.build(past)), past, future=FUTURE)
    assert ahead["day"].dt.day.tolist() == [28, 29] * 2
    promo = np.arange(27, 29) % 4
    np.testing.assert_allclose(ahead["units"][:2], 24 + 10 * promo)


@pytest.mark.parametrize(
    ("future", "says"),
    [
        (None, r"future_columns, \['promo'\]: pass their values"),
        (FUTURE.drop(columns="promo"), r"future lacks \['promo'\]"),
        (
            FUTURE[FUTURE["shop"] == "north"],
            r"no row of series 'east', by id_column='shop'\. Its ids are \['north'\]",
        ),
        (
            FUTURE[FUTURE["day"] > "2024-01-28"],
            "no row at a time that follows series 'north', from 2024-01-26 to 2024-01-28",
        ),
        (FUTURE.drop(index=[26, 28]), "2 of the 3 rows that follow series 'north'.*2024-01-27"),
        (pd.concat([FUTURE, FUTURE.iloc[1:2]]), "several rows for one time of series 'north'"),
        (
            FUTURE.assign(promo=np.nan),
            "missing values of .* in the rows that series 'north'",
        ),
        (
            np.ones((2, 2, 1)),
            "2 of the 3 rows that follow series 'north'.* or forecast the first alone: steps=2",
        ),
        (np.ones((2, 3, 2)), r"shape \(series, steps, columns\), here \(2, 3, 1\)"),
        (np.ones((3, 1)), r"shape \(series, steps, columns\)"),
    ],
)
def test_futures_that_do_not_fit(model, future, says):
    with pytest.raises(ValueError, match=says):
        forecast(model, PAST, future=future)


def test_times_that_nobody_can_continue():
    days = pd.date_range("2024-01-01", periods=9)
    past = pd.DataFrame({"day": days, "units": np.arange(9.0), "promo": np.arange(9) % 2})
    windows = WindowedSeries(
        3, 2, target_columns="units", future_columns="promo", time_column="day", missing="mask"
    )
    model = adding(windows.build(past))
    with pytest.raises(ValueError, match=r"a single row, .*pass a longer series"):
        forecast(model, past[:1], future=past[1:3])


def test_times_of_another_kind(model):
    zoned = FUTURE.assign(day=FUTURE["day"].dt.tz_localize("Europe/Berlin"))
    with pytest.raises(TypeError, match="must be of one type in series and future"):
        forecast(model, PAST, future=zoned)


def test_a_future_that_nothing_takes():
    model = adding(WindowedSeries(4).build(TABLE[:, 0]))
    with pytest.raises(ValueError, match="no future_columns, so leave future out"):
        forecast(model, TABLE[:, 0], future=np.ones((1, 1)))
    masked = adding(WindowedSeries(4, missing="mask_targets").build(TABLE[:, 0]))
    with pytest.raises(ValueError, match="To plan closed days, train with a column of ones"):
        forecast(masked, TABLE[:, 0], future=np.ones((1, 1)))


def test_rows_past_the_steps_are_used_if_they_are_given():
    """A net that looks at the whole horizon gives the same first step for any number of steps."""
    past, future = keras.Input((4, 2), name="past"), keras.Input((3, 1), name="future")
    sums = keras.ops.cumsum(keras.ops.flip(future[:, :, 0], axis=1), axis=1)
    model = keras.Model({"past": past, "future": future}, past[:, -1:, 0] + sums)
    rows = np.array([[1.0], [2.0], [4.0]])
    whole = forecast(model, TABLE, PROMO, future=rows)
    assert whole.tolist() == [23.0, 25.0, 26.0]
    assert forecast(model, TABLE, PROMO, 1, future=rows).tolist() == whole[:1].tolist()
    # Nothing is known of the rows behind the first, which stands for them.
    assert forecast(model, TABLE, PROMO, 1, future=rows[:1]).tolist() == [20.0]


@pytest.mark.parametrize(
    ("calendar", "freq", "zone"),
    [
        (["week", "year"], "D", None),
        (["day", "hour"], "h", "Europe/Berlin"),
        ([7, "year"], "B", None),
        ([12], "ME", None),
    ],
)
def test_a_calendar_goes_on_as_windows_have_it(calendar, freq, zone):
    times = pd.date_range("2024-03-28", periods=63, freq=freq, tz=zone)
    frame = pd.DataFrame({"t": times, "y": np.random.default_rng(0).normal(size=63)})
    windows = WindowedSeries(6, 3, calendar=calendar, time_column="t")
    model = RecurrentPreset(units=(3,)).build(windows.build(frame[:60]))
    ahead = forecast(model, frame[:60])
    assert ahead["t"].tolist() == frame["t"][60:].tolist()
    x, _ = windows.build(frame).to_numpy()
    wanted = model.predict({name: part[-1:] for name, part in x.items()}, verbose=0)[0]
    np.testing.assert_allclose(ahead["y"], wanted.ravel(), rtol=1e-4)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.from_pandas])
def test_a_series_that_only_the_plan_has_is_named(library):
    past, ahead = until(sales(), 25), after(sales(), 25)
    model = adding(PANEL.build(past))
    new = ahead[ahead["shop"] == "east"].assign(shop="harbour")
    with pytest.raises(ValueError, match=r"future has rows of \['harbour'\], by id_column='shop'"):
        forecast(model, library(past), future=library(pd.concat([ahead, new])))


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("zone", [None, "America/New_York"])
@pytest.mark.parametrize(("gap", "earlier"), [(0, 0), (2, 0), (0, 4)])
def test_a_series_that_only_the_plan_has_gets_rows_of_nan_if_asked(library, zone, gap, earlier):
    """At the first times that follow, behind those of the series that have rows."""
    days = pd.date_range("2024-01-01", periods=12, tz=zone)
    columns = {"day": days, "y": np.arange(12.0), "price": np.arange(12.0) % 3}
    own = [pd.DataFrame({"id": name, **columns}) for name in "ba"]
    planned = pd.date_range("2024-01-13", periods=3 + gap + earlier, tz=zone) - earlier * days.freq
    plans = [pd.DataFrame({"id": name, "day": planned[::-1], "price": 2.0}) for name in "cab"]
    ahead = planned[gap + earlier :]
    made = pl.DataFrame if library == "polars" else pd.DataFrame
    table, plan = made(pd.concat(own)), made(pd.concat(plans))
    windows = WindowedSeries(
        4, 2, gap=gap, target_columns="y", id_column="id", time_column="day",
        future_columns="price",
    )  # fmt: skip
    model = RecurrentPreset(units=(3,), window_norm="last").build(windows.build(table))
    with pytest.raises(ValueError, match=r"future has rows of \['c'\].*incomplete=\"nan\""):
        forecast(model, table, future=plan)
    got = forecast(model, table, future=plan, incomplete="nan")
    assert type(got) is type(table)
    assert list(got["id"]) == ["b", "b", "a", "a", "c", "c"]
    assert library == "polars" or list(got.index) == list(range(6))
    assert list(got["step"]) == [1, 2] * 3
    assert list(pd.to_datetime(pd.Series(list(got["day"])))) == list(ahead[:2]) * 3
    assert np.isnan(np.array(got["y"])).tolist() == [False] * 4 + [True] * 2
    without = plan.filter(pl.col("id") != "c") if library == "polars" else plan[plan["id"] != "c"]
    known = forecast(model, table, future=without)
    np.testing.assert_array_equal(np.array(got["y"])[:4], np.array(known["y"]))
    if library == "pandas":
        assert list(got.index) == list(range(6))
        assert got.dtypes.equals(known.dtypes)
    else:
        assert got.schema == known.schema


def test_a_plan_of_moments_follows_a_table_of_dates():
    """In polars a date is another type than the moment at which it begins."""
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 1, 12), eager=True)
    price = np.arange(12.0) % 3
    table = pl.DataFrame({"id": "a", "day": days, "y": np.arange(12.0), "price": price})
    ahead = pl.datetime_range(pl.date(2024, 1, 13), pl.date(2024, 1, 14), eager=True)
    plan = pl.concat([pl.DataFrame({"id": name, "day": ahead, "price": 2.0}) for name in "ab"])
    windows = WindowedSeries(
        4, 2, target_columns="y", id_column="id", time_column="day", future_columns="price"
    )
    model = RecurrentPreset(units=(3,), window_norm="last").build(windows.build(table))
    got = forecast(model, table, future=plan, incomplete="nan")
    assert got["day"].to_list() == ahead.dt.date().to_list() * 2
