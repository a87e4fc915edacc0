"""A pipeline that looks ahead is told, from where and how far; one that does not, never."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import RecurrentPreset, WindowedSeries, check_leakage, course_series

WINDOW = 14
WINDOWS = WindowedSeries(WINDOW, batch_size=64)
RULE = np.linspace(-1, 2, WINDOW)


def rule(windows, series):
    """Return a linear forecast for every window."""
    past = windows.build(series).to_numpy()[0]
    past = past["past"][..., 0] + past["future"].sum((1, 2))[:, None] if "future" in past else past
    return past.reshape(len(past), WINDOW, -1)[..., 0] @ RULE


def with_holes(series):
    series = series.copy()
    series[[40, 41, 42, 90, 200, 201]] = np.nan
    return series


SERIES = course_series()[:300].astype(np.float64)
HOLES = pd.DataFrame({"units": with_holes(SERIES), "week": ["x"] * 300})
POLARS = pl.from_pandas(HOLES[["units"]]).with_columns(pl.col("units").fill_nan(None))
FRAME = WindowedSeries(WINDOW, target_columns="units")
SHOPS = pd.DataFrame({
    "shop": np.repeat(["a", "b"], 150),
    "day": np.tile(pd.date_range("2024-01-01", periods=150), 2),
    "units": np.random.default_rng(0).poisson(20, 300),
})  # fmt: skip
AHEAD = WindowedSeries(
    WINDOW,
    horizon=3,
    target_columns="units",
    future_columns="hint",
    id_column="shop",
    time_column="day",
)


def net(**settings):
    """Return a small model, made for windows of WINDOW inputs."""
    keras.utils.set_random_seed(0)
    return RecurrentPreset(units=(4,), **settings).build(window=WINDOW)


def scaled_by_all(series):
    low, high = series.min(), series.max()
    return NET.predict(WINDOWS.build((series - low) / (high - low)), verbose=0)


def centred(series):
    return rule(WINDOWS, np.convolve(series, np.ones(7) / 7, "same"))


def trailing(series):
    return rule(WINDOWS, np.convolve(series, np.ones(7) / 7)[: len(series)])


def interpolated(frame):
    return rule(FRAME, frame[["units"]].interpolate())


def filled_forward(frame):
    return rule(FRAME, frame[["units"]].ffill())


def filled_backward(frame):
    return rule(FRAME, frame.fill_null(strategy="backward"))


def filled_by_a_constant(frame):
    return rule(FRAME, frame.fill_null(strategy="forward").fill_null(0.0))


def seasonal_by_all(series):
    phases = np.arange(len(series)) % 7
    means = np.array([series[phases == phase].mean() for phase in range(7)])
    return rule(WINDOWS, series - means[phases])


def seasonal_by_the_past(series):
    phases = [series[i::7] for i in range(7)]
    means = [np.cumsum(phase) / np.arange(1, len(phase) + 1) for phase in phases]
    rest = series.copy()
    for i in range(7):
        rest[i::7] -= means[i]
    return rule(WINDOWS, rest)


def hinted(days):
    def predict(frame):
        hint = frame.groupby("shop")["units"].shift(days).fillna(0)
        return rule(AHEAD, frame.assign(hint=hint))

    return predict


NET = net()
CORPUS = {  # The pipeline, the series, the windows, and if there is a leak: first origin, distance.
    "scaler of everything": (scaled_by_all, SERIES, WINDOWS, (13, 286)),
    "scaler in the window": (net(window_norm="standard"), SERIES, WINDOWS, None),
    "centred average": (centred, SERIES, WINDOWS, (13, 3)),
    "trailing average": (trailing, SERIES, WINDOWS, None),
    "interpolation": (interpolated, HOLES, FRAME, (40, 3)),
    "last value": (filled_forward, HOLES, FRAME, None),
    "back-filling": (filled_backward, POLARS, FRAME, (40, 3)),
    "constant": (filled_by_a_constant, POLARS, FRAME, None),
    "seasons of everything": (seasonal_by_all, SERIES, WINDOWS, (13, 286)),
    "seasons of the past": (seasonal_by_the_past, SERIES, WINDOWS, None),
    "hint of next week": (hinted(-2), SHOPS, AHEAD, (pd.Timestamp("2024-01-14"), 5)),
    "hint of last week": (hinted(3), SHOPS, AHEAD, None),
}


@pytest.mark.parametrize("name", CORPUS)
def test_twelve_verdicts(name):
    predict, series, windows, leak = CORPUS[name]
    report = check_leakage(predict, series, windows)
    assert report.ok == (leak is None), str(report)
    if leak is None:
        assert (report.ahead, report.origin, report.change) == (0, None, 0)
    else:
        assert (report.origin, report.ahead) == leak
        assert report.change > 0


@pytest.mark.parametrize(
    "statistic",
    [np.mean, np.std, np.median, np.max, np.min, np.ptp, lambda v: np.quantile(v, 0.99)],
)
@pytest.mark.parametrize("level", [0.0, 1000.0])
def test_every_global_statistic_shows(statistic, level):
    series = np.random.default_rng(0).normal(size=200) + level
    report = check_leakage(lambda v: rule(WINDOWS, v + statistic(v)), series, WINDOWS)
    assert report.origin == 13
    assert report.ahead > 150


LOW, HIGH = SERIES.min(), SERIES.max()


@pytest.mark.parametrize(
    "scale",
    [
        lambda v: v - np.clip(v, LOW, HIGH).mean(),
        lambda v: np.clip(v, *np.quantile(v, [0.05, 0.95])),
        lambda v: pd.Series(v).rank().to_numpy(),
        lambda v: v + np.sign(v - np.median(SERIES)).mean(),
        lambda v: v + np.sign(np.diff(v)).sum(),
        lambda v: np.clip(np.roll(v, -2), LOW, HIGH),
    ],
    ids=["clipped", "clipped by quantiles", "ranks", "signs", "steps up", "clipped and shifted"],
)
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8])
def test_clips_ranks_and_signs_hide_no_leak(scale, kind):
    report = check_leakage(
        lambda v: rule(WINDOWS, scale(v.astype(float))), SERIES.astype(kind), WINDOWS
    )
    assert report.origin == 13


@st.composite
def causal(draw):
    """Draw a pipeline that knows nothing later, and the windows and the series that it takes."""
    windows = WindowedSeries(
        draw(st.integers(1, 6)),
        horizon=draw(st.integers(1, 3)),
        gap=draw(st.integers(0, 2)),
        stride=draw(st.integers(1, 3)),
        sampling_rate=draw(st.integers(1, 2)),
        targets=draw(st.sampled_from(["vector", "sequence"])),
        shuffle=draw(st.booleans()),
    )
    length = draw(st.integers(windows.geometry.span + 3, 60))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    series = generator.normal(size=length)
    kind = draw(
        st.sampled_from(["float", "counts", "flags", "shares", "positive", "holes", "list"])
    )
    if kind == "counts":
        series = generator.poisson(1.0, length)
    elif kind == "flags":
        series = generator.normal(size=length) > 0
        series[-1] = ~series[-2]
    elif kind in ("shares", "positive"):
        series = generator.uniform(0.1, 1.0, length) * (1 if kind == "shares" else 50)
    elif kind == "holes":
        series[generator.random(length) < 0.1] = np.nan
        series[[0, -1]] = 1.0
    elif kind == "list":
        series = [series, generator.normal(size=length + 3)]
    return windows, series


def summed(windows, series):
    """Return forecasts of which each sums the inputs up to its own."""
    in_order = WindowedSeries(**{**windows.get_config(), "shuffle": False})
    x, y = in_order.build(series).to_numpy()
    sums = np.cumsum(x, axis=1)
    sums = sums if windows.targets == "sequence" else sums[:, -1]
    return np.broadcast_to(sums.reshape(sums.shape + (1,) * (y.ndim - sums.ndim)), y.shape)


def shifted(series, steps):
    """Return a series whose rows hold the values some steps later, and zeros at the end."""
    if isinstance(series, list):
        return [shifted(item, steps) for item in series]
    filled = pd.Series(series, dtype=np.float64).ffill().to_numpy()
    return np.concatenate([filled[steps:], np.zeros(steps)])


@given(causal())
def test_a_causal_pipeline_is_never_accused(drawn):
    windows, series = drawn

    def predict(given):
        listed = given if isinstance(given, list) else [given]
        assert all(isinstance(item, np.ndarray) for item in listed)
        return summed(windows, shifted(given, 0))

    report = check_leakage(predict, series, windows)
    assert report.ok, str(report)


def test_a_series_with_holes_in_every_window_but_the_first():
    """Nothing that comes later moves a forecast, and yet the pipeline is no constant."""
    windows = WindowedSeries(1, gap=1, stride=2)
    series = np.array([1, np.nan, np.nan, 0.4, 1.1, 1])
    assert check_leakage(lambda v: summed(windows, shifted(v, 0)), series, windows).ok
    with pytest.raises(ValueError, match="for every series"):
        check_leakage(lambda v: np.ones(2), series, windows)


@given(causal(), st.integers(1, 9))
def test_a_shift_is_measured(drawn, steps):
    windows, series = drawn
    shortest = len(series[0] if isinstance(series, list) else series)
    steps = min(steps, shortest - windows.geometry.reach)
    report = check_leakage(lambda v: summed(windows, shifted(v, steps)), series, windows)
    if isinstance(series, np.ndarray) and np.isfinite(series).all():
        assert report.origin == (0 if windows.targets == "sequence" else windows.geometry.reach - 1)
        assert report.ahead == steps
    else:
        assert not report.ok


def test_what_is_seen_at_some_places_only():
    """Means of whole weeks know their week's end; nothing is known ahead on its last day."""

    def weekly(series):
        weeks = pd.Series(series).groupby(np.arange(len(series)) // 7)
        return rule(WINDOWS, weeks.transform("mean").to_numpy())

    assert not check_leakage(weekly, SERIES, WINDOWS).ok


def test_a_fit_to_the_training_part_is_seen_up_to_its_border():
    report = check_leakage(lambda v: rule(WINDOWS, v - v[:200].mean()), SERIES, WINDOWS)
    assert (report.origin, report.ahead) == (13, 199 - 13)


def test_columns_known_ahead_stay():
    frame = SHOPS.assign(hint=np.random.default_rng(1).normal(size=300))
    calls = []

    def predict(given):
        calls.append(given)
        # The plan as a whole is known.
        return rule(AHEAD, given.assign(hint=given["hint"] - given["hint"].mean()))

    assert check_leakage(predict, frame, AHEAD).ok
    assert all(given["hint"].equals(frame["hint"]) for given in calls)
    assert any((given["units"] != frame["units"]).any() for given in calls)


def test_a_scaler_fitted_to_other_series():
    def predict(frame):
        return rule(shops, frame.assign(units=frame["units"] / frame["units"].max()))

    shops = WindowedSeries(WINDOW, id_column="shop", time_column="day")
    report = check_leakage(predict, SHOPS, shops)
    assert (report.series, report.ahead) == ("a", 136)
    assert str(report) == (
        f"Looks ahead: the forecast at 2024-01-14 of series 'a' moves by {report.change:.3g} when "
        "values after it change, up to 136 steps ahead."
    )


def test_series_are_compared_at_common_times():
    """The mean over shops of one day is known on that day, though the rows of one follow later."""

    def predict(frame):
        return rule(shops, frame.assign(units=frame.groupby("day")["units"].transform("mean")))

    shops = WindowedSeries(WINDOW, target_columns="units", id_column="shop", time_column="day")
    assert check_leakage(predict, SHOPS, shops).ok
    shuffled = SHOPS.sample(frac=1, random_state=0).sort_values("day", kind="stable")
    assert check_leakage(predict, shuffled, shops).ok


def test_sequences_are_forecasts_of_every_input():
    windows = WindowedSeries(6, targets="sequence")
    for bidirectional in (False, True):
        preset = RecurrentPreset("sequence_to_sequence", units=(3,), bidirectional=bidirectional)
        report = check_leakage(preset.build(), SERIES[:60] / 50, windows)
        assert report.ok != bidirectional
    assert (report.origin, report.ahead) == (0, 5)


def test_dropped_windows():
    windows = WindowedSeries(WINDOW, missing="drop")
    series = with_holes(SERIES)
    report = check_leakage(lambda v: rule(windows, v), series, windows)
    assert report.ok
    assert report.forecasts == windows.count(series)
    filled = check_leakage(lambda v: rule(windows, shifted(v, 0)), series, windows)
    assert filled.forecasts == 300 - WINDOW


def test_results_of_a_backend():
    report = check_leakage(
        lambda v: NET(WINDOWS.build(v).to_numpy()[0].astype("float32")), SERIES, WINDOWS
    )
    assert report.ok


@pytest.mark.parametrize(
    ("predict", "says"),
    [
        (lambda v: np.random.normal(size=300 - WINDOW), "called again"),
        (lambda v: rule(WINDOWS, SERIES), "for every series"),
        (lambda v: rule(WINDOWS, v)[7:], r"shape \(286, ...\). Received shape \(279,"),
        (lambda v: 3.0, r"Received shape \(\)"),
    ],
)
def test_mistakes_in_the_function(predict, says):
    with pytest.raises(ValueError, match=says):
        check_leakage(predict, SERIES, WINDOWS)


def test_a_series_that_is_too_short():
    with pytest.raises(ValueError, match="series is too short"):
        check_leakage(centred, SERIES[:10], WINDOWS)


@pytest.mark.parametrize("reversed_order", [False, True])
def test_a_leak_through_missing_values_of_one_series_of_a_panel(reversed_order):
    """Filled from the next value, a row looks ahead, in whichever series it stands."""
    panel = [np.random.default_rng(n).normal(size=200) for n in range(3)]
    panel[2][[50, 90]] = np.nan
    panel = panel[::-1] if reversed_order else panel

    def filled(panel, method):
        frames = [getattr(pd.Series(series), method)().to_numpy() for series in panel]
        return rule(WINDOWS, frames)

    ahead = check_leakage(lambda panel: filled(panel, "bfill"), panel, WINDOWS)
    assert (ahead.ok, ahead.origin) == (False, 50)
    assert check_leakage(lambda panel: filled(panel, "ffill"), panel, WINDOWS).ok


@pytest.mark.parametrize("targets", ["vector", "sequence"])
@pytest.mark.parametrize("ahead", [0, 1])
def test_windows_that_begin_before_their_series(targets, ahead):
    """They are judged like others: by rows, and no forecast of theirs is made before the first."""
    rng = np.random.default_rng(0)
    panel = [rng.normal(size=length).cumsum() for length in (9, 30)]
    windows = WindowedSeries(6, 2, targets=targets, min_inputs=2, missing="mask_targets")

    def predict(series):
        x = windows.build([np.roll(array, -ahead) for array in series]).to_numpy()[0]
        return np.nan_to_num(x if targets == "sequence" else x[:, -1:])

    assert check_leakage(predict, panel, windows).ok == (ahead == 0)
