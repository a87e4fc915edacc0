"""A step of a plan that is closed has no forecast, and no other step notices."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from export_helpers import needs, path_for
from forecasting_models import after, sales, until
from helpers import BACKEND
from keras_ts import RecurrentPreset, Rollout, WindowedSeries, export_model, forecast

FRAME, HOUR = sales(40), pd.Timedelta(hours=1)
WHOLE, PLAN = until(FRAME, 30), after(FRAME, 30)
PAST = WHOLE[WHOLE["day"] != FRAME["day"][10]]  # The shops were closed on a day.
WINDOWS = WindowedSeries(
    5, 3, target_columns="units", future_columns="promo", static_columns="size", calendar="week",
    id_column="shop", time_column="day", missing="mask_targets",
)  # fmt: skip


@pytest.fixture(scope="module")
def model():
    preset = RecurrentPreset(cell="gru", units=(3,), window_norm="last")
    return preset.build(WINDOWS.build(PAST))


def closing(frame, shop, number):
    """Where a shop has its row of some day, counted from the last row of the past."""
    return (frame["shop"] == shop) & (frame["day"] == FRAME["day"][29 + number])


@pytest.mark.parametrize("step", [1, 2])
def test_a_step_without_a_row_is_closed(model, step):
    whole = forecast(model, PAST, future=PLAN)
    closed = PLAN[~closing(PLAN, "east", step)]
    ahead = forecast(model, PAST, future=closed)
    wanted = whole.copy()
    wanted.loc[2 + step, "units"] = np.nan
    pd.testing.assert_frame_equal(ahead, wanted)
    blank = PLAN.assign(promo=PLAN["promo"].mask(closing(PLAN, "east", step)))
    pd.testing.assert_frame_equal(forecast(model, PAST, future=blank), wanted)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")  # PyTorch's own.
@pytest.mark.parametrize(
    ("lacking", "says"),
    [
        ([("east", 2)], r"of series 'east' at the steps \[2\] \(the first is 2, 2024-02-01\)"),
        ([("north", 1), ("east", 1)], r"'north', series 'east' at the steps \[1\].*2024-01-31"),
        (
            [("north", 3), ("east", 2)],
            r"'north', series 'east' at the steps \[2, 3\] .*3, 2024-02-02",
        ),
    ],
)
@pytest.mark.parametrize("row", [True, False])
def test_a_hole_in_a_plan_is_named_where_nothing_was_missing_before(model, lacking, says, row):
    gone = np.logical_or.reduce([closing(PLAN, *at) for at in lacking])
    plan = PLAN[~gone] if row else PLAN.assign(promo=PLAN["promo"].mask(gone))
    with pytest.warns(UserWarning, match=says):
        ahead = forecast(model, WHOLE, future=plan)
    assert ahead["units"].isna().sum() == len(lacking)
    # Of shops that were closed before, in a row or in a value of its own, no warning, unless the
    # plan begins late.
    values = WHOLE.assign(units=WHOLE["units"].mask(WHOLE["day"] == FRAME["day"][10]))
    late = row and plan["day"].min() > FRAME["day"][30]
    for past in (PAST, values):
        with pytest.warns(UserWarning, match=says) if late else nullcontext():
            assert forecast(model, past, future=plan)["units"].isna().sum() == len(lacking)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")  # PyTorch's own.
def test_a_young_shop_may_close_with_the_others(model):
    young = PAST[(PAST["shop"] == "north") | (PAST["day"] > FRAME["day"][20])]
    holiday = PLAN[PLAN["day"] != FRAME["day"][31]]
    assert forecast(model, young, future=holiday)["units"].isna().sum() == 2
    with pytest.warns(UserWarning, match="of series 'east' at the steps"):
        forecast(model, young, future=PLAN[~closing(PLAN, "east", 2)])


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")  # PyTorch's own.
def test_all_shops_may_close_at_once_if_one_of_them_ever_closed(model):
    """Where none ever lacked a day, none of them knows holidays: the plan has a hole."""
    holiday = PLAN[PLAN["day"] != FRAME["day"][31]]
    once = WHOLE[(WHOLE["shop"] == "north") | (WHOLE["day"] != FRAME["day"][10])]
    assert forecast(model, once, future=holiday)["units"].isna().sum() == 2
    with pytest.warns(UserWarning, match=r"'north', series 'east' at the steps \[2\] .*02-01"):
        assert forecast(model, WHOLE, future=holiday)["units"].isna().sum() == 2


def test_the_plan_of_another_series_shows_that_it_goes_on(model):
    few = PLAN[(PLAN["shop"] == "north") | (PLAN["day"] <= FRAME["day"][31])]
    assert forecast(model, PAST, future=few)["units"].isna().tolist() == [False] * 5 + [True]
    ended = PLAN[PLAN["day"] <= FRAME["day"][31]]
    with pytest.raises(
        ValueError,
        match=r"2 of the 3 rows that follow series 'north'; the first "
        r"missing one is 2024-02-02.*write a closed step as a row",
    ):
        forecast(model, PAST, future=ended)
    last = PLAN[closing(PLAN, "east", 3)].assign(promo=np.nan)
    written = pd.concat([ended, last])
    assert forecast(model, PAST, future=written)["units"].isna().tolist() == [
        False, False, True, False, False, True,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no row of series 'east'"):
        forecast(model, PAST, future=PLAN[PLAN["shop"] == "north"])


def test_a_series_that_was_closed_at_its_end_is_closed_until_its_plan_begins(model):
    """As with a row of missing values in the plan; a plan without a row of a series is refused."""
    last = closing(PAST, "east", 0)
    blank = PAST[last].drop(columns="units").assign(promo=np.nan)
    ahead = forecast(model, PAST[~last], future=PLAN)
    assert ahead["units"].isna().tolist() == [False] * 3 + [True, False, False]
    pd.testing.assert_frame_equal(
        ahead, forecast(model, PAST[~last], future=pd.concat([PLAN, blank]))
    )
    stale = PAST[(PAST["shop"] != "east") | (PAST["day"] <= FRAME["day"][27])]
    assert forecast(model, stale, future=PLAN)["units"].isna().tolist() == [False] * 3 + [
        True, True, False,
    ]  # fmt: skip
    ended = PAST[(PAST["shop"] != "east") | (PAST["day"] <= FRAME["day"][20])]
    with pytest.raises(
        ValueError, match=r"0 of the 3 rows that follow series 'east'.*leave a series out that has"
    ):
        forecast(model, ended, future=PLAN)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")  # PyTorch's own.
def test_a_plan_that_begins_late_is_named_unless_such_days_are_closed():
    """The shop closes on Sundays, and was closed on one other day."""
    days = pd.date_range("2024-01-01", "2024-02-29")
    table = pd.DataFrame({"day": days, "units": np.arange(60) % 7.0, "promo": 1.0})
    table = table[(days.day_of_week < 6) & (days != "2024-01-09")]
    windows = replace(WINDOWS, static_columns=None, id_column=None, window=14)
    model = RecurrentPreset(units=(3,), window_norm="last").build(windows.build(table))
    for end, begin, closed in (("02-17", "02-19", 1), ("02-14", "02-16", 0), ("02-17", "02-20", 0)):
        past, plan = table[table["day"] <= f"2024-{end}"], table[table["day"] >= f"2024-{begin}"]
        if closed:
            assert forecast(model, past, future=plan)["units"].isna().sum() == closed
            continue
        first = pd.Timestamp(f"2024-{begin}") - pd.Timedelta(days=1)
        says = rf"of the series at the steps .*, {first.date()}\)\. Their forecast is NaN"
        with pytest.warns(UserWarning, match=says):
            forecast(model, past, future=plan)
        # A closed step that is written has no warning.
        blank = pd.DataFrame({"day": [first], "promo": [np.nan]})
        assert forecast(model, past, future=pd.concat([blank, plan]))["units"].isna().any()


def test_arrays_have_nan(model):
    table = PAST[PAST["shop"] == "north"][["units", "promo"]].to_numpy("float32", copy=True)
    table[3] = np.nan  # It was closed before.
    windows = WindowedSeries(5, 3, target_columns=0, future_columns=[1], missing="mask_targets")
    net = RecurrentPreset(cell="gru", units=(3,), window_norm="last").build(windows.build(table))
    plan = np.array([[1.0], [np.nan], [0.0]])
    ahead = forecast(net, table, future=plan)
    assert np.isnan(ahead).tolist() == [False, True, False]
    says = "future has an infinite value at step 2 of the series in column 1. Correct it, or write"
    with pytest.raises(ValueError, match=says):
        forecast(net, table, future=np.array([[1.0], [np.inf], [0.0]]))


def test_past_the_horizon_a_closed_step_is_missing(model):
    """The rounds by hand: what is forecast is a row of the series, a closed day is none."""
    gone = closing(PLAN, "north", 2) | closing(PLAN, "east", 3) | closing(PLAN, "east", 5)
    ahead = forecast(model, PAST, future=PLAN[~gone], steps=9)
    assert ahead["units"].isna().sum() == 3
    series, rows = PAST, PLAN.drop(columns="units").assign(promo=PLAN["promo"].mask(gone))
    for number in range(3):
        part = forecast(model, series, future=rows[~gone])
        wanted = ahead[(ahead["step"] > 3 * number) & (ahead["step"] <= 3 * number + 3)]
        np.testing.assert_allclose(part["units"], wanted["units"], rtol=1e-4)
        known = part.drop(columns="step").merge(rows, on=["shop", "day"])
        series = pd.concat([series, known]).sort_values(["shop", "day"], ascending=[False, True])


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")  # PyTorch's own.
def test_a_plan_that_closes_a_whole_window_leaves_nothing_to_go_on_from(model):
    gone = (PLAN["shop"] == "east") & PLAN["day"].between(FRAME["day"][30], FRAME["day"][35])
    with pytest.raises(ValueError, match="closes so many consecutive steps of series 'east'"):
        forecast(model, PAST, future=PLAN[~gone], steps=9)
    ahead = forecast(model, PAST, future=PLAN[~gone], steps=9, incomplete="nan")
    assert ahead["units"].isna().tolist() == [False] * 9 + [True] * 9
    with pytest.warns(UserWarning, match=r"'east' at the steps \[1, 2, 3, 4, 5, 6\]"):
        ahead = forecast(model, PAST, future=PLAN[~gone], steps=6)
    assert ahead["units"].isna().sum() == 6


def test_quantiles_and_targets_are_all_missing():
    windows = replace(WINDOWS, target_columns=("units",))
    preset = RecurrentPreset(units=(3,), window_norm="last", quantiles=[0.1, 0.5, 0.9])
    model = preset.build(windows.build(PAST))
    ahead = forecast(model, PAST, future=PLAN[~closing(PLAN, "north", 2)])
    columns = ["units_0.1", "units", "units_0.9"]
    assert ahead[columns].isna().all(axis=1).tolist() == [False, True] + [False] * 4
    assert ahead[columns].isna().any(axis=1).tolist() == [False, True] + [False] * 4


def test_gaps_in_the_last_window_are_missing_rows(model):
    """As with rows of NaN in their place, for each of many series, at either end of a window."""
    blank = PAST.assign(units=PAST["units"].mask(PAST["day"].dt.day.isin([26, 28])))
    blank.loc[blank["units"].isna(), "promo"] = np.nan
    pd.testing.assert_frame_equal(
        forecast(model, blank.dropna(), future=PLAN), forecast(model, blank, future=PLAN)
    )


def test_windows_of_mask_refuse_a_plan_that_lacks_a_row():
    windows = replace(WINDOWS, missing="mask")
    model = RecurrentPreset(units=(3,), window_norm="last").build(windows.build(PAST))
    with pytest.raises(ValueError, match="2 of the 3 rows that follow series 'east'"):
        forecast(model, PAST, future=PLAN[~closing(PLAN, "east", 2)])


@pytest.fixture(scope="module")
def rollout_inputs():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["y", "promo"])
    table["t"] = range(60)
    windows = WindowedSeries(
        6, 2, target_columns="y", future_columns="promo", calendar=[7], missing="mask_targets",
        time_column="t",
    )  # fmt: skip
    model = RecurrentPreset(cell="gru", units=(3,)).build(windows.build(table))
    x = {part: values[:4] for part, values in windows.build(table).to_numpy()[0].items()}
    x = {"past": x["past"], "future": np.concatenate([x["future"]] * 3, axis=1)[:, :5]}
    x["future"][0, 1, 0] = x["future"][1, 2, 0] = np.nan
    return model, {part: values.astype("float32") for part, values in x.items()}


def test_a_rollout_closes_steps_too(rollout_inputs):
    model, x = rollout_inputs
    out = Rollout(model, steps=5).predict(x, verbose=0).reshape(4, 5)
    assert np.isnan(out).tolist() == [
        [False, True, False, False, False], [False, False, True, False, False],
        [False] * 5, [False] * 5,
    ]  # fmt: skip


@pytest.mark.parametrize("format", ["tf_saved_model", pytest.param("onnx", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch's loops are refused")
def test_an_exported_rollout_closes_steps_too(rollout_inputs, format, tmp_path):
    needs(format)
    model, x = rollout_inputs
    export_model(Rollout(model, steps=5), path_for(tmp_path, format), format, check=x)


def test_a_plan_that_misses_the_times_that_follow_is_refused(model):
    late = PLAN.assign(day=PLAN["day"] + pd.Timedelta(days=300))
    with pytest.raises(ValueError, match="no row at a time that follows series"):
        forecast(model, PAST, future=late)
    noon = PLAN.assign(day=PLAN["day"].mask(closing(PLAN, "east", 1), PLAN["day"] + HOUR))
    with pytest.raises(ValueError, match=r"has a row of series 'east' at 2024-01-31T01:00.* none"):
        forecast(model, PAST, future=noon)


def test_an_infinite_value_closes_no_step(model):
    wrong = PLAN.copy()
    wrong.loc[closing(PLAN, "east", 2), "promo"] = -np.inf
    says = r"infinite value at step 2 \(2024-02-01\) of series 'east' in column 'promo'. Correct it"
    with pytest.raises(ValueError, match=says):
        forecast(model, PAST, future=wrong)
