"""Calibrated bands hold the share of new values that they say, and the model takes them along."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops

from helpers import called, untraced
from keras_ts import (
    RecurrentPreset,
    Rollout,
    WindowedInput,
    WindowedSeries,
    calibrate,
    check_reload,
    compare,
    forecast,
    load_model,
)
from keras_ts.interface import Interface
from keras_ts.layers import Bounded, SortedQuantiles
from keras_ts.losses import QuantileLoss


def persistence(windows, past=(6,)):
    """Return a model that repeats the last value, so that its errors are those of the series."""
    inputs = keras.Input(past)
    last = inputs if len(past) == 1 else inputs[..., 0]
    outputs = keras.layers.RepeatVector(windows.horizon)(last[:, -1:])
    return keras.Model(inputs, outputs[..., 0])


def walks(count, length, seed, scale=1.0):
    generator = np.random.default_rng(seed)
    return [np.cumsum(generator.normal(size=length)) * scale for _ in range(count)]


def held(model, dataset, places=(0, -1)):
    """Return the share of targets between two bounds, for each step."""
    x, y = dataset.to_numpy()
    bands = called(model, x)
    return ((bands[..., places[0]] <= y) & (y <= bands[..., places[1]])).mean(axis=0)


def test_coverage_on_new_series():
    windows = WindowedSeries(6, horizon=4, stride=10)
    model = persistence(windows)
    calibrated = calibrate(model, windows.build(walks(60, 100, 0)), coverage=[0.8, 0.95])
    fresh = windows.build(walks(200, 100, 1))
    # Over 2,000 windows a share's standard error is 0.9 %, and the margins' own is 1.6 %.
    assert np.abs(held(calibrated, fresh, (1, -2)) - 0.8).max() < 0.06
    assert np.abs(held(calibrated, fresh) - 0.95).max() < 0.03
    widths = np.diff(called(calibrated, fresh.to_numpy()[0][:1])[0][:, [0, -1]])
    assert (np.diff(widths[:, 0]) > 0).all()


@pytest.mark.parametrize("levels", [None, (0.1, 0.5, 0.9)])
@pytest.mark.parametrize("columns", [None, [0, 1]])
def test_windows_with_holes_are_held_as_often_as_margins_say(levels, columns):
    """The scale of a window goes by its known steps, when margins are read and when they are used.

    On the windows that a margin was read off, it holds exactly as many as its rank.
    """
    generator = np.random.default_rng(0)
    panel = []
    for length in generator.integers(26, 60, 40):
        series = generator.normal(size=(length, 2)).cumsum(axis=0)
        series[generator.random(series.shape) < 0.1] = np.nan
        panel.append(series if columns else series[:, 0])
    windows = WindowedSeries(24, 2, missing="mask", target_columns=columns)
    dataset = windows.build(panel)
    preset = RecurrentPreset(units=(2,), window_norm="last", quantiles=levels)
    calibrated = calibrate(preset.build(dataset), dataset, coverage=0.8)
    rank = np.ceil((dataset.num_windows + 1) * 0.8)
    np.testing.assert_allclose(held(calibrated, dataset), rank / dataset.num_windows, atol=0.003)


def test_young_series_are_held_as_often_as_old_ones(tmp_path):
    """The mean of a few inputs errs more than that of twenty, so its band is wider."""
    windows = WindowedSeries(20, 2, missing="mask", min_inputs=1, batch_size=512)
    past = keras.Input((20,))
    known = ops.logical_not(ops.isnan(past))
    total = ops.sum(ops.where(known, past, ops.zeros_like(past)), axis=1, keepdims=True)
    mean = total / ops.sum(ops.cast(known, "float32"), axis=1, keepdims=True)
    net = keras.Model(past, keras.layers.RepeatVector(2)(mean)[..., 0])
    noise = np.random.default_rng(0)
    old = windows.build([*noise.normal(size=(300, 26))])
    calibrated = calibrate(net, old, coverage=0.8)
    assert Interface(calibrated, None).last_layer.inputs == (1, 2, 3, 4, 6, 8, 12, 16, 20)
    calibrated.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    young = windows.build([*noise.normal(size=(2000, 22))])
    scores = compare(again, young, young, baselines=["naive"]).scores(by="inputs")
    assert scores["inputs"].tolist() == 2 * [1, 2, 3, 4, 6, 8, 12, 16, 20]
    assert (scores["windows"] // 2000).tolist() == 2 * [1, 1, 1, 2, 2, 4, 4, 4, 1]
    assert np.abs(scores["coverage"][:9] - 0.8).max() < 0.06
    assert scores["width"][0] > 1.2 * scores["width"][8]
    assert scores["mae"][0] > 1.1 * scores["mae"][8]


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_coverage_over_a_hundred_simulated_series(scale):
    """Each series calibrates on its first half, and the second is held as often as chance says.

    With n windows to calibrate on, the share held has the mean k / (n + 1), k the margin's rank,
    and each half adds a variance of c (1 - c) / n.
    """
    windows = WindowedSeries(6, horizon=2, stride=8)
    model = persistence(windows)
    shares = []
    for series in walks(100, 1000, 7, scale):
        first, second = windows.build(series[:500]), windows.build(series[500:])
        calibrated = calibrate(model, first, coverage=[0.8, 0.95])
        shares.append([held(calibrated, second, pair) for pair in ((1, -2), (0, -1))])
    count = first.num_windows
    means = np.mean(shares, axis=0)
    for mean, coverage in zip(means, (0.8, 0.95), strict=True):
        expected = np.ceil((count + 1) * coverage) / (count + 1)
        limit = 3 * np.sqrt(2 * coverage * (1 - coverage) / count / 100)
        assert np.abs(mean - expected).max() < limit


@pytest.mark.parametrize("levels", [None, (0.1, 0.5, 0.9)])
def test_series_a_thousand_times_larger(levels):
    """Margins go by the window's own scale, so that each series is held as often as the others."""
    windows = WindowedSeries(20, horizon=2, stride=5)
    model = persistence(windows, (20,))
    if levels:
        step = ops.mean(ops.abs(model.input[:, 1:] - model.input[:, :-1]), axis=1)[:, None]
        bounds = keras.layers.Concatenate()([
            model.output[..., None] + share * step[..., None] for share in (-1.0, 0.0, 1.0)
        ])  # fmt: skip
        flat = keras.layers.Reshape((2, 3))(bounds)
        model = keras.Model(model.input, SortedQuantiles(levels)(flat))
    small, large = walks(40, 120, 0), walks(40, 120, 1, scale=1000.0)
    calibrated = calibrate(model, windows.build(small + large), coverage=0.8)
    for series in (walks(80, 120, 2), walks(80, 120, 3, scale=1000.0)):
        share = held(calibrated, windows.build(series))
        assert np.abs(share - 0.8).max() < 0.05


