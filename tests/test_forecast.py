"""Forecasts equal predicting by hand, window after window."""

import keras
import numpy as np
import pytest

from keras_ts import RecurrentPreset, WindowedSeries, course_series, forecast

SERIES = course_series()[:60].astype("float64")


def by_hand(model, series, windows, steps):
    values = np.array(series, dtype="float32")
    done = []
    while len(done) < steps:
        reach = windows.sampling_rate * (windows.window - 1) + 1
        x = values[-reach:][:: windows.sampling_rate][None]
        out = model.predict(x, verbose=0)[0]
        if windows.targets == "sequence":
            out = out[-1]
        ahead = out.reshape(windows.horizon, *values.shape[1:])
        values = np.concatenate([values, ahead.astype("float32")])
        done.extend(ahead)
    return np.array(done[:steps])


@pytest.mark.parametrize("kind", ["sequence_to_vector", "sequence_to_sequence"])
@pytest.mark.parametrize("features", [None, 2])
@pytest.mark.parametrize(
    ("horizon", "steps", "rate"), [(1, None, 1), (1, 5, 2), (3, 7, 1), (3, 2, 1)]
)
def test_equals_predicting_by_hand(kind, features, horizon, steps, rate):
    windows = WindowedSeries(
        8, horizon, sampling_rate=rate,
        targets="sequence" if kind == "sequence_to_sequence" else "vector",
    )  # fmt: skip
    model = RecurrentPreset(
        kind, "gru", (3,), features=features, outputs=horizon * (features or 1), window_norm="last"
    ).build()
    series = SERIES if features is None else np.stack([SERIES, SERIES[::-1]], axis=1)
    got = forecast(model, series, windows, steps)
    want = by_hand(model, series, windows, steps or horizon)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-4)


def test_panels_series_by_series():
    windows = WindowedSeries(8)
    model = RecurrentPreset(units=(3,), window=8).build()
    panel = [SERIES, SERIES[:20], SERIES[5:40]]
    got = forecast(model, panel, windows, steps=4)
    assert got.shape == (3, 4)
    for row, series in zip(got, panel, strict=True):
        np.testing.assert_allclose(row, forecast(model, series, windows, steps=4), rtol=1e-5)


def test_integers():
    model = RecurrentPreset(units=(3,), window=8).build()
    counts = np.arange(20)
    got = forecast(model, counts, WindowedSeries(8), steps=3)
    np.testing.assert_allclose(got, forecast(model, counts * 1.0, WindowedSeries(8), steps=3))


@pytest.mark.parametrize(
    ("settings", "series", "steps", "says"),
    [
        ({}, SERIES[:7], 1, "window=8, sampling_rate=1 read back 8 positions, and it has 7"),
        ({}, SERIES, 0, "steps must be >= 1"),
        ({"gap": 1}, SERIES, 2, "needs forecasts as inputs, and gap=1"),
        ({"horizon": 2}, SERIES, 2, "outputs of shape \\(1,\\) per window; horizon=2"),
        ({"target_columns": 0}, np.stack([SERIES, SERIES], 1), 2, "not every column is a target"),
        ({"future_columns": [1]}, np.stack([SERIES, SERIES], 1), 1, "future values"),
    ],
)
def test_misuse(settings, series, steps, says):
    features = None if series.ndim == 1 else 2
    model = RecurrentPreset(units=(3,), window=8, features=features).build()
    with pytest.raises(ValueError, match=says):
        forecast(model, series, WindowedSeries(8, **settings), steps)


def test_gaps_in_the_last_window_are_met():
    model = RecurrentPreset(units=(3,), window=8).build()
    broken = SERIES.copy()
    broken[-3] = np.nan
    drop, keep = WindowedSeries(8, missing="drop"), WindowedSeries(8, missing="keep")
    with pytest.raises(ValueError, match="position 57 of series 1"):
        forecast(model, [SERIES, broken], drop)
    assert np.isnan(forecast(model, broken, keep)).all()
    broken[-3], broken[10] = 1.0, np.nan
    assert np.isfinite(forecast(model, broken, drop)).all()


def test_sequence_models_are_told_apart():
    model = RecurrentPreset("sequence_to_sequence", units=(3,), window=8).build()
    with pytest.raises(ValueError, match='targets="sequence"'):
        forecast(model, SERIES, WindowedSeries(8))


def test_dropout_is_off():
    keras.utils.set_random_seed(1)
    model = RecurrentPreset(units=(3,), window=8, dropout=0.5).build()
    one = forecast(model, SERIES, WindowedSeries(8), steps=5)
    np.testing.assert_array_equal(one, forecast(model, SERIES, WindowedSeries(8), steps=5))
