"""A scorecard from an untrusted file is read as it should be, or refused in a line."""

import copy
import json

import numpy as np
import pandas as pd
import pytest

import malicious_files
from judged_models import judged
from keras_ts import WindowedSeries
from keras_ts.scores import schema
from keras_ts.scores.schema import checked, differences, task_of
from keras_ts.windows.carried import columns_of


@pytest.fixture(scope="module")
def card():
    return judged((0.1, 0.5, 0.9))[1].scorecards()[0]


def places(value, place=()):
    """Yield the keys that lead to every entry, entries of entries, and first items of lists."""
    yield place
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*place, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*place, 0))


def with_entry(card, place, value):
    card = copy.deepcopy(card)
    target = card
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return card


def test_what_a_report_makes_is_read_as_it_is(card):
    assert checked(card) == card
    assert checked(json.loads(json.dumps(card))) == card


def test_entries_of_later_versions_are_left_out(card):
    assert checked({**card, "more": 1}) == card
    with pytest.raises(ValueError, match="newer keras_ts"):
        checked({**card, "format": 2})


def test_a_column_that_came_later_makes_no_old_card_invalid(card):
    """Nor does one that a later version wrote make a new card invalid here."""
    table = {**card["table"], "wape": card["table"]["mae"]}
    assert checked({**card, "table": table})["table"] == table
    del table["wape"], table["smape"]
    assert "smape" not in checked({**card, "table": table})["table"]


def test_an_entry_or_a_part_that_came_later_makes_no_old_card_invalid(card, monkeypatch):
    """What may be None is absent from a file of the version before it."""
    later = {**schema._ENTRIES, "since": (str,), "weather": ({"rain": float},)}
    monkeypatch.setattr(schema, "_ENTRIES", later)
    assert checked(card) == {**card, "since": None, "weather": None}
    own = card["judged_on"]["columns"]
    rest = {part: names for part, names in own.items() if part != "static"}
    old = checked(with_entry(card, ("judged_on", "columns"), rest))["judged_on"]
    assert differences(old, card["judged_on"]) == ("", "")
    other = {**card["judged_on"], "columns": {**own, "static": ["shop"]}}
    assert "columns['static']=['shop']" in differences(old, other)[1]


def test_every_entry_is_checked(card):
    errors = []
    for place in list(places(card))[1:]:
        for value in malicious_files.WRONG.values():
            try:
                checked(with_entry(card, place, value))
            except (TypeError, ValueError) as error:
                errors.append(str(error))
    assert len(errors) > 400
    assert max(map(len, errors)) < 500


def test_missing_entries_and_columns_that_do_not_match(card):
    for key in card:
        rest = {name: value for name, value in card.items() if name != key}
        if isinstance(schema._ENTRIES[key], tuple):
            assert checked(rest)[key] is None
            continue
        with pytest.raises((TypeError, ValueError)):
            checked(rest)
    for place in (("table", "mae"), ("steps", "model"), ("promised", "errors", "low")):
        with pytest.raises(ValueError, match="columns of one length"):
            checked(with_entry(card, place, [1.0]))
    with pytest.raises(ValueError, match="table lacks the model"):
        checked({**card, "model": "another"})


def test_the_measure_is_a_name_that_no_card_takes_for_markdown(card):
    table = {**card["table"], "<img>": card["table"]["mae"]}
    with pytest.raises(ValueError, match="by must be the name of a metric"):
        checked({**card, "by": "<img>", "table": table})


def test_texts_hold_nothing_that_a_terminal_obeys(card):
    assert checked({**card, "sentence": "a\x1b[31m\nb\u202e"})["sentence"] == "a [31m b "


def task(windows, series):
    dataset = windows.build(series)
    return task_of(dataset.windows, columns_of(dataset.windows, dataset.columns))


def table(kinds=("x", "y")):
    days = pd.date_range("2024-01-01", periods=30)
    return pd.DataFrame(
        {
            "day": [*days, *days],
            "shop": ["a"] * 30 + ["b"] * 30,
            "kind": np.repeat(kinds, 30),
            "units": np.arange(60.0),
            "promo": np.arange(60.0) % 2,
        }
    )


SHOPS = {
    "id_column": "shop", "time_column": "day", "target_columns": "units",
    "future_columns": "promo", "static_columns": "kind", "calendar": ("week",),
}  # fmt: skip


def test_names_by_role():
    """Those made of texts are named by their column, so other texts are no other task."""
    own = task(WindowedSeries(5, horizon=2, **SHOPS), table())
    assert own == {
        "horizon": 2,
        "window": 5,
        "gap": 0,
        "sampling_rate": 1,
        "id_column": "shop",
        "columns": {
            "past": ["units", "promo", "week_sin", "week_cos"],
            "future": ["promo", "week_sin", "week_cos"],
            "static": ["kind"],
            "target": ["units"],
        },
    }
    other = task(WindowedSeries(5, horizon=2, shuffle=True, **SHOPS), table(("x", "z")))
    assert differences(own, other) == ("", "")


def test_it_names_all_that_differs():
    own = task(WindowedSeries(5, horizon=2, gap=1), np.arange(30.0))
    other = task(WindowedSeries(6, horizon=3, sampling_rate=2, **SHOPS), table())
    judged, carries = differences(own, other)
    assert judged.startswith("horizon=2, window=5, gap=1, sampling_rate=1, id_column=None, columns")
    assert carries.startswith("horizon=3, window=6, gap=0, sampling_rate=2, id_column='shop', col")
    assert "columns['future']=['promo', 'week_sin', 'week_cos']" in carries


def test_columns_that_are_unknown_do_not_differ():
    windows = WindowedSeries(5)
    own = task(windows, np.ones((30, 3)))
    assert differences(own, task_of(windows, None)) == ("", "")
    assert differences(own, task(windows, np.ones((30, 2)))) == (
        "columns['past']=['0', '1', '2'], columns['target']=['0', '1', '2']",
        "columns['past']=['0', '1'], columns['target']=['0', '1']",
    )


def test_wide_tables_and_long_names_stay_small():
    windows = WindowedSeries(5)
    names = [f"{place}\n{'x' * 900}" for place in range(5000)]
    wide = [pd.DataFrame(np.ones((10, n)), columns=names[:n]) for n in (5000, 4999)]
    own, other = (task(windows, series) for series in wide)
    assert len(json.dumps(own)) < 250_000
    assert own["columns"]["past"][-1] == "and 4000 more"
    assert own["columns"]["past"][0] == "0 " + 98 * "x"
    assert differences(own, other)[0]
