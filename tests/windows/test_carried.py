"""``Carried`` holds what a dataset has, and refuses what contradicts itself."""

import itertools
import json
import re
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import WindowedSeries
from keras_ts.panel.settings import HANDLING
from keras_ts.windows.carried import MOST_SPANS, Carried, checked_spans, columns_of, joined, overlap

COLUMNS = {"past": ["a", "b", "c"], "future": ["b"], "static": ["shop"], "target": ["c"]}
WINDOWS = WindowedSeries(5, target_columns="c", future_columns="b", static_columns="shop")


def named(windows=WINDOWS, columns=COLUMNS, *more):
    return Carried(windows, columns_of(windows, columns), *more)


def frame(names="abc", periods=30, freq="D"):
    columns = {name: np.arange(periods) * 1.0 for name in names}
    return pd.DataFrame({**columns, "day": pd.date_range("2024", periods=periods, freq=freq)})


def through_json(carried):
    return Carried.from_config(json.loads(json.dumps(carried.get_config(), allow_nan=False)))


@st.composite
def cases(draw):
    """Draw settings and a series with columns of every part, of an array or of a frame."""
    count = draw(st.integers(1, 5))
    numbers = list(range(count))
    target = draw(st.integers(0, count - 1))
    parts = draw(st.lists(st.sampled_from("-fs"), min_size=count, max_size=count))
    future = [n for n in numbers if parts[n] == "f" and n != target]
    static = [n for n in numbers if parts[n] == "s" and n != target]
    named = draw(st.booleans())

    def called(column):
        if named:
            return "abcde"[column]
        return column - count if draw(st.booleans()) else column

    wanted = draw(st.sampled_from(["default", "single", "list"]))
    settings = {
        "future_columns": [called(n) for n in draw(st.permutations(future))] or None,
        "static_columns": [called(n) for n in static] or None,
        "target_columns": {"default": None, "single": called(target), "list": [called(target)]}[
            wanted
        ],
        "calendar": draw(st.sampled_from([None, 7, [7, 3.5]])) if named else None,
        "targets": draw(st.sampled_from(["vector", "sequence"])),
    }
    time_column = "day" if named else None
    series = frame("abcde"[:count]) if named else np.ones((30, count))
    if named:
        series[["abcde"[n] for n in static]] = 1.0
    return WindowedSeries(4, time_column=time_column, seed=1, **settings), series


@given(case=cases())
def test_every_dataset_agrees_with_its_own_windows_and_survives_json(case):
    windows, series = case
    dataset = windows.build(series)
    carried = Carried.of(dataset, [0.1, 0.5])
    assert carried.windows == dataset.windows
    assert carried.columns.by_part() == dataset.columns
    assert carried.frequency == dataset.frequency
    assert through_json(carried) == carried
    assert carried.disagreement(Carried(dataset.windows)) is None


def test_a_plain_series_and_a_table_of_days():
    assert Carried.of(WindowedSeries(3).build(np.arange(9.0))).columns.past == (0,)
    days = WindowedSeries(3, time_column="day").build(frame())
    assert Carried.of(days).frequency == "1 day"


