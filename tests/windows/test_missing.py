"""The table of ``missing`` says what windows do, for each of its rows."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import WindowedSeries, from_preset
from keras_ts.panel.settings import HANDLING

DAYS = pd.date_range("2024-01-01", periods=12).delete(9)


def windows_of(missing, values, dates=None, **settings):
    frame = pd.DataFrame({"y": values, "day": DAYS[: len(values)] if dates is None else dates})
    windows = WindowedSeries(2, missing=missing, target_columns="y", time_column="day", **settings)
    return windows.build(frame).to_numpy()


@pytest.mark.parametrize("missing", HANDLING)
def test_values_that_may_be_missing(missing):
    handling = HANDLING[missing]
    values = np.arange(9.0)
    values[4] = np.nan
    if not handling.series:
        with pytest.raises(ValueError, match="missing or infinite value"):
            windows_of(missing, values, horizon=2)
        return
    x, y = windows_of(missing, values, horizon=2)
    assert bool(np.isnan(x).any()) == handling.inputs
    assert bool(np.isnan(y).any()) == (handling.complete != "all")
    assert len(y) == {"none": 6, "some": 6, "all": 4 if handling.inputs else 2}[handling.complete]


@pytest.mark.parametrize("missing", HANDLING)
def test_a_window_without_a_target(missing):
    values = np.arange(9.0)
    values[4] = np.nan
    if HANDLING[missing].series:
        _, y = windows_of(missing, values)
        assert bool(np.isnan(y).any()) == (HANDLING[missing].complete == "none")


@pytest.mark.parametrize("missing", HANDLING)
def test_gaps_in_time(missing):
    gaps = HANDLING[missing].gaps
    if gaps == "refuse":
        with pytest.raises(ValueError, match="leave out rows"):
            windows_of(missing, np.arange(11.0))
    else:
        x, y = windows_of(missing, np.arange(11.0))
        assert len(y) == {"ignore": 9, "part": 7, "fill": 9}[gaps]
        assert bool(np.isnan(x).any()) == (gaps == "fill")


MASKING = [name for name, handling in HANDLING.items() if handling.inputs]


def shops(missing, library=pd.DataFrame, promo=0.0, **settings):
    """A panel with an infinite value in its second series, and the windows that read it."""
    rows = [(shop, day, 1.0 * n, 0.0) for shop in "ab" for n, day in enumerate(DAYS)]
    table = pd.DataFrame(rows, columns=["shop", "day", "units", "promo"])
    place = (table["shop"] == "b") & (table["day"] == DAYS[4])
    table.loc[place, "promo" if promo else "units"] = promo or -np.inf
    return library(table), WindowedSeries(
        3, 2, missing=missing, target_columns="units", future_columns="promo", id_column="shop",
        time_column="day", **settings,
    )  # fmt: skip


@pytest.mark.parametrize("missing", MASKING)
@pytest.mark.parametrize("library", [pd.DataFrame, pl.from_pandas])
def test_an_infinite_value_is_refused_where_a_missing_one_is_allowed(missing, library):
    says = r"series has 1 position with an infinite value, the first at position 4 "
    says += r"\(2024-01-05\) of series 'b' in column '{}'. Correct it, write NaN"
    for column, promo in (("units", 0.0), ("promo", np.inf)):
        table, windows = shops(missing, library, promo)
        for cut in (
            windows.build,
            windows.count,
            lambda table, windows=windows: windows.split(table, at=-4),
            lambda table, windows=windows: windows.folds(table, 2, test_size=2),
        ):
            with pytest.raises(ValueError, match=says.format(column)):
                cut(table)


@pytest.mark.parametrize("promo", [0.0, np.inf])
def test_presets_choose_no_windows_for_an_infinite_value(promo):
    """They mask, since there is a plan, and would have taken the value for a missing one."""
    table, windows = shops("raise", promo=promo)
    names = {name: getattr(windows, name) for name in ("target_columns", "future_columns")}
    names |= {"id_column": "shop", "time_column": "day", "window": 3}
    preset = from_preset("smooth_gru")
    with pytest.raises(ValueError, match=r"an infinite value.*'b' in column"):
        preset.windows_for(table, 2, **names)
    assert preset.windows_for(table, 2, missing="drop", **names).missing == "drop"


def test_drop_still_drops_windows_with_an_infinite_value():
    values = np.arange(20.0)
    values[8] = np.inf
    x, y = WindowedSeries(3, missing="drop").build(values).to_numpy()
    # Windows 5 to 8 read position 8: 5 as their target, 6 to 8 as an input.
    assert x[:, 0].tolist() == [n for n in range(17) if n not in (5, 6, 7, 8)]
    assert np.isfinite(y).all()


@pytest.mark.parametrize("missing", MASKING)
def test_a_memory_map_with_an_infinite_value(missing, tmp_path):
    """As it is built, if windows depend on its values; else as the batch is read."""
    series = np.memmap(tmp_path / "series", np.float32, "w+", shape=(40,))
    series[:] = np.arange(40)
    series[[3, 30]] = np.nan, np.inf
    windows = WindowedSeries(3, missing=missing, batch_size=5)
    says = "1 position with an infinite value, the first at position 30. Correct it"
    if missing != "keep":
        with pytest.raises(ValueError, match=says):
            windows.build(series)
        return
    dataset = windows.build(series)
    assert np.isnan(dataset[0][0]).any()
    for read in (lambda: dataset[5], dataset.to_numpy):
        with pytest.raises(ValueError, match=says):
            read()
