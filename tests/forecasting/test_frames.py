"""A frame comes back of the library it came in: ids, times, steps and targets by their names."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from forecasting_models import PANEL, adding, after, sales, until
from keras_ts import RecurrentPreset, WindowedSeries, forecast

FRAME = sales()
PAST, FUTURE = until(FRAME, 25), after(FRAME, 25)
# The last value, ten times the promotion of the day, and a hundred times the size.
PROMO = np.arange(25, 28) % 4
WANTED = np.concatenate([24 + 10 * PROMO + 100, 1024 + 10 * PROMO + 200])


@pytest.fixture(scope="module")
def model():
    return adding(PANEL.build(PAST))


def test_pandas(model):
    ahead = forecast(model, PAST, future=FUTURE)
    assert ahead.columns.tolist() == ["shop", "day", "step", "units"]
    assert ahead["shop"].tolist() == ["north"] * 3 + ["east"] * 3
    assert ahead["day"].tolist() == FUTURE.groupby("shop", sort=False).head(3)["day"].tolist()
    assert ahead["step"].tolist() == [1, 2, 3] * 2
    np.testing.assert_allclose(ahead["units"], WANTED)
    assert ahead.dtypes[["shop", "day"]].equals(FRAME.dtypes[["shop", "day"]])
    assert ahead.index.tolist() == list(range(6))


@pytest.mark.parametrize("kind", [pl.Datetime("us"), pl.Date, pl.Datetime("ms", "Europe/Berlin")])
def test_polars(model, kind):
    def convert(frame):
        days = pl.col("day")
        if getattr(kind, "time_zone", None):
            days = days.dt.replace_time_zone(kind.time_zone)
        return pl.from_pandas(frame).with_columns(
            days.cast(kind), pl.col("shop").cast(pl.Categorical)
        )

    past, future = convert(PAST), convert(FUTURE)
    ahead = forecast(model, past, future=future)
    assert isinstance(ahead, pl.DataFrame)
    assert ahead.schema["day"] == past.schema["day"]
    assert ahead.schema["shop"] == past.schema["shop"]
    first = (
        future.filter(future["promo"].is_not_null()).group_by("shop", maintain_order=True).head(3)
    )
    assert ahead["day"].to_list() == first["day"].to_list()
    np.testing.assert_allclose(ahead["units"], WANTED)


@pytest.mark.parametrize(
    "kind",
    ["datetime64[s]", "datetime64[ns, Europe/Berlin]", "timestamp[us, tz=Asia/Tokyo][pyarrow]"],
)
def test_times_of_pandas_keep_their_type(model, kind):
    def convert(frame):
        days = frame["day"]
        if "," in kind:
            zone = "Asia/Tokyo" if "Tokyo" in kind else "Europe/Berlin"
            days = days.dt.tz_localize(zone)
        return frame.assign(day=days.astype(kind))

    ahead = forecast(model, convert(PAST), future=convert(FUTURE))
    assert str(ahead["day"].dtype) == kind
    assert ahead["day"].dt.day.tolist() == [26, 27, 28] * 2
    np.testing.assert_allclose(ahead["units"], WANTED)


def test_quantiles_stand_beside_the_median():
    model = adding(PANEL.build(PAST), levels=(0.1, 0.5, 0.9))
    ahead = forecast(model, PAST, future=FUTURE)
    assert ahead.columns.tolist() == ["shop", "day", "step", "units_0.1", "units", "units_0.9"]
    np.testing.assert_allclose(ahead["units"], WANTED)
    np.testing.assert_allclose(ahead["units_0.1"], WANTED - 1)
    np.testing.assert_allclose(ahead["units_0.9"], WANTED + 1)


def test_several_targets_and_no_columns_of_ids_and_times():
    frame = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0)})
    windows = WindowedSeries(4, 2, target_columns=["b", "a"])
    ahead = forecast(RecurrentPreset(units=(2,)).build(windows.build(frame)), frame)
    assert ahead.columns.tolist() == ["step", "b", "a"]
    assert len(ahead) == 2


def test_a_column_named_as_one_of_the_forecasts_is_refused():
    frame = pd.DataFrame({"step": np.arange(20.0)})
    windows = WindowedSeries(4, target_columns="step")
    with pytest.raises(ValueError, match="several columns of the name 'step'"):
        forecast(adding(windows.build(frame)), frame)


def test_numbers_as_times_go_on():
    windows = WindowedSeries(4, 2, target_columns="units", time_column="hour")
    for kind in ("int16", "float64"):
        frame = pd.DataFrame({"hour": np.arange(0, 60, 3), "units": np.arange(20.0)})
        frame = frame.astype({"hour": kind})
        ahead = forecast(adding(windows.build(frame)), frame)
        assert ahead["hour"].tolist() == [60, 63]
        assert ahead["hour"].dtype == kind


@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize(("kind", "last"), [("uint8", 255), ("int8", 126), ("int16", 32767)])
def test_numbers_as_times_go_on_past_the_largest_of_their_type(library, kind, last):
    windows = WindowedSeries(4, 2, target_columns="units", time_column="hour")
    hours = np.arange(last - 19, last + 1).astype(kind)
    frame = library.DataFrame({"hour": hours, "units": np.arange(20.0)})
    ahead = forecast(adding(windows.build(frame)), frame)
    assert ahead["hour"].to_list() == [last + 1, last + 2]


@pytest.mark.parametrize("incomplete", ["raise", "nan"])
@pytest.mark.parametrize("convert", [lambda frame: frame, pl.from_pandas])
def test_a_frame_without_a_row_is_refused(model, convert, incomplete):
    empty = convert(PAST)[:0]
    with pytest.raises(ValueError, match="a frame without a row"):
        forecast(model, empty, future=FUTURE, incomplete=incomplete)
