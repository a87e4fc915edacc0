"""Weights stay with their windows, and weigh windows alone."""

import pickle
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import compiled, distinct, joined
from keras_ts import WindowedSeries


def test_sample_weight_per_position_and_per_window():
    series, weight = distinct(20), np.arange(20.0)
    windows = WindowedSeries(3, horizon=2, batch_size=100)
    _, _, got = windows.build(series, sample_weight=weight)[0]
    np.testing.assert_allclose(got, [(t + t + 1) / 2 for t in range(3, 19)])
    _, _, got = windows.build(series, sample_weight=np.arange(16.0))[0]
    np.testing.assert_allclose(got, np.arange(16.0))
    with pytest.raises(
        ValueError, match=r"sample_weight has length \[7\].*\[20\] positions and 16"
    ):
        windows.build(series, sample_weight=np.ones(7))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, 1e39])
def test_weights_that_are_no_weights(bad):
    with pytest.raises(ValueError, match="sample_weight must be >= 0 everywhere, and finite"):
        WindowedSeries(3).build(distinct(9), sample_weight=np.full(9, bad))


def test_weights_of_an_interleaved_frame_stay_with_their_rows():
    frame = pd.DataFrame({"id": list("abababab"), "v": np.arange(8.0)})
    data = WindowedSeries(1, id_column="id", target_columns="v", batch_size=8).build(
        frame, sample_weight=np.arange(8.0)
    )
    _, y, weight = data[0]
    np.testing.assert_array_equal(weight, y)


@pytest.mark.parametrize("targets", ["vector", "sequence"])
@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("columns", [None, 0, [0, 1]])
def test_weights_have_one_axis_less_than_targets(targets, horizon, columns):
    """So Keras weighs windows, also where a batch holds as many as a window has steps."""
    series = np.sin(distinct(40, 2)) if columns is not None else np.sin(distinct(40))
    windows = WindowedSeries(3, horizon, targets=targets, target_columns=columns, batch_size=3)
    count = windows.count(series)
    weights = np.linspace(0, 2, count)
    dataset = windows.build(series, sample_weight=weights)
    _, y, given = dataset[0]
    assert given.ndim == max(y.ndim - 1, 1)
    assert given.shape[0] == 3

    shape = y.shape[1:] if y.ndim > 1 + (targets == "sequence") else (*y.shape[1:], 1)
    inputs = keras.Input(dataset[0][0].shape[1:])
    x = keras.layers.Dense(int(np.prod(shape)))(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Reshape(shape)(x))
    model.compile("sgd", "mse")
    x, y, _ = dataset.to_numpy()
    errors = (model.predict(np.array(x), verbose=0).reshape(y.shape) - y) ** 2
    errors = errors.reshape(count, -1).mean(axis=1)
    # Keras's mean over an evaluation weighs batches by their number of windows.
    wanted = np.average(errors * weights)
    np.testing.assert_allclose(model.evaluate(dataset, verbose=0), wanted, rtol=1e-4)


def scales_by_hand(series, columns, lag=1):
    """Mean absolute step of each column between finite values, ``lag`` apart."""
    steps = []
    for column in columns:
        values = series[:, column].tolist()
        pairs = zip(values, values[lag:], strict=False)
        known = [abs(b - a) for a, b in pairs if np.isfinite(a) and np.isfinite(b)]
        steps.append(np.mean(known) if known else 0.0)
    return steps


def test_a_large_series_does_not_drown_a_small_one():
    rng = np.random.default_rng(0)
    walk = rng.normal(size=200).cumsum()
    panel = [walk, 1000 * walk]
    dataset = WindowedSeries(5, batch_size=16, weighting="inverse_scale").build(panel)
    weights = joined(list(dataset))[2]
    np.testing.assert_allclose(weights[:195] / weights[195:], 1000, rtol=1e-6)
    model = compiled(5)
    model.compile("sgd", "mae")
    predictions = model.predict(dataset, verbose=0)[:, 0]
    errors = np.abs(dataset.to_numpy()[1] - predictions)
    scaled = errors / np.repeat([np.abs(np.diff(series)).mean() for series in panel], 195)
    np.testing.assert_allclose(model.evaluate(dataset, verbose=0), scaled.mean(), rtol=1e-5)


