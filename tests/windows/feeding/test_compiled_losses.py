"""A loss that missing targets would make NaN is refused before it trains on them."""

import keras
import numpy as np
import pytest

from keras_ts import WindowedSeries
from keras_ts.losses import MaskedLoss, QuantileLoss, StandardizedMSE
from keras_ts.windows.feeding.compiled_losses import refuse_nan_losses

DATASET = WindowedSeries(5, 2, missing="mask_targets").build(
    np.sin(np.arange(40.0, dtype="float32"))
)


def model(loss):
    network = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
    network.compile("sgd", loss)
    return network


def own_loss(y, outputs):
    known = keras.ops.logical_not(keras.ops.isnan(y))
    return keras.ops.mean(keras.ops.where(known, keras.ops.abs(y - outputs), 0.0), axis=-1)


@pytest.mark.parametrize(
    ("loss", "name"),
    [("mse", "'mse'"), (keras.losses.Huber(), "Huber"), (keras.losses.log_cosh, "log_cosh")],
)
def test_losses_that_would_be_nan_are_refused(loss, name):
    network = model(loss)
    for call in (network.fit, network.evaluate):
        with pytest.raises(ValueError, match=rf"compiled with, .*{name}.*MaskedLoss\(loss\)"):
            call(DATASET, verbose=0)
    network.predict(DATASET, verbose=0)
    x, y = DATASET.to_numpy()
    with pytest.raises(ValueError, match=r"recipe\.compile"):
        network.fit(x, y, validation_data=DATASET, verbose=0)
    network.fit(WindowedSeries(5, 2, missing="mask").build(np.arange(20.0)), verbose=0)


@pytest.mark.parametrize("loss", [MaskedLoss("mse"), StandardizedMSE(1.0), own_loss, None])
def test_losses_that_leave_missing_targets_out_are_taken(loss):
    network = model(loss)
    refuse_nan_losses(network)
    if loss is not None:
        network.fit(DATASET, validation_data=DATASET, verbose=0)


def test_every_output_has_its_own_loss():
    inputs = keras.Input((5,))
    outputs = {name: keras.layers.Dense(2, name=name)(inputs) for name in ("a", "b")}
    network = keras.Model(inputs, outputs)
    network.compile("sgd", {"a": MaskedLoss("mse"), "b": QuantileLoss([0.1, 0.5])})
    refuse_nan_losses(network)
    network.compile("sgd", {"a": MaskedLoss("mse"), "b": "mae"})
    with pytest.raises(ValueError, match="compiled with, 'mae'"):
        refuse_nan_losses(network)


def test_a_model_that_computes_its_loss_itself_may_do_so():
    class Own(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return keras.ops.mean(own_loss(y, y_pred))

    network = Own([keras.Input((5,)), keras.layers.Dense(2)])
    network.compile("sgd", "mse")
    network.fit(DATASET, verbose=0)
