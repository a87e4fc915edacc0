"""A model is made for its dataset, and what was set by hand agrees with it or is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import called
from keras_ts import RecurrentPreset, ScaleOutput, WindowedSeries, sequence_to_vector
from keras_ts.presets.requirements import TrainingConstants


def test_constants_are_those_of_the_training_part():
    series = np.concatenate([np.tile([0.0, 2.0], 30), np.full(40, 1e6)])
    table = np.stack([series, series], axis=1)
    windows = WindowedSeries(6, target_columns=0, future_columns=[1])
    train, _ = windows.split(table, at=60)
    model = RecurrentPreset(units=(2,), window_norm="last").build(train)
    scales = [layer for layer in model.layers if isinstance(layer, ScaleOutput)]
    center, spread = scales[:2]
    assert (center.scale, center.offset) == (1.0, [-1.0])
    assert (spread.scale, spread.offset) == ([1.0], 0.0)


@pytest.mark.parametrize(
    ("settings", "by_hand", "message"),
    [
        ({}, {"window": 9}, r"window=9 disagrees .* windows of 8 steps"),
        ({"features": 2}, {}, r"features=2 disagrees .* 3 columns"),
        ({}, {"outputs": 1}, r"outputs=1 disagrees .* 4 values .* 2 steps of 2 targets"),
        ({"kind": "sequence_to_sequence"}, {}, r"kind='sequence_to_sequence' .* targets='vector'"),
        ({"output_scale": (1.0, 2.0, 3.0)}, {}, r"output_scale has 3 entries.* 4 values"),
        ({"features": 3, "window_norm": "last"}, {"target": 0}, r"target=0 disagrees.*\[2, 1\]"),
    ],
)
def test_settings_that_disagree_with_the_dataset_are_refused_with_both(settings, by_hand, message):
    dataset = WindowedSeries(8, 2, target_columns=[2, 1]).build(np.ones((20, 3)))
    with pytest.raises(ValueError, match=message):
        RecurrentPreset(**settings).build(dataset, **by_hand)


def test_settings_that_agree_are_taken():
    dataset = WindowedSeries(8, 2, target_columns=[2, 1]).build(np.ones((20, 3)))
    preset = RecurrentPreset(features=3, output_scale=(1.0, 2.0))
    assert preset.build(dataset, window=8, outputs=4).output_shape == (None, 2, 2)
    dataset = WindowedSeries(8, target_columns=2).build(np.ones((20, 3)))
    preset = RecurrentPreset(window_norm="last")
    assert preset.build(dataset, target=2).output_shape == (None, 1)


def test_outputs_come_back_in_the_units_of_their_target():
    levels = np.array([0.0, 1000.0, -500.0])
    x = (np.random.default_rng(0).normal(size=(4, 9, 3)) + levels).astype("float32")
    for target, outputs, centre in (
        (0, 3, [0] * 3),
        (1, 3, [1000] * 3),
        (2, 1, [-500]),
        (None, 3, levels),
    ):
        model = sequence_to_vector(
            units=(3,), features=3, outputs=outputs, window_norm="last", target=target
        )
        assert np.abs(called(model, x) - centre).max() < 20
    with pytest.raises(ValueError, match="target=3, features=3"):
        RecurrentPreset(features=3, window_norm="last").build(target=3)
    with pytest.raises(ValueError, match="target=0, features=None, window_norm=None"):
        RecurrentPreset().build(target=0)


@given(st.lists(st.integers(5, 9), min_size=1, max_size=4), st.integers(1, 3), st.data())
def test_the_smallest_steps_are_those_of_the_series_that_moves_least(lengths, stride, data):
    """Rows that no window reads do not count, nor do steps to what is missing."""
    panel = [np.cumsum(np.full((n, 2), [1.0, 0.0]), axis=0) for n in lengths]
    for number, series in enumerate(panel):
        series[:, 0] *= data.draw(st.sampled_from([0.0, 1e-9, 0.5, 3e8]), label="size")
        series[1, 0] = np.nan if number else series[1, 0]
    dataset = WindowedSeries(3, stride=stride, missing="keep").build(panel)
    read = [series[: (len(series) - 4) // stride * stride + 4] for series in panel]
    steps = [np.nanmean(np.abs(np.diff(series[:, 0]))) for series in read]
    moving = [step for step in steps if step > 0]
    expected = [min(moving, default=1.0), 1.0]
    np.testing.assert_allclose(TrainingConstants.of(dataset).smallest_steps, expected, rtol=1e-6)


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_rows_behind_the_border_and_static_columns_of_other_series_do_not_count(border, seed):
    table = np.random.default_rng(seed).normal(size=(3, 14, 2))
    table[:, :, 1] = [[1.0], [2.0], [5.0]]
    panel = [table[0], table[1], table[2, :2]]  # The last is shorter than a window.
    windows = WindowedSeries(2, static_columns=1)
    train, _ = windows.split(panel, at=max(border, 3))
    constants = TrainingConstants.of(train)
    read = table[:2, : max(border, 3), 0]
    np.testing.assert_allclose(constants.past, [[read.mean()], [read.std()]], rtol=1e-9)
    np.testing.assert_allclose(constants.by_series["static"], [[1.5], [0.5]])
    assert constants.num_series == 2
