"""``SmoothedForecast`` forecasts as its formulas say, and masked steps count for nothing."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as numpy

from helpers import BACKEND
from keras_ts.layers import SmoothedForecast
from keras_ts.layers.smoothed_forecast import _arcsinh

LEVELS = (0.0, 0.3, 0.5, 0.65, 0.8, 0.9, 0.96, 1.0)
LINES = (0.3, 0.6, 0.8, 0.9, 1.0)
DAMPINGS = (0.6, 0.85, 1.0)
# JAX has no float64 unless told so.
POLICIES = ["mixed_float16"] + ["float64"] * (BACKEND != "jax")


def slopes(function, values):
    """The derivative of a function of each value, by the backend."""
    if BACKEND == "jax":
        import jax

        return np.asarray(jax.grad(lambda x: function(x).sum())(values))
    tensor = keras.ops.convert_to_tensor(values)
    if BACKEND == "torch":
        tensor.requires_grad_()
        function(tensor).sum().backward()
        return numpy(tensor.grad)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensor)
        outputs = function(tensor)
    return numpy(tape.gradient(outputs, tensor))


def test_the_inverse_hyperbolic_sine_and_its_slope_at_every_size():
    sizes = np.append(np.geomspace(1e-36, 3e38, 4000), [0.0, 0.49, 0.5, 0.50001, 0.51, 1.0])
    values = np.concatenate([sizes, -sizes]).astype("float32")
    exact = values.astype("float64")
    np.testing.assert_allclose(numpy(_arcsinh(values)), np.arcsinh(exact), rtol=1e-6)
    # TensorFlow divides by a large number to three digits.
    np.testing.assert_allclose(
        slopes(_arcsinh, values), 1 / np.sqrt(1 + exact**2), rtol=1e-3, atol=1e-37
    )
    ends = np.array([np.inf, -np.inf, np.nan], "float32")
    np.testing.assert_array_equal(numpy(_arcsinh(ends)), ends)


@pytest.mark.skipif(BACKEND != "jax", reason="TensorFlow cannot run what JAX lowers it to")
def test_jax_lowers_no_inverse_hyperbolic_sine():
    import jax

    layer = SmoothedForecast(2)
    inputs = [np.ones((3, 6, 1), "float32"), np.ones((3, 2), "float32")]
    layer.build([x.shape for x in inputs])
    lowered = jax.jit(lambda windows, state: layer([windows, state])).lower(*inputs).as_text()
    assert "stablehlo.log" in lowered
    assert "asinh" not in lowered


def line(steps, discount):
    """End and slope of the weighted least-squares line, by NumPy's polyfit."""
    back = np.arange(len(steps))[::-1]
    slope, end = np.polyfit(-back, steps, 1, w=np.sqrt(float(discount) ** back))
    return end, slope


def plain(window, horizon, gap):
    """All levels and all trends of one window, by the formulas as they are written."""
    back = np.arange(len(window))[::-1]
    weights = [np.where(back == 0, 1.0, d**back) for d in LEVELS]
    lines = [line(window, discount) for discount in LINES]
    levels = [np.average(window, weights=weight) for weight in weights] + [end for end, _ in lines]
    ahead = range(gap + 1, gap + horizon + 1)
    grown = [[sum(d**i for i in range(1, h + 1)) for h in ahead] for d in DAMPINGS]
    trends = [np.zeros(horizon)]
    trends += [np.array(steps) * slope for steps in grown for _, slope in lines]
    return np.array(levels), np.array(trends)


def with_shares(layer, level, trend):
    """Give one level and one trend all of the share."""
    for bias, chosen, count in ((layer.level_bias, level, 13), (layer.trend_bias, trend, 16)):
        bias.assign(np.where(np.arange(count) == chosen, 100.0, 0.0))


@pytest.mark.parametrize("gap", [0, 2])
def test_every_level_and_trend_equals_its_formula(gap):
    window = np.random.default_rng(0).normal(size=12).cumsum()
    levels, trends = plain(window, 4, gap)
    layer = SmoothedForecast(4, gap)
    inputs = [window[None, :, None].astype("float32"), np.zeros((1, 2), "float32")]
    layer(inputs)
    for level in range(13):
        with_shares(layer, level, 0)
        np.testing.assert_allclose(
            numpy(layer(inputs)[0])[0, :, 0], np.full(4, levels[level]), rtol=0.02, atol=0.03
        )
    for trend in range(16):
        with_shares(layer, 0, trend)
        got = numpy(layer(inputs)[0])[0, :, 0] - window[-1]
        # The ridge takes up to a tenth of the slope of the steepest discount.
        np.testing.assert_allclose(got, trends[trend], rtol=0.12, atol=1e-3)


