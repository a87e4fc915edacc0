"""The batches of every epoch through Grain."""

import itertools

import numpy as np
import pytest
from hypothesis import given

from helpers import distinct, window_settings
from keras_ts import WindowedSeries


def test_to_grain_after_restore_goes_through_whole_epochs():
    windows = WindowedSeries(2, batch_size=4, shuffle=True, seed=1)
    dataset, again = windows.build(distinct(103)), windows.build(distinct(103))
    again.restore({**dataset.state(), "batch": 5})
    stream = again.to_grain()
    assert len(stream) == len(dataset)
    for (x, y), (want_x, want_y) in itertools.zip_longest(stream, dataset):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)


@given(window_settings())
def test_grain_gives_the_batches_of_each_epoch(windows):
    pytest.importorskip("grain")
    dataset = windows.build(distinct(60))
    stream = dataset.to_grain()
    assert len(stream) == len(dataset)
    repeated = stream.repeat(2)
    for epoch in range(2):
        for batch in range(len(dataset)):
            x, y = repeated[epoch * len(dataset) + batch]
            np.testing.assert_array_equal(x, dataset[batch][0])
            np.testing.assert_array_equal(y, dataset[batch][1])
        dataset.next_epoch()
