"""A batch sorts its rows by id and time, and puts the series without a forecast back in place."""

import datetime

import numpy as np
import pandas as pd
import pytest

from forecasting_models import PANEL
from keras_ts.scale.batch import Batch, failing
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
    says = "only rows known ahead, by 'planned', and a BatchForecaster needs a row before them"
    assert batch.without_past() == {3: f"the series has {says}"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_absent_series_get_rows_of_nan(library):
    past, _ = rows()
    batch = Batch.of(LIBRARIES[library](past), PANEL, None)
    shops, days = np.repeat(SHOPS[1:3], 2), np.tile(pd.date_range("2024-02-01", periods=2), 2)
    ahead = {"shop": shops, "day": days, "step": [1, 2] * 2, "units": np.arange(4, dtype="f4")}
    ahead = LIBRARIES[library](pd.DataFrame(ahead))
    each = {"step": np.array([1, 2])}
    made = batch.forecast_of_all(ahead, np.array([1, 2]), each, {0: "short", 3: "long"})
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
    made = batch.forecast_of_all(
        batch.parted(np.arange(12))[0].head(1), np.array([0]), {"step": np.array([1])}, {}
    )
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


def attempt_of(bad, calls, needs_another=()):
    """A function that fails at bad items, and at some that stand alone."""

    def attempt(numbers):
        calls.append(len(numbers))
        wrong = [number for number in numbers.tolist() if number in bad]
        if wrong or (len(numbers) == 1 and numbers[0] in needs_another):
            raise ValueError(f"items {wrong or numbers.tolist()}")

    return attempt


@pytest.mark.parametrize("bad", [[], [3], [0, 511], [*range(100, 116)], [*range(0, 512, 100)]])
def test_a_few_among_many_take_few_attempts(bad):
    calls, numbers = [], np.arange(512)
    failed = failing(numbers, np.ones(512), attempt_of(bad, calls))
    assert failed == {number: f"items [{number}]" for number in bad}
    assert len(calls) <= 2 * len(bad) * (np.log2(512) + 1) + 3


def test_numbers_need_not_count_from_0():
    assert list(failing(np.array([4, 8, 9]), np.array([5, 1, 5]), attempt_of([8], []))) == [8]


def test_items_that_need_another_one_do_not_fail():
    """A series of a single row has the frequency of the others."""
    numbers = np.arange(64)
    attempt = attempt_of([7], [], needs_another=range(60))
    assert list(failing(numbers, numbers, attempt)) == [7]


def test_a_batch_in_which_all_fail_is_refused_at_once():
    calls = []
    with pytest.raises(ValueError, match=r"Each of 32 series of the batch, tried alone, .* items"):
        failing(np.arange(1000), np.ones(1000), attempt_of(range(1000), calls))
    assert calls == [1] * 32


def test_a_small_batch_in_which_all_fail_has_their_errors():
    assert list(failing(np.arange(5), np.ones(5), attempt_of(range(5), []))) != []
    assert set(failing(np.arange(5), np.ones(5), attempt_of(range(5), []))) == set(range(5))


def test_other_errors_are_not_caught():
    def attempt(numbers):
        raise MemoryError

    with pytest.raises(MemoryError):
        failing(np.arange(5), np.ones(5), attempt)