def test_at_first_all_levels_count_alike_and_trends_for_two_thirds():
    window = np.random.default_rng(1).normal(size=12).cumsum()
    levels, trends = plain(window, 3, 0)
    forecast, _ = SmoothedForecast(3)([window[None, :, None], np.ones((1, 5))])
    share = 1 / (np.exp(2.0) + 15)
    expected = levels.mean() + share * trends.sum(axis=0)
    np.testing.assert_allclose(numpy(forecast)[0, :, 0], expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("backtest_steps", [None, 3])
def test_steps_count_rows_of_windows_that_leave_rows_out(backtest_steps):
    window = np.random.default_rng(1).normal(size=(1, 12, 1)).cumsum(axis=1)
    inputs, settings = [window, np.ones((1, 5))], {"backtest_steps": backtest_steps}
    by_step, _ = SmoothedForecast(2, 1, **settings)(inputs)
    by_row, _ = SmoothedForecast(8, 4, sampling_rate=4, **settings)(inputs)
    np.testing.assert_allclose(numpy(by_row)[:, 3::4], numpy(by_step), rtol=1e-5)
    between = np.diff(numpy(by_row)[0, :, 0])
    assert (between > 0).all() or (between < 0).all()


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e3])
def test_with_a_backtest_the_best_pair_leads_before_training(scale):
    """A straight line goes on; noise about a level is forecast by its mean."""
    generator = np.random.default_rng(0)
    windows = np.stack([np.arange(-23.0, 1.0), generator.normal(size=24)])[..., None]
    windows = (windows / windows.std(axis=1, keepdims=True)).astype("float32")
    layer = SmoothedForecast(4, backtest_steps=3)
    state = np.zeros((2, 2), "float32")
    line, noise = numpy(layer([windows, state])[0])[..., 0]
    rise = windows[0, 1, 0] - windows[0, 0, 0]
    np.testing.assert_allclose(line, rise * np.arange(1, 5), rtol=0.05, atol=0.02)
    mean = windows[1].mean()
    assert np.abs(noise - mean).max() < 0.5 * np.abs(noise * 0 + windows[1, -1, 0] - mean).max()
    # Trust that a net pulls to any size leaves finite numbers.
    for bias in (-100.0, 100.0):
        layer.trust_bias.assign(np.full(1, bias))
        assert np.isfinite(numpy(layer([windows * scale, state])[0])).all()


@pytest.mark.parametrize("behind", [False, True])
def test_padding_changes_nothing(behind):
    generator = np.random.default_rng(2)
    x = generator.normal(size=(3, 8, 2)).astype("float32")
    state = generator.normal(size=(3, 4)).astype("float32")
    noise = generator.normal(size=(3, 5, 2)).astype("float32")
    order = [x, noise] if behind else [noise, x]
    mask = np.concatenate([np.full((3, part.shape[1]), part is x) for part in order], axis=1)
    layer = SmoothedForecast(3)
    layer.build([(None, 13, 2), (None, 4)])
    for weight in layer.weights:
        weight.assign(0.1 * generator.normal(size=weight.shape))
    long = layer([np.concatenate(order, axis=1), state], mask=[mask, None])
    short = SmoothedForecast(3)
    short.build([(None, 8, 2), (None, 4)])
    short.set_weights(layer.get_weights())
    for got, expected in zip(long, short([x, state]), strict=True):
        np.testing.assert_allclose(numpy(got), numpy(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("behind", [0, 1, 7])
def test_trends_go_on_in_holes_behind_the_last_value(behind):
    """Forecasts after a hole at the end are those that a gap of its length gives."""
    window = np.random.default_rng(5).normal(size=(2, 10, 2)).cumsum(axis=1).astype("float32")
    state = np.zeros((2, 1), "float32")
    holed = np.concatenate([window, np.full((2, behind, 2), 9.0, "float32")], axis=1)
    mask = np.arange(10 + behind)[None] < np.full((2, 1), 10)
    got = SmoothedForecast(3, gap=1, masked=True)([holed, state], mask=[mask, None])
    expected = SmoothedForecast(3, gap=1 + behind)([window, state])
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(numpy(one), numpy(other), rtol=1e-4, atol=1e-4)


def test_sizes_stand_among_the_evidence_within_bounds():
    layer = SmoothedForecast(2, unit=10.0)
    window, state = np.ones((3, 6, 1), "float32"), np.zeros((3, 1), "float32")
    scale = np.array([10.0, 20.0, 1e9], "float32").reshape(3, 1, 1)
    _, evidence = layer([window, state, scale])
    assert evidence.shape == (3, 1 + 2 + 18 + 1)
    np.testing.assert_allclose(numpy(evidence)[:, -1], [0.0, np.log(2.0), 5.0], rtol=1e-5)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_symbolic_output_is_the_eager_one(policy):
    layer = SmoothedForecast(4, unit=[1.0, 2.0], dtype=policy)
    dtype = "float64" if policy == "float64" else "float32"
    inputs = [keras.Input((None, 2)), keras.Input((3,)), keras.Input((1, 2))]
    symbolic = layer(inputs)
    eager = layer([np.ones((5, 7, 2)), np.ones((5, 3)), np.ones((5, 1, 2))])
    for one, other in zip(symbolic, eager, strict=True):
        assert one.shape[1:] == tuple(other.shape)[1:]
        assert keras.backend.standardize_dtype(other.dtype) == one.dtype == dtype


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="steps"):
        SmoothedForecast(0)
    with pytest.raises(ValueError, match=r"unit\[1\]"):
        SmoothedForecast(1, unit=[1.0, -2.0])
    with pytest.raises(TypeError, match="unit"):
        SmoothedForecast(1, unit="large")
    with pytest.raises(TypeError, match="masked"):
        SmoothedForecast(1, masked=1)


def test_a_mask_of_another_shape_is_refused():
    windows, state = np.ones((2, 5, 1), "float32"), np.ones((2, 3), "float32")
    with pytest.raises(ValueError, match=r"mask must be \(batch, time\)"):
        SmoothedForecast(2)([windows, state], mask=[np.ones((2, 1), bool), None])
