"""A calibrated model keeps all its levels: pairs by their own errors, the others in order."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops

from helpers import called
from keras_ts import (
    RecurrentPreset,
    Rollout,
    WindowedInput,
    WindowedSeries,
    calibrate,
    compare,
    fine_tune,
    forecast,
    load_model,
    save_model,
    scorecard,
)
from keras_ts.exporting.description import describe
from keras_ts.interface import Interface
from keras_ts.layers import Bounded, SortedQuantiles
from keras_ts.losses import QuantileLoss

FIVE = (0.05, 0.1, 0.5, 0.9, 0.95)
WINDOWS = WindowedSeries(6, horizon=2, target_columns="load", time_column="day")


def walk(rows, seed=0):
    values = 100 + np.random.default_rng(seed).normal(size=rows).cumsum()
    return pd.DataFrame({"day": pd.date_range("2024-01-01", periods=rows), "load": values})


def fan(dataset, levels, offsets, minimum=None):
    """Return a model whose quantiles are the last value plus ``offsets``."""
    inputs = keras.Input((6, 1))
    last = keras.layers.Flatten()(WindowedInput.of(dataset, levels)(inputs))[:, -1:]
    dense = keras.layers.Dense(2 * len(levels))
    outputs = SortedQuantiles(levels)(keras.layers.Reshape((2, len(levels)))(dense(last)))
    if minimum is not None:
        outputs = Bounded(minimum)(outputs)
    model = keras.Model(inputs, outputs)
    dense.set_weights([np.ones((1, 2 * len(levels))), np.tile(offsets, 2)])
    return model


def by_hand(levels, shares, raw, x, y):
    """Return what the calibrated quantiles are, window by window and step by step."""
    scale = np.abs(np.diff(x, axis=1)).mean(axis=1)
    bands = np.full(raw.shape, np.nan)
    middle = levels.index(0.5)
    for step in range(raw.shape[1]):
        margins = {}
        for share in shares:
            low = next(i for i, p in enumerate(levels) if abs(p - (1 - share) / 2) < 1e-9)
            high = next(i for i, p in enumerate(levels) if abs(p - (1 + share) / 2) < 1e-9)
            beyond = np.maximum(raw[:, step, low] - y[:, step], y[:, step] - raw[:, step, high])
            rank = int(np.ceil(round((len(y) + 1) * share, 9)))
            margins[low, high] = np.sort(beyond / scale)[rank - 1]
        for window in range(len(y)):
            own = bands[window, step]
            own[middle] = inner_low = inner_high = raw[window, step, middle]
            for (low, high), margin in margins.items():
                inner_low = min(inner_low, raw[window, step, low] - margin * scale[window])
                inner_high = max(inner_high, raw[window, step, high] + margin * scale[window])
                own[low], own[high] = inner_low, inner_high
            fixed = own.copy()
            for place, value in enumerate(raw[window, step]):
                if np.isnan(fixed[place]):
                    inside = (
                        fixed[middle : place + 1] if place > middle else fixed[place : middle + 1]
                    )
                    outside = fixed[place:] if place > middle else fixed[: place + 1]
                    ends = [np.nanmax(inside), np.nanmin([*outside, np.inf])]
                    if place < middle:
                        ends = [np.nanmax([*outside, -np.inf]), np.nanmin(inside)]
                    own[place] = np.clip(value, *ends)
    return bands


@pytest.mark.filterwarnings("ignore:calibrate leaves some levels")
@pytest.mark.parametrize("spread", [0.1, 9.0])
@pytest.mark.parametrize(
    ("levels", "shares"),
    [
        (FIVE, (0.8, 0.9)),
        ((0.1, 0.5, 0.9, 0.95), (0.8,)),
        ((0.05, 0.1, 0.3, 0.5, 0.8, 0.9), (0.8,)),
        ((0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999), (0.5, 0.8)),
        ((0.05, 0.2, 0.5, 0.9, 0.95), (0.9,)),
    ],
)
def test_levels_are_those_of_a_loop(levels, shares, spread):
    dataset = WINDOWS.build(walk(120))
    offsets = spread * (np.array(levels) - 0.5)
    model = fan(dataset, levels, offsets)
    calibrated = calibrate(model, dataset, coverage=shares[-1])
    assert Interface.of(calibrated).quantiles == levels
    x, y = dataset.to_numpy()
    got, raw = (called(own, x).astype(float) for own in (calibrated, model))
    np.testing.assert_allclose(got, by_hand(levels, shares, raw, x[..., 0], y), rtol=1e-6)
    assert (np.diff(got, axis=-1) >= 0).all()


# PyTorch's tensors warn of it, and pytest.warns tells what it did not ask for anew.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")
def test_levels_that_stay_are_named_in_a_warning():
    dataset = WINDOWS.build(walk(60))
    levels = (0.005, 0.1, 0.5, 0.8, 0.9, 0.995)
    model = fan(dataset, levels, np.array(levels) - 0.5)
    assert dataset.num_windows == 53
    with pytest.warns(UserWarning, match="leaves some levels") as caught:
        calibrated = calibrate(model, dataset, coverage=0.8)
    [text] = [str(warning.message) for warning in caught if warning.category is UserWarning]
    assert "0.8 has no symmetric partner; 0.005 and 0.995 need 99 windows, not 53." in text
    assert calibrated.layers[-1].coverage == (0.8,)
    with pytest.raises(ValueError, match=r"53 windows .* coverage=0\.99 needs at least 99"):
        calibrate(model, dataset, coverage=[0.8, 0.99])
    with pytest.raises(ValueError, match=r"2 windows .* coverage=0\.8 needs at least 4"):
        calibrate(model, WINDOWS.build(walk(9)))


def test_all_that_reads_a_calibrated_model_agrees_on_its_levels(tmp_path):
    table = walk(300)
    train, calibration, later = WINDOWS.split(table, at=["2024-04-01", "2024-07-01"])
    model = fan(train, FIVE, [-2.0, -1.0, 0.0, 1.0, 2.0], minimum=99.0)
    model.compile("sgd", QuantileLoss(FIVE))
    calibrated = calibrate(model, calibration, coverage=0.8)
    names = ["load_0.05", "load_0.1", "load", "load_0.9", "load_0.95"]
    ahead = forecast(calibrated, table)
    assert list(ahead) == ["day", "step", *names]
    output = describe(Rollout(calibrated, steps=2))["output"]
    assert (output["columns"], output["quantiles"]) == (names, list(FIVE))
    report = compare(calibrated, train, later)
    x, y = later.to_numpy()
    bands = called(calibrated, x)
    assert bands.min() == 99.0
    inside = (bands[..., 0] <= y) & (y <= bands[..., -1])
    assert report.table["coverage"][0] == pytest.approx(inside.mean())
    losses = [
        np.maximum(p * (y - q), (p - 1) * (y - q))
        for p, q in zip(FIVE, np.moveaxis(bands, -1, 0), strict=True)
    ]
    assert report.table["pinball"][0] == pytest.approx(np.mean(losses), rel=1e-5)
    save_model(calibrated, tmp_path / "model.keras", report=report)
    assert scorecard(tmp_path / "model.keras").quantiles == FIVE
    again = load_model(tmp_path / "model.keras")
    pd.testing.assert_frame_equal(forecast(again, table), ahead, rtol=1e-6)
    tuned = fine_tune(again, calibration, calibration=later, epochs=1)
    assert Interface.of(tuned).quantiles == FIVE


@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_a_calibrated_model_of_several_targets_and_one_step_is_judged(targets):
    table = np.random.default_rng(0).normal(size=(90, 2)).cumsum(axis=0)
    windows = WindowedSeries(6, targets=targets, target_columns=[1, 0])
    train, calibration, later = windows.split(table, at=[40, 65])
    model = RecurrentPreset(f"sequence_to_{targets}", units=(2,)).build(train)
    calibrated = calibrate(model, calibration, coverage=0.5)
    report = compare(calibrated, train, later)
    x, y = later.to_numpy()
    predicted = called(model, x).reshape(y.shape)
    errors = np.abs(predicted - y) if targets == "vector" else np.abs(predicted - y)[:, -1]
    assert report.table["mae"][0] == pytest.approx(errors.mean(), rel=1e-5)


def test_zeros_on_a_bound_are_held_whatever_rounding_does():
    """Each zero lies below the lower quantile by the same share of its window's scale."""
    generator = np.random.default_rng(0)
    shape = 2000
    sold = np.where(generator.random(shape) < 0.4, generator.poisson(3, shape) * 1.7, 0.0)
    windows, levels = WindowedSeries(8, 1), (0.25, 0.5, 0.75)
    dataset = windows.build(sold)
    inputs = keras.Input((8,))
    past = WindowedInput.of(dataset, levels)(inputs)
    steps = ops.mean(ops.abs(past[:, 1:] - past[:, :-1]), axis=1, keepdims=True)
    outputs = ops.stack([steps / 7.0 + steps / 11.0, 0.7 * steps, 9.0 * steps], axis=-1)
    model = calibrate(keras.Model(inputs, outputs), dataset, 0.5)
    zeros = dataset.to_numpy()[1].ravel() == 0
    bands = model.predict(dataset, verbose=0)[: len(zeros)][zeros]
    assert (bands[..., 0] <= 0).all()
    assert np.median(bands[..., 0]) > -1e-4


