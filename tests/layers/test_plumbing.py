"""What presets take from windows: columns, last steps, steps ahead, values carried on, sizes."""

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops
from keras.ops import convert_to_numpy as numpy

from helpers import called, warned_of_masks
from keras_ts import ScaleOutput
from keras_ts.layers import MaskMissing, NormalizeWindow, RestoreWindow
from keras_ts.layers.plumbing import (
    CarryForward,
    KnownAhead,
    LastSteps,
    LevelByStatic,
    MaskAsColumn,
    MaskLike,
    MissingAsColumns,
    RootMeanSquare,
    SelectColumns,
    Unmask,
)
from keras_ts.windows.blocks import filled


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    columns=st.lists(st.integers(0, 4), min_size=1, max_size=6),
    dtype=st.sampled_from(["float32", "int32"]),
)
def test_columns_stand_in_the_order_given_in_every_shape_and_dtype(shape, columns, dtype):
    x = np.arange(np.prod(shape) * 5).reshape(*shape, 5).astype(dtype)
    selected = SelectColumns(columns)(x)
    assert keras.backend.standardize_dtype(selected.dtype) == dtype
    np.testing.assert_array_equal(numpy(selected), x[..., columns])


@pytest.mark.parametrize(
    "layer",
    [
        SelectColumns([0], dtype="mixed_float16"),
        LastSteps(1, dtype="mixed_float16"),
        CarryForward(dtype="mixed_float16"),
        CarryForward("first", dtype="mixed_float16"),
    ],
    ids=["columns", "steps", "forward", "first"],
)
def test_half_precision_keeps_the_level(layer):
    assert numpy(layer(np.array([[[100_000.25]]], "float32"))).tolist() == [[[100_000.25]]]
    assert layer(keras.Input((1, 1))).dtype == "float32"


def test_the_symbolic_columns_are_the_eager_ones():
    inputs = keras.Input((None, 3), dtype="int32")
    outputs = SelectColumns([2])(inputs)
    assert outputs.shape == (None, None, 1)
    assert outputs.dtype == "int32"


@warned_of_masks
def test_a_mask_goes_on_with_selected_columns():
    inputs = keras.Input((None, 3))
    layer = SelectColumns([1])
    masked = keras.layers.Masking(-1.0)(inputs)
    model = keras.Model(inputs, keras.layers.SimpleRNN(2)(layer(masked)))
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    padded = np.concatenate([x, np.full((2, 2, 3), -1.0, "float32")], axis=1)
    np.testing.assert_allclose(numpy(model(padded)), numpy(model(x)), rtol=1e-6)


def test_the_config_makes_the_same_layer():
    layer = SelectColumns(np.array([2, 0]).tolist(), name="own")
    again = SelectColumns.from_config(layer.get_config())
    assert again.columns == [2, 0]
    assert again.name == "own"


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ([], TypeError, r"columns must be an integer >= 0. Received: columns=\[\]"),
        ([-1], ValueError, r"columns\[0\] must be >= 0"),
        ([1.5], TypeError, r"columns\[0\] must be an integer"),
        ("01", TypeError, r"columns\[0\] must be an integer"),
    ],
)
def test_columns_that_are_no_list_of_indices(columns, error, message):
    with pytest.raises(error, match=message):
        SelectColumns(columns)


@pytest.mark.parametrize("length", [2, 3, 7])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_the_last_steps_stay_and_shorter_windows_are_whole(length, dtype):
    x = np.arange(2 * length * 2).reshape(2, length, 2).astype(dtype)
    out = LastSteps(3)(x)
    np.testing.assert_array_equal(numpy(out), x[:, -3:])
    assert keras.backend.standardize_dtype(out.dtype) == dtype
    assert LastSteps(3)(keras.Input((length, 2))).shape == (None, min(3, length), 2)


def test_last_steps_of_windows_of_any_length():
    symbolic = keras.Input((None, 1))
    model = keras.Model(symbolic, LastSteps(3)(symbolic))
    for length in (2, 5):
        x = np.arange(length, dtype="float32").reshape(1, length, 1)
        np.testing.assert_array_equal(model.predict(x, verbose=0), x[:, -3:])


