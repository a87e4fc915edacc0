"""A model goes on from where it is, a calibrated one too, also from a file in another process."""

import functools

import keras
import numpy as np
import pytest

from helpers import called, run_fresh, untraced
from keras_ts import (
    RecurrentPreset,
    WindowedInput,
    WindowedSeries,
    calibrate,
    compare,
    fine_tune,
    load_model,
    load_windows,
    save_model,
    scorecard,
)
from keras_ts.interface import Interface
from keras_ts.layers import Bounded, SortedQuantiles
from keras_ts.losses import MaskedLoss, QuantileLoss

WINDOWS = WindowedSeries(6, horizon=2, batch_size=16)
SERIES = np.random.default_rng(0).normal(size=240).cumsum() + 50.0


@functools.cache
def parts():
    return WINDOWS.split(SERIES, at=[80, 140, 200])


def net(dataset, levels=None, loss=None, minimum=None, carries=True):
    """Return a small compiled model for a dataset."""
    batch = dataset[0][0]
    shapes = batch if isinstance(batch, dict) else {"past": batch}
    inputs = {part: keras.Input(x.shape[1:], name=part) for part, x in shapes.items()}
    first = WindowedInput.of(dataset, levels)(inputs["past"]) if carries else inputs["past"]
    flat = [keras.layers.Flatten()(x) for x in (first, *list(inputs.values())[1:])]
    x = keras.layers.Concatenate()(flat) if len(flat) > 1 else flat[0]
    shape = (*dataset[0][1].shape[1:], *((len(levels),) if levels else ()))
    outputs = keras.layers.Dense(int(np.prod(shape)), "relu" if minimum else None)(x)
    outputs = keras.layers.Reshape(shape)(outputs)
    if levels:
        outputs = SortedQuantiles(levels)(outputs)
    if minimum is not None:
        outputs = Bounded(minimum)(outputs)
    model = keras.Model(inputs if len(inputs) > 1 else inputs["past"], outputs)
    model.compile(keras.optimizers.SGD(1e-4), loss or (QuantileLoss(levels) if levels else "mae"))
    return untraced(model)


def test_a_compiled_model():
    first, latest, *_ = parts()
    model = net(first)
    before = model.get_weights()
    tuned = fine_tune(model, latest, epochs=3)
    assert tuned.compiled
    assert tuned.loss == "mae"
    assert Interface.of(tuned).windows == WINDOWS
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    errors = [own.evaluate(latest, verbose=0) for own in (model, tuned)]
    assert errors[1] < errors[0]


@pytest.mark.parametrize("levels", [None, (0.1, 0.5, 0.9)])
@pytest.mark.parametrize("minimum", [None, 0.5])
def test_a_calibrated_model_is_calibrated_again(levels, minimum, tmp_path):
    """The result is what calibrating the net, tuned by itself, gives."""
    first, latest, calibration, _ = parts()
    model = net(first, levels, minimum=minimum)
    calibrated = calibrate(model, latest, coverage=0.8)
    calibrated.save(tmp_path / "model.keras")
    keras.utils.set_random_seed(1)
    tuned = fine_tune(load_model(tmp_path / "model.keras"), latest, calibration=calibration)
    assert not tuned.compiled
    assert tuned.name == calibrated.name
    keras.utils.set_random_seed(1)
    by_hand = calibrate(fine_tune(model, latest), calibration, coverage=0.8)
    x = calibration.to_numpy()[0]
    np.testing.assert_allclose(called(tuned, x), called(by_hand, x), rtol=1e-4)
    assert not np.allclose(called(tuned, x), called(calibrated, x), rtol=1e-4)
    assert [type(own) for own in tuned.layers[-2:]] == [type(own) for own in by_hand.layers[-2:]]
    # And once more, from the same rate.
    again = fine_tune(tuned, latest, calibration=calibration, coverage=[0.8], epochs=1)
    kept = Interface(again, None).last_layer.compiled_with
    assert kept["optimizer"]["config"]["learning_rate"] == pytest.approx(1e-4)


FRESH = """
import sys
import keras_ts, numpy as np
path, series = sys.argv[1], np.load(sys.argv[2])
windows = keras_ts.load_windows(path)
train, calibration = windows.split(series, at=-60)
tuned = keras_ts.fine_tune(keras_ts.load_model(path), train, calibration=calibration, epochs=1)
tuned.save(path)
print(tuned.output_shape)
"""


@pytest.mark.parametrize("loss", ["masked", "quantiles"])
def test_a_file_in_another_process(loss, tmp_path):
    """What the net was compiled with rides in the file, as ``get_compile_config`` gives it."""
    series = SERIES.copy()
    series[[20, 90, 150]] = np.nan
    windows = WindowedSeries(6, horizon=2, missing="mask_targets", batch_size=16)
    first, calibration = windows.split(series, at=140)
    levels = (0.1, 0.5, 0.9) if loss == "quantiles" else None
    model = RecurrentPreset(units=(2,), window_norm="last", quantiles=levels).build(first)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 10, alpha=0.0)),
        QuantileLoss(levels) if levels else MaskedLoss(keras.losses.Huber(delta=2.0)),
    )
    path, data = tmp_path / "model.keras", tmp_path / "series.npy"
    calibrate(model, calibration, coverage=0.8).save(path)
    np.save(data, series)
    assert "(None, 2, 3)" in run_fresh(FRESH, str(path), str(data))
    kept = Interface(load_model(path), None).last_layer.compiled_with
    assert kept["loss"]["registered_name"] in ("keras_ts>MaskedLoss", "keras_ts>QuantileLoss")
    if loss == "masked":
        assert kept["loss"]["config"]["loss"]["config"]["delta"] == 2.0