@given(st.data())
def test_scales_are_those_of_the_training_part_alone(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    lengths = data.draw(st.lists(st.integers(12, 30), min_size=2, max_size=4))
    panel = [
        rng.normal(size=(length, 3)).cumsum(axis=0) * 10 ** rng.integers(0, 4) for length in lengths
    ]
    for series in panel:
        series[rng.random(len(series)) < 0.1] = np.nan
    columns = data.draw(st.sampled_from([[1], [0, 2]]))
    target = columns[0] if len(columns) == 1 else columns
    weighting = data.draw(st.sampled_from(["inverse_scale", 1, 4]))
    windows = WindowedSeries(
        2, target_columns=target, missing="keep", weighting=weighting, batch_size=500
    )
    part = data.draw(st.sampled_from(["build", "split", "folds"]))
    if part == "build":
        dataset, ends = windows.build(panel), lengths
    elif part == "split":
        dataset = windows.split(panel, -5)[1]
        ends = [length - 5 for length in lengths]
    else:
        _, dataset = next(windows.folds(panel, 2, test_size=3))
        ends = [length - 6 for length in lengths]
    steps = np.array(
        [
            scales_by_hand(series[:end], columns, 1 if weighting == "inverse_scale" else weighting)
            for series, end in zip(panel, ends, strict=True)
        ]
    )
    assume((steps > 0).all())  # Another test has series without a step.
    if len(columns) > 1:
        steps /= np.median(steps, axis=0)
    scales = steps.mean(axis=1)
    weights = np.minimum(1 / scales, 100 * np.median(1 / scales))
    wanted = weights[dataset.align(dataset.to_numpy()[1])["series"]]
    np.testing.assert_allclose(np.ravel(dataset.to_numpy()[2]), wanted, rtol=1e-5)


def test_a_constant_series_weighs_as_the_median_series_does():
    panel = [np.arange(9.0) * slope for slope in (1, 4, 9, 0)] + [np.full(9, 7.0)]
    windows = WindowedSeries(2, weighting="inverse_scale")
    weights = windows.build(panel).to_numpy()[2]
    np.testing.assert_allclose(weights[::7], [1, 1 / 4, 1 / 9, 1 / 4, 1 / 4])
    # Rounding makes no series move: one over it would weigh 1e16 times as much as another.
    panel[-1] = np.array([0.3, 0.1 + 0.2, 0.1 * 3] * 3)
    assert np.diff(panel[-1]).any()
    noisy = windows.build(panel).to_numpy()[2]
    np.testing.assert_array_equal(noisy, weights)
    constant = windows.build(np.ones(9))
    np.testing.assert_array_equal(constant.to_numpy()[2], 1)


@pytest.mark.parametrize("per", ["window", "position"])
def test_weights_of_a_whole_series_go_with_the_windows_of_each_part(per):
    series = distinct(40)
    windows = WindowedSeries(3, horizon=2)
    count = windows.count(series) if per == "window" else len(series)
    weights = np.arange(count) + 1.0
    whole = windows.build(series, sample_weight=weights).to_numpy()
    by_first_target = dict(zip(whole[1][:, 0].tolist(), whole[2].ravel().tolist(), strict=True))
    parts = [*windows.split(series, [15, -10], sample_weight=weights)]
    for pair in windows.folds(series, 2, sample_weight=weights):
        parts += pair
    for part in parts:
        _, y, got = part.to_numpy()
        assert got.ravel().tolist() == [by_first_target[first] for first in y[:, 0].tolist()]


def test_text_that_is_no_weight():
    with pytest.raises(ValueError, match="sample_weight must be one number per position"):
        WindowedSeries(3).build(distinct(20), sample_weight="inverse_scale")


def test_no_series_weighs_more_than_a_hundred_times_the_median_one():
    panel = [np.arange(20.0) * slope for slope in (1, 1, 1, 1e-3, 1e-300)]
    weights = WindowedSeries(3, weighting="inverse_scale").build(panel).to_numpy()[2]
    np.testing.assert_allclose(weights[::17], [1, 1, 1, 100, 100], rtol=1e-6)


def test_a_weight_that_float32_cannot_hold_is_refused():
    panel = [np.arange(20.0) * 1e-42, np.arange(20.0) * 1e-42]
    with pytest.raises(ValueError, match=r"weighting=4: a weight is not finite.*other units"):
        WindowedSeries(3, weighting=4).build(panel)


def test_a_series_without_a_finite_step_weighs_as_the_median_series_does():
    panel = [np.arange(20.0), np.full(20, np.nan), np.where(np.arange(20) % 2, np.nan, 1.0)]
    windows = WindowedSeries(3, missing="keep", weighting="inverse_scale", batch_size=99)
    np.testing.assert_array_equal(windows.build(panel)[0][2], 1)


def test_a_season_apart_a_season_is_no_step():
    """Sales that repeat each week and grow slowly differ in size by their growth alone."""
    time, week = np.arange(70.0), np.tile([1.0, 2, 3, 4, 5, 90, 7], 10)
    panel = [time + week, 10 * time + week, time[:5]]
    weights = WindowedSeries(2, weighting=7).build(panel).to_numpy()[2]
    np.testing.assert_allclose(weights[[0, 68, 136]], [1 / 7, 1 / 70, 2 / 77], rtol=1e-6)


@pytest.mark.parametrize("per", ["window", "position"])
@pytest.mark.parametrize("targets", ["vector", "sequence"])
def test_weights_of_ones_own_are_multiplied(per, targets):
    """Also of windows that begin before their series, in every part and after a pickle."""
    panel = [3 * distinct(12), distinct(9)]
    windows = WindowedSeries(
        4, 2, targets=targets, min_inputs=2, missing="mask_targets", weighting="inverse_scale",
        remainder="pad", batch_size=8,
    )  # fmt: skip
    own = [np.arange(12.0) + 1, np.arange(9.0) + 1]
    if per == "window":
        own = np.arange(windows.count(panel)) + 1.0
    plain = replace(windows, weighting=None, remainder="keep")
    dataset = windows.build(panel, sample_weight=own)
    copy = pickle.loads(pickle.dumps(dataset))
    series = np.repeat([0, 1], [windows.count(one) for one in panel])
    weights = plain.build(panel, sample_weight=own).to_numpy()[2].ravel()
    if per == "position":
        by_hand = []
        for start in [*range(-2, 7), *range(-2, 4)]:
            origins = range(start, start + 4) if targets == "sequence" else [start + 3]
            rows = [p + 1 for origin in origins for p in (origin + 1, origin + 2) if p >= 0]
            by_hand.append(np.mean(rows))
        np.testing.assert_allclose(weights, by_hand, rtol=1e-6)
    for part in (dataset, copy):
        np.testing.assert_allclose(
            part.to_numpy()[2].ravel(), weights / np.array([3, 1])[series], rtol=1e-6
        )
    rows = np.concatenate([batch[2] for batch in dataset]).ravel()[: len(weights)]
    filled = np.where(np.arange(15) < 8, 1, 8 / 7)  # The last batch has 7 windows.
    np.testing.assert_allclose(rows, weights / np.array([3, 1])[series] * filled, rtol=1e-6)
    shards = [batch[2] for shard in (0, 1) for batch in [dataset.shard(2, shard)[0]]]
    np.testing.assert_allclose(np.concatenate(shards).ravel(), rows[:8], rtol=1e-6)


def test_weights_by_position_count_the_rows_that_were_given():
    """A window's weight is the mean over its targets in rows that were given."""
    frame = pd.DataFrame({"t": [*range(6), 7, 8, 9], "y": np.arange(9.0)})
    windows = WindowedSeries(2, 2, time_column="t", missing="mask_targets", target_columns="y")
    weights = np.array([1, 2, 3, 4, 5, 6, 8, 9, 10.0])
    *_, w = windows.build(frame, sample_weight=weights).to_numpy()
    assert w.tolist() == [3.5, 4.5, 5.5, 6.0, 8.0, 8.5, 9.5]
    backwards = frame.assign(id="a").iloc[::-1].sort_values("t")
    two = pd.concat([frame.assign(id="b"), frame.assign(id="a")]).sort_values("t")
    named = WindowedSeries.from_config({**windows.get_config(), "id_column": "id"})
    *_, w = named.build(two, sample_weight=np.repeat(weights, 2)).to_numpy()
    assert w.tolist() == [3.5, 4.5, 5.5, 6.0, 8.0, 8.5, 9.5] * 2
    assert named.build(backwards, sample_weight=weights).num_windows == 7
    with pytest.raises(ValueError, match=r"length \[10\]; the series has \[9\] positions"):
        windows.build(frame, sample_weight=np.ones(10))


def test_as_many_weights_as_rows_are_those_of_the_rows():
    """Rows that are filled in may make as many windows as there are rows given."""
    days = pd.date_range("2024-01-01", periods=12).delete([4, 6, 9])
    frame = pd.DataFrame({"t": days, "y": np.arange(9.0)})
    windows = WindowedSeries(2, 2, time_column="t", missing="mask_targets", target_columns="y")
    dataset = windows.build(frame, sample_weight=np.arange(1.0, 10))
    assert dataset.num_windows == 9
    assert dataset.to_numpy()[2][:2].tolist() == [3.5, 4.0]
