"""The columns of a table of forecasts are found by the names that people give them."""

import numpy as np
import pandas as pd
import polars
import pytest

from keras_ts.evaluation.forecasters.table import Fields, ForecastTable


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        # What forecast returns, with quantiles.
        (
            ["shop", "day", "step", "units_0.1", "units", "units_0.9"],
            (
                ("shop",), "day", None, "step",
                (("units_0.1", "units", "units_0.9"),), (0.1, 0.5, 0.9),
            ),
        ),
        # What align returns.
        (
            ["series", "origin", "step", "target", "actual", "prediction"],
            (("series",), "target", "origin", "step", (("prediction",),), None),
        ),
        # The rows of a backtest.
        (
            ["fold", "series", "origin", "step", "target", "actual", "prediction"],
            (("series",), "target", "origin", "step", (("prediction",),), None),
        ),
        # What cross_validation and forecast of statsforecast return.
        (
            ["unique_id", "ds", "cutoff", "y", "AutoETS", "AutoETS-lo-80", "AutoETS-hi-80"],
            (
                ("unique_id",), "ds", "cutoff", None,
                (("AutoETS-lo-80", "AutoETS", "AutoETS-hi-80"),), (0.1, 0.5, 0.9),
            ),
        ),
        (["unique_id", "ds", "Theta"], (("unique_id",), "ds", None, None, (("Theta",),), None)),
        # A column whose name only begins like a target's is no quantile.
        (
            ["shop", "day", "step", "units", "units_sold", "units_2"],
            (("shop",), "day", None, "step", (("units",),), None),
        ),
    ],
)  # fmt: skip
def test_columns_are_found(columns, expected):
    fields = Fields.of("it", columns, ["units"], ["shop"], "day")
    assert tuple(fields) == expected


def test_several_targets_have_the_same_quantiles():
    fields = Fields.of("it", ["day", "b", "a", "b_0.1", "a_0.1"], ["a", "b"], (), "day")
    assert fields.values == (("a_0.1", "a"), ("b_0.1", "b"))
    assert fields.levels == (0.1, 0.5)
    with pytest.raises(ValueError, match="it must have the same quantiles for every target"):
        Fields.of("it", ["day", "b", "a", "b_0.1"], ["a", "b"], (), "day")
    with pytest.raises(ValueError, match="not clear which column of it holds the forecasts"):
        Fields.of("it", ["day", "a"], ["a", "b"], (), "day")


def test_the_actual_values_of_statsforecast_are_no_forecasts():
    """Under target_col="units" it puts them into a column of the target's own name."""
    fields = Fields.of("it", ["unique_id", "ds", "cutoff", "units", "ETS"], ["units"], (), None)
    assert fields.values == (("ETS",),)


@pytest.mark.parametrize("library", ["dict", "pandas", "polars"])
def test_columns_are_read_from_every_library(library):
    columns = {
        "shop": ["b", "a"],
        "day": np.array(["2024-01-02", "2024-01-01"], "datetime64[us]"),
        "units": np.array([1.0, np.nan]),
    }
    kinds = {"dict": dict, "pandas": pd.DataFrame, "polars": polars.DataFrame}
    table = ForecastTable("it", kinds[library](columns))
    assert table.columns == ["shop", "day", "units"]
    ids, codes = table.ids("shop")
    assert ids == ["b", "a"]
    assert codes.tolist() == [0, 1]
    assert table.times("day").values.tolist() == columns["day"].tolist()
    assert table.times("day").kind == "dates without a time zone"
    np.testing.assert_array_equal(table.matrix(["units", "units"])[0], [1.0, 1.0])
    assert np.isnan(table.numbers("units")[1, 0])
    numeric = [name for name in table.columns if table.is_numeric(name)]
    assert (numeric, table.is_dated("day"), table.is_dated("shop")) == (["units"], True, False)


def test_times_of_a_dict_with_a_zone_are_utc():
    stamps = pd.date_range("2024-07-01", periods=2, tz="Europe/Berlin").astype(object)
    times = ForecastTable("it", {"day": stamps, "y": [1, 2]}).times("day")
    assert times.kind == "dates with a time zone"
    assert times.values[0] == np.datetime64("2024-06-30T22:00")


def test_misuse_is_refused():
    with pytest.raises(TypeError, match="it must be a frame or a dict of columns"):
        ForecastTable("it", np.zeros(3))
    with pytest.raises(ValueError, match=r"columns of equal length. Received: {'a': 1, 'b': 2}"):
        ForecastTable("it", {"a": [1], "b": [1, 2]})
