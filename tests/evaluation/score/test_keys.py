"""Rows of two tables are matched by series and time, as a plain loop matches them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts.evaluation.forecasters.table import Fields, ForecastTable
from keras_ts.evaluation.score.keys import Keys

ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), min_size=1, max_size=20)


def table(rows):
    ids, days = zip(*rows, strict=True)
    return ForecastTable("it", {"shop": list(ids), "day": np.array(days).astype("M8[D]")})


@given(ROWS, ROWS.map(lambda rows: list(dict.fromkeys(rows))))
def test_rows_are_matched_as_by_a_loop(wanted, there):
    places = Keys(table(wanted), "shop", "day").places_in(Keys(table(there), "shop", "day"))
    assert places.tolist() == [there.index(row) if row in there else -1 for row in wanted]


def test_two_rows_of_one_id_and_time_are_refused():
    twice = Keys(table([("a", 1), ("a", 2), ("a", 1)]), "shop", "day")
    with pytest.raises(ValueError, match="it has two rows for 'a' at 1970-01-02"):
        Keys(table([("a", 1)]), "shop", "day").places_in(twice)


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
    fields = Fields.of("it", read.columns, ["units"], "shop", "day")
    keys = Keys(read, "shop", "day")
    origins = keys.origins(read, fields, keys)
    assert keys.steps(read, fields, origins).tolist() == frame["step"].tolist()
    expected = np.unique(frame["origin"].to_numpy(), return_inverse=True)[1]
    assert origins.tolist() == expected.tolist()
