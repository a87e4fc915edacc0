"""A panel is read as its table is, wherever one is taken, and needs no names of columns again."""

import pickle

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_ts import (
    Panel,
    WindowedInput,
    WindowedSeries,
    choose_preset,
    forecast,
    from_preset,
    score,
)
from keras_ts.checks.leakage import check_leakage
from keras_ts.panel.settings import HANDLING
from keras_ts.scale import PanelStore

ROLES = {
    "target_columns": "units",
    "future_columns": "event",
    "static_columns": "type",
    "id_column": "shop",
    "time_column": "day",
}
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}


def columns(lengths, seed=0, gaps=False, holes=0.0):
    """Return the columns of a table of shops, each with so many days."""
    random = np.random.default_rng(seed)
    parts = []
    for number, length in enumerate(lengths):
        days = np.arange("2024-01-01", "2025-12-01", dtype="M8[D]")[:length].astype("M8[us]")
        kept = np.ones(length, bool)
        if gaps and length > 4:
            kept[random.integers(1, length - 1, 2)] = False
        units = random.poisson(2, length).astype(float)
        units[random.random(length) < holes] = np.nan
        event = np.array(["none", "sale", "fair"])[np.arange(length) % 3]
        shop, kind = f"shop {number}", "ab"[number % 2]
        part = {"shop": [shop] * length, "day": days, "units": units, "type": [kind] * length}
        part |= {"event": event, "visitors": random.integers(0, 9, length)}
        parts.append({name: np.asarray(values)[kept] for name, values in part.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def frame(library, lengths=(30, 40, 25), **settings):
    return FRAMES[library](columns(lengths, **settings))


def equal(first, second):
    """Check that two datasets have equal settings and windows."""
    assert first.windows == second.windows
    assert (first.columns, first.frequency) == (second.columns, second.frequency)
    assert np.array_equal(first.origins, second.origins)
    both = [keras.tree.flatten(dataset.to_numpy()) for dataset in (first, second)]
    for one, other in zip(*both, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other, equal_nan=True)


def outcome(call, windows, series):
    """Return what a call returns, or the message of its error."""
    try:
        return call(windows, series)
    except ValueError as error:
        return str(error)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(list(FRAMES)), st.lists(st.integers(9, 40), min_size=1, max_size=4),
       st.sampled_from(list(HANDLING)), st.booleans(),
       st.sampled_from([0.0, 0.2]), st.integers(0, 99))  # fmt: skip
def test_windows_of_a_panel_are_those_of_its_table(library, lengths, missing, gaps, holes, seed):
    table = frame(library, lengths, seed=seed, gaps=gaps, holes=holes)
    panel = Panel(table, **ROLES)
    plain = WindowedSeries(3, 2, missing=missing, seed=1, shuffle=True)
    named = WindowedSeries(3, 2, missing=missing, seed=1, shuffle=True, **ROLES)
    for call in (
        lambda windows, series: [windows.build(series)],
        lambda windows, series: windows.split(series, at=-4),
        lambda windows, series: [d for pair in windows.folds(series, 2) for d in pair],
    ):
        expected = outcome(call, named, table)
        for _ in range(2):  # What was kept of the first reading is as good.
            made = outcome(call, plain, panel)
            if isinstance(expected, str):
                assert made == expected
                continue
            for one, two in zip(made, expected, strict=True):
                equal(one, two)
    assert outcome(plain.__class__.count, plain, panel) == outcome(
        named.__class__.count, named, table
    )


@pytest.mark.parametrize("library", FRAMES)
def test_a_preset_and_a_forecast_need_no_names(library):
    table = frame(library)
    panel = Panel(table, **ROLES)
    choice = choose_preset(panel, 3)
    assert str(choice) == str(choose_preset(table, 3, **ROLES))
    windows = choice.preset.windows_for(panel, 3, at=-6, calendar="week")
    assert windows == choice.preset.windows_for(table, 3, at=-6, calendar="week", **ROLES)
    preset = from_preset("seasonal_gru", period=choice.preset.period, units=(2,))
    model = preset.build(windows.split(panel, at=-6)[0])
    ends = {"shop 0": 30, "shop 1": 40, "shop 2": 25}
    begin = np.repeat([np.datetime64("2024-01-01") + days for days in ends.values()], 3)
    days = (begin + np.tile(np.arange(3), 3)).astype("M8[us]")
    future = FRAMES[library]({
        "shop": np.repeat(list(ends), 3), "day": days, "event": ["none", "sale", "fair"] * 3,
    })  # fmt: skip
    made, expected = (forecast(model, series, future=future) for series in (panel, table))
    assert type(made) is FRAMES[library]
    assert made.equals(expected)
    wider = table.assign(more=1.0) if library == "pandas" else table.with_columns(more=pl.lit(1.0))
    others = Panel(wider[["more", *reversed(table.columns)]], **ROLES)
    assert forecast(model, others, future=future).equals(expected)
    few = Panel(table[[name for name in table.columns if name != "visitors"]], **ROLES)
    with pytest.raises(ValueError, match=r"lacks .*visitors"):
        forecast(model, few, future=future)
    visitors = Panel(table, **{**ROLES, "target_columns": "visitors"})
    with pytest.raises(ValueError, match="target_columns='units' disagrees with the Panel"):
        forecast(model, visitors, future=future)


@pytest.mark.parametrize("library", FRAMES)
def test_rows_are_sorted_by_series_and_time(library):
    table = frame(library)
    order = np.random.default_rng(0).permutation(len(table))
    mixed = table.iloc[order] if library == "pandas" else table[order]
    panel, windows = Panel(mixed, **ROLES), WindowedSeries(3)
    series = [panel.ids.index(shop) for shop in ("shop 0", "shop 1", "shop 2")]
    whole = windows.build(panel)
    x, y = whole.to_numpy()
    expected = WindowedSeries(3, **ROLES).build(table).to_numpy()
    owner = whole.align(y)["series"]
    rows = np.concatenate([np.flatnonzero(owner == panel.ids[number]) for number in series])
    assert np.array_equal(x["past"][rows], expected[0]["past"])
    assert np.array_equal(y[rows], expected[1])
    weights = np.zeros(len(table))
    weights[int(np.flatnonzero(order == 3)[0])] = 1  # The fourth day of the first shop.
    weighted = windows.build(panel, sample_weight=weights).to_numpy()[2]
    assert np.flatnonzero(weighted).tolist() == [rows[0]]
    again = Panel(panel.table, **ROLES)
    equal(windows.build(again), whole)


def test_a_pipeline_is_checked_on_a_panel():
    table = frame("polars", (20,))[["day", "units"]]
    panel = Panel(table.reverse(), target_columns="units", time_column="day")
    assert check_leakage(
        lambda series: series["units"].to_numpy()[2:-1], panel, WindowedSeries(3)
    ).ok
    moved = check_leakage(lambda s: s["units"].to_numpy()[3:], panel, WindowedSeries(3))
    assert not moved.ok


def test_two_rows_at_one_time_are_refused():
    table = frame("pandas")
    twice = pd.concat([table, table[4:5]])
    with pytest.raises(ValueError, match=r"time_column='day' repeats time at position 5.*'shop 0'"):
        Panel(twice, **ROLES)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"target_columns": "visitors"}, r"target_columns='visitors' .* with target_columns='unit"),
        ({"future_columns": "visitors"}, r"future_columns=\('visitors',\) .*future_columns=\('eve"),
        ({"id_column": "event", "future_columns": "event"}, "id_column"),
        ({"time_column": "visitors"}, "time_column='visitors' disagrees"),
        ({"categories": {"type": ["a"]}, "static_columns": "type"}, "categories="),
    ],
)
def test_other_names_beside_a_panel_are_refused(change, named):
    panel = Panel(frame("pandas"), categories={"type": ["a", "b"]}, **ROLES)
    with pytest.raises(ValueError, match=named):
        WindowedSeries(3, **change).build(panel)
    with pytest.raises(ValueError, match=named):
        from_preset("seasonal_gru", period=2).windows_for(panel, 3, **change)


