"""Losses give what their formulas say, and broadcast nothing."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras.ops import convert_to_numpy as numpy

from helpers import warned_of_masks
from keras_ts import WindowedSeries, check_reload, from_preset, load_model
from keras_ts.layers import SortedQuantiles
from keras_ts.layers.plumbing import MaskLike
from keras_ts.losses import MaskedLoss, QuantileLoss, StandardizedMSE
from keras_ts.metrics import IntervalCoverage, MedianMAE
from quantile_outputs import LEVELS, data, masked, with_mask

SHAPES = [(), (4,), (4, 2), (5, 4, 2)]
REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None]


def pinball(y, quantiles, levels):
    """Return the loss of each window by the formula, number by number."""
    y, flat = y.reshape(-1), quantiles.reshape(-1, len(levels))
    losses = [
        np.mean([max(p * (v - q), (p - 1) * (v - q)) for p, q in zip(levels, row, strict=True)])
        for v, row in zip(y, flat, strict=True)
    ]
    return np.mean(np.reshape(losses, (len(quantiles), -1)), axis=1)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_loss_is_that_of_the_formula(shape, single):
    y, quantiles = data(shape, single=single)
    expected = pinball(y, quantiles, LEVELS)
    loss = QuantileLoss(LEVELS)
    np.testing.assert_allclose(numpy(loss.call(y, quantiles)), expected, rtol=1e-5)
    np.testing.assert_allclose(float(loss(y, quantiles)), expected.mean(), rtol=1e-5)
    each = numpy(QuantileLoss(LEVELS, reduction=None)(y, quantiles))
    np.testing.assert_allclose(each, expected, rtol=1e-5)


def test_targets_with_an_axis_that_the_outputs_lack():
    y, quantiles = data()
    assert float(QuantileLoss(LEVELS)(y[:, None], quantiles)) == float(
        QuantileLoss(LEVELS)(y, quantiles)
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("axes", [(), (1,), (1, 1)])
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_weigh_windows_as_keras_does(shape, axes, reduction):
    y, quantiles = data(shape)
    weights = np.array([0.0, 1.0, 2.0, 0.5, 1.0, 4.0], "float32")
    got = QuantileLoss(LEVELS, reduction)(y, quantiles, weights.reshape(-1, *axes))
    values = pinball(y, quantiles, LEVELS)
    expected = {
        "sum": (weights * values).sum(),
        "mean_with_sample_weight": (weights * values).sum() / weights.sum(),
        "none": weights * values,
        None: weights * values,
    }.get(reduction, (weights * values).mean())
    np.testing.assert_allclose(numpy(got), expected, rtol=1e-5)
    metric = MedianMAE(LEVELS)
    metric.update_state(y, quantiles, weights.reshape(-1, *axes))
    errors = np.abs(y - quantiles[..., 1]).reshape(6, -1).mean(axis=1)
    np.testing.assert_allclose(float(metric.result()), np.average(errors, weights=weights), 1e-5)


@given(
    data=st.data(),
    # Few shapes, since JAX compiles for each.
    levels=st.sampled_from([[0.5], [0.2, 0.5], [0.01, 0.4, 0.5, 0.7, 0.95]]),
    size=st.sampled_from([1, 4, 11]),
)
def test_the_best_quantiles_are_those_of_the_data(data, levels, size):
    """No other value has a smaller loss than the empirical quantile."""
    y = data.draw(st.lists(st.integers(-20, 20), min_size=size, max_size=size))
    y = np.array(y, "float32")
    best = np.quantile(y, levels, method="inverted_cdf").astype("float32")
    loss = QuantileLoss(levels)
    least = float(loss(y, np.tile(best, (len(y), 1))))
    other = data.draw(st.lists(st.integers(-20, 20), min_size=len(levels), max_size=len(levels)))
    assert float(loss(y, np.tile(np.array(other, "float32"), (len(y), 1)))) >= least - 1e-5


@pytest.mark.parametrize("batch", [1, 3, 6])
@pytest.mark.parametrize(
    ("targets", "outputs"),
    [
        ((), (2,)),
        ((), (2, 3)),
        ((3,), (3,)),
        ((3,), (1, 3)),
        ((4,), (1, 3)),
        ((1,), (4, 3)),
        ((4, 2), (2, 4, 3)),
        ((4,), (4, 2, 3)),
        ((4,), (4, 1, 1, 3)),
        ((4,), ()),
    ],
)
def test_shapes_that_do_not_fit_are_refused_whatever_the_batch(targets, outputs, batch):
    y, quantiles = np.ones((batch, *targets)), np.ones((batch, *outputs))
    for take in (QuantileLoss(LEVELS), MedianMAE(LEVELS).update_state):
        with pytest.raises(ValueError, match=r"Received targets \(.*and outputs \("):
            take(y, quantiles)


def test_windows_without_number_are_refused_too():
    with pytest.raises(ValueError, match=r"Received targets \(6,\) and outputs \(3, 3\)"):
        QuantileLoss(LEVELS)(np.ones(6), np.ones((3, 3)))
    with pytest.raises(ValueError, match="Received targets"):
        QuantileLoss(LEVELS)(np.ones(()), np.ones(3))


@pytest.mark.parametrize("shape", [(6, 4), (1,), (3,), (6, 1, 4), ()])
def test_weights_of_anything_but_windows_are_refused(shape):
    y, quantiles = data((4,))
    for take in (QuantileLoss(LEVELS), IntervalCoverage(LEVELS).update_state):
        with pytest.raises(ValueError, match=r"one weight for each window.*for 6 windows"):
            take(y, quantiles, np.ones(shape))


def test_a_nan_of_the_outputs_is_seen():
    """Training that has diverged must show; only a target may be missing."""
    y, quantiles = data()
    quantiles[0] = np.nan
    assert np.isnan(float(QuantileLoss(LEVELS)(y, quantiles)))
    for metric in (MedianMAE(LEVELS), IntervalCoverage(LEVELS)):
        metric.update_state(y, quantiles)
        assert np.isnan(float(metric.result()))
    outputs = y.copy()
    outputs[0] = np.nan
    for loss in (MaskedLoss("mae"), StandardizedMSE(2.0)):
        assert np.isnan(float(loss(y, outputs)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4,), (4, 2)])
def test_a_masked_window_counts_as_the_short_one_does(shape, reduction):
    """Steps that are masked do not count, and neither does a window that is masked wholly."""
    y, quantiles = data(shape, windows=4)
    steps = [4, 2, 1, 0]
    weights = np.array([1.0, 3.0, 0.5, 7.0], "float32")
    # Nobody looks behind a mask: not even at a NaN.
    y[1, 2:] = np.nan
    short = np.array([
        pinball(y[i : i + 1, :n], quantiles[i : i + 1, :n], LEVELS)[0] if n else 0.0
        for i, n in enumerate(steps)
    ])  # fmt: skip
    for given_weights, used in ((None, np.ones(4)), (weights, weights)):
        used = used * np.array([1.0, 1.0, 1.0, 0.0])
        expected = {
            "sum": (used * short).sum(),
            "mean_with_sample_weight": (used * short).sum() / used.sum(),
            "none": used * short,
            None: used * short,
        }.get(reduction, (used * short).sum() / 3)
        got = QuantileLoss(LEVELS, reduction)(y, masked(quantiles, steps), given_weights)
        np.testing.assert_allclose(numpy(got), expected, rtol=1e-5)


def test_a_mask_of_another_shape_is_refused():
    y, quantiles = data((4,))
    for shape in [(6, 3), (6, 1), (5, 4), (6, 4, 3), (4,)]:
        with pytest.raises(
            ValueError, match=r"takes a mask that has the first axes of the outputs"
        ):
            QuantileLoss(LEVELS)(y, with_mask(quantiles, np.ones(shape, "bool")))


def test_a_mask_of_windows():
    y, quantiles = data((4,))
    kept = np.array([True, True, False, True, False, True])
    got = QuantileLoss(LEVELS)(y, with_mask(quantiles, kept))
    np.testing.assert_allclose(float(got), pinball(y[kept], quantiles[kept], LEVELS).mean(), 1e-5)


def recurrent(steps=None):
    series = keras.Input((steps, 1))
    present = keras.layers.Masking()(series)
    # As a recurrent layer of Keras 3.15 does by itself.
    x = MaskLike()([keras.layers.GRU(3, return_sequences=True)(present), present])
    return keras.Model(series, SortedQuantiles(LEVELS)(keras.layers.Dense(3)(x)))


@warned_of_masks
def test_a_masked_model_learns_the_same_from_padded_windows():
    """Fit and evaluate take the mask along, on every backend."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 5, 1)) + 5.0, rng.normal(size=(6, 5))
    padded_x = np.concatenate([x, np.zeros((6, 3, 1))], axis=1)
    padded_y = np.concatenate([y, np.full((6, 3), np.nan)], axis=1)
    results = []
    for inputs, targets in ((x, y), (padded_x, padded_y)):
        keras.utils.set_random_seed(3)
        model = recurrent()
        model.compile(
            keras.optimizers.SGD(0.1),
            QuantileLoss(LEVELS),
            metrics=[MedianMAE(LEVELS), IntervalCoverage(LEVELS)],
        )
        model.fit(inputs, targets, epochs=2, batch_size=3, shuffle=False, verbose=0)
        results.append(model.evaluate(inputs, targets, verbose=0, return_dict=True))
    assert results[0].keys() == {"loss", "mae", "coverage"}
    for name, value in results[0].items():
        np.testing.assert_allclose(results[1][name], value, rtol=1e-5)


