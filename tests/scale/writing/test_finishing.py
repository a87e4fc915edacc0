"""Frequencies and the common grid are those of all series, though blocks are read one by one."""

import numpy as np
import polars as pl
import pytest

from keras_ts import WindowedSeries
from keras_ts.scale import PanelStore
from keras_ts.scale.writing import engine, finishing
from stored_panels import assert_same, in_order_of

DAYS = np.arange("2024-01-01", "2024-12-31", dtype="M8[D]")
WORKDAYS = DAYS[np.is_busday(DAYS)]


def panel(**series):
    """Return a long frame of the days of each series."""
    return pl.concat(
        pl.DataFrame({"id": name, "t": days, "y": np.arange(len(days), dtype=float)})
        for name, days in series.items()
    )


def windows(missing, **settings):
    return WindowedSeries(
        2, target_columns="y", id_column="id", time_column="t", missing=missing, **settings
    )


@pytest.mark.parametrize("missing", ["drop", "mask"])
@pytest.mark.parametrize("calendar", [None, "week", 5])
@pytest.mark.parametrize(
    "frame",
    [
        # Monday to Friday are days, and weekdays too: the longest series decides.
        panel(**{f"s{n}": WORKDAYS[5 * n : 5 * n + 5] for n in range(8)}, long=WORKDAYS),
        panel(**{f"s{n}": WORKDAYS[5 * n : 5 * n + 5] for n in range(8)}, long=DAYS),
        # Series that are closed on weekends join the grid of those that are not.
        panel(**{f"s{n}": WORKDAYS[: 20 + n] for n in range(4)}, long=DAYS),
        panel(a=DAYS[:30], b=np.delete(DAYS[:30], [7, 20]), c=DAYS[:2]),
    ],
)
def test_all_series_decide(tmp_path, monkeypatch, missing, calendar, frame):
    for module in (engine, finishing):
        monkeypatch.setattr(module, "BLOCK_BYTES", 100)  # One series in each block.
    monkeypatch.setattr(engine, "BATCH_BYTES", 100)
    settings = windows(missing, calendar=calendar)
    store = PanelStore.write(frame.sample(fraction=1, shuffle=True), tmp_path, settings)
    assert_same(settings.build(store), settings.build(in_order_of(frame, store.ids)))
    assert {path.name.partition(".")[0] for path in tmp_path.glob("*.values")} == {
        store.settings.files
    }


def test_weights_of_rows_follow_the_rows_that_were_given(tmp_path):
    """Missing rows that are filled in have none, so there is one weight for each other row."""
    frame = panel(a=DAYS[:9], b=np.delete(DAYS[:9], 4))
    settings = windows("mask")
    store = PanelStore.write(frame, tmp_path, settings)
    weights = np.arange(17.0)
    ours = settings.build(store, weights)
    assert_same(ours, settings.build(in_order_of(frame, store.ids), weights))


def test_categories_that_are_known_before_the_first_row_is_read(tmp_path):
    frame = panel(a=DAYS[:9], b=DAYS[:9]).with_columns(k=pl.col("id"))
    settings = windows("drop", static_columns="k", categories={"k": ["a", "b", "c"]})
    store = PanelStore.write([frame], tmp_path, settings)
    assert_same(settings.build(store), settings.build(in_order_of(frame, store.ids)))
