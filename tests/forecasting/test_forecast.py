"""Forecasts equal predicting by hand, window after window."""

import keras
import numpy as np
import pytest

from helpers import BACKEND, called
from keras_ts import RecurrentPreset, WindowedSeries, course_series, forecast

pytestmark = pytest.mark.usefixtures("untraced_models")

SERIES = course_series()[:60].astype("float64")


def by_hand(model, series, windows, steps):
    values = np.array(series, dtype="float32")
    done = []
    while len(done) < steps:
        reach = windows.sampling_rate * (windows.window - 1) + 1
        x = values[-reach:][:: windows.sampling_rate][None]
        out = called(model, x)[0]
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
    preset = RecurrentPreset(kind, "gru", (3,), features=features, window_norm="last")
    model = preset.build(outputs=horizon * (features or 1))
    series = SERIES if features is None else np.stack([SERIES, SERIES[::-1]], axis=1)
    got = forecast(model, series, windows, steps)
    want = by_hand(model, series, windows, steps or horizon)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-4)


def test_panels_series_by_series():
    windows = WindowedSeries(8)
    model = RecurrentPreset(units=(3,)).build(window=8)
    panel = [SERIES, SERIES[:20], SERIES[5:40]]
    got = forecast(model, panel, windows, steps=4)
    assert got.shape == (3, 4)
    for row, series in zip(got, panel, strict=True):
        np.testing.assert_allclose(row, forecast(model, series, windows, steps=4), rtol=1e-5)


def test_integers():
    model = RecurrentPreset(units=(3,)).build(window=8)
    counts = np.arange(20)
    got = forecast(model, counts, WindowedSeries(8), steps=3)
    np.testing.assert_allclose(got, forecast(model, counts * 1.0, WindowedSeries(8), steps=3))


@pytest.mark.parametrize(
    ("settings", "series", "steps", "says"),
    [
        ({}, SERIES[:7], 1, "window=8, sampling_rate=1 read 8 positions, and it has 7"),
        ({}, SERIES, 0, "steps must be >= 1"),
        ({"gap": 1}, SERIES, 2, "needs forecasts as inputs, and gap=1 leaves rows without a"),
        ({"horizon": 2}, SERIES, 2, "outputs of shape \\(1,\\) per window; horizon=2"),
        ({"target_columns": 0}, np.stack([SERIES, SERIES], 1), 2, "not every column is a target"),
        ({"future_columns": [1]}, np.stack([SERIES, SERIES], 1), 1, r"model takes the inputs \["),
    ],
)
def test_misuse(settings, series, steps, says):
    features = None if series.ndim == 1 else 2
    model = RecurrentPreset(units=(3,), features=features).build(window=8)
    with pytest.raises(ValueError, match=says):
        forecast(model, series, WindowedSeries(8, **settings), steps)


def test_gaps_in_the_last_window_are_met():
    model = RecurrentPreset(units=(3,)).build(window=8)
    broken = SERIES.copy()
    broken[-3] = np.nan
    drop, keep = WindowedSeries(8, missing="drop"), WindowedSeries(8, missing="keep")
    with pytest.raises(ValueError, match="position 57 of series 1"):
        forecast(model, [SERIES, broken], drop)
    assert np.isnan(forecast(model, broken, keep)).all()
    broken[-3], broken[10] = 1.0, np.nan
    assert np.isfinite(forecast(model, broken, drop)).all()


def test_sequence_models_are_told_apart():
    model = RecurrentPreset("sequence_to_sequence", units=(3,)).build(window=8)
    with pytest.raises(ValueError, match='targets="sequence"'):
        forecast(model, SERIES, WindowedSeries(8))


def test_dropout_is_off():
    keras.utils.set_random_seed(1)
    model = RecurrentPreset(units=(3,), dropout=0.5).build(window=8)
    one = forecast(model, SERIES, WindowedSeries(8), steps=5)
    np.testing.assert_array_equal(one, forecast(model, SERIES, WindowedSeries(8), steps=5))


