"""Yesterday's forecast is scored by the rows that came, whatever their order and library."""

import re
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import polars
import pytest

from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    compare,
    forecast,
    save_model,
    score,
    scorecard,
)
from keras_ts.scores.metrics import METRICS


def shops():
    days = pd.date_range("2024-01-01", periods=80)
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame({"shop": shop, "day": days, "units": size * rng.normal(10, 1, 80)})
        for shop, size in (("b", 1.0), ("a", 100.0), ("c", 1.0))
    ]
    return pd.concat(parts, ignore_index=True)


WINDOWS = WindowedSeries(6, 4, target_columns="units", id_column="shop", time_column="day")
LAST = pd.Timestamp("2024-03-08")
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def made():
    """Return the table, a forecast from LAST on, and the model that made it."""
    table = shops()
    train, _ = WINDOWS.split(table, at="2024-02-24")
    preset = RecurrentPreset(units=(2,), window_norm="last", quantiles=(0.1, 0.5, 0.9))
    model = preset.build(train)
    return table, forecast(model, table[table["day"] <= LAST]), model


def judged_file(made, folder, at="2024-02-24", **settings):
    """Save the model with what it promised from a day on, and return the file."""
    table, _, model = made
    train, held = WINDOWS.split(table, at=at)
    save_model(model, folder / "model.keras", report=compare(model, train, held, **settings))
    return folder / "model.keras"


def by_hand(table, ahead):
    both = ahead.merge(table, on=["shop", "day"], suffixes=("", "_came"))
    return both.assign(error=np.abs(both["units"] - both["units_came"]))