@warned_of_masks
def test_the_mask_goes_along_so_that_a_recurrent_layer_skips_the_same_steps():
    x = np.random.default_rng(0).normal(size=(2, 6, 1)).astype("float32")
    x[:, 4] = 0.0
    inputs = keras.Input((6, 1))
    gru = keras.layers.GRU(3)
    model = keras.Model(inputs, gru(LastSteps(4)(keras.layers.Masking(0.0)(inputs))))
    expected = gru(np.delete(x[:, 2:], 2, axis=1))
    np.testing.assert_allclose(model.predict(x, verbose=0), numpy(expected), rtol=1e-5, atol=1e-6)


def test_last_steps_are_one_or_more():
    with pytest.raises(ValueError, match="steps"):
        LastSteps(0)


# Few shapes, since JAX compiles for each.
@pytest.mark.parametrize(
    ("window", "horizon", "columns"),
    [(1, 1, 1), (1, 6, 2), (6, 1, 1), (6, 3, 2), (4, 4, 1), (2, 5, 3)],
)
def test_step_p_reads_what_stands_1_to_horizon_steps_behind_it(window, horizon, columns):
    timeline = np.random.default_rng(0).normal(size=(2, window + horizon, columns))
    timeline = timeline.astype("float32")
    ahead = numpy(KnownAhead()([timeline[:, :window], timeline[:, window:]]))
    for p in range(window):
        for step in range(horizon):
            np.testing.assert_array_equal(ahead[:, p, step], timeline[:, p + 1 + step])


def test_the_symbolic_shape_of_steps_ahead_is_the_eager_one():
    outputs = KnownAhead()([keras.Input((5, 2)), keras.Input((3, 2))])
    assert outputs.shape == (None, 5, 3, 2)


VALUES = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0, -2.5, 3e30])
# Few, since JAX compiles for each.
SHAPES = st.sampled_from([(1, 1, 1), (3, 2, 1), (2, 5, 3), (4, 9, 2)])


@given(arrays("float32", SHAPES, elements=VALUES))
def test_equals_the_fill_of_pandas(windows):
    for start in (None, 0.0, -7.0):
        expected = np.stack([
            pd.DataFrame(np.where(np.isfinite(window), window, np.nan)).ffill().to_numpy()
            for window in windows
        ])  # fmt: skip
        if start is not None:
            expected = np.where(np.isnan(expected), start, expected)
        np.testing.assert_array_equal(numpy(CarryForward(start)(windows)), expected)


def test_values_carried_on_keep_the_mask():
    inputs = keras.Input((4, 1))
    mean = keras.layers.GlobalAveragePooling1D()
    model = keras.Model(inputs, mean(CarryForward()(MaskMissing()(inputs))))
    x = np.array([[[np.nan], [2.0], [np.nan], [4.0]]], "float32")
    assert numpy(model(x)).tolist() == [[3.0]]


def test_a_start_is_a_number():
    with pytest.raises(TypeError, match="start must be a finite number"):
        CarryForward("mean")


@given(
    seed=st.integers(0, 10_000),
    steps=st.sampled_from([1, 4, 9]),
    size=st.sampled_from([1e-30, 1, 1e30]),
)
def test_the_root_mean_square_is_that_of_the_formula(seed, steps, size):
    generator = np.random.default_rng(seed)
    windows = generator.normal(size=(3, steps, 2)).astype("float32") * np.float32(size)
    windows[generator.random(windows.shape) < 0.3] = np.nan
    windows[0, :, 1] = np.nan
    present = np.isfinite(windows)
    squares = np.where(present, windows.astype("float64") ** 2, 0.0).sum(axis=1, keepdims=True)
    expected = np.sqrt(squares / np.maximum(present.sum(axis=1, keepdims=True), 1))
    np.testing.assert_allclose(numpy(RootMeanSquare()(windows)), expected, rtol=1e-5)
    assert expected[0, 0, 1] == 0


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_symbolic_root_is_the_eager_one_and_half_precision_keeps_it(policy):
    layer = RootMeanSquare(dtype=policy)
    symbolic = layer(keras.Input((None, 3)))
    eager = layer(np.full((5, 4, 3), 300_000.5, "float32"))
    assert symbolic.shape == (None, 1, 3)
    assert tuple(eager.shape) == (5, 1, 3)
    assert keras.backend.standardize_dtype(eager.dtype) == symbolic.dtype == "float32"
    np.testing.assert_array_equal(numpy(eager), np.float32(300_000.5))


