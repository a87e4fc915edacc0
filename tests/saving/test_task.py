"""Two tasks differ where a model of one cannot do the other."""

import json

import numpy as np
import pandas as pd

from keras_ts import WindowedSeries
from keras_ts.saving.task import differences, task_of
from keras_ts.windows.carried import columns_of


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