def test_numpy_values_become_plain():
    carried = named(
        WindowedSeries(3),
        {"past": np.arange(2), "future": [], "static": (), "target": np.arange(2)},
        np.str_("1 day"),
        np.array([0.25, 0.5]),
    )
    assert [type(name) for name in carried.columns.past] == [int, int]
    assert type(carried.frequency) is str
    assert [type(level) for level in carried.quantiles] == [float, float]
    assert through_json(carried) == carried


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"past": ["a", "c"]}, r"future_columns='b' is not in the series.*\['a', 'c', 'shop'\]"),
        ({"target": ["d"]}, r"'target'\] must be \['c'\].*\['d'\]"),
        ({"target": ["a"]}, r"must be \['c'\] by the settings of the windows.*\['a'\]"),
        ({"target": ["c", "a"]}, r"must be \['c'\]"),
        ({"target": []}, r"must be \['c'\].*\[\]"),
        ({"target": ["b"]}, r"'target'\] must be \['c'\].*\['b'\]"),
        ({"future": []}, r"'future'\] must be \['b'\].*\[\]"),
        ({"future": ["b", "a"]}, r"'future'\] must be \['b'\].*\['b', 'a'\]"),
        ({"static": []}, r"static_columns='shop' is not in the series"),
        ({"static": ["a"]}, r"static_columns='shop' is not in the series"),
        ({"past": ["a", "a", "b", "c"]}, "names a column twice"),
        ({"past": ["a", 1.5, "b", "c"]}, "a column of columns.* must be an integer"),
        ({"past": ["a", True, "b", "c"]}, "a column of columns.* must be an integer"),
        ({"past": ["a", -1, "b", "c"]}, "must be >= 0"),
        ({"past": "abc"}, "must be a list of at most 65,536 names"),
        ({"past": list(range(70_000))}, "must be a list of at most 65,536 names"),
        ({"more": []}, "must be a dict with the keys past, future, static, target"),
    ],
)
def test_columns_that_contradict_themselves_or_the_windows(changes, says):
    assert named().columns.by_part() == COLUMNS
    with pytest.raises((TypeError, ValueError), match=says) as error:
        named(WINDOWS, {**COLUMNS, **changes})
    assert len(str(error.value)) < 1000


def test_a_part_that_an_old_file_lacks_is_empty():
    windows = WindowedSeries(5, target_columns="c")
    old = named(windows, {"past": ["a", "c"], "target": ["c"]})
    assert old == named(windows, {"past": ["a", "c"], "target": ["c"], "future": [], "static": []})
    config = old.get_config()
    del config["columns"]["static"]
    assert Carried.from_config(config) == old
    with pytest.raises(ValueError, match=r"'target'\] must be \['c'\].*Received: \[\]"):
        named(windows, {"past": ["a", "c"]})


def test_a_calendar_stands_last():
    windows = WindowedSeries(5, calendar=7)
    ends = ["7_sin", "7_cos"]
    good = {"past": [0, *ends], "future": ends, "static": [], "target": [0]}
    assert named(windows, good).columns.by_part() == good
    with pytest.raises(ValueError, match=r"'past'\] must be .*'7_sin', '7_cos'\] by"):
        named(windows, {**good, "past": [*ends, 0]})
    with pytest.raises(ValueError, match="no column to window"):
        named(windows, {**good, "past": ends, "target": []})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"windows": 7}, "windows must be a WindowedSeries or Mapping"),
        ({"windows": {"window": 0}}, "window must be >= 1"),
        ({"windows": {"window": 5, "command": "x"}}, "command"),
        ({"columns": 7}, "columns must be a dict"),
        ({"frequency": 7}, "frequency must be a str or None"),
        ({"frequency": "x" * 2000}, "frequency must be a short string"),
        ({"quantiles": [0.1, 0.9]}, "hold 0.5"),
        ({"more": 7}, "more"),
    ],
)
def test_configs_that_make_no_sense(settings, says):
    config = {**named(WINDOWS, COLUMNS, "1 day", (0.5,)).get_config(), **settings}
    with pytest.raises((TypeError, ValueError), match=says) as error:
        Carried.from_config(config)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("config", [None, 7, "x", ["windows"], {}])
def test_no_config_at_all(config):
    with pytest.raises(TypeError, match="must be a"):
        Carried.from_config(config)


def test_a_config_is_read_back():
    carried = Carried(WINDOWS, quantiles=(0.1, 0.5))
    assert through_json(carried) == carried == Carried.from_config(carried.get_config())


def test_not_a_dataset():
    with pytest.raises(TypeError, match=r"dataset must be a WindowDataset.*Received: dataset="):
        Carried.of(np.arange(9.0))


