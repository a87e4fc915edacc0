"""Windows are judged in time order, in axes that never differ, scaled by what a part reads."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import naive_windows, window_settings
from keras_ts import WindowedSeries
from keras_ts.evaluation import reading
from keras_ts.evaluation.reading import JudgedWindows


def stacked(judged):
    blocks = list(judged.blocks())
    names = ("past", "actual", "series", "origins")
    return [np.concatenate([getattr(block, name) for block in blocks]) for name in names]


@given(window_settings(columns=3), st.integers(1, 3), st.integers(0, 30))
def test_blocks_are_all_windows_in_time_order(windows, lengths, more):
    rng = np.random.default_rng(more)
    panel = [rng.normal(size=(windows.geometry.span + more + n, 3)) for n in range(lengths)]
    dataset = windows.build(panel)
    dataset.on_epoch_end()
    past, actual, series, origins = stacked(JudgedWindows("validation", dataset))
    both = [naive_windows(one, windows) for one in panel]
    targets = windows.target_columns
    columns = np.atleast_1d(range(3) if targets is None else targets)
    np.testing.assert_array_equal(past, np.concatenate([x for x, _ in both])[..., columns])
    expected = np.concatenate([y for _, y in both])
    if windows.targets == "sequence":
        expected = expected[:, -1]
    np.testing.assert_array_equal(actual.ravel(), expected.ravel())
    assert actual.shape[1:] == (windows.horizon, len(columns))
    assert series.tolist() == np.repeat(range(lengths), [len(x) for x, _ in both]).tolist()
    flat = np.concatenate(panel)[origins][:, columns]
    np.testing.assert_array_equal(past[:, -1], flat)


def test_blocks_are_bounded(monkeypatch):
    monkeypatch.setattr(reading, "_NUMBERS", 100)
    judged = JudgedWindows("validation", WindowedSeries(5, batch_size=4).build(np.arange(60.0)))
    sizes = [len(block.series) for block in judged.blocks()]
    assert set(sizes[:-1]) == {20}
    assert sum(sizes) == judged.count == 55


@pytest.mark.parametrize("shape", [(), (1,), (3,), (3, 1)])
def test_predictions_may_have_or_lack_an_axis_of_one(shape):
    horizon = shape[0] if shape else 1
    judged = JudgedWindows("validation", WindowedSeries(5, horizon).build(np.arange(30.0)))
    inputs = keras.Input((5,))
    outputs = keras.layers.Reshape(shape)(keras.layers.Dense(horizon)(inputs))
    block = next(judged.blocks())
    given_back = judged.predictions("it", keras.Model(inputs, outputs), None, block)
    assert given_back.shape == (judged.count, horizon, 1)
    assert given_back.dtype == np.float64


def test_scales_are_those_of_what_the_windows_read():
    series = np.array([1.0, 2.0, 4.0, 8.0, np.nan, 0.0, 3.0, 9.0, 9.0])
    whole = JudgedWindows("train", WindowedSeries(2, missing="drop").build(series))
    # Steps of 1, 2, 4 before the hole, and of 3, 6, 0 behind it.
    assert whole.scales(1).tolist() == [[16 / 6]]
    assert whole.scales(2).tolist() == [[(3 + 6 + 9 + 6) / 4]]
    train, _ = WindowedSeries(2, missing="drop").split(series, at=3)
    assert JudgedWindows("train", train).scales(1).tolist() == [[1.5]]


def test_scales_are_found_by_the_label_of_a_series():
    import pandas as pd

    def shops(names):
        table = {"shop": np.repeat(names, 10), "y": np.arange(10.0 * len(names)) ** 2}
        return WindowedSeries(2, id_column="shop", target_columns="y").build(pd.DataFrame(table))

    train = JudgedWindows("train", shops(["a", "b"]))
    other = JudgedWindows("validation", shops(["b", "c", "a"]))
    first, second = train.scales(1)[:, 0]
    np.testing.assert_array_equal(train.scales_for(other, 1)[:, 0], [second, np.nan, first])
