"""The linear regression is the ridge that its formula says, on all that a model is given."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from keras_ts import WindowedSeries, compare, course_series
from keras_ts.baselines import LinearRegression
from keras_ts.datasets import store_sales
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.presets.regression import direct
from keras_ts.windows import blocks
from keras_ts.windows.blocks import filled


def forecasts(train, validation):
    """Return the regression's forecasts, ``(windows, steps, targets)``."""
    baseline, judged = LinearRegression(), JudgedWindows("validation", validation)
    baseline.learn(JudgedWindows("train", train))
    return np.concatenate([baseline.forecast(judged, block) for block in judged.blocks()])


def parts_of(dataset):
    """Return the inputs by part, and the targets ``(windows, steps, targets)``."""
    x, y = dataset.to_numpy()
    windows = dataset.windows
    parts = dict(x) if isinstance(x, dict) else {"past": x}
    past = parts["past"].reshape(len(y), windows.window, -1)
    parts["absent"] = np.isnan(past)
    if windows.missing == "mask_targets":
        past = filled(past)
    parts["past"] = past
    parts.setdefault("future", np.empty((len(y), windows.horizon, 0)))
    parts.setdefault("static", np.empty((len(y), 0)))
    y = y[:, -1] if windows.targets == "sequence" else y
    return parts, y.reshape(len(y), windows.horizon, -1)


