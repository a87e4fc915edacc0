"""Losses leave out targets that are NaN: a window's loss is the mean over those present."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.ops import convert_to_numpy as numpy

from keras_ts import load_model
from keras_ts.losses import MaskedLoss, QuantileLoss, StandardizedMSE
from keras_ts.metrics import MaskedMAE
from quantile_outputs import LEVELS, with_mask


def with_gaps(shape, share, seed=0):
    """Return targets of which a share is missing, outputs that are NaN there, and weights."""
    generator = np.random.default_rng(seed)
    y = generator.normal(size=shape).astype("float32")
    missing = generator.random(shape) < share
    outputs = np.where(missing, np.nan, generator.normal(size=shape)).astype("float32")
    return np.where(missing, np.nan, y).astype("float32"), outputs, generator.random(len(y))


def over_present(y, outputs, weights, measure):
    """Return the weighted mean over windows of each one's mean over its targets, by loops."""
    total, windows = 0.0, 0
    for actual, out, weight in zip(y, outputs, weights, strict=True):
        errors = [measure(a, o) for a, o in zip(actual.flat, out.flat, strict=True) if a == a]
        total += weight * np.mean(errors or [0.0])
        windows += bool(errors)
    return total / max(windows, 1)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    st.booleans(),
    st.integers(0, 99),
)
def test_missing_targets_are_left_out(shape, share, weighted, seed):
    y, outputs, weights = with_gaps(shape, share, seed)
    given_weights = weights.reshape(-1, *[1] * max(len(shape) - 2, 0)) if weighted else None
    weights = weights if weighted else np.ones(len(y))
    squared, absolute = (lambda a, o: (a - o) ** 2), (lambda a, o: abs(a - o))
    for loss, measure in (
        (MaskedLoss("mse"), squared),
        (MaskedLoss(keras.losses.MeanAbsoluteError()), absolute),
        (StandardizedMSE(0.5), lambda a, o: 4 * (a - o) ** 2),
    ):
        expected = over_present(y, outputs, weights, measure)
        np.testing.assert_allclose(float(loss(y, outputs, given_weights)), expected, 1e-6, 1e-6)
    quantiles = np.stack([outputs - 1, outputs, outputs + 0.5], axis=-1)
    got = float(QuantileLoss(LEVELS)(y, quantiles, given_weights))
    expected = over_present(
        y, outputs, weights,
        lambda a, o: np.mean([
            max(p * (a - q), (p - 1) * (a - q))
            for p, q in zip(LEVELS, (o - 1, o, o + 0.5), strict=True)
        ]),
    )  # fmt: skip
    np.testing.assert_allclose(got, expected, 1e-6, 1e-6)


@pytest.mark.parametrize("loss", [MaskedLoss("huber"), StandardizedMSE(2.0)])
def test_losses_without_missing_targets_are_those_of_keras(loss):
    y, outputs, weights = with_gaps((6, 4, 3), 0.0)
    plain = (
        keras.losses.Huber() if isinstance(loss, MaskedLoss) else keras.losses.MeanSquaredError()
    )
    unit = 1.0 if isinstance(loss, MaskedLoss) else 2.0
    for given_weights in (None, weights[:, None]):
        expected = float(plain(y / unit, outputs / unit, given_weights))
        assert float(loss(y, outputs, given_weights)) == pytest.approx(expected, rel=1e-6)
    assert tuple(loss.call(y, outputs).shape) == (6, 4)


def test_shapes_of_one_target():
    y, outputs, _ = with_gaps((5, 1), 0.4)
    expected = np.nanmean(np.abs(y - outputs))
    for targets, out in ((y, outputs), (y[:, 0], outputs), (y, outputs[:, 0])):
        assert float(MaskedLoss("mae")(targets, out)) == pytest.approx(expected, rel=1e-6)
    y, outputs, _ = with_gaps((5, 3), 0.4)
    expected = float(MaskedLoss("mae")(y, outputs))
    assert float(MaskedLoss("mae")(y, outputs[..., None])) == pytest.approx(expected, rel=1e-6)
    for shape in ((5, 4), (5, 1), (5, 3, 3)):
        with pytest.raises(ValueError, match="targets and outputs of one shape"):
            MaskedLoss("mae")(y, np.zeros(shape))