def test_a_disagreement_names_the_setting_and_both_values():
    ours = named(WINDOWS, COLUMNS, "1 day", (0.1, 0.5, 0.9))
    trained = WindowedSeries.from_config(
        {**WINDOWS.get_config(), "shuffle": True, "batch_size": 7, "stride": 3}
    )
    assert ours.disagreement(Carried(trained)) is None
    for other, says in {
        Carried(WindowedSeries(6)): "window=5 against window=6",
        Carried(WindowedSeries(5, target_columns="a")): "target_columns='c' against .*='a'",
        Carried(WINDOWS, frequency="1 hour"): "frequency='1 day' against frequency='1 hour'",
        Carried(WINDOWS, quantiles=[0.5]): r"quantiles=\(0.1, 0.5, 0.9\) against quantiles=\(0.5,",
    }.items():
        clause = ours.disagreement(other)
        assert clause is not None
        assert re.search(says, clause)
    renamed = {**COLUMNS, "past": ["b", "a", "c"]}
    assert "columns={" in ours.disagreement(named(WINDOWS, renamed))


@pytest.mark.parametrize(("ours", "theirs"), [*itertools.product(HANDLING, repeat=2)])
def test_windows_that_count_rows_differ_from_those_that_count_time(ours, theirs):
    both = [WindowedSeries(5, time_column="day", missing=missing) for missing in (ours, theirs)]
    count_rows = [HANDLING[missing].gaps == "ignore" for missing in (ours, theirs)]
    clause = f"missing={ours!r} against missing={theirs!r}"
    assert named(both[0], None).disagreement(named(both[1], None)) == (
        clause if count_rows[0] != count_rows[1] else None
    )
    without = [named(replace(windows, time_column=None), None) for windows in both]
    assert without[0].disagreement(without[1]) is None


TEXT = WindowedSeries(5, target_columns="c", static_columns="shop", categories={"shop": ["x", "y"]})
TEXT_COLUMNS = {"past": ["a", "c"], "future": [], "static": ["shop=x", "shop=y"], "target": ["c"]}


def test_categories_name_columns_and_survive_json():
    carried = named(TEXT, TEXT_COLUMNS)
    assert carried.columns.static == ("shop=x", "shop=y")
    assert through_json(carried) == carried
    with pytest.raises(ValueError, match=r"Pass dataset\.windows, whose categories include"):
        named(replace(TEXT, categories=None), TEXT_COLUMNS)


def test_categories_that_only_one_side_knows_do_not_differ():
    carried, without = Carried(TEXT), Carried(replace(TEXT, categories=None))
    assert carried.disagreement(without) is None
    assert without.disagreement(carried) is None
    other = replace(TEXT, categories={"shop": ["y", "x"]})
    clause = carried.disagreement(Carried(other))
    assert clause == ("categories={'shop': ('x', 'y')} against categories={'shop': ('y', 'x')}")
    assert carried.of_windows(without.windows).windows == TEXT
    assert without.of_windows(TEXT).windows == TEXT


@pytest.mark.parametrize(
    ("categories", "says"),
    [
        ([["shop", ["x"]]], "categories must be a Mapping"),
        ({"shop": []}, r"categories\['shop'\] is empty"),
        ({"shop": ["x", "x"]}, "names a category twice"),
        ({"shop": ["x", 1]}, "must be a list of texts"),
        ({"shop": {"x": 1}}, "must be a list of texts"),
        ({"shop": None}, "must be a list of texts"),
        ({"a": ["x"]}, "not in static_columns or future_columns"),
        ({"shop": [str(n) for n in range(1025)]}, "at most 1,024 categories"),
    ],
)
def test_categories_of_an_untrusted_config_are_checked(categories, says):
    config = named(TEXT, TEXT_COLUMNS).get_config()
    config["windows"]["categories"] = categories
    with pytest.raises((TypeError, ValueError), match=says):
        Carried.from_config(config)


