"""A fingerprint holds every setting, variable and result, and taking it changes nothing."""

import keras
import numpy as np
from keras import layers, ops

from keras_ts.checks.reload import compare, take

X = np.linspace(-1.0, 1.0, 12, dtype="float32").reshape(2, 6, 1)


def model():
    inner = keras.Sequential([keras.Input((6, 1)), layers.Dense(2, name="deep")], name="inner")
    model = keras.Sequential([keras.Input((6, 1)), inner, layers.Dropout(0.5), layers.GRU(2)])
    model.compile(keras.optimizers.SGD(0.1), keras.losses.Huber(delta=2.0), metrics=["mae"])
    return model


def test_every_part_has_a_place_of_its_own():
    fingerprint = take(model(), X)
    parts = ["Model", "Layer 'inner/deep'", "Optimizer", "Loss", "Compiling", "Results"]
    assert [part for part in fingerprint if part in parts] == parts
    assert fingerprint["Layer 'inner/deep'"]["units"] == "2"
    assert fingerprint["Layer 'inner/deep'"]["_kernel"].shape == (1, 2)
    assert fingerprint["Optimizer"]["iterations"] == "0"
    assert "2.0" in fingerprint["Loss"].values()
    assert fingerprint["Results"]["output"].shape == (2, 2)
    assert "metric 'mae'" in fingerprint["Results"]


def test_two_of_one_model_are_equal_and_the_model_is_left_as_it_was():
    whole = model()
    variables = [ops.convert_to_numpy(variable) for variable in whole.variables]
    assert compare(take(whole, X), take(whole, X)) == []
    for variable, before in zip(whole.variables, variables, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), before)


def test_a_model_that_is_not_compiled_has_no_optimizer_and_no_loss():
    plain = keras.Sequential([keras.Input((6, 1)), layers.Dense(1)])
    fingerprint = take(plain, X)
    assert not {"Optimizer", "Loss", "Compiling"} & set(fingerprint)
    assert list(fingerprint["Results"]) == ["output"]
