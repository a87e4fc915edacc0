"""A batch sorts its rows by id and time, and puts the series without a forecast back in place."""

import datetime

import numpy as np
import pandas as pd
import pytest

from forecasting_models import PANEL
from keras_ts.scale.batches.batch import Batch
from scale_panels import LIBRARIES, SHOPS, as_pandas, marked, rows


@pytest.mark.parametrize("library", LIBRARIES)
def test_rows_are_sorted_and_parted(library):
    past, plan = rows()
    batch = Batch.of(LIBRARIES[library](marked(past, plan)), PANEL, "planned")
    series, ahead = batch.parted(np.arange(len(SHOPS)))
    columns = list(past.columns)
    expected = (frame.sort_values(["shop", "day"], ignore_index=True) for frame in (past, plan))
    for made, wanted in zip((series, ahead), expected, strict=True):
        wanted = wanted if made is series else wanted.assign(units=np.nan)
        pd.testing.assert_frame_equal(as_pandas(made)[columns], wanted[columns], check_dtype=False)
    assert batch.lengths.tolist() == [28] * len(SHOPS)
    some, _ = batch.parted(np.array([2, 5]))
    assert as_pandas(some)["shop"].unique().tolist() == [SHOPS[2], SHOPS[5]]


def test_a_missing_id_is_one_series():
    past, plan = rows()
    table = marked(past, plan)
    table.iloc[:3, table.columns.get_loc("shop")] = None
    assert sorted(Batch.of(table, PANEL, "planned").lengths)[0] == 3


def test_series_without_a_row_of_their_own():
    past, plan = rows()
    batch = Batch.of(marked(past[past["shop"] != "s03"], plan), PANEL, "planned")
    assert batch.without_past() == {3: "the series has only rows known ahead, by 'planned'"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_absent_series_get_rows_of_nan(library):
    past, _ = rows()
    batch = Batch.of(LIBRARIES[library](past), PANEL, None)
    shops, days = np.repeat(SHOPS[1:3], 2), np.tile(pd.date_range("2024-02-01", periods=2), 2)
    ahead = {"shop": shops, "day": days, "step": [1, 2] * 2, "units": np.arange(4, dtype="f4")}
    ahead = LIBRARIES[library](pd.DataFrame(ahead))
    made = batch.forecast_of_all(ahead, np.array([1, 2]), 2, {0: "short", 3: "long"})
    assert type(made) is type(ahead)
    made = as_pandas(made)
    assert made["shop"].tolist() == np.repeat(SHOPS, 2).tolist()
    assert made["step"].tolist() == [1, 2] * len(SHOPS)
    assert made["units"].dtype == np.float32
    assert made["units"].dropna().tolist() == [0, 1, 2, 3]
    assert made["day"].isna().tolist() == made["units"].isna().tolist()
    assert made["problem"].dropna().tolist() == ["short", "short", "long", "long"]


def test_dates_of_python_come_back_as_they_were():
    """Spark has its dates in a column of objects."""
    past, _ = rows()
    batch = Batch.of(past.assign(day=past["day"].dt.date), PANEL, None)
    assert batch.table["day"].to_native().dtype.kind == "M"
    made = batch.forecast_of_all(batch.parted(np.arange(12))[0].head(1), np.array([0]), 1, {})
    assert type(made["day"][0]) is datetime.date


@pytest.mark.parametrize(
    ("batch", "plan", "error", "says"),
    [
        ({"shop": np.zeros(3)}, None, TypeError, r'batch_format="pyarrow" or "pandas"'),
        (3, None, TypeError, "Received: int"),
        (rows()[0].drop(columns="day"), None, ValueError, r"lacks the columns \['day'\]"),
        (rows()[0], "planned", ValueError, r"lacks the columns \['planned'\]"),
        (rows()[0], "promo", TypeError, "True in the rows known ahead"),
    ],
)
def test_wrong_batches_are_refused(batch, plan, error, says):
    with pytest.raises(error, match=says):
        Batch.of(batch, PANEL, plan)


@pytest.mark.parametrize("dtype", ["string", "object"])
def test_ids_that_pandas_calls_missing_are_one_series(dtype):
    past, _ = rows()
    past["shop"] = past["shop"].astype(dtype)
    past.loc[past["shop"] == SHOPS[0], "shop"] = pd.NA
    assert Batch.of(past, PANEL, None).lengths.tolist() == [25] * len(SHOPS)