def by_hand(train, validation, panel, told=True):
    """Return the forecasts of one ridge of scikit-learn for each step and target.

    With ``told``, it is told what is missing.
    """
    columns, (parts, y), (new, wanted) = train.columns, parts_of(train), parts_of(validation)
    known = [columns["past"].index(name) for name in columns["future"]]
    size = parts["past"].shape[1:]
    masked = np.flatnonzero(told & (parts["absent"].sum(axis=0) >= 10).any(axis=0))
    others = size[1] - 1 + len(masked)
    most = min(max(256, 2 * size[0]), len(y) // 10)
    lags = max((most - size[0] - parts["static"].shape[1]) // max(others, 1), 0)
    if 0 < size[1] - 1 <= most:
        lags = max(lags, most // 10 // others, 1)
    lags = min(lags, size[0])

    def scaled(windows):
        if not panel:
            return windows, np.zeros((len(windows), 1)), np.ones((len(windows), 1))
        mean, deviation = windows.mean(1, keepdims=True), windows.std(1, keepdims=True)
        # A window that is constant, but for rounding, has no deviation.
        deviation[deviation < 1e-9] = np.nan
        return (windows - mean) / deviation, mean, deviation

    def inputs(parts, target, step):
        past = parts["past"]
        own, mean, deviation = scaled(past[..., target])
        rows = [own, parts["static"], parts["future"][:, step]]
        if panel:
            rows.append(parts["future"][:, step] * mean / deviation)
        for other in set(range(size[1])) - {target} if lags else ():
            window = past[..., other] if other in known else scaled(past[..., other])[0]
            rows.append(np.nan_to_num(window[:, -lags:]))
        if lags:
            rows.append(parts["absent"][:, -lags:, masked].reshape(len(past), -1))
        return np.concatenate(rows, axis=1), mean[:, 0], deviation[:, 0]

    forecast = np.full(wanted.shape, np.nan)
    for number, step in np.ndindex(y.shape[2], y.shape[1]):
        target = columns["past"].index(columns["target"][number])
        rows, mean, deviation = inputs(parts, target, step)
        actual = (y[..., number] - mean[:, None]) / deviation[:, None]
        near = ~(np.abs(actual) > (100 if panel else np.inf)).any(axis=1)
        actual = actual[:, step]
        present = np.isfinite(actual) & near
        scaler = StandardScaler().fit(rows[present])
        ridge = Ridge(1e-3 * present.sum()).fit(scaler.transform(rows[present]), actual[present])
        rows, mean, deviation = inputs(new, target, step)
        whole = np.isfinite(rows).all(axis=1)
        made = ridge.predict(scaler.transform(rows[whole]))
        forecast[whole, step, number] = mean[whole] + deviation[whole] * made
    return forecast


@st.composite
def cases(draw):
    """Draw windows, a number of series and a seed."""
    future = draw(st.sampled_from([None, (2,), (1, 2)]))
    sequence = draw(st.booleans())
    near = sequence and future
    targets = [0, (0, 1), None] if future != (1, 2) else [0, None]
    windows = WindowedSeries(
        window=draw(st.integers(3, 6)),
        horizon=draw(st.integers(1, 4)),
        gap=0 if near else draw(st.integers(0, 2)),
        sampling_rate=1 if near else draw(st.integers(1, 2)),
        stride=draw(st.integers(1, 2)),
        targets="sequence" if sequence else "vector",
        target_columns=draw(st.sampled_from(targets)),
        future_columns=future,
        static_columns=draw(st.sampled_from([None, (3,)])),
        missing=draw(st.sampled_from(["raise", "mask_targets"])),
    )
    return windows, draw(st.integers(1, 3)), draw(st.integers(0, 99))


def made(windows, count, seed):
    """Return some series of four columns: a promotion, a static one, and two others."""
    rng = np.random.default_rng(seed)
    panel = []
    for number in range(count):
        series = rng.normal(20 * 10**number, 3, (rng.integers(150, 200), 4))
        series[:, 2] = rng.random(len(series)) < 0.3
        series[:, 0] *= 1 + 0.5 * series[:, 2]
        if windows.missing == "mask_targets":
            series[10 + np.flatnonzero(rng.random(len(series) - 10) < 0.05), 0] = np.nan
            series[rng.integers(20, len(series), 3)] = np.nan
        if windows.static_columns:
            series[:, 3] = number
        panel.append(series)
    return panel if count > 1 else panel[0]


@given(cases())
def test_it_is_a_ridge_of_each_step_by_scikit_learn(case):
    train, validation = case[0].split(made(*case), at=0.7)
    forecast, errors = forecasts(train, validation), []
    for told in (True, False):  # Which of the two it is, is tested apart.
        expected = by_hand(train, validation, panel=case[1] > 1, told=told)
        sure = np.isfinite(expected)
        assert sure.mean() > 0.5
        error = np.abs(forecast - expected)[sure] / np.abs(expected[sure]).max()
        errors.append(error.max())
    assert min(errors) < 1e-6


@pytest.mark.parametrize("name", ["_NUMBERS", "_WINDOWS"])
def test_blocks_of_any_size_give_the_same(name, monkeypatch):
    rows = np.random.default_rng(1).normal([1e6, -1e6], 3.0, (200, 2))
    windows = WindowedSeries(5, horizon=3, batch_size=2).build(rows)
    whole = forecasts(windows, windows)
    np.testing.assert_allclose(whole, by_hand(windows, windows, False), rtol=1e-12)
    monkeypatch.setattr(direct if name == "_NUMBERS" else blocks, name, 64)
    np.testing.assert_allclose(forecasts(windows, windows), whole, rtol=1e-13)


def test_of_many_columns_only_the_latest_values_are_read():
    """Otherwise there would be more inputs than a tenth of the windows."""
    rng = np.random.default_rng(0)
    rows = np.cumsum(rng.normal(size=(300, 6)), axis=0)
    train, validation = WindowedSeries(10, target_columns=0).split(rows, at=200)
    baseline = LinearRegression()
    baseline.learn(JudgedWindows("train", train))
    assert train.num_windows == 190  # 19 inputs: 10, and one of each of five columns.
    np.testing.assert_allclose(
        forecasts(train, validation), by_hand(train, validation, False), rtol=1e-6
    )
    # An older value of another column changes nothing.
    moved = rows.copy()
    moved[200:, 1:] += 100.0
    changed = WindowedSeries(10, target_columns=0).split(moved, at=200)[1]
    same = forecasts(train, changed) == forecasts(train, validation)
    assert same[:1].all()
    assert not same[1:].any()


@pytest.mark.parametrize(
    ("columns", "length", "lags"),
    [(2, 400, 2), (3, 400, 1), (21, 400, 1), (40, 400, 0), (1, 400, 0), (2, 2000, 14)],
)
def test_a_long_window_leaves_the_latest_values_of_other_columns(columns, length, lags):
    """A tenth of the inputs that the windows determine, unless there are too many columns."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(length, columns))
    rows[1:, 0] = rows[:-1, -1] + 0.1 * rows[1:, 0]
    rows[50:60, 0] = np.nan if columns == 1 else 1.0
    windows = WindowedSeries(length // 10, target_columns=0, missing="mask_targets")
    parts = windows.split(rows, at=0.8)
    forecast, told = forecasts(*parts), []
    for masked in (True, False):
        told.append(np.abs(forecast - by_hand(*parts, panel=False, told=masked)).max())
    assert min(told) < 1e-6
    assert (np.abs(forecast[:, 0, 0] - parts[1].to_numpy()[1]).mean() < 0.3) == (lags > 0)
    # Nothing changes by a value before the last of those that are read.
    moved = rows.copy()
    moved[int(0.8 * length), 1:] += 10.0
    same = forecasts(parts[0], windows.split(moved, at=0.8)[1]) == forecast
    assert same[: lags + 1, 0, 0].tolist() == [True, *[False] * lags]
    assert same[lags + 1 :].all()


def test_a_large_training_part_is_read_evenly(monkeypatch):
    monkeypatch.setattr(direct, "_MOST_WINDOWS", 400)
    monkeypatch.setattr(direct, "_FOR_EACH_INPUT", 20)
    series = course_series()
    train, validation = WindowedSeries(20).split(series, at=1000)
    whole = JudgedWindows("train", train)
    part = whole.spread(400)
    (block,) = part.blocks()
    assert part.count == len(block.origins) == 400
    numbers = np.searchsorted(train.origins, block.origins)
    run = whole.count / 400
    distance = numbers - np.arange(400) * run
    assert ((distance > -1) & (distance < run)).all()
    np.testing.assert_array_equal(block.past[..., 0], train.to_numpy()[0][numbers])
    errors = np.abs(forecasts(train, validation)[:, 0, 0] - validation.to_numpy()[1])
    assert errors.mean() == pytest.approx(4.952, rel=0.05)


def test_a_constant_series_stays_constant():
    windows = WindowedSeries(3).build(np.full(12, 7.0))
    assert (forecasts(windows, windows) == 7.0).all()
    ramp = np.arange(12.0)
    windows = WindowedSeries(3).build([np.full(12, 0.1), ramp, 2 * ramp])
    forecast = forecasts(windows, windows)[:, 0, 0]
    np.testing.assert_allclose(forecast[:9], 0.1, rtol=1e-15)
    np.testing.assert_allclose(forecast[9:18], ramp[3:], rtol=0.01)


@pytest.mark.parametrize("power", [-500, 500])
def test_it_is_the_same_in_any_unit(power):
    """The squares of such values are 0 or infinite in float64."""
    series = np.sin(np.arange(60.0)) + np.arange(60.0) % 7
    parts = [WindowedSeries(5, horizon=2).split(series * unit, 40) for unit in (1, 2.0**power)]
    usual, moved = (forecasts(*pair) for pair in parts)
    np.testing.assert_allclose(moved * 2.0**-power, usual, rtol=1e-12)


@pytest.mark.parametrize(("level", "unit"), [(0.0, 1e-9), (1e6, 1.0)])
def test_a_panel_is_the_same_at_any_level_and_in_any_unit(level, unit):
    panel = list(np.random.default_rng(2).normal(size=(4, 120)))
    usual = forecasts(*WindowedSeries(5, 2).split(panel, 90))
    moved = forecasts(*WindowedSeries(5, 2).split([level + unit * one for one in panel], 90))
    np.testing.assert_allclose((moved - level) / unit, usual, rtol=1e-6, atol=1e-8)


def test_windows_that_hardly_vary_do_not_decide():
    """A series that rests at 0 and then starts lies thousands of deviations from its window."""
    rng = np.random.default_rng(0)
    on = (np.arange(400) + rng.integers(0, 60, (12, 1))) // 60 % 2 == 1
    panel = np.where(on, rng.normal(100, 10, on.shape), rng.normal(0, 1e-3, on.shape))
    report = compare(None, *WindowedSeries(28, 7).split(list(panel), at=-100))
    errors = dict(zip(report.table["name"], report.table["mae"], strict=True))
    assert errors["linear regression"] < errors["moving average"]


def test_a_missing_input_counts_as_its_mean():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 2))
    rows[1:, 0] += 2 * rows[:-1, 1]
    windows = WindowedSeries(3, target_columns=0, missing="keep")
    train, _ = windows.split(rows, at=150)
    rows[170, 1] = np.nan
    rows[190, 0] = np.nan
    validation = windows.split(rows, at=150)[1]
    forecast = forecasts(train, validation)[:, 0, 0]
    # The windows that hold the second one have no forecast.
    assert np.flatnonzero(~np.isfinite(forecast)).tolist() == [41, 42, 43][: len(forecast) - 41]
    assert np.abs(forecast[21] - rows[:150, 0].mean()) < 2.0


@pytest.mark.parametrize("closed", [None, 6])
def test_it_is_told_what_is_missing(closed, monkeypatch):
    """Sales after a closed day are twice as high. Where nothing is missing nothing changes."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=300)
    units = rng.normal(10, 1, 300) * np.where(days.day_of_week == 0, 2, 1)
    table = pd.DataFrame({"day": days, "units": units})[days.day_of_week != closed]
    windows = WindowedSeries(
        3, missing="mask_targets", time_column="day", target_columns="units", min_inputs=1
    )
    if closed is None:
        windows = replace(windows, min_inputs=None)
    train, validation = windows.split(table, at="2024-08-01")
    told = forecasts(train, validation)
    monkeypatch.setattr(direct.DirectRidge, "_absent_in", lambda *_: np.array([False]))
    filled_alone = forecasts(train, validation)
    if closed is None:
        np.testing.assert_array_equal(told, filled_alone)
        return
    actual = validation.align(told[:, 0, 0])["actual"]
    errors = [np.nanmean(np.abs(made[:, 0, 0] - actual)) for made in (told, filled_alone)]
    assert errors[0] < 1.2 < 2 < errors[1]


@pytest.mark.parametrize("season", [2.0, 12.0])
def test_what_is_missing_is_told_where_that_pays(season, monkeypatch):
    """By the end of the training part, which says what holds for the rows after it."""
    rng = np.random.default_rng(3)
    panel = [
        100 * (1 + np.sin(np.arange(age) / season)) + rng.normal(0, 30, age)
        for age in rng.integers(24, 97, 60)
    ]
    windows = WindowedSeries(36, 6, min_inputs=8, missing="mask_targets")
    train, validation = windows.split(panel, at=-12)
    chosen = forecasts(train, validation)
    ridge, lines = direct.DirectRidge, []
    for held_out in ([1.0, 0.0], [0.0, 1.0]):  # As if the line that is told were better, or worse.
        errors = iter(np.array([size]) for size in held_out)
        monkeypatch.setattr(ridge, "_errors", lambda *_, errors=errors: next(errors))
        lines.append(forecasts(train, validation))
    actual = validation.align(lines[0][..., 0])["actual"].reshape(chosen.shape[:2])
    errors = [np.abs(made[..., 0] - actual).mean() for made in lines]
    np.testing.assert_array_equal(chosen, lines[int(np.argmin(errors))])


def test_a_column_that_varies_only_where_targets_are_missing_counts_for_nothing():
    """Such as a flag of the days on which a shop is closed."""
    rng = np.random.default_rng(0)
    closed = rng.random(300) < 0.1
    rows = np.c_[np.where(closed, np.nan, 50 + rng.normal(size=300)), closed]
    parts = [
        WindowedSeries(4, 3, missing="mask_targets", **settings).split(part, at=200)
        for part, settings in (
            (rows[:, 0], {}),
            (rows, {"target_columns": 0, "future_columns": 1}),
        )
    ]
    usual, more = (forecasts(*pair) for pair in parts)
    assert np.abs(usual - 50).max() < 3
    assert np.abs(more - 50).max() < 3


def test_without_a_window_to_fit_to_nothing_is_forecast_but_0():
    series = np.where(np.arange(40) < 25, np.nan, 1.0)
    train, validation = WindowedSeries(3, missing="keep").split(series, at=25)
    assert (forecasts(train, validation)[3:] == 0).all()


def frame(stores, seed=42):
    return pd.DataFrame(store_sales(stores, seed=seed)[0])


@pytest.mark.parametrize("window", [28, pytest.param(56, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("stores", "seed"), [(6, 42), pytest.param(3, 1, marks=pytest.mark.slow), (1, 42)]
)
def test_on_the_table_of_stores_it_equals_a_ridge_of_six_lines(window, stores, seed):
    """Within 10 % of the best of several, in MAE and in MASE."""
    windows = WindowedSeries(
        window, 14, target_columns="units", future_columns=["promotion"], static_columns=["type"],
        calendar=["week", "year"], id_column="store", time_column="day", missing="mask_targets",
    )  # fmt: skip
    train, validation = windows.split(frame(stores, seed), at=-200)
    (parts, y), (new, actual) = parts_of(train), parts_of(validation)
    series = JudgedWindows("validation", validation)
    numbers = np.concatenate([block.series for block in series.blocks()])
    steps = JudgedWindows("train", train).scales(1)[numbers, :, 0]

    def six_lines(scale, alpha):
        size, ahead = (scale(part["past"][:, :, :1]) for part in (parts, new))
        rows = [
            np.c_[part["past"][..., 0] / unit[:, 0], part["past"][..., 1], part["static"]]
            for part, unit in ((parts, size), (new, ahead))
        ]
        forecast = np.empty(actual[..., 0].shape)
        for step in range(14):
            open_ = np.isfinite(y[:, step, 0])
            x = np.c_[rows[0], parts["future"][:, step]][open_]
            ridge = Ridge(alpha).fit(x, (y[:, step, 0] / size[:, 0, 0])[open_])
            x = np.nan_to_num(np.c_[rows[1], new["future"][:, step]])
            forecast[:, step] = ridge.predict(x) * ahead[:, 0, 0]
        return forecast

    def scores(forecast):
        error = np.abs(forecast - actual[..., 0])
        return np.array([np.nanmean(error), np.nanmean(error / steps)])

    scales = [
        lambda past: np.ones_like(past[:, :1]),
        lambda past: past.mean(axis=1, keepdims=True),
        lambda past: past.std(axis=1, keepdims=True),
    ]
    rivals = [scores(six_lines(scale, alpha)) for scale in scales for alpha in (1.0, 10.0)]
    ours = scores(forecasts(train, validation)[..., 0])
    assert (ours <= 1.1 * np.min(rivals, axis=0)).all()
