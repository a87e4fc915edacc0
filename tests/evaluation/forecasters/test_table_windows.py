"""Forecasts that come as tables, whatever made them, stand on the windows that they belong to."""

import numpy as np
import pandas as pd
import polars
import pytest

from keras_ts import RecurrentPreset, WindowedSeries, compare, forecast
from keras_ts.evaluation.forecasters.table_windows import on_windows
from keras_ts.evaluation.judged import JudgedWindows


def shops(zone=None):
    days = pd.date_range("2024-01-01", periods=60, tz=zone)
    rng = np.random.default_rng(0)
    return pd.concat(
        [
            pd.DataFrame({"shop": shop, "day": days, "units": rng.normal(10, 1, 60)})
            for shop in ("b", "a", "c")
        ],
        ignore_index=True,
    )


WINDOWS = WindowedSeries(
    6, 3, gap=1, target_columns="units", id_column="shop", time_column="day", batch_size=16
)


@pytest.fixture
def held():
    return WINDOWS.split(shops(), at=-12)[1]


def numbered(dataset, seed=0):
    """Return a forecast of each target that no other target has."""
    return np.random.default_rng(seed).permutation(dataset.num_windows * 3).reshape(-1, 3) * 1.0


def on(dataset, table):
    values, levels, _ = on_windows("it", table, JudgedWindows("validation", dataset))
    assert levels is None
    return values[..., 0]


