"""Several nets are one model, their mean: in a fit, a file, a calibration, a fine-tuning."""

import keras
import numpy as np
import pytest

from helpers import called
from keras_ts import (
    WindowedSeries,
    calibrate,
    check_reload,
    fine_tune,
    forecast,
    from_preset,
    load_model,
    save_model,
)
from keras_ts.evaluation.tuning import settings_of, trained_further
from keras_ts.presets.training import members_of

pytestmark = pytest.mark.usefixtures("untraced_models")

SERIES = 5 * np.random.default_rng(0).random(70)
WINDOWS = WindowedSeries(6, 2, batch_size=32, shuffle=True, seed=3)
SMALL = {"units": (3,), "minimum": 0}


def fitted(members=2, series=SERIES, name="gru_32x2", **arguments):
    keras.utils.set_random_seed(7)
    core = arguments.pop("core", None)
    preset = from_preset(name, **SMALL, **arguments.pop("settings", {}))
    arguments = {"epochs": 2, "verbose": 0, **arguments}
    return preset.fit(WINDOWS.build(series), members=members, core=core, **arguments)


def weights(model):
    return [keras.ops.convert_to_numpy(value) for value in model.weights]


def windows():
    return WINDOWS.build(SERIES).to_numpy()[0].astype("float32")


def test_the_model_is_the_mean_of_nets_the_first_of_which_is_that_of_one_member():
    train = WINDOWS.build(SERIES)
    one, several = fitted(1), fitted(3)
    assert train.epoch == 0
    members = members_of(several)
    assert members_of(one) == []
    assert len(members) == 3
    for alone, first in zip(weights(one), weights(members[0]), strict=True):
        np.testing.assert_array_equal(alone, first)
    outputs = [called(member, windows()) for member in members]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3
    assert np.abs(outputs[1] - outputs[2]).max() > 1e-3
    mean = np.maximum(np.mean(outputs, axis=0), 0)
    np.testing.assert_allclose(called(several, windows()), mean, rtol=1e-5, atol=1e-6)
    assert several.evaluate(train, verbose=0, return_dict=True)["mae"] > 0


def test_each_member_reads_the_windows_in_an_order_of_its_own(monkeypatch):
    firsts, fit = [], keras.Model.fit

    def noted(model, read, **arguments):
        firsts.append(read[0][1].ravel().tolist())
        return fit(model, read, **arguments)

    monkeypatch.setattr(keras.Model, "fit", noted)
    fitted(3, epochs=1)
    assert firsts[0] == WINDOWS.build(SERIES)[0][1].ravel().tolist()
    assert len({tuple(first) for first in firsts}) == 3


def test_a_calibrated_mean_of_quantiles_reloads_and_keeps_its_bounds(forked_reload, tmp_path):
    model = fitted(settings={"quantiles": (0.1, 0.5, 0.9)})
    assert check_reload(model, windows()[:3]).ok
    assert (np.diff(called(model, windows()), axis=-1) >= 0).all()
    band = calibrate(model, WINDOWS.build(SERIES), 0.8)
    save_model(band, tmp_path / "mean.keras")
    loaded = load_model(tmp_path / "mean.keras")
    ahead = forecast(loaded, SERIES)
    np.testing.assert_allclose(ahead, forecast(band, SERIES), rtol=1e-5)
    assert ahead.min() >= 0
    again = fine_tune(
        loaded, WINDOWS.build(SERIES[:50]), epochs=1, calibration=WINDOWS.build(SERIES[45:])
    )
    assert len(members_of(again)) == 2


def test_each_member_is_trained_further_as_it_would_be_alone():
    model, latest = fitted(), WINDOWS.build(SERIES[30:])
    tuned = fine_tune(model, latest, epochs=1, learning_rate=1e-2)
    settings = settings_of(model)
    for before, after in zip(members_of(model), members_of(tuned), strict=True):
        alone = trained_further(
            before, latest, settings, name="train", epochs=1, learning_rate=1e-2
        )
        for expected, given in zip(weights(alone), weights(after), strict=True):
            np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-7)
    assert called(tuned, windows()).min() >= 0
    assert tuned.compiled


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: fitted(0), ValueError, "members must be >= 1"),
        (lambda: fitted(core=keras.layers.GRU(2)), ValueError, "core, which is one layer"),
        (
            lambda: from_preset("linear").fit(WINDOWS.build(SERIES), members=2),
            ValueError,
            "has no seed",
        ),
        (
            lambda: fitted(callbacks=[keras.callbacks.BackupAndRestore("nowhere")]),
            ValueError,
            "would load one into the next",
        ),
    ],
)
def test_misuse(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_a_function_makes_a_core_for_each_member():
    assert len(members_of(fitted(core=lambda: keras.layers.GRU(2)))) == 2