@pytest.mark.parametrize("columns", [None, 1, [1], [2, 0]])
@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("targets", ["vector", "sequence"])
@pytest.mark.parametrize("levels", [None, (0.1, 0.25, 0.5, 0.75, 0.9)])
def test_bands_equal_a_plain_computation(columns, horizon, targets, levels):
    shape = (60,) if columns is None else (60, 3)
    series = np.random.default_rng(0).normal(size=shape).cumsum(axis=0)
    windows = WindowedSeries(5, horizon, targets=targets, target_columns=columns, batch_size=30)
    dataset = windows.build(series)
    model = RecurrentPreset(f"sequence_to_{targets}", units=(2,), quantiles=levels).build(dataset)
    coverage = (0.5, 0.8)
    calibrated = calibrate(untraced(model), dataset, coverage)
    x, y = dataset.to_numpy()
    before, bands = (np.asarray(called(one, x), float) for one in (model, calibrated))
    past = x[..., None] if columns is None else x[..., np.atleast_1d(columns)]
    count = len(past[0, 0])
    lead = (len(x), *((5,) if targets == "sequence" else ()))
    outputs = before.reshape(*lead, horizon, count, *before.shape[-1:] * (levels is not None))
    actual = y.reshape(*lead, horizon, count)
    got = bands.reshape(*lead, horizon, count, 5)
    if targets == "sequence":
        outputs, actual, got = outputs[:, -1], actual[:, -1], got[:, -1]
    scale = np.abs(np.diff(past, axis=1)).mean(axis=1)[:, None]
    sides = [outputs] * 5 if levels is None else np.moveaxis(outputs, -1, 0)
    point = sides[2]
    np.testing.assert_allclose(got[..., 2], point, rtol=1e-5, atol=1e-5)
    for number, share in enumerate(coverage):
        low, high = sides[1 - number], sides[3 + number]
        scores = np.maximum(low - actual, actual - high) / scale
        rank = int(np.ceil((len(x) + 1) * share))
        margin = np.sort(scores, axis=0)[rank - 1]
        bottom, top = low - margin * scale, high + margin * scale
        if levels is not None:  # Bands hold the point, and the wider holds the narrower.
            bottom, top = np.minimum(bottom, point), np.maximum(top, point)
            if number:
                bottom, top = np.minimum(bottom, got[..., 1]), np.maximum(top, got[..., 3])
        np.testing.assert_allclose(got[..., 1 - number], bottom, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(got[..., 3 + number], top, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def built():
    days = pd.date_range("2024-01-01", periods=90)
    generator = np.random.default_rng(3)
    frame = pd.DataFrame({
        "shop": np.repeat(["a", "b"], 90), "day": [*days, *days],
        "units": np.concatenate(walks(2, 90, 5)), "promo": generator.integers(2, size=180),
    })  # fmt: skip
    windows = WindowedSeries(
        10, 3, target_columns="units", future_columns=["promo"], id_column="shop",
        time_column="day", calendar=["week"],
    )  # fmt: skip
    train, validation = windows.split(frame, at="2024-02-20")
    model = RecurrentPreset(units=(3,), window_norm="last").build(train)
    future = pd.DataFrame({
        "shop": np.repeat(["a", "b"], 3), "promo": [0, 1, 0] * 2,
        "day": [*pd.date_range("2024-03-31", periods=3)] * 2,
    })  # fmt: skip
    return model, calibrate(model, validation), (train, validation), frame, future


def test_forecast_gives_columns_of_the_bounds(built, tmp_path):
    model, calibrated, _, frame, future = built
    ahead = forecast(calibrated, frame, future=future)
    bounds = ["units_0.025", "units_0.1", "units", "units_0.9", "units_0.975"]
    assert list(ahead) == ["shop", "day", "step", *bounds]
    assert (np.diff(ahead[bounds].to_numpy(), axis=1) > 0).all()
    point = forecast(model, frame, future=future)["units"]
    np.testing.assert_allclose(ahead["units"], point, rtol=1e-5)
    with pytest.raises(ValueError, match="horizon"):
        forecast(calibrated, frame, future=future, steps=4)
    calibrated.save(tmp_path / "model.keras")
    again = forecast(load_model(tmp_path / "model.keras"), frame, future=future)
    pd.testing.assert_frame_equal(again, ahead)


def test_reload_is_clean(forked_reload, built):
    _, calibrated, (_, validation), _, _ = built
    assert check_reload(calibrated, validation[0][0]).ok


# PyTorch's tensors warn of it, and pytest.warns tells what it did not ask for anew.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")
def test_compare_warns_on_the_part_it_was_calibrated_on(built):
    model, calibrated, (train, validation), _, _ = built
    with pytest.warns(UserWarning, match="model was calibrated on targets that validation holds"):
        report = compare(calibrated, train, validation)
    assert 0.7 <= report.table["coverage"][0] <= 1.0
    compare({"plain": model, "bands": calibrated}, validation, train)


def test_a_model_of_ones_own_without_an_axis_for_its_step():
    series = np.random.default_rng(0).normal(size=80)
    dataset = WindowedSeries(4, targets="sequence").build(series)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    calibrated = calibrate(model, dataset, coverage=0.8)
    assert calibrated.output_shape == (None, 4, 1, 3)
    bands = called(calibrated, dataset.to_numpy()[0])[:, -1, 0]
    actual = dataset.to_numpy()[1][:, -1]
    assert ((bands[:, 0] <= actual) & (actual <= bands[:, 2])).sum() == np.ceil(77 * 0.8)


def test_windows_that_stand_still_have_bands_of_some_width():
    series = np.concatenate([np.zeros(30), np.random.default_rng(0).normal(size=60)])
    windows = WindowedSeries(6, horizon=2)
    calibrated = calibrate(persistence(windows), windows.build(series), coverage=0.8)
    bands = called(calibrated, np.zeros((1, 6)))
    assert (np.diff(bands[0]) > 0).all()
    assert np.isfinite(bands).all()


def test_half_precision_keeps_the_level():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        windows = WindowedSeries(6, horizon=2)
        dataset = windows.build(1e5 + np.random.default_rng(0).normal(size=60))
        model = RecurrentPreset(units=(2,), window_norm="last").build(dataset)
        calibrated = calibrate(model, dataset, coverage=0.8)
        bands = called(calibrated, dataset.to_numpy()[0])
    finally:
        keras.config.set_dtype_policy(before)
    assert bands.dtype == np.float32
    assert np.abs(bands - 1e5).max() < 20


def test_subclassed_models():
    class Repeat(keras.Model):
        def call(self, x):
            return keras.ops.repeat(x[:, -1:], 2, axis=1)

    windows = WindowedSeries(6, horizon=2)
    dataset = windows.build(np.random.default_rng(0).normal(size=60))
    model = Repeat()
    model(dataset[0][0])
    assert calibrate(model, dataset, coverage=0.8)(dataset[0][0]).shape == (32, 2, 3)


@pytest.mark.parametrize("first", [[], [keras.Input((6,))]], ids=["built by data", "built"])
def test_sequential_models(first):
    windows = WindowedSeries(6, horizon=2)
    dataset = windows.build(np.random.default_rng(0).normal(size=60))
    model = keras.Sequential([*first, keras.layers.Dense(2)])
    point, x = called(model, dataset[0][0]), dataset[0][0]
    calibrated = calibrate(model, dataset, coverage=0.8)
    np.testing.assert_allclose(called(calibrated, x)[..., 1], point, rtol=1e-6)
    whole = keras.Model(model.inputs[0], model.outputs)
    same = calibrate(whole, dataset, coverage=0.8)
    np.testing.assert_array_equal(called(calibrated, x), called(same, x))


def test_mistakes(built):
    model, calibrated, (_, validation), _, _ = built
    few = WindowedSeries(6, horizon=2).build(np.arange(20.0))
    series = WindowedSeries(6, horizon=2).build(np.random.default_rng(0).normal(size=60))
    quantiles = RecurrentPreset(units=(2,), quantiles=(0.1, 0.5, 0.9)).build(series)
    median = RecurrentPreset(units=(2,), quantiles=(0.5, 0.9)).build(series)
    wrong = (0, 1, 1.5, [0.9, 0.8], [], float("nan"))
    for error, says, *given in [
        (ValueError, "calibrated already: .* Calibrate the model that", calibrated, validation),
        (TypeError, "validation must be a WindowDataset", model, np.zeros(9)),
        (TypeError, "model must be a Keras model", "model", validation),
        *((ValueError, "coverage must be", model, validation, coverage) for coverage in wrong),
        (ValueError, "13 windows .* and coverage=0.95 needs at least 19",
         persistence(few.windows), few),
        (ValueError, r"coverage=0.95 needs the levels \[0.025, 0.975\]", quantiles, series, 0.95),
        (ValueError, r"quantiles \[0.5, 0.9\], and no two are a symmetric pair", median, series),
    ]:  # fmt: skip
        with pytest.raises(error, match=says):
            calibrate(*given)
    with pytest.raises(TypeError, match="train_on must be a WindowDataset"):
        calibrate(model, validation, 0.8, train_on=np.zeros(9))
    with pytest.raises(ValueError, match="cannot be trained: it is not compiled"):
        calibrate(model, validation, 0.8, train_on=validation)


@pytest.mark.parametrize(
    ("levels", "shares"),
    [(None, (0.8, 0.95)), ((0.1, 0.5, 0.9), (0.8,)), ((0.1, 0.25, 0.5, 0.75, 0.9), (0.5, 0.8))],
)
def test_coverages_by_default_are_those_that_the_model_has(levels, shares):
    series = WindowedSeries(6, horizon=2).build(np.random.default_rng(0).normal(size=60))
    model = RecurrentPreset(units=(2,), quantiles=levels).build(series)
    assert calibrate(model, series).layers[-1].coverage == shares


@pytest.mark.parametrize("levels", [None, (0.1, 0.5, 0.9)])
def test_a_net_that_is_trained_further_keeps_the_widths(levels):
    """The widths are those of the net before; the model that is passed stays as it is."""
    series = np.random.default_rng(0).normal(size=200).cumsum()
    windows = WindowedSeries(6, horizon=2, batch_size=16)
    first, validation = windows.split(series, at=120)
    past = keras.Input((6,))
    outputs = keras.layers.Dense(2 if levels is None else 6)(WindowedInput.of(first, levels)(past))
    if levels:
        outputs = SortedQuantiles(levels)(keras.layers.Reshape((2, 3))(outputs))
    model = untraced(keras.Model(past, Bounded(-100.0)(outputs)))
    model.compile(keras.optimizers.SGD(1e-2), QuantileLoss(levels) if levels else "mae")
    before = model.get_weights()
    apart, together = (
        calibrate(model, validation, 0.8, train_on=train_on) for train_on in (None, validation)
    )
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    layers = [Interface(own, None).last_layer for own in (apart, together)]
    np.testing.assert_array_equal(*(own.get_weights()[0] for own in layers))
    assert layers[0].get_config() | {"name": ""} == layers[1].get_config() | {"name": ""}
    x, y = validation.to_numpy()
    bands = [called(own, x) for own in (apart, together)]
    errors = [np.abs(own[..., 1] - y).mean() for own in bands]
    assert errors[1] < errors[0]
    if levels is None:
        np.testing.assert_allclose(*(own[..., 2] - own[..., 0] for own in bands), rtol=1e-3)
    assert isinstance(together.layers[-1], Bounded)


def test_coverage_that_changes_is_kept_and_reported(tmp_path):
    """Errors are as large as a window's steps where it goes up and down, and later are not."""
    windows = WindowedSeries(6)
    series = np.random.default_rng(0).normal(size=900).cumsum()
    series[300:550] += 4.0 * (np.arange(250) % 2)
    train, validation, later = windows.split(series, at=[300, 800])
    model = persistence(windows)
    calibrated = calibrate(model, validation, [0.8, 0.95])
    calibrated.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    first, last = again.layers[-1].halves
    x, y = validation.to_numpy()
    bands = called(again, x)[:, 0]
    inside = (bands[:, 1] <= y) & (y <= bands[:, 3])
    middle = len(y) // 2
    shares = inside[:middle].mean(), inside[middle:].mean()
    np.testing.assert_allclose((first, last), shares, atol=0.005)
    report = str(compare(again, train, later))
    assert f"held {first:.1%} of values in the first".replace("%", " %") in report
    assert "coverage drifts, so later values may miss it more often than asked" in report
    steady = calibrate(model, later)
    assert steady.layers[-1].halves is None


def test_a_rollout_gives_the_bands(built):
    _, calibrated, (_, validation), _, _ = built
    rollout = Rollout(calibrated, validation.windows, 3)
    inputs = validation[0][0]
    np.testing.assert_allclose(called(rollout, inputs), called(calibrated, inputs), rtol=1e-5)
