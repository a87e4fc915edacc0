"""Columns of text equal the columns of 0 and 1 that a person would make by hand."""

import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import Panel, WindowedSeries

KINDS = {
    "str": lambda frame: frame,
    "object": lambda frame: frame.astype({"type": object, "event": object}),
    "categorical": lambda frame: frame.astype({"type": "category", "event": "category"}),
    "polars": pl.from_pandas,
    "polars categorical": lambda frame: pl.from_pandas(frame).with_columns(
        pl.col("type").cast(pl.Categorical), pl.col("event").cast(pl.Enum([*"zyxwabc"]))
    ),
    "arrow": lambda frame: pl.from_pandas(frame).to_arrow(),
}
SETTINGS = {"target_columns": "units", "id_column": "shop", "time_column": "day"}
WINDOWS = WindowedSeries(
    4, 2, static_columns=["size", "type"], future_columns=["event", "price"], **SETTINGS
)


def table(types="ab", events="xy", rows=12):
    """A panel with one shop for each of some types, whose rows go through some events."""
    parts = []
    for number, kind in enumerate(types):
        part = pd.DataFrame({"event": np.resize(np.roll([*events], number), rows)})
        part["units"] = np.arange(rows) + 100.0 * number
        part["type"] = kind
        part["price"] = np.arange(rows) % 3
        part["size"] = number
        parts.append(part.assign(shop=f"shop {number}", day=pd.date_range("2024", periods=rows)))
    return pd.concat(parts, ignore_index=True)


def by_hand(frame, windows=WINDOWS):
    """Make the columns with pandas where those of text stood; return frame and windows."""
    parts, names = [], {}
    for name in frame.columns:
        if name in ("event", "type"):
            made = pd.get_dummies(frame[name], prefix=name, prefix_sep="=")
            names[name] = list(made.columns)
            parts.append(made)
        else:
            parts.append(frame[[name]])
    settings = windows.get_config()
    for role in ("static_columns", "future_columns"):
        settings[role] = [made for name in settings[role] for made in names.get(name, [name])]
    return pd.concat(parts, axis=1), WindowedSeries.from_config(settings)


def assert_equal(dataset, wanted):
    assert dataset.columns == wanted.columns
    (x, y), (wanted_x, wanted_y) = dataset.to_numpy(), wanted.to_numpy()
    assert x.keys() == wanted_x.keys()
    for part, values in wanted_x.items():
        np.testing.assert_array_equal(x[part], values)
        assert x[part].dtype == values.dtype
    np.testing.assert_array_equal(y, wanted_y)


@given(
    kind=st.sampled_from(list(KINDS)),
    types=st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    events=st.lists(st.sampled_from("xyzw"), min_size=1, max_size=6),
    order=st.permutations(["event", "units", "type", "price", "size", "shop", "day"]),
    mixed=st.booleans(),
)
def test_they_equal_columns_made_by_hand(kind, types, events, order, mixed):
    frame = table(types, events)[order]
    if mixed:
        frame = frame.sort_values("day", kind="stable", ignore_index=True)
    dataset = WINDOWS.build(KINDS[kind](frame))
    made, windows = by_hand(frame)
    assert_equal(dataset, windows.build(made))
    texts = {"type": tuple(sorted(set(types))), "event": tuple(sorted(set(events)))}
    assert dataset.windows.categories == texts


def test_split_and_folds_equal_those_by_hand():
    frame = table(rows=40)
    made, windows = by_hand(frame)
    for dataset, wanted in zip(
        WINDOWS.split(frame, [20, 30]), windows.split(made, [20, 30]), strict=True
    ):
        assert_equal(dataset, wanted)
        assert dataset.windows.categories == {"type": ("a", "b"), "event": ("x", "y")}
    folds = zip(WINDOWS.folds(frame, 3), windows.folds(made, 3), strict=True)
    for pair in folds:
        for dataset, wanted in zip(*pair, strict=True):
            assert_equal(dataset, wanted)


