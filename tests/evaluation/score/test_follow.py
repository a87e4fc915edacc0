"""Intervals follow the rows that came: each origin once, whatever the job does in between."""

import re
import warnings

import keras
import numpy as np
import pandas as pd
import polars
import pytest

from helpers import called, untraced
from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    calibrate,
    compare,
    export_model,
    follow,
    forecast,
    load_model,
    save_model,
    scorecard,
)

WINDOWS = WindowedSeries(6, 3, target_columns="units", id_column="shop", time_column="day")
DAY = pd.Timedelta(days=1)
LAST = pd.Timestamp("2024-04-30")


def shops():
    days = pd.date_range("2024-01-01", periods=200)
    rng = np.random.default_rng(0)
    return pd.concat(
        [
            pd.DataFrame({"shop": shop, "day": days, "units": size * rng.normal(10, 1, 200)})
            for shop, size in (("b", 1.0), ("a", 100.0), ("c", 1.0))
        ],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def table():
    return shops()


@pytest.fixture(scope="module")
def model(table):
    """A model of quantiles with bounds behind its intervals, calibrated up to LAST."""
    train, held_out = WINDOWS.split(table[table["day"] <= LAST], at="2024-03-01")
    preset = RecurrentPreset(
        units=(2,), window_norm="last", quantiles=(0.1, 0.25, 0.5, 0.75, 0.9), minimum=0
    )
    return untraced(calibrate(preset.build(train), held_out))


def morning(model, table, day):
    """Return the forecast of a morning, which knows the rows before it."""
    return forecast(model, table[table["day"] < day])


def rows_before(table, day):
    return table[table["day"] < day]


def levels(model):
    return interval(model).followed.levels


def interval(model):
    return next(x for x in model.layers if type(x).__name__ == "ConformalInterval")


def widths(frame):
    return (frame["units_0.9"] - frame["units_0.1"]).to_numpy()


def by_hand(stored, table, asked):
    """Return the share of misses by step at one origin, over all shops."""
    both = stored.merge(table, on=["shop", "day"], suffixes=("", "_came"))
    low, high = (f"units_{0.5 + side * asked / 2:g}" for side in (-1, 1))
    missed = (both["units_came"] < both[low]) | (both["units_came"] > both[high])
    return missed.groupby(both["step"]).mean().to_numpy()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_an_origin_moves_levels_by_its_misses(model, table, library):
    day = LAST + DAY
    ahead, came = morning(model, table, day), rows_before(table, day + 3 * DAY)
    came = came.sample(frac=1.0, random_state=0)
    expected = [
        (1 - asked) + 0.05 / np.arange(1, 4) * (1 - asked - by_hand(ahead, table, asked))
        for asked in (0.5, 0.8)
    ]
    if library == "polars":
        ahead, came = map(polars.from_pandas, (ahead, came))
    moved = follow(model, ahead, came)
    np.testing.assert_allclose(levels(moved)[..., 0], expected)
    assert interval(model).followed is None
    assert [w is v for w, v in zip(model.weights[:-2], moved.weights[:-2], strict=True)]
    for old, new in zip(model.get_weights(), moved.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_bounds_move_and_the_rest_stays(model, table):
    """After sales a hundred times as large, bands are wider, and bounded as before."""
    day = LAST + DAY
    wild = table.copy()
    wild.loc[wild["day"] >= day, "units"] *= 100
    moved = model
    for number in range(8):
        ahead = morning(moved, table, day + 3 * number * DAY)
        moved = untraced(follow(moved, ahead, rows_before(wild, day + 3 * (number + 1) * DAY)))
    before, after = morning(model, table, day), morning(moved, table, day)
    np.testing.assert_allclose(before["units"], after["units"])
    assert (widths(after) > 1.2 * widths(before)).all()
    assert [type(made.layers[-1]).__name__ for made in (model, moved)] == ["Bounded"] * 2


def test_each_origin_counts_once_and_waits_until_it_is_whole(model, table):
    first, second = (morning(model, table, LAST + days * DAY) for days in (1, 2))
    both = pd.concat([first, second])
    nothing = follow(model, both, rows_before(table, LAST + 2 * DAY))
    assert interval(nothing).followed is None
    pd.testing.assert_frame_equal(
        morning(nothing, table, LAST + DAY), morning(model, table, LAST + DAY)
    )
    # The first origin is whole, the second lacks a day.
    once = follow(model, both, rows_before(table, LAST + 4 * DAY))
    np.testing.assert_array_equal(
        levels(once), levels(follow(model, first, rows_before(table, LAST + 9 * DAY)))
    )
    again = follow(once, both, rows_before(table, LAST + 4 * DAY))
    assert interval(again).followed.get_config() == interval(once).followed.get_config()
    twice = follow(once, both, rows_before(table, LAST + 5 * DAY))
    assert len(interval(twice).followed.origins) == 2
    assert not np.array_equal(levels(twice), levels(once))
    assert interval(twice).followed.since == str((LAST + DAY).date())


def test_rows_that_are_late_planned_or_missing(model, table):
    """A late shop holds its origin up, a day on which no row came does not."""
    ahead, whole = morning(model, table, LAST + DAY), rows_before(table, LAST + 4 * DAY)
    late = whole[(whole["shop"] != "c") | (whole["day"] <= LAST)]
    assert interval(follow(model, ahead, late)).followed is None
    planned = whole.copy()
    planned.loc[planned["day"] > LAST + 2 * DAY, "units"] = np.nan
    assert interval(follow(model, ahead, planned)).followed is None
    closed = whole[whole["day"] != LAST + 2 * DAY]
    moved = levels(follow(model, ahead, closed))
    expected = levels(follow(model, ahead, whole))
    np.testing.assert_array_equal(moved[:, [0, 2]], expected[:, [0, 2]])
    np.testing.assert_allclose(moved[:, 1, 0], [0.5, 0.2])
    # Without a forecast, as on a closed day of the plan, nothing is waited for.
    shut = ahead.copy()
    shut.loc[shut["step"] == 3, ahead.columns[3:]] = np.nan
    assert len(interval(follow(model, shut, rows_before(table, LAST + 3 * DAY))).followed.origins)


@pytest.mark.parametrize("missing", ["no row", "an id of another type", "no value"])
def test_a_series_that_never_comes_is_named_once_it_alone_is_waited_for(model, table, missing):
    day = LAST + DAY
    ahead, came = morning(model, table, day), rows_before(table, day + 3 * DAY)
    name = "c"
    if missing == "no row":
        came = came[came["shop"] != "c"]
    elif missing == "no value":
        came = came.assign(units=came["units"].where(came["shop"] != "c"))
    else:
        name = 7
        ahead["shop"] = ahead["shop"].astype(object).where(ahead["shop"] != "c", name)
    says = rf"follow waits for values of the series \[{name!r}\], of which actual has none"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        assert interval(follow(model, ahead, came)).followed is None
    assert [own.filename for own in caught] == [__file__]
    assert re.search(says, str(caught[0].message))


def test_several_nights_of_one_model_at_once(model, table):
    """Levels settle where they should, and do not run to the end, however many origins came."""
    nights = pd.concat(
        [morning(model, table, LAST + days * DAY) for days in range(1, 70)], ignore_index=True
    )
    missed = by_hand(nights, table, 0.8)
    got = levels(follow(model, nights, table))[1, :, 0]
    between = np.sort([np.full(3, 0.2), 0.4 - missed], axis=0)
    assert ((got > between[0] - 0.05) & (got < between[1] + 0.05)).all()


def test_a_file_goes_on_where_it_was_and_its_scorecard_holds(model, table, tmp_path):
    path = tmp_path / "model.keras"
    train, _ = WINDOWS.split(table[table["day"] <= LAST], at="2024-03-01")
    judged = WINDOWS.split(table, at=str((LAST + 9 * DAY).date()))[1]
    moved = follow(model, morning(model, table, LAST + DAY), table)
    save_model(moved, path, report=compare(moved, train, judged))
    loaded = load_model(path)
    day = LAST + 5 * DAY
    pd.testing.assert_frame_equal(
        morning(loaded, table, day), morning(moved, table, day), rtol=1e-5
    )
    for source in (path, loaded):
        card = scorecard(source)
        assert card.ok
        assert card.remarks == ("Its bands were updated by values since 2024-05-01.",)
    ahead = morning(moved, table, LAST + 2 * DAY)
    np.testing.assert_array_equal(
        levels(follow(loaded, ahead, table)), levels(follow(moved, ahead, table))
    )
    assert interval(follow(loaded, morning(moved, table, LAST + DAY), table)).followed.origins == (
        interval(moved).followed.origins
    )


@pytest.mark.parametrize("targets", [["units", "stock"], ["stock"]])
def test_points_of_several_targets(targets):
    rng = np.random.default_rng(1)
    days = pd.date_range("2024-01-01", periods=120)
    frame = pd.DataFrame(
        {"day": days, "units": rng.normal(size=120), "stock": rng.normal(size=120)}
    )
    windows = WindowedSeries(4, 2, target_columns=targets, time_column="day")
    train, held_out = windows.split(frame[:100], at=50)
    model = calibrate(RecurrentPreset(units=(2,)).build(train), held_out, coverage=[0.5, 0.8])
    ahead = forecast(model, frame[:100])
    frame.loc[100:, targets[-1]] = 1e3
    moved = levels(follow(model, ahead, frame[:102]))
    assert moved.shape == (2, 2, len(targets))
    np.testing.assert_allclose(moved[:, :, -1], [[0.475, 0.4875], [0.16, 0.18]])
    # A value that is infinite is none.
    frame.loc[101, targets[-1]] = np.inf
    frame.loc[102:, targets[-1]] = 0.0
    np.testing.assert_allclose(
        levels(follow(model, ahead, frame))[:, :, -1], [[0.475, 0.5], [0.16, 0.2]]
    )


def test_targets_that_no_setting_names():
    """Columns in another order are no other targets, a late one is waited for, none is left out."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=120)})
    frame[["units", "stock"]] = rng.normal(size=(120, 2))
    windows = WindowedSeries(4, 2, time_column="day")
    train, held_out = windows.split(frame[:100], at=50)
    model = calibrate(RecurrentPreset(units=(2,)).build(train), held_out, coverage=0.8)
    ahead = forecast(model, frame[:100])
    frame.loc[100:, "stock"] = 1e3
    moved = levels(follow(model, ahead, frame[:102]))
    assert (moved[0, :, 1] < 0.2).all()
    by_name = [made[sorted(made)] for made in (ahead, frame[:102])]
    np.testing.assert_array_equal(levels(follow(model, *by_name)), moved)
    late = frame[:102].assign(stock=frame["stock"].where(frame.index < 101))
    assert interval(follow(model, ahead, late)).followed is None
    alone = [name for name in ahead if not name.startswith("units")]
    with pytest.raises(ValueError, match=r"forecasts must be whole frames .* of 2 targets"):
        follow(model, ahead[alone], frame)


def test_an_exported_file_holds_the_moved_bounds(model, table, tmp_path):
    moved = follow(model, morning(model, table, LAST + DAY), table)
    inputs = np.random.default_rng(0).normal(10, 1, (4, 6, 1)).astype("float32")
    before, after = (m(inputs) for m in (model, moved))
    assert np.abs(keras.ops.convert_to_numpy(after - before)).max() > 1e-3
    if keras.backend.backend() == "tensorflow":
        export_model(moved, tmp_path / "model", "tf_saved_model", check=inputs)


def test_a_calibrated_model_within_another(model, table):
    ahead, inputs = morning(model, table, LAST + DAY), np.full((2, 6, 1), 10.0)
    outer = keras.Sequential([keras.Input((6, 1)), model])
    for part in (model, outer):
        assert (
            np.abs(called(follow(part, ahead, table), inputs) - called(part, inputs)).max() > 1e-3
        )
    np.testing.assert_allclose(
        *(called(follow(part, ahead, table), inputs) for part in (model, outer)), rtol=1e-6
    )


def uncalibrated(model, table):
    train, _ = WINDOWS.split(table, at="2024-03-01")
    return RecurrentPreset(units=(2,)).build(train)


REFUSALS = {
    "not calibrated": (uncalibrated, None, None, "model has no intervals that could follow"),
    "no bounds": (
        None, lambda ahead: ahead[["shop", "day", "step", "units"]], None,
        "needs the levels",
    ),
    "other bounds": (
        None, lambda ahead: ahead.drop(columns=["units_0.25", "units_0.75"]), None,
        "needs the levels",
    ),
    "of another horizon": (
        None, lambda ahead: ahead.assign(step=ahead["step"] + 1), None,
        "forecasts must be whole frames",
    ),
    "without steps": (
        None, lambda ahead: ahead[ahead["step"] == 3].drop(columns="step"), None,
        "forecasts must be whole frames",
    ),
    "twice": (None, lambda ahead: pd.concat([ahead, ahead]), None, "has two rows for"),
    "other ids": (
        None, None, lambda came: came.assign(shop=came["shop"] + "!"),
        "actual holds none of the rows that were forecast",
    ),
}  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_is_refused(model, table, refusal):
    change, of_ahead, of_came, says = REFUSALS[refusal]
    ahead, came = morning(model, table, LAST + DAY), table
    with pytest.raises(ValueError, match=says):
        follow(
            change(model, table) if change else model,
            of_ahead(ahead) if of_ahead else ahead,
            of_came(came) if of_came else came,
        )


# Keras's variables warn of it, which pytest.warns lets through.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")
def test_compare_warns_of_rows_that_intervals_followed(model, table):
    """Of those of a followed origin, not of earlier or later ones."""
    day = LAST + DAY
    moved = follow(model, morning(model, table, day), rows_before(table, day + 3 * DAY))
    split = WINDOWS.split(table, at=["2024-03-01", LAST + DAY, LAST + 4 * DAY])
    train, _, followed, later = split
    with pytest.warns(UserWarning, match="follow targets that validation holds"):
        compare(moved, train, followed, baselines=["naive"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        compare(moved, train, later, baselines=["naive"])
        compare(model, train, followed, baselines=["naive"])