def test_a_scorecard_rides_along_and_does_not_count():
    windows, scores = WindowedSeries(5), {"format": 1, "mae": [1.5, None]}
    carried = Carried(windows, scorecard=scores)
    scores["mae"].append(2.5)
    assert carried.scorecard == {"format": 1, "mae": [1.5, None]}
    assert carried == Carried(windows)
    assert carried.disagreement(Carried(windows, scorecard={})) is None
    assert carried.of_windows(WindowedSeries(5, batch_size=7)).scorecard == carried.scorecard
    assert Carried.from_config(carried.get_config()).scorecard == carried.scorecard


@pytest.mark.parametrize(
    "scorecard", [7, [1.5], {"mae": float("inf")}, {"mae": {1.5}}, {"text": "x" * (1 << 20)}]
)
def test_a_scorecard_holds_plain_values(scorecard):
    with pytest.raises(TypeError, match="scorecard must be a dict of plain values") as error:
        Carried(WindowedSeries(5), scorecard=scorecard)
    assert len(str(error.value)) < 500


# What each field becomes when the model is trained further; None if it stays. A new field needs a
# choice in ``Carried.trained_further``, and a line here.
TRAINED_FURTHER = {
    "windows": None,
    "columns": None,
    "frequency": None,
    "quantiles": None,
    "scorecard": (None,),
    "trained_on": ({"b": [4, 9]},),
    "period": None,
    "ranges": ({"b": [-2.0, 29.0]},),
}


def test_each_field_has_a_choice_for_models_that_are_trained_further():
    train = replace(WINDOWS, static_columns=None).build(frame("abc").drop(columns="day"))
    given = {"frequency": "1 day", "quantiles": (0.1, 0.5), "period": 7}
    given |= {"scorecard": {"format": 1}, "trained_on": {"a": [1, 5]}}
    given |= {"windows": train.windows, "ranges": {"b": [-2.0, 3.0], "gone": [0.0, 1.0]}}
    given["columns"] = columns_of(train.windows, train.columns)
    carried = Carried(**given)
    for name, of in TRAINED_FURTHER.items():
        [wanted] = of or (given[name],)
        assert getattr(carried.trained_further(train, {"b": [4, 9]}), name) == wanted
        wanted = {"quantiles": (0.5,), "scorecard": None}.get(name, given[name])
        assert getattr(carried.with_quantiles([0.5]), name) == wanted
    assert list(TRAINED_FURTHER) == [of.name for of in fields(Carried)]


def test_what_a_file_does_not_say_is_none():
    """By that ``save_model`` knows what to take from the file that the model came from."""
    assert all(of.default is None for of in fields(Carried) if of.name != "windows")


def test_of_very_many_series_some_are_kept():
    spans = [
        {f"{key:016x}": [key, key + 5] for key in range(*ends)} for ends in ((0, 300), (200, 900))
    ]
    kept = joined(*spans)
    assert kept == {f"{key:016x}": [key, key + 5] for key in range(MOST_SPANS)}
    assert checked_spans("x", kept) == kept
    assert joined({"a": [3, 5]}, None, {"a": [1, 4], "b": [7, 7]}) == {"a": [1, 5], "b": [7, 7]}
    assert joined(None, {}) is None
    for other, expected in [([5, 9], True), ([6, 9], False), ([0, 2], False), ([0, 3], True)]:
        assert overlap({"a": [3, 5]}, {"a": other}) is expected
    assert not overlap({"a": [3, 5]}, {"b": [3, 5]})


@pytest.mark.parametrize(
    "spans",
    [
        [["a", [1, 2]]],
        {str(key): [1, 2] for key in range(MOST_SPANS + 1)},
        {7: [1, 2]},
        {"a" * 65: [1, 2]},
        {"a": 5},
        {"a": [1]},
        {"a": [1, 2, 3]},
        {"a": [1, 2.0]},
        {"a": [True, 2]},
    ],
)
def test_spans_of_another_form_are_refused(spans):
    with pytest.raises(TypeError, match="x must be what calibrate or fine_tune made"):
        checked_spans("x", spans)


def test_keys_of_64_characters_are_the_longest():
    assert checked_spans("x", {"a" * 64: (1, 2)}) == {"a" * 64: [1, 2]}