def test_several_inputs_and_targets():
    table = np.random.default_rng(0).normal(size=(200, 3))
    windows = WindowedSeries(6, 2, target_columns=[0, 1], future_columns=[2], batch_size=16)
    first, latest, calibration = windows.split(table, at=[80, 140])
    model = net(first)
    calibrated = calibrate(model, latest, coverage=0.8)
    tuned = fine_tune(calibrated, latest, calibration=calibration, epochs=1)
    assert tuned.output_shape == (None, 2, 2, 3)
    x = calibration.to_numpy()[0]
    assert set(x) == {"past", "future"}
    assert not np.allclose(called(tuned, x), called(calibrated, x), rtol=1e-4)


@pytest.mark.parametrize("levels", [None, (0.1, 0.5, 0.9)])
def test_several_targets_at_a_single_step(levels):
    """The net is trained on outputs of the targets' shape, not on those of ``calibrate``."""
    table = np.random.default_rng(0).normal([0, 50], size=(200, 2))
    windows = WindowedSeries(6, target_columns=[0, 1], batch_size=16)
    first, latest, calibration = windows.split(table, at=[80, 140])
    model = net(first, levels)
    keras.utils.set_random_seed(1)
    tuned = fine_tune(calibrate(model, latest, coverage=0.8), latest, calibration=calibration)
    keras.utils.set_random_seed(1)
    by_hand = calibrate(fine_tune(model, latest), calibration, coverage=0.8)
    x = calibration.to_numpy()[0]
    np.testing.assert_allclose(called(tuned, x), called(by_hand, x), rtol=1e-4)


def test_windows_in_the_metadata_stay(tmp_path):
    """A model without a WindowedInput keeps them in its file alone."""
    first, latest, calibration, _ = parts()
    save_model(net(first, carries=False), tmp_path / "a.keras", windows=first)
    save_model(
        calibrate(load_model(tmp_path / "a.keras"), latest, 0.8),
        tmp_path / "b.keras",
        windows=first,
    )
    model = load_model(tmp_path / "b.keras")
    tuned = fine_tune(model, latest, calibration=calibration, epochs=1)
    save_model(tuned, tmp_path / "c.keras")
    assert load_windows(tmp_path / "c.keras") == WINDOWS
    assert Interface.of(tuned).quantiles == (0.1, 0.5, 0.9)


def test_no_verdict_of_the_old_model_stays(tmp_path):
    first, latest, calibration, held_out = parts()
    model = calibrate(net(first), latest, coverage=0.8)
    save_model(model, tmp_path / "a.keras", report=compare(model, first, held_out))
    judged = load_model(tmp_path / "a.keras")
    assert scorecard(judged).ok
    tuned = fine_tune(judged, latest, calibration=calibration, epochs=1)
    save_model(tuned, tmp_path / "b.keras")
    for own in (tuned, tmp_path / "b.keras"):
        with pytest.raises(ValueError, match="has no scorecard"):
            scorecard(own)
    assert scorecard(judged).ok


def test_intervals_for_a_model_that_has_none():
    first, latest, calibration, _ = parts()
    tuned = fine_tune(net(first), latest, calibration=calibration, epochs=1)
    assert Interface(tuned, None).last_layer.coverage == (0.8, 0.95)


def test_mistakes():
    first, latest, calibration, _ = parts()
    model = net(first)
    calibrated = calibrate(model, latest, coverage=0.8)
    with pytest.raises(ValueError, match=r"model is calibrated, .* Pass calibration="):
        fine_tune(calibrated, latest)
    with pytest.raises(ValueError, match=r"coverage .* pass calibration="):
        fine_tune(model, latest, coverage=0.8)
    with pytest.raises(ValueError, match="In 1 series calibration holds targets that train holds"):
        fine_tune(calibrated, latest, calibration=latest)
    with pytest.raises(ValueError, match=r"calibration has 59 windows .* coverage=0.99 needs"):
        fine_tune(calibrated, latest, calibration=calibration, coverage=0.99)
    with pytest.raises(ValueError, match=r"made for other windows .* window=6 against window=5"):
        fine_tune(model, WindowedSeries(5, 2).build(SERIES))
    with pytest.raises(TypeError, match="train must be a WindowDataset"):
        fine_tune(model, SERIES)
    with pytest.raises(TypeError, match="model must be a Keras model"):
        fine_tune("model", latest)
    uncompiled = RecurrentPreset(units=(2,)).build(first)
    with pytest.raises(ValueError, match="it is not compiled"):
        fine_tune(uncompiled, latest)
    with pytest.raises(ValueError, match="keeps no loss to train its net with"):
        fine_tune(calibrate(uncompiled, latest, 0.8), latest, calibration=calibration)
    quantiles = calibrate(net(first, (0.1, 0.5, 0.9)), latest)
    with pytest.raises(ValueError, match=r"coverage=0.6 needs the levels"):
        fine_tune(quantiles, latest, calibration=calibration, coverage=0.6)