@pytest.mark.parametrize("library", ["pandas", "polars", "both"])
def test_scores_are_those_by_hand(made, library):
    table, ahead, _ = made
    shuffled = table.sample(frac=1.0, random_state=1)
    came = shuffled if library == "pandas" else polars.from_pandas(shuffled)
    made_ahead = polars.from_pandas(ahead) if library == "polars" else ahead
    report = score(made_ahead, came, train=table[table["day"] <= LAST])
    errors = by_hand(table, ahead)
    assert report.table["mae"].tolist() == pytest.approx([errors["error"].mean()])
    by_step = report.scores(by="step")
    assert by_step["step"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(by_step["mae"], errors.groupby("step")["error"].mean())
    by_series = report.scores(by="series")
    assert by_series["series"].tolist() == ["b", "a", "c"]
    np.testing.assert_allclose(by_series["mae"], errors.groupby("shop", sort=False)["error"].mean())
    history = table[table["day"] <= LAST].groupby("shop", sort=False)["units"]
    scale = history.apply(lambda own: own.diff().abs().mean())
    np.testing.assert_allclose(by_series["mase"], by_series["mae"] / scale)
    inside = (errors["units_0.1"] <= errors["units_came"]) & (
        errors["units_came"] <= errors["units_0.9"]
    )
    assert report.table["coverage"].tolist() == pytest.approx([inside.mean()])
    assert score(made_ahead, came, by="step").table["mae"].tolist() == by_step["mae"].tolist()


def test_it_is_what_compare_says_of_the_same_forecast(made):
    table, ahead, _ = made
    train, held = WINDOWS.split(table, at="2024-02-24")
    report = score(ahead, table, train=train)
    judged = compare({"it": ahead}, train, held).table
    for metric in ("mae", "rmse", "mase", "smape", "pinball", "coverage", "width"):
        assert report.table[metric][0] == pytest.approx(judged[metric][0])


def test_rows_that_have_not_come_are_said(made):
    table, ahead, _ = made
    came = table[table["day"] <= LAST + pd.Timedelta(days=2)].copy()
    came.loc[came.index[-1], "units"] = np.nan
    report = score(ahead, came)
    said = str(report)
    assert "6 forecasts have no row in actual yet." in said
    assert "1 values are missing in rows that came, and count nowhere." in said
    assert "Over 6 forecasts of units for 3 series, 2 steps ahead at most." in said
    assert "MASE" not in said
    assert np.isnan(report.table["mase"]).all()
    errors = by_hand(came, ahead)["error"]
    assert report.table["mae"][0] == pytest.approx(errors.mean())


def test_other_names_are_those_of_the_file(made, tmp_path):
    table, _, model = made
    train, held = WINDOWS.split(table, at="2024-02-24")
    aligned = held.align(model.predict(held, verbose=0)[..., 1])
    path = tmp_path / "model.keras"
    save_model(model, path, report=compare(model, train, held, by="mae"))
    report = score(aligned, table, filepath=path)
    judged = compare(model, train, held)
    assert report.table["mae"][0] == pytest.approx(judged.table["mae"][0], rel=1e-5)
    assert report.promised == "as promised"
    with pytest.raises(ValueError, match="not clear by which columns"):
        score(aligned, table)


@pytest.mark.parametrize(("factor", "verdict"), [(1, "as promised"), (40, "changed")])
def test_the_scorecard_says_if_a_forecast_is_as_promised(made, tmp_path, factor, verdict):
    table, ahead, model = made
    train, held = WINDOWS.split(table, at="2024-02-24")
    path = tmp_path / "model.keras"
    save_model(model, path, report=compare(model, train, held))
    came = table.merge(ahead[["shop", "day", "units"]], on=["shop", "day"], how="left")
    error = came["units_x"] - came["units_y"]
    came["units"] = came["units_x"] + (factor - 1) * error.fillna(0.0)
    report = score(ahead, came[["shop", "day", "units"]], train=train, filepath=path)
    assert report.promised == verdict
    assert "over the first 4 steps" in str(report).splitlines()[-1]
    assert "promised: " in str(report).splitlines()[-1]
    assert "promised: " in report._repr_html_()
    without = score(ahead, came[["shop", "day", "units"]], filepath=path)
    assert without.promised is None
    assert "pass train=" in str(without)


def test_tables_of_statsforecast_are_scored():
    table = shops().rename(columns={"shop": "unique_id", "day": "ds", "units": "y"})
    ahead = table[table["ds"] > LAST].drop(columns="y").assign(AutoETS=10.0)
    report = score(ahead, table)
    rest = table[table["ds"] > LAST]["y"]
    assert report.table["mae"][0] == pytest.approx(np.abs(rest - 10).mean())
    steps = report.scores(by="step")["step"]
    assert steps.tolist() == list(range(1, 13))


def test_a_single_series_with_several_targets():
    days = pd.date_range("2024-01-01", periods=40)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"day": days, "a": rng.normal(size=40), "b": rng.normal(size=40)})
    windows = WindowedSeries(4, 2, time_column="day")
    model = RecurrentPreset(units=(2,)).build(windows.split(table, at=30)[0])
    ahead = forecast(model, table[:35])
    report = score(ahead, table, train=table[:30])
    came = table[35:37][["b", "a"]].to_numpy()
    errors = np.abs(ahead[["b", "a"]].to_numpy() - came)
    assert report.table["mae"][0] == pytest.approx(errors.mean())
    scale = table[:30][["b", "a"]].diff().abs().mean().to_numpy()
    assert report.table["mase"][0] == pytest.approx((errors / scale).mean())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda f, a: (f, a.assign(shop=a["shop"] + "z")), "holds none of the rows that were"),
        (
            lambda f, a: (f, a.assign(day=a["day"] + pd.Timedelta("12h"))),
            "first forecast is of 'b' at 2024-03-09, and the first row of actual of 'b' at 2024-01",
        ),
        (
            lambda f, a: (f, pd.concat([a, a])),
            "actual has two rows for 'b' at 2024-01-01",
        ),
        (lambda f, a: (f, a.drop(columns="units")), "It is not clear by which columns"),
        (lambda f, a: (f, a.assign(day=a["day"].astype(str))), "must hold dates"),
        (lambda f, a: (f, a.assign(day=a["day"].dt.tz_localize("UTC"))), "with a time zone"),
        (lambda f, a: (f["units"].to_numpy(), a), "forecasts must be a frame or a dict"),
        (lambda f, a: (f, a["units"].to_numpy()), "actual must be a frame or a dict"),
        (lambda f, a: (f.assign(units="x"), a), "'units' of forecasts must hold numbers"),
        (
            lambda f, a: (pd.concat([f, f[:1]]), a),
            r"forecasts has two rows for .*: rows 0 and \d+, counted from 0\. Keep one of them\.",
        ),
        (
            lambda f, a: (pd.concat([f, f]).drop(columns="step"), a),
            "several origins need a column 'step' or 'origin'",
        ),
        (lambda f, a: (f.assign(step=f["step"] - 1), a), "must hold the numbers of steps, 1 for"),
        (lambda f, a: (f.rename(columns={"units_0.1": "units_0.95"}), a), "quantiles that cross"),
        (lambda f, a: (f.rename(columns={"day": "date"}), a), "It is not clear by which columns"),
        (lambda f, a: (f.drop(columns="shop"), a), "must have the same column of ids"),
        (lambda f, a: (f.assign(shop=f["shop"].str.upper()), a), "first forecast is of 'B' at 20"),
    ],
)
def test_misuse_is_refused(made, change, error):
    table, ahead, _ = made
    with pytest.raises((TypeError, ValueError), match=error):
        score(*change(ahead, table))


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("rows", ["earlier", "late shop", "none"])
def test_on_the_first_morning_no_row_has_come(made, rows, library, tmp_path):
    """The nightly job goes on: nothing to score is no mistake."""
    table, ahead, _ = made
    path, history = judged_file(made, tmp_path), table[table["day"] <= LAST]
    came = history if rows != "none" else history[:0]
    if rows == "late shop":  # Nothing of this shop has come for days.
        came = history[(history["shop"] != "a") | (history["day"] <= LAST - 5 * DAY)]
    if library == "polars":
        ahead, came = polars.from_pandas(ahead), polars.from_pandas(came)
    report = score(ahead, came, train=history, filepath=path)
    assert report.promised is None
    assert {name: len(column) for name, column in report.table.items()} == dict.fromkeys(METRICS, 1)
    assert all(np.isnan(column).all() for column in report.table.values())
    said = [
        "None of the 12 forecasts of units has its row in actual.",
        "There is no error to compare with what the scorecard promised.",
    ]
    assert str(report).splitlines()[-2:] == said
    assert said[0] in report._repr_html_()
    for by in ("step", "series"):
        one_by_one = score(ahead, came, train=history, by=by, filepath=path)
        assert {len(column) for column in one_by_one.table.values()} == {0}
        assert one_by_one.promised is None
        assert str(one_by_one).splitlines()[-2:] == said
        assert len(one_by_one.to_frame()) == 0