def test_windows_with_weights_train():
    """The weights that windows bring have an axis less than targets, and further ones of 1."""
    series = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    dataset = WindowedSeries(6, horizon=4, weighting="inverse_scale").build(series)
    _, y, weights = dataset[0]
    assert (y.shape[1:], weights.shape[1:]) == ((4, 2), (1,))
    model = keras.Sequential([
        keras.Input((6, 2)),
        keras.layers.Flatten(),
        keras.layers.Dense(24),
        keras.layers.Reshape((4, 6)),
        SortedQuantiles(LEVELS),
    ])  # fmt: skip
    model.compile("sgd", QuantileLoss(LEVELS), weighted_metrics=[MedianMAE(LEVELS)])
    x, y = dataset.to_numpy()[:2]
    weights = np.concatenate([batch[2] for batch in dataset])[:, 0]
    expected = np.mean(weights * pinball(y, model.predict(x, verbose=0), LEVELS))
    result = model.evaluate(dataset, verbose=0, return_dict=True)
    np.testing.assert_allclose(result["loss"], expected, rtol=1e-5)
    model.fit(dataset, verbose=0)


def test_arguments_survive_a_file(forked_reload, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), SortedQuantiles(LEVELS)])
    model.compile(
        "sgd",
        QuantileLoss(LEVELS, "sum", name="pinball", dtype="bfloat16"),
        metrics=[MedianMAE(LEVELS), IntervalCoverage(LEVELS)],
    )
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    model.evaluate(x, x[:, 0], verbose=0)
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert again.loss.get_config() == model.loss.get_config()
    assert (again.loss.quantiles, again.loss.reduction, again.loss.name, again.loss.dtype) == (
        (0.1, 0.5, 0.9), "sum", "pinball", "bfloat16",
    )  # fmt: skip
    assert again.evaluate(x, x[:, 0], verbose=0) == model.evaluate(x, x[:, 0], verbose=0)
    report = check_reload(model, x)
    assert report.ok, report
    assert [metric.quantiles for metric in again.metrics[1].metrics] == [(0.1, 0.5, 0.9)] * 2


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("targets", "outputs"), [((4,), (4, 1)), ((4, 3), (4, 3)), ((4, 3, 2), (4, 3, 2))]
)
def test_the_standardized_error_is_keras_own_in_other_units(targets, outputs, weighted):
    generator = np.random.default_rng(0)
    unit = [100.0, 0.1][: targets[-1]] if len(targets) == 3 else 7.0
    y, out = generator.normal(size=targets), generator.normal(size=outputs)
    weights = generator.random((4, *[1] * (len(targets) - 2))) if weighted else None
    got = StandardizedMSE(unit)(y * np.asarray(unit), out * np.asarray(unit), weights)
    expected = keras.losses.MeanSquaredError()(y, out, weights)
    assert float(got) == pytest.approx(float(expected), rel=1e-5)


