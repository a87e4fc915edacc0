"""Constants are those of the rows that the windows of the training part read."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_ts import WindowedSeries
from keras_ts.windows.training_constants import TrainingConstants


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
