"""Random long frames, and the windows that a store must give: those of the sorted frame."""

import datetime
from itertools import pairwise

import keras
import numpy as np
import polars as pl
from hypothesis import strategies as st

from keras_ts import WindowedSeries
from keras_ts.panel.settings import HANDLING

WINDOWS = WindowedSeries(3, 2, target_columns="y", id_column="id", time_column="t")

FIRST = datetime.datetime(2024, 3, 25)
# Steps of a series: regular ones, or rows that lie on a grid with others.
STEPS = {
    "days": lambda count: np.arange(count),
    "weekdays": lambda count: np.flatnonzero((np.arange(2 * count + 7) % 7) < 5)[:count],
    "alternate": lambda count: 2 * np.arange(count),
}
TIMES = [None, "date", "datetime", "zoned", "int", "float"]


@st.composite
def frames(draw):
    """Return a long frame in random order, with ids, maybe timestamps, and several columns."""
    kind, texts = draw(st.sampled_from(TIMES)), draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    parts = []
    for number in range(draw(st.integers(1, 6))):
        count = draw(st.integers(1, 14))
        places = STEPS[draw(st.sampled_from([*STEPS, "days"]))](count)
        if draw(st.booleans()):
            places = places[
                np.sort(rng.permutation(count)[: max(count - draw(st.integers(0, 3)), 1)])
            ]
        parts.append(
            pl.DataFrame(
                {
                    "id": [f"s{number}" if texts else 7 * number] * len(places),
                    "y": rng.normal(size=len(places)),
                    "kind": [["a", "b"][number % 2]] * len(places),
                    "p": rng.integers(0, 9, len(places)),
                    "size": [number] * len(places),
                    "event": rng.choice(["none", "sale"], len(places)),
                    **({} if kind is None else {"t": stamps(places, kind)}),
                }
            )
        )
    frame = pl.concat(parts)
    if draw(st.booleans()):  # Some values are missing, as null or as NaN.
        holes = pl.Series(rng.random(len(frame)) < 0.15)
        frame = frame.with_columns(pl.when(~holes).then("y").alias("y"))
        if draw(st.booleans()):
            frame = frame.with_columns(frame["y"].fill_null(np.nan))
    if draw(st.booleans()):
        holes = pl.Series(rng.random(len(frame)) < 0.05)
        frame = frame.with_columns(pl.when(~holes).then("p").alias("p"))
    if kind is None:
        return frame
    return frame.sample(fraction=1, shuffle=True, seed=int(rng.integers(1 << 16)))


def stamps(places, kind):
    """Return timestamps of a kind at days, or hours, counted from the first."""
    if kind in ("int", "float"):
        return pl.Series(places * 2, dtype=pl.Int32 if kind == "int" else pl.Float64)
    if kind == "zoned":
        hours = [FIRST + datetime.timedelta(hours=12 * int(place)) for place in places]
        return pl.Series(hours).dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
    days = [FIRST + datetime.timedelta(days=int(place)) for place in places]
    return pl.Series(days, dtype=pl.Date if kind == "date" else pl.Datetime("ms"))


@st.composite
def settings(draw, frame):
    """Return settings of windows that fit a frame, or are refused."""
    dated = "t" in frame.columns
    missing = draw(st.sampled_from(list(HANDLING)))
    calendars = [None, 3] + ([["week"], ["day", 2.5]] if dated else [])
    return WindowedSeries(
        draw(st.integers(1, 3)),
        draw(st.integers(1, 2)),
        target_columns=draw(st.sampled_from(["y", ("y",)])),
        future_columns=draw(st.sampled_from([("event",), ("p", "event")])),
        static_columns=draw(st.sampled_from([("kind", "size"), ("size", "kind")])),
        calendar=draw(st.sampled_from(calendars)),
        id_column="id",
        time_column="t" if dated else None,
        missing=missing,
        min_inputs=1 if missing.startswith("mask") and draw(st.booleans()) else None,
        weighting=draw(st.sampled_from([None, "inverse_scale"])),
        batch_size=4,
    )


def in_pieces(frame, count):
    """Return a frame as several, with the rows of a series spread over them."""
    edges = np.linspace(0, len(frame), count + 1).astype(int).tolist()
    return [frame[begin:end] for begin, end in pairwise(edges)]


def in_order_of(frame, ids):
    """Return a frame with series in the order of ids, each sorted by time."""
    order = frame["id"].replace_strict(ids, range(len(ids)))
    keys = ["order", *(["t"] if "t" in frame.columns else [])]
    return frame.with_columns(order=order).sort(keys, maintain_order=True).drop("order")


def outcome(make):
    """Return what ``make`` returns, or its error."""
    try:
        return make()
    except (TypeError, ValueError) as error:
        return error


def assert_same(dataset, other):
    """Two datasets have the same windows, window for window."""
    assert dataset.num_windows == other.num_windows
    assert dataset.columns == other.columns
    assert dataset.frequency == other.frequency
    assert dataset.windows == other.windows
    assert np.array_equal(dataset.origins, other.origins)
    for mine, theirs in zip(
        keras.tree.flatten(dataset.to_numpy()), keras.tree.flatten(other.to_numpy()), strict=True
    ):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def panel(series=5, rows=12, gap=False):
    """Return a long frame of days, sorted; with a gap, one row is left out."""
    days = np.arange("2024-01-01", "2025-01-01", dtype="M8[D]")[:rows]
    frame = pl.concat(
        pl.DataFrame({"id": f"s{n}", "t": days, "y": np.sin(np.arange(rows) * n + n)})
        for n in range(series)
    )
    return frame.filter(np.arange(len(frame)) != 5) if gap else frame


def in_files(frame, folder, count=4):
    """Write the rows of a frame, in random order, into Parquet files."""
    folder.mkdir()
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    for number, piece in enumerate(in_pieces(shuffled, count)):
        piece.write_parquet(folder / f"{number}.parquet")
    return folder


def left_beside(folder):
    """Return the names of what a write left beside its folder."""
    return [path.name for path in folder.parent.iterdir() if path.name.startswith(".keras_ts")]
