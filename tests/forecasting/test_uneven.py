"""Totals that leave out times, or sum fewer steps than others beside them, are named."""

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
    """Shop c reports three days late, so that its forecast begins three days earlier."""
    begins = dict.fromkeys("abde", "2024-12-17") | {"c": "2024-12-14"}
    samples = LIBRARIES[library](drawn(begins, zone=zone))
    regions, [first] = told(samples, "series", groups=REGIONS, quantiles=None)
    lacking = f"2024-12-28{' 00:00:00+01:00' * (zone is not None)}, which ['c'] lack."
    said = "aggregate leaves out times that not all series of a total have, such as "
    assert first == said + lacking
    weeks, [second] = told(regions, "step")
    assert second == "aggregate sums fewer than 14 steps of the series ['north']."
    assert weeks["units"].to_list() == [33.0, 28.0]
    at_once, [message] = told(samples, BOTH, groups=REGIONS)
    assert message == first
    assert at_once["units"].to_list() == [33.0, 28.0]


def test_closed_days_are_no_fewer_steps():
    samples = drawn(dict.fromkeys(REGIONS, "2024-12-17"))
    samples.loc[samples["shop"].isin([*"abc"]) & (samples["step"] > 11), "units"] = np.nan
    for over in ("step", BOTH):
        groups = REGIONS if over == BOTH else None
        assert told(samples, over, groups=groups)[1] == []
    regions, messages = told(samples, "series", groups=REGIONS, quantiles=None)
    assert messages == told(regions, "step")[1] == []