@pytest.mark.parametrize("library", ["dict", "pandas", "polars"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_a_table_of_align_is_put_back(library, zone):
    _, held = WINDOWS.split(shops(zone), at=-12)
    forecasts = numbered(held)
    table = held.align(forecasts)
    if library != "dict":
        table = pd.DataFrame(table)
    if library == "polars":
        table = polars.from_pandas(table)
    np.testing.assert_array_equal(on(held, table), forecasts)


@pytest.mark.parametrize("keys", ["origin", "step", "both"])
def test_rows_in_any_order_and_of_other_series_are_sorted_out(held, keys):
    forecasts = numbered(held)
    table = pd.DataFrame(held.align(forecasts)).drop(columns="actual")
    dropped = {"origin": ["step"], "step": ["origin"], "both": []}[keys]
    other = table.head(5).assign(series="elsewhere")
    table = pd.concat([table, other]).drop(columns=dropped).sample(frac=1.0, random_state=1)
    np.testing.assert_array_equal(on(held, table.iloc[10:]).size, forecasts.size)
    kept = on(held, table.drop(index=table.index[:10], errors="ignore"))
    np.testing.assert_array_equal(kept[np.isfinite(kept)], forecasts[np.isfinite(kept)])
    np.testing.assert_array_equal(on(held, table), forecasts)


def test_a_table_of_statsforecast_is_read_with_its_bounds(held):
    forecasts = numbered(held)
    table = pd.DataFrame(held.align(forecasts)).rename(
        columns={"series": "unique_id", "target": "ds", "origin": "cutoff", "prediction": "AutoETS"}
    )
    # Its actual values stand under the name of the target.
    table = table.rename(columns={"actual": "units"}).drop(columns="step")
    np.testing.assert_array_equal(on(held, table), forecasts)
    table["AutoETS-lo-80"], table["AutoETS-hi-80"] = table["AutoETS"] - 1, table["AutoETS"] + 2
    values, levels, _ = on_windows("it", table, JudgedWindows("validation", held))
    assert levels == (0.1, 0.5, 0.9)
    np.testing.assert_array_equal(
        values[:, :, 0], np.stack([forecasts + d for d in (-1, 0, 2)], -1)
    )
    with pytest.raises(ValueError, match="not clear which column of it holds the forecasts"):
        on(held, table.assign(Theta=1.0))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_of_forecast_and_of_one_run_without_steps(library):
    table = shops()
    windows = WindowedSeries(6, 3, target_columns="units", id_column="shop", time_column="day")
    train, held = windows.split(table, at=-12)
    model = RecurrentPreset(units=(2,), window_norm="last", quantiles=(0.1, 0.5, 0.9)).build(train)
    last = table["day"].max() - pd.Timedelta(days=5)
    history = table[table["day"] <= last]
    ahead = forecast(model, history if library == "pandas" else polars.from_pandas(history))
    report = compare({"model": model, "yesterday": ahead}, train, held)
    ours, theirs = ({c: v[row] for c, v in report.table.items() if c != "name"} for row in (0, 1))
    assert theirs == pytest.approx(ours, rel=1e-4, nan_ok=True)
    assert report.windows == 3
    assert "All have 3 windows in common" in str(report)
    bare = ahead.drop("step") if library == "polars" else ahead.drop(columns="step")
    again = compare({"model": model, "yesterday": bare}, train, held)
    assert again.table["mae"].tolist() == report.table["mae"].tolist()


def test_positions_and_several_targets():
    rng = np.random.default_rng(0)
    windows = WindowedSeries(4, 2, target_columns=[2, 0])
    held = windows.split(rng.normal(size=(60, 3)), at=50)[1]
    forecasts = rng.normal(size=(held.num_windows, 2, 2))
    values, *_ = on_windows("it", held.align(forecasts), JudgedWindows("validation", held))
    np.testing.assert_array_equal(values, forecasts)


def test_a_position_between_two_rows_is_none():
    held = WindowedSeries(4, 2).split(np.arange(60.0), at=50)[1]
    table = held.align(np.zeros((held.num_windows, 2)))
    with pytest.raises(ValueError, match="it forecasts none of the targets that are judged"):
        on_windows("it", {**table, "target": table["target"] + 0.5}, JudgedWindows("v", held))


@pytest.mark.parametrize("library", ["dict", "pandas", "polars"])
def test_an_origin_that_is_the_first_forecast_day_is_refused(library):
    """Without steps, such a table lies on the windows of one day later, a step too early."""
    windows = WindowedSeries(6, 3, target_columns="units", id_column="shop", time_column="day")
    train, held = windows.split(shops(), at=-12)
    table = pd.DataFrame(held.align(numbered(held))).drop(columns=["step", "actual"])
    table["origin"] += pd.Timedelta(days=1)
    table = pd.concat([table[1:], table[:1]])  # Row 0 is a second step.
    given = {"dict": lambda t: {key: t[key].to_numpy() for key in t}, "polars": polars.from_pandas}
    theirs = given.get(library, lambda t: t)(table)
    words = (
        f"theirs has forecasts at or before their origin in {held.num_windows} rows, the first of "
        "them row 2. .* is it the first forecast day here"
    )
    with pytest.raises(ValueError, match=words):
        compare({"theirs": theirs}, train, held)
    day = pd.Timedelta(days=1)
    on(held, table.assign(origin=table["origin"] - day))
    # A row without a forecast says nothing.
    first = table["target"] <= table["origin"]
    on(held, table.assign(prediction=table["prediction"].mask(first)))


def test_samples_of_known_rows_are_refused_by_their_own_rows():
    windows = WindowedSeries(6, 3, target_columns="units", id_column="shop", time_column="day")
    _, held = windows.split(shops(), at=-12)
    table = pd.DataFrame(held.align(numbered(held))).drop(columns=["step", "actual"])
    table = pd.concat([table.assign(sample=0), table.assign(sample=1)], ignore_index=True)[::-1]
    table.loc[table["target"] == table["target"].max(), "origin"] = table["target"].max()
    with pytest.raises(ValueError, match="in 6 rows, the first of them row 0"):
        on(held, table)


@pytest.mark.parametrize("other", ["origin", "step"])
def test_steps_beyond_those_that_are_judged_are_named(other):
    train, held = WINDOWS.split(shops(), at=-12)
    wide = WindowedSeries(
        6, 7, gap=1, target_columns="units", id_column="shop", time_column="day"
    ).split(shops(), at=-12)
    table = pd.DataFrame(wide[1].align(np.zeros((wide[1].num_windows, 7))))
    note = "theirs forecasts up to step 7; steps after 3 are not judged."
    assert note in str(compare({"theirs": table.drop(columns=other)}, train, held))
    model = RecurrentPreset(units=(2,)).build(train)
    assert note in str(compare({"net": (model, train, held), "theirs": table}, *wide))
    # There is nothing to say of as many steps as are judged, nor of those without a forecast.
    assert "up to step" not in str(compare({"theirs": table}, *wide))
    table.loc[table["step"] > 3, "prediction"] = np.nan
    assert "up to step" not in str(compare({"theirs": table}, train, held))


def test_a_target_without_a_forecast_counts_for_nobody(held):
    train = WINDOWS.split(shops(), at=-12)[0]
    forecasts = numbered(held)
    table = pd.DataFrame(held.align(forecasts))
    table.loc[table["step"] == 2, "prediction"] = np.nan
    report = compare({"theirs": table}, train, held)
    assert f"theirs has no forecast of {held.num_windows} targets, which count nowhere." in str(
        report
    )
    scores = report.scores(by="step")
    naive = scores["name"] == "naive"
    assert np.isnan(scores["mae"][naive]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            lambda t: t.drop(columns="series"),
            "it must say which of 3 series it forecasts, in a colu",
        ),
        (
            lambda t: t.drop(columns="target"),
            "it must say which rows it forecasts, in a column 'day'",
        ),
        (
            lambda t: t.drop(columns=["origin", "step"]),
            r"several rows for one series and time, .* add a column 'origin'.*drop_duplicates\(\)",
        ),
        (
            lambda t: t.assign(step=24 * t["step"]),
            "contradicts itself in 90 rows: row 0 says step 24, and its time belongs to step 1",
        ),
        (  # The day of issue, on which the first forecast lies, is no origin.
            lambda t: t.assign(origin=t["origin"] + pd.Timedelta(days=1)),
            "row 1 says step 2, and its time belongs to step 1 after its origin. The origin is the",
        ),
        (lambda t: t.assign(step=t["step"] - 1), "must hold the numbers of steps, 1 for the first"),
        (lambda t: pd.concat([t, t]), "it has 2 forecasts of one series, origin and step"),
        (lambda t: t.assign(series="x"), "it forecasts none of the targets that are judged"),
        (lambda t: t.assign(series=7), "It has ids such as 7, and the series such as '"),
        (
            lambda t: t.assign(target=1, origin=0),
            "are dates without a time zone, and those of it are num",
        ),
        (
            lambda t: t.assign(target=t["target"].astype(str)),
            "time_column='target' must hold dates",
        ),
        (lambda t: t.assign(prediction="high"), "column 'prediction' of it must hold numbers"),
        (
            lambda t: t.drop(columns="prediction"),
            "not clear which column of it holds the forecasts",
        ),
    ],
)
def test_misuse_is_refused(held, change, error):
    table = pd.DataFrame(held.align(numbered(held)))
    with pytest.raises((TypeError, ValueError), match=error):
        on(held, change(table))