@given(arrays("float32", (2, 9, 2), elements=st.sampled_from([np.nan, np.inf, -2.0, 0.0, 1.5])))
def test_the_first_value_stands_before_it_too(windows):
    present = np.isfinite(windows)
    expected = np.where(present.any(axis=1, keepdims=True), filled(windows), 0.0)
    np.testing.assert_array_equal(numpy(CarryForward("first")(windows)), expected)
    np.testing.assert_array_equal(numpy(MissingAsColumns()(windows)), ~present)


def level_layer(*static, fewest=1):
    layer = LevelByStatic(fewest)
    layer.build([(None, 3, 2), (None, 1, 2), (None, 1, 2), *static])
    layer.bias.assign([1.0, 2.0, 0.0, np.log(3.0)])
    layer.ends.assign([[-9.0] * 4, [9.0, 2.5, 9.0, 9.0]])
    layer.unit.assign([10.0, 1.0])
    return layer


def test_a_column_without_a_value_has_the_level_of_series_like_it():
    windows = np.full((2, 3, 2), np.nan)
    windows[1, 2, 0] = 7.0
    location, scale = np.full((2, 1, 2), 7.0), np.full((2, 1, 2), 5.0)
    got = level_layer()([windows, location, scale])
    np.testing.assert_allclose(
        numpy(got[0])[:, 0], [[10 * np.sinh(1), np.sinh(2)], [7, np.sinh(2)]], rtol=1e-6
    )
    np.testing.assert_allclose(numpy(got[1])[:, 0], [[1, 3], [5, 3]], rtol=1e-6)
    layer = level_layer((None, 1), (None, 1))
    layer.kernel.assign([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    phases = np.full((2, 4, 2), 7.0)
    far = np.array([[-1.0], [-1.0]]), np.array([[0.25], [100.0]])
    got = numpy(layer([windows, phases, scale, *far])[0])
    assert got.shape == (2, 4, 2)
    np.testing.assert_allclose(got[:, 3], [[0, np.sinh(2.25)], [7, np.sinh(2.5)]], rtol=1e-6)


def test_a_column_of_few_values_has_the_scale_of_series_like_it():
    """By how much larger its location is; the normalized windows are in the new scale."""
    windows = np.full((2, 3, 2), np.nan)
    windows[0, 2, 0] = windows[1, 1:, 1] = 7.0
    location, scale = np.full((2, 1, 2), 7.0), np.full((2, 1, 2), 5.0)
    layer = level_layer((None, 3, 2), fewest=2)
    got = [numpy(part) for part in layer([windows, location, scale, np.ones((2, 3, 2))])]
    larger = (7 + 1) / (10 * np.sinh(1) + 1)
    np.testing.assert_allclose(got[0][0, 0], [7, np.sinh(2)], rtol=1e-6)
    np.testing.assert_allclose(got[1][:, 0], [[larger, 3], [1, 5]], rtol=1e-6)
    np.testing.assert_allclose(got[2], 5 / np.repeat(got[1], 3, axis=1), rtol=1e-6)


@warned_of_masks
@pytest.mark.parametrize(
    "passed_on",
    [
        ScaleOutput(2.0),
        lambda x: NormalizeWindow("mean")(x)[0],
        lambda x: NormalizeWindow("last", causal=True)(x)[0],
        lambda x: RestoreWindow()([x, ops.ones((1, 1, 1)), ops.ones((1, 1, 1))]),
    ],
)
def test_masks_reach_the_layer_behind(passed_on):
    """A padded window gives what the short one gives, which no masked step may touch."""
    inputs = keras.Input((None, 1))
    masked = keras.layers.Masking()(inputs)
    model = keras.Model(inputs, keras.layers.LSTM(3)(passed_on(masked)))
    short = np.array([[[1.0], [2.0]]])
    for padded in ([[[1.0], [2.0], [0.0], [0.0]]], [[[0.0], [1.0], [0.0], [2.0]]]):
        np.testing.assert_allclose(numpy(model(np.array(padded))), numpy(model(short)), rtol=1e-5)
    # The same steps, none of them masked, give something else.
    nearly = np.array([[[1.0], [2.0], [1e-9], [1e-9]]])
    assert np.abs(numpy(model(nearly)) - numpy(model(short))).max() > 1e-3


@warned_of_masks
def test_recurrent_layers_leave_out_the_steps_that_the_second_input_lacks():
    """Behind ``Concatenate`` alone they would read them: the calendar is there at every step."""
    sales, calendar = keras.Input((5, 1)), keras.Input((5, 2))
    sold = MaskMissing()(sales)
    both = MaskLike()([keras.layers.Concatenate()([sold, calendar]), sold])
    model = keras.Model([sales, calendar], keras.layers.GRU(3)(both))
    generator = np.random.default_rng(0)
    x, cycle = generator.normal(size=(1, 5, 1)), generator.normal(size=(1, 5, 2))
    x[0, [0, 1, 3]] = np.nan
    other = cycle.copy()
    other[0, [0, 1, 3]] = 7.0
    alone = numpy(model([x, cycle]))
    np.testing.assert_array_equal(numpy(model([x, other])), alone)
    other[0, 4] = 7.0
    assert np.abs(numpy(model([x, other])) - alone).max() > 1e-3


def test_a_mask_of_the_first_input_goes():
    windows = np.array([[[np.nan], [1.0]]], "float32")
    masked = MaskMissing()(keras.ops.convert_to_tensor(windows))
    layer = MaskLike()
    assert layer.compute_mask([masked, windows], [[[False, True]], None]) is None
    assert numpy(layer([masked, windows])).tolist() == [[[0.0], [1.0]]]


TWO_COLUMNS = np.array([[[np.nan, 7.0], [2.0, 8.0], [3.0, 9.0]]], "float32")


def test_the_column_says_which_steps_have_values_and_all_columns_are_0_at_the_others():
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, MaskAsColumn()(MaskMissing()(inputs)))
    wanted = [[[0.0, 0.0, 0.0], [2.0, 8.0, 1.0], [3.0, 9.0, 1.0]]]
    np.testing.assert_array_equal(called(model, TWO_COLUMNS), wanted)
    assert model.output_shape == (None, None, 3)


def test_a_window_without_a_mask_has_values_at_every_step():
    columns = keras.ops.convert_to_numpy(MaskAsColumn()(np.full((1, 2, 1), 5.0, "float32")))
    assert columns.tolist() == [[[5.0, 1.0], [5.0, 1.0]]]


def test_a_value_that_is_not_finite_does_not_come_through_a_mask():
    columns = MaskAsColumn()(TWO_COLUMNS, mask=np.isfinite(TWO_COLUMNS).all(axis=-1))
    assert np.isfinite(keras.ops.convert_to_numpy(columns)).all()


def test_no_mask_stands_behind_it_so_that_a_convolution_gives_no_warning():
    inputs = keras.Input((3, 2))
    state = keras.layers.Conv1D(2, 2)(MaskAsColumn()(MaskMissing()(inputs)))
    assert np.isfinite(
        called(keras.Model(inputs, keras.layers.Flatten()(state)), TWO_COLUMNS)
    ).all()


def test_half_precision_keeps_a_level_beside_the_column():
    columns = MaskAsColumn(dtype="mixed_float16")(np.full((1, 2, 1), 70_001.0, "float32"))
    assert keras.ops.convert_to_numpy(columns)[0, 0].tolist() == [70_001.0, 1.0]


WINDOWS = np.array([[[np.nan], [2.0], [3.0]], [[1.0], [np.nan], [5.0]]], "float32")


def test_what_stands_behind_it_sees_every_step():
    """A mean of the steps leaves out those that a mask hides."""
    inputs = keras.Input((3, 1))
    masked = MaskMissing()(inputs)
    mean = keras.layers.GlobalAveragePooling1D()
    model = keras.Model(inputs, [mean(masked), mean(Unmask()(masked)), Unmask()(masked)])
    kept, every, values = (np.asarray(out) for out in model.predict(WINDOWS, verbose=0))
    np.testing.assert_allclose(kept.ravel(), [2.5, 3.0])
    np.testing.assert_allclose(every.ravel(), [5 / 3, 2.0], rtol=1e-6)
    np.testing.assert_array_equal(values, np.nan_to_num(WINDOWS))


def test_layers_that_carry_no_mask_give_no_warning_behind_it():
    steps = Unmask()(MaskMissing()(WINDOWS))
    assert keras.layers.Reshape((3, 1, 1))(steps).shape == (2, 3, 1, 1)


def test_columns_known_ahead_may_come_with_a_mask():
    ahead = KnownAhead()([MaskMissing()(WINDOWS), WINDOWS[:, 2:]])
    np.testing.assert_array_equal(ahead[:, :, 0, 0], [[2.0, 3.0, 3.0], [0.0, 5.0, 5.0]])
    keras.layers.Reshape((3, 1))(ahead)
