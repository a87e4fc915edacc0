"""Files of tf.keras 2 open with the predictions, the loss and the optimizer that they had."""

import json
import warnings

import h5py
import keras
import numpy as np
import pytest

from helpers import unpacked_lambdas, untraced
from keras_ts import ExpandSeries, load_model, migrate_lambdas


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", ["course", "convolution", "shared", "sequential_inside"])
def test_files_of_keras_2(name, suffix, tmp_path):
    path, truth = unpacked_lambdas(name, suffix, tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = migrate_lambdas(path)
    x = list(truth["x"]) if name == "shared" else truth["x"]
    y = untraced(model).predict(x, verbose=0)
    np.testing.assert_allclose(y, truth["y"], rtol=1e-4, atol=1e-5)
    y = np.ones((8, *model.output_shape[1:]), "float32")
    loss = model.evaluate(x, y, verbose=0)[0]
    np.testing.assert_allclose(loss, truth["loss"], rtol=1e-4)
    assert any(type(layer) is ExpandSeries for layer in model._flatten_layers())
    if name == "shared":
        # tf.keras up to 2.10 kept Adam's variables in another order, or not at all.
        assert suffix == "keras" or "could not be restored" in str(caught[-1].message)
        return
    # A rate is no variable in Keras 2.
    slots = [v.numpy() for v in model.optimizer.variables if v.name != "learning_rate"]
    for number, slot in enumerate(slots):
        np.testing.assert_array_equal(slot, truth[f"slot{number}"])


def test_a_file_of_keras_2_without_lambdas(tmp_path):
    path = tmp_path / "old.h5"
    saved = keras.Sequential([keras.Input((5, 1)), keras.layers.LSTM(2)])
    saved.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["config"]["time_major"] = False
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
    words = "Unrecognized keyword arguments passed to LSTM: {'time_major': False}"
    with pytest.raises(ValueError, match=words):
        keras.saving.load_model(path)
    with pytest.raises(ValueError, match=r"saved by Keras 2: open it with keras_ts.migrate_lamb"):
        load_model(path)
    x = np.ones((2, 5, 1), "float32")
    again, before = (keras.ops.convert_to_numpy(m(x)) for m in (migrate_lambdas(path), saved))
    np.testing.assert_array_equal(again, before)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_hard_sigmoid_has_the_slope_of_keras_2(tmp_path):
    """Keras 3 has another function of this name."""

    def build(activation):
        lstm = keras.layers.LSTM(3, recurrent_activation=activation)
        return keras.Sequential([keras.Input((5, 1)), lstm, keras.layers.Dense(2, activation)])

    saved = build("hard_sigmoid")
    saved.save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        file.attrs["keras_version"] = "2.15.0"
    migrate_lambdas(tmp_path / "old.h5").save(tmp_path / "new.keras")
    old = build(lambda x: keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0))
    old.set_weights(saved.get_weights())
    x = np.linspace(-9.0, 9.0, 20, dtype="float32").reshape(4, 5, 1)
    again, before = (
        keras.ops.convert_to_numpy(m(x))
        for m in (keras.saving.load_model(tmp_path / "new.keras"), old)
    )
    np.testing.assert_allclose(again, before, rtol=1e-5)