def test_a_forecast_whose_time_has_passed_without_a_row_is_told(made):
    """With one finite row of four days, two days after, the ids or times are likely wrong."""
    table, ahead, _ = made
    passed = table[(table["day"] <= LAST) | (table["day"] > LAST + 4 * DAY)]
    with pytest.raises(ValueError, match="holds none of the rows that were forecast"):
        score(ahead, passed)
    with pytest.raises(ValueError, match="forecasts is a table without a row"):
        score(ahead[:0], table)


def test_missing_forecasts_count_nowhere(made):
    table, ahead, _ = made
    holey = ahead.copy()
    holey.loc[holey["step"] == 2, ["units_0.1", "units", "units_0.9"]] = np.nan
    report = score(holey, table, train=table[table["day"] <= LAST])
    rest = by_hand(table, ahead[ahead["step"] != 2])
    assert report.table["mae"][0] == pytest.approx(rest["error"].mean())
    assert "3 forecasts are missing, and count nowhere." in str(report)
    assert np.isnan(report.scores(by="step")["mae"]).tolist() == [False, True, False, False]
    with pytest.raises(ValueError, match="forecasts has 9 infinite forecasts, the first in row 1"):
        score(holey.fillna(np.inf), table)


def test_the_steps_of_mase_are_a_period_apart(made, tmp_path):
    table, ahead, model = made
    history = table[table["day"] <= LAST]
    scale = history.groupby("shop")["units"].apply(lambda own: own.diff(7).abs().mean())
    report = score(ahead, table, train=history, period=7)
    errors = by_hand(table, ahead)
    by_hand_mase = (errors["error"] / errors["shop"].map(scale)).mean()
    assert report.table["mase"][0] == pytest.approx(by_hand_mase)
    assert "MASE is scaled by changes over 7 rows." in str(report)
    train, held = WINDOWS.split(table, at="2024-02-24")
    path = tmp_path / "model.keras"
    save_model(model, path, report=compare(model, train, held, period=7))
    assert score(ahead, table, train=history, filepath=path).table["mase"] == report.table["mase"]
    with pytest.raises(ValueError, match="train has none of the series that were forecast"):
        score(ahead, table, train=history.assign(shop=history["shop"] + "x"))


def test_a_dict_of_lists_is_a_table(made):
    table, ahead, _ = made
    expected = score(ahead, table).table["mae"].tolist()
    assert score(ahead.to_dict("list"), table.to_dict("list")).table["mae"].tolist() == expected


def test_nothing_is_promised_of_other_weights_or_of_steps_taken_out(made, tmp_path):
    table, ahead, model = made
    path = judged_file(made, tmp_path, by="mae")
    last = ahead[ahead["step"] == 4]
    report = score(last, table, filepath=path)
    assert report.promised is None
    assert "the table of forecasts lacks some of these" in str(report)
    values = ["units_0.1", "units", "units_0.9"]
    report = score(ahead.assign(**dict.fromkeys(values, np.nan)), table, filepath=path)
    assert report.promised is None
    assert np.isnan(report.table["mae"]).all()
    other = keras.models.clone_model(model)
    other.set_weights([weights + 0.1 for weights in model.get_weights()])
    save_model(other, path)
    report = score(ahead, table, filepath=path)
    assert report.promised is None
    assert "trained further since they were judged" in str(report)


