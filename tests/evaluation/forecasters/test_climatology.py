"""The baseline of past totals: what a series did before says how much it will do."""

import keras
import numpy as np
import pandas as pd
import pytest

from keras_ts import (
    WindowedInput,
    WindowedSeries,
    calibrate,
    compare,
    save_model,
    scorecard,
)
from keras_ts.evaluation.forecasters.baselines import Climatology

DAYS = pd.date_range("2024-01-01", periods=120)
WINDOWS = WindowedSeries(
    4, 3, target_columns="sold", id_column="part", time_column="day",
    missing="mask_targets", min_inputs=1,
)  # fmt: skip


def table(late=False):
    rng, parts = np.random.default_rng(0), []
    for number in range(3):
        sold = rng.poisson(1 + 4 * number, len(DAYS)).astype(float)
        sold[rng.random(len(DAYS)) < 0.1] = np.nan
        parts.append(pd.DataFrame({"part": f"part {number}", "day": DAYS, "sold": sold}))
    if late:
        parts[2] = parts[2][parts[2]["day"] >= DAYS[92]]
    return pd.concat(parts, ignore_index=True)


def last_value(dataset):
    past = keras.Input((4, 1))
    known = WindowedInput.of(dataset)(past)
    present = keras.ops.where(keras.ops.isnan(known), 0.0, known)
    return keras.Model(past, keras.ops.tile(present[:, -1:, 0], (1, 3)))


def past_quantiles(own, levels):
    """Quantiles of means over three days in a row, of days that have a value, one by one."""
    runs = [own[at : at + 3] for at in range(len(own) - 2)]
    return np.quantile([np.nanmean(run) for run in runs if np.isfinite(run).any()], levels)


@pytest.mark.parametrize("late", [False, True])
def test_quantiles_of_totals_are_those_of_each_series_before_the_border(late):
    rows = table(late)
    train, band, held = WINDOWS.split(rows, at=[DAYS[60], DAYS[90]])
    model = calibrate(last_value(train), band, 0.8, joint=True)
    report = compare({"net": model}, train, held, by="sql", total=True)
    names, levels = list(report.table["name"]), (0.1, 0.5, 0.9)
    before = {
        part: past_quantiles(own["sold"].to_numpy(), levels)
        for part, own in rows[rows["day"] < DAYS[60]].groupby("part")
    }
    if late:  # Without a row before the border it is like the others.
        before["part 2"] = np.median([*before.values()], axis=0)
    losses, errors, inside = [], [], []
    for part, own in rows[rows["day"] >= DAYS[60]].groupby("part"):
        sold = own["sold"].to_numpy()
        first = 30 if not late or part != "part 2" else 1
        for at in range(first, len(sold) - 2):
            come = sold[at : at + 3]
            if not np.isfinite(come).any() or not np.isfinite(sold[max(at - 4, 0) : at]).any():
                continue
            made = before[part] * np.isfinite(come).sum()
            error = np.nansum(come) - made
            losses.append(np.maximum(levels * error, (np.array(levels) - 1) * error).mean())
            errors.append(abs(error[1]))
            inside.append(made[0] <= np.nansum(come) <= made[2])
    place = names.index("climatology")
    assert report.table["mae"][place] == pytest.approx(np.mean(errors), rel=1e-5)
    assert report.table["pinball"][place] == pytest.approx(np.mean(losses), rel=1e-5)
    assert report.table["coverage"][place] == pytest.approx(np.mean(inside), abs=1e-6)


def test_steps_have_the_quantiles_of_values():
    train, held = WINDOWS.split(table(), at=DAYS[90])
    own = table()[table()["day"] < DAYS[90]].groupby("part")["sold"].median()
    forecasts = Climatology().fit(train).predict(held)
    np.testing.assert_allclose(
        forecasts, np.repeat(own, len(forecasts) // 3).to_numpy()[:, None] + np.zeros(3)
    )


def test_it_stands_beside_totals_alone_unless_it_is_named():
    train, held = WINDOWS.split(table(), at=DAYS[90])
    assert "climatology" in compare(None, train, held, total=True).table["name"]
    assert "climatology" not in compare(None, train, held).table["name"]
    named = compare(None, train, held, baselines=["climatology", "naive"])
    assert list(named.table["name"]) == ["climatology", "naive"]
    with pytest.raises(ValueError, match="the name of a baseline"):
        compare({"climatology": last_value(train)}, train, held)


@pytest.mark.slow
def test_an_equal_forecaster_is_told_from_it_one_time_in_twenty():
    """The rival knows the median of totals of another past as long, of the same distribution."""
    told = 0
    windows = WindowedSeries(2, 4, time_column="day")
    days = pd.date_range("2020-01-01", periods=700)
    for seed in range(200):
        values = np.random.default_rng(seed).gamma(0.5, size=(2, len(days)))
        train, held = windows.split(pd.DataFrame({"day": days, "sold": values[0]}), at=350)
        past = np.lib.stride_tricks.sliding_window_view(values[1, :350], 4).sum(axis=1)
        rival = held.align(np.full((held.num_windows, 4), np.median(past) / 4))
        report = compare({"rival": rival}, train, held, baselines=["climatology"], total=True)
        told += report.verdicts["rival"] != "cannot be told from"
    assert told <= 16


def test_it_is_among_the_baselines_where_quantiles_are_judged():
    """Demand that is all chance: no model beats the past by its quantiles."""
    train, band, held = WINDOWS.split(table(), at=[DAYS[60], DAYS[90]])
    model = calibrate(last_value(train), band, 0.8)
    by_quantiles = compare({"net": model}, train, held, by="sql")
    assert "climatology" in by_quantiles.table["name"]
    assert "climatology" not in compare({"net": model}, train, held).table["name"]
    named = compare({"net": model}, train, held, by="sql", baselines=["naive", "climatology"])
    place, other = (list(r.table["name"]).index("climatology") for r in (by_quantiles, named))
    assert by_quantiles.table["sql"][place] == named.table["sql"][other]
    assert by_quantiles.table["sql"][place] == min(by_quantiles.table["sql"])


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("settings", [{"by": "sql"}, {"total": True}])
def test_it_is_no_model(tmp_path, settings, late):
    """It has no scorecard, no coverage and no verdict, and a file keeps the report."""
    train, band, held = WINDOWS.split(table(late), at=[DAYS[60], DAYS[90]])
    model = calibrate(last_value(train), band, 0.8, joint=True)
    report = compare({"net": model}, train, held, **settings)
    assert list(report.verdicts) == list(report.coverages) == ["net"]
    if "by" in settings:
        save_model(model, tmp_path / "net.keras", report=report)
        assert "by SQL" in str(scorecard(tmp_path / "net.keras"))
