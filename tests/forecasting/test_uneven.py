"""Totals that leave out times, or count fewer steps than others beside them, are named."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import aggregate

LIBRARIES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
REGIONS = {"a": "north", "b": "north", "c": "north", "d": "south", "e": "south"}
BOTH = ["series", "step"]


def drawn(begins, steps=14, zone=None):
    """Two sample paths of each shop, whose first day ``begins`` has."""
    parts = [
        pd.DataFrame(
            {
                "shop": name,
                "day": pd.date_range(begin, periods=steps, tz=zone).repeat(2),
                "step": np.arange(1, steps + 1).repeat(2),
                "sample": np.tile([0, 1], steps),
                "units": 1.0,
            }
        )
        for name, begin in begins.items()
    ]
    return pd.concat(parts, ignore_index=True)


def late(**others):
    """Shop c reports three days late, so that its forecast begins three days earlier."""
    return dict.fromkeys("abde", "2024-12-17") | {"c": "2024-12-14"} | others


def told(samples, over, **arguments):
    """Return totals, and what was said of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        totals = aggregate(samples, over, **arguments)
    assert {warning.filename for warning in caught} <= {__file__}
    return totals, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_regions_of_fewer_days_are_named_in_each_step(library, zone):
    samples = LIBRARIES[library](drawn(late(), zone=zone))
    regions, [first] = told(samples, "series", groups=REGIONS, quantiles=None)
    assert first == (
        "aggregate leaves out 6 times that not all series of a total have, by 'day': 2024-12-14, "
        "2024-12-15, 2024-12-16 and 3 more. Series that share the fewest times: 'c' of 'north'. "
        "Before you forecast, give each series that ends earlier a row at the last time, without a "
        "target."
    )
    fewer = "aggregate sums fewer steps in some totals than the 14 of 'south': 'north' has 11. "
    weeks, [second] = told(regions, "step")
    assert second.startswith(fewer)
    assert weeks["units"].to_list() == [33.0, 28.0]
    at_once, messages = told(samples, BOTH, groups=REGIONS)
    assert messages == [first, second]
    assert at_once["units"].to_list() == [33.0, 28.0]


def test_closed_days_are_no_fewer_steps():
    samples = drawn(dict.fromkeys(REGIONS, "2024-12-17"))
    samples.loc[samples["shop"].isin([*"abc"]) & (samples["step"] > 11), "units"] = np.nan
    for over in ("step", BOTH):
        groups = REGIONS if over == BOTH else None
        assert told(samples, over, groups=groups)[1] == []
    regions, messages = told(samples, "series", groups=REGIONS, quantiles=None)
    assert messages == told(regions, "step")[1] == []


def test_steps_without_times_are_counted_too():
    samples = drawn(dict.fromkeys("abcde", "2024-12-17")).drop(columns="day")
    assert told(samples, "step")[1] == []
    gone = samples["shop"].isin([*"abce"]) & (samples["step"] > 9)
    _, [message] = told(samples[~gone], "step")
    assert "the 14 of 'd': 'a' has 9, 'b' has 9, 'c' has 9 and 1 more. " in message


def test_regions_that_begin_at_different_times_are_named():
    """No region leaves out a time, and all count 14 days, of two fortnights."""
    samples = drawn(dict.fromkeys("abc", "2024-12-14") | dict.fromkeys("de", "2024-12-17"))
    _, [message] = told(samples, BOTH, groups=REGIONS)
    assert "in column 'day': 'north' at 2024-12-14, 'south' at 2024-12-17. " in message


def test_a_total_of_fewer_days_than_that_of_another_origin_is_named():
    days = "2024-11-30", "2024-12-16"
    parts = drawn(dict.fromkeys("abcde", "2024-12-01")), drawn(late())
    samples = pd.concat(
        [part.assign(origin=pd.Timestamp(day)) for part, day in zip(parts, days, strict=True)]
    )
    whole, [first] = told(samples, "series", quantiles=None)
    assert "by 'origin' and 'day': 2024-12-16 2024-12-14, 2024-12-16 2024-12-15, " in first
    assert " and 3 more. Series that share the fewest times: 'c'. " in first
    _, [second] = told(whole, "step")
    assert "than the 14 of origin 2024-11-30: origin 2024-12-16 has 11. " in second


def test_all_series_that_share_as_few_times_are_named():
    _, [message] = told(drawn({"a": "2024-12-14", "b": "2024-12-15"}), "series")
    assert (
        "out 2 times that not all series of a total have, by 'day': 2024-12-14, 2024-12-28. Series "
        "that share the fewest times: 'a', 'b'. "
    ) in message
    # A series that lacks a day in between.
    samples = drawn(dict.fromkeys("abc", "2024-12-14"))
    hole = samples[(samples["shop"] != "b") | (samples["step"] != 4)]
    _, [message] = told(hole, "series")
    assert "leaves out 1 time that" in message
    assert "by 'day': 2024-12-17. Series that share the fewest times: 'b'. " in message


def test_only_the_total_that_has_no_time_is_refused():
    samples = drawn(late(e="2025-12-17"))
    match = (
        r"no time in common, by 'day': 2024-12-17, 2024-12-18, 2024-12-19 and 25 more\. Series "
        r"that share the fewest times: 'd' of 'south', 'e' of 'south'\. Leave out"
    )
    with pytest.raises(ValueError, match=match):
        aggregate(samples, "series", groups=REGIONS)