class Walk(keras.layers.Layer):
    """A step of a random walk from the last value."""

    def __init__(self, seeded=True, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(7) if seeded else None

    def call(self, inputs):
        last = inputs[:, -1:]
        return last + keras.random.normal(keras.ops.shape(last), seed=self.seed)


@pytest.mark.parametrize("steps", [1, 6])
def test_a_model_that_samples_draws_anew(steps):
    """At every step, and in every call, as repeated ``predict`` does."""
    model = keras.Sequential([keras.Input((8,)), Walk()])
    (seed,) = model.non_trainable_variables
    begin = keras.ops.convert_to_numpy(seed)
    walks = [forecast(model, SERIES, WindowedSeries(8), steps) for _ in range(2)]
    seed.assign(begin)
    by_predict = [by_hand(model, SERIES, WindowedSeries(8), steps) for _ in range(2)]
    np.testing.assert_allclose(walks, by_predict, rtol=1e-5)
    steps_taken = np.diff([np.concatenate([SERIES[-1:], walk]) for walk in walks]).round(4)
    assert len(np.unique(steps_taken)) == 2 * steps


@pytest.mark.skipif(BACKEND == "jax", reason="JAX itself refuses to draw without a seed")
def test_draws_without_a_seed_are_not_fed_back():
    model = keras.Sequential([keras.Input((8,)), Walk(seeded=False)])
    assert np.isfinite(forecast(model, SERIES, WindowedSeries(8)))
    with pytest.raises(ValueError, match=r"keras\.random\.SeedGenerator"):
        forecast(model, SERIES, WindowedSeries(8), steps=2)


class Double(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs[:, -1:]


@pytest.mark.parametrize("steps", [1, 3])
def test_the_models_precision_decides(steps):
    model = keras.Sequential([keras.Input((8,)), Double()])
    series = np.full(8, 60_000 / steps, "float16")
    got = forecast(model, series, WindowedSeries(8), steps)
    np.testing.assert_allclose(got, 60_000 / steps * 2.0 ** np.arange(1, steps + 1), rtol=1e-3)


@pytest.mark.parametrize("features", [None, 1, 2])
@pytest.mark.parametrize("steps", [1, 3])
def test_windows_that_the_model_was_not_made_for(features, steps):
    columns = features or 1
    model = RecurrentPreset(units=(3,), features=features).build(window=20, outputs=columns)
    table = np.stack([SERIES] * columns, axis=1)
    assert np.isfinite(forecast(model, table, WindowedSeries(20), steps)).all()
    with pytest.raises(ValueError, match=r"takes 'past' of shape \(20.*windows give \(10"):
        forecast(model, table, WindowedSeries(10), steps)
    wide = np.stack([SERIES] * (columns + 1), axis=1)
    with pytest.raises(ValueError, match=rf"'past' of shape \(20.*give \(20, {columns + 1}\)"):
        forecast(model, wide, WindowedSeries(20), steps)


def test_models_that_forecast_cannot_call():
    past, more = keras.Input((8,), name="past"), keras.Input((2,), name="more")
    both = keras.Model([past, more], keras.layers.Dense(1)(keras.ops.concatenate([past, more], 1)))
    with pytest.raises(ValueError, match=r"the inputs \['past', 'more'\]"):
        forecast(both, SERIES, WindowedSeries(8))
    with pytest.raises(ValueError, match="not built yet"):
        forecast(keras.Sequential([keras.layers.Dense(1)]), SERIES, WindowedSeries(8))
    with pytest.raises(TypeError, match="Received: str"):
        forecast("model.keras", SERIES, WindowedSeries(8))


def test_models_whose_output_is_no_forecast():
    inputs = keras.Input((4,))
    ahead = keras.layers.Dense(1)(inputs)
    for outputs in ([ahead, ahead], {"ahead": ahead}):
        with pytest.raises(ValueError, match="forecast needs a model with one output"):
            forecast(keras.Model(inputs, outputs), SERIES, WindowedSeries(4))
    scalar = keras.Input(())
    model = keras.Model(scalar, keras.ops.expand_dims(scalar, -1))
    with pytest.raises(ValueError, match=r"takes 'past' of shape \(\), and the windows give"):
        forecast(model, SERIES, WindowedSeries(4))


def test_states_that_would_be_carried_from_call_to_call():
    inputs = keras.Input((4, 1), batch_size=1)
    state = keras.layers.GRU(3, stateful=True, name="carrier")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(state))
    with pytest.raises(ValueError, match=r"layers \['carrier'\] are stateful"):
        forecast(model, SERIES, WindowedSeries(4))


def test_windows_are_settings_or_a_dataset():
    dataset = WindowedSeries(4).build(SERIES)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    assert forecast(model, SERIES, dataset) == forecast(model, SERIES, dataset.windows)
    with pytest.raises(TypeError, match=r"windows must be a WindowedSeries\. Received"):
        forecast(model, SERIES, 4)


def test_outputs_that_do_not_fit_are_refused_before_anything_is_compiled():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(
        ValueError, match=r"^The model gives outputs of shape \(2,\) per window; hor"
    ):
        forecast(model, SERIES, WindowedSeries(4, horizon=7))
