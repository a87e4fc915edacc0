"""Bands follow the margins and the window's own scale, and the weights survive a save."""

import json

import keras
import numpy as np
import pytest

from keras_ts.layers import ConformalInterval
from keras_ts.layers.following import Scores


def bands(layer, margins, forecasts, past, floor=0.0):
    layer.build([forecasts.shape, past.shape])
    layer.margins.assign(np.broadcast_to(margins, layer.margins.shape))
    layer.floor.assign(np.full(layer.floor.shape, floor))
    return keras.ops.convert_to_numpy(layer([forecasts, past]))


PAST = np.array([[1.0, 2.0, 4.0], [10.0, 30.0, 20.0]], "float32")
POINT = np.array([[5.0, 6.0], [40.0, 50.0]], "float32")


def test_bands_about_points():
    out = bands(ConformalInterval([0.5, 0.8]), [[1.0], [2.0]], POINT, PAST)
    scale = np.array([1.5, 15.0])[:, None]
    expected = [POINT - 2 * scale, POINT - scale, POINT, POINT + scale, POINT + 2 * scale]
    np.testing.assert_allclose(out, np.stack(expected, axis=-1))
    assert ConformalInterval([0.5, 0.8]).quantiles == (0.1, 0.25, 0.5, 0.75, 0.9)


def test_bands_about_quantiles_move_both_ways():
    quantiles = np.array([[[1.0, 2.0, 4.0]]], "float32")
    past = np.array([[0.0, 1.0]], "float32")
    layer = ConformalInterval(0.8, quantiles=[0.1, 0.5, 0.9])
    assert bands(layer, 0.5, quantiles, past).tolist() == [[[0.5, 2.0, 4.5]]]
    layer = ConformalInterval(0.8, quantiles=[0.1, 0.5, 0.9])
    assert bands(layer, -0.5, quantiles, past).tolist() == [[[1.5, 2.0, 3.5]]]
    layer = ConformalInterval(0.8, quantiles=[0.1, 0.5, 0.9])
    assert bands(layer, -5.0, quantiles, past).tolist() == [[[2.0, 2.0, 2.0]]]


def test_each_target_has_its_own_scale():
    past = np.stack([PAST, 100 * PAST, 0 * PAST], axis=-1)
    point = np.ones((2, 4, 2), "float32")
    out = bands(ConformalInterval(0.8, targets=[1, 0]), 1.0, point, past)
    half = (out[..., 2] - out[..., 0]) / 2
    np.testing.assert_allclose(half[:, 0], [[150.0, 1.5], [1500.0, 15.0]])
    one = bands(ConformalInterval(0.8, targets=1), 1.0, POINT, past)
    np.testing.assert_allclose(one[0, 0, 2] - POINT[0, 0], 150.0)


def test_values_that_are_missing_and_windows_that_stand_still():
    past = np.array([[1.0, np.nan, 2.0, 5.0], [7.0, 7.0, 7.0, 7.0]], "float32")
    point = np.zeros((2, 1), "float32")
    out = bands(ConformalInterval(0.8), 1.0, point, past, floor=0.25)
    assert out[:, 0, 2].tolist() == [3.0, 0.25]


@pytest.mark.parametrize("sequence", [False, True])
def test_config_and_weights_survive(sequence, tmp_path):
    inputs = keras.Input((3,))
    forecasts = keras.layers.Dense(2)(inputs)
    if sequence:
        forecasts = keras.layers.RepeatVector(3)(forecasts)
    compiled = {"loss": "mse", "optimizer": {"config": {"learning_rate": 0.1}}}
    quantiles = np.arange(2.0 * 2 * 7 * (1 + sequence))
    scores = Scores(quantiles.reshape(2, 1 + sequence, 2, 1, 7), 50)
    layer = ConformalInterval(
        [0.5, 0.8],
        sequence=sequence,
        calibrated_on={"0a": [3, 5]},
        compiled_with=compiled,
        halves=[0.9, 0.7],
        inputs=[1, 3] if sequence else None,
        scores=scores.get_config(),
        followed={"levels": [[[0.5], [0.4]], [[0.1], [0.3]]], "origins": [5], "since": "5"},
    )
    model = keras.Model(inputs, layer([forecasts, inputs]))
    shape = tuple(layer.margins.shape)
    layer.margins.assign(np.arange(np.prod(shape)).reshape(shape))
    config = layer.get_config()
    assert ("inputs" in config) == sequence
    assert {"scores", "followed"} <= set(config)
    assert json.loads(json.dumps(config, allow_nan=False)) == config
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.layers[-1].get_config() == config
    np.testing.assert_allclose(
        again.predict(PAST, verbose=0), model.predict(PAST, verbose=0), rtol=1e-6
    )
    assert not model.layers[-1].trainable_weights