def test_a_calendar_reads_the_timestamps_of_a_panel():
    table = frame("polars")
    made = WindowedSeries(3, calendar="week").build(Panel(table, **ROLES))
    equal(made, WindowedSeries(3, calendar="week", **ROLES).build(table))


def test_the_same_names_beside_a_panel_are_taken():
    panel = Panel(frame("pandas"), **ROLES)
    same = WindowedSeries(3, target_columns=["units"], future_columns=["event"])
    assert same.build(panel).to_numpy()[1].shape[1:] == (1,)
    without = Panel(frame("pandas")[["units", "visitors"]])
    assert WindowedSeries(3, target_columns="units").build(without).columns["target"] == ["units"]
    with pytest.raises(ValueError, match=r"id_column='shop' disagrees .* without it"):
        WindowedSeries(3, id_column="shop").build(without)


@pytest.mark.parametrize(
    "table",
    [np.arange(20.0), np.ones((20, 3)), [np.arange(9.0), np.arange(12.0)], list(range(20)),
     [np.ones((9, 2)), np.ones((7, 2))]],
)  # fmt: skip
def test_arrays_are_panels_too(table):
    panel, windows = Panel(table), WindowedSeries(3)
    equal(windows.build(panel), windows.build(table))
    persist = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x[:, -1:])])
    if np.ndim(table[0]) == 0 or (isinstance(table, list) and np.ndim(table[0]) == 1):
        ahead = forecast(persist, table, windows, steps=2)
        assert np.array_equal(forecast(persist, panel, windows, steps=2), ahead)


