"""Forecasts stand beside what came of each, by the columns that the tables share."""

import numpy as np
import pandas as pd
import pytest

from keras_ts.evaluation.score.matched import Matched

DAYS = pd.date_range("2024-01-01", periods=6)


def forecasts():
    return pd.DataFrame(
        {"shop": "a", "day": DAYS[3:], "step": [1, 2, 3], "units_0.1": 0.0, "units": 1.0}
    )


def came(values):
    return pd.DataFrame({"units": values, "day": DAYS[: len(values)], "shop": "a"})


def test_each_forecast_has_what_came_of_it():
    matched = Matched.of(forecasts(), came([5.0, 6.0, 7.0, 8.0, np.nan]), None)
    assert matched.names == (("shop",), "day", ("units",))
    assert matched.fields.levels == (0.1, 0.5)
    assert matched.come.tolist() == [True, True, False]
    np.testing.assert_array_equal(matched.values, [[8.0], [np.nan], [np.nan]])
    np.testing.assert_array_equal(matched.forecasts, [[[0.0, 1.0]]] * 3)
    assert matched.origins.tolist() == [0, 0, 0]
    assert matched.steps.tolist() == [1, 2, 3]


def test_a_row_without_a_value_does_not_show_how_far_a_series_reaches():
    matched = Matched.of(forecasts(), came([5.0, 6.0, 7.0, 8.0, np.nan]), None)
    values = matched.counted[:, 0]
    for counted, later in ((None, [False, False, True]), (values, [False, True, True])):
        known, got = matched.keys.later_than(matched.rows, counted)
        assert known.all()
        assert got.tolist() == later
    nothing = np.zeros(5, bool)
    assert not matched.keys.later_than(matched.rows, nothing)[0].any()


def test_no_row_yet_is_no_mistake_but_other_ids_are():
    assert not Matched.of(forecasts(), came([5.0, 6.0, 7.0]), None).come.any()
    with pytest.raises(ValueError, match="actual holds none of the rows that were forecast"):
        Matched.of(forecasts(), came([5.0, 6.0, 7.0, 8.0]).assign(shop="b"), None)