def test_the_windows_keep_their_categories():
    windows = WINDOWS.build(table()).windows
    again = WindowedSeries.from_config(json.loads(json.dumps(windows.get_config())))
    assert again == windows
    assert again.categories == {"type": ("a", "b"), "event": ("x", "y")}
    assert hash(again) == hash(windows)
    assert pickle.loads(pickle.dumps(windows)) == windows
    dataset = windows.build(table("b", "y"))
    assert dataset.windows == windows
    assert dataset.columns == WINDOWS.build(table()).columns
    assert dataset.to_numpy()[0]["static"][0].tolist() == [0, 0, 1]


def test_categories_by_hand_keep_their_order_and_may_be_absent():
    windows = WindowedSeries.from_config(
        {**WINDOWS.get_config(), "categories": {"event": ["y", "never", "x"]}}
    )
    train, _ = windows.split(late(), 20)
    assert train.windows.categories == {"event": ("y", "never", "x"), "type": ("a", "b")}
    assert train.columns["future"] == ["event=y", "event=never", "event=x", "price"]
    assert not train.to_numpy()[0]["future"][..., 1:3].any()


def late(event="x", rows=40):
    """A table in which an event comes only in the last rows, first in row 30."""
    frame = table("ab", "y", rows)
    return frame.assign(event=np.where(frame["day"] >= "2024-01-31", event, "y"))


def test_a_category_that_the_training_part_lacks_is_refused():
    says = (
        r"column 'event' has the category 'x', first at position 30 \(2024-01-31\) of series "
        r"'shop 0', and the training part has no row of this category.*Move the border"
    )
    with pytest.raises(ValueError, match=says):
        WINDOWS.split(late(), 20)
    with pytest.raises(ValueError, match=r"'x', first at position 30.*Use fewer folds"):
        WINDOWS.folds(late(), 3)
    assert len(WINDOWS.split(late(), 32)) == 2
    opened = table(rows=40).query("shop == 'shop 0' or day > '2024-01-25'")
    with pytest.raises(ValueError, match=r"column 'type' has the category 'b', first at.*'shop 1'"):
        WINDOWS.split(opened, "2024-01-20")


def lacked(column, names):
    return rf"column '{column}' has categories that the training part lacked: {names}"


MEAN = WindowedSeries.from_config({**WINDOWS.get_config(), "unseen": "mean"})


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "arrow"])
def test_a_category_never_seen_is_the_mean_of_those_seen(kind):
    frame = late()
    frame.loc[frame["day"] < "2024-01-11", "event"] = "z"
    with pytest.warns(UserWarning, match=lacked("event", r"\['x'\]. Each.* the 2 categories")):
        train, later = MEAN.split(KINDS[kind](frame), 30)
    assert train.windows.categories == {"event": ("y", "z"), "type": ("a", "b")}
    assert train.columns["future"] == ["event=y", "event=z", "price"]
    future = later.to_numpy()[0]["future"]
    np.testing.assert_array_equal(future[0, :, :2], 0.5)
    # A store like those of the training part, and one of a type of its own.
    with pytest.warns(UserWarning, match=lacked("type", r"\['c'\]")):
        built = train.windows.build(KINDS[kind](table("ac", "yz")))
    static = built.to_numpy()[0]["static"]
    np.testing.assert_array_equal(np.unique(static[:, 1:], axis=0), [[0.5, 0.5], [1, 0]])


def test_folds_learn_the_categories_that_each_training_part_has():
    with pytest.warns(UserWarning, match=lacked("event", r"\['x'\]")):
        folds = list(MEAN.folds(late(), 3))
    assert len(folds) == 3
    for train, validation in folds:
        assert train.windows == validation.windows
        assert train.windows.categories["event"] == ("y",)