def test_a_column_of_an_array_may_be_counted_from_its_end():
    panel = Panel(np.random.default_rng(0).normal(size=(30, 3)), target_columns=-1)
    assert WindowedSeries(3, target_columns=2).build(panel).columns["target"] == [2]
    with pytest.raises(ValueError, match="target_columns=1 disagrees"):
        WindowedSeries(3, target_columns=1).build(panel)


def test_a_later_change_of_the_frame_changes_nothing():
    table = frame("pandas")
    panel, expected = Panel(table, **ROLES), WindowedSeries(3, **ROLES).build(table)
    table["units"] = 0.0
    table.loc[:, "visitors"] = 1
    del table["visitors"]
    equal(WindowedSeries(3).build(panel), expected)
    assert set(panel.table["units"]) != {0.0}


@pytest.mark.parametrize("rows", [slice(None), slice(None, None, -1)])
def test_a_change_of_its_table_changes_nothing(rows):
    table = frame("pandas")[rows].drop(columns=["event", "type"])
    roles = {name: ROLES[name] for name in ("target_columns", "id_column", "time_column")}
    panel = Panel(table, **roles)
    sparse = Panel(table.drop(columns="visitors"), **roles)
    dataset = WindowedSeries(3, horizon=3).build(sparse)
    model = keras.Sequential([WindowedInput.of(dataset), keras.layers.Flatten()])
    model.build((None, *dataset[0][0].shape[1:]))
    given_table = panel.table
    given_table["units"] = 0.0
    # The model does not read every column, so those that it reads are read again.
    pd.testing.assert_frame_equal(forecast(model, panel), forecast(model, sparse))


def test_a_store_is_a_panel_and_takes_one(tmp_path):
    table = frame("polars", gaps=True)
    windows = WindowedSeries(3, missing="mask")
    order = np.random.default_rng(0).permutation(len(table))
    store = PanelStore.write(Panel(table[order], **ROLES), tmp_path / "panel", windows)
    named = WindowedSeries(3, missing="mask", **ROLES)
    other = PanelStore.write(table, tmp_path / "table", named)
    equal(named.build(store), named.build(other))
    panel = Panel(store, target_columns="units", future_columns="event")
    equal(windows.build(panel), named.build(store))
    assert panel.num_rows == len(table)
    assert panel.ids == store.ids
    assert "frequency       1 day\n" in repr(panel)


def test_score_takes_panels():
    table = frame("pandas", (20, 20))[["shop", "day", "units"]]
    ahead = table[table["day"] >= "2024-01-15"].assign(step=1)[["shop", "day", "step", "units"]]
    ahead["units"] += 1.0
    came = Panel(table, target_columns="units", id_column="shop", time_column="day")
    made, expected = score(ahead, came, came), score(ahead, table, table)
    assert str(made) == str(expected)
    assert made.table["mae"][0] == 1.0


def test_it_prints_what_to_know_first():
    table = frame("pandas", (30, 25), gaps=True)
    table.loc[[3, 7], "units"] = np.nan
    table.loc[5, "event"] = None
    panel = Panel(table, **ROLES)
    zeros = 100 * (table["units"] == 0).sum() / table["units"].notna().sum()
    rows = table["shop"].value_counts()
    assert repr(panel).split("\n") == [
        f"Panel of 2 series and {len(table)} rows, {rows.min()} to {rows.max()} each",
        "span            2024-01-01 to 2024-01-30",
        f"frequency       1 day; {panel.gaps} steps leave out rows",
        "missing values  2 of units, 1 of event",
        f"zeros           {zeros:.1f} % of units",
        "target_columns  units",
        "future_columns  event (fair, none, sale)",
        "static_columns  type (a, b)",
        "other columns   visitors",
        "id_column       shop: shop 0, shop 1",
        "time_column     day",
    ]
    assert panel.gaps > 0
    assert panel.missing == {"units": 2, "event": 1}
    assert panel.span == (np.datetime64("2024-01-01"), np.datetime64("2024-01-30"))
    assert panel.roles["static"] == ["type"]
    assert "<th>span</th><td>2024-01-01 to 2024-01-30</td>" in panel._repr_html_()


def test_html_shows_names_as_they_are():
    table = pd.DataFrame({"<b>": [1.0, 2.0]})
    assert "&lt;b&gt;" in Panel(table)._repr_html_()


def test_it_is_pickled():
    panel = Panel(frame("polars"), **ROLES)
    equal(
        WindowedSeries(3).build(pickle.loads(pickle.dumps(panel))), WindowedSeries(3).build(panel)
    )
