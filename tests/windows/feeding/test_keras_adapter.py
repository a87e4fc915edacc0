"""Keras reads a dataset in its own order, and ignores nothing that stands beside it."""

import keras
import numpy as np
import pytest

from helpers import compiled, distinct
from keras_ts import WindowedSeries


def test_fit_follows_the_datasets_own_order():
    """Whatever ``fit(shuffle=...)`` and Python's random say, and however the model is built."""
    weights = []
    for layers in ([keras.Input((5,))], []):
        for shuffle in (True, False):
            keras.utils.set_random_seed(1)
            dataset = WindowedSeries(5, batch_size=8, shuffle=True, seed=9).build(
                np.sin(distinct(100))
            )
            model = keras.Sequential([*layers, keras.layers.Dense(1, kernel_initializer="ones")])
            model.compile("sgd", "mse")
            np.random.seed(len(weights))
            model.fit(dataset, epochs=2, verbose=0, shuffle=shuffle)
            assert dataset.epoch == 2
            model.fit(dataset, epochs=1, verbose=0, shuffle=shuffle)
            assert dataset.epoch == 3
            weights.append(model.get_weights()[0])

    by_hand = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(1, kernel_initializer="ones")]
    )
    by_hand.compile("sgd", "mse")
    dataset = WindowedSeries(5, batch_size=8, shuffle=True, seed=9).build(np.sin(distinct(100)))
    for _ in range(3):
        for x, y in dataset:
            by_hand.train_on_batch(x, y)
        dataset.on_epoch_end()
    for got in weights:
        np.testing.assert_allclose(got, by_hand.get_weights()[0], rtol=1e-6)


def test_evaluate_and_predict():
    _, validation = WindowedSeries(5, batch_size=8).split(np.sin(distinct(100)), at=0.7)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = validation.to_numpy()
    assert model.predict(validation, verbose=0).shape == (30, 1)
    np.testing.assert_allclose(
        model.evaluate(validation, verbose=0),
        np.mean((model.predict(np.array(x), verbose=0)[:, 0] - y) ** 2),
        rtol=1e-5,
    )


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("y", np.zeros(16)),
        ("sample_weight", np.ones(16)),
        ("class_weight", {0: 1.0}),
        ("batch_size", 4),
    ],
)
def test_arguments_that_keras_would_ignore_are_refused(method, argument, value):
    if (method, argument) == ("evaluate", "class_weight"):
        pytest.skip("evaluate has no class_weight")
    dataset = WindowedSeries(4).build(np.sin(distinct(20)))
    with pytest.raises(ValueError, match=f"{argument} cannot be passed with a WindowDataset"):
        getattr(compiled(), method)(dataset, verbose=0, **{argument: value})


def test_predict_refuses_another_batch_size():
    dataset = WindowedSeries(4, batch_size=8).build(distinct(20))
    assert compiled().predict(dataset, batch_size=8, verbose=0).shape == (16, 1)
    with pytest.raises(ValueError, match="its batches hold 8 windows"):
        compiled().predict(dataset, batch_size=4, verbose=0)


def test_a_validation_set_is_not_what_batch_size_and_weights_of_fit_are_about():
    dataset = WindowedSeries(4, batch_size=8).build(np.sin(distinct(20)))
    x, y = (np.array(part) for part in dataset.to_numpy())
    arguments = {"validation_data": dataset, "batch_size": 4, "sample_weight": np.ones(16)}
    history = compiled().fit(x, y, verbose=0, **arguments)
    assert len(history.history["val_loss"]) == 1
    with pytest.raises(ValueError, match="y cannot be passed"):
        compiled().fit(x, y, validation_data=(dataset, y), verbose=0)
