"""Windows are judged in time order, in axes that never differ, scaled by what a part reads."""

import keras
import numpy as np
import pandas as pd
import polars
import pytest

from keras_ts import WindowedSeries
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.windows.blocks import filled


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


def test_scales_are_of_all_rows_before_the_border():
    series = np.array([1.0, 2.0, 4.0, 8.0, np.nan, 0.0, 3.0, 9.0, 9.0])
    whole = JudgedWindows("train", WindowedSeries(2, missing="drop").build(series))
    # Steps of 1, 2, 4 before the hole, and of 3, 6, 0 behind it.
    assert whole.scales(1)[..., 0].tolist() == [[16 / 6]]
    assert whole.scales(2)[..., 0].tolist() == [[(3 + 6 + 8 + 9 + 6) / 5]]
    for part in WindowedSeries(2, missing="drop").split(series, at=3):
        assert JudgedWindows("train", part).scales(1)[..., 0].tolist() == [[1.5]]


def test_scales_are_found_by_the_label_of_a_series():
    import pandas as pd

    def shops(names):
        table = {"shop": np.repeat(names, 10), "y": np.arange(10.0 * len(names)) ** 2}
        return WindowedSeries(2, id_column="shop", target_columns="y").build(pd.DataFrame(table))

    train = JudgedWindows("train", shops(["a", "b"]))
    other = JudgedWindows("validation", shops(["b", "c", "a"]))
    first, second = train.scales(1)[:, 0, 0]
    np.testing.assert_array_equal(train.scales_for(other, 1)[:, 0, 0], [second, np.nan, first])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_beside_the_targets_are_named(library):
    days = pd.date_range("2024-01-01", periods=20)
    table = pd.DataFrame({"day": days, "shop": "a", "y": 1.0, "promo": 0.0, "wind": 2.0, "size": 3})
    if library == "polars":
        table = polars.from_pandas(table)
    windows = WindowedSeries(
        4, 2, target_columns="y", future_columns="promo", static_columns="size",
        calendar=["week", 365.25], id_column="shop", time_column="day",
    )  # fmt: skip
    assert JudgedWindows("validation", windows.build(table)).beyond_targets() == [
        "known ahead (promo)",
        "the calendar (week, 365.25)",
        "static (size)",
        "the past of other columns (wind)",
    ]
    numbers = WindowedSeries(4, target_columns=1).build(np.zeros((20, 3)))
    assert JudgedWindows("train", numbers).beyond_targets() == ["the past of other columns (0, 2)"]
    assert JudgedWindows("train", WindowedSeries(4).build(np.zeros(20))).beyond_targets() == []


def test_origins_of_a_panel_are_put_beside_each_other_by_their_times():
    """One series begins three days after the other; without times, both begin at once."""
    days = pd.date_range("2024-01-01", periods=12)
    table = pd.DataFrame({"day": [*days, *days[3:]], "shop": [*"a" * 12, *"b" * 9], "y": 1.0})
    windows = WindowedSeries(4, 2, id_column="shop", time_column="day", target_columns="y")
    timed = JudgedWindows("train", windows.build(table)).origins_of(np.arange(11))
    assert timed.series.tolist() == [0] * 7 + [1] * 4
    assert timed.times.tolist() == [0, 1, 2, 3, 4, 5, 6, 3, 4, 5, 6]
    assert timed.overlap == 2
    some = JudgedWindows("train", windows.build(table)).origins_of(np.array([0, 3, 6, 7, 10]))
    assert some.overlap == 1
    arrays = WindowedSeries(4, 2, stride=2).build([np.zeros(12), np.zeros(9)])
    counted = JudgedWindows("train", arrays).origins_of(np.array([0, 2, 3, 4, 5]))
    assert counted.series.tolist() == [0, 0, 0, 1, 1]
    assert counted.times.tolist() == [0, 2, 3, 0, 1]
    assert counted.overlap == 1


def test_missing_values_are_the_last_known_one_or_the_first():
    nan = np.nan
    past = np.array([[[nan, 1.0], [2.0, nan], [nan, nan], [3.0, 4.0]], [[nan, nan]] * 4])
    expected = [[[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [3.0, 4.0]], [[nan, nan]] * 4]
    np.testing.assert_array_equal(filled(past), expected)
