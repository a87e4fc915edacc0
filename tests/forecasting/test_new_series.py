"""A series that only the plan has is forecast by a model that was trained with ``min_inputs=0``."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ts import Panel, RecurrentPreset, WindowedSeries, forecast
from keras_ts.datasets import store_sales
from keras_ts.scale import PanelStore

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept"  # PyTorch's own.
)
TABLE, PLAN = map(pd.DataFrame, store_sales(stores=4, days=60, horizon=3))
OLD = TABLE[TABLE["store"] != "store 1"]
NAMES = {
    "id_column": "store", "time_column": "day", "target_columns": "units",
    "future_columns": "promotion", "static_columns": "type",
}  # fmt: skip


def windows_of(min_inputs=0, **settings):
    return WindowedSeries(
        5, 3, missing="mask_targets", min_inputs=min_inputs, **{**NAMES, **settings}
    )


def model_of(table=OLD, **settings):
    dataset = windows_of(**settings).build(table)
    return RecurrentPreset(units=(2,), window_norm="last").build(dataset)


MODEL = model_of()


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.from_pandas, "panel"])
def test_the_ids_come_from_the_plan(kind):
    own = (lambda frame: frame) if kind == "panel" else kind
    series = (
        Panel(OLD.sample(frac=1).sort_values("store"), **NAMES) if kind == "panel" else kind(OLD)
    )
    made = forecast(MODEL, series, future=own(PLAN))
    assert type(made) is type(own(OLD))
    ids = [*dict.fromkeys(made["store"])]
    assert ids == ["store 2", "store 3", "store 4", "store 1"]
    assert list(made["day"][9:]) == list(made["day"][:3])
    assert np.isfinite(made["units"].to_numpy()).all()
    old = forecast(MODEL, own(OLD), future=own(PLAN[PLAN["store"] != "store 1"]))
    np.testing.assert_allclose(made["units"][:9], old["units"], rtol=1e-6)


def test_an_id_of_another_type_and_without_a_plan():
    """Whole numbers as ids; without columns known ahead the plan names series alone."""
    number = {f"store {i}": i for i in range(1, 5)}
    old, plan = (frame.assign(store=frame["store"].map(number)) for frame in (OLD, PLAN))
    plan = plan.drop(columns=["day", "promotion"]).drop_duplicates()
    made = forecast(model_of(future_columns=None), old, future=plan)
    assert made["store"].dtype == old["store"].dtype
    assert made["store"].unique().tolist() == [2, 3, 4, 1]
    assert made["units"].notna().all()


def test_what_the_plan_must_say():
    without = PLAN.drop(columns="type")
    blank = PLAN.assign(type=PLAN["type"].where(PLAN["store"] != "store 1"))
    says = r"no row of 'store 1', which .* lacks values of its static columns \['type'\]"
    for plan in (without, blank):
        with pytest.raises(ValueError, match=says):
            forecast(MODEL, OLD, future=plan)
    with pytest.raises(ValueError, match="rows of at least one known series"):
        forecast(MODEL, OLD.head(0), future=PLAN[PLAN["store"] == "store 1"])
    made = forecast(MODEL, OLD, future=without, incomplete="nan")
    assert made.groupby("store")["units"].count()["store 1"] == 0
    assert len(made) == 12
    short = PLAN[(PLAN["store"] != "store 1") | (PLAN["day"] < "2024-12-22")]
    with pytest.warns(UserWarning, match=r"values of series 'store 1' at the steps \[2, 3\]"):
        some = forecast(MODEL, OLD, future=short)
    assert some["units"].isna().tolist() == [False] * 10 + [True] * 2  # Closed.
    with pytest.raises(ValueError, match="has rows of \\['store 1'\\]"):
        forecast(model_of(min_inputs=1), OLD, future=PLAN)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.from_pandas])
def test_a_hole_in_the_plan_of_a_new_series_is_named(kind):
    """Days before the opening are no hole, unless no day is left; nor is a day closed for all."""
    one, day = PLAN["store"] == "store 1", PLAN["day"]
    late = day > day[0]
    blank = PLAN.assign(promotion=PLAN["promotion"].where(~one | (day != day[1])))
    after = PLAN.assign(day=day + pd.to_timedelta(np.where(one, 9, 0), unit="D"))
    made = forecast(MODEL, kind(OLD), future=kind(PLAN[~one | late]))
    assert np.isnan(made["units"].to_numpy()).sum() == 1
    # Store 2 was closed once, so the chain knows closed days.
    past = OLD[(OLD["store"] != "store 2") | (OLD["day"] != OLD["day"].iloc[5])]
    made = forecast(MODEL, kind(past), future=kind(PLAN[day != day[1]]))
    assert np.isnan(made["units"].to_numpy()).sum() == 4
    for plan, steps in ((blank, r"\[2\]"), (after, r"\[1, 2, 3\]")):
        with pytest.warns(UserWarning, match=f"values of series 'store 1' at the steps {steps}"):
            forecast(MODEL, kind(OLD), future=kind(plan))


def test_an_old_series_without_any_day_is_named_though_it_was_closed_before():
    """As a whole column that did not match; a single closed step is as usual."""
    past = OLD[(OLD["store"] != "store 2") | (OLD["day"] != OLD["day"].iloc[5])]
    plan = PLAN.assign(promotion=PLAN["promotion"].where(PLAN["store"] != "store 2"))
    with pytest.warns(UserWarning, match=r"of series 'store 2' at the steps \[1, 2, 3\]"):
        forecast(MODEL, past, future=plan)


NAMED = PLAN[["store", "type"]].drop_duplicates()
NAMELESS = model_of(future_columns=None)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.from_pandas])
@pytest.mark.parametrize(
    ("future", "says", "settings"),
    [
        (NAMED.assign(store=range(4)), "id_column='store' must be of one type in series and", {}),
        (NAMED[["type"]], r"future lacks \['store'\], of the columns", {}),
        (NAMED[["store"]], r"lacks values of its static columns \['type'\]", {}),
        (
            NAMED[["store"]],
            r"time_column='day', which the rows of NaN need for \['store 1'\]",
            {"incomplete": "nan"},
        ),
        (
            pd.concat([NAMED, NAMED[:1].assign(type="mall"), NAMED[:1].assign(type="city")]),
            "rows of future, or of series and future, have different values of the static column "
            "'type' for series 'store 1'",
            {},
        ),
    ],
)
def test_a_plan_that_names_series_wrongly_is_refused(kind, future, says, settings):
    """Without columns known ahead nothing else of the plan is read."""
    with pytest.raises((TypeError, ValueError), match=says):
        forecast(NAMELESS, kind(OLD), future=kind(future), **settings)


def test_a_plan_of_ids_without_an_id_column_and_beside_a_store_on_disk(tmp_path):
    one = OLD.loc[OLD["store"] == "store 2", ["day", "units"]]
    alone = model_of(one, id_column=None, future_columns=None, static_columns=None)
    with pytest.raises(ValueError, match="no future_columns, so leave future out"):
        forecast(alone, one, future=NAMED)
    pytest.importorskip("duckdb")
    store = PanelStore.write(
        OLD.drop(columns="promotion"), tmp_path / "s", windows_of(future_columns=None)
    )
    with pytest.raises(ValueError, match=r"has rows of \['store 1'\]"):
        forecast(model_of(store, future_columns=None), store, future=NAMED)


def test_a_series_whose_window_has_no_value_is_forecast():
    gone = TABLE.assign(units=TABLE["units"].where(TABLE["store"] != "store 1"))
    made, new = (forecast(MODEL, table, future=PLAN) for table in (gone, OLD))
    made, new = (each[each["store"] == "store 1"]["units"].to_numpy() for each in (made, new))
    np.testing.assert_allclose(made, new, rtol=1e-6)