def test_quantiles_of_ones_own_that_cross_are_counted():
    """A net without SortedQuantiles: its interval is upside down wherever the last value is odd."""
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=60), "load": np.arange(60.0)})
    train, held = WINDOWS.split(table, at=40)
    inputs = keras.Input((6, 1))
    last = WindowedInput.of(train, (0.1, 0.5, 0.9))(inputs)[:, -1:]
    sign = ops.cos(np.pi * last)
    rows = [ops.repeat(last + step * sign, 2, axis=1) for step in (-1.0, 0.0, 1.0)]
    model = keras.Model(inputs, ops.concatenate(rows, axis=2))
    assert (
        "The quantiles of model cross at 20 of 38 targets, so its intervals are wrong: end it in "
        "SortedQuantiles, and train it again."
    ) in str(compare(model, train, held))
    with pytest.raises(UserWarning, match="cross in 2 of 2 forecasts, so intervals are wrong"):
        forecast(model, table)
    assert np.ptp(forecast(model, table[:-1])[["load_0.1", "load_0.9"]].to_numpy(), axis=1).all()
    sorted_net = fan(train, (0.1, 0.5, 0.9), (-1.0, 0.0, 1.0))
    assert "cross" not in str(compare(sorted_net, train, held))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept")
def test_quantiles_that_cross_are_counted_in_a_warning():
    dataset = WINDOWS.build(walk(60))
    inputs = keras.Input((6, 1))
    past = WindowedInput.of(dataset, (0.1, 0.5, 0.9))(inputs)
    last = keras.layers.Flatten()(past)[:, -1:]
    dense = keras.layers.Dense(6)
    model = keras.Model(inputs, keras.layers.Reshape((2, 3))(dense(last)))
    dense.set_weights([np.ones((1, 6)), np.array([-1, 0, 1, 1, 0, -1.0])])  # crossed at step 2
    with pytest.warns(UserWarning, match="cross at 53 of 106 targets of validation"):
        calibrate(model, dataset, coverage=0.8)