def test_the_standardized_error_keeps_the_digits_of_a_high_level():
    y = np.array([[1e6 + 0.5]], "float32")
    assert float(StandardizedMSE(1e-3)(y, y - 0.5)) == pytest.approx(2.5e5)


def test_the_standardized_error_refuses_what_would_broadcast():
    with pytest.raises(ValueError, match="targets and outputs of one shape"):
        StandardizedMSE(1.0)(np.zeros((4,)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="targets and outputs of one shape"):
        StandardizedMSE(1.0)(np.zeros((4, 1)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="targets and outputs of one shape"):
        StandardizedMSE(1.0)(np.zeros(4), np.zeros(1))
    for shape in ((4, 1), (2,)):
        with pytest.raises(ValueError, match=r"one number for each entry.*Received: 2 numbers"):
            StandardizedMSE([100.0, 0.1])(np.ones(shape), np.zeros(shape))


@pytest.mark.parametrize("unit", [[1.0, 0.0], [1.0, 1e-50], [1.0, -1.0], [1.0, 1e50]])
def test_a_unit_beyond_float32_is_refused(unit):
    with pytest.raises(ValueError, match=r"unit\[1\]"):
        StandardizedMSE(unit)


LOSSES = [MaskedLoss("mse"), QuantileLoss(LEVELS), StandardizedMSE(2.0)]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_loop_of_ones_own_traces_the_loss(loss):
    """There the scope of the loss is the outermost, whose name TensorFlow checks."""
    y, out = data((4,))
    out = out if isinstance(loss, QuantileLoss) else out[..., 0]
    y[0, :2] = np.nan
    w = np.arange(len(y), dtype="float32")
    traced = loss
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        traced = tf.function(loss)
    elif keras.backend.backend() == "jax":
        import jax

        traced = jax.jit(loss)
    expected = float(loss(y, out, w))
    assert np.isfinite(expected)
    assert float(traced(y, out, w)) == pytest.approx(expected, rel=1e-6)


def test_a_loss_of_points_refuses_quantiles_in_the_words_that_the_page_of_errors_has():
    dataset = WindowedSeries(14, horizon=7).build(np.arange(60.0) % 7)
    model = from_preset("gru_32x2", quantiles=(0.1, 0.5, 0.9)).build(dataset)
    model.compile("adam", "mae")
    words = "Incompatible shapes|Dimensions must be equal|must match the size of tensor"
    with pytest.raises((ValueError, RuntimeError), match=words):
        model.fit(dataset, verbose=0)
