"""What a frame holds is read once, however often its series are asked for."""

import numpy as np
import pandas as pd
import pytest

from keras_ts.panel import tables
from keras_ts.panel.tables import Frames
from keras_ts.windows.spec import WindowSpec

NAMED = {"target_columns": "units", "static_columns": "type", "id_column": "shop"}


def table():
    days = pd.date_range("2024-01-01", periods=12).delete([5])
    one = pd.DataFrame({"shop": "a", "day": days, "units": np.arange(11.0), "type": "mall"})
    return pd.concat([one, one.assign(shop="b", type="city")], ignore_index=True)


@pytest.mark.parametrize("missing", ["mask", "drop", "keep"])
def test_a_second_read_makes_no_array(missing, monkeypatch):
    spec = WindowSpec(2, missing=missing, time_column="day", **NAMED)
    frames = Frames(table(), spec)
    first = frames.read(spec)
    monkeypatch.setattr(tables, "blocks_of", None)
    monkeypatch.setattr(tables, "read_clock", None)
    again = frames.read(WindowSpec(5, 3, missing=missing, time_column="day", **NAMED))
    assert again.values is first.values
    assert (again.clock.times is first.clock.times, again.static is first.static) == (True, True)


def test_roles_are_those_of_each_read():
    spec = WindowSpec(2, missing="keep", time_column="day", **NAMED)
    frames = Frames(table().assign(price=2), spec)
    assert frames.read(spec).columns.ahead == ()
    priced = WindowSpec(2, missing="mask", time_column="day", future_columns="price", **NAMED)
    assert frames.read(priced).columns.ahead == (1,)
    assert frames.read(spec).columns.ahead == ()
    assert len(frames.read(priced).values) == 24
    assert frames.selected(["price", "type", "units"]).read(spec).columns.past == ("price", "units")
    assert frames.read(spec).columns.past == ("units", "price")


def test_rows_out_of_order_are_sorted_where_that_was_asked_for():
    spec = WindowSpec(2, missing="keep", time_column="day", **NAMED)
    mixed = table()[::-1]
    with pytest.raises(ValueError, match="goes back in time"):
        Frames(mixed, spec).read(spec)
    read = Frames(mixed, spec, in_order=False).read(spec)
    assert read.values[:, 0].tolist() == [*range(11)] * 2
    assert read.labels == ("b", "a")
