"""Rows of two tables are matched by series and time, as a plain loop matches them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.evaluation.forecasters.table import Fields, ForecastTable
from keras_ts.evaluation.score.matched import Keys

ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), min_size=1, max_size=20)


def table(rows):
    ids, days = zip(*rows, strict=True)
    return ForecastTable("it", {"shop": list(ids), "day": np.array(days).astype("M8[D]")})


@given(ROWS, ROWS.map(lambda rows: list(dict.fromkeys(rows))))
def test_rows_are_matched_as_by_a_loop(wanted, there):
    places = Keys(table(wanted), ["shop"], "day").places_in(Keys(table(there), ["shop"], "day"))
    assert places.tolist() == [there.index(row) if row in there else -1 for row in wanted]


def test_two_rows_of_one_id_and_time_are_refused():
    twice = Keys(table([("a", 1), ("a", 2), ("a", 1)]), ["shop"], "day")
    with pytest.raises(ValueError, match="it has two rows for 'a' at 1970-01-02"):
        Keys(table([("a", 1)]), ["shop"], "day").places_in(twice)


@pytest.mark.parametrize("said", ["step", "origin", "both", "neither"])
def test_steps_and_origins_are_those_of_each_run(said):
    """Two origins, three days apart, of two series, in any order."""
    days = pd.date_range("2024-01-01", periods=9)
    runs = [
        {"shop": shop, "origin": days[origin], "day": days[origin + step], "step": step}
        for shop in "ba"
        for origin in ([0] if said == "neither" else [0, 3])
        for step in (1, 2, 3)
    ]
    frame = pd.DataFrame(runs).sample(frac=1.0, random_state=1)
    dropped = {"step": ["origin"], "origin": ["step"], "both": [], "neither": ["step", "origin"]}
    read = ForecastTable("it", frame.drop(columns=dropped[said]).assign(units=1.0))
    fields = Fields.of("it", read.columns, ["units"], ["shop"], "day")
    keys = Keys(read, ["shop"], "day")
    origins = keys.origins(fields, keys)
    assert keys.steps(fields, origins, keys).tolist() == frame["step"].tolist()
    expected = np.unique(frame["origin"].to_numpy(), return_inverse=True)[1]
    assert origins.tolist() == expected.tolist()


FREQUENCIES = {
    "days": pd.date_range("2024-01-03", periods=40),
    "weekdays": pd.bdate_range("2024-01-03", periods=40),
    "weeks": pd.date_range("2024-01-03", periods=40, freq="7D"),
    "month ends": pd.date_range("2024-01-31", periods=40, freq="ME"),
    "days of Berlin, in which the clock is changed": pd.date_range(
        "2024-03-20", periods=40, tz="Europe/Berlin"
    ),
    "quarters of an hour": pd.date_range("2024-03-20", periods=40, freq="15min"),
    "numbers": np.arange(40) * 5.0,
}


@pytest.mark.parametrize("lacking", [(), (14, 15)], ids=["whole", "two rows are missing"])
@pytest.mark.parametrize("times", FREQUENCIES.values(), ids=list(FREQUENCIES))
def test_steps_are_counted_by_the_frequency(times, lacking):
    """Seven origins in a row have five steps each, across weekends and missing rows."""
    runs = [(origin, step) for origin in range(10, 17) for step in range(1, 6)]
    runs = [(origin, step) for origin, step in runs if origin + step not in lacking]
    origin, step = np.array(runs).T
    frame = pd.DataFrame({"day": times[origin + step], "step": step, "units": 1.0})
    read = ForecastTable("it", frame)
    fields = Fields.of("it", read.columns, ["units"], (), "day")
    came = pd.DataFrame({"day": np.delete(times, list(lacking)) if lacking else times})
    rows = Keys(ForecastTable("rows", came), (), "day")
    assert Keys(read, (), "day").origins(fields, rows).tolist() == (origin - 10).tolist()


def test_a_model_of_weekdays_has_no_weekends():
    """Thursday, Friday, Tuesday and Wednesday fit days as well, of which a few are missing."""
    days = pd.to_datetime(["2024-01-04", "2024-01-05", "2024-01-09", "2024-01-10"])
    frame = pd.DataFrame({"day": days, "step": [1, 2, 4, 5], "units": 1.0})
    read = ForecastTable("it", frame)
    fields = Fields.of("it", read.columns, ["units"], (), "day")
    keys = Keys(read, (), "day")
    assert keys.origins(fields, keys, "1 weekday").tolist() == [0] * 4
    assert len(set(keys.origins(fields, keys).tolist())) == 2


@pytest.mark.parametrize("lacking", [(), (14, 15)], ids=["whole", "two rows are missing"])
@pytest.mark.parametrize("gap", [0, 2])
@pytest.mark.parametrize("times", FREQUENCIES.values(), ids=list(FREQUENCIES))
def test_steps_are_the_distances_from_origins(times, gap, lacking):
    """A table of the steps 3 to 7 has these steps, even if rows are missing."""
    runs = [(origin, step) for origin in (9, 12, 20) for step in range(3, 8)]
    origin, step = np.array([run for run in runs if sum(run) + gap not in lacking]).T
    frame = pd.DataFrame({
        "origin": times[origin], "day": times[origin + gap + step], "units": 1.0,
    })  # fmt: skip
    read = ForecastTable("it", frame)
    fields = Fields.of("it", read.columns, ["units"], (), "day")
    rows = Keys(ForecastTable("rows", pd.DataFrame({"day": times})), (), "day")
    keys = Keys(read, (), "day")
    origins = keys.origins(fields, rows)
    assert keys.steps(fields, origins, rows, gap=gap).tolist() == step.tolist()


def test_steps_are_counted_at_the_frequency_of_all_series():
    days = pd.date_range("2024-01-01", periods=30)
    parts = [
        pd.DataFrame({"shop": shop, "origin": days[9], "day": days[11:15], "units": 1.0})
        for shop in "ab"
    ]
    read = ForecastTable("it", pd.concat(parts))
    fields = Fields.of("it", read.columns, ["units"], ["shop"], "day")
    came = pd.concat(pd.DataFrame({"shop": shop, "day": days}) for shop in "ba")
    keys, rows = Keys(read, ["shop"], "day"), Keys(ForecastTable("rows", came), ["shop"], "day")
    origins = keys.origins(fields, rows)
    assert keys.steps(fields, origins, rows).tolist() == 2 * [2, 3, 4, 5]


@pytest.mark.parametrize("origin", [3, 7], ids=["the first day of a forecast", "a number"])
def test_rows_are_counted_if_the_origin_is_none(origin):
    days = pd.date_range("2024-01-01", periods=9)
    named = days[3] if origin == 3 else origin
    read = ForecastTable("it", pd.DataFrame({"origin": named, "day": days[3:], "units": 1.0}))
    fields = Fields.of("it", read.columns, ["units"], (), "day")
    keys = Keys(read, (), "day")
    steps = keys.steps(fields, keys.origins(fields, keys), keys)
    assert steps.tolist() == [1, 2, 3, 4, 5, 6]
