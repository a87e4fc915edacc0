"""Errors by which widths are set are those of a plain loop, and cut windows fill up classes."""

import keras
import numpy as np
import pytest

from keras_ts import RecurrentPreset, WindowedSeries, calibrate, compare
from keras_ts.evaluation.interval_errors import errors_of, with_short
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.interface import Interface


def last_value(window):
    past = keras.Input((window, 1))
    return keras.Model(past, past[:, -1])


def judged(**settings):
    series = np.random.default_rng(0).normal(size=(60, 1)).cumsum(axis=0)
    windows = WindowedSeries(8, target_columns=[0], batch_size=16, **settings)
    return JudgedWindows("validation", windows.build(series)), series


def test_errors_are_those_of_a_plain_loop():
    parts, series = judged()
    errors = errors_of(last_value(8), parts, None, [None])
    steps = np.array([series[at + 8, 0] - series[at + 7, 0] for at in range(52)])
    np.testing.assert_allclose(errors.upper[:, 0, 0, 0], steps, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(errors.lower, -errors.upper)
    assert (errors.known == 8).all()
    scales = [np.abs(np.diff(series[at : at + 8, 0])).mean() for at in range(52)]
    scores = errors.scores(np.array([0.1]))[0, :, 0, 0]
    np.testing.assert_allclose(scores, np.abs(steps) / np.maximum(scales, 0.1), rtol=1e-3)


def test_windows_cut_short_fill_classes_of_few_inputs():
    parts, _ = judged(missing="mask", min_inputs=1)
    model = last_value(8)
    whole = errors_of(model, parts, None, [None])
    filled = with_short(whole, parts.classes(None), model, parts, None, [None])
    assert [(whole.known == count).sum() for count in (1, 2, 3)] == [1, 1, 1]
    assert min((filled.known < 4).sum(), (filled.known == 1).sum()) > 20
    np.testing.assert_array_equal(filled.upper[: len(whole.upper)], whole.upper)


@pytest.mark.parametrize(
    ("window", "fewest", "targets"), [(1, 0, "vector"), (6, 0, "vector"), (6, 1, "sequence")]
)
def test_bands_have_the_units_in_which_errors_were_measured(window, fewest, targets):
    noise = np.random.default_rng(0)
    panel = [100 + 10 * noise.normal(size=count) for count in (60, 70, 80)]
    windows = WindowedSeries(
        window, 3, targets=targets, missing="mask_targets", min_inputs=fewest, batch_size=64
    )
    dataset = windows.build(panel)
    model = RecurrentPreset(f"sequence_to_{targets}", units=(2,)).build(dataset)
    calibrated = calibrate(model, dataset, coverage=0.8)
    errors = errors_of(model, JudgedWindows("validation", dataset), None, [None])
    layer, few = Interface(calibrated, None).last_layer, errors.known[:, 0] <= 1
    bands = calibrated.predict(dataset, verbose=0).reshape(dataset.num_windows, -1, 3, 3)[:, -1]
    classes = np.searchsorted(layer.inputs[1:], errors.known[few, 0], side="right")
    margins = keras.ops.convert_to_numpy(layer.margins)[0][classes]
    half = (bands[..., 2] - bands[..., 0])[errors.windows[few]] / 2
    np.testing.assert_allclose(half / margins, errors.scales[few] * np.ones(3), rtol=1e-3)


def test_bands_hold_before_and_after_a_net_sees_a_season():
    """It takes the season off from two periods on: in less, its errors are as large as that."""
    windows = WindowedSeries(28, 2, missing="mask", min_inputs=12, batch_size=512)
    noise, week = np.random.default_rng(0), 5 * np.array([0, 1, -1, 2, -2, 1, -1])
    old, young = (
        windows.build([*noise.normal(week[(noise.integers(7, size=(count, 1)) + steps) % 7])])
        for count, steps in ((300, np.arange(36)), (2000, np.arange(17)))
    )
    net = RecurrentPreset(units=(2,), window_norm="seasonal", period=7).build(old)
    calibrated = calibrate(net, old, coverage=0.8)
    assert Interface(calibrated, None).last_layer.inputs == (12, 14, 16, 24, 28)
    scores = compare(calibrated, young, young, baselines=["naive"]).scores(by="inputs")
    assert scores["inputs"][:2].tolist() == [12, 14]
    assert np.abs(scores["coverage"][:2] - 0.8).max() < 0.06
    assert scores["width"][1] < 0.5 * scores["width"][0]
    low, high = scores["coverage_low"][:2], scores["coverage_high"][:2]
    assert ((low < 0.8) & (high > 0.8) & (high - low < 0.25)).all()
