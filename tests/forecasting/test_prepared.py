"""A prepared forecast says why a series has none, and has typed columns without any series."""

import numpy as np
import pandas as pd
import pytest

from forecasting_models import PANEL, adding, after, sales, until
from keras_ts import RecurrentPreset, WindowedSeries
from keras_ts.forecasting.forecast import Prepared
from keras_ts.interface import Interface

PAST, FUTURE = until(sales(), 25), after(sales(), 25)


def problems(model, series, future=None):
    """Return the problems for "nan", and the error for "raise"."""
    interface = Interface.of(model)
    prepared = Prepared.of(interface, series, None, future, "nan")
    with pytest.raises(ValueError, match="incomplete=") as caught:
        Prepared.of(interface, series, None, future, "raise")
    return prepared.history.problems(), str(caught.value)


@pytest.mark.parametrize(
    "broken",
    [
        PAST.drop(index=range(30, 51)),
        PAST.assign(units=PAST["units"].where(PAST.index != 52)),
        PAST.drop(index=52),
    ],
)
def test_a_problem_is_the_error_without_its_cure(broken):
    found, error = problems(adding(PANEL.build(PAST)), broken, FUTURE)
    assert list(found) == [1]
    assert error.startswith(found[1])
    assert "incomplete" not in found[1].replace("is incomplete", "")


@pytest.mark.parametrize("min_inputs", [None, 4])
def test_problems_of_masked_series(min_inputs):
    windows = WindowedSeries(
        5, 3, target_columns="units", id_column="shop", time_column="day", missing="mask",
        min_inputs=min_inputs,
    )  # fmt: skip
    table = sales(20, "abc")[["shop", "day", "units"]]
    model = RecurrentPreset(units=(2,)).build(windows.build(table))
    table.loc[table["shop"].eq("b") & (table["day"] > "2024-01-15"), "units"] = np.nan
    table = table[(table["shop"] != "c") | (table["day"] < "2024-01-04")]
    found, error = problems(model, table)
    assert found[1].startswith("series 'b' has ")
    assert found.get(2, "series 'c' is too short").startswith("series 'c' is too short")
    assert (2 in found) == (min_inputs == 4)
    assert error.startswith(tuple(found.values()))


def test_without_rows_the_columns_have_their_types():
    interface = Interface.of(adding(PANEL.build(PAST)))
    whole = Prepared.of(interface, PAST, None, FUTURE, "nan").forecast()
    empty = Prepared.of(interface, PAST.head(0), None, FUTURE.head(0), "nan").forecast()
    pd.testing.assert_series_equal(empty.dtypes, whole.dtypes)
    assert len(empty) == 0