def test_a_closed_day_breaks_no_origin_apart(made, tmp_path):
    """The error by origin is that of all rows, if a day of one origin is missing in all tables."""
    table, ahead, _ = made
    path = judged_file(made, tmp_path, by="mae")
    closed = ahead.loc[ahead["step"] == 2, "day"].iloc[0]
    report = score(ahead, table[table["day"] != closed], filepath=path)
    error = by_hand(table[table["day"] != closed], ahead)["error"].mean()
    assert f"The MAE over the first 4 steps is {error:.4g}." in str(report)
    assert "3 forecasts have no row in actual yet." in str(report)


def test_all_that_is_scored_is_named(made):
    table, ahead, _ = made
    wide = ahead[["shop", "day", "step", "units"]].assign(price=3.0)
    assert "of units, price for 3 series" in str(score(wide, table.assign(price=3.0)))


@pytest.mark.parametrize("target", ["y", "actual"])
def test_a_target_may_have_the_names_that_others_give_to_what_came(made, target):
    table, ahead, _ = made
    names = {"units": target, "units_0.1": f"{target}_0.1", "units_0.9": f"{target}_0.9"}
    renamed = table.rename(columns=names)
    report = score(ahead.rename(columns=names), renamed)
    assert report.table["mae"].tolist() == score(ahead, table).table["mae"].tolist()
    parts = replace(WINDOWS, target_columns=target).split(renamed, at="2024-02-24")
    judged = compare({"it": ahead.rename(columns=names)}, *parts).table["mae"]
    same = compare({"it": ahead}, *WINDOWS.split(table, at="2024-02-24")).table["mae"]
    assert judged.tolist() == same.tolist()


def test_several_origins_are_compared_over_the_steps_that_have_come(made, tmp_path):
    table, _, model = made
    path = judged_file(made, tmp_path, by="mae")
    ends = pd.date_range(end=LAST, periods=3)
    stored = pd.concat([forecast(model, table[table["day"] <= end]) for end in ends])
    came = table[table["day"] <= LAST + pd.Timedelta(days=1)]
    report = score(stored, came, filepath=path)
    mean = by_hand(came, stored)["error"].mean()  # The origins weigh 1, 2 and 3 steps.
    assert f"The MAE over the first 3 steps, from 3 origins, is {mean:.4g}." in str(report)
    by_step = scorecard(path).to_dict()["steps"]["model"]
    low, high = re.search(r"promised: (\S+) to (\S+)\. So do", str(report)).groups()
    expected = np.average(by_step[:3], weights=[3, 2, 1])
    assert np.sqrt(float(low) * float(high)) == pytest.approx(expected, rel=1e-3)


def week(made):
    """Return the forecasts of seven mornings."""
    table, _, model = made
    ends = pd.date_range(end=LAST, periods=7)
    return pd.concat([forecast(model, table[table["day"] <= end]) for end in ends])


def test_an_origin_that_lacks_steps_is_left_out(made, tmp_path):
    """Where a day is kept once, only the first origin has all of its steps."""
    table, path, stored = made[0], judged_file(made, tmp_path, by="mae"), week(made)
    report = score(stored.drop_duplicates(["shop", "day"]), table, filepath=path)
    first = score(stored[:12], table, filepath=path)
    assert report.promised == first.promised
    sentence = str(first).splitlines()[-1]
    assert sentence.startswith("The MAE over the first 4 steps is ")
    assert str(report).splitlines()[-1] == (
        sentence + " Left out are 6 origins that lack steps or series."
    )


@pytest.mark.parametrize("late", ["b", "a"])
def test_series_that_come_late_make_nothing_worse_or_better(made, tmp_path, late):
    """By MAE, an origin counts up to the first step for which a series lacks its row."""
    table, path, stored = made[0], judged_file(made, tmp_path, by="mae"), week(made)
    border = LAST - 3 * DAY
    came = table[(table["shop"] != late) | (table["day"] <= border)]
    report = score(stored, came, filepath=path)
    alone = score(stored, table[table["day"] <= border], filepath=path)
    assert report.promised == alone.promised == "as promised"
    sentence = str(alone).splitlines()[-1]
    assert str(report).splitlines()[-1] == (
        sentence + " Left out are 4 origins that lack steps or series."
    )
    report = score(stored, table[table["shop"] != late], filepath=path)
    assert report.promised is None
    assert "rows of 3 of 3 series must have come" in str(report)


def test_few_origins_promise_nothing(made, tmp_path):
    table, ahead, _ = made
    path = judged_file(made, tmp_path, by="mae", at="2024-03-09")
    report = score(ahead, table, filepath=path)
    assert report.promised is None
    assert "was judged at 9 origins only: a range of errors over 4 steps needs at" in str(report)