SCORES = Scores(np.arange(8.0).reshape(1, 1, 2, 1, 4), 4).get_config()
LEVELS = {"levels": [[[0.2], [0.4]]], "origins": [1, 2], "since": "2026-11-01"}
BROKEN = [
    7,
    {},
    {**SCORES, "shape": [1, 1, 2, 1, 5]},
    {**SCORES, "shape": [1, 1, 2, 1, 1 << 40]},
    {**SCORES, "shape": [8]},
    {**SCORES, "count": 0},
    {**SCORES, "data": "AAAA"},
    {**SCORES, "data": None},
    Scores(np.full((1, 1, 2, 1, 4), np.nan), 4).get_config(),
    Scores(-np.arange(8.0).reshape(1, 1, 2, 1, 4), 4).get_config(),
]


def test_margins_that_have_moved_are_read_off_the_scores():
    """The first step stays at the weight, the second goes to nearly the third of four scores."""
    layer = ConformalInterval(0.8, scores=SCORES, followed={**LEVELS, "levels": [[[0.2], [0.3]]]})
    layer = ConformalInterval.from_config({**layer.get_config(), "coverage": [0.8]})
    layer.followed.levels[0, 0] = 1 - 0.8
    out = bands(layer, 9.0, POINT, PAST)
    np.testing.assert_allclose((out[..., 2] - POINT) / [[1.5], [15.0]], [[9.0, 5.8]] * 2, 1e-6)


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"coverage": 1.0}, ValueError, "coverage must be a number between 0 and 1"),
        ({"coverage": "0.8"}, TypeError, "coverage"),
        ({"coverage": [0.8, 0.5]}, ValueError, "increasing"),
        (
            {"coverage": 0.8, "quantiles": [0.2, 0.5, 0.8]},
            ValueError,
            r"Its levels allow coverage=\[0.6",
        ),
        ({"coverage": 0.8, "quantiles": [0.5]}, ValueError, "It has no symmetric pair"),
        ({"coverage": 0.8, "targets": -1}, ValueError, "targets"),
        ({"coverage": 0.8, "targets": "a"}, TypeError, "targets"),
        ({"coverage": 0.8, "sequence": 1}, TypeError, "sequence must be True or False"),
        ({"coverage": 0.8, "calibrated_on": 5}, TypeError, "calibrated_on must be what calibrate"),
        ({"coverage": 0.8, "calibrated_on": {"a": [1]}}, TypeError, "calibrated_on must be what"),
        ({"coverage": 0.8, "calibrated_on": {"a": [1, "2"]}}, TypeError, "calibrated_on must be"),
        ({"coverage": 0.8, "calibrated_on": {"a" * 65: [1, 2]}}, TypeError, "calibrated_on must"),
        (
            {"coverage": 0.8, "calibrated_on": {str(n): [1, 2] for n in range(101)}},
            TypeError,
            "calibrated_on must be what calibrate or fine_tune made",
        ),
        ({"coverage": 0.8, "compiled_with": "mse"}, TypeError, "compiled_with must be a dict"),
        ({"coverage": 0.8, "compiled_with": {"loss": np.nan}}, TypeError, "of plain values"),
        ({"coverage": 0.8, "halves": [0.5]}, ValueError, "halves must be two shares"),
        ({"coverage": 0.8, "halves": [0.5, 1.5]}, ValueError, "halves must be two shares"),
        ({"coverage": 0.8, "halves": "ab"}, TypeError, "halves"),
        ({"coverage": 0.8, "inputs": [4, 4]}, ValueError, "inputs must be the least number"),
        ({"coverage": 0.8, "inputs": []}, ValueError, "inputs must be the least number"),
        ({"coverage": 0.8, "inputs": [-1, 4]}, ValueError, "inputs"),
        *(({"coverage": 0.8, "scores": own}, ValueError, "scores must be") for own in BROKEN),
        ({"coverage": 0.8, "followed": LEVELS}, ValueError, "followed must be what follow made"),
        *(
            ({"coverage": 0.8, "scores": SCORES, "followed": own}, ValueError, "followed must be")
            for own in (
                7,
                {},
                {**LEVELS, "levels": [[[0.2]]]},
                {**LEVELS, "levels": [[[0.2], [np.nan]]]},
                {**LEVELS, "levels": [[[0.2], [1.2]]]},
                {**LEVELS, "levels": [[["a"], ["b"]]]},
            )
        ),
    ],
)
def test_settings_that_are_refused(settings, error, says):
    with pytest.raises(error, match=says):
        ConformalInterval(**settings)


@pytest.mark.parametrize(
    ("settings", "shapes"),
    [
        ({}, [(None, 2), (None, 3, 2)]),
        ({"targets": 0}, [(None, 2), (None, 3)]),
        ({"targets": [0, 1]}, [(None, 4, 3), (None, 3, 2)]),
        ({"quantiles": [0.1, 0.5, 0.9]}, [(None, 4, 2), (None, 3)]),
        ({"sequence": True}, [(None, 4), (None, 3)]),
        ({}, [(None, None), (None, 3)]),
        ({}, [(None, 3)]),
    ],
)
def test_inputs_that_do_not_fit(settings, shapes):
    with pytest.raises(ValueError, match=r"ConformalInterval takes .forecasts, window."):
        ConformalInterval(0.8, **settings).build(shapes)