@pytest.mark.parametrize("loss", [MaskedLoss("mse"), StandardizedMSE(1.0)])
def test_masked_steps_are_left_out_as_missing_ones_are(loss):
    y, outputs, _ = with_gaps((3, 4, 2), 0.3, seed=2)
    kept = np.arange(4) < np.array([4, 3, 2])[:, None]
    means = [np.nanmean((y[i, :n] - outputs[i, :n]) ** 2) for i, n in enumerate([4, 3, 2])]
    got = float(loss(y, with_mask(outputs, kept)))
    assert got == pytest.approx(np.mean(means), rel=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_outputs(dtype):
    y, outputs, _ = with_gaps((5, 3), 0.4)
    y = y * 1000
    half = keras.ops.cast(outputs, dtype)
    expected = np.nanmean((y - numpy(keras.ops.cast(half, "float32"))) ** 2, axis=1)
    got = float(MaskedLoss("mse")(y, half))
    assert got == pytest.approx(np.nanmean(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("cosine_similarity", "mean over the last axis"),
        ("kl_divergence", "mean over the last axis"),
        ("squared_hinge", "must be 0 where targets equal outputs"),
        ("poisson", "must be 0 where targets equal outputs"),
        (lambda y, p: keras.ops.mean((y - p) ** 2), "mean over the last axis"),
        (lambda y, p: keras.ops.reshape(y, (7,)), "must take targets and outputs of one shape"),
        (keras.losses.Huber(reduction="sum"), "must keep its default reduction: pass"),
        (QuantileLoss(LEVELS), "QuantileLoss already leaves out missing targets"),
        ("no_such_loss", "no_such_loss"),
    ],
)
def test_losses_that_cannot_be_masked_are_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        MaskedLoss(loss)


@pytest.mark.parametrize("loss", [None, 3, keras.losses.Huber, keras.layers.Dense(1)])
def test_what_is_no_loss_is_refused(loss):
    with pytest.raises(ValueError, match="loss must take targets and outputs of one shape"):
        MaskedLoss(loss)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("loss", [MaskedLoss("mse"), StandardizedMSE(1.0)])
def test_training_sees_the_targets_present_alone(loss, policy):
    """Windows with one target present, and a NaN beside it, train as windows of that target do."""
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(32, 5)), generator.normal(size=(32, 3))
    y[:, 1:], x[:, -1] = np.nan, np.nan
    weights = []
    for targets, steps in ((y[:, :1], 1), (y, 3)):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((5,))
        first = keras.layers.Dense(1, dtype=policy)(inputs[:, :-1])
        outputs = [first, *[inputs[:, -1:]] * (steps - 1)]
        outputs = keras.layers.Concatenate()(outputs) if steps > 1 else first
        model = keras.Model(inputs, outputs)
        model.compile(keras.optimizers.SGD(0.1), loss)
        model.fit(x, targets, epochs=2, batch_size=8, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for plain, masked_weights in zip(*weights, strict=True):
        assert np.isfinite(masked_weights).all()
        np.testing.assert_allclose(masked_weights, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", ["mae", keras.losses.Huber(0.3), keras.losses.log_cosh])
def test_a_masked_loss_survives_a_file(loss, tmp_path):
    y, outputs, _ = with_gaps((5, 3), 0.4)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile(
        "sgd", MaskedLoss(loss, "sum", name="own", dtype="float16"), metrics=[MaskedMAE()]
    )
    model.evaluate(np.nan_to_num(outputs), y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert again.loss.get_config() == model.loss.get_config()
    assert (again.loss.reduction, again.loss.name, again.loss.dtype) == ("sum", "own", "float16")
    expected = float(MaskedLoss(loss)(y, outputs))
    loaded = type(again.loss).from_config({**again.loss.get_config(), "dtype": None})
    loaded.reduction = "mean"
    assert float(loaded(y, outputs)) == pytest.approx(expected, rel=1e-6)