def test_a_panel_read_by_the_mean_still_refuses_otherwise():
    settings = WINDOWS.get_config()
    columns = {name: settings[name] for name in ("static_columns", "future_columns")}
    panel = Panel(table("abc"), **columns, **SETTINGS)
    settings["categories"] = {"type": ["a", "b"]}
    with pytest.warns(UserWarning, match=lacked("type", r"\['c'\]")):
        WindowedSeries.from_config({**settings, "unseen": "mean"}).build(panel)
    with pytest.raises(ValueError, match=r"has the category 'c'.*or with unseen"):
        WindowedSeries.from_config(settings).build(panel)


def test_a_category_that_a_fold_does_not_hold_is_no_matter_to_it():
    """Only the last validation part has it, and the last training part, which is longer."""
    frame = late(rows=60)
    for train, validation in WINDOWS.folds(frame, 2, test_size=10):
        assert train.windows == validation.windows


def test_a_missing_text_that_is_known_ahead_is_missing_in_all_its_columns():
    frame = table()
    frame["event"] = frame["event"].where(frame["day"] != "2024-01-06")
    says = "2 positions with a missing.*first at position 5 .2024-01-06.*in column 'event'. Fill"
    with pytest.raises(ValueError, match=says):
        WINDOWS.build(frame)
    for kind in (frame, pl.from_pandas(frame)):
        keep = WindowedSeries.from_config({**WINDOWS.get_config(), "missing": "keep"}).build(kind)
        assert keep.columns["future"] == ["event=x", "event=y", "price"]
        rows = keep.to_numpy()[0]["future"][0]
        assert np.isnan(rows[1, :2]).all()
        assert np.isfinite(rows[0]).all()
    drop = WindowedSeries.from_config({**WINDOWS.get_config(), "missing": "drop"})
    assert drop.count(frame) == 2 * drop.count(table("a")[6:])


def seen(name, text):
    return lambda: WINDOWS.build(table().assign(**{name: text}))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda: WINDOWS.build(table().assign(type=["a", None] * 12)),
            ValueError,
            r"static_columns='type' holds 12 missing texts, the first in row 1\. Fill",
        ),
        (
            lambda: WINDOWS.build(table().assign(type=[*"ab"] * 12)),
            ValueError,
            "static_columns='type' changes within a series, first at row 1",
        ),
        (
            lambda: WINDOWS.build(table("ab")).windows.build(table("ac")),
            ValueError,
            r"column 'type' of series has the category 'c', first in row 12, and the windows "
            r"have \['a', 'b'\]. Replace it",
        ),
        (
            lambda: WINDOWS.build(table()).windows.build(table().assign(event=1.0)),
            TypeError,
            "column 'event' of series must hold text, since it has categories. Received Float64",
        ),
        (seen("event", None), ValueError, "column 'event' has no text in any row"),
        (seen("type=a", 1.0), ValueError, "column of text makes a column 'type=a', and there is"),
        (seen("town", "Leith"), TypeError, "'town' must hold numbers.*Leith'.*static_columns"),
        (seen("units", "12"), TypeError, "'units' must hold numbers.*first value '12'.*frames.md"),
        (
            lambda: WINDOWS.build(table("a", map(str, range(1025)), 1025)),
            ValueError,
            r"categories\['event'\] must be at most 1,024 categories.*Received 1,025. Merge",
        ),
        (
            seen("type", pd.Categorical(np.repeat([1, 2], 12))),
            TypeError,
            "column 'type' must hold numbers",
        ),
        (
            lambda: WindowedSeries(3, static_columns="a", categories={"b": ["x"]}),
            ValueError,
            "categories names 'b', which is not in static_columns or future_columns",
        ),
        (
            lambda: WindowedSeries(3, static_columns="a", categories={"a": "xy"}),
            TypeError,
            r"categories\['a'\] must be a list of texts. Received: 'xy'",
        ),
    ],
)  # fmt: skip
def test_misuse_says_what_came_and_what_to_do(call, error, says):
    with pytest.raises(error, match=says):
        call()