def test_a_layer_of_a_file_of_0_2_0_gives_the_bounds_of_its_coverages_alone():
    config = {
        "coverage": [0.8], "quantiles": [0.05, 0.1, 0.5, 0.9, 0.95], "targets": None,
        "sequence": False, "calibrated_on": None, "compiled_with": None, "halves": None,
    }  # fmt: skip
    quantiles = np.array([[[0.0, 1.0, 2.0, 4.0, 5.0]]], "float32")
    layer = ConformalInterval.from_config(config)
    assert layer.quantiles == (0.1, 0.5, 0.9)
    past = np.array([[0.0, 1.0]], "float32")
    assert bands(layer, 0.5, quantiles, past).tolist() == [[[0.5, 2.0, 4.5]]]


@pytest.mark.parametrize(("margin", "expected"), [
    (0.5, [0.0, 0.5, 2.0, 3.0, 4.5, 5.0]),
    (2.0, [-1.0, -1.0, 2.0, 3.0, 6.0, 6.0]),
    (-1.5, [0.0, 2.0, 2.0, 2.5, 2.5, 5.0]),
])  # fmt: skip
def test_other_levels_stay_unless_they_would_cross(margin, expected):
    quantiles = np.array([[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]], "float32")
    levels = [0.05, 0.1, 0.5, 0.7, 0.9, 0.95]
    layer = ConformalInterval(0.8, quantiles=levels, keep_others=True)
    assert layer.quantiles == tuple(levels)
    past = np.array([[0.0, 1.0]], "float32")
    assert bands(layer, margin, quantiles, past).tolist() == [[expected]]
    assert layer.compute_output_shape([(None, 1, 6), (None, 2)]) == (None, 1, 6)
    assert ConformalInterval.from_config(layer.get_config()).quantiles == tuple(levels)


SHORT = np.array([[np.nan, np.nan, np.nan, 1.0], [np.nan, 1.0, 3.0, 5.0], [2.0, 4.0, 6.0, 8.0]])


def test_a_window_has_the_margins_of_its_number_of_inputs():
    """Fewer inputs than the first class has belong to it, too."""
    margins = [[[5.0, 6.0], [3.0, 4.0], [1.0, 2.0]]]
    layer = ConformalInterval(0.8, inputs=[2, 3, 4])
    out = bands(layer, margins, np.zeros((3, 2), "float32"), SHORT, floor=1.0)
    assert out[..., 2].tolist() == [[5.0, 6.0], [6.0, 8.0], [2.0, 4.0]]
    assert layer.margins.shape == (1, 3, 2)


def test_each_target_counts_its_own_inputs():
    past = np.stack([SHORT, SHORT[::-1]], axis=-1)
    layer = ConformalInterval(0.8, targets=[0, 1], inputs=[1, 4], sequence=True)
    margins = np.arange(1.0, 5.0).reshape(1, 2, 1, 2)
    out = bands(layer, margins, np.zeros((3, 4, 1, 2), "float32"), past, floor=1.0)
    assert out[:, 0, 0, :, 2].tolist() == [[1.0, 8.0], [2.0, 4.0], [6.0, 2.0]]


@pytest.mark.parametrize(("fewest", "oldest"), [(0, np.nan), (1, np.nan), (1, 7.0)])
def test_without_a_step_the_unit_is_the_level_of_the_forecast(fewest, oldest):
    past = np.array([[np.nan, np.nan, oldest], [1.0, 3.0, 5.0]])
    layer = ConformalInterval(0.8, inputs=[fewest, 2])
    out = bands(layer, [[[0.5, 1.0], [2.0, 3.0]]], np.array([[30.0, -50.0]] * 2), past, floor=1.0)
    assert out[..., 2].tolist() == [[50.0, -10.0], [34.0, -44.0]]
    two = np.stack([past, past[::-1]], axis=-1)
    layer = ConformalInterval(0.8, targets=[0, 1], inputs=[fewest, 2])
    points, margins = np.array([[[10.0, 20.0]]] * 2), [[[[0.1, 0.1]], [[1.0, 1.0]]]]
    out = bands(layer, margins, points, two, floor=[3.0, 1.0])
    assert out[:, 0, :, 2].tolist() == [[11.0, 22.0], [13.0, 22.0]]


def test_in_a_sequence_the_unit_is_the_level_of_the_forecast_at_each_input():
    """``calibrate`` measures widths in units of the forecast at the last input."""
    layer = ConformalInterval(0.8, sequence=True, inputs=[1, 2])
    points = np.array([[[2.0, 4.0], [20.0, -40.0], [100.0, 500.0]]])
    past = np.array([[np.nan, np.nan, 7.0]])
    out = bands(layer, [[[0.5, 1.0], [2.0, 3.0]]], points, past, floor=1.0)
    assert out[0, :, :, 2].tolist() == [[3.5, 7.0], [35.0, -10.0], [250.0, 800.0]]
